/* What a reference set holds beside values of PCRs, shared by the files that read, build and look it up. */
#ifndef MS_REFERENCE_INT_H
#define MS_REFERENCE_INT_H
#include "policy/reference.h"

/* One file is a pair of CBOR byte strings, path and value; the value begins with these two bytes, its digest follows. */
#define MS_REFERENCE_VALUE_HASH 0u
#define MS_REFERENCE_VALUE_NOTE 1u
#define MS_REFERENCE_VALUE_HEAD 2u
#define MS_REFERENCE_PAIR_MAX (3u + MS_REFERENCE_PATH_MAX + 2u + MS_REFERENCE_VALUE_HEAD + 64u)

struct ms_reference_origin {
	char source[MS_REFERENCE_SOURCE_MAX + 1];
	uint64_t captured_s;
};
struct ms_reference_by_digest {
	uint32_t prefix; /* first four bytes of the digest: most comparisons end here */
	uint32_t at;
};
/* All pairs in one allocation, as they are on the wire, and two indexes into it: 12 bytes a file. */
struct ms_reference_files {
	uint8_t *bytes;
	size_t len, cap;
	uint32_t *by_path; /* offsets of pairs, in the order of the wire: by path, hash, digest */
	size_t n, index_cap;
	struct ms_reference_by_digest *by_digest; /* by prefix, hash, digest, path */
};
struct ms_reference_more {
	struct ms_reference_origin *notes; /* note k of a value is notes[k - 1] */
	size_t n_notes;
	uint8_t *row_note; /* of each row; NULL: none has one */
	struct ms_pcr_accept *events;
	size_t n_events;
	uint8_t *event_note;
	struct ms_span *keys; /* owned array, each with bytes of its own */
	size_t n_keys;
	struct ms_reference_files files;
};
MS_MUST_USE enum ms_rc ms_reference_more_new(struct ms_reference *r, struct ms_err *err); /* r->more, if there is none yet */
void ms_reference_more_free(struct ms_reference_more *m);

/* One pair, decoded. `at` is an offset that an index holds. */
struct ms_reference_pair {
	struct ms_span path, value;
};
struct ms_reference_pair ms_reference_pair_at(const uint8_t *bytes, size_t at);
/* By path, hash, digest; the note does not count. */
int ms_reference_pair_cmp(const struct ms_reference_pair *a, const struct ms_reference_pair *b);
bool ms_reference_pair_ok(struct ms_span path, uint8_t hash, struct ms_span digest, struct ms_err *err);
size_t ms_reference_hash_len(uint8_t hash); /* 0: not one that sets may hold */
/* Every hash has more bytes than these. */
static inline uint32_t
ms_reference_prefix(struct ms_span digest)
{
	return (uint32_t)digest.p[0] << 24 | (uint32_t)digest.p[1] << 16 | (uint32_t)digest.p[2] << 8 | digest.p[3];
}

/* Room for so much in all, once. */
MS_MUST_USE enum ms_rc ms_reference_files_reserve(struct ms_reference_files *f, size_t bytes, size_t files, struct ms_err *err);
/* Take an array of pairs, all above what is there; notes up to n_notes. MS_ERR_MALFORMED, MS_ERR_TOO_BIG. */
MS_MUST_USE enum ms_rc ms_reference_files_take(struct ms_reference_files *f, struct ms_span array, size_t n_notes, struct ms_err *err);
/* After the last: build the index by digest. */
MS_MUST_USE enum ms_rc ms_reference_files_index(struct ms_reference_files *f, struct ms_err *err);
/* End of the longest run of pairs from number `from` on that makes an array of at most `max` bytes. */
size_t ms_reference_files_run(const struct ms_reference_files *f, size_t from, size_t max);
struct ms_span ms_reference_files_bytes(const struct ms_reference_files *f, size_t from, size_t to);

struct ms_reference_part_name {
	uint8_t id[MS_REFERENCE_ID_LEN];
	uint64_t len, files;
};
struct ms_reference_part_list {
	size_t n;
	struct ms_reference_part_name item[MS_REFERENCE_PARTS_MAX];
};
/* Everything but files that are in parts: those are named in *parts. *ret has no index by digest yet. */
MS_MUST_USE enum ms_rc ms_reference_header_parse(
    struct ms_span cbor, struct ms_reference **ret, struct ms_reference_part_list *parts, struct ms_err *err);
/* Append. `parts` NULL: files are inline. */
MS_MUST_USE enum ms_rc ms_reference_header_build(
    const struct ms_reference *r, const struct ms_reference_part_list *parts, struct ms_buf *out, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_reference_set_names(struct ms_reference *r, const struct ms_reference_source *src, struct ms_err *err);

#endif
