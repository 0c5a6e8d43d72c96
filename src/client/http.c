#include "client/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ssl.h>

#include "client/curl_late.h"
#include "proto/msg.h"

#define URL_MAX 300u
#define PATH_MAX_LEN 512u
#define CONNECT_MS 10000u
#define TIMEOUT_MS 60000u
#define EXPORTER_LABEL "EXPORTER-muster-v1"

struct ms_client {
	CURL *curl;
	struct curl_slist *headers;
	char url[URL_MAX];
	size_t max_body;
	uint8_t exporter[MS_CLIENT_EXPORTER_LEN];
	bool has_exporter;
	struct ms_client_response *response; /* while a request runs */
	char why[CURL_ERROR_SIZE];
};

void
ms_client_response_init(struct ms_client_response *r)
{
	*r = (struct ms_client_response){0};
	ms_buf_init(&r->body, MS_CLIENT_RESPONSE_MAX);
}

void
ms_client_response_fini(struct ms_client_response *r)
{
	ms_buf_fini(&r->body);
}

/* The connection belongs to the transfer only while its callbacks run: the exporter is taken with the first header line. */
static void
take_exporter(struct ms_client *c)
{
	struct curl_tlssessioninfo *tls = NULL;
	c->has_exporter = false;
	if (curl_easy_getinfo(c->curl, CURLINFO_TLS_SSL_PTR, &tls) != CURLE_OK || tls == NULL || tls->internals == NULL ||
	    tls->backend != CURLSSLBACKEND_OPENSSL)
		return;
	SSL *ssl = tls->internals;
	c->has_exporter =
	    SSL_export_keying_material(ssl, c->exporter, sizeof c->exporter, EXPORTER_LABEL, sizeof EXPORTER_LABEL - 1, NULL, 0, 1) == 1;
}

static size_t
on_header(char *p, size_t size, size_t n, void *ctx)
{
	struct ms_client *c = ctx;
	if (size * n >= 5 && memcmp(p, "HTTP/", 5) == 0)
		take_exporter(c);
	return size * n;
}

static size_t
on_body(char *p, size_t size, size_t n, void *ctx)
{
	struct ms_client *c = ctx;
	if (size * n > c->max_body - c->response->body.len)
		return 0;
	ms_buf_put(&c->response->body, p, size * n);
	return c->response->body.bad ? 0 : size * n;
}

/* https://host[:port], nothing after it. */
static bool
url_ok(const char *url)
{
	static const char scheme[] = "https://";
	size_t n = strlen(url);
	return n > sizeof scheme - 1 && n < URL_MAX && strncmp(url, scheme, sizeof scheme - 1) == 0 &&
	       strpbrk(url + sizeof scheme - 1, "/?#@ \\") == NULL;
}

static enum ms_rc
build_pem(struct ms_span der, struct ms_buf *out, struct ms_err *err)
{
	char *text = malloc(MS_BASE64_LEN(der.len) + 1);
	if (text == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "certificate");
	ms_base64(der.p, der.len, text);
	ms_buf_str(out, "-----BEGIN CERTIFICATE-----\n");
	for (size_t i = 0, n = strlen(text); i < n; i += 64)
		ms_buf_fmt(out, "%.64s\n", text + i);
	ms_buf_str(out, "-----END CERTIFICATE-----\n");
	free(text);
	return ms_buf_check(out, err);
}

