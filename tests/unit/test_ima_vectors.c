/* IMA lists that others made, with their right answers (the shared vectors, ima-keylime). Skipped when they are absent. */
#include "codec/json.h"
#include "support/imalists.h"

static uint8_t *
vector(const char *name, size_t *len)
{
	char path[512];
	const char *top = test_vectors();
	if (top == NULL) {
		skip();
		return NULL;
	}
	(void)snprintf(path, sizeof path, "%s/ima-keylime/%s", top, name);
	uint8_t *p = test_file(path, len);
	CHECK(p != NULL);
	return p;
}

/* Every entry: its template digest recomputes. What the signatures are, in a row; how many entries. */
struct found {
	enum ms_rc rc;
	unsigned n, state[4];
	struct ms_err err;
};

static struct found
check(struct ms_span list, const struct ms_ima_keyring *keys)
{
	struct found f = {.rc = MS_OK};
	MS_OWN(ms_imalist_fini) struct ms_imalist it = {.off = 0};
	MS_OWN(ms_ima_replay_free) struct ms_ima_replay *r = NULL;
	struct ms_ima_entry e;
	CHECK(ms_ima_replay_new(1u << MS_HASH_SHA256, &r, NULL) == MS_OK);
	f.rc = ms_imalist_init(&it, list, 0, &MS_IMA_CAPS_OFFLINE, &f.err);
	while (f.rc == MS_OK && !ms_imalist_done(&it)) {
		struct ms_ima_signed s;
		f.rc = ms_imalist_next(&it, &e, &f.err);
		if (f.rc == MS_OK)
			f.rc = ms_ima_replay_step(r, &e, &f.err);
		if (f.rc != MS_OK)
			break;
		ms_ima_signature_check(&e, keys, NULL, &s);
		f.state[s.state]++;
		f.n++;
	}
	return f;
}

static struct found
check_file(const char *name, const struct ms_ima_keyring *keys)
{
	size_t len = 0;
	uint8_t *p = vector(name, &len);
	struct found f = check(ms_span(p, len), keys);
	free(p);
	if (f.rc != MS_OK)
		print_error("%s: %s\n", name, f.err.text);
	return f;
}

static struct ms_ima_keyring *
rsa_key(void)
{
	struct ms_ima_keyring *ring = NULL;
	struct ms_err err;
	size_t len = 0;
	uint8_t *pem = vector("rsa2048pub.pem", &len);
	CHECK_OK(ms_ima_keyring_new(&ring, &err), &err);
	CHECK_OK(ms_ima_keyring_add(ring, ms_span(pem, len), &err), &err);
	free(pem);
	return ring;
}

MS_TEST(template_digests_of_keylime_lists_recompute)
{
	static const struct {
		const char *name;
		unsigned entries;
	} rows[] = {{"strings/MEASUREMENTS.txt", 3}, {"strings/SIGNATURES.txt", 2}, {"strings/COMBINED.txt", 5},
	    {"strings/KEYRINGS.txt", 1}, {"strings/BAD_SIGNATURES.txt", 1}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct found f = check_file(rows[i].name, NULL);
		CHECK_INT(f.rc, strstr(rows[i].name, "BAD") != NULL ? MS_ERR_AUTH : MS_OK);
		CHECK(f.rc != MS_OK || f.n >= rows[i].entries);
	}
}

MS_TEST(keylime_entries_that_are_none_are_refused)
{
	size_t len = 0;
	uint8_t *text = vector("ast-INVALID_ENTRIES.json", &len);
	json_t *all = NULL, *v;
	const char *key;
	CHECK(ms_json_parse(ms_span(text, len), 1u << 16, &all, NULL) == MS_OK);
	json_object_foreach(all, key, v)
	{
		struct found f = check(ms_span_str(json_string_value(v)), NULL);
		CHECK(f.rc == MS_ERR_MALFORMED || f.rc == MS_ERR_UNSUPPORTED);
	}
	CHECK_INT(json_object_size(all), 4);
	json_decref(all);
	free(text);
}

MS_TEST(the_rsa_signature_of_keylime_verifies_and_that_of_an_unknown_key_does_not)
{
	MS_OWN(ms_ima_keyring_free) struct ms_ima_keyring *ring = rsa_key();
	struct found f = check_file("strings/SIGNATURES.txt", ring);
	CHECK_INT(f.rc, MS_OK);
	CHECK_INT(f.state[MS_IMA_SIG_GOOD], 1);        /* /usr/bin/dd */
	CHECK_INT(f.state[MS_IMA_SIG_UNKNOWN_KEY], 1); /* /usr/bin/zmore, by secp256k1 */
	f = check_file("strings/SIGNATURES.txt", NULL);
	CHECK_INT(f.state[MS_IMA_SIG_UNKNOWN_KEY], 2);
}

