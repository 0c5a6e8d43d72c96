/* Core's pool of appraiser workers: each takes one piece of evidence and is gone. Their answers are claims about the
 * evidence they were given, believed as far as the device's signature over it goes, and parsed as hostile bytes.
 * For an event loop: poll ms_appraisers_fd() (an epoll descriptor: readable when something happened). */
#ifndef MS_SERVER_CORE_APPRAISERS_H
#define MS_SERVER_CORE_APPRAISERS_H
#include "base/bytes.h"

struct ms_appraisers;
/* rc MS_OK: claims (borrowed). Else why there are none: MS_ERR_MALFORMED, MS_ERR_TOO_BIG, MS_ERR_UNSUPPORTED are about the evidence,
 * and `said` is what the worker says of it (borrowed, any bytes); MS_ERR_TIMEOUT and MS_ERR_UNAVAILABLE (the worker died) are
 * infrastructure, never a verdict. */
typedef void (*ms_appraisers_done)(void *ctx, uint64_t id, enum ms_rc rc, struct ms_span said);

/* chan_fd: core's channel to the appraiser, taken also on error. At most `queue_max` requests wait for a worker, and no more than
 * MS_APPRAISERS_QUEUE_BYTES of them. */
#define MS_APPRAISERS_QUEUE_BYTES (64u << 20)
MS_MUST_USE enum ms_rc ms_appraisers_new(
    int chan_fd, size_t queue_max, unsigned timeout_ms, ms_appraisers_done done, void *ctx, struct ms_appraisers **ret, struct ms_err *err);
void ms_appraisers_free(struct ms_appraisers *a);
MS_CLEANUP(struct ms_appraisers, ms_appraisers_free)
int ms_appraisers_fd(const struct ms_appraisers *a);
/* Give a piece of evidence (evidence/appraise.h request, copied when it must wait) to an idle worker. `id` comes back in `done`, which is
 * called from ms_appraisers_turn() only. MS_ERR_LIMITED when too many wait. */
MS_MUST_USE enum ms_rc ms_appraisers_start(struct ms_appraisers *a, uint64_t id, struct ms_span request, struct ms_err *err);
/* Do what is due, without waiting. An error is the end of the appraiser process or a broken rule of its: core exits. */
MS_MUST_USE enum ms_rc ms_appraisers_turn(struct ms_appraisers *a, struct ms_err *err);
/* Until the next timeout: -1 for none, as poll() takes it. Call turn at the latest then. */
int ms_appraisers_wait_ms(const struct ms_appraisers *a);
size_t ms_appraisers_idle(const struct ms_appraisers *a); /* workers ready now */

#endif
