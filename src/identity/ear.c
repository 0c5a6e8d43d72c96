#include "identity/ear.h"

#include <string.h>

#include "crypto/hash.h"
#include "identity/cert.h"

#define UEID_RAND 1u /* RFC 9711 4.2.1.1: a value that is random, or a hash of what is */
#define ID_LEN MS_SHA256_LEN
#define DEPLOYMENT_LEN 16u
#define NAME_MAX_LEN 256u

/* ---- names ---- */

static const char *const categories[MS_EAR_CATEGORIES] = {
    [MS_EAR_INSTANCE_IDENTITY] = "instance-identity",
    [MS_EAR_CONFIGURATION] = "configuration",
    [MS_EAR_EXECUTABLES] = "executables",
    [MS_EAR_FILE_SYSTEM] = "file-system",
    [MS_EAR_HARDWARE] = "hardware",
    [MS_EAR_RUNTIME_OPAQUE] = "runtime-opaque",
    [MS_EAR_STORAGE_OPAQUE] = "storage-opaque",
    [MS_EAR_SOURCED_DATA] = "sourced-data",
};

const char *
ms_ear_category_name(unsigned category)
{
	return category < MS_EAR_CATEGORIES ? categories[category] : "unknown";
}

const char *
ms_ear_tier_name(enum ms_ear_tier t)
{
	switch (t) {
	case MS_EAR_AFFIRMING:
		return "affirming";
	case MS_EAR_WARNING:
		return "warning";
	case MS_EAR_CONTRAINDICATED:
		return "contraindicated";
	case MS_EAR_NONE:
		break;
	}
	return "none";
}

/* AR4SI 2.3.2: 2..31 and -32..-2, 32..95 and -96..-33, the rest. */
enum ms_ear_tier
ms_ear_tier_of(int claim)
{
	if (claim >= -1 && claim <= 1)
		return MS_EAR_NONE;
	if (claim >= -32 && claim <= 31)
		return MS_EAR_AFFIRMING;
	return claim >= -96 && claim <= 95 ? MS_EAR_WARNING : MS_EAR_CONTRAINDICATED;
}

/* AR4SI 2.3.4, in our words. */
static const struct {
	unsigned category; /* MS_EAR_CATEGORIES: all */
	int claim;
	const char *text;
} texts[] = {
    {MS_EAR_CATEGORIES, -1, "the verifier failed"},
    {MS_EAR_CATEGORIES, 0, "nothing is said"},
    {MS_EAR_CATEGORIES, 1, "evidence that the verifier does not understand"},
    {MS_EAR_CATEGORIES, 99, "a signature or digest of the evidence is wrong"},
    {MS_EAR_INSTANCE_IDENTITY, 2, "a device that is known, not known to be compromised"},
    {MS_EAR_INSTANCE_IDENTITY, 96, "a device that is known, and not trusted"},
    {MS_EAR_INSTANCE_IDENTITY, 97, "a device that is not known"},
    {MS_EAR_CONFIGURATION, 2, "a configuration that is approved"},
    {MS_EAR_CONFIGURATION, 3, "a configuration without known weaknesses"},
    {MS_EAR_CONFIGURATION, 32, "a configuration with known weaknesses"},
    {MS_EAR_CONFIGURATION, 36, "parts of the configuration are not known"},
    {MS_EAR_CONFIGURATION, 96, "a configuration that is not accepted"},
    {MS_EAR_EXECUTABLES, 2, "approved code only, at boot and since"},
    {MS_EAR_EXECUTABLES, 3, "approved code only, at boot"},
    {MS_EAR_EXECUTABLES, 32, "known code, some with known weaknesses"},
    {MS_EAR_EXECUTABLES, 33, "code that is not known was loaded"},
    {MS_EAR_EXECUTABLES, 96, "code that is not accepted was loaded"},
    {MS_EAR_FILE_SYSTEM, 2, "approved files only"},
    {MS_EAR_FILE_SYSTEM, 32, "files that are not known"},
    {MS_EAR_FILE_SYSTEM, 96, "files that are not accepted"},
    {MS_EAR_HARDWARE, 2, "genuine hardware of a known maker"},
    {MS_EAR_HARDWARE, 32, "genuine hardware with known weaknesses"},
    {MS_EAR_HARDWARE, 96, "hardware that is not accepted"},
    {MS_EAR_HARDWARE, 97, "hardware that is not known"},
    {MS_EAR_RUNTIME_OPAQUE, 2, "memory is encrypted and isolated"},
    {MS_EAR_RUNTIME_OPAQUE, 32, "memory is isolated"},
    {MS_EAR_RUNTIME_OPAQUE, 96, "memory is open to others"},
    {MS_EAR_STORAGE_OPAQUE, 2, "stored secrets are under hardware keys"},
    {MS_EAR_STORAGE_OPAQUE, 32, "stored secrets are under software keys"},
    {MS_EAR_STORAGE_OPAQUE, 96, "stored secrets are not encrypted"},
    {MS_EAR_SOURCED_DATA, 2, "data from attested sources only"},
    {MS_EAR_SOURCED_DATA, 32, "data from sources that are not attested"},
    {MS_EAR_SOURCED_DATA, 96, "data from sources that are not accepted"},
};

