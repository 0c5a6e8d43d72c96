#include <string.h>

#include "crypto/hash.h"
#include "identity/cert_int.h"

#define DNS_MAX 253u
#define DNS_LABEL_MAX 63u
#define TRUST_DOMAIN_MAX 128u
#define TENANT_MAX 64u
#define DEVICE_MAX 80u

static const struct ms_cert_shape shapes[MS_CERT_PROFILE_COUNT] = {
    [MS_CERT_ROOT] = {"root", MS_CERT_ROOT_LIFE_S, true, 1, MS_KU_CERT_SIGN | MS_KU_CRL_SIGN, false, false, MS_CERT_ROOT},
    [MS_CERT_ISSUING] = {"issuing", MS_CERT_ISSUING_LIFE_S, true, 0, MS_KU_CERT_SIGN | MS_KU_CRL_SIGN, false, false, MS_CERT_ROOT},
    [MS_CERT_DEVICE] = {"device", MS_CERT_DEVICE_LIFE_S, false, 0, MS_KU_DIGITAL_SIGNATURE, true, true, MS_CERT_ISSUING},
    [MS_CERT_TLS_SERVER] = {"tls-server", MS_CERT_TLS_LIFE_S, false, 0, MS_KU_DIGITAL_SIGNATURE, false, true, MS_CERT_ISSUING},
};

const struct ms_cert_shape *
ms_cert_shape(enum ms_cert_profile p)
{
	return (unsigned)p < MS_CERT_PROFILE_COUNT ? &shapes[p] : NULL;
}

struct ms_span
ms_cert_hw_type(void)
{
	static const uint8_t oid[] = {0x67, 0x81, 0x05, 0x01, 0x02};
	return ms_span(oid, sizeof oid);
}

void
ms_cert_ski(const uint8_t point[static MS_POINT_LEN], uint8_t ski[static MS_CERT_SKI_LEN])
{
	uint8_t d[MS_SHA256_LEN];
	ms_sha256(ms_span(point, MS_POINT_LEN), d);
	memcpy(ski, d, MS_CERT_SKI_LEN);
}

/* RFC 1034 3.5 with RFC 1123's digits; lower case, no wildcard, no final dot. */
bool
ms_cert_dns_ok(struct ms_span s)
{
	size_t label = 0;
	if (s.len == 0 || s.len > DNS_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.p[i];
		bool edge = label == 0 || i + 1 == s.len || s.p[i + 1] == '.';
		if (c == '.' && label > 0 && i + 1 < s.len) {
			label = 0;
			continue;
		}
		bool alnum = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		if (!(alnum || (c == '-' && !edge)) || ++label > DNS_LABEL_MAX)
			return false;
	}
	return true;
}

bool
ms_cert_uri_ok(struct ms_span s)
{
	if (s.len < 8 || s.len > MS_CERT_URI_MAX || memcmp(s.p, "http://", 7) != 0)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || s.p[i] == '"' || s.p[i] == '<' || s.p[i] == '>' || s.p[i] == '\\')
			return false;
	return true;
}

struct ms_span
ms_cert_trim(struct ms_span n)
{
	while (n.len > 0 && n.p[0] == 0)
		n.p++, n.len--;
	return n;
}

int
ms_cert_serial_cmp(struct ms_span a, struct ms_span b)
{
	if (a.len != b.len)
		return a.len < b.len ? -1 : 1;
	return ms_span_cmp(a, b);
}

enum ms_rc
ms_cert_spiffe_id(struct ms_span trust_domain, struct ms_span tenant, struct ms_span device, struct ms_buf *out, struct ms_err *err)
{
	if (!ms_name_ok(trust_domain, TRUST_DOMAIN_MAX) || !ms_name_ok(tenant, TENANT_MAX) || !ms_name_ok(device, DEVICE_MAX))
		return ms_fail(err, MS_ERR_USAGE, "SPIFFE id: trust domain, tenant or device id out of form");
	ms_buf_str(out, "spiffe://");
	ms_buf_put_span(out, trust_domain);
	if (!ms_span_eq(tenant, ms_span_str("default"))) {
		ms_buf_str(out, "/t/");
		ms_buf_put_span(out, tenant);
	}
	ms_buf_str(out, "/device/");
	ms_buf_put_span(out, device);
	return ms_buf_check(out, err);
}

/* RFC 5758 3.2: no parameters */
void
ms_cert_put_alg(struct ms_buf *b)
{
	size_t seq = ms_der_open(b, MS_DER_SEQUENCE);
	ms_der_put_oid(b, MS_OID_ECDSA_SHA256);
	ms_der_close(b, seq);
}

