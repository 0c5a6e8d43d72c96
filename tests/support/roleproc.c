#include "support/roleproc.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "codec/cbor.h"
#include "server/role.h"
#include "support/test.h"

#define PAIRS_MAX 48u

static int
by_encoded_key(const void *a, const void *b)
{
	const char *x = ((const struct role_pair *)a)->key, *y = ((const struct role_pair *)b)->key;
	size_t n = strlen(x), m = strlen(y);
	return n != m ? (n < m ? -1 : 1) : strcmp(x, y);
}

static void
put_pair(struct ms_buf *b, const struct role_pair *p)
{
	size_t n = 0;
	ms_cbor_text(b, p->key);
	if (strcmp(p->key, "development") == 0) {
		ms_cbor_bool(b, true);
	} else if (p->text != NULL) {
		ms_cbor_text(b, p->text);
	} else if (p->list != NULL) {
		while (p->list[n] != NULL)
			n++;
		ms_cbor_array(b, n);
		for (size_t i = 0; i < n; i++)
			ms_cbor_text(b, p->list[i]);
	} else {
		ms_cbor_uint(b, p->uint);
	}
}

static int
config_fd(const char *role, const struct role_pair *pairs, size_t n)
{
	struct role_pair all[PAIRS_MAX] = {{.key = "role", .text = role}, {.key = "development"}, {.key = "log_level", .text = "error"}};
	struct ms_buf b;
	size_t n_all = 3;
	for (size_t i = 0; i < n; i++)
		all[n_all++] = pairs[i];
	qsort(all, n_all, sizeof *all, by_encoded_key);
	ms_buf_init(&b, 65536);
	ms_cbor_map(&b, n_all);
	for (size_t i = 0; i < n_all; i++)
		put_pair(&b, &all[i]);
	int fd = memfd_create("config", MFD_ALLOW_SEALING);
	CHECK(fd >= 0 && !b.bad && write(fd, b.p, b.len) == (ssize_t)b.len);
	CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0);
	ms_buf_fini(&b);
	return fd;
}

/* In the child: the descriptors to their places, everything else closed. */
static void
place_fds(int config, int ready, const int *fds, size_t n)
{
	int high[16];
	int null = open("/dev/null", O_RDONLY);
	high[0] = fcntl(config, F_DUPFD, 100);
	high[1] = fcntl(ready, F_DUPFD, 100);
	for (size_t i = 0; i < n; i++)
		high[2 + i] = fcntl(fds[i], F_DUPFD, 100);
	if (null < 0 || dup2(null, 0) < 0)
		_exit(99);
	for (size_t i = 0; i < n + 2; i++)
		if (high[i] < 0 || dup2(high[i], (int)(MS_ROLE_FD_CONFIG + i)) < 0)
			_exit(99);
	(void)close_range((unsigned)(MS_ROLE_FD_CHANS + n), ~0u, 0);
}

void
roleproc_start(
    struct roleproc *p, const char *program, const char *role, const struct role_pair *pairs, size_t n_pairs, const int *fds, size_t n_fds)
{
	int ready[2], config = config_fd(role, pairs, n_pairs);
	CHECK(pipe2(ready, O_CLOEXEC) == 0 && n_fds <= 8);
	p->pid = fork();
	CHECK(p->pid >= 0);
	if (p->pid == 0) {
		place_fds(config, ready[1], fds, n_fds);
		char *const argv[] = {strdup(program), NULL};
		execv(program, argv);
		_exit(98);
	}
	(void)close(config);
	(void)close(ready[1]);
	for (size_t i = 0; i < n_fds; i++)
		(void)close(fds[i]);
	p->ready = ready[0];
}

bool
roleproc_ready(struct roleproc *p, int timeout_ms)
{
	char c = 0;
	struct pollfd w = {.fd = p->ready, .events = POLLIN};
	return poll(&w, 1, timeout_ms) == 1 && read(p->ready, &c, 1) == 1 && c == 'r';
}

static int
status_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int
roleproc_wait(struct roleproc *p, int timeout_ms)
{
	int status = 0;
	for (; timeout_ms > 0; timeout_ms -= 10) {
		if (waitpid(p->pid, &status, WNOHANG) == p->pid) {
			(void)close(p->ready);
			return status_of(status);
		}
		(void)usleep(10000);
	}
	(void)kill(p->pid, SIGKILL);
	(void)waitpid(p->pid, &status, 0);
	(void)close(p->ready);
	return status_of(status);
}

void
roleproc_kill(struct roleproc *p)
{
	(void)kill(p->pid, SIGKILL);
	(void)waitpid(p->pid, NULL, 0);
	(void)close(p->ready);
}

void
socket_pair(int ret[2])
{
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret) == 0);
}
