#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "codec/der.h"
#include "identity/cert.h"
#include "identity/crl.h"

#define T0 UINT64_C(1800000000)
#define DAY UINT64_C(86400)
#define EK64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* A CA made once: root and issuing. */
struct ca {
	struct ms_softkey *root_key, *key, *leaf_key;
	struct ms_buf root_der, der;
	struct ms_cert root, cert;
	uint8_t serial[16];
};

static const uint8_t *
point_of(const struct ms_softkey *k)
{
	return ms_pubkey_point(ms_softkey_public(k)).p;
}

static void
ca_init(struct ca *c)
{
	struct ms_err err;
	memset(c, 0, sizeof *c);
	memset(c->serial, 0x5c, sizeof c->serial);
	ms_buf_init(&c->root_der, MS_CERT_MAX);
	ms_buf_init(&c->der, MS_CERT_MAX);
	CHECK_OK(ms_softkey_generate(MS_KEY_P256, &c->root_key, NULL), NULL);
	CHECK_OK(ms_softkey_generate(MS_KEY_P256, &c->key, NULL), NULL);
	CHECK_OK(ms_softkey_generate(MS_KEY_P256, &c->leaf_key, NULL), NULL);
	struct ms_signer s = ms_softkey_signer(c->root_key);
	struct ms_cert_params p = {.profile = MS_CERT_ROOT,
	    .serial = ms_span(c->serial, 16),
	    .point = point_of(c->root_key),
	    .not_before_s = T0,
	    .not_after_s = T0 + 3650 * DAY,
	    .deployment = ms_span_str("unit")};
	CHECK_OK(ms_cert_issue(&s, &p, &c->root_der, &err), &err);
	CHECK_OK(ms_cert_parse_min(ms_buf_span(&c->root_der), &c->root, &err), &err);
	p.profile = MS_CERT_ISSUING, p.issuer = &c->root, p.point = point_of(c->key), p.not_after_s = T0 + 30 * DAY;
	CHECK_OK(ms_cert_issue(&s, &p, &c->der, &err), &err);
	CHECK_OK(ms_cert_parse_min(ms_buf_span(&c->der), &c->cert, &err), &err);
}

static void
ca_fini(struct ca *c)
{
	ms_softkey_free(c->root_key);
	ms_softkey_free(c->key);
	ms_softkey_free(c->leaf_key);
	ms_buf_fini(&c->root_der);
	ms_buf_fini(&c->der);
}

static struct ms_cert_params
device_params(const struct ca *c)
{
	return (struct ms_cert_params){.profile = MS_CERT_DEVICE,
	    .serial = ms_span(c->serial, 16),
	    .point = point_of(c->leaf_key),
	    .issuer = &c->cert,
	    .not_before_s = T0,
	    .not_after_s = T0 + DAY,
	    .crl_uri = ms_span_str("http://ca.example/crl"),
	    .trust_domain = ms_span_str("example.org"),
	    .tenant = ms_span_str("default"),
	    .device = ms_span_str(EK64 "-1"),
	    .hw_serial = ms_span_str("SN-0001")};
}

static struct ms_cert_params
server_params(const struct ca *c)
{
	static const uint8_t ip[] = {127, 0, 0, 1};
	static const struct ms_cert_name names[] = {{false, {(const uint8_t *)"muster.example", 14}}, {true, {ip, 4}}};
	return (struct ms_cert_params){.profile = MS_CERT_TLS_SERVER,
	    .serial = ms_span(c->serial, 16),
	    .point = point_of(c->leaf_key),
	    .issuer = &c->cert,
	    .not_before_s = T0,
	    .not_after_s = T0 + DAY,
	    .names = names,
	    .n_names = 2};
}

static void
issue(struct ca *c, const struct ms_cert_params *p, struct ms_buf *out)
{
	struct ms_signer s = ms_softkey_signer(c->key);
	struct ms_err err;
	ms_buf_init(out, MS_CERT_MAX);
	CHECK_OK(ms_cert_issue(&s, p, out, &err), &err);
}

