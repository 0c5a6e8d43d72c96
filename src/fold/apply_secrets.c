/* Entries about secrets: put (accepted), store (wrapped, releasable), release, delete. */
#include "fold/fold.h"
#include "proto/data.h"

#define MEM_MAX (16u << 10)

static enum ms_rc
secret_load(const struct ms_fold *f, const struct ms_entry *e, struct ms_span path, struct ms_row_secret *row, struct ms_buf *mem,
    struct ms_err *err)
{
	return ms_row_get(f->state, MS_TABLE_SECRETS, e->tenant, path, &ms_row_secret_table, row, mem, err);
}

static enum ms_rc
apply_put(const struct ms_fold *f, const struct ms_entry *e, struct ms_err *err)
{
	struct ms_data_secret_put p;
	struct ms_row_secret row = {0};
	struct ms_buf mem;
	enum ms_rc rc = ms_cbor_parse_map(&ms_data_secret_put_table, e->data, &p, err);
	if (rc != MS_OK)
		return rc;
	ms_buf_init(&mem, MEM_MAX);
	rc = secret_load(f, e, p.path, &row, &mem, err);
	if (rc == MS_ERR_NOT_FOUND)
		rc = MS_OK;
	if (rc == MS_OK && p.version <= row.version)
		rc = ms_fail(err, MS_ERR_REPLAY, "secret version %llu is not above %llu", (unsigned long long)p.version,
		    (unsigned long long)row.version);
	/* the version stored before stays releasable, under its own rule in its own header, until this one is stored */
	row.version = p.version;
	row.rule = p.rule;
	row.class_name = p.class_name;
	row.op = p.op;
	row.put_s = e->time_s;
	row.actor = e->actor;
	if (rc == MS_OK)
		rc = ms_row_put(f->state, MS_TABLE_SECRETS, e->tenant, p.path, &ms_row_secret_table, &row, err);
	ms_buf_fini(&mem);
	return rc;
}

static enum ms_rc
apply_store(const struct ms_fold *f, const struct ms_entry *e, struct ms_err *err)
{
	struct ms_data_secret_store s;
	struct ms_row_secret row;
	struct ms_buf mem;
	enum ms_rc rc = ms_cbor_parse_map(&ms_data_secret_store_table, e->data, &s, err);
	if (rc != MS_OK)
		return rc;
	ms_buf_init(&mem, MEM_MAX);
	rc = secret_load(f, e, s.path, &row, &mem, err);
	if (rc == MS_OK && (s.version > row.version || s.version <= row.stored_version))
		rc = ms_fail(err, MS_ERR_CONFLICT, "secret version %llu does not follow", (unsigned long long)s.version);
	if (rc == MS_OK) {
		row.stored_version = s.version;
		row.wrapped = s.wrapped;
		row.present |= MS_CBOR_BIT(MS_ROW_SECRET_WRAPPED);
		rc = ms_row_put(f->state, MS_TABLE_SECRETS, e->tenant, s.path, &ms_row_secret_table, &row, err);
	}
	ms_buf_fini(&mem);
	return rc;
}

/* A tombstone stays, so that versions of a path never start again: an old value can not pass for a new one. */
static enum ms_rc
apply_delete(const struct ms_fold *f, const struct ms_entry *e, struct ms_err *err)
{
	struct ms_data_path p;
	struct ms_row_secret row;
	struct ms_buf mem;
	enum ms_rc rc = ms_cbor_parse_map(&ms_data_path_table, e->data, &p, err);
	if (rc != MS_OK)
		return rc;
	ms_buf_init(&mem, MEM_MAX);
	rc = secret_load(f, e, p.path, &row, &mem, err);
	if (rc == MS_OK && ms_row_secret_deleted(&row))
		rc = ms_fail(err, MS_ERR_NOT_FOUND, "deleted already");
	if (rc == MS_OK) {
		row.stored_version = row.version;
		row.wrapped = MS_SPAN_NONE;
		row.present &= ~MS_CBOR_BIT(MS_ROW_SECRET_WRAPPED);
		row.put_s = e->time_s;
		row.actor = e->actor;
		rc = ms_row_put(f->state, MS_TABLE_SECRETS, e->tenant, p.path, &ms_row_secret_table, &row, err);
	}
	ms_buf_fini(&mem);
	return rc;
}

const struct ms_apply_row ms_apply_secrets[] = {
    {"secret.put", apply_put},
    {"secret.store", apply_store},
    {"secret.release", NULL},
    {"secret.refuse", NULL},
    {"secret.delete", apply_delete},
    {NULL, NULL},
};
