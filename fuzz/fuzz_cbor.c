/* Whatever the check takes reads back whole, and a table parses only what it builds to the same bytes. */
#include <assert.h>
#include <string.h>
#include "codec/cbor.h"

struct thing {
	uint64_t present;
	uint64_t number;
	int64_t sign;
	struct ms_span bytes, text;
	bool flag;
	struct ms_span any, list, map;
};
static const struct ms_cbor_field fields[] = {
    MS_CBOR_F_UINT(1, struct thing, number, MS_CBOR_REQ, 0, UINT64_MAX),
    MS_CBOR_F_INT(2, struct thing, sign, MS_CBOR_OPT),
    MS_CBOR_F_BYTES(3, struct thing, bytes, MS_CBOR_OPT, 0, 64),
    MS_CBOR_F_TEXT(4, struct thing, text, MS_CBOR_OPT, 0, 64),
    MS_CBOR_F_BOOL(5, struct thing, flag, MS_CBOR_OPT),
    MS_CBOR_F_RAW(6, struct thing, any, MS_CBOR_OPT, 4096),
    MS_CBOR_F_ARRAY(7, struct thing, list, MS_CBOR_OPT, 4096),
    MS_CBOR_F_MAP(24, struct thing, map, MS_CBOR_OPT, 4096),
};
static const struct ms_cbor_table table = MS_CBOR_TABLE("thing", struct thing, fields);

/* Copy one head or value from reader to writer; what opens is walked by its count. */
static size_t
copy_one(struct ms_cbor *c, struct ms_buf *out)
{
	size_t n;
	switch (ms_cbor_peek(c)) {
	case MS_CBOR_UINT:
		ms_cbor_uint(out, ms_cbor_read_uint(c));
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
	case MS_CBOR_NULL:
		ms_cbor_read_null(c);
		ms_cbor_null(out);
		return 0;
	default: /* negative, perhaps below int64_t */
		ms_cbor_raw(out, ms_cbor_read_raw(c));
		return 0;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ms_buf out;
	struct thing thing;
	struct ms_span in = ms_span(data, size);
	ms_buf_init(&out, 1 << 20);
	if (ms_cbor_check(in, MS_CBOR_DEPTH_MAX, NULL) == MS_OK && size < 1 << 20) {
		struct ms_cbor c = ms_cbor_over(in);
		for (size_t left = 1; left > 0; left--)
			left += copy_one(&c, &out);
		assert(ms_cbor_done(&c) && ms_span_eq(ms_buf_span(&out), in));
	}
	ms_buf_reset(&out);
	if (ms_cbor_parse_map(&table, in, &thing, NULL) == MS_OK) {
		assert(ms_cbor_build_map(&table, &thing, &out, NULL) == MS_OK);
		assert(ms_span_eq(ms_buf_span(&out), in));
	}
	ms_buf_fini(&out);
	return 0;
}
