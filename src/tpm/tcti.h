/* The way to a TPM's command stream for the TSS: one descriptor, opened once, so that the process can lock itself in
 * afterwards. (The TSS's own connector for swtpm opens a connection for each command.) */
#ifndef MS_TPM_TCTI_H
#define MS_TPM_TCTI_H
#include <tss2/tss2_tcti.h>
#include "muster/rc.h"

#define MS_TCTI_RESPONSE_MAX 4096u

/* "device:PATH", "swtpm:host=H,port=N", "swtpm:path=PATH"; H is a name or an address, 127.0.0.1 when absent; N is 2321 when
 * absent. MS_ERR_USAGE: another form. MS_ERR_UNAVAILABLE: nothing is there. */
MS_MUST_USE enum ms_rc ms_tcti_open(const char *spec, TSS2_TCTI_CONTEXT **ret, struct ms_err *err);
void ms_tcti_free(TSS2_TCTI_CONTEXT *t); /* NULL is a no-op */

#endif
