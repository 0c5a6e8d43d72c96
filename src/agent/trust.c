#include "agent/trust.h"

#include <string.h>

#include "codec/tpm.h"
#include "crypto/cosesig.h"
#include "fleet/device_id.h"
#include "proto/data.h"

#define ANY_TIME UINT64_MAX /* as a skew: times are compared by hand */

enum ms_rc
ms_trust_init(const struct ms_root *root, const char *tenant, struct ms_trust *ret, struct ms_err *err)
{
	struct ms_vkey *log = NULL;
	enum ms_rc rc = ms_vkey_parse(root->body.log_vkey, &log, err);
	if (rc == MS_OK)
		*ret = (struct ms_trust){.root = root, .tenant = tenant, .log = log};
	return rc;
}

void
ms_trust_fini(struct ms_trust *t)
{
	ms_vkey_free(t->log);
	t->log = NULL;
}

void
ms_challenge_fini(struct ms_challenge *c)
{
	ms_pubkey_free(c->key);
	c->key = NULL;
}

static enum ms_rc
verify(const struct ms_trust *t, const char *kind, const char *audience, const char *tenant, uint64_t now_s, struct ms_span wire,
    const struct ms_pubkey *key, struct ms_statement *ret, struct ms_err *err)
{
	const struct ms_statement_expect x = {.kind = kind,
	    .deployment = t->root->deployment,
	    .audience = audience,
	    .tenant = tenant,
	    .now_s = now_s,
	    .skew_s = now_s == 0 ? ANY_TIME : MS_TRUST_SKEW_S};
	enum ms_rc rc = ms_statement_verify(wire, key, &x, ret, err);
	return rc == MS_OK ? rc : ms_prefix(err, rc, "%s", kind);
}

/* The boot key of the server, delegated by the release key. Its time is judged once the time is known. */
static enum ms_rc
challenge_key(const struct ms_trust *t, struct ms_span wire, struct ms_statement *ret, struct ms_pubkey **ret_key, struct ms_err *err)
{
	struct ms_challenge_key_body b;
	enum ms_rc rc = verify(t, "challenge-key", "agent", "*", 0, wire, t->root->release, ret, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_challenge_key_body_table, ret->body, &b, err);
	return rc == MS_OK ? ms_pubkey_from_point(b.point.p, ret_key, err) : rc;
}

static bool
within(const struct ms_statement *s, uint64_t now_s)
{
	return (s->issued_s <= now_s || s->issued_s - now_s <= MS_TRUST_SKEW_S) &&
	       (now_s < s->expires_s || now_s - s->expires_s < MS_TRUST_SKEW_S);
}

/* The signed time is the one that everything else is judged by: it must fit both statements, and never go back. */
static enum ms_rc
check_time(const struct ms_statement *key, const struct ms_statement *challenge, uint64_t now_s, uint64_t seen_s, struct ms_err *err)
{
	if (now_s == 0 || !within(key, now_s) || !within(challenge, now_s))
		return ms_fail(err, MS_ERR_EXPIRED, "challenge: outside the time of its key");
	if (seen_s > now_s && seen_s - now_s > MS_TRUST_SKEW_S)
		return ms_fail(err, MS_ERR_REPLAY, "challenge: older by %llu s than what this server signed before",
		    (unsigned long long)(seen_s - now_s));
	return MS_OK;
}

