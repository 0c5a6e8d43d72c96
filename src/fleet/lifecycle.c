#include "fleet/lifecycle.h"

#include <string.h>

static const char *const names[MS_LIFE_STATES] = {
    [MS_LIFE_NONE] = "unknown",
    [MS_LIFE_EXPECTED] = "expected",
    [MS_LIFE_PENDING] = "pending",
    [MS_LIFE_ENROLLED] = "enrolled",
    [MS_LIFE_TRUSTED] = "trusted",
    [MS_LIFE_STALE] = "stale",
    [MS_LIFE_QUARANTINED] = "quarantined",
    [MS_LIFE_REVOKED] = "revoked",
    [MS_LIFE_RETIRED] = "retired",
};

/* Rows: from; columns: event. What is not written is no arrow. A device that binds again (its agent lost its AK) keeps
 * what was decided about its EK but must pass appraisal anew; quarantine is left only by release, and revoked and
 * retired never come back. Admission may be asked for again (its statement was lost on the way). */
static const enum ms_life_state arrows[MS_LIFE_STATES][MS_LIFE_EVENTS] = {
    [MS_LIFE_NONE] = {[MS_LIFE_BIND_LISTED] = MS_LIFE_EXPECTED, [MS_LIFE_BIND_UNLISTED] = MS_LIFE_PENDING},
    [MS_LIFE_EXPECTED] = {[MS_LIFE_BIND_LISTED] = MS_LIFE_EXPECTED,
	[MS_LIFE_BIND_UNLISTED] = MS_LIFE_PENDING,
	[MS_LIFE_ADMIT] = MS_LIFE_ENROLLED,
	[MS_LIFE_REVOKE] = MS_LIFE_REVOKED,
	[MS_LIFE_RETIRE] = MS_LIFE_RETIRED},
    [MS_LIFE_PENDING] = {[MS_LIFE_BIND_LISTED] = MS_LIFE_EXPECTED,
	[MS_LIFE_BIND_UNLISTED] = MS_LIFE_PENDING,
	[MS_LIFE_ADMIT] = MS_LIFE_ENROLLED,
	[MS_LIFE_REVOKE] = MS_LIFE_REVOKED,
	[MS_LIFE_RETIRE] = MS_LIFE_RETIRED},
    [MS_LIFE_ENROLLED] = {[MS_LIFE_BIND_LISTED] = MS_LIFE_EXPECTED,
	[MS_LIFE_BIND_UNLISTED] = MS_LIFE_PENDING,
	[MS_LIFE_ADMIT] = MS_LIFE_ENROLLED,
	[MS_LIFE_PASS] = MS_LIFE_TRUSTED,
	[MS_LIFE_FAIL] = MS_LIFE_QUARANTINED,
	[MS_LIFE_QUARANTINE] = MS_LIFE_QUARANTINED,
	[MS_LIFE_REVOKE] = MS_LIFE_REVOKED,
	[MS_LIFE_RETIRE] = MS_LIFE_RETIRED},
    [MS_LIFE_TRUSTED] = {[MS_LIFE_BIND_LISTED] = MS_LIFE_EXPECTED,
	[MS_LIFE_BIND_UNLISTED] = MS_LIFE_PENDING,
	[MS_LIFE_ADMIT] = MS_LIFE_TRUSTED,
	[MS_LIFE_PASS] = MS_LIFE_TRUSTED,
	[MS_LIFE_FAIL] = MS_LIFE_QUARANTINED,
	[MS_LIFE_DEADLINE] = MS_LIFE_STALE,
	[MS_LIFE_QUARANTINE] = MS_LIFE_QUARANTINED,
	[MS_LIFE_REVOKE] = MS_LIFE_REVOKED,
	[MS_LIFE_RETIRE] = MS_LIFE_RETIRED},
    [MS_LIFE_STALE] = {[MS_LIFE_BIND_LISTED] = MS_LIFE_EXPECTED,
	[MS_LIFE_BIND_UNLISTED] = MS_LIFE_PENDING,
	[MS_LIFE_ADMIT] = MS_LIFE_STALE,
	[MS_LIFE_PASS] = MS_LIFE_TRUSTED,
	[MS_LIFE_FAIL] = MS_LIFE_QUARANTINED,
	[MS_LIFE_QUARANTINE] = MS_LIFE_QUARANTINED,
	[MS_LIFE_REVOKE] = MS_LIFE_REVOKED,
	[MS_LIFE_RETIRE] = MS_LIFE_RETIRED},
    [MS_LIFE_QUARANTINED] = {[MS_LIFE_BIND_LISTED] = MS_LIFE_QUARANTINED,
	[MS_LIFE_BIND_UNLISTED] = MS_LIFE_QUARANTINED,
	[MS_LIFE_ADMIT] = MS_LIFE_QUARANTINED,
	[MS_LIFE_FAIL] = MS_LIFE_QUARANTINED,
	[MS_LIFE_QUARANTINE] = MS_LIFE_QUARANTINED,
	[MS_LIFE_RELEASE] = MS_LIFE_ENROLLED,
	[MS_LIFE_REVOKE] = MS_LIFE_REVOKED,
	[MS_LIFE_RETIRE] = MS_LIFE_RETIRED},
    [MS_LIFE_REVOKED] = {[MS_LIFE_RETIRE] = MS_LIFE_RETIRED},
};

const char *
ms_life_name(enum ms_life_state s)
{
	return s < MS_LIFE_STATES ? names[s] : names[MS_LIFE_NONE];
}

enum ms_life_state
ms_life_by_name(struct ms_span name)
{
	for (unsigned i = MS_LIFE_NONE + 1; i < MS_LIFE_STATES; i++)
		if (ms_span_eq(name, ms_span_str(names[i])))
			return (enum ms_life_state)i;
	return MS_LIFE_NONE;
}

enum ms_life_state
ms_life_next(enum ms_life_state from, enum ms_life_event event)
{
	return from < MS_LIFE_STATES && event < MS_LIFE_EVENTS ? arrows[from][event] : MS_LIFE_NONE;
}

enum ms_life_state
ms_life_at(enum ms_life_state stored, uint64_t deadline_s, uint64_t now_s)
{
	return stored == MS_LIFE_TRUSTED && now_s >= deadline_s ? MS_LIFE_STALE : stored;
}
