/* The machine's TPM 2.0: what Muster asks of it, and nothing else.
 *
 * No key is stored anywhere: each is a primary key that the TPM derives again from its own seed, our template and a
 * 32-byte salt that the caller keeps (it is not a secret). Another salt is another key; a lost salt is a lost key.
 * Every function loads what it needs, and leaves no transient object and no session behind, whatever happens.
 *
 * Opened by ms_tpm_open() in the process that talks to the TPM, or by ms_tpm_client_open() (client.h) in any other:
 * the functions are the same. They block; not for use from two threads.
 *
 * Errors, beside the usual: MS_ERR_UNAVAILABLE (no TPM there, or it went away), MS_ERR_TPM (it refused or failed; the
 * text names operation and reason), MS_ERR_LIMITED (dictionary-attack lockout; the text says what to do).
 * What comes from a TPM is untrusted until somebody verifies its signature. */
#ifndef MS_TPM_TPM_H
#define MS_TPM_TPM_H
#include "base/bytes.h"
#include "base/secret.h"

#define MS_TPM_SALT_LEN 32u
#define MS_TPM_HASH_LEN 32u
#define MS_TPM_PCR_COUNT 24u
#define MS_TPM_NAME_LEN 34u
#define MS_TPM_POINT_LEN 65u     /* 04 | x | y */
#define MS_TPM_SIGNATURE_LEN 64u /* r | s */
#define MS_TPM_BLOB_MAX 1024u    /* TPMT_PUBLIC, TPMS_ATTEST, TPMT_SIGNATURE, credential */
#define MS_TPM_EK_CERT_MAX 8192u
#define MS_TPM_RANDOM_MAX 64u
#define MS_TPM_DATA_MAX 64u /* bytes of a secret that is sealed as it is */

struct ms_tpm;

/* Bytes of a TPM structure in its wire form, without an outer TPM2B length. */
struct ms_tpm_blob {
	size_t len;
	uint8_t b[MS_TPM_BLOB_MAX];
};
static inline struct ms_span
ms_tpm_blob_span(const struct ms_tpm_blob *b)
{
	return ms_span(b->b, b->len);
}

/* SHA-256 bank. value[i] counts only when bit i of mask is set. */
struct ms_tpm_pcrs {
	uint32_t mask;
	uint8_t value[MS_TPM_PCR_COUNT][MS_TPM_HASH_LEN];
};

struct ms_tpm_info {
	char manufacturer[5]; /* printable ASCII, "IBM" */
	char vendor[17];      /* vendor string, printable ASCII */
	uint64_t firmware;
	uint32_t lockout_counter, lockout_max; /* failed tries so far, and how many are allowed */
	uint32_t lockout_interval_s;           /* one failure is forgotten after so long */
	uint32_t lockout_recovery_s;
	bool in_lockout;
};

/* TCTI strings: "device:/dev/tpmrm0", "swtpm:host=127.0.0.1,port=2321", "swtpm:path=/run/x/sock". A bare TPM (no resource
 * manager) is used by one at a time: objects that an earlier user left loaded are flushed.
 * MS_ERR_USAGE: not a TCTI string of those kinds. MS_ERR_UNAVAILABLE: nothing answers there. MS_ERR_TPM also when nobody
 * sent TPM2_Startup. */
MS_MUST_USE enum ms_rc ms_tpm_open(const char *tcti, struct ms_tpm **ret, struct ms_err *err);
void ms_tpm_free(struct ms_tpm *t); /* NULL is a no-op */
MS_CLEANUP(struct ms_tpm, ms_tpm_free)

