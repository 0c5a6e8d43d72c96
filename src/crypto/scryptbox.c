/* File: "MUSTERKF" | version u8 = 1 | log2 N u8 | r u8 = 8 | p u8 = 1 | label length u8 | label | salt[16] | iv[12] |
 * ciphertext | tag[16]. Key = scrypt(passphrase, salt, N, r, p), 32 bytes; AES-256-GCM with all before the ciphertext as aad. */
#include "crypto/scryptbox.h"

#include <string.h>

#include <openssl/kdf.h>

#include "base/io.h"
#include "base/rd.h"
#include "crypto/aead.h"
#include "crypto/lib_int.h"
#include "crypto/scryptbox_int.h"

#define MAGIC "MUSTERKF"
#define MAGIC_LEN 8u
#define VERSION 1u
#define LOG_N 17u
#define LOG_N_MAX 20u
#define COST_R 8u
#define COST_P 1u
#define KEY_LEN 32u
#define HEADER_MAX (MAGIC_LEN + 5u + MS_SCRYPTBOX_LABEL_MAX + MS_SCRYPTBOX_SALT_LEN + MS_AEAD_IV_LEN)

MS_CLEANUP(EVP_KDF, EVP_KDF_free)
MS_CLEANUP(EVP_KDF_CTX, EVP_KDF_CTX_free)

enum ms_rc
ms_scryptbox_parse(struct ms_span file, struct ms_scryptbox_header *ret, struct ms_err *err)
{
	struct ms_scryptbox_header h;
	if (file.len > MS_SCRYPTBOX_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "key file of %zu bytes", file.len);
	struct ms_rd rd = ms_rd_span(file);
	struct ms_span magic = ms_rd_bytes(&rd, MAGIC_LEN);
	if (!ms_span_eq(magic, ms_span(MAGIC, MAGIC_LEN)))
		return ms_fail(err, MS_ERR_MALFORMED, "not a key file");
	uint8_t version = ms_rd_u8(&rd);
	h.log_n = ms_rd_u8(&rd);
	uint8_t r = ms_rd_u8(&rd), p = ms_rd_u8(&rd);
	h.label = ms_rd_bytes(&rd, ms_rd_u8(&rd));
	h.salt = ms_rd_bytes(&rd, MS_SCRYPTBOX_SALT_LEN);
	h.iv = ms_rd_bytes(&rd, MS_AEAD_IV_LEN);
	h.header = ms_span(file.p, rd.off);
	h.ct = ms_rd_bytes(&rd, ms_rd_left(&rd));
	if (!ms_rd_done(&rd) || !ms_name_ok(h.label, MS_SCRYPTBOX_LABEL_MAX) || h.ct.len < MS_AEAD_TAG_LEN)
		return ms_fail(err, MS_ERR_MALFORMED, "key file: cut short or label out of form");
	if (version != VERSION)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "key file: version %u", version);
	if (h.log_n < LOG_N || h.log_n > LOG_N_MAX || r != COST_R || p != COST_P)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "key file: cost 2^%u, %u, %u", h.log_n, r, p);
	if (h.ct.len > MS_SCRYPTBOX_SECRET_MAX + MS_AEAD_TAG_LEN)
		return ms_fail(err, MS_ERR_TOO_BIG, "key file: %zu bytes inside", h.ct.len);
	*ret = h;
	return MS_OK;
}

