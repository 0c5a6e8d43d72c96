#include "tpm/tpm.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/hash.h"
#include "tpm/tpm_int.h"

#define MASK_ALL ((UINT32_C(1) << MS_TPM_PCR_COUNT) - 1)

struct op_row {
	const char *name;
	bool mask;
	bool no_mask_too; /* mask may also be 0 */
	size_t a_min, a_max, b_min, b_max;
	uint32_t len_max;
};
static const struct op_row ops[MS_TPM_OP_COUNT] = {
    [MS_TPM_OP_INFO] = {.name = "read properties"},
    [MS_TPM_OP_RANDOM] = {.name = "random", .len_max = MS_TPM_RANDOM_MAX},
    [MS_TPM_OP_PCRS] = {.name = "read PCRs", .mask = true},
    [MS_TPM_OP_EK] = {.name = "endorsement key"},
    [MS_TPM_OP_AK] = {.name = "attestation key"},
    [MS_TPM_OP_ACTIVATE] = {.name = "activate credential", .a_min = 1, .a_max = 256, .b_min = 1, .b_max = 512},
    [MS_TPM_OP_QUOTE] = {.name = "quote", .mask = true},
    [MS_TPM_OP_IDENTITY] = {.name = "identity key"},
    [MS_TPM_OP_IDENTITY_CERTIFY] = {.name = "certify identity key"},
    [MS_TPM_OP_IDENTITY_SIGN] = {.name = "sign"},
    [MS_TPM_OP_SEAL_CERTIFY] = {.name = "certify sealing key", .mask = true},
    [MS_TPM_OP_SEAL_ECDH] =
	{.name = "open sealed key", .mask = true, .a_min = 1, .a_max = 512, .b_min = MS_TPM_POINT_LEN, .b_max = MS_TPM_POINT_LEN},
    [MS_TPM_OP_DATA_SEAL] = {.name = "seal data", .mask = true, .no_mask_too = true, .a_min = 1, .a_max = MS_TPM_DATA_MAX},
    [MS_TPM_OP_DATA_UNSEAL] = {.name = "unseal data", .mask = true, .no_mask_too = true, .a_min = 1, .a_max = 512},
};

const char *
ms_tpm_op_name(enum ms_tpm_op op)
{
	return (unsigned)op < MS_TPM_OP_COUNT && ops[op].name != NULL ? ops[op].name : "unknown request";
}

enum ms_rc
ms_tpm_request_check(const struct ms_tpm_request *q, struct ms_err *err)
{
	if ((unsigned)q->op >= MS_TPM_OP_COUNT || ops[q->op].name == NULL)
		return ms_fail(err, MS_ERR_USAGE, "TPM: no request %d", (int)q->op);
	const struct op_row *row = &ops[q->op];
	bool mask_ok = row->mask ? (q->mask != 0 || row->no_mask_too) && (q->mask & ~MASK_ALL) == 0 : q->mask == 0;
	if (!mask_ok)
		return ms_fail(err, MS_ERR_USAGE, "TPM: %s: PCR mask %#x", row->name, q->mask);
	if (q->a.len < row->a_min || q->a.len > row->a_max || q->b.len < row->b_min || q->b.len > row->b_max)
		return ms_fail(err, MS_ERR_USAGE, "TPM: %s: inputs of %zu and %zu bytes", row->name, q->a.len, q->b.len);
	if (q->len > row->len_max || (row->len_max != 0 && q->len == 0))
		return ms_fail(err, MS_ERR_USAGE, "TPM: %s: length %u", row->name, q->len);
	return MS_OK;
}

void
ms_tpm_reply_init(struct ms_tpm_reply *r)
{
	memset(r, 0, sizeof *r);
	ms_buf_init(&r->cert, MS_TPM_EK_CERT_MAX);
}

void
ms_tpm_reply_fini(struct ms_tpm_reply *r)
{
	ms_buf_fini(&r->cert);
	ms_secret_free(r->secret);
	r->secret = NULL;
}

