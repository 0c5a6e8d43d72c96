/* Entries about devices and batches. */
#include <stdlib.h>
#include <string.h>

#include "codec/cbor.h"
#include "fleet/device_id.h"
#include "fleet/lifecycle.h"
#include "fold/fold.h"
#include "proto/data.h"
#include "proto/msg.h"

#define MEM_MAX (64u << 10)
#define ROWS_MAX (1u << 20)

/* One device's row, in memory that the spans of `row` borrow from. */
struct device {
	struct ms_row_device row;
	struct ms_buf mem;
	enum ms_life_state state;
};

static void
device_fini(struct device *d)
{
	ms_buf_fini(&d->mem);
}
MS_CLEANUP_FINI(struct device, device_fini)

static enum ms_rc
device_load(const struct ms_fold *f, const struct ms_entry *e, struct device *d, struct ms_err *err)
{
	ms_buf_init(&d->mem, MEM_MAX);
	enum ms_rc rc = ms_row_get(f->state, MS_TABLE_DEVICES, e->tenant, e->subject, &ms_row_device_table, &d->row, &d->mem, err);
	if (rc == MS_OK)
		d->state = ms_life_by_name(d->row.state);
	return rc;
}

static enum ms_rc
device_save(const struct ms_fold *f, const struct ms_entry *e, struct device *d, enum ms_life_state state, struct ms_err *err)
{
	d->row.state = ms_span_str(ms_life_name(state));
	d->row.version++;
	return ms_row_put(f->state, MS_TABLE_DEVICES, e->tenant, e->subject, &ms_row_device_table, &d->row, err);
}

static enum ms_rc
no_arrow(const struct device *d, const struct ms_entry *e, struct ms_err *err)
{
	return ms_fail(err, MS_ERR_CONFLICT, "%.*s: a device that is %s does not take it", (int)e->kind.len, (const char *)e->kind.p,
	    ms_life_name(d->state));
}

#define REASON_CESSATION 5u /* RFC 5280 5.3.1 */
#define REASON_HOLD 6u

/* Certificates of a device follow its state: good <-> hold, and revoked for good. */
struct cert_walk {
	const struct ms_fold *f;
	const struct ms_entry *e;
	const char *status;
	struct ms_err *err;
};

/* What the CRL lists follows the status. */
static enum ms_rc
list_revoked(const struct cert_walk *w, struct ms_span serial, const struct ms_row_cert *cert)
{
	struct ms_row_key k;
	enum ms_rc rc = ms_row_key(&k, w->e->tenant, serial, w->err);
	if (rc != MS_OK)
		return rc;
	if (strcmp(w->status, "good") == 0) {
		rc = ms_store_delete(w->f->state, MS_TABLE_REVOKED, ms_span(k.bytes, k.len), w->err);
		return rc == MS_ERR_NOT_FOUND ? MS_OK : rc;
	}
	struct ms_row_revoked row = {.since_s = w->e->time_s,
	    .reason = strcmp(w->status, "hold") == 0 ? REASON_HOLD : REASON_CESSATION,
	    .not_after_s = cert->not_after_s};
	return ms_row_put(w->f->state, MS_TABLE_REVOKED, w->e->tenant, serial, &ms_row_revoked_table, &row, w->err);
}

static enum ms_rc
cert_set_one(void *ctx, struct ms_span key, MS_UNUSED struct ms_span val)
{
	struct cert_walk *w = ctx;
	struct ms_span name = ms_row_name(key, w->e->tenant);
	if (name.len < 16)
		return ms_fail(w->err, MS_ERR_MALFORMED, "certificate index: key of %zu bytes", name.len);
	struct ms_span serial = ms_span(name.p + name.len - 16, 16);
	struct ms_row_cert row;
	struct ms_buf mem;
	ms_buf_init(&mem, MEM_MAX);
	enum ms_rc rc = ms_row_get(w->f->state, MS_TABLE_CERTS, w->e->tenant, serial, &ms_row_cert_table, &row, &mem, w->err);
	bool moves = rc == MS_OK && row.not_after_s > w->e->time_s && !ms_span_eq(row.status, ms_span_str("revoked")) &&
		     !ms_span_eq(row.status, ms_span_str(w->status));
	if (moves) {
		row.status = ms_span_str(w->status);
		row.changed_s = w->e->time_s;
		rc = ms_row_put(w->f->state, MS_TABLE_CERTS, w->e->tenant, serial, &ms_row_cert_table, &row, w->err);
		if (rc == MS_OK)
			rc = list_revoked(w, serial, &row);
	}
	ms_buf_fini(&mem);
	return rc;
}

