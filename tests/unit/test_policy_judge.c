/* Judgement by claims, match, windows and events; what is told of it. */
#include "support/policyworld.h"

#include <time.h>

/* ---- claims ---- */

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
    {CLAIMS("{claim: boot.db.cert, contains: ['03', '0102']}"), HOLDS},
    {CLAIMS("{claim: boot.db.cert, contains: ['03', '0102', ff]}"), MISMATCH},
    {CLAIMS("{claim: boot.db.cert, contains: ['03', '09']}"), UNPROVEN},
    {CLAIMS("{claim: boot.db.cert, contains: ['03', '09']}\n      allow_unproven: [boot.db.cert]"), HOLDS},
    {CLAIMS("{claim: boot.db.cert, none_of: ['03']}"), MISMATCH},
    {CLAIMS("{claim: boot.db.cert, none_of: ['09']}"), MISMATCH}, /* unproven, and bad enough */
    {CLAIMS("{claim: boot.db.cert, none_of: [ff]}"), UNPROVEN},   /* what it is in truth nobody knows */
    {CLAIMS("{claim: boot.db.cert, none_of: [ff]}\n      allow_unproven: [boot.db.cert]"), HOLDS},
    {CLAIMS("{claim: boot.db.cert, all_of: ['0102', '03', '09', ff]}\n      allow_unproven: [boot.db.cert]"), HOLDS},
    {CLAIMS("{claim: boot.db.cert, all_of: ['0102', '03']}\n      allow_unproven: [boot.db.cert]"), MISMATCH},
    {CLAIMS("{claim: boot.db.cert, all_of: ['0102', '03', '09']}"), UNPROVEN},
    {CLAIMS("{claim: boot.dbx.cert, none_of: [ff]}"), HOLDS}, /* the boot log has none */
    {CLAIMS("{claim: boot.dbx.cert, any_of: [ff]}"), MISSING},
    {CLAIMS("{claim: boot.dbx.cert, all_of: [ff]}"), MISSING},
    {CLAIMS("{claim: boot.dbx.cert, contains: [ff]}"), MISSING},
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
	expect(&w, LOGS("  boot_log: required\n  ima: required\n"), DENY, "ima-missing"); /* a list that the quote covers nothing of */
	(void)measured(&w, "boot_aggregate", "pcrs");
	w.in.late_files = 1;
	expect(&w, LOGS("  boot_log: required\n  ima: required\n"), DENY, "ima-missing");
	w.in.late_files = 0;
	expect(&w, LOGS("  boot_log: required\n  ima: required\n"), PASS, "");
	w.a->n_files = 0;
	w.a->ima_from = 7; /* a tail: nothing new */
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

static void
expect_words(const char *cmdline, size_t len, const char *condition, bool holds)
{
	struct world w;
	struct ms_err err = {0};
	char text[256];
	world_init(&w);
	CHECK_OK(ms_claims_add_text(w.a->claims, "boot.kernel.cmdline", true, ms_span(cmdline, len), &err), &err);
	(void)snprintf(text, sizeof text, CLAIMS("{claim: boot.kernel.cmdline, %s}"), condition);
	expect(&w, text, holds ? PASS : FAIL, holds ? "" : "claim-mismatch");
	world_fini(&w);
}
#define WORDS(cmdline, condition, holds) expect_words(cmdline, sizeof(cmdline) - 1, condition, holds)

/* Each is init=/x to the kernel or to what reads the line after it. */
MS_TEST(policy_unwanted_word_is_found_however_the_line_is_quoted_spaced_or_spelt)
{
	WORDS("ro quiet", "no_words: [init=]", true);
	WORDS("ro noinit=/x my-init=/x", "no_words: [init=]", true);
	WORDS("ro \"init=/x\"", "no_words: [init=]", false);
	WORDS("ro 'init=/x'", "no_words: [init=]", false);
	WORDS("ro i\"n\"it=/x", "no_words: [init=]", false);
	WORDS("ro a=\xc3\xa0init=/x", "no_words: [init=]", false); /* the kernel splits there */
	WORDS("ro\tinit=/x", "no_words: [init=]", false);
	WORDS("ro a=\"x\" init=/x", "no_words: [init=]", false);
	WORDS("ro init=/x \xff", "no_words: [init=]", false); /* no text: shown as hex */
	WORDS("ro \xff", "no_words: [init=]", false);         /* what it says nobody knows */
	WORDS("ro ima-appraise=fix", "no_words: [ima_appraise=]", false);
	WORDS("ro ima_appraise=fix", "no_words: [ima-appraise=fix]", false);
	WORDS("ro a=b-c", "no_words: [a=b_c]", true);
	WORDS("ro selinux=\"0\"", "no_words: [selinux=0]", false);
	WORDS("ro -- single", "no_words: [single]", false); /* init gets it */
}

