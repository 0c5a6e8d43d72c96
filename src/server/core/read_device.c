/* Reading devices and their certificates. Operators may see what a policy expects; devices never do. */
#include <stdio.h>
#include <string.h>

#include "fleet/lifecycle.h"
#include "server/core/read.h"

#define STATEMENT_MAX 8192u
#define PREFIX_MIN 4u
#define CERTS_MAX 50u

static void
put_common(struct ms_record *r, struct ms_span id, const struct ms_device *d)
{
	const struct ms_row_device *row = &d->row;
	struct ms_policy_device p = ms_device_for_policy(MS_SPAN_NONE, id, d);
	ms_record_text(r, "id", id);
	ms_record_text(r, "name", d->claims.name);
	ms_record_text(r, "model", d->claims.model);
	ms_record_text(r, "serial", d->claims.serial);
	ms_record_text(r, "state", ms_span_str(ms_life_name((enum ms_life_state)d->state)));
	ms_record_bool(r, "listed", p.listed);
	ms_record_text(r, "batch", p.batch);
	ms_record_uint(r, "version", row->version);
	ms_record_uint(r, "enrolled_s", row->enrolled_s);
	if (MS_CBOR_HAS(row, MS_ROW_DEVICE_OUTCOME))
		ms_record_text(r, "outcome", row->outcome);
	if (MS_CBOR_HAS(row, MS_ROW_DEVICE_REASON))
		ms_record_text(r, "reason", row->reason);
	if (MS_CBOR_HAS(row, MS_ROW_DEVICE_ATTESTED_S))
		ms_record_uint(r, "attested_s", row->attested_s);
	if (MS_CBOR_HAS(row, MS_ROW_DEVICE_DEADLINE_S))
		ms_record_uint(r, "deadline_s", row->deadline_s);
}

static enum ms_rc
device_row(struct ms_listing_page *p, struct ms_span name, MS_UNUSED struct ms_span val)
{
	MS_OWN(ms_device_fini) struct ms_device d = {.state = MS_LIFE_NONE};
	enum ms_rc rc = ms_device_load(p->c, p->tenant, name, &d, p->err);
	if (rc == MS_OK)
		put_common(&p->record, name, &d);
	return rc;
}

enum ms_rc
ms_read_device_list(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err)
{
	static const struct ms_list_spec spec = {MS_TABLE_DEVICES, MS_LIST_TEXT, false, device_row};
	return ms_list_run(c, j, o, &spec, err);
}

/* ---- which device is meant: its id, a name, or the beginning of an id that only one has ---- */

struct prefix {
	struct ms_span tenant;
	char *id;
	size_t n;
};

static enum ms_rc
on_prefix(void *ctx, struct ms_span key, MS_UNUSED struct ms_span val)
{
	struct prefix *p = ctx;
	struct ms_span name = ms_row_name(key, p->tenant);
	(void)snprintf(p->id, 81, "%.*s", (int)name.len, (const char *)name.p);
	p->n++;
	return MS_OK;
}

static enum ms_rc
find_by_prefix(struct ms_core *c, struct ms_span tenant, struct ms_span text, char id[static 81], struct ms_err *err)
{
	struct ms_row_key k;
	struct prefix p = {.tenant = tenant, .id = id};
	enum ms_rc rc = text.len >= PREFIX_MIN ? ms_row_key(&k, tenant, text, err) : MS_ERR_NOT_FOUND;
	if (rc != MS_OK)
		return ms_fail(err, MS_ERR_NOT_FOUND, "no device of that name (of an id, give at least %u digits)", PREFIX_MIN);
	struct ms_scan q = {.table = MS_TABLE_DEVICES, .prefix = ms_span(k.bytes, k.len), .limit = 2};
	rc = ms_store_scan(c->store, &q, on_prefix, &p, err);
	if (rc == MS_OK && p.n == 0)
		rc = ms_fail(err, MS_ERR_NOT_FOUND, "no device has that name, and no id begins so");
	if (rc == MS_OK && p.n > 1)
		rc = ms_fail(err, MS_ERR_CONFLICT, "more than one id begins so: give more of it");
	return rc;
}

