#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "codec/cose.h"
#include "server/token/generate.h"
#include "server/token/token_int.h"

struct signer_ctx {
	struct ms_token *token;
	unsigned slot;
};
struct ms_token {
	const struct ms_token_ops *ops;
	void *ctx;
	uint32_t open;
	struct ms_pubkey *pub[MS_SLOT_END];
	struct signer_ctx signer[MS_SLOT_END];
};

void
ms_token_free(struct ms_token *t)
{
	if (t == NULL)
		return;
	for (unsigned slot = 0; slot < MS_SLOT_END; slot++)
		ms_pubkey_free(t->pub[slot]);
	if (t->ctx != NULL)
		t->ops->free(t->ctx);
	free(t);
}

const char *
ms_token_backend(const struct ms_token *t)
{
	return t->ops->name;
}

enum ms_rc
ms_token_read_line(const char *path, size_t min, size_t max, struct ms_secret **ret, struct ms_err *err)
{
	MS_OWN(ms_secret_free) struct ms_secret *s = NULL;
	if (path == NULL)
		return ms_fail(err, MS_ERR_USAGE, "the token's PIN or passphrase file is not set");
	enum ms_rc rc = ms_io_read_secret_file(path, max + 1, &s, err);
	if (rc != MS_OK)
		return rc;
	size_t len = ms_secret_len(s);
	if (len > 0 && ms_secret_peek(s)[len - 1] == '\n')
		ms_secret_set_len(s, --len);
	if (len < min || len > max)
		return ms_fail(err, MS_ERR_USAGE, "%s: %zu to %zu bytes are wanted", path, min, max);
	*ret = s;
	s = NULL;
	return MS_OK;
}

/* ---- opening ---- */

enum ms_rc
ms_token_prepare(const struct ms_token_config *c, struct ms_token **ret, struct ms_err *err)
{
	if ((c->uri == NULL) == (c->keyfile == NULL))
		return ms_fail(err, MS_ERR_USAGE, "token: one of uri and keyfile is wanted");
	if (c->tcti != NULL && (c->uri != NULL || c->passphrase_file != NULL))
		return ms_fail(err, MS_ERR_USAGE, "token: a TPM's tcti goes with keyfile, without passphrase_file");
	MS_OWN(ms_token_free) struct ms_token *t = calloc(1, sizeof *t);
	if (t == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "token");
	t->ops = c->uri != NULL ? &ms_token_pkcs11 : c->tcti != NULL ? &ms_token_tpm : &ms_token_keyfile;
	enum ms_rc rc = t->ops->prepare(c, &t->ctx, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "token");
	*ret = t;
	t = NULL;
	return MS_OK;
}

static enum ms_rc
try_signing(struct ms_token *t, unsigned slot, struct ms_err *err)
{
	uint8_t in[MS_SHA256_LEN], sig[MS_SIG_LEN];
	ms_sha256(ms_span_str("muster/v1/token-test"), in);
	struct ms_span msg = ms_span(in, sizeof in);
	enum ms_rc rc = t->ops->sign(t->ctx, slot, msg, sig, err);
	if (rc != MS_OK)
		return rc;
	if (ms_slot_row(slot)->use == MS_SLOT_SIGNS_ED25519)
		return ms_pubkey_verify(t->pub[slot], MS_SIG_ED25519, msg, ms_span(sig, sizeof sig), err);
	return ms_pubkey_verify_digest(t->pub[slot], MS_SIG_ECDSA_SHA256, msg, ms_span(sig, sizeof sig), err);
}

static enum ms_rc
try_deriving(struct ms_token *t, unsigned slot, struct ms_err *err)
{
	MS_OWN(ms_ecdh_key_free) struct ms_ecdh_key *k = NULL;
	MS_OWN(ms_secret_free) struct ms_secret *ours = NULL;
	MS_OWN(ms_secret_free) struct ms_secret *theirs = NULL;
	enum ms_rc rc = ms_ecdh_key_generate(&k, err);
	if (rc == MS_OK)
		rc = ms_token_derive(t, slot, ms_pubkey_point(ms_ecdh_key_public(k)).p, &theirs, err);
	if (rc != MS_OK)
		return rc;
	struct ms_ecdh e = ms_ecdh_key_ecdh(k);
	rc = ms_ecdh_derive(&e, ms_pubkey_point(t->pub[slot]).p, &ours, err);
	if (rc == MS_OK && !ms_ct_eq(ms_secret_peek(ours), ms_secret_peek(theirs), MS_ECDH_Z_LEN))
		rc = MS_ERR_AUTH;
	return rc;
}

