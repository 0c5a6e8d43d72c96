/* Templates of the keys, and how each comes into being: derived from a seed of the TPM, never stored. */
#include <string.h>
#include <tss2/tss2_mu.h>

#include "tpm/esys_int.h"

#define EK_CERT_NV_RSA 0x01c00002u /* TCG EK Credential Profile, 2.2.1.4 */
#define EK_CERT_NV_P256 0x01c0000au
#define EK_PERSISTENT_RSA 0x81010001u /* TCG Provisioning Guidance, 7.8 */
#define EK_PERSISTENT_P256 0x81010002u
#define NV_CHUNK 512u /* every TPM takes this much in a read */

/* PolicySecret(TPM_RH_ENDORSEMENT), TCG EK Credential Profile, B.3.3 (L-1) and B.3.4 (L-2). */
static const uint8_t ek_policy[32] = {0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24, 0xfd,
    0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa};

static const TPMT_SYM_DEF_OBJECT aes128cfb = {.algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB};

static void
ek_template(bool rsa, TPM2B_PUBLIC *ret)
{
	memset(ret, 0, sizeof *ret);
	TPMT_PUBLIC *p = &ret->publicArea;
	p->nameAlg = TPM2_ALG_SHA256;
	p->objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |
			      TPMA_OBJECT_ADMINWITHPOLICY | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT;
	p->authPolicy.size = sizeof ek_policy;
	memcpy(p->authPolicy.buffer, ek_policy, sizeof ek_policy);
	if (rsa) {
		p->type = TPM2_ALG_RSA;
		p->parameters.rsaDetail = (TPMS_RSA_PARMS){.symmetric = aes128cfb, .scheme.scheme = TPM2_ALG_NULL, .keyBits = 2048};
		p->unique.rsa.size = 256; /* zeros */
		return;
	}
	p->type = TPM2_ALG_ECC;
	p->parameters.eccDetail = (TPMS_ECC_PARMS){
	    .symmetric = aes128cfb, .scheme.scheme = TPM2_ALG_NULL, .curveID = TPM2_ECC_NIST_P256, .kdf.scheme = TPM2_ALG_NULL};
	p->unique.ecc.x.size = p->unique.ecc.y.size = 32; /* zeros */
}

static void
p256_template(TPMA_OBJECT attributes, bool ecdsa, const uint8_t salt[static MS_TPM_SALT_LEN], TPM2B_PUBLIC *ret)
{
	memset(ret, 0, sizeof *ret);
	TPMT_PUBLIC *p = &ret->publicArea;
	p->type = TPM2_ALG_ECC;
	p->nameAlg = TPM2_ALG_SHA256;
	p->objectAttributes = attributes;
	p->parameters.eccDetail = (TPMS_ECC_PARMS){.symmetric.algorithm = TPM2_ALG_NULL,
	    .scheme.scheme = TPM2_ALG_NULL,
	    .curveID = TPM2_ECC_NIST_P256,
	    .kdf.scheme = TPM2_ALG_NULL};
	if (ecdsa) {
		p->parameters.eccDetail.scheme.scheme = TPM2_ALG_ECDSA;
		p->parameters.eccDetail.scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
	}
	/* the whole template is an input of the derivation (Part 1, 27.5): another salt, another key */
	p->unique.ecc.x.size = MS_TPM_SALT_LEN;
	memcpy(p->unique.ecc.x.buffer, salt, MS_TPM_SALT_LEN);
	p->unique.ecc.y.size = 32;
}

static enum ms_rc
public_bytes(struct ms_esys *e, const TPM2B_PUBLIC *pub, struct ms_tpm_blob *ret, struct ms_err *err)
{
	struct ms_tpm_blob b;
	size_t off = 0;
	enum ms_rc rc = ms_esys_rc(e, Tss2_MU_TPMT_PUBLIC_Marshal(&pub->publicArea, b.b, sizeof b.b, &off), "public area", err);
	if (rc != MS_OK)
		return rc;
	b.len = off;
	*ret = b;
	return MS_OK;
}

/* A primary key with an empty auth value; held. `what` names it. */
static enum ms_rc
create(struct ms_esys *e, ESYS_TR hierarchy, const TPM2B_PUBLIC *template, const char *what, ESYS_TR *ret, struct ms_tpm_blob *ret_pub,
    struct ms_err *err)
{
	const TPM2B_SENSITIVE_CREATE sensitive = {0};
	const TPM2B_DATA outside = {0};
	const TPML_PCR_SELECTION no_pcrs = {0};
	MS_OWN(ms_esys_free) TPM2B_PUBLIC *pub = NULL;
	ESYS_TR key;
	TSS2_RC code = Esys_CreatePrimary(e->ctx, hierarchy, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, template, &outside,
	    &no_pcrs, &key, &pub, NULL, NULL, NULL);
	enum ms_rc rc = ms_esys_rc(e, code, what, err);
	if (rc != MS_OK)
		return rc;
	ms_esys_hold(e, key, true);
	if (ret_pub != NULL)
		rc = public_bytes(e, pub, ret_pub, err);
	if (rc == MS_OK)
		*ret = key;
	return rc;
}

