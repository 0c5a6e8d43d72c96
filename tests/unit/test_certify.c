#include "support/quotes.h"

static struct ms_certified *
certified(const char *name)
{
	char record[64];
	(void)snprintf(record, sizeof record, "certify-%s", name);
	struct bytes attest = recorded(record, ".attest"), sig = recorded(record, ".sig"), pub = recorded(name, ".pub");
	struct bytes nonce = recorded("nonce", ".bin");
	MS_OWN(ms_ak_free) struct ms_ak *ak = recorded_ak("ak");
	struct ms_certify_evidence e = {sp(&attest), sp(&sig), sp(&pub)};
	struct ms_certify_check check = {ak, sp(&nonce)};
	struct ms_certified *c = NULL;
	struct ms_err err;
	CHECK_OK(ms_certify_verify(&e, &check, &c, NULL, &err), &err);
	return c;
}

struct scene {
	struct bytes attest, sig, pub, nonce;
	struct ms_ak *ak;
};

static struct scene
scene_over(const char *record, const char *pub)
{
	return (struct scene){
	    recorded(record, ".attest"), recorded(record, ".sig"), recorded(pub, ".pub"), recorded("nonce", ".bin"), recorded_ak("ak")};
}

static void
refuse(const struct scene *s, enum ms_evidence_reason want)
{
	static int sentinel;
	struct ms_certified *c = (void *)&sentinel;
	enum ms_evidence_reason why = MS_EVIDENCE_NONE;
	uint8_t *attest = test_dup(s->attest.p, s->attest.len), *sig = test_dup(s->sig.p, s->sig.len),
		*pub = test_dup(s->pub.p, s->pub.len);
	struct ms_certify_evidence e = {ms_span(attest, s->attest.len), ms_span(sig, s->sig.len), ms_span(pub, s->pub.len)};
	struct ms_certify_check check = {s->ak, sp(&s->nonce)};
	enum ms_rc rc = ms_certify_verify(&e, &check, &c, &why, NULL);
	if (why != want)
		print_error("want %s, got %s\n", ms_evidence_reason_name(want), ms_evidence_reason_name(why));
	CHECK(why == want && rc == ms_evidence_reason_rc(want));
	CHECK(c == (void *)&sentinel);
	free(attest);
	free(sig);
	free(pub);
}

static void
refuse_record(const char *record, const char *pub, enum ms_evidence_reason want)
{
	struct scene s = scene_over(record, pub);
	refuse(&s, want);
	ms_ak_free(s.ak);
}

MS_TEST(certify_proves_the_key_that_the_tpm_named)
{
	MS_OWN(ms_certified_free) struct ms_certified *c = certified("identity");
	struct bytes name = recorded("identity", ".name"), pub = recorded("identity", ".pub");
	CHECK(ms_span_eq(ms_tpm_name_span(ms_certified_name(c)), sp(&name)));
	CHECK(ms_span_eq(ms_certified_public(c)->raw, sp(&pub)));
}

MS_TEST(certify_of_another_key_than_the_one_shown_is_refused)
{
	refuse_record("certify-identity", "identity-null-scheme", MS_EVIDENCE_KEY_NAME);
	refuse_record("certify-sealing", "sealing-other-policy", MS_EVIDENCE_KEY_NAME);
	refuse_record("certify-identity", "ak", MS_EVIDENCE_KEY_NAME);
}

