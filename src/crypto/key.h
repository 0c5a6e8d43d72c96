/* Public keys, what verifies with them, and signers. The backend of a signer may be software, a token or a TPM. */
#ifndef MS_KEY_H
#define MS_KEY_H
#include "base/bytes.h"
#include "base/secret.h"
#include "crypto/hash.h"

#define MS_POINT_LEN 65u    /* P-256: 04 | x | y */
#define MS_POINT384_LEN 97u /* P-384 */
#define MS_ED25519_LEN 32u  /* public key */
#define MS_RAW_KEY_LEN 32u  /* private scalar of P-256, or Ed25519 seed */
#define MS_SIG_LEN 64u      /* P-256: r | s; Ed25519 */
#define MS_KEY_ID_LEN 32u   /* SHA-256 of the SubjectPublicKeyInfo DER */
#define MS_SPKI_MAX 600u    /* bytes of a SubjectPublicKeyInfo */
#define MS_RSA_MAX 512u     /* bytes of a modulus or signature */

enum ms_key_type {
	MS_KEY_P256,
	MS_KEY_P384, /* verification only */
	MS_KEY_ED25519,
	MS_KEY_RSA, /* 2048 to 4096 bits; verification, and TPM credentials */
};

enum ms_sig_scheme {
	MS_SIG_ECDSA_SHA256, /* P-256: raw r | s, 64 bytes; P-384: 96 */
	MS_SIG_ECDSA_SHA384,
	MS_SIG_ED25519, /* 64 bytes; message only, there is no digest form */
	MS_SIG_RSA_PKCS1_SHA256,
	MS_SIG_RSA_PKCS1_SHA384,
	MS_SIG_RSA_PKCS1_SHA512,
	MS_SIG_RSA_PSS_SHA256, /* MGF1 of the same hash, salt as long as the hash */
	MS_SIG_RSA_PSS_SHA384,
	MS_SIG_RSA_PSS_SHA512,
	MS_SIG_RSA_PSS_SHA256_TPM, /* salt of any length: TPMs choose the longest that fits */
	MS_SIG_RSA_PSS_SHA384_TPM,
	MS_SIG_RSA_PSS_SHA512_TPM,
	MS_SIG_ECDSA_SHA512,
	/* SHA-1 collides: only for old quotes in files, and only when a person asks for it by name */
	MS_SIG_ECDSA_SHA1,
	MS_SIG_RSA_PKCS1_SHA1,
	MS_SIG_RSA_PSS_SHA1_TPM,
	MS_SIG_SCHEME_COUNT
};

/* A public key that passed its checks: point on the curve, RSA of 2048 to 4096 bits with an odd exponent 65537..2^32-1.
 * All sizes are checked before any arithmetic. */
struct ms_pubkey;
/* All: MS_OK, caller owns *ret; MS_ERR_MALFORMED (not on the curve, even modulus); MS_ERR_UNSUPPORTED (size, exponent,
 * algorithm); MS_ERR_CRYPTO; MS_ERR_NOMEM. That a key parses says nothing about whose it is. */
