#include "base/clock.h"

#include <assert.h>
#include <stdio.h>
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

/* Proleptic Gregorian date of a day since 1970-01-01, counted in eras of 400 years that begin on 1 March. The C library's
 * own conversion opens the time zone's file, which no caged process may. */
static void
date_of(uint64_t days, unsigned *year, unsigned *month, unsigned *day)
{
	uint64_t z = days + 719468, era = z / 146097, doe = z % 146097;
	uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	*day = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
	*month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
	*year = (unsigned)(yoe + era * 400 + (*month <= 2 ? 1 : 0));
}

void
ms_clock_text(uint64_t wall_s, char out[static MS_CLOCK_TEXT_LEN])
{
	unsigned year, month, day, rest = (unsigned)(wall_s % 86400);
	char text[64];
	if (wall_s > 253402300799u) { /* 9999-12-31T23:59:59Z */
		memcpy(out, "----------T--------Z", MS_CLOCK_TEXT_LEN);
		return;
	}
	date_of(wall_s / 86400, &year, &month, &day);
	(void)snprintf(text, sizeof text, "%04u-%02u-%02uT%02u:%02u:%02uZ", year, month, day, rest / 3600, rest / 60 % 60, rest % 60);
	memcpy(out, text, MS_CLOCK_TEXT_LEN);
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
