/* Intel TDX quotes, version 4 and 5 ("Intel TDX DCAP Quoting Library API", A.3 and A.4): header, TD report, and a signature by an
 * attestation key that Intel's quoting enclave (QE) names in a report of its own, which the platform's PCK certificate signs.
 * Whether TCB levels are current (TCB info, QE identity) is a question to Intel that is not asked here. Numbers are
 * little-endian. */
#include <stdio.h>
#include <string.h>

#include "codec/certview.h"
#include "codec/pem.h"
#include "evidence/attester_int.h"

#define HEADER_LEN 48u
#define TD10_LEN 584u
#define TD15_LEN 648u
#define QE_REPORT_LEN 384u
#define KEY_TYPE_ECDSA_P256 2u
#define TEE_TDX 0x81u
#define BODY_TD10 2u
#define BODY_TD15 3u
#define CERT_QE_REPORT 6u
#define CERT_PCK_PEM 5u
#define SGX_DEBUG 2u  /* ATTRIBUTES.DEBUG of the QE */
#define QE_PROD_ID 2u /* the TD quoting enclave */
#define AUTH_DATA_MAX 4096u

/* Who makes quoting enclaves whose attestation keys a PCK vouches for: Intel's vendor id, and the signer of its enclaves as its
 * published QE identity names it. */
static const uint8_t intel_vendor[16] = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};
static const uint8_t intel_signer[32] = {0xdc, 0x9e, 0x2a, 0x7c, 0x6f, 0x94, 0x8f, 0x17, 0x47, 0x4e, 0x34, 0xa7, 0xfc, 0x43, 0xed, 0x03,
    0x0f, 0x7c, 0x15, 0x63, 0xf1, 0xba, 0xbd, 0xdf, 0x63, 0x40, 0xc8, 0x2e, 0x0e, 0x54, 0xa8, 0xc5};

struct quote {
	uint16_t version;
	struct ms_span signed_bytes, body;
	struct ms_span signature, key; /* over signed_bytes; r | s, x | y */
	struct ms_span qe_report, qe_signature, qe_auth;
	struct ms_span pck; /* PEM chain, leaf first */
};

static struct ms_span
at(struct ms_span s, size_t offset, size_t len)
{
	return ms_span(s.p + offset, len);
}

static enum ms_rc
bad(enum ms_attester_reason *why, struct ms_err *err, const char *what)
{
	return ms_attester_refuse(why, MS_ATTESTER_MALFORMED, err, "%s", what);
}

static enum ms_rc
read_header(struct ms_rd *rd, struct quote *q, enum ms_attester_reason *why, struct ms_err *err)
{
	q->version = ms_rd_le16(rd);
	uint16_t key_type = ms_rd_le16(rd);
	uint32_t tee = ms_rd_le32(rd);
	(void)ms_rd_le32(rd);
	struct ms_span vendor = ms_rd_bytes(rd, sizeof intel_vendor);
	(void)ms_rd_bytes(rd, 20); /* user data of the QE: an id of the platform */
	if (rd->bad)
		return bad(why, err, "shorter than a quote's header");
	if (q->version != 4 && q->version != 5)
		return ms_attester_refuse(why, MS_ATTESTER_UNSUPPORTED, err, "quote version %u", q->version);
	if (key_type != KEY_TYPE_ECDSA_P256 || tee != TEE_TDX)
		return ms_attester_refuse(why, MS_ATTESTER_UNSUPPORTED, err, "attestation key type %u of TEE type %#x", key_type, tee);
	if (!ms_span_eq(vendor, ms_span(intel_vendor, sizeof intel_vendor)))
		return ms_attester_refuse(why, MS_ATTESTER_UNSUPPORTED, err, "made by another quoting enclave than Intel's");
	return MS_OK;
}