static enum ms_rc
try(const struct ms_cert_params *p)
{
	struct ms_buf b;
	ms_buf_init(&b, MS_CERT_MAX);
	enum ms_rc rc = ms_cert_tbs(p, &b, NULL);
	CHECK(rc == MS_OK || b.len == 0);
	ms_buf_fini(&b);
	return rc;
}

MS_TEST(cert_chain_of_root_issuing_device_and_server_verifies)
{
	struct ca c;
	struct ms_buf der;
	struct ms_cert cert;
	struct ms_err err;
	ca_init(&c);
	CHECK_OK(ms_cert_verify(&c.root, &c.root, T0, &err), &err);
	CHECK_OK(ms_cert_verify(&c.cert, &c.root, T0, &err), &err);
	struct ms_cert_params p = device_params(&c);
	issue(&c, &p, &der);
	CHECK_OK(ms_cert_parse_min(ms_buf_span(&der), &cert, &err), &err);
	CHECK_OK(ms_cert_verify(&cert, &c.cert, T0 + DAY, &err), &err);
	CHECK_INT(cert.profile, MS_CERT_DEVICE);
	CHECK(ms_span_eq(cert.uri, ms_span_str("spiffe://example.org/device/" EK64 "-1")));
	CHECK(ms_span_eq(cert.hw_serial, ms_span_str("SN-0001")));
	CHECK(ms_span_eq(cert.crl_uri, p.crl_uri));
	CHECK(ms_span_eq(cert.serial, p.serial));
	CHECK(ms_span_eq(cert.point, ms_pubkey_point(ms_softkey_public(c.leaf_key))));
	CHECK(cert.not_before_s == T0 && cert.not_after_s == T0 + DAY);
	ms_buf_fini(&der);
	p = server_params(&c);
	issue(&c, &p, &der);
	CHECK_OK(ms_cert_parse_min(ms_buf_span(&der), &cert, &err), &err);
	CHECK_OK(ms_cert_verify(&cert, &c.cert, T0, &err), &err);
	CHECK_INT(cert.profile, MS_CERT_TLS_SERVER);
	ms_buf_fini(&der);
	ca_fini(&c);
}

MS_TEST(cert_tbs_is_the_same_for_the_same_params)
{
	struct ca c;
	struct ms_buf a, b;
	ca_init(&c);
	struct ms_cert_params p = device_params(&c);
	ms_buf_init(&a, MS_CERT_MAX);
	ms_buf_init(&b, MS_CERT_MAX);
	CHECK_OK(ms_cert_tbs(&p, &a, NULL), NULL);
	CHECK_OK(ms_cert_tbs(&p, &b, NULL), NULL);
	CHECK(ms_span_eq(ms_buf_span(&a), ms_buf_span(&b)));
	ms_buf_fini(&a);
	ms_buf_fini(&b);
	ca_fini(&c);
}

MS_TEST(I8_spiffe_id_of_another_tenant_names_it)
{
	struct ca c;
	struct ms_buf der;
	struct ms_cert cert;
	ca_init(&c);
	struct ms_cert_params p = device_params(&c);
	p.tenant = ms_span_str("acme");
	issue(&c, &p, &der);
	CHECK_OK(ms_cert_parse_min(ms_buf_span(&der), &cert, NULL), NULL);
	CHECK(ms_span_eq(cert.uri, ms_span_str("spiffe://example.org/t/acme/device/" EK64 "-1")));
	ms_buf_fini(&der);
	ca_fini(&c);
}

