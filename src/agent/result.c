/* muster-agent result: an attestation result, which this machine shows to relying parties. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/attested.h"
#include "agent/commands.h"
#include "identity/ear_read.h"

#define RESULT_FILE "result.jwt"
#define OUT_MODE 0644 /* it is for others to read: it holds nothing secret and proves nothing without the key set */

struct asked {
	uint8_t nonce[MS_EAR_NONCE_MAX];
	size_t nonce_len;
	const char *audience;
};

static enum ms_rc
take_options(const struct ms_agent_options *o, struct asked *ret, struct ms_err *err)
{
	size_t digits = o->nonce != NULL ? strlen(o->nonce) : 0;
	struct asked a = {.nonce_len = digits / 2, .audience = o->audience};
	if (o->nonce != NULL &&
	    (a.nonce_len < MS_EAR_NONCE_MIN || a.nonce_len > MS_EAR_NONCE_MAX || ms_unhex(o->nonce, digits, a.nonce, a.nonce_len) != MS_OK))
		return ms_fail(err, MS_ERR_USAGE, "--nonce: %u to %u bytes in hex are wanted", MS_EAR_NONCE_MIN, MS_EAR_NONCE_MAX);
	if (o->audience != NULL && (strlen(o->audience) > MS_EAR_AUDIENCE_MAX || !ms_utf8_ok(ms_span_str(o->audience))))
		return ms_fail(err, MS_ERR_USAGE, "--audience: at most %u bytes of UTF-8", MS_EAR_AUDIENCE_MAX);
	*ret = a;
	return MS_OK;
}

static enum ms_rc
build(void *ctx, MS_UNUSED struct ms_session *s, MS_UNUSED const struct ms_challenge *c, struct ms_buf *request, struct ms_err *err)
{
	const struct asked *a = ctx;
	uint8_t op_id[16];
	enum ms_rc rc = ms_random(op_id, sizeof op_id, err);
	if (rc != MS_OK)
		return rc;
	struct ms_result_req q = {.op_id = ms_span(op_id, sizeof op_id)};
	if (a->nonce_len > 0) {
		q.nonce = ms_span(a->nonce, a->nonce_len);
		q.present |= MS_CBOR_BIT(MS_RESULT_REQ_NONCE);
	}
	if (a->audience != NULL) {
		q.audience = ms_span_str(a->audience);
		q.present |= MS_CBOR_BIT(MS_RESULT_REQ_AUDIENCE);
	}
	return ms_cbor_build_map(&ms_result_req_table, &q, request, err);
}

static enum ms_rc
keep(struct ms_session *s, const char *out_file, struct ms_span token, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf line = {0};
	ms_buf_init(&line, MS_JWS_MAX + 1);
	ms_buf_put_span(&line, token);
	ms_buf_u8(&line, '\n');
	enum ms_rc rc = ms_buf_check(&line, err);
	if (rc == MS_OK)
		rc = ms_agent_state_write(s->state, RESULT_FILE, ms_buf_span(&line), err);
	if (rc == MS_OK && out_file != NULL)
		rc = ms_io_write_file(out_file, OUT_MODE, ms_buf_span(&line), err);
	if (rc == MS_OK && out_file != NULL && chmod(out_file, OUT_MODE) != 0) /* the umask is for what is ours alone */
		rc = ms_fail(err, MS_ERR_IO, "%s: %s", out_file, strerror(errno));
	return rc;
}

static enum ms_rc
get(struct ms_session *s, struct asked *asked, struct ms_attested_done *d, struct ms_out *out, struct ms_err *err)
{
	MS_OWN(ms_ear_read_fini) struct ms_ear_read r = {.claims = NULL};
	const struct ms_attested_ask ask = {.purpose = MS_PURPOSE_RESULT, .build = build, .ctx = asked};
	enum ms_rc rc = ms_attested_run(s, &ask, d, err);
	if (rc != MS_OK)
		return rc;
	ms_attested_show(d, out);
	const struct ms_trust_result_ask want = {.nonce = ms_span(asked->nonce, asked->nonce_len),
	    .audience = asked->audience,
	    .evidence = ms_span(d->evidence, sizeof d->evidence)};
	rc = ms_attested_passed(d, err);
	if (rc == MS_OK)
		rc = ms_trust_result(&s->trust, &d->device, &d->answer, &want, &r, err);
	if (rc == MS_OK)
		rc = keep(s, s->o->out, d->answer.result, err);
	if (rc != MS_OK)
		return rc;
	ms_out_str(out, "status", "status", ms_ear_tier_name(r.status));
	ms_out_time(out, "expires", "result until", r.expires_s);
	ms_out_uint(out, "entry", "log entry", d->answer.act.entry.seq);
	if (s->o->out != NULL)
		ms_out_str(out, "file", "written to", s->o->out);
	ms_out_text(out, "result", NULL, d->answer.result);
	return MS_OK;
}

static enum ms_rc
result(const struct ms_agent_options *o, struct ms_out *out, struct ms_err *err)
{
	MS_OWN(ms_session_fini) struct ms_session s = {.o = o};
	MS_OWN(ms_attested_done_fini) struct ms_attested_done d = {.challenge = {.c = {.key = NULL}}};
	struct asked asked;
	enum ms_rc rc = take_options(o, &asked, err);
	if (rc == MS_OK)
		rc = ms_session_open(&s, o, err);
	if (rc == MS_OK)
		rc = ms_enroll_settle(&s, err);
	return rc == MS_OK ? get(&s, &asked, &d, out, err) : rc;
}

int
ms_cmd_result(const struct ms_agent_options *o)
{
	MS_OWN(ms_out_free) struct ms_out *out = NULL;
	struct ms_err err = {.rc = MS_OK};
	if (ms_out_new(o->json, &out, &err) != MS_OK)
		return ms_rc_exit(err.rc);
	enum ms_rc rc = result(o, out, &err);
	return rc == MS_OK ? ms_out_done(out, 0) : ms_out_error(out, &err);
}
