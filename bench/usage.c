#include "usage.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROCESSES_MAX 4096u

struct process {
	pid_t pid, parent;
	char name[24];
	double cpu_s, rss_mb;
};

static bool
read_process(const char *pid, struct process *ret)
{
	char path[64], text[1024];
	unsigned long user, system, child_user, child_system;
	long rss;
	int parent;
	(void)snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return false;
	size_t n = fread(text, 1, sizeof text - 1, f);
	(void)fclose(f);
	text[n] = '\0';
	char *open = strchr(text, '('), *close = strrchr(text, ')');
	if (open == NULL || close == NULL ||
	    sscanf(close + 2, "%*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %lu %lu %*d %*d %*d %*d %*u %*u %ld", &parent, &user,
		&system, &child_user, &child_system, &rss) != 6)
		return false;
	*close = '\0';
	double tick = (double)sysconf(_SC_CLK_TCK);
	*ret = (struct process){.pid = (pid_t)atol(pid), .parent = parent, .rss_mb = (double)rss * (double)sysconf(_SC_PAGESIZE) / 1e6};
	ret->cpu_s = (double)(user + system + child_user + child_system) / tick;
	(void)snprintf(ret->name, sizeof ret->name, "%.23s", open + 1);
	return true;
}

static size_t
read_all(struct process *all)
{
	size_t n = 0;
	DIR *d = opendir("/proc");
	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL && n < PROCESSES_MAX;)
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9' && read_process(e->d_name, &all[n]))
			n++;
	if (d != NULL)
		(void)closedir(d);
	return n;
}

static bool
is_below(const struct process *all, size_t n, pid_t pid, pid_t top)
{
	for (unsigned depth = 0; depth < 8 && pid > 1; depth++) {
		if (pid == top)
			return true;
		pid_t parent = 0;
		for (size_t i = 0; i < n; i++)
			if (all[i].pid == pid)
				parent = all[i].parent;
		pid = parent;
	}
	return false;
}

void
bench_usage_take(pid_t top, struct bench_usage *ret)
{
	static struct process all[PROCESSES_MAX];
	size_t n = read_all(all);
	ret->n = 0;
	for (size_t i = 0; i < n && ret->n < BENCH_USAGE_MAX; i++) {
		if (!is_below(all, n, all[i].pid, top))
			continue;
		ret->row[ret->n].pid = all[i].pid;
		ret->row[ret->n].cpu_s = all[i].cpu_s;
		ret->row[ret->n].rss_mb = all[i].rss_mb;
		memcpy(ret->row[ret->n++].name, all[i].name, sizeof all[i].name);
	}
}

double
bench_usage_between(const struct bench_usage *a, const struct bench_usage *b, const char *name)
{
	double sum = 0;
	for (size_t i = 0; i < b->n; i++) {
		if (strcmp(b->row[i].name, name) != 0)
			continue;
		sum += b->row[i].cpu_s;
		for (size_t k = 0; k < a->n; k++)
			if (a->row[k].pid == b->row[i].pid)
				sum -= a->row[k].cpu_s;
	}
	return sum;
}
