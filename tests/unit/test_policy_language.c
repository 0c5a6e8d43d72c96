/* The language: what compiles, what is refused where, and that text and stored form are one. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policy_int.h"

#define HEAD "version: 1\nname: p\n"
#define TOP HEAD "attest:\n  rules:\n    - name: r\n"
#define MATCH "      match: {models: [m]}\n"
#define REQUIRE "      require: {pcrs: [0, 4], references: [a]}\n"
#define RULE TOP MATCH REQUIRE
#define CLAIMS(text) TOP MATCH "      require:\n        claims:\n          - " text "\n"
#define FILES(text) TOP MATCH "      require:\n        files: " text "\n"
#define WAIVER(who, allow, rest) \
	RULE "waivers:\n  - {name: w, " who ", allow: " allow ", reason: why, approver: me, expires: 2030-01-01" rest "}\n"

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

static void
expect(const char *text, const char *want)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	struct ms_err err = {0};
	enum ms_rc rc = compile(text, &b, &err);
	if (rc != MS_ERR_USAGE || strstr(err.text, want) == NULL || strncmp(err.text, "f.yaml:", 7) != 0)
		print_error("%s\nwant %s\ngot  %s: %s\n", text, want, ms_rc_name(rc), err.text);
	CHECK(rc == MS_ERR_USAGE && strstr(err.text, want) != NULL && strncmp(err.text, "f.yaml:", 7) == 0);
	CHECK_INT(b.len, 0);
}

MS_TEST(I5_policy_has_no_rule_that_accepts_everything_and_no_list_that_means_any)
{
	static const char *const bad[][2] = {
	    {TOP MATCH "      require: {}\n", "there is no rule that accepts everything"},
	    {TOP MATCH "      require: {assurance: low}\n", "there is no rule that accepts everything"},
	    {TOP MATCH "      identity: true\n", "require is missing"},
	    {TOP REQUIRE, "match is missing"},
	    {TOP "      match: {groups: []}\n" REQUIRE, "an empty list is never \"any\""},
	    {TOP "      match: {batches: []}\n" REQUIRE, "an empty list is never \"any\""},
	    {TOP "      match: {devices: []}\n" REQUIRE, "an empty list is never \"any\""},
	    {TOP "      match: {tenants: []}\n" REQUIRE, "an empty list is never \"any\""},
	    {TOP "      match: {devices: ['']}\n" REQUIRE, "match.devices"},
	    {TOP "      match: {all: true, groups: [g]}\n" REQUIRE, "either models or all: true"},
	    {TOP "      match: {all: true, devices: [d]}\n" REQUIRE, "either models or all: true"},
	    {CLAIMS("{claim: ek.model}"), "an operator is missing"},
	    {CLAIMS("{claim: ek.model, in: []}"), "an empty list is never \"any\""},
	    {CLAIMS("{claim: boot.db.cert, none_of: []}"), "an empty list is never \"any\""},
	    {TOP MATCH "      require: {claims: []}\n", "an empty list is never \"any\""},
	    {TOP MATCH "      require: {events: {}}\n", "pcrs is missing"},
	    {TOP MATCH "      require: {events: {pcrs: [4], references: []}}\n", "an empty list is never \"any\""},
	    {TOP MATCH "      require: {events: {pcrs: [], references: [a]}}\n", "an empty list is never \"any\""},
	    {TOP MATCH "      require: {events: {pcrs: [4]}}\n", "references is missing"},
	    {FILES("{}"), "references or signed_by is missing"},
	    {FILES("{references: []}"), "an empty list is never \"any\""},
	    {FILES("{signed_by: []}"), "an empty list is never \"any\""},
	    {FILES("{exclude: [/tmp/], unknown: allow}"), "references or signed_by is missing"},
	    {FILES("{references: [a], exclude: [/]}"), "is no path"},
	    {FILES("{references: [a], exclude: ['']}"), "files.exclude"},
	    {RULE "groups: {g: {}}\n", "an empty group is never \"any\""},
	    {RULE "groups: {g: {devices: []}}\n", "an empty list is never \"any\""},
	    {WAIVER("device: ''", "[pcr-mismatch]", ""), "waivers.device"},
	    {WAIVER("device: d", "[]", ""), "an empty list is never \"any\""},
	    {WAIVER("device: d", "[all]", ""), "is no reason of a verdict"},
	    {WAIVER("group: g", "[pcr-mismatch]", ""), "there is no group g"},
	    {WAIVER("device: d, group: g", "[pcr-mismatch]", ""), "a waiver is never for all"},
	    {RULE "waivers:\n  - {name: w, allow: [pcr-mismatch], reason: x, approver: y, expires: 2030-01-01}\n",
		"a waiver is never for all"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		expect(bad[i][0], bad[i][1]);
}

MS_TEST(I6_waiver_cannot_waive_what_leaves_nothing_that_was_judged)
{
	static const char *const never[] = {"no-policy", "no-rule", "no-reference", "reference-of-another-model", "reference-lacks-pcr",
	    "pcr-absent", "pcr-zero", "boot-log-missing", "ima-missing", "assurance-too-low"};
	size_t waivable = 0;
	for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
		char text[512];
		enum ms_policy_code code = MS_POLICY_PCR_MISMATCH;
		(void)snprintf(text, sizeof text, WAIVER("device: d", "[%s]", ""), never[i]);
		expect(text, "cannot be waived");
		CHECK_INT(ms_policy_code_find(ms_span_str(never[i]), &code, NULL), MS_OK);
		CHECK(!ms_policy_code_waivable(code));
	}
	for (unsigned c = 0; c < MS_POLICY_CODE_COUNT; c++)
		waivable += ms_policy_code_waivable(c);
	CHECK_INT(waivable + sizeof never / sizeof *never, MS_POLICY_CODE_COUNT);
}

static const char *const refused[][2] = {
    {HEAD "attest: {boot_log: maybe}\n", "f.yaml:3: attest.boot_log: \"maybe\": optional or required"},
    {HEAD "attest: {ima: yes}\n", "f.yaml:3: attest.ima: \"yes\": optional or required"},
    {HEAD "attest:\n  pcrs: [0, 2, 4, 7, 8, 9, 11, 12, 14]\n  ima: required\n", "f.yaml:5: attest.ima: an IMA list is proven by PCR 10"},
    {CLAIMS("{claim: boot.secure-bot, is: true}"), "f.yaml:9: attest.rules.require.claims.claim: there is no claim boot.secure-bot; the "
						   "nearest is boot.secure-boot"},
    {CLAIMS("{is: true}"), "claim is missing"},
    {CLAIMS("{claim: boot.secure-boot, version_min: 4}"), "f.yaml:9: attest.rules.require.claims.version_min: boot.secure-boot is a bool, "
							  "which does not go with version_min; it takes is"},
    {CLAIMS("{claim: boot.secure-boot, is: yes}"), "must be true or false"},
    {CLAIMS("{claim: boot.secure-boot, is: 'true'}"), "must be true or false"},
    {CLAIMS("{claim: boot.db.entries, is: -1}"), "must be a whole number"},
    {CLAIMS("{claim: boot.db.entries, in: [1, 2, 1]}"), "the same value is there twice"},
    {CLAIMS("{claim: boot.db.cert, in: [aa]}"),
	"boot.db.cert is a set of values, which does not go with in; it takes any_of, all_of, none_of, "
	"contains"},
    {CLAIMS("{claim: boot.db.entries, in: 1}"), "must be a list"},
    {CLAIMS("{claim: boot.db.entries, prefix: 1}"), "boot.db.entries is a number, which does not go with prefix"},
    {CLAIMS("{claim: boot.db.cert, is: aa}"), "boot.db.cert is a set of values, which does not go with is"},
    {CLAIMS("{claim: boot.db.cert, any_of: [abc]}"), "hex digits"},
    {CLAIMS("{claim: boot.db.cert, any_of: [zz]}"), "hex digits"},
    {CLAIMS("{claim: boot.sbat.shim, any_of: ['4']}"), "boot.sbat.shim is a text, which does not go with any_of"},
    {CLAIMS("{claim: boot.sbat.shim, version_min: 4a}"), "\"4a\" is no version"},
    {CLAIMS("{claim: boot.sbat.shim, version_min: '4.'}"), "is no version"},
    {CLAIMS("{claim: boot.sbat.shim, version_min: .4}"), "is no version"},
    {CLAIMS("{claim: boot.sbat.shim, min: 4}"), "does not go with min"},
    {CLAIMS("{claim: boot.kernel.cmdline, words: ['a b']}"), "a word has no white space"},
    {CLAIMS("{claim: boot.sbat.shim, is: ['4']}"), "must be one value"},
    {CLAIMS("{claim: boot.sbat.shim, equals: '4'}"), "an operator is missing"},
    {CLAIMS("{claim: boot.sbat.shim, is: '4', equals: '4'}"), "unknown key"},
    {CLAIMS("{claim: boot.sbat.shim, version_min: '4'}\n          - {claim: boot.sbat.shim, version_min: '5'}"), "f.yaml:10: "},
    {TOP MATCH "      require: {claims: {claim: ek.model, is: x}}\n", "must be a list"},
    {TOP MATCH REQUIRE "      allow_unproven: [boot.nothing]\n", "there is no claim boot.nothing"},
    {TOP MATCH REQUIRE "      allow_unproven: [ek.model, ek.model]\n", "ek.model is there twice"},
    {TOP MATCH "      require: {pcrs: [0], references: [a], assurance: high}\n", "\"high\": low, software or hardware"},
    {TOP MATCH "      require: {pcrs: [0], references: [{name: a, until: moved}]}\n", "\"moved\" is for sets of PCRs"},
    {TOP MATCH "      require: {pcrs: [0], references: [{until: moved}, b]}\n", "name is missing"},
    {TOP MATCH "      require: {pcrs: [0], references: [{name: a, until: tomorrow}]}\n",
	"\"tomorrow\" is no time: a day is written 2026-12-31"},
    {TOP MATCH "      require: {pcrs: [0], references: [{name: a, until: 2026-02-29}]}\n", "is no time"},
    {TOP MATCH "      require: {pcrs: [0], references: [{name: a, until: 2026-13-01}]}\n", "is no time"},
    {TOP MATCH "      require: {pcrs: [0], references: [{name: a, until: 2026-01-01T24:00:00Z}]}\n", "is no time"},
    {TOP MATCH "      require: {pcrs: [0], references: [{name: a, until: 2026-01-01 10:00}]}\n", "is no time"},
    {TOP MATCH "      require: {pcrs: [0], references: [a, {name: a, until: 2026-01-01}]}\n", "a is there twice"},
    {TOP MATCH "      require: {pcrs: [0], references: [{name: a, till: 2026-01-01}]}\n", "unknown key"},
    {TOP MATCH "      require: {events: {pcrs: [4], references: [{name: a, until: moved}, b]}}\n", "\"moved\" is for sets of PCRs"},
    {TOP MATCH "      require: {events: {pcrs: [16], references: [a]}}\n", "events of PCR 16 are required, which is not in attest.pcrs"},
    {FILES("{references: [a], unknown: ignore}"), "\"ignore\": fail or allow"},
    {FILES("{references: [a], by: name}"), "\"name\": path or digest"},
    {FILES("{references: [a], exclude: [tmp/]}"), "\"tmp/\" is no path"},
    {FILES("{references: [a], exclude: [/tmp/../]}"), "is no path"},
    {FILES("{references: [a], exclude: [/tmp//x]}"), "is no path"},
    {FILES("{references: [a], exclude: [/./]}"), "is no path"},
    {FILES("{references: [a], exclude: [/a, /a]}"), "/a is there twice"},
    {FILES("{signed_by: [abcd]}"), "64 hex digits are expected"},
    {FILES("{signed_by: [a], unknown: allow}"), "files.signed_by"},
    {HEAD "attest:\n  pcrs: [0, 2, 4, 7, 8, 9, 11, 12, 14]\n  rules:\n    - name: r\n" MATCH "      require: {files: {references: [a]}}\n",
	"files are proven by PCR 10"},
    {TOP "      match: {groups: [nobody]}\n" REQUIRE, "there is no group nobody"},
    {RULE "groups: [g]\n", "f.yaml:8: groups: must be a map of keys"},
    {RULE "groups: {G: {devices: [d]}}\n", "a group's name is"},
    {RULE "groups: {g: {devices: [d], serials: [s]}}\n", "unknown key"},
    {RULE "groups: {g: {devices: [d, d]}}\n", "d is there twice"},
    {WAIVER("device: d", "[pcr-mismatch, pcr-mismatch]", ""), "is there twice"},
    {WAIVER("device: d", "[pcr-mismatch]", ", pcrs: [99]"), "is no PCR"},
    {WAIVER("device: d", "[claim-mismatch]", ", claims: [nothing]"), "there is no claim nothing"},
    {WAIVER("device: d", "[file-unknown]", ", paths: [x]"), "is no path"},
    {WAIVER("device: d", "[file-unknown]", ", forever: true"), "unknown key"},
    {RULE "waivers:\n  - {name: w, device: d, allow: [pcr-mismatch], approver: y, expires: 2030-01-01}\n", "reason is missing"},
    {RULE "waivers:\n  - {name: w, device: d, allow: [pcr-mismatch], reason: y, expires: 2030-01-01}\n", "approver is missing"},
    {RULE "waivers:\n  - {name: w, device: d, allow: [pcr-mismatch], reason: x, approver: y}\n", "expires is missing"},
    {RULE "waivers:\n  - {name: w, device: d, allow: [pcr-mismatch], reason: x, approver: y, expires: never}\n", "\"never\" is no time"},
    {RULE "waivers:\n  - {name: w, device: d, allow: [pcr-mismatch], reason: \"x\\ny\", approver: y, expires: 2030-01-01}\n",
	"one line of text is expected"},
    {TOP "      extends: nothing\n" MATCH REQUIRE, "f.yaml:6: attest.rules.extends: there is no rule nothing"},
    {TOP "      extends: r\n" MATCH REQUIRE, "rule r extends itself"},
    {TOP "      extends: s\n" MATCH REQUIRE "    - {name: s, extends: r, template: true}\n", "extends itself"},
    {TOP "      template: maybe\n" MATCH REQUIRE, "must be true or false"},
    {RULE "    - {name: t, template: true, extends: nothing}\n", "there is no rule nothing"},
};

MS_TEST(policy_errors_of_the_whole_language_name_file_line_and_what_was_expected)
{
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		expect(refused[i][0], refused[i][1]);
}

/* Every feature at once; pieces of it are left out by the test below. */
static const char *const everything[] = {
    "attest:\n  pcrs: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 23]\n  interval: 90s\n",
    "  boot_log: required\n",
    "  ima: required\n",
    "  rules:\n    - name: base\n      template: true\n      require:\n        pcrs: [0, 7]\n        references: [{name: old, until: "
    "moved}, "
    "{name: older, until: 2026-06-30T12:00:01Z}, new]\n        claims:\n          - {claim: boot.secure-boot, is: true}\n          - "
    "{claim: "
    "boot.sbat.shim, version_min: \"4\"}\n",
    "    - name: laptops\n      extends: base\n      match: {models: [\"b \\\"q\\\" \\\\ \\x07 \\u0085 \\u2028 \\U0001f600 ü\", a], "
    "groups: [z, "
    "canary], batches: [b2, b1], devices: [d], tenants: [t]}\n      require:\n        pcrs: [0, 4, 7]\n        claims:\n          - "
    "{claim: "
    "boot.sbat.shim, version_min: \"4.1\", version_max: \"5\"}\n          - {claim: boot.db.cert, any_of: [\"ff00\", \"00ff\"], none_of: "
    "[\"aa\"], all_of: [\"ff00\"], contains: [\"ff\"]}\n          - {claim: boot.db.entries, min: 1, max: 18446744073709551615, in: [3, 1, "
    "2]}\n          - "
    "{claim: boot.kernel.cmdline, words: [ro, quiet], no_words: [init=], prefix: \"BOOT\"}\n          - {claim: ek.model, not_in: [x, \"y "
    "z\"]}\n"
    "        events: {pcrs: [4, 5], references: [boot, {name: boot2, until: 2027-01-01}]}\n        assurance: hardware\n      "
    "allow_unproven: [boot.sbat.shim, boot.db.cert]\n      identity: true\n",
    "    - name: files\n      match: {all: true}\n      require:\n        files: {references: [debian], exclude: [/var/log/, /tmp/x], "
    "unknown: "
    "allow, by: digest, signed_by: [\"00000000000000000000000000000000000000000000000000000000000000ff\"]}\n",
    "    - name: signed\n      match: {models: [z]}\n      require:\n        files: {signed_by: "
    "[\"ff00000000000000000000000000000000000000000000000000000000000000\", "
    "\"00000000000000000000000000000000000000000000000000000000000000ff\"]}\n",
    "seal: {pcrs: [0, 4]}\n",
    "groups:\n  z: {models: [m]}\n  canary: {devices: [d2, d1], batches: [b]}\n",
    "waivers:\n  - {name: w1, group: canary, allow: [pcr-mismatch, claim-mismatch, file-unknown], reason: \"a: \\\"b\\\"\", approver: Ü, "
    "expires: "
    "2026-12-31T23:59:59Z}\n  - {name: w2, device: d, allow: [reference-expired], pcrs: [4], claims: [ek.model, boot.sbat.shim], paths: "
    "[/usr/, /etc/x], reason: r, approver: a, expires: 2026-12-31}\n",
    "enrolment: {unlisted: deny}\n",
};

