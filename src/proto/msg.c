#include "proto/msg.h"

static const struct ms_cbor_field error_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_error, code, MS_CBOR_REQ, 1, 32),
    MS_CBOR_F_TEXT(2, struct ms_error, text, MS_CBOR_REQ, 0, 512),
    MS_CBOR_F_TEXT(3, struct ms_error, hint, MS_CBOR_REQ, 0, 512),
    MS_CBOR_F_UINT(4, struct ms_error, retry_s, MS_CBOR_REQ, 0, 86400),
};
const struct ms_cbor_table ms_error_table = MS_CBOR_TABLE("error", struct ms_error, error_rows);

static const struct ms_cbor_field root_body_rows[] = {
    MS_CBOR_F_UINT(1, struct ms_root_body, version, MS_CBOR_REQ, 1, UINT64_C(4294967296)),
    MS_CBOR_F_TEXT(2, struct ms_root_body, name, MS_CBOR_REQ, 1, 64),
    MS_CBOR_F_TEXT(3, struct ms_root_body, trust_domain, MS_CBOR_REQ, 1, 128),
    MS_CBOR_F_BYTES(4, struct ms_root_body, ca_root, MS_CBOR_REQ, 1, 2048),
    MS_CBOR_F_BYTES(5, struct ms_root_body, ca_issuing, MS_CBOR_REQ, 1, 2048),
    MS_CBOR_F_BYTES(6, struct ms_root_body, release_point, MS_CBOR_REQ, 65, 65),
    MS_CBOR_F_BYTES(7, struct ms_root_body, intake_point, MS_CBOR_REQ, 65, 65),
    MS_CBOR_F_TEXT(8, struct ms_root_body, log_vkey, MS_CBOR_REQ, 1, 256),
    MS_CBOR_F_ARRAY(9, struct ms_root_body, operators, MS_CBOR_REQ, 65536),
    MS_CBOR_F_TEXT(10, struct ms_root_body, witness, MS_CBOR_REQ, 0, 64),
    MS_CBOR_F_UINT(11, struct ms_root_body, created_s, MS_CBOR_REQ, 0, UINT64_C(253402300799)),
    MS_CBOR_F_BYTES(12, struct ms_root_body, token_point, MS_CBOR_REQ, 65, 65),
};
const struct ms_cbor_table ms_root_body_table = MS_CBOR_TABLE("root body", struct ms_root_body, root_body_rows);

static const struct ms_cbor_field root_operator_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_root_operator, name, MS_CBOR_REQ, 1, 64),
    MS_CBOR_F_BYTES(2, struct ms_root_operator, point, MS_CBOR_REQ, 65, 65),
    MS_CBOR_F_TEXT(3, struct ms_root_operator, role, MS_CBOR_REQ, 1, 16),
    MS_CBOR_F_TEXT(4, struct ms_root_operator, tenant, MS_CBOR_REQ, 1, 64),
};
const struct ms_cbor_table ms_root_operator_table = MS_CBOR_TABLE("root operator", struct ms_root_operator, root_operator_rows);

static const struct ms_cbor_field challenge_key_body_rows[] = {
    MS_CBOR_F_BYTES(1, struct ms_challenge_key_body, point, MS_CBOR_REQ, 65, 65),
};
const struct ms_cbor_table ms_challenge_key_body_table =
    MS_CBOR_TABLE("challenge key body", struct ms_challenge_key_body, challenge_key_body_rows);

static const struct ms_cbor_field challenge_body_rows[] = {
    MS_CBOR_F_BYTES(1, struct ms_challenge_body, nonce, MS_CBOR_REQ, 40, 40),
    MS_CBOR_F_TEXT(2, struct ms_challenge_body, purpose, MS_CBOR_REQ, 1, 16),
    MS_CBOR_F_UINT(3, struct ms_challenge_body, now_s, MS_CBOR_REQ, 0, UINT64_C(253402300799)),
    MS_CBOR_F_UINT(4, struct ms_challenge_body, seal_mask, MS_CBOR_OPT, 1, 0xffffff),
    MS_CBOR_F_BOOL(5, struct ms_challenge_body, attest_now, MS_CBOR_OPT),
    MS_CBOR_F_UINT(6, struct ms_challenge_body, poll_s, MS_CBOR_OPT, 1, 86400),
};
const struct ms_cbor_table ms_challenge_body_table = MS_CBOR_TABLE("challenge body", struct ms_challenge_body, challenge_body_rows);

