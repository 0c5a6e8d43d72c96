/* Groups of devices, and waivers. */
#include <stdlib.h>
#include <string.h>

#include "policy/compile_int.h"

static enum ms_rc
sorted_list(struct ms_yaml_node *n, size_t max, struct ms_policy_names *to, struct ms_err *err)
{
	enum ms_rc rc = ms_compile_list(n, MS_POLICY_NAMES_MAX, max, NULL, to, err);
	ms_compile_sort(to);
	return rc;
}

static enum ms_rc
group_devices(MS_UNUSED struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	return sorted_list(n, MS_POLICY_ID_MAX, &((struct ms_policy_group *)to)->devices, err);
}

static enum ms_rc
group_batches(MS_UNUSED struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	return sorted_list(n, MS_POLICY_ID_MAX, &((struct ms_policy_group *)to)->batches, err);
}

static enum ms_rc
group_models(MS_UNUSED struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	return sorted_list(n, MS_REFERENCE_MODEL_MAX, &((struct ms_policy_group *)to)->models, err);
}

static const struct ms_compile_key group_keys[] = {{"devices", group_devices}, {"batches", group_batches}, {"models", group_models}};
const struct ms_compile_map ms_compile_group_map = MS_COMPILE_MAP("groups.*", group_keys);

static enum ms_rc
read_group(struct ms_compile *c, struct ms_yaml_node *n, struct ms_err *err)
{
	struct ms_span name = ms_span_str(ms_yaml_key(n));
	if (!ms_name_ok(name, MS_POLICY_NAME_MAX))
		return ms_yaml_fail(n, err, MS_ERR_USAGE, "a group's name is 1 to %u of [a-z0-9._-]", MS_POLICY_NAME_MAX);
	for (size_t i = 0; i < c->p->set.groups; i++)
		if (ms_span_eq(c->p->groups[i].name, name))
			return ms_yaml_fail(n, err, MS_ERR_USAGE, "another file has this group, in its line %u", ms_yaml_line(c->group[i]));
	if (c->p->set.groups == MS_POLICY_GROUPS_MAX)
		return ms_yaml_fail(n, err, MS_ERR_USAGE, "more than %u groups", MS_POLICY_GROUPS_MAX);
	size_t at = c->p->set.groups++;
	struct ms_policy_group *g = &c->p->groups[at];
	c->group[at] = n;
	g->name = name;
	enum ms_rc rc = ms_compile_map(c, n, &ms_compile_group_map, g, err);
	if (rc == MS_OK && g->devices.n + g->batches.n + g->models.n == 0)
		return ms_yaml_fail(n, err, MS_ERR_USAGE, "devices, batches or models: an empty group is never \"any\"");
	return rc;
}

enum ms_rc
ms_compile_groups(struct ms_compile *c, struct ms_yaml_node *n, MS_UNUSED void *to, struct ms_err *err)
{
	enum ms_rc rc = ms_yaml_expect(n, MS_YAML_MAP, err);
	for (struct ms_yaml_node *i = rc == MS_OK ? ms_yaml_first(n) : NULL; rc == MS_OK && i != NULL; i = ms_yaml_next(i))
		rc = read_group(c, i, err);
	return rc;
}

static int
by_name(const void *a, const void *b)
{
	return ms_span_cmp(((const struct ms_policy_group *)a)->name, ((const struct ms_policy_group *)b)->name);
}

void
ms_compile_sort_groups(struct ms_compile *c)
{
	if (c->p->set.groups > 1)
		qsort(c->p->groups, c->p->set.groups, sizeof *c->p->groups, by_name);
}

/* ---- waivers ---- */

static enum ms_rc
waiver_name(struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	struct ms_policy_waiver *w = to;
	enum ms_rc rc = ms_compile_name(n, MS_POLICY_NAME_MAX, &w->name, err);
	for (size_t i = 0; rc == MS_OK && i + 1 < c->p->set.waivers; i++)
		if (ms_span_eq(c->p->waivers[i].name, w->name))
			rc = ms_yaml_fail(n, err, MS_ERR_USAGE, "another waiver has the name %s", (const char *)w->name.p);
	return rc;
}

static enum ms_rc
waiver_device(MS_UNUSED struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	return ms_compile_text(n, MS_POLICY_ID_MAX, &((struct ms_policy_waiver *)to)->device, err);
}

static enum ms_rc
waiver_group(MS_UNUSED struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	return ms_compile_name(n, MS_POLICY_NAME_MAX, &((struct ms_policy_waiver *)to)->group, err);
}

static enum ms_rc
check_code(struct ms_yaml_node *n, struct ms_span s, struct ms_err *err)
{
	enum ms_policy_code code = MS_POLICY_NO_POLICY;
	if (ms_policy_code_find(s, &code, NULL) != MS_OK)
		return ms_yaml_fail(
		    n, err, MS_ERR_USAGE, "\"%s\" is no reason of a verdict, such as pcr-mismatch or file-unknown", (const char *)s.p);
	if (!ms_policy_code_waivable(code))
		return ms_yaml_fail(
		    n, err, MS_ERR_USAGE, "%s cannot be waived: there would be nothing left that was judged", (const char *)s.p);
	return MS_OK;
}

