/* P-256 private keys from and to their scalars. */
#include <string.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>

#include "crypto/key_int.h"
#include "crypto/lib_int.h"

MS_CLEANUP(BIGNUM, BN_clear_free)
MS_CLEANUP(BN_CTX, BN_CTX_free)
MS_CLEANUP(EC_GROUP, EC_GROUP_free)
MS_CLEANUP(EC_POINT, EC_POINT_free)
MS_CLEANUP(OSSL_PARAM_BLD, OSSL_PARAM_BLD_free)
MS_CLEANUP(OSSL_PARAM, OSSL_PARAM_free)

/* The public point of scalar d; MS_ERR_MALFORMED unless 1 <= d < n. */
static enum ms_rc
point_of(const struct ms_lib *lib, const BIGNUM *d, uint8_t point[static MS_POINT_LEN], struct ms_err *err)
{
	MS_OWN(EC_GROUP_free) EC_GROUP *g = EC_GROUP_new_by_curve_name_ex(lib->ctx, NULL, NID_X9_62_prime256v1);
	MS_OWN(BN_CTX_free) BN_CTX *bn = BN_CTX_secure_new_ex(lib->ctx);
	if (g == NULL || bn == NULL)
		return ms_lib_fail(err, "P-256");
	if (BN_is_zero(d) || BN_cmp(d, EC_GROUP_get0_order(g)) >= 0)
		return ms_fail(err, MS_ERR_MALFORMED, "P-256: private key out of range");
	MS_OWN(EC_POINT_free) EC_POINT *p = EC_POINT_new(g);
	if (p == NULL || EC_POINT_mul(g, p, d, NULL, NULL, bn) != 1 ||
	    EC_POINT_point2oct(g, p, POINT_CONVERSION_UNCOMPRESSED, point, MS_POINT_LEN, bn) != MS_POINT_LEN)
		return ms_lib_fail(err, "P-256 public point");
	return MS_OK;
}

enum ms_rc
ms_p256_load(const struct ms_secret *scalar, EVP_PKEY **ret, uint8_t point[static MS_POINT_LEN], struct ms_err *err)
{
	const struct ms_lib *lib;
	uint8_t pub[MS_POINT_LEN];
	EVP_PKEY *k = NULL;
	enum ms_rc rc = ms_lib_get(&lib, err);
	if (rc != MS_OK)
		return rc;
	if (ms_secret_len(scalar) != MS_RAW_KEY_LEN)
		return ms_fail(err, MS_ERR_MALFORMED, "P-256: private key of %zu bytes", ms_secret_len(scalar));
	MS_OWN(BN_clear_free) BIGNUM *d = BN_secure_new();
	if (d == NULL || BN_bin2bn(ms_secret_peek(scalar), MS_RAW_KEY_LEN, d) == NULL)
		return ms_lib_fail(err, "P-256 private key");
	BN_set_flags(d, BN_FLG_CONSTTIME);
	rc = point_of(lib, d, pub, err);
	if (rc != MS_OK)
		return rc;
	MS_OWN(OSSL_PARAM_BLD_free) OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	if (bld == NULL || OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) != 1 ||
	    OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, pub, sizeof pub) != 1 ||
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, d) != 1)
		return ms_lib_fail(err, "P-256 private key");
	MS_OWN(OSSL_PARAM_free) OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
	MS_OWN(EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(lib->ctx, "EC", NULL);
	if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 || EVP_PKEY_fromdata(ctx, &k, EVP_PKEY_KEYPAIR, params) != 1)
		return ms_lib_fail(err, "P-256 private key");
	memcpy(point, pub, sizeof pub);
	*ret = k;
	return MS_OK;
}

enum ms_rc
ms_p256_generate(EVP_PKEY **ret, uint8_t point[static MS_POINT_LEN], struct ms_err *err)
{
	const struct ms_lib *lib;
	size_t len = 0;
	enum ms_rc rc = ms_lib_get(&lib, err);
	if (rc != MS_OK)
		return rc;
	MS_OWN(EVP_PKEY_free) EVP_PKEY *k = EVP_PKEY_Q_keygen(lib->ctx, NULL, "EC", "P-256");
	if (k == NULL || EVP_PKEY_get_octet_string_param(k, OSSL_PKEY_PARAM_PUB_KEY, point, MS_POINT_LEN, &len) != 1 || len != MS_POINT_LEN)
		return ms_lib_fail(err, "P-256 key generation");
	*ret = k;
	k = NULL;
	return MS_OK;
}

enum ms_rc
ms_p256_save(const EVP_PKEY *k, struct ms_secret **ret, struct ms_err *err)
{
	MS_OWN(BN_clear_free) BIGNUM *d = BN_secure_new();
	MS_OWN(ms_secret_free) struct ms_secret *out = NULL;
	enum ms_rc rc = ms_secret_new(MS_RAW_KEY_LEN, &out, err);
	if (rc != MS_OK)
		return rc;
	if (d == NULL || EVP_PKEY_get_bn_param(k, OSSL_PKEY_PARAM_PRIV_KEY, &d) != 1 ||
	    BN_bn2binpad(d, ms_secret_bytes(out), MS_RAW_KEY_LEN) != MS_RAW_KEY_LEN)
		return ms_lib_fail(err, "P-256 private key");
	ms_secret_set_len(out, MS_RAW_KEY_LEN);
	*ret = out;
	out = NULL;
	return MS_OK;
}
