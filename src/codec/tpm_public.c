#include "codec/tpm.h"

#include <string.h>

#include "codec/der.h"

#define POLICY_MAX 64u
#define COORD_MAX 48u
#define EXPONENT_DEFAULT 65537u
/* Part 2, 8.3.2: bits that have a meaning. The others are reserved and shall be zero. */
#define ATTRIBUTES_KNOWN 0x000f0cf6u

static size_t
coord_len(uint16_t curve)
{
	switch (curve) {
	case MS_TPM_P256:
		return 32;
	case MS_TPM_P384:
		return 48;
	default:
		return 0;
	}
}

/* 11.1.7: TPMT_SYM_DEF_OBJECT. */
static void
read_symmetric(struct ms_rd *r, struct ms_tpm_public *p)
{
	p->sym_alg = ms_rd_u16(r);
	p->sym_mode = MS_TPM_ALG_NULL;
	if (p->sym_alg == MS_TPM_ALG_NULL)
		return;
	p->sym_bits = ms_rd_u16(r);
	p->sym_mode = ms_rd_u16(r);
}

/* 11.2.4.2: TPMT_RSA_SCHEME; 11.2.5.6: TPMT_ECC_SCHEME. False for a scheme we do not take. */
static bool
read_scheme(struct ms_rd *r, struct ms_tpm_public *p)
{
	p->scheme = ms_rd_u16(r);
	p->scheme_hash = MS_TPM_ALG_NULL;
	switch (p->scheme) {
	case MS_TPM_ALG_NULL:
		return true;
	case MS_TPM_ALG_RSASSA:
	case MS_TPM_ALG_RSAPSS:
	case MS_TPM_ALG_OAEP:
		p->scheme_hash = ms_rd_u16(r);
		return p->type == MS_TPM_ALG_RSA;
	case MS_TPM_ALG_ECDSA:
	case MS_TPM_ALG_ECDH:
		p->scheme_hash = ms_rd_u16(r);
		return p->type == MS_TPM_ALG_ECC;
	default:
		return false;
	}
}

/* 12.2.3.5: TPMS_RSA_PARMS and its unique. */
static enum ms_rc
read_rsa(struct ms_rd *r, struct ms_tpm_public *p, struct ms_err *err)
{
	if (!read_scheme(r, p))
		return ms_fail(err, MS_ERR_UNSUPPORTED, "public area: RSA scheme 0x%04x", p->scheme);
	p->curve = p->kdf = p->kdf_hash = MS_TPM_ALG_NULL;
	p->key_bits = ms_rd_u16(r);
	p->exponent = ms_rd_u32(r);
	if (p->key_bits != 2048 && p->key_bits != 3072 && p->key_bits != 4096)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "public area: RSA of %u bits", p->key_bits);
	if (p->exponent == 0)
		p->exponent = EXPONENT_DEFAULT;
	if (p->exponent < EXPONENT_DEFAULT || p->exponent % 2 == 0)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "public area: RSA exponent %u", p->exponent);
	p->modulus = ms_rd_tpm2b(r, p->key_bits / 8u);
	size_t len = p->modulus.len;
	if (r->bad || len != p->key_bits / 8u || (p->modulus.p[0] & 0x80u) == 0 || (p->modulus.p[len - 1] & 1u) == 0)
		return ms_fail(err, MS_ERR_MALFORMED, "public area: RSA modulus");
	return MS_OK;
}

/* 12.2.3.6: TPMS_ECC_PARMS and its unique. */
static enum ms_rc
read_ecc(struct ms_rd *r, struct ms_tpm_public *p, struct ms_err *err)
{
	if (!read_scheme(r, p))
		return ms_fail(err, MS_ERR_UNSUPPORTED, "public area: ECC scheme 0x%04x", p->scheme);
	p->curve = ms_rd_u16(r);
	p->kdf = ms_rd_u16(r);
	p->kdf_hash = p->kdf == MS_TPM_ALG_NULL ? MS_TPM_ALG_NULL : ms_rd_u16(r);
	if (p->kdf != MS_TPM_ALG_NULL && p->kdf != MS_TPM_ALG_MGF1 && p->kdf != MS_TPM_ALG_KDF1_56A && p->kdf != MS_TPM_ALG_KDF1_108)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "public area: KDF 0x%04x", p->kdf);
	size_t coord = coord_len(p->curve);
	if (coord == 0)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "public area: curve 0x%04x", p->curve);
	p->x = ms_rd_tpm2b(r, coord);
	p->y = ms_rd_tpm2b(r, coord);
	if (r->bad || p->x.len == 0 || p->y.len == 0)
		return ms_fail(err, MS_ERR_MALFORMED, "public area: ECC point");
	return MS_OK;
}

