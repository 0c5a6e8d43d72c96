#include "identity/ekcert.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "codec/der.h"
#include "crypto/x509.h"

#define FILES_MAX 1000u
#define FILE_MAX (256u << 10)
#define PATH_LEN 4096u

struct ms_ekroots {
	struct ms_x509_store *store;
	bool allow_expired;
};

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

static bool
is_certificate_file(const char *name)
{
	static const char *const ends[] = {".pem", ".crt", ".cer", ".der"};
	size_t len = strlen(name);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (len > 4 && strcmp(name + len - 4, ends[i]) == 0)
			return name[0] != '.';
	return false;
}

static enum ms_rc
load_file(struct ms_ekroots *r, const char *dir, const char *name, struct ms_err *err)
{
	char path[PATH_LEN];
	MS_OWN(ms_buf_fini) struct ms_buf b;
	ms_buf_init(&b, FILE_MAX);
	int n = snprintf(path, sizeof path, "%s/%s", dir, name);
	if (n < 0 || (size_t)n >= sizeof path)
		return ms_fail(err, MS_ERR_USAGE, "maker roots: path too long");
	enum ms_rc rc = ms_io_read_file(path, FILE_MAX, &b, err);
	if (rc == MS_OK)
		rc = ms_ekroots_add(r, ms_buf_span(&b), err);
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
		if (!is_certificate_file(e->d_name))
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

/* RSA under id-RSAES-OAEP (RFC 4055 4), as some makers name it: the numbers are compared, not the algorithm's parameters. */
static bool
oaep_key_is(struct ms_span spki, const struct ms_tpm_public *ek)
{
	static const uint8_t oaep[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x07};
	struct ms_der all = ms_der_over(spki), seq = ms_der_enter(&all, MS_DER_SEQUENCE), alg = ms_der_enter(&seq, MS_DER_SEQUENCE);
	struct ms_span oid = ms_der_read_oid(&alg);
	struct ms_der bits = ms_der_over(ms_der_read_bits(&seq)), rsa = ms_der_enter(&bits, MS_DER_SEQUENCE);
	struct ms_span n = ms_der_read_integer(&rsa, MS_RSA_MAX);
	uint64_t e = ms_der_read_uint(&rsa);
	return ms_der_done(&rsa) && ms_der_done(&bits) && ms_der_done(&seq) && ms_der_done(&all) &&
	       ms_span_eq(oid, ms_span(oaep, sizeof oaep)) && n.len > 0 && ms_span_eq(n, ek->modulus) && e == ek->exponent;
}

static enum ms_rc
check_key(struct ms_span spki, const struct ms_tpm_public *ek, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf mine;
	ms_buf_init(&mine, MS_TPM_SPKI_MAX);
	enum ms_rc rc = ms_tpm_public_spki(ek, &mine, err);
	if (rc != MS_OK)
		return rc;
	if (ms_span_eq(spki, ms_buf_span(&mine)) || oaep_key_is(spki, ek))
		return MS_OK;
	return ms_fail(err, MS_ERR_CONFLICT, "EK certificate: it is for another key");
}

enum ms_rc
ms_ekcert_check(const struct ms_ekroots *r, struct ms_span cert, const struct ms_tpm_public *ek, uint64_t now_s, char *maker,
    size_t maker_cap, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf spki;
	struct ms_span der;
	struct ms_x509_chain chain;
	ms_buf_init(&spki, MS_EKCERT_MAX);
	if (maker_cap == 0 || (now_s == 0 && !r->allow_expired))
		return ms_fail(err, MS_ERR_INTERNAL, "EK certificate: no room for the maker's name, or no time");
	enum ms_rc rc = ms_ekcert_strip(cert, &der, err);
	if (rc == MS_OK)
		rc = ms_x509_verify(r->store, der, r->allow_expired ? 0 : now_s, &chain, &spki, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "EK certificate");
	if (chain.is_ca)
		return ms_fail(err, MS_ERR_AUTH, "EK certificate: it is a CA's");
	if (chain.has_eku && !chain.eku_tcg_ek)
		return ms_fail(err, MS_ERR_AUTH, "EK certificate: it is for another purpose");
	rc = check_key(ms_buf_span(&spki), ek, err);
	if (rc != MS_OK)
		return rc;
	size_t n = strnlen(chain.root, sizeof chain.root);
	n = n < maker_cap ? n : maker_cap - 1;
	memcpy(maker, chain.root, n);
	maker[n] = '\0';
	return MS_OK;
}
