/* core's side of notary: leaves out, tickets back; at start, database and log are brought together or core refuses. */
#include <string.h>

#include "audit/checkpoint.h"
#include "audit/export.h"
#include "audit/ticket.h"
#include "base/log.h"
#include "base/rd.h"
#include "server/core/core.h"

#define WAIT_MS 60000
#define RETRY_MS 1000u
#define CHECKPOINT_MAX 4096u

/* ---- running ---- */

static enum ms_rc
put_leaf(void *ctx, MS_UNUSED struct ms_span key, struct ms_span val)
{
	struct ms_node leaf;
	ms_merkle_leaf(val, &leaf);
	ms_buf_put(ctx, leaf.h, sizeof leaf.h);
	return MS_OK;
}

/* Entries that are committed and that notary could not write: offered again, now and then. */
static enum ms_rc
push_again(struct ms_core *c, struct ms_err *err)
{
	uint8_t key[8];
	struct ms_buf b;
	struct ms_scan q = {.table = MS_TABLE_ENTRIES, .limit = MS_NOTARY_BATCH_MAX};
	if (ms_clock_boot_ms() < c->log_retry_ms)
		return MS_OK;
	if (c->tree_size > 0) {
		ms_store_key_u64(c->tree_size - 1, key);
		q.after = ms_span(key, sizeof key);
	}
	ms_buf_init(&b, MS_NOTARY_FRAME_MAX);
	ms_buf_u64(&b, c->tree_size);
	enum ms_rc rc = ms_store_scan(c->store, &q, put_leaf, &b, err);
	if (rc == MS_OK)
		rc = ms_buf_check(&b, err);
	if (rc == MS_OK)
		rc = ms_chan_send(c->notary, MS_NOTARY_APPEND, c->tree_size, ms_buf_span(&b), err);
	ms_buf_fini(&b);
	c->appending = rc == MS_OK;
	return rc;
}

enum ms_rc
ms_notary_push(struct ms_core *c, struct ms_err *err)
{
	if (c->log_stuck && !c->appending)
		return push_again(c, err);
	if (c->appending || c->jobs.committed.head == NULL)
		return MS_OK;
	struct ms_buf b;
	size_t n = 0;
	ms_buf_init(&b, MS_NOTARY_FRAME_MAX);
	ms_buf_u64(&b, c->tree_size);
	for (struct ms_job *j = c->jobs.committed.head; j != NULL && n + j->n_staged <= MS_NOTARY_BATCH_MAX; j = j->next)
		for (size_t i = 0; i < j->n_staged; i++, n++)
			ms_buf_put(&b, j->staged[i].leaf, sizeof j->staged[i].leaf);
	enum ms_rc rc = ms_buf_check(&b, err);
	if (rc == MS_OK)
		rc = ms_chan_send(c->notary, MS_NOTARY_APPEND, c->tree_size, ms_buf_span(&b), err);
	ms_buf_fini(&b);
	c->appending = rc == MS_OK;
	return rc;
}

/* One leaf's proof out of an APPENDED frame, as a ticket. */
static enum ms_rc
take_ticket(struct ms_rd *r, struct ms_span checkpoint, struct ms_staged *st, struct ms_err *err)
{
	size_t n = ms_rd_u8(r);
	struct ms_span nodes = n <= MS_PROOF_MAX ? ms_rd_bytes(r, n * MS_NODE_LEN) : MS_SPAN_NONE;
	if (nodes.len != n * MS_NODE_LEN)
		return ms_fail(err, MS_ERR_MALFORMED, "notary: a proof of %zu nodes", n);
	struct ms_node proof[MS_PROOF_MAX];
	if (n > 0)
		memcpy(proof, nodes.p, nodes.len);
	ms_buf_reset(&st->ticket);
	return ms_ticket_build(st->seq, proof, n, checkpoint, &st->ticket, err);
}

