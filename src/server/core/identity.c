/* Certificates: a device that passed gets one for a key that the AK certified; net gets its own TLS certificate. */
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "codec/der.h"
#include "crypto/hash.h"
#include "identity/leafcert.h"
#include "proto/data.h"
#include "server/core/attested.h"

#define SERIAL_LEN 16u
#define TLS_LIFE_S (6u * 3600u) /* when the configuration says nothing */
#define NAMES_MAX MS_CERT_NAMES_MAX

/* Certificate serial: positive and of full length whatever the random bytes are. */
static enum ms_rc
new_serial(uint8_t serial[static SERIAL_LEN], struct ms_err *err)
{
	enum ms_rc rc = ms_random(serial, SERIAL_LEN, err);
	serial[0] = (uint8_t)((serial[0] & 0x3f) | 0x40);
	return rc;
}

static enum ms_rc
on_refusal_ticket(MS_UNUSED struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	return ms_attested_reply(j, MS_SPAN_NONE, err);
}

static enum ms_rc
log_refusal(struct ms_core *c, struct ms_job *j, struct ms_attested_job *a, const char *reason, struct ms_err *err)
{
	uint8_t request[32];
	ms_sha256(a->msg.request, request);
	if (a->reason[0] == '\0')
		(void)snprintf(a->reason, sizeof a->reason, "%s", reason);
	struct ms_entry e = {.kind = ms_span_str("cert.refuse"),
	    .actor = ms_span_str(a->actor),
	    .subject = a->msg.device,
	    .request = ms_span(request, 32),
	    .decision = ms_span_str("denied"),
	    .reason = ms_span_str(a->reason),
	    .evidence = ms_span(a->evidence, 32)};
	j->ticketed = on_refusal_ticket;
	return ms_job_log(c, j, &e, NULL, err);
}

static enum ms_rc
on_certificate(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	struct ms_identity_result r = {.cert = j->result, .issuing = c->root->body.ca_issuing};
	struct ms_buf b;
	ms_buf_init(&b, 8192);
	enum ms_rc rc = ms_cbor_build_map(&ms_identity_result_table, &r, &b, err);
	if (rc == MS_OK)
		rc = ms_attested_reply(j, ms_buf_span(&b), err);
	ms_buf_fini(&b);
	return rc;
}

static enum ms_rc
on_issue_ticket(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	j->acted = on_certificate;
	return ms_keeper_ask(c, j, MS_ACT_IDENTITY, j->n_staged - 1, err);
}

/* The CSR is for the key that was certified, and is signed by it. No name or extension in it is used. */
static enum ms_rc
check_csr(const struct ms_attested_job *a, struct ms_err *err)
{
	struct ms_csr csr;
	uint8_t raw[64];
	struct ms_buf spki;
	MS_OWN(ms_pubkey_free) struct ms_pubkey *key = NULL;
	enum ms_rc rc = ms_der_csr_parse(a->identity.csr, &csr, err);
	if (rc != MS_OK)
		return rc;
	ms_buf_init(&spki, 256);
	ms_der_spki_p256(&spki, a->point);
	bool same = ms_span_eq(csr.spki, ms_buf_span(&spki));
	ms_buf_fini(&spki);
	if (!same || csr.signature_alg != MS_OID_ECDSA_SHA256)
		return ms_fail(err, MS_ERR_AUTH, "CSR: its key is not the one that the AK certified");
	rc = ms_pubkey_from_point(a->point, &key, err);
	if (rc == MS_OK)
		rc = ms_der_ecdsa_parse(csr.signature, raw, err);
	return rc == MS_OK ? ms_pubkey_verify(key, MS_SIG_ECDSA_SHA256, csr.info, ms_span(raw, sizeof raw), err) : rc;
}

