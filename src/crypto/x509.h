/* Foreign X.509 certificates: chain building and verification. For our own see identity/cert.h. */
#ifndef MS_X509_H
#define MS_X509_H
#include "base/bytes.h"

#define MS_X509_MAX 16384u /* bytes of one certificate */

/* Trusted: self-signed CA certificates. Others that are CAs' only help to build chains. */
struct ms_x509_store;
MS_MUST_USE enum ms_rc ms_x509_store_new(struct ms_x509_store **ret, struct ms_err *err);
void ms_x509_store_free(struct ms_x509_store *s);
MS_CLEANUP(struct ms_x509_store, ms_x509_store_free)
/* One DER certificate, or PEM text with one or more. MS_ERR_MALFORMED; MS_ERR_USAGE when one is not a CA's;
 * MS_ERR_TOO_BIG above 4000 in the store. */
MS_MUST_USE enum ms_rc ms_x509_store_add(struct ms_x509_store *s, struct ms_span pem_or_der, struct ms_err *err);
size_t ms_x509_store_count(const struct ms_x509_store *s, size_t *ret_roots);

struct ms_x509_chain {
	bool is_ca;
	bool has_eku, eku_tcg_ek; /* extended key usage: there is one; it has tcg-kp-EKCertificate */
	char root[256];           /* subject of the trusted root, RFC 4514 form, escaped, cut to fit */
};
/* Is there a chain of at most 5 from leaf (exactly one DER certificate) to a trusted root, every signature good, at least
 * 112 bits strong? `spki` gets the leaf's SubjectPublicKeyInfo, whatever its algorithm.
 * MS_ERR_NOT_FOUND: no trusted root; MS_ERR_EXPIRED: a time is wrong (now_s; 0 does not ask); MS_ERR_AUTH: all else. */
MS_MUST_USE enum ms_rc ms_x509_verify(
    const struct ms_x509_store *s, struct ms_span leaf, uint64_t now_s, struct ms_x509_chain *ret, struct ms_buf *spki, struct ms_err *err);

#endif
