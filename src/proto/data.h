/* What log entries hold beyond their common fields, by kind (audit/entry.h, docs/protocol.md "Log entries"). Digests
 * and small facts only: ciphertext and personal fields (names, serials, models) are blobs named by their SHA-256. */
#ifndef MS_DATA_H
#define MS_DATA_H
#include "codec/cbor.h"

/* server.start: core began; the boot key that signs challenges and verdicts. */
struct ms_data_start {
	uint64_t present;
	struct ms_span point;
	struct ms_span version;
};
extern const struct ms_cbor_table ms_data_start_table;

/* cert.issue and server.tls: a certificate with exactly this TBSCertificate. */
struct ms_data_cert {
	uint64_t present;
	struct ms_span serial;
	struct ms_span tbs;
	uint64_t not_before_s;
	uint64_t not_after_s;
};
extern const struct ms_cbor_table ms_data_cert_table;

/* batch.import: a manifest and its rows (an array of byte strings) as blobs. */
struct ms_data_batch {
	uint64_t present;
	struct ms_span manifest;
	struct ms_span rows;
	uint64_t count;
};
extern const struct ms_cbor_table ms_data_batch_table;

/* device.bind: AK and EK were shown to be in one TPM. `claims` is a blob; status is `expected` (a manifest lists the EK) or `pending`. */
struct ms_data_bind {
	uint64_t present;
	struct ms_span ek_hash;
	struct ms_span ak_public;
	struct ms_span ak_name;
	struct ms_span transcript_hash;
	struct ms_span claims;
	struct ms_span maker;
	struct ms_span status;
};
extern const struct ms_cbor_table ms_data_bind_table;

/* device.admit: the device is one of ours, by the authority of a batch or an operator. */
struct ms_data_admit {
	uint64_t present;
	struct ms_span authority;
	struct ms_span claims;
};
extern const struct ms_cbor_table ms_data_admit_table;

/* device.attest: one appraisal of evidence that was authentic. Its outcome is the entry's decision. */
struct ms_data_attest {
	uint64_t present;
	uint64_t reset_count;
	uint64_t restart_count;
	uint64_t clock_ms;
	uint64_t firmware;
	struct ms_span pcrs;
	uint64_t deadline_s;
	struct ms_span nonce;
	struct ms_span boot_log;   /* optional: SHA-256 of the boot log that explains the PCRs */
	uint64_t ima_entries;      /* optional, when it passed: entries of the IMA list that were judged, in this boot */
	struct ms_span ima_pcr;    /* optional, with ima_entries: PCR 10 after them */
	struct ms_span ima_judged; /* optional, with ima_entries: what judged them */
	struct ms_span reference;  /* optional, when it passed: the reference set that accepted */
};
#define MS_DATA_ATTEST_BOOT_LOG 8u
#define MS_DATA_ATTEST_IMA_ENTRIES 9u
#define MS_DATA_ATTEST_IMA_PCR 10u
#define MS_DATA_ATTEST_IMA_JUDGED 11u
#define MS_DATA_ATTEST_REFERENCE 12u
extern const struct ms_cbor_table ms_data_attest_table;

/* result.issue: an attestation result that says this of the evidence, until then (identity/ear.h: what the bits are). */
struct ms_data_result {
	uint64_t present;
	uint64_t judged;
	uint64_t failed; /* any: the device failed */
	uint64_t waived;
	uint64_t expires_s;
	struct ms_span nonce; /* of the quote */
};
extern const struct ms_cbor_table ms_data_result_table;

/* device.quarantine, .release, .revoke, .retire, .stale: an arrow of the life cycle. */
struct ms_data_life {
	uint64_t present;
	struct ms_span state;
	struct ms_span reason;
};
extern const struct ms_cbor_table ms_data_life_table;

/* crl.issue */
struct ms_data_crl {
	uint64_t present;
	uint64_t number;
	uint64_t this_s;
	uint64_t next_s;
};
extern const struct ms_cbor_table ms_data_crl_table;

