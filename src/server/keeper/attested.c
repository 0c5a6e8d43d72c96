#include "server/keeper/attested.h"

#include "crypto/cosesig.h"

void
ms_keeper_attested_fini(struct ms_keeper_attested *a)
{
	ms_ak_free(a->ak);
	ms_quote_verified_free(a->quote);
	ms_certified_free(a->key);
}

static enum ms_rc
check_admission(const struct ms_keeper_work *w, struct ms_span wire, struct ms_admission_body *ret, struct ms_err *err)
{
	struct ms_statement st;
	enum ms_rc rc = ms_keeper_check_own(w, "admission", "all", wire, &st, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_admission_body_table, st.body, ret, err);
	return rc == MS_OK ? ms_keeper_check_subject(w, ret->device, err) : rc;
}

static enum ms_rc
check_key(const struct ms_keeper_work *w, const struct ms_keeper_asked *q, struct ms_keeper_attested *a, struct ms_err *err)
{
	uint8_t extra[MS_BIND_LEN];
	enum ms_rc rc = ms_bind_certify(q->purpose, ms_span_str(w->tenant), a->who.device, q->nonce, extra, err);
	const struct ms_certify_check check = {.ak = a->ak, .extra = ms_span(extra, sizeof extra)};
	return rc == MS_OK ? ms_certify_verify(&q->key, &check, &a->key, NULL, err) : rc;
}

enum ms_rc
ms_keeper_check_attested(
    const struct ms_keeper_work *w, const struct ms_keeper_asked *q, struct ms_keeper_attested *ret, struct ms_err *err)
{
	enum ms_rc rc = check_admission(w, q->admission, &ret->who, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "admission");
	const struct ms_keeper_evidence e = {.purpose = q->purpose,
	    .device = ret->who.device,
	    .ak_public = ret->who.ak_public,
	    .nonce = q->nonce,
	    .exporter = q->exporter,
	    .request = q->request,
	    .attest = q->attest,
	    .signature = q->signature,
	    .pcrs = q->pcrs};
	rc = ms_keeper_check_quote(w, &e, &ret->ak, &ret->quote, err);
	if (rc == MS_OK && !q->keyless)
		rc = check_key(w, q, ret, err);
	return rc == MS_OK ? ms_keeper_use_nonce(w, q->nonce, err) : rc;
}
