/* TPMS_ATTEST: spans stay inside the input, the head helpers agree with the parser. */
#include <stdlib.h>

#include "codec/tpm.h"

static void
inside(struct ms_span s, const uint8_t *p, size_t n)
{
	if (s.len != 0 && (s.p < p || s.len > n || s.p > p + n - s.len))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct ms_tpm_attest a;
	struct ms_err err;
	struct ms_span s = ms_span(p, n);
	if (ms_tpm_attest_parse(s, &a, &err) != MS_OK)
		return 0;
	if (ms_tpm_attest_magic(s) != MS_TPM_MAGIC || ms_tpm_attest_type(s) != a.type || n > MS_TPM_ATTEST_MAX)
		abort();
	if (a.selection.count > MS_TPM_BANKS_MAX)
		abort();
	inside(a.signer, p, n);
	inside(a.extra, p, n);
	inside(a.pcr_digest, p, n);
	inside(a.name, p, n);
	inside(a.qualified_name, p, n);
	return 0;
}
