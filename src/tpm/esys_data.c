/* Secrets that the TPM gives back as they are: sealed data objects beneath the storage key. */
#include <string.h>
#include <tss2/tss2_mu.h>

#include "tpm/esys_int.h"

#define UNSEAL_TRIES 2 /* TPM_RC_PCR_CHANGED: once more */

/* Two ways to be allowed to unseal: an empty auth value, or, with policy, the policy and nothing else. */
static void
data_template(const TPM2B_DIGEST *policy, TPM2B_PUBLIC *ret)
{
	memset(ret, 0, sizeof *ret);
	TPMT_PUBLIC *p = &ret->publicArea;
	p->type = TPM2_ALG_KEYEDHASH;
	p->nameAlg = TPM2_ALG_SHA256;
	p->objectAttributes =
	    TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_NODA | (policy->size == 0 ? TPMA_OBJECT_USERWITHAUTH : 0);
	p->authPolicy = *policy;
	p->parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL;
}

static enum ms_rc
put_blob(struct ms_esys *e, const TPM2B_PUBLIC *pub, const TPM2B_PRIVATE *priv, struct ms_tpm_blob *ret, struct ms_err *err)
{
	struct ms_tpm_blob b;
	size_t off = 0;
	enum ms_rc rc = ms_esys_rc(e, Tss2_MU_TPM2B_PUBLIC_Marshal(pub, b.b, sizeof b.b, &off), "sealed data", err);
	if (rc == MS_OK)
		rc = ms_esys_rc(e, Tss2_MU_TPM2B_PRIVATE_Marshal(priv, b.b, sizeof b.b, &off), "sealed data", err);
	if (rc != MS_OK)
		return rc;
	b.len = off;
	*ret = b;
	return MS_OK;
}

enum ms_rc
ms_esys_data_seal(struct ms_esys *e, const struct ms_tpm_request *q, struct ms_tpm_reply *r, struct ms_err *err)
{
	TPM2B_DIGEST policy = {0};
	ESYS_TR session, parent;
	enum ms_rc rc = ms_esys_session(e, TPM2_SE_HMAC, &session, err);
	if (rc == MS_OK && q->mask != 0)
		rc = ms_esys_pcr_policy(e, q->mask, &policy, err);
	if (rc == MS_OK)
		rc = ms_esys_storage(e, &parent, err);
	if (rc != MS_OK)
		return rc;
	TPM2B_PUBLIC template;
	const TPM2B_DATA outside = {0};
	const TPML_PCR_SELECTION no_pcrs = {0};
	MS_OWN(ms_esys_free) TPM2B_PRIVATE *priv = NULL;
	MS_OWN(ms_esys_free) TPM2B_PUBLIC *pub = NULL;
	data_template(&policy, &template);
	TPM2B_SENSITIVE_CREATE sensitive = {.sensitive.data.size = (UINT16)q->a.len};
	memcpy(sensitive.sensitive.data.buffer, q->a.p, q->a.len);
	TSS2_RC code = Esys_Create(
	    e->ctx, parent, session, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &template, &outside, &no_pcrs, &priv, &pub, NULL, NULL, NULL);
	ms_wipe(&sensitive, sizeof sensitive);
	rc = ms_esys_rc(e, code, "seal data", err);
	return rc == MS_OK ? put_blob(e, pub, priv, &r->pub, err) : rc;
}

static enum ms_rc
read_blob(struct ms_span blob, bool with_policy, TPM2B_PUBLIC *pub, TPM2B_PRIVATE *priv, struct ms_err *err)
{
	TPM2B_PUBLIC want;
	size_t off = 0;
	struct ms_rd rd = ms_rd_span(blob); /* the TSS reads over a wrong outer length */
	struct ms_span p_in = ms_rd_tpm2b(&rd, sizeof pub->publicArea), priv_in = ms_rd_tpm2b(&rd, sizeof priv->buffer);
	memset(pub, 0, sizeof *pub);
	memset(priv, 0, sizeof *priv);
	if (!ms_rd_done(&rd) || p_in.len == 0 || priv_in.len == 0 ||
	    Tss2_MU_TPMT_PUBLIC_Unmarshal(p_in.p, p_in.len, &off, &pub->publicArea) != TSS2_RC_SUCCESS || off != p_in.len)
		return ms_fail(err, MS_ERR_MALFORMED, "TPM: unseal data: not sealed data");
	priv->size = (UINT16)priv_in.len;
	memcpy(priv->buffer, priv_in.p, priv_in.len);
	const TPMT_PUBLIC *p = &pub->publicArea;
	data_template(&p->authPolicy, &want);
	if (p->type != want.publicArea.type || p->nameAlg != want.publicArea.nameAlg ||
	    p->objectAttributes != want.publicArea.objectAttributes || p->parameters.keyedHashDetail.scheme.scheme != TPM2_ALG_NULL ||
	    p->unique.keyedHash.size != MS_TPM_HASH_LEN)
		return ms_fail(err, MS_ERR_MALFORMED, "TPM: unseal data: an object of another kind");
	if (p->authPolicy.size != (with_policy ? MS_TPM_HASH_LEN : 0))
		return ms_fail(err, MS_ERR_MALFORMED, "TPM: unseal data: it was sealed %s", with_policy ? "without PCRs" : "to PCRs");
	return MS_OK;
}

