/* TPM 2.0 Library Part 1: 24 (credentials), Part 2: 10.12 (attestation). What the product checks with its own parsers is
 * built here by hand. */
#include "softtpm.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include "codec/cose.h"
#include "crypto/ecdh.h"

#define FIRMWARE UINT64_C(0x2024010100000000)
#define EK_ATTRIBUTES 0x000300b2u
#define AK_ATTRIBUTES 0x00050472u
#define IDENTITY_ATTRIBUTES 0x00040072u
#define SEALING_ATTRIBUTES 0x00020432u

/* TCG EK Credential Profile: PolicySecret(TPM_RH_ENDORSEMENT). */
static const uint8_t policy_a[32] = {0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24, 0xfd,
    0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa};

struct softtpm {
	EVP_PKEY *ek_rsa, *ak_rsa; /* one of each pair is there */
	struct ms_ecdh_key *ek_ecc;
	struct ms_softkey *ak_ecc;
	struct ms_buf ek_public, ak_public;
	struct ms_tpm_name ak_name, ak_qualified;
	uint8_t ek_hash[32];
	char device[SOFTTPM_DEVICE_LEN];
	struct ms_pcrs pcrs;
	uint64_t clock;
	uint32_t reset_count, restart_count;
};

void
softtpm_free(struct softtpm *t)
{
	if (t == NULL)
		return;
	EVP_PKEY_free(t->ek_rsa);
	EVP_PKEY_free(t->ak_rsa);
	ms_ecdh_key_free(t->ek_ecc);
	ms_softkey_free(t->ak_ecc);
	ms_buf_fini(&t->ek_public);
	ms_buf_fini(&t->ak_public);
	free(t);
}

/* ---- public areas ---- */

static void
put_2b(struct ms_buf *b, struct ms_span s)
{
	ms_buf_u16(b, (uint16_t)s.len);
	ms_buf_put_span(b, s);
}

static void
put_head(struct ms_buf *b, uint16_t type, uint32_t attributes, struct ms_span policy)
{
	ms_buf_u16(b, type);
	ms_buf_u16(b, MS_TPM_ALG_SHA256);
	ms_buf_u32(b, attributes);
	put_2b(b, policy);
}

static void
put_aes(struct ms_buf *b)
{
	ms_buf_u16(b, MS_TPM_ALG_AES);
	ms_buf_u16(b, 128);
	ms_buf_u16(b, MS_TPM_ALG_CFB);
}

static void
put_point(struct ms_buf *b, const uint8_t point[static MS_POINT_LEN])
{
	ms_buf_u16(b, MS_TPM_P256);
	ms_buf_u16(b, MS_TPM_ALG_NULL); /* KDF */
	put_2b(b, ms_span(point + 1, 32));
	put_2b(b, ms_span(point + 33, 32));
}

static void
put_ecdsa(struct ms_buf *b)
{
	ms_buf_u16(b, MS_TPM_ALG_ECDSA);
	ms_buf_u16(b, MS_TPM_ALG_SHA256);
}

static enum ms_rc
put_modulus(struct ms_buf *b, EVP_PKEY *key, struct ms_err *err)
{
	BIGNUM *n = NULL;
	uint8_t bytes[256];
	if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) != 1)
		return ms_fail(err, MS_ERR_CRYPTO, "modulus");
	int len = BN_bn2binpad(n, bytes, sizeof bytes);
	BN_free(n);
	ms_buf_u16(b, 2048);
	ms_buf_u32(b, 0); /* exponent: 65537 */
	put_2b(b, ms_span(bytes, sizeof bytes));
	return len == (int)sizeof bytes ? MS_OK : ms_fail(err, MS_ERR_CRYPTO, "modulus");
}

static enum ms_rc
ek_area(struct softtpm *t, struct ms_err *err)
{
	struct ms_buf *b = &t->ek_public;
	bool ecc = t->ek_ecc != NULL;
	put_head(b, ecc ? MS_TPM_ALG_ECC : MS_TPM_ALG_RSA, EK_ATTRIBUTES, ms_span(policy_a, sizeof policy_a));
	put_aes(b);
	ms_buf_u16(b, MS_TPM_ALG_NULL); /* scheme */
	if (!ecc)
		return put_modulus(b, t->ek_rsa, err);
	put_point(b, ms_pubkey_point(ms_ecdh_key_public(t->ek_ecc)).p);
	return MS_OK;
}

