/* Reference sets: which digests each PCR of one model may have. Captured from a known good device or merged;
 * CBOR map {1: name, 2: version, 3: model, 4: map {PCR: array of 1.. digests, sorted, unique}, 5: source device, 6: captured_s}. */
#ifndef MS_REFERENCE_H
#define MS_REFERENCE_H
#include "evidence/pcrs.h"

#define MS_REFERENCE_NAME_MAX 64u    /* of [a-z0-9._-] */
#define MS_REFERENCE_MODEL_MAX 64u   /* UTF-8 */
#define MS_REFERENCE_SOURCE_MAX 80u  /* a device id, or empty */
#define MS_REFERENCE_DIGESTS_MAX 64u /* for one PCR */
#define MS_REFERENCE_WIRE_MAX 65536u

struct ms_reference {
	char name[MS_REFERENCE_NAME_MAX + 1];
	char model[MS_REFERENCE_MODEL_MAX + 1];
	char source[MS_REFERENCE_SOURCE_MAX + 1];
	uint64_t version;           /* from 1 */
	uint64_t captured_s;        /* wall clock */
	struct ms_pcr_accept *rows; /* owned; by PCR, then by digest, unique */
	size_t n;                   /* at least 1 */
};
void ms_reference_free(struct ms_reference *r);
MS_CLEANUP(struct ms_reference, ms_reference_free)

/* MS_OK: caller owns *ret. Says nothing about who made it. MS_ERR_MALFORMED, MS_ERR_TOO_BIG, MS_ERR_NOMEM. */
MS_MUST_USE enum ms_rc ms_reference_parse(struct ms_span cbor, struct ms_reference **ret, struct ms_err *err);
/* Append it. What this builds, ms_reference_parse takes; MS_ERR_USAGE for what it would not. */
MS_MUST_USE enum ms_rc ms_reference_build(const struct ms_reference *r, struct ms_buf *out, struct ms_err *err);

struct ms_reference_source {
	struct ms_span name, model, device; /* device: where the values come from */
	uint64_t version, captured_s;
};
/* One digest for each PCR of mask, from proven values. MS_ERR_USAGE for an empty mask, a PCR that is not there, a bad
 * name or model, or an all-zero PCR 0 (no firmware measured itself: nothing to trust). */
MS_MUST_USE enum ms_rc ms_reference_capture(
    const struct ms_reference_source *src, const struct ms_pcrs *pcrs, uint32_t mask, struct ms_reference **ret, struct ms_err *err);
/* Union of both, digest by digest; name, model and source are a's, captured_s the later, version is the higher plus 1.
 * MS_ERR_USAGE when name or model differ, MS_ERR_TOO_BIG above the cap. */
MS_MUST_USE enum ms_rc ms_reference_merge(
    const struct ms_reference *a, const struct ms_reference *b, struct ms_reference **ret, struct ms_err *err);
/* PCRs that have at least one digest. */
uint32_t ms_reference_mask(const struct ms_reference *r);

#endif
