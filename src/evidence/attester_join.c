/* Attester "join-token": see evidence/jointoken.h for what it is worth. */
#include <string.h>

#include "codec/cbor.h"
#include "codec/statement_int.h"
#include "crypto/cosesig.h"
#include "crypto/cosesig_any.h"
#include "evidence/attester_int.h"
#include "evidence/jointoken.h"

#define PROOF_TYPE "muster/v1/join-proof"
#define SKEW_S 300u

struct body {
	uint64_t present;
	struct ms_span id, model, serial, key_id;
};
static const struct ms_cbor_field body_fields[] = {
    MS_CBOR_F_BYTES(1, struct body, id, MS_CBOR_REQ, MS_JOINTOKEN_ID_LEN, MS_JOINTOKEN_ID_LEN),
    MS_CBOR_F_TEXT(2, struct body, model, MS_CBOR_REQ, 1, 64),
    MS_CBOR_F_TEXT(3, struct body, serial, MS_CBOR_OPT, 1, 64),
    MS_CBOR_F_BYTES(4, struct body, key_id, MS_CBOR_OPT, MS_KEY_ID_LEN, MS_KEY_ID_LEN),
};
static const struct ms_cbor_table body_table = MS_CBOR_TABLE("join token", struct body, body_fields);

struct shown {
	uint64_t present;
	struct ms_span token, key, proof;
};
static const struct ms_cbor_field shown_fields[] = {
    MS_CBOR_F_BYTES(1, struct shown, token, MS_CBOR_REQ, 1, MS_JOINTOKEN_MAX),
    MS_CBOR_F_BYTES(2, struct shown, key, MS_CBOR_REQ, 1, MS_SPKI_MAX),
    MS_CBOR_F_BYTES(3, struct shown, proof, MS_CBOR_REQ, 1, 1024),
};
static const struct ms_cbor_table shown_table = MS_CBOR_TABLE("join evidence", struct shown, shown_fields);

/* What the proof is over. */
struct proof {
	uint64_t present;
	struct ms_span nonce, token_hash;
};
static const struct ms_cbor_field proof_fields[] = {
    MS_CBOR_F_BYTES(1, struct proof, nonce, MS_CBOR_REQ, 8, 64),
    MS_CBOR_F_BYTES(2, struct proof, token_hash, MS_CBOR_REQ, MS_SHA256_LEN, MS_SHA256_LEN),
};
static const struct ms_cbor_table proof_table = MS_CBOR_TABLE("join proof", struct proof, proof_fields);

enum ms_rc
ms_jointoken_build(const struct ms_signer *operator_key, const struct ms_jointoken *t, struct ms_buf *out, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf cbor;
	ms_buf_init(&cbor, 1024);
	struct body b = {.id = ms_span(t->id, sizeof t->id), .model = t->model, .serial = t->serial};
	if (t->serial.len > 0)
		b.present |= MS_CBOR_BIT(3);
	if (t->key_id != NULL) {
		b.present |= MS_CBOR_BIT(4);
		b.key_id = ms_span(t->key_id, MS_KEY_ID_LEN);
	}
	if (t->expires_s <= t->issued_s || t->expires_s - t->issued_s > MS_JOINTOKEN_LIFE_MAX_S)
		return ms_fail(err, MS_ERR_USAGE, "join token: its life is at most 90 days");
	enum ms_rc rc = ms_cbor_build_map(&body_table, &b, &cbor, err);
	struct ms_statement_fields f = {.kind = MS_JOINTOKEN_KIND,
	    .deployment = t->deployment,
	    .audience = MS_JOINTOKEN_AUDIENCE,
	    .tenant = t->tenant,
	    .issued_s = t->issued_s,
	    .expires_s = t->expires_s,
	    .body = ms_buf_span(&cbor)};
	return rc == MS_OK ? ms_statement_sign(operator_key, &f, out, err) : rc;
}

enum ms_rc
ms_jointoken_show(struct ms_span token, struct ms_span nonce, const struct ms_signer *key, struct ms_buf *out, struct ms_err *err)
{
	uint8_t hash[MS_SHA256_LEN];
	MS_OWN(ms_buf_fini) struct ms_buf payload, cose;
	ms_buf_init(&payload, 256);
	ms_buf_init(&cose, 1024);
	ms_sha256(token, hash);
	struct proof p = {.nonce = nonce, .token_hash = ms_span(hash, sizeof hash)};
	enum ms_rc rc = ms_cbor_build_map(&proof_table, &p, &payload, err);
	if (rc == MS_OK)
		rc = ms_cose_sign(key, ms_span_str(PROOF_TYPE), ms_span_str(PROOF_TYPE), ms_buf_span(&payload), &cose, err);
	struct shown s = {.token = token, .key = ms_pubkey_spki(key->pub), .proof = ms_buf_span(&cose)};
	return rc == MS_OK ? ms_cbor_build_map(&shown_table, &s, out, err) : rc;
}

/* By one of the operators' keys. Deployment and tenant are what the token itself says, and become claims: whoever has the
 * deployment root compares them with it. */
