/* Signature verification. One row per scheme; the context of the last scheme stays with the key. */
#include <openssl/rsa.h>

#include <assert.h>
#include <string.h>

#include "crypto/key_int.h"
#include "crypto/lib_int.h"

enum form { ECDSA, EDDSA, PKCS1, PSS };
static const struct row {
	enum form form;
	enum ms_hash hash;
	const char *md;
	int salt; /* PSS */
} rows[MS_SIG_SCHEME_COUNT] = {
    [MS_SIG_ECDSA_SHA256] = {ECDSA, MS_HASH_SHA256, NULL, 0},
    [MS_SIG_ECDSA_SHA384] = {ECDSA, MS_HASH_SHA384, NULL, 0},
    [MS_SIG_ED25519] = {EDDSA, MS_HASH_SHA512, NULL, 0},
    [MS_SIG_RSA_PKCS1_SHA256] = {PKCS1, MS_HASH_SHA256, "SHA2-256", 0},
    [MS_SIG_RSA_PKCS1_SHA384] = {PKCS1, MS_HASH_SHA384, "SHA2-384", 0},
    [MS_SIG_RSA_PKCS1_SHA512] = {PKCS1, MS_HASH_SHA512, "SHA2-512", 0},
    [MS_SIG_RSA_PSS_SHA256] = {PSS, MS_HASH_SHA256, "SHA2-256", RSA_PSS_SALTLEN_DIGEST},
    [MS_SIG_RSA_PSS_SHA384] = {PSS, MS_HASH_SHA384, "SHA2-384", RSA_PSS_SALTLEN_DIGEST},
    [MS_SIG_RSA_PSS_SHA512] = {PSS, MS_HASH_SHA512, "SHA2-512", RSA_PSS_SALTLEN_DIGEST},
    [MS_SIG_RSA_PSS_SHA256_TPM] = {PSS, MS_HASH_SHA256, "SHA2-256", RSA_PSS_SALTLEN_AUTO},
    [MS_SIG_RSA_PSS_SHA384_TPM] = {PSS, MS_HASH_SHA384, "SHA2-384", RSA_PSS_SALTLEN_AUTO},
    [MS_SIG_RSA_PSS_SHA512_TPM] = {PSS, MS_HASH_SHA512, "SHA2-512", RSA_PSS_SALTLEN_AUTO},
    [MS_SIG_ECDSA_SHA512] = {ECDSA, MS_HASH_SHA512, NULL, 0},
    [MS_SIG_ECDSA_SHA1] = {ECDSA, MS_HASH_SHA1, NULL, 0},
    [MS_SIG_RSA_PKCS1_SHA1] = {PKCS1, MS_HASH_SHA1, "SHA1", 0},
    [MS_SIG_RSA_PSS_SHA1_TPM] = {PSS, MS_HASH_SHA1, "SHA1", RSA_PSS_SALTLEN_AUTO},
};

#define COORD_MAX 48u
#define ECDSA_DER_MAX (2 * (COORD_MAX + 3) + 3)

static bool
form_fits(const struct row *r, enum ms_key_type type)
{
	switch (type) {
	case MS_KEY_P256:
	case MS_KEY_P384:
		return r->form == ECDSA;
	case MS_KEY_ED25519:
		return r->form == EDDSA;
	case MS_KEY_RSA:
		return r->form == PKCS1 || r->form == PSS;
	}
	return false;
}

/* INTEGER of an n-byte magnitude, n <= 48: returns its length, 0 when the value is zero. */
static size_t
put_integer(uint8_t *out, const uint8_t *p, size_t n)
{
	while (n > 0 && *p == 0)
		p++, n--;
	if (n == 0)
		return 0;
	size_t pad = *p >> 7;
	out[0] = 0x02;
	out[1] = (uint8_t)(n + pad);
	out[2] = 0;
	memcpy(out + 2 + pad, p, n);
	return 2 + pad + n;
}

/* OpenSSL takes ECDSA-Sig-Value only. Returns its length, 0 when r or s is zero. */
static size_t
ecdsa_der(uint8_t out[static ECDSA_DER_MAX], struct ms_span sig)
{
	size_t half = sig.len / 2;
	size_t r = put_integer(out + 2, sig.p, half);
	size_t s = r == 0 ? 0 : put_integer(out + 2 + r, sig.p + half, half);
	if (s == 0)
		return 0;
	out[0] = 0x30;
	out[1] = (uint8_t)(r + s); /* at most 102: one length byte */
	return 2 + r + s;
}

