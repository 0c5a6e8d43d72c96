/* Enrolment: transcript, credential, proof; then bind (AK and EK are in one TPM) and, when a manifest lists the EK, admit.
 * Without a manifest an EK certificate that chains to a maker is wanted, and the device waits for approval. */
#include "server/core/enroll.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "codec/tpm.h"
#include "crypto/cosesig.h"
#include "crypto/hash.h"
#include "evidence/ak.h"
#include "evidence/appraise.h"
#include "evidence/quote.h"
#include "fleet/device_id.h"
#include "fleet/lifecycle.h"
#include "identity/ekcert.h"
#include "proto/data.h"
#include "server/core/appraisers.h"
#include "server/core/evidence.h"

#define LABEL "muster/v1/enroll"
#define MAKER_MAX 200u

/* What the steps of one enrolment keep. Spans borrow from the job's body. */
struct enroll {
	struct ms_enroll_finish msg; /* of begin: only its first members */
	struct ms_transcript t;
	struct ms_tpm_public ek_public;
	struct ms_ak *ak;
	uint8_t ek_hash[MS_EK_HASH_LEN], transcript_hash[32], evidence[32];
	char ek_hex[2 * MS_EK_HASH_LEN + 1];
	char device[MS_DEVICE_ID_MAX + 1];
	char maker[MAKER_MAX + 1];
	bool listed, admit;
	struct ms_buf binding;
};

static void
enroll_free(void *more)
{
	struct enroll *e = more;
	ms_ak_free(e->ak);
	ms_buf_fini(&e->binding);
	free(e);
}

static enum ms_rc
enroll_new(struct ms_job *j, struct enroll **ret, struct ms_err *err)
{
	struct enroll *e = calloc(1, sizeof *e);
	if (e == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "enrolment");
	ms_buf_init(&e->binding, 8192);
	j->more = e;
	j->more_free = enroll_free;
	*ret = e;
	return MS_OK;
}

static enum ms_rc
check_transcript(struct ms_core *c, struct ms_job *j, struct enroll *e, struct ms_err *err)
{
	enum ms_rc rc = ms_cbor_parse_map(&ms_transcript_table, e->msg.transcript, &e->t, err);
	if (rc != MS_OK)
		return rc;
	if (e->msg.v != MS_PROTOCOL_VERSION)
		return ms_fail(err, MS_ERR_TOO_OLD, "protocol version %llu", (unsigned long long)e->msg.v);
	if (!ms_span_eq(e->t.label, ms_span_str(LABEL)))
		return ms_fail(err, MS_ERR_MALFORMED, "transcript: label");
	if (!ms_span_eq(e->t.deployment, ms_span(c->root->deployment, 16)) || !ms_span_eq(e->t.tenant, ms_span_str(j->tenant)))
		return ms_fail(err, MS_ERR_AUTH, "transcript: of another deployment or tenant");
	if (!ms_name_ok(e->t.name, 64))
		return ms_fail(err, MS_ERR_MALFORMED, "transcript: a name is 1 to 64 of a-z 0-9 . _ -");
	uint8_t cert_hash[32] = {0};
	if (e->msg.ek_cert.len > 0)
		ms_sha256(e->msg.ek_cert, cert_hash);
	if (!ms_span_eq(e->t.ek_cert_hash, ms_span(cert_hash, sizeof cert_hash)))
		return ms_fail(err, MS_ERR_AUTH, "transcript: another EK certificate");
	ms_sha256(e->msg.transcript, e->transcript_hash);
	return ms_nonce_check(c, MS_PURPOSE_ENROLL, ms_span_str(j->tenant), e->t.nonce, err);
}

static enum ms_rc
check_keys(struct enroll *e, enum ms_evidence_reason *reason, struct ms_err *err)
{
	*reason = MS_EVIDENCE_KEY_MALFORMED;
	enum ms_rc rc = ms_tpm_public_parse(e->t.ek_public, &e->ek_public, err);
	if (rc == MS_OK)
		rc = ms_ek_public_ok(&e->ek_public, reason, err);
	if (rc == MS_OK)
		rc = ms_tpm_public_hash(&e->ek_public, e->ek_hash, err);
	if (rc == MS_OK)
		rc = ms_ak_new(e->t.ak_public, MS_SPAN_NONE, &e->ak, reason, err);
	ms_hex(e->ek_hash, sizeof e->ek_hash, e->ek_hex);
	return rc;
}

