#include <stdlib.h>
#include <string.h>

#include "evidence/appraisal.h"
#include "support/test.h"

static void
add_tuple(struct ms_tuples *t, uint8_t pcr, uint8_t fill)
{
	struct ms_tuple one = {.pcr = pcr, .flags = MS_TUPLE_RECOMPUTED, .type = 13, .offset = 7, .len = 9};
	memset(one.digest, fill, sizeof one.digest);
	CHECK(ms_tuples_add(t, &one, 16, NULL) == MS_OK);
}

static struct ms_appraisal *
sample(void)
{
	struct ms_appraisal *a = NULL;
	CHECK(ms_appraisal_new(&a, NULL) == MS_OK);
	a->has_boot = a->has_ima = true;
	a->boot_locality = 3;
	a->ima_from = 5;
	add_tuple(&a->boot, 0, 0x11);
	add_tuple(&a->boot, 7, 0x22);
	for (uint8_t i = 0; i < 3; i++)
		add_tuple(&a->ima, 10, (uint8_t)(0x30 + i));
	struct ms_ima_file f = {
	    .entry = 5, .hash = 4, .digest = ms_span("01234567890123456789012345678901", 32), .path = ms_span_str("/bin/sh")};
	CHECK(ms_appraisal_add_file(a, &f, NULL) == MS_OK);
	CHECK(ms_claims_add_text(a->claims, "attester.kind", true, ms_span_str("tpm"), NULL) == MS_OK);
	return a;
}

MS_TEST(appraisal_survives_build_and_parse)
{
	MS_OWN(ms_appraisal_free) struct ms_appraisal *a = sample(), *b = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf wire;
	ms_buf_init(&wire, MS_APPRAISAL_WIRE_MAX);
	CHECK(ms_appraisal_build(a, &wire, NULL) == MS_OK);
	CHECK(ms_appraisal_parse(ms_buf_span(&wire), &b, NULL) == MS_OK);
	CHECK_INT(b->boot.n, 2);
	CHECK_INT(b->ima.n, 3);
	CHECK_INT(b->ima_from, 5);
	CHECK_INT(b->boot_locality, 3);
	CHECK(ms_span_eq(b->file[0].path, ms_span_str("/bin/sh")));
	CHECK_INT(ms_claims_count(b->claims), 1);
}

MS_TEST(I10_every_prefix_and_flip_of_an_appraisal_is_refused_or_parses)
{
	MS_OWN(ms_appraisal_free) struct ms_appraisal *a = sample();
	MS_OWN(ms_buf_fini) struct ms_buf wire;
	ms_buf_init(&wire, MS_APPRAISAL_WIRE_MAX);
	CHECK(ms_appraisal_build(a, &wire, NULL) == MS_OK);
	for (size_t n = 0; n < wire.len; n++) {
		MS_OWN(ms_appraisal_free) struct ms_appraisal *b = NULL;
		uint8_t *w = test_dup(wire.p, n);
		CHECK(ms_appraisal_parse(ms_span(w, n), &b, NULL) != MS_OK);
		CHECK(b == NULL);
		free(w);
	}
	for (size_t bit = 0; bit < wire.len * 8; bit++) {
		MS_OWN(ms_appraisal_free) struct ms_appraisal *b = NULL;
		uint8_t *w = test_dup(wire.p, wire.len);
		w[bit / 8] ^= (uint8_t)(1u << bit % 8);
		(void)!ms_appraisal_parse(ms_span(w, wire.len), &b, NULL);
		free(w);
	}
}

MS_TEST(I13_unexplained_names_every_pcr_whose_replay_is_not_the_quoted_value)
{
	MS_OWN(ms_appraisal_free) struct ms_appraisal *a = sample();
	struct ms_pcrs quoted;
	ms_appraisal_boot_pcrs(a, &quoted);
	quoted.mask = 0xffff;
	CHECK_INT(ms_appraisal_unexplained(a, &quoted, 0xffff), 0);
	quoted.value[7][0] ^= 1;
	quoted.value[9][0] ^= 1;
	CHECK_INT(ms_appraisal_unexplained(a, &quoted, 0xffff), 1 << 7 | 1 << 9);
	quoted.mask = 1;
	CHECK_INT(ms_appraisal_unexplained(a, &quoted, 3), 2); /* not quoted: not explained */
	a->boot_locality = 0;
	CHECK_INT(ms_appraisal_unexplained(a, &quoted, 1), 1);
}

MS_TEST(I13_a_boot_log_has_to_explain_every_quoted_pcr_that_something_extended_but_not_imas)
{
	MS_OWN(ms_appraisal_free) struct ms_appraisal *a = sample();
	struct ms_pcrs quoted = {.mask = 0x7fff};
	CHECK_INT(ms_appraisal_to_explain(a, &quoted), 0xff);
	quoted.value[8][31] = quoted.value[10][0] = quoted.value[14][5] = 1;
	CHECK_INT(ms_appraisal_to_explain(a, &quoted), 0xff | 1 << 8 | 1 << 14);
	add_tuple(&a->boot, 10, 1);
	add_tuple(&a->boot, 23, 1);
	CHECK_INT(ms_appraisal_to_explain(a, &quoted), 0xff | 1 << 8 | 1 << 10 | 1 << 14 | 1 << 23);
}

