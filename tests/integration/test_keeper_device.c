/* keeper in its cage with a real token and a real log, and the test in the place of a core that was taken over: what it
 * could say of devices: enrolment, admission, identity. */
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

/* ---- enrolment ---- */

static void
new_device(struct rig_device *v)
{
	rig_device_init(v, "gw-new", "SN-9", "gw-1");
	rig_credential(rig(), v);
}

static void
make_proof(const struct rig_device *v, struct rig_act *a)
{
	struct ms_err err;
	const struct ms_act_proof p = {.transcript = ms_buf_span(&v->transcript), .proof = ms_span(v->proof, sizeof v->proof)};
	rig_act_init(a, MS_ACT_PROOF, NULL);
	CHECK_OK(ms_cbor_build_map(&ms_act_proof_table, &p, &a->params, &err), &err);
}

MS_TEST(a_proof_is_right_for_its_own_transcript_only)
{
	struct rig_device v;
	struct rig_act a;
	(void)rig();
	new_device(&v);
	make_proof(&v, &a);
	granted(&a, NULL);
	v.proof[31] ^= 1;
	make_proof(&v, &a);
	refused_with(&a, MS_ERR_AUTH);
	memcpy(v.proof, dev.proof, sizeof v.proof);
	make_proof(&v, &a);
	refused_with(&a, MS_ERR_AUTH);
	rig_device_fini(&v);
}

