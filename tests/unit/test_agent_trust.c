/* What an agent believes of a server's answers: everything right is taken, and each thing that is wrong alone is refused. */
#include "support/test.h"

#include "support/agentworld.h"

static struct world w;

static void
fresh(void)
{
	static bool made;
	if (made)
		world_free(&w);
	world_new(&w);
	made = true;
}

/* ---- challenge ---- */

static enum ms_rc
take_challenge(const struct world_challenge *c, uint64_t seen_s)
{
	struct ms_challenge got = {.key = NULL};
	enum ms_rc rc = ms_trust_challenge(&w.trust, world_challenge_wire(&w, c), MS_PURPOSE_ATTEST, seen_s, &got, NULL);
	if (rc == MS_OK)
		CHECK(got.now_s == WORLD_NOW && memcmp(got.nonce, w.nonce, sizeof w.nonce) == 0);
	ms_challenge_fini(&got);
	return rc;
}

MS_TEST(challenge_by_a_key_of_the_release_key_is_taken_whatever_the_local_clock)
{
	fresh();
	struct world_challenge c = world_challenge(&w);
	CHECK_INT(take_challenge(&c, 0), MS_OK);
	CHECK_INT(take_challenge(&c, WORLD_NOW + MS_TRUST_SKEW_S), MS_OK);
}

MS_TEST(I13_challenge_whose_key_another_key_vouches_for_is_refused)
{
	fresh();
	struct world_challenge c = world_challenge(&w);
	c.key.by = w.other;
	CHECK_INT(take_challenge(&c, 0), MS_ERR_AUTH);
	c.key.by = w.boot; /* vouching for itself */
	CHECK_INT(take_challenge(&c, 0), MS_ERR_AUTH);
}

MS_TEST(I13_challenge_by_another_key_than_its_own_is_refused)
{
	fresh();
	struct world_challenge c = world_challenge(&w);
	c.challenge.by = w.other;
	CHECK_INT(take_challenge(&c, 0), MS_ERR_AUTH);
	c.challenge.by = w.release; /* one key, one purpose */
	CHECK_INT(take_challenge(&c, 0), MS_ERR_AUTH);
}

MS_TEST(I14_challenge_of_another_tenant_audience_kind_purpose_or_time_is_refused)
{
	fresh();
	struct world_challenge c = world_challenge(&w);
	c.challenge.tenant = "other";
	CHECK_INT(take_challenge(&c, 0), MS_ERR_AUTH);
	c = world_challenge(&w);
	c.challenge.audience = "server";
	CHECK_INT(take_challenge(&c, 0), MS_ERR_AUTH);
	c = world_challenge(&w);
	c.challenge.kind = "verdict";
	CHECK_INT(take_challenge(&c, 0), MS_ERR_AUTH);
	c = world_challenge(&w);
	c.key.tenant = "default";
	CHECK_INT(take_challenge(&c, 0), MS_ERR_AUTH);
	c = world_challenge(&w);
	c.body.purpose = ms_span_str("secret");
	CHECK_INT(take_challenge(&c, 0), MS_ERR_AUTH);
	c = world_challenge(&w);
	c.key.expires_s = WORLD_NOW - MS_TRUST_SKEW_S;
	c.key.issued_s = WORLD_NOW - 1000;
	CHECK_INT(take_challenge(&c, 0), MS_ERR_EXPIRED);
	c = world_challenge(&w);
	c.challenge.issued_s = WORLD_NOW + MS_TRUST_SKEW_S + 1;
	c.challenge.expires_s = c.challenge.issued_s + 100;
	CHECK_INT(take_challenge(&c, 0), MS_ERR_EXPIRED);
}

MS_TEST(I15_signed_time_never_goes_back)
{
	fresh();
	struct world_challenge c = world_challenge(&w);
	CHECK_INT(take_challenge(&c, WORLD_NOW + MS_TRUST_SKEW_S + 1), MS_ERR_REPLAY);
}

