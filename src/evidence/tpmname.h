/* Names of TPM objects (Part 1, 16) and the EK hash that is a device's identity. */
#ifndef MS_TPMNAME_H
#define MS_TPMNAME_H
#include "codec/tpm.h"

struct ms_tpm_name {
	uint8_t p[MS_TPM_NAME_MAX]; /* nameAlg | hash */
	size_t len;
};
static inline struct ms_span
ms_tpm_name_span(const struct ms_tpm_name *n)
{
	return ms_span(n->p, n->len);
}
/* Name of a public area. MS_ERR_UNSUPPORTED unless nameAlg is SHA-256 or SHA-384. */
MS_MUST_USE enum ms_rc ms_tpm_public_name(const struct ms_tpm_public *p, struct ms_tpm_name *ret, struct ms_err *err);
/* Qualified name under a parent: parent is the parent's qualified name, or a hierarchy's handle in 4 bytes. */
MS_MUST_USE enum ms_rc ms_tpm_qualified_name(
    struct ms_span parent, const struct ms_tpm_name *name, struct ms_tpm_name *ret, struct ms_err *err);
/* Of a primary of a hierarchy (MS_TPM_RH_...). */
MS_MUST_USE enum ms_rc ms_tpm_primary_name(uint32_t hierarchy, const struct ms_tpm_name *name, struct ms_tpm_name *ret, struct ms_err *err);
/* SHA-256 of the SubjectPublicKeyInfo DER: EK hash, key id. */
MS_MUST_USE enum ms_rc ms_tpm_public_hash(const struct ms_tpm_public *p, uint8_t ret[static 32], struct ms_err *err);

#endif
