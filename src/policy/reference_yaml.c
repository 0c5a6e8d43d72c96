#include "policy/reference_yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/yaml.h"

struct reader {
	struct ms_reference *r;
	size_t cap;
};

static enum ms_rc
need_text(struct ms_yaml_node *root, const char *key, size_t max, char *out, struct ms_err *err)
{
	struct ms_yaml_node *n = ms_yaml_get(root, key);
	const char *text = NULL;
	if (n == NULL)
		return ms_yaml_fail(root, err, MS_ERR_USAGE, "%s is missing", key);
	enum ms_rc rc = ms_yaml_text(n, 1, max, &text, err);
	if (rc == MS_OK)
		memcpy(out, text, strlen(text) + 1);
	return rc;
}

static enum ms_rc
read_head(struct ms_yaml_node *root, struct ms_reference *r, struct ms_err *err)
{
	struct ms_yaml_node *version = ms_yaml_get(root, "version"), *source = ms_yaml_get(root, "source");
	const char *text = NULL;
	uint64_t v = 0;
	if (version == NULL)
		return ms_yaml_fail(root, err, MS_ERR_USAGE, "version is missing");
	enum ms_rc rc = ms_yaml_uint(version, 0, UINT32_MAX, &v, err);
	if (rc == MS_OK && v != 1)
		rc = ms_yaml_fail(version, err, MS_ERR_USAGE, "this program reads version 1");
	if (rc == MS_OK)
		rc = need_text(root, "name", MS_REFERENCE_NAME_MAX, r->name, err);
	if (rc == MS_OK && !ms_name_ok(ms_span_str(r->name), MS_REFERENCE_NAME_MAX))
		rc = ms_yaml_fail(ms_yaml_get(root, "name"), err, MS_ERR_USAGE, "\"%s\" is no name: 1 to %u of [a-z0-9._-]", r->name,
		    MS_REFERENCE_NAME_MAX);
	if (rc == MS_OK)
		rc = need_text(root, "model", MS_REFERENCE_MODEL_MAX, r->model, err);
	if (rc == MS_OK && source != NULL) {
		rc = ms_yaml_text(source, 0, MS_REFERENCE_SOURCE_MAX, &text, err);
		if (rc == MS_OK)
			memcpy(r->source, text, strlen(text) + 1);
	}
	return rc;
}

/* The key of a map of PCRs. */
static enum ms_rc
read_pcr_key(const struct ms_yaml_node *n, uint8_t *ret, struct ms_err *err)
{
	const char *key = ms_yaml_key(n);
	size_t len = strlen(key);
	unsigned v = 0;
	bool ok = len >= 1 && len <= 2 && strspn(key, "0123456789") == len && (len == 1 || key[0] != '0');
	for (size_t i = 0; ok && i < len; i++)
		v = v * 10 + (unsigned)(key[i] - '0');
	if (!ok || v >= MS_TPM_PCR_COUNT)
		return ms_yaml_fail(n, err, MS_ERR_USAGE, "\"%.20s\" is no PCR: 0 to %u", key, MS_TPM_PCR_COUNT - 1);
	*ret = (uint8_t)v;
	return MS_OK;
}

static enum ms_rc
read_digest(struct ms_yaml_node *n, uint8_t out[static MS_PCR_LEN], struct ms_err *err)
{
	const char *text = NULL;
	enum ms_rc rc = ms_yaml_text(n, 1, 128, &text, err);
	if (rc == MS_OK && ms_unhex(text, strlen(text), out, MS_PCR_LEN) != MS_OK)
		rc = ms_yaml_fail(n, err, MS_ERR_USAGE, "a SHA-256 digest is %u hexadecimal digits, this has %zu characters",
		    2 * MS_PCR_LEN, strlen(text));
	return rc;
}

static enum ms_rc
add_row(struct reader *rd, uint8_t pcr, const uint8_t digest[static MS_PCR_LEN], const struct ms_yaml_node *at, struct ms_err *err)
{
	if (rd->r->n == rd->cap) {
		size_t cap = rd->cap == 0 ? 64 : 2 * rd->cap;
		struct ms_pcr_accept *more = realloc(rd->r->rows, cap * sizeof *more);
		if (more == NULL)
			return ms_fail(err, MS_ERR_NOMEM, "reference set");
		rd->r->rows = more;
		rd->cap = cap;
	}
	size_t same = 0;
	for (size_t i = 0; i < rd->r->n; i++) {
		if (rd->r->rows[i].index != pcr)
			continue;
		same++;
		if (ms_span_eq(ms_span(rd->r->rows[i].digest, MS_PCR_LEN), ms_span(digest, MS_PCR_LEN)))
			return ms_yaml_fail(at, err, MS_ERR_USAGE, "this digest is there twice");
	}
	if (same == MS_REFERENCE_DIGESTS_MAX)
		return ms_yaml_fail(at, err, MS_ERR_USAGE, "more than %u digests for PCR %u", MS_REFERENCE_DIGESTS_MAX, pcr);
	rd->r->rows[rd->r->n].index = pcr;
	memcpy(rd->r->rows[rd->r->n++].digest, digest, MS_PCR_LEN);
	return MS_OK;
}

