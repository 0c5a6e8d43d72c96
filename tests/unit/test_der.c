#include "support/test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "codec/der.h"

/* A reader over the bytes of a hex text; *own is freed by the caller. */
static struct ms_der
over_hex(const char *hex, uint8_t **own)
{
	size_t len;
	*own = test_hex(hex, &len);
	return ms_der_over(ms_span(*own, len));
}

#define EACH(hex_list, i) for (size_t i = 0; i < sizeof(hex_list) / sizeof *(hex_list); i++)

MS_TEST(der_refuses_lengths_that_are_not_minimal_or_not_definite)
{
	static const char *const bad[] = {"", "04", "0480", "0480aa0000", "04817f", "048100", "04820080", "0482 0001 aa",
	    "0485 0000000001 aa", "0484 00000081", "04ff", "0401", "0402aa", "0484ffffffff", "1f0100", "3f8101 00", "0000"};
	EACH(bad, i)
	{
		uint8_t *own;
		struct ms_der d = over_hex(bad[i], &own);
		(void)ms_der_read_octets(&d);
		if (!d.rd.bad)
			fail_msg("%s", bad[i]);
		free(own);
	}
}

MS_TEST(der_writes_lengths_that_it_reads_at_every_size_class)
{
	static const size_t sizes[] = {0, 1, 127, 128, 255, 256, 65535, 65536};
	EACH(sizes, i)
	{
		struct ms_buf b;
		uint8_t *content = calloc(1, sizes[i] + 1);
		ms_buf_init(&b, 1 << 20);
		size_t seq = ms_der_open(&b, MS_DER_SEQUENCE);
		ms_der_put_octets(&b, ms_span(content, sizes[i]));
		ms_der_put_bool(&b, true);
		ms_der_close(&b, seq);
		CHECK_INT(ms_buf_check(&b, NULL), MS_OK);
		struct ms_der d = ms_der_over(ms_buf_span(&b));
		struct ms_der in = ms_der_enter(&d, MS_DER_SEQUENCE);
		CHECK_INT(ms_der_read_octets(&in).len, sizes[i]);
		CHECK(ms_der_read_bool(&in));
		CHECK(ms_der_done(&in) && ms_der_done(&d));
		ms_buf_fini(&b);
		free(content);
	}
}

MS_TEST(der_writer_stops_at_the_cap_of_its_buffer)
{
	for (size_t max = 0; max < 200; max++) {
		struct ms_buf b;
		uint8_t content[150] = {0};
		ms_buf_init(&b, max);
		size_t outer = ms_der_open(&b, MS_DER_SEQUENCE);
		ms_der_put_octets(&b, ms_span(content, sizeof content));
		ms_der_close(&b, outer);
		CHECK((ms_buf_check(&b, NULL) == MS_OK) == (max >= 156));
		ms_buf_fini(&b);
	}
}

MS_TEST(der_integers_are_minimal_and_not_negative)
{
	static const char *const bad[] = {
	    "0200", "020180", "02020000", "0202007f", "0202ff80", "0201ff", "0209 0100000000000000 00", "0301 01"};
	EACH(bad, i)
	{
		uint8_t *own;
		struct ms_der d = over_hex(bad[i], &own);
		CHECK(ms_der_read_uint(&d) == 0);
		CHECK(!ms_der_done(&d));
		free(own);
	}
	static const uint64_t good[] = {0, 1, 127, 128, 255, 256, 32767, 32768, UINT32_MAX, INT64_MAX, UINT64_MAX};
	EACH(good, i)
	{
		struct ms_buf b;
		ms_buf_init(&b, 100);
		ms_der_put_uint(&b, good[i]);
		struct ms_der d = ms_der_over(ms_buf_span(&b));
		CHECK(ms_der_read_uint(&d) == good[i]);
		CHECK(ms_der_done(&d));
		ms_buf_fini(&b);
	}
}

