/* One machine and one server: the TPM, the deployment root, the kept state and the held connection. */
#ifndef MS_AGENT_SESSION_H
#define MS_AGENT_SESSION_H
#include "agent/options.h"
#include "agent/out.h"
#include "agent/state.h"
#include "agent/trust.h"
#include "client/http.h"
#include "tpm/client.h"

#define MS_SESSION_BODY_MAX (1u << 20)
#define MS_SESSION_TRIES 4u

struct ms_session {
	const struct ms_agent_options *o; /* borrowed */
	struct ms_tpm *tpm;
	struct ms_agent_state *state; /* NULL between ms_session_unlock() and ms_session_lock() */
	struct ms_agent_record rec;
	struct ms_root *root;
	struct ms_trust trust;
	struct ms_client *client;
	char *server, *device; /* owned; device NULL before enrolment */
	struct ms_client_response response;
	int64_t clock_off_s; /* signed time of the server minus ours, at the last challenge */
	bool warned_clock;
	bool said_boot_log, said_ima; /* why a log is not sent was said */
};

/* TPM only: no state, no server. */
MS_MUST_USE enum ms_rc ms_session_open_tpm(struct ms_session *s, const struct ms_agent_options *o, struct ms_err *err);
/* State as well: the machine was enrolled, or its enrolment began. No server is asked yet. */
MS_MUST_USE enum ms_rc ms_session_open(struct ms_session *s, const struct ms_agent_options *o, struct ms_err *err);
void ms_session_fini(struct ms_session *s); /* safe on a zeroed struct */
MS_CLEANUP_FINI(struct ms_session, ms_session_fini)

/* Let other agents work, and take state up again as it is then. */
void ms_session_unlock(struct ms_session *s);
MS_MUST_USE enum ms_rc ms_session_lock(struct ms_session *s, struct ms_err *err);
/* After rec.f was changed: its spans may point anywhere; afterwards rec owns them. */
MS_MUST_USE enum ms_rc ms_session_save(struct ms_session *s, struct ms_err *err);

/* Use this root and server from now on (taken). */
MS_MUST_USE enum ms_rc ms_session_connect(struct ms_session *s, const char *server, struct ms_root **root, struct ms_err *err);
/* "device:<id>"'s id as the session knows it; remembers a copy. */
MS_MUST_USE enum ms_rc ms_session_set_device(struct ms_session *s, struct ms_span id, struct ms_err *err);

/* POST to "/v1/t/<tenant>/<what>". MS_OK: status 200, or 403 with a body of the message's own form (`forms`); the body is
 * in s->response. Else the code and text of the server's refusal. */
MS_MUST_USE enum ms_rc ms_session_post(
    struct ms_session *s, const char *what, struct ms_span body, const struct ms_cbor_table *form, struct ms_err *err);
/* A verified challenge. The exporter is that of the connection it came over: what is bound to it goes out next. */
struct ms_session_challenge {
	struct ms_challenge c;
	uint8_t exporter[MS_CLIENT_EXPORTER_LEN];
};
MS_MUST_USE enum ms_rc ms_session_challenge(
    struct ms_session *s, enum ms_purpose purpose, struct ms_session_challenge *ret, struct ms_err *err);
/* Ask whether evidence is wanted before it is due, and how often to ask; nothing is kept. */
MS_MUST_USE enum ms_rc ms_session_poll(struct ms_session *s, bool *ret_now, uint32_t *ret_poll_s, struct ms_err *err);
void ms_session_challenge_fini(struct ms_session_challenge *c);
MS_CLEANUP_FINI(struct ms_session_challenge, ms_session_challenge_fini)

/* Should the whole exchange be tried again from a fresh challenge? Waits as long as is due; says why on standard error. `try`
 * counts from 1. */
bool ms_session_again(struct ms_session *s, enum ms_rc rc, const struct ms_err *err, unsigned try);
#define MS_SESSION_MOVED "connection" /* prefix of the text when the connection is another than the challenge's */

/* Quote over PCRs 0-14, bound to the purpose, this device, the challenge, the request and the connection. */
struct ms_session_quote {
	struct ms_tpm_quote q;
	struct ms_buf pcrs; /* CBOR */
};
MS_MUST_USE enum ms_rc ms_session_quote(struct ms_session *s, const struct ms_session_challenge *c, const char *device,
    struct ms_span request, struct ms_session_quote *ret, struct ms_err *err);
void ms_session_quote_fini(struct ms_session_quote *q); /* safe on a zeroed struct */
MS_CLEANUP_FINI(struct ms_session_quote, ms_session_quote_fini)

#endif
