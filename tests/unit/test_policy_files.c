/* Judgement of files, and waivers. */
#include "support/policyworld.h"

#include <time.h>

/* ---- files ---- */

static const uint8_t signer[32] = {0xab}, stranger[32] = {0xcd};
#define SIGNER "ab00000000000000000000000000000000000000000000000000000000000000"

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
	w.in.first_file = 1000; /* beyond the end: nothing is touched */
	expect(&w, FILES("{references: [debian]}"), PASS, "");
	w.in.late_files = 1000; /* more late than there are: the quote covers none of them */
	expect(&w, FILES("{references: [debian]}"), DENY, "ima-missing");
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
	expect(&w, WAIVED(FILES("{references: [debian]}"), ALL_CODES), DENY, "ima-missing"); /* a list without an entry */
	(void)measured(&w, "boot_aggregate", "pcrs");
	expect(&w, WAIVED(FILES("{references: [nothing]}"), ALL_CODES), DENY, "no-reference"); /* even of a list without a file */
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
	w.a->file[2].path = MS_SPAN_NONE; /* a template's name is in no digest: another could show a file without its path */
	expect(&w, OPT("/opt/"), FAIL, "file-unknown");
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

MS_TEST(I6_list_that_passed_unlooked_at_is_sent_anew_when_claims_begin_to_judge_it)
{
	static const uint8_t nothing[32];
	struct world w;
	uint8_t before[32], after[32];
	file_world(&w);
	judged_id(&w, CLAIMS("{claim: boot.secure-boot, is: true}"), before);
	judged_id(&w, CLAIMS("{claim: ima.violations, max: 0}"), after);
	assert_memory_equal(before, nothing, 32);
	assert_memory_not_equal(after, nothing, 32);
	world_fini(&w);
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

MS_TEST(a_list_that_goes_on_need_not_say_again_what_its_beginning_said)
{
	struct world w;
	file_world(&w);
	struct ms_ima_file *f = measured(&w, "/usr/bin/new", "new");
	CHECK(f != NULL);
	expect(&w, CLAIMS("{claim: ima.boot-aggregate, is: pcrs-0-9}"), DENY, "claim-missing");
	w.a->ima_from = 7;
	expect(&w, CLAIMS("{claim: ima.boot-aggregate, is: pcrs-0-9}"), PASS, "");
	CHECK(ms_claims_add_text(w.a->claims, "ima.boot-aggregate", true, ms_span_str("differs"), NULL) == MS_OK);
	expect(&w, CLAIMS("{claim: ima.boot-aggregate, is: pcrs-0-9}"), FAIL, "claim-mismatch");
	expect(&w, CLAIMS("{claim: boot.debugger, is: false}"), DENY, "claim-missing"); /* of the boot log: whole each time */
	world_fini(&w);
}
