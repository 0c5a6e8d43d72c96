/* What the templates of IMA lists are made of (Linux, Documentation/security/IMA-templates.rst and ima_template_lib.c). */
#include <stddef.h>
#include <string.h>

#include "codec/imalist_int.h"

static const struct {
	const char *name;
	uint8_t len;
} hashes[MS_IMA_HASH_COUNT] = {{"md4", 16}, {"md5", 16}, {"sha1", 20}, {"rmd160", 20}, {"sha256", 32}, {"sha384", 48}, {"sha512", 64},
    {"sha224", 28}, {"rmd128", 16}, {"rmd256", 32}, {"rmd320", 40}, {"wp256", 32}, {"wp384", 48}, {"wp512", 64}, {"tgr128", 16},
    {"tgr160", 20}, {"tgr192", 24}, {"sm3", 32}, {"streebog256", 32}, {"streebog512", 64}, {"sha3-256", 32}, {"sha3-384", 48},
    {"sha3-512", 64}};
static const char *const sm3_names[] = {"sm3-256", "sm3_256"}; /* of kernels before 5.17, and of other tools */

const char *
ms_ima_hash_name(uint8_t hash)
{
	return hash < MS_IMA_HASH_COUNT ? hashes[hash].name : "?";
}

size_t
ms_ima_hash_len(uint8_t hash)
{
	return hash < MS_IMA_HASH_COUNT ? hashes[hash].len : 0;
}

static bool
is(struct ms_span s, const char *text)
{
	size_t n = strlen(text);
	return s.len == n && memcmp(s.p, text, n) == 0;
}

uint8_t
ms_ima_hash_find(struct ms_span name)
{
	if (is(name, "sha256")) /* nearly always */
		return MS_IMA_HASH_SHA256;
	for (uint8_t i = 0; i < MS_IMA_HASH_COUNT; i++)
		if (is(name, hashes[i].name))
			return i;
	for (size_t i = 0; i < sizeof sm3_names / sizeof *sm3_names; i++)
		if (is(name, sm3_names[i]))
			return MS_IMA_HASH_SM3;
	return MS_IMA_HASH_COUNT;
}

enum { D, N, D_NG, D_NGV2, N_NG, SIG, BUF, D_MODSIG, MODSIG, EVMSIG, XATTRNAMES, XATTRLENGTHS, XATTRVALUES, IUID, IGID, IMODE, FIELDS };
#define AT(member) offsetof(struct ms_ima_entry, member)
static const struct {
	const char *id;
	enum ms_ima_form form;
	uint8_t uint_len;
	size_t at; /* where in the entry it goes */
} fields[FIELDS] = {
    [D] = {"d", MS_IMA_FORM_DIGEST, 0, AT(digest)},
    [N] = {"n", MS_IMA_FORM_TEXT, 0, AT(path)},
    [D_NG] = {"d-ng", MS_IMA_FORM_DIGEST_NG, 0, AT(digest)},
    [D_NGV2] = {"d-ngv2", MS_IMA_FORM_DIGEST_NG, 0, AT(digest)},
    [N_NG] = {"n-ng", MS_IMA_FORM_TEXT, 0, AT(path)},
    [SIG] = {"sig", MS_IMA_FORM_HEX, 0, AT(signature)},
    [BUF] = {"buf", MS_IMA_FORM_HEX, 0, AT(buffer)},
    [D_MODSIG] = {"d-modsig", MS_IMA_FORM_DIGEST_NG, 0, AT(modsig_digest)},
    [MODSIG] = {"modsig", MS_IMA_FORM_HEX, 0, AT(modsig)},
    [EVMSIG] = {"evmsig", MS_IMA_FORM_HEX, 0, AT(evm_signature)},
    [XATTRNAMES] = {"xattrnames", MS_IMA_FORM_TEXT, 0, AT(xattr_names)},
    [XATTRLENGTHS] = {"xattrlengths", MS_IMA_FORM_HEX, 0, AT(xattr_lengths)},
    [XATTRVALUES] = {"xattrvalues", MS_IMA_FORM_HEX, 0, AT(xattr_values)},
    [IUID] = {"iuid", MS_IMA_FORM_UINT, 4, AT(uid)},
    [IGID] = {"igid", MS_IMA_FORM_UINT, 4, AT(gid)},
    [IMODE] = {"imode", MS_IMA_FORM_UINT, 2, AT(mode)},
};
static const struct {
	const char *name;
	struct ms_ima_format format;
} templates[] = {
    {"ima", {MS_IMA_TEMPLATE_IMA, 2, {D, N}}},
    {"ima-ng", {MS_IMA_TEMPLATE_NG, 2, {D_NG, N_NG}}},
    {"ima-sig", {MS_IMA_TEMPLATE_SIG, 3, {D_NG, N_NG, SIG}}},
    {"ima-buf", {MS_IMA_TEMPLATE_BUF, 3, {D_NG, N_NG, BUF}}},
    {"ima-modsig", {MS_IMA_TEMPLATE_MODSIG, 5, {D_NG, N_NG, SIG, D_MODSIG, MODSIG}}},
    {"ima-ngv2", {MS_IMA_TEMPLATE_NGV2, 2, {D_NGV2, N_NG}}},
    {"ima-sigv2", {MS_IMA_TEMPLATE_SIGV2, 3, {D_NGV2, N_NG, SIG}}},
    {"evm-sig", {MS_IMA_TEMPLATE_EVM_SIG, 9, {D_NG, N_NG, EVMSIG, XATTRNAMES, XATTRLENGTHS, XATTRVALUES, IUID, IGID, IMODE}}},
};
#define TEMPLATES (sizeof templates / sizeof *templates)
_Static_assert(TEMPLATES == MS_IMA_TEMPLATE_CUSTOM, "a row for each template");

