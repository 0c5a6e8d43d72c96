/* Nonces: random 16 | expires_s 8 | MAC 16. Given out without a row; consumed with one, in the transaction that grants. */
#include <string.h>

#include "crypto/hash.h"
#include "base/io.h"
#include "base/rd.h"
#include "server/core/core.h"

#define RANDOM_LEN 16u
#define MAC_LEN 16u
#define MAC_INPUT_MAX 512u

static enum ms_rc
nonce_mac(const struct ms_core *c, enum ms_purpose purpose, struct ms_span tenant, struct ms_span nonce, uint8_t mac[static MS_SHA256_LEN],
    struct ms_err *err)
{
	struct ms_buf b;
	ms_buf_init(&b, MAC_INPUT_MAX);
	enum ms_rc rc = ms_bind_nonce(purpose, tenant, ms_span(nonce.p, RANDOM_LEN), ms_nonce_expires_s(nonce), &b, err);
	struct ms_span part = ms_buf_span(&b);
	if (rc == MS_OK)
		rc = ms_hmac_sha256v(c->nonce_key, &part, 1, mac, err);
	ms_buf_fini(&b);
	return rc;
}

enum ms_rc
ms_nonce_issue(
    const struct ms_core *c, enum ms_purpose purpose, struct ms_span tenant, uint8_t ret[static MS_NONCE_LEN], struct ms_err *err)
{
	uint8_t nonce[MS_NONCE_LEN], mac[MS_SHA256_LEN];
	uint64_t expires_s = c->now_s + MS_CORE_NONCE_LIFE_S;
	enum ms_rc rc = ms_random(nonce, RANDOM_LEN, err); /* a failing random source refuses */
	if (rc != MS_OK)
		return rc;
	ms_store_key_u64(expires_s, nonce + RANDOM_LEN);
	rc = nonce_mac(c, purpose, tenant, ms_span(nonce, sizeof nonce), mac, err);
	if (rc != MS_OK)
		return rc;
	memcpy(nonce + RANDOM_LEN + 8, mac, MAC_LEN);
	memcpy(ret, nonce, sizeof nonce);
	return MS_OK;
}

enum ms_rc
ms_nonce_check(const struct ms_core *c, enum ms_purpose purpose, struct ms_span tenant, struct ms_span nonce, struct ms_err *err)
{
	uint8_t mac[MS_SHA256_LEN];
	if (nonce.len != MS_NONCE_LEN)
		return ms_fail(err, MS_ERR_MALFORMED, "nonce of %zu bytes", nonce.len);
	enum ms_rc rc = nonce_mac(c, purpose, tenant, nonce, mac, err);
	if (rc != MS_OK)
		return rc;
	if (!ms_ct_eq(mac, nonce.p + RANDOM_LEN + 8, MAC_LEN))
		return ms_fail(err, MS_ERR_AUTH, "nonce: not ours, of before a restart, or of another purpose or tenant");
	if (c->now_s >= ms_nonce_expires_s(nonce))
		return ms_fail(err, MS_ERR_EXPIRED, "nonce: expired");
	return MS_OK;
}

/* Keys sort by expiry, so that a purge reads only what it deletes. */
static void
nonce_key(struct ms_span nonce, uint8_t key[static 8 + RANDOM_LEN])
{
	memcpy(key, nonce.p + RANDOM_LEN, 8);
	memcpy(key + 8, nonce.p, RANDOM_LEN);
}

enum ms_rc
ms_nonce_unused(struct ms_core *c, struct ms_span nonce, struct ms_err *err)
{
	uint8_t key[8 + RANDOM_LEN];
	struct ms_buf val;
	nonce_key(nonce, key);
	ms_buf_init(&val, 16);
	enum ms_rc rc = ms_store_get(c->store, MS_TABLE_NONCES, ms_span(key, sizeof key), &val, NULL);
	ms_buf_fini(&val);
	return rc == MS_ERR_NOT_FOUND ? MS_OK : ms_fail(err, rc == MS_OK ? MS_ERR_REPLAY : rc, "nonce: used before");
}

enum ms_rc
ms_nonce_consume(struct ms_core *c, struct ms_span nonce, struct ms_err *err)
{
	uint8_t key[8 + RANDOM_LEN];
	if (c->now_s >= ms_nonce_expires_s(nonce)) /* it waited: a purge may have forgotten that it was used */
		return ms_fail(err, MS_ERR_EXPIRED, "nonce: expired");
	nonce_key(nonce, key);
	enum ms_rc rc = ms_store_insert(c->store, MS_TABLE_NONCES, ms_span(key, sizeof key), ms_span("", 1), err);
	return rc == MS_ERR_CONFLICT ? ms_fail(err, MS_ERR_REPLAY, "nonce: used before") : rc;
}

#define PURGE_MAX 512u
struct purge {
	uint64_t now_s;
	bool all;
	size_t n;
	uint8_t keys[PURGE_MAX][8 + RANDOM_LEN];
};

static enum ms_rc
purge_collect(void *ctx, struct ms_span key, MS_UNUSED struct ms_span val)
{
	struct purge *p = ctx;
	struct ms_rd r = ms_rd_span(key);
	uint64_t expires_s = ms_rd_u64(&r);
	if (key.len == sizeof p->keys[0] && (p->all || expires_s < p->now_s))
		memcpy(p->keys[p->n++], key.p, key.len);
	return MS_OK;
}

enum ms_rc
ms_nonce_purge(struct ms_core *c, bool all, struct ms_err *err)
{
	struct purge p = {.now_s = c->now_s, .all = all};
	struct ms_scan q = {.table = MS_TABLE_NONCES, .limit = PURGE_MAX};
	enum ms_rc rc = ms_store_scan(c->store, &q, purge_collect, &p, err);
	for (size_t i = 0; rc == MS_OK && i < p.n; i++)
		rc = ms_store_delete(c->store, MS_TABLE_NONCES, ms_span(p.keys[i], sizeof p.keys[i]), err);
	return rc;
}
