/* Connections: TLS handshake, requests one after the other, answers in order, an absolute deadline on each phase. */
#ifndef MS_NET_CONN_H
#define MS_NET_CONN_H
#include <event2/event.h>
#include "ipc/net_core.h"
#include "server/net/core_link.h"
#include "server/net/limit.h"
#include "server/net/net.h"
#include "server/net/tls.h"

struct ms_conns;
struct ms_conns_params { /* all borrowed for the life of ms_conns */
	struct event_base *base;
	const struct ms_net_config *config;
	struct ms_net_tls *tls;
	struct ms_limit *limit;
	struct ms_core_link *link;
	struct ms_net_counters *counters;
};
MS_MUST_USE enum ms_rc ms_conns_new(const struct ms_conns_params *p, struct ms_conns **ret, struct ms_err *err);
void ms_conns_free(struct ms_conns *all); /* closes them all */
MS_CLEANUP(struct ms_conns, ms_conns_free)
/* A new connection; fd (non-blocking) is taken, and closed when a limit says no. When all places are taken the oldest
 * connection that has not finished its handshake makes room. */
void ms_conns_accept(struct ms_conns *all, int fd, const uint8_t peer[static 16]);
/* Close the oldest connection that has not finished its handshake. False: there is none. */
bool ms_conns_evict(struct ms_conns *all);
/* core's answer to request `id`; dropped and counted when nobody waits for it any more. */
void ms_conns_answer(struct ms_conns *all, uint64_t id, const struct ms_net_response *r);
size_t ms_conns_count(const struct ms_conns *all);

#endif
