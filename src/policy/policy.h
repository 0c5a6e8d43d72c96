/* Policy as code: YAML compiled to deterministic CBOR, which is what is signed, stored and evaluated. Evaluation
 * is total: it ends, touches nothing, and everything that no rule admits is denied. The language: docs/policy.md. */
#ifndef MS_POLICY_H
#define MS_POLICY_H
#include "policy/reference.h"

#define MS_POLICY_FORMAT 1u
#define MS_POLICY_NAME_MAX 64u
#define MS_POLICY_RULES_MAX 256u
#define MS_POLICY_MODELS_MAX 256u    /* for one rule */
#define MS_POLICY_REFERENCES_MAX 16u /* for one rule */
#define MS_POLICY_WIRE_MAX 262144u
#define MS_POLICY_YAML_MAX 262144u /* one file */
#define MS_POLICY_ID_LEN 32u

struct ms_policy;
void ms_policy_free(struct ms_policy *p);
MS_CLEANUP(struct ms_policy, ms_policy_free)

struct ms_policy_file {
	const char *name; /* in error texts */
	struct ms_span text;
};
/* Compile files (in the order given; the CLI sorts by name) to CBOR, appended to `out`. MS_ERR_USAGE; err reads
 * "FILE:LINE: KEY: what is wrong". */
MS_MUST_USE enum ms_rc ms_policy_compile(const struct ms_policy_file *files, size_t n, struct ms_buf *out, struct ms_err *err);
/* Foreign bytes to an object; everything that compile checks is checked again. MS_ERR_MALFORMED, MS_ERR_TOO_BIG,
 * MS_ERR_UNSUPPORTED (another format). Says nothing about who signed it. */
MS_MUST_USE enum ms_rc ms_policy_load(struct ms_span cbor, struct ms_policy **ret, struct ms_err *err);
/* The policy of a new deployment, as CBOR: no rule, so every device is denied; unlisted devices wait for approval. */
MS_MUST_USE enum ms_rc ms_policy_initial(struct ms_buf *out, struct ms_err *err);
/* The policy as YAML that compiles to the same CBOR. */
MS_MUST_USE enum ms_rc ms_policy_print(const struct ms_policy *p, struct ms_buf *out, struct ms_err *err);

struct ms_policy_settings {
	char name[MS_POLICY_NAME_MAX + 1];
	uint8_t id[MS_POLICY_ID_LEN]; /* SHA-256 of its CBOR */
	uint32_t attest_mask;         /* PCRs to quote, SHA-256 bank; always with PCR 0 */
	uint32_t seal_mask;           /* within attest_mask, never PCR 10 */
	uint64_t interval_s;          /* a pass lasts so long */
	uint64_t certificate_life_s;
	uint64_t secret_max_age_s; /* a secret wants evidence no older than this */
	bool unlisted_waits;       /* a device in no manifest waits for approval; false: it is refused */
	size_t rules;
};
const struct ms_policy_settings *ms_policy_settings(const struct ms_policy *p);

/* What is known of the device, not what it claims: model and serial of the manifest row or of the approval. */
struct ms_policy_device {
	struct ms_span tenant, device, model, serial, state;
	bool listed; /* in a signed manifest */
};
/* The reference set of that name, borrowed until judgement ends. MS_ERR_NOT_FOUND when there is none; any other error is
 * infrastructure and ends the judgement without a verdict. */
typedef enum ms_rc (*ms_policy_reference_fn)(void *ctx, struct ms_span name, const struct ms_reference **ret, struct ms_err *err);
struct ms_policy_input {
	const struct ms_policy *policy; /* NULL: none is set */
	uint64_t policy_version;        /* of the store's row */
	struct ms_policy_device device;
	const struct ms_pcrs *pcrs; /* proven by a quote */
	ms_policy_reference_fn reference;
	void *reference_ctx;
	struct ms_buf *trace; /* may be NULL; else text is appended, one line a step, for operators */
};

