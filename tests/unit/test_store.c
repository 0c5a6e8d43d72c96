#include "support/test.h"

#include <fcntl.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store_int.h"
#include "support/faultvfs.h"

#define T MS_TABLE_OPERATIONS

struct place {
	char dir[32], path[64];
};

static struct place
place_new(void)
{
	struct place p = {.dir = "/tmp/muster-store-XXXXXX"};
	CHECK(mkdtemp(p.dir) != NULL);
	(void)snprintf(p.path, sizeof p.path, "%s/db", p.dir);
	return p;
}

static void
place_free(const struct place *p)
{
	static const char *const suffix[] = {
	    "", "-wal", "-shm", "-lock", "-journal", ".new", ".copy", ".copy-lock", ".copy-wal", ".copy-shm"};
	char name[96];
	for (size_t i = 0; i < sizeof suffix / sizeof *suffix; i++) {
		(void)snprintf(name, sizeof name, "%s%s", p->path, suffix[i]);
		(void)unlink(name);
	}
	CHECK_INT(rmdir(p->dir), 0);
}

static struct ms_store *
open_ok(const char *path, unsigned flags)
{
	struct ms_store *s = NULL;
	struct ms_err err = {0};
	CHECK_OK(ms_store_open(path, flags, &s, &err), &err);
	return s;
}

static void
put(struct ms_store *s, const char *key, const char *val)
{
	struct ms_err err = {0};
	CHECK_OK(ms_store_put(s, T, ms_span_str(key), ms_span_str(val), &err), &err);
}

static bool
has(struct ms_store *s, const char *key, const char *val)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	struct ms_err err = {0};
	ms_buf_init(&b, 1000);
	enum ms_rc rc = ms_store_get(s, T, ms_span_str(key), &b, &err);
	if (val == NULL)
		return rc == MS_ERR_NOT_FOUND && b.len == 0;
	return rc == MS_OK && ms_span_eq(ms_buf_span(&b), ms_span_str(val));
}

static void
commit(struct ms_store *s)
{
	struct ms_err err = {0};
	CHECK_OK(ms_store_commit(s, &err), &err);
}

static void
begin(struct ms_store *s)
{
	struct ms_err err = {0};
	CHECK_OK(ms_store_begin(s, &err), &err);
}

MS_TEST(every_engine_has_a_name_and_the_last_takes_any_path)
{
	size_t n = 0;
	for (; ms_store_backends[n] != NULL; n++)
		CHECK(ms_store_backends[n]->name != NULL);
	CHECK(n > 0);
	CHECK(ms_store_backends[n - 1]->scheme == NULL);
}

MS_TEST(tables_have_distinct_names_and_are_found_by_them)
{
	for (unsigned i = 0; i < MS_TABLE_COUNT; i++) {
		enum ms_table t = MS_TABLE_COUNT;
		CHECK_INT(ms_table_by_name(ms_table_info((enum ms_table)i)->name, &t), MS_OK);
		CHECK_INT(t, i);
	}
	enum ms_table t = MS_TABLE_COUNT;
	CHECK_INT(ms_table_by_name("nothing", &t), MS_ERR_NOT_FOUND);
	CHECK_INT(t, MS_TABLE_COUNT);
	CHECK(ms_table_info(MS_TABLE_COUNT) == NULL);
	CHECK(ms_table_info((enum ms_table) - 1) == NULL);
	CHECK(!ms_table_info(MS_TABLE_ENTRIES)->folded);
	CHECK(ms_table_info(MS_TABLE_DEVICES)->folded);
}

MS_TEST(committed_rows_survive_a_close_and_others_do_not)
{
	struct place p = place_new();
	struct ms_store *s = open_ok(p.path, MS_STORE_CREATE);
	begin(s);
	put(s, "a", "1");
	commit(s);
	begin(s);
	put(s, "b", "2");
	CHECK(has(s, "b", "2"));
	ms_store_close(s);
	s = open_ok(p.path, 0);
	CHECK(has(s, "a", "1"));
	CHECK(has(s, "b", NULL));
	ms_store_close(s);
	place_free(&p);
}

