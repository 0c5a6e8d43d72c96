/* Secrets: in from an operator, wrapped; out to a device that is entitled, sealed. In clear they exist here and in the
 * token only, in locked memory. */
#include <string.h>

#include "base/io.h"
#include "crypto/cosesig.h"
#include "crypto/hash.h"
#include "crypto/hpke.h"
#include "secrets/rule.h"
#include "server/keeper/attested.h"

#define OP_LIFE_MAX_S 300u
#define RELEASE_LIFE_S 300u
#define SUBJECT_PATH_MAX 150u /* of a path in an entry's subject */
#define HEADER_MAX 2048u
#define IMA_PCR 10u
/* Longest time in which one operation could come again: its life, the clocks apart, the age of an entry. */
#define OP_AGAIN_S (OP_LIFE_MAX_S + 2 * MS_KEEPER_SKEW_S + MS_KEEPER_ENTRY_AGE_S + 1)

/* ---- in ---- */

/* The log says what is put, and by which operation. */
static enum ms_rc
check_put_entry(
    const struct ms_keeper_work *w, const struct ms_args_secret_put *a, uint64_t version, struct ms_span op_hash, struct ms_err *err)
{
	struct ms_data_secret_put logged;
	char subject[8 + SUBJECT_PATH_MAX] = "secret:";
	size_t n = a->path.len < SUBJECT_PATH_MAX ? a->path.len : SUBJECT_PATH_MAX;
	memcpy(subject + 7, a->path.p, n);
	enum ms_rc rc = ms_keeper_check_subject(w, ms_span(subject, 7 + n), err);
	if (rc == MS_OK)
		rc = ms_keeper_data(w, &ms_data_secret_put_table, &logged, err);
	if (rc != MS_OK)
		return rc;
	if (!ms_span_eq(logged.path, a->path) || logged.version != version || !ms_span_eq(logged.rule, a->rule) ||
	    !ms_span_eq(logged.class_name, a->class_name) || !ms_span_eq(logged.op, op_hash))
		return ms_fail(err, MS_ERR_AUTH, "the entry is about another secret");
	return MS_OK;
}

/* Signed by an administrator, for one path, one rule, one class (I1). */
static enum ms_rc
check_put(const struct ms_keeper_work *w, struct ms_span op, struct ms_args_secret_put *ret, struct ms_err *err)
{
	const struct ms_keeper_operator_check c = {.kind = "op", .operation = "secret.put", .life_max_s = OP_LIFE_MAX_S};
	struct ms_statement st;
	struct ms_op_body body;
	enum ms_rc rc = ms_keeper_check_operator(w, &c, op, &st, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_op_body_table, st.body, &body, err);
	if (rc == MS_OK && !ms_span_eq(body.operation, ms_span_str("secret.put")))
		rc = ms_fail(err, MS_ERR_AUTH, "the operation puts no secret");
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_args_secret_put_table, body.args, ret, err);
	if (rc != MS_OK)
		return rc;
	if (!ms_secret_path_ok(ret->path) || !ms_secret_rule_ok(ret->rule))
		return ms_fail(err, MS_ERR_MALFORMED, "secret: path or rule");
	if (!ms_span_eq(ret->class_name, ms_span_str(MS_SECRET_CLASS_DEVICE)))
		return ms_fail(err, MS_ERR_UNSUPPORTED, "secret: exposure class");
	return MS_OK;
}

static enum ms_rc
open_intake(const struct ms_keeper_work *w, const struct ms_args_secret_put *a, struct ms_secret **ret, struct ms_err *err)
{
	MS_OWN(ms_secret_free) struct ms_secret *pt = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf info;
	const struct ms_root *root = w->k->p.root;
	const struct ms_bind_intake b = {.deployment = ms_span(root->deployment, sizeof root->deployment),
	    .tenant = ms_span_str(w->tenant),
	    .path = a->path,
	    .rule = a->rule,
	    .class_name = a->class_name};
	ms_buf_init(&info, 2048);
	enum ms_rc rc = ms_bind_intake(&b, &info, err);
	const struct ms_hpke_from from = {.key = &w->k->intake, .info = ms_buf_span(&info)};
	if (rc == MS_OK)
		rc = ms_hpke_open(&from, a->enc.p, a->ct, &pt, err);
	if (rc == MS_OK && ms_secret_len(pt) > MS_SECRET_VALUE_MAX)
		rc = ms_fail(err, MS_ERR_TOO_BIG, "secret: more than %u bytes", MS_SECRET_VALUE_MAX);
	if (rc != MS_OK)
		return rc;
	*ret = pt;
	pt = NULL;
	return MS_OK;
}

