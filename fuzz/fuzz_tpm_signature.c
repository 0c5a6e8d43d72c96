/* TPMT_SIGNATURE: an accepted one has a known scheme and numbers of a length that fits it. */
#include <stdlib.h>

#include "codec/tpm.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct ms_tpm_signature g;
	uint8_t raw[64];
	if (ms_tpm_signature_parse(ms_span(p, n), &g, NULL) != MS_OK)
		return 0;
	if (g.hash == MS_TPM_ALG_SHA1 || n > MS_TPM_SIGNATURE_MAX)
		abort();
	bool ecdsa = g.scheme == MS_TPM_ALG_ECDSA;
	if (ecdsa != (g.rsa.len == 0) || ecdsa != (g.r.len != 0 && g.s.len != 0))
		abort();
	if (ms_tpm_signature_p256(&g, raw, NULL) == MS_OK && !ecdsa)
		abort();
	return 0;
}
