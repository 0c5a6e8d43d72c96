/* JSON that parses is written sorted, parses again and is then written the same. */
#include <assert.h>
#include "codec/json.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	MS_OWN(ms_json_free) json_t *first = NULL;
	MS_OWN(ms_json_free) json_t *second = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf a = {.max = 1 << 20};
	MS_OWN(ms_buf_fini) struct ms_buf b = {.max = 1 << 20};
	if (ms_json_parse(ms_span(data, size), 4096, &first, NULL) != MS_OK)
		return 0;
	assert(ms_json_build(first, false, &a, NULL) == MS_OK);
	assert(ms_json_parse(ms_buf_span(&a), a.max, &second, NULL) == MS_OK);
	assert(ms_json_build(second, false, &b, NULL) == MS_OK);
	assert(ms_span_eq(ms_buf_span(&a), ms_buf_span(&b)));
	return 0;
}
