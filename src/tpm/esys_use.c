/* Keys put to use: credential activation, signatures, key agreement under a PCR policy. */
#include <string.h>
#include <tss2/tss2_mu.h>

#include "tpm/esys_int.h"

#define SEAL_TRIES 2 /* TPM_RC_PCR_CHANGED: once more */

static const TPMT_SYM_DEF aes128cfb = {.algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB};

enum ms_rc
ms_esys_session(struct ms_esys *e, TPM2_SE type, ESYS_TR *ret, struct ms_err *err)
{
	ESYS_TR ek, session;
	enum ms_rc rc = ms_esys_ek(e, &ek, NULL, err);
	if (rc != MS_OK)
		return rc;
	TSS2_RC code = Esys_StartAuthSession(e->ctx, ek, ESYS_TR_NONE, MS_ESYS_NONE3, NULL, type, &aes128cfb, TPM2_ALG_SHA256, &session);
	ms_esys_drop(e, ek);
	rc = ms_esys_rc(e, code, "start session", err);
	if (rc != MS_OK)
		return rc;
	ms_esys_hold(e, session, true);
	const TPMA_SESSION attributes = TPMA_SESSION_CONTINUESESSION | TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT;
	rc = ms_esys_rc(e, Esys_TRSess_SetAttributes(e->ctx, session, attributes, 0xff), "start session", err);
	if (rc == MS_OK)
		*ret = session;
	return rc;
}

static enum ms_rc
take_secret(uint8_t *p, size_t len, struct ms_secret **ret, struct ms_err *err)
{
	enum ms_rc rc = ms_secret_from(p, len, ret, err);
	ms_wipe(p, len);
	return rc;
}

enum ms_rc
ms_esys_random(struct ms_esys *e, const struct ms_tpm_request *q, struct ms_tpm_reply *r, struct ms_err *err)
{
	ESYS_TR session;
	enum ms_rc rc = ms_esys_session(e, TPM2_SE_HMAC, &session, err);
	if (rc == MS_OK) /* no command parameter to decrypt here */
		rc = ms_esys_rc(e, Esys_TRSess_SetAttributes(e->ctx, session, 0, TPMA_SESSION_DECRYPT), "random", err);
	if (rc != MS_OK)
		return rc;
	uint8_t all[MS_TPM_RANDOM_MAX];
	size_t have = 0;
	while (have < q->len) {
		MS_OWN(ms_esys_free) TPM2B_DIGEST *d = NULL;
		size_t want = q->len - have < 32 ? q->len - have : 32;
		rc = ms_esys_rc(e, Esys_GetRandom(e->ctx, session, ESYS_TR_NONE, ESYS_TR_NONE, (UINT16)want, &d), "random", err);
		if (rc == MS_OK && (d->size == 0 || d->size > want))
			rc = ms_fail(err, MS_ERR_TPM, "TPM: random: %u bytes for %zu", d->size, want);
		if (rc != MS_OK)
			break;
		memcpy(all + have, d->buffer, d->size);
		have += d->size;
		ms_wipe(d->buffer, sizeof d->buffer);
	}
	if (rc == MS_OK)
		rc = ms_secret_from(all, q->len, &r->secret, err);
	ms_wipe(all, sizeof all);
	return rc;
}

/* A policy session that satisfies the EK's PolicySecret(endorsement). */
static enum ms_rc
ek_session(struct ms_esys *e, ESYS_TR *ret, struct ms_err *err)
{
	ESYS_TR session;
	const TPMT_SYM_DEF none = {.algorithm = TPM2_ALG_NULL};
	TSS2_RC code = Esys_StartAuthSession(
	    e->ctx, ESYS_TR_NONE, ESYS_TR_NONE, MS_ESYS_NONE3, NULL, TPM2_SE_POLICY, &none, TPM2_ALG_SHA256, &session);
	enum ms_rc rc = ms_esys_rc(e, code, "start policy session", err);
	if (rc != MS_OK)
		return rc;
	ms_esys_hold(e, session, true);
	code = Esys_PolicySecret(
	    e->ctx, ESYS_TR_RH_ENDORSEMENT, session, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, NULL, NULL, NULL, 0, NULL, NULL);
	rc = ms_esys_rc(e, code, "endorsement policy", err);
	if (rc == MS_OK)
		*ret = session;
	return rc;
}

/* libtpms answers TPM_RC_FAILURE to an RSA decryption that fails; a TPM in failure mode would answer it to everything. */
static bool
works(struct ms_esys *e)
{
	struct ms_tpm_pcrs pcrs;
	return ms_esys_read_pcrs(e, 1, &pcrs, NULL) == MS_OK;
}

