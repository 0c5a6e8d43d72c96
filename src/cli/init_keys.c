/* The keys of a deployment. Keeper's and notary's are born in their tokens or key files; the CA root's in one that is
 * meant to be taken away. */
#include <string.h>
#include <sys/stat.h>

#include "audit/note.h"
#include "base/clock.h"
#include "base/io.h"
#include "cli/init.h"
#include "crypto/cosesig.h"
#include "crypto/scryptbox.h"
#include "identity/cert.h"

#define ROOT_LIFE_S MS_CERT_ROOT_LIFE_S
#define BACKDATE_S 600u

struct place {
	const char *dir;   /* below the deployment's */
	const char *token; /* label */
	uint32_t slots;
};
static const struct place places[] = {{"state/token-keeper", "muster-keeper", MS_SLOTS_KEEPER},
    {"state/token-notary", "muster-notary", MS_SLOTS_NOTARY}, {"offline", "muster-root", MS_SLOTS_ROOT}};

struct token_files {
	char uri[64], conf[MS_CLI_PATH_MAX], pin[MS_CLI_PATH_MAX], keyfile[MS_CLI_PATH_MAX], tokens[MS_CLI_PATH_MAX];
};

static enum ms_rc
softhsm_files(struct ms_init *in, const struct place *p, struct token_files *f, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf conf = {0};
	ms_buf_init(&conf, 4096);
	enum ms_rc rc = ms_init_path(in, f->conf, err, "%s/softhsm2.conf", p->dir);
	if (rc == MS_OK)
		rc = ms_init_path(in, f->tokens, err, "%s/tokens", p->dir);
	if (rc == MS_OK)
		rc = ms_io_mkdir(f->tokens, 0700, err);
	ms_buf_fmt(&conf, "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n", f->tokens);
	if (rc == MS_OK)
		rc = ms_buf_check(&conf, err);
	return rc == MS_OK ? ms_io_create_file(f->conf, 0600, ms_buf_span(&conf), err) : rc;
}

static enum ms_rc
make_token(struct ms_init *in, const struct place *p, struct ms_token **ret, struct ms_err *err)
{
	struct token_files f;
	struct ms_token_config cfg = {0};
	bool tpm = in->tcti != NULL && p->slots != MS_SLOTS_ROOT; /* the root is taken away from this machine */
	(void)snprintf(f.uri, sizeof f.uri, "pkcs11:token=%s", p->token);
	enum ms_rc rc = ms_init_path(in, f.pin, err, "%s/%s", p->dir, in->softhsm ? "pin" : "passphrase");
	if (rc == MS_OK)
		rc = ms_init_path(in, f.keyfile, err, "%s/keys", p->dir);
	if (rc == MS_OK && !tpm)
		rc = ms_init_random_file(f.pin, NULL, err);
	if (rc == MS_OK && in->softhsm)
		rc = softhsm_files(in, p, &f, err);
	if (rc != MS_OK)
		return rc;
	if (in->softhsm)
		cfg = (struct ms_token_config){.uri = f.uri, .module = in->module, .module_conf = f.conf, .pin_file = f.pin};
	else if (tpm)
		cfg = (struct ms_token_config){
		    .keyfile = f.keyfile, .tcti = in->tcti, .tpm_program = in->tpm_helper, .tpm_pcrs = in->tpm_pcrs};
	else
		cfg = (struct ms_token_config){.keyfile = f.keyfile, .passphrase_file = f.pin};
	rc = ms_token_generate(&cfg, p->slots, ret, err);
	return rc == MS_OK ? rc : ms_prefix(err, rc, "keys of %s", p->token);
}

static enum ms_rc
take_public(const struct ms_token *t, unsigned slot, uint8_t *out, size_t len, struct ms_err *err)
{
	const struct ms_pubkey *k = ms_token_public(t, slot);
	struct ms_span point = k != NULL ? ms_pubkey_point(k) : MS_SPAN_NONE;
	if (point.len != len)
		return ms_fail(err, MS_ERR_INTERNAL, "token: slot %u has no public key", slot);
	memcpy(out, point.p, len);
	return MS_OK;
}

