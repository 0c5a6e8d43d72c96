/* Which request goes where: one const table of method, path, operation, body cap. */
#ifndef MS_NET_ROUTE_H
#define MS_NET_ROUTE_H
#include "ipc/net_core.h"
#include "server/net/http.h"

struct ms_route {
	enum ms_http_method method;
	const char *path;  /* '*' stands for one tenant name */
	enum ms_net_op op; /* 0: answered by net itself, from what it knows of core */
	size_t max_body;
};
struct ms_route_match {
	const struct ms_route *route;
	struct ms_span tenant; /* borrowed from path; empty for routes without one */
};
/* MS_OK; MS_ERR_NOT_FOUND (also for names that cannot be tenants); MS_ERR_UNSUPPORTED when the path is there with
 * another method: then ret->route is one that would do. */
MS_MUST_USE enum ms_rc ms_route_find(enum ms_http_method method, struct ms_span path, struct ms_route_match *ret);

#endif