static enum ms_rc
activate_rc(struct ms_esys *e, TSS2_RC code, struct ms_err *err)
{
	TSS2_RC bare = ms_esys_bare(code);
	if (bare == TPM2_RC_FAILURE && works(e))
		bare = TPM2_RC_VALUE;
	switch (bare) {
	case TPM2_RC_INTEGRITY: /* Part 3, 12.5: the HMAC is over the AK's name */
	case TPM2_RC_VALUE:
	case TPM2_RC_SIZE:
	case TPM2_RC_INSUFFICIENT:
	case TPM2_RC_ECC_POINT:
		return ms_fail(err, MS_ERR_AUTH, "TPM: activate credential: it was not made for this EK and this AK");
	default:
		return ms_esys_rc(e, code, "activate credential", err);
	}
}

enum ms_rc
ms_esys_activate(struct ms_esys *e, const struct ms_tpm_request *q, struct ms_tpm_reply *r, struct ms_err *err)
{
	TPM2B_ID_OBJECT blob = {.size = (UINT16)q->a.len};
	TPM2B_ENCRYPTED_SECRET secret = {.size = (UINT16)q->b.len};
	if (q->a.len > sizeof blob.credential || q->b.len > sizeof secret.secret)
		return ms_fail(err, MS_ERR_TOO_BIG, "TPM: activate credential: %zu and %zu bytes", q->a.len, q->b.len);
	memcpy(blob.credential, q->a.p, q->a.len);
	memcpy(secret.secret, q->b.p, q->b.len);
	ESYS_TR ek, ak, hmac, policy;
	enum ms_rc rc = ms_esys_session(e, TPM2_SE_HMAC, &hmac, err);
	if (rc == MS_OK)
		rc = ek_session(e, &policy, err);
	if (rc == MS_OK)
		rc = ms_esys_ek(e, &ek, NULL, err);
	if (rc == MS_OK)
		rc = ms_esys_ak(e, q->ak_salt, &ak, NULL, err);
	if (rc != MS_OK)
		return rc;
	MS_OWN(ms_esys_free) TPM2B_DIGEST *info = NULL;
	rc = activate_rc(e, Esys_ActivateCredential(e->ctx, ak, ek, hmac, policy, ESYS_TR_NONE, &blob, &secret, &info), err);
	return rc != MS_OK ? rc : take_secret(info->buffer, info->size, &r->secret, err);
}

enum ms_rc
ms_esys_sign(struct ms_esys *e, const struct ms_tpm_request *q, struct ms_tpm_reply *r, struct ms_err *err)
{
	ESYS_TR key;
	enum ms_rc rc = ms_esys_identity(e, q->salt, &key, NULL, err);
	if (rc != MS_OK)
		return rc;
	TPM2B_DIGEST digest = {.size = MS_TPM_HASH_LEN};
	memcpy(digest.buffer, q->hash, MS_TPM_HASH_LEN);
	const TPMT_SIG_SCHEME scheme = {.scheme = TPM2_ALG_NULL};
	const TPMT_TK_HASHCHECK ticket = {.tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL};
	MS_OWN(ms_esys_free) TPMT_SIGNATURE *sig = NULL;
	TSS2_RC code = Esys_Sign(e->ctx, key, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &digest, &scheme, &ticket, &sig);
	rc = ms_esys_rc(e, code, "sign", err);
	if (rc != MS_OK)
		return rc;
	const TPM2B_ECC_PARAMETER *pr = &sig->signature.ecdsa.signatureR, *ps = &sig->signature.ecdsa.signatureS;
	if (sig->sigAlg != TPM2_ALG_ECDSA || pr->size > 32 || ps->size > 32)
		return ms_fail(err, MS_ERR_TPM, "TPM: sign: not a P-256 signature");
	memset(r->signature.b, 0, MS_TPM_SIGNATURE_LEN);
	memcpy(r->signature.b + 32 - pr->size, pr->buffer, pr->size);
	memcpy(r->signature.b + 64 - ps->size, ps->buffer, ps->size);
	r->signature.len = MS_TPM_SIGNATURE_LEN;
	return MS_OK;
}

enum ms_rc
ms_esys_pcr_policy(struct ms_esys *e, uint32_t mask, TPM2B_DIGEST *ret, struct ms_err *err)
{
	ESYS_TR trial;
	const TPMT_SYM_DEF none = {.algorithm = TPM2_ALG_NULL};
	TPML_PCR_SELECTION sel = ms_esys_selection(mask);
	TSS2_RC code =
	    Esys_StartAuthSession(e->ctx, ESYS_TR_NONE, ESYS_TR_NONE, MS_ESYS_NONE3, NULL, TPM2_SE_TRIAL, &none, TPM2_ALG_SHA256, &trial);
	enum ms_rc rc = ms_esys_rc(e, code, "start trial session", err);
	if (rc != MS_OK)
		return rc;
	ms_esys_hold(e, trial, true);
	MS_OWN(ms_esys_free) TPM2B_DIGEST *digest = NULL;
	rc = ms_esys_rc(e, Esys_PolicyPCR(e->ctx, trial, MS_ESYS_NONE3, NULL, &sel), "PCR policy", err);
	if (rc == MS_OK)
		rc = ms_esys_rc(e, Esys_PolicyGetDigest(e->ctx, trial, MS_ESYS_NONE3, &digest), "PCR policy", err);
	ms_esys_drop(e, trial);
	if (rc == MS_OK)
		*ret = *digest;
	return rc;
}

