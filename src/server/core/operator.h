/* Operators' requests: verified here once, then one table row each. Writing operations are change objects: logged whole, executed
 * once; reading ones move nothing. */
#ifndef MS_CORE_OPERATOR_H
#define MS_CORE_OPERATOR_H
#include "codec/statement.h"
#include "server/core/core.h"

/* A verified operation on its way. Spans borrow from the job's body. */
struct ms_operation {
	const struct ms_operator_key *by;
	char actor[80]; /* "operator:<key id>" */
	struct ms_statement statement;
	struct ms_op_body body;
	const struct ms_op_row *row;
	struct ms_buf result;  /* deterministic CBOR for the answer; may stay empty */
	struct ms_buf subject; /* of the change entry */
	char text[256];        /* for the person who asked */
	char change[32];
	uint64_t version; /* secret.put */
};
/* One operation. `run` is a step inside the transaction; a writing one logs its effect after ms_operation_log_change(). */
struct ms_op_row {
	const char *name;
	bool writes;
	bool takes_away;  /* it only refuses more than before: done also while the clock is off */
	const char *role; /* "factory": batches only; "admin": everything */
	enum ms_rc (*run)(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err);
};
extern const struct ms_op_row ms_ops_change[];   /* change.c: ended by a row without a name */
extern const struct ms_op_row ms_ops_read[];     /* read.c */
extern const struct ms_op_row ms_ops_evidence[]; /* read_evidence.c */

/* Log change.execute: first entry of every writing operation. `subject` is what it is about. */
MS_MUST_USE enum ms_rc ms_operation_log_change(
    struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_span subject, struct ms_err *err);
/* Answer with what is in o->result and o->text, and the last entry with its ticket. A ms_step_fn for j->ticketed. */
MS_MUST_USE enum ms_rc ms_operation_answer(struct ms_core *c, struct ms_job *j, struct ms_err *err);

#endif
