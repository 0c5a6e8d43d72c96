/* Public keys from files, in whichever of the usual forms. */
#include <string.h>

#include "codec/json.h"
#include "codec/pem.h"
#include "crypto/cosesig_any.h"

#define FILE_MAX 65536u

static enum ms_rc
from_pem(struct ms_span file, struct ms_pubkey **ret, struct ms_err *err)
{
	char label[MS_PEM_LABEL_MAX];
	size_t from = 0;
	MS_OWN(ms_buf_fini) struct ms_buf der;
	ms_buf_init(&der, MS_PEM_BLOCK_MAX);
	enum ms_rc rc = ms_pem_next(file, &from, label, &der, err);
	if (rc != MS_OK)
		return rc;
	if (strcmp(label, "PUBLIC KEY") != 0)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "a %s where a PUBLIC KEY is due", label);
	return ms_pubkey_from_spki(ms_buf_span(&der), ret, err);
}

/* A base64url member of exactly len bytes. */
static bool
member(const json_t *jwk, const char *name, uint8_t *out, size_t len)
{
	const char *s = json_string_value(json_object_get(jwk, name));
	size_t n = 0;
	return s != NULL && ms_unbase64url(s, strlen(s), out, len, &n) == MS_OK && n == len;
}

/* RFC 7518 6.2.1, RFC 8037 2. */
static enum ms_rc
from_jwk(const json_t *jwk, struct ms_pubkey **ret, struct ms_err *err)
{
	uint8_t point[MS_POINT384_LEN] = {0x04};
	const char *kty = json_string_value(json_object_get(jwk, "kty")), *crv = json_string_value(json_object_get(jwk, "crv"));
	if (json_object_get(jwk, "d") != NULL)
		return ms_fail(err, MS_ERR_USAGE, "JWK: a private key: keep it private, and give its public half");
	if (kty == NULL || crv == NULL)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "JWK: not an EC or OKP key");
	if (strcmp(kty, "OKP") == 0 && strcmp(crv, "Ed25519") == 0 && member(jwk, "x", point, MS_ED25519_LEN))
		return ms_pubkey_from_ed25519(point, ret, err);
	bool p256 = strcmp(crv, "P-256") == 0, p384 = strcmp(crv, "P-384") == 0;
	size_t half = p256 ? 32 : 48;
	if (strcmp(kty, "EC") != 0 || (!p256 && !p384))
		return ms_fail(err, MS_ERR_UNSUPPORTED, "JWK: not a key on P-256, P-384 or Ed25519");
	if (!member(jwk, "x", point + 1, half) || !member(jwk, "y", point + 1 + half, half))
		return ms_fail(err, MS_ERR_MALFORMED, "JWK: coordinates that are not those of a point");
	return p256 ? ms_pubkey_from_point(point, ret, err) : ms_pubkey_from_point384(point, ret, err);
}

static enum ms_rc
from_json(struct ms_span file, struct ms_pubkey **ret, struct ms_err *err)
{
	MS_OWN(ms_json_free) json_t *j = NULL;
	enum ms_rc rc = ms_json_parse(file, FILE_MAX, &j, err);
	if (rc != MS_OK)
		return rc;
	const json_t *keys = json_object_get(j, "keys");
	if (keys != NULL && json_array_size(keys) != 1)
		return ms_fail(err, MS_ERR_USAGE, "JWK set: of %zu keys: which one is meant?", json_array_size(keys));
	return from_jwk(keys == NULL ? j : json_array_get(keys, 0), ret, err);
}

static bool
looks_like_json(struct ms_span s)
{
	size_t i = 0;
	while (i < s.len && (s.p[i] == ' ' || s.p[i] == '\n' || s.p[i] == '\r' || s.p[i] == '\t'))
		i++;
	return i < s.len && s.p[i] == '{';
}

enum ms_rc
ms_pubkey_from_file(struct ms_span file, struct ms_pubkey **ret, struct ms_err *err)
{
	struct ms_any map;
	if (file.len > FILE_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "a key file of %zu bytes", file.len);
	if (file.len == 0)
		return ms_fail(err, MS_ERR_MALFORMED, "an empty key file");
	if (ms_pem_is(file))
		return from_pem(file, ret, err);
	if (file.p[0] == 0x30) /* SEQUENCE */
		return ms_pubkey_from_spki(file, ret, err);
	if (looks_like_json(file))
		return from_json(file, ret, err);
	if (ms_any_parse(file, &map, NULL) != MS_OK)
		return ms_fail(err, MS_ERR_MALFORMED, "not a key: neither PEM, DER, JWK nor COSE_Key");
	return ms_pubkey_from_cose(&map, ret, err);
}
