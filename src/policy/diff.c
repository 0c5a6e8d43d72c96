#include "policy/diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/yaml.h"

#define PRINT_MAX (4u << 20)
#define PATH_MAX_LEN 256u

struct place {
	char label[PATH_MAX_LEN]; /* "rule laptops: " or "" */
	char path[PATH_MAX_LEN];  /* "require.pcrs" */
	char section[32], name[MS_POLICY_NAME_MAX + 1];
};
struct diff {
	ms_policy_diff_fn fn;
	void *ctx;
};

const char *
ms_policy_diff_kind_name(enum ms_policy_diff_kind k)
{
	static const char *const names[] = {"added", "removed", "changed", "moved"};
	return (unsigned)k < sizeof names / sizeof *names ? names[k] : "changed";
}

/* ---- a node as one line of text ---- */

static const char *
scalar(struct ms_yaml_node *n)
{
	const char *s = "";
	return ms_yaml_type(n) == MS_YAML_SCALAR && ms_yaml_text(n, 0, MS_YAML_SIZE_MAX, &s, NULL) == MS_OK ? s : "";
}

/* Recursion ends at the depth that the YAML reader allows. */
static void
put_flow(struct ms_buf *b, struct ms_yaml_node *n)
{
	if (ms_yaml_type(n) == MS_YAML_SCALAR) {
		ms_buf_str(b, scalar(n));
		return;
	}
	bool map = ms_yaml_type(n) == MS_YAML_MAP;
	ms_buf_u8(b, map ? '{' : '[');
	for (struct ms_yaml_node *i = ms_yaml_first(n); i != NULL; i = ms_yaml_next(i)) {
		if (map)
			ms_buf_fmt(b, "%s: ", ms_yaml_key(i));
		put_flow(b, i);
		if (ms_yaml_next(i) != NULL)
			ms_buf_str(b, ", ");
	}
	ms_buf_u8(b, map ? '}' : ']');
}

static void
flow(struct ms_yaml_node *n, char *out, size_t size)
{
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	ms_buf_init(&b, PRINT_MAX);
	put_flow(&b, n);
	(void)snprintf(out, size, "%.*s", (int)(b.len < size ? b.len : size), b.p == NULL ? "" : (const char *)b.p);
	if (b.len >= size && size > 4)
		memcpy(out + size - 4, "...", 4);
}

static bool
same(struct ms_yaml_node *a, struct ms_yaml_node *b)
{
	MS_OWN(ms_buf_fini) struct ms_buf x = {0};
	MS_OWN(ms_buf_fini) struct ms_buf y = {0};
	ms_buf_init(&x, PRINT_MAX);
	ms_buf_init(&y, PRINT_MAX);
	put_flow(&x, a);
	put_flow(&y, b);
	return !x.bad && !y.bad && ms_span_eq(ms_buf_span(&x), ms_buf_span(&y));
}

/* ---- telling ---- */

static void
tell(struct diff *d, const struct place *p, enum ms_policy_diff_kind kind, const char *text)
{
	char where[2 * PATH_MAX_LEN + 4];
	(void)snprintf(where, sizeof where, "%s%s%s", p->label, p->label[0] != '\0' && p->path[0] != '\0' ? ": " : "", p->path);
	struct ms_policy_difference x = {.kind = kind, .where = where, .section = p->section, .name = p->name, .text = text};
	d->fn(d->ctx, &x);
}

static void
tell_node(struct diff *d, const struct place *p, enum ms_policy_diff_kind kind, struct ms_yaml_node *n)
{
	char text[MS_POLICY_DIFF_TEXT_MAX];
	flow(n, text, sizeof text);
	tell(d, p, kind, text);
}

static struct place
below(const struct place *p, const char *key)
{
	struct place q = *p;
	size_t n = strlen(q.path);
	(void)snprintf(q.path + n, sizeof q.path - n, "%s%.100s", n > 0 ? "." : "", key);
	if (q.section[0] == '\0')
		(void)snprintf(q.section, sizeof q.section, "%.31s", key);
	return q;
}

