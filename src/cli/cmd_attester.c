/* attester list, and evidence verify --attester: evidence of other kinds than TPM quotes, from files alone. */
#include "cli/attester.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/policydir.h"
#include "cli/report.h"
#include "evidence/attester.h"
#include "evidence/tdxlog.h"
#include "proto/root.h"

#define FILE_MAX (8u << 20) /* CRLs are the largest */

struct work {
	struct ms_cli *c;
	struct ms_buf evidence, proof, boot_log;
	struct ms_buf file[2 * MS_ATTESTER_FILES_MAX]; /* what the spans below borrow from */
	size_t n_files;
	struct ms_span anchor[MS_ATTESTER_FILES_MAX], endorsement[MS_ATTESTER_FILES_MAX];
	uint8_t nonce[64];
	struct ms_attester_input in;
	struct ms_claims *claims;
	struct ms_policy_dir *policy; /* NULL: none was given */
	struct ms_root *root;         /* join tokens: a deployment root in place of an operator's key */
	struct ms_report report;
};

static void
work_fini(struct work *w)
{
	ms_buf_fini(&w->evidence);
	ms_buf_fini(&w->proof);
	ms_buf_fini(&w->boot_log);
	for (size_t i = 0; i < w->n_files; i++)
		ms_buf_fini(&w->file[i]);
	ms_claims_free(w->claims);
	ms_policy_dir_free(w->policy);
	ms_root_free(w->root);
	ms_report_fini(&w->report);
}
MS_CLEANUP_FINI(struct work, work_fini)

static enum ms_rc
add_file(struct work *w, const char *path, struct ms_span *list, size_t *n, struct ms_err *err)
{
	if (*n == MS_ATTESTER_FILES_MAX)
		return ms_fail(err, MS_ERR_USAGE, "%s: more than %u roots, keys and CRLs, or more certificates than that", path,
		    MS_ATTESTER_FILES_MAX);
	struct ms_buf *b = &w->file[w->n_files++];
	ms_buf_init(b, FILE_MAX);
	enum ms_rc rc = ms_cli_read_file(path, FILE_MAX, b, err);
	if (rc == MS_OK)
		list[(*n)++] = ms_buf_span(b);
	return rc;
}

static bool
is_trust_file(const char *name)
{
	static const char *const endings[] = {".pem", ".crt", ".cer", ".der", ".crl"};
	size_t n = strlen(name);
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
		if (n > 4 && name[0] != '.' && strcmp(name + n - 4, endings[i]) == 0)
			return true;
	return false;
}

