/* The other end of client.h: serves requests on a socket until it is closed or idle. */
#ifndef MS_TPM_WORKER_H
#define MS_TPM_WORKER_H
#include "tpm/tpm.h"

/* Tell the client whether the TPM could be opened: open_rc and the text of open_err. */
MS_MUST_USE enum ms_rc ms_tpm_worker_hello(int fd, enum ms_rc open_rc, const struct ms_err *open_err, struct ms_err *err);
/* Answer requests, one at a time. MS_OK: the client closed its end, or nothing came for idle_ms. MS_ERR_MALFORMED: a frame
 * outside the table. MS_ERR_UNAVAILABLE: the TPM went away (the client has been told). The caller ends the process. */
MS_MUST_USE enum ms_rc ms_tpm_worker_serve(int fd, struct ms_tpm *t, unsigned idle_ms, struct ms_err *err);

#endif
