#include "evidence/ak_int.h"
#include "evidence/reason_int.h"

#define EXTRA_LEN 32u

static enum ms_rc
check_signature(const struct ms_attest_check *c, enum ms_evidence_reason *ret_reason, struct ms_err *err)
{
	struct ms_tpm_signature sig;
	enum ms_rc rc = ms_tpm_signature_parse(c->signature, &sig, err);
	if (rc != MS_OK)
		return ms_refuse_more(
		    ret_reason, rc == MS_ERR_UNSUPPORTED ? MS_EVIDENCE_SIGNATURE_ALGORITHM : MS_EVIDENCE_MALFORMED_SIGNATURE, err);
	if (sig.scheme != c->ak->area.scheme || sig.hash != c->ak->area.scheme_hash)
		return ms_refuse(ret_reason, MS_EVIDENCE_SIGNATURE_ALGORITHM, err);
	uint8_t raw[64];
	struct ms_span bytes = sig.rsa;
	if (sig.scheme == MS_TPM_ALG_ECDSA) {
		if (ms_tpm_signature_p256(&sig, raw, err) != MS_OK)
			return ms_refuse_more(ret_reason, MS_EVIDENCE_MALFORMED_SIGNATURE, err);
		bytes = ms_span(raw, sizeof raw);
	}
	rc = ms_pubkey_verify(c->ak->key, c->ak->scheme, c->attest, bytes, err);
	if (ms_is_fault(rc))
		return ms_refuse_fault(ret_reason, rc);
	return rc == MS_OK ? MS_OK : ms_refuse(ret_reason, MS_EVIDENCE_BAD_SIGNATURE, err);
}

enum ms_rc
ms_attest_form(struct ms_span attest, uint16_t want, struct ms_tpm_attest *ret, enum ms_evidence_reason *ret_reason, struct ms_err *err)
{
	if (ms_tpm_attest_magic(attest) != MS_TPM_MAGIC)
		return ms_refuse(ret_reason, MS_EVIDENCE_WRONG_MAGIC, err);
	uint16_t type = ms_tpm_attest_type(attest);
	if (type != want) {
		(void)ms_fail(err, MS_ERR_AUTH, "%s (0x%04x) where %s is due", ms_tpm_st_name(type), type, ms_tpm_st_name(want));
		return ms_refuse_more(ret_reason, MS_EVIDENCE_WRONG_TYPE, err);
	}
	if (ms_tpm_attest_parse(attest, ret, err) != MS_OK)
		return ms_refuse_more(ret_reason, MS_EVIDENCE_MALFORMED, err);
	return MS_OK;
}

enum ms_rc
ms_attest_verify(const struct ms_attest_check *c, struct ms_tpm_attest *ret, enum ms_evidence_reason *ret_reason, struct ms_err *err)
{
	if (c->ak == NULL || c->extra.len != EXTRA_LEN)
		return ms_refuse_fault(ret_reason, ms_fail(err, MS_ERR_USAGE, "attest: no key, or extraData of %zu bytes", c->extra.len));
	if (c->attest.len > MS_TPM_ATTEST_MAX || c->signature.len > MS_TPM_SIGNATURE_MAX)
		return ms_refuse(ret_reason, MS_EVIDENCE_TOO_BIG, err);
	struct ms_tpm_attest a;
	enum ms_rc rc = check_signature(c, ret_reason, err);
	if (rc == MS_OK)
		rc = ms_attest_form(c->attest, c->type, &a, ret_reason, err);
	if (rc != MS_OK)
		return rc;
	if (!ms_span_eq(a.signer, ms_tpm_name_span(&c->ak->qualified)))
		return ms_refuse(ret_reason, MS_EVIDENCE_WRONG_SIGNER, err);
	if (a.extra.len != EXTRA_LEN || !ms_ct_eq(a.extra.p, c->extra.p, EXTRA_LEN))
		return ms_refuse(ret_reason, MS_EVIDENCE_NONCE_MISMATCH, err);
	*ret = a;
	return MS_OK;
}
