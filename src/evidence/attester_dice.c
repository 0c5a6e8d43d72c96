/* DICE certificate chains: each layer of a boot certifies the next. X.509 with TCG's extensions ("DICE Attestation
 * Architecture" 1.1, section 6) or Open DICE's ("Open Profile for DICE" 2.5, X.509 and CBOR certificates); CBOR chains as
 * [key of the first layer, certificate, ...]. Layer 0 is the one that the anchor certifies. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/certview.h"
#include "codec/pem.h"
#include "crypto/certlink.h"
#include "crypto/cosesig_any.h"
#include "evidence/attester_int.h"

#define LAYERS_MAX 16u
#define TCB_INFOS_MAX 64u
#define FWIDS_MAX 32u

/* What walking a chain yields beside claims. */
struct walk {
	struct ms_findings f;
	bool debug;               /* a layer that is not in normal mode */
	size_t layers, described; /* certificates; those of them that say something of DICE */
	struct ms_pubkey *leaf;
	char prefix[24]; /* number of the layer at hand */
	bool bad;        /* a DICE extension that is not as its standard says */
};

static void
walk_fini(struct walk *w)
{
	ms_pubkey_free(w->leaf);
}
MS_CLEANUP_FINI(struct walk, walk_fini)

static void
begin_layer(struct walk *w, size_t n)
{
	(void)snprintf(w->prefix, sizeof w->prefix, "%zu", n);
	w->layers = n + 1;
}

/* ---- what Open DICE says of a layer, whether in DER or in CBOR ---- */

enum input { CODE_HASH, CONFIG_HASH, CONFIG_DESCRIPTOR, AUTHORITY_HASH, N_INPUTS };
static const char *const input_claims[N_INPUTS] = {"dice.code-hash", "dice.config-hash", "dice.config-descriptor", "dice.authority-hash"};
static const char *const mode_names[] = {"not-configured", "normal", "debug", "recovery"};
enum { MODE_NORMAL = 1, N_MODES = sizeof mode_names / sizeof *mode_names };

/* Android's profile has names and versions in the descriptor; others may have anything. */
static void
find_component(struct walk *w, struct ms_span descriptor)
{
	enum { NAME = -70002, VERSION = -70003, SECURITY_VERSION = -70005 };
	struct ms_any map, a;
	struct ms_span text;
	uint64_t n;
	if (descriptor.len == 0 || ms_any_parse(descriptor, &map, NULL) != MS_OK || map.type != MS_ANY_MAP)
		return;
	if (ms_any_get(&map, NAME, &a) && ms_any_is_text(&a, &text))
		ms_find_label(&w->f, "dice.component", w->prefix, text);
	if (ms_any_get(&map, VERSION, &a)) {
		if (ms_any_is_text(&a, &text))
			ms_find_label(&w->f, "dice.component-version", w->prefix, text);
		else if (ms_any_is_uint(&a, &n))
			ms_find_fmt(&w->f, "dice.component-version", "%s:%ju", w->prefix, (uintmax_t)n);
	}
	if (ms_any_get(&map, SECURITY_VERSION, &a) && ms_any_is_uint(&a, &n)) {
		ms_find_fmt(&w->f, "dice.security-version", "%s:%ju", w->prefix, (uintmax_t)n);
		ms_find_uint(&w->f, "dice.svn", n);
	}
}

static void
find_inputs(struct walk *w, const struct ms_span input[static N_INPUTS], uint64_t mode, struct ms_span profile)
{
	for (size_t i = 0; i < N_INPUTS; i++)
		if (input[i].len > 0)
			ms_find_hex(&w->f, input_claims[i], w->prefix, input[i]);
	find_component(w, input[CONFIG_DESCRIPTOR]);
	if (mode >= N_MODES) {
		w->bad = true;
		return;
	}
	ms_find_label(&w->f, "dice.mode", w->prefix, ms_span_str(mode_names[mode]));
	w->debug = w->debug || mode != MODE_NORMAL;
	if (profile.len > 0)
		ms_find_label(&w->f, "dice.profile", w->prefix, profile);
	w->described++;
}

/* ---- TCG: DiceTcbInfo ---- */

