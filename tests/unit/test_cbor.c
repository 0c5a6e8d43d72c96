#include "support/test.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/cbor.h"

/* What ms_cbor_check says about the bytes of a hex text. */
static enum ms_rc
check_hex(const char *hex)
{
	size_t len;
	uint8_t *p = test_hex(hex, &len);
	enum ms_rc rc = ms_cbor_check(ms_span(p, len), MS_CBOR_DEPTH_MAX, NULL);
	free(p);
	return rc;
}

static void
check_all(const char *const *hex, size_t n, enum ms_rc want)
{
	for (size_t i = 0; i < n; i++)
		if (check_hex(hex[i]) != want)
			fail_msg("%s: %s, not %s", hex[i], ms_rc_name(check_hex(hex[i])), ms_rc_name(want));
}
#define CHECK_ALL(list, want) check_all(list, sizeof(list) / sizeof *(list), want)

MS_TEST(cbor_check_takes_deterministic_items)
{
	static const char *const good[] = {"00", "17", "1818", "18ff", "190100", "1a00010000", "1b0000000100000000", "1bffffffffffffffff",
	    "20", "3bffffffffffffffff", "40", "4101", "60", "6161", "62c3a9", "80", "830102f6", "a0", "a10102", "a201020304",
	    "a2616101626161f5", "f4", "f5", "f6", "a32001616100626161f6", "a2182001190100f4"};
	CHECK_ALL(good, MS_OK);
}

MS_TEST(cbor_check_refuses_longer_heads_than_needed)
{
	static const char *const bad[] = {"1800", "1817", "1900ff", "190000", "1a0000ffff", "1b00000000ffffffff", "3817", "5800", "580141",
	    "7800", "9800", "980101", "b800", "b8010102", "d81c00", "f8f4", "f814"};
	CHECK_ALL(bad, MS_ERR_MALFORMED);
}

MS_TEST(cbor_check_refuses_indefinite_lengths_and_reserved_heads)
{
	static const char *const bad[] = {"5fff", "7fff", "9fff", "bfff", "5f4101ff", "7f6161ff", "9f01ff", "ff", "1c", "1d", "1e", "1f",
	    "3c", "5c", "7d", "9e", "bc", "dc", "fc", "fd", "fe"};
	CHECK_ALL(bad, MS_ERR_MALFORMED);
}

MS_TEST(cbor_check_refuses_floats_undefined_other_simple_values_and_tags)
{
	static const char *const bad[] = {"f90000", "f93c00", "fa47c35000", "fb3ff199999999999a", "f7", "e0", "f0", "f3", "f820", "f8ff",
	    "c000", "c11a514b67b0", "d28440a04040", "d81801", "c249010000000000000000"};
	CHECK_ALL(bad, MS_ERR_MALFORMED);
}

MS_TEST(cbor_check_refuses_map_keys_out_of_order_twice_or_of_other_types)
{
	static const char *const bad[] = {"a203010102", "a201020102", "a2616201616101", "a2626161016161f5", "a2616101616101",
	    "a22001 1817 01", "a2190100011820f4", "a14101 01", "a18001", "a1a001", "a1f401", "a1f601", "a220010001", "a201a203010102 0300"};
	CHECK_ALL(bad, MS_ERR_MALFORMED);
}

MS_TEST(cbor_check_refuses_text_that_is_not_utf8)
{
	static const char *const bad[] = {"61ff", "62c080", "63eda080", "64f4908080", "61c3", "6100", "a161ff01"};
	CHECK_ALL(bad, MS_ERR_MALFORMED);
}

MS_TEST(cbor_check_refuses_short_input_counts_beyond_it_and_bytes_after_it)
{
	static const char *const bad[] = {"", "18", "19", "1901", "1a000100", "1b00000001000000", "41", "4201", "61", "81", "8201", "a1",
	    "a101", "a2010203", "9b7fffffffffffffff", "9bffffffffffffffff", "bb8000000000000000", "bbffffffffffffffff",
	    "5bffffffffffffffff", "7bffffffffffffffff", "9a00ffffff00", "0000", "f6f6", "8000", "a000"};
	CHECK_ALL(bad, MS_ERR_MALFORMED);
}

