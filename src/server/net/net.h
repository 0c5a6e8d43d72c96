/* Settings and counters of the net process. */
#ifndef MS_NET_NET_H
#define MS_NET_NET_H
#include <stddef.h>
#include <stdint.h>

struct ms_net_config {
	unsigned max_connections;
	unsigned per_address;           /* connections of one address at a time */
	unsigned requests_per_s, burst; /* of one address */
	unsigned max_in_flight;         /* requests that core has not answered */
	size_t max_body_total;          /* declared bytes of all bodies being read */
	size_t max_attested;            /* body of an attested request: the logs that the configuration takes, and what is around them */
	/* Absolute deadlines of each phase, counted from its start. Those of bodies and answers grow with the size up to the cap. */
	unsigned handshake_ms, head_ms, body_ms, core_ms, write_ms, idle_ms;
};

/* Logged each minute; there is no log line for a connection. */
struct ms_net_counters {
	uint64_t accepted, over_connections, evicted,
	    over_address;                          /* connections: taken, refused when full, dropped half open, refused by address */
	uint64_t handshakes, late;                 /* completed; closed at a deadline, whatever the phase */
	uint64_t requests, refused, limited, busy; /* sent to core; bad ones; 429; 503 */
	uint64_t answers, late_answers;            /* from core; for connections that were gone */
	uint64_t accept_errors;
};

#endif
