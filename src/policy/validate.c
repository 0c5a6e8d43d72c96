/* What holds of every policy: checked when one is compiled, and again when one is loaded, whoever made it. */
#include <string.h>

#include "policy/policy_int.h"

static bool
names_differ(const struct ms_policy_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		for (size_t j = 0; j < i; j++)
			if (ms_span_eq(names->item[i], names->item[j]))
				return false;
	return true;
}

bool
ms_policy_path_ok(struct ms_span path)
{
	if (path.len < 2 || path.len > MS_REFERENCE_PATH_MAX || path.p[0] != '/')
		return false;
	for (size_t i = 0; i < path.len;) {
		size_t end = i + 1;
		while (end < path.len && path.p[end] != '/')
			end++;
		size_t n = end - i - 1; /* of the part after this slash */
		const uint8_t *part = path.p + i + 1;
		bool last = end == path.len;
		if ((n == 0 && !last) || (n == 1 && part[0] == '.') || (n == 2 && part[0] == '.' && part[1] == '.'))
			return false;
		i = end;
	}
	return true;
}

bool
ms_policy_word_ok(struct ms_span s)
{
	bool ok = s.len > 0;
	for (size_t i = 0; ok && i < s.len; i++)
		ok = s.p[i] > ' ' && s.p[i] != 0x7f;
	return ok;
}

static enum ms_rc
check_values(const struct ms_policy_condition *c, struct ms_err *err)
{
	for (size_t i = 0; i < c->values.n; i++) {
		struct ms_span v = c->values.item[i];
		if (v.len == 0 || v.len > MS_CLAIM_VALUE_MAX)
			return ms_fail(err, MS_ERR_MALFORMED, "%s: a value is 1 to %u bytes", c->claim->name, MS_CLAIM_VALUE_MAX);
		if ((c->op == MS_OP_VERSION_MIN || c->op == MS_OP_VERSION_MAX) && !ms_policy_version_ok(v))
			return ms_fail(err, MS_ERR_MALFORMED, "%s: a version is numbers with dots between them", c->claim->name);
		if ((c->op == MS_OP_WORDS || c->op == MS_OP_NO_WORDS) && !ms_policy_word_ok(v))
			return ms_fail(err, MS_ERR_MALFORMED, "%s: a word has no white space", c->claim->name);
	}
	if (!ms_policy_names_sorted(&c->values))
		return ms_fail(err, MS_ERR_MALFORMED, "%s: values are not sorted, or one is there twice", c->claim->name);
	for (size_t i = 1; i < c->n_numbers; i++)
		if (c->numbers[i - 1] >= c->numbers[i])
			return ms_fail(err, MS_ERR_MALFORMED, "%s: numbers are not sorted, or one is there twice", c->claim->name);
	return MS_OK;
}

enum ms_rc
ms_policy_validate_condition(const struct ms_policy_condition *c, struct ms_err *err)
{
	const struct ms_policy_op_row *op = ms_policy_op_at(c->op);
	if (op == NULL || (op->types >> c->claim->type & 1) == 0)
		return ms_fail(err, MS_ERR_MALFORMED, "%s is of type %s, for which there is no operator %s", c->claim->name,
		    ms_claim_type_name(c->claim->type), op == NULL ? "of this number" : op->name);
	if (!(c->claim->many ? op->many : op->one))
		return ms_fail(err, MS_ERR_MALFORMED, "%s is %s, for which there is no operator %s", c->claim->name,
		    c->claim->many ? "a set of values" : "one value", op->name);
	bool numeric = c->claim->type == MS_CLAIM_UINT || c->claim->type == MS_CLAIM_BOOL;
	size_t n = numeric ? c->n_numbers : c->values.n;
	if (numeric ? c->values.n > 0 : c->n_numbers > 0)
		return ms_fail(err, MS_ERR_MALFORMED, "%s: a value of another type", c->claim->name);
	if (op->list ? n == 0 || n > MS_POLICY_VALUES_MAX : n != (numeric ? 0u : 1u))
		return ms_fail(
		    err, MS_ERR_MALFORMED, "%s: %s takes %s", c->claim->name, op->name, op->list ? "1 to 256 values" : "one value");
	return check_values(c, err);
}

