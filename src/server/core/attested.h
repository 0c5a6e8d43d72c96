/* One attested request on its way: shared by what it may ask for (identity.c, secret.c, result.c). */
#ifndef MS_CORE_ATTESTED_H
#define MS_CORE_ATTESTED_H
#include "evidence/certify.h"
#include "evidence/quote.h"
#include "server/core/core.h"

/* Spans borrow from the job's body. */
struct ms_attested_job {
	struct ms_attested msg;
	enum ms_purpose purpose;
	struct ms_identity_req identity; /* purpose identity */
	struct ms_secret_req secret;     /* purpose secret */
	struct ms_result_req result;     /* purpose result */
	char actor[96];
	struct ms_device device;
	const struct ms_ak *ak; /* borrowed while the step runs */
	struct ms_quote_verified *quote;
	struct ms_certified *certified; /* the request's key: in the AK's TPM */
	uint8_t point[65];              /* of an identity key */
	uint8_t evidence[32];
	struct ms_judged judged;
	enum ms_outcome outcome;
	char reason[256];
	struct ms_buf verdict; /* signed */
	/* purpose result */
	uint64_t issued_s, expires_s;
	struct ms_buf token; /* signed */
};

/* Inside the step, after device.attest was logged: log cert.issue and build its act, or log cert.refuse. Both set j->ticketed. */
MS_MUST_USE enum ms_rc ms_identity_stage(struct ms_core *c, struct ms_job *j, struct ms_attested_job *a, struct ms_err *err);
/* The same for secret.release and secret.refuse. */
MS_MUST_USE enum ms_rc ms_secret_stage(struct ms_core *c, struct ms_job *j, struct ms_attested_job *a, struct ms_err *err);
/* The same for result.issue and result.refuse. */
MS_MUST_USE enum ms_rc ms_result_stage(struct ms_core *c, struct ms_job *j, struct ms_attested_job *a, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_attested_reply(struct ms_job *j, struct ms_span result, struct ms_err *err);

#endif