MS_TEST(challenge_with_any_flipped_bit_is_refused)
{
	fresh();
	struct world_challenge c = world_challenge(&w);
	struct ms_span wire = world_challenge_wire(&w, &c);
	for (size_t i = 0; i < wire.len; i++) {
		uint8_t *copy = test_dup(wire.p, wire.len);
		struct ms_challenge got = {.key = NULL};
		copy[i] ^= (uint8_t)(1u << (i % 8));
		CHECK(ms_trust_challenge(&w.trust, ms_span(copy, wire.len), MS_PURPOSE_ATTEST, 0, &got, NULL) != MS_OK);
		CHECK(got.key == NULL);
		free(copy);
	}
}

/* ---- enrolment ---- */

static enum ms_rc
take_enroll(const struct world_enroll *e, bool logged)
{
	struct ms_enroll_answer a;
	struct ms_trust_device d = world_device(&w);
	d.id = NULL;
	return ms_trust_enrolled(&w.trust, &d, world_enroll_wire(&w, e), logged, &a, NULL);
}

MS_TEST(enrolment_that_is_about_us_and_logged_is_taken)
{
	fresh();
	struct world_enroll e = world_enroll(&w);
	CHECK_INT(take_enroll(&e, true), MS_OK);
	e.status = "pending";
	e.no_admission = true;
	e.entry.kind = ms_span_str("device.bind");
	CHECK_INT(take_enroll(&e, true), MS_OK);
}

MS_TEST(I11_enrolment_that_is_not_logged_or_in_another_log_is_refused)
{
	fresh();
	struct world_enroll e = world_enroll(&w);
	e.no_entry = true;
	CHECK_INT(take_enroll(&e, true), MS_ERR_AUTH);
	CHECK_INT(take_enroll(&e, false), MS_OK); /* a later question how it stands logs nothing */
	e = world_enroll(&w);
	e.log = w.other_log;
	CHECK_INT(take_enroll(&e, true), MS_ERR_AUTH);
	CHECK_INT(take_enroll(&e, false), MS_ERR_AUTH);
	e = world_enroll(&w);
	e.entry.kind = ms_span_str("device.bind");
	CHECK_INT(take_enroll(&e, true), MS_ERR_AUTH);
	e = world_enroll(&w);
	e.entry.subject = ms_span_str("somebody else");
	CHECK_INT(take_enroll(&e, true), MS_ERR_AUTH);
	e = world_enroll(&w);
	e.entry.tenant = ms_span_str("other");
	CHECK_INT(take_enroll(&e, true), MS_ERR_AUTH);
}

MS_TEST(I13_enrolment_by_another_key_is_refused)
{
	fresh();
	struct world_enroll e = world_enroll(&w);
	e.admission_sign.by = w.boot;
	CHECK_INT(take_enroll(&e, true), MS_ERR_AUTH);
	e = world_enroll(&w);
	e.binding_sign.by = w.other;
	CHECK_INT(take_enroll(&e, true), MS_ERR_AUTH);
	e = world_enroll(&w);
	e.no_admission = true;
	CHECK(take_enroll(&e, true) != MS_OK);
}

MS_TEST(enrolment_of_another_ek_ak_or_transcript_is_refused)
{
	static const uint8_t other[90] = {5};
	fresh();
	struct world_enroll e = world_enroll(&w);
	e.binding.transcript_hash = ms_span(other, 32);
	CHECK_INT(take_enroll(&e, true), MS_ERR_AUTH);
	e = world_enroll(&w);
	e.binding.ak_name = ms_span(other, 34);
	CHECK_INT(take_enroll(&e, true), MS_ERR_AUTH);
	e = world_enroll(&w);
	e.admission.ek_hash = ms_span(other, 32);
	CHECK_INT(take_enroll(&e, true), MS_ERR_AUTH);
	e = world_enroll(&w);
	e.admission.ak_public = ms_span(other, 90);
	CHECK_INT(take_enroll(&e, true), MS_ERR_AUTH);
	e = world_enroll(&w);
	e.admission.device = ms_span_str(WORLD_EK "-2");
	CHECK_INT(take_enroll(&e, true), MS_ERR_AUTH);
	e = world_enroll(&w);
	w.ek_hash[0] ^= 1; /* it is we who are another */
	CHECK_INT(take_enroll(&e, true), MS_ERR_AUTH);
}