enum ms_rc
ms_trust_challenge(
    const struct ms_trust *t, struct ms_span wire, enum ms_purpose purpose, uint64_t seen_s, struct ms_challenge *ret, struct ms_err *err)
{
	struct ms_challenge_resp r;
	struct ms_challenge_body b;
	struct ms_statement key_st, st;
	MS_OWN(ms_pubkey_free) struct ms_pubkey *key = NULL;
	enum ms_rc rc = ms_cbor_parse_map(&ms_challenge_resp_table, wire, &r, err);
	if (rc == MS_OK)
		rc = challenge_key(t, r.key, &key_st, &key, err);
	if (rc == MS_OK)
		rc = verify(t, "challenge", "agent", t->tenant, 0, r.challenge, key, &st, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_challenge_body_table, st.body, &b, err);
	if (rc == MS_OK && ms_purpose_by_name(b.purpose) != purpose)
		rc = ms_fail(err, MS_ERR_AUTH, "challenge: for another purpose");
	if (rc == MS_OK)
		rc = check_time(&key_st, &st, b.now_s, seen_s, err);
	if (rc != MS_OK)
		return rc;
	*ret = (struct ms_challenge){.purpose = purpose, .now_s = b.now_s, .key = key};
	key = NULL;
	memcpy(ret->nonce, b.nonce.p, MS_NONCE_LEN);
	if (MS_CBOR_HAS(&b, MS_CHALLENGE_BODY_SEAL_MASK))
		ret->seal_mask = (uint32_t)b.seal_mask;
	ret->attest_now = b.attest_now;
	ret->poll_s = (uint32_t)b.poll_s;
	return MS_OK;
}

enum ms_rc
ms_trust_logged(const struct ms_trust *t, struct ms_span entry, struct ms_span ticket, const char *subject, struct ms_trust_entry *ret,
    struct ms_err *err)
{
	struct ms_trust_entry e;
	enum ms_rc rc = ms_ticket_verify(ticket, entry, t->log, NULL, &e.ticket, err);
	if (rc == MS_OK)
		rc = ms_entry_parse(entry, &e.entry, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "not in the log of this deployment");
	if (e.entry.seq != e.ticket.index || !ms_span_eq(e.entry.tenant, ms_span_str(t->tenant)) ||
	    !ms_span_eq(e.entry.subject, ms_span_str(subject)))
		return ms_fail(err, MS_ERR_AUTH, "log entry: about something else");
	*ret = e;
	return MS_OK;
}

/* ---- enrolment ---- */

static enum ms_rc
check_binding(const struct ms_trust *t, const struct ms_trust_device *d, const char *id, struct ms_span wire, struct ms_err *err)
{
	struct ms_statement st;
	struct ms_binding_body b;
	enum ms_rc rc = verify(t, "binding", "server", t->tenant, d->now_s, wire, t->root->release, &st, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_binding_body_table, st.body, &b, err);
	if (rc != MS_OK)
		return rc;
	if (!ms_span_eq(b.device, ms_span_str(id)) || !ms_span_eq(b.ek_hash, d->ek_hash) || !ms_span_eq(b.ak_public, d->ak_public) ||
	    !ms_span_eq(b.ak_name, d->ak_name) || !ms_span_eq(b.transcript_hash, d->transcript_hash))
		return ms_fail(err, MS_ERR_AUTH, "binding: of another TPM or enrolment");
	return MS_OK;
}

static enum ms_rc
check_admission(const struct ms_trust *t, const struct ms_trust_device *d, const char *id, struct ms_span wire, struct ms_err *err)
{
	struct ms_statement st;
	struct ms_admission_body b;
	enum ms_rc rc = verify(t, "admission", "all", t->tenant, d->now_s, wire, t->root->release, &st, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_admission_body_table, st.body, &b, err);
	if (rc != MS_OK)
		return rc;
	if (!ms_span_eq(b.device, ms_span_str(id)) || !ms_span_eq(b.ek_hash, d->ek_hash) || !ms_span_eq(b.ak_public, d->ak_public) ||
	    !ms_span_eq(b.ak_name, d->ak_name))
		return ms_fail(err, MS_ERR_AUTH, "admission: of another device");
	return MS_OK;
}

