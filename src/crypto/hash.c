#include "crypto/hash.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/hash_int.h"
#include "crypto/lib_int.h"

#define MAC_LEN_MIN 16u
#define HKDF_LEN_MAX (255u * MS_SHA256_LEN)

struct ms_hasher {
	EVP_MD_CTX *ctx;
};

size_t
ms_hash_len(enum ms_hash h)
{
	static const size_t lens[MS_LIB_HASHES] = {[MS_HASH_SHA256] = MS_SHA256_LEN,
	    [MS_HASH_SHA384] = MS_SHA384_LEN,
	    [MS_HASH_SHA512] = MS_SHA512_LEN,
	    [MS_HASH_SHA1] = MS_SHA1_LEN,
	    [MS_HASH_SM3] = MS_SM3_LEN};
	assert((unsigned)h < MS_LIB_HASHES);
	return lens[h];
}

enum ms_rc
ms_hash_need(enum ms_hash h, struct ms_err *err)
{
	const struct ms_lib *lib;
	enum ms_rc rc = ms_lib_get(&lib, err);
	assert((unsigned)h < MS_LIB_HASHES);
	if (rc == MS_OK && lib->md[h] == NULL)
		rc = ms_fail(err, MS_ERR_UNSUPPORTED, "SM3: the OpenSSL of this machine was built without it");
	return rc;
}

void
ms_hashv(enum ms_hash h, const struct ms_span *parts, size_t n, uint8_t *out)
{
	assert((unsigned)h < MS_LIB_HASHES);
	EVP_MD_CTX *ctx = ms_lib_must()->md_ctx[h];
	int ok = EVP_DigestInit_ex2(ctx, NULL, NULL); /* the same digest anew */
	for (size_t i = 0; i < n; i++)
		ok &= EVP_DigestUpdate(ctx, parts[i].p, parts[i].len);
	ok &= EVP_DigestFinal_ex(ctx, out, NULL);
	assert(ok == 1);
}

void
ms_sha256v(const struct ms_span *parts, size_t n, uint8_t out[static MS_SHA256_LEN])
{
	ms_hashv(MS_HASH_SHA256, parts, n, out);
}

void
ms_sha256(struct ms_span s, uint8_t out[static MS_SHA256_LEN])
{
	ms_hashv(MS_HASH_SHA256, &s, 1, out);
}

void
ms_sha384(struct ms_span s, uint8_t out[static MS_SHA384_LEN])
{
	ms_hashv(MS_HASH_SHA384, &s, 1, out);
}

void
ms_sha512(struct ms_span s, uint8_t out[static MS_SHA512_LEN])
{
	ms_hashv(MS_HASH_SHA512, &s, 1, out);
}

enum ms_rc
ms_hasher_new(enum ms_hash h, struct ms_hasher **ret, struct ms_err *err)
{
	const struct ms_lib *lib;
	enum ms_rc rc = ms_lib_get(&lib, err);
	if (rc != MS_OK)
		return rc;
	rc = ms_hash_need(h, err);
	if (rc != MS_OK)
		return rc;
	MS_OWN(ms_hasher_free) struct ms_hasher *s = calloc(1, sizeof *s);
	if (s == NULL || (s->ctx = EVP_MD_CTX_new()) == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "hasher");
	if (EVP_DigestInit_ex2(s->ctx, lib->md[h], NULL) != 1)
		return ms_lib_fail(err, "hasher");
	*ret = s;
	s = NULL;
	return MS_OK;
}

