/* evidence verify: quote, boot log and IMA list from files: do they agree, and what does a policy say of them? */
#include <string.h>

#include "base/clock.h"
#include "cli/policydir.h"
#include "cli/quote_files.h"
#include "cli/tpmcert_files.h"
#include "evidence/agree.h"
#include "policy/policy.h"

#define KEYRING_FILE_MAX (1u << 20)

struct work {
	struct ms_cli *c;
	struct ms_err *err;
	struct ms_report report;
	struct ms_quote_files files;
	struct ms_quotefile quote;
	struct ms_buf boot_log, ima;
	struct ms_ima_keyring *keys;
	struct ms_agree agree;
	struct ms_claims *claims;     /* of the AK's certificate, and what kind of evidence this is */
	struct ms_policy_dir *policy; /* NULL: none was given */
	json_t *steps;                /* of the policy */
	bool certified;               /* the AK, by somebody whom --roots trusts */
	const char *reason;           /* of a refusal; NULL while all is well */
	char detail[MS_ERR_TEXT_MAX];
};

static void
work_fini(struct work *w)
{
	ms_report_fini(&w->report);
	ms_quote_files_fini(&w->files);
	ms_buf_fini(&w->boot_log);
	ms_buf_fini(&w->ima);
	ms_ima_keyring_free(w->keys);
	ms_agree_fini(&w->agree);
	ms_claims_free(w->claims);
	ms_policy_dir_free(w->policy);
	json_decref(w->steps);
}
MS_CLEANUP_FINI(struct work, work_fini)

static enum ms_rc
load_keys(struct work *w)
{
	const char *path;
	enum ms_rc rc = MS_OK;
	for (size_t i = 0; rc == MS_OK && (path = ms_cli_option_at(w->c, "ima-key", i)) != NULL; i++) {
		MS_OWN(ms_buf_fini) struct ms_buf file = {0};
		ms_buf_init(&file, KEYRING_FILE_MAX);
		if (w->keys == NULL)
			rc = ms_ima_keyring_new(&w->keys, w->err);
		if (rc == MS_OK)
			rc = ms_cli_read_file(path, KEYRING_FILE_MAX, &file, w->err);
		if (rc == MS_OK && ms_ima_keyring_add(w->keys, ms_buf_span(&file), w->err) != MS_OK)
			rc = ms_prefix(w->err, MS_ERR_USAGE, "%s", path);
	}
	return rc;
}

static enum ms_rc
load(struct work *w)
{
	const char *policy = ms_cli_option(w->c, "policy");
	ms_buf_init(&w->boot_log, MS_BOOTLOG_BYTES_LIMIT);
	ms_buf_init(&w->ima, MS_AGREE_IMA_BYTES);
	enum ms_rc rc = ms_report_init(&w->report, w->err);
	if (rc == MS_OK)
		rc = ms_claims_new(&w->claims, w->err);
	if (rc == MS_OK)
		rc = ms_quote_files_load(w->c, &w->files, w->err);
	if (rc == MS_OK)
		rc = ms_cli_option_file(w->c, "boot-log", MS_BOOTLOG_BYTES_LIMIT, &w->boot_log, w->err);
	if (rc == MS_OK)
		rc = ms_cli_option_file(w->c, "ima", MS_AGREE_IMA_BYTES, &w->ima, w->err);
	if (rc == MS_OK)
		rc = load_keys(w);
	if (rc == MS_OK && policy != NULL)
		rc = ms_policy_dir_load(policy, &w->policy, w->err);
	w->steps = json_array();
	return rc;
}

static enum ms_rc
refuse(struct work *w, const char *reason)
{
	w->reason = reason;
	(void)snprintf(w->detail, sizeof w->detail, "%s", w->err->text);
	return MS_OK;
}

/* ---- the AK's certificate ---- */

