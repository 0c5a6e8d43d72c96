#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define LINE_MAX_LEN 2048
#define LINES_PER_SECOND 20u
#define EVENT_SLOTS 64u

/* The process's one mutable global: how to log, and how often each event was logged this second. */
static struct {
	const char *role;
	enum ms_log_level max;
	struct {
		const char *event;
		uint64_t second;
		unsigned count;
	} seen[EVENT_SLOTS];
} state = {.role = "muster", .max = MS_LOG_INFO};

void
ms_log_init(const char *role, enum ms_log_level max)
{
	state.role = role;
	state.max = max;
}

static bool
rate_ok(const char *event)
{
	uint64_t now = ms_clock_boot_ms() / 1000;
	size_t slot = 0;
	for (const char *c = event; *c != '\0'; c++)
		slot = (slot * 31 + (unsigned char)*c) % EVENT_SLOTS;
	if (state.seen[slot].event != event || state.seen[slot].second != now) {
		state.seen[slot].event = event;
		state.seen[slot].second = now;
		state.seen[slot].count = 0;
	}
	return ++state.seen[slot].count <= LINES_PER_SECOND;
}

static void
escape(const char *in, char *out, size_t cap)
{
	size_t o = 0;
	for (; *in != '\0' && o + 5 < cap; in++) {
		unsigned char c = (unsigned char)*in;
		if (c >= 0x20 && c < 0x7f)
			out[o++] = (char)c;
		else
			o += (size_t)snprintf(out + o, cap - o, "\\x%02x", c);
	}
	out[o] = '\0';
}

void
ms_log(enum ms_log_level level, const char *event, const char *fmt, ...)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};
	char text[LINE_MAX_LEN / 2], clean[LINE_MAX_LEN], line[LINE_MAX_LEN + 256], when[MS_CLOCK_TEXT_LEN];
	if (level > state.max || !rate_ok(event))
		return;
	va_list ap;
	va_start(ap, fmt);
	if (vsnprintf(text, sizeof text, fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	escape(text, clean, sizeof clean);
	ms_clock_text(ms_clock_wall_s(), when);
	int n = snprintf(line, sizeof line, "%s %s role=%s event=%s %s\n", when, names[level], state.role, event, clean);
	if (n > 0)
		(void)!write(STDERR_FILENO, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}