static enum ms_rc
nv_read(struct ms_esys *e, ESYS_TR index, struct ms_buf *out, struct ms_err *err)
{
	MS_OWN(ms_esys_free) TPM2B_NV_PUBLIC *pub = NULL;
	enum ms_rc rc = ms_esys_rc(e, Esys_NV_ReadPublic(e->ctx, index, MS_ESYS_NONE3, &pub, NULL), "EK certificate", err);
	if (rc != MS_OK)
		return rc;
	size_t size = pub->nvPublic.dataSize;
	if (size > MS_TPM_EK_CERT_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "TPM: EK certificate of %zu bytes", size);
	ESYS_TR auth = (pub->nvPublic.attributes & TPMA_NV_AUTHREAD) != 0 ? index : ESYS_TR_RH_OWNER;
	for (size_t off = 0; off < size;) {
		size_t n = size - off < NV_CHUNK ? size - off : NV_CHUNK;
		MS_OWN(ms_esys_free) TPM2B_MAX_NV_BUFFER *data = NULL;
		rc = ms_esys_rc(e,
		    Esys_NV_Read(e->ctx, auth, index, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, (UINT16)n, (UINT16)off, &data),
		    "EK certificate", err);
		if (rc != MS_OK)
			return rc;
		if (data->size == 0 || data->size > n)
			return ms_fail(err, MS_ERR_TPM, "TPM: EK certificate: %u bytes for a read of %zu", data->size, n);
		ms_buf_put(out, data->buffer, data->size);
		off += data->size;
	}
	return ms_buf_check(out, err);
}

enum ms_rc
ms_esys_nv_cert(struct ms_esys *e, bool rsa, struct ms_buf *out, struct ms_err *err)
{
	ESYS_TR index;
	TSS2_RC code = Esys_TR_FromTPMPublic(e->ctx, rsa ? EK_CERT_NV_RSA : EK_CERT_NV_P256, MS_ESYS_NONE3, &index);
	if (ms_esys_bare(code) == TPM2_RC_HANDLE) /* not defined: a TPM without certificate */
		return MS_OK;
	enum ms_rc rc = ms_esys_rc(e, code, "EK certificate", err);
	if (rc != MS_OK)
		return rc;
	ms_esys_hold(e, index, false);
	rc = nv_read(e, index, out, err);
	ms_esys_drop(e, index);
	return rc;
}

static enum ms_rc
learn_ek(struct ms_esys *e, struct ms_err *err)
{
	if (e->ek_known)
		return MS_OK;
	TPM2B_PUBLIC t;
	ek_template(true, &t);
	const TPMT_PUBLIC_PARMS parms = {.type = TPM2_ALG_RSA, .parameters.rsaDetail = t.publicArea.parameters.rsaDetail};
	TSS2_RC code = Esys_TestParms(e->ctx, MS_ESYS_NONE3, &parms);
	e->ek_rsa = code == TSS2_RC_SUCCESS;
	if (!e->ek_rsa && ms_esys_bare(code) != TPM2_RC_VALUE && ms_esys_bare(code) != TPM2_RC_ASYMMETRIC)
		return ms_esys_rc(e, code, "key types", err);
	ms_buf_reset(&e->ek_cert);
	enum ms_rc rc = ms_esys_nv_cert(e, e->ek_rsa, &e->ek_cert, err);
	e->ek_known = rc == MS_OK;
	return rc;
}

/* Is this the template's key, and the very one that the maker certified? Another unique field in the template would give
 * another primary of the same look, so the key itself has to be in the certificate. */
static bool
is_certified_ek(const struct ms_esys *e, const TPM2B_PUBLIC *pub)
{
	TPM2B_PUBLIC t;
	ek_template(e->ek_rsa, &t);
	const uint8_t *unique = e->ek_rsa ? pub->publicArea.unique.rsa.buffer : pub->publicArea.unique.ecc.x.buffer;
	size_t unique_len = e->ek_rsa ? 256 : 32;
	if ((e->ek_rsa ? pub->publicArea.unique.rsa.size : pub->publicArea.unique.ecc.x.size) != unique_len)
		return false;
	t.publicArea.unique = pub->publicArea.unique;
	uint8_t a[MS_TPM_BLOB_MAX], b[MS_TPM_BLOB_MAX];
	size_t a_len = 0, b_len = 0;
	return Tss2_MU_TPMT_PUBLIC_Marshal(&t.publicArea, a, sizeof a, &a_len) == TSS2_RC_SUCCESS &&
	       Tss2_MU_TPMT_PUBLIC_Marshal(&pub->publicArea, b, sizeof b, &b_len) == TSS2_RC_SUCCESS &&
	       ms_span_eq(ms_span(a, a_len), ms_span(b, b_len)) && e->ek_cert.len > 0 &&
	       memmem(e->ek_cert.p, e->ek_cert.len, unique, unique_len) != NULL;
}

