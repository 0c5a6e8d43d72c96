#include "crypto/ecdh.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/key_int.h"
#include "crypto/lib_int.h"

struct ms_ecdh_key {
	EVP_PKEY *pkey;
	struct ms_pubkey *pub;
};

enum ms_rc
ms_ecdh_derive(const struct ms_ecdh *e, const uint8_t peer[static MS_POINT_LEN], struct ms_secret **ret, struct ms_err *err)
{
	MS_OWN(ms_pubkey_free) struct ms_pubkey *checked = NULL;
	MS_OWN(ms_secret_free) struct ms_secret *z = NULL;
	enum ms_rc rc = ms_pubkey_from_point(peer, &checked, err);
	if (rc == MS_OK)
		rc = ms_secret_new(MS_ECDH_Z_LEN, &z, err);
	if (rc == MS_OK)
		rc = e->ops->derive(e->ctx, peer, z, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "ECDH");
	if (ms_secret_len(z) != MS_ECDH_Z_LEN)
		return ms_fail(err, MS_ERR_CRYPTO, "ECDH: %s key gave %zu bytes", e->ops->name, ms_secret_len(z));
	*ret = z;
	z = NULL;
	return MS_OK;
}

static enum ms_rc
software_derive(void *ctx, const uint8_t peer[static MS_POINT_LEN], struct ms_secret *z, struct ms_err *err)
{
	const struct ms_ecdh_key *k = ctx;
	const struct ms_lib *lib;
	size_t len = MS_ECDH_Z_LEN;
	MS_OWN(ms_pubkey_free) struct ms_pubkey *p = NULL;
	enum ms_rc rc = ms_lib_get(&lib, err);
	if (rc == MS_OK)
		rc = ms_pubkey_from_point(peer, &p, err);
	if (rc != MS_OK)
		return rc;
	MS_OWN(EVP_PKEY_CTX_free) EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(lib->ctx, k->pkey, NULL);
	/* the peer's point was checked as it was made: no second, slow check here */
	if (c == NULL || EVP_PKEY_derive_init(c) != 1 || EVP_PKEY_derive_set_peer_ex(c, p->pkey, 0) != 1 ||
	    EVP_PKEY_derive(c, ms_secret_bytes(z), &len) != 1)
		return ms_lib_fail(err, "derive");
	ms_secret_set_len(z, len);
	return MS_OK;
}

void
ms_ecdh_key_free(struct ms_ecdh_key *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_free(k->pkey);
	ms_pubkey_free(k->pub);
	free(k);
}

static enum ms_rc
key_make(const struct ms_secret *raw, struct ms_ecdh_key **ret, struct ms_err *err)
{
	uint8_t point[MS_POINT_LEN];
	MS_OWN(ms_ecdh_key_free) struct ms_ecdh_key *k = calloc(1, sizeof *k);
	if (k == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "ECDH key");
	enum ms_rc rc = raw == NULL ? ms_p256_generate(&k->pkey, point, err) : ms_p256_load(raw, &k->pkey, point, err);
	if (rc == MS_OK)
		rc = ms_pubkey_from_point(point, &k->pub, err);
	if (rc != MS_OK)
		return rc;
	*ret = k;
	k = NULL;
	return MS_OK;
}

enum ms_rc
ms_ecdh_key_generate(struct ms_ecdh_key **ret, struct ms_err *err)
{
	return key_make(NULL, ret, err);
}

enum ms_rc
ms_ecdh_key_load(const struct ms_secret *raw, struct ms_ecdh_key **ret, struct ms_err *err)
{
	return key_make(raw, ret, err);
}

enum ms_rc
ms_ecdh_key_save(const struct ms_ecdh_key *k, struct ms_secret **ret, struct ms_err *err)
{
	return ms_p256_save(k->pkey, ret, err);
}

const struct ms_pubkey *
ms_ecdh_key_public(const struct ms_ecdh_key *k)
{
	return k->pub;
}

struct ms_ecdh
ms_ecdh_key_ecdh(struct ms_ecdh_key *k)
{
	static const struct ms_ecdh_ops ops = {"software", software_derive};
	struct ms_ecdh e = {.ops = &ops, .ctx = k};
	memcpy(e.point, ms_pubkey_point(k->pub).p, MS_POINT_LEN);
	return e;
}
