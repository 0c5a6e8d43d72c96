/* PKCS#11 URIs (RFC 7512): only the attributes that name a token. */
#include <string.h>

#include "server/token/token_int.h"

/* RFC 3986 2.1, strict: control characters and the raw bytes that end a path are refused. */
static enum ms_rc
decode(struct ms_span in, char out[static MS_TOKEN_URI_FIELD_MAX + 1], struct ms_err *err)
{
	size_t n = 0;
	for (size_t i = 0; i < in.len; i++) {
		uint8_t c = in.p[i];
		if (c == '%') {
			if (in.len - i < 3 || ms_unhex((const char *)in.p + i + 1, 2, &c, 1) != MS_OK)
				return ms_fail(err, MS_ERR_MALFORMED, "token URI: a bad %% escape");
			i += 2;
		} else if (c == '?' || c == '/' || c == '#' || c == '&')
			return ms_fail(err, MS_ERR_UNSUPPORTED, "token URI: queries are not taken");
		if (c < 0x20 || c == 0x7f || n == MS_TOKEN_URI_FIELD_MAX)
			return ms_fail(err, MS_ERR_MALFORMED, "token URI: a value is too long or holds a control character");
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return n > 0 ? MS_OK : ms_fail(err, MS_ERR_MALFORMED, "token URI: an empty value");
}

static char *
field_of(struct ms_token_uri *u, struct ms_span name)
{
	struct {
		const char *name;
		char *field;
	} const rows[] = {{"token", u->token}, {"manufacturer", u->manufacturer}, {"model", u->model}, {"serial", u->serial}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (ms_span_eq(name, ms_span_str(rows[i].name)))
			return rows[i].field;
	return NULL;
}

static enum ms_rc
take_attribute(struct ms_token_uri *u, struct ms_span attr, struct ms_err *err)
{
	const uint8_t *eq = attr.len > 0 ? memchr(attr.p, '=', attr.len) : NULL;
	if (eq == NULL)
		return ms_fail(err, MS_ERR_MALFORMED, "token URI: an attribute without a value");
	size_t name_len = (size_t)(eq - attr.p);
	char *field = field_of(u, ms_span(attr.p, name_len));
	if (field == NULL)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "token URI: only token, manufacturer, model and serial are taken");
	if (field[0] != '\0')
		return ms_fail(err, MS_ERR_MALFORMED, "token URI: an attribute twice");
	return decode(ms_span(eq + 1, attr.len - name_len - 1), field, err);
}

enum ms_rc
ms_token_uri_parse(struct ms_span text, struct ms_token_uri *ret, struct ms_err *err)
{
	static const char scheme[] = "pkcs11:";
	size_t at = sizeof scheme - 1;
	struct ms_token_uri u = {{0}, {0}, {0}, {0}};
	if (text.len < at || memcmp(text.p, scheme, at) != 0)
		return ms_fail(err, MS_ERR_MALFORMED, "token URI: it begins with pkcs11:");
	for (bool more = true; more;) {
		const uint8_t *end = at < text.len ? memchr(text.p + at, ';', text.len - at) : NULL;
		size_t len = end != NULL ? (size_t)(end - text.p) - at : text.len - at;
		enum ms_rc rc = take_attribute(&u, ms_span(text.p + at, len), err);
		if (rc != MS_OK)
			return rc;
		more = end != NULL;
		at += len + 1;
	}
	if (u.token[0] == '\0')
		return ms_fail(err, MS_ERR_MALFORMED, "token URI: it names no token");
	*ret = u;
	return MS_OK;
}
