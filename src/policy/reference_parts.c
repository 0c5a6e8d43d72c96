/* Reference sets of any size: a header, and arrays of files that fit a message each. */
#include <stdlib.h>
#include <string.h>

#include "codec/cbor.h"
#include "policy/reference_int.h"

static enum ms_rc
put_part(const struct ms_reference_files *f, size_t from, size_t to, struct ms_reference_part_name *name, ms_reference_put_fn put,
    void *ctx, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	ms_buf_init(&b, MS_REFERENCE_PART_MAX);
	ms_cbor_array(&b, 2 * (to - from));
	ms_cbor_raw(&b, ms_reference_files_bytes(f, from, to));
	enum ms_rc rc = ms_buf_check(&b, err);
	if (rc != MS_OK)
		return rc;
	ms_sha256(ms_buf_span(&b), name->id);
	name->len = b.len;
	name->files = to - from;
	return put == NULL ? MS_OK : put(ctx, name->id, ms_buf_span(&b), err);
}

static enum ms_rc
split_files(const struct ms_reference *r, struct ms_reference_part_list *parts, ms_reference_put_fn put, void *ctx, struct ms_err *err)
{
	const struct ms_reference_files *f = &r->more->files;
	parts->n = 0;
	for (size_t from = 0, to; from < f->n; from = to) {
		to = ms_reference_files_run(f, from, MS_REFERENCE_PART_MAX); /* at least one: a pair is far shorter than a part */
		if (parts->n == MS_REFERENCE_PARTS_MAX)
			return ms_fail(err, MS_ERR_TOO_BIG, "reference set %s: its files take more than %u parts of %u bytes", r->name,
			    MS_REFERENCE_PARTS_MAX, MS_REFERENCE_PART_MAX);
		enum ms_rc rc = put_part(f, from, to, &parts->item[parts->n++], put, ctx, err);
		if (rc != MS_OK)
			return rc;
	}
	return MS_OK;
}

enum ms_rc
ms_reference_split(const struct ms_reference *r, struct ms_buf *out, ms_reference_put_fn put, void *ctx, struct ms_err *err)
{
	struct ms_err why = {0};
	enum ms_rc rc = ms_reference_build(r, out, &why);
	if (rc != MS_ERR_TOO_BIG || ms_reference_n_files(r) == 0) {
		if (err != NULL && rc != MS_OK)
			*err = why;
		return rc;
	}
	struct ms_reference_part_list *parts = calloc(1, sizeof *parts);
	if (parts == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "reference set");
	rc = split_files(r, parts, put, ctx, err);
	if (rc == MS_OK)
		rc = ms_reference_header_build(r, parts, out, err);
	free(parts);
	return rc;
}

static enum ms_rc
get_part(struct ms_reference *r, const struct ms_reference_part_name *name, ms_reference_get_fn get, void *ctx, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	uint8_t id[MS_REFERENCE_ID_LEN];
	ms_buf_init(&b, name->len);
	enum ms_rc rc = get(ctx, name->id, &b, err);
	if (rc != MS_OK)
		return rc;
	ms_sha256(ms_buf_span(&b), id);
	if (b.bad || b.len != name->len || !ms_span_eq(ms_span(id, sizeof id), ms_span(name->id, sizeof name->id)))
		return ms_fail(err, MS_ERR_AUTH, "a part is not the one that the header names");
	size_t before = r->more->files.n;
	rc = ms_reference_files_take(&r->more->files, ms_buf_span(&b), r->more->n_notes, err);
	if (rc == MS_OK && r->more->files.n - before != name->files)
		rc = ms_fail(err, MS_ERR_MALFORMED, "a part has another number of files than the header says");
	return rc;
}

static enum ms_rc
join(struct ms_reference *r, const struct ms_reference_part_list *parts, ms_reference_get_fn get, void *ctx, struct ms_err *err)
{
	size_t bytes = 0, files = 0;
	if (parts->n > 0 && get == NULL)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "reference set %s is in %zu parts, which are not here", r->name, parts->n);
	for (size_t i = 0; i < parts->n; i++) { /* 64 numbers that are below 2^20 each */
		bytes += parts->item[i].len;
		files += parts->item[i].files;
	}
	enum ms_rc rc = MS_OK;
	if (parts->n > 0)
		rc = ms_reference_files_reserve(&r->more->files, bytes, files, err);
	for (size_t i = 0; rc == MS_OK && i < parts->n; i++) {
		rc = get_part(r, &parts->item[i], get, ctx, err);
		if (rc != MS_OK)
			return ms_prefix(err, rc, "reference set %s: part %zu of %zu", r->name, i + 1, parts->n);
	}
	return rc == MS_OK && r->more != NULL && r->more->files.n > 0 ? ms_reference_files_index(&r->more->files, err) : rc;
}

enum ms_rc
ms_reference_join(struct ms_span header, ms_reference_get_fn get, void *ctx, struct ms_reference **ret, struct ms_err *err)
{
	MS_OWN(ms_reference_free) struct ms_reference *r = NULL;
	struct ms_reference_part_list *parts = calloc(1, sizeof *parts);
	if (parts == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "reference set");
	enum ms_rc rc = ms_reference_header_parse(header, &r, parts, err);
	if (rc == MS_OK)
		rc = join(r, parts, get, ctx, err);
	free(parts);
	if (rc != MS_OK)
		return rc;
	*ret = r;
	r = NULL;
	return MS_OK;
}

enum ms_rc
ms_reference_parts(struct ms_span header, struct ms_reference_parts *ret, struct ms_err *err)
{
	MS_OWN(ms_reference_free) struct ms_reference *r = NULL;
	struct ms_reference_part_list *parts = calloc(1, sizeof *parts);
	if (parts == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "reference set");
	enum ms_rc rc = ms_reference_header_parse(header, &r, parts, err);
	if (rc == MS_OK) {
		ret->n = parts->n;
		for (size_t i = 0; i < parts->n; i++)
			memcpy(ret->id[i], parts->item[i].id, MS_REFERENCE_ID_LEN);
	}
	free(parts);
	return rc;
}

enum ms_rc
ms_reference_part_check(struct ms_span part, struct ms_err *err)
{
	struct ms_reference_files f = {.bytes = NULL};
	if (part.len > MS_REFERENCE_PART_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "part of a reference set: %zu bytes", part.len);
	struct ms_cbor c = ms_cbor_over(part);
	enum ms_rc rc = ms_reference_files_reserve(&f, part.len, ms_cbor_read_array(&c) / 2, err);
	if (rc == MS_OK)
		rc = ms_reference_files_take(&f, part, MS_REFERENCE_NOTES_MAX, err);
	free(f.bytes);
	free(f.by_path);
	return rc == MS_OK ? rc : ms_prefix(err, rc, "part");
}
