/* A key file that is sealed to a TPM, up to its ciphertext. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/aead.h"
#include "server/token/tpmfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct ms_tpmfile_header h;
	uint8_t *copy = malloc(n + (n == 0)); /* exact: one byte over is seen */
	if (copy == NULL)
		return 0;
	if (n > 0)
		memcpy(copy, p, n);
	if (ms_tpmfile_parse(ms_span(copy, n), &h, NULL) == MS_OK) {
		assert(h.header.len + h.ct.len == n && h.ct.len >= MS_AEAD_TAG_LEN && h.pcrs >> 24 == 0);
		/* nothing in the header is read over */
		assert(h.header.len == 8 + 1 + 1 + h.label.len + 4 + MS_AEAD_IV_LEN + 2 + h.sealed.len);
		assert(h.label.len > 0 && h.sealed.len > 0 && h.sealed.len <= MS_TPMFILE_SEALED_MAX);
	}
	free(copy);
	return 0;
}
