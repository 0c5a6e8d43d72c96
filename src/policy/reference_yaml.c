#include "policy/reference_yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "codec/pem.h"
#include "codec/yaml.h"
#include "policy/reference_import.h"

#define FILE_NAME_MAX 1024u
#define PCRS_ALL ((UINT32_C(1) << MS_TPM_PCR_COUNT) - 1)
#define PCR_IMA (UINT32_C(1) << 10) /* moves with every measured file: a value of it is taken only when it is written out */

struct reader {
	struct ms_reference_builder *b;
	ms_reference_open_fn open;
	void *ctx;
};

/* ---- scalars ---- */

static enum ms_rc
pcr_number(const struct ms_yaml_node *at, const char *text, unsigned *ret, struct ms_err *err)
{
	size_t len = strlen(text);
	unsigned v = 0;
	bool ok = len >= 1 && len <= 2 && strspn(text, "0123456789") == len && (len == 1 || text[0] != '0');
	for (size_t i = 0; ok && i < len; i++)
		v = v * 10 + (unsigned)(text[i] - '0');
	if (!ok || v >= MS_TPM_PCR_COUNT)
		return ms_yaml_fail(at, err, MS_ERR_USAGE, "\"%.20s\" is no PCR: 0 to %u", text, MS_TPM_PCR_COUNT - 1);
	*ret = v;
	return MS_OK;
}

static enum ms_rc
read_mask(struct ms_yaml_node *list, uint32_t *ret, struct ms_err *err)
{
	enum ms_rc rc = ms_yaml_expect(list, MS_YAML_LIST, err);
	for (struct ms_yaml_node *i = rc == MS_OK ? ms_yaml_first(list) : NULL; rc == MS_OK && i != NULL; i = ms_yaml_next(i)) {
		const char *text = NULL;
		unsigned pcr = 0;
		rc = ms_yaml_text(i, 1, 8, &text, err);
		if (rc == MS_OK)
			rc = pcr_number(i, text, &pcr, err);
		if (rc == MS_OK)
			*ret |= UINT32_C(1) << pcr;
	}
	return rc;
}

/* An error of what a file holds, told at the line that names the file. */
static enum ms_rc
at_line(const struct ms_yaml_node *n, enum ms_rc rc, const char *name, const struct ms_err *inner, struct ms_err *err)
{
	if (rc == MS_OK || rc == MS_ERR_NOMEM)
		return rc;
	return ms_yaml_fail(n, err, MS_ERR_USAGE, "%s%s%s", name, name[0] != '\0' ? ": " : "", inner->text);
}

/* ---- digests written out ---- */

typedef enum ms_rc (*add_fn)(struct ms_reference_builder *b, unsigned pcr, const uint8_t digest[static MS_PCR_LEN], struct ms_err *err);

static enum ms_rc
read_digest(struct reader *rd, struct ms_yaml_node *n, unsigned pcr, add_fn add, struct ms_err *err)
{
	const char *text = NULL;
	uint8_t digest[MS_PCR_LEN];
	struct ms_err inner = {0};
	enum ms_rc rc = ms_yaml_text(n, 1, 200, &text, err);
	if (rc != MS_OK)
		return rc;
	if (ms_unhex(text, strlen(text), digest, MS_PCR_LEN) != MS_OK)
		return ms_yaml_fail(n, err, MS_ERR_USAGE, "a SHA-256 digest is %u hexadecimal digits, this has %zu characters",
		    2 * MS_PCR_LEN, strlen(text));
	for (struct ms_yaml_node *i = ms_yaml_next(n); i != NULL; i = ms_yaml_next(i)) {
		const char *other = NULL;
		if (ms_yaml_type(i) == MS_YAML_SCALAR && ms_yaml_text(i, 0, 200, &other, NULL) == MS_OK && strcmp(other, text) == 0)
			return ms_yaml_fail(i, err, MS_ERR_USAGE, "this digest is there twice");
	}
	return at_line(n, add(rd->b, pcr, digest, &inner), "", &inner, err);
}

