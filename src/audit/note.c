#include "audit/note.h"
#include <stdlib.h>
#include <string.h>

#define TYPE_ED25519 0x01u
static const char dash[] = "\xe2\x80\x94 "; /* U+2014, space */
#define DASH_LEN (sizeof dash - 1)

struct ms_vkey {
	char name[MS_NOTE_NAME_MAX + 1];
	uint8_t id[MS_NOTE_KEY_ID_LEN];
	uint8_t fingerprint[MS_SHA256_LEN];
	struct ms_pubkey *pub;
};

static const uint8_t *
find_byte(struct ms_span s, uint8_t b)
{
	return s.len == 0 ? NULL : memchr(s.p, b, s.len);
}

/* The code point at *p, which is well-formed UTF-8; moves *p on. */
static uint32_t
next_code_point(const uint8_t **p)
{
	const uint8_t *c = *p;
	unsigned more = *c < 0x80 ? 0 : *c < 0xe0 ? 1 : *c < 0xf0 ? 2 : 3;
	uint32_t v = more == 0 ? *c : *c & (0x3fu >> more);
	for (unsigned i = 1; i <= more; i++)
		v = v << 6 | (c[i] & 0x3fu);
	*p += 1 + more;
	return v;
}

/* White_Space of the Unicode character database. */
static bool
is_space(uint32_t c)
{
	return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
	       c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

bool
ms_note_name_ok(struct ms_span name)
{
	if (name.len == 0 || name.len > MS_NOTE_NAME_MAX || !ms_utf8_ok(name))
		return false;
	for (const uint8_t *p = name.p; p < name.p + name.len;) {
		uint32_t c = next_code_point(&p);
		if (c < 0x20 || c == '+' || is_space(c))
			return false;
	}
	return true;
}

static bool
text_ok(struct ms_span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] < 0x20 && s.p[i] != '\n')
			return false;
	return ms_utf8_ok(s);
}

/* key ID = SHA-256(key name || 0x0A || signature type || public key)[:4] */
static void
key_id(const char *name, const uint8_t raw[static MS_ED25519_LEN], uint8_t out[static MS_NOTE_KEY_ID_LEN])
{
	static const uint8_t middle[2] = {'\n', TYPE_ED25519};
	struct ms_span parts[3] = {ms_span_str(name), ms_span(middle, 2), ms_span(raw, MS_ED25519_LEN)};
	uint8_t digest[MS_SHA256_LEN];
	ms_sha256v(parts, 3, digest);
	memcpy(out, digest, MS_NOTE_KEY_ID_LEN);
}

enum ms_rc
ms_vkey_new(const char *name, const uint8_t raw[static MS_ED25519_LEN], struct ms_vkey **ret, struct ms_err *err)
{
	if (!ms_note_name_ok(ms_span_str(name)))
		return ms_fail(err, MS_ERR_MALFORMED, "vkey: the key's name");
	MS_OWN(ms_vkey_free) struct ms_vkey *v = calloc(1, sizeof *v);
	if (v == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "vkey");
	enum ms_rc rc = ms_pubkey_from_ed25519(raw, &v->pub, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "vkey");
	memcpy(v->name, name, strlen(name));
	key_id(name, raw, v->id);
	struct ms_span parts[2] = {ms_span(raw, MS_ED25519_LEN), ms_span_str(name)};
	ms_sha256v(parts, 2, v->fingerprint);
	*ret = v;
	v = NULL;
	return MS_OK;
}

