#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "ipc/net_core.h"

static struct ms_net_request
sample(void)
{
	struct ms_net_request r = {.op = MS_OP_OPERATOR, .tenant = ms_span_str("default"), .body = ms_span_str("body")};
	memset(r.exporter, 0xe1, sizeof r.exporter);
	memset(r.peer, 0x7f, sizeof r.peer);
	return r;
}

/* Parse an exact heap copy of b; the result's spans are dead afterwards. */
static enum ms_rc
parse_request(struct ms_span in)
{
	struct ms_net_request out;
	uint8_t *w = test_dup(in.p, in.len);
	enum ms_rc rc = ms_net_request_parse(ms_span(w, in.len), &out, NULL);
	free(w);
	return rc;
}

static enum ms_rc
rebuilt(const struct ms_net_request *r)
{
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	ms_buf_init(&b, MS_NET_REQUEST_FRAME_MAX + 16);
	ms_net_request_build(r, &b);
	return parse_request(ms_buf_span(&b));
}

MS_TEST(net_request_round_trips)
{
	struct ms_net_request r = sample(), out;
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	ms_buf_init(&b, MS_NET_REQUEST_FRAME_MAX);
	ms_net_request_build(&r, &b);
	CHECK_INT(ms_net_request_parse(ms_buf_span(&b), &out, NULL), MS_OK);
	CHECK(out.op == r.op && ms_span_eq(out.tenant, r.tenant) && ms_span_eq(out.body, r.body));
	CHECK(memcmp(out.exporter, r.exporter, sizeof r.exporter) == 0 && memcmp(out.peer, r.peer, sizeof r.peer) == 0);
}

MS_TEST(net_request_refuses_every_prefix_of_its_fixed_part)
{
	struct ms_net_request r = sample();
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	ms_buf_init(&b, MS_NET_REQUEST_FRAME_MAX);
	ms_net_request_build(&r, &b);
	for (size_t n = 0; n < b.len - r.body.len; n++)
		CHECK_INT(parse_request(ms_span(b.p, n)), MS_ERR_MALFORMED);
}

MS_TEST(I8_net_request_refuses_unknown_operations_and_bad_tenants)
{
	struct ms_net_request r = sample();
	r.op = 0;
	CHECK_INT(rebuilt(&r), MS_ERR_MALFORMED);
	r.op = MS_OP_END;
	CHECK_INT(rebuilt(&r), MS_ERR_MALFORMED);
	r.op = MS_OP_ROOT; /* has no tenant */
	CHECK_INT(rebuilt(&r), MS_ERR_MALFORMED);
	r.op = MS_OP_CHALLENGE;
	r.tenant = MS_SPAN_NONE;
	CHECK_INT(rebuilt(&r), MS_ERR_MALFORMED);
	r.tenant = ms_span_str("../x");
	CHECK_INT(rebuilt(&r), MS_ERR_MALFORMED);
	r.tenant = ms_span("a\0b", 3);
	CHECK_INT(rebuilt(&r), MS_ERR_MALFORMED);
}

MS_TEST(net_request_takes_a_body_at_the_cap_and_refuses_one_over_it)
{
	struct ms_net_request r = sample();
	uint8_t *body = calloc(1, MS_NET_BODY_MAX + 1);
	CHECK(body != NULL);
	r.body = ms_span(body, MS_NET_BODY_MAX);
	CHECK_INT(rebuilt(&r), MS_OK);
	r.body.len++;
	CHECK_INT(rebuilt(&r), MS_ERR_TOO_BIG);
	free(body);
}

MS_TEST(net_response_round_trips_and_refuses_odd_ones)
{
	static const uint8_t bad[][7] = {{0, 199, 0, 0, 0, 0, 0}, {0x02, 0x58, 0, 0, 0, 0, 0}, {0, 200, 4, 0, 0, 0, 0},
	    {0, 200, 255, 0, 0, 0, 0}, {0xff, 0xff, 0, 0, 0, 0, 0}};
	struct ms_net_response r = {.status = 429, .kind = MS_NET_TEXT, .retry_after_s = 7, .body = ms_span_str("x")}, out;
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	ms_buf_init(&b, 64);
	ms_net_response_build(&r, &b);
	CHECK_INT(ms_net_response_parse(ms_buf_span(&b), &out, NULL), MS_OK);
	CHECK(out.status == 429 && out.kind == MS_NET_TEXT && out.retry_after_s == 7 && ms_span_eq(out.body, r.body));
	for (size_t n = 0; n < 7; n++)
		CHECK_INT(ms_net_response_parse(ms_span(b.p, n), &out, NULL), MS_ERR_MALFORMED);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK_INT(ms_net_response_parse(ms_span(bad[i], 7), &out, NULL), MS_ERR_MALFORMED);
}

MS_TEST(net_certificate_round_trips_and_refuses_every_other_length)
{
	struct ms_net_tls_cert c = {.chain = {ms_span_str("leaf"), ms_span_str("ca")}, .n = 2, .not_after_s = 99}, out;
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	ms_buf_init(&b, 64);
	ms_net_tls_cert_build(&c, &b);
	CHECK_INT(ms_net_tls_cert_parse(ms_buf_span(&b), &out, NULL), MS_OK);
	CHECK(out.n == 2 && ms_span_eq(out.chain[1], c.chain[1]) && out.not_after_s == 99);
	for (size_t n = 0; n < b.len; n++) {
		uint8_t *w = test_dup(b.p, n);
		CHECK_INT(ms_net_tls_cert_parse(ms_span(w, n), &out, NULL), MS_ERR_MALFORMED);
		free(w);
	}
	ms_buf_u8(&b, 0);
	CHECK_INT(ms_net_tls_cert_parse(ms_buf_span(&b), &out, NULL), MS_ERR_MALFORMED);
	b.p[0] = 0;
	CHECK_INT(ms_net_tls_cert_parse(ms_buf_span(&b), &out, NULL), MS_ERR_MALFORMED);
	b.p[0] = MS_NET_CHAIN_MAX + 1;
	CHECK_INT(ms_net_tls_cert_parse(ms_buf_span(&b), &out, NULL), MS_ERR_MALFORMED);
	c.chain[0] = MS_SPAN_NONE;
	ms_buf_reset(&b);
	ms_net_tls_cert_build(&c, &b);
	CHECK_INT(ms_net_tls_cert_parse(ms_buf_span(&b), &out, NULL), MS_ERR_MALFORMED);
}