/* ---- begin: the credential ---- */

static enum ms_rc
on_credential(MS_UNUSED struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	struct ms_credential cred;
	enum ms_rc rc = ms_cbor_parse_map(&ms_credential_table, j->result, &cred, err);
	return rc == MS_OK ? ms_job_reply(j, &ms_credential_table, &cred, err) : rc;
}

enum ms_rc
ms_request_enroll_begin(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	struct ms_enroll_begin b;
	struct enroll *e = NULL;
	enum ms_evidence_reason reason = MS_EVIDENCE_NONE;
	enum ms_rc rc = ms_cbor_parse_map(&ms_enroll_begin_table, ms_buf_span(&j->body), &b, err);
	if (rc == MS_OK)
		rc = enroll_new(j, &e, err);
	if (rc != MS_OK)
		return rc;
	e->msg.v = b.v;
	e->msg.transcript = b.transcript;
	e->msg.ek_cert = b.ek_cert;
	rc = check_transcript(c, j, e, err);
	if (rc != MS_OK)
		return rc;
	rc = check_keys(e, &reason, err);
	if (rc != MS_OK)
		return ms_refuse_evidence(c, j, rc, reason, err);
	struct ms_act_credential a = {.transcript = b.transcript};
	rc = ms_cbor_build_map(&ms_act_credential_table, &a, &j->params, err);
	j->acted = on_credential;
	return rc == MS_OK ? ms_keeper_ask(c, j, MS_ACT_CREDENTIAL, MS_ACT_NO_ENTRY, err) : rc;
}

/* ---- admit ---- */

struct admit {
	char device[MS_DEVICE_ID_MAX + 1];
	struct ms_buf admission;
	ms_step_fn then;
	void *outer;
	void (*outer_free)(void *);
};

static void
admit_free(void *more)
{
	struct admit *a = more;
	ms_buf_fini(&a->admission);
	if (a->outer_free != NULL)
		a->outer_free(a->outer);
	free(a);
}

/* What keeper signed, with the entry it is in the log by, so that a device that asks again gets the same answer. */
static enum ms_rc
keep(struct ms_core *c, struct ms_job *j, const char *kind, struct ms_span device, struct ms_span wire, struct ms_err *err)
{
	char name[32];
	const struct ms_staged *last = &j->staged[j->n_staged - 1];
	struct ms_span tenant = ms_span_str(j->tenant);
	enum ms_rc rc = ms_statement_put(c, kind, tenant, device, wire, err);
	(void)snprintf(name, sizeof name, "%s.entry", kind);
	if (rc == MS_OK)
		rc = ms_statement_put(c, name, tenant, device, ms_buf_span(&last->bytes), err);
	(void)snprintf(name, sizeof name, "%s.ticket", kind);
	return rc == MS_OK ? ms_statement_put(c, name, tenant, device, ms_buf_span(&last->ticket), err) : rc;
}

/* The admission is kept before anyone is told; then the job goes on as its owner wants, with its own `more` back. */
static enum ms_rc
step_keep_admission(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	struct admit *a = j->more;
	ms_step_fn then = a->then;
	enum ms_rc rc = keep(c, j, "admission", ms_span_str(a->device), ms_buf_span(&a->admission), err);
	if (rc != MS_OK)
		return rc;
	j->more = a->outer;
	j->more_free = a->outer_free;
	a->outer_free = NULL;
	admit_free(a);
	return then(c, j, err);
}

static enum ms_rc
on_admitted(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	struct admit *a = j->more;
	ms_buf_put_span(&a->admission, j->result);
	enum ms_rc rc = ms_buf_check(&a->admission, err);
	/* not ms_job_ready(): the entries of this job and their tickets are part of the answer */
	if (rc == MS_OK) {
		j->step = step_keep_admission;
		ms_job_push(&c->jobs.ready, j);
	}
	return rc;
}

static enum ms_rc
on_admit_ticket(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	j->acted = on_admitted;
	return ms_keeper_ask(c, j, MS_ACT_ADMIT, j->n_staged - 1, err);
}

/* A kept approval, if it is of this very enrolment: MS_ERR_NOT_FOUND when the device enrolled again since it was given. It was in
 * time when it was given. */
