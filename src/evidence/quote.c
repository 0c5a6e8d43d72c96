#include "evidence/quote.h"

#include <stdlib.h>
#include <string.h>

#include "evidence/ak_int.h"
#include "evidence/reason_int.h"

struct ms_quote_raw {
	size_t attest_len, signature_len;
	uint8_t attest[MS_TPM_ATTEST_MAX], signature[MS_TPM_SIGNATURE_MAX];
};

struct ms_quote_verified {
	struct ms_pcrs pcrs;
	struct ms_pcr_set set;
	struct ms_quote_seen seen;
	bool safe, rebooted;
	uint64_t firmware;
	struct ms_tpm_name signer;
};

enum ms_rc
ms_quote_take(
    struct ms_span attest, struct ms_span signature, struct ms_quote_raw **ret, enum ms_evidence_reason *ret_reason, struct ms_err *err)
{
	if (attest.len > MS_TPM_ATTEST_MAX || signature.len > MS_TPM_SIGNATURE_MAX)
		return ms_refuse(ret_reason, MS_EVIDENCE_TOO_BIG, err);
	struct ms_quote_raw *q = malloc(sizeof *q);
	if (q == NULL)
		return ms_refuse_fault(ret_reason, ms_fail(err, MS_ERR_NOMEM, "quote"));
	q->attest_len = attest.len;
	q->signature_len = signature.len;
	if (attest.len > 0)
		memcpy(q->attest, attest.p, attest.len);
	if (signature.len > 0)
		memcpy(q->signature, signature.p, signature.len);
	*ret = q;
	return MS_OK;
}

void
ms_quote_raw_free(struct ms_quote_raw *q)
{
	free(q);
}

/* Part 1, 36: with `safe` set no greater clock was ever reported, over resets too; the reset count falls only when the
 * owner clears the TPM, the restart count begins anew at each reset. */
static enum ms_rc
check_clock(const struct ms_tpm_attest *a, const struct ms_quote_seen *seen, enum ms_evidence_reason *ret_reason, struct ms_err *err)
{
	if (!a->safe)
		return ms_refuse(ret_reason, MS_EVIDENCE_CLOCK_UNSAFE, err);
	if (seen == NULL)
		return MS_OK;
	if (a->reset_count < seen->reset_count)
		return ms_refuse(ret_reason, MS_EVIDENCE_RESET_COUNT_BACK, err);
	if (a->reset_count == seen->reset_count && a->restart_count < seen->restart_count)
		return ms_refuse(ret_reason, MS_EVIDENCE_RESTART_COUNT_BACK, err);
	if (a->clock < seen->clock)
		return ms_refuse(ret_reason, MS_EVIDENCE_CLOCK_BACK, err);
	return MS_OK;
}

static enum ms_rc
check_pcrs(const struct ms_tpm_attest *a, const struct ms_quote_check *check, enum ms_evidence_reason *ret_reason, struct ms_err *err)
{
	if (!ms_tpm_selection_is(&a->selection, (struct ms_pcr_set){MS_TPM_ALG_SHA256, check->mask}))
		return ms_refuse(ret_reason, MS_EVIDENCE_PCR_SELECTION, err);
	if (check->pcrs->mask != check->mask)
		return ms_refuse(ret_reason, MS_EVIDENCE_PCR_VALUES, err);
	uint8_t digest[MS_HASH_LEN_MAX];
	enum ms_rc rc = ms_pcrs_digest_as(check->ak->hash, check->pcrs, check->mask, digest, err);
	if (rc != MS_OK)
		return ms_refuse_fault(ret_reason, rc);
	size_t len = ms_hash_len(check->ak->hash);
	if (a->pcr_digest.len != len || !ms_ct_eq(a->pcr_digest.p, digest, len))
		return ms_refuse(ret_reason, MS_EVIDENCE_PCR_DIGEST, err);
	if (ms_pcrs_all_zero(check->pcrs, 0))
		return ms_refuse(ret_reason, MS_EVIDENCE_PCR0_ALL_ZERO, err);
	return MS_OK;
}

static enum ms_rc
check_usage(const struct ms_quote_check *check, struct ms_err *err)
{
	if (check->pcrs == NULL || (check->mask & 1u) == 0 || check->mask >> MS_TPM_PCR_COUNT != 0)
		return ms_fail(err, MS_ERR_USAGE, "quote: PCR 0 must be asked for, and values given");
	return MS_OK;
}

enum ms_rc
ms_quote_verify(const struct ms_quote_raw *q, const struct ms_quote_check *check, struct ms_quote_verified **ret,
    enum ms_evidence_reason *ret_reason, struct ms_err *err)
{
	enum ms_rc rc = check_usage(check, err);
	if (rc != MS_OK)
		return ms_refuse_fault(ret_reason, rc);
	struct ms_attest_check signed_by_ak = {
	    .ak = check->ak,
	    .attest = ms_span(q->attest, q->attest_len),
	    .signature = ms_span(q->signature, q->signature_len),
	    .type = MS_TPM_ST_QUOTE,
	    .extra = check->extra,
	};
	struct ms_tpm_attest a;
	rc = ms_attest_verify(&signed_by_ak, &a, ret_reason, err);
	if (rc == MS_OK)
		rc = check_clock(&a, check->seen, ret_reason, err);
	if (rc == MS_OK)
		rc = check_pcrs(&a, check, ret_reason, err);
	if (rc != MS_OK)
		return rc;
	struct ms_quote_verified *v = malloc(sizeof *v);
	if (v == NULL)
		return ms_refuse_fault(ret_reason, ms_fail(err, MS_ERR_NOMEM, "quote"));
	*v = (struct ms_quote_verified){
	    .set = a.selection.bank[0],
	    .seen = {a.clock, a.reset_count, a.restart_count},
	    .safe = a.safe,
	    .rebooted = check->seen != NULL && a.reset_count > check->seen->reset_count,
	    .firmware = a.firmware,
	    .signer = check->ak->name,
	};
	v->pcrs.mask = check->mask;
	for (unsigned i = 0; i < MS_TPM_PCR_COUNT; i++)
		if ((check->mask >> i & 1u) != 0)
			memcpy(v->pcrs.value[i], check->pcrs->value[i], MS_PCR_LEN);
	*ret = v;
	return MS_OK;
}

void
ms_quote_verified_free(struct ms_quote_verified *v)
{
	free(v);
}

const struct ms_pcrs *
ms_quote_pcrs(const struct ms_quote_verified *v)
{
	return &v->pcrs;
}

struct ms_pcr_set
ms_quote_pcr_set(const struct ms_quote_verified *v)
{
	return v->set;
}

uint64_t
ms_quote_clock(const struct ms_quote_verified *v)
{
	return v->seen.clock;
}

uint32_t
ms_quote_reset_count(const struct ms_quote_verified *v)
{
	return v->seen.reset_count;
}

uint32_t
ms_quote_restart_count(const struct ms_quote_verified *v)
{
	return v->seen.restart_count;
}

struct ms_quote_seen
ms_quote_to_seen(const struct ms_quote_verified *v)
{
	return v->seen;
}

bool
ms_quote_safe(const struct ms_quote_verified *v)
{
	return v->safe;
}

bool
ms_quote_rebooted(const struct ms_quote_verified *v)
{
	return v->rebooted;
}

uint64_t
ms_quote_firmware(const struct ms_quote_verified *v)
{
	return v->firmware;
}

const struct ms_tpm_name *
ms_quote_signer(const struct ms_quote_verified *v)
{
	return &v->signer;
}
