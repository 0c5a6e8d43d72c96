/* quote verify: what tpm2_quote wrote, from files alone. */
#include <string.h>

#include "cli/quote_files.h"

#define PCRS_MAX (128u << 10)

enum ms_rc
ms_quote_files_load(struct ms_cli *c, struct ms_quote_files *f, struct ms_err *err)
{
	const char *path, *hash = ms_cli_option(c, "allow-hash");
	size_t nonce_len = 0;
	ms_buf_init(&f->quote, 4096);
	ms_buf_init(&f->signature, 4096);
	ms_buf_init(&f->ak_file, MS_QUOTEKEY_FILE_MAX);
	ms_buf_init(&f->pcrs, PCRS_MAX);
	ms_buf_init(&f->parent, 4096);
	if (hash != NULL && strcmp(hash, "sha1") != 0)
		return ms_fail(err, MS_ERR_USAGE, "--allow-hash: only sha1 needs to be allowed");
	static const char *const needed[] = {"quote", "signature", "ak"};
	struct ms_buf *const into[] = {&f->quote, &f->signature, &f->ak_file};
	enum ms_rc rc = MS_OK;
	for (size_t i = 0; rc == MS_OK && i < sizeof needed / sizeof *needed; i++) {
		rc = ms_cli_need(c, needed[i], &path, err);
		if (rc == MS_OK)
			rc = ms_cli_read_file(path, into[i]->max, into[i], err);
	}
	if (rc == MS_OK)
		rc = ms_cli_hex(c, "nonce", f->nonce, sizeof f->nonce, &nonce_len, err);
	if (rc == MS_OK)
		rc = ms_cli_option_file(c, "pcrs", PCRS_MAX, &f->pcrs, err);
	if (rc == MS_OK)
		rc = ms_cli_option_file(c, "ak-parent", f->parent.max, &f->parent, err);
	if (rc != MS_OK)
		return rc;
	f->params = (struct ms_quotefile_params){.quote = ms_buf_span(&f->quote),
	    .signature = ms_buf_span(&f->signature),
	    .nonce = ms_span(f->nonce, nonce_len),
	    .allow_sha1 = hash != NULL,
	    .parent = ms_buf_span(&f->parent)};
	if (ms_cli_option(c, "pcrs") != NULL) /* an empty file is one too */
		f->params.pcrs = f->pcrs.len > 0 ? ms_buf_span(&f->pcrs) : ms_span("", 0);
	return MS_OK;
}

void
ms_quote_files_fini(struct ms_quote_files *f)
{
	ms_buf_fini(&f->quote);
	ms_buf_fini(&f->signature);
	ms_buf_fini(&f->ak_file);
	ms_buf_fini(&f->pcrs);
	ms_buf_fini(&f->parent);
	ms_quotekey_free(f->ak);
}

/* A key file that is no key is unreadable; one of an unfit key is refused. */
enum ms_rc
ms_quote_files_verify(struct ms_quote_files *f, struct ms_quotefile *ret, enum ms_evidence_reason *why, struct ms_err *err)
{
	enum ms_rc rc = ms_quotekey_load(ms_buf_span(&f->ak_file), &f->ak, why, err);
	if (rc != MS_OK && *why != MS_EVIDENCE_KEY_ATTRIBUTES) {
		*why = MS_EVIDENCE_FAULT;
		return rc == MS_ERR_NOMEM ? rc : ms_prefix(err, MS_ERR_USAGE, "--ak");
	}
	if (rc != MS_OK)
		return rc;
	f->params.ak = f->ak;
	return ms_quotefile_verify(&f->params, ret, why, err);
}

static const char *
scheme_name(enum ms_sig_scheme s)
{
	switch (s) {
	case MS_SIG_ECDSA_SHA1:
		return "ECDSA with SHA-1";
	case MS_SIG_ECDSA_SHA256:
		return "ECDSA with SHA-256";
	case MS_SIG_ECDSA_SHA384:
		return "ECDSA with SHA-384";
	case MS_SIG_ECDSA_SHA512:
		return "ECDSA with SHA-512";
	case MS_SIG_RSA_PKCS1_SHA1:
		return "RSASSA with SHA-1";
	case MS_SIG_RSA_PKCS1_SHA256:
		return "RSASSA with SHA-256";
	case MS_SIG_RSA_PKCS1_SHA384:
		return "RSASSA with SHA-384";
	case MS_SIG_RSA_PKCS1_SHA512:
		return "RSASSA with SHA-512";
	case MS_SIG_RSA_PSS_SHA1_TPM:
		return "RSAPSS with SHA-1";
	case MS_SIG_RSA_PSS_SHA256_TPM:
		return "RSAPSS with SHA-256";
	case MS_SIG_RSA_PSS_SHA384_TPM:
		return "RSAPSS with SHA-384";
	default:
		return "RSAPSS with SHA-512";
	}
}