static enum ms_rc
wrap(const struct ms_keeper_work *w, const struct ms_wrapped_header *h, const struct ms_secret *pt, struct ms_buf *result,
    struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf header;
	MS_OWN(ms_buf_fini) struct ms_buf ct;
	uint8_t iv[MS_AEAD_IV_LEN];
	ms_buf_init(&header, HEADER_MAX);
	ms_buf_init(&ct, MS_SECRET_VALUE_MAX + MS_AEAD_TAG_LEN);
	enum ms_rc rc = ms_random(iv, sizeof iv, err);
	if (rc == MS_OK)
		rc = ms_cbor_build_map(&ms_wrapped_header_table, h, &header, err);
	const struct ms_aead a = {.iv = iv, .aad = ms_buf_span(&header)};
	if (rc == MS_OK)
		rc = ms_token_client_wrap(w->k->p.token, &a, pt, &ct, err);
	const struct ms_wrapped out = {.header = ms_buf_span(&header), .iv = ms_span(iv, sizeof iv), .ct = ms_buf_span(&ct)};
	return rc == MS_OK ? ms_cbor_build_map(&ms_wrapped_table, &out, result, err) : rc;
}

enum ms_rc
ms_keeper_secret_put(const struct ms_keeper_work *w, const void *params, struct ms_buf *result, struct ms_err *err)
{
	const struct ms_act_secret_put *p = params;
	struct ms_args_secret_put args;
	MS_OWN(ms_secret_free) struct ms_secret *pt = NULL;
	uint8_t op_hash[MS_SHA256_LEN];
	ms_sha256(p->op, op_hash);
	enum ms_rc rc = check_put(w, p->op, &args, err);
	if (rc == MS_OK)
		rc = check_put_entry(w, &args, p->version, ms_span(op_hash, sizeof op_hash), err);
	if (rc == MS_OK)
		rc = open_intake(w, &args, &pt, err);
	if (rc == MS_OK) /* one operation, one version: an older value does not come back as a newer one */
		rc = ms_nonces_use(&w->k->nonces, ms_span(op_hash, sizeof op_hash), w->digest, w->now_s + OP_AGAIN_S, w->now_s, err);
	if (rc != MS_OK)
		return rc;
	const struct ms_root *root = w->k->p.root;
	const struct ms_wrapped_header h = {.deployment = ms_span(root->deployment, sizeof root->deployment),
	    .tenant = ms_span_str(w->tenant),
	    .path = args.path,
	    .version = p->version,
	    .rule = args.rule,
	    .class_name = args.class_name,
	    .op_hash = ms_span(op_hash, sizeof op_hash)};
	return wrap(w, &h, pt, result, err);
}

/* ---- out ---- */

/* The header says who may have it, and is authenticated when it is unwrapped: refused here even if core asked. */
static enum ms_rc
check_entitled(const struct ms_keeper_work *w, const struct ms_wrapped_header *h, const struct ms_admission_body *who,
    const struct ms_secret_req *q, struct ms_err *err)
{
	const struct ms_root *root = w->k->p.root;
	if (!ms_span_eq(h->deployment, ms_span(root->deployment, sizeof root->deployment)) ||
	    !ms_span_eq(h->tenant, ms_span_str(w->tenant)))
		return ms_fail(err, MS_ERR_AUTH, "secret: of another deployment or tenant");
	if (!ms_span_eq(h->path, q->path))
		return ms_fail(err, MS_ERR_AUTH, "secret: another than was asked for");
	if (!ms_span_eq(h->class_name, ms_span_str(MS_SECRET_CLASS_DEVICE)))
		return ms_fail(err, MS_ERR_UNSUPPORTED, "secret: exposure class");
	if (!ms_secret_rule_admits(h->rule, who->model, who->device))
		return ms_fail(err, MS_ERR_DENIED, "secret: its rule does not name this device");
	if (h->version < q->least)
		return ms_fail(err, MS_ERR_REPLAY, "secret: older than the device has");
	return MS_OK;
}

static enum ms_rc
check_release_entry(
    const struct ms_keeper_work *w, const struct ms_wrapped_header *h, struct ms_span key_name, struct ms_span nonce, struct ms_err *err)
{
	struct ms_data_secret_release logged;
	enum ms_rc rc = ms_keeper_data(w, &ms_data_secret_release_table, &logged, err);
	if (rc == MS_OK && (!ms_span_eq(logged.path, h->path) || logged.version != h->version || !ms_span_eq(logged.key_name, key_name) ||
			       !ms_span_eq(logged.nonce, nonce)))
		rc = ms_fail(err, MS_ERR_AUTH, "the entry is about another release");
	return rc;
}

/* PCR 10 moves with every file that is read: what is sealed to it is lost at once. */
static enum ms_rc
sealing_point(const struct ms_keeper_attested *a, uint64_t mask, uint8_t point[static MS_TPM_P256_POINT_LEN], struct ms_err *err)
{
	if ((mask & ~(uint64_t)MS_PCRS_ATTEST_MASK) != 0 || mask == 0 || (mask >> IMA_PCR & 1) != 0)
		return ms_fail(err, MS_ERR_DENIED, "seal set 0x%llx", (unsigned long long)mask);
	const struct ms_sealing_state state = {.pcrs = ms_quote_pcrs(a->quote), .mask = (uint32_t)mask};
	return ms_certified_sealing(a->key, &state, point, NULL, err);
}

