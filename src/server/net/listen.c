#include "server/net/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"

#define LISTENERS_MAX 16u
#define ACCEPTS_PER_TURN 64u /* then others get their turn */
#define PAUSE_MS 100u        /* when the kernel has no memory for another socket */

struct ms_listen {
	struct event_base *base;
	struct ms_conns *conns;
	struct ms_net_counters *counters;
	struct event *events[LISTENERS_MAX], *resume;
	size_t n;
	int reserve; /* given up for a moment to take and close a connection when no descriptor is left */
	bool started;
};

enum ms_rc
ms_listen_new(struct event_base *base, struct ms_conns *conns, struct ms_net_counters *counters, struct ms_listen **ret, struct ms_err *err)
{
	struct ms_listen *l = calloc(1, sizeof *l);
	if (l == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "listeners");
	*l = (struct ms_listen){.base = base, .conns = conns, .counters = counters, .reserve = -1};
	*ret = l;
	return MS_OK;
}

void
ms_listen_free(struct ms_listen *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->n; i++)
		event_free(l->events[i]);
	if (l->resume != NULL)
		event_free(l->resume);
	ms_fd_close(l->reserve);
	free(l);
}

/* Any descriptor will do, and a copy of the listener needs no file to be opened. */
static void
keep_reserve(struct ms_listen *l, int listener)
{
	if (l->reserve < 0)
		l->reserve = fcntl(listener, F_DUPFD_CLOEXEC, 0);
}

static bool
address_of(const struct sockaddr_storage *from, uint8_t out[static 16])
{
	memset(out, 0, 16);
	if (from->ss_family == AF_INET6) {
		struct sockaddr_in6 a;
		memcpy(&a, from, sizeof a);
		memcpy(out, &a.sin6_addr, 16);
		return true;
	}
	struct sockaddr_in a;
	memcpy(&a, from, sizeof a);
	memset(out + 10, 0xff, 2);
	memcpy(out + 12, &a.sin_addr, 4);
	return from->ss_family == AF_INET;
}

/* No descriptor is left: the oldest half-open connection makes room, or the new one is closed at once, so that it does
 * not stay in the backlog waking us for ever. */
static void
make_room(struct ms_listen *l, int listener)
{
	if (ms_conns_evict(l->conns) || l->reserve < 0)
		return;
	ms_fd_close(l->reserve);
	l->reserve = -1;
	ms_fd_close(accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
	keep_reserve(l, listener);
}

static void
pause_all(struct ms_listen *l)
{
	static const struct timeval tv = {.tv_usec = PAUSE_MS * 1000};
	for (size_t i = 0; i < l->n; i++)
		(void)event_del(l->events[i]);
	(void)event_add(l->resume, &tv);
}

static void
on_resume(MS_UNUSED evutil_socket_t fd, MS_UNUSED short what, void *arg)
{
	struct ms_listen *l = arg;
	for (size_t i = 0; i < l->n; i++)
		(void)event_add(l->events[i], NULL);
}

static bool
accept_one(struct ms_listen *l, int listener)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof from;
	uint8_t peer[16];
	memset(&from, 0, sizeof from);
	int one = 1, fd = accept4(listener, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		if (address_of(&from, peer) && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0)
			ms_conns_accept(l->conns, fd, peer);
		else
			ms_fd_close(fd);
		return true;
	}
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return false;
	l->counters->accept_errors++;
	if (errno == EMFILE) {
		make_room(l, listener);
		return true;
	}
	if (errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
		pause_all(l);
		return false;
	}
	return true; /* the connection died before we took it */
}

static void
on_connection(evutil_socket_t fd, MS_UNUSED short what, void *arg)
{
	struct ms_listen *l = arg;
	keep_reserve(l, fd);
	for (unsigned i = 0; i < ACCEPTS_PER_TURN; i++)
		if (!accept_one(l, fd))
			return;
}

enum ms_rc
ms_listen_add(struct ms_listen *l, int fd, struct ms_err *err)
{
	if (l->n == LISTENERS_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "more than %u listeners", LISTENERS_MAX);
	struct event *e = event_new(l->base, fd, EV_READ | EV_PERSIST, on_connection, l);
	if (e == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "listener");
	l->events[l->n++] = e;
	keep_reserve(l, fd);
	return MS_OK;
}

enum ms_rc
ms_listen_start(struct ms_listen *l, struct ms_err *err)
{
	if (l->started)
		return MS_OK;
	l->resume = evtimer_new(l->base, on_resume, l);
	if (l->resume == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "listener");
	for (size_t i = 0; i < l->n; i++)
		if (event_add(l->events[i], NULL) != 0)
			return ms_fail(err, MS_ERR_IO, "listener %zu", i);
	l->started = true;
	return MS_OK;
}
