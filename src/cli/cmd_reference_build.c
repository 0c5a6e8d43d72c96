/* reference build and import: sets from files, without a server. */
#include <string.h>

#include "base/clock.h"
#include "cli/reference_out.h"
#include "codec/corim.h"
#include "crypto/cosesig_any.h"
#include "policy/reference_import.h"

#define DEFAULT_MASK (MS_PCRS_ATTEST_MASK & ~(UINT32_C(1) << 10)) /* PCR 10 moves with every file that is opened */

static enum ms_rc
read_names(struct ms_cli *c, struct ms_reference_source *src, struct ms_err *err)
{
	const char *name = ms_cli_option(c, "name"), *model = ms_cli_option(c, "model"), *source = ms_cli_option(c, "source");
	if (name == NULL || !ms_name_ok(ms_span_str(name), MS_REFERENCE_NAME_MAX))
		return ms_fail(err, MS_ERR_USAGE, "give --name NAME, of a-z 0-9 . _ -");
	if (ms_cli_option(c, "out") == NULL)
		return ms_fail(err, MS_ERR_USAGE, "give --out FILE, such as references/%s.yaml", name);
	src->name = ms_span_str(name);
	src->version = 1;
	if (model != NULL)
		src->model = ms_span_str(model);
	if (source != NULL)
		src->device = ms_span_str(source);
	return MS_OK;
}

static enum ms_rc
finish(struct ms_cli *c, struct ms_reference_builder *b, json_t *more, struct ms_err *err)
{
	MS_OWN(ms_reference_free) struct ms_reference *r = NULL;
	char summary[MS_REFERENCE_SUMMARY_LEN];
	const char *out = ms_cli_option(c, "out");
	enum ms_rc rc = ms_reference_finish(b, &r, err);
	if (rc == MS_OK)
		rc = ms_reference_write_file(out, r, err);
	if (rc != MS_OK)
		return rc;
	ms_reference_summary(r, summary);
	return ms_out_done(c, more, "%s: reference set %s, %s", out, r->name, summary);
}

/* ---- build ---- */

struct import {
	const char *option;
	size_t max;
	enum ms_rc (*run)(struct ms_reference_builder *b, struct ms_span bytes, uint32_t pcrs, uint32_t events, struct ms_err *err);
};

static enum ms_rc
add_pcrs(struct ms_reference_builder *b, struct ms_span bytes, uint32_t pcrs, MS_UNUSED uint32_t events, struct ms_err *err)
{
	return ms_reference_import_pcrs(b, bytes, pcrs, err);
}

static enum ms_rc
add_boot_log(struct ms_reference_builder *b, struct ms_span bytes, uint32_t pcrs, uint32_t events, struct ms_err *err)
{
	return ms_reference_import_boot_log(b, bytes, pcrs, events, err);
}

static enum ms_rc
add_ima(struct ms_reference_builder *b, struct ms_span bytes, MS_UNUSED uint32_t pcrs, MS_UNUSED uint32_t events, struct ms_err *err)
{
	return ms_reference_import_ima(b, bytes, err);
}

static enum ms_rc
add_sums(struct ms_reference_builder *b, struct ms_span bytes, MS_UNUSED uint32_t pcrs, MS_UNUSED uint32_t events, struct ms_err *err)
{
	return ms_reference_import_sums(b, bytes, err);
}

static enum ms_rc
add_keys(struct ms_reference_builder *b, struct ms_span bytes, MS_UNUSED uint32_t pcrs, MS_UNUSED uint32_t events, struct ms_err *err)
{
	return ms_reference_import_keys(b, bytes, err);
}

static const struct import imports[] = {{"pcrs-file", MS_REFERENCE_PCRS_JSON_MAX, add_pcrs},
    {"boot-log", MS_REFERENCE_BOOT_LOG_MAX, add_boot_log}, {"ima", MS_REFERENCE_IMA_MAX, add_ima},
    {"files", MS_REFERENCE_SUMS_MAX, add_sums}, {"key", MS_REFERENCE_PEM_MAX, add_keys}};

