/* Admission of a bound device: shared by enrolment (a manifest lists it) and by an operator's approval. */
#ifndef MS_CORE_ENROLL_H
#define MS_CORE_ENROLL_H
#include "server/core/core.h"

/* Inside a step: builds the ADMIT act of the device from its kept binding and its authority (manifest row, or the kept
 * approval), and logs device.admit. `then` runs, as a step of a later batch, when the admission is kept. */
MS_MUST_USE enum ms_rc ms_admit_stage(
    struct ms_core *c, struct ms_job *j, struct ms_span device, struct ms_span actor, ms_step_fn then, struct ms_err *err);

/* A row of a batch with the proof that it is in the manifest. Buffers are the caller's, initialised. */
struct ms_listing {
	struct ms_row_expected row;
	struct ms_buf mem, statement, row_bytes, proof;
};
void ms_listing_fini(struct ms_listing *l); /* safe on a zeroed struct */
MS_CLEANUP_FINI(struct ms_listing, ms_listing_fini)
/* MS_ERR_NOT_FOUND: no manifest of the tenant lists this EK. */
MS_MUST_USE enum ms_rc ms_listing_find(
    struct ms_core *c, struct ms_span tenant, struct ms_span ek_hash, struct ms_listing *l, struct ms_err *err);
/* The rest of it: the manifest's statement, the row's bytes and its proof. */
MS_MUST_USE enum ms_rc ms_listing_prove(struct ms_core *c, struct ms_span tenant, struct ms_listing *l, struct ms_err *err);

#endif
