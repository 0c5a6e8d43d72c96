/* LD_PRELOAD shim, test only: files under $DROPSHIM_DIR become files whose unsynced changes a crash can take back.
 * Each change first appends its undo record (the bytes that were there) to $DROPSHIM_JOURNAL/<n>.undo, one journal for
 * each inode; fsync or fdatasync of the file drops that inode's records. New, removed and renamed names are undone until
 * the directory is synced. tests/support/dropcrash applies the undo after kill -9. Memory maps are not followed: SQLite's
 * -shm needs no undo, it is removed by the crash. With $DROPSHIM_LIES set no sync counts: what a program without fsync, or a
 * disk that lies, would lose.
 *
 * Record, little-endian: magic u32 | op u32 | offset u64 | old size u64 | length u32 | name length u32 | name | bytes. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "muster/compiler.h"

#define MAGIC 0x44524f50u
enum op { OP_WRITE = 1, OP_SIZE, OP_CREATE, OP_UNLINK, OP_RENAME, OP_LINK };
#define PATH_LEN 4096u

struct record {
	uint32_t magic, op;
	uint64_t offset, old_size;
	uint32_t len, name_len;
};

static const char *dir, *journal;
static bool lies;
static size_t dir_len;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static __thread bool inside; /* our own calls are not followed */

#define REAL(ret, name, args) \
	static ret(*real) args; \
	if (real == NULL) \
	real = (ret(*) args)dlsym(RTLD_NEXT, name)

MS_CONSTRUCTOR static void
start(void)
{
	dir = getenv("DROPSHIM_DIR");
	journal = getenv("DROPSHIM_JOURNAL");
	lies = getenv("DROPSHIM_LIES") != NULL;
	if (journal == NULL)
		dir = NULL;
	dir_len = dir == NULL ? 0 : strlen(dir);
}

static void
broken(const char *what)
{
	char text[256];
	int n = snprintf(text, sizeof text, "dropshim: %s: %s\n", what, strerror(errno));
	(void)!write(2, text, (size_t)n);
	_exit(99);
}

static bool
is_inside(const char *path)
{
	return dir != NULL && strncmp(path, dir, dir_len) == 0 && (path[dir_len] == '/' || path[dir_len] == '\0');
}

/* The path as the kernel sees it, its last part not followed. */
static bool
full_path(int at, const char *path, char out[static PATH_LEN])
{
	char link[64], base[PATH_LEN];
	if (dir == NULL)
		return false;
	if (path[0] == '/') {
		(void)snprintf(out, PATH_LEN, "%s", path);
		return is_inside(out);
	}
	if (at == AT_FDCWD) {
		if (getcwd(base, sizeof base) == NULL)
			return false;
	} else {
		(void)snprintf(link, sizeof link, "/proc/self/fd/%d", at);
		ssize_t n = readlink(link, base, sizeof base - 1);
		if (n < 0)
			return false;
		base[n] = '\0';
	}
	int n = snprintf(out, PATH_LEN, "%s/%s", base, path);
	return n > 0 && (size_t)n < PATH_LEN && is_inside(out);
}

/* A file of ours that is not SQLite's shared memory. */
static bool
tracked(int fd, struct stat *st, char path[static PATH_LEN])
{
	char link[64];
	if (dir == NULL || inside || fstat(fd, st) != 0 || (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode)))
		return false;
	(void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, PATH_LEN - 1);
	if (n < 0)
		return false;
	path[n] = '\0';
	if (n > 10 && strcmp(path + n - 10, " (deleted)") == 0)
		return false;
	return is_inside(path) && (n < 4 || strcmp(path + n - 4, "-shm") != 0);
}

static void
journal_name(const struct stat *st, char out[static PATH_LEN])
{
	(void)snprintf(out, PATH_LEN, "%s/%llu.undo", journal, (unsigned long long)st->st_ino);
}

/* One whole record by one write, so that kill -9 leaves it there or not at all. */
static void
append(const struct stat *st, struct record *r, const char *name, const void *bytes)
{
	char path[PATH_LEN];
	journal_name(st, path);
	r->magic = MAGIC;
	r->name_len = (uint32_t)strlen(name);
	bool was = inside;
	inside = true;
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	struct iovec v[3] = {{r, sizeof *r}, {(void *)(uintptr_t)name, r->name_len}, {(void *)(uintptr_t)bytes, r->len}};
	if (fd < 0 || writev(fd, v, 3) != (ssize_t)(sizeof *r + r->name_len + r->len))
		broken(path);
	(void)close(fd);
	inside = was;
}

static void
forget(const struct stat *st)
{
	char path[PATH_LEN];
	journal_name(st, path);
	REAL(int, "unlink", (const char *));
	if (real(path) != 0 && errno != ENOENT)
		broken(path);
}

