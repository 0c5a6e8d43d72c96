/* Rows of the folded tables: authority state, each the result of applying log entries in order (fold/fold.h). Keys are
 * tenant, a zero byte, and the name given with each row. */
#ifndef MS_ROWS_H
#define MS_ROWS_H
#include "codec/cbor.h"
#include "store/store.h"

/* devices: key device id. */
struct ms_row_device {
	uint64_t present;
	struct ms_span state;
	struct ms_span ek_hash;
	struct ms_span ak_public;
	struct ms_span ak_name;
	struct ms_span transcript_hash;
	struct ms_span claims;
	uint64_t life;
	struct ms_span maker;
	struct ms_span authority; /* optional */
	uint64_t enrolled_s;
	uint64_t version;
	struct ms_span outcome; /* optional */
	struct ms_span reason;  /* optional */
	uint64_t attested_s;    /* optional */
	uint64_t deadline_s;    /* optional */
	struct ms_span pcrs;    /* optional */
	uint64_t reset_count;   /* optional */
	uint64_t restart_count; /* optional */
	uint64_t clock_ms;      /* optional */
	/* of the logs of this boot (reset_count), all optional: what makes the next evidence a hash and a tail */
	struct ms_span boot_log; /* SHA-256 */
	uint64_t ima_entries;    /* judged and passed */
	struct ms_span ima_pcr;  /* PCR 10 after them */
	struct ms_span ima_judged;
	struct ms_span reference; /* optional: the set that accepted last */
	uint64_t wanted_s;        /* optional: since when an operator wants new evidence; evidence clears it */
};
#define MS_ROW_DEVICE_AUTHORITY 9u
#define MS_ROW_DEVICE_OUTCOME 12u
#define MS_ROW_DEVICE_REASON 13u
#define MS_ROW_DEVICE_ATTESTED_S 14u
#define MS_ROW_DEVICE_DEADLINE_S 15u
#define MS_ROW_DEVICE_PCRS 16u
#define MS_ROW_DEVICE_RESET_COUNT 17u
#define MS_ROW_DEVICE_RESTART_COUNT 18u
#define MS_ROW_DEVICE_CLOCK_MS 19u
#define MS_ROW_DEVICE_BOOT_LOG 20u
#define MS_ROW_DEVICE_IMA_ENTRIES 21u
#define MS_ROW_DEVICE_IMA_PCR 22u
#define MS_ROW_DEVICE_IMA_JUDGED 23u
#define MS_ROW_DEVICE_REFERENCE 24u
#define MS_ROW_DEVICE_WANTED_S 25u
extern const struct ms_cbor_table ms_row_device_table;

/* ek_index (key EK hash), names (key claimed name), cert_index (key device, zero, serial): what it points to. */
struct ms_row_index {
	uint64_t present;
	struct ms_span target;
};
extern const struct ms_cbor_table ms_row_index_table;

/* batches: key batch id. */
struct ms_row_batch {
	uint64_t present;
	struct ms_span manifest;
	struct ms_span rows;
	uint64_t count;
	uint64_t imported_s;
	struct ms_span actor;
};
extern const struct ms_cbor_table ms_row_batch_table;

/* batch_rows: key EK hash. */
struct ms_row_expected {
	uint64_t present;
	struct ms_span batch;
	uint64_t index;
	struct ms_span serial;
	struct ms_span model;
};
extern const struct ms_cbor_table ms_row_expected_table;

/* certs: key serial (16 bytes). */
struct ms_row_cert {
	uint64_t present;
	struct ms_span device;
	struct ms_span tbs;
	uint64_t not_before_s;
	uint64_t not_after_s;
	struct ms_span status;
	uint64_t changed_s;
	uint64_t seq;
};
extern const struct ms_cbor_table ms_row_cert_table;

/* revoked: key serial (16 bytes). */
struct ms_row_revoked {
	uint64_t present;
	uint64_t since_s;
	uint64_t reason; /* RFC 5280 5.3.1: 6 on hold, 1 key compromise, 5 cessation of operation */
	uint64_t not_after_s;
};
extern const struct ms_cbor_table ms_row_revoked_table;

/* crl: key "current", tenant `*`. */
struct ms_row_crl {
	uint64_t present;
	uint64_t number;
	uint64_t this_s;
	uint64_t next_s;
};
extern const struct ms_cbor_table ms_row_crl_table;

/* secrets: key path. */
struct ms_row_secret {
	uint64_t present;
	uint64_t version;
	struct ms_span rule;
	struct ms_span class_name;
	struct ms_span op;
	struct ms_span wrapped; /* optional */
	uint64_t put_s;
	struct ms_span actor;
	uint64_t stored_version;
};
#define MS_ROW_SECRET_WRAPPED 5u
extern const struct ms_cbor_table ms_row_secret_table;

/* policies (key "current") and references (key name). */
struct ms_row_object {
	uint64_t present;
	struct ms_span object;
	uint64_t version;
	uint64_t set_s;
	struct ms_span actor;
};
extern const struct ms_cbor_table ms_row_object_table;

/* changes: key sequence number of its entry (8 bytes). */
struct ms_row_change {
	uint64_t present;
	struct ms_span operation;
	struct ms_span subject;
	struct ms_span actor;
	struct ms_span statement;
	uint64_t executed_s;
	struct ms_span result;
};
extern const struct ms_cbor_table ms_row_change_table;

/* operators: key operator's key id (32 bytes), tenant `*`. */
struct ms_row_operator {
	uint64_t present;
	uint64_t sequence;
	uint64_t last_s;
};
extern const struct ms_cbor_table ms_row_operator_table;

/* A secret that was deleted: only its version number is left. */
bool ms_row_secret_deleted(const struct ms_row_secret *row);

/* tenant | 0 | name, for every folded table. MS_ERR_TOO_BIG when it does not fit. */
struct ms_row_key {
	uint8_t bytes[MS_STORE_KEY_MAX];
	size_t len;
};
MS_MUST_USE enum ms_rc ms_row_key(struct ms_row_key *k, struct ms_span tenant, struct ms_span name, struct ms_err *err);
/* The name part of a key that came from a scan; empty when it is not one of the tenant's. */
struct ms_span ms_row_name(struct ms_span key, struct ms_span tenant);

/* Read and parse one row; spans of *row borrow from `mem` (initialised by the caller). MS_ERR_NOT_FOUND. */
MS_MUST_USE enum ms_rc ms_row_get(struct ms_store *s, enum ms_table t, struct ms_span tenant, struct ms_span name,
    const struct ms_cbor_table *form, void *row, struct ms_buf *mem, struct ms_err *err);
/* Build and write one row: `put` replaces, `insert` refuses an existing one with MS_ERR_CONFLICT. */
MS_MUST_USE enum ms_rc ms_row_put(struct ms_store *s, enum ms_table t, struct ms_span tenant, struct ms_span name,
    const struct ms_cbor_table *form, const void *row, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_row_insert(struct ms_store *s, enum ms_table t, struct ms_span tenant, struct ms_span name,
    const struct ms_cbor_table *form, const void *row, struct ms_err *err);

#endif