static enum ms_rc
check_approval(
    struct ms_core *c, struct ms_job *j, const struct ms_device *d, struct ms_span wire, char text[static 161], struct ms_err *err)
{
	MS_OWN(ms_statement_raw_free) struct ms_statement_raw *raw = NULL;
	struct ms_statement st;
	struct ms_op_body op;
	struct ms_args_approve args;
	const struct ms_statement_expect x = {.kind = "op",
	    .deployment = c->root->deployment,
	    .audience = "server",
	    .tenant = j->tenant,
	    .now_s = c->now_s,
	    .skew_s = UINT64_MAX};
	enum ms_rc rc = ms_statement_parse(wire, &raw, err);
	if (rc != MS_OK)
		return ms_prefix(err, MS_ERR_IO, "the kept approval");
	const struct ms_operator_key *by = ms_root_operator(c->root, ms_statement_kid(raw), ms_span_str(j->tenant));
	if (by == NULL)
		return ms_fail(err, MS_ERR_NOT_FOUND, "the kept approval is by no operator of now");
	rc = ms_statement_verify_raw(raw, by->key, &x, &st, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_op_body_table, st.body, &op, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_args_approve_table, op.args, &args, err);
	if (rc != MS_OK)
		return ms_prefix(err, MS_ERR_IO, "the kept approval");
	if (!ms_span_eq(args.transcript_hash, d->row.transcript_hash))
		return ms_fail(err, MS_ERR_NOT_FOUND, "the kept approval is of an earlier enrolment");
	memcpy(text, "operator:", 9);
	ms_hex(ms_pubkey_id(by->key), MS_KEY_ID_LEN, text + 9);
	return MS_OK;
}

/* Authority of the admission: the approval of this enrolment when there is one, else a manifest row. */
static enum ms_rc
admit_authority(struct ms_core *c, struct ms_job *j, const struct ms_device *d, struct ms_listing *l, struct ms_act_admit *act,
    char text[static 161], struct ms_err *err)
{
	struct ms_span tenant = ms_span_str(j->tenant);
	enum ms_rc rc = ms_statement_get(c, "approval", tenant, ms_span_str(((struct admit *)j->more)->device), &l->statement, err);
	if (rc == MS_OK)
		rc = check_approval(c, j, d, ms_buf_span(&l->statement), text, err);
	if (rc == MS_OK) {
		act->authority = ms_buf_span(&l->statement);
		return MS_OK;
	}
	if (rc != MS_ERR_NOT_FOUND)
		return rc;
	ms_listing_fini(l);
	rc = ms_listing_find(c, tenant, d->row.ek_hash, l, err);
	if (rc == MS_OK)
		rc = ms_listing_prove(c, tenant, l, err);
	if (rc != MS_OK)
		return rc;
	(void)snprintf(text, 161, "batch:%.*s", (int)l->row.batch.len, (const char *)l->row.batch.p);
	act->authority = ms_buf_span(&l->statement);
	act->row = ms_buf_span(&l->row_bytes);
	act->row_index = l->row.index;
	act->proof = ms_buf_span(&l->proof);
	act->present = MS_CBOR_BIT(MS_ACT_ADMIT_ROW) | MS_CBOR_BIT(MS_ACT_ADMIT_ROW_INDEX) | MS_CBOR_BIT(MS_ACT_ADMIT_PROOF);
	return MS_OK;
}

static enum ms_rc
admit_log(struct ms_core *c, struct ms_job *j, struct ms_span device, struct ms_span actor, struct ms_err *err)
{
	MS_OWN(ms_device_fini) struct ms_device d = {.state = MS_LIFE_NONE};
	MS_OWN(ms_listing_fini) struct ms_listing l = {.row = {0}};
	struct ms_act_admit act = {0};
	struct ms_buf binding;
	char authority[161];
	uint8_t digest[32];
	ms_buf_init(&binding, 8192);
	ms_buf_init(&l.statement, 8192);
	enum ms_rc rc = ms_device_load(c, ms_span_str(j->tenant), device, &d, err);
	if (rc == MS_OK)
		rc = ms_statement_get(c, "binding", ms_span_str(j->tenant), device, &binding, err);
	if (rc == MS_OK)
		rc = admit_authority(c, j, &d, &l, &act, authority, err);
	act.binding = ms_buf_span(&binding);
	ms_buf_reset(&j->params);
	if (rc == MS_OK)
		rc = ms_cbor_build_map(&ms_act_admit_table, &act, &j->params, err);
	ms_buf_fini(&binding);
	if (rc != MS_OK)
		return rc;
	ms_sha256(ms_buf_span(&j->params), digest);
	struct ms_data_admit data = {.authority = ms_span_str(authority), .claims = d.row.claims};
	struct ms_entry e = {.kind = ms_span_str("device.admit"),
	    .actor = actor,
	    .subject = device,
	    .request = d.row.transcript_hash,
	    .decision = ms_span_str("ok"),
	    .act = ms_span(digest, sizeof digest)};
	return ms_job_log_data(c, j, &e, &ms_data_admit_table, &data, NULL, err);
}

