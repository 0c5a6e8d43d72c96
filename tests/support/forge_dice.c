#include <string.h>

#include "codec/cbor.h"
#include "codec/der.h"
#include "support/forge.h"

enum { ROOT = 11, LAYER0, LAYER1, LAYER2, OTHER };

static void
put_span(struct ms_buf *b, uint8_t tag, const char *text)
{
	ms_der_put(b, tag, ms_span_str(text));
}

/* DiceTcbInfo of a layer, wrong as asked. */
static void
put_tcb_info(struct ms_buf *b, unsigned layer, enum forge_wrong wrong)
{
	static const uint8_t sha256[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01},
			     own[] = {0x2b, 0x06, 0x01, 0x04, 0x01, 0x05};
	uint8_t digest[32];
	memset(digest, 0xd0 + (int)layer, sizeof digest);
	size_t seq = ms_der_open(b, MS_DER_SEQUENCE);
	if (wrong == FORGE_TCB_NOT_CONTEXT)
		put_span(b, MS_DER_UTF8_STRING, "Example");
	put_span(b, MS_DER_CONTEXT(0), "Example");
	put_span(b, MS_DER_CONTEXT(1), "Board");
	if (wrong != FORGE_TCB_ORDER)
		put_span(b, MS_DER_CONTEXT(2), "1.2");
	ms_der_put(b, MS_DER_CONTEXT(3), ms_span(wrong == FORGE_TCB_NEGATIVE_SVN ? "\xff" : "\x07", 1));
	if (wrong == FORGE_TCB_ORDER)
		put_span(b, MS_DER_CONTEXT(2), "1.2");
	if (wrong == FORGE_TCB_TWICE)
		ms_der_put(b, MS_DER_CONTEXT(3), ms_span("\x08", 1));
	ms_der_put(b, MS_DER_CONTEXT(4), ms_span("\x01", 1));
	size_t fwids = ms_der_open(b, MS_DER_CONTEXT_CONSTRUCTED(6));
	for (unsigned i = 0; i < 2; i++) {
		size_t one = ms_der_open(b, MS_DER_SEQUENCE);
		ms_der_put(b, MS_DER_OID, i == 0 ? ms_span(sha256, sizeof sha256) : ms_span(own, sizeof own));
		ms_der_put_octets(b, ms_span(digest, wrong == FORGE_TCB_FWID_SHORT ? 31 : 32));
		ms_der_close(b, one);
	}
	ms_der_close(b, fwids);
	ms_der_put_named_bits(b, MS_DER_CONTEXT(7), wrong == FORGE_DEBUG && layer == 1 ? 1u << 3 : 1u << 4);
	put_span(b, MS_DER_CONTEXT(8), "info");
	put_span(b, MS_DER_CONTEXT(9), "type");
	ms_der_close(b, seq);
	if (wrong == FORGE_TCB_TRAILING)
		ms_buf_u8(b, 0);
}

static void
put_explicit(struct ms_buf *b, unsigned n, uint8_t tag, const void *p, size_t len)
{
	size_t outer = ms_der_open(b, (uint8_t)MS_DER_CONTEXT_CONSTRUCTED(n));
	ms_der_put(b, tag, ms_span(p, len));
	ms_der_close(b, outer);
}

/* {-70002: "stage", -70003: 3, -70005: 9} */
static const uint8_t descriptor[] = {0xa3, 0x3a, 0x00, 0x01, 0x11, 0x71, 0x65, 's', 't', 'a', 'g', 'e', 0x3a, 0x00, 0x01, 0x11, 0x72, 0x03,
    0x3a, 0x00, 0x01, 0x11, 0x74, 0x09};

static void
put_open_dice(struct ms_buf *b, unsigned layer, enum forge_wrong wrong)
{
	uint8_t hash[64], mode = wrong == FORGE_MODE_UNKNOWN ? 4 : wrong == FORGE_DEBUG && layer == 1 ? 2 : 1;
	memset(hash, 0xe0 + (int)layer, sizeof hash);
	size_t seq = ms_der_open(b, MS_DER_SEQUENCE);
	put_explicit(b, 0, MS_DER_OCTET_STRING, hash, sizeof hash);
	put_explicit(b, 1, MS_DER_OCTET_STRING, "code", 4);
	if (wrong == FORGE_TCB_TWICE)
		put_explicit(b, 0, MS_DER_OCTET_STRING, hash, sizeof hash);
	put_explicit(b, 2, MS_DER_OCTET_STRING, hash, sizeof hash);
	put_explicit(b, 3, MS_DER_OCTET_STRING, descriptor, sizeof descriptor);
	put_explicit(b, 4, MS_DER_OCTET_STRING, hash, sizeof hash);
	if (wrong != FORGE_MODE_MISSING)
		put_explicit(b, 6, wrong == FORGE_TCB_NOT_CONTEXT ? MS_DER_INTEGER : MS_DER_ENUMERATED, &mode, 1);
	put_explicit(b, 7, MS_DER_UTF8_STRING, "example.1", 9);
	ms_der_close(b, seq);
	if (wrong == FORGE_TCB_TRAILING)
		ms_buf_u8(b, 0);
}