MS_TEST(der_refuses_booleans_nulls_oids_and_bit_strings_of_other_forms)
{
	static const char *const bools[] = {"010101", "0100", "01020000", "0101fe"};
	static const char *const oids[] = {"0600", "060180", "06022a80", "06032a8001", "0601ff"};
	static const char *const bits[] = {"0300", "030101", "0302 0400", "030108"};
	uint8_t *own;
	EACH(bools, i)
	{
		struct ms_der d = over_hex(bools[i], &own);
		CHECK(!ms_der_read_bool(&d) && d.rd.bad);
		free(own);
	}
	EACH(oids, i)
	{
		struct ms_der d = over_hex(oids[i], &own);
		CHECK(ms_der_read_oid(&d).len == 0 && d.rd.bad);
		free(own);
	}
	EACH(bits, i)
	{
		struct ms_der d = over_hex(bits[i], &own);
		CHECK(ms_der_read_bits(&d).len == 0 && d.rd.bad);
		free(own);
	}
	struct ms_der d = over_hex("050100", &own);
	ms_der_read_null(&d);
	CHECK(d.rd.bad);
	free(own);
}

MS_TEST(der_named_bits_drop_trailing_zeros_and_refuse_them)
{
	static const uint32_t values[] = {0, 1, 0x80, 0x81, 0x100, 0x8000, 5, 0x60, 0x80000000u, UINT32_MAX};
	EACH(values, i)
	{
		struct ms_buf b;
		ms_buf_init(&b, 100);
		ms_der_put_named_bits(&b, MS_DER_BIT_STRING, values[i]);
		struct ms_der d = ms_der_over(ms_buf_span(&b));
		CHECK(ms_der_read_named_bits(&d, MS_DER_BIT_STRING) == values[i]);
		CHECK(ms_der_done(&d));
		ms_buf_fini(&b);
	}
	/* RFC 5280: digitalSignature is 03 02 07 80; keyCertSign | cRLSign is 03 02 01 06 */
	struct ms_buf b;
	ms_buf_init(&b, 100);
	ms_der_put_named_bits(&b, MS_DER_BIT_STRING, 1);
	ms_der_put_named_bits(&b, MS_DER_BIT_STRING, 0x60);
	CHECK(ms_span_eq(ms_buf_span(&b), ms_span("\x03\x02\x07\x80\x03\x02\x01\x06", 8)));
	ms_buf_fini(&b);
	static const char *const bad[] = {
	    "0300", "03020080", "03020681", "03020880", "03020700", "030101", "0306 000000000001", "0303008000"};
	EACH(bad, i)
	{
		uint8_t *own;
		struct ms_der d = over_hex(bad[i], &own);
		if (ms_der_read_named_bits(&d, MS_DER_BIT_STRING) != 0 || !d.rd.bad)
			fail_msg("%s", bad[i]);
		free(own);
	}
}

/* Seconds of a time text put under a tag; bad tells whether it was refused. */
static uint64_t
read_time(uint8_t tag, const char *text, bool *bad)
{
	struct ms_buf b;
	ms_buf_init(&b, 100);
	ms_der_put(&b, tag, ms_span_str(text));
	struct ms_der d = ms_der_over(ms_buf_span(&b));
	uint64_t s = ms_der_read_time(&d);
	*bad = !ms_der_done(&d);
	ms_buf_fini(&b);
	return s;
}

MS_TEST(der_times_change_type_in_2050_and_agree_with_the_clock)
{
	static const uint64_t at[] = {0, 1, 86399, 86400, 951782400, 951868799, 951868800, 1709164800, 1709251199, 2524607999, 2524608000,
	    4107542400, 4102444799, 253402300799};
	EACH(at, i)
	{
		struct ms_buf b;
		char text[MS_CLOCK_TEXT_LEN], want[32];
		ms_buf_init(&b, 100);
		ms_der_put_time(&b, at[i]);
		ms_clock_text(at[i], text);
		bool utc = at[i] < 2524608000;
		(void)snprintf(want, sizeof want, "%.4s%.2s%.2s%.2s%.2s%.2sZ", text, text + 5, text + 8, text + 11, text + 14, text + 17);
		struct ms_der d = ms_der_over(ms_buf_span(&b));
		CHECK_INT(ms_der_peek(&d), utc ? MS_DER_UTC_TIME : MS_DER_GENERALIZED_TIME);
		struct ms_der copy = d;
		CHECK(ms_span_eq(ms_der_read(&copy, ms_der_peek(&d)), ms_span_str(utc ? want + 2 : want)));
		CHECK(ms_der_read_time(&d) == at[i]);
		CHECK(ms_der_done(&d));
		ms_buf_fini(&b);
	}
}

