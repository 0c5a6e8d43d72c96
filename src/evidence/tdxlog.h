/* The boot log of a TD (CCEL) beside its quote: what the registers are made of. */
#ifndef MS_TDXLOG_H
#define MS_TDXLOG_H
#include "evidence/bootlog.h"
#include "evidence/claims.h"

#define MS_TDX_RTMRS 4u

/* claims: of a quote that attester "tdx" verified. MS_OK: replaying the log leads to RTMR 0 to 2 of the quote (and to RTMR 3 when it
 * extends that), and its claims (boot.*) were added; *ret_unexplained has bit 3 when something else extended RTMR 3, as a running
 * system may. MS_ERR_AUTH: it leads elsewhere, and err names the registers; errors of ms_bootlog_load(). Claims are as before then. */
MS_MUST_USE enum ms_rc ms_tdxlog_explain(
    struct ms_span log, const struct ms_bootlog_caps *caps, struct ms_claims *claims, uint32_t *ret_unexplained, struct ms_err *err);

#endif
