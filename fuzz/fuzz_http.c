/* The HTTP reader: whatever the bytes and however they are cut, the outcome is the same and within the caps.
 * First byte: size of the pieces. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/net/http.h"

struct outcome {
	enum ms_http_event event;
	int status;
	size_t used, body_len, path_len;
	unsigned requests;
};

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
check_head(const struct ms_http_head *h)
{
	must(h->path.len >= 1 && h->path.len <= MS_HTTP_PATH_MAX && h->path.p[0] == '/');
	must(h->host.len >= 1 && h->host.len <= 255);
	must(h->body_len == 0 || h->method == MS_HTTP_POST);
	for (size_t i = 0; i < h->path.len; i++)
		must(h->path.p[i] > 0x20 && h->path.p[i] < 0x7f);
}

static struct outcome
run(const uint8_t *p, size_t len, size_t piece)
{
	struct outcome o = {.event = MS_HTTP_MORE};
	MS_OWN(ms_http_free) struct ms_http *h = NULL;
	must(ms_http_new(&h, NULL) == MS_OK);
	size_t off = 0;
	while (off < len && o.event == MS_HTTP_MORE) {
		size_t n = piece < len - off ? piece : len - off, used = 0;
		uint8_t *copy = malloc(n);
		must(copy != NULL);
		memcpy(copy, p + off, n);
		o.event = ms_http_feed(h, ms_span(copy, n), &used);
		must(used <= n && (used == n || o.event != MS_HTTP_MORE));
		free(copy);
		off += used;
		if (o.event == MS_HTTP_HEAD) {
			check_head(ms_http_head(h));
			o.path_len += ms_http_head(h)->path.len;
			o.event = ms_http_allow_body(h, 4096) ? ms_http_feed(h, MS_SPAN_NONE, &used) : MS_HTTP_REFUSED;
		}
		if (o.event == MS_HTTP_DONE) {
			must(ms_http_body(h).len == ms_http_head(h)->body_len);
			o.body_len += ms_http_body(h).len;
			o.requests++;
			ms_http_next(h);
			o.event = MS_HTTP_MORE;
		}
	}
	o.status = ms_http_status(h);
	o.used = off;
	must((o.event == MS_HTTP_REFUSED) == (o.status >= 400 && o.status <= 505));
	return o;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct outcome whole = run(data + 1, size - 1, size), cut = run(data + 1, size - 1, (size_t)data[0] % 64 + 1);
	must(whole.event == cut.event && whole.status == cut.status && whole.used == cut.used && whole.body_len == cut.body_len);
	must(whole.path_len == cut.path_len && whole.requests == cut.requests);
	return 0;
}
