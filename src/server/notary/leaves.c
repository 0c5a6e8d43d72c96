#include "server/notary/leaves.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"

#define READ_LEAVES 2048u /* at once */

struct ms_leaves {
	ms_fd fd;
	struct ms_frontier f;
};

void
ms_leaves_free(struct ms_leaves *l)
{
	if (l == NULL)
		return;
	ms_fd_close(l->fd);
	free(l);
}

const struct ms_frontier *
ms_leaves_frontier(const struct ms_leaves *l)
{
	return &l->f;
}

static enum ms_rc
fail_io(struct ms_err *err, const char *what)
{
	return ms_fail(err, MS_ERR_IO, "leaf file: %s: %s", what, strerror(errno));
}

/* Cut to whole leaves, durably: what a torn write left is gone before anything is built on top of it. */
static enum ms_rc
cut(int fd, uint64_t leaves, struct ms_err *err)
{
	if (ftruncate(fd, (off_t)(leaves * MS_NODE_LEN)) != 0)
		return fail_io(err, "truncate");
	return fsync(fd) == 0 ? MS_OK : fail_io(err, "sync");
}

static enum ms_rc
read_leaves(struct ms_leaves *l, uint64_t n, ms_leaves_seen_fn seen, void *ctx, struct ms_err *err)
{
	enum ms_rc rc = seen != NULL ? seen(ctx, &l->f, err) : MS_OK;
	struct ms_node *chunk = malloc(READ_LEAVES * sizeof *chunk);
	if (rc == MS_OK && chunk == NULL)
		rc = ms_fail(err, MS_ERR_NOMEM, "leaf file");
	while (rc == MS_OK && l->f.size < n) {
		size_t want = n - l->f.size < READ_LEAVES ? (size_t)(n - l->f.size) : READ_LEAVES;
		rc = ms_io_read_exact(l->fd, chunk, want * sizeof *chunk, err);
		for (size_t i = 0; rc == MS_OK && i < want; i++) {
			rc = ms_frontier_append(&l->f, &chunk[i], err);
			if (rc == MS_OK && seen != NULL)
				rc = seen(ctx, &l->f, err);
		}
	}
	free(chunk);
	return rc;
}

static enum ms_rc
open_file(const char *dir, ms_fd *ret, struct ms_err *err)
{
	char path[4096];
	int n = snprintf(path, sizeof path, "%s/leaves", dir);
	if (n < 0 || (size_t)n >= sizeof path)
		return ms_fail(err, MS_ERR_USAGE, "leaf file: path too long");
	ms_fd fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fail_io(err, path);
	*ret = fd;
	return ms_io_sync_dir(dir, err); /* its name is durable before its content counts */
}

enum ms_rc
ms_leaves_open(const char *dir, ms_leaves_seen_fn seen, void *ctx, struct ms_leaves **ret, struct ms_err *err)
{
	struct stat st;
	MS_OWN(ms_leaves_free) struct ms_leaves *l = calloc(1, sizeof *l);
	if (l == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "leaf file");
	l->fd = -1;
	ms_frontier_init(&l->f);
	enum ms_rc rc = open_file(dir, &l->fd, err);
	if (rc != MS_OK)
		return rc;
	if (flock(l->fd, LOCK_EX | LOCK_NB) != 0)
		return ms_fail(err, MS_ERR_CONFLICT, "leaf file: another process has it");
	if (fstat(l->fd, &st) != 0)
		return fail_io(err, "stat");
	if (!S_ISREG(st.st_mode) || st.st_size < 0)
		return ms_fail(err, MS_ERR_IO, "leaf file: not a regular file");
	uint64_t whole = (uint64_t)st.st_size / MS_NODE_LEN;
	if ((uint64_t)st.st_size % MS_NODE_LEN != 0)
		rc = cut(l->fd, whole, err);
	if (rc == MS_OK)
		rc = read_leaves(l, whole, seen, ctx, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "%s", dir);
	*ret = l;
	l = NULL;
	return MS_OK;
}

static enum ms_rc
write_leaves(struct ms_leaves *l, const struct ms_node *leaves, size_t n, struct ms_err *err)
{
	const uint8_t *p = (const uint8_t *)leaves;
	size_t len = n * MS_NODE_LEN;
	off_t at = (off_t)(l->f.size * MS_NODE_LEN);
	while (len > 0) {
		ssize_t done = pwrite(l->fd, p, len, at);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return fail_io(err, "write");
		p += done;
		at += done;
		len -= (size_t)done;
	}
	return fdatasync(l->fd) == 0 ? MS_OK : fail_io(err, "sync");
}

enum ms_rc
ms_leaves_append(struct ms_leaves *l, const struct ms_node *leaves, size_t n, struct ms_batch *batch, struct ms_err *err)
{
	_Static_assert(sizeof(struct ms_node) == MS_NODE_LEN, "leaves in a row");
	struct ms_frontier next = l->f;
	struct ms_err why = {0};
	enum ms_rc rc = ms_frontier_append_batch(&next, leaves, n, batch, err);
	if (rc == MS_OK)
		rc = write_leaves(l, leaves, n, err);
	if (rc == MS_OK) {
		l->f = next;
		return MS_OK;
	}
	if (cut(l->fd, l->f.size, &why) != MS_OK)
		return ms_fail(err, MS_ERR_INTERNAL, "%s, after a failed append", why.text);
	return rc;
}
