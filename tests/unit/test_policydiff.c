/* Differences between two policies, told in words. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/diff.h"
#include "support/test.h"

#define HEAD "version: 1\nname: fleet\n"
#define RULE(name, model, pcrs, ref) \
	"    - name: " name "\n      match: {models: [" model "]}\n      require: {pcrs: [" pcrs "], references: [" ref "]}\n"

static struct ms_policy *
policy(const char *text)
{
	MS_OWN(ms_buf_fini) struct ms_buf cbor = {0};
	struct ms_policy *p = NULL;
	struct ms_err err = {0};
	struct ms_policy_file f = {.name = "p.yaml", .text = ms_span_str(text)};
	ms_buf_init(&cbor, MS_POLICY_WIRE_MAX);
	CHECK_OK(ms_policy_compile(&f, 1, &cbor, &err), &err);
	CHECK_OK(ms_policy_load(ms_buf_span(&cbor), &p, &err), &err);
	return p;
}

static void
collect(void *ctx, const struct ms_policy_difference *d)
{
	ms_buf_fmt(ctx, "%s|%s|%s|%s\n", ms_policy_diff_kind_name(d->kind), d->where, d->name, d->text);
}

/* The differences as text; the caller frees it. */
static char *
between(const char *from, const char *to)
{
	MS_OWN(ms_policy_free) struct ms_policy *a = from == NULL ? NULL : policy(from), *b = policy(to);
	struct ms_buf out;
	struct ms_err err = {0};
	ms_buf_init(&out, 1u << 20);
	CHECK_OK(ms_policy_diff(a, b, collect, &out, &err), &err);
	ms_buf_u8(&out, 0);
	CHECK(!out.bad);
	return (char *)out.p;
}

static void
expect(const char *from, const char *to, const char *want)
{
	char *got = between(from, to);
	if (strcmp(got, want) != 0)
		fail_msg("got:\n%s\nwant:\n%s", got, want);
	free(got);
}

MS_TEST(the_same_policy_in_other_words_differs_in_nothing)
{
	expect(HEAD "attest: {interval: 10m}\n", HEAD "attest:\n  interval: 600s\n", "");
	expect(HEAD "attest:\n  rules:\n" RULE("a", "m", "0, 2", "r"), HEAD "attest:\n  rules:\n" RULE("a", "\"m\"", "2, 0", "r"), "");
}
MS_TEST(a_setting_is_told_with_both_values)
{
	expect(HEAD, HEAD "attest: {interval: 5m}\n", "changed|attest.interval||600s -> 300s\n");
	expect(HEAD, HEAD "enrolment: {unlisted: deny}\n", "changed|enrolment.unlisted||approve -> deny\n");
	expect(HEAD, "version: 1\nname: other\n", "changed|name||fleet -> other\n");
}
MS_TEST(a_list_is_told_by_what_came_and_what_went)
{
	expect(HEAD "seal: {pcrs: [0, 2, 4]}\n", HEAD "seal: {pcrs: [0, 4, 7, 9]}\n", "changed|seal.pcrs||adds 7, 9; drops 2\n");
}
MS_TEST(rules_are_added_removed_changed_and_moved_by_name)
{
	const char *a = HEAD "attest:\n  rules:\n" RULE("one", "m1", "0", "r1") RULE("two", "m2", "0", "r2");
	expect(a, HEAD "attest:\n  rules:\n" RULE("one", "m1", "0, 4", "r1") RULE("two", "m2", "0", "r2"),
	    "changed|rule one: require.pcrs|one|adds 4\n");
	char *added =
	    between(a, HEAD "attest:\n  rules:\n" RULE("one", "m1", "0", "r1") RULE("two", "m2", "0", "r2") RULE("x", "m3", "0", "r3"));
	CHECK(strncmp(added, "added|rule x|x|{name: x, ", 25) == 0 && strchr(added, '\n')[1] == '\0');
	free(added);
	char *removed = between(a, HEAD "attest:\n  rules:\n" RULE("two", "m2", "0", "r2"));
	CHECK(strncmp(removed, "removed|rule one|one|", 21) == 0 && strstr(removed, "rule two") == NULL);
	free(removed);
	expect(a, HEAD "attest:\n  rules:\n" RULE("two", "m2", "0", "r2") RULE("one", "m1", "0", "r1"),
	    "moved|rule two|two|now comes first\nmoved|rule one|one|now comes after two\n");
}
MS_TEST(one_changed_name_in_a_rule_is_never_missed)
{
	const char *a = HEAD "attest:\n  rules:\n" RULE("one", "m1, m2", "0", "r1");
	expect(a, HEAD "attest:\n  rules:\n" RULE("one", "m1, m3", "0", "r1"), "changed|rule one: match.models|one|adds m3; drops m2\n");
	expect(a, HEAD "attest:\n  rules:\n" RULE("one", "m2, m1", "0", "r1"), "changed|rule one: match.models|one|another order\n");
	expect(
	    a, HEAD "attest:\n  rules:\n" RULE("one", "m1, m2", "0", "r2"), "changed|rule one: require.references|one|adds r2; drops r1\n");
	char *all =
	    between(a, HEAD "attest:\n  rules:\n    - name: one\n      match: {all: true}\n      require: {pcrs: [0], references: [r1]}\n");
	CHECK(strstr(all, "added|rule one: match.all|one|true\n") != NULL &&
	      strstr(all, "removed|rule one: match.models|one|[m1, m2]\n") != NULL);
	free(all);
}
MS_TEST(all_of_a_first_policy_is_new)
{
	char *got = between(NULL, HEAD "attest:\n  rules:\n" RULE("one", "m1", "0", "r1"));
	CHECK(strstr(got, "added|rule one|one|") != NULL && strstr(got, "added|attest.interval||600s\n") != NULL);
	CHECK(strstr(got, "removed|") == NULL && strstr(got, "changed|") == NULL);
	free(got);
}
MS_TEST(a_name_as_long_as_allowed_is_told_whole)
{
	char name[65], text[400], want[200];
	memset(name, 'n', 64);
	name[64] = '\0';
	(void)snprintf(text, sizeof text,
	    HEAD "attest:\n  rules:\n    - name: %s\n      match: {all: true}\n      require: {pcrs: [0], references: [r]}\n", name);
	char *got = between(HEAD, text);
	(void)snprintf(want, sizeof want, "added|rule %s|%s|", name, name);
	CHECK(strncmp(got, want, strlen(want)) == 0);
	free(got);
}