enum ms_rc
ms_vkey_parse(struct ms_span text, struct ms_vkey **ret, struct ms_err *err)
{
	char name[MS_NOTE_NAME_MAX + 1] = {0};
	uint8_t id[MS_NOTE_KEY_ID_LEN], key[1 + MS_ED25519_LEN];
	size_t key_len;
	const uint8_t *plus = text.len <= MS_VKEY_TEXT_MAX ? find_byte(text, '+') : NULL;
	if (plus == NULL)
		return ms_fail(err, MS_ERR_MALFORMED, "vkey: not name+id+key");
	struct ms_span n = ms_span(text.p, (size_t)(plus - text.p));
	struct ms_span rest = ms_span(plus + 1, text.len - n.len - 1);
	if (!ms_note_name_ok(n) || rest.len < 9 || rest.p[8] != '+' || ms_unhex((const char *)rest.p, 8, id, sizeof id) != MS_OK ||
	    ms_unbase64((const char *)rest.p + 9, rest.len - 9, key, sizeof key, &key_len) != MS_OK || key_len == 0)
		return ms_fail(err, MS_ERR_MALFORMED, "vkey: not name+id+key");
	if (key[0] != TYPE_ED25519)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "vkey: signature type %u", key[0]);
	if (key_len != sizeof key)
		return ms_fail(err, MS_ERR_MALFORMED, "vkey: %zu bytes of key", key_len);
	memcpy(name, n.p, n.len);
	MS_OWN(ms_vkey_free) struct ms_vkey *v = NULL;
	enum ms_rc rc = ms_vkey_new(name, key + 1, &v, err);
	if (rc != MS_OK)
		return rc;
	if (!ms_span_eq(ms_span(id, sizeof id), ms_span(v->id, sizeof v->id)))
		return ms_fail(err, MS_ERR_MALFORMED, "vkey: the key id is not that of the name and key");
	*ret = v;
	v = NULL;
	return MS_OK;
}

void
ms_vkey_free(struct ms_vkey *v)
{
	if (v == NULL)
		return;
	ms_pubkey_free(v->pub);
	free(v);
}

const char *
ms_vkey_name(const struct ms_vkey *v)
{
	return v->name;
}

const uint8_t *
ms_vkey_fingerprint(const struct ms_vkey *v)
{
	return v->fingerprint;
}

const struct ms_pubkey *
ms_vkey_pubkey(const struct ms_vkey *v)
{
	return v->pub;
}

void
ms_vkey_build(const struct ms_vkey *v, struct ms_buf *out)
{
	uint8_t key[1 + MS_ED25519_LEN] = {TYPE_ED25519};
	char hex[2 * MS_NOTE_KEY_ID_LEN + 1], b64[MS_BASE64_LEN(sizeof key) + 1];
	memcpy(key + 1, ms_pubkey_point(v->pub).p, MS_ED25519_LEN);
	ms_hex(v->id, sizeof v->id, hex);
	ms_base64(key, sizeof key, b64);
	ms_buf_fmt(out, "%s+%s+%s", v->name, hex, b64);
}

/* "\u2014 <name> <base64>", without its newline. */
static enum ms_rc
parse_line(struct ms_span line, struct ms_note_sig *ret, struct ms_err *err)
{
	uint8_t raw[MS_NOTE_SIG_MAX];
	size_t len;
	if (line.len < DASH_LEN || !ms_span_eq(ms_span(line.p, DASH_LEN), ms_span(dash, DASH_LEN)))
		return ms_fail(err, MS_ERR_MALFORMED, "note: not a signature line");
	struct ms_span rest = ms_span(line.p + DASH_LEN, line.len - DASH_LEN);
	const uint8_t *space = find_byte(rest, ' ');
	if (space == NULL)
		return ms_fail(err, MS_ERR_MALFORMED, "note: a signature line without signature");
	struct ms_note_sig sig = {.name = ms_span(rest.p, (size_t)(space - rest.p))};
	const char *b64 = (const char *)space + 1;
	size_t b64_len = rest.len - sig.name.len - 1;
	if (b64_len > MS_BASE64_LEN(sizeof raw))
		return ms_fail(err, MS_ERR_TOO_BIG, "note: a signature of %zu characters", b64_len);
	if (!ms_note_name_ok(sig.name) || ms_unbase64(b64, b64_len, raw, sizeof raw, &len) != MS_OK || len <= MS_NOTE_KEY_ID_LEN)
		return ms_fail(err, MS_ERR_MALFORMED, "note: key name or base64 of a signature");
	memcpy(sig.id, raw, sizeof sig.id);
	sig.len = len - sizeof sig.id;
	if (sig.len == sizeof sig.sig)
		memcpy(sig.sig, raw + sizeof sig.id, sizeof sig.sig);
	*ret = sig;
	return MS_OK;
}

