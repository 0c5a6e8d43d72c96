/* Replay, recomputed digests and what follows from them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/bootclaims.h"

/* ---- replay ---- */

/* "    7 : 0xHEX" lines below "  sha256:", as tpm2_pcrread prints them. */
static size_t
compare_with_tpm(const struct ms_bootlog_replay *r, const char *text, uint32_t except)
{
	const struct ms_pcr_bank *bank = NULL;
	size_t compared = 0;
	char name[16], hex[129];
	unsigned index;
	for (const char *line = text; line != NULL; line = strchr(line, '\n') != NULL ? strchr(line, '\n') + 1 : NULL) {
		if (sscanf(line, " sha%15[0-9]:", name) == 1 && line[2] == 's') {
			const struct ms_bank_alg *a = NULL;
			for (size_t i = 0; (a = ms_bank_alg_at(i)) != NULL && strcmp(a->name + 3, name) != 0; i++)
				;
			bank = a == NULL ? NULL : ms_pcr_banks_find(&r->banks, a->alg);
		} else if (bank != NULL && sscanf(line, " %u : 0x%128[0-9A-F]", &index, hex) == 2 && (except >> index & 1) == 0) {
			uint8_t want[MS_HASH_LEN_MAX];
			CHECK_INT(ms_unhex(hex, strlen(hex), want, bank->len), MS_OK);
			CHECK(memcmp(bank->value[index], want, bank->len) == 0);
			compared++;
		}
	}
	return compared;
}

MS_TEST(bootlog_replays_recorded_boots_to_what_their_tpms_say_in_every_bank)
{
	static const struct {
		const char *variant;
		size_t banks;
	} rows[] = {{"good", 1}, {"cmdline", 1}, {"initrd", 1}, {"banks", 3}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char path[128];
		size_t len;
		struct ms_err err;
		struct ms_bootlog_replay r;
		MS_OWN(test_log_free) struct test_log l = recorded_log(rows[i].variant);
		(void)snprintf(path, sizeof path, "measured-boot/%s/pcrs_all.txt", rows[i].variant);
		uint8_t *text = test_file(path, &len);
		char *s = calloc(1, len + 1);
		memcpy(s, text, len);
		CHECK_OK(ms_bootlog_replay(log_span(&l), NULL, MS_EVENTLOG_ANY, &r, &err), &err);
		CHECK_INT(r.banks.n, rows[i].banks);
		CHECK_INT(r.events, 48);
		/* 10 is IMA's */
		CHECK_INT(compare_with_tpm(&r, s, 1u << 10), rows[i].banks * 23);
		free(text);
		free(s);
	}
}

static void
compare_with_expected(const char *name, const json_t *banks)
{
	char path[256];
	const char *key;
	json_t *rows;
	struct ms_err err;
	struct ms_bootlog_replay r;
	struct ms_pcr_banks want;
	(void)snprintf(path, sizeof path, "eventlog-tpm2-tools/logs/%s", name);
	MS_OWN(test_log_free) struct test_log l = vector_log(path);
	if (json_object_size(banks) == 0) {
		CHECK_INT(ms_bootlog_replay(log_span(&l), NULL, MS_EVENTLOG_ANY, &r, NULL), MS_ERR_MALFORMED);
		return;
	}
	CHECK_OK(ms_bootlog_replay(log_span(&l), NULL, MS_EVENTLOG_ANY, &r, &err), &err);
	CHECK_OK(ms_pcr_banks_from_json(banks, &want, &err), &err);
	CHECK_INT(want.n, r.banks.n);
	json_object_foreach((json_t *)(uintptr_t)banks, key, rows)
	{
		const struct ms_bank_alg *a = ms_bank_alg_named(ms_span_str(key));
		const struct ms_pcr_bank *b = ms_pcr_banks_find(&want, a->alg);
		if (ms_bootlog_unexplained(&r, b, b->mask) != 0)
			print_error("%s %s: 0x%x\n", name, key, ms_bootlog_unexplained(&r, b, b->mask));
		CHECK_INT(ms_bootlog_unexplained(&r, b, b->mask), 0);
	}
}