const char *
ms_ima_template_name(enum ms_ima_template t)
{
	return (size_t)t < TEMPLATES ? templates[t].name : "custom";
}

enum ms_ima_form
ms_ima_field_form(uint8_t field)
{
	return fields[field].form;
}

size_t
ms_ima_field_uint_len(uint8_t field)
{
	return fields[field].uint_len;
}

bool
ms_ima_field_is_name(uint8_t field)
{
	return field == N || field == N_NG;
}

static bool
is_digest(uint8_t field)
{
	return field == D || field == D_NG || field == D_NGV2;
}

/* "d-ng|n-ng|sig", each field at most once: the kernel shows the format of a template that has no name. No digest covers the name of a
 * template, so digest and path come first, as in all that have one: an entry cannot be shown as one without them. */
static bool
custom_format(struct ms_span name, struct ms_ima_format *ret)
{
	uint32_t seen = 0;
	*ret = (struct ms_ima_format){.template = MS_IMA_TEMPLATE_CUSTOM};
	for (size_t at = 0; at <= name.len;) {
		const uint8_t *bar = at < name.len ? memchr(name.p + at, '|', name.len - at) : NULL;
		size_t end = bar == NULL ? name.len : (size_t)(bar - name.p);
		uint8_t f = 0;
		while (f < FIELDS && !is(ms_span(name.p + at, end - at), fields[f].id))
			f++;
		if (f == FIELDS || (seen >> f & 1) != 0 || ret->n == MS_IMA_FIELDS_MAX)
			return false;
		seen |= UINT32_C(1) << f;
		ret->field[ret->n++] = f;
		at = end + 1;
	}
	return ret->n >= 2 && is_digest(ret->field[0]) && ms_ima_field_is_name(ret->field[1]);
}

bool
ms_ima_format_find(struct ms_span name, struct ms_ima_format *ret)
{
	for (size_t i = 0; i < TEMPLATES; i++) {
		if (is(name, templates[i].name)) {
			*ret = templates[i].format;
			return true;
		}
	}
	return name.len > 0 && custom_format(name, ret);
}

/* DATA_FMT_DIGEST_WITH_ALGO: hash, ':', NUL, digest; d-ngv2 has "ima:" or "verity:" before it. */
static enum ms_rc
parse_digest_ng(uint8_t field, struct ms_span s, bool violation, struct ms_ima_digest *ret, struct ms_err *err)
{
	const uint8_t *nul = s.len == 0 ? NULL : memchr(s.p, 0, s.len);
	struct ms_ima_digest d = {.type = MS_IMA_DIGEST_PLAIN};
	if (s.len == 0 && field == D_MODSIG) {
		*ret = d;
		return MS_OK;
	}
	if (nul == NULL || nul == s.p || nul[-1] != ':')
		return ms_fail(err, MS_ERR_MALFORMED, "digest without the name of its hash");
	struct ms_span name = ms_span(s.p, (size_t)(nul - s.p) - 1);
	d.value = ms_span(nul + 1, s.len - name.len - 2);
	if (field == D_NGV2) {
		const uint8_t *colon = memchr(name.p, ':', name.len);
		struct ms_span type = ms_span(name.p, colon == NULL ? 0 : (size_t)(colon - name.p));
		if (!is(type, "ima") && !is(type, "verity"))
			return ms_fail(err, MS_ERR_MALFORMED, "digest that is neither \"ima:\" nor \"verity:\"");
		d.type = type.len == 3 ? MS_IMA_DIGEST_IMA : MS_IMA_DIGEST_VERITY;
		name = ms_span(colon + 1, name.len - type.len - 1);
	}
	d.hash = ms_ima_hash_find(name);
	if (d.hash == MS_IMA_HASH_COUNT)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "digest of a hash that no kernel has");
	if (d.value.len > MS_IMA_DIGEST_MAX || (!violation && d.value.len != ms_ima_hash_len(d.hash)))
		return ms_fail(err, MS_ERR_MALFORMED, "%s digest of %zu bytes", ms_ima_hash_name(d.hash), d.value.len);
	*ret = d;
	return MS_OK;
}

