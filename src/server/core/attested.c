/* Attested requests: one quote over one request. The evidence is checked and judged, the outcome logged, and what was asked
 * for (a certificate, a secret) granted under its own entry, in one transaction. */
#include "server/core/attested.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/jose.h"
#include "crypto/cosesig.h"
#include "crypto/hash.h"
#include "fleet/lifecycle.h"
#include "proto/data.h"
#include "server/core/evidence.h"
#include "server/core/recorded.h"

#define NEXT_WHEN_NOT_PASSED_S 60u
#define VERDICT_MAX 65536u

static void
attested_free(void *more)
{
	struct ms_attested_job *a = more;
	ms_device_fini(&a->device);
	ms_quote_verified_free(a->quote);
	ms_certified_free(a->certified);
	ms_buf_fini(&a->verdict);
	ms_buf_fini(&a->token);
	ms_logs_fini(&a->logs);
	free(a);
}

/* ---- what follows from it ---- */

static const char *
decision_of(enum ms_outcome o)
{
	return o == MS_OUTCOME_PASS ? "ok" : o == MS_OUTCOME_FAIL ? "fail" : "denied";
}

struct ms_judge_ask
ms_attested_ask(const struct ms_job *j, const struct ms_attested_job *a)
{
	return (struct ms_judge_ask){.device = ms_device_for_policy(ms_span_str(j->tenant), a->msg.device, &a->device),
	    .pcrs = ms_quote_pcrs(a->quote),
	    .appraisal = a->logs.appraisal,
	    .late_files = a->logs.late_files,
	    .last_reference = a->device.row.reference};
}

static enum ms_rc
judge(struct ms_core *c, struct ms_job *j, struct ms_attested_job *a, struct ms_err *err)
{
	struct ms_judge_ask ask = ms_attested_ask(j, a);
	enum ms_rc rc = ms_core_judge(c, &ask, &a->judged, err);
	if (rc != MS_OK)
		return rc;
	a->outcome = a->judged.verdict.outcome;
	char text[MS_VERDICT_TEXT_LEN];
	if (a->judged.verdict.n_reasons > 0) {
		ms_verdict_reason_text(&a->judged.verdict, 0, false, text);
		(void)snprintf(a->reason, sizeof a->reason, "%.*s", (int)sizeof a->reason - 1, text);
	}
	/* quarantine is sticky: good evidence does not lift it, a person does */
	if (a->device.state == MS_LIFE_QUARANTINED && a->outcome == MS_OUTCOME_PASS) {
		a->outcome = MS_OUTCOME_DENY;
		(void)snprintf(a->reason, sizeof a->reason, "quarantined: an operator must release this device");
	}
	return MS_OK;
}

/* When this pass ends: durable, so that no restart leaves a device trusted (timers.c looks here). */
static enum ms_rc
note_deadline(struct ms_core *c, struct ms_job *j, struct ms_span device, uint64_t before_s, uint64_t deadline_s, struct ms_err *err)
{
	struct ms_row_key k;
	uint8_t key[8 + MS_STORE_KEY_MAX];
	enum ms_rc rc = ms_row_key(&k, ms_span_str(j->tenant), device, err);
	if (rc != MS_OK)
		return rc;
	memcpy(key + 8, k.bytes, k.len);
	ms_store_key_u64(before_s, key); /* the pass that this one follows */
	rc = ms_store_delete(c->store, MS_TABLE_DEADLINES, ms_span(key, 8 + k.len), err);
	if (rc != MS_OK && rc != MS_ERR_NOT_FOUND)
		return rc;
	ms_store_key_u64(deadline_s, key);
	return ms_store_put(c->store, MS_TABLE_DEADLINES, ms_span(key, 8 + k.len), ms_span("", 1), err);
}

