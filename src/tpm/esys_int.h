/* Inside the backend that talks to a TPM through the TSS: the only headers of ours that know its types. */
#ifndef MS_TPM_ESYS_INT_H
#define MS_TPM_ESYS_INT_H
#include <tss2/tss2_esys.h>
#include "tpm/tpm_int.h"

#define MS_ESYS_HELD_MAX 8u
#define MS_ESYS_NONE3 ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE

struct ms_esys {
	struct ms_tpm base;
	TSS2_TCTI_CONTEXT *tcti;
	ESYS_CONTEXT *ctx;
	bool gone; /* the TCTI failed: nothing will work any more */
	/* What is to be let go when the request ends. `flush`: a transient object or session, not a persistent or NV one. */
	struct {
		ESYS_TR tr;
		bool flush;
	} held[MS_ESYS_HELD_MAX];
	size_t n_held;
	bool ek_known; /* which of the two EK templates this TPM takes, and its certificate */
	bool ek_rsa;
	struct ms_buf ek_cert;
};

/* Convert a TSS return code at the call that gave it: MS_OK for 0. `what` names the operation. */
MS_MUST_USE enum ms_rc ms_esys_rc(struct ms_esys *e, TSS2_RC code, const char *what, struct ms_err *err);
/* A TPM's own code without the parts that tell layer, handle, session or parameter number: compare with TPM2_RC_*. */
TSS2_RC ms_esys_bare(TSS2_RC code);

/* Let go at the end of the request, or now. */
void ms_esys_hold(struct ms_esys *e, ESYS_TR tr, bool flush);
void ms_esys_drop(struct ms_esys *e, ESYS_TR tr);
void ms_esys_drop_all(struct ms_esys *e);

MS_MUST_USE enum ms_rc ms_esys_info(struct ms_esys *e, struct ms_tpm_info *ret, struct ms_err *err);

/* Keys: held when they return. */
MS_MUST_USE enum ms_rc ms_esys_ek(struct ms_esys *e, ESYS_TR *ret, struct ms_tpm_blob *ret_pub, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_esys_ak(
    struct ms_esys *e, const uint8_t salt[static MS_TPM_SALT_LEN], ESYS_TR *ret, struct ms_tpm_blob *ret_pub, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_esys_identity(
    struct ms_esys *e, const uint8_t salt[static MS_TPM_SALT_LEN], ESYS_TR *ret, struct ms_tpm_blob *ret_pub, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_esys_seal(struct ms_esys *e, const uint8_t salt[static MS_TPM_SALT_LEN], const TPM2B_DIGEST *policy, ESYS_TR *ret,
    struct ms_tpm_blob *ret_pub, struct ms_err *err);
/* Storage key in the owner hierarchy, the same at every boot: sealed data lies beneath it. */
MS_MUST_USE enum ms_rc ms_esys_storage(struct ms_esys *e, ESYS_TR *ret, struct ms_err *err);
/* The certificate of the EK in NV: appended as it is, nothing when there is none. */
MS_MUST_USE enum ms_rc ms_esys_nv_cert(struct ms_esys *e, bool rsa, struct ms_buf *out, struct ms_err *err);

/* A session salted to the EK, with AES-128-CFB for the first parameter both ways; held. */
MS_MUST_USE enum ms_rc ms_esys_session(struct ms_esys *e, TPM2_SE type, ESYS_TR *ret, struct ms_err *err);

TPML_PCR_SELECTION ms_esys_selection(uint32_t mask);
MS_MUST_USE enum ms_rc ms_esys_read_pcrs(struct ms_esys *e, uint32_t mask, struct ms_tpm_pcrs *ret, struct ms_err *err);

/* The digest of PolicyPCR at the values of now: the TPM computes it in a trial session. */
MS_MUST_USE enum ms_rc ms_esys_pcr_policy(struct ms_esys *e, uint32_t mask, TPM2B_DIGEST *ret, struct ms_err *err);

/* The requests that are more than a few lines. */
MS_MUST_USE enum ms_rc ms_esys_quote(struct ms_esys *e, const struct ms_tpm_request *q, struct ms_tpm_reply *r, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_esys_certify_identity(
    struct ms_esys *e, const struct ms_tpm_request *q, struct ms_tpm_reply *r, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_esys_activate(struct ms_esys *e, const struct ms_tpm_request *q, struct ms_tpm_reply *r, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_esys_sign(struct ms_esys *e, const struct ms_tpm_request *q, struct ms_tpm_reply *r, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_esys_random(struct ms_esys *e, const struct ms_tpm_request *q, struct ms_tpm_reply *r, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_esys_certify_seal(struct ms_esys *e, const struct ms_tpm_request *q, struct ms_tpm_reply *r, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_esys_ecdh(struct ms_esys *e, const struct ms_tpm_request *q, struct ms_tpm_reply *r, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_esys_data_seal(struct ms_esys *e, const struct ms_tpm_request *q, struct ms_tpm_reply *r, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_esys_data_unseal(struct ms_esys *e, const struct ms_tpm_request *q, struct ms_tpm_reply *r, struct ms_err *err);
/* TPM2_Certify of key by the AK of ak_salt. */
MS_MUST_USE enum ms_rc ms_esys_certify(
    struct ms_esys *e, ESYS_TR key, const struct ms_tpm_request *q, struct ms_tpm_reply *r, struct ms_err *err);

/* Memory that the TSS allocated. */
static inline void ms_esys_free_own(void *p);
void ms_esys_free(void *p);
static inline void
ms_esys_free_own(void *p)
{
	ms_esys_free(*(void **)p);
}

#endif