/* FWID ::= SEQUENCE { hashAlg OBJECT IDENTIFIER, digest OCTET STRING } */
static void
find_fwid(struct walk *w, struct ms_der *list)
{
	static const uint8_t sha2[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02}; /* and 1, 2, 3 */
	static const char *const names[] = {"sha256", "sha384", "sha512"};
	char label[96];
	struct ms_der d = ms_der_enter(list, MS_DER_SEQUENCE);
	struct ms_span oid = ms_der_read_oid(&d), digest = ms_der_read_octets(&d);
	if (!ms_der_done(&d) || digest.len == 0) {
		w->bad = true;
		return;
	}
	bool known = oid.len == sizeof sha2 + 1 && ms_span_eq(ms_span(oid.p, sizeof sha2), ms_span(sha2, sizeof sha2)) && oid.p[8] >= 1 &&
		     oid.p[8] <= 3;
	if (known) {
		(void)snprintf(label, sizeof label, "%s:%s", w->prefix, names[oid.p[8] - 1]);
		if (digest.len != 16u + 16u * oid.p[8])
			w->bad = true;
	} else {
		char hex[2 * 20 + 1] = "";
		ms_hex(oid.p, oid.len < 20 ? oid.len : 20, hex);
		(void)snprintf(label, sizeof label, "%s:oid-%s", w->prefix, hex);
	}
	ms_find_hex(&w->f, "dice.fwid", label, digest);
}

static void
find_flags(struct walk *w, uint32_t flags)
{
	static const char *const names[] = {"not-configured", "not-secure", "recovery", "debug", "not-replay-protected",
	    "not-integrity-protected", "not-run-time-measured", "not-immutable", "not-tcb"};
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		if ((flags >> i & 1) != 0)
			ms_find_label(&w->f, "dice.flag", w->prefix, ms_span_str(names[i]));
	w->debug = w->debug || (flags & 0xf) != 0;
}

/* The content of an INTEGER that is not negative and fits. */
static bool
small_number(struct ms_span s, uint64_t *ret)
{
	uint64_t v = 0;
	if (s.len == 0 || s.len > 9 || (s.p[0] & 0x80) != 0 || (s.len == 9 && s.p[0] != 0))
		return false;
	for (size_t i = 0; i < s.len; i++)
		v = v << 8 | s.p[i];
	*ret = v;
	return true;
}

/* One field; its number is in its tag, [n] IMPLICIT. */
static void
find_tcb_field(struct walk *w, struct ms_der *d, uint8_t tag)
{
	static const char *const texts[] = {"dice.vendor", "dice.model", "dice.version"};
	uint64_t v;
	if (tag <= MS_DER_CONTEXT(2)) {
		ms_find_label(&w->f, texts[tag & 3], w->prefix, ms_der_read(d, tag));
	} else if (tag == MS_DER_CONTEXT(3)) {
		if (small_number(ms_der_read(d, tag), &v)) {
			ms_find_fmt(&w->f, "dice.security-version", "%s:%ju", w->prefix, (uintmax_t)v);
			ms_find_uint(&w->f, "dice.svn", v);
		} else {
			w->bad = true;
		}
	} else if (tag == MS_DER_CONTEXT_CONSTRUCTED(6)) {
		struct ms_der list = ms_der_enter(d, tag);
		unsigned n = 0;
		for (; ms_der_peek(&list) != 0 && n < FWIDS_MAX && !w->bad; n++)
			find_fwid(w, &list);
		if (!ms_der_done(&list) || n == 0)
			w->bad = true;
	} else if (tag == MS_DER_CONTEXT(7)) {
		find_flags(w, ms_der_read_named_bits(d, tag));
	} else if (tag == MS_DER_CONTEXT(8)) {
		ms_find_hex(&w->f, "dice.vendor-info", w->prefix, ms_der_read(d, tag));
	} else if (tag == MS_DER_CONTEXT(9)) {
		ms_find_hex(&w->f, "dice.type", w->prefix, ms_der_read(d, tag));
	} else {
		ms_der_skip(d); /* layer, index: the place in the chain says it; flagsMask, integrity registers: of later versions */
	}
}

static void
find_tcb_info(struct walk *w, struct ms_der *outer)
{
	struct ms_der d = ms_der_enter(outer, MS_DER_SEQUENCE);
	uint8_t last = 0;
	for (uint8_t tag; (tag = ms_der_peek(&d)) != 0 && !w->bad;) {
		uint8_t number = tag & 0x1f;
		if ((tag & 0xc0) != 0x80 || (last != 0 && number < last)) { /* in rising order, each once */
			w->bad = true;
			return;
		}
		last = (uint8_t)(number + 1);
		find_tcb_field(w, &d, tag);
	}
	if (!ms_der_done(&d))
		w->bad = true;
	w->described++;
}

static void
find_multi_tcb_info(struct walk *w, struct ms_der *outer)
{
	struct ms_der list = ms_der_enter(outer, MS_DER_SEQUENCE);
	unsigned n = 0;
	for (; ms_der_peek(&list) != 0 && n < TCB_INFOS_MAX && !w->bad; n++)
		find_tcb_info(w, &list);
	if (!ms_der_done(&list) || n == 0)
		w->bad = true;
}

