/* A log comes from the machine that it speaks of. These tests change logs as its owner could: data under a digest that stays, types,
 * which no digest covers, and events that are extended after the boot; and hold that nothing is proven that was not. */
#include "support/bootclaims.h"

#include "codec/uefi.h"

#define CMDLINE "/vmlinuz root=/dev/vda2 quiet"
#define EVIL_PROGRAM "1a5a75ccb51bc05f4e1390b4b49ea24ee3c8668136d85c344ca056c6b7f0b375" /* of "MZ\x90\0evil" */
#define EVIL_SECTION "e66219e99ba9097ae12d97721257349977ee7ec503b31b488ab78cea1941df51" /* of ".x evil" as UTF-16 */
#define EVIL_DIGEST "b5c1fb2efc6d6b4674c2fdcc48ce01b43a3b7c03763c0c3355de0099ee0f8c73"  /* of "evil" */
#define NAME_DIGEST "461203a89f23e36c3a4dc817f905b00484d2cf7e7d9376f13df91c41d84abe46"  /* of ".cmdline" and its NUL */

/* Claims that follow from digests alone, and so stay true of changed data: more of them may be proven, never less. */
static bool
is_of_digests(const char *name)
{
	static const char *const names[] = {"boot.mismatched", "boot.image.digest", "boot.driver.digest", "boot.drivers",
	    "boot.firmware.digest", "boot.file.digest", "boot.loader.digest", "boot.separator-error", "boot.separators"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static bool
has_proven(const struct ms_claims *c, const struct ms_claim *want)
{
	size_t from = 0;
	const struct ms_claim *one;
	while ((one = ms_claims_next(c, ms_span_str(want->name->name), &from)) != NULL)
		if (one->proven && one->number == want->number && ms_span_eq(one->bytes, want->bytes))
			return true;
	return false;
}

/* Everything that the changed log proves, the honest one proves. */
static void
expect_nothing_new(const struct ms_claims *honest, struct ms_span changed, const char *what, size_t at)
{
	struct ms_err err = {.text = ""};
	MS_OWN(ms_claims_free) struct ms_claims *c = claims_of(changed, MS_TPM_ALG_SHA256, &err);
	for (size_t i = 0; c != NULL && i < ms_claims_count(c); i++) {
		const struct ms_claim *one = ms_claims_at(c, i);
		char text[MS_CLAIM_VALUE_MAX + 1];
		if (!one->proven || is_of_digests(one->name->name) || has_proven(honest, one))
			continue;
		ms_claim_text(one, text, sizeof text);
		fail_msg("%s %zu: proves %s = %.80s", what, at, one->name->name, text);
	}
}

MS_TEST(I13_bootlog_whose_data_is_changed_under_its_digests_proves_nothing_new)
{
	static const char *const variants[] = {"good", "banks"};
	for (size_t v = 0; v < 2; v++) {
		MS_OWN(test_log_free) struct test_log l = recorded_log(variants[v]);
		MS_OWN(ms_bootlog_free) struct ms_bootlog *b = NULL;
		struct ms_err err = {.text = ""};
		MS_OWN(ms_claims_free) struct ms_claims *honest = claims_of(log_span(&l), MS_TPM_ALG_SHA256, &err);
		CHECK_INT(ms_bootlog_load(log_span(&l), NULL, MS_EVENTLOG_ANY, MS_TPM_ALG_SHA256, &b, NULL), MS_OK);
		for (size_t i = 0; i < b->n; i++)
			for (size_t k = 0; k < b->event[i].data.len; k += k < 80 ? 1 : 41) {
				uint8_t *byte = l.p + b->event[i].data_offset + k, before = *byte;
				*byte ^= (uint8_t)(1u << ((i + k) % 8));
				expect_nothing_new(honest, log_span(&l), "byte", b->event[i].data_offset + k);
				*byte = before;
			}
	}
}

MS_TEST(I13_bootlog_whose_types_are_changed_proves_nothing_new)
{
	static const uint32_t types[] = {0, 1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 0x80000001, 0x80000002, 0x80000003,
	    0x80000004, 0x80000005, 0x80000006, 0x80000007, 0x80000008, 0x80000009, 0x8000000a, 0x8000000b, 0x8000000c, 0x8000000d,
	    0x80000010, 0x800000e0, 0x800000e1, 0x7fffffff};
	MS_OWN(test_log_free) struct test_log l = recorded_log("good");
	MS_OWN(ms_bootlog_free) struct ms_bootlog *b = NULL;
	struct ms_err err = {.text = ""};
	MS_OWN(ms_claims_free) struct ms_claims *honest = claims_of(log_span(&l), MS_TPM_ALG_SHA256, &err);
	CHECK_INT(ms_bootlog_load(log_span(&l), NULL, MS_EVENTLOG_ANY, MS_TPM_ALG_SHA256, &b, NULL), MS_OK);
	for (size_t i = 1; i < b->n; i++)
		for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
			uint8_t *at = l.p + b->event[i].offset + 4, before[4];
			memcpy(before, at, 4);
			for (unsigned k = 0; k < 4; k++)
				at[k] = (uint8_t)(types[t] >> 8 * k);
			expect_nothing_new(honest, log_span(&l), "type of event", i);
			memcpy(at, before, 4);
		}
}

MS_TEST(I13_bootlog_event_hidden_as_one_that_extends_nothing_leaves_its_pcr_unexplained)
{
	MS_OWN(test_log_free) struct test_log l = recorded_log("good");
	MS_OWN(ms_bootlog_free) struct ms_bootlog *b = NULL;
	struct ms_bootlog_replay r;
	CHECK_INT(ms_bootlog_load(log_span(&l), NULL, MS_EVENTLOG_ANY, MS_TPM_ALG_SHA256, &b, NULL), MS_OK);
	for (size_t i = 1; i < b->n; i++) {
		uint8_t *at = l.p + b->event[i].offset + 4, before[4];
		memcpy(before, at, 4);
		memcpy(at, "\x03\0\0\0", 4);
		CHECK_INT(ms_bootlog_replay(log_span(&l), NULL, MS_EVENTLOG_ANY, &r, NULL), MS_OK);
		CHECK_INT(ms_bootlog_unexplained(&r, &b->pcrs, b->pcrs.mask), UINT32_C(1) << b->event[i].pcr);
		memcpy(at, before, 4);
	}
}

/* ---- logs made for one attack each ---- */

static void
put_config(struct ms_buf *log, enum ms_uefi_vendor vendor, const char *name, struct ms_span value, uint32_t type)
{
	MS_OWN(ms_buf_fini) struct ms_buf v;
	ms_buf_init(&v, 65536);
	put_variable(&v, ms_uefi_vendor_guid(vendor), name, value);
	put_own_event(log, 7, type, ms_buf_span(&v));
}

static void
put_secure_boot(struct ms_buf *log, bool on, uint32_t type)
{
	put_config(log, MS_UEFI_GLOBAL, "SecureBoot", ms_span(on ? "\1" : "\0", 1), type);
}

static struct ms_claims *
claims_in(const struct ms_buf *log)
{
	struct ms_err err = {.text = ""};
	struct ms_claims *c = claims_of(ms_buf_span(log), MS_TPM_ALG_SHA256, &err);
	if (c == NULL)
		fail_msg("%s", err.text);
	return c;
}

static void
expect_secure_boot(const struct ms_buf *log, const char *want)
{
	MS_OWN(ms_claims_free) struct ms_claims *claims = claims_in(log);
	EXPECT("boot.secure-boot", want);
}

MS_TEST(bootlog_secure_boot_is_taken_from_before_the_separator_only)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	begin_log(&b, MS_TPM_ALG_SHA256);
	put_secure_boot(&b, false, MS_EV_EFI_VARIABLE_DRIVER_CONFIG);
	expect_secure_boot(&b, "false (unproven)"); /* no separator yet */
	put_separator(&b, 7);
	expect_secure_boot(&b, "false");
	put_secure_boot(&b, true, MS_EV_EFI_VARIABLE_DRIVER_CONFIG); /* extended by whoever ran later */
	expect_secure_boot(&b, "false");
}