/* Bytes [off, off + len) of fd are about to change. */
static void
before_write(int fd, uint64_t off, size_t len)
{
	struct stat st;
	char path[PATH_LEN];
	int e = errno;
	if (!tracked(fd, &st, path)) {
		errno = e;
		return;
	}
	uint64_t size = (uint64_t)st.st_size;
	struct record r = {.op = OP_WRITE, .offset = off, .old_size = size};
	r.len = off >= size ? 0 : (uint32_t)(size - off < len ? size - off : len);
	uint8_t *old = malloc(r.len + 1u);
	char link[64];
	(void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd); /* it may be open for writing only */
	bool was = inside;
	inside = true;
	int rd = open(link, O_RDONLY | O_CLOEXEC);
	if (old == NULL || rd < 0 || pread(rd, old, r.len, (off_t)off) != (ssize_t)r.len)
		broken("pre-image");
	(void)close(rd);
	inside = was;
	append(&st, &r, path, old);
	free(old);
	errno = e;
}

static uint64_t
position(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat st;
	if (flags >= 0 && (flags & O_APPEND) != 0 && fstat(fd, &st) == 0)
		return (uint64_t)st.st_size;
	off_t off = lseek(fd, 0, SEEK_CUR);
	return off < 0 ? 0 : (uint64_t)off;
}

ssize_t
write(int fd, const void *p, size_t n)
{
	REAL(ssize_t, "write", (int, const void *, size_t));
	if (dir == NULL || inside)
		return real(fd, p, n);
	ssize_t got;
	(void)pthread_mutex_lock(&lock);
	before_write(fd, position(fd), n);
	got = real(fd, p, n);
	(void)pthread_mutex_unlock(&lock);
	return got;
}

ssize_t
writev(int fd, const struct iovec *v, int n)
{
	REAL(ssize_t, "writev", (int, const struct iovec *, int));
	if (dir == NULL || inside)
		return real(fd, v, n);
	size_t len = 0;
	for (int i = 0; i < n; i++)
		len += v[i].iov_len;
	ssize_t got;
	(void)pthread_mutex_lock(&lock);
	before_write(fd, position(fd), len);
	got = real(fd, v, n);
	(void)pthread_mutex_unlock(&lock);
	return got;
}

static ssize_t
do_pwrite(const char *name, int fd, const void *p, size_t n, off_t off)
{
	ssize_t (*real)(int, const void *, size_t, off_t) = (ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, name);
	if (dir == NULL || inside)
		return real(fd, p, n, off);
	ssize_t got;
	(void)pthread_mutex_lock(&lock);
	before_write(fd, (uint64_t)off, n);
	got = real(fd, p, n, off);
	(void)pthread_mutex_unlock(&lock);
	return got;
}

/* Both names, whatever the width of off_t: the symbols are what the program links to. */
ssize_t shim_pwrite(int fd, const void *p, size_t n, off_t off) __asm__("pwrite");
ssize_t shim_pwrite64(int fd, const void *p, size_t n, off_t off) __asm__("pwrite64");
int shim_ftruncate(int fd, off_t size) __asm__("ftruncate");
int shim_ftruncate64(int fd, off_t size) __asm__("ftruncate64");
int shim_open(const char *path, int flags, ...) __asm__("open");
int shim_open64(const char *path, int flags, ...) __asm__("open64");
int shim_openat(int at, const char *path, int flags, ...) __asm__("openat");
int shim_openat64(int at, const char *path, int flags, ...) __asm__("openat64");

ssize_t
shim_pwrite(int fd, const void *p, size_t n, off_t off)
{
	return do_pwrite("pwrite", fd, p, n, off);
}

ssize_t
shim_pwrite64(int fd, const void *p, size_t n, off_t off)
{
	return do_pwrite("pwrite64", fd, p, n, off);
}

static int
do_ftruncate(const char *name, int fd, off_t size)
{
	int (*real)(int, off_t) = (int (*)(int, off_t))dlsym(RTLD_NEXT, name);
	struct stat st;
	if (dir == NULL || inside || fstat(fd, &st) != 0)
		return real(fd, size);
	int rc;
	(void)pthread_mutex_lock(&lock);
	before_write(fd, (uint64_t)size, size < st.st_size ? (size_t)(st.st_size - size) : 0);
	rc = real(fd, size);
	(void)pthread_mutex_unlock(&lock);
	return rc;
}

int
shim_ftruncate(int fd, off_t size)
{
	return do_ftruncate("ftruncate", fd, size);
}

int
shim_ftruncate64(int fd, off_t size)
{
	return do_ftruncate("ftruncate64", fd, size);
}

static bool
parent_stat(const char *path, struct stat *st)
{
	char parent[PATH_LEN];
	(void)snprintf(parent, sizeof parent, "%s", path);
	char *slash = strrchr(parent, '/');
	if (slash == NULL)
		return false;
	*slash = '\0';
	return stat(parent, st) == 0;
}

static bool
ends_with(const char *s, const char *tail)
{
	size_t n = strlen(s), t = strlen(tail);
	return n >= t && strcmp(s + n - t, tail) == 0;
}

