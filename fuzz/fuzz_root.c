/* A deployment root from a file or the network. Nothing verifies by chance; what loads is whole. */
#include <assert.h>
#include "proto/root.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	MS_OWN(ms_root_free) struct ms_root *r = NULL;
	if (ms_root_load(ms_span(data, size), NULL, &r, NULL) == MS_OK)
		assert(r->release != NULL && r->intake != NULL && r->wire.len == size);
	return 0;
}
