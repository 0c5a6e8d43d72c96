#include "cli/case.h"

#include <stdlib.h>
#include <string.h>

#include "evidence/bootlog.h"
#include "evidence/ima.h"

#define BOOT_LOG_MAX (4u << 20)

void
ms_case_init(struct ms_case *k)
{
	*k = (struct ms_case){.has_pcrs = false};
	ms_buf_init(&k->boot_log, BOOT_LOG_MAX);
	ms_buf_init(&k->ima, 64u << 20);
}

void
ms_case_fini(struct ms_case *k)
{
	ms_appraisal_free(k->appraisal);
	ms_claims_free(k->claims);
	ms_buf_fini(&k->boot_log);
	ms_buf_fini(&k->ima);
	*k = (struct ms_case){.has_pcrs = false};
}

enum ms_rc
ms_case_pcrs_json(struct ms_case *k, struct ms_span text, struct ms_err *err)
{
	struct ms_pcr_banks banks;
	enum ms_rc rc = ms_pcr_banks_parse_json(text, &banks, err);
	if (rc != MS_OK)
		return rc;
	const struct ms_pcr_bank *b = ms_pcr_banks_find(&banks, MS_TPM_ALG_SHA256);
	if (b == NULL)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "no values of the sha256 bank, which policies judge");
	rc = ms_pcr_bank_sha256(b, &k->pcrs, err);
	k->has_pcrs = rc == MS_OK;
	return rc;
}

/* ---- logs ---- */

static enum ms_rc
on_key(void *ctx, struct ms_span der, struct ms_err *err)
{
	return ms_ima_keyring_add(ctx, der, err);
}

static struct ms_policy_input
input_of(const struct ms_case *k, const struct ms_case_policy *p)
{
	return (struct ms_policy_input){.policy = p->policy,
	    .policy_version = p->version,
	    .device = k->device,
	    .pcrs = k->has_pcrs ? &k->pcrs : NULL,
	    .appraisal = k->appraisal,
	    .late_files = k->late_files,
	    .claims = k->claims,
	    .last_reference = k->last_reference,
	    .now_s = k->now_s,
	    .reference = p->reference,
	    .reference_ctx = p->reference_ctx};
}

static void
leave_out_late(struct ms_case *k, uint64_t end)
{
	for (size_t i = 0; i < k->appraisal->n_files; i++)
		k->late_files += k->appraisal->file[i].entry >= end;
}

/* The list may have grown after the quote: what came later is not judged. Where the beginning is not here, the record says. */
static enum ms_rc
replay_ima(struct ms_case *k, struct ms_err *err)
{
	struct ms_ima_state from = {.entries = 0}, to;
	size_t used = 0;
	if (k->ima_from > 0 && k->ima_used_known)
		leave_out_late(k, (uint64_t)k->ima_from + k->ima_used);
	if (k->ima_from > 0 || (k->pcrs.mask >> MS_IMA_PCR & 1) == 0)
		return MS_OK; /* nothing to compare with */
	enum ms_rc rc = ms_appraisal_ima_replay(k->appraisal, &from, k->pcrs.value[MS_IMA_PCR], &to, &used, err);
	if (rc != MS_OK)
		return ms_prefix(err, MS_ERR_MALFORMED, "the IMA list does not lead to PCR 10");
	leave_out_late(k, used);
	return MS_OK;
}

static enum ms_rc
read_ima(struct ms_case *k, const struct ms_case_policy *p, struct ms_err *err)
{
	MS_OWN(ms_ima_keyring_free) struct ms_ima_keyring *keys = NULL;
	static const uint8_t zeros[MS_PCR_LEN];
	bool quoted = (k->pcrs.mask >> MS_IMA_PCR & 1) != 0 && k->ima_from == 0;
	struct ms_ima_evidence ev = {.list = ms_buf_span(&k->ima), .from = k->ima_from, .caps = MS_IMA_CAPS_OFFLINE};
	enum ms_rc rc = ms_ima_keyring_new(&keys, err);
	struct ms_policy_input in = input_of(k, p);
	if (rc == MS_OK && p->policy != NULL)
		rc = ms_policy_ima_keys(&in, on_key, keys, err);
	ev.keys = keys;
	ev.start = quoted ? zeros : NULL;
	ev.quoted = quoted ? k->pcrs.value[MS_IMA_PCR] : NULL;
	if (rc == MS_OK)
		rc = ms_ima_appraise(&ev, k->appraisal, err);
	return rc == MS_OK ? rc : ms_prefix(err, rc, "IMA list");
}

