/* muster-agent enroll: trust a deployment, and become one of its devices. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/backoff.h"
#include "agent/commands.h"
#include "agent/machine.h"
#include "crypto/hash.h"

#define LABEL "muster/v1/enroll"
#define TRANSCRIPT_MAX 4096u
#define FINISH_MAX (32u << 10)
#define HASH_TEXT_LEN 64u
#define POLL_FIRST_MS 2000u
#define POLL_MAX_MS 30000u

/* What is enrolled. */
struct candidate {
	struct ms_machine_ek ek;
	struct ms_machine_claims claims;
	struct ms_tpm_ak ak;
	uint8_t digest[32];
};

/* ---- the deployment root ---- */

/* Trusted through the hash alone: who serves it does not matter, so nobody is verified for this one request. */
static enum ms_rc
fetch_root(const char *server, const uint8_t pin[static 32], struct ms_root **ret, struct ms_err *err)
{
	const struct ms_client_config cfg = {.url = server, .max_body = MS_ROOT_MAX};
	MS_OWN(ms_client_free) struct ms_client *c = NULL;
	MS_OWN(ms_client_response_fini) struct ms_client_response r = {0};
	ms_client_response_init(&r);
	enum ms_rc rc = ms_client_new(&cfg, &c, err);
	if (rc == MS_OK)
		rc = ms_client_get(c, "/v1/root", &r, err);
	if (rc == MS_OK)
		rc = ms_client_check(&r, err);
	if (rc == MS_OK)
		rc = ms_root_load(ms_buf_span(&r.body), pin, ret, err);
	if (rc == MS_ERR_AUTH)
		return ms_fail(
		    err, rc, "%s serves another deployment root than the one with this hash: wrong server, or wrong hash", server);
	return rc;
}

static enum ms_rc
read_root(const char *file, struct ms_root **ret, struct ms_err *err)
{
	struct ms_buf b;
	ms_buf_init(&b, MS_ROOT_MAX);
	enum ms_rc rc = ms_io_read_file(file, MS_ROOT_MAX, &b, err);
	if (rc == MS_ERR_NOT_FOUND)
		rc = ms_fail(err, MS_ERR_USAGE, "--root: %s is neither a file nor a SHA-256 in hex", file);
	if (rc == MS_OK)
		rc = ms_root_load(ms_buf_span(&b), NULL, ret, err);
	ms_buf_fini(&b);
	return rc;
}

static enum ms_rc
get_root(const char *server, const char *root, struct ms_root **ret, struct ms_err *err)
{
	uint8_t pin[32];
	if (strlen(root) == HASH_TEXT_LEN && ms_unhex(root, HASH_TEXT_LEN, pin, sizeof pin) == MS_OK)
		return fetch_root(server, pin, ret, err);
	return read_root(root, ret, err);
}

/* ---- the exchange ---- */

static enum ms_rc
build_transcript(
    const struct ms_session *s, const struct candidate *d, const struct ms_challenge *c, struct ms_buf *out, struct ms_err *err)
{
	uint8_t cert_hash[32] = {0};
	if (d->ek.cert.len > 0)
		ms_sha256(ms_buf_span(&d->ek.cert), cert_hash);
	const struct ms_transcript t = {.label = ms_span_str(LABEL),
	    .deployment = ms_span(s->root->deployment, sizeof s->root->deployment),
	    .tenant = ms_span_str(s->o->tenant),
	    .name = ms_span_str(d->claims.name),
	    .serial = ms_span_str(d->claims.serial),
	    .model = ms_span_str(d->claims.model),
	    .ek_public = ms_tpm_blob_span(&d->ek.pub),
	    .ek_cert_hash = ms_span(cert_hash, sizeof cert_hash),
	    .ak_public = ms_tpm_blob_span(&d->ak.pub),
	    .agent_version = ms_span_str(MS_VERSION),
	    .agent_digest = ms_span(d->digest, sizeof d->digest),
	    .nonce = ms_span(c->nonce, sizeof c->nonce)};
	return ms_cbor_build_map(&ms_transcript_table, &t, out, err);
}

/* POST enroll/begin, and solve what comes back: only the TPM with this EK and this AK can. */
static enum ms_rc
begin(struct ms_session *s, const struct candidate *d, struct ms_span transcript, uint8_t proof[static 32], struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf body = {0};
	MS_OWN(ms_secret_free) struct ms_secret *secret = NULL;
	const struct ms_enroll_begin m = {.v = MS_PROTOCOL_VERSION, .transcript = transcript, .ek_cert = ms_buf_span(&d->ek.cert)};
	struct ms_credential cred;
	ms_buf_init(&body, FINISH_MAX);
	enum ms_rc rc = ms_cbor_build_map(&ms_enroll_begin_table, &m, &body, err);
	if (rc == MS_OK)
		rc = ms_session_post(s, "enroll/begin", ms_buf_span(&body), NULL, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_credential_table, ms_buf_span(&s->response.body), &cred, err);
	if (rc == MS_OK)
		rc = ms_tpm_activate(s->tpm, s->rec.f.ak_salt.p, cred.blob, cred.secret, &secret, err);
	return rc == MS_OK ? ms_hmac_sha256v(secret, &transcript, 1, proof, err) : rc;
}

