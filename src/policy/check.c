/* Warnings for the author of a policy. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "policy/policy_int.h"

#define DAY_S UINT64_C(86400)
#define SOON_S (14 * DAY_S)
#define LONG_S (366 * DAY_S)
#define ARG(s) (int)(s).len, (const char *)(s).p

struct check {
	const struct ms_policy *p;
	const struct ms_policy_known *known; /* never NULL */
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

/* ---- rules that others take the devices of ---- */

static bool
only_models(const struct ms_policy_rule *r)
{
	return r->groups.n + r->batches.n + r->devices.n + r->tenants.n == 0;
}

/* The first rule before `before` that takes every device of this model. */
static const struct ms_policy_rule *
taken_by(const struct check *c, size_t before, struct ms_span model)
{
	for (size_t i = 0; i < before; i++) {
		const struct ms_policy_rule *r = &c->p->rules[i];
		if (r->all)
			return r;
		for (size_t k = 0; only_models(r) && k < r->models.n; k++)
			if (ms_span_eq(r->models.item[k], model))
				return r;
	}
	return NULL;
}

/* Each name of a is in b; an empty b takes every name. */
static bool
within(const struct ms_policy_names *a, const struct ms_policy_names *b)
{
	for (size_t i = 0; i < a->n; i++) {
		bool found = false;
		for (size_t k = 0; k < b->n && !found; k++)
			found = ms_span_eq(a->item[i], b->item[k]);
		if (b->n > 0 && !found)
			return false;
	}
	return a->n > 0 || b->n == 0;
}

/* Every device that r matches, `by` matches too, as far as the lists say. */
static bool
covers(const struct ms_policy_rule *by, const struct ms_policy_rule *r)
{
	return !r->all && within(&r->models, &by->models) && within(&r->groups, &by->groups) && within(&r->batches, &by->batches) &&
	       within(&r->devices, &by->devices) && within(&r->tenants, &by->tenants);
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
	for (size_t k = 0; !only_models(r) && k < i; k++)
		if (covers(&c->p->rules[k], r)) {
			warning(c, "rule %.*s is never reached: rule %.*s before it matches its devices", ARG(r->name),
			    ARG(c->p->rules[k].name));
			return;
		}
	for (size_t k = 0; k < r->models.n; k++) {
		by = taken_by(c, i, r->models.item[k]);
		if (by != NULL)
			warning(c, "rule %.*s: model %.*s is taken by rule %.*s before it", ARG(r->name), ARG(r->models.item[k]),
			    ARG(by->name));
	}
}

/* ---- names that nobody knows ---- */

static void
unknown(struct check *c, const struct ms_policy_names *names, bool (*knows)(void *ctx, struct ms_span name), const char *where,
    struct ms_span of, const char *what)
{
	for (size_t k = 0; knows != NULL && k < names->n; k++)
		if (!knows(c->known->ctx, names->item[k]))
			warning(c, "%s %.*s: no device and no batch is of %s %.*s", where, ARG(of), what, ARG(names->item[k]));
}

static void
check_names(struct check *c, const struct ms_policy_rule *r)
{
	unknown(c, &r->models, c->known->model, "rule", r->name, "model");
	for (size_t k = 0; c->known->device != NULL && k < r->devices.n; k++)
		if (!c->known->device(c->known->ctx, r->devices.item[k]))
			warning(c, "rule %.*s: there is no device %.*s", ARG(r->name), ARG(r->devices.item[k]));
	for (size_t k = 0; c->known->batch != NULL && k < r->batches.n; k++)
		if (!c->known->batch(c->known->ctx, r->batches.item[k]))
			warning(c, "rule %.*s: there is no batch %.*s", ARG(r->name), ARG(r->batches.item[k]));
}

static void
check_groups(struct check *c)
{
	for (size_t i = 0; i < c->p->set.groups; i++) {
		const struct ms_policy_group *g = &c->p->groups[i];
		bool used = false;
		for (size_t k = 0; k < c->p->set.rules && !used; k++)
			used = ms_policy_names_has(&c->p->rules[k].groups, g->name);
		for (size_t k = 0; k < c->p->set.waivers && !used; k++)
			used = ms_span_eq(c->p->waivers[k].group, g->name);
		if (!used)
			warning(c, "group %.*s is used by no rule and no waiver", ARG(g->name));
		unknown(c, &g->models, c->known->model, "group", g->name, "model");
		for (size_t k = 0; c->known->device != NULL && k < g->devices.n; k++)
			if (!c->known->device(c->known->ctx, g->devices.item[k]))
				warning(c, "group %.*s: there is no device %.*s", ARG(g->name), ARG(g->devices.item[k]));
		for (size_t k = 0; c->known->batch != NULL && k < g->batches.n; k++)
			if (!c->known->batch(c->known->ctx, g->batches.item[k]))
				warning(c, "group %.*s: there is no batch %.*s", ARG(g->name), ARG(g->batches.item[k]));
	}
}

