/* The token: both backends through one set of checks, and the process by its channel. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <stdio.h>

#include "base/io.h"
#include "crypto/cosesig.h"
#include "ipc/chan.h"
#include "server/token/client.h"
#include "server/token/frames.h"
#include "server/token/generate.h"
#include "server/token/pkcs11_int.h"
#include "support/deployment.h"
#include "support/test.h"

static struct test_deployment with_softhsm, with_keyfile;

static struct test_deployment *
get_deployment(bool softhsm)
{
	struct test_deployment *d = softhsm ? &with_softhsm : &with_keyfile;
	if (d->root == NULL)
		deployment_new(d, softhsm);
	return d;
}

/* ---- as a library ---- */

static void
check_backend(bool softhsm)
{
	struct ms_err err;
	struct test_deployment *d = get_deployment(softhsm);
	MS_OWN(ms_token_free) struct ms_token *t = NULL;
	CHECK_OK(ms_token_prepare(&d->keeper.config, &t, &err), &err);
	CHECK_OK(ms_token_start(t, MS_SLOTS_KEEPER, &err), &err);
	CHECK(ms_token_public(t, MS_SLOT_RELEASE) != NULL && ms_token_public(t, MS_SLOT_WRAP) == NULL);
	CHECK(ms_pubkey_eq(ms_token_public(t, MS_SLOT_RELEASE), d->root->release));
	CHECK(ms_pubkey_eq(ms_token_public(t, MS_SLOT_INTAKE), d->root->intake));

	uint8_t digest[32] = {1}, sig[MS_SIG_LEN], iv[12] = {2};
	CHECK_OK(ms_token_sign(t, MS_SLOT_RELEASE, ms_span(digest, 32), sig, &err), &err);
	CHECK_OK(ms_pubkey_verify_digest(d->root->release, MS_SIG_ECDSA_SHA256, ms_span(digest, 32), ms_span(sig, 64), &err), &err);

	MS_OWN(ms_secret_free) struct ms_secret *pt = NULL;
	MS_OWN(ms_secret_free) struct ms_secret *back = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf ct;
	ms_buf_init(&ct, MS_TOKEN_PLAIN_MAX + 16);
	const struct ms_aead a = {.iv = iv, .aad = ms_span_str("header")}, b = {.iv = iv, .aad = ms_span_str("another")};
	CHECK_OK(ms_secret_new(MS_TOKEN_PLAIN_MAX, &pt, &err), &err);
	ms_secret_set_len(pt, MS_TOKEN_PLAIN_MAX);
	memset(ms_secret_bytes(pt), 0x5a, MS_TOKEN_PLAIN_MAX);
	CHECK_OK(ms_token_wrap(t, MS_SLOT_WRAP, &a, pt, &ct, &err), &err);
	CHECK_INT(ct.len, MS_TOKEN_PLAIN_MAX + 16);
	CHECK_OK(ms_token_unwrap(t, MS_SLOT_WRAP, &a, ms_buf_span(&ct), &back, &err), &err);
	CHECK(ms_secret_len(back) == ms_secret_len(pt) && ms_ct_eq(ms_secret_peek(back), ms_secret_peek(pt), ms_secret_len(pt)));
	struct ms_secret *none = NULL;
	CHECK(ms_token_unwrap(t, MS_SLOT_WRAP, &b, ms_buf_span(&ct), &none, &err) == MS_ERR_AUTH);
	ct.p[100] ^= 1;
	CHECK(ms_token_unwrap(t, MS_SLOT_WRAP, &a, ms_buf_span(&ct), &none, &err) == MS_ERR_AUTH);
	CHECK(ms_token_unwrap(t, MS_SLOT_WRAP, &a, ms_span(ct.p, 16), &none, &err) == MS_ERR_AUTH);
	CHECK(ms_token_unwrap(t, MS_SLOT_WRAP, &a, ms_span(ct.p, 15), &none, &err) == MS_ERR_AUTH);
	CHECK(none == NULL);
	/* and it still works afterwards */
	CHECK_OK(ms_token_sign(t, MS_SLOT_RELEASE, ms_span(digest, 32), sig, &err), &err);
}

MS_TEST(softhsm_signs_derives_wraps)
{
	check_backend(true);
}