MS_TEST(bootlog_replays_the_logs_of_others_to_what_they_replayed_in_every_bank)
{
	const char *name;
	json_t *banks;
	struct ms_err err;
	MS_OWN(test_log_free) struct test_log text = vector_log("eventlog-tpm2-tools/expected.json");
	MS_OWN(ms_json_free) json_t *all = NULL;
	CHECK_OK(ms_json_parse(log_span(&text), 1u << 20, &all, &err), &err);
	CHECK_INT(json_object_size(all), 12);
	json_object_foreach(all, name, banks) compare_with_expected(name, banks);
}

MS_TEST(bootlog_explains_the_pcrs_of_its_own_boot_and_names_those_of_another)
{
	struct ms_bootlog_replay good, cmdline, initrd;
	MS_OWN(test_log_free) struct test_log a = recorded_log("good");
	MS_OWN(test_log_free) struct test_log b = recorded_log("cmdline");
	MS_OWN(test_log_free) struct test_log c = recorded_log("initrd");
	CHECK_INT(ms_bootlog_replay(log_span(&a), NULL, MS_EVENTLOG_ANY, &good, NULL), MS_OK);
	CHECK_INT(ms_bootlog_replay(log_span(&b), NULL, MS_EVENTLOG_ANY, &cmdline, NULL), MS_OK);
	CHECK_INT(ms_bootlog_replay(log_span(&c), NULL, MS_EVENTLOG_ANY, &initrd, NULL), MS_OK);
	struct ms_pcr_bank *quoted = &good.banks.bank[0];
	quoted->mask = 0x7fff;
	CHECK_INT(ms_bootlog_unexplained(&good, quoted, 0x7fff), 0);
	CHECK_INT(ms_bootlog_unexplained(&cmdline, quoted, 0x7fff), 1u << 8 | 1u << 9);
	CHECK_INT(ms_bootlog_unexplained(&initrd, quoted, 0x7fff), 1u << 9);
	CHECK_INT(ms_bootlog_unexplained(&good, quoted, 1u << 16), 1u << 16); /* not quoted */
	quoted->value[11][0] = 1;                                             /* no event speaks of it, and yet it moved */
	CHECK_INT(ms_bootlog_unexplained(&cmdline, quoted, 1u << 11 | 1u << 12), 1u << 11);
	quoted->alg = MS_TPM_ALG_SHA384;
	CHECK_INT(ms_bootlog_unexplained(&cmdline, quoted, 0xff), 0xff);
}

MS_TEST(bootlog_begins_pcr_0_at_the_startup_locality)
{
	uint8_t data[17] = "StartupLocality";
	for (unsigned locality = 0; locality <= 4; locality++) {
		MS_OWN(ms_buf_fini) struct ms_buf b;
		MS_OWN(ms_appraisal_free) struct ms_appraisal *a = NULL;
		struct ms_bootlog_replay r;
		struct ms_pcr_bank want;
		struct ms_pcrs pcrs;
		struct ms_err err;
		uint8_t counted = locality == 3 || locality == 4 ? (uint8_t)locality : 0, digest[32];
		begin_log(&b, MS_TPM_ALG_SHA256);
		data[16] = (uint8_t)locality;
		put_own_event(&b, 0, MS_EV_NO_ACTION, ms_span(data, 17));
		put_separator(&b, 0);
		data[16] = 4; /* too late to count */
		put_own_event(&b, 0, MS_EV_NO_ACTION, ms_span(data, 17));
		CHECK_INT(ms_pcr_bank_init(MS_TPM_ALG_SHA256, &want, NULL), MS_OK);
		ms_pcr_bank_start(&want, counted);
		ms_sha256(ms_span("\0\0\0\0", 4), digest);
		ms_pcr_bank_extend(&want, 0, digest);
		CHECK_OK(ms_bootlog_replay(ms_buf_span(&b), NULL, MS_EVENTLOG_ANY, &r, &err), &err);
		CHECK_INT(r.locality, counted);
		CHECK(memcmp(r.banks.bank[0].value[0], want.value[0], 32) == 0);
		CHECK_INT(ms_appraisal_new(&a, NULL), MS_OK);
		CHECK_OK(ms_bootlog_appraise(ms_buf_span(&b), NULL, a, &err), &err);
		ms_appraisal_boot_pcrs(a, &pcrs);
		CHECK(memcmp(pcrs.value[0], want.value[0], 32) == 0);
	}
}