MS_TEST(I13_bootlog_secure_boot_event_that_is_hidden_and_extended_anew_is_not_proven)
{
	static const uint32_t hides[] = {
	    MS_EV_EVENT_TAG, MS_EV_EFI_ACTION, MS_EV_EFI_VARIABLE_BOOT, MS_EV_EFI_VARIABLE_AUTHORITY, MS_EV_IPL, 0x1234};
	for (size_t i = 0; i < sizeof hides / sizeof *hides; i++) {
		MS_OWN(ms_buf_fini) struct ms_buf b;
		begin_log(&b, MS_TPM_ALG_SHA256);
		put_secure_boot(&b, false, hides[i]); /* its type, to hide it */
		put_separator(&b, 7);
		put_secure_boot(&b, true, MS_EV_EFI_VARIABLE_DRIVER_CONFIG);
		expect_secure_boot(&b, "absent");
		ms_buf_fini(&b);
		begin_log(&b, MS_TPM_ALG_SHA256);
		put_event(&b, MS_TPM_ALG_SHA256, 7, hides[i], ms_span("was off", 7), ms_span("x", 1)); /* its data */
		put_secure_boot(&b, true, MS_EV_EFI_VARIABLE_DRIVER_CONFIG);
		put_separator(&b, 7);
		expect_secure_boot(&b, "true (unproven)");
	}
}

