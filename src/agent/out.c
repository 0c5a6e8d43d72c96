#include "agent/out.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "codec/cbor.h"
#include "codec/json.h"

#define LINES_MAX (256u << 10)

struct ms_out {
	bool json;
	json_t *top, *item; /* item: borrowed from top while one is open */
	struct ms_buf lines;
};

enum ms_rc
ms_out_new(bool json, struct ms_out **ret, struct ms_err *err)
{
	MS_OWN(ms_out_free) struct ms_out *o = calloc(1, sizeof *o);
	if (o == NULL || (o->top = json_object()) == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "output");
	o->json = json;
	ms_buf_init(&o->lines, LINES_MAX);
	*ret = o;
	o = NULL;
	return MS_OK;
}

void
ms_out_free(struct ms_out *o)
{
	if (o == NULL)
		return;
	json_decref(o->top);
	ms_buf_fini(&o->lines);
	free(o);
}

static void
put(struct ms_out *o, const char *key, json_t *value)
{
	(void)json_object_set_new(o->item != NULL ? o->item : o->top, key, value);
}

static void
label_line(struct ms_out *o, const char *label)
{
	ms_buf_fmt(&o->lines, "%s%-22s ", o->item != NULL ? "  " : "", label);
}

/* Control bytes and what is not UTF-8 would let a sender write to a terminal. */
static void
escaped(struct ms_buf *b, struct ms_span s)
{
	bool utf8 = ms_utf8_ok(s);
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < 0x20 || s.p[i] == 0x7f || (s.p[i] >= 0x80 && !utf8))
			ms_buf_fmt(b, "\\x%02x", s.p[i]);
		else
			ms_buf_u8(b, s.p[i]);
	}
}

void
ms_out_text(struct ms_out *o, const char *key, const char *label, struct ms_span value)
{
	put(o, key, json_stringn(value.len == 0 ? "" : (const char *)value.p, value.len));
	if (label == NULL)
		return;
	label_line(o, label);
	escaped(&o->lines, value);
	ms_buf_u8(&o->lines, '\n');
}

void
ms_out_str(struct ms_out *o, const char *key, const char *label, const char *value)
{
	ms_out_text(o, key, label, ms_span_str(value));
}

void
ms_out_hex(struct ms_out *o, const char *key, const char *label, struct ms_span value)
{
	char hex[2 * 64 + 1] = "";
	ms_hex(value.p, value.len <= 64 ? value.len : 64, hex);
	ms_out_str(o, key, label, hex);
}

void
ms_out_uint(struct ms_out *o, const char *key, const char *label, uint64_t value)
{
	put(o, key, json_integer((json_int_t)value));
	if (label != NULL) {
		label_line(o, label);
		ms_buf_fmt(&o->lines, "%llu\n", (unsigned long long)value);
	}
}

void
ms_out_bool(struct ms_out *o, const char *key, const char *label, bool value)
{
	put(o, key, json_boolean(value));
	if (label != NULL) {
		label_line(o, label);
		ms_buf_str(&o->lines, value ? "yes\n" : "no\n");
	}
}

void
ms_out_time(struct ms_out *o, const char *key, const char *label, uint64_t wall_s)
{
	char text[MS_CLOCK_TEXT_LEN];
	ms_clock_text(wall_s, text);
	ms_out_str(o, key, label, text);
}

void
ms_out_list(struct ms_out *o, const char *key, const char *label, struct ms_span cbor_array)
{
	struct ms_cbor c = ms_cbor_over(cbor_array);
	json_t *list = json_array();
	for (size_t n = ms_cbor_read_array(&c); n > 0; n--) {
		struct ms_span s = ms_cbor_read_text(&c);
		(void)json_array_append_new(list, json_stringn(s.len == 0 ? "" : (const char *)s.p, s.len));
		if (label == NULL)
			continue;
		label_line(o, label);
		escaped(&o->lines, s);
		ms_buf_u8(&o->lines, '\n');
	}
	put(o, key, list);
}

void
ms_out_item_begin(struct ms_out *o, const char *key)
{
	json_t *list = json_object_get(o->top, key);
	if (list == NULL) {
		list = json_array();
		put(o, key, list);
	}
	json_t *item = json_object();
	(void)json_array_append_new(list, item);
	o->item = item;
}

void
ms_out_item_end(struct ms_out *o)
{
	o->item = NULL;
}

void
ms_out_line(struct ms_out *o, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	escaped(&o->lines, ms_span_str(text));
	ms_buf_u8(&o->lines, '\n');
}

int
ms_out_done(struct ms_out *o, int status)
{
	struct ms_buf text;
	ms_buf_init(&text, LINES_MAX * 2);
	enum ms_rc rc = o->json ? ms_json_build(o->top, true, &text, NULL) : ms_buf_check(&o->lines, NULL);
	struct ms_span s = o->json ? ms_buf_span(&text) : ms_buf_span(&o->lines);
	bool ok = rc == MS_OK && (s.len == 0 || fwrite(s.p, 1, s.len, stdout) == s.len) && fflush(stdout) == 0;
	ms_buf_fini(&text);
	if (!ok)
		(void)fprintf(stderr, "muster-agent: cannot print the result\n");
	return ok ? status : ms_rc_exit(MS_ERR_IO);
}

int
ms_out_error(struct ms_out *o, const struct ms_err *err)
{
	int status = ms_rc_exit(err->rc);
	struct ms_buf text;
	ms_out_str(o, "code", NULL, ms_rc_name(err->rc));
	ms_out_str(o, "error", NULL, err->text);
	ms_buf_init(&text, 4 * MS_ERR_TEXT_MAX);
	escaped(&text, ms_span_str(err->text));
	if (status == 1)
		ms_buf_fmt(&o->lines, "refused (%s): %.*s\n", ms_rc_name(err->rc), (int)text.len, (const char *)text.p);
	else
		(void)fprintf(stderr, "muster-agent: %.*s\n", (int)text.len, (const char *)text.p);
	ms_buf_fini(&text);
	return ms_out_done(o, status);
}
