/* Kind "tpm": boot log and IMA list to one appraisal. */
#include "evidence/appraise_int.h"
#include "evidence/bootlog.h"
#include "evidence/ima.h"

static const struct ms_cbor_field fields[] = {
    MS_CBOR_F_BYTES(1, struct ms_appraise_tpm, boot_log, MS_CBOR_OPT, 0, MS_APPRAISE_REQUEST_MAX),
    MS_CBOR_F_BYTES(2, struct ms_appraise_tpm, ima, MS_CBOR_OPT, 0, MS_APPRAISE_REQUEST_MAX),
    MS_CBOR_F_UINT(3, struct ms_appraise_tpm, ima_from, MS_CBOR_REQ, 0, UINT32_MAX),
    MS_CBOR_F_UINT(4, struct ms_appraise_tpm, boot_log_bytes, MS_CBOR_REQ, 0, MS_APPRAISE_REQUEST_MAX),
    MS_CBOR_F_UINT(5, struct ms_appraise_tpm, boot_log_events, MS_CBOR_REQ, 0, MS_APPRAISAL_BOOT_MAX),
    MS_CBOR_F_UINT(6, struct ms_appraise_tpm, boot_log_event_bytes, MS_CBOR_REQ, 0, MS_APPRAISE_REQUEST_MAX),
    MS_CBOR_F_UINT(7, struct ms_appraise_tpm, ima_bytes, MS_CBOR_REQ, 0, MS_APPRAISE_REQUEST_MAX),
    MS_CBOR_F_UINT(8, struct ms_appraise_tpm, ima_entries, MS_CBOR_REQ, 0, MS_APPRAISAL_IMA_MAX),
    MS_CBOR_F_ARRAY(9, struct ms_appraise_tpm, keys, MS_CBOR_REQ, MS_APPRAISE_KEYS_MAX),
    MS_CBOR_F_BYTES(10, struct ms_appraise_tpm, pcr_start, MS_CBOR_REQ, MS_PCR_LEN, MS_PCR_LEN),
    MS_CBOR_F_BYTES(11, struct ms_appraise_tpm, pcr_quoted, MS_CBOR_REQ, MS_PCR_LEN, MS_PCR_LEN),
};
static const struct ms_cbor_table table = MS_CBOR_TABLE("appraise tpm", struct ms_appraise_tpm, fields);

enum ms_rc
ms_appraise_tpm_build(const struct ms_appraise_tpm *t, struct ms_buf *out, struct ms_err *err)
{
	return ms_cbor_build_map(&table, t, out, err);
}

static enum ms_rc
read_keys(struct ms_span keys, struct ms_ima_keyring **ret, struct ms_err *err)
{
	MS_OWN(ms_ima_keyring_free) struct ms_ima_keyring *ring = NULL;
	struct ms_cbor c = ms_cbor_over(keys);
	size_t n = ms_cbor_read_array(&c);
	enum ms_rc rc = n <= MS_IMA_KEYS_MAX ? ms_ima_keyring_new(&ring, err) : ms_fail(err, MS_ERR_TOO_BIG, "%zu keys", n);
	for (size_t i = 0; rc == MS_OK && i < n; i++)
		rc = ms_ima_keyring_add(ring, ms_cbor_read_bytes(&c), err);
	if (rc == MS_OK && !ms_cbor_done(&c))
		rc = ms_fail(err, MS_ERR_MALFORMED, "keys");
	if (rc != MS_OK)
		return rc;
	*ret = ring;
	ring = NULL;
	return MS_OK;
}

static enum ms_rc
appraise_boot(const struct ms_appraise_tpm *t, struct ms_appraisal *a, struct ms_err *err)
{
	const struct ms_bootlog_caps caps = {
	    .bytes = (size_t)t->boot_log_bytes, .events = (size_t)t->boot_log_events, .event_bytes = (size_t)t->boot_log_event_bytes};
	enum ms_rc rc = ms_bootlog_appraise(t->boot_log, &caps, a, err);
	return rc == MS_OK ? rc : ms_prefix(err, rc, "boot log");
}

static enum ms_rc
appraise_ima(const struct ms_appraise_tpm *t, struct ms_appraisal *a, struct ms_err *err)
{
	MS_OWN(ms_ima_keyring_free) struct ms_ima_keyring *keys = NULL;
	enum ms_rc rc = read_keys(t->keys, &keys, err);
	const struct ms_ima_evidence ev = {.list = t->ima,
	    .from = (uint32_t)t->ima_from,
	    .caps = {.bytes = (size_t)t->ima_bytes, .entries = (uint32_t)t->ima_entries},
	    .keys = keys,
	    .start = t->pcr_start.p,
	    .quoted = t->pcr_quoted.p};
	if (rc == MS_OK)
		rc = ms_ima_appraise(&ev, a, err);
	return rc == MS_OK ? rc : ms_prefix(err, rc, "IMA list");
}

enum ms_rc
ms_appraise_tpm(struct ms_span bytes, struct ms_buf *claims, struct ms_err *err)
{
	MS_OWN(ms_appraisal_free) struct ms_appraisal *a = NULL;
	struct ms_appraise_tpm t;
	enum ms_rc rc = ms_cbor_parse_map(&table, bytes, &t, err);
	if (rc == MS_OK)
		rc = ms_appraisal_new(&a, err);
	if (rc == MS_OK && MS_CBOR_HAS(&t, MS_APPRAISE_TPM_BOOT_LOG))
		rc = appraise_boot(&t, a, err);
	if (rc == MS_OK && MS_CBOR_HAS(&t, MS_APPRAISE_TPM_IMA))
		rc = appraise_ima(&t, a, err);
	if (rc == MS_ERR_AUTH) /* the list contradicts itself: a worker has no word on what is authentic */
		return MS_ERR_MALFORMED;
	return rc == MS_OK ? ms_appraisal_build(a, claims, err) : rc;
}
