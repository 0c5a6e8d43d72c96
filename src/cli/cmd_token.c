/* token verify: an attestation result, as a relying party looks at it, from files alone. root jwks: the keys for that. */
#include <string.h>

#include "base/clock.h"
#include "cli/remote.h"
#include "cli/token_keys.h"

/* ---- keys ---- */

enum ms_rc
ms_root_jwks(const struct ms_root *root, struct ms_buf *out, struct ms_err *err)
{
	const struct ms_pubkey *const keys[] = {root->token};
	return ms_jwks_build(keys, 1, out, err);
}

/* --root FILE, else that of --deployment. */
static enum ms_rc
find_root(struct ms_cli *c, struct ms_root **ret, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf file = {0};
	const char *path = ms_cli_option(c, "root");
	if (path == NULL)
		return ms_cli_root(c, ret, err);
	ms_buf_init(&file, MS_ROOT_MAX);
	enum ms_rc rc = ms_cli_read_file(path, MS_ROOT_MAX, &file, err);
	return rc == MS_OK ? ms_root_load(ms_buf_span(&file), NULL, ret, err) : rc;
}

static enum ms_rc
find_keys(struct ms_cli *c, struct ms_jws_keys **ret, struct ms_err *err)
{
	MS_OWN(ms_root_free) struct ms_root *root = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf set = {0};
	const char *path = ms_cli_option(c, "jwks");
	if (path != NULL && ms_cli_option(c, "root") != NULL)
		return ms_fail(err, MS_ERR_USAGE, "--jwks or --root: one of them");
	ms_buf_init(&set, MS_JWKS_MAX);
	enum ms_rc rc = path == NULL ? find_root(c, &root, err) : ms_cli_read_file(path, MS_JWKS_MAX, &set, err);
	if (rc == MS_OK && path == NULL)
		rc = ms_root_jwks(root, &set, err);
	if (rc != MS_OK)
		return rc;
	rc = ms_jws_keys_load(ms_buf_span(&set), ret, err);
	/* a key set that cannot be used is the person's input, and no verdict about the token */
	return rc == MS_OK || rc == MS_ERR_NOMEM ? rc : ms_fail(err, MS_ERR_USAGE, "%s: %s", path != NULL ? path : "root", err->text);
}

/* ---- what it says ---- */

static json_t *
claim_json(unsigned category, int n)
{
	return json_pack(
	    "{s:i, s:s, s:s}", "value", n, "tier", ms_ear_tier_name(ms_ear_tier_of(n)), "meaning", ms_ear_claim_text(category, n));
}

static json_t *
submod_json(const json_t *m)
{
	static const struct {
		const char *claim, *key;
	} more[] = {{"ear_status", "status"}, {"ear_appraisal_policy_ids", "policies"}, {"ear_attester_claims", "attester_claims"},
	    {"ear_verifier_claims", "verifier_claims"}};
	const json_t *vector = json_object_get(m, "ear_trustworthiness_vector");
	json_t *out = json_object(), *trust = json_object();
	for (unsigned i = 0; i < MS_EAR_CATEGORIES; i++) {
		const json_t *claim = json_object_get(vector, ms_ear_category_name(i));
		if (claim != NULL)
			(void)json_object_set_new(trust, ms_ear_category_name(i), claim_json(i, (int)json_integer_value(claim)));
	}
	(void)json_object_set_new(out, "trust", trust);
	for (size_t i = 0; i < sizeof more / sizeof *more; i++)
		if (json_object_get(m, more[i].claim) != NULL)
			(void)json_object_set(out, more[i].key, json_object_get(m, more[i].claim));
	return out;
}

/* One line a fact; with several attesters each line says whose. */
static void
report_submod(struct ms_report *r, const char *whose, const json_t *m)
{
	char key[160];
	const char *name;
	json_t *v;
	const json_t *vector = json_object_get(m, "ear_trustworthiness_vector");
	for (unsigned i = 0; i < MS_EAR_CATEGORIES; i++) {
		const json_t *claim = json_object_get(vector, ms_ear_category_name(i));
		int n = (int)json_integer_value(claim);
		(void)snprintf(key, sizeof key, "%.60s%s", whose, ms_ear_category_name(i));
		if (claim != NULL)
			ms_report_text(r, key, "%-15s  %s (%d)", ms_ear_tier_name(ms_ear_tier_of(n)), ms_ear_claim_text(i, n), n);
	}
	if (json_object_get(m, "ear_appraisal_policy_ids") != NULL) {
		(void)snprintf(key, sizeof key, "%.60spolicy", whose);
		ms_report_put(r, key, json_incref(json_object_get(m, "ear_appraisal_policy_ids")));
	}
	json_object_foreach(json_object_get(m, "ear_verifier_claims"), name, v)
	{
		const char *shown = strncmp(name, "muster_", 7) == 0 ? name + 7 : name;
		(void)snprintf(key, sizeof key, "%.60s%.60s", whose, shown);
		if (json_is_string(v) || json_is_integer(v))
			ms_report_put(r, key, json_incref(v));
	}
}

