/* Who signed a measured file: signatures of version 2 and 3, keys of every form, keys that the list itself measured. Vectors of
 * another verifier are in test_ima_vectors.c. */
#include "codec/der.h"
#include "crypto/key.h"
#include "support/imalists.h"

struct scene {
	struct ms_softkey *key;
	struct ms_ima_keyring *ring;
	uint8_t id[4]; /* as a signature names the key */
	uint8_t digest[32];
};

static void
scene_fini(struct scene *s)
{
	ms_softkey_free(s->key);
	ms_ima_keyring_free(s->ring);
}
MS_CLEANUP_FINI(struct scene, scene_fini)

static const struct ms_pubkey *
public_of(const struct scene *s)
{
	return ms_softkey_signer(s->key).pub;
}

static void
scene_init(struct scene *s)
{
	struct ms_err err;
	uint8_t hash[20];
	*s = (struct scene){.digest = {1, 2, 3}};
	CHECK_OK(ms_softkey_generate(MS_KEY_P256, &s->key, &err), &err);
	CHECK_OK(ms_ima_keyring_new(&s->ring, &err), &err);
	CHECK_OK(ms_ima_keyring_add(s->ring, ms_pubkey_spki(public_of(s)), &err), &err);
	struct ms_span point = ms_pubkey_point(public_of(s));
	ms_hashv(MS_HASH_SHA1, &point, 1, hash);
	memcpy(s->id, hash + 16, 4);
}

/* security.ima: header and DER signature of a digest. */
static void
put_signature(struct scene *s, struct ms_buf *out, const uint8_t head[static 3], const uint8_t digest[static 32])
{
	uint8_t raw[64];
	MS_OWN(ms_buf_fini) struct ms_buf der;
	ms_buf_init(&der, MS_DER_ECDSA_MAX);
	CHECK(ms_softkey_sign_digest(s->key, digest, raw, NULL) == MS_OK);
	CHECK(ms_der_ecdsa_build(raw, &der, NULL) == MS_OK);
	ms_buf_init(out, 256);
	ms_buf_put(out, head, 3);
	ms_buf_put(out, s->id, 4);
	ms_buf_u16(out, (uint16_t)der.len);
	ms_buf_put_span(out, ms_buf_span(&der));
}

static struct ms_ima_entry
entry_with(const struct scene *s, const struct ms_buf *sig)
{
	return (struct ms_ima_entry){.template = MS_IMA_TEMPLATE_SIG,
	    .digest = {.value = ms_span(s->digest, 32), .hash = MS_IMA_HASH_SHA256},
	    .path = ms_span_str("/bin/sh"),
	    .signature = ms_buf_span(sig)};
}

static enum ms_ima_signature
state_of(const struct ms_ima_entry *e, const struct ms_ima_keyring *keys)
{
	struct ms_ima_signed s;
	ms_ima_signature_check(e, keys, NULL, &s);
	CHECK((s.why == NULL) == (s.state == MS_IMA_SIG_GOOD || s.state == MS_IMA_SIG_NONE));
	return s.state;
}

static const uint8_t v2[3] = {3, 2, MS_IMA_HASH_SHA256};

MS_TEST(a_signature_over_the_digest_is_good_and_names_its_key)
{
	MS_OWN(scene_fini) struct scene s;
	MS_OWN(ms_buf_fini) struct ms_buf sig;
	struct ms_ima_signed r;
	scene_init(&s);
	put_signature(&s, &sig, v2, s.digest);
	struct ms_ima_entry e = entry_with(&s, &sig);
	ms_ima_signature_check(&e, s.ring, NULL, &r);
	CHECK_INT(r.state, MS_IMA_SIG_GOOD);
	CHECK(r.key_id.len == 32 && memcmp(r.key_id.p, ms_pubkey_id(public_of(&s)), 32) == 0);
	CHECK(memcmp(r.short_id, s.id, 4) == 0 && !r.measured);
	e.signature = MS_SPAN_NONE;
	CHECK_INT(state_of(&e, s.ring), MS_IMA_SIG_NONE);
}

