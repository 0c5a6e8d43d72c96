/* What the AK signs, and what the TPM tells of itself. */
#include <string.h>
#include <tss2/tss2_mu.h>

#include "crypto/hash.h"
#include "tpm/esys_int.h"

#define QUOTE_TRIES 2
#define PCR_READS_MAX 16u /* a TPM gives 8 digests a read, some fewer */

static void
put_text(char *out, size_t cap, UINT32 word)
{
	size_t n = strlen(out);
	for (int shift = 24; shift >= 0 && n + 1 < cap; shift -= 8) {
		char c = (char)(word >> shift & 0xff);
		if (c > ' ' && c < 0x7f)
			out[n++] = c;
	}
	out[n] = '\0';
}

static void
put_property(struct ms_tpm_info *i, UINT32 property, UINT32 value)
{
	switch (property) {
	case TPM2_PT_MANUFACTURER:
		put_text(i->manufacturer, sizeof i->manufacturer, value);
		break;
	case TPM2_PT_VENDOR_STRING_1:
	case TPM2_PT_VENDOR_STRING_2:
	case TPM2_PT_VENDOR_STRING_3:
	case TPM2_PT_VENDOR_STRING_4:
		put_text(i->vendor, sizeof i->vendor, value);
		break;
	case TPM2_PT_FIRMWARE_VERSION_1:
		i->firmware |= (uint64_t)value << 32;
		break;
	case TPM2_PT_FIRMWARE_VERSION_2:
		i->firmware |= value;
		break;
	case TPM2_PT_PERMANENT:
		i->in_lockout = (value & TPMA_PERMANENT_INLOCKOUT) != 0;
		break;
	case TPM2_PT_LOCKOUT_COUNTER:
		i->lockout_counter = value;
		break;
	case TPM2_PT_MAX_AUTH_FAIL:
		i->lockout_max = value;
		break;
	case TPM2_PT_LOCKOUT_INTERVAL:
		i->lockout_interval_s = value;
		break;
	case TPM2_PT_LOCKOUT_RECOVERY:
		i->lockout_recovery_s = value;
		break;
	}
}

static enum ms_rc
properties(struct ms_esys *e, UINT32 first, UINT32 count, struct ms_tpm_info *ret, struct ms_err *err)
{
	TPMI_YES_NO more;
	MS_OWN(ms_esys_free) TPMS_CAPABILITY_DATA *cap = NULL;
	TSS2_RC code = Esys_GetCapability(e->ctx, MS_ESYS_NONE3, TPM2_CAP_TPM_PROPERTIES, first, count, &more, &cap);
	if (code != TSS2_RC_SUCCESS) {
		/* not through ms_esys_rc() alone: that asks for properties to explain a lockout */
		e->gone = e->gone || (code & TSS2_RC_LAYER_MASK) == TSS2_TCTI_RC_LAYER;
		return ms_fail(err, e->gone ? MS_ERR_UNAVAILABLE : MS_ERR_TPM, "TPM: read properties: code %#x", code);
	}
	const TPML_TAGGED_TPM_PROPERTY *l = &cap->data.tpmProperties;
	for (UINT32 i = 0; i < l->count && i < TPM2_MAX_TPM_PROPERTIES; i++)
		put_property(ret, l->tpmProperty[i].property, l->tpmProperty[i].value);
	return MS_OK;
}

enum ms_rc
ms_esys_info(struct ms_esys *e, struct ms_tpm_info *ret, struct ms_err *err)
{
	struct ms_tpm_info info = {0};
	enum ms_rc rc = properties(e, TPM2_PT_MANUFACTURER, 16, &info, err);
	if (rc == MS_OK)
		rc = properties(e, TPM2_PT_PERMANENT, 32, &info, err);
	if (rc == MS_OK)
		*ret = info;
	return rc;
}

TPML_PCR_SELECTION
ms_esys_selection(uint32_t mask)
{
	return (TPML_PCR_SELECTION){.count = 1,
	    .pcrSelections[0] = {.hash = TPM2_ALG_SHA256,
		.sizeofSelect = 3,
		.pcrSelect = {(BYTE)(mask & 0xff), (BYTE)(mask >> 8 & 0xff), (BYTE)(mask >> 16 & 0xff)}}};
}

