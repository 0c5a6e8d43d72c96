#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/cbor.h"
#include "codec/statement_int.h"

#define NOW 1000000u

static const uint8_t deployment[16] = "0123456789abcdef";
static const uint8_t other_deployment[16] = "0123456789abcdeF";

static struct ms_statement_fields
good_fields(void)
{
	return (struct ms_statement_fields){
	    .kind = "verdict",
	    .deployment = deployment,
	    .audience = "agent",
	    .tenant = "default",
	    .issued_s = NOW,
	    .expires_s = NOW + 60,
	    .epoch = 5,
	    .body = ms_span("\xa1\x01\x02", 3),
	    .alg = MS_COSE_ES256,
	    .kid = ms_span_str("key"),
	};
}

static struct ms_statement_expect
good_expect(void)
{
	return (struct ms_statement_expect){
	    .kind = "verdict", .deployment = deployment, .audience = "agent", .tenant = "default", .now_s = NOW + 1, .min_epoch = 5};
}

/* Not a signature: this layer only carries it. Keeps what it was asked to sign. */
static enum ms_rc
record_tbs(void *ctx, struct ms_span tbs, uint8_t sig[static 64], MS_UNUSED struct ms_err *err)
{
	ms_buf_put_span(ctx, tbs);
	memset(sig, 0x5a, 64);
	return MS_OK;
}

static enum ms_rc
refuse_to_sign(MS_UNUSED void *ctx, MS_UNUSED struct ms_span tbs, MS_UNUSED uint8_t sig[static 64], struct ms_err *err)
{
	return ms_fail(err, MS_ERR_UNAVAILABLE, "no token");
}

static struct ms_buf
build(struct ms_statement_fields f)
{
	struct ms_buf out, tbs;
	struct ms_err err;
	ms_buf_init(&out, 100000);
	ms_buf_init(&tbs, 100000);
	CHECK_OK(ms_statement_build(&f, record_tbs, &tbs, &out, &err), &err);
	ms_buf_fini(&tbs);
	return out;
}

MS_TEST(statement_carries_its_fields_and_the_bytes_it_signs)
{
	struct ms_buf out, tbs, again;
	struct ms_err err;
	struct ms_statement_fields f = good_fields();
	struct ms_statement_expect x = good_expect();
	struct ms_statement s;
	MS_OWN(ms_statement_raw_free) struct ms_statement_raw *raw = NULL;
	ms_buf_init(&out, 100000);
	ms_buf_init(&tbs, 100000);
	ms_buf_init(&again, 100000);
	CHECK_OK(ms_statement_build(&f, record_tbs, &tbs, &out, &err), &err);
	CHECK_OK(ms_statement_parse(ms_buf_span(&out), &raw, &err), &err);
	ms_statement_tbs(raw, &again);
	CHECK(ms_span_eq(ms_buf_span(&tbs), ms_buf_span(&again)));
	CHECK(ms_statement_is(raw, "verdict") && !ms_statement_is(raw, "verdic") && !ms_statement_is(raw, "root"));
	CHECK(ms_span_eq(ms_statement_kid(raw), ms_span_str("key")) && ms_statement_alg(raw) == MS_COSE_ES256);
	CHECK(ms_statement_signature(raw).len == 64 && ms_statement_signature(raw).p[0] == 0x5a);
	CHECK_OK(ms_statement_check(raw, &x, &s, &err), &err);
	CHECK(ms_span_eq(s.kind, ms_span_str("verdict")) && ms_span_eq(s.body, f.body) && s.epoch == 5 && s.expires_s == NOW + 60);
	CHECK(ms_span_eq(s.signed_bytes, ms_buf_span(&out)) && ms_span_eq(s.audience, ms_span_str("agent")));
	ms_buf_fini(&out);
	ms_buf_fini(&tbs);
	ms_buf_fini(&again);
}

