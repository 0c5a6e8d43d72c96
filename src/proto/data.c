#include "proto/data.h"

static const struct ms_cbor_field data_start_rows[] = {
    MS_CBOR_F_BYTES(1, struct ms_data_start, point, MS_CBOR_REQ, 65, 65),
    MS_CBOR_F_TEXT(2, struct ms_data_start, version, MS_CBOR_REQ, 1, 32),
};
const struct ms_cbor_table ms_data_start_table = MS_CBOR_TABLE("data start", struct ms_data_start, data_start_rows);

static const struct ms_cbor_field data_cert_rows[] = {
    MS_CBOR_F_BYTES(1, struct ms_data_cert, serial, MS_CBOR_REQ, 16, 16),
    MS_CBOR_F_BYTES(2, struct ms_data_cert, tbs, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_UINT(3, struct ms_data_cert, not_before_s, MS_CBOR_REQ, 0, UINT64_C(253402300799)),
    MS_CBOR_F_UINT(4, struct ms_data_cert, not_after_s, MS_CBOR_REQ, 0, UINT64_C(253402300799)),
};
const struct ms_cbor_table ms_data_cert_table = MS_CBOR_TABLE("data cert", struct ms_data_cert, data_cert_rows);

static const struct ms_cbor_field data_batch_rows[] = {
    MS_CBOR_F_BYTES(1, struct ms_data_batch, manifest, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_BYTES(2, struct ms_data_batch, rows, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_UINT(3, struct ms_data_batch, count, MS_CBOR_REQ, 1, 1000000),
};
const struct ms_cbor_table ms_data_batch_table = MS_CBOR_TABLE("data batch", struct ms_data_batch, data_batch_rows);

static const struct ms_cbor_field data_bind_rows[] = {
    MS_CBOR_F_BYTES(1, struct ms_data_bind, ek_hash, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_BYTES(2, struct ms_data_bind, ak_public, MS_CBOR_REQ, 1, 512),
    MS_CBOR_F_BYTES(3, struct ms_data_bind, ak_name, MS_CBOR_REQ, 34, 34),
    MS_CBOR_F_BYTES(4, struct ms_data_bind, transcript_hash, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_BYTES(5, struct ms_data_bind, claims, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_TEXT(6, struct ms_data_bind, maker, MS_CBOR_REQ, 0, 200),
    MS_CBOR_F_TEXT(7, struct ms_data_bind, status, MS_CBOR_REQ, 1, 16),
};
const struct ms_cbor_table ms_data_bind_table = MS_CBOR_TABLE("data bind", struct ms_data_bind, data_bind_rows);

static const struct ms_cbor_field data_admit_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_data_admit, authority, MS_CBOR_REQ, 1, 160),
    MS_CBOR_F_BYTES(2, struct ms_data_admit, claims, MS_CBOR_REQ, 32, 32),
};
const struct ms_cbor_table ms_data_admit_table = MS_CBOR_TABLE("data admit", struct ms_data_admit, data_admit_rows);

static const struct ms_cbor_field data_attest_rows[] = {
    MS_CBOR_F_UINT(1, struct ms_data_attest, reset_count, MS_CBOR_REQ, 0, UINT64_C(4294967295)),
    MS_CBOR_F_UINT(2, struct ms_data_attest, restart_count, MS_CBOR_REQ, 0, UINT64_C(4294967295)),
    MS_CBOR_F_UINT(3, struct ms_data_attest, clock_ms, MS_CBOR_REQ, 0, UINT64_C(9223372036854775808)),
    MS_CBOR_F_UINT(4, struct ms_data_attest, firmware, MS_CBOR_REQ, 0, UINT64_C(9223372036854775808)),
    MS_CBOR_F_BYTES(5, struct ms_data_attest, pcrs, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_UINT(6, struct ms_data_attest, deadline_s, MS_CBOR_REQ, 0, UINT64_C(253402300799)),
    MS_CBOR_F_BYTES(7, struct ms_data_attest, nonce, MS_CBOR_REQ, 40, 40),
    MS_CBOR_F_BYTES(8, struct ms_data_attest, boot_log, MS_CBOR_OPT, 32, 32),
    MS_CBOR_F_UINT(9, struct ms_data_attest, ima_entries, MS_CBOR_OPT, 0, UINT64_C(4294967295)),
    MS_CBOR_F_BYTES(10, struct ms_data_attest, ima_pcr, MS_CBOR_OPT, 32, 32),
    MS_CBOR_F_BYTES(11, struct ms_data_attest, ima_judged, MS_CBOR_OPT, 32, 32),
    MS_CBOR_F_TEXT(12, struct ms_data_attest, reference, MS_CBOR_OPT, 1, 64),
};
const struct ms_cbor_table ms_data_attest_table = MS_CBOR_TABLE("data attest", struct ms_data_attest, data_attest_rows);

static const struct ms_cbor_field data_result_rows[] = {
    MS_CBOR_F_UINT(1, struct ms_data_result, judged, MS_CBOR_REQ, 0, 31),
    MS_CBOR_F_UINT(2, struct ms_data_result, failed, MS_CBOR_REQ, 0, 31),
    MS_CBOR_F_UINT(3, struct ms_data_result, waived, MS_CBOR_REQ, 0, 31),
    MS_CBOR_F_UINT(4, struct ms_data_result, expires_s, MS_CBOR_REQ, 0, UINT64_C(253402300799)),
    MS_CBOR_F_BYTES(5, struct ms_data_result, nonce, MS_CBOR_REQ, 40, 40),
};
const struct ms_cbor_table ms_data_result_table = MS_CBOR_TABLE("data result", struct ms_data_result, data_result_rows);

static const struct ms_cbor_field data_life_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_data_life, state, MS_CBOR_REQ, 1, 16),
    MS_CBOR_F_TEXT(2, struct ms_data_life, reason, MS_CBOR_REQ, 0, 256),
};
const struct ms_cbor_table ms_data_life_table = MS_CBOR_TABLE("data life", struct ms_data_life, data_life_rows);

static const struct ms_cbor_field data_crl_rows[] = {
    MS_CBOR_F_UINT(1, struct ms_data_crl, number, MS_CBOR_REQ, 1, UINT64_C(4611686018427387904)),
    MS_CBOR_F_UINT(2, struct ms_data_crl, this_s, MS_CBOR_REQ, 0, UINT64_C(253402300799)),
    MS_CBOR_F_UINT(3, struct ms_data_crl, next_s, MS_CBOR_REQ, 0, UINT64_C(253402300799)),
};
const struct ms_cbor_table ms_data_crl_table = MS_CBOR_TABLE("data crl", struct ms_data_crl, data_crl_rows);

static const struct ms_cbor_field data_secret_put_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_data_secret_put, path, MS_CBOR_REQ, 1, 256),
    MS_CBOR_F_UINT(2, struct ms_data_secret_put, version, MS_CBOR_REQ, 1, UINT64_C(4294967296)),
    MS_CBOR_F_TEXT(3, struct ms_data_secret_put, rule, MS_CBOR_REQ, 1, 256),
    MS_CBOR_F_TEXT(4, struct ms_data_secret_put, class_name, MS_CBOR_REQ, 1, 16),
    MS_CBOR_F_BYTES(5, struct ms_data_secret_put, op, MS_CBOR_REQ, 32, 32),
};
const struct ms_cbor_table ms_data_secret_put_table = MS_CBOR_TABLE("data secret put", struct ms_data_secret_put, data_secret_put_rows);

static const struct ms_cbor_field data_secret_store_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_data_secret_store, path, MS_CBOR_REQ, 1, 256),
    MS_CBOR_F_UINT(2, struct ms_data_secret_store, version, MS_CBOR_REQ, 1, UINT64_C(4294967296)),
    MS_CBOR_F_BYTES(3, struct ms_data_secret_store, wrapped, MS_CBOR_REQ, 32, 32),
};
const struct ms_cbor_table ms_data_secret_store_table =
    MS_CBOR_TABLE("data secret store", struct ms_data_secret_store, data_secret_store_rows);

