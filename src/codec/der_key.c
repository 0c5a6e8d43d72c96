/* The ASN.1 shapes of keys, signatures and certificate requests. */
#include <string.h>
#include "codec/der.h"

#define RSA_MODULUS_MIN 128u
#define RSA_MODULUS_MAX 512u
#define P256_INT_LEN 32u

static enum ms_rc
parse_ec(struct ms_der *alg, struct ms_span key, struct ms_spki *ret, struct ms_err *err)
{
	/* RFC 5480 2.1.1: parameters are a named curve */
	enum ms_oid curve = ms_oid_find(ms_der_read_oid(alg));
	if (!ms_der_done(alg))
		return ms_fail(err, MS_ERR_MALFORMED, "spki: EC parameters");
	if (curve != MS_OID_P256)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "spki: a curve other than P-256");
	if (key.len != MS_DER_P256_POINT_LEN || key.p[0] != 4)
		return ms_fail(err, MS_ERR_MALFORMED, "spki: not an uncompressed P-256 point");
	*ret = (struct ms_spki){.type = MS_SPKI_P256, .point = key};
	return MS_OK;
}

static enum ms_rc
parse_rsa(struct ms_der *alg, struct ms_span key, struct ms_spki *ret, struct ms_err *err)
{
	struct ms_der outer = ms_der_over(key);
	struct ms_der d = ms_der_enter(&outer, MS_DER_SEQUENCE);
	ms_der_read_null(alg); /* RFC 3279 2.3.1: parameters are NULL */
	struct ms_span modulus = ms_der_read_integer(&d, RSA_MODULUS_MAX);
	uint64_t exponent = ms_der_read_uint(&d);
	if (!ms_der_done(alg) || !ms_der_done(&outer) || !ms_der_done(&d))
		return ms_fail(err, MS_ERR_MALFORMED, "spki: RSA key");
	if (modulus.len < RSA_MODULUS_MIN || exponent < 3 || exponent % 2 == 0 || modulus.p[modulus.len - 1] % 2 == 0)
		return ms_fail(err, MS_ERR_MALFORMED, "spki: RSA modulus or exponent out of range");
	*ret = (struct ms_spki){.type = MS_SPKI_RSA, .modulus = modulus, .exponent = exponent};
	return MS_OK;
}

enum ms_rc
ms_der_spki_parse(struct ms_span s, struct ms_spki *ret, struct ms_err *err)
{
	struct ms_der outer = ms_der_over(s);
	struct ms_der d = ms_der_enter(&outer, MS_DER_SEQUENCE);
	struct ms_der alg = ms_der_enter(&d, MS_DER_SEQUENCE);
	struct ms_span oid = ms_der_read_oid(&alg);
	struct ms_span key = ms_der_read_bits(&d);
	if (!ms_der_done(&outer) || !ms_der_done(&d) || alg.rd.bad)
		return ms_fail(err, MS_ERR_MALFORMED, "spki: not a SubjectPublicKeyInfo");
	switch (ms_oid_find(oid)) {
	case MS_OID_EC_PUBLIC_KEY:
		return parse_ec(&alg, key, ret, err);
	case MS_OID_RSA:
		return parse_rsa(&alg, key, ret, err);
	default:
		return ms_fail(err, MS_ERR_UNSUPPORTED, "spki: algorithm is neither EC nor RSA");
	}
}

void
ms_der_spki_p256(struct ms_buf *b, const uint8_t point[static MS_DER_P256_POINT_LEN])
{
	size_t seq = ms_der_open(b, MS_DER_SEQUENCE);
	size_t alg = ms_der_open(b, MS_DER_SEQUENCE);
	ms_der_put_oid(b, MS_OID_EC_PUBLIC_KEY);
	ms_der_put_oid(b, MS_OID_P256);
	ms_der_close(b, alg);
	ms_der_put_bits(b, ms_span(point, MS_DER_P256_POINT_LEN));
	ms_der_close(b, seq);
}

void
ms_der_spki_rsa(struct ms_buf *b, struct ms_span modulus, uint64_t exponent)
{
	size_t seq = ms_der_open(b, MS_DER_SEQUENCE);
	size_t alg = ms_der_open(b, MS_DER_SEQUENCE);
	ms_der_put_oid(b, MS_OID_RSA);
	ms_der_put_null(b);
	ms_der_close(b, alg);
	size_t bits = ms_der_open(b, MS_DER_BIT_STRING);
	ms_buf_u8(b, 0);
	size_t key = ms_der_open(b, MS_DER_SEQUENCE);
	ms_der_put_integer(b, modulus);
	ms_der_put_uint(b, exponent);
	ms_der_close(b, key);
	ms_der_close(b, bits);
	ms_der_close(b, seq);
}

