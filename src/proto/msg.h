/* Every message, statement body and act: one struct and one table each, from which it is both built and parsed
 * (codec/cbor.h). docs/protocol.md says what they mean. Nothing here says that a message is authentic. */
#ifndef MS_MSG_H
#define MS_MSG_H
#include "codec/cbor.h"

#define MS_PROTOCOL_VERSION 1u

/* ---- Errors ---- */

/* Any refusal outside the message forms; advisory, not signed. */
struct ms_error {
	uint64_t present;
	struct ms_span code;
	struct ms_span text;
	struct ms_span hint;
	uint64_t retry_s;
};
extern const struct ms_cbor_table ms_error_table;

/* ---- Statement bodies ---- */

/* Body of a `root` statement. */
struct ms_root_body {
	uint64_t present;
	uint64_t version;
	struct ms_span name;
	struct ms_span trust_domain;
	struct ms_span ca_root;
	struct ms_span ca_issuing;
	struct ms_span release_point;
	struct ms_span intake_point;
	struct ms_span log_vkey;
	struct ms_span operators;
	struct ms_span witness;
	uint64_t created_s;
	struct ms_span token_point; /* of the key that signs attestation results */
};
extern const struct ms_cbor_table ms_root_body_table;

/* One of its operators. */
struct ms_root_operator {
	uint64_t present;
	struct ms_span name;
	struct ms_span point;
	struct ms_span role;
	struct ms_span tenant;
};
extern const struct ms_cbor_table ms_root_operator_table;

/* Body of a `challenge-key` statement. */
struct ms_challenge_key_body {
	uint64_t present;
	struct ms_span point;
};
extern const struct ms_cbor_table ms_challenge_key_body_table;

/* Body of a `challenge` statement. */
struct ms_challenge_body {
	uint64_t present;
	struct ms_span nonce;
	struct ms_span purpose;
	uint64_t now_s;
	uint64_t seal_mask; /* optional: purpose secret: the PCRs that the sealing key is to be bound to */
	bool attest_now;    /* optional, to a device that said who it is: an operator wants evidence now */
	uint64_t poll_s;    /* optional, to such a device: how often to ask */
};
#define MS_CHALLENGE_BODY_SEAL_MASK 4u
#define MS_CHALLENGE_BODY_ATTEST_NOW 5u
#define MS_CHALLENGE_BODY_POLL_S 6u
extern const struct ms_cbor_table ms_challenge_body_table;

/* Body of a `binding` statement: AK and EK are in one TPM. */
struct ms_binding_body {
	uint64_t present;
	struct ms_span device;
	struct ms_span ek_hash;
	struct ms_span ak_public;
	struct ms_span ak_name;
	struct ms_span transcript_hash;
	struct ms_span name;
	struct ms_span serial;
	struct ms_span model;
};
extern const struct ms_cbor_table ms_binding_body_table;

/* Body of an `admission` statement: this device is one of ours. */
struct ms_admission_body {
	uint64_t present;
	struct ms_span device;
	struct ms_span ek_hash;
	struct ms_span ak_public;
	struct ms_span ak_name;
	struct ms_span name;
	struct ms_span serial;
	struct ms_span model;
	struct ms_span authority;
};
extern const struct ms_cbor_table ms_admission_body_table;

/* Body of a `verdict` statement. */
struct ms_verdict_body {
	uint64_t present;
	struct ms_span device;
	struct ms_span outcome;
	struct ms_span state;
	struct ms_span nonce;
	uint64_t next_s;
	struct ms_span reasons;
	struct ms_span policy;
	struct ms_span boot_log; /* optional, when logs came: SHA-256 of the boot log that need not be sent again in this boot */
	uint64_t ima_entries;    /* optional, when logs came: entries judged; the next list may begin there */
};
#define MS_VERDICT_BODY_BOOT_LOG 8u
#define MS_VERDICT_BODY_IMA_ENTRIES 9u
extern const struct ms_cbor_table ms_verdict_body_table;

/* Body of a `secret` statement: a secret sealed to a device key. */
struct ms_secret_body {
	uint64_t present;
	struct ms_span path;
	uint64_t version;
	struct ms_span enc;
	struct ms_span ct;
	struct ms_span nonce;
	struct ms_span evidence;
	struct ms_span leaf;
	struct ms_span key_name;
};
extern const struct ms_cbor_table ms_secret_body_table;

