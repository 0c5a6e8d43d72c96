/* The wire form of a reference set, all but its parts. */
#include "policy/reference_int.h"

#include <stdlib.h>
#include <string.h>

#include "codec/cbor.h"

#define ROWS_MAX (MS_TPM_PCR_COUNT * MS_REFERENCE_DIGESTS_MAX)

struct wire {
	uint64_t present;
	struct ms_span name;
	uint64_t version;
	struct ms_span model;
	struct ms_span values;
	struct ms_span source;
	uint64_t captured_s;
	struct ms_span notes;
	struct ms_span row_notes;
	struct ms_span events;
	struct ms_span event_notes;
	struct ms_span files;
	struct ms_span parts;
	struct ms_span keys;
	bool all_models;
};
enum { KEY_MODEL = 3, KEY_NOTES = 7, KEY_ROW_NOTES, KEY_EVENTS, KEY_EVENT_NOTES, KEY_FILES, KEY_PARTS, KEY_KEYS, KEY_ALL };
static const struct ms_cbor_field fields[] = {
    MS_CBOR_F_TEXT(1, struct wire, name, MS_CBOR_REQ, 1, MS_REFERENCE_NAME_MAX),
    MS_CBOR_F_UINT(2, struct wire, version, MS_CBOR_REQ, 1, UINT32_MAX),
    MS_CBOR_F_TEXT(KEY_MODEL, struct wire, model, MS_CBOR_OPT, 1, MS_REFERENCE_MODEL_MAX),
    MS_CBOR_F_MAP(4, struct wire, values, MS_CBOR_REQ, MS_REFERENCE_WIRE_MAX),
    MS_CBOR_F_TEXT(5, struct wire, source, MS_CBOR_REQ, 0, MS_REFERENCE_SOURCE_MAX),
    MS_CBOR_F_UINT(6, struct wire, captured_s, MS_CBOR_REQ, 0, INT64_MAX),
    MS_CBOR_F_ARRAY(KEY_NOTES, struct wire, notes, MS_CBOR_OPT, MS_REFERENCE_WIRE_MAX),
    MS_CBOR_F_BYTES(KEY_ROW_NOTES, struct wire, row_notes, MS_CBOR_OPT, 1, ROWS_MAX),
    MS_CBOR_F_MAP(KEY_EVENTS, struct wire, events, MS_CBOR_OPT, MS_REFERENCE_WIRE_MAX),
    MS_CBOR_F_BYTES(KEY_EVENT_NOTES, struct wire, event_notes, MS_CBOR_OPT, 1, MS_REFERENCE_EVENTS_MAX),
    MS_CBOR_F_ARRAY(KEY_FILES, struct wire, files, MS_CBOR_OPT, MS_REFERENCE_WIRE_MAX),
    MS_CBOR_F_ARRAY(KEY_PARTS, struct wire, parts, MS_CBOR_OPT, MS_REFERENCE_WIRE_MAX),
    MS_CBOR_F_ARRAY(KEY_KEYS, struct wire, keys, MS_CBOR_OPT, MS_REFERENCE_WIRE_MAX),
    MS_CBOR_F_BOOL(KEY_ALL, struct wire, all_models, MS_CBOR_OPT),
};
static const struct ms_cbor_table table = MS_CBOR_TABLE("reference set", struct wire, fields);

void
ms_reference_more_free(struct ms_reference_more *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->n_keys; i++)
		free((void *)(uintptr_t)m->keys[i].p);
	free(m->keys);
	free(m->notes);
	free(m->row_note);
	free(m->events);
	free(m->event_note);
	free(m->files.bytes);
	free(m->files.by_path);
	free(m->files.by_digest);
	free(m);
}

void
ms_reference_free(struct ms_reference *r)
{
	if (r == NULL)
		return;
	ms_reference_more_free(r->more);
	free(r->rows);
	free(r);
}

