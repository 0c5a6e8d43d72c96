/* evidence verify --policy: what a policy directory says of evidence that agrees. */
#include <string.h>

#include "cli/evidence_work.h"
#include "policy/policy.h"

static void
on_step(void *ctx, const struct ms_policy_step *step)
{
	struct ms_evidence_work *w = ctx;
	(void)json_array_append_new(w->steps, json_pack("{s:s, s:s, s:s, s:s}", "outcome", ms_step_outcome_name(step->outcome), "rule",
						  step->rule, "requirement", step->requirement, "detail", step->detail));
}

static struct ms_span
option_span(const struct ms_cli *c, const char *name, const char *absent)
{
	const char *s = ms_cli_option(c, name);
	return ms_span_str(s != NULL ? s : absent);
}

static struct ms_policy_input
input_of(struct ms_evidence_work *w)
{
	const struct ms_cli *c = w->c;
	return (struct ms_policy_input){.policy = w->policy->policy,
	    .device = {.tenant = option_span(c, "tenant", "default"),
		.device = option_span(c, "device", ""),
		.model = option_span(c, "model", ""),
		.serial = option_span(c, "serial", ""),
		.batch = option_span(c, "batch", ""),
		.state = ms_span_str("trusted"),
		.listed = true},
	    .claims = w->claims,
	    .reference = ms_policy_dir_lookup,
	    .reference_ctx = w->policy};
}

static enum ms_rc
add_key(void *ctx, struct ms_span der, struct ms_err *err)
{
	return ms_ima_keyring_add(ctx, der, err);
}

enum ms_rc
ms_evidence_policy_keys(struct ms_evidence_work *w)
{
	struct ms_policy_input in = input_of(w);
	enum ms_rc rc = ms_cli_time(w->c, "time", &in.now_s, w->err);
	if (rc == MS_OK && w->keys == NULL)
		rc = ms_ima_keyring_new(&w->keys, w->err);
	return rc == MS_OK ? ms_policy_ima_keys(&in, add_key, w->keys, w->err) : rc;
}

static enum ms_rc
judge(struct ms_evidence_work *w, struct ms_verdict *ret)
{
	struct ms_pcrs pcrs;
	const struct ms_appraisal *a = w->agree.appraisal;
	const struct ms_pcr_bank *b = ms_pcr_banks_find(&w->agree.banks, MS_TPM_ALG_SHA256);
	struct ms_policy_input in = input_of(w);
	if (b == NULL)
		return ms_fail(
		    w->err, MS_ERR_USAGE, "a policy judges the SHA-256 bank: the quote must cover it, and its values be known (--pcrs)");
	enum ms_rc rc = ms_cli_time(w->c, "time", &in.now_s, w->err);
	if (rc == MS_OK)
		rc = ms_pcr_bank_sha256(b, &pcrs, w->err);
	if (rc != MS_OK)
		return rc;
	in.pcrs = &pcrs;
	in.step = on_step;
	in.step_ctx = w;
	if (a->has_boot || a->has_ima)
		in.appraisal = a;
	for (size_t i = a->n_files; i > 0 && a->file[i - 1].entry >= w->agree.ima_used; i--)
		in.late_files++;
	return ms_policy_judge(&in, ret, w->err);
}

/* As the server: a quote that leaves out what the policy asks for proves too little to judge by. */
static bool
quotes_enough(struct ms_evidence_work *w)
{
	char text[160];
	const struct ms_pcr_bank *b = ms_pcr_banks_find(&w->agree.banks, MS_TPM_ALG_SHA256);
	uint32_t missing = ms_policy_settings(w->policy->policy)->attest_mask & ~(b != NULL ? b->mask : 0);
	if (b == NULL || missing == 0)
		return true; /* judge() says what is wrong with no bank at all */
	ms_pcr_mask_text(missing, text, sizeof text);
	(void)ms_fail(w->err, MS_ERR_DENIED, "the policy asks for PCR %s (sha256), which the quote leaves out", text);
	(void)ms_evidence_refuse(w, ms_evidence_reason_name(MS_EVIDENCE_PCR_SELECTION));
	return false;
}

enum ms_rc
ms_evidence_judge(struct ms_evidence_work *w)
{
	if (!quotes_enough(w))
		return MS_OK;
	char text[MS_VERDICT_TEXT_LEN];
	struct ms_verdict v;
	json_t *reasons = json_array();
	enum ms_rc rc = judge(w, &v);
	if (rc != MS_OK) {
		json_decref(reasons);
		return rc;
	}
	ms_report_text(&w->report, "policy", "%s", v.policy);
	ms_report_text(&w->report, "rule", "%s", v.rule[0] != '\0' ? v.rule : "none matches");
	ms_report_text(&w->report, "verdict", "%s", ms_outcome_name(v.outcome));
	if (v.reference[0] != '\0')
		ms_report_text(&w->report, "reference", "%s", v.reference);
	for (size_t i = 0; i < v.n_reasons + v.n_waived; i++) {
		if (i < v.n_reasons)
			ms_verdict_reason_text(&v, i, true, text);
		else
			ms_verdict_waived_text(&v, i - v.n_reasons, true, text);
		(void)json_array_append_new(reasons, json_string(text));
	}
	if (json_array_size(reasons) > 0)
		ms_report_put(&w->report, "reasons", reasons);
	else
		json_decref(reasons);
	if (v.outcome == MS_OUTCOME_PASS)
		return MS_OK;
	w->reason = v.n_reasons > 0 ? ms_policy_code_name(v.reason[0].code) : "denied";
	(void)snprintf(w->detail, sizeof w->detail, "policy %s: %s: %s", v.policy, ms_outcome_name(v.outcome),
	    v.n_reasons > 0 ? ms_policy_code_text(v.reason[0].code) : "no rule admits it");
	return MS_OK;
}

void
ms_evidence_print_steps(struct ms_evidence_work *w)
{
	static const struct {
		const char *outcome, *colour;
	} colours[] = {{"holds", "\033[32m"}, {"missing", "\033[33m"}, {"fails", "\033[31m"}, {"waived", "\033[33m"}, {"info", ""}};
	const json_t *s;
	size_t i;
	if (json_array_size(w->steps) == 0)
		return;
	(void)fputs("rule by rule\n", w->c->out);
	json_array_foreach(w->steps, i, s)
	{
		const char *outcome = ms_json_text(s, "outcome"), *colour = "";
		for (size_t k = 0; k < sizeof colours / sizeof *colours; k++)
			if (strcmp(colours[k].outcome, outcome) == 0)
				colour = colours[k].colour;
		(void)fprintf(
		    w->c->out, "  %s%-8s%s ", w->c->colour ? colour : "", outcome, w->c->colour && *colour != '\0' ? "\033[0m" : "");
		ms_out_text(w->c->out, ms_json_text(s, "rule"));
		(void)fprintf(w->c->out, "%s%s: ", ms_json_text(s, "rule")[0] != '\0' ? " " : "", ms_json_text(s, "requirement"));
		ms_out_text(w->c->out, ms_json_text(s, "detail"));
		(void)fputc('\n', w->c->out);
	}
}
