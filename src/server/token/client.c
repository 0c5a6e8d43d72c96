#include "server/token/client.h"

#include <stdlib.h>
#include <string.h>

#include "codec/cose.h"
#include "server/token/frames.h"

struct slot_ctx {
	struct ms_token_client *client;
	unsigned slot;
};
struct ms_token_client {
	struct ms_chan *chan;
	uint64_t last_id;
	bool dead;
	struct ms_pubkey *pub[MS_SLOT_END];
	struct slot_ctx slot[MS_SLOT_END];
};

void
ms_token_client_free(struct ms_token_client *c)
{
	if (c == NULL)
		return;
	for (unsigned slot = 0; slot < MS_SLOT_END; slot++)
		ms_pubkey_free(c->pub[slot]);
	ms_chan_free(c->chan);
	free(c);
}

bool
ms_token_client_dead(const struct ms_token_client *c)
{
	return c->dead;
}

/* *ret is borrowed from the channel until the next question; it is wiped then. */
static enum ms_rc
ask(struct ms_token_client *c, const struct ms_token_request *r, struct ms_span *ret, struct ms_err *err)
{
	MS_OWN(ms_secret_free) struct ms_secret *payload = NULL;
	struct ms_frame answer;
	if (c->dead)
		return ms_fail(err, MS_ERR_UNAVAILABLE, "token: it is gone");
	enum ms_rc rc = ms_token_request_build(r, &payload, err);
	if (rc != MS_OK)
		return rc;
	const struct ms_frame q = {
	    .type = (uint16_t)r->type, .id = ++c->last_id, .payload = ms_span(ms_secret_peek(payload), ms_secret_len(payload)), .fd = -1};
	rc = ms_chan_ask(c->chan, &q, MS_TOKEN_WAIT_MS, &answer, err);
	if (rc == MS_OK && answer.type != q.type)
		rc = ms_fail(err, MS_ERR_MALFORMED, "another answer than was asked for");
	c->dead = rc != MS_OK;
	if (rc != MS_OK)
		return ms_prefix(err, rc, "token");
	rc = ms_token_answer_parse(answer.payload, ret, err);
	c->dead = rc == MS_ERR_MALFORMED;
	return rc;
}

static enum ms_rc
ask_public(struct ms_token_client *c, unsigned slot, struct ms_err *err)
{
	const struct ms_token_request r = {.type = MS_TOKEN_PUBLIC, .slot = slot};
	struct ms_span a;
	bool ed25519 = ms_slot_row(slot)->use == MS_SLOT_SIGNS_ED25519;
	size_t len = ed25519 ? MS_ED25519_LEN : MS_POINT_LEN;
	enum ms_rc rc = ask(c, &r, &a, err);
	if (rc != MS_OK)
		return rc;
	if (a.len != 1 + len || a.p[0] != (ed25519 ? MS_KEY_ED25519 : MS_KEY_P256))
		return ms_fail(err, MS_ERR_MALFORMED, "token: key \"%s\" is of another type", ms_slot_row(slot)->label);
	return ed25519 ? ms_pubkey_from_ed25519(a.p + 1, &c->pub[slot], err) : ms_pubkey_from_point(a.p + 1, &c->pub[slot], err);
}

enum ms_rc
ms_token_client_new(int fd, uint32_t slots, struct ms_token_client **ret, struct ms_err *err)
{
	struct ms_chan *chan = NULL;
	enum ms_rc rc = ms_chan_new(fd, &ms_token_answer_table, 2 * MS_TOKEN_FRAME_MAX, &chan, err);
	if (rc != MS_OK)
		return rc;
	MS_OWN(ms_token_client_free) struct ms_token_client *c = calloc(1, sizeof *c);
	if (c == NULL) {
		ms_chan_free(chan);
		return ms_fail(err, MS_ERR_NOMEM, "token");
	}
	c->chan = chan;
	ms_chan_set_wipe(chan);
	for (unsigned slot = 0; slot < MS_SLOT_END; slot++) {
		c->slot[slot] = (struct slot_ctx){c, slot};
		if ((slots & MS_SLOT_BIT(slot)) == 0 || ms_slot_row(slot)->use == MS_SLOT_WRAPS)
			continue;
		rc = ask_public(c, slot, err);
		if (rc != MS_OK)
			return rc;
	}
	*ret = c;
	c = NULL;
	return MS_OK;
}

const struct ms_pubkey *
ms_token_client_public(const struct ms_token_client *c, unsigned slot)
{
	return slot < MS_SLOT_END ? c->pub[slot] : NULL;
}

