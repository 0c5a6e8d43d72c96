/* The exported directory: what is written, what a crash leaves, and that no changed byte passes. */
#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "audit/export.h"
#include "audit/ticket.h"
#include "audit/tiles.h"
#include "audit/verify.h"
#include "base/io.h"
#include "support/test.h"

#define ORIGIN "log.example/muster"

struct stand {
	char dir[64];
	struct ms_softkey *key;
	struct ms_vkey *vkey;
	struct ms_frontier frontier; /* the true log */
};

static size_t
entry_of(uint64_t i, uint8_t out[64])
{
	size_t len = i == 3 ? 0 : 20 + (size_t)(i % 30);
	memset(out, (int)(i & 0xff), len);
	if (len != 0)
		snprintf((char *)out, 64, "entry %llu", (unsigned long long)i);
	return len;
}

static void
stand_up(struct stand *s)
{
	MS_OWN(ms_secret_free) struct ms_secret *seed = NULL;
	uint8_t raw[MS_RAW_KEY_LEN] = {9};
	*s = (struct stand){.dir = "/tmp/muster-export-XXXXXX"};
	CHECK(mkdtemp(s->dir) != NULL);
	CHECK(ms_secret_from(raw, sizeof raw, &seed, NULL) == MS_OK);
	CHECK(ms_softkey_load(MS_KEY_ED25519, seed, &s->key, NULL) == MS_OK);
	CHECK(ms_vkey_new(ORIGIN, ms_pubkey_point(ms_softkey_public(s->key)).p, &s->vkey, NULL) == MS_OK);
	ms_frontier_init(&s->frontier);
}

static void
remove_tree(const char *dir)
{
	char path[64];
	snprintf(path, sizeof path, "%s", dir);
	char *roots[2] = {path, NULL};
	FTS *fts = fts_open(roots, FTS_PHYSICAL, NULL);
	for (FTSENT *e; (e = fts_read(fts)) != NULL;)
		if (e->fts_info != FTS_D)
			(void)remove(e->fts_accpath);
	fts_close(fts);
}

static void
stand_down(struct stand *s)
{
	remove_tree(s->dir);
	ms_vkey_free(s->vkey);
	ms_softkey_free(s->key);
}

static void
sign_now(struct stand *s, struct ms_buf *note)
{
	struct ms_signer signer = ms_softkey_signer(s->key);
	struct ms_node root;
	ms_buf_init(note, 4096);
	ms_frontier_root(&s->frontier, &root);
	CHECK(ms_checkpoint_sign(ORIGIN, s->frontier.size, &root, &signer, note, NULL) == MS_OK);
}

static enum ms_rc
append_to(struct ms_export *e, uint64_t size)
{
	uint8_t entry[64];
	enum ms_rc rc = MS_OK;
	while (rc == MS_OK && ms_export_next(e) < size) {
		size_t len = entry_of(ms_export_next(e), entry);
		rc = ms_export_append(e, ms_span(entry, len), NULL);
	}
	return rc;
}

/* Let the true log grow to `size` and export it. */
static void
export_to(struct stand *s, uint64_t size)
{
	MS_OWN(ms_export_free) struct ms_export *e = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf note;
	struct ms_err err;
	uint8_t entry[64];
	struct ms_node leaf;
	while (s->frontier.size < size) {
		size_t len = entry_of(s->frontier.size, entry);
		ms_merkle_leaf(ms_span(entry, len), &leaf);
		CHECK(ms_frontier_append(&s->frontier, &leaf, NULL) == MS_OK);
	}
	sign_now(s, &note);
	CHECK_OK(ms_export_open(s->dir, &e, &err), &err);
	CHECK(append_to(e, size) == MS_OK);
	CHECK_OK(ms_export_commit(e, ms_buf_span(&note), &err), &err);
}

static void
path_of(const struct stand *s, const char *rel, char out[256])
{
	snprintf(out, 256, "%s/%s", s->dir, rel);
}

static bool
is_there(const struct stand *s, const char *rel)
{
	char path[256];
	path_of(s, rel, path);
	return access(path, F_OK) == 0;
}