MS_TEST(a_read_never_creates_and_create_never_takes_what_is_there)
{
	struct place p = place_new();
	struct ms_store *s = NULL;
	struct ms_err err;
	CHECK_INT(ms_store_open(p.path, 0, &s, &err), MS_ERR_NOT_FOUND);
	CHECK_INT(ms_store_open(p.path, MS_STORE_READONLY, &s, &err), MS_ERR_NOT_FOUND);
	CHECK(s == NULL && access(p.path, F_OK) != 0);
	ms_store_close(open_ok(p.path, MS_STORE_CREATE));
	CHECK_INT(ms_store_open(p.path, MS_STORE_CREATE, &s, &err), MS_ERR_CONFLICT);
	CHECK_INT(ms_store_open(p.path, MS_STORE_CREATE | MS_STORE_READONLY, &s, &err), MS_ERR_USAGE);
	CHECK_INT(ms_store_open("", 0, &s, &err), MS_ERR_USAGE);
	CHECK_INT(ms_store_open(p.dir, 0, &s, &err), MS_ERR_MALFORMED);
	CHECK(s == NULL);
	struct stat st;
	CHECK(stat(p.path, &st) == 0 && (st.st_mode & 077) == 0);
	char lock[80];
	(void)snprintf(lock, sizeof lock, "%s-lock", p.dir);
	(void)unlink(lock);
	place_free(&p);
}

MS_TEST(a_second_writer_is_refused_while_readers_may_look)
{
	struct place p = place_new();
	struct ms_store *s = open_ok(p.path, MS_STORE_CREATE), *two = NULL;
	struct ms_err err;
	begin(s);
	put(s, "a", "1");
	commit(s);
	CHECK_INT(ms_store_open(p.path, 0, &two, &err), MS_ERR_CONFLICT);
	CHECK(strstr(err.text, "in use") != NULL);
	CHECK(two == NULL);
	pid_t pid = fork();
	if (pid == 0)
		_exit(ms_store_open(p.path, 0, &two, &err) == MS_ERR_CONFLICT ? 0 : 1);
	int st = -1;
	CHECK(waitpid(pid, &st, 0) == pid && st == 0);
	two = open_ok(p.path, MS_STORE_READONLY);
	CHECK(has(two, "a", "1"));
	CHECK_INT(ms_store_begin(two, &err), MS_ERR_USAGE);
	CHECK_INT(ms_store_put(two, T, ms_span_str("k"), ms_span_str("v"), &err), MS_ERR_INTERNAL);
	ms_store_close(two);
	ms_store_close(s);
	ms_store_close(open_ok(p.path, 0));
	place_free(&p);
}

MS_TEST(I7_insert_takes_a_key_once_and_delete_exactly_one_row)
{
	struct ms_store *s = open_ok(NULL, MS_STORE_MEMORY);
	struct ms_err err;
	begin(s);
	CHECK_OK(ms_store_insert(s, T, ms_span_str("k"), ms_span_str("1"), &err), &err);
	CHECK_INT(ms_store_insert(s, T, ms_span_str("k"), ms_span_str("2"), &err), MS_ERR_CONFLICT);
	CHECK(ms_store_in_tx(s));
	CHECK(has(s, "k", "1"));
	CHECK_OK(ms_store_insert(s, MS_TABLE_NONCES, ms_span_str("k"), MS_SPAN_NONE, &err), &err);
	CHECK_OK(ms_store_delete(s, T, ms_span_str("k"), &err), &err);
	CHECK_INT(ms_store_delete(s, T, ms_span_str("k"), &err), MS_ERR_NOT_FOUND);
	CHECK(ms_store_in_tx(s));
	commit(s);
	uint64_t n = 99;
	CHECK_OK(ms_store_count(s, MS_TABLE_NONCES, &n, &err), &err);
	CHECK_INT(n, 1);
	ms_store_close(s);
}

