#include "tpm/client.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "tpm/wire.h"

#define WORKER_FD 3 /* muster-tpm's end of the socket pair */
#define QUEUE_MAX (2 * MS_TPM_WIRE_REQUEST_MAX)
#define END_WAIT_MS 200u /* a worker that was left alone ends at once; a stuck one is killed */

struct client {
	struct ms_tpm base;
	char *program, *tcti;
	int timeout_ms;
	unsigned idle_ms;
	pid_t pid; /* 0: none */
	struct ms_chan *chan;
	uint64_t last_id;
};

static bool
reap(pid_t pid, int flags)
{
	pid_t got;
	do
		got = waitpid(pid, NULL, flags);
	while (got < 0 && errno == EINTR);
	return got != 0; /* gone, or never ours */
}

static void
stop(struct client *c, bool kill_now)
{
	ms_chan_free(c->chan); /* its end of file is what tells the worker */
	c->chan = NULL;
	if (c->pid == 0)
		return;
	uint64_t until = ms_clock_boot_ms() + END_WAIT_MS;
	bool done = false;
	while (!kill_now && !done && ms_clock_boot_ms() < until) {
		done = reap(c->pid, WNOHANG);
		if (!done)
			(void)usleep(1000);
	}
	if (!done) {
		(void)kill(c->pid, SIGKILL);
		(void)reap(c->pid, 0);
	}
	c->pid = 0;
}

/* In the child, between fork and exec: only async-signal-safe calls. */
static MS_NORETURN void
become_worker(const struct client *c, int fd, const char *idle)
{
	static char quiet[] = "TSS2_LOG=all+none"; /* the TSS logs what we handle; nothing else of our environment goes there */
	char *const envp[] = {quiet, NULL};
	const char *const argv[] = {"muster-tpm", "--tcti", c->tcti, "--idle-ms", idle, NULL};
	sigset_t none;
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	bool ok = fd == WORKER_FD || dup2(fd, WORKER_FD) == WORKER_FD; /* dup2 also clears close-on-exec */
	if (ok && fd == WORKER_FD)
		ok = fcntl(fd, F_SETFD, 0) == 0;
	ok = ok && close_range(WORKER_FD + 1, UINT_MAX, 0) == 0;
	if (ok)
		(void)execve(c->program, (char *const *)(uintptr_t)argv, envp);
	_exit(127);
}

static enum ms_rc
spawn(struct client *c, struct ms_err *err)
{
	int pair[2];
	char idle[16];
	(void)snprintf(idle, sizeof idle, "%u", c->idle_ms);
	if (access(c->program, X_OK) != 0)
		return ms_fail(err, MS_ERR_UNAVAILABLE, "TPM: cannot run %s: %s", c->program, strerror(errno));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return ms_fail(err, MS_ERR_IO, "TPM: socketpair: %s", strerror(errno));
	pid_t pid = fork();
	if (pid == 0)
		become_worker(c, pair[1], idle);
	ms_fd_close(pair[1]);
	if (pid < 0) {
		ms_fd_close(pair[0]);
		return ms_fail(err, MS_ERR_NOMEM, "TPM: fork: %s", strerror(errno));
	}
	c->pid = pid;
	enum ms_rc rc = ms_chan_new(pair[0], &ms_tpm_wire_answers, QUEUE_MAX, &c->chan, err);
	if (rc == MS_OK)
		ms_chan_set_wipe(c->chan);
	return rc;
}

static enum ms_rc
start(struct client *c, struct ms_err *err)
{
	enum ms_rc rc = spawn(c, err);
	struct ms_frame f = {.fd = -1};
	if (rc == MS_OK)
		rc = ms_chan_wait_frame(c->chan, c->timeout_ms, &f, err);
	if (rc == MS_OK && (f.type != MS_TPM_WIRE_HELLO || f.id != 0))
		rc = ms_fail(err, MS_ERR_MALFORMED, "TPM: no hello");
	if (rc == MS_OK)
		rc = ms_tpm_wire_parse_hello(f.payload, err);
	if (rc != MS_OK)
		stop(c, rc == MS_ERR_TIMEOUT);
	return rc;
}

