#include "server/core/appraisers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/rd.h"
#include "ipc/chan.h"
#include "ipc/msg.h"
#include "ipc/table.h"

#define IDLE_MAX 128u /* more workers than this is a broken appraiser */
#define EVENTS_PER_TURN 256u

struct worker {
	struct worker *next;
	struct ms_chan *chan;
	bool busy;
	uint64_t id, deadline_ms;
};
struct waiting {
	struct waiting *next;
	uint64_t id, deadline_ms;
	size_t len;
	uint8_t bytes[];
};
struct ms_appraisers {
	int epoll_fd;
	struct ms_chan *chan;
	struct ms_ipc_state state;
	struct worker *workers; /* idle and busy */
	size_t n_idle;
	struct waiting *first, **last;
	size_t n_waiting, waiting_bytes, queue_max;
	unsigned timeout_ms;
	ms_appraisers_done done;
	void *ctx;
};

static enum ms_rc on_worker(void *ctx, struct ms_frame *f, struct ms_err *err);

static const struct ms_ipc_row appraiser_rows[] = {
    {.type = MS_APPRAISER_WORKER,
	.name = "WORKER",
	.states = MS_IPC_ANY_STATE,
	.fd = true,
	.min_len = 4,
	.max_len = 4,
	.handler = on_worker},
};
static const struct ms_ipc_table appraiser_table = MS_IPC_TABLE("appraiser->core", appraiser_rows);

static const struct ms_ipc_row worker_rows[] = {
    {.type = MS_WORKER_CLAIMS, .name = "CLAIMS", .states = MS_IPC_ANY_STATE, .max_len = MS_WORKER_CLAIMS_MAX},
    {.type = MS_WORKER_ERROR, .name = "ERROR", .states = MS_IPC_ANY_STATE, .min_len = 2, .max_len = MS_WORKER_ERROR_MAX},
};
static const struct ms_ipc_table worker_table = MS_IPC_TABLE("worker->core", worker_rows);

static enum ms_rc
watch(struct ms_appraisers *a, int op, const struct ms_chan *c, void *who, struct ms_err *err)
{
	struct epoll_event e = {.events = EPOLLIN | (ms_chan_wants_write(c) ? (uint32_t)EPOLLOUT : 0u), .data.ptr = who};
	return epoll_ctl(a->epoll_fd, op, ms_chan_fd(c), &e) == 0 ? MS_OK : ms_fail(err, MS_ERR_INTERNAL, "epoll_ctl: %s", strerror(errno));
}

enum ms_rc
ms_appraisers_new(
    int chan_fd, size_t queue_max, unsigned timeout_ms, ms_appraisers_done done, void *ctx, struct ms_appraisers **ret, struct ms_err *err)
{
	MS_OWN(ms_appraisers_free) struct ms_appraisers *a = calloc(1, sizeof *a);
	if (a == NULL) {
		ms_fd_close(chan_fd);
		return ms_fail(err, MS_ERR_NOMEM, "appraisers");
	}
	a->state = (struct ms_ipc_state)MS_IPC_STATE_INIT;
	a->last = &a->first;
	a->queue_max = queue_max;
	a->timeout_ms = timeout_ms;
	a->done = done;
	a->ctx = ctx;
	a->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	enum ms_rc rc = ms_chan_new(chan_fd, &appraiser_table, 0, &a->chan, err);
	if (rc == MS_OK && a->epoll_fd < 0)
		rc = ms_fail(err, MS_ERR_INTERNAL, "epoll: %s", strerror(errno));
	if (rc != MS_OK || (rc = watch(a, EPOLL_CTL_ADD, a->chan, NULL, err)) != MS_OK)
		return rc;
	*ret = a;
	a = NULL;
	return MS_OK;
}

/* Closing its channel ends the worker, too; epoll forgets it. */
static void
drop(struct ms_appraisers *a, struct worker *w)
{
	for (struct worker **p = &a->workers; *p != NULL; p = &(*p)->next)
		if (*p == w) {
			*p = w->next;
			break;
		}
	a->n_idle -= !w->busy;
	ms_chan_free(w->chan);
	free(w);
}

