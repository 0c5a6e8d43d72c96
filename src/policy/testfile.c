#include "policy/testfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/yaml.h"
#include "policy/policy_int.h"

#define FILE_NAME_MAX 1024u

struct ms_policy_tests {
	struct ms_yaml *doc; /* texts borrow from it */
	struct ms_policy_test *test;
	struct ms_claims **claims; /* one for each test; NULL: none */
	size_t n;
};

void
ms_policy_tests_free(struct ms_policy_tests *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; t->claims != NULL && i < t->n; i++)
		ms_claims_free(t->claims[i]);
	free(t->claims);
	free(t->test);
	ms_yaml_free(t->doc);
	free(t);
}

size_t
ms_policy_tests_count(const struct ms_policy_tests *t)
{
	return t->n;
}

const struct ms_policy_test *
ms_policy_tests_at(const struct ms_policy_tests *t, size_t i)
{
	return &t->test[i];
}

/* ---- scalars ---- */

/* A text that may be absent: *ret is then untouched. */
static enum ms_rc
opt_text(struct ms_yaml_node *map, const char *key, size_t max, const char **ret, struct ms_err *err)
{
	struct ms_yaml_node *n = ms_yaml_get(map, key);
	return n == NULL ? MS_OK : ms_yaml_text(n, 1, max, ret, err);
}

static enum ms_rc
opt_span(struct ms_yaml_node *map, const char *key, size_t max, struct ms_span *ret, struct ms_err *err)
{
	const char *text = NULL;
	enum ms_rc rc = opt_text(map, key, max, &text, err);
	if (rc == MS_OK && text != NULL)
		*ret = ms_span_str(text);
	return rc;
}

static enum ms_rc
read_pcr(const struct ms_yaml_node *at, const char *text, uint8_t *ret, struct ms_err *err)
{
	size_t len = strlen(text);
	unsigned v = 0;
	bool ok = len >= 1 && len <= 2 && strspn(text, "0123456789") == len && (len == 1 || text[0] != '0');
	for (size_t i = 0; ok && i < len; i++)
		v = v * 10 + (unsigned)(text[i] - '0');
	if (!ok || v >= MS_TPM_PCR_COUNT)
		return ms_yaml_fail(at, err, MS_ERR_USAGE, "\"%.20s\" is no PCR: 0 to %u", text, MS_TPM_PCR_COUNT - 1);
	*ret = (uint8_t)v;
	return MS_OK;
}

/* ---- device ---- */

static enum ms_rc
read_device(struct ms_yaml_node *test, struct ms_policy_test *t, struct ms_err *err)
{
	struct ms_yaml_node *n = ms_yaml_get(test, "device");
	t->device = (struct ms_policy_device){.tenant = ms_span_str("default"),
	    .device = ms_span_str("test"),
	    .serial = ms_span_str("test"),
	    .state = ms_span_str("trusted"),
	    .listed = true};
	if (n == NULL)
		return ms_yaml_fail(test, err, MS_ERR_USAGE, "device is missing: at least {model: NAME}");
	enum ms_rc rc = ms_yaml_expect(n, MS_YAML_MAP, err);
	if (rc != MS_OK)
		return rc;
	struct ms_yaml_node *listed = ms_yaml_get(n, "listed");
	const struct {
		const char *key;
		struct ms_span *to;
	} texts[] = {{"tenant", &t->device.tenant}, {"id", &t->device.device}, {"model", &t->device.model}, {"serial", &t->device.serial},
	    {"state", &t->device.state}, {"batch", &t->device.batch}, {"last_reference", &t->last_reference}};
	for (size_t i = 0; rc == MS_OK && i < sizeof texts / sizeof *texts; i++)
		rc = opt_span(n, texts[i].key, MS_POLICY_ID_MAX, texts[i].to, err);
	if (rc == MS_OK && t->device.model.len == 0)
		rc = ms_yaml_fail(n, err, MS_ERR_USAGE, "model is missing");
	return rc == MS_OK && listed != NULL ? ms_yaml_bool(listed, &t->device.listed, err) : rc;
}

/* ---- evidence ---- */

