/* Readers of IMA lists: both forms, every template, and what is wrong with a list. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/imalist.h"
#include "support/test.h"

static const struct ms_imalist_caps caps = {1u << 20, 1000};

/* The last entry of a list, copied out of what the reader lends; how many there were. */
struct last {
	enum ms_rc rc;
	uint32_t n;
	struct ms_ima_entry e;
	char path[512];
	struct ms_buf hashed; /* what ms_ima_entry_parts() says the kernel hashed */
	struct ms_err err;
};

static void
last_fini(struct last *l)
{
	ms_buf_fini(&l->hashed);
}
MS_CLEANUP_FINI(struct last, last_fini)

static void
take(struct last *l, const struct ms_ima_entry *e)
{
	struct ms_span parts[MS_IMA_PARTS_MAX];
	size_t n = ms_ima_entry_parts(e, parts);
	ms_buf_reset(&l->hashed);
	for (size_t i = 0; i < n; i++)
		ms_buf_put_span(&l->hashed, parts[i]);
	(void)snprintf(l->path, sizeof l->path, "%.*s", (int)e->path.len, (const char *)e->path.p);
	l->e = *e;
	l->n++;
}

static void
read_all(struct last *l, struct ms_span list, const struct ms_imalist_caps *c)
{
	MS_OWN(ms_imalist_fini) struct ms_imalist it = {.off = 0};
	struct ms_ima_entry e;
	uint8_t *copy = test_dup(list.p, list.len); /* exact: ASan sees one byte over */
	*l = (struct last){.rc = MS_OK};
	ms_buf_init(&l->hashed, 1u << 20);
	l->rc = ms_imalist_init(&it, ms_span(copy, list.len), 0, c, &l->err);
	while (l->rc == MS_OK && !ms_imalist_done(&it)) {
		l->rc = ms_imalist_next(&it, &e, &l->err);
		if (l->rc == MS_OK)
			take(l, &e);
	}
	free(copy);
}

static void
read_text(struct last *l, const char *text)
{
	read_all(l, ms_span_str(text), &caps);
}

static void
expect_hashed(const struct last *l, const char *hex)
{
	size_t n = 0;
	uint8_t *want = test_hex(hex, &n);
	CHECK_INT(l->hashed.len, n);
	assert_memory_equal(l->hashed.p, want, n);
	free(want);
}

static void
expect_error(const char *text, enum ms_rc rc, const char *says)
{
	MS_OWN(last_fini) struct last l;
	read_text(&l, text);
	if (l.rc != rc || strstr(l.err.text, says) == NULL)
		print_error(
		    "%s\n -> %s: %s (wanted %s: %s)\n", text, ms_rc_name(l.rc), l.rc == MS_OK ? "" : l.err.text, ms_rc_name(rc), says);
	CHECK_INT(l.rc, rc);
	CHECK(strstr(l.err.text, says) != NULL);
}

#define SHA1_A "00112233445566778899aabbccddeeff00112233"
#define SHA256_A "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define ZEROS20 "0000000000000000000000000000000000000000"

MS_TEST(an_ima_entry_is_hashed_with_its_name_padded_to_256_bytes)
{
	MS_OWN(last_fini) struct last l;
	read_text(&l, "10 " SHA1_A " ima " SHA1_A " /bin/a b\n");
	CHECK_OK(l.rc, &l.err);
	CHECK_INT(l.n, 1);
	CHECK_INT(l.e.template, MS_IMA_TEMPLATE_IMA);
	CHECK_INT(l.hashed.len, 20 + 256);
	assert_memory_equal(l.hashed.p + 20, "/bin/a b\0\0", 10);
	assert_string_equal(l.path, "/bin/a b");
}