MS_TEST(keyfile_signs_derives_wraps)
{
	check_backend(false);
}

static void
check_uses(bool softhsm)
{
	struct ms_err err;
	struct test_deployment *d = get_deployment(softhsm);
	MS_OWN(ms_token_free) struct ms_token *t = NULL;
	MS_OWN(ms_secret_free) struct ms_secret *pt = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf out;
	uint8_t digest[32] = {1}, sig[MS_SIG_LEN], iv[12] = {0};
	const struct ms_aead a = {.iv = iv};
	struct ms_secret *none = NULL;
	const uint8_t *point = d->root->body.release_point.p;
	ms_buf_init(&out, 4096);
	CHECK_OK(ms_secret_from("x", 1, &pt, &err), &err);
	CHECK_OK(ms_token_prepare(&d->keeper.config, &t, &err), &err);
	CHECK_OK(ms_token_start(t, MS_SLOTS_KEEPER & ~MS_SLOT_BIT(MS_SLOT_CA_ISSUING), &err), &err);
	for (unsigned slot = 0; slot < 256; slot++) {
		bool signs = slot == MS_SLOT_RELEASE || slot == MS_SLOT_TOKEN, derives = slot == MS_SLOT_INTAKE,
		     wraps = slot == MS_SLOT_WRAP;
		CHECK((ms_token_sign(t, slot, ms_span(digest, 32), sig, &err) == MS_OK) == signs);
		CHECK(derives || ms_token_derive(t, slot, point, &none, &err) == MS_ERR_USAGE);
		CHECK(wraps || ms_token_wrap(t, slot, &a, pt, &out, &err) == MS_ERR_USAGE);
		CHECK(wraps || ms_token_unwrap(t, slot, &a, ms_span(digest, 32), &none, &err) == MS_ERR_USAGE);
	}
	CHECK(ms_token_sign(t, MS_SLOT_RELEASE, ms_span(digest, 31), sig, &err) == MS_ERR_USAGE);
	CHECK(none == NULL);
}

MS_TEST(I16_softhsm_slot_takes_only_its_own_use)
{
	check_uses(true);
}

MS_TEST(I16_keyfile_slot_takes_only_its_own_use)
{
	check_uses(false);
}

MS_TEST(derive_refuses_a_point_that_is_not_on_the_curve)
{
	struct ms_err err;
	uint8_t point[MS_POINT_LEN];
	for (int softhsm = 0; softhsm < 2; softhsm++) {
		struct test_deployment *d = get_deployment(softhsm != 0);
		MS_OWN(ms_token_free) struct ms_token *t = NULL;
		struct ms_secret *z = NULL;
		CHECK_OK(ms_token_prepare(&d->keeper.config, &t, &err), &err);
		CHECK_OK(ms_token_start(t, MS_SLOTS_KEEPER, &err), &err);
		memcpy(point, d->root->body.release_point.p, sizeof point);
		point[64] ^= 1;
		CHECK(ms_token_derive(t, MS_SLOT_INTAKE, point, &z, &err) == MS_ERR_MALFORMED);
		CHECK(z == NULL);
	}
}

MS_TEST(generate_refuses_where_keys_are)
{
	struct ms_err err;
	for (int softhsm = 0; softhsm < 2; softhsm++) {
		struct test_deployment *d = get_deployment(softhsm != 0);
		struct ms_token *t = NULL;
		CHECK(ms_token_generate(&d->keeper.config, MS_SLOTS_KEEPER, &t, &err) == MS_ERR_CONFLICT);
		CHECK(t == NULL);
	}
}

MS_TEST(a_wrong_pin_or_passphrase_opens_nothing)
{
	struct ms_err err;
	for (int softhsm = 0; softhsm < 2; softhsm++) {
		struct test_deployment *d = get_deployment(softhsm != 0);
		struct test_owner *o = &d->keeper;
		struct ms_token_config c = o->config;
		char path[300];
		(void)snprintf(path, sizeof path, "%.100s/wrong", d->dir);
		CHECK_OK(ms_io_write_file(path, 0600, ms_span_str("not the right one"), &err), &err);
		c.pin_file = c.pin_file != NULL ? path : NULL;
		c.passphrase_file = c.passphrase_file != NULL ? path : NULL;
		MS_OWN(ms_token_free) struct ms_token *t = NULL;
		CHECK_OK(ms_token_prepare(&c, &t, &err), &err);
		CHECK(ms_token_start(t, MS_SLOTS_KEEPER, &err) == MS_ERR_AUTH);
	}
}