void
ms_appraisers_free(struct ms_appraisers *a)
{
	if (a == NULL)
		return;
	while (a->workers != NULL)
		drop(a, a->workers);
	for (struct waiting *q = a->first; q != NULL;) {
		struct waiting *next = q->next;
		free(q);
		q = next;
	}
	ms_chan_free(a->chan);
	ms_fd_close(a->epoll_fd);
	free(a);
}

int
ms_appraisers_fd(const struct ms_appraisers *a)
{
	return a->epoll_fd;
}

size_t
ms_appraisers_idle(const struct ms_appraisers *a)
{
	return a->n_idle;
}

/* A worker that dies while it is given its work is dropped, and the next one is tried: MS_ERR_UNAVAILABLE when none is left. */
static enum ms_rc
give(struct ms_appraisers *a, uint64_t id, uint64_t deadline_ms, struct ms_span request, struct ms_err *err)
{
	for (struct worker *w = a->workers, *next; w != NULL; w = next) {
		next = w->next;
		if (w->busy)
			continue;
		if (ms_chan_send(w->chan, MS_WORKER_EVIDENCE, id, request, NULL) != MS_OK || ms_chan_flush(w->chan, NULL) != MS_OK ||
		    (ms_chan_wants_write(w->chan) && watch(a, EPOLL_CTL_MOD, w->chan, w, NULL) != MS_OK)) {
			drop(a, w);
			continue;
		}
		a->n_idle--;
		w->busy = true;
		w->id = id;
		w->deadline_ms = deadline_ms;
		return MS_OK;
	}
	return ms_fail(err, MS_ERR_UNAVAILABLE, "no idle worker");
}

enum ms_rc
ms_appraisers_start(struct ms_appraisers *a, uint64_t id, struct ms_span request, struct ms_err *err)
{
	uint64_t deadline_ms = ms_clock_boot_ms() + a->timeout_ms;
	if (request.len > MS_WORKER_EVIDENCE_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "evidence of %zu bytes", request.len);
	if (a->first == NULL && give(a, id, deadline_ms, request, err) == MS_OK)
		return MS_OK;
	if (a->n_waiting >= a->queue_max || a->waiting_bytes + request.len > MS_APPRAISERS_QUEUE_BYTES)
		return ms_fail(err, MS_ERR_LIMITED, "%zu pieces of evidence wait", a->n_waiting);
	struct waiting *q = malloc(sizeof *q + request.len);
	if (q == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "evidence");
	*q = (struct waiting){.id = id, .deadline_ms = deadline_ms, .len = request.len};
	if (request.len > 0)
		memcpy(q->bytes, request.p, request.len);
	*a->last = q;
	a->last = &q->next;
	a->n_waiting++;
	a->waiting_bytes += request.len;
	return MS_OK;
}

static struct waiting *
take_first(struct ms_appraisers *a)
{
	struct waiting *q = a->first;
	a->first = q->next;
	if (a->first == NULL)
		a->last = &a->first;
	a->n_waiting--;
	a->waiting_bytes -= q->len;
	return q;
}

static void
give_waiting(struct ms_appraisers *a)
{
	while (a->first != NULL && give(a, a->first->id, a->first->deadline_ms, ms_span(a->first->bytes, a->first->len), NULL) == MS_OK)
		free(take_first(a));
}

static enum ms_rc
on_worker(void *ctx, struct ms_frame *f, struct ms_err *err)
{
	struct ms_appraisers *a = ctx;
	if (a->n_idle >= IDLE_MAX)
		return ms_fail(err, MS_ERR_MALFORMED, "too many workers");
	struct worker *w = calloc(1, sizeof *w);
	if (w == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "worker");
	int fd = f->fd;
	f->fd = -1;
	enum ms_rc rc = ms_chan_new(fd, &worker_table, MS_WORKER_EVIDENCE_MAX + MS_CHAN_HEADER_LEN, &w->chan, err);
	if (rc == MS_OK)
		rc = watch(a, EPOLL_CTL_ADD, w->chan, w, err);
	if (rc != MS_OK) {
		ms_chan_free(w->chan);
		free(w);
		return rc;
	}
	w->next = a->workers;
	a->workers = w;
	a->n_idle++;
	return MS_OK;
}