/* Version 5 says which report follows; version 4 has one. */
static enum ms_rc
read_body(struct ms_rd *rd, struct quote *q, enum ms_attester_reason *why, struct ms_err *err)
{
	size_t len = TD10_LEN;
	if (q->version == 5) {
		uint16_t type = ms_rd_le16(rd);
		len = ms_rd_le32(rd);
		if (rd->bad || !((type == BODY_TD10 && len == TD10_LEN) || (type == BODY_TD15 && len == TD15_LEN)))
			return ms_attester_refuse(why, MS_ATTESTER_UNSUPPORTED, err, "report type %u of %zu bytes", type, len);
	}
	q->body = ms_rd_bytes(rd, len);
	q->signed_bytes = ms_span(rd->p, rd->off);
	return rd->bad ? bad(why, err, "shorter than its report") : MS_OK;
}

/* A.3.8 to A.3.11: signature, key, then certification data of type 6 with that of type 5 inside. */
static enum ms_rc
read_signature(struct ms_rd *rd, struct quote *q, enum ms_attester_reason *why, struct ms_err *err)
{
	struct ms_rd sig = ms_rd_sub(rd, ms_rd_le32(rd));
	q->signature = ms_rd_bytes(&sig, 64);
	q->key = ms_rd_bytes(&sig, 64);
	uint16_t type = ms_rd_le16(&sig);
	struct ms_rd qe = ms_rd_sub(&sig, ms_rd_le32(&sig));
	if (rd->bad || !ms_rd_done(&sig))
		return bad(why, err, "its signature does not fit");
	if (type != CERT_QE_REPORT)
		return ms_attester_refuse(why, MS_ATTESTER_UNSUPPORTED, err, "certification data of type %u, not 6", type);
	q->qe_report = ms_rd_bytes(&qe, QE_REPORT_LEN);
	q->qe_signature = ms_rd_bytes(&qe, 64);
	uint16_t auth_len = ms_rd_le16(&qe);
	q->qe_auth = ms_rd_bytes(&qe, auth_len <= AUTH_DATA_MAX ? auth_len : SIZE_MAX);
	type = ms_rd_le16(&qe);
	q->pck = ms_rd_bytes(&qe, ms_rd_le32(&qe));
	if (!ms_rd_done(&qe))
		return bad(why, err, "its certification data does not fit");
	if (type != CERT_PCK_PEM)
		return ms_attester_refuse(
		    why, MS_ATTESTER_UNSUPPORTED, err, "PCK certification data of type %u, not 5 (a PEM chain)", type);
	while (q->pck.len > 0 && q->pck.p[q->pck.len - 1] == '\0')
		q->pck.len--;
	return MS_OK;
}

static enum ms_rc
read_quote(struct ms_span s, struct quote *ret, enum ms_attester_reason *why, struct ms_err *err)
{
	struct ms_rd rd = ms_rd_span(s);
	struct quote q = {0};
	enum ms_rc rc = read_header(&rd, &q, why, err);
	if (rc == MS_OK)
		rc = read_body(&rd, &q, why, err);
	if (rc == MS_OK)
		rc = read_signature(&rd, &q, why, err);
	while (rc == MS_OK && ms_rd_left(&rd) > 0) /* the kernel's file is padded with zeros */
		if (ms_rd_u8(&rd) != 0)
			rc = bad(why, err, "bytes after its signature");
	if (rc == MS_OK)
		*ret = q;
	return rc;
}

static enum ms_rc
verify_p256(
    const struct ms_pubkey *key, struct ms_span msg, struct ms_span sig, const char *what, enum ms_attester_reason *why, struct ms_err *err)
{
	if (ms_pubkey_type(key) != MS_KEY_P256)
		return ms_attester_refuse(why, MS_ATTESTER_UNSUPPORTED, err, "%s: the key is not on P-256", what);
	enum ms_rc rc = ms_pubkey_verify(key, MS_SIG_ECDSA_SHA256, msg, sig, err);
	if (rc == MS_OK)
		return MS_OK;
	(void)ms_prefix(err, rc, "%s", what);
	return ms_attester_refuse_rc(why, MS_ATTESTER_BAD_SIGNATURE, rc, err);
}