enum ms_rc
ms_init_keys(struct ms_init *in, struct ms_err *err)
{
	MS_OWN(ms_token_free) struct ms_token *keeper = NULL;
	enum ms_rc rc = ms_random(in->deployment, sizeof in->deployment, err);
	if (rc == MS_OK)
		rc = make_token(in, &places[0], &keeper, err);
	if (rc == MS_OK)
		rc = take_public(keeper, MS_SLOT_CA_ISSUING, in->issuing, sizeof in->issuing, err);
	if (rc == MS_OK)
		rc = take_public(keeper, MS_SLOT_RELEASE, in->release, sizeof in->release, err);
	if (rc == MS_OK)
		rc = take_public(keeper, MS_SLOT_INTAKE, in->intake, sizeof in->intake, err);
	if (rc == MS_OK)
		rc = take_public(keeper, MS_SLOT_TOKEN, in->token, sizeof in->token, err);
	if (rc != MS_OK)
		return rc;
	ms_token_free(keeper); /* a module serves one token directory at a time */
	keeper = NULL;
	MS_OWN(ms_token_free) struct ms_token *notary = NULL;
	rc = make_token(in, &places[1], &notary, err);
	return rc == MS_OK ? take_public(notary, MS_SLOT_LOG, in->log, sizeof in->log, err) : rc;
}

enum ms_rc
ms_init_operator(struct ms_init *in, const char *path, const struct ms_secret *pass, struct ms_err *err)
{
	MS_OWN(ms_softkey_free) struct ms_softkey *key = NULL;
	MS_OWN(ms_secret_free) struct ms_secret *raw = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf file = {0};
	ms_buf_init(&file, MS_OPERATOR_KEY_FILE_MAX);
	enum ms_rc rc = ms_softkey_generate(MS_KEY_P256, &key, err);
	if (rc == MS_OK)
		rc = ms_softkey_save(key, &raw, err);
	if (rc == MS_OK)
		rc = ms_scryptbox_seal(MS_OPERATOR_KEY_LABEL, pass, raw, &file, err);
	if (rc == MS_OK)
		rc = ms_io_create_file(path, 0600, ms_buf_span(&file), err);
	if (rc != MS_OK)
		return rc;
	memcpy(in->operator_point[in->n_operators++], ms_pubkey_point(ms_softkey_public(key)).p, MS_POINT_LEN);
	return MS_OK;
}

/* ---- the root ---- */

static enum ms_rc
issue(const struct ms_init *in, const struct ms_signer *ca, const struct ms_cert *issuer, struct ms_buf *out, struct ms_err *err)
{
	uint8_t serial[MS_CERT_SERIAL_MIN];
	enum ms_rc rc = ms_random(serial, sizeof serial, err);
	if (rc != MS_OK)
		return rc;
	serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40);
	uint64_t from = issuer != NULL ? issuer->not_before_s : ms_clock_wall_s() - BACKDATE_S;
	struct ms_cert_params p = {.profile = issuer != NULL ? MS_CERT_ISSUING : MS_CERT_ROOT,
	    .serial = ms_span(serial, sizeof serial),
	    .point = issuer != NULL ? in->issuing : ms_pubkey_point(ca->pub).p,
	    .issuer = issuer,
	    .not_before_s = from,
	    .not_after_s = from + (issuer != NULL ? MS_CERT_ISSUING_LIFE_S : MS_CERT_ROOT_LIFE_S),
	    .deployment = ms_span_str(in->name)};
	return ms_cert_issue(ca, &p, out, err);
}

static enum ms_rc
build_operators(const struct ms_init *in, struct ms_buf *out, struct ms_err *err)
{
	enum ms_rc rc = MS_OK;
	ms_cbor_array(out, in->n_operators);
	for (size_t i = 0; rc == MS_OK && i < in->n_operators; i++) {
		struct ms_root_operator o = {.name = ms_span_str(in->operator_role[i]),
		    .point = ms_span(in->operator_point[i], MS_POINT_LEN),
		    .role = ms_span_str(in->operator_role[i]),
		    .tenant = ms_span_str("*")};
		rc = ms_cbor_build_map(&ms_root_operator_table, &o, out, err);
	}
	return rc;
}

