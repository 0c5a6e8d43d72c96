#include "identity/ekcert_int.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "codec/der.h"

#define FILES_MAX 1000u
#define FILE_MAX (256u << 10)
#define CRL_FILE_MAX (8u << 20)
#define PATH_LEN 4096u

enum ms_rc
ms_ekroots_new(struct ms_ekroots **ret, struct ms_err *err)
{
	MS_OWN(ms_ekroots_free) struct ms_ekroots *r = calloc(1, sizeof *r);
	if (r == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "maker roots");
	enum ms_rc rc = ms_x509_store_new(&r->store, err);
	if (rc != MS_OK)
		return rc;
	*ret = r;
	r = NULL;
	return MS_OK;
}

void
ms_ekroots_free(struct ms_ekroots *r)
{
	if (r == NULL)
		return;
	ms_x509_store_free(r->store);
	free(r);
}

enum ms_rc
ms_ekroots_add(struct ms_ekroots *r, struct ms_span pem_or_der, struct ms_err *err)
{
	enum ms_rc rc = ms_x509_store_add(r->store, pem_or_der, err);
	return rc == MS_ERR_USAGE ? ms_prefix(err, MS_ERR_MALFORMED, "maker roots") : rc;
}

enum ms_rc
ms_ekroots_add_crl(struct ms_ekroots *r, struct ms_span pem_or_der, struct ms_err *err)
{
	return ms_x509_store_add_crl(r->store, pem_or_der, err);
}

size_t
ms_ekroots_crls(const struct ms_ekroots *r)
{
	return ms_x509_store_crls(r->store);
}

void
ms_ekroots_allow_expired(struct ms_ekroots *r)
{
	r->allow_expired = true;
}

size_t
ms_ekroots_count(const struct ms_ekroots *r, size_t *ret_roots)
{
	return ms_x509_store_count(r->store, ret_roots);
}

enum file { FILE_OTHER, FILE_CERTIFICATES, FILE_CRL };

static enum file
kind_of(const char *name)
{
	static const char *const ends[] = {".pem", ".crt", ".cer", ".der"};
	size_t len = strlen(name);
	if (len <= 4 || name[0] == '.')
		return FILE_OTHER;
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (strcmp(name + len - 4, ends[i]) == 0)
			return FILE_CERTIFICATES;
	return strcmp(name + len - 4, ".crl") == 0 ? FILE_CRL : FILE_OTHER;
}

static enum ms_rc
load_file(struct ms_ekroots *r, const char *dir, const char *name, struct ms_err *err)
{
	char path[PATH_LEN];
	bool crl = kind_of(name) == FILE_CRL;
	size_t max = crl ? CRL_FILE_MAX : FILE_MAX;
	MS_OWN(ms_buf_fini) struct ms_buf b;
	ms_buf_init(&b, max);
	int n = snprintf(path, sizeof path, "%s/%s", dir, name);
	if (n < 0 || (size_t)n >= sizeof path)
		return ms_fail(err, MS_ERR_USAGE, "maker roots: path too long");
	enum ms_rc rc = ms_io_read_file(path, max, &b, err);
	if (rc == MS_OK)
		rc = crl ? ms_ekroots_add_crl(r, ms_buf_span(&b), err) : ms_ekroots_add(r, ms_buf_span(&b), err);
	return rc == MS_OK ? MS_OK : ms_prefix(err, rc, "%s", path);
}

enum ms_rc
ms_ekroots_load(const char *dir, struct ms_ekroots **ret, struct ms_err *err)
{
	MS_OWN(ms_ekroots_free) struct ms_ekroots *r = NULL;
	size_t n = 0;
	enum ms_rc rc = ms_ekroots_new(&r, err);
	if (rc != MS_OK)
		return rc;
	DIR *d = opendir(dir);
	if (d == NULL)
		return ms_fail(err, errno == ENOENT ? MS_ERR_NOT_FOUND : MS_ERR_IO, "maker roots: %s: %s", dir, strerror(errno));
	while (rc == MS_OK) {
		errno = 0;
		const struct dirent *e = readdir(d);
		if (e == NULL) {
			if (errno != 0)
				rc = ms_fail(err, MS_ERR_IO, "maker roots: %s: %s", dir, strerror(errno));
			break;
		}
		if (kind_of(e->d_name) == FILE_OTHER)
			continue;
		rc = ++n > FILES_MAX ? ms_fail(err, MS_ERR_TOO_BIG, "maker roots: %s: more than %u files", dir, FILES_MAX)
				     : load_file(r, dir, e->d_name, err);
	}
	(void)closedir(d);
	if (rc != MS_OK)
		return rc;
	*ret = r;
	r = NULL;
	return MS_OK;
}

enum ms_rc
ms_ekcert_strip(struct ms_span s, struct ms_span *ret, struct ms_err *err)
{
	if (s.len > MS_EKCERT_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "EK certificate of %zu bytes", s.len);
	struct ms_der d = ms_der_over(s);
	struct ms_span der = ms_der_read_raw(&d, MS_DER_SEQUENCE);
	if (der.len == 0)
		return ms_fail(err, MS_ERR_MALFORMED, "EK certificate: not in DER");
	for (size_t i = der.len; i < s.len; i++)
		if (s.p[i] != 0x00 && s.p[i] != 0xff)
			return ms_fail(err, MS_ERR_MALFORMED, "EK certificate: byte %02x after its end", s.p[i]);
	*ret = der;
	return MS_OK;
}
