/* TPM2_Certify: proof by the AK that a key is in the same TPM, and whether that key is fit for its one role. */
#ifndef MS_CERTIFY_H
#define MS_CERTIFY_H
#include "evidence/ak.h"
#include "evidence/pcrs.h"

struct ms_certify_evidence {
	struct ms_span attest;      /* TPMS_ATTEST */
	struct ms_span signature;   /* TPMT_SIGNATURE */
	struct ms_span tpmt_public; /* of the key */
};
struct ms_certify_check {
	const struct ms_ak *ak;
	struct ms_span extra; /* exactly 32 bytes */
};
/* A key that is proven to be in the AK's TPM. Its role is not yet judged. */
struct ms_certified;
/* In this order: sizes, signature, magic, type, signer, nonce, Name of the public area. As ms_quote_verify() else. */
MS_MUST_USE enum ms_rc ms_certify_verify(const struct ms_certify_evidence *e, const struct ms_certify_check *check,
    struct ms_certified **ret, enum ms_evidence_reason *ret_reason, struct ms_err *err);
void ms_certified_free(struct ms_certified *c);
MS_CLEANUP(struct ms_certified, ms_certified_free)
const struct ms_tpm_public *ms_certified_public(const struct ms_certified *c);
const struct ms_tpm_name *ms_certified_name(const struct ms_certified *c);

/* Identity key: P-256 for ECDSA; fixedTPM, fixedParent, sensitiveDataOrigin and sign set; restricted and decrypt clear.
 * MS_ERR_DENIED or MS_ERR_UNSUPPORTED; on MS_OK its point is in ret. */
MS_MUST_USE enum ms_rc ms_certified_identity(
    const struct ms_certified *c, uint8_t ret[static MS_TPM_P256_POINT_LEN], enum ms_evidence_reason *ret_reason, struct ms_err *err);
/* Sealing key: a primary of the NULL hierarchy, P-256 without scheme or KDF, nameAlg SHA-256, attributes exactly fixedTPM,
 * fixedParent, sensitiveDataOrigin, decrypt, noDA, and authPolicy the PolicyPCR over mask at these values, which the
 * caller has accepted. MS_ERR_DENIED or MS_ERR_UNSUPPORTED; on MS_OK its point is in ret. */
struct ms_sealing_state {
	const struct ms_pcrs *pcrs;
	uint32_t mask;
};
MS_MUST_USE enum ms_rc ms_certified_sealing(const struct ms_certified *c, const struct ms_sealing_state *state,
    uint8_t ret[static MS_TPM_P256_POINT_LEN], enum ms_evidence_reason *ret_reason, struct ms_err *err);

#endif
