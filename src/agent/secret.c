/* muster-agent secret get: a secret that only this machine, in the state that it is in, can open. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/attested.h"
#include "agent/commands.h"
#include "agent/deliver.h"
#include "crypto/hpke.h"
#include "evidence/tpmname.h"
#include "secrets/rule.h"

#define INFO_MAX 2048u

/* What one try makes. */
struct attempt {
	struct ms_span path;
	uint64_t least;
	uint32_t mask;
	uint8_t salt[MS_AGENT_SALT_LEN];
	struct ms_tpm_certified key;
};

static enum ms_rc
new_key(struct attempt *a, struct ms_session *s, const struct ms_challenge *c, struct ms_err *err)
{
	uint8_t qualifying[MS_BIND_LEN];
	if (c->seal_mask == 0)
		return ms_fail(err, MS_ERR_DENIED, "the server has no policy yet, so it releases no secret");
	a->mask = c->seal_mask;
	enum ms_rc rc = ms_random(a->salt, sizeof a->salt, err);
	if (rc == MS_OK)
		rc = ms_bind_certify(MS_PURPOSE_SECRET, ms_span_str(s->o->tenant), ms_span_str(s->device),
		    ms_span(c->nonce, sizeof c->nonce), qualifying, err);
	return rc == MS_OK ? ms_tpm_seal_certify(s->tpm, a->salt, a->mask, s->rec.f.ak_salt.p, qualifying, &a->key, err) : rc;
}

static enum ms_rc
build(void *ctx, struct ms_session *s, const struct ms_challenge *c, struct ms_buf *request, struct ms_err *err)
{
	struct attempt *a = ctx;
	uint8_t op_id[16];
	enum ms_rc rc = new_key(a, s, c, err);
	if (rc == MS_OK)
		rc = ms_random(op_id, sizeof op_id, err);
	if (rc != MS_OK)
		return rc;
	const struct ms_secret_req q = {.path = a->path,
	    .key = ms_tpm_blob_span(&a->key.pub),
	    .certify = ms_tpm_blob_span(&a->key.attest),
	    .certify_sig = ms_tpm_blob_span(&a->key.signature),
	    .least = a->least,
	    .op_id = ms_span(op_id, sizeof op_id)};
	return ms_cbor_build_map(&ms_secret_req_table, &q, request, err);
}

/* ---- opening ---- */

struct tpm_key {
	struct ms_tpm *tpm;
	struct ms_tpm_seal seal;
};

static enum ms_rc
derive(void *ctx, const uint8_t peer[static MS_POINT_LEN], struct ms_secret *z, struct ms_err *err)
{
	struct tpm_key *k = ctx;
	MS_OWN(ms_secret_free) struct ms_secret *x = NULL;
	enum ms_rc rc = ms_tpm_seal_ecdh(k->tpm, &k->seal, peer, &x, err);
	if (rc != MS_OK)
		return rc;
	if (ms_secret_len(x) != MS_ECDH_Z_LEN || ms_secret_cap(z) < MS_ECDH_Z_LEN)
		return ms_fail(err, MS_ERR_TPM, "ECDH_ZGen: %zu bytes", ms_secret_len(x));
	memcpy(ms_secret_bytes(z), ms_secret_peek(x), MS_ECDH_Z_LEN);
	ms_secret_set_len(z, MS_ECDH_Z_LEN);
	return MS_OK;
}

static enum ms_rc
open_sealed(
    struct ms_session *s, const struct ms_tpm_seal *seal, const struct ms_secret_body *b, struct ms_secret **ret, struct ms_err *err)
{
	static const struct ms_ecdh_ops ops = {.name = "tpm", .derive = derive};
	struct tpm_key key = {.tpm = s->tpm, .seal = *seal};
	struct ms_ecdh ecdh = {.ops = &ops, .ctx = &key};
	struct ms_tpm_public pub;
	MS_OWN(ms_buf_fini) struct ms_buf info = {0};
	const struct ms_bind_secret bind = {.deployment = ms_span(s->root->deployment, sizeof s->root->deployment),
	    .tenant = ms_span_str(s->o->tenant),
	    .device = ms_span_str(s->device),
	    .path = b->path,
	    .version = b->version,
	    .nonce = b->nonce,
	    .evidence = b->evidence,
	    .leaf = b->leaf};
	ms_buf_init(&info, INFO_MAX);
	enum ms_rc rc = ms_bind_secret(&bind, &info, err);
	if (rc == MS_OK)
		rc = ms_tpm_public_parse(seal->pub, &pub, err);
	if (rc == MS_OK)
		rc = ms_tpm_public_p256(&pub, ecdh.point, err);
	const struct ms_hpke_from from = {.key = &ecdh, .info = ms_buf_span(&info)};
	if (rc == MS_OK)
		rc = ms_hpke_open(&from, b->enc.p, b->ct, ret, err);
	if (rc == MS_ERR_DENIED)
		return ms_fail(err, rc, "the machine is not in the state that the secret was sealed to (its PCRs changed since)");
	if (rc == MS_ERR_EXPIRED)
		return ms_fail(err, rc, "the sealing key ended with a reboot: get the secret anew, without --cached");
	return rc;
}