static const struct ms_cbor_field binding_body_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_binding_body, device, MS_CBOR_REQ, 1, 80),
    MS_CBOR_F_BYTES(2, struct ms_binding_body, ek_hash, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_BYTES(3, struct ms_binding_body, ak_public, MS_CBOR_REQ, 1, 512),
    MS_CBOR_F_BYTES(4, struct ms_binding_body, ak_name, MS_CBOR_REQ, 34, 34),
    MS_CBOR_F_BYTES(5, struct ms_binding_body, transcript_hash, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_TEXT(6, struct ms_binding_body, name, MS_CBOR_REQ, 1, 64),
    MS_CBOR_F_TEXT(7, struct ms_binding_body, serial, MS_CBOR_REQ, 1, 64),
    MS_CBOR_F_TEXT(8, struct ms_binding_body, model, MS_CBOR_REQ, 1, 64),
};
const struct ms_cbor_table ms_binding_body_table = MS_CBOR_TABLE("binding body", struct ms_binding_body, binding_body_rows);

static const struct ms_cbor_field admission_body_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_admission_body, device, MS_CBOR_REQ, 1, 80),
    MS_CBOR_F_BYTES(2, struct ms_admission_body, ek_hash, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_BYTES(3, struct ms_admission_body, ak_public, MS_CBOR_REQ, 1, 512),
    MS_CBOR_F_BYTES(4, struct ms_admission_body, ak_name, MS_CBOR_REQ, 34, 34),
    MS_CBOR_F_TEXT(5, struct ms_admission_body, name, MS_CBOR_REQ, 1, 64),
    MS_CBOR_F_TEXT(6, struct ms_admission_body, serial, MS_CBOR_REQ, 1, 64),
    MS_CBOR_F_TEXT(7, struct ms_admission_body, model, MS_CBOR_REQ, 1, 64),
    MS_CBOR_F_TEXT(8, struct ms_admission_body, authority, MS_CBOR_REQ, 1, 160),
};
const struct ms_cbor_table ms_admission_body_table = MS_CBOR_TABLE("admission body", struct ms_admission_body, admission_body_rows);

static const struct ms_cbor_field verdict_body_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_verdict_body, device, MS_CBOR_REQ, 1, 80),
    MS_CBOR_F_TEXT(2, struct ms_verdict_body, outcome, MS_CBOR_REQ, 1, 8),
    MS_CBOR_F_TEXT(3, struct ms_verdict_body, state, MS_CBOR_REQ, 1, 16),
    MS_CBOR_F_BYTES(4, struct ms_verdict_body, nonce, MS_CBOR_REQ, 40, 40),
    MS_CBOR_F_UINT(5, struct ms_verdict_body, next_s, MS_CBOR_REQ, 0, 31536000),
    MS_CBOR_F_ARRAY(6, struct ms_verdict_body, reasons, MS_CBOR_REQ, 16384),
    MS_CBOR_F_BYTES(7, struct ms_verdict_body, policy, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_BYTES(8, struct ms_verdict_body, boot_log, MS_CBOR_OPT, 32, 32),
    MS_CBOR_F_UINT(9, struct ms_verdict_body, ima_entries, MS_CBOR_OPT, 0, UINT32_MAX),
};
const struct ms_cbor_table ms_verdict_body_table = MS_CBOR_TABLE("verdict body", struct ms_verdict_body, verdict_body_rows);

static const struct ms_cbor_field secret_body_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_secret_body, path, MS_CBOR_REQ, 1, 256),
    MS_CBOR_F_UINT(2, struct ms_secret_body, version, MS_CBOR_REQ, 1, UINT64_C(4294967296)),
    MS_CBOR_F_BYTES(3, struct ms_secret_body, enc, MS_CBOR_REQ, 65, 65),
    MS_CBOR_F_BYTES(4, struct ms_secret_body, ct, MS_CBOR_REQ, 16, 66000),
    MS_CBOR_F_BYTES(5, struct ms_secret_body, nonce, MS_CBOR_REQ, 40, 40),
    MS_CBOR_F_BYTES(6, struct ms_secret_body, evidence, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_BYTES(7, struct ms_secret_body, leaf, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_BYTES(8, struct ms_secret_body, key_name, MS_CBOR_REQ, 34, 34),
};
const struct ms_cbor_table ms_secret_body_table = MS_CBOR_TABLE("secret body", struct ms_secret_body, secret_body_rows);

static const struct ms_cbor_field manifest_body_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_manifest_body, id, MS_CBOR_REQ, 1, 64),
    MS_CBOR_F_TEXT(2, struct ms_manifest_body, maker, MS_CBOR_REQ, 1, 64),
    MS_CBOR_F_UINT(3, struct ms_manifest_body, count, MS_CBOR_REQ, 1, 1000000),
    MS_CBOR_F_BYTES(4, struct ms_manifest_body, root, MS_CBOR_REQ, 32, 32),
};
const struct ms_cbor_table ms_manifest_body_table = MS_CBOR_TABLE("manifest body", struct ms_manifest_body, manifest_body_rows);

static const struct ms_cbor_field manifest_row_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_manifest_row, serial, MS_CBOR_REQ, 1, 64),
    MS_CBOR_F_TEXT(2, struct ms_manifest_row, model, MS_CBOR_REQ, 1, 64),
    MS_CBOR_F_BYTES(3, struct ms_manifest_row, ek_hash, MS_CBOR_REQ, 32, 32),
};
const struct ms_cbor_table ms_manifest_row_table = MS_CBOR_TABLE("manifest row", struct ms_manifest_row, manifest_row_rows);

