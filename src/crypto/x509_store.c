/* Certificates and CRLs of others, loaded. */
#include <stdlib.h>
#include <string.h>

#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "codec/certview.h"
#include "crypto/lib_int.h"
#include "crypto/x509_int.h"

#define STORE_MAX 4000u
#define CRLS_MAX 1000u
#define FILE_MAX (4u << 20)
#define CRL_FILE_MAX (8u << 20)

MS_CLEANUP(X509_CRL, X509_CRL_free)

enum ms_rc
ms_x509_store_new(struct ms_x509_store **ret, struct ms_err *err)
{
	MS_OWN(ms_x509_store_free) struct ms_x509_store *s = calloc(1, sizeof *s);
	if (s == NULL || (s->roots = X509_STORE_new()) == NULL || (s->everything = X509_STORE_new()) == NULL ||
	    (s->helpers = sk_X509_new_null()) == NULL || (s->crls = sk_X509_CRL_new_null()) == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "certificate store");
	*ret = s;
	s = NULL;
	return MS_OK;
}

void
ms_x509_store_free(struct ms_x509_store *s)
{
	if (s == NULL)
		return;
	X509_STORE_free(s->roots);
	X509_STORE_free(s->everything);
	sk_X509_pop_free(s->helpers, X509_free);
	sk_X509_CRL_pop_free(s->crls, X509_CRL_free);
	free(s);
}

size_t
ms_x509_store_count(const struct ms_x509_store *s, size_t *ret_roots)
{
	if (ret_roots != NULL)
		*ret_roots = s->n_roots;
	return s->n_all;
}

size_t
ms_x509_store_crls(const struct ms_x509_store *s)
{
	return (size_t)sk_X509_CRL_num(s->crls);
}

void
ms_x509_name_text(const X509_NAME *name, char *out, size_t cap)
{
	MS_OWN(BIO_free_all) BIO *b = BIO_new(BIO_s_mem());
	char *p = NULL;
	long len = 0;
	if (b != NULL && name != NULL && X509_NAME_print_ex(b, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_DUMP_UNKNOWN) >= 0)
		len = BIO_get_mem_data(b, &p);
	ERR_clear_error();
	size_t n = len <= 0 ? 0 : (size_t)len < cap ? (size_t)len : cap - 1;
	if (n > 0)
		memcpy(out, p, n);
	out[n] = '\0';
}

enum ms_rc
ms_x509_load(struct ms_span der, X509 **ret, struct ms_err *err)
{
	const struct ms_lib *lib;
	struct ms_certview v;
	enum ms_rc rc = ms_lib_get(&lib, err);
	if (rc == MS_OK)
		rc = ms_certview_parse(der, &v, err);
	if (rc == MS_OK)
		rc = ms_certview_key_ok(v.spki, err); /* before OpenSSL decodes the key */
	if (rc != MS_OK)
		return rc;
	X509 *x = X509_new_ex(lib->ctx, NULL);
	const unsigned char *p = der.p;
	if (x == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "certificate");
	/* on failure OpenSSL frees x and sets it to NULL */
	if (d2i_X509(&x, &p, (long)der.len) == NULL || p != der.p + der.len) {
		X509_free(x);
		ERR_clear_error();
		return ms_fail(err, MS_ERR_MALFORMED, "not one certificate in DER");
	}
	/* else building a chain would not find its issuer, and say so instead of this */
	if (X509_check_purpose(x, -1, 0) != 1) {
		X509_free(x);
		ERR_clear_error();
		return ms_fail(err, MS_ERR_MALFORMED, "certificate: an extension does not parse");
	}
	*ret = x;
	return MS_OK;
}

/* ---- files of more than one ---- */

struct reader {
	size_t n, max;
	const char *what; /* PEM label after which it is looked for */
	enum ms_rc (*take)(void *ctx, struct ms_span der, struct ms_err *err);
	void *ctx;
};

