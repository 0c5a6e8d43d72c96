#include "codec/cbor_any.h"

#include <stdlib.h>
#include <string.h>

/* RFC 8949 3: the major types; FLOAT and BREAK are ours, to tell the uses of type 7 apart. */
enum { MAJOR_UINT, MAJOR_NINT, MAJOR_BYTES, MAJOR_TEXT, MAJOR_ARRAY, MAJOR_MAP, MAJOR_TAG, MAJOR_SIMPLE, MAJOR_FLOAT, MAJOR_BREAK };
enum { SIMPLE_FALSE = 20, SIMPLE_TRUE = 21, SIMPLE_NULL = 22, SIMPLE_UNDEFINED = 23 };
enum { INFO_U8 = 24, INFO_U16, INFO_U32, INFO_U64, INFO_INDEFINITE = 31 };

struct head {
	uint8_t major;
	bool indefinite;
	uint64_t value; /* the argument; of a float its bits as a double */
};

static uint64_t
double_bits(double d)
{
	uint64_t v;
	memcpy(&v, &d, sizeof v);
	return v;
}

/* IEEE 754 binary16: sign, 5 bits of exponent, 10 of fraction (RFC 8949 appendix D says the same in C). */
static uint64_t
half_bits(uint16_t h)
{
	uint64_t sign = (uint64_t)(h >> 15) << 63, exponent = (h >> 10) & 31, fraction = h & 1023;
	if (exponent == 31)
		return sign | UINT64_C(0x7ff) << 52 | fraction << 42;
	if (exponent != 0)
		return sign | (exponent + 1023 - 15) << 52 | fraction << 42;
	return sign | double_bits((double)fraction / 16777216.0);
}

static uint64_t
single_bits(uint32_t v)
{
	float f;
	memcpy(&f, &v, sizeof f);
	return double_bits((double)f);
}

static void
read_simple(struct ms_rd *r, uint8_t info, struct head *h)
{
	h->value = info;
	switch (info) {
	case INFO_U8: /* below 24 it would be a second way to write it; 24 to 31 were values once (RFC 7049), and are no others now */
		h->value = ms_rd_u8(r);
		if (h->value < INFO_U8)
			ms_rd_poison(r);
		break;
	case INFO_U16:
		*h = (struct head){.major = MAJOR_FLOAT, .value = half_bits(ms_rd_u16(r))};
		break;
	case INFO_U32:
		*h = (struct head){.major = MAJOR_FLOAT, .value = single_bits(ms_rd_u32(r))};
		break;
	case INFO_U64:
		*h = (struct head){.major = MAJOR_FLOAT, .value = ms_rd_u64(r)};
		break;
	case INFO_INDEFINITE:
		*h = (struct head){.major = MAJOR_BREAK};
		break;
	default:
		break;
	}
}

/* One head of any length; poisons on the reserved ones. */
static struct head
read_head(struct ms_rd *r)
{
	uint8_t first = ms_rd_u8(r), info = first & 31;
	struct head h = {.major = first >> 5, .value = info};
	if (info > INFO_U64 && info < INFO_INDEFINITE)
		ms_rd_poison(r);
	else if (h.major == MAJOR_SIMPLE)
		read_simple(r, info, &h);
	else if (info == INFO_U8)
		h.value = ms_rd_u8(r);
	else if (info == INFO_U16)
		h.value = ms_rd_u16(r);
	else if (info == INFO_U32)
		h.value = ms_rd_u32(r);
	else if (info == INFO_U64)
		h.value = ms_rd_u64(r);
	else if (info == INFO_INDEFINITE) {
		h.indefinite = true;
		h.value = 0;
		if (h.major < MAJOR_BYTES || h.major > MAJOR_MAP) /* RFC 8949 3.2: strings, arrays and maps only */
			ms_rd_poison(r);
	}
	return h;
}

/* Keys of the maps that are open, innermost last. */
struct key {
	uint8_t major;
	uint64_t value;
	struct ms_span s;
};
struct keys {
	struct key *item;
	size_t n, cap;
	size_t items; /* all items that were seen */
};
struct level {
	uint8_t major;
	bool indefinite;
	uint64_t left, seen;  /* items to come (definite), items so far */
	size_t keys;          /* where its keys begin */
	uint64_t bytes;       /* chunked string: of its chunks */
	struct ms_span chunk; /* the last one */
};
struct walk {
	struct ms_rd *r;
	struct keys *keys; /* NULL: was checked before */
	struct level level[MS_ANY_DEPTH_MAX + 1];
	unsigned depth;
	struct level top; /* how the outermost container or string was, once it is closed */
};

