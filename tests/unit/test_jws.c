/* Signed JSON tokens: what is built verifies, and every way in which a token or a key set is wrong is refused by its name. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "codec/cose.h"
#include "crypto/jws.h"

static struct ms_softkey *p256, *other, *ed;
static struct ms_jws_keys *keys;     /* p256 and ed */
static struct ms_jws_keys *only_one; /* p256 */
static char kid[MS_THUMBPRINT_TEXT_LEN + 1];

static struct ms_jws_keys *
key_set(const struct ms_pubkey *const *k, size_t n)
{
	struct ms_err err;
	struct ms_jws_keys *set = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf text = {0};
	ms_buf_init(&text, MS_JWKS_MAX);
	CHECK_OK(ms_jwks_build(k, n, &text, &err), &err);
	CHECK_OK(ms_jws_keys_load(ms_buf_span(&text), &set, &err), &err);
	CHECK_INT(ms_jws_keys_count(set), n);
	return set;
}

static void
set_up(void)
{
	struct ms_err err;
	if (p256 != NULL)
		return;
	CHECK_OK(ms_softkey_generate(MS_KEY_P256, &p256, &err), &err);
	CHECK_OK(ms_softkey_generate(MS_KEY_P256, &other, &err), &err);
	CHECK_OK(ms_softkey_generate(MS_KEY_ED25519, &ed, &err), &err);
	const struct ms_pubkey *const both[] = {ms_softkey_public(p256), ms_softkey_public(ed)};
	keys = key_set(both, 2);
	only_one = key_set(both, 1);
	CHECK_OK(ms_jwk_thumbprint(ms_softkey_public(p256), kid, &err), &err);
}

static void
sign(struct ms_softkey *k, const char *typ, struct ms_span payload, struct ms_buf *out)
{
	struct ms_err err;
	struct ms_signer s = ms_softkey_signer(k);
	ms_buf_init(out, MS_JWS_MAX);
	CHECK_OK(ms_jws_sign(&s, typ, payload, out, &err), &err);
}

/* A token with this very header, rightly signed by p256. */
static void
with_header(const char *header, const char *payload, struct ms_buf *out)
{
	struct ms_err err;
	uint8_t sig[MS_SIG_LEN];
	char text[MS_JWS_MAX];
	struct ms_signer s = ms_softkey_signer(p256);
	ms_buf_init(out, 2 * MS_JWS_MAX);
	ms_base64url(header, strlen(header), text);
	ms_buf_fmt(out, "%s.", text);
	ms_base64url(payload, strlen(payload), text);
	ms_buf_str(out, text);
	CHECK_OK(ms_signer_sign(&s, ms_buf_span(out), sig, &err), &err);
	ms_base64url(sig, sizeof sig, text);
	ms_buf_fmt(out, ".%s", text);
	CHECK(!out->bad);
}

static enum ms_rc
verify(const struct ms_jws_keys *k, struct ms_span token, const char *const *types, enum ms_token_reason *reason)
{
	struct ms_err err;
	MS_OWN(ms_buf_fini) struct ms_buf payload = {0};
	uint8_t *copy = test_dup(token.p, token.len); /* exact: one byte over is seen */
	ms_buf_init(&payload, MS_JWS_PAYLOAD_MAX);
	enum ms_rc rc = ms_jws_verify(k, ms_span(copy, token.len), types, &payload, reason, &err);
	CHECK(rc == MS_OK || payload.len == 0);
	free(copy);
	return rc;
}

static void
refused(const struct ms_jws_keys *k, struct ms_span token, enum ms_token_reason want)
{
	enum ms_token_reason reason = MS_TOKEN_OK;
	CHECK(verify(k, token, NULL, &reason) != MS_OK);
	assert_string_equal(ms_token_reason_name(reason), ms_token_reason_name(want));
}

static void
header_refused(const char *header, enum ms_token_reason want)
{
	MS_OWN(ms_buf_fini) struct ms_buf token = {0};
	with_header(header, "{}", &token);
	refused(keys, ms_buf_span(&token), want);
	refused(only_one, ms_buf_span(&token), want);
}