MS_TEST(I6_no_signature_with_a_bit_flipped_is_good)
{
	MS_OWN(scene_fini) struct scene s;
	MS_OWN(ms_buf_fini) struct ms_buf sig;
	scene_init(&s);
	put_signature(&s, &sig, v2, s.digest);
	struct ms_ima_entry e = entry_with(&s, &sig);
	for (size_t bit = 0; bit < sig.len * 8; bit++) {
		sig.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		CHECK(state_of(&e, s.ring) != MS_IMA_SIG_GOOD);
		sig.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t n = 1; n < sig.len; n++) {
		e.signature.len = n;
		CHECK_INT(state_of(&e, s.ring), MS_IMA_SIG_BAD);
	}
}

MS_TEST(I6_a_signature_of_another_digest_is_bad)
{
	MS_OWN(scene_fini) struct scene s;
	MS_OWN(ms_buf_fini) struct ms_buf sig;
	scene_init(&s);
	put_signature(&s, &sig, v2, s.digest);
	struct ms_ima_entry e = entry_with(&s, &sig);
	s.digest[31] ^= 1;
	CHECK_INT(state_of(&e, s.ring), MS_IMA_SIG_BAD);
	s.digest[31] ^= 1;
	e.digest.hash = MS_IMA_HASH_SM3; /* the same bytes as a digest of another hash */
	CHECK_INT(state_of(&e, s.ring), MS_IMA_SIG_BAD);
	e.digest.hash = MS_IMA_HASH_SHA256;
	e.digest.type = MS_IMA_DIGEST_VERITY; /* a file signature for a Merkle tree's digest */
	CHECK_INT(state_of(&e, s.ring), MS_IMA_SIG_BAD);
	e.digest.type = MS_IMA_DIGEST_IMA;
	CHECK_INT(state_of(&e, s.ring), MS_IMA_SIG_GOOD);
	e.violation = true;
	CHECK_INT(state_of(&e, s.ring), MS_IMA_SIG_UNKNOWN_KEY);
}

MS_TEST(a_signature_by_a_key_that_is_not_there_is_of_an_unknown_key)
{
	MS_OWN(scene_fini) struct scene s, other;
	MS_OWN(ms_buf_fini) struct ms_buf sig;
	scene_init(&s);
	scene_init(&other);
	put_signature(&s, &sig, v2, s.digest);
	struct ms_ima_entry e = entry_with(&s, &sig);
	CHECK_INT(state_of(&e, other.ring), MS_IMA_SIG_UNKNOWN_KEY);
	CHECK_INT(state_of(&e, NULL), MS_IMA_SIG_UNKNOWN_KEY);
	memcpy(sig.p + 3, other.id, 4); /* claims to be by a key that is there */
	CHECK_INT(state_of(&e, other.ring), MS_IMA_SIG_BAD);
}

MS_TEST(forms_of_signature_that_cannot_be_checked_say_so)
{
	static const uint8_t heads[][3] = {{5, 2, 4}, {3, 1, 4}, {3, 9, 4}, {6, 2, 4}, {9, 2, 4}, {3, 2, 2}, {3, 2, 17}, {3, 2, 200}};
	MS_OWN(scene_fini) struct scene s;
	scene_init(&s);
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
		MS_OWN(ms_buf_fini) struct ms_buf sig;
		put_signature(&s, &sig, heads[i], s.digest);
		struct ms_ima_entry e = entry_with(&s, &sig);
		CHECK_INT(state_of(&e, s.ring), MS_IMA_SIG_UNKNOWN_KEY);
	}
}

/* struct ima_file_id: type, hash, digest. */
static void
file_id_digest(uint8_t type, const struct scene *s, uint8_t out[static 32])
{
	const uint8_t head[] = {type, MS_IMA_HASH_SHA256};
	const struct ms_span parts[] = {{head, 2}, {s->digest, 32}};
	ms_sha256v(parts, 2, out);
}

