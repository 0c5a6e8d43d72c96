/* Judgement by claims, events, files, windows, groups and waivers. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "policy/policy_int.h"

#define SHA256 4u
#define NOW UINT64_C(1800000000) /* 2027-01-15 */
#define HEAD "version: 1\nname: p\n"
#define TOP HEAD "attest:\n  rules:\n    - name: r\n"
#define MATCH "      match: {models: [m]}\n"
#define CLAIMS(text) TOP MATCH "      require:\n        claims:\n          - " text "\n"
#define FILES(text) TOP MATCH "      require:\n        files: " text "\n"

static struct ms_policy *
policy(const char *text)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	struct ms_policy_file f = {.name = "f.yaml", .text = ms_span_str(text)};
	struct ms_policy *p = NULL;
	struct ms_err err = {0};
	ms_buf_init(&b, MS_POLICY_WIRE_MAX);
	enum ms_rc rc = ms_policy_compile(&f, 1, &b, &err);
	if (rc != MS_OK)
		print_error("%s\n", err.text);
	CHECK_OK(rc, &err);
	CHECK_OK(ms_policy_load(ms_buf_span(&b), &p, &err), &err);
	return p;
}

/* ---- a world: sets, PCRs, logs ---- */

struct world {
	struct ms_reference *set[4];
	struct ms_pcrs pcrs;
	struct ms_appraisal *a;
	struct ms_policy_input in;
	struct ms_buf trace;
	struct ms_verdict v;
};

static enum ms_rc
look_up(void *ctx, struct ms_span name, const struct ms_reference **ret, MS_UNUSED struct ms_err *err)
{
	struct world *w = ctx;
	for (size_t i = 0; i < 4; i++)
		if (w->set[i] != NULL && ms_span_eq(ms_span_str(w->set[i]->name), name)) {
			*ret = w->set[i];
			return MS_OK;
		}
	return MS_ERR_NOT_FOUND;
}

static void
world_init(struct world *w)
{
	struct ms_err err = {0};
	*w = (struct world){.pcrs = {.mask = 0x7fff}};
	for (unsigned i = 0; i < MS_TPM_PCR_COUNT; i++)
		memset(w->pcrs.value[i], (int)(1 + i), MS_PCR_LEN);
	CHECK_OK(ms_appraisal_new(&w->a, &err), &err);
	w->a->has_boot = w->a->has_ima = true;
	ms_buf_init(&w->trace, 1u << 20);
	w->in = (struct ms_policy_input){.policy_version = 3,
	    .device = {.tenant = ms_span_str("default"),
		.device = ms_span_str("dev-1"),
		.model = ms_span_str("m"),
		.batch = ms_span_str("b1")},
	    .pcrs = &w->pcrs,
	    .appraisal = w->a,
	    .now_s = NOW,
	    .reference = look_up,
	    .reference_ctx = w,
	    .trace = &w->trace};
}

static void
world_fini(struct world *w)
{
	for (size_t i = 0; i < 4; i++)
		ms_reference_free(w->set[i]);
	ms_appraisal_free(w->a);
	ms_buf_fini(&w->trace);
}

static struct ms_reference_builder *
builder(const char *name, const char *model)
{
	struct ms_reference_builder *b = NULL;
	struct ms_err err = {0};
	struct ms_reference_source src = {.name = ms_span_str(name),
	    .model = ms_span_str(model),
	    .device = ms_span_str("release 7"),
	    .version = 5,
	    .captured_s = 1700000000};
	src.all_models = src.model.len == 0;
	CHECK_OK(ms_reference_builder_new(&src, &b, &err), &err);
	return b;
}

static void
put_set(struct world *w, size_t at, struct ms_reference_builder *b)
{
	struct ms_err err = {0};
	ms_reference_free(w->set[at]);
	w->set[at] = NULL;
	CHECK_OK(ms_reference_finish(b, &w->set[at], &err), &err);
	ms_reference_builder_free(b);
}

/* PCRs filled with fill + number, as the world's are with 1. */
static void
put_pcr_set(struct world *w, size_t at, const char *name, uint8_t fill)
{
	struct ms_reference_builder *b = builder(name, "m");
	struct ms_err err = {0};
	for (unsigned i = 0; i < 15; i++) {
		uint8_t d[MS_PCR_LEN];
		memset(d, (int)(fill + i), sizeof d);
		CHECK_OK(ms_reference_add_pcr(b, i, d, &err), &err);
	}
	put_set(w, at, b);
}

static struct ms_span
digest_of(const char *text, uint8_t out[static 32])
{
	ms_sha256(ms_span_str(text), out);
	return ms_span(out, 32);
}

static void
add_file(struct ms_reference_builder *b, const char *path, const char *content)
{
	uint8_t d[32];
	struct ms_err err = {0};
	CHECK_OK(ms_reference_add_file(b, ms_span_str(path), SHA256, digest_of(content, d), &err), &err);
}

static void
put_file_set(struct world *w, size_t at, const char *name, const char *model, const char *path, const char *content)
{
	struct ms_reference_builder *b = builder(name, model);
	add_file(b, path, content);
	put_set(w, at, b);
}

/* The file's digest lives as long as the test: one slot each. */
static uint8_t slots[64][32];

static struct ms_ima_file *
measured(struct world *w, const char *path, const char *content)
{
	struct ms_err err = {0};
	size_t n = w->a->n_files;
	CHECK(n < 64);
	struct ms_ima_file f = {.entry = (uint32_t)n, .hash = SHA256, .path = ms_span_str(path), .digest = digest_of(content, slots[n])};
	CHECK_OK(ms_appraisal_add_file(w->a, &f, &err), &err);
	return &w->a->file[n];
}

static const struct ms_verdict *
judge(struct world *w, const struct ms_policy *p)
{
	struct ms_err err = {0};
	struct ms_buf pub, op;
	w->in.policy = p;
	ms_buf_reset(&w->trace);
	memset(&w->v, 0xff, sizeof w->v);
	CHECK_OK(ms_policy_judge(&w->in, &w->v, &err), &err);
	CHECK((w->v.n_reasons == 0) == (w->v.outcome == MS_OUTCOME_PASS));
	CHECK(w->v.outcome == MS_OUTCOME_PASS || (!w->v.identity && w->v.reference[0] == '\0'));
	ms_buf_init(&pub, 1u << 20);
	ms_buf_init(&op, 1u << 20);
	ms_verdict_public(&w->v, &pub);
	ms_verdict_operator(&w->v, &op);
	ms_verdict_waived(&w->v, &op);
	CHECK(!pub.bad && !op.bad && pub.len < 16384);
	for (size_t i = 0; i < w->v.n_reasons; i++) {
		char text[MS_VERDICT_TEXT_LEN];
		ms_verdict_reason_text(&w->v, i, false, text);
		CHECK(strlen(text) < 640 && strstr(text, "nearest") == NULL && strstr(text, "expected") == NULL &&
		      strstr(text, "release 7") == NULL);
	}
	ms_buf_fini(&pub);
	ms_buf_fini(&op);
	return &w->v;
}

