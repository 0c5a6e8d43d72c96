/* The parser alone: forms, bounds, and that no prefix and no flipped byte of a real log makes it do more than refuse. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/bootlogs.h"

static enum ms_rc
walk(struct ms_span log, const struct ms_bootlog_caps *caps, size_t *ret_events, struct ms_err *err)
{
	struct ms_eventlog l;
	struct ms_event e;
	bool more = true;
	*ret_events = 0;
	enum ms_rc rc = ms_eventlog_open(log, caps, MS_EVENTLOG_ANY, &l, err);
	while (rc == MS_OK && more) {
		rc = ms_eventlog_next(&l, &e, &more, err);
		*ret_events += rc == MS_OK && more;
		if (rc == MS_OK && more)
			CHECK(e.data_offset + e.data.len <= log.len && e.offset < e.data_offset);
	}
	return rc;
}

static void
refuse(struct ms_span log, enum ms_rc want, const char *word)
{
	struct ms_err err = {.text = ""};
	size_t n;
	uint8_t *exact = test_dup(log.p, log.len);
	CHECK_INT(walk(ms_span(exact, log.len), NULL, &n, &err), want);
	if (strstr(err.text, word) == NULL)
		print_error("'%s' does not say '%s'\n", err.text, word);
	CHECK(strstr(err.text, word) != NULL);
	free(exact);
}

static void
accept(struct ms_span log, size_t events)
{
	struct ms_err err = {.text = ""};
	size_t n = 0;
	CHECK_OK(walk(log, NULL, &n, &err), &err);
	CHECK_INT(n, events);
}

static void
put_bytes_at(struct ms_buf *b, size_t at, uint32_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		b->p[at + i] = (uint8_t)(v >> 8 * i);
}

MS_TEST(eventlog_reads_a_recorded_boot_to_its_end)
{
	MS_OWN(test_log_free) struct test_log good = recorded_log("good"), banks = recorded_log("banks");
	struct ms_eventlog l;
	accept(log_span(&good), 48);
	accept(log_span(&banks), 48);
	CHECK_INT(ms_eventlog_open(log_span(&banks), NULL, MS_EVENTLOG_ANY, &l, NULL), MS_OK);
	CHECK_INT(l.form, MS_EVENTLOG_AGILE);
	CHECK_INT(l.kind, MS_EVENTLOG_PCR);
	CHECK_INT(l.n_banks, 3);
	CHECK_INT(l.spec_major, 2);
}

MS_TEST(eventlog_refuses_what_is_no_log)
{
	uint8_t zeros[64] = {0};
	refuse(MS_SPAN_NONE, MS_ERR_MALFORMED, "empty");
	refuse(ms_span_str("x"), MS_ERR_MALFORMED, "no boot log");
	refuse(ms_span_str("this is a text file that is no boot log\n"), MS_ERR_MALFORMED, "no boot log");
	refuse(ms_span(zeros, 31), MS_ERR_MALFORMED, "no boot log");
}

MS_TEST(eventlog_refuses_headers_that_lie_about_their_algorithms)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	enum { COUNT = 56, ALG = 60, SIZE = 62, VENDOR = 64, MAJOR = 53 };
	begin_log(&b, MS_TPM_ALG_SHA256);
	accept(ms_buf_span(&b), 1);
	put_bytes_at(&b, COUNT, 0, 4);
	refuse(ms_buf_span(&b), MS_ERR_TOO_BIG, "0 algorithms");
	put_bytes_at(&b, COUNT, 0xffffffff, 4);
	refuse(ms_buf_span(&b), MS_ERR_TOO_BIG, "4294967295 algorithms");
	put_bytes_at(&b, COUNT, 2, 4);
	refuse(ms_buf_span(&b), MS_ERR_MALFORMED, "header");
	put_bytes_at(&b, COUNT, 1, 4);
	put_bytes_at(&b, SIZE, 20, 2);
	refuse(ms_buf_span(&b), MS_ERR_MALFORMED, "0x000b with 20 bytes");
	put_bytes_at(&b, ALG, 0x4444, 2);
	accept(ms_buf_span(&b), 1); /* unknown: its declared size is believed */
	put_bytes_at(&b, SIZE, 0, 2);
	refuse(ms_buf_span(&b), MS_ERR_MALFORMED, "0 bytes");
	put_bytes_at(&b, SIZE, 129, 2);
	refuse(ms_buf_span(&b), MS_ERR_MALFORMED, "129 bytes");
	put_bytes_at(&b, SIZE, 20, 2);
	put_bytes_at(&b, VENDOR, 1, 1);
	refuse(ms_buf_span(&b), MS_ERR_MALFORMED, "cut short");
	put_bytes_at(&b, VENDOR, 0, 1);
	put_bytes_at(&b, MAJOR, 1, 1);
	refuse(ms_buf_span(&b), MS_ERR_UNSUPPORTED, "specification 1.0");
}