/* Body of a `manifest` statement: header of a batch. */
struct ms_manifest_body {
	uint64_t present;
	struct ms_span id;
	struct ms_span maker;
	uint64_t count;
	struct ms_span root;
};
extern const struct ms_cbor_table ms_manifest_body_table;

/* One expected device. */
struct ms_manifest_row {
	uint64_t present;
	struct ms_span serial;
	struct ms_span model;
	struct ms_span ek_hash;
};
extern const struct ms_cbor_table ms_manifest_row_table;

/* A manifest as a file. */
struct ms_manifest_file {
	uint64_t present;
	struct ms_span statement;
	struct ms_span rows;
};
extern const struct ms_cbor_table ms_manifest_file_table;

/* Body of an `op` statement. */
struct ms_op_body {
	uint64_t present;
	struct ms_span operation;
	struct ms_span args;
	uint64_t sequence;
	struct ms_span bases;
	struct ms_span op_id;
};
extern const struct ms_cbor_table ms_op_body_table;

/* ---- Device messages ---- */

struct ms_challenge_req {
	uint64_t present;
	uint64_t v;
	struct ms_span purpose;
	struct ms_span device;          /* optional: who asks, to be told what concerns it */
	struct ms_span transcript_hash; /* optional, with device: of its enrolment; what an outsider does not know */
};
#define MS_CHALLENGE_REQ_DEVICE 3u
#define MS_CHALLENGE_REQ_TRANSCRIPT_HASH 4u
extern const struct ms_cbor_table ms_challenge_req_table;

struct ms_challenge_resp {
	uint64_t present;
	struct ms_span key;
	struct ms_span challenge;
};
extern const struct ms_cbor_table ms_challenge_resp_table;

/* What enrolment binds. */
struct ms_transcript {
	uint64_t present;
	struct ms_span label;
	struct ms_span deployment;
	struct ms_span tenant;
	struct ms_span name;
	struct ms_span serial;
	struct ms_span model;
	struct ms_span ek_public;
	struct ms_span ek_cert_hash;
	struct ms_span ak_public;
	struct ms_span agent_version;
	struct ms_span agent_digest;
	struct ms_span nonce;
};
extern const struct ms_cbor_table ms_transcript_table;

struct ms_enroll_begin {
	uint64_t present;
	uint64_t v;
	struct ms_span transcript;
	struct ms_span ek_cert;
};
extern const struct ms_cbor_table ms_enroll_begin_table;

/* Response to enroll/begin, and result of the CREDENTIAL act. */
struct ms_credential {
	uint64_t present;
	struct ms_span blob;
	struct ms_span secret;
};
extern const struct ms_cbor_table ms_credential_table;

struct ms_enroll_finish {
	uint64_t present;
	uint64_t v;
	struct ms_span transcript;
	struct ms_span ek_cert;
	struct ms_span proof;
	struct ms_span attest;
	struct ms_span signature;
	struct ms_span pcrs;
};
extern const struct ms_cbor_table ms_enroll_finish_table;

struct ms_enroll_resp {
	uint64_t present;
	struct ms_span status;
	struct ms_span device;
	struct ms_span admission; /* optional */
	struct ms_span binding;   /* optional */
	struct ms_span entry;     /* optional */
	struct ms_span ticket;    /* optional */
};
#define MS_ENROLL_RESP_ADMISSION 3u /* its bit in present: MS_CBOR_BIT(), MS_CBOR_HAS() */
#define MS_ENROLL_RESP_BINDING 4u   /* its bit in present: MS_CBOR_BIT(), MS_CBOR_HAS() */
#define MS_ENROLL_RESP_ENTRY 5u     /* its bit in present: MS_CBOR_BIT(), MS_CBOR_HAS() */
#define MS_ENROLL_RESP_TICKET 6u    /* its bit in present: MS_CBOR_BIT(), MS_CBOR_HAS() */
extern const struct ms_cbor_table ms_enroll_resp_table;

