#include "agent/backoff.h"

#include "base/io.h"

/* 0..n-1; without random bytes, the middle. */
static uint64_t
below(uint64_t n)
{
	uint64_t r = 0;
	if (n == 0 || ms_random(&r, sizeof r, NULL) != MS_OK)
		return n / 2;
	return r % n;
}

uint64_t
ms_backoff_next_ms(struct ms_backoff *b)
{
	uint64_t ms = b->first_ms;
	for (unsigned i = 0; i < b->failures && ms < b->max_ms; i++)
		ms *= 2;
	if (ms > b->max_ms)
		ms = b->max_ms;
	if (b->failures < 64)
		b->failures++;
	return ms - below(ms / 2 + 1);
}

uint64_t
ms_jitter_ms(uint64_t ms)
{
	return ms - below(ms / 10 + 1);
}
