#include "server/net/conn.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event_struct.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/clock.h"
#include "server/net/http.h"
#include "server/net/reply.h"
#include "server/net/route.h"

#define INPUT_MAX (32u << 10) /* plaintext waiting to be read: more is left to the kernel, and so to the peer */
#define PIPELINE_MAX 32u      /* requests in a row that came before the answer to the one before */
#define LINGER_MS 1000u       /* how long a peer that we gave up may take to read why */
#define SLOWEST_BYTES_PER_MS 32u
#define GRACE_MS 5000u

/* Each phase has one absolute deadline, set when it starts and never moved by bytes that come or go. */
enum phase {
	PH_TCP,  /* nothing received: no TLS object yet, for an empty connection should cost nothing */
	PH_TLS,  /* handshake */
	PH_IDLE, /* between requests */
	PH_HEAD,
	PH_BODY,
	PH_CORE,   /* core has it */
	PH_WRITE,  /* the answer is on its way */
	PH_LINGER, /* refused: waiting for the peer to close */
};

struct conn {
	struct ms_conns *all;
	TAILQ_ENTRY(conn) half_open; /* in all->half_open during PH_TCP and PH_TLS */
	struct event deadline, readable;
	struct bufferevent *bev; /* from PH_TLS on; owns fd */
	struct ms_http *http;    /* only while there is a request */
	struct ms_route_match match;
	uint64_t request_id; /* of the request core has; 0: none */
	size_t body_reserved;
	int fd;
	uint32_t slot;
	unsigned pipelined;
	enum phase phase;
	bool close_after;
	uint8_t peer[16];
	uint8_t exporter[MS_NET_EXPORTER_LEN];
};
TAILQ_HEAD(conn_queue, conn);

struct ms_conns {
	struct ms_conns_params p;
	struct conn **slots;
	uint32_t *free_slots;
	size_t n_free;
	uint64_t last_request; /* ids are (count << 16 | slot), so an old id never fits a new request */
	size_t body_total;
	struct conn_queue half_open; /* oldest first */
};

static void on_deadline(evutil_socket_t fd, short what, void *arg);
static void on_first_bytes(evutil_socket_t fd, short what, void *arg);
static void read_requests(struct conn *c);

enum ms_rc
ms_conns_new(const struct ms_conns_params *p, struct ms_conns **ret, struct ms_err *err)
{
	size_t n = p->config->max_connections;
	if (n == 0 || n > 65536)
		return ms_fail(err, MS_ERR_USAGE, "max_connections must be 1 to 65536");
	MS_OWN(ms_conns_free) struct ms_conns *all = calloc(1, sizeof *all);
	if (all == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "connections");
	all->p = *p;
	TAILQ_INIT(&all->half_open);
	all->slots = calloc(n, sizeof(struct conn *));
	all->free_slots = calloc(n, sizeof *all->free_slots);
	if (all->slots == NULL || all->free_slots == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "connections");
	while (all->n_free < n) {
		all->free_slots[all->n_free] = (uint32_t)(n - 1 - all->n_free);
		all->n_free++;
	}
	*ret = all;
	all = NULL;
	return MS_OK;
}

static void
release_body(struct conn *c)
{
	c->all->body_total -= c->body_reserved;
	c->body_reserved = 0;
}

static bool
is_half_open(const struct conn *c)
{
	return c->phase == PH_TCP || c->phase == PH_TLS;
}

static void
conn_close(struct conn *c)
{
	struct ms_conns *all = c->all;
	(void)event_del(&c->deadline);
	if (c->bev != NULL) {
		bufferevent_free(c->bev); /* with SSL object and fd */
	} else {
		(void)event_del(&c->readable);
		(void)close(c->fd);
	}
	if (is_half_open(c))
		TAILQ_REMOVE(&all->half_open, c, half_open);
	release_body(c);
	ms_http_free(c->http);
	ms_limit_disconnect(all->p.limit, c->peer);
	all->slots[c->slot] = NULL;
	all->free_slots[all->n_free++] = c->slot;
	ms_wipe(c, sizeof *c);
	free(c);
}

