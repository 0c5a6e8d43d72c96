/* Is the evidence authentic, and of a device whose evidence counts? */
#include <string.h>

#include "fleet/lifecycle.h"
#include "server/core/attested.h"

static enum ms_rc
check_quote(struct ms_core *c, struct ms_job *j, struct ms_attested_job *a, enum ms_evidence_reason *reason, struct ms_err *err)
{
	MS_OWN(ms_quote_raw_free) struct ms_quote_raw *raw = NULL;
	struct ms_pcrs pcrs;
	struct ms_quote_seen seen = {.clock = a->device.row.clock_ms,
	    .reset_count = (uint32_t)a->device.row.reset_count,
	    .restart_count = (uint32_t)a->device.row.restart_count};
	struct ms_bind_quote b = {.purpose = a->purpose,
	    .tenant = ms_span_str(j->tenant),
	    .device = a->msg.device,
	    .nonce = a->msg.nonce,
	    .request = a->msg.request,
	    .authority = ms_span(ms_pubkey_id(c->root->release), MS_KEY_ID_LEN),
	    .exporter = ms_span(j->exporter, sizeof j->exporter)};
	*reason = MS_EVIDENCE_PCR_VALUES;
	enum ms_rc rc = ms_pcrs_parse(a->msg.pcrs, &pcrs, err);
	if (rc == MS_OK)
		rc = ms_bind_quote(&b, a->extra, err);
	if (rc == MS_OK)
		rc = ms_quote_take(a->msg.attest, a->msg.signature, &raw, reason, err);
	if (rc != MS_OK)
		return rc;
	struct ms_quote_check check = {.ak = a->ak,
	    .extra = ms_span(a->extra, sizeof a->extra),
	    .mask = MS_PCRS_ATTEST_MASK,
	    .pcrs = &pcrs,
	    .seen = MS_CBOR_HAS(&a->device.row, MS_ROW_DEVICE_RESET_COUNT) ? &seen : NULL};
	return ms_quote_verify(raw, &check, &a->quote, reason, err);
}

enum ms_rc
ms_attested_key(struct ms_job *j, struct ms_attested_job *a, enum ms_evidence_reason *reason, struct ms_err *err)
{
	uint8_t extra[MS_BIND_LEN];
	bool identity = a->purpose == MS_PURPOSE_IDENTITY;
	if (a->purpose == MS_PURPOSE_ATTEST || a->purpose == MS_PURPOSE_RESULT)
		return MS_OK;
	struct ms_certify_evidence e = {.attest = identity ? a->identity.certify : a->secret.certify,
	    .signature = identity ? a->identity.certify_sig : a->secret.certify_sig,
	    .tpmt_public = identity ? a->identity.key : a->secret.key};
	struct ms_certify_check check = {.ak = a->ak, .extra = ms_span(extra, sizeof extra)};
	*reason = MS_EVIDENCE_MALFORMED;
	enum ms_rc rc = ms_bind_certify(a->purpose, ms_span_str(j->tenant), a->msg.device, a->msg.nonce, extra, err);
	if (rc == MS_OK)
		rc = ms_certify_verify(&e, &check, &a->certified, reason, err);
	if (rc == MS_OK && identity)
		rc = ms_certified_identity(a->certified, a->point, reason, err);
	return rc;
}

/* A quote that was verified before stays so while the device's row is the same: its clock and counters are in that row. */
enum ms_rc
ms_attested_authentic(struct ms_core *c, struct ms_job *j, struct ms_attested_job *a, enum ms_evidence_reason *reason, struct ms_err *err)
{
	uint64_t version = a->device.row.version;
	ms_device_fini(&a->device);
	memset(&a->device, 0, sizeof a->device);
	enum ms_rc rc = ms_device_load(c, ms_span_str(j->tenant), a->msg.device, &a->device, err);
	if (rc == MS_OK)
		rc = ms_ak_cache_get(c->aks, a->device.row.ak_public, &a->ak, reason, err);
	if (rc != MS_OK || (a->quote != NULL && version == a->device.row.version))
		return rc;
	ms_quote_verified_free(a->quote);
	a->quote = NULL;
	return check_quote(c, j, a, reason, err);
}

enum ms_rc
ms_attested_state(const struct ms_device *d, struct ms_err *err)
{
	switch ((enum ms_life_state)d->state) {
	case MS_LIFE_ENROLLED:
	case MS_LIFE_TRUSTED:
	case MS_LIFE_STALE:
	case MS_LIFE_QUARANTINED:
		return MS_OK;
	case MS_LIFE_EXPECTED:
	case MS_LIFE_PENDING:
		return ms_fail(err, MS_ERR_PENDING, "device is %s", ms_life_name(d->state));
	case MS_LIFE_NONE:
	case MS_LIFE_REVOKED:
	case MS_LIFE_RETIRED:
	case MS_LIFE_STATES:
		break;
	}
	return ms_fail(err, MS_ERR_DENIED, "device is %s", ms_life_name(d->state));
}
