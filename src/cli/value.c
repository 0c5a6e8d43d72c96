#include <string.h>

#include "cli/cli.h"
#include "codec/cbor.h"

static json_t *
hex_string(struct ms_span s)
{
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	char two[3];
	ms_buf_init(&b, 2 * s.len + 1);
	for (size_t i = 0; i < s.len; i++) {
		ms_hex(s.p + i, 1, two);
		ms_buf_put(&b, two, 2);
	}
	return b.bad ? NULL : json_stringn(b.p == NULL ? "" : (const char *)b.p, b.len);
}

static json_t *value(struct ms_cbor *c, unsigned depth);

static json_t *
array(struct ms_cbor *c, unsigned depth)
{
	json_t *a = json_array();
	for (size_t n = ms_cbor_read_array(c); a != NULL && n > 0; n--)
		if (json_array_append_new(a, value(c, depth + 1)) != 0) {
			json_decref(a);
			a = NULL;
		}
	return a;
}

static void
read_key(struct ms_cbor *c, struct ms_buf *key)
{
	ms_buf_reset(key);
	if (ms_cbor_peek(c) == MS_CBOR_UINT)
		ms_buf_fmt(key, "%llu", (unsigned long long)ms_cbor_read_uint(c));
	else
		ms_buf_put_span(key, ms_cbor_read_text(c));
	ms_buf_u8(key, 0);
}

static json_t *
map(struct ms_cbor *c, unsigned depth)
{
	MS_OWN(ms_buf_fini) struct ms_buf key = {0};
	json_t *o = json_object();
	ms_buf_init(&key, 1024);
	for (size_t n = ms_cbor_read_map(c); o != NULL && n > 0; n--) {
		read_key(c, &key);
		if (key.bad || json_object_set_new(o, (const char *)key.p, value(c, depth + 1)) != 0) {
			json_decref(o);
			o = NULL;
		}
	}
	return o;
}

/* Recursion ends at the depth that the reader has checked. */
static json_t *
value(struct ms_cbor *c, unsigned depth)
{
	if (depth > MS_CBOR_DEPTH_MAX)
		return NULL;
	switch (ms_cbor_peek(c)) {
	case MS_CBOR_UINT: {
		uint64_t v = ms_cbor_read_uint(c);
		return v > INT64_MAX ? NULL : json_integer((json_int_t)v);
	}
	case MS_CBOR_NINT:
		return json_integer((json_int_t)ms_cbor_read_int(c));
	case MS_CBOR_BYTES:
		return hex_string(ms_cbor_read_bytes(c));
	case MS_CBOR_TEXT: {
		struct ms_span s = ms_cbor_read_text(c);
		return json_stringn(s.len == 0 ? "" : (const char *)s.p, s.len);
	}
	case MS_CBOR_ARRAY:
		return array(c, depth);
	case MS_CBOR_MAP:
		return map(c, depth);
	case MS_CBOR_BOOL:
		return json_boolean(ms_cbor_read_bool(c));
	case MS_CBOR_NULL:
		ms_cbor_read_null(c);
		return json_null();
	case MS_CBOR_NONE:
		break;
	}
	return NULL;
}

enum ms_rc
ms_json_from_cbor(struct ms_span cbor, json_t **ret, struct ms_err *err)
{
	enum ms_rc rc = ms_cbor_check(cbor, MS_CBOR_DEPTH_MAX, err);
	if (rc != MS_OK)
		return rc;
	struct ms_cbor c = ms_cbor_over(cbor);
	MS_OWN(ms_json_free) json_t *j = value(&c, 0);
	if (j == NULL || !ms_cbor_done(&c))
		return ms_fail(err, MS_ERR_MALFORMED, "CBOR that has no JSON form");
	*ret = j;
	j = NULL;
	return MS_OK;
}

const char *
ms_json_text(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));
	return s != NULL ? s : "";
}

uint64_t
ms_json_uint(const json_t *object, const char *key)
{
	json_int_t v = json_integer_value(json_object_get(object, key));
	return v > 0 ? (uint64_t)v : 0;
}

enum ms_rc
ms_json_bytes(const json_t *object, const char *key, struct ms_buf *out, struct ms_err *err)
{
	const json_t *j = json_object_get(object, key);
	const char *s = json_string_value(j);
	if (s == NULL)
		return ms_fail(err, MS_ERR_NOT_FOUND, "the answer has no %s", key);
	for (size_t i = 0, n = json_string_length(j); i < n; i += 2) {
		uint8_t b = 0;
		if (i + 1 == n || ms_unhex(s + i, 2, &b, 1) != MS_OK)
			return ms_fail(err, MS_ERR_MALFORMED, "%s is not bytes", key);
		ms_buf_u8(out, b);
	}
	return ms_buf_check(out, err);
}
