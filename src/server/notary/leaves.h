/* The leaf file: 32-byte leaf hashes in a row, and nothing else. It is the tree: it is appended to and synced before
 * anything about it is signed, and no whole leaf that may have been signed for is ever taken out. */
#ifndef MS_NOTARY_LEAVES_H
#define MS_NOTARY_LEAVES_H
#include "audit/merkle.h"

struct ms_leaves;
/* Asked for each size that the tree had while the file is read, from 0; NULL: not interested. */
typedef enum ms_rc (*ms_leaves_seen_fn)(void *ctx, const struct ms_frontier *f, struct ms_err *err);

/* Open or create dir/leaves, under a lock (MS_ERR_CONFLICT when another process has it); read it and build the frontier.
 * A tail of less than a leaf, left by a crash in a write, is cut off: it was never part of a signed tree. */
MS_MUST_USE enum ms_rc ms_leaves_open(const char *dir, ms_leaves_seen_fn seen, void *ctx, struct ms_leaves **ret, struct ms_err *err);
void ms_leaves_free(struct ms_leaves *l);
MS_CLEANUP(struct ms_leaves, ms_leaves_free)
const struct ms_frontier *ms_leaves_frontier(const struct ms_leaves *l); /* borrowed */

/* Append n leaves (1..MS_BATCH_MAX) and sync. MS_OK: they are durable, and *batch holds their proofs. An error: the file
 * and the tree are as they were, nothing may be signed; MS_ERR_INTERNAL: the file could not be brought back to what it
 * was, the process must end (the next start reads the file again). */
MS_MUST_USE enum ms_rc ms_leaves_append(
    struct ms_leaves *l, const struct ms_node *leaves, size_t n, struct ms_batch *batch, struct ms_err *err);

#endif