static enum ms_rc
load_rc(struct ms_esys *e, TSS2_RC code, struct ms_err *err)
{
	switch (ms_esys_bare(code)) {
	case TPM2_RC_INTEGRITY: /* Part 1, 22.4: an HMAC by the parent's seed over the private part and the name */
	case TPM2_RC_SIZE:
	case TPM2_RC_VALUE:
	case TPM2_RC_INSUFFICIENT:
	case TPM2_RC_BINDING:
		return ms_fail(
		    err, MS_ERR_AUTH, "TPM: unseal data: it was sealed by another TPM (or before this one was cleared), or was changed");
	default:
		return ms_esys_rc(e, code, "unseal data", err);
	}
}

static enum ms_rc
unseal_rc(struct ms_esys *e, TSS2_RC code, struct ms_err *err)
{
	if (ms_esys_bare(code) == TPM2_RC_POLICY_FAIL)
		return ms_fail(err, MS_ERR_DENIED, "TPM: unseal data: the machine is not in the state (PCRs) that the data was sealed to");
	return ms_esys_rc(e, code, "unseal data", err);
}

static enum ms_rc
unseal(struct ms_esys *e, ESYS_TR object, ESYS_TR session, uint32_t mask, struct ms_tpm_reply *r, struct ms_err *err)
{
	const TPML_PCR_SELECTION sel = ms_esys_selection(mask);
	MS_OWN(ms_esys_free) TPM2B_SENSITIVE_DATA *data = NULL;
	TSS2_RC code = TPM2_RC_PCR_CHANGED;
	enum ms_rc rc = MS_OK;
	for (int i = 0; i < UNSEAL_TRIES && ms_esys_bare(code) == TPM2_RC_PCR_CHANGED; i++) {
		if (i > 0)
			rc = ms_esys_rc(e, Esys_PolicyRestart(e->ctx, session, MS_ESYS_NONE3), "PCR policy", err);
		if (rc == MS_OK && mask != 0)
			rc = ms_esys_rc(e, Esys_PolicyPCR(e->ctx, session, MS_ESYS_NONE3, NULL, &sel), "PCR policy", err);
		if (rc != MS_OK)
			return rc;
		code = Esys_Unseal(e->ctx, object, session, ESYS_TR_NONE, ESYS_TR_NONE, &data);
	}
	rc = unseal_rc(e, code, err);
	if (rc != MS_OK)
		return rc;
	if (data->size == 0 || data->size > MS_TPM_DATA_MAX)
		rc = ms_fail(err, MS_ERR_TPM, "TPM: unseal data: %u bytes", data->size);
	if (rc == MS_OK)
		rc = ms_secret_from(data->buffer, data->size, &r->secret, err);
	ms_wipe(data, sizeof *data);
	return rc;
}

enum ms_rc
ms_esys_data_unseal(struct ms_esys *e, const struct ms_tpm_request *q, struct ms_tpm_reply *r, struct ms_err *err)
{
	TPM2B_PUBLIC pub;
	TPM2B_PRIVATE priv;
	ESYS_TR session, parent, object;
	enum ms_rc rc = read_blob(q->a, q->mask != 0, &pub, &priv, err);
	if (rc == MS_OK)
		rc = ms_esys_session(e, q->mask != 0 ? TPM2_SE_POLICY : TPM2_SE_HMAC, &session, err);
	if (rc == MS_OK) /* no command parameter to decrypt here */
		rc = ms_esys_rc(e, Esys_TRSess_SetAttributes(e->ctx, session, 0, TPMA_SESSION_DECRYPT), "unseal data", err);
	if (rc == MS_OK)
		rc = ms_esys_storage(e, &parent, err);
	if (rc != MS_OK)
		return rc;
	rc = load_rc(e, Esys_Load(e->ctx, parent, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &priv, &pub, &object), err);
	ms_esys_drop(e, parent);
	if (rc != MS_OK)
		return rc;
	ms_esys_hold(e, object, true);
	return unseal(e, object, session, q->mask, r, err);
}