MS_TEST(der_times_refuse_other_forms_and_days_that_are_not)
{
	static const char *const utc[] = {"", "700101000000", "7001010000Z", "700101000000+0000", "700101000000Z0", "700001000000Z",
	    "701301000000Z", "700132000000Z", "700229000000Z", "010229000000Z", "700431000000Z", "700101240000Z", "700101006000Z",
	    "700101000060Z", "70010100000aZ", "690101000000Z", "500101000000Z", "7001010000.0Z", " 70101000000Z"};
	static const char *const general[] = {"20500101000000", "2050010100000Z", "20490101000000Z", "19700101000000Z", "20500101000000.5Z",
	    "20500229000000Z", "21000229000000Z", "00000101000000Z", "20500101000000+0000"};
	bool bad;
	EACH(utc, i)
	{
		CHECK(read_time(MS_DER_UTC_TIME, utc[i], &bad) == 0);
		if (!bad)
			fail_msg("%s", utc[i]);
	}
	EACH(general, i)
	{
		CHECK(read_time(MS_DER_GENERALIZED_TIME, general[i], &bad) == 0);
		if (!bad)
			fail_msg("%s", general[i]);
	}
	CHECK(read_time(MS_DER_GENERALIZED_TIME, "20520229000000Z", &bad) != 0 && !bad);
	struct ms_buf b;
	ms_buf_init(&b, 100);
	ms_der_put_time(&b, 253402300800);
	CHECK(b.bad);
	ms_buf_fini(&b);
}

MS_TEST(der_text_is_checked_against_its_set)
{
	static const struct {
		uint8_t tag;
		const char *text;
		bool ok;
	} rows[] = {{MS_DER_PRINTABLE_STRING, "Az09 '()+,-./:=?", true}, {MS_DER_PRINTABLE_STRING, "a@b", false},
	    {MS_DER_PRINTABLE_STRING, "a*", false}, {MS_DER_IA5_STRING, "a@b", true}, {MS_DER_IA5_STRING, "\xc3\xa9", false},
	    {MS_DER_UTF8_STRING, "\xc3\xa9", true}, {MS_DER_UTF8_STRING, "\xff", false}};
	EACH(rows, i)
	{
		struct ms_buf b;
		ms_buf_init(&b, 100);
		ms_der_put_text(&b, rows[i].tag, rows[i].text);
		CHECK(b.bad == !rows[i].ok);
		ms_buf_fini(&b);
	}
}

MS_TEST(oids_are_all_there_well_formed_and_different)
{
	for (unsigned id = MS_OID_NONE + 1; id < MS_OID_COUNT; id++) {
		struct ms_buf b;
		ms_buf_init(&b, 100);
		ms_der_put_oid(&b, (enum ms_oid)id);
		struct ms_der d = ms_der_over(ms_buf_span(&b));
		CHECK_INT(ms_oid_find(ms_der_read_oid(&d)), id);
		CHECK(ms_der_done(&d));
		ms_buf_fini(&b);
	}
	CHECK_INT(ms_oid_find(ms_span_str("x")), MS_OID_NONE);
	CHECK_INT(ms_oid_find(MS_SPAN_NONE), MS_OID_NONE);
}

MS_TEST(spki_of_p256_and_rsa_round_trip)
{
	uint8_t point[65] = {4, 1, 2, 3}, modulus[256] = {0x80};
	struct ms_buf b;
	struct ms_spki k;
	struct ms_err err;
	modulus[255] = 1;
	ms_buf_init(&b, 1000);
	ms_der_spki_p256(&b, point);
	CHECK_INT(b.len, 91);
	CHECK_OK(ms_der_spki_parse(ms_buf_span(&b), &k, &err), &err);
	CHECK(k.type == MS_SPKI_P256 && ms_span_eq(k.point, ms_span(point, 65)));
	ms_buf_reset(&b);
	ms_der_spki_rsa(&b, ms_span(modulus, 256), 65537);
	CHECK_INT(b.len, 294);
	CHECK_OK(ms_der_spki_parse(ms_buf_span(&b), &k, &err), &err);
	CHECK(k.type == MS_SPKI_RSA && ms_span_eq(k.modulus, ms_span(modulus, 256)) && k.exponent == 65537);
	ms_buf_fini(&b);
}

