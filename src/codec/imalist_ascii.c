/* Lines of an ASCII list back into the bytes that the kernel hashed (ima_fs.c, ima_ascii_measurements_show). */
#include <string.h>

#include "codec/imalist_int.h"

static void
put_le(struct ms_buf *b, uint64_t v, size_t len)
{
	for (size_t i = 0; i < len; i++)
		ms_buf_u8(b, (uint8_t)(v >> (8 * i)));
}

static int
nibble(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; /* the kernel writes lower case */
}

static enum ms_rc
put_hex(struct ms_buf *b, struct ms_span s, const char *what, struct ms_err *err)
{
	if (s.len % 2 != 0)
		return ms_fail(err, MS_ERR_MALFORMED, "%s: odd number of hex digits", what);
	for (size_t i = 0; i < s.len; i += 2) {
		int hi = nibble(s.p[i]), lo = nibble(s.p[i + 1]);
		if (hi < 0 || lo < 0)
			return ms_fail(err, MS_ERR_MALFORMED, "%s: not hex", what);
		ms_buf_u8(b, (uint8_t)(hi << 4 | lo));
	}
	return MS_OK;
}

static enum ms_rc
put_uint(struct ms_buf *b, struct ms_span s, size_t len, struct ms_err *err)
{
	uint64_t v = 0;
	if (s.len == 0) {
		put_le(b, 0, 4);
		return MS_OK;
	}
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9' || s.len > 10)
			return ms_fail(err, MS_ERR_MALFORMED, "a field that should be a number");
		v = 10 * v + (uint64_t)(s.p[i] - '0');
	}
	if (v >> (8 * len) != 0)
		return ms_fail(err, MS_ERR_MALFORMED, "a number of more than %zu bytes", len);
	put_le(b, len, 4);
	put_le(b, v, len);
	return MS_OK;
}

/* "sha256:abcd": hash, colon, NUL, digest. */
static enum ms_rc
put_digest_ng(struct ms_buf *b, struct ms_span s, struct ms_err *err)
{
	const uint8_t *colon = s.len == 0 ? NULL : memrchr(s.p, ':', s.len);
	size_t head = colon == NULL ? 0 : (size_t)(colon - s.p) + 1;
	put_le(b, s.len == 0 ? 0 : head + 1 + (s.len - head) / 2, 4);
	if (s.len == 0)
		return MS_OK;
	ms_buf_put(b, s.p, head);
	ms_buf_u8(b, 0);
	return put_hex(b, ms_span(s.p + head, s.len - head), "digest", err);
}

static enum ms_rc
put_field(struct ms_buf *b, uint8_t field, struct ms_span s, struct ms_err *err)
{
	switch (ms_ima_field_form(field)) {
	case MS_IMA_FORM_DIGEST:
	case MS_IMA_FORM_HEX:
		put_le(b, s.len / 2, 4);
		return put_hex(b, s, "field", err);
	case MS_IMA_FORM_DIGEST_NG:
		return put_digest_ng(b, s, err);
	case MS_IMA_FORM_UINT:
		return put_uint(b, s, ms_ima_field_uint_len(field), err);
	case MS_IMA_FORM_TEXT:
		break;
	}
	/* names of extended attributes are not there at all when there are none */
	size_t nul = s.len == 0 && !ms_ima_field_is_name(field) ? 0 : 1;
	put_le(b, s.len + nul, 4);
	ms_buf_put_span(b, s);
	if (nul != 0)
		ms_buf_u8(b, 0);
	return MS_OK;
}

/* The text before the next space, which is dropped; all when there is none. */
static struct ms_span
cut_left(struct ms_span *s)
{
	const uint8_t *space = s->len == 0 ? NULL : memchr(s->p, ' ', s->len);
	struct ms_span left = ms_span(s->p, space == NULL ? s->len : (size_t)(space - s->p));
	size_t drop = left.len + (space != NULL);
	*s = ms_span(s->p + drop, s->len - drop);
	return left;
}

