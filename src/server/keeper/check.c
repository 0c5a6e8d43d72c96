/* What several acts check, each from a signature. */
#include <string.h>

#include "crypto/cosesig.h"
#include "crypto/hash.h"
#include "server/keeper/keeper_int.h"

#define NONCE_LATE_S 600u  /* a nonce may have expired while its act waited */
#define NONCE_EARLY_S 300u /* core gives none that live longer */
#define CERT_AHEAD_S 600u

/* ---- evidence ---- */

static enum ms_rc
check_nonce_time(const struct ms_keeper_work *w, struct ms_span nonce, struct ms_err *err)
{
	uint64_t expires = ms_nonce_expires_s(nonce);
	if (expires > w->now_s ? expires - w->now_s > NONCE_EARLY_S : w->now_s - expires > NONCE_LATE_S)
		return ms_fail(err, MS_ERR_EXPIRED, "the nonce is not of this time");
	return MS_OK;
}

/* The log says of this act what was checked: the request, and the evidence that it came with. */
static enum ms_rc
check_logged(const struct ms_keeper_work *w, const struct ms_keeper_evidence *e, struct ms_err *err)
{
	uint8_t evidence[MS_BIND_LEN], request[MS_SHA256_LEN];
	ms_evidence_id(e->attest, e->pcrs, evidence);
	ms_sha256(e->request, request);
	if (!ms_span_eq(w->entry.evidence, ms_span(evidence, sizeof evidence)))
		return ms_fail(err, MS_ERR_AUTH, "the entry names other evidence");
	if (!ms_span_eq(w->entry.request, ms_span(request, sizeof request)))
		return ms_fail(err, MS_ERR_AUTH, "the entry names another request");
	return MS_OK;
}

enum ms_rc
ms_keeper_check_quote(const struct ms_keeper_work *w, const struct ms_keeper_evidence *e, struct ms_ak **ret_ak,
    struct ms_quote_verified **ret, struct ms_err *err)
{
	MS_OWN(ms_ak_free) struct ms_ak *ak = NULL;
	MS_OWN(ms_quote_raw_free) struct ms_quote_raw *raw = NULL;
	MS_OWN(ms_quote_verified_free) struct ms_quote_verified *quote = NULL;
	struct ms_pcrs pcrs;
	uint8_t extra[MS_BIND_LEN];
	const struct ms_bind_quote b = {.purpose = e->purpose,
	    .tenant = ms_span_str(w->tenant),
	    .device = e->device,
	    .nonce = e->nonce,
	    .request = e->request,
	    .authority = ms_span(ms_pubkey_id(w->k->p.root->release), MS_KEY_ID_LEN),
	    .exporter = e->exporter};
	enum ms_rc rc = check_nonce_time(w, e->nonce, err);
	if (rc == MS_OK)
		rc = ms_ak_new(e->ak_public, MS_SPAN_NONE, &ak, NULL, err);
	if (rc == MS_OK)
		rc = ms_pcrs_parse(e->pcrs, &pcrs, err);
	if (rc == MS_OK)
		rc = ms_bind_quote(&b, extra, err);
	if (rc == MS_OK)
		rc = ms_quote_take(e->attest, e->signature, &raw, NULL, err);
	if (rc != MS_OK)
		return rc;
	const struct ms_quote_check check = {
	    .ak = ak, .extra = ms_span(extra, sizeof extra), .mask = MS_PCRS_ATTEST_MASK, .pcrs = &pcrs, .seen = NULL};
	rc = ms_quote_verify(raw, &check, &quote, NULL, err);
	if (rc == MS_OK)
		rc = check_logged(w, e, err);
	if (rc != MS_OK)
		return rc;
	*ret_ak = ak;
	ak = NULL;
	*ret = quote;
	quote = NULL;
	return MS_OK;
}

enum ms_rc
ms_keeper_use_nonce(const struct ms_keeper_work *w, struct ms_span nonce, struct ms_err *err)
{
	uint64_t until = ms_nonce_expires_s(nonce) + NONCE_LATE_S + 1; /* its time was checked: no overflow */
	return ms_nonces_use(&w->k->nonces, nonce, w->digest, until, w->now_s, err);
}

/* ---- statements ---- */

enum ms_rc
ms_keeper_check_own(const struct ms_keeper_work *w, const char *kind, const char *audience, struct ms_span wire, struct ms_statement *ret,
    struct ms_err *err)
{
	const struct ms_root *root = w->k->p.root;
	const struct ms_statement_expect x = {.kind = kind,
	    .deployment = root->deployment,
	    .audience = audience,
	    .tenant = w->tenant,
	    .now_s = w->now_s,
	    .skew_s = MS_KEEPER_SKEW_S};
	return ms_statement_verify(wire, root->release, &x, ret, err);
}

