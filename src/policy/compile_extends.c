/* Inheritance: a rule has what it sets itself, else what the nearest rule above it sets. Conditions on claims add up; one of the
 * same claim and operator replaces that of above. What is stored has no inheritance any more. */
#include <stdlib.h>
#include <string.h>

#include "policy/compile_int.h"

#define ARG(s) (int)(s).len, (const char *)(s).p

static enum ms_rc
copy_array(const void *from, size_t n, size_t size, void *to, struct ms_err *err)
{
	void *copy = n == 0 ? NULL : calloc(n, size);
	if (n > 0 && copy == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "policy");
	if (n > 0)
		memcpy(copy, from, n * size);
	memcpy(to, &copy, sizeof copy);
	return MS_OK;
}

static enum ms_rc
copy_names(const struct ms_policy_names *from, struct ms_policy_names *to, struct ms_err *err)
{
	enum ms_rc rc = copy_array(from->item, from->n, sizeof *from->item, &to->item, err);
	to->n = rc == MS_OK ? from->n : 0;
	return rc;
}

static enum ms_rc
copy_uses(const struct ms_policy_uses *from, struct ms_policy_uses *to, struct ms_err *err)
{
	enum ms_rc rc = copy_array(from->item, from->n, sizeof *from->item, &to->item, err);
	to->n = rc == MS_OK ? from->n : 0;
	return rc;
}

static enum ms_rc
copy_condition(const struct ms_policy_condition *from, struct ms_policy_condition *to, struct ms_err *err)
{
	*to = (struct ms_policy_condition){.claim = from->claim, .op = from->op, .number = from->number};
	enum ms_rc rc = copy_array(from->numbers, from->n_numbers, sizeof *from->numbers, &to->numbers, err);
	if (rc == MS_OK)
		to->n_numbers = from->n_numbers;
	return rc == MS_OK ? copy_names(&from->values, &to->values, err) : rc;
}

static enum ms_rc
copy_match(const struct ms_policy_rule *from, struct ms_policy_rule *to, struct ms_err *err)
{
	to->all = from->all;
	enum ms_rc rc = copy_names(&from->models, &to->models, err);
	if (rc == MS_OK)
		rc = copy_names(&from->groups, &to->groups, err);
	if (rc == MS_OK)
		rc = copy_names(&from->batches, &to->batches, err);
	if (rc == MS_OK)
		rc = copy_names(&from->devices, &to->devices, err);
	return rc == MS_OK ? copy_names(&from->tenants, &to->tenants, err) : rc;
}

static enum ms_rc
copy_files(const struct ms_policy_rule *from, struct ms_policy_rule *to, struct ms_err *err)
{
	to->has |= MS_RULE_FILES;
	to->unknown_allowed = from->unknown_allowed;
	to->by_digest = from->by_digest;
	enum ms_rc rc = copy_uses(&from->file_sets, &to->file_sets, err);
	if (rc == MS_OK)
		rc = copy_names(&from->exclude, &to->exclude, err);
	return rc == MS_OK ? copy_names(&from->signed_by, &to->signed_by, err) : rc;
}

/* What `from` sets and *set does not have so far. */
static enum ms_rc
inherit(const struct ms_draft *from, struct ms_policy_rule *to, unsigned *set, struct ms_err *err)
{
	unsigned take = from->set & ~*set;
	const struct ms_policy_rule *r = &from->rule;
	enum ms_rc rc = (take & MS_DRAFT_MATCH) != 0 ? copy_match(r, to, err) : MS_OK;
	if ((take & MS_DRAFT_PCRS) != 0)
		to->pcrs = r->pcrs;
	if (rc == MS_OK && (take & MS_DRAFT_REFERENCES) != 0)
		rc = copy_uses(&r->references, &to->references, err);
	if (rc == MS_OK && (take & MS_DRAFT_EVENTS) != 0) {
		to->has |= MS_RULE_EVENTS;
		to->event_pcrs = r->event_pcrs;
		rc = copy_uses(&r->event_sets, &to->event_sets, err);
	}
	if (rc == MS_OK && (take & MS_DRAFT_FILES) != 0)
		rc = copy_files(r, to, err);
	if ((take & MS_DRAFT_ASSURANCE) != 0)
		to->assurance = r->assurance;
	if (rc == MS_OK && (take & MS_DRAFT_UNPROVEN) != 0)
		rc = copy_names(&r->unproven, &to->unproven, err);
	if ((take & MS_DRAFT_IDENTITY) != 0)
		to->identity = r->identity;
	*set |= take;
	return rc;
}

