/* What the agent keeps, builds and delivers. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/backoff.h"
#include "agent/csr.h"
#include "agent/deliver.h"
#include "agent/machine.h"
#include "agent/state.h"
#include "codec/der.h"
#include "crypto/key.h"

static char dir[64];

static void
make_dir(void)
{
	(void)snprintf(dir, sizeof dir, "/tmp/muster-agent-unit-XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
}

static void
remove_dir(void)
{
	char line[96];
	(void)snprintf(line, sizeof line, "rm -r %s", dir);
	CHECK_INT(system(line), 0); /* NOLINT: a test's own fixed words */
}

static const uint8_t salt[MS_AGENT_SALT_LEN] = {1, 2, 3};

static struct ms_agent_fields
some_fields(void)
{
	return (struct ms_agent_fields){.server = ms_span_str("https://h:1"),
	    .tenant = ms_span_str("default"),
	    .ak_salt = ms_span(salt, sizeof salt),
	    .status = ms_span_str("new"),
	    .seen_s = 7};
}

MS_TEST(state_comes_back_as_it_was_saved_and_files_are_for_the_owner_only)
{
	struct ms_agent_state *s = NULL;
	struct ms_agent_record r;
	struct ms_err err;
	struct stat st;
	char path[96];
	make_dir();
	CHECK_OK(ms_agent_state_open(dir, true, &s, &err), &err);
	CHECK_INT(ms_agent_state_load(s, &r, NULL), MS_ERR_NOT_FOUND);
	struct ms_agent_fields f = some_fields();
	CHECK_OK(ms_agent_state_save(s, &f, &err), &err);
	CHECK_OK(ms_agent_state_load(s, &r, &err), &err);
	CHECK(ms_span_eq(r.f.server, f.server) && ms_span_eq(r.f.ak_salt, f.ak_salt) && r.f.seen_s == 7 && r.f.device.len == 0);
	ms_agent_record_fini(&r);
	(void)snprintf(path, sizeof path, "%s/agent.cbor", dir);
	CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
	ms_agent_state_free(s);
	remove_dir();
}

MS_TEST(state_directory_that_others_can_enter_is_refused)
{
	struct ms_agent_state *s = NULL;
	make_dir();
	CHECK(chmod(dir, 0755) == 0);
	CHECK_INT(ms_agent_state_open(dir, true, &s, NULL), MS_ERR_AUTH);
	CHECK(s == NULL);
	remove_dir();
}

MS_TEST(state_that_is_not_there_says_to_enroll)
{
	struct ms_agent_state *s = NULL;
	struct ms_err err;
	CHECK_INT(ms_agent_state_open("/tmp/muster-agent-unit-none", false, &s, &err), MS_ERR_NOT_FOUND);
	CHECK(strstr(err.text, "enroll") != NULL);
}

MS_TEST(state_bytes_cut_anywhere_or_longer_are_refused)
{
	struct ms_agent_state *s = NULL;
	struct ms_agent_record r;
	struct ms_err err;
	struct ms_buf b;
	make_dir();
	struct ms_agent_fields f = some_fields();
	CHECK_OK(ms_agent_state_open(dir, true, &s, &err), &err);
	CHECK_OK(ms_agent_state_save(s, &f, &err), &err);
	ms_buf_init(&b, 4096);
	CHECK_OK(ms_agent_state_read(s, "agent.cbor", 4096, &b, &err), &err);
	for (size_t n = 0; n < b.len; n++) {
		uint8_t *cut = test_dup(b.p, n);
		CHECK(ms_agent_record_parse(ms_span(cut, n), &r, NULL) != MS_OK);
		free(cut);
	}
	ms_buf_u8(&b, 0);
	CHECK(ms_agent_record_parse(ms_buf_span(&b), &r, NULL) != MS_OK);
	ms_buf_fini(&b);
	ms_agent_state_free(s);
	remove_dir();
}

MS_TEST(I14_kept_secret_comes_back_with_its_version_and_never_under_another_path)
{
	struct ms_agent_state *s = NULL;
	struct ms_agent_secret got;
	struct ms_buf mem;
	struct ms_err err;
	const struct ms_agent_secret k = {.path = ms_span_str("a/b"),
	    .version = 5,
	    .statement = ms_span_str("sealed"),
	    .salt = ms_span(salt, sizeof salt),
	    .mask = 0x80,
	    .key = ms_span_str("key"),
	    .leaf = ms_span(salt, 32)};
	make_dir();
	ms_buf_init(&mem, MS_AGENT_SECRET_MAX);
	CHECK_OK(ms_agent_state_open(dir, true, &s, &err), &err);
	CHECK_OK(ms_agent_secret_save(s, &k, &err), &err);
	CHECK_OK(ms_agent_secret_load(s, k.path, &mem, &got, &err), &err);
	CHECK(got.version == 5 && ms_span_eq(got.statement, k.statement));
	CHECK_INT(ms_agent_secret_load(s, ms_span_str("a/c"), &mem, &got, NULL), MS_ERR_NOT_FOUND);
	ms_buf_fini(&mem);
	ms_agent_state_free(s);
	remove_dir();
}

