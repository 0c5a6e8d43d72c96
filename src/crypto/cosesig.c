#include "crypto/cosesig.h"

#include "codec/statement_int.h"

#define TBS_MAX (MS_COSE_MAX + 1024u)

static enum ms_rc
verify_tbs(const struct ms_pubkey *key, int64_t alg, struct ms_span kid, const struct ms_buf *tbs, struct ms_span sig, struct ms_err *err)
{
	enum ms_rc rc = ms_buf_check(tbs, err);
	if (rc != MS_OK)
		return rc;
	if (!ms_span_eq(kid, ms_span(ms_pubkey_id(key), MS_KEY_ID_LEN)))
		return ms_fail(err, MS_ERR_AUTH, "signed by another key");
	/* the algorithm is the key's, not the message's: they must agree */
	if (alg == MS_COSE_ES256 && ms_pubkey_type(key) == MS_KEY_P256)
		return ms_pubkey_verify(key, MS_SIG_ECDSA_SHA256, ms_buf_span(tbs), sig, err);
	if (alg == MS_COSE_EDDSA && ms_pubkey_type(key) == MS_KEY_ED25519)
		return ms_pubkey_verify(key, MS_SIG_ED25519, ms_buf_span(tbs), sig, err);
	return ms_fail(err, MS_ERR_AUTH, "the algorithm is not that of the key");
}

enum ms_rc
ms_cose_sign(const struct ms_signer *s, struct ms_span content_type, struct ms_span external_aad, struct ms_span payload,
    struct ms_buf *out, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf header, tbs;
	uint8_t sig[MS_SIG_LEN];
	ms_buf_init(&header, 1024);
	ms_buf_init(&tbs, TBS_MAX);
	enum ms_rc rc = ms_cose_build_header(s->alg, ms_span(ms_pubkey_id(s->pub), MS_KEY_ID_LEN), content_type, &header, err);
	if (rc != MS_OK)
		return rc;
	ms_cose_build_tbs(ms_buf_span(&header), external_aad, payload, &tbs);
	rc = ms_buf_check(&tbs, err);
	if (rc == MS_OK)
		rc = ms_signer_sign(s, ms_buf_span(&tbs), sig, err);
	if (rc != MS_OK)
		return rc;
	ms_cose_build(ms_buf_span(&header), payload, sig, out);
	return ms_buf_check(out, err);
}

enum ms_rc
ms_cose_verify(struct ms_span wire, const struct ms_pubkey *key, struct ms_span content_type, struct ms_span external_aad,
    struct ms_cose_sign1 *ret, struct ms_err *err)
{
	struct ms_cose_sign1 m;
	MS_OWN(ms_buf_fini) struct ms_buf tbs;
	ms_buf_init(&tbs, TBS_MAX);
	enum ms_rc rc = ms_cose_parse(wire, &m, err);
	if (rc != MS_OK)
		return rc;
	if (!ms_span_eq(m.content_type, content_type))
		return ms_fail(err, MS_ERR_AUTH, "COSE: another content type");
	ms_cose_build_tbs(m.header, external_aad, m.payload, &tbs);
	rc = verify_tbs(key, m.alg, m.kid, &tbs, m.signature, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "COSE");
	*ret = m;
	return MS_OK;
}

static enum ms_rc
sign_statement(void *ctx, struct ms_span tbs, uint8_t sig[static MS_COSE_SIG_LEN], struct ms_err *err)
{
	return ms_signer_sign(ctx, tbs, sig, err);
}

enum ms_rc
ms_statement_sign(const struct ms_signer *s, const struct ms_statement_fields *f, struct ms_buf *out, struct ms_err *err)
{
	struct ms_statement_fields mine = *f;
	struct ms_signer signer = *s;
	mine.alg = s->alg;
	mine.kid = ms_span(ms_pubkey_id(s->pub), MS_KEY_ID_LEN);
	return ms_statement_build(&mine, sign_statement, &signer, out, err);
}

enum ms_rc
ms_statement_verify_raw(const struct ms_statement_raw *raw, const struct ms_pubkey *key, const struct ms_statement_expect *x,
    struct ms_statement *ret, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf tbs;
	ms_buf_init(&tbs, TBS_MAX);
	ms_statement_tbs(raw, &tbs);
	enum ms_rc rc = verify_tbs(key, ms_statement_alg(raw), ms_statement_kid(raw), &tbs, ms_statement_signature(raw), err);
	if (rc == MS_OK)
		rc = ms_statement_check(raw, x, ret, err);
	return rc == MS_OK ? MS_OK : ms_prefix(err, rc, "%s statement", x->kind);
}

enum ms_rc
ms_statement_verify(
    struct ms_span wire, const struct ms_pubkey *key, const struct ms_statement_expect *x, struct ms_statement *ret, struct ms_err *err)
{
	MS_OWN(ms_statement_raw_free) struct ms_statement_raw *raw = NULL;
	enum ms_rc rc = ms_statement_parse(wire, &raw, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "%s statement", x->kind);
	return ms_statement_verify_raw(raw, key, x, ret, err);
}
