#include <string.h>

#include "codec/cbor.h"
#include "crypto/cosesig.h"
#include "evidence/jointoken.h"
#include "support/forge.h"

enum { DEVICE = 21, REALM_DEVICE, OPERATOR, MACHINE, OTHER };

/* A token: tagged COSE_Sign1 of the claims, or what is wrong with that. */
static void
put_token(struct forge *f, struct ms_softkey *key, const struct ms_buf *claims, enum forge_wrong wrong, struct ms_buf *out)
{
	if (wrong == FORGE_CWT_TAG)
		ms_buf_put(out, "\xd8\x3d", 2);
	ms_buf_u8(out, wrong == FORGE_MAC ? 0xd1 : 0xd2);
	forge_cose(key, ms_buf_span(claims), wrong == FORGE_ALG_UNPROTECTED, out);
	if (f->anchor.len == 0)
		forge_cose_key(forge_key(DEVICE), &f->anchor);
}

static void
put_components(struct ms_buf *b, enum forge_wrong wrong)
{
	uint8_t hash[32];
	memset(hash, 0xc0, sizeof hash);
	ms_cbor_array(b, 2);
	for (unsigned i = 0; i < 2; i++) {
		hash[0] = (uint8_t)i;
		ms_cbor_map(b, wrong == FORGE_COMPONENT_NO_SIGNER ? 3 : 4);
		ms_cbor_uint(b, 1);
		ms_cbor_text(b, i == 0 ? "BL" : "M1");
		ms_cbor_uint(b, 2);
		ms_cbor_bytes(b, ms_span(hash, wrong == FORGE_COMPONENT_SHORT ? 31 : 32));
		ms_cbor_uint(b, 4);
		ms_cbor_text(b, "3.4.2");
		if (wrong != FORGE_COMPONENT_NO_SIGNER) {
			ms_cbor_uint(b, 5);
			ms_cbor_bytes(b, ms_span(hash, 32));
		}
	}
}

struct keys {
	int64_t nonce, instance, profile, client, lifecycle, implementation, seed, certification, components, service;
};
static const struct keys keys_2 = {10, 256, 265, 2394, 2395, 2396, 2397, 2398, 2399, 2400};
static const struct keys keys_1 = {-75008, -75009, -75000, -75001, -75002, -75003, -75004, -75005, -75006, -75010};

static uint64_t
lifecycle_of(enum forge_wrong wrong)
{
	return wrong == FORGE_LIFECYCLE_DEBUG ? 0x4000 : wrong == FORGE_LIFECYCLE_BAD ? 0x3100 : 0x3001;
}

static void
put_bytes(struct ms_buf *b, int64_t key, uint8_t fill, size_t len)
{
	uint8_t v[64];
	memset(v, fill, sizeof v);
	ms_cbor_int(b, key);
	ms_cbor_bytes(b, ms_span(v, len));
}

static void
put_text(struct ms_buf *b, int64_t key, const char *text)
{
	ms_cbor_int(b, key);
	ms_cbor_text(b, text);
}

static void
put_uint(struct ms_buf *b, int64_t key, uint64_t v)
{
	ms_cbor_int(b, key);
	ms_cbor_uint(b, v);
}

void
forge_psa(struct forge *f, enum forge_wrong wrong)
{
	bool old = wrong == FORGE_OLD_PROFILE || wrong == FORGE_NO_MEASUREMENTS;
	const struct keys *k = old ? &keys_1 : &keys_2;
	MS_OWN(ms_buf_fini) struct ms_buf b;
	ms_buf_init(&b, 8192);
	forge_start(f, "psa", 32);
	ms_buf_u8(&b, 0xbf); /* in no order, of no length given: as others write it */
	if (wrong != FORGE_NO_NONCE) {
		ms_cbor_int(&b, k->nonce);
		ms_cbor_bytes(&b, ms_span(f->nonce, wrong == FORGE_NONCE_LENGTH ? 31 : 32));
	}
	put_bytes(&b, k->instance, wrong == FORGE_INSTANCE_TYPE ? 2 : 1, wrong == FORGE_INSTANCE_LENGTH ? 32 : 33);
	put_text(&b, k->profile,
	    old                      ? "PSA_IOT_PROFILE_1"
	    : wrong == FORGE_PROFILE ? "tag:example.com,2023:x"
				     : "tag:psacertified.org,2023:psa#tfm");
	ms_cbor_int(&b, k->client);
	ms_cbor_int(&b, -3);
	put_uint(&b, k->lifecycle, lifecycle_of(wrong));
	if (wrong != FORGE_NO_IMPLEMENTATION)
		put_bytes(&b, k->implementation, 0x77, 32);
	put_bytes(&b, k->seed, 0x88, 32);
	put_text(&b, k->certification, "1234567890123-12345");
	if (wrong == FORGE_NO_MEASUREMENTS) {
		put_uint(&b, -75007, 1);
	} else if (wrong != FORGE_NO_COMPONENTS) {
		ms_cbor_int(&b, k->components);
		put_components(&b, wrong);
	}
	put_text(&b, k->service, "https://example.com/verify");
	if (wrong == FORGE_CLAIM_TWICE)
		put_text(&b, k->service, "https://example.com/other");
	ms_buf_u8(&b, 0xff);
	put_token(f, forge_key(DEVICE), &b, wrong, &f->evidence);
	forge_done(f);
}

