/* Reference sets: what good machines measure. Values of PCRs, digests of boot events, digests of files by path, and keys that
 * sign files; each value knows where it came from. Captured from a known good device, built from files or CoRIM, or merged.
 *
 * CBOR map {1: name, 2: version, 3: model, 4: map {PCR: array of 1.. digests, sorted, unique}, 5: source, 6: captured_s} and,
 * where there is some: {7: notes, array of [source, captured_s]; 8: note of each value of 4 (bytes, 0: the set's own source);
 * 9: events, map as 4; 10: notes of 9; 11: files; 12: parts, array of [SHA-256, bytes, files], instead of 11; 13: keys, array of
 * DER, sorted; 14: true: for all models, and then 3 is not there}. Files are an array, sorted by path, hash and digest, of
 * pairs: path (bytes), and u8 hash | u8 note | digest (bytes). A part is such an array, and the parts in a row are one. */
#ifndef MS_REFERENCE_H
#define MS_REFERENCE_H
#include "evidence/appraisal.h"

#define MS_REFERENCE_NAME_MAX 64u     /* of [a-z0-9._-] */
#define MS_REFERENCE_MODEL_MAX 64u    /* UTF-8 */
#define MS_REFERENCE_SOURCE_MAX 80u   /* a device id or another text, or empty; of a note as well */
#define MS_REFERENCE_DIGESTS_MAX 64u  /* for one PCR */
#define MS_REFERENCE_EVENTS_MAX 8192u /* of all PCRs */
#define MS_REFERENCE_NOTES_MAX 255u
#define MS_REFERENCE_KEYS_MAX 64u
#define MS_REFERENCE_KEY_MAX 2048u /* DER of one */
#define MS_REFERENCE_FILES_MAX 400000u
#define MS_REFERENCE_PATH_MAX 1024u
#define MS_REFERENCE_PART_MAX 786432u
#define MS_REFERENCE_PARTS_MAX 64u
#define MS_REFERENCE_WIRE_MAX 786432u /* a set without parts, or its header */
#define MS_REFERENCE_ID_LEN 32u

struct ms_reference_more; /* events, files, keys, notes: reference_int.h */
struct ms_reference {
	char name[MS_REFERENCE_NAME_MAX + 1];
	char model[MS_REFERENCE_MODEL_MAX + 1]; /* empty: all_models */
	char source[MS_REFERENCE_SOURCE_MAX + 1];
	uint64_t version;                /* from 1 */
	uint64_t captured_s;             /* wall clock */
	struct ms_pcr_accept *rows;      /* owned; by PCR, then by digest, unique */
	size_t n;                        /* 0 only when the set has something else */
	bool all_models;                 /* written out; never meant by an empty name */
	uint8_t id[MS_REFERENCE_ID_LEN]; /* SHA-256 of its CBOR; parts are in it by theirs */
	struct ms_reference_more *more;  /* owned; NULL: nothing but PCRs */
};
void ms_reference_free(struct ms_reference *r);
MS_CLEANUP(struct ms_reference, ms_reference_free)

/* MS_OK: caller owns *ret. Says nothing about who made it. MS_ERR_MALFORMED, MS_ERR_TOO_BIG, MS_ERR_NOMEM; MS_ERR_UNSUPPORTED
 * for the header of a set in parts: ms_reference_join(). */
MS_MUST_USE enum ms_rc ms_reference_parse(struct ms_span cbor, struct ms_reference **ret, struct ms_err *err);
/* Append it. What this builds, ms_reference_parse takes; MS_ERR_USAGE for what it would not, MS_ERR_TOO_BIG when it takes
 * parts: ms_reference_split(). */
MS_MUST_USE enum ms_rc ms_reference_build(const struct ms_reference *r, struct ms_buf *out, struct ms_err *err);

/* ---- sets of any size, as objects that fit a message (reference_parts.c) ---- */

typedef enum ms_rc (*ms_reference_put_fn)(void *ctx, const uint8_t id[static MS_REFERENCE_ID_LEN], struct ms_span part, struct ms_err *err);
/* Append the header to `out` and give each part to `put`; a set that fits its header has no parts. Errors of `put` are returned. */
MS_MUST_USE enum ms_rc ms_reference_split(
    const struct ms_reference *r, struct ms_buf *out, ms_reference_put_fn put, void *ctx, struct ms_err *err);
/* The part's bytes, appended. They are hashed by the caller of this, so need not be trusted. */
typedef enum ms_rc (*ms_reference_get_fn)(void *ctx, const uint8_t id[static MS_REFERENCE_ID_LEN], struct ms_buf *out, struct ms_err *err);
/* Header (or a whole set) and parts to a set. `get` may be NULL: then MS_ERR_UNSUPPORTED when there are parts. MS_ERR_AUTH: a
 * part is not what the header names; MS_ERR_MALFORMED, MS_ERR_TOO_BIG; errors of `get` are returned. */
MS_MUST_USE enum ms_rc ms_reference_join(
    struct ms_span header, ms_reference_get_fn get, void *ctx, struct ms_reference **ret, struct ms_err *err);
struct ms_reference_parts {
	size_t n; /* 0: the set is whole */
	uint8_t id[MS_REFERENCE_PARTS_MAX][MS_REFERENCE_ID_LEN];
};
/* What parts a header names. */
MS_MUST_USE enum ms_rc ms_reference_parts(struct ms_span header, struct ms_reference_parts *ret, struct ms_err *err);
/* Before a part is stored: is it one? */
MS_MUST_USE enum ms_rc ms_reference_part_check(struct ms_span part, struct ms_err *err);

