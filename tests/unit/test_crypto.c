#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/der.h"
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "crypto/key.h"
#include "crypto/lib.h"
#include "crypto/scryptbox.h"
#include "crypto/scryptbox_int.h"

static struct ms_secret *
secret_of(const void *p, size_t len)
{
	struct ms_secret *s = NULL;
	CHECK_OK(ms_secret_from(p, len, &s, NULL), NULL);
	return s;
}

static struct ms_secret *
secret_hex(const char *hex)
{
	size_t n;
	uint8_t *p = test_hex(hex, &n);
	struct ms_secret *s = secret_of(p, n);
	free(p);
	return s;
}

static void
check_hex(const void *p, size_t len, const char *hex)
{
	size_t n;
	uint8_t *want = test_hex(hex, &n);
	CHECK(ms_span_eq(ms_span(p, len), ms_span(want, n)));
	free(want);
}

/* FIPS 180-4 examples */
MS_TEST(hash_gives_the_published_digests_of_abc)
{
	uint8_t d[MS_HASH_LEN_MAX];
	const struct ms_span parts[] = {ms_span("a", 1), MS_SPAN_NONE, ms_span("bc", 2)};
	ms_sha256v(parts, 3, d);
	check_hex(d, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	ms_hashv(MS_HASH_SHA384, parts, 3, d);
	check_hex(d, 48, "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7");
	ms_hashv(MS_HASH_SHA512, parts, 3, d);
	check_hex(d, 64,
	    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca4"
	    "9f");
	ms_hashv(MS_HASH_SHA1, parts, 3, d);
	check_hex(d, 20, "a9993e364706816aba3e25717850c26c9cd0d89d");
	ms_sha256(MS_SPAN_NONE, d);
	check_hex(d, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

MS_TEST(hasher_begins_anew_after_each_final)
{
	uint8_t a[32], b[32];
	struct ms_hasher *h = NULL;
	CHECK_OK(ms_hasher_new(MS_HASH_SHA256, &h, NULL), NULL);
	for (int i = 0; i < 3; i++) {
		ms_hasher_add(h, ms_span("ab", 2));
		ms_sha256(ms_span("x", 1), b); /* one-shots in between do not disturb it */
		ms_hasher_add(h, ms_span("c", 1));
		ms_hasher_final(h, a);
		ms_sha256(ms_span("abc", 3), b);
		CHECK(memcmp(a, b, 32) == 0);
	}
	ms_hasher_free(h);
}

/* RFC 4231 cases 2 and 6 */
MS_TEST(hmac_gives_the_rfc_4231_codes_and_verifies_them)
{
	uint8_t mac[32], key131[131];
	struct ms_secret *k = secret_of("Jefe", 4);
	const struct ms_span parts[] = {ms_span_str("what do ya want "), ms_span_str("for nothing?")};
	CHECK_OK(ms_hmac_sha256v(k, parts, 2, mac, NULL), NULL);
	check_hex(mac, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	CHECK_OK(ms_hmac_sha256_verify(k, parts, 2, ms_span(mac, 32), NULL), NULL);
	CHECK_OK(ms_hmac_sha256_verify(k, parts, 2, ms_span(mac, 16), NULL), NULL);
	CHECK_INT(ms_hmac_sha256_verify(k, parts, 1, ms_span(mac, 32), NULL), MS_ERR_AUTH);
	CHECK_INT(ms_hmac_sha256_verify(k, parts, 2, ms_span(mac, 15), NULL), MS_ERR_AUTH);
	CHECK_INT(ms_hmac_sha256_verify(k, parts, 2, MS_SPAN_NONE, NULL), MS_ERR_AUTH);
	mac[31] ^= 1;
	CHECK_INT(ms_hmac_sha256_verify(k, parts, 2, ms_span(mac, 32), NULL), MS_ERR_AUTH);
	ms_secret_free(k);
	memset(key131, 0xaa, sizeof key131);
	k = secret_of(key131, sizeof key131);
	const struct ms_span m = ms_span_str("Test Using Larger Than Block-Size Key - Hash Key First");
	CHECK_OK(ms_hmac_sha256v(k, &m, 1, mac, NULL), NULL);
	check_hex(mac, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	ms_secret_free(k);
}

/* RFC 5869 A.1 */
MS_TEST(hkdf_gives_the_rfc_5869_key_and_refuses_lengths_out_of_range)
{
	size_t n;
	uint8_t *salt = test_hex("000102030405060708090a0b0c", &n);
	struct ms_secret *ikm = secret_hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"), *prk = NULL, *okm = NULL;
	CHECK_OK(ms_hkdf_extract(ms_span(salt, n), ikm, &prk, NULL), NULL);
	check_hex(ms_secret_peek(prk), 32, "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
	struct ms_span info = ms_span("\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9", 10);
	CHECK_OK(ms_hkdf_expand(prk, info, 42, &okm, NULL), NULL);
	check_hex(ms_secret_peek(okm), ms_secret_len(okm),
	    "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
	ms_secret_free(okm);
	okm = NULL;
	CHECK_INT(ms_hkdf_expand(prk, info, 0, &okm, NULL), MS_ERR_USAGE);
	CHECK_INT(ms_hkdf_expand(prk, info, 255 * 32 + 1, &okm, NULL), MS_ERR_USAGE);
	CHECK(okm == NULL);
	free(salt);
	ms_secret_free(ikm);
	ms_secret_free(prk);
}

/* the base point of P-256 (FIPS 186-4 D.1.2.3) */
#define P256_G \
	"046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51" \
	"f5"

MS_TEST(pubkey_refuses_points_off_the_curve)
{
	static int sentinel;
	size_t n;
	uint8_t *g = test_hex(P256_G, &n), zero[MS_POINT_LEN] = {4}, big[MS_POINT_LEN];
	struct ms_pubkey *k = NULL, *bad = (void *)&sentinel;
	CHECK_OK(ms_pubkey_from_point(g, &k, NULL), NULL);
	for (size_t i = 1; i < n; i++) {
		g[i] ^= 1;
		CHECK_INT(ms_pubkey_from_point(g, &bad, NULL), MS_ERR_MALFORMED);
		g[i] ^= 1;
	}
	for (unsigned form = 0; form < 256; form++) {
		g[0] = (uint8_t)form;
		if (form != 4)
			CHECK_INT(ms_pubkey_from_point(g, &bad, NULL), MS_ERR_MALFORMED);
	}
	memset(big, 0xff, sizeof big); /* coordinates above the field prime */
	big[0] = 4;
	CHECK_INT(ms_pubkey_from_point(zero, &bad, NULL), MS_ERR_MALFORMED);
	CHECK_INT(ms_pubkey_from_point(big, &bad, NULL), MS_ERR_MALFORMED);
	CHECK(bad == (void *)&sentinel);
	free(g);
	ms_pubkey_free(k);
}

static enum ms_rc
rsa_of(size_t bytes, uint8_t first, uint8_t last, uint64_t e)
{
	uint8_t n[600];
	struct ms_pubkey *k = NULL;
	memset(n, 0x5a, sizeof n);
	n[0] = first;
	n[bytes - 1] = last;
	enum ms_rc rc = ms_pubkey_from_rsa(ms_span(n, bytes), e, &k, NULL);
	ms_pubkey_free(k);
	return rc;
}

MS_TEST(pubkey_caps_rsa_sizes_and_exponents)
{
	CHECK_INT(rsa_of(256, 0x80, 1, 65537), MS_OK);
	CHECK_INT(rsa_of(512, 0xff, 1, 65537), MS_OK);
	CHECK_INT(rsa_of(257, 0x00, 1, 65537), MS_ERR_UNSUPPORTED); /* 2047 bits */
	CHECK_INT(rsa_of(256, 0x7f, 1, 65537), MS_ERR_UNSUPPORTED);
	CHECK_INT(rsa_of(128, 0xff, 1, 65537), MS_ERR_UNSUPPORTED);
	CHECK_INT(rsa_of(513, 0x01, 1, 65537), MS_ERR_UNSUPPORTED);
	CHECK_INT(rsa_of(256, 0x80, 2, 65537), MS_ERR_MALFORMED);
	CHECK_INT(rsa_of(256, 0x80, 1, 3), MS_ERR_UNSUPPORTED);
	CHECK_INT(rsa_of(256, 0x80, 1, 1), MS_ERR_UNSUPPORTED);
	CHECK_INT(rsa_of(256, 0x80, 1, 65538), MS_ERR_UNSUPPORTED);
	CHECK_INT(rsa_of(256, 0x80, 1, UINT64_MAX), MS_ERR_UNSUPPORTED);
	struct ms_pubkey *k = NULL;
	CHECK_INT(ms_pubkey_from_rsa(MS_SPAN_NONE, 65537, &k, NULL), MS_ERR_UNSUPPORTED);
}

static void
sign_and_tamper(enum ms_key_type type, enum ms_sig_scheme scheme)
{
	struct ms_softkey *k = NULL, *other = NULL;
	uint8_t sig[MS_SIG_LEN];
	CHECK_OK(ms_softkey_generate(type, &k, NULL), NULL);
	CHECK_OK(ms_softkey_generate(type, &other, NULL), NULL);
	struct ms_signer s = ms_softkey_signer(k);
	const struct ms_span msg = ms_span_str("one key, one purpose");
	CHECK_OK(ms_signer_sign(&s, msg, sig, NULL), NULL);
	CHECK_OK(ms_pubkey_verify(s.pub, scheme, msg, ms_span(sig, 64), NULL), NULL);
	CHECK_INT(ms_pubkey_verify(ms_softkey_public(other), scheme, msg, ms_span(sig, 64), NULL), MS_ERR_AUTH);
	CHECK_INT(ms_pubkey_verify(s.pub, scheme, ms_span(msg.p, msg.len - 1), ms_span(sig, 64), NULL), MS_ERR_AUTH);
	CHECK_INT(ms_pubkey_verify(s.pub, scheme, msg, ms_span(sig, 63), NULL), MS_ERR_AUTH);
	CHECK_INT(ms_pubkey_verify(s.pub, scheme, msg, MS_SPAN_NONE, NULL), MS_ERR_AUTH);
	for (size_t bit = 0; bit < sizeof sig * 8; bit += 7) {
		sig[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		CHECK_INT(ms_pubkey_verify(s.pub, scheme, msg, ms_span(sig, 64), NULL), MS_ERR_AUTH);
		sig[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
	CHECK_OK(ms_pubkey_verify(s.pub, scheme, msg, ms_span(sig, 64), NULL), NULL);
	CHECK_INT(ms_pubkey_verify(s.pub, MS_SIG_RSA_PKCS1_SHA256, msg, ms_span(sig, 64), NULL), MS_ERR_USAGE);
	CHECK_INT(ms_pubkey_verify(s.pub, MS_SIG_SCHEME_COUNT, msg, ms_span(sig, 64), NULL), MS_ERR_USAGE);
	CHECK_OK(ms_signer_sign(&s, MS_SPAN_NONE, sig, NULL), NULL);
	CHECK_OK(ms_pubkey_verify(s.pub, scheme, MS_SPAN_NONE, ms_span(sig, 64), NULL), NULL);
	ms_softkey_free(k);
	ms_softkey_free(other);
}

MS_TEST(signer_p256_signs_and_any_change_is_refused)
{
	sign_and_tamper(MS_KEY_P256, MS_SIG_ECDSA_SHA256);
}

MS_TEST(signer_ed25519_signs_and_any_change_is_refused)
{
	sign_and_tamper(MS_KEY_ED25519, MS_SIG_ED25519);
}

MS_TEST(verify_refuses_zero_and_order_sized_ecdsa_numbers)
{
	uint8_t sig[MS_SIG_LEN] = {0}, digest[32] = {1};
	struct ms_softkey *k = NULL;
	CHECK_OK(ms_softkey_generate(MS_KEY_P256, &k, NULL), NULL);
	const struct ms_pubkey *pub = ms_softkey_public(k);
	struct ms_span d = ms_span(digest, 32), s = ms_span(sig, 64);
	CHECK_INT(ms_pubkey_verify_digest(pub, MS_SIG_ECDSA_SHA256, d, s, NULL), MS_ERR_AUTH);
	sig[31] = 1;
	CHECK_INT(ms_pubkey_verify_digest(pub, MS_SIG_ECDSA_SHA256, d, s, NULL), MS_ERR_AUTH);
	memset(sig, 0xff, sizeof sig);
	CHECK_INT(ms_pubkey_verify_digest(pub, MS_SIG_ECDSA_SHA256, d, s, NULL), MS_ERR_AUTH);
	CHECK_INT(ms_pubkey_verify_digest(pub, MS_SIG_ECDSA_SHA256, ms_span(digest, 31), s, NULL), MS_ERR_USAGE);
	CHECK_INT(ms_pubkey_verify_digest(pub, MS_SIG_ED25519, d, s, NULL), MS_ERR_USAGE);
	ms_softkey_free(k);
}

MS_TEST(softkey_saves_and_loads_the_same_key)
{
	static const enum ms_key_type types[] = {MS_KEY_P256, MS_KEY_ED25519};
	for (size_t i = 0; i < 2; i++) {
		struct ms_softkey *k = NULL, *again = NULL;
		struct ms_secret *raw = NULL;
		CHECK_OK(ms_softkey_generate(types[i], &k, NULL), NULL);
		CHECK_OK(ms_softkey_save(k, &raw, NULL), NULL);
		CHECK_INT(ms_secret_len(raw), 32);
		CHECK_OK(ms_softkey_load(types[i], raw, &again, NULL), NULL);
		CHECK(ms_pubkey_eq(ms_softkey_public(k), ms_softkey_public(again)));
		CHECK(memcmp(ms_pubkey_id(ms_softkey_public(k)), ms_pubkey_id(ms_softkey_public(again)), 32) == 0);
		ms_softkey_free(k);
		ms_softkey_free(again);
		ms_secret_free(raw);
	}
}

MS_TEST(softkey_refuses_scalars_out_of_range_and_other_types)
{
	static const char *const bad[] = {"0000000000000000000000000000000000000000000000000000000000000000",
	    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", /* n */
	    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "01",
	    "0000000000000000000000000000000000000000000000000000000000000000ff"};
	struct ms_softkey *k = NULL;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct ms_secret *raw = secret_hex(bad[i]);
		CHECK_INT(ms_softkey_load(MS_KEY_P256, raw, &k, NULL), MS_ERR_MALFORMED);
		if (ms_secret_len(raw) != 32)
			CHECK_INT(ms_softkey_load(MS_KEY_ED25519, raw, &k, NULL), MS_ERR_MALFORMED);
		CHECK_INT(ms_softkey_load(MS_KEY_RSA, raw, &k, NULL), MS_ERR_USAGE);
		ms_secret_free(raw);
	}
	CHECK_INT(ms_softkey_generate(MS_KEY_RSA, &k, NULL), MS_ERR_USAGE);
	CHECK_INT(ms_softkey_generate(MS_KEY_P384, &k, NULL), MS_ERR_USAGE);
	struct ms_secret *top = secret_hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550"); /* n-1 */
	CHECK_OK(ms_softkey_load(MS_KEY_P256, top, &k, NULL), NULL);
	ms_softkey_free(k);
	ms_secret_free(top);
}

MS_TEST(pubkey_spki_of_one_is_the_point_of_scalar_one)
{
	uint8_t one[32] = {0};
	one[31] = 1;
	struct ms_secret *raw = secret_of(one, 32);
	struct ms_softkey *k = NULL;
	struct ms_pubkey *again = NULL;
	CHECK_OK(ms_softkey_load(MS_KEY_P256, raw, &k, NULL), NULL);
	struct ms_span point = ms_pubkey_point(ms_softkey_public(k));
	check_hex(point.p, point.len, P256_G);
	CHECK_OK(ms_pubkey_from_spki(ms_pubkey_spki(ms_softkey_public(k)), &again, NULL), NULL);
	CHECK(ms_pubkey_eq(again, ms_softkey_public(k)));
	uint8_t id[32];
	ms_sha256(ms_pubkey_spki(again), id);
	CHECK(memcmp(id, ms_pubkey_id(again), 32) == 0);
	ms_pubkey_free(again);
	ms_softkey_free(k);
	ms_secret_free(raw);
}

MS_TEST(pubkey_spki_refuses_every_flipped_bit_of_its_frame_and_every_cut)
{
	struct ms_softkey *k = NULL;
	CHECK_OK(ms_softkey_generate(MS_KEY_ED25519, &k, NULL), NULL);
	struct ms_span spki = ms_pubkey_spki(ms_softkey_public(k));
	struct ms_pubkey *bad = NULL;
	for (size_t i = 0; i < 12; i++) {
		uint8_t *w = test_dup(spki.p, spki.len);
		w[i] ^= 1;
		CHECK(ms_pubkey_from_spki(ms_span(w, spki.len), &bad, NULL) != MS_OK);
		free(w);
	}
	for (size_t n = 0; n < spki.len; n++) {
		uint8_t *w = test_dup(spki.p, n);
		CHECK(ms_pubkey_from_spki(ms_span(w, n), &bad, NULL) != MS_OK);
		free(w);
	}
	CHECK(bad == NULL);
	ms_softkey_free(k);
}

/* Made with the openssl program: tests/data/signatures/make */
static struct ms_span
data(const char *name)
{
	char path[64];
	struct ms_span s;
	(void)snprintf(path, sizeof path, "signatures/%s", name);
	s.p = test_file(path, &s.len);
	assert_non_null(s.p);
	return s;
}

static void
drop(struct ms_span s)
{
	free((void *)(uintptr_t)s.p);
}

static void
verify_data(const char *key, const char *sig_name, enum ms_sig_scheme scheme)
{
	struct ms_span spki = data(key), sig = data(sig_name), msg = data("message");
	struct ms_pubkey *k = NULL;
	CHECK_OK(ms_pubkey_from_spki(spki, &k, NULL), NULL);
	CHECK(ms_span_eq(ms_pubkey_spki(k), spki));
	CHECK_OK(ms_pubkey_verify(k, scheme, msg, sig, NULL), NULL);
	CHECK_INT(ms_pubkey_verify(k, scheme, ms_span(msg.p, msg.len - 1), sig, NULL), MS_ERR_AUTH);
	CHECK_INT(ms_pubkey_verify(k, scheme, msg, ms_span(sig.p, sig.len - 1), NULL), MS_ERR_AUTH);
	for (unsigned other = 0; other < MS_SIG_SCHEME_COUNT; other++) {
		enum ms_rc rc = ms_pubkey_verify(k, (enum ms_sig_scheme)other, msg, sig, NULL);
		bool same = other == scheme || (scheme == MS_SIG_RSA_PSS_SHA256 && other == MS_SIG_RSA_PSS_SHA256_TPM) ||
			    (scheme == MS_SIG_RSA_PSS_SHA384 && other == MS_SIG_RSA_PSS_SHA384_TPM) ||
			    (scheme == MS_SIG_RSA_PSS_SHA512 && other == MS_SIG_RSA_PSS_SHA512_TPM);
		CHECK(same ? rc == MS_OK : rc == MS_ERR_AUTH || rc == MS_ERR_USAGE);
	}
	ms_pubkey_free(k);
	drop(spki);
	drop(sig);
	drop(msg);
}

MS_TEST(verify_takes_what_openssl_signed_in_each_scheme_and_in_no_other)
{
	verify_data("p384.spki", "p384-sha256.sig", MS_SIG_ECDSA_SHA256);
	verify_data("p384.spki", "p384-sha384.sig", MS_SIG_ECDSA_SHA384);
	verify_data("rsa.spki", "rsa-pkcs1-sha256.sig", MS_SIG_RSA_PKCS1_SHA256);
	verify_data("rsa.spki", "rsa-pkcs1-sha384.sig", MS_SIG_RSA_PKCS1_SHA384);
	verify_data("rsa.spki", "rsa-pkcs1-sha512.sig", MS_SIG_RSA_PKCS1_SHA512);
	verify_data("rsa.spki", "rsa-pss-sha256.sig", MS_SIG_RSA_PSS_SHA256);
	verify_data("rsa.spki", "rsa-pss-sha384.sig", MS_SIG_RSA_PSS_SHA384);
	verify_data("rsa.spki", "rsa-pss-sha512.sig", MS_SIG_RSA_PSS_SHA512);
	verify_data("rsa.spki", "rsa-pss-max-sha256.sig", MS_SIG_RSA_PSS_SHA256_TPM);
}

MS_TEST(aead_refuses_wrong_keys_and_any_changed_byte)
{
	uint8_t iv[12] = {7}, iv2[12] = {8};
	struct ms_secret *k16 = secret_hex("000102030405060708090a0b0c0d0e0f"), *pt = secret_of("secret", 6), *out = NULL;
	struct ms_buf ct;
	ms_buf_init(&ct, 1000);
	struct ms_aead a = {MS_AES_128_GCM, k16, iv, ms_span("aad", 3)};
	CHECK_OK(ms_aead_seal(&a, pt, &ct, NULL), NULL);
	CHECK_INT(ct.len, 6 + 16);
	for (size_t i = 0; i < ct.len; i++) {
		ct.p[i] ^= 0x80;
		CHECK_INT(ms_aead_open(&a, ms_buf_span(&ct), &out, NULL), MS_ERR_AUTH);
		ct.p[i] ^= 0x80;
		CHECK_INT(ms_aead_open(&a, ms_span(ct.p, i), &out, NULL), MS_ERR_AUTH);
	}
	a.iv = iv2;
	CHECK_INT(ms_aead_open(&a, ms_buf_span(&ct), &out, NULL), MS_ERR_AUTH);
	a.iv = iv;
	a.aad = ms_span("aae", 3);
	CHECK_INT(ms_aead_open(&a, ms_buf_span(&ct), &out, NULL), MS_ERR_AUTH);
	a.aad = ms_span("aad", 3);
	a.alg = MS_AES_256_GCM;
	CHECK_INT(ms_aead_open(&a, ms_buf_span(&ct), &out, NULL), MS_ERR_USAGE);
	CHECK_INT(ms_aead_seal(&a, pt, &ct, NULL), MS_ERR_USAGE);
	CHECK(out == NULL);
	a.alg = MS_AES_128_GCM;
	CHECK_OK(ms_aead_open(&a, ms_buf_span(&ct), &out, NULL), NULL);
	CHECK(ms_ct_eq(ms_secret_peek(out), "secret", 6) && ms_secret_len(out) == 6);
	ms_secret_free(k16);
	ms_secret_free(pt);
	ms_secret_free(out);
	ms_buf_fini(&ct);
}

MS_TEST(scryptbox_opens_only_with_its_passphrase_label_and_bytes)
{
	struct ms_secret *pass = secret_of("correct horse", 13), *wrong = secret_of("correct horsf", 13), *in = secret_of("key", 3),
			 *out = NULL;
	struct ms_buf f, tiny;
	struct ms_err err;
	ms_buf_init(&f, MS_SCRYPTBOX_MAX);
	CHECK_OK(ms_scryptbox_seal("operator", pass, in, &f, &err), &err);
	CHECK_OK(ms_scryptbox_open("operator", pass, ms_buf_span(&f), &out, &err), &err);
	CHECK(ms_secret_len(out) == 3 && ms_ct_eq(ms_secret_peek(out), "key", 3));
	ms_secret_free(out);
	out = NULL;
	CHECK_INT(ms_scryptbox_open("operator", wrong, ms_buf_span(&f), &out, NULL), MS_ERR_AUTH);
	CHECK_INT(ms_scryptbox_open("release", pass, ms_buf_span(&f), &out, NULL), MS_ERR_AUTH);
	f.p[f.len - 1] ^= 1;
	CHECK_INT(ms_scryptbox_open("operator", pass, ms_buf_span(&f), &out, NULL), MS_ERR_AUTH);
	ms_buf_init(&tiny, 10);
	ms_secret_set_len(wrong, 0);
	CHECK_INT(ms_scryptbox_seal("operator", wrong, in, &f, NULL), MS_ERR_USAGE);
	CHECK_INT(ms_scryptbox_seal("Operator", pass, in, &f, NULL), MS_ERR_USAGE);
	CHECK_INT(ms_scryptbox_seal("", pass, in, &f, NULL), MS_ERR_USAGE);
	CHECK_INT(ms_scryptbox_seal("operator", pass, in, &tiny, NULL), MS_ERR_TOO_BIG);
	CHECK(out == NULL);
	ms_buf_fini(&f);
	ms_buf_fini(&tiny);
	ms_secret_free(pass);
	ms_secret_free(wrong);
	ms_secret_free(in);
}

MS_TEST(scryptbox_header_bounds_the_cost_before_any_work)
{
	uint8_t w[128] = "MUSTERKF";
	struct ms_scryptbox_header h;
	w[8] = 1, w[9] = 17, w[10] = 8, w[11] = 1, w[12] = 2, w[13] = 'o', w[14] = 'p';
	size_t min = 15 + 16 + 12 + 16;
	CHECK_OK(ms_scryptbox_parse(ms_span(w, min), &h, NULL), NULL);
	for (size_t n = 0; n < min; n++) {
		uint8_t *p = test_dup(w, n);
		CHECK_INT(ms_scryptbox_parse(ms_span(p, n), &h, NULL), MS_ERR_MALFORMED);
		free(p);
	}
	for (unsigned v = 0; v < 256; v++) {
		w[9] = (uint8_t)v;
		CHECK_INT(ms_scryptbox_parse(ms_span(w, min), &h, NULL), v >= 17 && v <= 20 ? MS_OK : MS_ERR_UNSUPPORTED);
	}
	w[9] = 17;
	w[10] = 9;
	CHECK_INT(ms_scryptbox_parse(ms_span(w, min), &h, NULL), MS_ERR_UNSUPPORTED);
	w[10] = 8, w[11] = 255;
	CHECK_INT(ms_scryptbox_parse(ms_span(w, min), &h, NULL), MS_ERR_UNSUPPORTED);
	w[11] = 1, w[8] = 2;
	CHECK_INT(ms_scryptbox_parse(ms_span(w, min), &h, NULL), MS_ERR_UNSUPPORTED);
	w[8] = 1, w[13] = '/';
	CHECK_INT(ms_scryptbox_parse(ms_span(w, min), &h, NULL), MS_ERR_MALFORMED);
}

MS_TEST(crypto_can_be_ended_and_begun_again)
{
	uint8_t d[32];
	ms_crypto_fini();
	ms_crypto_fini();
	CHECK_OK(ms_crypto_init(NULL), NULL);
	CHECK_OK(ms_crypto_init(NULL), NULL);
	ms_sha256(MS_SPAN_NONE, d);
	check_hex(d, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}