MS_TEST(eventlog_refuses_one_algorithm_twice_and_too_many)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	for (unsigned n = 2; n <= MS_EVENTLOG_BANKS_MAX + 1; n++) {
		begin_log(&b, MS_TPM_ALG_SHA256);
		b.len = 60;
		for (unsigned i = 0; i < n; i++) {
			put_le16(&b, n == 2 ? 0x4444 : 0x4444 + i);
			put_le16(&b, 20);
		}
		ms_buf_u8(&b, 0);
		put_bytes_at(&b, 28, 33 + 4 * (n - 1), 4);
		put_bytes_at(&b, 56, n, 4);
		if (n == 2)
			refuse(ms_buf_span(&b), MS_ERR_MALFORMED, "0x4444");
		else if (n > MS_EVENTLOG_BANKS_MAX)
			refuse(ms_buf_span(&b), MS_ERR_TOO_BIG, "9 algorithms");
		else
			accept(ms_buf_span(&b), 1);
		ms_buf_fini(&b);
	}
	ms_buf_init(&b, 1);
}

MS_TEST(eventlog_takes_vendor_info_of_every_length)
{
	for (unsigned n = 0; n < 256; n++) {
		MS_OWN(ms_buf_fini) struct ms_buf b;
		struct ms_eventlog l;
		begin_log(&b, MS_TPM_ALG_SHA256);
		b.p[b.len - 1] = (uint8_t)n;
		for (unsigned i = 0; i < n; i++)
			ms_buf_u8(&b, (uint8_t)i);
		put_bytes_at(&b, 28, 33 + n, 4);
		put_separator(&b, 0);
		accept(ms_buf_span(&b), 2);
		CHECK_INT(ms_eventlog_open(ms_buf_span(&b), NULL, MS_EVENTLOG_ANY, &l, NULL), MS_OK);
		CHECK_INT(l.vendor_info.len, n);
	}
}

MS_TEST(eventlog_skips_digests_of_unknown_algorithms_by_their_declared_size)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	struct ms_eventlog l;
	struct ms_event e;
	bool more;
	uint8_t junk[77];
	memset(junk, 0x77, sizeof junk);
	begin_log(&b, MS_TPM_ALG_SHA256);
	b.len = 64;
	put_le16(&b, 0x4444);
	put_le16(&b, sizeof junk);
	ms_buf_u8(&b, 0);
	put_bytes_at(&b, 28, 37, 4);
	put_bytes_at(&b, 56, 2, 4);
	put_le32(&b, 5);
	put_le32(&b, MS_EV_IPL);
	put_le32(&b, 2);
	put_le16(&b, 0x4444);
	ms_buf_put(&b, junk, sizeof junk);
	put_le16(&b, MS_TPM_ALG_SHA256);
	ms_buf_put(&b, junk, 32);
	put_le32(&b, 3);
	ms_buf_put(&b, "abc", 3);
	CHECK_INT(ms_eventlog_open(ms_buf_span(&b), NULL, MS_EVENTLOG_ANY, &l, NULL), MS_OK);
	CHECK_INT(ms_eventlog_next(&l, &e, &more, NULL), MS_OK);
	CHECK_INT(ms_eventlog_next(&l, &e, &more, NULL), MS_OK);
	CHECK(more && ms_span_eq(e.data, ms_span_str("abc")));
	CHECK_INT(ms_event_digest(&e, MS_TPM_ALG_SHA256).len, 32);
	CHECK_INT(ms_event_digest(&e, 0x4444).len, sizeof junk);
	CHECK_INT(ms_event_digest(&e, MS_TPM_ALG_SHA1).len, 0);
	CHECK_INT(ms_eventlog_next(&l, &e, &more, NULL), MS_OK);
	CHECK(!more);
}

