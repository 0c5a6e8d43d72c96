/* An act for a device that keeper admitted, over a fresh quote: the common part of IDENTITY, SECRET_RELEASE and RESULT. */
#ifndef MS_KEEPER_ATTESTED_H
#define MS_KEEPER_ATTESTED_H
#include "server/keeper/keeper_int.h"

struct ms_keeper_asked { /* of the params */
	enum ms_purpose purpose;
	struct ms_span admission;
	struct ms_span nonce, exporter, request, attest, signature, pcrs;
	bool keyless;                   /* the request is for nothing that needs a key */
	struct ms_certify_evidence key; /* from the request: what the AK certified */
};
struct ms_keeper_attested {
	struct ms_admission_body who; /* borrows from the params */
	struct ms_ak *ak;
	struct ms_quote_verified *quote;
	struct ms_certified *key;
};
void ms_keeper_attested_fini(struct ms_keeper_attested *a); /* safe on a zeroed struct */
MS_CLEANUP_FINI(struct ms_keeper_attested, ms_keeper_attested_fini)
/* Our admission of this device in this tenant; its AK's quote over this request; a key of its TPM, unless keyless; a nonce used for
 * nothing else. The entry is about this device, request and evidence. */
MS_MUST_USE enum ms_rc ms_keeper_check_attested(
    const struct ms_keeper_work *w, const struct ms_keeper_asked *q, struct ms_keeper_attested *ret, struct ms_err *err);

#endif