/* Length of the text: up to and with the newline before the last empty line. 0: there is none. */
static size_t
text_length(struct ms_span s)
{
	for (size_t i = s.len; i >= 2; i--)
		if (s.p[i - 1] == '\n' && s.p[i - 2] == '\n')
			return i - 1;
	return 0;
}

enum ms_rc
ms_note_parse(struct ms_span s, struct ms_note_raw *ret, struct ms_err *err)
{
	if (s.len > MS_NOTE_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "note: %zu bytes", s.len);
	size_t text = text_length(s);
	if (text == 0 || s.p[s.len - 1] != '\n' || !text_ok(s))
		return ms_fail(err, MS_ERR_MALFORMED, "note: not text, an empty line and signature lines");
	ret->text = ms_span(s.p, text);
	ret->n = 0;
	struct ms_span left = ms_span(s.p + text + 1, s.len - text - 1);
	if (left.len == 0)
		return ms_fail(err, MS_ERR_MALFORMED, "note: no signature");
	while (left.len != 0) {
		const uint8_t *end = find_byte(left, '\n');
		size_t len = (size_t)(end - left.p); /* there is one: s ends with it */
		if (ret->n == MS_NOTE_SIGS_MAX)
			return ms_fail(err, MS_ERR_TOO_BIG, "note: more than %u signatures", MS_NOTE_SIGS_MAX);
		enum ms_rc rc = parse_line(ms_span(left.p, len), &ret->sigs[ret->n++], err);
		if (rc != MS_OK)
			return rc;
		left = ms_span(end + 1, left.len - len - 1);
	}
	return MS_OK;
}

enum ms_rc
ms_note_verify(struct ms_span s, const struct ms_vkey *v, struct ms_note *ret, struct ms_err *err)
{
	struct ms_note_raw raw;
	size_t ours = 0;
	enum ms_rc rc = ms_note_parse(s, &raw, err);
	if (rc != MS_OK)
		return rc;
	for (size_t i = 0; i < raw.n; i++) {
		const struct ms_note_sig *sig = &raw.sigs[i];
		if (!ms_span_eq(sig->name, ms_span_str(v->name)) ||
		    !ms_span_eq(ms_span(sig->id, sizeof sig->id), ms_span(v->id, sizeof v->id)))
			continue;
		if (sig->len != MS_SIG_LEN)
			return ms_fail(err, MS_ERR_AUTH, "note: a signature of %zu bytes by %s", sig->len, v->name);
		rc = ms_pubkey_verify(v->pub, MS_SIG_ED25519, raw.text, ms_span(sig->sig, MS_SIG_LEN), err);
		if (rc != MS_OK)
			return ms_prefix(err, rc, "note: signature by %s", v->name);
		ours++;
	}
	if (ours == 0)
		return ms_fail(err, MS_ERR_AUTH, "note: not signed by %s", v->name);
	*ret = (struct ms_note){.text = raw.text, .others = raw.n - ours};
	return MS_OK;
}

enum ms_rc
ms_note_build(struct ms_span text, const char *name, const struct ms_signer *signer, struct ms_buf *out, struct ms_err *err)
{
	uint8_t sig[MS_NOTE_KEY_ID_LEN + MS_SIG_LEN];
	char b64[MS_BASE64_LEN(sizeof sig) + 1];
	if (!ms_note_name_ok(ms_span_str(name)) || ms_pubkey_type(signer->pub) != MS_KEY_ED25519)
		return ms_fail(err, MS_ERR_USAGE, "note: name or type of the key");
	if (text.len == 0 || text.len > MS_NOTE_MAX / 2 || text.p[text.len - 1] != '\n' || !text_ok(text))
		return ms_fail(err, MS_ERR_USAGE, "note: the text");
	key_id(name, ms_pubkey_point(signer->pub).p, sig);
	enum ms_rc rc = ms_signer_sign(signer, text, sig + MS_NOTE_KEY_ID_LEN, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "note");
	ms_base64(sig, sizeof sig, b64);
	ms_buf_put_span(out, text);
	ms_buf_fmt(out, "\n%s%s %s\n", dash, name, b64);
	return ms_buf_check(out, err);
}