static enum ms_rc
certs_set(const struct ms_fold *f, const struct ms_entry *e, const char *status, struct ms_err *err)
{
	struct ms_row_key prefix;
	enum ms_rc rc = ms_row_key(&prefix, e->tenant, e->subject, err);
	if (rc != MS_OK || prefix.len + 1 > sizeof prefix.bytes)
		return rc;
	prefix.bytes[prefix.len++] = 0;
	struct cert_walk w = {f, e, status, err};
	struct ms_scan q = {.table = MS_TABLE_CERT_INDEX, .prefix = ms_span(prefix.bytes, prefix.len)};
	return ms_store_scan(f->state, &q, cert_set_one, &w, err);
}

static enum ms_rc
put_index(const struct ms_fold *f, enum ms_table t, const struct ms_entry *e, struct ms_span name, struct ms_err *err)
{
	struct ms_row_index row = {.target = e->subject};
	return ms_row_put(f->state, t, e->tenant, name, &ms_row_index_table, &row, err);
}

static enum ms_rc
bind_fresh(const struct ms_entry *e, struct device *d, struct ms_err *err)
{
	uint8_t ek_hash[MS_EK_HASH_LEN];
	unsigned life = 0;
	enum ms_rc rc = ms_device_id_parse(e->subject, ek_hash, &life, err);
	if (rc != MS_OK)
		return rc;
	memset(&d->row, 0, sizeof d->row);
	d->row.life = life;
	d->row.enrolled_s = e->time_s;
	d->state = MS_LIFE_NONE;
	return MS_OK;
}

static enum ms_rc
apply_bind(const struct ms_fold *f, const struct ms_entry *e, struct ms_err *err)
{
	struct ms_data_bind b;
	enum ms_rc rc = ms_cbor_parse_map(&ms_data_bind_table, e->data, &b, err);
	if (rc != MS_OK)
		return rc;
	MS_OWN(device_fini) struct device d = {.state = MS_LIFE_NONE};
	rc = device_load(f, e, &d, err);
	if (rc == MS_ERR_NOT_FOUND)
		rc = bind_fresh(e, &d, err);
	if (rc != MS_OK)
		return rc;
	bool listed = ms_span_eq(b.status, ms_span_str("expected"));
	enum ms_life_state next = ms_life_next(d.state, listed ? MS_LIFE_BIND_LISTED : MS_LIFE_BIND_UNLISTED);
	if (next == MS_LIFE_NONE)
		return no_arrow(&d, e, err);
	d.row.ek_hash = b.ek_hash;
	d.row.ak_public = b.ak_public;
	d.row.ak_name = b.ak_name;
	d.row.transcript_hash = b.transcript_hash;
	d.row.claims = b.claims;
	d.row.maker = b.maker;
	rc = device_save(f, e, &d, next, err);
	if (rc == MS_OK)
		rc = put_index(f, MS_TABLE_EK_INDEX, e, b.ek_hash, err);
	return rc;
}

/* The claims of a blob; their spans borrow from `mem`, which is initialised here. */
static enum ms_rc
claims_load(const struct ms_fold *f, struct ms_span id, struct ms_device_claims *c, struct ms_buf *mem, struct ms_err *err)
{
	ms_buf_init(mem, MEM_MAX);
	enum ms_rc rc = ms_store_get_blob(f->blobs, id.p, mem, err);
	return rc == MS_OK ? ms_cbor_parse_map(&ms_device_claims_table, ms_buf_span(mem), c, err) : rc;
}

/* The claimed name becomes the device's when it is admitted; a name has one device (a unique key). */
static enum ms_rc
claim_name(const struct ms_fold *f, const struct ms_entry *e, struct ms_span claims_id, struct ms_err *err)
{
	struct ms_device_claims c;
	struct ms_row_index row;
	struct ms_buf blob, mem;
	ms_buf_init(&mem, MEM_MAX);
	enum ms_rc rc = claims_load(f, claims_id, &c, &blob, err);
	if (rc == MS_OK) {
		rc = ms_row_get(f->state, MS_TABLE_NAMES, e->tenant, c.name, &ms_row_index_table, &row, &mem, err);
		if (rc == MS_ERR_NOT_FOUND)
			rc = put_index(f, MS_TABLE_NAMES, e, c.name, err);
		else if (rc == MS_OK && !ms_span_eq(row.target, e->subject))
			rc = ms_fail(err, MS_ERR_CONFLICT, "the name is another device's");
	}
	ms_buf_fini(&blob);
	ms_buf_fini(&mem);
	return rc;
}

