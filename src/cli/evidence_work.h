/* What evidence verify works on: read and held together in cmd_evidence.c, judged in evidence_policy.c. */
#ifndef MS_CLI_EVIDENCE_WORK_H
#define MS_CLI_EVIDENCE_WORK_H
#include "cli/policydir.h"
#include "cli/quote_files.h"
#include "evidence/agree.h"

struct ms_evidence_work {
	struct ms_cli *c;
	struct ms_err *err;
	struct ms_report report;
	struct ms_quote_files files;
	struct ms_quotefile quote;
	struct ms_buf boot_log, ima;
	struct ms_ima_keyring *keys;
	struct ms_agree agree;
	struct ms_claims *claims;     /* of the AK's certificate, and what kind of evidence this is */
	struct ms_policy_dir *policy; /* NULL: none was given */
	json_t *steps;                /* of the policy */
	bool certified;               /* the AK, by somebody whom --roots trusts */
	const char *reason;           /* of a refusal; NULL while all is well */
	char detail[MS_ERR_TEXT_MAX];
};
/* Keep what err says as the refusal of this name. MS_OK. */
enum ms_rc ms_evidence_refuse(struct ms_evidence_work *w, const char *reason);
/* Judge by w->policy; the verdict goes into the report, a refusal into w->reason. An error is no verdict. */
MS_MUST_USE enum ms_rc ms_evidence_judge(struct ms_evidence_work *w);
/* Keys by which the policy's reference sets want files to be signed, into w->keys. */
MS_MUST_USE enum ms_rc ms_evidence_policy_keys(struct ms_evidence_work *w);
/* Rule by rule, for people. */
void ms_evidence_print_steps(struct ms_evidence_work *w);

#endif
