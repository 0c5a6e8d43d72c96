/* The channel to core: requests out, answers in, a ping each second so that net knows whether core's loop turns. */
#ifndef MS_NET_CORE_LINK_H
#define MS_NET_CORE_LINK_H
#include <event2/event.h>
#include "ipc/net_core.h"

struct ms_core_link;
struct ms_core_link_events { /* core's word; `arg` is passed back */
	void (*response)(void *arg, uint64_t id, const struct ms_net_response *r);
	void (*certificate)(void *arg, const struct ms_net_tls_cert *c);
	void (*closed)(void *arg, const char *why); /* the link is dead: end the process */
	void *arg;
};
/* fd (one end of a stream socket pair) is taken. */
MS_MUST_USE enum ms_rc ms_core_link_new(
    struct event_base *base, int fd, const struct ms_core_link_events *on, struct ms_core_link **ret, struct ms_err *err);
void ms_core_link_free(struct ms_core_link *l);
MS_CLEANUP(struct ms_core_link, ms_core_link_free)
/* False: too much waits to be written; try later. */
MS_MUST_USE bool ms_core_link_request(struct ms_core_link *l, uint64_t id, const struct ms_net_request *r);
MS_MUST_USE bool ms_core_link_ask_certificate(struct ms_core_link *l, struct ms_span spki);
size_t ms_core_link_in_flight(const struct ms_core_link *l); /* requests without an answer */
bool ms_core_link_alive(const struct ms_core_link *l);       /* a ping was answered in the last 5 seconds */

#endif
