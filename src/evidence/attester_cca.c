/* Arm CCA attestation tokens (draft-ffm-rats-cca-token): a platform token and a realm token. The platform signs a hash of the
 * realm's key as its challenge; the realm's key signs the realm token, whose challenge is the nonce. */
#include <stdio.h>
#include <string.h>

#include "crypto/cosesig_any.h"
#include "evidence/attester_token.h"

enum { TAG_CCA = 399, TAG_CCA_OLD = 907, PLATFORM = 44234, REALM = 44241 };
enum { REALM_PERSONALIZATION = 44235, REALM_HASH, REALM_KEY, REALM_INITIAL, REALM_MEASUREMENTS, REALM_KEY_HASH };
#define REGISTERS_MAX 16u

static const char *const platform_profiles[] = {"http://arm.com/CCA-SSD/1.0.0", "tag:arm.com,2023:cca_platform#1.0.0"};

static enum ms_rc
open_part(
    const struct ms_any *collection, int64_t key, const char *what, struct ms_token *ret, enum ms_attester_reason *why, struct ms_err *err)
{
	struct ms_any a;
	struct ms_span bytes;
	if (!ms_any_get(collection, key, &a) || !ms_any_is_bytes(&a, &bytes))
		return ms_attester_refuse(why, MS_ATTESTER_MALFORMED, err, "no %s token in it", what);
	return ms_token_parse(bytes, ret, why, err);
}

