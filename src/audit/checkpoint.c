#include "audit/checkpoint.h"
#include <string.h>

#define ORIGIN_MAX 256u

/* The next line, without its newline; false when there is none or it is empty. */
static bool
take_line(struct ms_span *left, struct ms_span *ret)
{
	const uint8_t *end = left->len == 0 ? NULL : memchr(left->p, '\n', left->len);
	if (end == NULL || end == left->p)
		return false;
	*ret = ms_span(left->p, (size_t)(end - left->p));
	*left = ms_span(end + 1, left->len - ret->len - 1);
	return true;
}

/* Decimal without leading zeros. */
static bool
parse_size(struct ms_span s, uint64_t *ret)
{
	uint64_t v = 0;
	if (s.len > 19 || (s.len > 1 && s.p[0] == '0'))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(s.p[i] - '0');
	}
	*ret = v;
	return v <= MS_TREE_SIZE_MAX;
}

static bool
printable(struct ms_span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] < 0x20 && s.p[i] != '\n')
			return false;
	return ms_utf8_ok(s);
}

static bool
extensions_ok(struct ms_span s)
{
	struct ms_span line;
	for (unsigned n = 0; s.len != 0; n++)
		if (n == MS_CHECKPOINT_EXTENSIONS_MAX || !take_line(&s, &line))
			return false;
	return true;
}

enum ms_rc
ms_checkpoint_parse(struct ms_span text, struct ms_checkpoint *ret, struct ms_err *err)
{
	struct ms_checkpoint c = {0};
	struct ms_span left = text, size, root;
	struct ms_node empty;
	size_t len;
	if (text.len > MS_NOTE_MAX || !printable(text) || !take_line(&left, &c.origin) || c.origin.len > ORIGIN_MAX)
		return ms_fail(err, MS_ERR_MALFORMED, "checkpoint: origin");
	if (!take_line(&left, &size) || !parse_size(size, &c.size))
		return ms_fail(err, MS_ERR_MALFORMED, "checkpoint: tree size");
	if (!take_line(&left, &root) || ms_unbase64((const char *)root.p, root.len, c.root.h, sizeof c.root.h, &len) != MS_OK ||
	    len != MS_NODE_LEN)
		return ms_fail(err, MS_ERR_MALFORMED, "checkpoint: root hash");
	if (!extensions_ok(left))
		return ms_fail(err, MS_ERR_MALFORMED, "checkpoint: extension lines");
	ms_merkle_empty(&empty);
	if (c.size == 0 && !ms_node_eq(&c.root, &empty))
		return ms_fail(err, MS_ERR_MALFORMED, "checkpoint: an empty tree has another root");
	c.extensions = left;
	*ret = c;
	return MS_OK;
}

enum ms_rc
ms_checkpoint_build(const struct ms_checkpoint *c, struct ms_buf *out, struct ms_err *err)
{
	struct ms_checkpoint check;
	char b64[MS_BASE64_LEN(MS_NODE_LEN) + 1];
	ms_base64(c->root.h, MS_NODE_LEN, b64);
	size_t before = out->len;
	ms_buf_put_span(out, c->origin);
	ms_buf_fmt(out, "\n%llu\n%s\n", (unsigned long long)c->size, b64);
	ms_buf_put_span(out, c->extensions);
	enum ms_rc rc = ms_buf_check(out, err);
	if (rc != MS_OK)
		return rc;
	rc = ms_checkpoint_parse(ms_span(out->p + before, out->len - before), &check, err);
	if (rc != MS_OK || !ms_span_eq(check.origin, c->origin) || !ms_span_eq(check.extensions, c->extensions)) {
		out->len = before;
		return ms_fail(err, MS_ERR_USAGE, "checkpoint: origin, size, root or extensions");
	}
	return MS_OK;
}

enum ms_rc
ms_checkpoint_verify(struct ms_span note, const struct ms_vkey *v, struct ms_checkpoint *ret, struct ms_err *err)
{
	struct ms_note n;
	struct ms_checkpoint c;
	enum ms_rc rc = ms_note_verify(note, v, &n, err);
	if (rc != MS_OK)
		return rc;
	rc = ms_checkpoint_parse(n.text, &c, err);
	if (rc != MS_OK)
		return rc;
	if (!ms_span_eq(c.origin, ms_span_str(ms_vkey_name(v))))
		return ms_fail(err, MS_ERR_AUTH, "checkpoint: the origin is not %s", ms_vkey_name(v));
	*ret = c;
	return MS_OK;
}

enum ms_rc
ms_checkpoint_sign(
    const char *origin, uint64_t size, const struct ms_node *root, const struct ms_signer *signer, struct ms_buf *out, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf text;
	struct ms_checkpoint c = {.origin = ms_span_str(origin), .size = size, .root = *root};
	ms_buf_init(&text, 1024);
	enum ms_rc rc = ms_checkpoint_build(&c, &text, err);
	if (rc != MS_OK)
		return rc;
	return ms_note_build(ms_buf_span(&text), origin, signer, out, err);
}