static enum ms_rc
verifier_get(const struct ms_pubkey *k, enum ms_sig_scheme scheme, EVP_PKEY_CTX **ret, struct ms_err *err)
{
	const struct ms_lib *lib;
	const struct row *row = &rows[scheme];
	struct ms_verifier *v = k->verifier;
	enum ms_rc rc = ms_lib_get(&lib, err);
	if (rc != MS_OK)
		return rc;
	if (v->ctx != NULL && v->scheme == scheme) {
		*ret = v->ctx;
		return MS_OK;
	}
	EVP_PKEY_CTX_free(v->ctx);
	v->ctx = NULL;
	MS_OWN(EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(lib->ctx, k->pkey, NULL);
	int ok = ctx != NULL && EVP_PKEY_verify_init(ctx) == 1;
	if (ok && row->form == PKCS1)
		ok = EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
		     EVP_PKEY_CTX_set_signature_md(ctx, lib->md[row->hash]) == 1;
	if (ok && row->form == PSS)
		ok = EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
		     EVP_PKEY_CTX_set_signature_md(ctx, lib->md[row->hash]) == 1 &&
		     EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, row->md, NULL) == 1 && EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, row->salt) == 1;
	if (!ok)
		return ms_lib_fail(err, "signature verification");
	*ret = v->ctx = ctx;
	v->scheme = scheme;
	ctx = NULL;
	return MS_OK;
}

static enum ms_rc
refuse(struct ms_err *err)
{
	ERR_clear_error();
	return ms_fail(err, MS_ERR_AUTH, "the signature does not verify");
}

static enum ms_rc
verify_ed25519(const struct ms_pubkey *k, struct ms_span msg, struct ms_span sig, struct ms_err *err)
{
	const struct ms_lib *lib;
	enum ms_rc rc = ms_lib_get(&lib, err);
	if (rc != MS_OK)
		return rc;
	if (sig.len != MS_SIG_LEN)
		return refuse(err);
	MS_OWN(EVP_MD_CTX_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	if (ctx == NULL || EVP_DigestVerifyInit_ex(ctx, NULL, NULL, lib->ctx, NULL, k->pkey, NULL) != 1)
		return ms_lib_fail(err, "signature verification");
	static const uint8_t none;
	return EVP_DigestVerify(ctx, sig.p, sig.len, msg.len == 0 ? &none : msg.p, msg.len) == 1 ? MS_OK : refuse(err);
}

enum ms_rc
ms_pubkey_verify_digest(const struct ms_pubkey *k, enum ms_sig_scheme scheme, struct ms_span digest, struct ms_span sig, struct ms_err *err)
{
	uint8_t der[ECDSA_DER_MAX];
	EVP_PKEY_CTX *ctx;
	if ((unsigned)scheme >= MS_SIG_SCHEME_COUNT || rows[scheme].form == EDDSA || !form_fits(&rows[scheme], k->type))
		return ms_fail(err, MS_ERR_USAGE, "signature scheme %u does not fit the key", (unsigned)scheme);
	if (digest.len != ms_hash_len(rows[scheme].hash))
		return ms_fail(err, MS_ERR_USAGE, "digest of %zu bytes", digest.len);
	if (rows[scheme].form == ECDSA) {
		size_t half = k->bits / 8;
		if (sig.len != 2 * half)
			return refuse(err);
		sig = ms_span(der, ecdsa_der(der, sig));
		if (sig.len == 0)
			return refuse(err);
	} else if (sig.len != k->raw_len) { /* RFC 8017 8.1.2, 8.2.2: as long as the modulus */
		return refuse(err);
	}
	enum ms_rc rc = verifier_get(k, scheme, &ctx, err);
	if (rc != MS_OK)
		return rc;
	return EVP_PKEY_verify(ctx, sig.p, sig.len, digest.p, digest.len) == 1 ? MS_OK : refuse(err);
}

enum ms_rc
ms_pubkey_verify(const struct ms_pubkey *k, enum ms_sig_scheme scheme, struct ms_span msg, struct ms_span sig, struct ms_err *err)
{
	uint8_t digest[MS_HASH_LEN_MAX];
	if ((unsigned)scheme >= MS_SIG_SCHEME_COUNT || !form_fits(&rows[scheme], k->type))
		return ms_fail(err, MS_ERR_USAGE, "signature scheme %u does not fit the key", (unsigned)scheme);
	if (rows[scheme].form == EDDSA)
		return verify_ed25519(k, msg, sig, err);
	ms_hashv(rows[scheme].hash, &msg, 1, digest);
	return ms_pubkey_verify_digest(k, scheme, ms_span(digest, ms_hash_len(rows[scheme].hash)), sig, err);
}
