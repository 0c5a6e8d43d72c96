#include "audit/export.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "audit/tiles.h"
#include "base/io.h"

#define DIR_DEPTH_MAX 12u

struct row {
	size_t n;
	struct ms_node node[MS_TILE_WIDTH];
	/* The tile whose partial forms go once the checkpoint is written: the first that became full since the last commit. */
	bool filled;
	uint64_t filled_index;
};
struct ms_export {
	char dir[PATH_MAX - 256];
	ms_fd lock;
	uint64_t committed; /* size of the checkpoint that is there */
	struct ms_frontier frontier;
	struct ms_buf bundle; /* entries since the last full bundle */
	struct ms_buf file;   /* for comparing */
	struct row row[MS_TILE_LEVELS];
};

/* Make the directories of rel below dir; each new one is on disk before it is used. */
static enum ms_rc
make_dirs(const struct ms_export *e, const char *rel, struct ms_err *err)
{
	char path[PATH_MAX], parent[PATH_MAX];
	struct stat st;
	enum ms_rc rc = ms_tiles_join(e->dir, rel, path, sizeof path, err);
	if (rc != MS_OK)
		return rc;
	for (char *slash = strchr(path + strlen(e->dir) + 1, '/'); slash != NULL && rc == MS_OK; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (stat(path, &st) != 0) {
			memcpy(parent, path, sizeof parent);
			*strrchr(parent, '/') = '\0';
			rc = ms_io_mkdir(path, 0755, err);
			if (rc == MS_OK)
				rc = ms_io_sync_dir(parent, err);
		}
		*slash = '/';
	}
	return rc;
}

/* A file that never changes: there already with these bytes, or written now. */
static enum ms_rc
put_file(struct ms_export *e, const struct ms_tile *t, struct ms_span data, struct ms_err *err)
{
	char rel[MS_TILE_PATH_MAX], path[PATH_MAX];
	ms_tile_path(t, rel);
	enum ms_rc rc = ms_tile_read(e->dir, t, &e->file, err);
	if (rc == MS_OK && ms_span_eq(ms_buf_span(&e->file), data))
		return MS_OK;
	if (rc == MS_OK || rc == MS_ERR_MALFORMED || rc == MS_ERR_TOO_BIG)
		return ms_fail(err, MS_ERR_CONFLICT, "%s: is there with other content", rel);
	if (rc != MS_ERR_NOT_FOUND)
		return rc;
	rc = make_dirs(e, rel, err);
	if (rc == MS_OK)
		rc = ms_tiles_join(e->dir, rel, path, sizeof path, err);
	return rc == MS_OK ? ms_io_write_file(path, 0644, data, err) : rc;
}

static struct ms_span
row_bytes(const struct row *r)
{
	return ms_span(r->node, r->n * sizeof *r->node);
}

/* Remove what an interrupted write left behind. */
static enum ms_rc
sweep(const char *path, unsigned depth, struct ms_err *err)
{
	DIR *d = opendir(path);
	if (d == NULL)
		return ms_fail(err, MS_ERR_IO, "%s: %s", path, strerror(errno));
	enum ms_rc rc = MS_OK;
	for (struct dirent *de; rc == MS_OK && (de = readdir(d)) != NULL;) {
		char sub[PATH_MAX];
		size_t len = strlen(de->d_name);
		if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
			continue;
		rc = ms_tiles_join(path, de->d_name, sub, sizeof sub, err);
		if (rc != MS_OK)
			break;
		struct stat st;
		if (lstat(sub, &st) != 0)
			continue;
		if (S_ISDIR(st.st_mode) && depth < DIR_DEPTH_MAX)
			rc = sweep(sub, depth + 1, err);
		else if (S_ISREG(st.st_mode) && len > 4 && strcmp(de->d_name + len - 4, ".tmp") == 0 && unlink(sub) != 0)
			rc = ms_fail(err, MS_ERR_IO, "%s: %s", sub, strerror(errno));
	}
	(void)closedir(d);
	return rc;
}

/* Size of the log that the directory's checkpoint tells of; 0 without one. */
static enum ms_rc
read_size(struct ms_export *e, uint64_t *ret, struct ms_err *err)
{
	char path[PATH_MAX];
	struct ms_note_raw note;
	struct ms_checkpoint c;
	enum ms_rc rc = ms_tiles_join(e->dir, "checkpoint", path, sizeof path, err);
	ms_buf_reset(&e->file);
	if (rc == MS_OK)
		rc = ms_io_read_file(path, MS_NOTE_MAX, &e->file, err);
	if (rc == MS_ERR_NOT_FOUND) {
		*ret = 0;
		return MS_OK;
	}
	if (rc == MS_OK)
		rc = ms_note_parse(ms_buf_span(&e->file), &note, err);
	if (rc == MS_OK)
		rc = ms_checkpoint_parse(note.text, &c, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "%s", path);
	*ret = c.size;
	return MS_OK;
}

