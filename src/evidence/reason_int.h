/* How the checks of evidence/ refuse. */
#ifndef MS_REASON_INT_H
#define MS_REASON_INT_H
#include <stdbool.h>
#include "evidence/reason.h"

/* Write the reason (ret_reason may be NULL) and return the code of its row. */
enum ms_rc ms_refuse(enum ms_evidence_reason *ret_reason, enum ms_evidence_reason why, struct ms_err *err);
/* The same, before the text that a deeper layer left in err. */
enum ms_rc ms_refuse_more(enum ms_evidence_reason *ret_reason, enum ms_evidence_reason why, struct ms_err *err);
/* No verdict: our memory, library or argument. Returns rc. */
enum ms_rc ms_refuse_fault(enum ms_evidence_reason *ret_reason, enum ms_rc rc);
bool ms_is_fault(enum ms_rc rc);

#endif
