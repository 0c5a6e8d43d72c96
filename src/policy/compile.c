/* YAML to a policy. Each key is one row of a table with the function that reads it; what no row names is refused. Rules, conditions,
 * groups and waivers have tables of their own (compile_*.c). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/compile_int.h"

static enum ms_rc
set_name(struct ms_compile *c, struct ms_yaml_node *n, struct ms_err *err)
{
	struct ms_span name;
	enum ms_rc rc = ms_compile_name(n, MS_POLICY_NAME_MAX, &name, err);
	if (rc == MS_OK)
		memcpy(c->p->set.name, name.p, name.len);
	return rc;
}

static enum ms_rc
set_attest_pcrs(struct ms_compile *c, struct ms_yaml_node *n, struct ms_err *err)
{
	enum ms_rc rc = ms_compile_pcrs(n, &c->p->set.attest_mask, err);
	if (rc == MS_OK && (c->p->set.attest_mask & 1) == 0)
		rc = ms_yaml_fail(n, err, MS_ERR_USAGE, "PCR 0 must be among them");
	return rc;
}

static enum ms_rc
set_bank(MS_UNUSED struct ms_compile *c, struct ms_yaml_node *n, struct ms_err *err)
{
	const char *text = NULL;
	enum ms_rc rc = ms_yaml_text(n, 1, 16, &text, err);
	if (rc == MS_OK && strcmp(text, "sha256") != 0)
		rc = ms_yaml_fail(n, err, MS_ERR_USAGE, "\"%s\": the only bank is sha256", text);
	return rc;
}

static enum ms_rc
set_interval(struct ms_compile *c, struct ms_yaml_node *n, struct ms_err *err)
{
	return ms_compile_duration(n, MS_POLICY_INTERVAL_MIN, MS_POLICY_INTERVAL_MAX, &c->p->set.interval_s, err);
}

static enum ms_rc
read_log(struct ms_yaml_node *n, bool *ret, struct ms_err *err)
{
	static const char *const words[] = {"optional", "required", NULL};
	unsigned w = 0;
	enum ms_rc rc = ms_compile_word(n, words, &w, err);
	*ret = rc == MS_OK && w == 1;
	return rc;
}

static enum ms_rc
set_boot_log(struct ms_compile *c, struct ms_yaml_node *n, struct ms_err *err)
{
	return read_log(n, &c->p->set.boot_log_required, err);
}

static enum ms_rc
set_ima(struct ms_compile *c, struct ms_yaml_node *n, struct ms_err *err)
{
	return read_log(n, &c->p->set.ima_required, err);
}

static enum ms_rc
set_seal_pcrs(struct ms_compile *c, struct ms_yaml_node *n, struct ms_err *err)
{
	enum ms_rc rc = ms_compile_pcrs(n, &c->p->set.seal_mask, err);
	if (rc == MS_OK && (c->p->set.seal_mask >> MS_POLICY_PCR_IMA & 1) != 0)
		rc = ms_yaml_fail(n, err, MS_ERR_USAGE, "PCR 10 (IMA) moves with every measured file: nothing can be sealed to it");
	return rc;
}

static enum ms_rc
set_life(struct ms_compile *c, struct ms_yaml_node *n, struct ms_err *err)
{
	return ms_compile_duration(n, MS_POLICY_LIFE_MIN, MS_POLICY_LIFE_MAX, &c->p->set.certificate_life_s, err);
}

static enum ms_rc
set_max_age(struct ms_compile *c, struct ms_yaml_node *n, struct ms_err *err)
{
	return ms_compile_duration(n, MS_POLICY_AGE_MIN, MS_POLICY_AGE_MAX, &c->p->set.secret_max_age_s, err);
}

static enum ms_rc
set_unlisted(struct ms_compile *c, struct ms_yaml_node *n, struct ms_err *err)
{
	static const char *const words[] = {"deny", "approve", NULL};
	unsigned w = 0;
	enum ms_rc rc = ms_compile_word(n, words, &w, err);
	c->p->set.unlisted_waits = w == 1;
	return rc;
}

/* Settings: each in one file only. Rows without a section are at the top. */
static const struct {
	const char *section, *key;
	enum ms_rc (*set)(struct ms_compile *c, struct ms_yaml_node *n, struct ms_err *err);
} keys[] = {
    {NULL, "name", set_name},
    {"attest", "pcrs", set_attest_pcrs},
    {"attest", "bank", set_bank},
    {"attest", "interval", set_interval},
    {"attest", "boot_log", set_boot_log},
    {"attest", "ima", set_ima},
    {"seal", "pcrs", set_seal_pcrs},
    {"identity", "life", set_life},
    {"secrets", "max_age", set_max_age},
    {"enrolment", "unlisted", set_unlisted},
};
enum { ROW_ATTEST_PCRS = 1, ROW_IMA = 5, ROW_SEAL_PCRS = 6, ROWS = sizeof keys / sizeof *keys };
_Static_assert(ROWS <= MS_COMPILE_SETTINGS_MAX, "a setting for each row");