/* Log cert.issue with the hash of the TBSCertificate, and build the act that will be done under it. */
static enum ms_rc
log_issue(struct ms_core *c, struct ms_job *j, struct ms_attested_job *a, const struct ms_act_identity *act, struct ms_span tbs,
    struct ms_err *err)
{
	uint8_t digest[32], tbs_hash[32], request[32];
	ms_sha256(ms_buf_span(&j->params), digest);
	ms_sha256(tbs, tbs_hash);
	ms_sha256(a->msg.request, request);
	struct ms_data_cert data = {
	    .serial = act->serial, .tbs = ms_span(tbs_hash, 32), .not_before_s = act->not_before_s, .not_after_s = act->not_after_s};
	struct ms_entry e = {.kind = ms_span_str("cert.issue"),
	    .actor = ms_span_str(a->actor),
	    .subject = a->msg.device,
	    .request = ms_span(request, 32),
	    .decision = ms_span_str("ok"),
	    .policy = ms_span(a->judged.verdict.policy_id, 32),
	    .evidence = ms_span(a->evidence, 32),
	    .act = ms_span(digest, 32)};
	j->ticketed = on_issue_ticket;
	return ms_job_log_data(c, j, &e, &ms_data_cert_table, &data, NULL, err);
}

static enum ms_rc
stage_issue(
    struct ms_core *c, struct ms_job *j, struct ms_attested_job *a, struct ms_buf *admission, struct ms_buf *tbs, struct ms_err *err)
{
	uint8_t serial[SERIAL_LEN];
	enum ms_rc rc = ms_statement_get(c, "admission", ms_span_str(j->tenant), a->msg.device, admission, err);
	if (rc == MS_OK)
		rc = new_serial(serial, err);
	if (rc != MS_OK)
		return rc;
	struct ms_act_identity act = {.admission = ms_buf_span(admission),
	    .nonce = a->msg.nonce,
	    .exporter = ms_span(j->exporter, sizeof j->exporter),
	    .request = a->msg.request,
	    .attest = a->msg.attest,
	    .signature = a->msg.signature,
	    .pcrs = a->msg.pcrs,
	    .serial = ms_span(serial, sizeof serial),
	    .not_before_s = c->now_s - MS_CERT_BACKDATE_S,
	    .not_after_s = c->now_s + a->judged.settings.certificate_life_s};
	struct ms_leafcert leaf = {.issuing = c->root->body.ca_issuing,
	    .serial = act.serial,
	    .point = a->point,
	    .not_before_s = act.not_before_s,
	    .not_after_s = act.not_after_s,
	    .trust_domain = c->root->body.trust_domain,
	    .tenant = ms_span_str(j->tenant),
	    .device = a->msg.device,
	    .hw_serial = a->device.claims.serial};
	rc = ms_leafcert_tbs(&leaf, tbs, err);
	ms_buf_reset(&j->params);
	if (rc == MS_OK)
		rc = ms_cbor_build_map(&ms_act_identity_table, &act, &j->params, err);
	return rc == MS_OK ? log_issue(c, j, a, &act, ms_buf_span(tbs), err) : rc;
}

enum ms_rc
ms_identity_stage(struct ms_core *c, struct ms_job *j, struct ms_attested_job *a, struct ms_err *err)
{
	struct ms_buf admission, tbs;
	if (a->outcome != MS_OUTCOME_PASS)
		return log_refusal(c, j, a, "not-passed", err);
	if (!a->judged.verdict.identity)
		return log_refusal(c, j, a, "no-identity: the rule gives no certificates", err);
	if (check_csr(a, err) != MS_OK)
		return log_refusal(c, j, a, "csr-key: the CSR is not for, or not signed by, the certified key", err);
	ms_buf_init(&admission, 8192);
	ms_buf_init(&tbs, MS_CERT_MAX);
	enum ms_rc rc = stage_issue(c, j, a, &admission, &tbs, err);
	ms_buf_fini(&admission);
	ms_buf_fini(&tbs);
	return rc;
}

/* ---- net's own certificate ---- */

