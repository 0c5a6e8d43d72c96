/* Strict HTTP/1.1 request reader: bytes in, one request or a refusal out. No sockets, no clock, no allocation
 * beyond its own caps. Two readers look at every head, ours byte by byte as it comes and llhttp over the whole
 * of it; what either refuses, or what they see differently, is refused. The result does not depend on how the
 * bytes were cut. What is taken is less than RFC 9112 allows: origin-form targets, Content-Length framing and
 * visible ASCII only, for all clients are ours. */
#ifndef MS_NET_HTTP_H
#define MS_NET_HTTP_H
#include "base/bytes.h"

#define MS_HTTP_HEAD_MAX 8192u /* request line and header fields with the empty line after them */
#define MS_HTTP_FIELDS_MAX 64u
#define MS_HTTP_PATH_MAX 512u
#define MS_HTTP_BODY_MAX (10u << 20) /* whatever the route says */

enum ms_http_method { MS_HTTP_GET, MS_HTTP_POST, MS_HTTP_OTHER };
enum ms_http_event {
	MS_HTTP_MORE,    /* all given bytes are taken, the request is not whole */
	MS_HTTP_HEAD,    /* the head is whole: call ms_http_allow_body(), then feed on (also with 0 bytes) */
	MS_HTTP_DONE,    /* head and body are whole; bytes after them are not taken */
	MS_HTTP_REFUSED, /* for good: answer ms_http_status() and close */
};
struct ms_http_head {
	enum ms_http_method method;
	struct ms_span path; /* starts with '/', only [A-Za-z0-9._~/-], no empty or dot segments */
	struct ms_span host;
	struct ms_span type; /* media type as sent; empty when absent */
	size_t body_len;
	bool close; /* the peer wants the connection closed after the answer */
};

struct ms_http; /* opaque: about 9 kB, so an idle connection holds none */
MS_MUST_USE enum ms_rc ms_http_new(struct ms_http **ret, struct ms_err *err);
void ms_http_free(struct ms_http *h);
MS_CLEANUP(struct ms_http, ms_http_free)

/* Take bytes up to the next event; *ret_used of them were taken. */
enum ms_http_event ms_http_feed(struct ms_http *h, struct ms_span in, size_t *ret_used);
/* After MS_HTTP_HEAD: the cap for this request's body. False: over it, the reader now refuses with 413. */
MS_MUST_USE bool ms_http_allow_body(struct ms_http *h, size_t max);
/* Borrowed until ms_http_next(): the head after MS_HTTP_HEAD, the body after MS_HTTP_DONE. */
const struct ms_http_head *ms_http_head(const struct ms_http *h);
struct ms_span ms_http_body(const struct ms_http *h);
/* After MS_HTTP_REFUSED: HTTP status and a fixed text that says why. */
int ms_http_status(const struct ms_http *h);
const char *ms_http_reason(const struct ms_http *h);
/* After MS_HTTP_DONE: ready for the next request on the same connection. */
void ms_http_next(struct ms_http *h);

#endif