MS_TEST(signatures_of_version_3_are_over_what_kind_of_digest_it_is_as_well)
{
	static const uint8_t verity[3] = {6, 3, 4}, file[3] = {3, 3, 4};
	MS_OWN(scene_fini) struct scene s;
	MS_OWN(ms_buf_fini) struct ms_buf of_tree, of_file, plain;
	uint8_t digest[32];
	scene_init(&s);
	file_id_digest(6, &s, digest);
	put_signature(&s, &of_tree, verity, digest);
	struct ms_ima_entry e = entry_with(&s, &of_tree);
	e.digest.type = MS_IMA_DIGEST_VERITY;
	CHECK_INT(state_of(&e, s.ring), MS_IMA_SIG_GOOD);
	e.digest.type = MS_IMA_DIGEST_IMA;
	CHECK_INT(state_of(&e, s.ring), MS_IMA_SIG_BAD);
	of_tree.p[0] = 3; /* the same signature as one of a file */
	CHECK_INT(state_of(&e, s.ring), MS_IMA_SIG_BAD);
	file_id_digest(3, &s, digest);
	put_signature(&s, &of_file, file, digest);
	e.signature = ms_buf_span(&of_file);
	CHECK_INT(state_of(&e, s.ring), MS_IMA_SIG_GOOD);
	put_signature(&s, &plain, file, s.digest); /* version 3 in name only */
	e.signature = ms_buf_span(&plain);
	CHECK_INT(state_of(&e, s.ring), MS_IMA_SIG_BAD);
}

/* ---- keyrings ---- */

/* A certificate with nothing in it but what a keyring reads; its signature is of nobody. */
static void
put_certificate(struct ms_buf *b, const struct ms_pubkey *pub, const uint8_t skid[static 20])
{
	ms_buf_init(b, 4096);
	size_t cert = ms_der_open(b, MS_DER_SEQUENCE), tbs = ms_der_open(b, MS_DER_SEQUENCE);
	size_t version = ms_der_open(b, MS_DER_CONTEXT_CONSTRUCTED(0));
	ms_der_put_uint(b, 2);
	ms_der_close(b, version);
	ms_der_put_uint(b, 1);
	for (int i = 0; i < 4; i++) /* algorithm, issuer, validity, subject */
		ms_der_put(b, MS_DER_SEQUENCE, MS_SPAN_NONE);
	ms_buf_put_span(b, ms_pubkey_spki(pub));
	size_t ext3 = ms_der_open(b, MS_DER_CONTEXT_CONSTRUCTED(3)), list = ms_der_open(b, MS_DER_SEQUENCE);
	size_t ext = ms_der_open(b, MS_DER_SEQUENCE);
	ms_der_put_oid(b, MS_OID_EXT_SUBJECT_KEY_ID);
	size_t value = ms_der_open(b, MS_DER_OCTET_STRING);
	ms_der_put_octets(b, ms_span(skid, 20));
	ms_der_close(b, value);
	ms_der_close(b, ext);
	ms_der_close(b, list);
	ms_der_close(b, ext3);
	ms_der_close(b, tbs);
	ms_der_put(b, MS_DER_SEQUENCE, MS_SPAN_NONE);
	ms_der_put_bits(b, ms_span("x", 1));
	ms_der_close(b, cert);
	CHECK(ms_buf_check(b, NULL) == MS_OK);
}

