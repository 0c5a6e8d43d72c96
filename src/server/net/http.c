#include "server/net/http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <llhttp.h>

/* Where the byte reader is within the head. */
enum at { AT_REQUEST_LINE, AT_LINE_CR, AT_LINE_START, AT_NAME, AT_VALUE, AT_END_CR };
enum phase { IN_HEAD, WAIT_ALLOW, IN_BODY, WHOLE, REFUSED };

struct field {
	uint16_t name, name_len, value, value_len; /* offsets into head[] */
};

/* Fields that mean something to us; any of them twice is refused. */
enum known { F_HOST, F_LENGTH, F_TYPE, F_TRANSFER, F_CONN, F_EXPECT, F_UPGRADED, F_ENCODING, F_KNOWN };

struct ms_http {
	enum phase phase;
	enum at at;
	int status;
	const char *reason;
	size_t head_len, n_fields, line_len; /* line: the request line without its end */
	unsigned line_spaces;
	struct ms_span target;         /* as llhttp saw it */
	struct ms_span known[F_KNOWN]; /* value; p is NULL when absent */
	struct ms_http_head req;
	struct ms_buf body;
	struct field fields[MS_HTTP_FIELDS_MAX];
	uint8_t head[MS_HTTP_HEAD_MAX];
};

enum ms_rc
ms_http_new(struct ms_http **ret, struct ms_err *err)
{
	struct ms_http *h = malloc(sizeof *h);
	if (h == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "http reader");
	memset(&h->body, 0, sizeof h->body);
	ms_http_next(h);
	*ret = h;
	return MS_OK;
}

void
ms_http_free(struct ms_http *h)
{
	if (h == NULL)
		return;
	ms_buf_fini(&h->body);
	ms_wipe(h, sizeof *h);
	free(h);
}

void
ms_http_next(struct ms_http *h)
{
	ms_buf_fini(&h->body);
	memset(h, 0, offsetof(struct ms_http, body)); /* the arrays are read only as far as they were written */
	ms_buf_init(&h->body, MS_HTTP_BODY_MAX);
}

static bool
refuse(struct ms_http *h, int status, const char *reason)
{
	h->phase = REFUSED;
	h->status = status;
	h->reason = reason;
	return false;
}

