/* A policy in memory, shared by the compiler, the loader, the judge and the checker. */
#ifndef MS_POLICY_INT_H
#define MS_POLICY_INT_H
#include "codec/cbor.h"
#include "policy/policy.h"

#define MS_POLICY_PCR_IMA 10u          /* moves with every measured file: never sealed to */
#define MS_POLICY_SEAL_DEFAULT 0x5b95u /* 0,2,4,7,8,9,11,12,14 */
#define MS_POLICY_INTERVAL_MIN 5u
#define MS_POLICY_INTERVAL_MAX 604800u
#define MS_POLICY_INTERVAL_DEFAULT 600u
#define MS_POLICY_LIFE_MIN 300u
#define MS_POLICY_LIFE_MAX 604800u
#define MS_POLICY_LIFE_DEFAULT 86400u
#define MS_POLICY_AGE_MIN 5u
#define MS_POLICY_AGE_MAX 86400u
#define MS_POLICY_AGE_DEFAULT 600u
#define MS_POLICY_TIME_MAX UINT64_C(253402300799) /* the last second of the year 9999 */
#define MS_POLICY_KEY_ID_LEN 32u                  /* SHA-256 of a SubjectPublicKeyInfo */

/* Names, paths, values: spans that borrow from the policy's bytes (from documents, while it is compiled). */
struct ms_policy_names {
	struct ms_span *item; /* owned */
	size_t n;
};
/* Sorted and unique, in the stored form as well, but for `models` and sets, whose order is the author's. */
size_t ms_policy_names_find(const struct ms_policy_names *sorted, struct ms_span name); /* n: it is not there */
bool ms_policy_names_has(const struct ms_policy_names *sorted, struct ms_span name);
bool ms_policy_names_sorted(const struct ms_policy_names *n);

enum ms_policy_window { MS_WINDOW_NONE, MS_WINDOW_DATE, MS_WINDOW_MOVED };
struct ms_policy_use { /* of a reference set */
	struct ms_span name;
	enum ms_policy_window window;
	uint64_t until_s; /* MS_WINDOW_DATE: accepted before this second */
};
struct ms_policy_uses {
	struct ms_policy_use *item; /* owned */
	size_t n;
};

enum ms_policy_op {
	MS_OP_IS,
	MS_OP_IN,
	MS_OP_NOT_IN,
	MS_OP_ANY_OF,
	MS_OP_ALL_OF,
	MS_OP_NONE_OF,
	MS_OP_MIN,
	MS_OP_MAX,
	MS_OP_VERSION_MIN,
	MS_OP_VERSION_MAX,
	MS_OP_PREFIX,
	MS_OP_WORDS,
	MS_OP_NO_WORDS,
	MS_OP_CONTAINS,
	MS_OP_COUNT
};
struct ms_policy_op_row {
	const char *name; /* "version_min" */
	unsigned types;   /* bits 1 << enum ms_claim_type */
	bool one, many;   /* claims that can be there once, more than once */
	bool list;
};
const struct ms_policy_op_row *ms_policy_op_at(unsigned op); /* NULL past the end; in order of enum ms_policy_op */
struct ms_policy_condition {
	const struct ms_claim_name *claim; /* of the catalogue */
	enum ms_policy_op op;
	uint64_t number;   /* of a bool or number that is no list */
	uint64_t *numbers; /* owned; of a list of numbers, sorted */
	size_t n_numbers;
	struct ms_policy_names values; /* texts or bytes; one when the operator takes no list */
};

