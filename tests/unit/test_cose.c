#include "support/test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/cbor.h"
#include "codec/cose.h"
#include "codec/json.h"

#define SIG64 \
	"5840" \
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
#define HEADER "49 a3 01 26 03 61 74 04 41 6b" /* {1: -7, 3: "t", 4: 'k'}, wrapped */

static enum ms_rc
parse_hex(const char *hex)
{
	static const uint8_t sentinel = 7;
	struct ms_cose_sign1 m = {.kid = {&sentinel, 1}};
	size_t len;
	uint8_t *p = test_hex(hex, &len);
	enum ms_rc rc = ms_cose_parse(ms_span(p, len), &m, NULL);
	free(p);
	CHECK((rc == MS_OK) == (m.kid.p != &sentinel));
	return rc;
}

/* A message whose protected header is these bytes. */
static enum ms_rc
parse_with_header(const char *hex)
{
	size_t len;
	uint8_t *p = test_hex(hex, &len), sig[64] = {0};
	struct ms_buf b;
	struct ms_cose_sign1 m;
	ms_buf_init(&b, 1000);
	ms_cose_build(ms_span(p, len), ms_span_str("hi"), sig, &b);
	enum ms_rc rc = ms_cose_parse(ms_buf_span(&b), &m, NULL);
	ms_buf_fini(&b);
	free(p);
	return rc;
}

MS_TEST(cose_parse_takes_the_profile)
{
	size_t len;
	uint8_t *p = test_hex("d284" HEADER "a0 42 6869" SIG64, &len);
	struct ms_cose_sign1 m;
	struct ms_err err;
	CHECK_OK(ms_cose_parse(ms_span(p, len), &m, &err), &err);
	CHECK_INT(m.alg, MS_COSE_ES256);
	CHECK(ms_span_eq(m.kid, ms_span_str("k")) && ms_span_eq(m.content_type, ms_span_str("t")));
	CHECK(ms_span_eq(m.payload, ms_span_str("hi")));
	CHECK(m.header.len == 9 && m.signature.len == 64 && m.signature.p[63] == 63);
	free(p);
	CHECK_INT(parse_hex("d284" HEADER "a0 40" SIG64), MS_OK);
}