static enum ms_rc
read_boot_log(struct ms_case *k, struct ms_err *err)
{
	char pcrs[128];
	struct ms_pcrs replayed;
	struct ms_bootlog_caps caps = {.bytes = BOOT_LOG_MAX, .events = MS_APPRAISAL_BOOT_MAX, .event_bytes = 1u << 20};
	enum ms_rc rc = ms_bootlog_appraise(ms_buf_span(&k->boot_log), &caps, k->appraisal, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "boot log");
	ms_appraisal_boot_pcrs(k->appraisal, &replayed);
	if (!k->has_pcrs) {
		k->pcrs = replayed;
		k->has_pcrs = true;
		return MS_OK;
	}
	uint32_t wrong = ms_appraisal_unexplained(k->appraisal, &k->pcrs, replayed.mask & k->pcrs.mask & ~(UINT32_C(1) << MS_IMA_PCR));
	ms_pcr_mask_text(wrong, pcrs, sizeof pcrs);
	return wrong == 0 ? MS_OK : ms_fail(err, MS_ERR_MALFORMED, "the boot log does not explain PCR %s", pcrs);
}

enum ms_rc
ms_case_read_logs(struct ms_case *k, const struct ms_case_policy *p, struct ms_err *err)
{
	bool nothing_new = k->ima_used_known && k->ima.len == 0;
	if (k->boot_log.len == 0 && k->ima.len == 0 && !nothing_new)
		return MS_OK;
	enum ms_rc rc = ms_appraisal_new(&k->appraisal, err);
	if (rc == MS_OK && nothing_new) {
		k->appraisal->has_ima = true;
		k->appraisal->ima_from = k->ima_from;
	}
	if (rc == MS_OK && k->boot_log.len > 0)
		rc = read_boot_log(k, err);
	if (rc == MS_OK && k->ima.len > 0)
		rc = read_ima(k, p, err);
	return rc == MS_OK && k->ima.len > 0 ? replay_ima(k, err) : rc;
}

enum ms_rc
ms_case_replace_claims(struct ms_case *k, const struct ms_claims *claims, struct ms_err *err)
{
	MS_OWN(ms_claims_free) struct ms_claims *kept = NULL;
	const struct ms_claims *old = k->appraisal == NULL ? NULL : k->appraisal->claims;
	enum ms_rc rc = old == NULL ? ms_claims_new(&k->claims, err) : ms_claims_new(&kept, err);
	for (size_t i = 0; rc == MS_OK && old != NULL && i < ms_claims_count(old); i++) {
		const struct ms_claim *one = ms_claims_at(old, i);
		size_t from = 0;
		if (ms_claims_next(claims, ms_span_str(one->name->name), &from) != NULL)
			continue;
		rc = ms_claims_add(kept, one, err);
	}
	if (rc == MS_OK)
		rc = ms_claims_merge(old == NULL ? k->claims : kept, claims, err);
	if (rc != MS_OK || old == NULL)
		return rc;
	ms_claims_free(k->appraisal->claims);
	k->appraisal->claims = kept;
	kept = NULL;
	return MS_OK;
}

/* ---- judging ---- */

static void
on_step(void *ctx, const struct ms_policy_step *s)
{
	(void)json_array_append_new(ctx, json_pack("{s:s, s:s, s:s, s:s}", "outcome", ms_step_outcome_name(s->outcome), "rule", s->rule,
					     "requirement", s->requirement, "detail", s->detail));
}

enum ms_rc
ms_case_judge(const struct ms_case *k, const struct ms_case_policy *p, json_t *steps, struct ms_verdict *ret, struct ms_err *err)
{
	struct ms_policy_input in = input_of(k, p);
	in.step = steps == NULL ? NULL : on_step;
	in.step_ctx = steps;
	return ms_policy_judge(&in, ret, err);
}