/* The kernel's own ECDSA is on NIST curves: a secp256k1 key is refused, so its signatures are never good. */
MS_TEST(a_secp256k1_key_is_refused_as_not_taken)
{
	size_t len = 0;
	uint8_t *text = vector("strings/IMA_KEYRING_STRING.txt", &len);
	MS_OWN(ms_ima_keyring_free) struct ms_ima_keyring *ring = NULL;
	json_t *all = NULL;
	CHECK(ms_json_parse(ms_span(text, len), 1u << 16, &all, NULL) == MS_OK);
	CHECK(ms_ima_keyring_new(&ring, NULL) == MS_OK);
	json_t *keys = json_object_get(all, "pubkeys");
	for (size_t i = 0; i < 2; i++) {
		uint8_t der[600];
		size_t n = 0;
		struct ms_err err = {.rc = MS_OK};
		const char *base64 = json_string_value(json_array_get(keys, i));
		CHECK(ms_unbase64(base64, strlen(base64), der, sizeof der, &n) == MS_OK);
		CHECK_INT(ms_ima_keyring_add(ring, ms_span(der, n), &err), i == 0 ? MS_OK : MS_ERR_UNSUPPORTED);
	}
	CHECK_INT(ms_ima_keyring_count(ring), 1);
	json_decref(all);
	free(text);
}

MS_TEST(I6_no_bit_of_the_signed_entry_flips_and_stays_good)
{
	size_t len = 0;
	uint8_t *p = vector("strings/SIGNATURES.txt", &len);
	MS_OWN(ms_ima_keyring_free) struct ms_ima_keyring *ring = rsa_key();
	const uint8_t *end = memchr(p, '\n', len);
	size_t line = end == NULL ? len : (size_t)(end - p);
	CHECK_INT(check(ms_span(p, line), ring).state[MS_IMA_SIG_GOOD], 1);
	for (size_t bit = 0; bit < 8 * line; bit += 3) {
		p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		struct found f = check(ms_span(p, line), ring);
		CHECK(f.rc != MS_OK || f.state[MS_IMA_SIG_GOOD] == 0);
		p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	free(p);
}

MS_TEST(the_measured_keyring_of_keylime_is_a_claim_by_its_digest)
{
	size_t len = 0, from = 0;
	uint8_t *p = vector("strings/KEYRINGS.txt", &len);
	MS_OWN(ms_appraisal_free) struct ms_appraisal *a = NULL;
	struct ms_ima_evidence ev = ima_evidence(ms_span(p, len));
	struct ms_err err;
	char shown[200];
	CHECK(ms_appraisal_new(&a, NULL) == MS_OK);
	CHECK_OK(ms_ima_appraise(&ev, a, &err), &err);
	const struct ms_claim *c = ms_claims_next(a->claims, ms_span_str("ima.keyring"), &from);
	CHECK(c != NULL);
	ms_claim_text(c, shown, sizeof shown);
	assert_string_equal(shown, ".ima sha256:a7d52aaa18c23d2d9bb2abb4308c0eeee67387a42259f4a6b1a42257065f3d5a");
	free(p);
}

/* The template digests of the SM3 list are made up; what counts there is that each entry is read as what it is. */
MS_TEST(lists_of_every_file_hash_are_read_as_such)
{
	static const struct {
		const char *alg;
		uint8_t hash;
	} rows[] = {{"sha1", MS_IMA_HASH_SHA1}, {"sha256", MS_IMA_HASH_SHA256}, {"sha384", MS_IMA_HASH_SHA384},
	    {"sha512", MS_IMA_HASH_SHA512}, {"sm3_256", MS_IMA_HASH_SM3}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char name[96];
		size_t len = 0;
		struct ms_imalist it;
		struct ms_ima_entry e[2];
		struct ms_err err;
		(void)snprintf(name, sizeof name, "create-runtime-policy/ima-log-%s", rows[i].alg);
		uint8_t *log = vector(name, &len);
		CHECK_OK(ms_imalist_init(&it, ms_span(log, len), 0, &MS_IMA_CAPS_OFFLINE, &err), &err);
		CHECK_OK(ms_imalist_next(&it, &e[0], &err), &err);
		CHECK(ms_span_eq(e[0].path, ms_span_str("boot_aggregate")));
		CHECK_OK(ms_imalist_next(&it, &e[1], &err), &err);
		CHECK(!e[1].violation && ms_span_eq(e[1].path, ms_span_str("/data")));
		CHECK(e[1].digest.hash == rows[i].hash && e[1].digest.value.len == ms_ima_hash_len(rows[i].hash));
		CHECK(ms_imalist_done(&it));
		ms_imalist_fini(&it);
		free(log);
		CHECK_INT(rows[i].hash == MS_IMA_HASH_SM3 ? MS_OK : check_file(name, NULL).rc, MS_OK);
	}
}

MS_TEST(a_list_of_an_unknown_file_hash_is_refused_with_its_line)
{
	size_t len = 0;
	uint8_t *p = vector("create-runtime-policy/ima-log-unknown", &len);
	struct found f = check(ms_span(p, len), NULL);
	CHECK_INT(f.rc, MS_ERR_UNSUPPORTED);
	CHECK(strstr(f.err.text, "IMA entry 0 (line 1): digest of a hash that no kernel has") != NULL);
	free(p);
}
