#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"

#define MAX_TESTS 512u
static struct CMUnitTest tests[MAX_TESTS];
static size_t n_tests;

void
ms_test_register(const char *name, ms_test_fn fn)
{
	if (n_tests == MAX_TESTS)
		abort();
	tests[n_tests++] = (struct CMUnitTest){.name = name, .test_func = fn};
}

void
ms_test_ok(enum ms_rc rc, const struct ms_err *err, const char *file, int line)
{
	if (rc != MS_OK)
		print_error("%s: %s\n", ms_rc_name(rc), err == NULL ? "" : err->text);
	_assert_true(rc == MS_OK, "rc == MS_OK", file, line);
}

uint8_t *
test_dup(const void *p, size_t n)
{
	uint8_t *w = malloc(n == 0 ? 1 : n);
	if (w == NULL)
		abort();
	if (n > 0)
		memcpy(w, p, n);
	if (n == 0) { /* a zero-size heap block: any read is one over */
		free(w);
		w = malloc(0);
	}
	return w;
}

uint8_t *
test_hex(const char *hex, size_t *ret_len)
{
	char *clean = malloc(strlen(hex) + 1);
	size_t n = 0;
	if (clean == NULL)
		abort();
	for (; *hex != '\0'; hex++)
		if (strchr(" \t\r\n", *hex) == NULL)
			clean[n++] = *hex;
	uint8_t *out = malloc(n / 2 + 1);
	if (out == NULL || ms_unhex(clean, n, out, n / 2) != MS_OK)
		abort();
	free(clean);
	*ret_len = n / 2;
	return out;
}

uint8_t *
test_file(const char *name, size_t *ret_len)
{
	char path[4096];
	struct ms_buf b;
	ms_buf_init(&b, 64u << 20);
	(void)snprintf(path, sizeof path, "%s%s", name[0] == '/' ? "" : MS_SOURCE_DIR "/tests/data/", name);
	if (ms_io_read_file(path, b.max, &b, NULL) != MS_OK) {
		ms_buf_fini(&b);
		return NULL;
	}
	uint8_t *p = test_dup(b.p, b.len);
	*ret_len = b.len;
	ms_buf_fini(&b);
	return p;
}

const char *
test_vectors(void)
{
	const char *env = getenv("MUSTER_VECTORS");
	const char *dir = env != NULL ? env : MS_SOURCE_DIR "/../shared/vectors";
	struct stat st;
	return stat(dir, &st) == 0 && S_ISDIR(st.st_mode) ? dir : NULL;
}

int
main(void)
{
	/* cmocka's group runner, by the name its macro expands to: our list is built at start, not by the compiler */
	return _cmocka_run_group_tests("muster", tests, n_tests, NULL, NULL);
}
