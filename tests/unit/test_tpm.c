#include "support/quotes.h"

#include "codec/tpm.h"

static void
refuse_attest(const void *p, size_t n, enum ms_rc want)
{
	struct ms_tpm_attest a, before;
	memset(&a, 0x5a, sizeof a);
	memcpy(&before, &a, sizeof a);
	uint8_t *w = test_dup(p, n);
	CHECK_INT(ms_tpm_attest_parse(ms_span(w, n), &a, NULL), want);
	CHECK(memcmp(&a, &before, sizeof a) == 0);
	free(w);
}

static void
refuse_signature(const void *p, size_t n, enum ms_rc want)
{
	struct ms_tpm_signature g, before;
	memset(&g, 0x5a, sizeof g);
	memcpy(&before, &g, sizeof g);
	uint8_t *w = test_dup(p, n);
	CHECK_INT(ms_tpm_signature_parse(ms_span(w, n), &g, NULL), want);
	CHECK(memcmp(&g, &before, sizeof g) == 0);
	free(w);
}

static void
refuse_public(const void *p, size_t n, enum ms_rc want)
{
	struct ms_tpm_public a, before;
	memset(&a, 0x5a, sizeof a);
	memcpy(&before, &a, sizeof a);
	uint8_t *w = test_dup(p, n);
	CHECK_INT(ms_tpm_public_parse(ms_span(w, n), &a, NULL), want);
	CHECK(memcmp(&a, &before, sizeof a) == 0);
	free(w);
}

MS_TEST(attest_of_a_quote_reads_as_the_tpm_wrote_it)
{
	struct bytes q = recorded("quote", ".attest"), qname = recorded("ak", ".qname"), nonce = recorded("nonce", ".bin");
	struct ms_tpm_attest a;
	struct ms_err err;
	CHECK_OK(ms_tpm_attest_parse(sp(&q), &a, &err), &err);
	CHECK_INT(a.type, MS_TPM_ST_QUOTE);
	CHECK(ms_span_eq(a.signer, sp(&qname)));
	CHECK(ms_span_eq(a.extra, sp(&nonce)));
	CHECK(a.safe && a.reset_count == 1 && a.restart_count == 0 && a.clock > 0 && a.firmware != 0);
	CHECK(ms_tpm_selection_is(&a.selection, (struct ms_pcr_set){MS_TPM_ALG_SHA256, MASK_QUOTED}));
	CHECK_INT(a.pcr_digest.len, 32);
	CHECK_INT(a.name.len, 0);
}

MS_TEST(attest_of_a_certified_key_reads_as_the_tpm_wrote_it)
{
	struct bytes c = recorded("certify-sealing", ".attest"), name = recorded("sealing", ".name"), qname = recorded("sealing", ".qname");
	struct ms_tpm_attest a;
	struct ms_err err;
	CHECK_OK(ms_tpm_attest_parse(sp(&c), &a, &err), &err);
	CHECK_INT(a.type, MS_TPM_ST_CERTIFY);
	CHECK(ms_span_eq(a.name, sp(&name)));
	CHECK(ms_span_eq(a.qualified_name, sp(&qname)));
}

MS_TEST(attest_refuses_every_other_length)
{
	static const char *const names[] = {"quote", "certify-identity", "quote-two-banks"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct bytes b = recorded(names[i], ".attest");
		for (size_t n = 0; n <= b.len + 1; n++)
			if (n != b.len)
				refuse_attest(b.p, n, n < 6 && n >= 4 ? MS_ERR_UNSUPPORTED : MS_ERR_MALFORMED);
	}
}

MS_TEST(attest_refuses_each_other_type_by_its_name)
{
	static const char *const types[] = {"nv", "time", "command-audit", "creation"};
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		struct bytes b = recorded(types[i], ".attest");
		struct ms_tpm_attest a;
		struct ms_err err;
		CHECK_INT(ms_tpm_attest_parse(sp(&b), &a, &err), MS_ERR_UNSUPPORTED);
		CHECK(strstr(err.text, types[i]) != NULL);
		refuse_attest(b.p, b.len, MS_ERR_UNSUPPORTED);
	}
	struct bytes b = recorded("quote", ".attest");
	for (unsigned type = 0; type <= UINT16_MAX; type++) {
		if (type == MS_TPM_ST_QUOTE || type == MS_TPM_ST_CERTIFY)
			continue;
		b.p[4] = (uint8_t)(type >> 8), b.p[5] = (uint8_t)type;
		refuse_attest(b.p, b.len, MS_ERR_UNSUPPORTED);
	}
	CHECK(strcmp(ms_tpm_st_name(0x1234), "unknown") == 0);
}

