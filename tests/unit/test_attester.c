/* What is true of every attester; the good and the wrong of each kind is in its table. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "support/forge.h"

static enum ms_rc
verify(const struct forge *f, struct ms_claims **ret, enum ms_attester_reason *why, struct ms_err *err)
{
	static int sentinel;
	*ret = (void *)&sentinel;
	enum ms_rc rc = ms_attester_verify(ms_attester_find(ms_span_str(f->attester)), &f->in, ret, why, err);
	CHECK((rc == MS_OK) == (*ret != (void *)&sentinel) && (rc == MS_OK) == (*why == MS_ATTESTER_OK));
	if (rc != MS_OK) {
		CHECK_INT(rc, *why == MS_ATTESTER_FAULT ? rc : ms_attester_reason_rc(*why));
		*ret = NULL;
	}
	return rc;
}

static void
expect(forge_fn make, enum forge_wrong wrong, enum ms_attester_reason reason)
{
	struct ms_claims *claims;
	struct ms_err err = {.rc = MS_OK};
	enum ms_attester_reason why;
	MS_OWN(forge_fini) struct forge f;
	make(&f, wrong);
	(void)verify(&f, &claims, &why, &err);
	if (why != reason)
		print_error(
		    "wrong %d: %s, not %s: %s\n", (int)wrong, ms_attester_reason_name(why), ms_attester_reason_name(reason), err.text);
	CHECK_INT(why, reason);
	if (reason != MS_ATTESTER_OK) /* the name comes first, and no bytes of what was expected */
		CHECK(strncmp(err.text, ms_attester_reason_name(reason), strlen(ms_attester_reason_name(reason))) == 0);
	ms_claims_free(claims);
}

static struct ms_span
text_of(const struct ms_claims *c, const char *name)
{
	size_t from = 0;
	const struct ms_claim *one = ms_claims_next(c, ms_span_str(name), &from);
	CHECK(one != NULL && one->proven);
	return one->bytes;
}

static uint64_t
number_of(const struct ms_claims *c, const char *name)
{
	size_t from = 0;
	const struct ms_claim *one = ms_claims_next(c, ms_span_str(name), &from);
	CHECK(one != NULL && one->proven);
	return one->number;
}

static bool
has_text(const struct ms_claims *c, const char *name, const char *text)
{
	size_t from = 0;
	for (const struct ms_claim *one; (one = ms_claims_next(c, ms_span_str(name), &from)) != NULL;)
		if (ms_span_eq(one->bytes, ms_span_str(text)))
			return true;
	return false;
}

/* Claims of evidence that must be good; the caller frees. */
static struct ms_claims *
claims_of(forge_fn make, enum forge_wrong wrong)
{
	struct ms_claims *claims;
	struct ms_err err;
	enum ms_attester_reason why;
	MS_OWN(forge_fini) struct forge f;
	make(&f, wrong);
	CHECK_OK(verify(&f, &claims, &why, &err), &err);
	return claims;
}

static void
expect_assurance(forge_fn make, enum forge_wrong wrong, const char *assurance)
{
	MS_OWN(ms_claims_free) struct ms_claims *c = claims_of(make, wrong);
	CHECK(has_text(c, "attester.assurance", assurance));
}

MS_TEST(attester_registry_names_each_once_and_says_what_it_takes)
{
	size_t n = 0;
	const struct ms_attester *a;
	for (; (a = ms_attester_at(n)) != NULL; n++) {
		CHECK(ms_attester_find(ms_span_str(a->name)) == a && a->title != NULL && a->takes != NULL);
		CHECK(a->verify != NULL || strcmp(a->name, "tpm") == 0);
	}
	CHECK_INT(n, 8);
	CHECK(ms_attester_find(ms_span_str("")) == NULL && ms_attester_find(ms_span_str("snp")) == NULL);
	CHECK(ms_attester_find(ms_span_str("join-token"))->assurance == MS_ASSURANCE_LOW);
}

