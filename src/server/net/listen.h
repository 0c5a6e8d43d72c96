/* Accepting connections on inherited listening sockets, also when descriptors run out. */
#ifndef MS_NET_LISTEN_H
#define MS_NET_LISTEN_H
#include "server/net/conn.h"

struct ms_listen;
/* fds: non-blocking, listening; borrowed. Nothing is accepted before ms_listen_start(). */
MS_MUST_USE enum ms_rc ms_listen_new(
    struct event_base *base, struct ms_conns *conns, struct ms_net_counters *counters, struct ms_listen **ret, struct ms_err *err);
void ms_listen_free(struct ms_listen *l);
MS_CLEANUP(struct ms_listen, ms_listen_free)
MS_MUST_USE enum ms_rc ms_listen_add(struct ms_listen *l, int fd, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_listen_start(struct ms_listen *l, struct ms_err *err); /* again: no effect */

#endif
