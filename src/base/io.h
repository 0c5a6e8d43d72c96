/* Files and descriptors: whole reads with a cap, durable writes, EINTR handled in one place. */
#ifndef MS_IO_H
#define MS_IO_H
#include <sys/types.h>
#include "base/bytes.h"
#include "base/secret.h"

/* Owned descriptor: MS_OWN(ms_fd_close) ms_fd fd = -1; */
typedef int ms_fd;
static inline void ms_fd_close_own(ms_fd *fd);
void ms_fd_close(ms_fd fd); /* negative is a no-op */
static inline void
ms_fd_close_own(ms_fd *fd)
{
	ms_fd_close(*fd);
}

/* Exactly len bytes. MS_ERR_IO on error; MS_ERR_UNAVAILABLE on end of file before the first byte,
 * MS_ERR_MALFORMED on end of file after it. */
MS_MUST_USE enum ms_rc ms_io_read_exact(int fd, void *p, size_t len, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_io_write_all(int fd, const void *p, size_t len, struct ms_err *err);
/* The whole regular file (or pipe) at path ("-" is standard input), at most max bytes, into an initialised buffer.
 * MS_ERR_NOT_FOUND, MS_ERR_TOO_BIG, MS_ERR_IO; the text names the path. */
MS_MUST_USE enum ms_rc ms_io_read_file(const char *path, size_t max, struct ms_buf *out, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_io_read_fd(int fd, size_t max, struct ms_buf *out, struct ms_err *err);
/* As ms_io_read_file, into secret memory of its own; the file must not be readable by others (mode & 077 == 0). */
MS_MUST_USE enum ms_rc ms_io_read_secret_file(const char *path, size_t max, struct ms_secret **ret, struct ms_err *err);
/* Durable replace: temporary file of unpredictable name in the same directory (O_EXCL, mode), write, fsync,
 * rename, fsync of the directory. The old content stays whole until the new is. */
MS_MUST_USE enum ms_rc ms_io_write_file(const char *path, mode_t mode, struct ms_span data, struct ms_err *err);
/* As above, but the file must not exist yet: MS_ERR_CONFLICT. */
MS_MUST_USE enum ms_rc ms_io_create_file(const char *path, mode_t mode, struct ms_span data, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_io_mkdir(const char *path, mode_t mode, struct ms_err *err); /* exists: ok if a directory */
MS_MUST_USE enum ms_rc ms_io_sync_dir(const char *path, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_io_set_nonblock(int fd, struct ms_err *err);
/* Cryptographic random bytes from the kernel. MS_ERR_CRYPTO when it fails: the caller refuses. */
MS_MUST_USE enum ms_rc ms_random(void *p, size_t len, struct ms_err *err);

#endif
