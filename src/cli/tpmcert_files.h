/* A certificate of a TPM key and what judges it, from the files and options of a command line. In cmd_ek.c. */
#ifndef MS_CLI_TPMCERT_FILES_H
#define MS_CLI_TPMCERT_FILES_H
#include "cli/report.h"
#include "identity/ekcert.h"

#define MS_CRL_FILE_MAX (8u << 20)

struct ms_tpmcert_files {
	struct ms_ekroots *roots;
	struct ms_buf cert, chain, public_file;
	struct ms_tpm_public area; /* borrows public_file */
	bool has_area;
	struct ms_pubkey *key;
	struct ms_tpmcert_params params;
};
/* Reads --roots, --crl, --chain, --time, the switches, and the file of `public_option` (NULL: none). MS_ERR_USAGE. */
MS_MUST_USE enum ms_rc ms_tpmcert_files_load(
    struct ms_cli *c, const char *cert_path, const char *public_option, struct ms_tpmcert_files *f, struct ms_err *err);
void ms_tpmcert_files_fini(struct ms_tpmcert_files *f);
MS_CLEANUP_FINI(struct ms_tpmcert_files, ms_tpmcert_files_fini)
void ms_tpmcert_report(const struct ms_tpmcert *t, bool expired_allowed, struct ms_report *r);

#define MS_TPMCERT_OPTIONS \
	{"crl", "FILE", "a CRL (PEM or DER); may be given again"}, \
	    {"crl-required", NULL, "refuse unless every issuer has a CRL in its time"}, \
	    {"partial-chain", NULL, "trust an intermediate in --roots whose root is not there; the result says so"}, \
	    {"allow-expired", NULL, "do not look at the times of certificates and CRLs"}, \
	{ \
		"time", "TIME", "judge by this time, as in 2026-12-31T00:00:00Z (default: now)" \
	}

#endif
