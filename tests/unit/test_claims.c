/* Sets of claims: what is one, what is two, and what a set holds after it grew. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evidence/claims.h"
#include "support/test.h"

static size_t
count(const struct ms_claims *c, const char *name)
{
	size_t from = 0, n = 0;
	while (ms_claims_next(c, ms_span_str(name), &from) != NULL)
		n++;
	return n;
}

MS_TEST(claims_of_one_name_and_value_are_one_and_proven_only_if_both_are)
{
	MS_OWN(ms_claims_free) struct ms_claims *c = NULL;
	CHECK_INT(ms_claims_new(&c, NULL), MS_OK);
	CHECK_INT(ms_claims_add_text(c, "boot.grub.command", true, ms_span_str("boot"), NULL), MS_OK);
	CHECK_INT(ms_claims_add_text(c, "boot.grub.command", true, ms_span_str("boot"), NULL), MS_OK);
	CHECK_INT(ms_claims_count(c), 1);
	CHECK(ms_claims_at(c, 0)->proven);
	CHECK_INT(ms_claims_add_text(c, "boot.grub.command", false, ms_span_str("boot"), NULL), MS_OK);
	CHECK(!ms_claims_at(c, 0)->proven);
	CHECK_INT(ms_claims_add_text(c, "boot.grub.command", true, ms_span_str("boot"), NULL), MS_OK);
	CHECK(!ms_claims_at(c, 0)->proven);
	CHECK_INT(ms_claims_add_text(c, "boot.kernel.cmdline", true, ms_span_str("boot"), NULL), MS_OK); /* another name */
	CHECK_INT(ms_claims_add_text(c, "boot.grub.command", true, ms_span_str("boo"), NULL), MS_OK);
	CHECK_INT(ms_claims_count(c), 3);
}

MS_TEST(claims_refuse_a_second_value_of_a_single_one)
{
	struct ms_err err = {.text = ""};
	MS_OWN(ms_claims_free) struct ms_claims *c = NULL;
	CHECK_INT(ms_claims_new(&c, NULL), MS_OK);
	CHECK_INT(ms_claims_add_bool(c, "boot.secure-boot", true, true, NULL), MS_OK);
	CHECK_INT(ms_claims_add_bool(c, "boot.secure-boot", true, true, NULL), MS_OK);
	CHECK_INT(ms_claims_add_bool(c, "boot.secure-boot", true, false, &err), MS_ERR_MALFORMED);
	CHECK(strstr(err.text, "two values of boot.secure-boot") != NULL);
	CHECK_INT(ms_claims_count(c), 1);
	CHECK_INT(ms_claims_at(c, 0)->number, 1);
}

/* Names are found by their address first: a buffer that holds another name now must not be taken for the old one. */
MS_TEST(claims_take_a_name_by_what_it_says_not_by_where_it_lies)
{
	char name[32] = "boot.secure-boot";
	MS_OWN(ms_claims_free) struct ms_claims *c = NULL;
	CHECK_INT(ms_claims_new(&c, NULL), MS_OK);
	CHECK_INT(ms_claims_add_bool(c, name, true, true, NULL), MS_OK);
	(void)snprintf(name, sizeof name, "boot.setup-mode");
	CHECK_INT(ms_claims_add_bool(c, name, true, false, NULL), MS_OK);
	CHECK_INT(count(c, "boot.secure-boot"), 1);
	CHECK_INT(count(c, "boot.setup-mode"), 1);
}

