#include "server/core/operator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/cosesig.h"
#include "crypto/hash.h"
#include "proto/data.h"

#define OP_LIFE_MAX_S 300u
#define RESULT_MAX 4000000u

static void
operation_free(void *more)
{
	struct ms_operation *o = more;
	ms_buf_fini(&o->result);
	ms_buf_fini(&o->subject);
	free(o);
}

static const struct ms_op_row *
find_op(struct ms_span name)
{
	static const struct ms_op_row *const tables[] = {ms_ops_change, ms_ops_read, ms_ops_evidence};
	for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
		for (const struct ms_op_row *row = tables[t]; row->name != NULL; row++)
			if (ms_span_eq(name, ms_span_str(row->name)))
				return row;
	return NULL;
}

/* Signature by an operator of the deployment root who may act in this tenant, then life, role and form. */
static enum ms_rc
verify(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err)
{
	MS_OWN(ms_statement_raw_free) struct ms_statement_raw *raw = NULL;
	enum ms_rc rc = ms_statement_parse(ms_buf_span(&j->body), &raw, err);
	if (rc != MS_OK)
		return rc;
	o->by = ms_root_operator(c->root, ms_statement_kid(raw), ms_span_str(j->tenant));
	if (o->by == NULL)
		return ms_fail(err, MS_ERR_AUTH, "operation by a key that is no operator's of this tenant");
	struct ms_statement_expect x = {.kind = "op",
	    .deployment = c->root->deployment,
	    .audience = "server",
	    .tenant = j->tenant,
	    .now_s = c->now_s,
	    .skew_s = MS_CORE_SKEW_S};
	rc = ms_statement_verify_raw(raw, o->by->key, &x, &o->statement, err);
	if (rc == MS_OK && o->statement.expires_s - o->statement.issued_s > OP_LIFE_MAX_S)
		rc = ms_fail(err, MS_ERR_AUTH, "operation: signed for longer than %u s", OP_LIFE_MAX_S);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_op_body_table, o->statement.body, &o->body, err);
	if (rc != MS_OK)
		return rc;
	o->row = find_op(o->body.operation);
	if (o->row == NULL)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "no operation %.*s", (int)o->body.operation.len, (const char *)o->body.operation.p);
	if (!ms_role_may(o->by->role, o->body.operation))
		return ms_fail(err, MS_ERR_DENIED, "the role %s may not do %s", o->by->role, o->row->name);
	memcpy(o->actor, "operator:", 9);
	ms_hex(ms_pubkey_id(o->by->key), MS_KEY_ID_LEN, o->actor + 9);
	return MS_OK;
}

/* ---- executed once ---- */

static void
operation_key(const struct ms_operation *o, uint8_t key[static 48])
{
	memcpy(key, ms_pubkey_id(o->by->key), 32);
	memcpy(key + 32, o->body.op_id.p, 16);
}

/* A retry of the same bytes gets the answer again; the same op id with other bytes is refused. */
static enum ms_rc
answered_before(struct ms_core *c, struct ms_operation *o, bool *ret, struct ms_err *err)
{
	uint8_t key[48], hash[32];
	struct ms_buf val;
	operation_key(o, key);
	ms_buf_init(&val, 256);
	enum ms_rc rc = ms_store_get(c->store, MS_TABLE_OPERATIONS, ms_span(key, sizeof key), &val, err);
	*ret = rc == MS_OK;
	ms_sha256(o->statement.signed_bytes, hash);
	if (rc == MS_OK && (val.len < 32 || !ms_span_eq(ms_span(val.p, 32), ms_span(hash, 32))))
		rc = ms_fail(err, MS_ERR_CONFLICT, "operation id used before for something else");
	if (rc == MS_OK)
		(void)snprintf(o->change, sizeof o->change, "%.*s", (int)(val.len - 32), (const char *)val.p + 32);
	ms_buf_fini(&val);
	return rc == MS_ERR_NOT_FOUND ? MS_OK : rc;
}