static CURLcode
trust_no_one(struct ms_client *c)
{
	CURLcode rc = curl_easy_setopt(c->curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(c->curl, CURLOPT_SSL_VERIFYPEER, 0L);
	return rc == CURLE_OK ? curl_easy_setopt(c->curl, CURLOPT_SSL_VERIFYHOST, 0L) : rc;
}

static CURLcode
trust(struct ms_client *c, const struct ms_buf *pem)
{
	struct curl_blob blob = {.data = pem->p, .len = pem->len, .flags = CURL_BLOB_COPY};
	CURLcode rc = curl_easy_setopt(c->curl, CURLOPT_CAINFO_BLOB, &blob);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(c->curl, CURLOPT_CAPATH, NULL);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(c->curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(c->curl, CURLOPT_SSL_VERIFYPEER, 1L);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(c->curl, CURLOPT_SSL_VERIFYHOST, 2L);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(c->curl, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	return rc;
}

static CURLcode
set_options(struct ms_client *c, const struct ms_client_config *cfg)
{
	const struct {
		CURLoption option;
		long value;
	} numbers[] = {
	    {CURLOPT_NOSIGNAL, 1},
	    {CURLOPT_NOPROGRESS, 1},
	    {CURLOPT_FOLLOWLOCATION, 0},
	    {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
	    {CURLOPT_MAXCONNECTS, 1},
	    {CURLOPT_TCP_NODELAY, 1},
	    {CURLOPT_CONNECTTIMEOUT_MS, (long)(cfg->connect_ms != 0 ? cfg->connect_ms : CONNECT_MS)},
	    {CURLOPT_TIMEOUT_MS, (long)(cfg->timeout_ms != 0 ? cfg->timeout_ms : TIMEOUT_MS)},
	};
	const struct {
		CURLoption option;
		void *value;
	} pointers[] = {
	    {CURLOPT_HEADERDATA, c},
	    {CURLOPT_WRITEDATA, c},
	    {CURLOPT_ERRORBUFFER, c->why},
	    {CURLOPT_PROXY, (void *)(uintptr_t) ""},
	    {CURLOPT_PROTOCOLS_STR, (void *)(uintptr_t) "https"},
	    {CURLOPT_HTTPHEADER, c->headers},
	};
	CURLcode rc = curl_easy_setopt(c->curl, CURLOPT_HEADERFUNCTION, on_header);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, on_body);
	for (size_t i = 0; rc == CURLE_OK && i < sizeof numbers / sizeof *numbers; i++)
		rc = curl_easy_setopt(c->curl, numbers[i].option, numbers[i].value);
	for (size_t i = 0; rc == CURLE_OK && i < sizeof pointers / sizeof *pointers; i++)
		rc = curl_easy_setopt(c->curl, pointers[i].option, pointers[i].value);
	return rc;
}

/* An empty Expect: keeps libcurl from asking for "100-continue", which the server does not speak. */
static bool
make_headers(struct ms_client *c)
{
	static const char *const lines[] = {"Content-Type: application/cbor", "Expect:", "Accept: application/cbor"};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct curl_slist *more = curl_slist_append(c->headers, lines[i]);
		if (more == NULL)
			return false;
		c->headers = more;
	}
	return true;
}

enum ms_rc
ms_client_new(const struct ms_client_config *cfg, struct ms_client **ret, struct ms_err *err)
{
	if (cfg->url == NULL || !url_ok(cfg->url))
		return ms_fail(err, MS_ERR_USAGE, "server: https://HOST:PORT is wanted");
	enum ms_rc rc = ms_curl_load(err);
	if (rc != MS_OK)
		return rc;
	MS_OWN(ms_client_free) struct ms_client *c = calloc(1, sizeof *c);
	MS_OWN(ms_buf_fini) struct ms_buf pem = {0};
	ms_buf_init(&pem, 16384);
	if (c == NULL || (c->curl = curl_easy_init()) == NULL || !make_headers(c))
		return ms_fail(err, MS_ERR_NOMEM, "https client");
	(void)snprintf(c->url, sizeof c->url, "%s", cfg->url);
	c->max_body = cfg->max_body != 0 && cfg->max_body < MS_CLIENT_RESPONSE_MAX ? cfg->max_body : MS_CLIENT_RESPONSE_MAX;
	bool verified = cfg->ca_root.len > 0;
	rc = verified ? build_pem(cfg->ca_root, &pem, err) : MS_OK;
	if (rc != MS_OK)
		return rc;
	CURLcode curl_rc = set_options(c, cfg);
	if (curl_rc == CURLE_OK)
		curl_rc = verified ? trust(c, &pem) : trust_no_one(c);
	if (curl_rc != CURLE_OK)
		return ms_fail(err, MS_ERR_INTERNAL, "https client: %s", curl_easy_strerror(curl_rc));
	*ret = c;
	c = NULL;
	return MS_OK;
}

void
ms_client_free(struct ms_client *c)
{
	if (c == NULL)
		return;
	curl_easy_cleanup(c->curl);
	curl_slist_free_all(c->headers);
	ms_wipe(c->exporter, sizeof c->exporter);
	free(c);
}

static enum ms_rc
fail_curl(const struct ms_client *c, CURLcode curl_rc, struct ms_err *err)
{
	const char *why = c->why[0] != '\0' ? c->why : curl_easy_strerror(curl_rc);
	switch (curl_rc) {
	case CURLE_OPERATION_TIMEDOUT:
		return ms_fail(err, MS_ERR_TIMEOUT, "%s: %s", c->url, why);
	case CURLE_PEER_FAILED_VERIFICATION:
		return ms_fail(err, MS_ERR_AUTH, "%s is not a server of this deployment: %s", c->url, why);
	case CURLE_WRITE_ERROR:
		return ms_fail(err, MS_ERR_TOO_BIG, "%s: the answer is too big", c->url);
	case CURLE_OUT_OF_MEMORY:
		return ms_fail(err, MS_ERR_NOMEM, "https client");
	default:
		return ms_fail(err, MS_ERR_UNAVAILABLE, "%s: %s", c->url, why);
	}
}

static enum ms_rc
perform(struct ms_client *c, const char *path, struct ms_client_response *ret, struct ms_err *err)
{
	char url[URL_MAX + PATH_MAX_LEN];
	long status = 0, connects = 0;
	curl_off_t retry = 0;
	(void)snprintf(url, sizeof url, "%s%s", c->url, path);
	ms_buf_reset(&ret->body);
	c->response = ret;
	c->why[0] = '\0';
	CURLcode rc = curl_easy_setopt(c->curl, CURLOPT_URL, url);
	if (rc == CURLE_OK)
		rc = curl_easy_perform(c->curl);
	c->response = NULL;
	if (rc != CURLE_OK)
		return fail_curl(c, rc, err);
	(void)curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(c->curl, CURLINFO_NUM_CONNECTS, &connects);
	(void)curl_easy_getinfo(c->curl, CURLINFO_RETRY_AFTER, &retry);
	ret->status = (int)status;
	ret->fresh = connects != 0;
	ret->retry_after_s = retry > 0 ? (uint64_t)retry : 0;
	return MS_OK;
}

enum ms_rc
ms_client_post(struct ms_client *c, const char *path, struct ms_span body, struct ms_client_response *ret, struct ms_err *err)
{
	CURLcode rc = curl_easy_setopt(c->curl, CURLOPT_POST, 1L);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, body.len == 0 ? "" : (const char *)body.p);
	return rc == CURLE_OK ? perform(c, path, ret, err) : fail_curl(c, rc, err);
}

enum ms_rc
ms_client_get(struct ms_client *c, const char *path, struct ms_client_response *ret, struct ms_err *err)
{
	CURLcode rc = curl_easy_setopt(c->curl, CURLOPT_HTTPGET, 1L);
	return rc == CURLE_OK ? perform(c, path, ret, err) : fail_curl(c, rc, err);
}

enum ms_rc
ms_client_exporter(const struct ms_client *c, uint8_t ret[static MS_CLIENT_EXPORTER_LEN], struct ms_err *err)
{
	if (!c->has_exporter)
		return ms_fail(err, MS_ERR_UNAVAILABLE, "no TLS connection yet");
	memcpy(ret, c->exporter, MS_CLIENT_EXPORTER_LEN);
	return MS_OK;
}

static enum ms_rc
rc_of_status(int status)
{
	if (status == 429)
		return MS_ERR_LIMITED;
	if (status == 404)
		return MS_ERR_NOT_FOUND;
	return status >= 500 ? MS_ERR_UNAVAILABLE : MS_ERR_DENIED;
}

enum ms_rc
ms_client_check(const struct ms_client_response *r, struct ms_err *err)
{
	struct ms_error e;
	if (r->status == 200)
		return MS_OK;
	if (ms_cbor_parse_map(&ms_error_table, ms_buf_span(&r->body), &e, NULL) != MS_OK)
		return ms_fail(err, rc_of_status(r->status), "the server answers with status %d", r->status);
	enum ms_rc rc = rc_of_status(r->status);
	for (int i = 1; i < MS_RC_COUNT; i++)
		if (ms_span_eq(e.code, ms_span_str(ms_rc_name((enum ms_rc)i))))
			rc = (enum ms_rc)i;
	return ms_fail(err, rc, "%.*s%s%.*s", (int)e.text.len, (const char *)e.text.p, e.hint.len > 0 ? " - " : "", (int)e.hint.len,
	    (const char *)e.hint.p);
}
