/* Boot logs and IMA lists that come with a quote. A worker reads them; core believes of what it says only what replays to the
 * quoted PCRs. What was accepted in this boot need not come again: a hash stands for the boot log, a tail for the list. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "crypto/hash.h"
#include "evidence/appraise.h"
#include "evidence/ima.h"
#include "server/core/appraisers.h"
#include "server/core/attested.h"
#include "server/core/evidence.h"
#include "server/core/recorded.h"

_Static_assert(MS_NET_ATTESTED_MAX == MS_ATTESTED_MAX, "net takes what the message may hold");

void
ms_logs_fini(struct ms_attested_logs *l)
{
	ms_appraisal_free(l->appraisal);
	l->appraisal = NULL;
}

static bool
has(const struct ms_attested_job *a, unsigned member)
{
	return MS_CBOR_HAS(&a->msg, member);
}

bool
ms_logs_came(const struct ms_attested_job *a)
{
	return has(a, MS_ATTESTED_BOOT_LOG) || has(a, MS_ATTESTED_BOOT_LOG_HASH) || has(a, MS_ATTESTED_IMA) || has(a, MS_ATTESTED_IMA_FROM);
}

/* ---- before a worker is asked ---- */

static enum ms_rc
check_form(const struct ms_attested_job *a, struct ms_err *err)
{
	if (has(a, MS_ATTESTED_BOOT_LOG) && has(a, MS_ATTESTED_BOOT_LOG_HASH))
		return ms_fail(err, MS_ERR_MALFORMED, "a boot log and the hash of one");
	if (has(a, MS_ATTESTED_IMA) != has(a, MS_ATTESTED_IMA_FROM))
		return ms_fail(err, MS_ERR_MALFORMED, "an IMA list comes with the number of its first entry");
	return MS_OK;
}

/* The caps of the configuration, named. True: within them. */
static bool
within_caps(struct ms_core *c, struct ms_job *j, const struct ms_attested_job *a, enum ms_rc *rc)
{
	const struct {
		const char *key;
		uint64_t cap;
		size_t len;
	} caps[] = {{"evidence.boot_log_bytes", c->evidence.boot_log_bytes, a->msg.boot_log.len},
	    {"evidence.ima_bytes", c->evidence.ima_bytes, a->msg.ima.len}};
	for (size_t i = 0; i < sizeof caps / sizeof *caps; i++)
		if (caps[i].len > caps[i].cap) {
			char text[120];
			(void)snprintf(
			    text, sizeof text, "%zu bytes, %s is %llu", caps[i].len, caps[i].key, (unsigned long long)caps[i].cap);
			*rc = ms_refuse_evidence_at(c, j, MS_EVIDENCE_LOG_TOO_BIG, text);
			return false;
		}
	return true;
}

static bool
same_boot(const struct ms_attested_job *a)
{
	const struct ms_row_device *row = &a->device.row;
	return MS_CBOR_HAS(row, MS_ROW_DEVICE_RESET_COUNT) && row->reset_count == ms_quote_reset_count(a->quote);
}

/* A hash or a tail goes on from what was accepted in this boot, and from nothing else: an old list that another policy or other
 * reference values judged is judged anew. */
static enum ms_rc
goes_on(struct ms_core *c, const struct ms_job *j, struct ms_attested_job *a, enum ms_evidence_reason *ret, struct ms_err *err)
{
	const struct ms_row_device *row = &a->device.row;
	struct ms_judge_ask ask = ms_attested_ask(j, a);
	enum ms_rc rc = has(a, MS_ATTESTED_IMA) ? ms_core_judged_id(c, &ask, a->logs.ima_judged, err) : MS_OK;
	*ret = MS_EVIDENCE_NONE;
	if (rc != MS_OK)
		return rc;
	if (has(a, MS_ATTESTED_BOOT_LOG_HASH) &&
	    (!same_boot(a) || !MS_CBOR_HAS(row, MS_ROW_DEVICE_BOOT_LOG) || !ms_span_eq(row->boot_log, a->msg.boot_log_hash)))
		*ret = MS_EVIDENCE_LOG_RESEND;
	else if (has(a, MS_ATTESTED_IMA) && a->msg.ima_from > 0 &&
		 (!same_boot(a) || !MS_CBOR_HAS(row, MS_ROW_DEVICE_IMA_ENTRIES) || row->ima_entries != a->msg.ima_from ||
		     !ms_span_eq(row->ima_judged, ms_span(a->logs.ima_judged, sizeof a->logs.ima_judged))))
		*ret = MS_EVIDENCE_IMA_RESEND;
	return MS_OK;
}

