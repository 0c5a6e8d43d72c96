/* core's side of keeper: ask for an act, take the answer to the job that asked. */
#include <string.h>

#include "base/log.h"
#include "server/core/core.h"

enum ms_rc
ms_keeper_ask(struct ms_core *c, struct ms_job *j, enum ms_keeper_act act, size_t entry, struct ms_err *err)
{
	struct ms_act a = {.params = ms_buf_span(&j->params)};
	struct ms_buf frame;
	if (entry != MS_ACT_NO_ENTRY) {
		a.entry = ms_buf_span(&j->staged[entry].bytes);
		a.ticket = ms_buf_span(&j->staged[entry].ticket);
		a.present = MS_CBOR_BIT(MS_ACT_ENTRY) | MS_CBOR_BIT(MS_ACT_TICKET);
	}
	ms_buf_init(&frame, MS_ACT_FRAME_MAX);
	enum ms_rc rc = ms_cbor_build_map(&ms_act_table, &a, &frame, err);
	if (rc == MS_OK)
		rc = ms_buf_check(&frame, err);
	if (rc == MS_OK)
		rc = ms_chan_send(c->keeper, (uint16_t)act, j->id, ms_buf_span(&frame), err);
	ms_buf_fini(&frame);
	return rc;
}

/* keeper's codes are names of ms_rc; anything else reads as internal. */
static enum ms_rc
rc_by_name(struct ms_span name)
{
	for (unsigned i = 1; i < MS_RC_COUNT; i++)
		if (ms_span_eq(name, ms_span_str(ms_rc_name((enum ms_rc)i))))
			return (enum ms_rc)i;
	return MS_ERR_INTERNAL;
}

static enum ms_rc
on_act_done(void *ctx, struct ms_frame *f, struct ms_err *err)
{
	struct ms_core *c = ctx;
	struct ms_act_done d;
	enum ms_rc rc = ms_cbor_parse_map(&ms_act_done_table, f->payload, &d, err);
	if (rc != MS_OK)
		return rc; /* ends keeper, and with it the set */
	struct ms_job *j = ms_job_by_id(c, f->id);
	if (j == NULL || j->acted == NULL)
		return ms_fail(err, MS_ERR_MALFORMED, "keeper answered what nobody asked");
	ms_step_fn acted = j->acted;
	struct ms_err job_err = {0};
	j->acted = NULL;
	if (MS_CBOR_HAS(&d, MS_ACT_DONE_RESULT)) {
		j->result = d.result;
		rc = acted(c, j, &job_err);
		j->result = MS_SPAN_NONE;
	} else {
		rc = ms_fail(&job_err, rc_by_name(d.code), "keeper: %.*s", (int)d.text.len, (const char *)d.text.p);
	}
	ms_job_settle(c, j, rc, &job_err);
	return MS_OK;
}

static const struct ms_ipc_row rows[] = {
#define ROW(type, name) \
	{ \
		type, name, MS_IPC_ANY_STATE, false, false, 1, MS_ACT_FRAME_MAX, on_act_done \
	}
    ROW(MS_ACT_CREDENTIAL, "credential"),
    ROW(MS_ACT_PROOF, "proof"),
    ROW(MS_ACT_CHALLENGE_KEY, "challenge-key"),
    ROW(MS_ACT_TLS_CERT, "tls-cert"),
    ROW(MS_ACT_BIND, "bind"),
    ROW(MS_ACT_ADMIT, "admit"),
    ROW(MS_ACT_IDENTITY, "identity"),
    ROW(MS_ACT_SECRET_PUT, "secret-put"),
    ROW(MS_ACT_SECRET_RELEASE, "secret-release"),
    ROW(MS_ACT_CRL, "crl"),
    ROW(MS_ACT_RESULT, "result"),
#undef ROW
};
const struct ms_ipc_table ms_core_keeper_table = MS_IPC_TABLE("keeper->core", rows);
