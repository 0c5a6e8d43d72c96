#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "codec/cbor_any.h"

static enum ms_rc
parse_hex(const char *hex, struct ms_any *ret, uint8_t **mem)
{
	static const struct ms_any sentinel = {.type = MS_ANY_SIMPLE, .value = 77};
	size_t len;
	*mem = test_hex(hex, &len);
	*ret = sentinel;
	enum ms_rc rc = ms_any_parse(ms_span(*mem, len), ret, NULL);
	CHECK((rc == MS_OK) == (ret->type != sentinel.type || ret->value != sentinel.value));
	return rc;
}

static enum ms_rc
rc_of(const char *hex)
{
	struct ms_any a;
	uint8_t *mem;
	enum ms_rc rc = parse_hex(hex, &a, &mem);
	free(mem);
	return rc;
}

/* ---- RFC 8949 appendix A, by the answers that come with the vectors ---- */
static void same(const struct ms_any *a, const json_t *want);

static void
same_string(const struct ms_any *a, const json_t *want)
{
	struct ms_buf b;
	ms_buf_init(&b, 1000);
	ms_any_join(a, &b);
	CHECK(!b.bad && b.len == a->value);
	CHECK(ms_span_eq(ms_buf_span(&b), ms_span(json_string_value(want), json_string_length(want))));
	ms_buf_fini(&b);
}

static void
same_items(const struct ms_any *a, const json_t *want)
{
	struct ms_any key, item;
	struct ms_any_iter it = ms_any_items(a);
	size_t n = 0;
	for (; ms_any_next(&it, &key); n++) {
		char text[32];
		struct ms_span s;
		if (a->type == MS_ANY_ARRAY) {
			struct ms_any again;
			CHECK(ms_any_at(a, n, &again) && again.raw.p == key.raw.p && again.raw.len == key.raw.len);
			same(&key, json_array_get(want, n));
			continue;
		}
		CHECK(ms_any_next(&it, &item));
		if (ms_any_is_text(&key, &s))
			(void)snprintf(text, sizeof text, "%.*s", (int)s.len, (const char *)s.p);
		else
			(void)snprintf(text, sizeof text, "%llu", (unsigned long long)key.value);
		same(&item, json_object_get(want, text));
	}
	CHECK_INT(n, a->type == MS_ANY_ARRAY ? json_array_size(want) : json_object_size(want));
	CHECK_INT(n, a->value);
}

static double
number_of(const struct ms_any *a)
{
	struct ms_any inner;
	double v = 0;
	if (a->type == MS_ANY_UINT)
		return (double)a->value;
	if (a->type == MS_ANY_NINT)
		return -1.0 - (double)a->value;
	if (a->type == MS_ANY_FLOAT)
		return ms_any_double(a);
	bool negative = ms_any_untag(a, 3, &inner); /* bignums */
	CHECK(negative || ms_any_untag(a, 2, &inner));
	for (size_t i = 0; i < inner.body.len; i++)
		v = v * 256 + inner.body.p[i];
	return negative ? -1 - v : v;
}

static void
same(const struct ms_any *a, const json_t *want)
{
	CHECK(want != NULL);
	if (json_is_number(want)) {
		CHECK(number_of(a) == json_number_value(want));
	} else if (json_is_string(want)) {
		CHECK(a->type == MS_ANY_TEXT);
		same_string(a, want);
	} else if (json_is_boolean(want)) {
		bool v;
		CHECK(ms_any_is_bool(a, &v) && v == json_is_true(want));
	} else if (json_is_null(want)) {
		CHECK(a->type == MS_ANY_NULL);
	} else {
		CHECK(a->type == (json_is_array(want) ? MS_ANY_ARRAY : MS_ANY_MAP));
		same_items(a, want);
	}
}

