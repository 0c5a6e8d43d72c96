/* Logs that must be there, how much the attester can prove, and conditions on claims. */
#include <stdio.h>
#include <string.h>

#include "evidence/attester.h"
#include "policy/policy_int.h"

static void
no_log(struct ms_judgement *j, enum ms_policy_code code, bool *told, const char *requirement, const char *what)
{
	if (*told)
		return;
	*told = true;
	struct ms_verdict_reason r = {.code = code};
	ms_judge_step(j, ms_judge_reason(j, &r, MS_SPAN_NONE), requirement, "%s is required, and none was sent", what);
}

void
ms_judge_no_boot_log(struct ms_judgement *j, const char *requirement)
{
	no_log(j, MS_POLICY_BOOT_LOG_MISSING, &j->boot_log_missing, requirement, "a boot log");
}

void
ms_judge_no_ima(struct ms_judgement *j, const char *requirement)
{
	no_log(j, MS_POLICY_IMA_MISSING, &j->ima_missing, requirement, "an IMA list");
}

static bool
has_boot(const struct ms_judgement *j)
{
	return j->in->appraisal != NULL && j->in->appraisal->has_boot;
}

/* A list from the boot on of which the quote covers no entry, not even the boot_aggregate, says nothing: no IMA ran. */
bool
ms_judge_has_ima(const struct ms_judgement *j)
{
	const struct ms_appraisal *a = j->in->appraisal;
	return a != NULL && a->has_ima && (a->ima_from > 0 || a->n_files > j->in->late_files);
}

void
ms_judge_logs(struct ms_judgement *j)
{
	if (j->in->policy->set.boot_log_required && !has_boot(j))
		ms_judge_no_boot_log(j, "boot_log");
	if (j->in->policy->set.ima_required && !ms_judge_has_ima(j))
		ms_judge_no_ima(j, "ima");
}

/* ---- claims of both places that can have them ---- */

struct cursor {
	const struct ms_claims *sets[2];
	size_t set, i;
};

static struct cursor
claims_of(const struct ms_judgement *j)
{
	return (struct cursor){.sets = {j->in->appraisal != NULL ? j->in->appraisal->claims : NULL, j->in->claims}};
}

static const struct ms_claim *
next_claim(struct cursor *c)
{
	for (; c->set < 2; c->set++, c->i = 0)
		if (c->sets[c->set] != NULL && c->i < ms_claims_count(c->sets[c->set]))
			return ms_claims_at(c->sets[c->set], c->i++);
	return NULL;
}

static const struct ms_claim *
next_of(struct cursor *c, const struct ms_claim_name *name)
{
	const struct ms_claim *claim;
	while ((claim = next_claim(c)) != NULL)
		if (claim->name == name)
			return claim;
	return NULL;
}

/* Does the evidence speak of such things at all, so that silence about one of them means something? */
static bool
speaks_of(const struct ms_judgement *j, const char *name)
{
	size_t n = strcspn(name, ".") + 1;
	if (strncmp(name, "boot.", 5) == 0)
		return has_boot(j);
	if (strncmp(name, "ima.", 4) == 0)
		return ms_judge_has_ima(j);
	struct cursor c = claims_of(j);
	for (const struct ms_claim *claim; (claim = next_claim(&c)) != NULL;)
		if (strncmp(claim->name->name, name, n) == 0)
			return true;
	return false;
}

/* ---- assurance ---- */

/* As rules have it: 0 for a word that is none of them. */
static unsigned
assurance_rank(struct ms_span name)
{
	enum ms_assurance level = MS_ASSURANCE_LOW;
	return ms_assurance_find(name, &level, NULL) == MS_OK ? 1u + (unsigned)level : 0;
}

void
ms_judge_assurance(struct ms_judgement *j)
{
	const struct ms_claim_name *name = ms_claim_name_find(ms_span_str("attester.assurance"));
	unsigned least = 0;
	bool some = false;
	struct ms_verdict_reason r = {.code = MS_POLICY_ASSURANCE_LOW};
	if (j->rule->assurance == 0)
		return;
	struct cursor c = claims_of(j);
	for (const struct ms_claim *claim; (claim = next_of(&c, name)) != NULL;) {
		unsigned rank = assurance_rank(claim->bytes);
		if (some && rank >= least)
			continue;
		some = true;
		least = rank;
		ms_judge_escape(claim->bytes, r.value, sizeof r.value);
	}
	if (least >= j->rule->assurance) {
		ms_judge_step(j, MS_STEP_HOLDS, "assurance", "assurance is %s", r.value);
		return;
	}
	ms_judge_step(j, ms_judge_reason(j, &r, MS_SPAN_NONE), "assurance", "assurance is %s, which is too low",
	    r.value[0] != '\0' ? r.value : "not known");
}

