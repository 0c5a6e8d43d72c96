/* Reading operations: each fills o->result with deterministic CBOR, a map with text keys. They write nothing and are not
 * logged. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/lifecycle.h"
#include "server/core/read.h"

#define BLOB_MAX (1u << 20)
#define COUNT_MAX 10000u /* devices looked at for the counts of `status`: core does nothing else meanwhile */
#define TAIL_LOOK_MAX 20000u

/* ---- status ---- */

struct counts {
	uint64_t n, state[MS_LIFE_STATES];
	uint64_t now_s;
};

static enum ms_rc
count_device(void *ctx, MS_UNUSED struct ms_span key, struct ms_span val)
{
	struct counts *k = ctx;
	struct ms_row_device row;
	enum ms_rc rc = ms_cbor_parse_map(&ms_row_device_table, val, &row, NULL);
	if (rc == MS_OK)
		k->state[ms_life_at(ms_life_by_name(row.state), row.deadline_s, k->now_s)]++;
	k->n++;
	return rc;
}

static enum ms_rc
put_counts(struct ms_core *c, struct ms_job *j, struct ms_record *r, struct ms_err *err)
{
	struct ms_row_key k;
	struct counts n = {.now_s = c->now_s};
	MS_OWN(ms_record_fini) struct ms_record by_state = {.n = 0};
	MS_OWN(ms_buf_fini) struct ms_buf map = {0};
	ms_record_init(&by_state);
	ms_buf_init(&map, 4096);
	enum ms_rc rc = ms_row_key(&k, ms_span_str(j->tenant), MS_SPAN_NONE, err);
	struct ms_scan q = {.table = MS_TABLE_DEVICES, .prefix = ms_span(k.bytes, k.len), .limit = COUNT_MAX};
	if (rc == MS_OK)
		rc = ms_store_scan(c->store, &q, count_device, &n, err);
	for (int s = MS_LIFE_NONE + 1; rc == MS_OK && s < MS_LIFE_STATES; s++)
		if (n.state[s] > 0)
			ms_record_uint(&by_state, ms_life_name((enum ms_life_state)s), n.state[s]);
	if (rc == MS_OK)
		rc = ms_record_build(&by_state, &map, err);
	if (rc != MS_OK)
		return rc;
	ms_record_raw(r, "devices", ms_buf_span(&map));
	ms_record_bool(r, "devices_cut", n.n == COUNT_MAX);
	return MS_OK;
}

static enum ms_rc
status(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err)
{
	const struct ms_policy *policy = NULL;
	uint64_t version = 0;
	MS_OWN(ms_record_fini) struct ms_record r = {.n = 0};
	ms_record_init(&r);
	enum ms_rc rc = ms_core_policy(c, ms_span_str(j->tenant), &policy, &version, err);
	if (rc == MS_OK)
		rc = put_counts(c, j, &r, err);
	if (rc != MS_OK)
		return rc;
	ms_record_text(&r, "server", ms_span_str(MS_VERSION));
	ms_record_text(&r, "tenant", ms_span_str(j->tenant));
	ms_record_uint(&r, "now_s", c->now_s);
	ms_record_uint(&r, "started_s", c->started_s);
	ms_record_uint(&r, "entries", c->next_seq);
	ms_record_uint(&r, "log_size", c->tree_size);
	ms_record_uint(&r, "answered", c->answered);
	ms_record_bool(&r, "clock_jumped", ms_authority_jumped(&c->clock));
	ms_record_uint(&r, "policy_version", version);
	ms_record_text(&r, "policy", ms_span_str(policy != NULL ? ms_policy_settings(policy)->name : ""));
	ms_record_hex(&r, "root_sha256", ms_span(c->root->hash, 32));
	return ms_record_build(&r, &o->result, err);
}

/* ---- lists ---- */

