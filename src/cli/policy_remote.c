#include "cli/policy_remote.h"

#include <stdlib.h>
#include <string.h>

#include "cli/policydir.h"

void
ms_running_policy_fini(struct ms_running_policy *p)
{
	ms_policy_free(p->policy);
	ms_buf_fini(&p->cbor);
	ms_reply_fini(&p->reply);
	*p = (struct ms_running_policy){.version = 0};
}

enum ms_rc
ms_remote_policy(struct ms_cli *c, struct ms_running_policy *ret, struct ms_err *err)
{
	struct ms_args_list args = {.present = 0};
	struct ms_request q = {.operation = "policy.show", .table = &ms_args_list_table, .args = &args};
	enum ms_rc rc = ms_remote_ask(c, &q, &ret->reply, err);
	if (rc != MS_OK)
		return rc;
	ret->version = ms_json_uint(ret->reply.result, "version");
	if (ret->version == 0)
		return MS_OK;
	ms_buf_init(&ret->cbor, MS_POLICY_WIRE_MAX);
	rc = ms_json_bytes(ret->reply.result, "object", &ret->cbor, err);
	return rc == MS_OK ? ms_policy_load(ms_buf_span(&ret->cbor), &ret->policy, err) : rc;
}

/* ---- a set of any size: a header, and parts when one message has no room for it ---- */

struct parts {
	struct ms_cli *c;
	const char *set;
};

static enum ms_rc
get_part(void *ctx, const uint8_t id[static MS_REFERENCE_ID_LEN], struct ms_buf *out, struct ms_err *err)
{
	const struct parts *p = ctx;
	char hex[2 * MS_REFERENCE_ID_LEN + 1], name[sizeof hex + MS_REFERENCE_NAME_MAX + 2];
	MS_OWN(ms_reply_fini) struct ms_reply r = {.result = NULL};
	ms_hex(id, MS_REFERENCE_ID_LEN, hex);
	(void)snprintf(name, sizeof name, "%.64s/%s", p->set, hex);
	struct ms_args_name args = {.name = ms_span_str(name)};
	struct ms_request q = {.operation = "reference.part.get", .table = &ms_args_name_table, .args = &args};
	enum ms_rc rc = ms_remote_ask(p->c, &q, &r, err);
	return rc == MS_OK ? ms_json_bytes(r.result, "object", out, err) : rc;
}

enum ms_rc
ms_remote_reference(struct ms_cli *c, const char *name, struct ms_reference **ret, uint64_t *version, struct ms_err *err)
{
	MS_OWN(ms_reply_fini) struct ms_reply r = {.result = NULL};
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	struct parts parts = {.c = c, .set = name};
	struct ms_args_name args = {.name = ms_span_str(name)};
	struct ms_request q = {.operation = "reference.get", .table = &ms_args_name_table, .args = &args};
	*version = 0;
	enum ms_rc rc = ms_remote_ask(c, &q, &r, err);
	if (rc == MS_ERR_NOT_FOUND)
		return MS_OK;
	ms_buf_init(&b, MS_REFERENCE_WIRE_MAX);
	if (rc == MS_OK)
		rc = ms_json_bytes(r.result, "object", &b, err);
	if (rc == MS_OK)
		rc = ms_reference_join(ms_buf_span(&b), get_part, &parts, ret, err);
	if (rc == MS_OK)
		*version = ms_json_uint(r.result, "version");
	return rc;
}

static enum ms_rc
put_part(void *ctx, const uint8_t id[static MS_REFERENCE_ID_LEN], struct ms_span part, struct ms_err *err)
{
	char name[2 * MS_REFERENCE_ID_LEN + 1];
	MS_OWN(ms_reply_fini) struct ms_reply r = {.result = NULL};
	struct ms_args_bytes args = {.object = part};
	struct ms_request q = {.operation = "reference.part", .table = &ms_args_bytes_table, .args = &args};
	ms_hex(id, MS_REFERENCE_ID_LEN, name);
	enum ms_rc rc = ms_remote_ask(ctx, &q, &r, err);
	return rc == MS_OK ? rc : ms_prefix(err, rc, "part %.12s", name);
}

enum ms_rc
ms_remote_set_reference(struct ms_cli *c, struct ms_reference *set, uint64_t base_version, struct ms_reply *ret, struct ms_err *err)
{
	char base[96];
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	ms_buf_init(&b, MS_REFERENCE_WIRE_MAX);
	set->version = base_version + 1;
	enum ms_rc rc = ms_reference_split(set, &b, put_part, c, err);
	(void)snprintf(base, sizeof base, "reference:%s", set->name);
	struct ms_args_bytes args = {.object = ms_buf_span(&b)};
	struct ms_request q = {
	    .operation = "reference.set", .table = &ms_args_bytes_table, .args = &args, .base = base, .base_version = base_version};
	return rc == MS_OK ? ms_remote_ask(c, &q, ret, err) : rc;
}

void
ms_sets_fini(struct ms_sets *s)
{
	for (size_t i = 0; i < s->n; i++)
		ms_reference_free(s->row[i].set);
	free(s->row);
	s->row = NULL;
	s->n = 0;
}

/* The row of that name, fetched when it is not there yet. */
static enum ms_rc
fetch_set(struct ms_sets *s, struct ms_span name, const struct ms_set **ret, struct ms_err *err)
{
	uint64_t version = 0;
	for (size_t i = 0; i < s->n; i++)
		if (ms_span_eq(ms_span_str(s->row[i].name), name)) {
			*ret = &s->row[i];
			return MS_OK;
		}
	struct ms_set *more = realloc(s->row, (s->n + 1) * sizeof *more);
	if (more == NULL || name.len > MS_REFERENCE_NAME_MAX)
		return ms_fail(err, MS_ERR_NOMEM, "reference sets");
	s->row = more;
	struct ms_set *row = &s->row[s->n];
	*row = (struct ms_set){.set = NULL};
	memcpy(row->name, name.p, name.len);
	enum ms_rc rc = ms_remote_reference(s->c, row->name, &row->set, &version, err);
	if (rc != MS_OK)
		return rc;
	s->n++;
	*ret = row;
	return MS_OK;
}

enum ms_rc
ms_sets_lookup(void *sets, struct ms_span name, const struct ms_reference **ret, struct ms_err *err)
{
	struct ms_sets *s = sets;
	const struct ms_set *row = NULL;
	const struct ms_reference *own = s->dir == NULL ? NULL : ms_policy_dir_reference(s->dir, name);
	if (own == NULL && s->c != NULL) {
		enum ms_rc rc = fetch_set(s, name, &row, err);
		if (rc != MS_OK)
			return rc;
		own = row->set;
	}
	if (own == NULL)
		return ms_fail(err, MS_ERR_NOT_FOUND, "no reference set %.*s", (int)name.len, (const char *)name.p);
	*ret = own;
	return MS_OK;
}