static void
put(const struct stand *s, const char *rel, const void *p, size_t len)
{
	char path[256];
	path_of(s, rel, path);
	FILE *f = fopen(path, "w");
	CHECK(f != NULL && fwrite(p, 1, len, f) == len && fclose(f) == 0);
}

static enum ms_rc
verify(const struct stand *s, struct ms_audit_result *r)
{
	return ms_audit_verify_dir(s->dir, s->vkey, NULL, r, NULL);
}

static void
expect_refused(const struct stand *s, const char *file)
{
	struct ms_audit_result r;
	struct ms_err err;
	enum ms_rc rc = ms_audit_verify_dir(s->dir, s->vkey, NULL, &r, &err);
	if (rc != MS_ERR_AUTH || strcmp(r.file, file) != 0 || strstr(err.text, file) == NULL)
		fail_msg("%s: %s, names %s: %s", file, ms_rc_name(rc), r.file, rc == MS_OK ? "" : err.text);
}

MS_TEST(tile_paths_are_those_of_the_specification_and_no_others)
{
	static const struct {
		struct ms_tile t;
		const char *path;
	} good[] = {{{0, 0, 256}, "tile/0/000"}, {{0, 1234067, 256}, "tile/0/x001/x234/067"}, {{3, 999, 1}, "tile/3/999.p/1"},
	    {{1, 1000, 255}, "tile/1/x001/000.p/255"}, {{MS_TILE_ENTRIES, 1234, 17}, "tile/entries/x001/234.p/17"},
	    {{0, (UINT64_C(1) << 54) - 1, 5}, "tile/0/x018/x014/x398/x509/x481/983.p/5"}};
	static const char *const bad[] = {"", "tile", "tile/", "tile/0", "tile/0/", "tile/0/0", "tile/0/0000", "tile/00/000", "tile/8/000",
	    "tile/-1/000", "tile/0/x000/000", "tile/0/x1/000", "tile/0/001/000", "tile/0/x001", "tile/0/000.p/", "tile/0/000.p/0",
	    "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/1/", "tile/0/000 ", "/tile/0/000", "tile/0/000.p", "tile/entry/000",
	    "tile/data/000", "tile/0/../0/000", "tile/0/x001/x001/x001/x001/x001/x001/001"};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		char path[MS_TILE_PATH_MAX];
		struct ms_tile t;
		ms_tile_path(&good[i].t, path);
		assert_string_equal(path, good[i].path);
		CHECK(ms_tile_parse(ms_span_str(path), &t, NULL) == MS_OK);
		CHECK(t.level == good[i].t.level && t.index == good[i].t.index && t.width == good[i].t.width);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct ms_tile t;
		if (ms_tile_parse(ms_span_str(bad[i]), &t, NULL) == MS_OK)
			fail_msg("%s", bad[i]);
	}
}

MS_TEST(tile_widths_are_those_of_the_specifications_example)
{
	/* "a tree of size 70,000 will be represented by 273 full level 0 tiles, one partial level 0 tile of width 112, one
	 * full level 1 tile, one partial level 1 tile of width 17, and one partial level 2 tile of width 1" */
	CHECK_INT(ms_tile_width(0, 272, 70000), 256);
	CHECK_INT(ms_tile_width(0, 273, 70000), 112);
	CHECK_INT(ms_tile_width(0, 274, 70000), 0);
	CHECK_INT(ms_tile_width(MS_TILE_ENTRIES, 273, 70000), 112);
	CHECK_INT(ms_tile_width(1, 0, 70000), 256);
	CHECK_INT(ms_tile_width(1, 1, 70000), 17);
	CHECK_INT(ms_tile_width(2, 0, 70000), 1);
	CHECK_INT(ms_tile_width(3, 0, 70000), 0);
	CHECK_INT(ms_tile_width(1, 0, 256), 1);
	CHECK_INT(ms_tile_width(0, UINT64_MAX, UINT64_MAX), 0);
	CHECK_INT(ms_tile_width(8, 0, UINT64_MAX), 0);
}

