/* muster-agent status: what this machine knows of itself, without asking anybody. */
#include <string.h>

#include "agent/commands.h"
#include "base/clock.h"

static enum ms_rc
show_secret(void *ctx, const struct ms_agent_secret *secret, MS_UNUSED struct ms_err *err)
{
	struct ms_out *out = ctx;
	ms_out_item_begin(out, "secrets");
	ms_out_text(out, "path", "secret", secret->path);
	ms_out_uint(out, "version", "version", secret->version);
	ms_out_time(out, "received", "received", secret->received_s);
	if (secret->file.len > 0)
		ms_out_text(out, "file", "delivered to", secret->file);
	ms_out_item_end(out);
	return MS_OK;
}

static void
show(const struct ms_agent_fields *f, struct ms_out *out)
{
	ms_out_text(out, "status", "enrolment", f->status);
	ms_out_text(out, "server", "server", f->server);
	ms_out_text(out, "tenant", "tenant", f->tenant);
	if (f->device.len > 0)
		ms_out_text(out, "device", "device", f->device);
	if (ms_span_eq(f->status, ms_span_str("pending")))
		ms_out_text(out, "approval_code", "approval code", f->code);
	if (f->verdict_s != 0) {
		ms_out_text(out, "outcome", "last outcome", f->outcome);
		ms_out_text(out, "state", "state as last told", f->life);
		ms_out_list(out, "reasons", "reason", f->reasons);
		ms_out_time(out, "attested", "attested", f->verdict_s);
		ms_out_time(out, "next", "next attestation by", f->next_s);
	}
	if (f->cert_until_s != 0) {
		ms_out_time(out, "certificate_until", "certificate until", f->cert_until_s);
		ms_out_bool(out, "certificate_expired", "certificate expired", ms_clock_wall_s() >= f->cert_until_s);
	}
}

static enum ms_rc
status(const struct ms_agent_options *o, struct ms_out *out, struct ms_err *err)
{
	MS_OWN(ms_agent_state_free) struct ms_agent_state *state = NULL;
	MS_OWN(ms_agent_record_fini) struct ms_agent_record rec = {.mem = NULL};
	enum ms_rc rc = ms_agent_state_open(o->state, false, &state, err);
	if (rc == MS_OK)
		rc = ms_agent_state_load(state, &rec, err);
	if (rc != MS_OK)
		return rc;
	show(&rec.f, out);
	return ms_agent_secret_each(state, show_secret, out, err);
}

int
ms_cmd_status(const struct ms_agent_options *o)
{
	MS_OWN(ms_out_free) struct ms_out *out = NULL;
	struct ms_err err = {.rc = MS_OK};
	if (ms_out_new(o->json, &out, &err) != MS_OK)
		return ms_rc_exit(err.rc);
	enum ms_rc rc = status(o, out, &err);
	return rc == MS_OK ? ms_out_done(out, 0) : ms_out_error(out, &err);
}
