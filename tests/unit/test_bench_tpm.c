/* The TPM in software that tests and benchmarks lean on: the product's own checks take what it says, and only that. */
#include <string.h>

#include "crypto/credential.h"
#include "evidence/certify.h"
#include "evidence/quote.h"
#include "tpm.h"
#include "support/test.h"

static const uint8_t extra[32] = {1, 2, 3};

static struct bench_tpm *
make(unsigned flags)
{
	struct bench_tpm *t = NULL;
	CHECK(bench_tpm_new("seed", flags, &t, NULL) == MS_OK);
	return t;
}

static enum ms_rc
quote_as(struct bench_tpm *t, uint32_t mask, struct ms_span ak_public, enum ms_evidence_reason *reason)
{
	MS_OWN(ms_ak_free) struct ms_ak *ak = NULL;
	MS_OWN(ms_quote_raw_free) struct ms_quote_raw *raw = NULL;
	MS_OWN(ms_quote_verified_free) struct ms_quote_verified *v = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf attest, sig;
	ms_buf_init(&attest, 1024);
	ms_buf_init(&sig, 1024);
	struct bench_tpm_attest out = {&attest, &sig};
	CHECK(bench_tpm_quote(t, ms_span(extra, 32), mask, &out, NULL) == MS_OK);
	CHECK(ms_ak_new(ak_public, MS_SPAN_NONE, &ak, NULL, NULL) == MS_OK);
	CHECK(ms_quote_take(ms_buf_span(&attest), ms_buf_span(&sig), &raw, NULL, NULL) == MS_OK);
	struct ms_quote_check c = {.ak = ak, .extra = ms_span(extra, 32), .mask = MS_PCRS_ATTEST_MASK, .pcrs = bench_tpm_pcrs(t)};
	return ms_quote_verify(raw, &c, &v, reason, NULL);
}

MS_TEST(bench_tpm_quotes_verify_with_either_kind_of_ak)
{
	for (unsigned flags = BENCH_TPM_EK_ECC; flags <= (BENCH_TPM_EK_ECC | BENCH_TPM_AK_RSA); flags++) {
		MS_OWN(bench_tpm_free) struct bench_tpm *t = make(flags);
		CHECK(quote_as(t, MS_PCRS_ATTEST_MASK, bench_tpm_ak_public(t), NULL) == MS_OK);
		CHECK(quote_as(t, MS_PCRS_ATTEST_MASK & ~1u, bench_tpm_ak_public(t), NULL) != MS_OK);
	}
}

MS_TEST(bench_tpm_quotes_are_not_those_of_another)
{
	MS_OWN(bench_tpm_free) struct bench_tpm *t = make(BENCH_TPM_EK_ECC);
	MS_OWN(bench_tpm_free) struct bench_tpm *other = make(BENCH_TPM_EK_ECC);
	enum ms_evidence_reason reason = MS_EVIDENCE_NONE;
	CHECK(quote_as(t, MS_PCRS_ATTEST_MASK, bench_tpm_ak_public(other), &reason) != MS_OK);
	CHECK(reason == MS_EVIDENCE_BAD_SIGNATURE);
	CHECK(strcmp(bench_tpm_device(t), bench_tpm_device(other)) != 0);
}

