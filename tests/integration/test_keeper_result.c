/* keeper and a core that was taken over, once more: what it could get signed as an attestation result. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "crypto/cosesig.h"
#include "crypto/hash.h"
#include "identity/ear_read.h"
#include "support/keeper_fixture.h"
#include "support/test.h"

#define LIFE_S 600u
static const uint8_t party_nonce[16] = {1, 2, 3};
static struct ms_data_result said;

/* A true one: boot and configuration judged, nothing failed. */
static struct rig_ask
ask_result(void)
{
	(void)rig();
	said = (struct ms_data_result){.judged = MS_EAR_JUDGED_BOOT | MS_EAR_JUDGED_CONFIG, .expires_s = ms_clock_wall_s() + LIFE_S};
	return (struct rig_ask){.said = &said,
	    .result = {.present = MS_CBOR_BIT(MS_RESULT_REQ_NONCE) | MS_CBOR_BIT(MS_RESULT_REQ_AUDIENCE),
		.nonce = ms_span(party_nonce, sizeof party_nonce),
		.audience = ms_span_str("gate")}};
}

static struct ms_jws_keys *
keys_of(const struct ms_pubkey *k)
{
	struct ms_err err;
	struct ms_jws_keys *keys = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf text = {0};
	ms_buf_init(&text, MS_JWKS_MAX);
	CHECK_OK(ms_jwks_build(&k, 1, &text, &err), &err);
	CHECK_OK(ms_jws_keys_load(ms_buf_span(&text), &keys, &err), &err);
	return keys;
}

static enum ms_token_reason
read_token(const struct ms_pubkey *k, const struct ms_buf *token, struct ms_ear_read *r)
{
	struct ms_err err;
	enum ms_token_reason reason = MS_TOKEN_OK;
	MS_OWN(ms_jws_keys_free) struct ms_jws_keys *keys = keys_of(k);
	const struct ms_ear_expect x = {.now_s = ms_clock_wall_s(), .nonce = ms_span(party_nonce, sizeof party_nonce), .audience = "gate"};
	CHECK((ms_ear_verify(keys, ms_buf_span(token), &x, r, &reason, &err) == MS_OK) == (reason == MS_TOKEN_OK));
	return reason;
}

static const json_t *
submod(const struct ms_ear_read *r)
{
	return json_object_get(json_object_get(r->claims, "submods"), MS_EAR_SUBMOD);
}

static void
refused_said(enum ms_rc want)
{
	struct rig_act a;
	struct ms_data_result changed = said;
	struct rig_ask q = ask_result();
	said = changed;
	rig_make_result(rig(), &dev, &q, &a);
	refused_with(&a, want);
}

MS_TEST(I2_a_result_says_what_its_log_entry_says_and_where_that_is)
{
	struct rig_act a;
	struct ms_node leaf;
	char hex[65];
	MS_OWN(ms_buf_fini) struct ms_buf token = {0};
	MS_OWN(ms_ear_read_fini) struct ms_ear_read r = {.claims = NULL};
	struct rig_ask q = ask_result();
	ms_buf_init(&token, MS_JWS_MAX);
	rig_make_result(rig(), &dev, &q, &a);
	CHECK_INT(rig_send(rig(), &a, &token), MS_OK);
	CHECK_INT(read_token(rig()->d.root->token, &token, &r), MS_TOKEN_OK);
	CHECK_INT(r.status, MS_EAR_AFFIRMING);
	CHECK_INT(r.expires_s, said.expires_s);
	const json_t *own = json_object_get(submod(&r), "ear_verifier_claims"),
		     *v = json_object_get(submod(&r), "ear_trustworthiness_vector");
	CHECK_INT(json_integer_value(json_object_get(own, "muster_log_index")), a.entry.seq);
	ms_merkle_leaf(ms_buf_span(&a.wire), &leaf);
	ms_hex(leaf.h, sizeof leaf.h, hex);
	assert_string_equal(json_string_value(json_object_get(own, "muster_log_leaf")), hex);
	assert_string_equal(json_string_value(json_object_get(own, "muster_device")), dev.id);
	CHECK_INT(json_integer_value(json_object_get(v, "executables")), 3);
	CHECK_INT(json_integer_value(json_object_get(v, "configuration")), 2);
	CHECK_INT(json_integer_value(json_object_get(v, "hardware")), 0);
	rig_act_fini(&a);
}

