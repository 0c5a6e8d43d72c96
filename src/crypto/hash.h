/* SHA-2, HMAC and HKDF; SHA-1 and SM3 for what others hashed. */
#ifndef MS_HASH_H
#define MS_HASH_H
#include "base/bytes.h"
#include "base/secret.h"

#define MS_SHA1_LEN 20u
#define MS_SHA256_LEN 32u
#define MS_SHA384_LEN 48u
#define MS_SHA512_LEN 64u
#define MS_SM3_LEN 32u
#define MS_HASH_LEN_MAX 64u

enum ms_hash {
	MS_HASH_SHA256,
	MS_HASH_SHA384,
	MS_HASH_SHA512,
	MS_HASH_SHA1, /* only to follow TCG and IMA logs of old banks: never signed, never for names */
	MS_HASH_SM3,  /* only to follow logs of SM3 banks; not every build of the crypto library has it: ms_hash_need() first */
};
size_t ms_hash_len(enum ms_hash h);
/* MS_OK: h can be computed here. MS_ERR_UNSUPPORTED: the crypto library has no SM3. The other hashes are always there. */
MS_MUST_USE enum ms_rc ms_hash_need(enum ms_hash h, struct ms_err *err);

/* Digests have no error to return: once ms_crypto_init() succeeded no input is refused. Were one to fail all the same (no
 * memory for a few hundred bytes), the process ends: no digest may be wrong in silence. */
void ms_hashv(enum ms_hash h, const struct ms_span *parts, size_t n, uint8_t *out); /* ms_hash_len(h) bytes; parts in a row */
void ms_sha256v(const struct ms_span *parts, size_t n, uint8_t out[static MS_SHA256_LEN]);
void ms_sha256(struct ms_span s, uint8_t out[static MS_SHA256_LEN]);
void ms_sha384(struct ms_span s, uint8_t out[static MS_SHA384_LEN]);
void ms_sha512(struct ms_span s, uint8_t out[static MS_SHA512_LEN]);

/* Streaming. A hasher is used again after ms_hasher_final(), which begins it anew. */
struct ms_hasher;
MS_MUST_USE enum ms_rc ms_hasher_new(enum ms_hash h, struct ms_hasher **ret, struct ms_err *err);
void ms_hasher_free(struct ms_hasher *h);
MS_CLEANUP(struct ms_hasher, ms_hasher_free)
void ms_hasher_add(struct ms_hasher *h, struct ms_span s);
void ms_hasher_final(struct ms_hasher *h, uint8_t *out); /* ms_hash_len() bytes */

/* HMAC-SHA256 over parts in a row. Any key length. */
MS_MUST_USE enum ms_rc ms_hmac_sha256v(
    const struct ms_secret *key, const struct ms_span *parts, size_t n, uint8_t out[static MS_SHA256_LEN], struct ms_err *err);
/* Constant time: MS_ERR_AUTH when mac (up to 32 bytes, at least 16: a truncation) is not that of the parts. */
MS_MUST_USE enum ms_rc ms_hmac_sha256_verify(
    const struct ms_secret *key, const struct ms_span *parts, size_t n, struct ms_span mac, struct ms_err *err);
/* The MAC as a new secret of 32 bytes: derivation of keys and credential secrets. */
MS_MUST_USE enum ms_rc ms_hmac_sha256_secret(
    const struct ms_secret *key, const struct ms_span *parts, size_t n, struct ms_secret **ret, struct ms_err *err);

/* HKDF-SHA256 (RFC 5869). An empty salt is 32 zero bytes. */
MS_MUST_USE enum ms_rc ms_hkdf_extract(struct ms_span salt, const struct ms_secret *ikm, struct ms_secret **ret, struct ms_err *err);
/* 1 <= len <= 255 * 32, else MS_ERR_USAGE. */
MS_MUST_USE enum ms_rc ms_hkdf_expand(
    const struct ms_secret *prk, struct ms_span info, size_t len, struct ms_secret **ret, struct ms_err *err);

#endif