MS_TEST(cbor_check_refuses_every_prefix_of_an_item_and_any_byte_after_it)
{
	size_t len;
	uint8_t *p = test_hex("a4 01 83 01 02 43 616263 02 a1 20 f6 03 63 616263 18 40 1a 00010000", &len);
	CHECK_INT(ms_cbor_check(ms_span(p, len), MS_CBOR_DEPTH_MAX, NULL), MS_OK);
	for (size_t n = 0; n < len; n++) {
		uint8_t *part = test_dup(p, n);
		CHECK_INT(ms_cbor_check(ms_span(part, n), MS_CBOR_DEPTH_MAX, NULL), MS_ERR_MALFORMED);
		free(part);
	}
	free(p);
}

/* Nested one-element arrays, or maps {0: ...}, around a 0. */
static enum ms_rc
check_nest(unsigned depth, unsigned cap, bool maps)
{
	struct ms_buf b;
	ms_buf_init(&b, 100000);
	for (unsigned i = 0; i < depth; i++) {
		ms_buf_u8(&b, maps ? 0xa1 : 0x81);
		if (maps)
			ms_buf_u8(&b, 0);
	}
	ms_buf_u8(&b, 0);
	enum ms_rc rc = ms_cbor_check(ms_buf_span(&b), cap, NULL);
	ms_buf_fini(&b);
	return rc;
}

MS_TEST(cbor_check_counts_levels_and_refuses_one_too_many)
{
	for (unsigned cap = 0; cap <= MS_CBOR_DEPTH_MAX; cap++) {
		CHECK_INT(check_nest(cap, cap, false), MS_OK);
		CHECK_INT(check_nest(cap, cap, true), MS_OK);
		CHECK_INT(check_nest(cap + 1, cap, false), MS_ERR_TOO_BIG);
		CHECK_INT(check_nest(cap + 1, cap, true), MS_ERR_TOO_BIG);
	}
	CHECK_INT(check_nest(17, 999, false), MS_ERR_TOO_BIG);
	CHECK_INT(check_nest(20000, MS_CBOR_DEPTH_MAX, true), MS_ERR_TOO_BIG);
}

MS_TEST(cbor_writers_give_the_bytes_that_the_reader_takes_back)
{
	static const int64_t ints[] = {
	    0, 23, 24, 255, 256, 65535, 65536, 4294967295, 4294967296, INT64_MAX, -1, -24, -25, -256, -257, -65536, -65537, INT64_MIN};
	struct ms_buf b;
	ms_buf_init(&b, 1000);
	ms_cbor_array(&b, sizeof ints / sizeof *ints + 6);
	for (size_t i = 0; i < sizeof ints / sizeof *ints; i++)
		ms_cbor_int(&b, ints[i]);
	ms_cbor_uint(&b, UINT64_MAX);
	ms_cbor_bytes(&b, ms_span_str("abc"));
	ms_cbor_text(&b, "caf\xc3\xa9");
	ms_cbor_bool(&b, true);
	ms_cbor_null(&b);
	ms_cbor_map(&b, 1);
	ms_cbor_uint(&b, 7);
	ms_cbor_bytes(&b, MS_SPAN_NONE);
	CHECK_INT(ms_buf_check(&b, NULL), MS_OK);
	struct ms_cbor c = ms_cbor_over(ms_buf_span(&b));
	CHECK_INT(ms_cbor_read_array(&c), sizeof ints / sizeof *ints + 6);
	for (size_t i = 0; i < sizeof ints / sizeof *ints; i++)
		CHECK(ms_cbor_read_int(&c) == ints[i]);
	CHECK(ms_cbor_read_uint(&c) == UINT64_MAX);
	CHECK(ms_span_eq(ms_cbor_read_bytes(&c), ms_span_str("abc")));
	CHECK(ms_span_eq(ms_cbor_read_text(&c), ms_span_str("caf\xc3\xa9")));
	CHECK(ms_cbor_read_bool(&c));
	CHECK_INT(ms_cbor_peek(&c), MS_CBOR_NULL);
	ms_cbor_read_null(&c);
	CHECK(!ms_cbor_done(&c));
	CHECK_INT(ms_cbor_read_raw(&c).len, 3);
	CHECK(ms_cbor_done(&c));
	ms_buf_fini(&b);
}

MS_TEST(cbor_text_that_is_not_utf8_turns_the_buffer_bad)
{
	struct ms_buf b;
	ms_buf_init(&b, 100);
	ms_cbor_text(&b, "\xff");
	CHECK(ms_buf_check(&b, NULL) != MS_OK);
	ms_buf_fini(&b);
}

