#include "cli/csv.h"

#include <stdlib.h>
#include <string.h>

#define HEADER "serial,model,ek_hash"
#define COLUMNS 3u

struct reader {
	const char *file;
	struct ms_span text;
	size_t at;
	unsigned line;
	size_t cap;
	struct ms_err *err;
};

void
ms_csv_fini(struct ms_csv *c)
{
	free(c->row);
	*c = (struct ms_csv){0};
}

static enum ms_rc
wrong(const struct reader *r, const char *what)
{
	return ms_fail(r->err, MS_ERR_USAGE, "%s:%u: %s", r->file, r->line, what);
}

/* The next line without its end; false at the end of the text. */
static bool
next_line(struct reader *r, struct ms_span *ret)
{
	if (r->at >= r->text.len)
		return false;
	const uint8_t *p = r->text.p + r->at;
	const uint8_t *lf = memchr(p, '\n', r->text.len - r->at);
	size_t n = lf != NULL ? (size_t)(lf - p) : r->text.len - r->at;
	r->at += n + 1;
	r->line++;
	if (n > 0 && p[n - 1] == '\r')
		n--;
	*ret = ms_span(p, n);
	return true;
}

static enum ms_rc
split(const struct reader *r, struct ms_span line, struct ms_span cell[static COLUMNS])
{
	size_t n = 0, from = 0;
	for (size_t i = 0; i <= line.len; i++) {
		if (i < line.len && line.p[i] != ',')
			continue;
		if (n == COLUMNS)
			return wrong(r, "more than 3 columns");
		cell[n++] = ms_span(line.p + from, i - from);
		from = i + 1;
	}
	return n == COLUMNS ? MS_OK : wrong(r, "3 columns are wanted: " HEADER);
}

static enum ms_rc
take_text(const struct reader *r, struct ms_span s, const char *missing, char out[static 65])
{
	if (s.len == 0)
		return wrong(r, missing);
	if (s.len > 64)
		return wrong(r, "a value is longer than 64 bytes");
	if (!ms_utf8_ok(s))
		return wrong(r, "a value is not UTF-8");
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] < 0x20 || s.p[i] == 0x7f || s.p[i] == '"')
			return wrong(r, "quotes and control characters are not taken");
	if (s.p[0] == ' ' || s.p[s.len - 1] == ' ')
		return wrong(r, "space around a value");
	memcpy(out, s.p, s.len);
	out[s.len] = '\0';
	return MS_OK;
}

static enum ms_rc
take_row(struct reader *r, struct ms_span line, struct ms_csv *c)
{
	struct ms_span cell[COLUMNS];
	enum ms_rc rc = split(r, line, cell);
	if (rc != MS_OK)
		return rc;
	if (c->n == MS_CSV_ROWS_MAX)
		return ms_fail(
		    r->err, MS_ERR_TOO_BIG, "%s:%u: more than %u devices: make several batches", r->file, r->line, MS_CSV_ROWS_MAX);
	if (c->n == r->cap) {
		size_t cap = r->cap == 0 ? 64 : 2 * r->cap;
		struct ms_csv_row *more = reallocarray(c->row, cap, sizeof *more);
		if (more == NULL)
			return ms_fail(r->err, MS_ERR_NOMEM, "%s", r->file);
		c->row = more;
		r->cap = cap;
	}
	struct ms_csv_row *row = &c->row[c->n];
	row->line = r->line;
	rc = take_text(r, cell[0], "the serial is empty", row->serial);
	if (rc == MS_OK)
		rc = take_text(r, cell[1], "the model is empty", row->model);
	if (rc == MS_OK && (cell[2].len != 64 || ms_unhex((const char *)cell[2].p, 64, row->ek_hash, 32) != MS_OK))
		rc = wrong(r, "ek_hash: 64 hexadecimal digits are wanted (muster-agent identify prints them)");
	if (rc == MS_OK)
		c->n++;
	return rc;
}

static int
by_ek(const void *a, const void *b)
{
	const struct ms_csv_row *const *x = a, *const *y = b;
	int d = ms_span_cmp(ms_span((*x)->ek_hash, 32), ms_span((*y)->ek_hash, 32));
	return d != 0 ? d : ((*x)->line > (*y)->line) - ((*x)->line < (*y)->line);
}

static enum ms_rc
check_unique(struct reader *r, const struct ms_csv *c)
{
	const struct ms_csv_row **sorted = calloc(c->n, sizeof *sorted);
	enum ms_rc rc = MS_OK;
	if (sorted == NULL)
		return ms_fail(r->err, MS_ERR_NOMEM, "%s", r->file);
	for (size_t i = 0; i < c->n; i++)
		sorted[i] = &c->row[i];
	qsort(sorted, c->n, sizeof *sorted, by_ek);
	for (size_t i = 1; rc == MS_OK && i < c->n; i++)
		if (ms_span_eq(ms_span(sorted[i - 1]->ek_hash, 32), ms_span(sorted[i]->ek_hash, 32)))
			rc = ms_fail(
			    r->err, MS_ERR_USAGE, "%s:%u: the same ek_hash as in line %u", r->file, sorted[i]->line, sorted[i - 1]->line);
	free(sorted);
	return rc;
}

static enum ms_rc
read_header(struct reader *r)
{
	struct ms_span line;
	if (!next_line(r, &line))
		return ms_fail(r->err, MS_ERR_USAGE, "%s: the file is empty", r->file);
	if (line.len >= 3 && line.p[0] == 0xef && line.p[1] == 0xbb && line.p[2] == 0xbf)
		return wrong(r, "the file begins with a byte order mark: save it without");
	return ms_span_eq(line, ms_span_str(HEADER)) ? MS_OK : wrong(r, "the first line must be " HEADER);
}

enum ms_rc
ms_csv_parse(const char *file, struct ms_span text, struct ms_csv *ret, struct ms_err *err)
{
	struct reader r = {.file = file, .text = text, .err = err};
	struct ms_span line;
	MS_OWN(ms_csv_fini) struct ms_csv c = {.n = 0};
	if (text.len > MS_CSV_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "%s: larger than %u bytes", file, MS_CSV_MAX);
	enum ms_rc rc = read_header(&r);
	while (rc == MS_OK && next_line(&r, &line))
		rc = take_row(&r, line, &c);
	if (rc == MS_OK && c.n == 0)
		rc = wrong(&r, "there is no device after the header");
	if (rc == MS_OK)
		rc = check_unique(&r, &c);
	if (rc != MS_OK)
		return rc;
	*ret = c;
	c = (struct ms_csv){0};
	return MS_OK;
}
