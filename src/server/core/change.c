/* Writing operations, one function each. */
#include <stdio.h>
#include <string.h>

#include "audit/merkle.h"
#include "crypto/cosesig.h"
#include "crypto/hash.h"
#include "fleet/lifecycle.h"
#include "policy/reference.h"
#include "proto/data.h"
#include "secrets/rule.h"
#include "server/core/attested.h"
#include "server/core/enroll.h"
#include "server/core/operator.h"
#include "server/core/record.h"

#define MANIFEST_ROWS_MAX 1000000u

static struct ms_span
tenant_of(const struct ms_job *j)
{
	return ms_span_str(j->tenant);
}

static struct ms_entry
entry_of(const struct ms_operation *o, const char *kind, struct ms_span subject, const uint8_t request[static 32])
{
	return (struct ms_entry){.kind = ms_span_str(kind),
	    .actor = ms_span_str(o->actor),
	    .subject = subject,
	    .request = ms_span(request, 32),
	    .decision = ms_span_str("ok")};
}

/* ---- batches ---- */

static enum ms_rc
manifest_header(struct ms_core *c, struct ms_job *j, struct ms_span wire, struct ms_manifest_body *ret, struct ms_err *err)
{
	MS_OWN(ms_statement_raw_free) struct ms_statement_raw *raw = NULL;
	struct ms_statement st;
	enum ms_rc rc = ms_statement_parse(wire, &raw, err);
	if (rc != MS_OK)
		return rc;
	const struct ms_operator_key *by = ms_root_operator(c->root, ms_statement_kid(raw), tenant_of(j));
	if (by == NULL || !ms_role_may(by->role, ms_span_str("batch.import")))
		return ms_fail(err, MS_ERR_AUTH, "the manifest is signed by a key that is no operator's of this tenant");
	struct ms_statement_expect x = {.kind = "manifest",
	    .deployment = c->root->deployment,
	    .audience = "server",
	    .tenant = j->tenant,
	    .now_s = c->now_s,
	    .skew_s = MS_CORE_SKEW_S};
	rc = ms_statement_verify_raw(raw, by->key, &x, &st, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_manifest_body_table, st.body, ret, err);
	if (rc == MS_OK && !ms_name_ok(ret->id, 64))
		rc = ms_fail(err, MS_ERR_MALFORMED, "a batch id is 1 to 64 of a-z 0-9 . _ -");
	return rc;
}

/* The rows are those the signature is about: their Merkle root is the header's. */
static enum ms_rc
check_rows(const struct ms_manifest_body *m, struct ms_span rows, struct ms_err *err)
{
	struct ms_cbor cb = ms_cbor_over(rows);
	struct ms_frontier f;
	struct ms_node root;
	size_t n = ms_cbor_read_array(&cb);
	if (n != m->count || n > MANIFEST_ROWS_MAX)
		return ms_fail(err, MS_ERR_MALFORMED, "the manifest says %llu rows and has %zu", (unsigned long long)m->count, n);
	ms_frontier_init(&f);
	for (size_t i = 0; i < n; i++) {
		struct ms_node leaf;
		ms_merkle_leaf(ms_cbor_read_bytes(&cb), &leaf);
		enum ms_rc rc = ms_frontier_append(&f, &leaf, err);
		if (rc != MS_OK)
			return rc;
	}
	ms_frontier_root(&f, &root);
	if (!ms_cbor_done(&cb) || !ms_span_eq(m->root, ms_span(root.h, sizeof root.h)))
		return ms_fail(err, MS_ERR_AUTH, "the rows are not those that were signed");
	return MS_OK;
}

