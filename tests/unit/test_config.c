#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/cbor.h"
#include "server/config.h"

#define KEYS "keeper: {keyfile: /k, passphrase_file: /p}\nnotary: {keyfile: /k, passphrase_file: /p}\n"
#define GOOD "state_dir: /s\n" KEYS

static struct ms_config *
parse(const char *text)
{
	struct ms_config *c = NULL;
	struct ms_err err;
	CHECK_OK(ms_config_parse("m.yaml", ms_span_str(text), &c, &err), &err);
	return c;
}

static void
expect_reject(const char *text, const char *says)
{
	static int sentinel;
	struct ms_config *c = (void *)&sentinel;
	struct ms_err err = {0};
	CHECK(ms_config_parse("m.yaml", ms_span_str(text), &c, &err) != MS_OK);
	CHECK(c == (void *)&sentinel);
	if (strstr(err.text, says) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.text, says);
}

MS_TEST(config_rows_are_whole_and_their_defaults_keep_their_own_bounds)
{
	size_t n;
	const struct ms_config_row *rows = ms_config_rows(&n);
	for (size_t i = 0; i < n; i++) {
		CHECK(rows[i].doc != NULL && strlen(rows[i].doc) > 10);
		CHECK((rows[i].roles == 0) == (rows[i].role_key == NULL));
		if (rows[i].type == MS_CONFIG_UINT) {
			uint64_t v = strtoull(rows[i].absent, NULL, 10);
			CHECK(v >= rows[i].min && v <= rows[i].max);
		}
		for (size_t k = 0; k < i; k++) {
			CHECK(strcmp(rows[i].key, rows[k].key) != 0);
			CHECK((rows[i].roles & rows[k].roles) == 0 || strcmp(rows[i].role_key, rows[k].role_key) != 0);
		}
	}
}

MS_TEST(config_takes_defaults_and_what_is_set)
{
	MS_OWN(ms_config_free) struct ms_config *c = parse(GOOD "listen: [\"0.0.0.0:1\", '[::1]:2']\nlimits: {max_connections: 99}\n");
	assert_string_equal(ms_config_text(c, "state_dir"), "/s");
	assert_string_equal(ms_config_item(c, "listen", 1), "[::1]:2");
	CHECK(ms_config_item(c, "listen", 2) == NULL);
	CHECK_INT(ms_config_uint(c, "limits.max_connections"), 99);
	CHECK_INT(ms_config_uint(c, "limits.requests_burst"), 4000);
	assert_string_equal(ms_config_item(c, "server_names", 1), "127.0.0.1");
	CHECK(ms_config_text(c, "maker_roots") == NULL);
	assert_string_equal(ms_config_text(c, "log_level"), "info");
}

MS_TEST(config_refuses_wrong_values_and_names_the_place)
{
	expect_reject("", "state_dir must be set");
	expect_reject("state_dir: s\n" KEYS, "m.yaml:1: state_dir: must be an absolute path");
	expect_reject("state_dir: /s/../etc\n" KEYS, "must be an absolute path");
	expect_reject("state_dir: \"/s\\n\"\n" KEYS, "control character");
	expect_reject("state_dir: [/s]\n" KEYS, "must be one value");
	expect_reject("state_dir: \"\"\n" KEYS, "bytes of text");
	expect_reject(GOOD "net_processes: 0\n", "m.yaml:4: net_processes: must be 1 to 64");
	expect_reject(GOOD "net_processes: 65\n", "must be 1 to 64");
	expect_reject(GOOD "net_processes: two\n", "whole number");
	expect_reject(GOOD "log_level: loud\n", "error warn info debug");
	expect_reject(GOOD "log_level: err\n", "error warn info debug");
	expect_reject(GOOD "listen: 1.2.3.4:5\n", "must be a list");
	expect_reject(GOOD "listen: []\n", "the list is empty");
	expect_reject(GOOD "listen: [[a]]\n", "must be one value");
	expect_reject(GOOD "limits: {max_conections: 5}\n", "limits.max_conections: unknown key");
	expect_reject(GOOD "limits: 5\n", "limits: must be a map of keys");
	expect_reject(GOOD "limits:\n", "limits: must be a map of keys");
	expect_reject(GOOD "limits.max_connections: 99\n", "unknown key");
	expect_reject(GOOD "colour: red\n", "m.yaml:4: colour: unknown key");
}

