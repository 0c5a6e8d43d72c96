/* Attestation results: what an appraisal came to, signed by keeper for relying parties. The device carries it (passport), and
 * the newest one is kept for relying parties that ask here (background check). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/jose.h"
#include "crypto/hash.h"
#include "fleet/lifecycle.h"
#include "identity/ear.h"
#include "proto/data.h"
#include "server/core/attested.h"
#include "server/core/read.h"

#define KIND "result"
#define CONTRAINDICATED_LIFE_S 3600u /* bad news need not be kept fresh: no one gains by it */
#define KEPT_MAX (MS_JWS_MAX + 256u)

/* The newest result of a device, in our own database. */
struct kept {
	uint64_t present;
	struct ms_span token;
	struct ms_span status;
	uint64_t issued_s;
	uint64_t expires_s;
	uint64_t seq;
};
static const struct ms_cbor_field kept_rows[] = {
    MS_CBOR_F_BYTES(1, struct kept, token, MS_CBOR_REQ, 1, MS_JWS_MAX),
    MS_CBOR_F_TEXT(2, struct kept, status, MS_CBOR_REQ, 1, 16),
    MS_CBOR_F_UINT(3, struct kept, issued_s, MS_CBOR_REQ, 0, UINT64_C(253402300799)),
    MS_CBOR_F_UINT(4, struct kept, expires_s, MS_CBOR_REQ, 0, UINT64_C(253402300799)),
    MS_CBOR_F_UINT(5, struct kept, seq, MS_CBOR_REQ, 0, UINT64_C(9223372036854775807)),
};
static const struct ms_cbor_table kept_table = MS_CBOR_TABLE("kept result", struct kept, kept_rows);

/* ---- what the verdict looked at, in the bits of a result ---- */

#define BOOT_PCRS (1u << 0 | 1u << 2 | 1u << 4) /* firmware, option ROMs, boot loader */
#define MORE_BOOT_PCRS (1u << 9 | 1u << 11)     /* what GRUB or systemd-stub loaded */
#define FILES_PCR 10u
#define SECURE_BOOT_PCR 7u

static unsigned
bit_of_pcr(unsigned pcr)
{
	if (((BOOT_PCRS | MORE_BOOT_PCRS) >> pcr & 1) != 0)
		return MS_EAR_JUDGED_BOOT;
	return pcr == FILES_PCR ? MS_EAR_JUDGED_FILES : MS_EAR_JUDGED_CONFIG;
}

static unsigned
bit_of(const struct ms_verdict_reason *r)
{
	if (r->has_pcr)
		return bit_of_pcr(r->pcr);
	if (r->path[0] != '\0')
		return MS_EAR_JUDGED_FILES;
	return r->claim[0] != '\0' ? MS_EAR_JUDGED_CONFIG : MS_EAR_JUDGED_OTHER;
}

static struct ms_ear_judged
judged_of(const struct ms_attested_job *a)
{
	const struct ms_verdict *v = &a->judged.verdict;
	struct ms_ear_judged j = {0};
	if (a->device.row.maker.len > 0)
		j.judged |= MS_EAR_JUDGED_HARDWARE;
	if ((v->judged_pcrs & BOOT_PCRS) == BOOT_PCRS)
		j.judged |= MS_EAR_JUDGED_BOOT;
	if ((v->judged_pcrs >> SECURE_BOOT_PCR & 1) != 0 || v->judged_claims)
		j.judged |= MS_EAR_JUDGED_CONFIG;
	if (v->judged_files)
		j.judged |= MS_EAR_JUDGED_FILES;
	for (size_t i = 0; a->outcome == MS_OUTCOME_FAIL && i < v->n_reasons; i++)
		j.failed |= bit_of(&v->reason[i]);
	if (a->outcome == MS_OUTCOME_FAIL && (j.failed == 0 || v->more_reasons > 0))
		j.failed |= MS_EAR_JUDGED_OTHER;
	for (size_t i = 0; i < v->n_waived; i++)
		j.waived |= bit_of(&v->waived[i]);
	if (v->more_waived > 0)
		j.waived |= MS_EAR_JUDGED_OTHER;
	j.waived &= ~j.failed;
	j.judged |= j.failed | j.waived;
	return j;
}

