/* Deterministic CBOR (RFC 8949 4.2.1), the one form in which Muster signs, stores and sends things: shortest
 * heads, definite lengths, map keys sorted bytewise and unique, UTF-8 text, depth <= 16; no floats, no tags,
 * no simple values but false, true and null. What is read here encodes back to the same bytes. */
#ifndef MS_CBOR_H
#define MS_CBOR_H
#include "base/rd.h"

#define MS_CBOR_DEPTH_MAX 16u

enum ms_cbor_type {
	MS_CBOR_NONE, /* the end, or a poisoned reader */
	MS_CBOR_UINT,
	MS_CBOR_NINT, /* a negative integer */
	MS_CBOR_BYTES,
	MS_CBOR_TEXT,
	MS_CBOR_ARRAY,
	MS_CBOR_MAP,
	MS_CBOR_BOOL,
	MS_CBOR_NULL,
};

/* Writers. Errors stick in the buffer (ms_buf_check). Array and map heads are followed by n items or n pairs;
 * putting map keys in order is the caller's duty: prefer a table (below), else ms_cbor_check() the result. */
void ms_cbor_uint(struct ms_buf *b, uint64_t v);
void ms_cbor_int(struct ms_buf *b, int64_t v);
void ms_cbor_bytes(struct ms_buf *b, struct ms_span s);
void ms_cbor_text(struct ms_buf *b, const char *s);         /* UTF-8, else the buffer turns bad */
void ms_cbor_text_span(struct ms_buf *b, struct ms_span s); /* as above */
void ms_cbor_array(struct ms_buf *b, size_t n);
void ms_cbor_map(struct ms_buf *b, size_t n);
void ms_cbor_bool(struct ms_buf *b, bool v);
void ms_cbor_null(struct ms_buf *b);
void ms_cbor_raw(struct ms_buf *b, struct ms_span item); /* one item encoded before */

/* Is s exactly one item, in the form above, nested at most max_depth (<= MS_CBOR_DEPTH_MAX) arrays and maps deep?
 * MS_ERR_MALFORMED (not that form, or bytes after it) or MS_ERR_TOO_BIG (depth). Not recursive; cost is linear. */
MS_MUST_USE enum ms_rc ms_cbor_check(struct ms_span s, unsigned max_depth, struct ms_err *err);

/* A reader over exactly one item. The whole input is checked when the reader is made, so counts returned by
 * ms_cbor_read_array/map are really there and keys are in order. Sticky: an input that fails the check, or a read
 * of another type than what comes next, poisons the reader; later reads give zeros. End with ms_cbor_done(). */
struct ms_cbor {
	struct ms_rd rd;
};
struct ms_cbor ms_cbor_over(struct ms_span s);
enum ms_cbor_type ms_cbor_peek(const struct ms_cbor *c);
uint64_t ms_cbor_read_uint(struct ms_cbor *c);
int64_t ms_cbor_read_int(struct ms_cbor *c);          /* of either sign; poisons outside int64_t */
struct ms_span ms_cbor_read_bytes(struct ms_cbor *c); /* borrowed from the input; {NULL, 0} when empty */
struct ms_span ms_cbor_read_text(struct ms_cbor *c);  /* UTF-8 without NUL */
size_t ms_cbor_read_array(struct ms_cbor *c);         /* number of items that follow */
size_t ms_cbor_read_map(struct ms_cbor *c);           /* number of key and value pairs that follow */
bool ms_cbor_read_bool(struct ms_cbor *c);
void ms_cbor_read_null(struct ms_cbor *c);
struct ms_span ms_cbor_read_raw(struct ms_cbor *c); /* the next whole item, as its bytes */
void ms_cbor_skip(struct ms_cbor *c);
void ms_cbor_poison(struct ms_cbor *c);
bool ms_cbor_done(const struct ms_cbor *c); /* not poisoned and nothing left */

/* A message is a map with keys 0..63 described once, by a table: ms_cbor_parse_map() and ms_cbor_build_map() both
 * walk its rows. The C struct starts with `uint64_t present`, where bit <key> says that the member came (parse) or
 * goes (build); rows are in rising order of key; it holds the
 * members of the table and nothing else. For example
 *
 *	struct hello { uint64_t present; uint64_t version; struct ms_span nonce; struct ms_span note; };
 *	static const struct ms_cbor_field hello_fields[] = {
 *		MS_CBOR_F_UINT(1, struct hello, version, MS_CBOR_REQ, 1, 1),
 *		MS_CBOR_F_BYTES(2, struct hello, nonce, MS_CBOR_REQ, 32, 32),
 *		MS_CBOR_F_TEXT(3, struct hello, note, MS_CBOR_OPT, 0, 200),
 *	};
 *	static const struct ms_cbor_table hello_table = MS_CBOR_TABLE("hello", struct hello, hello_fields);
 */
