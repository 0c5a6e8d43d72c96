/* Edge cases of Project Wycheproof (C2SP; Apache-2.0), read from the shared vectors. "acceptable" may go either way,
 * but where it is accepted the output must be right. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "codec/der.h"
#include "crypto/aead.h"
#include "crypto/ecdh.h"
#include "crypto/hash.h"

/* a hex member; heap */
struct bytes {
	uint8_t *p;
	size_t len;
};
static struct bytes
hex(const json_t *t, const char *name)
{
	struct bytes b;
	const char *s = json_string_value(json_object_get(t, name));
	assert_non_null(s);
	b.p = test_hex(s, &b.len);
	return b;
}
static struct ms_span
span(struct bytes b)
{
	return ms_span(b.p, b.len);
}
static const char *
result(const json_t *t)
{
	return json_string_value(json_object_get(t, "result"));
}

typedef bool (*case_fn)(const json_t *group, const json_t *test); /* accepted? */

static void
run(const char *file, case_fn fn)
{
	char path[4096];
	size_t gi, ti, valid = 0, invalid = 0;
	json_t *g, *t;
	const char *dir = test_vectors();
	if (dir == NULL)
		skip();
	(void)snprintf(path, sizeof path, "%s/wycheproof/%s", dir, file);
	json_t *all = json_load_file(path, 0, NULL);
	assert_non_null(all);
	json_array_foreach(json_object_get(all, "testGroups"), gi, g)
	{
		json_array_foreach(json_object_get(g, "tests"), ti, t)
		{
			bool ok = fn(g, t);
			bool want = strcmp(result(t), "valid") == 0;
			if (strcmp(result(t), "acceptable") == 0)
				continue;
			if (ok != want)
				fail_msg("%s: case %d is %s", file, (int)json_integer_value(json_object_get(t, "tcId")), result(t));
			valid += want;
			invalid += !want;
		}
	}
	CHECK(valid > 0 && invalid > 0);
	json_decref(all);
}

static bool
verify(const json_t *g, const json_t *t, enum ms_sig_scheme scheme, bool der)
{
	struct ms_pubkey *k = NULL;
	struct bytes spki = hex(g, "publicKeyDer"), msg = hex(t, "msg"), sig = hex(t, "sig");
	uint8_t raw[MS_SIG_LEN];
	CHECK_OK(ms_pubkey_from_spki(span(spki), &k, NULL), NULL);
	CHECK(ms_span_eq(ms_pubkey_spki(k), span(spki)));
	struct ms_span s = span(sig);
	bool ok = !der || ms_der_ecdsa_parse(s, raw, NULL) == MS_OK;
	if (ok && der)
		s = ms_span(raw, sizeof raw);
	if (ok) {
		enum ms_rc rc = ms_pubkey_verify(k, scheme, span(msg), s, NULL);
		CHECK(rc == MS_OK || rc == MS_ERR_AUTH);
		ok = rc == MS_OK;
	}
	ms_pubkey_free(k);
	free(spki.p);
	free(msg.p);
	free(sig.p);
	return ok;
}

static bool
ecdsa_case(const json_t *g, const json_t *t)
{
	return verify(g, t, MS_SIG_ECDSA_SHA256, true);
}
MS_TEST(wycheproof_ecdsa_p256_sha256)
{
	run("ecdsa_secp256r1_sha256_test.json", ecdsa_case);
}

static bool
ed25519_case(const json_t *g, const json_t *t)
{
	return verify(g, t, MS_SIG_ED25519, false);
}
MS_TEST(wycheproof_ed25519)
{
	run("ed25519_test.json", ed25519_case);
}

static bool
pkcs1_case(const json_t *g, const json_t *t)
{
	struct bytes e = hex(json_object_get(g, "publicKey"), "publicExponent");
	bool small = e.len == 1; /* 3: a key that we do not take (FIPS 186-4 B.3.1) */
	free(e.p);
	if (small)
		return strcmp(result(t), "valid") == 0;
	return verify(g, t, MS_SIG_RSA_PKCS1_SHA256, false);
}
MS_TEST(wycheproof_rsa_pkcs1_2048_sha256)
{
	run("rsa_signature_2048_sha256_test.json", pkcs1_case);
}

static bool
pss_case(const json_t *g, const json_t *t)
{
	return verify(g, t, MS_SIG_RSA_PSS_SHA256, false);
}
MS_TEST(wycheproof_rsa_pss_2048_sha256)
{
	run("rsa_pss_2048_sha256_mgf1_32_test.json", pss_case);
}

