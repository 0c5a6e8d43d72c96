/* Rules as they are written, each by itself. */
#include <stdlib.h>
#include <string.h>

#include "policy/compile_int.h"

/* ---- match ---- */

static enum ms_rc
match_all(MS_UNUSED struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	struct ms_draft *d = to;
	enum ms_rc rc = ms_yaml_bool(n, &d->rule.all, err);
	return rc == MS_OK && !d->rule.all ? ms_yaml_fail(n, err, MS_ERR_USAGE, "all is true, or is not there") : rc;
}

static enum ms_rc
match_models(MS_UNUSED struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	struct ms_draft *d = to;
	return ms_compile_list(n, MS_POLICY_MODELS_MAX, MS_REFERENCE_MODEL_MAX, NULL, &d->rule.models, err);
}

static enum ms_rc
match_sorted(struct ms_yaml_node *n, size_t max, struct ms_policy_names *to, struct ms_err *err)
{
	enum ms_rc rc = ms_compile_list(n, max, MS_POLICY_ID_MAX, NULL, to, err);
	ms_compile_sort(to);
	return rc;
}

static enum ms_rc
match_groups(MS_UNUSED struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	return match_sorted(n, MS_POLICY_GROUPS_MAX, &((struct ms_draft *)to)->rule.groups, err);
}

static enum ms_rc
match_batches(MS_UNUSED struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	return match_sorted(n, MS_POLICY_NAMES_MAX, &((struct ms_draft *)to)->rule.batches, err);
}

static enum ms_rc
match_devices(MS_UNUSED struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	return match_sorted(n, MS_POLICY_NAMES_MAX, &((struct ms_draft *)to)->rule.devices, err);
}

static enum ms_rc
match_tenants(MS_UNUSED struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	return match_sorted(n, MS_POLICY_NAMES_MAX, &((struct ms_draft *)to)->rule.tenants, err);
}

static const struct ms_compile_key match_keys[] = {{"models", match_models}, {"groups", match_groups}, {"batches", match_batches},
    {"devices", match_devices}, {"tenants", match_tenants}, {"all", match_all}};
const struct ms_compile_map ms_compile_match_map = MS_COMPILE_MAP("attest.rules.match", match_keys);

static enum ms_rc
rule_match(struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	struct ms_draft *d = to;
	enum ms_rc rc = ms_compile_map(c, n, &ms_compile_match_map, d, err);
	const struct ms_policy_rule *r = &d->rule;
	size_t some = r->models.n + r->groups.n + r->batches.n + r->devices.n + r->tenants.n;
	if (rc == MS_OK && r->all == (some > 0))
		return ms_yaml_fail(n, err, MS_ERR_USAGE, "either models or all: true; or groups, batches, devices, tenants");
	d->set |= MS_DRAFT_MATCH;
	return rc;
}

/* ---- reference sets that a rule uses ---- */

static enum ms_rc
use_name(MS_UNUSED struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	return ms_compile_name(n, MS_REFERENCE_NAME_MAX, &((struct ms_policy_use *)to)->name, err);
}

static enum ms_rc
use_until(MS_UNUSED struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	struct ms_policy_use *u = to;
	struct ms_span text = MS_SPAN_NONE;
	enum ms_rc rc = ms_compile_text(n, 64, &text, err);
	if (rc != MS_OK)
		return rc;
	u->window = ms_span_eq(text, ms_span_str("moved")) ? MS_WINDOW_MOVED : MS_WINDOW_DATE;
	return u->window == MS_WINDOW_MOVED ? MS_OK : ms_compile_time(n, &u->until_s, err);
}

static const struct ms_compile_key use_keys[] = {{"name", use_name}, {"until", use_until}};
const struct ms_compile_map ms_compile_use_map = MS_COMPILE_MAP("attest.rules.require.references", use_keys);

static enum ms_rc
read_use(struct ms_compile *c, struct ms_yaml_node *n, bool moved, struct ms_policy_use *u, struct ms_err *err)
{
	if (ms_yaml_type(n) == MS_YAML_SCALAR)
		return use_name(c, n, u, err);
	enum ms_rc rc = ms_compile_map(c, n, &ms_compile_use_map, u, err);
	if (rc == MS_OK && u->name.len == 0)
		rc = ms_yaml_fail(n, err, MS_ERR_USAGE, "name is missing");
	if (rc == MS_OK && u->window == MS_WINDOW_MOVED && !moved)
		rc = ms_yaml_fail(n, err, MS_ERR_USAGE, "\"moved\" is for sets of PCRs, beside another set to which devices move");
	return rc;
}