static enum ms_rc
apply_admit(const struct ms_fold *f, const struct ms_entry *e, struct ms_err *err)
{
	struct ms_data_admit a;
	enum ms_rc rc = ms_cbor_parse_map(&ms_data_admit_table, e->data, &a, err);
	if (rc != MS_OK)
		return rc;
	MS_OWN(device_fini) struct device d = {.state = MS_LIFE_NONE};
	rc = device_load(f, e, &d, err);
	if (rc != MS_OK)
		return rc;
	enum ms_life_state next = ms_life_next(d.state, MS_LIFE_ADMIT);
	if (next == MS_LIFE_NONE)
		return no_arrow(&d, e, err);
	rc = claim_name(f, e, a.claims, err);
	if (rc != MS_OK)
		return rc;
	d.row.authority = a.authority;
	d.row.claims = a.claims;
	d.row.present |= MS_CBOR_BIT(MS_ROW_DEVICE_AUTHORITY);
	return device_save(f, e, &d, next, err);
}

/* A device that is gone for good gives its name up. */
static enum ms_rc
free_name(const struct ms_fold *f, const struct ms_entry *e, const struct device *d, struct ms_err *err)
{
	struct ms_device_claims c;
	struct ms_row_index row;
	struct ms_row_key k;
	struct ms_buf blob, mem;
	ms_buf_init(&mem, MEM_MAX);
	enum ms_rc rc = claims_load(f, d->row.claims, &c, &blob, err);
	if (rc == MS_OK)
		rc = ms_row_key(&k, e->tenant, c.name, err);
	if (rc == MS_OK)
		rc = ms_row_get(f->state, MS_TABLE_NAMES, e->tenant, c.name, &ms_row_index_table, &row, &mem, err);
	if (rc == MS_OK && ms_span_eq(row.target, e->subject))
		rc = ms_store_delete(f->state, MS_TABLE_NAMES, ms_span(k.bytes, k.len), err);
	ms_buf_fini(&blob);
	ms_buf_fini(&mem);
	return rc == MS_ERR_NOT_FOUND ? MS_OK : rc;
}

static void
record_evidence(struct device *d, const struct ms_entry *e, const struct ms_data_attest *a)
{
	d->row.outcome = e->decision;
	d->row.attested_s = e->time_s;
	d->row.pcrs = a->pcrs;
	d->row.reset_count = a->reset_count;
	d->row.restart_count = a->restart_count;
	d->row.clock_ms = a->clock_ms;
	d->row.present |= MS_CBOR_BIT(MS_ROW_DEVICE_OUTCOME) | MS_CBOR_BIT(MS_ROW_DEVICE_ATTESTED_S) | MS_CBOR_BIT(MS_ROW_DEVICE_PCRS) |
			  MS_CBOR_BIT(MS_ROW_DEVICE_RESET_COUNT) | MS_CBOR_BIT(MS_ROW_DEVICE_RESTART_COUNT) |
			  MS_CBOR_BIT(MS_ROW_DEVICE_CLOCK_MS);
	d->row.reason = e->reason;
	if (e->reason.len > 0)
		d->row.present |= MS_CBOR_BIT(MS_ROW_DEVICE_REASON);
	else
		d->row.present &= ~MS_CBOR_BIT(MS_ROW_DEVICE_REASON);
}

#define HAS_IMA (MS_CBOR_BIT(MS_ROW_DEVICE_IMA_ENTRIES) | MS_CBOR_BIT(MS_ROW_DEVICE_IMA_PCR) | MS_CBOR_BIT(MS_ROW_DEVICE_IMA_JUDGED))

static void
forget_ima(struct device *d)
{
	d->row.present &= ~HAS_IMA;
	d->row.ima_entries = 0;
	d->row.ima_pcr = d->row.ima_judged = MS_SPAN_NONE;
}

/* What is known of the logs belongs to one boot. Entries of an IMA list count as judged only while all evidence passes: after
 * anything else the whole list is judged anew, so that no file is forgotten. */
