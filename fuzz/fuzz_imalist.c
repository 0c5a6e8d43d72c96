/* IMA lists in both forms: entries lie in a row, within the list, with the numbers they should have. */
#include <stdlib.h>

#include "codec/imalist.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct ms_imalist_caps caps = {1u << 20, 1000};
	MS_OWN(ms_imalist_fini) struct ms_imalist it = {.off = 0};
	struct ms_ima_entry e;
	size_t end = 0;
	if (ms_imalist_init(&it, ms_span(p, n), 7, &caps, NULL) != MS_OK)
		return 0;
	for (uint32_t number = 7; !ms_imalist_done(&it); number++) {
		struct ms_span parts[MS_IMA_PARTS_MAX];
		struct ms_err err;
		if (ms_imalist_next(&it, &e, &err) != MS_OK)
			break;
		if (e.number != number || e.offset < end || e.len > n || e.offset > n - e.len || e.pcr > 23)
			abort();
		end = e.offset + e.len;
		size_t sum = 0;
		for (size_t i = ms_ima_entry_parts(&e, parts); i > 0; i--)
			sum += parts[i - 1].len;
		if (e.template == MS_IMA_TEMPLATE_IMA ? sum != 20 + 256 : sum != e.data.len)
			abort();
		if (!e.violation && e.digest.value.len != 0 && e.digest.value.len != ms_ima_hash_len(e.digest.hash))
			abort();
	}
	return 0;
}
