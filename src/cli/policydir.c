#include "cli/policydir.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/reference_yaml.h"

void
ms_yaml_files_fini(struct ms_yaml_files *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->path[i]);
	free(f->path);
	*f = (struct ms_yaml_files){.n = 0};
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool
is_yaml(const char *name)
{
	size_t n = strlen(name);
	return name[0] != '.' && ((n > 5 && strcmp(name + n - 5, ".yaml") == 0) || (n > 4 && strcmp(name + n - 4, ".yml") == 0));
}

enum ms_rc
ms_yaml_files_find(const char *dir, const char *below, size_t max, struct ms_yaml_files *ret, struct ms_err *err)
{
	char path[1024];
	MS_OWN(ms_yaml_files_fini) struct ms_yaml_files f = {.n = 0};
	const struct dirent *e;
	enum ms_rc rc = MS_OK;
	if (snprintf(path, sizeof path, "%s%s%s", dir, below[0] != '\0' ? "/" : "", below) >= (int)sizeof path)
		return ms_fail(err, MS_ERR_USAGE, "%s: the name is too long", dir);
	DIR *d = opendir(path);
	if (d == NULL)
		return ms_fail(err, errno == ENOENT ? MS_ERR_NOT_FOUND : MS_ERR_USAGE, "%s: %s", path, strerror(errno));
	f.path = calloc(max, sizeof *f.path);
	if (f.path == NULL)
		rc = ms_fail(err, MS_ERR_NOMEM, "%s", path);
	while (rc == MS_OK && (e = readdir(d)) != NULL) {
		if (!is_yaml(e->d_name))
			continue;
		if (f.n == max)
			rc = ms_fail(err, MS_ERR_USAGE, "%s: more than %zu files", path, max);
		else if (asprintf(&f.path[f.n], "%s/%s", path, e->d_name) < 0)
			rc = ms_fail(err, MS_ERR_NOMEM, "%s", path);
		else
			f.n++;
	}
	(void)closedir(d);
	if (rc != MS_OK)
		return rc;
	qsort(f.path, f.n, sizeof *f.path, by_name);
	*ret = f;
	f = (struct ms_yaml_files){.n = 0};
	return MS_OK;
}

enum ms_rc
ms_cli_read_beside(const char *beside, const char *name, size_t max, struct ms_buf *out, struct ms_err *err)
{
	char path[2048];
	const char *slash = strrchr(beside, '/');
	int dir = slash == NULL ? 0 : (int)(slash - beside) + 1;
	if (name[0] == '/' || name[0] == '\0')
		return ms_fail(err, MS_ERR_USAGE, "\"%s\": a file is named relative to the one that names it", name);
	if (snprintf(path, sizeof path, "%.*s%s", dir, beside, name) >= (int)sizeof path)
		return ms_fail(err, MS_ERR_USAGE, "%s: the name is too long", name);
	return ms_cli_read_file(path, max, out, err);
}

/* ---- the policy ---- */

struct texts {
	struct ms_policy_file file[MS_POLICY_DIR_FILES_MAX];
	struct ms_buf text[MS_POLICY_DIR_FILES_MAX];
	size_t n;
};

static void
texts_fini(struct texts *t)
{
	for (size_t i = 0; i < t->n; i++)
		ms_buf_fini(&t->text[i]);
}
MS_CLEANUP_FINI(struct texts, texts_fini)

static enum ms_rc
load_policy(struct ms_policy_dir *d, struct ms_err *err)
{
	MS_OWN(ms_yaml_files_fini) struct ms_yaml_files files = {.n = 0};
	MS_OWN(texts_fini) struct texts t = {.n = 0};
	enum ms_rc rc = ms_yaml_files_find(d->path, "", MS_POLICY_DIR_FILES_MAX, &files, err);
	if (rc == MS_ERR_NOT_FOUND)
		return err != NULL ? (err->rc = MS_ERR_USAGE) : MS_ERR_USAGE;
	if (rc == MS_OK && files.n == 0)
		rc = ms_fail(err, MS_ERR_USAGE, "%s: no .yaml file in it", d->path);
	for (size_t i = 0; rc == MS_OK && i < files.n; i++) {
		ms_buf_init(&t.text[t.n++], MS_POLICY_YAML_MAX);
		rc = ms_cli_read_file(files.path[i], MS_POLICY_YAML_MAX, &t.text[i], err);
		t.file[i] = (struct ms_policy_file){.name = files.path[i], .text = ms_buf_span(&t.text[i])};
	}
	if (rc == MS_OK)
		rc = ms_policy_compile(t.file, t.n, &d->cbor, err);
	return rc == MS_OK ? ms_policy_load(ms_buf_span(&d->cbor), &d->policy, err) : rc;
}

