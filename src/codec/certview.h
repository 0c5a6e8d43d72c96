/* A foreign X.509 certificate as bytes (RFC 5280 4.1): where its parts are. Pure parsing: says nothing about who signed it.
 * Taken as found in the wild: serials of any sign and length, RDN sets in any order, any extension; but DER. */
#ifndef MS_CERTVIEW_H
#define MS_CERTVIEW_H
#include "codec/der.h"

#define MS_CERTVIEW_MAX 16384u
#define MS_CERTVIEW_EXTENSIONS_MAX 64u

struct ms_certview {
	struct ms_span der, tbs;
	struct ms_span serial;          /* content of the INTEGER, as it is */
	struct ms_span issuer, subject; /* Name, whole TLV */
	struct ms_span spki;            /* whole TLV */
	uint64_t not_before_s, not_after_s;
	struct ms_span extensions; /* content of the SEQUENCE; empty: none */
};
/* Exactly one certificate. MS_ERR_TOO_BIG, MS_ERR_MALFORMED. Spans borrow from der. */
MS_MUST_USE enum ms_rc ms_certview_parse(struct ms_span der, struct ms_certview *ret, struct ms_err *err);
/* The content of extnValue; false when there is none. Each kind is there once: parsing saw to it. */
bool ms_certview_extension(const struct ms_certview *v, struct ms_span oid, struct ms_span *ret, bool *ret_critical);
/* The (first) string of this attribute in a Name, UTF-8; empty when it is not there or of another string type. */
struct ms_span ms_certview_attribute(struct ms_span name, struct ms_span oid);
/* Is a SEQUENCE OF OBJECT IDENTIFIER (extended key usage) well-formed, and does it have this one? */
bool ms_certview_has_oid(struct ms_span list, struct ms_span oid);
/* Are algorithm and size of a SubjectPublicKeyInfo such that arithmetic with it is cheap: RSA of 2048 to 4096 bits with an
 * exponent of at most 4 bytes (also named by id-RSAES-OAEP or id-RSASSA-PSS), P-256, P-384, P-521 by name, Ed25519?
 * MS_ERR_MALFORMED, MS_ERR_UNSUPPORTED with what it is. */
MS_MUST_USE enum ms_rc ms_certview_key_ok(struct ms_span spki, struct ms_err *err);

#endif