/* The id is ours when its EK hash is; once known it stays. */
static enum ms_rc
check_id(const struct ms_trust_device *d, struct ms_span id, char out[static MS_DEVICE_ID_MAX + 1], struct ms_err *err)
{
	uint8_t ek_hash[MS_EK_HASH_LEN];
	unsigned life;
	enum ms_rc rc = ms_device_id_parse(id, ek_hash, &life, err);
	if (rc != MS_OK)
		return rc;
	if (!ms_span_eq(ms_span(ek_hash, sizeof ek_hash), d->ek_hash) || (d->id != NULL && !ms_span_eq(id, ms_span_str(d->id))))
		return ms_fail(err, MS_ERR_AUTH, "the answer is about another device");
	ms_device_id(ek_hash, life, out);
	return MS_OK;
}

static enum ms_rc
enroll_status(const struct ms_enroll_resp *r, enum ms_enroll_standing *ret, struct ms_err *err)
{
	if (ms_span_eq(r->status, ms_span_str("enrolled")))
		*ret = MS_ENROLL_ENROLLED;
	else if (ms_span_eq(r->status, ms_span_str("pending")))
		*ret = MS_ENROLL_PENDING;
	else if (ms_span_eq(r->status, ms_span_str("refused")))
		*ret = MS_ENROLL_REFUSED;
	else
		return ms_fail(err, MS_ERR_UNSUPPORTED, "enrolment: unknown status");
	return MS_OK;
}

static enum ms_rc
check_enroll_entry(const struct ms_trust *t, const struct ms_enroll_resp *r, const char *id, bool enrolled, bool must, struct ms_err *err)
{
	struct ms_trust_entry e;
	if (!MS_CBOR_HAS(r, MS_ENROLL_RESP_ENTRY) && !MS_CBOR_HAS(r, MS_ENROLL_RESP_TICKET))
		return must ? ms_fail(err, MS_ERR_AUTH, "enrolment: not logged, so not taken") : MS_OK;
	enum ms_rc rc = ms_trust_logged(t, r->entry, r->ticket, id, &e, err);
	if (rc == MS_OK && (!ms_span_eq(e.entry.kind, ms_span_str(enrolled ? "device.admit" : "device.bind")) ||
			       !ms_span_eq(e.entry.decision, ms_span_str("ok"))))
		rc = ms_fail(err, MS_ERR_AUTH, "enrolment: the log says something else");
	return rc;
}

enum ms_rc
ms_trust_enrolled(const struct ms_trust *t, const struct ms_trust_device *d, struct ms_span wire, bool logged, struct ms_enroll_answer *ret,
    struct ms_err *err)
{
	struct ms_enroll_resp r;
	char id[MS_DEVICE_ID_MAX + 1];
	enum ms_enroll_standing status = MS_ENROLL_REFUSED;
	enum ms_rc rc = ms_cbor_parse_map(&ms_enroll_resp_table, wire, &r, err);
	if (rc == MS_OK)
		rc = enroll_status(&r, &status, err);
	if (rc == MS_OK)
		rc = check_id(d, r.device, id, err);
	if (rc == MS_OK && status != MS_ENROLL_REFUSED)
		rc = check_binding(t, d, id, r.binding, err);
	if (rc == MS_OK && status == MS_ENROLL_ENROLLED)
		rc = check_admission(t, d, id, r.admission, err);
	if (rc == MS_OK && status != MS_ENROLL_REFUSED)
		rc = check_enroll_entry(t, &r, id, status == MS_ENROLL_ENROLLED, logged, err);
	if (rc != MS_OK)
		return rc;
	*ret = (struct ms_enroll_answer){.status = status, .device = r.device, .binding = r.binding};
	if (status == MS_ENROLL_ENROLLED)
		ret->admission = r.admission;
	return MS_OK;
}

/* ---- attested requests ---- */

