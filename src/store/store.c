#include "store/store.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/hash.h"
#include "store/store_int.h"

const struct ms_store_backend *const ms_store_backends[] = {&ms_store_sqlite, NULL};

static const struct ms_table_info tables[MS_TABLE_COUNT] = {
#define X(id, a_name, a_folded, max) [id] = {.name = (a_name), .folded = (a_folded), .value_max = (max)},
    MS_STORE_TABLES(X)
#undef X
};

struct ms_store {
	const struct ms_store_backend *be;
	void *db;
	bool readonly, in_tx, in_save;
};

const struct ms_table_info *
ms_table_info(enum ms_table table)
{
	return (unsigned)table < MS_TABLE_COUNT ? &tables[table] : NULL;
}

enum ms_rc
ms_table_by_name(const char *name, enum ms_table *ret)
{
	for (unsigned i = 0; i < MS_TABLE_COUNT; i++)
		if (strcmp(tables[i].name, name) == 0) {
			*ret = (enum ms_table)i;
			return MS_OK;
		}
	return MS_ERR_NOT_FOUND;
}

static const struct ms_store_backend *
backend_for(const char *path)
{
	size_t i = 0;
	for (; ms_store_backends[i + 1] != NULL; i++) {
		const char *scheme = ms_store_backends[i]->scheme;
		if (scheme != NULL && path != NULL && strncmp(path, scheme, strlen(scheme)) == 0)
			break;
	}
	return ms_store_backends[i];
}

enum ms_rc
ms_store_open(const char *path, unsigned flags, struct ms_store **ret, struct ms_err *err)
{
	unsigned kind = flags & (MS_STORE_CREATE | MS_STORE_READONLY | MS_STORE_MEMORY);
	if ((kind & (kind - 1)) != 0)
		return ms_fail(err, MS_ERR_USAGE, "store: create, read-only and memory exclude each other");
	if ((flags & MS_STORE_MEMORY) == 0 && (path == NULL || path[0] == '\0'))
		return ms_fail(err, MS_ERR_USAGE, "store: no path");
	MS_OWN(ms_store_close) struct ms_store *s = calloc(1, sizeof *s);
	if (s == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "store");
	s->be = backend_for(path);
	s->readonly = (flags & MS_STORE_READONLY) != 0;
	enum ms_rc rc = s->be->open(path, flags, &s->db, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "store %s", path == NULL ? "in memory" : path);
	*ret = s;
	s = NULL;
	return MS_OK;
}

void
ms_store_close(struct ms_store *s)
{
	if (s == NULL)
		return;
	if (s->db != NULL) {
		ms_store_rollback(s);
		s->be->close(s->db);
	}
	free(s);
}

enum ms_rc
ms_store_begin(struct ms_store *s, struct ms_err *err)
{
	if (s->readonly)
		return ms_fail(err, MS_ERR_USAGE, "store: open for reading only");
	if (s->in_tx)
		return ms_fail(err, MS_ERR_INTERNAL, "store: a transaction is open");
	enum ms_rc rc = s->be->begin(s->db, err);
	s->in_tx = rc == MS_OK;
	return rc;
}

/* A write that failed may have ended the engine's transaction or not: end it here, so that there is one answer. */
static enum ms_rc
fail_tx(struct ms_store *s, enum ms_rc rc)
{
	if (rc != MS_OK)
		ms_store_rollback(s);
	return rc;
}

enum ms_rc
ms_store_commit(struct ms_store *s, struct ms_err *err)
{
	if (!s->in_tx || s->in_save)
		return ms_fail(err, MS_ERR_INTERNAL, "store: commit without a transaction, or inside a savepoint");
	enum ms_rc rc = s->be->commit(s->db, err);
	if (rc == MS_OK)
		s->in_tx = false;
	return fail_tx(s, rc);
}

void
ms_store_rollback(struct ms_store *s)
{
	if (s->in_tx)
		s->be->rollback(s->db);
	s->in_tx = false;
	s->in_save = false;
}