/* Sets of one list: names, each once; windows that can be. */
static enum ms_rc
check_uses(const struct ms_policy_uses *uses, bool pcrs, struct ms_err *err)
{
	for (size_t i = 0; i < uses->n; i++) {
		const struct ms_policy_use *u = &uses->item[i];
		if (!ms_name_ok(u->name, MS_REFERENCE_NAME_MAX))
			return ms_fail(err, MS_ERR_MALFORMED, "a reference set's name is 1 to %u of [a-z0-9._-]", MS_REFERENCE_NAME_MAX);
		if (u->window == MS_WINDOW_DATE && (u->until_s == 0 || u->until_s > MS_POLICY_TIME_MAX))
			return ms_fail(err, MS_ERR_MALFORMED, "until when a reference set is accepted");
		if (u->window == MS_WINDOW_MOVED && (!pcrs || uses->n < 2))
			return ms_fail(err, MS_ERR_MALFORMED, "\"moved\" is for sets of PCRs, beside another set to which devices move");
		for (size_t j = 0; j < i; j++)
			if (ms_span_eq(uses->item[j].name, u->name))
				return ms_fail(err, MS_ERR_MALFORMED, "a reference set is there twice");
	}
	return MS_OK;
}

static enum ms_rc
check_match(const struct ms_policy *p, const struct ms_policy_rule *r, struct ms_err *err)
{
	size_t some = r->models.n + r->groups.n + r->batches.n + r->devices.n + r->tenants.n;
	if (r->all == (some > 0))
		return ms_fail(err, MS_ERR_MALFORMED, "a rule matches either lists that are not empty, or all: true");
	if (!names_differ(&r->models))
		return ms_fail(err, MS_ERR_MALFORMED, "a model is there twice");
	if (!ms_policy_names_sorted(&r->groups) || !ms_policy_names_sorted(&r->batches) || !ms_policy_names_sorted(&r->devices) ||
	    !ms_policy_names_sorted(&r->tenants))
		return ms_fail(err, MS_ERR_MALFORMED, "names of a match are not sorted, or one is there twice");
	for (size_t i = 0; i < r->groups.n; i++)
		if (ms_policy_group_find(p, r->groups.item[i]) == NULL)
			return ms_fail(
			    err, MS_ERR_MALFORMED, "there is no group %.*s", (int)r->groups.item[i].len, (const char *)r->groups.item[i].p);
	return MS_OK;
}

static enum ms_rc
check_events(const struct ms_policy *p, const struct ms_policy_rule *r, struct ms_err *err)
{
	char text[MS_POLICY_PCRS_TEXT];
	bool asked = (r->has & MS_RULE_EVENTS) != 0;
	if (asked != (r->event_pcrs != 0) || asked != (r->event_sets.n > 0))
		return ms_fail(err, MS_ERR_MALFORMED, "events take at least one PCR and one reference set");
	ms_policy_pcrs_text(r->event_pcrs & ~p->set.attest_mask, text);
	if (text[0] != '\0')
		return ms_fail(err, MS_ERR_MALFORMED, "events of PCR %s are required, which is not in attest.pcrs", text);
	return check_uses(&r->event_sets, false, err);
}

static enum ms_rc
check_files(const struct ms_policy *p, const struct ms_policy_rule *r, struct ms_err *err)
{
	bool asked = (r->has & MS_RULE_FILES) != 0;
	if (!asked && (r->file_sets.n + r->exclude.n + r->signed_by.n > 0 || r->unknown_allowed || r->by_digest))
		return ms_fail(err, MS_ERR_MALFORMED, "files");
	if (!asked)
		return MS_OK;
	if (r->file_sets.n + r->signed_by.n == 0)
		return ms_fail(err, MS_ERR_MALFORMED, "files take references, signed_by, or both");
	if (r->file_sets.n == 0 && (r->unknown_allowed || r->by_digest))
		return ms_fail(err, MS_ERR_MALFORMED, "files: unknown and by go with references");
	if ((p->set.attest_mask >> MS_POLICY_PCR_IMA & 1) == 0)
		return ms_fail(err, MS_ERR_MALFORMED, "files are proven by PCR 10, which is not in attest.pcrs");
	if (!ms_policy_names_sorted(&r->exclude) || !ms_policy_names_sorted(&r->signed_by))
		return ms_fail(err, MS_ERR_MALFORMED, "paths or keys are not sorted, or one is there twice");
	for (size_t i = 0; i < r->exclude.n; i++)
		if (!ms_policy_path_ok(r->exclude.item[i]))
			return ms_fail(
			    err, MS_ERR_MALFORMED, "a path to exclude is absolute and below the root, without \".\", \"..\" and \"//\"");
	for (size_t i = 0; i < r->signed_by.n; i++)
		if (r->signed_by.item[i].len != MS_POLICY_KEY_ID_LEN)
			return ms_fail(err, MS_ERR_MALFORMED, "a key is named by 32 bytes");
	return check_uses(&r->file_sets, false, err);
}