MS_TEST(config_refuses_a_token_without_its_parts_or_with_both_kinds)
{
	expect_reject("state_dir: /s\n", "keeper: set one of");
	expect_reject("state_dir: /s\nkeeper: {keyfile: /k, passphrase_file: /p}\n", "notary: set one of");
	expect_reject("state_dir: /s\nkeeper: {keyfile: /k}\n", "keeper.passphrase_file must be set");
	expect_reject("state_dir: /s\nkeeper: {uri: \"pkcs11:token=a\"}\n", "keeper.module must be set");
	expect_reject("state_dir: /s\nkeeper: {uri: \"pkcs11:token=a\", module: /m}\n", "keeper.pin_file must be set");
	expect_reject("state_dir: /s\nkeeper: {uri: \"pkcs11:token=a\", module: /m, pin_file: /f, keyfile: /k}\n", "keeper: set one of");
	expect_reject("state_dir: /s\nkeeper: {keyfile: /k}\n", "(or keeper.tcti)");
	expect_reject(
	    "state_dir: /s\nkeeper: {keyfile: /k, passphrase_file: /p, tcti: \"device:/dev/tpmrm0\"}\n", "keeper.tcti goes with keyfile");
	expect_reject(
	    "state_dir: /s\nkeeper: {uri: \"pkcs11:token=a\", module: /m, pin_file: /f, tcti: x}\n", "keeper.tcti goes with keyfile");
	expect_reject(
	    "state_dir: /s\nkeeper: {keyfile: /k, passphrase_file: /p, tpm_pcrs: [0]}\n", "keeper.tpm_pcrs goes with keeper.tcti");
	expect_reject("state_dir: /s\nkeeper: {keyfile: /k, tcti: x, tpm_pcrs: [24]}\n", "is not one of the values");
	expect_reject("state_dir: /s\nkeeper: {keyfile: /k, tcti: x, tpm_pcrs: 7}\n", "must be a list");
	MS_OWN(ms_config_free)
	struct ms_config *c = parse(
	    "state_dir: /s\nkeeper: {uri: \"pkcs11:token=a\", module: /m, pin_file: /f}\nnotary: {keyfile: /k, passphrase_file: /p}\n");
	assert_string_equal(ms_config_text(c, "keeper.uri"), "pkcs11:token=a");
}

MS_TEST(config_takes_a_key_file_that_is_sealed_to_a_tpm)
{
	MS_OWN(ms_config_free)
	struct ms_config *c = parse("state_dir: /s\nkeeper: {keyfile: /k, tcti: \"device:/dev/tpmrm0\", tpm_pcrs: [0, 7, 23]}\n"
				    "notary: {keyfile: /k, tcti: \"swtpm:path=/run/tpm\"}\n");
	assert_string_equal(ms_config_text(c, "keeper.tcti"), "device:/dev/tpmrm0");
	assert_string_equal(ms_config_item(c, "keeper.tpm_pcrs", 2), "23");
	CHECK(ms_config_item(c, "keeper.tpm_pcrs", 3) == NULL && ms_config_item(c, "notary.tpm_pcrs", 0) == NULL);
}

/* Is `key` in the map that a role gets? */
static bool
role_has(const struct ms_config *c, enum ms_role_id role, const char *key)
{
	const struct ms_config_process p = {.role = role, .uid = 7, .gid = 7, .drop_user = true};
	struct ms_err err;
	struct ms_buf b;
	bool found = false;
	ms_buf_init(&b, 65536);
	CHECK_OK(ms_config_build(c, &p, &b, &err), &err);
	struct ms_cbor r = ms_cbor_over(ms_buf_span(&b)); /* checks the order of keys, too */
	for (size_t n = ms_cbor_read_map(&r); n > 0; n--) {
		found = ms_span_eq(ms_cbor_read_text(&r), ms_span_str(key)) || found;
		ms_cbor_skip(&r);
	}
	CHECK(ms_cbor_done(&r));
	ms_buf_fini(&b);
	return found;
}

MS_TEST(I16_a_role_is_told_only_what_is_its_own)
{
	MS_OWN(ms_config_free) struct ms_config *c = parse(GOOD);
	for (unsigned id = 0; id < MS_ROLE_COUNT; id++) {
		enum ms_role_id role = (enum ms_role_id)id;
		bool token = role == MS_ROLE_TOKEN_KEEPER || role == MS_ROLE_TOKEN_NOTARY;
		CHECK(role_has(c, role, "state_dir") && role_has(c, role, "uid") && role_has(c, role, "log_level"));
		CHECK_INT(role_has(c, role, "passphrase_file"), token);
		CHECK_INT(role_has(c, role, "max_connections"), role == MS_ROLE_NET);
		CHECK_INT(role_has(c, role, "tenants"), role == MS_ROLE_CORE);
		CHECK(!role_has(c, role, "pin_file"));
	}
}