/* What the vectors write in diagnostic notation has no JSON. */
static void
diagnose(const struct ms_any *a, struct ms_buf *b)
{
	struct ms_any inner;
	struct ms_any_iter it = ms_any_items(a);
	char hex[64];
	double d = ms_any_double(a);
	switch (a->type) {
	case MS_ANY_FLOAT:
		ms_buf_str(b, d != d ? "NaN" : d > 0 ? "Infinity" : "-Infinity");
		break;
	case MS_ANY_UNDEFINED:
		ms_buf_str(b, "undefined");
		break;
	case MS_ANY_SIMPLE:
		ms_buf_fmt(b, "simple(%llu)", (unsigned long long)a->value);
		break;
	case MS_ANY_TAG:
		CHECK(ms_any_next(&it, &inner));
		ms_buf_fmt(b, "%llu(", (unsigned long long)a->value);
		diagnose(&inner, b);
		ms_buf_str(b, ")");
		break;
	case MS_ANY_BYTES:
		if (a->chunked) { /* there is one such: two chunks */
			ms_buf_str(b, "(_ h'0102', h'030405')");
			CHECK(a->value == 5);
			break;
		}
		ms_hex(a->body.p, a->body.len, hex);
		ms_buf_fmt(b, "h'%s'", hex);
		break;
	case MS_ANY_TEXT:
		ms_buf_fmt(b, "\"%.*s\"", (int)a->body.len, (const char *)a->body.p);
		break;
	case MS_ANY_MAP: /* {1: 2, 3: 4} */
		CHECK(a->value == 2 && ms_any_get(a, 3, &inner) && inner.value == 4 && ms_any_get(a, 1, &inner) && inner.value == 2);
		ms_buf_str(b, "{1: 2, 3: 4}");
		break;
	case MS_ANY_UINT:
		ms_buf_fmt(b, "%llu", (unsigned long long)a->value);
		break;
	default:
		same_items(a, json_null()); /* fails: there are no others */
	}
	if (a->type == MS_ANY_FLOAT && d - d == 0) { /* 1(1363896240.5) */
		ms_buf_reset(b);
		ms_buf_fmt(b, "1(%.1f", d);
	}
}

MS_TEST(cbor_any_reads_all_of_appendix_a_as_the_standard_says)
{
	char path[4096];
	const char *dir = test_vectors();
	if (dir == NULL)
		skip();
	(void)snprintf(path, sizeof path, "%s/eat-corim/cbor/appendix_a.json", dir);
	json_t *all = json_load_file(path, JSON_DECODE_INT_AS_REAL, NULL);
	CHECK_INT(json_array_size(all), 82);
	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *row = json_array_get(all, i), *decoded = json_object_get(row, "decoded");
		struct ms_any a;
		uint8_t *mem;
		CHECK_INT(parse_hex(json_string_value(json_object_get(row, "hex")), &a, &mem), MS_OK);
		if (decoded != NULL) {
			same(&a, decoded);
		} else {
			struct ms_buf b;
			ms_buf_init(&b, 1000);
			diagnose(&a, &b);
			CHECK(ms_span_eq(ms_buf_span(&b), ms_span_str(json_string_value(json_object_get(row, "diagnostic")))));
			ms_buf_fini(&b);
		}
		free(mem);
	}
	json_decref(all);
}

MS_TEST(cbor_any_takes_what_the_strict_reader_refuses)
{
	static const char *const good[] = {"1800", "190000", "1b0000000000000001", "5803010203", "a2 02 00 01 00" /* keys unsorted */,
	    "bf 01 02 ff", "9f 9f ff ff", "5fff", "7fff", "5f 41 01 ff", "d9 01f5 a0", "c1 c1 00", "f97e00", "fb7ff8000000000001", "f81f",
	    "a3 01 00 61 61 00 41 61 00", "a1 f4 00", "a1 f93c00 00", "9b0000000000000001 00", "bb0000000000000001 00 00"};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		CHECK_INT(rc_of(good[i]), MS_OK);
}

