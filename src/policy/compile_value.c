/* Values of the language: what each must look like, told at its line. */
#include <stdlib.h>
#include <string.h>

#include "policy/compile_int.h"

enum ms_rc
ms_compile_need(struct ms_yaml_node *map, const char *key, enum ms_yaml_type type, struct ms_yaml_node **ret, struct ms_err *err)
{
	struct ms_yaml_node *n = ms_yaml_get(map, key);
	if (n == NULL)
		return ms_yaml_fail(map, err, MS_ERR_USAGE, "%s is missing", key);
	enum ms_rc rc = ms_yaml_expect(n, type, err);
	if (rc == MS_OK)
		*ret = n;
	return rc;
}

enum ms_rc
ms_compile_map(struct ms_compile *c, struct ms_yaml_node *n, const struct ms_compile_map *map, void *to, struct ms_err *err)
{
	enum ms_rc rc = ms_yaml_expect(n, MS_YAML_MAP, err);
	for (size_t i = 0; rc == MS_OK && i < map->n; i++) {
		struct ms_yaml_node *child = ms_yaml_get(n, map->keys[i].key);
		if (child != NULL)
			rc = map->keys[i].read(c, child, to, err);
	}
	return rc;
}

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

enum ms_rc
ms_compile_pcrs(struct ms_yaml_node *n, uint32_t *ret, struct ms_err *err)
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
enum ms_rc
ms_compile_duration(struct ms_yaml_node *n, uint64_t min, uint64_t max, uint64_t *ret, struct ms_err *err)
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

enum ms_rc
ms_compile_name(struct ms_yaml_node *n, size_t max, struct ms_span *ret, struct ms_err *err)
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

enum ms_rc
ms_compile_text(struct ms_yaml_node *n, size_t max, struct ms_span *ret, struct ms_err *err)
{
	const char *text = NULL;
	enum ms_rc rc = ms_yaml_text(n, 1, max, &text, err);
	if (rc == MS_OK)
		*ret = ms_span_str(text);
	return rc;
}

enum ms_rc
ms_compile_time(struct ms_yaml_node *n, uint64_t *ret, struct ms_err *err)
{
	struct ms_span text;
	struct ms_err why = {0};
	enum ms_rc rc = ms_compile_text(n, 64, &text, err);
	if (rc == MS_OK && ms_policy_time_parse(text, ret, &why) != MS_OK)
		return ms_yaml_fail(n, err, MS_ERR_USAGE, "\"%s\" is no time: %s", (const char *)text.p, why.text);
	if (rc == MS_OK && *ret == 0)
		return ms_yaml_fail(n, err, MS_ERR_USAGE, "1970-01-01 is no time of a policy");
	return rc;
}

enum ms_rc
ms_compile_list(struct ms_yaml_node *n, size_t max_n, size_t max,
    enum ms_rc (*check)(struct ms_yaml_node *n, struct ms_span s, struct ms_err *err), struct ms_policy_names *ret, struct ms_err *err)
{
	enum ms_rc rc = ms_yaml_expect(n, MS_YAML_LIST, err);
	size_t count = rc == MS_OK ? ms_yaml_count(n) : 0;
	if (rc == MS_OK && (count == 0 || count > max_n))
		return ms_yaml_fail(n, err, MS_ERR_USAGE, "1 to %zu of them: an empty list is never \"any\"", max_n);
	if (rc != MS_OK)
		return rc;
	ret->item = calloc(count, sizeof *ret->item); /* whoever holds *ret frees it, whatever this returns */
	if (ret->item == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "policy");
	for (struct ms_yaml_node *i = ms_yaml_first(n); rc == MS_OK && i != NULL; i = ms_yaml_next(i)) {
		struct ms_span s = MS_SPAN_NONE;
		rc = ms_compile_text(i, max, &s, err);
		if (rc == MS_OK && check != NULL)
			rc = check(i, s, err);
		for (size_t k = 0; rc == MS_OK && k < ret->n; k++)
			if (ms_span_eq(ret->item[k], s))
				rc = ms_yaml_fail(i, err, MS_ERR_USAGE, "%s is there twice", (const char *)s.p);
		if (rc == MS_OK)
			ret->item[ret->n++] = s;
	}
	return rc;
}

static int
by_bytes(const void *a, const void *b)
{
	return ms_span_cmp(*(const struct ms_span *)a, *(const struct ms_span *)b);
}

void
ms_compile_sort(struct ms_policy_names *n)
{
	if (n->n > 1)
		qsort(n->item, n->n, sizeof *n->item, by_bytes);
}

enum ms_rc
ms_compile_hex(struct ms_compile *c, struct ms_yaml_node *n, size_t min, size_t max, struct ms_span *ret, struct ms_err *err)
{
	struct ms_span text = MS_SPAN_NONE;
	enum ms_rc rc = ms_compile_text(n, 2 * max, &text, err);
	if (rc != MS_OK)
		return rc;
	uint8_t *own = malloc(text.len / 2 + 1);
	uint8_t **more = own == NULL ? NULL : reallocarray(c->owned, c->n_owned + 1, sizeof *more);
	if (more == NULL) {
		free(own);
		return ms_fail(err, MS_ERR_NOMEM, "policy");
	}
	c->owned = more;
	c->owned[c->n_owned++] = own;
	if (text.len % 2 != 0 || text.len / 2 < min || ms_unhex((const char *)text.p, text.len, own, text.len / 2) != MS_OK) {
		if (min == max)
			return ms_yaml_fail(n, err, MS_ERR_USAGE, "%zu hex digits are expected", 2 * min);
		return ms_yaml_fail(n, err, MS_ERR_USAGE, "bytes are written as hex digits, two for each");
	}
	*ret = ms_span(own, text.len / 2);
	return MS_OK;
}

enum ms_rc
ms_compile_path(struct ms_yaml_node *n, struct ms_span s, struct ms_err *err)
{
	if (ms_policy_path_ok(s))
		return MS_OK;
	return ms_yaml_fail(n, err, MS_ERR_USAGE,
	    "\"%s\" is no path: absolute, below the root, without \".\", \"..\" and \"//\"; /x/ is all under /x", (const char *)s.p);
}

enum ms_rc
ms_compile_word(struct ms_yaml_node *n, const char *const *words, unsigned *ret, struct ms_err *err)
{
	struct ms_span text = MS_SPAN_NONE;
	char all[128] = "";
	enum ms_rc rc = ms_compile_text(n, 64, &text, err);
	if (rc != MS_OK)
		return rc;
	size_t at = 0;
	for (unsigned i = 0; words[i] != NULL; i++) {
		if (ms_span_eq(text, ms_span_str(words[i]))) {
			*ret = i;
			return MS_OK;
		}
		const char *join = i == 0 ? "" : words[i + 1] == NULL ? " or " : ", ";
		size_t len = strlen(join) + strlen(words[i]);
		if (at + len + 1 > sizeof all)
			continue;
		memcpy(all + at, join, strlen(join));
		memcpy(all + at + strlen(join), words[i], strlen(words[i]) + 1);
		at += len;
	}
	return ms_yaml_fail(n, err, MS_ERR_USAGE, "\"%s\": %s", (const char *)text.p, all);
}
