/* PSA attestation tokens: RFC 9783, and PSA_IOT_PROFILE_1 as devices have it that came before. */
#include <stdio.h>

#include "evidence/attester_token.h"

/* The two numberings of the same claims. */
static const struct profile {
	const char *name; /* what the profile claim says */
	int64_t profile, nonce, instance, implementation, lifecycle, client, boot_seed, certification, components, no_components, service;
	bool is_default; /* a token without a profile claim is of this one */
} profiles[] = {
    {"tag:psacertified.org,2023:psa#tfm", MS_EAT_PROFILE, MS_EAT_NONCE, MS_EAT_UEID, MS_PSA_IMPLEMENTATION, MS_PSA_LIFECYCLE, MS_PSA_CLIENT,
	MS_PSA_BOOT_SEED, MS_PSA_CERTIFICATION, MS_PSA_COMPONENTS, 0, MS_PSA_SERVICE, false},
    {"http://arm.com/psa/2.0.0", MS_EAT_PROFILE, MS_EAT_NONCE, MS_EAT_UEID, MS_PSA_IMPLEMENTATION, MS_PSA_LIFECYCLE, MS_PSA_CLIENT,
	MS_PSA_BOOT_SEED, MS_PSA_CERTIFICATION, MS_PSA_COMPONENTS, 0, MS_PSA_SERVICE, false}, /* drafts of RFC 9783 */
    {"PSA_IOT_PROFILE_1", -75000, -75008, -75009, -75003, -75002, -75001, -75004, -75005, -75006, -75007, -75010, true},
};
#define N_PROFILES (sizeof profiles / sizeof *profiles)

/* RFC 9783 4.5.2. The older profile's claim may be missing when its other claims are there. */
static const struct profile *
profile_of(const struct ms_any *claims)
{
	struct ms_any a;
	struct ms_span text;
	for (size_t i = 0; i < N_PROFILES; i++) {
		const struct profile *p = &profiles[i];
		bool there = ms_any_get(claims, p->profile, &a);
		if (there ? ms_any_is_text(&a, &text) && ms_span_eq(text, ms_span_str(p->name))
			  : p->is_default && ms_any_get(claims, p->nonce, &a))
			return p;
	}
	return NULL;
}

static void
find_client(struct ms_token_reader *r, const struct profile *p)
{
	struct ms_any a;
	int64_t client;
	if (!ms_any_get(r->map, p->client, &a) || !ms_any_is_int(&a, &client))
		r->bad = r->bad == NULL ? "psa.client" : r->bad;
	else
		ms_find_fmt(r->f, "psa.client", "%s:%jd", client < 0 ? "non-secure" : "secure", (intmax_t)client);
}

static void
find_lifecycle(struct ms_token_reader *r, const struct profile *p, enum ms_assurance *assurance)
{
	uint64_t v;
	bool secured;
	if (!ms_token_uint(r, p->lifecycle, "psa.lifecycle", MS_TOKEN_REQUIRED, UINT16_MAX, &v))
		return;
	const char *name = ms_psa_lifecycle_name(v, &secured);
	if (name == NULL) {
		r->bad = r->bad == NULL ? "psa.lifecycle" : r->bad;
		return;
	}
	ms_find_text(r->f, "psa.lifecycle", ms_span_str(name));
	ms_find_bool(r->f, "psa.debug", !secured);
	if (!secured) /* who can debug it can make it say anything */
		*assurance = MS_ASSURANCE_LOW;
}

/* Either components, or (older profile) the word that there are none. */
static void
find_components(struct ms_token_reader *r, const struct profile *p)
{
	static const struct ms_component_names names = {"psa.component", "psa.component-signer", "psa.component-version"};
	struct ms_any none;
	bool may_lack = p->no_components != 0 && ms_any_get(r->map, p->no_components, &none) && none.type == MS_ANY_UINT && none.value == 1;
	ms_psa_components(r, p->components, may_lack ? MS_TOKEN_OPTIONAL : MS_TOKEN_REQUIRED, &names);
}

static enum ms_rc
check_nonce(const struct ms_attester_input *in, const struct ms_any *claims, int64_t key, enum ms_attester_reason *why, struct ms_err *err)
{
	struct ms_any a;
	struct ms_span nonce;
	if (!ms_any_get(claims, key, &a) || !ms_any_is_bytes(&a, &nonce) || (nonce.len != 32 && nonce.len != 48 && nonce.len != 64))
		return ms_attester_refuse(why, MS_ATTESTER_CLAIM_INVALID, err, "the nonce is not 32, 48 or 64 bytes"); /* RFC 9783 4.1.1 */
	return ms_attester_nonce(in, nonce, false, why, err);
}

MS_ATTESTER_VERIFY(psa)
{
	struct ms_token t;
	MS_OWN(ms_pubkey_free) struct ms_pubkey *key = NULL;
	enum ms_rc rc = ms_token_parse(in->evidence, &t, why, err);
	if (rc == MS_OK)
		rc = ms_attester_cose(in, &t.cose, &key, why, err);
	if (rc != MS_OK)
		return rc;
	const struct profile *p = profile_of(&t.claims);
	if (p == NULL)
		return ms_attester_refuse(why, MS_ATTESTER_WRONG_PROFILE, err, "the token is of no PSA profile");
	rc = check_nonce(in, &t.claims, p->nonce, why, err);
	if (rc != MS_OK)
		return rc;
	struct ms_findings f = {.claims = claims};
	struct ms_token_reader r = {.map = &t.claims, .f = &f};
	ms_find_text(&f, "psa.profile", ms_span_str(p->name));
	struct ms_span instance = ms_token_bytes(&r, p->instance, "psa.instance-id", MS_TOKEN_REQUIRED, 33, 33);
	if (instance.len > 0 && instance.p[0] != 0x01) /* RFC 9783 4.2.1: a UEID of type RAND */
		r.bad = r.bad == NULL ? "psa.instance-id" : r.bad;
	(void)ms_token_bytes(&r, p->implementation, "psa.implementation-id", MS_TOKEN_REQUIRED, 32, 32);
	(void)ms_token_bytes(&r, p->boot_seed, "psa.boot-seed", MS_TOKEN_OPTIONAL, 8, 32);
	(void)ms_token_text(&r, p->certification, "psa.certification", MS_TOKEN_OPTIONAL);
	(void)ms_token_text(&r, p->service, "psa.service", MS_TOKEN_OPTIONAL);
	find_client(&r, p);
	find_lifecycle(&r, p, assurance);
	find_components(&r, p);
	return ms_token_reader_end(&r, why, err);
}
