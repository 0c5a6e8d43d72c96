/* Enrolment: the credential, the proof that it was opened, then who the device is and by whose authority it is ours. */
#include <string.h>

#include "crypto/credential.h"
#include "crypto/hash.h"
#include "fleet/device_id.h"
#include "server/keeper/keeper_int.h"

#define OP_LIFE_MAX_S 300u
#define AUTHORITY_MAX 160u

/* What a transcript names, parsed and fit for its role. */
struct enrolment {
	struct ms_transcript t;
	struct ms_tpm_public ek;
	uint8_t ek_hash[MS_EK_HASH_LEN];
	uint8_t hash[MS_SHA256_LEN]; /* of the transcript */
};

static enum ms_rc
parse_transcript(const struct ms_keeper *k, struct ms_span wire, struct enrolment *e, struct ms_err *err)
{
	enum ms_rc rc = ms_cbor_parse_map(&ms_transcript_table, wire, &e->t, err);
	if (rc != MS_OK)
		return rc;
	if (!ms_span_eq(e->t.label, ms_span_str(MS_KEEPER_DEVICE_LABEL)) ||
	    !ms_span_eq(e->t.deployment, ms_span(k->p.root->deployment, sizeof k->p.root->deployment)))
		return ms_fail(err, MS_ERR_AUTH, "transcript: of another deployment or purpose");
	rc = ms_tpm_public_parse(e->t.ek_public, &e->ek, err);
	if (rc == MS_OK)
		rc = ms_ek_public_ok(&e->ek, NULL, err);
	if (rc == MS_OK)
		rc = ms_tpm_public_hash(&e->ek, e->ek_hash, err);
	ms_sha256(wire, e->hash);
	return rc;
}

/* The credential secret of this transcript: known to keeper by computing it, to the device by its EK. */
static enum ms_rc
credential_secret(const struct ms_keeper *k, struct ms_span transcript, struct ms_secret **ret, struct ms_err *err)
{
	struct ms_buf b;
	ms_buf_init(&b, 256);
	enum ms_rc rc = ms_bind_credential(transcript, &b, err);
	struct ms_span part = ms_buf_span(&b);
	if (rc == MS_OK)
		rc = ms_hmac_sha256_secret(k->boot_secret, &part, 1, ret, err);
	ms_buf_fini(&b);
	return rc;
}

static enum ms_rc
check_proof(const struct ms_keeper *k, struct ms_span transcript, struct ms_span proof, struct ms_err *err)
{
	MS_OWN(ms_secret_free) struct ms_secret *secret = NULL;
	enum ms_rc rc = credential_secret(k, transcript, &secret, err);
	return rc == MS_OK ? ms_hmac_sha256_verify(secret, &transcript, 1, proof, err) : rc;
}

/* ---- CREDENTIAL, PROOF: they grant nothing ---- */

static enum ms_rc
ek_key(const struct ms_tpm_public *ek, struct ms_pubkey **ret, struct ms_err *err)
{
	struct ms_buf spki;
	ms_buf_init(&spki, MS_TPM_SPKI_MAX);
	enum ms_rc rc = ms_tpm_public_spki(ek, &spki, err);
	if (rc == MS_OK)
		rc = ms_pubkey_from_spki(ms_buf_span(&spki), ret, err);
	ms_buf_fini(&spki);
	return rc;
}

enum ms_rc
ms_keeper_credential(const struct ms_keeper_work *w, const void *params, struct ms_buf *result, struct ms_err *err)
{
	const struct ms_act_credential *p = params;
	struct enrolment e;
	MS_OWN(ms_ak_free) struct ms_ak *ak = NULL;
	MS_OWN(ms_pubkey_free) struct ms_pubkey *ek = NULL;
	MS_OWN(ms_secret_free) struct ms_secret *secret = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf blob;
	MS_OWN(ms_buf_fini) struct ms_buf encrypted;
	ms_buf_init(&blob, MS_CREDENTIAL_BLOB_MAX);
	ms_buf_init(&encrypted, MS_CREDENTIAL_ENCRYPTED_MAX);
	enum ms_rc rc = parse_transcript(w->k, p->transcript, &e, err);
	if (rc == MS_OK)
		rc = ms_ak_new(e.t.ak_public, MS_SPAN_NONE, &ak, NULL, err);
	if (rc == MS_OK)
		rc = ek_key(&e.ek, &ek, err);
	if (rc == MS_OK)
		rc = credential_secret(w->k, p->transcript, &secret, err);
	if (rc == MS_OK)
		rc = ms_credential_make(ek, ms_ak_name(ak)->p, secret, &blob, &encrypted, err);
	if (rc != MS_OK)
		return rc;
	const struct ms_credential c = {.blob = ms_buf_span(&blob), .secret = ms_buf_span(&encrypted)};
	return ms_cbor_build_map(&ms_credential_table, &c, result, err);
}