/* ---- lists ---- */

static bool
list_has(struct ms_yaml_node *list, struct ms_yaml_node *item)
{
	for (struct ms_yaml_node *i = ms_yaml_first(list); i != NULL; i = ms_yaml_next(i))
		if (same(i, item))
			return true;
	return false;
}

static void
put_missing(struct ms_buf *b, const char *verb, struct ms_yaml_node *in, struct ms_yaml_node *from)
{
	bool first = true;
	for (struct ms_yaml_node *i = ms_yaml_first(in); i != NULL; i = ms_yaml_next(i)) {
		if (list_has(from, i))
			continue;
		ms_buf_fmt(b, "%s%s", first ? (b->len > 0 ? "; " : "") : ", ", first ? verb : "");
		put_flow(b, i);
		first = false;
	}
}

/* Lists of plain values: what came and what went; the same values in another order is a change by itself. */
static void
diff_values(struct diff *d, const struct place *p, struct ms_yaml_node *a, struct ms_yaml_node *b)
{
	char text[MS_POLICY_DIFF_TEXT_MAX];
	MS_OWN(ms_buf_fini) struct ms_buf t = {0};
	ms_buf_init(&t, PRINT_MAX);
	put_missing(&t, "adds ", b, a);
	put_missing(&t, "drops ", a, b);
	if (t.len == 0)
		ms_buf_str(&t, "another order");
	(void)snprintf(text, sizeof text, "%.*s", (int)(t.len < sizeof text ? t.len : sizeof text - 1), (const char *)t.p);
	tell(d, p, MS_POLICY_DIFF_CHANGED, text);
}

static struct ms_yaml_node *
named(struct ms_yaml_node *list, const char *name)
{
	for (struct ms_yaml_node *i = ms_yaml_first(list); i != NULL; i = ms_yaml_next(i)) {
		struct ms_yaml_node *n = ms_yaml_get(i, "name");
		if (n != NULL && strcmp(scalar(n), name) == 0)
			return i;
	}
	return NULL;
}

static bool
all_named(struct ms_yaml_node *list)
{
	bool named_maps = true;
	for (struct ms_yaml_node *i = ms_yaml_first(list); i != NULL; i = ms_yaml_next(i))
		named_maps = named_maps && ms_yaml_type(i) == MS_YAML_MAP && ms_yaml_get(i, "name") != NULL;
	return named_maps;
}

/* A thing with a name of its own: "attest.rules" becomes "rule NAME", "waivers" "waiver NAME". */
static struct place
of_named(const struct place *p, const char *name)
{
	const char *key = strrchr(p->path, '.') != NULL ? strrchr(p->path, '.') + 1 : p->path;
	struct place q = {.path = ""};
	size_t n = strlen(key);
	if (p->label[0] != '\0') { /* within a rule: claims and the like stay there */
		q = *p;
		n = strlen(q.path);
		(void)snprintf(q.path + n, sizeof q.path - n, " %.64s", name);
		return q;
	}
	(void)snprintf(q.section, sizeof q.section, "%.*s", (int)(n > 1 && key[n - 1] == 's' ? n - 1 : n), key);
	(void)snprintf(q.name, sizeof q.name, "%.64s", name);
	(void)snprintf(q.label, sizeof q.label, "%s %s", q.section, q.name);
	return q;
}

static void diff_maps(struct diff *d, const struct place *p, struct ms_yaml_node *a, struct ms_yaml_node *b);

/* The one before `n` in its list that the other list has, too. */
static const char *
before(struct ms_yaml_node *list, const char *name, struct ms_yaml_node *other)
{
	const char *last = "";
	for (struct ms_yaml_node *i = ms_yaml_first(list); i != NULL; i = ms_yaml_next(i)) {
		const char *s = scalar(ms_yaml_get(i, "name"));
		if (strcmp(s, name) == 0)
			break;
		if (named(other, s) != NULL)
			last = s;
	}
	return last;
}