/* DATA_FMT_STRING: with its NUL. */
static enum ms_rc
parse_text(uint8_t field, struct ms_span s, struct ms_span *ret, struct ms_err *err)
{
	if (s.len == 0 && field == XATTRNAMES)
		return MS_OK;
	if (s.len > MS_IMA_PATH_MAX + 1)
		return ms_fail(err, MS_ERR_TOO_BIG, "%s of %zu bytes, %u are read", fields[field].id, s.len - 1, MS_IMA_PATH_MAX);
	if (s.len == 0 || memchr(s.p, 0, s.len) != s.p + s.len - 1)
		return ms_fail(err, MS_ERR_MALFORMED, "%s does not end with its first NUL", fields[field].id);
	*ret = ms_span(s.p, s.len - 1);
	return MS_OK;
}

static enum ms_rc
parse_field(uint8_t field, struct ms_span s, struct ms_ima_entry *e, struct ms_err *err)
{
	void *at = (uint8_t *)e + fields[field].at;
	struct ms_rd rd = ms_rd_span(s);
	switch (fields[field].form) {
	case MS_IMA_FORM_DIGEST:
		if (s.len != 20)
			return ms_fail(err, MS_ERR_MALFORMED, "digest of %zu bytes", s.len);
		*(struct ms_ima_digest *)at = (struct ms_ima_digest){.value = s, .hash = MS_IMA_HASH_SHA1};
		return MS_OK;
	case MS_IMA_FORM_DIGEST_NG:
		return parse_digest_ng(field, s, e->violation, at, err);
	case MS_IMA_FORM_TEXT:
		return parse_text(field, s, at, err);
	case MS_IMA_FORM_UINT:
		if (s.len != 0 && s.len != fields[field].uint_len)
			return ms_fail(err, MS_ERR_MALFORMED, "%s of %zu bytes", fields[field].id, s.len);
		if (s.len != 0)
			*(uint32_t *)at = s.len == 2 ? ms_rd_le16(&rd) : ms_rd_le32(&rd);
		return MS_OK;
	case MS_IMA_FORM_HEX:
		break;
	}
	if (s.len > MS_IMA_FIELD_LEN_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "%s of %zu bytes, %u are read", fields[field].id, s.len, MS_IMA_FIELD_LEN_MAX);
	*(struct ms_span *)at = s;
	return MS_OK;
}

/* Template "ima": digest, length, name; neither the length of the digest nor the name's NUL is there. */
static enum ms_rc
parse_ima(struct ms_ima_entry *e, struct ms_err *err)
{
	struct ms_rd rd = ms_rd_span(e->data);
	e->digest = (struct ms_ima_digest){.value = ms_rd_bytes(&rd, 20), .hash = MS_IMA_HASH_SHA1};
	uint32_t len = ms_rd_le32(&rd);
	e->path = ms_rd_bytes(&rd, len);
	if (!ms_rd_done(&rd) || len > 255 || (len != 0 && memchr(e->path.p, 0, len) != NULL))
		return ms_fail(err, MS_ERR_MALFORMED, "name of %u bytes", len);
	return MS_OK;
}

enum ms_rc
ms_ima_fields_parse(const struct ms_ima_format *f, struct ms_ima_entry *e, struct ms_err *err)
{
	if (f->template == MS_IMA_TEMPLATE_IMA)
		return parse_ima(e, err);
	struct ms_rd rd = ms_rd_span(e->data);
	for (size_t i = 0; i < f->n; i++) {
		uint32_t len = ms_rd_le32(&rd);
		struct ms_span s = ms_rd_bytes(&rd, len);
		if (rd.bad)
			return ms_fail(err, MS_ERR_MALFORMED, "template data end within %s", fields[f->field[i]].id);
		enum ms_rc rc = parse_field(f->field[i], s, e, err);
		if (rc != MS_OK)
			return rc;
	}
	return ms_rd_done(&rd) ? MS_OK : ms_fail(err, MS_ERR_MALFORMED, "%zu bytes after the last field", ms_rd_left(&rd));
}