/* The PCK signs the QE's report; the report names the attestation key; the key signs the quote. */
static enum ms_rc
check_signatures(const struct quote *q, struct ms_span pck_spki, enum ms_attester_reason *why, struct ms_err *err)
{
	uint8_t point[MS_POINT_LEN] = {0x04}, bound[64] = {0};
	MS_OWN(ms_pubkey_free) struct ms_pubkey *pck = NULL;
	MS_OWN(ms_pubkey_free) struct ms_pubkey *key = NULL;
	enum ms_rc rc = ms_pubkey_from_spki(pck_spki, &pck, err);
	if (rc != MS_OK)
		return ms_attester_refuse_rc(why, MS_ATTESTER_UNSUPPORTED, rc, err);
	rc = verify_p256(pck, q->qe_report, q->qe_signature, "the quoting enclave's report", why, err);
	if (rc != MS_OK)
		return rc;
	ms_sha256v((const struct ms_span[]){q->key, q->qe_auth}, 2, bound);
	if (!ms_ct_eq(at(q->qe_report, 320, 64).p, bound, sizeof bound))
		return ms_attester_refuse(
		    why, MS_ATTESTER_BROKEN_BINDING, err, "the quoting enclave's report names another attestation key");
	memcpy(point + 1, q->key.p, 64);
	rc = ms_pubkey_from_point(point, &key, err);
	if (rc != MS_OK)
		return ms_attester_refuse_rc(why, MS_ATTESTER_BAD_SIGNATURE, rc, err);
	return verify_p256(key, q->signed_bytes, q->signature, "the quote", why, err);
}

/* A PCK vouches for whatever enclave a platform's owner provisions: it must be Intel's TD quoting enclave, not in debug. */
static enum ms_rc
check_qe(const struct quote *q, struct ms_findings *f, enum ms_attester_reason *why, struct ms_err *err)
{
	struct ms_rd ids = ms_rd_span(at(q->qe_report, 256, 4));
	uint16_t prod_id = ms_rd_le16(&ids), svn = ms_rd_le16(&ids);
	if ((q->qe_report.p[48] & SGX_DEBUG) != 0)
		return ms_attester_refuse(why, MS_ATTESTER_WRONG_PROFILE, err, "the quoting enclave runs in debug mode");
	if (prod_id != QE_PROD_ID || !ms_span_eq(at(q->qe_report, 128, 32), ms_span(intel_signer, sizeof intel_signer)))
		return ms_attester_refuse(why, MS_ATTESTER_WRONG_PROFILE, err, "the quoting enclave is not Intel's for TDs");
	ms_find_uint(f, "tdx.qe-svn", svn);
	return MS_OK;
}

/* ---- the PCK certificate's SGX extensions ("SGX PCK Certificate and CRL Profile", 1.3.5): SEQUENCE OF {OID, value} ---- */

#define SGX 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01
static const uint8_t oid_sgx[] = {SGX}, oid_pceid[] = {SGX, 3}, oid_fmspc[] = {SGX, 4};

static void
find_pck(struct ms_findings *f, struct ms_span der)
{
	struct ms_certview c;
	struct ms_span value;
	bool critical;
	if (ms_certview_parse(der, &c, NULL) != MS_OK || !ms_certview_extension(&c, ms_span(oid_sgx, sizeof oid_sgx), &value, &critical))
		return;
	struct ms_der d = ms_der_over(value), list = ms_der_enter(&d, MS_DER_SEQUENCE);
	while (ms_der_peek(&list) == MS_DER_SEQUENCE) {
		struct ms_der row = ms_der_enter(&list, MS_DER_SEQUENCE);
		struct ms_span oid = ms_der_read_oid(&row);
		bool pceid = ms_span_eq(oid, ms_span(oid_pceid, sizeof oid_pceid));
		if (!pceid && !ms_span_eq(oid, ms_span(oid_fmspc, sizeof oid_fmspc)))
			continue;
		struct ms_span octets = ms_der_read_octets(&row);
		if (ms_der_done(&row))
			ms_find_bytes(f, pceid ? "tdx.pce-id" : "tdx.fmspc", octets);
	}
}

