/* A reference set that parses builds back to the same bytes, finds every file that it holds, and merging it with itself changes
 * no value. A part of a set is either refused or taken whole. */
#include <stdlib.h>
#include <string.h>

#include "policy/reference.h"

static void
look_up(const struct ms_reference *r)
{
	for (size_t i = 0; i < ms_reference_n_files(r); i++) {
		struct ms_reference_file f = ms_reference_file_at(r, i);
		if (!ms_reference_has_file(r, f.path, f.hash, f.digest) || !ms_reference_has_path(r, f.path, NULL) ||
		    !ms_reference_has_digest(r, f.hash, f.digest, NULL))
			abort();
	}
	for (size_t i = 0; i < ms_reference_n_events(r); i++) {
		const struct ms_pcr_accept *e = ms_reference_event_at(r, i, NULL);
		if (!ms_reference_has_event(r, e->index, e->digest))
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	MS_OWN(ms_reference_free) struct ms_reference *r = NULL;
	MS_OWN(ms_reference_free) struct ms_reference *both = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf b;
	struct ms_err err;
	(void)!ms_reference_part_check(ms_span(p, n), &err);
	ms_buf_init(&b, MS_REFERENCE_WIRE_MAX);
	if (ms_reference_parse(ms_span(p, n), &r, &err) != MS_OK)
		return 0;
	if (ms_reference_build(r, &b, &err) != MS_OK || !ms_span_eq(ms_buf_span(&b), ms_span(p, n)))
		abort();
	look_up(r);
	if (ms_reference_merge(r, r, &both, &err) == MS_OK &&
	    (both->n != r->n || memcmp(both->rows, r->rows, r->n * sizeof *r->rows) != 0 ||
		ms_reference_n_files(both) != ms_reference_n_files(r) || ms_reference_n_events(both) != ms_reference_n_events(r)))
		abort();
	return 0;
}
