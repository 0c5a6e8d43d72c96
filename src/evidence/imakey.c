/* Keys that sign files for IMA, and the signatures in measured entries (Linux, security/integrity: struct signature_v2_hdr). */
#include <stdlib.h>
#include <string.h>

#include "codec/der.h"
#include "crypto/key.h"
#include "evidence/ima.h"

#define PEM_MAX (1u << 20)
#define OBJECT_MAX 16384u /* bytes of one key or certificate */
#define SHORT_ID 4u
#define POINT_HALF_MAX 48u

struct key {
	struct ms_pubkey *pub;
	uint8_t by_skid[SHORT_ID]; /* last bytes of the certificate's SubjectKeyIdentifier */
	uint8_t by_hash[SHORT_ID]; /* last bytes of SHA-1 over the key: how keys without a certificate are named */
};
struct ms_ima_keyring {
	struct key key[MS_IMA_KEYS_MAX];
	size_t n;
};

enum ms_rc
ms_ima_keyring_new(struct ms_ima_keyring **ret, struct ms_err *err)
{
	struct ms_ima_keyring *k = calloc(1, sizeof *k);
	if (k == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "IMA keys");
	*ret = k;
	return MS_OK;
}

void
ms_ima_keyring_free(struct ms_ima_keyring *k)
{
	if (k == NULL)
		return;
	for (size_t i = 0; i < k->n; i++)
		ms_pubkey_free(k->key[i].pub);
	free(k);
}

size_t
ms_ima_keyring_count(const struct ms_ima_keyring *k)
{
	return k->n;
}

static void
short_id(uint8_t out[static SHORT_ID], const uint8_t *p, size_t len)
{
	memcpy(out, p + len - SHORT_ID, SHORT_ID);
}

/* Takes pub. skid may be empty. */
static enum ms_rc
add_key(struct ms_ima_keyring *ring, struct ms_pubkey *pub, struct ms_span skid, struct ms_err *err)
{
	MS_OWN(ms_pubkey_free) struct ms_pubkey *own = pub;
	uint8_t hash[MS_SHA1_LEN];
	struct key k = {.pub = pub};
	struct ms_der outer = ms_der_over(ms_pubkey_spki(pub));
	struct ms_der d = ms_der_enter(&outer, MS_DER_SEQUENCE);
	ms_der_skip(&d);
	struct ms_span bits = ms_der_read_bits(&d);
	ms_hashv(MS_HASH_SHA1, &bits, 1, hash); /* RFC 5280 4.2.1.2 (1) */
	short_id(k.by_hash, hash, sizeof hash);
	short_id(k.by_skid, skid.len >= SHORT_ID ? skid.p : hash, skid.len >= SHORT_ID ? skid.len : sizeof hash);
	if (ring->n == MS_IMA_KEYS_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "more than %u IMA keys", MS_IMA_KEYS_MAX);
	ring->key[ring->n++] = k;
	own = NULL;
	return MS_OK;
}

static enum ms_rc
add_spki(struct ms_ima_keyring *ring, struct ms_span spki, struct ms_span skid, struct ms_err *err)
{
	struct ms_pubkey *pub = NULL;
	enum ms_rc rc = ms_pubkey_from_spki(spki, &pub, err);
	return rc == MS_OK ? add_key(ring, pub, skid, err) : rc;
}

/* RFC 5280 4.1. Extensions: only the SubjectKeyIdentifier is looked at. */
static struct ms_span
find_skid(struct ms_der *tbs)
{
	struct ms_span skid = MS_SPAN_NONE;
	while (ms_der_peek(tbs) == MS_DER_CONTEXT(1) || ms_der_peek(tbs) == MS_DER_CONTEXT(2))
		ms_der_skip(tbs); /* unique identifiers */
	if (ms_der_peek(tbs) != MS_DER_CONTEXT_CONSTRUCTED(3))
		return skid;
	struct ms_der outer = ms_der_enter(tbs, MS_DER_CONTEXT_CONSTRUCTED(3));
	struct ms_der list = ms_der_enter(&outer, MS_DER_SEQUENCE);
	while (ms_der_peek(&list) == MS_DER_SEQUENCE) {
		struct ms_der ext = ms_der_enter(&list, MS_DER_SEQUENCE);
		struct ms_span oid = ms_der_read_oid(&ext);
		if (ms_der_peek(&ext) == MS_DER_BOOLEAN)
			ms_der_skip(&ext);
		struct ms_der value = ms_der_over(ms_der_read_octets(&ext));
		if (ms_oid_find(oid) == MS_OID_EXT_SUBJECT_KEY_ID)
			skid = ms_der_read_octets(&value);
	}
	return skid;
}

