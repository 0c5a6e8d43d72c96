/* The stored form: CBOR map {1: format, 2: name, 3: bank, 4: quoted PCRs (bit n is PCR n), 5: interval_s, 6: array of rules,
 * 7: seal PCRs, 8: certificate life_s, 9: secrets' max age_s, 10: unlisted devices wait (bool)}; a rule is
 * {1: name, 2: all (bool), 3: array of models, 4: required PCRs, 5: array of reference sets, 6: gives certificates (bool)}. */
#include "policy/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/hash.h"
#include "policy/policy_int.h"

#define PCRS_ALL ((UINT64_C(1) << MS_TPM_PCR_COUNT) - 1)

struct wire {
	uint64_t present;
	uint64_t format;
	struct ms_span name;
	struct ms_span bank;
	uint64_t attest;
	uint64_t interval_s;
	struct ms_span rules;
	uint64_t seal;
	uint64_t life_s;
	uint64_t age_s;
	bool unlisted_waits;
};
static const struct ms_cbor_field fields[] = {
    MS_CBOR_F_UINT(1, struct wire, format, MS_CBOR_REQ, 0, UINT32_MAX),
    MS_CBOR_F_TEXT(2, struct wire, name, MS_CBOR_REQ, 1, MS_POLICY_NAME_MAX),
    MS_CBOR_F_TEXT(3, struct wire, bank, MS_CBOR_REQ, 1, 16),
    MS_CBOR_F_UINT(4, struct wire, attest, MS_CBOR_REQ, 1, PCRS_ALL),
    MS_CBOR_F_UINT(5, struct wire, interval_s, MS_CBOR_REQ, MS_POLICY_INTERVAL_MIN, MS_POLICY_INTERVAL_MAX),
    MS_CBOR_F_ARRAY(6, struct wire, rules, MS_CBOR_REQ, MS_POLICY_WIRE_MAX),
    MS_CBOR_F_UINT(7, struct wire, seal, MS_CBOR_REQ, 1, PCRS_ALL),
    MS_CBOR_F_UINT(8, struct wire, life_s, MS_CBOR_REQ, MS_POLICY_LIFE_MIN, MS_POLICY_LIFE_MAX),
    MS_CBOR_F_UINT(9, struct wire, age_s, MS_CBOR_REQ, MS_POLICY_AGE_MIN, MS_POLICY_AGE_MAX),
    MS_CBOR_F_BOOL(10, struct wire, unlisted_waits, MS_CBOR_REQ),
};
static const struct ms_cbor_table table = MS_CBOR_TABLE("policy", struct wire, fields);

struct wire_rule {
	uint64_t present;
	struct ms_span name;
	bool all;
	struct ms_span models;
	uint64_t pcrs;
	struct ms_span references;
	bool identity;
};
static const struct ms_cbor_field rule_fields[] = {
    MS_CBOR_F_TEXT(1, struct wire_rule, name, MS_CBOR_REQ, 1, MS_POLICY_NAME_MAX),
    MS_CBOR_F_BOOL(2, struct wire_rule, all, MS_CBOR_REQ),
    MS_CBOR_F_ARRAY(3, struct wire_rule, models, MS_CBOR_REQ, MS_POLICY_WIRE_MAX),
    MS_CBOR_F_UINT(4, struct wire_rule, pcrs, MS_CBOR_REQ, 1, PCRS_ALL),
    MS_CBOR_F_ARRAY(5, struct wire_rule, references, MS_CBOR_REQ, MS_POLICY_WIRE_MAX),
    MS_CBOR_F_BOOL(6, struct wire_rule, identity, MS_CBOR_REQ),
};
static const struct ms_cbor_table rule_table = MS_CBOR_TABLE("policy rule", struct wire_rule, rule_fields);

void
ms_policy_free(struct ms_policy *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->set.rules; i++) {
		free(p->rules[i].models);
		free(p->rules[i].references);
	}
	free(p->rules);
	free(p->bytes);
	free(p);
}

void
ms_policy_defaults(struct ms_policy *p)
{
	*p = (struct ms_policy){.set = {.attest_mask = MS_PCRS_ATTEST_MASK,
				    .seal_mask = MS_POLICY_SEAL_DEFAULT,
				    .interval_s = MS_POLICY_INTERVAL_DEFAULT,
				    .certificate_life_s = MS_POLICY_LIFE_DEFAULT,
				    .secret_max_age_s = MS_POLICY_AGE_DEFAULT,
				    .unlisted_waits = true}};
}

const struct ms_policy_settings *
ms_policy_settings(const struct ms_policy *p)
{
	return &p->set;
}