MS_TEST(bootlog_that_says_secure_boot_twice_and_differently_proves_neither)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	begin_log(&b, MS_TPM_ALG_SHA256);
	put_secure_boot(&b, true, MS_EV_EFI_VARIABLE_DRIVER_CONFIG);
	put_secure_boot(&b, false, MS_EV_EFI_VARIABLE_DRIVER_CONFIG);
	put_separator(&b, 7);
	expect_secure_boot(&b, "false (unproven)");
}

MS_TEST(bootlog_whose_firmware_measures_values_without_names_proves_no_variable)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	MS_OWN(ms_buf_fini) struct ms_buf v;
	begin_log(&b, MS_TPM_ALG_SHA256);
	ms_buf_init(&v, 256);
	put_variable(&v, ms_uefi_vendor_guid(MS_UEFI_GLOBAL), "SecureBoot", ms_span("\1", 1));
	put_event(&b, MS_TPM_ALG_SHA256, 7, MS_EV_EFI_VARIABLE_DRIVER_CONFIG, ms_span("\1", 1), ms_buf_span(&v));
	put_separator(&b, 7);
	expect_secure_boot(&b, "true (unproven)");
}

MS_TEST(bootlog_variable_of_another_vendor_says_nothing)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	begin_log(&b, MS_TPM_ALG_SHA256);
	put_config(&b, MS_UEFI_LOADER, "SecureBoot", ms_span("\1", 1), MS_EV_EFI_VARIABLE_DRIVER_CONFIG);
	put_config(&b, MS_UEFI_GLOBAL, "SecureBoo", ms_span("\1", 1), MS_EV_EFI_VARIABLE_DRIVER_CONFIG);
	put_config(&b, MS_UEFI_GLOBAL, "SecureBoot", ms_span("\1\1", 2), MS_EV_EFI_VARIABLE_DRIVER_CONFIG);
	put_separator(&b, 7);
	expect_secure_boot(&b, "absent");
}

MS_TEST(bootlog_event_in_another_pcr_says_nothing)
{
	for (unsigned pcr = 0; pcr < 24; pcr++) {
		MS_OWN(ms_buf_fini) struct ms_buf b;
		MS_OWN(ms_buf_fini) struct ms_buf v;
		MS_OWN(ms_claims_free) struct ms_claims *claims = NULL;
		begin_log(&b, MS_TPM_ALG_SHA256);
		ms_buf_init(&v, 256);
		put_variable(&v, ms_uefi_vendor_guid(MS_UEFI_GLOBAL), "SecureBoot", ms_span("\1", 1));
		put_own_event(&b, pcr, MS_EV_EFI_VARIABLE_DRIVER_CONFIG, ms_buf_span(&v));
		put_own_event(&b, pcr, MS_EV_EFI_ACTION, ms_span_str("Exit Boot Services Returned with Success"));
		put_separator(&b, pcr);
		claims = claims_in(&b);
		if (pcr != 7)
			EXPECT("boot.secure-boot", "absent");
		EXPECT("boot.exit-boot-services", pcr == 5 ? "true" : "absent");
	}
}

/* ---- separators ---- */

