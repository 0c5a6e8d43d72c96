#include "measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define WARM_UP_S 0.1
#define WINDOW_S 1.0

static double
clock_s(clockid_t id)
{
	struct timespec ts;
	(void)clock_gettime(id, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

double
bench_now_s(void)
{
	return clock_s(CLOCK_MONOTONIC);
}

double
bench_cpu_s(void)
{
	return clock_s(CLOCK_PROCESS_CPUTIME_ID);
}

/* Calls in batches that grow until one takes `window`; the last batch is what counts. */
static double
rate(double (*now)(void), bench_fn fn, void *ctx, double window)
{
	for (uint64_t n = 1;; n *= 2) {
		double start = now();
		for (uint64_t i = 0; i < n; i++)
			fn(ctx);
		double passed = now() - start;
		if (passed >= window)
			return (double)n / passed;
		if (passed > 0 && passed < window / 2.5 && n > 16) { /* jump near to the end */
			double want = (double)n * window / passed * 1.1;
			n = want > (double)n ? (uint64_t)(want / 2) : n;
		}
	}
}

double
bench_rate_cpu(bench_fn fn, void *ctx)
{
	(void)rate(bench_cpu_s, fn, ctx, WARM_UP_S);
	return rate(bench_cpu_s, fn, ctx, WINDOW_S);
}

double
bench_rate_wall(bench_fn fn, void *ctx)
{
	(void)rate(bench_now_s, fn, ctx, WARM_UP_S);
	return rate(bench_now_s, fn, ctx, WINDOW_S);
}

void
bench_must(enum ms_rc rc, const char *what, const struct ms_err *err)
{
	if (rc == MS_OK)
		return;
	(void)fprintf(stderr, "bench: %s: %s: %s\n", what, ms_rc_name(rc), err != NULL ? err->text : "");
	exit(1);
}

void
bench_heading(const char *title)
{
	(void)printf("\n%-58s %11s   %-34s %11s %7s\n", title, "per second", "beside", "per second", "ratio");
}

void
bench_line(const char *what, double per_s, const char *beside, double beside_per_s)
{
	if (beside == NULL)
		(void)printf("%-58s %11.0f\n", what, per_s);
	else
		(void)printf(
		    "%-58s %11.0f   %-34s %11.0f %7.2f\n", what, per_s, beside, beside_per_s, beside_per_s > 0 ? per_s / beside_per_s : 0);
	(void)fflush(stdout);
}