MS_TEST(calls_out_of_order_are_refused_and_change_nothing)
{
	struct ms_store *s = open_ok(NULL, MS_STORE_MEMORY);
	struct ms_err err;
	struct ms_span k = ms_span_str("k");
	CHECK_INT(ms_store_put(s, T, k, k, &err), MS_ERR_INTERNAL);
	CHECK_INT(ms_store_insert(s, T, k, k, &err), MS_ERR_INTERNAL);
	CHECK_INT(ms_store_delete(s, T, k, &err), MS_ERR_INTERNAL);
	CHECK_INT(ms_store_commit(s, &err), MS_ERR_INTERNAL);
	CHECK_INT(ms_store_savepoint(s, &err), MS_ERR_INTERNAL);
	CHECK_INT(ms_store_release(s, &err), MS_ERR_INTERNAL);
	CHECK_INT(ms_store_rollback_to(s, &err), MS_ERR_INTERNAL);
	ms_store_rollback(s);
	begin(s);
	CHECK_INT(ms_store_begin(s, &err), MS_ERR_INTERNAL);
	CHECK_INT(ms_store_backup(s, "/nowhere", &err), MS_ERR_INTERNAL);
	CHECK_OK(ms_store_savepoint(s, &err), &err);
	CHECK_INT(ms_store_savepoint(s, &err), MS_ERR_INTERNAL);
	CHECK_INT(ms_store_commit(s, &err), MS_ERR_INTERNAL);
	ms_store_rollback(s);
	CHECK(!ms_store_in_tx(s));
	CHECK(has(s, "k", NULL));
	ms_store_close(s);
}

MS_TEST(keys_and_values_out_of_bounds_are_refused)
{
	struct ms_store *s = open_ok(NULL, MS_STORE_MEMORY);
	struct ms_err err;
	size_t big = ms_table_info(T)->value_max;
	uint8_t *v = calloc(1, big + 1), key[MS_STORE_KEY_MAX + 1] = {1};
	MS_OWN(ms_buf_fini) struct ms_buf b;
	ms_buf_init(&b, big);
	begin(s);
	CHECK_INT(ms_store_put(s, T, MS_SPAN_NONE, ms_span("x", 1), &err), MS_ERR_USAGE);
	CHECK_INT(ms_store_put(s, T, ms_span(key, sizeof key), ms_span("x", 1), &err), MS_ERR_USAGE);
	CHECK_INT(ms_store_put(s, MS_TABLE_COUNT, ms_span(key, 1), ms_span("x", 1), &err), MS_ERR_INTERNAL);
	CHECK_INT(ms_store_put(s, T, ms_span(key, 1), ms_span(v, big + 1), &err), MS_ERR_TOO_BIG);
	CHECK(ms_store_in_tx(s));
	CHECK_OK(ms_store_put(s, T, ms_span(key, MS_STORE_KEY_MAX), ms_span(v, big), &err), &err);
	CHECK_OK(ms_store_get(s, T, ms_span(key, MS_STORE_KEY_MAX), &b, &err), &err);
	CHECK_INT(b.len, big);
	CHECK_INT(ms_store_get(s, T, MS_SPAN_NONE, &b, &err), MS_ERR_USAGE);
	CHECK_INT(b.len, 0);
	ms_store_close(s);
	free(v);
}

MS_TEST(a_savepoint_drops_one_request_and_keeps_the_batch)
{
	struct ms_store *s = open_ok(NULL, MS_STORE_MEMORY);
	struct ms_err err;
	begin(s);
	put(s, "a", "1");
	CHECK_OK(ms_store_savepoint(s, &err), &err);
	put(s, "a", "2");
	put(s, "b", "2");
	CHECK_OK(ms_store_rollback_to(s, &err), &err);
	CHECK_OK(ms_store_savepoint(s, &err), &err);
	put(s, "c", "3");
	CHECK_OK(ms_store_release(s, &err), &err);
	commit(s);
	CHECK(has(s, "a", "1") && has(s, "b", NULL) && has(s, "c", "3"));
	ms_store_close(s);
}

struct seen {
	char text[200];
	size_t stop_after;
};