MS_TEST(an_ima_ng_entry_is_hashed_as_fields_with_their_lengths)
{
	MS_OWN(last_fini) struct last l;
	read_text(&l, "10 " SHA1_A " ima-ng sha1:" SHA1_A " /a b\n");
	CHECK_OK(l.rc, &l.err);
	expect_hashed(&l, "1a000000 736861313a00 " SHA1_A " 05000000 2f61206200");
	CHECK_INT(l.e.digest.hash, MS_IMA_HASH_SHA1);
	CHECK_INT(l.e.template, MS_IMA_TEMPLATE_NG);
	CHECK(!l.e.violation);
}

MS_TEST(an_ima_sig_entry_has_its_signature_after_a_path_with_spaces)
{
	MS_OWN(last_fini) struct last l;
	read_text(&l, "10 " SHA1_A " ima-sig sha256:" SHA256_A " /a b  c 0302\n");
	CHECK_OK(l.rc, &l.err);
	assert_string_equal(l.path, "/a b  c");
	CHECK_INT(l.e.signature.len, 2);
	expect_hashed(&l, "28000000 7368613235363a00 " SHA256_A " 08000000 2f61206220206300 02000000 0302");
	MS_OWN(last_fini) struct last none;
	read_text(&none, "10 " SHA1_A " ima-sig sha256:" SHA256_A " /a b \n");
	CHECK_OK(none.rc, &none.err);
	assert_string_equal(none.path, "/a b");
	CHECK_INT(none.e.signature.len, 0);
}

MS_TEST(a_line_that_lost_its_last_space_is_read_when_that_is_not_ambiguous)
{
	MS_OWN(last_fini) struct last l;
	read_text(&l, "10 " SHA1_A " ima-sig sha256:" SHA256_A " /a");
	CHECK_OK(l.rc, &l.err);
	assert_string_equal(l.path, "/a");
	expect_error("10 " SHA1_A " ima-sig sha256:" SHA256_A " /a beta", MS_ERR_MALFORMED, "not hex");
}

MS_TEST(an_ima_buf_entry_has_its_buffer)
{
	MS_OWN(last_fini) struct last l;
	read_text(&l, "10 " SHA1_A " ima-buf sha256:" SHA256_A " kexec-cmdline 6162\n");
	CHECK_OK(l.rc, &l.err);
	expect_hashed(&l, "28000000 7368613235363a00 " SHA256_A " 0e000000 6b657865632d636d646c696e6500 02000000 6162");
	CHECK_INT(l.e.buffer.len, 2);
	assert_string_equal(l.path, "kexec-cmdline");
}

MS_TEST(an_ima_modsig_entry_has_two_digests_or_one)
{
	MS_OWN(last_fini) struct last l;
	read_text(&l, "10 " SHA1_A " ima-modsig sha256:" SHA256_A " /m.ko 0302 sha1:" SHA1_A " beef\n");
	CHECK_OK(l.rc, &l.err);
	expect_hashed(&l,
	    "28000000 7368613235363a00 " SHA256_A " 06000000 2f6d2e6b6f00 02000000 0302 1a000000 736861313a00 " SHA1_A " 02000000 beef");
	CHECK_INT(l.e.modsig_digest.hash, MS_IMA_HASH_SHA1);
	CHECK_INT(l.e.modsig.len, 2);
	MS_OWN(last_fini) struct last one;
	read_text(&one, "10 " SHA1_A " ima-modsig sha256:" SHA256_A " /m.ko   \n");
	CHECK_OK(one.rc, &one.err);
	expect_hashed(&one, "28000000 7368613235363a00 " SHA256_A " 06000000 2f6d2e6b6f00 00000000 00000000 00000000");
	CHECK_INT(one.e.modsig_digest.value.len, 0);
}

