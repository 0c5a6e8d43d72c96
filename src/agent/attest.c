/* muster-agent attest: prove this machine's state now. */
#include "agent/attested.h"
#include "agent/commands.h"

static enum ms_rc
build(
    MS_UNUSED void *ctx, MS_UNUSED struct ms_session *s, MS_UNUSED const struct ms_challenge *c, struct ms_buf *request, struct ms_err *err)
{
	const struct ms_attest_req q = {.agent_version = ms_span_str(MS_VERSION)};
	return ms_cbor_build_map(&ms_attest_req_table, &q, request, err);
}

enum ms_rc
ms_attest(struct ms_session *s, struct ms_attested_done *ret, struct ms_err *err)
{
	const struct ms_attested_ask ask = {.purpose = MS_PURPOSE_ATTEST, .build = build};
	return ms_attested_run(s, &ask, ret, err);
}

static enum ms_rc
attest(const struct ms_agent_options *o, struct ms_out *out, struct ms_err *err)
{
	MS_OWN(ms_session_fini) struct ms_session s = {.o = o};
	MS_OWN(ms_attested_done_fini) struct ms_attested_done d = {.challenge = {.c = {.key = NULL}}};
	enum ms_rc rc = ms_session_open(&s, o, err);
	if (rc == MS_OK)
		rc = ms_enroll_settle(&s, err);
	if (rc == MS_OK)
		rc = o->identity ? ms_identity(&s, &d, err) : ms_attest(&s, &d, err);
	if (d.challenge.c.key == NULL)
		return rc;
	ms_attested_show(&d, out);
	if (rc == MS_OK && o->identity)
		ms_out_time(out, "certificate_until", "certificate until", s.rec.f.cert_until_s);
	return rc == MS_OK ? ms_attested_passed(&d, err) : rc;
}

int
ms_cmd_attest(const struct ms_agent_options *o)
{
	MS_OWN(ms_out_free) struct ms_out *out = NULL;
	struct ms_err err = {.rc = MS_OK};
	if (ms_out_new(o->json, &out, &err) != MS_OK)
		return ms_rc_exit(err.rc);
	enum ms_rc rc = attest(o, out, &err);
	return rc == MS_OK ? ms_out_done(out, 0) : ms_out_error(out, &err);
}
