#include "support/deployment.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "codec/statement.h"
#include "crypto/cosesig.h"
#include "identity/cert.h"
#include "server/token/generate.h"
#include "support/test.h"

#ifdef MS_SANITIZED
/* SoftHSM leaves a few dozen bytes behind. */
const char *__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
	return "leak:libsofthsm2.so";
}

/* Whole stacks, or the suppression cannot see who allocated. */
const char *__asan_default_options(void);
const char *
__asan_default_options(void)
{
	return "fast_unwind_on_malloc=0";
}
#endif

static int
remove_one(const char *path, MS_UNUSED const struct stat *st, MS_UNUSED int type, MS_UNUSED struct FTW *f)
{
	return remove(path);
}

void
remove_tree(const char *path)
{
	(void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void
write_text(const char *path, const char *text)
{
	struct ms_err err;
	CHECK_OK(ms_io_write_file(path, 0600, ms_span_str(text), &err), &err);
}

static void
owner_init(struct test_owner *o, const struct test_deployment *d, const char *name)
{
	char text[512], tokens[200];
	(void)snprintf(o->dir, sizeof o->dir, "%s/%s", d->dir, name);
	CHECK(mkdir(o->dir, 0700) == 0);
	(void)snprintf(o->pin_file, sizeof o->pin_file, "%s/%s.pin", d->dir, name);
	(void)snprintf(o->passphrase_file, sizeof o->passphrase_file, "%s/%s.passphrase", d->dir, name);
	(void)snprintf(o->keyfile, sizeof o->keyfile, "%s/%s.keys", d->dir, name);
	(void)snprintf(o->conf, sizeof o->conf, "%s/%s.conf", d->dir, name);
	(void)snprintf(o->uri, sizeof o->uri, "pkcs11:token=test-%s", name);
	(void)snprintf(tokens, sizeof tokens, "%s/tokens", o->dir);
	CHECK(mkdir(tokens, 0700) == 0);
	write_text(o->pin_file, "test-pin-1234\n");
	write_text(o->passphrase_file, "a test passphrase\n");
	(void)snprintf(text, sizeof text, "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n", tokens);
	write_text(o->conf, text);
	if (d->softhsm)
		o->config =
		    (struct ms_token_config){.uri = o->uri, .module = SOFTHSM_MODULE, .module_conf = o->conf, .pin_file = o->pin_file};
	else
		o->config = (struct ms_token_config){.keyfile = o->keyfile, .passphrase_file = o->passphrase_file};
}

/* Points of keeper's keys, and the log's verifier key, as they come out of the tokens. */
struct publics {
	uint8_t issuing[MS_POINT_LEN], release[MS_POINT_LEN], intake[MS_POINT_LEN], token[MS_POINT_LEN];
	char vkey[MS_VKEY_TEXT_MAX + 1];
};

static void
copy_point(const struct ms_token *t, unsigned slot, uint8_t ret[static MS_POINT_LEN])
{
	const struct ms_pubkey *k = ms_token_public(t, slot);
	CHECK(k != NULL);
	memcpy(ret, ms_pubkey_point(k).p, MS_POINT_LEN);
}

static void
make_keys(struct test_deployment *d, struct publics *p)
{
	struct ms_err err;
	struct ms_token *t = NULL;
	struct ms_buf text;
	CHECK_OK(ms_token_generate(&d->keeper.config, MS_SLOTS_KEEPER, &t, &err), &err);
	copy_point(t, MS_SLOT_CA_ISSUING, p->issuing);
	copy_point(t, MS_SLOT_RELEASE, p->release);
	copy_point(t, MS_SLOT_INTAKE, p->intake);
	copy_point(t, MS_SLOT_TOKEN, p->token);
	ms_token_free(t);
	t = NULL;
	CHECK_OK(ms_token_generate(&d->notary.config, MS_SLOTS_NOTARY, &t, &err), &err);
	CHECK_OK(ms_vkey_new("muster.test/log", ms_pubkey_point(ms_token_public(t, MS_SLOT_LOG)).p, &d->vkey, &err), &err);
	ms_token_free(t);
	ms_buf_init(&text, MS_VKEY_TEXT_MAX);
	ms_vkey_build(d->vkey, &text);
	CHECK(!text.bad);
	memcpy(p->vkey, text.p, text.len);
	p->vkey[text.len] = '\0';
	ms_buf_fini(&text);
}

static void
put_operator(struct ms_buf *b, const char *name, const struct ms_softkey *k, const char *role, const char *tenant)
{
	struct ms_err err;
	const struct ms_root_operator o = {.name = ms_span_str(name),
	    .point = ms_pubkey_point(ms_softkey_public(k)),
	    .role = ms_span_str(role),
	    .tenant = ms_span_str(tenant)};
	CHECK_OK(ms_cbor_build_map(&ms_root_operator_table, &o, b, &err), &err);
}

static void
make_operators(struct test_deployment *d, struct ms_buf *out)
{
	struct ms_err err;
	CHECK_OK(ms_softkey_generate(MS_KEY_P256, &d->admin, &err), &err);
	CHECK_OK(ms_softkey_generate(MS_KEY_P256, &d->factory, &err), &err);
	CHECK_OK(ms_softkey_generate(MS_KEY_P256, &d->other_admin, &err), &err);
	ms_cbor_array(out, 3);
	put_operator(out, "first", d->admin, "admin", "*");
	put_operator(out, "line 1", d->factory, "factory", TEST_TENANT);
	put_operator(out, "neighbour", d->other_admin, "admin", "other");
}

static void
make_certs(struct ms_signer *ca, const struct publics *p, struct ms_buf *root_der, struct ms_buf *issuing_der)
{
	struct ms_err err;
	struct ms_cert root;
	uint8_t serial[16];
	uint64_t now = ms_clock_wall_s();
	struct ms_cert_params c = {.profile = MS_CERT_ROOT,
	    .serial = ms_span(serial, sizeof serial),
	    .point = ms_pubkey_point(ca->pub).p,
	    .not_before_s = now - 3600,
	    .not_after_s = now + UINT64_C(365) * 86400,
	    .deployment = ms_span_str("test")};
	CHECK_OK(ms_random(serial, sizeof serial, &err), &err);
	CHECK_OK(ms_cert_issue(ca, &c, root_der, &err), &err);
	CHECK_OK(ms_cert_parse_min(ms_buf_span(root_der), &root, &err), &err);
	serial[15] ^= 1;
	c.profile = MS_CERT_ISSUING;
	c.point = p->issuing;
	c.issuer = &root;
	c.not_after_s = now + UINT64_C(200) * 86400;
	CHECK_OK(ms_cert_issue(ca, &c, issuing_der, &err), &err);
}

static void
make_root(struct test_deployment *d, const struct publics *p, struct ms_signer *ca)
{
	struct ms_err err;
	struct ms_buf root_der, issuing_der, operators, body, wire;
	uint8_t id[16];
	uint64_t now = ms_clock_wall_s();
	ms_buf_init(&root_der, MS_CERT_MAX);
	ms_buf_init(&issuing_der, MS_CERT_MAX);
	ms_buf_init(&operators, 4096);
	ms_buf_init(&body, 65536);
	ms_buf_init(&wire, 65536);
	make_certs(ca, p, &root_der, &issuing_der);
	make_operators(d, &operators);
	const struct ms_root_body b = {.version = 1,
	    .name = ms_span_str("test"),
	    .trust_domain = ms_span_str(TEST_TRUST_DOMAIN),
	    .ca_root = ms_buf_span(&root_der),
	    .ca_issuing = ms_buf_span(&issuing_der),
	    .release_point = ms_span(p->release, MS_POINT_LEN),
	    .intake_point = ms_span(p->intake, MS_POINT_LEN),
	    .token_point = ms_span(p->token, MS_POINT_LEN),
	    .log_vkey = ms_span_str(p->vkey),
	    .operators = ms_buf_span(&operators),
	    .created_s = now};
	CHECK_OK(ms_random(id, sizeof id, &err), &err);
	CHECK_OK(ms_cbor_build_map(&ms_root_body_table, &b, &body, &err), &err);
	const struct ms_statement_fields f = {.kind = "root",
	    .deployment = id,
	    .audience = "all",
	    .tenant = "*",
	    .issued_s = now,
	    .expires_s = now + UINT64_C(365) * 86400,
	    .epoch = 1,
	    .body = ms_buf_span(&body)};
	CHECK_OK(ms_statement_sign(ca, &f, &wire, &err), &err);
	CHECK_OK(ms_io_write_file(d->root_file, 0644, ms_buf_span(&wire), &err), &err);
	CHECK_OK(ms_root_load(ms_buf_span(&wire), NULL, &d->root, &err), &err);
	ms_buf_fini(&root_der);
	ms_buf_fini(&issuing_der);
	ms_buf_fini(&operators);
	ms_buf_fini(&body);
	ms_buf_fini(&wire);
}

/* Directories of deployments that no one ended: removed at exit, by the process that made them. */
#define MADE_MAX 32u
static char made[MADE_MAX][32];
static size_t n_made;
static pid_t maker;

static void
remove_made(void)
{
	for (size_t i = 0; i < n_made && getpid() == maker; i++)
		remove_tree(made[i]);
}

static void
make_dir(char *dir, size_t cap)
{
	(void)snprintf(dir, cap, "/tmp/muster-test-XXXXXX");
	CHECK(mkdtemp(dir) != NULL && n_made < MADE_MAX);
	maker = getpid();
	if (n_made == 0)
		CHECK(atexit(remove_made) == 0);
	(void)snprintf(made[n_made++], sizeof made[0], "%.31s", dir);
}

void
deployment_new(struct test_deployment *d, bool softhsm)
{
	struct ms_err err;
	struct publics p;
	struct ms_token *t = NULL;
	memset(d, 0, sizeof *d);
	d->softhsm = softhsm;
	make_dir(d->dir, sizeof d->dir);
	(void)snprintf(d->public_dir, sizeof d->public_dir, "%s/deployment", d->dir);
	(void)snprintf(d->root_file, sizeof d->root_file, "%s/root.cbor", d->public_dir);
	CHECK(mkdir(d->public_dir, 0755) == 0);
	owner_init(&d->keeper, d, "token-keeper");
	owner_init(&d->notary, d, "token-notary");
	owner_init(&d->ca, d, "ca");
	make_keys(d, &p);
	CHECK_OK(ms_token_generate(&d->ca.config, MS_SLOTS_ROOT, &t, &err), &err);
	struct ms_signer ca = ms_token_signer(t, MS_SLOT_CA_ROOT);
	make_root(d, &p, &ca);
	ms_token_free(t);
}

void
deployment_fini(struct test_deployment *d)
{
	ms_root_free(d->root);
	ms_vkey_free(d->vkey);
	ms_softkey_free(d->admin);
	ms_softkey_free(d->factory);
	ms_softkey_free(d->other_admin);
	remove_tree(d->dir);
}

void
deployment_start_token(const struct test_deployment *d, const struct test_owner *o, struct roleproc *p, int *ret_fd)
{
	const struct role_pair key_pairs[] = {
	    {.key = "keyfile", .text = o->keyfile}, {.key = "passphrase_file", .text = o->passphrase_file}};
	const struct role_pair hsm_pairs[] = {{.key = "uri", .text = o->uri}, {.key = "module", .text = SOFTHSM_MODULE},
	    {.key = "module_conf", .text = o->conf}, {.key = "pin_file", .text = o->pin_file}};
	struct role_pair pairs[8] = {{.key = "state_dir", .text = o->dir}, {.key = "deployment_dir", .text = d->public_dir}};
	size_t n = d->softhsm ? 4 : 2;
	int pair[2];
	memcpy(pairs + 2, d->softhsm ? hsm_pairs : key_pairs, n * sizeof *pairs);
	socket_pair(pair);
	roleproc_start(p, MS_PROGRAM_TOKEN, o == &d->keeper ? "token-keeper" : "token-notary", pairs, n + 2, &pair[1], 1);
	*ret_fd = pair[0];
}