/* Lists: every file adds to them. */
static const struct {
	const char *section, *key;
	enum ms_rc (*read)(struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err);
} lists[] = {{NULL, "groups", ms_compile_groups}, {"attest", "rules", ms_compile_rules}, {NULL, "waivers", ms_compile_waivers}};

/* ---- all keys, for the schema ---- */

static const struct {
	const char *path; /* where the map stands; it can stand in several places */
	const struct ms_compile_map *map;
} maps[] = {
    {"groups.*", &ms_compile_group_map},
    {"attest.rules", &ms_compile_rule_map},
    {"attest.rules.match", &ms_compile_match_map},
    {"attest.rules.require", &ms_compile_require_map},
    {"attest.rules.require.references", &ms_compile_use_map},
    {"attest.rules.require.events", &ms_compile_events_map},
    {"attest.rules.require.events.references", &ms_compile_use_map},
    {"attest.rules.require.files", &ms_compile_files_map},
    {"attest.rules.require.files.references", &ms_compile_use_map},
    {"waivers", &ms_compile_waiver_map},
};
#define CLAIMS "attest.rules.require.claims"

bool
ms_policy_key_at(size_t i, char out[static MS_POLICY_KEY_TEXT])
{
	size_t n_lists = sizeof lists / sizeof *lists;
	const char *path = NULL, *key = NULL;
	if (i == 0)
		key = "version";
	i -= 1;
	if (key == NULL && i < ROWS) {
		path = keys[i].section;
		key = keys[i].key;
	}
	i -= ROWS;
	if (key == NULL && i < n_lists) {
		path = lists[i].section;
		key = lists[i].key;
	}
	i -= n_lists;
	for (size_t k = 0; key == NULL && k < sizeof maps / sizeof *maps; k++) {
		if (i < maps[k].map->n) {
			path = maps[k].path;
			key = maps[k].map->keys[i].key;
		}
		i -= maps[k].map->n;
	}
	if (key == NULL) {
		path = CLAIMS;
		key = i == 0 ? "claim" : i - 1 < MS_OP_COUNT ? ms_policy_op_at((unsigned)(i - 1))->name : NULL;
	}
	if (key != NULL)
		(void)snprintf(out, MS_POLICY_KEY_TEXT, "%s%s%s", path != NULL ? path : "", path != NULL ? "." : "", key);
	return key != NULL;
}

/* ---- files ---- */

static enum ms_rc
find(struct ms_yaml_node *root, const char *section, const char *key, struct ms_yaml_node **ret, struct ms_err *err)
{
	struct ms_yaml_node *map = section == NULL ? root : ms_yaml_get(root, section);
	*ret = NULL;
	if (map == NULL)
		return MS_OK;
	enum ms_rc rc = ms_yaml_expect(map, MS_YAML_MAP, err);
	if (rc == MS_OK)
		*ret = ms_yaml_get(map, key);
	return rc;
}

static enum ms_rc
read_key(struct ms_compile *c, struct ms_yaml_node *root, size_t row, struct ms_err *err)
{
	struct ms_yaml_node *n = NULL;
	enum ms_rc rc = find(root, keys[row].section, keys[row].key, &n, err);
	if (rc != MS_OK || n == NULL)
		return rc;
	if (c->seen[row] != NULL)
		return ms_yaml_fail(n, err, MS_ERR_USAGE, "another file sets it already, in its line %u", ms_yaml_line(c->seen[row]));
	c->seen[row] = n;
	return keys[row].set(c, n, err);
}

static enum ms_rc
read_lists(struct ms_compile *c, struct ms_yaml_node *root, struct ms_err *err)
{
	enum ms_rc rc = MS_OK;
	for (size_t i = 0; rc == MS_OK && i < sizeof lists / sizeof *lists; i++) {
		struct ms_yaml_node *n = NULL;
		rc = find(root, lists[i].section, lists[i].key, &n, err);
		if (rc == MS_OK && n != NULL)
			rc = lists[i].read(c, n, NULL, err);
	}
	return rc;
}

static enum ms_rc
read_file(struct ms_compile *c, const struct ms_policy_file *f, struct ms_err *err)
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
		rc = ms_compile_need(root, "version", MS_YAML_SCALAR, &version, err);
	if (rc == MS_OK)
		rc = ms_yaml_uint(version, 0, UINT32_MAX, &v, err);
	if (rc == MS_OK && v != MS_POLICY_FORMAT)
		rc = ms_yaml_fail(version, err, MS_ERR_USAGE, "this program reads version %u", MS_POLICY_FORMAT);
	for (size_t i = 0; rc == MS_OK && i < ROWS; i++)
		rc = read_key(c, root, i, err);
	if (rc == MS_OK)
		rc = read_lists(c, root, err);
	return rc == MS_OK ? ms_yaml_check_used(doc, err) : rc;
}

