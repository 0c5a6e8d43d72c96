#include "agent/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "evidence/pcrs.h"

#define CLOCK_WARN_S 60
#define UNSAFE_WAIT_S 5u
#define REFUSED_WAIT_MAX_S 10u

enum ms_rc
ms_session_open_tpm(struct ms_session *s, const struct ms_agent_options *o, struct ms_err *err)
{
	const struct ms_tpm_client_params p = {.program = o->tpm_helper, .tcti = o->tcti};
	s->o = o;
	ms_client_response_init(&s->response);
	return ms_tpm_client_open(&p, &s->tpm, err);
}

static enum ms_rc
load_root(struct ms_session *s, struct ms_root **ret, struct ms_err *err)
{
	struct ms_buf b;
	ms_buf_init(&b, MS_ROOT_MAX);
	enum ms_rc rc = ms_agent_state_read(s->state, "root.cbor", MS_ROOT_MAX, &b, err);
	if (rc == MS_OK)
		rc = ms_root_load(ms_buf_span(&b), NULL, ret, err);
	ms_buf_fini(&b);
	return rc == MS_OK ? rc : ms_prefix(err, rc, "%s/root.cbor", s->o->state);
}

static char *
dup_text(struct ms_span s)
{
	return s.len == 0 ? strdup("") : strndup((const char *)s.p, s.len);
}

enum ms_rc
ms_session_open(struct ms_session *s, const struct ms_agent_options *o, struct ms_err *err)
{
	struct ms_root *root = NULL;
	enum ms_rc rc = ms_session_open_tpm(s, o, err);
	if (rc == MS_OK)
		rc = ms_agent_state_open(o->state, false, &s->state, err);
	if (rc == MS_OK)
		rc = ms_agent_state_load(s->state, &s->rec, err);
	if (rc == MS_OK && !ms_span_eq(s->rec.f.tenant, ms_span_str(o->tenant)))
		rc = ms_fail(err, MS_ERR_USAGE, "%s: enrolled in tenant %.*s, not %s: give --tenant, or another --state", o->state,
		    (int)s->rec.f.tenant.len, (const char *)s->rec.f.tenant.p, o->tenant);
	if (rc == MS_OK)
		rc = load_root(s, &root, err);
	if (rc != MS_OK)
		return rc;
	char *server = dup_text(s->rec.f.server);
	rc = server == NULL ? ms_fail(err, MS_ERR_NOMEM, "server") : ms_session_connect(s, server, &root, err);
	free(server);
	ms_root_free(root);
	if (rc == MS_OK && s->rec.f.device.len > 0)
		rc = ms_session_set_device(s, s->rec.f.device, err);
	return rc;
}

void
ms_session_fini(struct ms_session *s)
{
	ms_client_response_fini(&s->response);
	ms_client_free(s->client);
	ms_trust_fini(&s->trust);
	ms_root_free(s->root);
	ms_agent_record_fini(&s->rec);
	ms_agent_state_free(s->state);
	ms_tpm_free(s->tpm);
	free(s->server);
	free(s->device);
	memset(s, 0, sizeof *s);
}

void
ms_session_unlock(struct ms_session *s)
{
	ms_agent_state_free(s->state);
	s->state = NULL;
}

enum ms_rc
ms_session_lock(struct ms_session *s, struct ms_err *err)
{
	if (s->state != NULL)
		return MS_OK;
	enum ms_rc rc = ms_agent_state_open(s->o->state, false, &s->state, err);
	if (rc != MS_OK)
		return rc;
	struct ms_agent_record fresh;
	rc = ms_agent_state_load(s->state, &fresh, err);
	if (rc != MS_OK)
		return rc;
	ms_agent_record_fini(&s->rec);
	s->rec = fresh;
	return s->rec.f.device.len > 0 ? ms_session_set_device(s, s->rec.f.device, err) : MS_OK;
}

enum ms_rc
ms_session_save(struct ms_session *s, struct ms_err *err)
{
	struct ms_agent_record fresh = {.mem = NULL};
	enum ms_rc rc = ms_agent_state_save(s->state, &s->rec.f, err);
	enum ms_rc read_rc = ms_agent_state_load(s->state, &fresh, rc == MS_OK ? err : NULL); /* after a failure too: no span may dangle */
	ms_agent_record_fini(&s->rec);
	s->rec = fresh;
	return rc != MS_OK ? rc : read_rc;
}

