/* Kinds of evidence with a file of their own. */
#ifndef MS_EVIDENCE_APPRAISE_INT_H
#define MS_EVIDENCE_APPRAISE_INT_H
#include "evidence/appraise.h"

MS_MUST_USE enum ms_rc ms_appraise_tpm(struct ms_span bytes, struct ms_buf *claims, struct ms_err *err);

#endif