static enum ms_rc
log_attest(struct ms_core *c, struct ms_job *j, struct ms_attested_job *a, struct ms_err *err)
{
	uint8_t pcrs_id[32], request[32];
	bool pass = a->outcome == MS_OUTCOME_PASS;
	enum ms_rc rc = ms_store_put_blob(c->store, a->msg.pcrs, pcrs_id, err);
	if (rc != MS_OK)
		return rc;
	ms_sha256(ms_buf_span(&j->body), request);
	ms_evidence_id(a->msg.attest, a->msg.pcrs, a->evidence);
	struct ms_data_attest data = {.reset_count = ms_quote_reset_count(a->quote),
	    .restart_count = ms_quote_restart_count(a->quote),
	    .clock_ms = ms_quote_clock(a->quote),
	    .firmware = ms_quote_firmware(a->quote),
	    .pcrs = ms_span(pcrs_id, 32),
	    .deadline_s = pass ? c->now_s + a->judged.verdict.interval_s : 0,
	    .nonce = a->msg.nonce};
	ms_logs_to_entry(a, pass, &data);
	if (pass && a->judged.verdict.reference[0] != '\0') {
		data.reference = ms_span_str(a->judged.verdict.reference);
		data.present |= MS_CBOR_BIT(MS_DATA_ATTEST_REFERENCE);
	}
	struct ms_entry e = {.kind = ms_span_str("device.attest"),
	    .actor = ms_span_str(a->actor),
	    .subject = a->msg.device,
	    .request = ms_span(request, 32),
	    .decision = ms_span_str(decision_of(a->outcome)),
	    .reason = ms_span_str(a->reason),
	    .policy = ms_span(a->judged.verdict.policy_id, 32),
	    .evidence = ms_span(a->evidence, 32)};
	bool held = pass ? a->device.state != MS_LIFE_TRUSTED : a->outcome == MS_OUTCOME_FAIL;
	rc = ms_job_log_data(c, j, &e, &ms_data_attest_table, &data, NULL, err);
	if (rc == MS_OK)
		rc = ms_recorded_put(c, j, a, e.seq, err);
	if (rc == MS_OK && pass)
		rc = note_deadline(c, j, a->msg.device, a->device.row.deadline_s, data.deadline_s, err);
	if (rc == MS_OK && held)
		c->crl_due = true; /* certificates go on hold, or come off it */
	return rc;
}

/* All reasons, as the device may see them. */
static void
public_reasons(const struct ms_attested_job *a, struct ms_buf *out)
{
	if (a->judged.verdict.n_reasons == 0 && a->reason[0] != '\0') {
		ms_cbor_array(out, 1);
		ms_cbor_text(out, a->reason);
		return;
	}
	ms_verdict_public(&a->judged.verdict, out);
}

/* Well before the pass ends, and not when everyone else comes: between 40 and 60 % of the interval. */
static uint64_t
next_after(uint64_t interval_s)
{
	uint8_t r[4] = {0x80};
	if (ms_random(r, sizeof r, NULL) != MS_OK)
		return interval_s / 2;
	uint64_t part = ((uint64_t)r[0] << 8 | r[1]) % 201; /* of a thousand */
	return interval_s * (400 + part) / 1000;
}

static enum ms_rc
build_verdict(struct ms_core *c, struct ms_job *j, struct ms_attested_job *a, struct ms_err *err)
{
	struct ms_buf reasons, body;
	bool pass = a->outcome == MS_OUTCOME_PASS;
	enum ms_life_state next = pass ? MS_LIFE_TRUSTED : a->outcome == MS_OUTCOME_FAIL ? MS_LIFE_QUARANTINED : a->device.state;
	char device[96];
	ms_buf_init(&reasons, 16384);
	ms_buf_init(&body, 32768);
	public_reasons(a, &reasons);
	struct ms_verdict_body b = {.device = a->msg.device,
	    .outcome = ms_span_str(ms_outcome_name(a->outcome)),
	    .state = ms_span_str(ms_life_name(next)),
	    .nonce = a->msg.nonce,
	    .next_s = pass ? next_after(a->judged.verdict.interval_s) : NEXT_WHEN_NOT_PASSED_S,
	    .reasons = ms_buf_span(&reasons),
	    .policy = ms_span(a->judged.verdict.policy_id, 32)};
	ms_logs_to_verdict(a, pass, &b);
	(void)snprintf(device, sizeof device, "%.*s", (int)a->msg.device.len, (const char *)a->msg.device.p);
	enum ms_rc rc = ms_cbor_build_map(&ms_verdict_body_table, &b, &body, err);
	struct ms_statement_fields f = {.kind = "verdict",
	    .deployment = c->root->deployment,
	    .audience = device,
	    .tenant = j->tenant,
	    .issued_s = c->now_s,
	    .expires_s = c->now_s + MS_CORE_NONCE_LIFE_S,
	    .body = ms_buf_span(&body)};
	if (rc == MS_OK)
		rc = ms_statement_sign(&c->boot_signer, &f, &a->verdict, err);
	ms_buf_fini(&reasons);
	ms_buf_fini(&body);
	return rc;
}

/* The answer: verdict, entries with tickets, and the result if there is one. */
enum ms_rc
ms_attested_reply(struct ms_job *j, struct ms_span result, struct ms_err *err)
{
	struct ms_attested_job *a = j->more;
	struct ms_attested_resp r = {
	    .verdict = ms_buf_span(&a->verdict), .entry = ms_buf_span(&j->staged[0].bytes), .ticket = ms_buf_span(&j->staged[0].ticket)};
	if (j->n_staged > 1) {
		r.act_entry = ms_buf_span(&j->staged[1].bytes);
		r.act_ticket = ms_buf_span(&j->staged[1].ticket);
		r.present |= MS_CBOR_BIT(MS_ATTESTED_RESP_ACT_ENTRY) | MS_CBOR_BIT(MS_ATTESTED_RESP_ACT_TICKET);
	}
	if (result.len > 0) {
		r.result = result;
		r.present |= MS_CBOR_BIT(MS_ATTESTED_RESP_RESULT);
	}
	enum ms_rc rc = ms_job_reply(j, &ms_attested_resp_table, &r, err);
	bool refused = a->outcome != MS_OUTCOME_PASS || (a->purpose != MS_PURPOSE_ATTEST && result.len == 0);
	if (rc == MS_OK && refused)
		j->status = (uint16_t)ms_rc_http(MS_ERR_DENIED);
	return rc;
}