static json_t *
selection_json(const struct ms_tpm_selection *s)
{
	char text[128], line[192];
	json_t *list = json_array();
	for (uint32_t i = 0; i < s->count; i++) {
		const struct ms_bank_alg *a = ms_bank_alg_of(s->bank[i].alg);
		if (s->bank[i].mask == 0)
			continue;
		ms_pcr_mask_text(s->bank[i].mask, text, sizeof text);
		(void)snprintf(line, sizeof line, "%s: %s", a != NULL ? a->name : "another bank", text);
		if (json_array_append_new(list, json_string(line)) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static bool
pcr0_zero(const struct ms_pcr_banks *b)
{
	static const uint8_t zero[MS_HASH_LEN_MAX];
	for (size_t i = 0; i < b->n; i++)
		if ((b->bank[i].mask & 1u) != 0 && ms_span_eq(ms_span(b->bank[i].value[0], b->bank[i].len), ms_span(zero, b->bank[i].len)))
			return true;
	return false;
}

void
ms_quote_report(const struct ms_quote_files *f, const struct ms_quotefile *q, struct ms_report *r)
{
	char digest[2 * MS_HASH_LEN_MAX + 1], firmware[32];
	ms_hex(q->pcr_digest, q->pcr_digest_len, digest);
	(void)snprintf(firmware, sizeof firmware, "0x%016llx", (unsigned long long)q->firmware);
	ms_report_text(r, "signature", "%s", scheme_name(q->scheme));
	ms_report_text(r, "ak-attributes", "%s", q->attributes_checked ? "restricted, fixed to its TPM" : "unknown");
	ms_report_text(r, "ak-hierarchy", "%s", ms_quote_signer_name(q->signer));
	ms_report_put(r, "quoted", selection_json(&q->selection));
	ms_report_text(r, "pcr-digest", "%s", digest);
	ms_report_bool(r, "pcrs-checked", q->pcrs_checked);
	ms_report_uint(r, "tpm-resets", q->reset_count);
	ms_report_uint(r, "tpm-restarts", q->restart_count);
	ms_report_uint(r, "tpm-clock-ms", q->clock);
	ms_report_bool(r, "tpm-clock-safe", q->safe);
	ms_report_text(r, "tpm-firmware", "%s", firmware);
	if (!q->attributes_checked)
		ms_report_note(r, "a PEM key has no attributes: that it is restricted and fixed to a TPM could not be checked");
	if (!q->pcrs_checked)
		ms_report_note(r, "no PCR values were given: only their digest is known");
	if (q->pcrs_ignored > 0)
		ms_report_note(r, "%u values of the PCR file were not quoted and were ignored", q->pcrs_ignored);
	if (q->pcrs_checked && pcr0_zero(&q->banks))
		ms_report_note(r, "PCR 0 is all zero: no firmware measured anything");
	if (!q->safe)
		ms_report_note(r, "the TPM lost power without a shutdown: its clock may repeat");
	if (f->params.nonce.len == 0)
		ms_report_note(r, "the nonce is empty: this quote may be from any time");
}

static enum ms_rc
run_verify(struct ms_cli *c, struct ms_err *err)
{
	MS_OWN(ms_quote_files_fini) struct ms_quote_files f = {.ak = NULL};
	MS_OWN(ms_report_fini) struct ms_report r = {NULL};
	struct ms_quotefile q;
	enum ms_evidence_reason why = MS_EVIDENCE_NONE;
	enum ms_rc rc = ms_quote_files_load(c, &f, err);
	if (rc == MS_OK)
		rc = ms_report_init(&r, err);
	if (rc != MS_OK)
		return rc;
	rc = ms_quote_files_verify(&f, &q, &why, err);
	if (rc != MS_OK && why == MS_EVIDENCE_FAULT)
		return rc;
	if (rc != MS_OK)
		return ms_report_refuse(c, &r, ms_evidence_reason_name(why), err->text, err);
	ms_quote_report(&f, &q, &r);
	if (q.pcrs_checked)
		ms_report_pcrs(&r, &q.banks);
	return ms_report_accept(
	    c, &r, q.pcrs_checked ? "the AK signed these PCR values for this nonce" : "the AK signed this quote for this nonce", err);
}

static const struct ms_cli_option verify_options[] = {MS_QUOTE_OPTIONS, {NULL, NULL, NULL}};

const struct ms_command ms_commands_quote[] = {
    {.noun = "quote",
	.verb = "verify",
	.run = run_verify,
	.help = "check a TPM quote from the files that tpm2_quote writes (offline)",
	.args = "",
	.options = verify_options,
	.example = "muster quote verify --quote quote.attest --signature quote.sig --ak ak.pub --nonce 0011aabb --pcrs quote.pcrs"},
    {.noun = NULL},
};
