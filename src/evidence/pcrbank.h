/* Values of PCRs in banks of any hash, as boot logs, quotes and files of reference values have them. Like struct ms_pcrs (the
 * SHA-256 bank, which is all that policy compares) they are a claim until a quote proves them. */
#ifndef MS_PCRBANK_H
#define MS_PCRBANK_H
#include "codec/json.h"
#include "evidence/pcrs.h"

#define MS_PCR_BANKS_MAX 5u /* SHA-1, 256, 384, 512, SM3 */
#define MS_PCR_BANK_JSON_MAX (64u << 10)

/* A hash that a TPM may have a bank of, and that we can compute. */
struct ms_bank_alg {
	uint16_t alg; /* TPM_ALG_ID */
	uint8_t len;
	enum ms_hash hash;
	const char *name; /* "sha1", "sha256", "sha384", "sha512", "sm3_256" */
};
const struct ms_bank_alg *ms_bank_alg_at(size_t i);            /* NULL past the end; strength rises with i, SM3 last */
const struct ms_bank_alg *ms_bank_alg_of(uint16_t alg);        /* NULL: none of ours */
const struct ms_bank_alg *ms_bank_alg_named(struct ms_span s); /* "sha256"; "sm3_256", "sm3-256" and "sm3" are one. NULL: none of ours */

struct ms_pcr_bank {
	uint16_t alg;  /* TPM_ALG_ID */
	uint8_t len;   /* of each value */
	uint32_t mask; /* which are there: bit n is PCR n */
	uint8_t value[MS_TPM_PCR_COUNT][MS_HASH_LEN_MAX];
};
struct ms_pcr_banks {
	size_t n;
	struct ms_pcr_bank bank[MS_PCR_BANKS_MAX]; /* each alg once */
};
/* An empty bank. MS_ERR_UNSUPPORTED: no hash of ours, or one that the crypto library here lacks. */
MS_MUST_USE enum ms_rc ms_pcr_bank_init(uint16_t alg, struct ms_pcr_bank *ret, struct ms_err *err);
/* As a TPM resets them: zeros, PCRs 17 to 22 all ones (PC Client PTP 4.6); PCR 0 ends in the locality that started it. */
void ms_pcr_bank_start(struct ms_pcr_bank *b, uint8_t locality);
/* TPM2_PCR_Extend of `digest` (b->len bytes); puts the PCR into the mask. pcr < MS_TPM_PCR_COUNT. */
void ms_pcr_bank_extend(struct ms_pcr_bank *b, unsigned pcr, const uint8_t *digest);
/* PCRs of mask that are not in both or differ. Banks of different hashes differ in all. */
uint32_t ms_pcr_bank_differ(const struct ms_pcr_bank *a, const struct ms_pcr_bank *b, uint32_t mask);
const struct ms_pcr_bank *ms_pcr_banks_find(const struct ms_pcr_banks *b, uint16_t alg); /* NULL: not there */
/* The SHA-256 bank as struct ms_pcrs. MS_ERR_UNSUPPORTED when b is another bank. */
MS_MUST_USE enum ms_rc ms_pcr_bank_sha256(const struct ms_pcr_bank *b, struct ms_pcrs *ret, struct ms_err *err);
/* Digest of the values of the PCRs in mask, in rising order, by h: pcrDigest of a quote whose key signs with h.
 * ms_hash_len(h) bytes. MS_ERR_USAGE when mask is empty or names one that is not there. */
MS_MUST_USE enum ms_rc ms_pcr_bank_digest(
    const struct ms_pcr_bank *b, uint32_t mask, enum ms_hash h, uint8_t ret[static MS_HASH_LEN_MAX], struct ms_err *err);

/* {"sha256": {"0": "hex", ...}, ...}, strictly: known banks, PCR numbers 0 to 23 without leading zeros, each value exactly as long
 * as its bank's hash, at least one value. MS_ERR_MALFORMED, MS_ERR_TOO_BIG; MS_ERR_UNSUPPORTED for a bank of no hash of ours. */
MS_MUST_USE enum ms_rc ms_pcr_banks_parse_json(struct ms_span text, struct ms_pcr_banks *ret, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_pcr_banks_from_json(const json_t *object, struct ms_pcr_banks *ret, struct ms_err *err);
/* The same form; NULL: no memory. The caller owns it. */
json_t *ms_pcr_banks_to_json(const struct ms_pcr_banks *b);
/* "0, 4 and 7": for messages. `out` is cut to fit. */
void ms_pcr_mask_text(uint32_t mask, char *out, size_t size);

#endif