/* ---- reference sets ---- */

static enum ms_rc
open_beside(void *ctx, const char *name, size_t max, struct ms_buf *out, struct ms_err *err)
{
	return ms_cli_read_beside(ctx, name, max, out, err);
}

static enum ms_rc
load_reference(struct ms_policy_dir *d, size_t i, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf text = {0};
	char *path = d->reference_files.path[i];
	ms_buf_init(&text, MS_REFERENCE_YAML_MAX);
	enum ms_rc rc = ms_cli_read_file(path, MS_REFERENCE_YAML_MAX, &text, err);
	struct ms_policy_file f = {.name = path, .text = ms_buf_span(&text)};
	if (rc == MS_OK)
		rc = ms_reference_from_yaml(&f, open_beside, path, &d->reference[i], err);
	for (size_t k = 0; rc == MS_OK && k < i; k++)
		if (strcmp(d->reference[k]->name, d->reference[i]->name) == 0)
			rc = ms_fail(err, MS_ERR_USAGE, "%s: name: %s is the name of the set in %s, too", path, d->reference[i]->name,
			    d->reference_files.path[k]);
	return rc;
}

static enum ms_rc
load_references(struct ms_policy_dir *d, struct ms_err *err)
{
	enum ms_rc rc = ms_yaml_files_find(d->path, "references", MS_POLICY_DIR_REFERENCES_MAX, &d->reference_files, err);
	if (rc == MS_ERR_NOT_FOUND)
		return MS_OK;
	if (rc != MS_OK)
		return rc;
	d->reference = calloc(d->reference_files.n + 1, sizeof(struct ms_reference *));
	if (d->reference == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "reference sets");
	for (size_t i = 0; rc == MS_OK && i < d->reference_files.n; i++)
		rc = load_reference(d, i, err);
	return rc;
}

void
ms_policy_dir_free(struct ms_policy_dir *d)
{
	if (d == NULL)
		return;
	for (size_t i = 0; d->reference != NULL && i < d->reference_files.n; i++)
		ms_reference_free(d->reference[i]);
	free(d->reference);
	ms_yaml_files_fini(&d->reference_files);
	ms_policy_free(d->policy);
	ms_buf_fini(&d->cbor);
	free(d->path);
	free(d);
}

enum ms_rc
ms_policy_dir_load(const char *path, struct ms_policy_dir **ret, struct ms_err *err)
{
	MS_OWN(ms_policy_dir_free) struct ms_policy_dir *d = calloc(1, sizeof *d);
	size_t n = strlen(path);
	if (d == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "policy");
	while (n > 1 && path[n - 1] == '/')
		n--;
	d->path = strndup(path, n);
	if (d->path == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "policy");
	ms_buf_init(&d->cbor, MS_POLICY_WIRE_MAX);
	enum ms_rc rc = load_policy(d, err);
	if (rc == MS_OK)
		rc = load_references(d, err);
	if (rc != MS_OK)
		return rc;
	*ret = d;
	d = NULL;
	return MS_OK;
}

const struct ms_reference *
ms_policy_dir_reference(const struct ms_policy_dir *d, struct ms_span name)
{
	for (size_t i = 0; i < d->reference_files.n; i++)
		if (ms_span_eq(ms_span_str(d->reference[i]->name), name))
			return d->reference[i];
	return NULL;
}

enum ms_rc
ms_policy_dir_lookup(void *dir, struct ms_span name, const struct ms_reference **ret, struct ms_err *err)
{
	const struct ms_reference *r = ms_policy_dir_reference(dir, name);
	if (r == NULL)
		return ms_fail(err, MS_ERR_NOT_FOUND, "no reference set %.*s", (int)name.len, (const char *)name.p);
	*ret = r;
	return MS_OK;
}