/* Where the list that was sent begins: at the boot, or where it stood last (goes_on() was asked). */
static struct ms_ima_state
ima_start(const struct ms_attested_job *a)
{
	struct ms_ima_state s = {.reset_count = ms_quote_reset_count(a->quote)};
	if (a->msg.ima_from > 0) {
		s.entries = (uint32_t)a->device.row.ima_entries;
		memcpy(s.pcr, a->device.row.ima_pcr.p, sizeof s.pcr);
	}
	return s;
}

static enum ms_rc
build_request(struct ms_core *c, const struct ms_job *j, const struct ms_attested_job *a, struct ms_buf *out, struct ms_err *err)
{
	struct ms_buf inner, keys;
	struct ms_judge_ask ask = ms_attested_ask(j, a);
	const struct ms_ima_state start = ima_start(a);
	struct ms_appraise_tpm t = {.boot_log = a->msg.boot_log,
	    .ima = a->msg.ima,
	    .ima_from = a->msg.ima_from,
	    .boot_log_bytes = c->evidence.boot_log_bytes,
	    .boot_log_events = c->evidence.boot_log_events,
	    .boot_log_event_bytes = c->evidence.boot_log_event_bytes,
	    .ima_bytes = c->evidence.ima_bytes,
	    .ima_entries = c->evidence.ima_entries,
	    .pcr_start = ms_span(start.pcr, sizeof start.pcr),
	    .pcr_quoted = ms_span(ms_quote_pcrs(a->quote)->value[MS_IMA_PCR], MS_PCR_LEN)};
	if (has(a, MS_ATTESTED_BOOT_LOG))
		t.present |= MS_CBOR_BIT(MS_APPRAISE_TPM_BOOT_LOG);
	if (has(a, MS_ATTESTED_IMA))
		t.present |= MS_CBOR_BIT(MS_APPRAISE_TPM_IMA);
	ms_buf_init(&inner, MS_APPRAISE_REQUEST_MAX);
	ms_buf_init(&keys, MS_APPRAISE_KEYS_MAX);
	enum ms_rc rc = ms_core_ima_keys(c, &ask, &keys, err);
	t.keys = ms_buf_span(&keys);
	if (rc == MS_OK)
		rc = ms_appraise_tpm_build(&t, &inner, err);
	if (rc == MS_OK)
		rc = ms_appraise_request_build(MS_APPRAISE_TPM, ms_buf_span(&inner), out, err);
	ms_buf_fini(&inner);
	ms_buf_fini(&keys);
	return rc;
}

/* ---- what a worker said ---- */

static void
refuse_unread(struct ms_core *c, struct ms_job *j, enum ms_rc rc, struct ms_span said)
{
	char text[MS_ERR_TEXT_MAX] = "";
	size_t n = said.len < sizeof text - 1 ? said.len : sizeof text - 1;
	for (size_t i = 0; i < n; i++) /* of hostile bytes, to the device that sent them */
		text[i] = said.p[i] >= 0x20 && said.p[i] < 0x7f ? (char)said.p[i] : '?';
	enum ms_rc done = ms_refuse_evidence_at(c, j, rc == MS_ERR_TOO_BIG ? MS_EVIDENCE_LOG_TOO_BIG : MS_EVIDENCE_LOG_MALFORMED, text);
	ms_job_settle(c, j, done, NULL);
}

/* Of logs, and of nothing that core knows better. */
static bool
claims_of_logs(const struct ms_claims *claims)
{
	for (size_t i = 0; i < ms_claims_count(claims); i++) {
		const char *name = ms_claims_at(claims, i)->name->name;
		if (strncmp(name, "boot.", 5) != 0 && strncmp(name, "ima.", 4) != 0)
			return false;
	}
	return true;
}

/* It speaks of what it was given, or it has failed. */
static bool
is_about(const struct ms_appraisal *p, const struct ms_attested_job *a)
{
	return p->has_boot == has(a, MS_ATTESTED_BOOT_LOG) && p->has_ima == has(a, MS_ATTESTED_IMA) &&
	       (!p->has_ima || (p->ima_from == a->msg.ima_from && p->n_files <= p->ima.n)) && claims_of_logs(p->claims);
}

static void
on_read(struct ms_core *c, struct ms_job *j, enum ms_rc rc, struct ms_span said)
{
	struct ms_attested_job *a = j->more;
	struct ms_err err = {0};
	j->appraised = NULL;
	if (rc == MS_ERR_MALFORMED || rc == MS_ERR_TOO_BIG || rc == MS_ERR_UNSUPPORTED) {
		refuse_unread(c, j, rc, said);
		return;
	}
	if (rc != MS_OK)
		rc = ms_fail(&err, rc, "the worker that read the logs failed");
	else if (ms_appraisal_parse(said, &a->logs.appraisal, &err) != MS_OK || !is_about(a->logs.appraisal, a))
		rc = ms_prefix(&err, MS_ERR_UNAVAILABLE, "a worker answered nonsense");
	if (rc == MS_OK)
		ms_job_ready(c, j, a->step);
	else
		ms_job_settle(c, j, rc, &err);
}

