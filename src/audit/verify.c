/* Everything is recomputed from the entry bundles. When they lead to the signed root they are right, and any tile that
 * differs is wrong; when they do not, the bundle that differs from its level-0 tile is. */
#include "audit/verify.h"
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "audit/tiles.h"
#include "base/io.h"

#define DIR_DEPTH_MAX 12u
#define NO_ENTRY UINT64_MAX

struct fault {
	bool set;
	struct ms_tile tile;
	uint64_t entry; /* NO_ENTRY: of no entry */
};
struct row {
	size_t n;
	struct ms_node node[MS_TILE_WIDTH];
};
struct verifier {
	const char *dir;
	const struct ms_audit_watch *watch;
	struct ms_audit_result *result;
	struct ms_err *err;
	uint64_t size;
	struct ms_buf note, bundle, tile;
	struct ms_span entries[MS_TILE_WIDTH];
	struct ms_frontier frontier;
	struct row row[MS_TILE_LEVELS];
	struct fault pair;  /* first bundle and level-0 tile that disagree: tile names the bundle */
	struct fault upper; /* first tile of a higher level that is not made of the tiles below it */
};

static void
verifier_free(struct verifier *v)
{
	if (v == NULL)
		return;
	ms_buf_fini(&v->note);
	ms_buf_fini(&v->bundle);
	ms_buf_fini(&v->tile);
	free(v);
}
MS_CLEANUP(struct verifier, verifier_free)

static enum ms_rc
refuse_file(struct verifier *v, const char *rel, uint64_t entry, const char *why)
{
	(void)snprintf(v->result->file, sizeof v->result->file, "%s", rel);
	v->result->has_entry = entry != NO_ENTRY;
	v->result->entry = v->result->has_entry ? entry : 0;
	if (entry != NO_ENTRY)
		return ms_fail(v->err, MS_ERR_AUTH, "%s: entry %llu: %s", rel, (unsigned long long)entry, why);
	return ms_fail(v->err, MS_ERR_AUTH, "%s: %s", rel, why);
}

static enum ms_rc
refuse_tile(struct verifier *v, const struct ms_tile *t, uint64_t entry, const char *why)
{
	char rel[MS_TILE_PATH_MAX];
	ms_tile_path(t, rel);
	return refuse_file(v, rel, entry, why);
}

/* What a failed read of a file that must be there says. */
static enum ms_rc
read_fault(struct verifier *v, enum ms_rc rc, const char *rel)
{
	if (rc == MS_ERR_NOT_FOUND)
		return refuse_file(v, rel, NO_ENTRY, "is missing");
	if (rc == MS_ERR_TOO_BIG)
		return refuse_file(v, rel, NO_ENTRY, "is too long");
	if (rc == MS_ERR_MALFORMED)
		return refuse_file(v, rel, NO_ENTRY, "has a wrong length");
	if (rc != MS_OK)
		(void)snprintf(v->result->file, sizeof v->result->file, "%s", rel);
	return rc;
}

static enum ms_rc
read_tile(struct verifier *v, const struct ms_tile *t, struct ms_buf *out)
{
	char rel[MS_TILE_PATH_MAX];
	ms_tile_path(t, rel);
	return read_fault(v, ms_tile_read(v->dir, t, out, v->err), rel);
}

