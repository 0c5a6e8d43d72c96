/* One attested request on its way: shared by what it may ask for (identity.c, secret.c, result.c). */
#ifndef MS_CORE_ATTESTED_H
#define MS_CORE_ATTESTED_H
#include "evidence/appraisal.h"
#include "evidence/certify.h"
#include "evidence/quote.h"
#include "server/core/core.h"

/* The logs that came with evidence, and what they showed. */
struct ms_attested_logs {
	struct ms_appraisal *appraisal; /* NULL: none came */
	uint8_t boot_log[32];           /* SHA-256; when appraisal->has_boot */
	struct ms_ima_state ima;        /* where the list stands with this quote; when appraisal->has_ima */
	size_t ima_used;                /* entries of those sent that the quote covers */
	size_t late_files;              /* files of entries that it does not */
	uint8_t ima_judged[32];         /* policy and reference values that judged them */
};
void ms_logs_fini(struct ms_attested_logs *l);

/* Spans borrow from the job's body. */
struct ms_attested_job {
	struct ms_attested msg;
	enum ms_purpose purpose;
	struct ms_identity_req identity; /* purpose identity */
	struct ms_secret_req secret;     /* purpose secret */
	struct ms_result_req result;     /* purpose result */
	char actor[96];
	struct ms_device device;
	const struct ms_ak *ak; /* borrowed while the step runs */
	struct ms_quote_verified *quote;
	struct ms_certified *certified; /* the request's key: in the AK's TPM */
	uint8_t point[65];              /* of an identity key */
	uint8_t evidence[32];
	uint8_t extra[MS_BIND_LEN]; /* what the quote had to be bound to */
	struct ms_judged judged;
	enum ms_outcome outcome;
	char reason[256];
	struct ms_buf verdict; /* signed */
	struct ms_attested_logs logs;
	ms_step_fn step; /* runs when the logs were read */
	/* purpose result */
	uint64_t issued_s, expires_s;
	struct ms_buf token; /* signed */
};

/* ---- attested_check.c ---- */

/* Load the device and verify the quote, against the row as it is now. Anything but MS_OK, with a reason, goes to ms_refuse_evidence(). */
MS_MUST_USE enum ms_rc ms_attested_authentic(
    struct ms_core *c, struct ms_job *j, struct ms_attested_job *a, enum ms_evidence_reason *reason, struct ms_err *err);
/* The key of an identity or secret request is in the same TPM: certified by the AK, over this request's nonce. */
MS_MUST_USE enum ms_rc ms_attested_key(struct ms_job *j, struct ms_attested_job *a, enum ms_evidence_reason *reason, struct ms_err *err);
/* States whose evidence is not appraised any more, or not yet, are refused. */
MS_MUST_USE enum ms_rc ms_attested_state(const struct ms_device *d, struct ms_err *err);

/* ---- attested_logs.c ---- */

bool ms_logs_came(const struct ms_attested_job *a);
/* Have a worker read them, or find what was read before; then a->step is ready. Nothing is spent on evidence that is not authentic:
 * caps, quote, state and where the list goes on are checked first. Refusals are answered here (MS_OK). */
MS_MUST_USE enum ms_rc ms_logs_start(struct ms_core *c, struct ms_job *j, struct ms_attested_job *a, struct ms_err *err);
/* Inside the step: do the logs explain the quote? No: answered, counted, MS_OK with j->answered; no state moves (I6). */
MS_MUST_USE enum ms_rc ms_logs_check(struct ms_core *c, struct ms_job *j, struct ms_attested_job *a, struct ms_err *err);
/* What there is to judge; borrows from the job. */
struct ms_judge_ask ms_attested_ask(const struct ms_job *j, const struct ms_attested_job *a);
void ms_logs_to_entry(const struct ms_attested_job *a, bool pass, struct ms_data_attest *data);
void ms_logs_to_verdict(const struct ms_attested_job *a, bool pass, struct ms_verdict_body *body);

/* Inside the step, after device.attest was logged: log cert.issue and build its act, or log cert.refuse. Both set j->ticketed. */
MS_MUST_USE enum ms_rc ms_identity_stage(struct ms_core *c, struct ms_job *j, struct ms_attested_job *a, struct ms_err *err);
/* The same for secret.release and secret.refuse. */
MS_MUST_USE enum ms_rc ms_secret_stage(struct ms_core *c, struct ms_job *j, struct ms_attested_job *a, struct ms_err *err);
/* The same for result.issue and result.refuse. */
MS_MUST_USE enum ms_rc ms_result_stage(struct ms_core *c, struct ms_job *j, struct ms_attested_job *a, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_attested_reply(struct ms_job *j, struct ms_span result, struct ms_err *err);

#endif