static void
round_trip(const char *text)
{
	MS_OWN(ms_buf_fini) struct ms_buf one;
	MS_OWN(ms_buf_fini) struct ms_buf two;
	MS_OWN(ms_buf_fini) struct ms_buf yaml;
	MS_OWN(ms_buf_fini) struct ms_buf built;
	MS_OWN(ms_policy_free) struct ms_policy *p = NULL;
	struct ms_err err = {0};
	enum ms_rc rc = compile(text, &one, &err);
	if (rc != MS_OK)
		print_error("%s\n%s\n", text, err.text);
	CHECK_OK(rc, &err);
	CHECK_OK(ms_policy_load(ms_buf_span(&one), &p, &err), &err);
	ms_buf_init(&built, MS_POLICY_WIRE_MAX);
	CHECK_OK(ms_policy_build(p, &built, &err), &err);
	CHECK(ms_span_eq(ms_buf_span(&one), ms_buf_span(&built)));
	ms_buf_init(&yaml, MS_POLICY_YAML_MAX);
	CHECK_OK(ms_policy_print(p, &yaml, &err), &err);
	ms_buf_u8(&yaml, 0);
	rc = compile((const char *)yaml.p, &two, &err);
	if (rc != MS_OK)
		print_error("%s\n%s\n", (const char *)yaml.p, err.text);
	CHECK_OK(rc, &err);
	CHECK(ms_span_eq(ms_buf_span(&one), ms_buf_span(&two)));
}

