/* A revocation list that claims to be one of ours. */
#include <assert.h>

#include "identity/crl.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const uint8_t serial[] = {0x11, 0x22};
	struct ms_crl c;
	struct ms_crl_entry e;
	if (ms_crl_parse_min(ms_span(p, n), &c, NULL) != MS_OK)
		return 0;
	assert(c.tbs.len < n && (c.n_revoked == 0) == (c.revoked.len == 0));
	if (ms_crl_find(&c, ms_span(serial, sizeof serial), &e))
		assert(ms_span_eq(e.serial, ms_span(serial, sizeof serial)));
	return 0;
}
