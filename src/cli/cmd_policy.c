/* policy check, test, explain, simulate, plan, apply, drift, show: the table, and the two that only read a directory. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/policy_remote.h"
#include "cli/policydir.h"

static void
on_warning(void *ctx, const char *text)
{
	json_t *list = ctx;
	(void)json_array_append_new(list, json_string(text));
}

void
ms_policy_dir_warn(struct ms_cli *c, struct ms_policy_dir *d, json_t *warnings)
{
	struct ms_policy_known known = {.look = ms_policy_dir_lookup, .now_s = ms_clock_wall_s(), .ctx = d};
	size_t i;
	const json_t *w;
	(void)ms_policy_check(d->policy, &known, on_warning, warnings);
	if (c->json)
		return;
	json_array_foreach(warnings, i, w)
	{
		(void)fprintf(c->errout, "%swarning:%s ", c->colour ? "\033[33m" : "", c->colour ? "\033[0m" : "");
		ms_out_text(c->errout, json_string_value(w));
		(void)fputc('\n', c->errout);
	}
}

static json_t *
describe(const struct ms_policy_dir *d, json_t *warnings)
{
	const struct ms_policy_settings *s = ms_policy_settings(d->policy);
	char id[2 * MS_POLICY_ID_LEN + 1];
	ms_hex(s->id, MS_POLICY_ID_LEN, id);
	return json_pack("{s:s, s:s, s:I, s:I, s:O}", "policy", s->name, "id", id, "rules", (json_int_t)s->rules, "references",
	    (json_int_t)d->reference_files.n, "warnings", warnings);
}

static enum ms_rc
run_check(struct ms_cli *c, struct ms_err *err)
{
	MS_OWN(ms_policy_dir_free) struct ms_policy_dir *d = NULL;
	MS_OWN(ms_json_free) json_t *warnings = json_array();
	enum ms_rc rc = ms_policy_dir_load(c->arg[0], &d, err);
	if (rc != MS_OK)
		return rc;
	ms_policy_dir_warn(c, d, warnings);
	MS_OWN(ms_json_free) json_t *more = describe(d, warnings);
	const struct ms_policy_settings *s = ms_policy_settings(d->policy);
	return ms_out_done(c, more, "policy %s is good: %zu rules, %zu reference sets", s->name, s->rules, d->reference_files.n);
}

static enum ms_rc
print_policy(struct ms_cli *c, const struct ms_policy *p, json_t *row, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf yaml = {0};
	ms_buf_init(&yaml, 4 * MS_POLICY_YAML_MAX);
	enum ms_rc rc = ms_policy_print(p, &yaml, err);
	ms_buf_u8(&yaml, 0);
	if (rc == MS_OK)
		rc = ms_buf_check(&yaml, err);
	if (rc != MS_OK)
		return rc;
	if (c->json) {
		MS_OWN(ms_json_free) json_t *j = json_copy(row);
		(void)json_object_set_new(j, "yaml", json_string((const char *)yaml.p));
		(void)json_object_set_new(j, "name", json_string(ms_policy_settings(p)->name));
		return ms_out_json(c, j, err);
	}
	(void)fprintf(c->out, "# version %llu\n%s", (unsigned long long)ms_json_uint(row, "version"), (const char *)yaml.p);
	return MS_OK;
}

static enum ms_rc
show_dir(struct ms_cli *c, struct ms_err *err)
{
	MS_OWN(ms_policy_dir_free) struct ms_policy_dir *d = NULL;
	enum ms_rc rc = ms_policy_dir_load(c->arg[0], &d, err);
	char *hex = rc == MS_OK ? malloc(2 * d->cbor.len + 1) : NULL;
	if (rc == MS_OK && hex == NULL)
		rc = ms_fail(err, MS_ERR_NOMEM, "policy");
	if (rc != MS_OK)
		return rc;
	ms_hex(d->cbor.p, d->cbor.len, hex);
	MS_OWN(ms_json_free) json_t *row = json_pack("{s:s, s:i}", "object", hex, "version", 0);
	free(hex);
	return print_policy(c, d->policy, row, err);
}

static enum ms_rc
run_show(struct ms_cli *c, struct ms_err *err)
{
	MS_OWN(ms_running_policy_fini) struct ms_running_policy p = {.version = 0};
	if (c->n_args == 1)
		return show_dir(c, err);
	enum ms_rc rc = ms_remote_policy(c, &p, err);
	if (rc != MS_OK)
		return rc;
	if (p.policy == NULL)
		return ms_out_done(c, p.reply.result, "no policy is set: every device is denied");
	return print_policy(c, p.policy, p.reply.result, err);
}

static const struct ms_cli_option apply_options[] = {{"yes", NULL, "do not ask"}, {NULL, NULL, NULL}};

static const struct ms_cli_option explain_options[] = {
    {"policy", "DIR", "judge by this directory, not by the policy that runs"}, {NULL, NULL, NULL}};
static const struct ms_cli_option simulate_options[] = {
    {"since", "TIME", "all evidence since then (2026-12-31, 36h, 7d); without it the last of each device"}, {NULL, NULL, NULL}};

#define ROW(a_verb, a_run, a_help, a_args, least, most, opts, ex) \
	{ \
		.noun = "policy", .verb = a_verb, .run = a_run, .help = a_help, .args = a_args, .min_args = least, .max_args = most, \
		.options = opts, .example = ex \
	}
const struct ms_command ms_commands_policy[] = {
    ROW("check", run_check, "compile the policy in DIR and warn of what it cannot mean (offline)", "DIR", 1, 1, NULL,
	"muster policy check policy/"),
    ROW("test", ms_policy_run_test, "run the tests in DIR/tests: evidence in, verdict expected (offline)", "DIR", 1, 1, NULL,
	"muster policy test policy/"),
    ROW("explain", ms_policy_run_explain, "say rule by rule how evidence is judged, and what would be accepted", "DEVICE|EVIDENCE", 1, 1,
	explain_options, "muster policy explain press-17"),
    ROW("simulate", ms_policy_run_simulate, "judge recorded evidence by DIR: which devices' verdicts would change, and why", "DIR", 1, 1,
	simulate_options, "muster policy simulate policy/ --since 7d"),
    ROW("plan", ms_policy_run_plan, "say what applying DIR would change, and which devices it concerns", "DIR", 1, 1, NULL,
	"muster policy plan policy/"),
    ROW("apply", ms_policy_run_apply, "compile the policy in DIR, sign it and put it in force, with its reference sets", "DIR", 1, 1,
	apply_options, "muster policy apply policy/"),
    ROW("drift", ms_policy_run_drift, "refuse when what runs is not what DIR says (default: .); for cron and CI", "[DIR]", 0, 1, NULL,
	"muster policy drift policy/"),
    ROW("show", run_show, "print the policy in force, or the one in DIR", "[DIR]", 0, 1, NULL, "muster policy show"),
    {.noun = NULL},
};