MS_TEST(policy_of_every_feature_and_with_each_piece_left_out_prints_to_the_same_bytes)
{
	enum { PIECES = sizeof everything / sizeof *everything };
	for (size_t without = 0; without <= PIECES; without++) {
		char text[8192] = HEAD;
		size_t n = strlen(text);
		if (without == 0 || without == 3) /* attest itself, and what is extended */
			continue;
		for (size_t i = 0; i < PIECES; i++) {
			bool groups_needed = without == 8 && (i == 4 || i == 9); /* who names them goes with them */
			if (i != without && !groups_needed)
				n += (size_t)snprintf(text + n, sizeof text - n, "%s", everything[i]);
		}
		round_trip(text);
	}
}

MS_TEST(policy_rule_inherits_what_it_does_not_set_and_templates_judge_nothing)
{
	char text[8192] = HEAD;
	size_t n = strlen(text);
	for (size_t i = 0; i < sizeof everything / sizeof *everything; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s", everything[i]);
	MS_OWN(ms_policy_free) struct ms_policy *p = policy(text);
	CHECK_INT(p->set.rules, 3);
	const struct ms_policy_rule *r = &p->rules[0];
	CHECK(ms_span_eq(r->name, ms_span_str("laptops")));
	CHECK_INT(r->pcrs, 0x91);                                                       /* its own */
	CHECK(r->references.n == 3 && r->references.item[0].window == MS_WINDOW_MOVED); /* inherited */
	CHECK(r->references.item[1].window == MS_WINDOW_DATE && r->references.item[1].until_s == 1782820801);
	CHECK(strcmp(r->claims[0].claim->name, "boot.secure-boot") == 0 && r->claims[0].number == 1);
	CHECK(strcmp(r->claims[1].claim->name, "boot.sbat.shim") == 0 && r->claims[1].op == MS_OP_VERSION_MIN);
	CHECK(ms_span_eq(r->claims[1].values.item[0], ms_span_str("4.1"))); /* replaced where it stood */
	CHECK(r->claims[2].op == MS_OP_VERSION_MAX && r->n_claims == 14);
	CHECK(p->set.boot_log_required && p->set.ima_required && p->set.boot_log_used && p->set.ima_used);
	CHECK(ms_span_eq(p->groups[0].name, ms_span_str("canary")) && ms_span_eq(p->groups[0].devices.item[0], ms_span_str("d1")));
}

MS_TEST(policy_inheritance_ends_at_eight_rules_above)
{
	for (unsigned depth = 7; depth <= 10; depth++) {
		char text[4096] = TOP MATCH REQUIRE;
		size_t n = strlen(text);
		for (unsigned i = 1; i <= depth; i++)
			n += (size_t)snprintf(
			    text + n, sizeof text - n, "    - {name: s%u, extends: %c%.0u}\n", i, i == 1 ? 'r' : 's', i == 1 ? 0 : i - 1);
		if (depth <= MS_POLICY_EXTENDS_MAX)
			ms_policy_free(policy(text));
		else
			expect(text, "more than 8 rules above this one");
	}
}

MS_TEST(policy_written_before_this_language_grew_compiles_to_the_bytes_of_then)
{
	/* as another encoder writes what the stored form was: {1: 1, 2: "p", 3: "sha256", 4: 32767, 5: 600, 6: [{1: "r", 2: false, 3: ["n",
	 * "m"], 4: 17, 5: ["b", "a"], 6: true}], 7: 23445, 8: 86400, 9: 600, 10: true} */
	static const char hex[] = "aa0101026170036673686132353604197fff051902580681a60161720"
				  "2f403826 16e616d0411058261626161 06f507195b95081a00015180091902580af5";
	size_t len = 0;
	uint8_t *want = test_hex(hex, &len);
	MS_OWN(ms_buf_fini) struct ms_buf b;
	struct ms_err err = {0};
	CHECK_OK(compile(TOP "      match: {models: [n, m]}\n      require: {pcrs: [0, 4], references: [b, a]}\n      identity: true\n", &b,
		     &err),
	    &err);
	CHECK(ms_span_eq(ms_buf_span(&b), ms_span(want, len)));
	free(want);
}

MS_TEST(I10_policy_of_every_feature_loads_whole_or_not_at_all_under_every_cut_and_flip)
{
	char text[8192] = HEAD;
	size_t n = strlen(text), loaded = 0;
	MS_OWN(ms_buf_fini) struct ms_buf b;
	struct ms_err err = {0};
	for (size_t i = 0; i < sizeof everything / sizeof *everything; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s", everything[i]);
	CHECK_OK(compile(text, &b, &err), &err);
	for (size_t cut = 0; cut < b.len; cut++) {
		uint8_t *w = test_dup(b.p, cut);
		struct ms_policy *p = NULL;
		CHECK(ms_policy_load(ms_span(w, cut), &p, &err) != MS_OK && p == NULL);
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
			loaded++;
		}
		free(w);
	}
	CHECK(loaded > 0 && loaded < b.len * 8);
}

MS_TEST(policy_versions_compare_by_number_and_only_numbers_are_versions)
{
	static const struct {
		const char *a, *b;
		int want;
	} rows[] = {{"4", "4", 0}, {"4", "4.0", 0}, {"4.0.0", "4", 0}, {"04", "4", 0}, {"4", "10", -1}, {"4.9", "4.10", -1},
	    {"4.1", "4", 1}, {"99999999999999999999999999", "100000000000000000000000000", -1}, {"0", "0.0.1", -1}, {"2", "1.999", 1}};
	static const char *const bad[] = {"", ".", "1.", ".1", "1..2", "1a", "a", " 1", "1 ", "-1", "1-2", "+1"};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int c = 9, d = 9;
		CHECK_INT(ms_policy_version_cmp(ms_span_str(rows[i].a), ms_span_str(rows[i].b), &c, NULL), MS_OK);
		CHECK_INT(ms_policy_version_cmp(ms_span_str(rows[i].b), ms_span_str(rows[i].a), &d, NULL), MS_OK);
		CHECK((c > 0) - (c < 0) == rows[i].want && (d > 0) - (d < 0) == -rows[i].want);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		int c = 9;
		CHECK_INT(ms_policy_version_cmp(ms_span_str(bad[i]), ms_span_str("1"), &c, NULL), MS_ERR_USAGE);
		CHECK_INT(ms_policy_version_cmp(ms_span_str("1"), ms_span_str(bad[i]), &c, NULL), MS_ERR_USAGE);
		CHECK_INT(c, 9);
	}
}