static void
put_layer_extensions(struct ms_buf *b, bool tcg, unsigned layer, enum forge_wrong wrong)
{
	MS_OWN(ms_buf_fini) struct ms_buf v;
	ms_buf_init(&v, 4096);
	if (wrong == FORGE_UNKNOWN_CRITICAL && layer == 1)
		forge_extension(b, "\x2b\x06\x01\x04\x01\x07", 6, true, ms_span_str("x"));
	if (wrong == FORGE_PLAIN)
		return;
	if (!tcg) {
		put_open_dice(&v, layer, wrong);
		forge_extension(b, "\x2b\x06\x01\x04\x01\xd6\x79\x02\x01\x18", 10, true, ms_buf_span(&v));
		return;
	}
	size_t list = layer == 2 ? ms_der_open(&v, MS_DER_SEQUENCE) : 0; /* the last has MultiTcbInfo */
	put_tcb_info(&v, layer, wrong);
	if (layer == 2)
		ms_der_close(&v, list);
	forge_extension(b, layer == 2 ? "\x67\x81\x05\x05\x04\x05" : "\x67\x81\x05\x05\x04\x01", 6, true, ms_buf_span(&v));
	if (layer == 0) {
		ms_buf_reset(&v);
		size_t seq = ms_der_open(&v, MS_DER_SEQUENCE);
		ms_der_put_octets(&v, ms_span("\x01\x02\x03\x04\x05\x06\x07\x08", 8));
		ms_der_close(&v, seq);
		forge_extension(b, "\x67\x81\x05\x05\x04\x04", 6, false, ms_buf_span(&v));
	}
}

static void
put_proof(struct forge *f, struct ms_softkey *leaf, enum forge_wrong wrong)
{
	if (wrong == FORGE_PROOF_NONE)
		return;
	forge_cose(wrong == FORGE_PROOF_OTHER_KEY ? forge_key(OTHER) : leaf, ms_span(f->nonce, f->nonce_len), false, &f->proof);
}

/* A root that is the anchor, and three layers below it; leaf first. */
static void
chain(struct forge *f, bool tcg, enum forge_wrong wrong)
{
	static const char *const names[] = {"root", "layer 0", "layer 1", "layer 2"};
	forge_start(f, "dice", 32);
	for (unsigned layer = 3; layer-- > 0;) {
		MS_OWN(ms_buf_fini) struct ms_buf ext, der;
		ms_buf_init(&ext, 8192);
		ms_buf_init(&der, 8192);
		put_layer_extensions(&ext, tcg, layer, wrong);
		struct forge_cert c = {.subject = names[layer + 1],
		    .issuer = wrong == FORGE_ISSUER_NAME && layer == 1 ? "nobody" : names[layer],
		    .key = forge_key((uint8_t)(LAYER0 + layer)),
		    .signer = forge_key((uint8_t)(wrong == FORGE_LINK_SIGNATURE && layer == 1 ? OTHER : ROOT + layer)),
		    .ca = layer != 2 && !(wrong == FORGE_NOT_CA && layer == 1),
		    .no_cert_sign = wrong == FORGE_NO_CERT_SIGN && layer == 1,
		    .path_length = wrong == FORGE_PATH_LENGTH && layer == 0 ? 0 : -1,
		    .extensions = ms_buf_span(&ext),
		    .to_s = wrong == FORGE_EXPIRED_LEAF && layer == 2 ? FORGE_NOW - 1 : 0,
		    .from_s = wrong == FORGE_NOT_YET && layer == 1 ? FORGE_NOW + 1 : 0};
		forge_cert(&c, &der);
		if (tcg)
			forge_pem(ms_buf_span(&der), "CERTIFICATE", &f->evidence);
		else
			ms_buf_put_span(&f->evidence, ms_buf_span(&der));
	}
	if (wrong == FORGE_TWO_LEAVES) {
		struct forge_cert c = {
		    .subject = "stray", .issuer = "layer 1", .key = forge_key(OTHER), .signer = forge_key(LAYER1), .path_length = -1};
		MS_OWN(ms_buf_fini) struct ms_buf der;
		ms_buf_init(&der, 8192);
		forge_cert(&c, &der);
		if (tcg)
			forge_pem(ms_buf_span(&der), "CERTIFICATE", &f->evidence);
		else
			ms_buf_put_span(&f->evidence, ms_buf_span(&der));
	}
	put_proof(f, forge_key(LAYER2), wrong);
}