enum ms_rc
ms_admit_stage(struct ms_core *c, struct ms_job *j, struct ms_span device, struct ms_span actor, ms_step_fn then, struct ms_err *err)
{
	struct admit *a = calloc(1, sizeof *a);
	if (a == NULL || device.len > MS_DEVICE_ID_MAX) {
		free(a);
		return ms_fail(err, MS_ERR_NOMEM, "admission");
	}
	memcpy(a->device, device.p, device.len);
	ms_buf_init(&a->admission, 8192);
	a->then = then;
	a->outer = j->more;
	a->outer_free = j->more_free;
	j->more = a;
	j->more_free = admit_free;
	j->ticketed = on_admit_ticket;
	return admit_log(c, j, ms_span_str(a->device), actor, err);
}

/* ---- finish ---- */

/* What is kept about the device, for one answer. */
struct kept {
	struct ms_buf admission, binding, entry, ticket;
};

static void
kept_fini(struct kept *k)
{
	ms_buf_fini(&k->admission);
	ms_buf_fini(&k->binding);
	ms_buf_fini(&k->entry);
	ms_buf_fini(&k->ticket);
}
MS_CLEANUP_FINI(struct kept, kept_fini)

static enum ms_rc
kept_load(struct ms_core *c, struct ms_job *j, struct ms_span device, bool admitted, struct kept *k, struct ms_err *err)
{
	struct ms_span tenant = ms_span_str(j->tenant);
	ms_buf_init(&k->admission, 8192);
	ms_buf_init(&k->binding, 8192);
	ms_buf_init(&k->entry, MS_ENTRY_MAX);
	ms_buf_init(&k->ticket, MS_NOTARY_FRAME_MAX);
	enum ms_rc rc = ms_statement_get(c, "binding", tenant, device, &k->binding, err);
	if (rc == MS_OK && admitted)
		rc = ms_statement_get(c, "admission", tenant, device, &k->admission, err);
	if (rc == MS_OK)
		rc = ms_statement_get(c, admitted ? "admission.entry" : "binding.entry", tenant, device, &k->entry, err);
	if (rc == MS_OK)
		rc = ms_statement_get(c, admitted ? "admission.ticket" : "binding.ticket", tenant, device, &k->ticket, err);
	return rc;
}

/* The device's answer, from what is kept: enrolled with its admission, or pending with its binding. */
static enum ms_rc
reply_status(struct ms_core *c, struct ms_job *j, struct ms_span device, const char *status, struct ms_err *err)
{
	MS_OWN(kept_fini) struct kept k = {.admission = {0}};
	bool admitted = strcmp(status, "enrolled") == 0;
	enum ms_rc rc = kept_load(c, j, device, admitted, &k, err);
	if (rc != MS_OK)
		return rc;
	struct ms_enroll_resp r = {.status = ms_span_str(status),
	    .device = device,
	    .admission = ms_buf_span(&k.admission),
	    .binding = ms_buf_span(&k.binding),
	    .entry = ms_buf_span(&k.entry),
	    .ticket = ms_buf_span(&k.ticket)};
	r.present = MS_CBOR_BIT(MS_ENROLL_RESP_BINDING) | MS_CBOR_BIT(MS_ENROLL_RESP_ENTRY) | MS_CBOR_BIT(MS_ENROLL_RESP_TICKET);
	if (admitted)
		r.present |= MS_CBOR_BIT(MS_ENROLL_RESP_ADMISSION);
	return ms_job_reply(j, &ms_enroll_resp_table, &r, err);
}