const char *
ms_ear_claim_text(unsigned category, int claim)
{
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (texts[i].claim == claim && (texts[i].category == category || texts[i].category == MS_EAR_CATEGORIES))
			return texts[i].text;
	return ms_ear_tier_name(ms_ear_tier_of(claim));
}

/* ---- what was judged, as a vector ---- */

enum ms_rc
ms_ear_judged_check(const struct ms_ear_judged *j, struct ms_err *err)
{
	if ((j->judged & ~MS_EAR_JUDGED_ALL) != 0 || ((j->failed | j->waived) & ~j->judged) != 0 || (j->failed & j->waived) != 0)
		return ms_fail(err, MS_ERR_MALFORMED, "EAR: what was judged, failed and waived do not go together");
	return MS_OK;
}

enum ms_ear_tier
ms_ear_status(const struct ms_ear_judged *j)
{
	if (j->failed != 0)
		return MS_EAR_CONTRAINDICATED;
	return j->waived != 0 ? MS_EAR_WARNING : MS_EAR_AFFIRMING;
}

/* One of three numbers, or 0 when it was not judged. */
static int8_t
claim_of(const struct ms_ear_judged *j, unsigned bit, int8_t good, int8_t waived, int8_t failed)
{
	if ((j->judged & bit) == 0)
		return 0;
	return (j->failed & bit) != 0 ? failed : (j->waived & bit) != 0 ? waived : good;
}

void
ms_ear_vector(const struct ms_ear_judged *j, int8_t ret[static MS_EAR_CATEGORIES])
{
	int8_t boot = claim_of(j, MS_EAR_JUDGED_BOOT, 3, 33, 96), files = claim_of(j, MS_EAR_JUDGED_FILES, 2, 33, 33);
	memset(ret, 0, MS_EAR_CATEGORIES);
	ret[MS_EAR_INSTANCE_IDENTITY] = 2; /* its AK is bound to an EK that was admitted, and signed just now */
	ret[MS_EAR_HARDWARE] = claim_of(j, MS_EAR_JUDGED_HARDWARE, 2, 32, 97);
	ret[MS_EAR_CONFIGURATION] = claim_of(j, MS_EAR_JUDGED_CONFIG, 2, 32, 96);
	ret[MS_EAR_FILE_SYSTEM] = claim_of(j, MS_EAR_JUDGED_FILES, 2, 32, 96);
	/* good files make good code only where the code that measured them was judged too */
	ret[MS_EAR_EXECUTABLES] = boot == 3 && files == 2 ? 2 : files == 33 && boot != 96 ? 33 : boot;
}

/* ---- the claims ---- */

/* RFC 8259 7. What is not UTF-8 was refused before. */
static void
put_string(struct ms_buf *out, struct ms_span s)
{
	ms_buf_u8(out, '"');
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < 0x20)
			ms_buf_fmt(out, "\\u%04x", s.p[i]);
		else if (s.p[i] == '"' || s.p[i] == '\\')
			ms_buf_fmt(out, "\\%c", s.p[i]);
		else
			ms_buf_u8(out, s.p[i]);
	}
	ms_buf_u8(out, '"');
}

/* "name": with what separates it from the one before. Names are ours: nothing to escape. */
static void
put_name(struct ms_buf *out, const char *name)
{
	bool first = out->len > 0 && (out->p[out->len - 1] == '{');
	ms_buf_fmt(out, "%s\"%s\":", first ? "" : ",", name);
}

static void
put_text(struct ms_buf *out, const char *name, struct ms_span value)
{
	put_name(out, name);
	put_string(out, value);
}

static void
put_uint(struct ms_buf *out, const char *name, uint64_t value)
{
	put_name(out, name);
	ms_buf_fmt(out, "%llu", (unsigned long long)value);
}

static void
put_hex(struct ms_buf *out, const char *name, struct ms_span value)
{
	char text[2 * ID_LEN + 1];
	ms_hex(value.p, value.len, text);
	put_text(out, name, ms_span_str(text));
}

static void
put_bytes(struct ms_buf *out, const char *name, struct ms_span value)
{
	char text[MS_BASE64URL_LEN(MS_EAR_NONCE_MAX) + 1];
	ms_base64url(value.p, value.len, text);
	put_text(out, name, ms_span_str(text));
}

