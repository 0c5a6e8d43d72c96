/* An attestation result before it is kept: what a relying party would check, and that it is the answer to our request. */
#include <stdio.h>
#include <string.h>

#include "agent/trust.h"
#include "identity/ear_read.h"

static enum ms_rc
token_keys(const struct ms_root *root, struct ms_jws_keys **ret, struct ms_err *err)
{
	const struct ms_pubkey *const keys[] = {root->token};
	MS_OWN(ms_buf_fini) struct ms_buf set = {0};
	ms_buf_init(&set, MS_JWKS_MAX);
	enum ms_rc rc = ms_jwks_build(keys, 1, &set, err);
	return rc == MS_OK ? ms_jws_keys_load(ms_buf_span(&set), ret, err) : rc;
}

static bool
hex_is(const json_t *v, struct ms_span bytes)
{
	char text[2 * MS_BIND_LEN + 1];
	const char *s = json_string_value(v);
	if (s == NULL || bytes.len > MS_BIND_LEN)
		return false;
	ms_hex(bytes.p, bytes.len, text);
	return strcmp(s, text) == 0;
}

/* Its claims name us, our evidence and the entry that was logged for it. */
static enum ms_rc
check_claims(const struct ms_trust *t, const struct ms_trust_device *d, const struct ms_attested_answer *a, struct ms_span evidence,
    const json_t *claims, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf id = {0};
	const json_t *submod = json_object_get(json_object_get(claims, "submods"), MS_EAR_SUBMOD);
	const json_t *said = json_object_get(submod, "ear_verifier_claims");
	const char *sub = json_string_value(json_object_get(claims, "sub"));
	ms_buf_init(&id, MS_CERT_URI_MAX);
	enum ms_rc rc = ms_cert_spiffe_id(t->root->body.trust_domain, ms_span_str(t->tenant), ms_span_str(d->id), &id, err);
	if (rc != MS_OK)
		return rc;
	if (sub == NULL || !ms_span_eq(ms_span_str(sub), ms_buf_span(&id)))
		return ms_fail(err, MS_ERR_AUTH, "result: about another device");
	if (!hex_is(json_object_get(said, "muster_evidence"), evidence))
		return ms_fail(err, MS_ERR_AUTH, "result: of other evidence");
	if (!hex_is(json_object_get(said, "muster_log_leaf"), ms_span(a->act.ticket.leaf.h, MS_LEAF_LEN)))
		return ms_fail(err, MS_ERR_AUTH, "result: another one than was logged");
	return MS_OK;
}

enum ms_rc
ms_trust_result(const struct ms_trust *t, const struct ms_trust_device *d, const struct ms_attested_answer *a,
    const struct ms_trust_result_ask *ask, struct ms_ear_read *ret, struct ms_err *err)
{
	MS_OWN(ms_jws_keys_free) struct ms_jws_keys *keys = NULL;
	MS_OWN(ms_ear_read_fini) struct ms_ear_read r = {.claims = NULL};
	const struct ms_ear_expect x = {.now_s = d->now_s, .nonce = ask->nonce, .audience = ask->audience};
	enum ms_rc rc = ms_trust_granted(a, "result.issue", err);
	if (rc == MS_OK)
		rc = token_keys(t->root, &keys, err);
	if (rc == MS_OK)
		rc = ms_ear_verify(keys, a->result, &x, &r, NULL, err);
	if (rc == MS_OK)
		rc = check_claims(t, d, a, ask->evidence, r.claims, err);
	if (rc != MS_OK)
		return rc;
	*ret = r;
	r.claims = NULL;
	return MS_OK;
}
