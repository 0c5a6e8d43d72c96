/* policy test: what DIR/tests says must come out, judged by what DIR says. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/case.h"
#include "cli/evidence_file.h"
#include "cli/policy_remote.h"
#include "cli/policydir.h"
#include "policy/diff.h"
#include "policy/testfile.h"

#define FILES_MAX 256u
#define TESTS_YAML_MAX (4u << 20)

struct run {
	struct ms_cli *c;
	struct ms_policy_dir *dir;
	struct ms_case_policy policy;
	json_t *rows; /* what was run */
	json_t *warnings;
	size_t n, failed;
};

static void
run_fini(struct run *r)
{
	ms_policy_dir_free(r->dir);
	json_decref(r->rows);
	json_decref(r->warnings);
}
MS_CLEANUP_FINI(struct run, run_fini)

/* ---- evidence ---- */

static enum ms_rc
read_named(const char *file, const char *name, size_t max, struct ms_buf *out, struct ms_err *err)
{
	return name == NULL ? MS_OK : ms_cli_read_beside(file, name, max, out, err);
}

static enum ms_rc
load_evidence(struct run *r, const char *file, const struct ms_policy_test *t, struct ms_case *k, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf pcrs = {0};
	MS_OWN(ms_buf_fini) struct ms_buf bundle = {0};
	const struct ms_policy_test_evidence *e = &t->evidence;
	ms_buf_init(&pcrs, 64u << 10);
	ms_buf_init(&bundle, MS_EVIDENCE_FILE_MAX);
	enum ms_rc rc = read_named(file, e->pcrs, 64u << 10, &pcrs, err);
	if (rc == MS_OK && e->pcrs != NULL)
		rc = ms_case_pcrs_json(k, ms_buf_span(&pcrs), err);
	if (rc == MS_OK)
		rc = read_named(file, e->boot_log, k->boot_log.max, &k->boot_log, err);
	if (rc == MS_OK)
		rc = read_named(file, e->ima, k->ima.max, &k->ima, err);
	if (rc == MS_OK)
		rc = read_named(file, e->bundle, MS_EVIDENCE_FILE_MAX, &bundle, err);
	if (rc == MS_OK && e->bundle != NULL)
		rc = ms_case_evidence_file(k, ms_buf_span(&bundle), err);
	if (rc == MS_OK)
		rc = ms_case_read_logs(k, &r->policy, err);
	for (unsigned i = 0; rc == MS_OK && i < MS_TPM_PCR_COUNT; i++)
		if ((e->replace.mask >> i & 1) != 0) {
			memcpy(k->pcrs.value[i], e->replace.value[i], MS_PCR_LEN);
			k->pcrs.mask |= UINT32_C(1) << i;
			k->has_pcrs = true;
		}
	return rc == MS_OK && e->claims != NULL ? ms_case_replace_claims(k, e->claims, err) : rc;
}

/* ---- one test ---- */

static enum ms_rc
record(struct run *r, const char *file, const struct ms_policy_test *t, const struct ms_verdict *v, json_t *steps)
{
	char expected[MS_POLICY_TEST_TEXT_MAX], got[MS_POLICY_TEST_TEXT_MAX];
	bool met = ms_policy_test_met(t, v);
	ms_policy_test_expected(t, expected);
	ms_policy_test_got(v, got);
	json_t *row = json_pack("{s:s, s:i, s:s, s:b, s:s, s:s, s:s, s:s, s:o}", "file", file, "line", (int)t->line, "name", t->name, "met",
	    met, "outcome", ms_outcome_name(t->outcome), "expected", expected, "got", got, "rule", v->rule, "verdict", ms_verdict_json(v));
	r->n++;
	r->failed += !met;
	if (row == NULL || (!met && json_object_set(row, "steps", steps) != 0))
		return MS_ERR_NOMEM;
	return json_array_append_new(r->rows, row) == 0 ? MS_OK : MS_ERR_NOMEM;
}

static void
print_difference(struct run *r, const struct ms_verdict *v, const json_t *steps)
{
	const json_t *row = json_array_get(r->rows, json_array_size(r->rows) - 1);
	FILE *f = r->c->out;
	if (r->c->json || json_is_true(json_object_get(row, "met")))
		return;
	(void)fputs("        expected ", f);
	ms_out_text(f, ms_json_text(row, "expected"));
	(void)fputs("\n        got      ", f);
	ms_out_text(f, ms_json_text(row, "got"));
	(void)fputc('\n', f);
	ms_out_steps(r->c, f, steps, 8);
	ms_out_verdict(r->c, f, v, 8);
}

static void
print_row(struct run *r, const struct ms_policy_test *t, const struct ms_verdict *v)
{
	FILE *f = r->c->out;
	bool met = ms_policy_test_met(t, v), colour = r->c->colour;
	if (r->c->json)
		return;
	(void)fprintf(f, "  %s%s%s  ", colour ? (met ? "\033[32m" : "\033[31m") : "", met ? "ok  " : "FAIL", colour ? "\033[0m" : "");
	ms_out_text(f, t->name);
	(void)fprintf(f, "%*s", (int)(strlen(t->name) < 76 ? 76 - strlen(t->name) : 0) + 1, "");
	ms_out_outcome(r->c, f, ms_outcome_name(v->outcome));
	const struct ms_verdict_reason *why = ms_policy_test_reason(t, v);
	if (why != NULL) {
		(void)fprintf(f, " %s", ms_policy_code_name(why->code));
		if (why->has_pcr)
			(void)fprintf(f, " PCR %u", why->pcr);
		(void)fprintf(f, "%s%s%s%s", why->claim[0] != '\0' ? " " : "", why->claim, why->path[0] != '\0' ? " " : "", why->path);
	}
	(void)fputc('\n', f);
}

