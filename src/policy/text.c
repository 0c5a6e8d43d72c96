/* Times, versions and lists as the language writes them. */
#include <stdio.h>
#include <string.h>

#include "policy/policy_int.h"

/* Days since 1970-01-01 in the proleptic Gregorian calendar, for years 1970 to 9999. */
static uint64_t
days_of(unsigned year, unsigned month, unsigned day)
{
	unsigned y = month <= 2 ? year - 1 : year; /* years begin with March, so that the leap day is the last */
	unsigned m = month <= 2 ? month + 9 : month - 3;
	uint64_t days = (uint64_t)y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
	return days - 719468; /* the same count for 1970-01-01 */
}

static unsigned
month_days(unsigned year, unsigned month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

/* The digits that `form` has as 'd', in numbers split by its other characters; false when the text has another form. */
static bool
read_form(const char *form, struct ms_span s, unsigned out[static 6])
{
	size_t k = 0;
	if (s.len != strlen(form))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (form[i] != 'd') {
			if (s.p[i] != (uint8_t)form[i])
				return false;
			k++;
			continue;
		}
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		out[k] = out[k] * 10 + (s.p[i] - (unsigned)'0');
	}
	return true;
}

enum ms_rc
ms_policy_time_parse(struct ms_span text, uint64_t *ret, struct ms_err *err)
{
	unsigned n[6] = {0}, m[6] = {0};
	bool day = read_form("dddd-dd-dd", text, n);
	if (!day && read_form("dddd-dd-ddTdd:dd:ddZ", text, m))
		memcpy(n, m, sizeof n);
	if (n[0] < 1970 || n[1] < 1 || n[1] > 12 || n[2] < 1 || n[2] > month_days(n[0], n[1]) || n[3] > 23 || n[4] > 59 || n[5] > 59)
		return ms_fail(err, MS_ERR_USAGE, "a day is written 2026-12-31, a second of it 2026-12-31T23:00:00Z");
	*ret = days_of(n[0], n[1], n[2]) * 86400u + n[3] * 3600u + n[4] * 60u + n[5];
	return MS_OK;
}

void
ms_policy_time_text(uint64_t s, char out[static MS_POLICY_TIME_TEXT])
{
	if (s > MS_POLICY_TIME_MAX)
		s = MS_POLICY_TIME_MAX;
	uint64_t days = s / 86400, in_day = s % 86400;
	unsigned year = 1970 + (unsigned)(days / 366), month = 1; /* never too late; stepped forward */
	while (days_of(year + 1, 1, 1) <= days)
		year++;
	while (month < 12 && days_of(year, month + 1, 1) <= days)
		month++;
	(void)snprintf(out, MS_POLICY_TIME_TEXT, "%04u-%02u-%02uT%02u:%02u:%02uZ", year % 10000u, month,
	    (unsigned)(days - days_of(year, month, 1) + 1) % 100u, (unsigned)(in_day / 3600), (unsigned)(in_day / 60 % 60),
	    (unsigned)(in_day % 60));
}

/* The next number of a version, without leading zeros; {NULL, 0} past the end counts as 0. */
static struct ms_span
next_number(struct ms_span *s)
{
	size_t n = 0;
	while (n < s->len && s->p[n] != '.')
		n++;
	struct ms_span number = ms_span(s->p, n);
	*s = n == s->len ? MS_SPAN_NONE : ms_span(s->p + n + 1, s->len - n - 1);
	while (number.len > 0 && number.p[0] == '0')
		number = ms_span(number.p + 1, number.len - 1);
	return number;
}

bool
ms_policy_version_ok(struct ms_span s)
{
	bool digit = false; /* the character before */
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '.' && !digit)
			return false;
		digit = s.p[i] >= '0' && s.p[i] <= '9';
		if (!digit && s.p[i] != '.')
			return false;
	}
	return digit;
}

enum ms_rc
ms_policy_version_cmp(struct ms_span a, struct ms_span b, int *ret, struct ms_err *err)
{
	if (!ms_policy_version_ok(a) || !ms_policy_version_ok(b))
		return ms_fail(err, MS_ERR_USAGE, "a version is numbers with dots between them");
	int c = 0;
	while (c == 0 && (a.len > 0 || b.len > 0)) {
		struct ms_span x = next_number(&a), y = next_number(&b);
		c = x.len != y.len ? (x.len < y.len ? -1 : 1) : ms_span_cmp(x, y);
	}
	*ret = c;
	return MS_OK;
}