/* Conditions of one rule of the chain, on top of those of the rules above it. */
static enum ms_rc
add_claims(const struct ms_draft *from, const struct ms_draft *rule, struct ms_policy_rule *to, struct ms_err *err)
{
	for (size_t i = 0; i < from->rule.n_claims; i++) {
		const struct ms_policy_condition *k = &from->rule.claims[i];
		size_t at = 0;
		while (at < to->n_claims && (to->claims[at].claim != k->claim || to->claims[at].op != k->op))
			at++;
		if (at == MS_POLICY_CLAIMS_MAX)
			return ms_yaml_fail(
			    rule->node, err, MS_ERR_USAGE, "more than %u conditions, with those that it inherits", MS_POLICY_CLAIMS_MAX);
		if (at < to->n_claims)
			ms_policy_condition_fini(&to->claims[at]);
		else
			to->n_claims++;
		enum ms_rc rc = copy_condition(k, &to->claims[at], err);
		if (rc != MS_OK)
			return rc;
	}
	return MS_OK;
}

static enum ms_rc
parent_of(const struct ms_compile *c, const struct ms_draft *d, const struct ms_draft **ret, struct ms_err *err)
{
	if (d->extends.len == 0) {
		*ret = NULL;
		return MS_OK;
	}
	for (size_t i = 0; i < c->n_drafts; i++)
		if (ms_span_eq(c->drafts[i].rule.name, d->extends)) {
			*ret = &c->drafts[i];
			return MS_OK;
		}
	return ms_yaml_fail(d->extends_node, err, MS_ERR_USAGE, "there is no rule %.*s", ARG(d->extends));
}

/* The rule and those above it, nearest first. */
static enum ms_rc
chain_of(const struct ms_compile *c, const struct ms_draft *d, const struct ms_draft *chain[static MS_POLICY_EXTENDS_MAX + 1],
    size_t *ret_n, struct ms_err *err)
{
	const struct ms_draft *at = d, *above = NULL;
	size_t n = 0;
	do {
		for (size_t i = 0; i < n; i++)
			if (chain[i] == at)
				return ms_yaml_fail(at->extends_node, err, MS_ERR_USAGE, "rule %.*s extends itself", ARG(at->rule.name));
		if (n == MS_POLICY_EXTENDS_MAX + 1)
			return ms_yaml_fail(d->extends_node, err, MS_ERR_USAGE, "more than %u rules above this one", MS_POLICY_EXTENDS_MAX);
		chain[n++] = at;
		enum ms_rc rc = parent_of(c, at, &above, err);
		if (rc != MS_OK)
			return rc;
		at = above;
	} while (above != NULL);
	*ret_n = n;
	return MS_OK;
}

static enum ms_rc
resolve(struct ms_compile *c, const struct ms_draft *d, struct ms_policy_rule *to, struct ms_err *err)
{
	const struct ms_draft *chain[MS_POLICY_EXTENDS_MAX + 1];
	size_t n = 0;
	unsigned set = 0;
	to->name = d->rule.name;
	enum ms_rc rc = chain_of(c, d, chain, &n, err);
	for (size_t i = 0; rc == MS_OK && i < n; i++)
		rc = inherit(chain[i], to, &set, err);
	to->claims = calloc(MS_POLICY_CLAIMS_MAX, sizeof *to->claims);
	if (to->claims == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "policy");
	for (size_t i = n; rc == MS_OK && i-- > 0;)
		rc = add_claims(chain[i], d, to, err);
	return rc;
}

static enum ms_rc
check_whole(const struct ms_draft *d, const struct ms_policy_rule *r, struct ms_err *err)
{
	struct ms_yaml_node *at = d->require != NULL ? d->require : d->node;
	bool matches = r->all || r->models.n + r->groups.n + r->batches.n + r->devices.n + r->tenants.n > 0;
	if (!matches)
		return ms_yaml_fail(d->node, err, MS_ERR_USAGE, "match is missing");
	if (r->pcrs == 0 && r->references.n == 0 && r->n_claims == 0 && r->has == 0)
		return d->require == NULL ? ms_yaml_fail(at, err, MS_ERR_USAGE, "require is missing")
					  : ms_yaml_fail(at, err, MS_ERR_USAGE,
						"require PCRs, claims, events or files: there is no rule that accepts everything");
	if (r->pcrs == 0 && r->references.n > 0)
		return ms_yaml_fail(at, err, MS_ERR_USAGE, "pcrs is missing: which PCRs do the references judge?");
	if (r->pcrs != 0 && r->references.n == 0)
		return ms_yaml_fail(at, err, MS_ERR_USAGE, "references is missing: which sets judge these PCRs?");
	return MS_OK;
}

enum ms_rc
ms_compile_resolve(struct ms_compile *c, struct ms_err *err)
{
	for (size_t i = 0; i < c->n_drafts; i++) {
		const struct ms_draft *d = &c->drafts[i];
		const struct ms_draft *above = NULL;
		enum ms_rc rc = parent_of(c, d, &above, err); /* a template that nobody extends is checked as well */
		if (rc != MS_OK)
			return rc;
		if (d->is_template)
			continue;
		c->from[c->p->set.rules] = d->node;
		struct ms_policy_rule *to = &c->p->rules[c->p->set.rules++];
		rc = resolve(c, d, to, err);
		if (rc == MS_OK)
			rc = check_whole(d, to, err);
		if (rc != MS_OK)
			return rc;
	}
	return MS_OK;
}