enum ms_rc
ms_policy_validate_rule(const struct ms_policy *p, const struct ms_policy_rule *r, struct ms_err *err)
{
	char text[MS_POLICY_PCRS_TEXT];
	if (!ms_name_ok(r->name, MS_POLICY_NAME_MAX))
		return ms_fail(err, MS_ERR_MALFORMED, "a rule's name is 1 to %u of [a-z0-9._-]", MS_POLICY_NAME_MAX);
	enum ms_rc rc = check_match(p, r, err);
	if (rc == MS_OK && (r->pcrs == 0) != (r->references.n == 0))
		return ms_fail(err, MS_ERR_MALFORMED, "pcrs and references go together, and neither is empty");
	if (rc == MS_OK && r->pcrs == 0 && r->n_claims == 0 && r->has == 0)
		return ms_fail(
		    err, MS_ERR_MALFORMED, "a rule requires PCRs, claims, events or files: there is no rule that accepts everything");
	ms_policy_pcrs_text(r->pcrs & ~p->set.attest_mask, text);
	if (rc == MS_OK && text[0] != '\0')
		return ms_fail(err, MS_ERR_MALFORMED, "PCR %s is required but not in attest.pcrs", text);
	if (rc == MS_OK)
		rc = check_uses(&r->references, true, err);
	for (size_t i = 0; rc == MS_OK && i < r->n_claims; i++)
		rc = ms_policy_validate_condition(&r->claims[i], err);
	if (rc == MS_OK)
		rc = check_events(p, r, err);
	if (rc == MS_OK)
		rc = check_files(p, r, err);
	if (rc == MS_OK && r->assurance > 3)
		return ms_fail(err, MS_ERR_MALFORMED, "assurance is low, software or hardware");
	for (size_t i = 0; rc == MS_OK && i < r->unproven.n; i++)
		if (ms_claim_name_find(r->unproven.item[i]) == NULL)
			return ms_fail(err, MS_ERR_UNSUPPORTED, "allow_unproven: a claim that is not in the catalogue");
	if (rc == MS_OK && !ms_policy_names_sorted(&r->unproven))
		return ms_fail(err, MS_ERR_MALFORMED, "allow_unproven is not sorted, or a claim is there twice");
	return rc;
}

static enum ms_rc
check_group(const struct ms_policy_group *g, struct ms_err *err)
{
	if (!ms_name_ok(g->name, MS_POLICY_NAME_MAX))
		return ms_fail(err, MS_ERR_MALFORMED, "a group's name is 1 to %u of [a-z0-9._-]", MS_POLICY_NAME_MAX);
	if (g->devices.n + g->batches.n + g->models.n == 0)
		return ms_fail(err, MS_ERR_MALFORMED, "a group has devices, batches or models: an empty one is never \"any\"");
	if (!ms_policy_names_sorted(&g->devices) || !ms_policy_names_sorted(&g->batches) || !ms_policy_names_sorted(&g->models))
		return ms_fail(err, MS_ERR_MALFORMED, "names of a group are not sorted, or one is there twice");
	return MS_OK;
}

static bool
sentence_ok(struct ms_span s)
{
	bool ok = s.len > 0 && s.len <= MS_POLICY_TEXT_MAX && ms_utf8_ok(s);
	for (size_t i = 0; ok && i < s.len; i++)
		ok = s.p[i] >= 0x20 && s.p[i] != 0x7f;
	return ok;
}

