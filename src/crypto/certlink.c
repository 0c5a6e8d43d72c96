#include "crypto/certlink.h"

#include <string.h>

static const struct row {
	uint8_t oid[10];
	uint8_t len;
	bool null; /* parameters are NULL (RFC 4055 5); else absent (RFC 5758 3.2, RFC 8410 3) */
	enum ms_sig_scheme scheme;
} rows[] = {
    {{0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02}, 8, false, MS_SIG_ECDSA_SHA256},
    {{0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03}, 8, false, MS_SIG_ECDSA_SHA384},
    {{0x2b, 0x65, 0x70}, 3, false, MS_SIG_ED25519},
    {{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b}, 9, true, MS_SIG_RSA_PKCS1_SHA256},
    {{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c}, 9, true, MS_SIG_RSA_PKCS1_SHA384},
    {{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d}, 9, true, MS_SIG_RSA_PKCS1_SHA512},
};

/* AlgorithmIdentifier, whole TLV. */
static const struct row *
row_of(struct ms_span algorithm)
{
	struct ms_der outer = ms_der_over(algorithm), d = ms_der_enter(&outer, MS_DER_SEQUENCE);
	struct ms_span oid = ms_der_read_oid(&d);
	bool null = ms_der_peek(&d) == MS_DER_NULL;
	if (null)
		ms_der_read_null(&d);
	for (size_t i = 0; ms_der_done(&d) && i < sizeof rows / sizeof *rows; i++)
		if (ms_span_eq(oid, ms_span(rows[i].oid, rows[i].len)) && rows[i].null == null)
			return &rows[i];
	return NULL;
}

/* The algorithm inside what is signed (RFC 5280 4.1.1.2: the same as outside). */
static struct ms_span
inner_algorithm(struct ms_span tbs)
{
	struct ms_der outer = ms_der_over(tbs), d = ms_der_enter(&outer, MS_DER_SEQUENCE);
	if (ms_der_peek(&d) == MS_DER_CONTEXT_CONSTRUCTED(0))
		ms_der_skip(&d);
	ms_der_skip(&d); /* serial */
	return ms_der_read_raw(&d, MS_DER_SEQUENCE);
}

/* ECDSA-Sig-Value to r | s; 0: it is not one, or too long for the key. */
static size_t
ecdsa_raw(struct ms_span der, size_t half, uint8_t out[static 96])
{
	struct ms_der outer = ms_der_over(der), d = ms_der_enter(&outer, MS_DER_SEQUENCE);
	struct ms_span r = ms_der_read_integer(&d, half), s = ms_der_read_integer(&d, half);
	if (!ms_der_done(&outer) || !ms_der_done(&d) || r.len == 0 || s.len == 0)
		return 0;
	memset(out, 0, 2 * half);
	memcpy(out + half - r.len, r.p, r.len);
	memcpy(out + 2 * half - s.len, s.p, s.len);
	return 2 * half;
}

enum ms_rc
ms_certlink_verify(const struct ms_certview *c, const struct ms_pubkey *issuer, struct ms_err *err)
{
	uint8_t raw[96];
	struct ms_der outer = ms_der_over(c->der), d = ms_der_enter(&outer, MS_DER_SEQUENCE);
	struct ms_span tbs = ms_der_read_raw(&d, MS_DER_SEQUENCE), algorithm = ms_der_read_raw(&d, MS_DER_SEQUENCE);
	struct ms_span sig = ms_der_read_bits(&d);
	if (!ms_der_done(&d) || !ms_der_done(&outer) || !ms_span_eq(algorithm, inner_algorithm(tbs)))
		return ms_fail(err, MS_ERR_MALFORMED, "certificate: its two signature algorithms are not one");
	const struct row *row = row_of(algorithm);
	if (row == NULL)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "certificate: its signature algorithm is not taken");
	enum ms_key_type type = ms_pubkey_type(issuer);
	bool ec = type == MS_KEY_P256 || type == MS_KEY_P384;
	bool fits = row->null ? type == MS_KEY_RSA : row->scheme == MS_SIG_ED25519 ? type == MS_KEY_ED25519 : ec;
	if (!fits)
		return ms_fail(err, MS_ERR_AUTH, "certificate: signed by a key of another kind than its issuer's");
	if (ec) {
		sig = ms_span(raw, ecdsa_raw(sig, ms_pubkey_bits(issuer) / 8, raw));
		if (sig.len == 0)
			return ms_fail(err, MS_ERR_AUTH, "certificate: the signature does not verify");
	}
	return ms_pubkey_verify(issuer, row->scheme, tbs, sig, err);
}
