#include "server/core/evidence.h"

#include <stdio.h>

#include "base/log.h"

enum ms_rc
ms_refuse_evidence(struct ms_core *c, struct ms_job *j, enum ms_rc rc, enum ms_evidence_reason reason, const struct ms_err *err)
{
	if (reason == MS_EVIDENCE_FAULT || reason == MS_EVIDENCE_NONE || ms_rc_http(rc) >= 500)
		return rc;
	ms_core_count_refusal(c, ms_evidence_reason_name(reason));
	ms_log(MS_LOG_INFO, "core.evidence", "reason=%s detail=\"%s\"", ms_evidence_reason_name(reason), err->text);
	ms_job_reply_error(j, rc, ms_evidence_reason_name(reason), ms_evidence_reason_text(reason));
	return MS_OK;
}

enum ms_rc
ms_refuse_evidence_at(struct ms_core *c, struct ms_job *j, enum ms_evidence_reason reason, const char *where)
{
	char text[400];
	const char *name = ms_evidence_reason_name(reason);
	ms_core_count_refusal(c, name);
	(void)snprintf(text, sizeof text, "%s%s%.300s", name, where[0] == '\0' ? "" : " ", where);
	ms_log(MS_LOG_INFO, "core.evidence", "reason=%s detail=\"%s\"", name, where);
	ms_job_reply_error(j, ms_evidence_reason_rc(reason), text, ms_evidence_reason_text(reason));
	return MS_OK;
}