MS_TEST(cbor_reader_is_poisoned_by_a_read_of_another_type)
{
	static const char *const items[] = {"01", "20", "4100", "6161", "80", "a0", "f4", "f6"};
	for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
		for (unsigned as = 0; as < 7; as++) {
			size_t len;
			uint8_t *p = test_hex(items[i], &len);
			struct ms_cbor c = ms_cbor_over(ms_span(p, len));
			enum ms_cbor_type type = ms_cbor_peek(&c);
			static const enum ms_cbor_type read_as[] = {
			    MS_CBOR_UINT, MS_CBOR_BYTES, MS_CBOR_TEXT, MS_CBOR_ARRAY, MS_CBOR_MAP, MS_CBOR_BOOL, MS_CBOR_NULL};
			switch (read_as[as]) {
			case MS_CBOR_UINT:
				(void)ms_cbor_read_uint(&c);
				break;
			case MS_CBOR_BYTES:
				(void)ms_cbor_read_bytes(&c);
				break;
			case MS_CBOR_TEXT:
				(void)ms_cbor_read_text(&c);
				break;
			case MS_CBOR_ARRAY:
				(void)ms_cbor_read_array(&c);
				break;
			case MS_CBOR_MAP:
				(void)ms_cbor_read_map(&c);
				break;
			case MS_CBOR_BOOL:
				(void)ms_cbor_read_bool(&c);
				break;
			default:
				ms_cbor_read_null(&c);
				break;
			}
			CHECK(ms_cbor_done(&c) == (type == read_as[as]));
			free(p);
		}
	}
}

MS_TEST(cbor_reader_over_a_bad_input_reads_nothing)
{
	struct ms_cbor c = ms_cbor_over(ms_span("\x82\x01", 2));
	CHECK_INT(ms_cbor_peek(&c), MS_CBOR_NONE);
	CHECK_INT(ms_cbor_read_array(&c), 0);
	CHECK(!ms_cbor_done(&c));
	c = ms_cbor_over(MS_SPAN_NONE);
	ms_cbor_skip(&c);
	CHECK(!ms_cbor_done(&c));
}

MS_TEST(cbor_read_int_refuses_what_does_not_fit)
{
	static const char *const bad[] = {"1b8000000000000000", "3b8000000000000000", "3bffffffffffffffff"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		size_t len;
		uint8_t *p = test_hex(bad[i], &len);
		struct ms_cbor c = ms_cbor_over(ms_span(p, len));
		CHECK(ms_cbor_read_int(&c) == 0);
		CHECK(!ms_cbor_done(&c));
		free(p);
	}
}

/* A table with a row of each kind. */
struct sample {
	uint64_t present;
	uint64_t version;
	int64_t delta;
	struct ms_span nonce;
	struct ms_span name;
	bool flag;
	struct ms_span any, list, map;
};
static const struct ms_cbor_field sample_fields[] = {
    MS_CBOR_F_UINT(1, struct sample, version, MS_CBOR_REQ, 1, 3),
    MS_CBOR_F_INT(2, struct sample, delta, MS_CBOR_OPT),
    MS_CBOR_F_BYTES(3, struct sample, nonce, MS_CBOR_REQ, 4, 4),
    MS_CBOR_F_TEXT(5, struct sample, name, MS_CBOR_OPT, 1, 8),
    MS_CBOR_F_BOOL(6, struct sample, flag, MS_CBOR_OPT),
    MS_CBOR_F_RAW(24, struct sample, any, MS_CBOR_OPT, 16),
    MS_CBOR_F_ARRAY(25, struct sample, list, MS_CBOR_OPT, 16),
    MS_CBOR_F_MAP(63, struct sample, map, MS_CBOR_OPT, 16),
};
static const struct ms_cbor_table sample_table = MS_CBOR_TABLE("sample", struct sample, sample_fields);

static enum ms_rc
parse_sample(const char *hex, struct sample *ret, struct ms_err *err)
{
	size_t len;
	uint8_t *p = test_hex(hex, &len);
	enum ms_rc rc = ms_cbor_parse_map(&sample_table, ms_span(p, len), ret, err);
	free(p);
	return rc;
}

static struct sample
full_sample(void)
{
	return (struct sample){
	    .present = MS_CBOR_BIT(2) | MS_CBOR_BIT(5) | MS_CBOR_BIT(6) | MS_CBOR_BIT(24) | MS_CBOR_BIT(25) | MS_CBOR_BIT(63),
	    .version = 3,
	    .delta = -5,
	    .nonce = ms_span("\1\2\3\4", 4),
	    .name = ms_span_str("name"),
	    .flag = true,
	    .any = ms_span("\xf6", 1),
	    .list = ms_span("\x81\x01", 2),
	    .map = ms_span("\xa1\x01\x02", 3),
	};
}