/* secret.put: accepted for wrapping; `op` is the blob of the operator's statement. */
struct ms_data_secret_put {
	uint64_t present;
	struct ms_span path;
	uint64_t version;
	struct ms_span rule;
	struct ms_span class_name;
	struct ms_span op;
};
extern const struct ms_cbor_table ms_data_secret_put_table;

/* secret.store: wrapped and at rest; from here on it can be released. */
struct ms_data_secret_store {
	uint64_t present;
	struct ms_span path;
	uint64_t version;
	struct ms_span wrapped;
};
extern const struct ms_cbor_table ms_data_secret_store_table;

/* secret.release: sealed to a key that opens only in the attested state. */
struct ms_data_secret_release {
	uint64_t present;
	struct ms_span path;
	uint64_t version;
	struct ms_span key_name;
	struct ms_span nonce;
};
extern const struct ms_cbor_table ms_data_secret_release_table;

/* secret.delete, secret.refuse: the path. */
struct ms_data_path {
	uint64_t present;
	struct ms_span path;
};
extern const struct ms_cbor_table ms_data_path_table;

/* policy.set, reference.set: a whole object as a blob. */
struct ms_data_object {
	uint64_t present;
	struct ms_span name;
	struct ms_span object;
	uint64_t version;
};
extern const struct ms_cbor_table ms_data_object_table;

/* change.execute: an operator's signed operation, executed once. */
struct ms_data_change {
	uint64_t present;
	struct ms_span operation;
	struct ms_span statement;
	uint64_t sequence;
	struct ms_span result;
};
extern const struct ms_cbor_table ms_data_change_table;

/* server.refusals: refusals of unauthentic requests since the last such entry, counted by reason (text -> uint). */
struct ms_data_refusals {
	uint64_t present;
	struct ms_span counts;
	uint64_t since_s;
};
extern const struct ms_cbor_table ms_data_refusals_table;

/* Blob: what a device or its maker says that it is. */
struct ms_device_claims {
	uint64_t present;
	struct ms_span name;
	struct ms_span serial;
	struct ms_span model;
};
extern const struct ms_cbor_table ms_device_claims_table;

/* One piece of evidence as it was judged, kept for a while beside the log (server/core/recorded.h). */
struct ms_evidence_record {
	uint64_t present;
	uint64_t time_s;
	struct ms_span purpose;
	struct ms_span nonce;
	struct ms_span extra; /* what the quote was bound to */
	struct ms_span attest;
	struct ms_span signature;
	struct ms_span pcrs;
	struct ms_span ak_public;
	struct ms_span outcome; /* pass, deny, fail */
	struct ms_span judged;  /* what policy alone said: a quarantined device that passes is denied */
	struct ms_span reasons; /* array of text, the operator's form */
	struct ms_span policy;  /* id */
	struct ms_span policy_name;
	uint64_t policy_version;
	struct ms_span rule;
	struct ms_span reference; /* that accepted; empty: none */
	struct ms_span last_reference;
	struct ms_span waived;   /* array of text */
	struct ms_span boot_log; /* optional: SHA-256; with it its length and the id of its appraisal */
	uint64_t boot_log_len;
	struct ms_span boot_appraisal;
	struct ms_span ima; /* optional: SHA-256 of what was sent; with it its length, first entry, and entries that count */
	uint64_t ima_len;
	uint64_t ima_from;
	uint64_t ima_used;
};
#define MS_EVIDENCE_RECORD_BOOT_LOG 19u
#define MS_EVIDENCE_RECORD_BOOT_LOG_LEN 20u
#define MS_EVIDENCE_RECORD_BOOT_APPRAISAL 21u
#define MS_EVIDENCE_RECORD_IMA 22u
#define MS_EVIDENCE_RECORD_IMA_LEN 23u
#define MS_EVIDENCE_RECORD_IMA_FROM 24u
#define MS_EVIDENCE_RECORD_IMA_USED 25u
extern const struct ms_cbor_table ms_evidence_record_table;

#endif
