/* Reading recorded evidence: a page of what there is, one record with its logs, and logs that are too large for one answer. What is
 * tried on it (explain, simulate) is tried where it is read: core's loop judges the living only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evidence/pcrs.h"
#include "fleet/lifecycle.h"
#include "server/core/read.h"
#include "server/core/recorded.h"

#define RECORD_MAX (60u << 10)
#define LOOK_MAX 4000u         /* rows looked at for one page */
#define LOGS_MAX (3500u << 10) /* of one answer */
#define PIECE_MAX (2u << 20)   /* of one answer that is nothing but a piece */

/* ---- a page ---- */

struct page {
	struct ms_listing_page p;
	uint64_t since_s;
	size_t looked;
	struct ms_span id; /* of the device that is loaded */
	char id_mem[81];
	struct ms_device device;
	bool loaded;
};

static struct ms_span
first_text(struct ms_span array)
{
	struct ms_cbor c = ms_cbor_over(array);
	return ms_cbor_read_array(&c) > 0 ? ms_cbor_read_text(&c) : MS_SPAN_NONE;
}

/* Rows of one device follow each other: it is loaded once. */
static enum ms_rc
load_device(struct page *g, struct ms_span id)
{
	if (g->loaded && ms_span_eq(id, g->id))
		return MS_OK;
	ms_device_fini(&g->device);
	memset(&g->device, 0, sizeof g->device);
	(void)snprintf(g->id_mem, sizeof g->id_mem, "%.*s", (int)id.len, (const char *)id.p);
	g->id = ms_span_str(g->id_mem);
	g->loaded = true;
	return ms_device_load(g->p.c, g->p.tenant, g->id, &g->device, g->p.err);
}

static void
put_judged(struct ms_record *r, const struct ms_evidence_record *e)
{
	ms_record_uint(r, "time_s", e->time_s);
	ms_record_text(r, "purpose", e->purpose);
	ms_record_text(r, "outcome", e->outcome);
	ms_record_text(r, "judged", e->judged);
	ms_record_text(r, "policy", e->policy_name);
	ms_record_uint(r, "policy_version", e->policy_version);
	ms_record_hex(r, "policy_id", e->policy);
	ms_record_text(r, "rule", e->rule);
	ms_record_text(r, "reference", e->reference);
	ms_record_uint(r, "boot_log_size", e->boot_log_len);
	ms_record_uint(r, "ima_size", e->ima_len);
	ms_record_uint(r, "ima_from", e->ima_from);
	ms_record_uint(r, "ima_used", e->ima_used);
}

/* tenant, zero, device, zero, entry */
static bool
split_key(struct ms_span key, struct ms_span tenant, struct ms_span *device, uint64_t *seq)
{
	struct ms_span name = ms_row_name(key, tenant);
	if (name.len < 10 || name.p[name.len - 9] != 0)
		return false;
	*device = ms_span(name.p, name.len - 9);
	struct ms_rd rd = ms_rd_over(name.p + name.len - 8, 8);
	*seq = ms_rd_u64(&rd);
	return device->len <= 80;
}

static enum ms_rc
on_record(void *ctx, struct ms_span key, struct ms_span val)
{
	struct page *g = ctx;
	struct ms_evidence_record e;
	struct ms_span device;
	uint64_t seq;
	char id[MS_RECORDED_ID_LEN];
	if (g->p.n == g->p.limit)
		return MS_OK;
	if (!split_key(key, g->p.tenant, &device, &seq))
		return ms_fail(g->p.err, MS_ERR_IO, "database, table evidence");
	(void)snprintf(g->p.last, sizeof g->p.last, "%.*s/%llu", (int)device.len, (const char *)device.p, (unsigned long long)seq);
	g->looked++;
	enum ms_rc rc = ms_cbor_parse_map(&ms_evidence_record_table, val, &e, g->p.err);
	if (rc != MS_OK || e.time_s < g->since_s)
		return rc;
	rc = load_device(g, device);
	if (rc != MS_OK)
		return rc;
	(void)snprintf(id, sizeof id, "%llu", (unsigned long long)seq);
	ms_record_text(&g->p.record, "id", ms_span_str(id));
	ms_record_text(&g->p.record, "device", device);
	ms_record_text(&g->p.record, "name", g->device.claims.name);
	ms_record_text(&g->p.record, "model", g->device.claims.model);
	ms_record_text(&g->p.record, "reason", first_text(e.reasons));
	put_judged(&g->p.record, &e);
	g->p.n++;
	return ms_record_build(&g->p.record, &g->p.rows, g->p.err);
}