static void
put_boot_separators(struct ms_buf *b, unsigned except)
{
	for (unsigned i = 0; i < 8; i++)
		if (i != except)
			put_separator(b, i);
}

static void
expect_separators(const struct ms_buf *b, const char *complete, const char *error)
{
	MS_OWN(ms_claims_free) struct ms_claims *claims = claims_in(b);
	EXPECT("boot.separators", complete);
	EXPECT("boot.separator-error", error);
}

MS_TEST(bootlog_separators_are_complete_only_with_exactly_one_in_each_of_pcrs_0_to_7)
{
	for (unsigned i = 0; i <= 8; i++) {
		MS_OWN(ms_buf_fini) struct ms_buf b;
		begin_log(&b, MS_TPM_ALG_SHA256);
		put_boot_separators(&b, i);
		expect_separators(&b, i == 8 ? "true" : "false", "false");
		put_own_event(&b, i % 8, MS_EV_SEPARATOR, ms_span("\xff\xff\xff\xff", 4));
		expect_separators(&b, i == 8 ? "false" : "true", "false"); /* the other legal value, once, completes it */
	}
}

MS_TEST(bootlog_error_separators_are_told)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	begin_log(&b, MS_TPM_ALG_SHA256);
	put_boot_separators(&b, 3);
	put_own_event(&b, 3, MS_EV_SEPARATOR, ms_span("\1\0\0\0", 4));
	expect_separators(&b, "false", "true");
}

MS_TEST(I13_bootlog_separator_under_another_type_still_counts_and_is_told)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	MS_OWN(ms_claims_free) struct ms_claims *claims = NULL;
	begin_log(&b, MS_TPM_ALG_SHA256);
	put_secure_boot(&b, true, MS_EV_EFI_VARIABLE_DRIVER_CONFIG);
	put_own_event(&b, 7, MS_EV_EFI_ACTION, ms_span("\0\0\0\0", 4));
	put_secure_boot(&b, false, MS_EV_EFI_VARIABLE_DRIVER_CONFIG);
	put_boot_separators(&b, 8);
	expect_separators(&b, "false", "true");
	claims = claims_in(&b);
	EXPECT("boot.secure-boot", "true"); /* what was before the first */
}

/* ---- GRUB ---- */

static void
put_string(struct ms_buf *b, const char *prefix, const char *s)
{
	char data[512];
	(void)snprintf(data, sizeof data, "%s%s", prefix, s);
	put_event(b, MS_TPM_ALG_SHA256, 8, MS_EV_IPL, ms_span_str(s), ms_span(data, strlen(data) + 1));
}

MS_TEST(bootlog_command_line_is_proven_by_the_command_that_loads_the_kernel)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	MS_OWN(ms_claims_free) struct ms_claims *claims = NULL;
	begin_log(&b, MS_TPM_ALG_SHA256);
	put_string(&b, "grub_cmd: ", "linux " CMDLINE);
	put_string(&b, "kernel_cmdline: ", CMDLINE);
	claims = claims_in(&b);
	EXPECT("boot.kernel.cmdline", CMDLINE);
	EXPECT("boot.grub.command", "linux " CMDLINE);
}

MS_TEST(bootlog_command_line_with_quotes_is_the_one_of_its_command)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	MS_OWN(ms_claims_free) struct ms_claims *claims = NULL;
	begin_log(&b, MS_TPM_ALG_SHA256);
	put_string(&b, "grub_cmd: ", "linuxefi /vmlinuz dyndbg=a b c");
	put_string(&b, "kernel_cmdline: ", "/vmlinuz \"dyndbg=a b c\"");
	claims = claims_in(&b);
	EXPECT("boot.kernel.cmdline", "/vmlinuz dyndbg=a b c");
}

/* The prefix is in no digest: whoever can have a string measured could call it the command line. */
MS_TEST(I13_bootlog_string_that_is_only_called_a_command_line_is_not_proven_to_be_one)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	MS_OWN(ms_claims_free) struct ms_claims *claims = NULL;
	begin_log(&b, MS_TPM_ALG_SHA256);
	put_string(&b, "grub_cmd: ", "linux " CMDLINE " evil=1");
	put_string(&b, "grub_cmd: ", CMDLINE " evil=1"); /* was kernel_cmdline: */
	put_string(&b, "kernel_cmdline: ", CMDLINE);     /* was a command that does nothing */
	claims = claims_in(&b);
	EXPECT("boot.kernel.cmdline", CMDLINE " evil=1; " CMDLINE " (unproven)");
	EXPECT("boot.grub.command", "linux " CMDLINE " evil=1; " CMDLINE " evil=1; " CMDLINE);
}