/* RFC 3279 2.2.3. The range against the group order is the verifier's to check. */
enum ms_rc
ms_der_ecdsa_parse(struct ms_span der, uint8_t ret[static 64], struct ms_err *err)
{
	struct ms_der outer = ms_der_over(der);
	struct ms_der d = ms_der_enter(&outer, MS_DER_SEQUENCE);
	struct ms_span r = ms_der_read_integer(&d, P256_INT_LEN);
	struct ms_span s = ms_der_read_integer(&d, P256_INT_LEN);
	if (!ms_der_done(&outer) || !ms_der_done(&d) || r.len == 0 || s.len == 0)
		return ms_fail(err, MS_ERR_MALFORMED, "ecdsa: not a DER signature of P-256");
	memset(ret, 0, 2 * P256_INT_LEN);
	memcpy(ret + P256_INT_LEN - r.len, r.p, r.len);
	memcpy(ret + 2 * P256_INT_LEN - s.len, s.p, s.len);
	return MS_OK;
}

static bool
all_zero(const uint8_t *p, size_t len)
{
	uint8_t any = 0;
	for (size_t i = 0; i < len; i++)
		any |= p[i];
	return any == 0;
}

enum ms_rc
ms_der_ecdsa_build(const uint8_t raw[static 64], struct ms_buf *out, struct ms_err *err)
{
	if (all_zero(raw, P256_INT_LEN) || all_zero(raw + P256_INT_LEN, P256_INT_LEN))
		return ms_fail(err, MS_ERR_MALFORMED, "ecdsa: r or s is zero");
	size_t seq = ms_der_open(out, MS_DER_SEQUENCE);
	ms_der_put_integer(out, ms_span(raw, P256_INT_LEN));
	ms_der_put_integer(out, ms_span(raw + P256_INT_LEN, P256_INT_LEN));
	ms_der_close(out, seq);
	return ms_buf_check(out, err);
}

/* AlgorithmIdentifier of a signature: ECDSA has no parameters (RFC 5758 3.2), RSA has NULL (RFC 4055 5). */
static enum ms_rc
parse_signature_alg(struct ms_der d, enum ms_oid *ret, struct ms_err *err)
{
	enum ms_oid id = ms_oid_find(ms_der_read_oid(&d));
	if (id == MS_OID_RSA_SHA256)
		ms_der_read_null(&d);
	if (d.rd.bad)
		return ms_fail(err, MS_ERR_MALFORMED, "csr: signature algorithm");
	if (id != MS_OID_ECDSA_SHA256 && id != MS_OID_RSA_SHA256)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "csr: signature algorithm");
	if (!ms_der_done(&d))
		return ms_fail(err, MS_ERR_MALFORMED, "csr: signature algorithm has parameters");
	*ret = id;
	return MS_OK;
}

#define CSR_EXTENSIONS_MAX 32u

/* One Extension (RFC 5280 4.1); its value is one whole TLV, in the form of its kind for those that we know. */
static bool
extension_ok(struct ms_der *list, struct ms_span *ret_oid)
{
	struct ms_der d = ms_der_enter(list, MS_DER_SEQUENCE);
	struct ms_span oid = ms_der_read_oid(&d);
	if (ms_der_peek(&d) == MS_DER_BOOLEAN && !ms_der_read_bool(&d))
		return false; /* X.690 11.5: the default value is left out */
	struct ms_der value = ms_der_over(ms_der_read_octets(&d));
	enum ms_oid id = ms_oid_find(oid);
	bool bits = id == MS_OID_EXT_KEY_USAGE || id == MS_OID_EXT_NETSCAPE_CERT_TYPE;
	if (bits)
		(void)ms_der_read_named_bits(&value, MS_DER_BIT_STRING);
	else if (id == MS_OID_EXT_SUBJECT_ALT_NAME || id == MS_OID_EXT_EXTENDED_KEY_USAGE || id == MS_OID_EXT_BASIC_CONSTRAINTS)
		(void)ms_der_read(&value, MS_DER_SEQUENCE);
	else
		ms_der_skip(&value);
	*ret_oid = oid;
	return ms_der_done(&d) && ms_der_done(&value);
}

/* Extensions of an extensionRequest (RFC 2985 5.4.2), each kind once. */
static bool
extensions_ok(struct ms_der *values)
{
	struct ms_span seen[CSR_EXTENSIONS_MAX];
	size_t n = 0;
	struct ms_der list = ms_der_enter(values, MS_DER_SEQUENCE);
	while (ms_der_peek(&list) != 0) {
		if (n == CSR_EXTENSIONS_MAX || !extension_ok(&list, &seen[n]))
			return false;
		for (size_t i = 0; i < n; i++)
			if (ms_span_eq(seen[i], seen[n]))
				return false;
		n++;
	}
	return ms_der_done(&list) && ms_der_done(values);
}