static void
refuse_digests(uint32_t count, uint16_t a, uint16_t b_alg, const char *word)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	uint8_t zeros[64] = {0};
	begin_log(&b, MS_TPM_ALG_SHA256);
	put_le32(&b, 0);
	put_le32(&b, MS_EV_SEPARATOR);
	put_le32(&b, count);
	put_le16(&b, a);
	ms_buf_put(&b, zeros, 32);
	put_le16(&b, b_alg);
	ms_buf_put(&b, zeros, 32);
	put_le32(&b, 0);
	refuse(ms_buf_span(&b), MS_ERR_MALFORMED, word);
}

MS_TEST(eventlog_refuses_events_whose_digests_the_header_does_not_list)
{
	refuse_digests(0, MS_TPM_ALG_SHA256, MS_TPM_ALG_SHA256, "number of digests");
	refuse_digests(2, MS_TPM_ALG_SHA256, MS_TPM_ALG_SHA256, "number of digests");
	refuse_digests(0xffffffff, MS_TPM_ALG_SHA256, MS_TPM_ALG_SHA256, "number of digests");
	refuse_digests(1, MS_TPM_ALG_SHA384, MS_TPM_ALG_SHA256, "does not list");
	refuse_digests(1, 0, MS_TPM_ALG_SHA256, "does not list");
}

MS_TEST(eventlog_refuses_a_pcr_of_24_and_more_but_for_events_that_extend_nothing)
{
	static const uint32_t wrong[] = {24, 25, 255, 256, 0x7fffffff, 0xffffffff};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		MS_OWN(ms_buf_fini) struct ms_buf b;
		MS_OWN(ms_buf_fini) struct ms_buf c;
		begin_log(&b, MS_TPM_ALG_SHA256);
		put_own_event(&b, wrong[i], MS_EV_SEPARATOR, ms_span("\0\0\0\0", 4));
		refuse(ms_buf_span(&b), MS_ERR_MALFORMED, "there is no PCR");
		begin_log(&c, MS_TPM_ALG_SHA256);
		put_own_event(&c, wrong[i], MS_EV_NO_ACTION, ms_span("x", 1));
		accept(ms_buf_span(&c), 2);
	}
}

MS_TEST(eventlog_takes_events_that_do_nothing_of_every_length)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	uint8_t data[64];
	memset(data, 'S', sizeof data);
	begin_log(&b, MS_TPM_ALG_SHA256);
	for (unsigned n = 0; n < sizeof data; n++)
		put_own_event(&b, 0, MS_EV_NO_ACTION, ms_span(data, n));
	accept(ms_buf_span(&b), 1 + sizeof data);
}

MS_TEST(eventlog_names_the_cap_that_was_hit)
{
	MS_OWN(test_log_free) struct test_log good = recorded_log("good");
	struct ms_err err;
	size_t n;
	struct ms_bootlog_caps caps = MS_BOOTLOG_CAPS_DEFAULT;
	caps.bytes = good.len;
	caps.events = 48;
	CHECK_INT(walk(log_span(&good), &caps, &n, &err), MS_OK);
	caps.events = 47;
	CHECK_INT(walk(log_span(&good), &caps, &n, &err), MS_ERR_TOO_BIG);
	CHECK(strstr(err.text, "evidence.boot_log_events") != NULL);
	caps = MS_BOOTLOG_CAPS_DEFAULT;
	caps.bytes = good.len - 1;
	CHECK_INT(walk(log_span(&good), &caps, &n, &err), MS_ERR_TOO_BIG);
	CHECK(strstr(err.text, "evidence.boot_log_bytes") != NULL);
	caps = MS_BOOTLOG_CAPS_DEFAULT;
	caps.event_bytes = 1000;
	CHECK_INT(walk(log_span(&good), &caps, &n, &err), MS_ERR_TOO_BIG);
	CHECK(strstr(err.text, "evidence.boot_log_event_bytes") != NULL);
	caps = MS_BOOTLOG_CAPS_DEFAULT;
	caps.bytes = (size_t)MS_BOOTLOG_BYTES_LIMIT + 1;
	CHECK_INT(walk(log_span(&good), &caps, &n, &err), MS_ERR_USAGE);
}