/* What a person gave on the command line is wrong, whatever layer found it. */
static enum ms_rc
usage(enum ms_rc rc, const char *path, struct ms_err *err)
{
	return rc == MS_OK || rc == MS_ERR_NOMEM ? rc : ms_prefix(err, MS_ERR_USAGE, "%s", path);
}

static enum ms_rc
import_all(struct ms_cli *c, const struct import *im, struct ms_reference_builder *b, struct ms_err *err)
{
	uint32_t pcrs = 0, events = 0;
	const char *path;
	enum ms_rc rc = ms_cli_pcrs_option(c, "pcrs", DEFAULT_MASK, &pcrs, err);
	if (rc == MS_OK)
		rc = ms_cli_pcrs_option(c, "events", DEFAULT_MASK, &events, err);
	for (size_t i = 0; rc == MS_OK && (path = ms_cli_option_at(c, im->option, i)) != NULL; i++) {
		MS_OWN(ms_buf_fini) struct ms_buf bytes = {0};
		ms_buf_init(&bytes, im->max);
		rc = ms_cli_read_file(path, im->max, &bytes, err);
		if (rc == MS_OK)
			rc = usage(im->run(b, ms_buf_span(&bytes), pcrs, events, err), path, err);
	}
	return rc;
}

enum ms_rc
ms_reference_run_build(struct ms_cli *c, struct ms_err *err)
{
	MS_OWN(ms_reference_builder_free) struct ms_reference_builder *b = NULL;
	struct ms_reference_source src = {.captured_s = ms_clock_wall_s()};
	enum ms_rc rc = read_names(c, &src, err);
	if (rc == MS_OK && src.model.len == 0)
		rc = ms_fail(err, MS_ERR_USAGE, "give --model MODEL");
	if (rc == MS_OK)
		rc = ms_reference_builder_new(&src, &b, err);
	for (size_t i = 0; rc == MS_OK && i < sizeof imports / sizeof *imports; i++)
		rc = import_all(c, &imports[i], b, err);
	for (size_t i = 0; rc == MS_OK && i < c->n_args; i++) {
		MS_OWN(ms_reference_free) struct ms_reference *other = NULL;
		rc = ms_reference_read_file(c->arg[i], &other, err);
		if (rc == MS_OK)
			rc = usage(ms_reference_add_set(b, other, err), c->arg[i], err);
	}
	return rc == MS_OK ? finish(c, b, NULL, err) : rc;
}

/* ---- CoRIM ---- */

struct corim_import {
	struct ms_reference_builder *b;
	size_t pcrs, files, left; /* values that were taken, and that no set can hold */
};

/* An integrity register that is numbered as PCRs are is one; a digest whose measurement is named by a path is a file's. */
static enum ms_rc
take_value(struct corim_import *im, const struct ms_corim_value *v, struct ms_err *err)
{
	enum { SHA256 = 1 }; /* RFC 9054, named information hash algorithms */
	struct ms_span name = v->label.len > 0 ? v->label : v->key;
	bool sha256 = v->alg == SHA256 && v->value.len == MS_PCR_LEN && v->mask.len == 0;
	if (v->triple == MS_CORIM_REFERENCE && v->kind == MS_CORIM_REGISTER && sha256 && v->reg.len == 0 &&
	    v->reg_number < MS_TPM_PCR_COUNT) {
		im->pcrs++;
		return ms_reference_add_pcr(im->b, (unsigned)v->reg_number, v->value.p, err);
	}
	if (v->triple == MS_CORIM_REFERENCE && v->kind == MS_CORIM_DIGEST && sha256 && name.len > 0 && name.p[0] == '/') {
		im->files++;
		return ms_reference_add_file(im->b, name, 4, v->value, err);
	}
	im->left++;
	return MS_OK;
}