MS_TEST(attester_reasons_have_names_texts_and_codes)
{
	for (unsigned i = 0; i < MS_ATTESTER_REASON_COUNT; i++)
		for (unsigned k = 0; k < i; k++)
			CHECK(strcmp(ms_attester_reason_name(i), ms_attester_reason_name(k)) != 0);
	CHECK(strcmp(ms_attester_reason_name(MS_ATTESTER_REASON_COUNT), "fault") == 0);
	CHECK_INT(ms_attester_reason_rc(MS_ATTESTER_OK), MS_ERR_INTERNAL);
}

MS_TEST(assurances_are_three_and_others_are_not_found)
{
	enum ms_assurance a = MS_ASSURANCE_HARDWARE;
	CHECK(ms_assurance_find(ms_span_str("low"), &a, NULL) == MS_OK && a == MS_ASSURANCE_LOW);
	CHECK(ms_assurance_find(ms_span_str("software"), &a, NULL) == MS_OK && a == MS_ASSURANCE_SOFTWARE);
	CHECK_INT(ms_assurance_find(ms_span_str("Low"), &a, NULL), MS_ERR_NOT_FOUND);
	CHECK(a == MS_ASSURANCE_SOFTWARE);
}

MS_TEST(every_result_names_its_attester_its_assurance_and_whether_it_is_fresh)
{
	static const char *const assurance[FORGE_KINDS] = {
	    "hardware", "hardware", "hardware", "hardware", "hardware", "software", "hardware", "hardware", "low"};
	for (size_t i = 0; i < FORGE_KINDS; i++) {
		MS_OWN(forge_fini) struct forge f;
		struct ms_claims *claims;
		struct ms_err err;
		enum ms_attester_reason why;
		forge_kinds[i].make(&f, FORGE_GOOD);
		for (int fresh = 1; fresh >= 0; fresh--) {
			CHECK_OK(verify(&f, &claims, &why, &err), &err);
			CHECK(ms_span_eq(text_of(claims, "attester.kind"), ms_span_str(f.attester)));
			CHECK(ms_span_eq(text_of(claims, "attester.assurance"), ms_span_str(assurance[i])));
			CHECK_INT(number_of(claims, "attester.fresh"), (uint64_t)fresh);
			ms_claims_free(claims);
			f.in.nonce = MS_SPAN_NONE;
			f.in.proof = MS_SPAN_NONE;
		}
	}
}

MS_TEST(another_nonce_is_refused_by_every_attester_at_every_byte)
{
	for (size_t i = 0; i < FORGE_KINDS; i++) {
		MS_OWN(forge_fini) struct forge f;
		struct ms_claims *claims;
		enum ms_attester_reason why;
		forge_kinds[i].make(&f, FORGE_GOOD);
		for (size_t at = 0; at < f.nonce_len; at += 5) {
			f.nonce[at] ^= 1;
			CHECK(verify(&f, &claims, &why, NULL) == MS_ERR_AUTH && why == MS_ATTESTER_NONCE_MISMATCH);
			f.nonce[at] ^= 1;
		}
		bool padded = i == 4 || i == 6 || i == 7; /* their fields are longer than a nonce need be: the rest must be zeros */
		f.in.nonce.len--;
		CHECK(verify(&f, &claims, &why, NULL) == MS_ERR_AUTH && why == MS_ATTESTER_NONCE_MISMATCH);
		f.in.nonce.len += 2;
		CHECK(
		    f.in.nonce.len > 64 || padded || (verify(&f, &claims, &why, NULL) == MS_ERR_AUTH && why == MS_ATTESTER_NONCE_MISMATCH));
	}
}

MS_TEST(other_anchors_no_anchors_and_what_is_no_anchor_are_refused_by_every_attester)
{
	for (size_t i = 0; i < FORGE_KINDS; i++) {
		for (size_t k = 0; k < FORGE_KINDS; k++) {
			MS_OWN(forge_fini) struct forge f, other;
			struct ms_claims *claims;
			enum ms_attester_reason why;
			forge_kinds[i].make(&f, FORGE_GOOD);
			forge_kinds[k].make(&other, FORGE_GOOD);
			f.in.anchor = &other.anchor_span;
			bool same = i == k || (i < 3 && k < 3) || (i >= 3 && i < 6 && k >= 3 && k < 6);
			if (same)
				continue;
			CHECK(verify(&f, &claims, &why, NULL) != MS_OK);
			CHECK(why == MS_ATTESTER_UNTRUSTED || why == MS_ATTESTER_BAD_SIGNATURE || why == MS_ATTESTER_NO_ANCHOR ||
			      why == MS_ATTESTER_BAD_CHAIN);
		}
		MS_OWN(forge_fini) struct forge f;
		struct ms_claims *claims;
		enum ms_attester_reason why;
		struct ms_span junk = ms_span_str("not a key");
		forge_kinds[i].make(&f, FORGE_GOOD);
		f.in.n_anchors = 0;
		CHECK(verify(&f, &claims, &why, NULL) == MS_ERR_DENIED && why == MS_ATTESTER_NO_ANCHOR);
		f.in.n_anchors = 1;
		f.in.anchor = &junk;
		CHECK(verify(&f, &claims, &why, NULL) == MS_ERR_DENIED && why == MS_ATTESTER_NO_ANCHOR);
	}
}

