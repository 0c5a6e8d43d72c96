#include "support/test.h"

#include <string.h>

#include "server/net/limit.h"

static const struct ms_limit_params params = {.max_connections = 64, .per_address = 3, .requests_per_s = 10, .burst = 20};

static void
v4(uint8_t out[16], uint32_t n)
{
	memset(out, 0, 10);
	memset(out + 10, 0xff, 2);
	for (unsigned i = 0; i < 4; i++)
		out[12 + i] = (uint8_t)(n >> (24 - 8 * i));
}

MS_TEST(limit_holds_connections_of_one_address_to_its_share)
{
	MS_OWN(ms_limit_free) struct ms_limit *l = NULL;
	uint8_t a[16], b[16];
	CHECK_INT(ms_limit_new(&params, &l, NULL), MS_OK);
	v4(a, 1), v4(b, 2);
	for (int i = 0; i < 3; i++)
		CHECK(ms_limit_connect(l, a, 0));
	CHECK(!ms_limit_connect(l, a, 0));
	CHECK(ms_limit_connect(l, b, 0)); /* another address is not touched by it */
	ms_limit_disconnect(l, a);
	CHECK(ms_limit_connect(l, a, 0));
	CHECK(!ms_limit_connect(l, a, 0));
}

MS_TEST(limit_lets_a_burst_through_and_then_the_rate)
{
	MS_OWN(ms_limit_free) struct ms_limit *l = NULL;
	uint8_t a[16];
	unsigned n = 0;
	CHECK_INT(ms_limit_new(&params, &l, NULL), MS_OK);
	v4(a, 1);
	CHECK(!ms_limit_request(l, a, 0)); /* not connected */
	CHECK(ms_limit_connect(l, a, 0));
	for (int i = 0; i < 100; i++)
		n += ms_limit_request(l, a, 0);
	CHECK_INT(n, 20);
	for (uint64_t t = 1; t <= 1000; t++)
		n += ms_limit_request(l, a, t);
	CHECK_INT(n, 30);
	CHECK(ms_limit_request(l, a, UINT64_MAX)); /* a long pause fills the bucket and wraps nothing */
	for (int i = 0; i < 100; i++)
		n += ms_limit_request(l, a, UINT64_MAX);
	CHECK_INT(n, 49);
	CHECK(!ms_limit_request(l, a, 5)); /* a clock that goes back grants nothing */
}

MS_TEST(limit_takes_an_ipv6_network_as_one_address)
{
	MS_OWN(ms_limit_free) struct ms_limit *l = NULL;
	uint8_t a[16] = {0x20, 0x01, 0x0d, 0xb8};
	CHECK_INT(ms_limit_new(&params, &l, NULL), MS_OK);
	for (uint8_t i = 0; i < 3; i++) {
		a[15] = i;
		CHECK(ms_limit_connect(l, a, 0));
	}
	a[8] = 9;
	CHECK(!ms_limit_connect(l, a, 0));
	a[7] = 1;
	CHECK(ms_limit_connect(l, a, 0));
}

MS_TEST(limit_keeps_connected_addresses_when_many_others_pass)
{
	MS_OWN(ms_limit_free) struct ms_limit *l = NULL;
	uint8_t kept[16], a[16];
	CHECK_INT(ms_limit_new(&params, &l, NULL), MS_OK);
	v4(kept, 7);
	for (int i = 0; i < 3; i++)
		CHECK(ms_limit_connect(l, kept, 0));
	for (uint32_t i = 100; i < 20000; i++) {
		v4(a, i);
		if (ms_limit_connect(l, a, i))
			ms_limit_disconnect(l, a);
	}
	CHECK(!ms_limit_connect(l, kept, 30000));
}

MS_TEST(limit_refuses_connections_when_a_set_is_full_of_connected_addresses)
{
	MS_OWN(ms_limit_free) struct ms_limit *l = NULL;
	uint8_t a[16];
	unsigned n = 0;
	CHECK_INT(ms_limit_new(&params, &l, NULL), MS_OK);
	for (uint32_t i = 0; i < 20000; i++) {
		v4(a, i);
		n += ms_limit_connect(l, a, i);
	}
	CHECK(n >= 64 && n <= 256);
}

MS_TEST(limit_refuses_zero_as_a_limit)
{
	struct ms_limit *l = NULL;
	struct ms_limit_params bad = params;
	bad.burst = 0;
	CHECK_INT(ms_limit_new(&bad, &l, NULL), MS_ERR_USAGE);
	bad = params;
	bad.max_connections = 0;
	CHECK_INT(ms_limit_new(&bad, &l, NULL), MS_ERR_USAGE);
	CHECK(l == NULL);
}
