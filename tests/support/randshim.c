/* LD_PRELOAD shim, test only: getrandom() fails while the byte in the file $RANDSHIM_FILE is not zero. The file is mapped before
 * the program enters its cage. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "muster/compiler.h"

static const volatile char *failing;
static ssize_t (*real_getrandom)(void *, size_t, unsigned);

MS_CONSTRUCTOR static void
start(void)
{
	const char *path = getenv("RANDSHIM_FILE");
	int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	void *p = fd < 0 ? MAP_FAILED : mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0);
	if (fd >= 0)
		(void)close(fd);
	real_getrandom = (ssize_t(*)(void *, size_t, unsigned))dlsym(RTLD_NEXT, "getrandom");
	failing = p == MAP_FAILED ? NULL : p;
}

ssize_t
getrandom(void *p, size_t len, unsigned flags)
{
	if (failing != NULL && *failing != 0) {
		errno = EIO;
		return -1;
	}
	return real_getrandom(p, len, flags);
}