/* The worker's word on the evidence; any other code of its is its own failure. */
static enum ms_rc
error_code(struct ms_span payload, struct ms_span *ret_text)
{
	struct ms_rd rd = ms_rd_span(payload);
	enum ms_rc rc = (enum ms_rc)ms_rd_u16(&rd);
	*ret_text = ms_rd_bytes(&rd, ms_rd_left(&rd));
	return rc == MS_ERR_MALFORMED || rc == MS_ERR_TOO_BIG || rc == MS_ERR_UNSUPPORTED ? rc : MS_ERR_UNAVAILABLE;
}

/* Each worker speaks once. One that speaks unasked, or nonsense, or dies, has failed at its work. */
static void
hear(struct ms_appraisers *a, struct worker *w)
{
	struct ms_frame f = {.fd = -1};
	struct ms_span said = MS_SPAN_NONE;
	bool have = false;
	enum ms_rc rc = ms_chan_flush(w->chan, NULL);
	if (rc == MS_OK)
		rc = ms_chan_fill(w->chan, NULL);
	if (rc == MS_OK)
		rc = ms_chan_next(w->chan, &f, &have, NULL);
	if (rc == MS_OK && !have) {
		(void)!watch(a, EPOLL_CTL_MOD, w->chan, w, NULL);
		return;
	}
	if (rc != MS_OK || f.id != w->id || !w->busy)
		rc = MS_ERR_UNAVAILABLE;
	else if (f.type == MS_WORKER_ERROR)
		rc = error_code(f.payload, &said);
	else
		said = f.payload;
	if (w->busy)
		a->done(a->ctx, w->id, rc, said);
	drop(a, w);
}

static void
expire(struct ms_appraisers *a)
{
	uint64_t now = ms_clock_boot_ms();
	for (struct worker *w = a->workers, *next; w != NULL; w = next) {
		next = w->next;
		if (!w->busy || now < w->deadline_ms)
			continue;
		uint64_t id = w->id;
		drop(a, w);
		a->done(a->ctx, id, MS_ERR_TIMEOUT, MS_SPAN_NONE);
		next = a->workers; /* done() may have changed the list: look again from its start */
	}
	while (a->first != NULL && now >= a->first->deadline_ms) {
		struct waiting *q = take_first(a);
		a->done(a->ctx, q->id, MS_ERR_TIMEOUT, MS_SPAN_NONE);
		free(q);
	}
}

enum ms_rc
ms_appraisers_turn(struct ms_appraisers *a, struct ms_err *err)
{
	for (unsigned i = 0; i < EVENTS_PER_TURN; i++) {
		struct epoll_event e; /* one at a time: handling one may free another */
		int n = epoll_wait(a->epoll_fd, &e, 1, 0);
		if (n < 0 && errno != EINTR)
			return ms_fail(err, MS_ERR_INTERNAL, "epoll_wait: %s", strerror(errno));
		if (n <= 0)
			break;
		if (e.data.ptr != NULL) {
			hear(a, e.data.ptr);
			continue;
		}
		enum ms_rc rc = ms_chan_fill(a->chan, err);
		if (rc == MS_OK)
			rc = ms_ipc_dispatch(a->chan, &a->state, a, err);
		if (rc != MS_OK)
			return rc;
	}
	expire(a);
	give_waiting(a);
	return MS_OK;
}

int
ms_appraisers_wait_ms(const struct ms_appraisers *a)
{
	uint64_t first = a->first != NULL ? a->first->deadline_ms : UINT64_MAX, now = ms_clock_boot_ms();
	for (const struct worker *w = a->workers; w != NULL; w = w->next)
		if (w->busy && w->deadline_ms < first)
			first = w->deadline_ms;
	if (first == UINT64_MAX)
		return -1;
	return first > now ? (int)(first - now) : 0;
}
