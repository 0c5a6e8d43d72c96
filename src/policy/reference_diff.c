#include "policy/reference_diff.h"

#include <stdio.h>
#include <string.h>

struct diff {
	ms_reference_diff_fn fn;
	void *ctx;
	size_t n;
};

static void
tell(struct diff *d, bool added, const char *what, const char *text)
{
	struct ms_reference_difference x = {.added = added, .what = what, .text = text};
	d->n++;
	if (d->fn != NULL)
		d->fn(d->ctx, &x);
}

static int
row_cmp(const struct ms_pcr_accept *a, const struct ms_pcr_accept *b)
{
	return a->index != b->index ? (a->index < b->index ? -1 : 1)
				    : ms_span_cmp(ms_span(a->digest, MS_PCR_LEN), ms_span(b->digest, MS_PCR_LEN));
}

static void
tell_row(struct diff *d, bool added, const struct ms_pcr_accept *row)
{
	char what[16], hex[2 * MS_PCR_LEN + 1];
	(void)snprintf(what, sizeof what, "pcr %u", row->index);
	ms_hex(row->digest, MS_PCR_LEN, hex);
	tell(d, added, what, hex);
}

/* Rows of both are sorted and unique. */
static void
diff_rows(struct diff *d, const struct ms_reference *a, const struct ms_reference *b)
{
	for (size_t i = 0, j = 0; i < a->n || j < b->n;) {
		int c = i == a->n ? 1 : j == b->n ? -1 : row_cmp(&a->rows[i], &b->rows[j]);
		if (c != 0)
			tell_row(d, c > 0, c > 0 ? &b->rows[j] : &a->rows[i]);
		i += c <= 0;
		j += c >= 0;
	}
}

size_t
ms_reference_diff(const struct ms_reference *a, const struct ms_reference *b, ms_reference_diff_fn fn, void *ctx)
{
	struct diff d = {.fn = fn, .ctx = ctx};
	if (strcmp(a->model, b->model) != 0) {
		tell(&d, false, "model", a->model);
		tell(&d, true, "model", b->model);
	}
	diff_rows(&d, a, b);
	return d.n;
}