static enum ms_rc
ak_area(struct softtpm *t, struct ms_err *err)
{
	struct ms_buf *b = &t->ak_public;
	bool ecc = t->ak_ecc != NULL;
	put_head(b, ecc ? MS_TPM_ALG_ECC : MS_TPM_ALG_RSA, AK_ATTRIBUTES, MS_SPAN_NONE);
	ms_buf_u16(b, MS_TPM_ALG_NULL); /* symmetric */
	if (!ecc) {
		ms_buf_u16(b, MS_TPM_ALG_RSASSA);
		ms_buf_u16(b, MS_TPM_ALG_SHA256);
		return put_modulus(b, t->ak_rsa, err);
	}
	put_ecdsa(b);
	put_point(b, ms_pubkey_point(ms_softkey_public(t->ak_ecc)).p);
	return MS_OK;
}

void
softtpm_identity_public(const uint8_t point[static MS_POINT_LEN], struct ms_buf *out)
{
	put_head(out, MS_TPM_ALG_ECC, IDENTITY_ATTRIBUTES, MS_SPAN_NONE);
	ms_buf_u16(out, MS_TPM_ALG_NULL);
	put_ecdsa(out);
	put_point(out, point);
}

enum ms_rc
softtpm_sealing_public(
    const struct softtpm *t, uint32_t mask, const uint8_t point[static MS_POINT_LEN], struct ms_buf *out, struct ms_err *err)
{
	uint8_t policy[MS_PCR_LEN];
	enum ms_rc rc = ms_pcrs_policy(&t->pcrs, mask, policy, err);
	if (rc != MS_OK)
		return rc;
	put_head(out, MS_TPM_ALG_ECC, SEALING_ATTRIBUTES, ms_span(policy, sizeof policy));
	ms_buf_u16(out, MS_TPM_ALG_NULL);
	ms_buf_u16(out, MS_TPM_ALG_NULL);
	put_point(out, point);
	return MS_OK;
}

/* ---- making one ---- */

static enum ms_rc
make_keys(struct softtpm *t, unsigned flags, struct ms_err *err)
{
	enum ms_rc rc = MS_OK;
	if ((flags & SOFTTPM_EK_ECC) != 0)
		rc = ms_ecdh_key_generate(&t->ek_ecc, err);
	else
		t->ek_rsa = EVP_RSA_gen(2048);
	if (rc == MS_OK && (flags & SOFTTPM_AK_RSA) == 0)
		rc = ms_softkey_generate(MS_KEY_P256, &t->ak_ecc, err);
	else if (rc == MS_OK)
		t->ak_rsa = EVP_RSA_gen(2048);
	if (rc == MS_OK && ((t->ek_ecc == NULL && t->ek_rsa == NULL) || (t->ak_ecc == NULL && t->ak_rsa == NULL)))
		rc = ms_fail(err, MS_ERR_CRYPTO, "RSA key");
	return rc;
}

static enum ms_rc
make_names(struct softtpm *t, struct ms_err *err)
{
	struct ms_tpm_public ek, ak;
	enum ms_rc rc = ms_tpm_public_parse(ms_buf_span(&t->ek_public), &ek, err);
	if (rc == MS_OK)
		rc = ms_tpm_public_hash(&ek, t->ek_hash, err);
	if (rc == MS_OK)
		rc = ms_tpm_public_parse(ms_buf_span(&t->ak_public), &ak, err);
	if (rc == MS_OK)
		rc = ms_tpm_public_name(&ak, &t->ak_name, err);
	if (rc == MS_OK)
		rc = ms_tpm_primary_name(MS_TPM_RH_ENDORSEMENT, &t->ak_name, &t->ak_qualified, err);
	ms_hex(t->ek_hash, sizeof t->ek_hash, t->device);
	memcpy(t->device + 2 * sizeof t->ek_hash, "-1", 3);
	return rc;
}

