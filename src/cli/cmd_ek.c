/* ek verify, ak verify: certificates of TPM keys, from files alone. */
#include <string.h>

#include "cli/report.h"
#include "cli/tpmcert_files.h"
#include "codec/pem.h"
#include "evidence/quotefile.h"

#define PUBLIC_MAX MS_QUOTEKEY_FILE_MAX

/* Certificate in PEM or, with padding, DER. */
static enum ms_rc
read_certificate(const char *path, struct ms_buf *out, struct ms_err *err)
{
	char label[MS_PEM_LABEL_MAX];
	size_t from = 0;
	MS_OWN(ms_buf_fini) struct ms_buf file = {0};
	ms_buf_init(&file, MS_EKCHAIN_MAX);
	ms_buf_init(out, MS_PEM_BLOCK_MAX);
	enum ms_rc rc = ms_cli_read_file(path, MS_EKCHAIN_MAX, &file, err);
	if (rc != MS_OK)
		return rc;
	if (!ms_pem_is(ms_buf_span(&file))) {
		ms_buf_put_span(out, ms_buf_span(&file));
		return ms_buf_check(out, err);
	}
	rc = ms_pem_next(ms_buf_span(&file), &from, label, out, err);
	if (rc == MS_OK && strcmp(label, "CERTIFICATE") != 0)
		rc = ms_fail(err, MS_ERR_USAGE, "PEM of a %s, not of a certificate", label);
	return rc == MS_OK ? MS_OK : ms_prefix(err, MS_ERR_USAGE, "%s", path);
}

static enum ms_rc
load_roots(const struct ms_cli *c, struct ms_ekroots **ret, struct ms_err *err)
{
	const char *dir, *path;
	enum ms_rc rc = ms_cli_need(c, "roots", &dir, err);
	if (rc == MS_OK)
		rc = ms_ekroots_load(dir, ret, err);
	for (size_t i = 0; rc == MS_OK && (path = ms_cli_option_at(c, "crl", i)) != NULL; i++) {
		MS_OWN(ms_buf_fini) struct ms_buf file = {0};
		ms_buf_init(&file, MS_CRL_FILE_MAX);
		rc = ms_cli_read_file(path, MS_CRL_FILE_MAX, &file, err);
		if (rc == MS_OK) {
			rc = ms_ekroots_add_crl(*ret, ms_buf_span(&file), err);
			if (rc != MS_OK)
				return ms_prefix(err, MS_ERR_USAGE, "%s", path);
		}
	}
	if (rc == MS_OK || rc == MS_ERR_NOMEM)
		return rc;
	err->rc = MS_ERR_USAGE; /* the operator's own files: unreadable, not a verdict */
	return MS_ERR_USAGE;
}

/* The public key that it must be for: TPMT_PUBLIC, TPM2B_PUBLIC or PEM. */
static enum ms_rc
load_public(struct ms_span file, struct ms_tpm_public *area, bool *has_area, struct ms_pubkey **key, struct ms_err *err)
{
	bool sized = file.len > 2 && (size_t)(file.p[0] << 8 | file.p[1]) == file.len - 2;
	if (!ms_pem_is(file)) {
		*has_area = true;
		return ms_tpm_public_parse(sized ? ms_span(file.p + 2, file.len - 2) : file, area, err);
	}
	char label[MS_PEM_LABEL_MAX];
	size_t from = 0;
	MS_OWN(ms_buf_fini) struct ms_buf der = {0};
	ms_buf_init(&der, MS_PEM_BLOCK_MAX);
	enum ms_rc rc = ms_pem_next(file, &from, label, &der, err);
	if (rc == MS_OK && strcmp(label, "PUBLIC KEY") != 0)
		rc = ms_fail(err, MS_ERR_MALFORMED, "PEM of a %s, not of a public key", label);
	return rc == MS_OK ? ms_pubkey_from_spki(ms_buf_span(&der), key, err) : rc;
}

enum ms_rc
ms_tpmcert_files_load(struct ms_cli *c, const char *cert_path, const char *public_option, struct ms_tpmcert_files *f, struct ms_err *err)
{
	const char *path = public_option != NULL ? ms_cli_option(c, public_option) : NULL;
	ms_buf_init(&f->chain, MS_EKCHAIN_MAX);
	ms_buf_init(&f->public_file, PUBLIC_MAX);
	enum ms_rc rc = read_certificate(cert_path, &f->cert, err);
	if (rc == MS_OK)
		rc = load_roots(c, &f->roots, err);
	if (rc == MS_OK)
		rc = ms_cli_option_file(c, "chain", MS_EKCHAIN_MAX, &f->chain, err);
	if (rc == MS_OK && path != NULL) {
		rc = ms_cli_read_file(path, PUBLIC_MAX, &f->public_file, err);
		if (rc == MS_OK) {
			rc = load_public(ms_buf_span(&f->public_file), &f->area, &f->has_area, &f->key, err);
			if (rc != MS_OK && rc != MS_ERR_NOMEM)
				rc = ms_prefix(err, MS_ERR_USAGE, "%s", path);
		}
	}
	if (rc == MS_OK)
		rc = ms_cli_time(c, "time", &f->params.now_s, err);
	if (rc != MS_OK)
		return rc;
	f->params.roots = f->roots;
	f->params.cert = ms_buf_span(&f->cert);
	f->params.chain = ms_buf_span(&f->chain);
	f->params.key = f->has_area ? &f->area : NULL;
	f->params.key_spki = f->key != NULL ? ms_pubkey_spki(f->key) : MS_SPAN_NONE;
	f->params.allow_expired = ms_cli_option(c, "allow-expired") != NULL;
	f->params.partial = ms_cli_option(c, "partial-chain") != NULL;
	f->params.crl_required = ms_cli_option(c, "crl-required") != NULL;
	return MS_OK;
}

