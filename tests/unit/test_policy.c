#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policy_int.h"

#define HEAD "version: 1\nname: p\n"
#define RULE_TOP HEAD "attest:\n  rules:\n    - name: r\n"
#define MATCH "      match: {models: [m]}\n"
#define REQUIRE "      require: {pcrs: [0, 4], references: [a]}\n"

static enum ms_rc
compile(const char *text, struct ms_buf *out, struct ms_err *err)
{
	struct ms_policy_file f = {.name = "f.yaml", .text = ms_span_str(text)};
	ms_buf_init(out, MS_POLICY_WIRE_MAX);
	return ms_policy_compile(&f, 1, out, err);
}

static struct ms_policy *
policy(const char *text)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	struct ms_policy *p = NULL;
	struct ms_err err = {0};
	CHECK_OK(compile(text, &b, &err), &err);
	CHECK_OK(ms_policy_load(ms_buf_span(&b), &p, &err), &err);
	return p;
}

MS_TEST(policy_errors_name_file_line_and_key)
{
	static const struct {
		const char *text, *want;
	} bad[] = {
	    {"name: p\n", "f.yaml:1: version is missing"},
	    {"version: 2\nname: p\n", "f.yaml:1: version: "},
	    {"version: 1\n", "f.yaml:1: name is missing"},
	    {"version: 1\nname: A b\n", "f.yaml:2: name: "},
	    {HEAD "nmae: q\n", "f.yaml:3: nmae: unknown key"},
	    {HEAD "attest: 5\n", "f.yaml:3: attest: "},
	    {HEAD "attest:\n  pcrs: []\n", "f.yaml:4: attest.pcrs: name at least one PCR"},
	    {HEAD "attest:\n  pcrs: [1, 2]\n", "f.yaml:4: attest.pcrs: PCR 0 must be among them"},
	    {HEAD "attest:\n  pcrs: [0, 24]\n", "f.yaml:4: attest.pcrs"},
	    {HEAD "attest:\n  pcrs: [0, -1]\n", "f.yaml:4: attest.pcrs"},
	    {HEAD "attest:\n  pcrs: [0, 01]\n", "f.yaml:4: attest.pcrs"},
	    {HEAD "attest:\n  pcrs: [0, 1, 1]\n", "f.yaml:4: attest.pcrs"},
	    {HEAD "attest:\n  pcrs: [0, 7]\n", "f.yaml:4: attest.pcrs: PCR 2,4,8,9,11,12,14 is in the seal set"},
	    {HEAD "attest:\n  bank: sha1\n", "f.yaml:4: attest.bank: "},
	    {HEAD "attest:\n  interval: 10\n", "f.yaml:4: attest.interval: \"10\" is no duration"},
	    {HEAD "attest:\n  interval: 10w\n", "f.yaml:4: attest.interval: "},
	    {HEAD "attest:\n  interval: m\n", "f.yaml:4: attest.interval: "},
	    {HEAD "attest:\n  interval: 1s\n", "f.yaml:4: attest.interval: 1s is out of bounds"},
	    {HEAD "attest:\n  interval: 999999999d\n", "f.yaml:4: attest.interval: "},
	    {HEAD "seal:\n  pcrs: [0, 10]\n", "f.yaml:4: seal.pcrs: PCR 10 (IMA)"},
	    {HEAD "seal:\n  pcrs: [0, 16]\n", "f.yaml:4: seal.pcrs: PCR 16 is in the seal set but not in attest.pcrs"},
	    {HEAD "identity:\n  life: 4m\n", "f.yaml:4: identity.life: 4m is out of bounds"},
	    {HEAD "identity:\n  life: 8d\n", "f.yaml:4: identity.life: "},
	    {HEAD "secrets:\n  max_age: 2d\n", "f.yaml:4: secrets.max_age: "},
	    {HEAD "enrolment:\n  unlisted: allow\n", "f.yaml:4: enrolment.unlisted: "},
	    {HEAD "enrolment:\n  listed: deny\n", "f.yaml:4: enrolment.listed: unknown key"},
	    {RULE_TOP REQUIRE, "f.yaml:5: attest.rules"},
	    {RULE_TOP MATCH, "require is missing"},
	    {RULE_TOP "      match: {}\n" REQUIRE, "f.yaml:6: attest.rules.match: either models or all: true"},
	    {RULE_TOP "      match: {models: []}\n" REQUIRE, "f.yaml:6: "},
	    {RULE_TOP "      match: {models: [m, m]}\n" REQUIRE, "m is there twice"},
	    {RULE_TOP "      match: {all: false}\n" REQUIRE, "f.yaml:6: "},
	    {RULE_TOP "      match: {all: true, models: [m]}\n" REQUIRE, "f.yaml:6: "},
	    {RULE_TOP "      match: {serial: x}\n" REQUIRE, "f.yaml:6: "},
	    {RULE_TOP MATCH "      require: {pcrs: [], references: [a]}\n", "f.yaml:7: "},
	    {RULE_TOP MATCH "      require: {pcrs: [0], references: []}\n", "f.yaml:7: "},
	    {RULE_TOP MATCH "      require: {pcrs: [0], references: [A]}\n", "f.yaml:7: "},
	    {RULE_TOP MATCH "      require: {pcrs: [0]}\n", "references is missing"},
	    {RULE_TOP MATCH "      require: {references: [a]}\n", "pcrs is missing"},
	    {RULE_TOP MATCH "      require: {pcrs: [0, 16], references: [a]}\n", "rule r requires PCR 16, which is not in attest.pcrs"},
	    {RULE_TOP MATCH REQUIRE "      identity: yes\n", "f.yaml:8: "},
	    {RULE_TOP MATCH REQUIRE "    - name: r\n" MATCH REQUIRE, "another rule has the name r"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		MS_OWN(ms_buf_fini) struct ms_buf b;
		struct ms_err err = {0};
		enum ms_rc rc = compile(bad[i].text, &b, &err);
		if (rc != MS_ERR_USAGE || strstr(err.text, bad[i].want) == NULL || strstr(err.text, "f.yaml:") == NULL)
			print_error("%s\nwant %s\ngot  %s: %s\n", bad[i].text, bad[i].want, ms_rc_name(rc), err.text);
		CHECK(rc == MS_ERR_USAGE && strstr(err.text, bad[i].want) != NULL && strstr(err.text, "f.yaml:") != NULL);
		CHECK_INT(err.rc, MS_ERR_USAGE);
		CHECK_INT(b.len, 0);
	}
}

MS_TEST(policy_files_set_each_key_once_and_their_rules_follow_one_another)
{
	struct ms_policy_file f[2] = {{"a.yaml", ms_span_str(RULE_TOP MATCH REQUIRE)},
	    {"b.yaml", ms_span_str("version: 1\nattest:\n  interval: 90s\n  rules:\n    - name: s\n      match: {all: true}\n" REQUIRE)}};
	MS_OWN(ms_buf_fini) struct ms_buf b;
	MS_OWN(ms_policy_free) struct ms_policy *p = NULL;
	struct ms_err err = {0};
	ms_buf_init(&b, MS_POLICY_WIRE_MAX);
	CHECK_OK(ms_policy_compile(f, 2, &b, &err), &err);
	CHECK_OK(ms_policy_load(ms_buf_span(&b), &p, &err), &err);
	CHECK_INT(p->set.rules, 2);
	CHECK_INT(p->set.interval_s, 90);
	CHECK(ms_span_eq(p->rules[1].name, ms_span_str("s")));
	f[1].text = ms_span_str("version: 1\nname: q\n");
	CHECK_INT(ms_policy_compile(f, 2, &b, &err), MS_ERR_USAGE);
	CHECK(strstr(err.text, "b.yaml:2: name: another file sets it already") != NULL);
	CHECK_INT(ms_policy_compile(f, 0, &b, &err), MS_ERR_USAGE);
}

MS_TEST(policy_defaults_are_those_of_the_documents)
{
	MS_OWN(ms_policy_free) struct ms_policy *p = policy(HEAD);
	const struct ms_policy_settings *s = ms_policy_settings(p);
	char text[MS_POLICY_PCRS_TEXT];
	CHECK_INT(s->attest_mask, 0x7fff);
	ms_policy_pcrs_text(s->seal_mask, text);
	assert_string_equal(text, "0,2,4,7,8,9,11,12,14");
	CHECK(s->interval_s == 600 && s->certificate_life_s == 86400 && s->secret_max_age_s == 600);
	CHECK(s->unlisted_waits && s->rules == 0);
}

MS_TEST(policy_printed_compiles_to_the_same_bytes)
{
	static const char *const texts[] = {HEAD, RULE_TOP MATCH REQUIRE "      identity: true\n",
	    HEAD "enrolment: {unlisted: deny}\nattest:\n  rules:\n    - name: r\n      match: {models: ['a \"b\"', \"x\\\\y\"]}\n" REQUIRE};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		MS_OWN(ms_buf_fini) struct ms_buf one;
		MS_OWN(ms_buf_fini) struct ms_buf two;
		MS_OWN(ms_buf_fini) struct ms_buf yaml;
		MS_OWN(ms_policy_free) struct ms_policy *p = policy(texts[i]);
		struct ms_err err = {0};
		CHECK_OK(compile(texts[i], &one, &err), &err);
		ms_buf_init(&yaml, MS_POLICY_YAML_MAX);
		CHECK_OK(ms_policy_print(p, &yaml, &err), &err);
		ms_buf_u8(&yaml, 0);
		CHECK_OK(compile((const char *)yaml.p, &two, &err), &err);
		CHECK(ms_span_eq(ms_buf_span(&one), ms_buf_span(&two)));
	}
}