static const struct ms_cbor_field manifest_file_rows[] = {
    MS_CBOR_F_BYTES(1, struct ms_manifest_file, statement, MS_CBOR_REQ, 1, 2048),
    MS_CBOR_F_ARRAY(2, struct ms_manifest_file, rows, MS_CBOR_REQ, 900000),
};
const struct ms_cbor_table ms_manifest_file_table = MS_CBOR_TABLE("manifest file", struct ms_manifest_file, manifest_file_rows);

static const struct ms_cbor_field op_body_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_op_body, operation, MS_CBOR_REQ, 1, 32),
    MS_CBOR_F_BYTES(2, struct ms_op_body, args, MS_CBOR_REQ, 1, 900000),
    MS_CBOR_F_UINT(3, struct ms_op_body, sequence, MS_CBOR_REQ, 1, UINT64_C(9223372036854775808)),
    MS_CBOR_F_ARRAY(4, struct ms_op_body, bases, MS_CBOR_REQ, 4096),
    MS_CBOR_F_BYTES(5, struct ms_op_body, op_id, MS_CBOR_REQ, 16, 16),
};
const struct ms_cbor_table ms_op_body_table = MS_CBOR_TABLE("op body", struct ms_op_body, op_body_rows);

static const struct ms_cbor_field challenge_req_rows[] = {
    MS_CBOR_F_UINT(1, struct ms_challenge_req, v, MS_CBOR_REQ, 1, 65536),
    MS_CBOR_F_TEXT(2, struct ms_challenge_req, purpose, MS_CBOR_REQ, 1, 16),
    MS_CBOR_F_TEXT(3, struct ms_challenge_req, device, MS_CBOR_OPT, 1, 80),
    MS_CBOR_F_BYTES(4, struct ms_challenge_req, transcript_hash, MS_CBOR_OPT, 32, 32),
};
const struct ms_cbor_table ms_challenge_req_table = MS_CBOR_TABLE("challenge req", struct ms_challenge_req, challenge_req_rows);

static const struct ms_cbor_field challenge_resp_rows[] = {
    MS_CBOR_F_BYTES(1, struct ms_challenge_resp, key, MS_CBOR_REQ, 1, 1024),
    MS_CBOR_F_BYTES(2, struct ms_challenge_resp, challenge, MS_CBOR_REQ, 1, 1024),
};
const struct ms_cbor_table ms_challenge_resp_table = MS_CBOR_TABLE("challenge resp", struct ms_challenge_resp, challenge_resp_rows);

static const struct ms_cbor_field transcript_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_transcript, label, MS_CBOR_REQ, 16, 16),
    MS_CBOR_F_BYTES(2, struct ms_transcript, deployment, MS_CBOR_REQ, 16, 16),
    MS_CBOR_F_TEXT(3, struct ms_transcript, tenant, MS_CBOR_REQ, 1, 64),
    MS_CBOR_F_TEXT(4, struct ms_transcript, name, MS_CBOR_REQ, 1, 64),
    MS_CBOR_F_TEXT(5, struct ms_transcript, serial, MS_CBOR_REQ, 1, 64),
    MS_CBOR_F_TEXT(6, struct ms_transcript, model, MS_CBOR_REQ, 1, 64),
    MS_CBOR_F_BYTES(7, struct ms_transcript, ek_public, MS_CBOR_REQ, 1, 1024),
    MS_CBOR_F_BYTES(8, struct ms_transcript, ek_cert_hash, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_BYTES(9, struct ms_transcript, ak_public, MS_CBOR_REQ, 1, 512),
    MS_CBOR_F_TEXT(10, struct ms_transcript, agent_version, MS_CBOR_REQ, 1, 32),
    MS_CBOR_F_BYTES(11, struct ms_transcript, agent_digest, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_BYTES(12, struct ms_transcript, nonce, MS_CBOR_REQ, 40, 40),
};
const struct ms_cbor_table ms_transcript_table = MS_CBOR_TABLE("transcript", struct ms_transcript, transcript_rows);

static const struct ms_cbor_field enroll_begin_rows[] = {
    MS_CBOR_F_UINT(1, struct ms_enroll_begin, v, MS_CBOR_REQ, 1, 65536),
    MS_CBOR_F_BYTES(2, struct ms_enroll_begin, transcript, MS_CBOR_REQ, 1, 4096),
    MS_CBOR_F_BYTES(3, struct ms_enroll_begin, ek_cert, MS_CBOR_REQ, 0, 8192),
};
const struct ms_cbor_table ms_enroll_begin_table = MS_CBOR_TABLE("enroll begin", struct ms_enroll_begin, enroll_begin_rows);

static const struct ms_cbor_field credential_rows[] = {
    MS_CBOR_F_BYTES(1, struct ms_credential, blob, MS_CBOR_REQ, 1, 256),
    MS_CBOR_F_BYTES(2, struct ms_credential, secret, MS_CBOR_REQ, 1, 512),
};
const struct ms_cbor_table ms_credential_table = MS_CBOR_TABLE("credential", struct ms_credential, credential_rows);

static const struct ms_cbor_field enroll_finish_rows[] = {
    MS_CBOR_F_UINT(1, struct ms_enroll_finish, v, MS_CBOR_REQ, 1, 65536),
    MS_CBOR_F_BYTES(2, struct ms_enroll_finish, transcript, MS_CBOR_REQ, 1, 4096),
    MS_CBOR_F_BYTES(3, struct ms_enroll_finish, ek_cert, MS_CBOR_REQ, 0, 8192),
    MS_CBOR_F_BYTES(4, struct ms_enroll_finish, proof, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_BYTES(5, struct ms_enroll_finish, attest, MS_CBOR_REQ, 1, 1024),
    MS_CBOR_F_BYTES(6, struct ms_enroll_finish, signature, MS_CBOR_REQ, 1, 1024),
    MS_CBOR_F_BYTES(7, struct ms_enroll_finish, pcrs, MS_CBOR_REQ, 1, 2048),
};
const struct ms_cbor_table ms_enroll_finish_table = MS_CBOR_TABLE("enroll finish", struct ms_enroll_finish, enroll_finish_rows);

static const struct ms_cbor_field enroll_resp_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_enroll_resp, status, MS_CBOR_REQ, 1, 16),
    MS_CBOR_F_TEXT(2, struct ms_enroll_resp, device, MS_CBOR_REQ, 1, 80),
    MS_CBOR_F_BYTES(3, struct ms_enroll_resp, admission, MS_CBOR_OPT, 1, 8192),
    MS_CBOR_F_BYTES(4, struct ms_enroll_resp, binding, MS_CBOR_OPT, 1, 8192),
    MS_CBOR_F_BYTES(5, struct ms_enroll_resp, entry, MS_CBOR_OPT, 1, 60000),
    MS_CBOR_F_BYTES(6, struct ms_enroll_resp, ticket, MS_CBOR_OPT, 1, 8192),
};
const struct ms_cbor_table ms_enroll_resp_table = MS_CBOR_TABLE("enroll resp", struct ms_enroll_resp, enroll_resp_rows);