static enum ms_rc
read_replace(struct ms_yaml_node *map, struct ms_pcrs *ret, struct ms_err *err)
{
	enum ms_rc rc = ms_yaml_expect(map, MS_YAML_MAP, err);
	for (struct ms_yaml_node *n = rc == MS_OK ? ms_yaml_first(map) : NULL; rc == MS_OK && n != NULL; n = ms_yaml_next(n)) {
		const char *text = NULL;
		uint8_t pcr = 0;
		rc = read_pcr(n, ms_yaml_key(n), &pcr, err);
		if (rc == MS_OK)
			rc = ms_yaml_text(n, 1, 128, &text, err);
		if (rc == MS_OK && ms_unhex(text, strlen(text), ret->value[pcr], MS_PCR_LEN) != MS_OK)
			rc = ms_yaml_fail(n, err, MS_ERR_USAGE, "a value of the SHA-256 bank is %u hexadecimal digits", 2 * MS_PCR_LEN);
		if (rc == MS_OK)
			ret->mask |= UINT32_C(1) << pcr;
	}
	return rc;
}

static enum ms_rc
add_bytes(struct ms_yaml_node *n, const char *name, bool proven, const char *text, struct ms_claims *to, struct ms_err *err)
{
	size_t len = strlen(text) / 2;
	uint8_t *raw = malloc(len + 1);
	enum ms_rc rc = raw == NULL ? ms_fail(err, MS_ERR_NOMEM, "claims") : MS_OK;
	if (rc == MS_OK && ms_unhex(text, strlen(text), raw, len) != MS_OK)
		rc = ms_yaml_fail(n, err, MS_ERR_USAGE, "claim %s is bytes: hexadecimal digits are wanted", name);
	if (rc == MS_OK)
		rc = ms_claims_add_bytes(to, name, proven, ms_span(raw, len), err);
	free(raw);
	return rc;
}

static enum ms_rc
add_claim(struct ms_yaml_node *n, const struct ms_claim_name *name, bool proven, struct ms_claims *to, struct ms_err *err)
{
	const char *text = NULL;
	uint64_t v = 0;
	bool b = false;
	enum ms_rc rc = MS_OK;
	switch (name->type) {
	case MS_CLAIM_BOOL:
		rc = ms_yaml_bool(n, &b, err);
		return rc == MS_OK ? ms_claims_add_bool(to, name->name, proven, b, err) : rc;
	case MS_CLAIM_UINT:
		rc = ms_yaml_uint(n, 0, UINT64_MAX, &v, err);
		return rc == MS_OK ? ms_claims_add_uint(to, name->name, proven, v, err) : rc;
	case MS_CLAIM_TEXT:
		rc = ms_yaml_text(n, 0, MS_CLAIM_VALUE_MAX, &text, err);
		return rc == MS_OK ? ms_claims_add_text(to, name->name, proven, ms_span_str(text), err) : rc;
	case MS_CLAIM_BYTES:
		rc = ms_yaml_text(n, 0, 2 * MS_CLAIM_VALUE_MAX, &text, err);
		return rc == MS_OK ? add_bytes(n, name->name, proven, text, to, err) : rc;
	}
	return ms_fail(err, MS_ERR_INTERNAL, "claims");
}

/* claims: {name: value}, or {name: [values]} for claims that there may be many of. */
static enum ms_rc
read_claims(struct ms_yaml_node *map, bool proven, struct ms_claims *to, struct ms_err *err)
{
	enum ms_rc rc = ms_yaml_expect(map, MS_YAML_MAP, err);
	for (struct ms_yaml_node *n = rc == MS_OK ? ms_yaml_first(map) : NULL; rc == MS_OK && n != NULL; n = ms_yaml_next(n)) {
		const struct ms_claim_name *name = ms_claim_name_find(ms_span_str(ms_yaml_key(n)));
		if (name == NULL)
			return ms_yaml_fail(n, err, MS_ERR_USAGE, "there is no claim of that name: docs/claims.md lists them");
		if (!proven && !name->may_be_unproven)
			return ms_yaml_fail(n, err, MS_ERR_USAGE, "this claim is never unproven");
		if (ms_yaml_type(n) != MS_YAML_LIST) {
			rc = add_claim(n, name, proven, to, err);
			continue;
		}
		if (!name->many)
			return ms_yaml_fail(n, err, MS_ERR_USAGE, "this claim has one value, not a list");
		for (struct ms_yaml_node *i = ms_yaml_first(n); rc == MS_OK && i != NULL; i = ms_yaml_next(i))
			rc = add_claim(i, name, proven, to, err);
	}
	return rc;
}