/* "DEVICE/ENTRY", as the page before ended. */
static enum ms_rc
read_after(struct ms_span after, struct ms_span tenant, struct ms_row_key *k, struct ms_err *err)
{
	char text[128], *end = NULL;
	if (after.len >= sizeof text)
		return ms_fail(err, MS_ERR_USAGE, "after: DEVICE/ENTRY is wanted");
	memcpy(text, after.p, after.len);
	text[after.len] = '\0';
	char *slash = strrchr(text, '/');
	if (slash == NULL || slash[1] < '0' || slash[1] > '9')
		return ms_fail(err, MS_ERR_USAGE, "after: DEVICE/ENTRY is wanted");
	uint64_t seq = strtoull(slash + 1, &end, 10);
	return *end == '\0' ? ms_recorded_key(tenant, ms_span(text, (size_t)(slash - text)), seq, k, err)
			    : ms_fail(err, MS_ERR_USAGE, "after: DEVICE/ENTRY is wanted");
}

static enum ms_rc
list_scan(struct page *g, const struct ms_args_evidence *args, struct ms_err *err)
{
	struct ms_row_key prefix = {.len = 0}, after = {.len = 0};
	char id[81] = "";
	enum ms_rc rc = MS_OK;
	if (args->device.len > 0)
		rc = ms_read_find_device(g->p.c, g->p.tenant, args->device, id, err);
	if (rc == MS_OK)
		rc = ms_row_key(&prefix, g->p.tenant, ms_span_str(id), err);
	if (rc == MS_OK && id[0] != '\0') /* this device, and none whose id begins so */
		prefix.bytes[prefix.len++] = 0;
	if (rc == MS_OK && args->after.len > 0)
		rc = read_after(args->after, g->p.tenant, &after, err);
	if (rc != MS_OK)
		return rc;
	struct ms_scan q = {.table = MS_TABLE_EVIDENCE,
	    .prefix = ms_span(prefix.bytes, prefix.len),
	    .after = ms_span(after.bytes, after.len),
	    .limit = LOOK_MAX};
	return ms_store_scan(g->p.c->store, &q, on_record, g, err);
}

static enum ms_rc
evidence_list(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err)
{
	struct ms_args_evidence args;
	struct page g = {.loaded = false};
	ms_list_page_init(&g.p, c, j, err);
	enum ms_rc rc = ms_cbor_parse_map(&ms_args_evidence_table, o->body.args, &args, err);
	if (rc == MS_OK) {
		g.since_s = args.since_s;
		g.p.limit = MS_CBOR_HAS(&args, MS_ARGS_EVIDENCE_LIMIT) ? args.limit : MS_LIST_LIMIT;
		rc = list_scan(&g, &args, err);
	}
	if (g.p.n < g.p.limit && g.looked < LOOK_MAX)
		g.p.last[0] = '\0';
	if (rc == MS_OK)
		rc = ms_list_page_build(&g.p, o, err);
	ms_device_fini(&g.device);
	ms_list_page_fini(&g.p);
	return rc;
}

/* ---- one ---- */

struct one {
	struct ms_evidence_record e;
	struct ms_buf mem;
	struct ms_device device;
	char id[81];
	uint64_t seq;
};

