/* What `ima verify` judges measured files by: a list of files, keys that sign them, prefixes that are left out. */
#ifndef MS_CLI_IMA_JUDGE_H
#define MS_CLI_IMA_JUDGE_H
#include "cli/cli.h"
#include "evidence/ima.h"

struct ms_ima_judge;
/* Reads --policy, --key, --exclude, --allow-violations. MS_ERR_USAGE names the file and what is wrong with it. */
MS_MUST_USE enum ms_rc ms_ima_judge_load(struct ms_cli *c, struct ms_ima_judge **ret, struct ms_err *err);
void ms_ima_judge_free(struct ms_ima_judge *j);
MS_CLEANUP(struct ms_ima_judge, ms_ima_judge_free)
bool ms_ima_judge_any(const struct ms_ima_judge *j); /* is there anything to judge by? */

#define MS_IMA_PROBLEM_MAX 640u
struct ms_ima_problem {
	const char *reason; /* stable name: "file-unknown" */
	char text[MS_IMA_PROBLEM_MAX];
};
/* True: nothing is wrong with this entry. Entries are given in their order: keys that an accepted keyring entry brings count for
 * those after it. Else *ret says what is wrong. MS_ERR_NOMEM only. */
MS_MUST_USE enum ms_rc ms_ima_judge_entry(
    struct ms_ima_judge *j, const struct ms_ima_entry *e, bool *ret_good, struct ms_ima_problem *ret, struct ms_err *err);

#define MS_IMA_JUDGE_OPTIONS \
	{"policy", "FILE", "files that may be there: what sha256sum writes, references/NAME.yaml, or a runtime policy of Keylime (JSON)"}, \
	    {"key", "FILE", "public key or certificate (PEM or DER) whose IMA signature is good for any file; may be repeated"}, \
	    {"exclude", "PREFIX", "paths that begin so are not judged, as in /tmp/; may be repeated"}, \
	{ \
		"allow-violations", NULL, "do not refuse files that changed while they were measured" \
	}

#endif
