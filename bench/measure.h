/* Rates, and lines of the benchmarks' table. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H
#include <stdint.h>
#include "muster/rc.h"

/* Does the thing once; what goes wrong ends the program (bench_must). */
typedef void (*bench_fn)(void *ctx);
/* Calls per second of this process's CPU time, for what does not wait; after a warm-up, over about a second. */
double bench_rate_cpu(bench_fn fn, void *ctx);
/* Calls per second of time passed, for what waits. */
double bench_rate_wall(bench_fn fn, void *ctx);
/* The program ends, saying what, unless rc is MS_OK. */
void bench_must(enum ms_rc rc, const char *what, const struct ms_err *err);

/* A heading; then lines: what, its rate, the peer or limit beside it, its rate, the ratio. beside NULL: nothing is comparable. */
void bench_heading(const char *title);
void bench_line(const char *what, double per_s, const char *beside, double beside_per_s);

double bench_now_s(void); /* monotonic */
double bench_cpu_s(void); /* of this process, user and system */

#endif