MS_TEST(bootlog_appraisal_replays_as_the_log_does_and_marks_what_was_recomputed)
{
	MS_OWN(test_log_free) struct test_log l = recorded_log("banks");
	MS_OWN(ms_appraisal_free) struct ms_appraisal *a = NULL;
	struct ms_bootlog_replay r;
	struct ms_pcrs pcrs, want;
	struct ms_err err;
	size_t recomputed = 0;
	CHECK_INT(ms_appraisal_new(&a, NULL), MS_OK);
	CHECK_OK(ms_bootlog_appraise(log_span(&l), NULL, a, &err), &err);
	CHECK(a->has_boot && !a->has_ima);
	CHECK_INT(a->boot.n, 47);
	for (size_t i = 0; i < a->boot.n; i++) {
		uint8_t digest[32];
		const struct ms_tuple *t = &a->boot.item[i];
		CHECK(t->offset + t->len <= l.len);
		ms_sha256(ms_span(l.p + t->offset, t->len), digest);
		CHECK_INT((t->flags & MS_TUPLE_RECOMPUTED) != 0, memcmp(digest, t->digest, 32) == 0);
		recomputed += (t->flags & MS_TUPLE_RECOMPUTED) != 0;
	}
	CHECK_INT(recomputed, 21);
	CHECK_INT(ms_bootlog_replay(log_span(&l), NULL, MS_EVENTLOG_ANY, &r, NULL), MS_OK);
	CHECK_INT(ms_pcr_bank_sha256(ms_pcr_banks_find(&r.banks, MS_TPM_ALG_SHA256), &want, NULL), MS_OK);
	ms_appraisal_boot_pcrs(a, &pcrs);
	CHECK(memcmp(&pcrs, &want, sizeof pcrs) == 0);
}

MS_TEST(bootlog_without_sha256_digests_is_not_appraised_and_says_so)
{
	MS_OWN(test_log_free) struct test_log l = vector_log("eventlog-tpm2-tools/logs/event-uefi-sha1-log.bin");
	MS_OWN(ms_appraisal_free) struct ms_appraisal *a = NULL;
	struct ms_err err;
	CHECK_INT(ms_appraisal_new(&a, NULL), MS_OK);
	CHECK_INT(ms_bootlog_appraise(log_span(&l), NULL, a, &err), MS_ERR_UNSUPPORTED);
	CHECK(strstr(err.text, "sha256") != NULL);
	CHECK(!a->has_boot && a->boot.n == 0);
}

MS_TEST(bootlog_drops_a_bank_that_not_every_event_extends)
{
	MS_OWN(test_log_free) struct test_log l = vector_log("eventlog-tpm2-tools/logs/event-uefiaction.bin");
	MS_OWN(ms_bootlog_free) struct ms_bootlog *b = NULL;
	struct ms_bootlog_replay r;
	struct ms_err err;
	CHECK_INT(ms_bootlog_replay(log_span(&l), NULL, MS_EVENTLOG_ANY, &r, NULL), MS_OK);
	CHECK_INT(r.banks.n, 2);
	CHECK_INT(r.n_skipped, 2);
	CHECK_INT(ms_bootlog_load(log_span(&l), NULL, MS_EVENTLOG_ANY, MS_TPM_ALG_SHA384, &b, &err), MS_ERR_MALFORMED);
	CHECK(strstr(err.text, "sha384") != NULL && b == NULL);
}

/* ---- what it says ---- */

