/* The log entry. */
#include <stdlib.h>
#include <string.h>
#include "audit/entry.h"
#include "codec/cbor.h"
#include "support/test.h"

static const uint8_t digest[32] = {1, 2, 3};

static struct ms_entry
good(void)
{
	return (struct ms_entry){.seq = 7,
	    .time_s = 1700000000,
	    .tenant = ms_span_str("default"),
	    .kind = ms_span_str("cert.issue"),
	    .actor = ms_span_str("device:ab-1"),
	    .subject = ms_span_str("ab-1"),
	    .request = ms_span(digest, 32),
	    .decision = ms_span_str("ok")};
}

static enum ms_rc
build(const struct ms_entry *e, struct ms_buf *b)
{
	ms_buf_init(b, 2 * MS_ENTRY_MAX);
	return ms_entry_build(e, b, NULL);
}

static void
expect_unbuilt(const struct ms_entry *e)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	CHECK(build(e, &b) != MS_OK);
	CHECK(b.len == 0);
}

MS_TEST(entry_reads_back_as_it_was_built_with_and_without_the_optional_members)
{
	for (unsigned with = 0; with < 32; with++) {
		MS_OWN(ms_buf_fini) struct ms_buf b;
		struct ms_entry e = good(), r;
		struct ms_err err;
		e.reason = with & 1 ? ms_span_str("why") : MS_SPAN_NONE;
		e.policy = with & 2 ? ms_span(digest, 32) : MS_SPAN_NONE;
		e.evidence = with & 4 ? ms_span(digest, 32) : MS_SPAN_NONE;
		e.act = with & 8 ? ms_span(digest, 32) : MS_SPAN_NONE;
		e.data = with & 16 ? ms_span_str("\xa1\x01\x02") : MS_SPAN_NONE;
		CHECK(build(&e, &b) == MS_OK);
		CHECK_OK(ms_entry_parse(ms_buf_span(&b), &r, &err), &err);
		CHECK(r.v == 1 && r.seq == e.seq && r.time_s == e.time_s);
		CHECK(ms_span_eq(r.tenant, e.tenant) && ms_span_eq(r.kind, e.kind) && ms_span_eq(r.actor, e.actor));
		CHECK(ms_span_eq(r.subject, e.subject) && ms_span_eq(r.request, e.request) && ms_span_eq(r.decision, e.decision));
		CHECK(ms_span_eq(r.reason, e.reason) && ms_span_eq(r.policy, e.policy) && ms_span_eq(r.evidence, e.evidence));
		CHECK(ms_span_eq(r.act, e.act) && ms_span_eq(r.data, e.data));
		CHECK(MS_CBOR_HAS(&r, MS_ENTRY_DATA) == ((with & 16) != 0));
	}
}

MS_TEST(entry_with_a_member_out_of_its_bounds_is_not_built)
{
	static const char *const tenants[] = {"Upper", ".dot", "a/b", "a b", "**"};
	static const char *const kinds[] = {"", "Cert.issue", "a b", "\n"};
	static const char *const decisions[] = {"", "OK", "yes", "okay", "denied "};
	struct ms_entry e;
	for (size_t i = 0; i < sizeof tenants / sizeof *tenants; i++)
		e = good(), e.tenant = ms_span_str(tenants[i]), expect_unbuilt(&e);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		e = good(), e.kind = ms_span_str(kinds[i]), expect_unbuilt(&e);
	for (size_t i = 0; i < sizeof decisions / sizeof *decisions; i++)
		e = good(), e.decision = ms_span_str(decisions[i]), expect_unbuilt(&e);
	for (size_t n = 0; n < 32; n++) {
		e = good(), e.request = ms_span(digest, n), expect_unbuilt(&e);
		if (n != 0)
			e = good(), e.act = ms_span(digest, n), expect_unbuilt(&e);
	}
	e = good(), e.actor = MS_SPAN_NONE, expect_unbuilt(&e);
	e = good(), e.actor = ms_span_str("a\nb"), expect_unbuilt(&e);
	e = good(), e.subject = ms_span_str("\x1b[2J"), expect_unbuilt(&e);
	e = good(), e.reason = ms_span_str("\x7f"), expect_unbuilt(&e);
	e = good(), e.subject = ms_span_str("\xff"), expect_unbuilt(&e);
	e = good(), e.data = ms_span_str("\x01\x02"), expect_unbuilt(&e);
	e = good(), e.data = ms_span_str("\x18\x01"), expect_unbuilt(&e);
}

