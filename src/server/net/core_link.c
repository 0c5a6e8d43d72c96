#include "server/net/core_link.h"

#include <stdlib.h>

#include "base/clock.h"
#include "ipc/table.h"

#define QUEUE_MAX (64u << 20)
#define PING_EVERY_S 1
#define ALIVE_MS 5000u

struct ms_core_link {
	struct ms_chan *chan;
	struct ms_ipc_state state;
	struct ms_core_link_events on;
	struct event *readable, *writable, *flush, *ping;
	size_t in_flight;
	uint64_t last_pong_ms; /* boot clock; 0: never */
	bool ping_out;
	struct ms_buf frame; /* being built */
};

static enum ms_rc
on_response(void *ctx, struct ms_frame *f, struct ms_err *err)
{
	struct ms_core_link *l = ctx;
	struct ms_net_response r;
	enum ms_rc rc = ms_net_response_parse(f->payload, &r, err);
	if (rc != MS_OK)
		return rc;
	if (l->in_flight == 0)
		return ms_fail(err, MS_ERR_MALFORMED, "an answer that nobody asked for");
	l->in_flight--;
	l->on.response(l->on.arg, f->id, &r);
	return MS_OK;
}

static enum ms_rc
on_certificate(void *ctx, struct ms_frame *f, struct ms_err *err)
{
	struct ms_core_link *l = ctx;
	struct ms_net_tls_cert c;
	enum ms_rc rc = ms_net_tls_cert_parse(f->payload, &c, err);
	if (rc == MS_OK)
		l->on.certificate(l->on.arg, &c);
	return rc;
}

static enum ms_rc
on_pong(void *ctx, MS_UNUSED struct ms_frame *f, MS_UNUSED struct ms_err *err)
{
	struct ms_core_link *l = ctx;
	l->last_pong_ms = ms_clock_boot_ms();
	l->ping_out = false;
	return MS_OK;
}

static const struct ms_ipc_row rows[] = {
    {.type = MS_NET_RESPONSE,
	.name = "response",
	.states = MS_IPC_ANY_STATE,
	.min_len = 7,
	.max_len = MS_NET_RESPONSE_FRAME_MAX,
	.handler = on_response},
    {.type = MS_NET_TLS_CERT,
	.name = "tls-cert",
	.states = MS_IPC_ANY_STATE,
	.min_len = 11,
	.max_len = 1 + MS_NET_CHAIN_MAX * (2 + MS_NET_CERT_MAX) + 8,
	.handler = on_certificate},
    {.type = MS_NET_PONG, .name = "pong", .states = MS_IPC_ANY_STATE, .handler = on_pong},
};
static const struct ms_ipc_table table = MS_IPC_TABLE("core->net", rows);

static void
dead(struct ms_core_link *l, const struct ms_err *err)
{
	(void)event_del(l->readable);
	(void)event_del(l->writable);
	(void)event_del(l->ping);
	l->on.closed(l->on.arg, err->text);
}

static void
flush(struct ms_core_link *l)
{
	struct ms_err err;
	enum ms_rc rc = ms_chan_flush(l->chan, &err);
	if (rc != MS_OK)
		dead(l, &err);
	else if (ms_chan_wants_write(l->chan))
		(void)event_add(l->writable, NULL);
}

static void
on_flush(MS_UNUSED evutil_socket_t fd, MS_UNUSED short what, void *arg)
{
	flush(arg);
}

static void
on_readable(MS_UNUSED evutil_socket_t fd, MS_UNUSED short what, void *arg)
{
	struct ms_core_link *l = arg;
	struct ms_err err;
	enum ms_rc rc = ms_chan_fill(l->chan, &err);
	if (rc == MS_OK)
		rc = ms_ipc_dispatch(l->chan, &l->state, l, &err);
	if (rc != MS_OK)
		dead(l, &err);
}

/* One write for all that is queued in this turn of the loop. */
static bool
queue(struct ms_core_link *l, uint16_t type, uint64_t id, struct ms_span payload)
{
	if (ms_chan_send(l->chan, type, id, payload, NULL) != MS_OK)
		return false;
	event_active(l->flush, EV_WRITE, 0);
	return true;
}

static void
on_ping(MS_UNUSED evutil_socket_t fd, MS_UNUSED short what, void *arg)
{
	struct ms_core_link *l = arg;
	if (!l->ping_out)
		l->ping_out = queue(l, MS_NET_PING, 0, MS_SPAN_NONE);
}

static struct event *
added(struct event *e, const struct timeval *tv)
{
	return e != NULL && event_add(e, tv) == 0 ? e : NULL;
}

enum ms_rc
ms_core_link_new(struct event_base *base, int fd, const struct ms_core_link_events *on, struct ms_core_link **ret, struct ms_err *err)
{
	static const struct timeval every = {.tv_sec = PING_EVERY_S};
	struct ms_chan *chan;
	enum ms_rc rc = ms_io_set_nonblock(fd, err);
	if (rc != MS_OK) {
		ms_fd_close(fd);
		return rc;
	}
	rc = ms_chan_new(fd, &table, QUEUE_MAX, &chan, err);
	if (rc != MS_OK)
		return rc;
	MS_OWN(ms_core_link_free) struct ms_core_link *l = calloc(1, sizeof *l);
	if (l == NULL) {
		ms_chan_free(chan);
		return ms_fail(err, MS_ERR_NOMEM, "link to core");
	}
	l->chan = chan;
	l->state = (struct ms_ipc_state)MS_IPC_STATE_INIT;
	l->on = *on;
	ms_buf_init(&l->frame, MS_NET_REQUEST_FRAME_MAX);
	l->readable = added(event_new(base, fd, EV_READ | EV_PERSIST, on_readable, l), NULL);
	l->writable = event_new(base, fd, EV_WRITE, on_flush, l);
	l->flush = event_new(base, -1, 0, on_flush, l);
	l->ping = added(event_new(base, -1, EV_PERSIST, on_ping, l), &every);
	if (l->readable == NULL || l->writable == NULL || l->flush == NULL || l->ping == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "link to core");
	on_ping(-1, 0, l);
	*ret = l;
	l = NULL;
	return MS_OK;
}

static void
free_event(struct event *e)
{
	if (e != NULL)
		event_free(e);
}

void
ms_core_link_free(struct ms_core_link *l)
{
	if (l == NULL)
		return;
	free_event(l->readable);
	free_event(l->writable);
	free_event(l->flush);
	free_event(l->ping);
	ms_buf_fini(&l->frame);
	ms_chan_free(l->chan);
	free(l);
}

bool
ms_core_link_request(struct ms_core_link *l, uint64_t id, const struct ms_net_request *r)
{
	ms_buf_reset(&l->frame);
	ms_net_request_build(r, &l->frame);
	if (ms_buf_check(&l->frame, NULL) != MS_OK || !queue(l, MS_NET_REQUEST, id, ms_buf_span(&l->frame)))
		return false;
	l->in_flight++;
	return true;
}

bool
ms_core_link_ask_certificate(struct ms_core_link *l, struct ms_span spki)
{
	return queue(l, MS_NET_TLS_REQUEST, 0, spki);
}

size_t
ms_core_link_in_flight(const struct ms_core_link *l)
{
	return l->in_flight;
}

bool
ms_core_link_alive(const struct ms_core_link *l)
{
	return l->last_pong_ms != 0 && ms_clock_boot_ms() - l->last_pong_ms <= ALIVE_MS;
}
