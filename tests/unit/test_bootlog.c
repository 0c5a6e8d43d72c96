/* Replay, recomputed digests and what follows from them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/bootlogs.h"

#include "codec/uefi.h"

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
