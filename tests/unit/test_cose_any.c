#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/cose.h"
#include "codec/json.h"
#include "crypto/cosesig_any.h"

static enum ms_rc
parse_hex(const char *hex, struct ms_cose_any *ret)
{
	size_t len;
	uint8_t *p = test_hex(hex, &len);
	struct ms_cose_any m = {.alg = 77};
	enum ms_rc rc = ms_cose_any_parse(ms_span(p, len), &m, NULL);
	CHECK((rc == MS_OK) == (m.alg != 77));
	if (ret != NULL)
		*ret = m; /* its spans dangle: numbers only */
	free(p);
	return rc;
}

MS_TEST(cose_any_takes_tags_headers_and_encodings_of_others)
{
	static const char *const good[] = {"d284 43a10126 a0 4101 4102", "84 43a10126 a0 4101 4102", "9f 43a10126 a0 4101 4102 ff",
	    "84 44a1011826 a0 4101 4102" /* alg -39 in a longer head would be 3826; this is alg 38 */, "84 43a10126 a1044101 40 40",
	    "84 47a2010a0281 01 01 a0 40 40", "84 45a201260300 a0 4101 4102", "84 47a201260301 6178 a0 4101 4102"};
	struct ms_cose_any m;
	for (size_t i = 0; i < 5; i++)
		CHECK_INT(parse_hex(good[i], NULL), MS_OK);
	CHECK_INT(parse_hex("84 45a201260300 a0 4101 4102", &m), MS_OK);
	CHECK(m.alg == MS_COSE_ALG_ES256 && m.alg_protected && m.content_type.len == 0);
	CHECK_INT(parse_hex("84 40 a10126 4101 4102", &m), MS_OK);
	CHECK(!m.alg_protected && m.header.len == 0);
	CHECK_INT(parse_hex("84 41a0 a10126 4101 4102", &m), MS_OK);
	CHECK(!m.alg_protected && m.header.len == 0);
}

MS_TEST(cose_any_refuses_other_shapes)
{
	static const struct {
		const char *hex;
		enum ms_rc rc;
	} bad[] = {
	    {"", MS_ERR_MALFORMED},
	    {"d2", MS_ERR_MALFORMED},
	    {"d284 43a10126 a0 4101", MS_ERR_MALFORMED},
	    {"83 43a10126 a0 4101", MS_ERR_MALFORMED},
	    {"85 43a10126 a0 4101 4102 00", MS_ERR_MALFORMED},
	    {"d2d284 43a10126 a0 4101 4102", MS_ERR_MALFORMED},
	    {"d184 43a10126 a0 4101 4102", MS_ERR_MALFORMED},       /* COSE_Mac0's tag */
	    {"d9 03e6 84 43a10126 a0 4101 4102", MS_ERR_MALFORMED}, /* another tag */
	    {"84 a10126 a0 4101 4102", MS_ERR_MALFORMED},           /* header not wrapped */
	    {"84 4180 a0 4101 4102", MS_ERR_MALFORMED},             /* header an array */
	    {"84 41ff a0 4101 4102", MS_ERR_MALFORMED},
	    {"84 4400 a10126 a0 4101 4102", MS_ERR_MALFORMED},
	    {"84 44a1012600 a0 4101 4102", MS_ERR_MALFORMED}, /* bytes after the map */
	    {"84 43a10126 80 4101 4102", MS_ERR_MALFORMED},
	    {"84 43a10126 a0 f6 4102", MS_ERR_MALFORMED}, /* detached */
	    {"84 43a10126 a0 6101 4102", MS_ERR_MALFORMED},
	    {"84 43a10126 a0 4101 6102", MS_ERR_MALFORMED},
	    {"84 40 a0 4101 4102", MS_ERR_MALFORMED},                /* no algorithm */
	    {"84 43a10126 a10126 4101 4102", MS_ERR_MALFORMED},      /* algorithm twice */
	    {"84 43a10126 a1190001 26 4101 4102", MS_ERR_MALFORMED}, /* likewise, in another form */
	    {"84 45a10161 6161 a0 4101 4102", MS_ERR_MALFORMED},
	    {"84 44a1016161 a0 4101 4102", MS_ERR_UNSUPPORTED}, /* algorithm by name */
	    {"84 43a10126 a1 04 01 4101 4102", MS_ERR_MALFORMED},
	    {"84 43a10126 a1 4101 01 4101 4102", MS_ERR_MALFORMED}, /* a label of bytes */
	    {"84 46a20126 410101 a0 4101 4102", MS_ERR_MALFORMED},
	    {"84 45a201260280 a0 4101 4102", MS_ERR_MALFORMED}, /* crit empty */
	    {"84 45a201260201 a0 4101 4102", MS_ERR_MALFORMED}, /* crit a number */
	    {"84 46a20126028118 a0 4101 4102", MS_ERR_MALFORMED},
	    {"84 46a2012602 8104 a0 4101 4102", MS_ERR_MALFORMED},           /* crit names what is not there */
	    {"84 43a10126 a1028101 4101 4102", MS_ERR_MALFORMED},            /* crit unprotected */
	    {"84 4aa3012602811864 186400 a0 4101 4102", MS_ERR_UNSUPPORTED}, /* crit names what nobody knows */
	    {"84 48a3012602816178 617800 a0 4101 4102", MS_ERR_MALFORMED},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		enum ms_rc rc = parse_hex(bad[i].hex, NULL);
		if (rc != bad[i].rc)
			print_error("%s: %s\n", bad[i].hex, ms_rc_name(rc));
		CHECK_INT(rc, bad[i].rc);
	}
	CHECK_INT(parse_hex("84 46a20126028101 a0 4101 4102", NULL), MS_OK); /* crit: [1] */
}

