/* Payloads between an owner and its token (ipc/owner_token.h): built and parsed in one place for both sides. */
#ifndef MS_TOKEN_FRAMES_H
#define MS_TOKEN_FRAMES_H
#include "crypto/aead.h"
#include "ipc/table.h"
#include "server/token/token.h"

#define MS_TOKEN_MESSAGE_MAX 4096u /* what an Ed25519 slot signs at once */
#define MS_TOKEN_TEXT_MAX 200u     /* of a refusal */

struct ms_token_request {
	enum ms_token_frame type;
	unsigned slot;
	struct ms_span body;       /* SIGN: what is signed; DERIVE: point; WRAP, UNWRAP: plaintext or ciphertext; PUBLIC: empty */
	struct ms_span header, iv; /* WRAP, UNWRAP */
};
/* MS_ERR_MALFORMED; *ret borrows from f. Lengths beyond the format are the token's to check. */
MS_MUST_USE enum ms_rc ms_token_request_parse(const struct ms_frame *f, struct ms_token_request *ret, struct ms_err *err);
/* The payload in secret memory, for it may hold a plaintext. MS_ERR_TOO_BIG. */
MS_MUST_USE enum ms_rc ms_token_request_build(const struct ms_token_request *r, struct ms_secret **ret, struct ms_err *err);

/* u8 0 | result, or u8 1 | text. An answer 1 is MS_ERR_CRYPTO with its text, printable characters only. */
MS_MUST_USE enum ms_rc ms_token_answer_parse(struct ms_span payload, struct ms_span *ret, struct ms_err *err);

extern const struct ms_ipc_table ms_token_answer_table; /* token -> owner */

#endif