void
ms_policy_pcrs_text(uint32_t mask, char out[static MS_POLICY_PCRS_TEXT])
{
	size_t n = 0;
	out[0] = '\0';
	for (unsigned i = 0; i < MS_TPM_PCR_COUNT; i++)
		if ((mask >> i & 1) != 0)
			n += (size_t)snprintf(out + n, MS_POLICY_PCRS_TEXT - n, "%s%u", n == 0 ? "" : ",", i); /* 24 numbers fit */
}

size_t
ms_policy_names_find(const struct ms_policy_names *sorted, struct ms_span name)
{
	size_t lo = 0, hi = sorted->n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = ms_span_cmp(name, sorted->item[mid]);
		if (c == 0)
			return mid;
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return sorted->n;
}

bool
ms_policy_names_has(const struct ms_policy_names *sorted, struct ms_span name)
{
	return ms_policy_names_find(sorted, name) < sorted->n;
}

bool
ms_policy_names_sorted(const struct ms_policy_names *n)
{
	for (size_t i = 1; i < n->n; i++)
		if (ms_span_cmp(n->item[i - 1], n->item[i]) >= 0)
			return false;
	return true;
}

#define ALL_SCALARS (1u << MS_CLAIM_UINT | 1u << MS_CLAIM_TEXT | 1u << MS_CLAIM_BYTES)
static const struct ms_policy_op_row ops[MS_OP_COUNT] = {
    [MS_OP_IS] = {"is", ALL_SCALARS | 1u << MS_CLAIM_BOOL, true, false, false},
    [MS_OP_IN] = {"in", ALL_SCALARS, true, false, true},
    [MS_OP_NOT_IN] = {"not_in", ALL_SCALARS, true, false, true},
    [MS_OP_ANY_OF] = {"any_of", ALL_SCALARS, false, true, true},
    [MS_OP_ALL_OF] = {"all_of", ALL_SCALARS, false, true, true},
    [MS_OP_NONE_OF] = {"none_of", ALL_SCALARS, false, true, true},
    [MS_OP_MIN] = {"min", 1u << MS_CLAIM_UINT, true, true, false},
    [MS_OP_MAX] = {"max", 1u << MS_CLAIM_UINT, true, true, false},
    [MS_OP_VERSION_MIN] = {"version_min", 1u << MS_CLAIM_TEXT, true, true, false},
    [MS_OP_VERSION_MAX] = {"version_max", 1u << MS_CLAIM_TEXT, true, true, false},
    [MS_OP_PREFIX] = {"prefix", 1u << MS_CLAIM_TEXT, true, true, false},
    [MS_OP_WORDS] = {"words", 1u << MS_CLAIM_TEXT, true, true, true},
    [MS_OP_NO_WORDS] = {"no_words", 1u << MS_CLAIM_TEXT, true, true, true},
    [MS_OP_CONTAINS] = {"contains", ALL_SCALARS, false, true, true},
};

const struct ms_policy_op_row *
ms_policy_op_at(unsigned op)
{
	return op < MS_OP_COUNT ? &ops[op] : NULL;
}

void
ms_policy_condition_text(const struct ms_policy_condition *c, char *out, size_t size)
{
	bool list = ops[c->op].list, bytes = c->claim->type == MS_CLAIM_BYTES;
	size_t n = c->n_numbers + c->values.n, at = 0;
	if (c->claim->type == MS_CLAIM_BOOL || (c->claim->type == MS_CLAIM_UINT && !list)) {
		if (c->claim->type == MS_CLAIM_BOOL)
			(void)snprintf(out, size, "%s", c->number != 0 ? "true" : "false");
		else
			(void)snprintf(out, size, "%llu", (unsigned long long)c->number);
		return;
	}
	out[0] = '\0';
	for (size_t i = 0; i < n && at + 8 < size; i++) {
		char hex[129] = "";
		int len = snprintf(out + at, size - at, "%s", i == 0 ? (list ? "[" : "") : ", ");
		at += (size_t)len;
		struct ms_span v = c->n_numbers > 0 ? MS_SPAN_NONE : c->values.item[i];
		if (c->n_numbers > 0)
			(void)snprintf(hex, sizeof hex, "%llu", (unsigned long long)c->numbers[i]);
		else if (bytes)
			ms_hex(v.p, v.len < 64 ? v.len : 64, hex);
		if (c->n_numbers > 0 || bytes)
			v = ms_span_str(hex);
		size_t room = size - at - 6;
		(void)snprintf(
		    out + at, size - at, "%.*s%s", (int)(v.len < room ? v.len : room), (const char *)v.p, v.len < room ? "" : "...");
		at += strlen(out + at);
	}
	if (list && at + 2 < size)
		(void)snprintf(out + at, size - at, "]");
}
