#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/net/http.h"

#define GET "GET /v1/root HTTP/1.1\r\n"
#define POST "POST /v1/t/default/op HTTP/1.1\r\n"
#define HOST "Host: muster.test:8443\r\n"
#define END "\r\n"

struct outcome {
	enum ms_http_event event;
	int status;
	const char *reason;
	size_t used, body_len;
};

/* Feed w in the given pieces; each piece is an exact heap copy. */
static struct outcome
run(const uint8_t *w, size_t len, size_t first, size_t piece, size_t body_cap)
{
	struct outcome o = {.event = MS_HTTP_MORE};
	MS_OWN(ms_http_free) struct ms_http *h = NULL;
	assert_int_equal(ms_http_new(&h, NULL), MS_OK);
	bool begun = false;
	while (o.event == MS_HTTP_MORE && o.used < len) {
		size_t n = begun ? piece : first;
		n = n == 0 || n > len - o.used ? len - o.used : n;
		begun = true;
		uint8_t *copy = test_dup(w + o.used, n);
		size_t used = 0, more = 0;
		o.event = ms_http_feed(h, ms_span(copy, n), &used);
		if (o.event == MS_HTTP_HEAD) {
			if (!ms_http_allow_body(h, body_cap))
				assert_int_equal(ms_http_status(h), 413);
			o.event = ms_http_feed(h, ms_span(copy + used, n - used), &more);
		}
		assert_true(o.event != MS_HTTP_MORE || used + more == n);
		o.used += used + more;
		free(copy);
	}
	o.status = ms_http_status(h);
	o.reason = ms_http_reason(h);
	o.body_len = ms_http_body(h).len;
	if (o.event == MS_HTTP_REFUSED) { /* for good */
		size_t used;
		assert_int_equal(ms_http_feed(h, ms_span_str(GET HOST END), &used), MS_HTTP_REFUSED);
		assert_int_equal(used, 0);
	}
	return o;
}

/* The outcome of w, after showing that no way to cut it changes the outcome. */
static struct outcome
any_cut(const void *p, size_t len, size_t body_cap)
{
	const uint8_t *w = p;
	struct outcome whole = run(w, len, 0, 0, body_cap);
	size_t stride = len / 2000 + 1;
	for (size_t cut = 0; cut <= len; cut += stride) {
		struct outcome o = run(w, len, cut == 0 ? 1 : cut, cut == 0 ? 1 : 0, body_cap);
		assert_int_equal(o.event, whole.event);
		assert_int_equal(o.status, whole.status);
		assert_string_equal(o.reason, whole.reason);
		assert_int_equal(o.body_len, whole.body_len);
		if (whole.event != MS_HTTP_MORE && whole.event != MS_HTTP_REFUSED)
			assert_int_equal(o.used, whole.used);
	}
	return whole;
}

static void
refused(const char *text, int status)
{
	struct outcome o = any_cut(text, strlen(text), 1024);
	if (o.event != MS_HTTP_REFUSED || o.status != status)
		print_error("event %d status %d (%s) for: %s\n", (int)o.event, o.status, o.reason, text);
	CHECK_INT(o.event, MS_HTTP_REFUSED);
	CHECK_INT(o.status, status);
}

static void
taken(const char *text, size_t body_len)
{
	struct outcome o = any_cut(text, strlen(text), 1024);
	if (o.event != MS_HTTP_DONE)
		print_error("event %d status %d (%s) for: %s\n", (int)o.event, o.status, o.reason, text);
	CHECK_INT(o.event, MS_HTTP_DONE);
	CHECK_INT(o.body_len, body_len);
}