void
ms_report_result(struct ms_cli *c, struct ms_report *r, const struct ms_ear_read *e)
{
	static const struct {
		const char *claim, *key;
	} texts[] = {{"sub", "subject"}, {"iss", "issuer"}, {"aud", "audience"}, {"eat_nonce", "nonce"}};
	const char *name;
	char whose[80];
	json_t *m, *attesters = json_object();
	ms_report_text(r, "status", "%s", ms_ear_tier_name(e->status));
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		json_t *v = json_object_get(e->claims, texts[i].claim);
		if (v != NULL)
			ms_report_put(r, texts[i].key, json_incref(v));
	}
	ms_report_uint(r, "issued_s", e->issued_s);
	ms_report_uint(r, "expires_s", e->expires_s);
	json_object_foreach(json_object_get(e->claims, "submods"), name, m)
	{
		(void)snprintf(whose, sizeof whose, "%.60s ", name);
		if (c->json)
			(void)json_object_set_new(attesters, name, submod_json(m));
		else
			report_submod(r, e->n_submods > 1 ? whose : "", m);
	}
	if (c->json)
		ms_report_put(r, "attesters", attesters);
	else
		json_decref(attesters);
}

/* The audience is whatever the token names: it is not for us. */
enum ms_rc
ms_root_check_result(const struct ms_root *root, struct ms_span token, const char *device, struct ms_ear_read *ret, struct ms_err *err)
{
	MS_OWN(ms_jws_keys_free) struct ms_jws_keys *keys = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf set = {0};
	MS_OWN(ms_buf_fini) struct ms_buf payload = {0};
	MS_OWN(ms_json_free) json_t *claims = NULL;
	MS_OWN(ms_ear_read_fini) struct ms_ear_read r = {.claims = NULL};
	ms_buf_init(&set, MS_JWKS_MAX);
	ms_buf_init(&payload, MS_JWS_PAYLOAD_MAX);
	enum ms_rc rc = ms_root_jwks(root, &set, err);
	if (rc == MS_OK)
		rc = ms_jws_keys_load(ms_buf_span(&set), &keys, err);
	if (rc == MS_OK)
		rc = ms_jws_verify(keys, token, NULL, &payload, NULL, err);
	if (rc == MS_OK)
		rc = ms_json_parse(ms_buf_span(&payload), MS_JWS_PAYLOAD_MAX, &claims, err);
	if (rc != MS_OK)
		return rc;
	const struct ms_ear_expect x = {.now_s = ms_clock_wall_s(), .audience = json_string_value(json_object_get(claims, "aud"))};
	rc = ms_ear_verify(keys, token, &x, &r, NULL, err);
	if (rc != MS_OK)
		return rc;
	const json_t *submod = json_object_get(json_object_get(r.claims, "submods"), MS_EAR_SUBMOD);
	const char *of = json_string_value(json_object_get(json_object_get(submod, "ear_verifier_claims"), "muster_device"));
	if (of == NULL || strcmp(of, device) != 0)
		return ms_fail(err, MS_ERR_AUTH, "the server's answer is about another device");
	*ret = r;
	r.claims = NULL;
	return MS_OK;
}

/* ---- token verify ---- */

/* White space around a token in a file is an editor's. */
static struct ms_span
trimmed(struct ms_span s)
{
	while (s.len > 0 && strchr(" \t\r\n", s.p[s.len - 1]) != NULL)
		s.len--;
	while (s.len > 0 && strchr(" \t\r\n", s.p[0]) != NULL)
		s = ms_span(s.p + 1, s.len - 1);
	return s;
}

static enum ms_rc
conclude(struct ms_cli *c, struct ms_report *r, const struct ms_ear_read *e, struct ms_err *err)
{
	char headline[256], until[MS_CLOCK_TEXT_LEN];
	bool enough = e->status == MS_EAR_AFFIRMING || (e->status == MS_EAR_WARNING && ms_cli_option(c, "accept-warning") != NULL);
	ms_clock_text(e->expires_s, until);
	ms_report_result(c, r, e);
	(void)snprintf(headline, sizeof headline, "%s attestation result, valid until %s", ms_ear_tier_name(e->status), until);
	if (enough)
		return ms_report_accept(c, r, headline, err);
	return ms_report_refuse(c, r, ms_ear_tier_name(e->status), "the token is genuine, and its status is not affirming", err);
}