MS_TEST(attest_refuses_bytes_over_its_cap_before_it_looks_at_them)
{
	uint8_t w[MS_TPM_ATTEST_MAX + 1] = {0};
	refuse_attest(w, sizeof w, MS_ERR_TOO_BIG);
	refuse_attest(w, sizeof w - 1, MS_ERR_MALFORMED);
}

MS_TEST(attest_refuses_a_wrong_magic_in_any_bit)
{
	struct bytes b = recorded("quote", ".attest");
	for (unsigned bit = 0; bit < 32; bit++) {
		b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		refuse_attest(b.p, b.len, MS_ERR_MALFORMED);
		b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

MS_TEST(attest_refuses_a_yes_or_no_that_is_neither)
{
	struct bytes b = recorded("quote", ".attest");
	size_t safe = 8 + 34 + 2 + 32 + 16;
	CHECK_INT(b.p[safe], 1);
	for (unsigned v = 2; v <= UINT8_MAX; v++) {
		b.p[safe] = (uint8_t)v;
		refuse_attest(b.p, b.len, MS_ERR_MALFORMED);
	}
}

MS_TEST(attest_refuses_more_banks_and_bitmaps_than_there_can_be)
{
	struct bytes b = recorded("quote", ".attest");
	size_t count = 8 + 34 + 2 + 32 + 17 + 8, size = count + 4 + 2;
	CHECK(b.p[count + 3] == 1 && b.p[size] == 3);
	b.p[count + 3] = MS_TPM_BANKS_MAX + 1;
	refuse_attest(b.p, b.len, MS_ERR_MALFORMED);
	b.p[count] = 0xff;
	refuse_attest(b.p, b.len, MS_ERR_MALFORMED);
	b.p[count] = 0, b.p[count + 3] = 1;
	static const uint8_t sizes[] = {0, 1, 2, 4, 5, 255};
	for (size_t i = 0; i < sizeof sizes; i++) {
		b.p[size] = sizes[i];
		refuse_attest(b.p, b.len, MS_ERR_MALFORMED);
	}
}

MS_TEST(selection_is_one_bank_and_exactly_this_mask)
{
	struct ms_tpm_selection s = {.count = 1, .bank = {{MS_TPM_ALG_SHA256, 5}}};
	CHECK(ms_tpm_selection_is(&s, (struct ms_pcr_set){MS_TPM_ALG_SHA256, 5}));
	CHECK(!ms_tpm_selection_is(&s, (struct ms_pcr_set){MS_TPM_ALG_SHA256, 4}));
	CHECK(!ms_tpm_selection_is(&s, (struct ms_pcr_set){MS_TPM_ALG_SHA256, 7}));
	CHECK(!ms_tpm_selection_is(&s, (struct ms_pcr_set){MS_TPM_ALG_SHA1, 5}));
	s.count = 2;
	CHECK(!ms_tpm_selection_is(&s, (struct ms_pcr_set){MS_TPM_ALG_SHA256, 5}));
	s.count = 0;
	CHECK(!ms_tpm_selection_is(&s, (struct ms_pcr_set){MS_TPM_ALG_SHA256, 5}));
}

MS_TEST(selection_builds_the_bytes_of_the_specification_and_no_pcr_above_23)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	ms_buf_init(&b, 64);
	ms_tpm_selection_build(&b, (struct ms_pcr_set){MS_TPM_ALG_SHA256, 0x800181});
	CHECK(ms_span_eq(ms_buf_span(&b), ms_span("\0\0\0\1\0\x0b\3\x81\x01\x80", 10)));
	ms_tpm_selection_build(&b, (struct ms_pcr_set){MS_TPM_ALG_SHA256, 1u << 24});
	CHECK(ms_buf_check(&b, NULL) != MS_OK);
}

MS_TEST(signature_refuses_every_other_length)
{
	static const char *const names[] = {"quote", "quote-ak-rsa", "quote-ak-pss"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct bytes b = recorded(names[i], ".sig");
		struct ms_tpm_signature g;
		CHECK_INT(ms_tpm_signature_parse(sp(&b), &g, NULL), MS_OK);
		for (size_t n = 0; n <= b.len + 1; n++)
			if (n != b.len)
				refuse_signature(b.p, n, MS_ERR_MALFORMED);
	}
}

MS_TEST(signature_refuses_other_schemes_sha1_and_bytes_over_its_cap)
{
	struct bytes b = recorded("quote", ".sig");
	for (unsigned scheme = 0; scheme < 0x60; scheme++) {
		if (scheme == MS_TPM_ALG_ECDSA || scheme == MS_TPM_ALG_RSASSA || scheme == MS_TPM_ALG_RSAPSS)
			continue;
		b.p[1] = (uint8_t)scheme;
		refuse_signature(b.p, b.len, MS_ERR_UNSUPPORTED);
	}
	b.p[1] = MS_TPM_ALG_RSASSA; /* r's length would be an RSA signature's */
	refuse_signature(b.p, b.len, MS_ERR_MALFORMED);
	b.p[1] = MS_TPM_ALG_ECDSA;
	b.p[3] = MS_TPM_ALG_SHA1;
	refuse_signature(b.p, b.len, MS_ERR_UNSUPPORTED);
	b = recorded("quote-ak-sha1", ".sig");
	refuse_signature(b.p, b.len, MS_ERR_UNSUPPORTED);
	uint8_t big[MS_TPM_SIGNATURE_MAX + 1] = {0, MS_TPM_ALG_ECDSA};
	refuse_signature(big, sizeof big, MS_ERR_TOO_BIG);
}

MS_TEST(signature_refuses_empty_numbers_and_rsa_below_1024_bits)
{
	refuse_signature("\0\x18\0\x0b\0\0\0\1\1", 9, MS_ERR_MALFORMED);
	refuse_signature("\0\x18\0\x0b\0\1\1\0\0", 9, MS_ERR_MALFORMED);
	refuse_signature("\0\x14\0\x0b\0\1\1", 7, MS_ERR_MALFORMED);
	uint8_t w[6 + 127] = {0, MS_TPM_ALG_RSASSA, 0, MS_TPM_ALG_SHA256, 0, 127};
	refuse_signature(w, sizeof w, MS_ERR_MALFORMED);
}

MS_TEST(signature_pads_short_numbers_on_the_left_and_refuses_long_ones)
{
	struct ms_tpm_signature g;
	uint8_t raw[64], want[64] = {[31] = 7, [62] = 8, [63] = 9};
	CHECK_INT(ms_tpm_signature_parse(ms_span("\0\x18\0\x0b\0\1\7\0\2\x8\x9", 11), &g, NULL), MS_OK);
	CHECK_INT(ms_tpm_signature_p256(&g, raw, NULL), MS_OK);
	CHECK(memcmp(raw, want, sizeof raw) == 0);
	uint8_t zeros[33] = {0};
	g.r = ms_span(zeros, sizeof zeros);
	CHECK_INT(ms_tpm_signature_p256(&g, raw, NULL), MS_ERR_MALFORMED);
	g.r = MS_SPAN_NONE;
	CHECK_INT(ms_tpm_signature_p256(&g, raw, NULL), MS_ERR_MALFORMED);
	CHECK(memcmp(raw, want, sizeof raw) == 0);
	struct bytes rsa = recorded("quote-ak-rsa", ".sig");
	CHECK_INT(ms_tpm_signature_parse(sp(&rsa), &g, NULL), MS_OK);
	CHECK_INT(ms_tpm_signature_p256(&g, raw, NULL), MS_ERR_UNSUPPORTED);
}

MS_TEST(public_area_refuses_every_other_length)
{
	static const char *const names[] = {"ak", "ak-rsa", "ek-rsa", "ek-ecc", "sealing"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct bytes b = recorded(names[i], ".pub");
		struct ms_tpm_public p;
		CHECK_INT(ms_tpm_public_parse(sp(&b), &p, NULL), MS_OK);
		CHECK(ms_span_eq(p.raw, sp(&b)));
		refuse_public(b.p, b.len + 1, MS_ERR_MALFORMED);
		for (size_t n = 0; n < b.len; n++)
			refuse_public(b.p, n, MS_ERR_MALFORMED);
	}
	uint8_t big[MS_TPM_PUBLIC_MAX + 1] = {0};
	refuse_public(big, sizeof big, MS_ERR_TOO_BIG);
}

MS_TEST(public_area_refuses_types_curves_and_algorithms_we_do_not_take)
{
	static const struct {
		const char *name;
		size_t at;
		uint8_t value;
		enum ms_rc want;
	} rows[] = {
	    {"ak", 1, 0x08, MS_ERR_UNSUPPORTED},                                        /* keyed hash */
	    {"sealing", 1, 0x08, MS_ERR_UNSUPPORTED},                                   /* as above, in the layout of an ECC key */
	    {"ak", 1, 0x25, MS_ERR_UNSUPPORTED},                                        /* symmetric cipher */
	    {"ak", 7, 0xff, MS_ERR_MALFORMED},                                          /* reserved attributes */
	    {"ak", 11, 0x0a, MS_ERR_UNSUPPORTED},                                       /* symmetric: XOR */
	    {"ak", 13, 0x1a, MS_ERR_UNSUPPORTED},                                       /* scheme: ECDAA */
	    {"ak", 13, MS_TPM_ALG_RSASSA, MS_ERR_UNSUPPORTED},                          /* an RSA scheme */
	    {"ak", 17, 0x10, MS_ERR_UNSUPPORTED},                                       /* curve: BN P-256 */
	    {"ak", 17, 0x00, MS_ERR_UNSUPPORTED}, {"ak", 19, 0x05, MS_ERR_UNSUPPORTED}, /* KDF */
	    {"ak", 21, 33, MS_ERR_MALFORMED},                                           /* length of x */
	    {"ak", 21, 0, MS_ERR_MALFORMED}, {"ak-rsa", 13, MS_TPM_ALG_ECDSA, MS_ERR_UNSUPPORTED},
	    {"ak-rsa", 16, 0x04, MS_ERR_UNSUPPORTED}, /* 1024 bits */
	    {"ak-rsa", 16, 0x0c, MS_ERR_MALFORMED},   /* 3072 bits, but a shorter modulus */
	    {"ak-rsa", 21, 3, MS_ERR_UNSUPPORTED},    /* exponent 3 */
	    {"ak-rsa", 19, 2, MS_ERR_UNSUPPORTED},    /* an even one */
	    {"ak-rsa", 24, 0x7f, MS_ERR_MALFORMED},   /* modulus of fewer bits */
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct bytes b = recorded(rows[i].name, ".pub");
		CHECK(b.p[rows[i].at] != rows[i].value);
		b.p[rows[i].at] = rows[i].value;
		refuse_public(b.p, b.len, rows[i].want);
	}
}

MS_TEST(public_area_refuses_another_cipher_and_an_empty_coordinate)
{
	struct bytes b = recorded("ek-rsa", ".pub");
	CHECK_INT(b.p[43], MS_TPM_ALG_AES);
	b.p[43] = 0x26; /* Camellia */
	refuse_public(b.p, b.len, MS_ERR_UNSUPPORTED);
	b = recorded("ak", ".pub");
	b.p[b.len - 33] = 0;
	refuse_public(b.p, b.len - 32, MS_ERR_MALFORMED);
	b = recorded("ak", ".pub");
	b.p[b.len - 67] = 0;
	memmove(b.p + b.len - 66, b.p + b.len - 34, 34);
	refuse_public(b.p, b.len - 32, MS_ERR_MALFORMED);
}

MS_TEST(public_area_refuses_an_even_modulus)
{
	struct bytes b = recorded("ak-rsa", ".pub");
	b.p[b.len - 1] ^= 1;
	refuse_public(b.p, b.len, MS_ERR_MALFORMED);
}

MS_TEST(public_area_gives_the_key_info_that_another_library_makes)
{
	static const char *const names[] = {"ek-rsa", "ek-ecc"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct bytes b = recorded(names[i], ".pub"), want = recorded(names[i], ".spki");
		struct ms_tpm_public p;
		struct ms_err err;
		MS_OWN(ms_buf_fini) struct ms_buf spki;
		ms_buf_init(&spki, MS_TPM_SPKI_MAX);
		CHECK_OK(ms_tpm_public_parse(sp(&b), &p, &err), &err);
		CHECK_OK(ms_tpm_public_spki(&p, &spki, &err), &err);
		CHECK(ms_span_eq(ms_buf_span(&spki), sp(&want)));
	}
}

MS_TEST(public_area_pads_a_short_coordinate_on_the_left)
{
	struct bytes b = recorded("ak", ".pub");
	size_t x = b.len - 66;
	memmove(b.p + x, b.p + x + 2, b.len - x - 2); /* x of 30 bytes */
	b.p[x - 1] = 30;
	b.len -= 2;
	struct ms_tpm_public p;
	uint8_t point[MS_TPM_P256_POINT_LEN];
	CHECK_INT(ms_tpm_public_parse(sp(&b), &p, NULL), MS_OK);
	CHECK_INT(ms_tpm_public_p256(&p, point, NULL), MS_OK);
	CHECK(point[0] == 4 && point[1] == 0 && point[2] == 0 && memcmp(point + 3, b.p + x, 30) == 0);
	CHECK(memcmp(point + 33, b.p + b.len - 32, 32) == 0);
}

MS_TEST(public_area_of_another_key_has_no_p256_point)
{
	struct bytes b = recorded("ak-rsa", ".pub");
	struct ms_tpm_public p;
	uint8_t point[MS_TPM_P256_POINT_LEN] = {0};
	CHECK_INT(ms_tpm_public_parse(sp(&b), &p, NULL), MS_OK);
	CHECK_INT(ms_tpm_public_p256(&p, point, NULL), MS_ERR_UNSUPPORTED);
	CHECK_INT(point[0], 0);
}

MS_TEST(names_are_those_that_the_tpm_says)
{
	static const struct {
		const char *name;
		uint32_t hierarchy;
	} rows[] = {{"ak", MS_TPM_RH_ENDORSEMENT}, {"ak-rsa", MS_TPM_RH_ENDORSEMENT}, {"ek-rsa", MS_TPM_RH_ENDORSEMENT},
	    {"sealing", MS_TPM_RH_NULL}, {"ak-owner", 0x40000001}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct bytes b = recorded(rows[i].name, ".pub"), want = recorded(rows[i].name, ".name"),
			     qwant = recorded(rows[i].name, ".qname");
		struct ms_tpm_public p;
		struct ms_tpm_name name, qualified;
		struct ms_err err;
		CHECK_OK(ms_tpm_public_parse(sp(&b), &p, &err), &err);
		CHECK_OK(ms_tpm_public_name(&p, &name, &err), &err);
		CHECK(ms_span_eq(ms_tpm_name_span(&name), sp(&want)));
		CHECK_OK(ms_tpm_primary_name(rows[i].hierarchy, &name, &qualified, &err), &err);
		CHECK(ms_span_eq(ms_tpm_name_span(&qualified), sp(&qwant)));
	}
	struct bytes b = recorded("ak", ".pub");
	struct ms_tpm_public p;
	struct ms_tpm_name name = {.len = 0}, qualified = {.len = 0};
	CHECK_INT(ms_tpm_primary_name(MS_TPM_RH_NULL, &name, &qualified, NULL), MS_ERR_UNSUPPORTED);
	CHECK_INT(qualified.len, 0);
	b.p[3] = MS_TPM_ALG_SHA1;
	CHECK_INT(ms_tpm_public_parse(sp(&b), &p, NULL), MS_OK);
	CHECK_INT(ms_tpm_public_name(&p, &name, NULL), MS_ERR_UNSUPPORTED);
	CHECK_INT(name.len, 0);
	b.p[3] = MS_TPM_ALG_SHA384;
	CHECK_INT(ms_tpm_public_parse(sp(&b), &p, NULL), MS_OK);
	CHECK_INT(ms_tpm_public_name(&p, &name, NULL), MS_OK);
	CHECK(name.len == 50 && name.p[1] == MS_TPM_ALG_SHA384);
}

MS_TEST(hash_of_a_public_area_is_the_id_that_the_key_has_elsewhere)
{
	struct bytes b = recorded("ek-rsa", ".pub"), spki = recorded("ek-rsa", ".spki");
	struct ms_tpm_public p;
	uint8_t hash[32];
	MS_OWN(ms_pubkey_free) struct ms_pubkey *k = NULL;
	struct ms_err err;
	CHECK_OK(ms_tpm_public_parse(sp(&b), &p, &err), &err);
	CHECK_OK(ms_tpm_public_hash(&p, hash, &err), &err);
	CHECK_OK(ms_pubkey_from_spki(sp(&spki), &k, &err), &err);
	CHECK(memcmp(hash, ms_pubkey_id(k), sizeof hash) == 0);
}