MS_TEST(http_takes_plain_requests_and_shows_their_parts)
{
	static const char text[] =
	    POST HOST "Content-Type: application/cbor\r\nContent-Length:  5 \r\nUser-Agent: x\r\nAccept:\r\n" END "hello";
	taken(GET HOST END, 0);
	taken(GET HOST "Connection: keep-alive\r\nContent-Length: 0\r\n" END, 0);
	taken(text, 5);
	MS_OWN(ms_http_free) struct ms_http *h = NULL;
	size_t used;
	CHECK_INT(ms_http_new(&h, NULL), MS_OK);
	CHECK_INT(ms_http_feed(h, ms_span_str(text), &used), MS_HTTP_HEAD);
	CHECK_INT(used, strlen(text) - 5);
	CHECK_INT(ms_http_feed(h, ms_span_str("hello"), &used), MS_HTTP_HEAD); /* nothing moves before the cap is known */
	CHECK_INT(used, 0);
	CHECK(ms_http_allow_body(h, 5));
	CHECK_INT(ms_http_feed(h, ms_span_str("hello, more"), &used), MS_HTTP_DONE);
	CHECK_INT(used, 5);
	const struct ms_http_head *head = ms_http_head(h);
	CHECK_INT(head->method, MS_HTTP_POST);
	CHECK(ms_span_eq(head->path, ms_span_str("/v1/t/default/op")));
	CHECK(ms_span_eq(head->host, ms_span_str("muster.test:8443")));
	CHECK(ms_span_eq(head->type, ms_span_str("application/cbor")));
	CHECK(ms_span_eq(ms_http_body(h), ms_span_str("hello")));
	CHECK(!head->close);
}

MS_TEST(http_reads_one_request_after_another_and_forgets_the_last)
{
	static const char two[] =
	    POST HOST "Content-Type: application/cbor\r\nConnection: close\r\nContent-Length: 2\r\n" END "ab" GET HOST END;
	MS_OWN(ms_http_free) struct ms_http *h = NULL;
	size_t used, more;
	CHECK_INT(ms_http_new(&h, NULL), MS_OK);
	CHECK_INT(ms_http_feed(h, ms_span_str(two), &used), MS_HTTP_HEAD);
	CHECK(ms_http_head(h)->close);
	CHECK(ms_http_allow_body(h, 2));
	CHECK_INT(ms_http_feed(h, ms_span_str(two + used), &more), MS_HTTP_DONE);
	ms_http_next(h);
	CHECK_INT(ms_http_feed(h, ms_span_str(two + used + more), &used), MS_HTTP_HEAD);
	CHECK_INT(ms_http_head(h)->method, MS_HTTP_GET);
	CHECK(!ms_http_head(h)->close && ms_http_head(h)->type.len == 0 && ms_http_head(h)->body_len == 0);
}

MS_TEST(http_waits_for_more_on_every_prefix_of_a_request)
{
	static const char text[] = POST HOST "Content-Length: 3\r\n" END "abc";
	for (size_t n = 0; n < strlen(text); n++)
		CHECK_INT(run((const uint8_t *)text, n, 0, 0, 3).event, MS_HTTP_MORE);
}

MS_TEST(http_refuses_transfer_encoding_with_content_length)
{
	refused(POST HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" END "0\r\n\r\n", 400);
	refused(POST HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n" END "0\r\n\r\n", 400);
	refused(POST HOST "Content-Length: 5\r\nTransfer-Encoding: identity\r\n" END "hello", 400);
}

MS_TEST(http_refuses_any_transfer_encoding)
{
	static const char *const values[] = {
	    "chunked", "Chunked", "gzip, chunked", "chunked, gzip", "identity", "", "xchunked", "chunked;x=y", "\"chunked\""};
	char text[256];
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		(void)snprintf(text, sizeof text, POST HOST "Transfer-Encoding: %s\r\n" END, values[i]);
		struct outcome o = any_cut(text, strlen(text), 1024);
		CHECK_INT(o.event, MS_HTTP_REFUSED);
		CHECK(o.status == 501 || o.status == 400);
	}
}

MS_TEST(http_refuses_two_content_lengths)
{
	refused(POST HOST "Content-Length: 5\r\nContent-Length: 5\r\n" END "hello", 400);
	refused(POST HOST "Content-Length: 5\r\ncontent-length: 6\r\n" END "hello", 400);
	refused(POST HOST "Content-Length: 5, 5\r\n" END "hello", 400);
}

MS_TEST(http_refuses_lengths_that_are_not_plain_numbers)
{
	static const char *const bad[] = {"-1", "+5", "0x5", "5 5", "05", "00", "", "5a", "5;", "5.0", "1e3", "\"5\"",
	    "18446744073709551616", "18446744073709551621", "99999999999999999999999999"};
	char text[256];
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		(void)snprintf(text, sizeof text, POST HOST "Content-Length: %s\r\n" END "hello", bad[i]);
		refused(text, 400);
	}
}

