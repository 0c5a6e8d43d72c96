/* YAML to a policy. Each key is one row of a table with the function that reads it; what no row names is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/yaml.h"
#include "policy/policy_int.h"

#define FILES_MAX 64u

struct compile {
	struct ms_policy *p;
	struct ms_yaml *docs[FILES_MAX]; /* names in the policy borrow from them */
	size_t n_docs;
	struct ms_yaml_node *rule[MS_POLICY_RULES_MAX];
	struct ms_yaml_node *seen[16]; /* by row of the key table */
};

static enum ms_rc
read_pcr(struct ms_yaml_node *n, const char *text, uint32_t *mask, struct ms_err *err)
{
	unsigned v = 0;
	size_t len = strlen(text);
	bool ok = len >= 1 && len <= 2 && (len == 1 || text[0] != '0');
	for (size_t i = 0; i < len && ok; i++) {
		ok = text[i] >= '0' && text[i] <= '9';
		v = v * 10 + (unsigned)(text[i] - '0');
	}
	if (!ok || v >= MS_TPM_PCR_COUNT)
		return ms_yaml_fail(n, err, MS_ERR_USAGE, "\"%s\" is no PCR: 0 to 23", text);
	if ((*mask >> v & 1) != 0)
		return ms_yaml_fail(n, err, MS_ERR_USAGE, "PCR %u is there twice", v);
	*mask |= UINT32_C(1) << v;
	return MS_OK;
}

static enum ms_rc
read_pcrs(struct ms_yaml_node *n, uint32_t *ret, struct ms_err *err)
{
	uint32_t mask = 0;
	enum ms_rc rc = ms_yaml_expect(n, MS_YAML_LIST, err);
	if (rc != MS_OK)
		return rc;
	for (struct ms_yaml_node *i = ms_yaml_first(n); i != NULL; i = ms_yaml_next(i)) {
		const char *text = NULL;
		rc = ms_yaml_text(i, 1, 8, &text, err);
		if (rc == MS_OK)
			rc = read_pcr(i, text, &mask, err);
		if (rc != MS_OK)
			return rc;
	}
	if (mask == 0)
		return ms_yaml_fail(n, err, MS_ERR_USAGE, "name at least one PCR: an empty list is never \"any\"");
	*ret = mask;
	return MS_OK;
}