/* ---- across keys, told at the line that breaks it ---- */

static enum ms_rc
check_rule(const struct ms_compile *c, size_t i, struct ms_err *err)
{
	char text[MS_POLICY_PCRS_TEXT];
	const struct ms_policy_rule *r = &c->p->rules[i];
	ms_policy_pcrs_text(r->pcrs & ~c->p->set.attest_mask, text);
	if (text[0] != '\0')
		return ms_yaml_fail(c->from[i], err, MS_ERR_USAGE, "rule %.*s requires PCR %s, which is not in attest.pcrs",
		    (int)r->name.len, (const char *)r->name.p, text);
	struct ms_err why = {0};
	if (ms_policy_validate_rule(c->p, r, &why) != MS_OK)
		return ms_yaml_fail(c->from[i], err, MS_ERR_USAGE, "rule %.*s: %s", (int)r->name.len, (const char *)r->name.p, why.text);
	return MS_OK;
}

static enum ms_rc
check_across(struct ms_compile *c, struct ms_err *err)
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
	if (c->p->set.ima_required && (c->p->set.attest_mask >> MS_POLICY_PCR_IMA & 1) == 0)
		return ms_yaml_fail(c->seen[ROW_IMA], err, MS_ERR_USAGE, "an IMA list is proven by PCR 10, which is not in attest.pcrs");
	for (size_t i = 0; i < c->p->set.waivers; i++) {
		struct ms_span group = c->p->waivers[i].group;
		if (group.len > 0 && ms_policy_group_find(c->p, group) == NULL)
			return ms_yaml_fail(c->waiver[i], err, MS_ERR_USAGE, "there is no group %s", (const char *)group.p);
	}
	enum ms_rc rc = MS_OK;
	for (size_t i = 0; rc == MS_OK && i < c->p->set.rules; i++)
		rc = check_rule(c, i, err);
	return rc;
}

static enum ms_rc
compile(struct ms_compile *c, const struct ms_policy_file *files, size_t n, struct ms_err *err)
{
	enum ms_rc rc = MS_OK;
	for (size_t i = 0; rc == MS_OK && i < n; i++)
		rc = read_file(c, &files[i], err);
	if (rc == MS_OK)
		rc = ms_compile_resolve(c, err);
	ms_compile_sort_groups(c);
	return rc == MS_OK ? check_across(c, err) : rc;
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

static void
compile_free(struct ms_compile *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->n_drafts; i++)
		ms_policy_rule_fini(&c->drafts[i].rule);
	free(c->drafts);
	ms_policy_free(c->p);
	for (size_t i = 0; i < c->n_docs; i++)
		ms_yaml_free(c->docs[i]);
	for (size_t i = 0; i < c->n_owned; i++)
		free(c->owned[i]);
	free(c->owned);
	free(c);
}
MS_CLEANUP(struct ms_compile, compile_free)

static struct ms_compile *
compile_new(void)
{
	struct ms_compile *c = calloc(1, sizeof *c);
	if (c == NULL)
		return NULL;
	c->drafts = calloc(MS_POLICY_RULES_MAX, sizeof *c->drafts);
	c->p = calloc(1, sizeof *c->p);
	if (c->p != NULL) {
		ms_policy_defaults(c->p);
		c->p->rules = calloc(MS_POLICY_RULES_MAX, sizeof *c->p->rules);
		c->p->groups = calloc(MS_POLICY_GROUPS_MAX, sizeof *c->p->groups);
		c->p->waivers = calloc(MS_POLICY_WAIVERS_MAX, sizeof *c->p->waivers);
	}
	if (c->p == NULL || c->drafts == NULL || c->p->rules == NULL || c->p->groups == NULL || c->p->waivers == NULL) {
		compile_free(c);
		return NULL;
	}
	return c;
}

enum ms_rc
ms_policy_compile(const struct ms_policy_file *files, size_t n, struct ms_buf *out, struct ms_err *err)
{
	if (n == 0 || n > MS_COMPILE_FILES_MAX)
		return ms_fail(err, MS_ERR_USAGE, "policy: %zu files, it takes 1 to %u", n, MS_COMPILE_FILES_MAX);
	MS_OWN(compile_free) struct ms_compile *c = compile_new();
	if (c == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "policy");
	enum ms_rc rc = compile(c, files, n, err);
	if (rc == MS_OK)
		rc = finish(c->p, out, err);
	if (rc == MS_OK || rc == MS_ERR_NOMEM)
		return rc;
	if (err != NULL)
		err->rc = MS_ERR_USAGE; /* whatever layer found it, the author's text is wrong */
	return MS_ERR_USAGE;
}