/* The head of 12.2.4 TPMT_PUBLIC: all before the scheme. */
static enum ms_rc
read_head(struct ms_rd *r, struct ms_tpm_public *p, struct ms_err *err)
{
	p->type = ms_rd_u16(r);
	p->name_alg = ms_rd_u16(r);
	p->attributes = ms_rd_u32(r);
	p->auth_policy = ms_rd_tpm2b(r, POLICY_MAX);
	if (p->type != MS_TPM_ALG_RSA && p->type != MS_TPM_ALG_ECC)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "public area: type 0x%04x", p->type);
	if ((p->attributes & ~ATTRIBUTES_KNOWN) != 0)
		return ms_fail(err, MS_ERR_MALFORMED, "public area: reserved attributes 0x%08x", p->attributes & ~ATTRIBUTES_KNOWN);
	read_symmetric(r, p);
	if (p->sym_alg != MS_TPM_ALG_NULL && p->sym_alg != MS_TPM_ALG_AES)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "public area: symmetric algorithm 0x%04x", p->sym_alg);
	return MS_OK;
}

enum ms_rc
ms_tpm_public_parse(struct ms_span s, struct ms_tpm_public *ret, struct ms_err *err)
{
	if (s.len > MS_TPM_PUBLIC_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "public area: %zu bytes", s.len);
	struct ms_rd r = ms_rd_span(s);
	struct ms_tpm_public p = {.raw = s};
	enum ms_rc rc = read_head(&r, &p, err);
	if (rc == MS_OK)
		rc = p.type == MS_TPM_ALG_RSA ? read_rsa(&r, &p, err) : read_ecc(&r, &p, err);
	if (r.bad) /* what was judged may have been the zeros of a bad read */
		return ms_fail(err, MS_ERR_MALFORMED, "public area: cut short");
	if (rc != MS_OK)
		return rc;
	if (!ms_rd_done(&r))
		return ms_fail(err, MS_ERR_MALFORMED, "public area: bytes after its end");
	*ret = p;
	return MS_OK;
}

/* 04 | x | y into out[1 + 2 * len]. */
static void
put_point(const struct ms_tpm_public *p, size_t len, uint8_t *out)
{
	memset(out, 0, 1 + 2 * len);
	out[0] = 4;
	memcpy(out + 1 + len - p->x.len, p->x.p, p->x.len);
	memcpy(out + 1 + 2 * len - p->y.len, p->y.p, p->y.len);
}

enum ms_rc
ms_tpm_public_p256(const struct ms_tpm_public *p, uint8_t ret[static MS_TPM_P256_POINT_LEN], struct ms_err *err)
{
	if (p->type != MS_TPM_ALG_ECC || p->curve != MS_TPM_P256)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "public area: not a P-256 key");
	put_point(p, 32, ret);
	return MS_OK;
}

static void
spki_ecc(const struct ms_tpm_public *p, struct ms_buf *out)
{
	uint8_t point[1 + 2 * COORD_MAX];
	size_t len = coord_len(p->curve);
	put_point(p, len, point);
	size_t spki = ms_der_open(out, MS_DER_SEQUENCE);
	size_t alg = ms_der_open(out, MS_DER_SEQUENCE);
	ms_der_put_oid(out, MS_OID_EC_PUBLIC_KEY);
	ms_der_put_oid(out, p->curve == MS_TPM_P256 ? MS_OID_P256 : MS_OID_P384);
	ms_der_close(out, alg);
	ms_der_put_bits(out, ms_span(point, 1 + 2 * len));
	ms_der_close(out, spki);
}

enum ms_rc
ms_tpm_public_spki(const struct ms_tpm_public *p, struct ms_buf *out, struct ms_err *err)
{
	if (p->type == MS_TPM_ALG_RSA)
		ms_der_spki_rsa(out, p->modulus, p->exponent);
	else if (p->type == MS_TPM_ALG_ECC && coord_len(p->curve) != 0)
		spki_ecc(p, out);
	else
		return ms_fail(err, MS_ERR_UNSUPPORTED, "public area: type 0x%04x", p->type);
	return ms_buf_check(out, err);
}
