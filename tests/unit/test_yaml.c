#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/yaml.h"

static struct ms_yaml *
load(const char *text)
{
	struct ms_yaml *y = NULL;
	struct ms_err err;
	CHECK_OK(ms_yaml_load("t.yaml", ms_span_str(text), &y, &err), &err);
	return y;
}

static void
expect_reject(struct ms_span text, enum ms_rc rc, const char *says)
{
	static int sentinel;
	struct ms_yaml *y = (void *)&sentinel;
	struct ms_err err = {0};
	uint8_t *p = test_dup(text.p, text.len);
	CHECK_INT(ms_yaml_load("t.yaml", ms_span(p, text.len), &y, &err), rc);
	CHECK(y == (void *)&sentinel);
	free(p);
	if (strstr(err.text, says) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.text, says);
}

MS_TEST(yaml_reads_maps_lists_and_scalars_with_their_lines)
{
	MS_OWN(ms_yaml_free) struct ms_yaml *y = load("a: 1\nb:\n  c: [x, 'y']\n  d: \"true\"\n# note\ne:\n- f: 2\n- f: 3\n");
	struct ms_yaml_node *root = ms_yaml_root(y), *n;
	struct ms_err err;
	uint64_t v;
	const char *s;
	CHECK_OK(ms_yaml_uint(ms_yaml_get(root, "a"), 0, 5, &v, &err), &err);
	CHECK_INT(v, 1);
	n = ms_yaml_get_path(root, "b.c");
	CHECK(n != NULL && ms_yaml_line(n) == 3 && ms_yaml_count(n) == 2);
	CHECK_OK(ms_yaml_text(ms_yaml_next(ms_yaml_first(n)), 1, 9, &s, &err), &err);
	assert_string_equal(s, "y");
	CHECK(!ms_yaml_plain(ms_yaml_get_path(root, "b.d")));
	n = ms_yaml_first(ms_yaml_get(root, "e"));
	CHECK_OK(ms_yaml_uint(ms_yaml_get(n, "f"), 0, 5, &v, &err), &err);
	CHECK_INT(v, 2);
	CHECK_OK(ms_yaml_uint(ms_yaml_get(ms_yaml_next(n), "f"), 0, 5, &v, &err), &err);
	CHECK_INT(v, 3);
	CHECK_OK(ms_yaml_check_used(y, &err), &err);
}

MS_TEST(yaml_refuses_what_is_not_plain_data_and_names_the_line)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
	    {"a: &x 1\n", "t.yaml:1: a: anchors"},
	    {"a: 1\nb: *a\n", "t.yaml:2: b: aliases"},
	    {"a: !!str 1\n", "tags"},
	    {"a: !x [1]\n", "tags"},
	    {"a: &x {b: 1}\n", "anchors"},
	    {"a: 1\nb: 2\na: 3\n", "t.yaml:3: a: key is there twice"},
	    {"a: {b: 1, b: 2}\n", "twice"},
	    {"a: 1\n---\nb: 2\n", "second document"},
	    {"---\n{}\n---\n{}\n", "second document"},
	    {"<<: {a: 1}\n", "merge"},
	    {"? [a]\n: 1\n", "a key is text"},
	    {"? {a: 1}\n: 1\n", "a key is text"},
	    {"- a\n", "not a map"},
	    {"a\n", "not a map"},
	    {"%YAML 1.1\n---\na: 1\n", "directives"},
	    {"a: [1\n", "t.yaml:2"},
	    {"a:\n\t- 1\n", "t.yaml:2"},
	    {"a: 1\n b: 2\n", "t.yaml:2"},
	    {"\"\": 1\n", "a key is"},
	    {"a: \"\\0\"\n", "not UTF-8"},
	    {"? |\n  a\n: 1\n", "one line"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		expect_reject(ms_span_str(bad[i].text), MS_ERR_MALFORMED, bad[i].says);
	expect_reject(ms_span("a: \xff\n", 5), MS_ERR_MALFORMED, "t.yaml:");
	expect_reject(ms_span("a: b\0c\n", 7), MS_ERR_MALFORMED, "t.yaml:");
}

