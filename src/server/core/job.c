#include "server/core/job.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "audit/merkle.h"
#include "base/log.h"
#include "server/core/core.h"

#define BODY_MAX MS_NET_BODY_MAX
#define OUT_MAX MS_NET_RESPONSE_MAX
#define BATCH_JOBS 256u /* jobs decided in one transaction */

void
ms_jobs_init(struct ms_jobs *js)
{
	memset(js, 0, sizeof *js);
	for (uint32_t i = 0; i < MS_JOB_SLOTS; i++)
		js->free_slot[i] = MS_JOB_SLOTS - 1 - i;
	js->n_free = MS_JOB_SLOTS;
	js->ready.tail = &js->ready.head;
	js->committed.tail = &js->committed.head;
}

static void
job_destroy(struct ms_job *j)
{
	for (size_t i = 0; i < MS_JOB_ENTRIES_MAX; i++) {
		ms_buf_fini(&j->staged[i].bytes);
		ms_buf_fini(&j->staged[i].ticket);
	}
	ms_buf_fini(&j->body);
	ms_buf_fini(&j->params);
	ms_buf_fini(&j->out);
	if (j->more_free != NULL)
		j->more_free(j->more);
	free(j);
}

void
ms_jobs_fini(struct ms_jobs *js)
{
	for (size_t i = 0; i < MS_JOB_SLOTS; i++)
		if (js->slot[i] != NULL)
			job_destroy(js->slot[i]);
}

enum ms_rc
ms_job_new(struct ms_core *c, struct ms_job **ret, struct ms_err *err)
{
	struct ms_jobs *js = &c->jobs;
	if (js->n_free == 0)
		return ms_fail(err, MS_ERR_LIMITED, "%u requests are under way", MS_JOB_SLOTS);
	struct ms_job *j = calloc(1, sizeof *j);
	if (j == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "job");
	uint32_t slot = js->free_slot[--js->n_free];
	js->slot[slot] = j;
	j->id = (uint64_t)++js->generation[slot] << 32 | slot;
	j->net = MS_JOB_NO_NET;
	j->status = 200;
	ms_buf_init(&j->body, BODY_MAX);
	ms_buf_init(&j->params, MS_ACT_FRAME_MAX);
	ms_buf_init(&j->out, OUT_MAX);
	for (size_t i = 0; i < MS_JOB_ENTRIES_MAX; i++) {
		ms_buf_init(&j->staged[i].bytes, MS_ENTRY_MAX);
		ms_buf_init(&j->staged[i].ticket, MS_NOTARY_FRAME_MAX);
	}
	*ret = j;
	return MS_OK;
}

struct ms_job *
ms_job_by_id(struct ms_core *c, uint64_t id)
{
	uint32_t slot = (uint32_t)id;
	struct ms_job *j = slot < MS_JOB_SLOTS ? c->jobs.slot[slot] : NULL;
	return j != NULL && j->id == id ? j : NULL;
}

void
ms_job_free(struct ms_core *c, struct ms_job *j)
{
	uint32_t slot = (uint32_t)j->id;
	assert(c->jobs.slot[slot] == j);
	c->jobs.slot[slot] = NULL;
	c->jobs.free_slot[c->jobs.n_free++] = slot;
	job_destroy(j);
}

void
ms_job_push(struct ms_job_queue *q, struct ms_job *j)
{
	j->next = NULL;
	*q->tail = j;
	q->tail = &j->next;
}

struct ms_job *
ms_job_pop(struct ms_job_queue *q)
{
	struct ms_job *j = q->head;
	if (j == NULL)
		return NULL;
	q->head = j->next;
	if (q->head == NULL)
		q->tail = &q->head;
	j->next = NULL;
	return j;
}

void
ms_job_ready(struct ms_core *c, struct ms_job *j, ms_step_fn step)
{
	j->step = step;
	j->ticketed = NULL;
	j->acted = NULL;
	j->n_staged = j->n_ticketed = 0; /* what an earlier step staged was copied where it is needed */
	ms_job_push(&c->jobs.ready, j);
}

enum ms_rc
ms_job_reply(struct ms_job *j, const struct ms_cbor_table *t, const void *msg, struct ms_err *err)
{
	ms_buf_reset(&j->out);
	enum ms_rc rc = ms_cbor_build_map(t, msg, &j->out, err);
	if (rc == MS_OK)
		rc = ms_buf_check(&j->out, err);
	j->kind = MS_NET_CBOR;
	j->status = 200;
	j->answered = rc == MS_OK;
	return rc;
}