enum ms_rc
ms_reference_more_new(struct ms_reference *r, struct ms_err *err)
{
	if (r->more == NULL)
		r->more = calloc(1, sizeof *r->more);
	return r->more != NULL ? MS_OK : ms_fail(err, MS_ERR_NOMEM, "reference set");
}

/* ---- values by PCR: of key 4 and of key 9 ---- */

struct rows {
	struct ms_pcr_accept *row; /* owned until it is taken */
	size_t n, max, per_pcr;
};

static int
row_cmp(const struct ms_pcr_accept *a, const struct ms_pcr_accept *b)
{
	return a->index != b->index ? (a->index < b->index ? -1 : 1)
				    : ms_span_cmp(ms_span(a->digest, MS_PCR_LEN), ms_span(b->digest, MS_PCR_LEN));
}

/* Digests of one PCR, rising. Poisons the reader on anything else. */
static void
parse_digests(struct ms_cbor *c, uint8_t pcr, struct rows *r)
{
	size_t n = ms_cbor_read_array(c);
	if (n == 0 || n > r->per_pcr || r->n + n > r->max) {
		ms_cbor_poison(c);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		struct ms_span d = ms_cbor_read_bytes(c);
		struct ms_pcr_accept *row = &r->row[r->n];
		if (d.len != MS_PCR_LEN) {
			ms_cbor_poison(c);
			return;
		}
		row->index = pcr;
		memcpy(row->digest, d.p, MS_PCR_LEN);
		if (i > 0 && row_cmp(row - 1, row) >= 0)
			ms_cbor_poison(c);
		r->n++;
	}
}

static enum ms_rc
parse_rows(struct ms_span cbor, struct rows *r, const char *what, struct ms_err *err)
{
	struct ms_cbor c = ms_cbor_over(cbor);
	size_t n = ms_cbor_read_map(&c);
	size_t most = cbor.len / MS_PCR_LEN + 1; /* no more digests than bytes allow */
	if (most < r->max)
		r->max = most;
	r->row = calloc(r->max, sizeof *r->row);
	if (r->row == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "reference set");
	for (size_t i = 0; i < n && i < MS_TPM_PCR_COUNT; i++) {
		uint64_t pcr = ms_cbor_read_uint(&c);
		if (pcr >= MS_TPM_PCR_COUNT)
			ms_cbor_poison(&c);
		else
			parse_digests(&c, (uint8_t)pcr, r);
	}
	if (!ms_cbor_done(&c))
		return ms_fail(err, MS_ERR_MALFORMED, "reference set: %s", what);
	struct ms_pcr_accept *fit = realloc(r->row, (r->n == 0 ? 1 : r->n) * sizeof *r->row); /* what is not used is given back */
	if (fit != NULL)
		r->row = fit;
	return MS_OK;
}

static void
build_rows(struct ms_buf *b, const struct ms_pcr_accept *rows, size_t n)
{
	uint32_t mask = 0;
	for (size_t i = 0; i < n; i++)
		mask |= UINT32_C(1) << rows[i].index;
	ms_cbor_map(b, (size_t)__builtin_popcount(mask));
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i; end < n && rows[end].index == rows[i].index;)
			end++;
		ms_cbor_uint(b, rows[i].index);
		ms_cbor_array(b, end - i);
		for (size_t k = i; k < end; k++)
			ms_cbor_bytes(b, ms_span(rows[k].digest, MS_PCR_LEN));
	}
}

/* ---- reading ---- */

static void
copy_text(char *out, struct ms_span s)
{
	if (s.len > 0)
		memcpy(out, s.p, s.len);
	out[s.len] = '\0';
}

