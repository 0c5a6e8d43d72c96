#include "cli/evidence_file.h"

#include <string.h>

#include "evidence/quote.h"

#define NAME_MAX_LEN 256u

static const struct ms_cbor_field fields[] = {
    MS_CBOR_F_UINT(1, struct ms_evidence_file, format, MS_CBOR_REQ, 0, UINT32_MAX),
    MS_CBOR_F_TEXT(2, struct ms_evidence_file, tenant, MS_CBOR_REQ, 1, 64),
    MS_CBOR_F_TEXT(3, struct ms_evidence_file, device, MS_CBOR_REQ, 1, 80),
    MS_CBOR_F_TEXT(4, struct ms_evidence_file, name, MS_CBOR_REQ, 0, NAME_MAX_LEN),
    MS_CBOR_F_TEXT(5, struct ms_evidence_file, model, MS_CBOR_REQ, 0, NAME_MAX_LEN),
    MS_CBOR_F_TEXT(6, struct ms_evidence_file, serial, MS_CBOR_REQ, 0, NAME_MAX_LEN),
    MS_CBOR_F_TEXT(7, struct ms_evidence_file, state, MS_CBOR_REQ, 0, 16),
    MS_CBOR_F_TEXT(8, struct ms_evidence_file, batch, MS_CBOR_REQ, 0, NAME_MAX_LEN),
    MS_CBOR_F_BOOL(9, struct ms_evidence_file, listed, MS_CBOR_REQ),
    MS_CBOR_F_UINT(10, struct ms_evidence_file, time_s, MS_CBOR_REQ, 0, INT64_MAX),
    MS_CBOR_F_MAP(11, struct ms_evidence_file, pcrs, MS_CBOR_REQ, MS_PCRS_WIRE_MAX),
    MS_CBOR_F_BYTES(12, struct ms_evidence_file, attest, MS_CBOR_OPT, 1, MS_TPM_ATTEST_MAX),
    MS_CBOR_F_BYTES(13, struct ms_evidence_file, signature, MS_CBOR_OPT, 1, MS_TPM_SIGNATURE_MAX),
    MS_CBOR_F_BYTES(14, struct ms_evidence_file, ak, MS_CBOR_OPT, 1, MS_TPM_PUBLIC_MAX),
    MS_CBOR_F_BYTES(15, struct ms_evidence_file, boot_log, MS_CBOR_OPT, 1, 4u << 20),
    MS_CBOR_F_BYTES(16, struct ms_evidence_file, ima, MS_CBOR_OPT, 1, 32u << 20),
    MS_CBOR_F_UINT(17, struct ms_evidence_file, ima_from, MS_CBOR_OPT, 0, UINT32_MAX),
    MS_CBOR_F_UINT(18, struct ms_evidence_file, ima_used, MS_CBOR_OPT, 0, UINT32_MAX),
    MS_CBOR_F_TEXT(19, struct ms_evidence_file, last_reference, MS_CBOR_OPT, 1, MS_REFERENCE_NAME_MAX),
    MS_CBOR_F_TEXT(20, struct ms_evidence_file, outcome, MS_CBOR_OPT, 1, 8),
    MS_CBOR_F_ARRAY(21, struct ms_evidence_file, reasons, MS_CBOR_OPT, 1u << 20),
    MS_CBOR_F_TEXT(22, struct ms_evidence_file, policy, MS_CBOR_OPT, 1, 64),
    MS_CBOR_F_UINT(23, struct ms_evidence_file, policy_version, MS_CBOR_OPT, 0, INT64_MAX),
    MS_CBOR_F_BYTES(24, struct ms_evidence_file, extra, MS_CBOR_OPT, 32, 32),
};
static const struct ms_cbor_table table = MS_CBOR_TABLE("evidence file", struct ms_evidence_file, fields);

enum ms_rc
ms_evidence_file_parse(struct ms_span cbor, struct ms_evidence_file *ret, struct ms_err *err)
{
	struct ms_evidence_file f;
	if (cbor.len > MS_EVIDENCE_FILE_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "evidence file: %zu bytes", cbor.len);
	enum ms_rc rc = ms_cbor_parse_map(&table, cbor, &f, err);
	if (rc == MS_OK && f.format != MS_EVIDENCE_FILE_FORMAT)
		rc = ms_fail(err, MS_ERR_UNSUPPORTED, "evidence file: format %llu", (unsigned long long)f.format);
	if (rc == MS_OK)
		*ret = f;
	return rc;
}

enum ms_rc
ms_evidence_file_build(const struct ms_evidence_file *f, struct ms_buf *out, struct ms_err *err)
{
	return ms_cbor_build_map(&table, f, out, err);
}

enum ms_rc
ms_evidence_file_verify(const struct ms_evidence_file *f, struct ms_err *err)
{
	MS_OWN(ms_ak_free) struct ms_ak *ak = NULL;
	MS_OWN(ms_quote_raw_free) struct ms_quote_raw *raw = NULL;
	MS_OWN(ms_quote_verified_free) struct ms_quote_verified *good = NULL;
	struct ms_pcrs pcrs;
	if (f->attest.len == 0 || f->signature.len == 0 || f->ak.len == 0 || f->extra.len == 0)
		return ms_fail(err, MS_ERR_NOT_FOUND, "there is no quote in the file");
	enum ms_rc rc = ms_pcrs_parse(f->pcrs, &pcrs, err);
	if (rc == MS_OK)
		rc = ms_ak_new(f->ak, MS_SPAN_NONE, &ak, NULL, err);
	if (rc == MS_OK)
		rc = ms_quote_take(f->attest, f->signature, &raw, NULL, err);
	struct ms_quote_check check = {.ak = ak, .extra = f->extra, .mask = pcrs.mask, .pcrs = &pcrs};
	if (rc == MS_OK)
		rc = ms_quote_verify(raw, &check, &good, NULL, err);
	return rc == MS_OK ? rc : ms_prefix(err, rc, "quote");
}

enum ms_rc
ms_case_take(struct ms_case *k, const struct ms_evidence_file *f, struct ms_err *err)
{
	enum ms_rc rc = ms_evidence_file_verify(f, err);
	if (rc != MS_OK && rc != MS_ERR_NOT_FOUND)
		return rc;
	rc = ms_pcrs_parse(f->pcrs, &k->pcrs, err);
	if (rc != MS_OK)
		return rc;
	k->has_pcrs = true;
	k->ima_from = (uint32_t)f->ima_from;
	k->ima_used_known = MS_CBOR_HAS(f, MS_EVIDENCE_FILE_IMA_USED);
	k->ima_used = (uint32_t)f->ima_used;
	ms_buf_put_span(&k->boot_log, f->boot_log);
	ms_buf_put_span(&k->ima, f->ima);
	rc = ms_buf_check(&k->ima, err);
	return rc == MS_OK ? ms_buf_check(&k->boot_log, err) : rc;
}

enum ms_rc
ms_case_evidence_file(struct ms_case *k, struct ms_span cbor, struct ms_err *err)
{
	struct ms_evidence_file f;
	enum ms_rc rc = ms_evidence_file_parse(cbor, &f, err);
	return rc == MS_OK ? ms_case_take(k, &f, err) : rc;
}
