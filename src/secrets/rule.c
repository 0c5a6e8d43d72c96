#include "secrets/rule.h"

#include <string.h>

#define NAMES_MAX 8u
#define NAME_MAX_LEN 64u

bool
ms_secret_path_ok(struct ms_span path)
{
	size_t start = 0, names = 0;
	if (path.len == 0 || path.len > MS_SECRET_PATH_MAX)
		return false;
	for (size_t i = 0; i <= path.len; i++) {
		if (i < path.len && path.p[i] != '/')
			continue;
		if (++names > NAMES_MAX || !ms_name_ok(ms_span(path.p + start, i - start), NAME_MAX_LEN))
			return false;
		start = i + 1;
	}
	return true;
}

/* The value after "key=", or an empty span. */
static struct ms_span
rule_value(struct ms_span rule, const char *key)
{
	size_t n = strlen(key);
	if (rule.len <= n || !ms_span_eq(ms_span(rule.p, n), ms_span_str(key)))
		return MS_SPAN_NONE;
	return ms_span(rule.p + n, rule.len - n);
}

static bool
printable(struct ms_span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] < 0x20 || s.p[i] == 0x7f)
			return false;
	return ms_utf8_ok(s);
}

bool
ms_secret_rule_ok(struct ms_span rule)
{
	struct ms_span model = rule_value(rule, "model="), device = rule_value(rule, "device=");
	if (rule.len > MS_SECRET_RULE_MAX)
		return false;
	if (model.len > 0)
		return model.len <= 64 && printable(model);
	return device.len > 0 && device.len <= 80 && ms_name_ok(device, 80);
}

bool
ms_secret_rule_admits(struct ms_span rule, struct ms_span model, struct ms_span device)
{
	if (!ms_secret_rule_ok(rule))
		return false;
	struct ms_span want = rule_value(rule, "model=");
	if (want.len > 0)
		return ms_span_eq(want, model);
	return ms_span_eq(rule_value(rule, "device="), device);
}
