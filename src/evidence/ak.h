/* Attestation and endorsement keys: are these public areas fit for their role? */
#ifndef MS_AK_H
#define MS_AK_H
#include "evidence/reason.h"
#include "evidence/tpmname.h"

/* EK: the low-range templates L-1 (RSA-2048) and L-2 (ECC P-256) of the TCG EK Credential Profile: restricted
 * decryption key with PolicyA. MS_ERR_DENIED or MS_ERR_UNSUPPORTED with the reason. It says nothing about who made it. */
MS_MUST_USE enum ms_rc ms_ek_public_ok(const struct ms_tpm_public *p, enum ms_evidence_reason *ret_reason, struct ms_err *err);
/* AK: fixedTPM, fixedParent, sensitiveDataOrigin, restricted, sign, noDA; userWithAuth may be set, nothing else; nameAlg
 * SHA-256; P-256 ECDSA with SHA-256, or RSASSA or RSAPSS of 2048 bits or more with SHA-256 or longer. */
MS_MUST_USE enum ms_rc ms_ak_public_ok(const struct ms_tpm_public *p, enum ms_evidence_reason *ret_reason, struct ms_err *err);

/* An AK ready to verify with: checked, its names computed, its key decoded. Keep it as long as the device is known. */
struct ms_ak;
/* From TPMT_PUBLIC bytes, which are copied. parent is the qualified name of its parent, or MS_SPAN_NONE for a primary
 * of the endorsement hierarchy. MS_ERR_MALFORMED, MS_ERR_UNSUPPORTED, MS_ERR_DENIED (not fit), MS_ERR_NOMEM,
 * MS_ERR_CRYPTO; *ret_reason (may be NULL) says which check. It does not say whose AK it is: enrolment does. */
MS_MUST_USE enum ms_rc ms_ak_new(
    struct ms_span tpmt_public, struct ms_span parent, struct ms_ak **ret, enum ms_evidence_reason *ret_reason, struct ms_err *err);
void ms_ak_free(struct ms_ak *ak);
MS_CLEANUP(struct ms_ak, ms_ak_free)
const struct ms_tpm_name *ms_ak_name(const struct ms_ak *ak); /* borrowed; 34 bytes long */

#endif