MS_TEST(I10_policy_with_any_byte_changed_or_cut_loads_whole_or_not_at_all)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	struct ms_err err = {0};
	CHECK_OK(compile(RULE_TOP MATCH REQUIRE, &b, &err), &err);
	for (size_t n = 0; n < b.len; n++) {
		uint8_t *w = test_dup(b.p, n);
		struct ms_policy *p = NULL;
		CHECK(ms_policy_load(ms_span(w, n), &p, &err) != MS_OK && p == NULL);
		free(w);
	}
	for (size_t bit = 0; bit < b.len * 8; bit++) {
		uint8_t *w = test_dup(b.p, b.len);
		MS_OWN(ms_policy_free) struct ms_policy *p = NULL;
		w[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (ms_policy_load(ms_span(w, b.len), &p, &err) == MS_OK) {
			MS_OWN(ms_buf_fini) struct ms_buf again;
			ms_buf_init(&again, MS_POLICY_WIRE_MAX);
			CHECK_OK(ms_policy_build(p, &again, &err), &err);
			CHECK(ms_span_eq(ms_buf_span(&again), ms_span(w, b.len)));
		}
		free(w);
	}
}

/* Values that are told apart by one byte. */
static struct ms_pcrs
pcrs_of(uint32_t mask, uint8_t fill)
{
	struct ms_pcrs p = {.mask = mask};
	for (unsigned i = 0; i < MS_TPM_PCR_COUNT; i++)
		if ((mask >> i & 1) != 0)
			memset(p.value[i], (int)(fill + i), MS_PCR_LEN);
	return p;
}

