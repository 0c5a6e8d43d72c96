/* Chains of foreign certificates: OpenSSL builds and verifies, this names what came of it. */
#include "crypto/x509.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "crypto/lib_int.h"
#include "crypto/x509_int.h"

#define DEPTH_MAX 3  /* intermediates between leaf and root: a chain of 5 */
#define AUTH_LEVEL 2 /* 112 bits: RSA-2048, SHA-256 */
#define CHAIN_MAX 10u
#define EK_PURPOSE "2.23.133.8.1" /* tcg-kp-EKCertificate */

MS_CLEANUP(X509_STORE_CTX, X509_STORE_CTX_free)
MS_CLEANUP(EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free)

static const struct row {
	const char *name;
	enum ms_rc rc;
} rows[MS_X509_REASON_COUNT] = {
    [MS_X509_OK] = {"ok", MS_OK},
    [MS_X509_FAULT] = {"fault", MS_ERR_CRYPTO},
    [MS_X509_MALFORMED] = {"malformed", MS_ERR_MALFORMED},
    [MS_X509_KEY] = {"weak-or-unknown-key", MS_ERR_AUTH},
    [MS_X509_NO_ROOT] = {"no-root", MS_ERR_NOT_FOUND},
    [MS_X509_UNTRUSTED] = {"partial-chain", MS_ERR_NOT_FOUND},
    [MS_X509_SIGNATURE] = {"bad-signature", MS_ERR_AUTH},
    [MS_X509_NOT_YET] = {"not-yet-valid", MS_ERR_EXPIRED},
    [MS_X509_EXPIRED] = {"expired", MS_ERR_EXPIRED},
    [MS_X509_PATH] = {"bad-path", MS_ERR_AUTH},
    [MS_X509_REVOKED] = {"revoked", MS_ERR_AUTH},
    [MS_X509_CRL_MISSING] = {"crl-missing", MS_ERR_AUTH},
    [MS_X509_CRL_EXPIRED] = {"crl-expired", MS_ERR_EXPIRED},
    [MS_X509_CRL_SIGNATURE] = {"crl-not-by-issuer", MS_ERR_AUTH},
    [MS_X509_EXTENSION] = {"unknown-extension", MS_ERR_AUTH},
    [MS_X509_OTHER] = {"bad-chain", MS_ERR_AUTH},
};

const char *
ms_x509_reason_name(enum ms_x509_reason r)
{
	return (unsigned)r < MS_X509_REASON_COUNT ? rows[r].name : rows[MS_X509_FAULT].name;
}

/* OpenSSL's codes that have a name of ours; all others are "bad-chain". */
static enum ms_x509_reason
reason_of(int code)
{
	static const struct {
		int code;
		enum ms_x509_reason reason;
	} codes[] = {
	    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, MS_X509_NO_ROOT},
	    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, MS_X509_NO_ROOT},
	    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, MS_X509_NO_ROOT},
	    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, MS_X509_NO_ROOT},
	    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, MS_X509_NO_ROOT},
	    {X509_V_ERR_CERT_SIGNATURE_FAILURE, MS_X509_SIGNATURE},
	    {X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE, MS_X509_SIGNATURE},
	    {X509_V_ERR_CERT_HAS_EXPIRED, MS_X509_EXPIRED},
	    {X509_V_ERR_CERT_NOT_YET_VALID, MS_X509_NOT_YET},
	    {X509_V_ERR_PATH_LENGTH_EXCEEDED, MS_X509_PATH},
	    {X509_V_ERR_CERT_CHAIN_TOO_LONG, MS_X509_PATH},
	    {X509_V_ERR_INVALID_CA, MS_X509_PATH},
	    {X509_V_ERR_KEYUSAGE_NO_CERTSIGN, MS_X509_PATH},
	    {X509_V_ERR_CA_KEY_TOO_SMALL, MS_X509_KEY},
	    {X509_V_ERR_EE_KEY_TOO_SMALL, MS_X509_KEY},
	    {X509_V_ERR_CA_MD_TOO_WEAK, MS_X509_KEY},
	    {X509_V_ERR_EC_KEY_EXPLICIT_PARAMS, MS_X509_KEY},
	    {X509_V_ERR_CERT_REVOKED, MS_X509_REVOKED},
	    {X509_V_ERR_UNABLE_TO_GET_CRL, MS_X509_CRL_MISSING},
	    {X509_V_ERR_CRL_HAS_EXPIRED, MS_X509_CRL_EXPIRED},
	    {X509_V_ERR_CRL_NOT_YET_VALID, MS_X509_CRL_EXPIRED},
	    {X509_V_ERR_CRL_SIGNATURE_FAILURE, MS_X509_CRL_SIGNATURE},
	    {X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE, MS_X509_CRL_SIGNATURE},
	    {X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER, MS_X509_CRL_SIGNATURE},
	    {X509_V_ERR_CRL_PATH_VALIDATION_ERROR, MS_X509_CRL_SIGNATURE},
	    {X509_V_ERR_KEYUSAGE_NO_CRL_SIGN, MS_X509_CRL_SIGNATURE},
	    {X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION, MS_X509_EXTENSION},
	    {X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION, MS_X509_EXTENSION},
	    {X509_V_ERR_INVALID_EXTENSION, MS_X509_EXTENSION},
	    {X509_V_ERR_OUT_OF_MEM, MS_X509_FAULT},
	};
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (codes[i].code == code)
			return codes[i].reason;
	return MS_X509_OTHER;
}

