/* Opening the file: it is trusted no more than any other input. Its schema must be exactly ours, it runs no code of its
 * own, and one process writes to it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/sqlite_int.h"

#define APPLICATION_ID 0x4d535452 /* "MSTR" */
#define SCHEMA_VERSION 2
#define SCHEMA_UPGRADED 1     /* the same, but for the tables that were added since */
#define LENGTH_MAX (40 << 20) /* of one row: above the largest value_max */
#define PATH_LEN_MAX 4000u
#define TABLE_SQL "CREATE TABLE \"%s\"(key BLOB PRIMARY KEY NOT NULL,value BLOB NOT NULL)STRICT,WITHOUT ROWID"

enum ms_rc
ms_sqlite_sync_parent(const char *path, struct ms_err *err)
{
	char dir[PATH_LEN_MAX + 1];
	const char *slash = strrchr(path, '/');
	size_t n = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);
	if (n > PATH_LEN_MAX)
		return ms_fail(err, MS_ERR_USAGE, "the path is too long");
	memcpy(dir, slash == NULL ? "." : path, n);
	dir[n] = '\0';
	return ms_io_sync_dir(dir, err);
}

void
ms_sqlite_close(void *db)
{
	struct ms_sqlite *d = db;
	for (size_t i = 0; i < FIXED_COUNT; i++)
		(void)sqlite3_finalize(d->fixed[i]);
	for (size_t t = 0; t < MS_TABLE_COUNT; t++)
		for (size_t i = 0; i < STMT_COUNT; i++)
			(void)sqlite3_finalize(d->st[t][i]);
	(void)sqlite3_close(d->sq);
	ms_fd_close(d->lock);
	free(d);
}

static inline void
ms_sqlite_close_own(struct ms_sqlite **d)
{
	if (*d != NULL)
		ms_sqlite_close(*d);
}

