/* Reference sets with events, files, keys and sources: built, split, joined, looked up. */
#include "support/test.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "codec/cbor.h"
#include "policy/reference_int.h"

#define SHA256 4u
#define MANY 100000u

static const struct ms_reference_source source = {.name = {(const uint8_t *)"debian-12", 9},
    .device = {(const uint8_t *)"release 12.7", 12},
    .version = 3,
    .captured_s = 1000,
    .all_models = true};

static struct ms_reference_builder *
builder(const struct ms_reference_source *src)
{
	struct ms_reference_builder *b = NULL;
	struct ms_err err = {0};
	CHECK_OK(ms_reference_builder_new(src, &b, &err), &err);
	return b;
}

static struct ms_reference *
finish(struct ms_reference_builder *b)
{
	struct ms_reference *r = NULL;
	struct ms_err err = {0};
	CHECK_OK(ms_reference_finish(b, &r, &err), &err);
	ms_reference_builder_free(b);
	return r;
}

static struct ms_span
digest_of(const char *text, uint8_t out[static 32])
{
	ms_sha256(ms_span_str(text), out);
	return ms_span(out, 32);
}

static void
add_file(struct ms_reference_builder *b, const char *path, const char *content)
{
	uint8_t d[32];
	struct ms_err err = {0};
	CHECK_OK(ms_reference_add_file(b, ms_span_str(path), SHA256, digest_of(content, d), &err), &err);
}

/* Paths as long as those of real systems. */
static void
path_of(size_t i, char out[static 96])
{
	(void)snprintf(out, 96, "/usr/lib/x86_64-linux-gnu/module-%zu/object%05zu.so", i % 977, i);
}

static struct ms_reference *
many(size_t n)
{
	struct ms_reference_builder *b = builder(&source);
	for (size_t i = n; i-- > 0;) {
		char path[96];
		path_of(i, path);
		add_file(b, path, path);
	}
	return finish(b);
}

struct shelf {
	size_t n;
	struct ms_span part[MS_REFERENCE_PARTS_MAX];
	uint8_t id[MS_REFERENCE_PARTS_MAX][32];
	size_t swap; /* give this one with a byte changed; from 1 */
};

static enum ms_rc
put(void *ctx, const uint8_t id[static 32], struct ms_span part, MS_UNUSED struct ms_err *err)
{
	struct shelf *s = ctx;
	struct ms_err why = {0};
	uint8_t *own = NULL;
	CHECK(s->n < MS_REFERENCE_PARTS_MAX && part.len <= MS_REFERENCE_PART_MAX);
	CHECK_OK(ms_reference_part_check(part, &why), &why);
	CHECK_INT(ms_bytes_dup(part, &own), MS_OK);
	memcpy(s->id[s->n], id, 32);
	s->part[s->n++] = ms_span(own, part.len);
	return MS_OK;
}

static enum ms_rc
get(void *ctx, const uint8_t id[static 32], struct ms_buf *out, struct ms_err *err)
{
	const struct shelf *s = ctx;
	for (size_t i = 0; i < s->n; i++)
		if (ms_span_eq(ms_span(s->id[i], 32), ms_span(id, 32))) {
			ms_buf_put_span(out, s->part[i]);
			if (s->swap == i + 1)
				out->p[out->len - 1] ^= 1;
			return MS_OK;
		}
	return ms_fail(err, MS_ERR_NOT_FOUND, "no part");
}

static void
shelf_free(struct shelf *s)
{
	for (size_t i = 0; i < s->n; i++)
		free((void *)(uintptr_t)s->part[i].p);
}

#ifdef MS_SANITIZED
size_t __sanitizer_get_current_allocated_bytes(void);
static size_t
allocated(void)
{
	return __sanitizer_get_current_allocated_bytes();
}
#else
static size_t
allocated(void)
{
	struct mallinfo2 m = mallinfo2();
	return m.uordblks + m.hblkhd;
}
#endif