static const struct ms_cbor_field enroll_status_rows[] = {
    MS_CBOR_F_UINT(1, struct ms_enroll_status, v, MS_CBOR_REQ, 1, 65536),
    MS_CBOR_F_BYTES(2, struct ms_enroll_status, binding, MS_CBOR_REQ, 1, 8192),
};
const struct ms_cbor_table ms_enroll_status_table = MS_CBOR_TABLE("enroll status", struct ms_enroll_status, enroll_status_rows);

static const struct ms_cbor_field attested_rows[] = {
    MS_CBOR_F_UINT(1, struct ms_attested, v, MS_CBOR_REQ, 1, 65536),
    MS_CBOR_F_TEXT(2, struct ms_attested, purpose, MS_CBOR_REQ, 1, 16),
    MS_CBOR_F_TEXT(3, struct ms_attested, device, MS_CBOR_REQ, 1, 80),
    MS_CBOR_F_BYTES(4, struct ms_attested, nonce, MS_CBOR_REQ, 40, 40),
    MS_CBOR_F_BYTES(5, struct ms_attested, request, MS_CBOR_REQ, 1, 16384),
    MS_CBOR_F_BYTES(6, struct ms_attested, attest, MS_CBOR_REQ, 1, 1024),
    MS_CBOR_F_BYTES(7, struct ms_attested, signature, MS_CBOR_REQ, 1, 1024),
    MS_CBOR_F_BYTES(8, struct ms_attested, pcrs, MS_CBOR_REQ, 1, 2048),
    MS_CBOR_F_BYTES(9, struct ms_attested, boot_log, MS_CBOR_OPT, 1, MS_ATTESTED_BOOT_LOG_MAX),
    MS_CBOR_F_BYTES(10, struct ms_attested, boot_log_hash, MS_CBOR_OPT, 32, 32),
    MS_CBOR_F_BYTES(11, struct ms_attested, ima, MS_CBOR_OPT, 0, MS_ATTESTED_IMA_MAX),
    MS_CBOR_F_UINT(12, struct ms_attested, ima_from, MS_CBOR_OPT, 0, UINT32_MAX),
};
const struct ms_cbor_table ms_attested_table = MS_CBOR_TABLE("attested", struct ms_attested, attested_rows);

static const struct ms_cbor_field attest_req_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_attest_req, agent_version, MS_CBOR_REQ, 1, 32),
};
const struct ms_cbor_table ms_attest_req_table = MS_CBOR_TABLE("attest req", struct ms_attest_req, attest_req_rows);