MS_TEST(eventlog_refuses_every_prefix_that_ends_inside_an_event)
{
	MS_OWN(test_log_free) struct test_log good = recorded_log("good");
	struct ms_eventlog l;
	struct ms_event e;
	bool more = true;
	uint8_t *boundary = calloc(1, good.len + 1);
	CHECK_INT(ms_eventlog_open(log_span(&good), NULL, MS_EVENTLOG_ANY, &l, NULL), MS_OK);
	while (ms_eventlog_next(&l, &e, &more, NULL) == MS_OK && more)
		boundary[e.data_offset + e.data.len] = 1;
	for (size_t n = 0; n <= good.len; n++) {
		size_t events;
		uint8_t *exact = test_dup(good.p, n);
		CHECK_INT(walk(ms_span(exact, n), NULL, &events, NULL) == MS_OK, boundary[n]);
		free(exact);
	}
	free(boundary);
}

MS_TEST(eventlog_takes_padding_of_ones_after_the_last_event_only)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	struct ms_eventlog l;
	struct ms_event e;
	bool more;
	begin_log(&b, MS_TPM_ALG_SHA384);
	put_event(&b, MS_TPM_ALG_SHA384, 1, MS_EV_SEPARATOR, ms_span("\0\0\0\0", 4), ms_span("\0\0\0\0", 4));
	size_t end = b.len;
	for (unsigned i = 0; i < 4096; i++)
		ms_buf_u8(&b, 0xff);
	accept(ms_buf_span(&b), 2);
	CHECK_INT(ms_eventlog_open(ms_buf_span(&b), NULL, MS_EVENTLOG_ANY, &l, NULL), MS_OK);
	CHECK_INT(l.kind, MS_EVENTLOG_CC);
	do
		CHECK_INT(ms_eventlog_next(&l, &e, &more, NULL), MS_OK);
	while (more);
	CHECK_INT(l.end, end);
	b.p[b.len - 1] = 0xfe;
	refuse(ms_buf_span(&b), MS_ERR_MALFORMED, "event 2");
	b.p[b.len - 1] = 0xff;
	b.p[end + 100] = 0;
	refuse(ms_buf_span(&b), MS_ERR_MALFORMED, "event 2");
}

MS_TEST(eventlog_of_confidential_computing_has_five_registers)
{
	for (unsigned r = 0; r < 7; r++) {
		MS_OWN(ms_buf_fini) struct ms_buf b;
		begin_log(&b, MS_TPM_ALG_SHA384);
		put_event(&b, MS_TPM_ALG_SHA384, r, MS_EV_IPL, ms_span("x", 1), ms_span("x", 1));
		for (unsigned i = 0; i < 16; i++)
			ms_buf_u8(&b, 0xff);
		if (r < 5)
			accept(ms_buf_span(&b), 2);
		else
			refuse(ms_buf_span(&b), MS_ERR_MALFORMED, "there is no register");
	}
	CHECK_INT(ms_eventlog_cc_register(0), 0);
	CHECK_INT(ms_eventlog_cc_register(1), 1);
	CHECK_INT(ms_eventlog_cc_register(7), 1);
	CHECK_INT(ms_eventlog_cc_register(2), 2);
	CHECK_INT(ms_eventlog_cc_register(6), 2);
	CHECK_INT(ms_eventlog_cc_register(8), 3);
	CHECK_INT(ms_eventlog_cc_register(15), 3);
	CHECK(strcmp(ms_eventlog_register_name(MS_EVENTLOG_CC, 0), "MRTD") == 0);
	CHECK(strcmp(ms_eventlog_register_name(MS_EVENTLOG_CC, 4), "RTMR3") == 0);
	CHECK(strcmp(ms_eventlog_register_name(MS_EVENTLOG_PCR, 14), "PCR 14") == 0);
	CHECK(strcmp(ms_eventlog_register_name(MS_EVENTLOG_PCR, 24), "PCR ?") == 0);
}

