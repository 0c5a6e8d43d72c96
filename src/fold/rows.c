#include "fold/rows.h"

#include <string.h>

static const struct ms_cbor_field row_device_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_row_device, state, MS_CBOR_REQ, 1, 16),
    MS_CBOR_F_BYTES(2, struct ms_row_device, ek_hash, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_BYTES(3, struct ms_row_device, ak_public, MS_CBOR_REQ, 1, 512),
    MS_CBOR_F_BYTES(4, struct ms_row_device, ak_name, MS_CBOR_REQ, 34, 34),
    MS_CBOR_F_BYTES(5, struct ms_row_device, transcript_hash, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_BYTES(6, struct ms_row_device, claims, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_UINT(7, struct ms_row_device, life, MS_CBOR_REQ, 1, 65535),
    MS_CBOR_F_TEXT(8, struct ms_row_device, maker, MS_CBOR_REQ, 0, 200),
    MS_CBOR_F_TEXT(9, struct ms_row_device, authority, MS_CBOR_OPT, 1, 160),
    MS_CBOR_F_UINT(10, struct ms_row_device, enrolled_s, MS_CBOR_REQ, 0, UINT64_C(253402300799)),
    MS_CBOR_F_UINT(11, struct ms_row_device, version, MS_CBOR_REQ, 1, UINT64_C(9223372036854775808)),
    MS_CBOR_F_TEXT(12, struct ms_row_device, outcome, MS_CBOR_OPT, 1, 8),
    MS_CBOR_F_TEXT(13, struct ms_row_device, reason, MS_CBOR_OPT, 0, 256),
    MS_CBOR_F_UINT(14, struct ms_row_device, attested_s, MS_CBOR_OPT, 0, UINT64_C(253402300799)),
    MS_CBOR_F_UINT(15, struct ms_row_device, deadline_s, MS_CBOR_OPT, 0, UINT64_C(253402300799)),
    MS_CBOR_F_BYTES(16, struct ms_row_device, pcrs, MS_CBOR_OPT, 32, 32),
    MS_CBOR_F_UINT(17, struct ms_row_device, reset_count, MS_CBOR_OPT, 0, UINT64_C(4294967295)),
    MS_CBOR_F_UINT(18, struct ms_row_device, restart_count, MS_CBOR_OPT, 0, UINT64_C(4294967295)),
    MS_CBOR_F_UINT(19, struct ms_row_device, clock_ms, MS_CBOR_OPT, 0, UINT64_C(9223372036854775808)),
    MS_CBOR_F_BYTES(20, struct ms_row_device, boot_log, MS_CBOR_OPT, 32, 32),
    MS_CBOR_F_UINT(21, struct ms_row_device, ima_entries, MS_CBOR_OPT, 0, UINT64_C(4294967295)),
    MS_CBOR_F_BYTES(22, struct ms_row_device, ima_pcr, MS_CBOR_OPT, 32, 32),
    MS_CBOR_F_BYTES(23, struct ms_row_device, ima_judged, MS_CBOR_OPT, 32, 32),
    MS_CBOR_F_TEXT(24, struct ms_row_device, reference, MS_CBOR_OPT, 1, 64),
    MS_CBOR_F_UINT(25, struct ms_row_device, wanted_s, MS_CBOR_OPT, 0, UINT64_C(253402300799)),
};
const struct ms_cbor_table ms_row_device_table = MS_CBOR_TABLE("row device", struct ms_row_device, row_device_rows);

static const struct ms_cbor_field row_index_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_row_index, target, MS_CBOR_REQ, 1, 80),
};
const struct ms_cbor_table ms_row_index_table = MS_CBOR_TABLE("row index", struct ms_row_index, row_index_rows);

static const struct ms_cbor_field row_batch_rows[] = {
    MS_CBOR_F_BYTES(1, struct ms_row_batch, manifest, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_BYTES(2, struct ms_row_batch, rows, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_UINT(3, struct ms_row_batch, count, MS_CBOR_REQ, 1, 1000000),
    MS_CBOR_F_UINT(4, struct ms_row_batch, imported_s, MS_CBOR_REQ, 0, UINT64_C(253402300799)),
    MS_CBOR_F_TEXT(5, struct ms_row_batch, actor, MS_CBOR_REQ, 1, 128),
};
const struct ms_cbor_table ms_row_batch_table = MS_CBOR_TABLE("row batch", struct ms_row_batch, row_batch_rows);

static const struct ms_cbor_field row_expected_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_row_expected, batch, MS_CBOR_REQ, 1, 64),
    MS_CBOR_F_UINT(2, struct ms_row_expected, index, MS_CBOR_REQ, 0, 1000000),
    MS_CBOR_F_TEXT(3, struct ms_row_expected, serial, MS_CBOR_REQ, 1, 64),
    MS_CBOR_F_TEXT(4, struct ms_row_expected, model, MS_CBOR_REQ, 1, 64),
};
const struct ms_cbor_table ms_row_expected_table = MS_CBOR_TABLE("row expected", struct ms_row_expected, row_expected_rows);