static enum ms_rc
batch_row(struct ms_listing_page *p, struct ms_span name, struct ms_span val)
{
	struct ms_row_batch row;
	enum ms_rc rc = ms_cbor_parse_map(&ms_row_batch_table, val, &row, p->err);
	if (rc != MS_OK)
		return rc;
	ms_record_text(&p->record, "id", name);
	ms_record_uint(&p->record, "devices", row.count);
	ms_record_uint(&p->record, "imported_s", row.imported_s);
	ms_record_text(&p->record, "by", row.actor);
	return MS_OK;
}

static enum ms_rc
reference_row(struct ms_listing_page *p, struct ms_span name, struct ms_span val)
{
	struct ms_row_object row;
	const struct ms_reference *ref = NULL;
	enum ms_rc rc = ms_cbor_parse_map(&ms_row_object_table, val, &row, p->err);
	if (rc == MS_OK)
		rc = ms_core_reference(p->c, row.object.p, &ref, p->err);
	if (rc != MS_OK)
		return rc;
	ms_record_text(&p->record, "name", name);
	ms_record_text(&p->record, "model", ms_span_str(ref->model));
	ms_record_text(&p->record, "source", ms_span_str(ref->source));
	ms_record_uint(&p->record, "digests", ref->n);
	ms_record_uint(&p->record, "mask", ms_reference_mask(ref));
	ms_record_uint(&p->record, "events", ms_reference_n_events(ref));
	ms_record_uint(&p->record, "files", ms_reference_n_files(ref));
	ms_record_uint(&p->record, "keys", ms_reference_n_keys(ref));
	ms_record_uint(&p->record, "version", row.version);
	ms_record_uint(&p->record, "set_s", row.set_s);
	ms_record_text(&p->record, "by", row.actor);
	return MS_OK;
}

static void
put_change(struct ms_record *r, struct ms_span name, const struct ms_row_change *row)
{
	struct ms_rd rd = ms_rd_span(name);
	ms_record_uint(r, "entry", ms_rd_u64(&rd));
	ms_record_text(r, "operation", row->operation);
	ms_record_text(r, "subject", row->subject);
	ms_record_text(r, "by", row->actor);
	ms_record_text(r, "result", row->result);
	ms_record_uint(r, "executed_s", row->executed_s);
}

static enum ms_rc
change_row(struct ms_listing_page *p, struct ms_span name, struct ms_span val)
{
	struct ms_row_change row;
	enum ms_rc rc = ms_cbor_parse_map(&ms_row_change_table, val, &row, p->err);
	if (rc == MS_OK)
		put_change(&p->record, name, &row);
	return rc;
}

static enum ms_rc
secret_row(struct ms_listing_page *p, struct ms_span name, struct ms_span val)
{
	struct ms_row_secret row;
	enum ms_rc rc = ms_cbor_parse_map(&ms_row_secret_table, val, &row, p->err);
	if (rc != MS_OK)
		return rc;
	ms_record_text(&p->record, "path", name);
	ms_record_text(&p->record, "for", row.rule);
	ms_record_text(&p->record, "class", row.class_name);
	ms_record_text(&p->record, "state",
	    ms_span_str(ms_row_secret_deleted(&row)         ? "deleted"
			: row.stored_version == row.version ? "stored"
							    : "unfinished"));
	ms_record_uint(&p->record, "version", row.version);
	ms_record_uint(&p->record, "stored_version", row.stored_version);
	ms_record_uint(&p->record, "put_s", row.put_s);
	ms_record_text(&p->record, "by", row.actor);
	return MS_OK;
}

#define LIST(fn_name, table, key, newest, row) \
	static enum ms_rc fn_name(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err) \
	{ \
		static const struct ms_list_spec spec = {table, key, newest, row}; \
		return ms_list_run(c, j, o, &spec, err); \
	}
LIST(batch_list, MS_TABLE_BATCHES, MS_LIST_TEXT, false, batch_row)
LIST(reference_list, MS_TABLE_REFERENCES, MS_LIST_TEXT, false, reference_row)
LIST(change_list, MS_TABLE_CHANGES, MS_LIST_SEQ, true, change_row)
LIST(secret_list, MS_TABLE_SECRETS, MS_LIST_TEXT, false, secret_row)

/* ---- one object ---- */

