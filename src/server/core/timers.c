/* Work that no request asks for: core's own key, the CRL, deadlines, sums of refusals, old nonces. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/rd.h"
#include "crypto/hash.h"
#include "fleet/lifecycle.h"
#include "proto/data.h"
#include "server/core/recorded.h"

#define CHALLENGE_KEY_LIFE_S (7u * 86400u)
#define RENEW_AGAIN_S 60u
#define CRL_LIFE_S 3600u
#define HOUSEKEEPING_S 5u
#define REFUSALS_S 60u
#define STALE_MAX 256u

static struct ms_entry
server_entry(const char *kind, const uint8_t request[static 32])
{
	return (struct ms_entry){.tenant = ms_span_str("*"),
	    .kind = ms_span_str(kind),
	    .actor = ms_span_str("server"),
	    .subject = ms_span_str("server"),
	    .request = ms_span(request, 32),
	    .decision = ms_span_str("ok")};
}

/* A job of our own, without an answer. */
static enum ms_rc
own_job(struct ms_core *c, ms_step_fn step, struct ms_err *err)
{
	struct ms_job *j = NULL;
	enum ms_rc rc = ms_job_new(c, &j, err);
	if (rc == MS_OK)
		ms_job_ready(c, j, step);
	return rc;
}

/* ---- server.start: keeper vouches for the key of this boot ---- */

static enum ms_rc
on_challenge_key(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	ms_buf_reset(&c->challenge_key);
	ms_buf_put_span(&c->challenge_key, j->result);
	c->challenge_key_expires_s = c->now_s + CHALLENGE_KEY_LIFE_S;
	c->challenge_renew_s = c->now_s + CHALLENGE_KEY_LIFE_S / 2;
	j->answered = true;
	return ms_buf_check(&c->challenge_key, err);
}

static enum ms_rc
on_start_ticket(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	j->acted = on_challenge_key;
	return ms_keeper_ask(c, j, MS_ACT_CHALLENGE_KEY, 0, err);
}

static enum ms_rc
step_start(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	uint8_t digest[32];
	struct ms_span point = ms_pubkey_point(ms_softkey_public(c->boot_key));
	struct ms_act_challenge_key act = {.point = point, .expires_s = c->now_s + CHALLENGE_KEY_LIFE_S};
	/* those of before this start are void: their MAC key is gone; at a renewal under way they still count */
	enum ms_rc rc = c->challenge_key.len == 0 ? ms_nonce_purge(c, true, err) : MS_OK;
	if (rc == MS_OK)
		rc = ms_cbor_build_map(&ms_act_challenge_key_table, &act, &j->params, err);
	if (rc != MS_OK)
		return rc;
	ms_sha256(ms_buf_span(&j->params), digest);
	struct ms_data_start data = {.point = point, .version = ms_span_str(MS_VERSION)};
	struct ms_entry e = server_entry("server.start", digest);
	e.act = ms_span(digest, 32);
	j->ticketed = on_start_ticket;
	return ms_job_log_data(c, j, &e, &ms_data_start_table, &data, NULL, err);
}

enum ms_rc
ms_start_job(struct ms_core *c, struct ms_err *err)
{
	return own_job(c, step_start, err);
}

/* ---- CRL ---- */

struct crl_rows {
	struct ms_buf items;
	size_t n;
	uint64_t now_s;
	struct ms_err *err;
};

static enum ms_rc
crl_row(void *ctx, struct ms_span key, struct ms_span val)
{
	struct crl_rows *l = ctx;
	struct ms_row_revoked r;
	enum ms_rc rc = ms_cbor_parse_map(&ms_row_revoked_table, val, &r, l->err);
	if (rc != MS_OK || r.not_after_s < l->now_s || key.len < 16)
		return rc; /* an expired certificate needs no entry (RFC 5280 5) */
	ms_cbor_array(&l->items, 3);
	ms_cbor_bytes(&l->items, ms_span(key.p + key.len - 16, 16));
	ms_cbor_uint(&l->items, r.since_s);
	ms_cbor_uint(&l->items, r.reason);
	l->n++;
	return MS_OK;
}

static enum ms_rc
step_keep_crl(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	return ms_statement_put(c, "crl", ms_span_str("*"), MS_SPAN_NONE, ms_buf_span(&j->out), err);
}

static enum ms_rc
on_crl(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	ms_buf_reset(&c->crl);
	ms_buf_put_span(&c->crl, j->result);
	c->crl_next_s = c->now_s + CRL_LIFE_S / 2;
	ms_buf_put_span(&j->out, j->result);
	enum ms_rc rc = ms_buf_check(&c->crl, err);
	if (rc == MS_OK)
		ms_job_ready(c, j, step_keep_crl);
	return rc;
}

