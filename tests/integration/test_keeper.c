/* keeper in its cage with a real token and a real log, and the test in the place of a core that was taken over: everything
 * it could say instead of the truth, about leaves, about frames and for the server itself, is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "crypto/cosesig.h"
#include "crypto/hpke.h"
#include "identity/crl.h"
#include "identity/leafcert.h"
#include "support/keeper_fixture.h"
#include "support/test.h"

/* ---- what it does when all is true ---- */

MS_TEST(a_true_request_gets_its_certificate)
{
	struct ms_err err;
	struct ms_cert cert, issuing;
	struct rig_act a;
	struct ms_buf result;
	struct rig_ask q = ask_identity();
	ms_buf_init(&result, MS_CERT_MAX);
	rig_make_identity(rig(), &dev, &q, &a);
	granted(&a, &result);
	CHECK_OK(ms_cert_parse_min(ms_buf_span(&result), &cert, &err), &err);
	CHECK_OK(ms_cert_parse_min(rig()->d.root->body.ca_issuing, &issuing, &err), &err);
	CHECK_OK(ms_cert_verify(&cert, &issuing, ms_clock_wall_s(), &err), &err);
	CHECK(cert.profile == MS_CERT_DEVICE && ms_span_eq(cert.hw_serial, ms_span_str("SN-1")));
	CHECK(ms_span_eq(cert.point, ms_pubkey_point(ms_softkey_public(identity_key.sign))));
	ms_buf_fini(&result);
}

/* Verify the `secret` statement as an agent does, and open it with the sealing key. */
static void
open_secret(struct rig *r, const struct rig_device *v, struct ms_span wire, struct ms_span leaf, struct ms_secret **ret)
{
	struct ms_err err;
	struct ms_statement st;
	struct ms_secret_body b;
	struct ms_buf info;
	const struct ms_statement_expect x = {.kind = "secret",
	    .deployment = r->d.root->deployment,
	    .audience = v->id,
	    .tenant = TEST_TENANT,
	    .now_s = ms_clock_wall_s(),
	    .skew_s = 300};
	CHECK_OK(ms_statement_verify(wire, r->d.root->release, &x, &st, &err), &err);
	CHECK(st.expires_s - st.issued_s <= 900);
	CHECK_OK(ms_cbor_parse_map(&ms_secret_body_table, st.body, &b, &err), &err);
	CHECK(ms_span_eq(b.leaf, leaf) && ms_span_eq(b.key_name, ms_tpm_name_span(&sealing_key.name)));
	const struct ms_bind_secret s = {.deployment = ms_span(r->d.root->deployment, 16),
	    .tenant = ms_span_str(TEST_TENANT),
	    .device = ms_span_str(v->id),
	    .path = b.path,
	    .version = b.version,
	    .nonce = b.nonce,
	    .evidence = b.evidence,
	    .leaf = b.leaf};
	ms_buf_init(&info, 2048);
	CHECK_OK(ms_bind_secret(&s, &info, &err), &err);
	struct ms_ecdh e = ms_ecdh_key_ecdh(sealing_key.ecdh);
	const struct ms_hpke_from from = {.key = &e, .info = ms_buf_span(&info)};
	CHECK_OK(ms_hpke_open(&from, b.enc.p, b.ct, ret, &err), &err);
	ms_buf_fini(&info);
}

MS_TEST(an_entitled_device_gets_its_secret_sealed)
{
	struct rig_act a;
	struct ms_buf result;
	struct ms_node leaf;
	MS_OWN(ms_secret_free) struct ms_secret *pt = NULL;
	struct rig_ask q = ask_release();
	ms_buf_init(&result, 80000);
	rig_make_release(rig(), &dev, &q, &a);
	CHECK_INT(rig_send(rig(), &a, &result), MS_OK);
	ms_merkle_leaf(ms_buf_span(&a.wire), &leaf);
	open_secret(rig(), &dev, ms_buf_span(&result), ms_span(leaf.h, sizeof leaf.h), &pt);
	CHECK(ms_secret_len(pt) == strlen(CANARY) && ms_ct_eq(ms_secret_peek(pt), CANARY, strlen(CANARY)));
	rig_act_fini(&a);
	ms_buf_fini(&result);
}