bool
ms_store_in_tx(const struct ms_store *s)
{
	return s->in_tx;
}

enum ms_rc
ms_store_savepoint(struct ms_store *s, struct ms_err *err)
{
	if (!s->in_tx || s->in_save)
		return ms_fail(err, MS_ERR_INTERNAL, "store: savepoint outside a transaction, or inside another");
	enum ms_rc rc = s->be->savepoint(s->db, err);
	s->in_save = rc == MS_OK;
	return fail_tx(s, rc);
}

enum ms_rc
ms_store_release(struct ms_store *s, struct ms_err *err)
{
	if (!s->in_save)
		return ms_fail(err, MS_ERR_INTERNAL, "store: no savepoint to release");
	s->in_save = false;
	return fail_tx(s, s->be->release(s->db, err));
}

enum ms_rc
ms_store_rollback_to(struct ms_store *s, struct ms_err *err)
{
	if (!s->in_save)
		return ms_fail(err, MS_ERR_INTERNAL, "store: no savepoint to go back to");
	s->in_save = false;
	return fail_tx(s, s->be->rollback_to(s->db, err));
}

static enum ms_rc
check_key(enum ms_table t, struct ms_span key, struct ms_err *err)
{
	if (ms_table_info(t) == NULL)
		return ms_fail(err, MS_ERR_INTERNAL, "store: no table %d", (int)t);
	if (key.len == 0 || key.len > MS_STORE_KEY_MAX)
		return ms_fail(err, MS_ERR_USAGE, "store: %s: a key of %zu bytes", tables[t].name, key.len);
	return MS_OK;
}

static enum ms_rc
check_write(const struct ms_store *s, enum ms_table t, struct ms_span key, size_t val_len, struct ms_err *err)
{
	if (!s->in_tx)
		return ms_fail(err, MS_ERR_INTERNAL, "store: a write outside a transaction");
	enum ms_rc rc = check_key(t, key, err);
	if (rc == MS_OK && val_len > tables[t].value_max)
		rc = ms_fail(err, MS_ERR_TOO_BIG, "store: %s: a value of %zu bytes", tables[t].name, val_len);
	return rc;
}

enum ms_rc
ms_store_get(struct ms_store *s, enum ms_table t, struct ms_span key, struct ms_buf *val, struct ms_err *err)
{
	ms_buf_reset(val);
	enum ms_rc rc = check_key(t, key, err);
	return rc == MS_OK ? s->be->get(s->db, t, key, val, err) : rc;
}

static enum ms_rc
write_row(struct ms_store *s, enum ms_write how, enum ms_table t, const struct ms_span kv[2], struct ms_err *err)
{
	enum ms_rc rc = check_write(s, t, kv[0], kv[1].len, err);
	if (rc != MS_OK)
		return rc;
	rc = s->be->write(s->db, how, t, kv, err);
	return rc == MS_ERR_CONFLICT ? rc : fail_tx(s, rc);
}

enum ms_rc
ms_store_insert(struct ms_store *s, enum ms_table t, struct ms_span key, struct ms_span val, struct ms_err *err)
{
	return write_row(s, MS_WRITE_INSERT, t, (const struct ms_span[2]){key, val}, err);
}

enum ms_rc
ms_store_put(struct ms_store *s, enum ms_table t, struct ms_span key, struct ms_span val, struct ms_err *err)
{
	return write_row(s, MS_WRITE_PUT, t, (const struct ms_span[2]){key, val}, err);
}

enum ms_rc
ms_store_delete(struct ms_store *s, enum ms_table t, struct ms_span key, struct ms_err *err)
{
	enum ms_rc rc = check_write(s, t, key, 0, err);
	if (rc != MS_OK)
		return rc;
	rc = s->be->erase(s->db, t, key, err);
	return rc == MS_ERR_NOT_FOUND ? rc : fail_tx(s, rc);
}

