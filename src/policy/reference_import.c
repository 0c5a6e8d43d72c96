#include "policy/reference_import.h"

#include <stdlib.h>
#include <string.h>

#include "codec/der.h"
#include "codec/pem.h"
#include "evidence/bootlog.h"
#include "evidence/ima.h"

#define LINE_MAX_LEN (2u * MS_REFERENCE_PATH_MAX + 2u * MS_HASH_LEN_MAX + 8u)

/* ---- PCRs, boot logs, IMA lists ---- */

static enum ms_rc
add_pcrs(struct ms_reference_builder *b, const struct ms_pcrs *p, uint32_t mask, const char *what, struct ms_err *err)
{
	enum ms_rc rc = MS_OK;
	if ((p->mask & mask) == 0)
		return ms_fail(err, MS_ERR_USAGE, "%s: no value of the PCRs that are asked for", what);
	for (unsigned i = 0; rc == MS_OK && i < MS_TPM_PCR_COUNT; i++)
		if ((p->mask & mask & UINT32_C(1) << i) != 0)
			rc = ms_reference_add_pcr(b, i, p->value[i], err);
	return rc;
}

enum ms_rc
ms_reference_import_pcrs(struct ms_reference_builder *b, struct ms_span json, uint32_t mask, struct ms_err *err)
{
	struct ms_pcr_banks banks;
	struct ms_pcrs p;
	enum ms_rc rc = ms_pcr_banks_parse_json(json, &banks, err);
	const struct ms_pcr_bank *bank = rc == MS_OK ? ms_pcr_banks_find(&banks, MS_TPM_ALG_SHA256) : NULL;
	if (rc == MS_OK && bank == NULL)
		rc = ms_fail(err, MS_ERR_USAGE, "PCR values: none of the sha256 bank, which policies judge");
	if (rc == MS_OK)
		rc = ms_pcr_bank_sha256(bank, &p, err);
	return rc == MS_OK ? add_pcrs(b, &p, mask, "PCR values", err) : rc;
}

enum ms_rc
ms_reference_import_boot_log(struct ms_reference_builder *b, struct ms_span log, uint32_t pcrs, uint32_t events, struct ms_err *err)
{
	struct ms_bootlog_caps caps = {.bytes = MS_REFERENCE_BOOT_LOG_MAX, .events = MS_APPRAISAL_BOOT_MAX, .event_bytes = 1u << 20};
	MS_OWN(ms_appraisal_free) struct ms_appraisal *a = NULL;
	struct ms_pcrs p;
	enum ms_rc rc = ms_appraisal_new(&a, err);
	if (rc == MS_OK)
		rc = ms_bootlog_appraise(log, &caps, a, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "boot log");
	ms_appraisal_boot_pcrs(a, &p);
	if (pcrs != 0)
		rc = add_pcrs(b, &p, pcrs, "boot log", err);
	return rc == MS_OK && events != 0 ? ms_reference_add_appraisal(b, a, events, false, err) : rc;
}

enum ms_rc
ms_reference_import_ima(struct ms_reference_builder *b, struct ms_span list, struct ms_err *err)
{
	struct ms_ima_evidence ev = {.list = list, .caps = MS_IMA_CAPS_OFFLINE};
	MS_OWN(ms_appraisal_free) struct ms_appraisal *a = NULL;
	enum ms_rc rc = ms_appraisal_new(&a, err);
	if (rc == MS_OK)
		rc = ms_ima_appraise(&ev, a, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "IMA list");
	return ms_reference_add_appraisal(b, a, 0, true, err);
}

/* ---- lines of digests ---- */

/* Kernel's number of the hash whose digest has so many digits; 0: none. */
static uint8_t
hash_of_digits(size_t n)
{
	static const uint8_t hashes[] = {MS_IMA_HASH_SHA1, MS_IMA_HASH_SHA256, MS_IMA_HASH_SHA384, MS_IMA_HASH_SHA512};
	for (size_t i = 0; i < sizeof hashes; i++)
		if (2 * ms_ima_hash_len(hashes[i]) == n)
			return hashes[i];
	return 0;
}