MS_TEST(a_pin_file_that_others_can_read_is_refused)
{
	struct ms_err err;
	struct test_deployment *d = get_deployment(true);
	struct ms_token_config c = d->keeper.config;
	char path[300];
	(void)snprintf(path, sizeof path, "%.100s/open-pin", d->dir);
	CHECK_OK(ms_io_write_file(path, 0644, ms_span_str("test-pin-1234"), &err), &err);
	c.pin_file = path;
	struct ms_token *t = NULL;
	CHECK(ms_token_prepare(&c, &t, &err) == MS_ERR_USAGE);
	CHECK(t == NULL);
}

MS_TEST(a_key_that_is_not_there_is_not_found)
{
	struct ms_err err;
	for (int softhsm = 0; softhsm < 2; softhsm++) {
		struct test_deployment *d = get_deployment(softhsm != 0);
		MS_OWN(ms_token_free) struct ms_token *t = NULL;
		CHECK_OK(ms_token_prepare(&d->notary.config, &t, &err), &err);
		CHECK(ms_token_start(t, MS_SLOTS_NOTARY | MS_SLOT_BIT(MS_SLOT_RELEASE), &err) == MS_ERR_NOT_FOUND);
	}
}

MS_TEST(a_token_of_another_label_is_not_found)
{
	struct ms_err err;
	struct ms_token_config c = get_deployment(true)->keeper.config;
	MS_OWN(ms_token_free) struct ms_token *t = NULL;
	c.uri = "pkcs11:token=test-token-keepe";
	CHECK_OK(ms_token_prepare(&c, &t, &err), &err);
	CHECK(ms_token_start(t, MS_SLOTS_KEEPER, &err) == MS_ERR_NOT_FOUND);
}

/* A second key by hand in the notary's token of a deployment of its own. */
static void
add_key(const struct test_deployment *d, const char *label, CK_BBOOL extractable)
{
	struct ms_err err;
	void *ctx = NULL;
	CK_SLOT_ID slot = 0;
	CK_OBJECT_HANDLE made[2];
	CK_BBOOL yes = CK_TRUE, sensitive = extractable == CK_TRUE ? CK_FALSE : CK_TRUE;
	struct ms_span curve = ms_p11_curve(MS_SLOT_SIGNS_P256);
	CK_BYTE *name = (CK_BYTE *)(uintptr_t)label;
	CHECK_OK(ms_token_pkcs11.prepare(&d->notary.config, &ctx, &err), &err);
	struct ms_p11 *p = ctx;
	CHECK_OK(ms_p11_initialise(p, &err), &err);
	CHECK_OK(ms_p11_find_slot(p, false, &slot, &err), &err);
	CHECK_OK(ms_p11_login(p, slot, true, &err), &err);
	CK_ATTRIBUTE pub[] = {
	    {CKA_EC_PARAMS, (CK_BYTE *)(uintptr_t)curve.p, curve.len}, {CKA_TOKEN, &yes, sizeof yes}, {CKA_LABEL, name, strlen(label)}};
	CK_ATTRIBUTE priv[] = {{CKA_TOKEN, &yes, sizeof yes}, {CKA_PRIVATE, &yes, sizeof yes}, {CKA_SIGN, &yes, sizeof yes},
	    {CKA_SENSITIVE, &sensitive, sizeof sensitive}, {CKA_EXTRACTABLE, &extractable, sizeof extractable},
	    {CKA_LABEL, name, strlen(label)}};
	CK_MECHANISM m = {.mechanism = CKM_EC_KEY_PAIR_GEN};
	CHECK(p->f->C_GenerateKeyPair(p->session, &m, pub, 3, priv, 6, &made[0], &made[1]) == CKR_OK);
	ms_token_pkcs11.free(ctx);
}

