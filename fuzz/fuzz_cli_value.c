/* An answer's result, as the muster command turns it into JSON. */
#include <stdlib.h>

#include "cli/cli.h"
#include "codec/cbor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *j = NULL;
	if (ms_json_from_cbor(ms_span(data, size), &j, NULL) == MS_OK &&
	    ms_cbor_check(ms_span(data, size), MS_CBOR_DEPTH_MAX, NULL) != MS_OK)
		abort();
	json_decref(j);
	return 0;
}
