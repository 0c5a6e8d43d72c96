#include "cli/evidence_remote.h"

#include <stdlib.h>

void
ms_remote_evidence_fini(struct ms_remote_evidence *e)
{
	for (size_t i = 0; i < e->n_mem; i++)
		ms_buf_fini(&e->mem[i]);
	json_decref(e->json);
	*e = (struct ms_remote_evidence){.n_mem = 0};
}

/* ---- members of the answer to members of the file ---- */

static enum ms_rc
take_bytes(struct ms_remote_evidence *e, const char *key, unsigned bit, size_t max, struct ms_span *ret, struct ms_err *err)
{
	struct ms_buf *b = &e->mem[e->n_mem];
	if (!json_is_string(json_object_get(e->json, key)) || json_string_length(json_object_get(e->json, key)) == 0)
		return MS_OK;
	ms_buf_init(b, max);
	e->n_mem++;
	enum ms_rc rc = ms_json_bytes(e->json, key, b, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "the server's answer");
	*ret = ms_buf_span(b);
	e->file.present |= MS_CBOR_BIT(bit);
	return MS_OK;
}

static struct ms_span
take_text(const struct ms_remote_evidence *e, const char *key)
{
	return ms_span_str(ms_json_text(e->json, key));
}

static void
take_opt(struct ms_remote_evidence *e, const char *key, unsigned bit, struct ms_span *ret)
{
	*ret = take_text(e, key);
	if (ret->len > 0)
		e->file.present |= MS_CBOR_BIT(bit);
}

/* {index: hex} to CBOR. */
static enum ms_rc
take_pcrs(struct ms_remote_evidence *e, struct ms_err *err)
{
	const char *key;
	json_t *v;
	struct ms_pcrs p = {.mask = 0};
	struct ms_buf *b = &e->mem[e->n_mem++];
	ms_buf_init(b, MS_PCRS_WIRE_MAX);
	json_object_foreach(json_object_get(e->json, "pcrs"), key, v)
	{
		unsigned long i = strtoul(key, NULL, 10);
		if (i >= MS_TPM_PCR_COUNT || !json_is_string(v) ||
		    ms_unhex(json_string_value(v), json_string_length(v), p.value[i], MS_PCR_LEN) != MS_OK)
			return ms_fail(err, MS_ERR_MALFORMED, "the server's answer: PCR values");
		p.mask |= UINT32_C(1) << i;
	}
	enum ms_rc rc = ms_pcrs_build(&p, b, err);
	e->file.pcrs = ms_buf_span(b);
	return rc;
}

static enum ms_rc
take_reasons(struct ms_remote_evidence *e, struct ms_err *err)
{
	const json_t *list = json_object_get(e->json, "reasons"), *one;
	size_t i;
	if (!json_is_array(list))
		return MS_OK;
	struct ms_buf *b = &e->mem[e->n_mem++];
	ms_buf_init(b, 1u << 20);
	ms_cbor_array(b, json_array_size(list));
	json_array_foreach(list, i, one)
	{
		ms_cbor_text(b, json_is_string(one) ? json_string_value(one) : "");
	}
	e->file.reasons = ms_buf_span(b);
	e->file.present |= MS_CBOR_BIT(MS_EVIDENCE_FILE_REASONS);
	return ms_buf_check(b, err);
}

