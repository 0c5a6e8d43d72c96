/* Attestation results: the claims that keeper builds are what they should be, and a relying party takes no token that says
 * something else, to someone else, at another time. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "identity/ear_read.h"

#define NOW 1800000000u
static const uint8_t id_bytes[32] = {1, 2, 3}, nonce_bytes[16] = {9, 8, 7};
static struct ms_softkey *key;
static struct ms_jws_keys *keys;

static void
set_up(void)
{
	struct ms_err err;
	MS_OWN(ms_buf_fini) struct ms_buf text = {0};
	if (key != NULL)
		return;
	CHECK_OK(ms_softkey_generate(MS_KEY_P256, &key, &err), &err);
	const struct ms_pubkey *const one[] = {ms_softkey_public(key)};
	ms_buf_init(&text, MS_JWKS_MAX);
	CHECK_OK(ms_jwks_build(one, 1, &text, &err), &err);
	CHECK_OK(ms_jws_keys_load(ms_buf_span(&text), &keys, &err), &err);
}

static struct ms_ear
good(void)
{
	const struct ms_span id = ms_span(id_bytes, 32);
	return (struct ms_ear){.deployment = ms_span(id_bytes, 16),
	    .trust_domain = ms_span_str("plant.example"),
	    .tenant = ms_span_str("default"),
	    .device = ms_span_str("0102-1"),
	    .ek_hash = id,
	    .nonce = ms_span(nonce_bytes, sizeof nonce_bytes),
	    .audience = ms_span_str("gate"),
	    .issued_s = NOW,
	    .expires_s = NOW + 600,
	    .judged = {.judged = MS_EAR_JUDGED_HARDWARE | MS_EAR_JUDGED_BOOT | MS_EAR_JUDGED_CONFIG},
	    .policy = id,
	    .evidence = id,
	    .log_origin = ms_span_str("plant.example/muster"),
	    .log_index = 7,
	    .log_leaf = id,
	    .build = "musterd 0"};
}

static void
sign_text(struct ms_span claims, struct ms_buf *token)
{
	struct ms_err err;
	set_up();
	struct ms_signer s = ms_softkey_signer(key);
	ms_buf_init(token, MS_JWS_MAX);
	CHECK_OK(ms_jws_sign(&s, MS_EAR_TYP, claims, token, &err), &err);
}

static void
sign(const struct ms_ear *e, struct ms_buf *token)
{
	struct ms_err err;
	MS_OWN(ms_buf_fini) struct ms_buf claims = {0};
	ms_buf_init(&claims, MS_EAR_CLAIMS_MAX);
	CHECK_OK(ms_ear_build(e, &claims, &err), &err);
	sign_text(ms_buf_span(&claims), token);
}

static const struct ms_ear_expect expected = {.now_s = NOW + 10, .nonce = {nonce_bytes, sizeof nonce_bytes}, .audience = "gate"};

static enum ms_token_reason
read_token(struct ms_span token, const struct ms_ear_expect *x, struct ms_ear_read *r)
{
	struct ms_err err;
	enum ms_token_reason reason = MS_TOKEN_OK;
	enum ms_rc rc = ms_ear_verify(keys, token, x, r, &reason, &err);
	CHECK((rc == MS_OK) == (reason == MS_TOKEN_OK));
	CHECK((rc == MS_OK) == (r->claims != NULL));
	return reason;
}

static void
expect_reason(struct ms_span token, const struct ms_ear_expect *x, enum ms_token_reason want)
{
	MS_OWN(ms_ear_read_fini) struct ms_ear_read r = {.claims = NULL};
	assert_string_equal(ms_token_reason_name(read_token(token, x, &r)), ms_token_reason_name(want));
}

static const char *
text_at(const json_t *j, const char *name)
{
	const char *s = json_string_value(json_object_get(j, name));
	assert_non_null(s);
	return s;
}

MS_TEST(ear_says_who_what_when_and_where_it_is_logged)
{
	MS_OWN(ms_buf_fini) struct ms_buf token = {0};
	MS_OWN(ms_ear_read_fini) struct ms_ear_read r = {.claims = NULL};
	struct ms_ear e = good();
	sign(&e, &token);
	CHECK_INT(read_token(ms_buf_span(&token), &expected, &r), MS_TOKEN_OK);
	CHECK(r.status == MS_EAR_AFFIRMING && r.issued_s == NOW && r.expires_s == NOW + 600 && r.n_submods == 1);
	assert_string_equal(text_at(r.claims, "sub"), "spiffe://plant.example/device/0102-1");
	assert_string_equal(text_at(r.claims, "iss"), "spiffe://plant.example");
	assert_string_equal(text_at(r.claims, "aud"), "gate");
	assert_string_equal(text_at(r.claims, "eat_profile"), "tag:ietf.org,2026:rats/ear#04");
	const json_t *m = json_object_get(json_object_get(r.claims, "submods"), "tpm");
	const json_t *v = json_object_get(m, "ear_trustworthiness_vector"), *own = json_object_get(m, "ear_verifier_claims");
	CHECK_INT(json_integer_value(json_object_get(v, "executables")), 3);
	CHECK_INT(json_integer_value(json_object_get(v, "hardware")), 2);
	CHECK_INT(json_integer_value(json_object_get(v, "file-system")), 0);
	CHECK_INT(json_object_size(v), 8);
	CHECK_INT(json_integer_value(json_object_get(own, "muster_log_index")), 7);
	assert_string_equal(text_at(own, "muster_assurance"), "hardware");
	assert_string_equal(text_at(own, "muster_device"), "0102-1");
	assert_string_equal(json_string_value(json_array_get(json_object_get(m, "ear_appraisal_policy_ids"), 0)),
	    "ni:///sha-256;AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
}

MS_TEST(ear_is_the_same_bytes_each_time_and_escapes_what_came_from_outside)
{
	struct ms_err err;
	MS_OWN(ms_buf_fini) struct ms_buf a = {0};
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	MS_OWN(ms_buf_fini) struct ms_buf token = {0};
	static const char nasty[] = "a\"}],\\ \x01\n\x7f\xc3\xa9\xf0\x9f\x98\x80";
	struct ms_ear e = good();
	e.audience = ms_span_str(nasty);
	ms_buf_init(&a, MS_EAR_CLAIMS_MAX);
	ms_buf_init(&b, MS_EAR_CLAIMS_MAX);
	CHECK_OK(ms_ear_build(&e, &a, &err), &err);
	CHECK_OK(ms_ear_build(&e, &b, &err), &err);
	CHECK(ms_span_eq(ms_buf_span(&a), ms_buf_span(&b)));
	struct ms_ear_expect x = expected;
	x.audience = nasty;
	sign(&e, &token);
	expect_reason(ms_buf_span(&token), &x, MS_TOKEN_OK);
}

MS_TEST(ear_is_not_built_of_what_has_no_such_form)
{
	struct ms_err err;
	struct ms_buf out;
	struct ms_ear bad[16];
	size_t n = 0;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		bad[i] = good();
	bad[n++].nonce.len = 7;
	bad[n++].nonce = ms_span(id_bytes, 65);
	bad[n++].policy.len = 31;
	bad[n++].evidence = MS_SPAN_NONE;
	bad[n++].deployment.len = 15;
	bad[n++].device = ms_span_str("a\"b");
	bad[n++].tenant = ms_span_str("../x");
	bad[n++].trust_domain = MS_SPAN_NONE;
	bad[n++].audience = ms_span_str("\xff");
	bad[n++].expires_s = NOW;
	bad[n++].expires_s = NOW + MS_EAR_LIFE_MAX_S + 1;
	bad[n++].judged.judged = 32;
	bad[n++].judged.failed = MS_EAR_JUDGED_FILES; /* not judged */
	bad[n++].judged.waived = MS_EAR_JUDGED_OTHER;
	bad[n].judged.failed = bad[n].judged.waived = MS_EAR_JUDGED_BOOT;
	n++;
	ms_buf_init(&out, MS_EAR_CLAIMS_MAX);
	for (size_t i = 0; i < n; i++)
		CHECK(ms_ear_build(&bad[i], &out, &err) != MS_OK);
	CHECK_INT(out.len, 0);
}

