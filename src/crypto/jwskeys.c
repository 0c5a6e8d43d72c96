/* Verifying tokens. The algorithm is the key's, and the key is the caller's: nothing in the token chooses either. */
#include <stdlib.h>
#include <string.h>

#include "crypto/jws.h"

struct ms_jws_keys {
	struct ms_jwks set;
	struct ms_pubkey *key[MS_JWKS_KEYS_MAX];
};

void
ms_jws_keys_free(struct ms_jws_keys *k)
{
	if (k == NULL)
		return;
	for (size_t i = 0; i < k->set.n; i++)
		ms_pubkey_free(k->key[i]);
	free(k);
}

static enum ms_rc
load_key(const struct ms_jwk *j, struct ms_pubkey **ret, struct ms_err *err)
{
	uint8_t point[MS_POINT_LEN] = {4};
	if (j->alg == MS_JOSE_EDDSA)
		return ms_pubkey_from_ed25519(j->x, ret, err);
	memcpy(point + 1, j->x, sizeof j->x);
	memcpy(point + 1 + sizeof j->x, j->y, sizeof j->y);
	return ms_pubkey_from_point(point, ret, err);
}

enum ms_rc
ms_jws_keys_load(struct ms_span jwks, struct ms_jws_keys **ret, struct ms_err *err)
{
	MS_OWN(ms_jws_keys_free) struct ms_jws_keys *k = calloc(1, sizeof *k);
	if (k == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "JWKS");
	enum ms_rc rc = ms_jwks_parse(jwks, &k->set, err);
	for (size_t i = 0; rc == MS_OK && i < k->set.n; i++)
		rc = load_key(&k->set.key[i], &k->key[i], err);
	if (rc != MS_OK)
		return rc;
	*ret = k;
	k = NULL;
	return MS_OK;
}

size_t
ms_jws_keys_count(const struct ms_jws_keys *k)
{
	return k->set.n;
}

static enum ms_rc
refuse(enum ms_token_reason *ret, enum ms_token_reason reason, enum ms_rc rc)
{
	if (ret != NULL)
		*ret = reason;
	return rc;
}
#define REFUSE(reason, rc, ...) refuse(ret_reason, reason, ms_fail(err, rc, "token: " __VA_ARGS__))

static enum ms_rc
find_key(const struct ms_jws_keys *k, const char *kid, size_t *ret, enum ms_token_reason *ret_reason, struct ms_err *err)
{
	if (kid[0] == '\0' && k->set.n != 1)
		return REFUSE(MS_TOKEN_NO_KID, MS_ERR_AUTH, "it names no key, and there are %zu to choose from", k->set.n);
	for (size_t i = 0; i < k->set.n; i++)
		if (kid[0] == '\0' || strcmp(k->set.key[i].kid, kid) == 0) {
			*ret = i;
			return MS_OK;
		}
	return REFUSE(MS_TOKEN_KID_UNKNOWN, MS_ERR_AUTH, "signed with a key that is not in the key set");
}

static bool
type_ok(const char *typ, const char *const *types)
{
	for (; types != NULL && *types != NULL; types++)
		if (strcmp(typ, *types) == 0)
			return true;
	return types == NULL;
}

static enum ms_rc
put_payload(struct ms_span text, struct ms_buf *payload, enum ms_token_reason *ret_reason, struct ms_err *err)
{
	size_t n = 0;
	uint8_t *raw = malloc(MS_JWS_PAYLOAD_MAX);
	if (raw == NULL)
		return refuse(ret_reason, MS_TOKEN_OK, ms_fail(err, MS_ERR_NOMEM, "token"));
	enum ms_rc rc = ms_unbase64url((const char *)text.p, text.len, raw, MS_JWS_PAYLOAD_MAX, &n);
	if (rc == MS_ERR_TOO_BIG)
		rc = REFUSE(MS_TOKEN_TOO_BIG, rc, "its content is larger than %u bytes", MS_JWS_PAYLOAD_MAX);
	else if (rc != MS_OK)
		rc = REFUSE(MS_TOKEN_MALFORMED, rc, "its content is not base64url");
	else
		ms_buf_put(payload, raw, n);
	free(raw);
	return rc == MS_OK ? ms_buf_check(payload, err) : rc;
}

enum ms_rc
ms_jws_verify(const struct ms_jws_keys *keys, struct ms_span text, const char *const *types, struct ms_buf *payload,
    enum ms_token_reason *ret_reason, struct ms_err *err)
{
	struct ms_jws_parts p;
	size_t i = 0;
	enum ms_rc rc = ms_jws_parse(text, &p, ret_reason, err);
	if (rc == MS_OK)
		rc = find_key(keys, p.kid, &i, ret_reason, err);
	if (rc != MS_OK)
		return rc;
	if (keys->set.key[i].alg != p.alg)
		return REFUSE(MS_TOKEN_ALG_MISMATCH, MS_ERR_AUTH, "its algorithm is not that of the key it names");
	enum ms_sig_scheme scheme = p.alg == MS_JOSE_EDDSA ? MS_SIG_ED25519 : MS_SIG_ECDSA_SHA256;
	rc = ms_pubkey_verify(keys->key[i], scheme, p.signed_text, ms_span(p.sig, sizeof p.sig), err);
	if (rc == MS_ERR_AUTH)
		return REFUSE(MS_TOKEN_SIGNATURE, rc, "its signature does not verify");
	if (rc != MS_OK)
		return refuse(ret_reason, MS_TOKEN_OK, rc);
	if (!type_ok(p.typ, types))
		return REFUSE(MS_TOKEN_TYPE, MS_ERR_AUTH, "it is a token of another kind (\"typ\")");
	return put_payload(p.payload, payload, ret_reason, err);
}
