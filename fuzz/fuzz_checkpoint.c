/* What parses builds to the same bytes. */
#include <assert.h>
#include "audit/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct ms_checkpoint c;
	if (ms_checkpoint_parse(ms_span(p, len), &c, NULL) != MS_OK)
		return 0;
	MS_OWN(ms_buf_fini) struct ms_buf b;
	ms_buf_init(&b, len + 1); /* ms_buf_fmt() writes a NUL behind the text */
	assert(c.size <= MS_TREE_SIZE_MAX && c.origin.len > 0);
	assert(ms_checkpoint_build(&c, &b, NULL) == MS_OK);
	assert(ms_span_eq(ms_buf_span(&b), ms_span(p, len)));
	return 0;
}
