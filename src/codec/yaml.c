#include "codec/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define KEYS_MAX 4096u /* of one map: they are compared one by one */

struct ms_yaml_node {
	struct ms_yaml *doc;
	struct ms_yaml_node *parent, *next, *first, *last;
	enum ms_yaml_type type;
	bool plain, used;
	unsigned line, depth;
	size_t count, len;
	char *key;  /* of a child of a map; NULL else */
	char *text; /* of a scalar */
};
struct ms_yaml {
	char *file;
	struct ms_yaml_node *root;
	size_t n_nodes;
};
/* A parse under way: `at` is the open list or map, `key` the key whose value comes next. */
struct loader {
	yaml_parser_t parser;
	struct ms_yaml *y;
	struct ms_yaml_node *at;
	char *key;
	bool document, done;
};

static void
node_free(struct ms_yaml_node *n)
{
	free(n->key);
	free(n->text);
	free(n);
}

void
ms_yaml_free(struct ms_yaml *y)
{
	if (y == NULL)
		return;
	/* children first, without recursion: each step goes down, along or up */
	for (struct ms_yaml_node *n = y->root; n != NULL;) {
		struct ms_yaml_node *down = n->first;
		if (down != NULL) {
			n->first = down->next;
			n = down;
			continue;
		}
		struct ms_yaml_node *up = n->parent;
		node_free(n);
		n = up;
	}
	free(y->file);
	free(y);
}

static enum ms_rc
fail_at(const struct loader *l, const yaml_mark_t *m, struct ms_err *err, enum ms_rc rc, const char *what)
{
	return ms_fail(err, rc, "%s:%zu: %s%s%s", l->y->file, m->line + 1, l->key != NULL ? l->key : "", l->key != NULL ? ": " : "", what);
}

static bool
key_taken(const struct ms_yaml_node *map, const char *key)
{
	for (const struct ms_yaml_node *n = map->first; n != NULL; n = n->next)
		if (strcmp(n->key, key) == 0)
			return true;
	return false;
}

/* A new node under l->at; takes l->key. */
static enum ms_rc
add_node(struct loader *l, const yaml_event_t *e, enum ms_yaml_type type, struct ms_yaml_node **ret, struct ms_err *err)
{
	const yaml_mark_t *m = &e->start_mark;
	if (l->y->n_nodes >= MS_YAML_NODES_MAX)
		return fail_at(l, m, err, MS_ERR_TOO_BIG, "too many values");
	if (l->at != NULL && l->at->depth + 1 > MS_YAML_DEPTH_MAX)
		return fail_at(l, m, err, MS_ERR_TOO_BIG, "nested too deep");
	struct ms_yaml_node *n = calloc(1, sizeof *n);
	if (n == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "yaml");
	*n = (struct ms_yaml_node){.doc = l->y, .parent = l->at, .type = type, .line = (unsigned)m->line + 1, .key = l->key};
	l->key = NULL;
	l->y->n_nodes++;
	if (l->at == NULL) {
		l->y->root = n;
	} else {
		n->depth = l->at->depth + 1;
		if (l->at->last != NULL)
			l->at->last->next = n;
		else
			l->at->first = n;
		l->at->last = n;
		l->at->count++;
	}
	*ret = n;
	return MS_OK;
}

static enum ms_rc
take_key(struct loader *l, const yaml_event_t *e, struct ms_err *err)
{
	const char *s = (const char *)e->data.scalar.value;
	size_t len = e->data.scalar.length;
	if (len == 0 || len > MS_YAML_KEY_MAX || !ms_utf8_ok(ms_span(s, len)))
		return fail_at(l, &e->start_mark, err, MS_ERR_MALFORMED, "a key is 1 to 128 bytes of text");
	if (e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE && e->data.scalar.style != YAML_DOUBLE_QUOTED_SCALAR_STYLE &&
	    e->data.scalar.style != YAML_SINGLE_QUOTED_SCALAR_STYLE)
		return fail_at(l, &e->start_mark, err, MS_ERR_MALFORMED, "a key is one line");
	if (strcmp(s, "<<") == 0)
		return fail_at(l, &e->start_mark, err, MS_ERR_MALFORMED, "merge keys are not taken");
	if (l->at->count >= KEYS_MAX)
		return fail_at(l, &e->start_mark, err, MS_ERR_TOO_BIG, "too many keys in one map");
	l->key = strdup(s);
	if (l->key == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "yaml");
	return key_taken(l->at, l->key) ? fail_at(l, &e->start_mark, err, MS_ERR_MALFORMED, "key is there twice") : MS_OK;
}