/* judged, failed, waived -> configuration, executables, file-system, hardware, status */
MS_TEST(ear_vector_claims_nothing_that_was_not_judged_and_names_what_failed)
{
	enum { HW = MS_EAR_JUDGED_HARDWARE, BOOT = MS_EAR_JUDGED_BOOT, CONF = MS_EAR_JUDGED_CONFIG, FILES = MS_EAR_JUDGED_FILES };
	static const struct {
		struct ms_ear_judged j;
		int conf, exec, files, hw;
		enum ms_ear_tier status;
	} rows[] = {{{0}, 0, 0, 0, 0, MS_EAR_AFFIRMING}, {{HW, 0, 0}, 0, 0, 0, 2, MS_EAR_AFFIRMING},
	    {{BOOT, 0, 0}, 0, 3, 0, 0, MS_EAR_AFFIRMING}, {{FILES, 0, 0}, 0, 0, 2, 0, MS_EAR_AFFIRMING},
	    {{BOOT | FILES, 0, 0}, 0, 2, 2, 0, MS_EAR_AFFIRMING}, {{CONF, 0, 0}, 2, 0, 0, 0, MS_EAR_AFFIRMING},
	    {{BOOT | CONF, BOOT, 0}, 2, 96, 0, 0, MS_EAR_CONTRAINDICATED}, {{BOOT | CONF, CONF, 0}, 96, 3, 0, 0, MS_EAR_CONTRAINDICATED},
	    {{BOOT | FILES, FILES, 0}, 0, 33, 96, 0, MS_EAR_CONTRAINDICATED},
	    {{BOOT | FILES, BOOT | FILES, 0}, 0, 96, 96, 0, MS_EAR_CONTRAINDICATED},
	    {{BOOT | FILES, 0, FILES}, 0, 33, 32, 0, MS_EAR_WARNING}, {{BOOT | FILES, 0, BOOT}, 0, 33, 2, 0, MS_EAR_WARNING},
	    {{CONF, 0, CONF}, 32, 0, 0, 0, MS_EAR_WARNING}, {{HW, HW, 0}, 0, 0, 0, 97, MS_EAR_CONTRAINDICATED},
	    {{MS_EAR_JUDGED_OTHER, MS_EAR_JUDGED_OTHER, 0}, 0, 0, 0, 0, MS_EAR_CONTRAINDICATED},
	    {{MS_EAR_JUDGED_OTHER, 0, MS_EAR_JUDGED_OTHER}, 0, 0, 0, 0, MS_EAR_WARNING}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int8_t v[MS_EAR_CATEGORIES];
		ms_ear_vector(&rows[i].j, v);
		CHECK_INT(v[MS_EAR_CONFIGURATION], rows[i].conf);
		CHECK_INT(v[MS_EAR_EXECUTABLES], rows[i].exec);
		CHECK_INT(v[MS_EAR_FILE_SYSTEM], rows[i].files);
		CHECK_INT(v[MS_EAR_HARDWARE], rows[i].hw);
		CHECK_INT(v[MS_EAR_INSTANCE_IDENTITY], 2);
		CHECK(v[MS_EAR_RUNTIME_OPAQUE] == 0 && v[MS_EAR_STORAGE_OPAQUE] == 0 && v[MS_EAR_SOURCED_DATA] == 0);
		CHECK_INT(ms_ear_status(&rows[i].j), rows[i].status);
	}
}