/* ---- attested requests ---- */

static struct ms_challenge
challenge(void)
{
	struct ms_challenge c = {.purpose = MS_PURPOSE_SECRET, .now_s = WORLD_NOW};
	memcpy(c.nonce, w.nonce, sizeof c.nonce);
	must(ms_pubkey_from_point(ms_pubkey_point(ms_softkey_public(w.boot)).p, &c.key, NULL));
	return c;
}

static enum ms_rc
take_verdict(struct world_attested *a)
{
	struct ms_attested_answer got;
	const struct ms_trust_device d = world_device(&w);
	const struct ms_trust_sent sent = world_sent();
	struct ms_challenge c = challenge();
	enum ms_rc rc = ms_trust_attested(&w.trust, &d, &c, &sent, world_attested_wire(&w, a), &got, NULL);
	ms_challenge_fini(&c);
	return rc;
}

static enum ms_rc
take_secret(struct world_attested *a, uint64_t least)
{
	struct ms_attested_answer got;
	struct ms_secret_body body;
	const struct ms_trust_device d = world_device(&w);
	const struct ms_trust_sent sent = world_sent();
	struct ms_challenge c = challenge();
	const struct ms_trust_secret_ask ask = {
	    .path = ms_span_str(WORLD_PATH), .least = least, .key_name = ms_span(w.key_name, 34), .evidence = ms_span(a->evidence, 32)};
	enum ms_rc rc = ms_trust_attested(&w.trust, &d, &c, &sent, world_attested_wire(&w, a), &got, NULL);
	if (rc == MS_OK)
		rc = ms_trust_secret(&w.trust, &d, &got, &c, &ask, &body, NULL);
	ms_challenge_fini(&c);
	return rc;
}

MS_TEST(verdict_and_secret_that_are_right_in_every_part_are_taken)
{
	fresh();
	struct world_attested a;
	world_attested_init(&w, &a);
	CHECK_INT(take_verdict(&a), MS_OK);
	CHECK_INT(take_secret(&a, 3), MS_OK);
}

MS_TEST(I14_older_secret_version_than_was_had_is_refused)
{
	fresh();
	struct world_attested a;
	world_attested_init(&w, &a);
	CHECK_INT(take_secret(&a, 4), MS_ERR_REPLAY);
}

MS_TEST(I11_act_that_is_missing_in_the_log_or_in_another_log_is_refused)
{
	fresh();
	struct world_attested a;
	world_attested_init(&w, &a);
	a.no_act = true;
	CHECK_INT(take_secret(&a, 0), MS_ERR_AUTH);
	world_attested_init(&w, &a);
	a.no_act_ticket = true;
	CHECK(take_secret(&a, 0) != MS_OK);
	world_attested_init(&w, &a);
	a.act_log = w.other_log;
	CHECK_INT(take_secret(&a, 0), MS_ERR_AUTH);
	world_attested_init(&w, &a);
	a.log = w.other_log;
	CHECK_INT(take_verdict(&a), MS_ERR_AUTH);
	world_attested_init(&w, &a);
	a.other_leaf = true;
	CHECK_INT(take_secret(&a, 0), MS_ERR_AUTH);
	world_attested_init(&w, &a);
	a.act.kind = ms_span_str("cert.issue");
	CHECK_INT(take_secret(&a, 0), MS_ERR_AUTH);
	world_attested_init(&w, &a);
	a.act.decision = ms_span_str("denied");
	CHECK_INT(take_secret(&a, 0), MS_ERR_AUTH);
}

