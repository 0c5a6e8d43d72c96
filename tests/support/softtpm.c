#include "support/softtpm.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "crypto/hash.h"

#define EK_ATTRIBUTES \
	(MS_TPMA_FIXED_TPM | MS_TPMA_FIXED_PARENT | MS_TPMA_SENSITIVE_DATA_ORIGIN | MS_TPMA_ADMIN_WITH_POLICY | MS_TPMA_RESTRICTED | \
	    MS_TPMA_DECRYPT)
#define AK_ATTRIBUTES \
	(MS_TPMA_FIXED_TPM | MS_TPMA_FIXED_PARENT | MS_TPMA_SENSITIVE_DATA_ORIGIN | MS_TPMA_USER_WITH_AUTH | MS_TPMA_RESTRICTED | \
	    MS_TPMA_SIGN | MS_TPMA_NO_DA)
#define IDENTITY_ATTRIBUTES \
	(MS_TPMA_FIXED_TPM | MS_TPMA_FIXED_PARENT | MS_TPMA_SENSITIVE_DATA_ORIGIN | MS_TPMA_USER_WITH_AUTH | MS_TPMA_SIGN | MS_TPMA_NO_DA)
#define SEALING_ATTRIBUTES (MS_TPMA_FIXED_TPM | MS_TPMA_FIXED_PARENT | MS_TPMA_SENSITIVE_DATA_ORIGIN | MS_TPMA_DECRYPT | MS_TPMA_NO_DA)
#define FIRMWARE 0x2019102300163636u

/* TCG EK Credential Profile B.6.2: PolicyA. */
static const uint8_t policy_a[32] = {0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24, 0xfd,
    0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa};

static void
must_at(bool ok, const struct ms_err *err, int line)
{
	if (ok)
		return;
	(void)fprintf(stderr, "softtpm.c:%d: %s\n", line, err != NULL ? err->text : "");
	abort();
}
#define MUST(rc, err) must_at((rc) == MS_OK, err, __LINE__)

/* TPMT_PUBLIC of a P-256 key. */
struct area_form {
	uint32_t attributes;
	struct ms_span policy;
	bool aes, ecdsa;
	const uint8_t *point;
};

static void
build_area(const struct area_form *f, struct softtpm_area *ret)
{
	struct ms_buf b;
	ms_buf_init(&b, sizeof ret->p);
	ms_buf_u16(&b, MS_TPM_ALG_ECC);
	ms_buf_u16(&b, MS_TPM_ALG_SHA256);
	ms_buf_u32(&b, f->attributes);
	ms_buf_u16(&b, (uint16_t)f->policy.len);
	ms_buf_put_span(&b, f->policy);
	ms_buf_u16(&b, f->aes ? MS_TPM_ALG_AES : MS_TPM_ALG_NULL);
	if (f->aes) {
		ms_buf_u16(&b, 128);
		ms_buf_u16(&b, MS_TPM_ALG_CFB);
	}
	ms_buf_u16(&b, f->ecdsa ? MS_TPM_ALG_ECDSA : MS_TPM_ALG_NULL);
	if (f->ecdsa)
		ms_buf_u16(&b, MS_TPM_ALG_SHA256);
	ms_buf_u16(&b, MS_TPM_P256);
	ms_buf_u16(&b, MS_TPM_ALG_NULL);
	for (size_t i = 0; i < 2; i++) {
		ms_buf_u16(&b, 32);
		ms_buf_put(&b, f->point + 1 + 32 * i, 32);
	}
	must_at(!b.bad, NULL, __LINE__);
	memcpy(ret->p, b.p, b.len);
	ret->len = b.len;
	ms_buf_fini(&b);
}

static void
name_of(const struct softtpm_area *a, struct ms_tpm_name *ret)
{
	struct ms_tpm_public p;
	struct ms_err err;
	MUST(ms_tpm_public_parse(softtpm_area(a), &p, &err), &err);
	MUST(ms_tpm_public_name(&p, ret, &err), &err);
}

