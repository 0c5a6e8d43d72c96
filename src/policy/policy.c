/* The stored form: CBOR map {1: format, 2: name, 3: bank, 4: quoted PCRs (bit n is PCR n), 5: interval_s, 6: array of rules,
 * 7: seal PCRs, 8: certificate life_s, 9: secrets' max age_s, 10: unlisted devices wait (bool)} and, where there is some: {11: groups,
 * 12: waivers, 13: true: a boot log is required, 14: true: an IMA list is}. Rules: wire_rule.c; groups and waivers: wire_group.c. */
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
	struct ms_span groups;
	struct ms_span waivers;
	bool boot_log;
	bool ima;
};
enum { KEY_GROUPS = 11, KEY_WAIVERS, KEY_BOOT_LOG, KEY_IMA };
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
    MS_CBOR_F_ARRAY(KEY_GROUPS, struct wire, groups, MS_CBOR_OPT, MS_POLICY_WIRE_MAX),
    MS_CBOR_F_ARRAY(KEY_WAIVERS, struct wire, waivers, MS_CBOR_OPT, MS_POLICY_WIRE_MAX),
    MS_CBOR_F_BOOL(KEY_BOOT_LOG, struct wire, boot_log, MS_CBOR_OPT),
    MS_CBOR_F_BOOL(KEY_IMA, struct wire, ima, MS_CBOR_OPT),
};
static const struct ms_cbor_table table = MS_CBOR_TABLE("policy", struct wire, fields);

void
ms_policy_free(struct ms_policy *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; p->rules != NULL && i < p->set.rules; i++)
		ms_policy_rule_fini(&p->rules[i]);
	for (size_t i = 0; p->groups != NULL && i < p->set.groups; i++)
		ms_policy_group_fini(&p->groups[i]);
	for (size_t i = 0; p->waivers != NULL && i < p->set.waivers; i++)
		ms_policy_waiver_fini(&p->waivers[i]);
	free(p->rules);
	free(p->groups);
	free(p->waivers);
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

const struct ms_policy_group *
ms_policy_group_find(const struct ms_policy *p, struct ms_span name)
{
	for (size_t i = 0; i < p->set.groups; i++)
		if (ms_span_eq(p->groups[i].name, name))
			return &p->groups[i];
	return NULL;
}

struct ms_policy_waiver_info
ms_policy_waiver_at(const struct ms_policy *p, size_t i)
{
	const struct ms_policy_waiver *w = &p->waivers[i];
	return (struct ms_policy_waiver_info){.name = w->name,
	    .device = w->device,
	    .group = w->group,
	    .reason = w->reason,
	    .approver = w->approver,
	    .expires_s = w->expires_s,
	    .codes = w->codes};
}

void
ms_policy_derive(struct ms_policy *p)
{
	p->set.boot_log_used = p->set.boot_log_required;
	p->set.ima_used = p->set.ima_required;
	for (size_t i = 0; i < p->set.rules; i++) {
		const struct ms_policy_rule *r = &p->rules[i];
		p->set.boot_log_used = p->set.boot_log_used || (r->has & MS_RULE_EVENTS) != 0;
		p->set.ima_used = p->set.ima_used || (r->has & MS_RULE_FILES) != 0;
		for (size_t k = 0; k < r->n_claims; k++) {
			p->set.boot_log_used = p->set.boot_log_used || strncmp(r->claims[k].claim->name, "boot.", 5) == 0;
			p->set.ima_used = p->set.ima_used || strncmp(r->claims[k].claim->name, "ima.", 4) == 0;
		}
	}
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
		enum ms_rc rc = ms_policy_rule_parse(ms_cbor_read_raw(&c), &p->rules[i], err);
		if (rc != MS_OK)
			return rc;
	}
	return ms_cbor_done(&c) ? MS_OK : ms_fail(err, MS_ERR_MALFORMED, "policy: rules");
}

static enum ms_rc
parse_groups(struct ms_span cbor, struct ms_policy *p, struct ms_err *err)
{
	struct ms_cbor c = ms_cbor_over(cbor);
	size_t n = ms_cbor_read_array(&c);
	if (n == 0 || n > MS_POLICY_GROUPS_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "policy: %zu groups, 1 to %u", n, MS_POLICY_GROUPS_MAX);
	p->groups = calloc(n, sizeof *p->groups);
	if (p->groups == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "policy");
	p->set.groups = n;
	enum ms_rc rc = MS_OK;
	for (size_t i = 0; rc == MS_OK && i < n; i++)
		rc = ms_policy_group_parse(ms_cbor_read_raw(&c), &p->groups[i], err);
	return rc != MS_OK || ms_cbor_done(&c) ? rc : ms_fail(err, MS_ERR_MALFORMED, "policy: groups");
}

