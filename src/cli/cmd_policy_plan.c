/* policy plan, apply and drift: what a directory says beside what runs. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/policy_remote.h"
#include "cli/policydir.h"
#include "policy/diff.h"
#include "policy/reference_diff.h"

#define TEXT_SHOWN 100 /* bytes of a text for people; --json has it whole */

struct plan {
	struct ms_policy_dir *dir;
	struct ms_running_policy now;
	uint64_t *versions;  /* of the sets that run, in the order of the directory's; 0: there is none */
	json_t *differences; /* of settings, rules, groups, waivers: {kind, where, section, name, text} */
	json_t *references;  /* {kind, name, version, adds, drops, values: [text]} */
	json_t *rules;       /* names of rules that use a set that differs */
	bool policy_differs;
};

static void
plan_fini(struct plan *p)
{
	ms_policy_dir_free(p->dir);
	ms_running_policy_fini(&p->now);
	free(p->versions);
	json_decref(p->differences);
	json_decref(p->references);
	json_decref(p->rules);
}
MS_CLEANUP_FINI(struct plan, plan_fini)

static bool
plan_empty(const struct plan *p)
{
	return !p->policy_differs && json_array_size(p->references) == 0;
}

static void
on_difference(void *ctx, const struct ms_policy_difference *d)
{
	struct plan *p = ctx;
	(void)json_array_append_new(p->differences, json_pack("{s:s, s:s, s:s, s:s, s:s}", "kind", ms_policy_diff_kind_name(d->kind),
							"where", d->where, "section", d->section, "name", d->name, "text", d->text));
}

/* ---- reference sets ---- */

static void
on_value(void *ctx, const struct ms_reference_difference *d)
{
	json_t *row = ctx;
	const char *count = d->added ? "adds" : "drops";
	char text[200];
	(void)snprintf(text, sizeof text, "%s %s %s", d->added ? "adds" : "drops", d->what, d->text);
	(void)json_array_append_new(json_object_get(row, "values"), json_string(text));
	(void)json_object_set_new(row, count, json_integer((json_int_t)ms_json_uint(row, count) + 1));
}

static void
on_rule(void *ctx, const char *rule)
{
	(void)json_array_append_new(ctx, json_string(rule));
}

static enum ms_rc
compare_reference(struct ms_cli *c, struct plan *p, size_t i, struct ms_err *err)
{
	const struct ms_reference *want = p->dir->reference[i];
	MS_OWN(ms_reference_free) struct ms_reference *now = NULL;
	enum ms_rc rc = ms_remote_reference(c, want->name, &now, &p->versions[i], err);
	if (rc != MS_OK || (now != NULL && ms_reference_diff(now, want, NULL, NULL) == 0))
		return rc;
	json_t *row = json_pack("{s:s, s:s, s:I, s:i, s:i, s:[]}", "kind", now == NULL ? "added" : "changed", "name", want->name, "version",
	    (json_int_t)p->versions[i], "adds", 0, "drops", 0, "values");
	if (row == NULL || json_array_append_new(p->references, row) != 0)
		return ms_fail(err, MS_ERR_NOMEM, "plan");
	struct ms_reference nothing = {.n = 0};
	memcpy(nothing.model, want->model, sizeof nothing.model);
	(void)ms_reference_diff(now == NULL ? &nothing : now, want, on_value, row);
	return ms_policy_rules_naming(p->dir->policy, want->name, on_rule, p->rules, err);
}

static enum ms_rc
make_plan(struct ms_cli *c, const char *path, struct plan *p, struct ms_err *err)
{
	p->differences = json_array();
	p->references = json_array();
	p->rules = json_array();
	enum ms_rc rc = ms_policy_dir_load(path, &p->dir, err);
	if (rc == MS_OK)
		rc = ms_remote_policy(c, &p->now, err);
	if (rc != MS_OK)
		return rc;
	p->versions = calloc(p->dir->reference_files.n + 1, sizeof *p->versions);
	if (p->differences == NULL || p->references == NULL || p->versions == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "plan");
	p->policy_differs = p->now.policy == NULL || !ms_span_eq(ms_buf_span(&p->now.cbor), ms_buf_span(&p->dir->cbor));
	if (p->policy_differs)
		rc = ms_policy_diff(p->now.policy, p->dir->policy, on_difference, p, err);
	for (size_t i = 0; rc == MS_OK && i < p->dir->reference_files.n; i++) {
		ms_cli_progress(c, "reference sets", i, p->dir->reference_files.n);
		rc = compare_reference(c, p, i, err);
	}
	ms_cli_progress_end(c);
	return rc;
}

