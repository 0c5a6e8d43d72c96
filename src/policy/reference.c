#include "policy/reference.h"

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
};
static const struct ms_cbor_field fields[] = {
    MS_CBOR_F_TEXT(1, struct wire, name, MS_CBOR_REQ, 1, MS_REFERENCE_NAME_MAX),
    MS_CBOR_F_UINT(2, struct wire, version, MS_CBOR_REQ, 1, UINT32_MAX),
    MS_CBOR_F_TEXT(3, struct wire, model, MS_CBOR_REQ, 1, MS_REFERENCE_MODEL_MAX),
    MS_CBOR_F_MAP(4, struct wire, values, MS_CBOR_REQ, MS_REFERENCE_WIRE_MAX),
    MS_CBOR_F_TEXT(5, struct wire, source, MS_CBOR_REQ, 0, MS_REFERENCE_SOURCE_MAX),
    MS_CBOR_F_UINT(6, struct wire, captured_s, MS_CBOR_REQ, 0, INT64_MAX),
};
static const struct ms_cbor_table table = MS_CBOR_TABLE("reference set", struct wire, fields);

void
ms_reference_free(struct ms_reference *r)
{
	if (r == NULL)
		return;
	free(r->rows);
	free(r);
}

static struct ms_reference *
reference_new(size_t rows)
{
	struct ms_reference *r = calloc(1, sizeof *r);
	if (r != NULL)
		r->rows = calloc(rows == 0 ? 1 : rows, sizeof *r->rows);
	if (r != NULL && r->rows == NULL) {
		free(r);
		r = NULL;
	}
	return r;
}

static int
row_cmp(const struct ms_pcr_accept *a, const struct ms_pcr_accept *b)
{
	return a->index != b->index ? (a->index < b->index ? -1 : 1)
				    : ms_span_cmp(ms_span(a->digest, MS_PCR_LEN), ms_span(b->digest, MS_PCR_LEN));
}

