/* Keys in a file that is sealed to a (software) TPM: as a library, and by the process in its cage. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "server/sandbox.h"
#include "server/token/client.h"
#include "server/token/generate.h"
#include "server/token/tpmfile.h"
#include "support/deployment.h"
#include "support/swtpm.h"
#include "support/test.h"

#define TOKEN_PROGRAM MS_BUILD_DIR "/src/server/token/muster-token"
#define TPM_PROGRAM MS_BUILD_DIR "/src/agent/muster-tpm"
#define MASK 0x0095u /* 0,2,4,7 */
#define EXTEND_7 "tpm2_pcrextend 7:sha256=1111111111111111111111111111111111111111111111111111111111111111"

/* A TPM, a key file that is sealed to it, and a directory of programs as it is installed. */
struct stand {
	struct swtpm s;
	char keyfile[128], state[128], token[128];
	struct ms_token_config config;
	uint8_t release[MS_POINT_LEN];
};

static void
begin(struct stand *d, uint32_t pcrs)
{
	struct ms_err err;
	char tpm[128];
	memset(d, 0, sizeof *d);
	swtpm_start(&d->s, false);
	swtpm_boot(&d->s, "server", "1");
	(void)snprintf(d->keyfile, sizeof d->keyfile, "%s/keys", d->s.dir);
	(void)snprintf(d->state, sizeof d->state, "%s/token-keeper", d->s.dir);
	(void)snprintf(d->token, sizeof d->token, "%s/token-keeper/muster-token", d->s.dir);
	(void)snprintf(tpm, sizeof tpm, "%s/token-keeper/muster-tpm", d->s.dir);
	CHECK_INT(mkdir(d->state, 0700), 0);
	CHECK_INT(symlink(TOKEN_PROGRAM, d->token), 0);
	CHECK_INT(symlink(TPM_PROGRAM, tpm), 0);
	d->config = (struct ms_token_config){.keyfile = d->keyfile, .tcti = d->s.tcti, .tpm_program = TPM_PROGRAM, .tpm_pcrs = pcrs};
	MS_OWN(ms_token_free) struct ms_token *t = NULL;
	CHECK_OK(ms_token_generate(&d->config, MS_SLOTS_KEEPER, &t, &err), &err);
	assert_string_equal(ms_token_backend(t), "tpm");
	memcpy(d->release, ms_pubkey_point(ms_token_public(t, MS_SLOT_RELEASE)).p, sizeof d->release);
	d->config.tpm_pcrs = 0;
}

static void
end(struct stand *d)
{
	swtpm_fini(&d->s);
}

static void
expect_opens(const struct ms_token_config *c, const uint8_t release[static MS_POINT_LEN])
{
	struct ms_err err;
	uint8_t digest[32] = {1}, sig[MS_SIG_LEN];
	MS_OWN(ms_token_free) struct ms_token *t = NULL;
	CHECK_OK(ms_token_prepare(c, &t, &err), &err);
	CHECK_OK(ms_token_start(t, MS_SLOTS_KEEPER, &err), &err);
	CHECK(memcmp(ms_pubkey_point(ms_token_public(t, MS_SLOT_RELEASE)).p, release, MS_POINT_LEN) == 0);
	CHECK_OK(ms_token_sign(t, MS_SLOT_RELEASE, ms_span(digest, 32), sig, &err), &err);
}

static void
expect_refusal(const struct ms_token_config *c, enum ms_rc want, const char *says)
{
	static int sentinel;
	struct ms_err err = {0};
	struct ms_token *t = (void *)&sentinel;
	CHECK_INT(ms_token_prepare(c, &t, &err), want);
	CHECK(t == (void *)&sentinel);
	if (strstr(err.text, says) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.text, says);
}

