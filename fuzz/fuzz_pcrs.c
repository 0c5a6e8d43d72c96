/* PCR values as CBOR: what parses builds back to the same bytes. */
#include <stdlib.h>

#include "evidence/pcrs.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct ms_pcrs v;
	if (ms_pcrs_parse(ms_span(p, n), &v, NULL) != MS_OK)
		return 0;
	MS_OWN(ms_buf_fini) struct ms_buf b;
	ms_buf_init(&b, MS_PCRS_WIRE_MAX);
	if (ms_pcrs_build(&v, &b, NULL) != MS_OK || !ms_span_eq(ms_buf_span(&b), ms_span(p, n)))
		abort();
	return 0;
}