void
ms_job_reply_error(struct ms_job *j, enum ms_rc rc, const char *text, const char *hint)
{
	struct ms_error e = {.code = ms_span_str(ms_rc_name(rc)), .text = ms_span_str(text), .hint = ms_span_str(hint == NULL ? "" : hint)};
	j->retry_after_s = ms_rc_http(rc) == 503 || ms_rc_http(rc) == 429 ? 1 : 0;
	e.retry_s = j->retry_after_s;
	if (ms_job_reply(j, &ms_error_table, &e, NULL) != MS_OK)
		ms_buf_reset(&j->out); /* the status alone says it */
	j->status = (uint16_t)ms_rc_http(rc);
	j->answered = true;
}

void
ms_job_answer(struct ms_core *c, struct ms_job *j)
{
	if (j->net != MS_JOB_NO_NET && j->op != 0 && j->answered) { /* op 0: net's own certificate, which it asks for again */
		struct ms_net_response r = {
		    .status = j->status, .kind = j->kind, .retry_after_s = j->retry_after_s, .body = ms_buf_span(&j->out)};
		struct ms_buf frame;
		struct ms_err err = {0};
		ms_buf_init(&frame, MS_NET_RESPONSE_FRAME_MAX);
		ms_net_response_build(&r, &frame);
		enum ms_rc rc = ms_buf_check(&frame, &err);
		if (rc == MS_OK)
			rc = ms_chan_send(c->nets[j->net].chan, MS_NET_RESPONSE, j->frame, ms_buf_span(&frame), &err);
		if (rc != MS_OK) /* net's queue is full or it is gone: the client's time limit ends its wait */
			ms_log(MS_LOG_WARN, "core.answer", "rc=%s detail=\"%s\"", ms_rc_name(rc), err.text);
		ms_buf_fini(&frame);
		c->answered++;
	}
	ms_job_free(c, j);
}

/* Peers learn the public text of the code; what our own process knows more goes to its log. */
static void
refuse(struct ms_core *c, struct ms_job *j, enum ms_rc rc, const struct ms_err *err)
{
	bool ours = ms_rc_http(rc) >= 500;
	ms_log(ours ? MS_LOG_ERROR : MS_LOG_INFO, "core.refuse", "op=%d code=%s detail=\"%s\"", (int)j->op, ms_rc_name(rc), err->text);
	if (j->net != MS_JOB_NO_NET && !ours)
		ms_core_count_refusal(c, ms_rc_name(rc));
	ms_job_reply_error(j, rc, ms_rc_public(rc), NULL);
}

void
ms_job_settle(struct ms_core *c, struct ms_job *j, enum ms_rc rc, struct ms_err *err)
{
	if (rc != MS_OK)
		refuse(c, j, rc, err);
	if (j->answered)
		ms_job_answer(c, j);
}

enum ms_rc
ms_job_log(struct ms_core *c, struct ms_job *j, struct ms_entry *e, size_t *ret_index, struct ms_err *err)
{
	if (j->n_staged == MS_JOB_ENTRIES_MAX)
		return ms_fail(err, MS_ERR_INTERNAL, "a step logs at most %u entries", MS_JOB_ENTRIES_MAX);
	struct ms_staged *st = &j->staged[j->n_staged];
	uint8_t key[8];
	e->v = MS_ENTRY_VERSION;
	e->seq = c->next_seq;
	e->time_s = c->now_s;
	if (e->tenant.len == 0)
		e->tenant = j->tenant[0] == '\0' ? ms_span_str("*") : ms_span_str(j->tenant);
	ms_buf_reset(&st->bytes);
	enum ms_rc rc = ms_entry_build(e, &st->bytes, err);
	if (rc == MS_OK)
		rc = ms_fold_apply(&c->fold, e, err);
	ms_store_key_u64(e->seq, key);
	if (rc == MS_OK)
		rc = ms_store_insert(c->store, MS_TABLE_ENTRIES, ms_span(key, sizeof key), ms_buf_span(&st->bytes), err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "log %.*s", (int)e->kind.len, (const char *)e->kind.p);
	struct ms_node leaf;
	ms_merkle_leaf(ms_buf_span(&st->bytes), &leaf);
	memcpy(st->leaf, leaf.h, sizeof st->leaf);
	st->seq = c->next_seq++;
	if (ret_index != NULL)
		*ret_index = j->n_staged;
	j->n_staged++;
	return MS_OK;
}

