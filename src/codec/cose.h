/* COSE_Sign1 (RFC 9052), one strict profile: tag 18; protected header exactly {1: alg, 3: content type, 4: kid};
 * unprotected header empty; payload attached; 64-byte signature. Parse and build only: no crypto here. */
#ifndef MS_COSE_H
#define MS_COSE_H
#include "base/bytes.h"

#define MS_COSE_ES256 (-7)
#define MS_COSE_EDDSA (-8)
#define MS_COSE_SIG_LEN 64u
#define MS_COSE_KID_MAX 64u
#define MS_COSE_TYPE_MAX 128u
#define MS_COSE_MAX (16u << 20) /* bytes of a whole message */

/* All spans borrow from the parsed bytes. Nothing here is proven until the signature is. */
struct ms_cose_sign1 {
	struct ms_span header; /* the protected header as it was signed */
	int64_t alg;           /* MS_COSE_ES256 or MS_COSE_EDDSA */
	struct ms_span kid;
	struct ms_span content_type;
	struct ms_span payload;
	struct ms_span signature; /* MS_COSE_SIG_LEN bytes */
};

/* MS_ERR_MALFORMED, MS_ERR_TOO_BIG, or MS_ERR_UNSUPPORTED (another algorithm). */
MS_MUST_USE enum ms_rc ms_cose_parse(struct ms_span s, struct ms_cose_sign1 *ret, struct ms_err *err);
/* Append the protected header (the map itself, not wrapped). MS_ERR_USAGE on an unknown alg or a length out of cap. */
MS_MUST_USE enum ms_rc ms_cose_build_header(
    int64_t alg, struct ms_span kid, struct ms_span content_type, struct ms_buf *out, struct ms_err *err);
/* Append Sig_structure ["Signature1", header, external_aad, payload] (RFC 9052 4.4): the bytes that are signed. */
void ms_cose_build_tbs(struct ms_span header, struct ms_span external_aad, struct ms_span payload, struct ms_buf *out);
/* Append the tagged message. */
void ms_cose_build(struct ms_span header, struct ms_span payload, const uint8_t sig[static MS_COSE_SIG_LEN], struct ms_buf *out);

#endif
