/* Reference sets from values: one builder, used by capture and merge as well. */
#include <stdlib.h>
#include <string.h>

#include "codec/cbor.h"
#include "policy/reference_int.h"

#define NOTES_MAX 4096u /* while building: those that no value uses are dropped at the end */
#define BYTES_MAX ((size_t)MS_REFERENCE_PARTS_MAX * MS_REFERENCE_PART_MAX)

struct row {
	struct ms_pcr_accept value;
	uint16_t note;
	uint32_t seq; /* the first of equal values stays */
};
struct rows {
	struct row *item;
	size_t n, cap;
};
struct file {
	uint32_t at; /* of the pair in `pairs` */
	uint16_t note;
};
struct ms_reference_builder {
	struct ms_reference *r; /* names; values come at the end */
	struct rows pcrs, events;
	struct ms_reference_origin *notes;
	size_t n_notes;
	uint16_t note; /* of values added now: 0 the set's own, else notes[note - 1] */
	struct ms_buf pairs;
	struct file *files;
	size_t n_files, files_cap;
};

void
ms_reference_builder_free(struct ms_reference_builder *b)
{
	if (b == NULL)
		return;
	ms_reference_free(b->r);
	free(b->pcrs.item);
	free(b->events.item);
	free(b->notes);
	ms_buf_fini(&b->pairs);
	free(b->files);
	free(b);
}

enum ms_rc
ms_reference_builder_new(const struct ms_reference_source *src, struct ms_reference_builder **ret, struct ms_err *err)
{
	if (src->version == 0 || src->version > UINT32_MAX || src->captured_s > INT64_MAX)
		return ms_fail(err, MS_ERR_USAGE, "reference set: version or time");
	MS_OWN(ms_reference_builder_free) struct ms_reference_builder *b = calloc(1, sizeof *b);
	if (b == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "reference set");
	ms_buf_init(&b->pairs, BYTES_MAX);
	b->r = calloc(1, sizeof *b->r);
	b->notes = calloc(NOTES_MAX, sizeof *b->notes);
	if (b->r == NULL || b->notes == NULL || ms_reference_more_new(b->r, err) != MS_OK)
		return ms_fail(err, MS_ERR_NOMEM, "reference set");
	if (ms_reference_set_names(b->r, src, err) != MS_OK) {
		if (err != NULL)
			err->rc = MS_ERR_USAGE;
		return MS_ERR_USAGE;
	}
	b->r->version = src->version;
	b->r->captured_s = src->captured_s;
	*ret = b;
	b = NULL;
	return MS_OK;
}

enum ms_rc
ms_reference_add_note(struct ms_reference_builder *b, struct ms_span source, uint64_t captured_s, struct ms_err *err)
{
	if (source.len > MS_REFERENCE_SOURCE_MAX || !ms_utf8_ok(source) || captured_s > INT64_MAX)
		return ms_fail(err, MS_ERR_USAGE, "a source is at most %u bytes of text", MS_REFERENCE_SOURCE_MAX);
	b->note = 0;
	if ((source.len == 0 && captured_s == 0) || (captured_s == b->r->captured_s && ms_span_eq(source, ms_span_str(b->r->source))))
		return MS_OK;
	for (size_t i = 0; i < b->n_notes; i++)
		if (b->notes[i].captured_s == captured_s && ms_span_eq(source, ms_span_str(b->notes[i].source))) {
			b->note = (uint16_t)(i + 1);
			return MS_OK;
		}
	if (b->n_notes == NOTES_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "reference set: more than %u sources", NOTES_MAX);
	struct ms_reference_origin *o = &b->notes[b->n_notes++];
	if (source.len > 0)
		memcpy(o->source, source.p, source.len);
	o->captured_s = captured_s;
	b->note = (uint16_t)b->n_notes;
	return MS_OK;
}

static enum ms_rc
add_row(const struct ms_reference_builder *b, struct rows *rows, unsigned pcr, const uint8_t *digest, struct ms_err *err)
{
	if (pcr >= MS_TPM_PCR_COUNT)
		return ms_fail(err, MS_ERR_USAGE, "reference set: %u is no PCR: 0 to %u", pcr, MS_TPM_PCR_COUNT - 1);
	if (rows->n == rows->cap) {
		if (rows->cap >= 8u * MS_REFERENCE_EVENTS_MAX)
			return ms_fail(err, MS_ERR_TOO_BIG, "reference set: too many values");
		size_t cap = rows->cap == 0 ? 64 : 2 * rows->cap;
		struct row *more = reallocarray(rows->item, cap, sizeof *more);
		if (more == NULL)
			return ms_fail(err, MS_ERR_NOMEM, "reference set");
		rows->item = more;
		rows->cap = cap;
	}
	struct row *r = &rows->item[rows->n];
	*r = (struct row){.value.index = (uint8_t)pcr, .note = b->note, .seq = (uint32_t)rows->n};
	memcpy(r->value.digest, digest, MS_PCR_LEN);
	rows->n++;
	return MS_OK;
}