static void
put_platform(struct forge *f, struct ms_span realm_key, enum forge_wrong wrong, struct ms_buf *out)
{
	uint8_t hash[32];
	MS_OWN(ms_buf_fini) struct ms_buf b;
	ms_buf_init(&b, 8192);
	ms_sha256(realm_key, hash);
	hash[5] ^= wrong == FORGE_REALM_OTHER_KEY;
	ms_buf_u8(&b, 0xbf);
	ms_cbor_int(&b, 10);
	ms_cbor_bytes(&b, ms_span(hash, 32));
	put_bytes(&b, 256, wrong == FORGE_INSTANCE_TYPE ? 2 : 1, 33);
	put_text(&b, 265, wrong == FORGE_PROFILE ? "http://example.com" : "tag:arm.com,2023:cca_platform#1.0.0");
	put_uint(&b, 2395, lifecycle_of(wrong));
	if (wrong != FORGE_NO_IMPLEMENTATION)
		put_bytes(&b, 2396, 0x77, 32);
	if (wrong != FORGE_NO_COMPONENTS) {
		ms_cbor_int(&b, 2399);
		put_components(&b, wrong);
	}
	put_bytes(&b, 2401, 0xcf, 4);
	put_text(&b, 2402, "sha-256");
	ms_buf_u8(&b, 0xff);
	MS_OWN(ms_buf_fini) struct ms_buf token;
	ms_buf_init(&token, 8192);
	put_token(f, forge_key(DEVICE), &b, wrong, &token);
	ms_cbor_uint(out, 44234);
	ms_cbor_bytes(out, ms_buf_span(&token));
}

static void
put_realm(struct forge *f, struct ms_span realm_key, enum forge_wrong wrong, struct ms_buf *out)
{
	uint8_t challenge[64] = {0};
	MS_OWN(ms_buf_fini) struct ms_buf b, token;
	ms_buf_init(&b, 8192);
	ms_buf_init(&token, 8192);
	memcpy(challenge, f->nonce, f->nonce_len);
	ms_buf_u8(&b, 0xbf);
	ms_cbor_int(&b, 10);
	ms_cbor_bytes(&b, ms_span(challenge, wrong == FORGE_NONCE_LENGTH ? 63 : 64));
	put_bytes(&b, 44235, 0, 64);
	put_text(&b, 44236, "sha-256");
	ms_cbor_int(&b, 44237);
	ms_cbor_bytes(&b, realm_key);
	put_bytes(&b, 44238, 0x99, 32);
	ms_cbor_int(&b, 44239);
	ms_cbor_array(&b, wrong == FORGE_REALM_REGISTERS ? 17 : 2);
	for (int i = 0; i < (wrong == FORGE_REALM_REGISTERS ? 17 : 2); i++) {
		uint8_t v[32];
		memset(v, i, sizeof v);
		ms_cbor_bytes(&b, ms_span(v, sizeof v));
	}
	put_text(&b, 44240, "sha-256");
	ms_buf_u8(&b, 0xff);
	ms_buf_u8(&token, 0xd2);
	forge_cose(forge_key(wrong == FORGE_REALM_SIGNATURE ? OTHER : REALM_DEVICE), ms_buf_span(&b), false, &token);
	ms_cbor_uint(out, 44241);
	ms_cbor_bytes(out, ms_buf_span(&token));
}

void
forge_cca(struct forge *f, enum forge_wrong wrong)
{
	MS_OWN(ms_buf_fini) struct ms_buf key;
	ms_buf_init(&key, 200);
	forge_start(f, "cca", 32);
	forge_cose_key(forge_key(REALM_DEVICE), &key);
	ms_buf_put(&f->evidence, "\xd9\x01\x8f", 3);
	ms_cbor_map(&f->evidence, wrong == FORGE_NO_REALM ? 1 : 2);
	put_platform(f, ms_buf_span(&key), wrong, &f->evidence);
	if (wrong != FORGE_NO_REALM)
		put_realm(f, ms_buf_span(&key), wrong, &f->evidence);
	forge_done(f);
}