MS_TEST(bundle_is_refused_cut_or_followed_by_a_byte)
{
	static const uint8_t w[] = {0, 2, 'a', 'b', 0, 0, 0, 1, 'c', 0};
	struct ms_span e[3];
	size_t good;
	for (size_t n = 0; n <= sizeof w; n++) {
		uint8_t *p = test_dup(w, n);
		CHECK((ms_bundle_parse(ms_span(p, n), 3, e, &good, NULL) == MS_OK) == (n == 9));
		CHECK_INT(good, n >= 9 ? 3 : n >= 6 ? 2 : n >= 4 ? 1 : 0);
		free(p);
	}
}

MS_TEST(an_export_of_any_size_verifies_and_proves_each_entry)
{
	static const uint64_t sizes[] = {0, 1, 2, 255, 256, 257, 300, 511, 512, 600};
	for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
		struct stand s;
		struct ms_audit_result r;
		struct ms_err err;
		stand_up(&s);
		export_to(&s, sizes[k]);
		CHECK_OK(ms_audit_verify_dir(s.dir, s.vkey, NULL, &r, &err), &err);
		CHECK(r.size == sizes[k] && r.file[0] == '\0' && !r.has_entry && r.other_signatures == 0);
		for (uint64_t i = 0; i < sizes[k]; i += 1 + sizes[k] / 50) {
			MS_OWN(ms_buf_fini) struct ms_buf entry, ticket;
			struct ms_ticket t;
			uint8_t want[64];
			ms_buf_init(&entry, 65536);
			ms_buf_init(&ticket, MS_TICKET_MAX);
			CHECK_OK(ms_audit_prove(s.dir, s.vkey, i, &entry, &ticket, &err), &err);
			CHECK(ms_span_eq(ms_buf_span(&entry), ms_span(want, entry_of(i, want))));
			CHECK(ms_ticket_verify(ms_buf_span(&ticket), ms_buf_span(&entry), s.vkey, NULL, &t, NULL) == MS_OK && t.index == i);
		}
		MS_OWN(ms_buf_fini) struct ms_buf none;
		ms_buf_init(&none, 65536);
		CHECK(ms_audit_prove(s.dir, s.vkey, sizes[k], &none, &none, NULL) == MS_ERR_NOT_FOUND);
		stand_down(&s);
	}
}

MS_TEST(an_export_grows_step_by_step_and_keeps_partial_tiles_until_the_full_one_is_there)
{
	struct stand s;
	struct ms_audit_result r;
	struct ms_err err;
	stand_up(&s);
	for (uint64_t size = 0; size <= 1100; size += size < 250 || size > 520 ? 97 : 5) {
		export_to(&s, size);
		CHECK_OK(ms_audit_verify_dir(s.dir, s.vkey, NULL, &r, &err), &err);
		CHECK(r.size == size);
		if (size == 97 || size == 194)
			CHECK(is_there(&s, "tile/0/000.p/97") && is_there(&s, "tile/entries/000.p/97"));
		if (size > 256)
			CHECK(!is_there(&s, "tile/0/000.p") && !is_there(&s, "tile/entries/000.p") && is_there(&s, "tile/0/000"));
	}
	CHECK(!is_there(&s, "tile/1/001"));
	stand_down(&s);
}

MS_TEST(an_export_crosses_the_second_tile_level)
{
	struct stand s;
	struct ms_audit_result r;
	struct ms_err err;
	stand_up(&s);
	export_to(&s, 65536 - 3);
	export_to(&s, 65536 + 300);
	CHECK_OK(ms_audit_verify_dir(s.dir, s.vkey, NULL, &r, &err), &err);
	CHECK(is_there(&s, "tile/1/000") && is_there(&s, "tile/1/001.p/1") && is_there(&s, "tile/2/000.p/1"));
	CHECK(!is_there(&s, "tile/1/000.p"));
	export_to(&s, 65536 + 700);
	CHECK_OK(ms_audit_verify_dir(s.dir, s.vkey, NULL, &r, &err), &err);
	stand_down(&s);
}

