#include "crypto/x509.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "crypto/lib_int.h"

#define STORE_MAX 4000u
#define DEPTH_MAX 3  /* intermediates between leaf and root: a chain of 5 */
#define AUTH_LEVEL 2 /* 112 bits: RSA-2048, SHA-256 */
#define TEXT_MAX 256u
#define EK_PURPOSE "2.23.133.8.1" /* tcg-kp-EKCertificate */

struct ms_x509_store {
	X509_STORE *trusted;
	STACK_OF(X509) * untrusted;
	size_t roots, all;
};

MS_CLEANUP(X509, X509_free)
MS_CLEANUP(X509_STORE_CTX, X509_STORE_CTX_free)
MS_CLEANUP(BIO, BIO_free_all)
MS_CLEANUP(EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free)

enum ms_rc
ms_x509_store_new(struct ms_x509_store **ret, struct ms_err *err)
{
	MS_OWN(ms_x509_store_free) struct ms_x509_store *s = calloc(1, sizeof *s);
	if (s == NULL || (s->trusted = X509_STORE_new()) == NULL || (s->untrusted = sk_X509_new_null()) == NULL)
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
	X509_STORE_free(s->trusted);
	sk_X509_pop_free(s->untrusted, X509_free);
	free(s);
}

size_t
ms_x509_store_count(const struct ms_x509_store *s, size_t *ret_roots)
{
	if (ret_roots != NULL)
		*ret_roots = s->roots;
	return s->all;
}

/* RFC 4514 text with control and non-ASCII bytes escaped, cut to fit */
static void
name_text(const X509_NAME *name, char *out, size_t cap)
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

static enum ms_rc
add_one(struct ms_x509_store *s, X509 *x, struct ms_err *err)
{
	char name[TEXT_MAX];
	if (s->all >= STORE_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "certificate store: more than %u", STORE_MAX);
	if (X509_check_ca(x) == 0) {
		name_text(X509_get_subject_name(x), name, sizeof name);
		return ms_fail(err, MS_ERR_USAGE, "certificate of %s is not a CA's", name);
	}
	bool root = X509_self_signed(x, 1) == 1;
	ERR_clear_error();
	if (root) {
		if (X509_STORE_add_cert(s->trusted, x) != 1)
			return ms_lib_fail(err, "certificate store");
	} else if (X509_up_ref(x) != 1 || sk_X509_push(s->untrusted, x) <= 0) {
		return ms_lib_fail(err, "certificate store");
	}
	s->roots += root;
	s->all++;
	return MS_OK;
}

static enum ms_rc
from_der(struct ms_span der, X509 **ret, struct ms_err *err)
{
	const struct ms_lib *lib;
	enum ms_rc rc = ms_lib_get(&lib, err);
	if (rc != MS_OK)
		return rc;
	if (der.len > MS_X509_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "certificate of %zu bytes", der.len);
	X509 *x = X509_new_ex(lib->ctx, NULL);
	const unsigned char *p = der.p;
	if (x == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "certificate");
	/* on failure OpenSSL frees x and sets it to NULL */
	if (der.len == 0 || d2i_X509(&x, &p, (long)der.len) == NULL || p != der.p + der.len) {
		X509_free(x);
		ERR_clear_error();
		return ms_fail(err, MS_ERR_MALFORMED, "not one certificate in DER");
	}
	*ret = x;
	return MS_OK;
}

static int
no_password(MS_UNUSED char *buf, MS_UNUSED int size, MS_UNUSED int rwflag, MS_UNUSED void *u)
{
	return -1;
}

static enum ms_rc
add_pem(struct ms_x509_store *s, struct ms_span text, struct ms_err *err)
{
	const struct ms_lib *lib;
	size_t n = 0;
	enum ms_rc rc = ms_lib_get(&lib, err);
	if (rc != MS_OK)
		return rc;
	MS_OWN(BIO_free_all) BIO *b = BIO_new_mem_buf(text.p, (int)text.len);
	if (b == NULL)
		return ms_lib_fail(err, "certificate file");
	for (;; n++) {
		MS_OWN(X509_free) X509 *x = X509_new_ex(lib->ctx, NULL);
		if (x == NULL)
			return ms_fail(err, MS_ERR_NOMEM, "certificate");
		if (PEM_read_bio_X509(b, &x, no_password, NULL) == NULL)
			break;
		rc = add_one(s, x, err);
		if (rc != MS_OK)
			return rc;
	}
	bool end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	ERR_clear_error();
	return n > 0 && end ? MS_OK : ms_fail(err, MS_ERR_MALFORMED, "certificate file: PEM block %zu", n + 1);
}

enum ms_rc
ms_x509_store_add(struct ms_x509_store *s, struct ms_span pem_or_der, struct ms_err *err)
{
	MS_OWN(X509_free) X509 *x = NULL;
	if (pem_or_der.len > (4u << 20))
		return ms_fail(err, MS_ERR_TOO_BIG, "certificate file of %zu bytes", pem_or_der.len);
	if (pem_or_der.len == 0)
		return ms_fail(err, MS_ERR_MALFORMED, "certificate file: empty");
	if (pem_or_der.p[0] != 0x30) /* SEQUENCE */
		return add_pem(s, pem_or_der, err);
	enum ms_rc rc = from_der(pem_or_der, &x, err);
	return rc == MS_OK ? add_one(s, x, err) : rc;
}