/* One policy, one verdict; `want` is the first reason ("" for a pass). */
static void
expect(struct world *w, const char *text, enum ms_outcome outcome, const char *want)
{
	MS_OWN(ms_policy_free) struct ms_policy *p = policy(text);
	const struct ms_verdict *v = judge(w, p);
	const char *got = v->n_reasons == 0 ? "" : ms_policy_code_name(v->reason[0].code);
	if (v->outcome != outcome || strcmp(got, want) != 0)
		print_error("%s\nwant %s %s, got %s %s\n%.*s", text, ms_outcome_name(outcome), want, ms_outcome_name(v->outcome), got,
		    (int)w->trace.len, (const char *)w->trace.p);
	CHECK(v->outcome == outcome && strcmp(got, want) == 0);
}

static bool
traced(const struct world *w, const char *what)
{
	return memmem(w->trace.p, w->trace.len, what, strlen(what)) != NULL;
}

/* ---- claims ---- */

static void
add_claims(struct world *w)
{
	struct ms_err err = {0};
	struct ms_claims *c = w->a->claims;
	CHECK_OK(ms_claims_add_bool(c, "boot.secure-boot", true, true, &err), &err);
	CHECK_OK(ms_claims_add_text(c, "boot.sbat.shim", true, ms_span_str("4"), &err), &err);
	CHECK_OK(ms_claims_add_text(c, "boot.sbat.level", false, ms_span_str("2025021800"), &err), &err);
	CHECK_OK(ms_claims_add_uint(c, "boot.db.entries", true, 7, &err), &err);
	CHECK_OK(ms_claims_add_bytes(c, "boot.db.cert", true, ms_span("\x01\x02", 2), &err), &err);
	CHECK_OK(ms_claims_add_bytes(c, "boot.db.cert", true, ms_span("\x03", 1), &err), &err);
	CHECK_OK(ms_claims_add_bytes(c, "boot.db.cert", false, ms_span("\x09", 1), &err), &err);
	CHECK_OK(ms_claims_add_text(c, "boot.kernel.cmdline", true, ms_span_str("ro quiet init=/bin/x lockdown=integrity"), &err), &err);
	CHECK_OK(ms_claims_add_text(c, "attester.assurance", true, ms_span_str("software"), &err), &err);
}

#define PASS MS_OUTCOME_PASS
#define FAIL MS_OUTCOME_FAIL
#define DENY MS_OUTCOME_DENY
#define MISMATCH FAIL, "claim-mismatch"
#define UNPROVEN DENY, "claim-unproven"
#define MISSING DENY, "claim-missing"
#define HOLDS PASS, ""

static const struct {
	const char *text;
	enum ms_outcome outcome;
	const char *want;
} by_claim[] = {
    {CLAIMS("{claim: boot.secure-boot, is: true}"), HOLDS},
    {CLAIMS("{claim: boot.secure-boot, is: false}"), MISMATCH},
    {CLAIMS("{claim: boot.debugger, is: false}"), MISSING},
    {CLAIMS("{claim: boot.sbat.shim, is: '4'}"), HOLDS},
    {CLAIMS("{claim: boot.sbat.shim, is: '4.0'}"), MISMATCH},
    {CLAIMS("{claim: boot.sbat.shim, in: ['3', '4']}"), HOLDS},
    {CLAIMS("{claim: boot.sbat.shim, in: ['3', '5']}"), MISMATCH},
    {CLAIMS("{claim: boot.sbat.shim, not_in: ['3', '5']}"), HOLDS},
    {CLAIMS("{claim: boot.sbat.shim, not_in: ['3', '4']}"), MISMATCH},
    {CLAIMS("{claim: boot.sbat.shim, version_min: '4.0'}"), HOLDS},
    {CLAIMS("{claim: boot.sbat.shim, version_min: '4.0.1'}"), MISMATCH},
    {CLAIMS("{claim: boot.sbat.shim, version_min: '3', version_max: '10'}"), HOLDS},
    {CLAIMS("{claim: boot.sbat.shim, version_min: '3', version_max: '3.99'}"), MISMATCH},
    {CLAIMS("{claim: boot.kernel.cmdline, version_min: '1'}"), MISMATCH},
    {CLAIMS("{claim: boot.sbat.level, is: '2025021800'}"), UNPROVEN},
    {CLAIMS("{claim: boot.sbat.level, is: '2024'}"), MISMATCH},
    {CLAIMS("{claim: boot.sbat.level, version_min: '2024'}\n      allow_unproven: [boot.sbat.level]"), HOLDS},
    {CLAIMS("{claim: boot.sbat.level, version_min: '2024'}\n      allow_unproven: [boot.sbat.shim]"), UNPROVEN},
    {CLAIMS("{claim: boot.sbat.level, is: '2024'}\n      allow_unproven: [boot.sbat.level]"), MISMATCH},
    {CLAIMS("{claim: boot.db.entries, is: 7}"), HOLDS},
    {CLAIMS("{claim: boot.db.entries, min: 7, max: 7}"), HOLDS},
    {CLAIMS("{claim: boot.db.entries, min: 8}"), MISMATCH},
    {CLAIMS("{claim: boot.db.entries, max: 6}"), MISMATCH},
    {CLAIMS("{claim: boot.db.entries, in: [9, 7, 1]}"), HOLDS},
    {CLAIMS("{claim: boot.db.entries, in: [9, 8, 1]}"), MISMATCH},
    {CLAIMS("{claim: boot.db.entries, not_in: [9, 8]}"), HOLDS},
    {CLAIMS("{claim: boot.dbx.entries, min: 0}"), MISSING},
    {CLAIMS("{claim: boot.db.cert, any_of: ['03', ff]}"), HOLDS},
    {CLAIMS("{claim: boot.db.cert, any_of: ['04', ff]}"), MISMATCH},
    {CLAIMS("{claim: boot.db.cert, any_of: ['09', ff]}"), UNPROVEN},
    {CLAIMS("{claim: boot.db.cert, all_of: ['03', '0102']}"), HOLDS},
    {CLAIMS("{claim: boot.db.cert, all_of: ['03', '0102', ff]}"), MISMATCH},
    {CLAIMS("{claim: boot.db.cert, all_of: ['03', '09']}"), UNPROVEN},
    {CLAIMS("{claim: boot.db.cert, all_of: ['03', '09']}\n      allow_unproven: [boot.db.cert]"), HOLDS},
    {CLAIMS("{claim: boot.db.cert, none_of: ['03']}"), MISMATCH},
    {CLAIMS("{claim: boot.db.cert, none_of: ['09']}"), MISMATCH}, /* unproven, and bad enough */
    {CLAIMS("{claim: boot.db.cert, none_of: [ff]}"), UNPROVEN},   /* what it is in truth nobody knows */
    {CLAIMS("{claim: boot.db.cert, none_of: [ff]}\n      allow_unproven: [boot.db.cert]"), HOLDS},
    {CLAIMS("{claim: boot.db.cert, in: ['0102', '03', '09']}\n      allow_unproven: [boot.db.cert]"), HOLDS},
    {CLAIMS("{claim: boot.db.cert, in: ['0102', '03']}\n      allow_unproven: [boot.db.cert]"), MISMATCH},
    {CLAIMS("{claim: boot.dbx.cert, none_of: [ff]}"), HOLDS}, /* the boot log has none */
    {CLAIMS("{claim: boot.dbx.cert, any_of: [ff]}"), MISSING},
    {CLAIMS("{claim: boot.dbx.cert, all_of: [ff]}"), MISSING},
    {CLAIMS("{claim: boot.dbx.cert, in: [ff]}"), MISSING},
    {CLAIMS("{claim: boot.kernel.cmdline, prefix: ro}"), HOLDS},
    {CLAIMS("{claim: boot.kernel.cmdline, prefix: rw}"), MISMATCH},
    {CLAIMS("{claim: boot.kernel.cmdline, prefix: 'ro quiet init=/bin/x lockdown=integrity and more'}"), MISMATCH},
    {CLAIMS("{claim: boot.kernel.cmdline, words: [quiet, ro, lockdown=integrity]}"), HOLDS},
    {CLAIMS("{claim: boot.kernel.cmdline, words: [lockdown=]}"), HOLDS},
    {CLAIMS("{claim: boot.kernel.cmdline, words: [lockdown]}"), MISMATCH},
    {CLAIMS("{claim: boot.kernel.cmdline, words: [ro, rw]}"), MISMATCH},
    {CLAIMS("{claim: boot.kernel.cmdline, no_words: [rw, single]}"), HOLDS},
    {CLAIMS("{claim: boot.kernel.cmdline, no_words: [rw, init=]}"), MISMATCH},
    {CLAIMS("{claim: boot.kernel.cmdline, no_words: [quiet]}"), MISMATCH},
    {CLAIMS("{claim: tdx.mr-td, is: '00'}"), MISSING},
};

