/* The frame of the muster command: tables, options, CSV, JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/csv.h"
#include "codec/cbor.h"
#include "support/test.h"

/* ---- CSV ---- */

#define H64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define G64 "f123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEAD "serial,model,ek_hash\n"

static void
expect_wrong(const char *text, const char *says)
{
	struct ms_csv c = {.n = 77};
	struct ms_err err = {0};
	uint8_t *copy = test_dup(text, strlen(text));
	enum ms_rc rc = ms_csv_parse("f.csv", ms_span(copy, strlen(text)), &c, &err);
	CHECK(rc == MS_ERR_USAGE);
	CHECK(c.n == 77);
	if (strstr(err.text, says) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.text, says);
	free(copy);
}

MS_TEST(csv_rows_come_in_the_order_of_the_file)
{
	static const char text[] = HEAD "S2,press x," H64 "\r\nS1,\xc3\xa9," G64;
	MS_OWN(ms_csv_fini) struct ms_csv c = {.n = 0};
	struct ms_err err = {0};
	CHECK_OK(ms_csv_parse("f.csv", ms_span(text, sizeof text - 1), &c, &err), &err);
	CHECK_INT(c.n, 2);
	CHECK(strcmp(c.row[0].serial, "S2") == 0 && strcmp(c.row[0].model, "press x") == 0);
	CHECK(strcmp(c.row[1].serial, "S1") == 0 && c.row[1].ek_hash[0] == 0xf1);
}
MS_TEST(csv_errors_name_file_and_line)
{
	expect_wrong(HEAD "S1,m," H64 "\nS2,m,xyz\n", "f.csv:3: ek_hash");
	expect_wrong(HEAD "S1,m\n", "f.csv:2: 3 columns");
}
MS_TEST(csv_without_its_header_is_refused)
{
	expect_wrong("", "empty");
	expect_wrong("S1,m," H64 "\n", "f.csv:1: the first line");
	expect_wrong("serial, model,ek_hash\nS1,m," H64 "\n", "f.csv:1: the first line");
	expect_wrong("\xef\xbb\xbf" HEAD "S1,m," H64 "\n", "byte order mark");
	expect_wrong(HEAD, "no device");
}
MS_TEST(csv_with_bad_values_is_refused)
{
	expect_wrong(HEAD ",m," H64 "\n", "serial is empty");
	expect_wrong(HEAD "S1,," H64 "\n", "model is empty");
	expect_wrong(HEAD "S1,m," H64 "0\n", "ek_hash");
	expect_wrong(HEAD "S1,m, " H64 "\n", "ek_hash");
	expect_wrong(HEAD "S1,m," H64 ",x\n", "more than 3 columns");
	expect_wrong(HEAD "\"S1\",m," H64 "\n", "quotes");
	expect_wrong(HEAD "S1 ,m," H64 "\n", "space");
	expect_wrong(HEAD "S1,m\x1b[2J," H64 "\n", "control");
	expect_wrong(HEAD "S1,\xff," H64 "\n", "UTF-8");
	expect_wrong(HEAD "S1,m," H64 "\n\n", "3 columns");
	expect_wrong(HEAD "S1," H64 "x," H64 "\n", "longer than 64");
}
MS_TEST(csv_with_one_ek_twice_is_refused)
{
	expect_wrong(HEAD "S1,m," H64 "\nS2,m," G64 "\nS3,m," H64 "\n", "f.csv:4: the same ek_hash as in line 2");
}

/* ---- tables and options ---- */

MS_TEST(every_command_has_help_an_example_and_ordered_bounds)
{
	const struct ms_command *row, *other;
	for (size_t i = 0; (row = ms_command_at(i)) != NULL; i++) {
		CHECK(row->run != NULL && row->help != NULL && row->args != NULL && row->example != NULL);
		CHECK(row->min_args <= row->max_args && row->max_args <= MS_CLI_ARGS_MAX);
		CHECK(strncmp(row->example, "muster ", 7) == 0 && strstr(row->example, row->noun) != NULL);
		CHECK(row->operation == NULL || strchr(row->operation, '.') != NULL);
		for (size_t k = 0; k < i && (other = ms_command_at(k)) != NULL; k++)
			CHECK(strcmp(row->noun, other->noun) != 0 || (row->verb != NULL && strcmp(row->verb, other->verb) != 0));
		for (const struct ms_cli_option *o = row->options; o != NULL && o->name != NULL; o++)
			for (const struct ms_cli_option *g = ms_global_options; g->name != NULL; g++)
				CHECK(strcmp(o->name, g->name) != 0);
	}
}
MS_TEST(the_promised_commands_are_there)
{
	static const char *const want[] = {"init", "status", "device list", "device show", "device approve", "device quarantine",
	    "device release", "device revoke", "device retire", "batch create", "batch import", "batch list", "reference capture",
	    "reference list", "policy check", "policy plan", "policy apply", "policy drift", "policy show", "change list", "change show",
	    "secret put", "secret list", "secret delete", "cert list", "cert show", "operator list", "audit verify", "audit prove",
	    "audit replay", "audit tail", "backup create", "backup restore"};
	for (size_t w = 0; w < sizeof want / sizeof *want; w++) {
		const struct ms_command *row;
		bool found = false;
		for (size_t i = 0; (row = ms_command_at(i)) != NULL; i++) {
			char name[64];
			(void)snprintf(
			    name, sizeof name, "%s%s%s", row->noun, row->verb != NULL ? " " : "", row->verb != NULL ? row->verb : "");
			found = found || strcmp(name, want[w]) == 0;
		}
		if (!found)
			fail_msg("no command %s", want[w]);
	}
}

