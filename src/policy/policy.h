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
#define MS_POLICY_GROUPS_MAX 64u
#define MS_POLICY_NAMES_MAX 1024u /* in one list of a group or of a match, except models of a match */
#define MS_POLICY_ID_MAX 80u      /* bytes of a device's, batch's or tenant's name */
#define MS_POLICY_CLAIMS_MAX 64u  /* conditions of one rule, after inheritance */
#define MS_POLICY_VALUES_MAX 256u /* of one condition */
#define MS_POLICY_PATHS_MAX 256u  /* excluded by one rule */
#define MS_POLICY_WAIVERS_MAX 256u
#define MS_POLICY_TEXT_MAX 200u /* of a waiver's reason and approver */
#define MS_POLICY_EXTENDS_MAX 8u
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
	size_t groups, waivers;
	bool boot_log_required, ima_required; /* evidence without is denied by name */
	bool boot_log_used, ima_used;         /* required, or some rule judges by it: devices should send it */
};
const struct ms_policy_settings *ms_policy_settings(const struct ms_policy *p);

/* What is known of the device, not what it claims: model, serial and batch of the manifest row or of the approval. */
struct ms_policy_device {
	struct ms_span tenant, device, model, serial, state, batch; /* batch: empty when it came without a manifest */
	bool listed;                                                /* in a signed manifest */
};
/* The reference set of that name, borrowed until judgement ends. MS_ERR_NOT_FOUND when there is none; any other error is
 * infrastructure and ends the judgement without a verdict. */
typedef enum ms_rc (*ms_policy_reference_fn)(void *ctx, struct ms_span name, const struct ms_reference **ret, struct ms_err *err);

/* Explanation: one step at a time, borrowed during the call. */
enum ms_step_outcome {
	MS_STEP_INFO,    /* nothing was decided */
	MS_STEP_HOLDS,   /* what is required is there */
	MS_STEP_MISSING, /* nothing to judge by: deny */
	MS_STEP_FAILS,   /* the evidence contradicts: fail */
	MS_STEP_WAIVED,  /* would be one of the two, but a waiver takes it */
};
const char *ms_step_outcome_name(enum ms_step_outcome o); /* "info", "holds", "missing", "fails", "waived" */
struct ms_policy_step {
	enum ms_step_outcome outcome;
	const char *rule;        /* empty: before a rule was found */
	const char *requirement; /* "match", "pcrs", "claims.boot.secure-boot", "files", "assurance", "verdict", ... */
	const char *detail;      /* one line, for operators: it can hold expected values */
};
typedef void (*ms_policy_step_fn)(void *ctx, const struct ms_policy_step *step);

struct ms_policy_input {
	const struct ms_policy *policy; /* NULL: none is set */
	uint64_t policy_version;        /* of the store's row */
	struct ms_policy_device device;
	const struct ms_pcrs *pcrs; /* proven by a quote; NULL: the attester has none */
	/* Logs that explain those PCRs, and their claims; NULL: none were sent. Every file is judged but for those that were
	 * judged before under the same ms_policy_judged_id() (first_file of them) and those that the list had got after the
	 * quote (the last late_files). */
	const struct ms_appraisal *appraisal;
	size_t first_file, late_files;
	const struct ms_claims *claims; /* more, verified: of the attester; NULL: none */
	struct ms_span last_reference;  /* set that accepted the device's PCRs last (verdict.reference, when not empty) */
	uint64_t now_s;                 /* wall clock: reference windows and waivers */
	ms_policy_reference_fn reference;
	void *reference_ctx;
	struct ms_buf *trace;   /* may be NULL; else text is appended, one line a step, for operators */
	ms_policy_step_fn step; /* may be NULL */
	void *step_ctx;
};

enum ms_outcome {
	MS_OUTCOME_DENY = 0, /* nothing to judge against, or by: state does not move */
	MS_OUTCOME_PASS,
	MS_OUTCOME_FAIL, /* valid evidence contradicts the policy: sticky */
};
const char *ms_outcome_name(enum ms_outcome o); /* "deny", "pass", "fail" */

