#include "cli/reference_out.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/policy_remote.h"
#include "cli/policydir.h"
#include "policy/reference_import.h"
#include "policy/reference_yaml.h"

#define SETS_TEXT_MAX (96u << 20)

static enum ms_rc
open_beside(void *ctx, const char *name, size_t max, struct ms_buf *out, struct ms_err *err)
{
	return ms_cli_read_beside(ctx, name, max, out, err);
}

enum ms_rc
ms_reference_read_file(const char *path, struct ms_reference **ret, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf text = {0};
	char *copy = strdup(path);
	if (copy == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "%s", path);
	ms_buf_init(&text, MS_REFERENCE_YAML_MAX);
	enum ms_rc rc = ms_cli_read_file(path, MS_REFERENCE_YAML_MAX, &text, err);
	struct ms_policy_file f = {.name = path, .text = ms_buf_span(&text)};
	if (rc == MS_OK)
		rc = ms_reference_from_yaml(&f, open_beside, copy, ret, err);
	free(copy);
	return rc;
}

/* "a/b.yaml" -> "a/b.files"; *base is "b.files" in it. */
static enum ms_rc
files_name(const char *path, char out[static 1024], const char **base, struct ms_err *err)
{
	size_t n = strlen(path);
	n -= n > 5 && strcmp(path + n - 5, ".yaml") == 0 ? 5 : n > 4 && strcmp(path + n - 4, ".yml") == 0 ? 4 : 0;
	if (n == strlen(path))
		return ms_fail(err, MS_ERR_USAGE, "%s: a reference set is written to a name that ends in .yaml", path);
	if (snprintf(out, 1024, "%.*s.files", (int)n, path) >= 1024)
		return ms_fail(err, MS_ERR_USAGE, "%s: the name is too long", path);
	const char *slash = strrchr(out, '/');
	*base = slash == NULL ? out : slash + 1;
	return MS_OK;
}

enum ms_rc
ms_reference_write_file(const char *path, const struct ms_reference *r, struct ms_err *err)
{
	char name[1024];
	const char *base = NULL;
	struct stat st;
	MS_OWN(ms_buf_fini) struct ms_buf text = {0};
	MS_OWN(ms_buf_fini) struct ms_buf sums = {0};
	ms_buf_init(&text, MS_REFERENCE_YAML_MAX);
	ms_buf_init(&sums, SETS_TEXT_MAX);
	enum ms_rc rc = files_name(path, name, &base, err);
	if (rc == MS_OK && lstat(path, &st) == 0)
		rc = ms_fail(err, MS_ERR_CONFLICT, "%s is there already", path);
	if (rc == MS_OK)
		rc = ms_reference_to_yaml(r, base, &text, err);
	if (rc == MS_OK && ms_reference_n_files(r) > 0) {
		rc = ms_reference_export_sums(r, &sums, err);
		if (rc == MS_OK)
			rc = ms_cli_write_file(name, 0644, ms_buf_span(&sums), err);
	}
	return rc == MS_OK ? ms_cli_write_file(path, 0644, ms_buf_span(&text), err) : rc;
}

enum ms_rc
ms_reference_named(struct ms_cli *c, const char *name, struct ms_reference **ret, struct ms_err *err)
{
	struct stat st;
	uint64_t version = 0;
	if (stat(name, &st) == 0 && S_ISREG(st.st_mode))
		return ms_reference_read_file(name, ret, err);
	enum ms_rc rc = ms_remote_reference(c, name, ret, &version, err);
	if (rc == MS_OK && *ret == NULL)
		rc = ms_fail(err, MS_ERR_NOT_FOUND, "there is no reference set and no file %s", name);
	return rc;
}

enum ms_rc
ms_cli_pcrs_option(const struct ms_cli *c, const char *name, uint32_t absent, uint32_t *ret, struct ms_err *err)
{
	const char *s = ms_cli_option(c, name);
	uint32_t mask = 0;
	*ret = absent;
	if (s == NULL)
		return MS_OK;
	for (const char *p = s;; p++) {
		char *end = NULL;
		unsigned long v = strtoul(p, &end, 10);
		if (*p < '0' || *p > '9' || v >= MS_TPM_PCR_COUNT || (*end != ',' && *end != '\0'))
			return ms_fail(err, MS_ERR_USAGE, "--%s: numbers from 0 to %u joined by commas", name, MS_TPM_PCR_COUNT - 1);
		mask |= UINT32_C(1) << v;
		if (*end == '\0')
			break;
		p = end;
	}
	*ret = mask;
	return MS_OK;
}

void
ms_reference_summary(const struct ms_reference *r, char out[static MS_REFERENCE_SUMMARY_LEN])
{
	(void)snprintf(out, MS_REFERENCE_SUMMARY_LEN, "%zu PCR values, %zu events, %zu files, %zu keys", r->n, ms_reference_n_events(r),
	    ms_reference_n_files(r), ms_reference_n_keys(r));
}