static enum ms_rc
call(struct ms_tpm *t, const struct ms_tpm_request *q, struct ms_tpm_reply *r, struct ms_err *err)
{
	enum ms_rc rc = ms_tpm_request_check(q, err);
	return rc != MS_OK ? rc : t->ops->call(t, q, r, err);
}

/* A backend answered MS_OK without what the op promises: our own process, but it read a TPM's bytes. */
static enum ms_rc
incomplete(const struct ms_tpm_request *q, struct ms_err *err)
{
	return ms_fail(err, MS_ERR_TPM, "TPM: %s: incomplete answer", ms_tpm_op_name(q->op));
}

void
ms_tpm_free(struct ms_tpm *t)
{
	if (t != NULL)
		t->ops->free(t);
}

enum ms_rc
ms_tpm_get_info(struct ms_tpm *t, struct ms_tpm_info *ret, struct ms_err *err)
{
	MS_OWN(ms_tpm_reply_fini) struct ms_tpm_reply r;
	ms_tpm_reply_init(&r);
	const struct ms_tpm_request q = {.op = MS_TPM_OP_INFO};
	enum ms_rc rc = call(t, &q, &r, err);
	if (rc != MS_OK)
		return rc;
	*ret = r.info;
	return MS_OK;
}

static enum ms_rc
call_secret(struct ms_tpm *t, const struct ms_tpm_request *q, size_t want_len, struct ms_secret **ret, struct ms_err *err)
{
	MS_OWN(ms_tpm_reply_fini) struct ms_tpm_reply r;
	ms_tpm_reply_init(&r);
	enum ms_rc rc = call(t, q, &r, err);
	if (rc != MS_OK)
		return rc;
	if (r.secret == NULL || ms_secret_len(r.secret) == 0 || (want_len != 0 && ms_secret_len(r.secret) != want_len))
		return incomplete(q, err);
	*ret = r.secret;
	r.secret = NULL;
	return MS_OK;
}

enum ms_rc
ms_tpm_random(struct ms_tpm *t, size_t len, struct ms_secret **ret, struct ms_err *err)
{
	if (len > MS_TPM_RANDOM_MAX)
		return ms_fail(err, MS_ERR_USAGE, "TPM: random: %zu bytes", len);
	const struct ms_tpm_request q = {.op = MS_TPM_OP_RANDOM, .len = (uint32_t)len};
	return call_secret(t, &q, len, ret, err);
}

enum ms_rc
ms_tpm_read_pcrs(struct ms_tpm *t, uint32_t mask, struct ms_tpm_pcrs *ret, struct ms_err *err)
{
	MS_OWN(ms_tpm_reply_fini) struct ms_tpm_reply r;
	ms_tpm_reply_init(&r);
	const struct ms_tpm_request q = {.op = MS_TPM_OP_PCRS, .mask = mask};
	enum ms_rc rc = call(t, &q, &r, err);
	if (rc != MS_OK)
		return rc;
	if (r.pcrs.mask != mask)
		return incomplete(&q, err);
	*ret = r.pcrs;
	return MS_OK;
}

enum ms_rc
ms_tpm_ek(struct ms_tpm *t, struct ms_tpm_blob *pub, struct ms_buf *cert, struct ms_err *err)
{
	MS_OWN(ms_tpm_reply_fini) struct ms_tpm_reply r;
	ms_tpm_reply_init(&r);
	const struct ms_tpm_request q = {.op = MS_TPM_OP_EK};
	enum ms_rc rc = call(t, &q, &r, err);
	if (rc != MS_OK)
		return rc;
	if (r.pub.len == 0)
		return incomplete(&q, err);
	ms_buf_put_span(cert, ms_buf_span(&r.cert));
	rc = ms_buf_check(cert, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "EK certificate");
	*pub = r.pub;
	return MS_OK;
}