struct ms_enroll_status {
	uint64_t present;
	uint64_t v;
	struct ms_span binding;
};
extern const struct ms_cbor_table ms_enroll_status_table;

struct ms_attested {
	uint64_t present;
	uint64_t v;
	struct ms_span purpose;
	struct ms_span device;
	struct ms_span nonce;
	struct ms_span request;
	struct ms_span attest;
	struct ms_span signature;
	struct ms_span pcrs;
	struct ms_span boot_log;      /* optional: as the machine has it (TCG PFP) */
	struct ms_span boot_log_hash; /* optional, instead: SHA-256 of the one that was accepted in this boot */
	struct ms_span ima;           /* optional: the kernel's binary list from entry ima_from on */
	uint64_t ima_from;            /* optional: with ima */
};
#define MS_ATTESTED_BOOT_LOG 9u
#define MS_ATTESTED_BOOT_LOG_HASH 10u
#define MS_ATTESTED_IMA 11u
#define MS_ATTESTED_IMA_FROM 12u
#define MS_ATTESTED_BOOT_LOG_MAX (1u << 20) /* what the form takes; the server's configuration says less */
#define MS_ATTESTED_IMA_MAX (8u << 20)
#define MS_ATTESTED_OTHERS_MAX (64u << 10) /* of everything but the logs */
#define MS_ATTESTED_MAX (MS_ATTESTED_OTHERS_MAX + MS_ATTESTED_BOOT_LOG_MAX + MS_ATTESTED_IMA_MAX)
extern const struct ms_cbor_table ms_attested_table;

/* Request of purpose attest. */
struct ms_attest_req {
	uint64_t present;
	struct ms_span agent_version;
};
extern const struct ms_cbor_table ms_attest_req_table;

/* Request of purpose identity. */
struct ms_identity_req {
	uint64_t present;
	struct ms_span key;
	struct ms_span certify;
	struct ms_span certify_sig;
	struct ms_span csr;
	struct ms_span op_id;
};
extern const struct ms_cbor_table ms_identity_req_table;

/* Request of purpose secret. */
struct ms_secret_req {
	uint64_t present;
	struct ms_span path;
	struct ms_span key;
	struct ms_span certify;
	struct ms_span certify_sig;
	uint64_t least;
	struct ms_span op_id;
};
extern const struct ms_cbor_table ms_secret_req_table;

/* Request of purpose result. */
struct ms_result_req {
	uint64_t present;
	struct ms_span nonce;    /* optional: the relying party's */
	struct ms_span audience; /* optional */
	struct ms_span op_id;
};
#define MS_RESULT_REQ_NONCE 1u    /* its bit in present: MS_CBOR_BIT(), MS_CBOR_HAS() */
#define MS_RESULT_REQ_AUDIENCE 2u /* its bit in present: MS_CBOR_BIT(), MS_CBOR_HAS() */
extern const struct ms_cbor_table ms_result_req_table;

struct ms_attested_resp {
	uint64_t present;
	struct ms_span verdict;
	struct ms_span entry;
	struct ms_span ticket;
	struct ms_span act_entry;  /* optional */
	struct ms_span act_ticket; /* optional */
	struct ms_span result;     /* optional */
};
#define MS_ATTESTED_RESP_ACT_ENTRY 4u  /* its bit in present: MS_CBOR_BIT(), MS_CBOR_HAS() */
#define MS_ATTESTED_RESP_ACT_TICKET 5u /* its bit in present: MS_CBOR_BIT(), MS_CBOR_HAS() */
#define MS_ATTESTED_RESP_RESULT 6u     /* its bit in present: MS_CBOR_BIT(), MS_CBOR_HAS() */
extern const struct ms_cbor_table ms_attested_resp_table;

struct ms_identity_result {
	uint64_t present;
	struct ms_span cert;
	struct ms_span issuing;
};
extern const struct ms_cbor_table ms_identity_result_table;