MS_TEST(I13_bootlog_command_that_is_called_a_command_line_still_counts_as_a_command)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	MS_OWN(ms_claims_free) struct ms_claims *claims = NULL;
	begin_log(&b, MS_TPM_ALG_SHA256);
	put_string(&b, "kernel_cmdline: ", "insmod evil");
	put_string(&b, "kernel_cmdline: ", "linux " CMDLINE);
	claims = claims_in(&b);
	EXPECT("boot.grub.command", "insmod evil; linux " CMDLINE);
	EXPECT("boot.kernel.cmdline", "insmod evil (unproven); " CMDLINE);
}

MS_TEST(I13_bootlog_command_hidden_under_another_type_or_as_opaque_is_seen_or_unproves_all)
{
	static const uint32_t types[] = {
	    MS_EV_EVENT_TAG, MS_EV_COMPACT_HASH, MS_EV_POST_CODE, MS_EV_EFI_ACTION, MS_EV_S_CRTM_VERSION, 0x777};
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		MS_OWN(ms_buf_fini) struct ms_buf b;
		MS_OWN(ms_claims_free) struct ms_claims *claims = NULL;
		begin_log(&b, MS_TPM_ALG_SHA256);
		put_own_event(&b, 8, types[i], ms_span_str("linux " CMDLINE " evil=1")); /* all of it under another type */
		put_string(&b, "grub_cmd: ", "linux " CMDLINE);
		claims = claims_in(&b);
		EXPECT("boot.kernel.cmdline", CMDLINE " evil=1; " CMDLINE);
		ms_buf_fini(&b);
		ms_claims_free(claims);
		begin_log(&b, MS_TPM_ALG_SHA256);
		put_event(&b, MS_TPM_ALG_SHA256, 8, types[i], ms_span_str("linux " CMDLINE " evil=1"), ms_span("?", 1));
		put_string(&b, "grub_cmd: ", "linux " CMDLINE);
		claims = claims_in(&b);
		EXPECT("boot.kernel.cmdline", CMDLINE " (unproven)");
	}
}

MS_TEST(bootlog_edited_command_line_is_not_believed_and_counted)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	MS_OWN(ms_claims_free) struct ms_claims *claims = NULL;
	begin_log(&b, MS_TPM_ALG_SHA256);
	put_event(&b, MS_TPM_ALG_SHA256, 8, MS_EV_IPL, ms_span_str("linux " CMDLINE " evil=1"),
	    ms_span("grub_cmd: linux " CMDLINE, sizeof "grub_cmd: linux " CMDLINE));
	claims = claims_in(&b);
	EXPECT("boot.kernel.cmdline", "absent");
	EXPECT("boot.grub.command", "absent");
	EXPECT("boot.mismatched", "1");
}

/* ---- images and drivers ---- */

MS_TEST(I13_bootlog_program_hidden_under_another_type_is_still_among_the_images)
{
	static const uint32_t types[] = {MS_EV_EFI_BOOT_SERVICES_APPLICATION, MS_EV_EFI_ACTION, MS_EV_EVENT_TAG, MS_EV_IPL, MS_EV_SEPARATOR,
	    MS_EV_EFI_VARIABLE_BOOT, 0x4321};
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		MS_OWN(ms_buf_fini) struct ms_buf b;
		MS_OWN(ms_claims_free) struct ms_claims *claims = NULL;
		begin_log(&b, MS_TPM_ALG_SHA256);
		put_separator(&b, 4);
		put_event(&b, MS_TPM_ALG_SHA256, 4, types[i], ms_span_str("evil"), ms_span_str("Calling EFI Application from Boot Option"));
		put_event(&b, MS_TPM_ALG_SHA256, 2, types[i], ms_span_str("evil"), ms_span_str("nothing to see"));
		put_event(&b, MS_TPM_ALG_SHA256, 9, types[i], ms_span_str("evil"), ms_span_str("/boot/good"));
		claims = claims_in(&b);
		EXPECT("boot.image.digest", "b5c1fb2efc6d6b4674c2fdcc48ce01b43a3b7c03763c0c3355de0099ee0f8c73");
		EXPECT("boot.drivers", "1");
	}
}

