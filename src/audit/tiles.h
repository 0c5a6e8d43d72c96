/* Names and forms of tlog-tiles files: paths, widths, entry bundles. */
#ifndef MS_TILES_H
#define MS_TILES_H
#include "audit/merkle.h"

#define MS_TILE_WIDTH 256u
#define MS_TILE_LEVELS 8u     /* tile levels of a tree of MS_TREE_SIZE_MAX leaves */
#define MS_TILE_ENTRIES 0xffu /* "level" of entry bundles */
#define MS_TILE_PATH_MAX 64u
#define MS_TILE_BYTES (MS_TILE_WIDTH * MS_NODE_LEN)
#define MS_BUNDLE_BYTES_MAX ((size_t)MS_TILE_WIDTH * (2u + 65535u))

struct ms_tile {
	unsigned level; /* 0.., or MS_TILE_ENTRIES */
	uint64_t index;
	unsigned width; /* 1..256; 256 is full */
};
void ms_tile_path(const struct ms_tile *t, char out[static MS_TILE_PATH_MAX]); /* "tile/0/x001/234.p/5" */
/* Only the one canonical form. MS_ERR_MALFORMED. */
MS_MUST_USE enum ms_rc ms_tile_parse(struct ms_span path, struct ms_tile *ret, struct ms_err *err);
/* Width of the tile at this level and index in a tree of `size` leaves; 0: there is none. */
unsigned ms_tile_width(unsigned level, uint64_t index, uint64_t size);

/* An entry bundle: `n` entries, each u16 length | bytes, and nothing after them. entries[n] borrow. MS_ERR_MALFORMED;
 * *ret_good is then the number of entries before the fault. */
MS_MUST_USE enum ms_rc ms_bundle_parse(struct ms_span s, size_t n, struct ms_span *entries, size_t *ret_good, struct ms_err *err);
void ms_bundle_put(struct ms_buf *out, struct ms_span entry); /* longer than 65535: the buffer turns bad */
/* Root of n hashes side by side, n a power of two <= 256. */
void ms_row_root(const struct ms_node *row, size_t n, struct ms_node *ret);
/* Read the file of a tile or bundle under dir into an initialised buffer. A hash tile has exactly width * 32 bytes: MS_ERR_MALFORMED or
 * MS_ERR_TOO_BIG. A bundle is capped, not parsed. MS_ERR_NOT_FOUND, MS_ERR_IO. */
MS_MUST_USE enum ms_rc ms_tile_read(const char *dir, const struct ms_tile *t, struct ms_buf *out, struct ms_err *err);
/* dir/rel. MS_ERR_USAGE when it is too long. */
MS_MUST_USE enum ms_rc ms_tiles_join(const char *dir, const char *rel, char *out, size_t out_len, struct ms_err *err);

#endif
