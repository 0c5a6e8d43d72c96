/* TPM 2.0 Library Part 1: 11.4.10 (KDFa, KDFe), 24 (credential protection), B.10.3 and C.6.1 (secret sharing). */
#include "crypto/credential.h"

#include <string.h>

#include <openssl/rsa.h>

#include "base/io.h"
#include "crypto/ecdh.h"
#include "crypto/hash_int.h"
#include "crypto/key_int.h"
#include "crypto/lib_int.h"

#define SEED_LEN MS_SHA256_LEN /* the digest of the EK's nameAlg */
#define SYM_KEY_LEN 16u        /* AES-128 */
#define COORD_LEN 32u

struct work {
	uint8_t seed[SEED_LEN];
	uint8_t sym_key[MS_SHA256_LEN]; /* the first SYM_KEY_LEN bytes */
	uint8_t mac_key[MS_SHA256_LEN];
	uint8_t plain[2 + MS_CREDENTIAL_SECRET_MAX]; /* TPM2B */
};

/* One block of KDFa: HMAC(key, 1 | label with its NUL | context | bits). */
static enum ms_rc
kdfa(const uint8_t seed[static SEED_LEN], struct ms_span label, struct ms_span context, uint32_t bits, uint8_t out[static MS_SHA256_LEN])
{
	static const uint8_t one[4] = {0, 0, 0, 1};
	const uint8_t n[4] = {0, 0, (uint8_t)(bits >> 8), (uint8_t)bits};
	const struct ms_span parts[] = {ms_span(one, 4), label, context, ms_span(n, 4)};
	return ms_hmac_raw(ms_span(seed, SEED_LEN), parts, 4, out, NULL);
}

static enum ms_rc
seed_by_rsa(const struct ms_pubkey *ek, struct work *w, struct ms_buf *encrypted, struct ms_err *err)
{
	const struct ms_lib *lib;
	char md[] = "SHA2-256", pad[] = OSSL_PKEY_RSA_PAD_MODE_OAEP, label[] = "IDENTITY"; /* with its NUL */
	uint8_t out[MS_RSA_MAX];
	size_t len = sizeof out;
	enum ms_rc rc = ms_lib_get(&lib, err);
	if (rc == MS_OK)
		rc = ms_random(w->seed, sizeof w->seed, err);
	if (rc != MS_OK)
		return rc;
	OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, pad, 0),
	    OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, md, 0),
	    OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, md, 0),
	    OSSL_PARAM_construct_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, label, sizeof label), OSSL_PARAM_construct_end()};
	MS_OWN(EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(lib->ctx, ek->pkey, NULL);
	if (ctx == NULL || EVP_PKEY_encrypt_init_ex(ctx, params) != 1 || EVP_PKEY_encrypt(ctx, out, &len, w->seed, sizeof w->seed) != 1)
		return ms_lib_fail(err, "credential: RSA-OAEP");
	ms_buf_put(encrypted, out, len);
	return MS_OK;
}

static enum ms_rc
seed_by_ecdh(const struct ms_pubkey *ek, struct work *w, struct ms_buf *encrypted, struct ms_err *err)
{
	static const uint8_t one[4] = {0, 0, 0, 1};
	MS_OWN(ms_ecdh_key_free) struct ms_ecdh_key *ephemeral = NULL;
	MS_OWN(ms_secret_free) struct ms_secret *z = NULL;
	const uint8_t *peer = ms_pubkey_point(ek).p;
	enum ms_rc rc = ms_ecdh_key_generate(&ephemeral, err);
	if (rc != MS_OK)
		return rc;
	struct ms_ecdh e = ms_ecdh_key_ecdh(ephemeral);
	rc = ms_ecdh_derive(&e, peer, &z, err);
	if (rc != MS_OK)
		return rc;
	const uint8_t *x = e.point + 1, *y = x + COORD_LEN;
	const struct ms_span parts[] = {ms_span(one, 4), ms_span(ms_secret_peek(z), MS_ECDH_Z_LEN), ms_span("IDENTITY", 9),
	    ms_span(x, COORD_LEN), ms_span(peer + 1, COORD_LEN)};
	ms_sha256v(parts, 5, w->seed);
	ms_buf_u16(encrypted, COORD_LEN); /* TPMS_ECC_POINT */
	ms_buf_put(encrypted, x, COORD_LEN);
	ms_buf_u16(encrypted, COORD_LEN);
	ms_buf_put(encrypted, y, COORD_LEN);
	return MS_OK;
}