/* ---- keeping ---- */

static enum ms_rc
key_name(const struct attempt *a, struct ms_tpm_name *ret, struct ms_err *err)
{
	struct ms_tpm_public pub;
	enum ms_rc rc = ms_tpm_public_parse(ms_tpm_blob_span(&a->key.pub), &pub, err);
	return rc == MS_OK ? ms_tpm_public_name(&pub, ret, err) : rc;
}

static enum ms_rc
least_version(struct ms_session *s, struct ms_span path, uint64_t *ret, struct ms_err *err)
{
	struct ms_agent_secret kept;
	struct ms_buf mem;
	ms_buf_init(&mem, MS_AGENT_SECRET_MAX);
	enum ms_rc rc = ms_agent_secret_load(s->state, path, &mem, &kept, err);
	if (rc == MS_OK)
		*ret = kept.version;
	else if (rc == MS_ERR_NOT_FOUND) {
		*ret = 0;
		rc = MS_OK;
	}
	ms_buf_fini(&mem);
	return rc;
}

static enum ms_rc
keep(struct ms_session *s, const struct attempt *a, const struct ms_attested_done *d, const struct ms_secret_body *b, struct ms_err *err)
{
	const struct ms_agent_secret kept = {.path = a->path,
	    .version = b->version,
	    .statement = d->answer.result,
	    .salt = ms_span(a->salt, sizeof a->salt),
	    .mask = a->mask,
	    .key = ms_tpm_blob_span(&a->key.pub),
	    .leaf = b->leaf,
	    .received_s = d->challenge.c.now_s};
	return ms_agent_secret_save(s->state, &kept, err);
}

static enum ms_rc
refusal(const struct ms_attested_done *d, struct ms_err *err)
{
	enum ms_rc rc = ms_attested_passed(d, err);
	if (rc != MS_OK)
		return rc;
	struct ms_span reason = d->answer.has_act ? d->answer.act.entry.reason : ms_span_str("refused");
	return ms_fail(err, MS_ERR_DENIED, "%.*s", (int)reason.len, (const char *)reason.p);
}

enum ms_rc
ms_secret_fetch(struct ms_session *s, struct ms_span path, struct ms_secret_got *ret, struct ms_err *err)
{
	struct attempt a = {.path = path};
	const struct ms_attested_ask ask = {.purpose = MS_PURPOSE_SECRET, .build = build, .ctx = &a};
	MS_OWN(ms_attested_done_fini) struct ms_attested_done d = {.challenge = {.c = {.key = NULL}}};
	struct ms_secret_body b;
	struct ms_tpm_name name;
	enum ms_rc rc = least_version(s, path, &a.least, err);
	if (rc == MS_OK)
		rc = ms_attested_run(s, &ask, &d, err);
	if (rc == MS_OK && d.answer.result.len == 0)
		rc = refusal(&d, err);
	if (rc == MS_OK)
		rc = key_name(&a, &name, err);
	if (rc != MS_OK)
		return rc;
	const struct ms_trust_secret_ask want = {
	    .path = path, .least = a.least, .key_name = ms_tpm_name_span(&name), .evidence = ms_span(d.evidence, sizeof d.evidence)};
	rc = ms_trust_secret(&s->trust, &d.device, &d.answer, &d.challenge.c, &want, &b, err);
	if (rc == MS_OK)
		rc = keep(s, &a, &d, &b, err);
	if (rc != MS_OK)
		return rc;
	const struct ms_tpm_seal seal = {.pub = ms_tpm_blob_span(&a.key.pub), .salt = a.salt, .mask = a.mask};
	ret->version = b.version;
	return open_sealed(s, &seal, &b, &ret->value, err);
}

