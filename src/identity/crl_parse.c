#include <string.h>

#include "identity/cert_int.h"
#include "identity/crl.h"

static bool
read_reason(struct ms_der *entry, enum ms_crl_reason *ret)
{
	struct ms_der exts = ms_der_enter(entry, MS_DER_SEQUENCE);
	struct ms_cert_ext e;
	if (!ms_cert_ext_next(&exts, &e) || e.id != MS_OID_EXT_REASON_CODE || e.critical || !ms_der_done(&exts))
		return false;
	struct ms_der d = ms_der_over(e.value);
	struct ms_span v = ms_der_read(&d, MS_DER_ENUMERATED);
	if (!ms_der_done(&d) || v.len != 1 || v.p[0] == 0 || v.p[0] > 10 || v.p[0] == 2 || v.p[0] == 7 || v.p[0] == 8 || v.p[0] == 10)
		return false; /* 8, removeFromCRL, is for delta lists; the others name what we do not have */
	*ret = (enum ms_crl_reason)v.p[0];
	return true;
}

/* The next entry; poisons on a malformed one. */
static bool
next_entry(struct ms_der *d, struct ms_crl_entry *ret)
{
	if (ms_der_peek(d) == 0)
		return false;
	struct ms_der seq = ms_der_enter(d, MS_DER_SEQUENCE);
	struct ms_crl_entry e = {.reason = MS_CRL_UNSPECIFIED};
	e.serial = ms_der_read_integer(&seq, MS_CERT_SERIAL_MAX);
	e.time_s = ms_der_read_time(&seq);
	bool ok = ms_der_peek(&seq) == 0 || read_reason(&seq, &e.reason);
	if (!ok || !ms_der_done(&seq) || e.serial.len == 0) {
		ms_der_poison(d);
		return false;
	}
	*ret = e;
	return true;
}

static bool
read_revoked(struct ms_der *tbs, struct ms_crl *c)
{
	struct ms_span last = MS_SPAN_NONE;
	struct ms_crl_entry e;
	if (ms_der_peek(tbs) != MS_DER_SEQUENCE)
		return true;
	c->revoked = ms_der_read(tbs, MS_DER_SEQUENCE);
	struct ms_der d = ms_der_over(c->revoked);
	while (next_entry(&d, &e)) {
		if (ms_cert_serial_cmp(last, e.serial) >= 0)
			return false;
		last = e.serial;
		c->n_revoked++;
	}
	return ms_der_done(&d) && c->n_revoked > 0;
}

static bool
read_extensions(struct ms_der *tbs, struct ms_crl *c)
{
	struct ms_der outer = ms_der_enter(tbs, MS_DER_CONTEXT_CONSTRUCTED(0)), seq = ms_der_enter(&outer, MS_DER_SEQUENCE);
	struct ms_cert_ext aki, number;
	if (!ms_cert_ext_next(&seq, &aki) || aki.id != MS_OID_EXT_AUTHORITY_KEY_ID || aki.critical)
		return false;
	if (!ms_cert_ext_next(&seq, &number) || number.id != MS_OID_EXT_CRL_NUMBER || number.critical)
		return false;
	c->aki = ms_cert_read_aki(aki.value);
	struct ms_der d = ms_der_over(number.value);
	c->number = ms_der_read_uint(&d);
	return c->aki.len > 0 && ms_der_done(&d) && ms_der_done(&seq) && ms_der_done(&outer);
}

static bool
read_tbs(struct ms_crl *c)
{
	struct ms_der all = ms_der_over(c->tbs), tbs = ms_der_enter(&all, MS_DER_SEQUENCE);
	bool v2 = ms_der_read_uint(&tbs) == 1, alg = ms_cert_read_alg(&tbs);
	c->issuer = ms_der_read_raw(&tbs, MS_DER_SEQUENCE);
	c->this_s = ms_der_read_time(&tbs);
	c->next_s = ms_der_read_time(&tbs);
	return v2 && alg && c->this_s < c->next_s && read_revoked(&tbs, c) && read_extensions(&tbs, c) && ms_der_done(&tbs) &&
	       ms_der_done(&all);
}

enum ms_rc
ms_crl_parse_min(struct ms_span der, struct ms_crl *ret, struct ms_err *err)
{
	struct ms_crl c = {0};
	struct ms_cert_signed s;
	if (der.len > MS_CRL_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "CRL of %zu bytes", der.len);
	enum ms_rc rc = ms_cert_read_signed(der, &s, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "CRL");
	c.tbs = s.tbs;
	memcpy(c.signature, s.signature, sizeof c.signature);
	if (!read_tbs(&c))
		return ms_fail(err, MS_ERR_MALFORMED, "CRL: not of our form");
	*ret = c;
	return MS_OK;
}

enum ms_rc
ms_crl_verify(const struct ms_crl *c, const struct ms_cert *issuer, uint64_t now_s, struct ms_err *err)
{
	if (issuer->profile != MS_CERT_ISSUING || !ms_span_eq(c->issuer, issuer->subject) || !ms_span_eq(c->aki, issuer->ski))
		return ms_fail(err, MS_ERR_AUTH, "CRL: issued by another CA");
	enum ms_rc rc = ms_cert_verify_signature(issuer, c->tbs, c->signature, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "CRL");
	if (now_s != 0 && (now_s < c->this_s || now_s > c->next_s))
		return ms_fail(err, MS_ERR_EXPIRED, "CRL: not current");
	return MS_OK;
}

bool
ms_crl_find(const struct ms_crl *c, struct ms_span serial, struct ms_crl_entry *ret)
{
	struct ms_der d = ms_der_over(c->revoked);
	struct ms_crl_entry e;
	struct ms_span want = ms_cert_trim(serial);
	while (next_entry(&d, &e)) {
		if (!ms_span_eq(e.serial, want))
			continue;
		if (ret != NULL)
			*ret = e;
		return true;
	}
	return false;
}
