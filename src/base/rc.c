#include "muster/rc.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* One row per code: adding a code is adding a row. */
static const struct {
	const char *name;
	const char *public_text;
	int http;
	int exit_code;
} rows[MS_RC_COUNT] = {
    [MS_OK] = {"ok", "done", 200, 0},
    [MS_ERR_USAGE] = {"usage", "the request cannot be understood", 400, 2},
    [MS_ERR_MALFORMED] = {"malformed", "the request is malformed", 400, 2},
    [MS_ERR_TOO_BIG] = {"too-big", "the request is larger than this server takes", 413, 2},
    [MS_ERR_UNSUPPORTED] = {"unsupported", "an algorithm or version is not supported", 400, 2},
    [MS_ERR_TOO_OLD] = {"too-old", "this protocol version is no longer spoken: upgrade", 426, 1},
    [MS_ERR_AUTH] = {"not-authentic", "a signature or binding does not verify", 403, 1},
    [MS_ERR_EXPIRED] = {"expired", "the request is outside its time: start again", 403, 1},
    [MS_ERR_REPLAY] = {"replayed", "this was used before: start again", 403, 1},
    [MS_ERR_DENIED] = {"denied", "refused", 403, 1},
    [MS_ERR_PENDING] = {"pending", "waits for an operator's approval", 202, 1},
    [MS_ERR_NOT_FOUND] = {"not-found", "not found, or not yours to see", 404, 1},
    [MS_ERR_CONFLICT] = {"conflict", "it exists already, or has changed since you looked", 409, 1},
    [MS_ERR_LIMITED] = {"limited", "too many requests: try later", 429, 3},
    [MS_ERR_NOMEM] = {"no-memory", "the server is short of memory: try later", 503, 3},
    [MS_ERR_IO] = {"io", "the server's storage failed: try later", 503, 3},
    [MS_ERR_CRYPTO] = {"crypto", "the server's crypto failed: try later", 503, 3},
    [MS_ERR_TPM] = {"tpm", "the TPM failed", 503, 3},
    [MS_ERR_UNAVAILABLE] = {"unavailable", "not available now: try later", 503, 3},
    [MS_ERR_TIMEOUT] = {"timeout", "it took too long: try later", 504, 3},
    [MS_ERR_CLOCK] = {"clock", "the server's clock jumped and it grants nothing until that is settled", 503, 3},
    [MS_ERR_INTERNAL] = {"internal", "the server failed: nothing was changed", 500, 3},
};

static unsigned
row_of(enum ms_rc rc)
{
	unsigned i = (unsigned)rc;
	return i < MS_RC_COUNT ? i : MS_ERR_INTERNAL;
}

const char *
ms_rc_name(enum ms_rc rc)
{
	return rows[row_of(rc)].name;
}

const char *
ms_rc_public(enum ms_rc rc)
{
	return rows[row_of(rc)].public_text;
}

int
ms_rc_http(enum ms_rc rc)
{
	return rows[row_of(rc)].http;
}

int
ms_rc_exit(enum ms_rc rc)
{
	return rows[row_of(rc)].exit_code;
}

enum ms_rc
ms_fail(struct ms_err *err, enum ms_rc rc, const char *fmt, ...)
{
	if (err == NULL)
		return rc;
	va_list ap;
	va_start(ap, fmt);
	err->rc = rc;
	if (vsnprintf(err->text, sizeof err->text, fmt, ap) < 0)
		err->text[0] = '\0';
	va_end(ap);
	return rc;
}

enum ms_rc
ms_prefix(struct ms_err *err, enum ms_rc rc, const char *fmt, ...)
{
	if (err == NULL)
		return rc;
	char head[MS_ERR_TEXT_MAX / 2];
	char tail[MS_ERR_TEXT_MAX];
	va_list ap;
	va_start(ap, fmt);
	if (vsnprintf(head, sizeof head, fmt, ap) < 0)
		head[0] = '\0';
	va_end(ap);
	memcpy(tail, err->text, sizeof tail);
	tail[sizeof tail - 1] = '\0';
	err->rc = rc;
	/* Truncation of the tail is accepted: the head names the place. */
	if (snprintf(err->text, sizeof err->text, "%s: %.*s", head, (int)(sizeof tail - sizeof head - 3), tail) < 0)
		err->text[0] = '\0';
	return rc;
}