MS_TEST(a_result_of_failed_evidence_is_contraindicated)
{
	struct rig_act a;
	MS_OWN(ms_buf_fini) struct ms_buf token = {0};
	MS_OWN(ms_ear_read_fini) struct ms_ear_read r = {.claims = NULL};
	struct rig_ask q = ask_result();
	said.failed = MS_EAR_JUDGED_BOOT;
	ms_buf_init(&token, MS_JWS_MAX);
	rig_make_result(rig(), &dev, &q, &a);
	granted(&a, &token);
	CHECK_INT(read_token(rig()->d.root->token, &token, &r), MS_TOKEN_OK);
	CHECK_INT(r.status, MS_EAR_CONTRAINDICATED);
	CHECK_INT(json_integer_value(json_object_get(json_object_get(submod(&r), "ear_trustworthiness_vector"), "executables")), 96);
}

MS_TEST(I16_a_result_is_signed_by_the_token_key_and_no_other)
{
	struct rig_act a;
	struct ms_statement st;
	struct ms_err err;
	MS_OWN(ms_buf_fini) struct ms_buf token = {0};
	MS_OWN(ms_ear_read_fini) struct ms_ear_read r = {.claims = NULL};
	struct rig_ask q = ask_result();
	ms_buf_init(&token, MS_JWS_MAX);
	rig_make_result(rig(), &dev, &q, &a);
	granted(&a, &token);
	CHECK_INT(read_token(rig()->d.root->release, &token, &r), MS_TOKEN_KID_UNKNOWN);
	/* and that key signs nothing else: what keeper says of a device does not verify with it */
	const struct ms_statement_expect x = {.kind = "admission",
	    .deployment = rig()->d.root->deployment,
	    .audience = "all",
	    .tenant = TEST_TENANT,
	    .now_s = ms_clock_wall_s(),
	    .skew_s = 300};
	CHECK(ms_statement_verify(ms_buf_span(&dev.admission), rig()->d.root->token, &x, &st, &err) == MS_ERR_AUTH);
}

MS_TEST(I13_no_result_without_a_leaf_of_its_own)
{
	static const char *const kinds[] = {"device.attest", "cert.issue", "result.refuse"};
	struct rig_act a;
	struct rig_ask q = ask_result();
	rig_make_result(rig(), &dev, &q, &a);
	a.entry.kind = MS_SPAN_NONE; /* no entry, no ticket */
	refused_with(&a, MS_ERR_AUTH);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		rig_make_result(rig(), &dev, &q, &a);
		a.entry.kind = ms_span_str(kinds[i]);
		refused_with(&a, MS_ERR_AUTH);
	}
	rig_make_result(rig(), &dev, &q, &a);
	a.entry.decision = ms_span_str("fail");
	refused_with(&a, MS_ERR_AUTH);
	rig_make_result(rig(), &dev, &q, &a);
	a.keep_digest = true; /* the entry is of another act */
	refused_with(&a, MS_ERR_AUTH);
}

/* The status comes from the entry alone; an entry changed after it was logged has no ticket. */
MS_TEST(I13_a_status_other_than_the_logged_one_is_refused)
{
	struct rig_act a, b;
	struct rig_ask q = ask_result();
	uint8_t nonce[MS_NONCE_LEN];
	rig_nonce(ms_clock_wall_s() + 100, nonce);
	q.nonce = nonce;
	said.failed = MS_EAR_JUDGED_BOOT;
	rig_make_result(rig(), &dev, &q, &a); /* logged: failed */
	CHECK_INT(rig_send(rig(), &a, NULL), MS_OK);
	said.failed = 0;
	rig_make_result(rig(), &dev, &q, &b); /* said: passed, with the ticket of the other */
	b.entry.seq = a.entry.seq;
	b.entry.time_s = a.entry.time_s;
	b.entry.tenant = a.entry.tenant;
	ms_buf_put_span(&b.ticket, ms_buf_span(&a.ticket));
	ms_sha256(ms_buf_span(&b.params), b.digest);
	b.entry.act = ms_span(b.digest, sizeof b.digest);
	b.entry.v = a.entry.v;
	CHECK_INT(ms_entry_build(&b.entry, &b.wire, NULL), MS_OK);
	refused_with(&b, MS_ERR_AUTH);
	rig_act_fini(&a);
}

