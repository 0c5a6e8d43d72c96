#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/device_id.h"
#include "fleet/lifecycle.h"
#include "secrets/rule.h"

MS_TEST(I6_quarantine_is_left_only_by_release_revoke_or_retire)
{
	for (int e = 0; e < MS_LIFE_EVENTS; e++) {
		enum ms_life_state to = ms_life_next(MS_LIFE_QUARANTINED, (enum ms_life_event)e);
		bool leaves = e == MS_LIFE_RELEASE || e == MS_LIFE_REVOKE || e == MS_LIFE_RETIRE;
		if (!leaves)
			CHECK(to == MS_LIFE_QUARANTINED || to == MS_LIFE_NONE);
	}
	CHECK_INT(ms_life_next(MS_LIFE_QUARANTINED, MS_LIFE_RELEASE), MS_LIFE_ENROLLED);
	CHECK_INT(ms_life_next(MS_LIFE_QUARANTINED, MS_LIFE_PASS), MS_LIFE_NONE);
}

MS_TEST(I6_revoked_and_retired_never_come_back)
{
	for (int e = 0; e < MS_LIFE_EVENTS; e++) {
		CHECK_INT(ms_life_next(MS_LIFE_RETIRED, (enum ms_life_event)e), MS_LIFE_NONE);
		enum ms_life_state to = ms_life_next(MS_LIFE_REVOKED, (enum ms_life_event)e);
		CHECK(to == MS_LIFE_NONE || to == MS_LIFE_RETIRED);
	}
}

MS_TEST(I6_only_a_pass_makes_a_device_trusted_and_only_after_admission)
{
	for (int s = 0; s < MS_LIFE_STATES; s++)
		for (int e = 0; e < MS_LIFE_EVENTS; e++) {
			if (ms_life_next((enum ms_life_state)s, (enum ms_life_event)e) != MS_LIFE_TRUSTED)
				continue;
			bool stays = s == MS_LIFE_TRUSTED && e == MS_LIFE_ADMIT; /* its statement was lost on the way */
			CHECK(stays || (e == MS_LIFE_PASS && (s == MS_LIFE_ENROLLED || s == MS_LIFE_TRUSTED || s == MS_LIFE_STALE)));
		}
}

MS_TEST(I6_a_fail_quarantines_every_state_that_passes)
{
	for (int s = 0; s < MS_LIFE_STATES; s++)
		if (ms_life_next((enum ms_life_state)s, MS_LIFE_PASS) == MS_LIFE_TRUSTED)
			CHECK_INT(ms_life_next((enum ms_life_state)s, MS_LIFE_FAIL), MS_LIFE_QUARANTINED);
}

MS_TEST(I6_time_alone_makes_trusted_stale_at_the_deadline_second)
{
	CHECK_INT(ms_life_at(MS_LIFE_TRUSTED, 100, 99), MS_LIFE_TRUSTED);
	CHECK_INT(ms_life_at(MS_LIFE_TRUSTED, 100, 100), MS_LIFE_STALE);
	CHECK_INT(ms_life_at(MS_LIFE_TRUSTED, 0, 1), MS_LIFE_STALE);
	CHECK_INT(ms_life_at(MS_LIFE_QUARANTINED, 100, 200), MS_LIFE_QUARANTINED);
	CHECK_INT(ms_life_at(MS_LIFE_ENROLLED, 0, 200), MS_LIFE_ENROLLED);
}

MS_TEST(life_names_round_trip_and_unknown_ones_are_nothing)
{
	for (int s = 1; s < MS_LIFE_STATES; s++)
		CHECK_INT(ms_life_by_name(ms_span_str(ms_life_name((enum ms_life_state)s))), s);
	CHECK_INT(ms_life_by_name(ms_span_str("unknown")), MS_LIFE_NONE);
	CHECK_INT(ms_life_by_name(ms_span_str("Trusted")), MS_LIFE_NONE);
	CHECK_INT(ms_life_by_name(MS_SPAN_NONE), MS_LIFE_NONE);
	CHECK_INT(ms_life_next((enum ms_life_state)99, MS_LIFE_PASS), MS_LIFE_NONE);
}

MS_TEST(device_id_has_one_spelling)
{
	uint8_t hash[MS_EK_HASH_LEN] = {0xab}, back[MS_EK_HASH_LEN];
	char id[MS_DEVICE_ID_MAX + 1], bad[MS_DEVICE_ID_MAX + 8];
	unsigned life = 0;
	ms_device_id(hash, 65535, id);
	CHECK_INT(ms_device_id_parse(ms_span_str(id), back, &life, NULL), MS_OK);
	CHECK(life == 65535 && memcmp(hash, back, sizeof hash) == 0);
	ms_device_id(hash, 1, id);
	static const char *const tails[] = {"-0", "-01", "-65536", "-1x", "-", "", "-+1", "- 1", "-99999999999"};
	for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
		(void)snprintf(bad, sizeof bad, "%.64s%s", id, tails[i]);
		CHECK_INT(ms_device_id_parse(ms_span_str(bad), back, &life, NULL), MS_ERR_MALFORMED);
	}
	(void)snprintf(bad, sizeof bad, "%s", id);
	bad[0] = 'A';
	CHECK_INT(ms_device_id_parse(ms_span_str(bad), back, &life, NULL), MS_ERR_MALFORMED);
}

MS_TEST(secret_paths_are_canonical_or_refused)
{
	static const char *const good[] = {"a", "db/password", "a/b/c/d/e/f/g/h", "x_1.y-2"};
	static const char *const bad[] = {
	    "", "/", "a/", "/a", "a//b", "..", "a/../b", ".a", "-a", "A", "a b", "a\n", "a/b/c/d/e/f/g/h/i", "a%2fb", "a\\b"};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		CHECK(ms_secret_path_ok(ms_span_str(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK(!ms_secret_path_ok(ms_span_str(bad[i])));
	CHECK(!ms_secret_path_ok(ms_span("a\0b", 3)));
}

MS_TEST(I6_an_empty_or_unknown_rule_entitles_nobody)
{
	struct ms_span model = ms_span_str("m1"), device = ms_span_str("d1");
	static const char *const nobody[] = {"", "model=", "device=", "*", "model=*", "all", "model", "MODEL=m1", "model=m2", "device=d2",
	    "model=m1 ", " model=m1", "device=D1"};
	for (size_t i = 0; i < sizeof nobody / sizeof *nobody; i++)
		CHECK(!ms_secret_rule_admits(ms_span_str(nobody[i]), model, device));
	CHECK(ms_secret_rule_admits(ms_span_str("model=m1"), model, device));
	CHECK(ms_secret_rule_admits(ms_span_str("device=d1"), model, device));
	CHECK(!ms_secret_rule_admits(ms_span_str("model=m1"), MS_SPAN_NONE, device));
}
