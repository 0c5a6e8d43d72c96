/* TPMT_PUBLIC: what parses has a key info that the key info reader takes, with the same numbers in it; the checks of
 * roles stand any of it. */
#include <stdlib.h>

#include "codec/der.h"
#include "evidence/ak.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct ms_tpm_public area;
	if (ms_tpm_public_parse(ms_span(p, n), &area, NULL) != MS_OK)
		return 0;
	MS_OWN(ms_buf_fini) struct ms_buf spki;
	ms_buf_init(&spki, MS_TPM_SPKI_MAX);
	if (ms_tpm_public_spki(&area, &spki, NULL) != MS_OK)
		abort();
	struct ms_spki got;
	uint8_t point[MS_TPM_P256_POINT_LEN];
	bool p256 = ms_tpm_public_p256(&area, point, NULL) == MS_OK;
	if (area.type == MS_TPM_ALG_RSA || p256) {
		if (ms_der_spki_parse(ms_buf_span(&spki), &got, NULL) != MS_OK)
			abort();
		if (p256 ? !ms_span_eq(got.point, ms_span(point, sizeof point)) : !ms_span_eq(got.modulus, area.modulus))
			abort();
	}
	enum ms_evidence_reason why = MS_EVIDENCE_NONE;
	bool ek = ms_ek_public_ok(&area, &why, NULL) == MS_OK, ak = ms_ak_public_ok(&area, &why, NULL) == MS_OK;
	if (ek && ak)
		abort();
	MS_OWN(ms_ak_free) struct ms_ak *key = NULL;
	if (ms_ak_new(ms_span(p, n), MS_SPAN_NONE, &key, &why, NULL) == MS_OK && !ak)
		abort();
	return 0;
}