static enum ms_rc
load(struct ms_cli *c, struct ms_buf *file, uint8_t nonce[static MS_EAR_NONCE_MAX], struct ms_ear_expect *x, struct ms_err *err)
{
	size_t nonce_len = 0;
	enum ms_rc rc = ms_cli_read_file(c->arg[0], file->max, file, err);
	if (rc == MS_OK)
		rc = ms_cli_time(c, "time", &x->now_s, err);
	if (rc == MS_OK && ms_cli_option(c, "nonce") != NULL)
		rc = ms_cli_hex(c, "nonce", nonce, MS_EAR_NONCE_MAX, &nonce_len, err);
	if (rc == MS_OK && ms_cli_option(c, "nonce") != NULL && nonce_len < MS_EAR_NONCE_MIN)
		rc = ms_fail(err, MS_ERR_USAGE, "--nonce: %u to %u bytes in hex", MS_EAR_NONCE_MIN, MS_EAR_NONCE_MAX);
	x->nonce = ms_span(nonce, nonce_len);
	x->audience = ms_cli_option(c, "audience");
	return rc;
}

static enum ms_rc
run_verify(struct ms_cli *c, struct ms_err *err)
{
	uint8_t nonce[MS_EAR_NONCE_MAX];
	struct ms_ear_expect x;
	enum ms_token_reason why = MS_TOKEN_OK;
	MS_OWN(ms_buf_fini) struct ms_buf file = {0};
	MS_OWN(ms_jws_keys_free) struct ms_jws_keys *keys = NULL;
	MS_OWN(ms_ear_read_fini) struct ms_ear_read e = {.claims = NULL};
	MS_OWN(ms_report_fini) struct ms_report r = {NULL};
	ms_buf_init(&file, 2 * MS_JWS_MAX);
	enum ms_rc rc = load(c, &file, nonce, &x, err);
	if (rc == MS_OK)
		rc = find_keys(c, &keys, err);
	if (rc == MS_OK)
		rc = ms_report_init(&r, err);
	if (rc != MS_OK)
		return rc;
	rc = ms_ear_verify(keys, trimmed(ms_buf_span(&file)), &x, &e, &why, err);
	if (rc != MS_OK && (why == MS_TOKEN_OK || why == MS_TOKEN_MALFORMED || why == MS_TOKEN_TOO_BIG))
		return rc == MS_ERR_NOMEM ? rc : ms_fail(err, MS_ERR_MALFORMED, "%s: %s", c->arg[0], err->text);
	if (rc != MS_OK)
		return ms_report_refuse(c, &r, ms_token_reason_name(why), err->text, err);
	return conclude(c, &r, &e, err);
}

/* ---- root jwks ---- */

static enum ms_rc
run_jwks(struct ms_cli *c, struct ms_err *err)
{
	MS_OWN(ms_root_free) struct ms_root *root = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf set = {0};
	const char *out = ms_cli_option(c, "out");
	ms_buf_init(&set, MS_JWKS_MAX);
	enum ms_rc rc = find_root(c, &root, err);
	if (rc == MS_OK)
		rc = ms_root_jwks(root, &set, err);
	ms_buf_u8(&set, '\n');
	if (rc == MS_OK)
		rc = ms_buf_check(&set, err);
	if (rc != MS_OK)
		return rc;
	if (out == NULL)
		return fwrite(set.p, 1, set.len, c->out) == set.len ? MS_OK : ms_fail(err, MS_ERR_IO, "standard output");
	rc = ms_cli_write_file(out, 0644, ms_buf_span(&set), err);
	return rc == MS_OK ? ms_out_done(c, NULL, "%s: the keys that sign attestation results", out) : rc;
}

#define ROOT_OPTION \
	{ \
		"root", "FILE", "the deployment root to take the keys from (default: that of --deployment)" \
	}
static const struct ms_cli_option verify_options[] = {{"jwks", "FILE", "the key set, as GET /v1/jwks serves it"}, ROOT_OPTION,
    {"nonce", "HEX", "the nonce that the token must have: 8 to 64 bytes"}, {"audience", "TEXT", "who we are: the token must name us"},
    {"time", "TIME", "judge as at this time, as in 2026-12-31T00:00:00Z (default: now)"},
    {"accept-warning", NULL, "take a status of warning too: something is waived"}, {NULL, NULL, NULL}};
static const struct ms_cli_option jwks_options[] = {ROOT_OPTION, {"out", "FILE", "write it to a new file"}, {NULL, NULL, NULL}};

const struct ms_command ms_commands_token[] = {
    {.noun = "token",
	.verb = "verify",
	.run = run_verify,
	.help = "check an attestation result that a device carries, and show what it says (offline)",
	.args = "FILE",
	.min_args = 1,
	.max_args = 1,
	.options = verify_options,
	.example = "muster token verify result.jwt --jwks jwks.json --nonce 8f0c41d2a97be653 --audience https://gate.example"},
    {.noun = "root",
	.verb = "jwks",
	.run = run_jwks,
	.help = "print the keys that sign attestation results, from the deployment root (offline)",
	.args = "",
	.options = jwks_options,
	.example = "muster root jwks --root root.cbor --out jwks.json"},
    {.noun = NULL},
};
