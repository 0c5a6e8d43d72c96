/* A message that parses builds back to the same bytes. */
#include <assert.h>
#include "codec/cose.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ms_cose_sign1 m;
	struct ms_buf out, header;
	if (ms_cose_parse(ms_span(data, size), &m, NULL) != MS_OK)
		return 0;
	ms_buf_init(&out, 32u << 20);
	ms_buf_init(&header, 1024);
	assert(m.signature.len == MS_COSE_SIG_LEN);
	ms_cose_build(m.header, m.payload, m.signature.p, &out);
	assert(ms_span_eq(ms_buf_span(&out), ms_span(data, size)));
	assert(ms_cose_build_header(m.alg, m.kid, m.content_type, &header, NULL) == MS_OK);
	assert(ms_span_eq(ms_buf_span(&header), m.header));
	ms_buf_fini(&out);
	ms_buf_fini(&header);
	return 0;
}
