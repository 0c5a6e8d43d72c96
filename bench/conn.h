/* A client's side of one HTTPS connection: TLS 1.3, one request at a time, never blocking. */
#ifndef BENCH_CONN_H
#define BENCH_CONN_H
#include <netinet/in.h>
#include <openssl/ssl.h>
#include "base/bytes.h"

#define BENCH_CONN_IN_MAX (256u << 10)
#define BENCH_CONN_OUT_MAX (10u << 20)

struct bench_conn {
	int fd;
	SSL *ssl;
	bool up; /* handshake done */
	struct ms_buf out;
	size_t sent;
	uint8_t *in;
	size_t in_len, in_cap;
	uint8_t exporter[32];
	/* the last answer; its body borrows from `in` until the next request */
	int status;
	struct ms_span body;
};
struct bench_conn_config {
	SSL_CTX *ctx;
	struct sockaddr_in to;
	const char *host; /* for SNI and the Host field */
	int epoll;
};
MS_MUST_USE enum ms_rc bench_conn_ctx(struct ms_span ca_root, SSL_CTX **ret, struct ms_err *err);
/* Starts to connect; `tag` comes back from epoll as data.u64. The server's certificate is verified on connections with tag 0 only:
 * one in a while is enough to know who is measured. */
MS_MUST_USE enum ms_rc bench_conn_open(struct bench_conn *c, const struct bench_conn_config *cfg, uint64_t tag, struct ms_err *err);
void bench_conn_close(struct bench_conn *c); /* keeps memory for the next */
void bench_conn_fini(struct bench_conn *c);
/* Queue a POST; bench_conn_turn() sends it. */
void bench_conn_post(struct bench_conn *c, const struct bench_conn_config *cfg, const char *path, struct ms_span body);

enum bench_conn_event { BENCH_CONN_WAIT, BENCH_CONN_UP, BENCH_CONN_ANSWER, BENCH_CONN_FAILED };
/* As far as it goes. BENCH_CONN_UP once after the handshake. */
enum bench_conn_event bench_conn_turn(struct bench_conn *c, struct ms_err *err);

#endif