enum ms_rc
ms_read_find_device(struct ms_core *c, struct ms_span tenant, struct ms_span text, char id[static 81], struct ms_err *err)
{
	struct ms_row_index row;
	MS_OWN(ms_buf_fini) struct ms_buf mem = {0};
	ms_buf_init(&mem, 1024);
	enum ms_rc rc = ms_row_get(c->store, MS_TABLE_NAMES, tenant, text, &ms_row_index_table, &row, &mem, err);
	if (rc == MS_OK)
		(void)snprintf(id, 81, "%.*s", (int)row.target.len, (const char *)row.target.p);
	return rc == MS_ERR_NOT_FOUND ? find_by_prefix(c, tenant, text, id, err) : rc;
}

enum ms_rc
ms_read_named_device(
    struct ms_core *c, struct ms_job *j, struct ms_operation *o, char id[static 81], struct ms_device *d, struct ms_err *err)
{
	struct ms_args_name args;
	enum ms_rc rc = ms_cbor_parse_map(&ms_args_name_table, o->body.args, &args, err);
	if (rc == MS_OK)
		rc = ms_read_find_device(c, ms_span_str(j->tenant), args.name, id, err);
	return rc == MS_OK ? ms_device_load(c, ms_span_str(j->tenant), ms_span_str(id), d, err) : rc;
}

/* ---- show ---- */

/* The values of the last authentic evidence. MS_ERR_NOT_FOUND: none yet. */
static enum ms_rc
load_pcrs(struct ms_core *c, const struct ms_device *d, struct ms_buf *wire, struct ms_pcrs *ret, struct ms_err *err)
{
	if (!MS_CBOR_HAS(&d->row, MS_ROW_DEVICE_PCRS))
		return ms_fail(err, MS_ERR_NOT_FOUND, "the device has not attested yet");
	enum ms_rc rc = ms_store_get_blob(c->store, d->row.pcrs.p, wire, err);
	return rc == MS_OK ? ms_pcrs_parse(ms_buf_span(wire), ret, err) : rc;
}

/* What the policy of now says of the evidence of then, with what it expects. */
static enum ms_rc
put_verdict(struct ms_core *c, struct ms_job *j, struct ms_record *r, struct ms_span id, const struct ms_device *d, struct ms_err *err)
{
	struct ms_pcrs pcrs;
	struct ms_judged judged;
	MS_OWN(ms_buf_fini) struct ms_buf wire = {0};
	MS_OWN(ms_buf_fini) struct ms_buf reasons = {0};
	ms_buf_init(&wire, MS_PCRS_WIRE_MAX);
	ms_buf_init(&reasons, 64u << 10);
	enum ms_rc rc = load_pcrs(c, d, &wire, &pcrs, err);
	if (rc == MS_ERR_NOT_FOUND)
		return MS_OK;
	struct ms_judge_ask ask = {
	    .device = ms_device_for_policy(ms_span_str(j->tenant), id, d), .pcrs = &pcrs, .last_reference = d->row.reference};
	if (rc == MS_OK)
		rc = ms_core_judge(c, &ask, &judged, err);
	if (rc != MS_OK)
		return rc;
	ms_verdict_operator(&judged.verdict, &reasons);
	ms_record_raw(r, "pcrs", ms_buf_span(&wire));
	ms_record_raw(r, "reasons", ms_buf_span(&reasons));
	ms_record_text(r, "judgement", ms_span_str(ms_outcome_name(judged.verdict.outcome)));
	ms_record_text(r, "policy", ms_span_str(judged.verdict.policy));
	ms_record_text(r, "rule", ms_span_str(judged.verdict.rule));
	ms_record_uint(r, "policy_version", judged.verdict.policy_version);
	return MS_OK;
}

static enum ms_rc
put_statement(struct ms_core *c, struct ms_job *j, struct ms_record *r, const char *kind, struct ms_span id, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	ms_buf_init(&b, STATEMENT_MAX);
	enum ms_rc rc = ms_statement_get(c, kind, ms_span_str(j->tenant), id, &b, err);
	if (rc == MS_OK)
		ms_record_bytes(r, kind, ms_buf_span(&b));
	return rc == MS_ERR_NOT_FOUND ? MS_OK : rc;
}

