/* Requests that write nothing: deployment root, CRL, challenge; and net's own certificate. */
#include <string.h>

#include "crypto/cosesig.h"
#include "crypto/jws.h"
#include "server/core/core.h"

#define DEVICE_ROW_MAX (64u << 10)

enum ms_rc
ms_request_root(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	ms_buf_put_span(&j->out, c->root->wire);
	j->kind = MS_NET_OCTET;
	j->answered = true;
	return ms_buf_check(&j->out, err);
}

enum ms_rc
ms_request_crl(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	if (c->crl.len == 0)
		return ms_fail(err, MS_ERR_UNAVAILABLE, "no CRL was made yet");
	ms_buf_put_span(&j->out, ms_buf_span(&c->crl));
	j->kind = MS_NET_OCTET;
	j->answered = true;
	return ms_buf_check(&j->out, err);
}

/* The key that signs attestation results, for relying parties. */
enum ms_rc
ms_request_jwks(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	const struct ms_pubkey *const keys[] = {c->root->token};
	j->kind = MS_NET_JWKS;
	j->answered = true;
	return ms_jwks_build(keys, 1, &j->out, err);
}

static enum ms_rc
challenge_statement(struct ms_core *c, struct ms_job *j, const struct ms_challenge_body *body, struct ms_buf *out, struct ms_err *err)
{
	struct ms_buf b;
	ms_buf_init(&b, 512);
	enum ms_rc rc = ms_cbor_build_map(&ms_challenge_body_table, body, &b, err);
	struct ms_statement_fields f = {.kind = "challenge",
	    .deployment = c->root->deployment,
	    .audience = "agent",
	    .tenant = j->tenant,
	    .issued_s = c->now_s,
	    .expires_s = c->now_s + MS_CORE_NONCE_LIFE_S,
	    .body = ms_buf_span(&b)};
	if (rc == MS_OK)
		rc = ms_statement_sign(&c->boot_signer, &f, out, err);
	ms_buf_fini(&b);
	return rc;
}

/* A device that asks for a secret makes its sealing key for the PCRs that the policy names. */
static enum ms_rc
tell_seal_mask(struct ms_core *c, struct ms_job *j, enum ms_purpose purpose, struct ms_challenge_body *body, struct ms_err *err)
{
	const struct ms_policy *policy = NULL;
	uint64_t version = 0;
	if (purpose != MS_PURPOSE_SECRET)
		return MS_OK;
	enum ms_rc rc = ms_core_policy(c, ms_span_str(j->tenant), &policy, &version, err);
	if (rc != MS_OK || policy == NULL)
		return rc;
	body->seal_mask = ms_policy_settings(policy)->seal_mask;
	body->present |= MS_CBOR_BIT(MS_CHALLENGE_BODY_SEAL_MASK);
	return MS_OK;
}

/* To a device that said who it is and proves that it knows its enrolment: how often to ask, and whether evidence is wanted now.
 * To anyone else the answer is the same as to one who did not say (I8). */
static enum ms_rc
tell_device(struct ms_core *c, struct ms_job *j, const struct ms_challenge_req *q, struct ms_challenge_body *body, struct ms_err *err)
{
	struct ms_row_device row;
	MS_OWN(ms_buf_fini) struct ms_buf mem = {0};
	if (!MS_CBOR_HAS(q, MS_CHALLENGE_REQ_DEVICE) || !MS_CBOR_HAS(q, MS_CHALLENGE_REQ_TRANSCRIPT_HASH))
		return MS_OK;
	ms_buf_init(&mem, DEVICE_ROW_MAX);
	enum ms_rc rc = ms_row_get(c->store, MS_TABLE_DEVICES, ms_span_str(j->tenant), q->device, &ms_row_device_table, &row, &mem, err);
	if (rc != MS_OK)
		return rc == MS_ERR_NOT_FOUND ? MS_OK : rc;
	if (!ms_ct_eq(row.transcript_hash.p, q->transcript_hash.p, 32))
		return MS_OK;
	body->poll_s = c->poll_s;
	body->attest_now = MS_CBOR_HAS(&row, MS_ROW_DEVICE_WANTED_S);
	body->present |= MS_CBOR_BIT(MS_CHALLENGE_BODY_POLL_S) | MS_CBOR_BIT(MS_CHALLENGE_BODY_ATTEST_NOW);
	return MS_OK;
}

enum ms_rc
ms_request_challenge(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	struct ms_challenge_req q;
	uint8_t nonce[MS_NONCE_LEN];
	enum ms_rc rc = ms_cbor_parse_map(&ms_challenge_req_table, ms_buf_span(&j->body), &q, err);
	if (rc == MS_OK && q.v != MS_PROTOCOL_VERSION)
		rc = ms_fail(err, MS_ERR_TOO_OLD, "protocol version %llu", (unsigned long long)q.v);
	enum ms_purpose purpose = rc == MS_OK ? ms_purpose_by_name(q.purpose) : MS_PURPOSE_NONE;
	if (rc == MS_OK && purpose == MS_PURPOSE_NONE)
		rc = ms_fail(err, MS_ERR_MALFORMED, "challenge for an unknown purpose");
	if (rc == MS_OK && (c->challenge_key.len == 0 || c->now_s >= c->challenge_key_expires_s))
		rc = ms_fail(err, MS_ERR_UNAVAILABLE, "no challenge key yet");
	if (rc == MS_OK)
		rc = ms_nonce_issue(c, purpose, ms_span_str(j->tenant), nonce, err);
	if (rc != MS_OK)
		return rc;
	struct ms_challenge_body body = {.nonce = ms_span(nonce, sizeof nonce), .purpose = q.purpose, .now_s = c->now_s};
	struct ms_buf statement;
	rc = tell_seal_mask(c, j, purpose, &body, err);
	if (rc == MS_OK)
		rc = tell_device(c, j, &q, &body, err);
	ms_buf_init(&statement, 1024);
	if (rc == MS_OK)
		rc = challenge_statement(c, j, &body, &statement, err);
	struct ms_challenge_resp r = {.key = ms_buf_span(&c->challenge_key), .challenge = ms_buf_span(&statement)};
	if (rc == MS_OK)
		rc = ms_job_reply(j, &ms_challenge_resp_table, &r, err);
	ms_buf_fini(&statement);
	return rc;
}
