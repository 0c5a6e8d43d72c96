/* What is acknowledged survives a crash of the machine: kill -9 under the shim that drops what was not synced. */
#include "support/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store.h"

struct crash {
	char dir[32], data[48], journal[48], path[64];
	unsigned acked;
};

static void
remove_tree(const char *dir)
{
	DIR *d = opendir(dir);
	CHECK(d != NULL);
	for (struct dirent *e = readdir(d); e != NULL; e = readdir(d))
		if (e->d_type == DT_REG)
			CHECK_INT(unlinkat(dirfd(d), e->d_name, 0), 0);
	CHECK_INT(closedir(d), 0);
	CHECK_INT(rmdir(dir), 0);
}

static void
child(const char *mode, const struct crash *c, int out)
{
	if (dup2(out, 1) != 1 || setenv("DROPSHIM_DIR", c->data, 1) != 0 || setenv("DROPSHIM_JOURNAL", c->journal, 1) != 0 ||
	    setenv("LD_PRELOAD", MS_DROPSHIM, 1) != 0)
		_exit(98);
	(void)execl(MS_CRASHWRITER, MS_CRASHWRITER, mode, c->path, (char *)NULL);
	_exit(97);
}

/* Read acknowledgements until `stop`, then some microseconds more, and kill. */
static void
run_and_kill(const char *mode, struct crash *c, unsigned stop, unsigned more_us)
{
	int p[2];
	CHECK_INT(pipe2(p, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0)
		child(mode, c, p[1]);
	CHECK_INT(close(p[1]), 0);
	FILE *f = fdopen(p[0], "r");
	char line[32];
	while (c->acked < stop && fgets(line, sizeof line, f) != NULL)
		c->acked = (unsigned)strtoul(line, NULL, 10);
	(void)usleep(more_us);
	CHECK_INT(kill(pid, SIGKILL), 0);
	while (fgets(line, sizeof line, f) != NULL) /* acknowledged before it died */
		c->acked = (unsigned)strtoul(line, NULL, 10);
	(void)fclose(f);
	int st;
	CHECK(waitpid(pid, &st, 0) == pid);
	CHECK(WIFSIGNALED(st) && c->acked >= stop);
}

static void
drop(const struct crash *c, unsigned seed)
{
	char text[16];
	(void)snprintf(text, sizeof text, "%u", seed);
	pid_t pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY);
		(void)dup2(null, 1);
		(void)execl(MS_DROPCRASH, MS_DROPCRASH, c->data, c->journal, seed == 0 ? (char *)NULL : text, (char *)NULL);
		_exit(97);
	}
	int st = -1;
	CHECK(waitpid(pid, &st, 0) == pid);
	CHECK_INT(st, 0);
}

static void
crash(const char *mode, unsigned seed, struct crash *c)
{
	/* in memory where that can be: what is lost is the shim's business, and a sync costs nothing */
	*c = (struct crash){.dir = "/dev/shm/muster-crash-XXXXXX"};
	if (access("/dev/shm", W_OK) != 0)
		(void)snprintf(c->dir, sizeof c->dir, "/tmp/muster-crash-XXXXXX");
	CHECK(mkdtemp(c->dir) != NULL);
	(void)snprintf(c->data, sizeof c->data, "%s/data", c->dir);
	(void)snprintf(c->journal, sizeof c->journal, "%s/undo", c->dir);
	(void)snprintf(c->path, sizeof c->path, "%s/file", c->data);
	CHECK(mkdir(c->data, 0700) == 0 && mkdir(c->journal, 0700) == 0);
	run_and_kill(mode, c, 1 + seed * 37 % 180, seed * 7919 % 3000);
	drop(c, seed % 3 == 0 ? 0 : seed);
}

static void
clean(const struct crash *c)
{
	remove_tree(c->data);
	remove_tree(c->journal);
	CHECK_INT(rmdir(c->dir), 0);
}

/* Number of whole batches in a row from 1; 0 when the store does not open. Counts what is half there. */
static enum ms_rc
see_row(void *ctx, struct ms_span key, struct ms_span val)
{
	uint64_t *n = ctx;
	struct ms_span want = key;
	uint8_t expect[9];
	ms_store_key_u64(*n / 5 + 1, expect);
	expect[8] = (uint8_t)(*n % 5);
	for (size_t i = 0; i < val.len; i++)
		if (val.p[i] != (uint8_t)(*n / 5 + 1))
			return MS_ERR_MALFORMED;
	if (!ms_span_eq(want, ms_span(expect, 9)))
		return MS_ERR_MALFORMED;
	++*n;
	return MS_OK;
}

static bool
store_is_whole(const char *path, uint64_t *ret_batches)
{
	MS_OWN(ms_store_close) struct ms_store *s = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf last;
	struct ms_err err;
	uint64_t rows = 0;
	uint8_t key[8];
	ms_buf_init(&last, 100);
	*ret_batches = 0;
	if (ms_store_open(path, 0, &s, &err) != MS_OK || ms_store_quick_check(s, &err) != MS_OK)
		return false;
	if (ms_store_scan(s, &(struct ms_scan){.table = MS_TABLE_ENTRIES}, see_row, &rows, &err) != MS_OK || rows % 5 != 0)
		return false;
	*ret_batches = rows / 5;
	if (rows == 0)
		return true;
	ms_store_key_u64(rows / 5, key);
	return ms_store_get(s, MS_TABLE_OPERATIONS, ms_span_str("last"), &last, &err) == MS_OK &&
	       ms_span_eq(ms_buf_span(&last), ms_span(key, sizeof key));
}

static unsigned
points(void)
{
	const char *n = getenv("MUSTER_CRASH_POINTS");
	return n == NULL ? 20 : (unsigned)strtoul(n, NULL, 10);
}

MS_TEST(I2_acknowledged_commits_survive_kill_and_loss_of_everything_unsynced)
{
	for (unsigned seed = 1; seed <= points(); seed++) {
		struct crash c;
		uint64_t batches = 0;
		crash("store", seed, &c);
		bool whole = store_is_whole(c.path, &batches);
		if (!whole || batches < c.acked || batches > c.acked + 1)
			print_error("seed %u: acknowledged %u, found %llu\n", seed, c.acked, (unsigned long long)batches);
		CHECK(whole && batches >= c.acked && batches <= c.acked + 1);
		clean(&c);
	}
}

MS_TEST(without_fsync_the_same_test_sees_the_loss)
{
	unsigned lost = 0;
	for (unsigned seed = 1; seed <= 6; seed++) {
		struct crash c;
		uint64_t batches = 0;
		crash("unsafe", seed, &c);
		bool whole = store_is_whole(c.path, &batches);
		lost += !whole || batches < c.acked;
		clean(&c);
	}
	CHECK(lost >= 3);
}

static unsigned
appended(const char *path)
{
	size_t len = 0;
	uint8_t *p = test_file(path, &len);
	uint32_t n = 0, v = 0;
	for (size_t i = 0; i + 4 <= len; i += 4) {
		memcpy(&v, p + i, 4);
		if (v != n + 1)
			break;
		n = v;
	}
	free(p);
	return n;
}

MS_TEST(an_appended_file_keeps_what_was_synced_and_only_that_is_sure)
{
	for (unsigned seed = 1; seed <= 6; seed++) {
		struct crash c;
		crash("append", seed, &c);
		CHECK(appended(c.path) >= c.acked);
		clean(&c);
		crash("careless", seed * 3, &c); /* a multiple of 3: everything unsynced goes */
		CHECK_INT(appended(c.path), 0);
		clean(&c);
	}
}