static enum ms_rc
verify_corim(struct ms_cli *c, const struct ms_corim *m, struct ms_err *err)
{
	const char *path = ms_cli_option(c, "key");
	MS_OWN(ms_buf_fini) struct ms_buf file = {0};
	MS_OWN(ms_pubkey_free) struct ms_pubkey *key = NULL;
	uint64_t now = ms_clock_wall_s();
	ms_buf_init(&file, 64u << 10);
	if (m->is_signed && path == NULL)
		return ms_fail(err, MS_ERR_USAGE, "this CoRIM is signed: give --key FILE, the key that must have signed it");
	if (path != NULL && !m->is_signed)
		return ms_fail(err, MS_ERR_AUTH, "this CoRIM is not signed");
	if (m->has_not_after && m->not_after_s < (int64_t)now)
		return ms_fail(err, MS_ERR_EXPIRED, "this CoRIM is not valid any more");
	if (m->has_not_before && m->not_before_s > (int64_t)now)
		return ms_fail(err, MS_ERR_EXPIRED, "this CoRIM is not valid yet");
	if (path == NULL)
		return MS_OK;
	enum ms_rc rc = ms_cli_read_file(path, 64u << 10, &file, err);
	if (rc == MS_OK)
		rc = usage(ms_pubkey_from_file(ms_buf_span(&file), &key, err), path, err);
	return rc == MS_OK ? ms_cose_any_verify(&m->cose, key, MS_SPAN_NONE, err) : rc;
}

static struct ms_span
model_of(const struct ms_corim *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->value[i].env.model.len > 0)
			return m->value[i].env.model;
	return MS_SPAN_NONE;
}

static enum ms_rc
import_corim(struct ms_cli *c, const struct ms_corim *m, struct ms_err *err)
{
	MS_OWN(ms_reference_builder_free) struct ms_reference_builder *b = NULL;
	struct ms_reference_source src = {.captured_s = ms_clock_wall_s(), .model = model_of(m)};
	struct corim_import im = {.left = m->skipped};
	char source[MS_REFERENCE_SOURCE_MAX + 1];
	(void)snprintf(source, sizeof source, "CoRIM %.*s", m->id_is_text ? (int)(m->id.len < 64 ? m->id.len : 64) : 0,
	    m->id_is_text && m->id.len > 0 ? (const char *)m->id.p : "");
	if (ms_utf8_ok(ms_span_str(source)))
		src.device = ms_span_str(source);
	enum ms_rc rc = read_names(c, &src, err);
	if (rc == MS_OK && src.model.len == 0)
		rc = ms_fail(err, MS_ERR_USAGE, "the CoRIM names no model: give --model MODEL");
	if (rc == MS_OK)
		rc = ms_reference_builder_new(&src, &b, err);
	im.b = b;
	for (size_t i = 0; rc == MS_OK && i < m->n; i++)
		rc = take_value(&im, &m->value[i], err);
	if (rc == MS_OK && im.pcrs + im.files == 0)
		rc = ms_fail(err, MS_ERR_UNSUPPORTED,
		    "nothing in it that a set holds: neither integrity registers numbered as PCRs with SHA-256, nor digests named by a "
		    "path (%zu "
		    "values of other kinds)",
		    im.left);
	if (rc != MS_OK)
		return rc;
	if (im.left > 0 && !c->json)
		(void)fprintf(c->errout, "%zu values of other kinds were left aside\n", im.left);
	MS_OWN(ms_json_free) json_t *more = json_pack("{s:I}", "left_aside", (json_int_t)im.left);
	return finish(c, b, more, err);
}

enum ms_rc
ms_reference_run_import(struct ms_cli *c, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf file = {0};
	MS_OWN(ms_corim_fini) struct ms_corim m = {.n = 0};
	ms_buf_init(&file, MS_CORIM_MAX);
	if (ms_cli_option(c, "corim") == NULL)
		return ms_fail(err, MS_ERR_USAGE, "give --corim: it is the only form that is imported");
	enum ms_rc rc = ms_cli_read_file(c->arg[0], MS_CORIM_MAX, &file, err);
	if (rc == MS_OK)
		rc = usage(ms_corim_parse(ms_buf_span(&file), &m, err), c->arg[0], err);
	if (rc == MS_OK)
		rc = verify_corim(c, &m, err);
	return rc == MS_OK ? import_corim(c, &m, err) : rc;
}
