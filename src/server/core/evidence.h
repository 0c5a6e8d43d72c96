/* Refusing evidence that is not authentic: counted and told, and no state moves (I6, I12). */
#ifndef MS_CORE_EVIDENCE_H
#define MS_CORE_EVIDENCE_H
#include "evidence/reason.h"
#include "server/core/core.h"

/* Answer the job with the reason's name and text and return MS_OK; or return rc when it is not the evidence's fault.
 * Nothing may have been written before. */
MS_MUST_USE enum ms_rc ms_refuse_evidence(
    struct ms_core *c, struct ms_job *j, enum ms_rc rc, enum ms_evidence_reason reason, const struct ms_err *err);
/* The same with more to say after the reason's name: where, which. Always MS_OK. */
MS_MUST_USE enum ms_rc ms_refuse_evidence_at(struct ms_core *c, struct ms_job *j, enum ms_evidence_reason reason, const char *where);

#endif