MS_TEST(cert_refuses_lives_longer_than_profile_and_issuer)
{
	struct ca c;
	ca_init(&c);
	struct ms_cert_params p = device_params(&c);
	p.not_after_s = T0 + MS_CERT_DEVICE_LIFE_S;
	CHECK_INT(try(&p), MS_OK);
	p.not_after_s++;
	CHECK_INT(try(&p), MS_ERR_USAGE);
	p.not_after_s = T0;
	CHECK_INT(try(&p), MS_ERR_USAGE);
	p.not_after_s = T0 - 1;
	CHECK_INT(try(&p), MS_ERR_USAGE);
	p.not_before_s = c.cert.not_after_s - DAY, p.not_after_s = c.cert.not_after_s;
	CHECK_INT(try(&p), MS_OK);
	p.not_after_s++;
	CHECK_INT(try(&p), MS_ERR_USAGE);
	p.not_after_s = UINT64_MAX, p.not_before_s = UINT64_MAX - 1;
	CHECK_INT(try(&p), MS_ERR_USAGE);
	ca_fini(&c);
}

MS_TEST(cert_refuses_a_device_with_anything_of_a_ca_or_a_server)
{
	struct ca c;
	ca_init(&c);
	struct ms_cert_params p = device_params(&c), server = server_params(&c);
	p.deployment = ms_span_str("unit");
	CHECK_INT(try(&p), MS_ERR_USAGE);
	p = device_params(&c), p.names = server.names, p.n_names = 1;
	CHECK_INT(try(&p), MS_ERR_USAGE);
	p = device_params(&c), p.issuer = &c.root;
	CHECK_INT(try(&p), MS_ERR_USAGE);
	p = device_params(&c), p.issuer = NULL;
	CHECK_INT(try(&p), MS_ERR_USAGE);
	p = device_params(&c), p.profile = MS_CERT_ISSUING;
	CHECK_INT(try(&p), MS_ERR_USAGE);
	p = device_params(&c), p.profile = MS_CERT_PROFILE_COUNT;
	CHECK_INT(try(&p), MS_ERR_USAGE);
	server.device = ms_span_str("x");
	CHECK_INT(try(&server), MS_ERR_USAGE);
	ca_fini(&c);
}

MS_TEST(cert_refuses_names_out_of_form)
{
	static const char *const bad[] = {"", ".x", "-x", "A", "a b", "a/b", "a\n", "\xc3\xa4", "a%2f"};
	struct ca c;
	ca_init(&c);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct ms_cert_params p = device_params(&c);
		p.trust_domain = ms_span_str(bad[i]);
		CHECK_INT(try(&p), MS_ERR_USAGE);
		p = device_params(&c), p.tenant = ms_span_str(bad[i]);
		CHECK_INT(try(&p), MS_ERR_USAGE);
		p = device_params(&c), p.device = ms_span_str(bad[i]);
		CHECK_INT(try(&p), MS_ERR_USAGE);
	}
	struct ms_cert_params p = device_params(&c);
	p.device = ms_span_str(EK64 EK64);
	CHECK_INT(try(&p), MS_ERR_USAGE);
	p = device_params(&c), p.hw_serial = MS_SPAN_NONE;
	CHECK_INT(try(&p), MS_ERR_USAGE);
	p = device_params(&c), p.hw_serial = ms_span_str(EK64 "x");
	CHECK_INT(try(&p), MS_ERR_USAGE);
	p = device_params(&c), p.crl_uri = ms_span_str("file:///etc/passwd");
	CHECK_INT(try(&p), MS_ERR_USAGE);
	p.crl_uri = ms_span_str("http://a b");
	CHECK_INT(try(&p), MS_ERR_USAGE);
	ca_fini(&c);
}