static void
record_logs(struct device *d, const struct ms_entry *e, const struct ms_data_attest *a, bool rebooted)
{
	bool passed = ms_span_eq(e->decision, ms_span_str("ok"));
	if (MS_CBOR_HAS(a, MS_DATA_ATTEST_BOOT_LOG)) {
		d->row.boot_log = a->boot_log;
		d->row.present |= MS_CBOR_BIT(MS_ROW_DEVICE_BOOT_LOG);
	} else if (rebooted) {
		d->row.boot_log = MS_SPAN_NONE;
		d->row.present &= ~MS_CBOR_BIT(MS_ROW_DEVICE_BOOT_LOG);
	}
	if (passed && MS_CBOR_HAS(a, MS_DATA_ATTEST_IMA_ENTRIES)) {
		d->row.ima_entries = a->ima_entries;
		d->row.ima_pcr = a->ima_pcr;
		d->row.ima_judged = a->ima_judged;
		d->row.present |= HAS_IMA;
	} else if (rebooted || !passed) {
		forget_ima(d);
	}
	if (passed && MS_CBOR_HAS(a, MS_DATA_ATTEST_REFERENCE)) {
		d->row.reference = a->reference;
		d->row.present |= MS_CBOR_BIT(MS_ROW_DEVICE_REFERENCE);
	}
}

static enum ms_rc
apply_attest(const struct ms_fold *f, const struct ms_entry *e, struct ms_err *err)
{
	struct ms_data_attest a;
	enum ms_rc rc = ms_cbor_parse_map(&ms_data_attest_table, e->data, &a, err);
	if (rc != MS_OK)
		return rc;
	MS_OWN(device_fini) struct device d = {.state = MS_LIFE_NONE};
	rc = device_load(f, e, &d, err);
	if (rc != MS_OK)
		return rc;
	bool rebooted = !MS_CBOR_HAS(&d.row, MS_ROW_DEVICE_RESET_COUNT) || d.row.reset_count != a.reset_count;
	record_evidence(&d, e, &a);
	record_logs(&d, e, &a, rebooted);
	d.row.wanted_s = 0;
	d.row.present &= ~MS_CBOR_BIT(MS_ROW_DEVICE_WANTED_S);
	bool passed = ms_span_eq(e->decision, ms_span_str("ok")), failed = ms_span_eq(e->decision, ms_span_str("fail"));
	enum ms_life_state next = d.state; /* "denied": there was nothing to judge against; the state stays */
	if (passed || failed)
		next = ms_life_next(d.state, passed ? MS_LIFE_PASS : MS_LIFE_FAIL);
	if (next == MS_LIFE_NONE)
		return no_arrow(&d, e, err);
	d.row.deadline_s = passed ? a.deadline_s : d.row.deadline_s;
	if (passed)
		d.row.present |= MS_CBOR_BIT(MS_ROW_DEVICE_DEADLINE_S);
	bool back = passed && d.state != MS_LIFE_TRUSTED; /* certificates on hold since a quarantine are good again */
	rc = device_save(f, e, &d, next, err);
	if (rc == MS_OK && (failed || back))
		rc = certs_set(f, e, failed ? "hold" : "good", err);
	return rc;
}

/* An operator wants evidence now: no arrow, the device is told when it asks next. */
static enum ms_rc
apply_attest_now(const struct ms_fold *f, const struct ms_entry *e, struct ms_err *err)
{
	struct ms_data_life l;
	enum ms_rc rc = ms_cbor_parse_map(&ms_data_life_table, e->data, &l, err);
	if (rc != MS_OK)
		return rc;
	MS_OWN(device_fini) struct device d = {.state = MS_LIFE_NONE};
	rc = device_load(f, e, &d, err);
	if (rc != MS_OK)
		return rc;
	d.row.wanted_s = e->time_s;
	d.row.present |= MS_CBOR_BIT(MS_ROW_DEVICE_WANTED_S);
	return device_save(f, e, &d, d.state, err);
}

/* Quarantine, release, revoke, retire, stale: kind -> event, and what becomes of the certificates. */
static const struct {
	const char *kind;
	enum ms_life_event event;
	const char *certs; /* NULL: they stay */
} lives[] = {
    {"device.quarantine", MS_LIFE_QUARANTINE, "hold"},
    {"device.release", MS_LIFE_RELEASE, NULL}, /* on hold until it passes anew */
    {"device.revoke", MS_LIFE_REVOKE, "revoked"},
    {"device.retire", MS_LIFE_RETIRE, "revoked"},
    {"device.stale", MS_LIFE_DEADLINE, NULL},
};

