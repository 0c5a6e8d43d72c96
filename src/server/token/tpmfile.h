/* A key file that one TPM alone opens: the secret under AES-256-GCM with a key of its own, which is sealed to that TPM
 * (tpm/tpm.h, ms_tpm_data_seal), with or without PCRs. */
#ifndef MS_TOKEN_TPMFILE_H
#define MS_TOKEN_TPMFILE_H
#include "base/bytes.h"
#include "base/secret.h"

#define MS_TPMFILE_LABEL_MAX 32u
#define MS_TPMFILE_SEALED_MAX 512u
#define MS_TPMFILE_SECRET_MAX 4096u
#define MS_TPMFILE_MAX (MS_TPMFILE_SECRET_MAX + MS_TPMFILE_SEALED_MAX + 128u) /* bytes of a file */

struct ms_tpmfile_header {
	uint32_t pcrs; /* mask; 0: opens in any state */
	struct ms_span label, iv, sealed;
	struct ms_span header; /* all bytes before the ciphertext */
	struct ms_span ct;     /* with its tag */
};
/* Parse untrusted bytes; spans borrow from them. One sequence of bytes for one header. MS_ERR_MALFORMED, MS_ERR_UNSUPPORTED
 * (version), MS_ERR_TOO_BIG. */
MS_MUST_USE enum ms_rc ms_tpmfile_parse(struct ms_span file, struct ms_tpmfile_header *ret, struct ms_err *err);

/* The TPM, by a muster-tpm of its own that is started for the one question and has ended at the return. */
struct ms_tpmfile_tpm {
	const char *program; /* path of muster-tpm; NULL: the installed one */
	const char *tcti;
};
/* Append the file's bytes: a new key, sealed to the TPM and, when pcrs is not 0, to their state of now. `label` is as in
 * crypto/scryptbox.h. */
MS_MUST_USE enum ms_rc ms_tpmfile_seal(const struct ms_tpmfile_tpm *tpm, uint32_t pcrs, const char *label, const struct ms_secret *secret,
    struct ms_buf *out, struct ms_err *err);
/* Two steps, the second without the TPM. The file's key: MS_ERR_DENIED: the PCRs changed; MS_ERR_AUTH: another TPM, another
 * label, or a changed file; MS_ERR_UNAVAILABLE: no TPM there. */
MS_MUST_USE enum ms_rc ms_tpmfile_unseal(
    const struct ms_tpmfile_tpm *tpm, const char *label, struct ms_span file, struct ms_secret **ret_key, struct ms_err *err);
/* MS_ERR_AUTH: changed bytes. */
MS_MUST_USE enum ms_rc ms_tpmfile_open(const struct ms_secret *key, struct ms_span file, struct ms_secret **ret, struct ms_err *err);

#endif