MS_TEST(bootlog_firmware_version_is_the_first_and_from_before_the_separator)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	MS_OWN(ms_claims_free) struct ms_claims *claims = NULL;
	begin_log(&b, MS_TPM_ALG_SHA256);
	put_own_event(&b, 0, MS_EV_S_CRTM_VERSION, ms_span("1\0.\0002\0\0\0", 8));
	put_separator(&b, 0);
	put_own_event(&b, 0, MS_EV_S_CRTM_VERSION, ms_span("9\0.\0009\0\0\0", 8));
	claims = claims_in(&b);
	EXPECT("boot.firmware.version", "1.2");
	ms_buf_fini(&b);
	ms_claims_free(claims);
	begin_log(&b, MS_TPM_ALG_SHA256);
	put_separator(&b, 0);
	put_own_event(&b, 0, MS_EV_S_CRTM_VERSION, ms_span("9\0.\0009\0\0\0", 8));
	claims = claims_in(&b);
	EXPECT("boot.firmware.version", "9.9 (unproven)");
}

MS_TEST(bootlog_debugger_and_dma_are_told_and_proven_absent_only_when_all_is_understood)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	MS_OWN(ms_claims_free) struct ms_claims *claims = NULL;
	begin_log(&b, MS_TPM_ALG_SHA256);
	put_own_event(&b, 7, MS_EV_EFI_ACTION, ms_span_str("UEFI Debug Mode"));
	put_own_event(&b, 7, MS_EV_EFI_ACTION, ms_span_str("DMA Protection Disabled"));
	put_separator(&b, 7);
	claims = claims_in(&b);
	EXPECT("boot.debugger", "true");
	EXPECT("boot.dma-unprotected", "true");
	ms_buf_fini(&b);
	ms_claims_free(claims);
	begin_log(&b, MS_TPM_ALG_SHA256);
	put_event(&b, MS_TPM_ALG_SHA256, 7, MS_EV_EFI_ACTION, ms_span_str("UEFI Debug Mode"), ms_span_str("UEFI Calm Mode"));
	put_separator(&b, 7);
	claims = claims_in(&b);
	EXPECT("boot.debugger", "false (unproven)");
	EXPECT("boot.dma-unprotected", "false (unproven)");
}

/* Whoever has the bytes of a program or a file can put them into the log in place of its name. */
MS_TEST(I13_bootlog_program_whose_bytes_are_in_the_log_is_still_among_the_images)
{
	static const uint32_t types[] = {MS_EV_EFI_ACTION, MS_EV_EVENT_TAG, MS_EV_SEPARATOR, MS_EV_IPL, 0x4321};
	const struct ms_span program = ms_span("MZ\x90\0evil", 8);
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		MS_OWN(ms_buf_fini) struct ms_buf b;
		MS_OWN(ms_claims_free) struct ms_claims *claims = NULL;
		begin_log(&b, MS_TPM_ALG_SHA256);
		put_separator(&b, 4);
		put_own_event(&b, 4, MS_EV_EFI_ACTION, ms_span_str("Calling EFI Application from Boot Option"));
		put_own_event(&b, 4, types[i], program);
		put_own_event(&b, 2, types[i], program);
		put_own_event(&b, 9, types[i], program);
		claims = claims_in(&b);
		EXPECT("boot.image.digest", EVIL_PROGRAM);
		EXPECT("boot.loader.digest", EVIL_PROGRAM);
		EXPECT("boot.driver.digest", EVIL_PROGRAM);
		EXPECT("boot.file.digest", EVIL_PROGRAM);
	}
}

