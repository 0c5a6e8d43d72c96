/* Files of a reference set: pairs as they came, and two indexes. */
#include <stdlib.h>
#include <string.h>

#include "codec/cbor.h"
#include "policy/reference_int.h"

/* Kernel's numbers (include/uapi/linux/hash_info.h). MD5 and the like are not here: what lists them proves nothing. */
size_t
ms_reference_hash_len(uint8_t hash)
{
	static const uint8_t len[] = {[2] = 20, [4] = 32, [5] = 48, [6] = 64, [7] = 28, [17] = 32};
	return hash < sizeof len ? len[hash] : 0;
}

bool
ms_reference_pair_ok(struct ms_span path, uint8_t hash, struct ms_span digest, struct ms_err *err)
{
	size_t len = ms_reference_hash_len(hash);
	if (path.len == 0 || path.len > MS_REFERENCE_PATH_MAX || memchr(path.p, 0, path.len) != NULL) {
		(void)ms_fail(err, MS_ERR_MALFORMED, "a file's path is 1 to %u bytes without NUL", MS_REFERENCE_PATH_MAX);
		return false;
	}
	if (len == 0 || digest.len != len) {
		(void)ms_fail(err, MS_ERR_MALFORMED, "%.*s: %zu bytes are no digest of hash %u", (int)path.len, (const char *)path.p,
		    digest.len, hash);
		return false;
	}
	return true;
}

/* A definite byte string (RFC 8949 3.1, major type 2), checked when it was taken: its length is below 65536. */
static struct ms_span
string_at(const uint8_t *p)
{
	unsigned low = p[0] & 0x1fu;
	if (low < 24)
		return ms_span(p + 1, low);
	if (low == 24)
		return ms_span(p + 2, p[1]);
	return ms_span(p + 3, (size_t)p[1] << 8 | p[2]);
}

struct ms_reference_pair
ms_reference_pair_at(const uint8_t *bytes, size_t at)
{
	struct ms_span path = string_at(bytes + at);
	return (struct ms_reference_pair){.path = path, .value = string_at(path.p + path.len)};
}

static int
value_cmp(struct ms_span a, struct ms_span b)
{
	if (a.p[MS_REFERENCE_VALUE_HASH] != b.p[MS_REFERENCE_VALUE_HASH])
		return a.p[MS_REFERENCE_VALUE_HASH] < b.p[MS_REFERENCE_VALUE_HASH] ? -1 : 1;
	return ms_span_cmp(ms_span(a.p + MS_REFERENCE_VALUE_HEAD, a.len - MS_REFERENCE_VALUE_HEAD),
	    ms_span(b.p + MS_REFERENCE_VALUE_HEAD, b.len - MS_REFERENCE_VALUE_HEAD));
}

int
ms_reference_pair_cmp(const struct ms_reference_pair *a, const struct ms_reference_pair *b)
{
	int c = ms_span_cmp(a->path, b->path);
	return c != 0 ? c : value_cmp(a->value, b->value);
}

enum ms_rc
ms_reference_files_reserve(struct ms_reference_files *f, size_t bytes, size_t files, struct ms_err *err)
{
	if (files > MS_REFERENCE_FILES_MAX || bytes > (size_t)MS_REFERENCE_PARTS_MAX * MS_REFERENCE_PART_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "reference set: %zu files, at most %u", files, MS_REFERENCE_FILES_MAX);
	if (f->bytes != NULL)
		return ms_fail(err, MS_ERR_INTERNAL, "reference set: room twice");
	f->bytes = malloc(bytes + 1);
	f->by_path = calloc(files + 1, sizeof *f->by_path);
	if (f->bytes == NULL || f->by_path == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "reference set");
	f->cap = bytes;
	f->index_cap = files;
	return MS_OK;
}