static enum ms_rc
read_one(struct reader *r, struct ms_span der, struct ms_err *err)
{
	if (r->n++ == r->max)
		return ms_fail(err, MS_ERR_TOO_BIG, "more than %zu in one file", r->max);
	return r->take(r->ctx, der, err);
}

static bool
is_padding(struct ms_span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] != 0x00 && s.p[i] != 0xff)
			return false;
	return true;
}

static enum ms_rc
read_ders(struct reader *r, struct ms_span s, struct ms_err *err)
{
	enum ms_rc rc = MS_OK;
	for (size_t off = 0; rc == MS_OK && off < s.len;) {
		struct ms_span rest = ms_span(s.p + off, s.len - off);
		struct ms_der d = ms_der_over(rest);
		struct ms_span one = ms_der_read_raw(&d, MS_DER_SEQUENCE);
		if (one.len == 0 && off > 0 && is_padding(rest))
			break;
		if (one.len == 0)
			return ms_fail(err, MS_ERR_MALFORMED, "%s: not DER at byte %zu", r->what, off);
		rc = read_one(r, one, err);
		off += one.len;
	}
	return rc;
}

static enum ms_rc
read_pem(struct reader *r, struct ms_span text, struct ms_err *err)
{
	MS_OWN(BIO_free_all) BIO *b = BIO_new_mem_buf(text.p, (int)text.len);
	enum ms_rc rc = MS_OK;
	if (b == NULL)
		return ms_lib_fail(err, "certificate file");
	while (rc == MS_OK) {
		char *label = NULL, *header = NULL;
		unsigned char *der = NULL;
		long len = 0;
		if (PEM_read_bio(b, &label, &header, &der, &len) != 1)
			break;
		if (strstr(label, r->what) == NULL || header[0] != '\0')
			rc = ms_fail(err, MS_ERR_MALFORMED, "PEM block %zu is no %s", r->n + 1, r->what);
		else
			rc = read_one(r, ms_span(der, (size_t)len), err);
		OPENSSL_free(label);
		OPENSSL_free(header);
		OPENSSL_free(der);
	}
	bool end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	ERR_clear_error();
	if (rc != MS_OK)
		return rc;
	if (r->n == 0 && end)
		return ms_fail(err, MS_ERR_MALFORMED, "no %s in it, neither PEM nor DER", r->what);
	return end ? MS_OK : ms_fail(err, MS_ERR_MALFORMED, "%s: PEM block %zu does not parse", r->what, r->n + 1);
}

static enum ms_rc
read_file(struct reader *r, struct ms_span s, size_t cap, struct ms_err *err)
{
	if (s.len > cap)
		return ms_fail(err, MS_ERR_TOO_BIG, "%s file of %zu bytes", r->what, s.len);
	if (s.len == 0)
		return ms_fail(err, MS_ERR_MALFORMED, "%s file: empty", r->what);
	return s.p[0] == MS_DER_SEQUENCE ? read_ders(r, s, err) : read_pem(r, s, err);
}

struct each {
	enum ms_rc (*take)(void *ctx, X509 *x, struct ms_err *err);
	void *ctx;
};

static enum ms_rc
each_cert(void *ctx, struct ms_span der, struct ms_err *err)
{
	struct each *e = ctx;
	MS_OWN(X509_free) X509 *x = NULL;
	enum ms_rc rc = ms_x509_load(der, &x, err);
	return rc == MS_OK ? e->take(e->ctx, x, err) : rc;
}

enum ms_rc
ms_x509_each(struct ms_span s, size_t max, enum ms_rc (*take)(void *ctx, X509 *x, struct ms_err *err), void *ctx, struct ms_err *err)
{
	struct each e = {take, ctx};
	struct reader r = {.max = max, .what = "CERTIFICATE", .take = each_cert, .ctx = &e};
	return read_file(&r, s, FILE_MAX, err);
}

