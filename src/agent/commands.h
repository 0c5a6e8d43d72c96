/* The commands, each in its own file, and what they share of one another. */
#ifndef MS_AGENT_COMMANDS_H
#define MS_AGENT_COMMANDS_H
#include "agent/session.h"

/* Each returns the exit status. */
int ms_cmd_identify(const struct ms_agent_options *o);
int ms_cmd_enroll(const struct ms_agent_options *o);
int ms_cmd_attest(const struct ms_agent_options *o);
int ms_cmd_secret_get(const struct ms_agent_options *o);
int ms_cmd_result(const struct ms_agent_options *o);
int ms_cmd_run(const struct ms_agent_options *o);
int ms_cmd_status(const struct ms_agent_options *o);

/* A pending enrolment: ask how it stands, once. MS_OK: enrolled. MS_ERR_PENDING: still waits. MS_ERR_DENIED: refused. */
MS_MUST_USE enum ms_rc ms_enroll_settle(struct ms_session *s, struct ms_err *err);

/* Get the secret, verify, keep and open it. The caller delivers it. */
struct ms_secret_got {
	struct ms_secret *value;
	uint64_t version;
};
MS_MUST_USE enum ms_rc ms_secret_fetch(struct ms_session *s, struct ms_span path, struct ms_secret_got *ret, struct ms_err *err);
/* Open the one that is kept, without the server. MS_ERR_DENIED: the PCRs moved; MS_ERR_EXPIRED: rebooted since. */
MS_MUST_USE enum ms_rc ms_secret_cached(struct ms_session *s, struct ms_span path, struct ms_secret_got *ret, struct ms_err *err);
/* Remember where it went. */
MS_MUST_USE enum ms_rc ms_secret_note_file(struct ms_session *s, struct ms_span path, const char *file, struct ms_err *err);

#endif