MS_MUST_USE enum ms_rc ms_pubkey_from_point(const uint8_t point[static MS_POINT_LEN], struct ms_pubkey **ret, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_pubkey_from_point384(const uint8_t point[static MS_POINT384_LEN], struct ms_pubkey **ret, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_pubkey_from_ed25519(const uint8_t raw[static MS_ED25519_LEN], struct ms_pubkey **ret, struct ms_err *err);
/* Modulus big-endian, leading zeros allowed. */
MS_MUST_USE enum ms_rc ms_pubkey_from_rsa(struct ms_span modulus, uint64_t exponent, struct ms_pubkey **ret, struct ms_err *err);
/* A whole SubjectPublicKeyInfo in strict DER. */
MS_MUST_USE enum ms_rc ms_pubkey_from_spki(struct ms_span der, struct ms_pubkey **ret, struct ms_err *err);
void ms_pubkey_free(struct ms_pubkey *k);
MS_CLEANUP(struct ms_pubkey, ms_pubkey_free)

enum ms_key_type ms_pubkey_type(const struct ms_pubkey *k);
unsigned ms_pubkey_bits(const struct ms_pubkey *k);          /* 256, 384, 256 (Ed25519), or the modulus' */
struct ms_span ms_pubkey_point(const struct ms_pubkey *k);   /* raw point or Ed25519 bytes; MS_SPAN_NONE for RSA. Borrowed */
struct ms_span ms_pubkey_modulus(const struct ms_pubkey *k); /* RSA, without leading zeros; else MS_SPAN_NONE. Borrowed */
uint64_t ms_pubkey_exponent(const struct ms_pubkey *k);      /* RSA, else 0 */
struct ms_span ms_pubkey_spki(const struct ms_pubkey *k);    /* DER, borrowed */
const uint8_t *ms_pubkey_id(const struct ms_pubkey *k);      /* MS_KEY_ID_LEN bytes, borrowed */
bool ms_pubkey_eq(const struct ms_pubkey *a, const struct ms_pubkey *b);

/* MS_OK: sig is a signature of msg (or of the digest) by k. MS_ERR_AUTH: it is not, whatever the reason inside the
 * signature. MS_ERR_USAGE: the scheme is not one of this key's type, or the digest has another length. */
MS_MUST_USE enum ms_rc ms_pubkey_verify(
    const struct ms_pubkey *k, enum ms_sig_scheme scheme, struct ms_span msg, struct ms_span sig, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_pubkey_verify_digest(
    const struct ms_pubkey *k, enum ms_sig_scheme scheme, struct ms_span digest, struct ms_span sig, struct ms_err *err);

/* A private key that signs, wherever it lives. alg is MS_COSE_ES256 (P-256, SHA-256, r | s) or MS_COSE_EDDSA. A value
 * type: ctx and pub are borrowed from the backend and must outlive it. */
struct ms_signer_ops {
	const char *name; /* "software", "pkcs11", "tpm": for messages */
	/* Sign msg itself (not its digest). May block on a device. sig is written only on MS_OK. */
	enum ms_rc (*sign)(void *ctx, struct ms_span msg, uint8_t sig[static MS_SIG_LEN], struct ms_err *err);
};
struct ms_signer {
	const struct ms_signer_ops *ops;
	void *ctx;
	int64_t alg;
	const struct ms_pubkey *pub;
};
MS_MUST_USE enum ms_rc ms_signer_sign(const struct ms_signer *s, struct ms_span msg, uint8_t sig[static MS_SIG_LEN], struct ms_err *err);

/* Software backend: P-256 or Ed25519. One key, one purpose: what signs never derives (that is ms_ecdh_key). */
struct ms_softkey;
MS_MUST_USE enum ms_rc ms_softkey_generate(enum ms_key_type type, struct ms_softkey **ret, struct ms_err *err);
/* raw: MS_RAW_KEY_LEN bytes, the scalar (1..n-1, big-endian) or the seed. MS_ERR_MALFORMED otherwise. */
MS_MUST_USE enum ms_rc ms_softkey_load(enum ms_key_type type, const struct ms_secret *raw, struct ms_softkey **ret, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_softkey_save(const struct ms_softkey *k, struct ms_secret **ret, struct ms_err *err);
void ms_softkey_free(struct ms_softkey *k);
MS_CLEANUP(struct ms_softkey, ms_softkey_free)
const struct ms_pubkey *ms_softkey_public(const struct ms_softkey *k); /* borrowed */
struct ms_signer ms_softkey_signer(struct ms_softkey *k);              /* borrows k */
/* As a token does: P-256 over a SHA-256 digest made by the caller. MS_ERR_USAGE for an Ed25519 key. */
MS_MUST_USE enum ms_rc ms_softkey_sign_digest(
    struct ms_softkey *k, const uint8_t digest[static MS_SHA256_LEN], uint8_t sig[static MS_SIG_LEN], struct ms_err *err);

#endif