static enum ms_rc
read_uses(struct ms_compile *c, struct ms_yaml_node *list, bool pcrs, struct ms_policy_uses *to, struct ms_err *err)
{
	enum ms_rc rc = ms_yaml_expect(list, MS_YAML_LIST, err);
	size_t n = rc == MS_OK ? ms_yaml_count(list) : 0;
	if (rc == MS_OK && (n == 0 || n > MS_POLICY_REFERENCES_MAX))
		return ms_yaml_fail(
		    list, err, MS_ERR_USAGE, "1 to %u reference sets: an empty list is never \"any\"", MS_POLICY_REFERENCES_MAX);
	if (rc != MS_OK)
		return rc;
	to->item = calloc(n, sizeof *to->item);
	if (to->item == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "policy");
	for (struct ms_yaml_node *i = ms_yaml_first(list); rc == MS_OK && i != NULL; i = ms_yaml_next(i)) {
		struct ms_policy_use *u = &to->item[to->n];
		rc = read_use(c, i, pcrs && n > 1, u, err);
		for (size_t k = 0; rc == MS_OK && k < to->n; k++)
			if (ms_span_eq(to->item[k].name, u->name))
				rc = ms_yaml_fail(i, err, MS_ERR_USAGE, "%s is there twice", (const char *)u->name.p);
		to->n++;
	}
	return rc;
}

/* ---- events and files ---- */

static enum ms_rc
events_pcrs(MS_UNUSED struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	return ms_compile_pcrs(n, &((struct ms_draft *)to)->rule.event_pcrs, err);
}

static enum ms_rc
events_references(struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	return read_uses(c, n, false, &((struct ms_draft *)to)->rule.event_sets, err);
}

static const struct ms_compile_key events_keys[] = {{"pcrs", events_pcrs}, {"references", events_references}};
const struct ms_compile_map ms_compile_events_map = MS_COMPILE_MAP("attest.rules.require.events", events_keys);

static enum ms_rc
files_references(struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	return read_uses(c, n, false, &((struct ms_draft *)to)->rule.file_sets, err);
}

static enum ms_rc
files_exclude(MS_UNUSED struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	struct ms_policy_names *names = &((struct ms_draft *)to)->rule.exclude;
	enum ms_rc rc = ms_compile_list(n, MS_POLICY_PATHS_MAX, MS_REFERENCE_PATH_MAX, ms_compile_path, names, err);
	ms_compile_sort(names);
	return rc;
}

static enum ms_rc
files_unknown(MS_UNUSED struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	static const char *const words[] = {"fail", "allow", NULL};
	unsigned w = 0;
	enum ms_rc rc = ms_compile_word(n, words, &w, err);
	((struct ms_draft *)to)->rule.unknown_allowed = w == 1;
	return rc;
}

static enum ms_rc
files_by(MS_UNUSED struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	static const char *const words[] = {"path", "digest", NULL};
	unsigned w = 0;
	enum ms_rc rc = ms_compile_word(n, words, &w, err);
	((struct ms_draft *)to)->rule.by_digest = w == 1;
	return rc;
}

static enum ms_rc
files_signed_by(struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	struct ms_policy_names *names = &((struct ms_draft *)to)->rule.signed_by;
	struct ms_policy_names texts = {.n = 0};
	enum ms_rc rc = ms_compile_list(n, MS_REFERENCE_KEYS_MAX, 2u * MS_POLICY_KEY_ID_LEN, NULL, &texts, err);
	free(texts.item); /* read for its checks: the nodes hold the texts */
	names->item = rc == MS_OK ? calloc(ms_yaml_count(n), sizeof *names->item) : NULL;
	if (rc == MS_OK && names->item == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "policy");
	for (struct ms_yaml_node *i = rc == MS_OK ? ms_yaml_first(n) : NULL; rc == MS_OK && i != NULL; i = ms_yaml_next(i)) {
		struct ms_span id = MS_SPAN_NONE;
		rc = ms_compile_hex(c, i, MS_POLICY_KEY_ID_LEN, MS_POLICY_KEY_ID_LEN, &id, err);
		for (size_t k = 0; rc == MS_OK && k < names->n; k++)
			if (ms_span_eq(names->item[k], id))
				rc = ms_yaml_fail(i, err, MS_ERR_USAGE, "the same key is there twice");
		if (rc == MS_OK)
			names->item[names->n++] = id;
	}
	ms_compile_sort(names);
	return rc;
}

static const struct ms_compile_key files_keys[] = {{"references", files_references}, {"exclude", files_exclude}, {"unknown", files_unknown},
    {"by", files_by}, {"signed_by", files_signed_by}};
const struct ms_compile_map ms_compile_files_map = MS_COMPILE_MAP("attest.rules.require.files", files_keys);

/* ---- require ---- */

static enum ms_rc
require_pcrs(MS_UNUSED struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	((struct ms_draft *)to)->set |= MS_DRAFT_PCRS;
	return ms_compile_pcrs(n, &((struct ms_draft *)to)->rule.pcrs, err);
}

static enum ms_rc
require_references(struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	((struct ms_draft *)to)->set |= MS_DRAFT_REFERENCES;
	return read_uses(c, n, true, &((struct ms_draft *)to)->rule.references, err);
}

static enum ms_rc
require_claims(struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	return ms_compile_claims(c, n, &((struct ms_draft *)to)->rule, err);
}