enum ms_outcome {
	MS_OUTCOME_DENY = 0, /* nothing to judge against: state does not move */
	MS_OUTCOME_PASS,
	MS_OUTCOME_FAIL, /* valid evidence contradicts the policy: sticky */
};
const char *ms_outcome_name(enum ms_outcome o); /* "deny", "pass", "fail" */

enum ms_policy_code {
	MS_POLICY_NO_POLICY,
	MS_POLICY_NO_RULE,
	MS_POLICY_NO_REFERENCE,    /* no set of that name */
	MS_POLICY_REFERENCE_MODEL, /* the set is for another model */
	MS_POLICY_REFERENCE_LACKS, /* the set has no value for this PCR */
	MS_POLICY_PCR_ABSENT,      /* the evidence has no value for this PCR */
	MS_POLICY_PCR_ZERO,        /* PCR 0 is all zero: no firmware measured itself */
	MS_POLICY_PCR_MISMATCH,
	MS_POLICY_CODE_COUNT
};
const char *ms_policy_code_name(enum ms_policy_code c); /* "no-rule": stable */

#define MS_VERDICT_REASONS_MAX 24u
#define MS_VERDICT_EXPECTED_MAX 4u /* kept of the expected digests; n_expected counts all */
struct ms_verdict_reason {
	enum ms_policy_code code;
	bool has_pcr;
	uint8_t pcr;
	uint8_t found[MS_PCR_LEN];
	char reference[MS_REFERENCE_NAME_MAX + 1]; /* empty: none */
	size_t n_expected;
	uint8_t expected[MS_VERDICT_EXPECTED_MAX][MS_PCR_LEN]; /* for operators only */
};
struct ms_verdict {
	enum ms_outcome outcome;
	char policy[MS_POLICY_NAME_MAX + 1]; /* empty: no policy */
	uint8_t policy_id[MS_POLICY_ID_LEN]; /* zero: no policy */
	uint64_t policy_version;
	char rule[MS_POLICY_NAME_MAX + 1];         /* that matched; empty: none */
	char reference[MS_REFERENCE_NAME_MAX + 1]; /* that accepted; empty unless pass */
	bool identity;                             /* pass, and the rule gives certificates */
	uint64_t interval_s;
	size_t n_reasons; /* 0 exactly when passed */
	struct ms_verdict_reason reason[MS_VERDICT_REASONS_MAX];
};
/* First rule whose match admits the device decides. A device passes when one whole reference set that the rule names, of
 * its model, accepts every PCR that the rule requires; sets are not mixed. *ret only on MS_OK. */
MS_MUST_USE enum ms_rc ms_policy_judge(const struct ms_policy_input *in, struct ms_verdict *ret, struct ms_err *err);

/* Reason i as one line: "pcr-mismatch pcr=4 found=HEX reference=NAME rule=NAME policy=NAME@VERSION". What a device is told
 * never holds expected values; the operator's form ends with " expected=HEX,HEX". `size` 512 always suffices for the
 * first, 1024 for the second; else it is cut. */
#define MS_VERDICT_TEXT_LEN 1024u
void ms_verdict_reason_text(const struct ms_verdict *v, size_t i, bool for_operator, char out[static MS_VERDICT_TEXT_LEN]);
/* All reasons as a CBOR array of texts, appended. */
void ms_verdict_public(const struct ms_verdict *v, struct ms_buf *out);
void ms_verdict_operator(const struct ms_verdict *v, struct ms_buf *out);

/* Warnings for the author: shadowed rules, PCRs without use, names nobody knows. */
struct ms_policy_known {
	bool (*model)(void *ctx, struct ms_span name);     /* NULL: not checked */
	bool (*reference)(void *ctx, struct ms_span name); /* NULL: not checked */
	void *ctx;
};
typedef void (*ms_policy_warn_fn)(void *ctx, const char *text);
/* Number of warnings. `known` may be NULL. */
size_t ms_policy_check(const struct ms_policy *p, const struct ms_policy_known *known, ms_policy_warn_fn warn, void *ctx);

#endif
