/* What differs between two policies, in words that a person reviews before a change. Both are compared as the text that
 * ms_policy_print() makes of them, so every key of the language is covered by being printed. */
#ifndef MS_POLICY_DIFF_H
#define MS_POLICY_DIFF_H
#include "policy/policy.h"

#define MS_POLICY_DIFF_TEXT_MAX 1024u

enum ms_policy_diff_kind { MS_POLICY_DIFF_ADDED, MS_POLICY_DIFF_REMOVED, MS_POLICY_DIFF_CHANGED, MS_POLICY_DIFF_MOVED };
struct ms_policy_difference {
	enum ms_policy_diff_kind kind;
	const char *where;   /* "attest.interval", "rule laptops", "rule laptops: require.pcrs" */
	const char *section; /* first key of the path: "attest", "rule", "group", "waiver" */
	const char *name;    /* of the rule, group or waiver; "" when it is a setting */
	const char *text;    /* "10m -> 5m", "adds 11, 12; drops 9" */
};
const char *ms_policy_diff_kind_name(enum ms_policy_diff_kind k); /* "added" */
typedef void (*ms_policy_diff_fn)(void *ctx, const struct ms_policy_difference *d);
/* `from` may be NULL: nothing runs. Tells each difference in the order of the text. Borrowed strings last for the call. */
MS_MUST_USE enum ms_rc ms_policy_diff(
    const struct ms_policy *from, const struct ms_policy *to, ms_policy_diff_fn fn, void *ctx, struct ms_err *err);

/* Every rule that can match a device (templates cannot), in order; and those that name this reference set anywhere. Borrowed strings
 * last for the call. */
typedef void (*ms_policy_rule_fn)(void *ctx, const char *rule);
MS_MUST_USE enum ms_rc ms_policy_rules(const struct ms_policy *p, ms_policy_rule_fn fn, void *ctx, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_policy_rules_naming(
    const struct ms_policy *p, const char *reference, ms_policy_rule_fn fn, void *ctx, struct ms_err *err);

#endif