static enum ms_rc
batch_import(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err)
{
	struct ms_args_bytes args;
	struct ms_manifest_file file;
	struct ms_manifest_body m;
	uint8_t manifest_id[32], rows_id[32];
	enum ms_rc rc = ms_cbor_parse_map(&ms_args_bytes_table, o->body.args, &args, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_manifest_file_table, args.object, &file, err);
	if (rc == MS_OK)
		rc = manifest_header(c, j, file.statement, &m, err);
	if (rc == MS_OK)
		rc = check_rows(&m, file.rows, err);
	if (rc == MS_OK)
		rc = ms_store_put_blob(c->store, file.statement, manifest_id, err);
	if (rc == MS_OK)
		rc = ms_store_put_blob(c->store, file.rows, rows_id, err);
	if (rc == MS_OK)
		rc = ms_operation_log_change(c, j, o, m.id, err);
	if (rc != MS_OK)
		return rc;
	struct ms_data_batch data = {.manifest = ms_span(manifest_id, 32), .rows = ms_span(rows_id, 32), .count = m.count};
	struct ms_entry e = entry_of(o, "batch.import", m.id, manifest_id);
	rc = ms_job_log_data(c, j, &e, &ms_data_batch_table, &data, NULL, err);
	(void)snprintf(
	    o->text, sizeof o->text, "batch %.*s: %llu devices expected", (int)m.id.len, (const char *)m.id.p, (unsigned long long)m.count);
	return rc;
}

/* ---- devices ---- */

static enum ms_rc
step_approved(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	return ms_operation_answer(c, j, err);
}

static enum ms_rc
device_approve(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err)
{
	struct ms_args_approve args;
	MS_OWN(ms_device_fini) struct ms_device d = {.state = MS_LIFE_NONE};
	enum ms_rc rc = ms_cbor_parse_map(&ms_args_approve_table, o->body.args, &args, err);
	if (rc == MS_OK)
		rc = ms_device_load(c, tenant_of(j), args.device, &d, err);
	if (rc != MS_OK)
		return rc;
	if (d.state != MS_LIFE_PENDING)
		return ms_fail(err, MS_ERR_CONFLICT, "the device is %s, not pending", ms_life_name(d.state));
	if (!ms_span_eq(args.ek_hash, d.row.ek_hash) || !ms_span_eq(args.ak_name, d.row.ak_name) ||
	    !ms_span_eq(args.transcript_hash, d.row.transcript_hash))
		return ms_fail(err, MS_ERR_CONFLICT, "the device enrolled again since it was looked at: compare the new code");
	rc = ms_statement_put(c, "approval", tenant_of(j), args.device, o->statement.signed_bytes, err);
	if (rc == MS_OK)
		rc = ms_operation_log_change(c, j, o, args.device, err);
	(void)snprintf(o->text, sizeof o->text, "device approved");
	return rc == MS_OK ? ms_admit_stage(c, j, args.device, ms_span_str(o->actor), step_approved, err) : rc;
}

/* quarantine, release, revoke, retire: the operation's name is the entry's kind. */
static enum ms_rc
device_life(struct ms_core *c, struct ms_job *j, struct ms_operation *o, enum ms_life_event event, struct ms_err *err)
{
	struct ms_args_name args;
	uint8_t request[32];
	MS_OWN(ms_device_fini) struct ms_device d = {.state = MS_LIFE_NONE};
	enum ms_rc rc = ms_cbor_parse_map(&ms_args_name_table, o->body.args, &args, err);
	if (rc == MS_OK)
		rc = ms_device_load(c, tenant_of(j), args.name, &d, err);
	if (rc != MS_OK)
		return rc;
	enum ms_life_state next = ms_life_next(ms_life_by_name(d.row.state), event);
	if (next == MS_LIFE_NONE)
		return ms_fail(err, MS_ERR_CONFLICT, "a device that is %s does not take it", ms_life_name(d.state));
	rc = ms_operation_log_change(c, j, o, args.name, err);
	if (rc != MS_OK)
		return rc;
	ms_sha256(o->statement.signed_bytes, request);
	struct ms_data_life data = {.state = ms_span_str(ms_life_name(next)), .reason = args.reason};
	struct ms_entry e = entry_of(o, o->row->name, args.name, request);
	rc = ms_job_log_data(c, j, &e, &ms_data_life_table, &data, NULL, err);
	c->crl_due = true;
	(void)snprintf(o->text, sizeof o->text, "device is %s", ms_life_name(next));
	return rc;
}

