/* Ordered key-value store with named tables: the one place where state is kept. Values are bytes that callers
 * build and parse (deterministic CBOR); nothing read back is trusted, so parse it as foreign bytes.
 * One writer process, one thread. Whatever is written is durable once ms_store_commit() returned MS_OK, and only then. */
#ifndef MS_STORE_H
#define MS_STORE_H
#include "base/bytes.h"
#include "store/tables.h"

#define MS_STORE_KEY_MAX 1024u
#define MS_STORE_HASH_LEN 32u

struct ms_store;

struct ms_table_info {
	const char *name;
	bool folded;      /* authority state: equals fold(log) */
	size_t value_max; /* larger values are refused on the way in and out */
};
/* NULL when there is no such table. */
const struct ms_table_info *ms_table_info(enum ms_table table);
/* MS_ERR_NOT_FOUND when no table has that name. */
MS_MUST_USE enum ms_rc ms_table_by_name(const char *name, enum ms_table *ret);

enum ms_store_flags {
	MS_STORE_CREATE = 1 << 0,          /* must not exist yet (MS_ERR_CONFLICT); without it, it must (MS_ERR_NOT_FOUND) */
	MS_STORE_READONLY = 1 << 1,        /* no writes; also while another process has it open for writing */
	MS_STORE_MEMORY = 1 << 2,          /* new, empty, gone at close; path is ignored */
	MS_STORE_UNSAFE_FOR_TEST = 1 << 3, /* no fsync: for the test that proves that the crash test sees a loss. No option reaches it */
};
/* Open for writing (the only one: MS_ERR_CONFLICT with "in use" while another process writes) or reading.
 * MS_ERR_UNSUPPORTED for another schema version, MS_ERR_MALFORMED for what is not a store, MS_ERR_IO. */
MS_MUST_USE enum ms_rc ms_store_open(const char *path, unsigned flags, struct ms_store **ret, struct ms_err *err);
void ms_store_close(struct ms_store *s); /* rolls back what is not committed; NULL is a no-op */
MS_CLEANUP(struct ms_store, ms_store_close)

/* One transaction at a time. Every write needs one (MS_ERR_INTERNAL without). After an MS_ERR_IO from any write or
 * from commit the transaction is over, nothing of it is kept, and the store can be used again (begin anew);
 * ms_store_in_tx() tells. */
MS_MUST_USE enum ms_rc ms_store_begin(struct ms_store *s, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_store_commit(struct ms_store *s, struct ms_err *err);
void ms_store_rollback(struct ms_store *s); /* no-op when there is none */
bool ms_store_in_tx(const struct ms_store *s);

/* A savepoint holds one request's writes inside a batch. Not nested: one at a time (MS_ERR_INTERNAL). */
MS_MUST_USE enum ms_rc ms_store_savepoint(struct ms_store *s, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_store_release(struct ms_store *s, struct ms_err *err);     /* keep them */
MS_MUST_USE enum ms_rc ms_store_rollback_to(struct ms_store *s, struct ms_err *err); /* drop them; the savepoint is gone too */

/* Keys are 1..MS_STORE_KEY_MAX bytes, ordered bytewise. */
/* Fills `val` (initialised by the caller; reset first). MS_ERR_NOT_FOUND leaves it empty. */
MS_MUST_USE enum ms_rc ms_store_get(struct ms_store *s, enum ms_table t, struct ms_span key, struct ms_buf *val, struct ms_err *err);
/* MS_ERR_CONFLICT when the key exists: this is how a thing is used once. The transaction goes on. */
MS_MUST_USE enum ms_rc ms_store_insert(struct ms_store *s, enum ms_table t, struct ms_span key, struct ms_span val, struct ms_err *err);
/* Insert or replace. */
MS_MUST_USE enum ms_rc ms_store_put(struct ms_store *s, enum ms_table t, struct ms_span key, struct ms_span val, struct ms_err *err);
/* Exactly one row, else MS_ERR_NOT_FOUND and nothing is changed. */
MS_MUST_USE enum ms_rc ms_store_delete(struct ms_store *s, enum ms_table t, struct ms_span key, struct ms_err *err);

/* Called for each row in key order; spans are borrowed for the call, which must not write to or scan the same table.
 * Another value than MS_OK ends the scan, which returns it. */
typedef enum ms_rc (*ms_store_row_fn)(void *ctx, struct ms_span key, struct ms_span val);
struct ms_scan {
	enum ms_table table;
	struct ms_span prefix; /* empty: the whole table */
	struct ms_span after;  /* empty: from the start; else only keys greater than this */
	size_t limit;          /* rows at most; 0: all */
	bool reverse;          /* from the last; `after` then means keys less than this */
};
MS_MUST_USE enum ms_rc ms_store_scan(struct ms_store *s, const struct ms_scan *q, ms_store_row_fn fn, void *ctx, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_store_count(struct ms_store *s, enum ms_table t, uint64_t *ret, struct ms_err *err);

/* The bytes are stored once under their SHA-256; a second put of the same bytes is MS_OK. */
MS_MUST_USE enum ms_rc ms_store_put_blob(
    struct ms_store *s, struct ms_span bytes, uint8_t id[static MS_STORE_HASH_LEN], struct ms_err *err);
/* MS_ERR_MALFORMED when what is stored does not hash to id (val is then empty). */
MS_MUST_USE enum ms_rc ms_store_get_blob(
    struct ms_store *s, const uint8_t id[static MS_STORE_HASH_LEN], struct ms_buf *val, struct ms_err *err);

/* Structural check of the file by the backend; MS_ERR_MALFORMED with the first finding. Slow: at start and on demand. */
MS_MUST_USE enum ms_rc ms_store_quick_check(struct ms_store *s, struct ms_err *err);
/* A consistent copy of what is committed, to a new file (MS_ERR_CONFLICT if it exists), synced. Not inside a transaction. */
MS_MUST_USE enum ms_rc ms_store_backup(struct ms_store *s, const char *path, struct ms_err *err);

/* Big-endian key of a sequence number. */
void ms_store_key_u64(uint64_t n, uint8_t key[static 8]);

#endif
