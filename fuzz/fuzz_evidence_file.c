/* An exported piece of evidence: what parses builds back to the same bytes; its quote and logs are read without harm. */
#include <stdlib.h>

#include "cli/evidence_file.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct ms_evidence_file f;
	struct ms_err err;
	struct ms_case k;
	struct ms_case_policy none = {.policy = NULL};
	MS_OWN(ms_buf_fini) struct ms_buf b;
	ms_buf_init(&b, MS_EVIDENCE_FILE_MAX);
	if (ms_evidence_file_parse(ms_span(p, n), &f, &err) != MS_OK)
		return 0;
	if (ms_evidence_file_build(&f, &b, &err) != MS_OK || !ms_span_eq(ms_buf_span(&b), ms_span(p, n)))
		abort();
	ms_case_init(&k);
	if (ms_case_take(&k, &f, &err) == MS_OK)
		(void)ms_case_read_logs(&k, &none, &err);
	ms_case_fini(&k);
	return 0;
}