static void
ticketed(struct ms_core *c, struct ms_job *j)
{
	struct ms_err err = {0};
	ms_step_fn next = j->ticketed;
	j->ticketed = NULL;
	j->n_ticketed = j->n_staged;
	if (next == NULL)
		ms_job_answer(c, j);
	else
		ms_job_settle(c, j, next(c, j, &err), &err);
}

/* What was offered again is in the log. Those who had asked were refused: their entries are there, their tickets nobody waits for. */
static enum ms_rc
unstuck(struct ms_core *c, struct ms_rd *r, uint64_t size, struct ms_span checkpoint, struct ms_err *err)
{
	for (uint64_t at = c->tree_size; at < size; at++)
		(void)ms_rd_bytes(r, ms_rd_u8(r) * (size_t)MS_NODE_LEN);
	if (!ms_rd_done(r) || size > c->next_seq)
		return ms_fail(err, MS_ERR_MALFORMED, "notary: an answer to another append");
	ms_buf_reset(&c->checkpoint);
	ms_buf_put_span(&c->checkpoint, checkpoint);
	c->tree_size = size;
	c->appending = false;
	c->exporting = true;
	c->log_stuck = size < c->next_seq;
	if (!c->log_stuck)
		ms_log(MS_LOG_INFO, "core.log", "state=goes-on size=%llu", (unsigned long long)size);
	return MS_OK;
}

static enum ms_rc
on_appended(void *ctx, struct ms_frame *f, struct ms_err *err)
{
	struct ms_core *c = ctx;
	struct ms_job_queue done = {NULL, &done.head};
	struct ms_rd r = ms_rd_span(f->payload);
	uint64_t size = ms_rd_u64(&r), first = c->tree_size;
	struct ms_span checkpoint = ms_rd_tpm2b(&r, CHECKPOINT_MAX);
	if (r.bad || !c->appending || f->id != first || size <= first)
		return ms_fail(err, MS_ERR_MALFORMED, "notary: an answer to no append");
	if (c->log_stuck)
		return unstuck(c, &r, size, checkpoint, err);
	for (uint64_t at = first; at < size;) {
		struct ms_job *j = ms_job_pop(&c->jobs.committed);
		if (j == NULL || j->staged[0].seq != at)
			return ms_fail(err, MS_ERR_MALFORMED, "notary: more leaves than were sent");
		for (size_t i = 0; i < j->n_staged; i++, at++) {
			enum ms_rc rc = take_ticket(&r, checkpoint, &j->staged[i], err);
			if (rc != MS_OK)
				return rc;
		}
		ms_job_push(&done, j);
	}
	if (!ms_rd_done(&r))
		return ms_fail(err, MS_ERR_MALFORMED, "notary: bytes after the proofs");
	ms_buf_reset(&c->checkpoint);
	ms_buf_put_span(&c->checkpoint, checkpoint);
	c->tree_size = size;
	c->appending = false;
	c->exporting = true;
	for (struct ms_job *j; (j = ms_job_pop(&done)) != NULL;)
		ticketed(c, j);
	return ms_notary_push(c, err);
}

/* The tree is not where we think: only a restart, which reconciles, can settle that. */
static enum ms_rc
on_wrong_size(MS_UNUSED void *ctx, MS_UNUSED struct ms_frame *f, struct ms_err *err)
{
	return ms_fail(err, MS_ERR_INTERNAL, "notary: its tree is of another size than ours");
}

