#include "cli/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#define LABEL_WIDTH 18
#define CLAIM_WIDTH 30
#define TEXT_MAX 1024u

enum ms_rc
ms_report_init(struct ms_report *r, struct ms_err *err)
{
	r->j = json_object();
	return r->j != NULL ? MS_OK : ms_fail(err, MS_ERR_NOMEM, "report");
}

void
ms_report_fini(struct ms_report *r)
{
	json_decref(r->j);
	r->j = NULL;
}

/* What could not be kept is found again by ms_report_print(): a report never lacks a line in silence. */
void
ms_report_put(struct ms_report *r, const char *key, json_t *v)
{
	if (v == NULL || json_object_set_new(r->j, key, v) != 0)
		(void)json_object_set_new(r->j, "incomplete", json_true());
}

void
ms_report_text(struct ms_report *r, const char *key, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	json_t *v = json_string(text);
	ms_report_put(r, key, v != NULL ? v : json_string("(not UTF-8)"));
}

void
ms_report_uint(struct ms_report *r, const char *key, uint64_t v)
{
	ms_report_put(r, key, json_integer((json_int_t)v));
}

void
ms_report_bool(struct ms_report *r, const char *key, bool v)
{
	ms_report_put(r, key, json_boolean(v));
}

void
ms_report_note(struct ms_report *r, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	json_t *notes = json_object_get(r->j, "notes");
	if (notes == NULL) {
		ms_report_put(r, "notes", json_array());
		notes = json_object_get(r->j, "notes");
	}
	if (notes == NULL || json_array_append_new(notes, json_string(text)) != 0)
		ms_report_put(r, "incomplete", json_true());
}

static json_t *
claim_json(const struct ms_claim *c)
{
	if (c->name->type == MS_CLAIM_BOOL)
		return json_boolean(c->number != 0);
	if (c->name->type == MS_CLAIM_UINT && c->number <= INT64_MAX)
		return json_integer((json_int_t)c->number);
	size_t size = 2 * MS_CLAIM_VALUE_MAX + 8;
	char *text = malloc(size);
	if (text == NULL)
		return NULL;
	ms_claim_text(c, text, size);
	json_t *j = json_string(text);
	free(text);
	return j;
}

void
ms_report_claims(struct ms_report *r, const struct ms_claims *claims)
{
	json_t *all = json_object(), *unproven = json_array();
	bool bad = all == NULL || unproven == NULL;
	for (size_t i = 0; !bad && i < ms_claims_count(claims); i++) {
		const struct ms_claim *c = ms_claims_at(claims, i);
		json_t *v = claim_json(c), *list = json_object_get(all, c->name->name);
		if (c->name->many && list == NULL) {
			bad = json_object_set_new(all, c->name->name, json_array()) != 0;
			list = json_object_get(all, c->name->name);
		}
		bad = bad || v == NULL || (list != NULL ? json_array_append_new(list, v) : json_object_set_new(all, c->name->name, v)) != 0;
		if (!c->proven)
			bad = bad || json_array_append_new(unproven, json_string(c->name->name)) != 0;
	}
	ms_report_put(r, "claims", all);
	if (json_array_size(unproven) > 0)
		ms_report_put(r, "unproven", unproven);
	else
		json_decref(unproven);
	if (bad)
		ms_report_put(r, "incomplete", json_true());
}

void
ms_report_pcrs(struct ms_report *r, const struct ms_pcr_banks *b)
{
	ms_report_put(r, "pcrs", ms_pcr_banks_to_json(b));
}

/* ---- for people ---- */

static void
put_scalar(const struct ms_cli *c, const char *key, const json_t *v)
{
	char when[MS_CLOCK_TEXT_LEN];
	size_t n = strlen(key);
	if (json_is_string(v)) {
		ms_out_text(c->out, json_string_value(v));
	} else if (json_is_integer(v) && n > 2 && strcmp(key + n - 2, "_s") == 0) {
		ms_clock_text((uint64_t)json_integer_value(v), when);
		(void)fputs(when, c->out);
	} else if (json_is_integer(v)) {
		(void)fprintf(c->out, "%lld", (long long)json_integer_value(v));
	} else {
		(void)fputs(json_is_true(v) ? "yes" : "no", c->out);
	}
}

static void
put_label(const struct ms_cli *c, const char *key, int indent, int width)
{
	size_t n = strlen(key);
	int shown = (int)(n > 2 && strcmp(key + n - 2, "_s") == 0 ? n - 2 : n);
	(void)fprintf(c->out, "%*s%s%.*s%s%*s", indent, "", c->colour ? "\033[2m" : "", shown, key, c->colour ? "\033[0m" : "",
	    shown < width ? width - shown : 1, "");
}

static bool
listed(const json_t *list, const char *text)
{
	const json_t *v;
	size_t i;
	json_array_foreach(list, i, v)
	{
		if (strcmp(json_string_value(v), text) == 0)
			return true;
	}
	return false;
}

static void
print_claims(const struct ms_cli *c, const json_t *claims, const json_t *unproven)
{
	const char *key;
	json_t *v, *one;
	size_t i;
	if (json_object_size(claims) == 0)
		return;
	(void)fputs("claims\n", c->out);
	json_object_foreach((json_t *)(uintptr_t)claims, key, v)
	{
		const char *mark = listed(unproven, key) ? "  (unproven)" : "";
		if (!json_is_array(v)) {
			put_label(c, key, 2, CLAIM_WIDTH);
			put_scalar(c, "", v);
			(void)fprintf(c->out, "%s\n", mark);
			continue;
		}
		json_array_foreach(v, i, one)
		{
			put_label(c, i == 0 ? key : "", 2, CLAIM_WIDTH);
			put_scalar(c, "", one);
			(void)fprintf(c->out, "%s\n", mark);
		}
	}
}