/* An empty tail: the list stands where it stood. */
static enum ms_rc
nothing_new(struct ms_attested_job *a, struct ms_err *err)
{
	enum ms_rc rc = ms_appraisal_new(&a->logs.appraisal, err);
	if (rc != MS_OK)
		return rc;
	a->logs.appraisal->has_ima = true;
	a->logs.appraisal->ima_from = (uint32_t)a->msg.ima_from;
	return MS_OK;
}

static enum ms_rc
start_authentic(struct ms_core *c, struct ms_job *j, struct ms_attested_job *a, struct ms_err *err)
{
	enum ms_evidence_reason reason = MS_EVIDENCE_NONE;
	enum ms_rc rc = goes_on(c, j, a, &reason, err);
	if (rc != MS_OK)
		return rc;
	if (reason != MS_EVIDENCE_NONE)
		return ms_refuse_evidence_at(c, j, reason, "");
	if (!has(a, MS_ATTESTED_BOOT_LOG) && a->msg.ima.len == 0) { /* nothing to read */
		rc = has(a, MS_ATTESTED_IMA) ? nothing_new(a, err) : MS_OK;
		if (rc == MS_OK)
			ms_job_ready(c, j, a->step);
		return rc;
	}
	struct ms_buf request;
	ms_buf_init(&request, MS_APPRAISE_REQUEST_MAX);
	j->appraised = on_read;
	rc = build_request(c, j, a, &request, err);
	if (rc == MS_OK)
		rc = ms_appraisers_start(c->appraisers, j->id, ms_buf_span(&request), err);
	ms_buf_fini(&request);
	return rc;
}

enum ms_rc
ms_logs_start(struct ms_core *c, struct ms_job *j, struct ms_attested_job *a, struct ms_err *err)
{
	enum ms_evidence_reason reason = MS_EVIDENCE_NONE;
	enum ms_rc rc = check_form(a, err);
	if (rc != MS_OK || !within_caps(c, j, a, &rc))
		return rc;
	rc = ms_attested_authentic(c, j, a, &reason, err);
	if (rc != MS_OK)
		return ms_refuse_evidence(c, j, rc, reason, err);
	rc = ms_attested_state(&a->device, err);
	if (rc == MS_OK)
		rc = ms_nonce_unused(c, a->msg.nonce, err);
	return rc == MS_OK ? start_authentic(c, j, a, err) : rc;
}

/* ---- inside the step ---- */

static void
pcr_list(uint32_t mask, char *out, size_t size)
{
	size_t n = (size_t)snprintf(out, size, "pcr=");
	for (unsigned i = 0; i < MS_TPM_PCR_COUNT && n < size; i++)
		if ((mask >> i & 1) != 0)
			n += (size_t)snprintf(out + n, size - n, "%s%u", out[n - 1] == '=' ? "" : ",", i);
}

static enum ms_rc
check_boot(struct ms_core *c, struct ms_job *j, struct ms_attested_job *a)
{
	char text[128];
	const struct ms_pcrs *quoted = ms_quote_pcrs(a->quote);
	uint32_t bad = ms_appraisal_unexplained(a->logs.appraisal, quoted, ms_appraisal_to_explain(a->logs.appraisal, quoted));
	if (bad != 0) {
		pcr_list(bad, text, sizeof text);
		return ms_refuse_evidence_at(c, j, MS_EVIDENCE_LOG_REPLAY, text);
	}
	if (has(a, MS_ATTESTED_BOOT_LOG))
		ms_sha256(a->msg.boot_log, a->logs.boot_log);
	else
		memcpy(a->logs.boot_log, a->msg.boot_log_hash.p, sizeof a->logs.boot_log);
	return MS_OK;
}

/* The list's first entry ties it to the PCRs of the boot. Of another bank than ours it says nothing here. */
static bool
aggregate_differs(const struct ms_attested_job *a)
{
	const struct ms_appraisal *p = a->logs.appraisal;
	const struct ms_pcrs *quoted = ms_quote_pcrs(a->quote);
	struct ms_ima_aggregate_pcrs pcrs = {.hash = MS_IMA_HASH_SHA256};
	for (unsigned i = 0; i < 10; i++)
		pcrs.pcr[i] = quoted->value[i];
	return p->n_files > 0 && a->logs.ima_used > 0 && p->file[0].entry == 0 &&
	       ms_ima_boot_aggregate_check(&p->file[0], &pcrs) == MS_IMA_AGGREGATE_DIFFERS;
}

