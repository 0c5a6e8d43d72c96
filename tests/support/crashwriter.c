/* Writes until it is killed, and says on standard output (one number a line) what is acknowledged.
 *	crashwriter store|unsafe|append|careless PATH
 * unsafe is the store without fsync, careless an appended file without: both must lose data under the shim. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/store.h"

#define ROWS 5u

static int
acknowledge(unsigned n)
{
	char line[16];
	int len = snprintf(line, sizeof line, "%u\n", n);
	return write(1, line, (size_t)len) == len ? 0 : 1;
}

/* Batch n is rows n/0 .. n/4 with a value that depends on n, and a mark that says n. */
static enum ms_rc
write_batch(struct ms_store *s, unsigned n, struct ms_err *err)
{
	uint8_t key[9], val[700];
	memset(val, (int)n, sizeof val);
	enum ms_rc rc = ms_store_begin(s, err);
	ms_store_key_u64(n, key);
	for (key[8] = 0; key[8] < ROWS && rc == MS_OK; key[8]++)
		rc = ms_store_insert(s, MS_TABLE_ENTRIES, ms_span(key, 9), ms_span(val, sizeof val), err);
	if (rc == MS_OK)
		rc = ms_store_put(s, MS_TABLE_OPERATIONS, ms_span_str("last"), ms_span(key, 8), err);
	return rc == MS_OK ? ms_store_commit(s, err) : rc;
}

static int
run_store(const char *path, unsigned flags)
{
	struct ms_store *s = NULL;
	struct ms_err err;
	enum ms_rc rc = ms_store_open(path, flags | (access(path, F_OK) == 0 ? 0 : MS_STORE_CREATE), &s, &err);
	for (unsigned n = 1; rc == MS_OK; n++) {
		rc = write_batch(s, n, &err);
		if (rc == MS_OK && acknowledge(n) != 0)
			return 1;
	}
	(void)fprintf(stderr, "crashwriter: %s\n", err.text);
	return 1;
}

static int
run_append(const char *path, bool sync)
{
	char dir[256];
	(void)snprintf(dir, sizeof dir, "%s", path);
	*strrchr(dir, '/') = '\0';
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	int d = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || d < 0 || fsync(d) != 0)
		return 1;
	for (uint32_t n = 1;; n++)
		if (write(fd, &n, sizeof n) != sizeof n || (sync && fdatasync(fd) != 0) || acknowledge(n) != 0)
			return 1;
}

int
main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	if (strcmp(argv[1], "append") == 0 || strcmp(argv[1], "careless") == 0)
		return run_append(argv[2], argv[1][0] == 'a');
	return run_store(argv[2], strcmp(argv[1], "unsafe") == 0 ? MS_STORE_UNSAFE_FOR_TEST : 0);
}