static enum ms_rc
verify_token(const struct ms_attester_input *in, struct ms_span token, struct ms_statement *ret, struct ms_span *ret_deployment,
    enum ms_attester_reason *why, struct ms_err *err)
{
	char tenant[MS_STATEMENT_TENANT_MAX + 1];
	MS_OWN(ms_statement_raw_free) struct ms_statement_raw *raw = NULL;
	enum ms_rc rc = ms_statement_parse(token, &raw, err);
	if (rc != MS_OK)
		return ms_attester_refuse_rc(why, MS_ATTESTER_MALFORMED, rc, err);
	*ret_deployment = ms_statement_unproven_deployment(raw); /* borrows from token */
	struct ms_span t = ms_statement_unproven_tenant(raw);
	memcpy(tenant, t.p == NULL ? (const void *)"" : t.p, t.len);
	tenant[t.len] = '\0';
	struct ms_statement_expect x = {.kind = MS_JOINTOKEN_KIND,
	    .deployment = ret_deployment->p,
	    .audience = MS_JOINTOKEN_AUDIENCE,
	    .tenant = tenant,
	    .now_s = in->now_s,
	    .skew_s = in->now_s == 0 ? UINT64_MAX : SKEW_S};
	for (size_t i = 0; i < in->n_anchors; i++) {
		MS_OWN(ms_pubkey_free) struct ms_pubkey *key = NULL;
		rc = ms_pubkey_from_file(in->anchor[i], &key, err);
		if (rc != MS_OK)
			return ms_attester_refuse_rc(why, MS_ATTESTER_NO_ANCHOR, rc, err);
		if (!ms_span_eq(ms_statement_kid(raw), ms_span(ms_pubkey_id(key), MS_KEY_ID_LEN)))
			continue;
		rc = ms_statement_verify_raw(raw, key, &x, ret, err);
		if (rc == MS_ERR_EXPIRED)
			return ms_attester_refuse_rc(why, MS_ATTESTER_EXPIRED, rc, err);
		if (rc != MS_OK && !ms_statement_is(raw, MS_JOINTOKEN_KIND))
			return ms_attester_refuse_rc(why, MS_ATTESTER_WRONG_PROFILE, rc, err);
		return rc == MS_OK ? MS_OK : ms_attester_refuse_rc(why, MS_ATTESTER_BAD_SIGNATURE, rc, err);
	}
	return ms_attester_refuse(why, MS_ATTESTER_UNTRUSTED, err, "the token is not signed by an operator's key that was given");
}

static enum ms_rc
verify_proof(
    const struct ms_attester_input *in, const struct shown *s, struct ms_pubkey **ret, enum ms_attester_reason *why, struct ms_err *err)
{
	uint8_t hash[MS_SHA256_LEN];
	struct ms_cose_sign1 m;
	struct proof p;
	MS_OWN(ms_pubkey_free) struct ms_pubkey *key = NULL;
	enum ms_rc rc = ms_pubkey_from_spki(s->key, &key, err);
	if (rc != MS_OK)
		return ms_attester_refuse_rc(why, MS_ATTESTER_UNSUPPORTED, rc, err);
	rc = ms_cose_verify(s->proof, key, ms_span_str(PROOF_TYPE), ms_span_str(PROOF_TYPE), &m, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&proof_table, m.payload, &p, err);
	if (rc != MS_OK)
		return ms_attester_refuse_rc(why, MS_ATTESTER_BAD_SIGNATURE, rc, err);
	ms_sha256(s->token, hash);
	if (!ms_ct_eq(hash, p.token_hash.p, sizeof hash))
		return ms_attester_refuse(why, MS_ATTESTER_BROKEN_BINDING, err, "the proof was made for another token");
	rc = ms_attester_nonce(in, p.nonce, false, why, err);
	if (rc != MS_OK)
		return rc;
	*ret = key;
	key = NULL;
	return MS_OK;
}

MS_ATTESTER_VERIFY(join)
{
	struct shown s;
	struct body b;
	struct ms_statement token;
	struct ms_span deployment;
	struct ms_findings f = {.claims = claims};
	MS_OWN(ms_pubkey_free) struct ms_pubkey *key = NULL;
	*assurance = MS_ASSURANCE_LOW;
	enum ms_rc rc = ms_cbor_parse_map(&shown_table, in->evidence, &s, err);
	if (rc != MS_OK)
		return ms_attester_refuse_rc(why, MS_ATTESTER_MALFORMED, rc, err);
	rc = verify_token(in, s.token, &token, &deployment, why, err);
	if (rc == MS_OK)
		rc = verify_proof(in, &s, &key, why, err);
	if (rc != MS_OK)
		return rc;
	rc = ms_cbor_parse_map(&body_table, token.body, &b, err);
	if (rc != MS_OK)
		return ms_attester_refuse_rc(why, MS_ATTESTER_CLAIM_INVALID, rc, err);
	struct ms_span key_id = ms_span(ms_pubkey_id(key), MS_KEY_ID_LEN);
	bool pinned = MS_CBOR_HAS(&b, 4);
	if (pinned && !ms_span_eq(b.key_id, key_id))
		return ms_attester_refuse(why, MS_ATTESTER_BROKEN_BINDING, err, "the token is for another key");
	ms_find_bytes(&f, "join.deployment", deployment);
	ms_find_uint(&f, "join.expires", token.expires_s);
	ms_find_bytes(&f, "join.key", key_id);
	ms_find_bool(&f, "join.key-pinned", pinned);
	ms_find_text(&f, "join.model", b.model);
	if (MS_CBOR_HAS(&b, 3))
		ms_find_text(&f, "join.serial", b.serial);
	ms_find_bytes(&f, "join.signer", token.kid);
	ms_find_text(&f, "join.tenant", token.tenant);
	ms_find_bytes(&f, "join.token-id", b.id);
	return ms_findings_end(&f, why, err);
}