enum ms_policy_has { /* what a rule asks for, beside PCRs */
	MS_RULE_EVENTS = 1,
	MS_RULE_FILES = 2,
};
struct ms_policy_rule {
	struct ms_span name;
	bool all; /* every device; then there is no other match */
	struct ms_policy_names models, groups, batches, devices, tenants;
	uint32_t pcrs; /* 0: none, and then no references */
	struct ms_policy_uses references;
	struct ms_policy_condition *claims; /* owned */
	size_t n_claims;
	unsigned has; /* enum ms_policy_has */
	uint32_t event_pcrs;
	struct ms_policy_uses event_sets;
	struct ms_policy_uses file_sets;
	struct ms_policy_names exclude; /* paths: "/x/" is all under it, "/x" that one file */
	struct ms_policy_names signed_by;
	bool unknown_allowed, by_digest;
	unsigned assurance;              /* 0: not asked for; else 1 + least: low, software, hardware */
	struct ms_policy_names unproven; /* claims that count even when unproven */
	bool identity;
};
struct ms_policy_group {
	struct ms_span name;
	struct ms_policy_names devices, batches, models;
};
struct ms_policy_waiver {
	struct ms_span name, device, group, reason, approver;
	uint64_t expires_s;
	uint64_t codes; /* bit: enum ms_policy_code */
	uint32_t pcrs;  /* only these; 0: not narrowed */
	struct ms_policy_names claims, paths;
};
struct ms_policy {
	struct ms_policy_settings set;
	uint8_t *bytes; /* what the names borrow from; NULL while it is compiled */
	struct ms_policy_rule *rules;
	struct ms_policy_group *groups; /* by name */
	struct ms_policy_waiver *waivers;
};

/* Everything at its default and no rules. */
void ms_policy_defaults(struct ms_policy *p);
void ms_policy_rule_fini(struct ms_policy_rule *r);
void ms_policy_group_fini(struct ms_policy_group *g);
void ms_policy_waiver_fini(struct ms_policy_waiver *w);
void ms_policy_condition_fini(struct ms_policy_condition *c);
const struct ms_policy_group *ms_policy_group_find(const struct ms_policy *p, struct ms_span name); /* NULL: none */
/* Settings that follow from rules: counts, what logs are used. */
void ms_policy_derive(struct ms_policy *p);