MS_TEST(every_prefix_of_every_kind_of_evidence_is_refused)
{
	for (size_t i = 0; i < FORGE_KINDS; i++) {
		MS_OWN(forge_fini) struct forge f;
		struct ms_claims *claims;
		enum ms_attester_reason why;
		forge_kinds[i].make(&f, FORGE_GOOD);
		size_t len = f.evidence.len;
		for (size_t n = 0; n < len; n++) {
			uint8_t *w = test_dup(f.evidence.p, n);
			f.in.evidence = ms_span(w, n);
			bool whole_but_for_newline = i == 0 && n == len - 1; /* of PEM */
			CHECK(whole_but_for_newline || verify(&f, &claims, &why, NULL) != MS_OK);
			free(w);
		}
	}
}

/* ---- each kind: what is refused, and by which name ---- */

struct row {
	enum forge_wrong wrong;
	enum ms_attester_reason reason;
};
static void
expect_all(forge_fn make, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		expect(make, rows[i].wrong, rows[i].reason);
}
#define EXPECT_ALL(make, rows) expect_all(make, rows, sizeof(rows) / sizeof *(rows))

static const struct row chain_rows[] = {{FORGE_NOT_CA, MS_ATTESTER_BAD_CHAIN}, {FORGE_PATH_LENGTH, MS_ATTESTER_BAD_CHAIN},
    {FORGE_NO_CERT_SIGN, MS_ATTESTER_BAD_CHAIN}, {FORGE_UNKNOWN_CRITICAL, MS_ATTESTER_BAD_CHAIN},
    {FORGE_LINK_SIGNATURE, MS_ATTESTER_UNTRUSTED}, {FORGE_EXPIRED_LEAF, MS_ATTESTER_EXPIRED}, {FORGE_NOT_YET, MS_ATTESTER_EXPIRED},
    {FORGE_PLAIN, MS_ATTESTER_WRONG_PROFILE}, {FORGE_TWO_LEAVES, MS_ATTESTER_BAD_CHAIN}, {FORGE_PROOF_OTHER_KEY, MS_ATTESTER_BAD_SIGNATURE},
    {FORGE_PROOF_NONE, MS_ATTESTER_NONCE_MISSING}, {FORGE_TCB_TWICE, MS_ATTESTER_CLAIM_INVALID},
    {FORGE_TCB_TRAILING, MS_ATTESTER_CLAIM_INVALID}, {FORGE_TCB_NOT_CONTEXT, MS_ATTESTER_CLAIM_INVALID}};

MS_TEST(dice_x509_chains_that_do_not_hold_are_refused_by_name)
{
	static const struct row tcg[] = {{FORGE_TCB_ORDER, MS_ATTESTER_CLAIM_INVALID}, {FORGE_TCB_FWID_SHORT, MS_ATTESTER_CLAIM_INVALID},
	    {FORGE_TCB_NEGATIVE_SVN, MS_ATTESTER_CLAIM_INVALID}};
	EXPECT_ALL(forge_dice_tcg, chain_rows);
	EXPECT_ALL(forge_dice_tcg, tcg);
	EXPECT_ALL(forge_dice_open, chain_rows);
	expect(forge_dice_open, FORGE_MODE_UNKNOWN, MS_ATTESTER_CLAIM_INVALID);
	for (int i = 0; i < 2; i++) /* a name that leads nowhere: two leaves, or an end */
		expect(i == 0 ? forge_dice_tcg : forge_dice_open, FORGE_ISSUER_NAME, MS_ATTESTER_BAD_CHAIN);
}