static enum ms_rc
add_certificate(struct ms_ima_keyring *ring, struct ms_span der, struct ms_err *err)
{
	struct ms_der outer = ms_der_over(der);
	struct ms_der cert = ms_der_enter(&outer, MS_DER_SEQUENCE);
	struct ms_der tbs = ms_der_enter(&cert, MS_DER_SEQUENCE);
	if (ms_der_peek(&tbs) == MS_DER_CONTEXT_CONSTRUCTED(0))
		ms_der_skip(&tbs); /* version */
	for (int i = 0; i < 5; i++)
		ms_der_skip(&tbs); /* serial, signature, issuer, validity, subject */
	struct ms_span spki = ms_der_read_raw(&tbs, MS_DER_SEQUENCE);
	struct ms_span skid = find_skid(&tbs);
	ms_der_skip(&cert);
	ms_der_skip(&cert);
	if (!ms_der_done(&outer) || !ms_der_done(&cert) || !ms_der_done(&tbs))
		return ms_fail(err, MS_ERR_MALFORMED, "neither a public key nor a certificate");
	return add_spki(ring, spki, skid, err);
}

static enum ms_rc
add_rsa(struct ms_ima_keyring *ring, struct ms_span der, struct ms_err *err)
{
	struct ms_pubkey *pub = NULL;
	struct ms_der outer = ms_der_over(der);
	struct ms_der d = ms_der_enter(&outer, MS_DER_SEQUENCE);
	struct ms_span modulus = ms_der_read_integer(&d, MS_RSA_MAX);
	uint64_t exponent = ms_der_read_uint(&d);
	if (!ms_der_done(&outer) || !ms_der_done(&d))
		return ms_fail(err, MS_ERR_MALFORMED, "not an RSA public key");
	enum ms_rc rc = ms_pubkey_from_rsa(modulus, exponent, &pub, err);
	return rc == MS_OK ? add_key(ring, pub, MS_SPAN_NONE, err) : rc;
}

/* What it is shows in the first element of the sequence: INTEGER: RSAPublicKey; SEQUENCE whose first element is an OID:
 * SubjectPublicKeyInfo; else a certificate. */
static enum ms_rc
add_der(struct ms_ima_keyring *ring, struct ms_span der, struct ms_err *err)
{
	struct ms_der outer = ms_der_over(der);
	struct ms_der d = ms_der_enter(&outer, MS_DER_SEQUENCE);
	if (der.len > OBJECT_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "key or certificate of %zu bytes", der.len);
	if (ms_der_peek(&d) == MS_DER_INTEGER)
		return add_rsa(ring, der, err);
	struct ms_der first = ms_der_enter(&d, MS_DER_SEQUENCE);
	return ms_der_peek(&first) == MS_DER_OID ? add_spki(ring, der, MS_SPAN_NONE, err) : add_certificate(ring, der, err);
}

static const uint8_t *
find(struct ms_span s, const char *text)
{
	return s.len == 0 ? NULL : memmem(s.p, s.len, text, strlen(text));
}

/* The body of one PEM block (RFC 7468): base64 in lines. */
static enum ms_rc
add_base64(struct ms_ima_keyring *ring, struct ms_span body, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf text;
	uint8_t der[OBJECT_MAX];
	size_t len = 0;
	ms_buf_init(&text, MS_BASE64_LEN(OBJECT_MAX));
	for (size_t i = 0; i < body.len; i++)
		if (body.p[i] != '\n' && body.p[i] != '\r' && body.p[i] != ' ')
			ms_buf_u8(&text, body.p[i]);
	enum ms_rc rc = ms_buf_check(&text, err);
	if (rc == MS_OK && (text.len == 0 || ms_unbase64((const char *)text.p, text.len, der, sizeof der, &len) != MS_OK))
		rc = ms_fail(err, MS_ERR_MALFORMED, "PEM: base64");
	return rc == MS_OK ? add_der(ring, ms_span(der, len), err) : rc;
}

static enum ms_rc
add_pem(struct ms_ima_keyring *ring, struct ms_span s, struct ms_err *err)
{
	static const char begin[] = "-----BEGIN ", end[] = "-----END ", dashes[] = "-----";
	size_t found = 0;
	for (const uint8_t *at; (at = find(s, begin)) != NULL; found++) {
		struct ms_span rest = ms_span(at + strlen(begin), s.len - (size_t)(at - s.p) - strlen(begin));
		const uint8_t *body = find(rest, dashes), *stop = find(rest, end);
		if (body == NULL || stop == NULL || stop < body + strlen(dashes))
			return ms_fail(err, MS_ERR_MALFORMED, "PEM: block without an end");
		struct ms_span label = ms_span(rest.p, (size_t)(body - rest.p));
		body += strlen(dashes);
		if (find(label, "PRIVATE") != NULL)
			return ms_fail(err, MS_ERR_USAGE, "a private key: give its public key or certificate");
		enum ms_rc rc = add_base64(ring, ms_span(body, (size_t)(stop - body)), err);
		if (rc != MS_OK)
			return rc;
		s = ms_span(stop + strlen(end), rest.len - (size_t)(stop - rest.p) - strlen(end));
	}
	return found > 0 ? MS_OK : ms_fail(err, MS_ERR_MALFORMED, "neither DER nor PEM");
}

