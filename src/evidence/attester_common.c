#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "codec/pem.h"
#include "crypto/cosesig_any.h"
#include "evidence/attester_int.h"

static bool
is_fault(enum ms_rc rc)
{
	return rc == MS_ERR_NOMEM || rc == MS_ERR_CRYPTO || rc == MS_ERR_INTERNAL || rc == MS_ERR_IO;
}

enum ms_rc
ms_attester_refuse(enum ms_attester_reason *why, enum ms_attester_reason reason, struct ms_err *err, const char *fmt, ...)
{
	char text[MS_ERR_TEXT_MAX];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	*why = reason;
	return ms_fail(err, ms_attester_reason_rc(reason), "%s: %s", ms_attester_reason_name(reason), text);
}

enum ms_rc
ms_attester_refuse_rc(enum ms_attester_reason *why, enum ms_attester_reason reason, enum ms_rc rc, struct ms_err *err)
{
	if (is_fault(rc)) {
		*why = MS_ATTESTER_FAULT;
		return rc;
	}
	*why = reason;
	return ms_prefix(err, ms_attester_reason_rc(reason), "%s", ms_attester_reason_name(reason));
}

static void
keep(struct ms_findings *f, enum ms_rc rc)
{
	if (f->rc == MS_OK)
		f->rc = rc;
}

void
ms_find_bool(struct ms_findings *f, const char *name, bool v)
{
	if (f->rc == MS_OK)
		keep(f, ms_claims_add_bool(f->claims, name, true, v, &f->err));
}

void
ms_find_uint(struct ms_findings *f, const char *name, uint64_t v)
{
	if (f->rc == MS_OK)
		keep(f, ms_claims_add_uint(f->claims, name, true, v, &f->err));
}

void
ms_find_text(struct ms_findings *f, const char *name, struct ms_span v)
{
	char text[MS_CLAIM_VALUE_MAX];
	static const char dots[] = "...";
	if (v.len > sizeof text) { /* a character may be cut in two: then it is shown as hex */
		memcpy(text, v.p, sizeof text - sizeof dots + 1);
		memcpy(text + sizeof text - sizeof dots + 1, dots, sizeof dots - 1);
		v = ms_span(text, sizeof text);
	}
	if (f->rc == MS_OK)
		keep(f, ms_claims_add_text(f->claims, name, true, v, &f->err));
}

void
ms_find_bytes(struct ms_findings *f, const char *name, struct ms_span v)
{
	if (f->rc == MS_OK)
		keep(f, ms_claims_add_bytes(f->claims, name, true, v, &f->err));
}

void
ms_find_fmt(struct ms_findings *f, const char *name, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	ms_find_text(f, name, ms_span_str(text));
}

void
ms_find_hex(struct ms_findings *f, const char *name, const char *prefix, struct ms_span v)
{
	char text[MS_CLAIM_VALUE_MAX + 1];
	int n = snprintf(text, sizeof text, "%s:", prefix);
	if (n < 0 || (size_t)n + 2 * v.len + 1 > sizeof text) {
		if (f->rc == MS_OK)
			keep(f, ms_fail(&f->err, MS_ERR_TOO_BIG, "%s of %zu bytes", name, v.len));
		return;
	}
	ms_hex(v.p, v.len, text + n);
	ms_find_text(f, name, ms_span_str(text));
}

void
ms_find_label(struct ms_findings *f, const char *name, const char *prefix, struct ms_span text)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	ms_buf_init(&b, MS_ATTESTER_EVIDENCE_MAX + 100);
	ms_buf_fmt(&b, "%s:", prefix);
	ms_buf_put_span(&b, text);
	if (b.bad)
		keep(f, ms_fail(&f->err, MS_ERR_NOMEM, "claims"));
	else
		ms_find_text(f, name, ms_buf_span(&b));
}

enum ms_rc
ms_findings_end(const struct ms_findings *f, enum ms_attester_reason *why, struct ms_err *err)
{
	if (f->rc == MS_OK)
		return MS_OK;
	if (err != NULL)
		*err = f->err;
	return ms_attester_refuse_rc(why, f->rc == MS_ERR_TOO_BIG ? MS_ATTESTER_TOO_BIG : MS_ATTESTER_CLAIM_INVALID, f->rc, err);
}

enum ms_rc
ms_attester_nonce(const struct ms_attester_input *in, struct ms_span there, bool padded, enum ms_attester_reason *why, struct ms_err *err)
{
	static const uint8_t zeros[64];
	size_t rest = there.len - in->nonce.len;
	if (in->nonce.len == 0)
		return MS_OK;
	if (there.len == 0)
		return ms_attester_refuse(why, MS_ATTESTER_NONCE_MISSING, err, "it has no nonce");
	bool fits = padded ? in->nonce.len <= there.len && rest <= sizeof zeros : in->nonce.len == there.len;
	if (!fits || !ms_ct_eq(in->nonce.p, there.p, in->nonce.len) || !ms_ct_eq(there.p + in->nonce.len, zeros, rest))
		return ms_attester_refuse(why, MS_ATTESTER_NONCE_MISMATCH, err, "its nonce is not the one that was asked for");
	return MS_OK;
}

