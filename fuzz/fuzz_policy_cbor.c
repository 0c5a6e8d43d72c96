/* A policy that loads builds back to the same bytes; judgement, checking and printing end on any of them; without reference sets
 * nothing that needs one passes, and no verdict is told without a reason. */
#include <stdlib.h>
#include <string.h>

#include "policy/policy_int.h"

static enum ms_rc
no_reference(void *ctx, struct ms_span name, const struct ms_reference **ret, struct ms_err *err)
{
	(void)ctx;
	(void)name;
	(void)ret;
	return ms_fail(err, MS_ERR_NOT_FOUND, "none");
}

static void
fill(struct ms_appraisal *a)
{
	static const uint8_t digest[32] = {1};
	struct ms_ima_file f = {.hash = 4,
	    .digest = {digest, 32},
	    .path = {(const uint8_t *)"/usr/bin/x", 10},
	    .signature = MS_IMA_SIG_GOOD,
	    .key_id = {digest, 32}};
	struct ms_tuple t = {.pcr = 4, .digest = {2}};
	a->has_boot = a->has_ima = true;
	if (ms_appraisal_add_file(a, &f, NULL) != MS_OK || ms_tuples_add(&a->boot, &t, 10, NULL) != MS_OK ||
	    ms_claims_add_bool(a->claims, "boot.secure-boot", true, true, NULL) != MS_OK ||
	    ms_claims_add_text(a->claims, "boot.sbat.shim", false, ms_span_str("4"), NULL) != MS_OK ||
	    ms_claims_add_text(a->claims, "boot.kernel.cmdline", true, ms_span_str("ro init=/x"), NULL) != MS_OK ||
	    ms_claims_add_text(a->claims, "attester.assurance", true, ms_span_str("hardware"), NULL) != MS_OK)
		abort();
}

static void
judge(const struct ms_policy *policy, const struct ms_appraisal *a, struct ms_buf *b)
{
	struct ms_err err;
	struct ms_verdict v;
	struct ms_pcrs pcrs = {.mask = MS_PCRS_ATTEST_MASK, .value = {{1}}};
	uint8_t id[MS_POLICY_ID_LEN];
	struct ms_policy_input in = {.policy = policy,
	    .device = {.model = ms_span("m", 1), .device = ms_span("d", 1)},
	    .pcrs = &pcrs,
	    .appraisal = a,
	    .now_s = 1790000000,
	    .reference = no_reference,
	    .trace = b};
	ms_buf_reset(b);
	if (ms_policy_judge(&in, &v, &err) != MS_OK || (v.n_reasons == 0) != (v.outcome == MS_OUTCOME_PASS))
		abort();
	if (v.outcome == MS_OUTCOME_PASS && v.judged_pcrs != 0)
		abort(); /* without reference sets no PCR passes, waived or not */
	if (a == NULL && v.outcome != MS_OUTCOME_DENY && v.n_waived + v.more_waived == 0)
		abort();
	ms_buf_reset(b);
	ms_verdict_operator(&v, b);
	ms_verdict_waived(&v, b);
	if (b->bad || ms_policy_judged_id(&in, id, &err) != MS_OK)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	MS_OWN(ms_policy_free) struct ms_policy *policy = NULL;
	MS_OWN(ms_appraisal_free) struct ms_appraisal *a = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf b;
	struct ms_err err;
	ms_buf_init(&b, 8 * MS_POLICY_WIRE_MAX);
	if (ms_policy_load(ms_span(p, n), &policy, &err) != MS_OK)
		return 0;
	if (ms_policy_build(policy, &b, &err) != MS_OK || !ms_span_eq(ms_buf_span(&b), ms_span(p, n)))
		abort();
	if (ms_appraisal_new(&a, &err) != MS_OK)
		return 0;
	fill(a);
	judge(policy, NULL, &b);
	judge(policy, a, &b);
	(void)ms_policy_check(policy, NULL, NULL, NULL);
	ms_buf_reset(&b);
	(void)!ms_policy_print(policy, &b, &err);
	return 0;
}