/* ---- one pass ---- */

/* What the callback let pass, to be judged when all else is known to be good: so a forged certificate is never "expired". */
struct pass {
	bool crl_required;
	unsigned missing, looked;  /* issuers without a CRL; issuers asked for */
	int time_error, crl_error; /* the first of each, or 0 */
	char time_issuer[MS_X509_TEXT_MAX], crl_issuer[MS_X509_TEXT_MAX];
};

static void
note_error(X509_STORE_CTX *ctx, int *code, char issuer[static MS_X509_TEXT_MAX])
{
	X509 *at = X509_STORE_CTX_get_current_cert(ctx);
	if (*code != 0)
		return;
	*code = X509_STORE_CTX_get_error(ctx);
	ms_x509_name_text(at != NULL ? X509_get_issuer_name(at) : NULL, issuer, MS_X509_TEXT_MAX);
}

/* The leaf's key is compared with one that was checked elsewhere; some makers name it by id-RSAES-OAEP, which OpenSSL cannot
 * decode. The trust anchor is trusted, so no CRL is asked for it. Nothing else is let through for good. */
static int
on_error(int ok, X509_STORE_CTX *ctx)
{
	struct pass *p = X509_STORE_CTX_get_app_data(ctx);
	int depth = X509_STORE_CTX_get_error_depth(ctx);
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
	bool anchor = chain != NULL && depth == sk_X509_num(chain) - 1;
	if (ok)
		return ok;
	switch (reason_of(X509_STORE_CTX_get_error(ctx))) {
	case MS_X509_KEY:
		return X509_STORE_CTX_get_error(ctx) == X509_V_ERR_EE_KEY_TOO_SMALL && depth == 0;
	case MS_X509_EXPIRED:
	case MS_X509_NOT_YET:
		note_error(ctx, &p->time_error, p->time_issuer);
		return 1;
	case MS_X509_CRL_MISSING:
		p->missing += !anchor;
		return anchor || !p->crl_required;
	case MS_X509_CRL_EXPIRED:
		if (!anchor)
			note_error(ctx, &p->crl_error, p->crl_issuer);
		return 1;
	case MS_X509_CRL_SIGNATURE:
		return anchor;
	default:
		return 0;
	}
}

struct verify {
	const struct ms_x509_params *p;
	X509 *leaf;
	STACK_OF(X509) * helpers; /* of the store and of the chain file */
	enum ms_x509_reason reason;
	struct ms_x509_chain result;
};