static enum ms_rc
check_waiver(const struct ms_policy *p, const struct ms_policy_waiver *w, struct ms_err *err)
{
	uint64_t may = 0;
	for (unsigned i = 0; i < MS_POLICY_CODE_COUNT; i++)
		may |= ms_policy_code_waivable(i) ? UINT64_C(1) << i : 0;
	if (!ms_name_ok(w->name, MS_POLICY_NAME_MAX))
		return ms_fail(err, MS_ERR_MALFORMED, "a waiver's name is 1 to %u of [a-z0-9._-]", MS_POLICY_NAME_MAX);
	if ((w->device.len > 0) == (w->group.len > 0))
		return ms_fail(err, MS_ERR_MALFORMED, "a waiver is for one device or for one group");
	if (w->group.len > 0 && ms_policy_group_find(p, w->group) == NULL)
		return ms_fail(err, MS_ERR_MALFORMED, "there is no group %.*s", (int)w->group.len, (const char *)w->group.p);
	if (w->codes == 0 || (w->codes & ~may) != 0)
		return ms_fail(err, MS_ERR_MALFORMED, "a waiver allows reasons by name, and only those that can be waived");
	if (!sentence_ok(w->reason) || !sentence_ok(w->approver))
		return ms_fail(
		    err, MS_ERR_MALFORMED, "a waiver has a reason and an approver, each one line of 1 to %u bytes", MS_POLICY_TEXT_MAX);
	if (w->expires_s == 0 || w->expires_s > MS_POLICY_TIME_MAX)
		return ms_fail(err, MS_ERR_MALFORMED, "a waiver expires");
	if (!ms_policy_names_sorted(&w->claims) || !ms_policy_names_sorted(&w->paths))
		return ms_fail(err, MS_ERR_MALFORMED, "claims or paths are not sorted, or one is there twice");
	for (size_t i = 0; i < w->claims.n; i++)
		if (ms_claim_name_find(w->claims.item[i]) == NULL)
			return ms_fail(err, MS_ERR_UNSUPPORTED, "a waiver names a claim that is not in the catalogue");
	for (size_t i = 0; i < w->paths.n; i++)
		if (!ms_policy_path_ok(w->paths.item[i]))
			return ms_fail(
			    err, MS_ERR_MALFORMED, "a waiver's path is absolute and below the root, without \".\", \"..\" and \"//\"");
	return MS_OK;
}

static enum ms_rc
check_settings(const struct ms_policy *p, struct ms_err *err)
{
	char text[MS_POLICY_PCRS_TEXT];
	if (!ms_name_ok(ms_span_str(p->set.name), MS_POLICY_NAME_MAX))
		return ms_fail(err, MS_ERR_MALFORMED, "the policy's name is 1 to %u of [a-z0-9._-]", MS_POLICY_NAME_MAX);
	if ((p->set.attest_mask & 1) == 0)
		return ms_fail(err, MS_ERR_MALFORMED, "attest.pcrs must have PCR 0");
	if ((p->set.seal_mask >> MS_POLICY_PCR_IMA & 1) != 0)
		return ms_fail(err, MS_ERR_MALFORMED, "PCR 10 (IMA) moves with every measured file: nothing can be sealed to it");
	ms_policy_pcrs_text(p->set.seal_mask & ~p->set.attest_mask, text);
	if (text[0] != '\0' || p->set.seal_mask == 0)
		return ms_fail(err, MS_ERR_MALFORMED, "seal.pcrs must be a part of attest.pcrs: %s is not", text);
	if (p->set.ima_required && (p->set.attest_mask >> MS_POLICY_PCR_IMA & 1) == 0)
		return ms_fail(err, MS_ERR_MALFORMED, "an IMA list is proven by PCR 10, which is not in attest.pcrs");
	return MS_OK;
}

enum ms_rc
ms_policy_validate(const struct ms_policy *p, struct ms_err *err)
{
	enum ms_rc rc = check_settings(p, err);
	for (size_t i = 0; rc == MS_OK && i < p->set.groups; i++) {
		rc = check_group(&p->groups[i], err);
		if (rc == MS_OK && i > 0 && ms_span_cmp(p->groups[i - 1].name, p->groups[i].name) >= 0)
			rc = ms_fail(err, MS_ERR_MALFORMED, "groups are not sorted, or one is there twice");
	}
	for (size_t i = 0; rc == MS_OK && i < p->set.rules; i++) {
		rc = ms_policy_validate_rule(p, &p->rules[i], err);
		for (size_t j = 0; rc == MS_OK && j < i; j++)
			if (ms_span_eq(p->rules[i].name, p->rules[j].name))
				rc = ms_fail(err, MS_ERR_MALFORMED, "two rules of one name");
	}
	for (size_t i = 0; rc == MS_OK && i < p->set.waivers; i++) {
		rc = check_waiver(p, &p->waivers[i], err);
		for (size_t j = 0; rc == MS_OK && j < i; j++)
			if (ms_span_eq(p->waivers[i].name, p->waivers[j].name))
				rc = ms_fail(err, MS_ERR_MALFORMED, "two waivers of one name");
	}
	return rc;
}