enum ms_rc
softtpm_new(const char *seed, unsigned flags, struct softtpm **ret, struct ms_err *err)
{
	MS_OWN(softtpm_free) struct softtpm *t = calloc(1, sizeof *t);
	if (t == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "software TPM");
	ms_buf_init(&t->ek_public, MS_TPM_PUBLIC_MAX);
	ms_buf_init(&t->ak_public, MS_TPM_PUBLIC_MAX);
	t->clock = 1000;
	t->reset_count = 1;
	t->pcrs.mask = MS_PCRS_ATTEST_MASK;
	for (uint8_t i = 0; i < 15; i++) {
		const struct ms_span parts[] = {ms_span_str(seed), ms_span(&i, 1)};
		ms_sha256v(parts, 2, t->pcrs.value[i]);
	}
	enum ms_rc rc = make_keys(t, flags, err);
	if (rc == MS_OK)
		rc = ek_area(t, err);
	if (rc == MS_OK)
		rc = ak_area(t, err);
	if (rc == MS_OK)
		rc = make_names(t, err);
	if (rc != MS_OK)
		return rc;
	*ret = t;
	t = NULL;
	return MS_OK;
}

struct ms_span
softtpm_ek_public(const struct softtpm *t)
{
	return ms_buf_span(&t->ek_public);
}

struct ms_span
softtpm_ak_public(const struct softtpm *t)
{
	return ms_buf_span(&t->ak_public);
}

struct ms_span
softtpm_ak_name(const struct softtpm *t)
{
	return ms_tpm_name_span(&t->ak_name);
}

struct ms_span
softtpm_ek_hash(const struct softtpm *t)
{
	return ms_span(t->ek_hash, sizeof t->ek_hash);
}

const char *
softtpm_device(const struct softtpm *t)
{
	return t->device;
}

struct ms_pcrs *
softtpm_pcrs(struct softtpm *t)
{
	return &t->pcrs;
}

void
softtpm_extend(struct softtpm *t, unsigned index, struct ms_span data)
{
	uint8_t digest[MS_PCR_LEN];
	ms_sha256(data, digest);
	const struct ms_span parts[] = {ms_span(t->pcrs.value[index], MS_PCR_LEN), ms_span(digest, sizeof digest)};
	uint8_t next[MS_PCR_LEN];
	ms_sha256v(parts, 2, next);
	memcpy(t->pcrs.value[index], next, sizeof next);
}

void
softtpm_reboot(struct softtpm *t)
{
	t->reset_count++;
	t->restart_count = 0;
}

/* ---- attestation ---- */

enum ms_rc
softtpm_sign(struct softtpm *t, struct ms_span attest, struct ms_buf *signature, struct ms_err *err)
{
	if (t->ak_ecc != NULL) {
		uint8_t sig[MS_SIG_LEN];
		struct ms_signer s = ms_softkey_signer(t->ak_ecc);
		enum ms_rc rc = ms_signer_sign(&s, attest, sig, err);
		put_ecdsa(signature);
		put_2b(signature, ms_span(sig, 32));
		put_2b(signature, ms_span(sig + 32, 32));
		return rc;
	}
	uint8_t sig[256];
	size_t len = sizeof sig;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok = md != NULL && EVP_DigestSignInit_ex(md, NULL, "SHA256", NULL, NULL, t->ak_rsa, NULL) == 1 &&
		  EVP_DigestSign(md, sig, &len, attest.p, attest.len) == 1;
	EVP_MD_CTX_free(md);
	ms_buf_u16(signature, MS_TPM_ALG_RSASSA);
	ms_buf_u16(signature, MS_TPM_ALG_SHA256);
	put_2b(signature, ms_span(sig, len));
	return ok ? MS_OK : ms_fail(err, MS_ERR_CRYPTO, "RSA signature");
}