static enum ms_rc
step_enrolled(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	struct enroll *e = j->more;
	return reply_status(c, j, ms_span_str(e->device), "enrolled", err);
}

/* The binding is kept; a listed device goes on to its admission, another waits. */
static enum ms_rc
step_bound(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	struct enroll *e = j->more;
	struct ms_span device = ms_span_str(e->device);
	char actor[MS_DEVICE_ID_MAX + 16];
	enum ms_rc rc = keep(c, j, "binding", device, ms_buf_span(&e->binding), err);
	if (rc != MS_OK)
		return rc;
	if (!e->admit)
		return reply_status(c, j, device, "pending", err);
	j->n_staged = j->n_ticketed = 0; /* the answer is about the admission that follows */
	(void)snprintf(actor, sizeof actor, "device:%s", e->device);
	return ms_admit_stage(c, j, device, ms_span_str(actor), step_enrolled, err);
}

static enum ms_rc
on_bound(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	struct enroll *e = j->more;
	ms_buf_put_span(&e->binding, j->result);
	enum ms_rc rc = ms_buf_check(&e->binding, err);
	/* not ms_job_ready(): the entry of this binding and its ticket are kept with it */
	if (rc == MS_OK) {
		j->step = step_bound;
		j->ticketed = NULL;
		ms_job_push(&c->jobs.ready, j);
	}
	return rc;
}

static enum ms_rc
on_bind_ticket(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	j->acted = on_bound;
	return ms_keeper_ask(c, j, MS_ACT_BIND, 0, err);
}

/* The device that this EK has now: its current life, or a first one. Revoked and retired do not come back. */
static enum ms_rc
current_life(struct ms_core *c, struct ms_job *j, struct enroll *e, struct ms_err *err)
{
	struct ms_row_index idx;
	struct ms_buf mem;
	ms_buf_init(&mem, 4096);
	struct ms_span tenant = ms_span_str(j->tenant);
	enum ms_rc rc = ms_row_get(c->store, MS_TABLE_EK_INDEX, tenant, ms_span(e->ek_hash, 32), &ms_row_index_table, &idx, &mem, err);
	if (rc == MS_ERR_NOT_FOUND) {
		ms_device_id(e->ek_hash, 1, e->device);
		rc = MS_OK;
	} else if (rc == MS_OK) {
		memcpy(e->device, idx.target.p, idx.target.len);
		e->device[idx.target.len] = '\0';
		MS_OWN(ms_device_fini) struct ms_device d = {.state = MS_LIFE_NONE};
		rc = ms_device_load(c, tenant, ms_span_str(e->device), &d, err);
		if (rc == MS_OK && (d.state == MS_LIFE_REVOKED || d.state == MS_LIFE_RETIRED))
			rc = ms_fail(err, MS_ERR_DENIED, "device %s is %s", e->device, ms_life_name(d.state));
	}
	ms_buf_fini(&mem);
	return rc;
}

/* A claimed name that another device has: whatever a manifest says, a person decides. */
static enum ms_rc
name_is_free(struct ms_core *c, struct ms_job *j, struct enroll *e, bool *ret, struct ms_err *err)
{
	struct ms_row_index idx;
	struct ms_buf mem;
	ms_buf_init(&mem, 4096);
	enum ms_rc rc = ms_row_get(c->store, MS_TABLE_NAMES, ms_span_str(j->tenant), e->t.name, &ms_row_index_table, &idx, &mem, err);
	bool ours = rc == MS_OK && ms_span_eq(idx.target, ms_span_str(e->device));
	ms_buf_fini(&mem);
	if (rc != MS_OK && rc != MS_ERR_NOT_FOUND)
		return rc;
	*ret = ours || rc == MS_ERR_NOT_FOUND;
	return MS_OK;
}

static enum ms_rc
put_claims(struct ms_core *c, const struct ms_device_claims *claims, uint8_t id[static 32], struct ms_err *err)
{
	struct ms_buf b;
	ms_buf_init(&b, 1024);
	enum ms_rc rc = ms_cbor_build_map(&ms_device_claims_table, claims, &b, err);
	if (rc == MS_OK)
		rc = ms_store_put_blob(c->store, ms_buf_span(&b), id, err);
	ms_buf_fini(&b);
	return rc;
}

