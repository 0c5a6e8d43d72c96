#include "support/quotes.h"

#include "codec/cbor.h"

static struct bytes
built(const struct ms_pcrs *p)
{
	struct bytes out;
	struct ms_err err;
	MS_OWN(ms_buf_fini) struct ms_buf b;
	ms_buf_init(&b, sizeof out.p);
	CHECK_OK(ms_pcrs_build(p, &b, &err), &err);
	memcpy(out.p, b.p, b.len);
	out.len = b.len;
	return out;
}

static void
refuse(const void *p, size_t n, enum ms_rc want)
{
	struct ms_pcrs got, before;
	memset(&got, 0x5a, sizeof got);
	memcpy(&before, &got, sizeof got);
	uint8_t *w = test_dup(p, n);
	CHECK_INT(ms_pcrs_parse(ms_span(w, n), &got, NULL), want);
	CHECK(memcmp(&got, &before, sizeof got) == 0);
	free(w);
}

MS_TEST(pcrs_come_back_as_they_were_built)
{
	struct ms_pcrs p = recorded_pcrs("pcrs-boot"), q;
	struct bytes b = built(&p);
	struct ms_err err;
	CHECK_OK(ms_pcrs_parse(sp(&b), &q, &err), &err);
	CHECK(memcmp(&p, &q, sizeof p) == 0);
	for (size_t n = 0; n < b.len; n++)
		refuse(b.p, n, MS_ERR_MALFORMED);
	b.p[b.len] = 0;
	refuse(b.p, b.len + 1, MS_ERR_MALFORMED);
}

MS_TEST(pcrs_refuse_an_index_of_24_a_short_value_and_another_type)
{
	struct ms_pcrs p = {.mask = 1u << 23};
	struct bytes b = built(&p);
	CHECK_INT(b.p[1], 23);
	uint8_t w[64] = {0xa1, 0x18, 24, 0x58, 32};
	refuse(w, 5 + 32, MS_ERR_MALFORMED);
	refuse("\xa1\x00\x41\x00", 4, MS_ERR_MALFORMED);
	refuse("\x80", 1, MS_ERR_MALFORMED);
	refuse("\xa1\x61"
	       "0\x41\x00",
	    5, MS_ERR_MALFORMED);
	uint8_t big[MS_PCRS_WIRE_MAX + 1] = {0};
	refuse(big, sizeof big, MS_ERR_TOO_BIG);
}

MS_TEST(pcrs_refuse_one_index_twice)
{
	uint8_t w[1 + 2 * 35] = {0xa2, [2] = 0x58, [3] = 32, [37] = 0x58, [38] = 32};
	w[36] = 1;
	CHECK_INT(ms_pcrs_parse(ms_span(w, sizeof w), &(struct ms_pcrs){0}, NULL), MS_OK);
	w[36] = 0;
	refuse(w, sizeof w, MS_ERR_MALFORMED);
}

MS_TEST(pcrs_of_an_index_that_is_none_are_not_built)
{
	struct ms_pcrs p = {.mask = 1u << 24 | 1};
	MS_OWN(ms_buf_fini) struct ms_buf b;
	ms_buf_init(&b, 1000);
	CHECK_INT(ms_pcrs_build(&p, &b, NULL), MS_ERR_USAGE);
	CHECK_INT(b.len, 0);
}

MS_TEST(pcr_digest_is_the_one_that_the_tpm_quotes)
{
	struct ms_pcrs p = recorded_pcrs("pcrs-boot");
	static const struct {
		const char *name;
		uint32_t mask;
	} rows[] = {{"quote", MASK_QUOTED}, {"quote-fewer-pcrs", 0xff}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct bytes b = recorded(rows[i].name, ".attest");
		struct ms_tpm_attest a;
		uint8_t digest[MS_PCR_LEN];
		CHECK_INT(ms_tpm_attest_parse(sp(&b), &a, NULL), MS_OK);
		CHECK_INT(ms_pcrs_digest(&p, rows[i].mask, digest, NULL), MS_OK);
		CHECK(ms_span_eq(a.pcr_digest, ms_span(digest, sizeof digest)));
	}
}

