/* The public key of an AK, in every form in which one finds it. */
#include <stdlib.h>
#include <string.h>

#include "codec/certview.h"
#include "codec/pem.h"
#include "evidence/quotekey_int.h"
#include "evidence/reason_int.h"

#define NEEDED (MS_TPMA_FIXED_TPM | MS_TPMA_FIXED_PARENT | MS_TPMA_SENSITIVE_DATA_ORIGIN | MS_TPMA_RESTRICTED | MS_TPMA_SIGN)

/* A restricted key signs only what the TPM made: any other could sign bytes that look like a quote (Part 1, 25.1.5). */
static enum ms_rc
check_area(const struct ms_tpm_public *p, enum ms_evidence_reason *ret_reason, struct ms_err *err)
{
	if ((p->attributes & NEEDED) != NEEDED || (p->attributes & MS_TPMA_DECRYPT) != 0) {
		(void)ms_fail(err, MS_ERR_DENIED, "0x%08x is not a restricted signing key that stays in its TPM", p->attributes);
		return ms_refuse_more(ret_reason, MS_EVIDENCE_KEY_ATTRIBUTES, err);
	}
	return MS_OK;
}

static enum ms_rc
key_of_area(const struct ms_tpm_public *p, struct ms_pubkey **ret, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf spki = {0};
	if (p->type == MS_TPM_ALG_RSA)
		return ms_pubkey_from_rsa(p->modulus, p->exponent, ret, err);
	ms_buf_init(&spki, MS_TPM_SPKI_MAX);
	enum ms_rc rc = ms_tpm_public_spki(p, &spki, err);
	return rc == MS_OK ? ms_pubkey_from_spki(ms_buf_span(&spki), ret, err) : rc;
}

struct ms_span
ms_quotekey_area_bytes(struct ms_span file)
{
	bool sized = file.len > 2 && (size_t)(file.p[0] << 8 | file.p[1]) == file.len - 2;
	return sized ? ms_span(file.p + 2, file.len - 2) : file;
}

static enum ms_rc
load_area(struct ms_quotekey *k, struct ms_span file, enum ms_evidence_reason *ret_reason, struct ms_err *err)
{
	struct ms_span area = ms_quotekey_area_bytes(file);
	if (area.len > sizeof k->raw)
		return ms_refuse(ret_reason, MS_EVIDENCE_TOO_BIG, err);
	if (area.len > 0)
		memcpy(k->raw, area.p, area.len);
	enum ms_rc rc = ms_tpm_public_parse(ms_span(k->raw, area.len), &k->area, err);
	if (rc != MS_OK)
		return rc;
	k->has_area = true;
	rc = check_area(&k->area, ret_reason, err);
	return rc == MS_OK ? key_of_area(&k->area, &k->key, err) : rc;
}

/* SubjectPublicKeyInfo, or a certificate that holds one. */
static enum ms_rc
load_der(struct ms_quotekey *k, struct ms_span der, struct ms_err *err)
{
	struct ms_certview v;
	if (ms_certview_parse(der, &v, NULL) == MS_OK)
		der = v.spki;
	return ms_pubkey_from_spki(der, &k->key, err);
}

static enum ms_rc
load_pem(struct ms_quotekey *k, struct ms_span text, struct ms_err *err)
{
	char label[MS_PEM_LABEL_MAX];
	size_t from = 0;
	MS_OWN(ms_buf_fini) struct ms_buf der;
	ms_buf_init(&der, MS_CERTVIEW_MAX);
	enum ms_rc rc = ms_pem_next(text, &from, label, &der, err);
	if (rc != MS_OK)
		return rc == MS_ERR_NOT_FOUND ? MS_ERR_MALFORMED : rc;
	if (strcmp(label, "PUBLIC KEY") != 0 && strcmp(label, "CERTIFICATE") != 0)
		return ms_fail(err, MS_ERR_MALFORMED, "PEM of another kind than PUBLIC KEY or CERTIFICATE");
	return load_der(k, ms_buf_span(&der), err);
}

enum ms_rc
ms_quotekey_load(struct ms_span file, struct ms_quotekey **ret, enum ms_evidence_reason *ret_reason, struct ms_err *err)
{
	enum ms_evidence_reason why = MS_EVIDENCE_NONE;
	MS_OWN(ms_quotekey_free) struct ms_quotekey *k = calloc(1, sizeof *k);
	if (k == NULL)
		return ms_refuse_fault(ret_reason, ms_fail(err, MS_ERR_NOMEM, "AK"));
	if (file.len > MS_QUOTEKEY_FILE_MAX)
		return ms_refuse(ret_reason, MS_EVIDENCE_TOO_BIG, err);
	enum ms_rc rc = ms_pem_is(file)                     ? load_pem(k, file, err)
			: file.len > 0 && file.p[0] == 0x30 ? load_der(k, file, err)
							    : load_area(k, file, &why, err);
	if (rc == MS_OK && ms_pubkey_type(k->key) == MS_KEY_ED25519)
		rc = ms_fail(err, MS_ERR_UNSUPPORTED, "no TPM signs with Ed25519");
	if (rc == MS_OK) {
		*ret = k;
		k = NULL;
		return MS_OK;
	}
	if (ms_is_fault(rc))
		return ms_refuse_fault(ret_reason, rc);
	if (why != MS_EVIDENCE_NONE) {
		if (ret_reason != NULL)
			*ret_reason = why;
		return rc;
	}
	return ms_refuse_more(ret_reason, rc == MS_ERR_UNSUPPORTED ? MS_EVIDENCE_KEY_ALGORITHM : MS_EVIDENCE_KEY_MALFORMED, err);
}

void
ms_quotekey_free(struct ms_quotekey *k)
{
	if (k == NULL)
		return;
	ms_pubkey_free(k->key);
	free(k);
}

const struct ms_pubkey *
ms_quotekey_public(const struct ms_quotekey *k)
{
	return k->key;
}

bool
ms_quotekey_has_area(const struct ms_quotekey *k)
{
	return k->has_area;
}

const struct ms_tpm_public *
ms_quotekey_area(const struct ms_quotekey *k)
{
	return k->has_area ? &k->area : NULL;
}
