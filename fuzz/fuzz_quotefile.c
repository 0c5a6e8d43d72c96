/* Files that a person got from somewhere: an AK, a PCR file, a quote and its signature. The first byte says which; of a whole set each
 * part has its length before it. Nothing that is made up here is ever accepted: no key fits. */
#include <assert.h>
#include <stdlib.h>

#include "base/rd.h"
#include "evidence/quotefile.h"

static void
fuzz_pcrs(struct ms_rd *r)
{
	struct ms_tpm_selection s = {.count = 2, .bank = {{MS_TPM_ALG_SHA256, ms_rd_u16(r)}, {MS_TPM_ALG_SHA1, ms_rd_u8(r)}}};
	struct ms_pcrfile f;
	if (ms_pcrfile_parse(ms_rd_bytes(r, ms_rd_left(r)), &s, &f, NULL) != MS_OK)
		return;
	assert(f.banks.n > 0 && f.banks.n <= MS_PCR_BANKS_MAX);
	for (size_t i = 0; i < f.banks.n; i++)
		assert(f.banks.bank[i].mask >> MS_TPM_PCR_COUNT == 0 && f.banks.bank[i].len <= MS_HASH_LEN_MAX);
}

static void
fuzz_set(struct ms_rd *r)
{
	MS_OWN(ms_quotekey_free) struct ms_quotekey *ak = NULL;
	struct ms_quotefile q;
	struct ms_span key = ms_rd_tpm2b(r, 1024), quote = ms_rd_tpm2b(r, 1200), signature = ms_rd_tpm2b(r, 1200),
		       parent = ms_rd_tpm2b(r, 1024);
	if (r->bad || ms_quotekey_load(key, &ak, NULL, NULL) != MS_OK)
		return;
	struct ms_quotefile_params p = {.quote = quote,
	    .signature = signature,
	    .ak = ak,
	    .nonce = ms_span("nonce", 5),
	    .pcrs = ms_rd_bytes(r, ms_rd_left(r)),
	    .allow_sha1 = true,
	    .parent = parent};
	enum ms_evidence_reason why = MS_EVIDENCE_NONE;
	if (ms_quotefile_verify(&p, &q, &why, NULL) != MS_OK)
		assert(why != MS_EVIDENCE_NONE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct ms_rd r = ms_rd_over(p, n);
	MS_OWN(ms_quotekey_free) struct ms_quotekey *ak = NULL;
	switch (ms_rd_u8(&r) % 3) {
	case 0:
		if (ms_quotekey_load(ms_rd_bytes(&r, ms_rd_left(&r)), &ak, NULL, NULL) == MS_OK)
			assert(ms_quotekey_public(ak) != NULL);
		break;
	case 1:
		fuzz_pcrs(&r);
		break;
	default:
		fuzz_set(&r);
	}
	return 0;
}