enum ms_rc
ms_secret_cached(struct ms_session *s, struct ms_span path, struct ms_secret_got *ret, struct ms_err *err)
{
	struct ms_agent_secret kept;
	struct ms_secret_body b;
	MS_OWN(ms_buf_fini) struct ms_buf mem = {0};
	ms_buf_init(&mem, MS_AGENT_SECRET_MAX);
	if (s->device == NULL)
		return ms_fail(err, MS_ERR_PENDING, "this machine is not enrolled");
	enum ms_rc rc = ms_agent_secret_load(s->state, path, &mem, &kept, err);
	if (rc == MS_ERR_NOT_FOUND)
		return ms_fail(err, rc, "this secret was never got here");
	if (rc == MS_OK)
		rc = ms_trust_secret_kept(&s->trust, s->device, path, kept.statement, &b, err);
	if (rc == MS_OK && b.version != kept.version)
		rc = ms_fail(err, MS_ERR_REPLAY, "the kept secret is not the latest that this device had");
	if (rc != MS_OK)
		return rc;
	const struct ms_tpm_seal seal = {.pub = kept.key, .salt = kept.salt.p, .mask = (uint32_t)kept.mask};
	ret->version = b.version;
	return open_sealed(s, &seal, &b, &ret->value, err);
}

enum ms_rc
ms_secret_note_file(struct ms_session *s, struct ms_span path, const char *file, struct ms_err *err)
{
	struct ms_agent_secret kept;
	struct ms_buf mem;
	ms_buf_init(&mem, MS_AGENT_SECRET_MAX);
	enum ms_rc rc = ms_agent_secret_load(s->state, path, &mem, &kept, err);
	if (rc == MS_OK) {
		kept.file = ms_span_str(file);
		kept.present |= MS_CBOR_BIT(MS_AGENT_SECRET_FILE);
		rc = ms_agent_secret_save(s->state, &kept, err);
	}
	ms_buf_fini(&mem);
	return rc;
}

/* ---- the command ---- */

static enum ms_rc
deliver(struct ms_session *s, const struct ms_secret_got *got, struct ms_out *out, struct ms_err *err)
{
	const struct ms_agent_options *o = s->o;
	char file[PATH_MAX] = "";
	enum ms_rc rc;
	if (o->to_stdout)
		return ms_deliver_stdout(got->value, err);
	if (o->out != NULL) {
		(void)snprintf(file, sizeof file, "%s", o->out);
		rc = ms_deliver_file(o->out, got->value, err);
	} else {
		rc = ms_deliver_below(o->dir != NULL ? o->dir : MS_DELIVER_DIR, ms_span_str(o->path), got->value, file, sizeof file, err);
	}
	if (rc == MS_OK)
		rc = ms_secret_note_file(s, ms_span_str(o->path), file, err);
	ms_out_str(out, "path", "path", o->path);
	ms_out_uint(out, "version", "version", got->version);
	ms_out_str(out, "file", "file", file);
	return rc;
}

static enum ms_rc
get(const struct ms_agent_options *o, struct ms_out *out, struct ms_err *err)
{
	MS_OWN(ms_session_fini) struct ms_session s = {.o = o};
	struct ms_secret_got got = {.value = NULL};
	struct ms_span path = ms_span_str(o->path);
	if (!ms_secret_path_ok(path))
		return ms_fail(err, MS_ERR_USAGE, "PATH: 1 to 8 names of a-z 0-9 . _ - joined by /");
	if ((o->to_stdout ? 1 : 0) + (o->out != NULL ? 1 : 0) + (o->dir != NULL ? 1 : 0) > 1)
		return ms_fail(err, MS_ERR_USAGE, "one of --out, --dir and --stdout");
	if (o->to_stdout && isatty(STDOUT_FILENO) != 0)
		return ms_fail(err, MS_ERR_USAGE, "--stdout: standard output is a terminal: a secret is not shown there");
	enum ms_rc rc = ms_session_open(&s, o, err);
	if (rc == MS_OK && !o->cached)
		rc = ms_enroll_settle(&s, err);
	if (rc == MS_OK)
		rc = o->cached ? ms_secret_cached(&s, path, &got, err) : ms_secret_fetch(&s, path, &got, err);
	if (rc == MS_OK)
		rc = deliver(&s, &got, out, err);
	ms_secret_free(got.value);
	return rc;
}

int
ms_cmd_secret_get(const struct ms_agent_options *o)
{
	MS_OWN(ms_out_free) struct ms_out *out = NULL;
	struct ms_err err = {.rc = MS_OK};
	if (ms_out_new(o->json, &out, &err) != MS_OK)
		return ms_rc_exit(err.rc);
	enum ms_rc rc = get(o, out, &err);
	if (rc == MS_OK)
		return o->to_stdout ? 0 : ms_out_done(out, 0);
	return ms_out_error(out, &err);
}
