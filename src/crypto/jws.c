#include "crypto/jws.h"

#include <string.h>

#include "codec/cose.h"
#include "crypto/hash.h"

#define COORDINATE_LEN 32u
#define COORDINATE_TEXT (MS_BASE64URL_LEN(COORDINATE_LEN) + 1)

/* The members that make the key, as RFC 7638 3.2 orders and spaces them: the thumbprint's text, and part of the JWK. */
static enum ms_rc
required_members(const struct ms_pubkey *k, struct ms_buf *out, struct ms_err *err)
{
	char x[COORDINATE_TEXT], y[COORDINATE_TEXT];
	struct ms_span point = ms_pubkey_point(k);
	switch (ms_pubkey_type(k)) {
	case MS_KEY_P256:
		ms_base64url(point.p + 1, COORDINATE_LEN, x);
		ms_base64url(point.p + 1 + COORDINATE_LEN, COORDINATE_LEN, y);
		ms_buf_fmt(out, "\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"", x, y);
		return MS_OK;
	case MS_KEY_ED25519:
		ms_base64url(point.p, COORDINATE_LEN, x);
		ms_buf_fmt(out, "\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"%s\"", x);
		return MS_OK;
	case MS_KEY_P384:
	case MS_KEY_RSA:
		break;
	}
	return ms_fail(err, MS_ERR_USAGE, "JWK: a P-256 or Ed25519 key is wanted");
}

enum ms_rc
ms_jwk_thumbprint(const struct ms_pubkey *k, char ret[static MS_THUMBPRINT_TEXT_LEN + 1], struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf text = {0};
	uint8_t digest[MS_SHA256_LEN];
	ms_buf_init(&text, 512);
	ms_buf_u8(&text, '{');
	enum ms_rc rc = required_members(k, &text, err);
	ms_buf_u8(&text, '}');
	if (rc == MS_OK)
		rc = ms_buf_check(&text, err);
	if (rc != MS_OK)
		return rc;
	ms_sha256(ms_buf_span(&text), digest);
	ms_base64url(digest, sizeof digest, ret);
	return MS_OK;
}

enum ms_rc
ms_jwks_build(const struct ms_pubkey *const *keys, size_t n, struct ms_buf *out, struct ms_err *err)
{
	enum ms_rc rc = n > 0 ? MS_OK : ms_fail(err, MS_ERR_USAGE, "JWKS: no key");
	ms_buf_str(out, "{\"keys\":[");
	for (size_t i = 0; rc == MS_OK && i < n; i++) {
		char kid[MS_THUMBPRINT_TEXT_LEN + 1] = "";
		enum ms_jose_alg alg = ms_pubkey_type(keys[i]) == MS_KEY_ED25519 ? MS_JOSE_EDDSA : MS_JOSE_ES256;
		rc = ms_jwk_thumbprint(keys[i], kid, err);
		ms_buf_fmt(out, "%s{\"alg\":\"%s\",", i > 0 ? "," : "", ms_jose_alg_name(alg));
		if (rc == MS_OK)
			rc = required_members(keys[i], out, err);
		ms_buf_fmt(out, ",\"kid\":\"%s\",\"use\":\"sig\"}", kid);
	}
	ms_buf_str(out, "]}");
	return rc == MS_OK ? ms_buf_check(out, err) : rc;
}

/* Append base64url of s. */
static void
put_base64url(struct ms_buf *out, struct ms_span s)
{
	char text[4 * 192 + 1];
	for (size_t i = 0; i < s.len; i += 576) { /* whole groups of three, so the pieces join */
		size_t n = s.len - i < 576 ? s.len - i : 576;
		ms_base64url(s.p + i, n, text);
		ms_buf_str(out, text);
	}
}

static bool
typ_ok(const char *typ)
{
	size_t n = strlen(typ);
	return n > 0 && n <= MS_JOSE_TYP_MAX && strspn(typ, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.") == n;
}

enum ms_rc
ms_jws_sign(const struct ms_signer *s, const char *typ, struct ms_span payload, struct ms_buf *out, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf header = {0};
	MS_OWN(ms_buf_fini) struct ms_buf text = {0};
	char kid[MS_THUMBPRINT_TEXT_LEN + 1];
	uint8_t sig[MS_SIG_LEN];
	if (!typ_ok(typ) || payload.len > MS_JWS_PAYLOAD_MAX)
		return ms_fail(err, MS_ERR_USAGE, "JWS: type \"%s\", %zu bytes", typ, payload.len);
	ms_buf_init(&header, MS_JWS_HEADER_MAX);
	ms_buf_init(&text, MS_JWS_MAX);
	enum ms_rc rc = ms_jwk_thumbprint(s->pub, kid, err);
	if (rc != MS_OK)
		return rc;
	enum ms_jose_alg alg = s->alg == MS_COSE_EDDSA ? MS_JOSE_EDDSA : MS_JOSE_ES256;
	ms_buf_fmt(&header, "{\"alg\":\"%s\",\"kid\":\"%s\",\"typ\":\"%s\"}", ms_jose_alg_name(alg), kid, typ);
	put_base64url(&text, ms_buf_span(&header));
	ms_buf_u8(&text, '.');
	put_base64url(&text, payload);
	rc = ms_buf_check(&text, err);
	if (rc == MS_OK)
		rc = ms_signer_sign(s, ms_buf_span(&text), sig, err);
	if (rc != MS_OK)
		return rc;
	ms_buf_u8(&text, '.');
	put_base64url(&text, ms_span(sig, sizeof sig));
	rc = ms_buf_check(&text, err);
	if (rc != MS_OK)
		return rc;
	ms_buf_put_span(out, ms_buf_span(&text));
	return ms_buf_check(out, err);
}
