#include "evidence/certify.h"

#include <stdlib.h>
#include <string.h>

#include "evidence/ak_int.h"
#include "evidence/reason_int.h"

#define IDENTITY_SET (MS_TPMA_FIXED_TPM | MS_TPMA_FIXED_PARENT | MS_TPMA_SENSITIVE_DATA_ORIGIN | MS_TPMA_SIGN)
#define IDENTITY_CLEAR (MS_TPMA_RESTRICTED | MS_TPMA_DECRYPT)
#define SEALING_ATTRIBUTES (MS_TPMA_FIXED_TPM | MS_TPMA_FIXED_PARENT | MS_TPMA_SENSITIVE_DATA_ORIGIN | MS_TPMA_DECRYPT | MS_TPMA_NO_DA)

struct ms_certified {
	uint8_t raw[MS_TPM_PUBLIC_MAX];
	struct ms_tpm_public area; /* spans into raw */
	struct ms_tpm_name name;
	struct ms_tpm_name qualified; /* as the TPM certified it */
};

static enum ms_rc
take_area(struct ms_certified *c, struct ms_span tpmt_public, enum ms_evidence_reason *ret_reason, struct ms_err *err)
{
	if (tpmt_public.len > sizeof c->raw)
		return ms_refuse(ret_reason, MS_EVIDENCE_TOO_BIG, err);
	if (tpmt_public.len > 0)
		memcpy(c->raw, tpmt_public.p, tpmt_public.len);
	enum ms_rc rc = ms_tpm_public_parse(ms_span(c->raw, tpmt_public.len), &c->area, err);
	if (rc == MS_OK)
		rc = ms_tpm_public_name(&c->area, &c->name, err);
	if (rc == MS_OK)
		return MS_OK;
	if (ms_is_fault(rc))
		return ms_refuse_fault(ret_reason, rc);
	return ms_refuse_more(ret_reason, rc == MS_ERR_UNSUPPORTED ? MS_EVIDENCE_KEY_ALGORITHM : MS_EVIDENCE_KEY_MALFORMED, err);
}

enum ms_rc
ms_certify_verify(const struct ms_certify_evidence *e, const struct ms_certify_check *check, struct ms_certified **ret,
    enum ms_evidence_reason *ret_reason, struct ms_err *err)
{
	struct ms_attest_check signed_by_ak = {
	    .ak = check->ak,
	    .attest = e->attest,
	    .signature = e->signature,
	    .type = MS_TPM_ST_CERTIFY,
	    .extra = check->extra,
	};
	struct ms_tpm_attest a;
	enum ms_rc rc = ms_attest_verify(&signed_by_ak, &a, ret_reason, err);
	if (rc != MS_OK)
		return rc;
	MS_OWN(ms_certified_free) struct ms_certified *c = calloc(1, sizeof *c);
	if (c == NULL)
		return ms_refuse_fault(ret_reason, ms_fail(err, MS_ERR_NOMEM, "certify"));
	rc = take_area(c, e->tpmt_public, ret_reason, err);
	if (rc != MS_OK)
		return rc;
	if (!ms_span_eq(a.name, ms_tpm_name_span(&c->name)))
		return ms_refuse(ret_reason, MS_EVIDENCE_KEY_NAME, err);
	if (a.qualified_name.len > sizeof c->qualified.p)
		return ms_refuse(ret_reason, MS_EVIDENCE_MALFORMED, err);
	c->qualified.len = a.qualified_name.len;
	if (a.qualified_name.len > 0)
		memcpy(c->qualified.p, a.qualified_name.p, a.qualified_name.len);
	*ret = c;
	c = NULL;
	return MS_OK;
}

void
ms_certified_free(struct ms_certified *c)
{
	free(c);
}

const struct ms_tpm_public *
ms_certified_public(const struct ms_certified *c)
{
	return &c->area;
}

const struct ms_tpm_name *
ms_certified_name(const struct ms_certified *c)
{
	return &c->name;
}

static bool
is_p256(const struct ms_tpm_public *p)
{
	return p->type == MS_TPM_ALG_ECC && p->curve == MS_TPM_P256 && p->kdf == MS_TPM_ALG_NULL && p->sym_alg == MS_TPM_ALG_NULL;
}

enum ms_rc
ms_certified_identity(
    const struct ms_certified *c, uint8_t ret[static MS_TPM_P256_POINT_LEN], enum ms_evidence_reason *ret_reason, struct ms_err *err)
{
	const struct ms_tpm_public *p = &c->area;
	bool ecdsa = p->scheme == MS_TPM_ALG_ECDSA && p->scheme_hash == MS_TPM_ALG_SHA256;
	if (!is_p256(p) || (!ecdsa && p->scheme != MS_TPM_ALG_NULL))
		return ms_refuse(ret_reason, MS_EVIDENCE_KEY_ALGORITHM, err);
	if ((p->attributes & IDENTITY_SET) != IDENTITY_SET || (p->attributes & IDENTITY_CLEAR) != 0)
		return ms_refuse(ret_reason, MS_EVIDENCE_KEY_ATTRIBUTES, err);
	return ms_tpm_public_p256(p, ret, err);
}

enum ms_rc
ms_certified_sealing(const struct ms_certified *c, const struct ms_sealing_state *state, uint8_t ret[static MS_TPM_P256_POINT_LEN],
    enum ms_evidence_reason *ret_reason, struct ms_err *err)
{
	const struct ms_tpm_public *p = &c->area;
	if (!is_p256(p) || p->name_alg != MS_TPM_ALG_SHA256 || p->scheme != MS_TPM_ALG_NULL)
		return ms_refuse(ret_reason, MS_EVIDENCE_KEY_ALGORITHM, err);
	if (p->attributes != SEALING_ATTRIBUTES)
		return ms_refuse(ret_reason, MS_EVIDENCE_KEY_ATTRIBUTES, err);
	struct ms_tpm_name qualified;
	uint8_t policy[MS_PCR_LEN];
	enum ms_rc rc = ms_tpm_primary_name(MS_TPM_RH_NULL, &c->name, &qualified, err);
	if (rc == MS_OK)
		rc = ms_pcrs_policy(state->pcrs, state->mask, policy, err);
	if (rc != MS_OK)
		return ms_refuse_fault(ret_reason, rc);
	if (!ms_span_eq(ms_tpm_name_span(&c->qualified), ms_tpm_name_span(&qualified)))
		return ms_refuse(ret_reason, MS_EVIDENCE_KEY_HIERARCHY, err);
	if (!ms_span_eq(p->auth_policy, ms_span(policy, sizeof policy)))
		return ms_refuse(ret_reason, MS_EVIDENCE_KEY_POLICY, err);
	return ms_tpm_public_p256(p, ret, err);
}
