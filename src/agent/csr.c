#include "agent/csr.h"

#include <string.h>

#include "codec/der.h"
#include "crypto/hash.h"

#define PEM_LINE 48u /* bytes that make 64 letters */

/* RFC 2986 4.1 */
static void
build_info(const uint8_t point[static 65], struct ms_buf *b)
{
	size_t info = ms_der_open(b, MS_DER_SEQUENCE);
	ms_der_put_uint(b, 0);
	ms_der_put(b, MS_DER_SEQUENCE, MS_SPAN_NONE);
	ms_der_spki_p256(b, point);
	ms_der_put(b, MS_DER_CONTEXT_CONSTRUCTED(0), MS_SPAN_NONE);
	ms_der_close(b, info);
}

enum ms_rc
ms_agent_csr_build(const uint8_t point[static 65], ms_csr_sign_fn sign, void *ctx, struct ms_buf *out, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf info = {0};
	MS_OWN(ms_buf_fini) struct ms_buf sig = {0};
	uint8_t digest[MS_SHA256_LEN], raw[64];
	ms_buf_init(&info, MS_AGENT_CSR_MAX);
	ms_buf_init(&sig, MS_DER_ECDSA_MAX);
	build_info(point, &info);
	enum ms_rc rc = ms_buf_check(&info, err);
	if (rc != MS_OK)
		return rc;
	ms_sha256(ms_buf_span(&info), digest);
	rc = sign(ctx, digest, raw, err);
	if (rc == MS_OK)
		rc = ms_der_ecdsa_build(raw, &sig, err);
	if (rc != MS_OK)
		return rc;
	size_t csr = ms_der_open(out, MS_DER_SEQUENCE);
	ms_buf_put_span(out, ms_buf_span(&info));
	size_t alg = ms_der_open(out, MS_DER_SEQUENCE);
	ms_der_put_oid(out, MS_OID_ECDSA_SHA256);
	ms_der_close(out, alg);
	ms_der_put_bits(out, ms_buf_span(&sig));
	ms_der_close(out, csr);
	return ms_buf_check(out, err);
}

void
ms_agent_pem(struct ms_span der, struct ms_buf *out)
{
	char line[MS_BASE64_LEN(PEM_LINE) + 1];
	ms_buf_str(out, "-----BEGIN CERTIFICATE-----\n");
	for (size_t i = 0; i < der.len; i += PEM_LINE) {
		ms_base64(der.p + i, der.len - i < PEM_LINE ? der.len - i : PEM_LINE, line);
		ms_buf_fmt(out, "%s\n", line);
	}
	ms_buf_str(out, "-----END CERTIFICATE-----\n");
}
