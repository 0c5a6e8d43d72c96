#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

void
ms_fd_close(ms_fd fd)
{
	if (fd >= 0)
		(void)close(fd);
}

enum ms_rc
ms_io_read_exact(int fd, void *p, size_t len, struct ms_err *err)
{
	uint8_t *b = p;
	for (size_t off = 0; off < len;) {
		ssize_t n = read(fd, b + off, len - off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ms_fail(err, MS_ERR_IO, "read: %s", strerror(errno));
		if (n == 0)
			return off == 0 ? ms_fail(err, MS_ERR_UNAVAILABLE, "end of file")
					: ms_fail(err, MS_ERR_MALFORMED, "end of file after %zu of %zu bytes", off, len);
		off += (size_t)n;
	}
	return MS_OK;
}

enum ms_rc
ms_io_write_all(int fd, const void *p, size_t len, struct ms_err *err)
{
	const uint8_t *b = p;
	for (size_t off = 0; off < len;) {
		ssize_t n = write(fd, b + off, len - off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ms_fail(err, MS_ERR_IO, "write: %s", strerror(errno));
		off += (size_t)n;
	}
	return MS_OK;
}

enum ms_rc
ms_io_read_fd(int fd, size_t max, struct ms_buf *out, struct ms_err *err)
{
	uint8_t chunk[16384];
	for (;;) {
		ssize_t n = read(fd, chunk, sizeof chunk);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ms_fail(err, MS_ERR_IO, "read: %s", strerror(errno));
		if (n == 0)
			return ms_buf_check(out, err);
		if ((size_t)n > max - out->len)
			return ms_fail(err, MS_ERR_TOO_BIG, "more than %zu bytes", max);
		ms_buf_put(out, chunk, (size_t)n);
	}
}

static enum ms_rc
open_read(const char *path, ms_fd *ret, struct ms_err *err)
{
	ms_fd fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return ms_fail(err, errno == ENOENT ? MS_ERR_NOT_FOUND : MS_ERR_IO, "%s: %s", path, strerror(errno));
	*ret = fd;
	return MS_OK;
}

enum ms_rc
ms_io_read_file(const char *path, size_t max, struct ms_buf *out, struct ms_err *err)
{
	MS_OWN(ms_fd_close) ms_fd fd = -1;
	enum ms_rc rc = open_read(path, &fd, err);
	if (rc != MS_OK)
		return rc;
	rc = ms_io_read_fd(fd, max, out, err);
	return rc == MS_OK ? rc : ms_prefix(err, rc, "%s", path);
}

enum ms_rc
ms_io_read_secret_file(const char *path, size_t max, struct ms_secret **ret, struct ms_err *err)
{
	MS_OWN(ms_fd_close) ms_fd fd = -1;
	enum ms_rc rc = open_read(path, &fd, err);
	if (rc != MS_OK)
		return rc;
	struct stat st;
	if (fstat(fd, &st) != 0)
		return ms_fail(err, MS_ERR_IO, "%s: %s", path, strerror(errno));
	if (S_ISREG(st.st_mode) && (st.st_mode & 077) != 0)
		return ms_fail(err, MS_ERR_USAGE, "%s: readable by others (mode %03o): chmod 600 it", path, st.st_mode & 0777);
	MS_OWN(ms_secret_free) struct ms_secret *s = NULL;
	rc = ms_secret_new(max + 1, &s, err);
	if (rc != MS_OK)
		return rc;
	size_t len = 0;
	for (;;) {
		ssize_t n = read(fd, ms_secret_bytes(s) + len, max + 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ms_fail(err, MS_ERR_IO, "%s: %s", path, strerror(errno));
		if (n == 0)
			break;
		len += (size_t)n;
		if (len > max)
			return ms_fail(err, MS_ERR_TOO_BIG, "%s: more than %zu bytes", path, max);
	}
	ms_secret_set_len(s, len);
	*ret = s;
	s = NULL;
	return MS_OK;
}

static enum ms_rc
dir_of(const char *path, char out[static PATH_MAX], struct ms_err *err)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
	if (len >= PATH_MAX)
		return ms_fail(err, MS_ERR_USAGE, "%s: path too long", path);
	memcpy(out, path, len);
	out[len] = '\0';
	if (len == 0)
		memcpy(out, ".", 2);
	return MS_OK;
}

enum ms_rc
ms_io_sync_dir(const char *path, struct ms_err *err)
{
	MS_OWN(ms_fd_close) ms_fd fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		return ms_fail(err, MS_ERR_IO, "%s: %s", path, strerror(errno));
	return MS_OK;
}

/* New file at path with the data in it and on disk; on error nothing is left there. */
static enum ms_rc
write_new(const char *path, mode_t mode, struct ms_span data, struct ms_err *err)
{
	MS_OWN(ms_fd_close) ms_fd fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return ms_fail(err, errno == EEXIST ? MS_ERR_CONFLICT : MS_ERR_IO, "%s: %s", path, strerror(errno));
	enum ms_rc rc = ms_io_write_all(fd, data.p, data.len, err);
	if (rc == MS_OK && fsync(fd) != 0)
		rc = ms_fail(err, MS_ERR_IO, "fsync: %s", strerror(errno));
	if (rc != MS_OK) {
		(void)unlink(path);
		return ms_prefix(err, rc, "%s", path);
	}
	return MS_OK;
}

enum ms_rc
ms_io_create_file(const char *path, mode_t mode, struct ms_span data, struct ms_err *err)
{
	char dir[PATH_MAX];
	enum ms_rc rc = dir_of(path, dir, err);
	if (rc == MS_OK)
		rc = write_new(path, mode, data, err);
	return rc == MS_OK ? ms_io_sync_dir(dir, err) : rc;
}

enum ms_rc
ms_io_write_file(const char *path, mode_t mode, struct ms_span data, struct ms_err *err)
{
	char dir[PATH_MAX], temp[PATH_MAX], tag[17];
	uint8_t rnd[8];
	enum ms_rc rc = dir_of(path, dir, err);
	if (rc == MS_OK)
		rc = ms_random(rnd, sizeof rnd, err);
	if (rc != MS_OK)
		return rc;
	ms_hex(rnd, sizeof rnd, tag);
	int n = snprintf(temp, sizeof temp, "%s.%s.tmp", path, tag);
	if (n < 0 || (size_t)n >= sizeof temp)
		return ms_fail(err, MS_ERR_USAGE, "%s: path too long", path);
	rc = write_new(temp, mode, data, err);
	if (rc != MS_OK)
		return rc;
	if (rename(temp, path) != 0) {
		rc = ms_fail(err, MS_ERR_IO, "%s: rename: %s", path, strerror(errno));
		(void)unlink(temp);
		return rc;
	}
	return ms_io_sync_dir(dir, err);
}

enum ms_rc
ms_io_mkdir(const char *path, mode_t mode, struct ms_err *err)
{
	struct stat st;
	if (mkdir(path, mode) == 0)
		return MS_OK;
	if (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return MS_OK;
	return ms_fail(err, MS_ERR_IO, "%s: %s", path, strerror(errno));
}

enum ms_rc
ms_io_set_nonblock(int fd, struct ms_err *err)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
		return ms_fail(err, MS_ERR_IO, "fcntl: %s", strerror(errno));
	return MS_OK;
}

enum ms_rc
ms_random(void *p, size_t len, struct ms_err *err)
{
	uint8_t *b = p;
	for (size_t off = 0; off < len;) {
		ssize_t n = getrandom(b + off, len - off, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return ms_fail(err, MS_ERR_CRYPTO, "random source: %s", strerror(errno));
		off += (size_t)n;
	}
	return MS_OK;
}