/* ---- for people ---- */

static void
put_line(struct ms_cli *c, FILE *f, const char *kind, const char *where, const char *text)
{
	static const struct {
		const char *kind, *sign, *colour;
	} rows[] = {{"added", "+", "\033[32m"}, {"removed", "-", "\033[31m"}, {"changed", "~", "\033[33m"}, {"moved", "~", "\033[33m"}};
	size_t k = 0;
	while (k < 3 && strcmp(rows[k].kind, kind) != 0)
		k++;
	char shown[TEXT_SHOWN + 8];
	bool cut = strlen(text) > TEXT_SHOWN;
	(void)snprintf(shown, sizeof shown, "%.*s%s", TEXT_SHOWN, text, cut ? "..." : "");
	(void)fprintf(f, "  %s%s%s ", c->colour ? rows[k].colour : "", rows[k].sign, c->colour ? "\033[0m" : "");
	ms_out_text(f, where);
	(void)fprintf(f, "%*s", (int)(strlen(where) < 44 ? 44 - strlen(where) : 0) + 1, "");
	ms_out_text(f, shown);
	(void)fputc('\n', f);
}

static void
print_plan(struct ms_cli *c, FILE *f, const struct plan *p)
{
	size_t i, k;
	const json_t *row, *value;
	char where[128], text[128];
	json_array_foreach(p->differences, i, row)
	{
		put_line(c, f, ms_json_text(row, "kind"), ms_json_text(row, "where"), ms_json_text(row, "text"));
	}
	json_array_foreach(p->references, i, row)
	{
		(void)snprintf(where, sizeof where, "reference %s", ms_json_text(row, "name"));
		(void)snprintf(text, sizeof text, "adds %llu values, drops %llu", (unsigned long long)ms_json_uint(row, "adds"),
		    (unsigned long long)ms_json_uint(row, "drops"));
		put_line(c, f, ms_json_text(row, "kind"), where, text);
		json_array_foreach(json_object_get(row, "values"), k, value)
		{
			if (k == 8) {
				(void)fprintf(f, "      and %zu more\n", json_array_size(json_object_get(row, "values")) - k);
				break;
			}
			(void)fputs("      ", f);
			ms_out_text(f, json_string_value(value));
			(void)fputc('\n', f);
		}
	}
}

/* An operator of the root by name; who left it is a key. */
static const char *
who(const struct ms_cli *c, const char *actor)
{
	uint8_t kid[MS_KEY_ID_LEN];
	const char *hex = strchr(actor, ':');
	if (hex == NULL || strncmp(actor, "operator:", 9) != 0 || ms_unhex(hex + 1, strlen(hex + 1), kid, sizeof kid) != MS_OK)
		return actor;
	const struct ms_operator_key *k = ms_root_operator(c->remote->root, ms_span(kid, sizeof kid), ms_span_str(c->remote->tenant));
	return k == NULL ? actor : k->name;
}

static void
print_running(const struct ms_cli *c, FILE *f, const struct plan *p)
{
	char when[MS_CLOCK_TEXT_LEN];
	if (p->now.policy == NULL) {
		(void)fputs("what runs: no policy, every device is denied\n", f);
		return;
	}
	ms_clock_text(ms_json_uint(p->now.reply.result, "set_s"), when);
	(void)fprintf(f, "what runs: policy %s version %llu, set %s by ", ms_policy_settings(p->now.policy)->name,
	    (unsigned long long)p->now.version, when);
	ms_out_text(f, who(c, ms_json_text(p->now.reply.result, "by")));
	(void)fputc('\n', f);
}