MS_TEST(jws_that_was_signed_verifies_with_both_algorithms_and_gives_its_content_back)
{
	struct ms_err err;
	struct ms_softkey *signers[2];
	static const char *const types[] = {"x+jwt", NULL};
	uint8_t big[MS_JWS_PAYLOAD_MAX - 2000];
	set_up();
	signers[0] = p256, signers[1] = ed;
	memset(big, 'a', sizeof big);
	for (size_t i = 0; i < 2; i++)
		for (size_t n = 0; n <= sizeof big; n += n < 8 ? 1 : 3331) {
			MS_OWN(ms_buf_fini) struct ms_buf token = {0};
			MS_OWN(ms_buf_fini) struct ms_buf payload = {0};
			ms_buf_init(&payload, MS_JWS_PAYLOAD_MAX);
			sign(signers[i], "x+jwt", ms_span(big, n), &token);
			CHECK_OK(ms_jws_verify(keys, ms_buf_span(&token), types, &payload, NULL, &err), &err);
			CHECK(ms_span_eq(ms_buf_span(&payload), ms_span(big, n)));
		}
}

MS_TEST(jws_with_any_byte_changed_or_any_cut_is_refused)
{
	MS_OWN(ms_buf_fini) struct ms_buf token = {0};
	enum ms_token_reason reason;
	set_up();
	sign(p256, "x", ms_span_str("{\"a\":1}"), &token);
	for (size_t i = 0; i < token.len; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			token.p[i] ^= (uint8_t)(1u << bit);
			CHECK(verify(keys, ms_buf_span(&token), NULL, &reason) != MS_OK);
			token.p[i] ^= (uint8_t)(1u << bit);
		}
		CHECK(verify(keys, ms_span(token.p, i), NULL, &reason) != MS_OK);
	}
	CHECK(verify(keys, ms_buf_span(&token), NULL, &reason) == MS_OK);
}

MS_TEST(jws_without_or_with_a_false_algorithm_is_refused_by_name)
{
	char header[256];
	set_up();
	static const char *const none[] = {"none", "None", "NONE", "nOnE"};
	static const char *const foreign[] = {"HS256", "RS256", "PS256", "ES384", "ES512", "es256", "ES256 ", "eddsa", "RSA-OAEP"};
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		(void)snprintf(header, sizeof header, "{\"alg\":\"%s\"}", none[i]);
		header_refused(header, MS_TOKEN_ALG_NONE);
	}
	for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
		(void)snprintf(header, sizeof header, "{\"alg\":\"%s\",\"kid\":\"%s\"}", foreign[i], kid);
		header_refused(header, MS_TOKEN_ALG_UNSUPPORTED);
	}
	/* the key with this id signs with ES256 only */
	(void)snprintf(header, sizeof header, "{\"alg\":\"EdDSA\",\"kid\":\"%s\"}", kid);
	header_refused(header, MS_TOKEN_ALG_MISMATCH);
	refused(keys, ms_span_str("eyJhbGciOiJub25lIn0.e30."), MS_TOKEN_ALG_NONE); /* {"alg":"none"}, no signature */
}

MS_TEST(jws_header_that_is_not_one_plain_object_is_refused_by_name)
{
	char header[512];
	set_up();
	static const struct {
		const char *more;
		enum ms_token_reason want;
	} rows[] = {{",\"crit\":[\"exp\"]", MS_TOKEN_CRIT}, {",\"crit\":[]", MS_TOKEN_CRIT}, {",\"b64\":false", MS_TOKEN_CRIT},
	    {",\"zip\":\"DEF\"", MS_TOKEN_CRIT}, {",\"jwk\":{}", MS_TOKEN_OWN_KEY}, {",\"jku\":\"https://x\"", MS_TOKEN_OWN_KEY},
	    {",\"x5u\":\"https://x\"", MS_TOKEN_OWN_KEY}, {",\"x5c\":[]", MS_TOKEN_OWN_KEY}, {",\"alg\":\"ES256\"", MS_TOKEN_MALFORMED},
	    {",\"kid\":\"x\"", MS_TOKEN_MALFORMED}, {",\"\\u0061lg\":\"none\"", MS_TOKEN_MALFORMED}, {",\"typ\":1", MS_TOKEN_MALFORMED},
	    {",\"typ\":\"\"", MS_TOKEN_MALFORMED}, {"} ", MS_TOKEN_MALFORMED}, {",", MS_TOKEN_MALFORMED}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		(void)snprintf(header, sizeof header, "{\"alg\":\"ES256\",\"kid\":\"%s\"%s}", kid, rows[i].more);
		header_refused(header, rows[i].want);
	}
	static const char *const odd[] = {"", "[]", "\"ES256\"", "{}", "{\"alg\":1}", "{\"alg\":\"\"}", "{\"alg\":\"ES256\",\"kid\":7}",
	    "{\"alg\":\"ES256\",\"kid\":\"\"}", "{\"alg\":null}", "\xef\xbb\xbf{\"alg\":\"ES256\"}", "{\"alg\":\"ES256\"}{}"};
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
		header_refused(odd[i], MS_TOKEN_MALFORMED);
}

