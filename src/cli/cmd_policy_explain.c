/* policy explain: a verdict, rule by rule, over a device's last recorded evidence or an exported file. */
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "cli/evidence_remote.h"
#include "cli/policy_remote.h"
#include "cli/policydir.h"

struct explain {
	struct ms_policy_dir *dir; /* NULL: by the policy that runs */
	struct ms_running_policy running;
	struct ms_sets sets;
	struct ms_remote_evidence remote;
	struct ms_buf wire; /* of an exported file */
	struct ms_evidence_file file;
};

static void
explain_fini(struct explain *x)
{
	ms_sets_fini(&x->sets);
	ms_policy_dir_free(x->dir);
	ms_running_policy_fini(&x->running);
	ms_remote_evidence_fini(&x->remote);
	ms_buf_fini(&x->wire);
}
MS_CLEANUP_FINI(struct explain, explain_fini)

static enum ms_rc
load_evidence(struct ms_cli *c, struct explain *x, bool is_file, struct ms_err *err)
{
	if (!is_file) {
		enum ms_rc rc = ms_remote_evidence(c, c->arg[0], &x->remote, err);
		x->file = x->remote.file;
		return rc;
	}
	ms_buf_init(&x->wire, MS_EVIDENCE_FILE_MAX);
	enum ms_rc rc = ms_cli_read_file(c->arg[0], MS_EVIDENCE_FILE_MAX, &x->wire, err);
	if (rc == MS_OK)
		rc = ms_evidence_file_parse(ms_buf_span(&x->wire), &x->file, err);
	return rc == MS_OK ? rc : ms_prefix(err, rc, "%s", c->arg[0]);
}

/* With a directory and a file no server is asked. */
static enum ms_rc
load_policy(struct ms_cli *c, struct explain *x, bool is_file, struct ms_case_policy *ret, struct ms_err *err)
{
	const char *path = ms_cli_option(c, "policy");
	enum ms_rc rc = path != NULL ? ms_policy_dir_load(path, &x->dir, err) : ms_remote_policy(c, &x->running, err);
	x->sets = (struct ms_sets){.c = path != NULL && is_file ? NULL : c, .dir = x->dir};
	*ret = (struct ms_case_policy){.policy = path != NULL && rc == MS_OK ? x->dir->policy : x->running.policy,
	    .version = x->running.version,
	    .reference = ms_sets_lookup,
	    .reference_ctx = &x->sets};
	return rc;
}

static void
print_head(struct ms_cli *c, const struct explain *x)
{
	char when[MS_CLOCK_TEXT_LEN], text[400];
	const struct ms_evidence_file *f = &x->file;
	ms_clock_text(f->time_s, when);
	(void)snprintf(text, sizeof text, "%.*s (%.*s, model %.*s), evidence of %s", (int)f->device.len, (const char *)f->device.p,
	    (int)f->name.len, (const char *)f->name.p, (int)f->model.len, (const char *)f->model.p, when);
	ms_out_text(c->out, text);
	(void)fputc('\n', c->out);
	if (f->outcome.len == 0)
		return;
	(void)snprintf(text, sizeof text, "judged then: %.*s by policy %.*s version %llu", (int)f->outcome.len, (const char *)f->outcome.p,
	    (int)f->policy.len, f->policy.len > 0 ? (const char *)f->policy.p : "", (unsigned long long)f->policy_version);
	ms_out_text(c->out, text);
	(void)fputc('\n', c->out);
}

static enum ms_rc
print_explanation(struct ms_cli *c, const struct explain *x, const struct ms_verdict *v, json_t *steps, struct ms_err *err)
{
	if (c->json) {
		const struct ms_evidence_file *f = &x->file;
		MS_OWN(ms_json_free)
		json_t *j = json_pack("{s:s%, s:s%, s:I, s:s%, s:O, s:o}", "device", f->device.p, f->device.len, "model",
		    f->model.len > 0 ? (const char *)f->model.p : "", f->model.len, "time_s", (json_int_t)f->time_s, "judged_then",
		    f->outcome.len > 0 ? (const char *)f->outcome.p : "", f->outcome.len, "steps", steps, "verdict", ms_verdict_json(v));
		return ms_out_json(c, j, err);
	}
	print_head(c, x);
	(void)fputs("judged now by ", c->out);
	ms_out_text(c->out, x->dir != NULL ? x->dir->path : "the policy that runs");
	(void)fputs(":\n", c->out);
	ms_out_steps(c, c->out, steps, 0);
	ms_out_verdict(c, c->out, v, 0);
	return MS_OK;
}

enum ms_rc
ms_policy_run_explain(struct ms_cli *c, struct ms_err *err)
{
	MS_OWN(explain_fini) struct explain x = {.dir = NULL};
	MS_OWN(ms_case_fini) struct ms_case k;
	MS_OWN(ms_json_free) json_t *steps = json_array();
	struct ms_case_policy policy;
	struct ms_verdict v;
	struct stat st;
	bool is_file = stat(c->arg[0], &st) == 0 && !S_ISDIR(st.st_mode);
	ms_case_init(&k);
	enum ms_rc rc = load_evidence(c, &x, is_file, err);
	if (rc == MS_OK)
		rc = load_policy(c, &x, is_file, &policy, err);
	if (rc == MS_OK)
		rc = ms_case_take(&k, &x.file, err);
	ms_case_facts(&k, &x.file);
	if (rc == MS_OK)
		rc = ms_case_read_logs(&k, &policy, err);
	if (rc == MS_OK)
		rc = ms_case_judge(&k, &policy, steps, &v, err);
	if (rc != MS_OK)
		return rc;
	c->refused = v.outcome != MS_OUTCOME_PASS;
	return print_explanation(c, &x, &v, steps, err);
}