static enum ms_rc
open_checkpoint(struct verifier *v, const struct ms_vkey *key, struct ms_checkpoint *ret)
{
	char path[PATH_MAX];
	struct ms_note n;
	struct stat st;
	if (stat(v->dir, &st) != 0 || !S_ISDIR(st.st_mode))
		return ms_fail(v->err, MS_ERR_NOT_FOUND, "%s: no such directory", v->dir);
	enum ms_rc rc = ms_tiles_join(v->dir, "checkpoint", path, sizeof path, v->err);
	if (rc != MS_OK)
		return rc;
	rc = ms_io_read_file(path, MS_NOTE_MAX, &v->note, v->err);
	if (rc != MS_OK)
		return read_fault(v, rc, "checkpoint");
	rc = ms_checkpoint_verify(ms_buf_span(&v->note), key, ret, v->err);
	if (rc != MS_OK && rc != MS_ERR_NOMEM && rc != MS_ERR_CRYPTO) {
		char why[MS_ERR_TEXT_MAX] = "";
		if (v->err != NULL)
			memcpy(why, v->err->text, sizeof why);
		return refuse_file(v, "checkpoint", NO_ENTRY, why);
	}
	if (rc == MS_OK && ms_note_verify(ms_buf_span(&v->note), key, &n, NULL) == MS_OK)
		v->result->other_signatures = n.others;
	return rc;
}

/* Called with each file below the directory: path relative to it. */
typedef enum ms_rc (*walk_fn)(struct verifier *v, const char *rel, bool regular);

static enum ms_rc walk_one(struct verifier *v, const char *rel, unsigned depth, walk_fn fn);

static enum ms_rc
walk(struct verifier *v, const char *rel, unsigned depth, walk_fn fn)
{
	char path[PATH_MAX], sub[PATH_MAX];
	enum ms_rc rc = ms_tiles_join(v->dir, rel, path, sizeof path, v->err);
	if (rc != MS_OK)
		return rc;
	DIR *d = opendir(path);
	if (d == NULL)
		return ms_fail(v->err, MS_ERR_IO, "%s: %s", path, strerror(errno));
	for (struct dirent *de; rc == MS_OK && (de = readdir(d)) != NULL;) {
		if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
			continue;
		if (rel[0] != '\0')
			rc = ms_tiles_join(rel, de->d_name, sub, sizeof sub, v->err);
		else
			memcpy(sub, de->d_name, strlen(de->d_name) + 1);
		if (rc == MS_OK)
			rc = walk_one(v, sub, depth, fn);
	}
	(void)closedir(d);
	return rc;
}