static enum ms_rc
refuse(struct verify *v, int code, const char *issuer, struct ms_err *err)
{
	v->reason = reason_of(code);
	enum ms_rc rc = rows[v->reason].rc;
	const char *text = X509_verify_cert_error_string(code);
	switch (v->reason) {
	case MS_X509_FAULT:
		return ms_fail(err, MS_ERR_NOMEM, "certificate chain");
	case MS_X509_NO_ROOT:
		return ms_fail(err, rc, "no maker root for issuer %s", issuer);
	case MS_X509_EXPIRED:
	case MS_X509_NOT_YET:
		return ms_fail(err, rc, "certificate chain: %s (issuer %s)", text, issuer);
	case MS_X509_REVOKED:
		return ms_fail(err, rc, "revoked by a CRL of issuer %s", issuer);
	case MS_X509_CRL_MISSING:
		return ms_fail(err, rc, "CRLs are required and there is none of issuer %s", issuer);
	case MS_X509_CRL_EXPIRED:
		return ms_fail(err, rc, "the CRL of issuer %s is out of its time: get the newest", issuer);
	case MS_X509_CRL_SIGNATURE:
		return ms_fail(err, rc, "the CRL that names issuer %s is not signed by it (%s)", issuer, text);
	default:
		return ms_fail(err, rc, "the chain does not verify: %s (issuer %s)", text, issuer);
	}
}

static void
set_params(X509_STORE_CTX *ctx, const struct ms_x509_params *p, bool partial)
{
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
	unsigned long flags = 0;
	X509_VERIFY_PARAM_set_depth(param, DEPTH_MAX);
	X509_VERIFY_PARAM_set_auth_level(param, AUTH_LEVEL);
	if (p->now_s == 0)
		flags |= X509_V_FLAG_NO_CHECK_TIME;
	else
		X509_VERIFY_PARAM_set_time(param, (time_t)p->now_s);
	if (partial)
		flags |= X509_V_FLAG_PARTIAL_CHAIN;
	if (p->crl_required || ms_x509_store_crls(p->store) > 0)
		flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
	(void)X509_VERIFY_PARAM_set_flags(param, flags);
	X509_STORE_CTX_set0_crls(ctx, p->store->crls);
}

static void
fill(struct verify *v, X509_STORE_CTX *ctx, const struct pass *pass)
{
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
	int n = sk_X509_num(chain);
	X509 *anchor = sk_X509_value(chain, n - 1);
	bool looked = v->p->crl_required || ms_x509_store_crls(v->p->store) > 0;
	v->result.length = (unsigned)n;
	v->result.partial = X509_self_signed(anchor, 0) != 1;
	ms_x509_name_text(X509_get_subject_name(anchor), v->result.root, sizeof v->result.root);
	v->result.revocation = !looked || pass->missing >= (unsigned)n - 1 ? MS_X509_UNCHECKED
			       : pass->missing > 0                         ? MS_X509_PARTLY
									   : MS_X509_CHECKED;
	ERR_clear_error();
}

static enum ms_rc
run(struct verify *v, bool partial, struct ms_err *err)
{
	const struct ms_lib *lib;
	struct pass pass = {.crl_required = v->p->crl_required};
	char issuer[MS_X509_TEXT_MAX] = "";
	enum ms_rc rc = ms_lib_get(&lib, err);
	v->reason = MS_X509_FAULT;
	if (rc != MS_OK)
		return rc;
	MS_OWN(X509_STORE_CTX_free) X509_STORE_CTX *ctx = X509_STORE_CTX_new_ex(lib->ctx, NULL);
	X509_STORE *trusted = partial ? v->p->store->everything : v->p->store->roots;
	if (ctx == NULL || X509_STORE_CTX_init(ctx, trusted, v->leaf, v->helpers) != 1)
		return ms_lib_fail(err, "certificate chain");
	set_params(ctx, v->p, partial);
	if (X509_STORE_CTX_set_app_data(ctx, &pass) != 1)
		return ms_lib_fail(err, "certificate chain");
	X509_STORE_CTX_set_verify_cb(ctx, on_error);
	int ok = X509_verify_cert(ctx);
	ERR_clear_error();
	if (ok != 1) {
		X509 *at = X509_STORE_CTX_get_current_cert(ctx);
		ms_x509_name_text(at != NULL ? X509_get_issuer_name(at) : NULL, issuer, sizeof issuer);
		return refuse(v, X509_STORE_CTX_get_error(ctx), issuer, err);
	}
	if (pass.time_error != 0)
		return refuse(v, pass.time_error, pass.time_issuer, err);
	if (pass.crl_error != 0)
		return refuse(v, pass.crl_error, pass.crl_issuer, err);
	fill(v, ctx, &pass);
	v->reason = MS_X509_OK;
	return MS_OK;
}