static enum ms_rc
require_events(struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	struct ms_draft *d = to;
	d->set |= MS_DRAFT_EVENTS;
	d->rule.has |= MS_RULE_EVENTS;
	enum ms_rc rc = ms_compile_map(c, n, &ms_compile_events_map, d, err);
	if (rc == MS_OK && (d->rule.event_pcrs == 0 || d->rule.event_sets.n == 0))
		return ms_yaml_fail(n, err, MS_ERR_USAGE, "%s is missing", d->rule.event_pcrs == 0 ? "pcrs" : "references");
	return rc;
}

static enum ms_rc
require_files(struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	struct ms_draft *d = to;
	d->set |= MS_DRAFT_FILES;
	d->rule.has |= MS_RULE_FILES;
	enum ms_rc rc = ms_compile_map(c, n, &ms_compile_files_map, d, err);
	if (rc == MS_OK && d->rule.file_sets.n + d->rule.signed_by.n == 0)
		return ms_yaml_fail(n, err, MS_ERR_USAGE, "references or signed_by is missing: what accepts a file?");
	if (rc == MS_OK && d->rule.file_sets.n == 0 && (d->rule.unknown_allowed || d->rule.by_digest))
		return ms_yaml_fail(n, err, MS_ERR_USAGE, "unknown and by go with references");
	return rc;
}

static enum ms_rc
require_assurance(MS_UNUSED struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	static const char *const words[] = {"low", "software", "hardware", NULL};
	struct ms_draft *d = to;
	unsigned w = 0;
	enum ms_rc rc = ms_compile_word(n, words, &w, err);
	d->rule.assurance = w + 1;
	d->set |= MS_DRAFT_ASSURANCE;
	return rc;
}

static const struct ms_compile_key require_keys[] = {{"pcrs", require_pcrs}, {"references", require_references}, {"claims", require_claims},
    {"events", require_events}, {"files", require_files}, {"assurance", require_assurance}};
const struct ms_compile_map ms_compile_require_map = MS_COMPILE_MAP("attest.rules.require", require_keys);

/* ---- the rule ---- */

static enum ms_rc
rule_name(struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	struct ms_draft *d = to;
	enum ms_rc rc = ms_compile_name(n, MS_POLICY_NAME_MAX, &d->rule.name, err);
	for (size_t i = 0; rc == MS_OK && i + 1 < c->n_drafts; i++)
		if (ms_span_eq(c->drafts[i].rule.name, d->rule.name))
			rc = ms_yaml_fail(n, err, MS_ERR_USAGE, "another rule has the name %s", (const char *)d->rule.name.p);
	return rc;
}

static enum ms_rc
rule_template(MS_UNUSED struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	return ms_yaml_bool(n, &((struct ms_draft *)to)->is_template, err);
}

static enum ms_rc
rule_extends(MS_UNUSED struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	((struct ms_draft *)to)->extends_node = n;
	return ms_compile_name(n, MS_POLICY_NAME_MAX, &((struct ms_draft *)to)->extends, err);
}

static enum ms_rc
rule_require(struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	((struct ms_draft *)to)->require = n;
	return ms_compile_map(c, n, &ms_compile_require_map, to, err);
}

static enum ms_rc
rule_unproven(MS_UNUSED struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	((struct ms_draft *)to)->set |= MS_DRAFT_UNPROVEN;
	return ms_compile_claim_names(n, &((struct ms_draft *)to)->rule.unproven, err);
}

static enum ms_rc
rule_identity(MS_UNUSED struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	((struct ms_draft *)to)->set |= MS_DRAFT_IDENTITY;
	return ms_yaml_bool(n, &((struct ms_draft *)to)->rule.identity, err);
}

static const struct ms_compile_key rule_keys[] = {{"name", rule_name}, {"template", rule_template}, {"extends", rule_extends},
    {"match", rule_match}, {"require", rule_require}, {"allow_unproven", rule_unproven}, {"identity", rule_identity}};
const struct ms_compile_map ms_compile_rule_map = MS_COMPILE_MAP("attest.rules", rule_keys);

static enum ms_rc
read_rule(struct ms_compile *c, struct ms_yaml_node *n, struct ms_err *err)
{
	struct ms_yaml_node *name = NULL;
	enum ms_rc rc = ms_yaml_expect(n, MS_YAML_MAP, err);
	if (rc == MS_OK && c->n_drafts == MS_POLICY_RULES_MAX)
		return ms_yaml_fail(n, err, MS_ERR_USAGE, "more than %u rules", MS_POLICY_RULES_MAX);
	if (rc == MS_OK)
		rc = ms_compile_need(n, "name", MS_YAML_SCALAR, &name, err);
	if (rc != MS_OK)
		return rc;
	struct ms_draft *d = &c->drafts[c->n_drafts++];
	d->node = n;
	return ms_compile_map(c, n, &ms_compile_rule_map, d, err);
}

enum ms_rc
ms_compile_rules(struct ms_compile *c, struct ms_yaml_node *n, MS_UNUSED void *to, struct ms_err *err)
{
	enum ms_rc rc = ms_yaml_expect(n, MS_YAML_LIST, err);
	for (struct ms_yaml_node *i = rc == MS_OK ? ms_yaml_first(n) : NULL; rc == MS_OK && i != NULL; i = ms_yaml_next(i))
		rc = read_rule(c, i, err);
	return rc;
}