/* coreutils: in an escaped line \\ is a backslash, \n a newline, \r a return. */
static bool
unescape(struct ms_span s, struct ms_buf *out)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] != '\\') {
			ms_buf_u8(out, s.p[i]);
			continue;
		}
		char c = ++i < s.len ? (char)s.p[i] : '\0';
		if (c != '\\' && c != 'n' && c != 'r')
			return false;
		ms_buf_u8(out, (uint8_t)(c == 'n' ? '\n' : c == 'r' ? '\r' : '\\'));
	}
	return true;
}

static enum ms_rc
add_line(struct ms_reference_builder *b, struct ms_span line, size_t number, struct ms_err *err)
{
	uint8_t digest[MS_HASH_LEN_MAX];
	MS_OWN(ms_buf_fini) struct ms_buf path = {0};
	ms_buf_init(&path, LINE_MAX_LEN);
	bool escaped = line.len > 0 && line.p[0] == '\\';
	if (escaped)
		line = ms_span(line.p + 1, line.len - 1);
	const uint8_t *space = line.len == 0 ? NULL : memchr(line.p, ' ', line.len);
	size_t digits = space == NULL ? 0 : (size_t)(space - line.p);
	uint8_t hash = hash_of_digits(digits);
	if (hash == 0 || line.len > LINE_MAX_LEN || line.len < digits + 3 || (space[1] != ' ' && space[1] != '*') ||
	    ms_unhex((const char *)line.p, digits, digest, digits / 2) != MS_OK)
		return ms_fail(err, MS_ERR_USAGE, "line %zu: a digest, two spaces and a path are wanted, as sha256sum writes them", number);
	struct ms_span name = ms_span(space + 2, line.len - digits - 2);
	if (name.len > 1 && name.p[0] == '.' && name.p[1] == '/') /* as find in the root of an image names them */
		name = ms_span(name.p + 1, name.len - 1);
	if (name.p[0] != '/')
		return ms_fail(err, MS_ERR_USAGE, "line %zu: a path begins with / (or with ./, which is read so)", number);
	if (!escaped)
		ms_buf_put_span(&path, name);
	else if (!unescape(name, &path))
		return ms_fail(err, MS_ERR_USAGE, "line %zu: the path is escaped in no way that sha256sum has", number);
	enum ms_rc rc = ms_buf_check(&path, err);
	if (rc == MS_OK)
		rc = ms_reference_add_file(b, ms_buf_span(&path), hash, ms_span(digest, digits / 2), err);
	return rc == MS_OK ? rc : ms_prefix(err, rc, "line %zu", number);
}

enum ms_rc
ms_reference_import_sums(struct ms_reference_builder *b, struct ms_span text, struct ms_err *err)
{
	size_t number = 0;
	enum ms_rc rc = MS_OK;
	for (size_t at = 0; rc == MS_OK && at < text.len;) {
		const uint8_t *end = memchr(text.p + at, '\n', text.len - at);
		size_t len = end == NULL ? text.len - at : (size_t)(end - (text.p + at));
		number++;
		rc = add_line(b, ms_span(text.p + at, len), number, err);
		at += len + 1;
	}
	return rc == MS_OK && number == 0 ? ms_fail(err, MS_ERR_USAGE, "the list of files is empty") : rc;
}

static void
put_path(struct ms_buf *out, struct ms_span path)
{
	for (size_t i = 0; i < path.len; i++) {
		char c = (char)path.p[i];
		if (c == '\\' || c == '\n' || c == '\r')
			ms_buf_fmt(out, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : '\\');
		else
			ms_buf_u8(out, (uint8_t)c);
	}
}