MS_TEST(yaml_refuses_too_deep_too_many_and_too_big)
{
	struct ms_buf b;
	ms_buf_init(&b, 8u << 20);
	ms_buf_str(&b, "a: ");
	for (unsigned i = 0; i < MS_YAML_DEPTH_MAX + 1; i++)
		ms_buf_str(&b, "[");
	expect_reject(ms_buf_span(&b), MS_ERR_TOO_BIG, "too deep");
	ms_buf_reset(&b);
	ms_buf_str(&b, "a: [");
	for (unsigned i = 0; i < MS_YAML_NODES_MAX; i++)
		ms_buf_str(&b, "1,");
	ms_buf_str(&b, "1]\n");
	expect_reject(ms_buf_span(&b), MS_ERR_TOO_BIG, "too many values");
	ms_buf_reset(&b);
	for (unsigned i = 0; i < 5000; i++)
		ms_buf_fmt(&b, "k%u: 1\n", i);
	expect_reject(ms_buf_span(&b), MS_ERR_TOO_BIG, "too many keys");
	ms_buf_reset(&b);
	while (b.len <= MS_YAML_SIZE_MAX)
		ms_buf_str(&b, "# a long comment that goes on and on and on and on and on and on\n");
	expect_reject(ms_buf_span(&b), MS_ERR_TOO_BIG, "bytes");
	ms_buf_reset(&b);
	for (unsigned i = 0; i < 200; i++)
		ms_buf_str(&b, "k");
	ms_buf_str(&b, ": 1\n");
	expect_reject(ms_buf_span(&b), MS_ERR_MALFORMED, "a key is");
	ms_buf_fini(&b);
}

MS_TEST(yaml_readers_have_no_implicit_types)
{
	static const char *const not_uint[] = {"", "-1", "+1", "01", "0x10", "1e3", "1.0", "1_000", "18446744073709551616",
	    "99999999999999999999", "\"1\"", "yes", "[1]", "{a: 1}", "~"};
	static const char *const not_bool[] = {"", "yes", "True", "TRUE", "on", "1", "\"true\"", "[true]"};
	char text[64];
	struct ms_err err;
	uint64_t v = 77;
	bool t = true;
	for (size_t i = 0; i < sizeof not_uint / sizeof *not_uint; i++) {
		(void)snprintf(text, sizeof text, "x: %s\n", not_uint[i]);
		MS_OWN(ms_yaml_free) struct ms_yaml *y = load(text);
		CHECK_INT(ms_yaml_uint(ms_yaml_get(ms_yaml_root(y), "x"), 0, UINT64_MAX, &v, &err), MS_ERR_MALFORMED);
		CHECK_INT(v, 77);
		CHECK(strstr(err.text, "t.yaml:1: x: ") != NULL);
	}
	for (size_t i = 0; i < sizeof not_bool / sizeof *not_bool; i++) {
		(void)snprintf(text, sizeof text, "x: %s\n", not_bool[i]);
		MS_OWN(ms_yaml_free) struct ms_yaml *y = load(text);
		CHECK_INT(ms_yaml_bool(ms_yaml_get(ms_yaml_root(y), "x"), &t, &err), MS_ERR_MALFORMED);
	}
	MS_OWN(ms_yaml_free) struct ms_yaml *y = load("x: 18446744073709551615\ny: false\n");
	CHECK_OK(ms_yaml_uint(ms_yaml_get(ms_yaml_root(y), "x"), 0, UINT64_MAX, &v, &err), &err);
	CHECK(v == UINT64_MAX);
	CHECK_INT(ms_yaml_uint(ms_yaml_get(ms_yaml_root(y), "x"), 0, 10, &v, &err), MS_ERR_TOO_BIG);
	CHECK_OK(ms_yaml_bool(ms_yaml_get(ms_yaml_root(y), "y"), &t, &err), &err);
	CHECK(!t);
}

MS_TEST(yaml_names_the_first_key_that_nobody_asked_for)
{
	MS_OWN(ms_yaml_free) struct ms_yaml *y = load("a:\n  b: 1\n  c: 2\nd: 3\n");
	struct ms_err err;
	CHECK(ms_yaml_get_path(ms_yaml_root(y), "a.b") != NULL);
	CHECK_INT(ms_yaml_check_used(y, &err), MS_ERR_MALFORMED);
	CHECK(strstr(err.text, "t.yaml:3: a.c: unknown key") != NULL);
	ms_yaml_mark_used(ms_yaml_get(ms_yaml_root(y), "a"));
	CHECK_INT(ms_yaml_check_used(y, &err), MS_ERR_MALFORMED);
	CHECK(strstr(err.text, "d: unknown key") != NULL);
	CHECK(ms_yaml_get_path(ms_yaml_root(y), "d.e") == NULL);
	CHECK(ms_yaml_get_path(ms_yaml_root(y), "nope.e") == NULL);
	CHECK_OK(ms_yaml_check_used(y, &err), &err);
}

MS_TEST(yaml_empty_document_is_an_empty_map)
{
	static const char *const empty[] = {"", "# only a comment\n", "---\n{}\n"};
	for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
		MS_OWN(ms_yaml_free) struct ms_yaml *y = load(empty[i]);
		CHECK(ms_yaml_type(ms_yaml_root(y)) == MS_YAML_MAP && ms_yaml_count(ms_yaml_root(y)) == 0);
		CHECK(ms_yaml_first(ms_yaml_root(y)) == NULL);
	}
}
