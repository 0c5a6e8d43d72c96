#include "server/token/frames.h"

#include <string.h>

#include "base/rd.h"

enum ms_rc
ms_token_request_parse(const struct ms_frame *f, struct ms_token_request *ret, struct ms_err *err)
{
	struct ms_rd r = ms_rd_span(f->payload);
	struct ms_token_request q = {.type = (enum ms_token_frame)f->type};
	q.slot = ms_rd_u8(&r);
	if (q.type == MS_TOKEN_WRAP || q.type == MS_TOKEN_UNWRAP) {
		q.header = ms_rd_tpm2b(&r, MS_TOKEN_HEADER_MAX);
		q.iv = ms_rd_bytes(&r, MS_AEAD_IV_LEN);
	}
	q.body = ms_rd_bytes(&r, ms_rd_left(&r));
	if (!ms_rd_done(&r))
		return ms_fail(err, MS_ERR_MALFORMED, "token request %u", f->type);
	*ret = q;
	return MS_OK;
}

enum ms_rc
ms_token_request_build(const struct ms_token_request *r, struct ms_secret **ret, struct ms_err *err)
{
	MS_OWN(ms_secret_free) struct ms_secret *s = NULL;
	bool aead = r->type == MS_TOKEN_WRAP || r->type == MS_TOKEN_UNWRAP;
	size_t len = 1 + (aead ? 2 + r->header.len + MS_AEAD_IV_LEN : 0) + r->body.len;
	if (r->header.len > MS_TOKEN_HEADER_MAX || len > MS_TOKEN_FRAME_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "token request of %zu bytes", len);
	enum ms_rc rc = ms_secret_new(len, &s, err);
	if (rc != MS_OK)
		return rc;
	/* a buffer over locked memory: its capacity is its cap, so it never moves */
	struct ms_buf b = {.p = ms_secret_bytes(s), .cap = len, .max = len};
	ms_buf_u8(&b, (uint8_t)r->slot);
	if (aead) {
		ms_buf_u16(&b, (uint16_t)r->header.len);
		ms_buf_put_span(&b, r->header);
		ms_buf_put(&b, r->iv.p, MS_AEAD_IV_LEN);
	}
	ms_buf_put_span(&b, r->body);
	if (b.bad)
		return ms_fail(err, MS_ERR_INTERNAL, "token request");
	ms_secret_set_len(s, len);
	*ret = s;
	s = NULL;
	return MS_OK;
}

enum ms_rc
ms_token_answer_parse(struct ms_span payload, struct ms_span *ret, struct ms_err *err)
{
	char text[MS_TOKEN_TEXT_MAX + 1];
	struct ms_rd r = ms_rd_span(payload);
	uint8_t status = ms_rd_u8(&r);
	struct ms_span rest = ms_rd_bytes(&r, ms_rd_left(&r));
	if (!ms_rd_done(&r) || status > 1 || (status == 1 && rest.len > MS_TOKEN_TEXT_MAX))
		return ms_fail(err, MS_ERR_MALFORMED, "token answer");
	if (status == 0) {
		*ret = rest;
		return MS_OK;
	}
	for (size_t i = 0; i < rest.len; i++)
		text[i] = rest.p[i] >= 0x20 && rest.p[i] < 0x7f ? (char)rest.p[i] : '?';
	text[rest.len] = '\0';
	return ms_fail(err, MS_ERR_CRYPTO, "token: %s", text);
}

static const struct ms_ipc_row answers[] = {
    {MS_TOKEN_SIGN, "sign", MS_IPC_ANY_STATE, false, false, 1, 1 + MS_TOKEN_TEXT_MAX, NULL},
    {MS_TOKEN_DERIVE, "derive", MS_IPC_ANY_STATE, false, false, 1, 1 + MS_TOKEN_TEXT_MAX, NULL},
    {MS_TOKEN_WRAP, "wrap", MS_IPC_ANY_STATE, false, false, 1, MS_TOKEN_FRAME_MAX, NULL},
    {MS_TOKEN_UNWRAP, "unwrap", MS_IPC_ANY_STATE, false, false, 1, MS_TOKEN_FRAME_MAX, NULL},
    {MS_TOKEN_PUBLIC, "public", MS_IPC_ANY_STATE, false, false, 1, 1 + MS_TOKEN_TEXT_MAX, NULL},
};
const struct ms_ipc_table ms_token_answer_table = MS_IPC_TABLE("token->owner", answers);