static enum ms_rc
take(struct ms_remote_evidence *e, struct ms_err *err)
{
	struct ms_evidence_file *f = &e->file;
	*f = (struct ms_evidence_file){.format = MS_EVIDENCE_FILE_FORMAT,
	    .tenant = take_text(e, "tenant"),
	    .device = take_text(e, "device"),
	    .name = take_text(e, "name"),
	    .model = take_text(e, "model"),
	    .serial = take_text(e, "serial"),
	    .state = take_text(e, "state"),
	    .batch = take_text(e, "batch"),
	    .listed = json_is_true(json_object_get(e->json, "listed")),
	    .time_s = ms_json_uint(e->json, "time_s"),
	    .policy_version = ms_json_uint(e->json, "policy_version"),
	    .ima_from = ms_json_uint(e->json, "ima_from"),
	    .ima_used = ms_json_uint(e->json, "ima_used")};
	take_opt(e, "last_reference", MS_EVIDENCE_FILE_LAST_REFERENCE, &f->last_reference);
	take_opt(e, "judged", MS_EVIDENCE_FILE_OUTCOME, &f->outcome);
	take_opt(e, "policy", MS_EVIDENCE_FILE_POLICY, &f->policy);
	if (f->policy.len > 0)
		f->present |= MS_CBOR_BIT(MS_EVIDENCE_FILE_POLICY_VERSION);
	const struct {
		const char *key;
		unsigned bit;
		size_t max;
		struct ms_span *to;
	} bytes[] = {{"attest", MS_EVIDENCE_FILE_ATTEST, MS_TPM_ATTEST_MAX, &f->attest},
	    {"signature", MS_EVIDENCE_FILE_SIGNATURE, MS_TPM_SIGNATURE_MAX, &f->signature},
	    {"ak", MS_EVIDENCE_FILE_AK, MS_TPM_PUBLIC_MAX, &f->ak}, {"boot_log", MS_EVIDENCE_FILE_BOOT_LOG, 4u << 20, &f->boot_log},
	    {"ima", MS_EVIDENCE_FILE_IMA, 32u << 20, &f->ima}, {"extra", MS_EVIDENCE_FILE_EXTRA, 32, &f->extra}};
	enum ms_rc rc = take_pcrs(e, err);
	for (size_t i = 0; rc == MS_OK && i < sizeof bytes / sizeof *bytes; i++)
		rc = take_bytes(e, bytes[i].key, bytes[i].bit, bytes[i].max, bytes[i].to, err);
	if (ms_json_text(e->json, "ima_sha256")[0] != '\0') /* a list came, if only to say that there is nothing new */
		f->present |= MS_CBOR_BIT(MS_EVIDENCE_FILE_IMA_FROM) | MS_CBOR_BIT(MS_EVIDENCE_FILE_IMA_USED);
	return rc == MS_OK ? take_reasons(e, err) : rc;
}

/* A list that no answer had room for. */
static enum ms_rc
take_pieces(struct ms_cli *c, struct ms_remote_evidence *e, struct ms_err *err)
{
	MS_OWN(ms_reply_fini) struct ms_reply r = {.result = NULL};
	struct ms_buf *b = &e->mem[e->n_mem++];
	uint64_t size = 0;
	ms_buf_init(b, 32u << 20);
	do {
		size_t before = b->len;
		struct ms_args_piece args = {.name = take_text(e, "id"), .offset = b->len};
		struct ms_request q = {.operation = "evidence.ima", .table = &ms_args_piece_table, .args = &args};
		enum ms_rc rc = ms_remote_ask(c, &q, &r, err);
		if (rc == MS_OK)
			rc = ms_json_bytes(r.result, "bytes", b, err);
		if (rc == MS_OK && b->len == before)
			rc = ms_fail(err, MS_ERR_MALFORMED, "the server's answer: a piece of a list is empty");
		if (rc != MS_OK)
			return rc;
		size = ms_json_uint(r.result, "size");
	} while (b->len < size);
	e->file.ima = ms_buf_span(b);
	e->file.present |= MS_CBOR_BIT(MS_EVIDENCE_FILE_IMA);
	return MS_OK;
}

enum ms_rc
ms_remote_evidence(struct ms_cli *c, const char *name, struct ms_remote_evidence *ret, struct ms_err *err)
{
	MS_OWN(ms_reply_fini) struct ms_reply r = {.result = NULL};
	struct ms_args_name args = {.name = ms_span_str(name)};
	struct ms_request q = {.operation = "evidence.get", .table = &ms_args_name_table, .args = &args};
	enum ms_rc rc = ms_remote_ask(c, &q, &r, err);
	if (rc != MS_OK)
		return rc;
	ret->json = json_incref(r.result);
	rc = take(ret, err);
	return rc == MS_OK && json_is_true(json_object_get(ret->json, "ima_cut")) ? take_pieces(c, ret, err) : rc;
}

void
ms_case_facts(struct ms_case *k, const struct ms_evidence_file *f)
{
	k->device = (struct ms_policy_device){.tenant = f->tenant,
	    .device = f->device,
	    .model = f->model,
	    .serial = f->serial,
	    .state = f->state,
	    .batch = f->batch,
	    .listed = f->listed};
	k->last_reference = f->last_reference;
	k->now_s = f->time_s;
}