/* The leaf's key is compared with one that was checked elsewhere; some makers name it by id-RSAES-OAEP, which OpenSSL cannot
 * decode. Nothing else is let through. */
static int
on_error(int ok, X509_STORE_CTX *ctx)
{
	return ok || (X509_STORE_CTX_get_error(ctx) == X509_V_ERR_EE_KEY_TOO_SMALL && X509_STORE_CTX_get_error_depth(ctx) == 0);
}

static enum ms_rc
explain(X509_STORE_CTX *ctx, struct ms_err *err)
{
	char name[TEXT_MAX] = "";
	int code = X509_STORE_CTX_get_error(ctx);
	X509 *at = X509_STORE_CTX_get_current_cert(ctx);
	if (at != NULL)
		name_text(X509_get_issuer_name(at), name, sizeof name);
	switch (code) {
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
		return ms_fail(err, MS_ERR_NOT_FOUND, "no maker root for issuer %s", name);
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return ms_fail(err, MS_ERR_EXPIRED, "certificate chain: %s (issuer %s)", X509_verify_cert_error_string(code), name);
	case X509_V_ERR_OUT_OF_MEM:
		return ms_fail(err, MS_ERR_NOMEM, "certificate chain");
	default:
		return ms_fail(err, MS_ERR_AUTH, "the chain does not verify: %s (issuer %s)", X509_verify_cert_error_string(code), name);
	}
}

static enum ms_rc
run(const struct ms_x509_store *s, X509 *leaf, uint64_t now_s, char root[static TEXT_MAX], struct ms_err *err)
{
	const struct ms_lib *lib;
	enum ms_rc rc = ms_lib_get(&lib, err);
	if (rc != MS_OK)
		return rc;
	MS_OWN(X509_STORE_CTX_free) X509_STORE_CTX *ctx = X509_STORE_CTX_new_ex(lib->ctx, NULL);
	if (ctx == NULL || X509_STORE_CTX_init(ctx, s->trusted, leaf, s->untrusted) != 1)
		return ms_lib_fail(err, "certificate chain");
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_depth(param, DEPTH_MAX);
	X509_VERIFY_PARAM_set_auth_level(param, AUTH_LEVEL);
	if (now_s == 0)
		(void)X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_NO_CHECK_TIME);
	else
		X509_VERIFY_PARAM_set_time(param, (time_t)now_s);
	X509_STORE_CTX_set_verify_cb(ctx, on_error);
	int ok = X509_verify_cert(ctx);
	ERR_clear_error();
	if (ok != 1)
		return explain(ctx, err);
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
	name_text(X509_get_subject_name(sk_X509_value(chain, sk_X509_num(chain) - 1)), root, TEXT_MAX);
	return MS_OK;
}

static void
read_eku(X509 *leaf, struct ms_x509_chain *ret)
{
	char oid[64];
	int found = -1; /* stays -1 when there is none; -2 for more than one, which counts as present */
	MS_OWN(EXTENDED_KEY_USAGE_free) EXTENDED_KEY_USAGE *eku = X509_get_ext_d2i(leaf, NID_ext_key_usage, &found, NULL);
	ret->has_eku = eku != NULL || found != -1;
	for (int i = 0; eku != NULL && i < sk_ASN1_OBJECT_num(eku); i++)
		if (OBJ_obj2txt(oid, sizeof oid, sk_ASN1_OBJECT_value(eku, i), 1) > 0 && strcmp(oid, EK_PURPOSE) == 0)
			ret->eku_tcg_ek = true;
	ERR_clear_error();
}

static enum ms_rc
put_spki(X509 *leaf, struct ms_buf *spki, struct ms_err *err)
{
	unsigned char *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &der);
	if (len <= 0)
		return ms_lib_fail(err, "certificate key");
	ms_buf_put(spki, der, (size_t)len);
	OPENSSL_free(der);
	return ms_buf_check(spki, err);
}

enum ms_rc
ms_x509_verify(
    const struct ms_x509_store *s, struct ms_span leaf, uint64_t now_s, struct ms_x509_chain *ret, struct ms_buf *spki, struct ms_err *err)
{
	MS_OWN(X509_free) X509 *x = NULL;
	struct ms_x509_chain chain = {0};
	enum ms_rc rc = from_der(leaf, &x, err);
	if (rc != MS_OK)
		return rc;
	rc = run(s, x, now_s, chain.root, err);
	if (rc == MS_ERR_EXPIRED) { /* a wrong time is found before all signatures were looked at */
		enum ms_rc rest = run(s, x, 0, chain.root, NULL);
		if (rest != MS_OK)
			return run(s, x, 0, chain.root, err);
	}
	if (rc != MS_OK)
		return rc;
	chain.is_ca = X509_check_ca(x) != 0;
	read_eku(x, &chain);
	rc = put_spki(x, spki, err);
	if (rc == MS_OK)
		*ret = chain;
	return rc;
}