static enum ms_rc
on_plain_ticket(MS_UNUSED struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	return ms_attested_reply(j, MS_SPAN_NONE, err);
}

static enum ms_rc
step_attested(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	struct ms_attested_job *a = j->more;
	enum ms_evidence_reason reason = MS_EVIDENCE_NONE;
	enum ms_rc rc = ms_attested_authentic(c, j, a, &reason, err);
	if (rc == MS_OK)
		rc = ms_attested_key(j, a, &reason, err);
	if (rc != MS_OK)
		return ms_refuse_evidence(c, j, rc, reason, err);
	rc = ms_attested_state(&a->device, err);
	if (rc == MS_OK)
		rc = ms_logs_check(c, j, a, err);
	if (rc != MS_OK || j->answered)
		return rc;
	if (rc == MS_OK)
		rc = ms_nonce_consume(c, a->msg.nonce, err);
	if (rc == MS_OK)
		rc = judge(c, j, a, err);
	if (rc == MS_OK)
		rc = log_attest(c, j, a, err);
	j->ticketed = on_plain_ticket;
	if (rc == MS_OK && a->purpose == MS_PURPOSE_IDENTITY)
		rc = ms_identity_stage(c, j, a, err);
	else if (rc == MS_OK && a->purpose == MS_PURPOSE_SECRET)
		rc = ms_secret_stage(c, j, a, err);
	else if (rc == MS_OK && a->purpose == MS_PURPOSE_RESULT)
		rc = ms_result_stage(c, j, a, err);
	return rc == MS_OK ? build_verdict(c, j, a, err) : rc;
}

static enum ms_rc
parse_request(struct ms_attested_job *a, struct ms_err *err)
{
	switch (a->purpose) {
	case MS_PURPOSE_ATTEST: {
		struct ms_attest_req q;
		return ms_cbor_parse_map(&ms_attest_req_table, a->msg.request, &q, err);
	}
	case MS_PURPOSE_IDENTITY:
		return ms_cbor_parse_map(&ms_identity_req_table, a->msg.request, &a->identity, err);
	case MS_PURPOSE_SECRET:
		return ms_cbor_parse_map(&ms_secret_req_table, a->msg.request, &a->secret, err);
	case MS_PURPOSE_RESULT:
		return ms_cbor_parse_map(&ms_result_req_table, a->msg.request, &a->result, err);
	case MS_PURPOSE_NONE:
	case MS_PURPOSE_ENROLL:
	case MS_PURPOSE_COUNT:
		break;
	}
	return ms_fail(err, MS_ERR_MALFORMED, "attested request of another purpose");
}

enum ms_rc
ms_request_attested(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	enum ms_rc rc = ms_core_may_grant(c, err);
	struct ms_attested_job *a = rc == MS_OK ? calloc(1, sizeof *a) : NULL;
	if (rc == MS_OK && a == NULL)
		rc = ms_fail(err, MS_ERR_NOMEM, "attested request");
	if (rc != MS_OK)
		return rc;
	ms_buf_init(&a->verdict, VERDICT_MAX);
	ms_buf_init(&a->token, MS_JWS_MAX);
	j->more = a;
	j->more_free = attested_free;
	rc = ms_cbor_parse_map(&ms_attested_table, ms_buf_span(&j->body), &a->msg, err);
	if (rc == MS_OK && a->msg.v != MS_PROTOCOL_VERSION)
		rc = ms_fail(err, MS_ERR_TOO_OLD, "protocol version %llu", (unsigned long long)a->msg.v);
	if (rc != MS_OK)
		return rc;
	a->purpose = ms_purpose_by_name(a->msg.purpose);
	(void)snprintf(a->actor, sizeof a->actor, "device:%.*s", (int)a->msg.device.len, (const char *)a->msg.device.p);
	rc = parse_request(a, err);
	if (rc == MS_OK)
		rc = ms_nonce_check(c, a->purpose, ms_span_str(j->tenant), a->msg.nonce, err);
	if (rc != MS_OK)
		return rc;
	a->step = step_attested;
	if (ms_logs_came(a))
		return ms_logs_start(c, j, a, err);
	ms_job_ready(c, j, step_attested);
	return MS_OK;
}