MS_TEST(dice_tcg_claims_are_those_of_every_layer)
{
	MS_OWN(ms_claims_free) struct ms_claims *c = claims_of(forge_dice_tcg, FORGE_GOOD);
	CHECK(has_text(c, "dice.fwid", "0:sha256:d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0"));
	CHECK(has_text(c, "dice.fwid", "2:sha256:d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2"));
	CHECK(has_text(c, "dice.fwid", "1:oid-2b0601040105:d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1"));
	CHECK(has_text(c, "dice.vendor", "1:Example") && has_text(c, "dice.model", "0:Board") && has_text(c, "dice.version", "2:1.2"));
	CHECK(has_text(c, "dice.security-version", "1:7") && number_of(c, "dice.svn") == 7 && number_of(c, "dice.layers") == 3);
	CHECK(has_text(c, "dice.flag", "1:not-replay-protected") && number_of(c, "dice.debug") == 0);
	CHECK(has_text(c, "dice.chain-root", "root") && has_text(c, "dice.form", "x509") && text_of(c, "dice.ueid").len == 8);
	expect_assurance(forge_dice_tcg, FORGE_DEBUG, "low");
	expect_assurance(forge_dice_open, FORGE_DEBUG, "low");
	expect_assurance(forge_dice_open, FORGE_MODE_MISSING, "low");
}

MS_TEST(open_dice_claims_are_the_same_from_x509_and_cbor)
{
	forge_fn makers[] = {forge_dice_open, forge_dice_cbor};
	for (size_t i = 0; i < 2; i++) {
		MS_OWN(ms_claims_free) struct ms_claims *c = claims_of(makers[i], FORGE_GOOD);
		CHECK(has_text(c, "dice.mode", "0:normal") && has_text(c, "dice.mode", "2:normal") && number_of(c, "dice.layers") == 3);
		CHECK(has_text(c, "dice.component", "1:stage") && has_text(c, "dice.component-version", "1:3"));
		CHECK(has_text(c, "dice.security-version", "2:9") && has_text(c, "dice.profile", "0:example.1") &&
		      number_of(c, "dice.debug") == 0);
		CHECK(text_of(c, "dice.chain-root").len == 68 && text_of(c, "dice.key").len == 32);
	}
}

MS_TEST(dice_cbor_chains_that_do_not_hold_are_refused_by_name)
{
	static const struct row rows[] = {{FORGE_LINK_SIGNATURE, MS_ATTESTER_BAD_CHAIN}, {FORGE_ISSUER_NAME, MS_ATTESTER_BAD_CHAIN},
	    {FORGE_NO_CERT_SIGN, MS_ATTESTER_BAD_CHAIN}, {FORGE_MODE_UNKNOWN, MS_ATTESTER_CLAIM_INVALID},
	    {FORGE_OTHER_FIRST_KEY, MS_ATTESTER_BROKEN_BINDING}, {FORGE_HANDOVER, MS_ATTESTER_MALFORMED},
	    {FORGE_ALG_UNPROTECTED, MS_ATTESTER_BAD_CHAIN}, {FORGE_SUBJECT_KEY_BAD, MS_ATTESTER_CLAIM_INVALID},
	    {FORGE_PROOF_OTHER_KEY, MS_ATTESTER_BAD_SIGNATURE}, {FORGE_PROOF_NONE, MS_ATTESTER_NONCE_MISSING}};
	EXPECT_ALL(forge_dice_cbor, rows);
	expect_assurance(forge_dice_cbor, FORGE_DEBUG, "low");
	expect_assurance(forge_dice_cbor, FORGE_MODE_MISSING, "low");
}