enum ms_rc
ms_session_connect(struct ms_session *s, const char *server, struct ms_root **root, struct ms_err *err)
{
	struct ms_client *client = NULL;
	struct ms_trust trust = {.root = NULL};
	const struct ms_client_config cfg = {.url = server, .ca_root = (*root)->body.ca_root, .max_body = MS_SESSION_BODY_MAX};
	char *copy = strdup(server);
	enum ms_rc rc = copy == NULL ? ms_fail(err, MS_ERR_NOMEM, "server") : ms_client_new(&cfg, &client, err);
	if (rc == MS_OK)
		rc = ms_trust_init(*root, s->o->tenant, &trust, err);
	if (rc != MS_OK) {
		ms_client_free(client);
		free(copy);
		return rc;
	}
	ms_client_free(s->client);
	ms_trust_fini(&s->trust);
	ms_root_free(s->root);
	free(s->server);
	s->client = client;
	s->trust = trust;
	s->root = *root;
	s->server = copy;
	*root = NULL;
	return MS_OK;
}

enum ms_rc
ms_session_set_device(struct ms_session *s, struct ms_span id, struct ms_err *err)
{
	char *copy = dup_text(id);
	if (copy == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "device id");
	free(s->device);
	s->device = copy;
	return MS_OK;
}

/* ---- the server's clock and ours ---- */

static void
note_clock(struct ms_session *s, uint64_t server_s)
{
	s->clock_off_s = (int64_t)server_s - (int64_t)ms_clock_wall_s();
	long long off = s->clock_off_s;
	if ((off > CLOCK_WARN_S || off < -CLOCK_WARN_S) && !s->warned_clock) {
		(void)fprintf(stderr, "muster-agent: the clock of this machine is %lld s %s the server's\n", off > 0 ? off : -off,
		    off > 0 ? "behind" : "ahead of");
		s->warned_clock = true;
	}
}

static enum ms_rc
build_challenge_req(const struct ms_session *s, enum ms_purpose purpose, struct ms_buf *out, struct ms_err *err)
{
	struct ms_challenge_req q = {.v = MS_PROTOCOL_VERSION, .purpose = ms_span_str(ms_purpose_name(purpose))};
	if (s->device != NULL && s->rec.f.transcript_hash.len == 32) { /* to be told what concerns this machine */
		q.device = ms_span_str(s->device);
		q.transcript_hash = s->rec.f.transcript_hash;
		q.present = MS_CBOR_BIT(MS_CHALLENGE_REQ_DEVICE) | MS_CBOR_BIT(MS_CHALLENGE_REQ_TRANSCRIPT_HASH);
	}
	return ms_cbor_build_map(&ms_challenge_req_table, &q, out, err);
}

static void
tenant_path(const struct ms_session *s, const char *what, char out[static 128])
{
	(void)snprintf(out, 128, "/v1/t/%s/%s", s->o->tenant, what);
}

/* The server's certificate does not verify. When our clock is the reason, say so: the time is asked for over a connection that
 * is not trusted, and believed because the challenge that carries it chains to the deployment root. */
static enum ms_rc
explain_certificate(struct ms_session *s, struct ms_err *err)
{
	const struct ms_client_config cfg = {.url = s->server, .max_body = MS_SESSION_BODY_MAX};
	MS_OWN(ms_client_free) struct ms_client *client = NULL;
	MS_OWN(ms_client_response_fini) struct ms_client_response r = {0};
	MS_OWN(ms_challenge_fini) struct ms_challenge c = {.key = NULL};
	struct ms_buf body;
	char path[128];
	ms_buf_init(&body, 512);
	ms_client_response_init(&r);
	tenant_path(s, "challenge", path);
	enum ms_rc rc = build_challenge_req(s, MS_PURPOSE_ATTEST, &body, NULL);
	if (rc == MS_OK)
		rc = ms_client_new(&cfg, &client, NULL);
	if (rc == MS_OK)
		rc = ms_client_post(client, path, ms_buf_span(&body), &r, NULL);
	if (rc == MS_OK)
		rc = ms_trust_challenge(&s->trust, ms_buf_span(&r.body), MS_PURPOSE_ATTEST, 0, &c, NULL);
	ms_buf_fini(&body);
	if (rc != MS_OK)
		return MS_ERR_AUTH; /* the text is there */
	int64_t off = (int64_t)c.now_s - (int64_t)ms_clock_wall_s();
	if (off <= CLOCK_WARN_S && off >= -CLOCK_WARN_S)
		return MS_ERR_AUTH;
	return ms_fail(err, MS_ERR_CLOCK,
	    "the clock of this machine is %lld s %s the server's, so its certificate cannot be checked: set the clock",
	    (long long)(off > 0 ? off : -off), off > 0 ? "behind" : "ahead of");
}

/* ---- messages ---- */

static bool
has_form(const struct ms_session *s, const struct ms_cbor_table *form)
{
	uint64_t room[64];
	return form != NULL && form->size <= sizeof room && ms_cbor_parse_map(form, ms_buf_span(&s->response.body), room, NULL) == MS_OK;
}