static enum ms_rc
on_crl_ticket(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	j->acted = on_crl;
	return ms_keeper_ask(c, j, MS_ACT_CRL, 0, err);
}

static enum ms_rc
crl_log(struct ms_core *c, struct ms_job *j, const struct crl_rows *l, struct ms_err *err)
{
	struct ms_row_crl row = {0};
	struct ms_buf mem, all;
	uint8_t digest[32];
	ms_buf_init(&mem, 4096);
	enum ms_rc rc = ms_row_get(c->store, MS_TABLE_CRLS, ms_span_str("*"), ms_span_str("current"), &ms_row_crl_table, &row, &mem, err);
	uint64_t number = row.number + 1;
	ms_buf_fini(&mem);
	if (rc != MS_OK && rc != MS_ERR_NOT_FOUND)
		return rc;
	ms_buf_init(&all, 1u << 20);
	ms_cbor_array(&all, l->n);
	ms_buf_put_span(&all, ms_buf_span(&l->items));
	struct ms_act_crl act = {.number = number, .this_s = c->now_s, .next_s = c->now_s + CRL_LIFE_S, .revoked = ms_buf_span(&all)};
	rc = ms_cbor_build_map(&ms_act_crl_table, &act, &j->params, err);
	ms_buf_fini(&all);
	if (rc != MS_OK)
		return rc;
	ms_sha256(ms_buf_span(&j->params), digest);
	struct ms_data_crl data = {.number = number, .this_s = act.this_s, .next_s = act.next_s};
	struct ms_entry e = server_entry("crl.issue", digest);
	e.act = ms_span(digest, 32);
	j->ticketed = on_crl_ticket;
	return ms_job_log_data(c, j, &e, &ms_data_crl_table, &data, NULL, err);
}

static enum ms_rc
step_crl(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	struct crl_rows l = {.now_s = c->now_s, .err = err};
	struct ms_scan q = {.table = MS_TABLE_REVOKED}; /* all of it: a list that leaves one out is worse than none */
	ms_buf_init(&l.items, 1u << 20);
	enum ms_rc rc = ms_store_scan(c->store, &q, crl_row, &l, err);
	if (rc == MS_OK)
		rc = crl_log(c, j, &l, err);
	ms_buf_fini(&l.items);
	return rc;
}

/* ---- deadlines: time alone makes trusted into stale ---- */

struct due {
	uint64_t now_s;
	size_t n;
	struct {
		uint8_t key[8 + 64 + 1 + 96];
		size_t len;
	} row[STALE_MAX];
};

static enum ms_rc
due_row(void *ctx, struct ms_span key, MS_UNUSED struct ms_span val)
{
	struct due *d = ctx;
	struct ms_rd r = ms_rd_span(key);
	if (ms_rd_u64(&r) > d->now_s || d->n == STALE_MAX || key.len > sizeof d->row[0].key)
		return MS_OK;
	memcpy(d->row[d->n].key, key.p, key.len);
	d->row[d->n++].len = key.len;
	return MS_OK;
}

static enum ms_rc
make_stale(struct ms_core *c, struct ms_job *j, struct ms_span key, struct ms_err *err)
{
	const uint8_t *zero = memchr(key.p + 8, 0, key.len - 8);
	if (zero == NULL)
		return ms_fail(err, MS_ERR_IO, "database, table deadlines");
	struct ms_span tenant = ms_span(key.p + 8, (size_t)(zero - key.p) - 8);
	struct ms_span device = ms_span(zero + 1, key.len - 8 - tenant.len - 1);
	MS_OWN(ms_device_fini) struct ms_device d = {.state = MS_LIFE_NONE};
	enum ms_rc rc = ms_device_load(c, tenant, device, &d, err);
	bool due = rc == MS_OK && ms_life_by_name(d.row.state) == MS_LIFE_TRUSTED && d.row.deadline_s <= c->now_s;
	if (rc != MS_OK || !due) /* attested again since, or gone: nothing to do */
		return rc == MS_ERR_NOT_FOUND ? MS_OK : rc;
	uint8_t request[32];
	ms_sha256(key, request);
	struct ms_data_life data = {
	    .state = ms_span_str(ms_life_name(MS_LIFE_STALE)), .reason = ms_span_str("no evidence before its deadline")};
	struct ms_entry e = server_entry("device.stale", request);
	e.tenant = tenant;
	e.subject = device;
	return ms_job_log_data(c, j, &e, &ms_data_life_table, &data, NULL, err);
}

