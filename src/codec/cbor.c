#include "codec/cbor.h"

/* RFC 8949 3: the major types, and the simple values that we take. */
enum { MAJOR_UINT, MAJOR_NINT, MAJOR_BYTES, MAJOR_TEXT, MAJOR_ARRAY, MAJOR_MAP, MAJOR_TAG, MAJOR_SIMPLE };
enum { SIMPLE_FALSE = 20, SIMPLE_TRUE = 21, SIMPLE_NULL = 22 };
enum { INFO_U8 = 24, INFO_U16, INFO_U32, INFO_U64 };

struct head {
	uint8_t major;
	uint8_t info;   /* the low five bits */
	uint64_t value; /* the argument */
};

static void
put_head(struct ms_buf *b, uint8_t major, uint64_t v)
{
	uint8_t top = (uint8_t)(major << 5);
	if (v < INFO_U8) {
		ms_buf_u8(b, (uint8_t)(top | v));
	} else if (v <= UINT8_MAX) {
		ms_buf_u8(b, top | INFO_U8);
		ms_buf_u8(b, (uint8_t)v);
	} else if (v <= UINT16_MAX) {
		ms_buf_u8(b, top | INFO_U16);
		ms_buf_u16(b, (uint16_t)v);
	} else if (v <= UINT32_MAX) {
		ms_buf_u8(b, top | INFO_U32);
		ms_buf_u32(b, (uint32_t)v);
	} else {
		ms_buf_u8(b, top | INFO_U64);
		ms_buf_u64(b, v);
	}
}

void
ms_cbor_uint(struct ms_buf *b, uint64_t v)
{
	put_head(b, MAJOR_UINT, v);
}

void
ms_cbor_int(struct ms_buf *b, int64_t v)
{
	/* RFC 8949 3.1: -1 - n, which is the complement in two's complement */
	if (v < 0)
		put_head(b, MAJOR_NINT, ~(uint64_t)v);
	else
		put_head(b, MAJOR_UINT, (uint64_t)v);
}

void
ms_cbor_bytes(struct ms_buf *b, struct ms_span s)
{
	put_head(b, MAJOR_BYTES, s.len);
	ms_buf_put_span(b, s);
}

void
ms_cbor_text_span(struct ms_buf *b, struct ms_span s)
{
	put_head(b, MAJOR_TEXT, s.len);
	ms_buf_put_span(b, s);
	if (!ms_utf8_ok(s))
		b->bad = true;
}

void
ms_cbor_text(struct ms_buf *b, const char *s)
{
	ms_cbor_text_span(b, ms_span_str(s));
}

void
ms_cbor_array(struct ms_buf *b, size_t n)
{
	put_head(b, MAJOR_ARRAY, n);
}

void
ms_cbor_map(struct ms_buf *b, size_t n)
{
	put_head(b, MAJOR_MAP, n);
}

void
ms_cbor_bool(struct ms_buf *b, bool v)
{
	put_head(b, MAJOR_SIMPLE, v ? SIMPLE_TRUE : SIMPLE_FALSE);
}

void
ms_cbor_null(struct ms_buf *b)
{
	put_head(b, MAJOR_SIMPLE, SIMPLE_NULL);
}

void
ms_cbor_raw(struct ms_buf *b, struct ms_span item)
{
	ms_buf_put_span(b, item);
}

/* One head, in its shortest form (RFC 8949 4.2.1) and of a kind that we take; poisons otherwise. */
static struct head
read_head(struct ms_rd *r)
{
	uint8_t first = ms_rd_u8(r);
	struct head h = {.major = first >> 5, .info = first & 31, .value = first & 31};
	uint64_t least = 0;
	switch (h.info) {
	case INFO_U8:
		h.value = ms_rd_u8(r);
		least = INFO_U8;
		break;
	case INFO_U16:
		h.value = ms_rd_u16(r);
		least = UINT8_MAX + 1;
		break;
	case INFO_U32:
		h.value = ms_rd_u32(r);
		least = UINT16_MAX + 1;
		break;
	case INFO_U64:
		h.value = ms_rd_u64(r);
		least = (uint64_t)UINT32_MAX + 1;
		break;
	default: /* the value itself, or 28..31: reserved and indefinite lengths */
		if (h.info > INFO_U64)
			ms_rd_poison(r);
		break;
	}
	bool simple_ok = h.info == SIMPLE_FALSE || h.info == SIMPLE_TRUE || h.info == SIMPLE_NULL;
	if (h.value < least || h.major == MAJOR_TAG || (h.major == MAJOR_SIMPLE && !simple_ok))
		ms_rd_poison(r);
	return r->bad ? (struct head){0} : h;
}

