/* What quote.c and certify.c need of an AK, and the part that they share: who signed what, for which session. */
#ifndef MS_AK_INT_H
#define MS_AK_INT_H
#include "crypto/key.h"
#include "evidence/ak.h"

struct ms_ak {
	uint8_t raw[MS_TPM_PUBLIC_MAX];
	struct ms_tpm_public area; /* spans into raw */
	struct ms_pubkey *key;
	enum ms_sig_scheme scheme;
	enum ms_hash hash; /* of the scheme: of pcrDigest too (Part 3, 18.4) */
	struct ms_tpm_name name, qualified;
};

struct ms_attest_check {
	const struct ms_ak *ak;
	struct ms_span attest, signature;
	uint16_t type;
	struct ms_span extra; /* 32 bytes */
};
/* Size, signature over the raw bytes, magic, type, form, signer, extraData, in this order. Spans of *ret borrow from
 * c->attest. */
MS_MUST_USE enum ms_rc ms_attest_verify(
    const struct ms_attest_check *c, struct ms_tpm_attest *ret, enum ms_evidence_reason *ret_reason, struct ms_err *err);
/* Magic, type, form of bytes whose signature was checked. */
MS_MUST_USE enum ms_rc ms_attest_form(
    struct ms_span attest, uint16_t want, struct ms_tpm_attest *ret, enum ms_evidence_reason *ret_reason, struct ms_err *err);

#endif
