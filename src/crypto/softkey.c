/* Signing keys in software. */
#include <stdlib.h>
#include <string.h>

#include "codec/cose.h"
#include "codec/der.h"
#include "crypto/key_int.h"
#include "crypto/lib_int.h"

struct ms_softkey {
	EVP_PKEY *pkey;
	EVP_PKEY_CTX *ctx; /* P-256: ready to sign digests */
	struct ms_pubkey *pub;
};

void
ms_softkey_free(struct ms_softkey *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_CTX_free(k->ctx);
	EVP_PKEY_free(k->pkey);
	ms_pubkey_free(k->pub);
	free(k);
}

static enum ms_rc
finish_p256(struct ms_softkey *k, const uint8_t point[static MS_POINT_LEN], struct ms_err *err)
{
	const struct ms_lib *lib;
	enum ms_rc rc = ms_lib_get(&lib, err);
	if (rc == MS_OK)
		rc = ms_pubkey_from_point(point, &k->pub, err);
	if (rc != MS_OK)
		return rc;
	k->ctx = EVP_PKEY_CTX_new_from_pkey(lib->ctx, k->pkey, NULL);
	return k->ctx != NULL && EVP_PKEY_sign_init(k->ctx) == 1 ? MS_OK : ms_lib_fail(err, "signing key");
}

static enum ms_rc
finish_ed25519(struct ms_softkey *k, struct ms_err *err)
{
	uint8_t raw[MS_ED25519_LEN];
	size_t len = sizeof raw;
	if (k->pkey == NULL || EVP_PKEY_get_raw_public_key(k->pkey, raw, &len) != 1 || len != sizeof raw)
		return ms_lib_fail(err, "Ed25519 key");
	return ms_pubkey_from_ed25519(raw, &k->pub, err);
}

enum ms_rc
ms_softkey_generate(enum ms_key_type type, struct ms_softkey **ret, struct ms_err *err)
{
	const struct ms_lib *lib;
	uint8_t point[MS_POINT_LEN];
	if (type != MS_KEY_P256 && type != MS_KEY_ED25519)
		return ms_fail(err, MS_ERR_USAGE, "signing keys are P-256 or Ed25519");
	enum ms_rc rc = ms_lib_get(&lib, err);
	if (rc != MS_OK)
		return rc;
	MS_OWN(ms_softkey_free) struct ms_softkey *k = calloc(1, sizeof *k);
	if (k == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "signing key");
	if (type == MS_KEY_P256) {
		rc = ms_p256_generate(&k->pkey, point, err);
		if (rc == MS_OK)
			rc = finish_p256(k, point, err);
	} else {
		k->pkey = EVP_PKEY_Q_keygen(lib->ctx, NULL, "ED25519");
		rc = finish_ed25519(k, err);
	}
	if (rc != MS_OK)
		return rc;
	*ret = k;
	k = NULL;
	return MS_OK;
}

enum ms_rc
ms_softkey_load(enum ms_key_type type, const struct ms_secret *raw, struct ms_softkey **ret, struct ms_err *err)
{
	const struct ms_lib *lib;
	uint8_t point[MS_POINT_LEN];
	if (type != MS_KEY_P256 && type != MS_KEY_ED25519)
		return ms_fail(err, MS_ERR_USAGE, "signing keys are P-256 or Ed25519");
	if (ms_secret_len(raw) != MS_RAW_KEY_LEN)
		return ms_fail(err, MS_ERR_MALFORMED, "signing key of %zu bytes", ms_secret_len(raw));
	enum ms_rc rc = ms_lib_get(&lib, err);
	if (rc != MS_OK)
		return rc;
	MS_OWN(ms_softkey_free) struct ms_softkey *k = calloc(1, sizeof *k);
	if (k == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "signing key");
	if (type == MS_KEY_P256) {
		rc = ms_p256_load(raw, &k->pkey, point, err);
		if (rc == MS_OK)
			rc = finish_p256(k, point, err);
	} else {
		k->pkey = EVP_PKEY_new_raw_private_key_ex(lib->ctx, "ED25519", NULL, ms_secret_peek(raw), MS_RAW_KEY_LEN);
		rc = finish_ed25519(k, err);
	}
	if (rc != MS_OK)
		return rc;
	*ret = k;
	k = NULL;
	return MS_OK;
}

