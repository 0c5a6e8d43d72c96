/* cert_driver DIR: writes root.der, issuing.der, device.der, server.der and crl.der, for other programs to judge. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "identity/cert.h"
#include "identity/crl.h"

#define HOUR UINT64_C(3600)

struct made {
	struct ms_softkey *root_key, *issuing_key, *device_key;
	struct ms_buf root_der, issuing_der, device_der, server_der, crl_der;
	struct ms_cert root, issuing;
	uint64_t now_s;
};

static const uint8_t *
point_of(const struct ms_softkey *k)
{
	return ms_pubkey_point(ms_softkey_public(k)).p;
}

static enum ms_rc
make_cas(struct made *m, struct ms_err *err)
{
	static const uint8_t serial[16] = {0x80, 1}, serial2[20] = {0x7f, 2};
	struct ms_signer s = ms_softkey_signer(m->root_key);
	struct ms_cert_params p = {.profile = MS_CERT_ROOT,
	    .serial = ms_span(serial, sizeof serial),
	    .point = point_of(m->root_key),
	    .not_before_s = m->now_s - HOUR,
	    .not_after_s = m->now_s - HOUR + MS_CERT_ROOT_LIFE_S,
	    .deployment = ms_span_str("integration")};
	enum ms_rc rc = ms_cert_issue(&s, &p, &m->root_der, err);
	if (rc == MS_OK)
		rc = ms_cert_parse_min(ms_buf_span(&m->root_der), &m->root, err);
	if (rc != MS_OK)
		return rc;
	p.profile = MS_CERT_ISSUING, p.issuer = &m->root, p.point = point_of(m->issuing_key);
	p.serial = ms_span(serial2, sizeof serial2), p.not_after_s = m->now_s + 1000 * 24 * HOUR;
	rc = ms_cert_issue(&s, &p, &m->issuing_der, err);
	return rc == MS_OK ? ms_cert_parse_min(ms_buf_span(&m->issuing_der), &m->issuing, err) : rc;
}

static enum ms_rc
make_leaves(struct made *m, struct ms_err *err)
{
	static const uint8_t serial[16] = {0, 0, 3}, serial2[16] = {4}, ip4[] = {127, 0, 0, 1}, ip6[16] = {[15] = 1};
	struct ms_cert_name names[] = {{false, ms_span_str("muster.example")}, {true, ms_span(ip4, 4)}, {true, ms_span(ip6, 16)}};
	struct ms_signer s = ms_softkey_signer(m->issuing_key);
	struct ms_cert_params p = {.profile = MS_CERT_DEVICE,
	    .serial = ms_span(serial, sizeof serial),
	    .point = point_of(m->device_key),
	    .issuer = &m->issuing,
	    .not_before_s = m->now_s - 300,
	    .not_after_s = m->now_s + 24 * HOUR,
	    .crl_uri = ms_span_str("http://ca.example/v1/crl"),
	    .trust_domain = ms_span_str("example.org"),
	    .tenant = ms_span_str("default"),
	    .device = ms_span_str("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff-1"),
	    .hw_serial = ms_span_str("SN-0001")};
	enum ms_rc rc = ms_cert_issue(&s, &p, &m->device_der, err);
	if (rc != MS_OK)
		return rc;
	p = (struct ms_cert_params){.profile = MS_CERT_TLS_SERVER,
	    .serial = ms_span(serial2, sizeof serial2),
	    .point = point_of(m->device_key),
	    .issuer = &m->issuing,
	    .not_before_s = m->now_s - 300,
	    .not_after_s = m->now_s + 24 * HOUR,
	    .names = names,
	    .n_names = 3};
	return ms_cert_issue(&s, &p, &m->server_der, err);
}

static enum ms_rc
make_crl(struct made *m, struct ms_err *err)
{
	struct ms_cert device;
	MS_OWN(ms_buf_fini) struct ms_buf tbs;
	uint8_t sig[MS_SIG_LEN];
	static const uint8_t other[16] = {0xfe, 9};
	ms_buf_init(&tbs, MS_CRL_MAX);
	enum ms_rc rc = ms_cert_parse_min(ms_buf_span(&m->device_der), &device, err);
	if (rc != MS_OK)
		return rc;
	struct ms_signer s = ms_softkey_signer(m->issuing_key);
	struct ms_crl_entry e[] = {{ms_span(other, 16), m->now_s - HOUR, MS_CRL_CESSATION}, {device.serial, m->now_s - HOUR, MS_CRL_HOLD}};
	struct ms_crl_params p = {
	    .issuer = &m->issuing, .number = 4660, .this_s = m->now_s - 300, .next_s = m->now_s + HOUR, .entries = e, .n_entries = 2};
	rc = ms_crl_tbs(&p, &tbs, err);
	if (rc == MS_OK)
		rc = ms_signer_sign(&s, ms_buf_span(&tbs), sig, err);
	return rc == MS_OK ? ms_cert_assemble(ms_buf_span(&tbs), sig, &m->crl_der, err) : rc;
}

static enum ms_rc
save(const char *dir, const char *name, const struct ms_buf *b, struct ms_err *err)
{
	char path[4096];
	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	return ms_io_write_file(path, 0600, ms_buf_span(b), err);
}

static enum ms_rc
make_all(struct made *m, const char *dir, struct ms_err *err)
{
	struct ms_buf *bufs[] = {&m->root_der, &m->issuing_der, &m->device_der, &m->server_der, &m->crl_der};
	static const char *const names[] = {"root.der", "issuing.der", "device.der", "server.der", "crl.der"};
	struct ms_softkey **keys[] = {&m->root_key, &m->issuing_key, &m->device_key};
	enum ms_rc rc = MS_OK;
	m->now_s = ms_clock_wall_s();
	for (size_t i = 0; i < 5; i++)
		ms_buf_init(bufs[i], MS_CERT_MAX);
	for (size_t i = 0; rc == MS_OK && i < 3; i++)
		rc = ms_softkey_generate(MS_KEY_P256, keys[i], err);
	if (rc == MS_OK)
		rc = make_cas(m, err);
	if (rc == MS_OK)
		rc = make_leaves(m, err);
	if (rc == MS_OK)
		rc = make_crl(m, err);
	for (size_t i = 0; rc == MS_OK && i < 5; i++)
		rc = save(dir, names[i], bufs[i], err);
	for (size_t i = 0; i < 5; i++)
		ms_buf_fini(bufs[i]);
	for (size_t i = 0; i < 3; i++)
		ms_softkey_free(*keys[i]);
	return rc;
}

int
main(int argc, char **argv)
{
	struct ms_err err = {.text = ""};
	struct made m = {0};
	if (argc != 2) {
		(void)fprintf(stderr, "usage: cert_driver DIR\n");
		return 2;
	}
	enum ms_rc rc = make_all(&m, argv[1], &err);
	if (rc != MS_OK)
		(void)fprintf(stderr, "%s: %s\n", ms_rc_name(rc), err.text);
	return ms_rc_exit(rc);
}
