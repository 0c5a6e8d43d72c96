#include "ipc/table.h"

const struct ms_ipc_row *
ms_ipc_row(const struct ms_ipc_table *t, uint16_t type)
{
	for (size_t i = 0; i < t->n_rows; i++)
		if (t->rows[i].type == type)
			return &t->rows[i];
	return NULL;
}

static enum ms_rc
check_order(const struct ms_ipc_table *t, const struct ms_ipc_row *row, struct ms_ipc_state *st, struct ms_err *err)
{
	uint64_t bit = UINT64_C(1) << (size_t)(row - t->rows);
	if ((row->states & st->state) == 0)
		return ms_fail(err, MS_ERR_MALFORMED, "%s: %s: not in this state", t->link, row->name);
	if (row->once && (st->seen & bit) != 0)
		return ms_fail(err, MS_ERR_MALFORMED, "%s: %s: came twice", t->link, row->name);
	if (row->handler == NULL)
		return ms_fail(err, MS_ERR_MALFORMED, "%s: %s: nobody asked", t->link, row->name);
	st->seen |= bit;
	return MS_OK;
}

enum ms_rc
ms_ipc_handle(struct ms_chan *c, struct ms_ipc_state *st, struct ms_frame *f, void *ctx, struct ms_err *err)
{
	const struct ms_ipc_table *t = ms_chan_table(c);
	const struct ms_ipc_row *row = ms_ipc_row(t, f->type);
	enum ms_rc rc = row == NULL ? ms_fail(err, MS_ERR_MALFORMED, "%s: no frame of type %u", t->link, f->type) : MS_OK;
	if (rc == MS_OK && (f->payload.len < row->min_len || f->payload.len > row->max_len))
		rc = ms_fail(err, MS_ERR_MALFORMED, "%s: %s: %zu bytes", t->link, row->name, f->payload.len);
	if (rc == MS_OK)
		rc = check_order(t, row, st, err);
	if (rc == MS_OK && (rc = row->handler(ctx, f, err)) != MS_OK)
		rc = ms_prefix(err, rc, "%s: %s", t->link, row->name);
	ms_fd_close(f->fd);
	f->fd = -1;
	return rc;
}

enum ms_rc
ms_ipc_dispatch(struct ms_chan *c, struct ms_ipc_state *st, void *ctx, struct ms_err *err)
{
	for (;;) {
		struct ms_frame f;
		bool have;
		enum ms_rc rc = ms_chan_next(c, &f, &have, err);
		if (rc != MS_OK || !have)
			return rc;
		if ((rc = ms_ipc_handle(c, st, &f, ctx, err)) != MS_OK)
			return rc;
	}
}

enum ms_rc
ms_ipc_serve(struct ms_chan *c, struct ms_ipc_state *st, void *ctx, int timeout_ms, struct ms_err *err)
{
	struct ms_frame f;
	enum ms_rc rc = ms_chan_wait_frame(c, timeout_ms, &f, err);
	if (rc != MS_OK || (rc = ms_ipc_handle(c, st, &f, ctx, err)) != MS_OK)
		return rc;
	return ms_chan_drain(c, timeout_ms, err);
}