MS_TEST(I9_no_answer_to_core_holds_a_secret_in_clear)
{
	struct rig_act a;
	struct ms_buf result;
	struct rig_ask q = ask_release();
	ms_buf_init(&result, 80000);
	rig_make_release(rig(), &dev, &q, &a);
	granted(&a, &result);
	CHECK(memmem(result.p, result.len, CANARY, strlen(CANARY)) == NULL);
	CHECK(memmem(wrapped.p, wrapped.len, CANARY, strlen(CANARY)) == NULL);
	ms_buf_fini(&result);
}

/* ---- the gate: no leaf, no act (I13) ---- */

MS_TEST(I13_an_act_without_a_leaf_is_refused)
{
	struct rig_act a;
	make_identity(&a);
	a.entry.kind = MS_SPAN_NONE; /* neither entry nor ticket */
	refused_with(&a, MS_ERR_AUTH);
	make_identity(&a); /* an entry, but no ticket */
	a.entry.act = ms_span(a.digest, 32);
	CHECK(ms_entry_build(&a.entry, &a.wire, NULL) == MS_OK);
	a.entry.kind = MS_SPAN_NONE;
	refused_with(&a, MS_ERR_AUTH);
}

/* An entry that was logged, sent with another entry's ticket, or changed after it was logged. */
MS_TEST(I13_a_ticket_of_another_leaf_is_refused)
{
	struct rig_act a, b;
	make_identity(&a);
	make_identity(&b);
	CHECK_INT(rig_send(rig(), &a, NULL), MS_OK);
	CHECK_INT(rig_send(rig(), &b, NULL), MS_OK);
	struct ms_buf t = a.ticket;
	a.ticket = b.ticket;
	b.ticket = t;
	refused_with(&a, MS_ERR_AUTH);
	refused_with(&b, MS_ERR_AUTH);
	make_identity(&a);
	CHECK_INT(rig_send(rig(), &a, NULL), MS_OK);
	a.wire.p[a.wire.len / 2] ^= 1;
	refused(&a);
	make_identity(&a);
	CHECK_INT(rig_send(rig(), &a, NULL), MS_OK);
	a.ticket.p[a.ticket.len / 2] ^= 1;
	refused(&a);
}

MS_TEST(I13_a_leaf_of_another_act_is_refused)
{
	struct rig_act a, b;
	make_identity(&a);
	make_identity(&b);
	CHECK_INT(rig_send(rig(), &b, NULL), MS_OK);
	ms_buf_put_span(&a.wire, ms_buf_span(&b.wire));
	ms_buf_put_span(&a.ticket, ms_buf_span(&b.ticket));
	refused_with(&a, MS_ERR_AUTH); /* the leaf of b, the parameters of a */
	rig_act_fini(&b);
	make_identity(&a);
	a.entry.kind = ms_span_str("device.attest");
	refused_with(&a, MS_ERR_AUTH);
	make_identity(&a);
	a.entry.kind = ms_span_str("secret.release");
	refused_with(&a, MS_ERR_AUTH);
	make_identity(&a);
	a.type = MS_ACT_SECRET_RELEASE;
	refused(&a);
}

MS_TEST(I13_a_logged_refusal_opens_nothing)
{
	static const char *const decisions[] = {"denied", "fail"};
	for (size_t i = 0; i < 2; i++) {
		struct rig_act a;
		make_identity(&a);
		a.entry.decision = ms_span_str(decisions[i]);
		refused_with(&a, MS_ERR_AUTH);
	}
}

MS_TEST(I8_a_leaf_of_another_tenant_is_refused)
{
	static const char *const tenants[] = {"other", "*", ""};
	for (size_t i = 0; i < 3; i++) {
		struct rig_act a;
		make_identity(&a);
		a.entry.tenant = ms_span_str(tenants[i]);
		refused_with(&a, MS_ERR_AUTH);
	}
}

MS_TEST(I13_a_leaf_about_another_subject_is_refused)
{
	struct rig_act a;
	make_identity(&a);
	a.entry.subject = ms_span_str(other_dev.id);
	refused_with(&a, MS_ERR_AUTH);
	make_identity(&a);
	a.entry.subject = ms_span_str("server");
	refused_with(&a, MS_ERR_AUTH);
}

