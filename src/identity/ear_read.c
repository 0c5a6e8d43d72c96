#include "identity/ear_read.h"

#include <string.h>

#define SUBMODS_MAX 16u

void
ms_ear_read_fini(struct ms_ear_read *r)
{
	json_decref(r->claims);
	r->claims = NULL;
}

static enum ms_rc
refuse(enum ms_token_reason *ret, enum ms_token_reason reason, enum ms_rc rc)
{
	if (ret != NULL)
		*ret = reason;
	return rc;
}
#define REFUSE(reason, rc, ...) refuse(ret_reason, reason, ms_fail(err, rc, "token: " __VA_ARGS__))

/* ---- time ---- */

/* A whole number of seconds; RFC 7519 would take a fraction, an EAT has none. */
static bool
take_time(const json_t *claims, const char *name, uint64_t *ret)
{
	const json_t *v = json_object_get(claims, name);
	json_int_t i = json_integer_value(v);
	if (!json_is_integer(v) || i < 0 || i > INT64_C(253402300799))
		return false;
	*ret = (uint64_t)i;
	return true;
}

static enum ms_rc
check_time(const json_t *claims, uint64_t now_s, struct ms_ear_read *r, enum ms_token_reason *ret_reason, struct ms_err *err)
{
	uint64_t not_before = 0;
	if (json_object_get(claims, "exp") == NULL)
		return REFUSE(MS_TOKEN_NO_EXPIRY, MS_ERR_AUTH, "it never expires: \"exp\" is missing");
	if (!take_time(claims, "exp", &r->expires_s) || !take_time(claims, "iat", &r->issued_s) ||
	    (json_object_get(claims, "nbf") != NULL && !take_time(claims, "nbf", &not_before)))
		return REFUSE(MS_TOKEN_CLAIMS, MS_ERR_MALFORMED, "\"iat\", \"exp\" and \"nbf\" are whole seconds");
	if (r->expires_s <= r->issued_s)
		return REFUSE(MS_TOKEN_CLAIMS, MS_ERR_MALFORMED, "it expires before it was issued");
	if (now_s >= r->expires_s)
		return REFUSE(MS_TOKEN_EXPIRED, MS_ERR_EXPIRED, "it expired %llu s ago", (unsigned long long)(now_s - r->expires_s));
	if (r->issued_s > now_s + MS_EAR_SKEW_S || not_before > now_s + MS_EAR_SKEW_S)
		return REFUSE(MS_TOKEN_NOT_YET, MS_ERR_EXPIRED, "it is from the future: is the clock right?");
	return MS_OK;
}

/* ---- for whom ---- */

static enum ms_rc
check_nonce(const json_t *claims, struct ms_span want, enum ms_token_reason *ret_reason, struct ms_err *err)
{
	const json_t *v = json_object_get(claims, "eat_nonce");
	uint8_t raw[MS_EAR_NONCE_MAX];
	size_t n = 0;
	if (v == NULL)
		return want.len == 0 ? MS_OK : REFUSE(MS_TOKEN_NONCE, MS_ERR_REPLAY, "it has no nonce, and one was asked for");
	if (!json_is_string(v) || ms_unbase64url(json_string_value(v), json_string_length(v), raw, sizeof raw, &n) != MS_OK ||
	    n < MS_EAR_NONCE_MIN)
		return REFUSE(MS_TOKEN_CLAIMS, MS_ERR_MALFORMED, "\"eat_nonce\" is not base64url of %u to %u bytes", MS_EAR_NONCE_MIN,
		    MS_EAR_NONCE_MAX);
	if (want.len != 0 && !ms_span_eq(want, ms_span(raw, n)))
		return REFUSE(MS_TOKEN_NONCE, MS_ERR_REPLAY, "its nonce is not the one that was asked for");
	return MS_OK;
}