static int
key_cmp(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	if (x->major != y->major)
		return x->major < y->major ? -1 : 1;
	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return ms_span_cmp(x->s, y->s);
}

static enum ms_rc
push_key(struct keys *k, struct key key, struct ms_err *err)
{
	if (k->n == k->cap) {
		size_t cap = k->cap == 0 ? 64 : 2 * k->cap; /* bounded by MS_ANY_ITEMS_MAX */
		struct key *item = realloc(k->item, cap * sizeof *item);
		if (item == NULL)
			return ms_fail(err, MS_ERR_NOMEM, "cbor");
		k->item = item;
		k->cap = cap;
	}
	k->item[k->n++] = key;
	return MS_OK;
}

/* Leave the innermost level: all keys of a map are known now. */
static enum ms_rc
leave(struct walk *w, struct ms_err *err)
{
	struct level *l = &w->level[w->depth];
	if (w->depth == 1)
		w->top = *l;
	w->depth--;
	if (w->keys == NULL || l->major != MAJOR_MAP)
		return MS_OK;
	size_t n = w->keys->n - l->keys;
	w->keys->n = l->keys;
	if (n < 2)
		return MS_OK;
	struct key *first = w->keys->item + l->keys;
	qsort(first, n, sizeof *first, key_cmp);
	for (size_t i = 1; i < n; i++)
		if (key_cmp(&first[i - 1], &first[i]) == 0)
			return ms_fail(err, MS_ERR_MALFORMED, "cbor: a key twice in the map that ends at byte %zu", w->r->off);
	return MS_OK;
}

static enum ms_rc
enter(struct walk *w, const struct head *h, struct ms_err *err)
{
	if (w->depth == MS_ANY_DEPTH_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "cbor: more than %u levels at byte %zu", MS_ANY_DEPTH_MAX, w->r->off);
	uint64_t left = h->major == MAJOR_TAG ? 1 : h->value;
	unsigned each = h->major == MAJOR_MAP ? 2 : 1;
	if (left > ms_rd_left(w->r) / each) /* an item has one byte at the least */
		return ms_fail(err, MS_ERR_MALFORMED, "cbor: count at byte %zu is more than there is", w->r->off);
	w->level[++w->depth] =
	    (struct level){.major = h->major, .indefinite = h->indefinite, .left = left * each, .keys = w->keys == NULL ? 0 : w->keys->n};
	return MS_OK;
}

static struct ms_span
read_string(struct ms_rd *r, const struct head *h)
{
	struct ms_span s = MS_SPAN_NONE;
	if (h->value > ms_rd_left(r))
		ms_rd_poison(r);
	else
		s = ms_rd_bytes(r, (size_t)h->value);
	if (h->major == MAJOR_TEXT && !ms_utf8_ok(s))
		ms_rd_poison(r);
	return r->bad ? MS_SPAN_NONE : s;
}

static bool
is_string(const struct head *h)
{
	return h->major == MAJOR_BYTES || h->major == MAJOR_TEXT;
}

/* A break ends a level of indefinite length; a map's after whole pairs. */
static enum ms_rc
take_break(struct walk *w, struct ms_err *err)
{
	const struct level *l = &w->level[w->depth];
	if (!l->indefinite || (l->major == MAJOR_MAP && l->seen % 2 != 0))
		return ms_fail(err, MS_ERR_MALFORMED, "cbor: a break out of place before byte %zu", w->r->off);
	return leave(w, err);
}

static enum ms_rc
note_key(struct walk *w, const struct head *h, struct ms_span s, struct ms_err *err)
{
	if (h->indefinite || h->major == MAJOR_ARRAY || h->major == MAJOR_MAP || h->major == MAJOR_TAG)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "cbor: a map key before byte %zu that is no number or string", w->r->off);
	return push_key(w->keys, (struct key){.major = h->major, .value = h->value, .s = s}, err);
}

