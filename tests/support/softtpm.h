/* A TPM of plain structs, for bending what keeper is told: public areas, quotes and certifications with the right bytes and real
 * signatures, made by keys in memory. Failures of its own abort. */
#ifndef MS_TEST_SOFTTPM_H
#define MS_TEST_SOFTTPM_H
#include "crypto/ecdh.h"
#include "evidence/pcrs.h"
#include "evidence/tpmname.h"
#include "proto/bind.h"
#include "proto/msg.h"

#define SOFTTPM_SEAL_MASK 0x5b95u /* 0,2,4,7,8,9,11,12,14 */

struct softtpm_area {
	uint8_t p[256];
	size_t len;
};
struct softtpm_attest {
	uint8_t attest[512];
	size_t attest_len;
	uint8_t signature[72];
};
struct softtpm {
	struct ms_ecdh_key *ek;
	struct ms_softkey *ak;
	struct softtpm_area ek_public, ak_public;
	struct ms_tpm_name ak_name, ak_qualified;
	uint8_t ek_hash[32];
	char ek_hex[65];
	struct ms_pcrs pcrs;
	uint64_t clock; /* moves with every attestation */
	uint32_t reset_count, restart_count;
};
/* A key for one role, as TPM2_Create would have made it. */
struct softtpm_key {
	struct ms_softkey *sign;  /* identity */
	struct ms_ecdh_key *ecdh; /* sealing */
	struct softtpm_area public;
	struct ms_tpm_name name, qualified;
};
void softtpm_init(struct softtpm *t);
void softtpm_fini(struct softtpm *t);
void softtpm_key_fini(struct softtpm_key *k);
void softtpm_identity_key(struct softtpm_key *k);
/* Opens only at the PCR values that t has now. */
void softtpm_sealing_key(const struct softtpm *t, uint32_t mask, struct softtpm_key *k);

static inline struct ms_span
softtpm_area(const struct softtpm_area *a)
{
	return ms_span(a->p, a->len);
}
static inline struct ms_span
softtpm_attest_span(const struct softtpm_attest *a)
{
	return ms_span(a->attest, a->attest_len);
}
static inline struct ms_span
softtpm_signature_span(const struct softtpm_attest *a)
{
	return ms_span(a->signature, sizeof a->signature);
}
/* TPM2_Quote over PCRs 0-14, TPM2_Certify of a key, with the AK. */
void softtpm_quote(struct softtpm *t, const uint8_t extra[static 32], struct softtpm_attest *ret);
void softtpm_certify(struct softtpm *t, const struct softtpm_key *k, const uint8_t extra[static 32], struct softtpm_attest *ret);
/* The PCR values as messages carry them. Appends. */
void softtpm_pcrs(const struct softtpm *t, struct ms_buf *out);
/* TPM2_ActivateCredential. MS_ERR_AUTH: not for this EK and AK. */
MS_MUST_USE enum ms_rc softtpm_activate(
    const struct softtpm *t, struct ms_span blob, struct ms_span encrypted, struct ms_secret **ret, struct ms_err *err);
/* HMAC of the transcript with an activated credential. */
void softtpm_proof(const struct ms_secret *secret, struct ms_span transcript, uint8_t ret[static 32]);

/* An enrolment transcript of this TPM. Appends. nonce: 40 bytes. */
struct softtpm_enrolment {
	const uint8_t *deployment; /* 16 bytes */
	const char *tenant, *name, *serial, *model;
	const uint8_t *nonce;
};
void softtpm_transcript(const struct softtpm *t, const struct softtpm_enrolment *e, struct ms_buf *out);

#endif
