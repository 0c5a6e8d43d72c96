/* A worker's request as it comes from core, and its claims as core reads them. */
#include <stdint.h>

#include "evidence/appraise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ms_buf claims;
	struct ms_pcr_claims p;
	struct ms_err err;
	ms_buf_init(&claims, MS_APPRAISE_CLAIMS_MAX);
	(void)!ms_appraise(ms_span(data, size), &claims, &err);
	(void)!ms_pcr_claims_parse(ms_buf_span(&claims), &p, &err);
	(void)!ms_pcr_claims_parse(ms_span(data, size), &p, &err);
	static const char *const kinds[] = {MS_APPRAISE_PCRS, MS_APPRAISE_EKCERT};
	for (unsigned i = 0; i < 2; i++) { /* the same bytes as the evidence itself */
		struct ms_buf request;
		ms_buf_init(&request, MS_APPRAISE_REQUEST_MAX);
		ms_buf_reset(&claims);
		if (ms_appraise_request_build(kinds[i], ms_span(data, size), &request, &err) == MS_OK)
			(void)!ms_appraise(ms_buf_span(&request), &claims, &err);
		ms_buf_fini(&request);
	}
	ms_buf_fini(&claims);
	return 0;
}