MS_TEST(psa_tokens_that_are_not_as_the_profile_says_are_refused_by_name)
{
	static const struct row rows[] = {{FORGE_OLD_PROFILE, MS_ATTESTER_OK}, {FORGE_NO_MEASUREMENTS, MS_ATTESTER_OK},
	    {FORGE_CWT_TAG, MS_ATTESTER_OK}, {FORGE_PROFILE, MS_ATTESTER_WRONG_PROFILE}, {FORGE_NO_NONCE, MS_ATTESTER_CLAIM_INVALID},
	    {FORGE_NONCE_LENGTH, MS_ATTESTER_CLAIM_INVALID}, {FORGE_INSTANCE_TYPE, MS_ATTESTER_CLAIM_INVALID},
	    {FORGE_INSTANCE_LENGTH, MS_ATTESTER_CLAIM_INVALID}, {FORGE_NO_IMPLEMENTATION, MS_ATTESTER_CLAIM_INVALID},
	    {FORGE_LIFECYCLE_BAD, MS_ATTESTER_CLAIM_INVALID}, {FORGE_COMPONENT_SHORT, MS_ATTESTER_CLAIM_INVALID},
	    {FORGE_COMPONENT_NO_SIGNER, MS_ATTESTER_CLAIM_INVALID}, {FORGE_NO_COMPONENTS, MS_ATTESTER_CLAIM_INVALID},
	    {FORGE_CLAIM_TWICE, MS_ATTESTER_MALFORMED}, {FORGE_MAC, MS_ATTESTER_MALFORMED},
	    {FORGE_ALG_UNPROTECTED, MS_ATTESTER_BAD_SIGNATURE}};
	EXPECT_ALL(forge_psa, rows);
	expect_assurance(forge_psa, FORGE_LIFECYCLE_DEBUG, "low");
}

MS_TEST(psa_claims_are_the_tokens)
{
	MS_OWN(ms_claims_free) struct ms_claims *c = claims_of(forge_psa, FORGE_GOOD);
	MS_OWN(ms_claims_free) struct ms_claims *old = claims_of(forge_psa, FORGE_OLD_PROFILE);
	CHECK(has_text(c, "psa.lifecycle", "secured") && number_of(c, "psa.debug") == 0 && has_text(c, "psa.client", "non-secure:-3"));
	CHECK(has_text(c, "psa.component", "BL:00c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0"));
	CHECK(has_text(c, "psa.component-version", "M1:3.4.2") && text_of(c, "psa.instance-id").len == 33 &&
	      text_of(c, "psa.boot-seed").len == 32);
	CHECK(has_text(c, "psa.profile", "tag:psacertified.org,2023:psa#tfm") && has_text(old, "psa.profile", "PSA_IOT_PROFILE_1"));
	CHECK(ms_claims_count(c) == ms_claims_count(old));
}

MS_TEST(cca_tokens_whose_parts_do_not_belong_together_are_refused_by_name)
{
	static const struct row rows[] = {{FORGE_REALM_OTHER_KEY, MS_ATTESTER_BROKEN_BINDING},
	    {FORGE_REALM_SIGNATURE, MS_ATTESTER_BAD_SIGNATURE}, {FORGE_NO_REALM, MS_ATTESTER_MALFORMED},
	    {FORGE_PROFILE, MS_ATTESTER_WRONG_PROFILE}, {FORGE_NONCE_LENGTH, MS_ATTESTER_CLAIM_INVALID},
	    {FORGE_REALM_REGISTERS, MS_ATTESTER_CLAIM_INVALID}, {FORGE_INSTANCE_TYPE, MS_ATTESTER_CLAIM_INVALID},
	    {FORGE_NO_IMPLEMENTATION, MS_ATTESTER_CLAIM_INVALID}, {FORGE_LIFECYCLE_BAD, MS_ATTESTER_CLAIM_INVALID},
	    {FORGE_NO_COMPONENTS, MS_ATTESTER_CLAIM_INVALID}, {FORGE_MAC, MS_ATTESTER_MALFORMED},
	    {FORGE_ALG_UNPROTECTED, MS_ATTESTER_BAD_SIGNATURE}};
	EXPECT_ALL(forge_cca, rows);
	expect_assurance(forge_cca, FORGE_LIFECYCLE_DEBUG, "low");
}

