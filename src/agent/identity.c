/* A key of this TPM and a certificate that names this device: attested together. */
#include <string.h>

#include "agent/attested.h"
#include "agent/csr.h"
#include "base/clock.h"
#include "codec/tpm.h"

#define PEM_FILE "identity.pem"
#define PEM_MAX 16384u

/* What one try makes. */
struct attempt {
	uint8_t salt[MS_AGENT_SALT_LEN];
	uint8_t point[MS_POINT_LEN];
	struct ms_tpm *tpm;
};

static enum ms_rc
sign(void *ctx, const uint8_t digest[static 32], uint8_t sig[static 64], struct ms_err *err)
{
	struct attempt *a = ctx;
	return ms_tpm_identity_sign(a->tpm, a->salt, digest, sig, err);
}

static enum ms_rc
new_key(struct attempt *a, struct ms_session *s, const struct ms_challenge *c, struct ms_tpm_certified *ret, struct ms_err *err)
{
	uint8_t qualifying[MS_BIND_LEN];
	struct ms_tpm_public pub;
	a->tpm = s->tpm;
	enum ms_rc rc = ms_random(a->salt, sizeof a->salt, err);
	if (rc == MS_OK)
		rc = ms_bind_certify(MS_PURPOSE_IDENTITY, ms_span_str(s->o->tenant), ms_span_str(s->device),
		    ms_span(c->nonce, sizeof c->nonce), qualifying, err);
	if (rc == MS_OK)
		rc = ms_tpm_identity_certify(s->tpm, a->salt, s->rec.f.ak_salt.p, qualifying, ret, err);
	if (rc == MS_OK)
		rc = ms_tpm_public_parse(ms_tpm_blob_span(&ret->pub), &pub, err);
	return rc == MS_OK ? ms_tpm_public_p256(&pub, a->point, err) : rc;
}

static enum ms_rc
build(void *ctx, struct ms_session *s, const struct ms_challenge *c, struct ms_buf *request, struct ms_err *err)
{
	struct attempt *a = ctx;
	struct ms_tpm_certified key;
	uint8_t op_id[16];
	MS_OWN(ms_buf_fini) struct ms_buf csr = {0};
	ms_buf_init(&csr, MS_AGENT_CSR_MAX);
	enum ms_rc rc = new_key(a, s, c, &key, err);
	if (rc == MS_OK)
		rc = ms_agent_csr_build(a->point, sign, a, &csr, err);
	if (rc == MS_OK)
		rc = ms_random(op_id, sizeof op_id, err);
	if (rc != MS_OK)
		return rc;
	const struct ms_identity_req q = {.key = ms_tpm_blob_span(&key.pub),
	    .certify = ms_tpm_blob_span(&key.attest),
	    .certify_sig = ms_tpm_blob_span(&key.signature),
	    .csr = ms_buf_span(&csr),
	    .op_id = ms_span(op_id, sizeof op_id)};
	return ms_cbor_build_map(&ms_identity_req_table, &q, request, err);
}

/* The certificate's file is written last: with it there, its salt is there. */
static enum ms_rc
keep(struct ms_session *s, const struct attempt *a, const struct ms_cert *cert, struct ms_err *err)
{
	struct ms_buf pem;
	ms_buf_init(&pem, PEM_MAX);
	ms_agent_pem(cert->der, &pem);
	ms_agent_pem(s->root->body.ca_issuing, &pem);
	s->rec.f.identity_salt = ms_span(a->salt, sizeof a->salt);
	s->rec.f.cert_from_s = cert->not_before_s;
	s->rec.f.cert_until_s = cert->not_after_s;
	enum ms_rc rc = ms_buf_check(&pem, err);
	if (rc == MS_OK)
		rc = ms_session_save(s, err);
	if (rc == MS_OK)
		rc = ms_agent_state_write(s->state, PEM_FILE, ms_buf_span(&pem), err);
	ms_buf_fini(&pem);
	return rc;
}

enum ms_rc
ms_identity(struct ms_session *s, struct ms_attested_done *ret, struct ms_err *err)
{
	struct attempt a = {.tpm = NULL};
	const struct ms_attested_ask ask = {.purpose = MS_PURPOSE_IDENTITY, .build = build, .ctx = &a};
	struct ms_cert cert;
	enum ms_rc rc = ms_attested_run(s, &ask, ret, err);
	if (rc == MS_OK)
		rc = ms_attested_passed(ret, err);
	if (rc == MS_OK && ret->answer.result.len == 0)
		return ms_fail(err, MS_ERR_DENIED, "no certificate: %.*s", (int)ret->answer.act.entry.reason.len,
		    ret->answer.has_act ? (const char *)ret->answer.act.entry.reason.p : "");
	if (rc == MS_OK)
		rc = ms_trust_identity(&s->trust, &ret->device, &ret->answer, a.point, &cert, err);
	return rc == MS_OK ? keep(s, &a, &cert, err) : rc;
}

bool
ms_identity_due(const struct ms_session *s)
{
	const struct ms_agent_fields *f = &s->rec.f;
	struct ms_buf pem;
	int64_t now = (int64_t)ms_clock_wall_s() + s->clock_off_s;
	ms_buf_init(&pem, PEM_MAX);
	bool there = f->cert_until_s != 0 && ms_agent_state_read(s->state, PEM_FILE, PEM_MAX, &pem, NULL) == MS_OK;
	ms_buf_fini(&pem);
	return !there || now < 0 || (uint64_t)now >= f->cert_from_s + (f->cert_until_s - f->cert_from_s) / 2;
}
