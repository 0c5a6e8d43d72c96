/* The embedded engine: one SQLite file in WAL mode, a commit is one fsync of the log. Every row read is bounded. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/sqlite_int.h"

static const char *const stmt_sql[STMT_COUNT] = {
    [GET] = "SELECT value FROM \"%s\" WHERE key=?1",
    [INSERT] = "INSERT INTO \"%s\"(key,value)VALUES(?1,?2)",
    [PUT] = "INSERT INTO \"%s\"(key,value)VALUES(?1,?2)ON CONFLICT(key)DO UPDATE SET value=excluded.value",
    [ERASE] = "DELETE FROM \"%s\" WHERE key=?1",
    [UP] = "SELECT key,value FROM \"%s\" WHERE key>=?1 AND key<?2 ORDER BY key LIMIT ?3",
    [DOWN] = "SELECT key,value FROM \"%s\" WHERE key>=?1 AND key<?2 ORDER BY key DESC LIMIT ?3",
    [COUNT] = "SELECT count(*) FROM \"%s\"",
};
static const char *const fixed_sql[FIXED_COUNT] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [SAVE] = "SAVEPOINT request",
    [RELEASE] = "RELEASE request",
    [BACK] = "ROLLBACK TO request",
};

enum ms_rc
ms_sqlite_fail(sqlite3 *sq, int code, struct ms_err *err)
{
	const char *text = sq == NULL ? sqlite3_errstr(code) : sqlite3_errmsg(sq);
	int e = sq == NULL ? 0 : sqlite3_system_errno(sq);
	switch (code & 0xff) {
	case SQLITE_NOMEM:
		return ms_fail(err, MS_ERR_NOMEM, "sqlite: out of memory");
	case SQLITE_FULL:
		return ms_fail(err, MS_ERR_IO, "the disk is full: free space on the store's file system, then retry (nothing was changed)");
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return ms_fail(err, MS_ERR_MALFORMED, "damaged or not a store: %s", text);
	case SQLITE_CONSTRAINT:
		return ms_fail(err, MS_ERR_CONFLICT, "the key exists");
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ms_fail(err, MS_ERR_UNAVAILABLE, "in use: %s", text);
	case SQLITE_TOOBIG:
		return ms_fail(err, MS_ERR_TOO_BIG, "a row is too big");
	case SQLITE_MISUSE:
		return ms_fail(err, MS_ERR_INTERNAL, "sqlite: %s", text);
	default:
		return ms_fail(err, MS_ERR_IO, "%s%s%s", text, e == 0 ? "" : ": ", e == 0 ? "" : strerror(e));
	}
}

enum ms_rc
ms_sqlite_exec(sqlite3 *sq, const char *sql, struct ms_err *err)
{
	int code = sqlite3_exec(sq, sql, NULL, NULL, NULL);
	return code == SQLITE_OK ? MS_OK : ms_sqlite_fail(sq, code, err);
}

static enum ms_rc
prepare(struct ms_sqlite *d, const char *sql, sqlite3_stmt **st, struct ms_err *err)
{
	if (*st != NULL)
		return sqlite3_stmt_busy(*st) ? ms_fail(err, MS_ERR_INTERNAL, "store: used from inside its own scan") : MS_OK;
	int code = sqlite3_prepare_v3(d->sq, sql, -1, SQLITE_PREPARE_PERSISTENT, st, NULL);
	return code == SQLITE_OK ? MS_OK : ms_sqlite_fail(d->sq, code, err);
}

static enum ms_rc
table_stmt(struct ms_sqlite *d, enum ms_table t, enum ms_sqlite_stmt which, sqlite3_stmt **ret, struct ms_err *err)
{
	char sql[160];
	(void)snprintf(sql, sizeof sql, stmt_sql[which], ms_table_info(t)->name);
	enum ms_rc rc = prepare(d, sql, &d->st[t][which], err);
	if (rc == MS_OK)
		*ret = d->st[t][which];
	return rc;
}

static enum ms_rc
bind_span(sqlite3 *sq, sqlite3_stmt *st, int i, struct ms_span s, struct ms_err *err)
{
	int code = sqlite3_bind_blob64(st, i, s.len == 0 ? (const void *)"" : s.p, s.len, SQLITE_STATIC);
	return code == SQLITE_OK ? MS_OK : ms_sqlite_fail(sq, code, err);
}

/* Run a statement that gives no rows, and forget what was bound. */
static enum ms_rc
run(struct ms_sqlite *d, sqlite3_stmt *st, struct ms_err *err)
{
	int code = sqlite3_step(st);
	enum ms_rc rc = code == SQLITE_DONE || code == SQLITE_ROW ? MS_OK : ms_sqlite_fail(d->sq, code, err);
	(void)sqlite3_reset(st);
	(void)sqlite3_clear_bindings(st);
	return rc;
}