MS_TEST(policy_judges_each_operator_of_claims_on_both_sides)
{
	struct world w;
	world_init(&w);
	add_claims(&w);
	for (size_t i = 0; i < sizeof by_claim / sizeof *by_claim; i++)
		if (strstr(by_claim[i].text, "tdx.") == NULL || ms_claim_name_find(ms_span_str("tdx.mr-td")) != NULL)
			expect(&w, by_claim[i].text, by_claim[i].outcome, by_claim[i].want);
	world_fini(&w);
}

MS_TEST(I6_claims_without_a_boot_log_deny_by_the_name_of_the_log)
{
	struct world w;
	world_init(&w);
	w.a->has_boot = false;
	expect(&w, CLAIMS("{claim: boot.secure-boot, is: true}"), DENY, "boot-log-missing");
	expect(&w, CLAIMS("{claim: boot.dbx.cert, none_of: [ff]}"), DENY, "boot-log-missing");
	CHECK_INT(w.v.n_reasons, 1);
	w.in.appraisal = NULL;
	expect(&w, CLAIMS("{claim: boot.dbx.cert, none_of: [ff]}"), DENY, "boot-log-missing");
	expect(&w, CLAIMS("{claim: ek.model, is: x}"), DENY, "claim-missing");
	expect(&w, FILES("{references: [a]}"), DENY, "ima-missing");
	expect(&w, TOP MATCH "      require: {events: {pcrs: [4], references: [a]}}\n", DENY, "boot-log-missing");
	world_fini(&w);
}

MS_TEST(I6_logs_that_the_policy_requires_are_missed_by_name_even_when_pcrs_pass)
{
	struct world w;
	world_init(&w);
	put_pcr_set(&w, 0, "a", 1);
#define LOGS(which) HEAD "attest:\n" which "  rules:\n    - name: r\n" MATCH "      require: {pcrs: [0, 4], references: [a]}\n"
	expect(&w, LOGS("  boot_log: required\n  ima: required\n"), PASS, "");
	w.a->has_boot = false;
	expect(&w, LOGS("  boot_log: required\n  ima: required\n"), DENY, "boot-log-missing");
	expect(&w, LOGS("  boot_log: optional\n"), PASS, "");
	w.a->has_ima = false;
	expect(&w, LOGS("  ima: required\n"), DENY, "ima-missing");
	w.in.appraisal = NULL;
	expect(&w, LOGS("  boot_log: required\n  ima: required\n"), DENY, "boot-log-missing");
	CHECK(w.v.n_reasons == 2 && w.v.reason[1].code == MS_POLICY_IMA_MISSING);
	w.pcrs.value[4][0] ^= 1; /* with a contradiction as well it is a fail, and both are told */
	expect(&w, LOGS("  boot_log: required\n"), FAIL, "boot-log-missing");
	CHECK(w.v.n_reasons == 2 && w.v.reason[1].code == MS_POLICY_PCR_MISMATCH);
	world_fini(&w);
}

MS_TEST(I5_assurance_below_what_the_rule_asks_for_or_unknown_is_denied)
{
	struct world w;
	struct ms_err err = {0};
	MS_OWN(ms_claims_free) struct ms_claims *more = NULL;
	world_init(&w);
	put_pcr_set(&w, 0, "a", 1);
#define ASSURANCE(what) TOP MATCH "      require: {pcrs: [0], references: [a], assurance: " what "}\n"
	expect(&w, ASSURANCE("low"), DENY, "assurance-too-low"); /* nobody says */
	add_claims(&w);
	expect(&w, ASSURANCE("low"), PASS, "");
	expect(&w, ASSURANCE("software"), PASS, "");
	expect(&w, ASSURANCE("hardware"), DENY, "assurance-too-low");
	CHECK_OK(ms_claims_new(&more, &err), &err);
	CHECK_OK(ms_claims_add_text(more, "attester.assurance", true, ms_span_str("low"), &err), &err);
	w.in.claims = more; /* two attesters: the lesser counts */
	expect(&w, ASSURANCE("software"), DENY, "assurance-too-low");
	ms_claims_free(more);
	more = NULL;
	CHECK_OK(ms_claims_new(&more, &err), &err);
	CHECK_OK(ms_claims_add_text(more, "attester.assurance", true, ms_span_str("Hardware"), &err), &err);
	w.in.claims = more; /* a word that is none of the three */
	expect(&w, ASSURANCE("low"), DENY, "assurance-too-low");
	world_fini(&w);
}