MS_TEST(I13_a_leaf_about_other_evidence_or_another_request_is_refused)
{
	struct rig_act a;
	static const uint8_t zeros[32];
	make_identity(&a);
	a.entry.evidence = ms_span(zeros, 32);
	refused_with(&a, MS_ERR_AUTH);
	make_identity(&a);
	a.entry.evidence = MS_SPAN_NONE;
	refused_with(&a, MS_ERR_AUTH);
	make_identity(&a);
	a.entry.request = ms_span(zeros, 32);
	refused_with(&a, MS_ERR_AUTH);
}

MS_TEST(I13_a_leaf_at_another_place_than_it_says_is_refused)
{
	struct rig_act a;
	make_identity(&a);
	a.keep_seq = true;
	a.entry.seq = rig()->size + 1;
	refused_with(&a, MS_ERR_AUTH);
}

MS_TEST(I14_an_entry_of_another_time_is_refused)
{
	static const int64_t apart[] = {-700, -86400, 700, 86400};
	for (size_t i = 0; i < 4; i++) {
		struct rig_act a;
		make_identity(&a);
		a.keep_time = true;
		a.entry.time_s = (uint64_t)((int64_t)ms_clock_wall_s() + apart[i]);
		refused_with(&a, MS_ERR_EXPIRED);
	}
}

/* A log of one leaf by another key, under the same name. */
MS_TEST(I13_a_ticket_of_another_log_is_refused)
{
	struct ms_err err;
	struct rig_act a;
	struct ms_softkey *key = NULL;
	struct ms_node leaf;
	struct ms_buf note;
	make_identity(&a);
	uint8_t digest[32];
	ms_sha256(ms_buf_span(&a.params), digest);
	a.entry.act = ms_span(digest, 32);
	a.entry.time_s = ms_clock_wall_s();
	CHECK_OK(ms_entry_build(&a.entry, &a.wire, &err), &err);
	ms_merkle_leaf(ms_buf_span(&a.wire), &leaf);
	CHECK_OK(ms_softkey_generate(MS_KEY_ED25519, &key, &err), &err);
	ms_buf_init(&note, 4096);
	struct ms_signer s = ms_softkey_signer(key);
	CHECK_OK(ms_checkpoint_sign(ms_vkey_name(rig()->d.vkey), 1, &leaf, &s, &note, &err), &err);
	CHECK_OK(ms_ticket_build(0, NULL, 0, ms_buf_span(&note), &a.ticket, &err), &err);
	ms_buf_fini(&note);
	ms_softkey_free(key);
	refused_with(&a, MS_ERR_AUTH);
}

/* ---- the server's own ---- */

static void
make_server_act(struct rig_act *a, unsigned type, const char *kind, const struct ms_cbor_table *pt, const void *p,
    const struct ms_cbor_table *dt, const void *d)
{
	struct ms_err err;
	struct ms_buf b;
	ms_buf_init(&b, 4096);
	rig_act_init(a, type, kind);
	CHECK_OK(ms_cbor_build_map(pt, p, &a->params, &err), &err);
	CHECK_OK(ms_cbor_build_map(dt, d, &b, &err), &err);
	a->entry.data = ms_span(test_dup(b.p, b.len), b.len);
	a->entry.tenant = ms_span_str("*");
	a->entry.subject = ms_span_str("server");
	ms_buf_fini(&b);
}

static void
make_challenge_key(struct rig_act *a, uint64_t life_s, const struct ms_softkey *logged)
{
	(void)rig();
	struct ms_span point = ms_pubkey_point(ms_softkey_public(rig()->d.factory));
	const struct ms_act_challenge_key p = {.point = point, .expires_s = ms_clock_wall_s() + life_s};
	const struct ms_data_start d = {
	    .point = ms_pubkey_point(ms_softkey_public(logged != NULL ? logged : rig()->d.factory)), .version = ms_span_str("0")};
	make_server_act(a, MS_ACT_CHALLENGE_KEY, "server.start", &ms_act_challenge_key_table, &p, &ms_data_start_table, &d);
}