/* "90s", "10m", "24h", "7d": a unit is always there. */
static enum ms_rc
read_duration(struct ms_yaml_node *n, uint64_t min, uint64_t max, uint64_t *ret, struct ms_err *err)
{
	const char *text = NULL;
	enum ms_rc rc = ms_yaml_text(n, 1, 16, &text, err);
	if (rc != MS_OK)
		return rc;
	uint64_t v = 0;
	size_t i = 0;
	for (; i < 8 && text[i] >= '0' && text[i] <= '9'; i++)
		v = v * 10 + (uint64_t)(text[i] - '0');
	static const struct {
		char unit;
		uint64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	uint64_t unit = 0;
	for (size_t k = 0; k < sizeof units / sizeof *units && i > 0; k++)
		if (text[i] == units[k].unit && text[i + 1] == '\0')
			unit = units[k].seconds;
	if (unit == 0)
		return ms_yaml_fail(n, err, MS_ERR_USAGE, "\"%s\" is no duration: a number and s, m, h or d, as in 10m", text);
	if (v * unit < min || v * unit > max)
		return ms_yaml_fail(
		    n, err, MS_ERR_USAGE, "%s is out of bounds: %llus to %llus", text, (unsigned long long)min, (unsigned long long)max);
	*ret = v * unit;
	return MS_OK;
}

static enum ms_rc
read_name(struct ms_yaml_node *n, size_t max, struct ms_span *ret, struct ms_err *err)
{
	const char *text = NULL;
	enum ms_rc rc = ms_yaml_text(n, 1, max, &text, err);
	if (rc != MS_OK)
		return rc;
	if (!ms_name_ok(ms_span_str(text), max))
		return ms_yaml_fail(n, err, MS_ERR_USAGE, "\"%s\" is no name: 1 to %zu of [a-z0-9._-]", text, max);
	*ret = ms_span_str(text);
	return MS_OK;
}

static enum ms_rc
set_name(struct compile *c, struct ms_yaml_node *n, struct ms_err *err)
{
	struct ms_span name;
	enum ms_rc rc = read_name(n, MS_POLICY_NAME_MAX, &name, err);
	if (rc == MS_OK)
		memcpy(c->p->set.name, name.p, name.len);
	return rc;
}

static enum ms_rc
set_attest_pcrs(struct compile *c, struct ms_yaml_node *n, struct ms_err *err)
{
	enum ms_rc rc = read_pcrs(n, &c->p->set.attest_mask, err);
	if (rc == MS_OK && (c->p->set.attest_mask & 1) == 0)
		rc = ms_yaml_fail(n, err, MS_ERR_USAGE, "PCR 0 must be among them");
	return rc;
}

static enum ms_rc
set_bank(MS_UNUSED struct compile *c, struct ms_yaml_node *n, struct ms_err *err)
{
	const char *text = NULL;
	enum ms_rc rc = ms_yaml_text(n, 1, 16, &text, err);
	if (rc == MS_OK && strcmp(text, "sha256") != 0)
		rc = ms_yaml_fail(n, err, MS_ERR_USAGE, "\"%s\": the only bank is sha256", text);
	return rc;
}

static enum ms_rc
set_interval(struct compile *c, struct ms_yaml_node *n, struct ms_err *err)
{
	return read_duration(n, MS_POLICY_INTERVAL_MIN, MS_POLICY_INTERVAL_MAX, &c->p->set.interval_s, err);
}

static enum ms_rc
set_seal_pcrs(struct compile *c, struct ms_yaml_node *n, struct ms_err *err)
{
	enum ms_rc rc = read_pcrs(n, &c->p->set.seal_mask, err);
	if (rc == MS_OK && (c->p->set.seal_mask >> MS_POLICY_PCR_IMA & 1) != 0)
		rc = ms_yaml_fail(n, err, MS_ERR_USAGE, "PCR 10 (IMA) moves with every measured file: nothing can be sealed to it");
	return rc;
}

static enum ms_rc
set_life(struct compile *c, struct ms_yaml_node *n, struct ms_err *err)
{
	return read_duration(n, MS_POLICY_LIFE_MIN, MS_POLICY_LIFE_MAX, &c->p->set.certificate_life_s, err);
}

static enum ms_rc
set_max_age(struct compile *c, struct ms_yaml_node *n, struct ms_err *err)
{
	return read_duration(n, MS_POLICY_AGE_MIN, MS_POLICY_AGE_MAX, &c->p->set.secret_max_age_s, err);
}

static enum ms_rc
set_unlisted(struct compile *c, struct ms_yaml_node *n, struct ms_err *err)
{
	const char *text = NULL;
	enum ms_rc rc = ms_yaml_text(n, 1, 16, &text, err);
	if (rc != MS_OK)
		return rc;
	c->p->set.unlisted_waits = strcmp(text, "approve") == 0;
	if (!c->p->set.unlisted_waits && strcmp(text, "deny") != 0)
		return ms_yaml_fail(n, err, MS_ERR_USAGE, "\"%s\": approve or deny", text);
	return MS_OK;
}

/* Rows without a section are at the top. */
static const struct {
	const char *section, *key;
	enum ms_rc (*set)(struct compile *c, struct ms_yaml_node *n, struct ms_err *err);
} keys[] = {
    {NULL, "name", set_name},
    {"attest", "pcrs", set_attest_pcrs},
    {"attest", "bank", set_bank},
    {"attest", "interval", set_interval},
    {"seal", "pcrs", set_seal_pcrs},
    {"identity", "life", set_life},
    {"secrets", "max_age", set_max_age},
    {"enrolment", "unlisted", set_unlisted},
};
enum { ROW_ATTEST_PCRS = 1, ROW_SEAL_PCRS = 4, ROWS = sizeof keys / sizeof *keys };

/* A child that must be there, of this type. */
static enum ms_rc
need(struct ms_yaml_node *map, const char *key, enum ms_yaml_type type, struct ms_yaml_node **ret, struct ms_err *err)
{
	struct ms_yaml_node *n = ms_yaml_get(map, key);
	if (n == NULL)
		return ms_yaml_fail(map, err, MS_ERR_USAGE, "%s is missing", key);
	enum ms_rc rc = ms_yaml_expect(n, type, err);
	if (rc == MS_OK)
		*ret = n;
	return rc;
}

/* Names of a list that is not empty; `plain` says that they are of the small alphabet. */
static enum ms_rc
read_names(struct ms_yaml_node *list, bool plain, size_t max, struct ms_span **ret, struct ms_err *err)
{
	size_t n = ms_yaml_count(list), k = 0;
	if (n == 0 || n > max)
		return ms_yaml_fail(list, err, MS_ERR_USAGE, "1 to %zu names: an empty list is never \"any\"", max);
	struct ms_span *names = calloc(n, sizeof *names);
	if (names == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "policy");
	*ret = names; /* the rule owns it from here on */
	for (struct ms_yaml_node *i = ms_yaml_first(list); i != NULL; i = ms_yaml_next(i), k++) {
		const char *text = NULL;
		enum ms_rc rc =
		    plain ? read_name(i, MS_REFERENCE_NAME_MAX, &names[k], err) : ms_yaml_text(i, 1, MS_REFERENCE_MODEL_MAX, &text, err);
		if (rc != MS_OK)
			return rc;
		if (!plain)
			names[k] = ms_span_str(text);
		for (size_t j = 0; j < k; j++)
			if (ms_span_eq(names[j], names[k]))
				return ms_yaml_fail(i, err, MS_ERR_USAGE, "%s is there twice", (const char *)names[k].p);
	}
	return MS_OK;
}

static enum ms_rc
read_match(struct ms_yaml_node *rule, struct ms_policy_rule *r, struct ms_err *err)
{
	struct ms_yaml_node *match = NULL;
	enum ms_rc rc = need(rule, "match", MS_YAML_MAP, &match, err);
	if (rc != MS_OK)
		return rc;
	struct ms_yaml_node *models = ms_yaml_get(match, "models"), *all = ms_yaml_get(match, "all");
	if ((models == NULL) == (all == NULL))
		return ms_yaml_fail(match, err, MS_ERR_USAGE, "either models or all: true");
	if (all != NULL) {
		rc = ms_yaml_bool(all, &r->all, err);
		return rc == MS_OK && !r->all ? ms_yaml_fail(all, err, MS_ERR_USAGE, "all is true, or is not there") : rc;
	}
	rc = ms_yaml_expect(models, MS_YAML_LIST, err);
	if (rc == MS_OK)
		rc = read_names(models, false, MS_POLICY_MODELS_MAX, &r->models, err);
	if (rc == MS_OK)
		r->n_models = ms_yaml_count(models);
	return rc;
}

static enum ms_rc
read_require(struct ms_yaml_node *rule, struct ms_policy_rule *r, struct ms_err *err)
{
	struct ms_yaml_node *require = NULL, *pcrs = NULL, *references = NULL;
	enum ms_rc rc = need(rule, "require", MS_YAML_MAP, &require, err);
	if (rc == MS_OK)
		rc = need(require, "pcrs", MS_YAML_LIST, &pcrs, err);
	if (rc == MS_OK)
		rc = need(require, "references", MS_YAML_LIST, &references, err);
	if (rc == MS_OK)
		rc = read_pcrs(pcrs, &r->pcrs, err);
	if (rc == MS_OK)
		rc = read_names(references, true, MS_POLICY_REFERENCES_MAX, &r->references, err);
	if (rc == MS_OK)
		r->n_references = ms_yaml_count(references);
	return rc;
}

static enum ms_rc
read_rule(struct compile *c, struct ms_yaml_node *n, struct ms_err *err)
{
	struct ms_yaml_node *name = NULL;
	enum ms_rc rc = ms_yaml_expect(n, MS_YAML_MAP, err);
	if (rc != MS_OK)
		return rc;
	if (c->p->set.rules == MS_POLICY_RULES_MAX)
		return ms_yaml_fail(n, err, MS_ERR_USAGE, "more than %u rules", MS_POLICY_RULES_MAX);
	size_t at = c->p->set.rules++;
	struct ms_policy_rule *r = &c->p->rules[at];
	c->rule[at] = n;
	rc = need(n, "name", MS_YAML_SCALAR, &name, err);
	if (rc == MS_OK)
		rc = read_name(name, MS_POLICY_NAME_MAX, &r->name, err);
	for (size_t i = 0; rc == MS_OK && i < at; i++)
		if (ms_span_eq(c->p->rules[i].name, r->name))
			rc = ms_yaml_fail(name, err, MS_ERR_USAGE, "another rule has the name %s", (const char *)r->name.p);
	if (rc == MS_OK)
		rc = read_match(n, r, err);
	if (rc == MS_OK)
		rc = read_require(n, r, err);
	struct ms_yaml_node *identity = ms_yaml_get(n, "identity");
	return rc == MS_OK && identity != NULL ? ms_yaml_bool(identity, &r->identity, err) : rc;
}

static enum ms_rc
read_rules(struct compile *c, struct ms_yaml_node *root, struct ms_err *err)
{
	struct ms_yaml_node *attest = ms_yaml_get(root, "attest");
	struct ms_yaml_node *rules = attest == NULL ? NULL : ms_yaml_get(attest, "rules");
	if (rules == NULL)
		return MS_OK;
	enum ms_rc rc = ms_yaml_expect(rules, MS_YAML_LIST, err);
	for (struct ms_yaml_node *i = rc == MS_OK ? ms_yaml_first(rules) : NULL; rc == MS_OK && i != NULL; i = ms_yaml_next(i))
		rc = read_rule(c, i, err);
	return rc;
}

static enum ms_rc
read_key(struct compile *c, struct ms_yaml_node *root, size_t row, struct ms_err *err)
{
	struct ms_yaml_node *map = root;
	if (keys[row].section != NULL)
		map = ms_yaml_get(root, keys[row].section);
	if (map == NULL)
		return MS_OK;
	enum ms_rc rc = ms_yaml_expect(map, MS_YAML_MAP, err);
	struct ms_yaml_node *n = rc == MS_OK ? ms_yaml_get(map, keys[row].key) : NULL;
	if (rc != MS_OK || n == NULL)
		return rc;
	if (c->seen[row] != NULL)
		return ms_yaml_fail(n, err, MS_ERR_USAGE, "another file sets it already, in its line %u", ms_yaml_line(c->seen[row]));
	c->seen[row] = n;
	return keys[row].set(c, n, err);
}

static enum ms_rc
read_file(struct compile *c, const struct ms_policy_file *f, struct ms_err *err)
{
	if (f->text.len > MS_POLICY_YAML_MAX)
		return ms_fail(err, MS_ERR_USAGE, "%s:1: more than %u bytes", f->name, MS_POLICY_YAML_MAX);
	enum ms_rc rc = ms_yaml_load(f->name, f->text, &c->docs[c->n_docs], err);
	if (rc != MS_OK)
		return rc;
	struct ms_yaml *doc = c->docs[c->n_docs++];
	struct ms_yaml_node *root = ms_yaml_root(doc), *version = NULL;
	uint64_t v = 0;
	rc = ms_yaml_expect(root, MS_YAML_MAP, err);
	if (rc == MS_OK)
		rc = need(root, "version", MS_YAML_SCALAR, &version, err);
	if (rc == MS_OK)
		rc = ms_yaml_uint(version, 0, UINT32_MAX, &v, err);
	if (rc == MS_OK && v != MS_POLICY_FORMAT)
		rc = ms_yaml_fail(version, err, MS_ERR_USAGE, "this program reads version %u", MS_POLICY_FORMAT);
	for (size_t i = 0; rc == MS_OK && i < ROWS; i++)
		rc = read_key(c, root, i, err);
	if (rc == MS_OK)
		rc = read_rules(c, root, err);
	return rc == MS_OK ? ms_yaml_check_used(doc, err) : rc;
}

/* Rules across keys, told at the line that breaks them. */
static enum ms_rc
check_across(struct compile *c, struct ms_err *err)
{
	char text[MS_POLICY_PCRS_TEXT];
	const struct ms_yaml_node *root = ms_yaml_root(c->docs[0]);
	if (c->p->set.name[0] == '\0')
		return ms_yaml_fail(root, err, MS_ERR_USAGE, "name is missing: the policy needs one, in one of its files");
	ms_policy_pcrs_text(c->p->set.seal_mask & ~c->p->set.attest_mask, text);
	if (text[0] != '\0') { /* one of the two was set, or the defaults would hold */
		bool own = c->seen[ROW_SEAL_PCRS] != NULL;
		return ms_yaml_fail(c->seen[own ? ROW_SEAL_PCRS : ROW_ATTEST_PCRS], err, MS_ERR_USAGE,
		    "PCR %s is in the seal set but not in attest.pcrs", text);
	}
	for (size_t i = 0; i < c->p->set.rules; i++) {
		ms_policy_pcrs_text(c->p->rules[i].pcrs & ~c->p->set.attest_mask, text);
		if (text[0] != '\0')
			return ms_yaml_fail(c->rule[i], err, MS_ERR_USAGE, "rule %.*s requires PCR %s, which is not in attest.pcrs",
			    (int)c->p->rules[i].name.len, (const char *)c->p->rules[i].name.p, text);
	}
	return MS_OK;
}

static enum ms_rc
compile(struct compile *c, const struct ms_policy_file *files, size_t n, struct ms_err *err)
{
	for (size_t i = 0; i < n; i++) {
		enum ms_rc rc = read_file(c, &files[i], err);
		if (rc != MS_OK)
			return rc;
	}
	return check_across(c, err);
}

static enum ms_rc
finish(const struct ms_policy *p, struct ms_buf *out, struct ms_err *err)
{
	size_t before = out->len;
	enum ms_rc rc = ms_policy_build(p, out, err);
	if (rc != MS_OK)
		return rc;
	MS_OWN(ms_policy_free) struct ms_policy *again = NULL; /* what the server will make of it */
	rc = ms_policy_load(ms_span(out->p + before, out->len - before), &again, err);
	if (rc != MS_OK)
		out->len = before;
	return rc;
}

enum ms_rc
ms_policy_compile(const struct ms_policy_file *files, size_t n, struct ms_buf *out, struct ms_err *err)
{
	struct compile c = {.n_docs = 0};
	if (n == 0 || n > FILES_MAX)
		return ms_fail(err, MS_ERR_USAGE, "policy: %zu files, it takes 1 to %u", n, FILES_MAX);
	MS_OWN(ms_policy_free) struct ms_policy *p = calloc(1, sizeof *p);
	if (p != NULL) {
		ms_policy_defaults(p);
		p->rules = calloc(MS_POLICY_RULES_MAX, sizeof *p->rules);
	}
	if (p == NULL || p->rules == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "policy");
	c.p = p;
	enum ms_rc rc = compile(&c, files, n, err);
	if (rc == MS_OK)
		rc = finish(p, out, err);
	for (size_t i = 0; i < c.n_docs; i++)
		ms_yaml_free(c.docs[i]);
	if (rc == MS_OK || rc == MS_ERR_NOMEM)
		return rc;
	if (err != NULL)
		err->rc = MS_ERR_USAGE; /* whatever layer found it, the author's text is wrong */
	return MS_ERR_USAGE;
}
