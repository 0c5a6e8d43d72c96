/* Signed JSON tokens: compact JWS (RFC 7515) with ES256 or EdDSA, and the key sets (RFC 7517) that verify them.
 * Building (jws.c) writes a few known members and needs no JSON library; reading (jwskeys.c) goes through codec/jose. */
#ifndef MS_JWS_H
#define MS_JWS_H
#include "codec/jose.h"
#include "crypto/key.h"

#define MS_THUMBPRINT_TEXT_LEN 43u /* base64url of 32 bytes */

/* ---- building ---- */

/* RFC 7638 thumbprint (SHA-256), base64url: the key id of ours. MS_ERR_USAGE for RSA or P-384. */
MS_MUST_USE enum ms_rc ms_jwk_thumbprint(const struct ms_pubkey *k, char ret[static MS_THUMBPRINT_TEXT_LEN + 1], struct ms_err *err);
/* {"keys":[...]}: each key with kid, alg and use. Deterministic. At least one key. */
MS_MUST_USE enum ms_rc ms_jwks_build(const struct ms_pubkey *const *keys, size_t n, struct ms_buf *out, struct ms_err *err);
/* Append header.payload.signature; header {"alg","kid","typ"}. `typ`: letters, digits and "+-." only. */
MS_MUST_USE enum ms_rc ms_jws_sign(
    const struct ms_signer *s, const char *typ, struct ms_span payload, struct ms_buf *out, struct ms_err *err);

/* ---- verifying ---- */

/* Keys that passed their checks (points on the curve), by id. That the set is whose it should be is the caller's to know. */
struct ms_jws_keys;
MS_MUST_USE enum ms_rc ms_jws_keys_load(struct ms_span jwks, struct ms_jws_keys **ret, struct ms_err *err);
void ms_jws_keys_free(struct ms_jws_keys *k);
MS_CLEANUP(struct ms_jws_keys, ms_jws_keys_free)
size_t ms_jws_keys_count(const struct ms_jws_keys *k);

/* The key with the token's id (or the only key, when the token names none) made this signature, by the key's own algorithm,
 * and "typ" is in `types` (NULL-terminated; "" stands for none; NULL: not asked). The payload is appended only on MS_OK.
 * MS_ERR_AUTH and others by *ret_reason, which may be NULL. */
MS_MUST_USE enum ms_rc ms_jws_verify(const struct ms_jws_keys *keys, struct ms_span text, const char *const *types, struct ms_buf *payload,
    enum ms_token_reason *ret_reason, struct ms_err *err);

#endif