void
ms_policy_pcrs_text(uint32_t mask, char out[static MS_POLICY_PCRS_TEXT])
{
	size_t n = 0;
	out[0] = '\0';
	for (unsigned i = 0; i < MS_TPM_PCR_COUNT; i++)
		if ((mask >> i & 1) != 0)
			n += (size_t)snprintf(out + n, MS_POLICY_PCRS_TEXT - n, "%s%u", n == 0 ? "" : ",", i); /* 24 numbers fit */
}

static bool
names_differ(const struct ms_span *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < i; j++)
			if (ms_span_eq(names[i], names[j]))
				return false;
	return true;
}

enum ms_rc
ms_policy_validate_rule(const struct ms_policy *p, const struct ms_policy_rule *r, struct ms_err *err)
{
	char text[MS_POLICY_PCRS_TEXT];
	if (!ms_name_ok(r->name, MS_POLICY_NAME_MAX))
		return ms_fail(err, MS_ERR_MALFORMED, "a rule's name is 1 to %u of [a-z0-9._-]", MS_POLICY_NAME_MAX);
	if (r->all == (r->n_models > 0))
		return ms_fail(err, MS_ERR_MALFORMED, "a rule matches either a list of models that is not empty, or all: true");
	if (!names_differ(r->models, r->n_models) || !names_differ(r->references, r->n_references))
		return ms_fail(err, MS_ERR_MALFORMED, "a name is there twice");
	if (r->pcrs == 0 || r->n_references == 0)
		return ms_fail(err, MS_ERR_MALFORMED, "a rule requires at least one PCR and one reference set");
	ms_policy_pcrs_text(r->pcrs & ~p->set.attest_mask, text);
	if (text[0] != '\0')
		return ms_fail(err, MS_ERR_MALFORMED, "PCR %s is required but not in attest.pcrs", text);
	return MS_OK;
}

enum ms_rc
ms_policy_validate(const struct ms_policy *p, struct ms_err *err)
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
	for (size_t i = 0; i < p->set.rules; i++) {
		enum ms_rc rc = ms_policy_validate_rule(p, &p->rules[i], err);
		if (rc != MS_OK)
			return rc;
		for (size_t j = 0; j < i; j++)
			if (ms_span_eq(p->rules[i].name, p->rules[j].name))
				return ms_fail(err, MS_ERR_MALFORMED, "two rules of one name");
	}
	return MS_OK;
}

/* Array of texts, each of 1..max bytes. */
static enum ms_rc
parse_names(struct ms_span cbor, size_t max_n, struct ms_span **ret, size_t *ret_n, struct ms_err *err)
{
	struct ms_cbor c = ms_cbor_over(cbor);
	size_t n = ms_cbor_read_array(&c);
	if (n > max_n)
		return ms_fail(err, MS_ERR_TOO_BIG, "policy: %zu names in a rule", n);
	struct ms_span *names = calloc(n == 0 ? 1 : n, sizeof *names);
	if (names == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "policy");
	for (size_t i = 0; i < n; i++) {
		names[i] = ms_cbor_read_text(&c);
		if (names[i].len == 0 || names[i].len > MS_REFERENCE_MODEL_MAX)
			ms_cbor_poison(&c);
	}
	if (!ms_cbor_done(&c)) {
		free(names);
		return ms_fail(err, MS_ERR_MALFORMED, "policy: names of a rule");
	}
	*ret = names;
	*ret_n = n;
	return MS_OK;
}

static enum ms_rc
parse_rule(struct ms_span cbor, struct ms_policy_rule *r, struct ms_err *err)
{
	struct wire_rule w;
	enum ms_rc rc = ms_cbor_parse_map(&rule_table, cbor, &w, err);
	if (rc != MS_OK)
		return rc;
	*r = (struct ms_policy_rule){.name = w.name, .all = w.all, .pcrs = (uint32_t)w.pcrs, .identity = w.identity};
	rc = parse_names(w.models, MS_POLICY_MODELS_MAX, &r->models, &r->n_models, err);
	if (rc == MS_OK)
		rc = parse_names(w.references, MS_POLICY_REFERENCES_MAX, &r->references, &r->n_references, err);
	for (size_t i = 0; rc == MS_OK && i < r->n_references; i++)
		if (!ms_name_ok(r->references[i], MS_REFERENCE_NAME_MAX))
			rc = ms_fail(err, MS_ERR_MALFORMED, "policy: name of a reference set");
	return rc;
}

static enum ms_rc
parse_rules(struct ms_span cbor, struct ms_policy *p, struct ms_err *err)
{
	struct ms_cbor c = ms_cbor_over(cbor);
	size_t n = ms_cbor_read_array(&c);
	if (n > MS_POLICY_RULES_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "policy: %zu rules", n);
	p->rules = calloc(n == 0 ? 1 : n, sizeof *p->rules);
	if (p->rules == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "policy");
	p->set.rules = n;
	for (size_t i = 0; i < n; i++) {
		enum ms_rc rc = parse_rule(ms_cbor_read_raw(&c), &p->rules[i], err);
		if (rc != MS_OK)
			return rc;
	}
	return ms_cbor_done(&c) ? MS_OK : ms_fail(err, MS_ERR_MALFORMED, "policy: rules");
}

