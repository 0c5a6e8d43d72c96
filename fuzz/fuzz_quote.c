/* A whole quote as it comes from a device: `u16 length, attest | u16 length, signature | PCR values`. Once with the
 * signature that came, which never verifies; once signed here, so that all later checks meet hostile bytes too. */
#include <stdlib.h>
#include <string.h>

#include "base/rd.h"
#include "crypto/key.h"
#include "evidence/quote.h"

/* TPMT_PUBLIC of an AK on P-256: the base point of the curve, whose private key is 1. */
static const uint8_t area[] = {0x00, 0x23, 0x00, 0x0b, 0x00, 0x05, 0x04, 0x72, 0x00, 0x00, 0x00, 0x10, 0x00, 0x18, 0x00, 0x0b, 0x00, 0x03,
    0x00, 0x10, 0x00, 0x20, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03,
    0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x00, 0x20, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a,
    0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68,
    0x37, 0xbf, 0x51, 0xf5};

static const struct ms_ak *
the_ak(void)
{
	static struct ms_ak *ak;
	if (ak == NULL && ms_ak_new(ms_span(area, sizeof area), MS_SPAN_NONE, &ak, NULL, NULL) != MS_OK)
		abort();
	return ak;
}

/* TPMT_SIGNATURE of attest by the private key 1. */
static struct ms_span
sign(struct ms_span attest)
{
	static struct ms_softkey *key;
	static uint8_t sig[72] = {0, MS_TPM_ALG_ECDSA, 0, MS_TPM_ALG_SHA256, 0, 32, [39] = 32};
	static const uint8_t one[MS_RAW_KEY_LEN] = {[31] = 1};
	if (key == NULL) {
		MS_OWN(ms_secret_free) struct ms_secret *raw = NULL;
		if (ms_secret_from(one, sizeof one, &raw, NULL) != MS_OK || ms_softkey_load(MS_KEY_P256, raw, &key, NULL) != MS_OK)
			abort();
	}
	uint8_t rs[MS_SIG_LEN];
	struct ms_signer signer = ms_softkey_signer(key);
	if (ms_signer_sign(&signer, attest, rs, NULL) != MS_OK)
		abort();
	memcpy(sig + 6, rs, 32);
	memcpy(sig + 40, rs + 32, 32);
	return ms_span(sig, sizeof sig);
}

static bool
verifies(struct ms_span attest, struct ms_span signature, const struct ms_pcrs *pcrs)
{
	static int sentinel;
	static const uint8_t extra[32];
	MS_OWN(ms_quote_raw_free) struct ms_quote_raw *raw = NULL;
	enum ms_evidence_reason why = MS_EVIDENCE_NONE;
	if (ms_quote_take(attest, signature, &raw, &why, NULL) != MS_OK) {
		if (why != MS_EVIDENCE_TOO_BIG)
			abort();
		return false;
	}
	struct ms_quote_check check = {.ak = the_ak(), .extra = ms_span(extra, sizeof extra), .mask = MS_PCRS_ATTEST_MASK, .pcrs = pcrs};
	struct ms_quote_verified *v = (void *)&sentinel;
	struct ms_err err;
	if (ms_quote_verify(raw, &check, &v, &why, &err) != MS_OK) {
		if (v != (void *)&sentinel || why == MS_EVIDENCE_NONE)
			abort();
		return false;
	}
	if (!ms_quote_safe(v) || ms_quote_pcrs(v)->mask != check.mask || ms_pcrs_all_zero(ms_quote_pcrs(v), 0))
		abort();
	ms_quote_verified_free(v);
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct ms_rd r = ms_rd_over(p, n);
	struct ms_span attest = ms_rd_tpm2b(&r, UINT16_MAX), signature = ms_rd_tpm2b(&r, UINT16_MAX);
	struct ms_pcrs pcrs = {0};
	if (r.bad || ms_pcrs_parse(ms_rd_bytes(&r, ms_rd_left(&r)), &pcrs, NULL) != MS_OK)
		pcrs.mask = 0;
	if (verifies(attest, signature, &pcrs))
		abort();
	(void)verifies(attest, sign(attest), &pcrs);
	return 0;
}
