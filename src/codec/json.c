#include "codec/json.h"

#include <string.h>

/* jansson recurses, so depth is capped before it sees the text. Brackets inside strings do not count. */
static bool
depth_ok(struct ms_span s)
{
	unsigned depth = 0;
	bool in_string = false;
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.p[i];
		if (c == '"')
			in_string = !in_string;
		else if (in_string && c == '\\')
			i++;
		else if (!in_string && (c == '{' || c == '['))
			depth++;
		else if (!in_string && (c == '}' || c == ']') && depth > 0)
			depth--;
		if (depth > MS_JSON_DEPTH_MAX)
			return false;
	}
	return true;
}

enum ms_rc
ms_json_parse(struct ms_span s, size_t max, json_t **ret, struct ms_err *err)
{
	json_error_t e;
	if (s.len > max)
		return ms_fail(err, MS_ERR_TOO_BIG, "json: %zu bytes, at most %zu", s.len, max);
	if (s.len == 0)
		return ms_fail(err, MS_ERR_MALFORMED, "json: empty");
	if (!depth_ok(s))
		return ms_fail(err, MS_ERR_TOO_BIG, "json: more than %u levels", MS_JSON_DEPTH_MAX);
	json_t *j = json_loadb((const char *)s.p, s.len, JSON_REJECT_DUPLICATES, &e);
	if (j == NULL)
		return ms_fail(err, MS_ERR_MALFORMED, "json: line %d: %s", e.line, e.text);
	*ret = j;
	return MS_OK;
}

static int
put(const char *p, size_t len, void *out)
{
	ms_buf_put(out, p, len);
	return 0;
}

enum ms_rc
ms_json_build(const json_t *j, bool pretty, struct ms_buf *out, struct ms_err *err)
{
	size_t flags = JSON_SORT_KEYS | (pretty ? JSON_INDENT(2) : JSON_COMPACT);
	if (json_dump_callback(j, put, out, flags) != 0)
		return ms_fail(err, MS_ERR_USAGE, "json: cannot be written");
	if (pretty)
		ms_buf_u8(out, '\n');
	return ms_buf_check(out, err);
}