static enum ms_rc
step_housekeeping(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	struct due *d = calloc(1, sizeof *d);
	struct ms_scan q = {.table = MS_TABLE_DEADLINES, .limit = STALE_MAX};
	if (d == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "deadlines");
	d->now_s = c->now_s;
	enum ms_rc rc = ms_nonce_purge(c, false, err);
	if (rc == MS_OK)
		rc = ms_recorded_purge(c, &c->purge_cursor, err);
	if (rc == MS_OK)
		rc = ms_store_scan(c->store, &q, due_row, d, err);
	for (size_t i = 0; rc == MS_OK && i < d->n && j->n_staged < MS_JOB_ENTRIES_MAX; i++) {
		struct ms_span key = ms_span(d->row[i].key, d->row[i].len);
		rc = make_stale(c, j, key, err);
		if (rc == MS_OK)
			rc = ms_store_delete(c->store, MS_TABLE_DEADLINES, key, err);
	}
	bool more = j->n_staged == MS_JOB_ENTRIES_MAX || d->n == STALE_MAX;
	c->stale_check_s = more ? c->now_s : c->now_s + HOUSEKEEPING_S;
	free(d);
	return rc;
}

/* ---- refusals ---- */

void
ms_core_count_refusal(struct ms_core *c, const char *reason)
{
	for (size_t i = 0; i < MS_CORE_REFUSALS_MAX; i++) {
		if (c->refusals[i].reason == NULL)
			c->refusals[i].reason = reason;
		if (strcmp(c->refusals[i].reason, reason) == 0) {
			c->refusals[i].count++;
			return;
		}
	}
}

static int
by_cbor_order(const void *a, const void *b)
{
	const struct ms_refusal *x = a, *y = b;
	size_t n = strlen(x->reason), m = strlen(y->reason);
	if (n != m)
		return n < m ? -1 : 1; /* shorter keys encode lower (RFC 8949 4.2.1) */
	return strcmp(x->reason, y->reason);
}

static enum ms_rc
step_refusals(struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	struct ms_buf counts;
	uint8_t digest[32];
	size_t n = 0;
	while (n < MS_CORE_REFUSALS_MAX && c->refusals[n].reason != NULL)
		n++;
	qsort(c->refusals, n, sizeof c->refusals[0], by_cbor_order);
	ms_buf_init(&counts, 4096);
	ms_cbor_map(&counts, n);
	for (size_t i = 0; i < n; i++) {
		ms_cbor_text(&counts, c->refusals[i].reason);
		ms_cbor_uint(&counts, c->refusals[i].count);
	}
	ms_sha256(ms_buf_span(&counts), digest);
	struct ms_data_refusals data = {.counts = ms_buf_span(&counts), .since_s = c->refusals_since_s};
	struct ms_entry e = server_entry("server.refusals", digest);
	enum ms_rc rc = ms_job_log_data(c, j, &e, &ms_data_refusals_table, &data, NULL, err);
	ms_buf_fini(&counts);
	if (rc == MS_OK)
		memset(c->refusals, 0, sizeof c->refusals);
	c->refusals_since_s = c->now_s;
	return rc;
}

enum ms_rc
ms_timers_run(struct ms_core *c, struct ms_err *err)
{
	enum ms_rc rc = MS_OK;
	if (c->challenge_key.len > 0 && c->now_s >= c->challenge_renew_s) {
		c->challenge_renew_s = c->now_s + RENEW_AGAIN_S; /* later, when it came */
		rc = own_job(c, step_start, err);
	}
	if (rc == MS_OK && (c->crl_due || c->now_s >= c->crl_next_s) && c->challenge_key.len > 0) {
		c->crl_due = false;
		c->crl_next_s = c->now_s + 10; /* again soon, should this one fail */
		rc = own_job(c, step_crl, err);
	}
	if (rc == MS_OK && c->now_s >= c->stale_check_s) {
		c->stale_check_s = c->now_s + HOUSEKEEPING_S;
		rc = own_job(c, step_housekeeping, err);
	}
	if (rc == MS_OK && c->refusals[0].reason != NULL && c->now_s >= c->refusals_since_s + REFUSALS_S) {
		c->refusals_since_s = c->now_s;
		rc = own_job(c, step_refusals, err);
	}
	return rc == MS_ERR_LIMITED ? MS_OK : rc; /* busy: the next turn tries again */
}