static void
diff_named(struct diff *d, const struct place *p, struct ms_yaml_node *a, struct ms_yaml_node *b)
{
	char text[200];
	for (struct ms_yaml_node *i = ms_yaml_first(b); i != NULL; i = ms_yaml_next(i)) {
		const char *name = scalar(ms_yaml_get(i, "name"));
		struct ms_yaml_node *old = a == NULL ? NULL : named(a, name);
		struct place q = of_named(p, name);
		if (old == NULL) {
			tell_node(d, &q, MS_POLICY_DIFF_ADDED, i);
			continue;
		}
		diff_maps(d, &q, old, i);
		const char *after = before(b, name, a);
		if (strcmp(before(a, name, b), after) != 0) { /* the first that matches decides, so places matter */
			(void)snprintf(text, sizeof text, after[0] != '\0' ? "now comes after %s" : "now comes first%s", after);
			tell(d, &q, MS_POLICY_DIFF_MOVED, text);
		}
	}
	for (struct ms_yaml_node *i = a == NULL ? NULL : ms_yaml_first(a); i != NULL; i = ms_yaml_next(i)) {
		const char *name = scalar(ms_yaml_get(i, "name"));
		struct place q = of_named(p, name);
		if (named(b, name) == NULL)
			tell_node(d, &q, MS_POLICY_DIFF_REMOVED, i);
	}
}

/* ---- maps ---- */

/* groups: {canary: {...}}: each is a thing with a name. */
static struct place
of_key(const struct place *p, const char *key)
{
	return strcmp(p->path, "groups") == 0 && p->label[0] == '\0' ? of_named(p, key) : below(p, key);
}

static bool
is_named_list(struct ms_yaml_node *n)
{
	return ms_yaml_type(n) == MS_YAML_LIST && ms_yaml_count(n) > 0 && all_named(n);
}

static void
diff_nodes(struct diff *d, const struct place *p, struct ms_yaml_node *a, struct ms_yaml_node *b)
{
	char from[MS_POLICY_DIFF_TEXT_MAX / 2 - 8], to[sizeof from], text[MS_POLICY_DIFF_TEXT_MAX];
	if (same(a, b))
		return;
	bool lists = ms_yaml_type(a) == MS_YAML_LIST && ms_yaml_type(b) == MS_YAML_LIST;
	if (ms_yaml_type(a) == MS_YAML_MAP && ms_yaml_type(b) == MS_YAML_MAP) {
		diff_maps(d, p, a, b);
	} else if (lists && (is_named_list(a) || is_named_list(b)) && all_named(a) && all_named(b)) {
		diff_named(d, p, a, b);
	} else if (lists) {
		diff_values(d, p, a, b);
	} else {
		flow(a, from, sizeof from);
		flow(b, to, sizeof to);
		(void)snprintf(text, sizeof text, "%s -> %s", from, to);
		tell(d, p, MS_POLICY_DIFF_CHANGED, text);
	}
}

/* Recursion as deep as the YAML reader allows. */
static void
diff_maps(struct diff *d, const struct place *p, struct ms_yaml_node *a, struct ms_yaml_node *b)
{
	for (struct ms_yaml_node *i = ms_yaml_first(b); i != NULL; i = ms_yaml_next(i)) {
		struct ms_yaml_node *old = a == NULL ? NULL : ms_yaml_get(a, ms_yaml_key(i));
		struct place q = of_key(p, ms_yaml_key(i));
		if (old != NULL)
			diff_nodes(d, &q, old, i);
		else if (a == NULL && ms_yaml_type(i) == MS_YAML_MAP)
			diff_maps(d, &q, NULL, i);
		else if (is_named_list(i))
			diff_named(d, &q, NULL, i);
		else if (ms_yaml_count(i) > 0 || ms_yaml_type(i) == MS_YAML_SCALAR)
			tell_node(d, &q, MS_POLICY_DIFF_ADDED, i);
	}
	for (struct ms_yaml_node *i = a == NULL ? NULL : ms_yaml_first(a); i != NULL; i = ms_yaml_next(i))
		if (ms_yaml_get(b, ms_yaml_key(i)) == NULL) {
			struct place q = of_key(p, ms_yaml_key(i));
			tell_node(d, &q, MS_POLICY_DIFF_REMOVED, i);
		}
}