static struct ms_reference *
reference(const char *name, const char *model, uint32_t mask, uint8_t fill)
{
	struct ms_pcrs p = pcrs_of(mask, fill);
	struct ms_reference_source src = {ms_span_str(name), ms_span_str(model), ms_span_str("dev-1"), 1, 1000, false};
	struct ms_reference *r = NULL;
	struct ms_err err = {0};
	CHECK_OK(ms_reference_capture(&src, &p, mask, &r, &err), &err);
	return r;
}

struct shelf {
	struct ms_reference *set[4];
	enum ms_rc broken;
};

static enum ms_rc
look_up(void *ctx, struct ms_span name, const struct ms_reference **ret, struct ms_err *err)
{
	struct shelf *s = ctx;
	if (s->broken != MS_OK)
		return ms_fail(err, s->broken, "the store is away");
	for (size_t i = 0; i < 4; i++)
		if (s->set[i] != NULL && ms_span_eq(ms_span_str(s->set[i]->name), name)) {
			*ret = s->set[i];
			return MS_OK;
		}
	return MS_ERR_NOT_FOUND;
}

static void
shelf_free(struct shelf *s)
{
	for (size_t i = 0; i < 4; i++)
		ms_reference_free(s->set[i]);
}

static struct ms_verdict
judge(const struct ms_policy *p, const char *model, const struct ms_pcrs *pcrs, struct shelf *shelf)
{
	struct ms_policy_input in = {.policy = p,
	    .policy_version = 3,
	    .device = {.tenant = ms_span_str("default"), .model = ms_span_str(model)},
	    .pcrs = pcrs,
	    .reference = look_up,
	    .reference_ctx = shelf};
	struct ms_verdict v;
	struct ms_err err = {0};
	memset(&v, 0xff, sizeof v);
	CHECK_OK(ms_policy_judge(&in, &v, &err), &err);
	CHECK((v.n_reasons == 0) == (v.outcome == MS_OUTCOME_PASS));
	CHECK(v.outcome == MS_OUTCOME_PASS || !v.identity);
	return v;
}