enum ms_rc
ms_softkey_save(const struct ms_softkey *k, struct ms_secret **ret, struct ms_err *err)
{
	MS_OWN(ms_secret_free) struct ms_secret *out = NULL;
	size_t len = MS_RAW_KEY_LEN;
	if (ms_pubkey_type(k->pub) == MS_KEY_P256)
		return ms_p256_save(k->pkey, ret, err);
	enum ms_rc rc = ms_secret_new(MS_RAW_KEY_LEN, &out, err);
	if (rc != MS_OK)
		return rc;
	if (EVP_PKEY_get_raw_private_key(k->pkey, ms_secret_bytes(out), &len) != 1 || len != MS_RAW_KEY_LEN)
		return ms_lib_fail(err, "Ed25519 key");
	ms_secret_set_len(out, len);
	*ret = out;
	out = NULL;
	return MS_OK;
}

const struct ms_pubkey *
ms_softkey_public(const struct ms_softkey *k)
{
	return k->pub;
}

enum ms_rc
ms_softkey_sign_digest(struct ms_softkey *k, const uint8_t digest[static MS_SHA256_LEN], uint8_t sig[static MS_SIG_LEN], struct ms_err *err)
{
	uint8_t der[MS_DER_ECDSA_MAX];
	size_t len = sizeof der;
	if (k->ctx == NULL)
		return ms_fail(err, MS_ERR_USAGE, "this key signs no digests");
	if (EVP_PKEY_sign(k->ctx, der, &len, digest, MS_SHA256_LEN) != 1)
		return ms_lib_fail(err, "sign");
	return ms_der_ecdsa_parse(ms_span(der, len), sig, err);
}

static enum ms_rc
sign_p256(void *ctx, struct ms_span msg, uint8_t sig[static MS_SIG_LEN], struct ms_err *err)
{
	uint8_t digest[MS_SHA256_LEN];
	ms_sha256(msg, digest);
	return ms_softkey_sign_digest(ctx, digest, sig, err);
}

static enum ms_rc
sign_ed25519(void *ctx, struct ms_span msg, uint8_t sig[static MS_SIG_LEN], struct ms_err *err)
{
	static const uint8_t none;
	const struct ms_softkey *k = ctx;
	const struct ms_lib *lib;
	uint8_t out[MS_SIG_LEN];
	size_t len = sizeof out;
	enum ms_rc rc = ms_lib_get(&lib, err);
	if (rc != MS_OK)
		return rc;
	MS_OWN(EVP_MD_CTX_free) EVP_MD_CTX *md = EVP_MD_CTX_new();
	if (md == NULL || EVP_DigestSignInit_ex(md, NULL, NULL, lib->ctx, NULL, k->pkey, NULL) != 1 ||
	    EVP_DigestSign(md, out, &len, msg.len == 0 ? &none : msg.p, msg.len) != 1 || len != sizeof out)
		return ms_lib_fail(err, "sign");
	memcpy(sig, out, sizeof out);
	return MS_OK;
}

struct ms_signer
ms_softkey_signer(struct ms_softkey *k)
{
	static const struct ms_signer_ops p256_ops = {"software", sign_p256}, ed25519_ops = {"software", sign_ed25519};
	bool p256 = ms_pubkey_type(k->pub) == MS_KEY_P256;
	return (struct ms_signer){p256 ? &p256_ops : &ed25519_ops, k, p256 ? MS_COSE_ES256 : MS_COSE_EDDSA, k->pub};
}

enum ms_rc
ms_signer_sign(const struct ms_signer *s, struct ms_span msg, uint8_t sig[static MS_SIG_LEN], struct ms_err *err)
{
	enum ms_rc rc = s->ops->sign(s->ctx, msg, sig, err);
	return rc == MS_OK ? MS_OK : ms_prefix(err, rc, "%s key", s->ops->name);
}