/* The token of others: the platform's key, the realm's key by the platform's word, and the claims. */
MS_TEST(cca_token_of_others_verifies_with_its_key_and_no_other)
{
	char path[4096];
	size_t len, key_len;
	struct ms_claims *claims = NULL;
	struct ms_err err;
	enum ms_attester_reason why;
	const struct ms_attester *a = ms_attester_find(ms_span_str("cca"));
	if (test_vectors() == NULL)
		skip();
	(void)snprintf(path, sizeof path, "%s/eat-corim/cca/cca-example-token.cbor", test_vectors());
	uint8_t *token = test_file(path, &len);
	(void)snprintf(path, sizeof path, "%s/eat-corim/cca/cpak-pub.json", test_vectors());
	uint8_t *key = test_file(path, &key_len);
	struct ms_span anchor = ms_span(key, key_len), other = ms_pubkey_spki(ms_softkey_public(forge_key(1)));
	struct ms_attester_input in = {.evidence = ms_span(token, len), .anchor = &anchor, .n_anchors = 1, .now_s = FORGE_NOW};
	CHECK_OK(ms_attester_verify(a, &in, &claims, &why, &err), &err);
	CHECK(has_text(claims, "cca.platform.lifecycle", "secured") &&
	      has_text(claims, "cca.platform.profile", "http://arm.com/CCA-SSD/1.0.0"));
	CHECK(has_text(claims, "cca.platform.component", "RMM:a1fb50e6c86fae1679ef3351296fd6713411a08cf8dd1790a4fd05fae8688164"));
	CHECK(text_of(claims, "cca.realm.initial-measurement").len == 64 && text_of(claims, "cca.platform.config").len == 4);
	ms_claims_free(claims);
	in.anchor = &other;
	CHECK(ms_attester_verify(a, &in, &claims, &why, NULL) == MS_ERR_AUTH && why == MS_ATTESTER_BAD_SIGNATURE);
	in.anchor = &anchor;
	in.nonce = ms_span_str("another nonce");
	CHECK(ms_attester_verify(a, &in, &claims, &why, NULL) == MS_ERR_AUTH && why == MS_ATTESTER_NONCE_MISMATCH);
	free(token);
	free(key);
}

MS_TEST(eat_claims_times_and_nonces_are_held_to_the_standard)
{
	static const struct row rows[] = {{FORGE_NONCE_LIST, MS_ATTESTER_OK}, {FORGE_NO_NONCE, MS_ATTESTER_NONCE_MISSING},
	    {FORGE_EXPIRES, MS_ATTESTER_EXPIRED}, {FORGE_NOT_BEFORE, MS_ATTESTER_EXPIRED}, {FORGE_TIME_TEXT, MS_ATTESTER_CLAIM_INVALID},
	    {FORGE_INSTANCE_LENGTH, MS_ATTESTER_CLAIM_INVALID}, {FORGE_MODE_UNKNOWN, MS_ATTESTER_CLAIM_INVALID},
	    {FORGE_MAC, MS_ATTESTER_MALFORMED}, {FORGE_ALG_UNPROTECTED, MS_ATTESTER_BAD_SIGNATURE}};
	MS_OWN(ms_claims_free) struct ms_claims *c = claims_of(forge_eat, FORGE_GOOD);
	EXPECT_ALL(forge_eat, rows);
	CHECK(has_text(c, "eat.debug", "disabled-permanently") && has_text(c, "eat.hardware-version", "1.2") &&
	      has_text(c, "eat.oem-id", "76543"));
	CHECK(has_text(c, "eat.software-version", "3.4") && number_of(c, "eat.boot-count") == 12 && number_of(c, "eat.oem-boot") == 1);
	expect_assurance(forge_eat, FORGE_DEBUG, "low");
}

