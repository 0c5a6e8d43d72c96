/* A device's certificate: every name in it comes from our own admission, its key from the AK's certification. */
#include "identity/leafcert.h"
#include "server/keeper/attested.h"

enum ms_rc
ms_keeper_identity(const struct ms_keeper_work *w, const void *params, struct ms_buf *result, struct ms_err *err)
{
	const struct ms_act_identity *p = params;
	const struct ms_root_body *root = &w->k->p.root->body;
	struct ms_identity_req q;
	MS_OWN(ms_keeper_attested_fini) struct ms_keeper_attested a = {.ak = NULL};
	MS_OWN(ms_buf_fini) struct ms_buf tbs;
	uint8_t point[MS_TPM_P256_POINT_LEN];
	ms_buf_init(&tbs, MS_CERT_MAX);
	enum ms_rc rc = ms_cbor_parse_map(&ms_identity_req_table, p->request, &q, err);
	if (rc != MS_OK)
		return rc;
	const struct ms_keeper_asked asked = {.purpose = MS_PURPOSE_IDENTITY,
	    .admission = p->admission,
	    .nonce = p->nonce,
	    .exporter = p->exporter,
	    .request = p->request,
	    .attest = p->attest,
	    .signature = p->signature,
	    .pcrs = p->pcrs,
	    .key = {.attest = q.certify, .signature = q.certify_sig, .tpmt_public = q.key}};
	rc = ms_keeper_check_attested(w, &asked, &a, err);
	if (rc == MS_OK)
		rc = ms_certified_identity(a.key, point, NULL, err);
	if (rc != MS_OK)
		return rc;
	const struct ms_leafcert leaf = {.issuing = root->ca_issuing,
	    .serial = p->serial,
	    .point = point,
	    .not_before_s = p->not_before_s,
	    .not_after_s = p->not_after_s,
	    .trust_domain = root->trust_domain,
	    .tenant = ms_span_str(w->tenant),
	    .device = a.who.device,
	    .hw_serial = a.who.serial};
	rc = ms_leafcert_tbs(&leaf, &tbs, err);
	const struct ms_keeper_cert cert = {
	    .serial = p->serial, .not_before_s = p->not_before_s, .not_after_s = p->not_after_s, .tbs = ms_buf_span(&tbs)};
	return rc == MS_OK ? ms_keeper_issue(w, &cert, result, err) : rc;
}