/* Nothing that the file says may run or reach further. */
static enum ms_rc
harden(sqlite3 *sq, struct ms_err *err)
{
	static const struct {
		int op, value;
	} config[] = {
	    {SQLITE_DBCONFIG_DEFENSIVE, 1},
	    {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
	    {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
	    {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
	    {SQLITE_DBCONFIG_ENABLE_FKEY, 0},
	    {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
	};
	static const struct {
		int id, value;
	} limit[] = {
	    {SQLITE_LIMIT_LENGTH, LENGTH_MAX},
	    {SQLITE_LIMIT_SQL_LENGTH, 10000},
	    {SQLITE_LIMIT_COLUMN, 32},
	    {SQLITE_LIMIT_EXPR_DEPTH, 10},
	    {SQLITE_LIMIT_COMPOUND_SELECT, 3},
	    {SQLITE_LIMIT_VDBE_OP, 25000},
	    {SQLITE_LIMIT_FUNCTION_ARG, 8},
	    {SQLITE_LIMIT_ATTACHED, 1}, /* a backup attaches its copy */
	    {SQLITE_LIMIT_VARIABLE_NUMBER, 8},
	    {SQLITE_LIMIT_TRIGGER_DEPTH, 1},
	    {SQLITE_LIMIT_WORKER_THREADS, 0},
	};
	for (size_t i = 0; i < sizeof config / sizeof *config; i++) {
		int code = sqlite3_db_config(sq, config[i].op, config[i].value, NULL);
		if (code != SQLITE_OK)
			return ms_sqlite_fail(sq, code, err);
	}
	for (size_t i = 0; i < sizeof limit / sizeof *limit; i++)
		(void)sqlite3_limit(sq, limit[i].id, limit[i].value);
	(void)sqlite3_extended_result_codes(sq, 1);
	(void)sqlite3_busy_timeout(sq, 1000);
	return ms_sqlite_exec(sq,
	    "PRAGMA cell_size_check=ON;PRAGMA mmap_size=0;PRAGMA temp_store=MEMORY;PRAGMA secure_delete=ON;PRAGMA cache_size=-32768", err);
}

static enum ms_rc
set_durable(sqlite3 *sq, unsigned flags, struct ms_err *err)
{
	if ((flags & (MS_STORE_MEMORY | MS_STORE_READONLY)) != 0)
		return MS_OK;
	enum ms_rc rc = ms_sqlite_exec(sq, "PRAGMA journal_mode=WAL", err);
	if (rc != MS_OK)
		return rc;
	bool unsafe = (flags & MS_STORE_UNSAFE_FOR_TEST) != 0;
	return ms_sqlite_exec(sq, unsafe ? "PRAGMA synchronous=OFF" : "PRAGMA synchronous=FULL", err);
}

static enum ms_rc
connect_file(struct ms_sqlite *d, const char *path, unsigned flags, struct ms_err *err)
{
	int mode = (flags & MS_STORE_READONLY) != 0 ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
	if ((flags & MS_STORE_MEMORY) != 0)
		mode = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY;
	/* no URI form: a path is a path */
	int code = sqlite3_open_v2(path, &d->sq, mode | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE, NULL);
	if (code != SQLITE_OK)
		return ms_sqlite_fail(d->sq, code, err);
	return harden(d->sq, err);
}

/* Tables that version 2 brought; empty ones are all that a database of version 1 lacks. */
static const enum ms_table added[] = {MS_TABLE_EVIDENCE, MS_TABLE_EVIDENCE_INDEX, MS_TABLE_EVIDENCE_BLOBS, MS_TABLE_EVIDENCE_REFS};
#define N_ADDED (sizeof added / sizeof *added)

static enum ms_rc
make_table(sqlite3 *sq, enum ms_table t, struct ms_err *err)
{
	char sql[256];
	(void)snprintf(sql, sizeof sql, TABLE_SQL, ms_table_info(t)->name);
	return ms_sqlite_exec(sq, sql, err);
}

static enum ms_rc
make_schema(sqlite3 *sq, struct ms_err *err)
{
	char sql[256];
	(void)snprintf(sql, sizeof sql, "PRAGMA application_id=%d;PRAGMA user_version=%d", APPLICATION_ID, SCHEMA_VERSION);
	enum ms_rc rc = ms_sqlite_exec(sq, "BEGIN IMMEDIATE", err);
	if (rc == MS_OK)
		rc = ms_sqlite_exec(sq, sql, err);
	for (unsigned t = 0; t < MS_TABLE_COUNT && rc == MS_OK; t++)
		rc = make_table(sq, (enum ms_table)t, err);
	return rc == MS_OK ? ms_sqlite_exec(sq, "COMMIT", err) : rc;
}

static enum ms_rc
read_int(sqlite3 *sq, const char *sql, int64_t *ret, struct ms_err *err)
{
	sqlite3_stmt *st = NULL;
	int code = sqlite3_prepare_v2(sq, sql, -1, &st, NULL);
	if (code != SQLITE_OK)
		return ms_sqlite_fail(sq, code, err);
	code = sqlite3_step(st);
	enum ms_rc rc = code == SQLITE_ROW ? MS_OK : ms_sqlite_fail(sq, code, err);
	if (rc == MS_OK)
		*ret = sqlite3_column_int64(st, 0);
	(void)sqlite3_finalize(st);
	return rc;
}

/* Every object of the file is one of our tables, made by our words. */
static enum ms_rc
check_objects(sqlite3 *sq, sqlite3_stmt *st, unsigned want, struct ms_err *err)
{
	unsigned seen = 0;
	int code;
	char sql[256];
	while ((code = sqlite3_step(st)) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(st, 0), *text = (const char *)sqlite3_column_text(st, 1);
		enum ms_table t;
		if (name == NULL || text == NULL || ms_table_by_name(name, &t) != MS_OK)
			return ms_fail(
			    err, MS_ERR_UNSUPPORTED, "another schema: it has an object that is not one of this version's tables");
		(void)snprintf(sql, sizeof sql, TABLE_SQL, name);
		if (strcmp(text, sql) != 0)
			return ms_fail(err, MS_ERR_UNSUPPORTED, "another schema: table %s has another form", ms_table_info(t)->name);
		seen++;
	}
	if (code != SQLITE_DONE)
		return ms_sqlite_fail(sq, code, err);
	if (seen != want)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "another schema: %u tables, its version has %u", seen, want);
	return MS_OK;
}

static enum ms_rc
check_tables(sqlite3 *sq, unsigned want, struct ms_err *err)
{
	sqlite3_stmt *st = NULL;
	int code = sqlite3_prepare_v2(sq, "SELECT name,sql FROM sqlite_schema", -1, &st, NULL);
	if (code != SQLITE_OK)
		return ms_sqlite_fail(sq, code, err);
	enum ms_rc rc = check_objects(sq, st, want, err);
	(void)sqlite3_finalize(st);
	return rc;
}

static enum ms_rc
check_schema(sqlite3 *sq, bool *ret_older, struct ms_err *err)
{
	int64_t app = 0, version = 0;
	enum ms_rc rc = read_int(sq, "PRAGMA application_id", &app, err);
	if (rc == MS_OK)
		rc = read_int(sq, "PRAGMA user_version", &version, err);
	if (rc != MS_OK)
		return rc;
	if (app != APPLICATION_ID)
		return ms_fail(err, MS_ERR_MALFORMED, "not a store");
	*ret_older = version == SCHEMA_UPGRADED;
	if (version != SCHEMA_VERSION && !*ret_older)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "schema version %lld, this program has %d", (long long)version, SCHEMA_VERSION);
	return check_tables(sq, *ret_older ? MS_TABLE_COUNT - (unsigned)N_ADDED : MS_TABLE_COUNT, err);
}

/* In one transaction: a crash leaves the version before. */
static enum ms_rc
upgrade(sqlite3 *sq, struct ms_err *err)
{
	char sql[64];
	enum ms_rc rc = ms_sqlite_exec(sq, "BEGIN IMMEDIATE", err);
	for (size_t i = 0; rc == MS_OK && i < N_ADDED; i++)
		rc = make_table(sq, added[i], err);
	(void)snprintf(sql, sizeof sql, "PRAGMA user_version=%d", SCHEMA_VERSION);
	if (rc == MS_OK)
		rc = ms_sqlite_exec(sq, sql, err);
	return rc == MS_OK ? ms_sqlite_exec(sq, "COMMIT", err) : rc;
}

/* The one writer holds a lock on a file beside the database: SQLite's own locks would let two in by turns. */
static enum ms_rc
lock_writer(struct ms_sqlite *d, const char *path, struct ms_err *err)
{
	char name[PATH_LEN_MAX + 8];
	(void)snprintf(name, sizeof name, "%s-lock", path);
	d->lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (d->lock < 0)
		return ms_fail(err, errno == ENOENT ? MS_ERR_NOT_FOUND : MS_ERR_IO, "cannot open %s: %s", name, strerror(errno));
	if (flock(d->lock, LOCK_EX | LOCK_NB) == 0)
		return MS_OK;
	if (errno == EWOULDBLOCK)
		return ms_fail(err, MS_ERR_CONFLICT, "in use: another process writes to it");
	return ms_fail(err, MS_ERR_IO, "cannot lock %s: %s", name, strerror(errno));
}

static enum ms_rc
make_file(const char *path, struct ms_err *err)
{
	MS_OWN(ms_sqlite_close) struct ms_sqlite *d = calloc(1, sizeof *d);
	if (d == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "store");
	d->lock = -1;
	enum ms_rc rc = ms_io_create_file(path, 0600, MS_SPAN_NONE, err);
	if (rc == MS_OK)
		rc = connect_file(d, path, 0, err);
	if (rc == MS_OK)
		rc = ms_sqlite_exec(d->sq, "PRAGMA synchronous=FULL", err);
	return rc == MS_OK ? make_schema(d->sq, err) : rc;
}

/* Make the whole database under another name, then give it its own: a half-made one is never seen. */
static enum ms_rc
create_file(const char *path, struct ms_err *err)
{
	char tmp[PATH_LEN_MAX + 8], journal[PATH_LEN_MAX + 16];
	(void)snprintf(tmp, sizeof tmp, "%s.new", path);
	(void)snprintf(journal, sizeof journal, "%s-journal", tmp); /* one left by a crash would be rolled back into ours */
	if ((unlink(journal) != 0 && errno != ENOENT) || (unlink(tmp) != 0 && errno != ENOENT))
		return ms_fail(err, MS_ERR_IO, "cannot remove %s: %s", tmp, strerror(errno));
	enum ms_rc rc = make_file(tmp, err);
	if (rc == MS_OK && link(tmp, path) != 0)
		rc = ms_fail(err, errno == EEXIST ? MS_ERR_CONFLICT : MS_ERR_IO, "cannot create: %s", strerror(errno));
	(void)unlink(tmp);
	(void)unlink(journal);
	return rc == MS_OK ? ms_sqlite_sync_parent(path, err) : rc;
}

static enum ms_rc
check_exists(const char *path, unsigned flags, struct ms_err *err)
{
	struct stat st;
	bool exists = lstat(path, &st) == 0;
	if (!exists && errno != ENOENT)
		return ms_fail(err, MS_ERR_IO, "%s", strerror(errno));
	if (exists && (flags & MS_STORE_CREATE) != 0)
		return ms_fail(err, MS_ERR_CONFLICT, "it exists already");
	if (exists && !S_ISREG(st.st_mode))
		return ms_fail(err, MS_ERR_MALFORMED, "not a regular file");
	if (!exists && (flags & MS_STORE_CREATE) == 0)
		return ms_fail(err, MS_ERR_NOT_FOUND, "it does not exist");
	return MS_OK;
}

static enum ms_rc
open_file(struct ms_sqlite *d, const char *path, unsigned flags, struct ms_err *err)
{
	bool older = false;
	if (strlen(path) > PATH_LEN_MAX)
		return ms_fail(err, MS_ERR_USAGE, "the path is too long");
	enum ms_rc rc = check_exists(path, flags, err);
	if (rc == MS_OK && (flags & MS_STORE_READONLY) == 0)
		rc = lock_writer(d, path, err);
	if (rc == MS_OK && (flags & MS_STORE_CREATE) != 0)
		rc = create_file(path, err);
	if (rc == MS_OK)
		rc = connect_file(d, path, flags, err);
	if (rc == MS_OK)
		rc = check_schema(d->sq, &older, err); /* before anything is written to it */
	if (rc == MS_OK && older && (flags & MS_STORE_READONLY) != 0)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "schema version %d, this program has %d: start the server once, it upgrades",
		    SCHEMA_UPGRADED, SCHEMA_VERSION);
	if (rc == MS_OK)
		rc = set_durable(d->sq, flags, err);
	return rc == MS_OK && older ? upgrade(d->sq, err) : rc;
}

enum ms_rc
ms_sqlite_open(const char *path, unsigned flags, void **ret, struct ms_err *err)
{
	MS_OWN(ms_sqlite_close) struct ms_sqlite *d = calloc(1, sizeof *d);
	if (d == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "store");
	d->lock = -1;
	enum ms_rc rc;
	if ((flags & MS_STORE_MEMORY) != 0) {
		rc = connect_file(d, ":memory:", flags, err);
		if (rc == MS_OK)
			rc = make_schema(d->sq, err);
	} else {
		rc = open_file(d, path, flags, err);
	}
	if (rc != MS_OK)
		return rc;
	*ret = d;
	d = NULL;
	return MS_OK;
}
