#include "base/clock.h"

#include <assert.h>
#include <string.h>
#include <time.h>

static struct timespec
read_clock(clockid_t id)
{
	struct timespec ts;
	int rc = clock_gettime(id, &ts);
	assert(rc == 0); /* these clocks exist on every Linux we run on */
	return ts;
}

uint64_t
ms_clock_boot_ms(void)
{
	struct timespec ts = read_clock(CLOCK_BOOTTIME);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t
ms_clock_boot_us(void)
{
	struct timespec ts = read_clock(CLOCK_BOOTTIME);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t
ms_clock_wall_s(void)
{
	struct timespec ts = read_clock(CLOCK_REALTIME);
	return ts.tv_sec < 0 ? 0 : (uint64_t)ts.tv_sec;
}

void
ms_clock_text(uint64_t wall_s, char out[static MS_CLOCK_TEXT_LEN])
{
	time_t t = (time_t)wall_s;
	struct tm tm;
	if (wall_s > 253402300799u || gmtime_r(&t, &tm) == NULL) { /* 9999-12-31T23:59:59Z */
		memcpy(out, "----------T--------Z", MS_CLOCK_TEXT_LEN);
		return;
	}
	(void)strftime(out, MS_CLOCK_TEXT_LEN, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

void
ms_authority_clock_init(struct ms_authority_clock *c, uint64_t last_seen_s, uint64_t tolerance_s)
{
	uint64_t wall = ms_clock_wall_s();
	c->base_wall_s = wall > last_seen_s ? wall : last_seen_s;
	c->base_boot_ms = ms_clock_boot_ms();
	c->tolerance_s = tolerance_s;
}

uint64_t
ms_authority_now_s(const struct ms_authority_clock *c)
{
	return c->base_wall_s + (ms_clock_boot_ms() - c->base_boot_ms) / 1000;
}

bool
ms_authority_jumped(const struct ms_authority_clock *c)
{
	uint64_t ours = ms_authority_now_s(c), wall = ms_clock_wall_s();
	return (ours > wall ? ours - wall : wall - ours) > c->tolerance_s;
}
