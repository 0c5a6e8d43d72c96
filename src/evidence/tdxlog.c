#include "evidence/tdxlog.h"

#include <stdio.h>

#define FIRST_RTMR 1u /* register 0 of such a log is MRTD */
#define BOOT_RTMRS 7u /* 0 to 2: what firmware, loader and kernel measure before anything else runs */

/* RTMRs that are not what the log leads to. One that it does not extend is zero. */
static uint32_t
differing(const struct ms_bootlog *b, const struct ms_claims *claims)
{
	static const uint8_t zeros[MS_HASH_LEN_MAX];
	uint32_t bad = 0;
	for (unsigned i = 0; i < MS_TDX_RTMRS; i++) {
		char name[16];
		size_t from = 0;
		unsigned reg = FIRST_RTMR + i;
		(void)snprintf(name, sizeof name, "tdx.rtmr%u", i);
		const struct ms_claim *quoted = ms_claims_next(claims, ms_span_str(name), &from);
		const uint8_t *mine = (b->pcrs.mask >> reg & 1) != 0 ? b->pcrs.value[reg] : zeros;
		if (quoted == NULL || !ms_span_eq(quoted->bytes, ms_span(mine, b->pcrs.len)))
			bad |= 1u << i;
	}
	return bad;
}

enum ms_rc
ms_tdxlog_explain(
    struct ms_span log, const struct ms_bootlog_caps *caps, struct ms_claims *claims, uint32_t *ret_unexplained, struct ms_err *err)
{
	char text[160];
	MS_OWN(ms_bootlog_free) struct ms_bootlog *b = NULL;
	MS_OWN(ms_claims_free) struct ms_claims *said = NULL;
	enum ms_rc rc = ms_bootlog_load(log, caps, MS_EVENTLOG_CC, MS_TPM_ALG_SHA384, &b, err);
	if (rc != MS_OK)
		return rc;
	bool extends_last = (b->pcrs.mask >> (FIRST_RTMR + 3) & 1) != 0;
	uint32_t bad = differing(b, claims), must = extends_last ? BOOT_RTMRS | 1u << 3 : BOOT_RTMRS;
	if ((bad & must) != 0) {
		ms_pcr_mask_text(bad & must, text, sizeof text);
		return ms_fail(err, MS_ERR_AUTH, "the log does not lead to the quoted RTMR %s", text);
	}
	rc = ms_claims_new(&said, err);
	if (rc == MS_OK)
		rc = ms_bootlog_claims(b, said, err);
	if (rc == MS_OK)
		rc = ms_claims_merge(claims, said, err);
	if (rc == MS_OK)
		*ret_unexplained = bad;
	return rc;
}
