/* Questions to a reference set. Those about files are binary searches. */
#include "policy/reference_int.h"

struct wanted {
	uint32_t prefix;
	uint8_t hash;
	struct ms_span digest, path;
};

static int
wanted_cmp(const struct wanted *w, const struct ms_reference_files *f, const struct ms_reference_by_digest *row)
{
	if (w->prefix != row->prefix)
		return w->prefix < row->prefix ? -1 : 1;
	struct ms_reference_pair p = ms_reference_pair_at(f->bytes, row->at);
	uint8_t hash = p.value.p[MS_REFERENCE_VALUE_HASH];
	if (w->hash != hash)
		return w->hash < hash ? -1 : 1;
	int c = ms_span_cmp(w->digest, ms_span(p.value.p + MS_REFERENCE_VALUE_HEAD, p.value.len - MS_REFERENCE_VALUE_HEAD));
	return c != 0 ? c : ms_span_cmp(w->path, p.path);
}

/* The first row at or above what is wanted; *same says whether it is that. */
static size_t
digest_bound(const struct ms_reference_files *f, const struct wanted *w, bool *same)
{
	size_t lo = 0, hi = f->n;
	*same = false;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = wanted_cmp(w, f, &f->by_digest[mid]);
		if (c == 0) {
			*same = true;
			return mid;
		}
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

static const struct ms_reference_files *
files_of(const struct ms_reference *r)
{
	return r->more != NULL && r->more->files.n > 0 ? &r->more->files : NULL;
}

static struct ms_reference_note
note_of(const struct ms_reference *r, uint8_t note)
{
	if (note == 0)
		return (struct ms_reference_note){ms_span_str(r->source), r->captured_s};
	const struct ms_reference_origin *o = &r->more->notes[note - 1];
	return (struct ms_reference_note){ms_span_str(o->source), o->captured_s};
}

static struct ms_reference_file
file_at(const struct ms_reference *r, size_t at)
{
	struct ms_reference_pair p = ms_reference_pair_at(r->more->files.bytes, at);
	return (struct ms_reference_file){.path = p.path,
	    .digest = ms_span(p.value.p + MS_REFERENCE_VALUE_HEAD, p.value.len - MS_REFERENCE_VALUE_HEAD),
	    .hash = p.value.p[MS_REFERENCE_VALUE_HASH],
	    .note = note_of(r, p.value.p[MS_REFERENCE_VALUE_NOTE])};
}

size_t
ms_reference_n_files(const struct ms_reference *r)
{
	return r->more == NULL ? 0 : r->more->files.n;
}

struct ms_reference_file
ms_reference_file_at(const struct ms_reference *r, size_t i)
{
	return file_at(r, r->more->files.by_path[i]);
}

bool
ms_reference_has_file(const struct ms_reference *r, struct ms_span path, uint8_t hash, struct ms_span digest)
{
	const struct ms_reference_files *f = files_of(r);
	bool same = false;
	if (f == NULL || digest.len != ms_reference_hash_len(hash) || digest.len == 0)
		return false;
	struct wanted w = {.prefix = ms_reference_prefix(digest), .hash = hash, .digest = digest, .path = path};
	(void)digest_bound(f, &w, &same);
	return same;
}

bool
ms_reference_has_digest(const struct ms_reference *r, uint8_t hash, struct ms_span digest, struct ms_reference_file *ret)
{
	const struct ms_reference_files *f = files_of(r);
	bool same = false;
	if (f == NULL || digest.len != ms_reference_hash_len(hash) || digest.len == 0)
		return false;
	struct wanted w = {
	    .prefix = ms_reference_prefix(digest), .hash = hash, .digest = digest, .path = MS_SPAN_NONE}; /* no path is empty */
	size_t i = digest_bound(f, &w, &same);
	if (i == f->n)
		return false;
	struct ms_reference_file found = file_at(r, f->by_digest[i].at);
	if (found.hash != hash || !ms_span_eq(found.digest, digest))
		return false;
	if (ret != NULL)
		*ret = found;
	return true;
}

bool
ms_reference_has_path(const struct ms_reference *r, struct ms_span path, struct ms_reference_file *ret)
{
	const struct ms_reference_files *f = files_of(r);
	size_t lo = 0, hi = f == NULL ? 0 : f->n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (ms_span_cmp(ms_reference_pair_at(f->bytes, f->by_path[mid]).path, path) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (f == NULL || lo == f->n)
		return false;
	struct ms_reference_file found = file_at(r, f->by_path[lo]);
	if (!ms_span_eq(found.path, path))
		return false;
	if (ret != NULL)
		*ret = found;
	return true;
}

/* ---- the rest that a set holds ---- */

uint32_t
ms_reference_mask(const struct ms_reference *r)
{
	uint32_t mask = 0;
	for (size_t i = 0; i < r->n; i++)
		mask |= UINT32_C(1) << r->rows[i].index;
	return mask;
}

bool
ms_reference_for_model(const struct ms_reference *r, struct ms_span model)
{
	return r->all_models || (model.len > 0 && ms_span_eq(ms_span_str(r->model), model));
}

struct ms_reference_note
ms_reference_row_note(const struct ms_reference *r, size_t row)
{
	return note_of(r, r->more != NULL && r->more->row_note != NULL ? r->more->row_note[row] : 0);
}

size_t
ms_reference_n_events(const struct ms_reference *r)
{
	return r->more == NULL ? 0 : r->more->n_events;
}

const struct ms_pcr_accept *
ms_reference_event_at(const struct ms_reference *r, size_t i, struct ms_reference_note *ret_note)
{
	if (ret_note != NULL)
		*ret_note = note_of(r, r->more->event_note != NULL ? r->more->event_note[i] : 0);
	return &r->more->events[i];
}

bool
ms_reference_has_event(const struct ms_reference *r, unsigned pcr, const uint8_t digest[static MS_PCR_LEN])
{
	size_t lo = 0, hi = ms_reference_n_events(r);
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct ms_pcr_accept *e = &r->more->events[mid];
		int c =
		    e->index != pcr ? (pcr < e->index ? -1 : 1) : ms_span_cmp(ms_span(digest, MS_PCR_LEN), ms_span(e->digest, MS_PCR_LEN));
		if (c == 0)
			return true;
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return false;
}

uint32_t
ms_reference_event_mask(const struct ms_reference *r)
{
	uint32_t mask = 0;
	for (size_t i = 0; i < ms_reference_n_events(r); i++)
		mask |= UINT32_C(1) << r->more->events[i].index;
	return mask;
}

size_t
ms_reference_n_keys(const struct ms_reference *r)
{
	return r->more == NULL ? 0 : r->more->n_keys;
}

struct ms_span
ms_reference_key_at(const struct ms_reference *r, size_t i)
{
	return r->more->keys[i];
}

size_t
ms_reference_memory(const struct ms_reference *r)
{
	size_t sum = sizeof *r + r->n * sizeof *r->rows;
	if (r->more == NULL)
		return sum;
	const struct ms_reference_more *m = r->more;
	sum += sizeof *m + m->n_notes * sizeof *m->notes + (m->row_note != NULL ? r->n : 0) + m->n_events * (sizeof *m->events + 1);
	for (size_t i = 0; i < m->n_keys; i++)
		sum += sizeof *m->keys + m->keys[i].len;
	return sum + m->files.cap + m->files.index_cap * sizeof *m->files.by_path + m->files.n * sizeof *m->files.by_digest;
}
