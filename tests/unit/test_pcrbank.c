#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evidence/pcrbank.h"

#define ZERO20 "0000000000000000000000000000000000000000"
#define ZERO32 "0000000000000000000000000000000000000000000000000000000000000000"

static void
refuse(const char *text, enum ms_rc want)
{
	struct ms_pcr_banks got, before;
	memset(&got, 0x5a, sizeof got);
	memcpy(&before, &got, sizeof got);
	CHECK_INT(ms_pcr_banks_parse_json(ms_span_str(text), &got, NULL), want);
	CHECK(memcmp(&got, &before, sizeof got) == 0);
}

MS_TEST(pcrbank_json_of_several_banks_comes_back_as_it_was)
{
	static const char text[] = "{\"sha1\":{\"23\":\"" ZERO20 "\"},\"sha256\":{\"0\":\"" ZERO32 "\",\"14\":\"" ZERO32 "\"}}";
	struct ms_pcr_banks b;
	struct ms_err err;
	MS_OWN(ms_buf_fini) struct ms_buf out = {0};
	ms_buf_init(&out, 4096);
	CHECK_OK(ms_pcr_banks_parse_json(ms_span_str(text), &b, &err), &err);
	CHECK_INT(b.n, 2);
	CHECK_INT(ms_pcr_banks_find(&b, MS_TPM_ALG_SHA256)->mask, 1u | 1u << 14);
	CHECK_INT(ms_pcr_banks_find(&b, MS_TPM_ALG_SHA1)->mask, 1u << 23);
	CHECK(ms_pcr_banks_find(&b, MS_TPM_ALG_SHA384) == NULL);
	MS_OWN(ms_json_free) json_t *j = ms_pcr_banks_to_json(&b);
	CHECK_OK(ms_json_build(j, false, &out, &err), &err);
	CHECK(ms_span_eq(ms_buf_span(&out), ms_span_str(text)));
}

MS_TEST(pcrbank_json_is_refused_when_it_is_not_exactly_that_form)
{
	refuse("", MS_ERR_MALFORMED);
	refuse("[]", MS_ERR_MALFORMED);
	refuse("{}", MS_ERR_MALFORMED);
	refuse("{\"sha256\":{}}", MS_ERR_MALFORMED);
	refuse("{\"sha256\":[]}", MS_ERR_MALFORMED);
	refuse("{\"sha256\":\"" ZERO32 "\"}", MS_ERR_MALFORMED);
	refuse("{\"md5\":{\"0\":\"" ZERO32 "\"}}", MS_ERR_UNSUPPORTED);
	refuse("{\"SHA256\":{\"0\":\"" ZERO32 "\"}}", MS_ERR_UNSUPPORTED);
	refuse("{\"sha256\":{\"24\":\"" ZERO32 "\"}}", MS_ERR_MALFORMED);
	refuse("{\"sha256\":{\"00\":\"" ZERO32 "\"}}", MS_ERR_MALFORMED);
	refuse("{\"sha256\":{\"+1\":\"" ZERO32 "\"}}", MS_ERR_MALFORMED);
	refuse("{\"sha256\":{\"-1\":\"" ZERO32 "\"}}", MS_ERR_MALFORMED);
	refuse("{\"sha256\":{\"\":\"" ZERO32 "\"}}", MS_ERR_MALFORMED);
	refuse("{\"sha256\":{\"100\":\"" ZERO32 "\"}}", MS_ERR_MALFORMED);
	refuse("{\"sha256\":{\"0\":\"" ZERO20 "\"}}", MS_ERR_MALFORMED);
	refuse("{\"sha256\":{\"0\":\"" ZERO32 "00\"}}", MS_ERR_MALFORMED);
	refuse("{\"sha256\":{\"0\":\"0x" ZERO32 "\"}}", MS_ERR_MALFORMED);
	refuse("{\"sha256\":{\"0\":0}}", MS_ERR_MALFORMED);
	refuse("{\"sha256\":{\"0\":\"" ZERO32 "\",\"0\":\"" ZERO32 "\"}}", MS_ERR_MALFORMED);
	refuse("{\"sha256\":{\"0\":\"" ZERO32 "\"}} x", MS_ERR_MALFORMED);
	refuse("{\"sm3\":{\"0\":\"" ZERO32 "\"},\"sm3_256\":{\"0\":\"" ZERO32 "\"}}", MS_ERR_MALFORMED);
	char *big = malloc(MS_PCR_BANK_JSON_MAX + 2);
	memset(big, ' ', MS_PCR_BANK_JSON_MAX + 1);
	big[MS_PCR_BANK_JSON_MAX + 1] = '\0';
	refuse(big, MS_ERR_TOO_BIG);
	free(big);
}

