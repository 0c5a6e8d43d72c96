#include "tpm/wire.h"

#include <string.h>

static const struct ms_ipc_row answer_rows[] = {
    {.type = MS_TPM_WIRE_REPLY, .name = "reply", .states = MS_IPC_ANY_STATE, .min_len = 4, .max_len = MS_TPM_WIRE_REPLY_MAX},
    {.type = MS_TPM_WIRE_HELLO,
	.name = "hello",
	.states = MS_IPC_ANY_STATE,
	.once = true,
	.min_len = 4,
	.max_len = 4 + MS_TPM_WIRE_TEXT_MAX},
};
const struct ms_ipc_table ms_tpm_wire_answers = MS_IPC_TABLE("tpm->agent", answer_rows);

static void
put_tpm2b(struct ms_buf *out, struct ms_span s)
{
	if (s.len > UINT16_MAX) {
		out->bad = true;
		return;
	}
	ms_buf_u16(out, (uint16_t)s.len);
	ms_buf_put_span(out, s);
}

void
ms_tpm_wire_put_request(const struct ms_tpm_request *q, struct ms_buf *out)
{
	ms_buf_put(out, q->salt, sizeof q->salt);
	ms_buf_put(out, q->ak_salt, sizeof q->ak_salt);
	ms_buf_put(out, q->hash, sizeof q->hash);
	ms_buf_u32(out, q->mask);
	ms_buf_u32(out, q->len);
	put_tpm2b(out, q->a);
	put_tpm2b(out, q->b);
}

enum ms_rc
ms_tpm_wire_parse_request(uint16_t type, struct ms_span payload, struct ms_tpm_request *ret, struct ms_err *err)
{
	struct ms_tpm_request q = {.op = (enum ms_tpm_op)type};
	struct ms_rd rd = ms_rd_span(payload);
	ms_rd_copy(&rd, q.salt, sizeof q.salt);
	ms_rd_copy(&rd, q.ak_salt, sizeof q.ak_salt);
	ms_rd_copy(&rd, q.hash, sizeof q.hash);
	q.mask = ms_rd_u32(&rd);
	q.len = ms_rd_u32(&rd);
	q.a = ms_rd_tpm2b(&rd, MS_TPM_BLOB_MAX);
	q.b = ms_rd_tpm2b(&rd, MS_TPM_BLOB_MAX);
	if (!ms_rd_done(&rd))
		return ms_fail(err, MS_ERR_MALFORMED, "TPM: request %u of %zu bytes", type, payload.len);
	enum ms_rc rc = ms_tpm_request_check(&q, err);
	if (rc == MS_OK)
		*ret = q;
	return rc;
}

/* Integers are fixed in width and texts padded with zeros, so that all of it has one length. */
static void
put_info(struct ms_buf *out, const struct ms_tpm_info *i)
{
	char text[sizeof i->manufacturer + sizeof i->vendor] = {0};
	memcpy(text, i->manufacturer, strnlen(i->manufacturer, sizeof i->manufacturer - 1));
	memcpy(text + sizeof i->manufacturer, i->vendor, strnlen(i->vendor, sizeof i->vendor - 1));
	ms_buf_put(out, text, sizeof text);
	ms_buf_u64(out, i->firmware);
	ms_buf_u32(out, i->lockout_counter);
	ms_buf_u32(out, i->lockout_max);
	ms_buf_u32(out, i->lockout_interval_s);
	ms_buf_u32(out, i->lockout_recovery_s);
	ms_buf_u8(out, i->in_lockout ? 1 : 0);
}

static void
read_text(struct ms_rd *rd, char *out, size_t cap)
{
	ms_rd_copy(rd, out, cap);
	bool ended = false;
	for (size_t i = 0; i < cap; i++) {
		ended = ended || out[i] == '\0';
		if ((ended && out[i] != '\0') || (!ended && (out[i] <= ' ' || out[i] >= 0x7f)))
			ms_rd_poison(rd);
	}
	if (!ended)
		ms_rd_poison(rd);
}

static void
read_info(struct ms_rd *rd, struct ms_tpm_info *i)
{
	read_text(rd, i->manufacturer, sizeof i->manufacturer);
	read_text(rd, i->vendor, sizeof i->vendor);
	i->firmware = ms_rd_u64(rd);
	i->lockout_counter = ms_rd_u32(rd);
	i->lockout_max = ms_rd_u32(rd);
	i->lockout_interval_s = ms_rd_u32(rd);
	i->lockout_recovery_s = ms_rd_u32(rd);
	uint8_t in_lockout = ms_rd_u8(rd);
	if (in_lockout > 1)
		ms_rd_poison(rd);
	i->in_lockout = in_lockout == 1;
}