/* ---- issuing ---- */

static enum ms_rc
on_refusal_ticket(MS_UNUSED struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	return ms_attested_reply(j, MS_SPAN_NONE, err);
}

static enum ms_rc
log_refusal(struct ms_core *c, struct ms_job *j, struct ms_attested_job *a, struct ms_err *err)
{
	uint8_t request[MS_SHA256_LEN];
	ms_sha256(a->msg.request, request);
	struct ms_entry e = {.kind = ms_span_str("result.refuse"),
	    .actor = ms_span_str(a->actor),
	    .subject = a->msg.device,
	    .request = ms_span(request, sizeof request),
	    .decision = ms_span_str("denied"),
	    .reason = ms_span_str(a->reason[0] != '\0' ? a->reason : "not-judged"),
	    .evidence = ms_span(a->evidence, sizeof a->evidence)};
	j->ticketed = on_refusal_ticket;
	return ms_job_log(c, j, &e, NULL, err);
}

static enum ms_rc
keep(struct ms_core *c, struct ms_job *j, const struct ms_attested_job *a, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf wire = {0};
	const struct ms_ear_judged judged = judged_of(a);
	const struct kept k = {.token = ms_buf_span(&a->token),
	    .status = ms_span_str(ms_ear_tier_name(ms_ear_status(&judged))),
	    .issued_s = a->issued_s,
	    .expires_s = a->expires_s,
	    .seq = j->staged[j->n_staged - 1].seq};
	ms_buf_init(&wire, KEPT_MAX);
	enum ms_rc rc = ms_cbor_build_map(&kept_table, &k, &wire, err);
	return rc == MS_OK ? ms_statement_put(c, KIND, ms_span_str(j->tenant), a->msg.device, ms_buf_span(&wire), err) : rc;
}

static enum ms_rc
step_keep(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	struct ms_attested_job *a = j->more;
	enum ms_rc rc = keep(c, j, a, err);
	/* bad news is kept for those who ask here; who would carry it? */
	struct ms_span told = a->outcome == MS_OUTCOME_PASS ? ms_buf_span(&a->token) : MS_SPAN_NONE;
	return rc == MS_OK ? ms_attested_reply(j, told, err) : rc;
}

static enum ms_rc
on_signed(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	struct ms_attested_job *a = j->more;
	ms_buf_put_span(&a->token, j->result);
	enum ms_rc rc = ms_buf_check(&a->token, err);
	if (rc == MS_OK) { /* not ms_job_ready(): the entries of this job and their tickets are part of the answer */
		j->step = step_keep;
		ms_job_push(&c->jobs.ready, j);
	}
	return rc;
}

static enum ms_rc
on_issue_ticket(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	j->acted = on_signed;
	return ms_keeper_ask(c, j, MS_ACT_RESULT, j->n_staged - 1, err);
}

static enum ms_rc
build_act(struct ms_core *c, struct ms_job *j, const struct ms_attested_job *a, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf admission = {0};
	ms_buf_init(&admission, 8192);
	enum ms_rc rc = ms_statement_get(c, "admission", ms_span_str(j->tenant), a->msg.device, &admission, err);
	if (rc != MS_OK)
		return rc;
	const struct ms_act_result act = {.admission = ms_buf_span(&admission),
	    .nonce = a->msg.nonce,
	    .exporter = ms_span(j->exporter, sizeof j->exporter),
	    .request = a->msg.request,
	    .attest = a->msg.attest,
	    .signature = a->msg.signature,
	    .pcrs = a->msg.pcrs};
	ms_buf_reset(&j->params);
	return ms_cbor_build_map(&ms_act_result_table, &act, &j->params, err);
}

/* A pass is worth no more than until its deadline, and no more than a day. */
static uint64_t
life_s(const struct ms_attested_job *a)
{
	uint64_t s = a->outcome == MS_OUTCOME_PASS ? a->judged.verdict.interval_s : CONTRAINDICATED_LIFE_S;
	return s < MS_EAR_LIFE_MAX_S ? s : MS_EAR_LIFE_MAX_S;
}