#define TWO_SETS \
	RULE_TOP MATCH "      require: {pcrs: [0, 4, 7], references: [a, b]}\n      identity: true\n" \
		       "    - name: late\n      match: {models: [m, other]}\n      require: {pcrs: [0], references: [c]}\n"

MS_TEST(I6_deny_is_the_answer_when_there_is_nothing_to_judge_against)
{
	struct shelf shelf = {.broken = MS_OK};
	struct ms_pcrs good = pcrs_of(0x7fff, 1);
	MS_OWN(ms_policy_free) struct ms_policy *p = policy(TWO_SETS);
	MS_OWN(ms_buf_fini) struct ms_buf b;
	MS_OWN(ms_policy_free) struct ms_policy *initial = NULL;
	struct ms_err err;
	ms_buf_init(&b, 4096);
	CHECK_OK(ms_policy_initial(&b, &err), &err);
	CHECK_OK(ms_policy_load(ms_buf_span(&b), &initial, &err), &err);
	const struct {
		const struct ms_policy *p;
		const char *model;
		enum ms_policy_code code;
	} rows[] = {
	    {NULL, "m", MS_POLICY_NO_POLICY},
	    {initial, "m", MS_POLICY_NO_RULE},
	    {p, "M", MS_POLICY_NO_RULE},
	    {p, "", MS_POLICY_NO_RULE},
	    {p, "mm", MS_POLICY_NO_RULE},
	    {p, "m", MS_POLICY_NO_REFERENCE},
	    {p, "other", MS_POLICY_NO_REFERENCE},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct ms_verdict v = judge(rows[i].p, rows[i].model, &good, &shelf);
		CHECK_INT(v.outcome, MS_OUTCOME_DENY);
		CHECK_INT(v.reason[0].code, rows[i].code);
	}
	struct ms_pcrs few = pcrs_of(0x0f, 1);
	shelf.set[0] = reference("a", "m", 0x7fff, 1);
	struct ms_verdict v = judge(p, "m", &few, &shelf);
	CHECK(v.outcome == MS_OUTCOME_DENY && v.reason[0].code == MS_POLICY_PCR_ABSENT && v.n_reasons == 2 && v.reason[1].pcr == 7);
	shelf_free(&shelf);
}