static const struct ms_cbor_field data_secret_release_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_data_secret_release, path, MS_CBOR_REQ, 1, 256),
    MS_CBOR_F_UINT(2, struct ms_data_secret_release, version, MS_CBOR_REQ, 1, UINT64_C(4294967296)),
    MS_CBOR_F_BYTES(3, struct ms_data_secret_release, key_name, MS_CBOR_REQ, 34, 34),
    MS_CBOR_F_BYTES(4, struct ms_data_secret_release, nonce, MS_CBOR_REQ, 40, 40),
};
const struct ms_cbor_table ms_data_secret_release_table =
    MS_CBOR_TABLE("data secret release", struct ms_data_secret_release, data_secret_release_rows);

static const struct ms_cbor_field data_path_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_data_path, path, MS_CBOR_REQ, 1, 256),
};
const struct ms_cbor_table ms_data_path_table = MS_CBOR_TABLE("data path", struct ms_data_path, data_path_rows);

static const struct ms_cbor_field data_object_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_data_object, name, MS_CBOR_REQ, 1, 64),
    MS_CBOR_F_BYTES(2, struct ms_data_object, object, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_UINT(3, struct ms_data_object, version, MS_CBOR_REQ, 1, UINT64_C(4294967296)),
};
const struct ms_cbor_table ms_data_object_table = MS_CBOR_TABLE("data object", struct ms_data_object, data_object_rows);