enum ms_rc
ms_reference_set_names(struct ms_reference *r, const struct ms_reference_source *src, struct ms_err *err)
{
	if (!ms_name_ok(src->name, MS_REFERENCE_NAME_MAX))
		return ms_fail(err, MS_ERR_MALFORMED, "reference set: the name is 1 to %u of [a-z0-9._-]", MS_REFERENCE_NAME_MAX);
	if (src->all_models && src->model.len > 0)
		return ms_fail(err, MS_ERR_MALFORMED, "reference set: either a model or all models");
	if (!src->all_models && (src->model.len == 0 || src->model.len > MS_REFERENCE_MODEL_MAX || !ms_utf8_ok(src->model)))
		return ms_fail(err, MS_ERR_MALFORMED, "reference set: the model is 1 to %u bytes of text", MS_REFERENCE_MODEL_MAX);
	if (src->device.len > MS_REFERENCE_SOURCE_MAX || !ms_utf8_ok(src->device))
		return ms_fail(err, MS_ERR_MALFORMED, "reference set: the source is at most %u bytes of text", MS_REFERENCE_SOURCE_MAX);
	copy_text(r->name, src->name);
	copy_text(r->model, src->model);
	copy_text(r->source, src->device);
	r->all_models = src->all_models;
	return MS_OK;
}

static enum ms_rc
parse_notes(struct ms_span cbor, struct ms_reference_more *m, struct ms_err *err)
{
	struct ms_cbor c = ms_cbor_over(cbor);
	size_t n = ms_cbor_read_array(&c);
	if (n == 0 || n > MS_REFERENCE_NOTES_MAX)
		return ms_fail(err, MS_ERR_MALFORMED, "reference set: 1 to %u notes", MS_REFERENCE_NOTES_MAX);
	m->notes = calloc(n, sizeof *m->notes);
	if (m->notes == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "reference set");
	for (size_t i = 0; i < n; i++) {
		size_t two = ms_cbor_read_array(&c);
		struct ms_span source = ms_cbor_read_text(&c);
		m->notes[i].captured_s = ms_cbor_read_uint(&c);
		if (two != 2 || source.len > MS_REFERENCE_SOURCE_MAX || m->notes[i].captured_s > INT64_MAX)
			return ms_fail(err, MS_ERR_MALFORMED, "reference set: note %zu", i + 1);
		copy_text(m->notes[i].source, source);
	}
	m->n_notes = n;
	return ms_cbor_done(&c) ? MS_OK : ms_fail(err, MS_ERR_MALFORMED, "reference set: notes");
}

/* One byte for each of n values, not all zero: each 0 or a note. */
static enum ms_rc
parse_note_bytes(struct ms_span s, size_t n, size_t n_notes, uint8_t **ret, struct ms_err *err)
{
	bool some = false;
	bool good = s.len == n;
	for (size_t i = 0; i < s.len; i++) {
		some = some || s.p[i] != 0;
		good = good && s.p[i] <= n_notes;
	}
	if (!good || !some)
		return ms_fail(err, MS_ERR_MALFORMED, "reference set: which note each value has");
	return ms_bytes_dup(s, ret) == MS_OK ? MS_OK : ms_fail(err, MS_ERR_NOMEM, "reference set");
}

static enum ms_rc
parse_keys(struct ms_span cbor, struct ms_reference_more *m, struct ms_err *err)
{
	struct ms_cbor c = ms_cbor_over(cbor);
	size_t n = ms_cbor_read_array(&c);
	struct ms_span last = MS_SPAN_NONE;
	if (n == 0 || n > MS_REFERENCE_KEYS_MAX)
		return ms_fail(err, MS_ERR_MALFORMED, "reference set: 1 to %u keys", MS_REFERENCE_KEYS_MAX);
	m->keys = calloc(n, sizeof *m->keys);
	if (m->keys == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "reference set");
	for (size_t i = 0; i < n; i++) {
		uint8_t *own = NULL;
		struct ms_span k = ms_cbor_read_bytes(&c);
		if (k.len == 0 || k.len > MS_REFERENCE_KEY_MAX || (i > 0 && ms_span_cmp(last, k) >= 0))
			return ms_fail(err, MS_ERR_MALFORMED, "reference set: keys are sorted, each 1 to %u bytes", MS_REFERENCE_KEY_MAX);
		if (ms_bytes_dup(k, &own) != MS_OK)
			return ms_fail(err, MS_ERR_NOMEM, "reference set");
		m->keys[m->n_keys++] = ms_span(own, k.len);
		last = k;
	}
	return ms_cbor_done(&c) ? MS_OK : ms_fail(err, MS_ERR_MALFORMED, "reference set: keys");
}

