/* What a device sends as its EK certificate; the same bytes also as a maker's CA file. */
#include <assert.h>
#include <stdlib.h>

#include "identity/ekcert.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const uint8_t x[32] = {1}, y[32] = {2};
	const struct ms_tpm_public ek = {.type = MS_TPM_ALG_ECC, .curve = 3, .x = {x, 32}, .y = {y, 32}};
	struct ms_ekroots *r = NULL;
	struct ms_span der;
	char maker[32];
	if (ms_ekroots_new(&r, NULL) != MS_OK)
		abort();
	if (ms_ekcert_strip(ms_span(p, n), &der, NULL) == MS_OK)
		assert(der.p == p && der.len <= n);
	assert(ms_ekcert_check(r, ms_span(p, n), &ek, 1700000000, maker, sizeof maker, NULL) != MS_OK);
	if (ms_ekroots_add(r, ms_span(p, n), NULL) == MS_OK) /* a key on no curve fits no certificate */
		assert(ms_ekcert_check(r, ms_span(p, n), &ek, 1700000000, maker, sizeof maker, NULL) != MS_OK);
	ms_ekroots_free(r);
	return 0;
}
