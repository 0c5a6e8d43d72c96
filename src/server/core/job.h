/* Jobs: one request's way through core. */
#ifndef MS_CORE_JOB_H
#define MS_CORE_JOB_H
#include "audit/entry.h"
#include "base/bytes.h"
#include "codec/cbor.h"
#include "ipc/core_keeper.h"
#include "ipc/net_core.h"

struct ms_core;
struct ms_job;

/* A step of a job. MS_OK: it said what comes next (below). An error: the job is answered with it, and what the step
 * wrote in the transaction is rolled back. */
typedef enum ms_rc (*ms_step_fn)(struct ms_core *c, struct ms_job *j, struct ms_err *err);

#define MS_JOB_ENTRIES_MAX 4u
#define MS_JOB_SLOTS 8192u
#define MS_JOB_NO_NET UINT32_MAX

/* An entry that this job wrote, and its ticket once notary has it. */
struct ms_staged {
	struct ms_buf bytes;
	struct ms_buf ticket;
	uint64_t seq;
	uint8_t leaf[32];
};
struct ms_job {
	uint64_t id; /* of frames to keeper: slot and generation */
	struct ms_job *next;
	uint32_t net; /* where the answer goes, or MS_JOB_NO_NET */
	uint64_t frame;
	enum ms_net_op op; /* 0: not a request */
	char tenant[MS_NET_TENANT_MAX + 1];
	uint8_t exporter[MS_NET_EXPORTER_LEN];
	struct ms_buf body;

	ms_step_fn step;     /* waits for the next batch: runs inside its transaction */
	ms_step_fn ticketed; /* runs when the entries of that step have tickets; NULL: answer `out` */
	ms_step_fn acted;    /* runs when keeper answered: `result` is there */
	struct ms_staged staged[MS_JOB_ENTRIES_MAX];
	size_t n_staged, n_ticketed;
	uint64_t seq_before; /* next_seq when the step began */

	/* a worker of the appraiser said something, or there was none: rc and `said` as in appraisers.h. The job lives on or is settled */
	void (*appraised)(struct ms_core *c, struct ms_job *j, enum ms_rc rc, struct ms_span said);

	struct ms_buf params;  /* of the act under way */
	struct ms_span result; /* keeper's; borrowed while `acted` runs */

	uint16_t status; /* of the answer */
	enum ms_net_kind kind;
	uint32_t retry_after_s;
	struct ms_buf out;
	bool answered; /* the answer is in `out` (or was given by other means) */

	void *more; /* what the request's own code keeps */
	void (*more_free)(void *more);
};
struct ms_job_queue {
	struct ms_job *head, **tail;
};
struct ms_jobs {
	struct ms_job *slot[MS_JOB_SLOTS];
	uint32_t generation[MS_JOB_SLOTS];
	uint32_t free_slot[MS_JOB_SLOTS];
	size_t n_free;
	struct ms_job_queue ready;     /* have a step to run */
	struct ms_job_queue committed; /* have entries that notary does not know yet, in order of seq */
};

void ms_jobs_init(struct ms_jobs *js);
void ms_jobs_fini(struct ms_jobs *js);
/* MS_ERR_LIMITED when all slots are taken. */
MS_MUST_USE enum ms_rc ms_job_new(struct ms_core *c, struct ms_job **ret, struct ms_err *err);
struct ms_job *ms_job_by_id(struct ms_core *c, uint64_t id); /* NULL: gone */
void ms_job_free(struct ms_core *c, struct ms_job *j);
void ms_job_push(struct ms_job_queue *q, struct ms_job *j);
struct ms_job *ms_job_pop(struct ms_job_queue *q);

/* The job waits for the next batch, which runs `step`. */
void ms_job_ready(struct ms_core *c, struct ms_job *j, ms_step_fn step);
/* Run one step or start function and deal with what it says: an error is answered and the job freed. */
void ms_job_settle(struct ms_core *c, struct ms_job *j, enum ms_rc rc, struct ms_err *err);
/* Send `out` to net and free the job. */
void ms_job_answer(struct ms_core *c, struct ms_job *j);
/* Fill `out` with the message of a table; 200. */
MS_MUST_USE enum ms_rc ms_job_reply(struct ms_job *j, const struct ms_cbor_table *t, const void *msg, struct ms_err *err);
/* Fill `out` with an error of the public form. `hint` may be NULL. */
void ms_job_reply_error(struct ms_job *j, enum ms_rc rc, const char *text, const char *hint);

/* Inside a step: write one entry. Fills v, seq, time and tenant (unless e->tenant is set); writes and applies it; remembers
 * it for its ticket. `ret_index`, if not NULL, is its index in j->staged. */
MS_MUST_USE enum ms_rc ms_job_log(struct ms_core *c, struct ms_job *j, struct ms_entry *e, size_t *ret_index, struct ms_err *err);
/* The entry data from a table. Buffers are the caller's. */
MS_MUST_USE enum ms_rc ms_job_log_data(struct ms_core *c, struct ms_job *j, struct ms_entry *e, const struct ms_cbor_table *t,
    const void *data, size_t *ret_index, struct ms_err *err);
/* Inside a step: drop everything it wrote so far, so that it can answer with a reason instead. */
MS_MUST_USE enum ms_rc ms_job_undo(struct ms_core *c, struct ms_job *j, struct ms_err *err);
/* Run all ready jobs in one transaction, commit, push to notary. */
void ms_jobs_batch(struct ms_core *c);

#endif