enum ms_rc
ms_esys_certify_seal(struct ms_esys *e, const struct ms_tpm_request *q, struct ms_tpm_reply *r, struct ms_err *err)
{
	TPM2B_DIGEST policy;
	ESYS_TR key;
	enum ms_rc rc = ms_esys_pcr_policy(e, q->mask, &policy, err);
	if (rc == MS_OK)
		rc = ms_esys_seal(e, q->salt, &policy, &key, &r->pub, err);
	return rc != MS_OK ? rc : ms_esys_certify(e, key, q, r, err);
}

/* The key of that public area, derived again; held. */
static enum ms_rc
seal_again(struct ms_esys *e, const struct ms_tpm_request *q, ESYS_TR *ret, struct ms_err *err)
{
	TPMT_PUBLIC pub;
	size_t off = 0;
	if (Tss2_MU_TPMT_PUBLIC_Unmarshal(q->a.p, q->a.len, &off, &pub) != TSS2_RC_SUCCESS || off != q->a.len ||
	    pub.authPolicy.size != MS_TPM_HASH_LEN)
		return ms_fail(err, MS_ERR_MALFORMED, "TPM: open sealed key: not the public area of a sealing key");
	struct ms_tpm_blob now;
	ESYS_TR key;
	enum ms_rc rc = ms_esys_seal(e, q->salt, &pub.authPolicy, &key, &now, err);
	if (rc != MS_OK)
		return rc;
	if (!ms_span_eq(q->a, ms_tpm_blob_span(&now)))
		return ms_fail(err, MS_ERR_EXPIRED, "TPM: open sealed key: the sealing key is of an earlier boot: ask for a new one");
	*ret = key;
	return MS_OK;
}

static enum ms_rc
ecdh_rc(struct ms_esys *e, TSS2_RC code, struct ms_err *err)
{
	switch (ms_esys_bare(code)) {
	case TPM2_RC_POLICY_FAIL:
		return ms_fail(err, MS_ERR_DENIED, "TPM: open sealed key: the machine is not in the state the secret was sealed to");
	case TPM2_RC_ECC_POINT:
		return ms_fail(err, MS_ERR_AUTH, "TPM: open sealed key: the point is not on the curve");
	default:
		return ms_esys_rc(e, code, "open sealed key", err);
	}
}

static enum ms_rc
take_x(TPM2B_ECC_POINT *z, struct ms_secret **ret, struct ms_err *err)
{
	uint8_t x[MS_TPM_HASH_LEN] = {0}; /* TPMs may drop leading zeros */
	TPM2B_ECC_PARAMETER *zx = &z->point.x;
	enum ms_rc rc;
	if (zx->size == 0 || zx->size > sizeof x) {
		rc = ms_fail(err, MS_ERR_TPM, "TPM: open sealed key: a coordinate of %u bytes", zx->size);
	} else {
		memcpy(x + sizeof x - zx->size, zx->buffer, zx->size);
		rc = take_secret(x, sizeof x, ret, err);
	}
	ms_wipe(z, sizeof *z);
	return rc;
}

enum ms_rc
ms_esys_ecdh(struct ms_esys *e, const struct ms_tpm_request *q, struct ms_tpm_reply *r, struct ms_err *err)
{
	if (q->b.p[0] != 0x04)
		return ms_fail(err, MS_ERR_MALFORMED, "TPM: open sealed key: not an uncompressed point");
	TPM2B_ECC_POINT peer = {.point = {.x.size = 32, .y.size = 32}};
	memcpy(peer.point.x.buffer, q->b.p + 1, 32);
	memcpy(peer.point.y.buffer, q->b.p + 33, 32);
	ESYS_TR key, session;
	enum ms_rc rc = ms_esys_session(e, TPM2_SE_POLICY, &session, err);
	if (rc == MS_OK)
		rc = seal_again(e, q, &key, err);
	if (rc != MS_OK)
		return rc;
	TPML_PCR_SELECTION sel = ms_esys_selection(q->mask);
	MS_OWN(ms_esys_free) TPM2B_ECC_POINT *z = NULL;
	TSS2_RC code = TPM2_RC_PCR_CHANGED;
	for (int i = 0; i < SEAL_TRIES && ms_esys_bare(code) == TPM2_RC_PCR_CHANGED; i++) {
		if (i > 0)
			rc = ms_esys_rc(e, Esys_PolicyRestart(e->ctx, session, MS_ESYS_NONE3), "PCR policy", err);
		if (rc == MS_OK)
			rc = ms_esys_rc(e, Esys_PolicyPCR(e->ctx, session, MS_ESYS_NONE3, NULL, &sel), "PCR policy", err);
		if (rc != MS_OK)
			return rc;
		code = Esys_ECDH_ZGen(e->ctx, key, session, ESYS_TR_NONE, ESYS_TR_NONE, &peer, &z);
	}
	rc = ecdh_rc(e, code, err);
	return rc != MS_OK ? rc : take_x(z, &r->secret, err);
}
