#include "base/rd.h"

#include <string.h>

struct ms_rd
ms_rd_over(const void *p, size_t len)
{
	return (struct ms_rd){.p = p, .len = len};
}

struct ms_rd
ms_rd_span(struct ms_span s)
{
	return ms_rd_over(s.p, s.len);
}

void
ms_rd_poison(struct ms_rd *r)
{
	r->bad = true;
	r->off = r->len;
}

struct ms_span
ms_rd_bytes(struct ms_rd *r, size_t len)
{
	if (r->bad || len > r->len - r->off) {
		ms_rd_poison(r);
		return MS_SPAN_NONE;
	}
	struct ms_span s = ms_span(len == 0 ? NULL : r->p + r->off, len);
	r->off += len;
	return s;
}

static uint64_t
rd_be(struct ms_rd *r, size_t n)
{
	struct ms_span s = ms_rd_bytes(r, n);
	uint64_t v = 0;
	for (size_t i = 0; i < s.len; i++)
		v = v << 8 | s.p[i];
	return v;
}

static uint64_t
rd_le(struct ms_rd *r, size_t n)
{
	struct ms_span s = ms_rd_bytes(r, n);
	uint64_t v = 0;
	for (size_t i = s.len; i > 0; i--)
		v = v << 8 | s.p[i - 1];
	return v;
}

uint8_t
ms_rd_u8(struct ms_rd *r)
{
	return (uint8_t)rd_be(r, 1);
}

uint16_t
ms_rd_u16(struct ms_rd *r)
{
	return (uint16_t)rd_be(r, 2);
}

uint32_t
ms_rd_u32(struct ms_rd *r)
{
	return (uint32_t)rd_be(r, 4);
}

uint64_t
ms_rd_u64(struct ms_rd *r)
{
	return rd_be(r, 8);
}

uint16_t
ms_rd_le16(struct ms_rd *r)
{
	return (uint16_t)rd_le(r, 2);
}

uint32_t
ms_rd_le32(struct ms_rd *r)
{
	return (uint32_t)rd_le(r, 4);
}

uint64_t
ms_rd_le64(struct ms_rd *r)
{
	return rd_le(r, 8);
}

void
ms_rd_copy(struct ms_rd *r, void *out, size_t len)
{
	struct ms_span s = ms_rd_bytes(r, len);
	if (s.len == len && len > 0)
		memcpy(out, s.p, len);
	else if (len > 0)
		memset(out, 0, len);
}

struct ms_span
ms_rd_tpm2b(struct ms_rd *r, size_t max)
{
	size_t len = ms_rd_u16(r);
	if (len > max) {
		ms_rd_poison(r);
		return MS_SPAN_NONE;
	}
	return ms_rd_bytes(r, len);
}

struct ms_rd
ms_rd_sub(struct ms_rd *r, size_t len)
{
	struct ms_rd sub = ms_rd_span(ms_rd_bytes(r, len));
	sub.bad = r->bad;
	return sub;
}

size_t
ms_rd_left(const struct ms_rd *r)
{
	return r->len - r->off;
}

bool
ms_rd_done(const struct ms_rd *r)
{
	return !r->bad && r->off == r->len;
}