static enum ms_rc
on_tls_certificate(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	struct ms_cert cert;
	struct ms_buf b;
	enum ms_rc rc = ms_cert_parse_min(j->result, &cert, err);
	if (rc != MS_OK)
		return rc;
	struct ms_net_tls_cert t = {.chain = {j->result, c->root->body.ca_issuing}, .n = 2, .not_after_s = cert.not_after_s};
	ms_buf_init(&b, 4 * MS_CERT_MAX);
	ms_net_tls_cert_build(&t, &b);
	rc = ms_buf_check(&b, err);
	if (rc == MS_OK)
		rc = ms_chan_send(c->nets[j->net].chan, MS_NET_TLS_CERT, j->frame, ms_buf_span(&b), err);
	ms_buf_fini(&b);
	j->net = MS_JOB_NO_NET; /* answered by that frame */
	j->answered = true;
	return rc;
}

static enum ms_rc
on_tls_ticket(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	j->acted = on_tls_certificate;
	return ms_keeper_ask(c, j, MS_ACT_TLS_CERT, 0, err);
}

static enum ms_rc
tls_log(struct ms_core *c, struct ms_job *j, const struct ms_act_tls_cert *act, struct ms_buf *tbs, struct ms_err *err)
{
	const char *names[NAMES_MAX + 1] = {NULL};
	uint8_t digest[32], tbs_hash[32];
	for (size_t i = 0; i < NAMES_MAX; i++)
		if ((names[i] = ms_role_get_item(c->role, "server_names", i)) == NULL)
			break;
	struct ms_leafcert leaf = {.issuing = c->root->body.ca_issuing,
	    .serial = act->serial,
	    .point = act->point.p,
	    .not_before_s = act->not_before_s,
	    .not_after_s = act->not_after_s,
	    .names = names};
	enum ms_rc rc = ms_leafcert_tbs(&leaf, tbs, err);
	if (rc == MS_OK)
		rc = ms_cbor_build_map(&ms_act_tls_cert_table, act, &j->params, err);
	if (rc != MS_OK)
		return rc;
	ms_sha256(ms_buf_span(&j->params), digest);
	ms_sha256(ms_buf_span(tbs), tbs_hash);
	struct ms_data_cert data = {
	    .serial = act->serial, .tbs = ms_span(tbs_hash, 32), .not_before_s = act->not_before_s, .not_after_s = act->not_after_s};
	struct ms_entry e = {.tenant = ms_span_str("*"),
	    .kind = ms_span_str("server.tls"),
	    .actor = ms_span_str("server"),
	    .subject = ms_span_str("server"),
	    .request = ms_span(digest, 32),
	    .decision = ms_span_str("ok"),
	    .act = ms_span(digest, 32)};
	j->ticketed = on_tls_ticket;
	return ms_job_log_data(c, j, &e, &ms_data_cert_table, &data, NULL, err);
}

static enum ms_rc
step_tls(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	struct ms_spki spki;
	struct ms_buf tbs;
	uint8_t serial[SERIAL_LEN];
	enum ms_rc rc = ms_der_spki_parse(ms_buf_span(&j->body), &spki, err);
	if (rc == MS_OK && spki.type != MS_SPKI_P256)
		rc = ms_fail(err, MS_ERR_UNSUPPORTED, "net: a TLS key that is not P-256");
	if (rc == MS_OK)
		rc = new_serial(serial, err);
	if (rc != MS_OK)
		return rc;
	struct ms_act_tls_cert act = {.point = spki.point,
	    .serial = ms_span(serial, sizeof serial),
	    .not_before_s = c->now_s - MS_CERT_BACKDATE_S,
	    .not_after_s = c->now_s + ms_role_get_uint(c->role, "tls_life_s", TLS_LIFE_S)};
	ms_buf_init(&tbs, MS_CERT_MAX);
	rc = tls_log(c, j, &act, &tbs, err);
	ms_buf_fini(&tbs);
	return rc;
}

enum ms_rc
ms_request_tls(struct ms_core *c, struct ms_job *j, MS_UNUSED struct ms_err *err)
{
	ms_job_ready(c, j, step_tls);
	return MS_OK;
}
