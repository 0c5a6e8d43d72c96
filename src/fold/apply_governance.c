/* Entries about policy, reference values and what operators did. */
#include "fold/fold.h"
#include "proto/data.h"
#include "store/store.h"

#define MEM_MAX (16u << 10)

static enum ms_rc
put_object(const struct ms_fold *f, enum ms_table t, const struct ms_entry *e, struct ms_span name, const struct ms_data_object *o,
    struct ms_err *err)
{
	struct ms_row_object row, before;
	struct ms_buf mem;
	ms_buf_init(&mem, MEM_MAX);
	enum ms_rc rc = ms_row_get(f->state, t, e->tenant, name, &ms_row_object_table, &before, &mem, err);
	if (rc == MS_OK && o->version != before.version + 1)
		rc = ms_fail(err, MS_ERR_CONFLICT, "version %llu does not follow", (unsigned long long)o->version);
	else if (rc == MS_ERR_NOT_FOUND)
		rc = o->version == 1 ? MS_OK : ms_fail(err, MS_ERR_CONFLICT, "the first version is 1");
	row = (struct ms_row_object){.object = o->object, .version = o->version, .set_s = e->time_s, .actor = e->actor};
	if (rc == MS_OK)
		rc = ms_row_put(f->state, t, e->tenant, name, &ms_row_object_table, &row, err);
	ms_buf_fini(&mem);
	return rc;
}

static enum ms_rc
apply_policy(const struct ms_fold *f, const struct ms_entry *e, struct ms_err *err)
{
	struct ms_data_object o;
	enum ms_rc rc = ms_cbor_parse_map(&ms_data_object_table, e->data, &o, err);
	return rc == MS_OK ? put_object(f, MS_TABLE_POLICIES, e, ms_span_str("current"), &o, err) : rc;
}

static enum ms_rc
apply_reference(const struct ms_fold *f, const struct ms_entry *e, struct ms_err *err)
{
	struct ms_data_object o;
	enum ms_rc rc = ms_cbor_parse_map(&ms_data_object_table, e->data, &o, err);
	return rc == MS_OK ? put_object(f, MS_TABLE_REFERENCES, e, o.name, &o, err) : rc;
}

/* "operator:<key id in hex>" */
static enum ms_rc
actor_key(const struct ms_entry *e, uint8_t kid[static 32], struct ms_err *err)
{
	static const char prefix[] = "operator:";
	size_t n = sizeof prefix - 1;
	if (e->actor.len != n + 64 || !ms_span_eq(ms_span(e->actor.p, n), ms_span_str(prefix)) ||
	    ms_unhex((const char *)e->actor.p + n, 64, kid, 32) != MS_OK)
		return ms_fail(err, MS_ERR_MALFORMED, "change: the actor is not an operator");
	return MS_OK;
}

static enum ms_rc
apply_change(const struct ms_fold *f, const struct ms_entry *e, struct ms_err *err)
{
	struct ms_data_change c;
	struct ms_row_operator op;
	struct ms_buf mem;
	uint8_t kid[32], seq[8];
	enum ms_rc rc = ms_cbor_parse_map(&ms_data_change_table, e->data, &c, err);
	if (rc == MS_OK)
		rc = actor_key(e, kid, err);
	if (rc != MS_OK)
		return rc;
	ms_buf_init(&mem, MEM_MAX);
	rc = ms_row_get(f->state, MS_TABLE_OPERATORS, ms_span_str("*"), ms_span(kid, 32), &ms_row_operator_table, &op, &mem, err);
	if (rc == MS_OK && c.sequence <= op.sequence)
		rc = ms_fail(err, MS_ERR_REPLAY, "change: the sequence does not rise");
	ms_buf_fini(&mem);
	if (rc != MS_OK && rc != MS_ERR_NOT_FOUND)
		return rc;
	op = (struct ms_row_operator){.sequence = c.sequence, .last_s = e->time_s};
	rc = ms_row_put(f->state, MS_TABLE_OPERATORS, ms_span_str("*"), ms_span(kid, 32), &ms_row_operator_table, &op, err);
	if (rc != MS_OK)
		return rc;
	struct ms_row_change row = {.operation = c.operation,
	    .subject = e->subject,
	    .actor = e->actor,
	    .statement = c.statement,
	    .executed_s = e->time_s,
	    .result = c.result};
	ms_store_key_u64(e->seq, seq);
	return ms_row_insert(f->state, MS_TABLE_CHANGES, e->tenant, ms_span(seq, sizeof seq), &ms_row_change_table, &row, err);
}

const struct ms_apply_row ms_apply_governance[] = {
    {"policy.set", apply_policy},
    {"reference.set", apply_reference},
    {"change.execute", apply_change},
    {NULL, NULL},
};