void
softtpm_init(struct softtpm *t)
{
	struct ms_err err;
	struct ms_tpm_public ek;
	*t = (struct softtpm){.clock = 1000, .reset_count = 1, .pcrs = {.mask = MS_PCRS_ATTEST_MASK}};
	MUST(ms_ecdh_key_generate(&t->ek, &err), &err);
	MUST(ms_softkey_generate(MS_KEY_P256, &t->ak, &err), &err);
	const struct area_form ek_form = {.attributes = EK_ATTRIBUTES,
	    .policy = ms_span(policy_a, sizeof policy_a),
	    .aes = true,
	    .point = ms_pubkey_point(ms_ecdh_key_public(t->ek)).p};
	const struct area_form ak_form = {.attributes = AK_ATTRIBUTES, .ecdsa = true, .point = ms_pubkey_point(ms_softkey_public(t->ak)).p};
	build_area(&ek_form, &t->ek_public);
	build_area(&ak_form, &t->ak_public);
	name_of(&t->ak_public, &t->ak_name);
	MUST(ms_tpm_primary_name(MS_TPM_RH_ENDORSEMENT, &t->ak_name, &t->ak_qualified, &err), &err);
	MUST(ms_tpm_public_parse(softtpm_area(&t->ek_public), &ek, &err), &err);
	MUST(ms_tpm_public_hash(&ek, t->ek_hash, &err), &err);
	ms_hex(t->ek_hash, sizeof t->ek_hash, t->ek_hex);
	for (unsigned i = 0; i < 15; i++)
		memset(t->pcrs.value[i], (int)(0xa0 + i), MS_PCR_LEN);
}

void
softtpm_fini(struct softtpm *t)
{
	ms_ecdh_key_free(t->ek);
	ms_softkey_free(t->ak);
}

void
softtpm_key_fini(struct softtpm_key *k)
{
	ms_softkey_free(k->sign);
	ms_ecdh_key_free(k->ecdh);
}

void
softtpm_identity_key(struct softtpm_key *k)
{
	struct ms_err err;
	*k = (struct softtpm_key){.sign = NULL};
	MUST(ms_softkey_generate(MS_KEY_P256, &k->sign, &err), &err);
	const struct area_form f = {
	    .attributes = IDENTITY_ATTRIBUTES, .ecdsa = true, .point = ms_pubkey_point(ms_softkey_public(k->sign)).p};
	build_area(&f, &k->public);
	name_of(&k->public, &k->name);
	MUST(ms_tpm_primary_name(MS_TPM_RH_ENDORSEMENT, &k->name, &k->qualified, &err), &err);
}

void
softtpm_sealing_key(const struct softtpm *t, uint32_t mask, struct softtpm_key *k)
{
	struct ms_err err;
	uint8_t policy[MS_PCR_LEN];
	*k = (struct softtpm_key){.sign = NULL};
	MUST(ms_ecdh_key_generate(&k->ecdh, &err), &err);
	MUST(ms_pcrs_policy(&t->pcrs, mask, policy, &err), &err);
	const struct area_form f = {.attributes = SEALING_ATTRIBUTES,
	    .policy = ms_span(policy, sizeof policy),
	    .point = ms_pubkey_point(ms_ecdh_key_public(k->ecdh)).p};
	build_area(&f, &k->public);
	name_of(&k->public, &k->name);
	MUST(ms_tpm_primary_name(MS_TPM_RH_NULL, &k->name, &k->qualified, &err), &err);
}

/* ---- attestation ---- */

static void
attest_head(struct softtpm *t, uint16_t type, const uint8_t extra[static 32], struct ms_buf *b)
{
	ms_buf_u32(b, MS_TPM_MAGIC);
	ms_buf_u16(b, type);
	ms_buf_u16(b, (uint16_t)t->ak_qualified.len);
	ms_buf_put(b, t->ak_qualified.p, t->ak_qualified.len);
	ms_buf_u16(b, 32);
	ms_buf_put(b, extra, 32);
	ms_buf_u64(b, t->clock++);
	ms_buf_u32(b, t->reset_count);
	ms_buf_u32(b, t->restart_count);
	ms_buf_u8(b, 1);
	ms_buf_u64(b, FIRMWARE);
}