static enum ms_rc
walk_one(struct verifier *v, const char *rel, unsigned depth, walk_fn fn)
{
	char path[PATH_MAX];
	struct stat st;
	enum ms_rc rc = ms_tiles_join(v->dir, rel, path, sizeof path, v->err);
	if (rc != MS_OK)
		return rc;
	if (lstat(path, &st) != 0)
		return ms_fail(v->err, MS_ERR_IO, "%s: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode) && depth < DIR_DEPTH_MAX)
		return walk(v, rel, depth + 1, fn);
	return fn(v, rel, S_ISREG(st.st_mode));
}

static enum ms_rc
check_known(struct verifier *v, const char *rel, bool regular)
{
	struct ms_tile t;
	if (regular && strcmp(rel, "checkpoint") == 0)
		return MS_OK;
	if (!regular || ms_tile_parse(ms_span_str(rel), &t, NULL) != MS_OK)
		return refuse_file(v, rel, NO_ENTRY, "is no file of this log");
	if (t.width > ms_tile_width(t.level, t.index, v->size))
		return refuse_file(v, rel, NO_ENTRY, "is beyond the checkpoint");
	return MS_OK;
}

/* In which entry of the bundle that was verified the byte at `at` lies; n: behind them all. */
static size_t
entry_at(const struct verifier *v, size_t n, size_t at)
{
	size_t i = 0, end = 0;
	for (; i < n; i++) {
		end += 2 + v->entries[i].len;
		if (at < end)
			break;
	}
	return i;
}

/* A partial file of an earlier checkpoint: it must be the beginning of what is there now, and has been verified. */
static enum ms_rc
check_older(struct verifier *v, const char *rel, MS_UNUSED bool regular)
{
	struct ms_tile t, now;
	size_t at = 0, good = 0, place;
	if (ms_tile_parse(ms_span_str(rel), &t, NULL) != MS_OK)
		return MS_OK;
	now = t;
	now.width = ms_tile_width(t.level, t.index, v->size);
	if (t.width == now.width)
		return MS_OK;
	enum ms_rc rc = read_tile(v, &t, &v->tile);
	if (rc == MS_OK)
		rc = read_tile(v, &now, &v->bundle);
	if (rc == MS_OK && t.level == MS_TILE_ENTRIES)
		rc = ms_bundle_parse(ms_buf_span(&v->bundle), now.width, v->entries, &good, v->err);
	if (rc != MS_OK)
		return rc;
	while (at < v->tile.len && at < v->bundle.len && v->tile.p[at] == v->bundle.p[at])
		at++;
	place = t.level == MS_TILE_ENTRIES ? entry_at(v, good, at) : at / MS_NODE_LEN;
	if (at == v->tile.len && place == t.width)
		return MS_OK;
	bool of_entry = t.level == MS_TILE_ENTRIES || t.level == 0;
	if (place >= t.width) /* too long: the last one is to blame */
		place = t.width - 1;
	return refuse_file(v, rel, of_entry ? t.index * MS_TILE_WIDTH + place : NO_ENTRY, "differs from the later file");
}

static enum ms_rc
check_upper(struct verifier *v, unsigned level, const struct row *r)
{
	uint64_t count = v->frontier.size >> (8 * level);
	struct ms_tile t = {.level = level, .index = (count - 1) / MS_TILE_WIDTH, .width = (unsigned)r->n};
	enum ms_rc rc = read_tile(v, &t, &v->tile);
	if (rc == MS_OK && !v->upper.set && !ms_span_eq(ms_buf_span(&v->tile), ms_span(r->node, r->n * sizeof *r->node)))
		v->upper = (struct fault){.set = true, .tile = t, .entry = NO_ENTRY};
	return rc;
}

/* A full row is done: carry its root up, and check the row that this fills. */
static enum ms_rc
carry(struct verifier *v)
{
	for (unsigned level = 0; level + 1 < MS_TILE_LEVELS && v->row[level].n == MS_TILE_WIDTH; level++) {
		struct row *r = &v->row[level], *up = &v->row[level + 1];
		ms_row_root(r->node, MS_TILE_WIDTH, &up->node[up->n++]);
		r->n = 0;
		if (up->n < MS_TILE_WIDTH)
			return MS_OK;
		enum ms_rc rc = check_upper(v, level + 1, up);
		if (rc != MS_OK)
			return rc;
	}
	return MS_OK;
}

static enum ms_rc
hash_bundle(struct verifier *v, const struct ms_tile *t)
{
	struct row *r = &v->row[0];
	for (unsigned i = 0; i < t->width; i++) {
		struct ms_node *leaf = &r->node[r->n++];
		ms_merkle_leaf(v->entries[i], leaf);
		enum ms_rc rc = ms_frontier_append(&v->frontier, leaf, v->err);
		if (rc != MS_OK)
			return rc;
		bool same = ms_span_eq(ms_span(leaf, MS_NODE_LEN), ms_span(v->tile.p + (size_t)i * MS_NODE_LEN, MS_NODE_LEN));
		if (!same && !v->pair.set)
			v->pair = (struct fault){.set = true, .tile = *t, .entry = t->index * MS_TILE_WIDTH + i};
		if (v->watch != NULL && v->watch->entry != NULL)
			rc = v->watch->entry(v->watch->ctx, t->index * MS_TILE_WIDTH + i, v->entries[i], v->err);
		if (rc != MS_OK)
			return rc;
	}
	return carry(v);
}

static enum ms_rc
check_bundle(struct verifier *v, uint64_t index)
{
	struct ms_tile t = {.level = MS_TILE_ENTRIES, .index = index, .width = ms_tile_width(0, index, v->size)};
	struct ms_tile leaves = {.level = 0, .index = index, .width = t.width};
	size_t good = 0;
	enum ms_rc rc = read_tile(v, &t, &v->bundle);
	if (rc == MS_OK)
		rc = read_tile(v, &leaves, &v->tile);
	if (rc != MS_OK)
		return rc;
	if (ms_bundle_parse(ms_buf_span(&v->bundle), t.width, v->entries, &good, NULL) == MS_OK)
		return hash_bundle(v, &t);
	if (good == t.width)
		return refuse_tile(v, &t, t.index * MS_TILE_WIDTH + good - 1, "more bytes follow the last entry");
	/* A changed length can shift all that follows: the first entry that is not the one in the tile is to blame. */
	for (size_t i = 0; i < good; i++) {
		struct ms_node leaf;
		ms_merkle_leaf(v->entries[i], &leaf);
		if (!ms_span_eq(ms_span(&leaf, MS_NODE_LEN), ms_span(v->tile.p + i * MS_NODE_LEN, MS_NODE_LEN)))
			return refuse_tile(v, &t, t.index * MS_TILE_WIDTH + i, "is not the entry that was logged");
	}
	return refuse_tile(v, &t, t.index * MS_TILE_WIDTH + good, "the bundle ends in it");
}

static enum ms_rc
judge(struct verifier *v, const struct ms_checkpoint *c)
{
	struct ms_node root;
	ms_frontier_root(&v->frontier, &root);
	if (!ms_node_eq(&root, &c->root)) {
		if (v->pair.set)
			return refuse_tile(v, &v->pair.tile, v->pair.entry, "is not the entry that was logged");
		if (v->upper.set)
			return refuse_tile(v, &v->upper.tile, NO_ENTRY, "differs from the tiles below it, and these from the checkpoint");
		return refuse_file(v, "checkpoint", NO_ENTRY, "its root is not that of the entries and tiles");
	}
	v->pair.tile.level = 0;
	if (v->pair.set)
		return refuse_tile(v, &v->pair.tile, v->pair.entry, "the hash is not that of the entry");
	if (v->upper.set)
		return refuse_tile(v, &v->upper.tile, NO_ENTRY, "is not made of the tiles below it");
	return MS_OK;
}

static enum ms_rc
check_all(struct verifier *v, const struct ms_checkpoint *c)
{
	enum ms_rc rc = walk(v, "", 0, check_known);
	for (uint64_t at = 0; at < v->size && rc == MS_OK; at += MS_TILE_WIDTH) {
		rc = check_bundle(v, at / MS_TILE_WIDTH);
		if (rc == MS_OK && v->watch != NULL && v->watch->progress != NULL)
			v->watch->progress(v->watch->ctx, v->frontier.size, v->size);
	}
	for (unsigned level = 1; level < MS_TILE_LEVELS && rc == MS_OK; level++)
		if (v->row[level].n != 0)
			rc = check_upper(v, level, &v->row[level]);
	if (rc == MS_OK)
		rc = judge(v, c);
	return rc == MS_OK ? walk(v, "", 0, check_older) : rc;
}

enum ms_rc
ms_audit_verify_dir(
    const char *dir, const struct ms_vkey *v, const struct ms_audit_watch *watch, struct ms_audit_result *result, struct ms_err *err)
{
	struct ms_checkpoint c;
	struct ms_err local = {0};
	*result = (struct ms_audit_result){0};
	MS_OWN(verifier_free) struct verifier *w = calloc(1, sizeof *w);
	if (w == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "audit");
	w->dir = dir;
	w->watch = watch;
	w->result = result;
	w->err = err != NULL ? err : &local;
	ms_buf_init(&w->note, MS_NOTE_MAX);
	ms_buf_init(&w->bundle, MS_BUNDLE_BYTES_MAX);
	ms_buf_init(&w->tile, MS_BUNDLE_BYTES_MAX);
	enum ms_rc rc = open_checkpoint(w, v, &c);
	if (rc != MS_OK)
		return rc;
	result->size = w->size = c.size;
	result->root = c.root;
	return check_all(w, &c);
}
