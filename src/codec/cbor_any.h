/* CBOR as others write it (RFC 8949 3): heads of any length, indefinite lengths, tags, floats, keys in any order. For tokens
 * and manifests that are not ours; what Muster itself signs and stores is codec/cbor.h. Still refused: a key twice in a map
 * (whatever the length of its heads), arrays, maps, tags and chunked strings as keys, text that is not UTF-8 or has a NUL,
 * reserved heads, depth and counts above the caps. Nothing is copied: all spans borrow from the input. */
#ifndef MS_CBOR_ANY_H
#define MS_CBOR_ANY_H
#include "base/rd.h"

#define MS_ANY_DEPTH_MAX 32u     /* arrays, maps, tags and chunked strings around an item */
#define MS_ANY_ITEMS_MAX 262144u /* in the whole input, each key, value and chunk */
#define MS_ANY_INPUT_MAX (8u << 20)

enum ms_any_type {
	MS_ANY_NONE, /* nothing was found; all is zero */
	MS_ANY_UINT,
	MS_ANY_NINT,
	MS_ANY_BYTES,
	MS_ANY_TEXT,
	MS_ANY_ARRAY,
	MS_ANY_MAP,
	MS_ANY_TAG,
	MS_ANY_BOOL,
	MS_ANY_NULL,
	MS_ANY_UNDEFINED,
	MS_ANY_FLOAT,
	MS_ANY_SIMPLE, /* another simple value */
};
/* One item of an input that was checked as a whole. */
struct ms_any {
	enum ms_any_type type;
	bool chunked;        /* a string of indefinite length with two chunks or more: body is their encoding, not the string */
	uint64_t value;      /* uint; nint: the number is -1 - value; bool; tag and simple: their number; float: bits of the double;
	                      * array: items; map: pairs; string: bytes, of all chunks */
	struct ms_span raw;  /* the whole item */
	struct ms_span body; /* string: its bytes; array, map: the items; tag: the item inside */
};

/* Is s exactly one item? MS_ERR_MALFORMED (with the offset), MS_ERR_TOO_BIG (a cap), MS_ERR_UNSUPPORTED (a key of another
 * type), MS_ERR_NOMEM. Not recursive; cost is n log n. */
MS_MUST_USE enum ms_rc ms_any_parse(struct ms_span s, struct ms_any *ret, struct ms_err *err);

/* *ret may be the container itself. Walk the items of an array, or of a map (key, value, key, ...). False at the end. */
struct ms_any_iter {
	struct ms_rd rd;
};
struct ms_any_iter ms_any_items(const struct ms_any *container); /* of anything else: no items */
bool ms_any_next(struct ms_any_iter *it, struct ms_any *ret);
/* Member of a map by its key; false, and *ret zero, when there is none or it is not a map. */
bool ms_any_get(const struct ms_any *map, int64_t key, struct ms_any *ret);
bool ms_any_get_text(const struct ms_any *map, const char *key, struct ms_any *ret);
/* Item i of an array, from 0; likewise. */
bool ms_any_at(const struct ms_any *array, size_t i, struct ms_any *ret);
/* The item inside a tag of this number; likewise. */
bool ms_any_untag(const struct ms_any *a, uint64_t tag, struct ms_any *ret);

/* Is it this, and what? False otherwise, and *ret is left alone. Chunked strings are not taken: see ms_any_join(). */
bool ms_any_is_uint(const struct ms_any *a, uint64_t *ret);
bool ms_any_is_int(const struct ms_any *a, int64_t *ret); /* of either sign, in int64_t */
bool ms_any_is_bytes(const struct ms_any *a, struct ms_span *ret);
bool ms_any_is_text(const struct ms_any *a, struct ms_span *ret);
bool ms_any_is_bool(const struct ms_any *a, bool *ret);
double ms_any_double(const struct ms_any *a); /* of a float; else 0 */
/* Append the bytes of any string, chunked or not. */
void ms_any_join(const struct ms_any *a, struct ms_buf *out);

#endif