MS_TEST(spki_refuses_other_curves_compressed_points_and_weak_rsa)
{
	static const struct {
		const char *hex;
		enum ms_rc rc;
	} rows[] = {
	    {"30 10 3007 0605 2b81040022 0302 0004 0000", MS_ERR_MALFORMED},
	    {"3014 3010 0607 2a8648ce3d0201 0605 2b81040022 0300", MS_ERR_MALFORMED},
	    {"3016 3010 0607 2a8648ce3d0201 0605 2b81040022 0302 0004", MS_ERR_UNSUPPORTED},
	    {"3019 3013 0607 2a8648ce3d0201 0608 2a8648ce3d030107 0302 0002", MS_ERR_MALFORMED},
	    {"300b 3005 0603 2b6570 0302 0004", MS_ERR_UNSUPPORTED},
	    {"3018 300d 0609 2a864886f70d010101 0500 0307 00 3004 020103 0201 03", MS_ERR_MALFORMED},
	    {"301b 300d 0609 2a864886f70d010101 0500 030a 00 3007 0202 00ff 020103", MS_ERR_MALFORMED},
	    {"", MS_ERR_MALFORMED},
	};
	EACH(rows, i)
	{
		size_t len;
		struct ms_spki k;
		uint8_t *p = test_hex(rows[i].hex, &len);
		CHECK_INT(ms_der_spki_parse(ms_span(p, len), &k, NULL), rows[i].rc);
		free(p);
	}
}

MS_TEST(spki_refuses_every_prefix_and_every_changed_head_byte)
{
	uint8_t point[65] = {4};
	struct ms_buf b;
	struct ms_spki k;
	ms_buf_init(&b, 1000);
	ms_der_spki_p256(&b, point);
	for (size_t n = 0; n < b.len; n++) {
		uint8_t *p = test_dup(b.p, n);
		CHECK(ms_der_spki_parse(ms_span(p, n), &k, NULL) != MS_OK);
		free(p);
	}
	for (size_t bit = 0; bit < 27 * 8; bit++) {
		uint8_t *p = test_dup(b.p, b.len);
		p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		CHECK(ms_der_spki_parse(ms_span(p, b.len), &k, NULL) != MS_OK);
		free(p);
	}
	ms_buf_fini(&b);
}

#define R31 "01010101010101010101010101010101010101010101010101010101010101"

MS_TEST(ecdsa_signatures_convert_strictly_both_ways)
{
	uint8_t raw[64], back[64];
	struct ms_buf b;
	struct ms_err err;
	ms_buf_init(&b, 1000);
	for (unsigned i = 0; i < 256; i++) {
		memset(raw, 0, sizeof raw);
		raw[i % 32] = (uint8_t)(i | 1);
		raw[63 - i % 32] = (uint8_t)(255 - (i & 0x7e));
		ms_buf_reset(&b);
		CHECK_OK(ms_der_ecdsa_build(raw, &b, &err), &err);
		CHECK(b.len <= MS_DER_ECDSA_MAX);
		CHECK_OK(ms_der_ecdsa_parse(ms_buf_span(&b), back, &err), &err);
		CHECK(memcmp(raw, back, 64) == 0);
	}
	memset(raw, 0, sizeof raw);
	CHECK(ms_der_ecdsa_build(raw, &b, NULL) == MS_ERR_MALFORMED);
	raw[0] = 1;
	CHECK(ms_der_ecdsa_build(raw, &b, NULL) == MS_ERR_MALFORMED);
	ms_buf_fini(&b);
	static const char *const bad[] = {"", "3000", "3003020101", "3006020101020100", "3006020100020101", "300602018002 0101",
	    "3006 020101 0201ff", "3007 02020001 020101", "3007 020101 02020001", "3006 020101 020101 00", "3009 020101 020101 020101",
	    "308106 020101 020101", "3106 020101 020101", "3026 0221 01 01" R31 "020101", "3026 0221 00 7f" R31 "020101",
	    "3005 0200 020101"};
	EACH(bad, i)
	{
		size_t len;
		uint8_t *p = test_hex(bad[i], &len);
		memset(back, 0xee, sizeof back);
		if (ms_der_ecdsa_parse(ms_span(p, len), back, NULL) != MS_ERR_MALFORMED)
			fail_msg("%s", bad[i]);
		CHECK(back[0] == 0xee && back[63] == 0xee);
		free(p);
	}
}

