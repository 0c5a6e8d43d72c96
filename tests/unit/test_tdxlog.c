#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "codec/eventlog.h"
#include "evidence/tdxlog.h"
#include "support/bootlogs.h"
#include "support/forge.h"

/* A log that extends RTMR 0 to `last`, and in *rtmr what it leads to. */
static void
make_log(struct ms_buf *b, unsigned last, uint8_t rtmr[static 4][48])
{
	MS_OWN(ms_bootlog_free) struct ms_bootlog *l = NULL;
	struct ms_err err;
	begin_log(b, MS_TPM_ALG_SHA384);
	for (unsigned i = 0; i <= last; i++) {
		put_event(b, MS_TPM_ALG_SHA384, i + 1, MS_EV_EFI_ACTION, ms_span_str("an action"), ms_span_str("an action"));
		put_event(b, MS_TPM_ALG_SHA384, i + 1, MS_EV_SEPARATOR, ms_span("\0\0\0\0", 4), ms_span("\0\0\0\0", 4));
	}
	CHECK_OK(ms_bootlog_load(ms_buf_span(b), NULL, MS_EVENTLOG_CC, MS_TPM_ALG_SHA384, &l, &err), &err);
	memset(rtmr, 0, 4 * 48);
	for (unsigned i = 0; i <= last; i++)
		memcpy(rtmr[i], l->pcrs.value[i + 1], 48);
}

/* A quote with these registers, verified; then the log. */
static enum ms_rc
explain(struct ms_span log, const uint8_t rtmr[static 4][48], uint32_t *unexplained, bool *has_boot)
{
	MS_OWN(forge_fini) struct forge f;
	MS_OWN(ms_claims_free) struct ms_claims *claims = NULL;
	enum ms_attester_reason why;
	struct ms_err err;
	size_t from = 0;
	forge_rtmr = rtmr;
	forge_tdx(&f, FORGE_GOOD);
	forge_rtmr = NULL;
	CHECK_OK(ms_attester_verify(ms_attester_find(ms_span_str("tdx")), &f.in, &claims, &why, &err), &err);
	size_t before = ms_claims_count(claims);
	enum ms_rc rc = ms_tdxlog_explain(log, NULL, claims, unexplained, &err);
	CHECK(rc == MS_OK || ms_claims_count(claims) == before);
	*has_boot = ms_claims_next(claims, ms_span_str("boot.events"), &from) != NULL || ms_claims_count(claims) > before;
	return rc;
}

MS_TEST(tdx_log_that_leads_to_the_quoted_registers_adds_its_claims)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	uint8_t rtmr[4][48];
	uint32_t unexplained = 77;
	bool has_boot;
	make_log(&b, 2, rtmr);
	CHECK_INT(explain(ms_buf_span(&b), rtmr, &unexplained, &has_boot), MS_OK);
	CHECK(unexplained == 0 && has_boot);
	memset(rtmr[3], 3, 48); /* what a running system extends */
	CHECK_INT(explain(ms_buf_span(&b), rtmr, &unexplained, &has_boot), MS_OK);
	CHECK(unexplained == 1u << 3 && has_boot);
}

MS_TEST(tdx_log_that_leads_elsewhere_in_any_register_is_refused)
{
	for (unsigned last = 0; last < 4; last++) {
		MS_OWN(ms_buf_fini) struct ms_buf b;
		uint8_t rtmr[4][48];
		uint32_t unexplained = 77;
		bool has_boot;
		make_log(&b, last, rtmr);
		for (unsigned i = 0; i < (last < 3 ? 3 : 4); i++) {
			rtmr[i][7] ^= 1;
			CHECK_INT(explain(ms_buf_span(&b), rtmr, &unexplained, &has_boot), MS_ERR_AUTH);
			CHECK(unexplained == 77 && !has_boot);
			rtmr[i][7] ^= 1;
		}
		b.p[b.len - 1 - 4 - 8] ^= 1; /* the last digest */
		CHECK_INT(explain(ms_buf_span(&b), rtmr, &unexplained, &has_boot), MS_ERR_AUTH);
	}
}

MS_TEST(tdx_log_of_another_bank_or_of_no_form_is_refused)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	uint8_t rtmr[4][48] = {{0}};
	uint32_t unexplained;
	bool has_boot;
	begin_log(&b, MS_TPM_ALG_SHA256);
	put_own_event(&b, 1, MS_EV_EFI_ACTION, ms_span_str("an action"));
	CHECK(explain(ms_buf_span(&b), rtmr, &unexplained, &has_boot) != MS_OK);
	CHECK(explain(ms_span(b.p, b.len - 1), rtmr, &unexplained, &has_boot) != MS_OK);
	CHECK(explain(MS_SPAN_NONE, rtmr, &unexplained, &has_boot) != MS_OK);
}
