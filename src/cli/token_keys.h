/* Keys that verify attestation results: of a key set file, or of a deployment root. */
#ifndef MS_CLI_TOKEN_KEYS_H
#define MS_CLI_TOKEN_KEYS_H
#include "cli/report.h"
#include "identity/ear_read.h"
#include "proto/root.h"

/* The root's token key as a key set, appended. */
MS_MUST_USE enum ms_rc ms_root_jwks(const struct ms_root *root, struct ms_buf *out, struct ms_err *err);
/* A result that the server handed out, before it is shown: signed by the root's token key, in time, about this device. What audience
 * and nonce it has is for a relying party to look at. *ret is the caller's to free. */
MS_MUST_USE enum ms_rc ms_root_check_result(
    const struct ms_root *root, struct ms_span token, const char *device, struct ms_ear_read *ret, struct ms_err *err);
/* What it says, for people or as JSON. */
void ms_report_result(struct ms_cli *c, struct ms_report *r, const struct ms_ear_read *e);

#endif