MS_TEST(csr_refuses_the_malformed_and_takes_the_good_of_mbedtls)
{
	char path[4096];
	const char *dir = test_vectors();
	if (dir == NULL)
		skip();
	(void)snprintf(path, sizeof path, "%s/bad-x509-csr/mbedtls", dir);
	DIR *d = opendir(path);
	if (d == NULL)
		skip();
	unsigned n_good = 0, n_bad = 0;
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		if (strstr(e->d_name, ".der") == NULL)
			continue;
		(void)snprintf(path, sizeof path, "%s/bad-x509-csr/mbedtls/%s", dir, e->d_name);
		size_t len;
		struct ms_csr csr;
		uint8_t *p = test_file(path, &len);
		CHECK(p != NULL);
		bool bad = strstr(e->d_name, "malformed") != NULL;
		enum ms_rc rc = ms_der_csr_parse(ms_span(p, len), &csr, NULL);
		if ((rc == MS_OK) == bad)
			fail_msg("%s: %s", e->d_name, ms_rc_name(rc));
		n_bad += bad;
		n_good += !bad;
		free(p);
	}
	(void)closedir(d);
	CHECK(n_good >= 4 && n_bad >= 19);
}

/* A CSR for P-256 made with the writer: no attributes; the signature is not looked at here. */
static struct ms_buf
make_csr(enum ms_oid alg, uint64_t version)
{
	struct ms_buf b;
	uint8_t point[65] = {4};
	ms_buf_init(&b, 2000);
	size_t csr = ms_der_open(&b, MS_DER_SEQUENCE);
	size_t info = ms_der_open(&b, MS_DER_SEQUENCE);
	ms_der_put_uint(&b, version);
	ms_der_put(&b, MS_DER_SEQUENCE, MS_SPAN_NONE);
	ms_der_spki_p256(&b, point);
	ms_der_put(&b, MS_DER_CONTEXT_CONSTRUCTED(0u), MS_SPAN_NONE);
	ms_der_close(&b, info);
	size_t seq = ms_der_open(&b, MS_DER_SEQUENCE);
	ms_der_put_oid(&b, alg);
	ms_der_close(&b, seq);
	ms_der_put_bits(&b, ms_span_str("signature"));
	ms_der_close(&b, csr);
	return b;
}

MS_TEST(csr_gives_its_parts_and_refuses_prefixes_versions_and_algorithms)
{
	struct ms_csr csr;
	struct ms_err err;
	struct ms_buf b = make_csr(MS_OID_ECDSA_SHA256, 0);
	CHECK_OK(ms_der_csr_parse(ms_buf_span(&b), &csr, &err), &err);
	CHECK(csr.signature_alg == MS_OID_ECDSA_SHA256 && ms_span_eq(csr.signature, ms_span_str("signature")));
	CHECK(csr.spki.len == 91 && csr.subject.len == 2 && csr.info.p == b.p + 2);
	for (size_t n = 0; n < b.len; n++) {
		uint8_t *p = test_dup(b.p, n);
		CHECK_INT(ms_der_csr_parse(ms_span(p, n), &csr, NULL), MS_ERR_MALFORMED);
		free(p);
	}
	ms_buf_fini(&b);
	b = make_csr(MS_OID_ECDSA_SHA256, 1);
	CHECK_INT(ms_der_csr_parse(ms_buf_span(&b), &csr, NULL), MS_ERR_MALFORMED);
	ms_buf_fini(&b);
	b = make_csr(MS_OID_SHA1, 0);
	CHECK_INT(ms_der_csr_parse(ms_buf_span(&b), &csr, NULL), MS_ERR_UNSUPPORTED);
	ms_buf_fini(&b);
}