static const struct ms_cbor_field row_cert_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_row_cert, device, MS_CBOR_REQ, 1, 80),
    MS_CBOR_F_BYTES(2, struct ms_row_cert, tbs, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_UINT(3, struct ms_row_cert, not_before_s, MS_CBOR_REQ, 0, UINT64_C(253402300799)),
    MS_CBOR_F_UINT(4, struct ms_row_cert, not_after_s, MS_CBOR_REQ, 0, UINT64_C(253402300799)),
    MS_CBOR_F_TEXT(5, struct ms_row_cert, status, MS_CBOR_REQ, 1, 8),
    MS_CBOR_F_UINT(6, struct ms_row_cert, changed_s, MS_CBOR_REQ, 0, UINT64_C(253402300799)),
    MS_CBOR_F_UINT(7, struct ms_row_cert, seq, MS_CBOR_REQ, 0, UINT64_C(4611686018427387904)),
};
const struct ms_cbor_table ms_row_cert_table = MS_CBOR_TABLE("row cert", struct ms_row_cert, row_cert_rows);

static const struct ms_cbor_field row_revoked_rows[] = {
    MS_CBOR_F_UINT(1, struct ms_row_revoked, since_s, MS_CBOR_REQ, 0, UINT64_C(253402300799)),
    MS_CBOR_F_UINT(2, struct ms_row_revoked, reason, MS_CBOR_REQ, 0, 10),
    MS_CBOR_F_UINT(3, struct ms_row_revoked, not_after_s, MS_CBOR_REQ, 0, UINT64_C(253402300799)),
};
const struct ms_cbor_table ms_row_revoked_table = MS_CBOR_TABLE("row revoked", struct ms_row_revoked, row_revoked_rows);

static const struct ms_cbor_field row_crl_rows[] = {
    MS_CBOR_F_UINT(1, struct ms_row_crl, number, MS_CBOR_REQ, 1, UINT64_C(4611686018427387904)),
    MS_CBOR_F_UINT(2, struct ms_row_crl, this_s, MS_CBOR_REQ, 0, UINT64_C(253402300799)),
    MS_CBOR_F_UINT(3, struct ms_row_crl, next_s, MS_CBOR_REQ, 0, UINT64_C(253402300799)),
};
const struct ms_cbor_table ms_row_crl_table = MS_CBOR_TABLE("row crl", struct ms_row_crl, row_crl_rows);