void
ms_conns_free(struct ms_conns *all)
{
	if (all == NULL)
		return;
	for (size_t i = 0; all->slots != NULL && i < all->p.config->max_connections; i++)
		if (all->slots[i] != NULL)
			conn_close(all->slots[i]);
	free(all->slots);
	free(all->free_slots);
	free(all);
}

size_t
ms_conns_count(const struct ms_conns *all)
{
	return all->p.config->max_connections - all->n_free;
}

/* Enter a phase with its deadline. */
static void
enter(struct conn *c, enum phase phase, unsigned ms)
{
	struct timeval tv = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000) * 1000};
	c->phase = phase;
	(void)evtimer_add(&c->deadline, &tv);
}

/* Time for `len` bytes at the slowest rate we put up with. */
static unsigned
time_for(size_t len, unsigned cap_ms)
{
	size_t ms = GRACE_MS + len / SLOWEST_BYTES_PER_MS;
	return ms < cap_ms ? (unsigned)ms : cap_ms;
}

bool
ms_conns_evict(struct ms_conns *all)
{
	struct conn *oldest = TAILQ_FIRST(&all->half_open);
	if (oldest == NULL)
		return false;
	all->p.counters->evicted++;
	conn_close(oldest);
	return true;
}

static struct conn *
conn_new(struct ms_conns *all, int fd, const uint8_t peer[static 16])
{
	struct conn *c = calloc(1, sizeof *c);
	if (c == NULL)
		return NULL;
	c->all = all;
	c->fd = fd;
	memcpy(c->peer, peer, sizeof c->peer);
	(void)event_assign(&c->deadline, all->p.base, -1, 0, on_deadline, c);
	(void)event_assign(&c->readable, all->p.base, fd, EV_READ, on_first_bytes, c);
	return c;
}

void
ms_conns_accept(struct ms_conns *all, int fd, const uint8_t peer[static 16])
{
	struct ms_net_counters *n = all->p.counters;
	bool room = all->n_free > 0 || ms_conns_evict(all);
	bool allowed = room && ms_limit_connect(all->p.limit, peer, ms_clock_boot_ms());
	struct conn *c = allowed ? conn_new(all, fd, peer) : NULL;
	n->over_connections += !room;
	n->over_address += room && !allowed;
	if (c == NULL) {
		if (allowed)
			ms_limit_disconnect(all->p.limit, peer);
		(void)close(fd);
		return;
	}
	n->accepted++;
	c->slot = all->free_slots[--all->n_free];
	all->slots[c->slot] = c;
	TAILQ_INSERT_TAIL(&all->half_open, c, half_open);
	enter(c, PH_TCP, all->p.config->handshake_ms);
	(void)event_add(&c->readable, NULL);
}

/* Put the answer in the output as one piece, so that a small one is one TLS record. */
static bool
put_answer(struct conn *c, struct ms_span head, struct ms_span body)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);
	struct evbuffer_iovec v;
	size_t len = head.len + body.len; /* both are capped far below SIZE_MAX / 2 */
	if (evbuffer_reserve_space(out, (ev_ssize_t)len, &v, 1) != 1 || v.iov_len < len)
		return false;
	memcpy(v.iov_base, head.p, head.len);
	if (body.len > 0)
		memcpy((uint8_t *)v.iov_base + head.len, body.p, body.len);
	v.iov_len = len;
	return evbuffer_commit_space(out, &v, 1) == 0;
}

static void
answer(struct conn *c, const struct ms_net_response *r, const char *allow, bool close)
{
	MS_OWN(ms_buf_fini) struct ms_buf head = {0};
	ms_buf_init(&head, 512);
	c->close_after = close;
	ms_reply_head(&head, r, allow, close);
	if (ms_buf_check(&head, NULL) != MS_OK || !put_answer(c, ms_buf_span(&head), r->body)) {
		conn_close(c);
		return;
	}
	release_body(c);
	if (c->http != NULL)
		ms_http_next(c->http);
	c->request_id = 0;
	enter(c, PH_WRITE, time_for(r->body.len, c->all->p.config->write_ms));
}