/* It could not write: who waits is refused, and nothing is decided until the entries that are committed are in the log. */
static enum ms_rc
on_trouble(void *ctx, struct ms_frame *f, struct ms_err *err)
{
	struct ms_core *c = ctx;
	if (!c->appending || f->id != c->tree_size)
		return ms_fail(err, MS_ERR_IO, "notary: %.*s", (int)f->payload.len, (const char *)f->payload.p);
	if (!c->log_stuck)
		ms_log(MS_LOG_ERROR, "core.log", "state=stuck detail=\"%.*s\"", (int)f->payload.len, (const char *)f->payload.p);
	c->appending = false;
	c->log_stuck = true;
	c->log_retry_ms = ms_clock_boot_ms() + RETRY_MS;
	for (struct ms_job *j; (j = ms_job_pop(&c->jobs.committed)) != NULL;) {
		struct ms_err job_err = {0};
		ms_job_settle(c, j, ms_fail(&job_err, MS_ERR_IO, "notary cannot write"), &job_err);
	}
	return MS_OK;
}

static const struct ms_ipc_row rows[] = {
    {MS_NOTARY_APPENDED, "appended", MS_IPC_ANY_STATE, false, false, 10, MS_NOTARY_FRAME_MAX, on_appended},
    {MS_NOTARY_SIZE, "size", MS_IPC_ANY_STATE, false, false, 42, 42 + CHECKPOINT_MAX, NULL},
    {MS_NOTARY_WRONG_SIZE, "wrong-size", MS_IPC_ANY_STATE, false, false, 8, 8, on_wrong_size},
    {MS_NOTARY_ERROR, "error", MS_IPC_ANY_STATE, false, false, 0, 512, on_trouble},
};
const struct ms_ipc_table ms_core_notary_table = MS_IPC_TABLE("notary->core", rows);

/* ---- at start ---- */

struct fold_leaves {
	struct ms_frontier f;
	uint64_t want;       /* root at this size is compared */
	struct ms_node root; /* of the first `want` entries */
	uint64_t last_time_s;
	struct ms_buf missing; /* leaf hashes from `want` on, at most one batch */
	struct ms_err *err;
};

static enum ms_rc
fold_leaf(void *ctx, MS_UNUSED struct ms_span key, struct ms_span val)
{
	struct fold_leaves *l = ctx;
	struct ms_node leaf;
	if (l->f.size == l->want)
		ms_frontier_root(&l->f, &l->root);
	ms_merkle_leaf(val, &leaf);
	if (l->f.size >= l->want && l->missing.len < MS_NOTARY_BATCH_MAX * MS_NODE_LEN)
		ms_buf_put(&l->missing, leaf.h, sizeof leaf.h);
	return ms_frontier_append(&l->f, &leaf, l->err);
}

static enum ms_rc
ask_size(struct ms_core *c, uint64_t *ret_size, struct ms_node *ret_root, struct ms_err *err)
{
	struct ms_frame q = {.type = MS_NOTARY_SIZE, .id = 0, .fd = -1}, a;
	enum ms_rc rc = ms_chan_ask(c->notary, &q, WAIT_MS, &a, err);
	if (rc != MS_OK)
		return rc;
	struct ms_rd r = ms_rd_span(a.payload);
	uint64_t size = ms_rd_u64(&r);
	struct ms_node root;
	ms_rd_copy(&r, root.h, sizeof root.h);
	struct ms_span checkpoint = ms_rd_tpm2b(&r, CHECKPOINT_MAX);
	if (a.type != MS_NOTARY_SIZE || !ms_rd_done(&r))
		return ms_fail(err, MS_ERR_MALFORMED, "notary: its answer to SIZE is malformed");
	ms_buf_reset(&c->checkpoint);
	ms_buf_put_span(&c->checkpoint, checkpoint);
	*ret_size = size;
	*ret_root = root;
	return MS_OK;
}