static void
put_cert(struct ms_record *r, struct ms_span serial, const struct ms_row_cert *row)
{
	ms_record_hex(r, "serial", serial);
	ms_record_text(r, "device", row->device);
	ms_record_text(r, "status", row->status);
	ms_record_uint(r, "not_before_s", row->not_before_s);
	ms_record_uint(r, "not_after_s", row->not_after_s);
	ms_record_uint(r, "changed_s", row->changed_s);
	ms_record_uint(r, "entry", row->seq);
	ms_record_hex(r, "tbs_sha256", row->tbs);
}

struct certs {
	struct ms_core *c;
	struct ms_span tenant;
	size_t device_len;
	struct ms_record record;
	struct ms_buf rows;
	size_t n;
	struct ms_err *err;
};

/* cert_index: device, zero, serial */
static enum ms_rc
on_cert_index(void *ctx, struct ms_span key, MS_UNUSED struct ms_span val)
{
	struct certs *s = ctx;
	struct ms_row_cert row;
	MS_OWN(ms_buf_fini) struct ms_buf mem = {0};
	struct ms_span name = ms_row_name(key, s->tenant);
	if (name.len <= s->device_len + 1)
		return MS_OK;
	struct ms_span serial = ms_span(name.p + s->device_len + 1, name.len - s->device_len - 1);
	ms_buf_init(&mem, 64u << 10);
	enum ms_rc rc = ms_row_get(s->c->store, MS_TABLE_CERTS, s->tenant, serial, &ms_row_cert_table, &row, &mem, s->err);
	if (rc == MS_OK) {
		put_cert(&s->record, serial, &row);
		rc = ms_record_build(&s->record, &s->rows, s->err);
		s->n++;
	}
	return rc == MS_ERR_NOT_FOUND ? MS_OK : rc;
}

static enum ms_rc
put_certs(struct ms_core *c, struct ms_job *j, struct ms_record *r, struct ms_span id, struct ms_err *err)
{
	struct ms_row_key k;
	uint8_t name[82];
	struct certs s = {.c = c, .tenant = ms_span_str(j->tenant), .device_len = id.len, .err = err};
	MS_OWN(ms_buf_fini) struct ms_buf array = {0};
	memcpy(name, id.p, id.len);
	name[id.len] = 0;
	enum ms_rc rc = ms_row_key(&k, s.tenant, ms_span(name, id.len + 1), err);
	if (rc != MS_OK)
		return rc;
	ms_record_init(&s.record);
	ms_buf_init(&s.rows, 64u << 10);
	ms_buf_init(&array, 65u << 10);
	struct ms_scan q = {.table = MS_TABLE_CERT_INDEX, .prefix = ms_span(k.bytes, k.len), .limit = CERTS_MAX};
	rc = ms_store_scan(c->store, &q, on_cert_index, &s, err);
	ms_cbor_array(&array, s.n);
	ms_buf_put_span(&array, ms_buf_span(&s.rows));
	if (rc == MS_OK)
		ms_record_raw(r, "certs", ms_buf_span(&array));
	ms_record_fini(&s.record);
	ms_buf_fini(&s.rows);
	return rc;
}

static enum ms_rc
put_all(struct ms_core *c, struct ms_job *j, struct ms_record *r, struct ms_span id, const struct ms_device *d, struct ms_err *err)
{
	const struct ms_row_device *row = &d->row;
	put_common(r, id, d);
	ms_record_hex(r, "ek_hash", row->ek_hash);
	ms_record_hex(r, "ak_name", row->ak_name);
	ms_record_hex(r, "transcript_sha256", row->transcript_hash);
	ms_record_text(r, "maker", row->maker);
	ms_record_uint(r, "life", row->life);
	if (MS_CBOR_HAS(row, MS_ROW_DEVICE_AUTHORITY))
		ms_record_text(r, "authority", row->authority);
	if (MS_CBOR_HAS(row, MS_ROW_DEVICE_RESET_COUNT)) {
		ms_record_uint(r, "reset_count", row->reset_count);
		ms_record_uint(r, "restart_count", row->restart_count);
	}
	enum ms_rc rc = put_verdict(c, j, r, id, d, err);
	if (rc == MS_OK)
		rc = put_statement(c, j, r, "binding", id, err);
	if (rc == MS_OK)
		rc = put_statement(c, j, r, "admission", id, err);
	return rc == MS_OK ? put_certs(c, j, r, id, err) : rc;
}