/* Digests of one PCR, rising. Poisons the reader on anything else. */
static void
parse_digests(struct ms_cbor *c, uint8_t pcr, struct ms_reference *r)
{
	size_t n = ms_cbor_read_array(c);
	if (n == 0 || n > MS_REFERENCE_DIGESTS_MAX || r->n + n > ROWS_MAX) {
		ms_cbor_poison(c);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		struct ms_span d = ms_cbor_read_bytes(c);
		struct ms_pcr_accept *row = &r->rows[r->n];
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
parse_values(struct ms_span cbor, struct ms_reference *r, struct ms_err *err)
{
	struct ms_cbor c = ms_cbor_over(cbor);
	size_t n = ms_cbor_read_map(&c);
	for (size_t i = 0; i < n && i < MS_TPM_PCR_COUNT; i++) {
		uint64_t pcr = ms_cbor_read_uint(&c);
		if (pcr >= MS_TPM_PCR_COUNT)
			ms_cbor_poison(&c);
		else
			parse_digests(&c, (uint8_t)pcr, r);
	}
	if (!ms_cbor_done(&c) || r->n == 0)
		return ms_fail(err, MS_ERR_MALFORMED, "reference set: values");
	return MS_OK;
}

static void
copy_text(char *out, struct ms_span s)
{
	if (s.len > 0)
		memcpy(out, s.p, s.len);
	out[s.len] = '\0';
}

static enum ms_rc
set_names(struct ms_reference *r, struct ms_span name, struct ms_span model, struct ms_span source, struct ms_err *err)
{
	if (!ms_name_ok(name, MS_REFERENCE_NAME_MAX))
		return ms_fail(err, MS_ERR_MALFORMED, "reference set: the name is 1 to %u of [a-z0-9._-]", MS_REFERENCE_NAME_MAX);
	if (model.len == 0 || model.len > MS_REFERENCE_MODEL_MAX || !ms_utf8_ok(model))
		return ms_fail(err, MS_ERR_MALFORMED, "reference set: the model is 1 to %u bytes of text", MS_REFERENCE_MODEL_MAX);
	if (source.len > MS_REFERENCE_SOURCE_MAX || !ms_utf8_ok(source))
		return ms_fail(err, MS_ERR_MALFORMED, "reference set: source");
	copy_text(r->name, name);
	copy_text(r->model, model);
	copy_text(r->source, source);
	return MS_OK;
}

enum ms_rc
ms_reference_parse(struct ms_span cbor, struct ms_reference **ret, struct ms_err *err)
{
	struct wire w;
	if (cbor.len > MS_REFERENCE_WIRE_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "reference set: %zu bytes", cbor.len);
	enum ms_rc rc = ms_cbor_parse_map(&table, cbor, &w, err);
	if (rc != MS_OK)
		return rc;
	MS_OWN(ms_reference_free) struct ms_reference *r = reference_new(ROWS_MAX);
	if (r == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "reference set");
	rc = set_names(r, w.name, w.model, w.source, err);
	if (rc == MS_OK)
		rc = parse_values(w.values, r, err);
	if (rc != MS_OK)
		return rc;
	r->version = w.version;
	r->captured_s = w.captured_s;
	struct ms_pcr_accept *fit = realloc(r->rows, r->n * sizeof *r->rows); /* what is not used is given back */
	if (fit != NULL)
		r->rows = fit;
	*ret = r;
	r = NULL;
	return MS_OK;
}

uint32_t
ms_reference_mask(const struct ms_reference *r)
{
	uint32_t mask = 0;
	for (size_t i = 0; i < r->n; i++)
		mask |= UINT32_C(1) << r->rows[i].index;
	return mask;
}

static size_t
run_length(const struct ms_reference *r, size_t from)
{
	size_t n = from;
	while (n < r->n && r->rows[n].index == r->rows[from].index)
		n++;
	return n - from;
}

enum ms_rc
ms_reference_build(const struct ms_reference *r, struct ms_buf *out, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf values;
	ms_buf_init(&values, MS_REFERENCE_WIRE_MAX);
	ms_cbor_map(&values, (size_t)__builtin_popcount(ms_reference_mask(r)));
	for (size_t i = 0; i < r->n;) {
		size_t n = run_length(r, i);
		ms_cbor_uint(&values, r->rows[i].index);
		ms_cbor_array(&values, n);
		for (size_t end = i + n; i < end; i++)
			ms_cbor_bytes(&values, ms_span(r->rows[i].digest, MS_PCR_LEN));
	}
	enum ms_rc rc = ms_buf_check(&values, err);
	if (rc != MS_OK)
		return rc;
	struct wire w = {.name = ms_span_str(r->name),
	    .version = r->version,
	    .model = ms_span_str(r->model),
	    .values = ms_buf_span(&values),
	    .source = ms_span_str(r->source),
	    .captured_s = r->captured_s};
	size_t before = out->len;
	rc = ms_cbor_build_map(&table, &w, out, err);
	if (rc != MS_OK)
		return rc;
	MS_OWN(ms_reference_free) struct ms_reference *again = NULL;
	if (ms_reference_parse(ms_span(out->p + before, out->len - before), &again, err) == MS_OK)
		return MS_OK;
	out->len = before; /* not one that would be taken */
	return ms_prefix(err, MS_ERR_USAGE, "build");
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
	if (src->version == 0 || src->version > UINT32_MAX || src->captured_s > INT64_MAX)
		return ms_fail(err, MS_ERR_USAGE, "capture: version or time");
	MS_OWN(ms_reference_free) struct ms_reference *r = reference_new(MS_TPM_PCR_COUNT);
	if (r == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "reference set");
	if (set_names(r, src->name, src->model, src->device, err) != MS_OK)
		return ms_prefix(err, MS_ERR_USAGE, "capture");
	for (uint8_t i = 0; i < MS_TPM_PCR_COUNT; i++) {
		if ((mask >> i & 1) == 0)
			continue;
		r->rows[r->n].index = i;
		memcpy(r->rows[r->n++].digest, pcrs->value[i], MS_PCR_LEN);
	}
	r->version = src->version;
	r->captured_s = src->captured_s;
	*ret = r;
	r = NULL;
	return MS_OK;
}

static void
merge_rows(const struct ms_reference *a, const struct ms_reference *b, struct ms_reference *r)
{
	for (size_t i = 0, j = 0; i < a->n || j < b->n;) {
		int c = i == a->n ? 1 : j == b->n ? -1 : row_cmp(&a->rows[i], &b->rows[j]);
		r->rows[r->n++] = c <= 0 ? a->rows[i] : b->rows[j];
		i += c <= 0;
		j += c >= 0;
	}
}

enum ms_rc
ms_reference_merge(const struct ms_reference *a, const struct ms_reference *b, struct ms_reference **ret, struct ms_err *err)
{
	if (strcmp(a->name, b->name) != 0 || strcmp(a->model, b->model) != 0)
		return ms_fail(err, MS_ERR_USAGE, "merge: %s of %s and %s of %s are not one set", a->name, a->model, b->name, b->model);
	uint64_t version = a->version > b->version ? a->version : b->version;
	if (version >= UINT32_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "merge: version");
	MS_OWN(ms_reference_free) struct ms_reference *r = reference_new(a->n + b->n);
	if (r == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "reference set");
	memcpy(r->name, a->name, sizeof r->name);
	memcpy(r->model, a->model, sizeof r->model);
	memcpy(r->source, a->source, sizeof r->source);
	merge_rows(a, b, r);
	for (size_t i = 0; i < r->n; i += run_length(r, i))
		if (run_length(r, i) > MS_REFERENCE_DIGESTS_MAX)
			return ms_fail(
			    err, MS_ERR_TOO_BIG, "merge: more than %u digests for PCR %u", MS_REFERENCE_DIGESTS_MAX, r->rows[i].index);
	r->version = version + 1;
	r->captured_s = a->captured_s > b->captured_s ? a->captured_s : b->captured_s;
	*ret = r;
	r = NULL;
	return MS_OK;
}
