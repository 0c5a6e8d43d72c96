/* A quote and what judges it, from the files and options of a command line. In cmd_quote.c. */
#ifndef MS_CLI_QUOTE_FILES_H
#define MS_CLI_QUOTE_FILES_H
#include "cli/report.h"
#include "evidence/quotefile.h"

struct ms_quote_files {
	struct ms_buf quote, signature, ak_file, pcrs, parent;
	uint8_t nonce[MS_QUOTEFILE_NONCE_MAX];
	struct ms_quotekey *ak;
	struct ms_quotefile_params params; /* spans into these */
};
/* Reads --quote, --signature, --ak, --nonce, --pcrs, --ak-parent, --allow-hash. MS_ERR_USAGE. */
MS_MUST_USE enum ms_rc ms_quote_files_load(struct ms_cli *c, struct ms_quote_files *f, struct ms_err *err);
void ms_quote_files_fini(struct ms_quote_files *f);
MS_CLEANUP_FINI(struct ms_quote_files, ms_quote_files_fini)
/* As ms_quotefile_verify(); *why is fault when it is no verdict: memory, or an --ak that is no key (MS_ERR_USAGE). */
MS_MUST_USE enum ms_rc ms_quote_files_verify(
    struct ms_quote_files *f, struct ms_quotefile *ret, enum ms_evidence_reason *why, struct ms_err *err);
/* What was checked and what was not; PCR values are left to the caller. */
void ms_quote_report(const struct ms_quote_files *f, const struct ms_quotefile *q, struct ms_report *r);

#define MS_QUOTE_OPTIONS \
	{"quote", "FILE", "TPMS_ATTEST or TPM2B_ATTEST (tpm2_quote -m)"}, \
	    {"signature", "FILE", "TPMT_SIGNATURE, or bare as of tpm2_quote -f plain (tpm2_quote -s)"}, \
	    {"ak", "FILE", "public key of the AK: TPMT_PUBLIC, TPM2B_PUBLIC, or PEM of a public key or certificate"}, \
	    {"nonce", "HEX", "what the quote must be over (tpm2_quote -q); \"\" for none"}, \
	    {"pcrs", "FILE", "PCR values: file of tpm2_quote -o or tpm2_pcrread -o, or JSON"}, \
	    {"ak-parent", "FILE", "public area of the AK's parent (the EK): the AK must live below it"}, \
	{ \
		"allow-hash", "sha1", "also take a signature over SHA-1" \
	}

#endif