MS_TEST(I13_bootlog_section_of_an_image_is_told_even_when_the_log_has_its_bytes_or_hides_its_name)
{
	const struct ms_span name = ms_span(".\0c\0m\0d\0l\0i\0n\0e\0\0\0", 18), narrow = ms_span(".cmdline", 9);
	const struct ms_span evil = ms_span(".\0x\0 \0e\0v\0i\0l\0\0\0", 16);
	MS_OWN(ms_buf_fini) struct ms_buf b;
	MS_OWN(ms_claims_free) struct ms_claims *claims = NULL;
	begin_log(&b, MS_TPM_ALG_SHA256);
	put_event(&b, MS_TPM_ALG_SHA256, 11, MS_EV_IPL, narrow, name);
	put_own_event(&b, 11, MS_EV_IPL, evil);
	put_event(&b, MS_TPM_ALG_SHA256, 11, MS_EV_IPL, narrow, name); /* after the boot */
	put_event(&b, MS_TPM_ALG_SHA256, 11, MS_EV_IPL, ms_span_str("evil"), name);
	claims = claims_in(&b);
	EXPECT("boot.uki.section", ".cmdline " EVIL_SECTION "; .cmdline " EVIL_DIGEST);
	ms_buf_fini(&b);
	ms_claims_free(claims);
	begin_log(&b, MS_TPM_ALG_SHA256);
	put_event(&b, MS_TPM_ALG_SHA256, 11, MS_EV_IPL, narrow, ms_span_str("grub_cmd: .cmdline"));
	put_own_event(&b, 11, MS_EV_IPL, evil);
	put_event(&b, MS_TPM_ALG_SHA256, 11, MS_EV_IPL, narrow, name);
	put_event(&b, MS_TPM_ALG_SHA256, 11, MS_EV_IPL, ms_span_str("evil"), name);
	claims = claims_in(&b);
	EXPECT("boot.uki.section", ".x evil " NAME_DIGEST " (unproven)");
}

/* A prefix of GRUB, which no digest covers, or odd characters keep a command line of systemd-stub from being seen as one. */
MS_TEST(I13_bootlog_command_line_of_a_stub_is_told_under_any_prefix_or_no_other_is_proven)
{
	const struct ms_span good = ms_span("o\0k\0\0\0", 6), evil = ms_span("e\0v\0i\0l\0\0\0", 10),
			     odd = ms_span("e\0\1\0\2\0\3\0\0\0", 10);
	MS_OWN(ms_buf_fini) struct ms_buf b;
	MS_OWN(ms_buf_fini) struct ms_buf data;
	MS_OWN(ms_claims_free) struct ms_claims *claims = NULL;
	ms_buf_init(&data, 64);
	ms_buf_str(&data, "grub_cmd: ");
	ms_buf_put_span(&data, evil);
	ms_buf_u8(&data, 0); /* the one that is taken off with the prefix */
	begin_log(&b, MS_TPM_ALG_SHA256);
	put_event(&b, MS_TPM_ALG_SHA256, 12, MS_EV_IPL, evil, ms_buf_span(&data));
	put_own_event(&b, 12, MS_EV_IPL, good);
	claims = claims_in(&b);
	EXPECT("boot.kernel.cmdline", "evil; ok");
	for (unsigned pcr = 8; pcr <= 12; pcr += 4) {
		ms_buf_fini(&b);
		ms_claims_free(claims);
		begin_log(&b, MS_TPM_ALG_SHA256);
		put_own_event(&b, pcr, MS_EV_IPL, odd);
		put_own_event(&b, pcr, MS_EV_IPL, good);
		claims = claims_in(&b);
		EXPECT("boot.kernel.cmdline", "ok (unproven)");
	}
}

MS_TEST(I13_bootlog_command_that_loads_a_kernel_is_told_whatever_later_command_repeats_it)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	MS_OWN(ms_claims_free) struct ms_claims *claims = NULL;
	begin_log(&b, MS_TPM_ALG_SHA256);
	put_string(&b, "kernel_cmdline: ", "linux /vmlinuz evil=1");
	put_string(&b, "grub_cmd: ", "linux l'i'nux /vmlinuz e v i l=1"); /* after the boot */
	claims = claims_in(&b);
	EXPECT("boot.kernel.cmdline", "/vmlinuz evil=1; l'i'nux /vmlinuz e v i l=1");
}

