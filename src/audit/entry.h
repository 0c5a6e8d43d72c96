/* The log entry: deterministic CBOR, one table. Its sequence number is its index in the Merkle tree. Who folds entries
 * into state is not here; nor is it said that an entry is in a log: that is its ticket. */
#ifndef MS_ENTRY_H
#define MS_ENTRY_H
#include "audit/merkle.h"

#define MS_ENTRY_VERSION 1u
#define MS_ENTRY_MAX 60000u           /* bytes of an entry */
#define MS_ENTRY_DATA_MAX (48u << 10) /* bytes of its data */

struct ms_entry {
	uint64_t present;
	uint64_t v; /* MS_ENTRY_VERSION */
	uint64_t seq;
	uint64_t time_s;
	struct ms_span tenant; /* a name (ms_name_ok), "*", or empty: what concerns the whole deployment */
	struct ms_span kind;   /* "cert.issue": ms_name_ok */
	struct ms_span actor;  /* "device:<id>", "operator:<key id>", "server", "factory:..." */
	struct ms_span subject;
	struct ms_span request;  /* SHA-256 of the request */
	struct ms_span decision; /* "ok", "denied" or "fail" */
	struct ms_span reason;   /* optional */
	struct ms_span policy;   /* optional, policy id, 32 bytes */
	struct ms_span evidence; /* optional, evidence id, 32 bytes */
	struct ms_span act;      /* optional, SHA-256 of the parameters of the act that keeper does under this leaf */
	struct ms_span data;     /* optional, one CBOR item of the kind's own form */
};
/* Bits of `present` for the optional members (MS_CBOR_BIT of these). */
enum ms_entry_key {
	MS_ENTRY_REASON = 10,
	MS_ENTRY_POLICY = 11,
	MS_ENTRY_EVIDENCE = 12,
	MS_ENTRY_ACT = 13,
	MS_ENTRY_DATA = 14,
};
/* MS_ERR_MALFORMED or MS_ERR_TOO_BIG; spans borrow. */
MS_MUST_USE enum ms_rc ms_entry_parse(struct ms_span s, struct ms_entry *ret, struct ms_err *err);
/* Append. `v` and `present` are not looked at: an optional member goes when it is not empty. MS_ERR_USAGE, MS_ERR_TOO_BIG. */
MS_MUST_USE enum ms_rc ms_entry_build(const struct ms_entry *e, struct ms_buf *out, struct ms_err *err);

#endif