/* net's own refusal. */
struct refusal {
	int status;
	enum ms_rc rc;
	const char *text;
	const char *allow;
	uint32_t retry_after_s;
	bool close;
};

static void
answer_refusal(struct conn *c, const struct refusal *f)
{
	MS_OWN(ms_buf_fini) struct ms_buf body = {0};
	ms_buf_init(&body, 512);
	ms_reply_error_body(&body, f->rc, f->text, f->retry_after_s);
	struct ms_net_response r = {
	    .status = (uint16_t)f->status, .kind = MS_NET_CBOR, .retry_after_s = f->retry_after_s, .body = ms_buf_span(&body)};
	if (ms_buf_check(&body, NULL) != MS_OK)
		r.body = MS_SPAN_NONE;
	answer(c, &r, f->allow, f->close);
}

static void
refuse_bad(struct conn *c, int status, const char *text)
{
	enum ms_rc rc = status == 413 || status == 431 ? MS_ERR_TOO_BIG : status == 503 ? MS_ERR_NOMEM : MS_ERR_MALFORMED;
	c->all->p.counters->refused++;
	answer_refusal(c, &(struct refusal){.status = status, .rc = rc, .text = text, .close = true});
}

static size_t
body_cap(const struct conn *c)
{
	size_t cap = c->match.route->max_body, configured = c->all->p.config->max_attested;
	return c->match.route->op == MS_OP_ATTESTED && configured < cap ? configured : cap;
}

static const char *
too_big_text(const struct conn *c)
{
	return c->match.route->op == MS_OP_ATTESTED ? "larger than evidence.boot_log_bytes and evidence.ima_bytes allow together"
						    : ms_http_reason(c->http);
}

/* The head is whole. True: read on. A refusal closes when there is a body that we will not read, and for methods
 * whose answers may not look like ours (HEAD). */
static bool
on_head(struct conn *c)
{
	const struct ms_http_head *head = ms_http_head(c->http);
	enum ms_rc rc = ms_route_find(head->method, head->path, &c->match);
	bool close = head->close || head->body_len > 0 || head->method == MS_HTTP_OTHER;
	struct refusal f = {.status = 0, .rc = MS_ERR_MALFORMED, .close = close};
	if (rc == MS_ERR_UNSUPPORTED) {
		f.status = 405, f.text = "this path takes another method", f.allow = c->match.route->method == MS_HTTP_GET ? "GET" : "POST";
	} else if (rc != MS_OK) {
		f.status = 404, f.rc = MS_ERR_NOT_FOUND, f.text = ms_rc_public(MS_ERR_NOT_FOUND);
	} else if (head->method == MS_HTTP_POST &&
		   (head->type.len != 16 || strncasecmp((const char *)head->type.p, "application/cbor", 16) != 0)) {
		f.status = 415, f.text = "bodies are application/cbor";
	} else if (!ms_http_allow_body(c->http, body_cap(c))) {
		f.status = ms_http_status(c->http), f.rc = MS_ERR_TOO_BIG, f.text = too_big_text(c), f.close = true;
	} else if (head->body_len > c->all->p.config->max_body_total - c->all->body_total) {
		f.status = 503, f.rc = MS_ERR_LIMITED, f.text = ms_rc_public(MS_ERR_LIMITED), f.retry_after_s = 1;
	}
	if (f.status != 0) {
		c->all->p.counters->busy += f.status == 503;
		c->all->p.counters->refused += f.status != 503;
		answer_refusal(c, &f);
		return false;
	}
	c->body_reserved = head->body_len;
	c->all->body_total += head->body_len;
	enter(c, PH_BODY, time_for(head->body_len, c->all->p.config->body_ms));
	return true;
}

