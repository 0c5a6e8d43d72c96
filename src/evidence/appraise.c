#include "evidence/appraise.h"

#include <string.h>

#include "codec/cbor.h"
#include "codec/der.h"
#include "evidence/appraise_int.h"

#define KIND_MAX 16u
#define EKCERT_MAX 16384u
#define DER_DEPTH_MAX 24u

struct request {
	uint64_t present;
	struct ms_span kind, bytes;
};
static const struct ms_cbor_field request_fields[] = {
    MS_CBOR_F_TEXT(1, struct request, kind, MS_CBOR_REQ, 1, KIND_MAX),
    MS_CBOR_F_BYTES(2, struct request, bytes, MS_CBOR_REQ, 0, MS_APPRAISE_REQUEST_MAX),
};
static const struct ms_cbor_table request_table = MS_CBOR_TABLE("appraise", struct request, request_fields);

enum ms_rc
ms_appraise_request_build(const char *kind, struct ms_span bytes, struct ms_buf *out, struct ms_err *err)
{
	const struct request r = {.kind = ms_span_str(kind), .bytes = bytes};
	return ms_cbor_build_map(&request_table, &r, out, err);
}

static enum ms_rc
appraise_pcrs(struct ms_span bytes, struct ms_buf *claims, struct ms_err *err)
{
	struct ms_cbor c = ms_cbor_over(bytes);
	size_t n = ms_cbor_read_map(&c);
	if (n == 0 || n > MS_APPRAISE_PCRS_MAX)
		return ms_fail(err, MS_ERR_MALFORMED, "pcrs: not a map of 1 to %u values", MS_APPRAISE_PCRS_MAX);
	ms_buf_u8(claims, (uint8_t)n);
	for (size_t i = 0; i < n; i++) {
		uint64_t index = ms_cbor_read_uint(&c); /* in rising order: the form of the map says so */
		struct ms_span digest = ms_cbor_read_bytes(&c);
		if (c.rd.bad || index >= MS_APPRAISE_PCRS_MAX || digest.len != 32)
			return ms_fail(err, MS_ERR_MALFORMED, "pcrs: value %zu", i);
		ms_buf_u8(claims, (uint8_t)index);
		ms_buf_put_span(claims, digest);
	}
	return ms_cbor_done(&c) ? MS_OK : ms_fail(err, MS_ERR_MALFORMED, "pcrs: bytes after the map");
}

/* Every constructed value is entered, so that what is taken for the certificate is DER all the way down. */
static bool
der_ok(struct ms_span s)
{
	struct ms_der level[DER_DEPTH_MAX] = {ms_der_over(s)};
	size_t depth = 1;
	while (depth > 0) {
		struct ms_der *d = &level[depth - 1];
		uint8_t tag = ms_der_peek(d);
		if (tag == 0) {
			if (!ms_der_done(d))
				return false;
			depth--;
		} else if ((tag & 0x20u) != 0) {
			if (depth == DER_DEPTH_MAX)
				return false;
			level[depth] = ms_der_enter(d, tag);
			depth++;
		} else {
			ms_der_skip(d);
		}
	}
	return true;
}

static bool
only_padding(struct ms_span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] != s.p[0] || (s.p[i] != 0xff && s.p[i] != 0x00))
			return false;
	return true;
}

/* A TPM's NV index is larger than the certificate in it: makers fill the rest with 0xff or zero. */
static enum ms_rc
appraise_ekcert(struct ms_span bytes, struct ms_buf *claims, struct ms_err *err)
{
	if (bytes.len > EKCERT_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "ekcert: %zu bytes", bytes.len);
	struct ms_der d = ms_der_over(bytes);
	struct ms_span cert = ms_der_read_raw(&d, MS_DER_SEQUENCE);
	if (cert.len == 0 || cert.len > bytes.len || !only_padding(ms_span(bytes.p + cert.len, bytes.len - cert.len)))
		return ms_fail(err, MS_ERR_MALFORMED, "ekcert: not one DER value and padding");
	struct ms_der outer = ms_der_over(cert), c = ms_der_enter(&outer, MS_DER_SEQUENCE);
	(void)ms_der_read_raw(&c, MS_DER_SEQUENCE); /* RFC 5280 4.1: tbsCertificate, signatureAlgorithm, signatureValue */
	(void)ms_der_read_raw(&c, MS_DER_SEQUENCE);
	(void)ms_der_read_bits(&c);
	if (!ms_der_done(&c) || !ms_der_done(&outer) || !der_ok(cert))
		return ms_fail(err, MS_ERR_MALFORMED, "ekcert: not a certificate");
	ms_buf_put_span(claims, cert);
	return MS_OK;
}

static const struct kind {
	const char *name;
	enum ms_rc (*appraise)(struct ms_span bytes, struct ms_buf *claims, struct ms_err *err);
} kinds[] = {
    {MS_APPRAISE_PCRS, appraise_pcrs},
    {MS_APPRAISE_EKCERT, appraise_ekcert},
    {MS_APPRAISE_TPM, ms_appraise_tpm},
};

enum ms_rc
ms_appraise(struct ms_span request, struct ms_buf *claims, struct ms_err *err)
{
	struct request r;
	if (request.len > MS_APPRAISE_REQUEST_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "evidence of %zu bytes", request.len);
	enum ms_rc rc = ms_cbor_parse_map(&request_table, request, &r, err);
	if (rc != MS_OK)
		return rc;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (ms_span_eq(r.kind, ms_span_str(kinds[i].name))) {
			rc = kinds[i].appraise(r.bytes, claims, err);
			return rc == MS_OK ? ms_buf_check(claims, err) : rc;
		}
	return ms_fail(err, MS_ERR_UNSUPPORTED, "evidence of an unknown kind");
}

enum ms_rc
ms_pcr_claims_parse(struct ms_span claims, struct ms_pcr_claims *ret, struct ms_err *err)
{
	struct ms_rd rd = ms_rd_span(claims);
	struct ms_pcr_claims p = {.n = ms_rd_u8(&rd)};
	if (p.n == 0 || p.n > MS_APPRAISE_PCRS_MAX)
		return ms_fail(err, MS_ERR_MALFORMED, "claims: %zu PCRs", p.n);
	for (size_t i = 0; i < p.n; i++) {
		p.index[i] = ms_rd_u8(&rd);
		ms_rd_copy(&rd, p.digest[i], sizeof p.digest[i]);
		if (p.index[i] >= MS_APPRAISE_PCRS_MAX || (i > 0 && p.index[i] <= p.index[i - 1]))
			return ms_fail(err, MS_ERR_MALFORMED, "claims: PCR index");
	}
	if (!ms_rd_done(&rd))
		return ms_fail(err, MS_ERR_MALFORMED, "claims: length");
	*ret = p;
	return MS_OK;
}