static enum ms_rc
take_pair(struct ms_reference_files *f, struct ms_cbor *c, size_t n_notes, struct ms_reference_pair *last, struct ms_err *err)
{
	struct ms_reference_pair p = {.path = ms_cbor_read_bytes(c)};
	p.value = ms_cbor_read_bytes(c);
	if (p.value.len < MS_REFERENCE_VALUE_HEAD || p.value.p[MS_REFERENCE_VALUE_NOTE] > n_notes)
		return ms_fail(err, MS_ERR_MALFORMED, "reference set: value of a file");
	struct ms_span digest = ms_span(p.value.p + MS_REFERENCE_VALUE_HEAD, p.value.len - MS_REFERENCE_VALUE_HEAD);
	if (!ms_reference_pair_ok(p.path, p.value.p[MS_REFERENCE_VALUE_HASH], digest, err))
		return ms_prefix(err, MS_ERR_MALFORMED, "reference set");
	if (last->path.p != NULL && ms_reference_pair_cmp(last, &p) >= 0)
		return ms_fail(err, MS_ERR_MALFORMED, "reference set: files are not sorted by path and digest, or one is there twice");
	if (f->n == f->index_cap)
		return ms_fail(err, MS_ERR_TOO_BIG, "reference set: more files than its header says");
	*last = p;
	return MS_OK;
}

enum ms_rc
ms_reference_files_take(struct ms_reference_files *f, struct ms_span array, size_t n_notes, struct ms_err *err)
{
	struct ms_cbor c = ms_cbor_over(array);
	size_t items = ms_cbor_read_array(&c);
	size_t head = c.rd.off;
	struct ms_reference_pair last = {.path = MS_SPAN_NONE};
	if (items == 0 || items % 2 != 0)
		return ms_fail(err, MS_ERR_MALFORMED, "reference set: files are pairs of path and digest");
	if (array.len - head > f->cap - f->len)
		return ms_fail(err, MS_ERR_TOO_BIG, "reference set: files are longer than its header says");
	if (f->n > 0)
		last = ms_reference_pair_at(f->bytes, f->by_path[f->n - 1]);
	for (size_t i = 0; i < items / 2; i++) {
		size_t at = c.rd.off - head;
		enum ms_rc rc = take_pair(f, &c, n_notes, &last, err);
		if (rc != MS_OK)
			return rc;
		f->by_path[f->n++] = (uint32_t)(f->len + at);
	}
	if (!ms_cbor_done(&c))
		return ms_fail(err, MS_ERR_MALFORMED, "reference set: files");
	memcpy(f->bytes + f->len, array.p + head, array.len - head);
	f->len += array.len - head;
	return MS_OK;
}

static int
by_digest_cmp(const void *a, const void *b, void *ctx)
{
	const struct ms_reference_by_digest *x = a, *y = b;
	const struct ms_reference_files *f = ctx;
	if (x->prefix != y->prefix)
		return x->prefix < y->prefix ? -1 : 1;
	struct ms_reference_pair p = ms_reference_pair_at(f->bytes, x->at), q = ms_reference_pair_at(f->bytes, y->at);
	int c = value_cmp(p.value, q.value);
	return c != 0 ? c : ms_span_cmp(p.path, q.path);
}

enum ms_rc
ms_reference_files_index(struct ms_reference_files *f, struct ms_err *err)
{
	f->by_digest = calloc(f->n + 1, sizeof *f->by_digest);
	if (f->by_digest == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "reference set");
	for (size_t i = 0; i < f->n; i++) {
		struct ms_span v = ms_reference_pair_at(f->bytes, f->by_path[i]).value;
		f->by_digest[i] = (struct ms_reference_by_digest){
		    ms_reference_prefix(ms_span(v.p + MS_REFERENCE_VALUE_HEAD, v.len - MS_REFERENCE_VALUE_HEAD)), f->by_path[i]};
	}
	qsort_r(f->by_digest, f->n, sizeof *f->by_digest, by_digest_cmp, f);
	return MS_OK;
}

static size_t
end_of(const struct ms_reference_files *f, size_t i)
{
	return i == f->n ? f->len : f->by_path[i];
}

size_t
ms_reference_files_run(const struct ms_reference_files *f, size_t from, size_t max)
{
	size_t to = from, head = 5; /* of an array with up to 2^32 - 1 items */
	while (to < f->n && end_of(f, to + 1) - f->by_path[from] + head <= max)
		to++;
	return to;
}

struct ms_span
ms_reference_files_bytes(const struct ms_reference_files *f, size_t from, size_t to)
{
	return ms_span(f->bytes + f->by_path[from], end_of(f, to) - f->by_path[from]);
}