/* The roots of the full subtrees that the last, partial tile of a level stands for. */
static void
frontier_from_row(struct ms_frontier *f, unsigned level, const struct row *r)
{
	size_t at = 0;
	for (unsigned bit = 8; bit-- > 0;) {
		size_t n = (size_t)1 << bit;
		if ((r->n & n) == 0 || 8 * level + bit >= 63)
			continue;
		ms_row_root(r->node + at, n, &f->node[8 * level + bit]);
		at += n;
	}
}

static enum ms_rc
resume(struct ms_export *e, struct ms_err *err)
{
	enum ms_rc rc = read_size(e, &e->committed, err);
	e->frontier.size = e->committed / MS_TILE_WIDTH * MS_TILE_WIDTH;
	for (unsigned level = 1; level < MS_TILE_LEVELS && rc == MS_OK; level++) {
		struct row *r = &e->row[level];
		uint64_t count = e->frontier.size >> (8 * level);
		struct ms_tile t = {.level = level, .index = count / MS_TILE_WIDTH, .width = (unsigned)(count % MS_TILE_WIDTH)};
		if (t.width == 0)
			continue;
		rc = ms_tile_read(e->dir, &t, &e->file, err);
		if (rc != MS_OK)
			return ms_prefix(err, rc, "the export cannot be continued");
		r->n = t.width;
		memcpy(r->node, e->file.p, e->file.len);
		frontier_from_row(&e->frontier, level, r);
	}
	return rc;
}

enum ms_rc
ms_export_open(const char *dir, struct ms_export **ret, struct ms_err *err)
{
	MS_OWN(ms_export_free) struct ms_export *e = calloc(1, sizeof *e);
	if (e == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "export");
	e->lock = -1;
	ms_buf_init(&e->bundle, MS_BUNDLE_BYTES_MAX);
	ms_buf_init(&e->file, MS_BUNDLE_BYTES_MAX);
	if (dir[0] == '\0' || strlen(dir) >= sizeof e->dir)
		return ms_fail(err, MS_ERR_USAGE, "%s: not a usable path", dir);
	memcpy(e->dir, dir, strlen(dir));
	enum ms_rc rc = ms_io_mkdir(dir, 0755, err);
	if (rc != MS_OK)
		return rc;
	e->lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (e->lock < 0)
		return ms_fail(err, MS_ERR_IO, "%s: %s", dir, strerror(errno));
	if (flock(e->lock, LOCK_EX | LOCK_NB) != 0)
		return ms_fail(err, errno == EWOULDBLOCK ? MS_ERR_CONFLICT : MS_ERR_IO, "%s: another export writes to it", dir);
	rc = sweep(dir, 0, err);
	if (rc == MS_OK)
		rc = resume(e, err);
	if (rc != MS_OK)
		return rc;
	*ret = e;
	e = NULL;
	return MS_OK;
}

void
ms_export_free(struct ms_export *e)
{
	if (e == NULL)
		return;
	ms_fd_close(e->lock);
	ms_buf_fini(&e->bundle);
	ms_buf_fini(&e->file);
	free(e);
}

uint64_t
ms_export_next(const struct ms_export *e)
{
	return e->frontier.size;
}

/* The row of this level is full: write it, and carry its root up. */
static enum ms_rc
flush_row(struct ms_export *e, unsigned level, struct ms_err *err)
{
	for (; level < MS_TILE_LEVELS && e->row[level].n == MS_TILE_WIDTH; level++) {
		struct row *r = &e->row[level];
		struct ms_tile t = {.level = level, .index = (e->frontier.size >> (8 * level)) / MS_TILE_WIDTH - 1, .width = MS_TILE_WIDTH};
		enum ms_rc rc = put_file(e, &t, row_bytes(r), err);
		if (rc != MS_OK)
			return rc;
		if (!r->filled)
			r->filled_index = t.index;
		r->filled = true;
		r->n = 0;
		if (level + 1 < MS_TILE_LEVELS)
			ms_row_root(r->node, MS_TILE_WIDTH, &e->row[level + 1].node[e->row[level + 1].n++]);
	}
	return MS_OK;
}

