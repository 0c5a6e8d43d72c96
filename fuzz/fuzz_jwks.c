/* A key set from anywhere. What loads is what was parsed: some keys, and no more than there may be. */
#include <assert.h>

#include "crypto/jws.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	MS_OWN(ms_jws_keys_free) struct ms_jws_keys *keys = NULL;
	static struct ms_jwks set;
	if (ms_jwks_parse(ms_span(data, size), &set, NULL) == MS_OK)
		assert(set.n > 0 && set.n + set.skipped <= MS_JWKS_KEYS_MAX);
	if (ms_jws_keys_load(ms_span(data, size), &keys, NULL) == MS_OK)
		assert(ms_jws_keys_count(keys) == set.n);
	return 0;
}
