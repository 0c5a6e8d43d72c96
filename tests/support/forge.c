#include "support/forge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/cbor.h"
#include "codec/cose.h"
#include "codec/der.h"

#define EVIDENCE_MAX (1u << 20)

const struct forge_kind forge_kinds[FORGE_KINDS] = {{"dice-tcg", forge_dice_tcg}, {"dice-open", forge_dice_open},
    {"dice-cbor", forge_dice_cbor}, {"psa", forge_psa}, {"cca", forge_cca}, {"eat", forge_eat}, {"snp", forge_snp}, {"tdx", forge_tdx},
    {"join", forge_join}};

static void
must(bool ok)
{
	if (!ok)
		abort();
}

void
forge_fini(struct forge *f)
{
	ms_buf_fini(&f->evidence);
	ms_buf_fini(&f->proof);
	ms_buf_fini(&f->anchor);
	ms_buf_fini(&f->endorsement);
}

struct ms_softkey *
forge_key(uint8_t n)
{
	static struct ms_softkey *keys[256];
	if (keys[n] == NULL) {
		uint8_t scalar[MS_RAW_KEY_LEN] = {0};
		MS_OWN(ms_secret_free) struct ms_secret *raw = NULL;
		scalar[31] = n;
		must(ms_secret_from(scalar, sizeof scalar, &raw, NULL) == MS_OK &&
		     ms_softkey_load(MS_KEY_P256, raw, &keys[n], NULL) == MS_OK);
	}
	return keys[n];
}

void
forge_start(struct forge *f, const char *attester, size_t nonce_len)
{
	*f = (struct forge){.attester = attester, .nonce_len = nonce_len};
	ms_buf_init(&f->evidence, EVIDENCE_MAX);
	ms_buf_init(&f->proof, EVIDENCE_MAX);
	ms_buf_init(&f->anchor, EVIDENCE_MAX);
	ms_buf_init(&f->endorsement, EVIDENCE_MAX);
	for (size_t i = 0; i < sizeof f->nonce; i++)
		f->nonce[i] = (uint8_t)(0xa0 + i);
}

void
forge_done(struct forge *f)
{
	must(!f->evidence.bad && !f->proof.bad && !f->anchor.bad && !f->endorsement.bad);
	f->anchor_span = ms_buf_span(&f->anchor);
	f->endorsement_span = ms_buf_span(&f->endorsement);
	f->in = (struct ms_attester_input){.evidence = ms_buf_span(&f->evidence),
	    .anchor = &f->anchor_span,
	    .n_anchors = 1,
	    .endorsement = &f->endorsement_span,
	    .n_endorsements = f->endorsement.len > 0,
	    .nonce = ms_span(f->nonce, f->nonce_len),
	    .proof = ms_buf_span(&f->proof),
	    .now_s = FORGE_NOW};
}

void
forge_sign(struct ms_softkey *key, struct ms_span msg, uint8_t sig[static MS_SIG_LEN])
{
	struct ms_signer s = ms_softkey_signer(key);
	must(ms_signer_sign(&s, msg, sig, NULL) == MS_OK);
}

static void
put_name(struct ms_buf *b, const char *cn)
{
	size_t name = ms_der_open(b, MS_DER_SEQUENCE), set = ms_der_open(b, MS_DER_SET), row = ms_der_open(b, MS_DER_SEQUENCE);
	ms_der_put_oid(b, MS_OID_AT_COMMON_NAME);
	ms_der_put_text(b, MS_DER_UTF8_STRING, cn);
	ms_der_close(b, row);
	ms_der_close(b, set);
	ms_der_close(b, name);
}

static void
put_algorithm(struct ms_buf *b)
{
	size_t alg = ms_der_open(b, MS_DER_SEQUENCE);
	ms_der_put_oid(b, MS_OID_ECDSA_SHA256);
	ms_der_close(b, alg);
}

void
forge_extension(struct ms_buf *out, const void *oid, size_t oid_len, bool critical, struct ms_span value)
{
	size_t row = ms_der_open(out, MS_DER_SEQUENCE);
	ms_der_put(out, MS_DER_OID, ms_span(oid, oid_len));
	if (critical)
		ms_der_put_bool(out, true);
	ms_der_put_octets(out, value);
	ms_der_close(out, row);
}

