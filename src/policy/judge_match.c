/* Which rule is the device's, in which groups it is, which waivers are open for it. */
#include "policy/policy_int.h"

#define ARG(s) (int)(s).len, (const char *)(s).p

/* A device without a batch or a model is in no list of them: no name in a list is empty. */
static bool
in_group(const struct ms_policy_group *g, const struct ms_policy_device *d)
{
	return ms_policy_names_has(&g->devices, d->device) || ms_policy_names_has(&g->batches, d->batch) ||
	       ms_policy_names_has(&g->models, d->model);
}

static bool
waiver_is_for(const struct ms_judgement *j, const struct ms_policy_waiver *w)
{
	if (w->device.len > 0)
		return ms_span_eq(w->device, j->in->device.device);
	for (size_t i = 0; i < j->in->policy->set.groups; i++)
		if (ms_span_eq(j->in->policy->groups[i].name, w->group))
			return (j->groups >> i & 1) != 0;
	return false;
}

void
ms_judge_device(struct ms_judgement *j)
{
	const struct ms_policy *p = j->in->policy;
	for (size_t i = 0; i < p->set.groups; i++)
		j->groups |= in_group(&p->groups[i], &j->in->device) ? UINT64_C(1) << i : 0;
	for (size_t i = 0; i < p->set.waivers; i++) {
		const struct ms_policy_waiver *w = &p->waivers[i];
		if (!waiver_is_for(j, w))
			continue;
		/* a caller that does not know the time has no waivers */
		bool open = j->in->now_s != 0 && j->in->now_s < w->expires_s;
		ms_judge_step(
		    j, MS_STEP_INFO, "waiver", "waiver %.*s is for this device%s", ARG(w->name), open ? "" : ", but it has expired");
		if (open)
			j->waiver[j->n_waivers++] = (uint16_t)i;
	}
}

/* The first kind of match that does not hold; NULL: all do. */
static const char *
mismatch(const struct ms_judgement *j, const struct ms_policy_rule *r)
{
	const struct ms_policy_device *d = &j->in->device;
	bool model = r->models.n == 0, group = r->groups.n == 0;
	if (r->all)
		return NULL;
	for (size_t i = 0; i < r->models.n && !model; i++)
		model = ms_span_eq(r->models.item[i], d->model);
	for (size_t i = 0; i < j->in->policy->set.groups && !group; i++)
		group = (j->groups >> i & 1) != 0 && ms_policy_names_has(&r->groups, j->in->policy->groups[i].name);
	if (!model)
		return "model";
	if (!group)
		return "groups";
	if (r->batches.n > 0 && !ms_policy_names_has(&r->batches, d->batch))
		return "batch";
	if (r->devices.n > 0 && !ms_policy_names_has(&r->devices, d->device))
		return "device";
	if (r->tenants.n > 0 && !ms_policy_names_has(&r->tenants, d->tenant))
		return "tenant";
	return NULL;
}

const struct ms_policy_rule *
ms_judge_find_rule(struct ms_judgement *j)
{
	for (size_t i = 0; i < j->in->policy->set.rules; i++) {
		const struct ms_policy_rule *r = &j->in->policy->rules[i];
		const char *no = mismatch(j, r);
		bool model_only = r->groups.n + r->batches.n + r->devices.n + r->tenants.n == 0;
		j->rule = r; /* that the step is about */
		if (model_only)
			ms_judge_step(j, MS_STEP_INFO, "match", "rule %.*s: %s model %.*s", ARG(r->name),
			    no == NULL ? "matches" : "does not match", ARG(j->in->device.model));
		else
			ms_judge_step(j, MS_STEP_INFO, "match", "rule %.*s: %s%s%s", ARG(r->name),
			    no == NULL ? "matches" : "does not match", no == NULL ? "" : " by its ", no == NULL ? "" : no);
		if (no == NULL)
			return r;
	}
	j->rule = NULL;
	return NULL;
}

bool
ms_judge_path_in(const struct ms_policy_names *sorted, struct ms_span path)
{
	if (sorted->n == 0)
		return false;
	if (ms_policy_names_has(sorted, path))
		return true;
	for (size_t i = 1; i < path.len; i++) /* each directory above it */
		if (path.p[i] == '/' && ms_policy_names_has(sorted, ms_span(path.p, i + 1)))
			return true;
	return false;
}

bool
ms_judge_open(const struct ms_policy_input *in, const struct ms_policy_uses *list, const struct ms_policy_use *u)
{
	if (u->window == MS_WINDOW_NONE)
		return true;
	if (u->window == MS_WINDOW_DATE)
		return in->now_s != 0 && in->now_s < u->until_s;
	for (size_t i = 0; i < list->n; i++) /* moved: the device passed with another set of this list since */
		if (&list->item[i] != u && ms_span_eq(list->item[i].name, in->last_reference))
			return false;
	return true;
}