static enum ms_rc
run_fixed(struct ms_sqlite *d, enum ms_sqlite_fixed which, struct ms_err *err)
{
	enum ms_rc rc = prepare(d, fixed_sql[which], &d->fixed[which], err);
	return rc == MS_OK ? run(d, d->fixed[which], err) : rc;
}

static enum ms_rc
db_begin(void *db, struct ms_err *err)
{
	return run_fixed(db, BEGIN, err);
}

static enum ms_rc
db_commit(void *db, struct ms_err *err)
{
	return run_fixed(db, COMMIT, err);
}

static void
db_rollback(void *db)
{
	struct ms_sqlite *d = db;
	if (sqlite3_get_autocommit(d->sq) == 0) /* a failed write may have ended it */
		(void)run_fixed(d, ROLLBACK, NULL);
}

static enum ms_rc
db_savepoint(void *db, struct ms_err *err)
{
	return run_fixed(db, SAVE, err);
}

static enum ms_rc
db_release(void *db, struct ms_err *err)
{
	return run_fixed(db, RELEASE, err);
}

static enum ms_rc
db_rollback_to(void *db, struct ms_err *err)
{
	enum ms_rc rc = run_fixed(db, BACK, err);
	return rc == MS_OK ? run_fixed(db, RELEASE, err) : rc;
}

/* Column c of the current row, within its bounds; the file may hold anything. */
static enum ms_rc
column(sqlite3_stmt *st, int c, size_t max, struct ms_span *ret, struct ms_err *err)
{
	if (sqlite3_column_type(st, c) != SQLITE_BLOB)
		return ms_fail(err, MS_ERR_MALFORMED, "damaged: a row is not bytes");
	const void *p = sqlite3_column_blob(st, c);
	size_t len = (size_t)sqlite3_column_bytes(st, c);
	if (len > max)
		return ms_fail(err, MS_ERR_MALFORMED, "damaged: a row of %zu bytes", len);
	if (p == NULL && len > 0)
		return ms_fail(err, MS_ERR_NOMEM, "sqlite: out of memory");
	*ret = ms_span(p, len);
	return MS_OK;
}

static enum ms_rc
db_get(void *db, enum ms_table t, struct ms_span key, struct ms_buf *val, struct ms_err *err)
{
	struct ms_sqlite *d = db;
	sqlite3_stmt *st;
	struct ms_span v = MS_SPAN_NONE;
	enum ms_rc rc = table_stmt(d, t, GET, &st, err);
	if (rc == MS_OK)
		rc = bind_span(d->sq, st, 1, key, err);
	if (rc != MS_OK)
		return rc;
	int code = sqlite3_step(st);
	if (code == SQLITE_DONE)
		rc = ms_fail(err, MS_ERR_NOT_FOUND, "store: no such row in %s", ms_table_info(t)->name);
	else if (code != SQLITE_ROW)
		rc = ms_sqlite_fail(d->sq, code, err);
	else
		rc = column(st, 0, ms_table_info(t)->value_max, &v, err);
	if (rc == MS_OK) {
		ms_buf_put_span(val, v);
		rc = ms_buf_check(val, err);
	}
	(void)sqlite3_reset(st);
	(void)sqlite3_clear_bindings(st);
	return rc;
}

static enum ms_rc
db_write(void *db, enum ms_write how, enum ms_table t, const struct ms_span kv[2], struct ms_err *err)
{
	struct ms_sqlite *d = db;
	sqlite3_stmt *st;
	enum ms_rc rc = table_stmt(d, t, how == MS_WRITE_INSERT ? INSERT : PUT, &st, err);
	for (int i = 0; i < 2 && rc == MS_OK; i++)
		rc = bind_span(d->sq, st, i + 1, kv[i], err);
	return rc == MS_OK ? run(d, st, err) : rc;
}

static enum ms_rc
db_erase(void *db, enum ms_table t, struct ms_span key, struct ms_err *err)
{
	struct ms_sqlite *d = db;
	sqlite3_stmt *st;
	enum ms_rc rc = table_stmt(d, t, ERASE, &st, err);
	if (rc == MS_OK)
		rc = bind_span(d->sq, st, 1, key, err);
	if (rc == MS_OK)
		rc = run(d, st, err);
	if (rc == MS_OK && sqlite3_changes(d->sq) != 1)
		rc = ms_fail(err, MS_ERR_NOT_FOUND, "store: no such row in %s", ms_table_info(t)->name);
	return rc;
}

