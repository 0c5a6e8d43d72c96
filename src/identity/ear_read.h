/* The reading half of EAR (identity/ear.h): what a relying party does with a token, offline. For programs that may link
 * with a JSON library; keeper does not. */
#ifndef MS_EAR_READ_H
#define MS_EAR_READ_H
#include "codec/json.h"
#include "crypto/jws.h"
#include "identity/ear.h"

#define MS_EAR_SKEW_S 300u /* how far the issuer's clock may be ahead */

struct ms_ear_expect {
	uint64_t now_s;
	struct ms_span nonce; /* empty: not asked */
	const char *audience; /* NULL: the token must name none (RFC 7519 4.1.3) */
};
struct ms_ear_read {
	json_t *claims;          /* owned: all of the token's, well-formed as far as named below */
	enum ms_ear_tier status; /* of the whole: its own, or the worst of its parts */
	uint64_t issued_s, expires_s;
	size_t n_submods;
};
void ms_ear_read_fini(struct ms_ear_read *r); /* safe on a zeroed struct */
MS_CLEANUP_FINI(struct ms_ear_read, ms_ear_read_fini)
/* A token signed by one of the keys, of this profile, within its time, for this audience and nonce; statuses and vectors
 * are of their form and no status is better than what it sums up. Says nothing about whether the status is good enough.
 * *ret_reason is set with every error; it may be NULL. */
MS_MUST_USE enum ms_rc ms_ear_verify(const struct ms_jws_keys *keys, struct ms_span token, const struct ms_ear_expect *x,
    struct ms_ear_read *ret, enum ms_token_reason *ret_reason, struct ms_err *err);

#endif