static json_t *
plan_json(const struct plan *p)
{
	char id[2 * MS_POLICY_ID_LEN + 1];
	const struct ms_policy_settings *s = ms_policy_settings(p->dir->policy);
	ms_hex(s->id, MS_POLICY_ID_LEN, id);
	return json_pack("{s:b, s:s, s:s, s:I, s:s, s:s, s:I, s:O, s:O}", "differs", !plan_empty(p), "policy", s->name, "id", id,
	    "running_version", (json_int_t)p->now.version, "running_policy",
	    p->now.policy == NULL ? "" : ms_policy_settings(p->now.policy)->name, "set_by", ms_json_text(p->now.reply.result, "by"),
	    "set_s", (json_int_t)ms_json_uint(p->now.reply.result, "set_s"), "differences", p->differences, "references", p->references);
}

/* ---- plan: which devices are concerned ---- */

/* The rule that decides for a device; "" when none does. Judged without any evidence: only the match is asked for. */
static enum ms_rc
rule_of(const struct ms_policy *policy, const json_t *device, char out[static MS_POLICY_NAME_MAX + 1], struct ms_err *err)
{
	struct ms_verdict v;
	struct ms_pcrs none = {.mask = 0};
	struct ms_policy_input in = {.policy = policy, .pcrs = &none};
	in.device.device = ms_span_str(ms_json_text(device, "id"));
	in.device.model = ms_span_str(ms_json_text(device, "model"));
	in.device.serial = ms_span_str(ms_json_text(device, "serial"));
	in.device.state = ms_span_str(ms_json_text(device, "state"));
	in.device.batch = ms_span_str(ms_json_text(device, "batch"));
	in.device.listed = json_is_true(json_object_get(device, "listed"));
	enum ms_rc rc = ms_policy_judge(&in, &v, err);
	if (rc == MS_OK)
		(void)snprintf(out, MS_POLICY_NAME_MAX + 1, "%s", v.rule);
	return rc;
}

/* A setting concerns every device; a rule those that it decides for, now or then. */
static bool
names_rule(const struct plan *p, const char *rule)
{
	size_t i;
	const json_t *row;
	json_array_foreach(p->differences, i, row)
	{
		bool of_rule = strcmp(ms_json_text(row, "section"), "rule") == 0;
		if (!of_rule || strcmp(ms_json_text(row, "name"), rule) == 0)
			return true;
	}
	json_array_foreach(p->rules, i, row)
	{
		if (strcmp(json_string_value(row), rule) == 0)
			return true;
	}
	return false;
}

static enum ms_rc
concerned(struct ms_cli *c, const struct plan *p, json_t *ids, size_t *ret_all, struct ms_err *err)
{
	MS_OWN(ms_json_free) json_t *rows = NULL;
	size_t i;
	const json_t *row;
	enum ms_rc rc = ms_remote_list(c, "device.list", 0, &rows, err);
	if (rc != MS_OK)
		return rc;
	*ret_all = json_array_size(rows);
	json_array_foreach(rows, i, row)
	{
		char now[MS_POLICY_NAME_MAX + 1] = "", then[MS_POLICY_NAME_MAX + 1] = "";
		rc = rule_of(p->now.policy, row, now, err);
		if (rc == MS_OK)
			rc = rule_of(p->dir->policy, row, then, err);
		if (rc != MS_OK)
			return rc;
		if (strcmp(now, then) != 0 || names_rule(p, then))
			(void)json_array_append(ids, json_object_get(row, "id"));
	}
	return MS_OK;
}

enum ms_rc
ms_policy_run_plan(struct ms_cli *c, struct ms_err *err)
{
	MS_OWN(plan_fini) struct plan p = {.dir = NULL};
	MS_OWN(ms_json_free) json_t *ids = json_array();
	MS_OWN(ms_json_free) json_t *warnings = json_array();
	size_t all = 0;
	enum ms_rc rc = make_plan(c, c->arg[0], &p, err);
	if (rc == MS_OK && !plan_empty(&p))
		rc = concerned(c, &p, ids, &all, err);
	if (rc != MS_OK)
		return rc;
	ms_policy_dir_warn(c, p.dir, warnings);
	if (c->json) {
		MS_OWN(ms_json_free) json_t *j = plan_json(&p);
		(void)json_object_set(j, "devices", ids);
		(void)json_object_set(j, "warnings", warnings);
		return ms_out_json(c, j, err);
	}
	print_running(c, c->out, &p);
	if (plan_empty(&p)) {
		(void)fputs("nothing would change\n", c->out);
		return MS_OK;
	}
	print_plan(c, c->out, &p);
	(void)fprintf(c->out, "concerns %zu of %zu devices\n", json_array_size(ids), all);
	return MS_OK;
}