void
forge_dice_tcg(struct forge *f, enum forge_wrong wrong)
{
	struct forge_cert root = {
	    .subject = "root", .issuer = "root", .key = forge_key(ROOT), .signer = forge_key(ROOT), .ca = true, .path_length = -1};
	chain(f, true, wrong);
	forge_cert(&root, &f->anchor);
	forge_done(f);
}

void
forge_dice_open(struct forge *f, enum forge_wrong wrong)
{
	chain(f, false, wrong);
	ms_buf_put_span(&f->anchor, ms_pubkey_spki(ms_softkey_public(forge_key(ROOT))));
	forge_done(f);
}

/* ---- CBOR ---- */

static void
put_cdi(struct ms_buf *out, unsigned layer, enum forge_wrong wrong)
{
	static const char *const ids[] = {"uds", "cdi 0", "cdi 1", "cdi 2"};
	uint8_t hash[32], mode = wrong == FORGE_MODE_UNKNOWN ? 4 : wrong == FORGE_DEBUG && layer == 1 ? 2 : 1;
	MS_OWN(ms_buf_fini) struct ms_buf b, key;
	ms_buf_init(&b, 4096);
	ms_buf_init(&key, 200);
	memset(hash, 0xf0 + (int)layer, sizeof hash);
	forge_cose_key(forge_key((uint8_t)(LAYER0 + layer)), &key);
	if (wrong == FORGE_SUBJECT_KEY_BAD)
		key.p[15] ^= 1; /* off the curve */
	ms_cbor_map(&b, 9 - (wrong == FORGE_MODE_MISSING));
	ms_cbor_uint(&b, 1);
	ms_cbor_text(&b, wrong == FORGE_ISSUER_NAME && layer == 1 ? "nobody" : ids[layer]);
	ms_cbor_uint(&b, 2);
	ms_cbor_text(&b, ids[layer + 1]);
	ms_cbor_int(&b, -4670545);
	ms_cbor_bytes(&b, ms_span(hash, sizeof hash));
	ms_cbor_int(&b, -4670548);
	ms_cbor_bytes(&b, ms_span(descriptor, sizeof descriptor));
	ms_cbor_int(&b, -4670549);
	ms_cbor_bytes(&b, ms_span(hash, sizeof hash));
	if (wrong != FORGE_MODE_MISSING) {
		ms_cbor_int(&b, -4670551);
		ms_cbor_bytes(&b, ms_span(&mode, 1));
	}
	ms_cbor_int(&b, -4670552);
	ms_cbor_bytes(&b, ms_buf_span(&key));
	ms_cbor_int(&b, -4670553);
	ms_cbor_bytes(&b, ms_span(wrong == FORGE_NO_CERT_SIGN ? "\x01" : "\x20", 1));
	ms_cbor_int(&b, -4670554);
	ms_cbor_text(&b, "example.1");
	forge_cose(forge_key((uint8_t)(wrong == FORGE_LINK_SIGNATURE && layer == 1 ? OTHER : ROOT + layer)), ms_buf_span(&b),
	    wrong == FORGE_ALG_UNPROTECTED && layer == 1, out);
}

void
forge_dice_cbor(struct forge *f, enum forge_wrong wrong)
{
	forge_start(f, "dice", 32);
	if (wrong == FORGE_HANDOVER) {
		ms_cbor_map(&f->evidence, 2);
		ms_cbor_uint(&f->evidence, 1);
		ms_cbor_bytes(&f->evidence, ms_span(f->nonce, 32));
		ms_cbor_uint(&f->evidence, 3);
	}
	ms_cbor_array(&f->evidence, 4);
	forge_cose_key(forge_key(wrong == FORGE_OTHER_FIRST_KEY ? OTHER : ROOT), &f->evidence);
	for (unsigned layer = 0; layer < 3; layer++)
		put_cdi(&f->evidence, layer, wrong);
	put_proof(f, forge_key(LAYER2), wrong);
	forge_cose_key(forge_key(ROOT), &f->anchor);
	forge_done(f);
}
