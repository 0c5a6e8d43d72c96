/* Inside crypto/ only: a store of foreign certificates as OpenSSL objects. */
#ifndef MS_X509_INT_H
#define MS_X509_INT_H
#include <openssl/bio.h>
#include <openssl/x509.h>

#include "crypto/x509.h"

#define MS_X509_TEXT_MAX 256u

struct ms_x509_store {
	X509_STORE *roots;        /* self-signed */
	X509_STORE *everything;   /* intermediates too: for partial chains */
	STACK_OF(X509) * helpers; /* intermediates */
	STACK_OF(X509_CRL) * crls;
	size_t n_roots, n_all;
};

/* One certificate whose key is within bounds, exactly. MS_ERR_MALFORMED, MS_ERR_TOO_BIG, MS_ERR_UNSUPPORTED. */
MS_MUST_USE enum ms_rc ms_x509_load(struct ms_span der, X509 **ret, struct ms_err *err);
/* PEM text or DER certificates in a row (padding of 0x00 and 0xff at the end allowed), at most max, given to `take` one by one,
 * which owns none. */
MS_MUST_USE enum ms_rc ms_x509_each(
    struct ms_span s, size_t max, enum ms_rc (*take)(void *ctx, X509 *x, struct ms_err *err), void *ctx, struct ms_err *err);
/* RFC 4514 text with control and non-ASCII bytes escaped, cut to fit. */
void ms_x509_name_text(const X509_NAME *name, char *out, size_t cap);

MS_CLEANUP(X509, X509_free)
MS_CLEANUP(BIO, BIO_free_all)

#endif