enum ms_rc
ms_reference_export_sums(const struct ms_reference *r, struct ms_buf *out, struct ms_err *err)
{
	char hex[2 * MS_HASH_LEN_MAX + 1];
	for (size_t i = 0; i < ms_reference_n_files(r); i++) {
		struct ms_reference_file f = ms_reference_file_at(r, i);
		if (hash_of_digits(2 * f.digest.len) != f.hash)
			return ms_fail(err, MS_ERR_UNSUPPORTED, "digests of hash %u have no form in a list of files", f.hash);
		ms_hex(f.digest.p, f.digest.len, hex);
		bool escape = false;
		for (size_t k = 0; k < f.path.len; k++)
			escape = escape || f.path.p[k] == '\\' || f.path.p[k] == '\n' || f.path.p[k] == '\r';
		ms_buf_fmt(out, "%s%s  ", escape ? "\\" : "", hex);
		if (escape)
			put_path(out, f.path);
		else
			ms_buf_put_span(out, f.path);
		ms_buf_u8(out, '\n');
	}
	return ms_buf_check(out, err);
}

/* ---- keys ---- */

enum ms_rc
ms_reference_import_keys(struct ms_reference_builder *b, struct ms_span pem_or_der, struct ms_err *err)
{
	char label[MS_PEM_LABEL_MAX];
	MS_OWN(ms_buf_fini) struct ms_buf der = {0};
	MS_OWN(ms_ima_keyring_free) struct ms_ima_keyring *ring = NULL; /* takes only what can verify a signature */
	size_t from = 0, n = 0;
	enum ms_rc good = ms_ima_keyring_new(&ring, err);
	if (good == MS_OK)
		good = ms_ima_keyring_add(ring, pem_or_der, err);
	if (good != MS_OK)
		return ms_prefix(err, good, "key");
	if (!ms_pem_is(pem_or_der))
		return ms_reference_add_key(b, pem_or_der, err);
	ms_buf_init(&der, MS_PEM_BLOCK_MAX);
	for (;; n++) {
		ms_buf_reset(&der);
		enum ms_rc rc = ms_pem_next(pem_or_der, &from, label, &der, err);
		if (rc == MS_ERR_NOT_FOUND)
			break;
		if (rc == MS_OK && strstr(label, "PRIVATE") != NULL)
			rc = ms_fail(err, MS_ERR_USAGE, "this is a private key: only its public half belongs here");
		if (rc == MS_OK)
			rc = ms_reference_add_key(b, ms_buf_span(&der), err);
		if (rc != MS_OK)
			return rc;
	}
	return n > 0 ? MS_OK : ms_fail(err, MS_ERR_USAGE, "no key or certificate in it");
}

/* SubjectPublicKeyInfo begins with an AlgorithmIdentifier, whose first member is an OID; a TBSCertificate does not. */
static const char *
label_of(struct ms_span der)
{
	struct ms_der d = ms_der_over(der);
	struct ms_der outer = ms_der_enter(&d, MS_DER_SEQUENCE);
	if (ms_der_peek(&outer) == MS_DER_INTEGER)
		return "RSA PUBLIC KEY";
	struct ms_der inner = ms_der_enter(&outer, MS_DER_SEQUENCE);
	return ms_der_peek(&inner) == MS_DER_OID ? "PUBLIC KEY" : "CERTIFICATE";
}

enum ms_rc
ms_reference_export_key(struct ms_span der, struct ms_buf *out, struct ms_err *err)
{
	const char *label = label_of(der);
	char *text = malloc(MS_BASE64_LEN(der.len) + 1);
	if (text == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "key");
	ms_base64(der.p, der.len, text);
	ms_buf_fmt(out, "-----BEGIN %s-----\n", label);
	for (size_t i = 0, n = strlen(text); i < n; i += 64)
		ms_buf_fmt(out, "%.64s\n", text + i);
	ms_buf_fmt(out, "-----END %s-----\n", label);
	free(text);
	return ms_buf_check(out, err);
}