static enum ms_rc
open_notary_token(const struct test_deployment *d, uint32_t slots)
{
	struct ms_err err;
	MS_OWN(ms_token_free) struct ms_token *t = NULL;
	CHECK_OK(ms_token_prepare(&d->notary.config, &t, &err), &err);
	return ms_token_start(t, slots, &err);
}

MS_TEST(I4_a_key_that_could_leave_the_token_is_refused)
{
	struct test_deployment d;
	deployment_new(&d, true);
	add_key(&d, "release", CK_TRUE);
	CHECK(open_notary_token(&d, MS_SLOT_BIT(MS_SLOT_RELEASE)) == MS_ERR_AUTH);
	add_key(&d, "ca-issuing", CK_FALSE);
	CHECK(open_notary_token(&d, MS_SLOT_BIT(MS_SLOT_CA_ISSUING)) == MS_OK);
	deployment_fini(&d);
}

MS_TEST(I16_two_keys_of_one_label_are_refused)
{
	struct test_deployment d;
	deployment_new(&d, true);
	add_key(&d, "log", CK_FALSE);
	CHECK(open_notary_token(&d, MS_SLOTS_NOTARY) == MS_ERR_CONFLICT);
	deployment_fini(&d);
}

MS_TEST(token_uris_are_strict)
{
	struct ms_token_uri u;
	static const char *const bad[] = {"", "pkcs11:", "token=x", "pkcs11:token=", "pkcs11:token", "pkcs11:token=a;token=b",
	    "pkcs11:token=a;object=key", "pkcs11:token=a?pin-value=1", "pkcs11:token=a;", "pkcs11:token=%4", "pkcs11:token=%zz",
	    "pkcs11:token=a%00b", "pkcs11:serial=1", "PKCS11:token=a", "pkcs11:token=123456789012345678901234567890123"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK(ms_token_uri_parse(ms_span_str(bad[i]), &u, NULL) != MS_OK);
	CHECK(ms_token_uri_parse(ms_span_str("pkcs11:token=My%20HSM;serial=12ab"), &u, NULL) == MS_OK);
	CHECK(strcmp(u.token, "My HSM") == 0 && strcmp(u.serial, "12ab") == 0 && u.model[0] == '\0');
}

/* ---- the process ---- */

static void
check_process(bool softhsm)
{
	struct ms_err err;
	struct test_deployment *d = get_deployment(softhsm);
	struct roleproc p;
	int fd;
	uint8_t sig[MS_SIG_LEN];
	deployment_start_token(d, &d->keeper, &p, &fd);
	CHECK(roleproc_ready(&p, 30000));
	struct ms_token_client *c = NULL;
	CHECK_OK(ms_token_client_new(fd, MS_SLOTS_KEEPER, &c, &err), &err);
	CHECK(ms_pubkey_eq(ms_token_client_public(c, MS_SLOT_RELEASE), d->root->release));
	struct ms_signer s = ms_token_client_signer(c, MS_SLOT_RELEASE);
	CHECK_OK(ms_signer_sign(&s, ms_span_str("a message"), sig, &err), &err);
	CHECK_OK(ms_pubkey_verify(d->root->release, MS_SIG_ECDSA_SHA256, ms_span_str("a message"), ms_span(sig, 64), &err), &err);
	struct ms_ecdh e = ms_token_client_ecdh(c, MS_SLOT_INTAKE);
	MS_OWN(ms_secret_free) struct ms_secret *z = NULL;
	CHECK_OK(ms_ecdh_derive(&e, d->root->body.release_point.p, &z, &err), &err);
	MS_OWN(ms_secret_free) struct ms_secret *pt = NULL;
	MS_OWN(ms_secret_free) struct ms_secret *back = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf ct;
	uint8_t iv[12] = {7};
	struct ms_aead a = {.iv = iv, .aad = ms_span_str("header")};
	ms_buf_init(&ct, MS_TOKEN_PLAIN_MAX + 16);
	CHECK_OK(ms_secret_new(66000, &pt, &err), &err);
	ms_secret_set_len(pt, 66000);
	CHECK_OK(ms_token_client_wrap(c, &a, pt, &ct, &err), &err);
	CHECK_OK(ms_token_client_unwrap(c, &a, ms_buf_span(&ct), &back, &err), &err);
	CHECK(ms_secret_len(back) == 66000);
	struct ms_secret *none = NULL;
	a.aad = ms_span_str("other");
	CHECK(ms_token_client_unwrap(c, &a, ms_buf_span(&ct), &none, &err) != MS_OK && none == NULL);
	CHECK(!ms_token_client_dead(c)); /* a refusal, not the end */
	CHECK_OK(ms_signer_sign(&s, ms_span_str("again"), sig, &err), &err);
	ms_token_client_free(c);
	CHECK_INT(roleproc_wait(&p, 5000), 0);
}

MS_TEST(process_with_softhsm_serves_in_its_cage)
{
	check_process(true);
}

MS_TEST(process_with_keyfile_serves_in_its_cage)
{
	check_process(false);
}

MS_TEST(notary_token_signs_messages_and_nothing_else)
{
	struct ms_err err;
	for (int softhsm = 0; softhsm < 2; softhsm++) {
		struct test_deployment *d = get_deployment(softhsm != 0);
		struct roleproc p;
		int fd;
		uint8_t sig[MS_SIG_LEN];
		deployment_start_token(d, &d->notary, &p, &fd);
		struct ms_token_client *c = NULL;
		CHECK_OK(ms_token_client_new(fd, MS_SLOTS_NOTARY, &c, &err), &err);
		struct ms_signer s = ms_token_client_signer(c, MS_SLOT_LOG);
		CHECK_OK(ms_signer_sign(&s, ms_span_str("a message\n"), sig, &err), &err);
		CHECK_OK(
		    ms_pubkey_verify(ms_vkey_pubkey(d->vkey), MS_SIG_ED25519, ms_span_str("a message\n"), ms_span(sig, 64), &err), &err);
		ms_token_client_free(c);
		CHECK_INT(roleproc_wait(&p, 5000), 0);
	}
}

/* One frame at a process of its own; true when the process ended over it. */
static bool
ends_it(const struct ms_frame *f)
{
	struct ms_err err;
	struct test_deployment *d = get_deployment(true);
	struct roleproc p;
	struct ms_chan *chan = NULL;
	struct ms_frame a;
	int fd;
	deployment_start_token(d, &d->keeper, &p, &fd);
	CHECK(roleproc_ready(&p, 30000));
	CHECK_OK(ms_chan_new(fd, &ms_token_answer_table, 4 * MS_TOKEN_FRAME_MAX, &chan, &err), &err);
	enum ms_rc rc = ms_chan_ask(chan, f, 10000, &a, &err);
	ms_chan_free(chan);
	int status = roleproc_wait(&p, 5000);
	CHECK(status < 128); /* it ended by itself: no crash, no signal */
	return rc == MS_ERR_UNAVAILABLE && status != 0;
}

MS_TEST(I16_a_request_beyond_its_slot_ends_the_peer)
{
	uint8_t bytes[128] = {0};
	static const struct {
		uint16_t type;
		uint8_t slot;
		size_t len;
	} rows[] = {{MS_TOKEN_SIGN, MS_SLOT_CA_ROOT, 33}, {MS_TOKEN_SIGN, MS_SLOT_LOG, 33}, {MS_TOKEN_SIGN, MS_SLOT_INTAKE, 33},
	    {MS_TOKEN_SIGN, MS_SLOT_WRAP, 33}, {MS_TOKEN_SIGN, 200, 33}, {MS_TOKEN_SIGN, MS_SLOT_RELEASE, 34},
	    {MS_TOKEN_DERIVE, MS_SLOT_RELEASE, 66}, {MS_TOKEN_WRAP, MS_SLOT_RELEASE, 40}, {MS_TOKEN_UNWRAP, MS_SLOT_INTAKE, 60},
	    {MS_TOKEN_DERIVE, MS_SLOT_TOKEN, 66}, {MS_TOKEN_PUBLIC, MS_SLOT_WRAP, 1}, {MS_TOKEN_PUBLIC, MS_SLOT_CA_ROOT, 1},
	    {6, MS_SLOT_RELEASE, 1}, {0, 0, 0}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		bytes[0] = rows[i].slot;
		const struct ms_frame f = {.type = rows[i].type, .id = 1, .payload = ms_span(bytes, rows[i].len), .fd = -1};
		CHECK(ends_it(&f));
	}
}