MS_TEST(an_export_goes_on_after_a_crash_at_any_point)
{
	/* Before each of these sizes the writer stops without a commit; the checkpoint of 100 stays. */
	for (uint64_t stop = 0; stop <= 600; stop += 60) {
		struct stand s;
		struct ms_audit_result r;
		struct ms_err err;
		stand_up(&s);
		export_to(&s, 100);
		{
			MS_OWN(ms_export_free) struct ms_export *e = NULL;
			CHECK(ms_export_open(s.dir, &e, NULL) == MS_OK && ms_export_next(e) == 0);
			CHECK(append_to(e, stop) == MS_OK);
		}
		put(&s, "tile/0/000.p/77.0011223344556677.tmp", "torn", 4);
		export_to(&s, 600);
		CHECK_OK(ms_audit_verify_dir(s.dir, s.vkey, NULL, &r, &err), &err);
		CHECK(r.size == 600);
		stand_down(&s);
	}
}

MS_TEST(an_export_crashed_between_partial_tiles_and_checkpoint_goes_on)
{
	struct stand s;
	struct ms_audit_result r;
	MS_OWN(ms_buf_fini) struct ms_buf note;
	char aside[256], path[256];
	struct ms_err err;
	stand_up(&s);
	export_to(&s, 290);
	sign_now(&s, &note);
	remove_tree(s.dir);
	CHECK(mkdir(s.dir, 0700) == 0);
	ms_frontier_init(&s.frontier);
	export_to(&s, 100);
	path_of(&s, "checkpoint", path);
	snprintf(aside, sizeof aside, "%s.aside", s.dir);
	{
		MS_OWN(ms_export_free) struct ms_export *e = NULL;
		CHECK(ms_export_open(s.dir, &e, NULL) == MS_OK);
		CHECK(append_to(e, 290) == MS_OK);
		CHECK(rename(path, aside) == 0 && mkdir(path, 0700) == 0); /* the checkpoint cannot be written */
		CHECK(ms_export_commit(e, ms_buf_span(&note), NULL) == MS_ERR_IO);
		CHECK(rmdir(path) == 0 && rename(aside, path) == 0);
	}
	CHECK(is_there(&s, "tile/0/000.p/100") && is_there(&s, "tile/0/001.p/34"));
	CHECK(verify(&s, &r) == MS_ERR_AUTH); /* more than the checkpoint says */
	export_to(&s, 290);
	CHECK_OK(ms_audit_verify_dir(s.dir, s.vkey, NULL, &r, &err), &err);
	stand_down(&s);
}

MS_TEST(an_export_refuses_other_entries_a_smaller_log_and_a_second_writer)
{
	struct stand s;
	struct ms_audit_result r;
	MS_OWN(ms_export_free) struct ms_export *e = NULL, *second = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf old, note;
	stand_up(&s);
	export_to(&s, 256);
	sign_now(&s, &old);
	export_to(&s, 300);
	CHECK(ms_export_open(s.dir, &e, NULL) == MS_OK);
	CHECK(ms_export_open(s.dir, &second, NULL) == MS_ERR_CONFLICT && second == NULL);
	CHECK(ms_export_commit(e, ms_buf_span(&old), NULL) == MS_ERR_CONFLICT); /* a step back */
	for (int i = 0; i < 44; i++)
		CHECK(ms_export_append(e, ms_span_str("another"), NULL) == MS_OK);
	sign_now(&s, &note);
	CHECK(ms_export_commit(e, ms_buf_span(&note), NULL) == MS_ERR_CONFLICT);
	ms_export_free(e);
	e = NULL;
	CHECK(verify(&s, &r) == MS_OK);
	CHECK(ms_export_open(s.dir, &e, NULL) == MS_OK);
	static uint8_t big[MS_BUNDLE_ENTRY_MAX + 1];
	CHECK(ms_export_append(e, ms_span(big, sizeof big), NULL) == MS_ERR_TOO_BIG);
	stand_down(&s);
}

