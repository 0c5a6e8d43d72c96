/* The header of a key file (the key itself costs too much to derive here). */
#include <assert.h>

#include "crypto/scryptbox_int.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct ms_scryptbox_header h;
	if (ms_scryptbox_parse(ms_span(p, n), &h, NULL) != MS_OK)
		return 0;
	assert(h.header.len + h.ct.len == n && h.log_n >= 17 && h.log_n <= 20);
	assert(h.salt.len == MS_SCRYPTBOX_SALT_LEN && h.label.len > 0);
	return 0;
}
