/* Policy and reference sets of each tenant, parsed once and kept until the store has others. */
#include <stdlib.h>
#include <string.h>

#include "server/core/core.h"

#define CACHE_TENANTS 64u
#define CACHE_REFERENCES 128u
#define KEYS_MAX (250u << 10) /* of keys for one worker */

struct cached_policy {
	char tenant[MS_NET_TENANT_MAX + 1];
	uint8_t id[32]; /* of its bytes: a version that was set in a transaction which then failed may come again with others */
	struct ms_policy *policy;
};
struct cached_reference {
	uint8_t id[32]; /* of its bytes */
	struct ms_reference *reference;
};
struct ms_policy_cache {
	struct cached_policy policies[CACHE_TENANTS];
	struct cached_reference references[CACHE_REFERENCES];
	size_t next_policy, next_reference; /* the slot to use next when none fits */
};

enum ms_rc
ms_policy_cache_new(struct ms_policy_cache **ret, struct ms_err *err)
{
	struct ms_policy_cache *p = calloc(1, sizeof *p);
	if (p == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "policy cache");
	*ret = p;
	return MS_OK;
}

void
ms_policy_cache_free(struct ms_policy_cache *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < CACHE_TENANTS; i++)
		ms_policy_free(p->policies[i].policy);
	for (size_t i = 0; i < CACHE_REFERENCES; i++)
		ms_reference_free(p->references[i].reference);
	free(p);
}

static struct cached_policy *
policy_slot(struct ms_policy_cache *p, struct ms_span tenant)
{
	for (size_t i = 0; i < CACHE_TENANTS; i++)
		if (ms_span_eq(tenant, ms_span_str(p->policies[i].tenant)))
			return &p->policies[i];
	struct cached_policy *s = &p->policies[p->next_policy++ % CACHE_TENANTS];
	ms_policy_free(s->policy);
	memset(s, 0, sizeof *s);
	memcpy(s->tenant, tenant.p, tenant.len);
	return s;
}

static enum ms_rc
policy_read(struct ms_core *c, const struct ms_row_object *row, struct ms_policy **ret, struct ms_err *err)
{
	struct ms_buf blob;
	ms_buf_init(&blob, MS_POLICY_WIRE_MAX);
	enum ms_rc rc = ms_store_get_blob(c->store, row->object.p, &blob, err);
	if (rc == MS_OK)
		rc = ms_policy_load(ms_buf_span(&blob), ret, err);
	ms_buf_fini(&blob);
	return rc == MS_OK ? rc : ms_prefix(err, MS_ERR_IO, "policy");
}

enum ms_rc
ms_core_policy(struct ms_core *c, struct ms_span tenant, const struct ms_policy **ret, uint64_t *ret_version, struct ms_err *err)
{
	struct ms_row_object row;
	struct ms_buf mem;
	if (tenant.len == 0 || tenant.len > MS_NET_TENANT_MAX)
		return ms_fail(err, MS_ERR_INTERNAL, "policy of no tenant");
	ms_buf_init(&mem, 4096);
	enum ms_rc rc = ms_row_get(c->store, MS_TABLE_POLICIES, tenant, ms_span_str("current"), &ms_row_object_table, &row, &mem, err);
	if (rc == MS_ERR_NOT_FOUND) {
		*ret = NULL;
		*ret_version = 0;
		rc = MS_OK;
	} else if (rc == MS_OK) {
		struct cached_policy *s = policy_slot(c->policies, tenant);
		if (s->policy == NULL || !ms_span_eq(ms_span(s->id, sizeof s->id), row.object)) {
			struct ms_policy *fresh = NULL;
			rc = policy_read(c, &row, &fresh, err);
			if (rc == MS_OK) {
				ms_policy_free(s->policy);
				s->policy = fresh;
				memcpy(s->id, row.object.p, sizeof s->id);
			}
		}
		if (rc == MS_OK) {
			*ret = s->policy;
			*ret_version = row.version;
		}
	}
	ms_buf_fini(&mem);
	return rc;
}

struct lookup {
	struct ms_core *c;
	struct ms_span tenant;
};

/* A part of a set: bytes that reference_join() holds against the id. */
static enum ms_rc
get_part(void *ctx, const uint8_t id[static MS_REFERENCE_ID_LEN], struct ms_buf *out, struct ms_err *err)
{
	struct ms_core *c = ctx;
	struct ms_buf part;
	ms_buf_init(&part, MS_REFERENCE_PART_MAX);
	enum ms_rc rc = ms_store_get_blob(c->store, id, &part, err);
	ms_buf_put_span(out, ms_buf_span(&part));
	ms_buf_fini(&part);
	return rc == MS_OK ? ms_buf_check(out, err) : rc;
}

enum ms_rc
ms_core_reference_read(struct ms_core *c, struct ms_span wire, struct ms_reference **ret, struct ms_err *err)
{
	return ms_reference_join(wire, get_part, c, ret, err);
}