static enum ms_rc
certify_sealing(struct bench_tpm *t, uint32_t hierarchy, const struct ms_pcrs *accepted, uint8_t point[static MS_POINT_LEN])
{
	MS_OWN(ms_softkey_free) struct ms_softkey *key = NULL;
	MS_OWN(ms_ak_free) struct ms_ak *ak = NULL;
	MS_OWN(ms_certified_free) struct ms_certified *c = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf attest, sig, area;
	ms_buf_init(&attest, 1024);
	ms_buf_init(&sig, 1024);
	ms_buf_init(&area, 1024);
	struct bench_tpm_attest out = {&attest, &sig};
	CHECK(ms_softkey_generate(MS_KEY_P256, &key, NULL) == MS_OK);
	CHECK(bench_tpm_sealing_public(t, 0x95, ms_pubkey_point(ms_softkey_public(key)).p, &area, NULL) == MS_OK);
	CHECK(bench_tpm_certify(t, ms_buf_span(&area), hierarchy, ms_span(extra, 32), &out, NULL) == MS_OK);
	CHECK(ms_ak_new(bench_tpm_ak_public(t), MS_SPAN_NONE, &ak, NULL, NULL) == MS_OK);
	struct ms_certify_evidence e = {.attest = ms_buf_span(&attest), .signature = ms_buf_span(&sig), .tpmt_public = ms_buf_span(&area)};
	struct ms_certify_check check = {.ak = ak, .extra = ms_span(extra, 32)};
	CHECK(ms_certify_verify(&e, &check, &c, NULL, NULL) == MS_OK);
	struct ms_sealing_state state = {.pcrs = accepted, .mask = 0x95};
	return ms_certified_sealing(c, &state, point, NULL, NULL);
}

MS_TEST(bench_tpm_certifies_a_sealing_key_of_its_state_only)
{
	MS_OWN(bench_tpm_free) struct bench_tpm *t = make(BENCH_TPM_EK_ECC);
	struct ms_pcrs before = *bench_tpm_pcrs(t);
	uint8_t point[MS_POINT_LEN];
	CHECK(certify_sealing(t, MS_TPM_RH_NULL, &before, point) == MS_OK);
	CHECK(certify_sealing(t, MS_TPM_RH_ENDORSEMENT, &before, point) != MS_OK);
	bench_tpm_extend(t, 4, ms_span_str("other"));
	CHECK(certify_sealing(t, MS_TPM_RH_NULL, &before, point) != MS_OK);
	CHECK(certify_sealing(t, MS_TPM_RH_NULL, bench_tpm_pcrs(t), point) == MS_OK);
}

MS_TEST(bench_tpm_activates_only_credentials_for_its_ek_and_ak)
{
	for (unsigned flags = 0; flags <= BENCH_TPM_EK_ECC; flags += BENCH_TPM_EK_ECC) {
		MS_OWN(bench_tpm_free) struct bench_tpm *t = make(flags);
		MS_OWN(bench_tpm_free) struct bench_tpm *other = make(flags);
		MS_OWN(ms_pubkey_free) struct ms_pubkey *ek = NULL;
		MS_OWN(ms_secret_free) struct ms_secret *secret = NULL;
		MS_OWN(ms_buf_fini) struct ms_buf blob, encrypted, spki;
		struct ms_tpm_public area;
		uint8_t out[MS_SHA256_LEN];
		size_t len = 0;
		ms_buf_init(&blob, 256);
		ms_buf_init(&encrypted, 512);
		ms_buf_init(&spki, MS_TPM_SPKI_MAX);
		CHECK(ms_secret_from("0123456789abcdef0123456789abcdef", 32, &secret, NULL) == MS_OK);
		CHECK(ms_tpm_public_parse(bench_tpm_ek_public(t), &area, NULL) == MS_OK && ms_tpm_public_spki(&area, &spki, NULL) == MS_OK);
		CHECK(ms_pubkey_from_spki(ms_buf_span(&spki), &ek, NULL) == MS_OK);
		CHECK(ms_credential_make(ek, bench_tpm_ak_name(t).p, secret, &blob, &encrypted, NULL) == MS_OK);
		CHECK(bench_tpm_activate(other, ms_buf_span(&blob), ms_buf_span(&encrypted), out, &len, NULL) == MS_ERR_AUTH);
		CHECK(bench_tpm_activate(t, ms_buf_span(&blob), ms_buf_span(&encrypted), out, &len, NULL) == MS_OK);
		CHECK(len == 32 && memcmp(out, "0123456789abcdef0123456789abcdef", 32) == 0);
		blob.p[5] ^= 1;
		CHECK(bench_tpm_activate(t, ms_buf_span(&blob), ms_buf_span(&encrypted), out, &len, NULL) == MS_ERR_AUTH);
	}
}