MS_TEST(a_challenge_key_is_vouched_for_a_week_at_most)
{
	struct rig_act a;
	struct ms_buf result;
	struct ms_statement st;
	struct ms_err err;
	ms_buf_init(&result, 4096);
	make_challenge_key(&a, 7 * 86400, NULL);
	granted(&a, &result);
	const struct ms_statement_expect x = {.kind = "challenge-key",
	    .deployment = rig()->d.root->deployment,
	    .audience = "agent",
	    .tenant = "*",
	    .now_s = ms_clock_wall_s(),
	    .skew_s = 300};
	CHECK_OK(ms_statement_verify(ms_buf_span(&result), rig()->d.root->release, &x, &st, &err), &err);
	ms_buf_fini(&result);
	make_challenge_key(&a, 7 * 86400 + 60, NULL);
	refused_with(&a, MS_ERR_DENIED);
	make_challenge_key(&a, 3600, rig()->d.admin); /* the leaf names another key */
	refused_with(&a, MS_ERR_AUTH);
	make_challenge_key(&a, 3600, NULL);
	a.entry.tenant = ms_span_str(TEST_TENANT);
	refused_with(&a, MS_ERR_AUTH);
	make_challenge_key(&a, 3600, NULL);
	a.entry.subject = ms_span_str(dev.id);
	refused_with(&a, MS_ERR_AUTH);
}

static const char *const own_names[] = {"localhost", "127.0.0.1", NULL};
static const char *const foreign_names[] = {"bank.example", NULL};

static void
make_tls(struct rig_act *a, const char *const *names, uint64_t life_s)
{
	struct ms_err err;
	struct ms_buf tbs;
	uint8_t serial[16] = {0x41, 7}, hash[32];
	uint64_t now = ms_clock_wall_s();
	(void)rig();
	const struct ms_act_tls_cert p = {.point = ms_pubkey_point(ms_softkey_public(rig()->d.factory)),
	    .serial = ms_span(serial, 16),
	    .not_before_s = now - 600,
	    .not_after_s = now + life_s};
	const struct ms_leafcert leaf = {.issuing = rig()->d.root->body.ca_issuing,
	    .serial = p.serial,
	    .point = p.point.p,
	    .not_before_s = p.not_before_s,
	    .not_after_s = p.not_after_s,
	    .names = names};
	ms_buf_init(&tbs, MS_CERT_MAX);
	(void)!ms_leafcert_tbs(&leaf, &tbs, &err);
	ms_sha256(ms_buf_span(&tbs), hash);
	const struct ms_data_cert d = {
	    .serial = p.serial, .tbs = ms_span(hash, 32), .not_before_s = p.not_before_s, .not_after_s = p.not_after_s};
	make_server_act(a, MS_ACT_TLS_CERT, "server.tls", &ms_act_tls_cert_table, &p, &ms_data_cert_table, &d);
	ms_buf_fini(&tbs);
}

MS_TEST(a_tls_certificate_has_the_names_of_keepers_own_configuration)
{
	struct rig_act a;
	make_tls(&a, own_names, 3600);
	granted(&a, NULL);
	make_tls(&a, foreign_names, 3600);
	refused_with(&a, MS_ERR_AUTH);
	make_tls(&a, own_names, 8 * 86400);
	refused(&a);
}

static void
make_crl_of(struct rig_act *a, uint64_t number, uint64_t life_s, unsigned n)
{
	uint8_t serial[16] = {0x42, 9};
	uint64_t now = ms_clock_wall_s();
	struct ms_buf list;
	ms_buf_init(&list, 900000);
	ms_cbor_array(&list, n);
	for (unsigned i = 0; i < n; i++) {
		serial[14] = (uint8_t)(i >> 8);
		serial[15] = (uint8_t)i;
		ms_cbor_array(&list, 3);
		ms_cbor_bytes(&list, ms_span(serial, 16));
		ms_cbor_uint(&list, now);
		ms_cbor_uint(&list, MS_CRL_HOLD);
	}
	(void)rig();
	const struct ms_act_crl p = {.number = number, .this_s = now, .next_s = now + life_s, .revoked = ms_buf_span(&list)};
	const struct ms_data_crl d = {.number = number, .this_s = p.this_s, .next_s = p.next_s};
	make_server_act(a, MS_ACT_CRL, "crl.issue", &ms_act_crl_table, &p, &ms_data_crl_table, &d);
	ms_buf_fini(&list);
}

static void
make_crl(struct rig_act *a, uint64_t number, uint64_t life_s)
{
	make_crl_of(a, number, life_s, 1);
}