MS_TEST(v2_templates_say_which_kind_of_digest_it_is)
{
	MS_OWN(last_fini) struct last l;
	read_text(&l, "10 " SHA1_A " ima-ngv2 verity:sha256:" SHA256_A " /v\n");
	CHECK_OK(l.rc, &l.err);
	expect_hashed(&l, "2f000000 7665726974793a7368613235363a00 " SHA256_A " 03000000 2f7600");
	CHECK_INT(l.e.digest.type, MS_IMA_DIGEST_VERITY);
	MS_OWN(last_fini) struct last s;
	read_text(&s, "10 " SHA1_A " ima-sigv2 ima:sha256:" SHA256_A " /v 0603\n");
	CHECK_OK(s.rc, &s.err);
	CHECK_INT(s.e.digest.type, MS_IMA_DIGEST_IMA);
	CHECK_INT(s.e.signature.len, 2);
	expect_error("10 " SHA1_A " ima-ngv2 sha256:" SHA256_A " /v\n", MS_ERR_MALFORMED, "verity");
	expect_error("10 " SHA1_A " ima-ngv2 evm:sha256:" SHA256_A " /v\n", MS_ERR_MALFORMED, "verity");
	expect_error("10 " SHA1_A " ima-ng ima:sha256:" SHA256_A " /v\n", MS_ERR_UNSUPPORTED, "hash that no kernel has");
}

MS_TEST(an_evm_sig_entry_has_numbers_of_their_own_sizes)
{
	MS_OWN(last_fini) struct last l;
	read_text(&l, "10 " SHA1_A " evm-sig sha256:" SHA256_A " /e f 0503 security.ima|security.selinux 0400 aabb 1000 0 33188\n");
	CHECK_OK(l.rc, &l.err);
	assert_string_equal(l.path, "/e f");
	CHECK_INT(l.e.uid, 1000);
	CHECK_INT(l.e.gid, 0);
	CHECK_INT(l.e.mode, 0100644);
	CHECK_INT(l.e.xattr_lengths.len, 2);
	expect_hashed(&l, "28000000 7368613235363a00 " SHA256_A " 05000000 2f65206600 02000000 0503"
			  " 1e000000 73656375726974792e696d617c73656375726974792e73656c696e757800 02000000 0400 02000000 aabb"
			  " 04000000 e8030000 04000000 00000000 02000000 a481");
	expect_error("10 " SHA1_A " evm-sig sha256:" SHA256_A " /e 0503 a 0400 aabb 1000 0 65536\n", MS_ERR_MALFORMED, "more than 2 bytes");
	expect_error("10 " SHA1_A " evm-sig sha256:" SHA256_A " /e 0503 a 0400 aabb x 0 1\n", MS_ERR_MALFORMED, "should be a number");
}

MS_TEST(a_template_without_a_name_is_read_by_its_format)
{
	MS_OWN(last_fini) struct last l;
	read_text(&l, "10 " SHA1_A " d-ng|n-ng|sig sha256:" SHA256_A " /c d 0302\n");
	CHECK_OK(l.rc, &l.err);
	CHECK_INT(l.e.template, MS_IMA_TEMPLATE_CUSTOM);
	assert_string_equal(l.path, "/c d");
	expect_error("10 " SHA1_A " d-ng|n-ng|n-ng sha256:" SHA256_A " /c\n", MS_ERR_UNSUPPORTED, "template");
	expect_error("10 " SHA1_A " d-ng|| sha256:" SHA256_A " /c\n", MS_ERR_UNSUPPORTED, "template");
	expect_error("10 " SHA1_A " d-ng sha256:" SHA256_A "\n", MS_ERR_UNSUPPORTED, "template");
	expect_error("10 " SHA1_A " n-ng|d-ng /c sha256:" SHA256_A "\n", MS_ERR_UNSUPPORTED, "template");
	expect_error("10 " SHA1_A " d-ng|xattrnames sha256:" SHA256_A " /c\n", MS_ERR_UNSUPPORTED, "template");
	expect_error("10 " SHA1_A " d-modsig|n-ng sha256:" SHA256_A " /c\n", MS_ERR_UNSUPPORTED, "template");
	expect_error("10 " SHA1_A " d-ng|nope sha256:" SHA256_A " /c\n", MS_ERR_UNSUPPORTED, "template");
}