enum ms_rc
ms_result_stage(struct ms_core *c, struct ms_job *j, struct ms_attested_job *a, struct ms_err *err)
{
	uint8_t digest[MS_SHA256_LEN], request[MS_SHA256_LEN];
	if (a->outcome == MS_OUTCOME_DENY) /* nothing was found out, so there is nothing to say */
		return log_refusal(c, j, a, err);
	enum ms_rc rc = build_act(c, j, a, err);
	if (rc != MS_OK)
		return rc;
	const struct ms_ear_judged judged = judged_of(a);
	a->issued_s = c->now_s;
	a->expires_s = c->now_s + life_s(a);
	ms_sha256(ms_buf_span(&j->params), digest);
	ms_sha256(a->msg.request, request);
	struct ms_data_result data = {
	    .judged = judged.judged, .failed = judged.failed, .waived = judged.waived, .expires_s = a->expires_s, .nonce = a->msg.nonce};
	struct ms_entry e = {.kind = ms_span_str("result.issue"),
	    .actor = ms_span_str(a->actor),
	    .subject = a->msg.device,
	    .request = ms_span(request, sizeof request),
	    .decision = ms_span_str("ok"),
	    .policy = ms_span(a->judged.verdict.policy_id, 32),
	    .evidence = ms_span(a->evidence, sizeof a->evidence),
	    .act = ms_span(digest, sizeof digest)};
	j->ticketed = on_issue_ticket;
	return ms_job_log_data(c, j, &e, &ms_data_result_table, &data, NULL, err);
}

/* ---- background check ---- */

static void
put_result(struct ms_record *r, const struct kept *k)
{
	ms_record_text(r, "status", k->status);
	ms_record_uint(r, "issued_s", k->issued_s);
	ms_record_uint(r, "expires_s", k->expires_s);
	ms_record_uint(r, "entry", k->seq);
	ms_record_text(r, "result", k->token);
}

/* Good news is only told while the device is trusted. */
static enum ms_rc
check_current(struct ms_core *c, const struct ms_device *d, const struct kept *k, struct ms_err *err)
{
	bool bad = ms_span_eq(k->status, ms_span_str(ms_ear_tier_name(MS_EAR_CONTRAINDICATED)));
	if (c->now_s >= k->expires_s)
		return ms_fail(err, MS_ERR_EXPIRED, "its last result has expired: the device must ask for a new one");
	if (!bad && d->state != MS_LIFE_TRUSTED)
		return ms_fail(err, MS_ERR_DENIED, "the device is %s: its last result no longer holds", ms_life_name(d->state));
	return MS_OK;
}

enum ms_rc
ms_read_device_result(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err)
{
	char id[81] = "";
	struct kept k;
	MS_OWN(ms_device_fini) struct ms_device d = {.state = MS_LIFE_NONE};
	MS_OWN(ms_record_fini) struct ms_record r = {.n = 0};
	MS_OWN(ms_buf_fini) struct ms_buf wire = {0};
	ms_record_init(&r);
	ms_buf_init(&wire, KEPT_MAX);
	enum ms_rc rc = ms_read_named_device(c, j, o, id, &d, err);
	if (rc != MS_OK)
		return rc;
	rc = ms_statement_get(c, KIND, ms_span_str(j->tenant), ms_span_str(id), &wire, err);
	if (rc == MS_ERR_NOT_FOUND)
		return ms_fail(err, rc, "the device has not asked for a result yet (muster-agent result)");
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&kept_table, ms_buf_span(&wire), &k, err);
	if (rc == MS_OK)
		rc = check_current(c, &d, &k, err);
	if (rc != MS_OK)
		return rc;
	ms_record_text(&r, "device", ms_span_str(id));
	ms_record_text(&r, "state", ms_span_str(ms_life_name(d.state)));
	put_result(&r, &k);
	return ms_record_build(&r, &o->result, err);
}
