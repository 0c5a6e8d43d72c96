#include "cli/policy_remote.h"

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

enum ms_rc
ms_remote_reference(struct ms_cli *c, const char *name, struct ms_reference **ret, uint64_t *version, struct ms_err *err)
{
	MS_OWN(ms_reply_fini) struct ms_reply r = {.result = NULL};
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
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
		rc = ms_reference_parse(ms_buf_span(&b), ret, err);
	if (rc == MS_OK)
		*version = ms_json_uint(r.result, "version");
	return rc;
}

enum ms_rc
ms_remote_set_reference(struct ms_cli *c, struct ms_reference *set, uint64_t base_version, struct ms_reply *ret, struct ms_err *err)
{
	char base[96];
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	ms_buf_init(&b, MS_REFERENCE_WIRE_MAX);
	set->version = base_version + 1;
	enum ms_rc rc = ms_reference_build(set, &b, err);
	(void)snprintf(base, sizeof base, "reference:%s", set->name);
	struct ms_args_bytes args = {.object = ms_buf_span(&b)};
	struct ms_request q = {
	    .operation = "reference.set", .table = &ms_args_bytes_table, .args = &args, .base = base, .base_version = base_version};
	return rc == MS_OK ? ms_remote_ask(c, &q, ret, err) : rc;
}