static enum ms_rc
read_digests(struct reader *rd, struct ms_yaml_node *map, add_fn add, struct ms_err *err)
{
	enum ms_rc rc = ms_yaml_expect(map, MS_YAML_MAP, err);
	for (struct ms_yaml_node *n = rc == MS_OK ? ms_yaml_first(map) : NULL; rc == MS_OK && n != NULL; n = ms_yaml_next(n)) {
		unsigned pcr = 0;
		rc = pcr_number(n, ms_yaml_key(n), &pcr, err);
		if (rc == MS_OK)
			rc = ms_yaml_expect(n, MS_YAML_LIST, err);
		if (rc == MS_OK && ms_yaml_count(n) == 0)
			rc = ms_yaml_fail(n, err, MS_ERR_USAGE, "name at least one digest: an empty list is never \"any\"");
		for (struct ms_yaml_node *d = rc == MS_OK ? ms_yaml_first(n) : NULL; rc == MS_OK && d != NULL; d = ms_yaml_next(d))
			rc = read_digest(rd, d, pcr, add, err);
	}
	return rc;
}

/* ---- files that are named ---- */

typedef enum ms_rc (*import_fn)(struct reader *rd, struct ms_yaml_node *n, struct ms_span bytes, struct ms_err *err);

static enum ms_rc
import_file(struct reader *rd, struct ms_yaml_node *n, size_t max, import_fn import, struct ms_err *err)
{
	const char *name = NULL;
	struct ms_err inner = {0};
	MS_OWN(ms_buf_fini) struct ms_buf bytes = {0};
	ms_buf_init(&bytes, max);
	enum ms_rc rc = ms_yaml_text(n, 1, FILE_NAME_MAX, &name, err);
	if (rc != MS_OK)
		return rc;
	rc = at_line(n, rd->open(rd->ctx, name, max, &bytes, &inner), "", &inner, err);
	if (rc != MS_OK)
		return rc;
	return at_line(n, import(rd, n, ms_buf_span(&bytes), &inner), name, &inner, err);
}

static enum ms_rc
import_pcrs(struct reader *rd, MS_UNUSED struct ms_yaml_node *n, struct ms_span bytes, struct ms_err *err)
{
	return ms_reference_import_pcrs(rd->b, bytes, MS_PCRS_ATTEST_MASK & ~PCR_IMA, err);
}

static enum ms_rc
import_sums(struct reader *rd, MS_UNUSED struct ms_yaml_node *n, struct ms_span bytes, struct ms_err *err)
{
	return ms_reference_import_sums(rd->b, bytes, err);
}

static enum ms_rc
import_ima(struct reader *rd, MS_UNUSED struct ms_yaml_node *n, struct ms_span bytes, struct ms_err *err)
{
	return ms_reference_import_ima(rd->b, bytes, err);
}

static enum ms_rc
import_keys(struct reader *rd, MS_UNUSED struct ms_yaml_node *n, struct ms_span bytes, struct ms_err *err)
{
	return ms_reference_import_keys(rd->b, bytes, err);
}

static enum ms_rc
import_boot_log(struct reader *rd, MS_UNUSED struct ms_yaml_node *n, struct ms_span bytes, struct ms_err *err)
{
	return ms_reference_import_boot_log(rd->b, bytes, PCRS_ALL & ~PCR_IMA, PCRS_ALL & ~PCR_IMA, err);
}

/* pcrs: {0: [hex]}, or the name of a file of values. */
static enum ms_rc
read_pcrs(struct reader *rd, struct ms_yaml_node *n, struct ms_err *err)
{
	if (ms_yaml_type(n) == MS_YAML_SCALAR)
		return import_file(rd, n, MS_REFERENCE_PCRS_JSON_MAX, import_pcrs, err);
	return read_digests(rd, n, ms_reference_add_pcr, err);
}

static enum ms_rc
read_events(struct reader *rd, struct ms_yaml_node *n, struct ms_err *err)
{
	return read_digests(rd, n, ms_reference_add_event, err);
}

