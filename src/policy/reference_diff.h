/* What differs between two reference sets, value by value. Version, time and source are not compared: two sets that accept the
 * same are the same. */
#ifndef MS_REFERENCE_DIFF_H
#define MS_REFERENCE_DIFF_H
#include "policy/reference.h"

struct ms_reference_difference {
	bool added;       /* only in the second; else only in the first */
	const char *what; /* "pcr 4", "event 7", "file /bin/sh", "key", "model" */
	const char *text; /* the digest in hex, or what it is */
};
typedef void (*ms_reference_diff_fn)(void *ctx, const struct ms_reference_difference *d);
/* Number of differences; `fn` may be NULL. Borrowed strings last for the call. */
size_t ms_reference_diff(const struct ms_reference *a, const struct ms_reference *b, ms_reference_diff_fn fn, void *ctx);

#endif
