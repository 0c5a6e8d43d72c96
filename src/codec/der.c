#include "codec/der.h"

#include <string.h>

#define LONG_LEN 0x80u
#define CONSTRUCTED 0x20u
#define TAG_NUMBER 0x1fu
#define LEN_BYTES_MAX 4u

/* Head of a TLV: the tag and a minimal definite length (X.690 10.1). Poisons otherwise. */
static size_t
read_head(struct ms_rd *r, uint8_t *ret_tag)
{
	uint8_t tag = ms_rd_u8(r);
	size_t len = ms_rd_u8(r);
	if (len >= LONG_LEN) {
		size_t n = len - LONG_LEN;
		struct ms_span s = ms_rd_bytes(r, n <= LEN_BYTES_MAX ? n : SIZE_MAX);
		len = 0;
		for (size_t i = 0; i < s.len; i++)
			len = len << 8 | s.p[i];
		/* n == 0 is the indefinite form; the rest could have been shorter */
		if (len < LONG_LEN || s.p[0] == 0)
			ms_rd_poison(r);
	}
	if ((tag & TAG_NUMBER) == TAG_NUMBER || tag == 0)
		ms_rd_poison(r);
	*ret_tag = r->bad ? 0 : tag;
	return r->bad ? 0 : len;
}

struct ms_der
ms_der_over(struct ms_span s)
{
	return (struct ms_der){.rd = ms_rd_span(s)};
}

uint8_t
ms_der_peek(const struct ms_der *d)
{
	return d->rd.bad || d->rd.off == d->rd.len ? 0 : d->rd.p[d->rd.off];
}

struct ms_span
ms_der_read(struct ms_der *d, uint8_t tag)
{
	uint8_t found;
	size_t len = read_head(&d->rd, &found);
	if (found != tag)
		ms_der_poison(d);
	return ms_rd_bytes(&d->rd, len);
}

struct ms_span
ms_der_read_raw(struct ms_der *d, uint8_t tag)
{
	size_t start = d->rd.off;
	(void)ms_der_read(d, tag == 0 ? ms_der_peek(d) : tag);
	return d->rd.bad ? MS_SPAN_NONE : ms_span(d->rd.p + start, d->rd.off - start);
}

struct ms_der
ms_der_enter(struct ms_der *d, uint8_t tag)
{
	struct ms_der inner = ms_der_over(ms_der_read(d, tag));
	inner.rd.bad = d->rd.bad;
	return inner;
}

bool
ms_der_read_bool(struct ms_der *d)
{
	struct ms_span s = ms_der_read(d, MS_DER_BOOLEAN);
	/* X.690 11.1: true is all ones */
	if (s.len != 1 || (s.p[0] != 0 && s.p[0] != 0xff)) {
		ms_der_poison(d);
		return false;
	}
	return s.p[0] == 0xff;
}

struct ms_span
ms_der_read_integer(struct ms_der *d, size_t max)
{
	struct ms_span s = ms_der_read(d, MS_DER_INTEGER);
	/* X.690 8.3.2: the first nine bits are not all equal; the first is the sign */
	bool minimal = s.len == 1 || (s.len > 1 && (s.p[0] != 0 || s.p[1] >= 0x80));
	if (!minimal || s.p[0] >= 0x80) {
		ms_der_poison(d);
		return MS_SPAN_NONE;
	}
	if (s.p[0] == 0)
		s = s.len == 1 ? MS_SPAN_NONE : ms_span(s.p + 1, s.len - 1);
	if (s.len > max) {
		ms_der_poison(d);
		return MS_SPAN_NONE;
	}
	return s;
}

uint64_t
ms_der_read_uint(struct ms_der *d)
{
	struct ms_span s = ms_der_read_integer(d, sizeof(uint64_t));
	uint64_t v = 0;
	for (size_t i = 0; i < s.len; i++)
		v = v << 8 | s.p[i];
	return v;
}

struct ms_span
ms_der_read_oid(struct ms_der *d)
{
	struct ms_span s = ms_der_read(d, MS_DER_OID);
	bool start = true; /* of an arc, where 0x80 would be a leading zero (X.690 8.19.2) */
	for (size_t i = 0; i < s.len; i++) {
		if (start && s.p[i] == 0x80)
			ms_der_poison(d);
		start = s.p[i] < 0x80;
	}
	if (s.len == 0 || !start)
		ms_der_poison(d);
	return d->rd.bad ? MS_SPAN_NONE : s;
}

struct ms_span
ms_der_read_octets(struct ms_der *d)
{
	return ms_der_read(d, MS_DER_OCTET_STRING);
}

struct ms_span
ms_der_read_bits(struct ms_der *d)
{
	struct ms_span s = ms_der_read(d, MS_DER_BIT_STRING);
	if (s.len == 0 || s.p[0] != 0) {
		ms_der_poison(d);
		return MS_SPAN_NONE;
	}
	return s.len == 1 ? MS_SPAN_NONE : ms_span(s.p + 1, s.len - 1);
}

uint32_t
ms_der_read_named_bits(struct ms_der *d, uint8_t tag)
{
	struct ms_span s = ms_der_read(d, tag);
	uint32_t bits = 0;
	if (s.len == 0 || s.len > 1 + sizeof bits || s.p[0] > 7 || (s.len == 1 && s.p[0] != 0)) {
		ms_der_poison(d);
		return 0;
	}
	for (size_t i = 0; i < 8 * (s.len - 1); i++)
		if ((s.p[1 + i / 8] & 0x80u >> i % 8) != 0)
			bits |= UINT32_C(1) << i;
	/* X.690 11.2.2: no trailing zero bits, so the last bit that counts is set and those after it are clear */
	size_t n = 8 * (s.len - 1) - s.p[0];
	if (n > 0 && bits >> (n - 1) != 1) {
		ms_der_poison(d);
		return 0;
	}
	return bits;
}

