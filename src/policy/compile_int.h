/* The compiler's parts: values, rules, conditions, groups and waivers. Each key of the language is a row of one table. */
#ifndef MS_COMPILE_INT_H
#define MS_COMPILE_INT_H
#include "codec/yaml.h"
#include "policy/policy_int.h"

#define MS_COMPILE_FILES_MAX 64u
#define MS_COMPILE_SETTINGS_MAX 16u

/* What a rule's text sets itself; the rest it inherits. */
enum ms_draft_key {
	MS_DRAFT_MATCH = 1,
	MS_DRAFT_PCRS = 2,
	MS_DRAFT_REFERENCES = 4,
	MS_DRAFT_EVENTS = 8,
	MS_DRAFT_FILES = 16,
	MS_DRAFT_ASSURANCE = 32,
	MS_DRAFT_UNPROVEN = 64,
	MS_DRAFT_IDENTITY = 128,
};
struct ms_draft {
	struct ms_policy_rule rule; /* as written; names borrow from the documents */
	struct ms_yaml_node *node, *require, *extends_node;
	struct ms_span extends; /* empty: nothing */
	bool is_template;
	unsigned set;
};
struct ms_compile {
	struct ms_policy *p;
	struct ms_yaml *docs[MS_COMPILE_FILES_MAX]; /* names in the policy borrow from them */
	size_t n_docs;
	struct ms_draft *drafts; /* MS_POLICY_RULES_MAX */
	size_t n_drafts;
	struct ms_yaml_node *from[MS_POLICY_RULES_MAX]; /* of each rule of the policy */
	struct ms_yaml_node *group[MS_POLICY_GROUPS_MAX], *waiver[MS_POLICY_WAIVERS_MAX];
	struct ms_yaml_node *seen[MS_COMPILE_SETTINGS_MAX]; /* settings, by number */
	uint8_t **owned;                                    /* bytes of hex values, which no document has */
	size_t n_owned;
};

/* A map: its keys, each with who reads it into `to`. */
struct ms_compile_key {
	const char *key;
	enum ms_rc (*read)(struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err);
};
struct ms_compile_map {
	const char *path; /* dotted, from the top; "" is the top */
	const struct ms_compile_key *keys;
	size_t n;
};
#define MS_COMPILE_MAP(a_path, rows) \
	{ \
		.path = (a_path), .keys = (rows), .n = sizeof(rows) / sizeof *(rows) \
	}
/* Read every key of the table that is there. */
MS_MUST_USE enum ms_rc ms_compile_map(
    struct ms_compile *c, struct ms_yaml_node *n, const struct ms_compile_map *map, void *to, struct ms_err *err);
extern const struct ms_compile_map ms_compile_rule_map, ms_compile_match_map, ms_compile_require_map, ms_compile_use_map,
    ms_compile_events_map, ms_compile_files_map, ms_compile_group_map, ms_compile_waiver_map;

/* ---- values (compile_value.c) ---- */

MS_MUST_USE enum ms_rc ms_compile_need(
    struct ms_yaml_node *map, const char *key, enum ms_yaml_type type, struct ms_yaml_node **ret, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_compile_pcrs(struct ms_yaml_node *n, uint32_t *ret, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_compile_duration(struct ms_yaml_node *n, uint64_t min, uint64_t max, uint64_t *ret, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_compile_name(struct ms_yaml_node *n, size_t max, struct ms_span *ret, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_compile_text(struct ms_yaml_node *n, size_t max, struct ms_span *ret, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_compile_time(struct ms_yaml_node *n, uint64_t *ret, struct ms_err *err);
/* 1 to max_n texts of 1 to max bytes, each once. `check` may be NULL; it says what is wrong with one. */
MS_MUST_USE enum ms_rc ms_compile_list(struct ms_yaml_node *n, size_t max_n, size_t max,
    enum ms_rc (*check)(struct ms_yaml_node *n, struct ms_span s, struct ms_err *err), struct ms_policy_names *ret, struct ms_err *err);
void ms_compile_sort(struct ms_policy_names *n);
/* Bytes in hex, min to max of them; the compiler keeps them. */
MS_MUST_USE enum ms_rc ms_compile_hex(
    struct ms_compile *c, struct ms_yaml_node *n, size_t min, size_t max, struct ms_span *ret, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_compile_path(struct ms_yaml_node *n, struct ms_span s, struct ms_err *err);
/* One of a list of words; *ret is its number. `words` ends with NULL. */
MS_MUST_USE enum ms_rc ms_compile_word(struct ms_yaml_node *n, const char *const *words, unsigned *ret, struct ms_err *err);

/* ---- claims (compile_claim.c) ---- */

/* A claim of the catalogue; else MS_ERR_USAGE that names the nearest. */
MS_MUST_USE enum ms_rc ms_compile_claim_name(struct ms_yaml_node *n, const struct ms_claim_name **ret, struct ms_err *err);
/* Sorted names of claims. */
MS_MUST_USE enum ms_rc ms_compile_claim_names(struct ms_yaml_node *n, struct ms_policy_names *ret, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_compile_claims(struct ms_compile *c, struct ms_yaml_node *n, struct ms_policy_rule *r, struct ms_err *err);

/* ---- rules (compile_rule.c, compile_extends.c), groups and waivers (compile_group.c) ---- */

MS_MUST_USE enum ms_rc ms_compile_rules(struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err);
/* Drafts to rules: templates fall away, what is inherited is filled in. */
MS_MUST_USE enum ms_rc ms_compile_resolve(struct ms_compile *c, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_compile_groups(struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err);
void ms_compile_sort_groups(struct ms_compile *c);
MS_MUST_USE enum ms_rc ms_compile_waivers(struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err);

#endif