MS_TEST(a_zero_template_digest_is_a_violation_whose_digest_may_have_any_length)
{
	MS_OWN(last_fini) struct last l;
	read_text(&l, "10 " ZEROS20 " ima-ng sha256:" ZEROS20 " /v\n");
	CHECK_OK(l.rc, &l.err);
	CHECK(l.e.violation);
	expect_error("10 " SHA1_A " ima-ng sha256:" ZEROS20 " /v\n", MS_ERR_MALFORMED, "sha256 digest of 20 bytes");
}

MS_TEST(every_hash_of_the_kernel_is_known_and_no_other)
{
	char line[512], digest[2 * MS_IMA_DIGEST_MAX + 1];
	memset(digest, 'a', sizeof digest - 1);
	for (uint8_t h = 0; h < MS_IMA_HASH_COUNT; h++) {
		MS_OWN(last_fini) struct last l;
		(void)snprintf(
		    line, sizeof line, "10 " SHA1_A " ima-ng %s:%.*s /x\n", ms_ima_hash_name(h), (int)(2 * ms_ima_hash_len(h)), digest);
		read_text(&l, line);
		CHECK_OK(l.rc, &l.err);
		CHECK_INT(l.e.digest.hash, h);
		(void)snprintf(
		    line, sizeof line, "10 " SHA1_A " ima-ng %s:%.*s /x\n", ms_ima_hash_name(h), (int)(2 * ms_ima_hash_len(h)) - 2, digest);
		expect_error(line, MS_ERR_MALFORMED, "digest of");
	}
	CHECK_INT(ms_ima_hash_find(ms_span_str("sm3_256")), MS_IMA_HASH_SM3);
	CHECK_INT(ms_ima_hash_find(ms_span_str("sha3-999")), MS_IMA_HASH_COUNT);
	CHECK_INT(ms_ima_hash_len(MS_IMA_HASH_COUNT), 0);
	expect_error("10 " SHA1_A " ima-ng unknown:00 /x\n", MS_ERR_UNSUPPORTED, "hash that no kernel has");
}