/* A persistent EK saves the search for primes, half a minute on some TPMs. *ret is ESYS_TR_NONE when there is none. */
static enum ms_rc
persistent_ek(struct ms_esys *e, ESYS_TR *ret, struct ms_tpm_blob *ret_pub, struct ms_err *err)
{
	*ret = ESYS_TR_NONE;
	if (e->ek_cert.len == 0)
		return MS_OK;
	ESYS_TR tr;
	TSS2_RC code = Esys_TR_FromTPMPublic(e->ctx, e->ek_rsa ? EK_PERSISTENT_RSA : EK_PERSISTENT_P256, MS_ESYS_NONE3, &tr);
	if (ms_esys_bare(code) == TPM2_RC_HANDLE)
		return MS_OK;
	enum ms_rc rc = ms_esys_rc(e, code, "persistent endorsement key", err);
	if (rc != MS_OK)
		return rc;
	ms_esys_hold(e, tr, false);
	MS_OWN(ms_esys_free) TPM2B_PUBLIC *pub = NULL;
	rc = ms_esys_rc(e, Esys_ReadPublic(e->ctx, tr, MS_ESYS_NONE3, &pub, NULL, NULL), "persistent endorsement key", err);
	if (rc != MS_OK)
		return rc;
	if (!is_certified_ek(e, pub)) {
		ms_esys_drop(e, tr);
		return MS_OK;
	}
	rc = ret_pub != NULL ? public_bytes(e, pub, ret_pub, err) : MS_OK;
	if (rc == MS_OK)
		*ret = tr;
	return rc;
}

enum ms_rc
ms_esys_ek(struct ms_esys *e, ESYS_TR *ret, struct ms_tpm_blob *ret_pub, struct ms_err *err)
{
	enum ms_rc rc = learn_ek(e, err);
	if (rc != MS_OK)
		return rc;
	rc = persistent_ek(e, ret, ret_pub, err);
	if (rc != MS_OK || *ret != ESYS_TR_NONE)
		return rc;
	TPM2B_PUBLIC t;
	ek_template(e->ek_rsa, &t);
	return create(e, ESYS_TR_RH_ENDORSEMENT, &t, "endorsement key", ret, ret_pub, err);
}

enum ms_rc
ms_esys_ak(struct ms_esys *e, const uint8_t salt[static MS_TPM_SALT_LEN], ESYS_TR *ret, struct ms_tpm_blob *ret_pub, struct ms_err *err)
{
	TPM2B_PUBLIC t;
	p256_template(TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
			  TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_SIGN_ENCRYPT,
	    true, salt, &t);
	return create(e, ESYS_TR_RH_ENDORSEMENT, &t, "attestation key", ret, ret_pub, err);
}

enum ms_rc
ms_esys_identity(
    struct ms_esys *e, const uint8_t salt[static MS_TPM_SALT_LEN], ESYS_TR *ret, struct ms_tpm_blob *ret_pub, struct ms_err *err)
{
	TPM2B_PUBLIC t;
	p256_template(TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
			  TPMA_OBJECT_NODA | TPMA_OBJECT_SIGN_ENCRYPT,
	    true, salt, &t);
	return create(e, ESYS_TR_RH_OWNER, &t, "identity key", ret, ret_pub, err);
}

enum ms_rc
ms_esys_seal(struct ms_esys *e, const uint8_t salt[static MS_TPM_SALT_LEN], const TPM2B_DIGEST *policy, ESYS_TR *ret,
    struct ms_tpm_blob *ret_pub, struct ms_err *err)
{
	TPM2B_PUBLIC t;
	/* userWithAuth clear: usable by policy only; adminWithPolicy clear: else the AK could not certify it without that policy */
	p256_template(
	    TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_DECRYPT | TPMA_OBJECT_NODA,
	    false, salt, &t);
	t.publicArea.authPolicy = *policy;
	return create(e, ESYS_TR_RH_NULL, &t, "sealing key", ret, ret_pub, err);
}

enum ms_rc
ms_esys_storage(struct ms_esys *e, ESYS_TR *ret, struct ms_err *err)
{
	static const uint8_t no_salt[MS_TPM_SALT_LEN];
	TPM2B_PUBLIC t;
	p256_template(TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
			  TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT,
	    false, no_salt, &t);
	t.publicArea.parameters.eccDetail.symmetric = aes128cfb;
	return create(e, ESYS_TR_RH_OWNER, &t, "storage key", ret, NULL, err);
}