static enum ms_rc
bind_log(struct ms_core *c, struct ms_job *j, struct enroll *e, const struct ms_device_claims *claims, struct ms_err *err)
{
	uint8_t claims_id[32], digest[32];
	char actor[MS_DEVICE_ID_MAX + 16];
	struct ms_act_bind act = {.transcript = e->msg.transcript,
	    .proof = e->msg.proof,
	    .attest = e->msg.attest,
	    .signature = e->msg.signature,
	    .pcrs = e->msg.pcrs,
	    .exporter = ms_span(j->exporter, sizeof j->exporter)};
	ms_buf_reset(&j->params);
	enum ms_rc rc = ms_cbor_build_map(&ms_act_bind_table, &act, &j->params, err);
	if (rc == MS_OK)
		rc = put_claims(c, claims, claims_id, err);
	if (rc != MS_OK)
		return rc;
	ms_sha256(ms_buf_span(&j->params), digest);
	(void)snprintf(actor, sizeof actor, "device:%s", e->device);
	struct ms_data_bind data = {.ek_hash = ms_span(e->ek_hash, 32),
	    .ak_public = e->t.ak_public,
	    .ak_name = ms_tpm_name_span(ms_ak_name(e->ak)),
	    .transcript_hash = ms_span(e->transcript_hash, 32),
	    .claims = ms_span(claims_id, 32),
	    .maker = ms_span_str(e->maker),
	    .status = ms_span_str(e->admit ? "expected" : "pending")};
	struct ms_entry entry = {.kind = ms_span_str("device.bind"),
	    .actor = ms_span_str(actor),
	    .subject = ms_span_str(e->device),
	    .request = ms_span(e->transcript_hash, 32),
	    .decision = ms_span_str("ok"),
	    .evidence = ms_span(e->evidence, 32),
	    .act = ms_span(digest, 32)};
	return ms_job_log_data(c, j, &entry, &ms_data_bind_table, &data, NULL, err);
}

static enum ms_rc
step_bind(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	struct enroll *e = j->more;
	const struct ms_policy *policy = NULL;
	uint64_t version = 0;
	bool name_free = false;
	MS_OWN(ms_listing_fini) struct ms_listing l = {.row = {0}};
	enum ms_rc rc = ms_nonce_consume(c, e->t.nonce, err);
	if (rc == MS_OK)
		rc = current_life(c, j, e, err);
	if (rc == MS_OK)
		rc = name_is_free(c, j, e, &name_free, err);
	if (rc == MS_OK)
		rc = ms_core_policy(c, ms_span_str(j->tenant), &policy, &version, err);
	if (rc != MS_OK)
		return rc;
	rc = ms_listing_find(c, ms_span_str(j->tenant), ms_span(e->ek_hash, 32), &l, err);
	if (rc != MS_OK && rc != MS_ERR_NOT_FOUND)
		return rc;
	bool listed = rc == MS_OK;
	if (!listed && e->maker[0] == '\0')
		return ms_fail(err, MS_ERR_DENIED, "in no manifest, and no certificate of a maker");
	if (!listed && policy != NULL && !ms_policy_settings(policy)->unlisted_waits)
		return ms_fail(err, MS_ERR_DENIED, "in no manifest, and the policy refuses such devices");
	e->admit = listed && name_free;
	/* who waits for a person is shown, and admitted, as it claims to be: that is what the approval signs */
	struct ms_device_claims claims = {
	    .name = e->t.name, .serial = e->admit ? l.row.serial : e->t.serial, .model = e->admit ? l.row.model : e->t.model};
	j->ticketed = on_bind_ticket;
	return bind_log(c, j, e, &claims, err);
}

/* ---- the EK certificate of a device in no manifest ---- */

static void
refuse_maker(struct ms_job *j, enum ms_rc rc, const char *text)
{
	ms_job_reply_error(j, rc, text,
	    "this device is in no manifest: its EK certificate must chain to a maker's root in the server's maker_roots directory, or a "
	    "signed "
	    "batch must list its EK hash (muster-agent identify)");
}

