/* What a worker returns: what parses builds back to the same bytes, and replays. */
#include <stdlib.h>

#include "evidence/appraisal.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	MS_OWN(ms_appraisal_free) struct ms_appraisal *a = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf b;
	struct ms_pcrs pcrs;
	ms_buf_init(&b, MS_APPRAISAL_WIRE_MAX);
	if (ms_appraisal_parse(ms_span(p, n), &a, NULL) != MS_OK)
		return 0;
	if (ms_appraisal_build(a, &b, NULL) != MS_OK || !ms_span_eq(ms_buf_span(&b), ms_span(p, n)))
		abort();
	ms_appraisal_boot_pcrs(a, &pcrs);
	return 0;
}
