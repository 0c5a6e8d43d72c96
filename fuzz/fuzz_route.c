/* The router: no path but those of the table, and no tenant that is not a name. First byte: method. */
#include <stdint.h>
#include <stdlib.h>

#include "server/net/route.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct ms_span path = ms_span(data + 1, size - 1);
	struct ms_route_match m;
	enum ms_rc rc = ms_route_find((enum ms_http_method)(data[0] % 3), path, &m);
	if (rc == MS_ERR_NOT_FOUND)
		return 0;
	bool inside = m.tenant.len == 0 ||
		      (m.tenant.p > path.p && m.tenant.p + m.tenant.len < path.p + path.len && ms_name_ok(m.tenant, MS_NET_TENANT_MAX));
	if (!inside || m.route->max_body > MS_NET_BODY_MAX || m.route->op >= MS_OP_END ||
	    (rc == MS_OK && (unsigned)m.route->method != data[0] % 3u))
		abort();
	return 0;
}