MS_TEST(pcr_digest_refuses_an_empty_mask_and_a_pcr_without_a_value)
{
	struct ms_pcrs p = recorded_pcrs("pcrs-boot");
	uint8_t digest[MS_PCR_LEN] = {0};
	CHECK_INT(ms_pcrs_digest(&p, 0, digest, NULL), MS_ERR_USAGE);
	CHECK_INT(ms_pcrs_digest(&p, 1u << 15, digest, NULL), MS_ERR_USAGE);
	CHECK_INT(ms_pcrs_digest(&p, 1u << 24, digest, NULL), MS_ERR_USAGE);
	CHECK_INT(ms_pcrs_policy(&p, 1u << 15, digest, NULL), MS_ERR_USAGE);
	CHECK_INT(digest[0], 0);
}

MS_TEST(pcr_policy_is_the_one_that_the_tpm_computes)
{
	struct ms_pcrs p = recorded_pcrs("pcrs-boot");
	struct bytes want = recorded("policy-seal", ".bin");
	uint8_t policy[MS_PCR_LEN];
	struct ms_err err;
	CHECK_OK(ms_pcrs_policy(&p, MASK_SEALED, policy, &err), &err);
	CHECK(ms_span_eq(sp(&want), ms_span(policy, sizeof policy)));
	p.value[14][31] ^= 1;
	CHECK_OK(ms_pcrs_policy(&p, MASK_SEALED, policy, &err), &err);
	CHECK(!ms_span_eq(sp(&want), ms_span(policy, sizeof policy)));
}

static struct ms_pcr_accept
row(const struct ms_pcrs *p, unsigned index)
{
	struct ms_pcr_accept r = {.index = (uint8_t)index};
	memcpy(r.digest, p->value[index], MS_PCR_LEN);
	return r;
}

MS_TEST(compare_accepts_any_of_several_digests_and_names_what_differs)
{
	struct ms_pcrs old = recorded_pcrs("pcrs-boot"), now = recorded_pcrs("pcrs-tampered");
	struct ms_pcr_accept rows[] = {row(&now, 0), row(&old, 7), row(&old, 0)};
	struct ms_pcr_reference ref = {rows, 3};
	struct ms_pcr_diff d;
	CHECK(ms_pcrs_compare(&old, 0x81, &ref, &d));
	CHECK_INT(d.n, 0);
	CHECK(!ms_pcrs_compare(&now, 0x81, &ref, &d));
	CHECK(d.n == 1 && d.row[0].index == 7 && !d.row[0].absent && !d.row[0].unlisted);
	CHECK(memcmp(d.row[0].found, now.value[7], MS_PCR_LEN) == 0);
}

MS_TEST(compare_takes_nothing_for_any)
{
	struct ms_pcrs p = recorded_pcrs("pcrs-boot"), none = {0};
	struct ms_pcr_accept rows[] = {row(&p, 0), {.index = 1}};
	struct ms_pcr_reference ref = {rows, 2}, empty = {NULL, 0};
	struct ms_pcr_diff d;
	CHECK(!ms_pcrs_compare(&p, 0, &ref, &d));
	CHECK(!ms_pcrs_compare(&p, 1, &empty, &d));
	CHECK(d.n == 1 && d.row[0].unlisted);
	CHECK(!ms_pcrs_compare(&p, 1u << 4, &ref, &d));
	CHECK(d.n == 1 && d.row[0].index == 4 && d.row[0].unlisted);
	CHECK(!ms_pcrs_compare(&none, 2, &ref, &d)); /* the reference accepts zero, but there is no value */
	CHECK(d.n == 1 && d.row[0].absent && !d.row[0].unlisted);
	CHECK(!ms_pcrs_compare(&p, 1u << 24 | 1, &ref, &d));
}
