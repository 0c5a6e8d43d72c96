/* A reference set that parses builds back to the same bytes, and merging it with itself changes no row. */
#include <stdlib.h>
#include <string.h>

#include "policy/reference.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	MS_OWN(ms_reference_free) struct ms_reference *r = NULL;
	MS_OWN(ms_reference_free) struct ms_reference *both = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf b;
	struct ms_err err;
	ms_buf_init(&b, MS_REFERENCE_WIRE_MAX);
	if (ms_reference_parse(ms_span(p, n), &r, &err) != MS_OK)
		return 0;
	if (ms_reference_build(r, &b, &err) != MS_OK || !ms_span_eq(ms_buf_span(&b), ms_span(p, n)))
		abort();
	if (ms_reference_merge(r, r, &both, &err) == MS_OK && (both->n != r->n || memcmp(both->rows, r->rows, r->n * sizeof *r->rows) != 0))
		abort();
	return 0;
}