MS_TEST(jws_is_refused_when_its_key_is_not_there_or_not_named_among_several)
{
	MS_OWN(ms_buf_fini) struct ms_buf token = {0};
	set_up();
	enum ms_token_reason reason;
	sign(other, "x", ms_span_str("{}"), &token);
	refused(keys, ms_buf_span(&token), MS_TOKEN_KID_UNKNOWN);
	header_refused("{\"alg\":\"ES256\",\"kid\":\"x\"}", MS_TOKEN_KID_UNKNOWN);
	ms_buf_fini(&token);
	with_header("{\"alg\":\"ES256\"}", "{}", &token);
	refused(keys, ms_buf_span(&token), MS_TOKEN_NO_KID);
	CHECK(verify(only_one, ms_buf_span(&token), NULL, &reason) == MS_OK);
}

MS_TEST(jws_by_the_key_of_another_id_does_not_verify)
{
	MS_OWN(ms_buf_fini) struct ms_buf token = {0};
	struct ms_softkey *right = p256;
	char header[256];
	set_up();
	(void)snprintf(header, sizeof header, "{\"alg\":\"ES256\",\"kid\":\"%s\"}", kid);
	right = p256;
	p256 = other;
	with_header(header, "{}", &token);
	p256 = right;
	refused(keys, ms_buf_span(&token), MS_TOKEN_SIGNATURE);
}

MS_TEST(I14_jws_of_another_type_is_refused)
{
	static const char *const types[] = {"eat+jwt", NULL}, *const absent[] = {"", NULL};
	MS_OWN(ms_buf_fini) struct ms_buf token = {0};
	MS_OWN(ms_buf_fini) struct ms_buf bare = {0};
	enum ms_token_reason reason;
	set_up();
	sign(p256, "at+jwt", ms_span_str("{}"), &token);
	CHECK(verify(keys, ms_buf_span(&token), types, &reason) == MS_ERR_AUTH && reason == MS_TOKEN_TYPE);
	CHECK(verify(keys, ms_buf_span(&token), absent, &reason) == MS_ERR_AUTH && reason == MS_TOKEN_TYPE);
	with_header("{\"alg\":\"ES256\"}", "{}", &bare);
	CHECK(verify(only_one, ms_buf_span(&bare), types, &reason) == MS_ERR_AUTH && reason == MS_TOKEN_TYPE);
	CHECK(verify(only_one, ms_buf_span(&bare), absent, &reason) == MS_OK);
}

MS_TEST(I10_jws_of_odd_shape_or_size_is_refused_by_name)
{
	static const char *const odd[] = {
	    "", ".", "..", "...", "a.b", "e30.e30", "e30.e30.e30.e30", " e30.e30.e30", "e30.e30.e30\n", "e30=.e30.e30", "{}.{}.{}"};
	MS_OWN(ms_buf_fini) struct ms_buf big = {0};
	MS_OWN(ms_buf_fini) struct ms_buf token = {0};
	char header[1600];
	set_up();
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
		refused(keys, ms_span_str(odd[i]), MS_TOKEN_MALFORMED);
	ms_buf_init(&big, 2 * MS_JWS_MAX);
	while (big.len <= MS_JWS_MAX)
		ms_buf_str(&big, "AAAA");
	refused(keys, ms_buf_span(&big), MS_TOKEN_TOO_BIG);
	(void)snprintf(header, sizeof header, "{\"alg\":\"ES256\",\"x\":\"%01100d\"}", 0);
	header_refused(header, MS_TOKEN_TOO_BIG);
	sign(p256, "x", ms_span_str("{}"), &token);
	refused(keys, ms_span(token.p, token.len - 6), MS_TOKEN_SIGNATURE); /* too short a signature */
}

