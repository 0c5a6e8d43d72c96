/* Behind tpm.h: one request, one reply, two ways to have it answered (the TPM itself, or the process that has it). */
#ifndef MS_TPM_INT_H
#define MS_TPM_INT_H
#include "base/rd.h"
#include "tpm/tpm.h"

/* Also the frame types between client and worker. */
enum ms_tpm_op {
	MS_TPM_OP_INFO = 1,
	MS_TPM_OP_RANDOM,           /* len -> secret */
	MS_TPM_OP_PCRS,             /* mask -> pcrs */
	MS_TPM_OP_EK,               /* -> pub, cert */
	MS_TPM_OP_AK,               /* ak_salt -> pub */
	MS_TPM_OP_ACTIVATE,         /* ak_salt, a: blob, b: encrypted secret -> secret */
	MS_TPM_OP_QUOTE,            /* ak_salt, mask, hash -> attest, signature, pcrs */
	MS_TPM_OP_IDENTITY,         /* salt -> pub */
	MS_TPM_OP_IDENTITY_CERTIFY, /* salt, ak_salt, hash -> pub, attest, signature */
	MS_TPM_OP_IDENTITY_SIGN,    /* salt, hash -> signature (r | s) */
	MS_TPM_OP_SEAL_CERTIFY,     /* salt, mask, ak_salt, hash -> pub, attest, signature */
	MS_TPM_OP_SEAL_ECDH,        /* salt, mask, a: pub, b: point -> secret */
	MS_TPM_OP_DATA_SEAL,        /* mask or 0, a: secret -> pub: the blob */
	MS_TPM_OP_DATA_UNSEAL,      /* mask or 0, a: blob -> secret */
	MS_TPM_OP_COUNT
};

struct ms_tpm_request {
	enum ms_tpm_op op;
	uint8_t salt[MS_TPM_SALT_LEN];
	uint8_t ak_salt[MS_TPM_SALT_LEN];
	uint8_t hash[MS_TPM_HASH_LEN];
	uint32_t mask;
	uint32_t len;
	struct ms_span a, b; /* at most MS_TPM_BLOB_MAX each; borrowed */
};

struct ms_tpm_reply {
	struct ms_tpm_blob pub, attest, signature;
	struct ms_tpm_pcrs pcrs;
	struct ms_tpm_info info;
	struct ms_buf cert;
	struct ms_secret *secret; /* owned */
};
void ms_tpm_reply_init(struct ms_tpm_reply *r);
void ms_tpm_reply_fini(struct ms_tpm_reply *r);
MS_CLEANUP_FINI(struct ms_tpm_reply, ms_tpm_reply_fini)

struct ms_tpm_ops {
	const char *name;
	/* Fills the members of reply that the op names. The request's numbers and lengths are in range when it comes here
	 * (ms_tpm_request_check). */
	enum ms_rc (*call)(struct ms_tpm *t, const struct ms_tpm_request *q, struct ms_tpm_reply *r, struct ms_err *err);
	void (*free)(struct ms_tpm *t);
};
struct ms_tpm {
	const struct ms_tpm_ops *ops;
};

/* Is everything that this op reads within its bounds? MS_ERR_USAGE names it. */
MS_MUST_USE enum ms_rc ms_tpm_request_check(const struct ms_tpm_request *q, struct ms_err *err);
const char *ms_tpm_op_name(enum ms_tpm_op op); /* "quote"; never NULL */

#endif