static enum ms_rc
try_wrapping(struct ms_token *t, unsigned slot, struct ms_err *err)
{
	MS_OWN(ms_secret_free) struct ms_secret *pt = NULL;
	MS_OWN(ms_secret_free) struct ms_secret *back = NULL;
	uint8_t iv[MS_AEAD_IV_LEN];
	struct ms_aead a = {.iv = iv, .aad = ms_span_str("muster/v1/token-test")};
	struct ms_buf ct;
	ms_buf_init(&ct, 256);
	enum ms_rc rc = ms_random(iv, sizeof iv, err);
	if (rc == MS_OK)
		rc = ms_secret_from("token-test", 10, &pt, err);
	if (rc == MS_OK)
		rc = ms_token_wrap(t, slot, &a, pt, &ct, err);
	if (rc == MS_OK)
		rc = ms_token_unwrap(t, slot, &a, ms_buf_span(&ct), &back, err);
	if (rc == MS_OK && (ms_secret_len(back) != 10 || !ms_ct_eq(ms_secret_peek(back), "token-test", 10)))
		rc = MS_ERR_AUTH;
	ms_buf_fini(&ct);
	return rc;
}

static enum ms_rc
load_public(struct ms_token *t, unsigned slot, struct ms_err *err)
{
	uint8_t raw[MS_POINT_LEN] = {0};
	enum ms_rc rc = t->ops->public(t->ctx, slot, raw, err);
	if (rc != MS_OK)
		return rc;
	return ms_slot_row(slot)->use == MS_SLOT_SIGNS_ED25519 ? ms_pubkey_from_ed25519(raw, &t->pub[slot], err)
							       : ms_pubkey_from_point(raw, &t->pub[slot], err);
}

/* Load the public half and see that it and the key itself fit. */
static enum ms_rc
open_slot(struct ms_token *t, unsigned slot, struct ms_err *err)
{
	enum ms_slot_use use = ms_slot_row(slot)->use;
	enum ms_rc rc = use != MS_SLOT_WRAPS ? load_public(t, slot, err) : MS_OK;
	if (rc != MS_OK)
		return rc;
	t->open |= MS_SLOT_BIT(slot);
	if (use == MS_SLOT_WRAPS)
		rc = try_wrapping(t, slot, err);
	else if (use == MS_SLOT_DERIVES)
		rc = try_deriving(t, slot, err);
	else
		rc = try_signing(t, slot, err);
	if (rc == MS_ERR_AUTH)
		return ms_fail(err, MS_ERR_AUTH, "its halves do not fit");
	return rc;
}

static enum ms_rc
open_slots(struct ms_token *t, uint32_t slots, struct ms_err *err)
{
	for (unsigned slot = 0; slot < 32; slot++) {
		if ((slots & MS_SLOT_BIT(slot)) == 0)
			continue;
		enum ms_rc rc = open_slot(t, slot, err);
		if (rc != MS_OK)
			return ms_prefix(err, rc, "%s token, key \"%s\"", t->ops->name, ms_slot_row(slot)->label);
	}
	return MS_OK;
}

static enum ms_rc
check_slots(uint32_t slots, struct ms_err *err)
{
	for (unsigned slot = 0; slot < 32; slot++)
		if ((slots & MS_SLOT_BIT(slot)) != 0 && ms_slot_row(slot) == NULL)
			return ms_fail(err, MS_ERR_USAGE, "token: there is no slot %u", slot);
	return MS_OK;
}

enum ms_rc
ms_token_start(struct ms_token *t, uint32_t slots, struct ms_err *err)
{
	enum ms_rc rc = check_slots(slots, err);
	if (rc == MS_OK)
		rc = t->ops->start(t->ctx, slots, err);
	return rc == MS_OK ? open_slots(t, slots, err) : ms_prefix(err, rc, "token");
}

enum ms_rc
ms_token_generate(const struct ms_token_config *c, uint32_t slots, struct ms_token **ret, struct ms_err *err)
{
	MS_OWN(ms_token_free) struct ms_token *t = NULL;
	enum ms_rc rc = check_slots(slots, err);
	if (rc == MS_OK)
		rc = ms_token_prepare(c, &t, err);
	if (rc == MS_OK)
		rc = t->ops->generate(t->ctx, slots, err);
	if (rc == MS_OK)
		rc = open_slots(t, slots, err);
	if (rc != MS_OK)
		return rc;
	*ret = t;
	t = NULL;
	return MS_OK;
}

/* ---- use ---- */

static enum ms_rc
check_use(const struct ms_token *t, unsigned slot, enum ms_slot_use use, struct ms_err *err)
{
	const struct ms_slot_row *row = ms_slot_row(slot);
	if (row == NULL || (t->open & MS_SLOT_BIT(slot)) == 0)
		return ms_fail(err, MS_ERR_USAGE, "token: slot %u is not open", slot);
	if (row->use != use)
		return ms_fail(err, MS_ERR_USAGE, "token: slot %u is for another purpose", slot);
	return MS_OK;
}