enum ms_rc
ms_keeper_proof(const struct ms_keeper_work *w, const void *params, struct ms_buf *result, struct ms_err *err)
{
	const struct ms_act_proof *p = params;
	enum ms_rc rc = check_proof(w->k, p->transcript, p->proof, err);
	if (rc == MS_OK)
		ms_cbor_map(result, 0);
	return rc;
}

/* ---- BIND ---- */

/* The log says what is bound. Which life of the device it is, is core's to count. */
static enum ms_rc
check_bind_entry(const struct ms_keeper_work *w, const struct enrolment *e, const struct ms_tpm_name *ak_name, struct ms_err *err)
{
	struct ms_data_bind logged;
	uint8_t ek_hash[MS_EK_HASH_LEN];
	unsigned life = 0;
	enum ms_rc rc = ms_device_id_parse(w->entry.subject, ek_hash, &life, err);
	if (rc == MS_OK)
		rc = ms_keeper_data(w, &ms_data_bind_table, &logged, err);
	if (rc != MS_OK)
		return rc;
	if (!ms_span_eq(ms_span(ek_hash, sizeof ek_hash), ms_span(e->ek_hash, sizeof e->ek_hash)))
		return ms_fail(err, MS_ERR_AUTH, "the entry is about another device");
	if (!ms_span_eq(logged.ek_hash, ms_span(e->ek_hash, sizeof e->ek_hash)) || !ms_span_eq(logged.ak_public, e->t.ak_public) ||
	    !ms_span_eq(logged.ak_name, ms_tpm_name_span(ak_name)) || !ms_span_eq(logged.transcript_hash, ms_span(e->hash, sizeof e->hash)))
		return ms_fail(err, MS_ERR_AUTH, "the entry binds other keys");
	return MS_OK;
}

enum ms_rc
ms_keeper_bind(const struct ms_keeper_work *w, const void *params, struct ms_buf *result, struct ms_err *err)
{
	const struct ms_act_bind *p = params;
	struct enrolment e;
	MS_OWN(ms_ak_free) struct ms_ak *ak = NULL;
	MS_OWN(ms_quote_verified_free) struct ms_quote_verified *quote = NULL;
	char ek_hex[2 * MS_EK_HASH_LEN + 1];
	enum ms_rc rc = parse_transcript(w->k, p->transcript, &e, err);
	if (rc == MS_OK && !ms_span_eq(e.t.tenant, ms_span_str(w->tenant)))
		rc = ms_fail(err, MS_ERR_AUTH, "transcript: of another tenant");
	if (rc == MS_OK)
		rc = check_proof(w->k, p->transcript, p->proof, err);
	if (rc != MS_OK)
		return rc;
	ms_hex(e.ek_hash, sizeof e.ek_hash, ek_hex);
	const struct ms_keeper_evidence evidence = {.purpose = MS_PURPOSE_ENROLL,
	    .device = ms_span_str(ek_hex),
	    .ak_public = e.t.ak_public,
	    .nonce = e.t.nonce,
	    .exporter = p->exporter,
	    .request = p->transcript,
	    .attest = p->attest,
	    .signature = p->signature,
	    .pcrs = p->pcrs};
	rc = ms_keeper_check_quote(w, &evidence, &ak, &quote, err);
	if (rc == MS_OK)
		rc = check_bind_entry(w, &e, ms_ak_name(ak), err);
	if (rc != MS_OK)
		return rc;
	const struct ms_binding_body body = {.device = w->entry.subject,
	    .ek_hash = ms_span(e.ek_hash, sizeof e.ek_hash),
	    .ak_public = e.t.ak_public,
	    .ak_name = ms_tpm_name_span(ms_ak_name(ak)),
	    .transcript_hash = ms_span(e.hash, sizeof e.hash),
	    .name = e.t.name,
	    .serial = e.t.serial,
	    .model = e.t.model};
	const struct ms_keeper_says says = {.kind = "binding",
	    .audience = "server",
	    .expires_s = w->entry.time_s + MS_KEEPER_STATEMENT_LIFE_S,
	    .table = &ms_binding_body_table,
	    .body = &body};
	return ms_keeper_say(w, &says, result, err);
}

/* ---- ADMIT ---- */

struct authority {
	char text[AUTHORITY_MAX + 1];
	struct ms_span serial, model; /* what the authority says they are */
};

