/* Clocks. Deadlines use the boot clock; wall time is for certificates, signed objects and audit only. */
#ifndef MS_CLOCK_H
#define MS_CLOCK_H
#include <stdbool.h>
#include <stdint.h>

uint64_t ms_clock_boot_ms(void); /* CLOCK_BOOTTIME, milliseconds */
uint64_t ms_clock_wall_s(void);  /* seconds since 1970 UTC */
uint64_t ms_clock_boot_us(void); /* for measuring */

/* "2026-01-31T23:59:59Z", 21 bytes with NUL. */
#define MS_CLOCK_TEXT_LEN 21u
void ms_clock_text(uint64_t wall_s, char out[static MS_CLOCK_TEXT_LEN]);

/* A wall clock that never moves authority backwards. It starts at max(wall, signed last-seen time), then
 * advances with the boot clock. When the wall clock and it differ by more than `tolerance_s`, `jumped` is
 * true: grants stop, refusals go on. */
struct ms_authority_clock {
	uint64_t base_wall_s, base_boot_ms;
	uint64_t tolerance_s;
};
void ms_authority_clock_init(struct ms_authority_clock *c, uint64_t last_seen_s, uint64_t tolerance_s);
uint64_t ms_authority_now_s(const struct ms_authority_clock *c);
bool ms_authority_jumped(const struct ms_authority_clock *c);

#endif
