/* Join tokens: a one-time credential for a machine without a TPM, signed by an operator. What it proves is that the operator
 * meant some machine to join, and that whoever shows it holds a software key: assurance low, and said so in every result. A token is
 * a bearer's until it was used; that it is used once is the caller's to see to, by its id, in the transaction that grants. */
#ifndef MS_JOINTOKEN_H
#define MS_JOINTOKEN_H
#include "crypto/key.h"

#define MS_JOINTOKEN_KIND "join-token"
#define MS_JOINTOKEN_AUDIENCE "join"
#define MS_JOINTOKEN_ID_LEN 16u
#define MS_JOINTOKEN_LIFE_MAX_S (UINT64_C(90) * 86400)
#define MS_JOINTOKEN_MAX 8192u

struct ms_jointoken {
	const uint8_t *deployment;       /* 16 bytes */
	const char *tenant;              /* "default" */
	uint8_t id[MS_JOINTOKEN_ID_LEN]; /* random */
	struct ms_span model, serial;    /* text, 1..64 and 0..64 bytes */
	const uint8_t *key_id;           /* MS_KEY_ID_LEN bytes: only this key may use it. NULL: any */
	uint64_t issued_s, expires_s;    /* at most MS_JOINTOKEN_LIFE_MAX_S apart */
};
/* Append the signed token. MS_ERR_USAGE on fields out of their bounds. */
MS_MUST_USE enum ms_rc ms_jointoken_build(
    const struct ms_signer *operator_key, const struct ms_jointoken *t, struct ms_buf *out, struct ms_err *err);
/* Append what a machine shows: the token, its public key, and a proof by that key over nonce (8 to 64 bytes) and token. This is the
 * evidence of attester "join-token". */
MS_MUST_USE enum ms_rc ms_jointoken_show(
    struct ms_span token, struct ms_span nonce, const struct ms_signer *key, struct ms_buf *out, struct ms_err *err);

#endif