static enum ms_rc
device_quarantine(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err)
{
	return device_life(c, j, o, MS_LIFE_QUARANTINE, err);
}

static enum ms_rc
device_release(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err)
{
	return device_life(c, j, o, MS_LIFE_RELEASE, err);
}

static enum ms_rc
device_revoke(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err)
{
	return device_life(c, j, o, MS_LIFE_REVOKE, err);
}

static enum ms_rc
device_retire(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err)
{
	return device_life(c, j, o, MS_LIFE_RETIRE, err);
}

/* Logged, so that it outlives a restart; the device hears of it when it asks for its next challenge. */
static enum ms_rc
device_attest_now(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err)
{
	struct ms_args_name args;
	uint8_t request[32];
	MS_OWN(ms_device_fini) struct ms_device d = {.state = MS_LIFE_NONE};
	enum ms_rc rc = ms_cbor_parse_map(&ms_args_name_table, o->body.args, &args, err);
	if (rc == MS_OK)
		rc = ms_device_load(c, tenant_of(j), args.name, &d, err);
	if (rc == MS_OK && ms_attested_state(&d, NULL) != MS_OK)
		rc = ms_fail(err, MS_ERR_CONFLICT, "evidence of a device that is %s is not judged", ms_life_name(d.state));
	if (rc == MS_OK)
		rc = ms_operation_log_change(c, j, o, args.name, err);
	if (rc != MS_OK)
		return rc;
	ms_sha256(o->statement.signed_bytes, request);
	struct ms_data_life data = {.state = d.row.state, .reason = args.reason};
	struct ms_entry e = entry_of(o, o->row->name, args.name, request);
	rc = ms_job_log_data(c, j, &e, &ms_data_life_table, &data, NULL, err);
	(void)snprintf(
	    o->text, sizeof o->text, "the device is told when it asks next, at most %llu s from now", (unsigned long long)c->poll_s);
	return rc;
}

/* ---- policy and reference values ---- */

static enum ms_rc
set_object(struct ms_core *c, struct ms_job *j, struct ms_operation *o, enum ms_table t, struct ms_span key, struct ms_span name,
    struct ms_span object, struct ms_err *err)
{
	struct ms_row_object row = {0};
	struct ms_buf mem;
	uint8_t id[32];
	ms_buf_init(&mem, 4096);
	enum ms_rc rc = ms_row_get(c->store, t, tenant_of(j), key, &ms_row_object_table, &row, &mem, err);
	uint64_t version = row.version + 1;
	ms_buf_fini(&mem);
	if (rc == MS_OK || rc == MS_ERR_NOT_FOUND)
		rc = ms_store_put_blob(c->store, object, id, err);
	if (rc == MS_OK)
		rc = ms_operation_log_change(c, j, o, name, err);
	if (rc != MS_OK)
		return rc;
	struct ms_data_object data = {.name = name, .object = ms_span(id, 32), .version = version};
	struct ms_entry e = entry_of(o, o->row->name, name, id);
	rc = ms_job_log_data(c, j, &e, &ms_data_object_table, &data, NULL, err);
	(void)snprintf(
	    o->text, sizeof o->text, "%.*s is at version %llu", (int)name.len, (const char *)name.p, (unsigned long long)version);
	return rc;
}

static enum ms_rc
policy_set(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err)
{
	struct ms_args_bytes args;
	MS_OWN(ms_policy_free) struct ms_policy *p = NULL;
	enum ms_rc rc = ms_cbor_parse_map(&ms_args_bytes_table, o->body.args, &args, err);
	if (rc == MS_OK)
		rc = ms_policy_load(args.object, &p, err);
	if (rc != MS_OK)
		return rc;
	return set_object(c, j, o, MS_TABLE_POLICIES, ms_span_str("current"), ms_span_str(ms_policy_settings(p)->name), args.object, err);
}