static bool
gcm_open(const struct ms_aead *a, const json_t *t)
{
	struct bytes msg = hex(t, "msg"), ct = hex(t, "ct"), tag = hex(t, "tag");
	struct ms_secret *pt = NULL;
	struct ms_buf b, sealed;
	ms_buf_init(&b, 1u << 20);
	ms_buf_init(&sealed, 1u << 20);
	ms_buf_put_span(&b, span(ct));
	ms_buf_put_span(&b, span(tag));
	bool ok = ms_aead_open(a, ms_buf_span(&b), &pt, NULL) == MS_OK;
	if (ok) {
		CHECK(ms_span_eq(ms_span(ms_secret_peek(pt), ms_secret_len(pt)), span(msg)));
		CHECK_OK(ms_aead_seal(a, pt, &sealed, NULL), NULL);
		CHECK(ms_span_eq(ms_buf_span(&sealed), ms_buf_span(&b)));
	}
	ms_secret_free(pt);
	ms_buf_fini(&b);
	ms_buf_fini(&sealed);
	free(msg.p);
	free(ct.p);
	free(tag.p);
	return ok;
}

static bool
gcm_case(const json_t *g, const json_t *t)
{
	json_int_t iv_bits = json_integer_value(json_object_get(g, "ivSize")), bits = json_integer_value(json_object_get(g, "keySize"));
	if (iv_bits != 96 || bits == 192) /* sizes we do not have */
		return strcmp(result(t), "valid") == 0;
	struct bytes key = hex(t, "key"), iv = hex(t, "iv"), aad = hex(t, "aad");
	struct ms_secret *k = NULL;
	CHECK_OK(ms_secret_from(key.p, key.len, &k, NULL), NULL);
	struct ms_aead a = {bits == 128 ? MS_AES_128_GCM : MS_AES_256_GCM, k, iv.p, span(aad)};
	bool ok = gcm_open(&a, t);
	ms_secret_free(k);
	free(key.p);
	free(iv.p);
	free(aad.p);
	return ok;
}
MS_TEST(wycheproof_aes_gcm)
{
	run("aes_gcm_test.json", gcm_case);
}

static bool
hkdf_case(MS_UNUSED const json_t *g, const json_t *t)
{
	struct bytes ikm = hex(t, "ikm"), salt = hex(t, "salt"), info = hex(t, "info"), okm = hex(t, "okm");
	struct ms_secret *in = NULL, *prk = NULL, *out = NULL;
	CHECK_OK(ms_secret_from(ikm.p, ikm.len, &in, NULL), NULL);
	CHECK_OK(ms_hkdf_extract(span(salt), in, &prk, NULL), NULL);
	bool ok = ms_hkdf_expand(prk, span(info), (size_t)json_integer_value(json_object_get(t, "size")), &out, NULL) == MS_OK;
	if (ok)
		CHECK(ms_span_eq(ms_span(ms_secret_peek(out), ms_secret_len(out)), span(okm)));
	ms_secret_free(in);
	ms_secret_free(prk);
	ms_secret_free(out);
	free(ikm.p);
	free(salt.p);
	free(info.p);
	free(okm.p);
	return ok;
}
MS_TEST(wycheproof_hkdf_sha256)
{
	run("hkdf_sha256_test.json", hkdf_case);
}

/* 32 bytes, whatever zeros lead */
static struct ms_secret *
scalar_of(struct bytes b)
{
	struct ms_secret *s = NULL;
	while (b.len > MS_RAW_KEY_LEN && b.p[0] == 0)
		b.p++, b.len--;
	CHECK(b.len <= MS_RAW_KEY_LEN);
	CHECK_OK(ms_secret_new(MS_RAW_KEY_LEN, &s, NULL), NULL);
	memcpy(ms_secret_bytes(s) + MS_RAW_KEY_LEN - b.len, b.p, b.len);
	ms_secret_set_len(s, MS_RAW_KEY_LEN);
	return s;
}

static bool
ecdh_case(MS_UNUSED const json_t *g, const json_t *t)
{
	struct bytes pub = hex(t, "public"), priv = hex(t, "private"), shared = hex(t, "shared");
	struct ms_secret *raw = scalar_of(priv), *z = NULL;
	struct ms_ecdh_key *k = NULL;
	struct ms_pubkey *peer = NULL;
	CHECK_OK(ms_ecdh_key_load(raw, &k, NULL), NULL);
	struct ms_ecdh e = ms_ecdh_key_ecdh(k);
	bool ok = ms_pubkey_from_spki(span(pub), &peer, NULL) == MS_OK && ms_pubkey_type(peer) == MS_KEY_P256 &&
		  ms_ecdh_derive(&e, ms_pubkey_point(peer).p, &z, NULL) == MS_OK;
	if (ok)
		CHECK(ms_span_eq(ms_span(ms_secret_peek(z), ms_secret_len(z)), span(shared)));
	ms_pubkey_free(peer);
	ms_ecdh_key_free(k);
	ms_secret_free(raw);
	ms_secret_free(z);
	free(pub.p);
	free(priv.p);
	free(shared.p);
	return ok;
}
MS_TEST(wycheproof_ecdh_p256)
{
	run("ecdh_secp256r1_test.json", ecdh_case);
}