static void
one_fini(struct one *x)
{
	ms_buf_fini(&x->mem);
	ms_device_fini(&x->device);
}
MS_CLEANUP_FINI(struct one, one_fini)

static bool
is_number(struct ms_span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.len > 0 && s.len < 20;
}

/* The device of a log entry of this tenant that is about evidence. MS_ERR_NOT_FOUND. */
static enum ms_rc
device_of_entry(struct ms_core *c, struct ms_span tenant, uint64_t seq, char id[static 81], struct ms_err *err)
{
	struct ms_entry e;
	struct ms_buf wire;
	uint8_t key[8];
	ms_store_key_u64(seq, key);
	ms_buf_init(&wire, MS_ENTRY_MAX);
	enum ms_rc rc = ms_store_get(c->store, MS_TABLE_ENTRIES, ms_span(key, sizeof key), &wire, err);
	if (rc == MS_OK)
		rc = ms_entry_parse(ms_buf_span(&wire), &e, err);
	if (rc == MS_OK && (!ms_span_eq(e.tenant, tenant) || !ms_span_eq(e.kind, ms_span_str("device.attest")) || e.subject.len > 80))
		rc = MS_ERR_NOT_FOUND;
	if (rc == MS_OK)
		(void)snprintf(id, 81, "%.*s", (int)e.subject.len, (const char *)e.subject.p);
	ms_buf_fini(&wire);
	return rc == MS_ERR_NOT_FOUND ? ms_fail(err, rc, "no evidence has that number") : rc;
}

/* A record by its number, or a device's last. */
static enum ms_rc
find_one(struct ms_core *c, struct ms_job *j, struct ms_span name, struct one *x, struct ms_err *err)
{
	struct ms_span tenant = ms_span_str(j->tenant);
	enum ms_rc rc = MS_OK;
	if (is_number(name)) {
		char digits[24];
		(void)snprintf(digits, sizeof digits, "%.*s", (int)name.len, (const char *)name.p);
		x->seq = strtoull(digits, NULL, 10);
		rc = device_of_entry(c, tenant, x->seq, x->id, err);
	} else {
		rc = ms_read_find_device(c, tenant, name, x->id, err);
		if (rc == MS_OK)
			rc = ms_recorded_last(c, tenant, ms_span_str(x->id), &x->seq, err);
	}
	ms_buf_init(&x->mem, RECORD_MAX);
	if (rc != MS_OK)
		return rc;
	rc = ms_recorded_get(c, tenant, ms_span_str(x->id), x->seq, &x->mem, &x->e, err);
	if (rc == MS_ERR_NOT_FOUND)
		return ms_fail(err, rc, "that evidence is not kept any more");
	return rc == MS_OK ? ms_device_load(c, tenant, ms_span_str(x->id), &x->device, err) : rc;
}

static void
put_device(struct ms_record *r, const struct one *x, struct ms_span tenant)
{
	const struct ms_device *d = &x->device;
	struct ms_policy_device p = ms_device_for_policy(tenant, ms_span_str(x->id), d);
	ms_record_text(r, "device", p.device);
	ms_record_text(r, "tenant", tenant);
	ms_record_text(r, "name", d->claims.name);
	ms_record_text(r, "model", p.model);
	ms_record_text(r, "serial", p.serial);
	ms_record_text(r, "state", p.state);
	ms_record_text(r, "batch", p.batch);
	ms_record_bool(r, "listed", p.listed);
}

static enum ms_rc
put_log(struct ms_core *c, struct ms_record *r, const char *key, struct ms_span id, struct ms_err *err)
{
	struct ms_buf b;
	if (id.len == 0)
		return MS_OK;
	ms_buf_init(&b, LOGS_MAX);
	enum ms_rc rc = ms_recorded_blob(c, id, &b, err);
	if (rc == MS_OK)
		ms_record_bytes(r, key, ms_buf_span(&b));
	ms_buf_fini(&b);
	return rc;
}