static uint64_t
now_ns(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

MS_TEST(reference_of_100000_files_takes_less_than_12_megabytes_and_answers_in_logarithmic_time)
{
	struct shelf shelf = {.n = 0};
	struct ms_err err = {0};
	MS_OWN(ms_buf_fini) struct ms_buf header;
	MS_OWN(ms_reference_free) struct ms_reference *joined = NULL;
	struct ms_reference *built = many(MANY);
	ms_buf_init(&header, MS_REFERENCE_WIRE_MAX);
	CHECK_OK(ms_reference_split(built, &header, put, &shelf, &err), &err);
	ms_reference_free(built);
	size_t before = allocated();
	CHECK_OK(ms_reference_join(ms_buf_span(&header), get, &shelf, &joined, &err), &err);
	size_t held = allocated() - before;
	CHECK_INT(ms_reference_n_files(joined), MANY);
	CHECK(held < 12u << 20 && held >= ms_reference_memory(joined) && held < ms_reference_memory(joined) + 4096);
	size_t found = 0;
	uint64_t begin = now_ns();
	for (size_t i = 0; i < 5000; i++) {
		char path[96];
		uint8_t d[32];
		path_of(i * 19 % MANY, path);
		found += ms_reference_has_file(joined, ms_span_str(path), SHA256, digest_of(path, d));
	}
	print_message("%u files: %zu bytes held, %zu of wire in %zu parts; 5000 looked up (with their SHA-256) in %llu us\n", MANY, held,
	    joined->more->files.len, shelf.n, (unsigned long long)(now_ns() - begin) / 1000);
	CHECK_INT(found, 5000);
	shelf_free(&shelf);
}

MS_TEST(reference_in_parts_is_the_set_that_was_split_and_a_changed_part_is_refused)
{
	struct shelf shelf = {.n = 0};
	struct ms_err err = {0};
	MS_OWN(ms_buf_fini) struct ms_buf header;
	MS_OWN(ms_buf_fini) struct ms_buf again;
	MS_OWN(ms_reference_free) struct ms_reference *built = many(30000);
	MS_OWN(ms_reference_free) struct ms_reference *joined = NULL;
	struct ms_reference *none = NULL;
	struct ms_reference_parts parts;
	ms_buf_init(&header, MS_REFERENCE_WIRE_MAX);
	ms_buf_init(&again, MS_REFERENCE_WIRE_MAX);
	CHECK_INT(ms_reference_build(built, &again, &err), MS_ERR_TOO_BIG);
	CHECK_INT(again.len, 0);
	CHECK_OK(ms_reference_split(built, &header, put, &shelf, &err), &err);
	CHECK(shelf.n > 1);
	CHECK_OK(ms_reference_parts(ms_buf_span(&header), &parts, &err), &err);
	CHECK(parts.n == shelf.n && memcmp(parts.id, shelf.id, 32 * parts.n) == 0);
	CHECK_OK(ms_reference_join(ms_buf_span(&header), get, &shelf, &joined, &err), &err);
	CHECK(memcmp(joined->id, built->id, 32) == 0);
	CHECK_OK(ms_reference_split(joined, &again, NULL, NULL, &err), &err);
	CHECK(ms_span_eq(ms_buf_span(&header), ms_buf_span(&again)));
	CHECK_INT(ms_reference_parse(ms_buf_span(&header), &none, &err), MS_ERR_UNSUPPORTED);
	shelf.swap = 2;
	CHECK_INT(ms_reference_join(ms_buf_span(&header), get, &shelf, &none, &err), MS_ERR_AUTH);
	CHECK(strstr(err.text, "part 2 of") != NULL && none == NULL);
	shelf.swap = 0;
	struct ms_span keep = shelf.part[1]; /* two parts in the other order are not the set, though each is what its name says */
	shelf.part[1] = shelf.part[0];
	CHECK_INT(ms_reference_join(ms_buf_span(&header), get, &shelf, &none, &err), MS_ERR_AUTH);
	shelf.part[1] = keep;
	shelf.n--;
	CHECK_INT(ms_reference_join(ms_buf_span(&header), get, &shelf, &none, &err), MS_ERR_NOT_FOUND);
	shelf.n++;
	shelf_free(&shelf);
}

MS_TEST(reference_finds_a_file_by_path_and_digest_and_says_what_is_near)
{
	struct ms_reference_builder *b = builder(&source);
	uint8_t d[32], e[20] = {1};
	struct ms_err err = {0};
	struct ms_reference_file f;
	add_file(b, "/usr/bin/true", "v1");
	add_file(b, "/usr/bin/true", "v2");
	add_file(b, "/usr/bin/true", "v2");
	add_file(b, "/usr/bin/false", "v1");
	CHECK_OK(ms_reference_add_file(b, ms_span_str("/usr/bin/old"), 2, ms_span(e, 20), &err), &err);
	MS_OWN(ms_reference_free) struct ms_reference *r = finish(b);
	CHECK_INT(ms_reference_n_files(r), 4);
	CHECK(ms_reference_has_file(r, ms_span_str("/usr/bin/true"), SHA256, digest_of("v2", d)));
	CHECK(ms_reference_has_file(r, ms_span_str("/usr/bin/true"), SHA256, digest_of("v1", d)));
	CHECK(!ms_reference_has_file(r, ms_span_str("/usr/bin/false"), SHA256, digest_of("v2", d)));
	CHECK(!ms_reference_has_file(r, ms_span_str("/usr/bin/tru"), SHA256, digest_of("v2", d)));
	CHECK(!ms_reference_has_file(r, MS_SPAN_NONE, SHA256, digest_of("v2", d)));
	CHECK(!ms_reference_has_file(r, ms_span_str("/usr/bin/true"), 2, digest_of("v2", d)));  /* length of another hash */
	CHECK(!ms_reference_has_file(r, ms_span_str("/usr/bin/true"), 17, digest_of("v2", d))); /* another hash of this length */
	CHECK(!ms_reference_has_file(r, ms_span_str("/usr/bin/true"), 0, MS_SPAN_NONE));
	CHECK(ms_reference_has_file(r, ms_span_str("/usr/bin/old"), 2, ms_span(e, 20)));
	CHECK(ms_reference_has_path(r, ms_span_str("/usr/bin/false"), &f) && ms_span_eq(f.digest, digest_of("v1", d)));
	CHECK(ms_span_eq(f.note.source, ms_span_str("release 12.7")) && f.note.captured_s == 1000);
	CHECK(!ms_reference_has_path(r, ms_span_str("/usr/bin/fals"), &f) && !ms_reference_has_path(r, ms_span_str("/z"), NULL));
	CHECK(ms_reference_has_digest(r, SHA256, digest_of("v2", d), &f) && ms_span_eq(f.path, ms_span_str("/usr/bin/true")));
	CHECK(!ms_reference_has_digest(r, SHA256, digest_of("v3", d), &f) && !ms_reference_has_digest(r, SHA256, MS_SPAN_NONE, &f));
}

MS_TEST(reference_values_remember_where_they_came_from_through_build_parse_and_merge)
{
	struct ms_err err = {0};
	uint8_t one[32] = {1}, two[32] = {2}, three[32] = {3};
	struct ms_reference_source src = source;
	struct ms_reference_builder *b = builder(&src);
	CHECK_OK(ms_reference_add_pcr(b, 4, one, &err), &err);
	CHECK_OK(ms_reference_add_note(b, ms_span_str("unused"), 1, &err), &err);
	CHECK_OK(ms_reference_add_note(b, ms_span_str("release 12.8"), 2000, &err), &err);
	CHECK_OK(ms_reference_add_pcr(b, 4, two, &err), &err);
	CHECK_OK(ms_reference_add_event(b, 4, three, &err), &err);
	CHECK_OK(ms_reference_add_key(b, ms_span_str("key b"), &err), &err);
	CHECK_OK(ms_reference_add_key(b, ms_span_str("key a"), &err), &err);
	CHECK_OK(ms_reference_add_key(b, ms_span_str("key b"), &err), &err);
	MS_OWN(ms_reference_free) struct ms_reference *r = finish(b);
	src.device = ms_span_str("release 13");
	src.captured_s = 3000;
	b = builder(&src);
	CHECK_OK(ms_reference_add_pcr(b, 4, two, &err), &err);
	CHECK_OK(ms_reference_add_pcr(b, 4, three, &err), &err);
	MS_OWN(ms_reference_free) struct ms_reference *other = finish(b);
	MS_OWN(ms_reference_free) struct ms_reference *both = NULL;
	CHECK_OK(ms_reference_merge(r, other, &both, &err), &err);
	MS_OWN(ms_buf_fini) struct ms_buf wire;
	MS_OWN(ms_reference_free) struct ms_reference *back = NULL;
	ms_buf_init(&wire, MS_REFERENCE_WIRE_MAX);
	CHECK_OK(ms_reference_build(both, &wire, &err), &err);
	CHECK_OK(ms_reference_parse(ms_buf_span(&wire), &back, &err), &err);
	CHECK(back->version == 4 && back->captured_s == 3000 && back->n == 3 && memcmp(back->id, both->id, 32) == 0);
	static const struct {
		const char *source;
		uint64_t captured_s;
	} want[] = {{"release 12.7", 1000}, {"release 12.8", 2000}, {"release 13", 3000}};
	for (size_t i = 0; i < 3; i++) {
		struct ms_reference_note n = ms_reference_row_note(back, i);
		CHECK(ms_span_eq(n.source, ms_span_str(want[i].source)) && n.captured_s == want[i].captured_s);
	}
	struct ms_reference_note n;
	CHECK(ms_reference_n_events(back) == 1 && ms_reference_event_at(back, 0, &n)->index == 4 && n.captured_s == 2000);
	CHECK(ms_reference_has_event(back, 4, three) && !ms_reference_has_event(back, 5, three) && !ms_reference_has_event(back, 4, one));
	CHECK(ms_reference_n_keys(back) == 2 && ms_span_eq(ms_reference_key_at(back, 0), ms_span_str("key a")));
	CHECK(back->more->n_notes == 3); /* 12.7 is no more the set's own time; "unused" is gone */
}

MS_TEST(reference_set_as_it_was_before_files_is_the_same_bytes)
{
	/* {1: "a", 2: 1, 3: "m", 4: {0: [h'01..']}, 5: "", 6: 0}, written by hand */
	uint8_t old[] = {0xa6, 1, 0x61, 'a', 2, 1, 3, 0x61, 'm', 4, 0xa1, 0, 0x81, 0x58, 32, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 5, 0x60, 6, 0};
	MS_OWN(ms_reference_free) struct ms_reference *r = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf b;
	struct ms_err err = {0};
	ms_buf_init(&b, MS_REFERENCE_WIRE_MAX);
	CHECK_OK(ms_reference_parse(ms_span(old, sizeof old), &r, &err), &err);
	CHECK(r->more == NULL && !r->all_models);
	CHECK_OK(ms_reference_build(r, &b, &err), &err);
	CHECK(ms_span_eq(ms_buf_span(&b), ms_span(old, sizeof old)));
}

MS_TEST(I5_reference_for_no_model_is_for_none_and_all_models_is_written_out)
{
	uint8_t d[32] = {1};
	struct ms_err err = {0};
	struct ms_reference_builder *none = NULL;
	struct ms_reference_source src = source;
	src.all_models = false;
	CHECK_INT(ms_reference_builder_new(&src, &none, &err), MS_ERR_USAGE);
	src.all_models = true;
	src.model = ms_span_str("m");
	CHECK_INT(ms_reference_builder_new(&src, &none, &err), MS_ERR_USAGE);
	src.all_models = false;
	struct ms_reference_builder *b = builder(&src);
	CHECK_OK(ms_reference_add_pcr(b, 0, d, &err), &err);
	MS_OWN(ms_reference_free) struct ms_reference *r = finish(b);
	CHECK(ms_reference_for_model(r, ms_span_str("m")) && !ms_reference_for_model(r, ms_span_str("")));
	CHECK(!ms_reference_for_model(r, ms_span_str("mm")) && !ms_reference_for_model(r, ms_span_str("M")));
	r->model[0] = '\0';
	CHECK(!ms_reference_for_model(r, MS_SPAN_NONE));
}

MS_TEST(reference_builder_refuses_what_no_set_can_hold)
{
	struct ms_err err = {0};
	uint8_t d[64] = {0}, big[MS_REFERENCE_PATH_MAX + 1];
	struct ms_reference *r = NULL;
	MS_OWN(ms_reference_builder_free) struct ms_reference_builder *b = builder(&source);
	memset(big, 'x', sizeof big);
	CHECK_INT(ms_reference_finish(b, &r, &err), MS_ERR_USAGE);
	CHECK_INT(ms_reference_add_pcr(b, 24, d, &err), MS_ERR_USAGE);
	CHECK_INT(ms_reference_add_pcr(b, 0, d, &err), MS_ERR_USAGE); /* all zero */
	CHECK_INT(ms_reference_add_event(b, 24, d, &err), MS_ERR_USAGE);
	CHECK_INT(ms_reference_add_file(b, MS_SPAN_NONE, SHA256, ms_span(d, 32), &err), MS_ERR_USAGE);
	CHECK_INT(ms_reference_add_file(b, ms_span(big, sizeof big), SHA256, ms_span(d, 32), &err), MS_ERR_USAGE);
	CHECK_INT(ms_reference_add_file(b, ms_span("a\0b", 3), SHA256, ms_span(d, 32), &err), MS_ERR_USAGE);
	CHECK_INT(ms_reference_add_file(b, ms_span_str("/a"), SHA256, ms_span(d, 31), &err), MS_ERR_USAGE);
	CHECK_INT(ms_reference_add_file(b, ms_span_str("/a"), SHA256, MS_SPAN_NONE, &err), MS_ERR_USAGE);
	CHECK_INT(ms_reference_add_file(b, ms_span_str("/a"), 1, ms_span(d, 16), &err), MS_ERR_USAGE); /* MD5 */
	CHECK_INT(ms_reference_add_file(b, ms_span_str("/a"), 200, ms_span(d, 32), &err), MS_ERR_USAGE);
	CHECK_INT(ms_reference_add_key(b, MS_SPAN_NONE, &err), MS_ERR_USAGE);
	CHECK_INT(ms_reference_add_note(b, ms_span("\xff", 1), 0, &err), MS_ERR_USAGE);
	CHECK(r == NULL);
}

MS_TEST(reference_from_an_appraisal_leaves_violations_and_the_boot_aggregate_out)
{
	MS_OWN(ms_appraisal_free) struct ms_appraisal *a = NULL;
	struct ms_err err = {0};
	uint8_t d[32] = {1};
	CHECK_OK(ms_appraisal_new(&a, &err), &err);
	a->has_boot = a->has_ima = true;
	for (uint8_t pcr = 0; pcr < 3; pcr++) {
		struct ms_tuple t = {.pcr = pcr, .digest = {9, pcr}};
		CHECK_OK(ms_tuples_add(&a->boot, &t, MS_APPRAISAL_BOOT_MAX, &err), &err);
	}
	static const char *const paths[] = {"boot_aggregate", "/usr/bin/a", "/usr/bin/b", "boot_aggregate"};
	for (uint32_t i = 0; i < 4; i++) {
		struct ms_ima_file f = {.entry = i,
		    .violation = i == 2,
		    .hash = SHA256,
		    .digest = i == 2 ? MS_SPAN_NONE : ms_span(d, 32),
		    .path = ms_span_str(paths[i])};
		CHECK_OK(ms_appraisal_add_file(a, &f, &err), &err);
	}
	struct ms_reference_builder *b = builder(&source);
	CHECK_OK(ms_reference_add_appraisal(b, a, 6, true, &err), &err);
	MS_OWN(ms_reference_free) struct ms_reference *r = finish(b);
	CHECK(ms_reference_event_mask(r) == 6 && ms_reference_n_events(r) == 2 && r->n == 0);
	CHECK_INT(ms_reference_n_files(r), 2); /* a later entry of that name is a file like any other */
}

/* One pair as bytes. */
static void
pair(struct ms_buf *b, const char *path, uint8_t hash, uint8_t note, uint8_t fill, size_t len)
{
	uint8_t v[66] = {hash, note};
	memset(v + 2, fill, len);
	ms_cbor_bytes(b, ms_span_str(path));
	ms_cbor_bytes(b, ms_span(v, 2 + len));
}

MS_TEST(I10_reference_part_that_is_not_sorted_unique_and_exact_is_refused)
{
	struct ms_err err = {0};
	static const struct {
		const char *path[2];
		uint8_t hash[2], fill[2];
		size_t len[2], items;
		enum ms_rc want;
	} rows[] = {
	    {{"/a", "/b"}, {4, 4}, {1, 1}, {32, 32}, 4, MS_OK},
	    {{"/a", "/a"}, {4, 4}, {1, 2}, {32, 32}, 4, MS_OK},
	    {{"/a", "/a"}, {2, 4}, {1, 1}, {20, 32}, 4, MS_OK},
	    {{"/a", "/a"}, {4, 4}, {1, 1}, {32, 32}, 4, MS_ERR_MALFORMED},
	    {{"/a", "/a"}, {4, 2}, {1, 1}, {32, 20}, 4, MS_ERR_MALFORMED},
	    {{"/b", "/a"}, {4, 4}, {1, 1}, {32, 32}, 4, MS_ERR_MALFORMED},
	    {{"/a", "/a"}, {4, 4}, {2, 1}, {32, 32}, 4, MS_ERR_MALFORMED},
	    {{"/a", "/b"}, {4, 4}, {1, 1}, {32, 20}, 4, MS_ERR_MALFORMED},
	    {{"/a", "/b"}, {4, 3}, {1, 1}, {32, 20}, 4, MS_ERR_MALFORMED},
	    {{"", "/b"}, {4, 4}, {1, 1}, {32, 32}, 4, MS_ERR_MALFORMED},
	    {{"/a", "/b"}, {4, 4}, {1, 1}, {32, 0}, 4, MS_ERR_MALFORMED},
	    {{"/a", "/b"}, {4, 4}, {1, 1}, {32, 32}, 3, MS_ERR_MALFORMED},
	    {{"/a", "/b"}, {4, 4}, {1, 1}, {32, 32}, 6, MS_ERR_MALFORMED},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		MS_OWN(ms_buf_fini) struct ms_buf b;
		ms_buf_init(&b, 4096);
		ms_cbor_array(&b, rows[i].items);
		for (size_t k = 0; k < 2; k++)
			pair(&b, rows[i].path[k], rows[i].hash[k], 0, rows[i].fill[k], rows[i].len[k]);
		uint8_t *exact = test_dup(b.p, b.len);
		enum ms_rc rc = ms_reference_part_check(ms_span(exact, b.len), &err);
		if (rc != rows[i].want)
			print_error("row %zu: %s %s\n", i, ms_rc_name(rc), err.text);
		CHECK_INT(rc, rows[i].want);
		free(exact);
	}
	CHECK(ms_reference_part_check(MS_SPAN_NONE, &err) != MS_OK);
}

MS_TEST(I10_reference_with_files_refuses_every_cut_and_keeps_canonical_form_under_every_flip)
{
	struct ms_err err = {0};
	uint8_t d[32] = {5};
	struct ms_reference_builder *b = builder(&source);
	CHECK_OK(ms_reference_add_pcr(b, 7, d, &err), &err);
	CHECK_OK(ms_reference_add_note(b, ms_span_str("x"), 7, &err), &err);
	CHECK_OK(ms_reference_add_event(b, 4, d, &err), &err);
	add_file(b, "/a", "a");
	add_file(b, "/b", "b");
	CHECK_OK(ms_reference_add_key(b, ms_span_str("k"), &err), &err);
	MS_OWN(ms_reference_free) struct ms_reference *r = finish(b);
	MS_OWN(ms_buf_fini) struct ms_buf wire;
	ms_buf_init(&wire, MS_REFERENCE_WIRE_MAX);
	CHECK_OK(ms_reference_build(r, &wire, &err), &err);
	for (size_t n = 0; n < wire.len; n++) {
		uint8_t *w = test_dup(wire.p, n);
		struct ms_reference *x = NULL;
		CHECK(ms_reference_parse(ms_span(w, n), &x, NULL) != MS_OK && x == NULL);
		free(w);
	}
	for (size_t bit = 0; bit < wire.len * 8; bit++) {
		uint8_t *w = test_dup(wire.p, wire.len);
		MS_OWN(ms_reference_free) struct ms_reference *x = NULL;
		w[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (ms_reference_parse(ms_span(w, wire.len), &x, NULL) == MS_OK) {
			MS_OWN(ms_buf_fini) struct ms_buf c;
			ms_buf_init(&c, MS_REFERENCE_WIRE_MAX);
			CHECK_OK(ms_reference_build(x, &c, &err), &err);
			CHECK(ms_span_eq(ms_buf_span(&c), ms_span(w, wire.len)));
		}
		free(w);
	}
}