static enum ms_rc
parse_parts(struct ms_span cbor, struct ms_reference_part_list *parts, struct ms_err *err)
{
	struct ms_cbor c = ms_cbor_over(cbor);
	size_t n = ms_cbor_read_array(&c);
	if (n == 0 || n > MS_REFERENCE_PARTS_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "reference set: 1 to %u parts", MS_REFERENCE_PARTS_MAX);
	for (size_t i = 0; i < n; i++) {
		struct ms_reference_part_name *p = &parts->item[i];
		size_t three = ms_cbor_read_array(&c);
		struct ms_span id = ms_cbor_read_bytes(&c);
		p->len = ms_cbor_read_uint(&c);
		p->files = ms_cbor_read_uint(&c);
		if (three != 3 || id.len != MS_REFERENCE_ID_LEN || p->len == 0 || p->len > MS_REFERENCE_PART_MAX || p->files == 0 ||
		    p->files > MS_REFERENCE_FILES_MAX)
			return ms_fail(err, MS_ERR_MALFORMED, "reference set: name of part %zu", i);
		memcpy(p->id, id.p, sizeof p->id);
	}
	if (!ms_cbor_done(&c))
		return ms_fail(err, MS_ERR_MALFORMED, "reference set: parts");
	parts->n = n;
	return MS_OK;
}

static enum ms_rc
parse_files(struct ms_span cbor, struct ms_reference_more *m, struct ms_err *err)
{
	struct ms_cbor c = ms_cbor_over(cbor);
	enum ms_rc rc = ms_reference_files_reserve(&m->files, cbor.len, ms_cbor_read_array(&c) / 2, err);
	return rc == MS_OK ? ms_reference_files_take(&m->files, cbor, m->n_notes, err) : rc;
}

#define HAS(w, key) MS_CBOR_HAS(w, key)

static enum ms_rc
parse_events(const struct wire *w, struct ms_reference_more *m, struct ms_err *err)
{
	struct rows r = {.max = MS_REFERENCE_EVENTS_MAX, .per_pcr = MS_REFERENCE_EVENTS_MAX};
	enum ms_rc rc = parse_rows(w->events, &r, "events", err);
	m->events = r.row;
	m->n_events = r.n;
	if (rc == MS_OK && r.n == 0)
		rc = ms_fail(err, MS_ERR_MALFORMED, "reference set: events that are empty");
	return rc;
}

static enum ms_rc
parse_more(const struct wire *w, struct ms_reference *r, struct ms_reference_part_list *parts, struct ms_err *err)
{
	if ((w->present & ~(MS_CBOR_BIT(KEY_NOTES) - 1 + MS_CBOR_BIT(KEY_ALL))) == 0)
		return MS_OK; /* as all sets once were */
	enum ms_rc rc = ms_reference_more_new(r, err);
	struct ms_reference_more *m = r->more;
	if (rc == MS_OK && HAS(w, KEY_NOTES))
		rc = parse_notes(w->notes, m, err);
	if (rc == MS_OK && HAS(w, KEY_ROW_NOTES))
		rc = parse_note_bytes(w->row_notes, r->n, m->n_notes, &m->row_note, err);
	if (rc == MS_OK && HAS(w, KEY_EVENTS))
		rc = parse_events(w, m, err);
	if (rc == MS_OK && HAS(w, KEY_EVENT_NOTES))
		rc = parse_note_bytes(w->event_notes, m->n_events, m->n_notes, &m->event_note, err);
	if (rc == MS_OK && HAS(w, KEY_KEYS))
		rc = parse_keys(w->keys, m, err);
	if (rc == MS_OK && HAS(w, KEY_FILES) && HAS(w, KEY_PARTS))
		rc = ms_fail(err, MS_ERR_MALFORMED, "reference set: files are here or in parts");
	if (rc == MS_OK && HAS(w, KEY_FILES))
		rc = parse_files(w->files, m, err);
	if (rc == MS_OK && HAS(w, KEY_PARTS))
		rc = parse_parts(w->parts, parts, err);
	return rc;
}