static enum ms_rc
see(void *ctx, struct ms_span key, MS_UNUSED struct ms_span val)
{
	struct seen *seen = ctx;
	for (size_t i = 0; i < key.len; i++) {
		size_t n = strlen(seen->text);
		(void)snprintf(seen->text + n, sizeof seen->text - n, "%02x%s", key.p[i], i + 1 == key.len ? " " : "");
	}
	return seen->stop_after > 0 && --seen->stop_after == 0 ? MS_ERR_LIMITED : MS_OK;
}

static void
expect_scan(struct ms_store *s, struct ms_scan q, const char *want)
{
	struct seen seen = {.text = ""};
	struct ms_err err = {0};
	q.table = T;
	CHECK_OK(ms_store_scan(s, &q, see, &seen, &err), &err);
	assert_string_equal(seen.text, want);
}

MS_TEST(I8_scan_stays_inside_its_prefix_in_key_order)
{
	struct ms_store *s = open_ok(NULL, MS_STORE_MEMORY);
	struct ms_err err;
	static const char *const keys[] = {"\x01", "\x01\x01", "\x01\xff", "\x01\xff\xff", "\x02", "\xff", "\xff\xff", "\xff\xff\x01"};
	begin(s);
	for (size_t i = sizeof keys / sizeof *keys; i-- > 0;)
		put(s, keys[i], "v");
	expect_scan(s, (struct ms_scan){.limit = 0}, "01 0101 01ff 01ffff 02 ff ffff ffff01 ");
	expect_scan(s, (struct ms_scan){.prefix = ms_span("\x01", 1)}, "01 0101 01ff 01ffff ");
	expect_scan(s, (struct ms_scan){.prefix = ms_span("\x01\xff", 2)}, "01ff 01ffff ");
	expect_scan(s, (struct ms_scan){.prefix = ms_span("\xff", 1)}, "ff ffff ffff01 ");
	expect_scan(s, (struct ms_scan){.prefix = ms_span("\x03", 1)}, "");
	expect_scan(s, (struct ms_scan){.prefix = ms_span("\x01", 1), .after = ms_span("\x01\x01", 2)}, "01ff 01ffff ");
	expect_scan(s, (struct ms_scan){.prefix = ms_span("\x01", 1), .after = ms_span("\x02", 1)}, "");
	expect_scan(s, (struct ms_scan){.prefix = ms_span("\x02", 1), .after = ms_span("\x01", 1)}, "02 ");
	expect_scan(s, (struct ms_scan){.limit = 3}, "01 0101 01ff ");
	expect_scan(s, (struct ms_scan){.reverse = true, .limit = 2}, "ffff01 ffff ");
	expect_scan(s, (struct ms_scan){.reverse = true, .prefix = ms_span("\x01", 1), .after = ms_span("\x01\xff", 2)}, "0101 01 ");
	expect_scan(
	    s, (struct ms_scan){.reverse = true, .prefix = ms_span("\x01", 1), .after = ms_span("\xff", 1)}, "01ffff 01ff 0101 01 ");
	struct seen seen = {.stop_after = 2};
	struct ms_scan all = {.table = T};
	CHECK_INT(ms_store_scan(s, &all, see, &seen, &err), MS_ERR_LIMITED);
	assert_string_equal(seen.text, "01 0101 ");
	ms_store_close(s);
}

static enum ms_rc
rescan(void *ctx, MS_UNUSED struct ms_span key, MS_UNUSED struct ms_span val)
{
	struct ms_scan all = {.table = T};
	struct seen seen = {.text = ""};
	return ms_store_scan(ctx, &all, see, &seen, NULL);
}

MS_TEST(a_scan_inside_its_own_scan_is_refused)
{
	struct ms_store *s = open_ok(NULL, MS_STORE_MEMORY);
	struct ms_scan all = {.table = T};
	begin(s);
	put(s, "a", "1");
	CHECK_INT(ms_store_scan(s, &all, rescan, s, NULL), MS_ERR_INTERNAL);
	expect_scan(s, all, "61 ");
	ms_store_close(s);
}

