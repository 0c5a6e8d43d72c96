#include "server/core/recorded.h"

#include <string.h>

#include "base/rd.h"
#include "crypto/hash.h"

#define RECORD_MAX (60u << 10)
#define BLOB_MAX (9u << 20)
#define INDEX_MAX (16u << 10)
#define INDEX_ITEM 16u /* u64 entry | u64 time_s */
#define FIND_LOOK 16u  /* records of one device looked at for a boot log */
#define PURGE_LOOK 64u /* devices looked at in one turn, and records dropped */

/* ---- logs, counted ---- */

static enum ms_rc
refs_get(struct ms_core *c, struct ms_span id, uint64_t *ret, struct ms_err *err)
{
	struct ms_buf val;
	ms_buf_init(&val, 8);
	enum ms_rc rc = ms_store_get(c->store, MS_TABLE_EVIDENCE_REFS, id, &val, err);
	struct ms_rd rd = ms_rd_span(ms_buf_span(&val));
	*ret = rc == MS_OK ? ms_rd_u64(&rd) : 0;
	bool whole = rc != MS_OK || ms_rd_done(&rd);
	ms_buf_fini(&val);
	if (!whole)
		return ms_fail(err, MS_ERR_IO, "database, table evidence_refs");
	return rc == MS_ERR_NOT_FOUND ? MS_OK : rc;
}

static enum ms_rc
refs_set(struct ms_core *c, struct ms_span id, uint64_t n, struct ms_err *err)
{
	uint8_t val[8];
	ms_store_key_u64(n, val);
	return ms_store_put(c->store, MS_TABLE_EVIDENCE_REFS, id, ms_span(val, sizeof val), err);
}

static enum ms_rc
blob_hold(struct ms_core *c, struct ms_span bytes, const uint8_t id[static 32], struct ms_err *err)
{
	uint64_t n = 0;
	struct ms_span key = ms_span(id, 32);
	enum ms_rc rc = refs_get(c, key, &n, err);
	if (rc == MS_OK && n == 0)
		rc = ms_store_insert(c->store, MS_TABLE_EVIDENCE_BLOBS, key, bytes, err);
	return rc == MS_OK ? refs_set(c, key, n + 1, err) : rc;
}

/* One more record holds what another holds already. */
static enum ms_rc
blob_hold_again(struct ms_core *c, struct ms_span id, struct ms_err *err)
{
	uint64_t n = 0;
	enum ms_rc rc = refs_get(c, id, &n, err);
	if (rc == MS_OK && n == 0)
		return ms_fail(err, MS_ERR_NOT_FOUND, "no record holds it");
	return rc == MS_OK ? refs_set(c, id, n + 1, err) : rc;
}

static enum ms_rc
blob_drop(struct ms_core *c, struct ms_span id, struct ms_err *err)
{
	uint64_t n = 0;
	if (id.len == 0)
		return MS_OK;
	enum ms_rc rc = refs_get(c, id, &n, err);
	if (rc == MS_OK && n == 0)
		rc = ms_fail(err, MS_ERR_IO, "database, table evidence_refs: a record's log is not counted");
	if (rc != MS_OK || n > 1)
		return rc == MS_OK ? refs_set(c, id, n - 1, err) : rc;
	rc = ms_store_delete(c->store, MS_TABLE_EVIDENCE_REFS, id, err);
	return rc == MS_OK ? ms_store_delete(c->store, MS_TABLE_EVIDENCE_BLOBS, id, err) : rc;
}

enum ms_rc
ms_recorded_blob(struct ms_core *c, struct ms_span id, struct ms_buf *out, struct ms_err *err)
{
	uint8_t digest[32];
	enum ms_rc rc = ms_store_get(c->store, MS_TABLE_EVIDENCE_BLOBS, id, out, err);
	if (rc != MS_OK)
		return rc;
	ms_sha256(ms_buf_span(out), digest);
	return ms_span_eq(id, ms_span(digest, sizeof digest)) ? MS_OK : ms_fail(err, MS_ERR_IO, "database, table evidence_blobs");
}

/* ---- records ---- */

enum ms_rc
ms_recorded_key(struct ms_span tenant, struct ms_span device, uint64_t seq, struct ms_row_key *k, struct ms_err *err)
{
	enum ms_rc rc = ms_row_key(k, tenant, device, err);
	if (rc == MS_OK && k->len + 9 > sizeof k->bytes)
		rc = ms_fail(err, MS_ERR_TOO_BIG, "evidence key");
	if (rc != MS_OK)
		return rc;
	k->bytes[k->len] = 0;
	ms_store_key_u64(seq, k->bytes + k->len + 1);
	k->len += 9;
	return MS_OK;
}