static void
find_ueid(struct walk *w, struct ms_der *outer)
{
	struct ms_der d = ms_der_enter(outer, MS_DER_SEQUENCE);
	struct ms_span ueid = ms_der_read_octets(&d);
	if (!ms_der_done(&d) || ueid.len < 7 || ueid.len > 33) /* RFC 9711 4.2.1 */
		w->bad = true;
	else
		ms_find_bytes(&w->f, "dice.ueid", ueid);
}

/* OpenDiceInput ::= SEQUENCE of [0] codeHash, [1] codeDescriptor, [2] configurationHash, [3] configurationDescriptor, [4] authorityHash,
 * [5] authorityDescriptor (OCTET STRING), [6] mode (ENUMERATED), [7] profileName (UTF8String), all EXPLICIT and optional */
static void
find_open_dice(struct walk *w, struct ms_der *outer)
{
	static const int8_t to_input[] = {CODE_HASH, -1, CONFIG_HASH, CONFIG_DESCRIPTOR, AUTHORITY_HASH, -1};
	struct ms_der d = ms_der_enter(outer, MS_DER_SEQUENCE);
	struct ms_span input[N_INPUTS] = {MS_SPAN_NONE}, profile = MS_SPAN_NONE;
	uint64_t mode = 0; /* nothing said: not configured */
	unsigned next = 0;
	for (uint8_t tag; (tag = ms_der_peek(&d)) != 0;) {
		unsigned n = tag & 0x1f;
		struct ms_der field = ms_der_enter(&d, tag);
		if ((tag & 0xe0) != 0xa0 || n < next || n > 7) {
			w->bad = true;
			return;
		}
		next = n + 1;
		if (n == 6 && !small_number(ms_der_read(&field, MS_DER_ENUMERATED), &mode))
			w->bad = true;
		else if (n == 7)
			profile = ms_der_read(&field, MS_DER_UTF8_STRING);
		else if (n < 6) {
			struct ms_span s = ms_der_read_octets(&field);
			if (to_input[n] >= 0)
				input[to_input[n]] = s;
		}
		if (!ms_der_done(&field))
			w->bad = true;
	}
	if (!ms_der_done(&d))
		w->bad = true;
	if (!w->bad)
		find_inputs(w, input, mode, profile);
}

/* ---- X.509 chains ---- */

static const struct extension {
	uint8_t oid[10], len;
	void (*find)(struct walk *w, struct ms_der *value); /* NULL: known, but not of DICE */
} extensions[] = {
    {{0x67, 0x81, 0x05, 0x05, 0x04, 0x01}, 6, find_tcb_info},
    {{0x67, 0x81, 0x05, 0x05, 0x04, 0x05}, 6, find_multi_tcb_info},
    {{0x67, 0x81, 0x05, 0x05, 0x04, 0x04}, 6, find_ueid},
    {{0x2b, 0x06, 0x01, 0x04, 0x01, 0xd6, 0x79, 0x02, 0x01, 0x18}, 10, find_open_dice},
    {{0x55, 0x1d, 0x0f}, 3, NULL}, /* key usage, basic constraints, extended key usage, alternative name, key ids */
    {{0x55, 0x1d, 0x13}, 3, NULL},
    {{0x55, 0x1d, 0x25}, 3, NULL},
    {{0x55, 0x1d, 0x11}, 3, NULL},
    {{0x55, 0x1d, 0x0e}, 3, NULL},
    {{0x55, 0x1d, 0x23}, 3, NULL},
};

/* RFC 5280 4.2: a critical extension that is not understood ends it. The certificate was parsed, so its extensions are well-formed. */
static enum ms_rc
read_extensions(struct walk *w, const struct ms_certview *c, struct ms_err *err)
{
	struct ms_der list = ms_der_over(c->extensions);
	while (ms_der_peek(&list) != 0) {
		struct ms_der row = ms_der_enter(&list, MS_DER_SEQUENCE);
		struct ms_span oid = ms_der_read_oid(&row);
		bool critical = ms_der_peek(&row) == MS_DER_BOOLEAN && ms_der_read_bool(&row), known = false;
		struct ms_der value = ms_der_over(ms_der_read_octets(&row));
		for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++) {
			if (!ms_span_eq(oid, ms_span(extensions[i].oid, extensions[i].len)))
				continue;
			known = true;
			if (extensions[i].find == NULL)
				continue;
			extensions[i].find(w, &value);
			if (!ms_der_done(&value))
				w->bad = true;
		}
		if (critical && !known)
			return ms_fail(err, MS_ERR_AUTH, "layer %s has a critical extension that is not known here", w->prefix);
	}
	return MS_OK;
}