static void
answer_health(struct conn *c)
{
	bool ok = ms_core_link_alive(c->all->p.link);
	struct ms_net_response r = {.status = ok ? 200 : 503,
	    .kind = MS_NET_TEXT,
	    .retry_after_s = ok ? 0 : 1,
	    .body = ms_span_str(ok ? "ok\n" : "core is not answering\n")};
	answer(c, &r, NULL, ms_http_head(c->http)->close);
}

/* Hand the request to core. False: core has too much to do. */
static bool
send_to_core(struct conn *c)
{
	struct ms_conns *all = c->all;
	struct ms_net_request r = {.op = c->match.route->op, .tenant = c->match.tenant, .body = ms_http_body(c->http)};
	memcpy(r.exporter, c->exporter, sizeof r.exporter);
	memcpy(r.peer, c->peer, sizeof r.peer);
	uint64_t id = (all->last_request + 1) << 16 | c->slot;
	if (ms_core_link_in_flight(all->p.link) >= all->p.config->max_in_flight || !ms_core_link_request(all->p.link, id, &r))
		return false;
	all->last_request++;
	all->p.counters->requests++;
	c->request_id = id;
	c->close_after = ms_http_head(c->http)->close;
	ms_http_next(c->http);
	release_body(c);
	enter(c, PH_CORE, all->p.config->core_ms);
	return true;
}

static void
on_request(struct conn *c)
{
	struct ms_conns *all = c->all;
	bool close = ms_http_head(c->http)->close;
	if (!ms_limit_request(all->p.limit, c->peer, ms_clock_boot_ms())) {
		all->p.counters->limited++;
		answer_refusal(
		    c, &(struct refusal){
			   .status = 429, .rc = MS_ERR_LIMITED, .text = ms_rc_public(MS_ERR_LIMITED), .retry_after_s = 1, .close = close});
	} else if (c->match.route->op == 0) {
		answer_health(c);
	} else if (!send_to_core(c)) {
		all->p.counters->busy++;
		answer_refusal(c, &(struct refusal){.status = 503,
				      .rc = MS_ERR_UNAVAILABLE,
				      .text = ms_rc_public(MS_ERR_UNAVAILABLE),
				      .retry_after_s = 1,
				      .close = close});
	}
}

/* First byte of a request. False: the connection is gone or refused. */
static bool
begin_request(struct conn *c)
{
	if (c->http == NULL && ms_http_new(&c->http, NULL) != MS_OK) {
		conn_close(c);
		return false;
	}
	if (c->pipelined > PIPELINE_MAX) {
		refuse_bad(c, 400, "too many requests in a row without reading the answers");
		return false;
	}
	enter(c, PH_HEAD, c->all->p.config->head_ms);
	return true;
}

/* Take what is there up to the end of one request. Several parts of this may free c: nothing touches it after them. */
static void
read_requests(struct conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	while (evbuffer_get_length(in) > 0) {
		if (c->phase == PH_IDLE && !begin_request(c))
			return;
		if (c->phase != PH_HEAD && c->phase != PH_BODY)
			return;
		size_t used = 0, len = evbuffer_get_contiguous_space(in);
		enum ms_http_event e = ms_http_feed(c->http, ms_span(evbuffer_pullup(in, (ev_ssize_t)len), len), &used);
		(void)evbuffer_drain(in, used);
		if (e == MS_HTTP_HEAD) {
			if (!on_head(c))
				return;
			e = ms_http_feed(c->http, MS_SPAN_NONE, &used); /* whole already when there is no body */
		}
		if (e == MS_HTTP_DONE) {
			on_request(c);
			return;
		}
		if (e == MS_HTTP_REFUSED) {
			refuse_bad(c, ms_http_status(c->http), ms_http_reason(c->http));
			return;
		}
	}
}

static void
on_read(MS_UNUSED struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;
	if (c->phase == PH_LINGER) {
		struct evbuffer *in = bufferevent_get_input(c->bev);
		(void)evbuffer_drain(in, evbuffer_get_length(in));
		return;
	}
	read_requests(c);
}

