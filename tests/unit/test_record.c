/* Records of the reading operations: deterministic whatever the order in which they were filled. */
#include <stdlib.h>

#include "server/core/record.h"
#include "support/test.h"

static void
fill(struct ms_record *r, unsigned rotate)
{
	for (unsigned i = 0; i < 4; i++)
		switch ((i + rotate) % 4) {
		case 0:
			ms_record_text(r, "b", ms_span_str("x"));
			break;
		case 1:
			ms_record_uint(r, "aa", 7);
			break;
		case 2:
			ms_record_hex(r, "a", ms_span("\x01\xff", 2));
			break;
		default:
			ms_record_bool(r, "ab", true);
		}
}

MS_TEST(records_are_the_same_in_any_order_of_filling)
{
	MS_OWN(ms_buf_fini) struct ms_buf first = {0};
	for (unsigned rotate = 0; rotate < 4; rotate++) {
		MS_OWN(ms_record_fini) struct ms_record r = {.n = 0};
		MS_OWN(ms_buf_fini) struct ms_buf b = {0};
		struct ms_err err = {0};
		ms_record_init(&r);
		ms_buf_init(&b, 1000);
		fill(&r, rotate);
		CHECK_OK(ms_record_build(&r, &b, &err), &err);
		CHECK_OK(ms_cbor_check(ms_buf_span(&b), 4, &err), &err);
		if (rotate == 0) {
			ms_buf_init(&first, 1000);
			ms_buf_put_span(&first, ms_buf_span(&b));
		}
		CHECK(ms_span_eq(ms_buf_span(&first), ms_buf_span(&b)));
	}
}
MS_TEST(a_record_is_empty_after_it_was_built)
{
	MS_OWN(ms_record_fini) struct ms_record r = {.n = 0};
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	ms_record_init(&r);
	ms_buf_init(&b, 1000);
	fill(&r, 0);
	CHECK_OK(ms_record_build(&r, &b, NULL), NULL);
	ms_buf_reset(&b);
	CHECK_OK(ms_record_build(&r, &b, NULL), NULL);
	CHECK(b.len == 1 && b.p[0] == 0xa0);
}
MS_TEST(text_that_is_not_utf8_fails_the_record)
{
	MS_OWN(ms_record_fini) struct ms_record r = {.n = 0};
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	ms_record_init(&r);
	ms_buf_init(&b, 1000);
	ms_record_text(&r, "a", ms_span("\xff", 1));
	CHECK(ms_record_build(&r, &b, NULL) != MS_OK);
	CHECK(b.len == 0);
}
MS_TEST(more_members_than_a_record_has_fail_it)
{
	MS_OWN(ms_record_fini) struct ms_record r = {.n = 0};
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	ms_record_init(&r);
	ms_buf_init(&b, 100000);
	for (unsigned i = 0; i <= MS_RECORD_ITEMS_MAX; i++)
		ms_record_uint(&r, "a", i);
	CHECK(ms_record_build(&r, &b, NULL) != MS_OK);
}