static enum ms_rc
check(const struct ms_ear *e, struct ms_err *err)
{
	const struct ms_span ids[] = {e->ek_hash, e->policy, e->evidence, e->log_leaf};
	const struct ms_span names[] = {e->trust_domain, e->tenant, e->device, e->log_origin};
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
		if (ids[i].len != ID_LEN)
			return ms_fail(err, MS_ERR_USAGE, "EAR: an id of %zu bytes", ids[i].len);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].len == 0 || names[i].len > NAME_MAX_LEN || !ms_utf8_ok(names[i]))
			return ms_fail(err, MS_ERR_USAGE, "EAR: a name of %zu bytes", names[i].len);
	if (e->deployment.len != DEPLOYMENT_LEN)
		return ms_fail(err, MS_ERR_USAGE, "EAR: deployment of %zu bytes", e->deployment.len);
	if (e->nonce.len != 0 && (e->nonce.len < MS_EAR_NONCE_MIN || e->nonce.len > MS_EAR_NONCE_MAX))
		return ms_fail(err, MS_ERR_USAGE, "EAR: a nonce has %u to %u bytes", MS_EAR_NONCE_MIN, MS_EAR_NONCE_MAX);
	if (e->audience.len > MS_EAR_AUDIENCE_MAX || !ms_utf8_ok(e->audience))
		return ms_fail(err, MS_ERR_USAGE, "EAR: audience");
	if (e->expires_s <= e->issued_s || e->expires_s - e->issued_s > MS_EAR_LIFE_MAX_S)
		return ms_fail(err, MS_ERR_USAGE, "EAR: a result lives 1 to %u s", MS_EAR_LIFE_MAX_S);
	return ms_ear_judged_check(&e->judged, err);
}

static void
put_vector(const struct ms_ear *e, struct ms_buf *out)
{
	int8_t v[MS_EAR_CATEGORIES];
	ms_ear_vector(&e->judged, v);
	put_name(out, "ear_trustworthiness_vector");
	ms_buf_u8(out, '{');
	for (unsigned i = 0; i < MS_EAR_CATEGORIES; i++) {
		put_name(out, categories[i]);
		ms_buf_fmt(out, "%d", v[i]);
	}
	ms_buf_u8(out, '}');
}

/* The one attester, and what the verifier says of it beyond the vector. */
static void
put_submod(const struct ms_ear *e, const char *status, struct ms_buf *out)
{
	char text[MS_BASE64URL_LEN(ID_LEN) + 1];
	uint8_t ueid[1 + ID_LEN] = {UEID_RAND};
	memcpy(ueid + 1, e->ek_hash.p, ID_LEN);
	ms_base64url(e->policy.p, e->policy.len, text);
	put_name(out, MS_EAR_SUBMOD);
	ms_buf_u8(out, '{');
	put_name(out, "ear_appraisal_policy_ids");
	ms_buf_fmt(out, "[\"ni:///sha-256;%s\"]", text); /* RFC 6920 */
	put_name(out, "ear_attester_claims");
	ms_buf_u8(out, '{');
	put_bytes(out, "ueid", ms_span(ueid, sizeof ueid));
	ms_buf_u8(out, '}');
	put_text(out, "ear_status", ms_span_str(status));
	put_vector(e, out);
	put_name(out, "ear_verifier_claims");
	ms_buf_u8(out, '{');
	put_text(out, "muster_assurance", ms_span_str((e->judged.judged & MS_EAR_JUDGED_HARDWARE) != 0 ? "hardware" : "software"));
	put_hex(out, "muster_deployment", e->deployment);
	put_text(out, "muster_device", e->device);
	put_hex(out, "muster_evidence", e->evidence);
	put_uint(out, "muster_log_index", e->log_index);
	put_hex(out, "muster_log_leaf", e->log_leaf);
	put_text(out, "muster_log_origin", e->log_origin);
	put_text(out, "muster_tenant", e->tenant);
	ms_buf_str(out, "}}");
}

enum ms_rc
ms_ear_build(const struct ms_ear *e, struct ms_buf *out, struct ms_err *err)
{
	const char *status = ms_ear_tier_name(ms_ear_status(&e->judged));
	MS_OWN(ms_buf_fini) struct ms_buf id = {0};
	ms_buf_init(&id, 1024);
	enum ms_rc rc = check(e, err);
	if (rc == MS_OK)
		rc = ms_cert_spiffe_id(e->trust_domain, e->tenant, e->device, &id, err);
	if (rc != MS_OK)
		return rc;
	ms_buf_u8(out, '{');
	if (e->audience.len > 0)
		put_text(out, "aud", e->audience);
	put_text(out, "ear_status", ms_span_str(status));
	put_name(out, "ear_verifier_id");
	ms_buf_u8(out, '{');
	put_text(out, "build", ms_span_str(e->build));
	put_text(out, "developer", ms_span_str("Muster"));
	ms_buf_u8(out, '}');
	if (e->nonce.len > 0)
		put_bytes(out, "eat_nonce", e->nonce);
	put_text(out, "eat_profile", ms_span_str(MS_EAR_PROFILE));
	put_uint(out, "exp", e->expires_s);
	put_uint(out, "iat", e->issued_s);
	put_name(out, "iss");
	ms_buf_fmt(out, "\"spiffe://%.*s\"", (int)e->trust_domain.len, (const char *)e->trust_domain.p);
	put_bytes(out, "jti", e->log_leaf);
	put_text(out, "sub", ms_buf_span(&id));
	put_name(out, "submods");
	ms_buf_u8(out, '{');
	put_submod(e, status, out);
	ms_buf_str(out, "}}");
	return ms_buf_check(out, err);
}