static enum ms_rc
parse_policy(struct ms_span cbor, struct ms_policy *p, struct ms_err *err)
{
	struct wire w;
	enum ms_rc rc = ms_cbor_parse_map(&table, cbor, &w, err);
	if (rc != MS_OK)
		return rc;
	if (w.format != MS_POLICY_FORMAT)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "policy: format %llu", (unsigned long long)w.format);
	if (!ms_span_eq(w.bank, ms_span_str("sha256")))
		return ms_fail(err, MS_ERR_UNSUPPORTED, "policy: another bank than sha256");
	memcpy(p->set.name, w.name.p, w.name.len);
	p->set.attest_mask = (uint32_t)w.attest;
	p->set.seal_mask = (uint32_t)w.seal;
	p->set.interval_s = w.interval_s;
	p->set.certificate_life_s = w.life_s;
	p->set.secret_max_age_s = w.age_s;
	p->set.unlisted_waits = w.unlisted_waits;
	rc = parse_rules(w.rules, p, err);
	return rc == MS_OK ? ms_policy_validate(p, err) : rc;
}

enum ms_rc
ms_policy_load(struct ms_span cbor, struct ms_policy **ret, struct ms_err *err)
{
	if (cbor.len > MS_POLICY_WIRE_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "policy: %zu bytes", cbor.len);
	MS_OWN(ms_policy_free) struct ms_policy *p = calloc(1, sizeof *p);
	if (p == NULL || ms_bytes_dup(cbor, &p->bytes) != MS_OK)
		return ms_fail(err, MS_ERR_NOMEM, "policy");
	enum ms_rc rc = parse_policy(ms_span(p->bytes, cbor.len), p, err);
	if (rc != MS_OK)
		return rc;
	ms_sha256(cbor, p->set.id);
	*ret = p;
	p = NULL;
	return MS_OK;
}

static void
build_names(struct ms_buf *b, const struct ms_span *names, size_t n)
{
	ms_cbor_array(b, n);
	for (size_t i = 0; i < n; i++)
		ms_cbor_text_span(b, names[i]);
}

static enum ms_rc
build_rule(const struct ms_policy_rule *r, struct ms_buf *out, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf models;
	MS_OWN(ms_buf_fini) struct ms_buf references;
	ms_buf_init(&models, MS_POLICY_WIRE_MAX);
	ms_buf_init(&references, MS_POLICY_WIRE_MAX);
	build_names(&models, r->models, r->n_models);
	build_names(&references, r->references, r->n_references);
	struct wire_rule w = {.name = r->name,
	    .all = r->all,
	    .models = ms_buf_span(&models),
	    .pcrs = r->pcrs,
	    .references = ms_buf_span(&references),
	    .identity = r->identity};
	enum ms_rc rc = ms_buf_check(&models, err);
	if (rc == MS_OK)
		rc = ms_buf_check(&references, err);
	return rc == MS_OK ? ms_cbor_build_map(&rule_table, &w, out, err) : rc;
}

enum ms_rc
ms_policy_build(const struct ms_policy *p, struct ms_buf *out, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf rules;
	ms_buf_init(&rules, MS_POLICY_WIRE_MAX);
	if (ms_policy_validate(p, err) != MS_OK)
		return MS_ERR_USAGE;
	ms_cbor_array(&rules, p->set.rules);
	for (size_t i = 0; i < p->set.rules; i++) {
		enum ms_rc rc = build_rule(&p->rules[i], &rules, err);
		if (rc != MS_OK)
			return rc;
	}
	struct wire w = {.format = MS_POLICY_FORMAT,
	    .name = ms_span_str(p->set.name),
	    .bank = ms_span_str("sha256"),
	    .attest = p->set.attest_mask,
	    .interval_s = p->set.interval_s,
	    .rules = ms_buf_span(&rules),
	    .seal = p->set.seal_mask,
	    .life_s = p->set.certificate_life_s,
	    .age_s = p->set.secret_max_age_s,
	    .unlisted_waits = p->set.unlisted_waits};
	enum ms_rc rc = ms_buf_check(&rules, err);
	return rc == MS_OK ? ms_cbor_build_map(&table, &w, out, err) : rc;
}

enum ms_rc
ms_policy_initial(struct ms_buf *out, struct ms_err *err)
{
	struct ms_policy p;
	ms_policy_defaults(&p);
	(void)snprintf(p.set.name, sizeof p.set.name, "initial");
	return ms_policy_build(&p, out, err);
}
