/* Tests of a policy, beside it in tests/NAME.yaml (docs/policy-tutorial.md): evidence in, verdict expected. A file is
 * {version: 1, tests: [{name, device, evidence, now, expect, ...}]}; this reads what is asked, and says whether a verdict is it.
 * The evidence is in files of their own, which the caller reads. */
#ifndef MS_TESTFILE_H
#define MS_TESTFILE_H
#include "policy/policy.h"

#define MS_POLICY_TESTS_MAX 1000u /* of one file */
#define MS_POLICY_TEST_NAME_MAX 120u
#define MS_POLICY_TEST_TEXT_MAX 1024u

struct ms_policy_test_evidence {
	const char *pcrs, *boot_log, *ima, *bundle; /* names of files, as the test has them; NULL: none */
	struct ms_pcrs replace;                     /* values in place of those of the files */
	const struct ms_claims *claims;             /* in place of claims of that name; may be NULL */
};
/* Borrowed from the tests. */
struct ms_policy_test {
	const char *name;
	unsigned line;
	struct ms_policy_device device;
	struct ms_span last_reference;
	struct ms_policy_test_evidence evidence;
	uint64_t now_s; /* 0: not said */
	enum ms_outcome outcome;
	/* Further things that one reason of the verdict must be, all at once; NULL or false: not asked. */
	bool has_reason, has_pcr;
	enum ms_policy_code reason;
	uint8_t pcr;
	const char *claim, *path;
	const char *rule, *reference, *waiver; /* of the verdict */
};
struct ms_policy_tests;
/* MS_ERR_USAGE: err reads "FILE:LINE: KEY: what is wrong". MS_OK: the caller owns *ret. */
MS_MUST_USE enum ms_rc ms_policy_tests_parse(const struct ms_policy_file *file, struct ms_policy_tests **ret, struct ms_err *err);
void ms_policy_tests_free(struct ms_policy_tests *t);
MS_CLEANUP(struct ms_policy_tests, ms_policy_tests_free)
size_t ms_policy_tests_count(const struct ms_policy_tests *t);
const struct ms_policy_test *ms_policy_tests_at(const struct ms_policy_tests *t, size_t i); /* i < count */

/* Is this the verdict that was expected? Words for both sides, cut to fit: "fail pcr-mismatch pcr=4". */
bool ms_policy_test_met(const struct ms_policy_test *t, const struct ms_verdict *v);
/* The reason that is the one expected, else the first; NULL when there is none. */
const struct ms_verdict_reason *ms_policy_test_reason(const struct ms_policy_test *t, const struct ms_verdict *v);
void ms_policy_test_expected(const struct ms_policy_test *t, char out[static MS_POLICY_TEST_TEXT_MAX]);
void ms_policy_test_got(const struct ms_verdict *v, char out[static MS_POLICY_TEST_TEXT_MAX]);

#endif