MS_TEST(policy_text_that_its_reader_cut_never_shows_that_something_is_absent)
{
	struct world w;
	struct ms_err err = {0};
	char text[MS_CLAIM_VALUE_MAX];
	world_init(&w);
	memset(text, 'x', sizeof text);
	memcpy(text + sizeof text - 3, "...", 3);
	CHECK_OK(ms_claims_add_text(w.a->claims, "boot.kernel.cmdline", true, ms_span(text, sizeof text), &err), &err);
	expect(&w, CLAIMS("{claim: boot.kernel.cmdline, no_words: [init=]}"), FAIL, "claim-mismatch");
	expect(&w, CLAIMS("{claim: boot.kernel.cmdline, none_of: [y]}"), FAIL, "claim-mismatch");
	expect(&w, CLAIMS("{claim: boot.kernel.cmdline, prefix: xx}"), PASS, "");
	world_fini(&w);
}

MS_TEST(verdict_shows_hostile_text_of_a_device_escaped_and_cut)
{
	struct world w;
	struct ms_err err = {0};
	char long_text[600], text[MS_VERDICT_TEXT_LEN];
	world_init(&w);
	memset(long_text, 'y', sizeof long_text);
	memcpy(long_text, "a\n\x1b[2J\" policy=evil\\", 20);
	CHECK_OK(ms_claims_add_text(w.a->claims, "boot.kernel.cmdline", true, ms_span(long_text, sizeof long_text), &err), &err);
	MS_OWN(ms_policy_free) struct ms_policy *p = policy(CLAIMS("{claim: boot.kernel.cmdline, in: [secret-wanted]}"));
	const struct ms_verdict *v = judge(&w, p);
	ms_verdict_reason_text(v, 0, false, text);
	CHECK(strstr(text, "claim-mismatch claim=boot.kernel.cmdline found=\"a\\x0a\\x1b[2J\\x22 policy=evil\\x5cyyy") == text);
	CHECK(strstr(text, "yyy...\" rule=r policy=p@3") != NULL && strstr(text, "secret-wanted") == NULL);
	ms_verdict_reason_text(v, 0, true, text);
	CHECK(strstr(text, " nearest=\"in [secret-wanted]\"") != NULL);
	world_fini(&w);
}

/* ---- match ---- */