static enum ms_rc
on_scalar(struct loader *l, const yaml_event_t *e, struct ms_err *err)
{
	struct ms_yaml_node *n;
	if (e->data.scalar.anchor != NULL || e->data.scalar.tag != NULL)
		return fail_at(l, &e->start_mark, err, MS_ERR_MALFORMED, "anchors and tags are not taken");
	if (l->at == NULL)
		return fail_at(l, &e->start_mark, err, MS_ERR_MALFORMED, "the document is not a map of keys");
	if (l->at->type == MS_YAML_MAP && l->key == NULL)
		return take_key(l, e, err);
	if (!ms_utf8_ok(ms_span(e->data.scalar.value, e->data.scalar.length)))
		return fail_at(l, &e->start_mark, err, MS_ERR_MALFORMED, "not UTF-8 text");
	enum ms_rc rc = add_node(l, e, MS_YAML_SCALAR, &n, err);
	if (rc != MS_OK)
		return rc;
	n->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	n->len = e->data.scalar.length;
	n->text = strndup((const char *)e->data.scalar.value, n->len);
	return n->text != NULL ? MS_OK : ms_fail(err, MS_ERR_NOMEM, "yaml");
}

static enum ms_rc
on_open(struct loader *l, const yaml_event_t *e, enum ms_yaml_type type, struct ms_err *err)
{
	bool map = type == MS_YAML_MAP;
	const void *anchor = map ? e->data.mapping_start.anchor : e->data.sequence_start.anchor;
	const void *tag = map ? e->data.mapping_start.tag : e->data.sequence_start.tag;
	struct ms_yaml_node *n;
	if (anchor != NULL || tag != NULL)
		return fail_at(l, &e->start_mark, err, MS_ERR_MALFORMED, "anchors and tags are not taken");
	if (l->at == NULL && !map)
		return fail_at(l, &e->start_mark, err, MS_ERR_MALFORMED, "the document is not a map of keys");
	if (l->at != NULL && l->at->type == MS_YAML_MAP && l->key == NULL)
		return fail_at(l, &e->start_mark, err, MS_ERR_MALFORMED, "a key is text");
	enum ms_rc rc = add_node(l, e, type, &n, err);
	if (rc == MS_OK)
		l->at = n;
	return rc;
}

static enum ms_rc
on_document(struct loader *l, const yaml_event_t *e, struct ms_err *err)
{
	if (l->document)
		return fail_at(l, &e->start_mark, err, MS_ERR_MALFORMED, "a second document");
	if (e->data.document_start.tag_directives.start != e->data.document_start.tag_directives.end ||
	    e->data.document_start.version_directive != NULL)
		return fail_at(l, &e->start_mark, err, MS_ERR_MALFORMED, "directives are not taken");
	l->document = true;
	return MS_OK;
}

static enum ms_rc
on_event(struct loader *l, const yaml_event_t *e, struct ms_err *err)
{
	switch (e->type) {
	case YAML_STREAM_END_EVENT:
		l->done = true;
		return MS_OK;
	case YAML_DOCUMENT_START_EVENT:
		return on_document(l, e, err);
	case YAML_SCALAR_EVENT:
		return on_scalar(l, e, err);
	case YAML_SEQUENCE_START_EVENT:
		return on_open(l, e, MS_YAML_LIST, err);
	case YAML_MAPPING_START_EVENT:
		return on_open(l, e, MS_YAML_MAP, err);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		l->at = l->at->parent;
		return MS_OK;
	case YAML_ALIAS_EVENT:
		return fail_at(l, &e->start_mark, err, MS_ERR_MALFORMED, "aliases are not taken");
	default:
		return MS_OK; /* start of the stream, end of the document */
	}
}