/* Strings: their bytes. {NULL, 0} when poisoned or empty. */
static struct ms_span
read_string(struct ms_rd *r, uint64_t len, bool text)
{
	struct ms_span s = MS_SPAN_NONE;
	if (len > ms_rd_left(r))
		ms_rd_poison(r);
	else
		s = ms_rd_bytes(r, (size_t)len);
	if (text && !ms_utf8_ok(s)) {
		ms_rd_poison(r);
		s = MS_SPAN_NONE;
	}
	return s;
}

/* An open array or map on the way through an item; level 0 is the item itself. */
struct level {
	bool open;
	bool map;
	uint64_t left; /* items to come: a pair counts as two */
	struct ms_span last_key;
};

/* RFC 8949 4.2.1: keys in bytewise order of their encodings, each once. Ours are integers or text. */
static bool
key_ok(struct level *in, const struct head *h, struct ms_span key)
{
	if (h->major != MAJOR_UINT && h->major != MAJOR_NINT && h->major != MAJOR_TEXT)
		return false;
	if (in->last_key.len > 0 && ms_span_cmp(in->last_key, key) >= 0)
		return false;
	in->last_key = key;
	return true;
}

/* Read one head and its string. When it opens an array or map, *ret is its level. */
static enum ms_rc
check_one(struct ms_rd *r, struct level *in, struct level *ret, struct ms_err *err)
{
	size_t start = r->off;
	bool is_key = in->map && in->left % 2 == 0;
	struct head h = read_head(r);
	if (h.major == MAJOR_BYTES || h.major == MAJOR_TEXT)
		(void)read_string(r, h.value, h.major == MAJOR_TEXT);
	if (r->bad)
		return ms_fail(err, MS_ERR_MALFORMED, "cbor: no well-formed deterministic item at byte %zu", start);
	if (is_key && !key_ok(in, &h, ms_span(r->p + start, r->off - start)))
		return ms_fail(err, MS_ERR_MALFORMED, "cbor: map key at byte %zu out of order, twice, or of another type", start);
	in->left--;
	if (h.major != MAJOR_ARRAY && h.major != MAJOR_MAP)
		return MS_OK;
	unsigned per_entry = h.major == MAJOR_MAP ? 2 : 1;
	if (h.value > ms_rd_left(r) / per_entry) /* an item has one byte at the least */
		return ms_fail(err, MS_ERR_MALFORMED, "cbor: count at byte %zu is more than there is", start);
	*ret = (struct level){.open = true, .left = h.value * per_entry, .map = h.major == MAJOR_MAP};
	return MS_OK;
}

/* Walk exactly one item. */
static enum ms_rc
check_item(struct ms_rd *r, unsigned max_depth, struct ms_err *err)
{
	struct level levels[MS_CBOR_DEPTH_MAX + 1] = {{.left = 1}};
	unsigned depth = 0;
	while (levels[0].left > 0 || depth > 0) {
		if (levels[depth].left == 0) {
			depth--;
			continue;
		}
		struct level inner = {0};
		enum ms_rc rc = check_one(r, &levels[depth], &inner, err);
		if (rc != MS_OK)
			return rc;
		if (inner.open && depth == max_depth)
			return ms_fail(err, MS_ERR_TOO_BIG, "cbor: more than %u levels at byte %zu", max_depth, r->off);
		if (inner.open)
			levels[++depth] = inner;
	}
	return MS_OK;
}