static void
print_pcrs(const struct ms_cli *c, const json_t *banks)
{
	const char *bank, *index;
	json_t *values, *v;
	json_object_foreach((json_t *)(uintptr_t)banks, bank, values)
	{
		(void)fprintf(c->out, "pcrs %s\n", bank);
		json_object_foreach(values, index, v)
		{
			put_label(c, index, 2, 4);
			(void)fprintf(c->out, "%s\n", json_string_value(v));
		}
	}
}

static void
print_list(const struct ms_cli *c, const char *key, const json_t *list)
{
	const json_t *v;
	size_t i;
	json_array_foreach(list, i, v)
	{
		put_label(c, i == 0 ? key : "", 0, LABEL_WIDTH);
		put_scalar(c, "", v);
		(void)fputc('\n', c->out);
	}
}

static void
print_members(const struct ms_cli *c, const json_t *j)
{
	static const char *const apart[] = {"result", "reason", "detail", "claims", "unproven", "pcrs", "notes"};
	const char *key;
	json_t *v;
	json_object_foreach((json_t *)(uintptr_t)j, key, v)
	{
		bool skip = false;
		for (size_t i = 0; i < sizeof apart / sizeof *apart; i++)
			skip |= strcmp(apart[i], key) == 0;
		if (skip)
			continue;
		if (json_is_array(v)) {
			print_list(c, key, v);
			continue;
		}
		put_label(c, key, 0, LABEL_WIDTH);
		put_scalar(c, key, v);
		(void)fputc('\n', c->out);
	}
	print_pcrs(c, json_object_get(j, "pcrs"));
	print_claims(c, json_object_get(j, "claims"), json_object_get(j, "unproven"));
	print_list(c, "note", json_object_get(j, "notes"));
}

static enum ms_rc
print(struct ms_cli *c, const struct ms_report *r, struct ms_err *err)
{
	if (json_object_get(r->j, "incomplete") != NULL)
		return ms_fail(err, MS_ERR_NOMEM, "report");
	if (c->json)
		return ms_out_json(c, r->j, err);
	print_members(c, r->j);
	return MS_OK;
}

enum ms_rc
ms_report_accept(struct ms_cli *c, struct ms_report *r, const char *headline, struct ms_err *err)
{
	ms_report_text(r, "result", "accepted");
	if (!c->json) {
		(void)fprintf(c->out, "%saccepted%s: ", c->colour ? "\033[32m" : "", c->colour ? "\033[0m" : "");
		ms_out_text(c->out, headline);
		(void)fputc('\n', c->out);
	}
	return print(c, r, err);
}

enum ms_rc
ms_report_refuse(struct ms_cli *c, struct ms_report *r, const char *reason, const char *detail, struct ms_err *err)
{
	size_t n = strlen(reason);
	c->refused = true;
	if (strncmp(detail, reason, n) == 0 && strncmp(detail + n, ": ", 2) == 0) /* evidence/reason.h puts it there too */
		detail += n + 2;
	ms_report_text(r, "result", "refused");
	ms_report_text(r, "reason", "%s", reason);
	ms_report_text(r, "detail", "%s", detail);
	if (!c->json) {
		(void)fprintf(c->out, "%srefused%s (%s): ", c->colour ? "\033[31m" : "", c->colour ? "\033[0m" : "", reason);
		ms_out_text(c->out, detail);
		(void)fputc('\n', c->out);
	}
	return print(c, r, err);
}

/* ---- options ---- */

enum ms_rc
ms_cli_time(const struct ms_cli *c, const char *option, uint64_t *ret, struct ms_err *err)
{
	const char *s = ms_cli_option(c, option);
	struct tm tm = {.tm_mday = 0};
	if (s == NULL) {
		*ret = ms_clock_wall_s();
		return MS_OK;
	}
	const char *end = strptime(s, "%Y-%m-%dT%H:%M:%SZ", &tm);
	time_t t = end != NULL && *end == '\0' ? timegm(&tm) : -1;
	if (t > 0) {
		*ret = (uint64_t)t;
		return MS_OK;
	}
	return ms_cli_uint(c, option, 0, 1, INT64_MAX, ret, err) == MS_OK
		   ? MS_OK
		   : ms_fail(err, MS_ERR_USAGE, "--%s: a time such as 2026-12-31T00:00:00Z is wanted", option);
}

enum ms_rc
ms_cli_need(const struct ms_cli *c, const char *option, const char **ret, struct ms_err *err)
{
	*ret = ms_cli_option(c, option);
	return *ret != NULL ? MS_OK : ms_fail(err, MS_ERR_USAGE, "--%s is wanted", option);
}

enum ms_rc
ms_cli_hex(const struct ms_cli *c, const char *option, uint8_t *out, size_t max, size_t *ret_len, struct ms_err *err)
{
	const char *s;
	enum ms_rc rc = ms_cli_need(c, option, &s, err);
	if (rc != MS_OK)
		return rc;
	size_t n = strlen(s);
	if (n % 2 != 0 || n / 2 > max || ms_unhex(s, n, out, n / 2) != MS_OK)
		return ms_fail(err, MS_ERR_USAGE, "--%s: an even number of hex digits, at most %zu, is wanted", option, 2 * max);
	*ret_len = n / 2;
	return MS_OK;
}

enum ms_rc
ms_cli_option_file(const struct ms_cli *c, const char *option, size_t max, struct ms_buf *out, struct ms_err *err)
{
	const char *path = ms_cli_option(c, option);
	return path == NULL ? MS_OK : ms_cli_read_file(path, max, out, err);
}