/* May it certify `below` more certificates, the leaf among them? RFC 5280 4.2.1.3, 4.2.1.9 */
static bool
may_certify(const struct ms_certview *c, size_t below)
{
	static const uint8_t oid_usage[] = {0x55, 0x1d, 0x0f}, oid_basic[] = {0x55, 0x1d, 0x13};
	struct ms_span value;
	bool critical;
	if (ms_certview_extension(c, ms_span(oid_usage, sizeof oid_usage), &value, &critical)) {
		struct ms_der d = ms_der_over(value);
		if ((ms_der_read_named_bits(&d, MS_DER_BIT_STRING) & 1u << 5) == 0 || !ms_der_done(&d)) /* keyCertSign */
			return false;
	}
	if (!ms_certview_extension(c, ms_span(oid_basic, sizeof oid_basic), &value, &critical))
		return false;
	struct ms_der outer = ms_der_over(value), d = ms_der_enter(&outer, MS_DER_SEQUENCE);
	bool ca = ms_der_peek(&d) == MS_DER_BOOLEAN && ms_der_read_bool(&d);
	uint64_t length = ms_der_peek(&d) == MS_DER_INTEGER ? ms_der_read_uint(&d) : UINT64_MAX;
	return ca && ms_der_done(&d) && ms_der_done(&outer) && length >= below - 1;
}

static bool
in_time(const struct ms_certview *c, uint64_t now_s)
{
	return now_s == 0 || (c->not_before_s <= now_s && now_s <= c->not_after_s);
}

/* The certificates of a chain, as they came. */
struct bag {
	struct ms_certview cert[LAYERS_MAX];
	bool used[LAYERS_MAX];
	size_t n;
	struct ms_buf mem; /* PEM, decoded */
};

static void
bag_fini(struct bag *b)
{
	ms_buf_fini(&b->mem);
}
MS_CLEANUP_FINI(struct bag, bag_fini)

static enum ms_rc
unpack_pem(struct ms_span text, struct ms_buf *out, struct ms_err *err)
{
	char label[MS_PEM_LABEL_MAX];
	size_t from = 0;
	for (;;) {
		enum ms_rc rc = ms_pem_next(text, &from, label, out, err);
		if (rc == MS_ERR_NOT_FOUND)
			return MS_OK;
		if (rc == MS_OK && strcmp(label, "CERTIFICATE") != 0)
			rc = ms_fail(err, MS_ERR_MALFORMED, "a %s among the certificates", label);
		if (rc != MS_OK)
			return rc;
	}
}

static enum ms_rc
fill_bag(struct bag *b, struct ms_span evidence, struct ms_err *err)
{
	enum ms_rc rc = MS_OK;
	ms_buf_init(&b->mem, MS_ATTESTER_EVIDENCE_MAX);
	if (ms_pem_is(evidence)) {
		rc = unpack_pem(evidence, &b->mem, err);
		evidence = ms_buf_span(&b->mem);
	}
	struct ms_der d = ms_der_over(evidence);
	while (rc == MS_OK && !ms_der_done(&d)) {
		struct ms_span der = ms_der_read_raw(&d, MS_DER_SEQUENCE);
		if (der.len == 0)
			return ms_fail(err, MS_ERR_MALFORMED, "not certificates in a row");
		if (b->n == LAYERS_MAX)
			return ms_fail(err, MS_ERR_TOO_BIG, "more than %u certificates", LAYERS_MAX);
		rc = ms_certview_parse(der, &b->cert[b->n++], err);
	}
	if (rc == MS_OK && b->n == 0)
		return ms_fail(err, MS_ERR_MALFORMED, "no certificate in it");
	return rc;
}

/* The one certificate that certified no other. */
static const struct ms_certview *
find_leaf(struct bag *b)
{
	const struct ms_certview *leaf = NULL;
	for (size_t i = 0; i < b->n; i++) {
		bool issuer = false;
		for (size_t j = 0; j < b->n; j++)
			issuer = issuer || (i != j && ms_span_eq(b->cert[i].subject, b->cert[j].issuer));
		if (issuer)
			continue;
		if (leaf != NULL)
			return NULL;
		leaf = &b->cert[i];
		b->used[i] = true;
	}
	return leaf;
}