static enum ms_rc
finish(struct ms_session *s, const struct candidate *d, const struct ms_session_challenge *c, struct ms_span transcript,
    const uint8_t proof[static 32], struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf body = {0};
	MS_OWN(ms_session_quote_fini) struct ms_session_quote q = {.pcrs = {0}};
	ms_buf_init(&body, FINISH_MAX);
	enum ms_rc rc = ms_session_quote(s, c, d->ek.hex, transcript, &q, err);
	const struct ms_enroll_finish m = {.v = MS_PROTOCOL_VERSION,
	    .transcript = transcript,
	    .ek_cert = ms_buf_span(&d->ek.cert),
	    .proof = ms_span(proof, 32),
	    .attest = ms_tpm_blob_span(&q.q.attest),
	    .signature = ms_tpm_blob_span(&q.q.signature),
	    .pcrs = ms_buf_span(&q.pcrs)};
	if (rc == MS_OK)
		rc = ms_cbor_build_map(&ms_enroll_finish_table, &m, &body, err);
	return rc == MS_OK ? ms_session_post(s, "enroll/finish", ms_buf_span(&body), NULL, err) : rc;
}

static enum ms_rc
fail_moved(const struct ms_session *s, struct ms_err *err)
{
	return ms_fail(err, MS_ERR_UNAVAILABLE, MS_SESSION_MOVED " to %s was lost in the middle of a proof", s->server);
}

static const char *
status_text(enum ms_enroll_standing st)
{
	return st == MS_ENROLL_ENROLLED ? "enrolled" : st == MS_ENROLL_PENDING ? "pending" : "refused";
}

/* Keep what was verified. The spans of rec.f borrow from the answer and the candidate until it is written. */
static enum ms_rc
keep(struct ms_session *s, const struct ms_enroll_answer *a, const struct ms_trust_device *d, struct ms_err *err)
{
	struct ms_agent_fields *f = &s->rec.f;
	char code[MS_CODE_TEXT_MAX] = "";
	if (a->status == MS_ENROLL_REFUSED) /* nobody signed it: told to a person, not kept and not obeyed */
		return MS_OK;
	f->status = ms_span_str(status_text(a->status));
	enum ms_rc rc = ms_bind_code(d->ek_hash, d->ak_name, d->transcript_hash, code, err);
	f->device = a->device;
	f->ek_hash = d->ek_hash;
	f->ak_name = d->ak_name;
	f->ak_public = d->ak_public;
	f->transcript_hash = d->transcript_hash;
	f->binding = a->binding;
	f->admission = a->admission;
	f->code = ms_span_str(code);
	if (rc == MS_OK)
		rc = ms_session_save(s, err);
	return rc == MS_OK ? ms_session_set_device(s, s->rec.f.device, err) : rc;
}

static enum ms_rc
attempt(struct ms_session *s, const struct candidate *d, struct ms_err *err)
{
	MS_OWN(ms_session_challenge_fini) struct ms_session_challenge c = {.c = {.key = NULL}};
	MS_OWN(ms_buf_fini) struct ms_buf transcript = {0};
	uint8_t proof[32], hash[32];
	struct ms_enroll_answer a;
	ms_buf_init(&transcript, TRANSCRIPT_MAX);
	enum ms_rc rc = ms_session_challenge(s, MS_PURPOSE_ENROLL, &c, err);
	if (rc == MS_OK)
		rc = build_transcript(s, d, &c.c, &transcript, err);
	s->response.fresh = false;
	if (rc == MS_OK)
		rc = begin(s, d, ms_buf_span(&transcript), proof, err);
	if (s->response.fresh)
		return fail_moved(s, err);
	if (rc == MS_OK)
		rc = finish(s, d, &c, ms_buf_span(&transcript), proof, err);
	ms_wipe(proof, sizeof proof);
	if (s->response.fresh)
		return fail_moved(s, err);
	if (rc != MS_OK)
		return rc;
	ms_sha256(ms_buf_span(&transcript), hash);
	const struct ms_trust_device dev = {.ek_hash = ms_span(d->ek.hash, sizeof d->ek.hash),
	    .ak_public = ms_tpm_blob_span(&d->ak.pub),
	    .ak_name = ms_span(d->ak.name, sizeof d->ak.name),
	    .transcript_hash = ms_span(hash, sizeof hash),
	    .now_s = c.c.now_s};
	rc = ms_trust_enrolled(&s->trust, &dev, ms_buf_span(&s->response.body), true, &a, err);
	return rc == MS_OK ? keep(s, &a, &dev, err) : rc;
}