MS_TEST(a_key_of_a_certificate_is_named_by_its_subject_key_identifier)
{
	static const uint8_t skid[20] = {[16] = 0xde, 0xad, 0xbe, 0xef};
	MS_OWN(scene_fini) struct scene s;
	MS_OWN(ms_buf_fini) struct ms_buf cert, sig;
	MS_OWN(ms_ima_keyring_free) struct ms_ima_keyring *ring = NULL;
	struct ms_err err;
	scene_init(&s);
	put_certificate(&cert, public_of(&s), skid);
	CHECK_OK(ms_ima_keyring_new(&ring, &err), &err);
	CHECK_OK(ms_ima_keyring_add(ring, ms_buf_span(&cert), &err), &err);
	put_signature(&s, &sig, v2, s.digest);
	struct ms_ima_entry e = entry_with(&s, &sig);
	CHECK_INT(state_of(&e, ring), MS_IMA_SIG_GOOD); /* by the hash of the key */
	memcpy(sig.p + 3, skid + 16, 4);
	CHECK_INT(state_of(&e, ring), MS_IMA_SIG_GOOD); /* by the certificate's name for it */
	CHECK_INT(state_of(&e, s.ring), MS_IMA_SIG_UNKNOWN_KEY);
	for (size_t n = 0; n < cert.len; n++) /* every prefix */
		CHECK(ms_ima_keyring_add(ring, ms_span(cert.p, n), NULL) != MS_OK);
	CHECK_INT(ms_ima_keyring_count(ring), 1);
}

static void
put_pem(struct ms_buf *b, const char *label, struct ms_span der)
{
	char text[MS_BASE64_LEN(600) + 1];
	CHECK(der.len <= 600);
	ms_base64(der.p, der.len, text);
	ms_buf_fmt(b, "-----BEGIN %s-----\n%.64s\n%s\n-----END %s-----\n", label, text, strlen(text) > 64 ? text + 64 : "", label);
}

MS_TEST(a_pem_file_gives_all_its_keys_or_none)
{
	MS_OWN(scene_fini) struct scene s, t;
	MS_OWN(ms_buf_fini) struct ms_buf pem;
	struct ms_err err;
	scene_init(&s);
	scene_init(&t);
	ms_buf_init(&pem, 8192);
	ms_buf_str(&pem, "two keys:\n");
	put_pem(&pem, "PUBLIC KEY", ms_pubkey_spki(public_of(&s)));
	put_pem(&pem, "PUBLIC KEY", ms_pubkey_spki(public_of(&t)));
	CHECK_OK(ms_ima_keyring_add(s.ring, ms_buf_span(&pem), &err), &err);
	CHECK_INT(ms_ima_keyring_count(s.ring), 3);
	put_pem(&pem, "PRIVATE KEY", ms_span("secret", 6));
	CHECK_INT(ms_ima_keyring_add(s.ring, ms_buf_span(&pem), &err), MS_ERR_USAGE);
	CHECK(strstr(err.text, "private key") != NULL);
	CHECK_INT(ms_ima_keyring_count(s.ring), 3);
	static const char *const bad[] = {"", "x", "-----BEGIN X-----", "-----BEGIN PUBLIC KEY-----\nAA=A\n-----END PUBLIC KEY-----",
	    "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----", "-----BEGIN -----END ", "-----BEGIN A-----END "};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK_INT(ms_ima_keyring_add(s.ring, ms_span_str(bad[i]), NULL), MS_ERR_MALFORMED);
}

MS_TEST(keys_that_are_too_weak_or_of_other_kinds_are_refused_as_such)
{
	MS_OWN(scene_fini) struct scene s;
	MS_OWN(ms_buf_fini) struct ms_buf spki;
	uint8_t modulus[128];
	struct ms_err err;
	scene_init(&s);
	memset(modulus, 0xff, sizeof modulus);
	ms_buf_init(&spki, 600);
	ms_der_spki_rsa(&spki, ms_span(modulus, sizeof modulus), 65537);
	CHECK_INT(ms_ima_keyring_add(s.ring, ms_buf_span(&spki), &err), MS_ERR_UNSUPPORTED);
	CHECK(strstr(err.text, "1024") != NULL || strstr(err.text, "128 bytes") != NULL);
}