MS_TEST(policy_wanted_word_is_one_that_the_kernel_takes_and_not_part_of_another)
{
	WORDS("ro lockdown=integrity", "words: [lockdown=integrity]", true);
	WORDS("ro \"lockdown=integrity\"", "words: [lockdown=integrity]", true);
	WORDS("ro lockdown=\"integrity\"", "words: [lockdown=integrity, ro]", true);
	WORDS("ro slab-nomerge", "words: [slab_nomerge]", true);
	WORDS("ro a=\"x lockdown=integrity y\"", "words: [lockdown=integrity]", false);
	WORDS("ro a=x\x01lockdown=integrity", "words: [lockdown=integrity]", false);
	WORDS("ro -- lockdown=integrity", "words: [lockdown=integrity]", false);
	WORDS("ro xlockdown=integrity", "words: [lockdown=integrity]", false);
	WORDS("ro lockdown=integrity2", "words: [lockdown=integrity]", false);
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
	MS_OWN(ms_policy_free) struct ms_policy *p = policy(CLAIMS("{claim: boot.kernel.cmdline, all_of: [secret-wanted]}"));
	const struct ms_verdict *v = judge(&w, p);
	ms_verdict_reason_text(v, 0, false, text);
	CHECK(strstr(text, "claim-mismatch claim=boot.kernel.cmdline found=\"a\\x0a\\x1b[2J\\x22 policy=evil\\x5cyyy") == text);
	CHECK(strstr(text, "yyy...\" rule=r policy=p@3") != NULL && strstr(text, "secret-wanted") == NULL);
	ms_verdict_reason_text(v, 0, true, text);
	CHECK(strstr(text, " nearest=\"all_of [secret-wanted]\"") != NULL);
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
	expect(&w, EVENTS("7", "boot"), DENY, "pcr-absent"); /* no event at all is not that all are known */
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

/* ---- faults, and the most that a policy can ask for ---- */

static enum ms_rc
broken(MS_UNUSED void *ctx, MS_UNUSED struct ms_span name, MS_UNUSED const struct ms_reference **ret, struct ms_err *err)
{
	return ms_fail(err, MS_ERR_IO, "the store is away");
}

MS_TEST(I12_a_store_that_is_away_gives_no_verdict_on_events_and_files_and_no_id_either)
{
	static const char *const rules[] = {
	    EVENTS("4", "boot"), FILES("{references: [debian]}"), TOP MATCH "      require: {pcrs: [0], references: [a]}\n"};
	struct world w;
	world_init(&w);
	(void)measured(&w, "boot_aggregate", "pcrs");
	w.in.reference = broken;
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		MS_OWN(ms_policy_free) struct ms_policy *p = policy(rules[i]);
		struct ms_err err = {0};
		uint8_t id[32];
		w.in.policy = p;
		w.v.n_reasons = 77;
		CHECK_INT(ms_policy_judge(&w.in, &w.v, &err), MS_ERR_IO);
		CHECK_INT(w.v.n_reasons, 77);
		CHECK_INT(ms_policy_judged_id(&w.in, id, &err), i == 1 ? MS_ERR_IO : MS_OK);
	}
	world_fini(&w);
}

/* 255 rules that each look through 64 groups in vain, then one with 64 conditions of 200 values. */
static void
put_largest(struct ms_buf *b)
{
	static const char *const op[] = {"any_of", "all_of", "none_of", "contains"};
	size_t n = 0;
	ms_buf_str(b, HEAD "groups:\n");
	for (unsigned g = 0; g < MS_POLICY_GROUPS_MAX; g++)
		ms_buf_fmt(b, "  g%u: {devices: [x%u, y%u]}\n", g, g, g);
	ms_buf_str(b, "attest:\n  rules:\n");
	for (unsigned r = 0; r < MS_POLICY_RULES_MAX - 1; r++)
		ms_buf_fmt(b, "    - {name: r%u, match: {groups: [g0, g9, g63], models: [m]}, require: {pcrs: [0], references: [a]}}\n", r);
	ms_buf_str(b, "    - name: last\n      match: {all: true}\n      require:\n        claims:\n");
	for (size_t i = 0; ms_claim_name_at(i) != NULL && n < MS_POLICY_CLAIMS_MAX; i++) {
		const struct ms_claim_name *c = ms_claim_name_at(i);
		for (unsigned k = 0; k < 4 && c->many && c->type == MS_CLAIM_BYTES && n < MS_POLICY_CLAIMS_MAX; k++, n++) {
			ms_buf_fmt(b, "          - {claim: %s, %s: [", c->name, op[k]);
			for (unsigned v = 0; v < 200; v++)
				ms_buf_fmt(b, "%s\"%04x\"", v == 0 ? "" : ", ", v);
			ms_buf_str(b, "]}\n");
		}
	}
	ms_buf_u8(b, 0);
}

MS_TEST(policy_of_the_largest_size_is_judged_in_bounded_time)
{
	struct world w;
	struct ms_err err = {0};
	MS_OWN(ms_buf_fini) struct ms_buf text;
	struct timespec begin, end;
	ms_buf_init(&text, MS_POLICY_YAML_MAX);
	put_largest(&text);
	world_init(&w);
	size_t n = 0;
	for (size_t i = 0; n < MS_CLAIMS_MAX; i++) { /* as many claims as there can be, spread over those that are asked for */
		const struct ms_claim_name *c = ms_claim_name_at(i);
		if (c == NULL)
			break;
		for (uint16_t v = 0; v < 200 && c->many && c->type == MS_CLAIM_BYTES && n < MS_CLAIMS_MAX; v++, n++)
			CHECK_OK(
			    ms_claims_add_bytes(w.a->claims, c->name, true, ms_span((uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2), &err),
			    &err);
	}
	MS_OWN(ms_policy_free) struct ms_policy *p = policy((const char *)text.p);
	w.in.policy = p;
	(void)clock_gettime(CLOCK_MONOTONIC, &begin);
	CHECK_OK(ms_policy_judge(&w.in, &w.v, &err), &err);
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	long us = (end.tv_sec - begin.tv_sec) * 1000000 + (end.tv_nsec - begin.tv_nsec) / 1000;
	print_message("%zu rules, %zu conditions, %zu claims: %ld us\n", p->set.rules, p->rules[p->set.rules - 1].n_claims, n, us);
	assert_string_equal(w.v.rule, "last");
	CHECK(us < 2000000); /* sanitizers and a busy machine: some milliseconds else */
	world_fini(&w);
}
