/* RFC 9180 sections 4 and 5.1, for one suite and one mode. */
#include "crypto/hpke.h"

#include <assert.h>
#include <string.h>

#include "crypto/aead_int.h"
#include "crypto/hash_int.h"
#include "crypto/hpke_int.h"

#define KEY_LEN 16u
#define CONTEXT_LEN (1u + 2u * MS_SHA256_LEN)

/* All that is derived, in one struct ms_secret. */
struct work {
	uint8_t prk[MS_SHA256_LEN];
	uint8_t shared[MS_SHA256_LEN];
	uint8_t secret[MS_SHA256_LEN];
	uint8_t key[KEY_LEN];
	uint8_t iv[MS_AEAD_IV_LEN];
};

/* suite_id of the KEM, and of the whole suite: kem 0010, kdf 0001, aead 0001 */
static const uint8_t kem_suite[] = {'K', 'E', 'M', 0x00, 0x10};
static const uint8_t hpke_suite[] = {'H', 'P', 'K', 'E', 0x00, 0x10, 0x00, 0x01, 0x00, 0x01};
#define SUITE(s) ms_span(s, sizeof(s))
#define VERSION ms_span("HPKE-v1", 7)

/* Extract(salt, "HPKE-v1" | suite | label | ikm) */
static enum ms_rc
labeled_extract(struct ms_span suite, struct ms_span salt, const char *label, struct ms_span ikm, uint8_t out[static MS_SHA256_LEN])
{
	const struct ms_span parts[] = {VERSION, suite, ms_span_str(label), ikm};
	return ms_hmac_raw(salt, parts, 4, out, NULL);
}

/* Expand(prk, length | "HPKE-v1" | suite | label | info, length) */
static enum ms_rc
labeled_expand(
    struct ms_span suite, const uint8_t prk[static MS_SHA256_LEN], const char *label, struct ms_span info, struct ms_hkdf_out out)
{
	const uint8_t length[2] = {(uint8_t)(out.len >> 8), (uint8_t)out.len};
	const struct ms_span parts[] = {ms_span(length, 2), VERSION, suite, ms_span_str(label), info};
	return ms_hkdf_expand_raw(ms_span(prk, MS_SHA256_LEN), parts, 5, out, NULL);
}

/* 4.1, ExtractAndExpand: the KEM's shared secret from the Diffie-Hellman value. */
static enum ms_rc
kem_shared(const struct ms_secret *dh, const uint8_t enc[static MS_POINT_LEN], const uint8_t recipient[static MS_POINT_LEN], struct work *w)
{
	uint8_t context[2 * MS_POINT_LEN];
	memcpy(context, enc, MS_POINT_LEN);
	memcpy(context + MS_POINT_LEN, recipient, MS_POINT_LEN);
	enum ms_rc rc = labeled_extract(SUITE(kem_suite), MS_SPAN_NONE, "eae_prk", ms_span(ms_secret_peek(dh), ms_secret_len(dh)), w->prk);
	if (rc != MS_OK)
		return rc;
	return labeled_expand(SUITE(kem_suite), w->prk, "shared_secret", SUITE(context), (struct ms_hkdf_out){w->shared, sizeof w->shared});
}

/* 5.1, KeySchedule in base mode: no PSK, empty PSK id. */
static enum ms_rc
key_schedule(struct ms_span info, struct work *w)
{
	uint8_t context[CONTEXT_LEN] = {0x00}; /* mode_base */
	enum ms_rc rc = labeled_extract(SUITE(hpke_suite), MS_SPAN_NONE, "psk_id_hash", MS_SPAN_NONE, context + 1);
	if (rc == MS_OK)
		rc = labeled_extract(SUITE(hpke_suite), MS_SPAN_NONE, "info_hash", info, context + 1 + MS_SHA256_LEN);
	if (rc == MS_OK)
		rc = labeled_extract(SUITE(hpke_suite), SUITE(w->shared), "secret", MS_SPAN_NONE, w->secret);
	if (rc == MS_OK)
		rc = labeled_expand(SUITE(hpke_suite), w->secret, "key", SUITE(context), (struct ms_hkdf_out){w->key, sizeof w->key});
	if (rc == MS_OK) /* the nonce of sequence number 0 is the base nonce */
		rc = labeled_expand(SUITE(hpke_suite), w->secret, "base_nonce", SUITE(context), (struct ms_hkdf_out){w->iv, sizeof w->iv});
	return rc;
}

