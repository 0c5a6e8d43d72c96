#include "codec/tpm.h"

#include <string.h>

#define COORD_MAX 48u /* P-384 */
#define RSA_MIN 128u
#define RSA_MAX 512u

static bool
hash_ok(uint16_t alg)
{
	return alg == MS_TPM_ALG_SHA256 || alg == MS_TPM_ALG_SHA384 || alg == MS_TPM_ALG_SHA512;
}

static enum ms_rc
parse(struct ms_span s, bool sha1, struct ms_tpm_signature *ret, struct ms_err *err)
{
	if (s.len > MS_TPM_SIGNATURE_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "signature: %zu bytes", s.len);
	struct ms_rd r = ms_rd_span(s);
	struct ms_tpm_signature g = {.scheme = ms_rd_u16(&r)};
	g.hash = ms_rd_u16(&r);
	if (r.bad)
		return ms_fail(err, MS_ERR_MALFORMED, "signature: %zu bytes", s.len);
	bool ecdsa = g.scheme == MS_TPM_ALG_ECDSA;
	if (!ecdsa && g.scheme != MS_TPM_ALG_RSASSA && g.scheme != MS_TPM_ALG_RSAPSS)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "signature: scheme 0x%04x", g.scheme);
	if (!hash_ok(g.hash) && !(sha1 && g.hash == MS_TPM_ALG_SHA1))
		return ms_fail(err, MS_ERR_UNSUPPORTED, "signature: hash 0x%04x%s", g.hash, g.hash == MS_TPM_ALG_SHA1 ? " (SHA-1)" : "");
	if (ecdsa) {
		g.r = ms_rd_tpm2b(&r, COORD_MAX);
		g.s = ms_rd_tpm2b(&r, COORD_MAX);
	} else {
		g.rsa = ms_rd_tpm2b(&r, RSA_MAX);
	}
	bool lengths = ecdsa ? g.r.len > 0 && g.s.len > 0 : g.rsa.len >= RSA_MIN;
	if (!ms_rd_done(&r) || !lengths)
		return ms_fail(err, MS_ERR_MALFORMED, "signature: %zu bytes do not parse", s.len);
	*ret = g;
	return MS_OK;
}

enum ms_rc
ms_tpm_signature_parse(struct ms_span s, struct ms_tpm_signature *ret, struct ms_err *err)
{
	return parse(s, false, ret, err);
}

enum ms_rc
ms_tpm_signature_parse_old(struct ms_span s, struct ms_tpm_signature *ret, struct ms_err *err)
{
	return parse(s, true, ret, err);
}

enum ms_rc
ms_tpm_signature_p256(const struct ms_tpm_signature *sig, uint8_t ret[static 64], struct ms_err *err)
{
	if (sig->scheme != MS_TPM_ALG_ECDSA)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "signature: scheme 0x%04x is not ECDSA", sig->scheme);
	if (sig->r.len == 0 || sig->r.len > 32 || sig->s.len == 0 || sig->s.len > 32)
		return ms_fail(err, MS_ERR_MALFORMED, "signature: r and s of %zu and %zu bytes", sig->r.len, sig->s.len);
	memset(ret, 0, 64);
	memcpy(ret + 32 - sig->r.len, sig->r.p, sig->r.len);
	memcpy(ret + 64 - sig->s.len, sig->s.p, sig->s.len);
	return MS_OK;
}