/* One try. *ret_died: the process went without an answer, which may be asked for again. */
static enum ms_rc
try_call(struct client *c, const struct ms_tpm_request *q, struct ms_tpm_reply *r, bool *ret_died, struct ms_err *err)
{
	*ret_died = false;
	if (c->chan == NULL) {
		enum ms_rc rc = start(c, err);
		if (rc != MS_OK)
			return rc;
	}
	MS_OWN(ms_buf_fini) struct ms_buf out;
	ms_buf_init(&out, MS_TPM_WIRE_REQUEST_MAX);
	ms_tpm_wire_put_request(q, &out);
	enum ms_rc rc = ms_buf_check(&out, err);
	if (rc != MS_OK)
		return rc;
	const struct ms_frame ask = {.type = (uint16_t)q->op, .id = ++c->last_id, .payload = ms_buf_span(&out), .fd = -1};
	struct ms_frame f = {.fd = -1};
	rc = ms_chan_ask(c->chan, &ask, c->timeout_ms, &f, err);
	if (rc == MS_OK && f.type != MS_TPM_WIRE_REPLY)
		rc = ms_fail(err, MS_ERR_MALFORMED, "TPM: an answer of type %u", f.type);
	if (rc != MS_OK) { /* died, late, or talks nonsense (it may have died inside a frame): in no case used again */
		*ret_died = rc == MS_ERR_UNAVAILABLE || rc == MS_ERR_MALFORMED;
		stop(c, true);
		return rc;
	}
	rc = ms_tpm_wire_parse_reply(f.payload, r, err);
	if (rc == MS_ERR_UNAVAILABLE) /* it lost the TPM and cannot open it again from inside its sandbox */
		stop(c, false);
	return rc;
}

static enum ms_rc
client_call(struct ms_tpm *t, const struct ms_tpm_request *q, struct ms_tpm_reply *r, struct ms_err *err)
{
	struct client *c = (struct client *)t;
	bool died;
	enum ms_rc rc = try_call(c, q, r, &died, err);
	if (died)
		rc = try_call(c, q, r, &died, err);
	if (died)
		return ms_prefix(err, MS_ERR_UNAVAILABLE, "TPM process of %s died twice", c->program);
	if (rc == MS_ERR_TIMEOUT)
		return ms_prefix(err, rc, "TPM: %s", ms_tpm_op_name(q->op));
	return rc;
}

static void
client_free(struct ms_tpm *t)
{
	struct client *c = (struct client *)t;
	stop(c, false);
	free(c->program);
	free(c->tcti);
	free(c);
}

static const struct ms_tpm_ops client_ops = {.name = "process", .call = client_call, .free = client_free};

enum ms_rc
ms_tpm_client_open(const struct ms_tpm_client_params *p, struct ms_tpm **ret, struct ms_err *err)
{
	unsigned timeout_ms = p->timeout_ms != 0 ? p->timeout_ms : MS_TPM_CLIENT_TIMEOUT_MS;
	if (p->tcti == NULL || timeout_ms > INT_MAX)
		return ms_fail(err, MS_ERR_USAGE, "TPM: no TCTI string, or a timeout of %u ms", timeout_ms);
	struct client *c = calloc(1, sizeof *c);
	if (c == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "TPM");
	c->base.ops = &client_ops;
	c->timeout_ms = (int)timeout_ms;
	c->idle_ms = p->idle_ms != 0 ? p->idle_ms : MS_TPM_CLIENT_IDLE_MS;
	c->program = strdup(p->program != NULL ? p->program : MS_LIBEXECDIR "/muster-tpm");
	c->tcti = strdup(p->tcti);
	MS_OWN(ms_tpm_free) struct ms_tpm *t = &c->base;
	if (c->program == NULL || c->tcti == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "TPM");
	*ret = t;
	t = NULL;
	return MS_OK;
}

void
ms_tpm_client_release(struct ms_tpm *t)
{
	if (t->ops == &client_ops)
		stop((struct client *)t, false);
}

int
ms_tpm_client_pid(const struct ms_tpm *t)
{
	return t->ops == &client_ops ? (int)((const struct client *)t)->pid : 0;
}