static enum ms_rc
read_pcrs(struct reader *rd, struct ms_yaml_node *map, struct ms_err *err)
{
	enum ms_rc rc = ms_yaml_expect(map, MS_YAML_MAP, err);
	for (struct ms_yaml_node *n = rc == MS_OK ? ms_yaml_first(map) : NULL; rc == MS_OK && n != NULL; n = ms_yaml_next(n)) {
		uint8_t pcr = 0, digest[MS_PCR_LEN];
		rc = read_pcr_key(n, &pcr, err);
		if (rc == MS_OK)
			rc = ms_yaml_expect(n, MS_YAML_LIST, err);
		if (rc == MS_OK && ms_yaml_count(n) == 0)
			rc = ms_yaml_fail(n, err, MS_ERR_USAGE, "name at least one digest: an empty list is never \"any\"");
		for (struct ms_yaml_node *d = rc == MS_OK ? ms_yaml_first(n) : NULL; rc == MS_OK && d != NULL; d = ms_yaml_next(d)) {
			rc = read_digest(d, digest, err);
			if (rc == MS_OK)
				rc = add_row(rd, pcr, digest, d, err);
		}
	}
	return rc;
}

static int
by_pcr(const void *a, const void *b)
{
	const struct ms_pcr_accept *x = a, *y = b;
	return x->index != y->index ? (x->index < y->index ? -1 : 1)
				    : ms_span_cmp(ms_span(x->digest, MS_PCR_LEN), ms_span(y->digest, MS_PCR_LEN));
}

static enum ms_rc
read_set(struct ms_yaml *doc, MS_UNUSED ms_reference_open_fn open, MS_UNUSED void *ctx, struct reader *rd, struct ms_err *err)
{
	struct ms_yaml_node *root = ms_yaml_root(doc);
	enum ms_rc rc = ms_yaml_expect(root, MS_YAML_MAP, err);
	if (rc == MS_OK)
		rc = read_head(root, rd->r, err);
	struct ms_yaml_node *pcrs = rc == MS_OK ? ms_yaml_get(root, "pcrs") : NULL;
	if (rc == MS_OK && pcrs != NULL)
		rc = read_pcrs(rd, pcrs, err);
	if (rc == MS_OK)
		rc = ms_yaml_check_used(doc, err);
	if (rc == MS_OK && rd->r->n == 0)
		rc = ms_yaml_fail(root, err, MS_ERR_USAGE, "pcrs is missing: a set without values accepts nothing");
	if (rd->r->n > 1)
		qsort(rd->r->rows, rd->r->n, sizeof *rd->r->rows, by_pcr);
	return rc;
}

enum ms_rc
ms_reference_from_yaml(
    const struct ms_policy_file *text, ms_reference_open_fn open, void *ctx, struct ms_reference **ret, struct ms_err *err)
{
	MS_OWN(ms_yaml_free) struct ms_yaml *doc = NULL;
	MS_OWN(ms_reference_free) struct ms_reference *r = calloc(1, sizeof *r);
	struct reader rd = {.r = r};
	if (r == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "reference set");
	r->version = 1;
	enum ms_rc rc = ms_yaml_load(text->name, text->text, &doc, err);
	if (rc == MS_OK)
		rc = read_set(doc, open, ctx, &rd, err);
	if (rc == MS_OK) {
		*ret = r;
		r = NULL;
		return MS_OK;
	}
	if (rc != MS_ERR_NOMEM && err != NULL)
		err->rc = MS_ERR_USAGE; /* whatever layer found it, the author's text is wrong */
	return rc == MS_ERR_NOMEM ? rc : MS_ERR_USAGE;
}

static void
put_quoted(struct ms_buf *b, const char *key, const char *text)
{
	ms_buf_fmt(b, "%s: \"", key);
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
		if (*p < 0x20 || *p == 0x7f)
			ms_buf_fmt(b, "\\x%02x", *p);
		else
			ms_buf_fmt(b, "%s%c", *p == '"' || *p == '\\' ? "\\" : "", *p);
	}
	ms_buf_str(b, "\"\n");
}

enum ms_rc
ms_reference_to_yaml(const struct ms_reference *r, struct ms_buf *out, struct ms_err *err)
{
	char hex[2 * MS_PCR_LEN + 1];
	ms_buf_str(out, "version: 1\n");
	ms_buf_fmt(out, "name: %s\n", r->name);
	put_quoted(out, "model", r->model);
	if (r->source[0] != '\0')
		put_quoted(out, "source", r->source);
	if (r->n > 0)
		ms_buf_str(out, "pcrs:\n");
	for (size_t i = 0; i < r->n; i++) {
		ms_hex(r->rows[i].digest, MS_PCR_LEN, hex);
		if (i == 0 || r->rows[i - 1].index != r->rows[i].index)
			ms_buf_fmt(out, "  %u:\n", r->rows[i].index);
		ms_buf_fmt(out, "    - %s\n", hex);
	}
	return ms_buf_check(out, err);
}
