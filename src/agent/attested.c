#include "agent/attested.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/logs.h"
#include "base/clock.h"

#define BODY_MAX MS_ATTESTED_MAX
#define REQUEST_MAX 16384u
#define ADAPT_MAX 6u /* refusals of logs that are answered by sending them otherwise */

struct exchange {
	struct ms_buf request, body;
	struct ms_agent_logs_plan plan;
};

static void
exchange_fini(struct exchange *x)
{
	ms_buf_fini(&x->request);
	ms_buf_fini(&x->body);
}
MS_CLEANUP_FINI(struct exchange, exchange_fini)

void
ms_attested_done_fini(struct ms_attested_done *d)
{
	ms_session_challenge_fini(&d->challenge);
}

static enum ms_rc
build_body(struct ms_session *s, const struct ms_challenge *c, struct ms_span request, const struct ms_session_quote *q,
    struct ms_agent_logs_plan *plan, struct ms_buf *out, struct ms_err *err)
{
	MS_OWN(ms_agent_logs_fini) struct ms_agent_logs logs = {.boot_hash = {0}};
	struct ms_attested m = {.v = MS_PROTOCOL_VERSION,
	    .purpose = ms_span_str(ms_purpose_name(c->purpose)),
	    .device = ms_span_str(s->device),
	    .nonce = ms_span(c->nonce, sizeof c->nonce),
	    .request = request,
	    .attest = ms_tpm_blob_span(&q->q.attest),
	    .signature = ms_tpm_blob_span(&q->q.signature),
	    .pcrs = ms_buf_span(&q->pcrs)};
	enum ms_rc rc = ms_agent_logs_add(s, plan, m.attest, &logs, &m, err);
	return rc == MS_OK ? ms_cbor_build_map(&ms_attested_table, &m, out, err) : rc;
}

/* Evidence is bound to the connection: when it went out over another, what the server says of it means nothing. */
static enum ms_rc
post_bound(struct ms_session *s, struct ms_span body, struct ms_err *err)
{
	s->response.fresh = false;
	enum ms_rc rc = ms_session_post(s, "attested", body, &ms_attested_resp_table, err);
	if (s->response.fresh)
		return ms_fail(err, MS_ERR_UNAVAILABLE, MS_SESSION_MOVED " to %s was lost in the middle of a proof", s->server);
	return rc;
}

static enum ms_rc
attempt(struct ms_session *s, const struct ms_attested_ask *ask, struct exchange *x, struct ms_attested_done *ret, struct ms_err *err)
{
	MS_OWN(ms_session_quote_fini) struct ms_session_quote q = {.pcrs = {0}};
	struct ms_buf *request = &x->request, *body = &x->body;
	struct ms_attested_done d = {.challenge = {.c = {.key = NULL}}};
	enum ms_rc rc = ms_session_challenge(s, ask->purpose, &d.challenge, err);
	if (rc == MS_OK)
		rc = ask->build(ask->ctx, s, &d.challenge.c, request, err);
	if (rc == MS_OK)
		rc = ms_session_quote(s, &d.challenge, s->device, ms_buf_span(request), &q, err);
	if (rc == MS_OK)
		rc = build_body(s, &d.challenge.c, ms_buf_span(request), &q, &x->plan, body, err);
	if (rc == MS_OK)
		rc = post_bound(s, ms_buf_span(body), err);
	const struct ms_trust_sent sent = {.body = ms_buf_span(body),
	    .request = ms_buf_span(request),
	    .attest = ms_tpm_blob_span(&q.q.attest),
	    .pcrs = ms_buf_span(&q.pcrs)};
	d.device = (struct ms_trust_device){.id = s->device,
	    .ek_hash = s->rec.f.ek_hash,
	    .ak_public = s->rec.f.ak_public,
	    .ak_name = s->rec.f.ak_name,
	    .now_s = d.challenge.c.now_s};
	if (rc == MS_OK) {
		ms_evidence_id(sent.attest, sent.pcrs, d.evidence);
		rc = ms_trust_attested(&s->trust, &d.device, &d.challenge.c, &sent, ms_buf_span(&s->response.body), &d.answer, err);
	}
	if (rc != MS_OK) {
		ms_attested_done_fini(&d);
		return rc;
	}
	ms_agent_logs_keep(&s->rec.f, sent.attest, &d.answer.verdict); /* its spans live until the record is saved */
	*ret = d;
	return MS_OK;
}

static enum ms_rc
keep_verdict(struct ms_session *s, const struct ms_attested_done *d, struct ms_err *err)
{
	struct ms_agent_fields *f = &s->rec.f;
	f->life = d->answer.verdict.state;
	f->outcome = d->answer.verdict.outcome;
	f->reasons = d->answer.verdict.reasons;
	f->verdict_s = d->challenge.c.now_s;
	f->next_s = d->challenge.c.now_s + d->answer.verdict.next_s;
	return ms_session_save(s, err);
}

enum ms_rc
ms_attested_run(struct ms_session *s, const struct ms_attested_ask *ask, struct ms_attested_done *ret, struct ms_err *err)
{
	MS_OWN(exchange_fini) struct exchange x = {.plan = {.boot_whole = false}};
	enum ms_rc rc;
	unsigned n = 0, adapted = 0;
	struct ms_err detail = {.rc = MS_OK};
	if (s->device == NULL || !ms_span_eq(s->rec.f.status, ms_span_str("enrolled")))
		return ms_fail(err, MS_ERR_PENDING, "this machine is not admitted yet: muster-agent enroll --wait waits for it");
	ms_buf_init(&x.request, REQUEST_MAX);
	ms_buf_init(&x.body, BODY_MAX);
	do {
		ms_buf_reset(&x.request);
		ms_buf_reset(&x.body);
		rc = attempt(s, ask, &x, ret, &detail);
	} while ((adapted++ < ADAPT_MAX && ms_agent_logs_adapt(&x.plan, rc, &detail)) || ms_session_again(s, rc, &detail, ++n));
	if (rc != MS_OK)
		return ms_fail(err, rc, "%s", detail.text);
	rc = keep_verdict(s, ret, err);
	ret->device.ek_hash = s->rec.f.ek_hash; /* the record was written and read again */
	ret->device.ak_public = s->rec.f.ak_public;
	ret->device.ak_name = s->rec.f.ak_name;
	if (rc != MS_OK)
		ms_attested_done_fini(ret);
	return rc;
}

void
ms_attested_show(const struct ms_attested_done *d, struct ms_out *o)
{
	const struct ms_verdict_body *v = &d->answer.verdict;
	ms_out_text(o, "device", "device", v->device);
	ms_out_text(o, "outcome", "outcome", v->outcome);
	ms_out_text(o, "state", "state", v->state);
	ms_out_list(o, "reasons", "reason", v->reasons);
	ms_out_time(o, "next", "next attestation by", d->challenge.c.now_s + v->next_s);
	ms_out_hex(o, "policy", "policy", v->policy);
}

enum ms_rc
ms_attested_passed(const struct ms_attested_done *d, struct ms_err *err)
{
	if (d->answer.outcome == MS_TRUST_PASS)
		return MS_OK;
	struct ms_cbor c = ms_cbor_over(d->answer.verdict.reasons);
	struct ms_span first = ms_cbor_read_array(&c) > 0 ? ms_cbor_read_text(&c) : ms_span_str("no reason was given");
	return ms_fail(err, MS_ERR_DENIED, "%.*s: %.*s", (int)d->answer.verdict.outcome.len, (const char *)d->answer.verdict.outcome.p,
	    (int)first.len, (const char *)first.p);
}
