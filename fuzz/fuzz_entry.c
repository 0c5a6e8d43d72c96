/* What parses builds to the same bytes. */
#include <assert.h>
#include "audit/entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct ms_entry e;
	if (ms_entry_parse(ms_span(p, len), &e, NULL) != MS_OK)
		return 0;
	MS_OWN(ms_buf_fini) struct ms_buf b;
	ms_buf_init(&b, len);
	assert(len <= MS_ENTRY_MAX);
	assert(ms_entry_build(&e, &b, NULL) == MS_OK);
	assert(ms_span_eq(ms_buf_span(&b), ms_span(p, len)));
	return 0;
}
