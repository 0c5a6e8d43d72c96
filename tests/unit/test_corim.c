#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/corim.h"
#include "codec/json.h"
#include "crypto/cosesig_any.h"

/* A vector's file, NULL without vectors. */
static uint8_t *
vector(const char *name, size_t *ret_len)
{
	char path[4096];
	if (test_vectors() == NULL)
		return NULL;
	(void)snprintf(path, sizeof path, "%s/eat-corim/veraison+corim/%s", test_vectors(), name);
	return test_file(path, ret_len);
}

struct want {
	const char *file;
	size_t n, digests, reference, skipped;
	const char *model;
};
/* Counted in the .diag files beside them. */
static const struct want wants[] = {
    {"corim/testcases/corim-1.cbor", 2, 1, 2, 0, "ACME RoadRunner"},
    {"corim/testcases/corim-2.cbor", 4, 3, 3, 0, "ACME RoadRunner Firmware"},
    {"corim/testcases/unsigned-good-corim.cbor", 3, 3, 3, 0, "RoadRunner"},
    {"corim/testcases/unsigned-example-corim.cbor", 3, 3, 3, 3, "RoadRunner"},
    {"comid/testcases/comid-1.cbor", 2, 1, 2, 0, "ACME RoadRunner"},
    {"comid/testcases/comid-3.cbor", 5, 5, 5, 0, "ACME RoadRunner Firmware"},
    {"comid/testcases/comid-flags.cbor", 10, 0, 0, 0, ""},
    {"comid/testcases/comid-integrity-registers.cbor", 4, 0, 4, 0, "ACME RoadRunner"},
    {"comid/testcases/comid-raw-value.cbor", 3, 0, 3, 0, "ACME RoadRunner"},
    {"profiles/psa/testcases/psa-valid.cbor", 3, 1, 3, 1, "RoadRunner"},
    {"profiles/cca/testcases/cca-platform-valid.cbor", 4, 2, 4, 1, ""},
    {"profiles/cca/testcases/cca-realm-valid.cbor", 6, 5, 6, 0, ""},
    {"profiles/tdx/testcases/comid_qe_refval.cbor", 0, 0, 0, 6, NULL},
};

static void
check_want(const struct want *w)
{
	size_t len, digests = 0, reference = 0;
	struct ms_err err;
	uint8_t *p = vector(w->file, &len);
	struct ms_corim c;
	CHECK(p != NULL);
	CHECK_OK(ms_corim_parse(ms_span(p, len), &c, &err), &err);
	for (size_t i = 0; i < c.n; i++) {
		digests += c.value[i].kind == MS_CORIM_DIGEST;
		reference += c.value[i].triple == MS_CORIM_REFERENCE;
	}
	if (c.n != w->n || digests != w->digests || reference != w->reference || c.skipped != w->skipped)
		print_error("%s: %zu values, %zu digests, %zu reference, %zu skipped\n", w->file, c.n, digests, reference, c.skipped);
	CHECK(c.n == w->n && digests == w->digests && reference == w->reference && c.skipped == w->skipped);
	CHECK(w->model == NULL || ms_span_eq(c.value[0].env.model, ms_span_str(w->model)));
	ms_corim_fini(&c);
	free(p);
}

MS_TEST(corim_of_others_give_the_values_that_their_diagnostic_notation_shows)
{
	if (test_vectors() == NULL)
		skip();
	for (size_t i = 0; i < sizeof wants / sizeof *wants; i++)
		check_want(&wants[i]);
}