MS_TEST(I5_match_wants_every_kind_that_is_given_and_a_device_without_a_fact_is_in_no_list)
{
	struct world w;
	world_init(&w);
	put_pcr_set(&w, 0, "a", 1);
#define MATCHES(match) \
	HEAD "groups:\n  g: {devices: [dev-1], batches: [b9]}\n  h: {models: [x]}\nattest:\n  rules:\n    - name: r\n      match: " match \
	     "\n      require: {pcrs: [0], references: [a]}\n"
	static const struct {
		const char *match;
		bool hit;
	} rows[] = {{MATCHES("{groups: [g]}"), true}, {MATCHES("{groups: [h]}"), false}, {MATCHES("{groups: [h, g]}"), true},
	    {MATCHES("{batches: [b1]}"), true}, {MATCHES("{batches: [b2]}"), false}, {MATCHES("{devices: [dev-1]}"), true},
	    {MATCHES("{devices: [dev-2]}"), false}, {MATCHES("{tenants: [default]}"), true}, {MATCHES("{tenants: [other]}"), false},
	    {MATCHES("{models: [m], groups: [g], batches: [b1], devices: [dev-1], tenants: [default]}"), true},
	    {MATCHES("{models: [x], groups: [g]}"), false}, {MATCHES("{models: [m], groups: [h]}"), false},
	    {MATCHES("{models: [m], batches: [b2]}"), false}, {MATCHES("{models: [m], devices: [dev-2]}"), false},
	    {MATCHES("{models: [m], tenants: [other]}"), false}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		expect(&w, rows[i].match, rows[i].hit ? PASS : DENY, rows[i].hit ? "" : "no-rule");
	w.in.device.device = w.in.device.batch = w.in.device.tenant = w.in.device.model = MS_SPAN_NONE;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		expect(&w, rows[i].match, DENY, "no-rule");
	world_fini(&w);
}

/* ---- windows ---- */

#define WINDOW(uses) TOP MATCH "      require: {pcrs: [0, 4], references: [" uses "]}\n"

MS_TEST(policy_window_by_date_closes_at_its_second_and_what_is_known_but_late_is_denied_not_failed)
{
	struct world w;
	world_init(&w);
	put_pcr_set(&w, 0, "old", 1);
	put_pcr_set(&w, 1, "new", 50);
	expect(&w, WINDOW("{name: old, until: 2027-01-15T08:00:01Z}, new"), PASS, "");
	assert_string_equal(w.v.reference, "old");
	expect(&w, WINDOW("{name: old, until: 2027-01-15T08:00:00Z}, new"), DENY, "reference-expired");
	assert_string_equal(w.v.reason[0].reference, "old");
	w.in.now_s = 0; /* a caller without a clock keeps no window open */
	expect(&w, WINDOW("{name: old, until: 2027-01-15T08:00:01Z}, new"), DENY, "reference-expired");
	w.in.now_s = NOW;
	w.pcrs.value[4][0] ^= 1; /* neither: a contradiction of the set that is open */
	expect(&w, WINDOW("{name: old, until: 2027-01-15T08:00:00Z}, new"), FAIL, "pcr-mismatch");
	assert_string_equal(w.v.reason[0].reference, "new");
	expect(&w, WINDOW("{name: old, until: 2027-01-15T08:00:00Z}"), DENY, "reference-expired");
	world_fini(&w);
}

MS_TEST(policy_window_until_moved_closes_when_the_device_has_passed_with_another_set_of_the_rule)
{
	struct world w;
	world_init(&w);
	put_pcr_set(&w, 0, "old", 1);
	put_pcr_set(&w, 1, "new", 50);
#define MOVED WINDOW("{name: old, until: moved}, new")
	expect(&w, MOVED, PASS, "");
	w.in.last_reference = ms_span_str("old");
	expect(&w, MOVED, PASS, "");
	w.in.last_reference = ms_span_str("unrelated");
	expect(&w, MOVED, PASS, "");
	w.in.last_reference = ms_span_str("new");
	expect(&w, MOVED, DENY, "reference-expired");
	for (unsigned i = 0; i < MS_TPM_PCR_COUNT; i++)
		memset(w.pcrs.value[i], (int)(50 + i), MS_PCR_LEN);
	expect(&w, MOVED, PASS, "");
	assert_string_equal(w.v.reference, "new");
	world_fini(&w);
}

/* ---- events ---- */

MS_TEST(policy_events_are_each_in_a_set_of_the_rule_and_only_those_of_its_pcrs_are_asked_for)
{
	struct world w;
	struct ms_err err = {0};
	struct ms_reference_builder *b = builder("boot", "m"), *c = builder("other", "x");
	world_init(&w);
	for (uint8_t i = 0; i < 4; i++) {
		struct ms_tuple t = {.pcr = i < 3 ? 4 : 5, .type = 0x80000003u, .digest = {i, 7}};
		CHECK_OK(ms_tuples_add(&w.a->boot, &t, MS_APPRAISAL_BOOT_MAX, &err), &err);
		if (i < 2)
			CHECK_OK(ms_reference_add_event(b, 4, t.digest, &err), &err);
		CHECK_OK(ms_reference_add_event(c, 4, t.digest, &err), &err);
	}
	put_set(&w, 0, b);
	put_set(&w, 1, c);
#define EVENTS(pcrs, sets) TOP MATCH "      require: {events: {pcrs: [" pcrs "], references: [" sets "]}}\n"
	expect(&w, EVENTS("4", "boot"), FAIL, "event-unknown");
	CHECK(w.v.n_reasons == 1 && w.v.reason[0].entry == 2 && w.v.reason[0].pcr == 4 && w.v.reason[0].found[0] == 2);
	expect(&w, EVENTS("4, 5", "boot"), FAIL, "event-unknown");
	CHECK_INT(w.v.n_reasons, 2);
	expect(&w, EVENTS("7", "boot"), PASS, "");
	expect(&w, EVENTS("4", "other"), DENY, "reference-of-another-model");
	expect(&w, EVENTS("4", "boot, nothing"), DENY, "no-reference"); /* what it would have said nobody knows */
	expect(&w, EVENTS("4", "nothing"), DENY, "no-reference");
	expect(&w, EVENTS("4", "{name: boot, until: 2027-01-01}"), DENY, "reference-expired");
	w.a->boot.n = 2;
	expect(&w, EVENTS("4", "boot"), PASS, "");
	expect(&w, EVENTS("4", "boot, nothing"), PASS, "");
	put_pcr_set(&w, 2, "pcrs-only", 1);
	expect(&w, EVENTS("4", "pcrs-only"), DENY, "reference-lacks-pcr");
	world_fini(&w);
}

/* ---- files ---- */

static const uint8_t signer[32] = {0xab}, stranger[32] = {0xcd};
#define SIGNER "ab00000000000000000000000000000000000000000000000000000000000000"

static void
file_world(struct world *w)
{
	struct ms_reference_builder *b = builder("debian", "");
	world_init(w);
	add_file(b, "/usr/bin/true", "v1");
	add_file(b, "/usr/bin/true", "v2");
	add_file(b, "/usr/bin/false", "f");
	put_set(w, 0, b);
	(void)measured(w, "boot_aggregate", "pcrs");
	(void)measured(w, "/usr/bin/true", "v2");
}

MS_TEST(policy_files_are_known_by_path_and_digest_and_a_miss_names_the_nearest_and_its_source)
{
	struct world w;
	char text[MS_VERDICT_TEXT_LEN];
	file_world(&w);
	expect(&w, FILES("{references: [debian]}"), PASS, "");
	(void)measured(&w, "/usr/bin/true", "v3");
	expect(&w, FILES("{references: [debian]}"), FAIL, "file-mismatch");
	ms_verdict_reason_text(&w.v, 0, true, text);
	CHECK(strstr(text, "file-mismatch entry=2 path=/usr/bin/true found=sha256:") == text);
	CHECK(strstr(text, " nearest=sha256:") != NULL &&
	      strstr(text, " from=debian@5 source=\"release 7\" captured=2023-11-14T22:13:20Z") != NULL);
	CHECK(traced(&w, "nearest accepted is sha256:"));
	w.a->n_files--;
	(void)measured(&w, "/home/x/true", "v1");
	expect(&w, FILES("{references: [debian]}"), FAIL, "file-unknown");
	ms_verdict_reason_text(&w.v, 0, true, text);
	CHECK(strstr(text, " nearest-path=/usr/bin/true from=debian@5") != NULL);
	expect(&w, FILES("{references: [debian], by: digest}"), PASS, "");
	w.a->n_files--;
	(void)measured(&w, "/home/x/evil", "evil");
	expect(&w, FILES("{references: [debian]}"), FAIL, "file-unknown");
	CHECK(w.v.reason[0].nearest.reference[0] == '\0' && traced(&w, "no set has an entry for it"));
	expect(&w, FILES("{references: [debian], unknown: allow}"), PASS, "");
	w.a->n_files--;
	(void)measured(&w, "/usr/bin/false", "evil"); /* known, but not so */
	expect(&w, FILES("{references: [debian], unknown: allow}"), FAIL, "file-mismatch");
	world_fini(&w);
}

MS_TEST(policy_files_that_are_excluded_are_those_paths_and_what_is_below_them_only)
{
	static const struct {
		const char *path, *exclude;
		enum ms_outcome outcome;
	} rows[] = {{"/tmp/x", "/tmp/", PASS}, {"/tmp/a/b/x", "/tmp/", PASS}, {"/tmpx", "/tmp/", FAIL}, {"/tmp", "/tmp/", FAIL},
	    {"/tmp", "/tmp", PASS}, {"/tmp/x", "/tmp", FAIL}, {"/x/tmp/y", "/tmp/", FAIL}, {"tmp/x", "/tmp/", FAIL}, {"", "/tmp/", FAIL},
	    {"/", "/tmp/", FAIL}, {"//tmp/x", "/tmp/", FAIL}, {"/TMP/x", "/tmp/", FAIL}, {"/tmp/../etc/x", "/tmp/", PASS}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct world w;
		char text[400];
		file_world(&w);
		(void)measured(&w, rows[i].path, "evil");
		(void)snprintf(text, sizeof text, FILES("{references: [debian], exclude: [/var/log/, %s, /usr/local/x]}"), rows[i].exclude);
		expect(&w, text, rows[i].outcome, rows[i].outcome == PASS ? "" : "file-unknown");
		w.a->file[2].violation = true;
		expect(&w, text, rows[i].outcome, rows[i].outcome == PASS ? "" : "file-violation");
		world_fini(&w);
	}
}

MS_TEST(I6_boot_aggregate_excuses_entry_0_only_and_a_violation_is_a_fail)
{
	struct world w;
	file_world(&w);
	(void)measured(&w, "boot_aggregate", "evil");
	expect(&w, FILES("{references: [debian]}"), FAIL, "file-unknown");
	CHECK_INT(w.v.reason[0].entry, 2);
	w.a->n_files = 2;
	w.a->file[1].violation = true; /* its digest is in the set, but it is no digest */
	expect(&w, FILES("{references: [debian]}"), FAIL, "file-violation");
	expect(&w, FILES("{references: [debian], unknown: allow, by: digest, signed_by: [" SIGNER "]}"), FAIL, "file-violation");
	world_fini(&w);
}

MS_TEST(policy_files_signed_by_a_listed_key_are_accepted_and_by_no_other)
{
	struct world w;
	file_world(&w);
#define SIGNED FILES("{signed_by: [" SIGNER "]}")
#define EITHER FILES("{references: [debian], signed_by: [" SIGNER "]}")
	expect(&w, SIGNED, FAIL, "file-unsigned"); /* /usr/bin/true has no signature */
	expect(&w, EITHER, PASS, "");
	static const struct {
		enum ms_ima_signature state;
		const uint8_t *key;
		bool good;
	} rows[] = {{MS_IMA_SIG_GOOD, signer, true}, {MS_IMA_SIG_GOOD, stranger, false}, {MS_IMA_SIG_BAD, signer, false},
	    {MS_IMA_SIG_UNKNOWN_KEY, signer, false}, {MS_IMA_SIG_NONE, signer, false}, {MS_IMA_SIG_GOOD, NULL, false}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		w.a->n_files = 1;
		struct ms_ima_file *f = measured(&w, "/usr/bin/new", "new");
		f->signature = rows[i].state;
		f->key_id = rows[i].key == NULL ? MS_SPAN_NONE : ms_span(rows[i].key, 32);
		expect(&w, SIGNED, rows[i].good ? PASS : FAIL, rows[i].good ? "" : "file-unsigned");
		expect(&w, EITHER, rows[i].good ? PASS : FAIL, rows[i].good ? "" : "file-unknown");
	}
	world_fini(&w);
}

MS_TEST(I6_files_without_the_sets_that_judge_them_are_denied_whatever_else_is_allowed)
{
	struct world w;
	file_world(&w);
	(void)measured(&w, "/usr/bin/new", "new");
	static const char *const rules[] = {FILES("{references: [nothing]}"), FILES("{references: [nothing], unknown: allow}"),
	    FILES("{references: [nothing], unknown: allow, signed_by: [" SIGNER "]}"),
	    FILES("{references: [debian, nothing], unknown: allow}"), FILES("{references: [debian, nothing]}"),
	    FILES("{references: [nothing], by: digest}")};
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		expect(&w, rules[i], DENY, "no-reference");
	expect(&w, FILES("{references: [{name: debian, until: 2027-01-01}]}"), DENY, "reference-expired");
	expect(&w, FILES("{references: [{name: debian, until: 2027-01-01}], unknown: allow}"), DENY, "reference-expired");
	put_pcr_set(&w, 1, "pcrs-only", 1);
	expect(&w, FILES("{references: [pcrs-only], unknown: allow}"), DENY, "reference-lacks-pcr");
	put_file_set(&w, 1, "pcrs-only", "other", "/usr/bin/new", "new");
	expect(&w, FILES("{references: [pcrs-only], unknown: allow}"), DENY, "reference-of-another-model");
	w.a->n_files--;
	expect(&w, FILES("{references: [debian, nothing]}"), PASS, ""); /* all accepted: what is absent does not matter */
	world_fini(&w);
}

MS_TEST(policy_files_before_the_first_and_after_the_quote_are_not_judged_again)
{
	struct world w;
	file_world(&w);
	(void)measured(&w, "/usr/bin/evil", "evil");
	(void)measured(&w, "/usr/bin/false", "f");
	expect(&w, FILES("{references: [debian]}"), FAIL, "file-unknown");
	w.in.first_file = 3;
	expect(&w, FILES("{references: [debian]}"), PASS, "");
	w.in.first_file = 0;
	w.in.late_files = 2;
	expect(&w, FILES("{references: [debian]}"), PASS, "");
	w.in.late_files = 1;
	expect(&w, FILES("{references: [debian]}"), FAIL, "file-unknown");
	w.in.first_file = 1000; /* beyond the end, and more late than there are: nothing is touched */
	w.in.late_files = 1000;
	expect(&w, FILES("{references: [debian]}"), PASS, "");
	world_fini(&w);
}

/* ---- waivers ---- */

#define WAIVED(rule, waiver) \
	rule "groups:\n  g: {batches: [b1]}\n  h: {batches: [b2]}\nwaivers:\n  - {name: w, reason: why, approver: me, " waiver "}\n"
#define PCRS TOP MATCH "      require: {pcrs: [0, 4], references: [a]}\n      identity: true\n"

MS_TEST(I6_waiver_holds_for_its_device_its_reason_and_its_time_only_and_is_named_in_the_verdict)
{
	struct world w;
	char text[MS_VERDICT_TEXT_LEN];
	world_init(&w);
	put_pcr_set(&w, 0, "a", 1);
	w.pcrs.value[4][0] ^= 1;
	static const struct {
		const char *text;
		bool good;
	} rows[] = {
	    {WAIVED(PCRS, "device: dev-1, allow: [pcr-mismatch], expires: 2027-01-16"), true},
	    {WAIVED(PCRS, "group: g, allow: [pcr-mismatch], expires: 2027-01-16"), true},
	    {WAIVED(PCRS, "group: g, allow: [pcr-mismatch], pcrs: [4, 5], expires: 2027-01-16"), true},
	    {WAIVED(PCRS, "device: dev-1, allow: [pcr-mismatch], expires: 2027-01-15T08:00:00Z"), false}, /* this very second */
	    {WAIVED(PCRS, "device: dev-1, allow: [pcr-mismatch], expires: 2027-01-01"), false},
	    {WAIVED(PCRS, "device: dev-2, allow: [pcr-mismatch], expires: 2027-01-16"), false},
	    {WAIVED(PCRS, "group: h, allow: [pcr-mismatch], expires: 2027-01-16"), false},
	    {WAIVED(PCRS, "device: dev-1, allow: [claim-mismatch], expires: 2027-01-16"), false},
	    {WAIVED(PCRS, "device: dev-1, allow: [pcr-mismatch], pcrs: [7], expires: 2027-01-16"), false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		expect(&w, rows[i].text, rows[i].good ? PASS : FAIL, rows[i].good ? "" : "pcr-mismatch");
		CHECK_INT(w.v.n_waived, rows[i].good);
		CHECK(w.v.identity == rows[i].good && w.v.reference[0] == '\0'); /* no set accepted it */
		if (!rows[i].good)
			continue;
		ms_verdict_waived_text(&w.v, 0, false, text);
		CHECK(strstr(text, "pcr-mismatch pcr=4 found=") == text && strstr(text, " waiver=w") != NULL);
	}
	w.in.now_s = 0;
	expect(&w, rows[0].text, FAIL, "pcr-mismatch");
	w.in.now_s = NOW;
	w.pcrs.value[0][0] ^= 1; /* one PCR is waived, the other is not */
	expect(&w, WAIVED(PCRS, "device: dev-1, allow: [pcr-mismatch], pcrs: [4], expires: 2027-01-16"), FAIL, "pcr-mismatch");
	CHECK(w.v.n_reasons == 1 && w.v.reason[0].pcr == 0 && w.v.n_waived == 1);
	world_fini(&w);
}

MS_TEST(I5_waiver_of_everything_that_can_be_waived_lets_no_unmeasured_and_no_unjudged_device_through)
{
	struct world w;
#define ALL_CODES \
	"allow: [pcr-mismatch, reference-expired, claim-missing, claim-unproven, claim-mismatch, event-unknown, file-unknown, " \
	"file-mismatch, " \
	"file-violation, file-unsigned], expires: 2027-01-16, device: dev-1"
	world_init(&w);
	put_pcr_set(&w, 0, "a", 1);
	expect(&w, WAIVED(PCRS, ALL_CODES), PASS, "");
	memset(w.pcrs.value[0], 0, MS_PCR_LEN);
	expect(&w, WAIVED(PCRS, ALL_CODES), FAIL, "pcr-zero");
	w.pcrs.mask = 0x7fef;
	expect(&w, WAIVED(PCRS, ALL_CODES), DENY, "pcr-absent");
	w.pcrs.mask = 0x7ffe; /* PCR 0 is looked at whatever the rule requires */
	expect(&w, WAIVED(CLAIMS("{claim: ek.model, is: x}"), ALL_CODES), DENY, "pcr-absent");
	w.pcrs.mask = 0x7fff;
	memset(w.pcrs.value[0], 1, MS_PCR_LEN);
	w.in.appraisal = NULL;
	expect(&w, WAIVED(CLAIMS("{claim: boot.secure-boot, is: true}"), ALL_CODES), DENY, "boot-log-missing");
	expect(&w, WAIVED(FILES("{references: [debian]}"), ALL_CODES), DENY, "ima-missing");
	w.in.appraisal = w.a;
	expect(&w, WAIVED(FILES("{references: [nothing]}"), ALL_CODES), DENY, "no-reference"); /* even of a list without a file */
	(void)measured(&w, "/usr/bin/x", "x");
	(void)measured(&w, "/usr/bin/x", "x");
	expect(&w, WAIVED(FILES("{references: [nothing]}"), ALL_CODES), DENY, "no-reference");
	w.in.device.model = ms_span_str("other");
	expect(&w, WAIVED(PCRS, ALL_CODES), DENY, "no-rule");
	world_fini(&w);
}

MS_TEST(policy_waiver_of_an_expired_window_lets_the_set_judge_and_nothing_else)
{
	struct world w;
	world_init(&w);
	put_pcr_set(&w, 0, "old", 1);
#define LATE "device: dev-1, allow: [reference-expired], expires: 2027-01-16"
	expect(&w, WAIVED(WINDOW("{name: old, until: 2027-01-01}"), LATE), PASS, "");
	CHECK(w.v.n_waived == 1 && w.v.reference[0] == '\0');
	w.pcrs.value[4][0] ^= 1;
	expect(&w, WAIVED(WINDOW("{name: old, until: 2027-01-01}"), LATE), FAIL, "pcr-mismatch");
	world_fini(&w);
	file_world(&w);
#define LATE_FILES FILES("{references: [{name: debian, until: 2027-01-01}]}")
	expect(&w, WAIVED(LATE_FILES, LATE), PASS, "");
	CHECK_INT(w.v.n_waived, 1);
	(void)measured(&w, "/usr/bin/evil", "evil");
	expect(&w, WAIVED(LATE_FILES, LATE), FAIL, "file-unknown");
	world_fini(&w);
}

MS_TEST(policy_waiver_narrowed_to_paths_or_claims_takes_those_only)
{
	struct world w;
	file_world(&w);
	add_claims(&w);
	(void)measured(&w, "/opt/a/x", "x");
#define OPT(paths) WAIVED(FILES("{references: [debian]}"), "device: dev-1, allow: [file-unknown], paths: [" paths "], expires: 2027-01-16")
	expect(&w, OPT("/opt/"), PASS, "");
	expect(&w, OPT("/opt/a/x"), PASS, "");
	expect(&w, OPT("/opt/a"), FAIL, "file-unknown");
	expect(&w, OPT("/opt/b/"), FAIL, "file-unknown");
#define SB(claims) \
	WAIVED(CLAIMS("{claim: boot.secure-boot, is: false}"), \
	    "device: dev-1, allow: [claim-mismatch], claims: [" claims "], expires: 2027-01-16")
	expect(&w, SB("boot.secure-boot"), PASS, "");
	expect(&w, SB("boot.db.cert"), FAIL, "claim-mismatch");
	world_fini(&w);
}

/* ---- what judgement rests on ---- */

static void
judged_id(struct world *w, const char *text, uint8_t out[static 32])
{
	MS_OWN(ms_policy_free) struct ms_policy *p = policy(text);
	struct ms_err err = {0};
	w->in.policy = p;
	CHECK_OK(ms_policy_judged_id(&w->in, out, &err), &err);
	w->in.policy = NULL;
}

MS_TEST(policy_judged_id_moves_with_all_that_could_judge_a_file_otherwise)
{
	struct world w;
	uint8_t a[32], b[32];
	static const uint8_t zero[32];
	file_world(&w);
#define OPEN FILES("{references: [debian, {name: extra, until: 2027-01-16}]}")
	judged_id(&w, OPEN, a);
	judged_id(&w, OPEN, b);
	CHECK(memcmp(a, b, 32) == 0 && memcmp(a, zero, 32) != 0);
	put_file_set(&w, 1, "extra", "m", "/x", "x");
	judged_id(&w, OPEN, b); /* a set came */
	CHECK(memcmp(a, b, 32) != 0);
	memcpy(a, b, 32);
	w.in.now_s = NOW + 2 * 86400; /* a window closed */
	judged_id(&w, OPEN, b);
	CHECK(memcmp(a, b, 32) != 0);
	w.in.now_s = NOW;
	put_file_set(&w, 1, "extra", "m", "/x", "y");
	judged_id(&w, OPEN, b); /* a set changed */
	CHECK(memcmp(a, b, 32) != 0);
#define OPEN_WAIVED WAIVED(OPEN, "device: dev-1, allow: [file-unknown], expires: 2027-01-16")
	judged_id(&w, OPEN_WAIVED, a);
	w.in.now_s = NOW + 86400; /* 2027-01-16T08:00:00Z: the waiver expired; so did the window, so take that away */
	judged_id(&w, WAIVED(FILES("{references: [debian]}"), "device: dev-1, allow: [file-unknown], expires: 2027-01-16"), b);
	w.in.now_s = NOW;
	uint8_t c[32];
	judged_id(&w, WAIVED(FILES("{references: [debian]}"), "device: dev-1, allow: [file-unknown], expires: 2027-01-16"), c);
	CHECK(memcmp(b, c, 32) != 0);
	judged_id(&w, PCRS, a);
	CHECK(memcmp(a, zero, 32) == 0);
	w.in.device.model = MS_SPAN_NONE;
	judged_id(&w, OPEN, a);
	CHECK(memcmp(a, zero, 32) == 0);
	world_fini(&w);
}

static enum ms_rc
collect_key(void *ctx, struct ms_span der, struct ms_err *err)
{
	struct ms_buf *b = ctx;
	ms_buf_put_span(b, der);
	return ms_buf_check(b, err);
}

MS_TEST(policy_keys_for_signatures_come_from_the_sets_of_the_rule_and_only_when_it_asks_who_signed)
{
	struct world w;
	struct ms_err err = {0};
	MS_OWN(ms_buf_fini) struct ms_buf got;
	struct ms_reference_builder *mine = builder("keys", "m"), *theirs = builder("others", "x");
	world_init(&w);
	ms_buf_init(&got, 100);
	CHECK_OK(ms_reference_add_key(mine, ms_span_str("mine"), &err), &err);
	CHECK_OK(ms_reference_add_key(theirs, ms_span_str("theirs"), &err), &err);
	put_set(&w, 0, mine);
	put_set(&w, 1, theirs);
	MS_OWN(ms_policy_free) struct ms_policy *p = policy(FILES("{references: [others, keys, nothing], signed_by: [" SIGNER "]}"));
	w.in.policy = p;
	CHECK_OK(ms_policy_ima_keys(&w.in, collect_key, &got, &err), &err);
	CHECK(ms_span_eq(ms_buf_span(&got), ms_span_str("mine")));
	MS_OWN(ms_policy_free) struct ms_policy *q = policy(FILES("{references: [keys]}"));
	w.in.policy = q;
	ms_buf_reset(&got);
	CHECK_OK(ms_policy_ima_keys(&w.in, collect_key, &got, &err), &err);
	CHECK_INT(got.len, 0);
	world_fini(&w);
}

/* ---- steps ---- */

struct seen_steps {
	size_t n, holds, fails, missing, waived;
	char last[64];
	bool files;
};

static void
on_step(void *ctx, const struct ms_policy_step *s)
{
	struct seen_steps *seen = ctx;
	seen->n++;
	seen->holds += s->outcome == MS_STEP_HOLDS;
	seen->fails += s->outcome == MS_STEP_FAILS;
	seen->missing += s->outcome == MS_STEP_MISSING;
	seen->waived += s->outcome == MS_STEP_WAIVED;
	seen->files = seen->files || strcmp(s->requirement, "files") == 0;
	CHECK(s->rule != NULL && s->detail[0] != '\0' && ms_step_outcome_name(s->outcome)[0] != '\0');
	(void)snprintf(seen->last, sizeof seen->last, "%s", s->requirement);
}

MS_TEST(policy_steps_tell_every_requirement_and_at_most_64_files_one_by_one)
{
	struct world w;
	struct ms_err err = {0};
	struct seen_steps seen = {.n = 0};
	file_world(&w);
	add_claims(&w);
	put_pcr_set(&w, 1, "a", 1);
	for (uint32_t i = 2; i < 1000; i++) {
		struct ms_ima_file f = {.entry = i, .hash = SHA256, .path = ms_span_str("/evil"), .digest = ms_span(slots[0], 32)};
		CHECK_OK(ms_appraisal_add_file(w.a, &f, &err), &err);
	}
	w.in.step = on_step;
	w.in.step_ctx = &seen;
	expect(&w,
	    TOP MATCH "      require:\n        pcrs: [0]\n        references: [a]\n        assurance: hardware\n        claims: [{claim: "
		      "boot.secure-boot, is: true}]\n        files: {references: [debian]}\n",
	    FAIL, "assurance-too-low");
	CHECK(w.v.n_reasons == MS_VERDICT_REASONS_MAX && w.v.n_reasons + w.v.more_reasons == 999);
	CHECK(seen.fails == 65 && seen.missing == 1 && seen.holds == 2 && seen.waived == 0 && seen.files); /* 64 files and the verdict */
	assert_string_equal(seen.last, "verdict");
	world_fini(&w);
}

/* ---- speed ---- */

static uint64_t
now_ns(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

MS_TEST(policy_judges_5000_files_against_100000_in_about_a_millisecond)
{
	enum { SET = 100000, LIST = 5000 };
	struct world w;
	struct ms_err err = {0};
	struct ms_reference_builder *b = builder("debian", "");
	char(*path)[80] = calloc(LIST, sizeof *path);
	uint8_t(*digest)[32] = calloc(LIST, sizeof *digest);
	CHECK(path != NULL && digest != NULL);
	world_init(&w);
	for (size_t i = 0; i < SET; i++) {
		char p[80];
		(void)snprintf(p, sizeof p, "/usr/lib/x86_64-linux-gnu/module-%zu/object%05zu.so", i % 977, i);
		add_file(b, p, p);
	}
	put_set(&w, 0, b);
	for (uint32_t i = 0; i < LIST; i++) {
		size_t k = (size_t)i * 7919 % SET;
		(void)snprintf(path[i], sizeof path[i], "/usr/lib/x86_64-linux-gnu/module-%zu/object%05zu.so", k % 977, k);
		struct ms_ima_file f = {.entry = i, .hash = SHA256, .path = ms_span_str(path[i]), .digest = digest_of(path[i], digest[i])};
		CHECK_OK(ms_appraisal_add_file(w.a, &f, &err), &err);
	}
	MS_OWN(ms_policy_free) struct ms_policy *p = policy(FILES("{references: [debian], exclude: [/tmp/]}"));
	uint64_t best = UINT64_MAX;
	w.in.policy = p;
	w.in.trace = NULL;
	for (unsigned k = 0; k < 9; k++) {
		uint64_t begin = now_ns();
		CHECK_OK(ms_policy_judge(&w.in, &w.v, &err), &err);
		uint64_t took = now_ns() - begin;
		best = took < best ? took : best;
	}
	CHECK_INT(w.v.outcome, PASS);
	print_message("%u files against %u: %llu us\n", LIST, SET, (unsigned long long)best / 1000);
	CHECK(best < 200u * 1000000u); /* sanitizers and a busy machine; bench/ has the number */
	world_fini(&w);
	free(path);
	free(digest);
}
