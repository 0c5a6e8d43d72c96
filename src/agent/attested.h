/* One attested request: challenge, evidence over the request, the server's verdict, and what it granted. */
#ifndef MS_AGENT_ATTESTED_H
#define MS_AGENT_ATTESTED_H
#include "agent/session.h"

struct ms_attested_ask {
	enum ms_purpose purpose;
	/* Append the request for this challenge; called anew for each try. */
	enum ms_rc (*build)(void *ctx, struct ms_session *s, const struct ms_challenge *c, struct ms_buf *request, struct ms_err *err);
	void *ctx;
};
struct ms_attested_done {
	struct ms_session_challenge challenge;
	struct ms_attested_answer answer; /* borrows from the session's response: until the next request */
	uint8_t evidence[MS_BIND_LEN];
	struct ms_trust_device device;
};
/* MS_OK: there is a verified verdict, whatever it says; it is kept in the state. Tries again when the connection was lost
 * between challenge and request, or the TPM's clock is not safe yet. */
MS_MUST_USE enum ms_rc ms_attested_run(
    struct ms_session *s, const struct ms_attested_ask *ask, struct ms_attested_done *ret, struct ms_err *err);
void ms_attested_done_fini(struct ms_attested_done *d); /* safe on a zeroed struct */
MS_CLEANUP_FINI(struct ms_attested_done, ms_attested_done_fini)
/* Print state, outcome and reasons. */
void ms_attested_show(const struct ms_attested_done *d, struct ms_out *o);
/* MS_OK when it passed, else MS_ERR_DENIED with the first reason. */
MS_MUST_USE enum ms_rc ms_attested_passed(const struct ms_attested_done *d, struct ms_err *err);

/* Purpose attest. */
MS_MUST_USE enum ms_rc ms_attest(struct ms_session *s, struct ms_attested_done *ret, struct ms_err *err);
/* Purpose identity: a new key, its certificate kept as identity.pem. */
MS_MUST_USE enum ms_rc ms_identity(struct ms_session *s, struct ms_attested_done *ret, struct ms_err *err);
/* The certificate is beyond the middle of its life, or there is none. */
bool ms_identity_due(const struct ms_session *s);

#endif