struct ends {
	const uint8_t *enc, *recipient;
};

/* Key and nonce; *ret holds a struct work. */
static enum ms_rc
derive(const struct ms_secret *dh, struct ends ends, struct ms_span info, struct ms_secret **ret, struct ms_err *err)
{
	MS_OWN(ms_secret_free) struct ms_secret *s = NULL;
	enum ms_rc rc = ms_secret_new(sizeof(struct work), &s, err);
	if (rc != MS_OK)
		return rc;
	struct work *w = (struct work *)ms_secret_bytes(s);
	rc = kem_shared(dh, ends.enc, ends.recipient, w);
	if (rc == MS_OK)
		rc = key_schedule(info, w);
	if (rc != MS_OK)
		return ms_fail(err, rc, "HPKE: key derivation");
	*ret = s;
	s = NULL;
	return MS_OK;
}

static struct ms_aead_raw
aead_of(struct ms_secret *work, struct ms_span aad)
{
	const struct work *w = (const struct work *)ms_secret_peek(work);
	return (struct ms_aead_raw){MS_AES_128_GCM, SUITE(w->key), w->iv, aad};
}

enum ms_rc
ms_hpke_seal_with(const struct ms_hpke_to *to, struct ms_ecdh_key *ephemeral, const struct ms_secret *pt,
    uint8_t enc[static MS_HPKE_ENC_LEN], struct ms_buf *ct, struct ms_err *err)
{
	MS_OWN(ms_secret_free) struct ms_secret *dh = NULL, *work = NULL;
	struct ms_ecdh e = ms_ecdh_key_ecdh(ephemeral);
	if (ms_secret_len(pt) > MS_HPKE_PT_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "HPKE: %zu bytes", ms_secret_len(pt));
	enum ms_rc rc = ms_ecdh_derive(&e, to->point, &dh, err);
	if (rc == MS_OK)
		rc = derive(dh, (struct ends){e.point, to->point}, to->info, &work, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "HPKE");
	struct ms_aead_raw a = aead_of(work, to->aad);
	rc = ms_aead_seal_raw(&a, pt, ct, err);
	if (rc == MS_OK)
		memcpy(enc, e.point, MS_HPKE_ENC_LEN);
	return rc;
}

enum ms_rc
ms_hpke_seal(
    const struct ms_hpke_to *to, const struct ms_secret *pt, uint8_t enc[static MS_HPKE_ENC_LEN], struct ms_buf *ct, struct ms_err *err)
{
	MS_OWN(ms_ecdh_key_free) struct ms_ecdh_key *ephemeral = NULL;
	enum ms_rc rc = ms_ecdh_key_generate(&ephemeral, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "HPKE");
	return ms_hpke_seal_with(to, ephemeral, pt, enc, ct, err);
}

enum ms_rc
ms_hpke_open(const struct ms_hpke_from *from, const uint8_t enc[static MS_HPKE_ENC_LEN], struct ms_span ct, struct ms_secret **ret,
    struct ms_err *err)
{
	MS_OWN(ms_secret_free) struct ms_secret *dh = NULL, *work = NULL;
	if (ct.len > MS_HPKE_PT_MAX + MS_HPKE_TAG_LEN)
		return ms_fail(err, MS_ERR_TOO_BIG, "HPKE: %zu bytes", ct.len);
	enum ms_rc rc = ms_ecdh_derive(from->key, enc, &dh, err);
	if (rc == MS_OK)
		rc = derive(dh, (struct ends){enc, from->key->point}, from->info, &work, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "HPKE");
	struct ms_aead_raw a = aead_of(work, from->aad);
	rc = ms_aead_open_raw(&a, ct, ret, err);
	return rc == MS_OK ? MS_OK : ms_prefix(err, rc, "HPKE");
}