enum ms_rc
ms_recorded_get(struct ms_core *c, struct ms_span tenant, struct ms_span device, uint64_t seq, struct ms_buf *mem,
    struct ms_evidence_record *ret, struct ms_err *err)
{
	struct ms_row_key k;
	enum ms_rc rc = ms_recorded_key(tenant, device, seq, &k, err);
	if (rc == MS_OK)
		rc = ms_store_get(c->store, MS_TABLE_EVIDENCE, ms_span(k.bytes, k.len), mem, err);
	if (rc != MS_OK)
		return rc;
	rc = ms_cbor_parse_map(&ms_evidence_record_table, ms_buf_span(mem), ret, err);
	return rc == MS_OK ? rc : ms_prefix(err, MS_ERR_IO, "database, table evidence");
}

static enum ms_rc
index_get(struct ms_core *c, struct ms_span tenant, struct ms_span device, struct ms_row_key *k, struct ms_buf *val, struct ms_err *err)
{
	enum ms_rc rc = ms_row_key(k, tenant, device, err);
	if (rc == MS_OK)
		rc = ms_store_get(c->store, MS_TABLE_EVIDENCE_INDEX, ms_span(k->bytes, k->len), val, err);
	if (rc == MS_OK && val->len % INDEX_ITEM != 0)
		rc = ms_fail(err, MS_ERR_IO, "database, table evidence_index");
	return rc;
}

static uint64_t
index_seq(struct ms_span items, size_t i)
{
	struct ms_rd rd = ms_rd_over(items.p + i * INDEX_ITEM, 8);
	return ms_rd_u64(&rd);
}

static uint64_t
index_time(struct ms_span items, size_t i)
{
	struct ms_rd rd = ms_rd_over(items.p + i * INDEX_ITEM + 8, 8);
	return ms_rd_u64(&rd);
}

enum ms_rc
ms_recorded_last(struct ms_core *c, struct ms_span tenant, struct ms_span device, uint64_t *ret_seq, struct ms_err *err)
{
	struct ms_row_key k;
	struct ms_buf val;
	ms_buf_init(&val, INDEX_MAX);
	enum ms_rc rc = index_get(c, tenant, device, &k, &val, err);
	if (rc == MS_OK && val.len == 0)
		rc = ms_fail(err, MS_ERR_NOT_FOUND, "no evidence is kept");
	if (rc == MS_OK)
		*ret_seq = index_seq(ms_buf_span(&val), val.len / INDEX_ITEM - 1);
	ms_buf_fini(&val);
	return rc;
}

static enum ms_rc
drop_record(struct ms_core *c, struct ms_span tenant, struct ms_span device, uint64_t seq, struct ms_err *err)
{
	struct ms_evidence_record r;
	struct ms_row_key k;
	struct ms_buf mem;
	ms_buf_init(&mem, RECORD_MAX);
	enum ms_rc rc = ms_recorded_get(c, tenant, device, seq, &mem, &r, err);
	if (rc == MS_OK)
		rc = blob_drop(c, r.boot_log, err);
	if (rc == MS_OK)
		rc = blob_drop(c, r.boot_appraisal, err);
	if (rc == MS_OK)
		rc = blob_drop(c, r.ima, err);
	ms_buf_fini(&mem);
	if (rc == MS_OK)
		rc = ms_recorded_key(tenant, device, seq, &k, err);
	return rc == MS_OK ? ms_store_delete(c->store, MS_TABLE_EVIDENCE, ms_span(k.bytes, k.len), err) : rc;
}

/* Drop the first n of a device's records and write the index that is left. */
static enum ms_rc
drop_oldest(struct ms_core *c, struct ms_span tenant, struct ms_span device, struct ms_span items, size_t n, struct ms_err *err)
{
	struct ms_row_key k;
	enum ms_rc rc = ms_row_key(&k, tenant, device, err);
	for (size_t i = 0; rc == MS_OK && i < n; i++)
		rc = drop_record(c, tenant, device, index_seq(items, i), err);
	if (rc != MS_OK)
		return rc;
	struct ms_span left = ms_span(items.p + n * INDEX_ITEM, items.len - n * INDEX_ITEM), key = ms_span(k.bytes, k.len);
	return left.len == 0 ? ms_store_delete(c->store, MS_TABLE_EVIDENCE_INDEX, key, err)
			     : ms_store_put(c->store, MS_TABLE_EVIDENCE_INDEX, key, left, err);
}