MS_MUST_USE enum ms_rc ms_tpm_get_info(struct ms_tpm *t, struct ms_tpm_info *ret, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_tpm_random(struct ms_tpm *t, size_t len, struct ms_secret **ret, struct ms_err *err);
/* mask: bits 0..23, at least one. MS_ERR_UNSUPPORTED when the TPM has no SHA-256 bank. */
MS_MUST_USE enum ms_rc ms_tpm_read_pcrs(struct ms_tpm *t, uint32_t mask, struct ms_tpm_pcrs *ret, struct ms_err *err);

/* The endorsement key by the TCG default templates: RSA-2048 (L-1), on a TPM without RSA-2048 ECC P-256 (L-2).
 * *pub is its TPMT_PUBLIC. Its certificate is appended to cert (initialised; max at least MS_TPM_EK_CERT_MAX) as it is in
 * NV, padding and all; nothing is appended when the TPM holds none. */
MS_MUST_USE enum ms_rc ms_tpm_ek(struct ms_tpm *t, struct ms_tpm_blob *pub, struct ms_buf *cert, struct ms_err *err);

/* Attestation key: P-256 ECDSA-SHA256, restricted, noDA, in the endorsement hierarchy. */
struct ms_tpm_ak {
	struct ms_tpm_blob pub; /* TPMT_PUBLIC */
	uint8_t name[MS_TPM_NAME_LEN];
};
MS_MUST_USE enum ms_rc ms_tpm_ak(struct ms_tpm *t, const uint8_t salt[static MS_TPM_SALT_LEN], struct ms_tpm_ak *ret, struct ms_err *err);

/* TPM2_ActivateCredential by EK and AK. blob and secret are the contents of TPM2B_ID_OBJECT and TPM2B_ENCRYPTED_SECRET.
 * MS_ERR_AUTH: not made for this EK and this AK. */
MS_MUST_USE enum ms_rc ms_tpm_activate(struct ms_tpm *t, const uint8_t ak_salt[static MS_TPM_SALT_LEN], struct ms_span blob,
    struct ms_span secret, struct ms_secret **ret, struct ms_err *err);

/* A quote over PCRs and 32 bytes of ours; the values returned hash to the digest that was quoted. */
struct ms_tpm_quote {
	struct ms_tpm_blob attest;    /* TPMS_ATTEST */
	struct ms_tpm_blob signature; /* TPMT_SIGNATURE */
	struct ms_tpm_pcrs pcrs;
};
MS_MUST_USE enum ms_rc ms_tpm_quote(struct ms_tpm *t, const uint8_t ak_salt[static MS_TPM_SALT_LEN], uint32_t mask,
    const uint8_t extra[static MS_TPM_HASH_LEN], struct ms_tpm_quote *ret, struct ms_err *err);

/* A key and the AK's word for it (TPM2_Certify over `qualifying`). */
struct ms_tpm_certified {
	struct ms_tpm_blob pub;       /* TPMT_PUBLIC of the key */
	struct ms_tpm_blob attest;    /* TPMS_ATTEST */
	struct ms_tpm_blob signature; /* TPMT_SIGNATURE */
};

/* Identity key: P-256 ECDSA-SHA256 signing key, not restricted, in the owner hierarchy. */
MS_MUST_USE enum ms_rc ms_tpm_identity(
    struct ms_tpm *t, const uint8_t salt[static MS_TPM_SALT_LEN], struct ms_tpm_blob *pub, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_tpm_identity_certify(struct ms_tpm *t, const uint8_t salt[static MS_TPM_SALT_LEN],
    const uint8_t ak_salt[static MS_TPM_SALT_LEN], const uint8_t qualifying[static MS_TPM_HASH_LEN], struct ms_tpm_certified *ret,
    struct ms_err *err);
MS_MUST_USE enum ms_rc ms_tpm_identity_sign(struct ms_tpm *t, const uint8_t salt[static MS_TPM_SALT_LEN],
    const uint8_t digest[static MS_TPM_HASH_LEN], uint8_t ret[static MS_TPM_SIGNATURE_LEN], struct ms_err *err);

/* Sealing key: P-256 key agreement in the NULL hierarchy, usable only while the PCRs in mask are as they are now, and gone
 * at the next reboot. Made and certified in one go. */
MS_MUST_USE enum ms_rc ms_tpm_seal_certify(struct ms_tpm *t, const uint8_t salt[static MS_TPM_SALT_LEN], uint32_t mask,
    const uint8_t ak_salt[static MS_TPM_SALT_LEN], const uint8_t qualifying[static MS_TPM_HASH_LEN], struct ms_tpm_certified *ret,
    struct ms_err *err);
/* The shared x coordinate (32 bytes) with a peer's point. `pub`, salt and mask are those of ms_tpm_seal_certify().
 * MS_ERR_DENIED: the PCRs are no longer what they were when the key was made. MS_ERR_EXPIRED: the key is of an earlier
 * boot (or another salt): get a new one. MS_ERR_AUTH: the point is not on the curve. */
struct ms_tpm_seal {
	struct ms_span pub;
	const uint8_t *salt; /* MS_TPM_SALT_LEN bytes */
	uint32_t mask;
};
MS_MUST_USE enum ms_rc ms_tpm_seal_ecdh(struct ms_tpm *t, const struct ms_tpm_seal *key, const uint8_t point[static MS_TPM_POINT_LEN],
    struct ms_secret **ret, struct ms_err *err);

/* A secret of 1 to MS_TPM_DATA_MAX bytes that this TPM alone gives back, at any boot; with a mask only while the PCRs in it
 * are as they are now. The blob (TPM2B_PUBLIC | TPM2B_PRIVATE) is the caller's to keep; it is no secret. The storage key
 * above it is a primary of the owner hierarchy: clearing the TPM loses the secret. Both ways it is encrypted on the bus. */
MS_MUST_USE enum ms_rc ms_tpm_data_seal(
    struct ms_tpm *t, const struct ms_secret *secret, uint32_t mask, struct ms_tpm_blob *ret, struct ms_err *err);
/* mask is that of ms_tpm_data_seal(). MS_ERR_DENIED: the PCRs are not what they were, or it was sealed to others.
 * MS_ERR_AUTH: sealed by another TPM, or changed. MS_ERR_MALFORMED: not such a blob, or of another kind (with or without mask). */
MS_MUST_USE enum ms_rc ms_tpm_data_unseal(struct ms_tpm *t, struct ms_span blob, uint32_t mask, struct ms_secret **ret, struct ms_err *err);

#endif