/* All 32768 combinations: what is refused is refused, and what is built reads back, so no status is better than its vector. */
MS_TEST(ear_of_every_judgement_is_refused_or_reads_back_with_its_status)
{
	struct ms_err err;
	size_t built = 0;
	for (unsigned n = 0; n < 1u << 15; n++) {
		struct ms_ear e = good();
		MS_OWN(ms_buf_fini) struct ms_buf claims = {0};
		e.judged = (struct ms_ear_judged){n & 31, n >> 5 & 31, n >> 10 & 31};
		ms_buf_init(&claims, MS_EAR_CLAIMS_MAX);
		enum ms_rc rc = ms_ear_build(&e, &claims, &err);
		CHECK_INT(rc, ms_ear_judged_check(&e.judged, NULL));
		if (rc != MS_OK || built++ % 16 != 0) /* signing each would take long */
			continue;
		MS_OWN(ms_buf_fini) struct ms_buf token = {0};
		MS_OWN(ms_ear_read_fini) struct ms_ear_read r = {.claims = NULL};
		sign_text(ms_buf_span(&claims), &token);
		CHECK_INT(read_token(ms_buf_span(&token), &expected, &r), MS_TOKEN_OK);
		CHECK_INT(r.status, ms_ear_status(&e.judged));
	}
	CHECK_INT(built, 1024); /* 4 ways a bit */
}

