/* What one address may take: connections at a time and requests a second, in a table of fixed size.
 * An address is an IPv4 address or an IPv6 /64, for one customer holds all of a /64. */
#ifndef MS_NET_LIMIT_H
#define MS_NET_LIMIT_H
#include <stdbool.h>
#include <stdint.h>
#include "muster/rc.h"

struct ms_limit_params {
	unsigned max_connections; /* in all: sets the size of the table */
	unsigned per_address;     /* connections at a time */
	unsigned requests_per_s, burst;
};
struct ms_limit;
MS_MUST_USE enum ms_rc ms_limit_new(const struct ms_limit_params *p, struct ms_limit **ret, struct ms_err *err);
void ms_limit_free(struct ms_limit *l);
MS_CLEANUP(struct ms_limit, ms_limit_free)
/* peer: IPv6 or v4-mapped, 16 bytes. False: over a limit; nothing is counted then. */
MS_MUST_USE bool ms_limit_connect(struct ms_limit *l, const uint8_t peer[static 16], uint64_t now_ms);
/* Once for each ms_limit_connect() that was true. */
void ms_limit_disconnect(struct ms_limit *l, const uint8_t peer[static 16]);
/* Only while connected. */
MS_MUST_USE bool ms_limit_request(struct ms_limit *l, const uint8_t peer[static 16], uint64_t now_ms);

#endif
