/* muster-appraiser: keeps workers ready, each in a cage with one channel, and hands the other ends to core. A worker takes one
 * piece of hostile evidence, answers, and is gone: what it reads can touch neither the next device's evidence nor anything else. */
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "crypto/lib.h"
#include "evidence/appraise.h"
#include "ipc/chan.h"
#include "ipc/msg.h"
#include "ipc/table.h"
#include "server/role.h"

#define WORKERS_MAX 64u
#define READY_PART 8u /* of the workers that a second took, so many are kept ready for the next */
#define WORK_S 5u     /* of processor time, and twice that of the clock, for one piece of evidence */
#define MEMORY_MAX (256u << 20)
#define CANNOT_WORK 3 /* exit status of a worker that could not enter its cage */
#define HAND_OVER_MS 10000
#define LOOK_MS 1000
#define WORKER_FD 3

#define SEAL_MAX 8192u           /* free pieces of the heap that are taken */
#define LARGE_BYTES (128u << 10) /* evidence above this takes more than the heap has */
#define GROW_FACTOR 8u           /* by its length: copies, tuples, files, the answer */

struct zygote {
	struct ms_role *role;
	struct ms_sandbox_filter *filter; /* of a worker: made once */
	struct ms_chan *core;
	int signal_fd;
	unsigned least, want, ended; /* kept ready when there is little to do; now; ended since the last look */
	uint64_t look_ms;
	pid_t pid[WORKERS_MAX]; /* 0: free */
};

/* ---- memory: a page that a worker is the first to write to costs it more than parsing what fits the page ---- */

/* Take what is free in the heap, never to be given back: what a child allocates is then new, and none of the pages that it shares
 * has to be copied. */
static void
seal_heap(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, INT_MAX); /* the heap grows, and keeps what it got */
	(void)mallopt(M_TRIM_THRESHOLD, INT_MAX);
#ifndef MS_SANITIZED /* another allocator */
	const uintptr_t mark = (uintptr_t)malloc(LARGE_BYTES);
	unsigned left = SEAL_MAX;
	for (size_t size = LARGE_BYTES / 2; mark != 0 && size >= 16; size = size > 1024 ? size / 2 : size - 16)
		for (; left > 0; left--) {
			void *p = malloc(size);
			if (p == NULL || (uintptr_t)p > mark) {
				free(p);
				break;
			}
		}
#endif
}

/* For large evidence: pages at once, large ones where there are. */
static void
grow_heap(size_t len)
{
	const uintptr_t page = 4096;
	void *p = malloc(len);
	if (p == NULL)
		return;
	void *first = (void *)(((uintptr_t)p + page - 1) & ~(page - 1));
	(void)madvise(first, len - page, MADV_HUGEPAGE);
	(void)madvise(first, len - page, MADV_POPULATE_WRITE); /* a kernel without it faults them in one by one */
	free(p);
}

/* ---- the worker ---- */

static enum ms_rc
on_evidence(void *ctx, struct ms_frame *f, struct ms_err *err)
{
	struct ms_chan *c = ctx;
	struct ms_err why = {0};
	MS_OWN(ms_buf_fini) struct ms_buf out = {0};
	(void)alarm(2 * WORK_S);
	if (f->payload.len > LARGE_BYTES)
		grow_heap(GROW_FACTOR * f->payload.len);
	ms_buf_init(&out, MS_WORKER_CLAIMS_MAX);
	enum ms_rc rc = ms_appraise(f->payload, &out, &why);
	if (rc == MS_OK)
		return ms_chan_send(c, MS_WORKER_CLAIMS, f->id, ms_buf_span(&out), err);
	ms_buf_fini(&out);
	ms_buf_init(&out, MS_WORKER_ERROR_MAX);
	ms_buf_u16(&out, (uint16_t)rc);
	ms_buf_put(&out, why.text, strnlen(why.text, MS_WORKER_ERROR_MAX - 2));
	return ms_chan_send(c, MS_WORKER_ERROR, f->id, ms_buf_span(&out), err);
}