#define PARSE(c, err, ...) \
	({ \
		const char *words[] = {"muster", __VA_ARGS__, NULL}; \
		int n = 0; \
		while (words[n] != NULL) \
			n++; \
		ms_cli_parse(c, n, (char *const *)(uintptr_t)words, err); \
	})

MS_TEST(options_and_words_mix_in_any_order)
{
	struct ms_cli c = {0};
	struct ms_err err = {0};
	CHECK_OK(PARSE(&c, &err, "--deployment", "device", "batch", "-o", "out", "create", "--id=b", "--json", "in.csv"), &err);
	CHECK(strcmp(c.command->noun, "batch") == 0 && strcmp(c.command->verb, "create") == 0);
	CHECK(c.n_args == 1 && strcmp(c.arg[0], "in.csv") == 0 && c.json);
	CHECK(strcmp(ms_cli_option(&c, "out"), "out") == 0 && strcmp(ms_cli_option(&c, "id"), "b") == 0);
	CHECK(strcmp(ms_cli_option(&c, "deployment"), "device") == 0);
}
MS_TEST(after_two_dashes_all_are_words)
{
	struct ms_cli c = {0};
	struct ms_err err = {0};
	CHECK_OK(PARSE(&c, &err, "device", "show", "--", "--json"), &err);
	CHECK(!c.json && strcmp(c.arg[0], "--json") == 0);
}
MS_TEST(wrong_command_lines_are_usage_errors)
{
	struct ms_err err = {0};
	CHECK(PARSE(&(struct ms_cli){0}, &err, "frob") == MS_ERR_USAGE);
	CHECK(PARSE(&(struct ms_cli){0}, &err, "device") == MS_ERR_USAGE);
	CHECK(PARSE(&(struct ms_cli){0}, &err, "device", "show") == MS_ERR_USAGE);
	CHECK(PARSE(&(struct ms_cli){0}, &err, "device", "show", "a", "b") == MS_ERR_USAGE);
	CHECK(PARSE(&(struct ms_cli){0}, &err, "device", "list", "--code", "x") == MS_ERR_USAGE);
	CHECK(PARSE(&(struct ms_cli){0}, &err, "device", "list", "--limit") == MS_ERR_USAGE);
	CHECK(PARSE(&(struct ms_cli){0}, &err, "device", "list", "--json=yes") == MS_ERR_USAGE);
	CHECK(PARSE(&(struct ms_cli){0}, &err, "device", "list", "-x") == MS_ERR_USAGE);
	CHECK(PARSE(&(struct ms_cli){0}, &err, "status", "-o", "x") == MS_ERR_USAGE);
}
MS_TEST(numbers_are_decimal_and_bounded)
{
	struct ms_err err = {0};
	uint64_t v = 5;
	static const char *const bad[] = {"", "0", "11", "-1", "0x2", "2 ", "99999999999999999999"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct ms_cli c = {0};
		CHECK_OK(PARSE(&c, &err, "device", "list", "--limit", bad[i]), &err);
		CHECK(ms_cli_uint(&c, "limit", 3, 1, 10, &v, &err) == MS_ERR_USAGE && v == 5);
	}
	CHECK_OK(ms_cli_uint(&(struct ms_cli){0}, "limit", 3, 1, 10, &v, &err), &err);
	CHECK_INT(v, 3);
}

/* ---- output ---- */

struct capture {
	char *text;
	size_t len;
	FILE *f;
};

static struct ms_cli
capture_cli(struct capture *k, bool json)
{
	k->f = open_memstream(&k->text, &k->len);
	assert_non_null(k->f);
	return (struct ms_cli){.json = json, .out = k->f, .errout = k->f};
}

static void
capture_end(struct capture *k)
{
	(void)fclose(k->f);
	free(k->text);
}

