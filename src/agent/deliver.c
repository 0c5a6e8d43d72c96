#include "agent/deliver.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/io.h"

#define MOUNTINFO_MAX (1u << 20)
#define TEMPORARY_LEN 32u

/* The last words of a line of mountinfo are the options of the file system: is `noswap` one of them? */
static bool
line_has_noswap(const char *line, size_t len)
{
	static const char word[] = "noswap";
	const char *end = line + len, *p = end;
	while (p > line && p[-1] != ' ')
		p--;
	while (p < end) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		size_t n = (size_t)((comma != NULL ? comma : end) - p);
		if (n == sizeof word - 1 && memcmp(p, word, n) == 0)
			return true;
		p += n + 1;
	}
	return false;
}

/* Is the mount with this number, a tmpfs, mounted noswap? No on any doubt. */
static bool
mount_has_noswap(uint64_t mount_id)
{
	struct ms_buf b;
	char want[24];
	bool found = false;
	int n = snprintf(want, sizeof want, "%llu ", (unsigned long long)mount_id);
	ms_buf_init(&b, MOUNTINFO_MAX);
	if (ms_io_read_file("/proc/self/mountinfo", MOUNTINFO_MAX, &b, NULL) == MS_OK) {
		const char *p = (const char *)b.p, *end = p + b.len;
		while (!found && p != NULL && p < end) {
			const char *nl = memchr(p, '\n', (size_t)(end - p));
			size_t len = (size_t)((nl != NULL ? nl : end) - p);
			found = len > (size_t)n && memcmp(p, want, (size_t)n) == 0 && line_has_noswap(p, len);
			p = nl == NULL ? NULL : nl + 1;
		}
	}
	ms_buf_fini(&b);
	return found;
}

static enum ms_rc
check_memory(int dir, const char *name, struct ms_err *err)
{
	struct statfs fs;
	struct statx sx;
	if (fstatfs(dir, &fs) != 0)
		return ms_fail(err, MS_ERR_IO, "%s: %s", name, strerror(errno));
	if (fs.f_type == RAMFS_MAGIC)
		return MS_OK;
	if (fs.f_type == TMPFS_MAGIC && statx(dir, "", AT_EMPTY_PATH, STATX_MNT_ID, &sx) == 0 && (sx.stx_mask & STATX_MNT_ID) != 0 &&
	    mount_has_noswap(sx.stx_mnt_id))
		return MS_OK;
	return ms_fail(err, MS_ERR_DENIED,
	    "%s is on a disk, or on memory that may be swapped to one: a secret is not written there. Mount memory that stays: mkdir -p %s "
	    "&& "
	    "mount -t ramfs -o mode=0700 ramfs %s",
	    name, name, name);
}

static enum ms_rc
fail_errno(struct ms_err *err, const char *what)
{
	return ms_fail(err, errno == ENOENT ? MS_ERR_NOT_FOUND : MS_ERR_IO, "%s: %s", what, strerror(errno));
}

/* In a directory that was checked: new file, then a rename over the old one. */
static enum ms_rc
write_at(int dir, const char *name, const struct ms_secret *value, struct ms_err *err)
{
	uint8_t random[8];
	char temporary[TEMPORARY_LEN] = ".secret-";
	enum ms_rc rc = ms_random(random, sizeof random, err);
	if (rc != MS_OK)
		return rc;
	ms_hex(random, sizeof random, temporary + strlen(temporary));
	MS_OWN(ms_fd_close) ms_fd fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400);
	if (fd < 0)
		return fail_errno(err, name);
	rc = ms_io_write_all(fd, ms_secret_peek(value), ms_secret_len(value), err);
	if (rc == MS_OK && renameat(dir, temporary, dir, name) != 0)
		rc = fail_errno(err, name);
	if (rc != MS_OK)
		(void)unlinkat(dir, temporary, 0);
	return rc;
}

enum ms_rc
ms_deliver_file(const char *path, const struct ms_secret *value, struct ms_err *err)
{
	char dir_name[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t len = slash == NULL ? 0 : (size_t)(slash - path);
	if (strlen(path) >= sizeof dir_name || path[0] == '\0' || path[strlen(path) - 1] == '/')
		return ms_fail(err, MS_ERR_USAGE, "%s: not the name of a file", path);
	if (slash == NULL)
		memcpy(dir_name, ".", 2);
	else if (len == 0)
		memcpy(dir_name, "/", 2);
	else
		(void)snprintf(dir_name, sizeof dir_name, "%.*s", (int)len, path);
	MS_OWN(ms_fd_close) ms_fd dir = open(dir_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return fail_errno(err, dir_name);
	enum ms_rc rc = check_memory(dir, dir_name, err);
	return rc == MS_OK ? write_at(dir, slash == NULL ? path : slash + 1, value, err) : rc;
}

/* The directories of the secret's path, one by one and never through a link. */
static enum ms_rc
enter(int *dir, const char *name, struct ms_err *err)
{
	if (mkdirat(*dir, name, 0700) != 0 && errno != EEXIST)
		return fail_errno(err, name);
	int next = openat(*dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (next < 0)
		return fail_errno(err, name);
	ms_fd_close(*dir);
	*dir = next;
	return MS_OK;
}

enum ms_rc
ms_deliver_below(const char *dir, struct ms_span path, const struct ms_secret *value, char *out, size_t out_cap, struct ms_err *err)
{
	char names[512];
	if (path.len == 0 || path.len >= sizeof names)
		return ms_fail(err, MS_ERR_USAGE, "not the path of a secret");
	memcpy(names, path.p, path.len);
	names[path.len] = '\0';
	int n = snprintf(out, out_cap, "%s/%s", dir, names);
	if (n < 0 || (size_t)n >= out_cap)
		return ms_fail(err, MS_ERR_USAGE, "--dir: the path is too long");
	MS_OWN(ms_fd_close) ms_fd at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (at < 0 && errno == ENOENT)
		return ms_fail(
		    err, MS_ERR_NOT_FOUND, "%s is not there: mkdir -p %s && mount -t ramfs -o mode=0700 ramfs %s", dir, dir, dir);
	if (at < 0)
		return fail_errno(err, dir);
	enum ms_rc rc = check_memory(at, dir, err);
	char *name = names;
	for (char *slash; rc == MS_OK && (slash = strchr(name, '/')) != NULL; name = slash + 1) {
		*slash = '\0';
		rc = enter(&at, name, err);
	}
	if (rc == MS_OK)
		rc = check_memory(at, out, err);
	return rc == MS_OK ? write_at(at, name, value, err) : rc;
}

enum ms_rc
ms_deliver_stdout(const struct ms_secret *value, struct ms_err *err)
{
	if (isatty(STDOUT_FILENO) != 0)
		return ms_fail(err, MS_ERR_USAGE, "--stdout: standard output is a terminal: a secret is not shown there");
	return ms_io_write_all(STDOUT_FILENO, ms_secret_peek(value), ms_secret_len(value), err);
}