static enum ms_rc
check_certificate(struct work *w)
{
	const char *path = ms_cli_option(w->c, "ak-cert");
	MS_OWN(ms_tpmcert_files_fini) struct ms_tpmcert_files f = {.roots = NULL};
	struct ms_tpmcert t;
	unsigned why = MS_X509_OK;
	if (path == NULL)
		return MS_OK;
	enum ms_rc rc = ms_tpmcert_files_load(w->c, path, NULL, &f, w->err);
	if (rc != MS_OK)
		return rc;
	f.params.any_kind = true;
	f.params.key_spki = ms_pubkey_spki(ms_quotekey_public(w->files.ak));
	rc = ms_tpmcert_verify(&f.params, &t, &why, w->err);
	if (rc != MS_OK)
		return why == MS_X509_FAULT ? rc : refuse(w, ms_tpmcert_reason_name(why));
	if (t.kind == MS_TPMCERT_EK || t.kind == MS_TPMCERT_IDEVID) {
		(void)ms_fail(w->err, MS_ERR_AUTH, "the certificate is of an %s key, which signs no quotes", ms_tpmcert_kind_name(t.kind));
		return refuse(w, "wrong-purpose");
	}
	w->certified = true;
	ms_report_text(&w->report, "ak-certificate", "%s, by %s", ms_tpmcert_kind_name(t.kind), t.chain.root);
	return ms_tpmcert_claims(&t, w->claims, w->err);
}

/* What kind of evidence this is, for policy. Without its certificate the AK is only what the caller says it is. */
static enum ms_rc
stamp(struct work *w)
{
	const char *assurance = w->certified ? "hardware" : "software";
	enum ms_rc rc = ms_claims_add_text(w->claims, "attester.kind", true, ms_span_str("tpm"), w->err);
	return rc == MS_OK ? ms_claims_add_text(w->claims, "attester.assurance", true, ms_span_str(assurance), w->err) : rc;
}

/* ---- agreement ---- */

static void
add_mask(struct work *w, const char *key, size_t offset)
{
	char text[160], line[256];
	json_t *list = json_array();
	for (size_t i = 0; i < w->agree.n; i++) {
		uint32_t mask;
		memcpy(&mask, (const char *)&w->agree.bank[i] + offset, sizeof mask);
		const struct ms_bank_alg *a = ms_bank_alg_of(w->agree.bank[i].alg);
		if (mask == 0)
			continue;
		ms_pcr_mask_text(mask, text, sizeof text);
		(void)snprintf(line, sizeof line, "%s: %s", a != NULL ? a->name : "another bank", text);
		(void)json_array_append_new(list, json_string(line));
	}
	if (json_array_size(list) > 0)
		ms_report_put(&w->report, key, list);
	else
		json_decref(list);
}

static void
report_agreement(struct work *w)
{
	const struct ms_agree *a = &w->agree;
	bool log = ms_cli_option(w->c, "boot-log") != NULL, ima = ms_cli_option(w->c, "ima") != NULL;
	ms_report_text(&w->report, "pcr-values", "%s",
	    a->derived        ? "computed from the logs"
	    : a->banks.n == 0 ? "not known"
			      : "given, and quoted");
	if (log)
		ms_report_uint(&w->report, "boot-events", a->boot_events);
	if (ima) {
		ms_report_uint(&w->report, "ima-entries", a->ima_entries);
		ms_report_uint(&w->report, "ima-quoted", a->ima_used);
		ms_report_text(&w->report, "boot-aggregate", "%s", ms_ima_aggregate_name(a->aggregate));
	}
	add_mask(w, "contradicted", offsetof(struct ms_agree_bank, contradicted));
	add_mask(w, "unexplained", offsetof(struct ms_agree_bank, unexplained));
	for (size_t i = 0; i < a->n; i++)
		if (a->bank[i].unexplained != 0) {
			ms_report_note(&w->report, "unexplained: no log that was given speaks of these PCRs, and something extended them");
			break;
		}
	for (size_t i = 0; log && i < a->n; i++)
		if (a->bank[i].log_lacks)
			ms_report_note(&w->report, "the boot log has no digests of bank 0x%04x", a->bank[i].alg);
	if (ima && a->ima_entries > a->ima_used && w->reason == NULL)
		ms_report_note(&w->report, "the last %u IMA entries came after the quote: nothing proves them, and they were not judged",
		    a->ima_entries - a->ima_used);
}