static enum ms_rc
read_evidence(struct ms_yaml_node *test, struct ms_policy_test *t, struct ms_claims **claims, struct ms_err *err)
{
	struct ms_yaml_node *n = ms_yaml_get(test, "evidence");
	struct ms_policy_test_evidence *e = &t->evidence;
	if (n == NULL)
		return ms_yaml_fail(test, err, MS_ERR_USAGE, "evidence is missing: pcrs, boot_log, ima, bundle, replace or claims");
	enum ms_rc rc = ms_yaml_expect(n, MS_YAML_MAP, err);
	if (rc != MS_OK)
		return rc;
	if (ms_yaml_count(n) == 0)
		return ms_yaml_fail(n, err, MS_ERR_USAGE, "there is no evidence in it: pcrs, boot_log, ima, bundle, replace or claims");
	const struct {
		const char *key;
		const char **to;
	} files[] = {{"pcrs", &e->pcrs}, {"boot_log", &e->boot_log}, {"ima", &e->ima}, {"bundle", &e->bundle}};
	for (size_t i = 0; rc == MS_OK && i < sizeof files / sizeof *files; i++)
		rc = opt_text(n, files[i].key, FILE_NAME_MAX, files[i].to, err);
	if (rc == MS_OK && e->bundle != NULL && (e->pcrs != NULL || e->boot_log != NULL || e->ima != NULL))
		rc = ms_yaml_fail(ms_yaml_get(n, "bundle"), err, MS_ERR_USAGE, "a bundle has PCRs and logs in it: give one or the other");
	struct ms_yaml_node *replace = ms_yaml_get(n, "replace"), *proven = ms_yaml_get(n, "claims"),
			    *unproven = ms_yaml_get(n, "unproven");
	if (rc == MS_OK && replace != NULL)
		rc = read_replace(replace, &e->replace, err);
	if (rc == MS_OK && (proven != NULL || unproven != NULL))
		rc = ms_claims_new(claims, err);
	if (rc == MS_OK && proven != NULL)
		rc = read_claims(proven, true, *claims, err);
	if (rc == MS_OK && unproven != NULL)
		rc = read_claims(unproven, false, *claims, err);
	e->claims = *claims;
	return rc;
}

/* ---- expectations ---- */

static enum ms_rc
read_outcome(struct ms_yaml_node *test, struct ms_policy_test *t, struct ms_err *err)
{
	struct ms_yaml_node *n = ms_yaml_get(test, "expect");
	const char *text = NULL;
	if (n == NULL)
		return ms_yaml_fail(test, err, MS_ERR_USAGE, "expect is missing: pass, fail or deny");
	enum ms_rc rc = ms_yaml_text(n, 1, 16, &text, err);
	if (rc != MS_OK)
		return rc;
	for (int o = MS_OUTCOME_DENY; o <= MS_OUTCOME_FAIL; o++)
		if (strcmp(text, ms_outcome_name((enum ms_outcome)o)) == 0) {
			t->outcome = (enum ms_outcome)o;
			return MS_OK;
		}
	return ms_yaml_fail(n, err, MS_ERR_USAGE, "\"%s\": pass, fail or deny", text);
}

static enum ms_rc
read_reason(struct ms_yaml_node *test, struct ms_policy_test *t, struct ms_err *err)
{
	struct ms_yaml_node *reason = ms_yaml_get(test, "reason"), *pcr = ms_yaml_get(test, "pcr");
	const char *text = NULL;
	enum ms_rc rc = reason == NULL ? MS_OK : ms_yaml_text(reason, 1, 40, &text, err);
	if (rc == MS_OK && reason != NULL) {
		t->has_reason = true;
		for (t->reason = 0; t->reason < MS_POLICY_CODE_COUNT && strcmp(ms_policy_code_name(t->reason), text) != 0;)
			t->reason++;
		if (t->reason == MS_POLICY_CODE_COUNT)
			return ms_yaml_fail(reason, err, MS_ERR_USAGE, "\"%s\" is no reason: docs/policy.md lists them", text);
	}
	if (rc == MS_OK && pcr != NULL)
		rc = ms_yaml_text(pcr, 1, 8, &text, err);
	if (rc == MS_OK && pcr != NULL) {
		t->has_pcr = true;
		rc = read_pcr(pcr, text, &t->pcr, err);
	}
	if (rc == MS_OK)
		rc = opt_text(test, "claim", 64, &t->claim, err);
	if (rc == MS_OK)
		rc = opt_text(test, "path", MS_VERDICT_PATH_MAX, &t->path, err);
	if (rc == MS_OK && t->outcome == MS_OUTCOME_PASS && (t->has_reason || t->has_pcr || t->claim != NULL || t->path != NULL))
		rc = ms_yaml_fail(test, err, MS_ERR_USAGE, "a pass has no reason: reason, pcr, claim and path go with fail and deny");
	return rc;
}