/* Is c certified by this anchor, a certificate or a key? `below`: how many certificates hang on it. MS_ERR_NOT_FOUND: by another. */
static enum ms_rc
try_anchor(struct walk *w, struct ms_span anchor, const struct ms_certview *c, size_t below, uint64_t now_s, struct ms_err *err)
{
	struct ms_certview root;
	MS_OWN(ms_pubkey_free) struct ms_pubkey *key = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf mem;
	char label[MS_PEM_LABEL_MAX], id[2 * MS_KEY_ID_LEN + 1];
	size_t from = 0;
	ms_buf_init(&mem, MS_PEM_BLOCK_MAX);
	if (ms_pem_is(anchor) && ms_pem_next(anchor, &from, label, &mem, NULL) == MS_OK && strcmp(label, "CERTIFICATE") == 0)
		anchor = ms_buf_span(&mem);
	bool is_cert = ms_certview_parse(anchor, &root, NULL) == MS_OK;
	enum ms_rc rc = is_cert ? ms_pubkey_from_spki(root.spki, &key, err) : ms_pubkey_from_file(anchor, &key, err);
	if (rc != MS_OK)
		return ms_prefix(err, MS_ERR_USAGE, "a root or key that cannot be used");
	if ((is_cert && !ms_span_eq(root.subject, c->issuer)) || ms_certlink_verify(c, key, NULL) != MS_OK)
		return ms_fail(err, MS_ERR_NOT_FOUND, "not certified by a root or key that was given");
	if (is_cert && !may_certify(&root, below))
		return ms_fail(err, MS_ERR_AUTH, "the root may not certify such a chain");
	if (is_cert && !in_time(&root, now_s))
		return ms_fail(err, MS_ERR_EXPIRED, "the root is not valid now");
	ms_hex(ms_pubkey_id(key), MS_KEY_ID_LEN, id);
	struct ms_span name = is_cert ? ms_certview_attribute(root.subject, ms_oid(MS_OID_AT_COMMON_NAME)) : MS_SPAN_NONE;
	if (name.len > 0)
		ms_find_text(&w->f, "dice.chain-root", name);
	else
		ms_find_fmt(&w->f, "dice.chain-root", "key:%s", id);
	return MS_OK;
}

static enum ms_rc
try_anchors(struct walk *w, const struct ms_attester_input *in, const struct ms_certview *c, size_t below, struct ms_err *err)
{
	enum ms_rc rc = MS_ERR_NOT_FOUND;
	for (size_t i = 0; rc == MS_ERR_NOT_FOUND && i < in->n_anchors; i++)
		rc = try_anchor(w, in->anchor[i], c, below, in->now_s, err);
	return rc;
}

/* The certificate in the bag that certified c. */
static const struct ms_certview *
find_issuer(struct bag *b, const struct ms_certview *c)
{
	for (size_t i = 0; i < b->n; i++) {
		MS_OWN(ms_pubkey_free) struct ms_pubkey *key = NULL;
		if (b->used[i] || !ms_span_eq(b->cert[i].subject, c->issuer) || ms_pubkey_from_spki(b->cert[i].spki, &key, NULL) != MS_OK ||
		    ms_certlink_verify(c, key, NULL) != MS_OK)
			continue;
		b->used[i] = true;
		return &b->cert[i];
	}
	return NULL;
}

/* From the leaf up to what is trusted: path[0] is the leaf. */
static enum ms_rc
find_path(struct walk *w, const struct ms_attester_input *in, struct bag *b, const struct ms_certview *path[static LAYERS_MAX],
    size_t *ret_n, enum ms_attester_reason *why, struct ms_err *err)
{
	size_t n = 0;
	const struct ms_certview *c = find_leaf(b);
	if (c == NULL)
		return ms_attester_refuse(why, MS_ATTESTER_BAD_CHAIN, err, "the certificates are not one chain");
	for (;;) {
		if (!in_time(c, in->now_s))
			return ms_attester_refuse(why, MS_ATTESTER_EXPIRED, err, "a certificate of the chain is not valid now");
		if (n > 0 && !may_certify(c, n))
			return ms_attester_refuse(why, MS_ATTESTER_BAD_CHAIN, err, "a certificate of the chain may not certify the next");
		path[n++] = c;
		enum ms_rc rc = try_anchors(w, in, c, n, err);
		if (rc == MS_OK)
			break;
		if (rc == MS_ERR_USAGE)
			return ms_attester_refuse_rc(why, MS_ATTESTER_NO_ANCHOR, rc, err);
		if (rc == MS_ERR_AUTH || rc == MS_ERR_EXPIRED)
			return ms_attester_refuse_rc(why, rc == MS_ERR_AUTH ? MS_ATTESTER_BAD_CHAIN : MS_ATTESTER_EXPIRED, rc, err);
		if (rc != MS_ERR_NOT_FOUND)
			return ms_attester_refuse_rc(why, MS_ATTESTER_FAULT, rc, err);
		c = find_issuer(b, c);
		if (c == NULL)
			return ms_attester_refuse(why, MS_ATTESTER_UNTRUSTED, err, "the chain ends before a root or key that was given");
	}
	*ret_n = n;
	return MS_OK;
}

