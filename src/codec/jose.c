#include "codec/jose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "codec/json.h"

#define COORDINATE_LEN 32u

static enum ms_rc
refuse(enum ms_token_reason *ret, enum ms_token_reason reason, enum ms_rc rc)
{
	if (ret != NULL)
		*ret = reason;
	return rc;
}
#define REFUSE(reason, rc, ...) refuse(ret_reason, reason, ms_fail(err, rc, "token: " __VA_ARGS__))

/* A text member of at most max bytes; empty in out when it is not there. False: of another kind, empty, or too long. */
static bool
take_text(const json_t *o, const char *name, size_t max, char *out)
{
	const json_t *v = json_object_get(o, name);
	out[0] = '\0';
	if (v == NULL)
		return true;
	size_t n = json_is_string(v) ? json_string_length(v) : 0;
	if (n == 0 || n > max)
		return false;
	(void)snprintf(out, max + 1, "%s", json_string_value(v));
	return true;
}

static bool
has_any(const json_t *o, const char *const *names)
{
	for (; *names != NULL; names++)
		if (json_object_get(o, *names) != NULL)
			return true;
	return false;
}

/* ---- tokens ---- */

static enum ms_rc
take_alg(const char *alg, struct ms_jws_parts *p, enum ms_token_reason *ret_reason, struct ms_err *err)
{
	if (strcasecmp(alg, "none") == 0) /* RFC 7515 5.2: nothing was signed */
		return REFUSE(MS_TOKEN_ALG_NONE, MS_ERR_AUTH, "it is not signed (alg \"none\")");
	if (strcmp(alg, "ES256") == 0)
		p->alg = MS_JOSE_ES256;
	else if (strcmp(alg, "EdDSA") == 0)
		p->alg = MS_JOSE_EDDSA;
	else
		return REFUSE(MS_TOKEN_ALG_UNSUPPORTED, MS_ERR_UNSUPPORTED, "its algorithm is neither ES256 nor EdDSA");
	return MS_OK;
}

static enum ms_rc
take_header(const json_t *h, struct ms_jws_parts *p, enum ms_token_reason *ret_reason, struct ms_err *err)
{
	static const char *const own_key[] = {"jwk", "jku", "x5c", "x5u", NULL};
	static const char *const must_understand[] = {"crit", "b64", "zip", NULL};
	char alg[33];
	if (!json_is_object(h) || !take_text(h, "alg", sizeof alg - 1, alg) || alg[0] == '\0')
		return REFUSE(MS_TOKEN_MALFORMED, MS_ERR_MALFORMED, "its header is not an object with \"alg\"");
	if (!take_text(h, "kid", MS_JOSE_KID_MAX, p->kid) || !take_text(h, "typ", MS_JOSE_TYP_MAX, p->typ))
		return REFUSE(MS_TOKEN_MALFORMED, MS_ERR_MALFORMED, "\"kid\" or \"typ\" in its header is no text, or too long");
	enum ms_rc rc = take_alg(alg, p, ret_reason, err);
	if (rc != MS_OK)
		return rc;
	if (has_any(h, must_understand)) /* RFC 7515 4.1.11 */
		return REFUSE(MS_TOKEN_CRIT, MS_ERR_UNSUPPORTED, "its header has an extension that must be understood");
	if (has_any(h, own_key)) /* a key that comes with the token proves nothing */
		return REFUSE(MS_TOKEN_OWN_KEY, MS_ERR_AUTH, "its header brings or names the key to verify it with");
	return MS_OK;
}

static enum ms_rc
read_header(struct ms_span text, struct ms_jws_parts *p, enum ms_token_reason *ret_reason, struct ms_err *err)
{
	MS_OWN(ms_json_free) json_t *h = NULL;
	uint8_t raw[MS_JWS_HEADER_MAX];
	size_t n = 0;
	enum ms_rc rc = ms_unbase64url((const char *)text.p, text.len, raw, sizeof raw, &n);
	if (rc == MS_ERR_TOO_BIG)
		return REFUSE(MS_TOKEN_TOO_BIG, rc, "its header is larger than %u bytes", MS_JWS_HEADER_MAX);
	if (rc != MS_OK)
		return REFUSE(MS_TOKEN_MALFORMED, rc, "its header is not base64url");
	rc = ms_json_parse(ms_span(raw, n), sizeof raw, &h, err);
	if (rc != MS_OK)
		return refuse(ret_reason, MS_TOKEN_MALFORMED, ms_prefix(err, MS_ERR_MALFORMED, "token: its header"));
	return take_header(h, p, ret_reason, err);
}

/* RFC 7515 7.1: three parts, two dots. */
static bool
split(struct ms_span text, struct ms_span part[static 3])
{
	const uint8_t *at = text.p, *end = text.p + text.len;
	for (unsigned i = 0; i < 2; i++) {
		const uint8_t *dot = at < end ? memchr(at, '.', (size_t)(end - at)) : NULL;
		if (dot == NULL)
			return false;
		part[i] = ms_span(at, (size_t)(dot - at));
		at = dot + 1;
	}
	part[2] = ms_span(at, (size_t)(end - at));
	return part[2].len == 0 || memchr(at, '.', part[2].len) == NULL;
}

