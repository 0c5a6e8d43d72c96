/* The TPM through a process of its own (muster-tpm): this process never opens the device, that one does nothing else.
 * The process is started when needed, answers one request at a time, and ends by itself when idle, so that a bare TPM is
 * not held from others. Secrets cross its socket pair only and are wiped on both sides. */
#ifndef MS_TPM_CLIENT_H
#define MS_TPM_CLIENT_H
#include "tpm/tpm.h"

#define MS_TPM_CLIENT_TIMEOUT_MS 90000u /* an RSA primary takes some TPMs half a minute */
#define MS_TPM_CLIENT_IDLE_MS 500u

struct ms_tpm_client_params {
	const char *program; /* path of muster-tpm; NULL: the installed one */
	const char *tcti;    /* as for ms_tpm_open() */
	unsigned timeout_ms; /* of one request; 0: MS_TPM_CLIENT_TIMEOUT_MS */
	unsigned idle_ms;    /* the process lets go of the TPM after so long; 0: MS_TPM_CLIENT_IDLE_MS */
};
/* Starts no process yet. Use with tpm.h's functions, end with ms_tpm_free(). When the process dies under a request it is
 * started again and asked once more (every request may be repeated); the second death is MS_ERR_UNAVAILABLE.
 * MS_ERR_TIMEOUT: it was killed for being late. A later request starts anew in either case. */
MS_MUST_USE enum ms_rc ms_tpm_client_open(const struct ms_tpm_client_params *params, struct ms_tpm **ret, struct ms_err *err);
/* End the process now; the next request starts another. */
void ms_tpm_client_release(struct ms_tpm *t);
/* Its process id, 0 when none runs. */
int ms_tpm_client_pid(const struct ms_tpm *t);

#endif