/* The least key above every key that starts with prefix; above all keys when there is none such. */
static size_t
prefix_end(struct ms_span prefix, uint8_t out[static MS_STORE_KEY_MAX + 1])
{
	size_t n = prefix.len;
	while (n > 0 && prefix.p[n - 1] == 0xff)
		n--;
	if (n == 0) {
		memset(out, 0xff, MS_STORE_KEY_MAX + 1);
		return MS_STORE_KEY_MAX + 1;
	}
	memcpy(out, prefix.p, n);
	out[n - 1]++;
	return n;
}

enum ms_rc
ms_store_scan(struct ms_store *s, const struct ms_scan *q, ms_store_row_fn fn, void *ctx, struct ms_err *err)
{
	if (ms_table_info(q->table) == NULL || q->prefix.len > MS_STORE_KEY_MAX || q->after.len > MS_STORE_KEY_MAX)
		return ms_fail(err, MS_ERR_USAGE, "store: a scan of no table, or a prefix that is too long");
	uint8_t high[MS_STORE_KEY_MAX + 1], above[MS_STORE_KEY_MAX + 1];
	struct ms_range r = {.table = q->table, .low = q->prefix, .limit = q->limit, .reverse = q->reverse};
	r.high = ms_span(high, prefix_end(q->prefix, high));
	if (q->after.len > 0 && q->reverse) {
		if (ms_span_cmp(q->after, r.high) < 0)
			r.high = q->after;
	} else if (q->after.len > 0) { /* the next key after k is k and a zero byte */
		memcpy(above, q->after.p, q->after.len);
		above[q->after.len] = 0;
		struct ms_span low = ms_span(above, q->after.len + 1);
		if (ms_span_cmp(low, r.low) > 0)
			r.low = low;
	}
	return s->be->scan(s->db, &r, fn, ctx, err);
}

enum ms_rc
ms_store_count(struct ms_store *s, enum ms_table t, uint64_t *ret, struct ms_err *err)
{
	if (ms_table_info(t) == NULL)
		return ms_fail(err, MS_ERR_INTERNAL, "store: no table %d", (int)t);
	return s->be->count(s->db, t, ret, err);
}

enum ms_rc
ms_store_put_blob(struct ms_store *s, struct ms_span bytes, uint8_t id[static MS_STORE_HASH_LEN], struct ms_err *err)
{
	uint8_t h[MS_STORE_HASH_LEN];
	ms_sha256(bytes, h);
	enum ms_rc rc = ms_store_insert(s, MS_TABLE_BLOBS, ms_span(h, sizeof h), bytes, err);
	if (rc != MS_OK && rc != MS_ERR_CONFLICT)
		return rc;
	memcpy(id, h, sizeof h);
	return MS_OK;
}

enum ms_rc
ms_store_get_blob(struct ms_store *s, const uint8_t id[static MS_STORE_HASH_LEN], struct ms_buf *val, struct ms_err *err)
{
	uint8_t h[MS_STORE_HASH_LEN];
	enum ms_rc rc = ms_store_get(s, MS_TABLE_BLOBS, ms_span(id, MS_STORE_HASH_LEN), val, err);
	if (rc != MS_OK)
		return rc;
	ms_sha256(ms_buf_span(val), h);
	if (ms_ct_eq(h, id, sizeof h))
		return MS_OK;
	ms_buf_reset(val);
	return ms_fail(err, MS_ERR_MALFORMED, "store: a blob does not hash to its id");
}

enum ms_rc
ms_store_quick_check(struct ms_store *s, struct ms_err *err)
{
	return s->be->check(s->db, err);
}

enum ms_rc
ms_store_backup(struct ms_store *s, const char *path, struct ms_err *err)
{
	if (s->in_tx)
		return ms_fail(err, MS_ERR_INTERNAL, "store: a backup inside a transaction");
	enum ms_rc rc = s->be->backup(s->db, path, err);
	return rc == MS_OK ? rc : ms_prefix(err, rc, "backup to %s", path);
}

void
ms_store_key_u64(uint64_t n, uint8_t key[static 8])
{
	for (int i = 7; i >= 0; i--, n >>= 8)
		key[i] = (uint8_t)n;
}
