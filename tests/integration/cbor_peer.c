/* The other end of cbor_peer.py. Frames of u32 length and bytes come on standard input; each is answered by one byte:
 * '-' refused; '+' taken, and then a frame with the item written anew by our writers from what our reader read. */
#include <stdlib.h>
#include <unistd.h>
#include "base/io.h"
#include "codec/cbor.h"

#define FRAME_MAX (1u << 20)

/* Write one head or value; the number of items inside what it opens. */
static size_t
copy_one(struct ms_cbor *c, struct ms_buf *out)
{
	size_t n;
	switch (ms_cbor_peek(c)) {
	case MS_CBOR_UINT:
		ms_cbor_uint(out, ms_cbor_read_uint(c));
		return 0;
	case MS_CBOR_NINT:
		ms_cbor_int(out, ms_cbor_read_int(c));
		return 0;
	case MS_CBOR_BYTES:
		ms_cbor_bytes(out, ms_cbor_read_bytes(c));
		return 0;
	case MS_CBOR_TEXT:
		ms_cbor_text_span(out, ms_cbor_read_text(c));
		return 0;
	case MS_CBOR_ARRAY:
		n = ms_cbor_read_array(c);
		ms_cbor_array(out, n);
		return n;
	case MS_CBOR_MAP:
		n = ms_cbor_read_map(c);
		ms_cbor_map(out, n);
		return 2 * n;
	case MS_CBOR_BOOL:
		ms_cbor_bool(out, ms_cbor_read_bool(c));
		return 0;
	default:
		ms_cbor_read_null(c);
		ms_cbor_null(out);
		return 0;
	}
}

static enum ms_rc
answer(struct ms_span in, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf out = {.max = 2 * FRAME_MAX};
	struct ms_cbor c = ms_cbor_over(in);
	ms_buf_str(&out, "+");
	ms_buf_u32(&out, 0);
	for (size_t left = 1; left > 0; left--)
		left += copy_one(&c, &out);
	if (!ms_cbor_done(&c)) {
		ms_buf_reset(&out);
		ms_buf_str(&out, "-");
	} else {
		size_t len = out.len - 5;
		for (unsigned i = 0; i < 4; i++)
			out.p[1 + i] = (uint8_t)(len >> (24 - 8 * i));
	}
	return ms_io_write_all(STDOUT_FILENO, out.p, out.len, err);
}

static enum ms_rc
serve_one(struct ms_err *err)
{
	uint8_t head[4];
	enum ms_rc rc = ms_io_read_exact(STDIN_FILENO, head, sizeof head, err);
	if (rc != MS_OK)
		return rc;
	struct ms_rd rd = ms_rd_over(head, sizeof head);
	size_t len = ms_rd_u32(&rd);
	if (len > FRAME_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "frame of %zu", len);
	uint8_t *p = malloc(len + 1); /* the item ends where the block ends: the sanitizer sees one byte over */
	if (p == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "frame");
	rc = len == 0 ? MS_OK : ms_io_read_exact(STDIN_FILENO, p + 1, len, err);
	if (rc == MS_OK)
		rc = answer(ms_span(p + 1, len), err);
	free(p);
	return rc;
}

int
main(void)
{
	struct ms_err err;
	enum ms_rc rc;
	do
		rc = serve_one(&err);
	while (rc == MS_OK);
	return rc == MS_ERR_UNAVAILABLE ? 0 : 1;
}
