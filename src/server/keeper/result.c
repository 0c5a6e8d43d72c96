/* An attestation result for relying parties. Who the device is comes from our own admission, that its evidence is authentic from
 * the quote. What its evidence is worth is core's word, and only as the log has it: nothing else in this act says a status. */
#include "crypto/jws.h"
#include "identity/ear.h"
#include "server/keeper/attested.h"

static enum ms_rc
check_evidence(const struct ms_keeper_work *w, const struct ms_act_result *p, struct ms_keeper_attested *a, struct ms_err *err)
{
	const struct ms_keeper_asked asked = {.purpose = MS_PURPOSE_RESULT,
	    .admission = p->admission,
	    .nonce = p->nonce,
	    .exporter = p->exporter,
	    .request = p->request,
	    .attest = p->attest,
	    .signature = p->signature,
	    .pcrs = p->pcrs,
	    .keyless = true};
	return ms_keeper_check_attested(w, &asked, a, err);
}

/* What the entry says of the evidence; it is about this very quote. */
static enum ms_rc
take_logged(const struct ms_keeper_work *w, const struct ms_act_result *p, struct ms_data_result *ret, struct ms_err *err)
{
	enum ms_rc rc = ms_keeper_data(w, &ms_data_result_table, ret, err);
	if (rc != MS_OK)
		return rc;
	if (!ms_span_eq(ret->nonce, p->nonce))
		return ms_fail(err, MS_ERR_AUTH, "the entry names another nonce");
	if (!MS_CBOR_HAS(&w->entry, MS_ENTRY_POLICY))
		return ms_fail(err, MS_ERR_AUTH, "the entry names no policy");
	if (ret->expires_s <= w->now_s)
		return ms_fail(err, MS_ERR_EXPIRED, "the result is over before it begins");
	return MS_OK;
}

enum ms_rc
ms_keeper_result(const struct ms_keeper_work *w, const void *params, struct ms_buf *result, struct ms_err *err)
{
	const struct ms_act_result *p = params;
	const struct ms_root *root = w->k->p.root;
	struct ms_result_req q;
	struct ms_data_result logged;
	MS_OWN(ms_keeper_attested_fini) struct ms_keeper_attested a = {.ak = NULL};
	MS_OWN(ms_buf_fini) struct ms_buf claims = {0};
	ms_buf_init(&claims, MS_EAR_CLAIMS_MAX);
	enum ms_rc rc = ms_cbor_parse_map(&ms_result_req_table, p->request, &q, err);
	if (rc == MS_OK)
		rc = take_logged(w, p, &logged, err);
	if (rc == MS_OK)
		rc = check_evidence(w, p, &a, err);
	if (rc != MS_OK)
		return rc;
	const struct ms_ear ear = {.deployment = ms_span(root->deployment, sizeof root->deployment),
	    .trust_domain = root->body.trust_domain,
	    .tenant = ms_span_str(w->tenant),
	    .device = a.who.device,
	    .ek_hash = a.who.ek_hash,
	    .nonce = MS_CBOR_HAS(&q, MS_RESULT_REQ_NONCE) ? q.nonce : MS_SPAN_NONE,
	    .audience = MS_CBOR_HAS(&q, MS_RESULT_REQ_AUDIENCE) ? q.audience : MS_SPAN_NONE,
	    .issued_s = w->entry.time_s,
	    .expires_s = logged.expires_s,
	    .judged = {(unsigned)logged.judged, (unsigned)logged.failed, (unsigned)logged.waived},
	    .policy = w->entry.policy,
	    .evidence = w->entry.evidence,
	    .log_origin = ms_span_str(ms_vkey_name(w->k->log)),
	    .log_index = w->entry.seq,
	    .log_leaf = ms_span(w->leaf.h, sizeof w->leaf.h),
	    .build = "musterd " MS_VERSION};
	rc = ms_ear_build(&ear, &claims, err);
	return rc == MS_OK ? ms_jws_sign(&w->k->token, MS_EAR_TYP, ms_buf_span(&claims), result, err) : rc;
}