/* AES-128-CFB with a zero IV, as credential protection wants: each seed is used once. */
static enum ms_rc
encrypt(const struct work *w, size_t len, uint8_t *out, struct ms_err *err)
{
	static const uint8_t iv[16];
	const struct ms_lib *lib;
	int n = 0;
	enum ms_rc rc = ms_lib_get(&lib, err);
	if (rc != MS_OK)
		return rc;
	MS_OWN(EVP_CIPHER_CTX_free) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	if (ctx == NULL || EVP_EncryptInit_ex2(ctx, lib->aes128_cfb, w->sym_key, iv, NULL) != 1 ||
	    EVP_EncryptUpdate(ctx, out, &n, w->plain, (int)len) != 1 || (size_t)n != len)
		return ms_lib_fail(err, "credential: AES-CFB");
	return MS_OK;
}

static enum ms_rc
wrap(struct work *w, struct ms_span name, const struct ms_secret *secret, struct ms_buf *blob, struct ms_err *err)
{
	uint8_t identity[sizeof w->plain], mac[MS_SHA256_LEN];
	size_t len = ms_secret_len(secret), id_len = 2 + len;
	w->plain[1] = (uint8_t)len;
	memcpy(w->plain + 2, ms_secret_peek(secret), len);
	enum ms_rc rc = kdfa(w->seed, ms_span("STORAGE", 8), name, SYM_KEY_LEN * 8, w->sym_key);
	if (rc == MS_OK)
		rc = kdfa(w->seed, ms_span("INTEGRITY", 10), MS_SPAN_NONE, MS_SHA256_LEN * 8, w->mac_key);
	if (rc == MS_OK)
		rc = encrypt(w, id_len, identity, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "credential");
	const struct ms_span parts[] = {ms_span(identity, id_len), name};
	rc = ms_hmac_raw(ms_span(w->mac_key, sizeof w->mac_key), parts, 2, mac, err);
	if (rc != MS_OK)
		return rc;
	ms_buf_u16(blob, sizeof mac);
	ms_buf_put(blob, mac, sizeof mac);
	ms_buf_put(blob, identity, id_len);
	return MS_OK;
}

enum ms_rc
ms_credential_make(const struct ms_pubkey *ek, const uint8_t name[static MS_CREDENTIAL_NAME_LEN], const struct ms_secret *secret,
    struct ms_buf *blob, struct ms_buf *encrypted, struct ms_err *err)
{
	MS_OWN(ms_secret_free) struct ms_secret *s = NULL;
	if (ek->type != MS_KEY_RSA && ek->type != MS_KEY_P256)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "credential: the EK is neither RSA nor P-256");
	if (name[0] != 0x00 || name[1] != 0x0b) /* TPM_ALG_SHA256 */
		return ms_fail(err, MS_ERR_UNSUPPORTED, "credential: the name is not of SHA-256");
	if (ms_secret_len(secret) == 0 || ms_secret_len(secret) > MS_CREDENTIAL_SECRET_MAX)
		return ms_fail(err, MS_ERR_USAGE, "credential: secret of %zu bytes", ms_secret_len(secret));
	enum ms_rc rc = ms_secret_new(sizeof(struct work), &s, err);
	if (rc != MS_OK)
		return rc;
	struct work *w = (struct work *)ms_secret_bytes(s);
	rc = ek->type == MS_KEY_RSA ? seed_by_rsa(ek, w, encrypted, err) : seed_by_ecdh(ek, w, encrypted, err);
	if (rc == MS_OK)
		rc = wrap(w, ms_span(name, MS_CREDENTIAL_NAME_LEN), secret, blob, err);
	if (rc == MS_OK)
		rc = ms_buf_check(encrypted, err);
	if (rc == MS_OK)
		rc = ms_buf_check(blob, err);
	return rc;
}