static void
attest_finish(struct softtpm *t, struct ms_buf *b, struct softtpm_attest *ret)
{
	struct ms_err err;
	uint8_t sig[MS_SIG_LEN];
	static const uint8_t head[6] = {0, MS_TPM_ALG_ECDSA, 0, MS_TPM_ALG_SHA256, 0, 32};
	struct ms_signer s = ms_softkey_signer(t->ak);
	must_at(!b->bad && b->len <= sizeof ret->attest, NULL, __LINE__);
	memcpy(ret->attest, b->p, b->len);
	ret->attest_len = b->len;
	MUST(ms_signer_sign(&s, ms_buf_span(b), sig, &err), &err);
	memcpy(ret->signature, head, sizeof head);
	memcpy(ret->signature + 6, sig, 32);
	ret->signature[38] = 0;
	ret->signature[39] = 32;
	memcpy(ret->signature + 40, sig + 32, 32);
	ms_buf_fini(b);
}

void
softtpm_quote(struct softtpm *t, const uint8_t extra[static 32], struct softtpm_attest *ret)
{
	struct ms_err err;
	struct ms_buf b;
	uint8_t digest[MS_PCR_LEN];
	ms_buf_init(&b, sizeof ret->attest);
	attest_head(t, MS_TPM_ST_QUOTE, extra, &b);
	ms_tpm_selection_build(&b, (struct ms_pcr_set){MS_TPM_ALG_SHA256, MS_PCRS_ATTEST_MASK});
	MUST(ms_pcrs_digest(&t->pcrs, MS_PCRS_ATTEST_MASK, digest, &err), &err);
	ms_buf_u16(&b, sizeof digest);
	ms_buf_put(&b, digest, sizeof digest);
	attest_finish(t, &b, ret);
}

void
softtpm_certify(struct softtpm *t, const struct softtpm_key *k, const uint8_t extra[static 32], struct softtpm_attest *ret)
{
	struct ms_buf b;
	ms_buf_init(&b, sizeof ret->attest);
	attest_head(t, MS_TPM_ST_CERTIFY, extra, &b);
	ms_buf_u16(&b, (uint16_t)k->name.len);
	ms_buf_put(&b, k->name.p, k->name.len);
	ms_buf_u16(&b, (uint16_t)k->qualified.len);
	ms_buf_put(&b, k->qualified.p, k->qualified.len);
	attest_finish(t, &b, ret);
}

void
softtpm_pcrs(const struct softtpm *t, struct ms_buf *out)
{
	struct ms_err err;
	MUST(ms_pcrs_build(&t->pcrs, out, &err), &err);
}

/* ---- credentials (TPM 2.0 Library, Part 1, 24) ---- */

static void
kdfa(const uint8_t seed[static 32], struct ms_span label, struct ms_span context, uint16_t bits, uint8_t out[static 32])
{
	struct ms_err err;
	static const uint8_t one[4] = {0, 0, 0, 1};
	const uint8_t n[4] = {0, 0, (uint8_t)(bits >> 8), (uint8_t)bits};
	const struct ms_span parts[] = {ms_span(one, 4), label, context, ms_span(n, 4)};
	struct ms_secret *key = NULL;
	MUST(ms_secret_from(seed, 32, &key, &err), &err);
	MUST(ms_hmac_sha256v(key, parts, 4, out, &err), &err);
	ms_secret_free(key);
}

static enum ms_rc
open_seed(const struct softtpm *t, struct ms_span encrypted, uint8_t seed[static 32], struct ms_err *err)
{
	static const uint8_t one[4] = {0, 0, 0, 1};
	uint8_t peer[MS_POINT_LEN] = {4};
	struct ms_secret *z = NULL;
	struct ms_rd r = ms_rd_span(encrypted);
	struct ms_span x = ms_rd_tpm2b(&r, 32), y = ms_rd_tpm2b(&r, 32);
	if (!ms_rd_done(&r) || x.len != 32 || y.len != 32)
		return ms_fail(err, MS_ERR_AUTH, "encrypted secret");
	memcpy(peer + 1, x.p, 32);
	memcpy(peer + 33, y.p, 32);
	struct ms_ecdh e = ms_ecdh_key_ecdh(t->ek);
	enum ms_rc rc = ms_ecdh_derive(&e, peer, &z, err);
	if (rc != MS_OK)
		return rc;
	const struct ms_span parts[] = {
	    ms_span(one, 4), ms_span(ms_secret_peek(z), 32), ms_span("IDENTITY", 9), x, ms_span(e.point + 1, 32)};
	ms_sha256v(parts, 5, seed);
	ms_secret_free(z);
	return MS_OK;
}