static enum ms_rc
parse_wire(const struct wire *w, struct ms_reference *r, struct ms_reference_part_list *parts, struct ms_err *err)
{
	const struct ms_reference_source src = {
	    .name = w->name, .model = w->model, .device = w->source, .all_models = HAS(w, KEY_ALL) && w->all_models};
	if (HAS(w, KEY_ALL) != src.all_models)
		return ms_fail(err, MS_ERR_MALFORMED, "reference set: all models is true, or is not there");
	struct rows rows = {.max = ROWS_MAX, .per_pcr = MS_REFERENCE_DIGESTS_MAX};
	enum ms_rc rc = ms_reference_set_names(r, &src, err);
	if (rc == MS_OK)
		rc = parse_rows(w->values, &rows, "values", err);
	r->rows = rows.row;
	r->n = rows.n;
	if (rc == MS_OK)
		rc = parse_more(w, r, parts, err);
	if (rc != MS_OK)
		return rc;
	r->version = w->version;
	r->captured_s = w->captured_s;
	if (r->n == 0 && parts->n == 0 && ms_reference_n_events(r) + ms_reference_n_files(r) + ms_reference_n_keys(r) == 0)
		return ms_fail(err, MS_ERR_MALFORMED, "reference set: no values");
	return MS_OK;
}

enum ms_rc
ms_reference_header_parse(struct ms_span cbor, struct ms_reference **ret, struct ms_reference_part_list *parts, struct ms_err *err)
{
	struct wire w;
	parts->n = 0;
	if (cbor.len > MS_REFERENCE_WIRE_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "reference set: %zu bytes", cbor.len);
	enum ms_rc rc = ms_cbor_parse_map(&table, cbor, &w, err);
	if (rc != MS_OK)
		return rc;
	MS_OWN(ms_reference_free) struct ms_reference *r = calloc(1, sizeof *r);
	if (r == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "reference set");
	rc = parse_wire(&w, r, parts, err);
	if (rc != MS_OK)
		return rc;
	ms_sha256(cbor, r->id);
	*ret = r;
	r = NULL;
	return MS_OK;
}

enum ms_rc
ms_reference_parse(struct ms_span cbor, struct ms_reference **ret, struct ms_err *err)
{
	return ms_reference_join(cbor, NULL, NULL, ret, err);
}

/* ---- building ---- */

struct pieces {
	struct ms_buf values, notes, events, files, parts, keys;
};

static void
build_files(struct ms_buf *b, const struct ms_reference_files *f)
{
	ms_cbor_array(b, 2 * f->n);
	ms_cbor_raw(b, ms_span(f->bytes, f->len));
}

static void
build_parts(struct ms_buf *b, const struct ms_reference_part_list *parts)
{
	ms_cbor_array(b, parts->n);
	for (size_t i = 0; i < parts->n; i++) {
		ms_cbor_array(b, 3);
		ms_cbor_bytes(b, ms_span(parts->item[i].id, MS_REFERENCE_ID_LEN));
		ms_cbor_uint(b, parts->item[i].len);
		ms_cbor_uint(b, parts->item[i].files);
	}
}

