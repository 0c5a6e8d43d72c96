#include "server/token/serve.h"

#include <string.h>

#include "server/token/frames.h"

static enum ms_rc
answer(struct ms_token_server *s, const struct ms_frame *f, struct ms_span result, struct ms_err *err)
{
	MS_OWN(ms_secret_free) struct ms_secret *payload = NULL;
	enum ms_rc rc = ms_secret_new(1 + result.len, &payload, err);
	if (rc != MS_OK)
		return rc;
	ms_secret_bytes(payload)[0] = 0;
	if (result.len > 0)
		memcpy(ms_secret_bytes(payload) + 1, result.p, result.len);
	ms_secret_set_len(payload, 1 + result.len);
	return ms_chan_send(s->chan, f->type, f->id, ms_span(ms_secret_peek(payload), ms_secret_len(payload)), err);
}

/* A refusal that the owner survives: the token failed, or what it was given does not verify. A request that breaks the
 * rules of its slot ends the owner. */
static enum ms_rc
refuse(struct ms_token_server *s, const struct ms_frame *f, enum ms_rc why, struct ms_err *err)
{
	uint8_t text[1 + MS_TOKEN_TEXT_MAX] = {1};
	if (why == MS_ERR_USAGE || why == MS_ERR_TOO_BIG)
		return ms_prefix(err, MS_ERR_MALFORMED, "owner->token: request %u", f->type);
	size_t len = err != NULL ? strnlen(err->text, MS_TOKEN_TEXT_MAX) : 0;
	if (len > 0)
		memcpy(text + 1, err->text, len);
	return ms_chan_send(s->chan, f->type, f->id, ms_span(text, 1 + len), err);
}

static enum ms_rc
on_sign(void *ctx, struct ms_frame *f, struct ms_err *err)
{
	struct ms_token_server *s = ctx;
	struct ms_token_request q;
	uint8_t sig[MS_SIG_LEN];
	enum ms_rc rc = ms_token_request_parse(f, &q, err);
	if (rc != MS_OK)
		return rc;
	rc = ms_token_sign(s->token, q.slot, q.body, sig, err);
	return rc == MS_OK ? answer(s, f, ms_span(sig, sizeof sig), err) : refuse(s, f, rc, err);
}

static enum ms_rc
on_derive(void *ctx, struct ms_frame *f, struct ms_err *err)
{
	struct ms_token_server *s = ctx;
	struct ms_token_request q;
	MS_OWN(ms_secret_free) struct ms_secret *z = NULL;
	enum ms_rc rc = ms_token_request_parse(f, &q, err);
	if (rc == MS_OK && q.body.len != MS_POINT_LEN)
		rc = ms_fail(err, MS_ERR_MALFORMED, "a point of %zu bytes", q.body.len);
	if (rc != MS_OK)
		return rc;
	rc = ms_token_derive(s->token, q.slot, q.body.p, &z, err);
	return rc == MS_OK ? answer(s, f, ms_span(ms_secret_peek(z), ms_secret_len(z)), err) : refuse(s, f, rc, err);
}

static enum ms_rc
on_wrap(void *ctx, struct ms_frame *f, struct ms_err *err)
{
	struct ms_token_server *s = ctx;
	struct ms_token_request q;
	MS_OWN(ms_secret_free) struct ms_secret *pt = NULL;
	struct ms_buf out;
	enum ms_rc rc = ms_token_request_parse(f, &q, err);
	if (rc != MS_OK)
		return rc;
	const struct ms_aead a = {.iv = q.iv.p, .aad = q.header};
	ms_buf_init(&out, MS_TOKEN_FRAME_MAX);
	rc = ms_secret_from(q.body.p, q.body.len, &pt, err);
	if (rc == MS_OK)
		rc = ms_token_wrap(s->token, q.slot, &a, pt, &out, err);
	rc = rc == MS_OK ? answer(s, f, ms_buf_span(&out), err) : refuse(s, f, rc, err);
	ms_buf_fini(&out);
	return rc;
}

static enum ms_rc
on_unwrap(void *ctx, struct ms_frame *f, struct ms_err *err)
{
	struct ms_token_server *s = ctx;
	struct ms_token_request q;
	MS_OWN(ms_secret_free) struct ms_secret *pt = NULL;
	enum ms_rc rc = ms_token_request_parse(f, &q, err);
	if (rc != MS_OK)
		return rc;
	const struct ms_aead a = {.iv = q.iv.p, .aad = q.header};
	rc = ms_token_unwrap(s->token, q.slot, &a, q.body, &pt, err);
	return rc == MS_OK ? answer(s, f, ms_span(ms_secret_peek(pt), ms_secret_len(pt)), err) : refuse(s, f, rc, err);
}

static enum ms_rc
on_public(void *ctx, struct ms_frame *f, struct ms_err *err)
{
	struct ms_token_server *s = ctx;
	struct ms_token_request q;
	uint8_t out[1 + MS_POINT_LEN];
	enum ms_rc rc = ms_token_request_parse(f, &q, err);
	if (rc != MS_OK)
		return rc;
	const struct ms_pubkey *k = ms_token_public(s->token, q.slot);
	if (k == NULL)
		return ms_fail(err, MS_ERR_MALFORMED, "owner->token: slot %u has no public half here", q.slot);
	struct ms_span raw = ms_pubkey_point(k);
	out[0] = (uint8_t)ms_pubkey_type(k);
	memcpy(out + 1, raw.p, raw.len);
	return answer(s, f, ms_span(out, 1 + raw.len), err);
}

#define AEAD_HEAD (1u + 2u + MS_AEAD_IV_LEN)
static const struct ms_ipc_row rows[] = {
    {MS_TOKEN_SIGN, "sign", MS_IPC_ANY_STATE, false, false, 2, 1 + MS_TOKEN_MESSAGE_MAX, on_sign},
    {MS_TOKEN_DERIVE, "derive", MS_IPC_ANY_STATE, false, false, 1 + MS_POINT_LEN, 1 + MS_POINT_LEN, on_derive},
    {MS_TOKEN_WRAP, "wrap", MS_IPC_ANY_STATE, false, false, AEAD_HEAD, MS_TOKEN_FRAME_MAX, on_wrap},
    {MS_TOKEN_UNWRAP, "unwrap", MS_IPC_ANY_STATE, false, false, AEAD_HEAD + MS_AEAD_TAG_LEN, MS_TOKEN_FRAME_MAX, on_unwrap},
    {MS_TOKEN_PUBLIC, "public", MS_IPC_ANY_STATE, false, false, 1, 1, on_public},
};
const struct ms_ipc_table ms_token_request_table = MS_IPC_TABLE("owner->token", rows);

enum ms_rc
ms_token_serve(struct ms_token_server *s, struct ms_err *err)
{
	struct ms_ipc_state st = MS_IPC_STATE_INIT;
	enum ms_rc rc;
	do
		rc = ms_ipc_serve(s->chan, &st, s, -1, err);
	while (rc == MS_OK);
	return rc;
}