static enum ms_rc
apply_life(const struct ms_fold *f, const struct ms_entry *e, struct ms_err *err)
{
	struct ms_data_life l;
	enum ms_rc rc = ms_cbor_parse_map(&ms_data_life_table, e->data, &l, err);
	if (rc != MS_OK)
		return rc;
	size_t i = 0;
	while (i < sizeof lives / sizeof *lives && !ms_span_eq(e->kind, ms_span_str(lives[i].kind)))
		i++;
	if (i == sizeof lives / sizeof *lives)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "life-cycle entry of an unknown kind");
	MS_OWN(device_fini) struct device d = {.state = MS_LIFE_NONE};
	rc = device_load(f, e, &d, err);
	if (rc != MS_OK)
		return rc;
	enum ms_life_state next = ms_life_next(d.state, lives[i].event);
	if (next == MS_LIFE_NONE || !ms_span_eq(l.state, ms_span_str(ms_life_name(next))))
		return no_arrow(&d, e, err);
	d.row.reason = l.reason;
	if (l.reason.len > 0)
		d.row.present |= MS_CBOR_BIT(MS_ROW_DEVICE_REASON);
	else
		d.row.present &= ~MS_CBOR_BIT(MS_ROW_DEVICE_REASON);
	rc = device_save(f, e, &d, next, err);
	if (rc == MS_OK && lives[i].certs != NULL)
		rc = certs_set(f, e, lives[i].certs, err);
	if (rc == MS_OK && (next == MS_LIFE_REVOKED || next == MS_LIFE_RETIRED))
		rc = free_name(f, e, &d, err);
	return rc;
}

/* A row of the manifest; one EK is expected once in a tenant, the first batch holds it. */
static enum ms_rc
expect_one(const struct ms_fold *f, const struct ms_entry *e, struct ms_span row_bytes, uint64_t index, struct ms_err *err)
{
	struct ms_manifest_row m;
	enum ms_rc rc = ms_cbor_parse_map(&ms_manifest_row_table, row_bytes, &m, err);
	if (rc != MS_OK)
		return rc;
	struct ms_row_expected x = {.batch = e->subject, .index = index, .serial = m.serial, .model = m.model};
	rc = ms_row_insert(f->state, MS_TABLE_BATCH_ROWS, e->tenant, m.ek_hash, &ms_row_expected_table, &x, err);
	return rc == MS_ERR_CONFLICT ? ms_fail(err, rc, "row %llu: that EK is expected already", (unsigned long long)index) : rc;
}

static enum ms_rc
apply_batch(const struct ms_fold *f, const struct ms_entry *e, struct ms_err *err)
{
	struct ms_data_batch b;
	enum ms_rc rc = ms_cbor_parse_map(&ms_data_batch_table, e->data, &b, err);
	if (rc != MS_OK)
		return rc;
	struct ms_row_batch row = {.manifest = b.manifest, .rows = b.rows, .count = b.count, .imported_s = e->time_s, .actor = e->actor};
	rc = ms_row_insert(f->state, MS_TABLE_BATCHES, e->tenant, e->subject, &ms_row_batch_table, &row, err);
	if (rc != MS_OK)
		return rc;
	struct ms_buf blob;
	ms_buf_init(&blob, ROWS_MAX);
	rc = ms_store_get_blob(f->blobs, b.rows.p, &blob, err);
	if (rc == MS_OK) {
		struct ms_cbor c = ms_cbor_over(ms_buf_span(&blob));
		size_t n = ms_cbor_read_array(&c);
		for (size_t i = 0; rc == MS_OK && i < n; i++)
			rc = expect_one(f, e, ms_cbor_read_bytes(&c), i, err);
		if (rc == MS_OK && (!ms_cbor_done(&c) || n != b.count))
			rc = ms_fail(err, MS_ERR_MALFORMED, "batch: %zu rows, not %llu", n, (unsigned long long)b.count);
	}
	ms_buf_fini(&blob);
	return rc;
}

const struct ms_apply_row ms_apply_fleet[] = {
    {"batch.import", apply_batch},
    {"device.bind", apply_bind},
    {"device.admit", apply_admit},
    {"device.attest", apply_attest},
    {"device.attest-now", apply_attest_now},
    {"device.quarantine", apply_life},
    {"device.release", apply_life},
    {"device.revoke", apply_life},
    {"device.retire", apply_life},
    {"device.stale", apply_life},
    {NULL, NULL},
};