/* ---- reference sets ---- */

enum kind { OF_PCRS, OF_EVENTS, OF_FILES };

static void
check_content(struct check *c, const struct ms_policy_rule *r, const struct ms_reference *ref, enum kind kind)
{
	char text[MS_POLICY_PCRS_TEXT] = "";
	if (kind == OF_PCRS)
		ms_policy_pcrs_text(r->pcrs & ~ms_reference_mask(ref), text);
	if (kind == OF_EVENTS)
		ms_policy_pcrs_text(r->event_pcrs & ~ms_reference_event_mask(ref), text);
	if (text[0] != '\0')
		warning(c, "rule %.*s: reference set %s has no %s of PCR %s", ARG(r->name), ref->name, kind == OF_PCRS ? "value" : "event",
		    text);
	if (kind == OF_FILES && ms_reference_n_files(ref) + ms_reference_n_keys(ref) == 0)
		warning(c, "rule %.*s: reference set %s has no file and no key", ARG(r->name), ref->name);
	bool fits = r->models.n == 0;
	for (size_t i = 0; i < r->models.n && !fits; i++)
		fits = ms_reference_for_model(ref, r->models.item[i]);
	if (!fits)
		warning(
		    c, "rule %.*s: reference set %s is of model %s, which the rule does not match", ARG(r->name), ref->name, ref->model);
}

static void
check_uses(struct check *c, const struct ms_policy_rule *r, const struct ms_policy_uses *uses, enum kind kind)
{
	size_t open = 0;
	for (size_t k = 0; k < uses->n; k++) {
		const struct ms_policy_use *u = &uses->item[k];
		const struct ms_reference *ref = NULL;
		bool closed = u->window == MS_WINDOW_DATE && c->known->now_s != 0 && c->known->now_s >= u->until_s;
		open += !closed;
		if (c->known->reference != NULL && !c->known->reference(c->known->ctx, u->name))
			warning(c, "rule %.*s: there is no reference set %.*s: its devices are denied", ARG(r->name), ARG(u->name));
		else if (c->known->look != NULL && c->known->look(c->known->ctx, u->name, &ref, NULL) == MS_OK)
			check_content(c, r, ref, kind);
		if (closed)
			warning(c, "rule %.*s: the window of reference set %.*s has closed: it accepts nothing any more", ARG(r->name),
			    ARG(u->name));
	}
	if (uses->n > 0 && open == 0)
		warning(c, "rule %.*s: the windows of all its sets have closed: its devices are denied", ARG(r->name));
}

/* ---- what a rule judges, and by what ---- */

static void
check_pcrs(struct check *c, const struct ms_policy_rule *r)
{
	char text[MS_POLICY_PCRS_TEXT];
	ms_policy_pcrs_text(c->p->set.seal_mask & ~(r->pcrs | r->event_pcrs), text);
	if (text[0] != '\0')
		warning(c, "rule %.*s: secrets are sealed to PCR %s, which the rule does not judge", ARG(r->name), text);
	if ((r->pcrs >> MS_POLICY_PCR_IMA & 1) != 0)
		warning(c, "rule %.*s: PCR 10 (IMA) moves with every measured file: equality with a reference rarely holds", ARG(r->name));
	if (r->pcrs == 0 && r->has == 0)
		warning(c, "rule %.*s judges by claims alone: no PCR, no event and no file is compared with a reference", ARG(r->name));
}

/* Claims of the rule that evidence can hold without proof, in one line. */
static void
check_unproven(struct check *c, const struct ms_policy_rule *r)
{
	char names[320] = "";
	size_t at = 0, more = 0;
	for (size_t i = 0; i < r->n_claims; i++) {
		const struct ms_claim_name *name = r->claims[i].claim;
		bool told = false;
		for (size_t k = 0; k < i && !told; k++)
			told = r->claims[k].claim == name;
		if (told || !name->may_be_unproven || ms_policy_names_has(&r->unproven, ms_span_str(name->name)))
			continue;
		if (at + strlen(name->name) + 3 > sizeof names)
			more++;
		else
			at += (size_t)snprintf(names + at, sizeof names - at, "%s%s", at == 0 ? "" : ", ", name->name);
	}
	if (more > 0)
		warning(c,
		    "rule %.*s: %s and %zu more may be unproven on machines whose firmware does not bind them; such machines are denied",
		    ARG(r->name), names, more);
	else if (at > 0)
		warning(c, "rule %.*s: %s may be unproven on machines whose firmware does not bind it; such machines are denied",
		    ARG(r->name), names);
}