/* RFC 7519 4.1.3: who is not named refuses it. */
static enum ms_rc
check_audience(const json_t *claims, const char *me, enum ms_token_reason *ret_reason, struct ms_err *err)
{
	const json_t *aud = json_object_get(claims, "aud");
	if (aud == NULL)
		return me == NULL ? MS_OK : REFUSE(MS_TOKEN_AUDIENCE, MS_ERR_AUTH, "it names no audience, and one was asked for");
	if (!json_is_string(aud) && !json_is_array(aud))
		return REFUSE(MS_TOKEN_CLAIMS, MS_ERR_MALFORMED, "\"aud\" is neither a text nor a list");
	if (me == NULL)
		return REFUSE(MS_TOKEN_AUDIENCE, MS_ERR_AUTH, "it is for an audience, and none was given");
	size_t n = json_is_string(aud) ? 1 : json_array_size(aud);
	for (size_t i = 0; i < n; i++) {
		const char *s = json_string_value(json_is_string(aud) ? aud : json_array_get(aud, i));
		if (s != NULL && strcmp(s, me) == 0)
			return MS_OK;
	}
	return REFUSE(MS_TOKEN_AUDIENCE, MS_ERR_AUTH, "it is for another audience");
}

/* ---- what it says ---- */

static bool
take_tier(const json_t *v, enum ms_ear_tier *ret)
{
	static const enum ms_ear_tier tiers[] = {MS_EAR_NONE, MS_EAR_AFFIRMING, MS_EAR_WARNING, MS_EAR_CONTRAINDICATED};
	const char *s = json_string_value(v);
	for (size_t i = 0; s != NULL && i < sizeof tiers / sizeof *tiers; i++)
		if (strcmp(s, ms_ear_tier_name(tiers[i])) == 0) {
			*ret = tiers[i];
			return true;
		}
	return false;
}

/* "none" says nothing, and so sums up anything. */
static bool
better_than(enum ms_ear_tier status, enum ms_ear_tier worst)
{
	return status != MS_EAR_NONE && status < worst;
}

/* The worst tier of a vector. False: not of its form. */
static bool
take_vector(const json_t *v, enum ms_ear_tier *ret)
{
	*ret = MS_EAR_NONE;
	if (v == NULL)
		return true;
	if (!json_is_object(v))
		return false;
	for (unsigned i = 0; i < MS_EAR_CATEGORIES; i++) {
		const json_t *c = json_object_get(v, ms_ear_category_name(i));
		json_int_t n = json_integer_value(c);
		if (c == NULL)
			continue;
		if (!json_is_integer(c) || n < -128 || n > 127)
			return false;
		enum ms_ear_tier t = ms_ear_tier_of((int)n);
		*ret = t > *ret ? t : *ret;
	}
	return true;
}

static enum ms_rc
check_submod(const json_t *m, enum ms_ear_tier *ret, enum ms_token_reason *ret_reason, struct ms_err *err)
{
	enum ms_ear_tier worst;
	const json_t *policies = json_object_get(m, "ear_appraisal_policy_ids");
	bool listed = policies == NULL || json_array_size(policies) > 0;
	for (size_t i = 0; i < json_array_size(policies); i++)
		listed = listed && json_is_string(json_array_get(policies, i));
	if (!json_is_object(m) || !take_tier(json_object_get(m, "ear_status"), ret) || !listed ||
	    !take_vector(json_object_get(m, "ear_trustworthiness_vector"), &worst))
		return REFUSE(MS_TOKEN_CLAIMS, MS_ERR_MALFORMED, "an appraisal has a status, and a vector of small numbers");
	if (better_than(*ret, worst)) /* draft-ietf-rats-ear 3.1 */
		return REFUSE(MS_TOKEN_STATUS, MS_ERR_AUTH, "an appraisal's status is better than its vector");
	return MS_OK;
}