static enum ms_rc
build_vkey(const struct ms_init *in, struct ms_buf *out, struct ms_err *err)
{
	char origin[MS_NOTE_NAME_MAX];
	MS_OWN(ms_vkey_free) struct ms_vkey *v = NULL;
	(void)snprintf(origin, sizeof origin, "%.100s/muster", in->trust_domain);
	enum ms_rc rc = ms_vkey_new(origin, in->log, &v, err);
	if (rc != MS_OK)
		return rc;
	ms_vkey_build(v, out);
	return ms_buf_check(out, err);
}

struct root_parts {
	struct ms_buf ca, issuing, operators, vkey, body;
};

static void
root_parts_fini(struct root_parts *p)
{
	ms_buf_fini(&p->ca);
	ms_buf_fini(&p->issuing);
	ms_buf_fini(&p->operators);
	ms_buf_fini(&p->vkey);
	ms_buf_fini(&p->body);
}
MS_CLEANUP_FINI(struct root_parts, root_parts_fini)

static enum ms_rc
build_root_body(const struct ms_init *in, const struct ms_signer *ca, struct root_parts *p, struct ms_err *err)
{
	struct ms_cert cert;
	ms_buf_init(&p->ca, MS_CERT_MAX);
	ms_buf_init(&p->issuing, MS_CERT_MAX);
	ms_buf_init(&p->operators, 4096);
	ms_buf_init(&p->vkey, 512);
	ms_buf_init(&p->body, 65536);
	enum ms_rc rc = issue(in, ca, NULL, &p->ca, err);
	if (rc == MS_OK)
		rc = ms_cert_parse_min(ms_buf_span(&p->ca), &cert, err);
	if (rc == MS_OK)
		rc = issue(in, ca, &cert, &p->issuing, err);
	if (rc == MS_OK)
		rc = build_operators(in, &p->operators, err);
	if (rc == MS_OK)
		rc = build_vkey(in, &p->vkey, err);
	struct ms_root_body b = {.version = 1,
	    .name = ms_span_str(in->name),
	    .trust_domain = ms_span_str(in->trust_domain),
	    .ca_root = ms_buf_span(&p->ca),
	    .ca_issuing = ms_buf_span(&p->issuing),
	    .release_point = ms_span(in->release, sizeof in->release),
	    .intake_point = ms_span(in->intake, sizeof in->intake),
	    .token_point = ms_span(in->token, sizeof in->token),
	    .log_vkey = ms_buf_span(&p->vkey),
	    .operators = ms_buf_span(&p->operators),
	    .created_s = ms_clock_wall_s()};
	return rc == MS_OK ? ms_cbor_build_map(&ms_root_body_table, &b, &p->body, err) : rc;
}

enum ms_rc
ms_init_root(struct ms_init *in, struct ms_err *err)
{
	MS_OWN(ms_token_free) struct ms_token *t = NULL;
	MS_OWN(ms_root_free) struct ms_root *check = NULL;
	MS_OWN(root_parts_fini) struct root_parts p = {.ca = {0}};
	enum ms_rc rc = make_token(in, &places[2], &t, err);
	if (rc != MS_OK)
		return rc;
	struct ms_signer ca = ms_token_signer(t, MS_SLOT_CA_ROOT);
	rc = build_root_body(in, &ca, &p, err);
	uint64_t now = ms_clock_wall_s();
	struct ms_statement_fields f = {.kind = "root",
	    .deployment = in->deployment,
	    .audience = "all",
	    .tenant = "*",
	    .issued_s = now,
	    .expires_s = now + ROOT_LIFE_S,
	    .epoch = 1,
	    .body = ms_buf_span(&p.body)};
	if (rc == MS_OK)
		rc = ms_statement_sign(&ca, &f, &in->root, err);
	/* what an agent would refuse is refused here */
	return rc == MS_OK ? ms_root_load(ms_buf_span(&in->root), NULL, &check, err) : rc;
}
