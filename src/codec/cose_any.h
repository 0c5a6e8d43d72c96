/* COSE_Sign1 (RFC 9052 4.2) as others write it: tagged (18) or not, parameters in either header, any encoding of CBOR. Our
 * own messages are codec/cose.h. Parse only: crypto/cosesig_any.h verifies. */
#ifndef MS_COSE_ANY_H
#define MS_COSE_ANY_H
#include "codec/cbor_any.h"

/* RFC 9053, IANA COSE registries. */
#define MS_COSE_ALG_ES256 (-7)
#define MS_COSE_ALG_EDDSA (-8)
#define MS_COSE_ALG_ES384 (-35)
#define MS_COSE_ALG_ES512 (-36)
#define MS_COSE_ALG_PS256 (-37)
#define MS_COSE_ALG_PS384 (-38)
#define MS_COSE_ALG_PS512 (-39)

/* All spans borrow from the parsed bytes. Nothing here is proven until the signature is. */
struct ms_cose_any {
	struct ms_span header;              /* the protected header's bytes, as they are signed; may be empty */
	struct ms_any is_protected, is_not; /* the two maps; the first of type MS_ANY_NONE when header is empty */
	int64_t alg;
	bool alg_protected;          /* the algorithm is in the protected header: else it is not signed */
	struct ms_span kid;          /* of either; empty: none */
	struct ms_span content_type; /* text, protected only; empty: none or a number */
	struct ms_span payload;
	struct ms_span signature;
};
/* Refused: no alg at all, a label in both headers, crit in the unprotected one or with labels that are not
 * in the protected one or that nobody here understands (RFC 9052 3.1), a detached payload (null), other types and counts.
 * MS_ERR_MALFORMED, MS_ERR_TOO_BIG, MS_ERR_UNSUPPORTED (crit), MS_ERR_NOMEM. */
MS_MUST_USE enum ms_rc ms_cose_any_parse(struct ms_span s, struct ms_cose_any *ret, struct ms_err *err);
/* The same of an item that is part of something that was parsed: a COSE_Sign1 inside an array. */
MS_MUST_USE enum ms_rc ms_cose_any_from(const struct ms_any *item, struct ms_cose_any *ret, struct ms_err *err);

#endif
