/* TPM2_Quote: untrusted bytes become a struct ms_quote_raw, which shows nothing; one function turns it into a struct
 * ms_quote_verified, which does. Policy takes only the second. */
#ifndef MS_QUOTE_H
#define MS_QUOTE_H
#include "evidence/ak.h"
#include "evidence/pcrs.h"

struct ms_quote_raw;
/* Copies TPMS_ATTEST and TPMT_SIGNATURE. MS_ERR_TOO_BIG (reason too-big) or MS_ERR_NOMEM; nothing is looked at. */
MS_MUST_USE enum ms_rc ms_quote_take(
    struct ms_span attest, struct ms_span signature, struct ms_quote_raw **ret, enum ms_evidence_reason *ret_reason, struct ms_err *err);
void ms_quote_raw_free(struct ms_quote_raw *q);
MS_CLEANUP(struct ms_quote_raw, ms_quote_raw_free)

/* Clock and counters of the last quote that was accepted from this AK. */
struct ms_quote_seen {
	uint64_t clock;
	uint32_t reset_count, restart_count;
};
struct ms_quote_check {
	const struct ms_ak *ak;           /* the AK enrolled for this device */
	struct ms_span extra;             /* exactly 32 bytes: what this session expects as extraData */
	uint32_t mask;                    /* PCRs asked for, SHA-256 bank; PCR 0 must be among them */
	const struct ms_pcrs *pcrs;       /* values claimed; their mask must be the one asked for */
	const struct ms_quote_seen *seen; /* NULL: the first quote of this AK */
};
struct ms_quote_verified;
/* In this order: size, signature over the raw bytes, magic, type, signer, nonce, clock and counters, PCR selection, PCR
 * values and digest, PCR 0 not all zero. On refusal *ret is untouched and *ret_reason (may be NULL) names the first check
 * that failed; its row in reason.c holds the code: never MS_ERR_NOMEM, MS_ERR_CRYPTO or MS_ERR_USAGE, which come
 * with reason `fault` and are no verdict. On MS_OK *ret_reason is untouched and the caller owns *ret. */
MS_MUST_USE enum ms_rc ms_quote_verify(const struct ms_quote_raw *q, const struct ms_quote_check *check, struct ms_quote_verified **ret,
    enum ms_evidence_reason *ret_reason, struct ms_err *err);
void ms_quote_verified_free(struct ms_quote_verified *v);
MS_CLEANUP(struct ms_quote_verified, ms_quote_verified_free)

/* All borrowed from v. */
const struct ms_pcrs *ms_quote_pcrs(const struct ms_quote_verified *v); /* proven values: only those of the selection */
struct ms_pcr_set ms_quote_pcr_set(const struct ms_quote_verified *v);
uint64_t ms_quote_clock(const struct ms_quote_verified *v);
uint32_t ms_quote_reset_count(const struct ms_quote_verified *v);
uint32_t ms_quote_restart_count(const struct ms_quote_verified *v);
struct ms_quote_seen ms_quote_to_seen(const struct ms_quote_verified *v); /* to store for the next check */
bool ms_quote_safe(const struct ms_quote_verified *v);                    /* always true: an unsafe clock is refused */
bool ms_quote_rebooted(const struct ms_quote_verified *v);                /* the reset count grew since `seen` */
uint64_t ms_quote_firmware(const struct ms_quote_verified *v);
const struct ms_tpm_name *ms_quote_signer(const struct ms_quote_verified *v); /* Name of the AK */

#endif
