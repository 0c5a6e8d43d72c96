#include "evidence/ak.h"

#include <stdlib.h>
#include <string.h>

#include "evidence/ak_int.h"
#include "evidence/reason_int.h"

#define EK_ATTRIBUTES \
	(MS_TPMA_FIXED_TPM | MS_TPMA_FIXED_PARENT | MS_TPMA_SENSITIVE_DATA_ORIGIN | MS_TPMA_ADMIN_WITH_POLICY | MS_TPMA_RESTRICTED | \
	    MS_TPMA_DECRYPT)
#define AK_ATTRIBUTES \
	(MS_TPMA_FIXED_TPM | MS_TPMA_FIXED_PARENT | MS_TPMA_SENSITIVE_DATA_ORIGIN | MS_TPMA_RESTRICTED | MS_TPMA_SIGN | MS_TPMA_NO_DA)

/* EK Credential Profile B.6.2: PolicyA, PolicySecret of the endorsement hierarchy. */
static const uint8_t policy_a[32] = {0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24, 0xfd,
    0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa};

static bool
is_rsa(const struct ms_tpm_public *p)
{
	return p->type == MS_TPM_ALG_RSA && p->key_bits >= 2048;
}

static bool
is_p256(const struct ms_tpm_public *p)
{
	return p->type == MS_TPM_ALG_ECC && p->curve == MS_TPM_P256 && p->kdf == MS_TPM_ALG_NULL;
}

/* EK Credential Profile B.3.3 (L-1) and B.3.4 (L-2). */
enum ms_rc
ms_ek_public_ok(const struct ms_tpm_public *p, enum ms_evidence_reason *ret_reason, struct ms_err *err)
{
	bool rsa = is_rsa(p) && p->key_bits == 2048 && p->exponent == 65537;
	bool symmetric = p->sym_alg == MS_TPM_ALG_AES && p->sym_bits == 128 && p->sym_mode == MS_TPM_ALG_CFB;
	if ((!rsa && !is_p256(p)) || p->name_alg != MS_TPM_ALG_SHA256 || p->scheme != MS_TPM_ALG_NULL || !symmetric)
		return ms_refuse(ret_reason, MS_EVIDENCE_KEY_ALGORITHM, err);
	if (p->attributes != EK_ATTRIBUTES)
		return ms_refuse(ret_reason, MS_EVIDENCE_KEY_ATTRIBUTES, err);
	if (!ms_span_eq(p->auth_policy, ms_span(policy_a, sizeof policy_a)))
		return ms_refuse(ret_reason, MS_EVIDENCE_KEY_POLICY, err);
	return MS_OK;
}

static const struct scheme {
	uint16_t scheme, hash_alg;
	enum ms_sig_scheme sig;
	enum ms_hash hash;
} schemes[] = {
    {MS_TPM_ALG_ECDSA, MS_TPM_ALG_SHA256, MS_SIG_ECDSA_SHA256, MS_HASH_SHA256},
    {MS_TPM_ALG_RSASSA, MS_TPM_ALG_SHA256, MS_SIG_RSA_PKCS1_SHA256, MS_HASH_SHA256},
    {MS_TPM_ALG_RSASSA, MS_TPM_ALG_SHA384, MS_SIG_RSA_PKCS1_SHA384, MS_HASH_SHA384},
    {MS_TPM_ALG_RSASSA, MS_TPM_ALG_SHA512, MS_SIG_RSA_PKCS1_SHA512, MS_HASH_SHA512},
    {MS_TPM_ALG_RSAPSS, MS_TPM_ALG_SHA256, MS_SIG_RSA_PSS_SHA256_TPM, MS_HASH_SHA256},
    {MS_TPM_ALG_RSAPSS, MS_TPM_ALG_SHA384, MS_SIG_RSA_PSS_SHA384, MS_HASH_SHA384},
    {MS_TPM_ALG_RSAPSS, MS_TPM_ALG_SHA512, MS_SIG_RSA_PSS_SHA512, MS_HASH_SHA512},
};

