/* Prefixes and flips of the logs of others. */
#include "support/bootflip.h"

MS_TEST(bootlog_prefixes_and_flips_of_systemd_boot)
{
	MS_OWN(test_log_free) struct test_log l = vector_log("eventlog-tpm2-tools/logs/event-sd-boot-fedora37.bin");
	try_prefixes_and_flips(&l, 0x4004);
}

MS_TEST(bootlog_prefixes_and_flips_of_a_cloud_machine)
{
	MS_OWN(test_log_free) struct test_log l = vector_log("eventlog-tpm2-tools/logs/event-gce-ubuntu-2104-log.bin");
	try_prefixes_and_flips(&l, 0x5005);
}

MS_TEST(bootlog_flips_of_windows)
{
	MS_OWN(test_log_free) struct test_log l = vector_log("eventlog-go-attestation/option_rom_eventlog");
	uint64_t seed = 0x6006;
	for (unsigned i = 0; i < 500; i++) {
		size_t at = next_random(&seed) % l.len;
		uint8_t before = l.p[at];
		l.p[at] ^= (uint8_t)(1u + next_random(&seed) % 255);
		(void)try_log(log_span(&l));
		l.p[at] = before;
	}
}