MS_TEST(policy_passes_when_one_whole_set_of_the_model_accepts_and_never_by_mixing_two)
{
	struct shelf shelf = {.set = {reference("a", "m", 0x7fff, 1), reference("b", "m", 0x7fff, 50)}};
	MS_OWN(ms_policy_free) struct ms_policy *p = policy(TWO_SETS);
	struct ms_pcrs v1 = pcrs_of(0x7fff, 1), v2 = pcrs_of(0x7fff, 50), mixed = v1;
	memcpy(mixed.value[7], v2.value[7], MS_PCR_LEN);
	struct ms_verdict v = judge(p, "m", &v1, &shelf);
	CHECK(v.outcome == MS_OUTCOME_PASS && v.identity);
	CHECK(v.judged_pcrs != 0 && !v.judged_claims && !v.judged_files);
	assert_string_equal(v.reference, "a");
	assert_string_equal(v.rule, "r");
	v = judge(p, "m", &v2, &shelf);
	CHECK(v.outcome == MS_OUTCOME_PASS);
	assert_string_equal(v.reference, "b");
	v = judge(p, "m", &mixed, &shelf);
	CHECK(v.outcome == MS_OUTCOME_FAIL && v.n_reasons == 1 && v.reason[0].pcr == 7);
	assert_string_equal(v.reason[0].reference, "a"); /* the nearer one */
	memset(v1.value[9], 0xee, MS_PCR_LEN);           /* not required by the rule */
	CHECK_INT(judge(p, "m", &v1, &shelf).outcome, MS_OUTCOME_PASS);
	shelf_free(&shelf);
}

MS_TEST(policy_judges_only_by_sets_of_the_devices_model_that_have_every_required_pcr)
{
	struct shelf shelf = {.set = {reference("a", "x", 0x7fff, 1), reference("b", "m", 0x11, 1)}};
	MS_OWN(ms_policy_free) struct ms_policy *p = policy(TWO_SETS);
	struct ms_pcrs good = pcrs_of(0x7fff, 1);
	struct ms_verdict v = judge(p, "m", &good, &shelf);
	CHECK(v.outcome == MS_OUTCOME_DENY && v.n_reasons == 2);
	CHECK_INT(v.reason[0].code, MS_POLICY_REFERENCE_MODEL);
	CHECK_INT(v.reason[1].code, MS_POLICY_REFERENCE_LACKS);
	CHECK_INT(v.reason[1].pcr, 7);
	shelf_free(&shelf);
}

MS_TEST(policy_refuses_an_all_zero_pcr_0_by_name)
{
	struct shelf shelf = {.set = {reference("a", "m", 0x7fff, 1)}};
	MS_OWN(ms_policy_free) struct ms_policy *p = policy(TWO_SETS);
	struct ms_pcrs zero = pcrs_of(0x7fff, 1);
	memset(zero.value[0], 0, MS_PCR_LEN);
	struct ms_verdict v = judge(p, "m", &zero, &shelf);
	CHECK(v.outcome == MS_OUTCOME_FAIL && v.n_reasons == 1 && v.reason[0].code == MS_POLICY_PCR_ZERO);
	shelf_free(&shelf);
}

MS_TEST(I12_a_store_that_is_away_gives_an_error_and_no_verdict)
{
	struct shelf shelf = {.broken = MS_ERR_IO};
	MS_OWN(ms_policy_free) struct ms_policy *p = policy(TWO_SETS);
	struct ms_pcrs good = pcrs_of(0x7fff, 1);
	struct ms_policy_input in = {
	    .policy = p, .device = {.model = ms_span_str("m")}, .pcrs = &good, .reference = look_up, .reference_ctx = &shelf};
	struct ms_verdict v = {.outcome = MS_OUTCOME_DENY, .n_reasons = 77};
	struct ms_err err = {0};
	CHECK_INT(ms_policy_judge(&in, &v, &err), MS_ERR_IO);
	CHECK_INT(v.n_reasons, 77);
}

