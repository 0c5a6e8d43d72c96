/* evidence verify: quote, boot log and IMA list from files: do they agree, and what does a policy say of them? */
#include <string.h>

#include "cli/attester.h"
#include "cli/evidence_work.h"
#include "cli/tpmcert_files.h"
#include "evidence/attester.h"

#define KEYRING_FILE_MAX (1u << 20)

static void
work_fini(struct ms_evidence_work *w)
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
MS_CLEANUP_FINI(struct ms_evidence_work, work_fini)

static enum ms_rc
load_keys(struct ms_evidence_work *w)
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
load(struct ms_evidence_work *w)
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

enum ms_rc
ms_evidence_refuse(struct ms_evidence_work *w, const char *reason)
{
	w->reason = reason;
	(void)snprintf(w->detail, sizeof w->detail, "%s", w->err->text);
	return MS_OK;
}

/* ---- the AK's certificate ---- */

static enum ms_rc
check_certificate(struct ms_evidence_work *w)
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
		return why == MS_X509_FAULT ? rc : ms_evidence_refuse(w, ms_tpmcert_reason_name(why));
	if (t.kind == MS_TPMCERT_EK || t.kind == MS_TPMCERT_IDEVID) {
		(void)ms_fail(w->err, MS_ERR_AUTH, "the certificate is of an %s key, which signs no quotes", ms_tpmcert_kind_name(t.kind));
		return ms_evidence_refuse(w, "wrong-purpose");
	}
	w->certified = true;
	ms_report_text(&w->report, "ak-certificate", "%s, by %s", ms_tpmcert_kind_name(t.kind), t.chain.root);
	return ms_tpmcert_claims(&t, w->claims, w->err);
}

/* What kind of evidence this is, for policy. Without its certificate the AK is only what the caller says it is. */
static enum ms_rc
stamp(struct ms_evidence_work *w)
{
	return ms_attester_stamp(
	    ms_attester_find(ms_span_str("tpm")), w->certified ? MS_ASSURANCE_HARDWARE : MS_ASSURANCE_SOFTWARE, w->claims, w->err);
}

/* ---- agreement ---- */

static void
add_mask(struct ms_evidence_work *w, const char *key, size_t offset)
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
report_agreement(struct ms_evidence_work *w)
{
	const struct ms_agree *a = &w->agree;
	bool log = ms_cli_option(w->c, "boot-log") != NULL, ima = ms_cli_option(w->c, "ima") != NULL;
	char text[160];
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
	if (a->log_not_quoted != 0) {
		ms_pcr_mask_text(a->log_not_quoted, text, sizeof text);
		ms_report_note(&w->report, "the log extends PCR %s, which the quote leaves out: no claim of the log is proven", text);
	}
	for (size_t i = 0; log && i < a->n; i++)
		if (a->bank[i].log_lacks)
			ms_report_note(&w->report, "the boot log has no digests of bank 0x%04x", a->bank[i].alg);
	if (ima && a->ima_entries > a->ima_used && w->reason == NULL)
		ms_report_note(&w->report, "the last %u IMA entries came after the quote: nothing proves them, and they were not judged",
		    a->ima_entries - a->ima_used);
}

static enum ms_rc
check_agreement(struct ms_evidence_work *w)
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
		(void)ms_evidence_refuse(w, reason);
	report_agreement(w);
	return MS_OK;
}

/* ---- the answer ---- */

static enum ms_rc
answer(struct ms_evidence_work *w)
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
	if (w->c->json && json_array_size(w->steps) > 0)
		ms_report_put(&w->report, "steps", json_incref(w->steps));
	if (w->reason != NULL)
		rc = ms_report_refuse(w->c, &w->report, w->reason, w->detail, w->err);
	else
		rc = ms_report_accept(w->c, &w->report,
		    w->policy != NULL ? "the evidence is genuine, and the policy is satisfied"
		    : logs            ? "everything agrees; nothing was judged"
				      : "the quote is genuine; there was no log, and nothing was judged",
		    w->err);
	if (rc == MS_OK && !w->c->json)
		ms_evidence_print_steps(w);
	return rc;
}

static enum ms_rc
run_tpm(struct ms_evidence_work *w)
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
	if (rc == MS_OK && w->policy != NULL)
		rc = ms_evidence_policy_keys(w);
	if (rc == MS_OK && w->reason == NULL)
		rc = check_agreement(w);
	if (rc == MS_OK && w->reason == NULL && w->policy != NULL)
		rc = ms_evidence_judge(w);
	return rc == MS_OK ? answer(w) : rc;
}

static enum ms_rc
run_verify(struct ms_cli *c, struct ms_err *err)
{
	MS_OWN(work_fini) struct ms_evidence_work w = {.c = c, .err = err};
	return ms_cli_option(c, "attester") != NULL ? ms_cli_attester_verify(c, err) : run_tpm(&w);
}

static const struct ms_cli_option verify_options[] = {MS_QUOTE_OPTIONS, {"boot-log", "FILE", "TCG boot log: binary_bios_measurements"},
    {"ima", "FILE", "IMA list, ASCII or binary; it may have grown after the quote"},
    {"ima-key", "FILE", "public key or certificate that signs files (PEM or DER); may be given again"},
    {"policy", "DIR", "judge by this policy directory; without it only agreement is checked"},
    {"device", "ID", "with --policy: the device's id"}, {"model", "NAME", "with --policy: the device's model"},
    {"serial", "TEXT", "with --policy: its serial number"}, {"batch", "NAME", "with --policy: the batch that it came in"},
    {"ak-cert", "FILE", "certificate of the AK (PEM or DER): it must chain to --roots and be for --ak"},
    {"roots", "DIR", "trusted roots of --ak-cert"},
    {"chain", "FILE", "certificates that help to build the chain; never trusted by themselves"}, MS_TPMCERT_OPTIONS,
    MS_CLI_ATTESTER_OPTIONS, {NULL, NULL, NULL}};

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
