/* CPU time of the processes below one, by program. */
#ifndef BENCH_USAGE_H
#define BENCH_USAGE_H
#include <stddef.h>
#include <sys/types.h>

#define BENCH_USAGE_MAX 64u
struct bench_usage {
	size_t n;
	struct {
		pid_t pid;
		char name[24];
		double cpu_s, rss_mb;
	} row[BENCH_USAGE_MAX];
};
/* Of `top` and all processes below it. */
void bench_usage_take(pid_t top, struct bench_usage *ret);
/* CPU seconds between two, of all processes with this name. */
double bench_usage_between(const struct bench_usage *a, const struct bench_usage *b, const char *name);

#endif