/* From the appraiser: the certificate without its padding, as claimed. Core verifies chain and key itself (I13). */
static void
ekcert_done(struct ms_core *c, struct ms_job *j, enum ms_rc rc, struct ms_span der)
{
	struct enroll *e = j->more;
	struct ms_err err = {0};
	if (rc == MS_OK)
		rc = ms_ekcert_check(c->makers, der, &e->ek_public, c->now_s, e->maker, sizeof e->maker, &err);
	if (rc == MS_OK) {
		ms_job_ready(c, j, step_bind);
		return;
	}
	if (ms_rc_http(rc) < 500) {
		ms_core_count_refusal(c, "ek-certificate");
		refuse_maker(j, MS_ERR_DENIED, rc == MS_ERR_NOT_FOUND ? "maker-root-missing" : "ek-certificate");
	}
	ms_log(MS_LOG_INFO, "core.ekcert", "code=%s detail=\"%s\"", ms_rc_name(rc), err.text);
	ms_job_settle(c, j, j->answered ? MS_OK : rc, &err);
}

static enum ms_rc
on_proof(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	struct enroll *e = j->more;
	MS_OWN(ms_listing_fini) struct ms_listing l = {.row = {0}};
	struct ms_buf request;
	enum ms_rc rc = ms_listing_find(c, ms_span_str(j->tenant), ms_span(e->ek_hash, 32), &l, err);
	if (rc == MS_OK) {
		ms_job_ready(c, j, step_bind);
		return MS_OK;
	}
	if (rc != MS_ERR_NOT_FOUND)
		return rc;
	if (e->msg.ek_cert.len == 0) {
		ms_core_count_refusal(c, "ek-certificate-absent");
		refuse_maker(j, MS_ERR_DENIED, "ek-certificate-absent");
		return MS_OK;
	}
	j->appraised = ekcert_done;
	ms_buf_init(&request, MS_APPRAISE_REQUEST_MAX);
	rc = ms_appraise_request_build(MS_APPRAISE_EKCERT, e->msg.ek_cert, &request, err);
	if (rc == MS_OK)
		rc = ms_appraisers_start(c->appraisers, j->id, ms_buf_span(&request), err);
	ms_buf_fini(&request);
	return rc;
}

static enum ms_rc
check_quote(struct ms_core *c, struct ms_job *j, struct enroll *e, enum ms_evidence_reason *reason, struct ms_err *err)
{
	MS_OWN(ms_quote_raw_free) struct ms_quote_raw *raw = NULL;
	MS_OWN(ms_quote_verified_free) struct ms_quote_verified *quote = NULL;
	struct ms_pcrs pcrs;
	uint8_t extra[MS_BIND_LEN];
	struct ms_bind_quote b = {.purpose = MS_PURPOSE_ENROLL,
	    .tenant = ms_span_str(j->tenant),
	    .device = ms_span_str(e->ek_hex),
	    .nonce = e->t.nonce,
	    .request = e->msg.transcript,
	    .authority = ms_span(ms_pubkey_id(c->root->release), MS_KEY_ID_LEN),
	    .exporter = ms_span(j->exporter, sizeof j->exporter)};
	*reason = MS_EVIDENCE_PCR_VALUES;
	enum ms_rc rc = ms_pcrs_parse(e->msg.pcrs, &pcrs, err);
	if (rc == MS_OK)
		rc = ms_bind_quote(&b, extra, err);
	if (rc == MS_OK)
		rc = ms_quote_take(e->msg.attest, e->msg.signature, &raw, reason, err);
	if (rc != MS_OK)
		return rc;
	struct ms_quote_check check = {
	    .ak = e->ak, .extra = ms_span(extra, sizeof extra), .mask = MS_PCRS_ATTEST_MASK, .pcrs = &pcrs, .seen = NULL};
	rc = ms_quote_verify(raw, &check, &quote, reason, err);
	ms_evidence_id(e->msg.attest, e->msg.pcrs, e->evidence);
	return rc;
}

enum ms_rc
ms_request_enroll_finish(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	struct enroll *e = NULL;
	enum ms_evidence_reason reason = MS_EVIDENCE_NONE;
	enum ms_rc rc = ms_core_may_grant(c, err);
	if (rc == MS_OK)
		rc = enroll_new(j, &e, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_enroll_finish_table, ms_buf_span(&j->body), &e->msg, err);
	if (rc == MS_OK)
		rc = check_transcript(c, j, e, err);
	if (rc != MS_OK)
		return rc;
	rc = check_keys(e, &reason, err);
	if (rc == MS_OK)
		rc = check_quote(c, j, e, &reason, err);
	if (rc != MS_OK)
		return ms_refuse_evidence(c, j, rc, reason, err);
	struct ms_act_proof a = {.transcript = e->msg.transcript, .proof = e->msg.proof};
	rc = ms_cbor_build_map(&ms_act_proof_table, &a, &j->params, err);
	j->acted = on_proof;
	return rc == MS_OK ? ms_keeper_ask(c, j, MS_ACT_PROOF, MS_ACT_NO_ENTRY, err) : rc;
}