MS_TEST(bootlog_of_a_recorded_boot_says_what_that_machine_did)
{
	MS_OWN(test_log_free) struct test_log l = recorded_log("good");
	struct ms_err err = {.text = ""};
	MS_OWN(ms_claims_free) struct ms_claims *claims = claims_of(log_span(&l), 0, &err);
	CHECK(claims != NULL);
	EXPECT("boot.secure-boot", "true");
	EXPECT("boot.setup-mode", "false");
	EXPECT("boot.pk.subject", "Debian UEFI Secure Boot (PK/KEK key)");
	EXPECT("boot.kek.subject", "Debian UEFI Secure Boot (PK/KEK key); Microsoft Corporation KEK CA 2011");
	EXPECT("boot.db.subject", "Microsoft Windows Production PCA 2011; Microsoft Corporation UEFI CA 2011");
	EXPECT("boot.db.entries", "2");
	EXPECT("boot.dbx.entries", "1");
	EXPECT("boot.dbx.hash", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	EXPECT("boot.authority", "db: Microsoft Corporation UEFI CA 2011; MokListRT: Debian Secure Boot CA");
	EXPECT("boot.authority.cert", "48e99b991f57fc52f76149599bff0a58c47154229b9f8d603ac40d3500248507; "
				      "079646974bce09b1f04da67bd722d1fb0947ae4c4010bccdbba52d5b23cbf1a2");
	EXPECT("boot.sbat.level", "2025021800");
	EXPECT("boot.sbat.shim", "4");
	EXPECT("boot.sbat.grub", "5");
	EXPECT("boot.sbat.component", "sbat,1; shim,4; grub,5");
	EXPECT("boot.shim", "true");
	EXPECT("boot.kernel.cmdline", "/vmlinuz root=/dev/vda2 rw console=ttyS0 panic=-1 quiet ima_policy=tcb ima_hash=sha256");
	EXPECT("boot.loader.digest", "80a66d53a945d2286fcadd780fae1c225aa732079cd67b5225dc78aaab4e2ff8");
	EXPECT("boot.kernel.digest", "51349501a3d1ff83836437d2b365fd2d57f2feb8642d315e5181dec23d4c3275 (unproven)");
	EXPECT("boot.initrd.digest", "19e5c1eec6f0a27af505ad7fb80c49bda3c8d72df62eb58e0daa703145424fd8 (unproven)");
	EXPECT("boot.image.signer", "\\EFI\\BOOT\\BOOTX64.EFI by Microsoft Corporation UEFI CA 2011 (unproven); "
				    "\\EFI\\BOOT\\grubx64.efi by Debian Secure Boot CA (unproven)");
	EXPECT("boot.exit-boot-services", "true");
	EXPECT("boot.separators", "true");
	EXPECT("boot.separator-error", "false");
	EXPECT("boot.mismatched", "0");
	EXPECT("boot.debugger", "false");
	EXPECT("boot.drivers", "0");
	EXPECT("boot.gpt.disk", "0f0f0f0f-0000-4000-8000-000000000001");
	EXPECT("boot.order", "0001,0000,0002 (unproven)"); /* OVMF does not measure the name */
}

MS_TEST(bootlog_of_a_changed_boot_says_what_was_changed)
{
	struct ms_err err = {.text = ""};
	MS_OWN(test_log_free) struct test_log a = recorded_log("cmdline");
	MS_OWN(test_log_free) struct test_log b = recorded_log("initrd");
	MS_OWN(ms_claims_free) struct ms_claims *claims = claims_of(log_span(&a), 0, &err);
	CHECK(claims != NULL);
	EXPECT("boot.kernel.cmdline", "/vmlinuz root=/dev/vda2 rw console=ttyS0 panic=-1 quiet ima_policy=tcb ima_hash=sha256 evil=1");
	ms_claims_free(claims);
	claims = claims_of(log_span(&b), 0, &err);
	EXPECT("boot.initrd.digest", "c6f6eb796ece0f6599c5e923857691d1bdf27ebf0b5055819dfbf03222d9e04d (unproven)");
}

MS_TEST(bootlog_says_the_same_by_the_digests_of_every_bank)
{
	MS_OWN(test_log_free) struct test_log l = recorded_log("banks");
	static const uint16_t algs[] = {MS_TPM_ALG_SHA1, MS_TPM_ALG_SHA256, MS_TPM_ALG_SHA384};
	for (size_t i = 0; i < 3; i++) {
		struct ms_err err = {.text = ""};
		MS_OWN(ms_claims_free) struct ms_claims *claims = claims_of(log_span(&l), algs[i], &err);
		CHECK(claims != NULL);
		EXPECT("boot.secure-boot", "true");
		EXPECT("boot.sbat.shim", "4");
		EXPECT("boot.separators", "true");
		EXPECT("boot.mismatched", "0");
	}
}

MS_TEST(bootlog_of_windows_says_debugging_test_signing_and_code_integrity)
{
	MS_OWN(test_log_free) struct test_log l = vector_log("eventlog-go-attestation/option_rom_eventlog");
	struct ms_err err = {.text = ""};
	MS_OWN(ms_claims_free) struct ms_claims *claims = claims_of(log_span(&l), 0, &err);
	CHECK(claims != NULL);
	EXPECT("boot.secure-boot", "true");
	EXPECT("boot.debugger", "false");
	EXPECT("boot.test-signing", "false");
	EXPECT("boot.windows.code-integrity", "true");
	EXPECT("boot.windows.safe-mode", "false");
	EXPECT("boot.windows.winpe", "false");
	EXPECT("boot.drivers", "1");
	EXPECT("boot.driver.source", "option-rom (unproven)");
	EXPECT("boot.kernel.cmdline", "absent");
}

MS_TEST(bootlog_of_systemd_boot_says_the_command_line)
{
	struct ms_err err = {.text = ""};
	MS_OWN(test_log_free) struct test_log a = vector_log("eventlog-tpm2-tools/logs/event-sd-boot-fedora37.bin");
	MS_OWN(test_log_free) struct test_log b = vector_log("eventlog-tpm2-tools/logs/event-arch-linux.bin");
	MS_OWN(ms_claims_free) struct ms_claims *claims = claims_of(log_span(&a), 0, &err);
	CHECK(claims != NULL);
	EXPECT("boot.kernel.cmdline", " console=ttyS0 console=tty0 efi=debug ");
	EXPECT("boot.secure-boot", "false");
	EXPECT("boot.setup-mode", "true");
	ms_claims_free(claims);
	claims = claims_of(log_span(&b), 0, &err);
	EXPECT("boot.kernel.cmdline",
	    "initrd=\\intel-ucode.img initrd=\\initramfs-linux-lts.img cryptdevice=UUID=5465369a-996d-42ca-9ad4-91d0082e0b34:cryptroot "
	    "root=/dev/mapper/cryptroot rw intel_iommu=on iommu=pt l1tf=off");
	EXPECT("boot.setup-mode", "false");
}

MS_TEST(bootlog_secure_boot_of_others_is_what_they_say)
{
	struct ms_err err = {.text = ""};
	MS_OWN(test_log_free) struct test_log off = vector_log("eventlog-keylime/binary_bios_measurements");
	MS_OWN(test_log_free) struct test_log on = vector_log("eventlog-keylime/binary_bios_measurements-secureboot");
	MS_OWN(test_log_free) struct test_log sb = vector_log("eventlog-go-attestation/sb_cert_eventlog");
	MS_OWN(ms_claims_free) struct ms_claims *claims = claims_of(log_span(&off), 0, &err);
	EXPECT("boot.secure-boot", "false");
	ms_claims_free(claims);
	claims = claims_of(log_span(&on), 0, &err);
	EXPECT("boot.secure-boot", "true");
	EXPECT("boot.authority", "db: Microsoft Corporation UEFI CA 2011; vendor_db: Red Hat Secure Boot CA 5");
	EXPECT("boot.sbat.component", "sbat,1; shim,2; grub,3; grub.debian,4");
	ms_claims_free(claims);
	claims = claims_of(log_span(&sb), 0, &err);
	EXPECT("boot.db.subject",
	    "Microsoft Corporation UEFI CA 2011; Microsoft Root Certificate Authority 2010; Microsoft Windows Production PCA 2011; "
	    "Microsoft Corporation Third Party Marketplace Root");
	EXPECT("boot.authority", "db: Microsoft Corporation UEFI CA 2011; Shim: Canonical Ltd. Master Certificate Authority");
	EXPECT("boot.separators", "false"); /* the recording was cut */
}