static enum ms_rc
index_add(struct ms_core *c, struct ms_span tenant, struct ms_span device, uint64_t seq, struct ms_err *err)
{
	struct ms_row_key k;
	struct ms_buf val;
	ms_buf_init(&val, INDEX_MAX + INDEX_ITEM);
	enum ms_rc rc = index_get(c, tenant, device, &k, &val, err);
	if (rc == MS_ERR_NOT_FOUND)
		rc = MS_OK;
	ms_buf_u64(&val, seq);
	ms_buf_u64(&val, c->now_s);
	if (rc == MS_OK)
		rc = ms_buf_check(&val, err);
	size_t n = val.len / INDEX_ITEM;
	if (rc == MS_OK)
		rc = drop_oldest(c, tenant, device, ms_buf_span(&val),
		    n > c->evidence.keep_per_device ? n - (size_t)c->evidence.keep_per_device : 0, err);
	ms_buf_fini(&val);
	return rc;
}

/* ---- writing ---- */

/* Only what the boot log said: an appraisal of both holds the list as well, which is not needed again. */
static enum ms_rc
boot_part(const struct ms_appraisal *p, struct ms_buf *out, struct ms_err *err)
{
	MS_OWN(ms_claims_free) struct ms_claims *claims = NULL;
	enum ms_rc rc = ms_claims_new(&claims, err);
	if (rc == MS_OK)
		rc = ms_claims_merge_of(claims, p->claims, "boot.", err);
	const struct ms_appraisal boot = {.boot_locality = p->boot_locality, .has_boot = true, .boot = p->boot, .claims = claims};
	return rc == MS_OK ? ms_appraisal_build(&boot, out, err) : rc;
}

static enum ms_rc
put_boot(
    struct ms_core *c, const struct ms_attested_job *a, struct ms_evidence_record *r, uint8_t appraisal_id[static 32], struct ms_err *err)
{
	struct ms_buf wire;
	ms_buf_init(&wire, BLOB_MAX);
	enum ms_rc rc = boot_part(a->logs.appraisal, &wire, err);
	if (rc == MS_OK) {
		ms_sha256(ms_buf_span(&wire), appraisal_id);
		rc = blob_hold(c, ms_buf_span(&wire), appraisal_id, err);
	}
	ms_buf_fini(&wire);
	if (rc == MS_OK)
		rc = blob_hold(c, a->msg.boot_log, a->logs.boot_log, err);
	r->boot_log_len = a->msg.boot_log.len;
	r->boot_appraisal = ms_span(appraisal_id, 32);
	return rc;
}

/* The newest record that holds the log with this hash. */
static enum ms_rc
find_boot(struct ms_core *c, struct ms_span tenant, struct ms_span device, struct ms_span hash, struct ms_buf *mem,
    struct ms_evidence_record *ret, struct ms_err *err)
{
	struct ms_row_key k;
	struct ms_buf val;
	ms_buf_init(&val, INDEX_MAX);
	enum ms_rc rc = index_get(c, tenant, device, &k, &val, err);
	size_t n = rc == MS_OK ? val.len / INDEX_ITEM : 0, look = n < FIND_LOOK ? n : FIND_LOOK;
	bool found = false;
	for (size_t i = 0; rc == MS_OK && !found && i < look; i++) {
		ms_buf_reset(mem);
		rc = ms_recorded_get(c, tenant, device, index_seq(ms_buf_span(&val), n - 1 - i), mem, ret, err);
		found = rc == MS_OK && ms_span_eq(ret->boot_log, hash);
	}
	ms_buf_fini(&val);
	return rc == MS_OK && !found ? ms_fail(err, MS_ERR_NOT_FOUND, "no record holds that boot log") : rc;
}

/* The record that the hash led to holds both. */
static enum ms_rc
put_boot_again(struct ms_core *c, struct ms_job *j, const struct ms_attested_job *a, struct ms_evidence_record *r,
    uint8_t appraisal_id[static 32], struct ms_err *err)
{
	struct ms_evidence_record last;
	struct ms_buf mem;
	ms_buf_init(&mem, RECORD_MAX);
	enum ms_rc rc = find_boot(c, ms_span_str(j->tenant), a->msg.device, a->msg.boot_log_hash, &mem, &last, err);
	if (rc == MS_OK)
		rc = blob_hold_again(c, last.boot_log, err);
	if (rc == MS_OK)
		rc = blob_hold_again(c, last.boot_appraisal, err);
	if (rc == MS_OK) {
		memcpy(appraisal_id, last.boot_appraisal.p, 32);
		r->boot_log_len = last.boot_log_len;
		r->boot_appraisal = ms_span(appraisal_id, 32);
	}
	ms_buf_fini(&mem);
	return rc;
}