/* One head, and its string. */
static enum ms_rc
step(struct walk *w, struct ms_err *err)
{
	size_t start = w->r->off;
	struct level *l = &w->level[w->depth];
	struct head h = read_head(w->r);
	struct ms_span s = !w->r->bad && is_string(&h) && !h.indefinite ? read_string(w->r, &h) : MS_SPAN_NONE;
	if (w->r->bad)
		return ms_fail(err, MS_ERR_MALFORMED, "cbor: no well-formed item at byte %zu", start);
	if (h.major == MAJOR_BREAK)
		return take_break(w, err);
	if (w->keys != NULL && ++w->keys->items > MS_ANY_ITEMS_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "cbor: more than %u items", MS_ANY_ITEMS_MAX);
	bool in_string = l->indefinite && (l->major == MAJOR_BYTES || l->major == MAJOR_TEXT);
	if (in_string && (h.major != l->major || h.indefinite)) /* RFC 8949 3.2.3 */
		return ms_fail(err, MS_ERR_MALFORMED, "cbor: byte %zu is not a chunk of its string", start);
	if (in_string) {
		l->bytes += s.len;
		l->chunk = s;
	}
	bool is_key = l->major == MAJOR_MAP && l->seen % 2 == 0;
	enum ms_rc rc = is_key && w->keys != NULL ? note_key(w, &h, s, err) : MS_OK;
	if (rc != MS_OK)
		return rc;
	l->seen++;
	l->left -= !l->indefinite;
	bool opens = h.major == MAJOR_ARRAY || h.major == MAJOR_MAP || h.major == MAJOR_TAG || h.indefinite;
	return opens ? enter(w, &h, err) : MS_OK;
}

/* Walk exactly one item. */
static enum ms_rc
walk(struct walk *w, struct ms_err *err)
{
	w->level[0] = (struct level){.major = MAJOR_ARRAY, .left = 1};
	for (;;) {
		const struct level *l = &w->level[w->depth];
		enum ms_rc rc;
		if (l->indefinite || l->left > 0)
			rc = step(w, err);
		else if (w->depth == 0)
			return MS_OK;
		else
			rc = leave(w, err);
		if (rc != MS_OK)
			return rc;
	}
}

static void
set_simple(struct ms_any *a)
{
	switch (a->value) {
	case SIMPLE_FALSE:
	case SIMPLE_TRUE:
		a->type = MS_ANY_BOOL;
		a->value = a->value == SIMPLE_TRUE;
		break;
	case SIMPLE_NULL:
		a->type = MS_ANY_NULL;
		break;
	case SIMPLE_UNDEFINED:
		a->type = MS_ANY_UNDEFINED;
		break;
	default:
		a->type = MS_ANY_SIMPLE;
		break;
	}
}

/* The item at the start of r, whose walk ended at *r. */
static struct ms_any
describe(struct ms_rd start, const struct walk *w)
{
	static const enum ms_any_type of_major[] = {MS_ANY_UINT, MS_ANY_NINT, MS_ANY_BYTES, MS_ANY_TEXT, MS_ANY_ARRAY, MS_ANY_MAP,
	    MS_ANY_TAG, MS_ANY_SIMPLE, MS_ANY_FLOAT, MS_ANY_NONE};
	const uint8_t *first = start.p + start.off;
	size_t len = w->r->off - start.off;
	struct head h = read_head(&start);
	struct ms_any a = {.type = of_major[h.major], .value = h.value, .raw = ms_span(first, len)};
	const uint8_t *inner = start.p + start.off;
	if (h.major == MAJOR_SIMPLE)
		set_simple(&a);
	else if (h.major >= MAJOR_BYTES && h.major <= MAJOR_TAG) /* without the break */
		a.body = ms_span(inner, (size_t)(first + len - inner) - h.indefinite);
	if (!h.indefinite)
		return a;
	a.value = h.major == MAJOR_MAP ? w->top.seen / 2 : w->top.seen;
	if (!is_string(&h))
		return a;
	a.chunked = w->top.seen > 1;
	a.value = w->top.bytes;
	if (!a.chunked)
		a.body = w->top.chunk;
	return a;
}

enum ms_rc
ms_any_parse(struct ms_span s, struct ms_any *ret, struct ms_err *err)
{
	struct keys keys = {0};
	struct ms_rd r = ms_rd_span(s);
	struct walk w = {.r = &r, .keys = &keys};
	if (s.len > MS_ANY_INPUT_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "cbor: %zu bytes", s.len);
	enum ms_rc rc = walk(&w, err);
	free(keys.item);
	if (rc != MS_OK)
		return rc;
	if (!ms_rd_done(&r))
		return ms_fail(err, MS_ERR_MALFORMED, "cbor: %zu bytes after the item", ms_rd_left(&r));
	*ret = describe(ms_rd_span(s), &w);
	return MS_OK;
}

