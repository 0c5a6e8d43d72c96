/* Order of an append: leaves into the file, sync, then the signature over the new root, then the answer. A crash in
 * between leaves leaves that core does not know to be there; it finds them at its start by asking for the size. */
#include "server/notary/notary.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/rd.h"
#include "ipc/core_notary.h"
#include "server/notary/leaves.h"

#define CHECKPOINT_MAX 4096u
#define ERROR_MAX 200u

struct ms_notary {
	struct ms_notary_params p;
	struct ms_leaves *leaves;
	struct ms_batch batch;
	struct ms_node in[MS_NOTARY_BATCH_MAX];
	struct ms_buf checkpoint; /* signed */
	uint64_t signed_size;     /* its size; meaningful when checkpoint is not empty */
	struct ms_buf out;
};

void
ms_notary_free(struct ms_notary *n)
{
	if (n == NULL)
		return;
	ms_leaves_free(n->leaves);
	ms_batch_fini(&n->batch);
	ms_buf_fini(&n->checkpoint);
	ms_buf_fini(&n->out);
	free(n);
}

/* ---- the last signed checkpoint ---- */

static enum ms_rc
checkpoint_path(const struct ms_notary *n, const char *suffix, char path[static 4096], struct ms_err *err)
{
	int len = snprintf(path, 4096, "%s/checkpoint%s", n->p.dir, suffix);
	return len > 0 && len < 4096 ? MS_OK : ms_fail(err, MS_ERR_USAGE, "path too long");
}

/* Whole or not at all, but not synced: the leaf file was, before it, so that after a power cut the checkpoint may be
 * older than the leaves and never newer. It is kept to notice leaves that went missing. */
static enum ms_rc
keep_checkpoint(const struct ms_notary *n, struct ms_err *err)
{
	char path[4096], temporary[4096];
	enum ms_rc rc = checkpoint_path(n, "", path, err);
	if (rc == MS_OK)
		rc = checkpoint_path(n, ".new", temporary, err);
	if (rc != MS_OK)
		return rc;
	MS_OWN(ms_fd_close) ms_fd fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return ms_fail(err, MS_ERR_IO, "%s: %s", temporary, strerror(errno));
	rc = ms_io_write_all(fd, n->checkpoint.p, n->checkpoint.len, err);
	if (rc == MS_OK && rename(temporary, path) != 0)
		rc = ms_fail(err, MS_ERR_IO, "%s: %s", path, strerror(errno));
	return rc;
}

struct seen {
	struct ms_checkpoint signed_one;
	bool have, matched;
};

static enum ms_rc
compare_root(void *ctx, const struct ms_frontier *f, MS_UNUSED struct ms_err *err)
{
	struct seen *s = ctx;
	struct ms_node root;
	if (!s->have || f->size != s->signed_one.size)
		return MS_OK;
	ms_frontier_root(f, &root);
	s->matched = ms_node_eq(&root, &s->signed_one.root);
	return MS_OK;
}

static enum ms_rc
load_checkpoint(struct ms_notary *n, struct ms_buf *note, struct seen *s, struct ms_err *err)
{
	char path[4096];
	enum ms_rc rc = checkpoint_path(n, "", path, err);
	if (rc == MS_OK)
		rc = ms_io_read_file(path, CHECKPOINT_MAX, note, err);
	if (rc == MS_ERR_NOT_FOUND || (rc == MS_OK && note->len == 0))
		return MS_OK;
	if (rc == MS_OK)
		rc = ms_checkpoint_verify(ms_buf_span(note), n->p.vkey, &s->signed_one, err);
	s->have = rc == MS_OK;
	return rc == MS_OK ? MS_OK : ms_prefix(err, rc, "%s", path);
}

static enum ms_rc
open_tree(struct ms_notary *n, struct ms_err *err)
{
	struct seen s = {.have = false};
	struct ms_buf note;
	ms_buf_init(&note, CHECKPOINT_MAX);
	enum ms_rc rc = load_checkpoint(n, &note, &s, err);
	if (rc == MS_OK)
		rc = ms_leaves_open(n->p.dir, compare_root, &s, &n->leaves, err);
	uint64_t size = rc == MS_OK ? ms_leaves_frontier(n->leaves)->size : 0;
	if (rc == MS_OK && s.have && !s.matched)
		rc = ms_fail(err, MS_ERR_CONFLICT, "the leaf file (%llu leaves) is not that of the checkpoint signed at %llu: %s",
		    (unsigned long long)size, (unsigned long long)s.signed_one.size,
		    size < s.signed_one.size ? "leaves are missing" : "leaves were changed");
	ms_buf_fini(&note);
	return rc;
}

enum ms_rc
ms_notary_new(const struct ms_notary_params *p, struct ms_notary **ret, struct ms_err *err)
{
	if (p->signer.pub == NULL || !ms_pubkey_eq(p->signer.pub, ms_vkey_pubkey(p->vkey)))
		return ms_fail(err, MS_ERR_AUTH, "the token's log key is not the one in the deployment root");
	MS_OWN(ms_notary_free) struct ms_notary *n = calloc(1, sizeof *n);
	if (n == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "notary");
	n->p = *p;
	ms_buf_init(&n->checkpoint, CHECKPOINT_MAX);
	ms_buf_init(&n->out, MS_NOTARY_FRAME_MAX);
	enum ms_rc rc = open_tree(n, err);
	if (rc != MS_OK)
		return rc;
	*ret = n;
	n = NULL;
	return MS_OK;
}

/* ---- requests ---- */

