#include "codec/pem.h"

#include <stdlib.h>
#include <string.h>

static const char begin_mark[] = "-----BEGIN ", end_mark[] = "-----END ", dashes[] = "-----";

bool
ms_pem_is(struct ms_span s)
{
	return s.len > 0 && memmem(s.p, s.len, begin_mark, sizeof begin_mark - 1) != NULL && s.p[0] != 0x30;
}

/* The label between *from and the dashes after it; *from is moved past them. */
static bool
read_label(struct ms_span text, size_t *from, char label[static MS_PEM_LABEL_MAX])
{
	const uint8_t *p = text.p + *from;
	const uint8_t *end = memmem(p, text.len - *from, dashes, sizeof dashes - 1);
	size_t n = end == NULL ? MS_PEM_LABEL_MAX : (size_t)(end - p);
	if (n >= MS_PEM_LABEL_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (p[i] < ' ' || p[i] > '~')
			return false;
	memcpy(label, p, n);
	label[n] = '\0';
	*from += n + sizeof dashes - 1;
	return true;
}

/* Base64 with white space anywhere in it. */
static enum ms_rc
decode(struct ms_span s, struct ms_buf *der, struct ms_err *err)
{
	size_t len = 0;
	if (s.len > 2 * (size_t)MS_PEM_BLOCK_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "PEM: a block of %zu characters", s.len);
	MS_OWN(ms_buf_fini) struct ms_buf packed;
	ms_buf_init(&packed, 2 * MS_PEM_BLOCK_MAX + 1);
	for (size_t n = 0; n < s.len; n++)
		if (strchr(" \t\r\n", s.p[n]) == NULL || s.p[n] == '\0')
			ms_buf_u8(&packed, s.p[n]);
	if (packed.bad)
		return ms_fail(err, MS_ERR_NOMEM, "PEM");
	uint8_t *raw = malloc(packed.len + 1);
	if (raw == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "PEM");
	enum ms_rc rc = ms_unbase64((const char *)packed.p, packed.len, raw, packed.len + 1, &len);
	if (rc == MS_OK)
		ms_buf_put(der, raw, len);
	free(raw);
	return rc == MS_OK ? ms_buf_check(der, err) : ms_fail(err, MS_ERR_MALFORMED, "PEM: a block that is not base64");
}

enum ms_rc
ms_pem_next(struct ms_span text, size_t *from, char label[static MS_PEM_LABEL_MAX], struct ms_buf *der, struct ms_err *err)
{
	char name[MS_PEM_LABEL_MAX], last[MS_PEM_LABEL_MAX];
	size_t at = *from;
	const uint8_t *p = at >= text.len ? NULL : memmem(text.p + at, text.len - at, begin_mark, sizeof begin_mark - 1);
	if (p == NULL)
		return ms_fail(err, MS_ERR_NOT_FOUND, "PEM: no more blocks");
	at = (size_t)(p - text.p) + sizeof begin_mark - 1;
	if (!read_label(text, &at, name))
		return ms_fail(err, MS_ERR_MALFORMED, "PEM: a block without a label");
	const uint8_t *body = text.p + at;
	const uint8_t *end = memmem(body, text.len - at, end_mark, sizeof end_mark - 1);
	if (end == NULL)
		return ms_fail(err, MS_ERR_MALFORMED, "PEM: a block without its end");
	at = (size_t)(end - text.p) + sizeof end_mark - 1;
	if (!read_label(text, &at, last) || strcmp(name, last) != 0)
		return ms_fail(err, MS_ERR_MALFORMED, "PEM: a block with another end than %s", name);
	enum ms_rc rc = decode(ms_span(body, (size_t)(end - body)), der, err);
	if (rc != MS_OK)
		return rc;
	memcpy(label, name, sizeof name);
	*from = at;
	return MS_OK;
}
