#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/reference.h"

static struct ms_reference *
captured(const char *name, const char *model, uint32_t mask, uint8_t fill)
{
	struct ms_pcrs p = {.mask = mask};
	struct ms_reference_source src = {ms_span_str(name), ms_span_str(model), ms_span_str("dev-1"), 1, 1000u + fill, false};
	struct ms_reference *r = NULL;
	struct ms_err err = {0};
	for (unsigned i = 0; i < MS_TPM_PCR_COUNT; i++)
		memset(p.value[i], (int)(fill + i), MS_PCR_LEN);
	CHECK_OK(ms_reference_capture(&src, &p, mask, &r, &err), &err);
	return r;
}

static void
build(const struct ms_reference *r, struct ms_buf *b)
{
	struct ms_err err = {0};
	ms_buf_init(b, MS_REFERENCE_WIRE_MAX);
	CHECK_OK(ms_reference_build(r, b, &err), &err);
}

MS_TEST(reference_survives_build_and_parse)
{
	MS_OWN(ms_reference_free) struct ms_reference *r = captured("a", "Gateway 1", 0x7fff, 1);
	MS_OWN(ms_reference_free) struct ms_reference *again = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf b;
	MS_OWN(ms_buf_fini) struct ms_buf c;
	struct ms_err err = {0};
	build(r, &b);
	CHECK_OK(ms_reference_parse(ms_buf_span(&b), &again, &err), &err);
	CHECK(again->n == 15 && ms_reference_mask(again) == 0x7fff && again->version == 1 && again->captured_s == 1001);
	assert_string_equal(again->model, "Gateway 1");
	assert_string_equal(again->source, "dev-1");
	build(again, &c);
	CHECK(ms_span_eq(ms_buf_span(&b), ms_buf_span(&c)));
}

