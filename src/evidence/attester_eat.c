/* Entity attestation tokens (RFC 9711) of no profile that is known here: what the signer says, by the claims of the standard. */
#include <stdio.h>

#include "evidence/attester_token.h"

enum { CWT_ISSUER = 1, CWT_SUBJECT, CWT_EXPIRES = 4, CWT_NOT_BEFORE, CWT_ISSUED };
enum {
	EAT_OEM_ID = 258,
	EAT_MODEL,
	EAT_HW_VERSION,
	EAT_UPTIME,
	EAT_OEM_BOOT,
	EAT_DEBUG,
	EAT_BOOT_COUNT = 267,
	EAT_BOOT_SEED,
	EAT_SW_NAME = 270,
	EAT_SW_VERSION
};
enum { DEBUG_ENABLED = 0 };

/* RFC 9711 4.1: one nonce or several, of 8 to 64 bytes each; one must be ours. */
static enum ms_rc
check_nonce(const struct ms_attester_input *in, const struct ms_any *claims, enum ms_attester_reason *why, struct ms_err *err)
{
	struct ms_any a, one;
	struct ms_span s = MS_SPAN_NONE;
	if (!ms_any_get(claims, MS_EAT_NONCE, &a) || a.type != MS_ANY_ARRAY) {
		if (a.type != MS_ANY_NONE && !ms_any_is_bytes(&a, &s))
			return ms_attester_refuse(why, MS_ATTESTER_CLAIM_INVALID, err, "the nonce is of another type");
		return ms_attester_nonce(in, s, false, why, err);
	}
	struct ms_any_iter it = ms_any_items(&a);
	enum ms_rc rc = ms_attester_nonce(in, MS_SPAN_NONE, false, why, err);
	while (rc != MS_OK && ms_any_next(&it, &one))
		if (ms_any_is_bytes(&one, &s))
			rc = ms_attester_nonce(in, s, false, why, err);
	return rc;
}

/* RFC 8392 3.1: seconds, as an integer. A time that cannot be read is no time that was kept. */
static enum ms_rc
check_times(const struct ms_attester_input *in, struct ms_token_reader *r, enum ms_attester_reason *why, struct ms_err *err)
{
	uint64_t expires, not_before, issued;
	bool has_end = ms_token_uint(r, CWT_EXPIRES, "eat.expires", MS_TOKEN_OPTIONAL, INT64_MAX, &expires);
	bool has_start = ms_token_uint(r, CWT_NOT_BEFORE, "eat.expires", MS_TOKEN_OPTIONAL, INT64_MAX, &not_before);
	if (has_end)
		ms_find_uint(r->f, "eat.expires", expires);
	if (ms_token_uint(r, CWT_ISSUED, "eat.issued", MS_TOKEN_OPTIONAL, INT64_MAX, &issued))
		ms_find_uint(r->f, "eat.issued", issued);
	if (in->now_s != 0 && ((has_end && in->now_s >= expires) || (has_start && in->now_s < not_before)))
		return ms_attester_refuse(why, MS_ATTESTER_EXPIRED, err, "the token is not valid now");
	return MS_OK;
}

static void
find_debug(struct ms_token_reader *r, enum ms_assurance *assurance)
{
	static const char *const names[] = {
	    "enabled", "disabled", "disabled-since-boot", "disabled-permanently", "disabled-fully-and-permanently"}; /* RFC 9711 4.2.9 */
	uint64_t v;
	if (!ms_token_uint(r, EAT_DEBUG, "eat.debug", MS_TOKEN_OPTIONAL, sizeof names / sizeof *names - 1, &v))
		return;
	ms_find_text(r->f, "eat.debug", ms_span_str(names[v]));
	if (v == DEBUG_ENABLED)
		*assurance = MS_ASSURANCE_LOW;
}

/* [text, scheme] */
static void
find_version(struct ms_token_reader *r, int64_t key, const char *claim)
{
	struct ms_any a, text;
	struct ms_span s;
	if (!ms_any_get(r->map, key, &a))
		return;
	if (!ms_any_at(&a, 0, &text) || !ms_any_is_text(&text, &s))
		r->bad = claim;
	else
		ms_find_text(r->f, claim, s);
}

static void
find_others(struct ms_token_reader *r)
{
	struct ms_any a;
	struct ms_span s;
	int64_t number;
	bool flag;
	uint64_t v;
	if (ms_any_get(r->map, EAT_OEM_ID, &a)) { /* RFC 9711 4.2.3: random or IEEE bytes, or a PEN */
		if (ms_any_is_int(&a, &number))
			ms_find_fmt(r->f, "eat.oem-id", "%jd", (intmax_t)number);
		else if (ms_any_is_bytes(&a, &s))
			ms_find_hex(r->f, "eat.oem-id", "hex", s);
		else
			r->bad = "eat.oem-id";
	}
	if (ms_any_get(r->map, EAT_OEM_BOOT, &a)) {
		if (ms_any_is_bool(&a, &flag))
			ms_find_bool(r->f, "eat.oem-boot", flag);
		else
			r->bad = "eat.oem-boot";
	}
	if (ms_token_uint(r, EAT_UPTIME, "eat.uptime", MS_TOKEN_OPTIONAL, INT64_MAX, &v))
		ms_find_uint(r->f, "eat.uptime", v);
	if (ms_token_uint(r, EAT_BOOT_COUNT, "eat.boot-count", MS_TOKEN_OPTIONAL, INT64_MAX, &v))
		ms_find_uint(r->f, "eat.boot-count", v);
}

MS_ATTESTER_VERIFY(eat)
{
	struct ms_token t;
	MS_OWN(ms_pubkey_free) struct ms_pubkey *key = NULL;
	enum ms_rc rc = ms_token_parse(in->evidence, &t, why, err);
	if (rc == MS_OK)
		rc = ms_attester_cose(in, &t.cose, &key, why, err);
	if (rc == MS_OK)
		rc = check_nonce(in, &t.claims, why, err);
	if (rc != MS_OK)
		return rc;
	struct ms_findings f = {.claims = claims};
	struct ms_token_reader r = {.map = &t.claims, .f = &f};
	rc = check_times(in, &r, why, err);
	if (rc != MS_OK)
		return rc;
	(void)ms_token_profile(&r, MS_EAT_PROFILE, "eat.profile");
	(void)ms_token_text(&r, CWT_ISSUER, "eat.issuer", MS_TOKEN_OPTIONAL);
	(void)ms_token_text(&r, CWT_SUBJECT, "eat.subject", MS_TOKEN_OPTIONAL);
	(void)ms_token_bytes(&r, MS_EAT_UEID, "eat.ueid", MS_TOKEN_OPTIONAL, 7, 33);
	(void)ms_token_bytes(&r, EAT_MODEL, "eat.hardware-model", MS_TOKEN_OPTIONAL, 1, 32);
	(void)ms_token_bytes(&r, EAT_BOOT_SEED, "eat.boot-seed", MS_TOKEN_OPTIONAL, 1, 64);
	(void)ms_token_text(&r, EAT_SW_NAME, "eat.software-name", MS_TOKEN_OPTIONAL);
	find_version(&r, EAT_HW_VERSION, "eat.hardware-version");
	find_version(&r, EAT_SW_VERSION, "eat.software-version");
	find_debug(&r, assurance);
	find_others(&r);
	return ms_token_reader_end(&r, why, err);
}