static enum ms_rc
put_object(struct ms_core *c, struct ms_job *j, enum ms_table t, struct ms_span key, struct ms_record *r, struct ms_err *err)
{
	struct ms_row_object row;
	MS_OWN(ms_buf_fini) struct ms_buf mem = {0};
	MS_OWN(ms_buf_fini) struct ms_buf blob = {0};
	ms_buf_init(&mem, 4096);
	ms_buf_init(&blob, BLOB_MAX);
	enum ms_rc rc = ms_row_get(c->store, t, ms_span_str(j->tenant), key, &ms_row_object_table, &row, &mem, err);
	if (rc == MS_OK)
		rc = ms_store_get_blob(c->store, row.object.p, &blob, err);
	if (rc != MS_OK)
		return rc;
	ms_record_uint(r, "version", row.version);
	ms_record_uint(r, "set_s", row.set_s);
	ms_record_text(r, "by", row.actor);
	ms_record_bytes(r, "object", ms_buf_span(&blob));
	return MS_OK;
}

static enum ms_rc
reference_get(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err)
{
	struct ms_args_name args;
	MS_OWN(ms_record_fini) struct ms_record r = {.n = 0};
	ms_record_init(&r);
	enum ms_rc rc = ms_cbor_parse_map(&ms_args_name_table, o->body.args, &args, err);
	if (rc == MS_OK)
		rc = put_object(c, j, MS_TABLE_REFERENCES, args.name, &r, err);
	if (rc == MS_ERR_NOT_FOUND)
		return ms_fail(err, rc, "no reference set of that name");
	return rc == MS_OK ? ms_record_build(&r, &o->result, err) : rc;
}

/* "SET/HEX": a part that the set names, and no other bytes of the store (I8). */
static enum ms_rc
part_of(struct ms_core *c, struct ms_job *j, struct ms_span name, uint8_t id[static 32], struct ms_err *err)
{
	struct ms_row_object row;
	struct ms_reference_parts parts;
	MS_OWN(ms_buf_fini) struct ms_buf mem = {0};
	MS_OWN(ms_buf_fini) struct ms_buf blob = {0};
	ms_buf_init(&mem, 4096);
	ms_buf_init(&blob, MS_REFERENCE_WIRE_MAX);
	if (name.len < 66 || name.p[name.len - 65] != '/' || ms_unhex((const char *)name.p + name.len - 64, 64, id, 32) != MS_OK)
		return ms_fail(err, MS_ERR_USAGE, "NAME/SHA-256 is wanted");
	enum ms_rc rc = ms_row_get(
	    c->store, MS_TABLE_REFERENCES, ms_span_str(j->tenant), ms_span(name.p, name.len - 65), &ms_row_object_table, &row, &mem, err);
	if (rc == MS_OK)
		rc = ms_store_get_blob(c->store, row.object.p, &blob, err);
	if (rc == MS_OK)
		rc = ms_reference_parts(ms_buf_span(&blob), &parts, err);
	for (size_t i = 0; rc == MS_OK && i < parts.n; i++)
		if (ms_span_eq(ms_span(parts.id[i], 32), ms_span(id, 32)))
			return MS_OK;
	return rc == MS_OK || rc == MS_ERR_NOT_FOUND ? ms_fail(err, MS_ERR_NOT_FOUND, "no reference set of that name has that part") : rc;
}

static enum ms_rc
reference_part_get(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err)
{
	struct ms_args_name args;
	uint8_t id[32];
	MS_OWN(ms_buf_fini) struct ms_buf part = {0};
	MS_OWN(ms_record_fini) struct ms_record r = {.n = 0};
	ms_record_init(&r);
	ms_buf_init(&part, MS_REFERENCE_PART_MAX);
	enum ms_rc rc = ms_cbor_parse_map(&ms_args_name_table, o->body.args, &args, err);
	if (rc == MS_OK)
		rc = part_of(c, j, args.name, id, err);
	if (rc == MS_OK)
		rc = ms_store_get_blob(c->store, id, &part, err);
	if (rc != MS_OK)
		return rc;
	ms_record_bytes(&r, "object", ms_buf_span(&part));
	return ms_record_build(&r, &o->result, err);
}