enum ms_rc
ms_cbor_check(struct ms_span s, unsigned max_depth, struct ms_err *err)
{
	struct ms_rd r = ms_rd_span(s);
	unsigned cap = max_depth < MS_CBOR_DEPTH_MAX ? max_depth : MS_CBOR_DEPTH_MAX;
	enum ms_rc rc = check_item(&r, cap, err);
	if (rc != MS_OK)
		return rc;
	if (!ms_rd_done(&r))
		return ms_fail(err, MS_ERR_MALFORMED, "cbor: %zu bytes after the item", ms_rd_left(&r));
	return MS_OK;
}

struct ms_cbor
ms_cbor_over(struct ms_span s)
{
	struct ms_cbor c = {.rd = ms_rd_span(s)};
	if (ms_cbor_check(s, MS_CBOR_DEPTH_MAX, NULL) != MS_OK)
		ms_cbor_poison(&c);
	return c;
}

enum ms_cbor_type
ms_cbor_peek(const struct ms_cbor *c)
{
	static const enum ms_cbor_type of_major[] = {
	    MS_CBOR_UINT, MS_CBOR_NINT, MS_CBOR_BYTES, MS_CBOR_TEXT, MS_CBOR_ARRAY, MS_CBOR_MAP, MS_CBOR_NONE, MS_CBOR_BOOL};
	if (c->rd.bad || c->rd.off == c->rd.len)
		return MS_CBOR_NONE;
	uint8_t first = c->rd.p[c->rd.off];
	if (first == (MAJOR_SIMPLE << 5 | SIMPLE_NULL))
		return MS_CBOR_NULL;
	return of_major[first >> 5];
}

/* The next head, which must be of this type; its argument. */
static uint64_t
read_as(struct ms_cbor *c, enum ms_cbor_type type)
{
	if (ms_cbor_peek(c) != type) {
		ms_cbor_poison(c);
		return 0;
	}
	return read_head(&c->rd).value;
}

uint64_t
ms_cbor_read_uint(struct ms_cbor *c)
{
	return read_as(c, MS_CBOR_UINT);
}

int64_t
ms_cbor_read_int(struct ms_cbor *c)
{
	bool negative = ms_cbor_peek(c) == MS_CBOR_NINT;
	uint64_t v = read_as(c, negative ? MS_CBOR_NINT : MS_CBOR_UINT);
	if (v > INT64_MAX) {
		ms_cbor_poison(c);
		return 0;
	}
	return negative ? -1 - (int64_t)v : (int64_t)v;
}

struct ms_span
ms_cbor_read_bytes(struct ms_cbor *c)
{
	uint64_t len = read_as(c, MS_CBOR_BYTES);
	return read_string(&c->rd, len, false);
}

struct ms_span
ms_cbor_read_text(struct ms_cbor *c)
{
	uint64_t len = read_as(c, MS_CBOR_TEXT);
	return read_string(&c->rd, len, true);
}

size_t
ms_cbor_read_array(struct ms_cbor *c)
{
	return (size_t)read_as(c, MS_CBOR_ARRAY);
}

size_t
ms_cbor_read_map(struct ms_cbor *c)
{
	return (size_t)read_as(c, MS_CBOR_MAP);
}

bool
ms_cbor_read_bool(struct ms_cbor *c)
{
	return read_as(c, MS_CBOR_BOOL) == SIMPLE_TRUE;
}

void
ms_cbor_read_null(struct ms_cbor *c)
{
	(void)read_as(c, MS_CBOR_NULL);
}

struct ms_span
ms_cbor_read_raw(struct ms_cbor *c)
{
	size_t start = c->rd.off;
	if (c->rd.bad || check_item(&c->rd, MS_CBOR_DEPTH_MAX, NULL) != MS_OK) {
		ms_cbor_poison(c);
		return MS_SPAN_NONE;
	}
	return ms_span(c->rd.p + start, c->rd.off - start);
}

void
ms_cbor_skip(struct ms_cbor *c)
{
	(void)ms_cbor_read_raw(c);
}

void
ms_cbor_poison(struct ms_cbor *c)
{
	ms_rd_poison(&c->rd);
}

bool
ms_cbor_done(const struct ms_cbor *c)
{
	return ms_rd_done(&c->rd);
}