static enum ms_rc
run(struct loader *l, struct ms_err *err)
{
	while (!l->done) {
		yaml_event_t e;
		if (yaml_parser_parse(&l->parser, &e) == 0)
			return fail_at(
			    l, &l->parser.problem_mark, err, MS_ERR_MALFORMED, l->parser.problem != NULL ? l->parser.problem : "not YAML");
		enum ms_rc rc = on_event(l, &e, err);
		yaml_event_delete(&e);
		if (rc != MS_OK)
			return rc;
	}
	if (l->y->root == NULL) {
		yaml_event_t none = {0};
		struct ms_yaml_node *n;
		return add_node(l, &none, MS_YAML_MAP, &n, err);
	}
	return MS_OK;
}

enum ms_rc
ms_yaml_load(const char *file, struct ms_span text, struct ms_yaml **ret, struct ms_err *err)
{
	if (text.len > MS_YAML_SIZE_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "%s: %zu bytes", file, text.len);
	MS_OWN(ms_yaml_free) struct ms_yaml *y = calloc(1, sizeof *y);
	if (y == NULL || (y->file = strdup(file)) == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "yaml");
	struct loader l = {.y = y};
	if (yaml_parser_initialize(&l.parser) == 0)
		return ms_fail(err, MS_ERR_NOMEM, "yaml");
	yaml_parser_set_encoding(&l.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&l.parser, text.len > 0 ? text.p : (const uint8_t *)"", text.len);
	enum ms_rc rc = run(&l, err);
	yaml_parser_delete(&l.parser);
	free(l.key);
	if (rc != MS_OK)
		return rc;
	*ret = y;
	y = NULL;
	return MS_OK;
}

struct ms_yaml_node *
ms_yaml_root(const struct ms_yaml *y)
{
	y->root->used = true;
	return y->root;
}

enum ms_yaml_type
ms_yaml_type(const struct ms_yaml_node *n)
{
	return n->type;
}

unsigned
ms_yaml_line(const struct ms_yaml_node *n)
{
	return n->line;
}

const char *
ms_yaml_key(const struct ms_yaml_node *n)
{
	while (n->key == NULL && n->parent != NULL)
		n = n->parent;
	return n->key != NULL ? n->key : "";
}

bool
ms_yaml_plain(const struct ms_yaml_node *n)
{
	return n->plain;
}

struct ms_yaml_node *
ms_yaml_get(struct ms_yaml_node *map, const char *key)
{
	if (map == NULL || map->type != MS_YAML_MAP)
		return NULL;
	for (struct ms_yaml_node *n = map->first; n != NULL; n = n->next)
		if (strcmp(n->key, key) == 0) {
			n->used = true;
			return n;
		}
	return NULL;
}

struct ms_yaml_node *
ms_yaml_get_path(struct ms_yaml_node *map, const char *dotted)
{
	char key[MS_YAML_KEY_MAX + 1];
	while (map != NULL) {
		size_t len = strcspn(dotted, ".");
		if (len >= sizeof key)
			return NULL;
		memcpy(key, dotted, len);
		key[len] = '\0';
		map = ms_yaml_get(map, key);
		if (dotted[len] == '\0')
			break;
		dotted += len + 1;
	}
	return map;
}

struct ms_yaml_node *
ms_yaml_first(struct ms_yaml_node *n)
{
	if (n->first != NULL)
		n->first->used = true;
	return n->first;
}

struct ms_yaml_node *
ms_yaml_next(struct ms_yaml_node *n)
{
	if (n->next != NULL)
		n->next->used = true;
	return n->next;
}

size_t
ms_yaml_count(const struct ms_yaml_node *n)
{
	return n->count;
}

/* "limits.max_connections", as much as fits. */
static void
full_key(const struct ms_yaml_node *n, char *out, size_t cap)
{
	const struct ms_yaml_node *path[MS_YAML_DEPTH_MAX + 1];
	size_t depth = 0, o = 0;
	for (; n != NULL && depth < MS_YAML_DEPTH_MAX + 1; n = n->parent)
		if (n->key != NULL)
			path[depth++] = n;
	out[0] = '\0';
	while (depth-- > 0 && o < cap) {
		int len = snprintf(out + o, cap - o, "%s%s", o > 0 ? "." : "", path[depth]->key);
		o += len > 0 ? (size_t)len : 0;
	}
}