enum ms_rc
ms_export_append(struct ms_export *e, struct ms_span entry, struct ms_err *err)
{
	struct row *r = &e->row[0];
	if (entry.len > MS_BUNDLE_ENTRY_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "an entry of %zu bytes", entry.len);
	ms_bundle_put(&e->bundle, entry);
	enum ms_rc rc = ms_buf_check(&e->bundle, err);
	if (rc != MS_OK)
		return rc;
	ms_merkle_leaf(entry, &r->node[r->n]);
	rc = ms_frontier_append(&e->frontier, &r->node[r->n], err);
	if (rc != MS_OK)
		return rc;
	if (++r->n < MS_TILE_WIDTH)
		return MS_OK;
	struct ms_tile t = {.level = MS_TILE_ENTRIES, .index = e->frontier.size / MS_TILE_WIDTH - 1, .width = MS_TILE_WIDTH};
	rc = put_file(e, &t, ms_buf_span(&e->bundle), err);
	if (rc != MS_OK)
		return rc;
	ms_buf_reset(&e->bundle);
	return flush_row(e, 0, err);
}

/* The partial forms of a tile that is full now and promised by the checkpoint. Best effort: what stays is still true. */
static void
remove_partials(const struct ms_export *e, unsigned level, uint64_t index)
{
	char rel[MS_TILE_PATH_MAX], path[PATH_MAX];
	struct ms_tile t = {.level = level, .index = index};
	for (t.width = 1; t.width < MS_TILE_WIDTH; t.width++) {
		ms_tile_path(&t, rel);
		if (ms_tiles_join(e->dir, rel, path, sizeof path, NULL) != MS_OK)
			return;
		(void)unlink(path);
	}
	*strrchr(path, '/') = '\0';
	(void)rmdir(path);
}

static void
remove_all_partials(struct ms_export *e)
{
	for (unsigned level = 0; level < MS_TILE_LEVELS; level++) {
		struct row *r = &e->row[level];
		if (!r->filled)
			continue;
		remove_partials(e, level, r->filled_index);
		if (level == 0)
			remove_partials(e, MS_TILE_ENTRIES, r->filled_index);
		r->filled = false;
	}
}

static enum ms_rc
put_partials(struct ms_export *e, struct ms_err *err)
{
	enum ms_rc rc = MS_OK;
	for (unsigned level = 0; level < MS_TILE_LEVELS && rc == MS_OK; level++) {
		const struct row *r = &e->row[level];
		struct ms_tile t = {.level = level, .index = (e->frontier.size >> (8 * level)) / MS_TILE_WIDTH, .width = (unsigned)r->n};
		if (r->n == 0)
			continue;
		rc = put_file(e, &t, row_bytes(r), err);
		t.level = MS_TILE_ENTRIES;
		if (rc == MS_OK && level == 0)
			rc = put_file(e, &t, ms_buf_span(&e->bundle), err);
	}
	return rc;
}

/* Is it the checkpoint of just these entries, and no step back? */
static enum ms_rc
check_checkpoint(const struct ms_export *e, struct ms_span note, struct ms_err *err)
{
	struct ms_note_raw raw;
	struct ms_checkpoint c;
	struct ms_node root;
	enum ms_rc rc = ms_note_parse(note, &raw, err);
	if (rc == MS_OK)
		rc = ms_checkpoint_parse(raw.text, &c, err);
	if (rc != MS_OK)
		return rc;
	ms_frontier_root(&e->frontier, &root);
	if (c.size != e->frontier.size || !ms_node_eq(&root, &c.root))
		return ms_fail(err, MS_ERR_CONFLICT, "the checkpoint of %llu entries is not of the %llu given", (unsigned long long)c.size,
		    (unsigned long long)e->frontier.size);
	if (c.size < e->committed)
		return ms_fail(err, MS_ERR_CONFLICT, "the export has %llu entries already", (unsigned long long)e->committed);
	return MS_OK;
}

enum ms_rc
ms_export_commit(struct ms_export *e, struct ms_span checkpoint, struct ms_err *err)
{
	char path[PATH_MAX];
	enum ms_rc rc = check_checkpoint(e, checkpoint, err);
	if (rc == MS_OK)
		rc = put_partials(e, err);
	if (rc == MS_OK)
		rc = ms_tiles_join(e->dir, "checkpoint", path, sizeof path, err);
	if (rc == MS_OK)
		rc = ms_io_write_file(path, 0644, checkpoint, err);
	if (rc != MS_OK)
		return rc;
	e->committed = e->frontier.size;
	remove_all_partials(e);
	return MS_OK;
}
