#include "support/quotes.h"

/* One evidence and what is expected of it; a test changes one thing and says which check must fail. */
struct scene {
	struct bytes attest, sig, nonce;
	struct ms_pcrs pcrs;
	struct ms_ak *ak;
	struct ms_quote_check check;
};

static void
scene_over(struct scene *s, const char *record, const char *ak)
{
	memset(s, 0, sizeof *s);
	s->attest = recorded(record, ".attest");
	s->sig = recorded(record, ".sig");
	s->nonce = recorded("nonce", ".bin");
	s->pcrs = recorded_pcrs("pcrs-boot");
	s->ak = ak == NULL ? NULL : recorded_ak(ak);
	s->check = (struct ms_quote_check){.ak = s->ak, .extra = sp(&s->nonce), .mask = MASK_QUOTED, .pcrs = &s->pcrs};
}

static enum ms_rc
verify(const struct scene *s, struct ms_quote_verified **ret, enum ms_evidence_reason *why, struct ms_err *err)
{
	MS_OWN(ms_quote_raw_free) struct ms_quote_raw *raw = NULL;
	uint8_t *a = test_dup(s->attest.p, s->attest.len), *g = test_dup(s->sig.p, s->sig.len);
	enum ms_rc rc = ms_quote_take(ms_span(a, s->attest.len), ms_span(g, s->sig.len), &raw, why, err);
	free(a);
	free(g);
	return rc == MS_OK ? ms_quote_verify(raw, &s->check, ret, why, err) : rc;
}

static struct ms_quote_verified *
accept(const struct scene *s)
{
	struct ms_quote_verified *v = NULL;
	enum ms_evidence_reason why = MS_EVIDENCE_NONE;
	struct ms_err err;
	CHECK_OK(verify(s, &v, &why, &err), &err);
	CHECK(v != NULL && why == MS_EVIDENCE_NONE);
	return v;
}

static bool
tells(const char *text, const uint8_t *p)
{
	char hex[17];
	ms_hex(p, 8, hex);
	return strstr(text, hex) != NULL;
}

/* Refused for this reason, with the code of its row; the output is untouched and the text holds nothing expected. */
static void
refuse(const struct scene *s, enum ms_evidence_reason want)
{
	static int sentinel;
	struct ms_quote_verified *v = (void *)&sentinel;
	enum ms_evidence_reason why = MS_EVIDENCE_NONE;
	struct ms_err err = {.text = ""};
	enum ms_rc rc = verify(s, &v, &why, &err);
	if (why != want)
		print_error("want %s, got %s: %s\n", ms_evidence_reason_name(want), ms_evidence_reason_name(why), err.text);
	CHECK(rc != MS_OK && why == want);
	CHECK_INT(rc, ms_evidence_reason_rc(want));
	CHECK(v == (void *)&sentinel);
	CHECK(strstr(err.text, ms_evidence_reason_name(want)) != NULL);
	CHECK(!tells(err.text, s->nonce.p) && !tells(err.text, ms_ak_name(s->ak)->p + 2));
	CHECK(!tells(err.text, s->pcrs.value[0]));
	v = (void *)&sentinel;
	CHECK(verify(s, &v, NULL, NULL) == rc && v == (void *)&sentinel);
}

static void
refuse_record(const char *record, enum ms_evidence_reason want)
{
	struct scene s;
	scene_over(&s, record, "ak");
	refuse(&s, want);
	ms_ak_free(s.ak);
}