static enum ms_rc
check_status(json_t *claims, struct ms_ear_read *r, enum ms_token_reason *ret_reason, struct ms_err *err)
{
	const char *name;
	json_t *m;
	json_t *submods = json_object_get(claims, "submods");
	const json_t *own = json_object_get(claims, "ear_status");
	enum ms_ear_tier worst = MS_EAR_NONE, best = MS_EAR_CONTRAINDICATED, tier = MS_EAR_NONE;
	r->n_submods = json_object_size(submods);
	if (r->n_submods == 0 || r->n_submods > SUBMODS_MAX)
		return REFUSE(MS_TOKEN_CLAIMS, MS_ERR_MALFORMED, "\"submods\" has 1 to %u appraisals", SUBMODS_MAX);
	json_object_foreach(submods, name, m)
	{
		enum ms_rc rc = check_submod(m, &tier, ret_reason, err);
		if (rc != MS_OK)
			return rc;
		worst = tier > worst ? tier : worst;
		best = tier < best ? tier : best;
	}
	/* what is not told of one attester is not told of the whole */
	r->status = worst == MS_EAR_AFFIRMING && best == MS_EAR_NONE ? MS_EAR_NONE : worst;
	if (own == NULL)
		return MS_OK;
	if (!take_tier(own, &r->status))
		return REFUSE(MS_TOKEN_CLAIMS, MS_ERR_MALFORMED, "\"ear_status\" is not one of the four tiers");
	if (better_than(r->status, worst))
		return REFUSE(MS_TOKEN_STATUS, MS_ERR_AUTH, "its status is better than that of an appraisal in it");
	return MS_OK;
}

static enum ms_rc
check_profile(const json_t *claims, enum ms_token_reason *ret_reason, struct ms_err *err)
{
	const char *profile = json_string_value(json_object_get(claims, "eat_profile"));
	const json_t *id = json_object_get(claims, "ear_verifier_id");
	if (profile == NULL || strcmp(profile, MS_EAR_PROFILE) != 0)
		return REFUSE(MS_TOKEN_PROFILE, MS_ERR_UNSUPPORTED, "not an attestation result of profile " MS_EAR_PROFILE);
	if (!json_is_string(json_object_get(id, "developer")) || !json_is_string(json_object_get(id, "build")))
		return REFUSE(MS_TOKEN_CLAIMS, MS_ERR_MALFORMED, "\"ear_verifier_id\" names a developer and a build");
	return MS_OK;
}

enum ms_rc
ms_ear_verify(const struct ms_jws_keys *keys, struct ms_span token, const struct ms_ear_expect *x, struct ms_ear_read *ret,
    enum ms_token_reason *ret_reason, struct ms_err *err)
{
	/* a "typ" of another kind keeps a token of the same key and another meaning out */
	static const char *const types[] = {MS_EAR_TYP, "application/eat+jwt", "JWT", "", NULL};
	MS_OWN(ms_buf_fini) struct ms_buf payload = {0};
	MS_OWN(ms_ear_read_fini) struct ms_ear_read r = {.claims = NULL};
	ms_buf_init(&payload, MS_JWS_PAYLOAD_MAX);
	enum ms_rc rc = ms_jws_verify(keys, token, types, &payload, ret_reason, err);
	if (rc != MS_OK)
		return rc;
	rc = ms_json_parse(ms_buf_span(&payload), MS_JWS_PAYLOAD_MAX, &r.claims, err);
	if (rc != MS_OK || !json_is_object(r.claims))
		return REFUSE(MS_TOKEN_MALFORMED, MS_ERR_MALFORMED, "its content is not a JSON object with each member once");
	rc = check_profile(r.claims, ret_reason, err);
	if (rc == MS_OK)
		rc = check_time(r.claims, x->now_s, &r, ret_reason, err);
	if (rc == MS_OK)
		rc = check_audience(r.claims, x->audience, ret_reason, err);
	if (rc == MS_OK)
		rc = check_nonce(r.claims, x->nonce, ret_reason, err);
	if (rc == MS_OK)
		rc = check_status(r.claims, &r, ret_reason, err);
	if (rc != MS_OK)
		return rc;
	*ret = r;
	r.claims = NULL;
	return MS_OK;
}