static enum ms_rc
outcome_of(struct ms_span s, enum ms_trust_outcome *ret, const char **ret_decision, struct ms_err *err)
{
	static const struct {
		const char *name, *decision;
	} rows[] = {[MS_TRUST_PASS] = {"pass", "ok"}, [MS_TRUST_DENY] = {"deny", "denied"}, [MS_TRUST_FAIL] = {"fail", "fail"}};
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++)
		if (ms_span_eq(s, ms_span_str(rows[i].name))) {
			*ret = (enum ms_trust_outcome)i;
			*ret_decision = rows[i].decision;
			return MS_OK;
		}
	return ms_fail(err, MS_ERR_UNSUPPORTED, "verdict: unknown outcome");
}

static enum ms_rc
check_reasons(struct ms_span array, struct ms_err *err)
{
	struct ms_cbor c = ms_cbor_over(array);
	for (size_t n = ms_cbor_read_array(&c); n > 0; n--)
		(void)ms_cbor_read_text(&c);
	return ms_cbor_done(&c) ? MS_OK : ms_fail(err, MS_ERR_MALFORMED, "verdict: reasons");
}

static enum ms_rc
check_verdict(const struct ms_trust *t, const struct ms_trust_device *d, const struct ms_challenge *c, struct ms_span wire,
    struct ms_verdict_body *ret, struct ms_err *err)
{
	struct ms_statement st;
	enum ms_rc rc = verify(t, "verdict", d->id, t->tenant, c->now_s, wire, c->key, &st, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_verdict_body_table, st.body, ret, err);
	if (rc != MS_OK)
		return rc;
	if (!ms_span_eq(ret->device, ms_span_str(d->id)) || !ms_span_eq(ret->nonce, ms_span(c->nonce, sizeof c->nonce)))
		return ms_fail(err, MS_ERR_AUTH, "verdict: for another device or request");
	return check_reasons(ret->reasons, err);
}

static bool
hash_is(struct ms_span hash, struct ms_span of)
{
	uint8_t h[MS_SHA256_LEN];
	ms_sha256(of, h);
	return ms_span_eq(hash, ms_span(h, sizeof h));
}

static bool
is_evidence(struct ms_span id, const struct ms_trust_sent *sent)
{
	uint8_t evidence[MS_BIND_LEN];
	ms_evidence_id(sent->attest, sent->pcrs, evidence);
	return ms_span_eq(id, ms_span(evidence, sizeof evidence));
}

/* The log says of this evidence what the verdict says. */
static enum ms_rc
check_attest_entry(const struct ms_trust *t, const struct ms_trust_device *d, const struct ms_attested_resp *r,
    const struct ms_trust_sent *sent, const struct ms_verdict_body *v, const char *decision, struct ms_err *err)
{
	struct ms_trust_entry e;
	struct ms_data_attest data;
	enum ms_rc rc = ms_trust_logged(t, r->entry, r->ticket, d->id, &e, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_data_attest_table, e.entry.data, &data, err);
	if (rc != MS_OK)
		return rc;
	if (!ms_span_eq(e.entry.kind, ms_span_str("device.attest")) || !ms_span_eq(e.entry.decision, ms_span_str(decision)) ||
	    !ms_span_eq(e.entry.policy, v->policy) || !ms_span_eq(data.nonce, v->nonce) || !hash_is(e.entry.request, sent->body) ||
	    !is_evidence(e.entry.evidence, sent))
		return ms_fail(err, MS_ERR_AUTH, "verdict: the log says something else");
	return MS_OK;
}

static enum ms_rc
check_act(const struct ms_trust *t, const struct ms_trust_device *d, const struct ms_attested_resp *r, const struct ms_trust_sent *sent,
    struct ms_attested_answer *a, struct ms_err *err)
{
	bool result = MS_CBOR_HAS(r, MS_ATTESTED_RESP_RESULT);
	if (!MS_CBOR_HAS(r, MS_ATTESTED_RESP_ACT_ENTRY) && !MS_CBOR_HAS(r, MS_ATTESTED_RESP_ACT_TICKET))
		return result ? ms_fail(err, MS_ERR_AUTH, "the answer's act is not logged, so it is not taken") : MS_OK;
	enum ms_rc rc = ms_trust_logged(t, r->act_entry, r->act_ticket, d->id, &a->act, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "act");
	if (!hash_is(a->act.entry.request, sent->request) || !is_evidence(a->act.entry.evidence, sent))
		return ms_fail(err, MS_ERR_AUTH, "act: its log entry is of another request");
	a->has_act = true;
	if (result)
		a->result = r->result;
	return MS_OK;
}