enum ms_policy_code {
	MS_POLICY_NO_POLICY,
	MS_POLICY_NO_RULE,
	MS_POLICY_NO_REFERENCE,    /* no set of that name */
	MS_POLICY_REFERENCE_MODEL, /* the set is for another model */
	MS_POLICY_REFERENCE_LACKS, /* the set has no value for this PCR, or none of the kind that is required */
	MS_POLICY_PCR_ABSENT,      /* the evidence has no value for this PCR */
	MS_POLICY_PCR_ZERO,        /* PCR 0 is all zero: no firmware measured itself */
	MS_POLICY_PCR_MISMATCH,
	MS_POLICY_REFERENCE_EXPIRED, /* the values are those of a set whose window has closed */
	MS_POLICY_BOOT_LOG_MISSING,
	MS_POLICY_IMA_MISSING,
	MS_POLICY_ASSURANCE_LOW,
	MS_POLICY_CLAIM_MISSING,
	MS_POLICY_CLAIM_UNPROVEN,
	MS_POLICY_CLAIM_MISMATCH,
	MS_POLICY_EVENT_UNKNOWN,
	MS_POLICY_FILE_UNKNOWN,   /* no set has the path */
	MS_POLICY_FILE_MISMATCH,  /* a set has the path with another digest */
	MS_POLICY_FILE_VIOLATION, /* the kernel could not measure it */
	MS_POLICY_FILE_UNSIGNED,  /* not signed by a key that the rule lists */
	MS_POLICY_CODE_COUNT
};
const char *ms_policy_code_name(enum ms_policy_code c);        /* "no-rule": stable */
enum ms_outcome ms_policy_code_outcome(enum ms_policy_code c); /* deny or fail, when this is the only reason */
bool ms_policy_code_waivable(enum ms_policy_code c);
/* MS_ERR_NOT_FOUND */
MS_MUST_USE enum ms_rc ms_policy_code_find(struct ms_span name, enum ms_policy_code *ret, struct ms_err *err);
const char *ms_policy_code_text(enum ms_policy_code c); /* one sentence for people: what it means */

#define MS_VERDICT_REASONS_MAX 24u
#define MS_VERDICT_EXPECTED_MAX 4u /* kept of the expected digests; n_expected counts all */
#define MS_VERDICT_FOUND_MAX 160u
#define MS_VERDICT_PATH_MAX 192u
#define MS_VERDICT_WAIVED_MAX 8u
/* The accepted value nearest to what was found, and where it came from. For operators only. */
struct ms_verdict_nearest {
	char value[MS_VERDICT_FOUND_MAX + 1]; /* digest in hex, "sha256:..." of a file; or what a claim should be; empty: nothing near */
	char path[MS_VERDICT_PATH_MAX + 1];   /* the same digest is known under this path */
	char reference[MS_REFERENCE_NAME_MAX + 1];
	uint64_t reference_version;
	char source[MS_REFERENCE_SOURCE_MAX + 1];
	uint64_t captured_s;
};
/* Texts that came from the device (value, path) are UTF-8 without control bytes: those, quotes and backslashes are \xNN; cut to
 * fit, with "..." at the end. */
struct ms_verdict_reason {
	enum ms_policy_code code;
	bool has_pcr;
	uint8_t pcr;
	uint8_t found[MS_PCR_LEN];                 /* value of the PCR, digest of the event */
	char reference[MS_REFERENCE_NAME_MAX + 1]; /* empty: none */
	size_t n_expected;
	uint8_t expected[MS_VERDICT_EXPECTED_MAX][MS_PCR_LEN]; /* for operators only */
	bool has_entry;
	uint32_t entry;                       /* number of the event in the boot log's extending events, or in the IMA list */
	uint32_t event_type;                  /* MS_POLICY_EVENT_UNKNOWN */
	char claim[64];                       /* its name; empty: not about one */
	char value[MS_VERDICT_FOUND_MAX + 1]; /* found: of the claim; digest of the file */
	char path[MS_VERDICT_PATH_MAX + 1];   /* of the file */
	char waiver[MS_POLICY_NAME_MAX + 1];  /* of ms_verdict.waived only: who takes it */
	struct ms_verdict_nearest nearest;
};
struct ms_verdict {
	enum ms_outcome outcome;
	char policy[MS_POLICY_NAME_MAX + 1]; /* empty: no policy */
	uint8_t policy_id[MS_POLICY_ID_LEN]; /* zero: no policy */
	uint64_t policy_version;
	char rule[MS_POLICY_NAME_MAX + 1];         /* that matched; empty: none */
	char reference[MS_REFERENCE_NAME_MAX + 1]; /* whose PCRs were found; empty unless pass */
	bool identity;                             /* pass, and the rule gives certificates */
	uint64_t interval_s;
	/* What the matching rule looks at, whatever came of it: attestation results tell relying parties. */
	uint32_t judged_pcrs;             /* PCRs that it compares, by value or by their events */
	bool judged_claims, judged_files; /* it has conditions on claims; it judges the files of the IMA list */
	size_t n_reasons;                 /* 0 exactly when passed */
	struct ms_verdict_reason reason[MS_VERDICT_REASONS_MAX];
	size_t more_reasons; /* that found no room */
	/* What would have been reasons but for waivers. To be audited: a pass with these rests on them. */
	size_t n_waived, more_waived;
	struct ms_verdict_reason waived[MS_VERDICT_WAIVED_MAX];
};
/* First rule whose match admits the device decides. A device passes when everything that the rule requires holds: one whole
 * reference set, of its model, accepts every PCR (sets are not mixed), each condition on claims, each event, each file. A
 * reason that contradicts makes it fail; else one that is missing makes it a deny. *ret only on MS_OK. Cost: docs/policy.md. */
