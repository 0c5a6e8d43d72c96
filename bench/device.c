#include "device.h"

#include <stdio.h>
#include <string.h>

#include "agent/csr.h"
#include "audit/merkle.h"
#include "base/clock.h"
#include "base/io.h"
#include "codec/cose.h"
#include "crypto/cosesig.h"
#include "crypto/hpke.h"
#include "identity/cert.h"
#include "logs.h"
#include "measure.h"

#define BODY_MAX MS_ATTESTED_MAX
#define PATH(x) "/v1/t/" BENCH_TENANT "/" x
#define SECRET_LIFE_SKEW_S 60u

static const struct {
	const char *name, *purpose;
} jobs[BENCH_JOBS] = {{"enroll", "enroll"}, {"attest", "attest"}, {"identity", "identity"}, {"secret", "secret"}, {"boot-log", "attest"},
    {"boot-hash", "attest"}, {"ima", "attest"}, {"both", "attest"}, {"tail", "attest"}};

const char *
bench_job_name(enum bench_job j)
{
	return jobs[j].name;
}

/* ---- the device ---- */

static enum ms_rc
sign_csr(void *ctx, const uint8_t digest[static 32], uint8_t sig[static 64], struct ms_err *err)
{
	return ms_softkey_sign_digest(ctx, digest, sig, err);
}

enum ms_rc
bench_device_init(struct bench_device *d, unsigned index, struct ms_err *err)
{
	*d = (struct bench_device){.tpm = NULL};
	ms_buf_init(&d->csr, 4096);
	ms_buf_init(&d->identity_public, MS_TPM_PUBLIC_MAX);
	ms_buf_init(&d->ima_last, 512);
	(void)snprintf(d->name, sizeof d->name, "bench-%u", index);
	(void)snprintf(d->serial, sizeof d->serial, "SN%u", index);
	enum ms_rc rc = bench_tpm_new("bench", BENCH_TPM_EK_ECC, &d->tpm, err);
	if (rc == MS_OK)
		rc = ms_softkey_generate(MS_KEY_P256, &d->identity, err);
	if (rc == MS_OK)
		rc = ms_ecdh_key_generate(&d->sealing, err);
	if (rc != MS_OK)
		return rc;
	*bench_tpm_pcrs(d->tpm) = bench_logs()->pcrs;
	d->ima_entries = BENCH_IMA_ENTRIES;
	bench_logs_own(d->name, bench_tpm_pcrs(d->tpm)->value[10], &d->ima_last);
	const uint8_t *point = ms_pubkey_point(ms_softkey_public(d->identity)).p;
	bench_tpm_identity_public(point, &d->identity_public);
	return ms_agent_csr_build(point, sign_csr, d->identity, &d->csr, err);
}

void
bench_device_fini(struct bench_device *d)
{
	bench_tpm_free(d->tpm);
	ms_softkey_free(d->identity);
	ms_ecdh_key_free(d->sealing);
	ms_buf_fini(&d->csr);
	ms_buf_fini(&d->ima_last);
	ms_buf_fini(&d->identity_public);
}

/* An attestation: it asks for nothing but a verdict. */
static bool
is_plain(enum bench_job j)
{
	return j == BENCH_ATTEST || j >= BENCH_BOOT_LOG;
}

/* ---- requests ---- */

void
bench_exchange_init(struct bench_exchange *x, const struct ms_root *root)
{
	*x = (struct bench_exchange){.root = root};
	ms_buf_init(&x->body, BODY_MAX);
	ms_buf_init(&x->transcript, 4096);
}

void
bench_exchange_fini(struct bench_exchange *x)
{
	ms_buf_fini(&x->body);
	ms_buf_fini(&x->transcript);
}

enum ms_rc
bench_exchange_start(struct bench_exchange *x, struct bench_device *d, enum bench_job job, struct ms_err *err)
{
	struct ms_challenge_req q = {.v = MS_PROTOCOL_VERSION, .purpose = ms_span_str(jobs[job].purpose)};
	x->device = d;
	x->job = job;
	x->step = 0;
	x->path = PATH("challenge");
	ms_buf_reset(&x->body);
	return ms_cbor_build_map(&ms_challenge_req_table, &q, &x->body, err);
}

