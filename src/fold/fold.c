#include "fold/fold.h"

#include <string.h>

#include "store/store.h"

#define VALUE_MAX (1u << 20)

static const struct ms_apply_row *const domains[] = {ms_apply_fleet, ms_apply_identity, ms_apply_secrets, ms_apply_governance};

enum ms_rc
ms_fold_apply(const struct ms_fold *f, const struct ms_entry *e, struct ms_err *err)
{
	for (size_t d = 0; d < sizeof domains / sizeof *domains; d++)
		for (const struct ms_apply_row *row = domains[d]; row->kind != NULL; row++)
			if (ms_span_eq(e->kind, ms_span_str(row->kind)))
				return row->apply == NULL ? MS_OK : row->apply(f, e, err);
	return ms_fail(err, MS_ERR_UNSUPPORTED, "log entry of unknown kind %.*s", (int)e->kind.len, (const char *)e->kind.p);
}

/* ---- replay ---- */

struct replay {
	struct ms_replay *r;
	struct ms_fold f;
	struct ms_err *err;
	uint64_t total;
};

static enum ms_rc
replay_entry(void *ctx, struct ms_span key, struct ms_span val)
{
	struct replay *p = ctx;
	struct ms_entry e;
	uint8_t want[8];
	enum ms_rc rc = ms_entry_parse(val, &e, p->err);
	ms_store_key_u64(p->r->entries, want);
	if (rc == MS_OK && (!ms_span_eq(key, ms_span(want, sizeof want)) || e.seq != p->r->entries))
		rc = ms_fail(p->err, MS_ERR_MALFORMED, "its number is not the next");
	if (rc == MS_OK)
		rc = ms_fold_apply(&p->f, &e, p->err);
	if (rc != MS_OK)
		return ms_prefix(p->err, rc, "entry %llu", (unsigned long long)p->r->entries);
	p->r->entries++;
	if (p->r->progress != NULL && p->r->entries % 1000 == 0)
		p->r->progress(p->r->ctx, p->r->entries, p->total);
	return MS_OK;
}

/* One direction of the comparison: each row of a table in `from` against the same key in `other`. */
struct compare {
	struct replay *p;
	enum ms_table table;
	struct ms_store *other;
	const char *missing; /* what to say when the key is not in `other`; NULL: count and compare values */
	const char *changed;
};

static void
differs(struct compare *c, struct ms_span key, const char *how)
{
	struct ms_replay *r = c->p->r;
	if (r->differing++ == 0) {
		char hex[2 * 64 + 1];
		ms_hex(key.p, key.len < 64 ? key.len : 64, hex);
		(void)ms_fail(c->p->err, MS_ERR_DENIED, "table %s, row %s: %s", ms_table_info(c->table)->name, hex, how);
	}
	if (r->differs != NULL)
		r->differs(r->ctx, ms_table_info(c->table)->name, key, how);
}

static enum ms_rc
compare_row(void *ctx, struct ms_span key, struct ms_span val)
{
	struct compare *c = ctx;
	struct ms_buf other;
	ms_buf_init(&other, VALUE_MAX);
	enum ms_rc rc = ms_store_get(c->other, c->table, key, &other, NULL);
	if (rc == MS_ERR_NOT_FOUND) {
		differs(c, key, c->missing);
		rc = MS_OK;
	} else if (rc == MS_OK && c->changed != NULL) {
		c->p->r->rows++;
		if (!ms_span_eq(val, ms_buf_span(&other)))
			differs(c, key, c->changed);
	}
	ms_buf_fini(&other);
	return rc;
}

static enum ms_rc
compare_table(struct replay *p, struct ms_store *live, enum ms_table t)
{
	struct ms_scan q = {.table = t};
	struct compare there = {p, t, live, "the log says it exists; the database has none", "its value is not what the log says"};
	struct compare back = {p, t, p->f.state, "no log entry made it", NULL};
	enum ms_rc rc = ms_store_scan(p->f.state, &q, compare_row, &there, p->err);
	return rc == MS_OK ? ms_store_scan(live, &q, compare_row, &back, p->err) : rc;
}

static enum ms_rc
fold_all(struct replay *p, struct ms_store *live)
{
	struct ms_scan q = {.table = MS_TABLE_ENTRIES};
	enum ms_rc rc = ms_store_begin(p->f.state, p->err);
	if (rc == MS_OK)
		rc = ms_store_scan(live, &q, replay_entry, p, p->err);
	if (rc == MS_OK)
		rc = ms_store_commit(p->f.state, p->err);
	return rc;
}

enum ms_rc
ms_fold_replay(struct ms_store *live, struct ms_replay *r, struct ms_err *err)
{
	MS_OWN(ms_store_close) struct ms_store *fresh = NULL;
	struct replay p = {.r = r, .err = err};
	r->entries = r->rows = r->differing = 0;
	enum ms_rc rc = ms_store_open(NULL, MS_STORE_MEMORY, &fresh, err);
	if (rc == MS_OK)
		rc = ms_store_count(live, MS_TABLE_ENTRIES, &p.total, err);
	if (rc != MS_OK)
		return rc;
	p.f = (struct ms_fold){.state = fresh, .blobs = live};
	rc = fold_all(&p, live);
	for (int t = 0; rc == MS_OK && t < MS_TABLE_COUNT; t++)
		if (ms_table_info((enum ms_table)t)->folded)
			rc = compare_table(&p, live, (enum ms_table)t);
	if (rc != MS_OK)
		return rc;
	return r->differing == 0 ? MS_OK : MS_ERR_DENIED;
}