MS_TEST(quote_verifies_and_shows_what_the_tpm_signed)
{
	struct scene s;
	scene_over(&s, "quote", "ak");
	MS_OWN(ms_quote_verified_free) struct ms_quote_verified *v = accept(&s);
	struct bytes name = recorded("ak", ".name");
	CHECK(ms_span_eq(ms_tpm_name_span(ms_quote_signer(v)), sp(&name)));
	CHECK(memcmp(ms_quote_pcrs(v), &s.pcrs, sizeof s.pcrs) == 0);
	CHECK(ms_quote_pcr_set(v).alg == MS_TPM_ALG_SHA256 && ms_quote_pcr_set(v).mask == MASK_QUOTED);
	CHECK(ms_quote_reset_count(v) == 1 && ms_quote_restart_count(v) == 0 && ms_quote_safe(v) && !ms_quote_rebooted(v));
	CHECK(ms_quote_clock(v) > 0 && ms_quote_clock(v) == ms_quote_to_seen(v).clock && ms_quote_firmware(v) != 0);
	ms_ak_free(s.ak);
}

MS_TEST(quotes_of_rsa_keys_and_of_a_second_ak_verify_with_their_own_keys)
{
	static const char *const rows[][2] = {
	    {"quote-ak-rsa", "ak-rsa"}, {"quote-ak-rsa384", "ak-rsa384"}, {"quote-ak-pss", "ak-pss"}, {"quote-ak-other", "ak-other"}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct scene s;
		scene_over(&s, rows[i][0], rows[i][1]);
		ms_quote_verified_free(accept(&s));
		s.sig.p[s.sig.len - 1] ^= 1;
		refuse(&s, MS_EVIDENCE_BAD_SIGNATURE);
		ms_ak_free(s.ak);
	}
}

/* Only values inside the verified selection come out, whatever else the caller's array held. */
MS_TEST(quote_shows_no_pcr_outside_its_selection)
{
	struct scene s;
	scene_over(&s, "quote", "ak");
	memset(s.pcrs.value[20], 0xee, MS_PCR_LEN);
	MS_OWN(ms_quote_verified_free) struct ms_quote_verified *v = accept(&s);
	CHECK_INT(ms_quote_pcrs(v)->mask, MASK_QUOTED);
	CHECK_INT(ms_quote_pcrs(v)->value[20][0], 0);
	ms_ak_free(s.ak);
}

/* ---- 1: size, exact length, magic, type ---- */

MS_TEST(quote_over_the_size_cap_is_refused_before_anything_is_looked_at)
{
	struct scene s;
	scene_over(&s, "quote", "ak");
	s.attest.len = MS_TPM_ATTEST_MAX + 1;
	refuse(&s, MS_EVIDENCE_TOO_BIG);
	s.attest.len = 100;
	s.sig.len = MS_TPM_SIGNATURE_MAX + 1;
	refuse(&s, MS_EVIDENCE_TOO_BIG);
	ms_ak_free(s.ak);
}

static void
refuse_signed(struct scene *s, struct soft_ak *soft, enum ms_evidence_reason want)
{
	s->sig = soft_sign(soft, &s->attest);
	refuse(s, want);
}

static struct soft_ak
soft_scene(struct scene *s)
{
	struct soft_ak soft = soft_ak_new();
	scene_over(s, "quote", NULL);
	s->ak = soft.ak;
	s->check.ak = soft.ak;
	s->attest = soft_attest(&soft, "quote");
	s->sig = soft_sign(&soft, &s->attest);
	ms_quote_verified_free(accept(s));
	return soft;
}

MS_TEST(quote_refuses_any_other_length_even_when_signed_by_the_right_key)
{
	struct scene s;
	struct soft_ak soft = soft_scene(&s);
	size_t whole = s.attest.len;
	for (s.attest.len = whole + 1; s.attest.len < whole + 3; s.attest.len++)
		refuse_signed(&s, &soft, MS_EVIDENCE_MALFORMED);
	for (s.attest.len = 0; s.attest.len < whole; s.attest.len += 3)
		refuse_signed(&s, &soft,
		    s.attest.len < 4   ? MS_EVIDENCE_WRONG_MAGIC
		    : s.attest.len < 6 ? MS_EVIDENCE_WRONG_TYPE
				       : MS_EVIDENCE_MALFORMED);
	soft_ak_free(&soft);
}