static enum ms_rc
put_evidence(struct ms_core *c, struct ms_record *r, const struct one *x, struct ms_err *err)
{
	const struct ms_evidence_record *e = &x->e;
	bool cut = e->boot_log_len + e->ima_len > LOGS_MAX;
	ms_record_raw(r, "reasons", e->reasons);
	ms_record_raw(r, "waived", e->waived);
	ms_record_text(r, "last_reference", e->last_reference);
	ms_record_bytes(r, "nonce", e->nonce);
	ms_record_bytes(r, "extra", e->extra);
	ms_record_bytes(r, "attest", e->attest);
	ms_record_bytes(r, "signature", e->signature);
	ms_record_bytes(r, "ak", e->ak_public);
	ms_record_raw(r, "pcrs", e->pcrs);
	ms_record_hex(r, "boot_log_sha256", e->boot_log);
	ms_record_hex(r, "ima_sha256", e->ima);
	ms_record_bool(r, "ima_cut", cut);
	enum ms_rc rc = put_log(c, r, "boot_log", e->boot_log, err);
	return rc == MS_OK && !cut ? put_log(c, r, "ima", e->ima, err) : rc;
}

static enum ms_rc
evidence_get(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err)
{
	struct ms_args_name args;
	char id[MS_RECORDED_ID_LEN];
	MS_OWN(one_fini) struct one x = {.seq = 0};
	MS_OWN(ms_record_fini) struct ms_record r = {.n = 0};
	ms_record_init(&r);
	enum ms_rc rc = ms_cbor_parse_map(&ms_args_name_table, o->body.args, &args, err);
	if (rc == MS_OK)
		rc = find_one(c, j, args.name, &x, err);
	if (rc != MS_OK)
		return rc;
	(void)snprintf(id, sizeof id, "%llu", (unsigned long long)x.seq);
	ms_record_text(&r, "id", ms_span_str(id));
	put_device(&r, &x, ms_span_str(j->tenant));
	put_judged(&r, &x.e);
	rc = put_evidence(c, &r, &x, err);
	return rc == MS_OK ? ms_record_build(&r, &o->result, err) : rc;
}

/* A piece of the IMA list of a record, for those that no answer has room for. */
static enum ms_rc
evidence_ima(struct ms_core *c, struct ms_job *j, struct ms_operation *o, struct ms_err *err)
{
	struct ms_args_piece args;
	MS_OWN(one_fini) struct one x = {.seq = 0};
	MS_OWN(ms_record_fini) struct ms_record r = {.n = 0};
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	ms_record_init(&r);
	ms_buf_init(&b, MS_ATTESTED_IMA_MAX);
	enum ms_rc rc = ms_cbor_parse_map(&ms_args_piece_table, o->body.args, &args, err);
	if (rc == MS_OK)
		rc = find_one(c, j, args.name, &x, err);
	if (rc == MS_OK && x.e.ima.len == 0)
		rc = ms_fail(err, MS_ERR_NOT_FOUND, "that evidence has no IMA list");
	if (rc == MS_OK)
		rc = ms_recorded_blob(c, x.e.ima, &b, err);
	if (rc != MS_OK)
		return rc;
	size_t from = args.offset < b.len ? (size_t)args.offset : b.len;
	size_t n = b.len - from < PIECE_MAX ? b.len - from : PIECE_MAX;
	ms_record_uint(&r, "size", b.len);
	ms_record_uint(&r, "offset", from);
	ms_record_bytes(&r, "bytes", n == 0 ? ms_span("", 0) : ms_span(b.p + from, n));
	return ms_record_build(&r, &o->result, err);
}

const struct ms_op_row ms_ops_evidence[] = {
    {"evidence.list", false, false, "admin", evidence_list},
    {"evidence.get", false, false, "admin", evidence_get},
    {"evidence.ima", false, false, "admin", evidence_ima},
    {NULL, false, false, NULL, NULL},
};