/* muster-token as the supervisor starts it. *ret_fd is the owner's end. */
static void
start(const struct stand *d, const char *tcti, const char *const *pcrs, struct roleproc *p, int *ret_fd)
{
	const struct role_pair pairs[] = {{.key = "state_dir", .text = d->state}, {.key = "deployment_dir", .text = d->state},
	    {.key = "keyfile", .text = d->keyfile}, {.key = "tcti", .text = tcti}, {.key = "tpm_pcrs", .list = pcrs}};
	int pair[2];
	socket_pair(pair);
	roleproc_start(p, d->token, "token-keeper", pairs, sizeof pairs / sizeof *pairs, &pair[1], 1);
	*ret_fd = pair[0];
}

static void
expect_serves(const struct stand *d, const char *const *pcrs)
{
	struct ms_err err;
	struct roleproc p;
	struct ms_token_client *c = NULL;
	uint8_t sig[MS_SIG_LEN];
	int fd;
	start(d, d->s.tcti, pcrs, &p, &fd);
	CHECK(roleproc_ready(&p, 60000));
	CHECK_OK(ms_token_client_new(fd, MS_SLOTS_KEEPER, &c, &err), &err);
	CHECK(memcmp(ms_pubkey_point(ms_token_client_public(c, MS_SLOT_RELEASE)).p, d->release, MS_POINT_LEN) == 0);
	struct ms_signer s = ms_token_client_signer(c, MS_SLOT_RELEASE);
	CHECK_OK(ms_signer_sign(&s, ms_span_str("a message"), sig, &err), &err);
	CHECK_INT(swtpm_tool(&d->s, "tpm2_getrandom 4"), 0); /* it has let go of the TPM: this would wait for ever */
	CHECK_INT(swtpm_loaded(&d->s), 0);
	ms_token_client_free(c);
	CHECK_INT(roleproc_wait(&p, 5000), 0);
}

static void
expect_dies(const struct stand *d, const char *tcti, const char *const *pcrs, enum ms_rc want)
{
	struct roleproc p;
	int fd;
	start(d, tcti, pcrs, &p, &fd);
	CHECK(!roleproc_ready(&p, 60000));
	CHECK_INT(roleproc_wait(&p, 5000), ms_rc_exit(want));
	(void)close(fd);
}

static const char *const no_pcrs[] = {NULL}, *const same_pcrs[] = {"0", "2", "4", "7", NULL}, *const other_pcrs[] = {"0", NULL};

MS_TEST(process_serves_from_a_file_that_opens_after_a_reboot_in_any_state)
{
	struct stand d;
	begin(&d, 0);
	expect_serves(&d, no_pcrs);
	swtpm_reboot(&d.s); /* PCRs are zero now */
	expect_serves(&d, no_pcrs);
	CHECK_INT(swtpm_tool(&d.s, EXTEND_7), 0);
	expect_opens(&d.config, d.release);
	end(&d);
}

MS_TEST(file_sealed_to_pcrs_opens_in_that_state_only)
{
	struct stand d;
	begin(&d, MASK);
	expect_serves(&d, same_pcrs);
	expect_serves(&d, no_pcrs); /* what the file says counts */
	expect_dies(&d, d.s.tcti, other_pcrs, MS_ERR_USAGE);
	d.config.tpm_pcrs = 1;
	expect_refusal(&d.config, MS_ERR_USAGE, "sealed to PCRs 0,2,4,7, and tpm_pcrs says 0");
	d.config.tpm_pcrs = MASK;
	CHECK_INT(swtpm_tool(&d.s, EXTEND_7), 0);
	expect_refusal(&d.config, MS_ERR_DENIED, "not in the state (PCRs) that the data was sealed to");
	expect_dies(&d, d.s.tcti, same_pcrs, MS_ERR_DENIED);
	swtpm_reboot(&d.s);
	swtpm_boot(&d.s, "server", "1");
	expect_opens(&d.config, d.release);
	end(&d);
}