MS_TEST(I14_ear_is_refused_before_and_after_its_time)
{
	MS_OWN(ms_buf_fini) struct ms_buf token = {0};
	struct ms_ear e = good();
	struct ms_ear_expect x = expected;
	sign(&e, &token);
	x.now_s = NOW + 599;
	expect_reason(ms_buf_span(&token), &x, MS_TOKEN_OK);
	x.now_s = NOW + 600;
	expect_reason(ms_buf_span(&token), &x, MS_TOKEN_EXPIRED);
	x.now_s = NOW - MS_EAR_SKEW_S;
	expect_reason(ms_buf_span(&token), &x, MS_TOKEN_OK);
	x.now_s = NOW - MS_EAR_SKEW_S - 1;
	expect_reason(ms_buf_span(&token), &x, MS_TOKEN_NOT_YET);
	x.now_s = UINT64_MAX;
	expect_reason(ms_buf_span(&token), &x, MS_TOKEN_EXPIRED);
}

MS_TEST(I14_ear_for_another_audience_or_nonce_is_refused)
{
	MS_OWN(ms_buf_fini) struct ms_buf token = {0};
	MS_OWN(ms_buf_fini) struct ms_buf bare = {0};
	struct ms_ear e = good();
	struct ms_ear_expect x = expected;
	sign(&e, &token);
	x.audience = "gat";
	expect_reason(ms_buf_span(&token), &x, MS_TOKEN_AUDIENCE);
	x.audience = NULL;
	expect_reason(ms_buf_span(&token), &x, MS_TOKEN_AUDIENCE);
	x = expected;
	x.nonce.len--;
	expect_reason(ms_buf_span(&token), &x, MS_TOKEN_NONCE);
	x.nonce = ms_span(id_bytes, 16);
	expect_reason(ms_buf_span(&token), &x, MS_TOKEN_NONCE);
	x.nonce = MS_SPAN_NONE;
	expect_reason(ms_buf_span(&token), &x, MS_TOKEN_OK);
	e.nonce = e.audience = MS_SPAN_NONE;
	sign(&e, &bare);
	expect_reason(ms_buf_span(&bare), &x, MS_TOKEN_AUDIENCE);
	x.audience = NULL;
	expect_reason(ms_buf_span(&bare), &x, MS_TOKEN_OK);
	x.nonce = expected.nonce;
	expect_reason(ms_buf_span(&bare), &x, MS_TOKEN_NONCE);
}

/* ---- claims by others ---- */

#define HEAD "{\"eat_profile\":\"" MS_EAR_PROFILE "\",\"ear_verifier_id\":{\"developer\":\"d\",\"build\":\"b\"}"
#define TIME ",\"iat\":1800000000,\"exp\":1800000600"
#define SUB ",\"submods\":{\"a\":{\"ear_status\":\"affirming\"}}"

static void
claims_read(const char *claims, enum ms_token_reason want)
{
	static const struct ms_ear_expect x = {.now_s = NOW};
	MS_OWN(ms_buf_fini) struct ms_buf token = {0};
	MS_OWN(ms_ear_read_fini) struct ms_ear_read r = {.claims = NULL};
	sign_text(ms_span_str(claims), &token);
	enum ms_token_reason got = read_token(ms_buf_span(&token), &x, &r);
	if (got != want)
		fail_msg("%s: %s", claims, ms_token_reason_name(got));
}