MS_TEST(an_export_takes_the_largest_entries)
{
	static uint8_t big[MS_BUNDLE_ENTRY_MAX];
	struct stand s;
	struct ms_audit_result r;
	struct ms_err err;
	MS_OWN(ms_export_free) struct ms_export *e = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf note;
	struct ms_node leaf;
	stand_up(&s);
	CHECK(ms_export_open(s.dir, &e, NULL) == MS_OK);
	ms_merkle_leaf(ms_span(big, sizeof big), &leaf);
	for (int i = 0; i < 257; i++) {
		CHECK_OK(ms_export_append(e, ms_span(big, sizeof big), &err), &err);
		CHECK(ms_frontier_append(&s.frontier, &leaf, NULL) == MS_OK);
	}
	sign_now(&s, &note);
	CHECK_OK(ms_export_commit(e, ms_buf_span(&note), &err), &err);
	CHECK_OK(ms_audit_verify_dir(s.dir, s.vkey, NULL, &r, &err), &err);
	stand_down(&s);
}

/* ---- Changed files ---- */

/* The entry that a byte of a bundle belongs to. */
static uint64_t
entry_at(const uint8_t *bundle, size_t at)
{
	uint64_t i = 0;
	for (size_t off = 0;; i++) {
		off += 2u + ((size_t)bundle[off] << 8 | bundle[off + 1]);
		if (at < off)
			return i;
	}
}

static void
flip(const struct stand *s, const char *rel, size_t step)
{
	char path[256];
	size_t len;
	path_of(s, rel, path);
	uint8_t *bytes = test_file(path, &len);
	CHECK(bytes != NULL);
	struct ms_tile t = {.level = 99};
	bool tile = ms_tile_parse(ms_span_str(rel), &t, NULL) == MS_OK;
	for (size_t at = 0; at < len; at += step) {
		struct ms_audit_result r;
		uint8_t *w = test_dup(bytes, len);
		w[at] ^= (uint8_t)(1u << (at % 8));
		put(s, rel, w, len);
		free(w);
		if (verify(s, &r) != MS_ERR_AUTH || strcmp(r.file, rel) != 0)
			fail_msg("%s byte %zu: names %s", rel, at, r.file);
		bool named = tile && (t.level == 0 || t.level == MS_TILE_ENTRIES);
		CHECK(r.has_entry == named);
		if (named && r.entry != t.index * 256 + (t.level == 0 ? at / 32 : entry_at(bytes, at)))
			fail_msg("%s byte %zu: names entry %llu", rel, at, (unsigned long long)r.entry);
	}
	put(s, rel, bytes, len);
	free(bytes);
}

MS_TEST(any_byte_changed_in_an_export_of_300_entries_is_refused_with_file_and_entry_named)
{
	struct stand s;
	struct ms_audit_result r;
	size_t step = getenv("MUSTER_LONG") != NULL ? 1 : 23;
	stand_up(&s);
	export_to(&s, 270); /* leaves older partial files behind */
	export_to(&s, 300);
	flip(&s, "checkpoint", 1);
	flip(&s, "tile/1/000.p/1", 1);
	flip(&s, "tile/0/001.p/14", step == 1 ? 1 : 3);
	flip(&s, "tile/entries/001.p/14", step == 1 ? 1 : 3);
	flip(&s, "tile/0/001.p/44", step == 1 ? 1 : 3);
	flip(&s, "tile/entries/001.p/44", step == 1 ? 1 : 3);
	flip(&s, "tile/0/000", step);
	flip(&s, "tile/entries/000", step);
	CHECK(verify(&s, &r) == MS_OK);
	stand_down(&s);
}