MS_TEST(claims_keep_order_and_values_up_to_the_cap_and_name_it)
{
	struct ms_err err = {.text = ""};
	char text[64];
	size_t from = 0;
	MS_OWN(ms_claims_free) struct ms_claims *c = NULL;
	CHECK_INT(ms_claims_new(&c, NULL), MS_OK);
	for (unsigned i = 0; i < MS_CLAIMS_MAX; i++) {
		int n = snprintf(text, sizeof text, "command %u", i);
		CHECK_INT(ms_claims_add_text(c, "boot.grub.command", i % 2 == 0, ms_span(text, (size_t)n), NULL), MS_OK);
	}
	CHECK_INT(ms_claims_add_text(c, "boot.grub.command", true, ms_span_str("one more"), &err), MS_ERR_TOO_BIG);
	CHECK(strstr(err.text, "more than 4096") != NULL);
	CHECK_INT(ms_claims_add_text(c, "boot.grub.command", true, ms_span_str("command 7"), NULL), MS_OK); /* is there */
	for (unsigned i = 0; i < MS_CLAIMS_MAX; i++) {
		const struct ms_claim *one = ms_claims_next(c, ms_span_str("boot.grub.command"), &from);
		int n = snprintf(text, sizeof text, "command %u", i);
		CHECK(one != NULL && ms_span_eq(one->bytes, ms_span(text, (size_t)n)));
		CHECK_INT(one->proven, i % 2 == 0);
	}
	CHECK(ms_claims_next(c, ms_span_str("boot.grub.command"), &from) == NULL);
}

MS_TEST(claims_hold_values_of_every_length_up_to_theirs)
{
	uint8_t value[MS_CLAIM_VALUE_MAX + 1];
	MS_OWN(ms_claims_free) struct ms_claims *c = NULL;
	memset(value, 0x5a, sizeof value);
	CHECK_INT(ms_claims_new(&c, NULL), MS_OK);
	for (size_t n = 0; n <= MS_CLAIM_VALUE_MAX; n += 64)
		CHECK_INT(ms_claims_add_bytes(c, "boot.image.digest", true, ms_span(value, n), NULL), MS_OK);
	CHECK_INT(ms_claims_add_bytes(c, "boot.image.digest", true, ms_span(value, sizeof value), NULL), MS_ERR_TOO_BIG);
	for (size_t i = 0; i < ms_claims_count(c); i++)
		CHECK(ms_span_eq(ms_claims_at(c, i)->bytes, ms_span(value, 64 * i)));
}

MS_TEST(claims_text_that_is_not_utf8_is_hex_and_says_so)
{
	MS_OWN(ms_claims_free) struct ms_claims *c = NULL;
	CHECK_INT(ms_claims_new(&c, NULL), MS_OK);
	CHECK_INT(ms_claims_add_text(c, "boot.grub.command", true, ms_span("a\0b", 3), NULL), MS_OK);
	CHECK_INT(ms_claims_add_text(c, "boot.grub.command", true, ms_span("\xff\xfe", 2), NULL), MS_OK);
	CHECK_INT(ms_claims_add_text(c, "boot.grub.command", true, ms_span("abcdefg\0", 8), NULL), MS_OK);
	CHECK_INT(ms_claims_add_text(c, "boot.grub.command", true, ms_span("abcdefg\x80", 8), NULL), MS_OK);
	CHECK(ms_span_eq(ms_claims_at(c, 0)->bytes, ms_span_str("hex:610062")));
	CHECK(ms_span_eq(ms_claims_at(c, 1)->bytes, ms_span_str("hex:fffe")));
	CHECK(ms_span_eq(ms_claims_at(c, 2)->bytes, ms_span_str("hex:6162636465666700")));
	CHECK(ms_span_eq(ms_claims_at(c, 3)->bytes, ms_span_str("hex:6162636465666780")));
}

MS_TEST(claims_catalogue_is_sorted_and_found_whole)
{
	const struct ms_claim_name *row, *before = NULL;
	for (size_t i = 0; (row = ms_claim_name_at(i)) != NULL; before = row, i++) {
		CHECK(before == NULL || strcmp(before->name, row->name) < 0);
		CHECK(ms_claim_name_find(ms_span_str(row->name)) == row);
		CHECK(row->doc[0] != '\0');
	}
	CHECK(ms_claim_name_find(ms_span_str("boot.secure-boo")) == NULL);
	CHECK(ms_claim_name_find(ms_span_str("boot.secure-boott")) == NULL);
	CHECK(ms_claim_name_find(MS_SPAN_NONE) == NULL);
}
