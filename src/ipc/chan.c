#include "ipc/chan.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/rd.h"
#include "ipc/table.h"

#define BUFFER_START ((size_t)1 << 16)
#define BUFFER_SOFT_MAX ((size_t)1 << 20) /* grows beyond this only for one frame that is larger */
#define BUFFER_KEEP ((size_t)1 << 18)     /* an empty buffer larger than this is given back */

struct window { /* bytes head..tail of an allocation */
	uint8_t *p;
	size_t cap, head, tail;
	bool locked; /* a mapping of its own that is never swapped, for frames with secrets */
};
struct ms_chan {
	int fd;
	const struct ms_ipc_table *table;
	struct window in, out;
	size_t borrowed; /* length of the frame that the caller still looks at, at in.head */
	size_t queue_max;
	int in_fd[MS_CHAN_FDS_MAX];
	size_t n_in_fd;
	struct {
		size_t at; /* offset in out of the first byte of its frame */
		int fd;
	} out_fd[MS_CHAN_FDS_MAX];
	size_t n_out_fd;
	bool wipe, eof;
	struct ms_err broken; /* sticky; rc MS_OK until a rule was broken */
};
struct header {
	uint32_t len;
	uint16_t type;
	uint64_t id;
	const struct ms_ipc_row *row;
	bool whole; /* the payload is there, too */
};

static size_t
window_len(const struct window *w)
{
	return w->tail - w->head;
}

static void
window_fini(struct window *w)
{
	if (w->p != NULL)
		ms_wipe(w->p, w->cap);
	if (w->p != NULL && w->locked)
		(void)munmap(w->p, w->cap);
	else
		free(w->p);
	*w = (struct window){.locked = w->locked};
}

static uint8_t *
window_alloc(const struct window *w, size_t cap)
{
	if (!w->locked)
		return malloc(cap);
	void *p = mmap(NULL, cap, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	if (mlock(p, cap) == 0 && madvise(p, cap, MADV_DONTDUMP) == 0)
		return p;
	(void)munmap(p, cap);
	return NULL;
}

/* Make room for `more` bytes after tail; a new allocation, never realloc, so that the old copy is wiped. */
static enum ms_rc
window_reserve(struct window *w, size_t more, struct ms_err *err)
{
	size_t len = window_len(w), need;
	if (w->cap - w->tail >= more)
		return MS_OK;
	if (!ms_add_size(len, more, &need))
		return ms_fail(err, MS_ERR_TOO_BIG, "channel buffer");
	if (need <= w->cap && w->head >= w->cap / 2) {
		memmove(w->p, w->p + w->head, len);
	} else {
		size_t cap = w->cap > 0 ? w->cap : BUFFER_START;
		while (cap < need)
			cap = cap > SIZE_MAX / 2 ? need : cap * 2;
		uint8_t *p = window_alloc(w, cap);
		if (p == NULL)
			return ms_fail(err, MS_ERR_NOMEM, "channel buffer of %zu bytes", cap);
		if (len > 0)
			memcpy(p, w->p + w->head, len);
		window_fini(w);
		w->p = p;
		w->cap = cap;
	}
	w->head = 0;
	w->tail = len;
	return MS_OK;
}

static void
window_consume(struct window *w, size_t len, bool wipe)
{
	if (wipe && len > 0)
		ms_wipe(w->p + w->head, len);
	w->head += len;
	if (w->head < w->tail)
		return;
	w->head = w->tail = 0;
	if (w->cap > BUFFER_KEEP)
		window_fini(w);
}

enum ms_rc
ms_chan_new(int fd, const struct ms_ipc_table *in, size_t queue_max, struct ms_chan **ret, struct ms_err *err)
{
	struct ms_chan *c = calloc(1, sizeof *c);
	if (c == NULL) {
		ms_fd_close(fd);
		return ms_fail(err, MS_ERR_NOMEM, "channel");
	}
	c->fd = fd;
	c->table = in;
	c->queue_max = queue_max;
	*ret = c;
	return MS_OK;
}

void
ms_chan_free(struct ms_chan *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->n_in_fd; i++)
		ms_fd_close(c->in_fd[i]);
	for (size_t i = 0; i < c->n_out_fd; i++)
		ms_fd_close(c->out_fd[i].fd);
	ms_fd_close(c->fd);
	window_fini(&c->in);
	window_fini(&c->out);
	free(c);
}