enum ms_rc
ms_yaml_fail(const struct ms_yaml_node *n, struct ms_err *err, enum ms_rc rc, const char *fmt, ...)
{
	char text[256], key[200];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	full_key(n, key, sizeof key);
	return ms_fail(err, rc, "%s:%u: %s%s%s", n->doc->file, n->line, key, key[0] != '\0' ? ": " : "", text);
}

enum ms_rc
ms_yaml_expect(struct ms_yaml_node *n, enum ms_yaml_type type, struct ms_err *err)
{
	static const char *const names[] = {"one value", "a list", "a map of keys"};
	return n->type == type ? MS_OK : ms_yaml_fail(n, err, MS_ERR_MALFORMED, "must be %s, not %s", names[type], names[n->type]);
}

enum ms_rc
ms_yaml_text(struct ms_yaml_node *n, size_t min, size_t max, const char **ret, struct ms_err *err)
{
	enum ms_rc rc = ms_yaml_expect(n, MS_YAML_SCALAR, err);
	if (rc != MS_OK)
		return rc;
	if (n->len < min || n->len > max)
		return ms_yaml_fail(n, err, MS_ERR_TOO_BIG, "%zu bytes of text, not %zu to %zu", n->len, min, max);
	*ret = n->text;
	return MS_OK;
}

enum ms_rc
ms_yaml_uint(struct ms_yaml_node *n, uint64_t min, uint64_t max, uint64_t *ret, struct ms_err *err)
{
	uint64_t v = 0;
	enum ms_rc rc = ms_yaml_expect(n, MS_YAML_SCALAR, err);
	if (rc != MS_OK)
		return rc;
	bool ok = n->plain && n->len > 0 && n->len <= 20 && (n->text[0] != '0' || n->len == 1);
	for (size_t i = 0; ok && i < n->len; i++) {
		unsigned digit = (unsigned)(unsigned char)n->text[i] - '0';
		ok = digit <= 9 && !__builtin_mul_overflow(v, 10u, &v) && !__builtin_add_overflow(v, digit, &v);
	}
	if (!ok)
		return ms_yaml_fail(n, err, MS_ERR_MALFORMED, "must be a whole number in decimal");
	if (v < min || v > max)
		return ms_yaml_fail(n, err, MS_ERR_TOO_BIG, "must be %llu to %llu", (unsigned long long)min, (unsigned long long)max);
	*ret = v;
	return MS_OK;
}

enum ms_rc
ms_yaml_bool(struct ms_yaml_node *n, bool *ret, struct ms_err *err)
{
	enum ms_rc rc = ms_yaml_expect(n, MS_YAML_SCALAR, err);
	if (rc != MS_OK)
		return rc;
	bool is_true = strcmp(n->text, "true") == 0;
	if (!n->plain || (!is_true && strcmp(n->text, "false") != 0))
		return ms_yaml_fail(n, err, MS_ERR_MALFORMED, "must be true or false");
	*ret = is_true;
	return MS_OK;
}

/* The node after n in the order of the file; NULL at the end of the tree under `top`. */
static struct ms_yaml_node *
walk(struct ms_yaml_node *n, const struct ms_yaml_node *top)
{
	if (n->first != NULL)
		return n->first;
	while (n != top && n->next == NULL)
		n = n->parent;
	return n != top ? n->next : NULL;
}

enum ms_rc
ms_yaml_check_used(const struct ms_yaml *y, struct ms_err *err)
{
	for (struct ms_yaml_node *n = walk(y->root, y->root); n != NULL; n = walk(n, y->root))
		if (!n->used)
			return ms_yaml_fail(n, err, MS_ERR_MALFORMED, "unknown key");
	return MS_OK;
}

void
ms_yaml_mark_used(struct ms_yaml_node *n)
{
	for (struct ms_yaml_node *i = n; i != NULL; i = walk(i, n))
		i->used = true;
}
