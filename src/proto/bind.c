#include "proto/bind.h"

#include <stdio.h>
#include <string.h>

#include "codec/cbor.h"
#include "codec/words.h"
#include "crypto/hash.h"

#define BIND_MAX 4096u

static const char *const purposes[MS_PURPOSE_COUNT] = {
    [MS_PURPOSE_NONE] = "none",
    [MS_PURPOSE_ENROLL] = "enroll",
    [MS_PURPOSE_ATTEST] = "attest",
    [MS_PURPOSE_IDENTITY] = "identity",
    [MS_PURPOSE_SECRET] = "secret",
    [MS_PURPOSE_RESULT] = "result",
};

const char *
ms_purpose_name(enum ms_purpose p)
{
	return p < MS_PURPOSE_COUNT ? purposes[p] : purposes[MS_PURPOSE_NONE];
}

enum ms_purpose
ms_purpose_by_name(struct ms_span s)
{
	for (unsigned i = MS_PURPOSE_NONE + 1; i < MS_PURPOSE_COUNT; i++)
		if (ms_span_eq(s, ms_span_str(purposes[i])))
			return (enum ms_purpose)i;
	return MS_PURPOSE_NONE;
}

/* The label "muster/v1/..." as the first item of an array of n. */
static void
begin(struct ms_buf *b, size_t n, const char *what, const char *more)
{
	char label[64];
	(void)snprintf(label, sizeof label, "muster/v1/%s%s", what, more);
	ms_cbor_array(b, n);
	ms_cbor_text(b, label);
}

static enum ms_rc
finish(struct ms_buf *b, uint8_t ret[static MS_BIND_LEN], struct ms_err *err)
{
	enum ms_rc rc = ms_buf_check(b, err);
	if (rc == MS_OK)
		ms_sha256(ms_buf_span(b), ret);
	ms_buf_fini(b);
	return rc;
}

enum ms_rc
ms_bind_quote(const struct ms_bind_quote *q, uint8_t ret[static MS_BIND_LEN], struct ms_err *err)
{
	uint8_t request[MS_SHA256_LEN];
	struct ms_buf b;
	if (q->nonce.len != MS_NONCE_LEN || q->authority.len != MS_BIND_LEN || q->exporter.len != MS_BIND_LEN)
		return ms_fail(err, MS_ERR_MALFORMED, "quote binding: nonce, authority or exporter of a wrong length");
	ms_sha256(q->request, request);
	ms_buf_init(&b, BIND_MAX);
	begin(&b, 7, ms_purpose_name(q->purpose), "");
	ms_cbor_text_span(&b, q->tenant);
	ms_cbor_text_span(&b, q->device);
	ms_cbor_bytes(&b, q->nonce);
	ms_cbor_bytes(&b, ms_span(request, sizeof request));
	ms_cbor_bytes(&b, q->authority);
	ms_cbor_bytes(&b, q->exporter);
	return finish(&b, ret, err);
}

enum ms_rc
ms_bind_certify(enum ms_purpose purpose, struct ms_span tenant, struct ms_span device, struct ms_span nonce,
    uint8_t ret[static MS_BIND_LEN], struct ms_err *err)
{
	struct ms_buf b;
	ms_buf_init(&b, BIND_MAX);
	begin(&b, 4, "certify/", ms_purpose_name(purpose));
	ms_cbor_text_span(&b, tenant);
	ms_cbor_text_span(&b, device);
	ms_cbor_bytes(&b, nonce);
	return finish(&b, ret, err);
}

enum ms_rc
ms_bind_credential(struct ms_span transcript, struct ms_buf *out, struct ms_err *err)
{
	uint8_t hash[MS_SHA256_LEN];
	ms_sha256(transcript, hash);
	begin(out, 2, "credential", "");
	ms_cbor_bytes(out, ms_span(hash, sizeof hash));
	return ms_buf_check(out, err);
}

enum ms_rc
ms_bind_nonce(
    enum ms_purpose purpose, struct ms_span tenant, struct ms_span random, uint64_t expires_s, struct ms_buf *out, struct ms_err *err)
{
	begin(out, 5, "nonce", "");
	ms_cbor_text_span(out, tenant);
	ms_cbor_text(out, ms_purpose_name(purpose));
	ms_cbor_bytes(out, random);
	ms_cbor_uint(out, expires_s);
	return ms_buf_check(out, err);
}

uint64_t
ms_nonce_expires_s(struct ms_span nonce)
{
	uint64_t v = 0;
	for (size_t i = 16; i < 24 && i < nonce.len; i++)
		v = v << 8 | nonce.p[i];
	return v;
}

enum ms_rc
ms_bind_code(struct ms_span ek_hash, struct ms_span ak_name, struct ms_span transcript_hash, char *text, struct ms_err *err)
{
	uint8_t hash[MS_BIND_LEN];
	struct ms_buf b;
	ms_buf_init(&b, BIND_MAX);
	begin(&b, 4, "code", "");
	ms_cbor_bytes(&b, ek_hash);
	ms_cbor_bytes(&b, ak_name);
	ms_cbor_bytes(&b, transcript_hash);
	enum ms_rc rc = finish(&b, hash, err);
	if (rc == MS_OK)
		ms_words(hash, text);
	return rc;
}

void
ms_evidence_id(struct ms_span attest, struct ms_span pcrs, uint8_t ret[static MS_BIND_LEN])
{
	struct ms_span parts[] = {attest, pcrs};
	ms_sha256v(parts, 2, ret);
}

enum ms_rc
ms_bind_secret(const struct ms_bind_secret *s, struct ms_buf *out, struct ms_err *err)
{
	begin(out, 9, "secret", "");
	ms_cbor_bytes(out, s->deployment);
	ms_cbor_text_span(out, s->tenant);
	ms_cbor_text_span(out, s->device);
	ms_cbor_text_span(out, s->path);
	ms_cbor_uint(out, s->version);
	ms_cbor_bytes(out, s->nonce);
	ms_cbor_bytes(out, s->evidence);
	ms_cbor_bytes(out, s->leaf);
	return ms_buf_check(out, err);
}

enum ms_rc
ms_bind_intake(const struct ms_bind_intake *s, struct ms_buf *out, struct ms_err *err)
{
	begin(out, 6, "intake", "");
	ms_cbor_bytes(out, s->deployment);
	ms_cbor_text_span(out, s->tenant);
	ms_cbor_text_span(out, s->path);
	ms_cbor_text_span(out, s->rule);
	ms_cbor_text_span(out, s->class_name);
	return ms_buf_check(out, err);
}
