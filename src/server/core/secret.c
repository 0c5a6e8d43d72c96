/* Releasing a secret: an entitled device that passed just now gets it sealed, by keeper, to a key that opens only in
 * the quoted state. Everything else is refused and logged. */
#include <stdio.h>
#include <string.h>

#include "crypto/hash.h"
#include "proto/data.h"
#include "secrets/rule.h"
#include "server/core/attested.h"

#define WRAPPED_MAX (80u << 10)
#define ROW_MAX (16u << 10)

static enum ms_rc
on_refusal_ticket(MS_UNUSED struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	return ms_attested_reply(j, MS_SPAN_NONE, err);
}

static enum ms_rc
log_refusal(struct ms_core *c, struct ms_job *j, struct ms_attested_job *a, const char *reason, struct ms_err *err)
{
	struct ms_data_path data = {.path = a->secret.path};
	uint8_t request[32];
	ms_sha256(a->msg.request, request);
	if (a->reason[0] == '\0')
		(void)snprintf(a->reason, sizeof a->reason, "%s", reason);
	struct ms_entry e = {.kind = ms_span_str("secret.refuse"),
	    .actor = ms_span_str(a->actor),
	    .subject = a->msg.device,
	    .request = ms_span(request, 32),
	    .decision = ms_span_str("denied"),
	    .reason = ms_span_str(a->reason),
	    .evidence = ms_span(a->evidence, 32)};
	j->ticketed = on_refusal_ticket;
	return ms_job_log_data(c, j, &e, &ms_data_path_table, &data, NULL, err);
}

static enum ms_rc
on_sealed(MS_UNUSED struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	return ms_attested_reply(j, j->result, err);
}

static enum ms_rc
on_release_ticket(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	j->acted = on_sealed;
	return ms_keeper_ask(c, j, MS_ACT_SECRET_RELEASE, j->n_staged - 1, err);
}

static enum ms_rc
log_release(struct ms_core *c, struct ms_job *j, struct ms_attested_job *a, struct ms_span wrapped, uint64_t version, struct ms_err *err)
{
	struct ms_buf admission;
	uint8_t digest[32], request[32];
	ms_buf_init(&admission, 8192);
	enum ms_rc rc = ms_statement_get(c, "admission", ms_span_str(j->tenant), a->msg.device, &admission, err);
	struct ms_act_secret_release act = {.admission = ms_buf_span(&admission),
	    .nonce = a->msg.nonce,
	    .exporter = ms_span(j->exporter, sizeof j->exporter),
	    .request = a->msg.request,
	    .attest = a->msg.attest,
	    .signature = a->msg.signature,
	    .pcrs = a->msg.pcrs,
	    .wrapped = wrapped,
	    .seal_mask = a->judged.settings.seal_mask};
	ms_buf_reset(&j->params);
	if (rc == MS_OK)
		rc = ms_cbor_build_map(&ms_act_secret_release_table, &act, &j->params, err);
	ms_buf_fini(&admission);
	if (rc != MS_OK)
		return rc;
	ms_sha256(ms_buf_span(&j->params), digest);
	ms_sha256(a->msg.request, request);
	struct ms_data_secret_release data = {.path = a->secret.path,
	    .version = version,
	    .key_name = ms_tpm_name_span(ms_certified_name(a->certified)),
	    .nonce = a->msg.nonce};
	struct ms_entry e = {.kind = ms_span_str("secret.release"),
	    .actor = ms_span_str(a->actor),
	    .subject = a->msg.device,
	    .request = ms_span(request, 32),
	    .decision = ms_span_str("ok"),
	    .policy = ms_span(a->judged.verdict.policy_id, 32),
	    .evidence = ms_span(a->evidence, 32),
	    .act = ms_span(digest, 32)};
	j->ticketed = on_release_ticket;
	return ms_job_log_data(c, j, &e, &ms_data_secret_release_table, &data, NULL, err);
}

/* The stored version of the secret, if this device is entitled to it. What it is not told: whether the secret exists. */
static enum ms_rc
find_entitled(
    struct ms_core *c, struct ms_job *j, struct ms_attested_job *a, struct ms_buf *wrapped, uint64_t *ret_version, struct ms_err *err)
{
	struct ms_row_secret row;
	struct ms_wrapped w;
	struct ms_wrapped_header h;
	struct ms_buf mem;
	if (!ms_secret_path_ok(a->secret.path))
		return ms_fail(err, MS_ERR_NOT_FOUND, "not a path of a secret");
	ms_buf_init(&mem, ROW_MAX);
	enum ms_rc rc =
	    ms_row_get(c->store, MS_TABLE_SECRETS, ms_span_str(j->tenant), a->secret.path, &ms_row_secret_table, &row, &mem, err);
	if (rc == MS_OK && (row.stored_version == 0 || !MS_CBOR_HAS(&row, MS_ROW_SECRET_WRAPPED)))
		rc = ms_fail(err, MS_ERR_NOT_FOUND, "nothing is stored yet");
	if (rc == MS_OK)
		rc = ms_store_get_blob(c->store, row.wrapped.p, wrapped, err) == MS_OK
			 ? MS_OK
			 : ms_fail(err, MS_ERR_IO, "the wrapped secret is not in the store"); /* ours to mend, not a refusal (I12) */
	uint64_t version = rc == MS_OK ? row.stored_version : 0;
	ms_buf_fini(&mem);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_wrapped_table, ms_buf_span(wrapped), &w, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_wrapped_header_table, w.header, &h, err);
	if (rc != MS_OK)
		return rc;
	if (!ms_secret_rule_admits(h.rule, a->device.claims.model, a->msg.device))
		return ms_fail(err, MS_ERR_NOT_FOUND, "the rule does not name this device");
	if (version < a->secret.least)
		return ms_fail(err, MS_ERR_NOT_FOUND, "older than the device has");
	*ret_version = version;
	return MS_OK;
}

static enum ms_rc
stage_entitled(struct ms_core *c, struct ms_job *j, struct ms_attested_job *a, struct ms_buf *wrapped, struct ms_err *err)
{
	uint64_t version = 0;
	enum ms_evidence_reason reason = MS_EVIDENCE_NONE;
	struct ms_sealing_state state = {.pcrs = ms_quote_pcrs(a->quote), .mask = a->judged.settings.seal_mask};
	enum ms_rc rc = find_entitled(c, j, a, wrapped, &version, err);
	if (rc == MS_ERR_NOT_FOUND)
		return log_refusal(c, j, a, "no-such-secret-for-this-device", err);
	if (rc != MS_OK)
		return rc;
	rc = ms_certified_sealing(a->certified, &state, a->point, &reason, err);
	if (rc != MS_OK && ms_rc_http(rc) < 500)
		return log_refusal(c, j, a, ms_evidence_reason_name(reason), err);
	return rc == MS_OK ? log_release(c, j, a, ms_buf_span(wrapped), version, err) : rc;
}

enum ms_rc
ms_secret_stage(struct ms_core *c, struct ms_job *j, struct ms_attested_job *a, struct ms_err *err)
{
	if (a->outcome != MS_OUTCOME_PASS)
		return log_refusal(c, j, a, "not-passed", err);
	struct ms_buf wrapped;
	ms_buf_init(&wrapped, WRAPPED_MAX);
	enum ms_rc rc = stage_entitled(c, j, a, &wrapped, err);
	ms_buf_fini(&wrapped);
	return rc;
}