MS_TEST(I14_the_signed_bytes_hold_the_domain_label_twice)
{
	struct ms_statement_fields f = good_fields();
	MS_OWN(ms_statement_draft_fini) struct ms_statement_draft d;
	struct ms_err err;
	CHECK_OK(ms_statement_draft_init(&d, &f, &err), &err);
	const uint8_t *first = memmem(d.tbs.p, d.tbs.len, "muster/v1/verdict", 17);
	CHECK(first != NULL);
	CHECK(memmem(first + 1, d.tbs.len - (size_t)(first + 1 - d.tbs.p), "muster/v1/verdict", 17) != NULL);
}

static void
check_gives(struct ms_statement_expect x, enum ms_rc want)
{
	struct ms_buf w = build(good_fields());
	MS_OWN(ms_statement_raw_free) struct ms_statement_raw *raw = NULL;
	struct ms_statement s = {.epoch = 77};
	CHECK_INT(ms_statement_parse(ms_buf_span(&w), &raw, NULL), MS_OK);
	CHECK_INT(ms_statement_check(raw, &x, &s, NULL), want);
	CHECK(want == MS_OK || (s.epoch == 77 && s.body.p == NULL));
	ms_buf_fini(&w);
}

MS_TEST(I14_check_refuses_another_kind_deployment_audience_or_tenant)
{
	struct ms_statement_expect x = good_expect();
	check_gives(x, MS_OK);
	x.kind = "challenge";
	check_gives(x, MS_ERR_AUTH);
	x = good_expect(), x.kind = "verdict2";
	check_gives(x, MS_ERR_AUTH);
	x = good_expect(), x.deployment = other_deployment;
	check_gives(x, MS_ERR_AUTH);
	x = good_expect(), x.audience = "server";
	check_gives(x, MS_ERR_AUTH);
	x = good_expect(), x.audience = "";
	check_gives(x, MS_ERR_AUTH);
	x = good_expect(), x.tenant = "other";
	check_gives(x, MS_ERR_AUTH);
	x = good_expect(), x.tenant = "";
	check_gives(x, MS_ERR_AUTH);
	x = good_expect(), x.tenant = "*";
	check_gives(x, MS_ERR_AUTH);
}

MS_TEST(I14_check_refuses_an_older_epoch)
{
	struct ms_statement_expect x = good_expect();
	x.min_epoch = 6;
	check_gives(x, MS_ERR_REPLAY);
	x.min_epoch = 0;
	check_gives(x, MS_OK);
}

MS_TEST(I14_check_holds_times_to_the_second)
{
	static const struct {
		uint64_t now, skew;
		enum ms_rc rc;
	} rows[] = {{NOW, 0, MS_OK}, {NOW + 59, 0, MS_OK}, {NOW + 60, 0, MS_ERR_EXPIRED}, {NOW - 1, 0, MS_ERR_EXPIRED},
	    {0, 0, MS_ERR_EXPIRED}, {UINT64_MAX, 0, MS_ERR_EXPIRED}, {NOW - 300, 300, MS_OK}, {NOW - 301, 300, MS_ERR_EXPIRED},
	    {NOW + 359, 300, MS_OK}, {NOW + 360, 300, MS_ERR_EXPIRED}, {0, UINT64_MAX, MS_OK}, {UINT64_MAX, 300, MS_ERR_EXPIRED}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct ms_statement_expect x = good_expect();
		x.now_s = rows[i].now;
		x.skew_s = rows[i].skew;
		check_gives(x, rows[i].rc);
	}
}

/* The message with a content type and payload of the caller's; the parse of it. */
static enum ms_rc
parse_made(const char *type, struct ms_span payload)
{
	struct ms_buf header, out;
	uint8_t sig[64] = {0};
	static int sentinel;
	struct ms_statement_raw *raw = (void *)&sentinel;
	ms_buf_init(&header, 1000);
	ms_buf_init(&out, 100000);
	CHECK_INT(ms_cose_build_header(MS_COSE_ES256, ms_span_str("k"), ms_span_str(type), &header, NULL), MS_OK);
	ms_cose_build(ms_buf_span(&header), payload, sig, &out);
	enum ms_rc rc = ms_statement_parse(ms_buf_span(&out), &raw, NULL);
	CHECK((rc != MS_OK) == (raw == (void *)&sentinel));
	if (rc == MS_OK)
		ms_statement_raw_free(raw);
	ms_buf_fini(&header);
	ms_buf_fini(&out);
	return rc;
}