MS_TEST(verdict_tells_the_device_what_was_found_and_only_operators_what_was_expected)
{
	struct shelf shelf = {.set = {reference("a", "m", 0x7fff, 1)}};
	MS_OWN(ms_policy_free) struct ms_policy *p = policy(TWO_SETS);
	MS_OWN(ms_buf_fini) struct ms_buf pub;
	MS_OWN(ms_buf_fini) struct ms_buf op;
	struct ms_pcrs bad = pcrs_of(0x7fff, 1);
	memset(bad.value[4], 0xab, MS_PCR_LEN);
	char text[MS_VERDICT_TEXT_LEN], expected[65];
	uint8_t five[32];
	memset(five, 5, sizeof five);
	ms_hex(five, sizeof five, expected);
	struct ms_verdict v = judge(p, "m", &bad, &shelf);
	CHECK_INT(v.n_reasons, 1);
	ms_verdict_reason_text(&v, 0, false, text);
	assert_string_equal(text,
	    "pcr-mismatch pcr=4 found=abababababababababababababababababababababababababababababababab reference=a rule=r policy=p@3");
	ms_verdict_reason_text(&v, 0, true, text);
	CHECK(strstr(text, " expected=0505") != NULL);
	ms_verdict_reason_text(&v, 1, true, text);
	assert_string_equal(text, "");
	ms_buf_init(&pub, 10000);
	ms_buf_init(&op, 10000);
	ms_verdict_public(&v, &pub);
	ms_verdict_operator(&v, &op);
	CHECK_INT(ms_cbor_check(ms_buf_span(&pub), 4, NULL), MS_OK);
	CHECK_INT(ms_cbor_check(ms_buf_span(&op), 4, NULL), MS_OK);
	CHECK(memmem(pub.p, pub.len, expected, 64) == NULL && memmem(pub.p, pub.len, five, 32) == NULL);
	CHECK(memmem(op.p, op.len, expected, 64) != NULL);
	shelf_free(&shelf);
}

MS_TEST(policy_trace_explains_rule_by_rule)
{
	struct shelf shelf = {.set = {reference("c", "other", 0x7fff, 1)}};
	MS_OWN(ms_policy_free) struct ms_policy *p = policy(TWO_SETS);
	MS_OWN(ms_buf_fini) struct ms_buf t;
	struct ms_pcrs good = pcrs_of(0x7fff, 1);
	ms_buf_init(&t, 10000);
	struct ms_policy_input in = {.policy = p,
	    .device = {.model = ms_span_str("other")},
	    .pcrs = &good,
	    .reference = look_up,
	    .reference_ctx = &shelf,
	    .trace = &t};
	struct ms_verdict v;
	CHECK_INT(ms_policy_judge(&in, &v, NULL), MS_OK);
	CHECK(v.outcome == MS_OUTCOME_PASS && !v.identity);
	CHECK(ms_span_eq(ms_buf_span(&t), ms_span_str("rule r: does not match model other\nrule late: matches model other\n"
						      "reference c v1: accepts (0 PCRs differ)\nverdict: pass\n")));
	shelf_free(&shelf);
}

static bool
known_name(MS_UNUSED void *ctx, struct ms_span name)
{
	return ms_span_eq(name, ms_span_str("m")) || ms_span_eq(name, ms_span_str("a"));
}

static void
collect(void *ctx, const char *text)
{
	struct ms_buf *b = ctx;
	ms_buf_fmt(b, "%s\n", text);
}

MS_TEST(policy_check_warns_of_shadows_unused_pcrs_and_unknown_names)
{
	MS_OWN(ms_policy_free) struct ms_policy *p = policy(TWO_SETS);
	MS_OWN(ms_buf_fini) struct ms_buf b;
	struct ms_policy_known known = {.model = known_name, .reference = known_name};
	static const char *const want[] = {"rule late: model m is taken by rule r", "rule late: no device and no batch is of model other",
	    "rule r: there is no reference set b", "attest.pcrs: PCR 1,3,5,6,10,13 is quoted",
	    "rule late: secrets are sealed to PCR 2,4,7,"};
	ms_buf_init(&b, 10000);
	CHECK(ms_policy_check(p, &known, collect, &b) > 0);
	ms_buf_u8(&b, 0);
	for (size_t i = 0; i < sizeof want / sizeof *want; i++)
		if (strstr((const char *)b.p, want[i]) == NULL)
			fail_msg("no \"%s\" in\n%s", want[i], (const char *)b.p);
	MS_OWN(ms_policy_free)
	struct ms_policy *all = policy(RULE_TOP "      match: {all: true}\n" REQUIRE "    - name: s\n" MATCH REQUIRE);
	ms_buf_reset(&b);
	(void)ms_policy_check(all, NULL, collect, &b);
	ms_buf_u8(&b, 0);
	CHECK(strstr((const char *)b.p, "rule s is never reached") != NULL);
}