MS_TEST(blobs_are_found_by_their_hash_and_a_changed_one_is_refused)
{
	struct ms_store *s = open_ok(NULL, MS_STORE_MEMORY);
	uint8_t id[32], again[32];
	struct ms_err err;
	MS_OWN(ms_buf_fini) struct ms_buf b;
	ms_buf_init(&b, 100);
	begin(s);
	CHECK_OK(ms_store_put_blob(s, ms_span_str("abc"), id, &err), &err);
	CHECK_OK(ms_store_put_blob(s, ms_span_str("abc"), again, &err), &err);
	CHECK(memcmp(id, again, 32) == 0);
	static const uint8_t abc[32] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
	    0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
	CHECK(memcmp(id, abc, 32) == 0);
	CHECK_OK(ms_store_get_blob(s, id, &b, &err), &err);
	CHECK(ms_span_eq(ms_buf_span(&b), ms_span_str("abc")));
	CHECK_OK(ms_store_put(s, MS_TABLE_BLOBS, ms_span(id, 32), ms_span_str("abd"), &err), &err);
	CHECK_INT(ms_store_get_blob(s, id, &b, &err), MS_ERR_MALFORMED);
	CHECK_INT(b.len, 0);
	id[0] ^= 1;
	CHECK_INT(ms_store_get_blob(s, id, &b, &err), MS_ERR_NOT_FOUND);
	ms_store_close(s);
}

MS_TEST(a_backup_is_a_store_of_its_own_with_what_was_committed)
{
	struct place p = place_new();
	char copy[80];
	struct ms_err err;
	(void)snprintf(copy, sizeof copy, "%s.copy", p.path);
	struct ms_store *s = open_ok(p.path, MS_STORE_CREATE);
	begin(s);
	put(s, "a", "1");
	commit(s);
	CHECK_OK(ms_store_backup(s, copy, &err), &err);
	CHECK_INT(ms_store_backup(s, copy, &err), MS_ERR_CONFLICT);
	begin(s);
	put(s, "a", "2");
	commit(s);
	ms_store_close(s);
	s = open_ok(copy, 0);
	CHECK(has(s, "a", "1"));
	CHECK_OK(ms_store_quick_check(s, &err), &err);
	ms_store_close(s);
	place_free(&p);
}

/* Run SQL on the file as an outsider would, then see what opening gives. */
static enum ms_rc
open_after(const char *sql)
{
	struct place p = place_new();
	struct ms_store *s = NULL;
	struct ms_err err;
	sqlite3 *sq = NULL;
	ms_store_close(open_ok(p.path, MS_STORE_CREATE));
	CHECK_INT(sqlite3_open(p.path, &sq), SQLITE_OK);
	CHECK_INT(sqlite3_exec(sq, sql, NULL, NULL, NULL), SQLITE_OK);
	CHECK_INT(sqlite3_close(sq), SQLITE_OK);
	enum ms_rc rc = ms_store_open(p.path, 0, &s, &err);
	ms_store_close(s);
	place_free(&p);
	return rc;
}

MS_TEST(I10_a_database_of_another_schema_is_refused)
{
	CHECK_INT(open_after("SELECT 1"), MS_OK);
	CHECK_INT(open_after("PRAGMA user_version=3"), MS_ERR_UNSUPPORTED);
	CHECK_INT(open_after("PRAGMA user_version=1"), MS_ERR_UNSUPPORTED); /* with tables that it cannot have */
	CHECK_INT(open_after("PRAGMA user_version=0"), MS_ERR_UNSUPPORTED);
	CHECK_INT(open_after("PRAGMA application_id=1"), MS_ERR_MALFORMED);
	CHECK_INT(open_after("DROP TABLE devices"), MS_ERR_UNSUPPORTED);
	CHECK_INT(open_after("CREATE TABLE more(x)"), MS_ERR_UNSUPPORTED);
	CHECK_INT(open_after("CREATE VIEW v AS SELECT * FROM devices"), MS_ERR_UNSUPPORTED);
	CHECK_INT(open_after("CREATE TRIGGER t AFTER INSERT ON devices BEGIN DELETE FROM entries; END"), MS_ERR_UNSUPPORTED);
	CHECK_INT(open_after("DROP TABLE devices;CREATE TABLE devices(key BLOB PRIMARY KEY,value BLOB)"), MS_ERR_UNSUPPORTED);
}