static enum ms_rc
walk_x509(struct walk *w, const struct ms_attester_input *in, enum ms_attester_reason *why, struct ms_err *err)
{
	MS_OWN(bag_fini) struct bag b = {.n = 0};
	const struct ms_certview *path[LAYERS_MAX];
	size_t n;
	enum ms_rc rc = fill_bag(&b, in->evidence, err);
	if (rc != MS_OK)
		return ms_attester_refuse_rc(why, rc == MS_ERR_TOO_BIG ? MS_ATTESTER_TOO_BIG : MS_ATTESTER_MALFORMED, rc, err);
	rc = find_path(w, in, &b, path, &n, why, err);
	if (rc != MS_OK)
		return rc;
	for (size_t i = 0; i < n; i++) {
		begin_layer(w, i);
		rc = read_extensions(w, path[n - 1 - i], err);
		if (rc != MS_OK)
			return ms_attester_refuse_rc(why, MS_ATTESTER_BAD_CHAIN, rc, err);
	}
	rc = ms_pubkey_from_spki(path[0]->spki, &w->leaf, err);
	return rc == MS_OK ? MS_OK : ms_attester_refuse_rc(why, MS_ATTESTER_UNSUPPORTED, rc, err);
}

/* ---- CBOR chains ---- */

enum { CWT_ISSUER = 1, CWT_SUBJECT = 2 };
enum {
	DICE_CODE_HASH = -4670545,
	DICE_CONFIG_HASH = -4670547,
	DICE_CONFIG_DESCRIPTOR = -4670548,
	DICE_AUTHORITY_HASH = -4670549,
	DICE_MODE = -4670551,
	DICE_SUBJECT_KEY = -4670552,
	DICE_KEY_USAGE = -4670553,
	DICE_PROFILE = -4670554
};
#define KEY_CERT_SIGN 0x20u

static bool
bytes_of(const struct ms_any *map, int64_t key, struct ms_span *ret)
{
	struct ms_any a;
	return !ms_any_get(map, key, &a) || ms_any_is_bytes(&a, ret);
}

/* The mode as a number, or in one byte (Android's profile). Nothing said: not configured. */
static bool
mode_of(const struct ms_any *map, uint64_t *ret)
{
	struct ms_any a;
	struct ms_span s;
	*ret = 0;
	if (!ms_any_get(map, DICE_MODE, &a) || ms_any_is_uint(&a, ret))
		return true;
	if (!ms_any_is_bytes(&a, &s) || s.len != 1)
		return false;
	*ret = s.p[0];
	return true;
}

/* Claims of one verified certificate; *ret_next is the key that it certifies. */
static enum ms_rc
read_cdi(struct walk *w, const struct ms_any *map, bool last, struct ms_pubkey **ret_next, enum ms_attester_reason *why, struct ms_err *err)
{
	struct ms_span input[N_INPUTS] = {MS_SPAN_NONE}, key = MS_SPAN_NONE, usage = MS_SPAN_NONE, profile = MS_SPAN_NONE;
	struct ms_any cose_key, a;
	uint64_t mode;
	bool ok = bytes_of(map, DICE_CODE_HASH, &input[CODE_HASH]) && bytes_of(map, DICE_CONFIG_HASH, &input[CONFIG_HASH]) &&
		  bytes_of(map, DICE_CONFIG_DESCRIPTOR, &input[CONFIG_DESCRIPTOR]) &&
		  bytes_of(map, DICE_AUTHORITY_HASH, &input[AUTHORITY_HASH]) && bytes_of(map, DICE_SUBJECT_KEY, &key) &&
		  bytes_of(map, DICE_KEY_USAGE, &usage) && mode_of(map, &mode);
	if (!ok || (ms_any_get(map, DICE_PROFILE, &a) && !ms_any_is_text(&a, &profile)))
		return ms_attester_refuse(
		    why, MS_ATTESTER_CLAIM_INVALID, err, "layer %s: a claim of another type than it must be", w->prefix);
	if (!last && (usage.len == 0 || (usage.p[0] & KEY_CERT_SIGN) == 0))
		return ms_attester_refuse(why, MS_ATTESTER_BAD_CHAIN, err, "the key of layer %s may not certify the next", w->prefix);
	find_inputs(w, input, mode, profile);
	enum ms_rc rc = ms_any_parse(key, &cose_key, err);
	if (rc == MS_OK)
		rc = ms_pubkey_from_cose(&cose_key, ret_next, err);
	return rc == MS_OK
		   ? MS_OK
		   : ms_attester_refuse_rc(why, rc == MS_ERR_UNSUPPORTED ? MS_ATTESTER_UNSUPPORTED : MS_ATTESTER_CLAIM_INVALID, rc, err);
}