MS_TEST(a_missing_cut_lengthened_or_unknown_file_is_refused_by_name)
{
	static const char *const files[] = {
	    "checkpoint", "tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/44"};
	static const char *const extra[] = {"readme", "tile/0/002", "tile/0/001.p/45", "tile/0/001", "tile/1/001", "tile/1/000.p/2",
	    "tile/2/000.p/1", "tile/entries/002", "tile/entries/000x", "tile/0/000.tmp"};
	struct stand s;
	struct ms_audit_result r;
	char path[256], aside[256];
	size_t len;
	stand_up(&s);
	export_to(&s, 300);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		path_of(&s, files[i], path);
		uint8_t *p = test_file(path, &len), *longer = calloc(1, len + 1);
		memcpy(longer, p, len);
		snprintf(aside, sizeof aside, "%s.aside", s.dir);
		CHECK(rename(path, aside) == 0);
		expect_refused(&s, files[i]);
		CHECK(rename(aside, path) == 0);
		put(&s, files[i], p, len - 1);
		expect_refused(&s, files[i]);
		put(&s, files[i], p, 0);
		expect_refused(&s, files[i]);
		put(&s, files[i], longer, len + 1);
		expect_refused(&s, files[i]);
		put(&s, files[i], p, len);
		free(p);
		free(longer);
	}
	(void)mkdir((path_of(&s, "tile/2", path), path), 0755);
	(void)mkdir((path_of(&s, "tile/2/000.p", path), path), 0755);
	for (size_t i = 0; i < sizeof extra / sizeof *extra; i++) {
		put(&s, extra[i], "", 0);
		expect_refused(&s, extra[i]);
		CHECK(unlink((path_of(&s, extra[i], path), path)) == 0);
	}
	CHECK(symlink("checkpoint", (path_of(&s, "link", path), path)) == 0);
	expect_refused(&s, "link");
	CHECK(unlink(path) == 0);
	CHECK(verify(&s, &r) == MS_OK);
	stand_down(&s);
}

MS_TEST(a_log_rewritten_with_its_tiles_but_not_its_signature_is_refused)
{
	struct stand s;
	char path[256];
	size_t len;
	stand_up(&s);
	export_to(&s, 300);
	path_of(&s, "checkpoint", path);
	uint8_t *signed_note = test_file(path, &len);
	remove_tree(s.dir);
	CHECK(mkdir(s.dir, 0700) == 0);
	/* another history of the same length, consistent in itself */
	ms_frontier_init(&s.frontier);
	MS_OWN(ms_export_free) struct ms_export *e = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf note;
	CHECK(ms_export_open(s.dir, &e, NULL) == MS_OK);
	for (int i = 0; i < 300; i++) {
		struct ms_node leaf;
		ms_merkle_leaf(ms_span_str("forged"), &leaf);
		CHECK(ms_frontier_append(&s.frontier, &leaf, NULL) == MS_OK && ms_export_append(e, ms_span_str("forged"), NULL) == MS_OK);
	}
	sign_now(&s, &note);
	CHECK(ms_export_commit(e, ms_buf_span(&note), NULL) == MS_OK);
	put(&s, "checkpoint", signed_note, len);
	expect_refused(&s, "checkpoint");
	free(signed_note);
	stand_down(&s);
}

MS_TEST(no_directory_is_not_a_verdict)
{
	struct stand s;
	struct ms_audit_result r;
	stand_up(&s);
	CHECK(ms_audit_verify_dir("/nonexistent/muster", s.vkey, NULL, &r, NULL) == MS_ERR_NOT_FOUND);
	expect_refused(&s, "checkpoint");
	stand_down(&s);
}

struct seen {
	uint64_t entries, last_done, total;
};
static enum ms_rc
see_entry(void *ctx, uint64_t index, struct ms_span entry, struct ms_err *err)
{
	struct seen *s = ctx;
	uint8_t want[64];
	if (index == 500)
		return ms_fail(err, MS_ERR_DENIED, "stop");
	CHECK(index == s->entries++ && ms_span_eq(entry, ms_span(want, entry_of(index, want))));
	return MS_OK;
}
static void
see_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct seen *s = ctx;
	CHECK(done > s->last_done && done <= total);
	s->last_done = done;
	s->total = total;
}

MS_TEST(verification_shows_each_entry_in_order_and_stops_when_told)
{
	struct stand s;
	struct ms_audit_result r;
	struct seen seen = {0};
	struct ms_audit_watch watch = {.progress = see_progress, .entry = see_entry, .ctx = &seen};
	stand_up(&s);
	export_to(&s, 300);
	CHECK(ms_audit_verify_dir(s.dir, s.vkey, &watch, &r, NULL) == MS_OK);
	CHECK(seen.entries == 300 && seen.last_done == 300 && seen.total == 300);
	export_to(&s, 600);
	seen = (struct seen){0};
	CHECK(ms_audit_verify_dir(s.dir, s.vkey, &watch, &r, NULL) == MS_ERR_DENIED);
	stand_down(&s);
}