MS_TEST(corim_of_all_kinds_parse_and_what_is_none_does_not)
{
	static const char *const good[] = {"comid/testcases/comid-1a.cbor", "comid/testcases/comid-2.cbor", "comid/testcases/comid-2b.cbor",
	    "comid/testcases/comid-4.cbor", "comid/testcases/comid-5.cbor", "comid/testcases/comid-6.cbor", "comid/testcases/comid-7.cbor",
	    "comid/testcases/comid-cend.cbor", "comid/testcases/comid-cond-endorse-series.cbor", "comid/testcases/comid-design-cd.cbor",
	    "comid/testcases/comid-domain-dep.cbor", "comid/testcases/comid-domain-mem.cbor", "comid/testcases/comid-firmware-cd.cbor",
	    "comid/testcases/comid-opaque-instance-id.cbor", "comid/testcases/comid-series.cbor", "corim/testcases/corim-design-cd.cbor",
	    "corim/testcases/corim-firmware-cd.cbor", "corim/testcases/corim-roles.cbor",
	    "corim/testcases/signed-corim-with-extensions.cbor", "corim/testcases/signed-example-corim.cbor",
	    "corim/testcases/signed-good-corim.cbor", "corim/testcases/unsigned-corim-with-extensions.cbor",
	    "profiles/cca/testcases/no-profile.cbor", "profiles/cca/testcases/cca-platform-invalid-impl-id.cbor",
	    "profiles/psa/testcases/no-profile.cbor", "profiles/psa/testcases/psa-invalid-attest-key.cbor",
	    "profiles/tdx/testcases/comid_pce_refval.cbor", "profiles/tdx/testcases/comid_seam_refval.cbor"};
	static const char *const bad[] = {"profiles/cca/testcases/cca-platform-invalid-digests.cbor" /* 31 bytes of SHA-256 */,
	    "coev/testcases/ce-evidence.cbor" /* evidence, not reference values */, "coserv/testvectors/rv-results.cbor",
	    "coserv/testvectors/sample_key.cbor"};
	struct ms_corim c;
	struct ms_err err;
	if (test_vectors() == NULL)
		skip();
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		size_t len;
		uint8_t *p = vector(good[i], &len);
		enum ms_rc rc = p == NULL ? MS_ERR_IO : ms_corim_parse(ms_span(p, len), &c, &err);
		if (rc != MS_OK)
			print_error("%s: %s\n", good[i], err.text);
		CHECK_INT(rc, MS_OK);
		for (size_t n = 0; n < len; n++) { /* every prefix */
			struct ms_corim part;
			uint8_t *w = test_dup(p, n);
			CHECK(ms_corim_parse(ms_span(w, n), &part, NULL) != MS_OK);
			free(w);
		}
		ms_corim_fini(&c);
		free(p);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		size_t len;
		uint8_t *p = vector(bad[i], &len);
		CHECK(p != NULL && ms_corim_parse(ms_span(p, len), &c, NULL) != MS_OK);
		free(p);
	}
}

MS_TEST(corim_values_have_their_measurement_key_version_label_and_signer)
{
	size_t len;
	struct ms_err err;
	struct ms_corim c;
	uint8_t *p = vector("profiles/psa/testcases/psa-valid.cbor", &len);
	if (p == NULL)
		skip();
	CHECK_OK(ms_corim_parse(ms_span(p, len), &c, &err), &err);
	CHECK(ms_span_eq(c.id, ms_span_str("psa-valid-corim")) && c.id_is_text && !c.is_signed && c.comids == 1);
	CHECK(ms_span_eq(c.profile, ms_span_str("tag:arm.com,2025:psa#1.0.0")));
	for (size_t i = 0; i < c.n; i++) {
		const struct ms_corim_value *v = &c.value[i];
		CHECK(ms_span_eq(v->env.vendor, ms_span_str("ACME")) && ms_span_eq(v->key, ms_span_str("psa.software-component")));
		CHECK(ms_span_eq(v->label, ms_span_str("BL")) && ms_span_eq(v->version, ms_span_str("2.1.0")) && v->signer.len == 32);
		CHECK(v->env.class_type == MS_CORIM_CLASS_BYTES && v->env.class_id.len == 32 && v->measurement == 0);
		CHECK(v->kind != MS_CORIM_DIGEST || (v->alg == 1 && v->value.len == 32 && v->value.p[0] == 0x87));
	}
	ms_corim_fini(&c);
	free(p);
	p = vector("comid/testcases/comid-integrity-registers.cbor", &len);
	CHECK_OK(ms_corim_parse(ms_span(p, len), &c, &err), &err);
	CHECK(c.value[0].kind == MS_CORIM_REGISTER && c.value[0].reg_number == 0 && c.value[0].reg.len == 0 && c.value[0].alg == 1);
	CHECK(ms_span_eq(c.value[1].alg_name, ms_span_str("my-alg-id")) && c.value[1].alg == 0 && c.value[1].value.len == 4);
	CHECK(ms_span_eq(c.value[2].reg, ms_span_str("my-ir")));
	ms_corim_fini(&c);
	free(p);
	p = vector("comid/testcases/comid-raw-value.cbor", &len);
	CHECK_OK(ms_corim_parse(ms_span(p, len), &c, &err), &err);
	CHECK(c.value[0].mask.len == 0 && c.value[1].mask.len == 4 && c.value[2].mask.len == 4 && c.value[2].measurement == 2);
	ms_corim_fini(&c);
	free(p);
	p = vector("corim/testcases/corim-2.cbor", &len);
	CHECK_OK(ms_corim_parse(ms_span(p, len), &c, &err), &err);
	CHECK(c.value[3].triple == MS_CORIM_ENDORSED && c.value[3].kind == MS_CORIM_SVN && c.value[3].number == 1 &&
	      c.value[3].env.has_layer);
	CHECK(c.value[2].env.has_index && c.value[2].env.index == 1 && c.value[2].env.layer == 2);
	ms_corim_fini(&c);
	free(p);
}