enum ms_rc
ms_jws_parse(struct ms_span text, struct ms_jws_parts *ret, enum ms_token_reason *ret_reason, struct ms_err *err)
{
	struct ms_jws_parts p = {.alg = MS_JOSE_ES256};
	struct ms_span part[3];
	size_t n = 0;
	if (text.len > MS_JWS_MAX)
		return REFUSE(MS_TOKEN_TOO_BIG, MS_ERR_TOO_BIG, "%zu bytes, at most %u", text.len, MS_JWS_MAX);
	if (text.len == 0 || !split(text, part))
		return REFUSE(MS_TOKEN_MALFORMED, MS_ERR_MALFORMED, "not three parts with dots between them");
	enum ms_rc rc = read_header(part[0], &p, ret_reason, err);
	if (rc != MS_OK)
		return rc;
	rc = ms_unbase64url((const char *)part[2].p, part[2].len, p.sig, sizeof p.sig, &n);
	if (rc == MS_ERR_MALFORMED)
		return REFUSE(MS_TOKEN_MALFORMED, rc, "its signature is not base64url");
	if (rc != MS_OK || n != sizeof p.sig)
		return REFUSE(MS_TOKEN_SIGNATURE, MS_ERR_AUTH, "its signature is not of %u bytes", MS_JWS_SIG_LEN);
	p.payload = part[1];
	p.signed_text = ms_span(text.p, part[0].len + 1 + part[1].len);
	*ret = p;
	return MS_OK;
}

/* ---- keys ---- */

static bool
text_is(const json_t *o, const char *name, const char *want)
{
	const char *s = json_string_value(json_object_get(o, name));
	return s != NULL && strcmp(s, want) == 0;
}

/* RFC 7517 4.2 to 4.4: what the key says it is for, when it says so. */
static bool
for_signatures(const json_t *k, enum ms_jose_alg alg)
{
	const json_t *ops = json_object_get(k, "key_ops");
	if (json_object_get(k, "use") != NULL && !text_is(k, "use", "sig"))
		return false;
	if (json_object_get(k, "alg") != NULL && !text_is(k, "alg", ms_jose_alg_name(alg)))
		return false;
	if (ops == NULL)
		return true;
	for (size_t i = 0; i < json_array_size(ops); i++) {
		const char *op = json_string_value(json_array_get(ops, i));
		if (op != NULL && strcmp(op, "verify") == 0)
			return true;
	}
	return false;
}

static bool
coordinate(const json_t *k, const char *name, uint8_t out[static COORDINATE_LEN])
{
	const json_t *v = json_object_get(k, name);
	size_t n = 0;
	return json_is_string(v) && ms_unbase64url(json_string_value(v), json_string_length(v), out, COORDINATE_LEN, &n) == MS_OK &&
	       n == COORDINATE_LEN;
}

static enum ms_rc
take_key(const json_t *k, struct ms_jwks *set, struct ms_err *err)
{
	static const char *const secret[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k", NULL};
	struct ms_jwk *out = &set->key[set->n];
	if (!json_is_object(k) || !json_is_string(json_object_get(k, "kty")))
		return ms_fail(err, MS_ERR_MALFORMED, "JWKS: a key is not an object with \"kty\"");
	if (has_any(k, secret))
		return ms_fail(err, MS_ERR_AUTH, "JWKS: a private or secret key is in it: only public keys belong there");
	bool ec = text_is(k, "kty", "EC") && text_is(k, "crv", "P-256"), okp = text_is(k, "kty", "OKP") && text_is(k, "crv", "Ed25519");
	out->alg = okp ? MS_JOSE_EDDSA : MS_JOSE_ES256;
	if ((!ec && !okp) || !for_signatures(k, out->alg)) {
		set->skipped++;
		return MS_OK;
	}
	if (!coordinate(k, "x", out->x) || (ec && !coordinate(k, "y", out->y)))
		return ms_fail(err, MS_ERR_MALFORMED, "JWKS: a coordinate is not base64url of %u bytes", COORDINATE_LEN);
	if (!take_text(k, "kid", MS_JOSE_KID_MAX, out->kid))
		return ms_fail(err, MS_ERR_MALFORMED, "JWKS: \"kid\" is no text, or too long");
	for (size_t i = 0; i < set->n; i++)
		if (strcmp(set->key[i].kid, out->kid) == 0)
			return ms_fail(err, MS_ERR_MALFORMED, "JWKS: two keys have the id \"%s\"", out->kid);
	set->n++;
	return MS_OK;
}

enum ms_rc
ms_jwks_parse(struct ms_span text, struct ms_jwks *ret, struct ms_err *err)
{
	MS_OWN(ms_json_free) json_t *j = NULL;
	enum ms_rc rc = ms_json_parse(text, MS_JWKS_MAX, &j, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "JWKS");
	const json_t *keys = json_object_get(j, "keys");
	bool one = keys == NULL && json_object_get(j, "kty") != NULL;
	if (!one && !json_is_array(keys))
		return ms_fail(err, MS_ERR_MALFORMED, "JWKS: neither a set {\"keys\":[...]} nor a key");
	size_t n = one ? 1 : json_array_size(keys);
	if (n > MS_JWKS_KEYS_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "JWKS: %zu keys, at most %u", n, MS_JWKS_KEYS_MAX);
	struct ms_jwks *set = calloc(1, sizeof *set);
	if (set == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "JWKS");
	for (size_t i = 0; rc == MS_OK && i < n; i++)
		rc = take_key(one ? j : json_array_get(keys, i), set, err);
	if (rc == MS_OK && set->n == 0)
		rc = ms_fail(err, MS_ERR_UNSUPPORTED, "JWKS: no P-256 or Ed25519 key for signatures is in it");
	if (rc == MS_OK)
		*ret = *set;
	free(set);
	return rc;
}