static enum ms_rc
read_now(struct ms_yaml_node *test, struct ms_policy_test *t, struct ms_err *err)
{
	struct ms_yaml_node *n = ms_yaml_get(test, "now");
	const char *text = NULL;
	enum ms_rc rc = n == NULL ? MS_OK : ms_yaml_text(n, 1, 40, &text, err);
	if (rc != MS_OK || n == NULL)
		return rc;
	if (ms_policy_time_parse(ms_span_str(text), &t->now_s, NULL) != MS_OK)
		return ms_yaml_fail(n, err, MS_ERR_USAGE, "\"%s\" is no time: 2026-12-31 or 2026-12-31T23:00:00Z", text);
	return MS_OK;
}

static enum ms_rc
read_test(struct ms_policy_tests *all, size_t at, struct ms_yaml_node *n, struct ms_err *err)
{
	struct ms_policy_test *t = &all->test[at];
	enum ms_rc rc = ms_yaml_expect(n, MS_YAML_MAP, err);
	if (rc != MS_OK)
		return rc;
	struct ms_yaml_node *name = ms_yaml_get(n, "name");
	if (name == NULL)
		return ms_yaml_fail(n, err, MS_ERR_USAGE, "name is missing: say in a sentence what must come out");
	t->line = ms_yaml_line(name);
	rc = ms_yaml_text(name, 1, MS_POLICY_TEST_NAME_MAX, &t->name, err);
	for (size_t i = 0; rc == MS_OK && i < at; i++)
		if (strcmp(all->test[i].name, t->name) == 0)
			rc = ms_yaml_fail(name, err, MS_ERR_USAGE, "the test in line %u has this name, too", all->test[i].line);
	if (rc == MS_OK)
		rc = read_device(n, t, err);
	if (rc == MS_OK)
		rc = read_evidence(n, t, &all->claims[at], err);
	if (rc == MS_OK)
		rc = read_now(n, t, err);
	if (rc == MS_OK)
		rc = read_outcome(n, t, err);
	if (rc == MS_OK)
		rc = read_reason(n, t, err);
	if (rc == MS_OK)
		rc = opt_text(n, "rule", MS_POLICY_NAME_MAX, &t->rule, err);
	if (rc == MS_OK)
		rc = opt_text(n, "reference", MS_REFERENCE_NAME_MAX, &t->reference, err);
	return rc == MS_OK ? opt_text(n, "waiver", MS_POLICY_NAME_MAX, &t->waiver, err) : rc;
}

static enum ms_rc
read_all(struct ms_policy_tests *t, struct ms_err *err)
{
	struct ms_yaml_node *root = ms_yaml_root(t->doc);
	uint64_t v = 0;
	enum ms_rc rc = ms_yaml_expect(root, MS_YAML_MAP, err);
	if (rc != MS_OK)
		return rc;
	struct ms_yaml_node *version = ms_yaml_get(root, "version"), *tests = ms_yaml_get(root, "tests");
	if (version == NULL || tests == NULL)
		return ms_yaml_fail(root, err, MS_ERR_USAGE, "%s is missing", version == NULL ? "version" : "tests");
	rc = ms_yaml_uint(version, 0, UINT32_MAX, &v, err);
	if (rc == MS_OK && v != 1)
		rc = ms_yaml_fail(version, err, MS_ERR_USAGE, "this program reads version 1");
	if (rc == MS_OK)
		rc = ms_yaml_expect(tests, MS_YAML_LIST, err);
	size_t n = rc == MS_OK ? ms_yaml_count(tests) : 0;
	if (rc == MS_OK && (n == 0 || n > MS_POLICY_TESTS_MAX))
		rc = ms_yaml_fail(tests, err, MS_ERR_USAGE, "%zu tests: 1 to %u are taken", n, MS_POLICY_TESTS_MAX);
	if (rc != MS_OK)
		return rc;
	t->test = calloc(n, sizeof *t->test);
	t->claims = calloc(n, sizeof(struct ms_claims *));
	if (t->test == NULL || t->claims == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "tests");
	t->n = n;
	size_t at = 0;
	for (struct ms_yaml_node *i = ms_yaml_first(tests); rc == MS_OK && i != NULL; i = ms_yaml_next(i))
		rc = read_test(t, at++, i, err);
	return rc == MS_OK ? ms_yaml_check_used(t->doc, err) : rc;
}

