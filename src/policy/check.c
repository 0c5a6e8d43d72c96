/* Warnings for the author of a policy, and the policy as text again. */
#include <stdarg.h>
#include <stdio.h>

#include "policy/policy_int.h"

struct check {
	const struct ms_policy *p;
	const struct ms_policy_known *known;
	ms_policy_warn_fn warn;
	void *ctx;
	size_t n;
};

static void warning(struct check *c, const char *fmt, ...) MS_PRINTF(2, 3);
static void
warning(struct check *c, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	c->n++;
	if (c->warn != NULL)
		c->warn(c->ctx, text);
}

#define ARG(s) (int)(s).len, (const char *)(s).p

/* The first rule before `before` that takes this model. */
static const struct ms_policy_rule *
taken_by(const struct check *c, size_t before, struct ms_span model)
{
	for (size_t i = 0; i < before; i++) {
		const struct ms_policy_rule *r = &c->p->rules[i];
		if (r->all)
			return r;
		for (size_t k = 0; k < r->n_models; k++)
			if (ms_span_eq(r->models[k], model))
				return r;
	}
	return NULL;
}

static void
check_shadow(struct check *c, size_t i)
{
	const struct ms_policy_rule *r = &c->p->rules[i];
	const struct ms_policy_rule *by = taken_by(c, i, MS_SPAN_NONE); /* no model is empty: only all: true takes it */
	if (by != NULL) {
		warning(c, "rule %.*s is never reached: rule %.*s before it matches all", ARG(r->name), ARG(by->name));
		return;
	}
	for (size_t k = 0; k < r->n_models; k++) {
		by = taken_by(c, i, r->models[k]);
		if (by != NULL)
			warning(c, "rule %.*s: model %.*s is taken by rule %.*s before it", ARG(r->name), ARG(r->models[k]), ARG(by->name));
	}
}

static void
check_names(struct check *c, const struct ms_policy_rule *r)
{
	if (c->known == NULL)
		return;
	for (size_t k = 0; c->known->model != NULL && k < r->n_models; k++)
		if (!c->known->model(c->known->ctx, r->models[k]))
			warning(c, "rule %.*s: no device and no batch is of model %.*s", ARG(r->name), ARG(r->models[k]));
	for (size_t k = 0; c->known->reference != NULL && k < r->n_references; k++)
		if (!c->known->reference(c->known->ctx, r->references[k]))
			warning(
			    c, "rule %.*s: there is no reference set %.*s: its devices are denied", ARG(r->name), ARG(r->references[k]));
}

static void
check_pcrs(struct check *c, const struct ms_policy_rule *r)
{
	char text[MS_POLICY_PCRS_TEXT];
	ms_policy_pcrs_text(c->p->set.seal_mask & ~r->pcrs, text);
	if (text[0] != '\0')
		warning(c, "rule %.*s: secrets are sealed to PCR %s, which the rule does not judge", ARG(r->name), text);
	if ((r->pcrs >> MS_POLICY_PCR_IMA & 1) != 0)
		warning(c, "rule %.*s: PCR 10 (IMA) moves with every measured file: equality with a reference rarely holds", ARG(r->name));
}

size_t
ms_policy_check(const struct ms_policy *p, const struct ms_policy_known *known, ms_policy_warn_fn warn, void *ctx)
{
	struct check c = {.p = p, .known = known, .warn = warn, .ctx = ctx};
	char text[MS_POLICY_PCRS_TEXT];
	uint32_t used = p->set.seal_mask | 1;
	bool identity = false;
	for (size_t i = 0; i < p->set.rules; i++) {
		check_shadow(&c, i);
		check_names(&c, &p->rules[i]);
		check_pcrs(&c, &p->rules[i]);
		used |= p->rules[i].pcrs;
		identity = identity || p->rules[i].identity;
	}
	ms_policy_pcrs_text(p->set.attest_mask & ~used, text);
	if (text[0] != '\0' && p->set.rules > 0)
		warning(&c, "attest.pcrs: PCR %s is quoted, but no rule judges it", text);
	if (p->set.rules == 0)
		warning(&c, "there is no rule: every device is denied");
	else if (!identity)
		warning(&c, "no rule has identity: true: no device gets a certificate");
	return c.n;
}

static void
print_text(struct ms_buf *b, struct ms_span s)
{
	ms_buf_u8(b, '"');
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < 0x20 || s.p[i] == 0x7f) {
			ms_buf_fmt(b, "\\x%02x", s.p[i]);
			continue;
		}
		if (s.p[i] == '"' || s.p[i] == '\\')
			ms_buf_u8(b, '\\');
		ms_buf_u8(b, s.p[i]);
	}
	ms_buf_u8(b, '"');
}

static void
print_list(struct ms_buf *b, const struct ms_span *names, size_t n)
{
	ms_buf_u8(b, '[');
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			ms_buf_str(b, ", ");
		print_text(b, names[i]);
	}
	ms_buf_str(b, "]\n");
}

static void
print_rule(struct ms_buf *b, const struct ms_policy_rule *r)
{
	char pcrs[MS_POLICY_PCRS_TEXT];
	ms_policy_pcrs_text(r->pcrs, pcrs);
	ms_buf_str(b, "    - name: ");
	print_text(b, r->name);
	ms_buf_str(b, "\n      match:\n        ");
	if (r->all) {
		ms_buf_str(b, "all: true\n");
	} else {
		ms_buf_str(b, "models: ");
		print_list(b, r->models, r->n_models);
	}
	ms_buf_fmt(b, "      require:\n        pcrs: [%s]\n        references: ", pcrs);
	print_list(b, r->references, r->n_references);
	ms_buf_fmt(b, "      identity: %s\n", r->identity ? "true" : "false");
}

enum ms_rc
ms_policy_print(const struct ms_policy *p, struct ms_buf *out, struct ms_err *err)
{
	char attest[MS_POLICY_PCRS_TEXT], seal[MS_POLICY_PCRS_TEXT];
	ms_policy_pcrs_text(p->set.attest_mask, attest);
	ms_policy_pcrs_text(p->set.seal_mask, seal);
	ms_buf_fmt(out, "version: %u\nname: ", MS_POLICY_FORMAT);
	print_text(out, ms_span_str(p->set.name));
	ms_buf_fmt(out, "\nattest:\n  pcrs: [%s]\n  bank: sha256\n  interval: %llus\n", attest, (unsigned long long)p->set.interval_s);
	ms_buf_str(out, p->set.rules == 0 ? "  rules: []\n" : "  rules:\n");
	for (size_t i = 0; i < p->set.rules; i++)
		print_rule(out, &p->rules[i]);
	ms_buf_fmt(out, "seal:\n  pcrs: [%s]\nidentity:\n  life: %llus\n", seal, (unsigned long long)p->set.certificate_life_s);
	ms_buf_fmt(out, "secrets:\n  max_age: %llus\nenrolment:\n  unlisted: %s\n", (unsigned long long)p->set.secret_max_age_s,
	    p->set.unlisted_waits ? "approve" : "deny");
	return ms_buf_check(out, err);
}