enum ms_rc
ms_reference_add_pcr(struct ms_reference_builder *b, unsigned pcr, const uint8_t digest[static MS_PCR_LEN], struct ms_err *err)
{
	static const uint8_t zero[MS_PCR_LEN];
	if (pcr == 0 && ms_span_eq(ms_span(digest, MS_PCR_LEN), ms_span(zero, sizeof zero)))
		return ms_fail(err, MS_ERR_USAGE, "PCR 0 is all zero: the firmware measured nothing, so it is no reference");
	return add_row(b, &b->pcrs, pcr, digest, err);
}

enum ms_rc
ms_reference_add_event(struct ms_reference_builder *b, unsigned pcr, const uint8_t digest[static MS_PCR_LEN], struct ms_err *err)
{
	return add_row(b, &b->events, pcr, digest, err);
}

enum ms_rc
ms_reference_add_file(struct ms_reference_builder *b, struct ms_span path, uint8_t hash, struct ms_span digest, struct ms_err *err)
{
	uint8_t value[MS_REFERENCE_VALUE_HEAD + MS_HASH_LEN_MAX] = {hash, 0};
	if (!ms_reference_pair_ok(path, hash, digest, err)) {
		if (err != NULL)
			err->rc = MS_ERR_USAGE;
		return MS_ERR_USAGE;
	}
	if (b->n_files == b->files_cap) {
		size_t cap = b->files_cap == 0 ? 256 : 2 * b->files_cap;
		struct file *more = cap > 4u * MS_REFERENCE_FILES_MAX ? NULL : reallocarray(b->files, cap, sizeof *more);
		if (more == NULL)
			return ms_fail(
			    err, cap > 4u * MS_REFERENCE_FILES_MAX ? MS_ERR_TOO_BIG : MS_ERR_NOMEM, "reference set: %zu files", b->n_files);
		b->files = more;
		b->files_cap = cap;
	}
	memcpy(value + MS_REFERENCE_VALUE_HEAD, digest.p, digest.len);
	struct file f = {.at = (uint32_t)b->pairs.len, .note = b->note};
	ms_cbor_bytes(&b->pairs, path);
	ms_cbor_bytes(&b->pairs, ms_span(value, MS_REFERENCE_VALUE_HEAD + digest.len));
	enum ms_rc rc = ms_buf_check(&b->pairs, err);
	if (rc == MS_OK)
		b->files[b->n_files++] = f;
	return rc;
}

enum ms_rc
ms_reference_add_key(struct ms_reference_builder *b, struct ms_span der, struct ms_err *err)
{
	struct ms_reference_more *m = b->r->more;
	size_t at = 0;
	if (der.len == 0 || der.len > MS_REFERENCE_KEY_MAX)
		return ms_fail(err, MS_ERR_USAGE, "a key is 1 to %u bytes of DER", MS_REFERENCE_KEY_MAX);
	while (at < m->n_keys && ms_span_cmp(m->keys[at], der) < 0)
		at++;
	if (at < m->n_keys && ms_span_eq(m->keys[at], der))
		return MS_OK;
	if (m->n_keys == MS_REFERENCE_KEYS_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "reference set: more than %u keys", MS_REFERENCE_KEYS_MAX);
	if (m->keys == NULL)
		m->keys = calloc(MS_REFERENCE_KEYS_MAX, sizeof *m->keys);
	uint8_t *own = NULL;
	if (m->keys == NULL || ms_bytes_dup(der, &own) != MS_OK)
		return ms_fail(err, MS_ERR_NOMEM, "reference set");
	memmove(&m->keys[at + 1], &m->keys[at], (m->n_keys - at) * sizeof *m->keys);
	m->keys[at] = ms_span(own, der.len);
	m->n_keys++;
	return MS_OK;
}