enum ms_rc
ms_read_device_show(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err)
{
	char id[81] = "";
	MS_OWN(ms_device_fini) struct ms_device d = {.state = MS_LIFE_NONE};
	MS_OWN(ms_record_fini) struct ms_record r = {.n = 0};
	ms_record_init(&r);
	enum ms_rc rc = ms_read_named_device(c, j, o, id, &d, err);
	if (rc == MS_OK)
		rc = put_all(c, j, &r, ms_span_str(id), &d, err);
	return rc == MS_OK ? ms_record_build(&r, &o->result, err) : rc;
}

enum ms_rc
ms_read_device_evidence(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err)
{
	char id[81] = "";
	struct ms_pcrs pcrs;
	MS_OWN(ms_device_fini) struct ms_device d = {.state = MS_LIFE_NONE};
	MS_OWN(ms_record_fini) struct ms_record r = {.n = 0};
	MS_OWN(ms_buf_fini) struct ms_buf wire = {0};
	ms_record_init(&r);
	ms_buf_init(&wire, MS_PCRS_WIRE_MAX);
	enum ms_rc rc = ms_read_named_device(c, j, o, id, &d, err);
	if (rc == MS_OK)
		rc = load_pcrs(c, &d, &wire, &pcrs, err);
	if (rc != MS_OK)
		return rc;
	ms_record_text(&r, "id", ms_span_str(id));
	ms_record_text(&r, "model", d.claims.model);
	ms_record_text(&r, "outcome", d.row.outcome);
	ms_record_uint(&r, "attested_s", d.row.attested_s);
	ms_record_raw(&r, "pcrs", ms_buf_span(&wire));
	return ms_record_build(&r, &o->result, err);
}

/* ---- certificates ---- */

static enum ms_rc
cert_row(struct ms_listing_page *p, struct ms_span name, struct ms_span val)
{
	struct ms_row_cert row;
	enum ms_rc rc = ms_cbor_parse_map(&ms_row_cert_table, val, &row, p->err);
	if (rc == MS_OK)
		put_cert(&p->record, name, &row);
	return rc;
}

enum ms_rc
ms_read_cert_list(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err)
{
	static const struct ms_list_spec spec = {MS_TABLE_CERTS, MS_LIST_HEX, false, cert_row};
	return ms_list_run(c, j, o, &spec, err);
}

enum ms_rc
ms_read_cert_show(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err)
{
	struct ms_args_name args;
	struct ms_row_cert row;
	uint8_t serial[16];
	MS_OWN(ms_buf_fini) struct ms_buf mem = {0};
	MS_OWN(ms_record_fini) struct ms_record r = {.n = 0};
	ms_record_init(&r);
	ms_buf_init(&mem, 64u << 10);
	enum ms_rc rc = ms_cbor_parse_map(&ms_args_name_table, o->body.args, &args, err);
	if (rc == MS_OK && (args.name.len != 32 || ms_unhex((const char *)args.name.p, 32, serial, 16) != MS_OK))
		rc = ms_fail(err, MS_ERR_USAGE, "a serial is 32 hexadecimal digits");
	if (rc == MS_OK)
		rc = ms_row_get(c->store, MS_TABLE_CERTS, ms_span_str(j->tenant), ms_span(serial, 16), &ms_row_cert_table, &row, &mem, err);
	if (rc == MS_ERR_NOT_FOUND)
		return ms_fail(err, rc, "no certificate has that serial");
	if (rc != MS_OK)
		return rc;
	put_cert(&r, ms_span(serial, 16), &row);
	return ms_record_build(&r, &o->result, err);
}