bool
ms_cert_read_alg(struct ms_der *d)
{
	struct ms_der alg = ms_der_enter(d, MS_DER_SEQUENCE);
	return ms_oid_find(ms_der_read_oid(&alg)) == MS_OID_ECDSA_SHA256 && ms_der_done(&alg);
}

enum ms_rc
ms_cert_assemble(struct ms_span tbs, const uint8_t sig[static MS_SIG_LEN], struct ms_buf *out, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf der;
	ms_buf_init(&der, MS_DER_ECDSA_MAX);
	enum ms_rc rc = ms_der_ecdsa_build(sig, &der, err);
	if (rc != MS_OK)
		return rc;
	size_t seq = ms_der_open(out, MS_DER_SEQUENCE);
	ms_buf_put_span(out, tbs);
	ms_cert_put_alg(out);
	ms_der_put_bits(out, ms_buf_span(&der));
	ms_der_close(out, seq);
	return ms_buf_check(out, err);
}

enum ms_rc
ms_cert_read_signed(struct ms_span der, struct ms_cert_signed *ret, struct ms_err *err)
{
	struct ms_der all = ms_der_over(der), seq = ms_der_enter(&all, MS_DER_SEQUENCE);
	ret->tbs = ms_der_read_raw(&seq, MS_DER_SEQUENCE);
	bool alg = ms_cert_read_alg(&seq);
	struct ms_span sig = ms_der_read_bits(&seq);
	if (!ms_der_done(&seq) || !ms_der_done(&all))
		return ms_fail(err, MS_ERR_MALFORMED, "signed object: not in DER");
	if (!alg)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "signed object: not by ecdsa-with-SHA256");
	return ms_der_ecdsa_parse(sig, ret->signature, err);
}

enum ms_rc
ms_cert_verify_signature(const struct ms_cert *issuer, struct ms_span tbs, const uint8_t sig[static MS_SIG_LEN], struct ms_err *err)
{
	MS_OWN(ms_pubkey_free) struct ms_pubkey *k = NULL;
	enum ms_rc rc = ms_pubkey_from_point(issuer->point.p, &k, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "issuer");
	return ms_pubkey_verify(k, MS_SIG_ECDSA_SHA256, tbs, ms_span(sig, MS_SIG_LEN), err);
}

struct ms_cert_ext_mark
ms_cert_ext_open(struct ms_buf *b, enum ms_oid id, bool critical)
{
	struct ms_cert_ext_mark m;
	m.seq = ms_der_open(b, MS_DER_SEQUENCE);
	ms_der_put_oid(b, id);
	if (critical) /* the default, false, is left out */
		ms_der_put_bool(b, true);
	m.octets = ms_der_open(b, MS_DER_OCTET_STRING);
	return m;
}

void
ms_cert_ext_close(struct ms_buf *b, struct ms_cert_ext_mark m)
{
	ms_der_close(b, m.octets);
	ms_der_close(b, m.seq);
}

void
ms_cert_put_aki(struct ms_buf *b, struct ms_span ski)
{
	struct ms_cert_ext_mark m = ms_cert_ext_open(b, MS_OID_EXT_AUTHORITY_KEY_ID, false);
	size_t seq = ms_der_open(b, MS_DER_SEQUENCE);
	ms_der_put(b, MS_DER_CONTEXT(0), ski);
	ms_der_close(b, seq);
	ms_cert_ext_close(b, m);
}

struct ms_span
ms_cert_read_aki(struct ms_span value)
{
	struct ms_der d = ms_der_over(value), seq = ms_der_enter(&d, MS_DER_SEQUENCE);
	struct ms_span id = ms_der_read(&seq, MS_DER_CONTEXT(0));
	return ms_der_done(&seq) && ms_der_done(&d) && id.len == MS_CERT_SKI_LEN ? id : MS_SPAN_NONE;
}

bool
ms_cert_ext_next(struct ms_der *d, struct ms_cert_ext *ret)
{
	if (ms_der_peek(d) == 0)
		return false;
	struct ms_der seq = ms_der_enter(d, MS_DER_SEQUENCE);
	ret->id = ms_oid_find(ms_der_read_oid(&seq));
	ret->critical = false;
	if (ms_der_peek(&seq) == MS_DER_BOOLEAN) {
		ret->critical = ms_der_read_bool(&seq);
		if (!ret->critical) /* DER leaves defaults out */
			ms_der_poison(&seq);
	}
	ret->value = ms_der_read_octets(&seq);
	if (ms_der_done(&seq))
		return true;
	ms_der_poison(d);
	return false;
}