MS_TEST(corim_that_is_signed_verifies_by_its_key_and_no_other)
{
	size_t len, key_len;
	struct ms_err err;
	struct ms_corim c;
	MS_OWN(ms_pubkey_free) struct ms_pubkey *key = NULL;
	MS_OWN(ms_softkey_free) struct ms_softkey *other = NULL;
	uint8_t *p = vector("corim/testcases/signed-good-corim.cbor", &len), *jwk = vector("corim/testcases/src/ec-p256.jwk", &key_len);
	if (p == NULL)
		skip();
	CHECK_OK(ms_softkey_generate(MS_KEY_P256, &other, &err), &err);
	json_t *j = json_loadb((const char *)jwk, key_len, 0, NULL);
	(void)json_object_del(j, "d");
	char *text = json_dumps(j, 0);
	CHECK_OK(ms_pubkey_from_file(ms_span_str(text), &key, &err), &err);
	CHECK_OK(ms_corim_parse(ms_span(p, len), &c, &err), &err);
	CHECK(c.is_signed && c.n == 3 && ms_span_eq(c.signer_name, ms_span_str("ACME Ltd signing key")) && c.has_not_after);
	CHECK_OK(ms_cose_any_verify(&c.cose, key, MS_SPAN_NONE, &err), &err);
	CHECK_INT(ms_cose_any_verify(&c.cose, ms_softkey_public(other), MS_SPAN_NONE, NULL), MS_ERR_AUTH);
	ms_corim_fini(&c);
	p[len / 2] ^= 1;
	if (ms_corim_parse(ms_span(p, len), &c, NULL) == MS_OK) {
		CHECK_INT(ms_cose_any_verify(&c.cose, key, MS_SPAN_NONE, NULL), MS_ERR_AUTH);
		ms_corim_fini(&c);
	}
	free(text);
	json_decref(j);
	free(jwk);
	free(p);
}

static enum ms_rc
rc_of(const char *hex)
{
	size_t len;
	uint8_t *p = test_hex(hex, &len);
	struct ms_corim c = {.comids = 77};
	enum ms_rc rc = ms_corim_parse(ms_span(p, len), &c, NULL);
	CHECK((rc == MS_OK) == (c.comids != 77));
	if (rc == MS_OK)
		ms_corim_fini(&c);
	free(p);
	return rc;
}

/* A bare CoMID with one reference triple: environment {0: {1: "v"}}, and this measurement */
#define COMID(measurement) "a2 01 a1 00 6161 04 a1 00 81 82 a1 00 a1 01 6176 81 " measurement

