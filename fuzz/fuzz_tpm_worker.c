/* The socket between muster-agent and muster-tpm, both ways: a request as the worker reads it, an answer as the client
 * does, and the frames beneath. Byte 0: 0 request (byte 1: its op), 1 reply, 2 hello, 3 frames to the client. */
#include <stdlib.h>
#include <string.h>

#include "tpm/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
fuzz_request(uint16_t op, struct ms_span s)
{
	struct ms_tpm_request q;
	if (ms_tpm_wire_parse_request(op, s, &q, NULL) != MS_OK)
		return;
	MS_OWN(ms_buf_fini) struct ms_buf again;
	ms_buf_init(&again, MS_TPM_WIRE_REQUEST_MAX);
	ms_tpm_wire_put_request(&q, &again);
	if (ms_buf_check(&again, NULL) != MS_OK || !ms_span_eq(ms_buf_span(&again), s))
		abort(); /* what was read is what would be written */
}

static void
fuzz_reply(struct ms_span s)
{
	MS_OWN(ms_tpm_reply_fini) struct ms_tpm_reply r;
	ms_tpm_reply_init(&r);
	struct ms_err err;
	if (ms_tpm_wire_parse_reply(s, &r, &err) != MS_OK)
		return;
	MS_OWN(ms_buf_fini) struct ms_buf again;
	ms_buf_init(&again, MS_TPM_WIRE_REPLY_MAX);
	ms_tpm_wire_put_reply(MS_OK, NULL, &r, &again);
	size_t text = s.len < 4 ? 0 : (size_t)s.p[2] << 8 | s.p[3]; /* a text beside MS_OK is read over and not written */
	if (ms_buf_check(&again, NULL) != MS_OK ||
	    !ms_span_eq(ms_span(again.p + 4, again.len - 4), ms_span(s.p + 4 + text, s.len - 4 - text)))
		abort();
}

static void
fuzz_frames(struct ms_span s)
{
	MS_OWN(ms_chan_free) struct ms_chan *c = NULL;
	if (ms_chan_new(-1, &ms_tpm_wire_answers, 1024, &c, NULL) != MS_OK)
		abort();
	bool have = ms_chan_feed(c, s, NULL) == MS_OK;
	while (have) {
		struct ms_frame f;
		if (ms_chan_next(c, &f, &have, NULL) != MS_OK || !have)
			break;
		fuzz_reply(f.payload);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	uint8_t *copy = malloc(size - 1); /* exact: one byte over is seen */
	if (copy == NULL)
		return 0;
	memcpy(copy, data + 1, size - 1);
	struct ms_span all = ms_span(copy, size - 1);
	struct ms_err err;
	if (data[0] % 4 == 0)
		fuzz_request(copy[0], ms_span(copy + 1, size - 2));
	else if (data[0] % 4 == 1)
		fuzz_reply(all);
	else if (data[0] % 4 == 2)
		(void)(ms_tpm_wire_parse_hello(all, &err) == MS_OK);
	else
		fuzz_frames(all);
	free(copy);
	return 0;
}