/* A whole chain is looked for first, so that `partial` is said only when there is none. */
static enum ms_rc
run_both(struct verify *v, struct ms_err *err)
{
	enum ms_rc rc = run(v, false, err);
	if (v->reason != MS_X509_NO_ROOT)
		return rc;
	if (v->p->partial)
		return run(v, true, err);
	if (run(v, true, NULL) != MS_OK) {
		v->reason = MS_X509_NO_ROOT;
		return rc;
	}
	v->reason = MS_X509_UNTRUSTED;
	if (err != NULL) { /* more to the text, not before it */
		size_t n = strlen(err->text);
		(void)snprintf(err->text + n, sizeof err->text - n, "; an intermediate on the way is there: a partial chain would do");
	}
	return rc;
}

/* ---- the leaf ---- */

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

static enum ms_rc
add_helper(void *ctx, X509 *x, struct ms_err *err)
{
	struct verify *v = ctx;
	if (sk_X509_push(v->helpers, x) <= 0)
		return ms_fail(err, MS_ERR_NOMEM, "certificate chain");
	(void)X509_up_ref(x);
	return MS_OK;
}

static enum ms_rc
collect(struct verify *v, struct ms_err *err)
{
	v->helpers = X509_chain_up_ref(v->p->store->helpers);
	if (v->helpers == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "certificate chain");
	if (v->p->chain.len == 0)
		return MS_OK;
	enum ms_rc rc = ms_x509_each(v->p->chain, CHAIN_MAX, add_helper, v, err);
	return rc == MS_OK ? MS_OK : ms_prefix(err, rc, "chain file");
}

static enum ms_x509_reason
reason_of_load(enum ms_rc rc)
{
	return rc == MS_ERR_UNSUPPORTED ? MS_X509_KEY : rc == MS_ERR_MALFORMED || rc == MS_ERR_TOO_BIG ? MS_X509_MALFORMED : MS_X509_FAULT;
}

enum ms_rc
ms_x509_verify_chain(
    const struct ms_x509_params *p, struct ms_x509_chain *ret, struct ms_buf *spki, enum ms_x509_reason *ret_reason, struct ms_err *err)
{
	MS_OWN(X509_free) X509 *leaf = NULL;
	struct verify v = {.p = p, .reason = MS_X509_FAULT};
	struct ms_err mine = {.text = ""};
	enum ms_rc rc = ms_x509_load(p->leaf, &leaf, &mine);
	v.leaf = leaf;
	if (rc == MS_OK)
		rc = collect(&v, &mine);
	if (rc != MS_OK)
		v.reason = reason_of_load(rc);
	else
		rc = run_both(&v, &mine);
	sk_X509_pop_free(v.helpers, X509_free);
	if (rc == MS_OK)
		rc = put_spki(leaf, spki, &mine);
	if (rc != MS_OK) {
		if (ret_reason != NULL)
			*ret_reason = v.reason;
		if (err != NULL)
			*err = mine;
		return rc;
	}
	v.result.is_ca = X509_check_ca(leaf) != 0;
	read_eku(leaf, &v.result);
	*ret = v.result;
	return MS_OK;
}

enum ms_rc
ms_x509_verify(
    const struct ms_x509_store *s, struct ms_span leaf, uint64_t now_s, struct ms_x509_chain *ret, struct ms_buf *spki, struct ms_err *err)
{
	const struct ms_x509_params p = {.store = s, .leaf = leaf, .now_s = now_s};
	return ms_x509_verify_chain(&p, ret, spki, NULL, err);
}