void
ms_chan_set_wipe(struct ms_chan *c)
{
	window_fini(&c->in);
	window_fini(&c->out);
	c->wipe = c->in.locked = c->out.locked = true;
}

const struct ms_ipc_table *
ms_chan_table(const struct ms_chan *c)
{
	return c->table;
}

int
ms_chan_fd(const struct ms_chan *c)
{
	return c->fd;
}

static enum ms_rc
broken(const struct ms_chan *c, struct ms_err *err)
{
	return ms_fail(err, c->broken.rc, "%s", c->broken.text);
}

/* Remember the first broken rule: the stream cannot be trusted to be in step after it. */
#define BREAK(c, err, ...) (ms_fail(&(c)->broken, MS_ERR_MALFORMED, __VA_ARGS__), broken(c, err))

/* The header at in.head, when it is there: *ret_have. Rules of its row are checked before its payload is waited for. */
static enum ms_rc
look(struct ms_chan *c, struct header *ret, bool *ret_have, struct ms_err *err)
{
	*ret_have = false;
	if (c->broken.rc != MS_OK)
		return broken(c, err);
	if (window_len(&c->in) < MS_CHAN_HEADER_LEN)
		return MS_OK;
	struct ms_rd rd = ms_rd_over(c->in.p + c->in.head, MS_CHAN_HEADER_LEN);
	struct header h = {0};
	h.len = ms_rd_u32(&rd);
	h.type = ms_rd_u16(&rd);
	uint16_t reserved = ms_rd_u16(&rd);
	h.id = ms_rd_u64(&rd);
	h.row = ms_ipc_row(c->table, h.type);
	if (h.row == NULL)
		return BREAK(c, err, "%s: no frame of type %u", c->table->link, h.type);
	if (reserved != 0)
		return BREAK(c, err, "%s: %s: reserved field is %u", c->table->link, h.row->name, reserved);
	if (h.len < h.row->min_len || h.len > h.row->max_len)
		return BREAK(c, err, "%s: %s: %u bytes, not %u to %u", c->table->link, h.row->name, h.len, h.row->min_len, h.row->max_len);
	h.whole = window_len(&c->in) - MS_CHAN_HEADER_LEN >= h.len;
	*ret = h;
	*ret_have = true;
	return MS_OK;
}

static void
release(struct ms_chan *c)
{
	if (c->borrowed > 0)
		window_consume(&c->in, c->borrowed, c->wipe);
	c->borrowed = 0;
}

/* What the end of the stream means here: frames left, a cut frame, or a clean close. */
static enum ms_rc
at_eof(struct ms_chan *c, struct ms_err *err)
{
	struct header h;
	bool have;
	enum ms_rc rc = look(c, &h, &have, err);
	if (rc != MS_OK)
		return rc;
	if (have && h.whole)
		return MS_OK;
	if (window_len(&c->in) > 0)
		return BREAK(c, err, "%s: end of file inside a frame", c->table->link);
	return ms_fail(err, MS_ERR_UNAVAILABLE, "%s: closed by the peer", c->table->link);
}

/* Room for at least one more read; *ret_room 0 when the buffer holds frames enough that the caller has not taken yet. */
static enum ms_rc
make_room(struct ms_chan *c, size_t *ret_room, struct ms_err *err)
{
	struct header h;
	bool have;
	enum ms_rc rc = look(c, &h, &have, err);
	if (rc != MS_OK)
		return rc;
	size_t want = BUFFER_START / 4, len = window_len(&c->in);
	if (have && !h.whole)
		want = MS_CHAN_HEADER_LEN + (size_t)h.len - len;
	else if (len >= BUFFER_SOFT_MAX)
		want = 0;
	if (want > 0 && (rc = window_reserve(&c->in, want, err)) != MS_OK)
		return rc;
	*ret_room = want > 0 ? c->in.cap - c->in.tail : 0;
	return MS_OK;
}

