/* A TPM of plain structs, for bending what keeper is told: public areas, quotes and certifications with the right bytes and real
 * signatures, made by keys in memory. For an honest one see softtpm.h. Failures of its own abort. */
#ifndef MS_TEST_FAKETPM_H
#define MS_TEST_FAKETPM_H
#include "crypto/ecdh.h"
#include "evidence/pcrs.h"
#include "evidence/tpmname.h"
#include "proto/bind.h"
#include "proto/msg.h"

#define FAKETPM_SEAL_MASK 0x5b95u /* 0,2,4,7,8,9,11,12,14 */

struct faketpm_area {
	uint8_t p[256];
	size_t len;
};
struct faketpm_attest {
	uint8_t attest[512];
	size_t attest_len;
	uint8_t signature[72];
};
struct faketpm {
	struct ms_ecdh_key *ek;
	struct ms_softkey *ak;
	struct faketpm_area ek_public, ak_public;
	struct ms_tpm_name ak_name, ak_qualified;
	uint8_t ek_hash[32];
	char ek_hex[65];
	struct ms_pcrs pcrs;
	uint64_t clock; /* moves with every attestation */
	uint32_t reset_count, restart_count;
};
/* A key for one role, as TPM2_Create would have made it. */
struct faketpm_key {
	struct ms_softkey *sign;  /* identity */
	struct ms_ecdh_key *ecdh; /* sealing */
	struct faketpm_area public;
	struct ms_tpm_name name, qualified;
};
void faketpm_init(struct faketpm *t);
void faketpm_fini(struct faketpm *t);
void faketpm_key_fini(struct faketpm_key *k);
void faketpm_identity_key(struct faketpm_key *k);
/* Opens only at the PCR values that t has now. */
void faketpm_sealing_key(const struct faketpm *t, uint32_t mask, struct faketpm_key *k);

static inline struct ms_span
faketpm_area(const struct faketpm_area *a)
{
	return ms_span(a->p, a->len);
}
static inline struct ms_span
faketpm_attest_span(const struct faketpm_attest *a)
{
	return ms_span(a->attest, a->attest_len);
}
static inline struct ms_span
faketpm_signature_span(const struct faketpm_attest *a)
{
	return ms_span(a->signature, sizeof a->signature);
}
/* TPM2_Quote over PCRs 0-14, TPM2_Certify of a key, with the AK. */
void faketpm_quote(struct faketpm *t, const uint8_t extra[static 32], struct faketpm_attest *ret);
void faketpm_certify(struct faketpm *t, const struct faketpm_key *k, const uint8_t extra[static 32], struct faketpm_attest *ret);
/* The PCR values as messages carry them. Appends. */
void faketpm_pcrs(const struct faketpm *t, struct ms_buf *out);
/* TPM2_ActivateCredential. MS_ERR_AUTH: not for this EK and AK. */
MS_MUST_USE enum ms_rc faketpm_activate(
    const struct faketpm *t, struct ms_span blob, struct ms_span encrypted, struct ms_secret **ret, struct ms_err *err);
/* HMAC of the transcript with an activated credential. */
void faketpm_proof(const struct ms_secret *secret, struct ms_span transcript, uint8_t ret[static 32]);

/* An enrolment transcript of this TPM. Appends. nonce: 40 bytes. */
struct faketpm_enrolment {
	const uint8_t *deployment; /* 16 bytes */
	const char *tenant, *name, *serial, *model;
	const uint8_t *nonce;
};
void faketpm_transcript(const struct faketpm *t, const struct faketpm_enrolment *e, struct ms_buf *out);

#endif
