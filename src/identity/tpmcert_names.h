/* What certificates of TPM keys say beside their key: the TPM's maker and model, the device, the cloud instance. Pure parsing of
 * bytes that anyone may have written; whether to believe them is for who verified the chain. */
#ifndef MS_TPMCERT_NAMES_H
#define MS_TPMCERT_NAMES_H
#include "codec/certview.h"
#include "identity/ekcert.h"

/* Fill all of *t that is read from the certificate itself: kind, texts, cloud. MS_ERR_MALFORMED names what does not parse;
 * MS_ERR_AUTH: extended key usage for another purpose; *t is then partly filled. */
MS_MUST_USE enum ms_rc ms_tpmcert_names(const struct ms_certview *v, struct ms_tpmcert *t, struct ms_err *err);
/* TCG TPM Vendor ID Registry: "id:53544D20" -> "STMicroelectronics"; NULL when unknown. Static. */
const char *ms_tpm_vendor(struct ms_span manufacturer);

#endif