/* ---- status: a pending device asks again ---- */

static enum ms_rc
verified_binding(struct ms_core *c, struct ms_job *j, struct ms_enroll_status *q, struct ms_binding_body *ret, struct ms_err *err)
{
	struct ms_statement st;
	struct ms_statement_expect x = {.kind = "binding",
	    .deployment = c->root->deployment,
	    .audience = "server",
	    .tenant = j->tenant,
	    .now_s = c->now_s,
	    .skew_s = MS_CORE_SKEW_S};
	enum ms_rc rc = ms_cbor_parse_map(&ms_enroll_status_table, ms_buf_span(&j->body), q, err);
	if (rc == MS_OK)
		rc = ms_statement_verify(q->binding, c->root->release, &x, &st, err);
	return rc == MS_OK ? ms_cbor_parse_map(&ms_binding_body_table, st.body, ret, err) : rc;
}

/* MS_ERR_NOT_FOUND: there is no admission, or it is of the AK that the device had before. */
static enum ms_rc
admission_is_current(struct ms_core *c, struct ms_job *j, struct ms_span device, const struct ms_device *d, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf wire = {0};
	struct ms_statement st;
	struct ms_admission_body b;
	const struct ms_statement_expect x = {.kind = "admission",
	    .deployment = c->root->deployment,
	    .audience = "all",
	    .tenant = j->tenant,
	    .now_s = c->now_s,
	    .skew_s = UINT64_MAX};
	ms_buf_init(&wire, 8192);
	enum ms_rc rc = ms_statement_get(c, "admission", ms_span_str(j->tenant), device, &wire, err);
	if (rc != MS_OK)
		return rc;
	rc = ms_statement_verify(ms_buf_span(&wire), c->root->release, &x, &st, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_admission_body_table, st.body, &b, err);
	if (rc != MS_OK)
		return ms_prefix(err, MS_ERR_IO, "the kept admission");
	return ms_span_eq(b.ak_name, d->row.ak_name) ? MS_OK : ms_fail(err, MS_ERR_NOT_FOUND, "the kept admission is of another AK");
}

static enum ms_rc
step_status(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	struct enroll *e = j->more;
	struct ms_span device = ms_span_str(e->device);
	MS_OWN(ms_device_fini) struct ms_device d = {.state = MS_LIFE_NONE};
	enum ms_rc rc = ms_device_load(c, ms_span_str(j->tenant), device, &d, err);
	if (rc != MS_OK)
		return rc;
	if (!ms_span_eq(d.row.transcript_hash, ms_span(e->transcript_hash, 32)))
		return ms_fail(err, MS_ERR_REPLAY, "the device enrolled again since");
	if (d.state == MS_LIFE_PENDING)
		return reply_status(c, j, device, "pending", err);
	if (d.state == MS_LIFE_REVOKED || d.state == MS_LIFE_RETIRED)
		return reply_status(c, j, device, "refused", err);
	rc = admission_is_current(c, j, device, &d, err);
	if (rc == MS_OK)
		return reply_status(c, j, device, "enrolled", err);
	if (rc != MS_ERR_NOT_FOUND)
		return rc;
	char actor[MS_DEVICE_ID_MAX + 16]; /* admitted, but a crash came before keeper's answer: ask again */
	(void)snprintf(actor, sizeof actor, "device:%s", e->device);
	return ms_admit_stage(c, j, device, ms_span_str(actor), step_enrolled, err);
}

enum ms_rc
ms_request_enroll_status(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	struct ms_enroll_status q;
	struct ms_binding_body b;
	struct enroll *e = NULL;
	enum ms_rc rc = verified_binding(c, j, &q, &b, err);
	if (rc == MS_OK)
		rc = enroll_new(j, &e, err);
	if (rc != MS_OK)
		return rc;
	memcpy(e->device, b.device.p, b.device.len);
	memcpy(e->transcript_hash, b.transcript_hash.p, 32);
	ms_job_ready(c, j, step_status);
	return MS_OK;
}
