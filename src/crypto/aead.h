/* AES-GCM with explicit 96-bit nonces. Keys and plaintexts are secrets. */
#ifndef MS_AEAD_H
#define MS_AEAD_H
#include "base/bytes.h"
#include "base/secret.h"

#define MS_AEAD_IV_LEN 12u
#define MS_AEAD_TAG_LEN 16u
#define MS_AEAD_MAX (16u << 20) /* bytes of a plaintext, and of aad */

enum ms_aead_alg { MS_AES_128_GCM, MS_AES_256_GCM };
struct ms_aead {
	enum ms_aead_alg alg;
	const struct ms_secret *key; /* 16 or 32 bytes, as alg wants */
	const uint8_t *iv;           /* MS_AEAD_IV_LEN bytes: never twice with one key */
	struct ms_span aad;
};
/* Append ciphertext | tag. MS_ERR_USAGE on a key of another length. Nothing is appended on error. */
MS_MUST_USE enum ms_rc ms_aead_seal(const struct ms_aead *a, const struct ms_secret *pt, struct ms_buf *out, struct ms_err *err);
/* ct is ciphertext | tag. MS_ERR_AUTH when it was not sealed so; no plaintext leaves before the tag was checked. */
MS_MUST_USE enum ms_rc ms_aead_open(const struct ms_aead *a, struct ms_span ct, struct ms_secret **ret, struct ms_err *err);

#endif