enum ms_rc
ms_reference_add_appraisal(struct ms_reference_builder *b, const struct ms_appraisal *a, uint32_t events, bool files, struct ms_err *err)
{
	enum ms_rc rc = MS_OK;
	for (size_t i = 0; rc == MS_OK && a->has_boot && i < a->boot.n; i++) {
		const struct ms_tuple *t = &a->boot.item[i];
		if (t->pcr < MS_TPM_PCR_COUNT && (events >> t->pcr & 1) != 0)
			rc = ms_reference_add_event(b, t->pcr, t->digest, err);
	}
	for (size_t i = 0; rc == MS_OK && files && i < a->n_files; i++) {
		const struct ms_ima_file *f = &a->file[i];
		bool aggregate = f->entry == 0 && ms_span_eq(f->path, ms_span_str("boot_aggregate"));
		if (!f->violation && !aggregate)
			rc = ms_reference_add_file(b, f->path, f->hash, f->digest, err);
	}
	return rc;
}

enum ms_rc
ms_reference_add_set(struct ms_reference_builder *b, const struct ms_reference *r, struct ms_err *err)
{
	enum ms_rc rc = MS_OK;
	uint16_t before = b->note;
	for (size_t i = 0; rc == MS_OK && i < r->n; i++) {
		struct ms_reference_note n = ms_reference_row_note(r, i);
		rc = ms_reference_add_note(b, n.source, n.captured_s, err);
		if (rc == MS_OK)
			rc = add_row(b, &b->pcrs, r->rows[i].index, r->rows[i].digest, err);
	}
	for (size_t i = 0; rc == MS_OK && i < ms_reference_n_events(r); i++) {
		struct ms_reference_note n;
		const struct ms_pcr_accept *e = ms_reference_event_at(r, i, &n);
		rc = ms_reference_add_note(b, n.source, n.captured_s, err);
		if (rc == MS_OK)
			rc = add_row(b, &b->events, e->index, e->digest, err);
	}
	for (size_t i = 0; rc == MS_OK && i < ms_reference_n_files(r); i++) {
		struct ms_reference_file f = ms_reference_file_at(r, i);
		rc = ms_reference_add_note(b, f.note.source, f.note.captured_s, err);
		if (rc == MS_OK)
			rc = ms_reference_add_file(b, f.path, f.hash, f.digest, err);
	}
	for (size_t i = 0; rc == MS_OK && i < ms_reference_n_keys(r); i++)
		rc = ms_reference_add_key(b, ms_reference_key_at(r, i), err);
	b->note = before;
	return rc;
}

/* ---- the end ---- */

/* Which notes go into the set, and as which number. */
struct numbering {
	uint8_t *number; /* by note of the builder; 0: not used so far */
	struct ms_reference_more *more;
};

static enum ms_rc
number_note(const struct ms_reference_builder *b, struct numbering *n, uint16_t note, uint8_t *ret, struct ms_err *err)
{
	*ret = 0;
	if (note == 0)
		return MS_OK;
	if (n->number[note] == 0) {
		if (n->more->n_notes == MS_REFERENCE_NOTES_MAX)
			return ms_fail(err, MS_ERR_TOO_BIG, "reference set: values of more than %u sources", MS_REFERENCE_NOTES_MAX);
		n->more->notes[n->more->n_notes++] = b->notes[note - 1];
		n->number[note] = (uint8_t)n->more->n_notes;
	}
	*ret = n->number[note];
	return MS_OK;
}

static int
row_cmp(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	if (x->value.index != y->value.index)
		return x->value.index < y->value.index ? -1 : 1;
	int c = ms_span_cmp(ms_span(x->value.digest, MS_PCR_LEN), ms_span(y->value.digest, MS_PCR_LEN));
	return c != 0 ? c : x->seq < y->seq ? -1 : x->seq > y->seq;
}

static bool
same_value(const struct row *x, const struct row *y)
{
	return x->value.index == y->value.index && ms_span_eq(ms_span(x->value.digest, MS_PCR_LEN), ms_span(y->value.digest, MS_PCR_LEN));
}

/* Sorted, each once, to arrays of the set. *ret_note is NULL when none has a note. */
static enum ms_rc
finish_rows(const struct ms_reference_builder *b, struct rows *rows, struct numbering *notes, struct ms_pcr_accept **ret, size_t *ret_n,
    uint8_t **ret_note, struct ms_err *err)
{
	size_t n = 0;
	bool some = false;
	*ret = calloc(rows->n + 1, sizeof **ret);
	*ret_note = calloc(rows->n + 1, 1);
	if (*ret == NULL || *ret_note == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "reference set");
	if (rows->n > 0)
		qsort(rows->item, rows->n, sizeof *rows->item, row_cmp);
	for (size_t i = 0; i < rows->n; i++) {
		if (i > 0 && same_value(&rows->item[i - 1], &rows->item[i]))
			continue;
		enum ms_rc rc = number_note(b, notes, rows->item[i].note, &(*ret_note)[n], err);
		if (rc != MS_OK)
			return rc;
		some = some || (*ret_note)[n] != 0;
		(*ret)[n++] = rows->item[i].value;
	}
	*ret_n = n;
	if (!some) {
		free(*ret_note);
		*ret_note = NULL;
	}
	return MS_OK;
}