MS_TEST(lines_that_are_none_are_refused_with_their_number)
{
	static const struct {
		const char *text;
		enum ms_rc rc;
		const char *says;
	} bad[] = {
	    {"this is text\n", MS_ERR_MALFORMED, "IMA entry 0 (line 1): does not begin with the number of a PCR"},
	    {"24 " SHA1_A " ima-ng sha1:" SHA1_A " /a\n", MS_ERR_MALFORMED, "number of a PCR"},
	    {"100 " SHA1_A " ima-ng sha1:" SHA1_A " /a\n", MS_ERR_MALFORMED, "number of a PCR"},
	    {"10 " SHA1_A " not-ima sha1:" SHA1_A " /a\n", MS_ERR_UNSUPPORTED, "template"},
	    {"10 I0112233445566778899aabbccddeeff00112233 ima-ng sha1:" SHA1_A " /a\n", MS_ERR_MALFORMED, "not hex"},
	    {"10 00 ima-ng sha1:" SHA1_A " /a\n", MS_ERR_MALFORMED, "template digest of 1 bytes"},
	    {"10 " SHA1_A " ima-ng sha1:0 /a\n", MS_ERR_MALFORMED, "odd number"},
	    {"10 " SHA1_A " ima-ng sha1" SHA1_A " /a\n", MS_ERR_MALFORMED, "not hex"},
	    {"10 " SHA1_A " ima-ng :" SHA1_A " /a\n", MS_ERR_UNSUPPORTED, "hash"},
	    {"10 " SHA1_A " ima-ng\n", MS_ERR_MALFORMED, "without the name of its hash"},
	    {"10 " SHA1_A "\n", MS_ERR_MALFORMED, "ends before its template"},
	    {"10\n", MS_ERR_MALFORMED, ""},
	    {"10 " SHA1_A " ima " SHA256_A " /a\n", MS_ERR_MALFORMED, "name of"},
	    {"10 " SHA1_A " ima-sig sha1:" SHA1_A " /a 030\n", MS_ERR_MALFORMED, "odd number"},
	    {"\n\n10 " SHA1_A " ima-ng sha1:" SHA1_A " /a\n\nx\n", MS_ERR_MALFORMED, "IMA entry 1 (line 5)"},
	    {"10 " SHA1_A " ima-ng sha1:" SHA1_A " /a\n10 " SHA256_A " ima-ng sha1:" SHA1_A " /a\n", MS_ERR_MALFORMED,
		"template digest of 32 bytes"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		expect_error(bad[i].text, bad[i].rc, bad[i].says);
}

MS_TEST(I10_caps_are_named_when_they_are_hit)
{
	MS_OWN(last_fini) struct last l;
	const char *two = "10 " SHA1_A " ima-ng sha1:" SHA1_A " /a\n10 " SHA1_A " ima-ng sha1:" SHA1_A " /b\n";
	read_all(&l, ms_span_str(two), &(struct ms_imalist_caps){strlen(two), 2});
	CHECK_OK(l.rc, &l.err);
	MS_OWN(last_fini) struct last bytes;
	read_all(&bytes, ms_span_str(two), &(struct ms_imalist_caps){strlen(two) - 1, 2});
	CHECK_INT(bytes.rc, MS_ERR_TOO_BIG);
	CHECK(strstr(bytes.err.text, "evidence.ima_bytes") != NULL);
	MS_OWN(last_fini) struct last entries;
	read_all(&entries, ms_span_str(two), &(struct ms_imalist_caps){1000, 1});
	CHECK_INT(entries.rc, MS_ERR_TOO_BIG);
	CHECK(strstr(entries.err.text, "evidence.ima_entries") != NULL);
	CHECK_INT(entries.n, 1);
}

/* ---- binary ---- */

static void
put_le(struct ms_buf *b, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		ms_buf_u8(b, (uint8_t)(v >> (8 * i)));
}

static void
put_field(struct ms_buf *b, const char *p, size_t len)
{
	put_le(b, (uint32_t)len);
	ms_buf_put(b, p, len);
}

static void
put_head(struct ms_buf *b, uint32_t pcr, size_t digest_len, const char *template)
{
	put_le(b, pcr);
	for (size_t i = 0; i < digest_len; i++)
		ms_buf_u8(b, 7);
	put_field(b, template, strlen(template));
}

/* ima-ng of a SHA-1 digest; path with what the caller says about its NUL. */
static void
put_ng(struct ms_buf *b, const char *path, size_t path_len)
{
	put_head(b, 10, 20, "ima-ng");
	put_le(b, (uint32_t)(4 + 26 + 4 + path_len));
	put_field(b, "sha1:\0aaaaaaaaaaaaaaaaaaaa", 26);
	put_field(b, path, path_len);
}

static void
expect_binary(const struct ms_buf *b, enum ms_rc rc, const char *says)
{
	MS_OWN(last_fini) struct last l;
	read_all(&l, ms_buf_span(b), &caps);
	if (l.rc != rc)
		print_error("%s: %s (wanted %s)\n", ms_rc_name(l.rc), l.rc == MS_OK ? "" : l.err.text, says);
	CHECK_INT(l.rc, rc);
	CHECK(rc == MS_OK || strstr(l.err.text, says) != NULL);
}

MS_TEST(binary_lists_of_every_template_digest_are_told_apart)
{
	static const size_t lens[] = {20, 32, 48, 64};
	for (size_t i = 0; i < 4; i++) {
		MS_OWN(ms_buf_fini) struct ms_buf b;
		MS_OWN(last_fini) struct last l;
		ms_buf_init(&b, 4096);
		for (int k = 0; k < 2; k++) {
			put_head(&b, 10, lens[i], "ima-sig");
			put_le(&b, 4 + 26 + 4 + 3 + 4);
			put_field(&b, "sha1:\0aaaaaaaaaaaaaaaaaaaa", 26);
			put_field(&b, "/a", 3);
			put_le(&b, 0);
		}
		read_all(&l, ms_buf_span(&b), &caps);
		CHECK_OK(l.rc, &l.err);
		CHECK_INT(l.n, 2);
		CHECK_INT(l.e.listed.len, lens[i]);
	}
}

MS_TEST(binary_entries_of_template_ima_have_no_length_of_the_whole)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	MS_OWN(last_fini) struct last l;
	ms_buf_init(&b, 4096);
	for (int k = 0; k < 2; k++) {
		put_head(&b, 10, 20, "ima");
		ms_buf_put(&b, "bbbbbbbbbbbbbbbbbbbb", 20);
		put_field(&b, "/bin/a", 6);
	}
	read_all(&l, ms_buf_span(&b), &caps);
	CHECK_OK(l.rc, &l.err);
	CHECK_INT(l.n, 2);
	CHECK_INT(l.hashed.len, 276);
	assert_string_equal(l.path, "/bin/a");
}

MS_TEST(I10_binary_entries_that_lie_about_their_lengths_are_refused)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	ms_buf_init(&b, 1u << 16);
	put_ng(&b, "/a", 3);
	expect_binary(&b, MS_OK, "");
	ms_buf_u8(&b, 0);
	expect_binary(&b, MS_ERR_MALFORMED, "IMA entry 1 (at byte 75): the list ends within it");
	ms_buf_reset(&b);
	put_ng(&b, "/a", 2);
	expect_binary(&b, MS_ERR_MALFORMED, "does not end with its first NUL");
	ms_buf_reset(&b);
	put_ng(&b, "/\0a", 4);
	expect_binary(&b, MS_ERR_MALFORMED, "does not end with its first NUL");
	ms_buf_reset(&b);
	put_ng(&b, "", 0);
	expect_binary(&b, MS_ERR_MALFORMED, "does not end with its first NUL");
	ms_buf_reset(&b);
	put_head(&b, 10, 20, "ima-ng");
	put_le(&b, UINT32_MAX);
	expect_binary(&b, MS_ERR_MALFORMED, "the list ends within it");
	ms_buf_reset(&b);
	put_ng(&b, "/a", 3);
	put_le(&b, 24);
	expect_binary(&b, MS_ERR_MALFORMED, "ends within it");
	ms_buf_reset(&b);
	put_head(&b, 10, 20, "ima");
	ms_buf_put(&b, "bbbbbbbbbbbbbbbbbbbb", 20);
	put_le(&b, 256);
	for (int i = 0; i < 256; i++)
		ms_buf_u8(&b, 'x');
	expect_binary(&b, MS_ERR_MALFORMED, "name of 256 bytes");
}