MS_TEST(snp_reports_that_are_not_by_the_chip_and_level_of_their_certificate_are_refused_by_name)
{
	static const struct row rows[] = {{FORGE_TURIN, MS_ATTESTER_OK}, {FORGE_VLEK, MS_ATTESTER_OK}, {FORGE_TABLE, MS_ATTESTER_OK},
	    {FORGE_TABLE_BROKEN, MS_ATTESTER_MALFORMED}, {FORGE_NO_CERT, MS_ATTESTER_UNTRUSTED},
	    {FORGE_VERSION_LOW, MS_ATTESTER_UNSUPPORTED}, {FORGE_VERSION_HIGH, MS_ATTESTER_UNSUPPORTED},
	    {FORGE_ALGO, MS_ATTESTER_UNSUPPORTED}, {FORGE_TCB_LEVEL, MS_ATTESTER_ENDORSEMENT_MISMATCH},
	    {FORGE_TCB_MISSING, MS_ATTESTER_ENDORSEMENT_MISMATCH}, {FORGE_CHIP, MS_ATTESTER_ENDORSEMENT_MISMATCH},
	    {FORGE_KEY_KIND, MS_ATTESTER_ENDORSEMENT_MISMATCH}, {FORGE_R_TOO_LONG, MS_ATTESTER_BAD_SIGNATURE},
	    {FORGE_SIGNER_P256, MS_ATTESTER_UNSUPPORTED}, {FORGE_LINK_SIGNATURE, MS_ATTESTER_BAD_CHAIN},
	    {FORGE_EXPIRED_LEAF, MS_ATTESTER_EXPIRED}, {FORGE_NOT_CA, MS_ATTESTER_BAD_CHAIN}};
	MS_OWN(ms_claims_free) struct ms_claims *c = claims_of(forge_snp, FORGE_GOOD);
	EXPECT_ALL(forge_snp, rows);
	CHECK(number_of(c, "snp.tcb.microcode") == 169 && number_of(c, "snp.tcb.snp") == 10 && number_of(c, "snp.vmpl") == 1);
	CHECK(number_of(c, "snp.debug") == 0 && number_of(c, "snp.smt") == 1 && number_of(c, "snp.guest-svn") == 5 &&
	      has_text(c, "snp.signer", "vcek"));
	CHECK(text_of(c, "snp.measurement").p[0] == 0x14 && text_of(c, "snp.host-data").p[0] == 0x19 &&
	      has_text(c, "snp.product", "Milan-B0"));
	expect_assurance(forge_snp, FORGE_DEBUG, "low");
}

MS_TEST(tdx_quotes_whose_links_do_not_hold_are_refused_by_name)
{
	static const struct row rows[] = {{FORGE_V5, MS_ATTESTER_OK}, {FORGE_V5_TD15, MS_ATTESTER_OK}, {FORGE_PADDED, MS_ATTESTER_OK},
	    {FORGE_V5_SIZE, MS_ATTESTER_UNSUPPORTED}, {FORGE_VERSION_LOW, MS_ATTESTER_UNSUPPORTED},
	    {FORGE_VERSION_HIGH, MS_ATTESTER_UNSUPPORTED}, {FORGE_KEY_TYPE, MS_ATTESTER_UNSUPPORTED}, {FORGE_TEE, MS_ATTESTER_UNSUPPORTED},
	    {FORGE_VENDOR, MS_ATTESTER_UNSUPPORTED}, {FORGE_CERT_TYPE, MS_ATTESTER_UNSUPPORTED}, {FORGE_PCK_TYPE, MS_ATTESTER_UNSUPPORTED},
	    {FORGE_AUTH_DATA, MS_ATTESTER_BROKEN_BINDING}, {FORGE_QE_DEBUG, MS_ATTESTER_WRONG_PROFILE},
	    {FORGE_QE_SIGNER, MS_ATTESTER_WRONG_PROFILE}, {FORGE_QE_PRODUCT, MS_ATTESTER_WRONG_PROFILE},
	    {FORGE_QE_SIGNATURE, MS_ATTESTER_BAD_SIGNATURE}, {FORGE_SIGNED_BY_OTHER, MS_ATTESTER_BAD_SIGNATURE},
	    {FORGE_TRAILING, MS_ATTESTER_MALFORMED}, {FORGE_LINK_SIGNATURE, MS_ATTESTER_BAD_CHAIN},
	    {FORGE_EXPIRED_LEAF, MS_ATTESTER_EXPIRED}, {FORGE_NOT_CA, MS_ATTESTER_BAD_CHAIN}};
	MS_OWN(ms_claims_free) struct ms_claims *c = claims_of(forge_tdx, FORGE_GOOD);
	EXPECT_ALL(forge_tdx, rows);
	CHECK(text_of(c, "tdx.mrtd").p[0] == 136 / 8 && text_of(c, "tdx.rtmr0").p[0] == 328 / 8 && text_of(c, "tdx.rtmr3").p[0] == 472 / 8);
	CHECK(text_of(c, "tdx.mrtd").len == 48 && text_of(c, "tdx.fmspc").len == 6 && number_of(c, "tdx.qe-svn") == 4 &&
	      number_of(c, "tdx.debug") == 0);
	expect_assurance(forge_tdx, FORGE_DEBUG, "low");
}