MS_TEST(I11_log_that_says_something_else_than_the_verdict_or_release_is_refused)
{
	fresh();
	struct world_attested a;
	world_attested_init(&w, &a);
	a.entry.decision = ms_span_str("fail");
	CHECK_INT(take_verdict(&a), MS_ERR_AUTH);
	world_attested_init(&w, &a);
	a.entry.request = ms_span(a.request_hash, 32);
	CHECK_INT(take_verdict(&a), MS_ERR_AUTH);
	world_attested_init(&w, &a);
	a.entry.evidence = ms_span(a.request_hash, 32);
	CHECK_INT(take_verdict(&a), MS_ERR_AUTH);
	world_attested_init(&w, &a);
	a.act.request = ms_span(a.body_hash, 32);
	CHECK_INT(take_secret(&a, 0), MS_ERR_AUTH);
	world_attested_init(&w, &a);
	a.release.version = 4;
	CHECK_INT(take_secret(&a, 0), MS_ERR_AUTH);
	world_attested_init(&w, &a);
	a.release.path = ms_span_str("app/other");
	CHECK_INT(take_secret(&a, 0), MS_ERR_AUTH);
}

MS_TEST(I13_verdict_or_secret_by_another_key_is_refused)
{
	fresh();
	struct world_attested a;
	world_attested_init(&w, &a);
	a.sign.by = w.other;
	CHECK_INT(take_verdict(&a), MS_ERR_AUTH);
	world_attested_init(&w, &a);
	a.secret_sign.by = w.boot; /* core cannot make a secret */
	CHECK_INT(take_secret(&a, 0), MS_ERR_AUTH);
}

MS_TEST(verdict_for_another_device_nonce_tenant_or_time_is_refused)
{
	static const uint8_t nonce[MS_NONCE_LEN] = {1};
	fresh();
	struct world_attested a;
	world_attested_init(&w, &a);
	a.sign.audience = WORLD_EK "-2";
	CHECK_INT(take_verdict(&a), MS_ERR_AUTH);
	world_attested_init(&w, &a);
	a.verdict.device = ms_span_str(WORLD_EK "-2");
	CHECK_INT(take_verdict(&a), MS_ERR_AUTH);
	world_attested_init(&w, &a);
	a.verdict.nonce = ms_span(nonce, sizeof nonce);
	CHECK_INT(take_verdict(&a), MS_ERR_AUTH);
	world_attested_init(&w, &a);
	a.data.nonce = ms_span(nonce, sizeof nonce);
	CHECK_INT(take_verdict(&a), MS_ERR_AUTH);
	world_attested_init(&w, &a);
	a.sign.tenant = "other";
	CHECK_INT(take_verdict(&a), MS_ERR_AUTH);
	world_attested_init(&w, &a);
	a.sign.issued_s = WORLD_NOW - 10000;
	a.sign.expires_s = WORLD_NOW - 9000;
	CHECK_INT(take_verdict(&a), MS_ERR_EXPIRED);
	world_attested_init(&w, &a);
	a.verdict.outcome = ms_span_str("ok");
	CHECK_INT(take_verdict(&a), MS_ERR_UNSUPPORTED);
}

MS_TEST(secret_for_another_device_path_key_nonce_or_evidence_is_refused)
{
	static const uint8_t nonce[MS_NONCE_LEN] = {1};
	fresh();
	struct world_attested a;
	world_attested_init(&w, &a);
	a.secret_sign.audience = WORLD_EK "-2";
	CHECK_INT(take_secret(&a, 0), MS_ERR_AUTH);
	world_attested_init(&w, &a);
	a.secret.path = a.release.path = ms_span_str("app/other");
	CHECK_INT(take_secret(&a, 0), MS_ERR_AUTH);
	world_attested_init(&w, &a);
	a.secret.key_name = a.release.key_name = ms_span(w.ak_name, 34);
	CHECK_INT(take_secret(&a, 0), MS_ERR_AUTH);
	world_attested_init(&w, &a);
	a.secret.nonce = a.release.nonce = ms_span(nonce, sizeof nonce);
	CHECK_INT(take_secret(&a, 0), MS_ERR_AUTH);
	world_attested_init(&w, &a);
	a.secret.evidence = ms_span(a.body_hash, 32);
	CHECK_INT(take_secret(&a, 0), MS_ERR_AUTH);
}

