/* First byte: how many entries to expect. What parses builds to the same bytes. The input as a path of a tile, too. */
#include <assert.h>
#include <string.h>
#include "audit/tiles.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct ms_span entries[MS_TILE_WIDTH];
	struct ms_tile t;
	size_t good;
	if (len == 0)
		return 0;
	if (ms_tile_parse(ms_span(p, len), &t, NULL) == MS_OK) {
		char path[MS_TILE_PATH_MAX];
		ms_tile_path(&t, path);
		assert(ms_span_eq(ms_span_str(path), ms_span(p, len)));
	}
	size_t n = p[0];
	enum ms_rc rc = ms_bundle_parse(ms_span(p + 1, len - 1), n, entries, &good, NULL);
	assert(good <= n);
	if (rc != MS_OK)
		return 0;
	MS_OWN(ms_buf_fini) struct ms_buf b;
	ms_buf_init(&b, len);
	for (size_t i = 0; i < n; i++)
		ms_bundle_put(&b, entries[i]);
	assert(ms_span_eq(ms_buf_span(&b), ms_span(p + 1, len - 1)));
	return 0;
}
