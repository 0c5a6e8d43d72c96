/* Keys for IMA, and signatures: `u16 length, keys | u16 length, signature | digest of 32 bytes`. */
#include <stdlib.h>

#include "evidence/ima.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct ms_rd r = ms_rd_over(p, n);
	struct ms_span keys = ms_rd_tpm2b(&r, UINT16_MAX), signature = ms_rd_tpm2b(&r, UINT16_MAX), digest = ms_rd_bytes(&r, 32);
	MS_OWN(ms_ima_keyring_free) struct ms_ima_keyring *ring = NULL;
	struct ms_ima_signed s;
	if (ms_ima_keyring_new(&ring, NULL) != MS_OK)
		abort();
	if (ms_ima_keyring_add(ring, keys, NULL) != MS_OK && ms_ima_keyring_count(ring) != 0)
		abort();
	for (uint8_t type = MS_IMA_DIGEST_PLAIN; type <= MS_IMA_DIGEST_VERITY; type++) {
		struct ms_ima_entry e = {.signature = signature, .digest = {.value = digest, .hash = MS_IMA_HASH_SHA256, .type = type}};
		ms_ima_signature_check(&e, NULL, ring, &s);
		if ((s.state == MS_IMA_SIG_GOOD) != (s.key_id.len != 0 && s.why == NULL))
			abort();
	}
	return 0;
}
