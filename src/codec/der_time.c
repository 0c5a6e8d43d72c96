/* UTCTime and GeneralizedTime as RFC 5280 4.1.2.5 wants them: Zulu, with seconds, without fractions; UTCTime for
 * years to 2049 and GeneralizedTime from 2050. */
#include <stdio.h>
#include "codec/der.h"

#define DAY_S 86400u
#define YEAR_UTC_MIN 1950u
#define YEAR_UTC_MAX 2049u
#define TEXT_S_MAX UINT64_C(253402300799) /* 9999-12-31 23:59:59 */

struct when {
	unsigned year, month, day, hour, minute, second;
};

/* Days from 1970-01-01 of a date in the proleptic Gregorian calendar, year >= 1970. Years are counted from March,
 * so that the leap day is the last of its year. */
static uint64_t
days_of(unsigned year, unsigned month, unsigned day)
{
	unsigned y = month > 2 ? year : year - 1;
	unsigned month_from_march = month > 2 ? month - 3 : month + 9;
	unsigned day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
	uint64_t days = (uint64_t)y * 365 + y / 4 - y / 100 + y / 400 + day_of_year;
	return days - 719468; /* the same count for 1970-01-01 */
}

static bool
leap(unsigned year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned
month_days(unsigned year, unsigned month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	return days[month - 1] + (month == 2 && leap(year) ? 1u : 0u);
}

static struct when
when_of(uint64_t s)
{
	uint64_t days = s / DAY_S, in_day = s % DAY_S;
	unsigned year = 1970 + (unsigned)(days / 366); /* never too late; stepped forward below */
	while (days_of(year + 1, 1, 1) <= days)
		year++;
	unsigned month = 1;
	while (month < 12 && days_of(year, month + 1, 1) <= days)
		month++;
	return (struct when){
	    .year = year,
	    .month = month,
	    .day = (unsigned)(days - days_of(year, month, 1)) + 1,
	    .hour = (unsigned)(in_day / 3600),
	    .minute = (unsigned)(in_day / 60 % 60),
	    .second = (unsigned)(in_day % 60),
	};
}

/* n decimal digits; poisons on anything else. */
static unsigned
digits(struct ms_rd *r, unsigned n)
{
	unsigned v = 0;
	for (unsigned i = 0; i < n; i++) {
		uint8_t c = ms_rd_u8(r);
		if (c < '0' || c > '9')
			ms_rd_poison(r);
		v = v * 10 + (unsigned)(c - '0') % 10;
	}
	return v;
}

static bool
when_ok(const struct when *w)
{
	return w->year >= 1970 && w->month >= 1 && w->month <= 12 && w->day >= 1 && w->day <= month_days(w->year, w->month) &&
	       w->hour <= 23 && w->minute <= 59 && w->second <= 59;
}

uint64_t
ms_der_read_time(struct ms_der *d)
{
	bool utc = ms_der_peek(d) == MS_DER_UTC_TIME;
	struct ms_rd r = ms_rd_span(ms_der_read(d, utc ? MS_DER_UTC_TIME : MS_DER_GENERALIZED_TIME));
	struct when w = {.year = digits(&r, utc ? 2 : 4)};
	if (utc)
		w.year += w.year < 50 ? 2000 : 1900;
	w.month = digits(&r, 2);
	w.day = digits(&r, 2);
	w.hour = digits(&r, 2);
	w.minute = digits(&r, 2);
	w.second = digits(&r, 2);
	bool zulu = ms_rd_u8(&r) == 'Z' && ms_rd_done(&r);
	bool right_type = utc || w.year < YEAR_UTC_MIN || w.year > YEAR_UTC_MAX;
	if (!zulu || !right_type || !when_ok(&w)) {
		ms_der_poison(d);
		return 0;
	}
	return days_of(w.year, w.month, w.day) * DAY_S + w.hour * 3600u + w.minute * 60u + w.second;
}

void
ms_der_put_time(struct ms_buf *b, uint64_t wall_s)
{
	char text[sizeof "99991231235959Z" + 32];
	if (wall_s > TEXT_S_MAX) {
		b->bad = true;
		return;
	}
	struct when w = when_of(wall_s);
	bool utc = w.year <= YEAR_UTC_MAX;
	int n = snprintf(text, sizeof text, "%04u%02u%02u%02u%02u%02uZ", w.year, w.month, w.day, w.hour, w.minute, w.second);
	if (n < 0 || (size_t)n >= sizeof text) {
		b->bad = true;
		return;
	}
	unsigned skip = utc ? 2 : 0;
	ms_der_put(b, utc ? MS_DER_UTC_TIME : MS_DER_GENERALIZED_TIME, ms_span(text + skip, (size_t)n - skip));
}