MS_TEST(a_list_of_a_big_endian_kernel_is_named)
{
	static const uint8_t be[] = {0, 0, 0, 10, 1, 2, 3, 4};
	MS_OWN(last_fini) struct last l;
	read_all(&l, ms_span(be, sizeof be), &caps);
	CHECK_INT(l.rc, MS_ERR_UNSUPPORTED);
	CHECK(strstr(l.err.text, "ima_canonical_fmt") != NULL);
}

MS_TEST(an_empty_list_has_no_entries)
{
	MS_OWN(last_fini) struct last l;
	read_text(&l, "");
	CHECK_OK(l.rc, &l.err);
	CHECK_INT(l.n, 0);
}

MS_TEST(I10_paths_above_the_cap_are_refused_by_name)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	static char path[MS_IMA_PATH_MAX + 2];
	memset(path, 'p', sizeof path);
	ms_buf_init(&b, 1u << 16);
	path[MS_IMA_PATH_MAX] = 0;
	put_ng(&b, path, MS_IMA_PATH_MAX + 1);
	expect_binary(&b, MS_OK, "");
	ms_buf_reset(&b);
	path[MS_IMA_PATH_MAX] = 'p';
	path[MS_IMA_PATH_MAX + 1] = 0;
	put_ng(&b, path, MS_IMA_PATH_MAX + 2);
	expect_binary(&b, MS_ERR_TOO_BIG, "n-ng of 4097 bytes");
}

