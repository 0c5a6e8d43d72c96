/* A policy that loads builds back to the same bytes, and judgement, checking and printing end on any of them. */
#include <stdlib.h>

#include "policy/policy_int.h"

static enum ms_rc
no_reference(void *ctx, struct ms_span name, const struct ms_reference **ret, struct ms_err *err)
{
	(void)ctx;
	(void)name;
	(void)ret;
	return ms_fail(err, MS_ERR_NOT_FOUND, "none");
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	MS_OWN(ms_policy_free) struct ms_policy *policy = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf b;
	struct ms_err err;
	struct ms_verdict v;
	struct ms_pcrs pcrs = {.mask = MS_PCRS_ATTEST_MASK, .value = {{1}}};
	ms_buf_init(&b, 4 * MS_POLICY_WIRE_MAX);
	if (ms_policy_load(ms_span(p, n), &policy, &err) != MS_OK)
		return 0;
	if (ms_policy_build(policy, &b, &err) != MS_OK || !ms_span_eq(ms_buf_span(&b), ms_span(p, n)))
		abort();
	struct ms_policy_input in = {
	    .policy = policy, .device = {.model = ms_span("m", 1)}, .pcrs = &pcrs, .reference = no_reference, .trace = &b};
	if (ms_policy_judge(&in, &v, &err) != MS_OK || v.outcome != MS_OUTCOME_DENY)
		abort(); /* without reference sets nothing passes and nothing fails */
	(void)ms_policy_check(policy, NULL, NULL, NULL);
	ms_buf_reset(&b);
	(void)!ms_policy_print(policy, &b, &err);
	return 0;
}
