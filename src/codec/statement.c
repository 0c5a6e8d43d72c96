#include <stdlib.h>
#include <string.h>
#include "codec/cbor.h"
#include "codec/statement_int.h"

#define TYPE_MAX (sizeof MS_STATEMENT_PREFIX + MS_STATEMENT_KIND_MAX)

struct claims {
	uint64_t present;
	struct ms_span deployment;
	struct ms_span audience, tenant;
	uint64_t issued_s, expires_s;
	uint64_t epoch;
	struct ms_span body;
};
static const struct ms_cbor_field claims_fields[] = {
    MS_CBOR_F_BYTES(1, struct claims, deployment, MS_CBOR_REQ, MS_STATEMENT_DEPLOYMENT_LEN, MS_STATEMENT_DEPLOYMENT_LEN),
    MS_CBOR_F_TEXT(2, struct claims, audience, MS_CBOR_REQ, 1, MS_STATEMENT_AUDIENCE_MAX),
    MS_CBOR_F_TEXT(3, struct claims, tenant, MS_CBOR_REQ, 0, MS_STATEMENT_TENANT_MAX),
    MS_CBOR_F_UINT(4, struct claims, issued_s, MS_CBOR_REQ, 0, UINT64_MAX),
    MS_CBOR_F_UINT(5, struct claims, expires_s, MS_CBOR_REQ, 0, UINT64_MAX),
    MS_CBOR_F_UINT(6, struct claims, epoch, MS_CBOR_REQ, 0, UINT64_MAX),
    MS_CBOR_F_BYTES(7, struct claims, body, MS_CBOR_REQ, 1, MS_COSE_MAX),
};
static const struct ms_cbor_table claims_table = MS_CBOR_TABLE("statement", struct claims, claims_fields);

struct ms_statement_raw {
	struct ms_span whole;
	struct ms_cose_sign1 cose;
	struct ms_span kind;
	struct claims claims;
};

/* A body is a map, so that each kind has a table. */
static enum ms_rc
check_body(struct ms_span body, struct ms_err *err)
{
	enum ms_rc rc = ms_cbor_check(body, MS_CBOR_DEPTH_MAX, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "statement body");
	struct ms_cbor c = {.rd = ms_rd_span(body)};
	if (ms_cbor_peek(&c) != MS_CBOR_MAP)
		return ms_fail(err, MS_ERR_MALFORMED, "statement body: not a map");
	return MS_OK;
}

static enum ms_rc
parse_kind(struct ms_span type, struct ms_span *ret, struct ms_err *err)
{
	static const char prefix[] = MS_STATEMENT_PREFIX;
	size_t n = sizeof prefix - 1;
	size_t n_family = sizeof "muster/v" - 1;
	if (type.len < n_family || memcmp(type.p, prefix, n_family) != 0)
		return ms_fail(err, MS_ERR_MALFORMED, "statement: content type is not one of ours");
	if (type.len < n || memcmp(type.p, prefix, n) != 0)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "statement: not version 1");
	struct ms_span kind = ms_span(type.p + n, type.len - n);
	if (!ms_name_ok(kind, MS_STATEMENT_KIND_MAX))
		return ms_fail(err, MS_ERR_MALFORMED, "statement: its kind is not a name");
	*ret = kind;
	return MS_OK;
}

static enum ms_rc
check_claims(const struct claims *c, struct ms_err *err)
{
	if (c->issued_s >= c->expires_s)
		return ms_fail(err, MS_ERR_MALFORMED, "statement: expires before it is issued");
	return check_body(c->body, err);
}

enum ms_rc
ms_statement_parse(struct ms_span s, struct ms_statement_raw **ret, struct ms_err *err)
{
	MS_OWN(ms_statement_raw_free) struct ms_statement_raw *raw = calloc(1, sizeof *raw);
	if (raw == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "statement");
	raw->whole = s;
	enum ms_rc rc = ms_cose_parse(s, &raw->cose, err);
	if (rc == MS_OK)
		rc = parse_kind(raw->cose.content_type, &raw->kind, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&claims_table, raw->cose.payload, &raw->claims, err);
	if (rc == MS_OK)
		rc = check_claims(&raw->claims, err);
	if (rc != MS_OK)
		return rc;
	*ret = raw;
	raw = NULL;
	return MS_OK;
}

void
ms_statement_raw_free(struct ms_statement_raw *raw)
{
	free(raw);
}

struct ms_span
ms_statement_kid(const struct ms_statement_raw *raw)
{
	return raw->cose.kid;
}

int64_t
ms_statement_alg(const struct ms_statement_raw *raw)
{
	return raw->cose.alg;
}

struct ms_span
ms_statement_signature(const struct ms_statement_raw *raw)
{
	return raw->cose.signature;
}

bool
ms_statement_is(const struct ms_statement_raw *raw, const char *kind)
{
	return ms_span_eq(raw->kind, ms_span_str(kind));
}

void
ms_statement_tbs(const struct ms_statement_raw *raw, struct ms_buf *out)
{
	ms_cose_build_tbs(raw->cose.header, raw->cose.content_type, raw->cose.payload, out);
}

struct ms_span
ms_statement_unproven_body(const struct ms_statement_raw *raw)
{
	return raw->claims.body;
}

struct ms_span
ms_statement_unproven_deployment(const struct ms_statement_raw *raw)
{
	return raw->claims.deployment;
}

struct ms_span
ms_statement_unproven_tenant(const struct ms_statement_raw *raw)
{
	return raw->claims.tenant;
}

static bool
is_text(struct ms_span s, const char *text)
{
	return ms_span_eq(s, ms_span_str(text));
}