MS_TEST(file_opens_beneath_the_cage_that_a_role_inherits)
{
	struct stand d;
	int status = -1;
	begin(&d, MASK);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		struct ms_err err = {0};
		struct ms_token *t = NULL;
		const struct ms_sandbox cage = {.profile = MS_SANDBOX_SUPERVISOR, .development = true};
		enum ms_rc rc = ms_sandbox_enter(&cage, &err);
		if (rc == MS_OK)
			rc = ms_token_prepare(&d.config, &t, &err);
		if (rc != MS_OK)
			print_error("%s\n", err.text);
		_exit(rc == MS_OK ? 0 : 1);
	}
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK_INT(status, 0);
	end(&d);
}

MS_TEST(file_sealed_by_one_tpm_does_not_open_on_another)
{
	struct stand d;
	struct swtpm other;
	begin(&d, 0);
	swtpm_start(&other, false);
	d.config.tcti = other.tcti;
	expect_refusal(&d.config, MS_ERR_AUTH, "it was sealed by another TPM");
	expect_refusal(&d.config, MS_ERR_AUTH, d.keyfile);
	expect_dies(&d, other.tcti, no_pcrs, MS_ERR_AUTH);
	swtpm_fini(&other);
	d.config.tcti = "swtpm:host=127.0.0.1,port=1";
	expect_refusal(&d.config, MS_ERR_UNAVAILABLE, "cannot open");
	d.config.tcti = "cmd:true";
	expect_refusal(&d.config, MS_ERR_USAGE, "TPM");
	d.config.tcti = d.s.tcti;
	d.config.tpm_program = "/nonexistent/muster-tpm";
	expect_refusal(&d.config, MS_ERR_UNAVAILABLE, "cannot run /nonexistent/muster-tpm");
	end(&d);
}

MS_TEST(generate_refuses_where_a_file_is_and_a_missing_file_is_not_found)
{
	struct stand d;
	struct ms_err err;
	struct ms_token *none = NULL;
	begin(&d, 0);
	CHECK_INT(ms_token_generate(&d.config, MS_SLOTS_KEEPER, &none, &err), MS_ERR_CONFLICT);
	CHECK(none == NULL);
	struct stat st;
	CHECK_INT(stat(d.keyfile, &st), 0);
	CHECK_INT(st.st_mode & 0777, 0600);
	CHECK_INT(unlink(d.keyfile), 0);
	MS_OWN(ms_token_free) struct ms_token *t = NULL;
	CHECK_OK(ms_token_prepare(&d.config, &t, &err), &err);
	CHECK_INT(ms_token_start(t, MS_SLOTS_KEEPER, &err), MS_ERR_NOT_FOUND);
	CHECK(access(d.keyfile, F_OK) != 0); /* reading makes nothing */
	end(&d);
}

MS_TEST(keys_of_other_slots_are_not_in_the_file)
{
	struct stand d;
	struct ms_err err;
	begin(&d, 0);
	MS_OWN(ms_token_free) struct ms_token *t = NULL;
	CHECK_OK(ms_token_prepare(&d.config, &t, &err), &err);
	CHECK_INT(ms_token_start(t, MS_SLOTS_KEEPER | MS_SLOTS_NOTARY, &err), MS_ERR_NOT_FOUND);
	end(&d);
}

MS_TEST(a_tpm_beside_a_passphrase_or_a_pkcs11_token_is_a_usage_error)
{
	const struct ms_token_config bad[] = {{.keyfile = "/k", .passphrase_file = "/p", .tcti = "device:/dev/tpm0"},
	    {.uri = "pkcs11:token=a", .module = "/m", .pin_file = "/p", .tcti = "device:/dev/tpm0"}, {.tcti = "device:/dev/tpm0"}};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		expect_refusal(&bad[i], MS_ERR_USAGE, "token: ");
}

