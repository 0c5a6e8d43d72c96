/* The process-wide objects of the crypto library: fetched algorithms, curve parameters, one reused digest context. */
#ifndef MS_CRYPTO_LIB_H
#define MS_CRYPTO_LIB_H
#include "muster/rc.h"

/* A library context of its own with the default provider: reads no configuration file, loads no engine or module,
 * and is not touched by what other libraries of the process do. Every function of crypto/ calls it when it was not
 * called yet; a process that locks itself in calls it before. Idempotent. One thread only, as all processes of
 * Muster are; after fork() the child may go on using it. */
MS_MUST_USE enum ms_rc ms_crypto_init(struct ms_err *err);
/* Frees all that; nothing of crypto/ may be alive. Also done at exit(). A later call of ms_crypto_init() inits again. */
void ms_crypto_fini(void);

#endif