/* Compiles files under the source; the caller's buffer has the CBOR. */
static struct ms_policy *
example(const char *const *names, size_t n)
{
	struct ms_policy_file f[2];
	uint8_t *text[2];
	MS_OWN(ms_buf_fini) struct ms_buf b;
	struct ms_policy *p = NULL;
	struct ms_err err = {0};
	ms_buf_init(&b, MS_POLICY_WIRE_MAX);
	for (size_t i = 0; i < n; i++) {
		char path[512];
		size_t len = 0;
		(void)snprintf(path, sizeof path, "%s%s", MS_SOURCE_DIR, names[i]);
		text[i] = test_file(path, &len);
		CHECK(text[i] != NULL);
		f[i] = (struct ms_policy_file){names[i], ms_span(text[i], len)};
	}
	CHECK_OK(ms_policy_compile(f, n, &b, &err), &err);
	CHECK_OK(ms_policy_load(ms_buf_span(&b), &p, &err), &err);
	for (size_t i = 0; i < n; i++)
		free(text[i]);
	return p;
}

MS_TEST(policy_examples_compile_and_shadow_no_rule)
{
	static const char *const gateways[] = {"/docs/examples/policy/10-fleet.yaml", "/docs/examples/policy/20-rules.yaml"};
	static const char *const laptops[] = {"/docs/examples/policy-laptops/policy.yaml"};
	for (size_t i = 0; i < 2; i++) {
		MS_OWN(ms_policy_free) struct ms_policy *p = i == 0 ? example(gateways, 2) : example(laptops, 1);
		MS_OWN(ms_buf_fini) struct ms_buf b;
		ms_buf_init(&b, 10000);
		(void)ms_policy_check(p, NULL, collect, &b);
		CHECK(memmem(b.p, b.len, "never reached", 13) == NULL && memmem(b.p, b.len, "is taken by", 11) == NULL);
	}
}

/* Warnings about this policy, one a line; ends with a NUL. */
static void
warnings(const char *text, const struct ms_policy_known *known, struct ms_buf *out)
{
	MS_OWN(ms_policy_free) struct ms_policy *p = policy(text);
	ms_buf_init(out, 100000);
	(void)ms_policy_check(p, known, collect, out);
	ms_buf_u8(out, 0);
}

#define NOW UINT64_C(1800000000) /* 2027-01-15T08:00:00Z */
#define WAIVER_UNTIL(time) \
	RULE_TOP MATCH REQUIRE "waivers:\n  - {name: w, device: d, allow: [pcr-mismatch], reason: x, approver: y, expires: " time "}\n"
#define WINDOW_UNTIL(time) RULE_TOP MATCH "      require: {pcrs: [0], references: [{name: a, until: " time "}]}\n"
#define NEEDS(what) RULE_TOP MATCH "      require: {" what "}\n"