struct release {
	const struct ms_act_secret_release *p;
	const struct ms_admission_body *who;
	struct ms_wrapped wrapped;
	struct ms_wrapped_header header;
	struct ms_span key_name;
	uint8_t point[MS_TPM_P256_POINT_LEN];
};

static enum ms_rc
seal(const struct ms_keeper_work *w, const struct release *r, struct ms_span evidence, uint8_t enc[static MS_HPKE_ENC_LEN],
    struct ms_buf *ct, struct ms_err *err)
{
	MS_OWN(ms_secret_free) struct ms_secret *pt = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf info;
	const struct ms_bind_secret b = {.deployment = r->header.deployment,
	    .tenant = r->header.tenant,
	    .device = r->who->device,
	    .path = r->header.path,
	    .version = r->header.version,
	    .nonce = r->p->nonce,
	    .evidence = evidence,
	    .leaf = ms_span(w->leaf.h, sizeof w->leaf.h)};
	const struct ms_aead a = {.iv = r->wrapped.iv.p, .aad = r->wrapped.header};
	ms_buf_init(&info, 2048);
	enum ms_rc rc = ms_bind_secret(&b, &info, err);
	if (rc == MS_OK)
		rc = ms_token_client_unwrap(w->k->p.token, &a, r->wrapped.ct, &pt, err);
	const struct ms_hpke_to to = {.point = r->point, .info = ms_buf_span(&info)};
	return rc == MS_OK ? ms_hpke_seal(&to, pt, enc, ct, err) : rc;
}

static enum ms_rc
say_secret(const struct ms_keeper_work *w, const struct release *r, struct ms_buf *result, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf ct;
	uint8_t enc[MS_HPKE_ENC_LEN], evidence[MS_BIND_LEN];
	char audience[MS_STATEMENT_AUDIENCE_MAX + 1] = {0};
	ms_evidence_id(r->p->attest, r->p->pcrs, evidence);
	ms_buf_init(&ct, MS_SECRET_VALUE_MAX + MS_HPKE_TAG_LEN);
	enum ms_rc rc = seal(w, r, ms_span(evidence, sizeof evidence), enc, &ct, err);
	if (rc != MS_OK)
		return rc;
	memcpy(audience, r->who->device.p, r->who->device.len); /* at most 80 bytes */
	const struct ms_secret_body body = {.path = r->header.path,
	    .version = r->header.version,
	    .enc = ms_span(enc, sizeof enc),
	    .ct = ms_buf_span(&ct),
	    .nonce = r->p->nonce,
	    .evidence = ms_span(evidence, sizeof evidence),
	    .leaf = ms_span(w->leaf.h, sizeof w->leaf.h),
	    .key_name = r->key_name};
	const struct ms_keeper_says says = {
	    .kind = "secret", .audience = audience, .expires_s = w->now_s + RELEASE_LIFE_S, .table = &ms_secret_body_table, .body = &body};
	return ms_keeper_say(w, &says, result, err);
}

enum ms_rc
ms_keeper_secret_release(const struct ms_keeper_work *w, const void *params, struct ms_buf *result, struct ms_err *err)
{
	const struct ms_act_secret_release *p = params;
	struct ms_secret_req q;
	struct release r = {.p = p};
	MS_OWN(ms_keeper_attested_fini) struct ms_keeper_attested a = {.ak = NULL};
	enum ms_rc rc = ms_cbor_parse_map(&ms_secret_req_table, p->request, &q, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_wrapped_table, p->wrapped, &r.wrapped, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_wrapped_header_table, r.wrapped.header, &r.header, err);
	if (rc != MS_OK)
		return rc;
	const struct ms_keeper_asked asked = {.purpose = MS_PURPOSE_SECRET,
	    .admission = p->admission,
	    .nonce = p->nonce,
	    .exporter = p->exporter,
	    .request = p->request,
	    .attest = p->attest,
	    .signature = p->signature,
	    .pcrs = p->pcrs,
	    .key = {.attest = q.certify, .signature = q.certify_sig, .tpmt_public = q.key}};
	rc = ms_keeper_check_attested(w, &asked, &a, err);
	if (rc == MS_OK)
		rc = check_entitled(w, &r.header, &a.who, &q, err);
	if (rc == MS_OK)
		rc = sealing_point(&a, p->seal_mask, r.point, err);
	if (rc != MS_OK)
		return rc;
	r.who = &a.who;
	r.key_name = ms_tpm_name_span(ms_certified_name(a.key));
	rc = check_release_entry(w, &r.header, r.key_name, p->nonce, err);
	return rc == MS_OK ? say_secret(w, &r, result, err) : rc;
}