/* The first layer's key: the anchor that verified the first certificate. When the chain names its own first key, it must be that. */
static enum ms_rc
first_key(struct walk *w, const struct ms_attester_input *in, const struct ms_any *named, const struct ms_cose_any *first,
    struct ms_pubkey **ret, enum ms_attester_reason *why, struct ms_err *err)
{
	char id[2 * MS_KEY_ID_LEN + 1];
	MS_OWN(ms_pubkey_free) struct ms_pubkey *key = NULL;
	MS_OWN(ms_pubkey_free) struct ms_pubkey *own = NULL;
	for (size_t i = 0; i < in->n_anchors; i++) {
		ms_pubkey_free(key);
		key = NULL;
		enum ms_rc rc = ms_pubkey_from_file(in->anchor[i], &key, err);
		if (rc != MS_OK)
			return ms_attester_refuse_rc(why, MS_ATTESTER_NO_ANCHOR, rc, err);
		if (ms_cose_any_verify(first, key, MS_SPAN_NONE, NULL) != MS_OK)
			continue;
		if (named->type == MS_ANY_MAP && (ms_pubkey_from_cose(named, &own, NULL) != MS_OK || !ms_pubkey_eq(own, key)))
			return ms_attester_refuse(
			    why, MS_ATTESTER_BROKEN_BINDING, err, "the chain names another first key than the one that signed");
		ms_hex(ms_pubkey_id(key), MS_KEY_ID_LEN, id);
		ms_find_fmt(&w->f, "dice.chain-root", "key:%s", id);
		*ret = key;
		key = NULL;
		return MS_OK;
	}
	return ms_attester_refuse(why, MS_ATTESTER_UNTRUSTED, err, "the first certificate is not signed by a key that was given");
}

/* One certificate: signed by *key, which becomes the key that it certifies. */
static enum ms_rc
walk_cdi(struct walk *w, const struct ms_cose_any *m, bool last, struct ms_span *issuer, struct ms_pubkey **key,
    enum ms_attester_reason *why, struct ms_err *err)
{
	struct ms_any map, a, b;
	struct ms_span from, subject;
	MS_OWN(ms_pubkey_free) struct ms_pubkey *next = NULL;
	enum ms_rc rc = ms_cose_any_verify(m, *key, MS_SPAN_NONE, err);
	if (rc != MS_OK)
		return ms_attester_refuse_rc(why, MS_ATTESTER_BAD_CHAIN, rc, err);
	rc = ms_any_parse(m->payload, &map, err);
	if (rc != MS_OK)
		return ms_attester_refuse_rc(why, MS_ATTESTER_CLAIM_INVALID, rc, err);
	if (!ms_any_get(&map, CWT_ISSUER, &a) || !ms_any_is_text(&a, &from) || !ms_any_get(&map, CWT_SUBJECT, &b) ||
	    !ms_any_is_text(&b, &subject))
		return ms_attester_refuse(why, MS_ATTESTER_CLAIM_INVALID, err, "layer %s has no issuer or subject", w->prefix);
	if (issuer->len > 0 && !ms_span_eq(*issuer, from))
		return ms_attester_refuse(
		    why, MS_ATTESTER_BAD_CHAIN, err, "layer %s names another issuer than the layer before", w->prefix);
	*issuer = subject;
	rc = read_cdi(w, &map, last, &next, why, err);
	if (rc != MS_OK)
		return rc;
	ms_pubkey_free(*key);
	*key = next;
	next = NULL;
	return MS_OK;
}

