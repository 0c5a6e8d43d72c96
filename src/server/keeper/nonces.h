/* Nonces that keeper acted on, and for what: one nonce, one request (I7). Bounded; forgets what has expired. */
#ifndef MS_KEEPER_NONCES_H
#define MS_KEEPER_NONCES_H
#include "base/bytes.h"

#define MS_NONCES_MAX (1u << 20) /* live ones; then nothing is granted until some expire */

struct ms_nonce_slot;
struct ms_nonces { /* zero-initialise */
	struct ms_nonce_slot *slot;
	size_t cap, n; /* cap is a power of two; n includes expired ones */
};
void ms_nonces_fini(struct ms_nonces *t);
/* `digest` (32 bytes) is what it is used for. MS_OK: first use, or the same one again. MS_ERR_REPLAY: it was used for something
 * else. MS_ERR_LIMITED: too many are remembered. MS_ERR_NOMEM. It is remembered until until_s. */
MS_MUST_USE enum ms_rc ms_nonces_use(
    struct ms_nonces *t, struct ms_span nonce, const uint8_t digest[static 32], uint64_t until_s, uint64_t now_s, struct ms_err *err);

#endif