void
ms_der_read_null(struct ms_der *d)
{
	if (ms_der_read(d, MS_DER_NULL).len != 0)
		ms_der_poison(d);
}

void
ms_der_skip(struct ms_der *d)
{
	(void)ms_der_read_raw(d, 0);
}

void
ms_der_poison(struct ms_der *d)
{
	ms_rd_poison(&d->rd);
}

bool
ms_der_done(const struct ms_der *d)
{
	return ms_rd_done(&d->rd);
}

size_t
ms_der_open(struct ms_buf *b, uint8_t tag)
{
	ms_buf_u8(b, tag);
	ms_buf_u8(b, 0); /* the length, until close */
	return b->len;
}

void
ms_der_close(struct ms_buf *b, size_t mark)
{
	uint8_t size[sizeof(uint32_t)];
	if (b->bad)
		return;
	size_t len = b->len - mark, n = 0;
	if (len < LONG_LEN) {
		b->p[mark - 1] = (uint8_t)len;
		return;
	}
	for (size_t v = len; v > 0 && n < sizeof size; v >>= 8)
		n++;
	if (n == sizeof size && len > UINT32_MAX) {
		b->bad = true;
		return;
	}
	for (size_t i = 0; i < n; i++)
		size[i] = (uint8_t)(len >> 8 * (n - 1 - i));
	ms_buf_put(b, size, n); /* room at the end; then the content moves up */
	if (b->bad)
		return;
	memmove(b->p + mark + n, b->p + mark, len);
	memcpy(b->p + mark, size, n);
	b->p[mark - 1] = (uint8_t)(LONG_LEN | n);
}

void
ms_der_put(struct ms_buf *b, uint8_t tag, struct ms_span content)
{
	size_t mark = ms_der_open(b, tag);
	ms_buf_put_span(b, content);
	ms_der_close(b, mark);
}

/* X.680 41.4: PrintableString. */
static bool
printable(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c != 0 && strchr(" '()+,-./:=?", c) != NULL);
}

static bool
text_ok(uint8_t tag, struct ms_span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (tag == MS_DER_IA5_STRING && (s.p[i] == 0 || s.p[i] >= 0x80))
			return false;
		if (tag == MS_DER_PRINTABLE_STRING && !printable(s.p[i]))
			return false;
	}
	return tag != MS_DER_UTF8_STRING || ms_utf8_ok(s);
}

void
ms_der_put_text_span(struct ms_buf *b, uint8_t tag, struct ms_span s)
{
	ms_der_put(b, tag, s);
	if (!text_ok(tag, s))
		b->bad = true;
}

void
ms_der_put_text(struct ms_buf *b, uint8_t tag, const char *s)
{
	ms_der_put_text_span(b, tag, ms_span_str(s));
}

void
ms_der_put_bool(struct ms_buf *b, bool v)
{
	uint8_t w = v ? 0xff : 0;
	ms_der_put(b, MS_DER_BOOLEAN, ms_span(&w, 1));
}

void
ms_der_put_integer(struct ms_buf *b, struct ms_span magnitude)
{
	size_t zeros = 0;
	while (zeros < magnitude.len && magnitude.p[zeros] == 0)
		zeros++;
	struct ms_span m = magnitude.len == zeros ? MS_SPAN_NONE : ms_span(magnitude.p + zeros, magnitude.len - zeros);
	size_t mark = ms_der_open(b, MS_DER_INTEGER);
	if (m.len == 0 || m.p[0] >= 0x80)
		ms_buf_u8(b, 0);
	ms_buf_put_span(b, m);
	ms_der_close(b, mark);
}

void
ms_der_put_uint(struct ms_buf *b, uint64_t v)
{
	uint8_t w[sizeof v];
	for (size_t i = 0; i < sizeof w; i++)
		w[i] = (uint8_t)(v >> 8 * (sizeof w - 1 - i));
	ms_der_put_integer(b, ms_span(w, sizeof w));
}

void
ms_der_put_oid(struct ms_buf *b, enum ms_oid id)
{
	struct ms_span s = ms_oid(id);
	if (s.len == 0)
		b->bad = true;
	ms_der_put(b, MS_DER_OID, s);
}

void
ms_der_put_octets(struct ms_buf *b, struct ms_span s)
{
	ms_der_put(b, MS_DER_OCTET_STRING, s);
}

void
ms_der_put_bits(struct ms_buf *b, struct ms_span s)
{
	size_t mark = ms_der_open(b, MS_DER_BIT_STRING);
	ms_buf_u8(b, 0);
	ms_buf_put_span(b, s);
	ms_der_close(b, mark);
}

void
ms_der_put_named_bits(struct ms_buf *b, uint8_t tag, uint32_t bits)
{
	uint8_t w[1 + sizeof bits] = {0};
	size_t n = 0; /* bits that count */
	for (size_t i = 0; i < 32; i++) {
		if ((bits >> i & 1) == 0)
			continue;
		w[1 + i / 8] |= (uint8_t)(0x80u >> i % 8);
		n = i + 1;
	}
	size_t n_bytes = (n + 7) / 8;
	w[0] = (uint8_t)(8 * n_bytes - n);
	ms_der_put(b, tag, ms_span(w, 1 + n_bytes));
}

void
ms_der_put_null(struct ms_buf *b)
{
	ms_der_put(b, MS_DER_NULL, MS_SPAN_NONE);
}