/* boot_log: FILE, for all that it says; or {file: FILE, pcrs: [..], events: [..]}, for what is listed. */
static enum ms_rc
read_boot_log(struct reader *rd, struct ms_yaml_node *n, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf bytes = {0};
	struct ms_err inner = {0};
	const char *name = NULL;
	uint32_t pcrs = 0, events = 0;
	if (ms_yaml_type(n) == MS_YAML_SCALAR)
		return import_file(rd, n, MS_REFERENCE_BOOT_LOG_MAX, import_boot_log, err);
	enum ms_rc rc = ms_yaml_expect(n, MS_YAML_MAP, err);
	if (rc != MS_OK)
		return rc;
	struct ms_yaml_node *file = ms_yaml_get(n, "file"), *p = ms_yaml_get(n, "pcrs"), *e = ms_yaml_get(n, "events");
	if (file == NULL || (p == NULL && e == NULL))
		return ms_yaml_fail(n, err, MS_ERR_USAGE, "the name of a file, or {file: FILE, pcrs: [..], events: [..]}");
	if (p != NULL)
		rc = read_mask(p, &pcrs, err);
	if (rc == MS_OK && e != NULL)
		rc = read_mask(e, &events, err);
	if (rc == MS_OK && (pcrs | events) == 0)
		rc = ms_yaml_fail(n, err, MS_ERR_USAGE, "name at least one PCR: an empty list is never \"any\"");
	if (rc == MS_OK)
		rc = ms_yaml_text(file, 1, FILE_NAME_MAX, &name, err);
	if (rc != MS_OK)
		return rc;
	ms_buf_init(&bytes, MS_REFERENCE_BOOT_LOG_MAX);
	rc = rd->open(rd->ctx, name, MS_REFERENCE_BOOT_LOG_MAX, &bytes, &inner);
	if (rc == MS_OK)
		rc = ms_reference_import_boot_log(rd->b, ms_buf_span(&bytes), pcrs, events, &inner);
	return at_line(file, rc, name, &inner, err);
}

/* One file, or a list of them. */
static enum ms_rc
read_each(struct reader *rd, struct ms_yaml_node *n, size_t max, import_fn import, struct ms_err *err)
{
	enum ms_rc rc = MS_OK;
	if (ms_yaml_type(n) == MS_YAML_SCALAR)
		return import_file(rd, n, max, import, err);
	rc = ms_yaml_expect(n, MS_YAML_LIST, err);
	if (rc == MS_OK && ms_yaml_count(n) == 0)
		rc = ms_yaml_fail(n, err, MS_ERR_USAGE, "name at least one file");
	for (struct ms_yaml_node *i = rc == MS_OK ? ms_yaml_first(n) : NULL; rc == MS_OK && i != NULL; i = ms_yaml_next(i))
		rc = import_file(rd, i, max, import, err);
	return rc;
}

static enum ms_rc
read_files(struct reader *rd, struct ms_yaml_node *n, struct ms_err *err)
{
	return read_each(rd, n, MS_REFERENCE_SUMS_MAX, import_sums, err);
}

static enum ms_rc
read_ima(struct reader *rd, struct ms_yaml_node *n, struct ms_err *err)
{
	return read_each(rd, n, MS_REFERENCE_IMA_MAX, import_ima, err);
}

/* A list of files, or of PEM itself. */
static enum ms_rc
read_keys(struct reader *rd, struct ms_yaml_node *n, struct ms_err *err)
{
	enum ms_rc rc = ms_yaml_expect(n, MS_YAML_LIST, err);
	for (struct ms_yaml_node *i = rc == MS_OK ? ms_yaml_first(n) : NULL; rc == MS_OK && i != NULL; i = ms_yaml_next(i)) {
		struct ms_err inner = {0};
		const char *text = NULL;
		rc = ms_yaml_text(i, 1, MS_REFERENCE_PEM_MAX, &text, err);
		if (rc == MS_OK && ms_pem_is(ms_span_str(text)))
			rc = at_line(i, ms_reference_import_keys(rd->b, ms_span_str(text), &inner), "", &inner, err);
		else if (rc == MS_OK)
			rc = import_file(rd, i, MS_REFERENCE_PEM_MAX, import_keys, err);
	}
	return rc;
}

/* ---- the whole ---- */

static const struct {
	const char *key;
	enum ms_rc (*read)(struct reader *rd, struct ms_yaml_node *n, struct ms_err *err);
} keys[] = {{"pcrs", read_pcrs}, {"boot_log", read_boot_log}, {"events", read_events}, {"files", read_files}, {"ima", read_ima},
    {"keys", read_keys}};