/* Everything that holds of a policy whoever made it (validate.c). MS_ERR_MALFORMED. */
MS_MUST_USE enum ms_rc ms_policy_validate(const struct ms_policy *p, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_policy_validate_rule(const struct ms_policy *p, const struct ms_policy_rule *r, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_policy_validate_condition(const struct ms_policy_condition *c, struct ms_err *err);
bool ms_policy_word_ok(struct ms_span s);    /* without white space and control bytes */
bool ms_policy_path_ok(struct ms_span path); /* to exclude: below the root, no "." or "..", no "//" */
/* Append as CBOR. MS_ERR_USAGE for what load would refuse. */
MS_MUST_USE enum ms_rc ms_policy_build(const struct ms_policy *p, struct ms_buf *out, struct ms_err *err);

/* One rule, group, waiver as CBOR (wire_rule.c, wire_group.c). */
MS_MUST_USE enum ms_rc ms_policy_rule_parse(struct ms_span cbor, struct ms_policy_rule *r, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_policy_rule_build(const struct ms_policy_rule *r, struct ms_buf *out, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_policy_group_parse(struct ms_span cbor, struct ms_policy_group *g, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_policy_group_build(const struct ms_policy_group *g, struct ms_buf *out, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_policy_waiver_parse(struct ms_span cbor, struct ms_policy_waiver *w, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_policy_waiver_build(const struct ms_policy_waiver *w, struct ms_buf *out, struct ms_err *err);
/* Array of 0 to max_n texts (or byte strings), each of 1 to max bytes. */
MS_MUST_USE enum ms_rc ms_policy_names_parse(
    struct ms_span cbor, bool text, size_t max_n, size_t max, struct ms_policy_names *ret, struct ms_err *err);
void ms_policy_names_build(const struct ms_policy_names *n, bool text, struct ms_buf *out);

/* "0,2,4" */
#define MS_POLICY_PCRS_TEXT 80u
void ms_policy_pcrs_text(uint32_t mask, char out[static MS_POLICY_PCRS_TEXT]);
/* Dotted numbers, as ms_policy_version_cmp() takes. */
bool ms_policy_version_ok(struct ms_span s);
/* A condition's value as people write it: "true", "[a, b]", "4"; cut to fit. */
void ms_policy_condition_text(const struct ms_policy_condition *c, char *out, size_t size);

/* ---- judgement (judge*.c) ---- */

struct ms_judgement {
	const struct ms_policy_input *in;
	const struct ms_policy_rule *rule; /* NULL: none so far */
	struct ms_verdict *v;
	uint64_t groups;  /* bit: the device is in group number so */
	size_t n_waivers; /* open, and for this device */
	uint16_t waiver[MS_POLICY_WAIVERS_MAX];
	bool contradicted, missing;         /* some reason that no waiver takes */
	bool boot_log_missing, ima_missing; /* told already */
	struct ms_err *err;
};
void ms_judge_step(const struct ms_judgement *j, enum ms_step_outcome outcome, const char *requirement, const char *fmt, ...)
    MS_PRINTF(4, 5);
/* Count a reason: for the refusal, or among what a waiver takes. Says which, for the step. `path`: of the file, as it was found. */
enum ms_step_outcome ms_judge_reason(struct ms_judgement *j, const struct ms_verdict_reason *r, struct ms_span path);
const struct ms_policy_waiver *ms_judge_waiver(const struct ms_judgement *j, const struct ms_verdict_reason *r, struct ms_span path);
void ms_judge_name(char out[static MS_REFERENCE_NAME_MAX + 1], struct ms_span name);
/* Text of a device, so that it can stand in a line. */
void ms_judge_escape(struct ms_span s, char *out, size_t size);
void ms_judge_nearest(struct ms_verdict_nearest *n, const struct ms_reference *ref, const struct ms_reference_note *note);

/* Is the path under a directory of the list ("/x/"), or one of its files ("/x")? */
bool ms_judge_path_in(const struct ms_policy_names *sorted, struct ms_span path);
void ms_judge_device(struct ms_judgement *j); /* groups and waivers of the device */
const struct ms_policy_rule *ms_judge_find_rule(struct ms_judgement *j);
/* Each adds reasons for what does not hold. Errors are infrastructure. */
void ms_judge_logs(struct ms_judgement *j);
MS_MUST_USE enum ms_rc ms_judge_pcrs(struct ms_judgement *j);
void ms_judge_assurance(struct ms_judgement *j);
void ms_judge_claims(struct ms_judgement *j);
MS_MUST_USE enum ms_rc ms_judge_events(struct ms_judgement *j);
MS_MUST_USE enum ms_rc ms_judge_files(struct ms_judgement *j);
bool ms_judge_has_ima(const struct ms_judgement *j);
/* A kernel's command line: are all these words in it, is none? One that ends in "=" stands for all that begin so. */
bool ms_judge_words_all(const struct ms_policy_names *wanted, struct ms_span text);
bool ms_judge_words_none(const struct ms_policy_names *unwanted, struct ms_span text);
void ms_judge_no_boot_log(struct ms_judgement *j, const char *requirement);
void ms_judge_no_ima(struct ms_judgement *j, const char *requirement);

/* Is the window of a set of this list open? */
bool ms_judge_open(const struct ms_policy_input *in, const struct ms_policy_uses *list, const struct ms_policy_use *u);
/* Sets of a list that are there, for this model, open, and have what is asked for; and why others are not. */
struct ms_judge_sets {
	const struct ms_reference *set[MS_POLICY_REFERENCES_MAX];
	size_t n;
	struct ms_verdict_reason absent[MS_POLICY_REFERENCES_MAX];
	size_t n_absent;
	bool told;
};
MS_MUST_USE enum ms_rc ms_judge_sets(
    struct ms_judgement *j, const struct ms_policy_uses *list, bool (*has)(const struct ms_reference *r), struct ms_judge_sets *ret);
/* Reasons why sets are absent, once. */
void ms_judge_absent(struct ms_judgement *j, struct ms_judge_sets *s, const char *requirement);

#endif