/* The leaf is the first block of the PEM chain. */
static enum ms_rc
check_chain(const struct ms_attester_input *in, const struct quote *q, struct ms_buf *spki, struct ms_findings *f,
    enum ms_attester_reason *why, struct ms_err *err)
{
	char label[MS_PEM_LABEL_MAX];
	size_t from = 0;
	struct ms_x509_chain chain;
	MS_OWN(ms_buf_fini) struct ms_buf leaf;
	ms_buf_init(&leaf, MS_PEM_BLOCK_MAX);
	enum ms_rc rc = ms_pem_next(q->pck, &from, label, &leaf, err);
	if (rc != MS_OK || strcmp(label, "CERTIFICATE") != 0)
		return bad(why, err, "no PCK certificate chain in it");
	rc = ms_attester_x509(in, ms_buf_span(&leaf), q->pck, &chain, spki, why, err);
	if (rc != MS_OK)
		return rc;
	ms_find_text(f, "tdx.chain-root", ms_span_str(chain.root));
	ms_find_bool(f, "tdx.revocation-checked", chain.revocation == MS_X509_CHECKED);
	find_pck(f, ms_buf_span(&leaf));
	return MS_OK;
}

/* TDREPORT's fields in a quote (A.3.2), in their order. */
static const struct field {
	const char *claim;
	uint16_t offset, len;
} fields[] = {
    {"tdx.tcb-svn", 0, 16},
    {"tdx.mrseam", 16, 48},
    {"tdx.mrsignerseam", 64, 48},
    {"tdx.attributes", 120, 8},
    {"tdx.xfam", 128, 8},
    {"tdx.mrtd", 136, 48},
    {"tdx.mrconfigid", 184, 48},
    {"tdx.mrowner", 232, 48},
    {"tdx.mrownerconfig", 280, 48},
    {"tdx.rtmr0", 328, 48},
    {"tdx.rtmr1", 376, 48},
    {"tdx.rtmr2", 424, 48},
    {"tdx.rtmr3", 472, 48},
    {"tdx.report-data", 520, 64},
};

static bool
find_body(struct ms_findings *f, const struct quote *q)
{
	struct ms_rd seam = ms_rd_span(at(q->body, 112, 8)), attributes = ms_rd_span(at(q->body, 120, 8));
	bool debug = (ms_rd_le64(&attributes) & 0xff) != 0 || ms_rd_le64(&seam) != 0;
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		ms_find_bytes(f, fields[i].claim, at(q->body, fields[i].offset, fields[i].len));
	if (q->body.len == TD15_LEN)
		ms_find_bytes(f, "tdx.mrservicetd", at(q->body, 600, 48));
	ms_find_uint(f, "tdx.version", q->version);
	ms_find_bool(f, "tdx.debug", debug);
	return debug;
}

MS_ATTESTER_VERIFY(tdx)
{
	struct quote q;
	struct ms_findings f = {.claims = claims};
	MS_OWN(ms_buf_fini) struct ms_buf spki;
	ms_buf_init(&spki, MS_SPKI_MAX);
	enum ms_rc rc = read_quote(in->evidence, &q, why, err);
	if (rc == MS_OK)
		rc = check_chain(in, &q, &spki, &f, why, err);
	if (rc == MS_OK)
		rc = check_signatures(&q, ms_buf_span(&spki), why, err);
	if (rc == MS_OK)
		rc = check_qe(&q, &f, why, err);
	if (rc == MS_OK)
		rc = ms_attester_nonce(in, at(q.body, 520, 64), true, why, err);
	if (rc != MS_OK)
		return rc;
	if (find_body(&f, &q))
		*assurance = MS_ASSURANCE_LOW;
	return ms_findings_end(&f, why, err);
}