MS_TEST(I13_an_admission_of_another_device_or_a_foreign_quote_gets_no_result)
{
	struct rig_act a;
	struct rig_ask q = ask_result();
	q.admission = ms_buf_span(&other_dev.admission);
	rig_make_result(rig(), &dev, &q, &a);
	refused_with(&a, MS_ERR_AUTH);
	rig_make_result(rig(), &dev, &q, &a);
	a.entry.subject = ms_span_str(other_dev.id); /* as if it were about that one */
	refused_with(&a, MS_ERR_AUTH);
	q.admission = ms_buf_span(&dev.binding);
	rig_make_result(rig(), &dev, &q, &a);
	refused_with(&a, MS_ERR_AUTH);
	q = ask_result();
	q.quoter = &other_dev.tpm;
	rig_make_result(rig(), &dev, &q, &a);
	refused_with(&a, MS_ERR_AUTH);
	q = ask_result();
	rig_make_result(rig(), &dev, &q, &a);
	a.entry.subject = ms_span_str(other_dev.id);
	refused_with(&a, MS_ERR_AUTH);
	rig_make_result(rig(), &dev, &q, &a);
	a.entry.evidence = ms_span(party_nonce, 16); /* no evidence id at all */
	a.entry.evidence = MS_SPAN_NONE;
	refused_with(&a, MS_ERR_AUTH);
	rig_make_result(rig(), &dev, &q, &a);
	a.entry.request = a.entry.evidence; /* about another request */
	refused_with(&a, MS_ERR_AUTH);
}

MS_TEST(I7_a_quote_for_another_purpose_tenant_or_connection_is_no_result)
{
	static const enum ms_purpose others[] = {MS_PURPOSE_ATTEST, MS_PURPOSE_IDENTITY, MS_PURPOSE_SECRET};
	static const uint8_t exporter[32] = {7};
	struct rig_act a;
	struct rig_ask q = ask_result();
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		q.purpose = others[i];
		rig_make_result(rig(), &dev, &q, &a);
		refused_with(&a, MS_ERR_AUTH);
	}
	q = ask_result();
	q.tenant = "other";
	rig_make_result(rig(), &dev, &q, &a);
	refused_with(&a, MS_ERR_AUTH);
	q = ask_result();
	q.exporter = exporter;
	rig_make_result(rig(), &dev, &q, &a);
	refused_with(&a, MS_ERR_AUTH);
}

MS_TEST(I7_a_nonce_gets_one_result_only)
{
	struct rig_act a;
	uint8_t nonce[MS_NONCE_LEN];
	struct rig_ask q = ask_result();
	rig_nonce(ms_clock_wall_s() + 100, nonce);
	q.nonce = nonce;
	rig_make_result(rig(), &dev, &q, &a);
	CHECK_INT(rig_send(rig(), &a, NULL), MS_OK);
	rig_act_fini(&a);
	q.result.audience = ms_span_str("another gate"); /* so another request, rightly quoted and logged */
	rig_make_result(rig(), &dev, &q, &a);
	refused_with(&a, MS_ERR_REPLAY);
	struct rig_ask i = ask_identity();
	i.nonce = nonce;
	rig_make_identity(rig(), &dev, &i, &a);
	refused_with(&a, MS_ERR_REPLAY);
}

MS_TEST(I14_a_result_lives_a_day_at_most_and_names_its_quote_and_policy)
{
	struct rig_act a;
	static const uint8_t other[MS_NONCE_LEN] = {9};
	struct rig_ask q = ask_result();
	said.expires_s = ms_clock_wall_s() + MS_EAR_LIFE_MAX_S + 60;
	refused_said(MS_ERR_USAGE);
	(void)ask_result();
	said.expires_s = ms_clock_wall_s() - 1;
	refused_said(MS_ERR_EXPIRED);
	(void)ask_result();
	said.nonce = ms_span(other, sizeof other);
	refused_said(MS_ERR_AUTH);
	q = ask_result();
	q.no_policy = true;
	rig_make_result(rig(), &dev, &q, &a);
	refused_with(&a, MS_ERR_AUTH);
}

MS_TEST(I13_an_entry_whose_judgement_makes_no_sense_gets_no_result)
{
	(void)ask_result();
	said.failed = MS_EAR_JUDGED_FILES; /* was not judged */
	refused_said(MS_ERR_MALFORMED);
	(void)ask_result();
	said.waived = MS_EAR_JUDGED_OTHER;
	refused_said(MS_ERR_MALFORMED);
	(void)ask_result();
	said.failed = said.waived = MS_EAR_JUDGED_BOOT;
	refused_said(MS_ERR_MALFORMED);
}
