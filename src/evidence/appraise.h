/* What an appraiser worker does with bytes from outside: parse them by kind and write what they claim in one normalised
 * form. Nothing is verified here: signatures, nonces and PCR values against the quote are core's business. */
#ifndef MS_EVIDENCE_APPRAISE_H
#define MS_EVIDENCE_APPRAISE_H
#include "codec/cbor.h"

#define MS_APPRAISE_PCRS "pcrs"     /* deterministic CBOR map {index 0..23: digest} -> u8 count, count x (u8 index, digest 32), rising */
#define MS_APPRAISE_EKCERT "ekcert" /* a certificate as a TPM stores it, with padding -> its exact DER */
#define MS_APPRAISE_TPM "tpm"       /* struct ms_appraise_tpm -> an appraisal (evidence/appraisal.h) */
#define MS_APPRAISE_REQUEST_MAX (12u << 20)
#define MS_APPRAISE_CLAIMS_MAX (16u << 20)
#define MS_APPRAISE_KEYS_MAX (256u << 10)

/* The request, deterministic CBOR {1: kind text, 2: bytes}. */
MS_MUST_USE enum ms_rc ms_appraise_request_build(const char *kind, struct ms_span bytes, struct ms_buf *out, struct ms_err *err);
/* The bytes of kind "tpm": the logs of a machine with a TPM, what of them is taken, and keys that may have signed its files. */
struct ms_appraise_tpm {
	uint64_t present;
	struct ms_span boot_log; /* optional */
	struct ms_span ima;      /* optional: from entry ima_from on */
	uint64_t ima_from;
	uint64_t boot_log_bytes, boot_log_events, boot_log_event_bytes, ima_bytes, ima_entries; /* caps, as in the configuration */
	struct ms_span keys;                  /* array of bytes: a public key or certificate each */
	struct ms_span pcr_start, pcr_quoted; /* PCR 10 where the list begins, and as it was quoted */
};
#define MS_APPRAISE_TPM_BOOT_LOG 1u
#define MS_APPRAISE_TPM_IMA 2u
MS_MUST_USE enum ms_rc ms_appraise_tpm_build(const struct ms_appraise_tpm *t, struct ms_buf *out, struct ms_err *err);

/* Appends the claims to `claims`. MS_ERR_UNSUPPORTED for an unknown kind, MS_ERR_MALFORMED, MS_ERR_TOO_BIG. */
MS_MUST_USE enum ms_rc ms_appraise(struct ms_span request, struct ms_buf *claims, struct ms_err *err);

/* Core's side of "pcrs": index of each digest and the digests, checked again as bytes from a peer. */
#define MS_APPRAISE_PCRS_MAX 24u
struct ms_pcr_claims {
	size_t n;
	uint8_t index[MS_APPRAISE_PCRS_MAX]; /* rising */
	uint8_t digest[MS_APPRAISE_PCRS_MAX][32];
};
MS_MUST_USE enum ms_rc ms_pcr_claims_parse(struct ms_span claims, struct ms_pcr_claims *ret, struct ms_err *err);

#endif