/* The body of a statement whose signature is not looked at: a load generator has nothing to lose. */
static enum ms_rc
unsigned_body(struct ms_span wire, struct ms_span *ret, struct ms_err *err)
{
	struct ms_cose_sign1 cose;
	enum ms_rc rc = ms_cose_parse(wire, &cose, err);
	if (rc != MS_OK)
		return rc;
	struct ms_cbor c = ms_cbor_over(cose.payload);
	for (size_t n = ms_cbor_read_map(&c); n > 0; n--) {
		if (ms_cbor_read_uint(&c) != 7) {
			ms_cbor_skip(&c);
			continue;
		}
		*ret = ms_cbor_read_bytes(&c);
		return MS_OK;
	}
	return ms_fail(err, MS_ERR_MALFORMED, "statement without a body");
}

static enum ms_rc
take_challenge(struct bench_exchange *x, struct ms_span answer, struct ms_err *err)
{
	struct ms_challenge_resp r;
	struct ms_challenge_body c;
	struct ms_span body = MS_SPAN_NONE;
	enum ms_rc rc = ms_cbor_parse_map(&ms_challenge_resp_table, answer, &r, err);
	if (rc == MS_OK)
		rc = unsigned_body(r.challenge, &body, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_challenge_body_table, body, &c, err);
	if (rc != MS_OK)
		return rc;
	memcpy(x->nonce, c.nonce.p, sizeof x->nonce);
	x->seal_mask = MS_CBOR_HAS(&c, MS_CHALLENGE_BODY_SEAL_MASK) ? (uint32_t)c.seal_mask : 0;
	return MS_OK;
}

static enum ms_rc
quote(struct bench_exchange *x, const char *device, struct ms_span request, const uint8_t *exporter, const struct bench_tpm_attest *out,
    struct ms_err *err)
{
	uint8_t extra[MS_BIND_LEN];
	struct ms_bind_quote b = {.purpose = ms_purpose_by_name(ms_span_str(jobs[x->job].purpose)),
	    .tenant = ms_span_str(BENCH_TENANT),
	    .device = ms_span_str(device),
	    .nonce = ms_span(x->nonce, sizeof x->nonce),
	    .request = request,
	    .authority = ms_span(ms_pubkey_id(x->root->release), MS_KEY_ID_LEN),
	    .exporter = ms_span(exporter, BENCH_EXPORTER_LEN)};
	enum ms_rc rc = ms_bind_quote(&b, extra, err);
	return rc == MS_OK ? bench_tpm_quote(x->device->tpm, ms_span(extra, sizeof extra), MS_PCRS_ATTEST_MASK, out, err) : rc;
}

/* ---- enrolment ---- */

static enum ms_rc
build_begin(struct bench_exchange *x, struct ms_err *err)
{
	static const uint8_t zeros[32];
	const struct bench_tpm *tpm = x->device->tpm;
	struct ms_transcript t = {.label = ms_span_str("muster/v1/enroll"),
	    .deployment = ms_span(x->root->deployment, 16),
	    .tenant = ms_span_str(BENCH_TENANT),
	    .name = ms_span_str(x->device->name),
	    .serial = ms_span_str(x->device->serial),
	    .model = ms_span_str(BENCH_MODEL),
	    .ek_public = bench_tpm_ek_public(tpm),
	    .ek_cert_hash = ms_span(zeros, 32),
	    .ak_public = bench_tpm_ak_public(tpm),
	    .agent_version = ms_span_str("bench"),
	    .agent_digest = ms_span(zeros, 32),
	    .nonce = ms_span(x->nonce, sizeof x->nonce)};
	ms_buf_reset(&x->transcript);
	enum ms_rc rc = ms_cbor_build_map(&ms_transcript_table, &t, &x->transcript, err);
	struct ms_enroll_begin b = {.v = MS_PROTOCOL_VERSION, .transcript = ms_buf_span(&x->transcript)};
	x->path = PATH("enroll/begin");
	return rc == MS_OK ? ms_cbor_build_map(&ms_enroll_begin_table, &b, &x->body, err) : rc;
}