static enum ms_rc
check_ima(struct ms_core *c, struct ms_job *j, struct ms_attested_job *a)
{
	struct ms_attested_logs *l = &a->logs;
	const struct ms_ima_state from = ima_start(a);
	enum ms_rc rc =
	    ms_appraisal_ima_replay(l->appraisal, &from, ms_quote_pcrs(a->quote)->value[MS_IMA_PCR], &l->ima, &l->ima_used, NULL);
	if (rc != MS_OK)
		return ms_refuse_evidence_at(c, j, rc == MS_ERR_CONFLICT ? MS_EVIDENCE_IMA_RESEND : MS_EVIDENCE_IMA_REPLAY, "pcr=10");
	for (size_t i = l->appraisal->n_files; i > 0 && l->appraisal->file[i - 1].entry >= l->ima.entries; i--)
		l->late_files++;
	return a->msg.ima_from == 0 && aggregate_differs(a) ? ms_refuse_evidence_at(c, j, MS_EVIDENCE_IMA_AGGREGATE, "") : MS_OK;
}

/* The boot log's part of an earlier appraisal joins what came now. */
static enum ms_rc
join(struct ms_attested_job *a, struct ms_appraisal *boot, struct ms_err *err)
{
	struct ms_appraisal *p = a->logs.appraisal;
	if (p == NULL) {
		a->logs.appraisal = boot;
		return MS_OK;
	}
	enum ms_rc rc = ms_claims_merge(p->claims, boot->claims, err);
	p->has_boot = true;
	p->boot_locality = boot->boot_locality;
	p->boot = boot->boot;
	boot->boot = (struct ms_tuples){.item = NULL};
	ms_appraisal_free(boot);
	return rc;
}

enum ms_rc
ms_logs_check(struct ms_core *c, struct ms_job *j, struct ms_attested_job *a, struct ms_err *err)
{
	if (!ms_logs_came(a))
		return MS_OK;
	enum ms_evidence_reason reason = MS_EVIDENCE_NONE;
	enum ms_rc rc = goes_on(c, j, a, &reason, err); /* the row and the policy may have moved while the logs were read */
	if (rc != MS_OK)
		return rc;
	if (reason != MS_EVIDENCE_NONE)
		return ms_refuse_evidence_at(c, j, reason, "");
	if (has(a, MS_ATTESTED_BOOT_LOG_HASH)) {
		struct ms_appraisal *boot = NULL;
		rc = ms_recorded_boot(c, ms_span_str(j->tenant), a->msg.device, a->msg.boot_log_hash, &boot, err);
		if (rc == MS_ERR_NOT_FOUND)
			return ms_refuse_evidence_at(c, j, MS_EVIDENCE_LOG_RESEND, "");
		if (rc == MS_OK)
			rc = join(a, boot, err);
		if (rc != MS_OK)
			return rc;
	}
	rc = a->logs.appraisal->has_boot ? check_boot(c, j, a) : MS_OK;
	return rc == MS_OK && !j->answered && a->logs.appraisal->has_ima ? check_ima(c, j, a) : rc;
}

/* ---- what is kept of it ---- */

void
ms_logs_to_entry(const struct ms_attested_job *a, bool pass, struct ms_data_attest *data)
{
	const struct ms_attested_logs *l = &a->logs;
	if (l->appraisal == NULL)
		return;
	if (l->appraisal->has_boot) {
		data->boot_log = ms_span(l->boot_log, sizeof l->boot_log);
		data->present |= MS_CBOR_BIT(MS_DATA_ATTEST_BOOT_LOG);
	}
	if (l->appraisal->has_ima && pass) {
		data->ima_entries = l->ima.entries;
		data->ima_pcr = ms_span(l->ima.pcr, sizeof l->ima.pcr);
		data->ima_judged = ms_span(l->ima_judged, sizeof l->ima_judged);
		data->present |=
		    MS_CBOR_BIT(MS_DATA_ATTEST_IMA_ENTRIES) | MS_CBOR_BIT(MS_DATA_ATTEST_IMA_PCR) | MS_CBOR_BIT(MS_DATA_ATTEST_IMA_JUDGED);
	}
}

void
ms_logs_to_verdict(const struct ms_attested_job *a, bool pass, struct ms_verdict_body *body)
{
	const struct ms_attested_logs *l = &a->logs;
	if (l->appraisal == NULL)
		return;
	if (l->appraisal->has_boot) {
		body->boot_log = ms_span(l->boot_log, sizeof l->boot_log);
		body->present |= MS_CBOR_BIT(MS_VERDICT_BODY_BOOT_LOG);
	}
	body->ima_entries = l->appraisal->has_ima && pass ? l->ima.entries : 0;
	body->present |= MS_CBOR_BIT(MS_VERDICT_BODY_IMA_ENTRIES);
}