static enum ms_rc
take_fds(struct ms_chan *c, struct msghdr *m, struct ms_err *err)
{
	bool excess = (m->msg_flags & MSG_CTRUNC) != 0;
	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h != NULL; h = CMSG_NXTHDR(m, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
			if (c->n_in_fd < MS_CHAN_FDS_MAX) {
				c->in_fd[c->n_in_fd++] = fd;
			} else {
				ms_fd_close(fd);
				excess = true;
			}
		}
	}
	return excess ? BREAK(c, err, "%s: too many descriptors", c->table->link) : MS_OK;
}

/* One read. *ret_n is 0 when nothing was there or the stream ended (c->eof). */
static enum ms_rc
read_some(struct ms_chan *c, size_t room, int flags, size_t *ret_n, struct ms_err *err)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * MS_CHAN_FDS_MAX)];
		struct cmsghdr align;
	} control;
	struct iovec iov = {.iov_base = c->in.p + c->in.tail, .iov_len = room};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
	ssize_t n;
	do
		n = recvmsg(c->fd, &m, flags | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	*ret_n = 0;
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return MS_OK;
	if (n < 0 && errno != ECONNRESET)
		return ms_fail(err, MS_ERR_IO, "%s: recvmsg: %s", c->table->link, strerror(errno));
	if (n <= 0) {
		c->eof = true;
		return MS_OK;
	}
	c->in.tail += (size_t)n;
	*ret_n = (size_t)n;
	return take_fds(c, &m, err);
}

static enum ms_rc
fill(struct ms_chan *c, int flags, struct ms_err *err)
{
	release(c);
	for (;;) {
		size_t room, n;
		if (c->eof)
			return at_eof(c, err);
		enum ms_rc rc = make_room(c, &room, err);
		if (rc != MS_OK || room == 0)
			return rc;
		if ((rc = read_some(c, room, flags, &n, err)) != MS_OK)
			return rc;
		if (n < room && !c->eof)
			return MS_OK; /* most likely all that was there */
		flags |= MSG_DONTWAIT;
	}
}

enum ms_rc
ms_chan_fill(struct ms_chan *c, struct ms_err *err)
{
	return fill(c, MSG_DONTWAIT, err);
}

enum ms_rc
ms_chan_feed(struct ms_chan *c, struct ms_span bytes, struct ms_err *err)
{
	release(c);
	if (c->broken.rc != MS_OK)
		return broken(c, err);
	enum ms_rc rc = window_reserve(&c->in, bytes.len, err);
	if (rc != MS_OK || bytes.len == 0)
		return rc;
	memcpy(c->in.p + c->in.tail, bytes.p, bytes.len);
	c->in.tail += bytes.len;
	return MS_OK;
}

static enum ms_rc
pop_fd(struct ms_chan *c, const struct header *h, int *ret, struct ms_err *err)
{
	*ret = -1;
	if (!h->row->fd)
		return MS_OK;
	if (c->n_in_fd == 0)
		return BREAK(c, err, "%s: %s: without its descriptor", c->table->link, h->row->name);
	*ret = c->in_fd[0];
	c->n_in_fd--;
	memmove(c->in_fd, c->in_fd + 1, c->n_in_fd * sizeof *c->in_fd);
	return MS_OK;
}