/* Answer to an operator. */
struct ms_op_resp {
	uint64_t present;
	struct ms_span code;
	struct ms_span text;
	struct ms_span result; /* optional */
	struct ms_span change; /* optional */
	struct ms_span entry;  /* optional */
	struct ms_span ticket; /* optional */
};
#define MS_OP_RESP_RESULT 3u /* its bit in present: MS_CBOR_BIT(), MS_CBOR_HAS() */
#define MS_OP_RESP_CHANGE 4u /* its bit in present: MS_CBOR_BIT(), MS_CBOR_HAS() */
#define MS_OP_RESP_ENTRY 5u  /* its bit in present: MS_CBOR_BIT(), MS_CBOR_HAS() */
#define MS_OP_RESP_TICKET 6u /* its bit in present: MS_CBOR_BIT(), MS_CBOR_HAS() */
extern const struct ms_cbor_table ms_op_resp_table;

/* ---- Acts of keeper ---- */

/* core asks keeper. */
struct ms_act {
	uint64_t present;
	struct ms_span params;
	struct ms_span entry;  /* optional */
	struct ms_span ticket; /* optional */
};
#define MS_ACT_ENTRY 2u  /* its bit in present: MS_CBOR_BIT(), MS_CBOR_HAS() */
#define MS_ACT_TICKET 3u /* its bit in present: MS_CBOR_BIT(), MS_CBOR_HAS() */
extern const struct ms_cbor_table ms_act_table;

/* keeper answers: a result, or a code and text. */
struct ms_act_done {
	uint64_t present;
	struct ms_span result; /* optional */
	struct ms_span code;   /* optional */
	struct ms_span text;   /* optional */
};
#define MS_ACT_DONE_RESULT 1u /* its bit in present: MS_CBOR_BIT(), MS_CBOR_HAS() */
#define MS_ACT_DONE_CODE 2u   /* its bit in present: MS_CBOR_BIT(), MS_CBOR_HAS() */
#define MS_ACT_DONE_TEXT 3u   /* its bit in present: MS_CBOR_BIT(), MS_CBOR_HAS() */
extern const struct ms_cbor_table ms_act_done_table;

struct ms_act_credential {
	uint64_t present;
	struct ms_span transcript;
};
extern const struct ms_cbor_table ms_act_credential_table;

/* Asked before anything is logged: is the proof right? */
struct ms_act_proof {
	uint64_t present;
	struct ms_span transcript;
	struct ms_span proof;
};
extern const struct ms_cbor_table ms_act_proof_table;

struct ms_act_challenge_key {
	uint64_t present;
	struct ms_span point;
	uint64_t expires_s;
};
extern const struct ms_cbor_table ms_act_challenge_key_table;

struct ms_act_tls_cert {
	uint64_t present;
	struct ms_span point;
	struct ms_span serial;
	uint64_t not_before_s;
	uint64_t not_after_s;
};
extern const struct ms_cbor_table ms_act_tls_cert_table;

struct ms_act_bind {
	uint64_t present;
	struct ms_span transcript;
	struct ms_span proof;
	struct ms_span attest;
	struct ms_span signature;
	struct ms_span pcrs;
	struct ms_span exporter;
};
extern const struct ms_cbor_table ms_act_bind_table;

struct ms_act_admit {
	uint64_t present;
	struct ms_span binding;
	struct ms_span authority;
	struct ms_span row;   /* optional */
	uint64_t row_index;   /* optional */
	struct ms_span proof; /* optional */
};
#define MS_ACT_ADMIT_ROW 3u       /* its bit in present: MS_CBOR_BIT(), MS_CBOR_HAS() */
#define MS_ACT_ADMIT_ROW_INDEX 4u /* its bit in present: MS_CBOR_BIT(), MS_CBOR_HAS() */
#define MS_ACT_ADMIT_PROOF 5u     /* its bit in present: MS_CBOR_BIT(), MS_CBOR_HAS() */
extern const struct ms_cbor_table ms_act_admit_table;

struct ms_act_identity {
	uint64_t present;
	struct ms_span admission;
	struct ms_span nonce;
	struct ms_span exporter;
	struct ms_span request;
	struct ms_span attest;
	struct ms_span signature;
	struct ms_span pcrs;
	struct ms_span serial;
	uint64_t not_before_s;
	uint64_t not_after_s;
};
extern const struct ms_cbor_table ms_act_identity_table;