MS_TEST(corim_of_other_types_than_the_draft_says_are_refused)
{
	static const char *const bad[] = {"", "80", "a0", "f6", "d901f5 80", "d901f5 a0", "d901f5 a1 00 6161", "d901f5 a2 00 01 01 80",
	    "d901f5 a2 00 6161 01 a0", "d901f5 a2 00 6161 01 81 d901fa a0" /* not wrapped */, "d901f5 a2 00 6161 01 81 d901fa 41a0",
	    "d901f5 a2 00 6161 01 81 d901fa 41ff", "d901f5 a2 00 6161 01 81 d901fa 5f 41a0 41a0 ff", "a2 01 a0 04 a1 00 80" /* no tag id */,
	    "a2 01 a1 00 6161 04 a0", "a2 01 a1 00 6161 04 80", "a2 01 a1 00 6161 04 a1 00 a0", "a2 01 a1 00 6161 04 a1 00 81 80",
	    "a2 01 a1 00 6161 04 a1 00 81 81 a0", "a2 01 a1 00 6161 04 a1 00 81 82 a0 80", "a2 01 a1 00 6161 04 a1 00 81 82 a1 00 80 80",
	    "a2 01 a1 00 6161 04 a1 00 81 82 a1 00 a1 01 6176 80", COMID("80"), COMID("a0"), COMID("a1 01 80"),
	    COMID("a1 01 a1 02 80") /* no digests */, COMID("a1 01 a1 02 a0"), COMID("a1 01 a1 02 81 80"),
	    COMID("a1 01 a1 02 81 82 01 6161"), COMID("a1 01 a1 02 81 82 01 41aa") /* short */, COMID("a1 01 a1 02 81 82 41aa 41aa"),
	    COMID("a1 01 a1 02 81 82 6161 40"), COMID("a1 01 a1 02 81 83 01 41aa 00"), COMID("a1 01 a1 01 6161"),
	    COMID("a1 01 a1 01 d90228 6161"), COMID("a1 01 a1 01 20"), COMID("a1 01 a1 03 01"), COMID("a1 01 a1 04 d90233 81 41aa"),
	    COMID("a1 01 a1 04 d90233 82 41aa 42aaaa"), COMID("a1 01 a2 04 d90230 41aa 05 42aaaa"), COMID("a1 01 a1 08 01"),
	    COMID("a1 01 a1 0a 01"), COMID("a1 01 a1 0b 01"), COMID("a1 01 a1 00 a0"), COMID("a1 01 a1 0e a0"),
	    COMID("a1 01 a1 0e a1 20 81 82 01 41aa"), COMID("a1 01 a1 0e a1 00 80")};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (rc_of(bad[i]) == MS_OK)
			print_error("%s\n", bad[i]);
		CHECK(rc_of(bad[i]) != MS_OK);
	}
}

MS_TEST(corim_extensions_are_left_aside_and_counted)
{
	static const char hex[] = "a4 20 00 01 a1 00 6161 04 a3 00 81 82 a1 00 a2 00 d96161 00 01 6176 81 a2 00 d96161 00 01 a3 20 00 07 "
				  "00 01 05 18ff 80 05 82 00 00 18ff 00";
	size_t len;
	struct ms_err err;
	struct ms_corim c;
	uint8_t *p = test_hex(hex, &len);
	CHECK_OK(ms_corim_parse(ms_span(p, len), &c, &err), &err);
	CHECK(c.n == 1 && c.value[0].kind == MS_CORIM_SVN && c.value[0].number == 5);
	CHECK(c.value[0].env.class_type == MS_CORIM_CLASS_OTHER && !c.value[0].has_key_number && c.value[0].key.len == 0);
	CHECK_INT(c.skipped, 6); /* class id, key, two values, two triples; the array that is empty has none */
	ms_corim_fini(&c);
	free(p);
}

/* Seeded changes of one byte: refused, or parsed; never a crash, and every span inside the input. */
MS_TEST(corim_with_any_byte_changed_stays_inside_its_bytes)
{
	size_t len;
	uint8_t *p = vector("corim/testcases/signed-example-corim.cbor", &len);
	uint32_t seed = 1;
	if (p == NULL)
		skip();
	for (size_t i = 0; i < 10000; i++) {
		seed = seed * 1664525u + 1013904223u;
		size_t at = (seed >> 8) % len;
		uint8_t old = p[at];
		struct ms_corim c;
		p[at] ^= (uint8_t)(1 + (seed & 0xfe) / 2);
		if (ms_corim_parse(ms_span(p, len), &c, NULL) == MS_OK) {
			for (size_t k = 0; k < c.n; k++)
				CHECK(c.value[k].value.len == 0 ||
				      (c.value[k].value.p >= p && c.value[k].value.p + c.value[k].value.len <= p + len));
			ms_corim_fini(&c);
		}
		p[at] = old;
	}
	free(p);
}