enum ms_rc
ms_trust_attested(const struct ms_trust *t, const struct ms_trust_device *d, const struct ms_challenge *c, const struct ms_trust_sent *sent,
    struct ms_span wire, struct ms_attested_answer *ret, struct ms_err *err)
{
	struct ms_attested_resp r;
	struct ms_attested_answer a = {.has_act = false};
	const char *decision = "";
	enum ms_rc rc = ms_cbor_parse_map(&ms_attested_resp_table, wire, &r, err);
	if (rc == MS_OK)
		rc = check_verdict(t, d, c, r.verdict, &a.verdict, err);
	if (rc == MS_OK)
		rc = outcome_of(a.verdict.outcome, &a.outcome, &decision, err);
	if (rc == MS_OK)
		rc = check_attest_entry(t, d, &r, sent, &a.verdict, decision, err);
	if (rc == MS_OK)
		rc = check_act(t, d, &r, sent, &a, err);
	if (rc == MS_OK && a.result.len > 0 && a.outcome != MS_TRUST_PASS)
		rc = ms_fail(err, MS_ERR_AUTH, "a result without a passed verdict");
	if (rc == MS_OK)
		*ret = a;
	return rc;
}

enum ms_rc
ms_trust_granted(const struct ms_attested_answer *a, const char *kind, struct ms_err *err)
{
	if (a->outcome != MS_TRUST_PASS || !a->has_act || a->result.len == 0)
		return ms_fail(err, MS_ERR_DENIED, "refused");
	if (!ms_span_eq(a->act.entry.kind, ms_span_str(kind)) || !ms_span_eq(a->act.entry.decision, ms_span_str("ok")))
		return ms_fail(err, MS_ERR_AUTH, "what was granted is not logged as %s", kind);
	return MS_OK;
}

static enum ms_rc
check_chain(const struct ms_trust *t, const struct ms_cert *leaf, struct ms_span issuing_der, uint64_t now_s, struct ms_err *err)
{
	struct ms_cert issuing;
	if (!ms_span_eq(issuing_der, t->root->body.ca_issuing))
		return ms_fail(err, MS_ERR_AUTH, "certificate: by another issuing CA than the deployment root's");
	enum ms_rc rc = ms_cert_parse_min(issuing_der, &issuing, err);
	return rc == MS_OK ? ms_cert_verify(leaf, &issuing, now_s, err) : rc;
}

static enum ms_rc
check_cert_name(const struct ms_trust *t, const struct ms_trust_device *d, const struct ms_cert *cert, struct ms_err *err)
{
	struct ms_buf id;
	ms_buf_init(&id, MS_CERT_URI_MAX);
	enum ms_rc rc = ms_cert_spiffe_id(t->root->body.trust_domain, ms_span_str(t->tenant), ms_span_str(d->id), &id, err);
	if (rc == MS_OK && (cert->profile != MS_CERT_DEVICE || !ms_span_eq(cert->uri, ms_buf_span(&id))))
		rc = ms_fail(err, MS_ERR_AUTH, "certificate: with another name");
	ms_buf_fini(&id);
	return rc;
}