/* For whom and for what: each must be what the verifier knows beforehand. */
static enum ms_rc
check_scope(const struct ms_statement_raw *raw, const struct ms_statement_expect *x, struct ms_err *err)
{
	const struct claims *c = &raw->claims;
	if (!is_text(raw->kind, x->kind))
		return ms_fail(err, MS_ERR_AUTH, "statement: not a %s", x->kind);
	if (!ms_span_eq(c->deployment, ms_span(x->deployment, MS_STATEMENT_DEPLOYMENT_LEN)))
		return ms_fail(err, MS_ERR_AUTH, "%s: of another deployment", x->kind);
	if (!is_text(c->audience, x->audience))
		return ms_fail(err, MS_ERR_AUTH, "%s: for another audience than %s", x->kind, x->audience);
	if (!is_text(c->tenant, x->tenant))
		return ms_fail(err, MS_ERR_AUTH, "%s: of another tenant than %s", x->kind, x->tenant);
	return MS_OK;
}

/* Valid for issued_s - skew <= now < expires_s + skew, written so that no sum can wrap. */
static enum ms_rc
check_time(const struct claims *c, const struct ms_statement_expect *x, struct ms_err *err)
{
	if (c->issued_s > x->now_s && c->issued_s - x->now_s > x->skew_s)
		return ms_fail(err, MS_ERR_EXPIRED, "%s: issued %ju s from now", x->kind, (uintmax_t)(c->issued_s - x->now_s));
	if (x->now_s >= c->expires_s && x->now_s - c->expires_s >= x->skew_s)
		return ms_fail(err, MS_ERR_EXPIRED, "%s: expired %ju s ago", x->kind, (uintmax_t)(x->now_s - c->expires_s));
	return MS_OK;
}

enum ms_rc
ms_statement_check(const struct ms_statement_raw *raw, const struct ms_statement_expect *x, struct ms_statement *ret, struct ms_err *err)
{
	const struct claims *c = &raw->claims;
	enum ms_rc rc = check_scope(raw, x, err);
	if (rc == MS_OK)
		rc = check_time(c, x, err);
	if (rc != MS_OK)
		return rc;
	if (c->epoch < x->min_epoch)
		return ms_fail(err, MS_ERR_REPLAY, "%s: epoch %ju, at least %ju", x->kind, (uintmax_t)c->epoch, (uintmax_t)x->min_epoch);
	*ret = (struct ms_statement){
	    .kind = raw->kind,
	    .kid = raw->cose.kid,
	    .audience = c->audience,
	    .tenant = c->tenant,
	    .issued_s = c->issued_s,
	    .expires_s = c->expires_s,
	    .epoch = c->epoch,
	    .body = c->body,
	    .signed_bytes = raw->whole,
	};
	return MS_OK;
}

static enum ms_rc
build_payload(const struct ms_statement_fields *f, struct ms_buf *out, struct ms_err *err)
{
	const struct claims c = {
	    .deployment = ms_span(f->deployment, MS_STATEMENT_DEPLOYMENT_LEN),
	    .audience = ms_span_str(f->audience),
	    .tenant = ms_span_str(f->tenant),
	    .issued_s = f->issued_s,
	    .expires_s = f->expires_s,
	    .epoch = f->epoch,
	    .body = f->body,
	};
	if (check_claims(&c, err) != MS_OK)
		return MS_ERR_USAGE;
	return ms_cbor_build_map(&claims_table, &c, out, err);
}

enum ms_rc
ms_statement_draft_init(struct ms_statement_draft *d, const struct ms_statement_fields *f, struct ms_err *err)
{
	char type[TYPE_MAX];
	ms_buf_init(&d->header, 1024);
	ms_buf_init(&d->payload, MS_COSE_MAX);
	ms_buf_init(&d->tbs, MS_COSE_MAX);
	if (!ms_name_ok(ms_span_str(f->kind), MS_STATEMENT_KIND_MAX))
		return ms_fail(err, MS_ERR_USAGE, "statement: its kind is not a name");
	memcpy(type, MS_STATEMENT_PREFIX, sizeof MS_STATEMENT_PREFIX);
	memcpy(type + sizeof MS_STATEMENT_PREFIX - 1, f->kind, strlen(f->kind) + 1);
	enum ms_rc rc = ms_cose_build_header(f->alg, f->kid, ms_span_str(type), &d->header, err);
	if (rc == MS_OK)
		rc = build_payload(f, &d->payload, err);
	if (rc != MS_OK)
		return rc;
	ms_cose_build_tbs(ms_buf_span(&d->header), ms_span_str(type), ms_buf_span(&d->payload), &d->tbs);
	return ms_buf_check(&d->tbs, err);
}

void
ms_statement_draft_fini(struct ms_statement_draft *d)
{
	ms_buf_fini(&d->header);
	ms_buf_fini(&d->payload);
	ms_buf_fini(&d->tbs);
}

void
ms_statement_draft_finish(const struct ms_statement_draft *d, const uint8_t sig[static MS_COSE_SIG_LEN], struct ms_buf *out)
{
	ms_cose_build(ms_buf_span(&d->header), ms_buf_span(&d->payload), sig, out);
}

enum ms_rc
ms_statement_build(const struct ms_statement_fields *f, ms_statement_sign_fn sign, void *ctx, struct ms_buf *out, struct ms_err *err)
{
	MS_OWN(ms_statement_draft_fini) struct ms_statement_draft d;
	uint8_t sig[MS_COSE_SIG_LEN];
	enum ms_rc rc = ms_statement_draft_init(&d, f, err);
	if (rc == MS_OK)
		rc = sign(ctx, ms_buf_span(&d.tbs), sig, err);
	if (rc != MS_OK)
		return rc;
	ms_statement_draft_finish(&d, sig, out);
	return ms_buf_check(out, err);
}