/* RFC 9110 5.6.2 */
static bool
is_tchar(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool
is_visible_or_space(uint8_t c)
{
	return c >= 0x20 && c <= 0x7e;
}

static bool
begin_field(struct ms_http *h, uint8_t c)
{
	if (c == ' ' || c == '\t')
		return refuse(h, 400, "folded header line"); /* RFC 9112 5.2 */
	if (!is_tchar(c))
		return refuse(h, 400, "bad byte at start of header line");
	if (h->n_fields == MS_HTTP_FIELDS_MAX)
		return refuse(h, 431, "too many header fields");
	h->fields[h->n_fields] = (struct field){.name = (uint16_t)h->head_len};
	h->at = AT_NAME;
	return true;
}

static bool
byte_in_name(struct ms_http *h, uint8_t c)
{
	struct field *f = &h->fields[h->n_fields];
	if (is_tchar(c))
		return true;
	if (c != ':') /* RFC 9112 5.1: no white space before the colon */
		return refuse(h, 400, "bad byte in header name");
	f->name_len = (uint16_t)(h->head_len - f->name);
	f->value = (uint16_t)(h->head_len + 1);
	h->at = AT_VALUE;
	return true;
}

static bool
byte_in_value(struct ms_http *h, uint8_t c)
{
	if (is_visible_or_space(c))
		return true;
	if (c != '\r')
		return refuse(h, 400, "bad byte in header value");
	struct field *f = &h->fields[h->n_fields++];
	f->value_len = (uint16_t)(h->head_len - f->value);
	h->at = AT_LINE_CR;
	return true;
}

static bool
byte_in_request_line(struct ms_http *h, uint8_t c)
{
	if (c == '\r' && h->head_len > 0) {
		if (h->line_spaces != 2)
			return refuse(h, 400, "request line is not three words");
		h->line_len = h->head_len;
		h->at = AT_LINE_CR;
		return true;
	}
	if (!is_visible_or_space(c) || (c == ' ' && h->head_len == 0))
		return refuse(h, 400, "bad byte in request line");
	h->line_spaces += c == ' ';
	return true;
}

/* One byte of the head. CR and LF come only as a pair (RFC 9112 2.2). */
static bool
head_byte(struct ms_http *h, uint8_t c)
{
	switch (h->at) {
	case AT_REQUEST_LINE:
		return byte_in_request_line(h, c);
	case AT_LINE_CR:
	case AT_END_CR:
		if (c != '\n')
			return refuse(h, 400, "CR without LF");
		if (h->at == AT_LINE_CR)
			h->at = AT_LINE_START;
		return true;
	case AT_LINE_START:
		if (c != '\r')
			return begin_field(h, c);
		h->at = AT_END_CR;
		return true;
	case AT_NAME:
		return byte_in_name(h, c);
	case AT_VALUE:
		return byte_in_value(h, c);
	}
	return refuse(h, 400, "bad state");
}

static int
on_url(llhttp_t *p, const char *at, size_t len)
{
	struct ms_http *h = p->data;
	if (h->target.p != NULL)
		return HPE_USER;
	h->target = ms_span(at, len);
	return 0;
}

static int
on_headers_complete(MS_UNUSED llhttp_t *p)
{
	return HPE_PAUSED; /* the body is framed by ms_http_feed() */
}

/* The second reader, over the whole head at once. */
static bool
ask_llhttp(struct ms_http *h, llhttp_t *p)
{
	static const llhttp_settings_t settings = {.on_url = on_url, .on_headers_complete = on_headers_complete};
	llhttp_init(p, HTTP_REQUEST, &settings);
	p->data = h;
	llhttp_errno_t e = llhttp_execute(p, (const char *)h->head, h->head_len);
	if (e == HPE_INVALID_VERSION || p->http_major > 1)
		return refuse(h, 505, "HTTP/1.1 only");
	if (e != HPE_PAUSED)
		return refuse(h, 400, "not a request");
	/* llhttp takes other protocol names too (RTSP/1.1, ICE/1.1) */
	static const char version[] = " HTTP/1.1";
	size_t n = sizeof version - 1;
	if (p->http_major != 1 || p->http_minor != 1 || h->line_len < n ||
	    !ms_span_eq(ms_span(h->head + h->line_len - n, n), ms_span(version, n)))
		return refuse(h, 505, "HTTP/1.1 only");
	return true;
}

static struct ms_span
trimmed(struct ms_span s)
{
	while (s.len > 0 && s.p[0] == ' ')
		s = ms_span(s.p + 1, s.len - 1);
	while (s.len > 0 && s.p[s.len - 1] == ' ')
		s.len--;
	return s;
}

static bool
is_word(struct ms_span s, const char *word)
{
	return s.len == strlen(word) && strncasecmp((const char *)s.p, word, s.len) == 0;
}

/* Find the fields that mean something to us. */
static bool
sort_fields(struct ms_http *h)
{
	static const char *const names[F_KNOWN] = {[F_HOST] = "host",
	    [F_LENGTH] = "content-length",
	    [F_TYPE] = "content-type",
	    [F_TRANSFER] = "transfer-encoding",
	    [F_CONN] = "connection",
	    [F_EXPECT] = "expect",
	    [F_UPGRADED] = "upgrade",
	    [F_ENCODING] = "content-encoding"};
	for (size_t i = 0; i < h->n_fields; i++) {
		const struct field *f = &h->fields[i];
		struct ms_span name = ms_span(h->head + f->name, f->name_len);
		for (size_t k = 0; k < F_KNOWN; k++) {
			if (!is_word(name, names[k]))
				continue;
			if (h->known[k].p != NULL)
				return refuse(h, 400, "header field given twice");
			h->known[k] = trimmed(ms_span(h->head + f->value, f->value_len));
		}
	}
	return true;
}

/* "0" or up to 8 digits without a leading zero: no sign, list or white space (RFC 9110 8.6). */
static bool
read_length(struct ms_http *h, struct ms_span s, size_t *ret)
{
	size_t n = 0;
	if (s.len == 0 || (s.len > 1 && s.p[0] == '0'))
		return refuse(h, 400, "bad Content-Length");
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return refuse(h, 400, "bad Content-Length");
		if (i < 8)
			n = n * 10 + (size_t)(s.p[i] - '0');
	}
	if (s.len > 8)
		return refuse(h, 413, "body too large");
	*ret = n;
	return true;
}

static bool
check_framing(struct ms_http *h, const llhttp_t *p)
{
	bool has_length = h->known[F_LENGTH].p != NULL;
	if (h->known[F_TRANSFER].p != NULL || (p->flags & (F_CHUNKED | F_TRANSFER_ENCODING)) != 0)
		return refuse(h, has_length ? 400 : 501, "Transfer-Encoding is not taken");
	if (has_length && !read_length(h, h->known[F_LENGTH], &h->req.body_len))
		return false;
	if (has_length != ((p->flags & F_CONTENT_LENGTH) != 0) || p->content_length != h->req.body_len)
		return refuse(h, 400, "Content-Length is ambiguous");
	if (h->req.method == MS_HTTP_POST && !has_length)
		return refuse(h, 411, "Content-Length is required");
	if (h->req.method != MS_HTTP_POST && h->req.body_len > 0)
		return refuse(h, 400, "this method has no body");
	return true;
}

/* Does "." or ".." begin at p (RFC 3986 5.2.4)? Names such as ".well-known" (RFC 8615) are plain ones. */
static bool
is_dots(struct ms_span t, size_t p)
{
	size_t n = 0;
	while (p + n < t.len && t.p[p + n] == '.')
		n++;
	return (n == 1 || n == 2) && (p + n == t.len || t.p[p + n] == '/');
}