enum ms_rc
ms_session_post(struct ms_session *s, const char *what, struct ms_span body, const struct ms_cbor_table *form, struct ms_err *err)
{
	char path[128];
	tenant_path(s, what, path);
	enum ms_rc rc = ms_client_post(s->client, path, body, &s->response, err);
	if (rc == MS_ERR_AUTH)
		rc = explain_certificate(s, err);
	if (rc != MS_OK)
		return rc;
	if (s->response.status == 403 && has_form(s, form))
		return MS_OK;
	return ms_client_check(&s->response, err);
}

enum ms_rc
ms_session_challenge(struct ms_session *s, enum ms_purpose purpose, struct ms_session_challenge *ret, struct ms_err *err)
{
	struct ms_buf body;
	struct ms_session_challenge c = {.c = {.key = NULL}};
	ms_buf_init(&body, 512);
	enum ms_rc rc = build_challenge_req(s, purpose, &body, err);
	if (rc == MS_OK)
		rc = ms_session_post(s, "challenge", ms_buf_span(&body), NULL, err);
	ms_buf_fini(&body);
	if (rc == MS_OK)
		rc = ms_client_exporter(s->client, c.exporter, err);
	if (rc == MS_OK)
		rc = ms_trust_challenge(&s->trust, ms_buf_span(&s->response.body), purpose, s->rec.f.seen_s, &c.c, err);
	if (rc != MS_OK)
		return rc;
	note_clock(s, c.c.now_s);
	if (c.c.now_s > s->rec.f.seen_s)
		s->rec.f.seen_s = c.c.now_s; /* kept with the next save */
	*ret = c;
	return MS_OK;
}

enum ms_rc
ms_session_poll(struct ms_session *s, bool *ret_now, uint32_t *ret_poll_s, struct ms_err *err)
{
	MS_OWN(ms_session_challenge_fini) struct ms_session_challenge c = {.c = {.key = NULL}};
	enum ms_rc rc = ms_session_challenge(s, MS_PURPOSE_ATTEST, &c, err);
	if (rc != MS_OK)
		return rc;
	*ret_now = c.c.attest_now;
	*ret_poll_s = c.c.poll_s;
	return MS_OK;
}

void
ms_session_challenge_fini(struct ms_session_challenge *c)
{
	ms_challenge_fini(&c->c);
}

static void
wait_and_say(unsigned s, const char *why)
{
	(void)fprintf(stderr, "muster-agent: %s: trying again in %u s\n", why, s);
	(void)sleep(s);
}

bool
ms_session_again(struct ms_session *s, enum ms_rc rc, const struct ms_err *err, unsigned try)
{
	if (rc == MS_OK || try >= MS_SESSION_TRIES)
		return false;
	if (strncmp(err->text, MS_SESSION_MOVED, sizeof MS_SESSION_MOVED - 1) == 0 && rc == MS_ERR_UNAVAILABLE)
		return true; /* at once: a fresh challenge goes over the new connection */
	if (rc == MS_ERR_DENIED && strncmp(err->text, "clock-unsafe", 12) == 0) {
		wait_and_say(UNSAFE_WAIT_S, "the TPM lost power without a shutdown and its clock may repeat");
		return true;
	}
	if (rc == MS_ERR_LIMITED && s->response.retry_after_s > 0 && s->response.retry_after_s <= REFUSED_WAIT_MAX_S) {
		wait_and_say((unsigned)s->response.retry_after_s, "the server has too much to do");
		return true;
	}
	return false;
}

/* ---- evidence ---- */

void
ms_session_quote_fini(struct ms_session_quote *q)
{
	ms_buf_fini(&q->pcrs);
}

static enum ms_rc
build_pcrs(const struct ms_tpm_pcrs *from, struct ms_buf *out, struct ms_err *err)
{
	struct ms_pcrs p = {.mask = from->mask};
	memcpy(p.value, from->value, sizeof p.value);
	return ms_pcrs_build(&p, out, err);
}

enum ms_rc
ms_session_quote(struct ms_session *s, const struct ms_session_challenge *c, const char *device, struct ms_span request,
    struct ms_session_quote *ret, struct ms_err *err)
{
	uint8_t extra[MS_BIND_LEN];
	const struct ms_bind_quote b = {.purpose = c->c.purpose,
	    .tenant = ms_span_str(s->o->tenant),
	    .device = ms_span_str(device),
	    .nonce = ms_span(c->c.nonce, sizeof c->c.nonce),
	    .request = request,
	    .authority = ms_span(ms_pubkey_id(s->root->release), MS_KEY_ID_LEN),
	    .exporter = ms_span(c->exporter, sizeof c->exporter)};
	enum ms_rc rc = ms_bind_quote(&b, extra, err);
	if (rc == MS_OK)
		rc = ms_tpm_quote(s->tpm, s->rec.f.ak_salt.p, MS_PCRS_ATTEST_MASK, extra, &ret->q, err);
	ms_buf_init(&ret->pcrs, MS_PCRS_WIRE_MAX);
	return rc == MS_OK ? build_pcrs(&ret->q.pcrs, &ret->pcrs, err) : rc;
}