/* A put is done when it is stored: one whose second half is under way, or was lost, is not said to be done. */
static enum ms_rc
check_stored(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err)
{
	struct ms_args_secret_put args;
	struct ms_row_secret row;
	uint8_t hash[32];
	MS_OWN(ms_buf_fini) struct ms_buf mem = {0};
	if (!ms_span_eq(o->body.operation, ms_span_str("secret.put")))
		return MS_OK;
	ms_buf_init(&mem, 16u << 10);
	enum ms_rc rc = ms_cbor_parse_map(&ms_args_secret_put_table, o->body.args, &args, err);
	if (rc == MS_OK)
		rc = ms_row_get(c->store, MS_TABLE_SECRETS, ms_span_str(j->tenant), args.path, &ms_row_secret_table, &row, &mem, err);
	if (rc != MS_OK)
		return rc == MS_ERR_NOT_FOUND ? MS_OK : rc; /* deleted since */
	ms_sha256(o->statement.signed_bytes, hash);
	if (ms_span_eq(row.op, ms_span(hash, sizeof hash)) && row.stored_version < row.version)
		return ms_fail(err, MS_ERR_CONFLICT, "accepted as change %s, not stored: put it again if that stays so", o->change);
	return MS_OK;
}

static enum ms_rc
remember(struct ms_core *c, struct ms_operation *o, struct ms_err *err)
{
	uint8_t key[48], hash[32];
	struct ms_buf val;
	operation_key(o, key);
	ms_sha256(o->statement.signed_bytes, hash);
	ms_buf_init(&val, 256);
	ms_buf_put(&val, hash, sizeof hash);
	ms_buf_str(&val, o->change);
	enum ms_rc rc = ms_store_insert(c->store, MS_TABLE_OPERATIONS, ms_span(key, sizeof key), ms_buf_span(&val), err);
	ms_buf_fini(&val);
	return rc;
}

/* Version of an object that an operation may be based on: "policy", "reference:<name>", "device:<id>", "secret:<path>". */
static enum ms_rc
version_of(struct ms_core *c, struct ms_job *j, struct ms_span object, uint64_t *ret, struct ms_err *err)
{
	struct ms_span tenant = ms_span_str(j->tenant);
	struct ms_buf mem;
	enum ms_rc rc = MS_ERR_USAGE;
	ms_buf_init(&mem, 64u << 10);
	const uint8_t *colon = memchr(object.p, ':', object.len);
	struct ms_span kind = colon == NULL ? object : ms_span(object.p, (size_t)(colon - object.p));
	struct ms_span name = colon == NULL ? MS_SPAN_NONE : ms_span(colon + 1, object.len - kind.len - 1);
	if (ms_span_eq(kind, ms_span_str("policy")) || ms_span_eq(kind, ms_span_str("reference"))) {
		struct ms_row_object row = {0};
		bool policy = kind.len == 6;
		rc = ms_row_get(c->store, policy ? MS_TABLE_POLICIES : MS_TABLE_REFERENCES, tenant, policy ? ms_span_str("current") : name,
		    &ms_row_object_table, &row, &mem, err);
		*ret = row.version;
	} else if (ms_span_eq(kind, ms_span_str("device"))) {
		struct ms_row_device row = {0};
		rc = ms_row_get(c->store, MS_TABLE_DEVICES, tenant, name, &ms_row_device_table, &row, &mem, err);
		*ret = row.version;
	} else if (ms_span_eq(kind, ms_span_str("secret"))) {
		struct ms_row_secret row = {0};
		rc = ms_row_get(c->store, MS_TABLE_SECRETS, tenant, name, &ms_row_secret_table, &row, &mem, err);
		*ret = row.version;
	} else {
		rc = ms_fail(err, MS_ERR_USAGE, "base of an unknown kind");
	}
	ms_buf_fini(&mem);
	if (rc == MS_ERR_NOT_FOUND) {
		*ret = 0;
		rc = MS_OK;
	}
	return rc;
}

static enum ms_rc
check_bases(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err)
{
	struct ms_cbor cb = ms_cbor_over(o->body.bases);
	size_t n = ms_cbor_read_array(&cb);
	for (size_t i = 0; i < n; i++) {
		size_t two = ms_cbor_read_array(&cb);
		struct ms_span object = ms_cbor_read_text(&cb);
		uint64_t want = ms_cbor_read_uint(&cb), is = 0;
		if (two != 2 || object.len == 0)
			return ms_fail(err, MS_ERR_MALFORMED, "bases: [object, version] is wanted");
		enum ms_rc rc = version_of(c, j, object, &is, err);
		if (rc != MS_OK)
			return rc;
		if (is != want)
			return ms_fail(err, MS_ERR_CONFLICT, "%.*s is at version %llu, the operation was signed for %llu", (int)object.len,
			    (const char *)object.p, (unsigned long long)is, (unsigned long long)want);
	}
	return ms_cbor_done(&cb) ? MS_OK : ms_fail(err, MS_ERR_MALFORMED, "bases");
}