MS_TEST(pcrbank_starts_and_extends_as_a_tpm_does)
{
	struct ms_pcr_bank b;
	struct ms_err err;
	uint8_t want[32], parts[64] = {0};
	CHECK_OK(ms_pcr_bank_init(MS_TPM_ALG_SHA256, &b, &err), &err);
	ms_pcr_bank_start(&b, 3);
	CHECK_INT(b.value[0][31], 3);
	CHECK_INT(b.value[0][30], 0);
	CHECK_INT(b.value[16][0], 0);
	CHECK_INT(b.value[17][0], 0xff);
	CHECK_INT(b.value[22][31], 0xff);
	CHECK_INT(b.value[23][0], 0);
	CHECK_INT(b.mask, 0);
	parts[31] = 3;
	memset(parts + 32, 0xab, 32);
	ms_sha256(ms_span(parts, 64), want);
	ms_pcr_bank_extend(&b, 0, parts + 32);
	CHECK(memcmp(b.value[0], want, 32) == 0);
	CHECK_INT(b.mask, 1);
}

MS_TEST(pcrbank_differs_where_a_value_is_other_or_absent_and_everywhere_between_banks)
{
	struct ms_pcr_bank a, b, c;
	CHECK_INT(ms_pcr_bank_init(MS_TPM_ALG_SHA384, &a, NULL), MS_OK);
	CHECK_INT(ms_pcr_bank_init(MS_TPM_ALG_SHA256, &c, NULL), MS_OK);
	a.mask = c.mask = 0xff;
	b = a;
	CHECK_INT(ms_pcr_bank_differ(&a, &b, 0xff), 0);
	b.value[7][47] = 1;
	CHECK_INT(ms_pcr_bank_differ(&a, &b, 0xff), 1u << 7);
	CHECK_INT(ms_pcr_bank_differ(&a, &b, 0x7f), 0);
	b.mask = 0xfe;
	CHECK_INT(ms_pcr_bank_differ(&a, &b, 0xff), 1u << 7 | 1u);
	CHECK_INT(ms_pcr_bank_differ(&a, &c, 0xff), 0xff);
}

MS_TEST(pcrbank_digest_is_that_of_the_sha256_bank_and_wants_every_pcr)
{
	struct ms_pcr_bank b;
	struct ms_pcrs p;
	uint8_t one[MS_HASH_LEN_MAX], other[MS_HASH_LEN_MAX];
	CHECK_INT(ms_pcr_bank_init(MS_TPM_ALG_SHA256, &b, NULL), MS_OK);
	ms_pcr_bank_start(&b, 0);
	b.mask = 0x91;
	b.value[7][3] = 9;
	CHECK_INT(ms_pcr_bank_sha256(&b, &p, NULL), MS_OK);
	CHECK_INT(ms_pcr_bank_digest(&b, 0x91, MS_HASH_SHA384, one, NULL), MS_OK);
	CHECK_INT(ms_pcrs_digest_as(MS_HASH_SHA384, &p, 0x91, other, NULL), MS_OK);
	CHECK(memcmp(one, other, 48) == 0);
	CHECK_INT(ms_pcr_bank_digest(&b, 0x93, MS_HASH_SHA256, one, NULL), MS_ERR_USAGE);
	CHECK_INT(ms_pcr_bank_digest(&b, 0, MS_HASH_SHA256, one, NULL), MS_ERR_USAGE);
	CHECK_INT(ms_pcr_bank_init(MS_TPM_ALG_SHA1, &b, NULL), MS_OK);
	CHECK_INT(ms_pcr_bank_sha256(&b, &p, NULL), MS_ERR_UNSUPPORTED);
	CHECK_INT(ms_pcr_bank_init(MS_TPM_ALG_AES, &b, NULL), MS_ERR_UNSUPPORTED);
}

/* GB/T 32905-2016, A.1: "abc". */
MS_TEST(pcrbank_sm3_is_right_or_says_that_it_is_missing)
{
	uint8_t got[MS_HASH_LEN_MAX];
	size_t n;
	struct ms_err err;
	struct ms_pcr_bank b;
	struct ms_span abc = ms_span_str("abc");
	enum ms_rc rc = ms_hash_need(MS_HASH_SM3, &err);
	CHECK_INT(ms_pcr_bank_init(0x0012, &b, NULL), rc);
	if (rc != MS_OK) {
		CHECK_INT(rc, MS_ERR_UNSUPPORTED);
		CHECK(strstr(err.text, "SM3") != NULL);
		return;
	}
	uint8_t *want = test_hex("66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0", &n);
	ms_hashv(MS_HASH_SM3, &abc, 1, got);
	CHECK(n == MS_SM3_LEN && memcmp(got, want, n) == 0);
	free(want);
}

MS_TEST(pcrbank_mask_reads_as_a_sentence_and_is_cut_to_fit)
{
	char text[64], small[4];
	ms_pcr_mask_text(0, text, sizeof text);
	CHECK(strcmp(text, "") == 0);
	ms_pcr_mask_text(1u << 7, text, sizeof text);
	CHECK(strcmp(text, "7") == 0);
	ms_pcr_mask_text(0x91, text, sizeof text);
	CHECK(strcmp(text, "0, 4 and 7") == 0);
	ms_pcr_mask_text(0xffffff, small, sizeof small);
	CHECK(strlen(small) < sizeof small);
}