static enum ms_rc
opt_text(struct ms_yaml_node *root, const char *key, size_t max, struct ms_span *ret, struct ms_err *err)
{
	struct ms_yaml_node *n = ms_yaml_get(root, key);
	const char *text = NULL;
	enum ms_rc rc = n == NULL ? MS_OK : ms_yaml_text(n, 1, max, &text, err);
	if (rc == MS_OK && n != NULL)
		*ret = ms_span_str(text);
	return rc;
}

static enum ms_rc
read_version(struct ms_yaml_node *root, struct ms_err *err)
{
	struct ms_yaml_node *n = ms_yaml_get(root, "version");
	uint64_t v = 0;
	if (n == NULL)
		return ms_yaml_fail(root, err, MS_ERR_USAGE, "version is missing");
	enum ms_rc rc = ms_yaml_uint(n, 0, UINT32_MAX, &v, err);
	return rc == MS_OK && v != 1 ? ms_yaml_fail(n, err, MS_ERR_USAGE, "this program reads version 1") : rc;
}

static enum ms_rc
read_head(struct ms_yaml_node *root, struct ms_reference_source *src, struct ms_err *err)
{
	struct ms_yaml_node *all = ms_yaml_get(root, "all_models"), *captured = ms_yaml_get(root, "captured");
	struct ms_span time = MS_SPAN_NONE;
	enum ms_rc rc = read_version(root, err);
	if (rc == MS_OK)
		rc = opt_text(root, "name", 200, &src->name, err);
	if (rc == MS_OK && src->name.len == 0)
		rc = ms_yaml_fail(root, err, MS_ERR_USAGE, "name is missing");
	if (rc == MS_OK && !ms_name_ok(src->name, MS_REFERENCE_NAME_MAX))
		rc = ms_yaml_fail(ms_yaml_get(root, "name"), err, MS_ERR_USAGE, "\"%.*s\" is no name: 1 to %u of [a-z0-9._-]",
		    (int)src->name.len, (const char *)src->name.p, MS_REFERENCE_NAME_MAX);
	if (rc == MS_OK)
		rc = opt_text(root, "model", MS_REFERENCE_MODEL_MAX, &src->model, err);
	if (rc == MS_OK && all != NULL)
		rc = ms_yaml_bool(all, &src->all_models, err);
	if (rc == MS_OK && (src->model.len == 0) != src->all_models)
		rc = ms_yaml_fail(root, err, MS_ERR_USAGE, "model is missing: name one, or write all_models: true");
	if (rc == MS_OK)
		rc = opt_text(root, "source", MS_REFERENCE_SOURCE_MAX, &src->device, err);
	if (rc == MS_OK)
		rc = opt_text(root, "captured", 40, &time, err);
	if (rc == MS_OK && captured != NULL && ms_policy_time_parse(time, &src->captured_s, NULL) != MS_OK)
		rc = ms_yaml_fail(captured, err, MS_ERR_USAGE, "no time: 2026-12-31 or 2026-12-31T23:00:00Z");
	return rc;
}

static enum ms_rc
read_set(struct ms_yaml *doc, struct reader *rd, struct ms_reference **ret, struct ms_err *err)
{
	struct ms_yaml_node *root = ms_yaml_root(doc);
	struct ms_reference_source src = {.version = 1};
	struct ms_err inner = {0};
	enum ms_rc rc = ms_yaml_expect(root, MS_YAML_MAP, err);
	if (rc == MS_OK)
		rc = read_head(root, &src, err);
	if (rc == MS_OK)
		rc = at_line(root, ms_reference_builder_new(&src, &rd->b, &inner), "", &inner, err);
	for (size_t i = 0; rc == MS_OK && i < sizeof keys / sizeof *keys; i++) {
		struct ms_yaml_node *n = ms_yaml_get(root, keys[i].key);
		if (n != NULL)
			rc = keys[i].read(rd, n, err);
	}
	if (rc == MS_OK)
		rc = ms_yaml_check_used(doc, err);
	return rc == MS_OK ? at_line(root, ms_reference_finish(rd->b, ret, &inner), "", &inner, err) : rc;
}