MS_TEST(eventlog_startup_locality_is_0_3_or_4_and_nothing_else)
{
	uint8_t data[18] = "StartupLocality", locality = 77;
	struct ms_event e = {.type = MS_EV_NO_ACTION, .data = {data, 17}};
	for (unsigned v = 0; v < 256; v++) {
		data[16] = (uint8_t)v;
		CHECK_INT(ms_event_startup_locality(&e, &locality), v == 0 || v == 3 || v == 4);
	}
	data[16] = 3;
	CHECK(ms_event_startup_locality(&e, &locality) && locality == 3);
	e.data.len = 16;
	CHECK(!ms_event_startup_locality(&e, &locality));
	e.data.len = 18;
	CHECK(!ms_event_startup_locality(&e, &locality));
	e.data.len = 17;
	e.type = MS_EV_ACTION;
	CHECK(!ms_event_startup_locality(&e, &locality));
}

/* ---- logs by others ---- */

static void
refuse_vector(const char *name, enum ms_rc want)
{
	size_t n;
	struct ms_err err;
	MS_OWN(test_log_free) struct test_log l = vector_log(name);
	enum ms_rc rc = walk(log_span(&l), NULL, &n, &err);
	if (rc != want)
		print_error("%s: %s\n", name, rc == MS_OK ? "taken" : err.text);
	CHECK_INT(rc, want);
}

MS_TEST(eventlog_refuses_the_hostile_vectors_of_others)
{
	refuse_vector("eventlog-go-attestation/neg_event_size_3GB_sha1.bin", MS_ERR_MALFORMED);
	refuse_vector("eventlog-go-attestation/neg_specid_bad_version.bin", MS_ERR_UNSUPPORTED);
	refuse_vector("eventlog-go-attestation/neg_specid_ffffffff_algs.bin", MS_ERR_TOO_BIG);
	refuse_vector("eventlog-keylime/binary_bios_measurements-bogus", MS_ERR_MALFORMED);
	refuse_vector("eventlog-keylime/binary_bios_measurements-empty", MS_ERR_MALFORMED);
	refuse_vector("eventlog-tpm2-tools/logs/specid-vendordata.bin", MS_ERR_MALFORMED);
}

MS_TEST(eventlog_reads_the_real_logs_of_others)
{
	static const struct {
		const char *name;
		size_t events;
	} rows[] = {{"eventlog-go-attestation/pos_specid_sha1_sha256.bin", 1}, {"eventlog-go-attestation/short_no_action_eventlog", 1},
	    {"eventlog-go-attestation/option_rom_eventlog", 61}, {"eventlog-go-attestation/sb_cert_eventlog", 15},
	    {"eventlog-keylime/binary_bios_measurements", 121}, {"eventlog-keylime/binary_bios_measurements-secureboot", 99},
	    {"eventlog-keylime/mb_log.bin", 102}, {"eventlog-tpm2-tools/logs/event-uefi-sha1-log.bin", 17},
	    {"eventlog-tpm2-tools/logs/event-arch-linux.bin", 25}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		MS_OWN(test_log_free) struct test_log l = vector_log(rows[i].name);
		size_t n = 0;
		struct ms_err err;
		CHECK_OK(walk(log_span(&l), NULL, &n, &err), &err);
		if (n != rows[i].events)
			print_error("%s: %zu events\n", rows[i].name, n);
		CHECK_INT(n, rows[i].events);
	}
}
