/* Certificate revocation lists (RFC 5280 5), v2, full, by an issuing CA's key. */
#ifndef MS_CRL_H
#define MS_CRL_H
#include "identity/cert.h"

#define MS_CRL_MAX (64u << 20) /* bytes */
#define MS_CRL_LIFE_S (UINT64_C(30) * 86400)

/* RFC 5280 5.3.1 */
enum ms_crl_reason {
	MS_CRL_UNSPECIFIED = 0,
	MS_CRL_KEY_COMPROMISE = 1,
	MS_CRL_AFFILIATION_CHANGED = 3,
	MS_CRL_SUPERSEDED = 4,
	MS_CRL_CESSATION = 5, /* retired */
	MS_CRL_HOLD = 6,      /* quarantined: may come back */
	MS_CRL_PRIVILEGE_WITHDRAWN = 9,
};
struct ms_crl_entry {
	struct ms_span serial; /* as given to ms_cert_tbs(), or its magnitude */
	uint64_t time_s;
	enum ms_crl_reason reason;
};
struct ms_crl_params {
	const struct ms_cert *issuer;
	uint64_t number;
	uint64_t this_s, next_s;            /* next_s - this_s <= MS_CRL_LIFE_S */
	const struct ms_crl_entry *entries; /* in any order; each serial once */
	size_t n_entries;
};
/* Append the TBSCertList (ms_cert_assemble() makes the list of it). Entries come out in order of serial: same params, same
 * bytes. MS_ERR_USAGE on params out of form. */
MS_MUST_USE enum ms_rc ms_crl_tbs(const struct ms_crl_params *p, struct ms_buf *out, struct ms_err *err);

/* One of our lists, parsed; spans borrow. Nothing is proven until ms_crl_verify(). */
struct ms_crl {
	struct ms_span tbs;
	uint8_t signature[MS_SIG_LEN];
	struct ms_span issuer; /* Name, whole TLV */
	struct ms_span aki;
	uint64_t number, this_s, next_s;
	struct ms_span revoked; /* checked to be well-formed, in rising order of serial */
	size_t n_revoked;
};
MS_MUST_USE enum ms_rc ms_crl_parse_min(struct ms_span der, struct ms_crl *ret, struct ms_err *err);
/* Signature by the issuer and its name: MS_ERR_AUTH; now_s outside this..next: MS_ERR_EXPIRED (0: not asked). */
MS_MUST_USE enum ms_rc ms_crl_verify(const struct ms_crl *c, const struct ms_cert *issuer, uint64_t now_s, struct ms_err *err);
/* Is serial (any leading zeros) on the list? Then *ret (may be NULL) gets its entry. */
bool ms_crl_find(const struct ms_crl *c, struct ms_span serial, struct ms_crl_entry *ret);

#endif