static const struct ms_ipc_row worker_rows[] = {
    {.type = MS_WORKER_EVIDENCE,
	.name = "EVIDENCE",
	.states = MS_IPC_ANY_STATE,
	.once = true,
	.min_len = 1,
	.max_len = MS_WORKER_EVIDENCE_MAX,
	.handler = on_evidence},
};
static const struct ms_ipc_table worker_table = MS_IPC_TABLE("core->worker", worker_rows);

static enum ms_rc
limit_worker(struct ms_err *err)
{
	const struct rlimit cpu = {.rlim_cur = WORK_S, .rlim_max = WORK_S};
	if (setrlimit(RLIMIT_CPU, &cpu) != 0)
		return ms_fail(err, MS_ERR_UNAVAILABLE, "RLIMIT_CPU: %s", strerror(errno));
#ifndef MS_SANITIZED
	const struct rlimit memory = {.rlim_cur = MEMORY_MAX, .rlim_max = MEMORY_MAX};
	if (setrlimit(RLIMIT_AS, &memory) != 0)
		return ms_fail(err, MS_ERR_UNAVAILABLE, "RLIMIT_AS: %s", strerror(errno));
#endif
	return MS_OK;
}

MS_NORETURN static void
work(const struct zygote *z, int fd)
{
	struct ms_chan *c = NULL;
	struct ms_err err;
	struct ms_ipc_state st = MS_IPC_STATE_INIT;
	const struct ms_sandbox cage = {
	    .profile = MS_SANDBOX_APPRAISER_WORKER, .filter = z->filter, .development = ms_role_get_bool(z->role, "development")};
	/* its own channel and the log, nothing of the zygote's: a worker must not be able to speak to core there */
	enum ms_rc rc = dup2(fd, WORKER_FD) == WORKER_FD && close_range(WORKER_FD + 1, ~0u, 0) == 0
			    ? limit_worker(&err)
			    : ms_fail(&err, MS_ERR_INTERNAL, "close_range");
	if (rc == MS_OK)
		rc = ms_sandbox_enter(&cage, &err);
	if (rc != MS_OK)
		_exit((ms_role_die("appraiser.worker", &err), CANNOT_WORK));
	rc = ms_chan_new(WORKER_FD, &worker_table, MS_WORKER_CLAIMS_MAX + MS_CHAN_HEADER_LEN, &c, &err);
	if (rc == MS_OK)
		rc = ms_ipc_serve(c, &st, c, -1, &err);
	_exit(rc == MS_OK || rc == MS_ERR_UNAVAILABLE ? 0 : 1);
}

/* ---- the zygote ---- */

static enum ms_rc
start_worker(struct zygote *z, unsigned slot, struct ms_err *err)
{
	int pair[2];
	uint8_t wire[4];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return ms_fail(err, MS_ERR_UNAVAILABLE, "socketpair: %s", strerror(errno));
	pid_t pid = fork();
	if (pid == 0) {
		(void)close(pair[0]);
		work(z, pair[1]);
	}
	(void)close(pair[1]);
	if (pid < 0) {
		(void)close(pair[0]);
		return ms_fail(err, MS_ERR_UNAVAILABLE, "fork: %s", strerror(errno));
	}
	z->pid[slot] = pid;
	for (unsigned i = 0; i < 4; i++)
		wire[i] = (uint8_t)((uint32_t)pid >> (24 - 8 * i));
	enum ms_rc rc = ms_chan_send_fd(z->core, MS_APPRAISER_WORKER, (uint64_t)pid, ms_span(wire, sizeof wire), pair[0], err);
	return rc == MS_OK ? ms_chan_drain(z->core, HAND_OVER_MS, err) : rc;
}

static enum ms_rc
keep_ready(struct zygote *z, struct ms_err *err)
{
	enum ms_rc rc = MS_OK;
	for (unsigned i = 0; rc == MS_OK && i < z->want; i++)
		if (z->pid[i] == 0)
			rc = start_worker(z, i, err);
	return rc;
}

