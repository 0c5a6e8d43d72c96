#include "evidence/attester_token.h"

#include <stdio.h>

#include "evidence/attester.h"

#define TAG_CWT 61u
#define TAG_URI 32u
#define COMPONENTS_MAX 256u

enum ms_rc
ms_token_parse(struct ms_span s, struct ms_token *ret, enum ms_attester_reason *why, struct ms_err *err)
{
	struct ms_any item, inner;
	struct ms_token t = {.claims = {.type = MS_ANY_NONE}};
	enum ms_rc rc = ms_any_parse(s, &item, err);
	if (rc == MS_OK && ms_any_untag(&item, TAG_CWT, &inner)) /* RFC 8392 6 */
		item = inner;
	if (rc == MS_OK)
		rc = ms_cose_any_from(&item, &t.cose, err);
	if (rc == MS_OK)
		rc = ms_any_parse(t.cose.payload, &t.claims, err);
	if (rc == MS_OK && t.claims.type != MS_ANY_MAP)
		rc = ms_fail(err, MS_ERR_MALFORMED, "the token's payload is not a map of claims");
	if (rc == MS_ERR_UNSUPPORTED)
		return ms_attester_refuse_rc(why, MS_ATTESTER_UNSUPPORTED, rc, err);
	if (rc == MS_ERR_TOO_BIG)
		return ms_attester_refuse_rc(why, MS_ATTESTER_TOO_BIG, rc, err);
	if (rc != MS_OK)
		return ms_attester_refuse_rc(why, MS_ATTESTER_MALFORMED, rc, err);
	*ret = t;
	return MS_OK;
}

static void
wrong(struct ms_token_reader *r, const char *claim)
{
	if (r->bad == NULL)
		r->bad = claim;
}

/* The member; false when it is not there, which is wrong when it must be. */
static bool
find(struct ms_token_reader *r, int64_t key, const char *claim, enum ms_token_need need, struct ms_any *ret)
{
	bool there = ms_any_get(r->map, key, ret);
	if (!there && need == MS_TOKEN_REQUIRED)
		wrong(r, claim);
	return there;
}

struct ms_span
ms_token_bytes(struct ms_token_reader *r, int64_t key, const char *claim, enum ms_token_need need, size_t min, size_t max)
{
	struct ms_any a;
	struct ms_span s = MS_SPAN_NONE;
	if (!find(r, key, claim, need, &a))
		return s;
	if (!ms_any_is_bytes(&a, &s) || s.len < min || s.len > max) {
		wrong(r, claim);
		return MS_SPAN_NONE;
	}
	ms_find_bytes(r->f, claim, s);
	return s;
}

struct ms_span
ms_token_text(struct ms_token_reader *r, int64_t key, const char *claim, enum ms_token_need need)
{
	struct ms_any a;
	struct ms_span s = MS_SPAN_NONE;
	if (!find(r, key, claim, need, &a))
		return s;
	if (!ms_any_is_text(&a, &s)) {
		wrong(r, claim);
		return MS_SPAN_NONE;
	}
	ms_find_text(r->f, claim, s);
	return s;
}

bool
ms_token_uint(struct ms_token_reader *r, int64_t key, const char *claim, enum ms_token_need need, uint64_t max, uint64_t *ret)
{
	struct ms_any a;
	if (!find(r, key, claim, need, &a))
		return false;
	if (!ms_any_is_uint(&a, ret) || *ret > max) {
		wrong(r, claim);
		return false;
	}
	return true;
}

struct ms_span
ms_token_profile(struct ms_token_reader *r, int64_t key, const char *claim)
{
	struct ms_any a, inner;
	struct ms_span s = MS_SPAN_NONE;
	if (!find(r, key, claim, MS_TOKEN_OPTIONAL, &a))
		return s;
	if (ms_any_untag(&a, TAG_URI, &inner))
		a = inner;
	if (ms_any_is_text(&a, &s)) {
		ms_find_text(r->f, claim, s);
	} else if (ms_any_is_bytes(&a, &s)) { /* an OID's content */
		ms_find_hex(r->f, claim, "oid", s);
	} else {
		wrong(r, claim);
	}
	return s;
}

enum ms_rc
ms_token_reader_end(const struct ms_token_reader *r, enum ms_attester_reason *why, struct ms_err *err)
{
	if (r->bad != NULL)
		return ms_attester_refuse(why, MS_ATTESTER_CLAIM_INVALID, err, "%s is missing, or of another type or length", r->bad);
	return ms_findings_end(r->f, why, err);
}

const char *
ms_psa_lifecycle_name(uint64_t v, bool *ret_secured)
{
	static const char *const names[] = {"unknown", "assembly-and-test", "rot-provisioning", "secured", "non-psa-rot-debug",
	    "recoverable-psa-rot-debug", "decommissioned"};
	*ret_secured = v >> 8 == 0x30;
	return v <= 0xffff && (v >> 8) % 16 == 0 && v >> 12 < sizeof names / sizeof *names ? names[v >> 12] : NULL;
}

/* RFC 9783 4.4.1 */
enum { COMPONENT_TYPE = 1, COMPONENT_VALUE, COMPONENT_VERSION = 4, COMPONENT_SIGNER };

static bool
is_hash(const struct ms_any *a, struct ms_span *ret)
{
	return ms_any_is_bytes(a, ret) && (ret->len == 32 || ret->len == 48 || ret->len == 64);
}

static bool
component(struct ms_token_reader *r, const struct ms_any *one, const struct ms_component_names *names)
{
	struct ms_any a;
	struct ms_span type = MS_SPAN_NONE, value, version, signer;
	char label[128];
	if (one->type != MS_ANY_MAP || !ms_any_get(one, COMPONENT_VALUE, &a) || !is_hash(&a, &value))
		return false;
	if (ms_any_get(one, COMPONENT_TYPE, &a) && (!ms_any_is_text(&a, &type) || type.len >= sizeof label))
		return false;
	(void)snprintf(label, sizeof label, "%.*s", (int)type.len, type.len == 0 ? "" : (const char *)type.p);
	ms_find_hex(r->f, names->component, label, value);
	if (!ms_any_get(one, COMPONENT_SIGNER, &a) || !is_hash(&a, &signer))
		return false;
	ms_find_bytes(r->f, names->signer, signer);
	if (!ms_any_get(one, COMPONENT_VERSION, &a))
		return true;
	if (!ms_any_is_text(&a, &version))
		return false;
	ms_find_label(r->f, names->version, label, version);
	return true;
}

void
ms_psa_components(struct ms_token_reader *r, int64_t key, enum ms_token_need need, const struct ms_component_names *names)
{
	struct ms_any list, one;
	if (!find(r, key, names->component, need, &list))
		return;
	if (list.type != MS_ANY_ARRAY || list.value == 0 || list.value > COMPONENTS_MAX)
		wrong(r, names->component);
	struct ms_any_iter it = ms_any_items(&list);
	while (r->bad == NULL && ms_any_next(&it, &one))
		if (!component(r, &one, names))
			wrong(r, names->component);
}