/* Which PCRs a reply is about: one SHA-256 selection inside what was asked, as many bits as digests. 0: anything else. */
static uint32_t
read_mask(const TPML_PCR_SELECTION *sel, const TPML_DIGEST *values, uint32_t asked)
{
	if (sel->count != 1 || sel->pcrSelections[0].hash != TPM2_ALG_SHA256)
		return 0;
	uint32_t mask = 0;
	for (unsigned i = 0; i < sel->pcrSelections[0].sizeofSelect && i < 3; i++)
		mask |= (uint32_t)sel->pcrSelections[0].pcrSelect[i] << (8 * i);
	if ((mask & ~asked) != 0 || (unsigned)__builtin_popcount(mask) != values->count || values->count > 8)
		return 0;
	return mask;
}

static enum ms_rc
read_some(struct ms_esys *e, uint32_t left, struct ms_tpm_pcrs *pcrs, UINT32 *ret_counter, struct ms_err *err)
{
	TPML_PCR_SELECTION ask = ms_esys_selection(left);
	MS_OWN(ms_esys_free) TPML_PCR_SELECTION *sel = NULL;
	MS_OWN(ms_esys_free) TPML_DIGEST *values = NULL;
	enum ms_rc rc = ms_esys_rc(e, Esys_PCR_Read(e->ctx, MS_ESYS_NONE3, &ask, ret_counter, &sel, &values), "read PCRs", err);
	if (rc != MS_OK)
		return rc;
	uint32_t got = read_mask(sel, values, left);
	if (got == 0)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "TPM: read PCRs: no SHA-256 bank (allocate it in the firmware setup)");
	unsigned n = 0;
	for (unsigned i = 0; i < MS_TPM_PCR_COUNT; i++) {
		if ((got >> i & 1) == 0)
			continue;
		if (values->digests[n].size != MS_TPM_HASH_LEN)
			return ms_fail(err, MS_ERR_TPM, "TPM: read PCRs: a digest of %u bytes", values->digests[n].size);
		memcpy(pcrs->value[i], values->digests[n++].buffer, MS_TPM_HASH_LEN);
	}
	pcrs->mask |= got;
	return MS_OK;
}

enum ms_rc
ms_esys_read_pcrs(struct ms_esys *e, uint32_t mask, struct ms_tpm_pcrs *ret, struct ms_err *err)
{
	struct ms_tpm_pcrs pcrs = {0};
	UINT32 counter = 0, counter_before = 0;
	for (unsigned i = 0; i < PCR_READS_MAX && pcrs.mask != mask; i++) {
		enum ms_rc rc = read_some(e, mask & ~pcrs.mask, &pcrs, &counter, err);
		if (rc != MS_OK)
			return rc;
		if (i > 0 && counter != counter_before) /* moved between two reads: begin again */
			pcrs.mask = 0;
		counter_before = counter;
	}
	if (pcrs.mask != mask)
		return ms_fail(err, MS_ERR_TPM, "TPM: read PCRs: they keep changing");
	*ret = pcrs;
	return MS_OK;
}

static enum ms_rc
put_signed(struct ms_esys *e, const TPM2B_ATTEST *attest, const TPMT_SIGNATURE *sig, struct ms_tpm_reply *r, struct ms_err *err)
{
	if (attest->size > sizeof r->attest.b)
		return ms_fail(err, MS_ERR_TOO_BIG, "TPM: attestation of %u bytes", attest->size);
	size_t off = 0;
	enum ms_rc rc = ms_esys_rc(e, Tss2_MU_TPMT_SIGNATURE_Marshal(sig, r->signature.b, sizeof r->signature.b, &off), "signature", err);
	if (rc != MS_OK)
		return rc;
	r->signature.len = off;
	memcpy(r->attest.b, attest->attestationData, attest->size);
	r->attest.len = attest->size;
	return MS_OK;
}