static void
extend_word(struct ms_pcrs *p, unsigned pcr, const char *word)
{
	uint8_t both[2 * MS_PCR_LEN];
	memcpy(both, p->value[pcr], MS_PCR_LEN);
	ms_sha256(ms_span_str(word), both + MS_PCR_LEN);
	ms_sha256(ms_span(both, sizeof both), p->value[pcr]);
}

MS_TEST(I13_words_of_systemd_explain_pcr_11_in_their_order_and_no_other_pcr_or_word)
{
	MS_OWN(ms_appraisal_free) struct ms_appraisal *a = sample();
	struct ms_pcrs quoted, other;
	add_tuple(&a->boot, 11, 0x44);
	ms_appraisal_boot_pcrs(a, &quoted);
	quoted.mask = 0xffff;
	other = quoted;
	extend_word(&quoted, 11, "enter-initrd");
	extend_word(&quoted, 11, "sysinit");
	CHECK_INT(ms_appraisal_unexplained(a, &quoted, 0xffff), 0);
	extend_word(&quoted, 11, "leave-initrd");
	CHECK_INT(ms_appraisal_unexplained(a, &quoted, 0xffff), 1 << 11);
	extend_word(&other, 11, "evil");
	extend_word(&other, 12, "ready");
	CHECK_INT(ms_appraisal_unexplained(a, &other, 0xffff), 1 << 11 | 1 << 12);
}

MS_TEST(ima_replay_stops_at_the_quoted_value_and_goes_on_only_where_it_stopped)
{
	MS_OWN(ms_appraisal_free) struct ms_appraisal *a = sample();
	struct ms_ima_state from = {.reset_count = 1, .entries = 5}, now, after;
	size_t used = 0;
	a->ima.n = 2; /* find the value after two entries */
	uint8_t quoted[MS_PCR_LEN] = {1};
	CHECK(ms_appraisal_ima_replay(a, &from, quoted, &now, &used, NULL) == MS_ERR_MALFORMED);
	struct ms_pcrs p;
	struct ms_appraisal as_boot = {.boot = a->ima, .boot_locality = 0};
	ms_appraisal_boot_pcrs(&as_boot, &p);
	a->ima.n = 3;
	CHECK(ms_appraisal_ima_replay(a, &from, p.value[10], &now, &used, NULL) == MS_OK);
	CHECK_INT(used, 2);
	CHECK_INT(now.entries, 7);
	CHECK(memcmp(now.pcr, p.value[10], MS_PCR_LEN) == 0);
	CHECK(ms_appraisal_ima_replay(a, &now, p.value[10], &after, &used, NULL) == MS_ERR_CONFLICT);
	a->ima_from = 7;
	CHECK(ms_appraisal_ima_replay(a, &now, p.value[10], &after, &used, NULL) == MS_OK);
	CHECK_INT(used, 0);
}

MS_TEST(claims_are_of_the_catalogue_single_or_many_and_parse_as_built)
{
	MS_OWN(ms_claims_free) struct ms_claims *c = NULL, *again = NULL;
	CHECK(ms_claims_new(&c, NULL) == MS_OK);
	CHECK(ms_claims_add_text(c, "attester.kind", true, ms_span_str("tpm"), NULL) == MS_OK);
	CHECK(ms_claims_add_text(c, "attester.kind", false, ms_span_str("tpm"), NULL) == MS_OK);
	CHECK_INT(ms_claims_count(c), 1);
	CHECK(!ms_claims_at(c, 0)->proven); /* proven only if both are */
	CHECK(ms_claims_add_text(c, "attester.kind", true, ms_span_str("dice"), NULL) == MS_ERR_MALFORMED);
	CHECK(ms_claim_name_find(ms_span_str("no.such")) == NULL);
	MS_OWN(ms_buf_fini) struct ms_buf b;
	ms_buf_init(&b, MS_CLAIMS_WIRE_MAX);
	CHECK(ms_claims_build(c, &b, NULL) == MS_OK);
	CHECK(ms_claims_parse(ms_buf_span(&b), &again, NULL) == MS_OK);
	CHECK_INT(ms_claims_count(again), 1);
	b.p[b.len - 1] = 0xff; /* not UTF-8 */
	MS_OWN(ms_claims_free) struct ms_claims *bad = NULL;
	CHECK(ms_claims_parse(ms_buf_span(&b), &bad, NULL) != MS_OK);
}

MS_TEST(claim_names_are_sorted_and_told_in_a_sentence)
{
	for (size_t i = 0; ms_claim_name_at(i) != NULL; i++) {
		CHECK(strlen(ms_claim_name_at(i)->doc) > 10);
		if (i > 0)
			CHECK(strcmp(ms_claim_name_at(i - 1)->name, ms_claim_name_at(i)->name) < 0);
	}
}