MS_TEST(jws_is_not_made_for_an_odd_type_or_too_much_content)
{
	struct ms_err err;
	struct ms_buf out;
	static const char *const odd[] = {"", "a b", "a\"b", "\xc3\xa4", "a/b"};
	static const uint8_t big[MS_JWS_PAYLOAD_MAX + 1] = {0};
	set_up();
	struct ms_signer s = ms_softkey_signer(p256);
	ms_buf_init(&out, 1u << 20);
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
		CHECK(ms_jws_sign(&s, odd[i], ms_span_str("{}"), &out, &err) == MS_ERR_USAGE);
	CHECK(ms_jws_sign(&s, "x", ms_span(big, sizeof big), &out, &err) == MS_ERR_USAGE);
	CHECK_INT(out.len, 0);
	CHECK(ms_jwks_build(NULL, 0, &out, &err) == MS_ERR_USAGE);
	ms_buf_fini(&out);
}

/* RFC 8037 A.3 prints the thumbprint of an Ed25519 key; RFC 7517 A.1 a P-256 key. */
MS_TEST(jwk_thumbprint_is_that_of_the_rfc)
{
	struct ms_err err;
	MS_OWN(ms_pubkey_free) struct ms_pubkey *k = NULL;
	char got[MS_THUMBPRINT_TEXT_LEN + 1];
	uint8_t raw[32];
	size_t n;
	CHECK_INT(ms_unbase64url("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", 43, raw, sizeof raw, &n), MS_OK);
	CHECK_OK(ms_pubkey_from_ed25519(raw, &k, &err), &err);
	CHECK_OK(ms_jwk_thumbprint(k, got, &err), &err);
	assert_string_equal(got, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#define X "\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\""
#define Y "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\""
#define EC "{\"kty\":\"EC\",\"crv\":\"P-256\"," X "," Y

static enum ms_rc
load(const char *text)
{
	struct ms_err err;
	struct ms_jws_keys *set = NULL;
	uint8_t *copy = test_dup(text, strlen(text));
	enum ms_rc rc = ms_jws_keys_load(ms_span(copy, strlen(text)), &set, &err);
	CHECK((rc == MS_OK) == (set != NULL));
	ms_jws_keys_free(set);
	free(copy);
	return rc;
}

MS_TEST(jwks_takes_a_key_or_a_set_and_skips_what_is_for_something_else)
{
	static const char *const good[] = {EC "}", "{\"keys\":[" EC "}]}", "{\"keys\":[" EC ",\"use\":\"sig\",\"alg\":\"ES256\"}]}",
	    "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}," EC "}]}", "{\"keys\":[" EC ",\"use\":\"enc\"}," EC "}]}",
	    "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AA\"}," EC ",\"key_ops\":[\"verify\"]}],\"more\":1}"};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		CHECK_INT(load(good[i]), MS_OK);
}

MS_TEST(jwks_that_is_odd_private_ambiguous_or_without_a_usable_key_is_refused)
{
	static const struct {
		const char *text;
		enum ms_rc want;
	} rows[] = {{"", MS_ERR_MALFORMED}, {"[]", MS_ERR_MALFORMED}, {"{}", MS_ERR_MALFORMED}, {"{\"keys\":{}}", MS_ERR_MALFORMED},
	    {"{\"keys\":[]}", MS_ERR_UNSUPPORTED}, {"{\"keys\":[1]}", MS_ERR_MALFORMED}, {"{\"keys\":[{}]}", MS_ERR_MALFORMED},
	    {EC ",\"d\":\"AA\"}", MS_ERR_AUTH}, {"{\"keys\":[" EC "},{\"kty\":\"oct\",\"k\":\"AA\"}]}", MS_ERR_AUTH},
	    {"{\"keys\":[" EC "}," EC "}]}", MS_ERR_MALFORMED},
	    {"{\"keys\":[" EC ",\"kid\":\"a\"}," EC ",\"kid\":\"a\"}]}", MS_ERR_MALFORMED}, {EC ",\"kid\":1}", MS_ERR_MALFORMED},
	    {EC ",\"use\":\"enc\"}", MS_ERR_UNSUPPORTED}, {EC ",\"alg\":\"ES384\"}", MS_ERR_UNSUPPORTED},
	    {EC ",\"key_ops\":[\"sign\"]}", MS_ERR_UNSUPPORTED}, {EC ",\"key_ops\":\"verify\"}", MS_ERR_UNSUPPORTED},
	    {"{\"kty\":\"EC\",\"crv\":\"P-256\"," X "}", MS_ERR_MALFORMED},
	    {"{\"kty\":\"EC\",\"crv\":\"P-256\"," X ",\"y\":\"AA\"}", MS_ERR_MALFORMED},
	    {"{\"kty\":\"EC\",\"crv\":\"P-256\"," X ",\"y\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\"}", MS_ERR_MALFORMED},
	    {"{\"kty\":\"EC\",\"crv\":\"P-256\"," X "," Y "," Y "}", MS_ERR_MALFORMED}, {EC "} ]", MS_ERR_MALFORMED}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (load(rows[i].text) != rows[i].want)
			fail_msg("%s: %s", rows[i].text, ms_rc_name(load(rows[i].text)));
	MS_OWN(ms_buf_fini) struct ms_buf many = {0};
	ms_buf_init(&many, MS_JWKS_MAX);
	ms_buf_str(&many, "{\"keys\":[");
	for (unsigned i = 0; i <= MS_JWKS_KEYS_MAX; i++)
		ms_buf_fmt(&many, "%s" EC ",\"kid\":\"%u\"}", i > 0 ? "," : "", i);
	ms_buf_str(&many, "]}");
	ms_buf_u8(&many, 0);
	CHECK_INT(load((const char *)many.p), MS_ERR_TOO_BIG);
}

/* ---- Project Wycheproof ---- */

static bool
wycheproof_case(const json_t *group, const json_t *test)
{
	const json_t *pub = json_object_get(group, "public");
	MS_OWN(ms_jws_keys_free) struct ms_jws_keys *set = NULL;
	struct ms_err err;
	enum ms_token_reason reason;
	char *text = json_dumps(pub != NULL ? pub : json_object_get(group, "private"), JSON_COMPACT);
	enum ms_rc rc = ms_jws_keys_load(ms_span_str(text), &set, &err);
	free(text);
	return rc == MS_OK && verify(set, ms_span_str(json_string_value(json_object_get(test, "jws"))), NULL, &reason) == MS_OK;
}

/* Whatever is invalid is refused; what is valid and ES256 or EdDSA is taken. */
MS_TEST(jws_wycheproof_vectors_give_their_answers)
{
	char path[4096];
	const char *dir = test_vectors();
	size_t i, k, valid = 0, invalid = 0;
	json_t *g, *t;
	if (dir == NULL)
		skip();
	(void)snprintf(path, sizeof path, "%s/wycheproof/json_web_signature_test.json", dir);
	json_t *all = json_load_file(path, 0, NULL);
	assert_non_null(all);
	json_array_foreach(json_object_get(all, "testGroups"), i, g)
	{
		const char *crv = json_string_value(json_object_get(json_object_get(g, "public"), "crv"));
		bool ours = crv != NULL && strcmp(crv, "P-256") == 0;
		json_array_foreach(json_object_get(g, "tests"), k, t)
		{
			bool ok = wycheproof_case(g, t);
			bool want = ours && strcmp(json_string_value(json_object_get(t, "result")), "valid") == 0;
			if (ok != want)
				fail_msg("tcId %d: %s", (int)json_integer_value(json_object_get(t, "tcId")),
				    json_string_value(json_object_get(t, "comment")));
			want ? valid++ : invalid++;
		}
	}
	json_decref(all);
	CHECK(valid >= 2 && invalid > 300);
}