MS_TEST(I9_secret_is_not_written_to_a_disk)
{
	struct ms_secret *value = NULL;
	struct ms_err err;
	char path[96], out[200];
	make_dir();
	CHECK_OK(ms_secret_from("x", 1, &value, &err), &err);
	(void)snprintf(path, sizeof path, "%s/file", dir);
	CHECK_INT(ms_deliver_file(path, value, &err), MS_ERR_DENIED);
	CHECK(strstr(err.text, "mount -t ramfs") != NULL && access(path, F_OK) != 0);
	CHECK_INT(ms_deliver_below(dir, ms_span_str("a/b"), value, out, sizeof out, &err), MS_ERR_DENIED);
	CHECK_INT(ms_deliver_file("/tmp/muster-none/file", value, NULL), MS_ERR_NOT_FOUND);
	CHECK_INT(ms_deliver_file("/tmp/", value, NULL), MS_ERR_USAGE);
	ms_secret_free(value);
	remove_dir();
}

static enum ms_rc
sign(void *ctx, const uint8_t digest[static 32], uint8_t sig[static 64], struct ms_err *err)
{
	return ms_softkey_sign_digest(ctx, digest, sig, err);
}

MS_TEST(csr_parses_and_its_signature_is_by_its_own_key)
{
	struct ms_softkey *k = NULL;
	struct ms_csr csr;
	struct ms_buf b;
	struct ms_err err;
	uint8_t raw[64];
	ms_buf_init(&b, MS_AGENT_CSR_MAX);
	CHECK_OK(ms_softkey_generate(MS_KEY_P256, &k, &err), &err);
	CHECK_OK(ms_agent_csr_build(ms_pubkey_point(ms_softkey_public(k)).p, sign, k, &b, &err), &err);
	CHECK_OK(ms_der_csr_parse(ms_buf_span(&b), &csr, &err), &err);
	CHECK(ms_span_eq(csr.spki, ms_pubkey_spki(ms_softkey_public(k))) && csr.attributes.len == 0);
	CHECK_OK(ms_der_ecdsa_parse(csr.signature, raw, &err), &err);
	CHECK_OK(ms_pubkey_verify(ms_softkey_public(k), MS_SIG_ECDSA_SHA256, csr.info, ms_span(raw, 64), &err), &err);
	ms_buf_fini(&b);
	ms_softkey_free(k);
}

MS_TEST(pem_has_lines_of_64_letters)
{
	static const uint8_t der[100] = {0x30};
	struct ms_buf b;
	ms_buf_init(&b, 1024);
	ms_agent_pem(ms_span(der, sizeof der), &b);
	ms_buf_u8(&b, 0);
	CHECK(strncmp((char *)b.p, "-----BEGIN CERTIFICATE-----\nMAAA", 32) == 0);
	CHECK(b.p[28 + 64] == '\n' && strstr((char *)b.p, "\n-----END CERTIFICATE-----\n") != NULL);
	ms_buf_fini(&b);
}

MS_TEST(names_are_cleaned_to_what_a_server_takes)
{
	static const char *const rows[][2] = {
	    {"Web-01.Example", "web-01.example"}, {"a b/c", "a-b-c"}, {"..-x", "x"}, {"", "unknown"}, {"---", "unknown"}};
	char out[MS_MACHINE_TEXT_MAX + 1], big[300];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ms_machine_clean_name(rows[i][0], out);
		assert_string_equal(out, rows[i][1]);
	}
	memset(big, 'A', sizeof big);
	big[sizeof big - 1] = '\0';
	ms_machine_clean_name(big, out);
	CHECK(strlen(out) == MS_MACHINE_TEXT_MAX && ms_name_ok(ms_span_str(out), MS_MACHINE_TEXT_MAX));
}

MS_TEST(waits_double_up_to_the_cap_and_stay_within_half_of_it)
{
	struct ms_backoff b = {.first_ms = 1000, .max_ms = 300000};
	uint64_t whole = 1000;
	for (unsigned i = 0; i < 100; i++) {
		uint64_t ms = ms_backoff_next_ms(&b);
		CHECK(ms <= whole && ms >= whole / 2);
		whole = whole * 2 > 300000 ? 300000 : whole * 2;
	}
}