static enum ms_rc
exchange(struct ms_session *s, const struct candidate *d, struct ms_err *err)
{
	enum ms_rc rc;
	unsigned n = 0;
	struct ms_err detail = {.rc = MS_OK};
	do
		rc = attempt(s, d, &detail);
	while (ms_session_again(s, rc, &detail, ++n));
	return rc == MS_OK ? rc : ms_fail(err, rc, "%s", detail.text);
}

/* ---- a pending enrolment ---- */

static enum ms_rc
ask_status(struct ms_session *s, uint64_t now_s, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf body = {0};
	const struct ms_enroll_status m = {.v = MS_PROTOCOL_VERSION, .binding = s->rec.f.binding};
	struct ms_enroll_answer a;
	ms_buf_init(&body, 16384);
	enum ms_rc rc = ms_cbor_build_map(&ms_enroll_status_table, &m, &body, err);
	if (rc == MS_OK)
		rc = ms_session_post(s, "enroll/status", ms_buf_span(&body), NULL, err);
	const struct ms_trust_device dev = {.id = s->device,
	    .ek_hash = s->rec.f.ek_hash,
	    .ak_public = s->rec.f.ak_public,
	    .ak_name = s->rec.f.ak_name,
	    .transcript_hash = s->rec.f.transcript_hash,
	    .now_s = now_s};
	if (rc == MS_OK)
		rc = ms_trust_enrolled(&s->trust, &dev, ms_buf_span(&s->response.body), false, &a, err);
	return rc == MS_OK ? keep(s, &a, &dev, err) : rc;
}

static bool
status_is(const struct ms_session *s, const char *status)
{
	return ms_span_eq(s->rec.f.status, ms_span_str(status));
}

/* What the kept status means for the caller. */
static enum ms_rc
standing(const struct ms_session *s, struct ms_err *err)
{
	if (status_is(s, "enrolled"))
		return MS_OK;
	if (status_is(s, "pending"))
		return ms_fail(err, MS_ERR_PENDING, "an operator must approve this machine; the code is %.*s", (int)s->rec.f.code.len,
		    (const char *)s->rec.f.code.p);
	if (status_is(s, "refused"))
		return ms_fail(err, MS_ERR_DENIED, "this machine was refused, revoked or retired");
	return ms_fail(err, MS_ERR_PENDING, "the enrolment was not finished: run muster-agent enroll again");
}

enum ms_rc
ms_enroll_settle(struct ms_session *s, struct ms_err *err)
{
	MS_OWN(ms_session_challenge_fini) struct ms_session_challenge c = {.c = {.key = NULL}};
	if (!status_is(s, "pending"))
		return standing(s, err);
	enum ms_rc rc = ms_session_challenge(s, MS_PURPOSE_ENROLL, &c, err); /* brings the signed time */
	if (rc == MS_OK)
		rc = ask_status(s, c.c.now_s, err);
	return rc == MS_OK ? standing(s, err) : rc;
}

static enum ms_rc
wait_for_approval(struct ms_session *s, struct ms_err *err)
{
	struct ms_backoff b = {.first_ms = POLL_FIRST_MS, .max_ms = POLL_MAX_MS};
	enum ms_rc rc = standing(s, err);
	if (rc == MS_ERR_PENDING)
		(void)fprintf(stderr, "muster-agent: waiting for approval; the code is %.*s\n", (int)s->rec.f.code.len,
		    (const char *)s->rec.f.code.p);
	while (rc == MS_ERR_PENDING || ms_rc_exit(rc) == 3) {
		ms_session_unlock(s);
		(void)usleep((useconds_t)(ms_backoff_next_ms(&b) * 1000));
		rc = ms_session_lock(s, err);
		if (rc == MS_OK)
			rc = ms_enroll_settle(s, err);
	}
	return rc;
}

/* ---- the command ---- */

/* The salt is on disk before the key that it makes is used. */
static enum ms_rc
keep_start(struct ms_session *s, const struct ms_agent_options *o, struct ms_err *err)
{
	uint8_t salt[MS_AGENT_SALT_LEN];
	enum ms_rc rc = ms_random(salt, sizeof salt, err);
	if (rc != MS_OK)
		return rc;
	uint64_t seen_s = 0; /* another deployment has another clock */
	bool reuse = s->rec.f.ak_salt.len == sizeof salt && status_is(s, "new");
	if (reuse)
		memcpy(salt, s->rec.f.ak_salt.p, sizeof salt);
	const struct ms_agent_fields f = {.server = ms_span_str(s->server),
	    .tenant = ms_span_str(o->tenant),
	    .ak_salt = ms_span(salt, sizeof salt),
	    .status = ms_span_str("new"),
	    .seen_s = seen_s};
	ms_agent_record_fini(&s->rec);
	s->rec.f = f;
	rc = ms_agent_state_write(s->state, "root.cbor", s->root->wire, err);
	return rc == MS_OK ? ms_session_save(s, err) : rc;
}

