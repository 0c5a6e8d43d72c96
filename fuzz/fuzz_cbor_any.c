/* CBOR of others: what the reader takes, it can be walked through to the end, and no span leaves the input. */
#include <stdlib.h>

#include "codec/cbor_any.h"

static void
inside(struct ms_span whole, struct ms_span s)
{
	if (s.len > 0 && (s.p < whole.p || s.p + s.len > whole.p + whole.len))
		abort();
}

static void
visit(struct ms_span whole, const struct ms_any *a, unsigned depth)
{
	struct ms_any item, again;
	struct ms_any_iter it = ms_any_items(a);
	uint64_t n = 0;
	inside(whole, a->raw);
	inside(whole, a->body);
	if (depth > MS_ANY_DEPTH_MAX)
		abort();
	if (ms_any_parse(a->raw, &again, NULL) != MS_OK || again.value != a->value || again.type != a->type)
		abort();
	if (depth > 4) /* the walk above is paid at every level */
		return;
	for (; ms_any_next(&it, &item); n++)
		visit(whole, &item, depth + 1);
	if (it.rd.bad || (a->type == MS_ANY_ARRAY && n != a->value) || (a->type == MS_ANY_MAP && n != 2 * a->value))
		abort();
	struct ms_buf b;
	ms_buf_init(&b, MS_ANY_INPUT_MAX);
	ms_any_join(a, &b);
	if ((a->type == MS_ANY_BYTES || a->type == MS_ANY_TEXT) && (b.bad || b.len != a->value))
		abort();
	ms_buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct ms_any a;
	if (n <= 4096 && ms_any_parse(ms_span(p, n), &a, NULL) == MS_OK)
		visit(ms_span(p, n), &a, 0);
	return 0;
}