/* ---- the COSE working group's own examples ---- */
static json_t *
load(const char *name)
{
	char path[4096];
	(void)snprintf(path, sizeof path, "%s/cose-wg-examples/%s", test_vectors(), name);
	json_t *j = json_load_file(path, 0, NULL);
	CHECK(j != NULL);
	return j;
}

/* The key of an example without its private half, which a key file may not have. */
static struct ms_pubkey *
key_of(const json_t *j)
{
	struct ms_buf b;
	struct ms_pubkey *k = NULL;
	json_t *jwk = json_deep_copy(json_object_get(json_object_get(json_object_get(j, "input"), "sign0"), "key"));
	ms_buf_init(&b, 10000);
	CHECK_INT(ms_json_build(jwk, false, &b, NULL), MS_OK);
	CHECK(json_object_get(jwk, "d") == NULL || ms_pubkey_from_file(ms_buf_span(&b), &k, NULL) == MS_ERR_USAGE);
	(void)json_object_del(jwk, "d");
	static const char *const in_hex[] = {"x_hex", "y_hex", "d_hex"}; /* some examples have them so */
	for (size_t i = 0; i < 3; i++) {
		uint8_t raw[64];
		char text[100], name[2] = {in_hex[i][0], '\0'};
		const char *hex = json_string_value(json_object_get(jwk, in_hex[i]));
		if (hex == NULL)
			continue;
		CHECK_INT(ms_unhex(hex, strlen(hex), raw, strlen(hex) / 2), MS_OK);
		ms_base64url(raw, strlen(hex) / 2, text);
		if (name[0] != 'd')
			(void)json_object_set_new(jwk, name, json_string(text));
		(void)json_object_del(jwk, in_hex[i]);
	}
	ms_buf_reset(&b);
	CHECK_INT(ms_json_build(jwk, false, &b, NULL), MS_OK);
	if (ms_pubkey_from_file(ms_buf_span(&b), &k, NULL) != MS_OK)
		CHECK(k == NULL);
	ms_buf_fini(&b);
	json_decref(jwk);
	return k;
}

/* Does it verify, with the algorithm where it is (or, when `anywhere`, as if it were protected)? */
static bool
verifies(const char *name, bool anywhere)
{
	json_t *j = load(name);
	MS_OWN(ms_pubkey_free) struct ms_pubkey *key = key_of(j);
	const char *hex = json_string_value(json_object_get(json_object_get(j, "output"), "cbor"));
	const char *ext = json_string_value(json_object_get(json_object_get(json_object_get(j, "input"), "sign0"), "external"));
	size_t len, ext_len = 0;
	uint8_t *msg = test_hex(hex, &len), *aad = ext == NULL ? NULL : test_hex(ext, &ext_len);
	struct ms_cose_any m;
	bool ok = key != NULL && ms_cose_any_parse(ms_span(msg, len), &m, NULL) == MS_OK;
	if (ok && anywhere)
		m.alg_protected = true;
	ok = ok && ms_cose_any_verify(&m, key, ms_span(aad, ext_len), NULL) == MS_OK;
	/* whatever is flipped in what verified, it verifies no more, or is the same message in another encoding */
	for (size_t i = 0; ok && i < len; i++) {
		struct ms_cose_any other;
		msg[i] ^= 0x10;
		if (ms_cose_any_parse(ms_span(msg, len), &other, NULL) == MS_OK &&
		    ms_cose_any_verify(&other, key, ms_span(aad, ext_len), NULL) == MS_OK)
			CHECK(other.payload.len == m.payload.len && memcmp(other.payload.p, m.payload.p, m.payload.len) == 0);
		msg[i] ^= 0x10;
	}
	if (ok)
		CHECK(ms_cose_any_verify(&m, key, ms_span_str("other"), NULL) == MS_ERR_AUTH);
	free(msg);
	free(aad);
	json_decref(j);
	return ok;
}