MS_TEST(what_came_from_elsewhere_does_not_reach_the_terminal_raw)
{
	struct capture k;
	struct ms_cli c = capture_cli(&k, false);
	static const struct ms_column cols[] = {{"a", "A", MS_COLUMN_TEXT}, {NULL, NULL, MS_COLUMN_TEXT}};
	MS_OWN(ms_json_free) json_t *rows = json_pack("[{s:s}]", "a", "x\x1b[31m\nfake row");
	CHECK_OK(ms_out_table(&c, rows, cols, NULL), NULL);
	CHECK_OK(ms_out_record(&c, json_array_get(rows, 0), NULL), NULL);
	CHECK_OK(ms_out_done(&c, NULL, "a\x1b]0;title\x07"), NULL);
	(void)fflush(k.f);
	CHECK(strchr(k.text, 0x1b) == NULL && strchr(k.text, 0x07) == NULL && strstr(k.text, "\nfake") == NULL);
	capture_end(&k);
}
MS_TEST(refusals_exit_1_on_stdout_and_as_json)
{
	struct ms_err err = {.rc = MS_ERR_DENIED, .text = "because"};
	for (int json = 0; json <= 1; json++) {
		struct capture k;
		struct ms_cli c = capture_cli(&k, json != 0);
		CHECK_INT(ms_cli_finish(&c, MS_ERR_DENIED, &err), 1);
		(void)fflush(k.f);
		CHECK(strstr(k.text, "because") != NULL);
		if (json != 0) {
			MS_OWN(ms_json_free) json_t *j = NULL;
			CHECK_OK(ms_json_parse(ms_span(k.text, k.len), 10000, &j, NULL), NULL);
			CHECK(strcmp(ms_json_text(j, "code"), "denied") == 0 && ms_json_uint(j, "exit") == 1);
		}
		capture_end(&k);
	}
}
MS_TEST(exit_status_tells_refusal_usage_and_reach_apart)
{
	struct ms_err err = {.text = "x"};
	struct capture k;
	struct ms_cli c = capture_cli(&k, false);
	CHECK_INT(ms_cli_finish(&c, MS_OK, &err), 0);
	c.refused = true;
	CHECK_INT(ms_cli_finish(&c, MS_OK, &err), 1);
	CHECK_INT(ms_cli_finish(&c, MS_ERR_USAGE, &err), 2);
	c.refused = false;
	CHECK_INT(ms_cli_finish(&c, MS_ERR_AUTH, &err), 1);
	CHECK_INT(ms_cli_finish(&c, MS_ERR_USAGE, &err), 2);
	CHECK_INT(ms_cli_finish(&c, MS_ERR_IO, &err), 2); /* our own files: no server was asked */
	CHECK_INT(ms_cli_finish(&c, MS_ERR_UNAVAILABLE, &err), 3);
	capture_end(&k);
}

/* ---- CBOR to JSON ---- */

MS_TEST(cbor_of_each_kind_becomes_json)
{
	size_t n = 0;
	uint8_t *good = test_hex("a4 00 01 61 61 42 01ff 61 62 83 f5 f6 20 61 63 62 c3a9", &n);
	MS_OWN(ms_json_free) json_t *j = NULL;
	struct ms_err err = {0};
	CHECK_OK(ms_json_from_cbor(ms_span(good, n), &j, &err), &err);
	CHECK(ms_json_uint(j, "0") == 1 && strcmp(ms_json_text(j, "a"), "01ff") == 0);
	CHECK(json_is_true(json_array_get(json_object_get(j, "b"), 0)));
	CHECK_INT(json_integer_value(json_array_get(json_object_get(j, "b"), 2)), -1);
	free(good);
}
MS_TEST(bytes_that_are_no_deterministic_cbor_become_nothing)
{
	static const char *const bad[] = {
	    "", "1800", "a2616101616101", "9f01ff", "a1a00100", "61ff", "a16161", "8101ff", "f90000", "a120 01", "1bffffffffffffffff"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		size_t n = 0;
		uint8_t *b = test_hex(bad[i], &n);
		json_t *j = NULL;
		CHECK(ms_json_from_cbor(ms_span(b, n), &j, NULL) != MS_OK);
		CHECK(j == NULL);
		free(b);
	}
}
MS_TEST(hex_members_come_back_as_bytes_or_not_at_all)
{
	MS_OWN(ms_json_free) json_t *j = json_pack("{s:s, s:s, s:i}", "ok", "00ff", "odd", "00f", "number", 3);
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	ms_buf_init(&b, 100);
	CHECK_OK(ms_json_bytes(j, "ok", &b, NULL), NULL);
	CHECK(b.len == 2 && b.p[1] == 0xff);
	CHECK(ms_json_bytes(j, "odd", &b, NULL) == MS_ERR_MALFORMED);
	CHECK(ms_json_bytes(j, "number", &b, NULL) == MS_ERR_NOT_FOUND);
	CHECK(ms_json_bytes(j, "none", &b, NULL) == MS_ERR_NOT_FOUND);
}