/* An attestation result. What the appraisal was is core's word, in the entry and here alike. */
struct ms_act_result {
	uint64_t present;
	struct ms_span admission;
	struct ms_span nonce;
	struct ms_span exporter;
	struct ms_span request;
	struct ms_span attest;
	struct ms_span signature;
	struct ms_span pcrs;
};
extern const struct ms_cbor_table ms_act_result_table;

struct ms_act_secret_put {
	uint64_t present;
	struct ms_span op;
	uint64_t version;
};
extern const struct ms_cbor_table ms_act_secret_put_table;

struct ms_act_secret_release {
	uint64_t present;
	struct ms_span admission;
	struct ms_span nonce;
	struct ms_span exporter;
	struct ms_span request;
	struct ms_span attest;
	struct ms_span signature;
	struct ms_span pcrs;
	struct ms_span wrapped;
	uint64_t seal_mask;
};
extern const struct ms_cbor_table ms_act_secret_release_table;

struct ms_act_crl {
	uint64_t present;
	uint64_t number;
	uint64_t this_s;
	uint64_t next_s;
	struct ms_span revoked;
};
extern const struct ms_cbor_table ms_act_crl_table;

/* ---- Secrets at rest ---- */

/* A secret under the wrapping key. */
struct ms_wrapped {
	uint64_t present;
	struct ms_span header;
	struct ms_span iv;
	struct ms_span ct;
};
extern const struct ms_cbor_table ms_wrapped_table;

/* Its associated data. */
struct ms_wrapped_header {
	uint64_t present;
	struct ms_span deployment;
	struct ms_span tenant;
	struct ms_span path;
	uint64_t version;
	struct ms_span rule;
	struct ms_span class_name;
	struct ms_span op_hash;
};
extern const struct ms_cbor_table ms_wrapped_header_table;

/* ---- Arguments of operations ---- */

/* One name: a device, batch, change, serial or path. */
struct ms_args_name {
	uint64_t present;
	struct ms_span name;
	struct ms_span reason; /* optional */
};
#define MS_ARGS_NAME_REASON 2u /* its bit in present: MS_CBOR_BIT(), MS_CBOR_HAS() */
extern const struct ms_cbor_table ms_args_name_table;

/* A page of a list. */
struct ms_args_list {
	uint64_t present;
	struct ms_span after; /* optional */
	uint64_t limit;       /* optional */
};
#define MS_ARGS_LIST_AFTER 1u /* its bit in present: MS_CBOR_BIT(), MS_CBOR_HAS() */
#define MS_ARGS_LIST_LIMIT 2u /* its bit in present: MS_CBOR_BIT(), MS_CBOR_HAS() */
extern const struct ms_cbor_table ms_args_list_table;

/* An approval names exactly what was looked at. */
struct ms_args_approve {
	uint64_t present;
	struct ms_span device;
	struct ms_span ek_hash;
	struct ms_span ak_name;
	struct ms_span transcript_hash;
};
extern const struct ms_cbor_table ms_args_approve_table;

/* A whole object: policy, reference set, manifest file. */
struct ms_args_bytes {
	uint64_t present;
	struct ms_span object;
};
extern const struct ms_cbor_table ms_args_bytes_table;

/* A page of recorded evidence. */
struct ms_args_evidence {
	uint64_t present;
	struct ms_span after;  /* optional */
	uint64_t limit;        /* optional */
	struct ms_span device; /* optional */
	uint64_t since_s;      /* optional */
};
#define MS_ARGS_EVIDENCE_AFTER 1u
#define MS_ARGS_EVIDENCE_LIMIT 2u
#define MS_ARGS_EVIDENCE_DEVICE 3u
#define MS_ARGS_EVIDENCE_SINCE_S 4u
extern const struct ms_cbor_table ms_args_evidence_table;

/* A piece of something large. */
struct ms_args_piece {
	uint64_t present;
	struct ms_span name;
	uint64_t offset;
};
extern const struct ms_cbor_table ms_args_piece_table;

struct ms_args_secret_put {
	uint64_t present;
	struct ms_span path;
	struct ms_span rule;
	struct ms_span class_name;
	struct ms_span enc;
	struct ms_span ct;
};
extern const struct ms_cbor_table ms_args_secret_put_table;

#endif