/* A file, or all certificates and CRLs of a directory. */
static enum ms_rc
add_roots(struct work *w, const char *path, struct ms_err *err)
{
	struct stat st;
	struct dirent **names = NULL;
	enum ms_rc rc = MS_OK;
	if (stat(path, &st) != 0)
		return ms_fail(err, MS_ERR_USAGE, "%s: %s", path, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return add_file(w, path, w->anchor, &w->in.n_anchors, err);
	size_t before = w->in.n_anchors;
	int n = scandir(path, &names, NULL, alphasort);
	if (n < 0)
		return ms_fail(err, MS_ERR_USAGE, "%s: %s", path, strerror(errno));
	for (int i = 0; i < n; i++) {
		char *full = NULL;
		if (rc == MS_OK && is_trust_file(names[i]->d_name)) {
			rc = asprintf(&full, "%s/%s", path, names[i]->d_name) < 0 ? ms_fail(err, MS_ERR_NOMEM, "roots") : MS_OK;
			if (rc == MS_OK)
				rc = add_file(w, full, w->anchor, &w->in.n_anchors, err);
			free(full);
		}
		free(names[i]);
	}
	free(names);
	if (rc == MS_OK && w->in.n_anchors == before)
		return ms_fail(err, MS_ERR_USAGE, "%s: no .pem, .crt, .cer, .der or .crl file in it", path);
	return rc;
}

/* A deployment root that was given as a key stands for the operators in it. */
static enum ms_rc
open_root(struct work *w, struct ms_err *err)
{
	for (size_t i = 0; i < w->in.n_anchors; i++) {
		if (ms_root_load(w->anchor[i], NULL, &w->root, NULL) != MS_OK)
			continue;
		if (w->in.n_anchors > 1)
			return ms_fail(err, MS_ERR_USAGE, "a deployment root beside other keys: give one of them");
		w->in.n_anchors = 0;
		for (size_t k = 0; k < w->root->n_operators && k < MS_ATTESTER_FILES_MAX; k++)
			w->anchor[w->in.n_anchors++] = ms_pubkey_spki(w->root->operators[k].key);
		return MS_OK;
	}
	return MS_OK;
}

static enum ms_rc
load_trust(struct work *w, struct ms_err *err)
{
	const char *path;
	enum ms_rc rc = MS_OK;
	for (size_t i = 0; rc == MS_OK && (path = ms_cli_option_at(w->c, "roots", i)) != NULL; i++)
		rc = add_roots(w, path, err);
	for (size_t i = 0; rc == MS_OK && (path = ms_cli_option_at(w->c, "key", i)) != NULL; i++)
		rc = add_file(w, path, w->anchor, &w->in.n_anchors, err);
	for (size_t i = 0; rc == MS_OK && (path = ms_cli_option_at(w->c, "crl", i)) != NULL; i++)
		rc = add_file(w, path, w->anchor, &w->in.n_anchors, err);
	for (size_t i = 0; rc == MS_OK && (path = ms_cli_option_at(w->c, "chain", i)) != NULL; i++)
		rc = add_file(w, path, w->endorsement, &w->in.n_endorsements, err);
	if (rc == MS_OK && w->in.n_anchors == 0)
		rc = ms_fail(err, MS_ERR_USAGE, "give what you trust: --roots DIR or FILE, or --key FILE");
	return rc;
}

static enum ms_rc
load(struct work *w, struct ms_err *err)
{
	const char *path;
	size_t n = 0;
	ms_buf_init(&w->evidence, MS_ATTESTER_EVIDENCE_MAX);
	ms_buf_init(&w->proof, MS_ATTESTER_EVIDENCE_MAX);
	ms_buf_init(&w->boot_log, MS_BOOTLOG_BYTES_LIMIT);
	enum ms_rc rc = ms_cli_need(w->c, "evidence", &path, err);
	if (rc == MS_OK)
		rc = ms_cli_read_file(path, MS_ATTESTER_EVIDENCE_MAX, &w->evidence, err);
	if (rc == MS_OK)
		rc = ms_cli_option_file(w->c, "proof", MS_ATTESTER_EVIDENCE_MAX, &w->proof, err);
	if (rc == MS_OK)
		rc = ms_cli_option_file(w->c, "boot-log", MS_BOOTLOG_BYTES_LIMIT, &w->boot_log, err);
	if (rc == MS_OK)
		rc = load_trust(w, err);
	if (rc == MS_OK)
		rc = open_root(w, err);
	if (rc == MS_OK && (path = ms_cli_option(w->c, "policy")) != NULL)
		rc = ms_policy_dir_load(path, &w->policy, err);
	if (rc == MS_OK && ms_cli_option(w->c, "nonce") != NULL)
		rc = ms_cli_hex(w->c, "nonce", w->nonce, sizeof w->nonce, &n, err);
	if (rc == MS_OK)
		rc = ms_cli_time(w->c, "time", &w->in.now_s, err);
	if (rc == MS_OK && ms_cli_option(w->c, "allow-expired") != NULL)
		w->in.now_s = 0;
	w->in.evidence = ms_buf_span(&w->evidence);
	w->in.proof = ms_buf_span(&w->proof);
	w->in.nonce = ms_span(w->nonce, n);
	w->in.anchor = w->anchor;
	w->in.endorsement = w->endorsement;
	return rc;
}

/* What it is worth, in words: an assurance below hardware is said first. */
static void
report_notes(struct work *w, const struct ms_attester *a)
{
	size_t from = 0;
	const struct ms_claim *least = ms_claims_next(w->claims, ms_span_str("attester.assurance"), &from);
	bool low = least != NULL && ms_span_eq(least->bytes, ms_span_str("low"));
	if (low && a->assurance == MS_ASSURANCE_LOW)
		ms_report_note(&w->report, "low assurance: this is an operator's word and a software key, not a device's hardware");
	else if (low)
		ms_report_note(
		    &w->report, "low assurance: it is in a state in which it can be debugged, so what it says of itself proves little");
	if (w->in.nonce.len == 0)
		ms_report_note(&w->report, "without --nonce nothing shows that this is not old");
	if (w->in.now_s == 0)
		ms_report_note(&w->report, "times were not looked at");
	if (w->policy == NULL)
		ms_report_note(&w->report, "no policy was applied: whether these claims are good enough was not judged");
}

static struct ms_span
claim_of(const struct work *w, const char *name)
{
	size_t from = 0;
	const struct ms_claim *c = ms_claims_next(w->claims, ms_span_str(name), &from);
	return c == NULL ? MS_SPAN_NONE : c->bytes;
}

/* The operator's key may be in the root of several deployments, and may speak for one tenant only. */
static bool
root_covers(const struct work *w)
{
	if (w->root == NULL)
		return true;
	return ms_span_eq(claim_of(w, "join.deployment"), ms_span(w->root->deployment, sizeof w->root->deployment)) &&
	       ms_root_operator(w->root, claim_of(w, "join.signer"), claim_of(w, "join.tenant")) != NULL;
}

/* What the registers of a TD's quote are made of. */
static enum ms_rc
explain(struct work *w, const struct ms_attester *a, const char **ret_reason, struct ms_err *err)
{
	uint32_t unexplained = 0;
	if (ms_cli_option(w->c, "boot-log") == NULL)
		return MS_OK;
	if (strcmp(a->name, "tdx") != 0)
		return ms_fail(err, MS_ERR_USAGE, "--boot-log: with --attester tdx only");
	enum ms_rc rc = ms_tdxlog_explain(ms_buf_span(&w->boot_log), NULL, w->claims, &unexplained, err);
	if (rc == MS_ERR_AUTH)
		*ret_reason = "log-does-not-replay";
	else if (rc == MS_ERR_MALFORMED || rc == MS_ERR_UNSUPPORTED || rc == MS_ERR_TOO_BIG)
		*ret_reason = "log-malformed";
	if (*ret_reason != NULL)
		return MS_OK;
	if (rc == MS_OK && unexplained != 0)
		ms_report_note(&w->report, "RTMR 3 was extended by something that the boot log does not speak of");
	return rc;
}

static struct ms_span
option_span(const struct work *w, const char *name)
{
	const char *s = ms_cli_option(w->c, name);
	return s == NULL ? MS_SPAN_NONE : ms_span_str(s);
}

/* All reasons, each as operators see it, into the report; the first one's name is the refusal's. */
static enum ms_rc
judge(struct work *w, struct ms_err *err)
{
	char text[MS_VERDICT_TEXT_LEN];
	struct ms_verdict v;
	const struct ms_policy_input in = {.policy = w->policy->policy,
	    .device = {.tenant = ms_span_str("default"),
		.device = option_span(w, "device"),
		.model = option_span(w, "model"),
		.serial = option_span(w, "serial"),
		.batch = option_span(w, "batch"),
		.listed = option_span(w, "batch").len > 0},
	    .claims = w->claims,
	    .now_s = w->in.now_s,
	    .reference = ms_policy_dir_lookup,
	    .reference_ctx = w->policy};
	enum ms_rc rc = ms_policy_judge(&in, &v, err);
	if (rc != MS_OK)
		return rc;
	ms_report_text(&w->report, "verdict", "%s", ms_outcome_name(v.outcome));
	ms_report_text(&w->report, "rule", "%s", v.rule[0] != '\0' ? v.rule : "none");
	json_t *reasons = json_array();
	for (size_t i = 0; i < v.n_reasons; i++) {
		ms_verdict_reason_text(&v, i, true, text);
		(void)json_array_append_new(reasons, json_string(text));
	}
	if (v.n_reasons > 0)
		ms_report_put(&w->report, "reasons", reasons);
	else
		json_decref(reasons);
	if (v.outcome == MS_OUTCOME_PASS)
		return ms_report_accept(w->c, &w->report, "genuine, and the policy passes it", err);
	ms_verdict_reason_text(&v, 0, true, text);
	return ms_report_refuse(w->c, &w->report, ms_policy_code_name(v.reason[0].code), text, err);
}

enum ms_rc
ms_cli_attester_verify(struct ms_cli *c, struct ms_err *err)
{
	MS_OWN(work_fini) struct work w = {.c = c};
	enum ms_attester_reason why;
	const char *name = ms_cli_option(c, "attester");
	const struct ms_attester *a = name == NULL ? NULL : ms_attester_find(ms_span_str(name));
	if (a == NULL || a->verify == NULL)
		return ms_fail(err, MS_ERR_USAGE, "--attester %s: see muster attester list", name == NULL ? "" : name);
	enum ms_rc rc = ms_report_init(&w.report, err);
	if (rc == MS_OK)
		rc = load(&w, err);
	if (rc != MS_OK)
		return rc;
	rc = ms_attester_verify(a, &w.in, &w.claims, &why, err);
	if (rc != MS_OK && why == MS_ATTESTER_FAULT)
		return rc;
	ms_report_text(&w.report, "attester", "%s", a->title);
	if (rc != MS_OK) {
		size_t skip = strlen(ms_attester_reason_name(why)) + 2; /* "reason: " is said already */
		const char *detail = err != NULL && strlen(err->text) > skip ? err->text + skip : ms_attester_reason_text(why);
		char text[MS_ERR_TEXT_MAX];
		(void)snprintf(text, sizeof text, "%s", detail);
		return ms_report_refuse(c, &w.report, ms_attester_reason_name(why), text, err);
	}
	if (!root_covers(&w))
		return ms_report_refuse(c, &w.report, ms_attester_reason_name(MS_ATTESTER_UNTRUSTED),
		    "the token is of another deployment than the root, or its operator may not act in this tenant", err);
	const char *reason = NULL;
	rc = explain(&w, a, &reason, err);
	if (rc != MS_OK)
		return rc;
	if (reason != NULL) {
		char text[MS_ERR_TEXT_MAX];
		(void)snprintf(text, sizeof text, "%s", err->text);
		return ms_report_refuse(c, &w.report, reason, text, err);
	}
	report_notes(&w, a);
	ms_report_claims(&w.report, w.claims);
	return w.policy != NULL ? judge(&w, err) : ms_report_accept(c, &w.report, "genuine, by what was given to trust", err);
}

static enum ms_rc
run_list(struct ms_cli *c, struct ms_err *err)
{
	static const struct ms_column columns[] = {{"name", "NAME", MS_COLUMN_TEXT}, {"assurance", "ASSURANCE", MS_COLUMN_TEXT},
	    {"title", "WHAT", MS_COLUMN_TEXT}, {"takes", "TAKES", MS_COLUMN_TEXT}, {NULL, NULL, MS_COLUMN_TEXT}};
	MS_OWN(ms_json_free) json_t *rows = json_array();
	const struct ms_attester *a;
	for (size_t i = 0; (a = ms_attester_at(i)) != NULL; i++)
		(void)json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:s}", "name", a->name, "assurance",
						      ms_assurance_name(a->assurance), "title", a->title, "takes", a->takes));
	return ms_out_table(c, rows, columns, err);
}

const struct ms_command ms_commands_attester[] = {
    {.noun = "attester",
	.verb = "list",
	.run = run_list,
	.help = "the kinds of evidence that can be verified, and what each takes (offline)",
	.args = "",
	.example = "muster attester list"},
    {.noun = NULL},
};
