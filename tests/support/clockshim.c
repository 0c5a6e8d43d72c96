/* LD_PRELOAD shim, test only: the wall clock is off by the seconds (int64) in the file $CLOCKSHIM_FILE, which is mapped before
 * the program enters its cage, so that a test can move the clock of a running role. Other clocks are left alone. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "muster/compiler.h"

static const volatile int64_t *offset;
static int (*real_gettime)(clockid_t, struct timespec *);

MS_CONSTRUCTOR static void
start(void)
{
	const char *path = getenv("CLOCKSHIM_FILE");
	int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	void *p = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, fd, 0);
	if (fd >= 0)
		(void)close(fd);
	real_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	offset = p == MAP_FAILED ? NULL : p;
}

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	if (real_gettime == NULL)
		real_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	int rc = real_gettime(id, ts);
	if (rc == 0 && id == CLOCK_REALTIME && offset != NULL)
		ts->tv_sec += *offset;
	return rc;
}

time_t
time(time_t *ret)
{
	struct timespec ts;
	time_t now = clock_gettime(CLOCK_REALTIME, &ts) == 0 ? ts.tv_sec : -1;
	if (ret != NULL)
		*ret = now;
	return now;
}

int
gettimeofday(struct timeval *restrict tv, MS_UNUSED void *restrict zone)
{
	struct timespec ts;
	if (clock_gettime(CLOCK_REALTIME, &ts) != 0)
		return -1;
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return 0;
}