/* ---- building (reference_build.c) ---- */

struct ms_reference_source {
	struct ms_span name, model, device; /* device: where the values come from, a device id or another text */
	uint64_t version, captured_s;
	bool all_models; /* then model is empty */
};
/* One digest for each PCR of mask, from proven values. MS_ERR_USAGE for an empty mask, a PCR that is not there, a bad
 * name or model, or an all-zero PCR 0 (no firmware measured itself: nothing to trust). */
MS_MUST_USE enum ms_rc ms_reference_capture(
    const struct ms_reference_source *src, const struct ms_pcrs *pcrs, uint32_t mask, struct ms_reference **ret, struct ms_err *err);
/* Union of both, value by value; name, model and source are a's, captured_s the later, version is the higher plus 1. Values
 * that only b has keep b's source as their note. MS_ERR_USAGE when name or model differ, MS_ERR_TOO_BIG above a cap. */
MS_MUST_USE enum ms_rc ms_reference_merge(
    const struct ms_reference *a, const struct ms_reference *b, struct ms_reference **ret, struct ms_err *err);

/* Values in any order, one by one; a value that is there stays one. Each function: MS_ERR_USAGE (the text says what of the
 * value is wrong), MS_ERR_TOO_BIG (the text names the cap), MS_ERR_NOMEM. */
struct ms_reference_builder;
MS_MUST_USE enum ms_rc ms_reference_builder_new(
    const struct ms_reference_source *src, struct ms_reference_builder **ret, struct ms_err *err);
void ms_reference_builder_free(struct ms_reference_builder *b);
MS_CLEANUP(struct ms_reference_builder, ms_reference_builder_free)
/* Values added from here on come from there; empty and 0: the set's own source again. */
MS_MUST_USE enum ms_rc ms_reference_add_note(
    struct ms_reference_builder *b, struct ms_span source, uint64_t captured_s, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_reference_add_pcr(
    struct ms_reference_builder *b, unsigned pcr, const uint8_t digest[static MS_PCR_LEN], struct ms_err *err);
MS_MUST_USE enum ms_rc ms_reference_add_event(
    struct ms_reference_builder *b, unsigned pcr, const uint8_t digest[static MS_PCR_LEN], struct ms_err *err);
/* `hash` in the kernel's numbers: 2 SHA-1, 4 SHA-256, 5 SHA-384, 6 SHA-512. */
MS_MUST_USE enum ms_rc ms_reference_add_file(
    struct ms_reference_builder *b, struct ms_span path, uint8_t hash, struct ms_span digest, struct ms_err *err);
/* A public key or certificate in DER, as ms_ima_keyring_add() takes. */
MS_MUST_USE enum ms_rc ms_reference_add_key(struct ms_reference_builder *b, struct ms_span der, struct ms_err *err);
/* Of an appraisal that explains its PCRs: boot events of the PCRs in `events`, and the files when `files`: not violations, not
 * the boot aggregate. */
MS_MUST_USE enum ms_rc ms_reference_add_appraisal(
    struct ms_reference_builder *b, const struct ms_appraisal *a, uint32_t events, bool files, struct ms_err *err);
/* Everything of a set, with where it came from. */
MS_MUST_USE enum ms_rc ms_reference_add_set(struct ms_reference_builder *b, const struct ms_reference *r, struct ms_err *err);
/* MS_OK: caller owns *ret; the builder is empty. MS_ERR_USAGE: there is no value at all. */
MS_MUST_USE enum ms_rc ms_reference_finish(struct ms_reference_builder *b, struct ms_reference **ret, struct ms_err *err);

/* ---- looking up (reference_look.c) ---- */

/* PCRs that have at least one digest. */
uint32_t ms_reference_mask(const struct ms_reference *r);
bool ms_reference_for_model(const struct ms_reference *r, struct ms_span model);
struct ms_reference_note {
	struct ms_span source; /* borrowed */
	uint64_t captured_s;
};
struct ms_reference_note ms_reference_row_note(const struct ms_reference *r, size_t row); /* of r->rows */

size_t ms_reference_n_events(const struct ms_reference *r);
/* By PCR, then by digest. */
const struct ms_pcr_accept *ms_reference_event_at(
    const struct ms_reference *r, size_t i, struct ms_reference_note *ret_note); /* note: may be NULL */
bool ms_reference_has_event(const struct ms_reference *r, unsigned pcr, const uint8_t digest[static MS_PCR_LEN]);
uint32_t ms_reference_event_mask(const struct ms_reference *r); /* PCRs that have at least one */

struct ms_reference_file {
	struct ms_span path, digest; /* borrowed from the set */
	uint8_t hash;
	struct ms_reference_note note;
};
size_t ms_reference_n_files(const struct ms_reference *r);
struct ms_reference_file ms_reference_file_at(const struct ms_reference *r, size_t i); /* i < n; by path */
/* Each in O(log n). */
bool ms_reference_has_file(const struct ms_reference *r, struct ms_span path, uint8_t hash, struct ms_span digest);
bool ms_reference_has_path(
    const struct ms_reference *r, struct ms_span path, struct ms_reference_file *ret); /* the first of it; ret may be NULL */
bool ms_reference_has_digest(
    const struct ms_reference *r, uint8_t hash, struct ms_span digest, struct ms_reference_file *ret); /* the first of it */

size_t ms_reference_n_keys(const struct ms_reference *r);
struct ms_span ms_reference_key_at(const struct ms_reference *r, size_t i); /* DER; sorted */
/* Bytes of memory that the set holds, for metrics and tests. */
size_t ms_reference_memory(const struct ms_reference *r);

#endif
