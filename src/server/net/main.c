/* muster-net: TLS and HTTP on the network side, frames to core on the other. It holds its own short-lived TLS key and
 * nothing else worth taking. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <openssl/ssl.h>

#include "base/clock.h"
#include "base/log.h"
#include "server/net/conn.h"
#include "server/net/listen.h"
#include "server/role.h"

#define BESIDE_LOGS (64u << 10) /* of an attested request: docs/protocol.md */
#define REPORT_EVERY_S 60
#define RENEW_RETRY_S 30
#define RENEW_MIN_S 2u
#define RENEW_MAX_S 86400u
#define FDS_BESIDE_CONNECTIONS 64u

struct app {
	struct ms_net_config config;
	struct ms_net_counters count, reported;
	struct ms_role *role;
	struct event_base *base;
	struct event *renew, *report;
	struct ms_net_tls *tls;
	struct ms_limit *limit;
	struct ms_core_link *link;
	struct ms_conns *conns;
	struct ms_listen *listen;
	struct ms_err err; /* why the loop ended */
	bool ready;
};

static unsigned
setting(const struct ms_role *role, const char *key, unsigned absent)
{
	uint64_t v = ms_role_get_uint(role, key, absent);
	return v < INT32_MAX ? (unsigned)v : INT32_MAX;
}

static void
read_config(const struct ms_role *role, struct ms_net_config *c)
{
	*c = (struct ms_net_config){
	    .max_connections = setting(role, "max_connections", 8192),
	    .per_address = setting(role, "per_address_connections", 4096),
	    .requests_per_s = setting(role, "requests_per_s", 2000),
	    .burst = setting(role, "requests_burst", 4000),
	    .max_in_flight = setting(role, "max_in_flight", 4096),
	    .max_body_total = setting(role, "max_body_total", 256u << 20),
	    .max_attested = setting(role, "boot_log_bytes", 512u << 10) + setting(role, "ima_bytes", 4u << 20) + BESIDE_LOGS,
	    .handshake_ms = setting(role, "handshake_timeout_ms", 5000),
	    .head_ms = setting(role, "head_timeout_ms", 10000),
	    .body_ms = setting(role, "body_timeout_ms", 30000),
	    .core_ms = setting(role, "answer_timeout_ms", 30000),
	    .write_ms = setting(role, "write_timeout_ms", 60000),
	    .idle_ms = setting(role, "idle_timeout_ms", 120000),
	};
}

/* Connections need descriptors: take all that the hard limit gives, and no more connections than that. */
static enum ms_rc
fit_descriptors(struct ms_net_config *c, struct ms_err *err)
{
	struct rlimit r;
	if (getrlimit(RLIMIT_NOFILE, &r) != 0)
		return ms_fail(err, MS_ERR_IO, "RLIMIT_NOFILE");
	r.rlim_cur = r.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &r) != 0)
		return ms_fail(err, MS_ERR_IO, "RLIMIT_NOFILE");
	if (r.rlim_cur < 2 * FDS_BESIDE_CONNECTIONS)
		return ms_fail(err, MS_ERR_USAGE, "too few file descriptors");
	if (c->max_connections > r.rlim_cur - FDS_BESIDE_CONNECTIONS) {
		c->max_connections = (unsigned)(r.rlim_cur - FDS_BESIDE_CONNECTIONS);
		ms_log(MS_LOG_WARN, "net.limit", "max_connections=%u reason=file_descriptors", c->max_connections);
	}
	return MS_OK;
}

static void
again_in(struct event *e, uint64_t s)
{
	struct timeval tv = {.tv_sec = (time_t)s};
	(void)evtimer_add(e, &tv);
}

static void
stop(struct app *a)
{
	(void)event_base_loopbreak(a->base);
}

/* A new key, and core asked for its certificate; asked again until it comes. */
static void
on_renew(MS_UNUSED evutil_socket_t fd, MS_UNUSED short what, void *arg)
{
	struct app *a = arg;
	MS_OWN(ms_buf_fini) struct ms_buf spki = {0};
	ms_buf_init(&spki, MS_NET_SPKI_MAX);
	enum ms_rc rc = ms_net_tls_fresh_key(a->tls, &spki, &a->err);
	if (rc != MS_OK && !a->ready) {
		stop(a);
		return;
	}
	if (rc != MS_OK)
		ms_log(MS_LOG_ERROR, "net.key", "error=\"%s\"", a->err.text);
	else if (!ms_core_link_ask_certificate(a->link, ms_buf_span(&spki)))
		ms_log(MS_LOG_ERROR, "net.key", "error=\"the queue to core is full\"");
	again_in(a->renew, RENEW_RETRY_S);
}

static void
on_certificate(void *arg, const struct ms_net_tls_cert *c)
{
	struct app *a = arg;
	struct ms_err err;
	uint64_t now_s = ms_clock_wall_s();
	uint64_t half_s = c->not_after_s > now_s ? (c->not_after_s - now_s) / 2 : 0;
	if (ms_net_tls_install(a->tls, c, &err) !=
	    MS_OK) { /* an answer to a key that was replaced meanwhile, or core's fault: the retry is set */
		ms_log(MS_LOG_ERROR, "net.certificate", "error=\"%s\"", err.text);
		return;
	}
	again_in(a->renew, half_s < RENEW_MIN_S ? RENEW_MIN_S : half_s > RENEW_MAX_S ? RENEW_MAX_S : half_s);
	ms_log(MS_LOG_INFO, "net.certificate", "not_after_s=%" PRIu64, c->not_after_s);
	if (a->ready)
		return;
	if (ms_listen_start(a->listen, &a->err) != MS_OK) {
		stop(a);
		return;
	}
	a->ready = true;
	ms_role_ready(a->role);
}

