/* Names that come from outside: device ids, secret paths and rules. One spelling each. */
#include <assert.h>
#include <string.h>
#include "fleet/device_id.h"
#include "secrets/rule.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ms_span s = ms_span(data, size);
	uint8_t hash[MS_EK_HASH_LEN];
	char again[MS_DEVICE_ID_MAX + 1];
	unsigned life = 0;
	if (ms_device_id_parse(s, hash, &life, NULL) == MS_OK) {
		ms_device_id(hash, life, again);
		assert(ms_span_eq(s, ms_span_str(again)));
	}
	if (ms_secret_path_ok(s))
		assert(memchr(data, 0, size) == NULL && memmem(data, size, "..", 2) != data && memmem(data, size, "//", 2) == NULL);
	if (ms_secret_rule_admits(s, ms_span_str("m"), ms_span_str("d")))
		assert(ms_span_eq(s, ms_span_str("model=m")) || ms_span_eq(s, ms_span_str("device=d")));
	return 0;
}
