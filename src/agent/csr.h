/* A PKCS#10 request for a key in the TPM. It carries no name and no extension: the server takes neither from it. */
#ifndef MS_AGENT_CSR_H
#define MS_AGENT_CSR_H
#include "base/bytes.h"

#define MS_AGENT_CSR_MAX 1024u

/* Sign a SHA-256 digest with the key of the request: r | s. */
typedef enum ms_rc (*ms_csr_sign_fn)(void *ctx, const uint8_t digest[static 32], uint8_t sig[static 64], struct ms_err *err);
/* Append the DER for the P-256 key `point` (65 bytes). */
MS_MUST_USE enum ms_rc ms_agent_csr_build(
    const uint8_t point[static 65], ms_csr_sign_fn sign, void *ctx, struct ms_buf *out, struct ms_err *err);
/* Append PEM with the label CERTIFICATE. */
void ms_agent_pem(struct ms_span der, struct ms_buf *out);

#endif
