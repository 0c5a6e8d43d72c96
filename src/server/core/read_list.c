/* One page of a table. Tenant is part of every key and of every scan (I8). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/read.h"

#define ROWS_MAX (3u << 20)

void
ms_list_page_init(struct ms_listing_page *p, struct ms_core *c, struct ms_job *j, struct ms_err *err)
{
	*p = (struct ms_listing_page){.c = c, .tenant = ms_span_str(j->tenant), .limit = MS_LIST_LIMIT, .err = err};
	ms_record_init(&p->record);
	ms_buf_init(&p->rows, ROWS_MAX);
}

void
ms_list_page_fini(struct ms_listing_page *p)
{
	ms_record_fini(&p->record);
	ms_buf_fini(&p->rows);
}

enum ms_rc
ms_list_page_build(struct ms_listing_page *p, struct ms_operation *o, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf array = {0};
	MS_OWN(ms_record_fini) struct ms_record r = {.n = 0};
	ms_buf_init(&array, ROWS_MAX + 16);
	ms_buf_init(&r.mem, 2 * ROWS_MAX);
	enum ms_rc rc = ms_buf_check(&p->rows, err);
	if (rc != MS_OK)
		return rc;
	ms_cbor_array(&array, (size_t)p->n);
	ms_buf_put_span(&array, ms_buf_span(&p->rows));
	ms_record_text(&r, "next", ms_span_str(p->last));
	ms_record_raw(&r, "rows", ms_buf_span(&array));
	return ms_record_build(&r, &o->result, err);
}

struct scan {
	struct ms_listing_page *p;
	const struct ms_list_spec *spec;
};

static void
write_key(enum ms_list_key how, struct ms_span name, char out[static 300])
{
	if (how == MS_LIST_TEXT) {
		(void)snprintf(out, 300, "%.*s", (int)name.len, (const char *)name.p);
	} else if (how == MS_LIST_SEQ) {
		struct ms_rd rd = ms_rd_span(name);
		(void)snprintf(out, 300, "%llu", (unsigned long long)ms_rd_u64(&rd));
	} else {
		ms_hex(name.p, name.len < 32 ? name.len : 32, out);
	}
}

static enum ms_rc
read_key(enum ms_list_key how, struct ms_span text, struct ms_row_key *ret, struct ms_span tenant, struct ms_err *err)
{
	uint8_t bytes[32];
	char digits[24];
	if (how == MS_LIST_TEXT)
		return ms_row_key(ret, tenant, text, err);
	if (how == MS_LIST_HEX) {
		if (text.len > 64 || ms_unhex((const char *)text.p, text.len, bytes, text.len / 2) != MS_OK)
			return ms_fail(err, MS_ERR_USAGE, "after: hexadecimal is wanted");
		return ms_row_key(ret, tenant, ms_span(bytes, text.len / 2), err);
	}
	if (text.len == 0 || text.len > 19)
		return ms_fail(err, MS_ERR_USAGE, "after: a number is wanted");
	memcpy(digits, text.p, text.len);
	digits[text.len] = '\0';
	if (strspn(digits, "0123456789") != text.len)
		return ms_fail(err, MS_ERR_USAGE, "after: a number is wanted");
	ms_store_key_u64(strtoull(digits, NULL, 10), bytes);
	return ms_row_key(ret, tenant, ms_span(bytes, 8), err);
}

static enum ms_rc
on_row(void *ctx, struct ms_span key, struct ms_span val)
{
	struct scan *s = ctx;
	struct ms_span name = ms_row_name(key, s->p->tenant);
	enum ms_rc rc = s->spec->row(s->p, name, val);
	if (rc == MS_OK)
		rc = ms_record_build(&s->p->record, &s->p->rows, s->p->err);
	if (rc != MS_OK)
		return rc;
	s->p->n++;
	write_key(s->spec->key, name, s->p->last);
	return MS_OK;
}

enum ms_rc
ms_list_run(struct ms_core *c, struct ms_job *j, struct ms_operation *o, const struct ms_list_spec *spec, struct ms_err *err)
{
	struct ms_args_list args;
	struct ms_row_key prefix, after = {.len = 0};
	MS_OWN(ms_list_page_fini) struct ms_listing_page p = {.c = c};
	ms_list_page_init(&p, c, j, err);
	enum ms_rc rc = ms_cbor_parse_map(&ms_args_list_table, o->body.args, &args, err);
	if (rc == MS_OK && MS_CBOR_HAS(&args, MS_ARGS_LIST_LIMIT))
		p.limit = args.limit;
	if (rc == MS_OK)
		rc = ms_row_key(&prefix, p.tenant, MS_SPAN_NONE, err);
	if (rc == MS_OK && args.after.len > 0)
		rc = read_key(spec->key, args.after, &after, p.tenant, err);
	if (rc != MS_OK)
		return rc;
	struct scan s = {&p, spec};
	struct ms_scan q = {.table = spec->table,
	    .prefix = ms_span(prefix.bytes, prefix.len),
	    .after = ms_span(after.bytes, after.len),
	    .limit = (size_t)p.limit,
	    .reverse = spec->newest_first};
	rc = ms_store_scan(c->store, &q, on_row, &s, err);
	if (p.n < p.limit)
		p.last[0] = '\0';
	return rc == MS_OK ? ms_list_page_build(&p, o, err) : rc;
}