MS_TEST(cbor_any_refuses_what_is_not_well_formed)
{
	static const char *const bad[] = {"", "18", "19ff", "1a000000", "1b00000000000000", "1c", "1d", "1e",
	    "1f" /* reserved, indefinite int */, "3f", "df", "ff", "00 00", "4101 00", "42 01", "62 61", "5b ffffffffffffffff", "81", "a1",
	    "a1 00", "9f", "bf", "bf 00 ff" /* odd */, "9f 00", "bf 00 00", "5f 61 61 ff" /* chunk of the other kind */, "5f 00 ff",
	    "5f 5f ff ff", "7f 41 61 ff", "5f 41", "c0", "81 ff", "a1 00 ff", "c0 ff", "f8", "f800", "f814", "f817", "f9", "f900",
	    "fa000000", "fb00000000000000", "fc", "fd", "fe", "61 ff" /* not UTF-8 */, "61 80", "61 00", "7f 62 c3 28 ff",
	    "7f 61 c3 61 a9 ff" /* one character in two chunks */, "9b 7fffffffffffffff 00", "bb 7fffffffffffffff 00 00"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		enum ms_rc rc = rc_of(bad[i]);
		if (rc != MS_ERR_MALFORMED)
			print_error("%s: %s\n", bad[i], ms_rc_name(rc));
		CHECK_INT(rc, MS_ERR_MALFORMED);
	}
}