static void
put_extensions(struct ms_buf *b, const struct forge_cert *c)
{
	MS_OWN(ms_buf_fini) struct ms_buf v;
	ms_buf_init(&v, 100);
	size_t tag = ms_der_open(b, MS_DER_CONTEXT_CONSTRUCTED(3)), list = ms_der_open(b, MS_DER_SEQUENCE);
	if (c->ca) {
		size_t basic = ms_der_open(&v, MS_DER_SEQUENCE);
		ms_der_put_bool(&v, true);
		if (c->path_length >= 0)
			ms_der_put_uint(&v, (uint64_t)c->path_length);
		ms_der_close(&v, basic);
		forge_extension(b, "\x55\x1d\x13", 3, true, ms_buf_span(&v));
		ms_buf_reset(&v);
	}
	ms_der_put_named_bits(&v, MS_DER_BIT_STRING, c->ca && !c->no_cert_sign ? 1u << 5 | 1u : 1u);
	forge_extension(b, "\x55\x1d\x0f", 3, true, ms_buf_span(&v));
	ms_buf_put_span(b, c->extensions);
	ms_der_close(b, list);
	ms_der_close(b, tag);
}

void
forge_cert(const struct forge_cert *c, struct ms_buf *out)
{
	uint8_t sig[MS_SIG_LEN];
	static uint64_t serial = 1000;
	MS_OWN(ms_buf_fini) struct ms_buf b, der;
	ms_buf_init(&b, 32768);
	ms_buf_init(&der, 200);
	size_t tbs = ms_der_open(&b, MS_DER_SEQUENCE), version = ms_der_open(&b, MS_DER_CONTEXT_CONSTRUCTED(0));
	ms_der_put_uint(&b, 2);
	ms_der_close(&b, version);
	ms_der_put_uint(&b, serial++);
	put_algorithm(&b);
	put_name(&b, c->issuer);
	size_t life = ms_der_open(&b, MS_DER_SEQUENCE);
	ms_der_put_time(&b, c->from_s != 0 ? c->from_s : FORGE_NOW - 1000000);
	ms_der_put_time(&b, c->to_s != 0 ? c->to_s : FORGE_NOW + 1000000);
	ms_der_close(&b, life);
	put_name(&b, c->subject);
	ms_buf_put_span(&b, c->spki.len > 0 ? c->spki : ms_pubkey_spki(ms_softkey_public(c->key)));
	put_extensions(&b, c);
	ms_der_close(&b, tbs);
	forge_sign(c->signer, ms_buf_span(&b), sig);
	must(ms_der_ecdsa_build(sig, &der, NULL) == MS_OK);
	size_t cert = ms_der_open(out, MS_DER_SEQUENCE);
	ms_buf_put_span(out, ms_buf_span(&b));
	put_algorithm(out);
	ms_der_put_bits(out, ms_buf_span(&der));
	ms_der_close(out, cert);
	must(!b.bad && !out->bad);
}

void
forge_pem(struct ms_span der, const char *label, struct ms_buf *out)
{
	char *text = malloc(MS_BASE64_LEN(der.len) + 1);
	must(text != NULL);
	ms_base64(der.p, der.len, text);
	ms_buf_fmt(out, "-----BEGIN %s-----\n", label);
	for (size_t i = 0, n = strlen(text); i < n; i += 64)
		ms_buf_fmt(out, "%.64s\n", text + i);
	ms_buf_fmt(out, "-----END %s-----\n", label);
	free(text);
}

void
forge_cose(struct ms_softkey *key, struct ms_span payload, bool unprotected, struct ms_buf *out)
{
	static const uint8_t es256[] = {0xa1, 0x01, 0x26};
	struct ms_span header = unprotected ? MS_SPAN_NONE : ms_span(es256, sizeof es256);
	uint8_t sig[MS_SIG_LEN];
	MS_OWN(ms_buf_fini) struct ms_buf tbs;
	ms_buf_init(&tbs, EVIDENCE_MAX);
	ms_cose_build_tbs(header, MS_SPAN_NONE, payload, &tbs);
	forge_sign(key, ms_buf_span(&tbs), sig);
	ms_cbor_array(out, 4);
	ms_cbor_bytes(out, header);
	if (unprotected)
		ms_buf_put(out, es256, sizeof es256);
	else
		ms_cbor_map(out, 0);
	ms_cbor_bytes(out, payload);
	ms_cbor_bytes(out, ms_span(sig, sizeof sig));
}

void
forge_cose_key(struct ms_softkey *key, struct ms_buf *out)
{
	struct ms_span point = ms_pubkey_point(ms_softkey_public(key));
	ms_buf_put(out, "\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20", 10);
	ms_buf_put(out, point.p + 1, 32);
	ms_buf_put(out, "\x22\x58\x20", 3);
	ms_buf_put(out, point.p + 33, 32);
}