#define D16 "50 30313233343536373839616263646566"

static enum ms_rc
parse_payload(const char *hex)
{
	size_t len;
	uint8_t *p = test_hex(hex, &len);
	enum ms_rc rc = parse_made("muster/v1/verdict", ms_span(p, len));
	free(p);
	return rc;
}

MS_TEST(statement_parse_refuses_payloads_that_are_not_its_map)
{
	static const char *const bad[] = {
	    "", "80", "a0", "a6 01" D16 "02 61 61 03 61 74 04 01 05 02 06 00",                      /* no body */
	    "a6 02 61 61 03 61 74 04 01 05 02 06 00 07 41 a0",                                      /* no deployment */
	    "a6 01" D16 "02 61 61 03 61 74 05 02 06 00 07 41 a0",                                   /* no issue time */
	    "a6 01" D16 "02 61 61 03 61 74 04 01 06 00 07 41 a0",                                   /* no expiry */
	    "a6 01" D16 "02 61 61 03 61 74 04 01 05 02 07 41 a0",                                   /* no epoch */
	    "a7 01 4f 000000000000000000000000000000 02 61 61 03 61 74 04 01 05 02 06 00 07 41 a0", /* short deployment */
	    "a7 01" D16 "02 60 03 61 74 04 01 05 02 06 00 07 41 a0",                                /* empty audience */
	    "a7 01" D16 "02 61 61 03 61 74 04 02 05 02 06 00 07 41 a0",                             /* expires when issued */
	    "a7 01" D16 "02 61 61 03 61 74 04 03 05 02 06 00 07 41 a0",                             /* expires before */
	    "a7 01" D16 "02 61 61 03 61 74 04 20 05 02 06 00 07 41 a0",                             /* negative time */
	    "a7 01" D16 "02 61 61 03 61 74 04 01 05 02 06 00 07 40",                                /* empty body */
	    "a7 01" D16 "02 61 61 03 61 74 04 01 05 02 06 00 07 41 80",                             /* body not a map */
	    "a7 01" D16 "02 61 61 03 61 74 04 01 05 02 06 00 07 42 a0 00",                          /* bytes after the body */
	    "a7 01" D16 "02 61 61 03 61 74 04 01 05 02 06 00 07 45 a2 02 00 01 00",                 /* body out of order */
	    "a7 01" D16 "02 61 61 03 61 74 04 01 05 02 06 00 07 a0",                                /* body not wrapped */
	    "a8 01" D16 "02 61 61 03 61 74 04 01 05 02 06 00 07 41 a0 08 00",                       /* one more */
	};
	CHECK_INT(parse_payload("a7 01" D16 "02 61 61 03 61 74 04 01 05 02 06 00 07 41 a0"), MS_OK);
	CHECK_INT(parse_payload("a7 01" D16 "02 61 61 03 60 04 01 05 02 06 00 07 41 a0"), MS_OK);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (parse_payload(bad[i]) != MS_ERR_MALFORMED)
			fail_msg("%s", bad[i]);
}