static const struct ms_cbor_field identity_req_rows[] = {
    MS_CBOR_F_BYTES(1, struct ms_identity_req, key, MS_CBOR_REQ, 1, 512),
    MS_CBOR_F_BYTES(2, struct ms_identity_req, certify, MS_CBOR_REQ, 1, 1024),
    MS_CBOR_F_BYTES(3, struct ms_identity_req, certify_sig, MS_CBOR_REQ, 1, 1024),
    MS_CBOR_F_BYTES(4, struct ms_identity_req, csr, MS_CBOR_REQ, 1, 4096),
    MS_CBOR_F_BYTES(5, struct ms_identity_req, op_id, MS_CBOR_REQ, 16, 16),
};
const struct ms_cbor_table ms_identity_req_table = MS_CBOR_TABLE("identity req", struct ms_identity_req, identity_req_rows);

static const struct ms_cbor_field secret_req_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_secret_req, path, MS_CBOR_REQ, 1, 256),
    MS_CBOR_F_BYTES(2, struct ms_secret_req, key, MS_CBOR_REQ, 1, 512),
    MS_CBOR_F_BYTES(3, struct ms_secret_req, certify, MS_CBOR_REQ, 1, 1024),
    MS_CBOR_F_BYTES(4, struct ms_secret_req, certify_sig, MS_CBOR_REQ, 1, 1024),
    MS_CBOR_F_UINT(5, struct ms_secret_req, least, MS_CBOR_REQ, 0, UINT64_C(4294967296)),
    MS_CBOR_F_BYTES(6, struct ms_secret_req, op_id, MS_CBOR_REQ, 16, 16),
};
const struct ms_cbor_table ms_secret_req_table = MS_CBOR_TABLE("secret req", struct ms_secret_req, secret_req_rows);

static const struct ms_cbor_field result_req_rows[] = {
    MS_CBOR_F_BYTES(1, struct ms_result_req, nonce, MS_CBOR_OPT, 8, 64), /* RFC 9711 4.1 */
    MS_CBOR_F_TEXT(2, struct ms_result_req, audience, MS_CBOR_OPT, 1, 256),
    MS_CBOR_F_BYTES(3, struct ms_result_req, op_id, MS_CBOR_REQ, 16, 16),
};
const struct ms_cbor_table ms_result_req_table = MS_CBOR_TABLE("result req", struct ms_result_req, result_req_rows);

static const struct ms_cbor_field attested_resp_rows[] = {
    MS_CBOR_F_BYTES(1, struct ms_attested_resp, verdict, MS_CBOR_REQ, 1, 65536),
    MS_CBOR_F_BYTES(2, struct ms_attested_resp, entry, MS_CBOR_REQ, 1, 60000),
    MS_CBOR_F_BYTES(3, struct ms_attested_resp, ticket, MS_CBOR_REQ, 1, 8192),
    MS_CBOR_F_BYTES(4, struct ms_attested_resp, act_entry, MS_CBOR_OPT, 1, 60000),
    MS_CBOR_F_BYTES(5, struct ms_attested_resp, act_ticket, MS_CBOR_OPT, 1, 8192),
    MS_CBOR_F_BYTES(6, struct ms_attested_resp, result, MS_CBOR_OPT, 1, 80000),
};
const struct ms_cbor_table ms_attested_resp_table = MS_CBOR_TABLE("attested resp", struct ms_attested_resp, attested_resp_rows);

static const struct ms_cbor_field identity_result_rows[] = {
    MS_CBOR_F_BYTES(1, struct ms_identity_result, cert, MS_CBOR_REQ, 1, 2048),
    MS_CBOR_F_BYTES(2, struct ms_identity_result, issuing, MS_CBOR_REQ, 1, 2048),
};
const struct ms_cbor_table ms_identity_result_table = MS_CBOR_TABLE("identity result", struct ms_identity_result, identity_result_rows);

static const struct ms_cbor_field op_resp_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_op_resp, code, MS_CBOR_REQ, 1, 32),
    MS_CBOR_F_TEXT(2, struct ms_op_resp, text, MS_CBOR_REQ, 0, 512),
    MS_CBOR_F_BYTES(3, struct ms_op_resp, result, MS_CBOR_OPT, 1, 4000000),
    MS_CBOR_F_TEXT(4, struct ms_op_resp, change, MS_CBOR_OPT, 1, 80),
    MS_CBOR_F_BYTES(5, struct ms_op_resp, entry, MS_CBOR_OPT, 1, 60000),
    MS_CBOR_F_BYTES(6, struct ms_op_resp, ticket, MS_CBOR_OPT, 1, 8192),
};
const struct ms_cbor_table ms_op_resp_table = MS_CBOR_TABLE("op resp", struct ms_op_resp, op_resp_rows);

static const struct ms_cbor_field act_rows[] = {
    MS_CBOR_F_BYTES(1, struct ms_act, params, MS_CBOR_REQ, 1, 1000000),
    MS_CBOR_F_BYTES(2, struct ms_act, entry, MS_CBOR_OPT, 1, 60000),
    MS_CBOR_F_BYTES(3, struct ms_act, ticket, MS_CBOR_OPT, 1, 8192),
};
const struct ms_cbor_table ms_act_table = MS_CBOR_TABLE("act", struct ms_act, act_rows);