/* As many as the last second's work says, and slowly fewer. */
static void
adapt(struct zygote *z)
{
	uint64_t now = ms_clock_boot_ms();
	if (now < z->look_ms)
		return;
	unsigned busy = z->ended / READY_PART, fewer = z->want - z->want / 4;
	z->want = busy > fewer ? busy : fewer;
	z->want = z->want < z->least ? z->least : z->want > WORKERS_MAX ? WORKERS_MAX : z->want;
	z->ended = 0;
	z->look_ms = now + LOOK_MS;
}

static enum ms_rc
reap(struct zygote *z, struct ms_err *err)
{
	struct signalfd_siginfo si;
	pid_t pid;
	int status;
	(void)!read(z->signal_fd, &si, sizeof si);
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		z->ended++;
		for (unsigned i = 0; i < WORKERS_MAX; i++)
			z->pid[i] = z->pid[i] == pid ? 0 : z->pid[i];
		if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT_WORK)
			return ms_fail(err, MS_ERR_UNAVAILABLE, "a worker could not enter its sandbox");
		if (WIFSIGNALED(status))
			ms_log(MS_LOG_WARN, "appraiser.worker-died", "signal=%d", WTERMSIG(status));
	}
	return MS_OK;
}

static const struct ms_ipc_table nothing_table = {.link = "core->appraiser", .rows = NULL, .n_rows = 0};

/* Core sends no frame on this channel: its end is the only thing to hear. */
static enum ms_rc
serve(struct zygote *z, struct ms_err *err)
{
	for (;;) {
		struct ms_frame f;
		bool have;
		struct pollfd p[2] = {{.fd = ms_chan_fd(z->core), .events = POLLIN}, {.fd = z->signal_fd, .events = POLLIN}};
		adapt(z);
		enum ms_rc rc = keep_ready(z, err);
		if (rc != MS_OK)
			return rc;
		if (poll(p, 2, z->want > z->least || z->ended > 0 ? LOOK_MS : -1) < 0 && errno != EINTR)
			return ms_fail(err, MS_ERR_INTERNAL, "poll: %s", strerror(errno));
		if (p[0].revents != 0 &&
		    ((rc = ms_chan_fill(z->core, err)) != MS_OK || (rc = ms_chan_next(z->core, &f, &have, err)) != MS_OK))
			return rc;
		if (p[1].revents != 0 && (rc = reap(z, err)) != MS_OK)
			return rc;
	}
}

static enum ms_rc
start(struct zygote *z, struct ms_err *err)
{
	sigset_t set;
	uint64_t want = ms_role_get_uint(z->role, "appraiser_workers", 4);
	z->want = z->least = want < WORKERS_MAX ? (unsigned)want : WORKERS_MAX;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_SETMASK, &set, NULL) != 0 || (z->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
		return ms_fail(err, MS_ERR_INTERNAL, "signals: %s", strerror(errno));
	enum ms_rc rc = ms_crypto_init(err); /* once, before any fork: a worker finds it ready, and could not load it in its cage */
	if (rc == MS_OK)
		rc = ms_sandbox_filter_new(MS_SANDBOX_APPRAISER_WORKER, &z->filter, err);
	if (rc == MS_OK)
		rc = ms_role_enter(z->role, NULL, 0, err);
	if (rc == MS_OK)
		rc = ms_chan_new(ms_role_chan_fd(z->role, 0), &nothing_table, 1u << 16, &z->core, err);
	seal_heap();
	if (rc == MS_OK)
		rc = keep_ready(z, err);
	return rc;
}

int
main(void)
{
	struct ms_err err;
	MS_OWN(ms_role_free) struct ms_role *role = NULL;
	if (ms_role_init(MS_ROLE_APPRAISER, &role, &err) != MS_OK)
		return ms_role_die("appraiser.start", &err);
	struct zygote z = {.role = role, .signal_fd = -1};
	enum ms_rc rc = start(&z, &err);
	if (rc == MS_OK) {
		ms_role_ready(role);
		rc = serve(&z, &err);
	}
	ms_chan_free(z.core);
	ms_sandbox_filter_free(z.filter);
	return ms_role_die("appraiser.end", &err);
}
