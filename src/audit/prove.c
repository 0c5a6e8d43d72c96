#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "audit/ticket.h"
#include "audit/tiles.h"
#include "audit/verify.h"
#include "base/io.h"

/* Nodes of the tree out of tiles, the last tile kept. */
struct tile_reader {
	const char *dir;
	uint64_t size;
	struct ms_tile tile; /* width 0: none yet */
	struct ms_buf bytes;
};

static enum ms_rc
tile_get(void *ctx, unsigned level, uint64_t index, struct ms_node *ret, struct ms_err *err)
{
	struct tile_reader *r = ctx;
	struct ms_node row[MS_TILE_WIDTH];
	unsigned height = level % 8; /* above the row of the tile */
	uint64_t first = index << height;
	struct ms_tile t = {.level = level / 8, .index = first / MS_TILE_WIDTH};
	t.width = ms_tile_width(t.level, t.index, r->size);
	size_t at = (size_t)(first % MS_TILE_WIDTH), n = (size_t)1 << height;
	if (at + n > t.width)
		return ms_fail(err, MS_ERR_NOT_FOUND, "no node %u/%llu", level, (unsigned long long)index);
	if (t.level != r->tile.level || t.index != r->tile.index || t.width != r->tile.width) {
		r->tile.width = 0;
		enum ms_rc rc = ms_tile_read(r->dir, &t, &r->bytes, err);
		if (rc != MS_OK)
			return rc;
		r->tile = t;
	}
	memcpy(row, r->bytes.p + at * sizeof *row, n * sizeof *row);
	ms_row_root(row, n, ret);
	return MS_OK;
}

static enum ms_rc
read_entry(struct tile_reader *r, uint64_t index, struct ms_buf *out, struct ms_err *err)
{
	struct ms_span entries[MS_TILE_WIDTH];
	struct ms_tile t = {.level = MS_TILE_ENTRIES, .index = index / MS_TILE_WIDTH};
	size_t good;
	t.width = ms_tile_width(t.level, t.index, r->size);
	enum ms_rc rc = ms_tile_read(r->dir, &t, &r->bytes, err);
	if (rc == MS_OK)
		rc = ms_bundle_parse(ms_buf_span(&r->bytes), t.width, entries, &good, err);
	if (rc != MS_OK)
		return rc;
	ms_buf_put_span(out, entries[index % MS_TILE_WIDTH]);
	return ms_buf_check(out, err);
}

struct proving {
	struct tile_reader reader;
	struct ms_buf note, entry, ticket;
};

static void
proving_init(struct proving *p, const char *dir)
{
	*p = (struct proving){.reader = {.dir = dir}};
	ms_buf_init(&p->reader.bytes, MS_BUNDLE_BYTES_MAX);
	ms_buf_init(&p->note, MS_NOTE_MAX);
	ms_buf_init(&p->entry, UINT16_MAX);
	ms_buf_init(&p->ticket, MS_TICKET_MAX);
}

static void
proving_fini(struct proving *p)
{
	ms_buf_fini(&p->reader.bytes);
	ms_buf_fini(&p->note);
	ms_buf_fini(&p->entry);
	ms_buf_fini(&p->ticket);
}
MS_CLEANUP_FINI(struct proving, proving_fini)

static enum ms_rc
open_log(struct proving *p, const struct ms_vkey *v, struct ms_err *err)
{
	char path[PATH_MAX];
	struct ms_checkpoint c;
	enum ms_rc rc = ms_tiles_join(p->reader.dir, "checkpoint", path, sizeof path, err);
	if (rc == MS_OK)
		rc = ms_io_read_file(path, MS_NOTE_MAX, &p->note, err);
	if (rc == MS_OK)
		rc = ms_checkpoint_verify(ms_buf_span(&p->note), v, &c, err);
	if (rc == MS_OK)
		p->reader.size = c.size;
	return rc;
}

static enum ms_rc
make_ticket(struct proving *p, const struct ms_vkey *v, uint64_t index, struct ms_err *err)
{
	struct ms_tree tree = {.size = p->reader.size, .get = tile_get, .ctx = &p->reader};
	struct ms_proof proof;
	struct ms_ticket proven;
	enum ms_rc rc = ms_tree_prove(&tree, index, tree.size, &proof, err);
	if (rc == MS_OK)
		rc = ms_ticket_build(index, proof.node, proof.n, ms_buf_span(&p->note), &p->ticket, err);
	return rc == MS_OK ? ms_ticket_verify(ms_buf_span(&p->ticket), ms_buf_span(&p->entry), v, NULL, &proven, err) : rc;
}

enum ms_rc
ms_audit_prove(
    const char *dir, const struct ms_vkey *v, uint64_t index, struct ms_buf *ret_entry, struct ms_buf *ret_ticket, struct ms_err *err)
{
	MS_OWN(proving_fini) struct proving p;
	proving_init(&p, dir);
	enum ms_rc rc = open_log(&p, v, err);
	if (rc != MS_OK)
		return rc;
	if (index >= p.reader.size)
		return ms_fail(
		    err, MS_ERR_NOT_FOUND, "no entry %llu in a log of %llu", (unsigned long long)index, (unsigned long long)p.reader.size);
	rc = read_entry(&p.reader, index, &p.entry, err);
	p.reader.tile.width = 0;
	if (rc == MS_OK)
		rc = make_ticket(&p, v, index, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "entry %llu", (unsigned long long)index);
	ms_buf_put_span(ret_entry, ms_buf_span(&p.entry));
	ms_buf_put_span(ret_ticket, ms_buf_span(&p.ticket));
	rc = ms_buf_check(ret_entry, err);
	return rc == MS_OK ? ms_buf_check(ret_ticket, err) : rc;
}