/* Attributes: each a SEQUENCE of an OID and a SET with something in it (RFC 2986 4.1); of the kinds that a request
 * for a device certificate may have, each once. */
static bool
attributes_ok(struct ms_span s)
{
	bool extensions = false, password = false;
	struct ms_der d = ms_der_over(s);
	while (ms_der_peek(&d) != 0) {
		struct ms_der one = ms_der_enter(&d, MS_DER_SEQUENCE);
		enum ms_oid id = ms_oid_find(ms_der_read_oid(&one));
		struct ms_der values = ms_der_enter(&one, MS_DER_SET);
		bool *seen = id == MS_OID_EXTENSION_REQUEST ? &extensions : &password;
		if (*seen || (id != MS_OID_EXTENSION_REQUEST && id != MS_OID_CHALLENGE_PASSWORD))
			return false;
		*seen = true;
		if (id == MS_OID_EXTENSION_REQUEST && !extensions_ok(&values))
			return false;
		if (id == MS_OID_CHALLENGE_PASSWORD)
			ms_der_skip(&values);
		if (!ms_der_done(&one) || !ms_der_done(&values))
			return false;
	}
	return ms_der_done(&d);
}

/* Name: a SEQUENCE of SETs of {OID, string}, each set with something in it (RFC 5280 4.1.2.4). */
static bool
name_ok(struct ms_span tlv)
{
	struct ms_der outer = ms_der_over(tlv);
	struct ms_der d = ms_der_enter(&outer, MS_DER_SEQUENCE);
	while (ms_der_peek(&d) != 0) {
		struct ms_der set = ms_der_enter(&d, MS_DER_SET);
		do {
			struct ms_der pair = ms_der_enter(&set, MS_DER_SEQUENCE);
			(void)ms_der_read_oid(&pair);
			ms_der_skip(&pair);
			if (!ms_der_done(&pair))
				return false;
		} while (ms_der_peek(&set) != 0);
		if (!ms_der_done(&set))
			return false;
	}
	return ms_der_done(&d) && ms_der_done(&outer);
}

static enum ms_rc
parse_info(struct ms_span info, struct ms_csr *csr, struct ms_err *err)
{
	struct ms_der outer = ms_der_over(info);
	struct ms_der d = ms_der_enter(&outer, MS_DER_SEQUENCE);
	uint64_t version = ms_der_read_uint(&d);
	csr->subject = ms_der_read_raw(&d, MS_DER_SEQUENCE);
	csr->spki = ms_der_read_raw(&d, MS_DER_SEQUENCE);
	csr->attributes = ms_der_read(&d, MS_DER_CONTEXT_CONSTRUCTED(0u));
	if (!ms_der_done(&d) || !ms_der_done(&outer) || version != 0)
		return ms_fail(err, MS_ERR_MALFORMED, "csr: CertificationRequestInfo");
	if (!name_ok(csr->subject) || !attributes_ok(csr->attributes))
		return ms_fail(err, MS_ERR_MALFORMED, "csr: subject or attributes");
	struct ms_spki spki;
	enum ms_rc rc = ms_der_spki_parse(csr->spki, &spki, err);
	return rc == MS_OK ? MS_OK : ms_prefix(err, rc, "csr");
}

enum ms_rc
ms_der_csr_parse(struct ms_span s, struct ms_csr *ret, struct ms_err *err)
{
	struct ms_csr csr = {0};
	if (s.len > MS_DER_CSR_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "csr: %zu bytes", s.len);
	struct ms_der outer = ms_der_over(s);
	struct ms_der d = ms_der_enter(&outer, MS_DER_SEQUENCE);
	csr.info = ms_der_read_raw(&d, MS_DER_SEQUENCE);
	struct ms_der alg = ms_der_enter(&d, MS_DER_SEQUENCE);
	csr.signature = ms_der_read_bits(&d);
	if (!ms_der_done(&outer) || !ms_der_done(&d) || csr.signature.len == 0)
		return ms_fail(err, MS_ERR_MALFORMED, "csr: not a CertificationRequest");
	enum ms_rc rc = parse_signature_alg(alg, &csr.signature_alg, err);
	if (rc == MS_OK)
		rc = parse_info(csr.info, &csr, err);
	if (rc == MS_OK)
		*ret = csr;
	return rc;
}