/* ---- one value ---- */

/* A text that its reader cut: what it does not say, it may still have said. */
static bool
is_cut(const struct ms_claim *c)
{
	return c->name->type == MS_CLAIM_TEXT && c->bytes.len + 4 > MS_CLAIM_VALUE_MAX && c->bytes.len >= 3 &&
	       ms_span_eq(ms_span(c->bytes.p + c->bytes.len - 3, 3), ms_span_str("..."));
}

static bool
listed(const struct ms_policy_condition *k, const struct ms_claim *c)
{
	if (k->claim->type != MS_CLAIM_UINT)
		return ms_policy_names_has(&k->values, c->bytes);
	for (size_t i = 0; i < k->n_numbers; i++)
		if (k->numbers[i] == c->number)
			return true;
	return false;
}

/* A text that is none: its reader shows it as hex, where no word is found. */
static bool
is_hex(const struct ms_claim *c)
{
	return c->bytes.len >= 4 && ms_span_eq(ms_span(c->bytes.p, 4), ms_span_str("hex:"));
}

static bool
value_holds(const struct ms_policy_condition *k, const struct ms_claim *c)
{
	bool numeric = k->claim->type == MS_CLAIM_BOOL || k->claim->type == MS_CLAIM_UINT;
	struct ms_span want = k->values.n > 0 ? k->values.item[0] : MS_SPAN_NONE;
	int cmp = 0;
	switch (k->op) {
	case MS_OP_IS:
		return numeric ? c->number == k->number : ms_span_eq(c->bytes, want);
	case MS_OP_IN:
	case MS_OP_ANY_OF:
	case MS_OP_ALL_OF:
		return listed(k, c);
	case MS_OP_NOT_IN:
	case MS_OP_NONE_OF:
		return !listed(k, c) && !is_cut(c);
	case MS_OP_MIN:
		return c->number >= k->number;
	case MS_OP_MAX:
		return c->number <= k->number;
	case MS_OP_VERSION_MIN:
		return ms_policy_version_cmp(c->bytes, want, &cmp, NULL) == MS_OK && cmp >= 0;
	case MS_OP_VERSION_MAX:
		return ms_policy_version_cmp(c->bytes, want, &cmp, NULL) == MS_OK && cmp <= 0;
	case MS_OP_WORDS:
		return ms_judge_words_all(&k->values, c->bytes);
	case MS_OP_NO_WORDS:
		return ms_judge_words_none(&k->values, c->bytes) && !is_cut(c) && !is_hex(c);
	case MS_OP_PREFIX:
		return c->bytes.len >= want.len && ms_span_eq(ms_span(c->bytes.p, want.len), want);
	default:
		return false; /* MS_OP_CONTAINS is not about one value */
	}
}

/* ---- one condition ---- */

struct seen {
	size_t n;
	const struct ms_claim *bad;      /* a value that does not hold */
	const struct ms_claim *unproven; /* one that would, but is unproven */
	const struct ms_claim *good;
};

static bool
counts(const struct ms_judgement *j, const struct ms_claim *c)
{
	return c->proven || ms_policy_names_has(&j->rule->unproven, ms_span_str(c->name->name));
}

static struct seen
look(const struct ms_judgement *j, const struct ms_policy_condition *k)
{
	struct seen s = {.n = 0};
	struct cursor c = claims_of(j);
	for (const struct ms_claim *claim; (claim = next_of(&c, k->claim)) != NULL; s.n++) {
		if (!value_holds(k, claim))
			s.bad = claim;
		else if (!counts(j, claim))
			s.unproven = claim;
		else
			s.good = claim;
	}
	return s;
}

/* Each value of the list is among the claim's. */
static struct seen
look_contains(const struct ms_judgement *j, const struct ms_policy_condition *k)
{
	struct seen s = {.n = 0};
	bool here[MS_POLICY_VALUES_MAX] = {false};
	size_t n = k->n_numbers + k->values.n, found = 0;
	struct cursor c = claims_of(j);
	for (const struct ms_claim *claim; (claim = next_of(&c, k->claim)) != NULL; s.n++) {
		bool count = counts(j, claim);
		for (size_t i = 0; i < n; i++) {
			bool same = k->n_numbers > 0 ? k->numbers[i] == claim->number : ms_span_eq(k->values.item[i], claim->bytes);
			if (same && !count)
				s.unproven = claim;
			if (same && count && !here[i]) {
				here[i] = true;
				found++;
			}
		}
		s.bad = claim;
	}
	if (found == n)
		s = (struct seen){.n = s.n, .good = s.bad};
	return s;
}

