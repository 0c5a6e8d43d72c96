/* The root carries the key it verifies with: what makes it trusted is its hash. Inside, everything is checked to fit
 * together once, here, so that no one who uses a root meets a half-right one. */
#include "proto/root.h"

#include <stdlib.h>
#include <string.h>

#include "audit/note.h"
#include "base/clock.h"
#include "codec/statement_int.h"
#include "crypto/cosesig.h"
#include "identity/cert.h"

#define SKEW_S 300u

void
ms_root_free(struct ms_root *r)
{
	if (r == NULL)
		return;
	ms_pubkey_free(r->release);
	ms_pubkey_free(r->intake);
	ms_pubkey_free(r->token);
	for (size_t i = 0; i < r->n_operators; i++)
		ms_pubkey_free(r->operators[i].key);
	free(r->mem);
	free(r);
}

static void
copy_text(char *out, struct ms_span s)
{
	if (s.len > 0)
		memcpy(out, s.p, s.len);
	out[s.len] = '\0';
}

/* The roles there are, and what each may ask for; NULL: everything. */
static const char *const factory[] = {"batch.import", "batch.list", "status", NULL};
static const char *const reader[] = {"device.result", "status", NULL};
static const struct {
	const char *name;
	const char *const *may;
} roles[] = {{"admin", NULL}, {"factory", factory}, {"reader", reader}};

static bool
role_known(struct ms_span role)
{
	for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
		if (ms_span_eq(role, ms_span_str(roles[i].name)))
			return true;
	return false;
}

static enum ms_rc
take_operator(struct ms_root *r, struct ms_span item, struct ms_err *err)
{
	struct ms_root_operator o;
	enum ms_rc rc = ms_cbor_parse_map(&ms_root_operator_table, item, &o, err);
	if (rc != MS_OK)
		return rc;
	if (!role_known(o.role))
		return ms_fail(err, MS_ERR_UNSUPPORTED, "operator: a role is admin, factory or reader");
	if (!ms_span_eq(o.tenant, ms_span_str("*")) && !ms_name_ok(o.tenant, 64))
		return ms_fail(err, MS_ERR_MALFORMED, "operator: tenant");
	struct ms_operator_key *k = &r->operators[r->n_operators];
	rc = ms_pubkey_from_point(o.point.p, &k->key, err);
	if (rc != MS_OK)
		return rc;
	copy_text(k->name, o.name);
	copy_text(k->role, o.role);
	copy_text(k->tenant, o.tenant);
	r->n_operators++;
	return MS_OK;
}

static enum ms_rc
take_operators(struct ms_root *r, struct ms_err *err)
{
	struct ms_cbor c = ms_cbor_over(r->body.operators);
	size_t n = ms_cbor_read_array(&c);
	if (n > MS_ROOT_OPERATORS_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "%zu operators", n);
	for (; n > 0; n--) {
		enum ms_rc rc = take_operator(r, ms_cbor_read_raw(&c), err);
		if (rc != MS_OK)
			return rc;
	}
	return ms_cbor_done(&c) ? MS_OK : ms_fail(err, MS_ERR_MALFORMED, "operators");
}

/* The two CA certificates, and that the issuing one is the root's. */
static enum ms_rc
check_certs(const struct ms_root_body *b, struct ms_cert *ca, struct ms_cert *issuing, struct ms_err *err)
{
	enum ms_rc rc = ms_cert_parse_min(b->ca_root, ca, err);
	if (rc == MS_OK)
		rc = ms_cert_parse_min(b->ca_issuing, issuing, err);
	if (rc != MS_OK)
		return rc;
	if (ca->profile != MS_CERT_ROOT || issuing->profile != MS_CERT_ISSUING)
		return ms_fail(err, MS_ERR_AUTH, "its certificates are not a CA root's and an issuing CA's");
	rc = ms_cert_verify(ca, ca, 0, err);
	return rc == MS_OK ? ms_cert_verify(issuing, ca, 0, err) : rc;
}

/* I16: one key, one purpose. */
static enum ms_rc
check_apart(const struct ms_root *r, const struct ms_cert *ca, const struct ms_cert *issuing, struct ms_err *err)
{
	const struct ms_span points[] = {ca->point, issuing->point, r->body.release_point, r->body.intake_point, r->body.token_point};
	for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
		for (size_t j = 0; j < i; j++)
			if (ms_span_eq(points[i], points[j]))
				return ms_fail(err, MS_ERR_AUTH, "one key in two roles");
		for (size_t j = 0; j < r->n_operators; j++)
			if (ms_span_eq(points[i], ms_pubkey_point(r->operators[j].key)))
				return ms_fail(err, MS_ERR_AUTH, "a key of the server is an operator's");
	}
	return MS_OK;
}