static enum ms_rc
start(struct ms_session *s, const struct ms_agent_options *o, struct ms_err *err)
{
	struct ms_root *root = NULL;
	struct candidate *d = calloc(1, sizeof *d);
	char *server = o->server == NULL ? NULL : strdup(o->server);
	if (server != NULL && strlen(server) > 8 && server[strlen(server) - 1] == '/')
		server[strlen(server) - 1] = '\0';
	enum ms_rc rc = d == NULL || server == NULL || o->root == NULL
			    ? ms_fail(err, MS_ERR_USAGE, "--server URL and --root HASH|FILE are wanted: see muster-agent enroll --help")
			    : ms_machine_claims(o, &d->claims, err);
	if (rc == MS_OK)
		rc = get_root(server, o->root, &root, err);
	if (rc == MS_OK)
		rc = ms_session_connect(s, server, &root, err);
	ms_root_free(root);
	if (rc == MS_OK)
		rc = ms_machine_agent_digest(d->digest, err);
	if (rc == MS_OK)
		rc = ms_machine_ek(s->tpm, &d->ek, err);
	if (rc == MS_OK)
		rc = keep_start(s, o, err);
	if (rc == MS_OK)
		rc = ms_tpm_ak(s->tpm, s->rec.f.ak_salt.p, &d->ak, err);
	if (rc == MS_OK)
		rc = exchange(s, d, err);
	if (d != NULL)
		ms_machine_ek_fini(&d->ek);
	free(d);
	free(server);
	return rc == MS_OK ? standing(s, err) : rc;
}

/* Given a root again: it must be the one that this machine trusts. */
static enum ms_rc
same_root(const struct ms_session *s, const struct ms_agent_options *o, struct ms_err *err)
{
	char hex[HASH_TEXT_LEN + 1];
	if (o->root == NULL || strlen(o->root) != HASH_TEXT_LEN)
		return MS_OK;
	ms_hex(s->root->hash, sizeof s->root->hash, hex);
	return strcasecmp(hex, o->root) == 0
		   ? MS_OK
		   : ms_fail(err, MS_ERR_CONFLICT, "this machine is enrolled in another deployment (%s): --again enrolls it anew", hex);
}

static enum ms_rc
enroll(struct ms_session *s, const struct ms_agent_options *o, struct ms_err *err)
{
	enum ms_rc rc = o->again ? MS_ERR_NOT_FOUND : ms_session_open(s, o, err);
	bool begun = rc == MS_OK && !status_is(s, "new") && !status_is(s, "refused");
	if (begun) {
		rc = same_root(s, o, err);
		if (rc == MS_OK)
			rc = ms_enroll_settle(s, err);
	} else if (rc == MS_OK || rc == MS_ERR_NOT_FOUND) {
		if (rc != MS_OK && s->tpm == NULL)
			rc = ms_session_open_tpm(s, o, err);
		else
			rc = MS_OK;
		if (rc == MS_OK && s->state == NULL)
			rc = ms_agent_state_open(o->state, true, &s->state, err);
		if (rc == MS_OK)
			rc = start(s, o, err);
	}
	return rc == MS_ERR_PENDING && o->wait ? wait_for_approval(s, err) : rc;
}

static void
show(const struct ms_session *s, struct ms_out *out)
{
	const struct ms_agent_fields *f = &s->rec.f;
	if (f->device.len == 0)
		return;
	ms_out_text(out, "status", "status", f->status);
	ms_out_text(out, "device", "device", f->device);
	if (status_is(s, "pending"))
		ms_out_text(out, "approval_code", "approval code", f->code);
	if (s->root != NULL)
		ms_out_hex(out, "root", "deployment root", ms_span(s->root->hash, sizeof s->root->hash));
}

int
ms_cmd_enroll(const struct ms_agent_options *o)
{
	MS_OWN(ms_out_free) struct ms_out *out = NULL;
	MS_OWN(ms_session_fini) struct ms_session s = {.o = o};
	struct ms_err err = {.rc = MS_OK};
	if (ms_out_new(o->json, &out, &err) != MS_OK)
		return ms_rc_exit(err.rc);
	enum ms_rc rc = enroll(&s, o, &err);
	show(&s, out);
	return rc == MS_OK ? ms_out_done(out, 0) : ms_out_error(out, &err);
}
