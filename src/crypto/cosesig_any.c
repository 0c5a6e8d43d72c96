#include "crypto/cosesig_any.h"

#include <string.h>

#include "codec/cose.h"

/* Which scheme an algorithm is, and whose. RFC 9053 2.1 lets ECDSA hashes mix with any curve; every profile that we know of
 * pairs them as here. */
static const struct row {
	int64_t alg;
	enum ms_key_type key;
	enum ms_sig_scheme scheme;
} rows[] = {
    {MS_COSE_ALG_ES256, MS_KEY_P256, MS_SIG_ECDSA_SHA256},
    {MS_COSE_ALG_ES384, MS_KEY_P384, MS_SIG_ECDSA_SHA384},
    {MS_COSE_ALG_EDDSA, MS_KEY_ED25519, MS_SIG_ED25519},
    {MS_COSE_ALG_PS256, MS_KEY_RSA, MS_SIG_RSA_PSS_SHA256},
    {MS_COSE_ALG_PS384, MS_KEY_RSA, MS_SIG_RSA_PSS_SHA384},
    {MS_COSE_ALG_PS512, MS_KEY_RSA, MS_SIG_RSA_PSS_SHA512},
};

static const struct row *
row_of(int64_t alg, enum ms_key_type key)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].alg == alg && rows[i].key == key)
			return &rows[i];
	return NULL;
}

enum ms_rc
ms_cose_any_verify(const struct ms_cose_any *m, const struct ms_pubkey *key, struct ms_span external_aad, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf tbs;
	const struct row *row = row_of(m->alg, ms_pubkey_type(key));
	ms_buf_init(&tbs, MS_ANY_INPUT_MAX + 1024);
	if (!m->alg_protected)
		return ms_fail(err, MS_ERR_AUTH, "cose: the algorithm is not in the protected header");
	if (row == NULL)
		return ms_fail(err, MS_ERR_AUTH, "cose: algorithm %jd is not that of the key", (intmax_t)m->alg);
	ms_cose_build_tbs(m->header, external_aad, m->payload, &tbs);
	enum ms_rc rc = ms_buf_check(&tbs, err);
	if (rc == MS_OK)
		rc = ms_pubkey_verify(key, row->scheme, ms_buf_span(&tbs), m->signature, err);
	return rc == MS_OK ? MS_OK : ms_prefix(err, rc, "cose");
}

/* RFC 9052 7.1, RFC 9053 7. */
enum { KEY_KTY = 1, KEY_ALG = 3, KEY_OPS = 4, EC_CRV = -1, EC_X = -2, EC_Y = -3, RSA_N = -1, RSA_E = -2 };
enum { KTY_OKP = 1, KTY_EC2 = 2, KTY_RSA = 3, CRV_P256 = 1, CRV_P384 = 2, CRV_ED25519 = 6, OP_VERIFY = 2 };

static struct ms_span
bytes_of(const struct ms_any *map, int64_t label)
{
	struct ms_any a;
	struct ms_span s = MS_SPAN_NONE;
	if (ms_any_get(map, label, &a))
		(void)ms_any_is_bytes(&a, &s);
	return s;
}

static int64_t
int_of(const struct ms_any *map, int64_t label)
{
	struct ms_any a;
	int64_t v = 0;
	if (ms_any_get(map, label, &a))
		(void)ms_any_is_int(&a, &v);
	return v;
}

static enum ms_rc
from_ec2(const struct ms_any *map, struct ms_pubkey **ret, struct ms_err *err)
{
	uint8_t point[MS_POINT384_LEN] = {0x04};
	struct ms_span x = bytes_of(map, EC_X), y = bytes_of(map, EC_Y);
	int64_t crv = int_of(map, EC_CRV);
	size_t half = crv == CRV_P256 ? 32 : 48;
	if (crv != CRV_P256 && crv != CRV_P384)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "COSE_Key: curve %jd", (intmax_t)crv);
	if (x.len != half || y.len != half) /* RFC 9053 7.1.1: leading zeros stay. A sign in place of y is not taken */
		return ms_fail(err, MS_ERR_MALFORMED, "COSE_Key: coordinates of %zu and %zu bytes", x.len, y.len);
	memcpy(point + 1, x.p, half);
	memcpy(point + 1 + half, y.p, half);
	return crv == CRV_P256 ? ms_pubkey_from_point(point, ret, err) : ms_pubkey_from_point384(point, ret, err);
}

static enum ms_rc
from_okp(const struct ms_any *map, struct ms_pubkey **ret, struct ms_err *err)
{
	struct ms_span x = bytes_of(map, EC_X);
	if (int_of(map, EC_CRV) != CRV_ED25519)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "COSE_Key: curve %jd", (intmax_t)int_of(map, EC_CRV));
	if (x.len != MS_ED25519_LEN)
		return ms_fail(err, MS_ERR_MALFORMED, "COSE_Key: an Ed25519 key of %zu bytes", x.len);
	return ms_pubkey_from_ed25519(x.p, ret, err);
}

static enum ms_rc
from_rsa(const struct ms_any *map, struct ms_pubkey **ret, struct ms_err *err)
{
	struct ms_span e = bytes_of(map, RSA_E);
	uint64_t v = 0;
	if (e.len == 0 || e.len > sizeof v)
		return ms_fail(err, MS_ERR_MALFORMED, "COSE_Key: an exponent of %zu bytes", e.len);
	for (size_t i = 0; i < e.len; i++)
		v = v << 8 | e.p[i];
	return ms_pubkey_from_rsa(bytes_of(map, RSA_N), v, ret, err);
}

static bool
may_verify(const struct ms_any *map)
{
	struct ms_any ops, op;
	int64_t v;
	if (!ms_any_get(map, KEY_OPS, &ops))
		return true;
	struct ms_any_iter it = ms_any_items(&ops);
	while (ops.type == MS_ANY_ARRAY && ms_any_next(&it, &op))
		if (ms_any_is_int(&op, &v) && v == OP_VERIFY)
			return true;
	return false;
}

enum ms_rc
ms_pubkey_from_cose(const struct ms_any *map, struct ms_pubkey **ret, struct ms_err *err)
{
	MS_OWN(ms_pubkey_free) struct ms_pubkey *k = NULL;
	enum ms_rc rc;
	if (map->type != MS_ANY_MAP)
		return ms_fail(err, MS_ERR_MALFORMED, "COSE_Key: not a map");
	if (!may_verify(map))
		return ms_fail(err, MS_ERR_UNSUPPORTED, "COSE_Key: not for verification");
	int64_t kty = int_of(map, KEY_KTY);
	if (kty == KTY_EC2)
		rc = from_ec2(map, &k, err);
	else if (kty == KTY_OKP)
		rc = from_okp(map, &k, err);
	else if (kty == KTY_RSA)
		rc = from_rsa(map, &k, err);
	else
		rc = ms_fail(err, MS_ERR_UNSUPPORTED, "COSE_Key: key type %jd", (intmax_t)kty);
	if (rc != MS_OK)
		return rc;
	struct ms_any alg;
	if (ms_any_get(map, KEY_ALG, &alg) && row_of(int_of(map, KEY_ALG), ms_pubkey_type(k)) == NULL)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "COSE_Key: its algorithm is not one of its type");
	*ret = k;
	k = NULL;
	return MS_OK;
}