static enum ms_rc
parse_waivers(struct ms_span cbor, struct ms_policy *p, struct ms_err *err)
{
	struct ms_cbor c = ms_cbor_over(cbor);
	size_t n = ms_cbor_read_array(&c);
	if (n == 0 || n > MS_POLICY_WAIVERS_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "policy: %zu waivers, 1 to %u", n, MS_POLICY_WAIVERS_MAX);
	p->waivers = calloc(n, sizeof *p->waivers);
	if (p->waivers == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "policy");
	p->set.waivers = n;
	enum ms_rc rc = MS_OK;
	for (size_t i = 0; rc == MS_OK && i < n; i++)
		rc = ms_policy_waiver_parse(ms_cbor_read_raw(&c), &p->waivers[i], err);
	return rc != MS_OK || ms_cbor_done(&c) ? rc : ms_fail(err, MS_ERR_MALFORMED, "policy: waivers");
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
	if (MS_CBOR_HAS(&w, KEY_BOOT_LOG) != w.boot_log || MS_CBOR_HAS(&w, KEY_IMA) != w.ima)
		return ms_fail(err, MS_ERR_MALFORMED, "policy: a log that is required is true, or is not there");
	p->set.boot_log_required = w.boot_log;
	p->set.ima_required = w.ima;
	rc = parse_rules(w.rules, p, err);
	if (rc == MS_OK && MS_CBOR_HAS(&w, KEY_GROUPS))
		rc = parse_groups(w.groups, p, err);
	if (rc == MS_OK && MS_CBOR_HAS(&w, KEY_WAIVERS))
		rc = parse_waivers(w.waivers, p, err);
	if (rc == MS_OK)
		rc = ms_policy_validate(p, err);
	if (rc == MS_OK)
		ms_policy_derive(p);
	return rc;
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

static enum ms_rc
build_lists(const struct ms_policy *p, struct ms_buf *rules, struct ms_buf *groups, struct ms_buf *waivers, struct ms_err *err)
{
	enum ms_rc rc = MS_OK;
	ms_cbor_array(rules, p->set.rules);
	for (size_t i = 0; rc == MS_OK && i < p->set.rules; i++)
		rc = ms_policy_rule_build(&p->rules[i], rules, err);
	ms_cbor_array(groups, p->set.groups);
	for (size_t i = 0; rc == MS_OK && i < p->set.groups; i++)
		rc = ms_policy_group_build(&p->groups[i], groups, err);
	ms_cbor_array(waivers, p->set.waivers);
	for (size_t i = 0; rc == MS_OK && i < p->set.waivers; i++)
		rc = ms_policy_waiver_build(&p->waivers[i], waivers, err);
	if (rc == MS_OK)
		rc = ms_buf_check(rules, err);
	if (rc == MS_OK)
		rc = ms_buf_check(groups, err);
	return rc == MS_OK ? ms_buf_check(waivers, err) : rc;
}

enum ms_rc
ms_policy_build(const struct ms_policy *p, struct ms_buf *out, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf rules;
	MS_OWN(ms_buf_fini) struct ms_buf groups;
	MS_OWN(ms_buf_fini) struct ms_buf waivers;
	ms_buf_init(&rules, MS_POLICY_WIRE_MAX);
	ms_buf_init(&groups, MS_POLICY_WIRE_MAX);
	ms_buf_init(&waivers, MS_POLICY_WIRE_MAX);
	if (ms_policy_validate(p, err) != MS_OK)
		return MS_ERR_USAGE;
	enum ms_rc rc = build_lists(p, &rules, &groups, &waivers, err);
	struct wire w = {.format = MS_POLICY_FORMAT,
	    .name = ms_span_str(p->set.name),
	    .bank = ms_span_str("sha256"),
	    .attest = p->set.attest_mask,
	    .interval_s = p->set.interval_s,
	    .rules = ms_buf_span(&rules),
	    .seal = p->set.seal_mask,
	    .life_s = p->set.certificate_life_s,
	    .age_s = p->set.secret_max_age_s,
	    .unlisted_waits = p->set.unlisted_waits,
	    .boot_log = p->set.boot_log_required,
	    .ima = p->set.ima_required};
	w.present = (w.boot_log ? MS_CBOR_BIT(KEY_BOOT_LOG) : 0) | (w.ima ? MS_CBOR_BIT(KEY_IMA) : 0);
	if (p->set.groups > 0) {
		w.groups = ms_buf_span(&groups);
		w.present |= MS_CBOR_BIT(KEY_GROUPS);
	}
	if (p->set.waivers > 0) {
		w.waivers = ms_buf_span(&waivers);
		w.present |= MS_CBOR_BIT(KEY_WAIVERS);
	}
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