static enum ms_rc
sign(void *ctx, struct ms_span msg, uint8_t sig[static MS_SIG_LEN], struct ms_err *err)
{
	struct slot_ctx *s = ctx;
	uint8_t digest[MS_SHA256_LEN];
	struct ms_span a, in = msg;
	if (ms_slot_row(s->slot)->use != MS_SLOT_SIGNS_ED25519) {
		ms_sha256(msg, digest);
		in = ms_span(digest, sizeof digest);
	}
	const struct ms_token_request r = {.type = MS_TOKEN_SIGN, .slot = s->slot, .body = in};
	enum ms_rc rc = ask(s->client, &r, &a, err);
	if (rc == MS_OK && a.len != MS_SIG_LEN)
		rc = ms_fail(err, MS_ERR_MALFORMED, "token: a signature of %zu bytes", a.len);
	if (rc == MS_OK)
		memcpy(sig, a.p, MS_SIG_LEN);
	return rc;
}

struct ms_signer
ms_token_client_signer(struct ms_token_client *c, unsigned slot)
{
	static const struct ms_signer_ops ops = {"token", sign};
	bool ed25519 = ms_slot_row(slot)->use == MS_SLOT_SIGNS_ED25519;
	return (struct ms_signer){&ops, &c->slot[slot], ed25519 ? MS_COSE_EDDSA : MS_COSE_ES256, c->pub[slot]};
}

static enum ms_rc
derive(void *ctx, const uint8_t peer[static MS_POINT_LEN], struct ms_secret *z, struct ms_err *err)
{
	struct slot_ctx *s = ctx;
	struct ms_span a;
	const struct ms_token_request r = {.type = MS_TOKEN_DERIVE, .slot = s->slot, .body = ms_span(peer, MS_POINT_LEN)};
	enum ms_rc rc = ask(s->client, &r, &a, err);
	if (rc == MS_OK && (a.len != MS_ECDH_Z_LEN || ms_secret_cap(z) < MS_ECDH_Z_LEN))
		rc = ms_fail(err, MS_ERR_MALFORMED, "token: a shared value of %zu bytes", a.len);
	if (rc != MS_OK)
		return rc;
	memcpy(ms_secret_bytes(z), a.p, MS_ECDH_Z_LEN);
	ms_secret_set_len(z, MS_ECDH_Z_LEN);
	return MS_OK;
}

struct ms_ecdh
ms_token_client_ecdh(struct ms_token_client *c, unsigned slot)
{
	static const struct ms_ecdh_ops ops = {"token", derive};
	struct ms_ecdh e = {.ops = &ops, .ctx = &c->slot[slot]};
	if (c->pub[slot] != NULL)
		memcpy(e.point, ms_pubkey_point(c->pub[slot]).p, MS_POINT_LEN);
	return e;
}

enum ms_rc
ms_token_client_wrap(struct ms_token_client *c, const struct ms_aead *a, const struct ms_secret *pt, struct ms_buf *out, struct ms_err *err)
{
	struct ms_span ct;
	const struct ms_token_request r = {.type = MS_TOKEN_WRAP,
	    .slot = MS_SLOT_WRAP,
	    .body = ms_span(ms_secret_peek(pt), ms_secret_len(pt)),
	    .header = a->aad,
	    .iv = ms_span(a->iv, MS_AEAD_IV_LEN)};
	enum ms_rc rc = ask(c, &r, &ct, err);
	if (rc == MS_OK && ct.len != ms_secret_len(pt) + MS_AEAD_TAG_LEN)
		rc = ms_fail(err, MS_ERR_MALFORMED, "token: wrapped to %zu bytes", ct.len);
	if (rc != MS_OK)
		return rc;
	ms_buf_put_span(out, ct);
	return ms_buf_check(out, err);
}

enum ms_rc
ms_token_client_unwrap(struct ms_token_client *c, const struct ms_aead *a, struct ms_span ct, struct ms_secret **ret, struct ms_err *err)
{
	struct ms_span pt;
	const struct ms_token_request r = {
	    .type = MS_TOKEN_UNWRAP, .slot = MS_SLOT_WRAP, .body = ct, .header = a->aad, .iv = ms_span(a->iv, MS_AEAD_IV_LEN)};
	enum ms_rc rc = ask(c, &r, &pt, err);
	if (rc == MS_OK && pt.len + MS_AEAD_TAG_LEN != ct.len)
		rc = ms_fail(err, MS_ERR_MALFORMED, "token: unwrapped to %zu bytes", pt.len);
	return rc == MS_OK ? ms_secret_from(pt.p, pt.len, ret, err) : rc;
}