#define VERSION_1 "DROP TABLE evidence;DROP TABLE evidence_index;DROP TABLE evidence_blobs;DROP TABLE evidence_refs;PRAGMA user_version=1"

MS_TEST(a_database_of_the_version_before_is_upgraded_by_its_writer_and_not_by_a_reader)
{
	struct place p = place_new();
	struct ms_store *s = NULL;
	struct ms_err err;
	sqlite3 *sq = NULL;
	CHECK_OK(ms_store_open(p.path, MS_STORE_CREATE, &s, &err), &err);
	ms_store_close(s);
	s = NULL;
	CHECK_INT(sqlite3_open(p.path, &sq), SQLITE_OK);
	CHECK_INT(sqlite3_exec(sq, VERSION_1, NULL, NULL, NULL), SQLITE_OK);
	CHECK_INT(sqlite3_close(sq), SQLITE_OK);
	CHECK_INT(ms_store_open(p.path, MS_STORE_READONLY, &s, &err), MS_ERR_UNSUPPORTED);
	CHECK_OK(ms_store_open(p.path, 0, &s, &err), &err);
	uint64_t n = 1;
	CHECK_OK(ms_store_count(s, MS_TABLE_EVIDENCE_REFS, &n, &err), &err);
	CHECK_INT(n, 0);
	ms_store_close(s);
	s = NULL;
	CHECK_OK(ms_store_open(p.path, MS_STORE_READONLY, &s, &err), &err);
	ms_store_close(s);
	place_free(&p);
}

MS_TEST(I10_bytes_that_are_no_database_are_refused)
{
	struct place p = place_new();
	struct ms_store *s = NULL;
	struct ms_err err;
	uint8_t junk[8192];
	for (size_t len = 0; len <= sizeof junk; len += 512) {
		memset(junk, 0x5a, sizeof junk);
		FILE *f = fopen(p.path, "w");
		CHECK(f != NULL && fwrite(junk, 1, len, f) == len && fclose(f) == 0);
		CHECK_INT(ms_store_open(p.path, 0, &s, &err), MS_ERR_MALFORMED);
		CHECK(s == NULL);
	}
	place_free(&p);
}

static enum ms_rc
any_row(void *ctx, MS_UNUSED struct ms_span key, MS_UNUSED struct ms_span val)
{
	++*(size_t *)ctx;
	return MS_OK;
}

MS_TEST(I10_oversized_rows_in_the_file_are_refused_on_reading)
{
	struct place p = place_new();
	struct ms_err err;
	sqlite3 *sq = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf b;
	ms_buf_init(&b, 1u << 20);
	ms_store_close(open_ok(p.path, MS_STORE_CREATE));
	CHECK_INT(sqlite3_open(p.path, &sq), SQLITE_OK);
	CHECK_INT(sqlite3_exec(sq,
		      "INSERT INTO operations VALUES(x'01',zeroblob(1048577));INSERT INTO nonces VALUES(x'',x'');"
		      "INSERT INTO devices VALUES(zeroblob(1025),x'')",
		      NULL, NULL, NULL),
	    SQLITE_OK);
	CHECK_INT(sqlite3_close(sq), SQLITE_OK);
	struct ms_store *s = open_ok(p.path, 0);
	CHECK_INT(ms_store_get(s, T, ms_span("\x01", 1), &b, &err), MS_ERR_MALFORMED);
	static const enum ms_table bad[] = {T, MS_TABLE_NONCES, MS_TABLE_DEVICES};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		size_t n = 0;
		CHECK_INT(ms_store_scan(s, &(struct ms_scan){.table = bad[i]}, any_row, &n, &err), MS_ERR_MALFORMED);
		CHECK_INT(n, 0);
	}
	ms_store_close(s);
	place_free(&p);
}