MS_TEST(I13_bootlog_of_windows_that_hides_its_settings_proves_no_debugger_absent)
{
	static const uint8_t debugging[] = {1, 0, 1, 0x40, 9, 0, 0, 0, 1, 0, 4, 0, 1, 0, 0, 0, 1};
	const struct ms_span on = ms_span(debugging, sizeof debugging);
	MS_OWN(ms_buf_fini) struct ms_buf b;
	MS_OWN(ms_buf_fini) struct ms_buf data;
	MS_OWN(ms_claims_free) struct ms_claims *claims = NULL;
	ms_buf_init(&data, 64);
	ms_buf_str(&data, "grub_cmd: ");
	ms_buf_put_span(&data, on);
	begin_log(&b, MS_TPM_ALG_SHA256);
	put_separator(&b, 7);
	put_event(&b, MS_TPM_ALG_SHA256, 12, MS_EV_EVENT_TAG, on, ms_span_str("nothing to see"));
	claims = claims_in(&b);
	EXPECT("boot.debugger", "false (unproven)");
	ms_buf_fini(&b);
	ms_claims_free(claims);
	begin_log(&b, MS_TPM_ALG_SHA256);
	put_separator(&b, 7);
	put_own_event(&b, 13, MS_EV_EVENT_TAG, on);
	claims = claims_in(&b);
	EXPECT("boot.debugger", "true");
	ms_buf_fini(&b);
	ms_claims_free(claims);
	begin_log(&b, MS_TPM_ALG_SHA256);
	put_separator(&b, 7);
	put_event(&b, MS_TPM_ALG_SHA256, 13, MS_EV_IPL, on, ms_buf_span(&data));
	claims = claims_in(&b);
	EXPECT("boot.debugger", "true"); /* seen for what it is */
}

/* ---- confidential computing ---- */

static void
put_cc(struct ms_buf *b, unsigned reg, uint32_t type, struct ms_span data)
{
	put_event(b, MS_TPM_ALG_SHA384, reg, type, data, data);
}

MS_TEST(bootlog_of_confidential_computing_says_secure_boot_from_its_register)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	MS_OWN(ms_buf_fini) struct ms_buf v;
	MS_OWN(ms_claims_free) struct ms_claims *claims = NULL;
	struct ms_bootlog_replay r;
	struct ms_err err = {.text = ""};
	begin_log(&b, MS_TPM_ALG_SHA384);
	ms_buf_init(&v, 256);
	put_variable(&v, ms_uefi_vendor_guid(MS_UEFI_GLOBAL), "SecureBoot", ms_span("\1", 1));
	put_cc(&b, 1, MS_EV_EFI_VARIABLE_DRIVER_CONFIG, ms_buf_span(&v));
	put_cc(&b, 1, MS_EV_SEPARATOR, ms_span("\0\0\0\0", 4));
	put_cc(&b, 3, MS_EV_IPL, ms_span("c\0o\0n\0s\0o\0l\0e\0\0\0", 16));
	for (unsigned i = 0; i < 100; i++)
		ms_buf_u8(&b, 0xff);
	claims = claims_of(ms_buf_span(&b), 0, &err);
	CHECK(claims != NULL);
	EXPECT("boot.secure-boot", "true");
	EXPECT("boot.kernel.cmdline", "console");
	CHECK_INT(ms_bootlog_replay(ms_buf_span(&b), NULL, MS_EVENTLOG_ANY, &r, NULL), MS_OK);
	CHECK_INT(r.kind, MS_EVENTLOG_CC);
	CHECK_INT(r.banks.bank[0].mask, 1u << 1 | 1u << 3);
}

/* ---- caps ---- */

MS_TEST(bootlog_with_more_claims_than_one_device_may_have_is_refused_by_name)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	MS_OWN(ms_appraisal_free) struct ms_appraisal *a = NULL;
	struct ms_err err = {.text = ""};
	char command[32];
	begin_log(&b, MS_TPM_ALG_SHA256);
	for (unsigned i = 0; i < 4094; i++) {
		(void)snprintf(command, sizeof command, "set a=%u", i);
		put_string(&b, "grub_cmd: ", command);
	}
	CHECK_INT(ms_appraisal_new(&a, NULL), MS_OK);
	CHECK_INT(ms_bootlog_appraise(ms_buf_span(&b), NULL, a, &err), MS_ERR_TOO_BIG);
	CHECK(strstr(err.text, "claims: more than 4096") != NULL);
	CHECK(!a->has_boot);
}