void
ms_tpm_wire_put_reply(enum ms_rc rc, const struct ms_err *detail, const struct ms_tpm_reply *r, struct ms_buf *out)
{
	struct ms_span text = rc == MS_OK || detail == NULL ? MS_SPAN_NONE : ms_span_str(detail->text);
	if (text.len > MS_TPM_WIRE_TEXT_MAX)
		text.len = MS_TPM_WIRE_TEXT_MAX;
	ms_buf_u16(out, (uint16_t)rc);
	put_tpm2b(out, text);
	if (rc != MS_OK || r == NULL)
		return;
	put_tpm2b(out, ms_tpm_blob_span(&r->pub));
	put_tpm2b(out, ms_tpm_blob_span(&r->attest));
	put_tpm2b(out, ms_tpm_blob_span(&r->signature));
	ms_buf_u32(out, r->pcrs.mask);
	for (unsigned i = 0; i < MS_TPM_PCR_COUNT; i++)
		if ((r->pcrs.mask >> i & 1) != 0)
			ms_buf_put(out, r->pcrs.value[i], MS_TPM_HASH_LEN);
	put_info(out, &r->info);
	put_tpm2b(out, ms_buf_span(&r->cert));
	/* last: the buffer does not grow, and so is not copied, once the secret is in it */
	put_tpm2b(out, r->secret == NULL ? MS_SPAN_NONE : ms_span(ms_secret_peek(r->secret), ms_secret_len(r->secret)));
}

static void
read_blob(struct ms_rd *rd, struct ms_tpm_blob *ret)
{
	struct ms_span s = ms_rd_tpm2b(rd, sizeof ret->b);
	if (s.len > 0)
		memcpy(ret->b, s.p, s.len);
	ret->len = s.len;
}

static void
read_pcrs(struct ms_rd *rd, struct ms_tpm_pcrs *ret)
{
	ret->mask = ms_rd_u32(rd);
	if (ret->mask >> MS_TPM_PCR_COUNT != 0)
		ms_rd_poison(rd);
	for (unsigned i = 0; i < MS_TPM_PCR_COUNT; i++)
		if ((ret->mask >> i & 1) != 0)
			ms_rd_copy(rd, ret->value[i], MS_TPM_HASH_LEN);
}

/* rc and text. The cursor stands behind them. */
static enum ms_rc
read_outcome(struct ms_rd *rd, struct ms_err *err)
{
	uint16_t rc = ms_rd_u16(rd);
	struct ms_span text = ms_rd_tpm2b(rd, MS_TPM_WIRE_TEXT_MAX);
	if (rd->bad || rc >= MS_RC_COUNT || !ms_utf8_ok(text) || (rc != MS_OK && !ms_rd_done(rd)))
		return ms_fail(err, MS_ERR_MALFORMED, "TPM: answer of %zu bytes", rd->len);
	return rc == MS_OK ? MS_OK : ms_fail(err, (enum ms_rc)rc, "%.*s", (int)text.len, (const char *)text.p);
}

enum ms_rc
ms_tpm_wire_parse_hello(struct ms_span payload, struct ms_err *err)
{
	struct ms_rd rd = ms_rd_span(payload);
	enum ms_rc rc = read_outcome(&rd, err);
	if (rc == MS_OK && !ms_rd_done(&rd))
		return ms_fail(err, MS_ERR_MALFORMED, "TPM: hello of %zu bytes", payload.len);
	return rc;
}

enum ms_rc
ms_tpm_wire_parse_reply(struct ms_span payload, struct ms_tpm_reply *r, struct ms_err *err)
{
	struct ms_rd rd = ms_rd_span(payload);
	enum ms_rc rc = read_outcome(&rd, err);
	if (rc != MS_OK)
		return rc;
	read_blob(&rd, &r->pub);
	read_blob(&rd, &r->attest);
	read_blob(&rd, &r->signature);
	read_pcrs(&rd, &r->pcrs);
	read_info(&rd, &r->info);
	struct ms_span cert = ms_rd_tpm2b(&rd, MS_TPM_EK_CERT_MAX);
	struct ms_span secret = ms_rd_tpm2b(&rd, MS_TPM_RANDOM_MAX);
	if (!ms_rd_done(&rd))
		return ms_fail(err, MS_ERR_MALFORMED, "TPM: answer of %zu bytes", payload.len);
	ms_buf_put_span(&r->cert, cert);
	rc = ms_buf_check(&r->cert, err);
	if (rc == MS_OK && secret.len > 0)
		rc = ms_secret_from(secret.p, secret.len, &r->secret, err);
	return rc;
}
