/* CoRIM and CoMID: whatever comes, values borrow from the input. */
#include <stdlib.h>

#include "codec/corim.h"

static void
inside(const uint8_t *p, size_t n, struct ms_span s)
{
	if (s.len > 0 && (s.p < p || s.p + s.len > p + n))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct ms_corim c;
	if (ms_corim_parse(ms_span(p, n), &c, NULL) != MS_OK)
		return 0;
	for (size_t i = 0; i < c.n; i++) {
		inside(p, n, c.value[i].value);
		inside(p, n, c.value[i].mask);
		inside(p, n, c.value[i].label);
		inside(p, n, c.value[i].env.model);
		if (c.value[i].kind == MS_CORIM_DIGEST && c.value[i].value.len == 0)
			abort();
	}
	ms_corim_fini(&c);
	return 0;
}
