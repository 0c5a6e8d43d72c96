/* Foreign X.509 certificates: chain building and verification. For our own see identity/cert.h. */
#ifndef MS_X509_H
#define MS_X509_H
#include "base/bytes.h"

#define MS_X509_MAX 16384u /* bytes of one certificate */

/* Roots (self-signed CA certificates: trusted), intermediates (CAs' that only help to build chains, unless partial chains are
 * asked for) and CRLs. */
struct ms_x509_store;
MS_MUST_USE enum ms_rc ms_x509_store_new(struct ms_x509_store **ret, struct ms_err *err);
void ms_x509_store_free(struct ms_x509_store *s);
MS_CLEANUP(struct ms_x509_store, ms_x509_store_free)
/* One DER certificate, or PEM text with one or more. MS_ERR_MALFORMED; MS_ERR_USAGE when one is not a CA's;
 * MS_ERR_UNSUPPORTED for a key out of bounds (below); MS_ERR_TOO_BIG above 4000 in the store. */
MS_MUST_USE enum ms_rc ms_x509_store_add(struct ms_x509_store *s, struct ms_span pem_or_der, struct ms_err *err);
/* One DER CRL, or PEM text with one or more: from the operator, never from a device. MS_ERR_MALFORMED; MS_ERR_TOO_BIG
 * above 8 MiB, or above 1000 in the store. */
MS_MUST_USE enum ms_rc ms_x509_store_add_crl(struct ms_x509_store *s, struct ms_span pem_or_der, struct ms_err *err);
size_t ms_x509_store_count(const struct ms_x509_store *s, size_t *ret_roots);
size_t ms_x509_store_crls(const struct ms_x509_store *s);

/* Why a chain is refused: one name for each cause. */
enum ms_x509_reason {
	MS_X509_OK,
	MS_X509_FAULT,     /* memory or the library failed: not a verdict */
	MS_X509_MALFORMED, /* not one certificate, or a chain file that is none */
	MS_X509_KEY,       /* a key's algorithm, curve or size is out of bounds, or a hash too weak */
	MS_X509_NO_ROOT,   /* the issuer's root is not in the store */
	MS_X509_UNTRUSTED, /* it ends in an intermediate of the store, and partial chains were not asked for */
	MS_X509_SIGNATURE, /* a signature does not verify */
	MS_X509_NOT_YET,   /* not valid yet */
	MS_X509_EXPIRED,
	MS_X509_PATH, /* too long, a path length constraint, an issuer that is no CA */
	MS_X509_REVOKED,
	MS_X509_CRL_MISSING, /* CRLs are required and an issuer's is not there */
	MS_X509_CRL_EXPIRED,
	MS_X509_CRL_SIGNATURE, /* a CRL is not signed by the issuer, or the issuer may not sign CRLs */
	MS_X509_EXTENSION,     /* a critical extension that is not understood, or one that contradicts */
	MS_X509_OTHER,
	MS_X509_REASON_COUNT
};
/* "no-root", "crl-missing": stable, static. */
const char *ms_x509_reason_name(enum ms_x509_reason r);

enum ms_x509_revocation {
	MS_X509_UNCHECKED, /* no issuer in the chain had a CRL */
	MS_X509_PARTLY,    /* some had */
	MS_X509_CHECKED,   /* every issuer had a good one */
};
struct ms_x509_params {
	const struct ms_x509_store *store;
	struct ms_span leaf;  /* exactly one DER certificate */
	struct ms_span chain; /* what came with it: PEM text, or DER certificates in a row; only helps to build, never trusted */
	uint64_t now_s;       /* 0 does not ask for the time of certificates and CRLs */
	bool partial;         /* an intermediate that is in the store is trusted like a root */
	bool crl_required;
};
struct ms_x509_chain {
	bool is_ca;
	bool has_eku, eku_tcg_ek; /* extended key usage: there is one; it has tcg-kp-EKCertificate */
	bool partial;             /* the chain ends in an intermediate */
	enum ms_x509_revocation revocation;
	unsigned length; /* certificates, leaf and trust anchor among them */
	char root[256];  /* subject of the trusted root, RFC 4514 form, escaped, cut to fit */
};
/* Is there a chain of at most 5 from leaf (exactly one DER certificate) to a trusted root, every signature good, at least
 * 112 bits strong? `spki` gets the leaf's SubjectPublicKeyInfo, whatever its algorithm.
 * MS_ERR_NOT_FOUND: no trusted root; MS_ERR_EXPIRED: a time is wrong (now_s; 0 does not ask); MS_ERR_AUTH: all else. */
MS_MUST_USE enum ms_rc ms_x509_verify(
    const struct ms_x509_store *s, struct ms_span leaf, uint64_t now_s, struct ms_x509_chain *ret, struct ms_buf *spki, struct ms_err *err);

/* The same with all that there is to choose. A key in leaf or chain is RSA of 2048 to 4096 bits, P-256, P-384, P-521 or Ed25519,
 * seen to before any arithmetic; the chain file holds at most 10 certificates. On refusal *ret_reason (may be NULL) names the cause. */
MS_MUST_USE enum ms_rc ms_x509_verify_chain(
    const struct ms_x509_params *p, struct ms_x509_chain *ret, struct ms_buf *spki, enum ms_x509_reason *ret_reason, struct ms_err *err);

#endif