enum ms_cbor_need { MS_CBOR_OPT, MS_CBOR_REQ };
enum ms_cbor_kind {
	MS_CBOR_K_UINT,  /* uint64_t, min..max */
	MS_CBOR_K_INT,   /* int64_t */
	MS_CBOR_K_BYTES, /* struct ms_span, min..max bytes */
	MS_CBOR_K_TEXT,  /* struct ms_span, UTF-8, min..max bytes */
	MS_CBOR_K_BOOL,  /* bool */
	MS_CBOR_K_RAW,   /* struct ms_span: any one item, its encoding, at most max bytes; the caller parses it */
	MS_CBOR_K_ARRAY, /* as RAW, but an array */
	MS_CBOR_K_MAP,   /* as RAW, but a map (for a table of its own) */
};
struct ms_cbor_field {
	const char *name; /* in error texts */
	unsigned key;     /* 0..63 */
	enum ms_cbor_kind kind;
	enum ms_cbor_need need;
	uint64_t min, max;
	size_t offset;
};
struct ms_cbor_table {
	const char *name;
	const struct ms_cbor_field *fields;
	size_t n_fields;
	size_t size; /* of the struct */
};
/* Rows; a member of the wrong C type does not compile. */
#define MS_CBOR_AT(T, m, member_type) _Generic(&((T *)0)->m, member_type * : offsetof(T, m))
#define MS_CBOR_F(k, T, m, member_type, a_kind, a_need, lo, hi) \
	{ \
		.name = #m, .key = (k), .kind = (a_kind), .need = (a_need), .min = (lo), .max = (hi), \
		.offset = MS_CBOR_AT(T, m, member_type) \
	}
#define MS_CBOR_F_UINT(k, T, m, need, lo, hi) MS_CBOR_F(k, T, m, uint64_t, MS_CBOR_K_UINT, need, lo, hi)
#define MS_CBOR_F_INT(k, T, m, need) MS_CBOR_F(k, T, m, int64_t, MS_CBOR_K_INT, need, 0, 0)
#define MS_CBOR_F_BYTES(k, T, m, need, lo, hi) MS_CBOR_F(k, T, m, struct ms_span, MS_CBOR_K_BYTES, need, lo, hi)
#define MS_CBOR_F_TEXT(k, T, m, need, lo, hi) MS_CBOR_F(k, T, m, struct ms_span, MS_CBOR_K_TEXT, need, lo, hi)
#define MS_CBOR_F_BOOL(k, T, m, need) MS_CBOR_F(k, T, m, bool, MS_CBOR_K_BOOL, need, 0, 0)
#define MS_CBOR_F_RAW(k, T, m, need, hi) MS_CBOR_F(k, T, m, struct ms_span, MS_CBOR_K_RAW, need, 1, hi)
#define MS_CBOR_F_ARRAY(k, T, m, need, hi) MS_CBOR_F(k, T, m, struct ms_span, MS_CBOR_K_ARRAY, need, 1, hi)
#define MS_CBOR_F_MAP(k, T, m, need, hi) MS_CBOR_F(k, T, m, struct ms_span, MS_CBOR_K_MAP, need, 1, hi)
#define MS_CBOR_TABLE(a_name, T, rows) \
	{ \
		.name = (a_name), .fields = (rows), .n_fields = sizeof(rows) / sizeof *(rows), \
		.size = sizeof(T) + 0 * MS_CBOR_AT(T, present, uint64_t) \
	}
#define MS_CBOR_BIT(key) (UINT64_C(1) << (key))
#define MS_CBOR_HAS(obj, key) (((obj)->present & MS_CBOR_BIT(key)) != 0)

/* Parse one whole map. Unknown keys, missing required keys, other types, lengths and values out of min..max are
 * refused: MS_ERR_MALFORMED, or MS_ERR_TOO_BIG above max; the text names table and row. Fills *obj (a struct of
 * t->size bytes; spans borrow from s; absent members are zero) only on success. */
MS_MUST_USE enum ms_rc ms_cbor_parse_map(const struct ms_cbor_table *t, struct ms_span s, void *obj, struct ms_err *err);
/* Append the map. Required rows always go, optional ones when their bit in `present` is set. MS_ERR_USAGE when a
 * member breaks its row, or an optional member has a value but no bit (nothing is appended then);
 * MS_ERR_TOO_BIG when the buffer is full. What this builds, ms_cbor_parse_map takes. */
MS_MUST_USE enum ms_rc ms_cbor_build_map(const struct ms_cbor_table *t, const void *obj, struct ms_buf *out, struct ms_err *err);

#endif