MS_TEST(http_refuses_bodies_over_the_cap_before_reading_them)
{
	static const char *const big[] = {"1025", "104857601", "99999999", "4294967301", "9223372036854775807", "18446744073709551615"};
	char text[256];
	for (size_t i = 0; i < sizeof big / sizeof *big; i++) {
		(void)snprintf(text, sizeof text, POST HOST "Content-Length: %s\r\n" END, big[i]);
		refused(text, 413);
	}
	CHECK_INT(run((const uint8_t *)POST HOST "Content-Length: 10485760\r\n" END, strlen(POST HOST "Content-Length: 10485760\r\n" END),
		      0, 0, SIZE_MAX)
		      .event,
	    MS_HTTP_MORE);
	struct outcome o =
	    any_cut(POST HOST "Content-Length: 104857601\r\n" END, strlen(POST HOST "Content-Length: 104857601\r\n" END), SIZE_MAX);
	CHECK_INT(o.status, 413);
}

MS_TEST(http_refuses_a_bare_cr_anywhere_in_the_head)
{
	refused("GET /v1/root HTTP/1.1\rHost: a\r\n" END, 400);
	refused(GET "Host: a\rX: b\r\n" END, 400);
	refused(GET HOST "X: a\r b\r\n" END, 400);
	refused(GET HOST "\r\r\n", 400);
	refused(GET HOST "\rX: a\r\n" END, 400);
	refused(GET HOST "X\r: a\r\n" END, 400);
	refused("GET /v1/root\r HTTP/1.1\r\n" HOST END, 400);
}

MS_TEST(http_refuses_a_bare_lf_anywhere_in_the_head)
{
	refused("GET /v1/root HTTP/1.1\n" HOST END, 400);
	refused(GET "Host: a\n" END, 400);
	refused(GET HOST "X: a\nContent-Length: 5\r\n" END, 400);
	refused(GET HOST "\n", 400);
	refused("GET /v1/root HTTP/1.1\nHost: a\n\n", 400);
}

MS_TEST(http_refuses_space_before_the_colon_and_names_that_are_not_tokens)
{
	refused(GET "Host : a\r\n" END, 400);
	refused(POST HOST "Content-Length : 5\r\n" END "hello", 400);
	refused(POST HOST "Content-Length\t: 5\r\n" END "hello", 400);
	refused(GET HOST ": a\r\n" END, 400);
	refused(GET HOST "X(y): a\r\n" END, 400);
	refused(GET HOST "X\x80: a\r\n" END, 400);
	refused(GET HOST "just words\r\n" END, 400);
	refused(GET HOST "noline\r\n" END, 400);
}

MS_TEST(http_refuses_a_request_without_exactly_one_good_host)
{
	refused(GET END, 400);
	refused(GET "Hos: a\r\n" END, 400);
	refused(GET "Host: a\r\nHost: a\r\n" END, 400);
	refused(GET "Host: a\r\nhOST: b\r\n" END, 400);
	refused(GET "Host:\r\n" END, 400);
	refused(GET "Host:   \r\n" END, 400);
	refused(GET "Host: a b\r\n" END, 400);
	refused(GET "Host: a, b\r\n" END, 400);
	refused(GET "Host: a@b\r\n" END, 400);
	refused(GET "Host: a/b\r\n" END, 400);
}