/* No policy is version 0 without an object: it denies everything. */
static enum ms_rc
policy_show(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err)
{
	MS_OWN(ms_record_fini) struct ms_record r = {.n = 0};
	ms_record_init(&r);
	enum ms_rc rc = put_object(c, j, MS_TABLE_POLICIES, ms_span_str("current"), &r, err);
	if (rc == MS_ERR_NOT_FOUND) {
		ms_record_uint(&r, "version", 0);
		rc = MS_OK;
	}
	return rc == MS_OK ? ms_record_build(&r, &o->result, err) : rc;
}

static enum ms_rc
parse_seq(struct ms_span s, uint64_t *ret, struct ms_err *err)
{
	char digits[24] = "";
	if (s.len == 0 || s.len > 19)
		return ms_fail(err, MS_ERR_USAGE, "a change has a number");
	memcpy(digits, s.p, s.len);
	if (strspn(digits, "0123456789") != s.len)
		return ms_fail(err, MS_ERR_USAGE, "a change has a number");
	*ret = strtoull(digits, NULL, 10);
	return MS_OK;
}

static enum ms_rc
change_show(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err)
{
	struct ms_args_name args;
	struct ms_row_change row;
	uint64_t seq = 0;
	uint8_t key[8];
	MS_OWN(ms_buf_fini) struct ms_buf mem = {0};
	MS_OWN(ms_buf_fini) struct ms_buf blob = {0};
	MS_OWN(ms_record_fini) struct ms_record r = {.n = 0};
	ms_record_init(&r);
	ms_buf_init(&mem, BLOB_MAX);
	ms_buf_init(&blob, BLOB_MAX);
	enum ms_rc rc = ms_cbor_parse_map(&ms_args_name_table, o->body.args, &args, err);
	if (rc == MS_OK)
		rc = parse_seq(args.name, &seq, err);
	ms_store_key_u64(seq, key);
	if (rc == MS_OK)
		rc = ms_row_get(c->store, MS_TABLE_CHANGES, ms_span_str(j->tenant), ms_span(key, 8), &ms_row_change_table, &row, &mem, err);
	if (rc == MS_ERR_NOT_FOUND)
		return ms_fail(err, rc, "no change has that number");
	if (rc == MS_OK)
		rc = ms_store_get_blob(c->store, row.statement.p, &blob, err);
	if (rc != MS_OK)
		return rc;
	put_change(&r, ms_span(key, 8), &row);
	ms_record_bytes(&r, "statement", ms_buf_span(&blob));
	return ms_record_build(&r, &o->result, err);
}

/* ---- operators: of the deployment root, those that may act in this tenant ---- */

static enum ms_rc
put_operator(struct ms_listing_page *p, const struct ms_operator_key *k)
{
	struct ms_row_operator row = {0};
	MS_OWN(ms_buf_fini) struct ms_buf mem = {0};
	struct ms_span kid = ms_span(ms_pubkey_id(k->key), MS_KEY_ID_LEN);
	ms_buf_init(&mem, 4096);
	enum ms_rc rc = ms_row_get(p->c->store, MS_TABLE_OPERATORS, ms_span_str("*"), kid, &ms_row_operator_table, &row, &mem, p->err);
	if (rc != MS_OK && rc != MS_ERR_NOT_FOUND)
		return rc;
	ms_record_text(&p->record, "name", ms_span_str(k->name));
	ms_record_text(&p->record, "role", ms_span_str(k->role));
	ms_record_text(&p->record, "tenant", ms_span_str(k->tenant));
	ms_record_hex(&p->record, "key", kid);
	if (rc == MS_OK)
		ms_record_uint(&p->record, "last_s", row.last_s);
	p->n++;
	return ms_record_build(&p->record, &p->rows, p->err);
}

