#include <stdarg.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cli.h"

#define CELL_MAX 200u
#define COLUMNS_MAX 12u
#define ID_SHOWN 12u

/* What came over the network or out of a file must not move the cursor or change colours. */
void
ms_out_text(FILE *f, const char *s)
{
	for (const unsigned char *p = (const unsigned char *)s; *p != '\0'; p++) {
		if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0))
			(void)fprintf(f, "\\x%02x", *p);
		else
			(void)fputc(*p, f);
	}
}

enum ms_rc
ms_out_json(struct ms_cli *c, const json_t *j, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	ms_buf_init(&b, 64u << 20);
	enum ms_rc rc = ms_json_build(j, true, &b, err);
	if (rc == MS_OK && fwrite(b.p, 1, b.len, c->out) != b.len)
		rc = ms_fail(err, MS_ERR_IO, "standard output");
	return rc;
}

static void
cell(const json_t *row, const struct ms_column *col, char out[static CELL_MAX])
{
	const json_t *v = json_object_get(row, col->key);
	out[0] = '\0';
	if (json_is_string(v) && col->kind == MS_COLUMN_ID)
		(void)snprintf(out, CELL_MAX, "%.*s", (int)ID_SHOWN, json_string_value(v));
	else if (json_is_string(v))
		(void)snprintf(out, CELL_MAX, "%s", json_string_value(v));
	else if (json_is_integer(v) && col->kind == MS_COLUMN_TIME)
		ms_clock_text((uint64_t)json_integer_value(v), out);
	else if (json_is_integer(v))
		(void)snprintf(out, CELL_MAX, "%lld", (long long)json_integer_value(v));
	else if (json_is_boolean(v))
		(void)snprintf(out, CELL_MAX, "%s", json_is_true(v) ? "yes" : "no");
	if (out[0] == '\0')
		(void)snprintf(out, CELL_MAX, "-");
	for (char *p = out; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
}

static size_t
width_of(const char *s)
{
	size_t n = 0;
	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static const char *
colour_of(const struct ms_cli *c, enum ms_column_kind kind, const char *text)
{
	static const struct {
		const char *text, *colour;
	} rows[] = {{"trusted", "\033[32m"}, {"ok", "\033[32m"}, {"pass", "\033[32m"}, {"good", "\033[32m"}, {"valid", "\033[32m"},
	    {"pending", "\033[33m"}, {"stale", "\033[33m"}, {"expected", "\033[33m"}, {"hold", "\033[33m"}, {"deny", "\033[33m"},
	    {"denied", "\033[33m"}, {"quarantined", "\033[31m"}, {"fail", "\033[31m"}, {"revoked", "\033[31m"}};
	for (size_t i = 0; c->colour && kind == MS_COLUMN_STATE && i < sizeof rows / sizeof *rows; i++)
		if (strcmp(text, rows[i].text) == 0)
			return rows[i].colour;
	return NULL;
}

static void
put_cell(struct ms_cli *c, const struct ms_column *col, const char *text, size_t width, bool last)
{
	const char *colour = colour_of(c, col->kind, text);
	size_t w = width_of(text);
	if (colour != NULL)
		(void)fputs(colour, c->out);
	ms_out_text(c->out, text);
	if (colour != NULL)
		(void)fputs("\033[0m", c->out);
	if (!last)
		(void)fprintf(c->out, "%*s", (int)(width > w ? width - w : 0) + 2, "");
}

enum ms_rc
ms_out_table(struct ms_cli *c, const json_t *rows, const struct ms_column *columns, struct ms_err *err)
{
	size_t width[COLUMNS_MAX], n = 0, i;
	char text[CELL_MAX];
	const json_t *row;
	if (c->json)
		return ms_out_json(c, rows, err);
	for (; columns[n].key != NULL && n < COLUMNS_MAX; n++) {
		width[n] = strlen(columns[n].title);
		json_array_foreach(rows, i, row)
		{
			cell(row, &columns[n], text);
			if (width_of(text) > width[n])
				width[n] = width_of(text);
		}
	}
	for (size_t k = 0; k < n; k++)
		(void)fprintf(c->out, k + 1 < n ? "%-*s  " : "%*s", k + 1 < n ? (int)width[k] : 0, columns[k].title);
	(void)fputc('\n', c->out);
	json_array_foreach(rows, i, row)
	{
		for (size_t k = 0; k < n; k++) {
			cell(row, &columns[k], text);
			put_cell(c, &columns[k], text, width[k], k + 1 == n);
		}
		(void)fputc('\n', c->out);
	}
	return MS_OK;
}

static void
put_scalar(struct ms_cli *c, const char *key, const json_t *v)
{
	size_t n = strlen(key);
	char when[MS_CLOCK_TEXT_LEN];
	if (json_is_string(v) && json_string_length(v) > 400) {
		(void)fprintf(c->out, "(%zu digits, see --json)", json_string_length(v));
	} else if (json_is_string(v)) {
		const char *colour = colour_of(c, MS_COLUMN_STATE, json_string_value(v));
		(void)fputs(colour != NULL ? colour : "", c->out);
		ms_out_text(c->out, json_string_value(v));
		(void)fputs(colour != NULL ? "\033[0m" : "", c->out);
	} else if (json_is_integer(v) && n > 2 && strcmp(key + n - 2, "_s") == 0) {
		ms_clock_text((uint64_t)json_integer_value(v), when);
		(void)fputs(when, c->out);
	} else if (json_is_integer(v)) {
		(void)fprintf(c->out, "%lld", (long long)json_integer_value(v));
	} else {
		(void)fputs(json_is_true(v) ? "yes" : json_is_false(v) ? "no" : "-", c->out);
	}
}

/* One line a member; what is nested is indented below its name. */
static void
put_members(struct ms_cli *c, const json_t *object, unsigned indent)
{
	const char *key;
	json_t *v, *item;
	size_t i;
	json_object_foreach((json_t *)(uintptr_t)object, key, v)
	{
		size_t n = strlen(key);
		int shown = (int)(n > 2 && strcmp(key + n - 2, "_s") == 0 ? n - 2 : n);
		(void)fprintf(c->out, "%*s%.*s:%*s", (int)indent, "", shown, key, shown < 18 ? 18 - shown : 1, "");
		if (json_is_object(v)) {
			(void)fputc('\n', c->out);
			put_members(c, v, indent + 2);
			continue;
		}
		if (!json_is_array(v)) {
			put_scalar(c, key, v);
			(void)fputc('\n', c->out);
			continue;
		}
		(void)fputc('\n', c->out);
		json_array_foreach(v, i, item)
		{
			if (json_is_object(item)) {
				put_members(c, item, indent + 2);
				(void)fputc('\n', c->out);
				continue;
			}
			(void)fprintf(c->out, "%*s", (int)indent + 2, "");
			put_scalar(c, "", item);
			(void)fputc('\n', c->out);
		}
	}
}

enum ms_rc
ms_out_record(struct ms_cli *c, const json_t *object, struct ms_err *err)
{
	if (c->json)
		return ms_out_json(c, object, err);
	put_members(c, object, 0);
	return MS_OK;
}

enum ms_rc
ms_out_done(struct ms_cli *c, json_t *more, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (!c->json) {
		ms_out_text(c->out, text);
		(void)fputc('\n', c->out);
		return MS_OK;
	}
	MS_OWN(ms_json_free) json_t *j = more != NULL ? json_copy(more) : json_object();
	if (j == NULL || json_object_set_new(j, "done", json_string(text)) != 0)
		return MS_ERR_NOMEM;
	return ms_out_json(c, j, NULL);
}
