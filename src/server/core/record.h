/* What reading operations answer with: maps with text keys in deterministic order, whatever order they were filled in. */
#ifndef MS_CORE_RECORD_H
#define MS_CORE_RECORD_H
#include "codec/cbor.h"

#define MS_RECORD_ITEMS_MAX 48u
#define MS_RECORD_BYTES_MAX (4u << 20)

struct ms_record {
	struct ms_buf mem; /* encoded values, in a row */
	size_t n;
	struct {
		const char *key; /* static */
		size_t off, len;
	} item[MS_RECORD_ITEMS_MAX];
};
void ms_record_init(struct ms_record *r);
void ms_record_fini(struct ms_record *r); /* safe on a zeroed struct */
MS_CLEANUP_FINI(struct ms_record, ms_record_fini)
/* Keys are static strings, each used once. Errors stick until ms_record_build(). */
void ms_record_text(struct ms_record *r, const char *key, struct ms_span s);
void ms_record_uint(struct ms_record *r, const char *key, uint64_t v);
void ms_record_bytes(struct ms_record *r, const char *key, struct ms_span s);
void ms_record_hex(struct ms_record *r, const char *key, struct ms_span s); /* as text, lower case; at most 64 bytes */
void ms_record_bool(struct ms_record *r, const char *key, bool v);
void ms_record_raw(struct ms_record *r, const char *key, struct ms_span item); /* one item encoded before */
/* Append the map and begin anew. */
MS_MUST_USE enum ms_rc ms_record_build(struct ms_record *r, struct ms_buf *out, struct ms_err *err);

#endif
