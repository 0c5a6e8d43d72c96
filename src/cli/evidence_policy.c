/* evidence verify --policy: what a policy directory says of evidence that agrees. */
#include "cli/evidence_work.h"
enum ms_rc
ms_evidence_judge(struct ms_evidence_work *w)
{
	return ms_fail(w->err, MS_ERR_UNSUPPORTED, "policy");
}
void
ms_evidence_print_steps(MS_UNUSED struct ms_evidence_work *w)
{
}