/* Flip bytes all over a small store: every call ends with a code, none crashes, none gives rows that are too big. */
MS_TEST(I10_a_store_with_flipped_bytes_never_crashes)
{
	struct place p = place_new();
	struct ms_err err;
	struct ms_store *s = open_ok(p.path, MS_STORE_CREATE);
	begin(s);
	for (unsigned i = 0; i < 200; i++) {
		char key[16];
		(void)snprintf(key, sizeof key, "k%u", i);
		put(s, key, "some value of a row");
	}
	commit(s);
	ms_store_close(s);
	size_t len = 0, opened = 0;
	uint8_t *file = test_file(p.path, &len);
	for (size_t i = 0; i < 150; i++) {
		uint8_t *w = test_dup(file, len);
		for (size_t k = 0; k < 4; k++)
			w[(i * 2654435761u + k * 7919u) % len] ^= (uint8_t)(1 + i);
		FILE *f = fopen(p.path, "w");
		CHECK(f != NULL && fwrite(w, 1, len, f) == len && fclose(f) == 0);
		free(w);
		s = NULL;
		if (ms_store_open(p.path, MS_STORE_READONLY, &s, &err) == MS_OK) {
			size_t n = 0;
			opened++;
			(void)!ms_store_scan(s, &(struct ms_scan){.table = T}, any_row, &n, &err);
			CHECK(n <= 4096);
			(void)!ms_store_quick_check(s, &err);
		}
		ms_store_close(s);
	}
	CHECK(opened > 0 && opened < 150);
	free(file);
	place_free(&p);
}

/* One transaction of ten rows of 3000 bytes. */
static enum ms_rc
write_batch(struct ms_store *s, char tag, struct ms_err *err)
{
	uint8_t val[3000];
	memset(val, tag, sizeof val);
	enum ms_rc rc = ms_store_begin(s, err);
	for (char i = 0; i < 10 && rc == MS_OK; i++)
		rc = ms_store_put(s, T, ms_span((const char[]){'b', i}, 2), ms_span(val, sizeof val), err);
	return rc == MS_OK ? ms_store_commit(s, err) : rc;
}

/* Every row is of one batch: none is half there. Returns its tag, 0 when there are none. */
static enum ms_rc
one_batch(void *ctx, MS_UNUSED struct ms_span key, struct ms_span val)
{
	char *tag = ctx;
	for (size_t i = 0; i < val.len; i++)
		if (*tag != 0 && val.p[i] != (uint8_t)*tag)
			return MS_ERR_CONFLICT;
		else
			*tag = (char)val.p[i];
	return MS_OK;
}

static char
batch_tag(struct ms_store *s)
{
	char tag = 0;
	struct ms_err err = {0};
	CHECK_OK(ms_store_scan(s, &(struct ms_scan){.table = T, .prefix = ms_span("b", 1)}, one_batch, &tag, &err), &err);
	return tag;
}

static void
expect_atomic_failure(unsigned long nth, unsigned long more, int code, bool *ret_fired)
{
	struct place p = place_new();
	struct ms_err err = {0};
	struct ms_store *s = open_ok(p.path, MS_STORE_CREATE);
	CHECK_OK(write_batch(s, 'A', &err), &err);
	faultvfs_arm(nth, more, code);
	enum ms_rc rc = write_batch(s, 'B', &err);
	*ret_fired = faultvfs_fired() > 0;
	faultvfs_arm(0, 0, 0);
	CHECK((rc != MS_OK) == *ret_fired); /* an error is told, and only then */
	CHECK(!ms_store_in_tx(s));
	if (rc != MS_OK) {
		CHECK_INT(rc, MS_ERR_IO);
		CHECK(code != SQLITE_FULL || strstr(err.text, "disk is full") != NULL);
		CHECK_INT(batch_tag(s), 'A');
	}
	CHECK_OK(write_batch(s, 'C', &err), &err); /* usable again without reopening */
	CHECK_INT(batch_tag(s), 'C');
	CHECK_OK(ms_store_quick_check(s, &err), &err);
	ms_store_close(s);
	s = open_ok(p.path, 0);
	CHECK_INT(batch_tag(s), 'C');
	ms_store_close(s);
	place_free(&p);
}