/* A row of a signed batch lists the device's EK. */
static enum ms_rc
by_batch(const struct ms_keeper_work *w, const struct ms_act_admit *p, const struct ms_binding_body *b, struct authority *ret,
    struct ms_err *err)
{
	const struct ms_keeper_operator_check c = {.kind = "manifest", .operation = "batch.import"};
	struct ms_statement st;
	struct ms_manifest_body m;
	struct ms_manifest_row row;
	struct ms_node leaf, root, proof[MS_PROOF_MAX];
	enum ms_rc rc = ms_keeper_check_operator(w, &c, p->authority, &st, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_manifest_body_table, st.body, &m, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_manifest_row_table, p->row, &row, err);
	if (rc != MS_OK)
		return rc;
	if (p->proof.len % MS_NODE_LEN != 0 || p->proof.len > sizeof proof || !ms_name_ok(m.id, 64))
		return ms_fail(err, MS_ERR_MALFORMED, "batch: its id or the proof of its row");
	if (p->proof.len > 0)
		memcpy(proof, p->proof.p, p->proof.len);
	memcpy(root.h, m.root.p, sizeof root.h);
	ms_merkle_leaf(p->row, &leaf);
	rc = ms_merkle_verify_inclusion(p->row_index, m.count, &leaf, proof, p->proof.len / MS_NODE_LEN, &root, err);
	if (rc != MS_OK)
		return rc;
	if (!ms_span_eq(row.ek_hash, b->ek_hash))
		return ms_fail(err, MS_ERR_AUTH, "the batch's row is another device's");
	memcpy(ret->text, "batch:", 6);
	memcpy(ret->text + 6, m.id.p, m.id.len);
	ret->serial = row.serial;
	ret->model = row.model;
	return MS_OK;
}

/* A person looked at exactly this enrolment. The decision lasts: its few minutes of life were when it was made. */
static enum ms_rc
by_operator(const struct ms_keeper_work *w, const struct ms_act_admit *p, const struct ms_binding_body *b, struct authority *ret,
    struct ms_err *err)
{
	const struct ms_keeper_operator_check c = {
	    .kind = "op", .operation = "device.approve", .at_issue = true, .life_max_s = OP_LIFE_MAX_S};
	struct ms_statement st;
	struct ms_op_body op;
	struct ms_args_approve args;
	enum ms_rc rc = ms_keeper_check_operator(w, &c, p->authority, &st, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_op_body_table, st.body, &op, err);
	if (rc == MS_OK && !ms_span_eq(op.operation, ms_span_str("device.approve")))
		rc = ms_fail(err, MS_ERR_AUTH, "the operation is no approval");
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_args_approve_table, op.args, &args, err);
	if (rc != MS_OK)
		return rc;
	if (!ms_span_eq(args.device, b->device) || !ms_span_eq(args.ek_hash, b->ek_hash) || !ms_span_eq(args.ak_name, b->ak_name) ||
	    !ms_span_eq(args.transcript_hash, b->transcript_hash))
		return ms_fail(err, MS_ERR_AUTH, "the approval is of another enrolment");
	memcpy(ret->text, "operator:", 9);
	ms_hex(st.kid.p, MS_KEY_ID_LEN, ret->text + 9); /* the kid is a key's id: it was found by it */
	ret->serial = b->serial;
	ret->model = b->model;
	return MS_OK;
}

static enum ms_rc
check_authority(const struct ms_keeper_work *w, const struct ms_act_admit *p, const struct ms_binding_body *b, struct authority *ret,
    struct ms_err *err)
{
	struct ms_data_admit logged;
	const uint64_t row = MS_CBOR_BIT(MS_ACT_ADMIT_ROW) | MS_CBOR_BIT(MS_ACT_ADMIT_ROW_INDEX) | MS_CBOR_BIT(MS_ACT_ADMIT_PROOF);
	if ((p->present & row) != 0 && (p->present & row) != row)
		return ms_fail(err, MS_ERR_MALFORMED, "admission: row, index and proof go together");
	enum ms_rc rc = (p->present & row) != 0 ? by_batch(w, p, b, ret, err) : by_operator(w, p, b, ret, err);
	if (rc == MS_OK)
		rc = ms_keeper_data(w, &ms_data_admit_table, &logged, err);
	if (rc == MS_OK && !ms_span_eq(logged.authority, ms_span_str(ret->text)))
		rc = ms_fail(err, MS_ERR_AUTH, "the entry names another authority");
	return rc;
}

enum ms_rc
ms_keeper_admit(const struct ms_keeper_work *w, const void *params, struct ms_buf *result, struct ms_err *err)
{
	const struct ms_act_admit *p = params;
	struct ms_statement st;
	struct ms_binding_body b;
	struct authority authority = {.text = {0}};
	enum ms_rc rc = ms_keeper_check_own(w, "binding", "server", p->binding, &st, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_binding_body_table, st.body, &b, err);
	if (rc == MS_OK)
		rc = ms_keeper_check_subject(w, b.device, err);
	if (rc == MS_OK)
		rc = check_authority(w, p, &b, &authority, err);
	if (rc != MS_OK)
		return rc;
	const struct ms_admission_body body = {.device = b.device,
	    .ek_hash = b.ek_hash,
	    .ak_public = b.ak_public,
	    .ak_name = b.ak_name,
	    .name = b.name,
	    .serial = authority.serial,
	    .model = authority.model,
	    .authority = ms_span_str(authority.text)};
	const struct ms_keeper_says says = {.kind = "admission",
	    .audience = "all",
	    .expires_s = w->entry.time_s + MS_KEEPER_STATEMENT_LIFE_S,
	    .table = &ms_admission_body_table,
	    .body = &body};
	return ms_keeper_say(w, &says, result, err);
}