static enum ms_rc
stretch(const struct ms_secret *passphrase, const struct ms_scryptbox_header *h, struct ms_secret **ret, struct ms_err *err)
{
	const struct ms_lib *lib;
	MS_OWN(ms_secret_free) struct ms_secret *key = NULL, *pass = NULL;
	uint64_t n = UINT64_C(1) << h->log_n, max_mem = n * COST_R * 128 + (1u << 20);
	uint32_t r = COST_R, p = COST_P;
	uint8_t salt[MS_SCRYPTBOX_SALT_LEN];
	enum ms_rc rc = ms_lib_get(&lib, err);
	if (rc == MS_OK)
		rc = ms_secret_new(KEY_LEN, &key, err);
	if (rc == MS_OK) /* OSSL_PARAM takes no const */
		rc = ms_secret_from(ms_secret_peek(passphrase), ms_secret_len(passphrase), &pass, err);
	if (rc != MS_OK)
		return rc;
	memcpy(salt, h->salt.p, sizeof salt);
	OSSL_PARAM params[] = {OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, ms_secret_bytes(pass), ms_secret_len(pass)),
	    OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt, sizeof salt),
	    OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n), OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
	    OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p), OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &max_mem),
	    OSSL_PARAM_construct_end()};
	MS_OWN(EVP_KDF_free) EVP_KDF *kdf = EVP_KDF_fetch(lib->ctx, "SCRYPT", NULL);
	MS_OWN(EVP_KDF_CTX_free) EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	if (ctx == NULL || EVP_KDF_derive(ctx, ms_secret_bytes(key), KEY_LEN, params) != 1)
		return ms_lib_fail(err, "key file: scrypt");
	ms_secret_set_len(key, KEY_LEN);
	*ret = key;
	key = NULL;
	return MS_OK;
}

static void
build_header(struct ms_buf *b, struct ms_span label, const uint8_t *salt, const uint8_t *iv)
{
	ms_buf_put(b, MAGIC, MAGIC_LEN);
	ms_buf_u8(b, VERSION);
	ms_buf_u8(b, LOG_N);
	ms_buf_u8(b, COST_R);
	ms_buf_u8(b, COST_P);
	ms_buf_u8(b, (uint8_t)label.len);
	ms_buf_put_span(b, label);
	ms_buf_put(b, salt, MS_SCRYPTBOX_SALT_LEN);
	ms_buf_put(b, iv, MS_AEAD_IV_LEN);
}

enum ms_rc
ms_scryptbox_seal(
    const char *label, const struct ms_secret *passphrase, const struct ms_secret *secret, struct ms_buf *out, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf header;
	MS_OWN(ms_secret_free) struct ms_secret *key = NULL;
	struct ms_scryptbox_header h = {.log_n = LOG_N, .label = ms_span_str(label)};
	uint8_t salt[MS_SCRYPTBOX_SALT_LEN], iv[MS_AEAD_IV_LEN];
	ms_buf_init(&header, HEADER_MAX);
	if (!ms_name_ok(h.label, MS_SCRYPTBOX_LABEL_MAX) || ms_secret_len(passphrase) == 0)
		return ms_fail(err, MS_ERR_USAGE, "key file: bad label or empty passphrase");
	if (ms_secret_len(secret) > MS_SCRYPTBOX_SECRET_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "key file: secret of %zu bytes", ms_secret_len(secret));
	enum ms_rc rc = ms_random(salt, sizeof salt, err);
	if (rc == MS_OK)
		rc = ms_random(iv, sizeof iv, err);
	if (rc != MS_OK)
		return rc;
	build_header(&header, h.label, salt, iv);
	h.salt = ms_span(salt, sizeof salt);
	rc = ms_buf_check(&header, err);
	if (rc == MS_OK)
		rc = stretch(passphrase, &h, &key, err);
	if (rc != MS_OK)
		return rc;
	ms_buf_put_span(out, ms_buf_span(&header));
	struct ms_aead a = {MS_AES_256_GCM, key, iv, ms_buf_span(&header)};
	return ms_aead_seal(&a, secret, out, err);
}

enum ms_rc
ms_scryptbox_open(const char *label, const struct ms_secret *passphrase, struct ms_span file, struct ms_secret **ret, struct ms_err *err)
{
	struct ms_scryptbox_header h;
	MS_OWN(ms_secret_free) struct ms_secret *key = NULL;
	enum ms_rc rc = ms_scryptbox_parse(file, &h, err);
	if (rc != MS_OK)
		return rc;
	if (!ms_span_eq(h.label, ms_span_str(label)))
		return ms_fail(err, MS_ERR_AUTH, "key file: holds \"%.*s\", not \"%s\"", (int)h.label.len, (const char *)h.label.p, label);
	rc = stretch(passphrase, &h, &key, err);
	if (rc != MS_OK)
		return rc;
	struct ms_aead a = {MS_AES_256_GCM, key, h.iv.p, h.header};
	rc = ms_aead_open(&a, h.ct, ret, err);
	return rc == MS_ERR_AUTH ? ms_fail(err, rc, "key file: wrong passphrase, or the file was changed") : rc;
}
