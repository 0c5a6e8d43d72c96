/* The two kinds of certificate that a running server issues, from the facts core and keeper both know: each builds the
 * TBSCertificate for itself, core to log its hash, keeper to compare and sign. */
#ifndef MS_LEAFCERT_H
#define MS_LEAFCERT_H
#include "identity/cert.h"

#define MS_CERT_BACKDATE_S 600u /* clocks of relying parties may be behind by this */

struct ms_leafcert {
	struct ms_span issuing; /* issuing CA's certificate, DER: of the deployment root */
	struct ms_span serial;  /* 16 random bytes */
	const uint8_t *point;   /* subject's key: MS_POINT_LEN bytes */
	uint64_t not_before_s, not_after_s;
	/* device */
	struct ms_span trust_domain, tenant, device, hw_serial;
	/* TLS server: DNS names and addresses as text, NULL-terminated */
	const char *const *names;
};
/* Append the TBSCertificate: MS_CERT_TLS_SERVER when `names` is set, else MS_CERT_DEVICE. MS_ERR_USAGE as ms_cert_tbs(). */
MS_MUST_USE enum ms_rc ms_leafcert_tbs(const struct ms_leafcert *c, struct ms_buf *out, struct ms_err *err);

#endif