static const struct ms_cbor_field act_done_rows[] = {
    MS_CBOR_F_BYTES(1, struct ms_act_done, result, MS_CBOR_OPT, 1, 1500000),
    MS_CBOR_F_TEXT(2, struct ms_act_done, code, MS_CBOR_OPT, 1, 32),
    MS_CBOR_F_TEXT(3, struct ms_act_done, text, MS_CBOR_OPT, 0, 512),
};
const struct ms_cbor_table ms_act_done_table = MS_CBOR_TABLE("act done", struct ms_act_done, act_done_rows);

static const struct ms_cbor_field act_credential_rows[] = {
    MS_CBOR_F_BYTES(1, struct ms_act_credential, transcript, MS_CBOR_REQ, 1, 4096),
};
const struct ms_cbor_table ms_act_credential_table = MS_CBOR_TABLE("act credential", struct ms_act_credential, act_credential_rows);

static const struct ms_cbor_field act_proof_rows[] = {
    MS_CBOR_F_BYTES(1, struct ms_act_proof, transcript, MS_CBOR_REQ, 1, 4096),
    MS_CBOR_F_BYTES(2, struct ms_act_proof, proof, MS_CBOR_REQ, 32, 32),
};
const struct ms_cbor_table ms_act_proof_table = MS_CBOR_TABLE("act proof", struct ms_act_proof, act_proof_rows);

static const struct ms_cbor_field act_challenge_key_rows[] = {
    MS_CBOR_F_BYTES(1, struct ms_act_challenge_key, point, MS_CBOR_REQ, 65, 65),
    MS_CBOR_F_UINT(2, struct ms_act_challenge_key, expires_s, MS_CBOR_REQ, 0, UINT64_C(253402300799)),
};
const struct ms_cbor_table ms_act_challenge_key_table =
    MS_CBOR_TABLE("act challenge key", struct ms_act_challenge_key, act_challenge_key_rows);

static const struct ms_cbor_field act_tls_cert_rows[] = {
    MS_CBOR_F_BYTES(1, struct ms_act_tls_cert, point, MS_CBOR_REQ, 65, 65),
    MS_CBOR_F_BYTES(2, struct ms_act_tls_cert, serial, MS_CBOR_REQ, 16, 16),
    MS_CBOR_F_UINT(3, struct ms_act_tls_cert, not_before_s, MS_CBOR_REQ, 0, UINT64_C(253402300799)),
    MS_CBOR_F_UINT(4, struct ms_act_tls_cert, not_after_s, MS_CBOR_REQ, 0, UINT64_C(253402300799)),
};
const struct ms_cbor_table ms_act_tls_cert_table = MS_CBOR_TABLE("act tls cert", struct ms_act_tls_cert, act_tls_cert_rows);

