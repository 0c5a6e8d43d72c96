/* What compiles loads, and prints to text that compiles to the same bytes. */
#include <stdlib.h>

#include "policy/policy.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	MS_OWN(ms_policy_free) struct ms_policy *policy = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf one;
	MS_OWN(ms_buf_fini) struct ms_buf two;
	MS_OWN(ms_buf_fini) struct ms_buf text;
	struct ms_err err;
	struct ms_policy_file f = {.name = "f", .text = ms_span(p, n)};
	ms_buf_init(&one, MS_POLICY_WIRE_MAX);
	ms_buf_init(&two, MS_POLICY_WIRE_MAX);
	ms_buf_init(&text, 4 * MS_POLICY_YAML_MAX);
	if (ms_policy_compile(&f, 1, &one, &err) != MS_OK)
		return 0;
	if (ms_policy_load(ms_buf_span(&one), &policy, &err) != MS_OK || ms_policy_print(policy, &text, &err) != MS_OK)
		abort();
	f.text = ms_buf_span(&text);
	if (f.text.len > MS_POLICY_YAML_MAX)
		return 0;
	if (ms_policy_compile(&f, 1, &two, &err) != MS_OK || !ms_span_eq(ms_buf_span(&one), ms_buf_span(&two)))
		abort();
	return 0;
}
