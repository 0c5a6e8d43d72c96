/* A statement that parses and fits what is expected builds back to the same bytes. */
#include <assert.h>
#include <string.h>
#include "codec/statement_int.h"

static enum ms_rc
same_signature(void *ctx, MS_UNUSED struct ms_span tbs, uint8_t sig[static MS_COSE_SIG_LEN], MS_UNUSED struct ms_err *err)
{
	memcpy(sig, ms_statement_signature(ctx).p, MS_COSE_SIG_LEN);
	return MS_OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t deployment[] = "0123456789abcdef";
	const struct ms_statement_expect x = {
	    .kind = "verdict", .deployment = deployment, .audience = "agent", .tenant = "default", .now_s = 1000000, .skew_s = UINT64_MAX};
	MS_OWN(ms_statement_raw_free) struct ms_statement_raw *raw = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf out = {.max = 32u << 20};
	struct ms_statement s;
	if (ms_statement_parse(ms_span(data, size), &raw, NULL) != MS_OK)
		return 0;
	ms_statement_tbs(raw, &out);
	if (ms_statement_check(raw, &x, &s, NULL) != MS_OK)
		return 0;
	const struct ms_statement_fields f = {.kind = x.kind,
	    .deployment = deployment,
	    .audience = x.audience,
	    .tenant = x.tenant,
	    .issued_s = s.issued_s,
	    .expires_s = s.expires_s,
	    .epoch = s.epoch,
	    .body = s.body,
	    .alg = ms_statement_alg(raw),
	    .kid = s.kid};
	ms_buf_reset(&out);
	assert(ms_statement_build(&f, same_signature, raw, &out, NULL) == MS_OK);
	assert(ms_span_eq(ms_buf_span(&out), ms_span(data, size)));
	return 0;
}