enum ms_rc
ms_operation_log_change(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_span subject, struct ms_err *err)
{
	uint8_t statement_id[32], request[32];
	enum ms_rc rc = ms_store_put_blob(c->store, o->statement.signed_bytes, statement_id, err);
	if (rc != MS_OK)
		return rc;
	ms_sha256(o->statement.signed_bytes, request);
	struct ms_data_change data = {.operation = o->body.operation,
	    .statement = ms_span(statement_id, 32),
	    .sequence = o->body.sequence,
	    .result = ms_span_str("executed")};
	struct ms_entry e = {.kind = ms_span_str("change.execute"),
	    .actor = ms_span_str(o->actor),
	    .subject = subject,
	    .request = ms_span(request, 32),
	    .decision = ms_span_str("ok")};
	(void)snprintf(o->change, sizeof o->change, "%llu", (unsigned long long)c->next_seq);
	rc = ms_job_log_data(c, j, &e, &ms_data_change_table, &data, NULL, err);
	return rc == MS_OK ? remember(c, o, err) : rc;
}

enum ms_rc
ms_operation_answer(MS_UNUSED struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	struct ms_operation *o = j->more;
	struct ms_op_resp r = {.code = ms_span_str("ok"), .text = ms_span_str(o->text)};
	if (o->result.len > 0) {
		r.result = ms_buf_span(&o->result);
		r.present |= MS_CBOR_BIT(MS_OP_RESP_RESULT);
	}
	if (o->change[0] != '\0') {
		r.change = ms_span_str(o->change);
		r.present |= MS_CBOR_BIT(MS_OP_RESP_CHANGE);
	}
	if (j->n_ticketed > 0) {
		r.entry = ms_buf_span(&j->staged[j->n_ticketed - 1].bytes);
		r.ticket = ms_buf_span(&j->staged[j->n_ticketed - 1].ticket);
		r.present |= MS_CBOR_BIT(MS_OP_RESP_ENTRY) | MS_CBOR_BIT(MS_OP_RESP_TICKET);
	}
	return ms_job_reply(j, &ms_op_resp_table, &r, err);
}

/* An operator learns why, in words: who signed is known here, and may see what this server thinks. */
static enum ms_rc
tell(struct ms_core *c, struct ms_job *j, enum ms_rc rc, struct ms_err *err)
{
	if (rc == MS_OK || ms_rc_http(rc) >= 500 || !ms_store_in_tx(c->store))
		return rc;
	char text[MS_ERR_TEXT_MAX];
	memcpy(text, err->text, sizeof text);
	enum ms_rc back = ms_job_undo(c, j, err);
	if (back != MS_OK)
		return back;
	ms_job_reply_error(j, rc, text, ms_rc_public(rc));
	return MS_OK;
}

static enum ms_rc
run_operation(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err)
{
	bool before = false;
	if (!o->row->writes) {
		enum ms_rc rc = o->row->run(c, j, o, err);
		return rc == MS_OK ? ms_operation_answer(c, j, err) : rc;
	}
	enum ms_rc rc = o->row->takes_away ? MS_OK : ms_core_may_grant(c, err);
	if (rc == MS_OK)
		rc = answered_before(c, o, &before, err);
	if (rc == MS_OK && before)
		rc = check_stored(c, j, o, err);
	if (rc == MS_OK && before) {
		(void)snprintf(o->text, sizeof o->text, "done before, as change %s", o->change);
		return ms_operation_answer(c, j, err);
	}
	if (rc == MS_OK)
		rc = check_bases(c, j, o, err);
	j->ticketed = ms_operation_answer;
	return rc == MS_OK ? o->row->run(c, j, o, err) : rc;
}

static enum ms_rc
step_operation(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	return tell(c, j, run_operation(c, j, j->more, err), err);
}

enum ms_rc
ms_request_operator(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	struct ms_operation *o = calloc(1, sizeof *o);
	if (o == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "operation");
	ms_buf_init(&o->result, RESULT_MAX);
	ms_buf_init(&o->subject, 512);
	j->more = o;
	j->more_free = operation_free;
	enum ms_rc rc = verify(c, j, o, err);
	if (rc == MS_OK)
		ms_job_ready(c, j, step_operation);
	return rc;
}