static enum ms_rc
put_logs(struct ms_core *c, struct ms_job *j, const struct ms_attested_job *a, struct ms_evidence_record *r, uint8_t ids[static 64],
    struct ms_err *err)
{
	const struct ms_appraisal *p = a->logs.appraisal;
	enum ms_rc rc = MS_OK;
	if (p != NULL && p->has_boot) {
		rc = MS_CBOR_HAS(&a->msg, MS_ATTESTED_BOOT_LOG) ? put_boot(c, a, r, ids, err) : put_boot_again(c, j, a, r, ids, err);
		r->boot_log = ms_span(a->logs.boot_log, 32);
		r->present |= MS_CBOR_BIT(MS_EVIDENCE_RECORD_BOOT_LOG) | MS_CBOR_BIT(MS_EVIDENCE_RECORD_BOOT_LOG_LEN) |
			      MS_CBOR_BIT(MS_EVIDENCE_RECORD_BOOT_APPRAISAL);
	}
	if (rc == MS_OK && p != NULL && p->has_ima) {
		ms_sha256(a->msg.ima, ids + 32);
		rc = blob_hold(c, a->msg.ima, ids + 32, err);
		r->ima = ms_span(ids + 32, 32);
		r->ima_len = a->msg.ima.len;
		r->ima_from = a->msg.ima_from;
		r->ima_used = a->logs.ima_used;
		r->present |= MS_CBOR_BIT(MS_EVIDENCE_RECORD_IMA) | MS_CBOR_BIT(MS_EVIDENCE_RECORD_IMA_LEN) |
			      MS_CBOR_BIT(MS_EVIDENCE_RECORD_IMA_FROM) | MS_CBOR_BIT(MS_EVIDENCE_RECORD_IMA_USED);
	}
	return rc;
}

static struct ms_evidence_record
about(const struct ms_core *c, const struct ms_attested_job *a)
{
	const struct ms_verdict *v = &a->judged.verdict;
	return (struct ms_evidence_record){.time_s = c->now_s,
	    .purpose = a->msg.purpose,
	    .nonce = a->msg.nonce,
	    .extra = ms_span(a->extra, sizeof a->extra),
	    .attest = a->msg.attest,
	    .signature = a->msg.signature,
	    .pcrs = a->msg.pcrs,
	    .ak_public = a->device.row.ak_public,
	    .outcome = ms_span_str(ms_outcome_name(a->outcome)),
	    .judged = ms_span_str(ms_outcome_name(v->outcome)),
	    .policy = ms_span(v->policy_id, 32),
	    .policy_name = ms_span_str(v->policy),
	    .policy_version = v->policy_version,
	    .rule = ms_span_str(v->rule),
	    .reference = ms_span_str(v->reference),
	    .last_reference = a->device.row.reference};
}

static enum ms_rc
write_record(struct ms_core *c, struct ms_job *j, const struct ms_attested_job *a, const struct ms_evidence_record *r, uint64_t seq,
    struct ms_err *err)
{
	struct ms_row_key k;
	struct ms_buf wire;
	ms_buf_init(&wire, RECORD_MAX);
	enum ms_rc rc = ms_cbor_build_map(&ms_evidence_record_table, r, &wire, err);
	if (rc == MS_OK)
		rc = ms_recorded_key(ms_span_str(j->tenant), a->msg.device, seq, &k, err);
	if (rc == MS_OK)
		rc = ms_store_insert(c->store, MS_TABLE_EVIDENCE, ms_span(k.bytes, k.len), ms_buf_span(&wire), err);
	ms_buf_fini(&wire);
	return rc == MS_OK ? index_add(c, ms_span_str(j->tenant), a->msg.device, seq, err) : rc;
}

enum ms_rc
ms_recorded_put(struct ms_core *c, struct ms_job *j, const struct ms_attested_job *a, uint64_t seq, struct ms_err *err)
{
	uint8_t ids[64];
	struct ms_buf reasons, waived;
	struct ms_evidence_record r = about(c, a);
	ms_buf_init(&reasons, RECORD_MAX);
	ms_buf_init(&waived, RECORD_MAX);
	ms_verdict_operator(&a->judged.verdict, &reasons);
	ms_verdict_waived(&a->judged.verdict, &waived);
	r.reasons = ms_buf_span(&reasons);
	r.waived = ms_buf_span(&waived);
	enum ms_rc rc = put_logs(c, j, a, &r, ids, err);
	if (rc == MS_OK)
		rc = write_record(c, j, a, &r, seq, err);
	ms_buf_fini(&reasons);
	ms_buf_fini(&waived);
	return rc == MS_OK ? rc : ms_prefix(err, rc, "record evidence");
}