/* ---- our own recordings ---- */

MS_TEST(both_forms_of_a_recorded_list_have_the_same_entries)
{
	static const char *const machines[] = {"good", "banks", "cmdline"};
	for (size_t m = 0; m < 3; m++) {
		char name[2][96];
		uint8_t *file[2];
		size_t len[2];
		struct ms_imalist it[2];
		struct ms_err err;
		uint32_t n = 0;
		for (size_t i = 0; i < 2; i++) {
			(void)snprintf(name[i], sizeof name[i], "measured-boot/%s/%s", machines[m], i == 0 ? "ima_ascii" : "ima_binary");
			file[i] = test_file(name[i], &len[i]);
			CHECK(file[i] != NULL);
			CHECK_OK(ms_imalist_init(&it[i], ms_span(file[i], len[i]), 0, &caps, &err), &err);
		}
		CHECK(it[0].ascii && !it[1].ascii);
		for (; !ms_imalist_done(&it[0]); n++) {
			struct ms_ima_entry a, b;
			CHECK_OK(ms_imalist_next(&it[0], &a, &err), &err);
			CHECK_OK(ms_imalist_next(&it[1], &b, &err), &err);
			CHECK(ms_span_eq(a.data, b.data) && ms_span_eq(a.listed, b.listed) && ms_span_eq(a.path, b.path));
			CHECK(a.template == b.template && a.number == n && b.number == n);
		}
		CHECK(ms_imalist_done(&it[1]) && n > 30);
		for (size_t i = 0; i < 2; i++) {
			ms_imalist_fini(&it[i]);
			free(file[i]);
		}
	}
}

static uint64_t
next_random(uint64_t *s)
{
	*s = *s * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *s >> 33;
}

static void
attack(const char *name)
{
	size_t len = 0;
	uint64_t seed = 10;
	uint8_t *file = test_file(name, &len);
	CHECK(file != NULL);
	uint32_t whole = 0;
	for (size_t n = 0; n <= len; n++) { /* every prefix is a list or an error, never more entries than the whole */
		MS_OWN(last_fini) struct last l;
		read_all(&l, ms_span(file, n), &caps);
		whole = l.n > whole ? l.n : whole;
		CHECK(l.rc == MS_OK || l.rc == MS_ERR_MALFORMED || l.rc == MS_ERR_UNSUPPORTED);
	}
	for (int i = 0; i < 5000; i++) {
		MS_OWN(last_fini) struct last l;
		size_t at = next_random(&seed) % len;
		uint8_t was = file[at];
		file[at] ^= (uint8_t)(1 + next_random(&seed) % 255);
		read_all(&l, ms_span(file, len), &caps);
		CHECK(l.rc == MS_OK || l.rc == MS_ERR_MALFORMED || l.rc == MS_ERR_UNSUPPORTED || l.rc == MS_ERR_TOO_BIG);
		file[at] = was;
	}
	free(file);
}

MS_TEST(I10_every_prefix_and_seeded_flips_of_a_binary_list_are_read_or_refused)
{
	attack("measured-boot/banks/ima_binary");
}

MS_TEST(I10_every_prefix_and_seeded_flips_of_an_ascii_list_are_read_or_refused)
{
	attack("measured-boot/banks/ima_ascii");
}