MS_TEST(I12_any_failing_write_or_sync_keeps_nothing_of_the_transaction)
{
	static const int codes[] = {SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC};
	faultvfs_install();
	for (size_t c = 0; c < sizeof codes / sizeof *codes; c++) {
		bool fired = true;
		unsigned long n = 1;
		for (; fired && n < 200; n++)
			expect_atomic_failure(n, n % 3 == 0 ? 1000 : 0, codes[c], &fired);
		CHECK(n > 10 && n < 200); /* it was really swept to the end */
	}
}

MS_TEST(a_failed_creation_leaves_no_store_behind)
{
	faultvfs_install();
	bool done = false;
	unsigned long n = 1;
	for (; !done && n < 500; n++) {
		struct place p = place_new();
		struct ms_store *s = NULL;
		struct ms_err err;
		faultvfs_arm(n, 100000, SQLITE_FULL);
		enum ms_rc rc = ms_store_open(p.path, MS_STORE_CREATE, &s, &err);
		done = faultvfs_fired() == 0;
		faultvfs_arm(0, 0, 0);
		CHECK((rc == MS_OK) == done);
		ms_store_close(s);
		s = NULL;
		if (!done && access(p.path, F_OK) == 0) { /* whole, or not there */
			CHECK_OK(ms_store_open(p.path, 0, &s, &err), &err);
			ms_store_close(s);
		}
		place_free(&p);
	}
	CHECK(n > 3 && done);
}

/* A file system of 1 MB in a mount namespace of this process. */
static bool
mount_small(const char *dir)
{
	char map[32];
	int len = snprintf(map, sizeof map, "0 %u 1", (unsigned)geteuid());
	if (geteuid() != 0) {
		if (unshare(CLONE_NEWUSER) != 0)
			return false;
		int fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, map, (size_t)len) != len || close(fd) != 0)
			return false;
	}
	return unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", dir, "tmpfs", 0, "size=1m") == 0;
}

static int
fill_small_disk(const char *dir)
{
	char path[64], ballast[64];
	struct ms_err err;
	struct ms_store *s = NULL;
	if (!mount_small(dir))
		return 77;
	(void)snprintf(path, sizeof path, "%s/db", dir);
	(void)snprintf(ballast, sizeof ballast, "%s/ballast", dir);
	int fd = open(ballast, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || posix_fallocate(fd, 0, 400 << 10) != 0 || ms_store_open(path, MS_STORE_CREATE, &s, &err) != MS_OK)
		return 1;
	char last = 0, tag = 'A';
	enum ms_rc rc = MS_OK;
	for (int i = 0; i < 200 && rc == MS_OK; i++) {
		tag = tag == 'Z' ? 'A' : (char)(tag + 1);
		rc = write_batch(s, tag, &err);
		if (rc == MS_OK)
			last = tag;
	}
	if (rc != MS_ERR_IO || strstr(err.text, "disk is full") == NULL || last == 0 || batch_tag(s) != last || ms_store_in_tx(s))
		return 2;
	if (ftruncate(fd, 0) != 0 || write_batch(s, '!', &err) != MS_OK || batch_tag(s) != '!')
		return 3;
	ms_store_close(s);
	return 0;
}

MS_TEST(I12_a_full_disk_is_told_clearly_and_the_store_goes_on_when_space_returns)
{
	struct place p = place_new();
	pid_t pid = fork();
	if (pid == 0)
		_exit(fill_small_disk(p.dir));
	int st = -1;
	CHECK(waitpid(pid, &st, 0) == pid && WIFEXITED(st));
	place_free(&p);
	if (WEXITSTATUS(st) == 77)
		skip();
	CHECK_INT(WEXITSTATUS(st), 0);
}