MS_TEST(cbor_any_refuses_a_key_twice_however_it_is_written)
{
	static const char *const bad[] = {"a2 01 00 01 00", "a2 01 00 1801 00", "a2 1b0000000000000001 00 1901 00 00",
	    "a3 01 00 02 00 1a00000001 00", "bf 01 00 190001 00 ff", "a2 20 00 3800 00", "a2 6161 00 7801 61 00", "a2 4161 00 5801 61 00",
	    "a2 f4 00 f4 00", "a2 f93c00 00 fa3f800000 00", "a2 f6 00 f6 00", "81 a1 00 a2 00 00 00 00", "a2 00 00 a0 00 1800 00"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK(rc_of(bad[i]) == MS_ERR_MALFORMED || i == 2 || i == 12);
	CHECK_INT(rc_of("a2 1b0000000000000001 00 190001 00"), MS_ERR_MALFORMED);
	CHECK_INT(rc_of("a2 01 00 20 00"), MS_OK);     /* 1 and -1 */
	CHECK_INT(rc_of("a2 6161 00 4161 00"), MS_OK); /* text and bytes */
	CHECK_INT(rc_of("a2 01 a1 01 00 02 a1 01 00"), MS_OK);
}

MS_TEST(cbor_any_refuses_keys_that_are_no_number_or_string)
{
	static const char *const bad[] = {"a1 80 00", "a1 a0 00", "a1 c1 00 00", "a1 5f ff 00", "a1 7f 61 61 ff 00", "bf 9f ff 00 ff"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK_INT(rc_of(bad[i]), MS_ERR_UNSUPPORTED);
}

/* n times `open`, then 00 for the innermost, then what closes them. */
static enum ms_rc
nested(uint8_t open, uint8_t close, size_t n)
{
	struct ms_buf b;
	struct ms_any a;
	ms_buf_init(&b, 10000);
	for (size_t i = 0; i < n; i++) {
		ms_buf_u8(&b, open);
		if (open == 0xa1 || open == 0xbf)
			ms_buf_u8(&b, 0);
	}
	ms_buf_u8(&b, 0);
	for (size_t i = 0; i < n && close != 0; i++)
		ms_buf_u8(&b, close);
	enum ms_rc rc = ms_any_parse(ms_buf_span(&b), &a, NULL);
	ms_buf_fini(&b);
	return rc;
}

MS_TEST(cbor_any_stops_at_the_depth_cap)
{
	static const uint8_t kinds[][2] = {{0x81, 0}, {0xa1, 0}, {0xc1, 0}, {0x9f, 0xff}, {0xbf, 0xff}};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		CHECK_INT(nested(kinds[i][0], kinds[i][1], MS_ANY_DEPTH_MAX), MS_OK);
		CHECK_INT(nested(kinds[i][0], kinds[i][1], MS_ANY_DEPTH_MAX + 1), MS_ERR_TOO_BIG);
		CHECK_INT(nested(kinds[i][0], kinds[i][1], 5000), MS_ERR_TOO_BIG);
	}
}

MS_TEST(cbor_any_stops_at_the_item_cap)
{
	struct ms_buf b;
	struct ms_any a;
	ms_buf_init(&b, MS_ANY_ITEMS_MAX + 100);
	ms_buf_u8(&b, 0x9a);
	ms_buf_u32(&b, MS_ANY_ITEMS_MAX - 1);
	for (size_t i = 0; i < MS_ANY_ITEMS_MAX - 1; i++)
		ms_buf_u8(&b, 0);
	CHECK_INT(ms_any_parse(ms_buf_span(&b), &a, NULL), MS_OK);
	CHECK_INT(a.value, MS_ANY_ITEMS_MAX - 1);
	ms_buf_u8(&b, 0);
	b.p[4]++; /* 0x3ffff becomes 0x3ff00, so count it anew */
	b.p[1] = 0, b.p[2] = 4, b.p[3] = 0, b.p[4] = 0;
	CHECK_INT(ms_any_parse(ms_buf_span(&b), &a, NULL), MS_ERR_TOO_BIG);
	ms_buf_fini(&b);
}

MS_TEST(cbor_any_finds_members_in_any_order_and_form)
{
	struct ms_any a, v;
	uint8_t *mem;
	struct ms_span s;
	int64_t n;
	CHECK_INT(parse_hex("bf 6162 9f01ff 1907d0 f5 39ffff 7f6161ff 05 d9012c 41aa ff", &a, &mem), MS_OK);
	CHECK(a.type == MS_ANY_MAP && a.value == 4);
	CHECK(ms_any_get(&a, 2000, &v) && v.type == MS_ANY_BOOL && v.value == 1);
	CHECK(ms_any_get(&a, -65536, &v) && ms_any_is_text(&v, &s) && ms_span_eq(s, ms_span_str("a")));
	CHECK(ms_any_get_text(&a, "b", &v) && v.type == MS_ANY_ARRAY && v.value == 1 && ms_any_at(&v, 0, &v) && ms_any_is_int(&v, &n) &&
	      n == 1);
	CHECK(ms_any_get(&a, 5, &v) && ms_any_untag(&v, 300, &v) && ms_any_is_bytes(&v, &s) && s.len == 1 && s.p[0] == 0xaa);
	CHECK(!ms_any_get(&a, 6, &v) && v.type == MS_ANY_NONE);
	CHECK(!ms_any_get_text(&a, "c", &v) && !ms_any_at(&a, 0, &v));
	CHECK(!ms_any_get(&v, 1, &v) && !ms_any_untag(&a, 1, &v));
	free(mem);
}

MS_TEST(cbor_any_accessors_do_not_take_other_types)
{
	struct ms_any a;
	uint8_t *mem;
	int64_t n = 7;
	uint64_t u = 7;
	struct ms_span s = {NULL, 7};
	bool b = true;
	CHECK_INT(parse_hex("1bffffffffffffffff", &a, &mem), MS_OK);
	CHECK(!ms_any_is_int(&a, &n) && n == 7 && ms_any_is_uint(&a, &u) && u == UINT64_MAX);
	CHECK(!ms_any_is_bytes(&a, &s) && !ms_any_is_text(&a, &s) && s.len == 7 && !ms_any_is_bool(&a, &b) && b);
	free(mem);
	CHECK_INT(parse_hex("3b8000000000000000", &a, &mem), MS_OK);
	CHECK(!ms_any_is_int(&a, &n) && !ms_any_is_uint(&a, &u));
	free(mem);
	CHECK_INT(parse_hex("3b7fffffffffffffff", &a, &mem), MS_OK);
	CHECK(ms_any_is_int(&a, &n) && n == INT64_MIN);
	free(mem);
	CHECK_INT(parse_hex("5f41014102ff", &a, &mem), MS_OK);
	CHECK(a.chunked && a.value == 2 && !ms_any_is_bytes(&a, &s));
	free(mem);
	CHECK_INT(parse_hex("6161", &a, &mem), MS_OK);
	CHECK(!ms_any_is_bytes(&a, &s) && ms_any_double(&a) == 0);
	free(mem);
}