MS_TEST(I6_result_beside_a_verdict_that_did_not_pass_is_refused)
{
	fresh();
	struct world_attested a;
	world_attested_init(&w, &a);
	a.verdict.outcome = ms_span_str("deny");
	a.entry.decision = ms_span_str("denied");
	CHECK_INT(take_secret(&a, 0), MS_ERR_AUTH);
	a.no_result = true;
	CHECK_INT(take_verdict(&a), MS_OK);
	CHECK_INT(take_secret(&a, 0), MS_ERR_DENIED);
}

/* ---- certificates ---- */

struct issue {
	struct ms_softkey *ca, *key;
	const char *device, *trust_domain;
	bool other_issuing, other_logged;
	uint64_t until_s;
};

static struct ms_span
issue_cert(const struct issue *i)
{
	struct ms_cert issuing;
	must(ms_cert_parse_min(w.root.body.ca_issuing, &issuing, NULL));
	struct ms_cert_params p = {.profile = MS_CERT_DEVICE,
	    .point = ms_pubkey_point(ms_softkey_public(i->key)).p,
	    .issuer = &issuing,
	    .not_before_s = WORLD_NOW - 600,
	    .not_after_s = i->until_s,
	    .trust_domain = ms_span_str(i->trust_domain),
	    .tenant = ms_span_str("default"),
	    .device = ms_span_str(i->device),
	    .hw_serial = ms_span_str("SN")};
	return world_cert(&w, i->ca, &p);
}

static enum ms_rc
take_identity(const struct issue *i)
{
	uint8_t hash[32], zero[32] = {0}, tbs[32] = {0};
	struct ms_cert cert, got;
	struct ms_span der = issue_cert(i);
	const struct ms_trust_device d = world_device(&w);
	must(ms_cert_parse_min(der, &cert, NULL));
	if (!i->other_logged)
		ms_sha256(cert.tbs, tbs);
	ms_sha256(ms_span_str("request"), hash);
	const struct ms_data_cert data = {.serial = ms_span(zero, 16), .tbs = ms_span(tbs, 32), .not_before_s = 1, .not_after_s = 2};
	struct world_logged l = world_log(&w, w.log, world_entry("cert.issue", hash, hash), &ms_data_cert_table, &data);
	const struct ms_identity_result r = {.cert = der, .issuing = i->other_issuing ? w.root.body.ca_root : w.root.body.ca_issuing};
	struct ms_buf *b = world_buf(&w);
	must(ms_cbor_build_map(&ms_identity_result_table, &r, b, NULL));
	struct ms_attested_answer a = {.outcome = MS_TRUST_PASS, .has_act = true, .result = ms_buf_span(b)};
	must(ms_trust_logged(&w.trust, l.entry, l.ticket, WORLD_DEVICE, &a.act, NULL));
	return ms_trust_identity(&w.trust, &d, &a, ms_pubkey_point(ms_softkey_public(w.identity)).p, &got, NULL);
}

static struct issue
right(void)
{
	fresh();
	return (struct issue){
	    .ca = w.issuing, .key = w.identity, .device = WORLD_DEVICE, .trust_domain = "muster.test", .until_s = WORLD_NOW + 3600};
}

MS_TEST(certificate_for_our_key_with_our_name_as_logged_is_taken)
{
	struct issue i = right();
	CHECK_INT(take_identity(&i), MS_OK);
}

MS_TEST(certificate_of_another_ca_key_name_life_or_log_entry_is_refused)
{
	struct issue i = right();
	i.ca = w.other;
	CHECK_INT(take_identity(&i), MS_ERR_AUTH);
	i = right();
	i.key = w.other;
	CHECK_INT(take_identity(&i), MS_ERR_AUTH);
	i = right();
	i.device = WORLD_EK "-2";
	CHECK_INT(take_identity(&i), MS_ERR_AUTH);
	i = right();
	i.trust_domain = "other.test";
	CHECK_INT(take_identity(&i), MS_ERR_AUTH);
	i = right();
	i.other_issuing = true;
	CHECK_INT(take_identity(&i), MS_ERR_AUTH);
	i = right();
	i.other_logged = true;
	CHECK_INT(take_identity(&i), MS_ERR_AUTH);
	i = right();
	i.until_s = WORLD_NOW - 60;
	CHECK_INT(take_identity(&i), MS_ERR_EXPIRED);
}