enum ms_rc
ms_chan_next(struct ms_chan *c, struct ms_frame *ret, bool *ret_have, struct ms_err *err)
{
	struct header h;
	bool have;
	int fd;
	*ret_have = false;
	release(c);
	enum ms_rc rc = look(c, &h, &have, err);
	if (rc != MS_OK)
		return rc;
	if (window_len(&c->in) == 0 && c->n_in_fd > 0)
		return BREAK(c, err, "%s: a descriptor without a frame", c->table->link);
	if (!have || !h.whole)
		return MS_OK;
	if ((rc = pop_fd(c, &h, &fd, err)) != MS_OK)
		return rc;
	c->borrowed = MS_CHAN_HEADER_LEN + (size_t)h.len;
	*ret =
	    (struct ms_frame){.type = h.type, .id = h.id, .payload = ms_span(c->in.p + c->in.head + MS_CHAN_HEADER_LEN, h.len), .fd = fd};
	*ret_have = true;
	return MS_OK;
}

enum ms_rc
ms_chan_send(struct ms_chan *c, uint16_t type, uint64_t id, struct ms_span payload, struct ms_err *err)
{
	size_t queued = window_len(&c->out), total = MS_CHAN_HEADER_LEN;
	if (payload.len > UINT32_MAX || !ms_add_size(total, payload.len, &total))
		return ms_fail(err, MS_ERR_TOO_BIG, "%s: frame of %zu bytes", c->table->link, payload.len);
	if (queued > c->queue_max || total > c->queue_max - queued)
		return ms_fail(err, MS_ERR_LIMITED, "%s: %zu bytes queued", c->table->link, queued);
	size_t before = c->out.head;
	enum ms_rc rc = window_reserve(&c->out, total, err);
	if (rc != MS_OK)
		return rc;
	for (size_t i = 0; i < c->n_out_fd; i++)
		c->out_fd[i].at -= before - c->out.head; /* the window may have moved to the front */
	uint8_t *p = c->out.p + c->out.tail;
	const uint32_t len = (uint32_t)payload.len;
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(len >> (24 - 8 * i));
	p[4] = (uint8_t)(type >> 8), p[5] = (uint8_t)type, p[6] = p[7] = 0;
	for (unsigned i = 0; i < 8; i++)
		p[8 + i] = (uint8_t)(id >> (56 - 8 * i));
	if (len > 0)
		memcpy(p + MS_CHAN_HEADER_LEN, payload.p, len);
	c->out.tail += total;
	return MS_OK;
}

enum ms_rc
ms_chan_send_fd(struct ms_chan *c, uint16_t type, uint64_t id, struct ms_span payload, int fd, struct ms_err *err)
{
	size_t len = MS_CHAN_HEADER_LEN + payload.len;
	enum ms_rc rc = c->n_out_fd < MS_CHAN_FDS_MAX ? ms_chan_send(c, type, id, payload, err)
						      : ms_fail(err, MS_ERR_LIMITED, "%s: descriptors queued", c->table->link);
	if (rc != MS_OK) {
		ms_fd_close(fd);
		return rc;
	}
	c->out_fd[c->n_out_fd].at = c->out.tail - len;
	c->out_fd[c->n_out_fd++].fd = fd;
	return MS_OK;
}

static void
attach_fd(struct msghdr *m, void *control, size_t control_len, int fd)
{
	m->msg_control = control;
	m->msg_controllen = control_len;
	struct cmsghdr *h = CMSG_FIRSTHDR(m);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(h), &fd, sizeof fd);
}

static void
sent(struct ms_chan *c, size_t n, bool with_fd)
{
	if (with_fd) {
		ms_fd_close(c->out_fd[0].fd);
		c->n_out_fd--;
		memmove(c->out_fd, c->out_fd + 1, c->n_out_fd * sizeof *c->out_fd);
	}
	window_consume(&c->out, n, c->wipe);
}

