#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

struct ms_span
ms_span_str(const char *s)
{
	return ms_span(s, s == NULL ? 0 : strlen(s));
}

bool
ms_span_eq(struct ms_span a, struct ms_span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

int
ms_span_cmp(struct ms_span a, struct ms_span b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n == 0 ? 0 : memcmp(a.p, b.p, n);
	if (c != 0)
		return c;
	return a.len < b.len ? -1 : a.len > b.len;
}

void
ms_buf_init(struct ms_buf *b, size_t max)
{
	*b = (struct ms_buf){.max = max};
}

void
ms_buf_fini(struct ms_buf *b)
{
	if (b->p != NULL)
		ms_wipe(b->p, b->cap);
	free(b->p);
	*b = (struct ms_buf){.max = b->max};
}

void
ms_buf_reset(struct ms_buf *b)
{
	b->len = 0;
	b->bad = false;
}

/* Room for `more` bytes, growing by doubling up to max. The old block is wiped before it is freed. */
static bool
buf_reserve(struct ms_buf *b, size_t more)
{
	size_t need;
	if (b->bad)
		return false;
	if (!ms_add_size(b->len, more, &need) || need > b->max) {
		b->bad = true;
		return false;
	}
	if (need <= b->cap)
		return true;
	size_t cap = b->cap == 0 ? 128 : b->cap;
	while (cap < need)
		cap = cap > b->max / 2 ? b->max : cap * 2;
	uint8_t *p = malloc(cap);
	if (p == NULL) {
		b->bad = true;
		return false;
	}
	if (b->len > 0)
		memcpy(p, b->p, b->len);
	if (b->p != NULL)
		ms_wipe(b->p, b->cap);
	free(b->p);
	b->p = p;
	b->cap = cap;
	return true;
}

void
ms_buf_put(struct ms_buf *b, const void *p, size_t len)
{
	if (!buf_reserve(b, len) || len == 0)
		return;
	memcpy(b->p + b->len, p, len);
	b->len += len;
}

void
ms_buf_put_span(struct ms_buf *b, struct ms_span s)
{
	ms_buf_put(b, s.p, s.len);
}

static void
buf_be(struct ms_buf *b, uint64_t v, size_t n)
{
	uint8_t w[8];
	for (size_t i = 0; i < n; i++)
		w[i] = (uint8_t)(v >> 8 * (n - 1 - i));
	ms_buf_put(b, w, n);
}

void
ms_buf_u8(struct ms_buf *b, uint8_t v)
{
	buf_be(b, v, 1);
}

void
ms_buf_u16(struct ms_buf *b, uint16_t v)
{
	buf_be(b, v, 2);
}

void
ms_buf_u32(struct ms_buf *b, uint32_t v)
{
	buf_be(b, v, 4);
}

void
ms_buf_u64(struct ms_buf *b, uint64_t v)
{
	buf_be(b, v, 8);
}

void
ms_buf_str(struct ms_buf *b, const char *s)
{
	ms_buf_put(b, s, strlen(s));
}

void
ms_buf_fmt(struct ms_buf *b, const char *fmt, ...)
{
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	/* one more for the NUL that vsnprintf writes and len does not count */
	if (n < 0 || !buf_reserve(b, (size_t)n + 1)) {
		b->bad = true;
	} else {
		(void)vsnprintf((char *)b->p + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
}

enum ms_rc
ms_buf_check(const struct ms_buf *b, struct ms_err *err)
{
	if (!b->bad)
		return MS_OK;
	return ms_fail(err, MS_ERR_TOO_BIG, "more than %zu bytes, or no memory for them", b->max);
}

struct ms_span
ms_buf_span(const struct ms_buf *b)
{
	return ms_span(b->p, b->len);
}

enum ms_rc
ms_bytes_dup(struct ms_span s, uint8_t **ret)
{
	uint8_t *p = malloc(s.len == 0 ? 1 : s.len);
	if (p == NULL)
		return MS_ERR_NOMEM;
	if (s.len > 0)
		memcpy(p, s.p, s.len);
	*ret = p;
	return MS_OK;
}

bool
ms_ct_eq(const void *a, const void *b, size_t len)
{
	const volatile uint8_t *x = a, *y = b;
	uint8_t d = 0;
	for (size_t i = 0; i < len; i++)
		d |= x[i] ^ y[i];
	return d == 0;
}

void
ms_wipe(void *p, size_t len)
{
	if (p != NULL && len > 0)
		explicit_bzero(p, len);
}

void
ms_hex(const void *p, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *b = p;
	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[b[i] >> 4];
		out[2 * i + 1] = digits[b[i] & 15];
	}
	out[2 * len] = '\0';
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

enum ms_rc
ms_unhex(const char *s, size_t s_len, uint8_t *out, size_t out_len)
{
	if (s_len / 2 != out_len || s_len % 2 != 0)
		return MS_ERR_MALFORMED;
	for (size_t i = 0; i < out_len; i++) {
		int hi = hex_value(s[2 * i]), lo = hex_value(s[2 * i + 1]);
		if (hi < 0 || lo < 0)
			return MS_ERR_MALFORMED;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return MS_OK;
}

static const char b64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char b64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Four digits a group; the last group's digits that carry nothing are left out. Returns the digits written. */
static size_t
b64_write(const char *alphabet, const uint8_t *b, size_t len, char *out)
{
	size_t o = 0;
	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t v = (uint32_t)b[i] << 16 | (uint32_t)(n > 1 ? b[i + 1] : 0) << 8 | (n > 2 ? b[i + 2] : 0);
		for (size_t k = 0; k <= n; k++)
			out[o++] = alphabet[v >> (18 - 6 * k) & 63];
	}
	return o;
}

void
ms_base64(const void *p, size_t len, char *out)
{
	size_t o = b64_write(b64, p, len, out);
	for (; o % 4 != 0; o++)
		out[o] = '=';
	out[o] = '\0';
}

void
ms_base64url(const void *p, size_t len, char *out)
{
	out[b64_write(b64url, p, len, out)] = '\0';
}

/* Digits without padding: any number but 4n+1. */
static enum ms_rc
b64_read(const char *alphabet, const char *s, size_t digits, uint8_t *out, size_t out_cap, size_t *ret_len)
{
	size_t len = digits / 4 * 3 + (digits % 4 > 0 ? digits % 4 - 1 : 0), o = 0;
	if (digits % 4 == 1)
		return MS_ERR_MALFORMED;
	if (len > out_cap)
		return MS_ERR_TOO_BIG;
	for (size_t i = 0; i < digits; i += 4) {
		size_t here = digits - i < 4 ? digits - i : 4;
		uint32_t v = 0;
		for (size_t k = 0; k < 4; k++) {
			const char *at = k >= here ? alphabet : s[i + k] == '\0' ? NULL : strchr(alphabet, s[i + k]);
			if (at == NULL)
				return MS_ERR_MALFORMED;
			v = v << 6 | (uint32_t)(at - alphabet);
		}
		for (size_t k = 0; k < 3; k++) {
			uint8_t byte = (uint8_t)(v >> (16 - 8 * k));
			if (k < here - 1)
				out[o++] = byte;
			else if (byte != 0) /* RFC 4648 3.5: unused bits are zero, or one value has many texts */
				return MS_ERR_MALFORMED;
		}
	}
	*ret_len = o;
	return MS_OK;
}

enum ms_rc
ms_unbase64(const char *s, size_t s_len, uint8_t *out, size_t out_cap, size_t *ret_len)
{
	if (s_len % 4 != 0)
		return MS_ERR_MALFORMED;
	size_t pad = 0;
	while (pad < 2 && pad < s_len && s[s_len - 1 - pad] == '=')
		pad++;
	return b64_read(b64, s, s_len - pad, out, out_cap, ret_len);
}

enum ms_rc
ms_unbase64url(const char *s, size_t s_len, uint8_t *out, size_t out_cap, size_t *ret_len)
{
	return b64_read(b64url, s, s_len, out, out_cap, ret_len);
}

/* Length of the well-formed UTF-8 character at p, 0 if there is none (RFC 3629 section 4). */
static size_t
utf8_char(const uint8_t *p, size_t left)
{
	if (p[0] != 0 && p[0] < 0x80)
		return 1;
	size_t n = p[0] >= 0xc2 && p[0] <= 0xdf ? 2 : p[0] >= 0xe0 && p[0] <= 0xef ? 3 : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4 : 0;
	if (n == 0 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
	    (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

/* Eight bytes of ASCII, none of them NUL: no high bit, and no borrow into one. */
static bool
ascii_8(const uint8_t *p)
{
	uint64_t w;
	memcpy(&w, p, sizeof w);
	return ((w | (w - UINT64_C(0x0101010101010101))) & UINT64_C(0x8080808080808080)) == 0;
}

bool
ms_utf8_ok(struct ms_span s)
{
	for (size_t i = 0; i < s.len;) {
		if (s.len - i >= 8 && ascii_8(s.p + i)) {
			i += 8;
			continue;
		}
		size_t n = utf8_char(s.p + i, s.len - i);
		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

bool
ms_name_ok(struct ms_span s, size_t max)
{
	if (s.len == 0 || s.len > max || s.p[0] == '.' || s.p[0] == '-')
		return false;
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.p[i];
		bool ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
		if (!ok)
			return false;
	}
	return true;
}
