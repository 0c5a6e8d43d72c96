/* What a storage engine supplies. store.c checks keys, values and the order of calls before it gets here; an engine
 * keeps bytes and says honestly what is durable. A new engine is one file and one row in store.c. */
#ifndef MS_STORE_INT_H
#define MS_STORE_INT_H
#include "store/store.h"

enum ms_write { MS_WRITE_INSERT, MS_WRITE_PUT };

/* Rows with low <= key < high, bytewise; high is never empty. */
struct ms_range {
	enum ms_table table;
	struct ms_span low, high;
	size_t limit; /* 0: all */
	bool reverse;
};

struct ms_store_backend {
	const char *name;
	const char *scheme; /* a path that starts so is this engine's; NULL: any other path */
	enum ms_rc (*open)(const char *path, unsigned flags, void **ret, struct ms_err *err);
	void (*close)(void *db);
	enum ms_rc (*begin)(void *db, struct ms_err *err);
	enum ms_rc (*commit)(void *db, struct ms_err *err); /* an error: nothing of it is kept */
	void (*rollback)(void *db);
	enum ms_rc (*savepoint)(void *db, struct ms_err *err);
	enum ms_rc (*release)(void *db, struct ms_err *err);
	enum ms_rc (*rollback_to)(void *db, struct ms_err *err);
	enum ms_rc (*get)(void *db, enum ms_table t, struct ms_span key, struct ms_buf *val, struct ms_err *err);
	enum ms_rc (*write)(void *db, enum ms_write how, enum ms_table t, const struct ms_span kv[2], struct ms_err *err);
	enum ms_rc (*erase)(void *db, enum ms_table t, struct ms_span key, struct ms_err *err);
	enum ms_rc (*scan)(void *db, const struct ms_range *r, ms_store_row_fn fn, void *ctx, struct ms_err *err);
	enum ms_rc (*count)(void *db, enum ms_table t, uint64_t *ret, struct ms_err *err);
	enum ms_rc (*check)(void *db, struct ms_err *err);
	enum ms_rc (*backup)(void *db, const char *path, struct ms_err *err);
};
extern const struct ms_store_backend ms_store_sqlite;

/* All engines, ended by NULL; the last one takes any path. */
extern const struct ms_store_backend *const ms_store_backends[];

#endif