MS_TEST(cbor_table_builds_what_it_parses)
{
	struct ms_buf b;
	struct ms_err err;
	struct sample in = full_sample(), out;
	ms_buf_init(&b, 1000);
	CHECK_OK(ms_cbor_build_map(&sample_table, &in, &b, &err), &err);
	CHECK_INT(ms_cbor_check(ms_buf_span(&b), MS_CBOR_DEPTH_MAX, NULL), MS_OK);
	CHECK_OK(ms_cbor_parse_map(&sample_table, ms_buf_span(&b), &out, &err), &err);
	CHECK(out.version == 3 && out.delta == -5 && out.flag);
	CHECK(ms_span_eq(out.nonce, in.nonce) && ms_span_eq(out.name, in.name) && ms_span_eq(out.any, in.any));
	CHECK(ms_span_eq(out.list, in.list) && ms_span_eq(out.map, in.map));
	CHECK(out.present == (in.present | MS_CBOR_BIT(1) | MS_CBOR_BIT(3)));
	CHECK(MS_CBOR_HAS(&out, 63) && !MS_CBOR_HAS(&out, 4));
	ms_buf_fini(&b);
}

MS_TEST(cbor_table_leaves_absent_members_zero)
{
	struct sample out;
	memset(&out, 0xee, sizeof out);
	CHECK_INT(parse_sample("a2 01 01 03 44 01020304", &out, NULL), MS_OK);
	CHECK(out.name.p == NULL && out.name.len == 0 && out.delta == 0 && !out.flag);
	CHECK(out.present == (MS_CBOR_BIT(1) | MS_CBOR_BIT(3)));
}

MS_TEST(cbor_table_refuses_and_leaves_the_struct_alone)
{
	static const struct {
		const char *hex;
		enum ms_rc rc;
		const char *says;
	} bad[] = {
	    {"a1 01 01", MS_ERR_MALFORMED, "sample.nonce: missing"},
	    {"a1 03 44 01020304", MS_ERR_MALFORMED, "sample.version: missing"},
	    {"a0", MS_ERR_MALFORMED, "sample.version: missing"},
	    {"a3 01 01 03 44 01020304 04 00", MS_ERR_MALFORMED, "unknown key 4"},
	    {"a3 00 00 01 01 03 44 01020304", MS_ERR_MALFORMED, "unknown key 0"},
	    {"a3 01 01 03 44 01020304 1840 00", MS_ERR_MALFORMED, "unknown key 64"},
	    {"a3 01 01 03 44 01020304 1bffffffffffffffff 00", MS_ERR_MALFORMED, "unknown key"},
	    {"a3 01 01 03 44 01020304 20 00", MS_ERR_MALFORMED, "not a small number"},
	    {"a3 01 01 03 44 01020304 6161 00", MS_ERR_MALFORMED, "not a small number"},
	    {"a2 03 44 01020304 01 01", MS_ERR_MALFORMED, "order"},
	    {"a3 01 01 01 01 03 44 01020304", MS_ERR_MALFORMED, "twice"},
	    {"a2 01 00 03 44 01020304", MS_ERR_MALFORMED, "at least 1"},
	    {"a2 01 04 03 44 01020304", MS_ERR_TOO_BIG, "at most 3"},
	    {"a2 01 20 03 44 01020304", MS_ERR_MALFORMED, "version: of another type"},
	    {"a2 01 01 03 43 010203", MS_ERR_MALFORMED, "at least 4"},
	    {"a2 01 01 03 45 0102030405", MS_ERR_TOO_BIG, "at most 4"},
	    {"a2 01 01 03 64 61616161", MS_ERR_MALFORMED, "nonce: of another type"},
	    {"a3 01 01 02 f4 03 44 01020304", MS_ERR_MALFORMED, "delta: of another type"},
	    {"a3 01 01 03 44 01020304 05 60", MS_ERR_MALFORMED, "name: length 0"},
	    {"a3 01 01 03 44 01020304 05 41 61", MS_ERR_MALFORMED, "name: of another type"},
	    {"a3 01 01 03 44 01020304 06 f6", MS_ERR_MALFORMED, "flag: of another type"},
	    {"a3 01 01 03 44 01020304 1818 50 00000000000000000000000000000000", MS_ERR_TOO_BIG, "any: length 17"},
	    {"a3 01 01 03 44 01020304 1819 a0", MS_ERR_MALFORMED, "list: of another type"},
	    {"a3 01 01 03 44 01020304 183f 80", MS_ERR_MALFORMED, "map: of another type"},
	    {"82 01 01", MS_ERR_MALFORMED, "not a map"},
	    {"a2 01 01 03 44 01020304 00", MS_ERR_MALFORMED, "after"},
	    {"", MS_ERR_MALFORMED, "sample"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct sample out, before;
		struct ms_err err;
		memset(&out, 0xee, sizeof out);
		memcpy(&before, &out, sizeof out);
		CHECK_INT(parse_sample(bad[i].hex, &out, &err), bad[i].rc);
		if (strstr(err.text, bad[i].says) == NULL)
			fail_msg("%s: says '%s', not '%s'", bad[i].hex, err.text, bad[i].says);
		CHECK(memcmp(&before, &out, sizeof out) == 0);
	}
}

static void
expect_unbuilt(struct sample s)
{
	struct ms_buf b;
	ms_buf_init(&b, 1000);
	CHECK_INT(ms_cbor_build_map(&sample_table, &s, &b, NULL), MS_ERR_USAGE);
	CHECK(b.len == 0 && !b.bad);
	ms_buf_fini(&b);
}

MS_TEST(cbor_table_does_not_build_what_it_would_refuse)
{
	struct sample s = full_sample();
	s.version = 4;
	expect_unbuilt(s);
	s = full_sample(), s.version = 0;
	expect_unbuilt(s);
	s = full_sample(), s.nonce.len = 3;
	expect_unbuilt(s);
	s = full_sample(), s.nonce = MS_SPAN_NONE;
	expect_unbuilt(s);
	s = full_sample(), s.name = ms_span_str("\xff");
	expect_unbuilt(s);
	s = full_sample(), s.any = ms_span("\x01\x02", 2);
	expect_unbuilt(s);
	s = full_sample(), s.any = ms_span("\x42", 1);
	expect_unbuilt(s);
	s = full_sample(), s.any = MS_SPAN_NONE;
	expect_unbuilt(s);
	s = full_sample(), s.list = s.map;
	expect_unbuilt(s);
	s = full_sample(), s.map = s.list;
	expect_unbuilt(s);
	s = full_sample(), s.any = ms_span("\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x80", 16);
	expect_unbuilt(s);
}

MS_TEST(cbor_table_refuses_an_optional_value_that_is_not_marked_present)
{
	static const unsigned keys[] = {2, 5, 6, 24, 25, 63};
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		struct sample s = full_sample();
		s.present &= ~MS_CBOR_BIT(keys[i]);
		expect_unbuilt(s);
	}
}