/* Origin-form only, so that no target can name another host than the Host field (RFC 9112 3.2). */
static bool
check_target(struct ms_http *h)
{
	struct ms_span t = h->target;
	if (t.len == 0 || t.p[0] != '/')
		return refuse(h, 400, "target is not a path");
	if (t.len > MS_HTTP_PATH_MAX)
		return refuse(h, 414, "target too long");
	for (size_t i = 0; i < t.len; i++) {
		uint8_t c = t.p[i];
		bool plain =
		    (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c != '\0' && strchr("._~/-", c) != NULL);
		if (!plain || (c == '/' && i + 1 < t.len && (t.p[i + 1] == '/' || is_dots(t, i + 1))))
			return refuse(h, 400, "byte in target is not taken");
	}
	h->req.path = t;
	return true;
}

static bool
check_host(struct ms_http *h)
{
	struct ms_span v = h->known[F_HOST];
	if (v.p == NULL || v.len == 0 || v.len > 255)
		return refuse(h, 400, "one Host is required");
	for (size_t i = 0; i < v.len; i++) {
		uint8_t c = v.p[i];
		bool ok = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			  (c != '\0' && strchr(".-:[]_", c) != NULL);
		if (!ok)
			return refuse(h, 400, "bad Host");
	}
	h->req.host = v;
	return true;
}

static bool
check_rest(struct ms_http *h)
{
	struct ms_span conn = h->known[F_CONN];
	if (h->known[F_UPGRADED].p != NULL)
		return refuse(h, 400, "Upgrade is not taken");
	if (h->known[F_EXPECT].p != NULL)
		return refuse(h, 417, "Expect is not taken");
	if (h->known[F_ENCODING].p != NULL)
		return refuse(h, 415, "Content-Encoding is not taken");
	if (conn.p != NULL && !is_word(conn, "close") && !is_word(conn, "keep-alive"))
		return refuse(h, 400, "bad Connection");
	h->req.close = conn.p != NULL && is_word(conn, "close");
	h->req.type = h->known[F_TYPE].p == NULL ? MS_SPAN_NONE : h->known[F_TYPE];
	return true;
}

static bool
judge_head(struct ms_http *h)
{
	llhttp_t p;
	if (!ask_llhttp(h, &p))
		return false;
	h->req.method = p.method == HTTP_GET ? MS_HTTP_GET : p.method == HTTP_POST ? MS_HTTP_POST : MS_HTTP_OTHER;
	if (p.method == HTTP_CONNECT)
		return refuse(h, 405, "CONNECT is not taken");
	return sort_fields(h) && check_framing(h, &p) && check_target(h) && check_host(h) && check_rest(h);
}

static enum ms_http_event
feed_head(struct ms_http *h, struct ms_span in, size_t *used)
{
	while (*used < in.len) {
		uint8_t c = in.p[*used];
		bool last = h->at == AT_END_CR;
		if (h->head_len == MS_HTTP_HEAD_MAX)
			refuse(h, 431, "request head too large");
		else
			(void)head_byte(h, c);
		if (h->phase == REFUSED)
			return MS_HTTP_REFUSED;
		h->head[h->head_len++] = c;
		(*used)++;
		if (!last)
			continue;
		if (!judge_head(h))
			return MS_HTTP_REFUSED;
		h->phase = WAIT_ALLOW;
		return MS_HTTP_HEAD;
	}
	return MS_HTTP_MORE;
}

static enum ms_http_event
feed_body(struct ms_http *h, struct ms_span in, size_t *used)
{
	size_t want = h->req.body_len - h->body.len;
	size_t n = in.len < want ? in.len : want;
	if (n > 0)
		ms_buf_put(&h->body, in.p, n);
	if (ms_buf_check(&h->body, NULL) != MS_OK) {
		refuse(h, 503, "no memory for the body");
		return MS_HTTP_REFUSED;
	}
	*used = n;
	if (n < want)
		return MS_HTTP_MORE;
	h->phase = WHOLE;
	return MS_HTTP_DONE;
}

enum ms_http_event
ms_http_feed(struct ms_http *h, struct ms_span in, size_t *ret_used)
{
	*ret_used = 0;
	switch (h->phase) {
	case IN_HEAD:
		return feed_head(h, in, ret_used);
	case WAIT_ALLOW:
		return MS_HTTP_HEAD;
	case IN_BODY:
		return feed_body(h, in, ret_used);
	case WHOLE:
		return MS_HTTP_DONE;
	case REFUSED:
		break;
	}
	return MS_HTTP_REFUSED;
}

bool
ms_http_allow_body(struct ms_http *h, size_t max)
{
	if (h->phase != WAIT_ALLOW)
		return false;
	if (h->req.body_len > max || h->req.body_len > MS_HTTP_BODY_MAX)
		return refuse(h, 413, "body too large");
	h->phase = IN_BODY;
	return true;
}

const struct ms_http_head *
ms_http_head(const struct ms_http *h)
{
	return &h->req;
}

struct ms_span
ms_http_body(const struct ms_http *h)
{
	return ms_buf_span(&h->body);
}

int
ms_http_status(const struct ms_http *h)
{
	return h->phase == REFUSED ? h->status : 0;
}

const char *
ms_http_reason(const struct ms_http *h)
{
	return h->phase == REFUSED ? h->reason : "";
}