/* ---- the store ---- */

static enum ms_rc
add_one(void *ctx, X509 *x, struct ms_err *err)
{
	struct ms_x509_store *s = ctx;
	char name[MS_X509_TEXT_MAX];
	if (s->n_all >= STORE_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "certificate store: more than %u", STORE_MAX);
	if (X509_check_ca(x) == 0) {
		ms_x509_name_text(X509_get_subject_name(x), name, sizeof name);
		return ms_fail(err, MS_ERR_USAGE, "certificate of %s is not a CA's", name);
	}
	bool root = X509_self_signed(x, 1) == 1;
	ERR_clear_error();
	if (X509_STORE_add_cert(s->everything, x) != 1 || (root && X509_STORE_add_cert(s->roots, x) != 1))
		return ms_lib_fail(err, "certificate store");
	if (!root) {
		if (X509_up_ref(x) != 1)
			return ms_lib_fail(err, "certificate store");
		if (sk_X509_push(s->helpers, x) <= 0) {
			X509_free(x);
			return ms_fail(err, MS_ERR_NOMEM, "certificate store");
		}
	}
	s->n_roots += root;
	s->n_all++;
	return MS_OK;
}

enum ms_rc
ms_x509_store_add(struct ms_x509_store *s, struct ms_span pem_or_der, struct ms_err *err)
{
	if (pem_or_der.len > 0 && pem_or_der.p[0] == MS_DER_SEQUENCE) { /* DER: one, and nothing after it */
		MS_OWN(X509_free) X509 *x = NULL;
		enum ms_rc rc = ms_x509_load(pem_or_der, &x, err);
		return rc == MS_OK ? add_one(s, x, err) : rc;
	}
	return ms_x509_each(pem_or_der, STORE_MAX, add_one, s, err);
}

/* SHA-1 can be made to collide: a CRL over it might be another's than the issuer saw. */
static bool
weak_digest(const X509_CRL *crl)
{
	int md = NID_undef, key = NID_undef;
	if (OBJ_find_sigid_algs(X509_CRL_get_signature_nid(crl), &md, &key) != 1)
		return false; /* found out when the signature is checked */
	return md == NID_sha1 || md == NID_md5 || md == NID_md4 || md == NID_md2;
}

static enum ms_rc
add_crl(void *ctx, struct ms_span der, struct ms_err *err)
{
	struct ms_x509_store *s = ctx;
	const struct ms_lib *lib;
	const unsigned char *p = der.p;
	enum ms_rc rc = ms_lib_get(&lib, err);
	if (rc != MS_OK)
		return rc;
	X509_CRL *fresh = X509_CRL_new_ex(lib->ctx, NULL);
	if (fresh == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "CRL");
	MS_OWN(X509_CRL_free) X509_CRL *crl = d2i_X509_CRL(&fresh, &p, (long)der.len); /* on failure fresh is freed */
	ERR_clear_error();
	if (crl == NULL || p != der.p + der.len)
		return ms_fail(err, MS_ERR_MALFORMED, "not one CRL in DER");
	if (weak_digest(crl))
		return ms_fail(err, MS_ERR_UNSUPPORTED, "a CRL signed over SHA-1 or MD5 is not taken");
	if (sk_X509_CRL_num(s->crls) >= (int)CRLS_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "certificate store: more than %u CRLs", CRLS_MAX);
	if (sk_X509_CRL_push(s->crls, crl) <= 0)
		return ms_fail(err, MS_ERR_NOMEM, "CRL");
	crl = NULL;
	return MS_OK;
}

enum ms_rc
ms_x509_store_add_crl(struct ms_x509_store *s, struct ms_span pem_or_der, struct ms_err *err)
{
	struct reader r = {.max = CRLS_MAX, .what = "CRL", .take = add_crl, .ctx = s};
	return read_file(&r, pem_or_der, CRL_FILE_MAX, err);
}
