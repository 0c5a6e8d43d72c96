/* A "TPM" in software for load generators: its keys are ordinary keys in this process, so it proves nothing about a machine.
 * It comes with either kind of EK and AK, and thousands of them are made in a second. Never linked into a program of the product. */
#ifndef BENCH_TPM_H
#define BENCH_TPM_H
#include "crypto/key.h"
#include "evidence/pcrs.h"
#include "evidence/tpmname.h"

#define BENCH_TPM_DEVICE_LEN 80u /* of a device id, with NUL */
#define BENCH_TPM_AK_RSA 1u      /* RSASSA with SHA-256 in place of P-256: slow to make */
#define BENCH_TPM_EK_ECC 2u      /* template L-2 in place of L-1: quick to make */

struct bench_tpm;
/* PCRs 0-14 hold values made of `seed`: two with the same seed booted alike. */
MS_MUST_USE enum ms_rc bench_tpm_new(const char *seed, unsigned flags, struct bench_tpm **ret, struct ms_err *err);
void bench_tpm_free(struct bench_tpm *t);
MS_CLEANUP(struct bench_tpm, bench_tpm_free)

struct ms_span bench_tpm_ek_public(const struct bench_tpm *t); /* TPMT_PUBLIC, borrowed as all of these */
struct ms_span bench_tpm_ak_public(const struct bench_tpm *t);
struct ms_span bench_tpm_ak_name(const struct bench_tpm *t); /* 34 bytes */
struct ms_span bench_tpm_ek_hash(const struct bench_tpm *t); /* 32 bytes */
const char *bench_tpm_device(const struct bench_tpm *t);     /* id of its first life */
/* Its state, free to change. */
struct ms_pcrs *bench_tpm_pcrs(struct bench_tpm *t);
void bench_tpm_extend(struct bench_tpm *t, unsigned index, struct ms_span data);
void bench_tpm_reboot(struct bench_tpm *t); /* the reset count rises; PCRs stay */

/* TPMS_ATTEST and TPMT_SIGNATURE by the AK; both buffers are appended to. */
struct bench_tpm_attest {
	struct ms_buf *attest, *signature;
};
MS_MUST_USE enum ms_rc bench_tpm_quote(
    struct bench_tpm *t, struct ms_span extra, uint32_t mask, const struct bench_tpm_attest *out, struct ms_err *err);
/* Of any public area, as if it were a primary of `hierarchy`. */
MS_MUST_USE enum ms_rc bench_tpm_certify(struct bench_tpm *t, struct ms_span tpmt_public, uint32_t hierarchy, struct ms_span extra,
    const struct bench_tpm_attest *out, struct ms_err *err);
/* Any TPMS_ATTEST, whatever it says. */
MS_MUST_USE enum ms_rc bench_tpm_sign(struct bench_tpm *t, struct ms_span attest, struct ms_buf *signature, struct ms_err *err);

/* TPM2_ActivateCredential: `out` holds MS_SHA256_LEN bytes. MS_ERR_AUTH when it is not for this EK and AK. */
MS_MUST_USE enum ms_rc bench_tpm_activate(
    const struct bench_tpm *t, struct ms_span blob, struct ms_span encrypted, uint8_t *out, size_t *ret_len, struct ms_err *err);

/* TPMT_PUBLIC of a P-256 key: as an identity key, or as a sealing key bound to the PCRs in mask as they are now. */
void bench_tpm_identity_public(const uint8_t point[static MS_POINT_LEN], struct ms_buf *out);
MS_MUST_USE enum ms_rc bench_tpm_sealing_public(
    const struct bench_tpm *t, uint32_t mask, const uint8_t point[static MS_POINT_LEN], struct ms_buf *out, struct ms_err *err);

#endif