MS_TEST(cert_refuses_server_names_out_of_form)
{
	static const char *const bad[] = {"", ".", "a..b", "a.", ".a", "*.a", "-a", "a-", "a.-b", "A", "a_b", "a b"};
	struct ca c;
	ca_init(&c);
	struct ms_cert_params p = server_params(&c);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct ms_cert_name n = {false, ms_span_str(bad[i])};
		p.names = &n, p.n_names = 1;
		CHECK_INT(try(&p), MS_ERR_USAGE);
	}
	struct ms_cert_name ip = {true, ms_span("\1\2\3\4\5", 5)}, good = {false, ms_span_str("a-b.c1.example")};
	p.names = &ip;
	CHECK_INT(try(&p), MS_ERR_USAGE);
	p.names = &good;
	CHECK_INT(try(&p), MS_OK);
	p.n_names = 0;
	CHECK_INT(try(&p), MS_ERR_USAGE);
	p.n_names = MS_CERT_NAMES_MAX + 1;
	CHECK_INT(try(&p), MS_ERR_USAGE);
	ca_fini(&c);
}

MS_TEST(cert_refuses_bad_serials_and_points)
{
	uint8_t serial[24] = {0}, point[MS_POINT_LEN] = {4};
	struct ca c;
	ca_init(&c);
	struct ms_cert_params p = device_params(&c);
	p.serial = ms_span(serial, 16);
	CHECK_INT(try(&p), MS_ERR_USAGE);
	memset(serial, 0xff, sizeof serial);
	CHECK_INT(try(&p), MS_OK);
	p.serial.len = 15;
	CHECK_INT(try(&p), MS_ERR_USAGE);
	p.serial.len = 19;
	CHECK_INT(try(&p), MS_OK);
	p.serial.len = 20; /* would take 21 octets */
	CHECK_INT(try(&p), MS_ERR_USAGE);
	serial[0] = 0x7f;
	CHECK_INT(try(&p), MS_OK);
	p.serial.len = 21;
	CHECK_INT(try(&p), MS_ERR_USAGE);
	p = device_params(&c), p.point = point;
	CHECK_INT(try(&p), MS_ERR_MALFORMED);
	ca_fini(&c);
}

MS_TEST(cert_issue_refuses_a_key_that_is_not_the_issuers)
{
	struct ca c;
	struct ms_buf b;
	ca_init(&c);
	struct ms_signer s = ms_softkey_signer(c.root_key);
	struct ms_cert_params p = device_params(&c);
	ms_buf_init(&b, MS_CERT_MAX);
	CHECK_INT(ms_cert_issue(&s, &p, &b, NULL), MS_ERR_USAGE);
	CHECK_INT(b.len, 0);
	ms_buf_fini(&b);
	ca_fini(&c);
}