enum ms_rc
ms_ima_keyring_add(struct ms_ima_keyring *k, struct ms_span pem_or_der, struct ms_err *err)
{
	size_t before = k->n;
	if (pem_or_der.len > PEM_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "IMA keys of %zu bytes", pem_or_der.len);
	bool der = pem_or_der.len > 0 && pem_or_der.p[0] == MS_DER_SEQUENCE;
	enum ms_rc rc = der ? add_der(k, pem_or_der, err) : add_pem(k, pem_or_der, err);
	while (rc != MS_OK && k->n > before) /* all of it or nothing */
		ms_pubkey_free(k->key[--k->n].pub);
	return rc;
}

/* ---- signatures ---- */

#define XATTR_DIGSIG 3u   /* EVM_IMA_XATTR_DIGSIG */
#define XATTR_PORTABLE 5u /* EVM_XATTR_PORTABLE_DIGSIG: over metadata that no list has */
#define XATTR_VERITY 6u   /* IMA_VERITY_DIGSIG */
struct header {
	uint8_t type, version, hash;
	uint8_t id[SHORT_ID];
	struct ms_span signature;
};

static bool
parse_header(struct ms_span s, struct header *h)
{
	struct ms_rd rd = ms_rd_span(s);
	h->type = ms_rd_u8(&rd);
	h->version = ms_rd_u8(&rd);
	h->hash = ms_rd_u8(&rd);
	ms_rd_copy(&rd, h->id, SHORT_ID);
	h->signature = ms_rd_tpm2b(&rd, UINT16_MAX); /* also a big-endian u16 and bytes */
	return ms_rd_done(&rd);
}

static bool
to_ms_hash(uint8_t hash, enum ms_hash *ret)
{
	switch (hash) {
	case MS_IMA_HASH_SHA256:
		*ret = MS_HASH_SHA256;
		return true;
	case MS_IMA_HASH_SHA384:
		*ret = MS_HASH_SHA384;
		return true;
	case MS_IMA_HASH_SHA512:
		*ret = MS_HASH_SHA512;
		return true;
	default:
		return false; /* SHA-1 too: nobody should take a signature over it any more */
	}
}

/* ECDSA-Sig-Value to r | s of `half` bytes each. */
static bool
ecdsa_raw(struct ms_span der, size_t half, uint8_t out[static 2 * POINT_HALF_MAX])
{
	struct ms_der outer = ms_der_over(der);
	struct ms_der d = ms_der_enter(&outer, MS_DER_SEQUENCE);
	struct ms_span r = ms_der_read_integer(&d, half), s = ms_der_read_integer(&d, half);
	if (!ms_der_done(&outer) || !ms_der_done(&d) || r.len == 0 || s.len == 0)
		return false;
	memset(out, 0, 2 * half);
	memcpy(out + half - r.len, r.p, r.len);
	memcpy(out + 2 * half - s.len, s.p, s.len);
	return true;
}

static bool
verify_ecdsa(const struct ms_pubkey *k, struct ms_span digest, struct ms_span sig)
{
	uint8_t raw[2 * POINT_HALF_MAX];
	size_t half = ms_pubkey_bits(k) / 8;
	if (!ecdsa_raw(sig, half, raw))
		return false;
	if (digest.len > half) /* FIPS 186-5, 6.4.2: the leftmost bits, as many as the order has */
		digest.len = half;
	enum ms_sig_scheme scheme = digest.len == MS_SHA256_LEN ? MS_SIG_ECDSA_SHA256 : MS_SIG_ECDSA_SHA384;
	return ms_pubkey_verify_digest(k, scheme, digest, ms_span(raw, 2 * half), NULL) == MS_OK;
}

static bool
verify_rsa(const struct ms_pubkey *k, enum ms_hash hash, struct ms_span digest, struct ms_span sig)
{
	static const enum ms_sig_scheme schemes[] = {[MS_HASH_SHA256] = MS_SIG_RSA_PKCS1_SHA256,
	    [MS_HASH_SHA384] = MS_SIG_RSA_PKCS1_SHA384,
	    [MS_HASH_SHA512] = MS_SIG_RSA_PKCS1_SHA512};
	return ms_pubkey_verify_digest(k, schemes[hash], digest, sig, NULL) == MS_OK;
}

