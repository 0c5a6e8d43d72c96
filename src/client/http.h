/* HTTPS to a Muster server, for agent and CLI: TLS 1.3 only, trusted through the CA root of the deployment root and nothing
 * else, no proxy, no redirect, one connection that is kept. What comes back is bytes: believed as far as it is signed. */
#ifndef MS_CLIENT_HTTP_H
#define MS_CLIENT_HTTP_H
#include "base/bytes.h"

#define MS_CLIENT_EXPORTER_LEN 32u
#define MS_CLIENT_RESPONSE_MAX (64u << 20)

struct ms_client;
struct ms_client_config {
	const char *url;        /* "https://host:port", without path */
	struct ms_span ca_root; /* DER; empty: no server is verified, only for what is trusted by its hash */
	unsigned connect_ms;    /* 0: 10 s */
	unsigned timeout_ms;    /* of a whole request; 0: 60 s */
	size_t max_body;        /* of a response; 0: MS_CLIENT_RESPONSE_MAX */
};
/* MS_ERR_USAGE for an URL that is not of that form. Connects at the first request. */
MS_MUST_USE enum ms_rc ms_client_new(const struct ms_client_config *cfg, struct ms_client **ret, struct ms_err *err);
void ms_client_free(struct ms_client *c);
MS_CLEANUP(struct ms_client, ms_client_free)

struct ms_client_response {
	int status;
	uint64_t retry_after_s; /* 0: not said */
	bool fresh;             /* it came over another connection than the response before */
	struct ms_buf body;
};
void ms_client_response_init(struct ms_client_response *r);
void ms_client_response_fini(struct ms_client_response *r); /* safe on a zeroed struct */
MS_CLEANUP_FINI(struct ms_client_response, ms_client_response_fini)

/* path: "/v1/...". MS_OK: there is a response, whatever its status. MS_ERR_UNAVAILABLE (cannot connect, connection
 * lost), MS_ERR_TIMEOUT, MS_ERR_AUTH (its certificate is not of this deployment), MS_ERR_TOO_BIG. */
MS_MUST_USE enum ms_rc ms_client_post(
    struct ms_client *c, const char *path, struct ms_span body, struct ms_client_response *ret, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_client_get(struct ms_client *c, const char *path, struct ms_client_response *ret, struct ms_err *err);
/* RFC 8446 7.5 exporter "EXPORTER-muster-v1" of the connection that the last response came over. MS_ERR_UNAVAILABLE
 * before the first one. Send what is bound to it next: when that response is `fresh`, the binding was to a connection that is gone. */
MS_MUST_USE enum ms_rc ms_client_exporter(const struct ms_client *c, uint8_t ret[static MS_CLIENT_EXPORTER_LEN], struct ms_err *err);

/* MS_OK for status 200. Else the code of the error message in the body (docs/protocol.md), or what the status means; err
 * has its text and hint. Not signed: a hint to retry or stop, never an order. */
MS_MUST_USE enum ms_rc ms_client_check(const struct ms_client_response *r, struct ms_err *err);

#endif