static enum ms_rc
check_agreement(struct work *w)
{
	struct ms_agree_input in = {.quote = &w->quote,
	    .has_boot_log = ms_cli_option(w->c, "boot-log") != NULL,
	    .has_ima = ms_cli_option(w->c, "ima") != NULL,
	    .boot_log = ms_buf_span(&w->boot_log),
	    .ima = ms_buf_span(&w->ima),
	    .keys = w->keys};
	const char *reason = NULL;
	enum ms_rc rc = ms_agree_check(&in, &w->agree, &reason, w->err);
	if (rc != MS_OK && reason == NULL)
		return rc;
	if (rc != MS_OK)
		(void)refuse(w, reason);
	report_agreement(w);
	return MS_OK;
}

/* ---- policy ---- */

static void
on_step(void *ctx, const struct ms_policy_step *step)
{
	struct work *w = ctx;
	(void)json_array_append_new(w->steps, json_pack("{s:s, s:s, s:s, s:s}", "outcome", ms_step_outcome_name(step->outcome), "rule",
						  step->rule, "requirement", step->requirement, "detail", step->detail));
}

static struct ms_span
option_span(const struct ms_cli *c, const char *name, const char *absent)
{
	const char *s = ms_cli_option(c, name);
	return ms_span_str(s != NULL ? s : absent);
}

static enum ms_rc
judge(struct work *w, struct ms_verdict *ret)
{
	struct ms_cli *c = w->c;
	struct ms_pcrs pcrs;
	const struct ms_pcr_bank *b = ms_pcr_banks_find(&w->agree.banks, MS_TPM_ALG_SHA256);
	struct ms_policy_input in = {.policy = w->policy->policy,
	    .device = {.tenant = option_span(c, "tenant", "default"),
		.device = option_span(c, "device", ""),
		.model = option_span(c, "model", ""),
		.serial = option_span(c, "serial", ""),
		.batch = option_span(c, "batch", ""),
		.state = ms_span_str("trusted"),
		.listed = true},
	    .claims = w->claims,
	    .reference = ms_policy_dir_lookup,
	    .reference_ctx = w->policy,
	    .step = on_step,
	    .step_ctx = w};
	if (b == NULL)
		return ms_fail(
		    w->err, MS_ERR_USAGE, "a policy judges the SHA-256 bank: the quote must cover it, and its values be known (--pcrs)");
	enum ms_rc rc = ms_cli_time(c, "time", &in.now_s, w->err);
	if (rc == MS_OK)
		rc = ms_pcr_bank_sha256(b, &pcrs, w->err);
	if (rc != MS_OK)
		return rc;
	in.pcrs = &pcrs;
	if (w->agree.appraisal->has_boot || w->agree.appraisal->has_ima)
		in.appraisal = w->agree.appraisal;
	for (size_t i = w->agree.appraisal->n_files; i > 0 && w->agree.appraisal->file[i - 1].entry >= w->agree.ima_used; i--)
		in.late_files++;
	return ms_policy_judge(&in, ret, w->err);
}