MS_TEST(certify_is_refused_when_any_bit_of_the_public_area_differs)
{
	struct scene s = scene_over("certify-identity", "identity");
	static int sentinel;
	for (size_t bit = 0; bit < s.pub.len * 8; bit++) {
		struct ms_certified *c = (void *)&sentinel;
		struct ms_certify_evidence e = {sp(&s.attest), sp(&s.sig), sp(&s.pub)};
		struct ms_certify_check check = {s.ak, sp(&s.nonce)};
		s.pub.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		CHECK(ms_certify_verify(&e, &check, &c, NULL, NULL) != MS_OK && c == (void *)&sentinel);
		s.pub.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	ms_ak_free(s.ak);
}

MS_TEST(certify_over_another_nonce_is_refused)
{
	refuse_record("certify-identity-other-nonce", "identity", MS_EVIDENCE_NONCE_MISMATCH);
}

MS_TEST(certify_refuses_a_quote_and_every_other_attestation_of_the_right_key)
{
	static const char *const records[] = {"quote", "nv", "time", "creation", "command-audit"};
	for (size_t i = 0; i < sizeof records / sizeof *records; i++)
		refuse_record(records[i], "identity", MS_EVIDENCE_WRONG_TYPE);
}

MS_TEST(certify_by_another_ak_is_refused)
{
	struct scene s = scene_over("certify-identity", "identity");
	ms_ak_free(s.ak);
	s.ak = recorded_ak("ak-other");
	refuse(&s, MS_EVIDENCE_BAD_SIGNATURE);
	ms_ak_free(s.ak);
}

MS_TEST(certify_with_any_bit_flipped_is_refused)
{
	struct scene s = scene_over("certify-sealing", "sealing");
	for (size_t bit = 0; bit < s.attest.len * 8; bit++) {
		s.attest.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		refuse(&s, MS_EVIDENCE_BAD_SIGNATURE);
		s.attest.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	ms_ak_free(s.ak);
}

MS_TEST(certify_refuses_sizes_over_the_caps)
{
	struct scene s = scene_over("certify-identity", "identity");
	s.pub.len = MS_TPM_PUBLIC_MAX + 1;
	refuse(&s, MS_EVIDENCE_TOO_BIG);
	s.pub.len = 0;
	refuse(&s, MS_EVIDENCE_KEY_MALFORMED);
	s.attest.len = MS_TPM_ATTEST_MAX + 1;
	refuse(&s, MS_EVIDENCE_TOO_BIG);
	ms_ak_free(s.ak);
}

MS_TEST(certify_that_names_another_signer_is_refused_though_the_ak_signed_it)
{
	struct soft_ak soft = soft_ak_new();
	struct scene s = scene_over("certify-identity", "identity");
	ms_ak_free(s.ak);
	s.ak = soft.ak;
	s.sig = soft_sign(&soft, &s.attest); /* the recorded AK's name, signed by another */
	refuse(&s, MS_EVIDENCE_WRONG_SIGNER);
	soft_ak_free(&soft);
}

MS_TEST(certify_with_a_qualified_name_that_fits_no_hash_of_ours_is_refused)
{
	struct soft_ak soft = soft_ak_new();
	struct scene s = scene_over("certify-identity", "identity");
	ms_ak_free(s.ak);
	s.ak = soft.ak;
	s.attest = soft_attest(&soft, "certify-identity");
	CHECK_INT(s.attest.p[s.attest.len - 35], 34);
	s.attest.p[s.attest.len - 35] = 66;
	s.attest.len += 32;
	s.sig = soft_sign(&soft, &s.attest);
	refuse(&s, MS_EVIDENCE_MALFORMED);
	soft_ak_free(&soft);
}

/* ---- roles ---- */

MS_TEST(I16_identity_role_takes_a_signing_p256_key_and_gives_its_point)
{
	static const char *const names[] = {"identity", "identity-null-scheme"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		MS_OWN(ms_certified_free) struct ms_certified *c = certified(names[i]);
		struct bytes pub = recorded(names[i], ".pub");
		uint8_t point[MS_TPM_P256_POINT_LEN];
		struct ms_err err;
		CHECK_OK(ms_certified_identity(c, point, NULL, &err), &err);
		CHECK(memcmp(point + 33, pub.p + pub.len - 32, 32) == 0);
	}
}

MS_TEST(I16_identity_role_refuses_every_other_key)
{
	static const struct {
		const char *name;
		enum ms_evidence_reason want;
	} rows[] = {
	    {"identity-rsa", MS_EVIDENCE_KEY_ALGORITHM},
	    {"identity-decrypt", MS_EVIDENCE_KEY_ATTRIBUTES},
	    {"identity-movable", MS_EVIDENCE_KEY_ATTRIBUTES},
	    {"sealing", MS_EVIDENCE_KEY_ATTRIBUTES},
	    {"sealing-sign", MS_EVIDENCE_KEY_ATTRIBUTES},
	    {"sealing-storage", MS_EVIDENCE_KEY_ALGORITHM},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		MS_OWN(ms_certified_free) struct ms_certified *c = certified(rows[i].name);
		uint8_t point[MS_TPM_P256_POINT_LEN] = {0};
		enum ms_evidence_reason why = MS_EVIDENCE_NONE;
		CHECK_INT(ms_certified_identity(c, point, &why, NULL), ms_evidence_reason_rc(rows[i].want));
		CHECK(why == rows[i].want && point[0] == 0);
	}
}

MS_TEST(I16_sealing_role_takes_a_key_bound_to_the_accepted_state)
{
	MS_OWN(ms_certified_free) struct ms_certified *c = certified("sealing");
	struct ms_pcrs pcrs = recorded_pcrs("pcrs-boot");
	struct ms_sealing_state at = {&pcrs, MASK_SEALED};
	uint8_t point[MS_TPM_P256_POINT_LEN];
	struct ms_err err;
	CHECK_OK(ms_certified_sealing(c, &at, point, NULL, &err), &err);
	CHECK_INT(point[0], 4);
}

static void
refuse_sealing(const char *name, const struct ms_sealing_state *at, enum ms_evidence_reason want)
{
	MS_OWN(ms_certified_free) struct ms_certified *c = certified(name);
	uint8_t point[MS_TPM_P256_POINT_LEN] = {0};
	enum ms_evidence_reason why = MS_EVIDENCE_NONE;
	enum ms_rc rc = ms_certified_sealing(c, at, point, &why, NULL);
	if (why != want)
		print_error("%s: want %s, got %s\n", name, ms_evidence_reason_name(want), ms_evidence_reason_name(why));
	CHECK(rc != MS_OK && why == want && point[0] == 0);
}

MS_TEST(I16_sealing_role_refuses_every_other_key)
{
	struct ms_pcrs pcrs = recorded_pcrs("pcrs-boot");
	struct ms_sealing_state at = {&pcrs, MASK_SEALED};
	refuse_sealing("identity", &at, MS_EVIDENCE_KEY_ALGORITHM);
	refuse_sealing("identity-null-scheme", &at, MS_EVIDENCE_KEY_ATTRIBUTES);
	refuse_sealing("sealing-user-auth", &at, MS_EVIDENCE_KEY_ATTRIBUTES);
	refuse_sealing("sealing-sign", &at, MS_EVIDENCE_KEY_ATTRIBUTES);
	refuse_sealing("sealing-da", &at, MS_EVIDENCE_KEY_ATTRIBUTES);
	refuse_sealing("sealing-storage", &at, MS_EVIDENCE_KEY_ALGORITHM);
	refuse_sealing("sealing-owner", &at, MS_EVIDENCE_KEY_HIERARCHY);
	refuse_sealing("sealing-other-policy", &at, MS_EVIDENCE_KEY_POLICY);
	refuse_sealing("sealing-no-policy", &at, MS_EVIDENCE_KEY_POLICY);
}

MS_TEST(sealing_role_refuses_a_key_bound_to_another_state_or_selection)
{
	struct ms_pcrs pcrs = recorded_pcrs("pcrs-tampered");
	struct ms_sealing_state at = {&pcrs, MASK_SEALED};
	refuse_sealing("sealing", &at, MS_EVIDENCE_KEY_POLICY);
	pcrs = recorded_pcrs("pcrs-boot");
	for (unsigned i = 0; i < 15; i++) {
		at.mask = MASK_SEALED ^ 1u << i;
		refuse_sealing("sealing", &at, MS_EVIDENCE_KEY_POLICY);
	}
	at.mask = 1u << 20; /* no value: no verdict */
	refuse_sealing("sealing", &at, MS_EVIDENCE_FAULT);
}