static enum ms_rc
run_test(struct run *r, const char *file, const struct ms_policy_test *t, struct ms_err *err)
{
	MS_OWN(ms_case_fini) struct ms_case k;
	MS_OWN(ms_json_free) json_t *steps = json_array();
	struct ms_verdict v;
	ms_case_init(&k);
	k.device = t->device;
	k.last_reference = t->last_reference;
	k.now_s = t->now_s != 0 ? t->now_s : ms_clock_wall_s();
	enum ms_rc rc = load_evidence(r, file, t, &k, err);
	if (rc != MS_OK && rc != MS_ERR_NOMEM)
		return ms_prefix(err, MS_ERR_USAGE, "%s:%u: evidence", file, t->line);
	if (rc == MS_OK)
		rc = ms_case_judge(&k, &r->policy, steps, &v, err);
	if (rc == MS_OK)
		rc = record(r, file, t, &v, steps);
	if (rc != MS_OK)
		return rc;
	print_row(r, t, &v);
	print_difference(r, &v, steps);
	return MS_OK;
}

static enum ms_rc
run_file(struct run *r, const char *file, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf text = {0};
	MS_OWN(ms_policy_tests_free) struct ms_policy_tests *tests = NULL;
	ms_buf_init(&text, TESTS_YAML_MAX);
	enum ms_rc rc = ms_cli_read_file(file, TESTS_YAML_MAX, &text, err);
	struct ms_policy_file f = {.name = file, .text = ms_buf_span(&text)};
	if (rc == MS_OK)
		rc = ms_policy_tests_parse(&f, &tests, err);
	if (rc == MS_OK && !r->c->json) {
		ms_out_text(r->c->out, file);
		(void)fputc('\n', r->c->out);
	}
	for (size_t i = 0; rc == MS_OK && i < ms_policy_tests_count(tests); i++)
		rc = run_test(r, file, ms_policy_tests_at(tests, i), err);
	return rc;
}

/* ---- what no test shows ---- */

static void
on_rule(void *ctx, const char *rule)
{
	struct run *r = ctx;
	size_t i;
	const json_t *row;
	char text[256];
	bool pass = false, other = false;
	json_array_foreach(r->rows, i, row)
	{
		if (strcmp(ms_json_text(row, "rule"), rule) != 0)
			continue;
		bool good = strcmp(ms_json_text(row, "outcome"), "pass") == 0;
		pass = pass || good;
		other = other || !good;
	}
	if (pass && other)
		return;
	(void)snprintf(text, sizeof text, "rule %s has no test that expects %s", rule,
	    !pass && !other ? "anything"
	    : pass          ? "fail or deny"
			    : "pass");
	(void)json_array_append_new(r->warnings, json_string(text));
}

static void
print_warnings(const struct run *r)
{
	size_t i;
	const json_t *w;
	if (r->c->json)
		return;
	json_array_foreach(r->warnings, i, w)(void)
	    fprintf(r->c->errout, "%swarning:%s %s\n", r->c->colour ? "\033[33m" : "", r->c->colour ? "\033[0m" : "", json_string_value(w));
}

static enum ms_rc
finish(struct run *r, struct ms_err *err)
{
	enum ms_rc rc = ms_policy_rules(r->dir->policy, on_rule, r, err);
	if (rc != MS_OK)
		return rc;
	r->c->refused = r->failed > 0;
	if (r->c->json) {
		MS_OWN(ms_json_free)
		json_t *j = json_pack("{s:I, s:I, s:O, s:O}", "passed", (json_int_t)(r->n - r->failed), "failed", (json_int_t)r->failed,
		    "tests", r->rows, "warnings", r->warnings);
		return ms_out_json(r->c, j, err);
	}
	(void)fprintf(r->c->out, "%zu tests, %zu as expected, %s%zu not%s\n", r->n, r->n - r->failed,
	    r->c->colour && r->failed > 0 ? "\033[31m" : "", r->failed, r->c->colour && r->failed > 0 ? "\033[0m" : "");
	print_warnings(r);
	return MS_OK;
}

enum ms_rc
ms_policy_run_test(struct ms_cli *c, struct ms_err *err)
{
	MS_OWN(run_fini) struct run r = {.c = c, .rows = json_array(), .warnings = json_array()};
	MS_OWN(ms_yaml_files_fini) struct ms_yaml_files files = {.n = 0};
	enum ms_rc rc = ms_policy_dir_load(c->arg[0], &r.dir, err);
	if (rc == MS_OK)
		rc = ms_yaml_files_find(r.dir->path, "tests", FILES_MAX, &files, err);
	if (rc == MS_ERR_NOT_FOUND || (rc == MS_OK && files.n == 0))
		return ms_fail(err, MS_ERR_USAGE, "%s/tests: no .yaml file in it: a policy without tests shows nothing", c->arg[0]);
	if (rc != MS_OK)
		return rc;
	r.policy = (struct ms_case_policy){.policy = r.dir->policy, .reference = ms_policy_dir_lookup, .reference_ctx = r.dir};
	for (size_t i = 0; rc == MS_OK && i < files.n; i++)
		rc = run_file(&r, files.path[i], err);
	return rc == MS_OK ? finish(&r, err) : rc;
}
