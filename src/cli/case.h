/* One device and one piece of evidence, judged on this machine: what tests of a policy, explain and simulate have in common.
 * Evidence is from files or from the server's records; here it is only read and judged, its authenticity is asked elsewhere. */
#ifndef MS_CLI_CASE_H
#define MS_CLI_CASE_H
#include "cli/cli.h"
#include "policy/policy.h"

struct ms_case {
	struct ms_policy_device device; /* spans borrowed, until the case ends */
	struct ms_span last_reference;
	uint64_t now_s;
	bool has_pcrs;
	struct ms_pcrs pcrs;
	struct ms_appraisal *appraisal; /* NULL: no logs */
	struct ms_claims *claims;       /* beside those of the logs; NULL: none */
	size_t late_files;
	struct ms_buf boot_log, ima; /* what the appraisal borrows from */
	/* A recorded tail: its first entry, and how many of its entries the quote covers, as the server found by replaying it. */
	uint32_t ima_from, ima_used;
	bool ima_used_known; /* then there was a list, if only an empty tail */
};
void ms_case_init(struct ms_case *k);
void ms_case_fini(struct ms_case *k);
MS_CLEANUP_FINI(struct ms_case, ms_case_fini)

/* {"sha256": {"0": "hex", ...}} */
MS_MUST_USE enum ms_rc ms_case_pcrs_json(struct ms_case *k, struct ms_span text, struct ms_err *err);
/* Logs were read into k->boot_log and k->ima (one may be empty): parse and replay them. `policy` and `lookup` say which keys may have
 * signed files; policy may be NULL. MS_ERR_MALFORMED: they do not agree with each other or with the PCRs, which the text names. */
struct ms_case_policy {
	const struct ms_policy *policy;
	uint64_t version;
	ms_policy_reference_fn reference;
	void *reference_ctx;
};
MS_MUST_USE enum ms_rc ms_case_read_logs(struct ms_case *k, const struct ms_case_policy *p, struct ms_err *err);
/* Claims in place of those of the same names that the logs gave. */
MS_MUST_USE enum ms_rc ms_case_replace_claims(struct ms_case *k, const struct ms_claims *claims, struct ms_err *err);

/* `steps` may be NULL: else an array to which each step is added, {outcome, rule, requirement, detail}. */
MS_MUST_USE enum ms_rc ms_case_judge(
    const struct ms_case *k, const struct ms_case_policy *p, json_t *steps, struct ms_verdict *ret, struct ms_err *err);

/* ---- a verdict for people and for programs (verdict_out.c); operators see expected values, so this is for operators ---- */
json_t *ms_verdict_json(const struct ms_verdict *v);
void ms_out_steps(struct ms_cli *c, FILE *f, const json_t *steps, unsigned indent);
void ms_out_verdict(struct ms_cli *c, FILE *f, const struct ms_verdict *v, unsigned indent);
/* "pass" in its colour. */
void ms_out_outcome(struct ms_cli *c, FILE *f, const char *name);

#endif