MS_TEST(http_refuses_folded_lines)
{
	refused(GET HOST "X: a\r\n b\r\n" END, 400);
	refused(GET HOST "X: a\r\n\tb\r\n" END, 400);
	refused(POST HOST "Content-Length:\r\n 5\r\n" END "hello", 400);
	refused(GET " Host: a\r\n" END, 400);
	refused(POST HOST "Transfer-Encoding:\r\n chunked\r\n" END, 400);
}

MS_TEST(http_refuses_a_head_over_8_kib_at_the_cap)
{
	size_t n = 200u << 10;
	char *w = malloc(n);
	CHECK(w != NULL);
	memset(w, 'a', n);
	memcpy(w, GET HOST "X: ", strlen(GET HOST "X: "));
	struct outcome o = any_cut(w, n, 1024);
	CHECK(o.event == MS_HTTP_REFUSED && o.status == 431);
	CHECK_INT(o.used, MS_HTTP_HEAD_MAX);
	memcpy(w + MS_HTTP_HEAD_MAX - 4, "\r\n\r\n", 4); /* exactly at the cap: taken */
	CHECK_INT(run((uint8_t *)w, MS_HTTP_HEAD_MAX, 0, 0, 0).event, MS_HTTP_DONE);
	memcpy(w + MS_HTTP_HEAD_MAX - 4, "a\r\n\r\n", 5);
	CHECK_INT(run((uint8_t *)w, MS_HTTP_HEAD_MAX + 1, 0, 0, 0).status, 431);
	memset(w, 'a', n);
	CHECK_INT(run((uint8_t *)w, n, 0, 0, 0).status, 431);
	free(w);
}

MS_TEST(http_refuses_more_than_64_fields)
{
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	ms_buf_init(&b, 4096);
	ms_buf_str(&b, GET HOST);
	for (int i = 1; i < 64; i++)
		ms_buf_str(&b, "X: y\r\n");
	size_t len = b.len;
	ms_buf_str(&b, END);
	CHECK_INT(any_cut(b.p, b.len, 0).event, MS_HTTP_DONE);
	b.len = len;
	ms_buf_str(&b, "X: y\r\n" END);
	CHECK_INT(any_cut(b.p, b.len, 0).status, 431);
}

MS_TEST(http_refuses_targets_that_are_not_plain_paths)
{
	static const char *const bad[] = {"http://other.test/v1/root", "http://muster.test:8443/v1/root", "//other.test/v1/root", "*",
	    "v1/root", "other.test:443", "/v1/root?x=1", "/v1/root#x", "/v1/%72oot", "/v1/../root", "/v1/./root", "/v1//root", "/v1\\root",
	    "/v1/root;x", "/v1/\x80root", "/v1/t/a@b/op", "/.", "/..", "/./", "/../", "/v1/..", "/.well-known/../v1/root"};
	char text[256];
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		(void)snprintf(text, sizeof text, "GET %s HTTP/1.1\r\n" HOST END, bad[i]);
		refused(text, 400);
	}
	taken("GET /.well-known/jwks.json HTTP/1.1\r\n" HOST END, 0); /* RFC 8615: a name, not a step */
	taken("GET /.../..x HTTP/1.1\r\n" HOST END, 0);
	refused("CONNECT muster.test:8443 HTTP/1.1\r\n" HOST END, 405);
}

