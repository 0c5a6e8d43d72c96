/* Request tables: the whole of what one process may ask another. One const row per frame type is the single source
 * of truth for its name, when it may come, how often, how long it may be and who handles it. Anything else ends the peer. */
#ifndef MS_IPC_TABLE_H
#define MS_IPC_TABLE_H
#include "ipc/chan.h"

/* Handles one frame that its row allows. The payload is borrowed until it returns; f->fd is taken when the handler sets it to -1.
 * An error ends the peer: a refusal that the peer may survive is an answer frame and MS_OK. */
typedef enum ms_rc (*ms_ipc_handler)(void *ctx, struct ms_frame *f, struct ms_err *err);

#define MS_IPC_ANY_STATE UINT32_MAX
struct ms_ipc_row {
	uint16_t type;
	const char *name;
	uint32_t states; /* mask of the states in which it may come */
	bool once;       /* at most once in the life of the channel */
	bool fd;         /* brings exactly one descriptor; rows without this bring none */
	uint32_t min_len, max_len;
	ms_ipc_handler handler; /* NULL: an answer that its asker takes with ms_chan_wait_frame() or ms_chan_next() */
};
struct ms_ipc_table {
	const char *link; /* "core->keeper": in error texts */
	const struct ms_ipc_row *rows;
	size_t n_rows; /* at most 64 */
};
#define MS_IPC_TABLE(a_link, a_rows) \
	{ \
		.link = (a_link), .rows = (a_rows), .n_rows = sizeof(a_rows) / sizeof *(a_rows) \
	}

/* Where a channel's conversation is. Handlers move `state` (one bit) through their ctx. */
struct ms_ipc_state {
	uint32_t state;
	uint64_t seen; /* rows that came, for `once` */
};
#define MS_IPC_STATE_INIT \
	{ \
		.state = 1, .seen = 0 \
	}

/* NULL when the table has no such type. */
const struct ms_ipc_row *ms_ipc_row(const struct ms_ipc_table *t, uint16_t type);

/* One frame that came over c: check it against its row, call the handler. MS_ERR_MALFORMED names the frame and the
 * rule it broke: the caller ends the peer (and logs the text). Closes f->fd when no one took it. */
MS_MUST_USE enum ms_rc ms_ipc_handle(struct ms_chan *c, struct ms_ipc_state *st, struct ms_frame *f, void *ctx, struct ms_err *err);
/* All frames that are complete in the channel's buffer. For event loops, after ms_chan_fill(). */
MS_MUST_USE enum ms_rc ms_ipc_dispatch(struct ms_chan *c, struct ms_ipc_state *st, void *ctx, struct ms_err *err);
/* For small processes: wait for one frame (timeout_ms < 0: for ever), handle it, send what the handler queued.
 * MS_ERR_UNAVAILABLE: the peer closed between frames, the usual end. MS_ERR_TIMEOUT: nothing came. */
MS_MUST_USE enum ms_rc ms_ipc_serve(struct ms_chan *c, struct ms_ipc_state *st, void *ctx, int timeout_ms, struct ms_err *err);

#endif