static enum ms_rc
call_public(struct ms_tpm *t, const struct ms_tpm_request *q, struct ms_tpm_blob *ret, struct ms_err *err)
{
	MS_OWN(ms_tpm_reply_fini) struct ms_tpm_reply r;
	ms_tpm_reply_init(&r);
	enum ms_rc rc = call(t, q, &r, err);
	if (rc != MS_OK)
		return rc;
	if (r.pub.len == 0)
		return incomplete(q, err);
	*ret = r.pub;
	return MS_OK;
}

enum ms_rc
ms_tpm_ak(struct ms_tpm *t, const uint8_t salt[static MS_TPM_SALT_LEN], struct ms_tpm_ak *ret, struct ms_err *err)
{
	struct ms_tpm_request q = {.op = MS_TPM_OP_AK};
	memcpy(q.ak_salt, salt, sizeof q.ak_salt);
	struct ms_tpm_blob pub;
	enum ms_rc rc = call_public(t, &q, &pub, err);
	if (rc != MS_OK)
		return rc;
	ret->pub = pub;
	ret->name[0] = 0x00; /* TPM_ALG_SHA256, then the digest of the public area (Part 1, 16) */
	ret->name[1] = 0x0b;
	ms_sha256(ms_tpm_blob_span(&pub), ret->name + 2);
	return MS_OK;
}

enum ms_rc
ms_tpm_activate(struct ms_tpm *t, const uint8_t ak_salt[static MS_TPM_SALT_LEN], struct ms_span blob, struct ms_span secret,
    struct ms_secret **ret, struct ms_err *err)
{
	struct ms_tpm_request q = {.op = MS_TPM_OP_ACTIVATE, .a = blob, .b = secret};
	memcpy(q.ak_salt, ak_salt, sizeof q.ak_salt);
	return call_secret(t, &q, 0, ret, err);
}

enum ms_rc
ms_tpm_quote(struct ms_tpm *t, const uint8_t ak_salt[static MS_TPM_SALT_LEN], uint32_t mask, const uint8_t extra[static MS_TPM_HASH_LEN],
    struct ms_tpm_quote *ret, struct ms_err *err)
{
	MS_OWN(ms_tpm_reply_fini) struct ms_tpm_reply r;
	ms_tpm_reply_init(&r);
	struct ms_tpm_request q = {.op = MS_TPM_OP_QUOTE, .mask = mask};
	memcpy(q.ak_salt, ak_salt, sizeof q.ak_salt);
	memcpy(q.hash, extra, sizeof q.hash);
	enum ms_rc rc = call(t, &q, &r, err);
	if (rc != MS_OK)
		return rc;
	if (r.attest.len == 0 || r.signature.len == 0 || r.pcrs.mask != mask)
		return incomplete(&q, err);
	*ret = (struct ms_tpm_quote){.attest = r.attest, .signature = r.signature, .pcrs = r.pcrs};
	return MS_OK;
}

enum ms_rc
ms_tpm_identity(struct ms_tpm *t, const uint8_t salt[static MS_TPM_SALT_LEN], struct ms_tpm_blob *pub, struct ms_err *err)
{
	struct ms_tpm_request q = {.op = MS_TPM_OP_IDENTITY};
	memcpy(q.salt, salt, sizeof q.salt);
	return call_public(t, &q, pub, err);
}

static enum ms_rc
call_certify(struct ms_tpm *t, const struct ms_tpm_request *q, struct ms_tpm_certified *ret, struct ms_err *err)
{
	MS_OWN(ms_tpm_reply_fini) struct ms_tpm_reply r;
	ms_tpm_reply_init(&r);
	enum ms_rc rc = call(t, q, &r, err);
	if (rc != MS_OK)
		return rc;
	if (r.pub.len == 0 || r.attest.len == 0 || r.signature.len == 0)
		return incomplete(q, err);
	*ret = (struct ms_tpm_certified){.pub = r.pub, .attest = r.attest, .signature = r.signature};
	return MS_OK;
}