/* ---- what was read before ---- */

static enum ms_rc
boot_of(struct ms_core *c, const struct ms_evidence_record *r, struct ms_appraisal **ret, struct ms_err *err)
{
	MS_OWN(ms_appraisal_free) struct ms_appraisal *p = NULL;
	struct ms_buf wire;
	ms_buf_init(&wire, BLOB_MAX);
	enum ms_rc rc = ms_recorded_blob(c, r->boot_appraisal, &wire, err);
	if (rc == MS_OK && ms_appraisal_parse(ms_buf_span(&wire), &p, err) != MS_OK)
		rc = MS_ERR_NOT_FOUND; /* of another version of this program: let it be read anew */
	ms_buf_fini(&wire);
	if (rc == MS_OK && (!p->has_boot || p->has_ima))
		rc = ms_fail(err, MS_ERR_IO, "database, table evidence_blobs");
	if (rc != MS_OK)
		return rc;
	*ret = p;
	p = NULL;
	return MS_OK;
}

enum ms_rc
ms_recorded_boot(
    struct ms_core *c, struct ms_span tenant, struct ms_span device, struct ms_span hash, struct ms_appraisal **ret, struct ms_err *err)
{
	struct ms_evidence_record r;
	struct ms_buf mem;
	ms_buf_init(&mem, RECORD_MAX);
	enum ms_rc rc = find_boot(c, tenant, device, hash, &mem, &r, err);
	if (rc == MS_OK)
		rc = boot_of(c, &r, ret, err);
	ms_buf_fini(&mem);
	return rc;
}

/* ---- age ---- */

struct old {
	uint64_t before_s;
	size_t n, found;
	struct ms_buf *cursor;
	struct {
		struct ms_row_key key;
		size_t drop, len;
		uint8_t items[INDEX_MAX];
	} row;
};

/* One device a turn loses records at most: the first that has old ones. */
static enum ms_rc
old_row(void *ctx, struct ms_span key, struct ms_span val)
{
	struct old *o = ctx;
	size_t n = val.len / INDEX_ITEM, drop = 0;
	o->n++;
	if (o->found > 0 || key.len > sizeof o->row.key.bytes || val.len > sizeof o->row.items || val.len % INDEX_ITEM != 0)
		return MS_OK;
	while (drop < n && drop < PURGE_LOOK && index_time(val, drop) < o->before_s)
		drop++;
	if (drop > 0) {
		o->found = 1;
		o->row.drop = drop;
		o->row.len = val.len;
		memcpy(o->row.items, val.p, val.len);
		memcpy(o->row.key.bytes, key.p, key.len);
		o->row.key.len = key.len;
		return MS_OK; /* look at the rest again in the next turn */
	}
	ms_buf_reset(o->cursor);
	ms_buf_put_span(o->cursor, key);
	return MS_OK;
}

enum ms_rc
ms_recorded_purge(struct ms_core *c, struct ms_buf *cursor, struct ms_err *err)
{
	uint64_t keep_s = c->evidence.keep_days * 86400u;
	struct old o = {.before_s = c->now_s > keep_s ? c->now_s - keep_s : 0, .cursor = cursor};
	struct ms_scan q = {.table = MS_TABLE_EVIDENCE_INDEX, .after = ms_buf_span(cursor), .limit = PURGE_LOOK};
	enum ms_rc rc = ms_store_scan(c->store, &q, old_row, &o, err);
	if (rc == MS_OK && o.n < PURGE_LOOK && o.found == 0)
		ms_buf_reset(cursor); /* from the start again */
	if (rc != MS_OK || o.found == 0)
		return rc;
	const uint8_t *zero = memchr(o.row.key.bytes, 0, o.row.key.len);
	if (zero == NULL)
		return ms_fail(err, MS_ERR_IO, "database, table evidence_index");
	struct ms_span tenant = ms_span(o.row.key.bytes, (size_t)(zero - o.row.key.bytes));
	struct ms_span device = ms_span(zero + 1, o.row.key.len - tenant.len - 1);
	return drop_oldest(c, tenant, device, ms_span(o.row.items, o.row.len), o.row.drop, err);
}
