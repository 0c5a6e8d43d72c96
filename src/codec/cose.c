#include "codec/cose.h"

#include "codec/cbor.h"

#define TAG_SIGN1 0xd2u /* tag 18, in its one shortest form */
#define N_PARTS 4u      /* protected, unprotected, payload, signature */

/* RFC 9052 3.1: labels of the protected header. */
struct header {
	uint64_t present;
	int64_t alg;
	struct ms_span content_type;
	struct ms_span kid;
};
static const struct ms_cbor_field header_fields[] = {
    MS_CBOR_F_INT(1, struct header, alg, MS_CBOR_REQ),
    MS_CBOR_F_TEXT(3, struct header, content_type, MS_CBOR_REQ, 1, MS_COSE_TYPE_MAX),
    MS_CBOR_F_BYTES(4, struct header, kid, MS_CBOR_REQ, 1, MS_COSE_KID_MAX),
};
static const struct ms_cbor_table header_table = MS_CBOR_TABLE("cose header", struct header, header_fields);

static bool
alg_ok(int64_t alg)
{
	return alg == MS_COSE_ES256 || alg == MS_COSE_EDDSA;
}

/* The array inside the tag, into the spans of *m. */
static enum ms_rc
parse_parts(struct ms_span s, struct ms_cose_sign1 *m, struct ms_err *err)
{
	struct ms_rd rd = ms_rd_span(s);
	if (ms_rd_u8(&rd) != TAG_SIGN1)
		return ms_fail(err, MS_ERR_MALFORMED, "cose: not a COSE_Sign1 with its tag");
	struct ms_span array = ms_rd_bytes(&rd, ms_rd_left(&rd));
	enum ms_rc rc = ms_cbor_check(array, MS_CBOR_DEPTH_MAX, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "cose");
	struct ms_cbor c = ms_cbor_over(array);
	if (ms_cbor_read_array(&c) != N_PARTS)
		return ms_fail(err, MS_ERR_MALFORMED, "cose: not an array of four");
	m->header = ms_cbor_read_bytes(&c);
	size_t n_unprotected = ms_cbor_read_map(&c);
	if (!c.rd.bad && n_unprotected != 0)
		return ms_fail(err, MS_ERR_MALFORMED, "cose: something in the unprotected header");
	m->payload = ms_cbor_read_bytes(&c); /* null, a detached payload, is not of this type */
	m->signature = ms_cbor_read_bytes(&c);
	if (!ms_cbor_done(&c) || m->signature.len != MS_COSE_SIG_LEN)
		return ms_fail(err, MS_ERR_MALFORMED, "cose: parts of other types or a signature of another length");
	return MS_OK;
}

enum ms_rc
ms_cose_parse(struct ms_span s, struct ms_cose_sign1 *ret, struct ms_err *err)
{
	struct ms_cose_sign1 m = {0};
	struct header h;
	if (s.len > MS_COSE_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "cose: %zu bytes", s.len);
	enum ms_rc rc = parse_parts(s, &m, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&header_table, m.header, &h, err);
	if (rc != MS_OK)
		return rc;
	if (!alg_ok(h.alg))
		return ms_fail(err, MS_ERR_UNSUPPORTED, "cose: algorithm %jd", (intmax_t)h.alg);
	m.alg = h.alg;
	m.content_type = h.content_type;
	m.kid = h.kid;
	*ret = m;
	return MS_OK;
}

enum ms_rc
ms_cose_build_header(int64_t alg, struct ms_span kid, struct ms_span content_type, struct ms_buf *out, struct ms_err *err)
{
	if (!alg_ok(alg))
		return ms_fail(err, MS_ERR_USAGE, "cose: algorithm %jd", (intmax_t)alg);
	struct header h = {.alg = alg, .content_type = content_type, .kid = kid};
	return ms_cbor_build_map(&header_table, &h, out, err);
}

void
ms_cose_build_tbs(struct ms_span header, struct ms_span external_aad, struct ms_span payload, struct ms_buf *out)
{
	ms_cbor_array(out, N_PARTS);
	ms_cbor_text(out, "Signature1");
	ms_cbor_bytes(out, header);
	ms_cbor_bytes(out, external_aad);
	ms_cbor_bytes(out, payload);
}

void
ms_cose_build(struct ms_span header, struct ms_span payload, const uint8_t sig[static MS_COSE_SIG_LEN], struct ms_buf *out)
{
	ms_buf_u8(out, TAG_SIGN1);
	ms_cbor_array(out, N_PARTS);
	ms_cbor_bytes(out, header);
	ms_cbor_map(out, 0);
	ms_cbor_bytes(out, payload);
	ms_cbor_bytes(out, ms_span(sig, MS_COSE_SIG_LEN));
}
