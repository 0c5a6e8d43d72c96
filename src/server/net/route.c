#include "server/net/route.h"

#include <string.h>

#define KIB 1024u
static const struct ms_route routes[] = {
    {MS_HTTP_GET, "/v1/health", 0, 0},
    {MS_HTTP_GET, "/v1/root", MS_OP_ROOT, 0},
    {MS_HTTP_GET, "/v1/crl", MS_OP_CRL, 0},
    {MS_HTTP_GET, "/v1/jwks", MS_OP_JWKS, 0},
    {MS_HTTP_GET, "/.well-known/jwks.json", MS_OP_JWKS, 0},
    {MS_HTTP_POST, "/v1/t/*/challenge", MS_OP_CHALLENGE, 4 * KIB},
    {MS_HTTP_POST, "/v1/t/*/enroll/begin", MS_OP_ENROLL_BEGIN, 64 * KIB},
    {MS_HTTP_POST, "/v1/t/*/enroll/finish", MS_OP_ENROLL_FINISH, 256 * KIB},
    {MS_HTTP_POST, "/v1/t/*/enroll/status", MS_OP_ENROLL_STATUS, 4 * KIB},
    {MS_HTTP_POST, "/v1/t/*/attested", MS_OP_ATTESTED, MS_NET_ATTESTED_MAX},
    {MS_HTTP_POST, "/v1/t/*/op", MS_OP_OPERATOR, MS_NET_OPERATION_MAX},
};

/* True when path follows pattern; *tenant is what '*' stood for. */
static bool
follows(const char *pattern, struct ms_span path, struct ms_span *tenant)
{
	const char *star = strchr(pattern, '*');
	*tenant = MS_SPAN_NONE;
	if (star == NULL)
		return ms_span_eq(path, ms_span_str(pattern));
	struct ms_span before = ms_span(pattern, (size_t)(star - pattern)), after = ms_span_str(star + 1);
	if (path.len <= before.len + after.len)
		return false;
	*tenant = ms_span(path.p + before.len, path.len - before.len - after.len);
	return ms_span_eq(ms_span(path.p, before.len), before) && ms_span_eq(ms_span(path.p + path.len - after.len, after.len), after) &&
	       ms_name_ok(*tenant, MS_NET_TENANT_MAX); /* has no '/' in it */
}

enum ms_rc
ms_route_find(enum ms_http_method method, struct ms_span path, struct ms_route_match *ret)
{
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
		struct ms_span tenant;
		if (!follows(routes[i].path, path, &tenant))
			continue;
		*ret = (struct ms_route_match){.route = &routes[i], .tenant = tenant};
		return routes[i].method == method ? MS_OK : MS_ERR_UNSUPPORTED;
	}
	return MS_ERR_NOT_FOUND;
}