static void
put_attest_head(struct softtpm *t, uint16_t type, struct ms_span extra, struct ms_buf *b)
{
	t->clock += 10;
	ms_buf_u32(b, MS_TPM_MAGIC);
	ms_buf_u16(b, type);
	put_2b(b, ms_tpm_name_span(&t->ak_qualified));
	put_2b(b, extra);
	ms_buf_u64(b, t->clock);
	ms_buf_u32(b, t->reset_count);
	ms_buf_u32(b, t->restart_count);
	ms_buf_u8(b, 1); /* safe */
	ms_buf_u64(b, FIRMWARE);
}

static enum ms_rc
finish(struct softtpm *t, const struct softtpm_attest *out, size_t from, struct ms_err *err)
{
	enum ms_rc rc = ms_buf_check(out->attest, err);
	if (rc == MS_OK)
		rc = softtpm_sign(t, ms_span(out->attest->p + from, out->attest->len - from), out->signature, err);
	return rc == MS_OK ? ms_buf_check(out->signature, err) : rc;
}

enum ms_rc
softtpm_quote(struct softtpm *t, struct ms_span extra, uint32_t mask, const struct softtpm_attest *out, struct ms_err *err)
{
	uint8_t digest[MS_HASH_LEN_MAX];
	size_t from = out->attest->len;
	enum ms_rc rc = ms_pcrs_digest(&t->pcrs, mask, digest, err);
	if (rc != MS_OK)
		return rc;
	put_attest_head(t, MS_TPM_ST_QUOTE, extra, out->attest);
	ms_tpm_selection_build(out->attest, (struct ms_pcr_set){.alg = MS_TPM_ALG_SHA256, .mask = mask});
	put_2b(out->attest, ms_span(digest, MS_PCR_LEN));
	return finish(t, out, from, err);
}

enum ms_rc
softtpm_certify(struct softtpm *t, struct ms_span tpmt_public, uint32_t hierarchy, struct ms_span extra, const struct softtpm_attest *out,
    struct ms_err *err)
{
	struct ms_tpm_public p;
	struct ms_tpm_name name, qualified;
	size_t from = out->attest->len;
	enum ms_rc rc = ms_tpm_public_parse(tpmt_public, &p, err);
	if (rc == MS_OK)
		rc = ms_tpm_public_name(&p, &name, err);
	if (rc == MS_OK)
		rc = ms_tpm_primary_name(hierarchy, &name, &qualified, err);
	if (rc != MS_OK)
		return rc;
	put_attest_head(t, MS_TPM_ST_CERTIFY, extra, out->attest);
	put_2b(out->attest, ms_tpm_name_span(&name));
	put_2b(out->attest, ms_tpm_name_span(&qualified));
	return finish(t, out, from, err);
}

/* ---- credentials ---- */

static enum ms_rc
seed_by_rsa(const struct softtpm *t, struct ms_span encrypted, uint8_t seed[static 32], struct ms_err *err)
{
	char md[] = "SHA256", pad[] = OSSL_PKEY_RSA_PAD_MODE_OAEP, label[] = "IDENTITY"; /* with its NUL */
	uint8_t out[256];
	size_t len = sizeof out;
	const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, pad, 0),
	    OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, md, 0),
	    OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, md, 0),
	    OSSL_PARAM_construct_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, label, sizeof label), OSSL_PARAM_construct_end()};
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, t->ek_rsa, NULL);
	bool ok = ctx != NULL && EVP_PKEY_decrypt_init_ex(ctx, params) == 1 &&
		  EVP_PKEY_decrypt(ctx, out, &len, encrypted.p, encrypted.len) == 1 && len == 32;
	EVP_PKEY_CTX_free(ctx);
	if (!ok)
		return ms_fail(err, MS_ERR_AUTH, "credential: seed");
	memcpy(seed, out, 32);
	return MS_OK;
}