MS_TEST(I10_reference_refuses_every_cut_and_keeps_canonical_form_under_every_flip)
{
	MS_OWN(ms_reference_free) struct ms_reference *r = captured("a", "m", 0x11, 1);
	MS_OWN(ms_buf_fini) struct ms_buf b;
	build(r, &b);
	for (size_t n = 0; n < b.len; n++) {
		uint8_t *w = test_dup(b.p, n);
		struct ms_reference *x = NULL;
		CHECK(ms_reference_parse(ms_span(w, n), &x, NULL) != MS_OK && x == NULL);
		free(w);
	}
	for (size_t bit = 0; bit < b.len * 8; bit++) {
		uint8_t *w = test_dup(b.p, b.len);
		MS_OWN(ms_reference_free) struct ms_reference *x = NULL;
		w[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (ms_reference_parse(ms_span(w, b.len), &x, NULL) == MS_OK) {
			MS_OWN(ms_buf_fini) struct ms_buf c;
			build(x, &c);
			CHECK(ms_span_eq(ms_buf_span(&c), ms_span(w, b.len)));
		}
		free(w);
	}
}

MS_TEST(reference_values_out_of_order_or_bounds_are_refused)
{
	struct ms_reference *good = captured("a", "m", 3, 1);
	MS_OWN(ms_buf_fini) struct ms_buf b;
	ms_buf_init(&b, MS_REFERENCE_WIRE_MAX);
	struct ms_pcr_accept rows[3] = {good->rows[0], good->rows[0], good->rows[1]};
	struct ms_reference bad = *good;
	bad.rows = rows;
	bad.n = 3; /* the same digest twice */
	CHECK_INT(ms_reference_build(&bad, &b, NULL), MS_ERR_USAGE);
	rows[1].digest[0] = 0; /* falling */
	CHECK_INT(ms_reference_build(&bad, &b, NULL), MS_ERR_USAGE);
	rows[1].digest[0] = 0xff;
	CHECK_INT(ms_reference_build(&bad, &b, NULL), MS_OK);
	bad.n = 0;
	CHECK_INT(ms_reference_build(&bad, &b, NULL), MS_ERR_USAGE);
	bad = *good;
	bad.version = 0;
	CHECK_INT(ms_reference_build(&bad, &b, NULL), MS_ERR_USAGE);
	bad = *good;
	bad.model[0] = '\0';
	CHECK_INT(ms_reference_build(&bad, &b, NULL), MS_ERR_USAGE);
	bad = *good;
	bad.name[0] = '/';
	CHECK_INT(ms_reference_build(&bad, &b, NULL), MS_ERR_USAGE);
	ms_reference_free(good);
}

MS_TEST(reference_is_not_captured_from_a_device_that_measured_nothing_or_lacks_a_pcr)
{
	struct ms_pcrs p = {.mask = 0x7fff};
	struct ms_reference_source src = {ms_span_str("a"), ms_span_str("m"), MS_SPAN_NONE, 1, 1, false};
	struct ms_reference *r = NULL;
	struct ms_err err = {0};
	CHECK_INT(ms_reference_capture(&src, &p, 0x7fff, &r, &err), MS_ERR_USAGE);
	CHECK(strstr(err.text, "PCR 0 is all zero") != NULL);
	p.value[0][0] = 1;
	CHECK_INT(ms_reference_capture(&src, &p, 0, &r, &err), MS_ERR_USAGE);
	CHECK_INT(ms_reference_capture(&src, &p, 0x8000, &r, &err), MS_ERR_USAGE);
	src.name = ms_span_str("A");
	CHECK_INT(ms_reference_capture(&src, &p, 1, &r, &err), MS_ERR_USAGE);
	src.name = ms_span_str("a");
	src.model = MS_SPAN_NONE;
	CHECK_INT(ms_reference_capture(&src, &p, 1, &r, &err), MS_ERR_USAGE);
	src.model = ms_span_str("m");
	src.version = 0;
	CHECK_INT(ms_reference_capture(&src, &p, 1, &r, &err), MS_ERR_USAGE);
	CHECK(r == NULL);
}

MS_TEST(reference_merge_is_a_union_within_one_name_and_model)
{
	MS_OWN(ms_reference_free) struct ms_reference *a = captured("a", "m", 3, 1);
	MS_OWN(ms_reference_free) struct ms_reference *b = captured("a", "m", 6, 2);
	MS_OWN(ms_reference_free) struct ms_reference *other = captured("a", "n", 3, 1);
	MS_OWN(ms_reference_free) struct ms_reference *m = NULL;
	MS_OWN(ms_reference_free) struct ms_reference *mm = NULL;
	struct ms_err err = {0};
	MS_OWN(ms_buf_fini) struct ms_buf buf;
	CHECK_INT(ms_reference_merge(a, other, &m, &err), MS_ERR_USAGE);
	CHECK_OK(ms_reference_merge(a, b, &m, &err), &err);
	CHECK(m->n == 4 && ms_reference_mask(m) == 7 && m->version == 2 && m->captured_s == 1002);
	build(m, &buf);
	CHECK_OK(ms_reference_merge(m, a, &mm, &err), &err);
	CHECK_INT(mm->n, 4);
}

MS_TEST(reference_merge_stops_at_the_cap)
{
	struct ms_reference *m = captured("a", "m", 1, 0xff);
	struct ms_err err = {0};
	enum ms_rc rc = MS_OK;
	size_t n = 1;
	for (; n < 100 && rc == MS_OK; n++) {
		MS_OWN(ms_reference_free) struct ms_reference *next = captured("a", "m", 1, (uint8_t)n);
		struct ms_reference *both = NULL;
		rc = ms_reference_merge(m, next, &both, &err);
		if (rc == MS_OK) {
			ms_reference_free(m);
			m = both;
		}
	}
	CHECK_INT(rc, MS_ERR_TOO_BIG);
	CHECK_INT(m->n, MS_REFERENCE_DIGESTS_MAX);
	ms_reference_free(m);
}
