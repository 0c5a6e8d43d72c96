/* Unit tests: MS_TEST(name_as_a_sentence) { CHECK(...); }. Tests register themselves; cmocka runs them. */
#ifndef MS_TEST_H
#define MS_TEST_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/bytes.h"

typedef void (*ms_test_fn)(void **state);
void ms_test_register(const char *name, ms_test_fn fn);

#define MS_TEST(name) \
	static void test_##name(void **state); \
	MS_CONSTRUCTOR static void register_##name(void) \
	{ \
		ms_test_register(#name, test_##name); \
	} \
	static void test_##name(MS_UNUSED void **state)

#define CHECK(cond) assert_true(cond)
#define CHECK_INT(a, b) assert_int_equal(a, b)
/* rc is MS_OK, else print the detail: CHECK_OK(ms_x_parse(..., &err), &err). */
#define CHECK_OK(rc, err) ms_test_ok(rc, err, __FILE__, __LINE__)
void ms_test_ok(enum ms_rc rc, const struct ms_err *err, const char *file, int line);

/* An exact heap copy, so that ASan sees one byte over. Free with free(). */
uint8_t *test_dup(const void *p, size_t n);
/* Bytes of a hex literal (white space ignored); heap, free with free(). */
uint8_t *test_hex(const char *hex, size_t *ret_len);
/* A whole file under tests/data (or an absolute path); heap. NULL when absent. */
uint8_t *test_file(const char *name, size_t *ret_len);
/* Path of the shared test vectors ($MUSTER_VECTORS, else ../shared/vectors beside the source), NULL when absent:
 * call skip() then. */
const char *test_vectors(void);

#endif