MS_TEST(policy_check_warns_of_times_unproven_claims_shadows_and_what_lets_too_much_through)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
	    {WAIVER_UNTIL("2027-01-15T08:00:00Z"), "waiver w expired at 2027-01-15T08:00:00Z: it can go"},
	    {WAIVER_UNTIL("2027-01-29"), "waiver w expires at 2027-01-29T00:00:00Z, within 14 days"},
	    {WAIVER_UNTIL("2029-01-01"), "waiver w is open until 2029-01-01T00:00:00Z, for more than a year"},
	    {WAIVER_UNTIL("2027-03-01"), "waiver w: there is no device d"},
	    {WINDOW_UNTIL("2027-01-15"), "the window of reference set a has closed"},
	    {WINDOW_UNTIL("2027-01-15"), "the windows of all its sets have closed: its devices are denied"},
	    {NEEDS("claims: [{claim: boot.secure-boot, is: true}]"),
		"boot.secure-boot may be unproven on machines whose firmware does not bind it"},
	    {NEEDS("claims: [{claim: boot.secure-boot, is: true}]"), "rule r judges by claims alone"},
	    {NEEDS("claims: [{claim: boot.secure-boot, is: true}]") "      allow_unproven: [boot.secure-boot]\n",
		"a device can say of it what it wants"},
	    {NEEDS("claims: [{claim: ek.model, is: x}]") "      allow_unproven: [boot.secure-boot]\n", "which the rule does not ask for"},
	    {NEEDS("files: {references: [a], unknown: allow}"), "a new program is not noticed"},
	    {NEEDS("files: {references: [a], exclude: [/tmp/]}"), "anybody on the machine can write to /tmp/"},
	    {NEEDS("pcrs: [0, 10], references: [a]"), "PCR 10 (IMA) moves with every measured file"},
	    {RULE_TOP MATCH REQUIRE "groups: {g: {devices: [d]}}\n", "group g is used by no rule and no waiver"},
	    {RULE_TOP "      match: {groups: [g]}\n" REQUIRE "groups: {g: {devices: [d], models: [other]}}\n",
		"group g: there is no device d"},
	    {RULE_TOP "      match: {groups: [g]}\n" REQUIRE "    - name: s\n      match: {groups: [g], models: [m]}\n" REQUIRE
		      "groups: {g: {devices: [d]}}\n",
		"rule s is never reached: rule r before it matches its devices"},
	    {RULE_TOP "      match: {models: [other]}\n" REQUIRE, "reference set a is of model m, which the rule does not match"},
	    {NEEDS("pcrs: [0, 14], references: [a]"), "reference set a has no value of PCR 14"},
	    {NEEDS("events: {pcrs: [4], references: [a]}"), "reference set a has no event of PCR 4"},
	    {NEEDS("files: {references: [a]}"), "reference set a has no file and no key"},
	    {HEAD, "there is no rule: every device is denied"},
	};
	struct shelf shelf = {.set = {reference("a", "m", 0xff, 1)}};
	struct ms_policy_known known = {
	    .model = known_name, .reference = known_name, .device = known_name, .look = look_up, .now_s = NOW, .ctx = &shelf};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		MS_OWN(ms_buf_fini) struct ms_buf b;
		warnings(rows[i].text, &known, &b);
		if (strstr((const char *)b.p, rows[i].want) == NULL)
			fail_msg("no \"%s\" in\n%s\nof\n%s", rows[i].want, (const char *)b.p, rows[i].text);
	}
	shelf_free(&shelf);
}

MS_TEST(policy_check_says_nothing_of_times_and_names_that_it_was_not_told_and_nothing_of_a_good_policy)
{
	static const char *const quiet[] = {WAIVER_UNTIL("2020-01-01"), WINDOW_UNTIL("2020-01-01"), WAIVER_UNTIL("2099-01-01")};
	for (size_t i = 0; i < sizeof quiet / sizeof *quiet; i++) {
		MS_OWN(ms_buf_fini) struct ms_buf b;
		warnings(quiet[i], NULL, &b);
		CHECK(strstr((const char *)b.p, "waiver") == NULL && strstr((const char *)b.p, "window") == NULL);
	}
	MS_OWN(ms_policy_free)
	struct ms_policy *p =
	    policy(HEAD "attest:\n  pcrs: [0, 4, 7]\n  rules:\n    - name: r\n" MATCH
			"      require: {pcrs: [0, 4, 7], references: [a]}\n      identity: true\nseal: {pcrs: [0, 4, 7]}\n");
	CHECK_INT(ms_policy_check(p, NULL, NULL, NULL), 0);
}