struct ms_any_iter
ms_any_items(const struct ms_any *container)
{
	bool has = container->type == MS_ANY_ARRAY || container->type == MS_ANY_MAP || container->type == MS_ANY_TAG;
	return (struct ms_any_iter){.rd = ms_rd_span(has ? container->body : MS_SPAN_NONE)};
}

bool
ms_any_next(struct ms_any_iter *it, struct ms_any *ret)
{
	struct ms_rd start = it->rd;
	struct walk w = {.r = &it->rd};
	*ret = (struct ms_any){0};
	if (it->rd.bad || ms_rd_left(&it->rd) == 0)
		return false;
	if (walk(&w, NULL) != MS_OK) { /* cannot be: the whole was checked */
		ms_rd_poison(&it->rd);
		return false;
	}
	*ret = describe(start, &w);
	return true;
}

/* The value whose key is this integer, or this text when it is not NULL. */
static bool
find(const struct ms_any *map, int64_t number, const char *text, struct ms_any *ret)
{
	struct ms_any key, value;
	struct ms_any_iter it = ms_any_items(map);
	while (map->type == MS_ANY_MAP && ms_any_next(&it, &key) && ms_any_next(&it, &value)) {
		int64_t n;
		struct ms_span s;
		bool hit =
		    text == NULL ? ms_any_is_int(&key, &n) && n == number : ms_any_is_text(&key, &s) && ms_span_eq(s, ms_span_str(text));
		if (hit) {
			*ret = value;
			return true;
		}
	}
	*ret = (struct ms_any){0};
	return false;
}

bool
ms_any_get(const struct ms_any *map, int64_t key, struct ms_any *ret)
{
	return find(map, key, NULL, ret);
}

bool
ms_any_get_text(const struct ms_any *map, const char *key, struct ms_any *ret)
{
	return find(map, 0, key, ret);
}

bool
ms_any_at(const struct ms_any *array, size_t i, struct ms_any *ret)
{
	struct ms_any_iter it = ms_any_items(array);
	bool there = array->type == MS_ANY_ARRAY && ms_any_next(&it, ret);
	while (there && i-- > 0)
		there = ms_any_next(&it, ret);
	if (!there)
		*ret = (struct ms_any){0};
	return there;
}

bool
ms_any_untag(const struct ms_any *a, uint64_t tag, struct ms_any *ret)
{
	struct ms_any_iter it = ms_any_items(a);
	struct ms_any inner = {0};
	bool hit = a->type == MS_ANY_TAG && a->value == tag && ms_any_next(&it, &inner);
	*ret = inner;
	return hit;
}

bool
ms_any_is_uint(const struct ms_any *a, uint64_t *ret)
{
	if (a->type != MS_ANY_UINT)
		return false;
	*ret = a->value;
	return true;
}

bool
ms_any_is_int(const struct ms_any *a, int64_t *ret)
{
	if ((a->type != MS_ANY_UINT && a->type != MS_ANY_NINT) || a->value > INT64_MAX)
		return false;
	*ret = a->type == MS_ANY_NINT ? -1 - (int64_t)a->value : (int64_t)a->value;
	return true;
}

static bool
is_string_of(const struct ms_any *a, enum ms_any_type type, struct ms_span *ret)
{
	if (a->type != type || a->chunked)
		return false;
	*ret = a->body;
	return true;
}

bool
ms_any_is_bytes(const struct ms_any *a, struct ms_span *ret)
{
	return is_string_of(a, MS_ANY_BYTES, ret);
}

bool
ms_any_is_text(const struct ms_any *a, struct ms_span *ret)
{
	return is_string_of(a, MS_ANY_TEXT, ret);
}

bool
ms_any_is_bool(const struct ms_any *a, bool *ret)
{
	if (a->type != MS_ANY_BOOL)
		return false;
	*ret = a->value != 0;
	return true;
}

double
ms_any_double(const struct ms_any *a)
{
	double d = 0;
	if (a->type == MS_ANY_FLOAT)
		memcpy(&d, &a->value, sizeof d);
	return d;
}

void
ms_any_join(const struct ms_any *a, struct ms_buf *out)
{
	struct ms_rd r = ms_rd_span(a->body);
	if (a->type != MS_ANY_BYTES && a->type != MS_ANY_TEXT)
		return;
	if (!a->chunked) {
		ms_buf_put_span(out, a->body);
		return;
	}
	while (!r.bad && ms_rd_left(&r) > 0) {
		struct head h = read_head(&r);
		ms_buf_put_span(out, read_string(&r, &h));
	}
}