MS_MUST_USE enum ms_rc ms_policy_judge(const struct ms_policy_input *in, struct ms_verdict *ret, struct ms_err *err);

/* What the judgement of files rests on: policy, rule, sets in force, waivers in force. While it is the same, a file that was
 * accepted need not be judged again; once it differs, ask the device for its whole list. Zeros when no rule matches or the rule
 * judges no file. */
MS_MUST_USE enum ms_rc ms_policy_judged_id(const struct ms_policy_input *in, uint8_t ret[static MS_POLICY_ID_LEN], struct ms_err *err);
/* Keys (DER) of the sets that judge this device's files, for the worker that verifies their signatures; none when the rule does
 * not ask who signed. Errors of `fn` are returned. */
typedef enum ms_rc (*ms_policy_key_fn)(void *ctx, struct ms_span der, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_policy_ima_keys(const struct ms_policy_input *in, ms_policy_key_fn fn, void *ctx, struct ms_err *err);

/* Reason i as one line: "pcr-mismatch pcr=4 found=HEX reference=NAME rule=NAME policy=NAME@VERSION". What a device is told
 * never holds expected values and is at most 639 bytes; the operator's form goes on with expected=, nearest=, from= and the
 * like, and is cut to fit. */
#define MS_VERDICT_TEXT_LEN 2048u
void ms_verdict_reason_text(const struct ms_verdict *v, size_t i, bool for_operator, char out[static MS_VERDICT_TEXT_LEN]);
/* The same of waived[i]; ends with " waiver=NAME". */
void ms_verdict_waived_text(const struct ms_verdict *v, size_t i, bool for_operator, char out[static MS_VERDICT_TEXT_LEN]);
/* All reasons as a CBOR array of texts, appended. */
void ms_verdict_public(const struct ms_verdict *v, struct ms_buf *out);
void ms_verdict_operator(const struct ms_verdict *v, struct ms_buf *out);
void ms_verdict_waived(const struct ms_verdict *v, struct ms_buf *out); /* for operators and the log */

/* Waivers, for reports: what is open, for whom, until when. */
struct ms_policy_waiver_info {
	struct ms_span name, device, group, reason, approver; /* one of device and group is empty */
	uint64_t expires_s;
	uint64_t codes; /* bit n: enum ms_policy_code n */
};
struct ms_policy_waiver_info ms_policy_waiver_at(const struct ms_policy *p, size_t i); /* i < settings.waivers */

/* Warnings for the author: shadowed rules, PCRs without use, names nobody knows, conditions on claims that may be unproven,
 * waivers that end soon or stay long, windows that have closed. */
struct ms_policy_known {
	bool (*model)(void *ctx, struct ms_span name);     /* NULL: not checked */
	bool (*reference)(void *ctx, struct ms_span name); /* NULL: not checked */
	bool (*device)(void *ctx, struct ms_span name);    /* NULL: not checked */
	bool (*batch)(void *ctx, struct ms_span name);     /* NULL: not checked */
	ms_policy_reference_fn look;                       /* NULL: what sets hold is not checked */
	uint64_t now_s;                                    /* 0: times are not checked */
	void *ctx;
};
typedef void (*ms_policy_warn_fn)(void *ctx, const char *text);
/* Number of warnings. `known` may be NULL. */
size_t ms_policy_check(const struct ms_policy *p, const struct ms_policy_known *known, ms_policy_warn_fn warn, void *ctx);

/* Key i of the language, dotted ("attest.rules.require.files.exclude"; "*" is a name that the author gives), in the compiler's
 * order; false past the end. The published schema is held to it. Links with the compiler. */
#define MS_POLICY_KEY_TEXT 96u
bool ms_policy_key_at(size_t i, char out[static MS_POLICY_KEY_TEXT]);

/* ---- times and versions as the language writes them (text.c) ---- */

/* "2026-12-31" (its first second) or "2026-12-31T23:00:00Z". MS_ERR_USAGE. */
MS_MUST_USE enum ms_rc ms_policy_time_parse(struct ms_span text, uint64_t *ret, struct ms_err *err);
#define MS_POLICY_TIME_TEXT 24u
void ms_policy_time_text(uint64_t s, char out[static MS_POLICY_TIME_TEXT]); /* "2026-12-31T23:00:00Z" */
/* Dotted numbers of any length, "4" = "4.0"; MS_ERR_USAGE when one is none. *ret below, at or above 0 as a is to b. */
MS_MUST_USE enum ms_rc ms_policy_version_cmp(struct ms_span a, struct ms_span b, int *ret, struct ms_err *err);

#endif