void
ms_hasher_free(struct ms_hasher *h)
{
	if (h == NULL)
		return;
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

void
ms_hasher_add(struct ms_hasher *h, struct ms_span s)
{
	int ok = EVP_DigestUpdate(h->ctx, s.p, s.len);
	assert(ok == 1);
}

void
ms_hasher_final(struct ms_hasher *h, uint8_t *out)
{
	int ok = EVP_DigestFinal_ex(h->ctx, out, NULL);
	ok &= EVP_DigestInit_ex2(h->ctx, NULL, NULL);
	assert(ok == 1);
}

enum ms_rc
ms_hmac_raw(struct ms_span key, const struct ms_span *parts, size_t n, uint8_t out[static MS_SHA256_LEN], struct ms_err *err)
{
	static const uint8_t zero[MS_SHA256_LEN];
	const struct ms_lib *lib;
	uint8_t mac[MS_SHA256_LEN];
	size_t len = 0;
	enum ms_rc rc = ms_lib_get(&lib, err);
	if (rc != MS_OK)
		return rc;
	if (key.len == 0) /* the same by definition: HMAC pads its key with zeros */
		key = ms_span(zero, sizeof zero);
	int ok = EVP_MAC_init(lib->hmac, key.p, key.len, NULL);
	for (size_t i = 0; ok == 1 && i < n; i++)
		ok = EVP_MAC_update(lib->hmac, parts[i].p, parts[i].len);
	if (ok == 1)
		ok = EVP_MAC_final(lib->hmac, mac, &len, sizeof mac);
	/* the context outlives this call: leave no key in it */
	int wiped = EVP_MAC_init(lib->hmac, zero, sizeof zero, NULL);
	if (ok == 1 && wiped == 1 && len == sizeof mac)
		memcpy(out, mac, sizeof mac);
	else
		rc = ms_lib_fail(err, "HMAC");
	ms_wipe(mac, sizeof mac);
	return rc;
}

static struct ms_span
secret_span(const struct ms_secret *s)
{
	return ms_span(ms_secret_peek(s), ms_secret_len(s));
}

enum ms_rc
ms_hmac_sha256v(const struct ms_secret *key, const struct ms_span *parts, size_t n, uint8_t out[static MS_SHA256_LEN], struct ms_err *err)
{
	return ms_hmac_raw(secret_span(key), parts, n, out, err);
}

enum ms_rc
ms_hmac_sha256_verify(const struct ms_secret *key, const struct ms_span *parts, size_t n, struct ms_span mac, struct ms_err *err)
{
	uint8_t want[MS_SHA256_LEN];
	if (mac.len < MAC_LEN_MIN || mac.len > sizeof want)
		return ms_fail(err, MS_ERR_AUTH, "MAC of %zu bytes", mac.len);
	enum ms_rc rc = ms_hmac_raw(secret_span(key), parts, n, want, err);
	if (rc == MS_OK && !ms_ct_eq(want, mac.p, mac.len))
		rc = ms_fail(err, MS_ERR_AUTH, "MAC does not match");
	ms_wipe(want, sizeof want);
	return rc;
}

enum ms_rc
ms_hmac_sha256_secret(const struct ms_secret *key, const struct ms_span *parts, size_t n, struct ms_secret **ret, struct ms_err *err)
{
	MS_OWN(ms_secret_free) struct ms_secret *out = NULL;
	enum ms_rc rc = ms_secret_new(MS_SHA256_LEN, &out, err);
	if (rc == MS_OK)
		rc = ms_hmac_raw(secret_span(key), parts, n, ms_secret_bytes(out), err);
	if (rc != MS_OK)
		return rc;
	ms_secret_set_len(out, MS_SHA256_LEN);
	*ret = out;
	out = NULL;
	return MS_OK;
}

enum ms_rc
ms_hkdf_extract(struct ms_span salt, const struct ms_secret *ikm, struct ms_secret **ret, struct ms_err *err)
{
	MS_OWN(ms_secret_free) struct ms_secret *out = NULL;
	struct ms_span part = secret_span(ikm);
	enum ms_rc rc = ms_secret_new(MS_SHA256_LEN, &out, err);
	if (rc == MS_OK)
		rc = ms_hmac_raw(salt, &part, 1, ms_secret_bytes(out), err);
	if (rc != MS_OK)
		return rc;
	ms_secret_set_len(out, MS_SHA256_LEN);
	*ret = out;
	out = NULL;
	return MS_OK;
}

/* RFC 5869 2.3: T(i) = HMAC(PRK, T(i-1) | info | i). */
enum ms_rc
ms_hkdf_expand_raw(struct ms_span prk, const struct ms_span *info, size_t n, struct ms_hkdf_out out, struct ms_err *err)
{
	struct ms_span parts[MS_HKDF_PARTS_MAX + 2];
	uint8_t block[MS_SHA256_LEN], counter = 0;
	enum ms_rc rc = MS_OK;
	assert(n <= MS_HKDF_PARTS_MAX);
	if (out.len == 0 || out.len > HKDF_LEN_MAX)
		return ms_fail(err, MS_ERR_USAGE, "HKDF: %zu bytes asked", out.len);
	if (n > 0)
		memcpy(parts + 1, info, n * sizeof *info);
	parts[n + 1] = ms_span(&counter, 1);
	for (size_t done = 0; rc == MS_OK && done < out.len;) {
		parts[0] = ms_span(block, counter == 0 ? 0 : sizeof block);
		counter++;
		rc = ms_hmac_raw(prk, parts, n + 2, block, err);
		size_t take = out.len - done < sizeof block ? out.len - done : sizeof block;
		if (rc == MS_OK)
			memcpy(out.p + done, block, take);
		done += take;
	}
	ms_wipe(block, sizeof block);
	return rc;
}

enum ms_rc
ms_hkdf_expand(const struct ms_secret *prk, struct ms_span info, size_t len, struct ms_secret **ret, struct ms_err *err)
{
	MS_OWN(ms_secret_free) struct ms_secret *out = NULL;
	if (len == 0 || len > HKDF_LEN_MAX)
		return ms_fail(err, MS_ERR_USAGE, "HKDF: %zu bytes asked", len);
	enum ms_rc rc = ms_secret_new(len, &out, err);
	if (rc == MS_OK)
		rc = ms_hkdf_expand_raw(secret_span(prk), &info, 1, (struct ms_hkdf_out){ms_secret_bytes(out), len}, err);
	if (rc != MS_OK)
		return rc;
	ms_secret_set_len(out, len);
	*ret = out;
	out = NULL;
	return MS_OK;
}
