/* Prefixes and flips of our own recordings, and of a log in the form of TPM 1.2. */
#include "support/bootflip.h"

MS_TEST(bootlog_prefixes_and_flips_of_our_recordings)
{
	MS_OWN(test_log_free) struct test_log good = recorded_log("good");
	try_prefixes_and_flips(&good, 0x1001);
}

MS_TEST(bootlog_prefixes_and_flips_of_three_banks)
{
	MS_OWN(test_log_free) struct test_log banks = recorded_log("banks");
	try_prefixes_and_flips(&banks, 0x2002);
}

MS_TEST(bootlog_prefixes_and_flips_of_a_log_of_tpm_1_2)
{
	MS_OWN(test_log_free) struct test_log l = vector_log("eventlog-tpm2-tools/logs/event-uefi-sha1-log.bin");
	try_prefixes_and_flips(&l, 0x3003);
}