static enum ms_rc
verify(struct ms_root *r, struct ms_err *err)
{
	MS_OWN(ms_statement_raw_free) struct ms_statement_raw *raw = NULL;
	MS_OWN(ms_pubkey_free) struct ms_pubkey *key = NULL;
	struct ms_cert ca, issuing;
	struct ms_statement st;
	struct ms_root_body body;
	enum ms_rc rc = ms_statement_parse(r->wire, &raw, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_root_body_table, ms_statement_unproven_body(raw), &body, err);
	if (rc == MS_OK)
		rc = check_certs(&body, &ca, &issuing, err);
	if (rc == MS_OK)
		rc = ms_pubkey_from_point(ca.point.p, &key, err);
	if (rc != MS_OK)
		return rc;
	memcpy(r->deployment, ms_statement_unproven_deployment(raw).p, sizeof r->deployment);
	const struct ms_statement_expect x = {
	    .kind = "root", .deployment = r->deployment, .audience = "all", .tenant = "*", .now_s = ms_clock_wall_s(), .skew_s = SKEW_S};
	rc = ms_statement_verify_raw(raw, key, &x, &st, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_root_body_table, st.body, &r->body, err);
	if (rc == MS_OK && r->body.version != st.epoch)
		rc = ms_fail(err, MS_ERR_MALFORMED, "its version is not its epoch");
	if (rc == MS_OK)
		rc = ms_pubkey_from_point(r->body.release_point.p, &r->release, err);
	if (rc == MS_OK)
		rc = ms_pubkey_from_point(r->body.intake_point.p, &r->intake, err);
	if (rc == MS_OK)
		rc = ms_pubkey_from_point(r->body.token_point.p, &r->token, err);
	if (rc == MS_OK)
		rc = take_operators(r, err);
	return rc == MS_OK ? check_apart(r, &ca, &issuing, err) : rc;
}

static enum ms_rc
check_log(const struct ms_root *r, struct ms_err *err)
{
	MS_OWN(ms_vkey_free) struct ms_vkey *v = NULL;
	return ms_vkey_parse(r->body.log_vkey, &v, err);
}

enum ms_rc
ms_root_load(struct ms_span wire, const uint8_t *pin, struct ms_root **ret, struct ms_err *err)
{
	if (wire.len > MS_ROOT_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "deployment root: %zu bytes", wire.len);
	MS_OWN(ms_root_free) struct ms_root *r = calloc(1, sizeof *r);
	if (r == NULL || ms_bytes_dup(wire, &r->mem) != MS_OK)
		return ms_fail(err, MS_ERR_NOMEM, "deployment root");
	r->wire = ms_span(r->mem, wire.len);
	ms_sha256(r->wire, r->hash);
	if (pin != NULL && !ms_ct_eq(pin, r->hash, sizeof r->hash))
		return ms_fail(err, MS_ERR_AUTH, "deployment root: not the one that is pinned");
	enum ms_rc rc = verify(r, err);
	if (rc == MS_OK)
		rc = check_log(r, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "deployment root");
	*ret = r;
	r = NULL;
	return MS_OK;
}

const struct ms_operator_key *
ms_root_operator(const struct ms_root *r, struct ms_span kid, struct ms_span tenant)
{
	for (size_t i = 0; i < r->n_operators; i++) {
		const struct ms_operator_key *o = &r->operators[i];
		if (!ms_span_eq(kid, ms_span(ms_pubkey_id(o->key), MS_KEY_ID_LEN)))
			continue;
		if (strcmp(o->tenant, "*") == 0 || ms_span_eq(tenant, ms_span_str(o->tenant)))
			return o;
	}
	return NULL;
}

bool
ms_role_may(const char *role, struct ms_span operation)
{
	for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
		if (strcmp(role, roles[i].name) != 0)
			continue;
		for (const char *const *may = roles[i].may; may != NULL && *may != NULL; may++)
			if (ms_span_eq(operation, ms_span_str(*may)))
				return true;
		return roles[i].may == NULL;
	}
	return false;
}