static void
check_claims(struct check *c, const struct ms_policy_rule *r)
{
	check_unproven(c, r);
	for (size_t i = 0; i < r->unproven.n; i++) {
		bool used = false;
		for (size_t k = 0; k < r->n_claims && !used; k++)
			used = ms_span_eq(ms_span_str(r->claims[k].claim->name), r->unproven.item[i]);
		if (used)
			warning(c, "rule %.*s: %.*s counts even when nothing proves it: a device can say of it what it wants", ARG(r->name),
			    ARG(r->unproven.item[i]));
		else
			warning(c, "rule %.*s: allow_unproven names %.*s, which the rule does not ask for", ARG(r->name),
			    ARG(r->unproven.item[i]));
	}
}

static void
check_files(struct check *c, const struct ms_policy_rule *r)
{
	if (r->unknown_allowed)
		warning(c, "rule %.*s: files that no set knows are accepted (unknown: allow): a new program is not noticed", ARG(r->name));
	for (size_t i = 0; i < r->exclude.n; i++) {
		static const char *const open[] = {"/tmp/", "/var/tmp/", "/dev/shm/", "/run/user/", "/home/"};
		for (size_t k = 0; k < sizeof open / sizeof *open; k++)
			if (ms_span_eq(r->exclude.item[i], ms_span_str(open[k])))
				warning(c, "rule %.*s: anybody on the machine can write to %s, which is excluded", ARG(r->name), open[k]);
	}
}

static void
check_waivers(struct check *c)
{
	uint64_t now = c->known->now_s;
	char time[MS_POLICY_TIME_TEXT];
	for (size_t i = 0; i < c->p->set.waivers; i++) {
		const struct ms_policy_waiver *w = &c->p->waivers[i];
		ms_policy_time_text(w->expires_s, time);
		if (now != 0 && w->expires_s <= now)
			warning(c, "waiver %.*s expired at %s: it can go", ARG(w->name), time);
		else if (now != 0 && w->expires_s - now <= SOON_S)
			warning(c, "waiver %.*s expires at %s, within 14 days", ARG(w->name), time);
		else if (now != 0 && w->expires_s - now > LONG_S)
			warning(c, "waiver %.*s is open until %s, for more than a year", ARG(w->name), time);
		if (w->device.len > 0 && c->known->device != NULL && !c->known->device(c->known->ctx, w->device))
			warning(c, "waiver %.*s: there is no device %.*s", ARG(w->name), ARG(w->device));
	}
}

size_t
ms_policy_check(const struct ms_policy *p, const struct ms_policy_known *known, ms_policy_warn_fn warn, void *ctx)
{
	static const struct ms_policy_known nothing;
	struct check c = {.p = p, .known = known != NULL ? known : &nothing, .warn = warn, .ctx = ctx};
	char text[MS_POLICY_PCRS_TEXT];
	uint32_t used = p->set.seal_mask | 1;
	bool identity = false;
	for (size_t i = 0; i < p->set.rules; i++) {
		const struct ms_policy_rule *r = &p->rules[i];
		check_shadow(&c, i);
		check_names(&c, r);
		check_uses(&c, r, &r->references, OF_PCRS);
		check_uses(&c, r, &r->event_sets, OF_EVENTS);
		check_uses(&c, r, &r->file_sets, OF_FILES);
		check_pcrs(&c, r);
		check_claims(&c, r);
		check_files(&c, r);
		used |= r->pcrs | r->event_pcrs | ((r->has & MS_RULE_FILES) != 0 ? 1u << MS_POLICY_PCR_IMA : 0);
		identity = identity || r->identity;
	}
	if (p->set.ima_used)
		used |= 1u << MS_POLICY_PCR_IMA;
	ms_policy_pcrs_text(p->set.attest_mask & ~used, text);
	if (text[0] != '\0' && p->set.rules > 0)
		warning(&c, "attest.pcrs: PCR %s is quoted, but no rule judges it", text);
	if (p->set.rules == 0)
		warning(&c, "there is no rule: every device is denied");
	else if (!identity)
		warning(&c, "no rule has identity: true: no device gets a certificate");
	check_groups(&c);
	check_waivers(&c);
	return c.n;
}