enum ms_rc
ms_trust_identity(const struct ms_trust *t, const struct ms_trust_device *d, const struct ms_attested_answer *a,
    const uint8_t point[static MS_POINT_LEN], struct ms_cert *ret, struct ms_err *err)
{
	struct ms_identity_result r;
	struct ms_data_cert data;
	struct ms_cert cert;
	enum ms_rc rc = ms_trust_granted(a, "cert.issue", err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_identity_result_table, a->result, &r, err);
	if (rc == MS_OK)
		rc = ms_cert_parse_min(r.cert, &cert, err);
	if (rc == MS_OK)
		rc = check_chain(t, &cert, r.issuing, d->now_s, err);
	if (rc == MS_OK)
		rc = check_cert_name(t, d, &cert, err);
	if (rc == MS_OK && !ms_span_eq(cert.point, ms_span(point, MS_POINT_LEN)))
		rc = ms_fail(err, MS_ERR_AUTH, "certificate: for another key");
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_data_cert_table, a->act.entry.data, &data, err);
	if (rc == MS_OK && !hash_is(data.tbs, cert.tbs))
		rc = ms_fail(err, MS_ERR_AUTH, "certificate: another one than was logged");
	if (rc == MS_OK)
		*ret = cert;
	return rc;
}

static enum ms_rc
secret_statement(
    const struct ms_trust *t, const char *device, uint64_t now_s, struct ms_span wire, struct ms_secret_body *ret, struct ms_err *err)
{
	struct ms_statement st;
	enum ms_rc rc = verify(t, "secret", device, t->tenant, now_s, wire, t->root->release, &st, err);
	return rc == MS_OK ? ms_cbor_parse_map(&ms_secret_body_table, st.body, ret, err) : rc;
}

static enum ms_rc
check_secret_entry(const struct ms_attested_answer *a, const struct ms_secret_body *b, struct ms_err *err)
{
	struct ms_data_secret_release data;
	enum ms_rc rc = ms_cbor_parse_map(&ms_data_secret_release_table, a->act.entry.data, &data, err);
	if (rc != MS_OK)
		return rc;
	if (!ms_span_eq(data.path, b->path) || data.version != b->version || !ms_span_eq(data.key_name, b->key_name) ||
	    !ms_span_eq(data.nonce, b->nonce) || !ms_span_eq(b->leaf, ms_span(a->act.ticket.leaf.h, MS_LEAF_LEN)))
		return ms_fail(err, MS_ERR_AUTH, "secret: another release than was logged");
	return MS_OK;
}

enum ms_rc
ms_trust_secret(const struct ms_trust *t, const struct ms_trust_device *d, const struct ms_attested_answer *a, const struct ms_challenge *c,
    const struct ms_trust_secret_ask *ask, struct ms_secret_body *ret, struct ms_err *err)
{
	struct ms_secret_body b;
	enum ms_rc rc = ms_trust_granted(a, "secret.release", err);
	if (rc == MS_OK)
		rc = secret_statement(t, d->id, d->now_s, a->result, &b, err);
	if (rc == MS_OK)
		rc = check_secret_entry(a, &b, err);
	if (rc != MS_OK)
		return rc;
	if (!ms_span_eq(b.path, ask->path) || !ms_span_eq(b.nonce, ms_span(c->nonce, sizeof c->nonce)) ||
	    !ms_span_eq(b.key_name, ask->key_name) || !ms_span_eq(b.evidence, ask->evidence))
		return ms_fail(err, MS_ERR_AUTH, "secret: the answer to another request");
	if (b.version < ask->least)
		return ms_fail(err, MS_ERR_REPLAY, "secret: version %llu, but this device has had %llu", (unsigned long long)b.version,
		    (unsigned long long)ask->least);
	*ret = b;
	return MS_OK;
}

enum ms_rc
ms_trust_secret_kept(const struct ms_trust *t, const char *device, struct ms_span path, struct ms_span statement,
    struct ms_secret_body *ret, struct ms_err *err)
{
	struct ms_secret_body b;
	enum ms_rc rc = secret_statement(t, device, 0, statement, &b, err);
	if (rc == MS_OK && !ms_span_eq(b.path, path))
		rc = ms_fail(err, MS_ERR_AUTH, "secret: of another path");
	if (rc == MS_OK)
		*ret = b;
	return rc;
}