/* Entries that were committed but whose leaves notary never saw (a crash between the two): append them now. */
static enum ms_rc
append_missing(struct ms_core *c, uint64_t size, struct ms_span leaves, struct ms_err *err)
{
	struct ms_buf b;
	struct ms_frame a;
	ms_buf_init(&b, MS_NOTARY_FRAME_MAX);
	ms_buf_u64(&b, size);
	ms_buf_put_span(&b, leaves);
	struct ms_frame q = {.type = MS_NOTARY_APPEND, .id = size, .payload = ms_buf_span(&b), .fd = -1};
	enum ms_rc rc = ms_buf_check(&b, err);
	if (rc == MS_OK)
		rc = ms_chan_ask(c->notary, &q, WAIT_MS, &a, err);
	if (rc == MS_OK && a.type != MS_NOTARY_APPENDED)
		rc = ms_fail(err, MS_ERR_IO, "notary refused %zu leaves", leaves.len / MS_NODE_LEN);
	ms_buf_fini(&b);
	return rc;
}

/* One round: compare, and append at most one batch of what is missing. */
static enum ms_rc
reconcile_round(struct ms_core *c, bool *ret_again, struct ms_err *err)
{
	struct ms_node root;
	struct fold_leaves l = {.err = err};
	struct ms_scan q = {.table = MS_TABLE_ENTRIES};
	enum ms_rc rc = ask_size(c, &l.want, &root, err);
	if (rc != MS_OK)
		return rc;
	ms_frontier_init(&l.f);
	ms_buf_init(&l.missing, MS_NOTARY_BATCH_MAX * MS_NODE_LEN);
	rc = ms_store_scan(c->store, &q, fold_leaf, &l, err);
	if (rc == MS_OK && l.f.size == l.want)
		ms_frontier_root(&l.f, &l.root);
	if (rc == MS_OK && l.f.size < l.want)
		rc = ms_fail(err, MS_ERR_CONFLICT,
		    "the log has %llu entries and the database %llu: the database is lost, old or another one; restore the newest backup",
		    (unsigned long long)l.want, (unsigned long long)l.f.size);
	else if (rc == MS_OK && !ms_node_eq(&l.root, &root))
		rc = ms_fail(err, MS_ERR_CONFLICT,
		    "the first %llu entries of the database are not those of the log: it was changed or swapped",
		    (unsigned long long)l.want);
	if (rc == MS_OK && l.missing.len > 0) {
		ms_log(MS_LOG_WARN, "core.reconcile", "appending=%zu", l.missing.len / MS_NODE_LEN);
		rc = append_missing(c, l.want, ms_buf_span(&l.missing), err);
		*ret_again = true;
	} else {
		*ret_again = false;
	}
	ms_buf_fini(&l.missing);
	c->next_seq = l.f.size;
	c->tree_size = l.want;
	return rc;
}

enum ms_rc
ms_notary_reconcile(struct ms_core *c, struct ms_err *err)
{
	bool again = true;
	enum ms_rc rc = MS_OK;
	while (rc == MS_OK && again)
		rc = reconcile_round(c, &again, err);
	c->exporting = rc == MS_OK && c->tree_size > 0;
	return rc;
}

/* ---- export ---- */

struct export_walk {
	struct ms_export *e;
	uint64_t until;
	struct ms_err *err;
};

static enum ms_rc
export_entry(void *ctx, MS_UNUSED struct ms_span key, struct ms_span val)
{
	struct export_walk *w = ctx;
	if (ms_export_next(w->e) >= w->until)
		return MS_OK;
	return ms_export_append(w->e, val, w->err);
}

enum ms_rc
ms_notary_export(struct ms_core *c, struct ms_err *err)
{
	uint8_t key[8];
	uint64_t next = ms_export_next(c->export);
	struct export_walk w = {c->export, c->tree_size, err};
	struct ms_scan q = {.table = MS_TABLE_ENTRIES, .limit = (size_t)(c->tree_size - next)};
	if (next > 0) {
		ms_store_key_u64(next - 1, key);
		q.after = ms_span(key, sizeof key);
	}
	enum ms_rc rc = next < c->tree_size ? ms_store_scan(c->store, &q, export_entry, &w, err) : MS_OK;
	if (rc == MS_OK)
		rc = ms_export_commit(c->export, ms_buf_span(&c->checkpoint), err);
	c->exporting = false;
	return rc;
}