static enum ms_rc
operator_list(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err)
{
	MS_OWN(ms_list_page_fini) struct ms_listing_page p = {.c = c};
	enum ms_rc rc = MS_OK;
	ms_list_page_init(&p, c, j, err);
	for (size_t i = 0; rc == MS_OK && i < c->root->n_operators; i++) {
		const struct ms_operator_key *k = &c->root->operators[i];
		if (strcmp(k->tenant, "*") == 0 || strcmp(k->tenant, j->tenant) == 0)
			rc = put_operator(&p, k);
	}
	return rc == MS_OK ? ms_list_page_build(&p, o, err) : rc;
}

/* ---- the end of the log: entries of this tenant and of the deployment ---- */

static enum ms_rc
on_entry(void *ctx, MS_UNUSED struct ms_span key, struct ms_span val)
{
	struct ms_listing_page *p = ctx;
	struct ms_entry e;
	enum ms_rc rc = ms_entry_parse(val, &e, p->err);
	if (rc != MS_OK || p->n >= p->limit)
		return rc;
	(void)snprintf(p->last, sizeof p->last, "%llu", (unsigned long long)e.seq);
	if (!ms_span_eq(e.tenant, p->tenant) && !ms_span_eq(e.tenant, ms_span_str("*")))
		return MS_OK;
	ms_record_uint(&p->record, "entry", e.seq);
	ms_record_uint(&p->record, "time_s", e.time_s);
	ms_record_text(&p->record, "kind", e.kind);
	ms_record_text(&p->record, "actor", e.actor);
	ms_record_text(&p->record, "subject", e.subject);
	ms_record_text(&p->record, "decision", e.decision);
	ms_record_text(&p->record, "reason", e.reason);
	p->n++;
	return ms_record_build(&p->record, &p->rows, p->err);
}

/* Without `after` the newest entries, newest first; with it those that follow it, in order. */
static enum ms_rc
audit_tail(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err)
{
	struct ms_args_list args;
	uint64_t after = 0;
	uint8_t key[8];
	MS_OWN(ms_list_page_fini) struct ms_listing_page p = {.c = c};
	ms_list_page_init(&p, c, j, err);
	enum ms_rc rc = ms_cbor_parse_map(&ms_args_list_table, o->body.args, &args, err);
	if (rc == MS_OK && MS_CBOR_HAS(&args, MS_ARGS_LIST_LIMIT))
		p.limit = args.limit;
	bool on = rc == MS_OK && args.after.len > 0;
	if (on)
		rc = parse_seq(args.after, &after, err);
	if (rc != MS_OK)
		return rc;
	ms_store_key_u64(after, key);
	struct ms_scan q = {.table = MS_TABLE_ENTRIES,
	    .after = on ? ms_span(key, 8) : MS_SPAN_NONE,
	    .limit = TAIL_LOOK_MAX < 4 * p.limit ? TAIL_LOOK_MAX : (size_t)(4 * p.limit),
	    .reverse = !on};
	rc = ms_store_scan(c->store, &q, on_entry, &p, err);
	return rc == MS_OK ? ms_list_page_build(&p, o, err) : rc;
}

const struct ms_op_row ms_ops_read[] = {
    {"status", false, false, "factory", status},
    {"device.list", false, false, "admin", ms_read_device_list},
    {"device.show", false, false, "admin", ms_read_device_show},
    {"device.evidence", false, false, "admin", ms_read_device_evidence},
    {"device.result", false, false, "reader", ms_read_device_result},
    {"batch.list", false, false, "factory", batch_list},
    {"reference.list", false, false, "admin", reference_list},
    {"reference.get", false, false, "admin", reference_get},
    {"reference.part.get", false, false, "admin", reference_part_get},
    {"policy.show", false, false, "admin", policy_show},
    {"change.list", false, false, "admin", change_list},
    {"change.show", false, false, "admin", change_show},
    {"secret.list", false, false, "admin", secret_list},
    {"cert.list", false, false, "admin", ms_read_cert_list},
    {"cert.show", false, false, "admin", ms_read_cert_show},
    {"operator.list", false, false, "admin", operator_list},
    {"audit.tail", false, false, "admin", audit_tail},
    {NULL, false, false, NULL, NULL},
};
