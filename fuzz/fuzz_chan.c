/* Bytes of a hostile peer, in pieces, into a channel with a small table. First byte: size of the pieces. */
#include <stdint.h>
#include <stdlib.h>

#include "ipc/chan.h"
#include "ipc/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum ms_rc
on_frame(void *ctx, struct ms_frame *f, MS_UNUSED struct ms_err *err)
{
	struct ms_ipc_state *st = ctx;
	static volatile uint8_t sink;
	for (size_t i = 0; i < f->payload.len; i++)
		sink = (uint8_t)(sink + f->payload.p[i]);
	st->state = f->type == 1 ? 2 : st->state;
	return MS_OK;
}

static const struct ms_ipc_row rows[] = {
    {.type = 1, .name = "ONE", .states = 1, .once = true, .max_len = 16, .handler = on_frame},
    {.type = 2, .name = "TWO", .states = 2, .min_len = 2, .max_len = 300, .handler = on_frame},
    {.type = 3, .name = "THREE", .states = MS_IPC_ANY_STATE, .max_len = 1u << 20, .handler = on_frame},
    {.type = 4, .name = "FOUR", .states = MS_IPC_ANY_STATE, .fd = true, .max_len = 16, .handler = on_frame},
};
static const struct ms_ipc_table table = MS_IPC_TABLE("fuzz", rows);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ms_chan *c = NULL;
	struct ms_ipc_state st = MS_IPC_STATE_INIT;
	if (size < 1 || ms_chan_new(-1, &table, 0, &c, NULL) != MS_OK)
		return 0;
	size_t step = (size_t)data[0] + 1;
	for (size_t off = 1; off < size; off += step) {
		size_t n = size - off < step ? size - off : step;
		if (ms_chan_feed(c, ms_span(data + off, n), NULL) != MS_OK || ms_ipc_dispatch(c, &st, &st, NULL) != MS_OK)
			break;
	}
	ms_chan_free(c);
	return 0;
}