enum ms_rc
ms_tpm_identity_certify(struct ms_tpm *t, const uint8_t salt[static MS_TPM_SALT_LEN], const uint8_t ak_salt[static MS_TPM_SALT_LEN],
    const uint8_t qualifying[static MS_TPM_HASH_LEN], struct ms_tpm_certified *ret, struct ms_err *err)
{
	struct ms_tpm_request q = {.op = MS_TPM_OP_IDENTITY_CERTIFY};
	memcpy(q.salt, salt, sizeof q.salt);
	memcpy(q.ak_salt, ak_salt, sizeof q.ak_salt);
	memcpy(q.hash, qualifying, sizeof q.hash);
	return call_certify(t, &q, ret, err);
}

enum ms_rc
ms_tpm_identity_sign(struct ms_tpm *t, const uint8_t salt[static MS_TPM_SALT_LEN], const uint8_t digest[static MS_TPM_HASH_LEN],
    uint8_t ret[static MS_TPM_SIGNATURE_LEN], struct ms_err *err)
{
	MS_OWN(ms_tpm_reply_fini) struct ms_tpm_reply r;
	ms_tpm_reply_init(&r);
	struct ms_tpm_request q = {.op = MS_TPM_OP_IDENTITY_SIGN};
	memcpy(q.salt, salt, sizeof q.salt);
	memcpy(q.hash, digest, sizeof q.hash);
	enum ms_rc rc = call(t, &q, &r, err);
	if (rc != MS_OK)
		return rc;
	if (r.signature.len != MS_TPM_SIGNATURE_LEN)
		return incomplete(&q, err);
	memcpy(ret, r.signature.b, MS_TPM_SIGNATURE_LEN);
	return MS_OK;
}

enum ms_rc
ms_tpm_seal_certify(struct ms_tpm *t, const uint8_t salt[static MS_TPM_SALT_LEN], uint32_t mask,
    const uint8_t ak_salt[static MS_TPM_SALT_LEN], const uint8_t qualifying[static MS_TPM_HASH_LEN], struct ms_tpm_certified *ret,
    struct ms_err *err)
{
	struct ms_tpm_request q = {.op = MS_TPM_OP_SEAL_CERTIFY, .mask = mask};
	memcpy(q.salt, salt, sizeof q.salt);
	memcpy(q.ak_salt, ak_salt, sizeof q.ak_salt);
	memcpy(q.hash, qualifying, sizeof q.hash);
	return call_certify(t, &q, ret, err);
}

enum ms_rc
ms_tpm_seal_ecdh(struct ms_tpm *t, const struct ms_tpm_seal *key, const uint8_t point[static MS_TPM_POINT_LEN], struct ms_secret **ret,
    struct ms_err *err)
{
	struct ms_tpm_request q = {.op = MS_TPM_OP_SEAL_ECDH, .mask = key->mask, .a = key->pub, .b = ms_span(point, MS_TPM_POINT_LEN)};
	memcpy(q.salt, key->salt, sizeof q.salt);
	return call_secret(t, &q, MS_TPM_HASH_LEN, ret, err);
}

enum ms_rc
ms_tpm_data_seal(struct ms_tpm *t, const struct ms_secret *secret, uint32_t mask, struct ms_tpm_blob *ret, struct ms_err *err)
{
	const struct ms_tpm_request q = {
	    .op = MS_TPM_OP_DATA_SEAL, .mask = mask, .a = ms_span(ms_secret_peek(secret), ms_secret_len(secret))};
	return call_public(t, &q, ret, err);
}

enum ms_rc
ms_tpm_data_unseal(struct ms_tpm *t, struct ms_span blob, uint32_t mask, struct ms_secret **ret, struct ms_err *err)
{
	const struct ms_tpm_request q = {.op = MS_TPM_OP_DATA_UNSEAL, .mask = mask, .a = blob};
	return call_secret(t, &q, 0, ret, err);
}
