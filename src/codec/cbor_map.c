/* Messages by table: the one description of a message is used to parse it and to build it. */
#include <assert.h>
#include <string.h>
#include "codec/cbor.h"

#define KEY_MAX 63u
/* `present` and one span for each key: no struct of a table is larger. */
#define OBJ_MAX (sizeof(uint64_t) + (KEY_MAX + 1) * sizeof(struct ms_span))

/* A member by value, whatever its kind. */
struct value {
	uint64_t uint;
	int64_t sint;
	struct ms_span span;
	bool flag;
};

static struct value
get_member(const struct ms_cbor_field *f, const void *obj)
{
	const uint8_t *at = (const uint8_t *)obj + f->offset;
	struct value v = {0};
	switch (f->kind) {
	case MS_CBOR_K_UINT:
		memcpy(&v.uint, at, sizeof v.uint);
		break;
	case MS_CBOR_K_INT:
		memcpy(&v.sint, at, sizeof v.sint);
		break;
	case MS_CBOR_K_BOOL:
		memcpy(&v.flag, at, sizeof v.flag);
		break;
	default:
		memcpy(&v.span, at, sizeof v.span);
		break;
	}
	return v;
}

static void
set_member(const struct ms_cbor_field *f, void *obj, const struct value *v)
{
	uint8_t *at = (uint8_t *)obj + f->offset;
	switch (f->kind) {
	case MS_CBOR_K_UINT:
		memcpy(at, &v->uint, sizeof v->uint);
		break;
	case MS_CBOR_K_INT:
		memcpy(at, &v->sint, sizeof v->sint);
		break;
	case MS_CBOR_K_BOOL:
		memcpy(at, &v->flag, sizeof v->flag);
		break;
	default:
		memcpy(at, &v->span, sizeof v->span);
		break;
	}
}

static struct value
read_value(const struct ms_cbor_field *f, struct ms_cbor *c)
{
	struct value v = {0};
	enum ms_cbor_type next = ms_cbor_peek(c);
	switch (f->kind) {
	case MS_CBOR_K_UINT:
		v.uint = ms_cbor_read_uint(c);
		break;
	case MS_CBOR_K_INT:
		v.sint = ms_cbor_read_int(c);
		break;
	case MS_CBOR_K_BYTES:
		v.span = ms_cbor_read_bytes(c);
		break;
	case MS_CBOR_K_TEXT:
		v.span = ms_cbor_read_text(c);
		break;
	case MS_CBOR_K_BOOL:
		v.flag = ms_cbor_read_bool(c);
		break;
	case MS_CBOR_K_RAW:
	case MS_CBOR_K_ARRAY:
	case MS_CBOR_K_MAP:
		v.span = ms_cbor_read_raw(c);
		if ((f->kind == MS_CBOR_K_ARRAY && next != MS_CBOR_ARRAY) || (f->kind == MS_CBOR_K_MAP && next != MS_CBOR_MAP))
			ms_cbor_poison(c);
		break;
	}
	return v;
}

static void
write_value(const struct ms_cbor_field *f, const struct value *v, struct ms_buf *out)
{
	switch (f->kind) {
	case MS_CBOR_K_UINT:
		ms_cbor_uint(out, v->uint);
		break;
	case MS_CBOR_K_INT:
		ms_cbor_int(out, v->sint);
		break;
	case MS_CBOR_K_BYTES:
		ms_cbor_bytes(out, v->span);
		break;
	case MS_CBOR_K_TEXT:
		ms_cbor_text_span(out, v->span);
		break;
	case MS_CBOR_K_BOOL:
		ms_cbor_bool(out, v->flag);
		break;
	case MS_CBOR_K_RAW:
	case MS_CBOR_K_ARRAY:
	case MS_CBOR_K_MAP:
		ms_cbor_raw(out, v->span);
		break;
	}
}

/* The amount that min and max of the row are about. */
static enum ms_rc
check_bounds(const struct ms_cbor_table *t, const struct ms_cbor_field *f, const struct value *v, struct ms_err *err)
{
	if (f->kind == MS_CBOR_K_INT || f->kind == MS_CBOR_K_BOOL)
		return MS_OK;
	uint64_t n = f->kind == MS_CBOR_K_UINT ? v->uint : v->span.len;
	const char *what = f->kind == MS_CBOR_K_UINT ? "value" : "length";
	if (n < f->min)
		return ms_fail(
		    err, MS_ERR_MALFORMED, "%s.%s: %s %ju, at least %ju", t->name, f->name, what, (uintmax_t)n, (uintmax_t)f->min);
	if (n > f->max)
		return ms_fail(err, MS_ERR_TOO_BIG, "%s.%s: %s %ju, at most %ju", t->name, f->name, what, (uintmax_t)n, (uintmax_t)f->max);
	return MS_OK;
}

/* A table is ours: a row out of order is a bug, found by the first test that uses it. */
static void
check_table(const struct ms_cbor_table *t)
{
	assert(t->size >= sizeof(uint64_t) && t->size <= OBJ_MAX);
	for (size_t i = 0; i < t->n_fields; i++) {
		assert(t->fields[i].key <= KEY_MAX);
		assert(i == 0 || t->fields[i - 1].key < t->fields[i].key);
	}
}