enum ms_rc
ms_job_log_data(struct ms_core *c, struct ms_job *j, struct ms_entry *e, const struct ms_cbor_table *t, const void *data, size_t *ret_index,
    struct ms_err *err)
{
	struct ms_buf b;
	ms_buf_init(&b, MS_ENTRY_DATA_MAX);
	enum ms_rc rc = ms_cbor_build_map(t, data, &b, err);
	if (rc == MS_OK)
		rc = ms_buf_check(&b, err);
	e->data = ms_buf_span(&b);
	if (rc == MS_OK)
		rc = ms_job_log(c, j, e, ret_index, err);
	e->data = MS_SPAN_NONE;
	ms_buf_fini(&b);
	return rc;
}

enum ms_rc
ms_job_undo(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	c->next_seq = j->seq_before;
	j->n_staged = 0;
	j->ticketed = NULL;
	enum ms_rc rc = ms_store_rollback_to(c->store, err);
	return rc == MS_OK ? ms_store_savepoint(c->store, err) : rc;
}

/* One job's step inside the batch's transaction: its writes hold together or not at all. */
static enum ms_rc
run_step(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	struct ms_err undo;
	j->seq_before = c->next_seq;
	enum ms_rc rc = ms_store_savepoint(c->store, err);
	if (rc != MS_OK)
		return rc;
	rc = j->step(c, j, err);
	if (rc == MS_OK)
		return ms_store_release(c->store, err);
	if (ms_store_in_tx(c->store) && (ms_job_undo(c, j, &undo) != MS_OK || ms_store_release(c->store, &undo) != MS_OK))
		return ms_fail(err, MS_ERR_IO, "%s", undo.text);
	c->next_seq = j->seq_before;
	j->n_staged = 0;
	return rc;
}

/* The transaction is lost: nobody's step happened. Infrastructure failure is never a verdict (I12). */
static void
fail_batch(struct ms_core *c, struct ms_job_queue *done, enum ms_rc rc, struct ms_err *err)
{
	for (struct ms_job *j; (j = ms_job_pop(done)) != NULL;) {
		j->n_staged = 0;
		ms_job_settle(c, j, rc, err);
	}
}

/* After the commit: jobs with entries wait for their tickets; the others are done or go on by themselves. */
static void
after_commit(struct ms_core *c, struct ms_job_queue *done)
{
	for (struct ms_job *j; (j = ms_job_pop(done)) != NULL;) {
		struct ms_err err = {0};
		if (j->n_staged > j->n_ticketed)
			ms_job_push(&c->jobs.committed, j);
		else if (j->ticketed != NULL)
			ms_job_settle(c, j, j->ticketed(c, j, &err), &err);
		else
			ms_job_answer(c, j);
	}
}

void
ms_jobs_batch(struct ms_core *c)
{
	struct ms_job_queue done = {NULL, &done.head};
	struct ms_err err = {0};
	uint64_t seq = c->next_seq;
	if (c->jobs.ready.head == NULL)
		return;
	enum ms_rc rc = c->log_stuck ? ms_fail(&err, MS_ERR_IO, "the log cannot be written") : ms_store_begin(c->store, &err);
	for (unsigned n = 0; rc == MS_OK && n < BATCH_JOBS; n++) {
		struct ms_job *j = ms_job_pop(&c->jobs.ready);
		if (j == NULL)
			break;
		struct ms_err step_err = {0};
		enum ms_rc step_rc = run_step(c, j, &step_err);
		if (step_rc == MS_OK) {
			ms_job_push(&done, j);
			continue;
		}
		ms_job_settle(c, j, step_rc, &step_err);
		if (!ms_store_in_tx(c->store)) { /* the store gave the whole transaction up */
			rc = step_rc;
			err = step_err;
		}
	}
	if (rc == MS_OK)
		rc = ms_store_commit(c->store, &err);
	c->batches++;
	if (rc == MS_OK) {
		after_commit(c, &done);
		return;
	}
	ms_store_rollback(c->store);
	c->next_seq = seq;
	if (done.head == NULL && c->jobs.ready.head != NULL)
		for (struct ms_job *j; (j = ms_job_pop(&c->jobs.ready)) != NULL;)
			ms_job_settle(c, j, rc, &err);
	fail_batch(c, &done, rc, &err);
}