static enum ms_rc
check_pcrs(const struct ms_reference *r, struct ms_err *err)
{
	for (size_t i = MS_REFERENCE_DIGESTS_MAX; i < r->n; i++)
		if (r->rows[i].index == r->rows[i - MS_REFERENCE_DIGESTS_MAX].index)
			return ms_fail(err, MS_ERR_TOO_BIG, "reference set %s: more than %u digests for PCR %u", r->name,
			    MS_REFERENCE_DIGESTS_MAX, r->rows[i].index);
	if (r->more->n_events > MS_REFERENCE_EVENTS_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "reference set %s: more than %u events", r->name, MS_REFERENCE_EVENTS_MAX);
	return MS_OK;
}

static int
file_cmp(const void *a, const void *b, void *ctx)
{
	const struct file *x = a, *y = b;
	const struct ms_buf *pairs = ctx;
	struct ms_reference_pair p = ms_reference_pair_at(pairs->p, x->at), q = ms_reference_pair_at(pairs->p, y->at);
	int c = ms_reference_pair_cmp(&p, &q);
	return c != 0 ? c : x->at < y->at ? -1 : x->at > y->at;
}

/* Pairs in order, each once, their notes put in. */
static enum ms_rc
sorted_pairs(struct ms_reference_builder *b, struct numbering *notes, struct ms_buf *out, size_t *ret_n, struct ms_err *err)
{
	struct ms_reference_pair last = {.path = MS_SPAN_NONE};
	size_t n = 0;
	for (size_t i = 0; i < b->n_files; i++) {
		struct ms_reference_pair p = ms_reference_pair_at(b->pairs.p, b->files[i].at);
		uint8_t note = 0;
		if (i > 0 && ms_reference_pair_cmp(&last, &p) == 0)
			continue;
		enum ms_rc rc = number_note(b, notes, b->files[i].note, &note, err);
		if (rc != MS_OK)
			return rc;
		b->pairs.p[(size_t)(p.value.p - b->pairs.p) + MS_REFERENCE_VALUE_NOTE] = note;
		ms_cbor_bytes(out, p.path);
		ms_cbor_bytes(out, p.value);
		last = p;
		n++;
	}
	*ret_n = n;
	return ms_buf_check(out, err);
}

static enum ms_rc
finish_files(struct ms_reference_builder *b, struct numbering *notes, struct ms_err *err)
{
	struct ms_reference_files *f = &b->r->more->files;
	MS_OWN(ms_buf_fini) struct ms_buf pairs;
	size_t n = 0;
	ms_buf_init(&pairs, BYTES_MAX);
	if (b->n_files == 0)
		return MS_OK;
	qsort_r(b->files, b->n_files, sizeof *b->files, file_cmp, &b->pairs);
	enum ms_rc rc = sorted_pairs(b, notes, &pairs, &n, err);
	if (rc == MS_OK && n > MS_REFERENCE_FILES_MAX)
		rc = ms_fail(err, MS_ERR_TOO_BIG, "reference set %s: %zu files, at most %u", b->r->name, n, MS_REFERENCE_FILES_MAX);
	if (rc == MS_OK)
		rc = ms_reference_files_reserve(f, pairs.len, n, err);
	if (rc != MS_OK)
		return rc;
	memcpy(f->bytes, pairs.p, pairs.len);
	f->len = pairs.len;
	for (size_t at = 0; at < f->len;) {
		struct ms_reference_pair p = ms_reference_pair_at(f->bytes, at);
		f->by_path[f->n++] = (uint32_t)at;
		at = (size_t)(p.value.p + p.value.len - f->bytes);
	}
	return ms_reference_files_index(f, err);
}

/* Nothing but PCRs without notes: as sets always were. */
static void
drop_empty(struct ms_reference *r)
{
	const struct ms_reference_more *m = r->more;
	if (m->n_notes + m->n_events + m->n_keys + m->files.n == 0) {
		ms_reference_more_free(r->more);
		r->more = NULL;
	} else if (m->n_notes == 0) {
		free(m->notes);
		r->more->notes = NULL;
	}
}

