#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/net/route.h"

static enum ms_rc
find(enum ms_http_method method, const char *path, struct ms_route_match *m)
{
	uint8_t *copy = test_dup(path, strlen(path));
	enum ms_rc rc = ms_route_find(method, ms_span(copy, strlen(path)), m);
	if (rc == MS_OK && m->tenant.len > 0)
		m->tenant = ms_span(path + (m->tenant.p - copy), m->tenant.len);
	free(copy);
	return rc;
}

MS_TEST(route_finds_each_operation_with_its_tenant_and_cap)
{
	static const struct {
		enum ms_http_method method;
		const char *path;
		unsigned op;
		size_t max_body;
		const char *tenant;
	} rows[] = {
	    {MS_HTTP_GET, "/v1/health", 0, 0, ""},
	    {MS_HTTP_GET, "/v1/root", MS_OP_ROOT, 0, ""},
	    {MS_HTTP_GET, "/v1/crl", MS_OP_CRL, 0, ""},
	    {MS_HTTP_GET, "/v1/jwks", MS_OP_JWKS, 0, ""},
	    {MS_HTTP_GET, "/.well-known/jwks.json", MS_OP_JWKS, 0, ""},
	    {MS_HTTP_POST, "/v1/t/default/challenge", MS_OP_CHALLENGE, 4096, "default"},
	    {MS_HTTP_POST, "/v1/t/a/enroll/begin", MS_OP_ENROLL_BEGIN, 65536, "a"},
	    {MS_HTTP_POST, "/v1/t/a.b/enroll/finish", MS_OP_ENROLL_FINISH, 262144, "a.b"},
	    {MS_HTTP_POST, "/v1/t/a-b/enroll/status", MS_OP_ENROLL_STATUS, 4096, "a-b"},
	    {MS_HTTP_POST, "/v1/t/a_b/attested", MS_OP_ATTESTED, MS_NET_ATTESTED_MAX, "a_b"},
	    {MS_HTTP_POST, "/v1/t/op/op", MS_OP_OPERATOR, 1048576, "op"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct ms_route_match m;
		CHECK_INT(find(rows[i].method, rows[i].path, &m), MS_OK);
		CHECK_INT(m.route->op, rows[i].op);
		CHECK_INT(m.route->max_body, rows[i].max_body);
		CHECK(ms_span_eq(m.tenant, ms_span_str(rows[i].tenant)));
	}
}

MS_TEST(I8_route_refuses_names_that_cannot_be_tenants_like_any_unknown_path)
{
	static const char *const bad[] = {"", ".", "..", "-a", "A", "Default", "a/b", "a//b", "a%2fb", "a b", "a/", "/a", "*", "a/enroll",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	char path[256];
	struct ms_route_match m;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		(void)snprintf(path, sizeof path, "/v1/t/%s/op", bad[i]);
		CHECK_INT(find(MS_HTTP_POST, path, &m), MS_ERR_NOT_FOUND);
		CHECK_INT(find(MS_HTTP_GET, path, &m), MS_ERR_NOT_FOUND);
	}
}

MS_TEST(route_refuses_every_path_that_is_not_exactly_in_the_table)
{
	static const char *const bad[] = {"", "/", "/v1", "/v1/", "/v1/roo", "/v1/root/", "/v1/roott", "/V1/root", "/v2/root", "/v1/t",
	    "/v1/t/", "/v1/t//op", "/v1/t/op", "/v1/t/a/ops", "/v1/t/a/op/", "/v1/t/a/enroll", "/v1/t/a/enroll/", "/v1/t/a/enroll/other",
	    "/v1/t/*/op/x", "v1/root"};
	struct ms_route_match m;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		CHECK_INT(find(MS_HTTP_GET, bad[i], &m), MS_ERR_NOT_FOUND);
		CHECK_INT(find(MS_HTTP_POST, bad[i], &m), MS_ERR_NOT_FOUND);
	}
}

MS_TEST(route_tells_another_method_from_an_unknown_path)
{
	struct ms_route_match m;
	CHECK_INT(find(MS_HTTP_POST, "/v1/root", &m), MS_ERR_UNSUPPORTED);
	CHECK_INT(m.route->method, MS_HTTP_GET);
	CHECK_INT(find(MS_HTTP_GET, "/v1/t/a/op", &m), MS_ERR_UNSUPPORTED);
	CHECK_INT(m.route->method, MS_HTTP_POST);
	CHECK_INT(find(MS_HTTP_OTHER, "/v1/t/a/op", &m), MS_ERR_UNSUPPORTED);
}