/* A change of a name is a record of its directory. `other` is what the undo needs: a saved copy's name. */
static void
name_change(enum op op, const char *path, const char *other)
{
	struct stat st;
	if (ends_with(path, "-shm") || !parent_stat(path, &st))
		return;
	struct record r = {.op = op, .len = (uint32_t)strlen(other)};
	append(&st, &r, path, other);
}

/* Keep a removed or replaced file's inode by a second name in the journal's directory (same file system). */
static void
keep(const char *path, char out[static PATH_LEN])
{
	static unsigned n;
	int (*real)(const char *, const char *) = (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "link");
	(void)snprintf(out, PATH_LEN, "%s/kept-%d-%u", journal, (int)getpid(), n++);
	if (real(path, out) != 0)
		out[0] = '\0'; /* there was none */
}

static int
do_open(int at, const char *path, int flags, mode_t mode)
{
	int (*real)(int, const char *, int, ...) = (int (*)(int, const char *, int, ...))dlsym(RTLD_NEXT, "openat");
	char full[PATH_LEN];
	struct stat st;
	if (inside || (flags & (O_CREAT | O_TRUNC)) == 0 || (flags & O_TMPFILE) == O_TMPFILE || !full_path(at, path, full))
		return real(at, path, flags, mode);
	(void)pthread_mutex_lock(&lock);
	bool existed = lstat(full, &st) == 0;
	int fd = real(at, path, flags & ~O_TRUNC, mode);
	if (fd >= 0 && !existed)
		name_change(OP_CREATE, full, "");
	(void)pthread_mutex_unlock(&lock);
	if (fd >= 0 && existed && (flags & O_TRUNC) != 0 && ftruncate(fd, 0) != 0)
		broken("truncate at open");
	return fd;
}

#define MODE_OF(flags, last) \
	mode_t mode = 0; \
	if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE) { \
		va_list ap; \
		va_start(ap, last); \
		mode = va_arg(ap, mode_t); \
		va_end(ap); \
	}

int
shim_open(const char *path, int flags, ...)
{
	MODE_OF(flags, flags)
	return do_open(AT_FDCWD, path, flags, mode);
}

int
shim_open64(const char *path, int flags, ...)
{
	MODE_OF(flags, flags)
	return do_open(AT_FDCWD, path, flags, mode);
}

int
shim_openat(int at, const char *path, int flags, ...)
{
	MODE_OF(flags, flags)
	return do_open(at, path, flags, mode);
}

int
shim_openat64(int at, const char *path, int flags, ...)
{
	MODE_OF(flags, flags)
	return do_open(at, path, flags, mode);
}

int
unlinkat(int at, const char *path, int flags)
{
	REAL(int, "unlinkat", (int, const char *, int));
	char full[PATH_LEN], kept[PATH_LEN];
	if (inside || (flags & AT_REMOVEDIR) != 0 || !full_path(at, path, full))
		return real(at, path, flags);
	(void)pthread_mutex_lock(&lock);
	keep(full, kept);
	if (kept[0] != '\0')
		name_change(OP_UNLINK, full, kept);
	int rc = real(at, path, flags);
	(void)pthread_mutex_unlock(&lock);
	return rc;
}

int
unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

int
renameat2(int at, const char *from, int to_at, const char *to, unsigned flags)
{
	REAL(int, "renameat2", (int, const char *, int, const char *, unsigned));
	char a[PATH_LEN], b[PATH_LEN], kept[PATH_LEN], both[2 * PATH_LEN];
	if (inside || !full_path(at, from, a) || !full_path(to_at, to, b))
		return real(at, from, to_at, to, flags);
	(void)pthread_mutex_lock(&lock);
	keep(b, kept);
	(void)snprintf(both, sizeof both, "%s\n%s", a, kept);
	int rc = real(at, from, to_at, to, flags);
	if (rc == 0)
		name_change(OP_RENAME, b, both);
	(void)pthread_mutex_unlock(&lock);
	return rc;
}

int
renameat(int at, const char *from, int to_at, const char *to)
{
	return renameat2(at, from, to_at, to, 0);
}

int
rename(const char *from, const char *to)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
linkat(int at, const char *from, int to_at, const char *to, int flags)
{
	REAL(int, "linkat", (int, const char *, int, const char *, int));
	char b[PATH_LEN];
	int rc = real(at, from, to_at, to, flags);
	if (rc == 0 && !inside && full_path(to_at, to, b))
		name_change(OP_LINK, b, "");
	return rc;
}

int
link(const char *from, const char *to)
{
	return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

static int
do_sync(const char *name, int fd)
{
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
	struct stat st;
	char path[PATH_LEN];
	(void)pthread_mutex_lock(&lock);
	int rc = real(fd);
	if (rc == 0 && !lies && tracked(fd, &st, path))
		forget(&st);
	(void)pthread_mutex_unlock(&lock);
	return rc;
}

int
fsync(int fd)
{
	return do_sync("fsync", fd);
}

int
fdatasync(int fd)
{
	return do_sync("fdatasync", fd);
}