static void
build_more(struct pieces *p, const struct ms_reference *r, const struct ms_reference_part_list *parts, struct wire *w)
{
	const struct ms_reference_more *m = r->more;
	if (m->n_notes > 0) {
		ms_cbor_array(&p->notes, m->n_notes);
		for (size_t i = 0; i < m->n_notes; i++) {
			ms_cbor_array(&p->notes, 2);
			ms_cbor_text(&p->notes, m->notes[i].source);
			ms_cbor_uint(&p->notes, m->notes[i].captured_s);
		}
		w->notes = ms_buf_span(&p->notes);
		w->present |= MS_CBOR_BIT(KEY_NOTES);
	}
	if (m->row_note != NULL) {
		w->row_notes = ms_span(m->row_note, r->n);
		w->present |= MS_CBOR_BIT(KEY_ROW_NOTES);
	}
	if (m->n_events > 0) {
		build_rows(&p->events, m->events, m->n_events);
		w->events = ms_buf_span(&p->events);
		w->present |= MS_CBOR_BIT(KEY_EVENTS);
	}
	if (m->event_note != NULL) {
		w->event_notes = ms_span(m->event_note, m->n_events);
		w->present |= MS_CBOR_BIT(KEY_EVENT_NOTES);
	}
	if (m->n_keys > 0) {
		ms_cbor_array(&p->keys, m->n_keys);
		for (size_t i = 0; i < m->n_keys; i++)
			ms_cbor_bytes(&p->keys, m->keys[i]);
		w->keys = ms_buf_span(&p->keys);
		w->present |= MS_CBOR_BIT(KEY_KEYS);
	}
	if (parts != NULL) {
		build_parts(&p->parts, parts);
		w->parts = ms_buf_span(&p->parts);
		w->present |= MS_CBOR_BIT(KEY_PARTS);
	} else if (m->files.n > 0) {
		build_files(&p->files, &m->files);
		w->files = ms_buf_span(&p->files);
		w->present |= MS_CBOR_BIT(KEY_FILES);
	}
}

static enum ms_rc
build_pieces(
    struct pieces *p, const struct ms_reference *r, const struct ms_reference_part_list *parts, struct ms_buf *out, struct ms_err *err)
{
	struct wire w = {.name = ms_span_str(r->name),
	    .version = r->version,
	    .model = ms_span_str(r->model),
	    .source = ms_span_str(r->source),
	    .captured_s = r->captured_s,
	    .all_models = r->all_models};
	w.present = MS_CBOR_BIT(r->all_models ? KEY_ALL : KEY_MODEL);
	build_rows(&p->values, r->rows, r->n);
	w.values = ms_buf_span(&p->values);
	if (r->more != NULL)
		build_more(p, r, parts, &w);
	const struct ms_buf *all[] = {&p->values, &p->notes, &p->events, &p->files, &p->parts, &p->keys};
	size_t sum = 1024; /* names, heads, notes of values */
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		enum ms_rc rc = ms_buf_check(all[i], err);
		if (rc != MS_OK)
			return rc;
		sum += all[i]->len;
	}
	if (sum + w.row_notes.len + w.event_notes.len > MS_REFERENCE_WIRE_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "reference set: more than %u bytes", MS_REFERENCE_WIRE_MAX);
	return ms_cbor_build_map(&table, &w, out, err);
}

enum ms_rc
ms_reference_header_build(const struct ms_reference *r, const struct ms_reference_part_list *parts, struct ms_buf *out, struct ms_err *err)
{
	struct pieces p;
	struct ms_buf *all[] = {&p.values, &p.notes, &p.events, &p.files, &p.parts, &p.keys};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		ms_buf_init(all[i], MS_REFERENCE_WIRE_MAX);
	enum ms_rc rc = build_pieces(&p, r, parts, out, err);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		ms_buf_fini(all[i]);
	return rc;
}

enum ms_rc
ms_reference_build(const struct ms_reference *r, struct ms_buf *out, struct ms_err *err)
{
	size_t before = out->len;
	enum ms_rc rc = ms_reference_header_build(r, NULL, out, err);
	if (rc != MS_OK)
		return rc;
	MS_OWN(ms_reference_free) struct ms_reference *again = NULL;
	if (ms_reference_parse(ms_span(out->p + before, out->len - before), &again, err) == MS_OK)
		return MS_OK;
	out->len = before; /* not one that would be taken */
	return ms_prefix(err, MS_ERR_USAGE, "build");
}