/* Do these values hash to the digest inside the quote? The server judges; this only finds a change in between. */
static bool
quoted(const struct ms_tpm_reply *r, const struct ms_tpm_pcrs *pcrs)
{
	TPMS_ATTEST a;
	size_t off = 0;
	if (Tss2_MU_TPMS_ATTEST_Unmarshal(r->attest.b, r->attest.len, &off, &a) != TSS2_RC_SUCCESS || a.type != TPM2_ST_ATTEST_QUOTE)
		return false;
	struct ms_span parts[MS_TPM_PCR_COUNT];
	size_t n = 0;
	for (unsigned i = 0; i < MS_TPM_PCR_COUNT; i++)
		if ((pcrs->mask >> i & 1) != 0)
			parts[n++] = ms_span(pcrs->value[i], MS_TPM_HASH_LEN);
	uint8_t digest[MS_SHA256_LEN];
	ms_sha256v(parts, n, digest);
	const TPM2B_DIGEST *d = &a.attested.quote.pcrDigest;
	return ms_span_eq(ms_span(digest, sizeof digest), ms_span(d->buffer, d->size));
}

static TPM2B_DATA
qualifying(const struct ms_tpm_request *q)
{
	TPM2B_DATA d = {.size = MS_TPM_HASH_LEN};
	memcpy(d.buffer, q->hash, MS_TPM_HASH_LEN);
	return d;
}

static const TPMT_SIG_SCHEME key_scheme = {.scheme = TPM2_ALG_NULL}; /* the one that is part of the key */

enum ms_rc
ms_esys_quote(struct ms_esys *e, const struct ms_tpm_request *q, struct ms_tpm_reply *r, struct ms_err *err)
{
	ESYS_TR ak;
	enum ms_rc rc = ms_esys_ak(e, q->ak_salt, &ak, NULL, err);
	if (rc != MS_OK)
		return rc;
	TPM2B_DATA extra = qualifying(q);
	TPML_PCR_SELECTION sel = ms_esys_selection(q->mask);
	for (int i = 0; i < QUOTE_TRIES; i++) {
		struct ms_tpm_pcrs pcrs;
		MS_OWN(ms_esys_free) TPM2B_ATTEST *attest = NULL;
		MS_OWN(ms_esys_free) TPMT_SIGNATURE *sig = NULL;
		rc = ms_esys_read_pcrs(e, q->mask, &pcrs, err);
		if (rc != MS_OK)
			return rc;
		rc = ms_esys_rc(e,
		    Esys_Quote(e->ctx, ak, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &extra, &key_scheme, &sel, &attest, &sig), "quote",
		    err);
		if (rc == MS_OK)
			rc = put_signed(e, attest, sig, r, err);
		if (rc != MS_OK)
			return rc;
		if (quoted(r, &pcrs)) {
			r->pcrs = pcrs;
			return MS_OK;
		}
	}
	return ms_fail(err, MS_ERR_TPM, "TPM: quote: the PCRs keep changing");
}

enum ms_rc
ms_esys_certify(struct ms_esys *e, ESYS_TR key, const struct ms_tpm_request *q, struct ms_tpm_reply *r, struct ms_err *err)
{
	ESYS_TR ak;
	enum ms_rc rc = ms_esys_ak(e, q->ak_salt, &ak, NULL, err);
	if (rc != MS_OK)
		return rc;
	TPM2B_DATA extra = qualifying(q);
	MS_OWN(ms_esys_free) TPM2B_ATTEST *attest = NULL;
	MS_OWN(ms_esys_free) TPMT_SIGNATURE *sig = NULL;
	TSS2_RC code = Esys_Certify(e->ctx, key, ak, ESYS_TR_PASSWORD, ESYS_TR_PASSWORD, ESYS_TR_NONE, &extra, &key_scheme, &attest, &sig);
	rc = ms_esys_rc(e, code, "certify", err);
	return rc != MS_OK ? rc : put_signed(e, attest, sig, r, err);
}

enum ms_rc
ms_esys_certify_identity(struct ms_esys *e, const struct ms_tpm_request *q, struct ms_tpm_reply *r, struct ms_err *err)
{
	ESYS_TR key;
	enum ms_rc rc = ms_esys_identity(e, q->salt, &key, &r->pub, err);
	return rc != MS_OK ? rc : ms_esys_certify(e, key, q, r, err);
}