void
forge_eat(struct forge *f, enum forge_wrong wrong)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	ms_buf_init(&b, 8192);
	forge_start(f, "eat", 16);
	ms_buf_u8(&b, 0xbf);
	put_text(&b, 1, "https://issuer.example");
	put_text(&b, 2, "a device");
	if (wrong == FORGE_TIME_TEXT)
		put_text(&b, 4, "tomorrow");
	else
		put_uint(&b, 4, wrong == FORGE_EXPIRES ? FORGE_NOW : FORGE_NOW + 1);
	put_uint(&b, 5, wrong == FORGE_NOT_BEFORE ? FORGE_NOW + 1 : FORGE_NOW);
	put_uint(&b, 6, FORGE_NOW - 5);
	if (wrong != FORGE_NO_NONCE) {
		ms_cbor_int(&b, 10);
		if (wrong == FORGE_NONCE_LIST) {
			ms_cbor_array(&b, 2);
			ms_cbor_bytes(&b, ms_span_str("another nonce"));
		}
		ms_cbor_bytes(&b, ms_span(f->nonce, f->nonce_len));
	}
	put_bytes(&b, 256, 1, wrong == FORGE_INSTANCE_LENGTH ? 34 : 17);
	put_uint(&b, 258, 76543);
	put_bytes(&b, 259, 5, 8);
	ms_buf_put(&b, "\x19\x01\x04\x82\x63\x31\x2e\x32\x01", 9); /* 260: ["1.2", 1] */
	put_uint(&b, 261, 1000);
	ms_cbor_int(&b, 262);
	ms_cbor_bool(&b, true);
	put_uint(&b, 263, wrong == FORGE_DEBUG ? 0 : wrong == FORGE_MODE_UNKNOWN ? 5 : 3);
	put_text(&b, 265, "https://example.com/profile");
	put_uint(&b, 267, 12);
	put_bytes(&b, 268, 0x55, 32);
	put_text(&b, 270, "firmware");
	ms_buf_put(&b, "\x19\x01\x0f\x81\x63\x33\x2e\x34", 8); /* 271: ["3.4"] */
	put_text(&b, 9999, "not known here");
	ms_buf_u8(&b, 0xff);
	put_token(f, forge_key(DEVICE), &b, wrong, &f->evidence);
	forge_done(f);
}

/* The proof that was made for another token, beside this one. */
static void
swap_proof(struct forge *f, struct ms_span token)
{
	struct forge other;
	forge_join(&other, FORGE_PINNED);
	struct ms_cbor c = ms_cbor_over(ms_buf_span(&other.evidence));
	struct ms_span part[3];
	(void)ms_cbor_read_map(&c);
	for (size_t i = 0; i < 3; i++) {
		ms_cbor_skip(&c);
		part[i] = ms_cbor_read_bytes(&c);
	}
	ms_buf_reset(&f->evidence);
	ms_cbor_map(&f->evidence, 3);
	for (size_t i = 0; i < 3; i++) {
		ms_cbor_uint(&f->evidence, i + 1);
		ms_cbor_bytes(&f->evidence, i == 0 ? token : part[i]);
	}
	forge_fini(&other);
}

void
forge_join(struct forge *f, enum forge_wrong wrong)
{
	static const uint8_t deployment[16] = {1, 2, 3};
	struct ms_signer signer = ms_softkey_signer(forge_key(wrong == FORGE_OTHER_OPERATOR ? OTHER : OPERATOR));
	struct ms_signer machine = ms_softkey_signer(forge_key(MACHINE));
	struct ms_jointoken t = {.deployment = deployment,
	    .tenant = "default",
	    .id = {9, 9, 9},
	    .model = ms_span_str("m1"),
	    .serial = ms_span_str("S-1"),
	    .issued_s = wrong == FORGE_NOT_YET ? FORGE_NOW + 1000 : FORGE_NOW - 1000,
	    .expires_s = wrong == FORGE_EXPIRES ? FORGE_NOW - 400 : FORGE_NOW + 2000};
	MS_OWN(ms_buf_fini) struct ms_buf token;
	ms_buf_init(&token, 8192);
	forge_start(f, "join-token", 32);
	if (wrong == FORGE_PINNED || wrong == FORGE_PINNED_OTHER)
		t.key_id = ms_pubkey_id(ms_softkey_public(forge_key(wrong == FORGE_PINNED ? MACHINE : OTHER)));
	enum ms_rc rc = ms_jointoken_build(&signer, &t, &token, NULL);
	if (wrong == FORGE_KIND) { /* signed by the operator, but another kind of statement */
		struct ms_statement_fields s = {.kind = "operation",
		    .deployment = deployment,
		    .audience = MS_JOINTOKEN_AUDIENCE,
		    .tenant = "default",
		    .issued_s = FORGE_NOW - 1,
		    .expires_s = FORGE_NOW + 100,
		    .body = ms_span("\xa0", 1)};
		ms_buf_reset(&token);
		rc = ms_statement_sign(&signer, &s, &token, NULL);
	}
	if (rc == MS_OK)
		rc = ms_jointoken_show(ms_buf_span(&token), ms_span(f->nonce, f->nonce_len), &machine, &f->evidence, NULL);
	if (rc == MS_OK && wrong == FORGE_OTHER_TOKEN)
		swap_proof(f, ms_buf_span(&token));
	ms_buf_put_span(&f->anchor, ms_pubkey_spki(ms_softkey_public(forge_key(OPERATOR))));
	if (rc != MS_OK)
		f->evidence.bad = true;
	forge_done(f);
}