MS_TEST(cose_parse_refuses_messages_of_another_shape)
{
	static const struct {
		const char *why, *hex;
	} bad[] = {
	    {"empty", ""},
	    {"tag alone", "d2"},
	    {"no tag", "84" HEADER "a0 42 6869" SIG64},
	    {"another tag", "d1 84" HEADER "a0 42 6869" SIG64},
	    {"longer tag", "d8 12 84" HEADER "a0 42 6869" SIG64},
	    {"two tags", "d2 d2 84" HEADER "a0 42 6869" SIG64},
	    {"three parts", "d2 83" HEADER "a0 42 6869"},
	    {"five parts", "d2 85" HEADER "a0 42 6869" SIG64 "00"},
	    {"indefinite array", "d2 9f" HEADER "a0 42 6869" SIG64 "ff"},
	    {"something unprotected", "d2 84" HEADER "a1 04 41 6b 42 6869" SIG64},
	    {"unprotected an array", "d2 84" HEADER "80 42 6869" SIG64},
	    {"detached payload", "d2 84" HEADER "a0 f6" SIG64},
	    {"payload a text", "d2 84" HEADER "a0 62 6869" SIG64},
	    {"header not wrapped", "d2 84 a3 01 26 03 61 74 04 41 6b a0 42 6869" SIG64},
	    {"no signature", "d2 84" HEADER "a0 42 6869 40"},
	    {"short signature", "d2 84" HEADER "a0 42 6869 41 00"},
	    {"bytes after", "d2 84" HEADER "a0 42 6869" SIG64 "00"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (parse_hex(bad[i].hex) != MS_ERR_MALFORMED)
			fail_msg("%s", bad[i].why);
}

MS_TEST(cose_parse_refuses_other_protected_headers)
{
	static const struct {
		const char *why, *hex;
	} bad[] = {
	    {"nothing", ""},
	    {"empty map", "a0"},
	    {"no algorithm", "a2 03 61 74 04 41 6b"},
	    {"no type", "a2 01 26 04 41 6b"},
	    {"no kid", "a2 01 26 03 61 74"},
	    {"crit", "a4 01 26 02 81 03 03 61 74 04 41 6b"},
	    {"another label", "a4 01 26 03 61 74 04 41 6b 05 40"},
	    {"a text label", "a4 01 26 03 61 74 04 41 6b 61 78 00"},
	    {"order", "a3 01 26 04 41 6b 03 61 74"},
	    {"twice", "a4 01 26 01 26 03 61 74 04 41 6b"},
	    {"empty kid", "a3 01 26 03 61 74 04 40"},
	    {"empty type", "a3 01 26 03 60 04 41 6b"},
	    {"type in bytes", "a3 01 26 03 41 74 04 41 6b"},
	    {"type as number", "a3 01 26 03 00 04 41 6b"},
	    {"algorithm as text", "a3 01 61 61 03 61 74 04 41 6b"},
	    {"longer head", "a3 01 3806 03 61 74 04 41 6b"},
	    {"bytes after", "a3 01 26 03 61 74 04 41 6b 00"},
	};
	CHECK_INT(parse_with_header("a3 01 26 03 61 74 04 41 6b"), MS_OK);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (parse_with_header(bad[i].hex) != MS_ERR_MALFORMED)
			fail_msg("%s", bad[i].why);
}

MS_TEST(cose_parse_refuses_other_algorithms_by_name)
{
	static const char *const bad[] = {"3822", "05", "00", "390100", "28"};
	char hex[64];
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		(void)snprintf(hex, sizeof hex, "a3 01 %s 03 61 74 04 41 6b", bad[i]);
		CHECK_INT(parse_with_header(hex), MS_ERR_UNSUPPORTED);
	}
	CHECK_INT(parse_with_header("a3 01 27 03 61 74 04 41 6b"), MS_OK);
}

MS_TEST(cose_parse_caps_key_ids_and_types)
{
	struct ms_buf b;
	uint8_t long_kid[MS_COSE_KID_MAX + 1] = {0};
	ms_buf_init(&b, 1000);
	CHECK_INT(ms_cose_build_header(MS_COSE_ES256, ms_span(long_kid, sizeof long_kid), ms_span_str("t"), &b, NULL), MS_ERR_USAGE);
	CHECK_INT(ms_cose_build_header(MS_COSE_ES256, ms_span(long_kid, MS_COSE_KID_MAX), ms_span_str("t"), &b, NULL), MS_OK);
	ms_buf_fini(&b);
}

MS_TEST(cose_parse_refuses_every_prefix)
{
	size_t len;
	uint8_t *p = test_hex("d284" HEADER "a0 42 6869" SIG64, &len);
	for (size_t n = 0; n < len; n++) {
		struct ms_cose_sign1 m;
		uint8_t *part = test_dup(p, n);
		CHECK_INT(ms_cose_parse(ms_span(part, n), &m, NULL), MS_ERR_MALFORMED);
		free(part);
	}
	free(p);
}

MS_TEST(cose_builds_what_it_parses)
{
	struct ms_buf header, out;
	struct ms_cose_sign1 m;
	struct ms_err err;
	uint8_t sig[64] = {1};
	ms_buf_init(&header, 1000);
	ms_buf_init(&out, 1000);
	CHECK_OK(ms_cose_build_header(MS_COSE_EDDSA, ms_span_str("kid"), ms_span_str("a/b"), &header, &err), &err);
	ms_cose_build(ms_buf_span(&header), ms_span_str("payload"), sig, &out);
	CHECK_OK(ms_cose_parse(ms_buf_span(&out), &m, &err), &err);
	CHECK(m.alg == MS_COSE_EDDSA && ms_span_eq(m.header, ms_buf_span(&header)) && ms_span_eq(m.payload, ms_span_str("payload")));
	CHECK_INT(ms_cose_build_header(-35, ms_span_str("k"), ms_span_str("t"), &out, NULL), MS_ERR_USAGE);
	CHECK_INT(ms_cose_build_header(MS_COSE_ES256, MS_SPAN_NONE, ms_span_str("t"), &out, NULL), MS_ERR_USAGE);
	CHECK_INT(ms_cose_build_header(MS_COSE_ES256, ms_span_str("k"), MS_SPAN_NONE, &out, NULL), MS_ERR_USAGE);
	CHECK_INT(ms_cose_build_header(MS_COSE_ES256, ms_span_str("k"), ms_span_str("\xff"), &out, NULL), MS_ERR_USAGE);
	ms_buf_fini(&header);
	ms_buf_fini(&out);
}

static const char *
json_text(const json_t *j, const char *a, const char *b, const char *c)
{
	const json_t *v = json_object_get(json_object_get(j, a), b);
	return json_string_value(c == NULL ? v : json_object_get(v, c));
}

/* One COSE WG example: our profile refuses it (its kid is unprotected, or worse), and our Sig_structure is its. */
static void
check_example(const json_t *j, const char *name)
{
	size_t len, n_tbs, n_aad = 0;
	uint8_t *msg = test_hex(json_text(j, "output", "cbor", NULL), &len);
	uint8_t *tbs = test_hex(json_text(j, "intermediates", "ToBeSign_hex", NULL), &n_tbs);
	const char *external = json_text(j, "input", "sign0", "external");
	uint8_t *aad = test_hex(external == NULL ? "" : external, &n_aad);
	struct ms_cose_sign1 m;
	if (ms_cose_parse(ms_span(msg, len), &m, NULL) == MS_OK)
		fail_msg("%s was taken", name);
	if (msg[0] == 0xd2) {
		struct ms_cbor c = ms_cbor_over(ms_span(msg + 1, len - 1));
		(void)ms_cbor_read_array(&c);
		struct ms_span header = ms_cbor_read_bytes(&c);
		ms_cbor_skip(&c);
		struct ms_span payload = ms_cbor_read_bytes(&c);
		struct ms_buf b;
		ms_buf_init(&b, 1000);
		/* RFC 9052 4.4: an empty header is signed as an empty string */
		ms_cose_build_tbs(header.len == 1 && header.p[0] == 0xa0 ? MS_SPAN_NONE : header, ms_span(aad, n_aad), payload, &b);
		if (strstr(name, "pass") != NULL && !ms_span_eq(ms_buf_span(&b), ms_span(tbs, n_tbs)))
			fail_msg("%s: other Sig_structure", name);
		ms_buf_fini(&b);
	}
	free(msg);
	free(tbs);
	free(aad);
}

MS_TEST(cose_parse_refuses_the_working_group_examples_and_signs_the_same_structure)
{
	char path[4096];
	const char *dir = test_vectors();
	if (dir == NULL)
		skip();
	(void)snprintf(path, sizeof path, "%s/cose-wg-examples/sign1-tests", dir);
	DIR *d = opendir(path);
	if (d == NULL)
		skip();
	unsigned n = 0;
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		if (strstr(e->d_name, ".json") == NULL)
			continue;
		(void)snprintf(path, sizeof path, "%s/cose-wg-examples/sign1-tests/%s", dir, e->d_name);
		json_t *j = json_load_file(path, 0, NULL);
		CHECK(j != NULL);
		check_example(j, e->d_name);
		json_decref(j);
		n++;
	}
	(void)closedir(d);
	CHECK(n >= 9);
}