enum ms_rc
ms_token_sign(struct ms_token *t, unsigned slot, struct ms_span in, uint8_t sig[static MS_SIG_LEN], struct ms_err *err)
{
	const struct ms_slot_row *row = ms_slot_row(slot);
	bool ed25519 = row != NULL && row->use == MS_SLOT_SIGNS_ED25519;
	enum ms_rc rc = check_use(t, slot, ed25519 ? MS_SLOT_SIGNS_ED25519 : MS_SLOT_SIGNS_P256, err);
	if (rc != MS_OK)
		return rc;
	if (!ed25519 && in.len != MS_SHA256_LEN)
		return ms_fail(err, MS_ERR_USAGE, "token: a digest of %zu bytes", in.len);
	return t->ops->sign(t->ctx, slot, in, sig, err);
}

enum ms_rc
ms_token_derive(struct ms_token *t, unsigned slot, const uint8_t peer[static MS_POINT_LEN], struct ms_secret **ret, struct ms_err *err)
{
	MS_OWN(ms_pubkey_free) struct ms_pubkey *point = NULL;
	MS_OWN(ms_secret_free) struct ms_secret *z = NULL;
	enum ms_rc rc = check_use(t, slot, MS_SLOT_DERIVES, err);
	if (rc == MS_OK)
		rc = ms_pubkey_from_point(peer, &point, err); /* on the curve, or the key would leak */
	if (rc == MS_OK)
		rc = ms_secret_new(MS_ECDH_Z_LEN, &z, err);
	if (rc == MS_OK)
		rc = t->ops->derive(t->ctx, slot, peer, z, err);
	if (rc != MS_OK)
		return rc;
	if (ms_secret_len(z) != MS_ECDH_Z_LEN)
		return ms_fail(err, MS_ERR_CRYPTO, "token: a shared value of %zu bytes", ms_secret_len(z));
	*ret = z;
	z = NULL;
	return MS_OK;
}

enum ms_rc
ms_token_wrap(
    struct ms_token *t, unsigned slot, const struct ms_aead *a, const struct ms_secret *pt, struct ms_buf *out, struct ms_err *err)
{
	enum ms_rc rc = check_use(t, slot, MS_SLOT_WRAPS, err);
	if (rc == MS_OK && (ms_secret_len(pt) > MS_TOKEN_PLAIN_MAX || a->aad.len > MS_TOKEN_HEADER_MAX))
		rc = ms_fail(err, MS_ERR_TOO_BIG, "token: more than is wrapped at once");
	return rc == MS_OK ? t->ops->wrap(t->ctx, slot, a, pt, out, err) : rc;
}

enum ms_rc
ms_token_unwrap(struct ms_token *t, unsigned slot, const struct ms_aead *a, struct ms_span ct, struct ms_secret **ret, struct ms_err *err)
{
	enum ms_rc rc = check_use(t, slot, MS_SLOT_WRAPS, err);
	if (rc == MS_OK && (ct.len > MS_TOKEN_PLAIN_MAX + MS_AEAD_TAG_LEN || a->aad.len > MS_TOKEN_HEADER_MAX))
		rc = ms_fail(err, MS_ERR_TOO_BIG, "token: more than is unwrapped at once");
	if (rc == MS_OK && ct.len < MS_AEAD_TAG_LEN)
		rc = ms_fail(err, MS_ERR_AUTH, "token: shorter than its tag");
	return rc == MS_OK ? t->ops->unwrap(t->ctx, slot, a, ct, ret, err) : rc;
}

const struct ms_pubkey *
ms_token_public(const struct ms_token *t, unsigned slot)
{
	return slot < MS_SLOT_END && (t->open & MS_SLOT_BIT(slot)) != 0 ? t->pub[slot] : NULL;
}

static enum ms_rc
sign_message(void *ctx, struct ms_span msg, uint8_t sig[static MS_SIG_LEN], struct ms_err *err)
{
	struct signer_ctx *s = ctx;
	uint8_t digest[MS_SHA256_LEN];
	if (ms_slot_row(s->slot)->use == MS_SLOT_SIGNS_ED25519)
		return ms_token_sign(s->token, s->slot, msg, sig, err);
	ms_sha256(msg, digest);
	return ms_token_sign(s->token, s->slot, ms_span(digest, sizeof digest), sig, err);
}

struct ms_signer
ms_token_signer(struct ms_token *t, unsigned slot)
{
	static const struct ms_signer_ops ops = {"token", sign_message};
	const struct ms_slot_row *row = ms_slot_row(slot);
	bool ed25519 = row != NULL && row->use == MS_SLOT_SIGNS_ED25519;
	if (row == NULL)
		slot = 0;
	t->signer[slot] = (struct signer_ctx){t, slot};
	return (struct ms_signer){&ops, &t->signer[slot], ed25519 ? MS_COSE_EDDSA : MS_COSE_ES256, ms_token_public(t, slot)};
}