/* The peer is told that nothing follows, and gets a moment to read: closing at once could reset the connection and
 * take the answer away with it. */
static void
begin_linger(struct conn *c)
{
	(void)SSL_shutdown(bufferevent_openssl_get_ssl(c->bev));
	ERR_clear_error();
	(void)shutdown(c->fd, SHUT_WR);
	enter(c, PH_LINGER, LINGER_MS);
	on_read(c->bev, c);
}

static void
on_written(MS_UNUSED struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;
	if (c->phase != PH_WRITE || evbuffer_get_length(bufferevent_get_output(c->bev)) > 0)
		return;
	if (c->close_after) {
		begin_linger(c);
		return;
	}
	bool more = evbuffer_get_length(bufferevent_get_input(c->bev)) > 0;
	c->pipelined = more ? c->pipelined + 1 : 0;
	if (!more) {
		ms_http_free(c->http);
		c->http = NULL;
	}
	enter(c, PH_IDLE, c->all->p.config->idle_ms);
	read_requests(c);
}

static void
on_event(MS_UNUSED struct bufferevent *bev, short what, void *arg)
{
	struct conn *c = arg;
	if ((what & BEV_EVENT_CONNECTED) == 0) {
		ERR_clear_error();
		conn_close(c);
		return;
	}
	TAILQ_REMOVE(&c->all->half_open, c, half_open);
	c->all->p.counters->handshakes++;
	/* the first request has to come as promptly as if it had begun */
	enter(c, PH_IDLE, c->all->p.config->head_ms);
	if (!ms_net_tls_exporter(bufferevent_openssl_get_ssl(c->bev), c->exporter))
		conn_close(c);
}

static void
on_first_bytes(evutil_socket_t fd, MS_UNUSED short what, void *arg)
{
	struct conn *c = arg;
	SSL *ssl = ms_net_tls_connection(c->all->p.tls);
	if (ssl == NULL) {
		conn_close(c);
		return;
	}
	c->bev = bufferevent_openssl_socket_new(
	    c->all->p.base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	if (c->bev == NULL) {
		SSL_free(ssl);
		conn_close(c);
		return;
	}
	c->phase = PH_TLS; /* still under the deadline that began with the connection */
	bufferevent_openssl_set_allow_dirty_shutdown(c->bev, 1);
	bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, INPUT_MAX);
	(void)bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

static void
on_deadline(MS_UNUSED evutil_socket_t fd, MS_UNUSED short what, void *arg)
{
	struct conn *c = arg;
	switch (c->phase) {
	case PH_HEAD:
	case PH_BODY:
		c->all->p.counters->late++;
		answer_refusal(
		    c, &(struct refusal){.status = 408, .rc = MS_ERR_TIMEOUT, .text = "the request took too long", .close = true});
		return;
	case PH_CORE: /* its answer, should it come, finds nobody */
		c->all->p.counters->late++;
		answer_refusal(
		    c, &(struct refusal){
			   .status = 504, .rc = MS_ERR_TIMEOUT, .text = ms_rc_public(MS_ERR_TIMEOUT), .retry_after_s = 1, .close = true});
		return;
	case PH_TCP:
	case PH_TLS:
	case PH_WRITE:
		c->all->p.counters->late++;
		break;
	case PH_IDLE:
	case PH_LINGER:
		break;
	}
	conn_close(c);
}

void
ms_conns_answer(struct ms_conns *all, uint64_t id, const struct ms_net_response *r)
{
	size_t slot = id & 0xffff;
	struct conn *c = slot < all->p.config->max_connections ? all->slots[slot] : NULL;
	all->p.counters->answers++;
	if (id == 0 || c == NULL || c->phase != PH_CORE || c->request_id != id) {
		all->p.counters->late_answers++;
		return;
	}
	answer(c, r, NULL, c->close_after);
}