MS_TEST(entry_text_and_data_hold_their_caps)
{
	static const struct {
		size_t offset, max;
	} caps[] = {{offsetof(struct ms_entry, tenant), 64}, {offsetof(struct ms_entry, kind), 48}, {offsetof(struct ms_entry, actor), 128},
	    {offsetof(struct ms_entry, subject), 160}, {offsetof(struct ms_entry, reason), 256}};
	char text[300];
	memset(text, 'a', sizeof text);
	for (size_t i = 0; i < sizeof caps / sizeof *caps; i++) {
		MS_OWN(ms_buf_fini) struct ms_buf b;
		struct ms_entry e = good();
		memcpy((uint8_t *)&e + caps[i].offset, &(struct ms_span){(uint8_t *)text, caps[i].max}, sizeof(struct ms_span));
		CHECK(build(&e, &b) == MS_OK);
		memcpy((uint8_t *)&e + caps[i].offset, &(struct ms_span){(uint8_t *)text, caps[i].max + 1}, sizeof(struct ms_span));
		expect_unbuilt(&e);
	}
	MS_OWN(ms_buf_fini) struct ms_buf data, b;
	static uint8_t bytes[MS_ENTRY_DATA_MAX];
	ms_buf_init(&b, 0);
	ms_buf_init(&data, 1u << 20);
	ms_cbor_bytes(&data, ms_span(bytes, MS_ENTRY_DATA_MAX - 3));
	struct ms_entry e = good();
	e.data = ms_buf_span(&data);
	CHECK(e.data.len == MS_ENTRY_DATA_MAX && build(&e, &b) == MS_OK && b.len <= MS_ENTRY_MAX);
	ms_buf_reset(&data);
	ms_cbor_bytes(&data, ms_span(bytes, MS_ENTRY_DATA_MAX - 2));
	e.data = ms_buf_span(&data);
	expect_unbuilt(&e);
}

MS_TEST(entry_cut_or_followed_by_a_byte_or_of_another_version_is_refused)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	struct ms_entry e = good(), r;
	CHECK(build(&e, &b) == MS_OK);
	for (size_t n = 0; n < b.len; n++) {
		uint8_t *w = test_dup(b.p, n);
		CHECK(ms_entry_parse(ms_span(w, n), &r, NULL) == MS_ERR_MALFORMED);
		free(w);
	}
	CHECK(b.p[1] == 1 && b.p[2] == 1); /* key 1, version 1 */
	for (unsigned v = 0; v < 256; v++) {
		b.p[2] = (uint8_t)v;
		CHECK((ms_entry_parse(ms_buf_span(&b), &r, NULL) == MS_OK) == (v == 1));
	}
	b.p[2] = 1;
	ms_buf_u8(&b, 0);
	CHECK(ms_entry_parse(ms_buf_span(&b), &r, NULL) == MS_ERR_MALFORMED);
}

MS_TEST(entry_with_an_unknown_or_missing_key_is_refused)
{
	for (uint64_t drop = 0; drop <= 9; drop++) {
		MS_OWN(ms_buf_fini) struct ms_buf b;
		struct ms_entry e = good(), r;
		ms_buf_init(&b, 1000);
		ms_cbor_map(&b, drop == 0 ? 10 : 8);
		for (uint64_t k = 1; k <= 9; k++) {
			if (k == drop)
				continue;
			ms_cbor_uint(&b, k);
			if (k <= 3)
				ms_cbor_uint(&b, 1);
			else if (k == 8)
				ms_cbor_bytes(&b, e.request);
			else
				ms_cbor_text(&b, k == 9 ? "ok" : "a");
		}
		if (drop == 0)
			ms_cbor_uint(&b, 15), ms_cbor_uint(&b, 1);
		CHECK(ms_entry_parse(ms_buf_span(&b), &r, NULL) == MS_ERR_MALFORMED);
	}
}