MS_TEST(cert_parse_and_verify_refuse_every_flipped_bit_and_cut)
{
	struct ca c;
	struct ms_buf der;
	struct ms_cert cert;
	ca_init(&c);
	struct ms_cert_params p = device_params(&c);
	issue(&c, &p, &der);
	for (size_t bit = 0; bit < der.len * 8; bit++) {
		der.p[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		CHECK(ms_cert_parse_min(ms_buf_span(&der), &cert, NULL) != MS_OK || ms_cert_verify(&cert, &c.cert, T0, NULL) != MS_OK);
		der.p[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
	for (size_t n = 0; n < der.len; n++) {
		uint8_t *w = test_dup(der.p, n);
		CHECK(ms_cert_parse_min(ms_span(w, n), &cert, NULL) != MS_OK);
		free(w);
	}
	ms_buf_u8(&der, 0);
	CHECK_INT(ms_cert_parse_min(ms_buf_span(&der), &cert, NULL), MS_ERR_MALFORMED);
	ms_buf_fini(&der);
	ca_fini(&c);
}

MS_TEST(cert_verify_refuses_other_issuers_and_times)
{
	struct ca c, other;
	struct ms_buf der;
	struct ms_cert cert;
	ca_init(&c);
	ca_init(&other);
	struct ms_cert_params p = device_params(&c);
	issue(&c, &p, &der);
	CHECK_OK(ms_cert_parse_min(ms_buf_span(&der), &cert, NULL), NULL);
	CHECK_INT(ms_cert_verify(&cert, &c.cert, 0, NULL), MS_OK);
	CHECK_INT(ms_cert_verify(&cert, &c.cert, T0 - 1, NULL), MS_ERR_EXPIRED);
	CHECK_INT(ms_cert_verify(&cert, &c.cert, T0 + DAY + 1, NULL), MS_ERR_EXPIRED);
	CHECK_INT(ms_cert_verify(&cert, &other.cert, T0, NULL), MS_ERR_AUTH);
	CHECK_INT(ms_cert_verify(&cert, &c.root, T0, NULL), MS_ERR_AUTH);
	CHECK_INT(ms_cert_verify(&cert, &cert, T0, NULL), MS_ERR_AUTH);
	CHECK_INT(ms_cert_verify(&c.cert, &other.root, T0, NULL), MS_ERR_AUTH);
	CHECK_INT(ms_cert_verify(&c.root, &other.root, T0, NULL), MS_ERR_AUTH);
	/* the same names and key ids, another key's signature */
	other.cert.ski = c.cert.ski;
	CHECK_INT(ms_cert_verify(&cert, &other.cert, T0, NULL), MS_ERR_AUTH);
	ms_buf_fini(&der);
	ca_fini(&c);
	ca_fini(&other);
}

/* ---- CRLs ---- */

static const uint8_t serial_a[] = {0, 0, 0x11, 0x22}, serial_b[] = {0x90, 0x01}, serial_c[] = {0x7f};

static struct ms_crl_params
crl_params(const struct ca *c)
{
	static const struct ms_crl_entry entries[] = {{{serial_a, 4}, T0 - 10, MS_CRL_HOLD},
	    {{serial_b, 2}, T0 - 20, MS_CRL_KEY_COMPROMISE}, {{serial_c, 1}, T0 - 30, MS_CRL_UNSPECIFIED}};
	return (struct ms_crl_params){
	    .issuer = &c->cert, .number = 300, .this_s = T0, .next_s = T0 + DAY, .entries = entries, .n_entries = 3};
}

static void
make_crl(struct ca *c, const struct ms_crl_params *p, struct ms_buf *out)
{
	struct ms_signer s = ms_softkey_signer(c->key);
	struct ms_buf tbs;
	struct ms_err err;
	uint8_t sig[MS_SIG_LEN];
	ms_buf_init(&tbs, MS_CRL_MAX);
	ms_buf_init(out, MS_CRL_MAX);
	CHECK_OK(ms_crl_tbs(p, &tbs, &err), &err);
	CHECK_OK(ms_signer_sign(&s, ms_buf_span(&tbs), sig, &err), &err);
	CHECK_OK(ms_cert_assemble(ms_buf_span(&tbs), sig, out, &err), &err);
	ms_buf_fini(&tbs);
}

MS_TEST(crl_lists_what_was_put_in_and_nothing_else)
{
	struct ca c;
	struct ms_buf der;
	struct ms_crl crl;
	struct ms_crl_entry e;
	struct ms_err err;
	ca_init(&c);
	struct ms_crl_params p = crl_params(&c);
	make_crl(&c, &p, &der);
	CHECK_OK(ms_crl_parse_min(ms_buf_span(&der), &crl, &err), &err);
	CHECK_OK(ms_crl_verify(&crl, &c.cert, T0, &err), &err);
	CHECK(crl.number == 300 && crl.this_s == T0 && crl.next_s == T0 + DAY && crl.n_revoked == 3);
	CHECK(ms_crl_find(&crl, ms_span(serial_a, 4), &e) && e.reason == MS_CRL_HOLD && e.time_s == T0 - 10);
	CHECK(ms_crl_find(&crl, ms_span(serial_a + 2, 2), NULL));
	CHECK(ms_crl_find(&crl, ms_span(serial_b, 2), &e) && e.reason == MS_CRL_KEY_COMPROMISE);
	CHECK(ms_crl_find(&crl, ms_span(serial_c, 1), &e) && e.reason == MS_CRL_UNSPECIFIED);
	CHECK(!ms_crl_find(&crl, ms_span("\x11", 1), NULL));
	CHECK(!ms_crl_find(&crl, MS_SPAN_NONE, NULL));
	ms_buf_fini(&der);
	p.n_entries = 0;
	make_crl(&c, &p, &der);
	CHECK_OK(ms_crl_parse_min(ms_buf_span(&der), &crl, &err), &err);
	CHECK(crl.n_revoked == 0 && !ms_crl_find(&crl, ms_span(serial_a, 4), NULL));
	ms_buf_fini(&der);
	ca_fini(&c);
}

static enum ms_rc
try_crl(const struct ms_crl_params *p)
{
	struct ms_buf b;
	ms_buf_init(&b, MS_CRL_MAX);
	enum ms_rc rc = ms_crl_tbs(p, &b, NULL);
	ms_buf_fini(&b);
	return rc;
}

MS_TEST(crl_refuses_params_out_of_form)
{
	struct ca c;
	ca_init(&c);
	struct ms_crl_entry two[] = {{{serial_a, 4}, T0, MS_CRL_HOLD}, {{serial_a + 1, 3}, T0, MS_CRL_SUPERSEDED}};
	struct ms_crl_params p = crl_params(&c);
	p.entries = two, p.n_entries = 2; /* one serial, twice */
	CHECK_INT(try_crl(&p), MS_ERR_USAGE);
	two[1].serial = MS_SPAN_NONE;
	CHECK_INT(try_crl(&p), MS_ERR_USAGE);
	two[1].serial = ms_span(serial_b, 2);
	CHECK_INT(try_crl(&p), MS_OK);
	static const unsigned none[] = {2, 7, 8, 10, 99}; /* cACompromise, unused, removeFromCRL, aACompromise */
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		two[0].reason = (enum ms_crl_reason)none[i];
		CHECK_INT(try_crl(&p), MS_ERR_USAGE);
	}
	p = crl_params(&c), p.issuer = &c.root;
	CHECK_INT(try_crl(&p), MS_ERR_USAGE);
	p = crl_params(&c), p.next_s = p.this_s;
	CHECK_INT(try_crl(&p), MS_ERR_USAGE);
	p = crl_params(&c), p.next_s = p.this_s + MS_CRL_LIFE_S + 1;
	CHECK_INT(try_crl(&p), MS_ERR_USAGE);
	ca_fini(&c);
}

MS_TEST(crl_with_any_flipped_bit_cut_or_other_issuer_is_refused)
{
	struct ca c, other;
	struct ms_buf der;
	struct ms_crl crl;
	ca_init(&c);
	ca_init(&other);
	struct ms_crl_params p = crl_params(&c);
	make_crl(&c, &p, &der);
	for (size_t bit = 0; bit < der.len * 8; bit++) {
		der.p[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		CHECK(ms_crl_parse_min(ms_buf_span(&der), &crl, NULL) != MS_OK || ms_crl_verify(&crl, &c.cert, T0, NULL) != MS_OK);
		der.p[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
	for (size_t n = 0; n < der.len; n++) {
		uint8_t *w = test_dup(der.p, n);
		CHECK(ms_crl_parse_min(ms_span(w, n), &crl, NULL) != MS_OK);
		free(w);
	}
	CHECK_OK(ms_crl_parse_min(ms_buf_span(&der), &crl, NULL), NULL);
	CHECK_INT(ms_crl_verify(&crl, &other.cert, T0, NULL), MS_ERR_AUTH);
	CHECK_INT(ms_crl_verify(&crl, &c.root, T0, NULL), MS_ERR_AUTH);
	CHECK_INT(ms_crl_verify(&crl, &c.cert, T0 - 1, NULL), MS_ERR_EXPIRED);
	CHECK_INT(ms_crl_verify(&crl, &c.cert, T0 + DAY + 1, NULL), MS_ERR_EXPIRED);
	ms_buf_fini(&der);
	ca_fini(&c);
	ca_fini(&other);
}