/* The checkpoint of the tree as it is in the file, signed once for each size. */
static enum ms_rc
sign_tree(struct ms_notary *n, struct ms_err *err)
{
	const struct ms_frontier *f = ms_leaves_frontier(n->leaves);
	struct ms_node root;
	if (n->checkpoint.len > 0 && n->signed_size == f->size)
		return MS_OK;
	ms_frontier_root(f, &root);
	ms_buf_reset(&n->checkpoint);
	enum ms_rc rc = ms_checkpoint_sign(ms_vkey_name(n->p.vkey), f->size, &root, &n->p.signer, &n->checkpoint, err);
	if (rc != MS_OK) {
		ms_buf_reset(&n->checkpoint);
		return rc;
	}
	n->signed_size = f->size;
	struct ms_err why = {0};
	if (keep_checkpoint(n, &why) != MS_OK) /* the log goes on: only the start-up comparison is older */
		ms_log(MS_LOG_WARN, "notary.checkpoint", "%s", why.text);
	return MS_OK;
}

/* An append failed and nothing of it is answered; core starts again and asks for the size. */
static enum ms_rc
answer_error(struct ms_notary *n, uint64_t id, enum ms_rc rc, struct ms_err *err)
{
	ms_log(MS_LOG_ERROR, "notary.append", "rc=%s %s", ms_rc_name(rc), err != NULL ? err->text : "");
	if (rc == MS_ERR_INTERNAL || (n->p.signer_dead != NULL && n->p.signer_dead(n->p.signer_ctx)))
		return rc;
	const char *text = err != NULL ? err->text : "";
	return ms_chan_send(n->p.core, MS_NOTARY_ERROR, id, ms_span(text, strnlen(text, ERROR_MAX)), err);
}

static enum ms_rc
answer_appended(struct ms_notary *n, uint64_t id, struct ms_err *err)
{
	ms_buf_reset(&n->out);
	ms_buf_u64(&n->out, n->batch.size);
	ms_buf_u16(&n->out, (uint16_t)n->checkpoint.len);
	ms_buf_put_span(&n->out, ms_buf_span(&n->checkpoint));
	for (size_t i = 0; i < n->batch.n; i++) {
		size_t count = 0;
		const struct ms_node *proof = ms_batch_proof(&n->batch, i, &count);
		ms_buf_u8(&n->out, (uint8_t)count);
		ms_buf_put(&n->out, proof, count * MS_NODE_LEN);
	}
	enum ms_rc rc = ms_buf_check(&n->out, err);
	return rc == MS_OK ? ms_chan_send(n->p.core, MS_NOTARY_APPENDED, id, ms_buf_span(&n->out), err) : rc;
}

static enum ms_rc
on_append(void *ctx, struct ms_frame *f, struct ms_err *err)
{
	struct ms_notary *n = ctx;
	struct ms_rd r = ms_rd_span(f->payload);
	uint64_t expected = ms_rd_u64(&r), size = ms_leaves_frontier(n->leaves)->size;
	size_t count = ms_rd_left(&r) / MS_NODE_LEN;
	if (count == 0 || count > MS_NOTARY_BATCH_MAX)
		return ms_fail(err, MS_ERR_MALFORMED, "an append of %zu leaves", count);
	ms_rd_copy(&r, n->in, count * MS_NODE_LEN);
	if (!ms_rd_done(&r))
		return ms_fail(err, MS_ERR_MALFORMED, "an append of leaves of another length");
	if (expected != size) {
		ms_buf_reset(&n->out);
		ms_buf_u64(&n->out, size);
		return ms_chan_send(n->p.core, MS_NOTARY_WRONG_SIZE, f->id, ms_buf_span(&n->out), err);
	}
	enum ms_rc rc = ms_leaves_append(n->leaves, n->in, count, &n->batch, err);
	if (rc == MS_OK)
		rc = sign_tree(n, err);
	return rc == MS_OK ? answer_appended(n, f->id, err) : answer_error(n, f->id, rc, err);
}

static enum ms_rc
on_size(void *ctx, struct ms_frame *f, struct ms_err *err)
{
	struct ms_notary *n = ctx;
	const struct ms_frontier *tree = ms_leaves_frontier(n->leaves);
	struct ms_node root;
	enum ms_rc rc = tree->size > 0 ? sign_tree(n, err) : MS_OK;
	if (rc != MS_OK)
		return answer_error(n, f->id, rc, err);
	ms_frontier_root(tree, &root);
	ms_buf_reset(&n->out);
	ms_buf_u64(&n->out, tree->size);
	ms_buf_put(&n->out, root.h, sizeof root.h);
	ms_buf_u16(&n->out, (uint16_t)n->checkpoint.len);
	ms_buf_put_span(&n->out, ms_buf_span(&n->checkpoint));
	rc = ms_buf_check(&n->out, err);
	return rc == MS_OK ? ms_chan_send(n->p.core, MS_NOTARY_SIZE, f->id, ms_buf_span(&n->out), err) : rc;
}

static const struct ms_ipc_row rows[] = {
    {MS_NOTARY_APPEND, "append", MS_IPC_ANY_STATE, false, false, 8 + MS_NODE_LEN, 8 + MS_NOTARY_BATCH_MAX *MS_NODE_LEN, on_append},
    {MS_NOTARY_SIZE, "size", MS_IPC_ANY_STATE, false, false, 0, 0, on_size},
};
const struct ms_ipc_table ms_notary_table = MS_IPC_TABLE("core->notary", rows);

enum ms_rc
ms_notary_serve(struct ms_notary *n, struct ms_err *err)
{
	struct ms_ipc_state st = MS_IPC_STATE_INIT;
	enum ms_rc rc;
	do
		rc = ms_ipc_serve(n->p.core, &st, n, -1, err);
	while (rc == MS_OK);
	return rc;
}