static enum ms_rc
reference_set(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err)
{
	struct ms_args_bytes args;
	MS_OWN(ms_reference_free) struct ms_reference *r = NULL;
	enum ms_rc rc = ms_cbor_parse_map(&ms_args_bytes_table, o->body.args, &args, err);
	if (rc == MS_OK)
		rc = ms_core_reference_read(c, args.object, &r, err);
	if (rc != MS_OK)
		return rc;
	return set_object(c, j, o, MS_TABLE_REFERENCES, ms_span_str(r->name), ms_span_str(r->name), args.object, err);
}

/* A part of a set that no message holds whole. It is nothing until a header that is set names it. */
static enum ms_rc
reference_part(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err)
{
	struct ms_args_bytes args;
	uint8_t id[32];
	MS_OWN(ms_record_fini) struct ms_record r = {.n = 0};
	ms_record_init(&r);
	enum ms_rc rc = ms_cbor_parse_map(&ms_args_bytes_table, o->body.args, &args, err);
	if (rc == MS_OK)
		rc = ms_reference_part_check(args.object, err);
	if (rc == MS_OK)
		rc = ms_store_put_blob(c->store, args.object, id, err);
	if (rc == MS_OK)
		rc = ms_operation_log_change(c, j, o, ms_span_str("reference"), err);
	if (rc != MS_OK)
		return rc;
	ms_record_hex(&r, "id", ms_span(id, sizeof id));
	(void)snprintf(o->text, sizeof o->text, "part of %zu bytes is stored", args.object.len);
	return ms_record_build(&r, &o->result, err);
}

/* ---- secrets ---- */

/* Second half of a put: keeper opened and wrapped it; from this entry on it can be released. */
static enum ms_rc
step_secret_store(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	struct ms_operation *o = j->more;
	struct ms_args_secret_put args;
	uint8_t id[32], request[32];
	enum ms_rc rc = ms_cbor_parse_map(&ms_args_secret_put_table, o->body.args, &args, err);
	if (rc == MS_OK)
		rc = ms_store_put_blob(c->store, ms_buf_span(&o->result), id, err);
	if (rc != MS_OK)
		return rc;
	ms_sha256(o->statement.signed_bytes, request);
	struct ms_data_secret_store data = {.path = args.path, .version = o->version, .wrapped = ms_span(id, 32)};
	struct ms_entry e = entry_of(o, "secret.store", MS_SPAN_NONE, request);
	char subject[161];
	(void)snprintf(subject, sizeof subject, "secret:%.*s", (int)(args.path.len < 150 ? args.path.len : 150), (const char *)args.path.p);
	e.subject = ms_span_str(subject);
	rc = ms_job_log_data(c, j, &e, &ms_data_secret_store_table, &data, NULL, err);
	ms_buf_reset(&o->result); /* ciphertext: of no use to the one who put it */
	j->ticketed = ms_operation_answer;
	return rc;
}

static enum ms_rc
on_wrapped(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	struct ms_operation *o = j->more;
	ms_buf_reset(&o->result);
	ms_buf_put_span(&o->result, j->result);
	enum ms_rc rc = ms_buf_check(&o->result, err);
	if (rc == MS_OK)
		ms_job_ready(c, j, step_secret_store);
	return rc;
}

static enum ms_rc
on_put_ticket(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	j->acted = on_wrapped;
	return ms_keeper_ask(c, j, MS_ACT_SECRET_PUT, j->n_staged - 1, err);
}

static enum ms_rc
check_put(const struct ms_args_secret_put *a, struct ms_err *err)
{
	if (!ms_secret_path_ok(a->path))
		return ms_fail(err, MS_ERR_USAGE, "a path is 1 to 8 names of a-z 0-9 . _ - joined by /");
	if (!ms_secret_rule_ok(a->rule))
		return ms_fail(err, MS_ERR_USAGE, "who may have it: model=X or device=ID");
	if (!ms_span_eq(a->class_name, ms_span_str(MS_SECRET_CLASS_DEVICE)))
		return ms_fail(err, MS_ERR_UNSUPPORTED, "exposure class: only device");
	return MS_OK;
}