void
ms_tpmcert_files_fini(struct ms_tpmcert_files *f)
{
	ms_ekroots_free(f->roots);
	ms_pubkey_free(f->key);
	ms_buf_fini(&f->cert);
	ms_buf_fini(&f->chain);
	ms_buf_fini(&f->public_file);
}

void
ms_tpmcert_report(const struct ms_tpmcert *t, bool expired_allowed, struct ms_report *r)
{
	static const char *const revocation[] = {"not checked", "checked in part", "checked"};
	ms_report_text(r, "kind", "%s", ms_tpmcert_kind_name(t->kind));
	ms_report_text(r, "chain-root", "%s", t->chain.root);
	ms_report_uint(r, "chain-length", t->chain.length);
	ms_report_bool(r, "partial-chain", t->chain.partial);
	ms_report_text(r, "revocation", "%s", revocation[t->chain.revocation]);
	ms_report_text(r, "key", "%s", t->key_checked ? "the one given" : "not compared");
	if (t->not_after_s != 0)
		ms_report_uint(r, "valid-until_s", t->not_after_s);
	if (t->chain.partial)
		ms_report_note(r, "the chain ends in an intermediate that was trusted because --partial-chain says so");
	if (t->chain.revocation == MS_X509_UNCHECKED)
		ms_report_note(r, "no issuer has a CRL here: whether it was revoked is not known");
	if (t->chain.revocation == MS_X509_PARTLY)
		ms_report_note(r, "some issuers have no CRL here: --crl-required would refuse");
	if (expired_allowed)
		ms_report_note(r, "times of certificates and CRLs were not looked at");
}

static enum ms_rc
run_verify(struct ms_cli *c, bool any_kind, const char *public_option, struct ms_err *err)
{
	MS_OWN(ms_tpmcert_files_fini) struct ms_tpmcert_files f = {.roots = NULL};
	MS_OWN(ms_report_fini) struct ms_report r = {NULL};
	MS_OWN(ms_claims_free) struct ms_claims *claims = NULL;
	struct ms_tpmcert t;
	char headline[MS_ERR_TEXT_MAX];
	unsigned why = MS_X509_OK;
	enum ms_rc rc = ms_tpmcert_files_load(c, c->arg[0], public_option, &f, err);
	if (rc == MS_OK)
		rc = ms_report_init(&r, err);
	if (rc == MS_OK)
		rc = ms_claims_new(&claims, err);
	if (rc != MS_OK)
		return rc;
	f.params.any_kind = any_kind;
	rc = ms_tpmcert_verify(&f.params, &t, &why, err);
	if (rc != MS_OK && why == MS_X509_FAULT)
		return rc;
	if (rc != MS_OK)
		return ms_report_refuse(c, &r, ms_tpmcert_reason_name(why), err->text, err);
	ms_tpmcert_report(&t, f.params.allow_expired, &r);
	if (!t.key_checked)
		ms_report_note(&r, "give --%s to see that it is for this TPM's key", public_option);
	rc = ms_tpmcert_claims(&t, claims, err);
	if (rc != MS_OK)
		return rc;
	ms_report_claims(&r, claims);
	(void)snprintf(headline, sizeof headline, "%s certificate that chains to %s", ms_tpmcert_kind_name(t.kind), t.chain.root);
	return ms_report_accept(c, &r, headline, err);
}

static enum ms_rc
run_ek(struct ms_cli *c, struct ms_err *err)
{
	return run_verify(c, false, "ek-public", err);
}

static enum ms_rc
run_ak(struct ms_cli *c, struct ms_err *err)
{
	return run_verify(c, true, "ak-public", err);
}

static const struct ms_cli_option ek_options[] = {{"roots", "DIR", "makers' roots and intermediates (PEM or DER) and CRLs (*.crl)"},
    {"chain", "FILE", "certificates that came with it (PEM, or DER in a row); never trusted by themselves"},
    {"ek-public", "FILE", "the EK: TPMT_PUBLIC, TPM2B_PUBLIC or PEM; the certificate must be for it"}, MS_TPMCERT_OPTIONS,
    {NULL, NULL, NULL}};
static const struct ms_cli_option ak_options[] = {{"roots", "DIR", "roots and intermediates (PEM or DER) and CRLs (*.crl)"},
    {"chain", "FILE", "certificates that came with it (PEM, or DER in a row); never trusted by themselves"},
    {"ak-public", "FILE", "the AK: TPMT_PUBLIC, TPM2B_PUBLIC or PEM; the certificate must be for it"}, MS_TPMCERT_OPTIONS,
    {NULL, NULL, NULL}};

const struct ms_command ms_commands_ek[] = {
    {.noun = "ek",
	.verb = "verify",
	.run = run_ek,
	.help = "check an EK certificate against makers' roots, and show what it says (offline)",
	.args = "CERT",
	.min_args = 1,
	.max_args = 1,
	.options = ek_options,
	.example = "muster ek verify ekcert.der --roots /etc/muster/ek-roots --ek-public ek.pub"},
    {.noun = "ak",
	.verb = "verify",
	.run = run_ak,
	.help = "check an AK, IAK or IDevID certificate, of a maker or of a cloud's virtual TPM (offline)",
	.args = "CERT",
	.min_args = 1,
	.max_args = 1,
	.options = ak_options,
	.example = "muster ak verify akcert.pem --roots cloud-roots/ --chain intermediates.pem --ak-public ak.pub"},
    {.noun = NULL},
};
