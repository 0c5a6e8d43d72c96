/* A "TPM" in software for tests and load generators: its keys are ordinary keys in this process, so it proves nothing
 * about a machine. Never linked into a program of the product. */
#ifndef SOFTTPM_H
#define SOFTTPM_H
#include "crypto/key.h"
#include "evidence/pcrs.h"
#include "evidence/tpmname.h"

#define SOFTTPM_DEVICE_LEN 80u /* of a device id, with NUL */
#define SOFTTPM_AK_RSA 1u      /* RSASSA with SHA-256 in place of P-256: slow to make */
#define SOFTTPM_EK_ECC 2u      /* template L-2 in place of L-1: quick to make */

struct softtpm;
/* PCRs 0-14 hold values made of `seed`: two with the same seed booted alike. */
MS_MUST_USE enum ms_rc softtpm_new(const char *seed, unsigned flags, struct softtpm **ret, struct ms_err *err);
void softtpm_free(struct softtpm *t);
MS_CLEANUP(struct softtpm, softtpm_free)

struct ms_span softtpm_ek_public(const struct softtpm *t); /* TPMT_PUBLIC, borrowed as all of these */
struct ms_span softtpm_ak_public(const struct softtpm *t);
struct ms_span softtpm_ak_name(const struct softtpm *t); /* 34 bytes */
struct ms_span softtpm_ek_hash(const struct softtpm *t); /* 32 bytes */
const char *softtpm_device(const struct softtpm *t);     /* id of its first life */
/* Its state, free to change. */
struct ms_pcrs *softtpm_pcrs(struct softtpm *t);
void softtpm_extend(struct softtpm *t, unsigned index, struct ms_span data);
void softtpm_reboot(struct softtpm *t); /* the reset count rises; PCRs stay */

/* TPMS_ATTEST and TPMT_SIGNATURE by the AK; both buffers are appended to. */
struct softtpm_attest {
	struct ms_buf *attest, *signature;
};
MS_MUST_USE enum ms_rc softtpm_quote(
    struct softtpm *t, struct ms_span extra, uint32_t mask, const struct softtpm_attest *out, struct ms_err *err);
/* Of any public area, as if it were a primary of `hierarchy`. */
MS_MUST_USE enum ms_rc softtpm_certify(struct softtpm *t, struct ms_span tpmt_public, uint32_t hierarchy, struct ms_span extra,
    const struct softtpm_attest *out, struct ms_err *err);
/* Any TPMS_ATTEST, whatever it says. */
MS_MUST_USE enum ms_rc softtpm_sign(struct softtpm *t, struct ms_span attest, struct ms_buf *signature, struct ms_err *err);

/* TPM2_ActivateCredential: `out` holds MS_SHA256_LEN bytes. MS_ERR_AUTH when it is not for this EK and AK. */
MS_MUST_USE enum ms_rc softtpm_activate(
    const struct softtpm *t, struct ms_span blob, struct ms_span encrypted, uint8_t *out, size_t *ret_len, struct ms_err *err);

/* TPMT_PUBLIC of a P-256 key: as an identity key, or as a sealing key bound to the PCRs in mask as they are now. */
void softtpm_identity_public(const uint8_t point[static MS_POINT_LEN], struct ms_buf *out);
MS_MUST_USE enum ms_rc softtpm_sealing_public(
    const struct softtpm *t, uint32_t mask, const uint8_t point[static MS_POINT_LEN], struct ms_buf *out, struct ms_err *err);

#endif
