#include "conn.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "base/io.h"

#define LABEL "EXPORTER-muster-v1"

enum ms_rc
bench_conn_ctx(struct ms_span ca_root, SSL_CTX **ret, struct ms_err *err)
{
	const uint8_t *p = ca_root.p;
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	X509 *root = d2i_X509(NULL, &p, (long)ca_root.len);
	bool ok = ctx != NULL && root != NULL && SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
		  X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), root) == 1;
	X509_free(root);
	if (!ok) {
		SSL_CTX_free(ctx);
		return ms_fail(err, MS_ERR_CRYPTO, "TLS context");
	}
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	*ret = ctx;
	return MS_OK;
}

static enum ms_rc
start(struct bench_conn *c, const struct bench_conn_config *cfg, uint64_t tag, struct ms_err *err)
{
	const int one = 1;
	struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLET | EPOLLRDHUP, .data = {.u64 = tag}};
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0)
		return ms_fail(err, MS_ERR_IO, "socket: %s", strerror(errno));
	if (connect(c->fd, (const struct sockaddr *)&cfg->to, sizeof cfg->to) != 0 && errno != EINPROGRESS)
		return ms_fail(err, MS_ERR_UNAVAILABLE, "connect: %s", strerror(errno));
	char host[64]; /* OpenSSL's macro casts const away */
	(void)snprintf(host, sizeof host, "%s", cfg->host);
	c->ssl = SSL_new(cfg->ctx);
	if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1 || SSL_set_tlsext_host_name(c->ssl, host) != 1)
		return ms_fail(err, MS_ERR_CRYPTO, "TLS connection");
	SSL_set_verify(c->ssl, tag == 0 ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	SSL_set_connect_state(c->ssl);
	if (epoll_ctl(cfg->epoll, EPOLL_CTL_ADD, c->fd, &ev) != 0)
		return ms_fail(err, MS_ERR_IO, "epoll: %s", strerror(errno));
	return MS_OK;
}

enum ms_rc
bench_conn_open(struct bench_conn *c, const struct bench_conn_config *cfg, uint64_t tag, struct ms_err *err)
{
	if (c->in == NULL) {
		c->in_cap = BENCH_CONN_IN_MAX;
		c->in = malloc(c->in_cap);
		ms_buf_init(&c->out, BENCH_CONN_OUT_MAX);
	}
	if (c->in == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "connection");
	c->ssl = NULL;
	c->up = false;
	c->sent = c->in_len = 0;
	ms_buf_reset(&c->out);
	enum ms_rc rc = start(c, cfg, tag, err);
	if (rc != MS_OK)
		bench_conn_close(c);
	return rc;
}

void
bench_conn_close(struct bench_conn *c)
{
	if (c->ssl != NULL && c->up)
		(void)SSL_shutdown(c->ssl);
	SSL_free(c->ssl);
	ms_fd_close(c->fd);
	c->ssl = NULL;
	c->fd = -1;
	ERR_clear_error();
}

void
bench_conn_fini(struct bench_conn *c)
{
	bench_conn_close(c);
	free(c->in);
	ms_buf_fini(&c->out);
}

void
bench_conn_post(struct bench_conn *c, const struct bench_conn_config *cfg, const char *path, struct ms_span body)
{
	ms_buf_reset(&c->out);
	c->sent = c->in_len = 0;
	ms_buf_fmt(&c->out, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/cbor\r\nContent-Length: %zu\r\n\r\n", path,
	    cfg->host, body.len);
	ms_buf_put_span(&c->out, body);
}

static bool
would_block(const struct bench_conn *c, int result)
{
	int e = SSL_get_error(c->ssl, result);
	return e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE;
}

static enum bench_conn_event
failed(struct ms_err *err, const char *what)
{
	char text[160] = "closed";
	unsigned long e = ERR_peek_error(); /* the first is the cause */
	if (e != 0)
		ERR_error_string_n(e, text, sizeof text);
	ERR_clear_error();
	(void)ms_fail(err, MS_ERR_UNAVAILABLE, "%s: %s", what, text);
	return BENCH_CONN_FAILED;
}

static enum bench_conn_event
shake(struct bench_conn *c, struct ms_err *err)
{
	int n = SSL_do_handshake(c->ssl);
	if (n != 1)
		return would_block(c, n) ? BENCH_CONN_WAIT : failed(err, "handshake");
	if (SSL_export_keying_material(c->ssl, c->exporter, sizeof c->exporter, LABEL, sizeof LABEL - 1, NULL, 0, 0) != 1)
		return failed(err, "exporter");
	c->up = true;
	return BENCH_CONN_UP;
}

static const char *
field(const char *head, const char *end, const char *name)
{
	size_t n = strlen(name);
	for (const char *p = head; p < end; p++)
		if ((p == head || p[-1] == '\n') && strncasecmp(p, name, n) == 0)
			return p + n;
	return NULL;
}

/* Is the whole answer there? */
static enum bench_conn_event
parse(struct bench_conn *c, struct ms_err *err)
{
	const char *head = (const char *)c->in, *end = memmem(c->in, c->in_len, "\r\n\r\n", 4);
	if (end == NULL)
		return BENCH_CONN_WAIT;
	const char *length = field(head, end, "content-length:");
	size_t at = (size_t)(end - head) + 4, want = length != NULL ? strtoul(length, NULL, 10) : 0;
	if (sscanf(head, "HTTP/1.1 %d", &c->status) != 1 || at + want > c->in_cap)
		return failed(err, "answer: not HTTP, or too long");
	if (c->in_len < at + want)
		return BENCH_CONN_WAIT;
	c->body = ms_span(c->in + at, want);
	return BENCH_CONN_ANSWER;
}

static enum bench_conn_event
receive(struct bench_conn *c, struct ms_err *err)
{
	for (;;) {
		int n = SSL_read(c->ssl, c->in + c->in_len, (int)(c->in_cap - c->in_len - 1));
		if (n <= 0)
			return would_block(c, n) ? BENCH_CONN_WAIT : failed(err, "read");
		c->in_len += (size_t)n;
		c->in[c->in_len] = 0;
		enum bench_conn_event e = parse(c, err);
		if (e != BENCH_CONN_WAIT)
			return e;
	}
}

enum bench_conn_event
bench_conn_turn(struct bench_conn *c, struct ms_err *err)
{
	if (!c->up)
		return shake(c, err);
	while (c->sent < c->out.len) {
		int n = SSL_write(c->ssl, c->out.p + c->sent, (int)(c->out.len - c->sent));
		if (n <= 0)
			return would_block(c, n) ? BENCH_CONN_WAIT : failed(err, "write");
		c->sent += (size_t)n;
	}
	return receive(c, err);
}