MS_TEST(policy_times_are_days_or_seconds_in_utc_and_print_as_they_were)
{
	static const struct {
		const char *text, *back;
		uint64_t want;
	} rows[] = {{"1970-01-02", "1970-01-02T00:00:00Z", 86400}, {"2000-02-29T23:59:59Z", "2000-02-29T23:59:59Z", 951868799},
	    {"2026-12-31", "2026-12-31T00:00:00Z", 1798675200}, {"9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z", MS_POLICY_TIME_MAX}};
	static const char *const bad[] = {"", "2026", "2026-1-1", "26-01-01", "2026-00-10", "2026-04-31", "1900-01-01", "2026-12-31Z",
	    "2026-12-31T10:00Z", "2026-12-31T10:00:60Z", "2026-12-31 10:00:00Z", "2026-12-31T10:00:00+01:00", "2026-12-31T10:00:00"};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char back[MS_POLICY_TIME_TEXT];
		uint64_t s = 0;
		CHECK_INT(ms_policy_time_parse(ms_span_str(rows[i].text), &s, NULL), MS_OK);
		CHECK_INT(s, rows[i].want);
		ms_policy_time_text(s, back);
		assert_string_equal(back, rows[i].back);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		uint64_t s = 7;
		CHECK(ms_policy_time_parse(ms_span_str(bad[i]), &s, NULL) == MS_ERR_USAGE && s == 7);
	}
}

MS_TEST(policy_keys_are_each_told_once)
{
	char one[MS_POLICY_KEY_TEXT], two[MS_POLICY_KEY_TEXT];
	size_t n = 0;
	for (; ms_policy_key_at(n, one); n++)
		for (size_t i = 0; i < n; i++) {
			CHECK(ms_policy_key_at(i, two));
			CHECK(strcmp(one, two) != 0);
		}
	CHECK(n > 60);
}

MS_TEST(policy_of_every_feature_as_another_encoder_writes_it_loads)
{
	size_t len = 0;
	uint8_t *seed = test_file(MS_SOURCE_DIR "/fuzz/corpus/policy_cbor/everything", &len);
	MS_OWN(ms_policy_free) struct ms_policy *p = NULL;
	struct ms_err err = {0};
	CHECK(seed != NULL);
	CHECK_OK(ms_policy_load(ms_span(seed, len), &p, &err), &err);
	CHECK(p->set.rules == 1 && p->rules[0].n_claims == 5 && p->set.waivers == 1 && p->set.groups == 1);
	free(seed);
}