static enum ms_rc
prove(struct bench_exchange *x, struct ms_span answer, uint8_t proof[static 32], struct ms_err *err)
{
	struct ms_credential c;
	uint8_t secret[MS_SHA256_LEN];
	size_t len = 0;
	MS_OWN(ms_secret_free) struct ms_secret *key = NULL;
	enum ms_rc rc = ms_cbor_parse_map(&ms_credential_table, answer, &c, err);
	if (rc == MS_OK)
		rc = bench_tpm_activate(x->device->tpm, c.blob, c.secret, secret, &len, err);
	if (rc == MS_OK)
		rc = ms_secret_from(secret, len, &key, err);
	struct ms_span transcript = ms_buf_span(&x->transcript);
	return rc == MS_OK ? ms_hmac_sha256v(key, &transcript, 1, proof, err) : rc;
}

static enum ms_rc
build_finish(struct bench_exchange *x, struct ms_span answer, const uint8_t *exporter, struct ms_err *err)
{
	uint8_t proof[32];
	char ek_hex[65];
	MS_OWN(ms_buf_fini) struct ms_buf attest = {.p = NULL}, signature = {.p = NULL}, pcrs = {.p = NULL};
	ms_buf_init(&attest, MS_TPM_ATTEST_MAX);
	ms_buf_init(&signature, MS_TPM_SIGNATURE_MAX);
	ms_buf_init(&pcrs, MS_PCRS_WIRE_MAX);
	const struct bench_tpm_attest out = {&attest, &signature};
	ms_hex(bench_tpm_ek_hash(x->device->tpm).p, 32, ek_hex);
	enum ms_rc rc = prove(x, answer, proof, err);
	if (rc == MS_OK)
		rc = quote(x, ek_hex, ms_buf_span(&x->transcript), exporter, &out, err);
	if (rc == MS_OK)
		rc = ms_pcrs_build(bench_tpm_pcrs(x->device->tpm), &pcrs, err);
	struct ms_enroll_finish f = {.v = MS_PROTOCOL_VERSION,
	    .transcript = ms_buf_span(&x->transcript),
	    .proof = ms_span(proof, 32),
	    .attest = ms_buf_span(&attest),
	    .signature = ms_buf_span(&signature),
	    .pcrs = ms_buf_span(&pcrs)};
	x->path = PATH("enroll/finish");
	return rc == MS_OK ? ms_cbor_build_map(&ms_enroll_finish_table, &f, &x->body, err) : rc;
}

static enum ms_rc
check_enrolled(struct ms_span answer, struct ms_err *err)
{
	struct ms_enroll_resp r;
	enum ms_rc rc = ms_cbor_parse_map(&ms_enroll_resp_table, answer, &r, err);
	if (rc == MS_OK && !ms_span_eq(r.status, ms_span_str("enrolled")))
		rc = ms_fail(err, MS_ERR_DENIED, "status %.*s", (int)r.status.len, (const char *)r.status.p);
	return rc;
}

/* ---- attested requests ---- */

struct certification {
	struct ms_buf area, attest, signature;
};

static enum ms_rc
certify(struct bench_exchange *x, uint32_t hierarchy, struct certification *c, struct ms_err *err)
{
	uint8_t extra[MS_BIND_LEN];
	const struct bench_tpm_attest out = {&c->attest, &c->signature};
	enum ms_rc rc = ms_bind_certify(ms_purpose_by_name(ms_span_str(jobs[x->job].purpose)), ms_span_str(BENCH_TENANT),
	    ms_span_str(bench_tpm_device(x->device->tpm)), ms_span(x->nonce, sizeof x->nonce), extra, err);
	return rc == MS_OK ? bench_tpm_certify(x->device->tpm, ms_buf_span(&c->area), hierarchy, ms_span(extra, sizeof extra), &out, err)
			   : rc;
}

