/* Claims: what evidence says of a device, in one form for every attester, for policy to judge. A claim is proven when it was
 * read from bytes whose digest was recomputed and is part of what signed evidence covers; a claim that was read from bytes
 * which nothing binds is `unproven`: shown, never silently trusted. The names are a catalogue (claim_names.h). */
#ifndef MS_CLAIMS_H
#define MS_CLAIMS_H
#include "base/bytes.h"

#define MS_CLAIMS_MAX 4096u      /* of one device */
#define MS_CLAIM_VALUE_MAX 4096u /* bytes of a text or of bytes; a longer text is cut by who reads it, and says so with "..." */
#define MS_CLAIMS_WIRE_MAX (1u << 20)

enum ms_claim_type { MS_CLAIM_BOOL, MS_CLAIM_UINT, MS_CLAIM_TEXT, MS_CLAIM_BYTES };
struct ms_claim_name {
	const char *name; /* "boot.secure-boot" */
	enum ms_claim_type type;
	bool many; /* may be there more than once: a set */
	bool may_be_unproven;
	const char *doc; /* one sentence */
};
const struct ms_claim_name *ms_claim_name_at(size_t i);              /* NULL past the end; sorted by name */
const struct ms_claim_name *ms_claim_name_find(struct ms_span name); /* NULL: there is none */
const char *ms_claim_type_name(enum ms_claim_type t);                /* "bool", "number", "text", "bytes" */

struct ms_claim {
	const struct ms_claim_name *name;
	bool proven;
	uint64_t number;      /* bool: 0 or 1; uint */
	struct ms_span bytes; /* text (UTF-8) or bytes; borrowed from the set */
};
/* A set of claims, in the order in which they were added; owns its bytes. */
struct ms_claims;
MS_MUST_USE enum ms_rc ms_claims_new(struct ms_claims **ret, struct ms_err *err);
void ms_claims_free(struct ms_claims *c);
MS_CLEANUP(struct ms_claims, ms_claims_free)
size_t ms_claims_count(const struct ms_claims *c);
const struct ms_claim *ms_claims_at(const struct ms_claims *c, size_t i); /* borrowed until the next add */
/* The next claim of this name from index *from on, which is moved past it; NULL when there is none. Begin with *from = 0. */
const struct ms_claim *ms_claims_next(const struct ms_claims *c, struct ms_span name, size_t *from);

/* Add one. `name` is of the catalogue and of this type (else an assertion: our own mistake). A `many` claim that is there already
 * with the same value stays one, proven if both are; a second value of a single claim is MS_ERR_MALFORMED: the evidence
 * contradicts itself. Text that is not UTF-8 is added as hex with "hex:" before it. MS_ERR_TOO_BIG above MS_CLAIMS_MAX. */
MS_MUST_USE enum ms_rc ms_claims_add_bool(struct ms_claims *c, const char *name, bool proven, bool v, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_claims_add_uint(struct ms_claims *c, const char *name, bool proven, uint64_t v, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_claims_add_text(struct ms_claims *c, const char *name, bool proven, struct ms_span v, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_claims_add_bytes(struct ms_claims *c, const char *name, bool proven, struct ms_span v, struct ms_err *err);
/* Those of `from` whose names begin with `prefix`, added to c; as the functions above. */
MS_MUST_USE enum ms_rc ms_claims_merge_of(struct ms_claims *c, const struct ms_claims *from, const char *prefix, struct ms_err *err);
/* A claim of another set, as it is there; as the functions above. */
MS_MUST_USE enum ms_rc ms_claims_add(struct ms_claims *c, const struct ms_claim *one, struct ms_err *err);
/* All of `from`, added to c; as the functions above. */
MS_MUST_USE enum ms_rc ms_claims_merge(struct ms_claims *c, const struct ms_claims *from, struct ms_err *err);

/* CBOR array of [name text, proven bool, value]: appended. What is built parses. */
MS_MUST_USE enum ms_rc ms_claims_build(const struct ms_claims *c, struct ms_buf *out, struct ms_err *err);
/* From a worker or the store: unknown names, other types and doubles are refused. MS_ERR_MALFORMED, MS_ERR_TOO_BIG. */
MS_MUST_USE enum ms_rc ms_claims_parse(struct ms_span cbor, struct ms_claims **ret, struct ms_err *err);
/* The value for people: "true", "7", text as it is, bytes as hex. Cut to fit. */
void ms_claim_text(const struct ms_claim *c, char *out, size_t size);

#endif
