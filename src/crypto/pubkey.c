/* Public keys: made from their numbers, never through a generic decoder. */
#include "crypto/key.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>

#include "codec/der.h"
#include "crypto/key_int.h"
#include "crypto/lib_int.h"

#define RSA_BITS_MIN 2048u
#define RSA_EXPONENT_MIN 65537u
#define P384_SPKI_LEN 120u
#define ED25519_SPKI_LEN 44u

/* Everything of these SPKIs but the key itself is fixed. RFC 5480 (secp384r1), RFC 8410 (Ed25519). */
static const uint8_t p384_spki_head[P384_SPKI_LEN - MS_POINT384_LEN] = {0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d,
    0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00};
static const uint8_t ed25519_spki_head[ED25519_SPKI_LEN - MS_ED25519_LEN] = {
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

static enum ms_rc
key_new(enum ms_key_type type, struct ms_span raw, struct ms_pubkey **ret, struct ms_err *err)
{
	MS_OWN(ms_pubkey_free) struct ms_pubkey *k = calloc(1, sizeof *k);
	if (k == NULL || (k->verifier = calloc(1, sizeof *k->verifier)) == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "public key");
	assert(raw.len <= sizeof k->raw);
	k->type = type;
	memcpy(k->raw, raw.p, raw.len);
	k->raw_len = raw.len;
	*ret = k;
	k = NULL;
	return MS_OK;
}

void
ms_pubkey_free(struct ms_pubkey *k)
{
	if (k == NULL)
		return;
	if (k->verifier != NULL)
		EVP_PKEY_CTX_free(k->verifier->ctx);
	free(k->verifier);
	EVP_PKEY_free(k->pkey);
	free(k);
}

static enum ms_rc
key_finish(struct ms_pubkey *k, struct ms_span spki, struct ms_err *err)
{
	if (spki.len > sizeof k->spki)
		return ms_fail(err, MS_ERR_INTERNAL, "public key: SPKI of %zu bytes", spki.len);
	memcpy(k->spki, spki.p, spki.len);
	k->spki_len = spki.len;
	ms_sha256(spki, k->id);
	return MS_OK;
}

static enum ms_rc
key_finish_fixed(struct ms_pubkey *k, struct ms_span head, struct ms_err *err)
{
	uint8_t spki[P384_SPKI_LEN];
	assert(head.len + k->raw_len <= sizeof spki);
	memcpy(spki, head.p, head.len);
	memcpy(spki + head.len, k->raw, k->raw_len);
	return key_finish(k, ms_span(spki, head.len + k->raw_len), err);
}

/* The curve check is inside: coordinates that do not satisfy the equation are refused. The cofactor of both curves is 1,
 * and the infinite point has no uncompressed form of this length. */
static enum ms_rc
set_point(struct ms_pubkey *k, const EVP_PKEY *curve, struct ms_err *err)
{
	if (k->raw[0] != 0x04)
		return ms_fail(err, MS_ERR_MALFORMED, "public key: not an uncompressed point");
	k->pkey = EVP_PKEY_new();
	if (k->pkey == NULL || EVP_PKEY_copy_parameters(k->pkey, curve) != 1)
		return ms_lib_fail(err, "public key");
	if (EVP_PKEY_set1_encoded_public_key(k->pkey, k->raw, k->raw_len) != 1) {
		ERR_clear_error();
		return ms_fail(err, MS_ERR_MALFORMED, "public key: the point is not on the curve");
	}
	return MS_OK;
}

enum ms_rc
ms_pubkey_from_point(const uint8_t point[static MS_POINT_LEN], struct ms_pubkey **ret, struct ms_err *err)
{
	const struct ms_lib *lib;
	MS_OWN(ms_pubkey_free) struct ms_pubkey *k = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf spki;
	ms_buf_init(&spki, MS_SPKI_MAX);
	enum ms_rc rc = ms_lib_get(&lib, err);
	if (rc == MS_OK)
		rc = key_new(MS_KEY_P256, ms_span(point, MS_POINT_LEN), &k, err);
	if (rc == MS_OK)
		rc = set_point(k, lib->p256, err);
	if (rc != MS_OK)
		return rc;
	k->bits = 256;
	ms_der_spki_p256(&spki, point);
	rc = ms_buf_check(&spki, err);
	if (rc == MS_OK)
		rc = key_finish(k, ms_buf_span(&spki), err);
	if (rc != MS_OK)
		return rc;
	*ret = k;
	k = NULL;
	return MS_OK;
}

enum ms_rc
ms_pubkey_from_point384(const uint8_t point[static MS_POINT384_LEN], struct ms_pubkey **ret, struct ms_err *err)
{
	const struct ms_lib *lib;
	MS_OWN(ms_pubkey_free) struct ms_pubkey *k = NULL;
	enum ms_rc rc = ms_lib_get(&lib, err);
	if (rc == MS_OK)
		rc = key_new(MS_KEY_P384, ms_span(point, MS_POINT384_LEN), &k, err);
	if (rc == MS_OK)
		rc = set_point(k, lib->p384, err);
	if (rc == MS_OK)
		rc = key_finish_fixed(k, ms_span(p384_spki_head, sizeof p384_spki_head), err);
	if (rc != MS_OK)
		return rc;
	k->bits = 384;
	*ret = k;
	k = NULL;
	return MS_OK;
}

enum ms_rc
ms_pubkey_from_ed25519(const uint8_t raw[static MS_ED25519_LEN], struct ms_pubkey **ret, struct ms_err *err)
{
	const struct ms_lib *lib;
	MS_OWN(ms_pubkey_free) struct ms_pubkey *k = NULL;
	enum ms_rc rc = ms_lib_get(&lib, err);
	if (rc == MS_OK)
		rc = key_new(MS_KEY_ED25519, ms_span(raw, MS_ED25519_LEN), &k, err);
	if (rc != MS_OK)
		return rc;
	k->bits = 256;
	k->pkey = EVP_PKEY_new_raw_public_key_ex(lib->ctx, "ED25519", NULL, raw, MS_ED25519_LEN);
	if (k->pkey == NULL)
		return ms_lib_fail(err, "Ed25519 public key");
	rc = key_finish_fixed(k, ms_span(ed25519_spki_head, sizeof ed25519_spki_head), err);
	if (rc != MS_OK)
		return rc;
	*ret = k;
	k = NULL;
	return MS_OK;
}

static enum ms_rc
check_rsa(struct ms_span n, uint64_t e, unsigned *bits, struct ms_err *err)
{
	if (n.len > MS_RSA_MAX || n.len < RSA_BITS_MIN / 8)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "RSA key of %zu bytes: 2048 to 4096 bits are taken", n.len);
	*bits = (unsigned)(n.len * 8) - (unsigned)(__builtin_clz(n.p[0]) - 24);
	if (*bits < RSA_BITS_MIN)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "RSA key of %u bits: 2048 to 4096 are taken", *bits);
	if ((n.p[n.len - 1] & 1) == 0)
		return ms_fail(err, MS_ERR_MALFORMED, "RSA key: even modulus");
	if (e < RSA_EXPONENT_MIN || e > UINT32_MAX || (e & 1) == 0)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "RSA key: exponent %llu", (unsigned long long)e);
	return MS_OK;
}

