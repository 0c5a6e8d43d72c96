/* Data sealed to a TPM, through muster-tpm, against real (software) TPMs. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/swtpm.h"
#include "tpm/client.h"
#include "tpm/tpm_int.h"

#define PROGRAM MS_BUILD_DIR "/src/agent/muster-tpm"
#define MASK 0x0095u /* 0,2,4,7 */
#define EXTEND_7 "tpm2_pcrextend 7:sha256=1111111111111111111111111111111111111111111111111111111111111111"
#define EXTEND_10 "tpm2_pcrextend 10:sha256=1111111111111111111111111111111111111111111111111111111111111111"

static struct ms_tpm *
begin(struct swtpm *s)
{
	struct ms_err err;
	struct ms_tpm *t = NULL;
	swtpm_start(s, false);
	const struct ms_tpm_client_params p = {.program = PROGRAM, .tcti = s->tcti, .timeout_ms = 60000};
	CHECK_OK(ms_tpm_client_open(&p, &t, &err), &err);
	return t;
}

static void
end(struct swtpm *s, struct ms_tpm *t)
{
	ms_tpm_free(t);
	swtpm_fini(s);
}

/* A bare TPM serves one at a time. */
static int
tool(const struct swtpm *s, struct ms_tpm *t, const char *command)
{
	ms_tpm_client_release(t);
	return swtpm_tool(s, command);
}

static void
secret_of(size_t len, struct ms_secret **ret)
{
	struct ms_err err;
	CHECK_OK(ms_secret_new(MS_TPM_DATA_MAX + 1, ret, &err), &err);
	for (size_t i = 0; i < len; i++)
		ms_secret_bytes(*ret)[i] = (uint8_t)(i + 1);
	ms_secret_set_len(*ret, len);
}

static void
expect_opens(struct ms_tpm *t, const struct ms_tpm_blob *blob, uint32_t mask, const struct ms_secret *want)
{
	struct ms_err err;
	MS_OWN(ms_secret_free) struct ms_secret *got = NULL;
	CHECK_OK(ms_tpm_data_unseal(t, ms_tpm_blob_span(blob), mask, &got, &err), &err);
	CHECK_INT(ms_secret_len(got), ms_secret_len(want));
	CHECK(ms_ct_eq(ms_secret_peek(got), ms_secret_peek(want), ms_secret_len(want)));
}

static void
expect_refusal(struct ms_tpm *t, struct ms_span blob, uint32_t mask, enum ms_rc want, const char *says)
{
	static int sentinel;
	struct ms_secret *got = (void *)&sentinel;
	struct ms_err err = {0};
	CHECK_INT(ms_tpm_data_unseal(t, blob, mask, &got, &err), want);
	CHECK(got == (void *)&sentinel);
	if (strstr(err.text, says) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.text, says);
}

MS_TEST(data_of_every_length_opens_and_nothing_stays_loaded)
{
	struct swtpm s;
	struct ms_tpm *t = begin(&s);
	struct ms_err err;
	static const size_t lengths[] = {1, 31, 32, 63, MS_TPM_DATA_MAX};
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		MS_OWN(ms_secret_free) struct ms_secret *secret = NULL;
		struct ms_tpm_blob blob;
		secret_of(lengths[i], &secret);
		CHECK_OK(ms_tpm_data_seal(t, secret, 0, &blob, &err), &err);
		CHECK(memmem(blob.b, blob.len, ms_secret_peek(secret), lengths[i] < 8 ? 8 : lengths[i]) == NULL);
		expect_opens(t, &blob, 0, secret);
		CHECK_OK(ms_tpm_data_seal(t, secret, MASK, &blob, &err), &err);
		expect_opens(t, &blob, MASK, secret);
	}
	ms_tpm_client_release(t);
	CHECK_INT(swtpm_loaded(&s), 0);
	end(&s, t);
}

MS_TEST(data_outside_the_bounds_is_a_usage_error)
{
	struct swtpm s;
	struct ms_tpm *t = begin(&s);
	struct ms_err err;
	struct ms_tpm_blob blob = {.len = 7};
	uint8_t big[513] = {0};
	static const size_t lengths[] = {0, MS_TPM_DATA_MAX + 1};
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		MS_OWN(ms_secret_free) struct ms_secret *secret = NULL;
		secret_of(lengths[i], &secret);
		CHECK_INT(ms_tpm_data_seal(t, secret, 0, &blob, &err), MS_ERR_USAGE);
	}
	MS_OWN(ms_secret_free) struct ms_secret *secret = NULL;
	secret_of(32, &secret);
	CHECK_INT(ms_tpm_data_seal(t, secret, 1u << 24, &blob, &err), MS_ERR_USAGE);
	CHECK_INT(blob.len, 7);
	expect_refusal(t, MS_SPAN_NONE, 0, MS_ERR_USAGE, "unseal data");
	expect_refusal(t, ms_span(big, sizeof big), 0, MS_ERR_USAGE, "unseal data");
	expect_refusal(t, ms_span(big, 100), 1u << 24, MS_ERR_USAGE, "PCR mask");
	CHECK_INT(ms_tpm_client_pid(t), 0); /* none of it was worth asking */
	end(&s, t);
}

MS_TEST(data_without_pcrs_opens_after_a_reboot_in_any_state)
{
	struct swtpm s;
	struct ms_tpm *t = begin(&s);
	struct ms_err err;
	struct ms_tpm_blob blob;
	MS_OWN(ms_secret_free) struct ms_secret *secret = NULL;
	secret_of(32, &secret);
	CHECK_OK(ms_tpm_data_seal(t, secret, 0, &blob, &err), &err);
	ms_tpm_client_release(t);
	swtpm_reboot(&s);
	CHECK_INT(tool(&s, t, EXTEND_7), 0);
	expect_opens(t, &blob, 0, secret);
	end(&s, t);
}

