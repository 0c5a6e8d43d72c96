/* A SubjectPublicKeyInfo as peers send it: what is taken must come out as the same bytes, and verify without trouble. */
#include <assert.h>

#include "crypto/key.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const uint8_t sig[MS_RSA_MAX] = {1}, digest[48] = {2};
	struct ms_pubkey *k = NULL;
	if (ms_pubkey_from_spki(ms_span(p, n), &k, NULL) != MS_OK)
		return 0;
	assert(ms_span_eq(ms_pubkey_spki(k), ms_span(p, n)));
	for (unsigned s = 0; s < MS_SIG_SCHEME_COUNT; s++) {
		for (size_t len = 32; len <= 48; len += 16)
			assert(ms_pubkey_verify_digest(k, (enum ms_sig_scheme)s, ms_span(digest, len), ms_span(sig, 64), NULL) != MS_OK);
		assert(ms_pubkey_verify_digest(k, (enum ms_sig_scheme)s, ms_span(digest, 32), ms_span(sig, 256), NULL) != MS_OK);
	}
	ms_pubkey_free(k);
	return 0;
}
