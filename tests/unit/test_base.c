#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/late.h"
#include "base/rd.h"
#include "base/secret.h"

MS_TEST(rd_reads_big_and_little_endian_and_is_done_only_at_the_end)
{
	const uint8_t w[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
	struct ms_rd r = ms_rd_over(w, sizeof w);
	CHECK_INT(ms_rd_u8(&r), 1);
	CHECK_INT(ms_rd_u16(&r), 0x0203);
	CHECK_INT(ms_rd_le16(&r), 0x0504);
	CHECK(!ms_rd_done(&r));
	CHECK_INT(ms_rd_u32(&r), 0x06070809);
	CHECK(ms_rd_done(&r));
}

MS_TEST(rd_stays_poisoned_after_one_bad_read)
{
	uint8_t *w = test_dup("\x01\x02\x03", 3);
	struct ms_rd r = ms_rd_over(w, 3);
	CHECK_INT(ms_rd_u32(&r), 0);
	CHECK_INT(ms_rd_u8(&r), 0);
	CHECK(!ms_rd_done(&r));
	r = ms_rd_over(w, 3);
	CHECK_INT(ms_rd_bytes(&r, SIZE_MAX).len, 0);
	CHECK(r.bad);
	free(w);
}

MS_TEST(rd_tpm2b_refuses_lengths_over_cap_and_over_input)
{
	struct ms_rd r = ms_rd_over("\x00\x03"
				    "abc",
	    5);
	CHECK_INT(ms_rd_tpm2b(&r, 2).len, 0);
	CHECK(r.bad);
	r = ms_rd_over("\x00\x04"
		       "abc",
	    5);
	CHECK_INT(ms_rd_tpm2b(&r, 9).len, 0);
	CHECK(r.bad);
	r = ms_rd_over("\x00\x03"
		       "abc",
	    5);
	CHECK(ms_span_eq(ms_rd_tpm2b(&r, 3), ms_span_str("abc")));
	CHECK(ms_rd_done(&r));
}

MS_TEST(buf_stops_at_its_cap_and_stays_bad)
{
	struct ms_buf b;
	ms_buf_init(&b, 4);
	ms_buf_str(&b, "abc");
	CHECK_INT(ms_buf_check(&b, NULL), MS_OK);
	ms_buf_u16(&b, 7);
	CHECK_INT(ms_buf_check(&b, NULL), MS_ERR_TOO_BIG);
	ms_buf_u8(&b, 1);
	CHECK_INT(b.len, 3);
	ms_buf_fini(&b);
}

MS_TEST(hex_and_base64_round_trip_and_refuse_odd_texts)
{
	uint8_t out[64];
	char text[128];
	size_t n;
	for (size_t len = 0; len < 40; len++) {
		uint8_t in[40];
		memset(in, (int)(len * 37), len);
		ms_base64(in, len, text);
		CHECK_INT(ms_unbase64(text, strlen(text), out, sizeof out, &n), MS_OK);
		CHECK(n == len && memcmp(in, out, len) == 0);
	}
	static const char *const bad[] = {"A", "AA", "AA=A", "A===", "====", "AB==", "AAB=", "AAAA\n", "AA A"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK_INT(ms_unbase64(bad[i], strlen(bad[i]), out, sizeof out, &n), MS_ERR_MALFORMED);
	CHECK_INT(ms_unhex("0g", 2, out, 1), MS_ERR_MALFORMED);
	CHECK_INT(ms_unhex("000", 3, out, 1), MS_ERR_MALFORMED);
	CHECK_INT(ms_unhex("aF", 2, out, 1), MS_OK);
	CHECK_INT(out[0], 0xaf);
}

MS_TEST(base64url_round_trips_has_one_text_for_a_value_and_refuses_padding)
{
	static const char *const bad[] = {"A", "AAAAA", "AA==", "AAA=", "AB", "AAB", "+AAA", "AA/A", "AA A", "AAAA\n", "=", "A-_="};
	uint8_t in[40], out[64];
	char text[128];
	size_t n;
	for (size_t i = 0; i < sizeof in; i++)
		in[i] = (uint8_t)(255 - i * 5);
	for (size_t len = 0; len < sizeof in; len++) {
		ms_base64url(in, len, text);
		CHECK_INT(strlen(text), MS_BASE64URL_LEN(len));
		CHECK_INT(ms_unbase64url(text, strlen(text), out, sizeof out, &n), MS_OK);
		CHECK(n == len && ms_ct_eq(in, out, len));
	}
	ms_base64url("\xfb\xff", 2, text);
	CHECK(ms_span_eq(ms_span_str(text), ms_span_str("-_8")));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK_INT(ms_unbase64url(bad[i], strlen(bad[i]), out, sizeof out, &n), MS_ERR_MALFORMED);
	CHECK_INT(ms_unbase64url("AA\0A", 4, out, sizeof out, &n), MS_ERR_MALFORMED);
	CHECK_INT(ms_unbase64url("AAAA", 4, out, 2, &n), MS_ERR_TOO_BIG);
}

MS_TEST(utf8_refuses_overlong_surrogates_and_nul)
{
	static const char *const good[] = {"", "abc", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
	static const char *const bad[] = {"\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff", "\xc3", "\x80"};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		CHECK(ms_utf8_ok(ms_span_str(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK(!ms_utf8_ok(ms_span_str(bad[i])));
	CHECK(!ms_utf8_ok(ms_span("a\0b", 3)));
}

MS_TEST(name_ok_takes_only_small_plain_names)
{
	static const char *const bad[] = {"", ".", "..", "-a", "a/b", "A", "a b", "a\x01", "aaaaaaaaa"};
	CHECK(ms_name_ok(ms_span_str("db-1.x_y"), 8));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK(!ms_name_ok(ms_span_str(bad[i]), 8));
}

MS_TEST(secret_keeps_bytes_and_is_wiped_in_a_forked_child)
{
	struct ms_secret *s = NULL;
	struct ms_err err;
	CHECK_OK(ms_secret_from("canary", 6, &s, &err), &err);
	CHECK_INT(ms_secret_len(s), 6);
	CHECK(ms_ct_eq(ms_secret_peek(s), "canary", 6));
	ms_secret_free(s);
}

MS_TEST(secret_memory_is_all_zero_whoever_had_it_before)
{
	static const uint8_t zeros[4096];
	struct ms_secret *s[80];
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 80; i++) {
			CHECK_OK(ms_secret_new(4096 - i, &s[i], NULL), NULL);
			CHECK(ms_secret_len(s[i]) == 0 && ms_secret_cap(s[i]) == 4096 - i);
			CHECK(ms_ct_eq(ms_secret_peek(s[i]), zeros, 4096));
			memset(ms_secret_bytes(s[i]), 0xee, 4096 - i);
		}
		for (unsigned i = 0; i < 80; i++)
			ms_secret_free(s[i]);
	}
}

static unsigned long
locked_kb(void)
{
	char line[128];
	unsigned long kb = 0;
	FILE *f = fopen("/proc/self/status", "re");
	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		(void)sscanf(line, "VmLck: %lu", &kb);
	if (f != NULL)
		(void)fclose(f);
	return kb;
}

MS_TEST(secret_memory_of_a_forked_child_is_locked_and_its_own)
{
	struct ms_secret *s = NULL, *other = NULL;
	CHECK_OK(ms_secret_from("canary", 6, &s, NULL), NULL);
	CHECK_OK(ms_secret_from("another", 7, &other, NULL), NULL);
	bool locks = locked_kb() >= 8; /* the address sanitizer makes mlock() do nothing */
	ms_secret_free(s);
	ms_secret_free(other);
	pid_t pid = fork();
	if (pid == 0) {
		struct ms_secret *mine = NULL, *more = NULL;
		bool ok = ms_secret_from("child", 5, &mine, NULL) == MS_OK && ms_secret_from("child", 5, &more, NULL) == MS_OK;
		_exit(ok && (!locks || locked_kb() >= 8) ? 0 : 1);
	}
	int status = -1;
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK_OK(ms_secret_new(100, &s, NULL), NULL);
	CHECK(ms_secret_peek(s)[0] == 0);
	ms_secret_free(s);
}

MS_TEST(write_file_replaces_whole_and_create_refuses_an_existing_file)
{
	char dir[] = "/tmp/muster-test-XXXXXX", path[64];
	struct ms_err err;
	CHECK(mkdtemp(dir) != NULL);
	(void)snprintf(path, sizeof path, "%s/f", dir);
	CHECK_OK(ms_io_write_file(path, 0600, ms_span_str("one"), &err), &err);
	CHECK_OK(ms_io_write_file(path, 0600, ms_span_str("two"), &err), &err);
	CHECK_INT(ms_io_create_file(path, 0600, ms_span_str("three"), &err), MS_ERR_CONFLICT);
	struct ms_buf b;
	ms_buf_init(&b, 100);
	CHECK_OK(ms_io_read_file(path, 100, &b, &err), &err);
	CHECK(ms_span_eq(ms_buf_span(&b), ms_span_str("two")));
	ms_buf_reset(&b);
	CHECK_INT(ms_io_read_file(path, 2, &b, &err), MS_ERR_TOO_BIG);
	ms_buf_fini(&b);
	struct ms_secret *s = NULL;
	CHECK_INT(chmod(path, 0644), 0);
	CHECK_INT(ms_io_read_secret_file(path, 100, &s, &err), MS_ERR_USAGE);
	CHECK_INT(unlink(path), 0);
	CHECK_INT(rmdir(dir), 0);
}

MS_TEST(clock_text_is_utc_over_leap_days_centuries_and_the_end)
{
	static const struct {
		uint64_t s;
		const char *text;
	} row[] = {{0, "1970-01-01T00:00:00Z"}, {951782399, "2000-02-28T23:59:59Z"}, {951782400, "2000-02-29T00:00:00Z"},
	    {951868800, "2000-03-01T00:00:00Z"}, {1709251199, "2024-02-29T23:59:59Z"}, {4107542400, "2100-03-01T00:00:00Z"},
	    {253402300799, "9999-12-31T23:59:59Z"}, {253402300800, "----------T--------Z"}};
	char text[MS_CLOCK_TEXT_LEN];
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		ms_clock_text(row[i].s, text);
		CHECK(strcmp(text, row[i].text) == 0);
	}
}

MS_TEST(I15_authority_clock_never_starts_before_what_was_seen_and_tells_a_jump)
{
	struct ms_authority_clock c;
	uint64_t wall = ms_clock_wall_s();
	ms_authority_clock_init(&c, wall + 3600, 300);
	CHECK(ms_authority_now_s(&c) >= wall + 3600);
	CHECK(ms_authority_jumped(&c));
	ms_authority_clock_init(&c, wall - 3600, 300);
	CHECK(!ms_authority_jumped(&c));
	CHECK(ms_authority_now_s(&c) >= wall);
}

MS_TEST(rc_of_an_unknown_number_reads_as_internal_and_never_ok)
{
	CHECK_INT(ms_rc_http((enum ms_rc)999), 500);
	CHECK(ms_rc_exit((enum ms_rc)999) != 0);
	for (int rc = 1; rc < MS_RC_COUNT; rc++)
		CHECK(ms_rc_name((enum ms_rc)rc) != NULL && ms_rc_http((enum ms_rc)rc) != 200 && ms_rc_exit((enum ms_rc)rc) != 0);
}

MS_TEST(late_library_that_is_not_there_or_lacks_a_function_is_named)
{
	static const char *const good[] = {"cos", "sin"}, *const bad[] = {"cos", "no_such_function"};
	struct {
		double (*cos)(double), (*sin)(double);
	} f = {NULL, NULL};
	struct ms_err err;
	CHECK_INT(ms_late_load("libmuster-none.so.1", good, 2, &f, &err), MS_ERR_UNAVAILABLE);
	CHECK(strstr(err.text, "libmuster-none.so.1") != NULL && f.cos == NULL);
	CHECK_INT(ms_late_load("libm.so.6", bad, 2, &f, &err), MS_ERR_UNAVAILABLE);
	CHECK(strstr(err.text, "no_such_function") != NULL && f.cos == NULL);
	CHECK_OK(ms_late_load("libm.so.6", good, 2, &f, &err), &err);
	CHECK(f.cos(0) > 0.99 && f.sin(0) < 0.01);
}
