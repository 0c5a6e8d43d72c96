#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "server/supervisor/sup.h"

#define CONFIG_MAX 65536u
#define FDS_MAX (MS_ROLE_FD_CHANS + SUP_CHILDREN_MAX + SUP_LISTENERS_MAX)
#define FD_ASIDE 512 /* above every number that a child is given */

/* One end of each channel: fd[i][j] is what child i holds towards child j; -1: no link. */
struct mesh {
	int fd[SUP_CHILDREN_MAX][SUP_CHILDREN_MAX];
};

static void
list_children(struct sup *s)
{
	s->n_children = 0;
	for (unsigned id = 0; id < MS_ROLE_COUNT; id++) {
		unsigned n = ms_role_row((enum ms_role_id)id)->many ? (unsigned)ms_config_uint(s->config, "net_processes") : 1;
		for (unsigned i = 0; i < n; i++)
			s->child[s->n_children++] = (struct sup_child){.role = (enum ms_role_id)id, .index = i, .ready_fd = -1};
	}
}

static bool
linked(const struct sup *s, unsigned i, unsigned j)
{
	const struct ms_role_row *row = ms_role_row(s->child[i].role);
	for (unsigned p = 0; p < row->n_peers; p++)
		if (row->peers[p] == s->child[j].role)
			return true;
	return false;
}

static void
close_mesh(const struct sup *s, struct mesh *m)
{
	for (unsigned i = 0; i < s->n_children; i++)
		for (unsigned j = 0; j < s->n_children; j++)
			ms_fd_close(m->fd[i][j]);
}

static enum ms_rc
make_mesh(const struct sup *s, struct mesh *m, struct ms_err *err)
{
	for (unsigned i = 0; i < s->n_children; i++)
		for (unsigned j = 0; j < s->n_children; j++)
			m->fd[i][j] = -1;
	for (unsigned i = 0; i < s->n_children; i++)
		for (unsigned j = i + 1; j < s->n_children; j++) {
			int pair[2];
			if (!linked(s, i, j))
				continue;
			if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
				return ms_fail(err, MS_ERR_UNAVAILABLE, "socketpair: %s", strerror(errno));
			m->fd[i][j] = pair[0];
			m->fd[j][i] = pair[1];
		}
	return MS_OK;
}

static enum ms_rc
make_config(const struct sup *s, const struct sup_child *c, int *ret, struct ms_err *err)
{
	const struct ms_config_process p = {.role = c->role,
	    .index = c->index,
	    .listeners = ms_role_row(c->role)->listeners ? s->n_listeners : 0,
	    .drop_user = s->root,
	    .development = s->development,
	    .uid = s->user[c->role].uid,
	    .gid = s->user[c->role].gid};
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	ms_buf_init(&b, CONFIG_MAX);
	enum ms_rc rc = ms_config_build(s->config, &p, &b, err);
	if (rc != MS_OK)
		return rc;
	MS_OWN(ms_fd_close) ms_fd fd = memfd_create("muster-config", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return ms_fail(err, MS_ERR_UNAVAILABLE, "memfd: %s", strerror(errno));
	if ((rc = ms_io_write_all(fd, b.p, b.len, err)) != MS_OK)
		return rc;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
		return ms_fail(err, MS_ERR_UNAVAILABLE, "seal: %s", strerror(errno));
	*ret = fd;
	fd = -1;
	return MS_OK;
}

/* In the child: what stays open, at the numbers that role.h promises. */
static unsigned
lay_out(const struct sup *s, const struct mesh *m, unsigned me, int config, int ready, int fds[static FDS_MAX])
{
	const struct ms_role_row *row = ms_role_row(s->child[me].role);
	unsigned n = 0;
	fds[n++] = config;
	fds[n++] = ready;
	for (unsigned p = 0; p < row->n_peers; p++)
		for (unsigned j = 0; j < s->n_children; j++)
			if (s->child[j].role == row->peers[p])
				fds[n++] = m->fd[me][j];
	for (unsigned i = 0; row->listeners && i < s->n_listeners; i++)
		fds[n++] = s->listener[i];
	return n;
}

static bool
place(const int *fds, unsigned n)
{
	int aside[FDS_MAX];
	for (unsigned i = 0; i < n; i++)
		if ((aside[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, FD_ASIDE)) < 0)
			return false;
	for (unsigned i = 0; i < n; i++)
		if (dup2(aside[i], MS_ROLE_FD_CONFIG + (int)i) < 0)
			return false;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	return null >= 0 && dup2(null, 0) == 0 && dup2(2, 1) == 1 && close_range((unsigned)MS_ROLE_FD_CONFIG + n, ~0u, 0) == 0;
}

/* Ours from here on, or nobody's: a supervisor that died before the death signal was set leaves no child behind. */
static bool
tie_to(pid_t supervisor)
{
	return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() == supervisor;
}

MS_NORETURN static void
become(const struct sup *s, const struct mesh *m, unsigned me, int config, int ready)
{
	char path[1100];
	const char *program = ms_role_row(s->child[me].role)->program;
	int fds[FDS_MAX];
	sigset_t none;
	(void)snprintf(path, sizeof path, "%s/%s", s->libexec, program);
	(void)sigemptyset(&none);
	unsigned n = lay_out(s, m, me, config, ready, fds);
	(void)umask(077);
	if (!place(fds, n) || chdir("/") != 0 || signal(SIGPIPE, SIG_DFL) == SIG_ERR || sigprocmask(SIG_SETMASK, &none, NULL) != 0)
		_exit(126);
	char *argv[] = {strrchr(path, '/') + 1, NULL};
	char *env[] = {NULL, NULL};
#ifdef MS_SANITIZED
	char asan[512];
	if (getenv("ASAN_OPTIONS") != NULL) {
		(void)snprintf(asan, sizeof asan, "ASAN_OPTIONS=%s", getenv("ASAN_OPTIONS"));
		env[0] = asan;
	}
#endif
	(void)execve(path, argv, env);
	_exit(127);
}

static enum ms_rc
spawn_one(struct sup *s, const struct mesh *m, unsigned me, struct ms_err *err)
{
	MS_OWN(ms_fd_close) ms_fd config = -1;
	struct sup_child *c = &s->child[me];
	int ready[2];
	enum ms_rc rc = make_config(s, c, &config, err);
	if (rc != MS_OK)
		return rc;
	if (pipe2(ready, O_CLOEXEC) != 0)
		return ms_fail(err, MS_ERR_UNAVAILABLE, "pipe: %s", strerror(errno));
	const pid_t self = getpid();
	pid_t pid = fork();
	if (pid == 0 && !tie_to(self))
		_exit(126);
	if (pid == 0)
		become(s, m, me, config, ready[1]);
	(void)close(ready[1]);
	if (pid < 0) {
		(void)close(ready[0]);
		return ms_fail(err, MS_ERR_UNAVAILABLE, "fork: %s", strerror(errno));
	}
	c->pid = pid;
	c->ready_fd = ready[0];
	return MS_OK;
}

enum ms_rc
sup_spawn_all(struct sup *s, struct ms_err *err)
{
	struct mesh m;
	list_children(s);
	enum ms_rc rc = make_mesh(s, &m, err);
	for (unsigned i = 0; rc == MS_OK && i < s->n_children; i++)
		rc = spawn_one(s, &m, i, err);
	close_mesh(s, &m);
	return rc;
}
