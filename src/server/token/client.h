/* The owner's side of its token process: signers, ECDH and wrapping over the channel. Calls wait for the answer. */
#ifndef MS_TOKEN_CLIENT_H
#define MS_TOKEN_CLIENT_H
#include "crypto/aead.h"
#include "crypto/ecdh.h"
#include "crypto/key.h"
#include "server/token/slots.h"

#define MS_TOKEN_WAIT_MS 30000

struct ms_token_client;
/* Takes fd (also on error); asks for the public halves of `slots`. */
MS_MUST_USE enum ms_rc ms_token_client_new(int fd, uint32_t slots, struct ms_token_client **ret, struct ms_err *err);
void ms_token_client_free(struct ms_token_client *c);
MS_CLEANUP(struct ms_token_client, ms_token_client_free)
/* The process is gone, was late or broke the protocol: nothing will be answered any more, and the owner should end. */
bool ms_token_client_dead(const struct ms_token_client *c);

const struct ms_pubkey *ms_token_client_public(const struct ms_token_client *c, unsigned slot); /* NULL: none. Borrowed */
/* Of a slot that was named at the start and signs (derives). Borrow c. */
struct ms_signer ms_token_client_signer(struct ms_token_client *c, unsigned slot);
struct ms_ecdh ms_token_client_ecdh(struct ms_token_client *c, unsigned slot);
/* AES-256-GCM with the wrapping slot; `key` and `alg` of *a are not looked at. */
MS_MUST_USE enum ms_rc ms_token_client_wrap(
    struct ms_token_client *c, const struct ms_aead *a, const struct ms_secret *pt, struct ms_buf *out, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_token_client_unwrap(
    struct ms_token_client *c, const struct ms_aead *a, struct ms_span ct, struct ms_secret **ret, struct ms_err *err);

#endif