static bool
verify(const struct ms_pubkey *k, enum ms_hash hash, struct ms_span digest, struct ms_span sig)
{
	switch (ms_pubkey_type(k)) {
	case MS_KEY_RSA:
		return verify_rsa(k, hash, digest, sig);
	case MS_KEY_P256:
	case MS_KEY_P384:
		return verify_ecdsa(k, digest, sig);
	case MS_KEY_ED25519:
		break; /* the kernel has none */
	}
	return false;
}

/* Any of the ring's keys with this short id: four bytes do not tell keys apart for sure. */
static const struct ms_pubkey *
verify_with(const struct ms_ima_keyring *ring, const struct header *h, struct ms_span digest, bool *ret_good)
{
	const struct ms_pubkey *tried = NULL;
	enum ms_hash hash = MS_HASH_SHA256;
	*ret_good = false;
	if (ring == NULL || !to_ms_hash(h->hash, &hash))
		return NULL;
	for (size_t i = 0; i < ring->n && !*ret_good; i++) {
		const struct key *k = &ring->key[i];
		if (memcmp(k->by_skid, h->id, SHORT_ID) != 0 && memcmp(k->by_hash, h->id, SHORT_ID) != 0)
			continue;
		tried = k->pub;
		*ret_good = verify(tried, hash, digest, h->signature);
	}
	return tried;
}

/* What was signed: of version 2 the file's digest; of version 3 the digest of struct ima_file_id, which also says what kind of
 * digest it is. */
static bool
signed_digest(const struct ms_ima_entry *e, const struct header *h, uint8_t mem[static MS_HASH_LEN_MAX], struct ms_span *ret)
{
	enum ms_hash hash = MS_HASH_SHA256;
	const uint8_t head[] = {h->type, e->digest.hash};
	const struct ms_span id[] = {{head, sizeof head}, e->digest.value};
	if (!to_ms_hash(h->hash, &hash))
		return false;
	*ret = e->digest.value;
	if (h->version == 3) {
		ms_hashv(hash, id, 2, mem);
		*ret = ms_span(mem, ms_hash_len(hash));
	}
	return true;
}

static const char *
not_checkable(const struct ms_ima_entry *e, const struct header *h)
{
	enum ms_hash hash;
	if (h->type == XATTR_PORTABLE)
		return "an EVM signature over metadata, which no list has";
	if (!(h->type == XATTR_DIGSIG && (h->version == 2 || h->version == 3)) && !(h->type == XATTR_VERITY && h->version == 3))
		return "a form of signature that is not known";
	if (!to_ms_hash(h->hash, &hash))
		return "made with a hash that is not taken (SHA-256, SHA-384, SHA-512 are)";
	return e->violation ? "of a violation" : NULL;
}

void
ms_ima_signature_check(
    const struct ms_ima_entry *e, const struct ms_ima_keyring *keys, const struct ms_ima_keyring *measured, struct ms_ima_signed *ret)
{
	struct header h = {.type = 0};
	uint8_t mem[MS_HASH_LEN_MAX];
	struct ms_span digest;
	bool good = false;
	*ret = (struct ms_ima_signed){.state = MS_IMA_SIG_NONE};
	if (e->signature.len == 0)
		return;
	ret->state = MS_IMA_SIG_BAD;
	ret->why = "its header or length is wrong";
	if (!parse_header(e->signature, &h))
		return;
	memcpy(ret->short_id, h.id, SHORT_ID);
	ret->state = MS_IMA_SIG_UNKNOWN_KEY;
	ret->why = not_checkable(e, &h);
	if (ret->why != NULL)
		return;
	ret->why = "no key has this id";
	/* a v2 signature made with another hash than the file was measured with is of another digest */
	bool verity = e->digest.type == MS_IMA_DIGEST_VERITY;
	bool fits = signed_digest(e, &h, mem, &digest) && (h.version == 3 || h.hash == e->digest.hash) &&
		    (e->digest.type == MS_IMA_DIGEST_PLAIN || verity == (h.type == XATTR_VERITY));
	const struct ms_pubkey *k = verify_with(keys, &h, fits ? digest : MS_SPAN_NONE, &good);
	if (k == NULL) {
		k = verify_with(measured, &h, fits ? digest : MS_SPAN_NONE, &good);
		ret->measured = k != NULL;
	}
	if (k == NULL)
		return;
	ret->state = good ? MS_IMA_SIG_GOOD : MS_IMA_SIG_BAD;
	ret->why = good ? NULL : "it is not this key's signature of the measured digest";
	ret->key_id = ms_span(ms_pubkey_id(k), MS_KEY_ID_LEN);
}