/* A set in force, once in memory however many tenants and devices use it. */
enum ms_rc
ms_core_reference(struct ms_core *c, const uint8_t id[static 32], const struct ms_reference **ret, struct ms_err *err)
{
	struct ms_policy_cache *p = c->policies;
	for (size_t i = 0; i < CACHE_REFERENCES; i++)
		if (p->references[i].reference != NULL && ms_span_eq(ms_span(p->references[i].id, 32), ms_span(id, 32))) {
			*ret = p->references[i].reference;
			return MS_OK;
		}
	struct cached_reference *s = &p->references[p->next_reference++ % CACHE_REFERENCES];
	struct ms_reference *fresh = NULL;
	struct ms_buf blob;
	ms_buf_init(&blob, MS_REFERENCE_WIRE_MAX);
	enum ms_rc rc = ms_store_get_blob(c->store, id, &blob, err);
	if (rc == MS_OK)
		rc = ms_reference_join(ms_buf_span(&blob), get_part, c, &fresh, err);
	ms_buf_fini(&blob);
	if (rc != MS_OK)
		return ms_prefix(err, MS_ERR_IO, "reference set");
	ms_reference_free(s->reference);
	s->reference = fresh;
	memcpy(s->id, id, sizeof s->id);
	*ret = fresh;
	return MS_OK;
}

static enum ms_rc
find_reference(void *ctx, struct ms_span name, const struct ms_reference **ret, struct ms_err *err)
{
	struct lookup *l = ctx;
	struct ms_row_object row;
	struct ms_buf mem;
	ms_buf_init(&mem, 4096);
	enum ms_rc rc = ms_row_get(l->c->store, MS_TABLE_REFERENCES, l->tenant, name, &ms_row_object_table, &row, &mem, err);
	if (rc == MS_OK)
		rc = ms_core_reference(l->c, row.object.p, ret, err);
	ms_buf_fini(&mem);
	return rc;
}

static enum ms_rc
fill_input(struct ms_core *c, const struct ms_judge_ask *ask, struct lookup *l, struct ms_policy_input *in, struct ms_err *err)
{
	*l = (struct lookup){c, ask->device.tenant};
	*in = (struct ms_policy_input){.device = ask->device,
	    .pcrs = ask->pcrs,
	    .appraisal = ask->appraisal,
	    .late_files = ask->late_files,
	    .last_reference = ask->last_reference,
	    .now_s = c->now_s,
	    .reference = find_reference,
	    .reference_ctx = l};
	return ms_core_policy(c, ask->device.tenant, &in->policy, &in->policy_version, err);
}

enum ms_rc
ms_core_judge(struct ms_core *c, const struct ms_judge_ask *ask, struct ms_judged *ret, struct ms_err *err)
{
	struct lookup l;
	struct ms_policy_input in;
	enum ms_rc rc = fill_input(c, ask, &l, &in, err);
	if (rc == MS_OK)
		rc = ms_policy_judge(&in, &ret->verdict, err);
	if (rc != MS_OK)
		return rc;
	if (in.policy != NULL)
		ret->settings = *ms_policy_settings(in.policy);
	else
		memset(&ret->settings, 0, sizeof ret->settings);
	return MS_OK;
}

enum ms_rc
ms_core_judged_id(struct ms_core *c, const struct ms_judge_ask *ask, uint8_t ret[static MS_POLICY_ID_LEN], struct ms_err *err)
{
	struct lookup l;
	struct ms_policy_input in;
	enum ms_rc rc = fill_input(c, ask, &l, &in, err);
	memset(ret, 0, MS_POLICY_ID_LEN);
	return rc == MS_OK && in.policy != NULL ? ms_policy_judged_id(&in, ret, err) : rc;
}

struct keys {
	struct ms_buf items;
	size_t n;
};

static enum ms_rc
on_key(void *ctx, struct ms_span der, struct ms_err *err)
{
	struct keys *k = ctx;
	ms_cbor_bytes(&k->items, der);
	k->n++;
	return ms_buf_check(&k->items, err);
}

enum ms_rc
ms_core_ima_keys(struct ms_core *c, const struct ms_judge_ask *ask, struct ms_buf *out, struct ms_err *err)
{
	struct lookup l;
	struct ms_policy_input in;
	struct keys k = {.n = 0};
	ms_buf_init(&k.items, KEYS_MAX);
	enum ms_rc rc = fill_input(c, ask, &l, &in, err);
	if (rc == MS_OK && in.policy != NULL)
		rc = ms_policy_ima_keys(&in, on_key, &k, err);
	ms_cbor_array(out, k.n);
	ms_buf_put_span(out, ms_buf_span(&k.items));
	ms_buf_fini(&k.items);
	return rc == MS_OK ? ms_buf_check(out, err) : rc;
}
