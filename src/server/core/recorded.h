/* Recorded evidence: what devices sent and what was judged of it, kept as long as the configuration says, for people to look at,
 * take away and try policies on. No authority state rests on it: what is gone is asked for again. Logs are content-addressed in a
 * table of their own, counted, and go with the last record that holds them; nothing else ever points there. */
#ifndef MS_CORE_RECORDED_H
#define MS_CORE_RECORDED_H
#include "server/core/attested.h"

/* Inside the step, after device.attest was logged as entry `seq`. */
MS_MUST_USE enum ms_rc ms_recorded_put(
    struct ms_core *c, struct ms_job *j, const struct ms_attested_job *a, uint64_t seq, struct ms_err *err);
/* The appraisal of the boot log with this hash, as one of the device's last records has it. MS_ERR_NOT_FOUND: it must be sent again. */
MS_MUST_USE enum ms_rc ms_recorded_boot(
    struct ms_core *c, struct ms_span tenant, struct ms_span device, struct ms_span hash, struct ms_appraisal **ret, struct ms_err *err);
/* Inside a transaction: drop some of what is older than it may be. `cursor` (kept by the caller, initialised) says where to go on. */
MS_MUST_USE enum ms_rc ms_recorded_purge(struct ms_core *c, struct ms_buf *cursor, struct ms_err *err);

/* ---- reading ---- */

#define MS_RECORDED_ID_LEN 24u /* "1234": the number of its log entry */
MS_MUST_USE enum ms_rc ms_recorded_key(
    struct ms_span tenant, struct ms_span device, uint64_t seq, struct ms_row_key *k, struct ms_err *err);
/* *ret borrows from `mem` (initialised). MS_ERR_NOT_FOUND. */
MS_MUST_USE enum ms_rc ms_recorded_get(struct ms_core *c, struct ms_span tenant, struct ms_span device, uint64_t seq, struct ms_buf *mem,
    struct ms_evidence_record *ret, struct ms_err *err);
/* The number of its last record. MS_ERR_NOT_FOUND. */
MS_MUST_USE enum ms_rc ms_recorded_last(
    struct ms_core *c, struct ms_span tenant, struct ms_span device, uint64_t *ret_seq, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_recorded_blob(struct ms_core *c, struct ms_span id, struct ms_buf *out, struct ms_err *err);

#endif
