/* One set of processes at a time. When one ends, all are ended and started again: state lives on disk, and every
 * process starts from it, so a restart is the only way to recover and is well trodden. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "server/supervisor/sup.h"

#define STOP_MS 10000u   /* between SIGTERM and SIGKILL */
#define START_MS 120000u /* until all must be ready */
#define BACKOFF_MIN_MS 200u
#define BACKOFF_MAX_MS 30000u
#define CALM_MS 60000u /* a set that ran this long starts the back-off anew */

enum phase { STARTING, SERVING, STOPPING, WAITING };
struct watch {
	struct sup *s;
	enum phase phase;
	bool quit; /* after STOPPING: leave, not restart */
	bool killed;
	uint64_t started_ms, deadline_ms;
	uint64_t backoff_ms;
	uint64_t restarts;
};

static void
notify(const struct sup *s, const char *text)
{
	if (s->notify_fd >= 0)
		(void)!send(s->notify_fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
mark_ready(const struct sup *s, bool ready)
{
	char path[1100], text[32];
	struct ms_err err;
	(void)snprintf(path, sizeof path, "%s/run/ready", s->state_dir);
	(void)snprintf(text, sizeof text, "%ld\n", (long)getpid());
	if (!ready)
		(void)unlink(path);
	else if (ms_io_write_file(path, 0644, ms_span_str(text), &err) != MS_OK)
		ms_log(MS_LOG_WARN, "supervisor.ready-file", "error=\"%s\"", err.text);
}

static unsigned
running(const struct sup *s)
{
	unsigned n = 0;
	for (unsigned i = 0; i < s->n_children; i++)
		n += s->child[i].pid > 0;
	return n;
}

static void
signal_all(const struct sup *s, int sig)
{
	for (unsigned i = 0; i < s->n_children; i++)
		if (s->child[i].pid > 0 && kill(s->child[i].pid, sig) != 0 && errno != ESRCH)
			ms_log(MS_LOG_ERROR, "supervisor.signal", "role=%s error=\"%s\"", ms_role_row(s->child[i].role)->name,
			    strerror(errno));
}

static void
stop(struct watch *w, bool quit)
{
	w->quit = w->quit || quit;
	if (w->phase == STOPPING)
		return;
	mark_ready(w->s, false);
	w->phase = STOPPING;
	w->killed = false;
	w->deadline_ms = ms_clock_boot_ms() + STOP_MS;
	signal_all(w->s, SIGTERM);
}

static void
start(struct watch *w)
{
	struct ms_err err;
	w->phase = STARTING;
	w->started_ms = ms_clock_boot_ms();
	w->deadline_ms = w->started_ms + START_MS;
	if (sup_spawn_all(w->s, &err) == MS_OK)
		return;
	ms_log(MS_LOG_ERROR, "supervisor.start", "error=\"%s\"", err.text);
	stop(w, false);
}

static void
on_child_ready(struct watch *w, struct sup_child *c)
{
	char byte;
	struct sup *s = w->s;
	c->ready = read(c->ready_fd, &byte, 1) == 1;
	(void)close(c->ready_fd);
	c->ready_fd = -1; /* closed without a byte: its end is about to be reported */
	for (unsigned i = 0; i < s->n_children; i++)
		if (!s->child[i].ready)
			return;
	if (w->phase != STARTING)
		return;
	w->phase = SERVING;
	mark_ready(s, true);
	notify(s, "READY=1\nSTATUS=serving\n");
	ms_log(MS_LOG_INFO, "supervisor.ready", "processes=%u listeners=%u restarts=%llu ms=%llu", s->n_children, s->n_listeners,
	    (unsigned long long)w->restarts, (unsigned long long)(ms_clock_boot_ms() - w->started_ms));
}

static void
on_child_end(struct watch *w, pid_t pid, int status)
{
	struct sup *s = w->s;
	for (unsigned i = 0; i < s->n_children; i++) {
		struct sup_child *c = &s->child[i];
		if (c->pid != pid)
			continue;
		c->pid = 0;
		ms_fd_close(c->ready_fd);
		c->ready_fd = -1;
		if (w->phase != STOPPING)
			ms_log(MS_LOG_ERROR, "supervisor.child-end", "role=%s index=%u pid=%ld %s=%d%s", ms_role_row(c->role)->name,
			    c->index, (long)pid, WIFSIGNALED(status) ? "signal" : "status",
			    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
			    WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS ? " note=\"a system call outside its sandbox\"" : "");
		stop(w, false);
		return;
	}
}

static void
on_signal(struct watch *w)
{
	struct signalfd_siginfo si;
	while (read(w->s->signal_fd, &si, sizeof si) == (ssize_t)sizeof si) {
		int status;
		pid_t pid;
		if (si.ssi_signo == SIGTERM || si.ssi_signo == SIGINT) {
			ms_log(MS_LOG_INFO, "supervisor.stop", "signal=%u", si.ssi_signo);
			notify(w->s, "STOPPING=1\n");
			stop(w, true);
		}
		while (si.ssi_signo == SIGCHLD && (pid = waitpid(-1, &status, WNOHANG)) > 0)
			on_child_end(w, pid, status);
	}
}

/* Phases that end by time, or because no process is left. */
static void
on_time(struct watch *w)
{
	uint64_t now = ms_clock_boot_ms();
	if (w->phase == STARTING && now >= w->deadline_ms) {
		ms_log(MS_LOG_ERROR, "supervisor.start", "error=\"not ready in %u s\"", START_MS / 1000);
		stop(w, false);
	} else if (w->phase == STOPPING && running(w->s) == 0 && !w->quit) {
		if (now - w->started_ms >= CALM_MS)
			w->backoff_ms = BACKOFF_MIN_MS;
		w->phase = WAITING;
		w->deadline_ms = now + w->backoff_ms;
		ms_log(MS_LOG_WARN, "supervisor.restart", "in_ms=%llu", (unsigned long long)w->backoff_ms);
		notify(w->s, "STATUS=restarting\n");
		w->backoff_ms = w->backoff_ms * 2 < BACKOFF_MAX_MS ? w->backoff_ms * 2 : BACKOFF_MAX_MS;
	} else if (w->phase == STOPPING && now >= w->deadline_ms && !w->killed) {
		w->killed = true;
		signal_all(w->s, SIGKILL);
	} else if (w->phase == WAITING && now >= w->deadline_ms) {
		w->restarts++;
		start(w);
	}
}

static int
wait_ms(const struct watch *w)
{
	uint64_t now = ms_clock_boot_ms();
	if (w->phase == STOPPING && running(w->s) == 0)
		return 0;
	if (w->phase == SERVING || (w->phase == STOPPING && w->killed))
		return -1;
	return w->deadline_ms > now ? (int)(w->deadline_ms - now) : 0;
}

static enum ms_rc
turn(struct watch *w, struct ms_err *err)
{
	struct sup *s = w->s;
	struct pollfd p[SUP_CHILDREN_MAX + 1] = {{.fd = s->signal_fd, .events = POLLIN}};
	for (unsigned i = 0; i < s->n_children; i++)
		p[i + 1] = (struct pollfd){.fd = s->child[i].ready_fd, .events = POLLIN};
	unsigned n = s->n_children;
	if (poll(p, n + 1, wait_ms(w)) < 0 && errno != EINTR)
		return ms_fail(err, MS_ERR_INTERNAL, "poll: %s", strerror(errno));
	for (unsigned i = 0; i < n; i++)
		if (p[i + 1].revents != 0 && s->child[i].ready_fd >= 0)
			on_child_ready(w, &s->child[i]);
	if (p[0].revents != 0)
		on_signal(w);
	on_time(w);
	return MS_OK;
}

enum ms_rc
sup_watch(struct sup *s, struct ms_err *err)
{
	struct watch w = {.s = s, .backoff_ms = BACKOFF_MIN_MS};
	enum ms_rc rc = MS_OK;
	mark_ready(s, false);
	start(&w);
	while (rc == MS_OK && !(w.phase == STOPPING && w.quit && running(s) == 0) && !(w.phase == WAITING && w.quit))
		rc = turn(&w, err);
	signal_all(s, SIGKILL);
	mark_ready(s, false);
	return rc;
}