/* False: *ret_code says why, *ret the value to show (NULL: none). */
static bool
condition_holds(
    const struct ms_judgement *j, const struct ms_policy_condition *k, enum ms_policy_code *ret_code, const struct ms_claim **ret)
{
	struct seen s = k->op == MS_OP_CONTAINS ? look_contains(j, k) : look(j, k);
	bool one_is_enough = k->op == MS_OP_ANY_OF || k->op == MS_OP_CONTAINS;
	*ret = NULL;
	*ret_code = MS_POLICY_CLAIM_MISSING;
	if (s.n == 0)
		return k->op == MS_OP_NONE_OF && speaks_of(j, k->claim->name);
	if (one_is_enough ? s.good != NULL : s.bad == NULL && s.unproven == NULL)
		return true;
	bool unproven = one_is_enough ? s.unproven != NULL : s.bad == NULL;
	*ret_code = unproven ? MS_POLICY_CLAIM_UNPROVEN : MS_POLICY_CLAIM_MISMATCH;
	*ret = unproven ? s.unproven : s.bad;
	return false;
}

/* A list that goes on tells only of what is new. What came before it met the same condition: when what judges a list changes, all
 * of it is asked for (ms_policy_judged_id), and it goes on from a pass only. */
static bool
held_before(const struct ms_judgement *j, const struct ms_policy_condition *k, enum ms_policy_code code)
{
	bool told_once = k->op == MS_OP_ANY_OF || k->op == MS_OP_CONTAINS;
	return (code == MS_POLICY_CLAIM_MISSING || told_once) && strncmp(k->claim->name, "ima.", 4) == 0 && ms_judge_has_ima(j) &&
	       j->in->appraisal->ima_from > 0;
}

static void
judge_condition(struct ms_judgement *j, const struct ms_policy_condition *k)
{
	struct ms_verdict_reason r = {.code = MS_POLICY_CLAIM_MISSING};
	const struct ms_claim *claim = NULL;
	char requirement[80], wanted[120], text[MS_VERDICT_FOUND_MAX + 1] = "";
	(void)snprintf(requirement, sizeof requirement, "claims.%s", k->claim->name);
	ms_policy_condition_text(k, wanted, sizeof wanted);
	if (condition_holds(j, k, &r.code, &claim)) {
		ms_judge_step(j, MS_STEP_HOLDS, requirement, "claim %s: %s %s holds", k->claim->name, ms_policy_op_at(k->op)->name, wanted);
		return;
	}
	if (held_before(j, k, r.code)) {
		ms_judge_step(j, MS_STEP_HOLDS, requirement, "claim %s: held for the entries before, in this boot", k->claim->name);
		return;
	}
	if (r.code == MS_POLICY_CLAIM_MISSING && strncmp(k->claim->name, "boot.", 5) == 0 && !has_boot(j)) {
		ms_judge_no_boot_log(j, requirement);
		return;
	}
	if (r.code == MS_POLICY_CLAIM_MISSING && strncmp(k->claim->name, "ima.", 4) == 0 && !ms_judge_has_ima(j)) {
		ms_judge_no_ima(j, requirement);
		return;
	}
	if (claim != NULL) {
		ms_claim_text(claim, text, sizeof text);
		ms_judge_escape(ms_span_str(text), r.value, sizeof r.value);
	}
	(void)snprintf(r.claim, sizeof r.claim, "%s", k->claim->name);
	(void)snprintf(r.nearest.value, sizeof r.nearest.value, "%s %s", ms_policy_op_at(k->op)->name, wanted);
	enum ms_step_outcome o = ms_judge_reason(j, &r, MS_SPAN_NONE);
	ms_judge_step(j, o, requirement, "claim %s: %s %s is required, found %s: %s", k->claim->name, ms_policy_op_at(k->op)->name, wanted,
	    claim != NULL ? r.value : "nothing", ms_policy_code_name(r.code));
}

void
ms_judge_claims(struct ms_judgement *j)
{
	for (size_t i = 0; i < j->rule->n_claims; i++)
		judge_condition(j, &j->rule->claims[i]);
}