MS_TEST(a_changed_byte_anywhere_in_the_file_is_refused)
{
	struct stand d;
	struct ms_err err;
	begin(&d, 0);
	MS_OWN(ms_buf_fini) struct ms_buf b;
	ms_buf_init(&b, MS_TPMFILE_MAX);
	CHECK_OK(ms_io_read_file(d.keyfile, MS_TPMFILE_MAX, &b, &err), &err);
	for (size_t i = 0; i < b.len; i += 11) {
		MS_OWN(ms_token_free) struct ms_token *t = NULL;
		b.p[i] ^= (uint8_t)(1u << i % 8);
		CHECK_OK(ms_io_write_file(d.keyfile, 0600, ms_buf_span(&b), &err), &err);
		enum ms_rc rc = ms_token_prepare(&d.config, &t, &err);
		if (rc == MS_OK)
			rc = ms_token_start(t, MS_SLOTS_KEEPER, &err);
		if (rc != MS_ERR_AUTH && rc != MS_ERR_MALFORMED && rc != MS_ERR_UNSUPPORTED && rc != MS_ERR_DENIED)
			fail_msg("byte %zu: %s: %s", i, ms_rc_name(rc), err.text);
		b.p[i] ^= (uint8_t)(1u << i % 8);
	}
	CHECK_OK(ms_io_write_file(d.keyfile, 0600, ms_buf_span(&b), &err), &err);
	expect_opens(&d.config, d.release);
	end(&d);
}

/* ---- the header ---- */

static size_t
make_header(uint8_t *w)
{
	static const uint8_t head[] = {'M', 'U', 'S', 'T', 'E', 'R', 'T', 'F', 1, 2, 'a', 'b', 0, 0, 0, 0x95};
	memset(w, 7, 64);
	memcpy(w, head, sizeof head);
	w[28] = 0, w[29] = 3; /* after the IV: the sealed key's length */
	return sizeof head + 12 + 2 + 3 + 16;
}

static void
expect_no_header(const uint8_t *p, size_t n, enum ms_rc want)
{
	uint8_t *w = test_dup(p, n);
	struct ms_tpmfile_header h, before;
	memset(&h, 0x5a, sizeof h);
	memcpy(&before, &h, sizeof h);
	CHECK_INT(ms_tpmfile_parse(ms_span(w, n), &h, NULL), want);
	CHECK(memcmp(&h, &before, sizeof h) == 0);
	free(w);
}

MS_TEST(I10_header_is_one_sequence_of_bytes_and_bounded)
{
	uint8_t w[64];
	struct ms_tpmfile_header h;
	struct ms_err err;
	size_t n = make_header(w);
	CHECK_OK(ms_tpmfile_parse(ms_span(w, n), &h, &err), &err);
	CHECK(h.pcrs == 0x95 && h.label.len == 2 && h.sealed.len == 3 && h.ct.len == 16 && h.header.len + 16 == n);
	for (size_t k = 0; k < n; k++)
		expect_no_header(w, k, MS_ERR_MALFORMED);
	for (unsigned v = 0; v < 256; v++) {
		w[8] = (uint8_t)v;
		if (v != 1)
			expect_no_header(w, n, MS_ERR_UNSUPPORTED);
	}
	static const struct {
		size_t at;
		uint8_t value;
	} rows[] = {{0, 'm'}, {7, 'K'}, {9, 0}, {9, 255}, {10, '/'}, {11, 0}, {12, 1}, {28, 2}, {29, 0}, {29, 255}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		(void)make_header(w);
		w[rows[i].at] = rows[i].value;
		expect_no_header(w, n, MS_ERR_MALFORMED);
	}
	uint8_t *big = calloc(1, MS_TPMFILE_MAX + 1);
	CHECK(big != NULL);
	expect_no_header(big, MS_TPMFILE_MAX + 1, MS_ERR_TOO_BIG);
	(void)make_header(big);
	expect_no_header(big, MS_TPMFILE_MAX, MS_ERR_TOO_BIG); /* more inside than there can be */
	free(big);
}