static const struct ms_cbor_field row_secret_rows[] = {
    MS_CBOR_F_UINT(1, struct ms_row_secret, version, MS_CBOR_REQ, 1, UINT64_C(4294967296)),
    MS_CBOR_F_TEXT(2, struct ms_row_secret, rule, MS_CBOR_REQ, 1, 256),
    MS_CBOR_F_TEXT(3, struct ms_row_secret, class_name, MS_CBOR_REQ, 1, 16),
    MS_CBOR_F_BYTES(4, struct ms_row_secret, op, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_BYTES(5, struct ms_row_secret, wrapped, MS_CBOR_OPT, 32, 32),
    MS_CBOR_F_UINT(6, struct ms_row_secret, put_s, MS_CBOR_REQ, 0, UINT64_C(253402300799)),
    MS_CBOR_F_TEXT(7, struct ms_row_secret, actor, MS_CBOR_REQ, 1, 128),
    MS_CBOR_F_UINT(8, struct ms_row_secret, stored_version, MS_CBOR_REQ, 0, UINT64_C(4294967296)),
};
const struct ms_cbor_table ms_row_secret_table = MS_CBOR_TABLE("row secret", struct ms_row_secret, row_secret_rows);

static const struct ms_cbor_field row_object_rows[] = {
    MS_CBOR_F_BYTES(1, struct ms_row_object, object, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_UINT(2, struct ms_row_object, version, MS_CBOR_REQ, 1, UINT64_C(4294967296)),
    MS_CBOR_F_UINT(3, struct ms_row_object, set_s, MS_CBOR_REQ, 0, UINT64_C(253402300799)),
    MS_CBOR_F_TEXT(4, struct ms_row_object, actor, MS_CBOR_REQ, 1, 128),
};
const struct ms_cbor_table ms_row_object_table = MS_CBOR_TABLE("row object", struct ms_row_object, row_object_rows);

static const struct ms_cbor_field row_change_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_row_change, operation, MS_CBOR_REQ, 1, 32),
    MS_CBOR_F_TEXT(2, struct ms_row_change, subject, MS_CBOR_REQ, 1, 160),
    MS_CBOR_F_TEXT(3, struct ms_row_change, actor, MS_CBOR_REQ, 1, 128),
    MS_CBOR_F_BYTES(4, struct ms_row_change, statement, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_UINT(5, struct ms_row_change, executed_s, MS_CBOR_REQ, 0, UINT64_C(253402300799)),
    MS_CBOR_F_TEXT(6, struct ms_row_change, result, MS_CBOR_REQ, 0, 64),
};
const struct ms_cbor_table ms_row_change_table = MS_CBOR_TABLE("row change", struct ms_row_change, row_change_rows);

static const struct ms_cbor_field row_operator_rows[] = {
    MS_CBOR_F_UINT(1, struct ms_row_operator, sequence, MS_CBOR_REQ, 1, UINT64_C(9223372036854775808)),
    MS_CBOR_F_UINT(2, struct ms_row_operator, last_s, MS_CBOR_REQ, 0, UINT64_C(253402300799)),
};
const struct ms_cbor_table ms_row_operator_table = MS_CBOR_TABLE("row operator", struct ms_row_operator, row_operator_rows);

#define ROW_MAX (1u << 20)

bool
ms_row_secret_deleted(const struct ms_row_secret *row)
{
	return !MS_CBOR_HAS(row, MS_ROW_SECRET_WRAPPED) && row->stored_version == row->version;
}

enum ms_rc
ms_row_key(struct ms_row_key *k, struct ms_span tenant, struct ms_span name, struct ms_err *err)
{
	if (tenant.len == 0 || tenant.len + 1 + name.len > sizeof k->bytes || memchr(tenant.p, 0, tenant.len) != NULL)
		return ms_fail(err, MS_ERR_TOO_BIG, "row key of %zu and %zu bytes", tenant.len, name.len);
	memcpy(k->bytes, tenant.p, tenant.len);
	k->bytes[tenant.len] = 0;
	if (name.len > 0)
		memcpy(k->bytes + tenant.len + 1, name.p, name.len);
	k->len = tenant.len + 1 + name.len;
	return MS_OK;
}

struct ms_span
ms_row_name(struct ms_span key, struct ms_span tenant)
{
	if (key.len <= tenant.len || key.p[tenant.len] != 0 || !ms_span_eq(ms_span(key.p, tenant.len), tenant))
		return MS_SPAN_NONE;
	return ms_span(key.p + tenant.len + 1, key.len - tenant.len - 1);
}

enum ms_rc
ms_row_get(struct ms_store *s, enum ms_table t, struct ms_span tenant, struct ms_span name, const struct ms_cbor_table *form, void *row,
    struct ms_buf *mem, struct ms_err *err)
{
	struct ms_row_key k;
	enum ms_rc rc = ms_row_key(&k, tenant, name, err);
	if (rc == MS_OK)
		rc = ms_store_get(s, t, ms_span(k.bytes, k.len), mem, err);
	if (rc != MS_OK)
		return rc;
	rc = ms_cbor_parse_map(form, ms_buf_span(mem), row, err);
	return rc == MS_OK ? rc : ms_prefix(err, MS_ERR_IO, "database, table %s", ms_table_info(t)->name);
}

static enum ms_rc
row_write(struct ms_store *s, enum ms_table t, const struct ms_row_key *k, const struct ms_cbor_table *form, const void *row, bool replace,
    struct ms_err *err)
{
	struct ms_buf b;
	ms_buf_init(&b, ROW_MAX);
	enum ms_rc rc = ms_cbor_build_map(form, row, &b, err);
	if (rc == MS_OK)
		rc = ms_buf_check(&b, err);
	struct ms_span key = ms_span(k->bytes, k->len);
	if (rc == MS_OK)
		rc = replace ? ms_store_put(s, t, key, ms_buf_span(&b), err) : ms_store_insert(s, t, key, ms_buf_span(&b), err);
	ms_buf_fini(&b);
	return rc;
}

enum ms_rc
ms_row_put(struct ms_store *s, enum ms_table t, struct ms_span tenant, struct ms_span name, const struct ms_cbor_table *form,
    const void *row, struct ms_err *err)
{
	struct ms_row_key k;
	enum ms_rc rc = ms_row_key(&k, tenant, name, err);
	return rc == MS_OK ? row_write(s, t, &k, form, row, true, err) : rc;
}

enum ms_rc
ms_row_insert(struct ms_store *s, enum ms_table t, struct ms_span tenant, struct ms_span name, const struct ms_cbor_table *form,
    const void *row, struct ms_err *err)
{
	struct ms_row_key k;
	enum ms_rc rc = ms_row_key(&k, tenant, name, err);
	return rc == MS_OK ? row_write(s, t, &k, form, row, false, err) : rc;
}
