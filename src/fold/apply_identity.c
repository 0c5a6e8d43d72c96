/* Entries about certificates and CRLs. */
#include <string.h>

#include "fold/fold.h"
#include "proto/data.h"

#define SERIAL_LEN 16u

static enum ms_rc
index_cert(const struct ms_fold *f, const struct ms_entry *e, struct ms_span serial, struct ms_err *err)
{
	uint8_t name[256];
	struct ms_row_index row = {.target = e->subject};
	if (e->subject.len + 1 + SERIAL_LEN > sizeof name || serial.len != SERIAL_LEN)
		return ms_fail(err, MS_ERR_MALFORMED, "certificate index");
	memcpy(name, e->subject.p, e->subject.len);
	name[e->subject.len] = 0;
	memcpy(name + e->subject.len + 1, serial.p, SERIAL_LEN);
	return ms_row_insert(
	    f->state, MS_TABLE_CERT_INDEX, e->tenant, ms_span(name, e->subject.len + 1 + SERIAL_LEN), &ms_row_index_table, &row, err);
}

static enum ms_rc
apply_issue(const struct ms_fold *f, const struct ms_entry *e, struct ms_err *err)
{
	struct ms_data_cert c;
	enum ms_rc rc = ms_cbor_parse_map(&ms_data_cert_table, e->data, &c, err);
	if (rc != MS_OK)
		return rc;
	struct ms_row_cert row = {.device = e->subject,
	    .tbs = c.tbs,
	    .not_before_s = c.not_before_s,
	    .not_after_s = c.not_after_s,
	    .status = ms_span_str("good"),
	    .changed_s = e->time_s,
	    .seq = e->seq};
	rc = ms_row_insert(f->state, MS_TABLE_CERTS, e->tenant, c.serial, &ms_row_cert_table, &row, err);
	return rc == MS_OK ? index_cert(f, e, c.serial, err) : rc;
}

#define PURGE_MAX 256u
struct purge {
	uint64_t before_s;
	size_t n;
	uint8_t key[PURGE_MAX][128];
	size_t len[PURGE_MAX];
};

static enum ms_rc
collect_expired(void *ctx, struct ms_span key, struct ms_span val)
{
	struct purge *p = ctx;
	struct ms_row_revoked row;
	enum ms_rc rc = ms_cbor_parse_map(&ms_row_revoked_table, val, &row, NULL);
	if (rc != MS_OK || row.not_after_s >= p->before_s || p->n == PURGE_MAX || key.len > sizeof p->key[0])
		return rc;
	memcpy(p->key[p->n], key.p, key.len);
	p->len[p->n++] = key.len;
	return MS_OK;
}

/* Certificates that ended need no place on a list any more: some go with each one. */
static enum ms_rc
purge_expired(const struct ms_fold *f, uint64_t before_s, struct ms_err *err)
{
	struct purge p = {.before_s = before_s};
	struct ms_scan q = {.table = MS_TABLE_REVOKED};
	enum ms_rc rc = ms_store_scan(f->state, &q, collect_expired, &p, err);
	for (size_t i = 0; rc == MS_OK && i < p.n; i++)
		rc = ms_store_delete(f->state, MS_TABLE_REVOKED, ms_span(p.key[i], p.len[i]), err);
	return rc;
}

static enum ms_rc
apply_crl(const struct ms_fold *f, const struct ms_entry *e, struct ms_err *err)
{
	struct ms_data_crl c;
	enum ms_rc rc = ms_cbor_parse_map(&ms_data_crl_table, e->data, &c, err);
	if (rc != MS_OK)
		return rc;
	struct ms_row_crl row = {.number = c.number, .this_s = c.this_s, .next_s = c.next_s};
	rc = ms_row_put(f->state, MS_TABLE_CRLS, e->tenant, ms_span_str("current"), &ms_row_crl_table, &row, err);
	return rc == MS_OK ? purge_expired(f, c.this_s, err) : rc;
}

const struct ms_apply_row ms_apply_identity[] = {
    {"cert.issue", apply_issue},
    {"cert.refuse", NULL},
    {"crl.issue", apply_crl},
    {"result.issue", NULL},
    {"result.refuse", NULL},
    {"server.start", NULL},
    {"server.tls", NULL},
    {"server.refusals", NULL},
    {NULL, NULL},
};