MS_TEST(cose_any_verifies_the_working_groups_examples_and_refuses_those_that_must_fail)
{
	static const char *const good[] = {"CWT/A_3.json", "RFC8152/Appendix_C_2_1.json", "countersign/signed1-01.json",
	    "countersign/signed1-02.json", "countersign1/signed1-01.json", "ecdsa-examples/ecdsa-sig-01.json",
	    "ecdsa-examples/ecdsa-sig-02.json", "eddsa-examples/eddsa-sig-01.json", "sign1-tests/sign-pass-02.json",
	    "sign1-tests/sign-pass-03.json"};
	static const char *const bad[] = {"sign1-tests/sign-fail-01.json", "sign1-tests/sign-fail-02.json", "sign1-tests/sign-fail-03.json",
	    "sign1-tests/sign-fail-04.json", "sign1-tests/sign-fail-06.json", "sign1-tests/sign-fail-07.json"};
	static const char *const not_taken[] = {"ecdsa-examples/ecdsa-sig-03.json" /* P-521 */,
	    "ecdsa-examples/ecdsa-sig-04.json" /* ES512 by P-256 */, "eddsa-examples/eddsa-sig-02.json" /* Ed448 */,
	    "hashsig/hsssig-sig-01.json"};
	if (test_vectors() == NULL)
		skip();
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		bool ok = verifies(good[i], false);
		if (!ok)
			print_error("%s\n", good[i]);
		CHECK(ok);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK(!verifies(bad[i], true));
	for (size_t i = 0; i < sizeof not_taken / sizeof *not_taken; i++)
		CHECK(!verifies(not_taken[i], true));
}

/* RFC 9052 3.1 wants the algorithm signed; the example has it in the other header, and its signature is good. */
MS_TEST(cose_any_refuses_an_algorithm_that_is_not_signed)
{
	if (test_vectors() == NULL)
		skip();
	CHECK(!verifies("sign1-tests/sign-pass-01.json", false));
	CHECK(verifies("sign1-tests/sign-pass-01.json", true));
}

MS_TEST(key_files_of_every_form_give_the_same_key_and_others_none)
{
	MS_OWN(ms_softkey_free) struct ms_softkey *soft = NULL;
	MS_OWN(ms_pubkey_free) struct ms_pubkey *der = NULL;
	MS_OWN(ms_pubkey_free) struct ms_pubkey *pem = NULL;
	MS_OWN(ms_pubkey_free) struct ms_pubkey *cose = NULL;
	struct ms_err err;
	CHECK_OK(ms_softkey_generate(MS_KEY_P256, &soft, &err), &err);
	const struct ms_pubkey *pub = ms_softkey_public(soft);
	struct ms_span spki = ms_pubkey_spki(pub), point = ms_pubkey_point(pub);
	CHECK_OK(ms_pubkey_from_file(spki, &der, &err), &err);
	CHECK(ms_pubkey_eq(der, pub));
	char b64[400], text[600];
	ms_base64(spki.p, spki.len, b64);
	(void)snprintf(text, sizeof text, "a comment\n-----BEGIN PUBLIC KEY-----\n%.64s\n%s\n-----END PUBLIC KEY-----\n", b64, b64 + 64);
	CHECK_OK(ms_pubkey_from_file(ms_span_str(text), &pem, &err), &err);
	CHECK(ms_pubkey_eq(pem, pub));
	struct ms_buf b;
	ms_buf_init(&b, 1000);
	ms_buf_put(&b, "\xa4\x01\x02\x20\x01\x21\x58\x20", 8);
	ms_buf_put(&b, point.p + 1, 32);
	ms_buf_put(&b, "\x22\x58\x20", 3);
	ms_buf_put(&b, point.p + 33, 32);
	CHECK_OK(ms_pubkey_from_file(ms_buf_span(&b), &cose, &err), &err);
	CHECK(ms_pubkey_eq(cose, pub));
	struct ms_pubkey *none = NULL;
	b.p[4] = 3; /* P-521 */
	CHECK_INT(ms_pubkey_from_file(ms_buf_span(&b), &none, NULL), MS_ERR_UNSUPPORTED);
	b.p[4] = 2; /* P-384, with coordinates of P-256 */
	CHECK_INT(ms_pubkey_from_file(ms_buf_span(&b), &none, NULL), MS_ERR_MALFORMED);
	b.p[4] = 1;
	b.p[20] ^= 1; /* off the curve */
	CHECK_INT(ms_pubkey_from_file(ms_buf_span(&b), &none, NULL), MS_ERR_MALFORMED);
	for (size_t n = 0; n < b.len; n++)
		CHECK(ms_pubkey_from_file(ms_span(b.p, n), &none, NULL) != MS_OK);
	ms_buf_fini(&b);
	text[strlen(text) - 3] = 'x';
	CHECK(ms_pubkey_from_file(ms_span_str(text), &none, NULL) != MS_OK);
	CHECK(ms_pubkey_from_file(ms_span_str("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), &none, NULL) != MS_OK);
	CHECK(ms_pubkey_from_file(ms_span_str("{}"), &none, NULL) == MS_ERR_UNSUPPORTED);
	CHECK(ms_pubkey_from_file(ms_span_str("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}"), &none, NULL) ==
	      MS_ERR_MALFORMED);
	CHECK(ms_pubkey_from_file(ms_span_str("{\"keys\":[]}"), &none, NULL) == MS_ERR_USAGE);
	CHECK(none == NULL);
}