MS_TEST(http_refuses_every_version_but_1_1)
{
	static const char *const bad[] = {"HTTP/1.0", "HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "HTTP/3.0", "HTTP/9.9"};
	static const char *const junk[] = {
	    "http/1.1", "HTTP/1.1x", "HTTP/1.", "HTTP/11", "HTTPS/1.1", "HTTP/01.1", "HTTP/-1.1", "ICE/1.1", "RTSP/1.1", ""};
	char text[256];
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		(void)snprintf(text, sizeof text, "GET /v1/root %s\r\n" HOST END, bad[i]);
		refused(text, 505);
	}
	for (size_t i = 0; i < sizeof junk / sizeof *junk; i++) {
		(void)snprintf(text, sizeof text, "GET /v1/root %s\r\n" HOST END, junk[i]);
		struct outcome o = any_cut(text, strlen(text), 0);
		CHECK(o.event == MS_HTTP_REFUSED && (o.status == 400 || o.status == 505));
	}
	refused("GET /v1/root\r\n" HOST END, 400); /* HTTP/0.9 */
	struct outcome o = any_cut("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24, 0);
	CHECK(o.event == MS_HTTP_REFUSED && (o.status == 400 || o.status == 505));
}

MS_TEST(http_refuses_nul_and_control_bytes_in_every_place_of_the_head)
{
	static const char good[] = POST HOST "Content-Length: 0\r\nX: some value\r\n" END;
	for (unsigned c = 0; c < 256; c++) {
		if ((c >= 0x20 && c < 0x7f) || c == '\r')
			continue;
		for (size_t i = 0; i + 1 < sizeof good; i++) {
			uint8_t w[sizeof good];
			memcpy(w, good, sizeof w);
			if (w[i] == c)
				continue;
			w[i] = (uint8_t)c;
			struct outcome o = run(w, sizeof good - 1, 0, 0, 0);
			CHECK_INT(o.event, MS_HTTP_REFUSED);
			CHECK_INT(o.status, 400);
		}
	}
}

MS_TEST(http_refuses_odd_spacing_of_the_request_line)
{
	refused("\r\n" GET HOST END, 400);
	refused(" GET /v1/root HTTP/1.1\r\n" HOST END, 400);
	refused("GET  /v1/root HTTP/1.1\r\n" HOST END, 400);
	refused("GET /v1/root  HTTP/1.1\r\n" HOST END, 400);
	refused("GET /v1/root HTTP/1.1 \r\n" HOST END, 400);
	refused("GET\t/v1/root\tHTTP/1.1\r\n" HOST END, 400);
	refused("GET /v1/ root HTTP/1.1\r\n" HOST END, 400);
	refused("G ET / HTTP/1.1\r\n" HOST END, 400);
}

MS_TEST(http_refuses_unknown_methods_and_names_of_other_case)
{
	refused("BREW /v1/root HTTP/1.1\r\n" HOST END, 400);
	refused("get /v1/root HTTP/1.1\r\n" HOST END, 400);
	refused("GETX /v1/root HTTP/1.1\r\n" HOST END, 400);
	taken("PUT /v1/root HTTP/1.1\r\n" HOST END, 0); /* known: the router says 405 */
}

MS_TEST(http_refuses_post_without_length_and_get_with_a_body)
{
	refused(POST HOST END, 411);
	refused(GET HOST "Content-Length: 5\r\n" END "hello", 400);
	refused("DELETE /v1/root HTTP/1.1\r\n" HOST "Content-Length: 5\r\n" END "hello", 400);
}

MS_TEST(http_refuses_what_would_change_the_protocol_or_the_body)
{
	refused(GET HOST "Connection: Upgrade\r\nUpgrade: h2c\r\n" END, 400);
	refused(GET HOST "Upgrade: websocket\r\n" END, 400);
	refused(GET HOST "Connection: close, X-Hop\r\n" END, 400);
	refused(GET HOST "Connection: close\r\nConnection: keep-alive\r\n" END, 400);
	refused(POST HOST "Expect: 100-continue\r\nContent-Length: 5\r\n" END, 417);
	refused(POST HOST "Content-Encoding: gzip\r\nContent-Length: 5\r\n" END, 415);
	refused(POST HOST "Content-Type: application/cbor\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n" END, 400);
}

MS_TEST(http_survives_every_single_byte_change_with_the_same_outcome_at_any_cut)
{
	static const char good[] = POST HOST "Content-Length: 3\r\n" END "abc";
	for (size_t i = 0; i + 1 < sizeof good; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			uint8_t w[sizeof good];
			memcpy(w, good, sizeof w);
			w[i] ^= (uint8_t)(1u << bit);
			(void)any_cut(w, sizeof good - 1, 64);
		}
	}
}