MS_TEST(I10_a_keyring_has_room_for_so_many_keys_and_no_more)
{
	MS_OWN(scene_fini) struct scene s;
	struct ms_err err;
	scene_init(&s);
	while (ms_ima_keyring_count(s.ring) < MS_IMA_KEYS_MAX)
		CHECK_OK(ms_ima_keyring_add(s.ring, ms_pubkey_spki(public_of(&s)), &err), &err);
	CHECK_INT(ms_ima_keyring_add(s.ring, ms_pubkey_spki(public_of(&s)), &err), MS_ERR_TOO_BIG);
}

/* ---- keys that the list itself measured ---- */

static void
put_measured_key(struct ms_buf *list, struct ms_span key)
{
	uint8_t digest[32];
	ms_sha256(key, digest);
	ima_put(list, &(struct ima_entry){.template = "ima-buf", .digest = ms_span(digest, 32), .path = ms_span_str(".ima"), .last = key});
}

static struct ms_appraisal *
appraise(const struct ms_buf *list, const struct ms_ima_keyring *keys)
{
	struct ms_appraisal *a = NULL;
	struct ms_err err;
	struct ms_ima_evidence ev = ima_evidence(ms_buf_span(list));
	ev.keys = keys;
	CHECK(ms_appraisal_new(&a, NULL) == MS_OK);
	CHECK_OK(ms_ima_appraise(&ev, a, &err), &err);
	return a;
}

static bool
has_claim(const struct ms_appraisal *a, const char *name, struct ms_span bytes)
{
	size_t from = 0;
	const struct ms_claim *c;
	while ((c = ms_claims_next(a->claims, ms_span_str(name), &from)) != NULL)
		if (ms_span_eq(c->bytes, bytes))
			return true;
	return false;
}

MS_TEST(a_measured_key_verifies_what_comes_after_it_and_is_marked_as_such)
{
	MS_OWN(scene_fini) struct scene s;
	MS_OWN(ms_buf_fini) struct ms_buf list, sig;
	scene_init(&s);
	put_signature(&s, &sig, v2, s.digest);
	struct ima_entry file = {.digest = ms_span(s.digest, 32), .path = ms_span_str("/bin/sh"), .last = ms_buf_span(&sig)};
	struct ms_span id = ms_span(ms_pubkey_id(public_of(&s)), 32);
	ms_buf_init(&list, 1u << 16);
	ima_put(&list, &file); /* before the key */
	put_measured_key(&list, ms_pubkey_spki(public_of(&s)));
	ima_put(&list, &file);
	MS_OWN(ms_appraisal_free) struct ms_appraisal *a = appraise(&list, NULL);
	CHECK_INT(a->file[0].signature, MS_IMA_SIG_UNKNOWN_KEY);
	CHECK(ms_span_eq(a->file[0].key_id, ms_span(s.id, 4)));
	CHECK_INT(a->file[2].signature, MS_IMA_SIG_GOOD);
	CHECK(ms_span_eq(a->file[2].key_id, id));
	CHECK(has_claim(a, "ima.signer-measured", id) && !has_claim(a, "ima.signer", id));
	MS_OWN(ms_appraisal_free) struct ms_appraisal *b = appraise(&list, s.ring); /* the operator's word comes first */
	CHECK(has_claim(b, "ima.signer", id) && !has_claim(b, "ima.signer-measured", id));
	CHECK_INT(b->file[0].signature, MS_IMA_SIG_GOOD);
}

MS_TEST(a_measured_buffer_that_is_no_key_verifies_nothing_and_refuses_nothing)
{
	MS_OWN(scene_fini) struct scene s;
	MS_OWN(ms_buf_fini) struct ms_buf list;
	ms_buf_init(&list, 1u << 20);
	scene_init(&s);
	put_measured_key(&list, ms_span_str("0junk"));
	for (unsigned i = 0; i < MS_IMA_KEYS_MAX + 2; i++) /* more keys than a ring has room for */
		put_measured_key(&list, ms_pubkey_spki(public_of(&s)));
	MS_OWN(ms_appraisal_free) struct ms_appraisal *a = appraise(&list, NULL);
	CHECK_INT(a->ima.n, MS_IMA_KEYS_MAX + 3);
}
