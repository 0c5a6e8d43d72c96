#include "policy/reference_diff.h"

#include <stdio.h>
#include <string.h>

#include "crypto/hash.h"

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

static void
tell_digest(struct diff *d, bool added, const char *what, struct ms_span digest)
{
	char hex[2 * MS_HASH_LEN_MAX + 1];
	ms_hex(digest.p, digest.len < MS_HASH_LEN_MAX ? digest.len : MS_HASH_LEN_MAX, hex);
	tell(d, added, what, hex);
}

/* ---- PCRs and events: both sorted and unique ---- */

static int
row_cmp(const struct ms_pcr_accept *a, const struct ms_pcr_accept *b)
{
	return a->index != b->index ? (a->index < b->index ? -1 : 1)
				    : ms_span_cmp(ms_span(a->digest, MS_PCR_LEN), ms_span(b->digest, MS_PCR_LEN));
}

typedef const struct ms_pcr_accept *(*row_fn)(const struct ms_reference *r, size_t i);

static const struct ms_pcr_accept *
pcr_at(const struct ms_reference *r, size_t i)
{
	return &r->rows[i];
}

static const struct ms_pcr_accept *
event_at(const struct ms_reference *r, size_t i)
{
	return ms_reference_event_at(r, i, NULL);
}

struct side {
	const struct ms_reference *r;
	size_t n;
};

static void
diff_rows(struct diff *d, const char *word, row_fn at, struct side a, struct side b)
{
	char what[16];
	for (size_t i = 0, j = 0; i < a.n || j < b.n;) {
		int c = i == a.n ? 1 : j == b.n ? -1 : row_cmp(at(a.r, i), at(b.r, j));
		if (c != 0) {
			const struct ms_pcr_accept *row = c > 0 ? at(b.r, j) : at(a.r, i);
			(void)snprintf(what, sizeof what, "%s %u", word, row->index);
			tell_digest(d, c > 0, what, ms_span(row->digest, MS_PCR_LEN));
		}
		i += c <= 0;
		j += c >= 0;
	}
}

/* ---- files: by path, hash and digest ---- */

static int
file_cmp(const struct ms_reference_file *a, const struct ms_reference_file *b)
{
	int c = ms_span_cmp(a->path, b->path);
	if (c == 0)
		c = (int)a->hash - (int)b->hash;
	return c != 0 ? c : ms_span_cmp(a->digest, b->digest);
}

static void
tell_file(struct diff *d, bool added, const struct ms_reference_file *f)
{
	char what[MS_REFERENCE_PATH_MAX + 8];
	(void)snprintf(what, sizeof what, "file %.*s", (int)f->path.len, (const char *)f->path.p);
	tell_digest(d, added, what, f->digest);
}

static void
diff_files(struct diff *d, const struct ms_reference *a, const struct ms_reference *b)
{
	size_t n = ms_reference_n_files(a), m = ms_reference_n_files(b);
	for (size_t i = 0, j = 0; i < n || j < m;) {
		struct ms_reference_file x = {.hash = 0}, y = {.hash = 0};
		if (i < n)
			x = ms_reference_file_at(a, i);
		if (j < m)
			y = ms_reference_file_at(b, j);
		int c = i == n ? 1 : j == m ? -1 : file_cmp(&x, &y);
		if (c != 0)
			tell_file(d, c > 0, c > 0 ? &y : &x);
		i += c <= 0;
		j += c >= 0;
	}
}

/* ---- keys: sorted; told by the SHA-256 of their DER ---- */

static void
diff_keys(struct diff *d, const struct ms_reference *a, const struct ms_reference *b)
{
	size_t n = ms_reference_n_keys(a), m = ms_reference_n_keys(b);
	for (size_t i = 0, j = 0; i < n || j < m;) {
		uint8_t id[MS_SHA256_LEN];
		int c = i == n ? 1 : j == m ? -1 : ms_span_cmp(ms_reference_key_at(a, i), ms_reference_key_at(b, j));
		if (c != 0) {
			ms_sha256(c > 0 ? ms_reference_key_at(b, j) : ms_reference_key_at(a, i), id);
			tell_digest(d, c > 0, "key", ms_span(id, sizeof id));
		}
		i += c <= 0;
		j += c >= 0;
	}
}

size_t
ms_reference_diff(const struct ms_reference *a, const struct ms_reference *b, ms_reference_diff_fn fn, void *ctx)
{
	struct diff d = {.fn = fn, .ctx = ctx};
	if (a->all_models != b->all_models || strcmp(a->model, b->model) != 0) {
		tell(&d, false, "model", a->all_models ? "(all)" : a->model);
		tell(&d, true, "model", b->all_models ? "(all)" : b->model);
	}
	diff_rows(&d, "pcr", pcr_at, (struct side){a, a->n}, (struct side){b, b->n});
	diff_rows(&d, "event", event_at, (struct side){a, ms_reference_n_events(a)}, (struct side){b, ms_reference_n_events(b)});
	diff_files(&d, a, b);
	diff_keys(&d, a, b);
	return d.n;
}