static enum ms_rc
run_policy(struct work *w)
{
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

/* ---- the answer ---- */

static void
print_steps(struct work *w)
{
	static const struct {
		const char *outcome, *colour;
	} colours[] = {{"holds", "\033[32m"}, {"missing", "\033[33m"}, {"fails", "\033[31m"}, {"waived", "\033[33m"}, {"info", ""}};
	const json_t *s;
	size_t i;
	if (json_array_size(w->steps) == 0)
		return;
	if (w->c->json) {
		ms_report_put(&w->report, "steps", json_incref(w->steps));
		return;
	}
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

static enum ms_rc
answer(struct work *w)
{
	bool logs = ms_cli_option(w->c, "boot-log") != NULL || ms_cli_option(w->c, "ima") != NULL;
	enum ms_rc rc = w->agree.appraisal != NULL ? ms_claims_merge(w->claims, w->agree.appraisal->claims, w->err) : MS_OK;
	if (rc != MS_OK)
		return rc;
	if (w->agree.banks.n > 0)
		ms_report_pcrs(&w->report, &w->agree.banks);
	if (w->reason == NULL || w->policy != NULL) /* what does not agree says nothing */
		ms_report_claims(&w->report, w->claims);
	if (w->policy == NULL && w->reason == NULL)
		ms_report_note(&w->report, "without --policy nothing was judged: whether this state is a good one is not said");
	if (w->policy != NULL && !w->certified)
		ms_report_note(&w->report, "the AK came without a certificate (--ak-cert): its assurance counts as software");
	print_steps(w);
	if (w->reason != NULL)
		return ms_report_refuse(w->c, &w->report, w->reason, w->detail, w->err);
	return ms_report_accept(w->c, &w->report,
	    w->policy != NULL ? "the evidence is genuine, and the policy is satisfied"
	    : logs            ? "everything agrees; nothing was judged"
			      : "the quote is genuine; there was no log, and nothing was judged",
	    w->err);
}

static enum ms_rc
run_tpm(struct work *w)
{
	enum ms_evidence_reason why = MS_EVIDENCE_NONE;
	enum ms_rc rc = load(w);
	if (rc != MS_OK)
		return rc;
	rc = ms_quote_files_verify(&w->files, &w->quote, &why, w->err);
	if (rc != MS_OK && why == MS_EVIDENCE_FAULT)
		return rc;
	if (rc != MS_OK)
		return ms_report_refuse(w->c, &w->report, ms_evidence_reason_name(why), w->err->text, w->err);
	ms_quote_report(&w->files, &w->quote, &w->report);
	rc = check_certificate(w);
	if (rc == MS_OK)
		rc = stamp(w);
	if (rc == MS_OK && w->reason == NULL)
		rc = check_agreement(w);
	if (rc == MS_OK && w->reason == NULL && w->policy != NULL)
		rc = run_policy(w);
	return rc == MS_OK ? answer(w) : rc;
}

static enum ms_rc
run_verify(struct ms_cli *c, struct ms_err *err)
{
	MS_OWN(work_fini) struct work w = {.c = c, .err = err};
	return run_tpm(&w);
}

static const struct ms_cli_option verify_options[] = {MS_QUOTE_OPTIONS, {"boot-log", "FILE", "TCG boot log: binary_bios_measurements"},
    {"ima", "FILE", "IMA list, ASCII or binary; it may have grown after the quote"},
    {"ima-key", "FILE", "public key or certificate that signs files (PEM or DER); may be given again"},
    {"policy", "DIR", "judge by this policy directory; without it only agreement is checked"},
    {"device", "ID", "with --policy: the device's id"}, {"model", "NAME", "with --policy: the device's model"},
    {"serial", "TEXT", "with --policy: its serial number"}, {"batch", "NAME", "with --policy: the batch that it came in"},
    {"ak-cert", "FILE", "certificate of the AK (PEM or DER): it must chain to --roots and be for --ak"},
    {"roots", "DIR", "trusted roots of --ak-cert"},
    {"chain", "FILE", "certificates that help to build the chain; never trusted by themselves"}, MS_TPMCERT_OPTIONS, {NULL, NULL, NULL}};

const struct ms_command ms_commands_evidence[] = {
    {.noun = "evidence",
	.verb = "verify",
	.run = run_verify,
	.help = "check that quote, boot log and IMA list agree, and judge them by a policy (offline)",
	.args = "",
	.options = verify_options,
	.example = "muster evidence verify --quote quote.attest --signature quote.sig --ak ak.pub --nonce 0011aabb --pcrs quote.pcrs "
		   "--boot-log binary_bios_measurements --ima ima_binary --policy policy/ --model m1"},
    {.noun = NULL},
};