static void
on_response(void *arg, uint64_t id, const struct ms_net_response *r)
{
	struct app *a = arg;
	ms_conns_answer(a->conns, id, r);
}

static void
on_closed(void *arg, const char *why)
{
	struct app *a = arg;
	(void)ms_fail(&a->err, MS_ERR_UNAVAILABLE, "core: %s", why);
	stop(a);
}

static void
on_report(MS_UNUSED evutil_socket_t fd, MS_UNUSED short what, void *arg)
{
	struct app *a = arg;
	const struct ms_net_counters *n = &a->count;
	if (ms_span_eq(ms_span(n, sizeof *n), ms_span(&a->reported, sizeof *n)))
		return;
	a->reported = a->count;
	ms_log(MS_LOG_INFO, "net.counters",
	    "connections=%zu accepted=%" PRIu64 " handshakes=%" PRIu64 " over_connections=%" PRIu64 " evicted=%" PRIu64
	    " over_address=%" PRIu64 " late=%" PRIu64 " requests=%" PRIu64 " refused=%" PRIu64 " limited=%" PRIu64 " busy=%" PRIu64
	    " answers=%" PRIu64 " late_answers=%" PRIu64 " accept_errors=%" PRIu64,
	    ms_conns_count(a->conns), n->accepted, n->handshakes, n->over_connections, n->evicted, n->over_address, n->late, n->requests,
	    n->refused, n->limited, n->busy, n->answers, n->late_answers, n->accept_errors);
}

/* Nothing from the environment and no configuration file steers the two libraries. */
static enum ms_rc
open_libraries(struct app *a)
{
	struct event_config *c = event_config_new();
	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return ms_fail(&a->err, MS_ERR_CRYPTO, "start of the TLS library");
	if (c == NULL || event_config_set_flag(c, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV) != 0)
		return ms_fail(&a->err, MS_ERR_NOMEM, "event loop");
	a->base = event_base_new_with_config(c);
	event_config_free(c);
	return a->base != NULL ? MS_OK : ms_fail(&a->err, MS_ERR_IO, "event loop");
}

static enum ms_rc
open_link(struct app *a)
{
	struct ms_core_link_events on = {.response = on_response, .certificate = on_certificate, .closed = on_closed, .arg = a};
	if (ms_role_n_chans(a->role) != 1)
		return ms_fail(&a->err, MS_ERR_USAGE, "one channel, to core, is expected");
	return ms_core_link_new(a->base, ms_role_chan_fd(a->role, 0), &on, &a->link, &a->err);
}

static enum ms_rc
open_listeners(struct app *a)
{
	enum ms_rc rc = ms_listen_new(a->base, a->conns, &a->count, &a->listen, &a->err);
	for (size_t i = 0; rc == MS_OK && i < ms_role_n_listeners(a->role); i++)
		rc = ms_listen_add(a->listen, ms_role_listener_fd(a->role, i), &a->err);
	return rc;
}

static enum ms_rc
open_all(struct app *a)
{
	struct ms_err *err = &a->err;
	enum ms_rc rc = fit_descriptors(&a->config, err);
	struct ms_limit_params limits = {.max_connections = a->config.max_connections,
	    .per_address = a->config.per_address,
	    .requests_per_s = a->config.requests_per_s,
	    .burst = a->config.burst};
	if (rc != MS_OK || (rc = open_libraries(a)) != MS_OK || (rc = ms_net_tls_new(&a->tls, err)) != MS_OK ||
	    (rc = ms_limit_new(&limits, &a->limit, err)) != MS_OK || (rc = open_link(a)) != MS_OK)
		return rc;
	struct ms_conns_params p = {
	    .base = a->base, .config = &a->config, .tls = a->tls, .limit = a->limit, .link = a->link, .counters = &a->count};
	if ((rc = ms_conns_new(&p, &a->conns, err)) != MS_OK || (rc = open_listeners(a)) != MS_OK)
		return rc;
	a->renew = evtimer_new(a->base, on_renew, a);
	a->report = event_new(a->base, -1, EV_PERSIST, on_report, a);
	return a->renew != NULL && a->report != NULL ? MS_OK : ms_fail(err, MS_ERR_NOMEM, "timers");
}

static void
close_all(struct app *a)
{
	ms_listen_free(a->listen);
	ms_conns_free(a->conns);
	ms_core_link_free(a->link);
	ms_limit_free(a->limit);
	ms_net_tls_free(a->tls);
	if (a->renew != NULL)
		event_free(a->renew);
	if (a->report != NULL)
		event_free(a->report);
	if (a->base != NULL)
		event_base_free(a->base);
	ms_role_free(a->role);
}

int
main(void)
{
	static struct app a;
	const char *stage = "net.start";
	enum ms_rc rc = ms_role_init(MS_ROLE_NET, &a.role, &a.err);
	if (rc == MS_OK) {
		read_config(a.role, &a.config);
		rc = open_all(&a);
	}
	if (rc == MS_OK) {
		stage = "net.sandbox";
		rc = ms_role_enter(a.role, NULL, 0, &a.err);
	}
	if (rc == MS_OK) {
		stage = "net.end";
		again_in(a.report, REPORT_EVERY_S);
		on_renew(-1, 0, &a);
		(void)event_base_dispatch(a.base); /* returns only when something ended it: the set is started anew */
	}
	int status = ms_role_die(stage, &a.err);
	close_all(&a);
	return status;
}