enum ms_rc
ms_policy_tests_parse(const struct ms_policy_file *file, struct ms_policy_tests **ret, struct ms_err *err)
{
	MS_OWN(ms_policy_tests_free) struct ms_policy_tests *t = calloc(1, sizeof *t);
	if (t == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "tests");
	enum ms_rc rc = ms_yaml_load(file->name, file->text, &t->doc, err);
	if (rc == MS_OK)
		rc = read_all(t, err);
	if (rc == MS_OK) {
		*ret = t;
		t = NULL;
		return MS_OK;
	}
	if (rc != MS_ERR_NOMEM && err != NULL)
		err->rc = MS_ERR_USAGE; /* whatever layer found it, the author's text is wrong */
	return rc == MS_ERR_NOMEM ? rc : MS_ERR_USAGE;
}

/* ---- is it what was expected? ---- */

static bool
reason_met(const struct ms_policy_test *t, const struct ms_verdict_reason *r)
{
	return (!t->has_reason || r->code == t->reason) && (!t->has_pcr || (r->has_pcr && r->pcr == t->pcr)) &&
	       (t->claim == NULL || strcmp(t->claim, r->claim) == 0) && (t->path == NULL || strcmp(t->path, r->path) == 0);
}

bool
ms_policy_test_met(const struct ms_policy_test *t, const struct ms_verdict *v)
{
	bool met = t->outcome == v->outcome && (t->rule == NULL || strcmp(t->rule, v->rule) == 0) &&
		   (t->reference == NULL || strcmp(t->reference, v->reference) == 0);
	bool reason = t->outcome == MS_OUTCOME_PASS;
	for (size_t i = 0; i < v->n_reasons && !reason; i++)
		reason = reason_met(t, &v->reason[i]);
	bool waived = t->waiver == NULL;
	for (size_t i = 0; i < v->n_waived && !waived; i++)
		waived = strcmp(v->waived[i].waiver, t->waiver) == 0;
	return met && reason && waived;
}

const struct ms_verdict_reason *
ms_policy_test_reason(const struct ms_policy_test *t, const struct ms_verdict *v)
{
	for (size_t i = 0; i < v->n_reasons; i++)
		if (reason_met(t, &v->reason[i]))
			return &v->reason[i];
	return v->n_reasons > 0 ? &v->reason[0] : NULL;
}

void
ms_policy_test_expected(const struct ms_policy_test *t, char out[static MS_POLICY_TEST_TEXT_MAX])
{
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	ms_buf_init(&b, 65536);
	ms_buf_str(&b, ms_outcome_name(t->outcome));
	if (t->has_reason)
		ms_buf_fmt(&b, " %s", ms_policy_code_name(t->reason));
	if (t->has_pcr)
		ms_buf_fmt(&b, " pcr=%u", t->pcr);
	const struct {
		const char *key, *value;
	} more[] = {{"claim", t->claim}, {"path", t->path}, {"rule", t->rule}, {"reference", t->reference}, {"waiver", t->waiver}};
	for (size_t i = 0; i < sizeof more / sizeof *more; i++)
		if (more[i].value != NULL)
			ms_buf_fmt(&b, " %s=%s", more[i].key, more[i].value);
	(void)snprintf(out, MS_POLICY_TEST_TEXT_MAX, "%.*s", (int)b.len, b.p == NULL ? "" : (const char *)b.p);
}

void
ms_policy_test_got(const struct ms_verdict *v, char out[static MS_POLICY_TEST_TEXT_MAX])
{
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	ms_buf_init(&b, 65536);
	ms_buf_str(&b, ms_outcome_name(v->outcome));
	for (size_t i = 0; i < v->n_reasons; i++) {
		const struct ms_verdict_reason *r = &v->reason[i];
		ms_buf_fmt(&b, "%s %s", i > 0 ? "," : "", ms_policy_code_name(r->code));
		if (r->has_pcr)
			ms_buf_fmt(&b, " pcr=%u", r->pcr);
		if (r->claim[0] != '\0')
			ms_buf_fmt(&b, " claim=%s", r->claim);
		if (r->path[0] != '\0')
			ms_buf_fmt(&b, " path=%s", r->path);
	}
	if (v->rule[0] != '\0')
		ms_buf_fmt(&b, " rule=%s", v->rule);
	if (v->reference[0] != '\0')
		ms_buf_fmt(&b, " reference=%s", v->reference);
	for (size_t i = 0; i < v->n_waived; i++)
		ms_buf_fmt(&b, " waiver=%s", v->waived[i].waiver);
	(void)snprintf(out, MS_POLICY_TEST_TEXT_MAX, "%.*s", (int)b.len, b.p == NULL ? "" : (const char *)b.p);
}