enum ms_rc
ms_attester_cose(const struct ms_attester_input *in, const struct ms_cose_any *m, struct ms_pubkey **ret, enum ms_attester_reason *why,
    struct ms_err *err)
{
	for (size_t i = 0; i < in->n_anchors; i++) {
		MS_OWN(ms_pubkey_free) struct ms_pubkey *key = NULL;
		enum ms_rc rc = ms_pubkey_from_file(in->anchor[i], &key, err);
		if (rc != MS_OK)
			return ms_attester_refuse_rc(why, MS_ATTESTER_NO_ANCHOR, rc, err);
		rc = ms_cose_any_verify(m, key, MS_SPAN_NONE, err);
		if (rc == MS_OK) {
			*ret = key;
			key = NULL;
			return MS_OK;
		}
		if (rc != MS_ERR_AUTH)
			return ms_attester_refuse_rc(why, MS_ATTESTER_BAD_SIGNATURE, rc, err);
	}
	return ms_attester_refuse(why, MS_ATTESTER_BAD_SIGNATURE, err, "none of the %zu keys given made the signature", in->n_anchors);
}

/* Certificates and CRLs, told apart by trying. */
static enum ms_rc
add_anchor(struct ms_x509_store *s, struct ms_span file, struct ms_err *err)
{
	enum ms_rc rc = ms_x509_store_add(s, file, err);
	if (rc == MS_ERR_MALFORMED && ms_x509_store_add_crl(s, file, NULL) == MS_OK)
		return MS_OK;
	return rc;
}

static enum ms_attester_reason
reason_of_x509(enum ms_x509_reason r)
{
	switch (r) {
	case MS_X509_NO_ROOT:
	case MS_X509_UNTRUSTED:
		return MS_ATTESTER_UNTRUSTED;
	case MS_X509_NOT_YET:
	case MS_X509_EXPIRED:
	case MS_X509_CRL_EXPIRED:
		return MS_ATTESTER_EXPIRED;
	case MS_X509_REVOKED:
		return MS_ATTESTER_REVOKED;
	case MS_X509_FAULT:
		return MS_ATTESTER_FAULT;
	case MS_X509_MALFORMED:
		return MS_ATTESTER_MALFORMED;
	default:
		return MS_ATTESTER_BAD_CHAIN;
	}
}

/* All endorsements in a row, as DER: PEM is unpacked. */
static enum ms_rc
put_chain(struct ms_span file, struct ms_buf *out, struct ms_err *err)
{
	char label[MS_PEM_LABEL_MAX];
	size_t from = 0;
	if (!ms_pem_is(file)) {
		ms_buf_put_span(out, file);
		return ms_buf_check(out, err);
	}
	for (;;) {
		size_t before = out->len;
		enum ms_rc rc = ms_pem_next(file, &from, label, out, err);
		if (rc == MS_ERR_NOT_FOUND)
			return MS_OK;
		if (rc != MS_OK)
			return rc;
		if (strcmp(label, "CERTIFICATE") != 0)
			out->len = before;
	}
}

enum ms_rc
ms_attester_x509(const struct ms_attester_input *in, struct ms_span leaf, struct ms_span chain, struct ms_x509_chain *ret,
    struct ms_buf *spki, enum ms_attester_reason *why, struct ms_err *err)
{
	MS_OWN(ms_x509_store_free) struct ms_x509_store *store = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf help;
	enum ms_x509_reason reason = MS_X509_FAULT;
	ms_buf_init(&help, 1u << 20);
	enum ms_rc rc = ms_x509_store_new(&store, err);
	for (size_t i = 0; rc == MS_OK && i < in->n_anchors; i++) {
		rc = add_anchor(store, in->anchor[i], err);
		if (rc != MS_OK)
			return ms_attester_refuse_rc(why, MS_ATTESTER_NO_ANCHOR, rc, err);
	}
	if (rc == MS_OK)
		rc = put_chain(chain, &help, err);
	for (size_t i = 0; rc == MS_OK && i < in->n_endorsements; i++)
		rc = put_chain(in->endorsement[i], &help, err);
	if (rc != MS_OK)
		return ms_attester_refuse_rc(why, MS_ATTESTER_MALFORMED, rc, err);
	struct ms_x509_params p = {.store = store, .leaf = leaf, .chain = ms_buf_span(&help), .now_s = in->now_s};
	rc = ms_x509_verify_chain(&p, ret, spki, &reason, err);
	return rc == MS_OK ? MS_OK : ms_attester_refuse_rc(why, reason_of_x509(reason), rc, err);
}