enum ms_rc
ms_reference_from_yaml(
    const struct ms_policy_file *text, ms_reference_open_fn open, void *ctx, struct ms_reference **ret, struct ms_err *err)
{
	MS_OWN(ms_yaml_free) struct ms_yaml *doc = NULL;
	struct reader rd = {.open = open, .ctx = ctx};
	enum ms_rc rc = ms_yaml_load(text->name, text->text, &doc, err);
	if (rc == MS_OK)
		rc = read_set(doc, &rd, ret, err);
	ms_reference_builder_free(rd.b);
	if (rc == MS_OK || rc == MS_ERR_NOMEM)
		return rc;
	if (err != NULL)
		err->rc = MS_ERR_USAGE; /* whatever layer found it, the author's text is wrong */
	return MS_ERR_USAGE;
}

/* ---- as text ---- */

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

static void
put_digest(struct ms_buf *b, const struct ms_pcr_accept *row, bool first, struct ms_reference_note note, const struct ms_reference *r)
{
	char hex[2 * MS_PCR_LEN + 1];
	ms_hex(row->digest, MS_PCR_LEN, hex);
	if (first)
		ms_buf_fmt(b, "  %u:\n", row->index);
	ms_buf_fmt(b, "    - %s", hex);
	if (note.source.len > 0 && !ms_span_eq(note.source, ms_span_str(r->source))) {
		ms_buf_str(b, " # from ");
		for (size_t i = 0; i < note.source.len; i++)
			ms_buf_u8(b, note.source.p[i] < 0x20 || note.source.p[i] == 0x7f ? '?' : note.source.p[i]);
	}
	ms_buf_u8(b, '\n');
}

static void
put_head(const struct ms_reference *r, struct ms_buf *out)
{
	char when[MS_POLICY_TIME_TEXT];
	ms_buf_fmt(out, "version: 1\nname: %s\n", r->name);
	if (r->all_models)
		ms_buf_str(out, "all_models: true\n");
	else
		put_quoted(out, "model", r->model);
	if (r->source[0] != '\0')
		put_quoted(out, "source", r->source);
	if (r->captured_s != 0) {
		ms_policy_time_text(r->captured_s, when);
		ms_buf_fmt(out, "captured: %s\n", when);
	}
}

static enum ms_rc
put_keys(const struct ms_reference *r, struct ms_buf *out, struct ms_err *err)
{
	if (ms_reference_n_keys(r) > 0)
		ms_buf_str(out, "keys:\n");
	for (size_t i = 0; i < ms_reference_n_keys(r); i++) {
		MS_OWN(ms_buf_fini) struct ms_buf pem = {0};
		ms_buf_init(&pem, MS_REFERENCE_PEM_MAX);
		enum ms_rc rc = ms_reference_export_key(ms_reference_key_at(r, i), &pem, err);
		if (rc != MS_OK)
			return rc;
		ms_buf_str(out, "  - |\n    ");
		for (size_t k = 0; k < pem.len; k++) {
			ms_buf_u8(out, pem.p[k]);
			if (pem.p[k] == '\n' && k + 1 < pem.len)
				ms_buf_str(out, "    ");
		}
	}
	return MS_OK;
}

enum ms_rc
ms_reference_to_yaml(const struct ms_reference *r, const char *files, struct ms_buf *out, struct ms_err *err)
{
	put_head(r, out);
	if (r->n > 0)
		ms_buf_str(out, "pcrs:\n");
	for (size_t i = 0; i < r->n; i++)
		put_digest(out, &r->rows[i], i == 0 || r->rows[i - 1].index != r->rows[i].index, ms_reference_row_note(r, i), r);
	if (ms_reference_n_events(r) > 0)
		ms_buf_str(out, "events:\n");
	unsigned last = MS_TPM_PCR_COUNT;
	for (size_t i = 0; i < ms_reference_n_events(r); i++) {
		struct ms_reference_note note = {.captured_s = 0};
		const struct ms_pcr_accept *e = ms_reference_event_at(r, i, &note);
		put_digest(out, e, e->index != last, note, r);
		last = e->index;
	}
	if (ms_reference_n_files(r) > 0 && files == NULL)
		return ms_fail(err, MS_ERR_USAGE, "a set with files needs the name of a file for them");
	if (ms_reference_n_files(r) > 0)
		put_quoted(out, "files", files);
	enum ms_rc rc = put_keys(r, out, err);
	return rc == MS_OK ? ms_buf_check(out, err) : rc;
}