MS_TEST(cbor_table_says_when_the_buffer_is_full)
{
	struct sample s = full_sample();
	for (size_t max = 0; max < 20; max++) {
		struct ms_buf b;
		ms_buf_init(&b, max);
		CHECK_INT(ms_cbor_build_map(&sample_table, &s, &b, NULL), MS_ERR_TOO_BIG);
		ms_buf_fini(&b);
	}
}

/* True for the vectors of RFC 8949 appendix A in our subset: no floats, tags, undefined, other simple values,
 * indefinite lengths. Judged from the hex alone, as each vector names its kind in its head. */
static bool
in_subset(const char *hex)
{
	static const char *const outside[] = {"f9", "fa", "fb", "f7", "f8", "f0", "c", "d", "5f", "7f", "9f", "bf"};
	for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
		if (strncmp(hex, outside[i], strlen(outside[i])) == 0)
			return false;
	/* indefinite parts inside definite ones */
	return strcmp(hex, "83018202039f0405ff") != 0 && strcmp(hex, "83019f0203ff820405") != 0 && strcmp(hex, "826161bf61626163ff") != 0;
}

MS_TEST(cbor_check_agrees_with_rfc8949_appendix_a_in_our_subset)
{
	char path[4096];
	const char *dir = test_vectors();
	if (dir == NULL)
		skip();
	(void)snprintf(path, sizeof path, "%s/eat-corim/cbor/appendix_a.json", dir);
	json_t *all = json_load_file(path, JSON_DECODE_INT_AS_REAL, NULL);
	if (all == NULL)
		skip();
	size_t i, taken = 0;
	json_t *one;
	json_array_foreach(all, i, one)
	{
		const char *hex = json_string_value(json_object_get(one, "hex"));
		enum ms_rc want = in_subset(hex) ? MS_OK : MS_ERR_MALFORMED;
		if (check_hex(hex) != want)
			fail_msg("%s: %s", hex, ms_rc_name(check_hex(hex)));
		taken += want == MS_OK;
	}
	json_decref(all);
	CHECK(taken >= 35);
}
