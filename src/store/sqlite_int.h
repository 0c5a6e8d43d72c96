/* Shared by the two halves of the SQLite engine: sqlite.c (rows) and sqlite_open.c (the file). */
#ifndef MS_SQLITE_INT_H
#define MS_SQLITE_INT_H
#include <sqlite3.h>

#include "base/io.h"
#include "store/store_int.h"

/* Statements of a table, and those that belong to none. */
enum ms_sqlite_stmt { GET, INSERT, PUT, ERASE, UP, DOWN, COUNT, STMT_COUNT };
enum ms_sqlite_fixed { BEGIN, COMMIT, ROLLBACK, SAVE, RELEASE, BACK, FIXED_COUNT };

struct ms_sqlite {
	sqlite3 *sq;
	ms_fd lock; /* held by the one writer */
	sqlite3_stmt *fixed[FIXED_COUNT];
	sqlite3_stmt *st[MS_TABLE_COUNT][STMT_COUNT]; /* made at first use */
};

/* What SQLite's code means to us. */
enum ms_rc ms_sqlite_fail(sqlite3 *sq, int code, struct ms_err *err);
enum ms_rc ms_sqlite_exec(sqlite3 *sq, const char *sql, struct ms_err *err);
enum ms_rc ms_sqlite_open(const char *path, unsigned flags, void **ret, struct ms_err *err);
void ms_sqlite_close(void *db);
/* Sync the directory of path, so that a new name in it is durable. */
enum ms_rc ms_sqlite_sync_parent(const char *path, struct ms_err *err);

#endif