static enum ms_rc
scan_rows(struct ms_sqlite *d, sqlite3_stmt *st, const struct ms_range *r, ms_store_row_fn fn, void *ctx, struct ms_err *err)
{
	for (;;) {
		struct ms_span key, val;
		int code = sqlite3_step(st);
		if (code == SQLITE_DONE)
			return MS_OK;
		if (code != SQLITE_ROW)
			return ms_sqlite_fail(d->sq, code, err);
		enum ms_rc rc = column(st, 0, MS_STORE_KEY_MAX, &key, err);
		if (rc == MS_OK)
			rc = column(st, 1, ms_table_info(r->table)->value_max, &val, err);
		if (rc == MS_OK && key.len == 0)
			rc = ms_fail(err, MS_ERR_MALFORMED, "damaged: a row without a key");
		if (rc != MS_OK)
			return rc;
		rc = fn(ctx, key, val);
		if (rc != MS_OK)
			return rc;
	}
}

static enum ms_rc
db_scan(void *db, const struct ms_range *r, ms_store_row_fn fn, void *ctx, struct ms_err *err)
{
	struct ms_sqlite *d = db;
	sqlite3_stmt *st;
	enum ms_rc rc = table_stmt(d, r->table, r->reverse ? DOWN : UP, &st, err);
	if (rc == MS_OK)
		rc = bind_span(d->sq, st, 1, r->low, err);
	if (rc == MS_OK)
		rc = bind_span(d->sq, st, 2, r->high, err);
	if (rc != MS_OK)
		return rc;
	(void)sqlite3_bind_int64(st, 3, r->limit == 0 || r->limit > INT32_MAX ? -1 : (sqlite3_int64)r->limit);
	rc = scan_rows(d, st, r, fn, ctx, err);
	(void)sqlite3_reset(st);
	(void)sqlite3_clear_bindings(st);
	return rc;
}

static enum ms_rc
db_count(void *db, enum ms_table t, uint64_t *ret, struct ms_err *err)
{
	struct ms_sqlite *d = db;
	sqlite3_stmt *st;
	enum ms_rc rc = table_stmt(d, t, COUNT, &st, err);
	if (rc != MS_OK)
		return rc;
	int code = sqlite3_step(st);
	if (code == SQLITE_ROW)
		*ret = (uint64_t)sqlite3_column_int64(st, 0);
	else
		rc = ms_sqlite_fail(d->sq, code, err);
	(void)sqlite3_reset(st);
	return rc;
}

static enum ms_rc
db_check(void *db, struct ms_err *err)
{
	struct ms_sqlite *d = db;
	sqlite3_stmt *st = NULL;
	int code = sqlite3_prepare_v2(d->sq, "PRAGMA quick_check(1)", -1, &st, NULL);
	if (code != SQLITE_OK)
		return ms_sqlite_fail(d->sq, code, err);
	code = sqlite3_step(st);
	const char *text = code == SQLITE_ROW ? (const char *)sqlite3_column_text(st, 0) : NULL;
	enum ms_rc rc = MS_OK;
	if (code != SQLITE_ROW)
		rc = ms_sqlite_fail(d->sq, code, err);
	else if (text == NULL || strcmp(text, "ok") != 0)
		rc = ms_fail(err, MS_ERR_MALFORMED, "damaged: %s", text == NULL ? "no finding" : text);
	(void)sqlite3_finalize(st);
	return rc;
}

static enum ms_rc
vacuum_into(struct ms_sqlite *d, const char *path, struct ms_err *err)
{
	sqlite3_stmt *st = NULL;
	int code = sqlite3_prepare_v2(d->sq, "VACUUM INTO ?1", -1, &st, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_bind_text(st, 1, path, -1, SQLITE_STATIC);
	if (code != SQLITE_OK) {
		(void)sqlite3_finalize(st);
		return ms_sqlite_fail(d->sq, code, err);
	}
	enum ms_rc rc = run(d, st, err);
	(void)sqlite3_finalize(st);
	if (rc != MS_OK)
		return rc;
	MS_OWN(ms_fd_close) ms_fd fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fsync(fd) != 0)
		return ms_fail(err, MS_ERR_IO, "cannot sync: %s", strerror(errno));
	return ms_sqlite_sync_parent(path, err);
}

static enum ms_rc
db_backup(void *db, const char *path, struct ms_err *err)
{
	enum ms_rc rc = ms_io_create_file(path, 0600, MS_SPAN_NONE, err); /* the copy goes into this empty file */
	if (rc != MS_OK)
		return rc;
	rc = vacuum_into(db, path, err);
	if (rc != MS_OK)
		(void)unlink(path);
	return rc;
}

const struct ms_store_backend ms_store_sqlite = {
    .name = "sqlite",
    .scheme = NULL,
    .open = ms_sqlite_open,
    .close = ms_sqlite_close,
    .begin = db_begin,
    .commit = db_commit,
    .rollback = db_rollback,
    .savepoint = db_savepoint,
    .release = db_release,
    .rollback_to = db_rollback_to,
    .get = db_get,
    .write = db_write,
    .erase = db_erase,
    .scan = db_scan,
    .count = db_count,
    .check = db_check,
    .backup = db_backup,
};