static enum ms_rc
identity_request(struct bench_exchange *x, struct certification *c, const uint8_t op[static 16], struct ms_buf *request, struct ms_err *err)
{
	ms_buf_put_span(&c->area, ms_buf_span(&x->device->identity_public));
	enum ms_rc rc = certify(x, MS_TPM_RH_ENDORSEMENT, c, err);
	struct ms_identity_req q = {.key = ms_buf_span(&c->area),
	    .certify = ms_buf_span(&c->attest),
	    .certify_sig = ms_buf_span(&c->signature),
	    .csr = ms_buf_span(&x->device->csr),
	    .op_id = ms_span(op, 16)};
	return rc == MS_OK ? ms_cbor_build_map(&ms_identity_req_table, &q, request, err) : rc;
}

static enum ms_rc
secret_request(struct bench_exchange *x, struct certification *c, const uint8_t op[static 16], struct ms_buf *request, struct ms_err *err)
{
	const uint8_t *point = ms_pubkey_point(ms_ecdh_key_public(x->device->sealing)).p;
	enum ms_rc rc = bench_tpm_sealing_public(x->device->tpm, x->seal_mask, point, &c->area, err);
	if (rc == MS_OK)
		rc = certify(x, MS_TPM_RH_NULL, c, err);
	struct ms_secret_req q = {.path = ms_span_str(BENCH_SECRET),
	    .key = ms_buf_span(&c->area),
	    .certify = ms_buf_span(&c->attest),
	    .certify_sig = ms_buf_span(&c->signature),
	    .op_id = ms_span(op, 16)};
	return rc == MS_OK ? ms_cbor_build_map(&ms_secret_req_table, &q, request, err) : rc;
}

static enum ms_rc
build_request(struct bench_exchange *x, struct ms_buf *request, struct ms_err *err)
{
	static const struct ms_attest_req attest = {.agent_version = {(const uint8_t *)"bench", 5}};
	struct certification c;
	uint8_t op[16];
	if (is_plain(x->job))
		return ms_cbor_build_map(&ms_attest_req_table, &attest, request, err);
	ms_buf_init(&c.area, MS_TPM_PUBLIC_MAX);
	ms_buf_init(&c.attest, MS_TPM_ATTEST_MAX);
	ms_buf_init(&c.signature, MS_TPM_SIGNATURE_MAX);
	enum ms_rc rc = ms_random(op, sizeof op, err);
	if (rc == MS_OK)
		rc = x->job == BENCH_IDENTITY ? identity_request(x, &c, op, request, err) : secret_request(x, &c, op, request, err);
	ms_buf_fini(&c.area);
	ms_buf_fini(&c.attest);
	ms_buf_fini(&c.signature);
	return rc;
}

static void
add_boot_log(struct ms_attested *a, bool hash, uint8_t digest[static 32])
{
	const struct bench_logs *l = bench_logs();
	if (hash) {
		ms_sha256(ms_buf_span(&l->boot_log), digest);
		a->boot_log_hash = ms_span(digest, 32);
		a->present |= MS_CBOR_BIT(MS_ATTESTED_BOOT_LOG_HASH);
	} else {
		a->boot_log = ms_buf_span(&l->boot_log);
		a->present |= MS_CBOR_BIT(MS_ATTESTED_BOOT_LOG);
	}
}

static void
add_ima(struct ms_attested *a, uint32_t from, struct ms_span list)
{
	a->ima = list;
	a->ima_from = from;
	a->present |= MS_CBOR_BIT(MS_ATTESTED_IMA) | MS_CBOR_BIT(MS_ATTESTED_IMA_FROM);
}

/* Before the quote: files are run. What of the list is to be sent. */
static void
run_files(struct bench_exchange *x, struct ms_buf *tail)
{
	struct bench_device *d = x->device;
	if (x->job == BENCH_IMA || x->job == BENCH_BOTH) {
		ms_buf_put_span(tail, ms_buf_span(&bench_logs()->ima));
		ms_buf_put_span(tail, ms_buf_span(&d->ima_last));
	}
	if (x->job != BENCH_TAIL)
		return;
	bench_logs_run(d->ima_entries, BENCH_IMA_TAIL, bench_tpm_pcrs(d->tpm)->value[10], tail);
	d->ima_entries += BENCH_IMA_TAIL;
}