static const struct ms_cbor_field data_change_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_data_change, operation, MS_CBOR_REQ, 1, 32),
    MS_CBOR_F_BYTES(2, struct ms_data_change, statement, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_UINT(3, struct ms_data_change, sequence, MS_CBOR_REQ, 1, UINT64_C(9223372036854775808)),
    MS_CBOR_F_TEXT(4, struct ms_data_change, result, MS_CBOR_REQ, 0, 64),
};
const struct ms_cbor_table ms_data_change_table = MS_CBOR_TABLE("data change", struct ms_data_change, data_change_rows);

static const struct ms_cbor_field data_refusals_rows[] = {
    MS_CBOR_F_MAP(1, struct ms_data_refusals, counts, MS_CBOR_REQ, 4096),
    MS_CBOR_F_UINT(2, struct ms_data_refusals, since_s, MS_CBOR_REQ, 0, UINT64_C(253402300799)),
};
const struct ms_cbor_table ms_data_refusals_table = MS_CBOR_TABLE("data refusals", struct ms_data_refusals, data_refusals_rows);

static const struct ms_cbor_field claims_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_device_claims, name, MS_CBOR_REQ, 1, 64),
    MS_CBOR_F_TEXT(2, struct ms_device_claims, serial, MS_CBOR_REQ, 1, 64),
    MS_CBOR_F_TEXT(3, struct ms_device_claims, model, MS_CBOR_REQ, 1, 64),
};
const struct ms_cbor_table ms_device_claims_table = MS_CBOR_TABLE("claims", struct ms_device_claims, claims_rows);

#define REASONS_MAX (56u << 10)
static const struct ms_cbor_field evidence_record_rows[] = {
    MS_CBOR_F_UINT(1, struct ms_evidence_record, time_s, MS_CBOR_REQ, 0, UINT64_C(253402300799)),
    MS_CBOR_F_TEXT(2, struct ms_evidence_record, purpose, MS_CBOR_REQ, 1, 16),
    MS_CBOR_F_BYTES(3, struct ms_evidence_record, nonce, MS_CBOR_REQ, 40, 40),
    MS_CBOR_F_BYTES(4, struct ms_evidence_record, extra, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_BYTES(5, struct ms_evidence_record, attest, MS_CBOR_REQ, 1, 1024),
    MS_CBOR_F_BYTES(6, struct ms_evidence_record, signature, MS_CBOR_REQ, 1, 1024),
    MS_CBOR_F_BYTES(7, struct ms_evidence_record, pcrs, MS_CBOR_REQ, 1, 2048),
    MS_CBOR_F_BYTES(8, struct ms_evidence_record, ak_public, MS_CBOR_REQ, 1, 512),
    MS_CBOR_F_TEXT(9, struct ms_evidence_record, outcome, MS_CBOR_REQ, 1, 8),
    MS_CBOR_F_TEXT(10, struct ms_evidence_record, judged, MS_CBOR_REQ, 1, 8),
    MS_CBOR_F_ARRAY(11, struct ms_evidence_record, reasons, MS_CBOR_REQ, REASONS_MAX),
    MS_CBOR_F_BYTES(12, struct ms_evidence_record, policy, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_TEXT(13, struct ms_evidence_record, policy_name, MS_CBOR_REQ, 0, 64),
    MS_CBOR_F_UINT(14, struct ms_evidence_record, policy_version, MS_CBOR_REQ, 0, UINT64_C(4294967296)),
    MS_CBOR_F_TEXT(15, struct ms_evidence_record, rule, MS_CBOR_REQ, 0, 64),
    MS_CBOR_F_TEXT(16, struct ms_evidence_record, reference, MS_CBOR_REQ, 0, 64),
    MS_CBOR_F_TEXT(17, struct ms_evidence_record, last_reference, MS_CBOR_REQ, 0, 64),
    MS_CBOR_F_ARRAY(18, struct ms_evidence_record, waived, MS_CBOR_REQ, REASONS_MAX),
    MS_CBOR_F_BYTES(19, struct ms_evidence_record, boot_log, MS_CBOR_OPT, 32, 32),
    MS_CBOR_F_UINT(20, struct ms_evidence_record, boot_log_len, MS_CBOR_OPT, 0, UINT32_MAX),
    MS_CBOR_F_BYTES(21, struct ms_evidence_record, boot_appraisal, MS_CBOR_OPT, 32, 32),
    MS_CBOR_F_BYTES(22, struct ms_evidence_record, ima, MS_CBOR_OPT, 32, 32),
    MS_CBOR_F_UINT(23, struct ms_evidence_record, ima_len, MS_CBOR_OPT, 0, UINT32_MAX),
    MS_CBOR_F_UINT(24, struct ms_evidence_record, ima_from, MS_CBOR_OPT, 0, UINT32_MAX),
    MS_CBOR_F_UINT(25, struct ms_evidence_record, ima_used, MS_CBOR_OPT, 0, UINT32_MAX),
};
const struct ms_cbor_table ms_evidence_record_table = MS_CBOR_TABLE("evidence record", struct ms_evidence_record, evidence_record_rows);