enum ms_rc
ms_chan_flush(struct ms_chan *c, struct ms_err *err)
{
	while (window_len(&c->out) > 0) {
		union {
			char bytes[CMSG_SPACE(sizeof(int))];
			struct cmsghdr align;
		} control = {0};
		bool with_fd = c->n_out_fd > 0 && c->out_fd[0].at == c->out.head;
		size_t limit = c->n_out_fd > (with_fd ? 1u : 0u) ? c->out_fd[with_fd ? 1 : 0].at : c->out.tail;
		struct iovec iov = {.iov_base = c->out.p + c->out.head, .iov_len = limit - c->out.head};
		struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
		if (with_fd)
			attach_fd(&m, &control, sizeof control, c->out_fd[0].fd);
		ssize_t n = sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return MS_OK;
		if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
			return ms_fail(err, MS_ERR_UNAVAILABLE, "%s: closed by the peer", c->table->link);
		if (n < 0)
			return ms_fail(err, MS_ERR_IO, "%s: sendmsg: %s", c->table->link, strerror(errno));
		sent(c, (size_t)n, with_fd);
	}
	return MS_OK;
}

bool
ms_chan_wants_write(const struct ms_chan *c)
{
	return window_len(&c->out) > 0;
}

size_t
ms_chan_queued(const struct ms_chan *c)
{
	return window_len(&c->out);
}

struct deadline {
	bool none;
	uint64_t at_ms;
};

static struct deadline
deadline_in(int timeout_ms)
{
	return (struct deadline){.none = timeout_ms < 0, .at_ms = timeout_ms < 0 ? 0 : ms_clock_boot_ms() + (uint64_t)timeout_ms};
}

static enum ms_rc
wait_for(struct ms_chan *c, short events, const struct deadline *d, struct ms_err *err)
{
	for (;;) {
		uint64_t now = d->none ? 0 : ms_clock_boot_ms();
		int wait_ms = d->none ? -1 : (d->at_ms <= now ? 0 : (int)(d->at_ms - now));
		struct pollfd p = {.fd = c->fd, .events = events};
		int n = poll(&p, 1, wait_ms);
		if (n > 0)
			return MS_OK;
		if (n < 0 && errno != EINTR)
			return ms_fail(err, MS_ERR_IO, "%s: poll: %s", c->table->link, strerror(errno));
		if (n == 0)
			return ms_fail(err, MS_ERR_TIMEOUT, "%s: no answer in time", c->table->link);
	}
}

enum ms_rc
ms_chan_wait_frame(struct ms_chan *c, int timeout_ms, struct ms_frame *ret, struct ms_err *err)
{
	const struct deadline d = deadline_in(timeout_ms);
	for (;;) {
		bool have;
		enum ms_rc rc = ms_chan_next(c, ret, &have, err);
		if (rc != MS_OK || have)
			return rc;
		if (!c->eof && (rc = wait_for(c, POLLIN, &d, err)) != MS_OK)
			return rc;
		if ((rc = fill(c, MSG_DONTWAIT, err)) != MS_OK)
			return rc;
	}
}

enum ms_rc
ms_chan_drain(struct ms_chan *c, int timeout_ms, struct ms_err *err)
{
	const struct deadline d = deadline_in(timeout_ms);
	for (;;) {
		enum ms_rc rc = ms_chan_flush(c, err);
		if (rc != MS_OK || !ms_chan_wants_write(c))
			return rc;
		if ((rc = wait_for(c, POLLOUT, &d, err)) != MS_OK)
			return rc;
	}
}

enum ms_rc
ms_chan_send_now(struct ms_chan *c, uint16_t type, uint64_t id, struct ms_span payload, int timeout_ms, struct ms_err *err)
{
	enum ms_rc rc = ms_chan_send(c, type, id, payload, err);
	return rc != MS_OK ? rc : ms_chan_drain(c, timeout_ms, err);
}

enum ms_rc
ms_chan_ask(struct ms_chan *c, const struct ms_frame *question, int timeout_ms, struct ms_frame *ret, struct ms_err *err)
{
	struct ms_frame answer;
	enum ms_rc rc = ms_chan_send_now(c, question->type, question->id, question->payload, timeout_ms, err);
	if (rc != MS_OK || (rc = ms_chan_wait_frame(c, timeout_ms, &answer, err)) != MS_OK)
		return rc;
	if (answer.id != question->id) {
		ms_fd_close(answer.fd);
		return BREAK(c, err, "%s: an answer to another question", c->table->link);
	}
	*ret = answer;
	return MS_OK;
}