/* OSSL_PARAM integers are in the order of this machine. */
static void
to_native(uint8_t *out, struct ms_span n)
{
	for (size_t i = 0; i < n.len; i++)
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
		out[i] = n.p[n.len - 1 - i];
#else
		out[i] = n.p[i];
#endif
}

static enum ms_rc
set_rsa(struct ms_pubkey *k, const struct ms_lib *lib, struct ms_err *err)
{
	uint8_t native[MS_RSA_MAX];
	uint64_t e = k->exponent;
	to_native(native, ms_span(k->raw, k->raw_len));
	OSSL_PARAM params[] = {OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, native, k->raw_len),
	    OSSL_PARAM_construct_uint64(OSSL_PKEY_PARAM_RSA_E, &e), OSSL_PARAM_construct_end()};
	MS_OWN(EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(lib->ctx, "RSA", NULL);
	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 || EVP_PKEY_fromdata(ctx, &k->pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		return ms_lib_fail(err, "RSA public key");
	return MS_OK;
}

enum ms_rc
ms_pubkey_from_rsa(struct ms_span modulus, uint64_t exponent, struct ms_pubkey **ret, struct ms_err *err)
{
	const struct ms_lib *lib;
	unsigned bits = 0;
	MS_OWN(ms_pubkey_free) struct ms_pubkey *k = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf spki;
	ms_buf_init(&spki, MS_SPKI_MAX);
	while (modulus.len > 0 && modulus.p[0] == 0)
		modulus.p++, modulus.len--;
	enum ms_rc rc = check_rsa(modulus, exponent, &bits, err);
	if (rc == MS_OK)
		rc = ms_lib_get(&lib, err);
	if (rc == MS_OK)
		rc = key_new(MS_KEY_RSA, modulus, &k, err);
	if (rc != MS_OK)
		return rc;
	k->bits = bits;
	k->exponent = exponent;
	rc = set_rsa(k, lib, err);
	ms_der_spki_rsa(&spki, modulus, exponent);
	if (rc == MS_OK)
		rc = ms_buf_check(&spki, err);
	if (rc == MS_OK)
		rc = key_finish(k, ms_buf_span(&spki), err);
	if (rc != MS_OK)
		return rc;
	*ret = k;
	k = NULL;
	return MS_OK;
}

enum ms_rc
ms_pubkey_from_spki(struct ms_span der, struct ms_pubkey **ret, struct ms_err *err)
{
	struct ms_spki spki;
	if (der.len > MS_SPKI_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "public key: SPKI of %zu bytes", der.len);
	if (der.len == ED25519_SPKI_LEN && memcmp(der.p, ed25519_spki_head, sizeof ed25519_spki_head) == 0)
		return ms_pubkey_from_ed25519(der.p + sizeof ed25519_spki_head, ret, err);
	if (der.len == P384_SPKI_LEN && memcmp(der.p, p384_spki_head, sizeof p384_spki_head) == 0)
		return ms_pubkey_from_point384(der.p + sizeof p384_spki_head, ret, err);
	enum ms_rc rc = ms_der_spki_parse(der, &spki, err);
	if (rc != MS_OK)
		return rc;
	return spki.type == MS_SPKI_P256 ? ms_pubkey_from_point(spki.point.p, ret, err)
					 : ms_pubkey_from_rsa(spki.modulus, spki.exponent, ret, err);
}

enum ms_key_type
ms_pubkey_type(const struct ms_pubkey *k)
{
	return k->type;
}

unsigned
ms_pubkey_bits(const struct ms_pubkey *k)
{
	return k->bits;
}

struct ms_span
ms_pubkey_point(const struct ms_pubkey *k)
{
	return k->type == MS_KEY_RSA ? MS_SPAN_NONE : ms_span(k->raw, k->raw_len);
}

struct ms_span
ms_pubkey_modulus(const struct ms_pubkey *k)
{
	return k->type == MS_KEY_RSA ? ms_span(k->raw, k->raw_len) : MS_SPAN_NONE;
}

uint64_t
ms_pubkey_exponent(const struct ms_pubkey *k)
{
	return k->exponent;
}

struct ms_span
ms_pubkey_spki(const struct ms_pubkey *k)
{
	return ms_span(k->spki, k->spki_len);
}

const uint8_t *
ms_pubkey_id(const struct ms_pubkey *k)
{
	return k->id;
}

bool
ms_pubkey_eq(const struct ms_pubkey *a, const struct ms_pubkey *b)
{
	return ms_span_eq(ms_pubkey_spki(a), ms_pubkey_spki(b));
}