static void
decrypt(const uint8_t key[static 16], struct ms_span in, uint8_t *out)
{
	static const uint8_t iv[16];
	int n = 0;
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	must_at(c != NULL && EVP_DecryptInit_ex(c, EVP_aes_128_cfb128(), NULL, key, iv) == 1 &&
		    EVP_DecryptUpdate(c, out, &n, in.p, (int)in.len) == 1 && (size_t)n == in.len,
	    NULL, __LINE__);
	EVP_CIPHER_CTX_free(c);
}

enum ms_rc
softtpm_activate(const struct softtpm *t, struct ms_span blob, struct ms_span encrypted, struct ms_secret **ret, struct ms_err *err)
{
	uint8_t seed[32], key[32], mac_key[32], mac[32], plain[64];
	struct ms_span name = ms_tpm_name_span(&t->ak_name);
	struct ms_rd r = ms_rd_span(blob);
	struct ms_span integrity = ms_rd_tpm2b(&r, 32), identity = ms_rd_bytes(&r, ms_rd_left(&r));
	if (!ms_rd_done(&r) || integrity.len != 32 || identity.len < 2 || identity.len > sizeof plain)
		return ms_fail(err, MS_ERR_AUTH, "credential blob");
	enum ms_rc rc = open_seed(t, encrypted, seed, err);
	if (rc != MS_OK)
		return rc;
	kdfa(seed, ms_span("STORAGE", 8), name, 128, key);
	kdfa(seed, ms_span("INTEGRITY", 10), MS_SPAN_NONE, 256, mac_key);
	const struct ms_span parts[] = {identity, name};
	struct ms_secret *k = NULL;
	MUST(ms_secret_from(mac_key, sizeof mac_key, &k, err), err);
	MUST(ms_hmac_sha256v(k, parts, 2, mac, err), err);
	ms_secret_free(k);
	if (!ms_ct_eq(mac, integrity.p, 32))
		return ms_fail(err, MS_ERR_AUTH, "credential: for another key");
	decrypt(key, identity, plain);
	size_t len = (size_t)plain[0] << 8 | plain[1];
	return len + 2 == identity.len ? ms_secret_from(plain + 2, len, ret, err) : ms_fail(err, MS_ERR_AUTH, "credential: length");
}

void
softtpm_proof(const struct ms_secret *secret, struct ms_span transcript, uint8_t ret[static 32])
{
	struct ms_err err;
	MUST(ms_hmac_sha256v(secret, &transcript, 1, ret, &err), &err);
}

void
softtpm_transcript(const struct softtpm *t, const struct softtpm_enrolment *e, struct ms_buf *out)
{
	static const uint8_t zeros[32];
	struct ms_err err;
	const struct ms_transcript m = {.label = ms_span_str("muster/v1/enroll"),
	    .deployment = ms_span(e->deployment, 16),
	    .tenant = ms_span_str(e->tenant),
	    .name = ms_span_str(e->name),
	    .serial = ms_span_str(e->serial),
	    .model = ms_span_str(e->model),
	    .ek_public = softtpm_area(&t->ek_public),
	    .ek_cert_hash = ms_span(zeros, 32),
	    .ak_public = softtpm_area(&t->ak_public),
	    .agent_version = ms_span_str("0.0.0"),
	    .agent_digest = ms_span(zeros, 32),
	    .nonce = ms_span(e->nonce, MS_NONCE_LEN)};
	MUST(ms_cbor_build_map(&ms_transcript_table, &m, out, &err), &err);
}
