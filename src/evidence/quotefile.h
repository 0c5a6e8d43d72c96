/* A quote in files, as tpm2_quote and others write them, verified without a server: any bank, keys in every usual form. The server
 * does not use this: ms_quote_verify() is stricter. What could not be checked is in the result, to be said. */
#ifndef MS_QUOTEFILE_H
#define MS_QUOTEFILE_H
#include "crypto/key.h"
#include "evidence/pcrbank.h"
#include "evidence/reason.h"
#include "evidence/tpmname.h"

#define MS_QUOTEFILE_NONCE_MAX 64u
#define MS_QUOTEKEY_FILE_MAX 65536u

/* The public key of an AK: TPMT_PUBLIC, TPM2B_PUBLIC, or PEM of a public key or a certificate (whose signature is nobody's business
 * here: see ms_tpmcert_verify()). */
struct ms_quotekey;
/* MS_ERR_MALFORMED, MS_ERR_UNSUPPORTED (reason key-algorithm), MS_ERR_DENIED (key-attributes: a public area that is not of a
 * restricted signing key that never leaves its TPM). */
MS_MUST_USE enum ms_rc ms_quotekey_load(
    struct ms_span file, struct ms_quotekey **ret, enum ms_evidence_reason *ret_reason, struct ms_err *err);
void ms_quotekey_free(struct ms_quotekey *k);
MS_CLEANUP(struct ms_quotekey, ms_quotekey_free)
const struct ms_pubkey *ms_quotekey_public(const struct ms_quotekey *k);   /* borrowed */
bool ms_quotekey_has_area(const struct ms_quotekey *k);                    /* attributes and Name are known, and checked */
const struct ms_tpm_public *ms_quotekey_area(const struct ms_quotekey *k); /* borrowed; NULL: a PEM key has none */

/* PCR values: the file of tpm2_quote -o or tpm2_pcrread -o (little-endian dump of TPML_PCR_SELECTION and TPML_DIGESTs), or JSON
 * (evidence/pcrbank.h), or bare values one after another (-F values), which need the selection to read them by.
 * MS_ERR_MALFORMED, MS_ERR_TOO_BIG. */
struct ms_pcrfile {
	struct ms_pcr_banks banks;
	bool exact; /* names its own selection: must be the quoted one. JSON may hold more */
};
MS_MUST_USE enum ms_rc ms_pcrfile_parse(
    struct ms_span file, const struct ms_tpm_selection *selection, struct ms_pcrfile *ret, struct ms_err *err);

enum ms_quote_signer { MS_SIGNER_UNKNOWN, MS_SIGNER_ENDORSEMENT, MS_SIGNER_OWNER, MS_SIGNER_PLATFORM, MS_SIGNER_NULL, MS_SIGNER_CHILD };
const char *ms_quote_signer_name(enum ms_quote_signer s); /* "endorsement", "owner", ...; "unknown" */

struct ms_quotefile_params {
	struct ms_span quote;     /* TPMS_ATTEST or TPM2B_ATTEST */
	struct ms_span signature; /* TPMT_SIGNATURE, or bare: DER ECDSA-Sig-Value, RSA bytes */
	const struct ms_quotekey *ak;
	struct ms_span nonce; /* 0 to 64 bytes: exactly what must be in extraData */
	struct ms_span pcrs;  /* PCR file; p NULL: not checked */
	bool allow_sha1;      /* a signature over SHA-1 */
	/* TPMT_PUBLIC or TPM2B_PUBLIC of the AK's parent, a primary of the endorsement or owner hierarchy (the EK): the signer named in
	 * the quote must then be the AK below it. Empty: it is only said where the AK is, if it can be told */
	struct ms_span parent;
};
struct ms_quotefile {
	struct ms_tpm_selection selection;
	bool pcrs_checked;
	struct ms_pcr_banks banks; /* proven values: those of the selection. Empty unless pcrs_checked */
	uint8_t pcr_digest[64];
	size_t pcr_digest_len;
	uint64_t clock, firmware;
	uint32_t reset_count, restart_count;
	bool safe;
	enum ms_sig_scheme scheme;
	enum ms_hash hash; /* of the scheme, and of pcr_digest */
	enum ms_quote_signer signer;
	bool attributes_checked; /* of the AK: a PEM has none */
	uint32_t pcrs_ignored;   /* how many values of the PCR file were not quoted, so not used */
};
/* In the order of ms_quote_verify(). PCR 0 may be zero (a TPM that no firmware used) and the clock may be unsafe: both are said in
 * the result, not refused. On refusal *ret is untouched and *ret_reason names the first check that failed. */
MS_MUST_USE enum ms_rc ms_quotefile_verify(
    const struct ms_quotefile_params *p, struct ms_quotefile *ret, enum ms_evidence_reason *ret_reason, struct ms_err *err);

#endif