MS_TEST(join_tokens_are_low_assurance_and_refused_outside_what_the_operator_wrote)
{
	static const struct row rows[] = {{FORGE_PINNED, MS_ATTESTER_OK}, {FORGE_PINNED_OTHER, MS_ATTESTER_BROKEN_BINDING},
	    {FORGE_OTHER_TOKEN, MS_ATTESTER_BROKEN_BINDING}, {FORGE_OTHER_OPERATOR, MS_ATTESTER_UNTRUSTED},
	    {FORGE_KIND, MS_ATTESTER_WRONG_PROFILE}, {FORGE_EXPIRES, MS_ATTESTER_EXPIRED}, {FORGE_NOT_YET, MS_ATTESTER_EXPIRED}};
	MS_OWN(ms_claims_free) struct ms_claims *c = claims_of(forge_join, FORGE_GOOD);
	MS_OWN(ms_claims_free) struct ms_claims *pinned = claims_of(forge_join, FORGE_PINNED);
	EXPECT_ALL(forge_join, rows);
	CHECK(has_text(c, "join.model", "m1") && has_text(c, "join.serial", "S-1") && has_text(c, "join.tenant", "default"));
	CHECK(number_of(c, "join.key-pinned") == 0 && number_of(pinned, "join.key-pinned") == 1 && text_of(c, "join.token-id").len == 16);
	CHECK(ms_span_eq(text_of(c, "join.signer"), ms_span(ms_pubkey_id(ms_softkey_public(forge_key(23))), 32)));
	expect_assurance(forge_join, FORGE_PINNED, "low");
}

MS_TEST(too_much_of_anything_is_refused_before_it_is_read)
{
	MS_OWN(forge_fini) struct forge f;
	struct ms_claims *claims;
	enum ms_attester_reason why;
	forge_psa(&f, FORGE_GOOD);
	f.in.evidence.len = MS_ATTESTER_EVIDENCE_MAX + 1;
	CHECK(verify(&f, &claims, &why, NULL) == MS_ERR_TOO_BIG && why == MS_ATTESTER_TOO_BIG);
	f.in.evidence.len = f.evidence.len;
	f.in.n_anchors = MS_ATTESTER_FILES_MAX + 1;
	CHECK(verify(&f, &claims, &why, NULL) == MS_ERR_TOO_BIG && why == MS_ATTESTER_TOO_BIG);
	f.in.n_anchors = 1;
	f.attester = "tpm";
	CHECK(verify(&f, &claims, &why, NULL) == MS_ERR_UNSUPPORTED && why == MS_ATTESTER_UNSUPPORTED);
}

/* With MUSTER_WRITE_SEEDS=DIR: the good of each kind, as fuzz_attester takes it. */
MS_TEST(seeds_of_the_fuzz_target_are_written_when_asked_for)
{
	const char *dir = getenv("MUSTER_WRITE_SEEDS");
	if (dir == NULL)
		skip();
	for (size_t i = 0; i < FORGE_KINDS; i++) {
		char path[4096];
		MS_OWN(forge_fini) struct forge f;
		struct ms_buf b;
		forge_kinds[i].make(&f, FORGE_GOOD);
		ms_buf_init(&b, 1u << 20);
		ms_buf_u8(&b, (uint8_t)i);
		ms_buf_u16(&b, (uint16_t)f.anchor.len);
		ms_buf_put_span(&b, ms_buf_span(&f.anchor));
		ms_buf_u16(&b, (uint16_t)f.endorsement.len);
		ms_buf_put_span(&b, ms_buf_span(&f.endorsement));
		ms_buf_put_span(&b, ms_buf_span(&f.evidence));
		(void)snprintf(path, sizeof path, "%s/%s", dir, forge_kinds[i].name);
		FILE *file = fopen(path, "wb");
		CHECK(file != NULL && fwrite(b.p, 1, b.len, file) == b.len && fclose(file) == 0);
		ms_buf_fini(&b);
	}
}