/* The row of the next key. Keys rise (the reader saw to that), so a required row passed over is missing. */
static enum ms_rc
next_row(const struct ms_cbor_table *t, struct ms_cbor *c, size_t *row, struct ms_err *err)
{
	uint64_t key = ms_cbor_read_uint(c);
	if (c->rd.bad)
		return ms_fail(err, MS_ERR_MALFORMED, "%s: a key is not a small number", t->name);
	for (; *row < t->n_fields && t->fields[*row].key < key; (*row)++)
		if (t->fields[*row].need == MS_CBOR_REQ)
			return ms_fail(err, MS_ERR_MALFORMED, "%s.%s: missing", t->name, t->fields[*row].name);
	if (*row == t->n_fields || t->fields[*row].key != key)
		return ms_fail(err, MS_ERR_MALFORMED, "%s: unknown key %ju", t->name, (uintmax_t)key);
	return MS_OK;
}

static enum ms_rc
parse_rows(const struct ms_cbor_table *t, struct ms_cbor *c, void *obj, struct ms_err *err)
{
	uint64_t present = 0;
	size_t row = 0;
	for (size_t left = ms_cbor_read_map(c); left > 0; left--, row++) {
		enum ms_rc rc = next_row(t, c, &row, err);
		if (rc != MS_OK)
			return rc;
		const struct ms_cbor_field *f = &t->fields[row];
		struct value v = read_value(f, c);
		if (c->rd.bad)
			return ms_fail(err, MS_ERR_MALFORMED, "%s.%s: of another type", t->name, f->name);
		rc = check_bounds(t, f, &v, err);
		if (rc != MS_OK)
			return rc;
		set_member(f, obj, &v);
		present |= MS_CBOR_BIT(f->key);
	}
	for (; row < t->n_fields; row++)
		if (t->fields[row].need == MS_CBOR_REQ)
			return ms_fail(err, MS_ERR_MALFORMED, "%s.%s: missing", t->name, t->fields[row].name);
	memcpy(obj, &present, sizeof present);
	return MS_OK;
}

enum ms_rc
ms_cbor_parse_map(const struct ms_cbor_table *t, struct ms_span s, void *obj, struct ms_err *err)
{
	uint8_t parsed[OBJ_MAX] = {0};
	check_table(t);
	enum ms_rc rc = ms_cbor_check(s, MS_CBOR_DEPTH_MAX, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "%s", t->name);
	struct ms_cbor c = {.rd = ms_rd_span(s)};
	if (ms_cbor_peek(&c) != MS_CBOR_MAP)
		return ms_fail(err, MS_ERR_MALFORMED, "%s: not a map", t->name);
	rc = parse_rows(t, &c, parsed, err);
	if (rc != MS_OK)
		return rc;
	memcpy(obj, parsed, t->size);
	return MS_OK;
}

static bool
value_is_zero(const struct value *v)
{
	return v->uint == 0 && v->sint == 0 && v->span.len == 0 && !v->flag;
}

/* Would ms_cbor_parse_map() take this member? */
static enum ms_rc
check_member(const struct ms_cbor_table *t, const struct ms_cbor_field *f, const struct value *v, struct ms_err *err)
{
	if (check_bounds(t, f, v, err) != MS_OK)
		return MS_ERR_USAGE;
	if (f->kind == MS_CBOR_K_TEXT && !ms_utf8_ok(v->span))
		return ms_fail(err, MS_ERR_USAGE, "%s.%s: not UTF-8", t->name, f->name);
	if (f->kind != MS_CBOR_K_RAW && f->kind != MS_CBOR_K_ARRAY && f->kind != MS_CBOR_K_MAP)
		return MS_OK;
	if (ms_cbor_check(v->span, MS_CBOR_DEPTH_MAX - 1, err) != MS_OK)
		return ms_prefix(err, MS_ERR_USAGE, "%s.%s", t->name, f->name);
	struct ms_cbor c = {.rd = ms_rd_span(v->span)};
	(void)read_value(f, &c);
	if (c.rd.bad)
		return ms_fail(err, MS_ERR_USAGE, "%s.%s: of another type", t->name, f->name);
	return MS_OK;
}

/* Which rows go: a bit each. */
static enum ms_rc
rows_to_build(const struct ms_cbor_table *t, const void *obj, uint64_t *ret, struct ms_err *err)
{
	uint64_t present, go = 0;
	memcpy(&present, obj, sizeof present);
	for (size_t i = 0; i < t->n_fields; i++) {
		const struct ms_cbor_field *f = &t->fields[i];
		struct value v = get_member(f, obj);
		bool goes = f->need == MS_CBOR_REQ || (present & MS_CBOR_BIT(f->key)) != 0;
		if (!goes && !value_is_zero(&v))
			return ms_fail(err, MS_ERR_USAGE, "%s.%s: has a value but is not marked present", t->name, f->name);
		enum ms_rc rc = goes ? check_member(t, f, &v, err) : MS_OK;
		if (rc != MS_OK)
			return rc;
		go |= goes ? MS_CBOR_BIT(f->key) : 0;
	}
	*ret = go;
	return MS_OK;
}

enum ms_rc
ms_cbor_build_map(const struct ms_cbor_table *t, const void *obj, struct ms_buf *out, struct ms_err *err)
{
	uint64_t go = 0;
	check_table(t);
	enum ms_rc rc = rows_to_build(t, obj, &go, err);
	if (rc != MS_OK)
		return rc;
	ms_cbor_map(out, (size_t)__builtin_popcountll(go));
	for (size_t i = 0; i < t->n_fields; i++) {
		const struct ms_cbor_field *f = &t->fields[i];
		if ((go & MS_CBOR_BIT(f->key)) == 0)
			continue;
		struct value v = get_member(f, obj);
		ms_cbor_uint(out, f->key);
		write_value(f, &v, out);
	}
	return ms_buf_check(out, err);
}
