/* A boot log of 100 to 160 events: read, replayed, each digest recomputed from the data where that is possible, claims for policy. What
 * bounds it is hashing: one digest an event to extend, one or two to recompute, and one a certificate. Beside it the command of
 * Debian, once a call, and ours. */
#include "bootlog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "evidence/bootlog.h"
#include "measure.h"

#define COMMANDS 60u /* of GRUB, as a distribution's configuration runs them */
#define RUNS 50u

static struct ms_err err;
#define MUST(call) bench_must((call), #call, &err)

struct boot {
	struct ms_buf log;
	size_t events;
	double hashed; /* bytes */
	char path[64];
};

static void
put_le(struct ms_buf *b, uint64_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		ms_buf_u8(b, (uint8_t)(v >> (8 * i)));
}

static void
put_event(struct boot *b, unsigned pcr, uint32_t type, struct ms_span hashed, struct ms_span data)
{
	uint8_t digest[MS_SHA256_LEN];
	ms_sha256(hashed, digest);
	put_le(&b->log, pcr, 4);
	put_le(&b->log, type, 4);
	put_le(&b->log, 1, 4);
	put_le(&b->log, MS_TPM_ALG_SHA256, 2);
	ms_buf_put(&b->log, digest, sizeof digest);
	put_le(&b->log, data.len, 4);
	ms_buf_put_span(&b->log, data);
	b->events++;
	b->hashed += (double)hashed.len;
}

static void
put_command(struct boot *b, unsigned i)
{
	char text[160];
	int n = snprintf(text, sizeof text, "grub_cmd: set variable_%u=a value as long as those of a real configuration are, %u", i, i);
	put_event(b, 8, MS_EV_IPL, ms_span(text + 10, (size_t)n - 10), ms_span(text, (size_t)n + 1));
}

/* The log of a recorded boot, and more commands of GRUB than it had. */
static void
init(struct boot *b, const char *recorded)
{
	FILE *f = fopen(recorded, "rb");
	uint8_t buffer[65536];
	*b = (struct boot){.events = 48};
	ms_buf_init(&b->log, 1u << 20);
	size_t n = f == NULL ? 0 : fread(buffer, 1, sizeof buffer, f);
	if (f != NULL)
		(void)fclose(f);
	bench_must(n > 0 ? MS_OK : MS_ERR_IO, recorded, NULL);
	ms_buf_put(&b->log, buffer, n);
	b->hashed = (double)n;
	for (unsigned i = 0; i < COMMANDS; i++)
		put_command(b, i);
	MUST(ms_buf_check(&b->log, &err));
	(void)snprintf(b->path, sizeof b->path, "/tmp/bench-bootlog.XXXXXX");
	int fd = mkstemp(b->path);
	bench_must(fd >= 0 && write(fd, b->log.p, b->log.len) == (ssize_t)b->log.len && close(fd) == 0 ? MS_OK : MS_ERR_IO, b->path, NULL);
}

static void
appraise(void *ctx)
{
	struct boot *b = ctx;
	MS_OWN(ms_appraisal_free) struct ms_appraisal *a = NULL;
	MUST(ms_appraisal_new(&a, &err));
	MUST(ms_bootlog_appraise(ms_buf_span(&b->log), NULL, a, &err));
}

static void
load_only(void *ctx)
{
	struct boot *b = ctx;
	MS_OWN(ms_bootlog_free) struct ms_bootlog *l = NULL;
	MUST(ms_bootlog_load(ms_buf_span(&b->log), NULL, MS_EVENTLOG_PCR, MS_TPM_ALG_SHA256, &l, &err));
}

static void
parse_only(void *ctx)
{
	struct boot *b = ctx;
	struct ms_eventlog l;
	struct ms_event e;
	bool more = true;
	MUST(ms_eventlog_open(ms_buf_span(&b->log), NULL, MS_EVENTLOG_PCR, &l, &err));
	while (more)
		MUST(ms_eventlog_next(&l, &e, &more, &err));
}

/* Calls of a command per second, its output away; 0: it is not here. */
static double
command_rate(const char *command, const char *path)
{
	char line[256];
	(void)snprintf(line, sizeof line, "exec %s %s >/dev/null 2>&1", command, path);
	double begin = 0;
	for (unsigned i = 0; i <= RUNS; i++) {
		if (i == 1) /* the first warms the caches */
			begin = bench_now_s();
		int status = system(line);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
			return 0;
	}
	return RUNS / (bench_now_s() - begin);
}

void
bench_bootlog(const struct bench_peers *p)
{
	struct boot b;
	char title[96];
	init(&b, BENCH_DATA "/measured-boot/good/binary_bios_measurements");
	double bound = p->sha256_65 / 2 / (double)b.events;
	(void)snprintf(title, sizeof title, "a boot log of %zu events (per CPU second; commands per second)", b.events);
	bench_heading(title);
	bench_line("replayed, checked, with claims", bench_rate_cpu(appraise, &b), "openssl speed: 2 SHA-256 an event", bound);
	bench_line("replayed and checked", bench_rate_cpu(load_only, &b), "openssl speed: 2 SHA-256 an event", bound);
	bench_line("read only", bench_rate_cpu(parse_only, &b), NULL, 0);
	bench_line("muster eventlog replay, a call", command_rate("muster eventlog replay", b.path), "tpm2_eventlog, a call",
	    command_rate("tpm2_eventlog", b.path));
	(void)unlink(b.path);
	ms_buf_fini(&b.log);
}
