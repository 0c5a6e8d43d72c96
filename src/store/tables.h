/* The tables of the store: one row each, X(enumerator, "name", folded, max bytes of a value).
 * MS_FOLDED tables are authority state: they are a function of the log and replay compares them row by row.
 * MS_OPERATIONAL tables are not (the log itself, content-addressed bytes, used nonces, deadlines).
 * A new table is a new row here, at any place, and a note in docs/decisions if its rows are not deterministic CBOR. */
#ifndef MS_STORE_TABLES_H
#define MS_STORE_TABLES_H

#define MS_FOLDED true
#define MS_OPERATIONAL false

#define MS_STORE_TABLES(X) \
	X(MS_TABLE_ENTRIES, "entries", MS_OPERATIONAL, 1u << 20)       /* sequence number u64 BE -> log entry */ \
	X(MS_TABLE_BLOBS, "blobs", MS_OPERATIONAL, 32u << 20)          /* SHA-256 -> the bytes */ \
	X(MS_TABLE_NONCES, "nonces", MS_OPERATIONAL, 1u << 10)         /* consumed nonces, until they expire */ \
	X(MS_TABLE_DEADLINES, "deadlines", MS_OPERATIONAL, 1u << 10)   /* deadline u64 BE, tenant, device: when a pass ends */ \
	X(MS_TABLE_OPERATIONS, "operations", MS_OPERATIONAL, 1u << 20) /* operation id -> the answer a retry gets */ \
	X(MS_TABLE_DEVICES, "devices", MS_FOLDED, 1u << 16) \
	X(MS_TABLE_EK_INDEX, "ek_index", MS_FOLDED, 1u << 10) /* EK hash -> device */ \
	X(MS_TABLE_BATCHES, "batches", MS_FOLDED, 1u << 16) \
	X(MS_TABLE_BATCH_ROWS, "batch_rows", MS_FOLDED, 1u << 12) \
	X(MS_TABLE_CERTS, "certs", MS_FOLDED, 1u << 16) \
	X(MS_TABLE_CRLS, "crls", MS_FOLDED, 1u << 20) \
	X(MS_TABLE_SECRETS, "secrets", MS_FOLDED, 1u << 16) \
	X(MS_TABLE_REFERENCES, "references", MS_FOLDED, 1u << 20) \
	X(MS_TABLE_POLICIES, "policies", MS_FOLDED, 1u << 20) \
	X(MS_TABLE_CHANGES, "changes", MS_FOLDED, 1u << 20) \
	X(MS_TABLE_OPERATORS, "operators", MS_FOLDED, 1u << 16) \
	X(MS_TABLE_NAMES, "names", MS_FOLDED, 1u << 10)                /* claimed name -> device */ \
	X(MS_TABLE_CERT_INDEX, "cert_index", MS_FOLDED, 1u << 10)      /* device, serial -> nothing */ \
	X(MS_TABLE_REVOKED, "revoked", MS_FOLDED, 1u << 10)            /* serials on hold or revoked: what the CRL lists */ \
	X(MS_TABLE_STATEMENTS, "statements", MS_OPERATIONAL, 2u << 20) /* what keeper signed, by device or leaf */ \
	X(MS_TABLE_EVIDENCE, "evidence", MS_OPERATIONAL, 1u << 16)     /* tenant, device, entry u64 BE -> a record of evidence */ \
	X(MS_TABLE_EVIDENCE_INDEX, "evidence_index", MS_OPERATIONAL, \
	    1u << 14) /* tenant, device -> entry and time of each, oldest first */ \
	X(MS_TABLE_EVIDENCE_BLOBS, "evidence_blobs", MS_OPERATIONAL, \
	    9u << 20)                                                 /* SHA-256 -> a log; shared by records and by nothing else */ \
	X(MS_TABLE_EVIDENCE_REFS, "evidence_refs", MS_OPERATIONAL, 8) /* SHA-256 -> how many records hold it, u64 BE */

enum ms_table {
#define X(id, name, folded, max) id,
	MS_STORE_TABLES(X)
#undef X
	    MS_TABLE_COUNT
};

#endif