static enum ms_rc
log_put(struct ms_core *c, struct ms_job *j, struct ms_operation *o, const struct ms_args_secret_put *args, struct ms_err *err)
{
	uint8_t op_id[32], digest[32];
	char subject[161];
	struct ms_act_secret_put act = {.op = o->statement.signed_bytes, .version = o->version};
	ms_buf_reset(&j->params);
	enum ms_rc rc = ms_cbor_build_map(&ms_act_secret_put_table, &act, &j->params, err);
	if (rc != MS_OK)
		return rc;
	ms_sha256(o->statement.signed_bytes, op_id);
	ms_sha256(ms_buf_span(&j->params), digest);
	(void)snprintf(
	    subject, sizeof subject, "secret:%.*s", (int)(args->path.len < 150 ? args->path.len : 150), (const char *)args->path.p);
	struct ms_data_secret_put data = {
	    .path = args->path, .version = o->version, .rule = args->rule, .class_name = args->class_name, .op = ms_span(op_id, 32)};
	struct ms_entry e = entry_of(o, "secret.put", ms_span_str(subject), op_id);
	e.act = ms_span(digest, 32);
	return ms_job_log_data(c, j, &e, &ms_data_secret_put_table, &data, NULL, err);
}

static enum ms_rc
secret_put(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err)
{
	struct ms_args_secret_put args;
	struct ms_row_secret row = {0};
	struct ms_buf mem;
	enum ms_rc rc = ms_cbor_parse_map(&ms_args_secret_put_table, o->body.args, &args, err);
	if (rc == MS_OK)
		rc = check_put(&args, err);
	if (rc != MS_OK)
		return rc;
	ms_buf_init(&mem, 16u << 10);
	rc = ms_row_get(c->store, MS_TABLE_SECRETS, tenant_of(j), args.path, &ms_row_secret_table, &row, &mem, err);
	o->version = row.version + 1;
	ms_buf_fini(&mem);
	if (rc == MS_OK || rc == MS_ERR_NOT_FOUND)
		rc = ms_operation_log_change(c, j, o, ms_span_str("secret"), err);
	(void)snprintf(o->text, sizeof o->text, "stored as version %llu", (unsigned long long)o->version);
	j->ticketed = on_put_ticket;
	return rc == MS_OK ? log_put(c, j, o, &args, err) : rc;
}

static enum ms_rc
secret_delete(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err)
{
	struct ms_args_name args;
	uint8_t request[32];
	char subject[161];
	enum ms_rc rc = ms_cbor_parse_map(&ms_args_name_table, o->body.args, &args, err);
	if (rc == MS_OK && !ms_secret_path_ok(args.name))
		rc = ms_fail(err, MS_ERR_USAGE, "not a path of a secret");
	if (rc != MS_OK)
		return rc;
	(void)snprintf(subject, sizeof subject, "secret:%.*s", (int)(args.name.len < 150 ? args.name.len : 150), (const char *)args.name.p);
	rc = ms_operation_log_change(c, j, o, ms_span_str(subject), err);
	if (rc != MS_OK)
		return rc;
	ms_sha256(o->statement.signed_bytes, request);
	struct ms_data_path data = {.path = args.name};
	struct ms_entry e = entry_of(o, "secret.delete", ms_span_str(subject), request);
	rc = ms_job_log_data(c, j, &e, &ms_data_path_table, &data, NULL, err);
	(void)snprintf(o->text, sizeof o->text, "deleted");
	return rc;
}

const struct ms_op_row ms_ops_change[] = {
    {"batch.import", true, false, "factory", batch_import},
    {"device.approve", true, false, "admin", device_approve},
    {"device.quarantine", true, true, "admin", device_quarantine},
    {"device.release", true, false, "admin", device_release},
    {"device.revoke", true, true, "admin", device_revoke},
    {"device.retire", true, true, "admin", device_retire},
    {"device.attest-now", true, false, "admin", device_attest_now},
    {"policy.set", true, false, "admin", policy_set},
    {"reference.set", true, false, "admin", reference_set},
    {"reference.part", true, false, "admin", reference_part},
    {"secret.put", true, false, "admin", secret_put},
    {"secret.delete", true, true, "admin", secret_delete},
    {NULL, false, false, NULL, NULL},
};
