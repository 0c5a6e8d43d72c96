/* The policy and the reference sets that run, as the policy and reference commands take them from the server. */
#ifndef MS_CLI_POLICY_REMOTE_H
#define MS_CLI_POLICY_REMOTE_H
#include "cli/remote.h"
#include "policy/policy.h"
#include "policy/reference.h"

/* Every row of the commands of the noun `policy` lists its function here; each is in cmd_policy_VERB.c. */
enum ms_rc ms_policy_run_test(struct ms_cli *c, struct ms_err *err);
enum ms_rc ms_policy_run_explain(struct ms_cli *c, struct ms_err *err);
enum ms_rc ms_policy_run_simulate(struct ms_cli *c, struct ms_err *err);
enum ms_rc ms_policy_run_plan(struct ms_cli *c, struct ms_err *err);
enum ms_rc ms_policy_run_apply(struct ms_cli *c, struct ms_err *err);
enum ms_rc ms_policy_run_drift(struct ms_cli *c, struct ms_err *err);

struct ms_running_policy {
	struct ms_reply reply; /* its result has version, set_s, by */
	struct ms_buf cbor;
	struct ms_policy *policy; /* NULL: none is set, which is version 0 */
	uint64_t version;
};
void ms_running_policy_fini(struct ms_running_policy *p);
MS_CLEANUP_FINI(struct ms_running_policy, ms_running_policy_fini)
MS_MUST_USE enum ms_rc ms_remote_policy(struct ms_cli *c, struct ms_running_policy *ret, struct ms_err *err);

/* Reference sets as they are asked for: those of a directory first, then those of the server, each fetched once. */
struct ms_policy_dir;
struct ms_sets {
	struct ms_cli *c;                /* NULL: only the directory's */
	const struct ms_policy_dir *dir; /* NULL: only the server's */
	struct ms_set {
		char name[MS_REFERENCE_NAME_MAX + 1];
		struct ms_reference *set; /* NULL: the server has none */
	} * row;
	size_t n;
};
void ms_sets_fini(struct ms_sets *s);
MS_CLEANUP_FINI(struct ms_sets, ms_sets_fini)
/* A ms_policy_reference_fn over a struct ms_sets. */
enum ms_rc ms_sets_lookup(void *sets, struct ms_span name, const struct ms_reference **ret, struct ms_err *err);

/* The set of that name. *ret stays NULL and *version 0 when there is none. The caller frees *ret. */
MS_MUST_USE enum ms_rc ms_remote_reference(
    struct ms_cli *c, const char *name, struct ms_reference **ret, uint64_t *version, struct ms_err *err);
/* Put it in place of what is there at base_version; the set's own version is made the next one. *ret may be NULL: then nothing is
 * printed; else it is what ms_remote_done() prints. */
MS_MUST_USE enum ms_rc ms_remote_set_reference(
    struct ms_cli *c, struct ms_reference *set, uint64_t base_version, struct ms_reply *ret, struct ms_err *err);

#endif