static const struct ms_cbor_field act_bind_rows[] = {
    MS_CBOR_F_BYTES(1, struct ms_act_bind, transcript, MS_CBOR_REQ, 1, 4096),
    MS_CBOR_F_BYTES(2, struct ms_act_bind, proof, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_BYTES(3, struct ms_act_bind, attest, MS_CBOR_REQ, 1, 1024),
    MS_CBOR_F_BYTES(4, struct ms_act_bind, signature, MS_CBOR_REQ, 1, 1024),
    MS_CBOR_F_BYTES(5, struct ms_act_bind, pcrs, MS_CBOR_REQ, 1, 2048),
    MS_CBOR_F_BYTES(6, struct ms_act_bind, exporter, MS_CBOR_REQ, 32, 32),
};
const struct ms_cbor_table ms_act_bind_table = MS_CBOR_TABLE("act bind", struct ms_act_bind, act_bind_rows);

static const struct ms_cbor_field act_admit_rows[] = {
    MS_CBOR_F_BYTES(1, struct ms_act_admit, binding, MS_CBOR_REQ, 1, 8192),
    MS_CBOR_F_BYTES(2, struct ms_act_admit, authority, MS_CBOR_REQ, 1, 8192),
    MS_CBOR_F_BYTES(3, struct ms_act_admit, row, MS_CBOR_OPT, 1, 512),
    MS_CBOR_F_UINT(4, struct ms_act_admit, row_index, MS_CBOR_OPT, 0, 1000000),
    MS_CBOR_F_BYTES(5, struct ms_act_admit, proof, MS_CBOR_OPT, 0, 2048),
};
const struct ms_cbor_table ms_act_admit_table = MS_CBOR_TABLE("act admit", struct ms_act_admit, act_admit_rows);

static const struct ms_cbor_field act_identity_rows[] = {
    MS_CBOR_F_BYTES(1, struct ms_act_identity, admission, MS_CBOR_REQ, 1, 8192),
    MS_CBOR_F_BYTES(2, struct ms_act_identity, nonce, MS_CBOR_REQ, 40, 40),
    MS_CBOR_F_BYTES(3, struct ms_act_identity, exporter, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_BYTES(4, struct ms_act_identity, request, MS_CBOR_REQ, 1, 16384),
    MS_CBOR_F_BYTES(5, struct ms_act_identity, attest, MS_CBOR_REQ, 1, 1024),
    MS_CBOR_F_BYTES(6, struct ms_act_identity, signature, MS_CBOR_REQ, 1, 1024),
    MS_CBOR_F_BYTES(7, struct ms_act_identity, pcrs, MS_CBOR_REQ, 1, 2048),
    MS_CBOR_F_BYTES(8, struct ms_act_identity, serial, MS_CBOR_REQ, 16, 16),
    MS_CBOR_F_UINT(9, struct ms_act_identity, not_before_s, MS_CBOR_REQ, 0, UINT64_C(253402300799)),
    MS_CBOR_F_UINT(10, struct ms_act_identity, not_after_s, MS_CBOR_REQ, 0, UINT64_C(253402300799)),
};
const struct ms_cbor_table ms_act_identity_table = MS_CBOR_TABLE("act identity", struct ms_act_identity, act_identity_rows);

static const struct ms_cbor_field act_result_rows[] = {
    MS_CBOR_F_BYTES(1, struct ms_act_result, admission, MS_CBOR_REQ, 1, 8192),
    MS_CBOR_F_BYTES(2, struct ms_act_result, nonce, MS_CBOR_REQ, 40, 40),
    MS_CBOR_F_BYTES(3, struct ms_act_result, exporter, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_BYTES(4, struct ms_act_result, request, MS_CBOR_REQ, 1, 16384),
    MS_CBOR_F_BYTES(5, struct ms_act_result, attest, MS_CBOR_REQ, 1, 1024),
    MS_CBOR_F_BYTES(6, struct ms_act_result, signature, MS_CBOR_REQ, 1, 1024),
    MS_CBOR_F_BYTES(7, struct ms_act_result, pcrs, MS_CBOR_REQ, 1, 2048),
};
const struct ms_cbor_table ms_act_result_table = MS_CBOR_TABLE("act result", struct ms_act_result, act_result_rows);

static const struct ms_cbor_field act_secret_put_rows[] = {
    MS_CBOR_F_BYTES(1, struct ms_act_secret_put, op, MS_CBOR_REQ, 1, 900000),
    MS_CBOR_F_UINT(2, struct ms_act_secret_put, version, MS_CBOR_REQ, 1, UINT64_C(4294967296)),
};
const struct ms_cbor_table ms_act_secret_put_table = MS_CBOR_TABLE("act secret put", struct ms_act_secret_put, act_secret_put_rows);

static const struct ms_cbor_field act_secret_release_rows[] = {
    MS_CBOR_F_BYTES(1, struct ms_act_secret_release, admission, MS_CBOR_REQ, 1, 8192),
    MS_CBOR_F_BYTES(2, struct ms_act_secret_release, nonce, MS_CBOR_REQ, 40, 40),
    MS_CBOR_F_BYTES(3, struct ms_act_secret_release, exporter, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_BYTES(4, struct ms_act_secret_release, request, MS_CBOR_REQ, 1, 16384),
    MS_CBOR_F_BYTES(5, struct ms_act_secret_release, attest, MS_CBOR_REQ, 1, 1024),
    MS_CBOR_F_BYTES(6, struct ms_act_secret_release, signature, MS_CBOR_REQ, 1, 1024),
    MS_CBOR_F_BYTES(7, struct ms_act_secret_release, pcrs, MS_CBOR_REQ, 1, 2048),
    MS_CBOR_F_BYTES(8, struct ms_act_secret_release, wrapped, MS_CBOR_REQ, 1, 70000),
    MS_CBOR_F_UINT(9, struct ms_act_secret_release, seal_mask, MS_CBOR_REQ, 1, 16777215),
};
const struct ms_cbor_table ms_act_secret_release_table =
    MS_CBOR_TABLE("act secret release", struct ms_act_secret_release, act_secret_release_rows);

static const struct ms_cbor_field act_crl_rows[] = {
    MS_CBOR_F_UINT(1, struct ms_act_crl, number, MS_CBOR_REQ, 1, UINT64_C(4611686018427387904)),
    MS_CBOR_F_UINT(2, struct ms_act_crl, this_s, MS_CBOR_REQ, 0, UINT64_C(253402300799)),
    MS_CBOR_F_UINT(3, struct ms_act_crl, next_s, MS_CBOR_REQ, 0, UINT64_C(253402300799)),
    MS_CBOR_F_ARRAY(4, struct ms_act_crl, revoked, MS_CBOR_REQ, 900000),
};
const struct ms_cbor_table ms_act_crl_table = MS_CBOR_TABLE("act crl", struct ms_act_crl, act_crl_rows);

static const struct ms_cbor_field wrapped_rows[] = {
    MS_CBOR_F_BYTES(1, struct ms_wrapped, header, MS_CBOR_REQ, 1, 2048),
    MS_CBOR_F_BYTES(2, struct ms_wrapped, iv, MS_CBOR_REQ, 12, 12),
    MS_CBOR_F_BYTES(3, struct ms_wrapped, ct, MS_CBOR_REQ, 16, 66000),
};
const struct ms_cbor_table ms_wrapped_table = MS_CBOR_TABLE("wrapped", struct ms_wrapped, wrapped_rows);

static const struct ms_cbor_field wrapped_header_rows[] = {
    MS_CBOR_F_BYTES(1, struct ms_wrapped_header, deployment, MS_CBOR_REQ, 16, 16),
    MS_CBOR_F_TEXT(2, struct ms_wrapped_header, tenant, MS_CBOR_REQ, 1, 64),
    MS_CBOR_F_TEXT(3, struct ms_wrapped_header, path, MS_CBOR_REQ, 1, 256),
    MS_CBOR_F_UINT(4, struct ms_wrapped_header, version, MS_CBOR_REQ, 1, UINT64_C(4294967296)),
    MS_CBOR_F_TEXT(5, struct ms_wrapped_header, rule, MS_CBOR_REQ, 1, 256),
    MS_CBOR_F_TEXT(6, struct ms_wrapped_header, class_name, MS_CBOR_REQ, 1, 16),
    MS_CBOR_F_BYTES(7, struct ms_wrapped_header, op_hash, MS_CBOR_REQ, 32, 32),
};
const struct ms_cbor_table ms_wrapped_header_table = MS_CBOR_TABLE("wrapped header", struct ms_wrapped_header, wrapped_header_rows);

static const struct ms_cbor_field args_name_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_args_name, name, MS_CBOR_REQ, 1, 256),
    MS_CBOR_F_TEXT(2, struct ms_args_name, reason, MS_CBOR_OPT, 0, 256),
};
const struct ms_cbor_table ms_args_name_table = MS_CBOR_TABLE("args name", struct ms_args_name, args_name_rows);

static const struct ms_cbor_field args_list_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_args_list, after, MS_CBOR_OPT, 0, 256),
    MS_CBOR_F_UINT(2, struct ms_args_list, limit, MS_CBOR_OPT, 1, 1000),
};
const struct ms_cbor_table ms_args_list_table = MS_CBOR_TABLE("args list", struct ms_args_list, args_list_rows);