MS_TEST(statement_parse_refuses_content_types_that_are_not_ours)
{
	static const struct {
		const char *type;
		enum ms_rc rc;
	} rows[] = {{"muster/v1/a", MS_OK}, {"muster/v1/", MS_ERR_MALFORMED}, {"muster/v1", MS_ERR_UNSUPPORTED},
	    {"muster/v2/verdict", MS_ERR_UNSUPPORTED}, {"muster/v10/verdict", MS_ERR_UNSUPPORTED}, {"Muster/v1/verdict", MS_ERR_MALFORMED},
	    {"verdict", MS_ERR_MALFORMED}, {"m", MS_ERR_MALFORMED}, {"muster/v1/Verdict", MS_ERR_MALFORMED},
	    {"muster/v1/a/b", MS_ERR_MALFORMED}, {"muster/v1/../x", MS_ERR_MALFORMED},
	    {"muster/v1/0123456789012345678901234567890123456789012345678", MS_ERR_MALFORMED}};
	size_t len;
	uint8_t *p = test_hex("a7 01" D16 "02 61 61 03 61 74 04 01 05 02 06 00 07 41 a0", &len);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		CHECK_INT(parse_made(rows[i].type, ms_span(p, len)), rows[i].rc);
	free(p);
}

static void
expect_unbuilt(struct ms_statement_fields f)
{
	struct ms_buf out, tbs;
	ms_buf_init(&out, 100000);
	ms_buf_init(&tbs, 100000);
	CHECK_INT(ms_statement_build(&f, record_tbs, &tbs, &out, NULL), MS_ERR_USAGE);
	CHECK(out.len == 0 && tbs.len == 0); /* nothing was signed */
	ms_buf_fini(&out);
	ms_buf_fini(&tbs);
}

MS_TEST(statement_build_signs_nothing_that_it_would_refuse)
{
	struct ms_statement_fields f = good_fields();
	f.kind = "";
	expect_unbuilt(f);
	f = good_fields(), f.kind = "Bad Kind";
	expect_unbuilt(f);
	f = good_fields(), f.kind = "0123456789012345678901234567890123456789012345678";
	expect_unbuilt(f);
	f = good_fields(), f.audience = "";
	expect_unbuilt(f);
	f = good_fields(), f.tenant = "01234567890123456789012345678901234567890123456789012345678901234";
	expect_unbuilt(f);
	f = good_fields(), f.expires_s = f.issued_s;
	expect_unbuilt(f);
	f = good_fields(), f.body = MS_SPAN_NONE;
	expect_unbuilt(f);
	f = good_fields(), f.body = ms_span("\xa1\x01", 2);
	expect_unbuilt(f);
	f = good_fields(), f.body = ms_span("\x80", 1);
	expect_unbuilt(f);
	f = good_fields(), f.alg = -257;
	expect_unbuilt(f);
	f = good_fields(), f.kid = MS_SPAN_NONE;
	expect_unbuilt(f);
}

MS_TEST(statement_build_gives_nothing_when_the_signer_fails)
{
	struct ms_statement_fields f = good_fields();
	struct ms_buf out;
	ms_buf_init(&out, 100000);
	CHECK_INT(ms_statement_build(&f, refuse_to_sign, NULL, &out, NULL), MS_ERR_UNAVAILABLE);
	CHECK_INT(out.len, 0);
	ms_buf_fini(&out);
}

MS_TEST(I14_every_flipped_bit_is_refused_or_changes_what_was_signed)
{
	struct ms_buf w = build(good_fields());
	struct ms_buf tbs, changed;
	MS_OWN(ms_statement_raw_free) struct ms_statement_raw *good = NULL;
	ms_buf_init(&tbs, 100000);
	ms_buf_init(&changed, 100000);
	CHECK_INT(ms_statement_parse(ms_buf_span(&w), &good, NULL), MS_OK);
	ms_statement_tbs(good, &tbs);
	for (size_t bit = 0; bit < (w.len - 64) * 8; bit++) {
		MS_OWN(ms_statement_raw_free) struct ms_statement_raw *raw = NULL;
		uint8_t *p = test_dup(w.p, w.len);
		p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (ms_statement_parse(ms_span(p, w.len), &raw, NULL) == MS_OK) {
			ms_buf_reset(&changed);
			ms_statement_tbs(raw, &changed);
			CHECK(!ms_span_eq(ms_buf_span(&tbs), ms_buf_span(&changed)));
		}
		free(p);
	}
	ms_buf_fini(&w);
	ms_buf_fini(&tbs);
	ms_buf_fini(&changed);
}