static void
add_logs(const struct bench_exchange *x, struct ms_attested *a, struct ms_span tail, uint8_t digest[static 32])
{
	if (x->job == BENCH_BOOT_LOG || x->job == BENCH_BOOT_HASH || x->job == BENCH_BOTH || x->job == BENCH_TAIL)
		add_boot_log(a, x->job == BENCH_BOOT_HASH || x->job == BENCH_TAIL, digest);
	if (x->job == BENCH_IMA || x->job == BENCH_BOTH)
		add_ima(a, 0, tail);
	if (x->job == BENCH_TAIL)
		add_ima(a, x->device->ima_entries - BENCH_IMA_TAIL, tail);
}

static enum ms_rc
build_attested(struct bench_exchange *x, const uint8_t *exporter, struct ms_err *err)
{
	MS_OWN(ms_buf_fini)
	struct ms_buf attest = {.p = NULL}, signature = {.p = NULL}, pcrs = {.p = NULL}, request = {.p = NULL}, tail = {.p = NULL};
	uint8_t digest[32];
	const char *device = bench_tpm_device(x->device->tpm);
	ms_buf_init(&attest, MS_TPM_ATTEST_MAX);
	ms_buf_init(&signature, MS_TPM_SIGNATURE_MAX);
	ms_buf_init(&pcrs, MS_PCRS_WIRE_MAX);
	ms_buf_init(&request, 16384);
	ms_buf_init(&tail, MS_ATTESTED_IMA_MAX);
	run_files(x, &tail);
	const struct bench_tpm_attest out = {&attest, &signature};
	enum ms_rc rc = build_request(x, &request, err);
	if (rc == MS_OK)
		rc = quote(x, device, ms_buf_span(&request), exporter, &out, err);
	if (rc == MS_OK)
		rc = ms_pcrs_build(bench_tpm_pcrs(x->device->tpm), &pcrs, err);
	struct ms_attested a = {.v = MS_PROTOCOL_VERSION,
	    .purpose = ms_span_str(jobs[x->job].purpose),
	    .device = ms_span_str(device),
	    .nonce = ms_span(x->nonce, sizeof x->nonce),
	    .request = ms_buf_span(&request),
	    .attest = ms_buf_span(&attest),
	    .signature = ms_buf_span(&signature),
	    .pcrs = ms_buf_span(&pcrs)};
	add_logs(x, &a, ms_buf_span(&tail), digest);
	x->path = PATH("attested");
	return rc == MS_OK ? ms_cbor_build_map(&ms_attested_table, &a, &x->body, err) : rc;
}

/* The certificate is by the issuing CA, for our key. */
static enum ms_rc
check_certificate(const struct bench_exchange *x, struct ms_span result, struct ms_err *err)
{
	struct ms_identity_result r;
	struct ms_cert cert, issuing;
	enum ms_rc rc = ms_cbor_parse_map(&ms_identity_result_table, result, &r, err);
	if (rc == MS_OK)
		rc = ms_cert_parse_min(x->root->body.ca_issuing, &issuing, err);
	if (rc == MS_OK)
		rc = ms_cert_parse_min(r.cert, &cert, err);
	if (rc == MS_OK)
		rc = ms_cert_verify(&cert, &issuing, ms_clock_wall_s(), err);
	if (rc == MS_OK && !ms_span_eq(cert.point, ms_pubkey_point(ms_softkey_public(x->device->identity))))
		rc = ms_fail(err, MS_ERR_AUTH, "a certificate for another key");
	return rc;
}