enum ms_rc
ms_keeper_check_operator(const struct ms_keeper_work *w, const struct ms_keeper_operator_check *c, struct ms_span wire,
    struct ms_statement *ret, struct ms_err *err)
{
	MS_OWN(ms_statement_raw_free) struct ms_statement_raw *raw = NULL;
	const struct ms_root *root = w->k->p.root;
	struct ms_statement st;
	enum ms_rc rc = ms_statement_parse(wire, &raw, err);
	if (rc != MS_OK)
		return rc;
	const struct ms_operator_key *by = ms_root_operator(root, ms_statement_kid(raw), ms_span_str(w->tenant));
	if (by == NULL)
		return ms_fail(err, MS_ERR_AUTH, "%s: by no operator of this tenant", c->kind);
	const struct ms_statement_expect x = {.kind = c->kind,
	    .deployment = root->deployment,
	    .audience = "server",
	    .tenant = w->tenant,
	    .now_s = w->entry.time_s,
	    .skew_s = c->at_issue ? UINT64_MAX : MS_KEEPER_SKEW_S};
	rc = ms_statement_verify_raw(raw, by->key, &x, &st, err);
	if (rc != MS_OK)
		return rc;
	if (!ms_role_may(by->role, ms_span_str(c->operation)))
		return ms_fail(err, MS_ERR_DENIED, "the role %s may not do %s", by->role, c->operation);
	if (st.issued_s > w->now_s && st.issued_s - w->now_s > MS_KEEPER_SKEW_S)
		return ms_fail(err, MS_ERR_EXPIRED, "%s: from the future", c->kind);
	if (c->life_max_s > 0 && st.expires_s - st.issued_s > c->life_max_s)
		return ms_fail(err, MS_ERR_AUTH, "%s: signed for too long", c->kind);
	*ret = st;
	return MS_OK;
}

enum ms_rc
ms_keeper_check_subject(const struct ms_keeper_work *w, struct ms_span subject, struct ms_err *err)
{
	return ms_span_eq(w->entry.subject, subject) ? MS_OK : ms_fail(err, MS_ERR_AUTH, "the entry is about another subject");
}

enum ms_rc
ms_keeper_data(const struct ms_keeper_work *w, const struct ms_cbor_table *t, void *ret, struct ms_err *err)
{
	if (!MS_CBOR_HAS(&w->entry, MS_ENTRY_DATA))
		return ms_fail(err, MS_ERR_AUTH, "the entry has no data");
	return ms_cbor_parse_map(t, w->entry.data, ret, err);
}

/* ---- what keeper signs ---- */

enum ms_rc
ms_keeper_say(const struct ms_keeper_work *w, const struct ms_keeper_says *s, struct ms_buf *out, struct ms_err *err)
{
	struct ms_buf body;
	ms_buf_init(&body, 128u << 10);
	enum ms_rc rc = ms_cbor_build_map(s->table, s->body, &body, err);
	const struct ms_statement_fields f = {.kind = s->kind,
	    .deployment = w->k->p.root->deployment,
	    .audience = s->audience,
	    .tenant = w->tenant,
	    .issued_s = w->entry.time_s,
	    .expires_s = s->expires_s,
	    .epoch = 0,
	    .body = ms_buf_span(&body)};
	if (rc == MS_OK)
		rc = ms_statement_sign(&w->k->release, &f, out, err);
	ms_buf_fini(&body);
	return rc;
}

enum ms_rc
ms_keeper_issue(const struct ms_keeper_work *w, const struct ms_keeper_cert *c, struct ms_buf *out, struct ms_err *err)
{
	struct ms_data_cert logged;
	uint8_t tbs[MS_SHA256_LEN], sig[MS_SIG_LEN];
	enum ms_rc rc = ms_keeper_data(w, &ms_data_cert_table, &logged, err);
	if (rc != MS_OK)
		return rc;
	ms_sha256(c->tbs, tbs);
	if (!ms_span_eq(logged.serial, c->serial) || logged.not_before_s != c->not_before_s || logged.not_after_s != c->not_after_s ||
	    !ms_span_eq(logged.tbs, ms_span(tbs, sizeof tbs)))
		return ms_fail(err, MS_ERR_AUTH, "the certificate is not the one in the entry");
	/* the profile bounds its life; this says that it begins about now */
	if (c->not_before_s > w->now_s || w->now_s - c->not_before_s > 2 * CERT_AHEAD_S || c->not_after_s <= w->now_s)
		return ms_fail(err, MS_ERR_AUTH, "a certificate begins now");
	rc = ms_signer_sign(&w->k->issuing, c->tbs, sig, err);
	return rc == MS_OK ? ms_cert_assemble(c->tbs, sig, out, err) : rc;
}