/* How this key signs; NULL when its scheme is not one we take. The scheme fits the type: the parser saw to it. */
static const struct scheme *
scheme_of(const struct ms_tpm_public *p)
{
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (schemes[i].scheme == p->scheme && schemes[i].hash_alg == p->scheme_hash)
			return &schemes[i];
	return NULL;
}

enum ms_rc
ms_ak_public_ok(const struct ms_tpm_public *p, enum ms_evidence_reason *ret_reason, struct ms_err *err)
{
	bool type = is_rsa(p) || is_p256(p);
	if (!type || p->name_alg != MS_TPM_ALG_SHA256 || p->sym_alg != MS_TPM_ALG_NULL || scheme_of(p) == NULL)
		return ms_refuse(ret_reason, MS_EVIDENCE_KEY_ALGORITHM, err);
	if ((p->attributes & ~MS_TPMA_USER_WITH_AUTH) != AK_ATTRIBUTES)
		return ms_refuse(ret_reason, MS_EVIDENCE_KEY_ATTRIBUTES, err);
	return MS_OK;
}

static enum ms_rc
load_key(struct ms_ak *ak, struct ms_err *err)
{
	if (ak->area.type == MS_TPM_ALG_RSA)
		return ms_pubkey_from_rsa(ak->area.modulus, ak->area.exponent, &ak->key, err);
	uint8_t point[MS_TPM_P256_POINT_LEN];
	enum ms_rc rc = ms_tpm_public_p256(&ak->area, point, err);
	return rc == MS_OK ? ms_pubkey_from_point(point, &ak->key, err) : rc;
}

static enum ms_rc
load_names(struct ms_ak *ak, struct ms_span parent, struct ms_err *err)
{
	enum ms_rc rc = ms_tpm_public_name(&ak->area, &ak->name, err);
	if (rc != MS_OK)
		return rc;
	if (parent.len == 0)
		return ms_tpm_primary_name(MS_TPM_RH_ENDORSEMENT, &ak->name, &ak->qualified, err);
	return ms_tpm_qualified_name(parent, &ak->name, &ak->qualified, err);
}

static enum ms_rc
refuse_area(enum ms_rc rc, enum ms_evidence_reason *ret_reason, struct ms_err *err)
{
	if (ms_is_fault(rc))
		return ms_refuse_fault(ret_reason, rc);
	return ms_refuse_more(ret_reason, rc == MS_ERR_UNSUPPORTED ? MS_EVIDENCE_KEY_ALGORITHM : MS_EVIDENCE_KEY_MALFORMED, err);
}

enum ms_rc
ms_ak_new(struct ms_span tpmt_public, struct ms_span parent, struct ms_ak **ret, enum ms_evidence_reason *ret_reason, struct ms_err *err)
{
	if (tpmt_public.len > MS_TPM_PUBLIC_MAX)
		return ms_refuse(ret_reason, MS_EVIDENCE_TOO_BIG, err);
	MS_OWN(ms_ak_free) struct ms_ak *ak = calloc(1, sizeof *ak);
	if (ak == NULL)
		return ms_refuse_fault(ret_reason, ms_fail(err, MS_ERR_NOMEM, "AK"));
	if (tpmt_public.len > 0)
		memcpy(ak->raw, tpmt_public.p, tpmt_public.len);
	enum ms_rc rc = ms_tpm_public_parse(ms_span(ak->raw, tpmt_public.len), &ak->area, err);
	if (rc != MS_OK)
		return refuse_area(rc, ret_reason, err);
	rc = ms_ak_public_ok(&ak->area, ret_reason, err);
	if (rc != MS_OK)
		return rc;
	ak->scheme = scheme_of(&ak->area)->sig;
	ak->hash = scheme_of(&ak->area)->hash;
	rc = load_names(ak, parent, err);
	if (rc == MS_OK)
		rc = load_key(ak, err);
	if (rc != MS_OK)
		return refuse_area(rc, ret_reason, err);
	*ret = ak;
	ak = NULL;
	return MS_OK;
}

void
ms_ak_free(struct ms_ak *ak)
{
	if (ak == NULL)
		return;
	ms_pubkey_free(ak->key);
	free(ak);
}

const struct ms_tpm_name *
ms_ak_name(const struct ms_ak *ak)
{
	return &ak->name;
}