/* It is by the release key, for us, and opens. */
static enum ms_rc
check_secret(const struct bench_exchange *x, const struct ms_attested_resp *r, struct ms_err *err)
{
	struct ms_statement st;
	struct ms_secret_body s;
	MS_OWN(ms_buf_fini) struct ms_buf info = {.p = NULL};
	MS_OWN(ms_secret_free) struct ms_secret *pt = NULL;
	struct ms_statement_expect expect = {.kind = "secret",
	    .deployment = x->root->deployment,
	    .audience = bench_tpm_device(x->device->tpm),
	    .tenant = BENCH_TENANT,
	    .now_s = ms_clock_wall_s(),
	    .skew_s = SECRET_LIFE_SKEW_S};
	ms_buf_init(&info, 2048);
	enum ms_rc rc = ms_statement_verify(r->result, x->root->release, &expect, &st, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_secret_body_table, st.body, &s, err);
	if (rc != MS_OK)
		return rc;
	struct ms_bind_secret b = {.deployment = ms_span(x->root->deployment, 16),
	    .tenant = ms_span_str(BENCH_TENANT),
	    .device = ms_span_str(expect.audience),
	    .path = s.path,
	    .version = s.version,
	    .nonce = ms_span(x->nonce, sizeof x->nonce),
	    .evidence = s.evidence,
	    .leaf = s.leaf};
	rc = ms_bind_secret(&b, &info, err);
	struct ms_ecdh e = ms_ecdh_key_ecdh(x->device->sealing);
	struct ms_hpke_from from = {.key = &e, .info = ms_buf_span(&info)};
	return rc == MS_OK ? ms_hpke_open(&from, s.enc.p, s.ct, &pt, err) : rc;
}

static enum ms_rc
check_attested(const struct bench_exchange *x, struct ms_span answer, struct ms_err *err)
{
	struct ms_attested_resp r;
	enum ms_rc rc = ms_cbor_parse_map(&ms_attested_resp_table, answer, &r, err);
	if (rc == MS_OK && !is_plain(x->job) && !MS_CBOR_HAS(&r, MS_ATTESTED_RESP_RESULT))
		rc = ms_fail(err, MS_ERR_DENIED, "no result");
	if (rc != MS_OK || !x->check || is_plain(x->job))
		return rc;
	return x->job == BENCH_IDENTITY ? check_certificate(x, r.result, err) : check_secret(x, &r, err);
}

/* ---- an answer ---- */

static enum ms_rc
refused(int status, struct ms_span answer, struct ms_err *err)
{
	struct ms_error e;
	struct ms_attested_resp r;
	struct ms_verdict_body v;
	struct ms_span body = MS_SPAN_NONE;
	if (ms_cbor_parse_map(&ms_error_table, answer, &e, NULL) == MS_OK)
		return ms_fail(err, MS_ERR_DENIED, "status %d: %.*s: %.*s", status, (int)e.code.len, (const char *)e.code.p,
		    (int)e.text.len, (const char *)e.text.p);
	if (ms_cbor_parse_map(&ms_attested_resp_table, answer, &r, NULL) == MS_OK && unsigned_body(r.verdict, &body, NULL) == MS_OK &&
	    ms_cbor_parse_map(&ms_verdict_body_table, body, &v, NULL) == MS_OK) {
		struct ms_cbor c = ms_cbor_over(v.reasons);
		struct ms_span why = ms_cbor_read_array(&c) > 0 ? ms_cbor_read_text(&c) : MS_SPAN_NONE;
		return ms_fail(err, MS_ERR_DENIED, "status %d: %.*s: %.*s", status, (int)v.outcome.len, (const char *)v.outcome.p,
		    (int)why.len, (const char *)why.p);
	}
	return ms_fail(err, MS_ERR_DENIED, "status %d", status);
}

enum bench_next
bench_exchange_next(
    struct bench_exchange *x, int status, struct ms_span answer, const uint8_t exporter[static BENCH_EXPORTER_LEN], struct ms_err *err)
{
	enum ms_rc rc = MS_OK;
	bool enroll = x->job == BENCH_ENROLL, last = x->step == (enroll ? 2u : 1u);
	if (status != 200)
		return refused(status, answer, err) == MS_OK ? BENCH_DONE : BENCH_FAILED;
	ms_buf_reset(&x->body);
	if (last)
		rc = enroll ? check_enrolled(answer, err) : check_attested(x, answer, err);
	else if (x->step > 0)
		rc = build_finish(x, answer, exporter, err);
	else if ((rc = take_challenge(x, answer, err)) == MS_OK)
		rc = enroll ? build_begin(x, err) : build_attested(x, exporter, err);
	if (rc != MS_OK)
		return BENCH_FAILED;
	x->step++;
	return last ? BENCH_DONE : BENCH_SEND;
}