static bool
hash_named(struct ms_span name, enum ms_hash *ret)
{
	static const char *const names[] = {[MS_HASH_SHA256] = "sha-256", [MS_HASH_SHA384] = "sha-384", [MS_HASH_SHA512] = "sha-512"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (ms_span_eq(name, ms_span_str(names[i]))) {
			*ret = (enum ms_hash)i;
			return true;
		}
	return false;
}

/* The realm's key: a raw point on P-384, or a COSE_Key (later drafts). */
static enum ms_rc
realm_key(struct ms_span raw, struct ms_pubkey **ret, struct ms_err *err)
{
	struct ms_any map;
	if (raw.len == MS_POINT384_LEN && raw.p[0] == 0x04)
		return ms_pubkey_from_point384(raw.p, ret, err);
	enum ms_rc rc = ms_any_parse(raw, &map, err);
	return rc == MS_OK ? ms_pubkey_from_cose(&map, ret, err) : rc;
}

/* The realm token is signed by the key in it, and the platform vouches for that key. */
static enum ms_rc
check_binding(
    const struct ms_token *platform, const struct ms_token *realm, struct ms_findings *f, enum ms_attester_reason *why, struct ms_err *err)
{
	struct ms_any raw, alg, challenge;
	struct ms_span key_bytes, alg_name, bound;
	enum ms_hash hash;
	uint8_t digest[MS_HASH_LEN_MAX];
	MS_OWN(ms_pubkey_free) struct ms_pubkey *key = NULL;
	if (!ms_any_get(&realm->claims, REALM_KEY, &raw) || !ms_any_is_bytes(&raw, &key_bytes) ||
	    !ms_any_get(&realm->claims, REALM_KEY_HASH, &alg) || !ms_any_is_text(&alg, &alg_name) || !hash_named(alg_name, &hash))
		return ms_attester_refuse(why, MS_ATTESTER_CLAIM_INVALID, err, "the realm token has no key, or no hash algorithm for it");
	ms_hashv(hash, &key_bytes, 1, digest);
	if (!ms_any_get(&platform->claims, MS_EAT_NONCE, &challenge) || !ms_any_is_bytes(&challenge, &bound) ||
	    bound.len != ms_hash_len(hash) || !ms_ct_eq(bound.p, digest, bound.len))
		return ms_attester_refuse(why, MS_ATTESTER_BROKEN_BINDING, err, "the platform token was made for another realm's key");
	enum ms_rc rc = realm_key(key_bytes, &key, err);
	if (rc != MS_OK)
		return ms_attester_refuse_rc(why, MS_ATTESTER_UNSUPPORTED, rc, err);
	rc = ms_cose_any_verify(&realm->cose, key, MS_SPAN_NONE, err);
	if (rc != MS_OK)
		return ms_attester_refuse_rc(why, MS_ATTESTER_BAD_SIGNATURE, rc, err);
	ms_find_bytes(f, "cca.realm.key", bound);
	return MS_OK;
}

static void
find_platform(struct ms_token_reader *r, enum ms_assurance *assurance)
{
	static const struct ms_component_names names = {
	    "cca.platform.component", "cca.platform.component-signer", "cca.platform.component-version"};
	uint64_t v;
	bool secured = false;
	struct ms_span id = ms_token_bytes(r, MS_EAT_UEID, "cca.platform.instance-id", MS_TOKEN_REQUIRED, 33, 33);
	if (id.len > 0 && id.p[0] != 0x01)
		r->bad = "cca.platform.instance-id";
	(void)ms_token_bytes(r, MS_PSA_IMPLEMENTATION, "cca.platform.implementation-id", MS_TOKEN_REQUIRED, 32, 32);
	(void)ms_token_bytes(r, MS_CCA_CONFIG, "cca.platform.config", MS_TOKEN_REQUIRED, 1, MS_CLAIM_VALUE_MAX);
	(void)ms_token_text(r, MS_CCA_HASH, "cca.platform.hash", MS_TOKEN_REQUIRED);
	(void)ms_token_text(r, MS_PSA_SERVICE, "cca.platform.service", MS_TOKEN_OPTIONAL);
	ms_psa_components(r, MS_PSA_COMPONENTS, MS_TOKEN_REQUIRED, &names);
	if (!ms_token_uint(r, MS_PSA_LIFECYCLE, "cca.platform.lifecycle", MS_TOKEN_REQUIRED, UINT16_MAX, &v))
		return;
	const char *name = ms_psa_lifecycle_name(v, &secured);
	if (name == NULL)
		r->bad = "cca.platform.lifecycle";
	else
		ms_find_text(r->f, "cca.platform.lifecycle", ms_span_str(name));
	if (!secured)
		*assurance = MS_ASSURANCE_LOW;
}

static void
find_realm(struct ms_token_reader *r)
{
	struct ms_any list, one;
	char number[24];
	size_t n = 0;
	(void)ms_token_bytes(r, REALM_INITIAL, "cca.realm.initial-measurement", MS_TOKEN_REQUIRED, 32, 64);
	(void)ms_token_bytes(r, REALM_PERSONALIZATION, "cca.realm.personalization", MS_TOKEN_OPTIONAL, 0, 64);
	(void)ms_token_text(r, REALM_HASH, "cca.realm.hash", MS_TOKEN_REQUIRED);
	if (!ms_any_get(r->map, REALM_MEASUREMENTS, &list) || list.type != MS_ANY_ARRAY || list.value > REGISTERS_MAX) {
		r->bad = "cca.realm.measurement";
		return;
	}
	struct ms_any_iter it = ms_any_items(&list);
	for (; ms_any_next(&it, &one); n++) {
		struct ms_span value;
		if (!ms_any_is_bytes(&one, &value) || value.len < 32 || value.len > 64) {
			r->bad = "cca.realm.measurement";
			return;
		}
		(void)snprintf(number, sizeof number, "%zu", n);
		ms_find_hex(r->f, "cca.realm.measurement", number, value);
	}
}

static enum ms_rc
check_platform_profile(const struct ms_any *claims, struct ms_findings *f, enum ms_attester_reason *why, struct ms_err *err)
{
	struct ms_any a;
	struct ms_span text;
	if (ms_any_get(claims, MS_EAT_PROFILE, &a) && ms_any_is_text(&a, &text))
		for (size_t i = 0; i < sizeof platform_profiles / sizeof *platform_profiles; i++)
			if (ms_span_eq(text, ms_span_str(platform_profiles[i]))) {
				ms_find_text(f, "cca.platform.profile", text);
				return MS_OK;
			}
	return ms_attester_refuse(why, MS_ATTESTER_WRONG_PROFILE, err, "the platform token is of no CCA profile");
}

static enum ms_rc
check_challenge(const struct ms_attester_input *in, const struct ms_any *claims, enum ms_attester_reason *why, struct ms_err *err)
{
	struct ms_any a;
	struct ms_span challenge;
	if (!ms_any_get(claims, MS_EAT_NONCE, &a) || !ms_any_is_bytes(&a, &challenge) || challenge.len != 64)
		return ms_attester_refuse(why, MS_ATTESTER_CLAIM_INVALID, err, "the realm's challenge is not 64 bytes");
	return ms_attester_nonce(in, challenge, true, why, err);
}

MS_ATTESTER_VERIFY(cca)
{
	struct ms_any top, collection;
	struct ms_token platform, realm;
	struct ms_findings f = {.claims = claims};
	MS_OWN(ms_pubkey_free) struct ms_pubkey *key = NULL;
	enum ms_rc rc = ms_any_parse(in->evidence, &top, err);
	if (rc != MS_OK)
		return ms_attester_refuse_rc(why, MS_ATTESTER_MALFORMED, rc, err);
	if (!ms_any_untag(&top, TAG_CCA, &collection) && !ms_any_untag(&top, TAG_CCA_OLD, &collection))
		return ms_attester_refuse(why, MS_ATTESTER_MALFORMED, err, "not a CCA token (tag 399)");
	rc = open_part(&collection, PLATFORM, "platform", &platform, why, err);
	if (rc == MS_OK)
		rc = open_part(&collection, REALM, "realm", &realm, why, err);
	if (rc == MS_OK)
		rc = ms_attester_cose(in, &platform.cose, &key, why, err);
	if (rc == MS_OK)
		rc = check_platform_profile(&platform.claims, &f, why, err);
	if (rc == MS_OK)
		rc = check_binding(&platform, &realm, &f, why, err);
	if (rc == MS_OK)
		rc = check_challenge(in, &realm.claims, why, err);
	if (rc != MS_OK)
		return rc;
	struct ms_token_reader p = {.map = &platform.claims, .f = &f}, r = {.map = &realm.claims, .f = &f};
	find_platform(&p, assurance);
	find_realm(&r);
	rc = ms_token_reader_end(&p, why, err);
	return rc == MS_OK ? ms_token_reader_end(&r, why, err) : rc;
}
