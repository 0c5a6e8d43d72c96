#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "codec/json.h"

static enum ms_rc
parse(const char *text, size_t len, size_t max)
{
	static int sentinel;
	json_t *j = (void *)&sentinel;
	uint8_t *p = test_dup(text, len);
	enum ms_rc rc = ms_json_parse(ms_span(p, len), max, &j, NULL);
	free(p);
	CHECK((rc == MS_OK) == (j != (void *)&sentinel));
	if (rc == MS_OK)
		json_decref(j);
	return rc;
}

static enum ms_rc
parse_text(const char *text)
{
	return parse(text, strlen(text), 1000);
}

MS_TEST(json_parse_refuses_what_readers_disagree_about)
{
	static const char *const bad[] = {"", " ", "{", "{}x", "{} {}", "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}", "[1,]", "{a:1}",
	    "['a']", "[01]", "[NaN]", "[\"\xff\"]", "[\"\\ud800\"]", "[\"\\u0000\"]", "[1e999]", "[99999999999999999999]", "// c\n{}", "1",
	    "\"a\"", "null"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (parse_text(bad[i]) != MS_ERR_MALFORMED)
			fail_msg("%s", bad[i]);
	CHECK_INT(parse("{}\0", 3, 1000), MS_ERR_MALFORMED);
	CHECK_INT(parse_text("{\"a\":[1,true,null,\"\\u00e9\"]} \n"), MS_OK);
}

MS_TEST(json_parse_caps_size_and_depth_before_it_parses)
{
	char text[20001];
	memset(text, '[', 10000);
	memset(text + 10000, ']', 10000);
	CHECK_INT(parse(text, 20000, sizeof text), MS_ERR_TOO_BIG);
	CHECK_INT(parse(text + 10000 - MS_JSON_DEPTH_MAX, (size_t)2 * MS_JSON_DEPTH_MAX, 1000), MS_OK);
	CHECK_INT(parse(text + 10000 - MS_JSON_DEPTH_MAX - 1, (size_t)2 * MS_JSON_DEPTH_MAX + 2, 1000), MS_ERR_TOO_BIG);
	CHECK_INT(parse("{}", 2, 1), MS_ERR_TOO_BIG);
	CHECK_INT(parse_text("[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[\"]"), MS_OK);
}

MS_TEST(json_build_sorts_keys)
{
	MS_OWN(ms_json_free) json_t *j = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf b = {.max = 1000};
	struct ms_err err;
	CHECK_OK(ms_json_parse(ms_span_str("{\"b\":1, \"a\":[true]}"), 1000, &j, &err), &err);
	CHECK_OK(ms_json_build(j, false, &b, &err), &err);
	CHECK(ms_span_eq(ms_buf_span(&b), ms_span_str("{\"a\":[true],\"b\":1}")));
	ms_buf_reset(&b);
	CHECK_OK(ms_json_build(j, true, &b, &err), &err);
	CHECK(ms_span_eq(ms_buf_span(&b), ms_span_str("{\n  \"a\": [\n    true\n  ],\n  \"b\": 1\n}\n")));
	b.max = 3;
	ms_buf_reset(&b);
	CHECK_INT(ms_json_build(j, false, &b, NULL), MS_ERR_TOO_BIG);
}
