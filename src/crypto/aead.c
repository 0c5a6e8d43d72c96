#include "crypto/aead.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/aead_int.h"
#include "crypto/lib_int.h"

static enum ms_rc
start(const struct ms_aead_raw *a, int encrypt, EVP_CIPHER_CTX **ret, struct ms_err *err)
{
	const struct ms_lib *lib;
	int len = 0;
	enum ms_rc rc = ms_lib_get(&lib, err);
	if (rc != MS_OK)
		return rc;
	if (a->key.len != (a->alg == MS_AES_128_GCM ? 16u : 32u) || a->aad.len > MS_AEAD_MAX)
		return ms_fail(err, MS_ERR_USAGE, "AES-GCM: key of %zu bytes, aad of %zu", a->key.len, a->aad.len);
	MS_OWN(EVP_CIPHER_CTX_free) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	const EVP_CIPHER *cipher = a->alg == MS_AES_128_GCM ? lib->aes128_gcm : lib->aes256_gcm;
	/* 96-bit nonces are the cipher's default */
	if (ctx == NULL || EVP_CipherInit_ex2(ctx, cipher, a->key.p, a->iv, encrypt, NULL) != 1)
		return ms_lib_fail(err, "AES-GCM");
	if (a->aad.len > 0 && EVP_CipherUpdate(ctx, NULL, &len, a->aad.p, (int)a->aad.len) != 1)
		return ms_lib_fail(err, "AES-GCM");
	*ret = ctx;
	ctx = NULL;
	return MS_OK;
}

enum ms_rc
ms_aead_seal_raw(const struct ms_aead_raw *a, const struct ms_secret *pt, struct ms_buf *out, struct ms_err *err)
{
	MS_OWN(EVP_CIPHER_CTX_free) EVP_CIPHER_CTX *ctx = NULL;
	size_t pt_len = ms_secret_len(pt);
	int len = 0, tail = 0;
	if (pt_len > MS_AEAD_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "AES-GCM: %zu bytes", pt_len);
	enum ms_rc rc = start(a, 1, &ctx, err);
	if (rc != MS_OK)
		return rc;
	uint8_t *tmp = malloc(pt_len + MS_AEAD_TAG_LEN);
	if (tmp == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "AES-GCM");
	if ((pt_len > 0 && EVP_CipherUpdate(ctx, tmp, &len, ms_secret_peek(pt), (int)pt_len) != 1) ||
	    EVP_CipherFinal_ex(ctx, tmp + len, &tail) != 1 || (size_t)len + (size_t)tail != pt_len ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, MS_AEAD_TAG_LEN, tmp + pt_len) != 1) {
		rc = ms_lib_fail(err, "AES-GCM");
	} else {
		ms_buf_put(out, tmp, pt_len + MS_AEAD_TAG_LEN);
		rc = ms_buf_check(out, err);
	}
	free(tmp);
	return rc;
}

enum ms_rc
ms_aead_open_raw(const struct ms_aead_raw *a, struct ms_span ct, struct ms_secret **ret, struct ms_err *err)
{
	MS_OWN(EVP_CIPHER_CTX_free) EVP_CIPHER_CTX *ctx = NULL;
	MS_OWN(ms_secret_free) struct ms_secret *pt = NULL;
	uint8_t tag[MS_AEAD_TAG_LEN];
	int len = 0, tail = 0;
	if (ct.len > MS_AEAD_MAX + MS_AEAD_TAG_LEN)
		return ms_fail(err, MS_ERR_TOO_BIG, "AES-GCM: %zu bytes", ct.len);
	if (ct.len < MS_AEAD_TAG_LEN)
		return ms_fail(err, MS_ERR_AUTH, "AES-GCM: %zu bytes", ct.len);
	size_t pt_len = ct.len - MS_AEAD_TAG_LEN;
	memcpy(tag, ct.p + pt_len, sizeof tag);
	enum ms_rc rc = start(a, 0, &ctx, err);
	if (rc == MS_OK)
		rc = ms_secret_new(pt_len + 1, &pt, err);
	if (rc != MS_OK)
		return rc;
	if ((pt_len > 0 && EVP_CipherUpdate(ctx, ms_secret_bytes(pt), &len, ct.p, (int)pt_len) != 1) ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag) != 1)
		return ms_lib_fail(err, "AES-GCM");
	if (EVP_CipherFinal_ex(ctx, ms_secret_bytes(pt) + len, &tail) != 1) {
		ERR_clear_error();
		return ms_fail(err, MS_ERR_AUTH, "AES-GCM: the tag does not match"); /* pt is wiped as it is freed */
	}
	ms_secret_set_len(pt, pt_len);
	*ret = pt;
	pt = NULL;
	return MS_OK;
}

static struct ms_aead_raw
raw_of(const struct ms_aead *a)
{
	return (struct ms_aead_raw){a->alg, ms_span(ms_secret_peek(a->key), ms_secret_len(a->key)), a->iv, a->aad};
}

enum ms_rc
ms_aead_seal(const struct ms_aead *a, const struct ms_secret *pt, struct ms_buf *out, struct ms_err *err)
{
	struct ms_aead_raw raw = raw_of(a);
	return ms_aead_seal_raw(&raw, pt, out, err);
}

enum ms_rc
ms_aead_open(const struct ms_aead *a, struct ms_span ct, struct ms_secret **ret, struct ms_err *err)
{
	struct ms_aead_raw raw = raw_of(a);
	return ms_aead_open_raw(&raw, ct, ret, err);
}
