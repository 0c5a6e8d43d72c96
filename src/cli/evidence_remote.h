/* Evidence as the server recorded it. */
#ifndef MS_CLI_EVIDENCE_REMOTE_H
#define MS_CLI_EVIDENCE_REMOTE_H
#include "cli/evidence_file.h"
#include "cli/remote.h"

/* One record; `file` borrows from it. */
struct ms_remote_evidence {
	json_t *json;
	struct ms_buf mem[12];
	size_t n_mem;
	struct ms_evidence_file file;
};
void ms_remote_evidence_fini(struct ms_remote_evidence *e);
MS_CLEANUP_FINI(struct ms_remote_evidence, ms_remote_evidence_fini)
/* `name`: the id of a record, or a device (id, beginning of an id, name), of which the last record is meant. */
MS_MUST_USE enum ms_rc ms_remote_evidence(struct ms_cli *c, const char *name, struct ms_remote_evidence *ret, struct ms_err *err);
/* Facts of the device and the time of the evidence, borrowed from the file. */
void ms_case_facts(struct ms_case *k, const struct ms_evidence_file *f);

#endif