MS_TEST(I13_a_wrong_proof_binds_nothing)
{
	struct rig_device v;
	struct rig_act a;
	(void)rig();
	new_device(&v);
	for (size_t bit = 0; bit < 256; bit += 85) {
		v.proof[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		rig_make_bind(rig(), &v, &v.tpm, &a);
		refused_with(&a, MS_ERR_AUTH);
		v.proof[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
	memcpy(v.proof, dev.proof, sizeof v.proof); /* of another transcript */
	rig_make_bind(rig(), &v, &v.tpm, &a);
	refused_with(&a, MS_ERR_AUTH);
	rig_device_fini(&v);
}

MS_TEST(I13_a_quote_of_a_foreign_AK_binds_nothing)
{
	struct rig_device v;
	struct rig_act a;
	(void)rig();
	new_device(&v);
	rig_make_bind(rig(), &v, &dev.tpm, &a);
	refused_with(&a, MS_ERR_AUTH);
	rig_device_fini(&v);
}

MS_TEST(I13_a_binding_is_for_the_device_that_the_leaf_names)
{
	struct rig_device v;
	struct rig_act a;
	char id[100];
	(void)rig();
	new_device(&v);
	static const char *const wrong[] = {"", "-1", "-0", "-01", "-1x"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		(void)snprintf(id, sizeof id, "%s%s", i == 1 ? dev.tpm.ek_hex : v.tpm.ek_hex, wrong[i]);
		rig_make_bind(rig(), &v, &v.tpm, &a);
		a.entry.subject = ms_span_str(id);
		refused(&a);
	}
	rig_device_fini(&v);
}

MS_TEST(a_credential_is_made_for_a_fit_EK_and_AK_only)
{
	struct rig_device v;
	struct rig_act a;
	struct ms_err err;
	static const uint8_t nonce[MS_NONCE_LEN] = {1};
	(void)rig();
	for (int what = 0; what < 4; what++) {
		rig_device_init(&v, "gw-x", "SN-x", "gw-1");
		const struct softtpm_area good = v.tpm.ek_public;
		if (what == 0)
			v.tpm.ek_public = v.tpm.ak_public; /* not an EK: no policy, signs */
		else if (what == 1)
			v.tpm.ak_public = good; /* not an AK */
		else if (what == 2)
			v.tpm.ek_public.p[7] |= 0x40; /* userWithAuth: anyone could use it */
		uint8_t deployment[16];
		memcpy(deployment, rig()->d.root->deployment, 16);
		deployment[0] ^= what == 3;
		const struct softtpm_enrolment e = {
		    .deployment = deployment, .tenant = TEST_TENANT, .name = "x", .serial = "x", .model = "x", .nonce = nonce};
		softtpm_transcript(&v.tpm, &e, &v.transcript);
		rig_act_init(&a, MS_ACT_CREDENTIAL, NULL);
		const struct ms_act_credential p = {.transcript = ms_buf_span(&v.transcript)};
		CHECK_OK(ms_cbor_build_map(&ms_act_credential_table, &p, &a.params, &err), &err);
		refused(&a);
		rig_device_fini(&v);
	}
}

/* ---- admission ---- */

struct admit_case {
	struct rig_device v;
	struct rig_batch b;
	struct rig_act a;
};

static void
admit_case_new(struct admit_case *c)
{
	(void)rig();
	new_device(&c->v);
	rig_bind(rig(), &c->v);
	rig_make_batch(rig(), &c->v, rig()->d.admin, TEST_TENANT, &c->b);
}

static void
admit_case_end(struct admit_case *c)
{
	rig_device_fini(&c->v);
	rig_batch_fini(&c->b);
}

MS_TEST(I13_a_manifest_row_that_is_not_in_the_tree_admits_no_one)
{
	struct admit_case c;
	admit_case_new(&c);
	c.b.proof.p[3] ^= 1;
	rig_make_admit(rig(), &c.v, &c.b, &c.a);
	refused_with(&c.a, MS_ERR_AUTH);
	c.b.proof.p[3] ^= 1;
	c.b.row.p[c.b.row.len / 2] ^= 1;
	rig_make_admit(rig(), &c.v, &c.b, &c.a);
	refused(&c.a);
	c.b.row.p[c.b.row.len / 2] ^= 1;
	static const uint64_t wrong[] = {0, 2, 3, 1000000};
	for (size_t i = 0; i < 4; i++) {
		c.b.index = wrong[i];
		rig_make_admit(rig(), &c.v, &c.b, &c.a);
		refused_with(&c.a, MS_ERR_AUTH);
	}
	admit_case_end(&c);
}

MS_TEST(I13_a_row_of_another_device_admits_no_one)
{
	struct admit_case c;
	admit_case_new(&c);
	rig_batch_fini(&c.b);
	rig_make_batch(rig(), &dev, rig()->d.admin, TEST_TENANT, &c.b);
	rig_make_admit(rig(), &c.v, &c.b, &c.a);
	refused_with(&c.a, MS_ERR_AUTH);
	admit_case_end(&c);
}

MS_TEST(I8_a_manifest_by_another_tenants_operator_admits_no_one)
{
	struct admit_case c;
	struct ms_softkey *stranger = NULL;
	admit_case_new(&c);
	CHECK(ms_softkey_generate(MS_KEY_P256, &stranger, NULL) == MS_OK);
	struct ms_softkey *const by[] = {rig()->d.other_admin, stranger, rig()->d.admin};
	static const char *const tenants[] = {TEST_TENANT, TEST_TENANT, "other"};
	for (size_t i = 0; i < 3; i++) {
		rig_batch_fini(&c.b);
		rig_make_batch(rig(), &c.v, by[i], tenants[i], &c.b);
		rig_make_admit(rig(), &c.v, &c.b, &c.a);
		refused_with(&c.a, MS_ERR_AUTH);
	}
	rig_batch_fini(&c.b);
	rig_make_batch(rig(), &c.v, rig()->d.factory, TEST_TENANT, &c.b); /* a factory may list its own devices */
	rig_make_admit(rig(), &c.v, &c.b, &c.a);
	granted(&c.a, NULL);
	ms_softkey_free(stranger);
	admit_case_end(&c);
}

static void
make_approval(struct admit_case *c, const struct rig_op *op, const struct ms_args_approve *args)
{
	struct ms_err err;
	struct ms_buf body, statement;
	char authority[80] = "operator:";
	static const uint8_t claims[32] = {1};
	struct ms_buf data;
	ms_buf_init(&body, 1024);
	ms_buf_init(&statement, 8192);
	CHECK_OK(ms_cbor_build_map(&ms_args_approve_table, args, &body, &err), &err);
	struct rig_op o = *op;
	o.args = ms_buf_span(&body);
	rig_make_op(rig(), &o, &statement);
	rig_act_init(&c->a, MS_ACT_ADMIT, "device.admit");
	const struct ms_act_admit p = {.binding = ms_buf_span(&c->v.binding), .authority = ms_buf_span(&statement)};
	CHECK_OK(ms_cbor_build_map(&ms_act_admit_table, &p, &c->a.params, &err), &err);
	ms_hex(ms_pubkey_id(ms_softkey_public(o.by)), 32, authority + 9);
	const struct ms_data_admit d = {.authority = ms_span_str(authority), .claims = ms_span(claims, 32)};
	ms_buf_init(&data, 1024);
	CHECK_OK(ms_cbor_build_map(&ms_data_admit_table, &d, &data, &err), &err);
	c->a.entry.data = ms_span(test_dup(data.p, data.len), data.len);
	c->a.entry.subject = ms_span_str(c->v.id);
	ms_buf_fini(&body);
	ms_buf_fini(&statement);
	ms_buf_fini(&data);
}

/* What the operator should have looked at; *hash is memory for it. */
static struct ms_args_approve
approval_of(const struct rig_device *v, uint8_t hash[static 32])
{
	ms_sha256(ms_buf_span(&v->transcript), hash);
	return (struct ms_args_approve){.device = ms_span_str(v->id),
	    .ek_hash = ms_span(v->tpm.ek_hash, 32),
	    .ak_name = ms_tpm_name_span(&v->tpm.ak_name),
	    .transcript_hash = ms_span(hash, 32)};
}

MS_TEST(an_approval_of_exactly_this_enrolment_admits_it_later_too)
{
	struct admit_case c;
	uint8_t hash[32];
	struct rig_op op = {.by = NULL, .operation = "device.approve"};
	admit_case_new(&c);
	struct ms_args_approve args = approval_of(&c.v, hash);
	op.by = rig()->d.admin;
	make_approval(&c, &op, &args);
	granted(&c.a, NULL);
	op.issued_s = ms_clock_wall_s() - 86400; /* decided yesterday: still decided */
	make_approval(&c, &op, &args);
	granted(&c.a, NULL);
	admit_case_end(&c);
}

MS_TEST(I13_an_approval_of_another_enrolment_admits_no_one)
{
	struct admit_case c;
	uint8_t hash[32], other_hash[32];
	static const uint8_t zeros[34];
	(void)rig();
	struct rig_op op = {.by = rig()->d.admin, .operation = "device.approve"};
	admit_case_new(&c);
	struct ms_args_approve args = approval_of(&dev, hash);
	make_approval(&c, &op, &args);
	refused_with(&c.a, MS_ERR_AUTH);
	for (int what = 0; what < 4; what++) {
		args = approval_of(&c.v, hash);
		ms_sha256(ms_span_str("an earlier try"), other_hash);
		if (what == 0)
			args.transcript_hash = ms_span(other_hash, 32);
		else if (what == 1)
			args.ak_name = ms_span(zeros, 34);
		else if (what == 2)
			args.ek_hash = ms_span(zeros, 32);
		else
			args.device = ms_span_str(dev.id);
		make_approval(&c, &op, &args);
		refused_with(&c.a, MS_ERR_AUTH);
	}
	admit_case_end(&c);
}

MS_TEST(I5_only_an_administrator_of_the_tenant_approves)
{
	struct admit_case c;
	uint8_t hash[32];
	admit_case_new(&c);
	struct ms_args_approve args = approval_of(&c.v, hash);
	struct rig_op op = {.by = rig()->d.factory, .operation = "device.approve"};
	make_approval(&c, &op, &args);
	refused_with(&c.a, MS_ERR_DENIED);
	op.by = rig()->d.other_admin;
	make_approval(&c, &op, &args);
	refused_with(&c.a, MS_ERR_AUTH);
	op = (struct rig_op){.by = rig()->d.admin, .operation = "device.approve", .tenant = "other"};
	make_approval(&c, &op, &args);
	refused_with(&c.a, MS_ERR_AUTH);
	op = (struct rig_op){.by = rig()->d.admin, .operation = "device.revoke"};
	make_approval(&c, &op, &args);
	refused(&c.a);
	op = (struct rig_op){.by = rig()->d.admin, .operation = "device.approve", .life_s = 301};
	make_approval(&c, &op, &args);
	refused_with(&c.a, MS_ERR_AUTH);
	op = (struct rig_op){.by = rig()->d.admin, .operation = "device.approve", .issued_s = ms_clock_wall_s() + 1000};
	make_approval(&c, &op, &args);
	refused_with(&c.a, MS_ERR_EXPIRED);
	admit_case_end(&c);
}

/* A binding that another key signed, and one that is an admission. */
MS_TEST(I13_a_binding_by_another_key_admits_no_one)
{
	struct ms_err err;
	struct admit_case c;
	struct ms_statement st;
	struct ms_buf forged;
	admit_case_new(&c);
	const struct ms_statement_expect x = {.kind = "binding",
	    .deployment = rig()->d.root->deployment,
	    .audience = "server",
	    .tenant = TEST_TENANT,
	    .now_s = ms_clock_wall_s(),
	    .skew_s = 300};
	CHECK_OK(ms_statement_verify(ms_buf_span(&c.v.binding), rig()->d.root->release, &x, &st, &err), &err);
	struct ms_signer s = ms_softkey_signer(rig()->d.admin);
	const struct ms_statement_fields f = {.kind = "binding",
	    .deployment = rig()->d.root->deployment,
	    .audience = "server",
	    .tenant = TEST_TENANT,
	    .issued_s = st.issued_s,
	    .expires_s = st.expires_s,
	    .body = st.body};
	ms_buf_init(&forged, 8192);
	CHECK_OK(ms_statement_sign(&s, &f, &forged, &err), &err);
	struct ms_buf good = c.v.binding;
	c.v.binding = forged;
	rig_make_admit(rig(), &c.v, &c.b, &c.a);
	refused_with(&c.a, MS_ERR_AUTH);
	c.v.binding = dev.admission;
	rig_make_admit(rig(), &c.v, &c.b, &c.a);
	refused_with(&c.a, MS_ERR_AUTH);
	c.v.binding = good;
	ms_buf_fini(&forged);
	admit_case_end(&c);
}

/* ---- identity ---- */

MS_TEST(I13_a_foreign_AKs_quote_or_certification_gets_no_certificate)
{
	struct rig_act a;
	struct rig_ask q = ask_identity();
	q.quoter = &other_dev.tpm;
	rig_make_identity(rig(), &dev, &q, &a);
	refused_with(&a, MS_ERR_AUTH);
	q = ask_identity();
	q.certifier = &other_dev.tpm;
	rig_make_identity(rig(), &dev, &q, &a);
	refused_with(&a, MS_ERR_AUTH);
}

MS_TEST(I13_an_admission_by_another_key_or_of_another_device_gets_no_certificate)
{
	struct ms_err err;
	struct rig_act a;
	struct ms_statement st;
	struct ms_buf forged;
	struct rig_ask q = ask_identity();
	q.admission = ms_buf_span(&other_dev.admission);
	rig_make_identity(rig(), &dev, &q, &a);
	refused_with(&a, MS_ERR_AUTH);
	q.admission = ms_buf_span(&dev.binding);
	rig_make_identity(rig(), &dev, &q, &a);
	refused_with(&a, MS_ERR_AUTH);
	const struct ms_statement_expect x = {.kind = "admission",
	    .deployment = rig()->d.root->deployment,
	    .audience = "all",
	    .tenant = TEST_TENANT,
	    .now_s = ms_clock_wall_s(),
	    .skew_s = 300};
	CHECK_OK(ms_statement_verify(ms_buf_span(&dev.admission), rig()->d.root->release, &x, &st, &err), &err);
	struct ms_signer s = ms_softkey_signer(rig()->d.admin);
	const struct ms_statement_fields f = {.kind = "admission",
	    .deployment = rig()->d.root->deployment,
	    .audience = "all",
	    .tenant = TEST_TENANT,
	    .issued_s = st.issued_s,
	    .expires_s = st.expires_s,
	    .body = st.body};
	ms_buf_init(&forged, 8192);
	CHECK_OK(ms_statement_sign(&s, &f, &forged, &err), &err);
	q.admission = ms_buf_span(&forged);
	rig_make_identity(rig(), &dev, &q, &a);
	refused_with(&a, MS_ERR_AUTH);
	ms_buf_fini(&forged);
}

MS_TEST(I7_a_quote_over_another_nonce_purpose_tenant_or_connection_is_refused)
{
	struct rig_act a;
	static const uint8_t exporter[32] = {7};
	struct rig_ask q = ask_identity();
	q.purpose = MS_PURPOSE_ATTEST;
	rig_make_identity(rig(), &dev, &q, &a);
	refused_with(&a, MS_ERR_AUTH);
	q.purpose = MS_PURPOSE_SECRET;
	rig_make_identity(rig(), &dev, &q, &a);
	refused_with(&a, MS_ERR_AUTH);
	q = ask_identity();
	q.tenant = "other";
	rig_make_identity(rig(), &dev, &q, &a);
	refused_with(&a, MS_ERR_AUTH);
	q = ask_identity();
	q.exporter = exporter;
	rig_make_identity(rig(), &dev, &q, &a);
	refused_with(&a, MS_ERR_AUTH);
}

MS_TEST(I7_a_nonce_of_another_time_is_refused)
{
	static const int64_t apart[] = {-700, 400, 86400};
	for (size_t i = 0; i < 3; i++) {
		struct rig_act a;
		uint8_t nonce[MS_NONCE_LEN];
		struct rig_ask q = ask_identity();
		rig_nonce((uint64_t)((int64_t)ms_clock_wall_s() + apart[i]), nonce);
		q.nonce = nonce;
		rig_make_identity(rig(), &dev, &q, &a);
		refused_with(&a, MS_ERR_EXPIRED);
	}
}

MS_TEST(I7_a_nonce_is_for_one_request_only)
{
	struct rig_act a;
	struct softtpm_key second;
	uint8_t nonce[MS_NONCE_LEN];
	struct rig_ask q = ask_identity();
	rig_nonce(ms_clock_wall_s() + 100, nonce);
	q.nonce = nonce;
	rig_make_identity(rig(), &dev, &q, &a);
	CHECK_INT(rig_send(rig(), &a, NULL), MS_OK);
	granted(&a, NULL); /* the same act again: the same certificate */
	softtpm_identity_key(&second);
	q.key = &second;
	rig_make_identity(rig(), &dev, &q, &a);
	refused_with(&a, MS_ERR_REPLAY);
	struct rig_ask s = ask_release();
	s.nonce = nonce;
	rig_make_release(rig(), &dev, &s, &a);
	refused_with(&a, MS_ERR_REPLAY);
	softtpm_key_fini(&second);
}

MS_TEST(I16_only_an_identity_key_gets_a_certificate)
{
	struct rig_act a;
	struct softtpm_key fake = sealing_key;
	struct rig_ask q = ask_identity();
	fake = sealing_key;
	fake.sign = identity_key.sign; /* for the rig's own TBS only */
	q.key = &fake;
	rig_make_identity(rig(), &dev, &q, &a);
	refused(&a);
}

/* The request chooses no name: what the certificate says comes from the admission, and must be what the leaf says. */
MS_TEST(I13_a_foreign_name_gets_no_certificate)
{
	struct rig_act a;
	struct rig_ask q = ask_identity();
	q.hw_serial = "SN-2";
	rig_make_identity(rig(), &dev, &q, &a);
	refused_with(&a, MS_ERR_AUTH);
}

MS_TEST(a_certificate_does_not_live_beyond_its_profile)
{
	struct rig_act a;
	struct rig_ask q = ask_identity();
	q.life_s = MS_CERT_DEVICE_LIFE_S;
	rig_make_identity(rig(), &dev, &q, &a);
	refused(&a);
	q.life_s = UINT64_C(365) * 86400;
	rig_make_identity(rig(), &dev, &q, &a);
	refused(&a);
}

/* The entry's data says another certificate: longer, with another serial, or CA-shaped (any other TBS). */
MS_TEST(I13_a_certificate_that_the_leaf_does_not_name_is_refused)
{
	struct ms_err err;
	for (int what = 0; what < 4; what++) {
		struct rig_act a;
		struct ms_data_cert d;
		struct ms_buf b;
		make_identity(&a);
		CHECK_OK(ms_cbor_parse_map(&ms_data_cert_table, a.entry.data, &d, &err), &err);
		uint8_t tbs[32], serial[16];
		memcpy(tbs, d.tbs.p, 32);
		memcpy(serial, d.serial.p, 16);
		tbs[0] ^= what == 0;
		serial[15] ^= what == 1;
		d.not_after_s += what == 2;
		d.not_before_s -= what == 3;
		d.tbs = ms_span(tbs, 32);
		d.serial = ms_span(serial, 16);
		ms_buf_init(&b, 512);
		CHECK_OK(ms_cbor_build_map(&ms_data_cert_table, &d, &b, &err), &err);
		free((void *)(uintptr_t)a.entry.data.p);
		a.entry.data = ms_span(test_dup(b.p, b.len), b.len);
		ms_buf_fini(&b);
		refused_with(&a, MS_ERR_AUTH);
	}
}
