/* Waiting times that grow, with jitter, so that a fleet that lost its server does not come back all at once. */
#ifndef MS_AGENT_BACKOFF_H
#define MS_AGENT_BACKOFF_H
#include <stdint.h>

struct ms_backoff {
	uint64_t first_ms, max_ms;
	unsigned failures;
};
/* The next wait: doubles from first_ms to max_ms, then spread evenly over [half, whole]. */
uint64_t ms_backoff_next_ms(struct ms_backoff *b);
/* A time spread over [9/10, 1] of itself. */
uint64_t ms_jitter_ms(uint64_t ms);

#endif