/* The text after the last space, which is dropped; nothing when there is none: an editor took the space at the line's end. */
static struct ms_span
cut_right(struct ms_span *s)
{
	const uint8_t *space = s->len == 0 ? NULL : memrchr(s->p, ' ', s->len);
	if (space == NULL)
		return MS_SPAN_NONE;
	size_t left = (size_t)(space - s->p);
	struct ms_span right = ms_span(space + 1, s->len - left - 1);
	s->len = left;
	return right;
}

/* Only the path can hold spaces: fields before it are cut off from the left, those after it from the right. */
static enum ms_rc
split_fields(const struct ms_ima_format *f, struct ms_span rest, struct ms_span token[static MS_IMA_FIELDS_MAX], struct ms_err *err)
{
	size_t name = 0;
	while (name < f->n && !ms_ima_field_is_name(f->field[name]))
		name++;
	for (size_t i = 0; i < name; i++)
		token[i] = cut_left(&rest);
	for (size_t i = f->n; i > name + 1; i--)
		token[i - 1] = cut_right(&rest);
	if (name < f->n)
		token[name] = rest;
	else if (rest.len != 0)
		return ms_fail(err, MS_ERR_MALFORMED, "text after the last field");
	return MS_OK;
}

static enum ms_rc
put_data(struct ms_buf *b, const struct ms_ima_format *f, struct ms_span rest, struct ms_err *err)
{
	struct ms_span token[MS_IMA_FIELDS_MAX];
	enum ms_rc rc = split_fields(f, rest, token, err);
	if (rc == MS_OK && f->template == MS_IMA_TEMPLATE_IMA) { /* no length of the digest, no NUL */
		rc = put_hex(b, token[0], "digest", err);
		put_le(b, token[1].len, 4);
		ms_buf_put_span(b, token[1]);
		return rc;
	}
	for (size_t i = 0; rc == MS_OK && i < f->n; i++)
		rc = put_field(b, f->field[i], token[i], err);
	return rc;
}

static bool
parse_pcr(struct ms_span s, uint8_t *ret)
{
	unsigned v = 0;
	if (s.len == 0 || s.len > 2)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		v = 10 * v + (unsigned)(s.p[i] - '0');
	}
	*ret = (uint8_t)v;
	return v < 24;
}

enum ms_rc
ms_ima_line_parse(struct ms_span line, struct ms_buf *scratch, struct ms_ima_line *ret, struct ms_err *err)
{
	struct ms_ima_line l = {.pcr = 0};
	if (line.len > 0 && line.p[0] == ' ') /* "%2d" */
		line = ms_span(line.p + 1, line.len - 1);
	if (memchr(line.p, 0, line.len) != NULL)
		return ms_fail(err, MS_ERR_MALFORMED, "NUL in a line of text");
	if (!parse_pcr(cut_left(&line), &l.pcr))
		return ms_fail(err, MS_ERR_MALFORMED,
		    "does not begin with the number of a PCR (a path with a newline in it? the binary "
		    "list has no such trouble)");
	size_t before = scratch->len;
	enum ms_rc rc = put_hex(scratch, cut_left(&line), "template digest", err);
	l.listed_len = scratch->len - before;
	l.template_name = cut_left(&line);
	if (rc == MS_OK && l.template_name.len == 0)
		return ms_fail(err, MS_ERR_MALFORMED, "the line ends before its template");
	if (rc == MS_OK && !ms_ima_format_find(l.template_name, &l.format))
		return ms_fail(err, MS_ERR_UNSUPPORTED, "template that no kernel has");
	before = scratch->len;
	if (rc == MS_OK)
		rc = put_data(scratch, &l.format, line, err);
	l.data_len = scratch->len - before;
	if (rc == MS_OK)
		rc = ms_buf_check(scratch, err);
	if (rc == MS_OK)
		*ret = l;
	return rc;
}
