/* The life cycle of a device: states, events and the one table of arrows between them. */
#ifndef MS_LIFECYCLE_H
#define MS_LIFECYCLE_H
#include "base/bytes.h"

enum ms_life_state {
	MS_LIFE_NONE,        /* not known */
	MS_LIFE_EXPECTED,    /* bound; a manifest lists the EK */
	MS_LIFE_PENDING,     /* bound; waits for an operator's approval */
	MS_LIFE_ENROLLED,    /* admitted; has not passed appraisal yet */
	MS_LIFE_TRUSTED,     /* passed, and its deadline has not come */
	MS_LIFE_STALE,       /* passed once, deadline gone */
	MS_LIFE_QUARANTINED, /* failed, or by hand; sticky */
	MS_LIFE_REVOKED,
	MS_LIFE_RETIRED,
	MS_LIFE_STATES
};
enum ms_life_event {
	MS_LIFE_BIND_LISTED,   /* AK and EK shown to be in one TPM; EK is in a manifest */
	MS_LIFE_BIND_UNLISTED, /* the same; EK in no manifest */
	MS_LIFE_ADMIT,
	MS_LIFE_PASS,
	MS_LIFE_FAIL,
	MS_LIFE_DEADLINE,
	MS_LIFE_QUARANTINE,
	MS_LIFE_RELEASE,
	MS_LIFE_REVOKE,
	MS_LIFE_RETIRE,
	MS_LIFE_EVENTS
};

const char *ms_life_name(enum ms_life_state s); /* "trusted": as stored and shown */
/* MS_LIFE_NONE for anything that is not a state's name. */
enum ms_life_state ms_life_by_name(struct ms_span name);
/* The state after the event; MS_LIFE_NONE when there is no such arrow (the event is refused). */
enum ms_life_state ms_life_next(enum ms_life_state from, enum ms_life_event event);
/* What the state is at `now_s`: trusted becomes stale when its deadline is reached, by time alone. */
enum ms_life_state ms_life_at(enum ms_life_state stored, uint64_t deadline_s, uint64_t now_s);

#endif
