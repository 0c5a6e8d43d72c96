/* Values of PCRs (SHA-256 bank), their digest over a selection, and how they differ from reference values. A struct
 * ms_pcrs is a claim until a quote proves it: ms_quote_pcrs() gives proven ones. */
#ifndef MS_PCRS_H
#define MS_PCRS_H
#include "codec/tpm.h"
#include "crypto/hash.h"

#define MS_PCR_LEN 32u
struct ms_pcrs {
	uint32_t mask; /* which are there: bit n is PCR n */
	uint8_t value[MS_TPM_PCR_COUNT][MS_PCR_LEN];
};
#define MS_PCRS_ATTEST_MASK 0x7fffu /* PCRs 0-14 */
#define MS_PCRS_WIRE_MAX 2048u

/* CBOR map {index: bytes 32}, as in docs/protocol.md. MS_ERR_MALFORMED, MS_ERR_TOO_BIG. */
MS_MUST_USE enum ms_rc ms_pcrs_parse(struct ms_span cbor, struct ms_pcrs *ret, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_pcrs_build(const struct ms_pcrs *p, struct ms_buf *out, struct ms_err *err);
/* SHA-256 over the values of the PCRs in mask, in rising order, as TPM2_Quote and TPM2_PolicyPCR do.
 * MS_ERR_USAGE when mask is empty or names one that is not there. */
MS_MUST_USE enum ms_rc ms_pcrs_digest(const struct ms_pcrs *p, uint32_t mask, uint8_t ret[static MS_PCR_LEN], struct ms_err *err);
/* The same with another hash, as quotes of a key that signs with SHA-384 or SHA-512 have it; ms_hash_len(h) bytes. */
MS_MUST_USE enum ms_rc ms_pcrs_digest_as(
    enum ms_hash h, const struct ms_pcrs *p, uint32_t mask, uint8_t ret[static MS_HASH_LEN_MAX], struct ms_err *err);
/* authPolicy of a key whose only policy is TPM2_PolicyPCR over mask at these values (Part 3, 23.7). */
MS_MUST_USE enum ms_rc ms_pcrs_policy(const struct ms_pcrs *p, uint32_t mask, uint8_t ret[static MS_PCR_LEN], struct ms_err *err);
bool ms_pcrs_all_zero(const struct ms_pcrs *p, unsigned index); /* there, and zero */

/* Reference values: accepted digests, any number for a PCR, in any order. A PCR without a row accepts nothing. */
struct ms_pcr_accept {
	uint8_t index;
	uint8_t digest[MS_PCR_LEN];
};
struct ms_pcr_reference {
	const struct ms_pcr_accept *rows; /* borrowed */
	size_t n;
};
struct ms_pcr_diff {
	size_t n;
	struct {
		uint8_t index;
		bool absent;   /* no value was given: found is zero */
		bool unlisted; /* the reference has no row for it */
		uint8_t found[MS_PCR_LEN];
	} row[MS_TPM_PCR_COUNT];
};
/* Which PCRs of mask differ from ref, in rising order; true when none does. An empty mask differs: *ret is then
 * empty and the result false. */
bool ms_pcrs_compare(const struct ms_pcrs *p, uint32_t mask, const struct ms_pcr_reference *ref, struct ms_pcr_diff *ret);

#endif