/* [COSE_Key, COSE_Sign1, ...], [COSE_Sign1, ...] or one COSE_Sign1. */
static enum ms_rc
read_chain(
    const struct ms_any *top, struct ms_any *ret_named, struct ms_cose_any cert[static LAYERS_MAX], size_t *ret_n, struct ms_err *err)
{
	struct ms_any item, first;
	struct ms_any_iter it = ms_any_items(top);
	size_t n = 0;
	*ret_named = (struct ms_any){0};
	if (top->type == MS_ANY_MAP)
		return ms_fail(err, MS_ERR_MALFORMED, "a map: if it is a hand-over between layers it holds secrets, send its chain only");
	if (top->type == MS_ANY_TAG || (ms_any_at(top, 0, &first) && first.type == MS_ANY_BYTES)) {
		*ret_n = 1;
		return ms_cose_any_from(top, &cert[0], err);
	}
	if (ms_any_at(top, 0, &first) && first.type == MS_ANY_MAP) {
		*ret_named = first;
		(void)ms_any_next(&it, &item);
	}
	while (ms_any_next(&it, &item)) {
		if (n == LAYERS_MAX)
			return ms_fail(err, MS_ERR_TOO_BIG, "more than %u certificates", LAYERS_MAX);
		enum ms_rc rc = ms_cose_any_from(&item, &cert[n++], err);
		if (rc != MS_OK)
			return rc;
	}
	*ret_n = n;
	return n > 0 ? MS_OK : ms_fail(err, MS_ERR_MALFORMED, "no certificate in it");
}

static enum ms_rc
walk_cbor(struct walk *w, const struct ms_attester_input *in, enum ms_attester_reason *why, struct ms_err *err)
{
	struct ms_any top, named;
	struct ms_cose_any cert[LAYERS_MAX];
	struct ms_span issuer = MS_SPAN_NONE;
	size_t n = 0;
	enum ms_rc rc = ms_any_parse(in->evidence, &top, err);
	if (rc == MS_OK)
		rc = read_chain(&top, &named, cert, &n, err);
	if (rc != MS_OK)
		return ms_attester_refuse_rc(why, rc == MS_ERR_TOO_BIG ? MS_ATTESTER_TOO_BIG : MS_ATTESTER_MALFORMED, rc, err);
	rc = first_key(w, in, &named, &cert[0], &w->leaf, why, err);
	for (size_t i = 0; rc == MS_OK && i < n; i++) {
		begin_layer(w, i);
		rc = walk_cdi(w, &cert[i], i + 1 == n, &issuer, &w->leaf, why, err);
	}
	return rc;
}

/* A chain is the same every day: that it is shown by who holds the last key, now, only a signature over the nonce proves. */
static enum ms_rc
check_proof(const struct walk *w, const struct ms_attester_input *in, enum ms_attester_reason *why, struct ms_err *err)
{
	struct ms_cose_any m;
	if (in->proof.len == 0)
		return in->nonce.len == 0 ? MS_OK
					  : ms_attester_refuse(why, MS_ATTESTER_NONCE_MISSING, err,
						"a chain has no nonce: give a proof of it by the last layer's key");
	enum ms_rc rc = ms_cose_any_parse(in->proof, &m, err);
	if (rc != MS_OK)
		return ms_attester_refuse_rc(why, MS_ATTESTER_MALFORMED, rc, err);
	rc = ms_cose_any_verify(&m, w->leaf, MS_SPAN_NONE, err);
	return rc == MS_OK ? ms_attester_nonce(in, m.payload, false, why, err)
			   : ms_attester_refuse_rc(why, MS_ATTESTER_BAD_SIGNATURE, rc, err);
}

MS_ATTESTER_VERIFY(dice)
{
	MS_OWN(walk_fini) struct walk w = {.f = {.claims = claims}};
	if (in->evidence.len == 0)
		return ms_attester_refuse(why, MS_ATTESTER_MALFORMED, err, "empty");
	bool x509 = in->evidence.p[0] == MS_DER_SEQUENCE || ms_pem_is(in->evidence);
	enum ms_rc rc = x509 ? walk_x509(&w, in, why, err) : walk_cbor(&w, in, why, err);
	if (rc == MS_OK)
		rc = check_proof(&w, in, why, err);
	if (rc != MS_OK)
		return rc;
	if (w.bad)
		return ms_attester_refuse(why, MS_ATTESTER_CLAIM_INVALID, err, "a layer's DICE extension is not as its standard says");
	if (w.described == 0)
		return ms_attester_refuse(why, MS_ATTESTER_WRONG_PROFILE, err, "no certificate of the chain says anything of DICE");
	ms_find_bool(&w.f, "dice.debug", w.debug);
	ms_find_text(&w.f, "dice.form", ms_span_str(x509 ? "x509" : "cbor"));
	ms_find_bytes(&w.f, "dice.key", ms_span(ms_pubkey_id(w.leaf), MS_KEY_ID_LEN));
	ms_find_uint(&w.f, "dice.layers", w.layers);
	if (w.debug)
		*assurance = MS_ASSURANCE_LOW;
	return ms_findings_end(&w.f, why, err);
}