MS_TEST(data_sealed_to_pcrs_opens_in_that_state_only)
{
	struct swtpm s;
	struct ms_tpm *t = begin(&s);
	struct ms_err err;
	struct ms_tpm_blob blob;
	MS_OWN(ms_secret_free) struct ms_secret *secret = NULL;
	secret_of(32, &secret);
	swtpm_boot(&s, "server", "1");
	CHECK_OK(ms_tpm_data_seal(t, secret, MASK, &blob, &err), &err);
	CHECK_INT(tool(&s, t, EXTEND_10), 0); /* outside the set */
	expect_opens(t, &blob, MASK, secret);
	CHECK_INT(tool(&s, t, EXTEND_7), 0);
	expect_refusal(t, ms_tpm_blob_span(&blob), MASK, MS_ERR_DENIED, "not in the state (PCRs) that the data was sealed to");
	ms_tpm_client_release(t);
	swtpm_reboot(&s);
	expect_refusal(t, ms_tpm_blob_span(&blob), MASK, MS_ERR_DENIED, "not in the state");
	ms_tpm_client_release(t);
	swtpm_boot(&s, "server", "1");
	expect_opens(t, &blob, MASK, secret);
	end(&s, t);
}

MS_TEST(data_sealed_to_pcrs_opens_with_no_other_mask)
{
	struct swtpm s;
	struct ms_tpm *t = begin(&s);
	struct ms_err err;
	struct ms_tpm_blob with, without;
	MS_OWN(ms_secret_free) struct ms_secret *secret = NULL;
	secret_of(32, &secret);
	CHECK_OK(ms_tpm_data_seal(t, secret, MASK, &with, &err), &err);
	CHECK_OK(ms_tpm_data_seal(t, secret, 0, &without, &err), &err);
	expect_refusal(t, ms_tpm_blob_span(&with), MASK ^ 1u, MS_ERR_DENIED, "not in the state");
	expect_refusal(t, ms_tpm_blob_span(&with), 0, MS_ERR_MALFORMED, "was sealed to PCRs");
	expect_refusal(t, ms_tpm_blob_span(&without), MASK, MS_ERR_MALFORMED, "was sealed without PCRs");
	/* nor by its empty auth value: fixedTPM, fixedParent and noDA are set, userWithAuth and adminWithPolicy are not */
	static const uint8_t attributes[2][4] = {{0, 0, 4, 0x12}, {0, 0, 4, 0x52}};
	CHECK(memcmp(with.b + 6, attributes[0], 4) == 0 && memcmp(without.b + 6, attributes[1], 4) == 0);
	end(&s, t);
}

MS_TEST(data_sealed_by_one_tpm_does_not_open_on_another)
{
	struct swtpm s, s2;
	struct ms_tpm *t = begin(&s), *t2 = begin(&s2);
	struct ms_err err;
	struct ms_tpm_blob blob;
	MS_OWN(ms_secret_free) struct ms_secret *secret = NULL;
	secret_of(32, &secret);
	static const uint32_t masks[] = {0, MASK};
	for (size_t i = 0; i < 2; i++) {
		CHECK_OK(ms_tpm_data_seal(t, secret, masks[i], &blob, &err), &err);
		expect_refusal(t2, ms_tpm_blob_span(&blob), masks[i], MS_ERR_AUTH, "sealed by another TPM");
	}
	CHECK_INT(tool(&s, t, "tpm2_clear"), 0); /* a new owner seed: another TPM, for what lies beneath it */
	expect_refusal(t, ms_tpm_blob_span(&blob), MASK, MS_ERR_AUTH, "before this one was cleared");
	end(&s2, t2);
	end(&s, t);
}

MS_TEST(data_with_any_byte_changed_or_cut_is_refused)
{
	struct swtpm s;
	struct ms_tpm *t = begin(&s);
	struct ms_err err;
	struct ms_tpm_blob blob;
	MS_OWN(ms_secret_free) struct ms_secret *secret = NULL;
	secret_of(32, &secret);
	CHECK_OK(ms_tpm_data_seal(t, secret, 0, &blob, &err), &err);
	for (size_t i = 0; i < blob.len; i++) {
		struct ms_secret *got = NULL;
		blob.b[i] ^= (uint8_t)(1u << i % 8);
		enum ms_rc rc = ms_tpm_data_unseal(t, ms_tpm_blob_span(&blob), 0, &got, &err);
		if (rc != MS_ERR_AUTH && rc != MS_ERR_MALFORMED)
			fail_msg("byte %zu: %s: %s", i, ms_rc_name(rc), err.text);
		CHECK(got == NULL);
		blob.b[i] ^= (uint8_t)(1u << i % 8);
	}
	for (size_t n = 1; n < blob.len; n++)
		expect_refusal(t, ms_span(blob.b, n), 0, MS_ERR_MALFORMED, "not sealed data");
	blob.b[blob.len] = 0;
	expect_refusal(t, ms_span(blob.b, blob.len + 1), 0, MS_ERR_MALFORMED, "not sealed data");
	expect_opens(t, &blob, 0, secret); /* and the TPM is none the worse for it: no lockout */
	ms_tpm_client_release(t);
	CHECK_INT(swtpm_loaded(&s), 0);
	end(&s, t);
}