MS_TEST(quote_refuses_a_wrong_magic_signed_by_the_right_key)
{
	struct scene s;
	struct soft_ak soft = soft_scene(&s);
	for (unsigned bit = 0; bit < 32; bit++) {
		s.attest.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		refuse_signed(&s, &soft, MS_EVIDENCE_WRONG_MAGIC);
		s.attest.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	soft_ak_free(&soft);
}

MS_TEST(quote_refuses_an_nv_certificate_signed_by_the_right_key)
{
	refuse_record("nv", MS_EVIDENCE_WRONG_TYPE);
}

MS_TEST(quote_refuses_every_other_attestation_signed_by_the_right_key)
{
	static const char *const records[] = {"time", "command-audit", "creation", "certify-identity", "certify-sealing"};
	for (size_t i = 0; i < sizeof records / sizeof *records; i++)
		refuse_record(records[i], MS_EVIDENCE_WRONG_TYPE);
}

/* ---- 2: signature ---- */

MS_TEST(quote_of_another_ak_of_the_same_tpm_is_refused)
{
	refuse_record("quote-ak-other", MS_EVIDENCE_BAD_SIGNATURE);
}

MS_TEST(quote_with_any_bit_flipped_is_refused)
{
	struct scene s;
	scene_over(&s, "quote", "ak");
	for (size_t bit = 0; bit < s.attest.len * 8; bit++) {
		s.attest.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		refuse(&s, MS_EVIDENCE_BAD_SIGNATURE);
		s.attest.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	ms_ak_free(s.ak);
}

MS_TEST(quote_with_any_bit_of_its_signature_flipped_is_refused)
{
	static const char *const rows[][2] = {{"quote", "ak"}, {"quote-ak-rsa", "ak-rsa"}, {"quote-ak-pss", "ak-pss"}};
	static int sentinel;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct scene s;
		scene_over(&s, rows[i][0], rows[i][1]);
		for (size_t bit = 0; bit < s.sig.len * 8; bit++) {
			struct ms_quote_verified *v = (void *)&sentinel;
			enum ms_evidence_reason why = MS_EVIDENCE_NONE;
			s.sig.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
			CHECK(verify(&s, &v, &why, NULL) != MS_OK && v == (void *)&sentinel);
			CHECK(why == MS_EVIDENCE_BAD_SIGNATURE || why == MS_EVIDENCE_MALFORMED_SIGNATURE ||
			      why == MS_EVIDENCE_SIGNATURE_ALGORITHM);
			s.sig.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		ms_quote_verified_free(accept(&s));
		ms_ak_free(s.ak);
	}
}

MS_TEST(quote_refuses_a_signature_that_is_cut_empty_or_of_another_scheme)
{
	struct scene s;
	scene_over(&s, "quote", "ak");
	size_t whole = s.sig.len;
	for (s.sig.len = 0; s.sig.len < whole; s.sig.len++)
		refuse(&s, MS_EVIDENCE_MALFORMED_SIGNATURE);
	s.sig.len = whole;
	s.sig.p[3] = MS_TPM_ALG_SHA384;
	refuse(&s, MS_EVIDENCE_SIGNATURE_ALGORITHM);
	s.sig.p[3] = MS_TPM_ALG_SHA1;
	refuse(&s, MS_EVIDENCE_SIGNATURE_ALGORITHM);
	s.sig = recorded("quote-ak-rsa", ".sig");
	refuse(&s, MS_EVIDENCE_SIGNATURE_ALGORITHM);
	ms_ak_free(s.ak);
}

/* ---- 3: nonce ---- */

MS_TEST(quote_over_another_nonce_is_refused)
{
	refuse_record("quote-other-nonce", MS_EVIDENCE_NONCE_MISMATCH);
	refuse_record("quote-long-nonce", MS_EVIDENCE_NONCE_MISMATCH);
	refuse_record("quote-no-nonce", MS_EVIDENCE_NONCE_MISMATCH);
}

MS_TEST(quote_is_refused_when_any_bit_of_the_expected_nonce_differs)
{
	struct scene s;
	scene_over(&s, "quote", "ak");
	for (unsigned bit = 0; bit < 256; bit++) {
		s.nonce.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		refuse(&s, MS_EVIDENCE_NONCE_MISMATCH);
		s.nonce.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	ms_ak_free(s.ak);
}

/* ---- 4: signer and AK attributes ---- */

MS_TEST(quote_of_an_ak_outside_the_endorsement_hierarchy_is_refused)
{
	struct scene s;
	scene_over(&s, "quote-ak-owner", "ak-owner");
	refuse(&s, MS_EVIDENCE_WRONG_SIGNER);
	ms_ak_free(s.ak);
}

MS_TEST(quote_of_a_child_ak_verifies_only_with_the_name_of_its_parent)
{
	struct scene s;
	scene_over(&s, "quote-ak-child", "ak-child");
	refuse(&s, MS_EVIDENCE_WRONG_SIGNER);
	ms_ak_free(s.ak);
	s.ak = NULL;
	struct bytes pub = recorded("ak-child", ".pub"), parent = recorded("ak-child-parent", ".qname");
	struct ms_err err;
	CHECK_OK(ms_ak_new(sp(&pub), sp(&parent), &s.ak, NULL, &err), &err);
	s.check.ak = s.ak;
	ms_quote_verified_free(accept(&s));
	ms_ak_free(s.ak);
}

MS_TEST(quote_that_names_another_signer_is_refused_though_the_ak_signed_it)
{
	struct scene s;
	struct soft_ak soft = soft_scene(&s);
	for (size_t at = 8; at < 8 + 34; at++) {
		s.attest.p[at] ^= 1;
		refuse_signed(&s, &soft, MS_EVIDENCE_WRONG_SIGNER);
		s.attest.p[at] ^= 1;
	}
	soft_ak_free(&soft);
}

static void
refuse_ak(const struct bytes *pub, enum ms_evidence_reason want)
{
	static int sentinel;
	struct ms_ak *ak = (void *)&sentinel;
	enum ms_evidence_reason why = MS_EVIDENCE_NONE;
	struct ms_err err;
	uint8_t *w = test_dup(pub->p, pub->len);
	enum ms_rc rc = ms_ak_new(ms_span(w, pub->len), MS_SPAN_NONE, &ak, &why, &err);
	free(w);
	if (why != want)
		print_error("want %s, got %s\n", ms_evidence_reason_name(want), ms_evidence_reason_name(why));
	CHECK(why == want && rc == ms_evidence_reason_rc(want));
	CHECK(ak == (void *)&sentinel);
}

MS_TEST(quote_forged_with_a_key_that_is_not_restricted_finds_no_ak)
{
	struct bytes pub = recorded("ak-unrestricted", ".pub");
	refuse_ak(&pub, MS_EVIDENCE_KEY_ATTRIBUTES);
	refuse_record("quote-forged", MS_EVIDENCE_BAD_SIGNATURE);
}

MS_TEST(ak_with_any_other_attribute_is_refused)
{
	struct bytes pub = recorded("ak", ".pub");
	for (unsigned bit = 0; bit < 32; bit++) {
		if (1u << bit == MS_TPMA_USER_WITH_AUTH)
			continue;
		size_t at = 4 + 3 - bit / 8;
		pub.p[at] ^= (uint8_t)(1u << bit % 8);
		static const uint32_t known = 0x000f0cf6;
		refuse_ak(&pub, (known >> bit & 1u) != 0 ? MS_EVIDENCE_KEY_ATTRIBUTES : MS_EVIDENCE_KEY_MALFORMED);
		pub.p[at] ^= (uint8_t)(1u << bit % 8);
	}
	pub = recorded("ak-no-noda", ".pub");
	refuse_ak(&pub, MS_EVIDENCE_KEY_ATTRIBUTES);
}

MS_TEST(ak_without_user_with_auth_is_fit)
{
	struct bytes pub = recorded("ak", ".pub");
	MS_OWN(ms_ak_free) struct ms_ak *ak = NULL;
	struct ms_err err;
	pub.p[7] &= (uint8_t)~MS_TPMA_USER_WITH_AUTH;
	CHECK_OK(ms_ak_new(sp(&pub), MS_SPAN_NONE, &ak, NULL, &err), &err);
}

MS_TEST(ak_of_another_kind_is_refused)
{
	static const struct {
		const char *name;
		enum ms_evidence_reason want;
	} rows[] = {
	    {"ak-sha1", MS_EVIDENCE_KEY_ALGORITHM},
	    {"ek-rsa", MS_EVIDENCE_KEY_ALGORITHM},
	    {"ek-ecc", MS_EVIDENCE_KEY_ALGORITHM},
	    {"identity", MS_EVIDENCE_KEY_ATTRIBUTES},
	    {"sealing", MS_EVIDENCE_KEY_ALGORITHM},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct bytes pub = recorded(rows[i].name, ".pub");
		refuse_ak(&pub, rows[i].want);
	}
}

MS_TEST(ak_off_the_curve_cut_short_or_too_big_is_refused)
{
	struct bytes pub = recorded("ak", ".pub");
	pub.p[pub.len - 1] ^= 1;
	refuse_ak(&pub, MS_EVIDENCE_KEY_MALFORMED);
	pub.len--;
	refuse_ak(&pub, MS_EVIDENCE_KEY_MALFORMED);
	pub.len = 0;
	refuse_ak(&pub, MS_EVIDENCE_KEY_MALFORMED);
	pub.len = MS_TPM_PUBLIC_MAX + 1;
	refuse_ak(&pub, MS_EVIDENCE_TOO_BIG);
}

/* ---- 5: the EK (its binding to the AK is enrolment's) ---- */

MS_TEST(ek_of_the_two_templates_is_fit_and_any_other_is_not)
{
	static const char *const good[] = {"ek-rsa", "ek-ecc"};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct bytes b = recorded(good[i], ".pub");
		struct ms_tpm_public p, q;
		enum ms_evidence_reason why = MS_EVIDENCE_NONE;
		struct ms_err err;
		CHECK_OK(ms_tpm_public_parse(sp(&b), &p, &err), &err);
		CHECK_OK(ms_ek_public_ok(&p, &why, &err), &err);
		for (unsigned bit = 0; bit < 32; bit++) {
			q = p;
			q.attributes ^= 1u << bit;
			CHECK(ms_ek_public_ok(&q, &why, NULL) != MS_OK && why == MS_EVIDENCE_KEY_ATTRIBUTES);
		}
		q = p;
		q.auth_policy.len--;
		CHECK(ms_ek_public_ok(&q, &why, NULL) != MS_OK && why == MS_EVIDENCE_KEY_POLICY);
		q.auth_policy = MS_SPAN_NONE;
		CHECK(ms_ek_public_ok(&q, &why, NULL) != MS_OK && why == MS_EVIDENCE_KEY_POLICY);
		q = p;
		q.sym_bits = 256;
		CHECK(ms_ek_public_ok(&q, &why, NULL) != MS_OK && why == MS_EVIDENCE_KEY_ALGORITHM);
		q = p;
		q.name_alg = MS_TPM_ALG_SHA384;
		CHECK(ms_ek_public_ok(&q, &why, NULL) != MS_OK && why == MS_EVIDENCE_KEY_ALGORITHM);
	}
}

MS_TEST(keys_that_are_not_an_ek_are_refused_as_one)
{
	static const char *const bad[] = {"ak", "ak-rsa", "ak-child-parent", "sealing", "identity"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct bytes b = recorded(bad[i], ".pub");
		struct ms_tpm_public p;
		CHECK_INT(ms_tpm_public_parse(sp(&b), &p, NULL), MS_OK);
		CHECK(ms_ek_public_ok(&p, NULL, NULL) != MS_OK);
	}
}

/* ---- 6: PCR selection and digest ---- */

MS_TEST(quote_over_another_selection_or_bank_is_refused)
{
	static const char *const records[] = {"quote-fewer-pcrs", "quote-more-pcrs", "quote-sha1-bank", "quote-two-banks", "quote-no-bank"};
	for (size_t i = 0; i < sizeof records / sizeof *records; i++)
		refuse_record(records[i], MS_EVIDENCE_PCR_SELECTION);
	struct scene s;
	scene_over(&s, "quote-fewer-pcrs", "ak");
	s.check.mask = s.pcrs.mask = 0xff;
	ms_quote_verified_free(accept(&s));
	ms_ak_free(s.ak);
}

MS_TEST(quote_with_values_of_fewer_or_more_pcrs_than_asked_is_refused)
{
	struct scene s;
	scene_over(&s, "quote", "ak");
	s.pcrs.mask = MASK_QUOTED & ~(1u << 14);
	refuse(&s, MS_EVIDENCE_PCR_VALUES);
	s.pcrs.mask = MASK_QUOTED | 1u << 15;
	refuse(&s, MS_EVIDENCE_PCR_VALUES);
	s.pcrs.mask = 0;
	refuse(&s, MS_EVIDENCE_PCR_VALUES);
	ms_ak_free(s.ak);
}

MS_TEST(quote_with_any_bit_of_a_pcr_value_changed_or_two_swapped_is_refused)
{
	struct scene s;
	scene_over(&s, "quote", "ak");
	for (unsigned bit = 0; bit < 15 * 256; bit += 7) {
		s.pcrs.value[bit / 256][bit % 256 / 8] ^= (uint8_t)(1u << bit % 8);
		refuse(&s, MS_EVIDENCE_PCR_DIGEST);
		s.pcrs.value[bit / 256][bit % 256 / 8] ^= (uint8_t)(1u << bit % 8);
	}
	memcpy(s.pcrs.value[20], s.pcrs.value[3], MS_PCR_LEN);
	memcpy(s.pcrs.value[3], s.pcrs.value[4], MS_PCR_LEN);
	memcpy(s.pcrs.value[4], s.pcrs.value[20], MS_PCR_LEN);
	refuse(&s, MS_EVIDENCE_PCR_DIGEST);
	ms_ak_free(s.ak);
}

MS_TEST(quote_of_another_state_with_the_old_values_is_refused)
{
	struct scene s;
	scene_over(&s, "quote-tampered", "ak");
	refuse(&s, MS_EVIDENCE_PCR_DIGEST);
	s.pcrs = recorded_pcrs("pcrs-tampered");
	ms_quote_verified_free(accept(&s)); /* a true quote of a state that policy will not like */
	ms_ak_free(s.ak);
}

MS_TEST(quote_of_a_machine_that_measured_nothing_is_refused_by_name)
{
	struct scene s;
	scene_over(&s, "quote-zero", "ak");
	s.pcrs = recorded_pcrs("pcrs-zero");
	refuse(&s, MS_EVIDENCE_PCR0_ALL_ZERO);
	CHECK(strcmp(ms_evidence_reason_name(MS_EVIDENCE_PCR0_ALL_ZERO), "pcr0-all-zero") == 0);
	ms_ak_free(s.ak);
}

/* ---- 7: clock and counters ---- */

MS_TEST(quote_with_a_clock_that_may_repeat_is_refused)
{
	refuse_record("quote-power-lost", MS_EVIDENCE_CLOCK_UNSAFE);
}

MS_TEST(quote_after_a_reboot_says_so_and_a_restart_is_none)
{
	struct scene s;
	scene_over(&s, "quote", "ak");
	MS_OWN(ms_quote_verified_free) struct ms_quote_verified *first = accept(&s);
	struct ms_quote_seen seen = ms_quote_to_seen(first);
	ms_ak_free(s.ak);
	scene_over(&s, "quote-restarted", "ak");
	s.check.seen = &seen;
	MS_OWN(ms_quote_verified_free) struct ms_quote_verified *restarted = accept(&s);
	CHECK(!ms_quote_rebooted(restarted) && ms_quote_restart_count(restarted) == 1);
	seen = ms_quote_to_seen(restarted);
	ms_ak_free(s.ak);
	scene_over(&s, "quote-rebooted", "ak");
	s.check.seen = &seen;
	MS_OWN(ms_quote_verified_free) struct ms_quote_verified *rebooted = accept(&s);
	CHECK(ms_quote_rebooted(rebooted) && ms_quote_reset_count(rebooted) == 2 && ms_quote_restart_count(rebooted) == 0);
	ms_ak_free(s.ak);
}

MS_TEST(quote_older_than_the_last_seen_is_refused_by_what_went_back)
{
	struct scene s;
	scene_over(&s, "quote-restarted", "ak");
	MS_OWN(ms_quote_verified_free) struct ms_quote_verified *v = accept(&s);
	struct ms_quote_seen now = ms_quote_to_seen(v), seen = now;
	s.check.seen = &seen;
	ms_quote_verified_free(accept(&s)); /* the very same counters: not older */
	seen.reset_count = now.reset_count + 1;
	refuse(&s, MS_EVIDENCE_RESET_COUNT_BACK);
	seen = now;
	seen.restart_count = now.restart_count + 1;
	refuse(&s, MS_EVIDENCE_RESTART_COUNT_BACK);
	seen = now;
	seen.clock = now.clock + 1;
	refuse(&s, MS_EVIDENCE_CLOCK_BACK);
	seen.reset_count = now.reset_count - 1; /* a reboot does not excuse it */
	refuse(&s, MS_EVIDENCE_CLOCK_BACK);
	seen = (struct ms_quote_seen){UINT64_MAX, UINT32_MAX, UINT32_MAX};
	refuse(&s, MS_EVIDENCE_RESET_COUNT_BACK);
	ms_ak_free(s.ak);
}

/* ---- 10: faults are no verdict; unknown is a refusal ---- */

MS_TEST(I12_a_check_that_cannot_be_made_is_a_fault_and_not_a_verdict)
{
	static int sentinel;
	struct scene s;
	scene_over(&s, "quote", "ak");
	struct ms_quote_check good = s.check, bad[6] = {good, good, good, good, good, good};
	bad[0].ak = NULL;
	bad[1].extra.len = 31;
	bad[2].extra = MS_SPAN_NONE;
	bad[3].mask = 0;
	bad[4].mask = MASK_QUOTED & ~1u; /* PCR 0 is always asked for */
	bad[5].pcrs = NULL;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct ms_quote_verified *v = (void *)&sentinel;
		enum ms_evidence_reason why = MS_EVIDENCE_NONE;
		s.check = bad[i];
		CHECK_INT(verify(&s, &v, &why, NULL), MS_ERR_USAGE);
		CHECK(why == MS_EVIDENCE_FAULT && v == (void *)&sentinel);
	}
	ms_ak_free(s.ak);
}

MS_TEST(I6_every_reason_has_a_name_of_its_own_and_a_code_that_refuses)
{
	for (int i = 0; i < MS_EVIDENCE_REASON_COUNT; i++) {
		const char *name = ms_evidence_reason_name((enum ms_evidence_reason)i);
		CHECK(name != NULL && ms_evidence_reason_rc((enum ms_evidence_reason)i) != MS_OK);
		CHECK(strlen(ms_evidence_reason_text((enum ms_evidence_reason)i)) > 10);
		for (int k = 0; k < i; k++)
			CHECK(strcmp(name, ms_evidence_reason_name((enum ms_evidence_reason)k)) != 0);
	}
	CHECK(strcmp(ms_evidence_reason_name((enum ms_evidence_reason)999), "fault") == 0);
	CHECK(ms_evidence_reason_rc((enum ms_evidence_reason) - 1) != MS_OK);
}