static const struct ms_cbor_field args_approve_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_args_approve, device, MS_CBOR_REQ, 1, 80),
    MS_CBOR_F_BYTES(2, struct ms_args_approve, ek_hash, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_BYTES(3, struct ms_args_approve, ak_name, MS_CBOR_REQ, 34, 34),
    MS_CBOR_F_BYTES(4, struct ms_args_approve, transcript_hash, MS_CBOR_REQ, 32, 32),
};
const struct ms_cbor_table ms_args_approve_table = MS_CBOR_TABLE("args approve", struct ms_args_approve, args_approve_rows);

static const struct ms_cbor_field args_bytes_rows[] = {
    MS_CBOR_F_BYTES(1, struct ms_args_bytes, object, MS_CBOR_REQ, 1, 900000),
};
const struct ms_cbor_table ms_args_bytes_table = MS_CBOR_TABLE("args bytes", struct ms_args_bytes, args_bytes_rows);

static const struct ms_cbor_field args_evidence_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_args_evidence, after, MS_CBOR_OPT, 0, 256),
    MS_CBOR_F_UINT(2, struct ms_args_evidence, limit, MS_CBOR_OPT, 1, 1000),
    MS_CBOR_F_TEXT(3, struct ms_args_evidence, device, MS_CBOR_OPT, 0, 256),
    MS_CBOR_F_UINT(4, struct ms_args_evidence, since_s, MS_CBOR_OPT, 0, UINT64_C(253402300799)),
};
const struct ms_cbor_table ms_args_evidence_table = MS_CBOR_TABLE("args evidence", struct ms_args_evidence, args_evidence_rows);

static const struct ms_cbor_field args_piece_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_args_piece, name, MS_CBOR_REQ, 1, 256),
    MS_CBOR_F_UINT(2, struct ms_args_piece, offset, MS_CBOR_REQ, 0, UINT32_MAX),
};
const struct ms_cbor_table ms_args_piece_table = MS_CBOR_TABLE("args piece", struct ms_args_piece, args_piece_rows);

static const struct ms_cbor_field args_secret_put_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_args_secret_put, path, MS_CBOR_REQ, 1, 256),
    MS_CBOR_F_TEXT(2, struct ms_args_secret_put, rule, MS_CBOR_REQ, 1, 256),
    MS_CBOR_F_TEXT(3, struct ms_args_secret_put, class_name, MS_CBOR_REQ, 1, 16),
    MS_CBOR_F_BYTES(4, struct ms_args_secret_put, enc, MS_CBOR_REQ, 65, 65),
    MS_CBOR_F_BYTES(5, struct ms_args_secret_put, ct, MS_CBOR_REQ, 16, 66000),
};
const struct ms_cbor_table ms_args_secret_put_table = MS_CBOR_TABLE("args secret put", struct ms_args_secret_put, args_secret_put_rows);
