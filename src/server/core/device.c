/* A device's row with what it names, and keeper's statements about it. */
#include <stdio.h>
#include <string.h>

#include "fleet/lifecycle.h"
#include "server/core/core.h"

#define ROW_MAX (64u << 10)
#define STATEMENT_MAX 8192u

void
ms_device_fini(struct ms_device *d)
{
	ms_buf_fini(&d->row_mem);
	ms_buf_fini(&d->claims_mem);
}

enum ms_rc
ms_device_load(struct ms_core *c, struct ms_span tenant, struct ms_span id, struct ms_device *d, struct ms_err *err)
{
	ms_buf_init(&d->row_mem, ROW_MAX);
	ms_buf_init(&d->claims_mem, ROW_MAX);
	enum ms_rc rc = ms_row_get(c->store, MS_TABLE_DEVICES, tenant, id, &ms_row_device_table, &d->row, &d->row_mem, err);
	if (rc == MS_OK)
		rc = ms_store_get_blob(c->store, d->row.claims.p, &d->claims_mem, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_device_claims_table, ms_buf_span(&d->claims_mem), &d->claims, err);
	if (rc != MS_OK)
		return rc;
	d->state = ms_life_at(ms_life_by_name(d->row.state), d->row.deadline_s, c->now_s);
	return MS_OK;
}

struct ms_policy_device
ms_device_for_policy(struct ms_span tenant, struct ms_span id, const struct ms_device *d)
{
	static const char batch[] = "batch:";
	const size_t n = sizeof batch - 1;
	struct ms_span authority = d->row.authority;
	bool listed = authority.len > n && ms_span_eq(ms_span(authority.p, n), ms_span_str(batch));
	return (struct ms_policy_device){.tenant = tenant,
	    .device = id,
	    .model = d->claims.model,
	    .serial = d->claims.serial,
	    .state = ms_span_str(ms_life_name((enum ms_life_state)d->state)),
	    .batch = listed ? ms_span(authority.p + n, authority.len - n) : MS_SPAN_NONE,
	    .listed = listed};
}

static enum ms_rc
statement_key(const char *kind, struct ms_span tenant, struct ms_span device, struct ms_row_key *k, struct ms_err *err)
{
	uint8_t name[200];
	size_t n = strlen(kind);
	if (n + 1 + device.len > sizeof name)
		return ms_fail(err, MS_ERR_TOO_BIG, "statement key");
	memcpy(name, kind, n);
	name[n] = 0;
	if (device.len > 0)
		memcpy(name + n + 1, device.p, device.len);
	return ms_row_key(k, tenant, ms_span(name, n + 1 + device.len), err);
}

enum ms_rc
ms_statement_get(struct ms_core *c, const char *kind, struct ms_span tenant, struct ms_span device, struct ms_buf *out, struct ms_err *err)
{
	struct ms_row_key k;
	enum ms_rc rc = statement_key(kind, tenant, device, &k, err);
	return rc == MS_OK ? ms_store_get(c->store, MS_TABLE_STATEMENTS, ms_span(k.bytes, k.len), out, err) : rc;
}

enum ms_rc
ms_statement_put(struct ms_core *c, const char *kind, struct ms_span tenant, struct ms_span device, struct ms_span wire, struct ms_err *err)
{
	struct ms_row_key k;
	enum ms_rc rc = statement_key(kind, tenant, device, &k, err);
	return rc == MS_OK ? ms_store_put(c->store, MS_TABLE_STATEMENTS, ms_span(k.bytes, k.len), wire, err) : rc;
}