/* ---- apply ---- */

static enum ms_rc
set_references(struct ms_cli *c, const struct plan *p, struct ms_err *err)
{
	size_t i, done = 0;
	const json_t *row;
	for (size_t k = 0; k < p->dir->reference_files.n; k++) {
		bool differs = false;
		json_array_foreach(p->references, i, row) differs =
		    differs || strcmp(ms_json_text(row, "name"), p->dir->reference[k]->name) == 0;
		if (!differs)
			continue;
		MS_OWN(ms_reply_fini) struct ms_reply r = {.result = NULL};
		ms_cli_progress(c, "reference sets", done++, json_array_size(p->references));
		enum ms_rc rc = ms_remote_set_reference(c, p->dir->reference[k], p->versions[k], &r, err);
		if (rc != MS_OK)
			return ms_prefix(err, rc, "reference %s", p->dir->reference[k]->name);
	}
	ms_cli_progress_end(c);
	return MS_OK;
}

static enum ms_rc
set_policy(struct ms_cli *c, const struct plan *p, struct ms_err *err)
{
	MS_OWN(ms_reply_fini) struct ms_reply r = {.result = NULL};
	struct ms_args_bytes args = {.object = ms_buf_span(&p->dir->cbor)};
	struct ms_request q = {
	    .operation = "policy.set", .table = &ms_args_bytes_table, .args = &args, .base = "policy", .base_version = p->now.version};
	enum ms_rc rc = ms_remote_ask(c, &q, &r, err);
	return rc == MS_OK ? ms_remote_done(c, &r, "policy", err) : rc;
}

/* Reference sets first: a policy never names what is not there yet. */
enum ms_rc
ms_policy_run_apply(struct ms_cli *c, struct ms_err *err)
{
	MS_OWN(plan_fini) struct plan p = {.dir = NULL};
	MS_OWN(ms_json_free) json_t *warnings = json_array();
	enum ms_rc rc = make_plan(c, c->arg[0], &p, err);
	if (rc != MS_OK)
		return rc;
	ms_policy_dir_warn(c, p.dir, warnings);
	if (plan_empty(&p))
		return ms_out_done(c, NULL, "nothing to do: version %llu is what %s says", (unsigned long long)p.now.version, p.dir->path);
	if (!c->json)
		print_plan(c, c->errout, &p);
	if (ms_cli_option(c, "yes") == NULL)
		rc = ms_cli_confirm(c, "Put this in force?", err);
	if (rc == MS_OK)
		rc = set_references(c, &p, err);
	if (rc == MS_OK && p.policy_differs)
		return set_policy(c, &p, err);
	return rc == MS_OK ? ms_out_done(c, NULL, "%zu reference sets are set", json_array_size(p.references)) : rc;
}

/* ---- drift ---- */

enum ms_rc
ms_policy_run_drift(struct ms_cli *c, struct ms_err *err)
{
	MS_OWN(plan_fini) struct plan p = {.dir = NULL};
	enum ms_rc rc = make_plan(c, c->n_args > 0 ? c->arg[0] : ".", &p, err);
	if (rc != MS_OK)
		return rc;
	c->refused = !plan_empty(&p);
	if (c->json) {
		MS_OWN(ms_json_free) json_t *j = plan_json(&p);
		return ms_out_json(c, j, err);
	}
	if (!c->refused) {
		(void)fprintf(c->out, "no drift: policy %s version %llu and %zu reference sets are what %s says\n",
		    ms_policy_settings(p.dir->policy)->name, (unsigned long long)p.now.version, p.dir->reference_files.n, p.dir->path);
		return MS_OK;
	}
	(void)fprintf(c->out, "%sdrift%s: what runs is not what %s says; to make it so:\n", c->colour ? "\033[31m" : "",
	    c->colour ? "\033[0m" : "", p.dir->path);
	print_plan(c, c->out, &p);
	print_running(c, c->out, &p);
	return MS_OK;
}