MS_TEST(a_crl_is_short_lived_and_its_numbers_rise)
{
	struct rig_act a;
	struct ms_buf result;
	struct ms_crl crl;
	struct ms_cert issuing;
	struct ms_err err;
	ms_buf_init(&result, 65536);
	make_crl(&a, 10, 3600);
	granted(&a, &result);
	CHECK_OK(ms_crl_parse_min(ms_buf_span(&result), &crl, &err), &err);
	CHECK_OK(ms_cert_parse_min(rig()->d.root->body.ca_issuing, &issuing, &err), &err);
	CHECK_OK(ms_crl_verify(&crl, &issuing, ms_clock_wall_s(), &err), &err);
	CHECK(crl.number == 10 && crl.n_revoked == 1);
	ms_buf_fini(&result);
	make_crl(&a, 9, 3600);
	refused_with(&a, MS_ERR_REPLAY);
	make_crl(&a, 11, 30 * 86400);
	refused_with(&a, MS_ERR_DENIED);
}

MS_TEST(a_crl_of_a_large_fleet_is_signed)
{
	struct rig_act a;
	struct ms_buf result;
	struct ms_crl crl;
	struct ms_err err;
	ms_buf_init(&result, 2u << 20);
	make_crl_of(&a, 100, 3600, 20000);
	granted(&a, &result);
	CHECK_OK(ms_crl_parse_min(ms_buf_span(&result), &crl, &err), &err);
	CHECK(crl.n_revoked == 20000);
	ms_buf_fini(&result);
}

/* ---- frames ---- */

MS_TEST(I10_a_frame_that_is_no_act_ends_keeper)
{
	static const struct {
		unsigned type;
		const char *bytes;
		size_t len;
	} bad[] = {{0, "\xa0", 1}, {11, "\xa0", 1}, {MS_ACT_IDENTITY, "\xa0", 1}, {MS_ACT_IDENTITY, "", 0}, {MS_ACT_PROOF, "x", 1}};
	struct rig r = {.size = 0};
	(void)rig();
	r.d = rig()->d;
	(void)snprintf(r.d.dir, sizeof r.d.dir, "%.80s/second", rig()->d.dir);
	CHECK(ms_io_mkdir(r.d.dir, 0700, NULL) == MS_OK);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		rig_start_keeper(&r);
		CHECK(!rig_raw(&r, bad[i].type, ms_span(bad[i].bytes, bad[i].len)));
		int status = roleproc_wait(&r.keeper, 5000);
		CHECK(status != 0 && status < 128);
		CHECK_INT(roleproc_wait(&r.keeper_token, 5000), 0);
	}
	ms_chan_free(r.to_keeper);
}

MS_TEST(I10_params_of_another_form_are_refused_and_keeper_lives)
{
	struct rig_act a;
	static const uint8_t forms[][3] = {{0xa0}, {0x80}, {0xff}, {0xa1, 0x01, 0x01}};
	for (unsigned type = MS_ACT_CREDENTIAL; type < MS_ACT_END; type++)
		for (size_t i = 0; i < 4; i++) {
			rig_act_init(&a, type, NULL);
			ms_buf_put(&a.params, forms[i], i == 3 ? 3 : 1);
			refused(&a);
		}
	make_identity(&a);
	granted(&a, NULL);
}

MS_TEST(I4_a_token_with_other_keys_refuses_the_start)
{
	struct test_deployment other;
	struct rig r = {.size = 0};
	int to_token, pair[2];
	(void)rig();
	deployment_new(&other, true);
	deployment_start_token(&other, &other.keeper, &r.keeper_token, &to_token);
	const struct role_pair pairs[] = {{.key = "state_dir", .text = other.dir}, {.key = "deployment_dir", .text = rig()->d.public_dir},
	    {.key = "server_names", .list = own_names}};
	socket_pair(pair);
	const int fds[] = {pair[1], to_token};
	roleproc_start(&r.keeper, MS_PROGRAM_KEEPER, "keeper", pairs, 3, fds, 2);
	CHECK(!roleproc_ready(&r.keeper, 30000));
	int status = roleproc_wait(&r.keeper, 5000);
	CHECK(status != 0 && status < 128);
	(void)roleproc_wait(&r.keeper_token, 5000);
	(void)close(pair[0]);
	deployment_fini(&other);
}
