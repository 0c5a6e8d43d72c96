/* A file of policy tests: what parses can be told in words, and an empty verdict is what nobody expects but a deny. */
#include <stdlib.h>

#include "policy/testfile.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	MS_OWN(ms_policy_tests_free) struct ms_policy_tests *t = NULL;
	struct ms_policy_file f = {.name = "t.yaml", .text = ms_span(p, n)};
	struct ms_verdict v = {.outcome = MS_OUTCOME_DENY};
	struct ms_err err;
	char words[MS_POLICY_TEST_TEXT_MAX];
	if (ms_policy_tests_parse(&f, &t, &err) != MS_OK)
		return 0;
	for (size_t i = 0; i < ms_policy_tests_count(t); i++) {
		const struct ms_policy_test *one = ms_policy_tests_at(t, i);
		ms_policy_test_expected(one, words);
		if (ms_policy_test_met(one, &v)) /* it has no reason, so not even what expects a deny is met */
			abort();
	}
	return 0;
}