MS_TEST(ear_with_a_claim_missing_twice_or_of_another_form_is_refused_by_name)
{
	static const struct {
		const char *claims;
		enum ms_token_reason want;
	} rows[] = {{HEAD TIME SUB "}", MS_TOKEN_OK}, {"", MS_TOKEN_MALFORMED}, {"[]", MS_TOKEN_MALFORMED}, {"{}", MS_TOKEN_PROFILE},
	    {"{\"eat_profile\":\"tag:github.com,2023:veraison/ear\"}", MS_TOKEN_PROFILE},
	    {"{\"eat_profile\":\"" MS_EAR_PROFILE "\"}", MS_TOKEN_CLAIMS}, {HEAD SUB "}", MS_TOKEN_NO_EXPIRY},
	    {HEAD ",\"iat\":1800000000" SUB "}", MS_TOKEN_NO_EXPIRY}, {HEAD ",\"exp\":1800000600" SUB "}", MS_TOKEN_CLAIMS},
	    {HEAD ",\"iat\":1800000000,\"exp\":1800000600.5" SUB "}", MS_TOKEN_CLAIMS},
	    {HEAD ",\"iat\":\"1800000000\",\"exp\":1800000600" SUB "}", MS_TOKEN_CLAIMS},
	    {HEAD ",\"iat\":1800000000,\"exp\":1e10" SUB "}", MS_TOKEN_CLAIMS},
	    {HEAD ",\"iat\":-1,\"exp\":1800000600" SUB "}", MS_TOKEN_CLAIMS},
	    {HEAD ",\"iat\":1800000600,\"exp\":1800000600" SUB "}", MS_TOKEN_CLAIMS},
	    {HEAD ",\"iat\":1800000000,\"exp\":99999999999999" SUB "}", MS_TOKEN_CLAIMS},
	    {HEAD TIME ",\"exp\":1900000000" SUB "}", MS_TOKEN_MALFORMED}, {HEAD TIME ",\"nbf\":1800001000" SUB "}", MS_TOKEN_NOT_YET},
	    {HEAD TIME ",\"nbf\":null" SUB "}", MS_TOKEN_CLAIMS}, {HEAD TIME ",\"aud\":7" SUB "}", MS_TOKEN_CLAIMS},
	    {HEAD TIME ",\"aud\":[]" SUB "}", MS_TOKEN_AUDIENCE}, {HEAD TIME ",\"eat_nonce\":\"AAAA\"" SUB "}", MS_TOKEN_CLAIMS},
	    {HEAD TIME ",\"eat_nonce\":[\"AAAAAAAAAAA\"]" SUB "}", MS_TOKEN_CLAIMS}, {HEAD TIME "}", MS_TOKEN_CLAIMS},
	    {HEAD TIME ",\"submods\":{}}", MS_TOKEN_CLAIMS}, {HEAD TIME ",\"submods\":[]}", MS_TOKEN_CLAIMS},
	    {HEAD TIME ",\"submods\":{\"a\":1}}", MS_TOKEN_CLAIMS}, {HEAD TIME ",\"submods\":{\"a\":{}}}", MS_TOKEN_CLAIMS},
	    {HEAD TIME ",\"submods\":{\"a\":{\"ear_status\":2}}}", MS_TOKEN_CLAIMS},
	    {HEAD TIME ",\"submods\":{\"a\":{\"ear_status\":\"Affirming\"}}}", MS_TOKEN_CLAIMS},
	    {HEAD TIME ",\"submods\":{\"a\":{\"ear.status\":\"affirming\"}}}", MS_TOKEN_CLAIMS},
	    {HEAD TIME ",\"ear_status\":\"good\"" SUB "}", MS_TOKEN_CLAIMS},
	    {HEAD TIME ",\"submods\":{\"a\":{\"ear_status\":\"none\",\"ear_appraisal_policy_ids\":[]}}}", MS_TOKEN_CLAIMS},
	    {HEAD TIME ",\"submods\":{\"a\":{\"ear_status\":\"none\",\"ear_appraisal_policy_ids\":\"p\"}}}", MS_TOKEN_CLAIMS}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		claims_read(rows[i].claims, rows[i].want);
}

#define VECTOR(status, v) HEAD TIME ",\"submods\":{\"a\":{\"ear_status\":\"" status "\",\"ear_trustworthiness_vector\":{" v "}}}}"
#define TWO(whole, a, b) \
	HEAD TIME ",\"ear_status\":\"" whole "\",\"submods\":{\"a\":{\"ear_status\":\"" a "\"},\"b\":{\"ear_status\":\"" b "\"}}}"

MS_TEST(ear_whose_status_is_better_than_what_it_sums_up_is_refused)
{
	static const struct {
		const char *claims;
		enum ms_token_reason want;
	} rows[] = {{VECTOR("affirming", "\"hardware\":2,\"executables\":31"), MS_TOKEN_OK},
	    {VECTOR("affirming", "\"hardware\":32"), MS_TOKEN_STATUS}, {VECTOR("affirming", "\"hardware\":-33"), MS_TOKEN_STATUS},
	    {VECTOR("warning", "\"hardware\":96"), MS_TOKEN_STATUS}, {VECTOR("warning", "\"hardware\":-97"), MS_TOKEN_STATUS},
	    {VECTOR("warning", "\"hardware\":33,\"file-system\":2"), MS_TOKEN_OK},
	    {VECTOR("contraindicated", "\"hardware\":2"), MS_TOKEN_OK}, {VECTOR("none", "\"hardware\":96"), MS_TOKEN_OK},
	    {VECTOR("affirming", "\"hardware\":128"), MS_TOKEN_CLAIMS}, {VECTOR("affirming", "\"hardware\":-129"), MS_TOKEN_CLAIMS},
	    {VECTOR("affirming", "\"hardware\":\"2\""), MS_TOKEN_CLAIMS}, {VECTOR("affirming", "\"hardware\":2.0"), MS_TOKEN_CLAIMS},
	    {TWO("affirming", "affirming", "affirming"), MS_TOKEN_OK}, {TWO("affirming", "affirming", "warning"), MS_TOKEN_STATUS},
	    {TWO("warning", "contraindicated", "affirming"), MS_TOKEN_STATUS},
	    {TWO("contraindicated", "affirming", "affirming"), MS_TOKEN_OK}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		claims_read(rows[i].claims, rows[i].want);
}

MS_TEST(ear_without_a_status_of_its_own_has_that_of_its_worst_part_and_none_when_one_part_says_nothing)
{
	static const struct ms_ear_expect x = {.now_s = NOW};
	static const struct {
		const char *a, *b;
		enum ms_ear_tier want;
	} rows[] = {{"affirming", "affirming", MS_EAR_AFFIRMING}, {"affirming", "warning", MS_EAR_WARNING},
	    {"contraindicated", "none", MS_EAR_CONTRAINDICATED}, {"affirming", "none", MS_EAR_NONE}, {"none", "none", MS_EAR_NONE}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char claims[1024];
		MS_OWN(ms_buf_fini) struct ms_buf token = {0};
		MS_OWN(ms_ear_read_fini) struct ms_ear_read r = {.claims = NULL};
		(void)snprintf(claims, sizeof claims,
		    HEAD TIME ",\"submods\":{\"a\":{\"ear_status\":\"%s\"},\"b\":{\"ear_status\":\"%s\"}}}", rows[i].a, rows[i].b);
		sign_text(ms_span_str(claims), &token);
		CHECK_INT(read_token(ms_buf_span(&token), &x, &r), MS_TOKEN_OK);
		CHECK_INT(r.status, rows[i].want);
	}
}

MS_TEST(ear_tiers_are_those_of_ar4si)
{
	for (int n = -128; n < 128; n++) {
		enum ms_ear_tier want = n >= -1 && n <= 1     ? MS_EAR_NONE
					: n >= -32 && n <= 31 ? MS_EAR_AFFIRMING
					: n >= -96 && n <= 95 ? MS_EAR_WARNING
							      : MS_EAR_CONTRAINDICATED;
		CHECK_INT(ms_ear_tier_of(n), want);
		for (unsigned c = 0; c <= MS_EAR_CATEGORIES; c++)
			CHECK(ms_ear_claim_text(c, n)[0] != '\0');
	}
}
