#include <stdlib.h>
#include <string.h>

#include "identity/cert_int.h"
#include "identity/crl.h"

static bool
reason_ok(enum ms_crl_reason r)
{
	switch (r) {
	case MS_CRL_UNSPECIFIED:
	case MS_CRL_KEY_COMPROMISE:
	case MS_CRL_AFFILIATION_CHANGED:
	case MS_CRL_SUPERSEDED:
	case MS_CRL_CESSATION:
	case MS_CRL_HOLD:
	case MS_CRL_PRIVILEGE_WITHDRAWN:
		return true;
	}
	return false;
}

static int
by_serial(const void *a, const void *b)
{
	const struct ms_crl_entry *x = *(const struct ms_crl_entry *const *)a, *y = *(const struct ms_crl_entry *const *)b;
	return ms_cert_serial_cmp(ms_cert_trim(x->serial), ms_cert_trim(y->serial));
}

static enum ms_rc
check(const struct ms_crl_params *p, struct ms_err *err)
{
	if (p->issuer->profile != MS_CERT_ISSUING)
		return ms_fail(err, MS_ERR_USAGE, "CRL: the issuer is no issuing CA");
	if (p->next_s <= p->this_s || p->next_s - p->this_s > MS_CRL_LIFE_S)
		return ms_fail(err, MS_ERR_USAGE, "CRL: its life");
	for (size_t i = 0; i < p->n_entries; i++) {
		struct ms_span n = ms_cert_trim(p->entries[i].serial);
		if (n.len == 0 || n.len > MS_CERT_SERIAL_MAX || (n.len == MS_CERT_SERIAL_MAX && n.p[0] >= 0x80) ||
		    !reason_ok(p->entries[i].reason))
			return ms_fail(err, MS_ERR_USAGE, "CRL: entry %zu is out of form", i);
	}
	return MS_OK;
}

static void
put_entry(const struct ms_crl_entry *e, struct ms_buf *b)
{
	size_t seq = ms_der_open(b, MS_DER_SEQUENCE);
	ms_der_put_integer(b, e->serial);
	ms_der_put_time(b, e->time_s);
	if (e->reason != MS_CRL_UNSPECIFIED) { /* RFC 5280 5.3.1: then the extension is left out */
		uint8_t reason = (uint8_t)e->reason;
		size_t exts = ms_der_open(b, MS_DER_SEQUENCE);
		struct ms_cert_ext_mark m = ms_cert_ext_open(b, MS_OID_EXT_REASON_CODE, false);
		ms_der_put(b, MS_DER_ENUMERATED, ms_span(&reason, 1));
		ms_cert_ext_close(b, m);
		ms_der_close(b, exts);
	}
	ms_der_close(b, seq);
}

static enum ms_rc
put_entries(const struct ms_crl_params *p, struct ms_buf *b, struct ms_err *err)
{
	if (p->n_entries == 0) /* RFC 5280 5.1.2.6: then the list is absent */
		return MS_OK;
	enum ms_rc rc = MS_OK;
	const struct ms_crl_entry **order = calloc(p->n_entries, sizeof *order);
	if (order == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "CRL");
	for (size_t i = 0; i < p->n_entries; i++)
		order[i] = &p->entries[i];
	qsort(order, p->n_entries, sizeof *order, by_serial);
	size_t seq = ms_der_open(b, MS_DER_SEQUENCE);
	for (size_t i = 0; rc == MS_OK && i < p->n_entries; i++) {
		if (i > 0 && by_serial(&order[i - 1], &order[i]) == 0)
			rc = ms_fail(err, MS_ERR_USAGE, "CRL: a serial number twice");
		put_entry(order[i], b);
	}
	ms_der_close(b, seq);
	free(order);
	return rc;
}

static void
put_extensions(const struct ms_crl_params *p, struct ms_buf *b)
{
	size_t outer = ms_der_open(b, MS_DER_CONTEXT_CONSTRUCTED(0)), seq = ms_der_open(b, MS_DER_SEQUENCE);
	ms_cert_put_aki(b, p->issuer->ski);
	struct ms_cert_ext_mark m = ms_cert_ext_open(b, MS_OID_EXT_CRL_NUMBER, false);
	ms_der_put_uint(b, p->number);
	ms_cert_ext_close(b, m);
	ms_der_close(b, seq);
	ms_der_close(b, outer);
}

enum ms_rc
ms_crl_tbs(const struct ms_crl_params *p, struct ms_buf *out, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	ms_buf_init(&b, MS_CRL_MAX);
	enum ms_rc rc = check(p, err);
	if (rc != MS_OK)
		return rc;
	size_t tbs = ms_der_open(&b, MS_DER_SEQUENCE);
	ms_der_put_uint(&b, 1); /* v2 */
	ms_cert_put_alg(&b);
	ms_buf_put_span(&b, p->issuer->subject);
	ms_der_put_time(&b, p->this_s);
	ms_der_put_time(&b, p->next_s);
	rc = put_entries(p, &b, err);
	if (rc != MS_OK)
		return rc;
	put_extensions(p, &b);
	ms_der_close(&b, tbs);
	rc = ms_buf_check(&b, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "CRL");
	ms_buf_put_span(out, ms_buf_span(&b));
	return ms_buf_check(out, err);
}