static enum ms_rc
waiver_allow(MS_UNUSED struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	struct ms_policy_names names = {.n = 0};
	enum ms_rc rc = ms_compile_list(n, MS_POLICY_CODE_COUNT, 64, check_code, &names, err);
	for (size_t i = 0; rc == MS_OK && i < names.n; i++) {
		enum ms_policy_code code = MS_POLICY_NO_POLICY;
		rc = ms_policy_code_find(names.item[i], &code, err);
		((struct ms_policy_waiver *)to)->codes |= UINT64_C(1) << code;
	}
	free(names.item);
	return rc;
}

static enum ms_rc
sentence(struct ms_yaml_node *n, struct ms_span *to, struct ms_err *err)
{
	enum ms_rc rc = ms_compile_text(n, MS_POLICY_TEXT_MAX, to, err);
	for (size_t i = 0; rc == MS_OK && i < to->len; i++)
		if (to->p[i] < 0x20 || to->p[i] == 0x7f)
			return ms_yaml_fail(n, err, MS_ERR_USAGE, "one line of text is expected");
	return rc;
}

static enum ms_rc
waiver_reason(MS_UNUSED struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	return sentence(n, &((struct ms_policy_waiver *)to)->reason, err);
}

static enum ms_rc
waiver_approver(MS_UNUSED struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	return sentence(n, &((struct ms_policy_waiver *)to)->approver, err);
}

static enum ms_rc
waiver_expires(MS_UNUSED struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	return ms_compile_time(n, &((struct ms_policy_waiver *)to)->expires_s, err);
}

static enum ms_rc
waiver_pcrs(MS_UNUSED struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	return ms_compile_pcrs(n, &((struct ms_policy_waiver *)to)->pcrs, err);
}

static enum ms_rc
waiver_claims(MS_UNUSED struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	return ms_compile_claim_names(n, &((struct ms_policy_waiver *)to)->claims, err);
}

static enum ms_rc
waiver_paths(MS_UNUSED struct ms_compile *c, struct ms_yaml_node *n, void *to, struct ms_err *err)
{
	struct ms_policy_names *paths = &((struct ms_policy_waiver *)to)->paths;
	enum ms_rc rc = ms_compile_list(n, MS_POLICY_PATHS_MAX, MS_REFERENCE_PATH_MAX, ms_compile_path, paths, err);
	ms_compile_sort(paths);
	return rc;
}

static const struct ms_compile_key waiver_keys[] = {{"name", waiver_name}, {"device", waiver_device}, {"group", waiver_group},
    {"allow", waiver_allow}, {"reason", waiver_reason}, {"approver", waiver_approver}, {"expires", waiver_expires}, {"pcrs", waiver_pcrs},
    {"claims", waiver_claims}, {"paths", waiver_paths}};
const struct ms_compile_map ms_compile_waiver_map = MS_COMPILE_MAP("waivers", waiver_keys);

static enum ms_rc
read_waiver(struct ms_compile *c, struct ms_yaml_node *n, struct ms_err *err)
{
	static const char *const needed[] = {"name", "allow", "reason", "approver", "expires"};
	enum ms_rc rc = ms_yaml_expect(n, MS_YAML_MAP, err);
	for (size_t i = 0; rc == MS_OK && i < sizeof needed / sizeof *needed; i++)
		if (ms_yaml_get(n, needed[i]) == NULL)
			rc = ms_yaml_fail(n, err, MS_ERR_USAGE, "%s is missing", needed[i]);
	if (rc == MS_OK && (ms_yaml_get(n, "device") == NULL) == (ms_yaml_get(n, "group") == NULL))
		rc = ms_yaml_fail(n, err, MS_ERR_USAGE, "either device or group: a waiver is never for all");
	if (rc == MS_OK && c->p->set.waivers == MS_POLICY_WAIVERS_MAX)
		rc = ms_yaml_fail(n, err, MS_ERR_USAGE, "more than %u waivers", MS_POLICY_WAIVERS_MAX);
	if (rc != MS_OK)
		return rc;
	size_t at = c->p->set.waivers++;
	c->waiver[at] = n;
	return ms_compile_map(c, n, &ms_compile_waiver_map, &c->p->waivers[at], err);
}

enum ms_rc
ms_compile_waivers(struct ms_compile *c, struct ms_yaml_node *n, MS_UNUSED void *to, struct ms_err *err)
{
	enum ms_rc rc = ms_yaml_expect(n, MS_YAML_LIST, err);
	for (struct ms_yaml_node *i = rc == MS_OK ? ms_yaml_first(n) : NULL; rc == MS_OK && i != NULL; i = ms_yaml_next(i))
		rc = read_waiver(c, i, err);
	return rc;
}