static enum ms_rc
as_yaml(const struct ms_policy *p, struct ms_yaml **ret, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	ms_buf_init(&b, PRINT_MAX);
	enum ms_rc rc = ms_policy_print(p, &b, err);
	return rc == MS_OK ? ms_yaml_load("policy", ms_buf_span(&b), ret, err) : rc;
}

enum ms_rc
ms_policy_diff(const struct ms_policy *from, const struct ms_policy *to, ms_policy_diff_fn fn, void *ctx, struct ms_err *err)
{
	MS_OWN(ms_yaml_free) struct ms_yaml *a = NULL, *b = NULL;
	enum ms_rc rc = from == NULL ? MS_OK : as_yaml(from, &a, err);
	if (rc == MS_OK)
		rc = as_yaml(to, &b, err);
	if (rc != MS_OK)
		return rc;
	struct diff d = {.fn = fn, .ctx = ctx};
	struct place top = {.path = ""};
	diff_maps(&d, &top, a == NULL ? NULL : ms_yaml_root(a), ms_yaml_root(b));
	return MS_OK;
}

/* ---- who names a set ---- */

static bool
is_item(struct ms_yaml_node *n, const char *name)
{
	struct ms_yaml_node *inner = ms_yaml_type(n) == MS_YAML_MAP ? ms_yaml_get(n, "name") : n;
	return inner != NULL && strcmp(scalar(inner), name) == 0;
}

/* Recursion as deep as the YAML reader allows. */
static bool
names(struct ms_yaml_node *n, const char *reference)
{
	bool hit = false;
	for (struct ms_yaml_node *i = ms_yaml_first(n); i != NULL && !hit; i = ms_yaml_next(i)) {
		if (ms_yaml_type(n) == MS_YAML_LIST && strcmp(ms_yaml_key(n), "references") == 0)
			hit = is_item(i, reference);
		else
			hit = names(i, reference);
	}
	return hit;
}

static enum ms_rc
each_rule(const struct ms_policy *p, const char *reference, ms_policy_rule_fn fn, void *ctx, struct ms_err *err)
{
	MS_OWN(ms_yaml_free) struct ms_yaml *y = NULL;
	enum ms_rc rc = as_yaml(p, &y, err);
	if (rc != MS_OK)
		return rc;
	struct ms_yaml_node *rules = ms_yaml_get_path(ms_yaml_root(y), "attest.rules");
	for (struct ms_yaml_node *i = rules == NULL ? NULL : ms_yaml_first(rules); i != NULL; i = ms_yaml_next(i)) {
		struct ms_yaml_node *template = ms_yaml_get(i, "template");
		bool can_match = template == NULL || strcmp(scalar(template), "true") != 0;
		if (reference == NULL ? can_match : names(i, reference))
			fn(ctx, scalar(ms_yaml_get(i, "name")));
	}
	return MS_OK;
}

enum ms_rc
ms_policy_rules(const struct ms_policy *p, ms_policy_rule_fn fn, void *ctx, struct ms_err *err)
{
	return each_rule(p, NULL, fn, ctx, err);
}

enum ms_rc
ms_policy_rules_naming(const struct ms_policy *p, const char *reference, ms_policy_rule_fn fn, void *ctx, struct ms_err *err)
{
	return each_rule(p, reference, fn, ctx, err);
}