static enum ms_rc
seed_by_ecdh(const struct softtpm *t, struct ms_span encrypted, uint8_t seed[static 32], struct ms_err *err)
{
	struct ms_rd rd = ms_rd_span(encrypted);
	struct ms_span x = ms_rd_tpm2b(&rd, 32), y = ms_rd_tpm2b(&rd, 32);
	uint8_t peer[MS_POINT_LEN] = {4}, counter[4] = {0, 0, 0, 1};
	if (!ms_rd_done(&rd) || x.len != 32 || y.len != 32)
		return ms_fail(err, MS_ERR_AUTH, "credential: point");
	memcpy(peer + 1, x.p, 32);
	memcpy(peer + 33, y.p, 32);
	MS_OWN(ms_secret_free) struct ms_secret *z = NULL;
	struct ms_ecdh e = ms_ecdh_key_ecdh(t->ek_ecc);
	enum ms_rc rc = ms_ecdh_derive(&e, peer, &z, err);
	if (rc != MS_OK)
		return rc;
	const struct ms_span parts[] = {
	    ms_span(counter, 4), ms_span(ms_secret_peek(z), MS_ECDH_Z_LEN), ms_span("IDENTITY", 9), x, ms_span(e.point + 1, 32)};
	ms_sha256v(parts, 5, seed);
	return MS_OK;
}

static void
hmac(const uint8_t key[static 32], struct ms_span a, struct ms_span b, uint8_t out[static 32])
{
	uint8_t data[256];
	unsigned len = 32;
	memcpy(data, a.p, a.len);
	if (b.len > 0)
		memcpy(data + a.len, b.p, b.len);
	(void)HMAC(EVP_sha256(), key, 32, data, a.len + b.len, out, &len);
}

/* One block of KDFa. */
static void
kdfa(const uint8_t seed[static 32], const char *label, struct ms_span context, uint16_t bits, uint8_t out[static 32])
{
	uint8_t head[32] = {0, 0, 0, 1}, tail[64];
	size_t n = strlen(label) + 1;
	memcpy(head + 4, label, n);
	if (context.len > 0)
		memcpy(tail, context.p, context.len);
	const uint8_t len[4] = {0, 0, (uint8_t)(bits >> 8), (uint8_t)bits};
	memcpy(tail + context.len, len, 4);
	hmac(seed, ms_span(head, 4 + n), ms_span(tail, context.len + 4), out);
}

static bool
decrypt(const uint8_t key[static 16], struct ms_span in, uint8_t *out)
{
	static const uint8_t iv[16];
	int n = 0;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	bool ok = ctx != NULL && EVP_DecryptInit_ex(ctx, EVP_aes_128_cfb128(), NULL, key, iv) == 1 &&
		  EVP_DecryptUpdate(ctx, out, &n, in.p, (int)in.len) == 1 && (size_t)n == in.len;
	EVP_CIPHER_CTX_free(ctx);
	return ok;
}

enum ms_rc
softtpm_activate(const struct softtpm *t, struct ms_span blob, struct ms_span encrypted, uint8_t *out, size_t *ret_len, struct ms_err *err)
{
	uint8_t seed[32], key[32], mac[32], plain[2 + MS_SHA256_LEN];
	struct ms_rd rd = ms_rd_span(blob);
	struct ms_span sent = ms_rd_tpm2b(&rd, 32), wrapped = ms_rd_bytes(&rd, ms_rd_left(&rd));
	if (sent.len != 32 || wrapped.len < 3 || wrapped.len > sizeof plain)
		return ms_fail(err, MS_ERR_AUTH, "credential: form");
	enum ms_rc rc = t->ek_ecc != NULL ? seed_by_ecdh(t, encrypted, seed, err) : seed_by_rsa(t, encrypted, seed, err);
	if (rc != MS_OK)
		return rc;
	struct ms_span name = ms_tpm_name_span(&t->ak_name);
	kdfa(seed, "INTEGRITY", MS_SPAN_NONE, 256, key);
	hmac(key, wrapped, name, mac);
	if (!ms_ct_eq(mac, sent.p, sizeof mac))
		return ms_fail(err, MS_ERR_AUTH, "credential: integrity");
	kdfa(seed, "STORAGE", name, 128, key);
	if (!decrypt(key, wrapped, plain) || plain[0] != 0 || plain[1] != wrapped.len - 2)
		return ms_fail(err, MS_ERR_AUTH, "credential: content");
	memcpy(out, plain + 2, plain[1]);
	*ret_len = plain[1];
	return MS_OK;
}