static enum ms_rc
set_id(struct ms_reference *r, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	ms_buf_init(&b, MS_REFERENCE_WIRE_MAX);
	enum ms_rc rc = ms_reference_split(r, &b, NULL, NULL, err);
	if (rc == MS_OK)
		ms_sha256(ms_buf_span(&b), r->id);
	return rc;
}

enum ms_rc
ms_reference_finish(struct ms_reference_builder *b, struct ms_reference **ret, struct ms_err *err)
{
	struct ms_reference *r = b->r;
	if (r == NULL || b->pcrs.n + b->events.n + b->n_files + r->more->n_keys == 0)
		return ms_fail(err, MS_ERR_USAGE, "a reference set has at least one value");
	struct numbering notes = {.number = calloc(b->n_notes + 1, 1), .more = r->more};
	r->more->notes = calloc(MS_REFERENCE_NOTES_MAX, sizeof *r->more->notes);
	enum ms_rc rc = notes.number == NULL || r->more->notes == NULL ? ms_fail(err, MS_ERR_NOMEM, "reference set") : MS_OK;
	if (rc == MS_OK)
		rc = finish_rows(b, &b->pcrs, &notes, &r->rows, &r->n, &r->more->row_note, err);
	if (rc == MS_OK)
		rc = finish_rows(b, &b->events, &notes, &r->more->events, &r->more->n_events, &r->more->event_note, err);
	if (rc == MS_OK)
		rc = check_pcrs(r, err);
	if (rc == MS_OK)
		rc = finish_files(b, &notes, err);
	free(notes.number);
	if (rc != MS_OK)
		return rc;
	drop_empty(r);
	rc = set_id(r, err);
	if (rc != MS_OK)
		return rc;
	*ret = r;
	b->r = NULL;
	return MS_OK;
}

enum ms_rc
ms_reference_capture(
    const struct ms_reference_source *src, const struct ms_pcrs *pcrs, uint32_t mask, struct ms_reference **ret, struct ms_err *err)
{
	if (mask == 0 || (mask & ~pcrs->mask) != 0 || mask >> MS_TPM_PCR_COUNT != 0)
		return ms_fail(err, MS_ERR_USAGE, "capture: PCRs that the evidence does not have");
	if (ms_pcrs_all_zero(pcrs, 0))
		return ms_fail(
		    err, MS_ERR_USAGE, "capture: PCR 0 is all zero: the firmware of this device measured nothing, so it is no reference");
	MS_OWN(ms_reference_builder_free) struct ms_reference_builder *b = NULL;
	enum ms_rc rc = ms_reference_builder_new(src, &b, err);
	for (uint8_t i = 0; rc == MS_OK && i < MS_TPM_PCR_COUNT; i++)
		if ((mask >> i & 1) != 0)
			rc = ms_reference_add_pcr(b, i, pcrs->value[i], err);
	if (rc == MS_OK)
		rc = ms_reference_finish(b, ret, err);
	return rc == MS_OK ? rc : ms_prefix(err, rc, "capture");
}

enum ms_rc
ms_reference_merge(const struct ms_reference *a, const struct ms_reference *b, struct ms_reference **ret, struct ms_err *err)
{
	if (strcmp(a->name, b->name) != 0 || strcmp(a->model, b->model) != 0 || a->all_models != b->all_models)
		return ms_fail(err, MS_ERR_USAGE, "merge: %s of %s and %s of %s are not one set", a->name,
		    a->all_models ? "all models" : a->model, b->name, b->all_models ? "all models" : b->model);
	uint64_t version = a->version > b->version ? a->version : b->version;
	if (version >= UINT32_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "merge: version");
	const struct ms_reference_source src = {.name = ms_span_str(a->name),
	    .model = ms_span_str(a->model),
	    .device = ms_span_str(a->source),
	    .version = version + 1,
	    .captured_s = a->captured_s > b->captured_s ? a->captured_s : b->captured_s,
	    .all_models = a->all_models};
	MS_OWN(ms_reference_builder_free) struct ms_reference_builder *both = NULL;
	enum ms_rc rc = ms_reference_builder_new(&src, &both, err);
	if (rc == MS_OK)
		rc = ms_reference_add_set(both, a, err);
	if (rc == MS_OK)
		rc = ms_reference_add_set(both, b, err);
	if (rc == MS_OK)
		rc = ms_reference_finish(both, ret, err);
	return rc == MS_OK ? rc : ms_prefix(err, rc, "merge");
}
