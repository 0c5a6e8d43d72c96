#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "codec/words.h"

#define CODE "lusab-babad-gutih-tugad-babab-zuzuz-bahaf-zibud"

MS_TEST(words_of_known_bytes)
{
	/* 127.0.0.1 and 63.84.220.193 are the examples of the proquint proposal */
	static const uint8_t in[16] = {127, 0, 0, 1, 63, 84, 220, 193, 0, 0, 0xff, 0xff, 0x01, 0x02, 0xf4, 0x34};
	char text[MS_WORDS_LEN];
	ms_words(in, text);
	CHECK(strncmp(text, "lusab-babad-gutih-tugad-babab-zuzuz-", 36) == 0);
	CHECK_INT(strlen(text), MS_WORDS_LEN - 1);
}

MS_TEST(words_round_trip_over_all_values_of_a_word)
{
	for (unsigned v = 0; v <= UINT16_MAX; v++) {
		uint8_t in[16], out[16] = {0};
		char text[MS_WORDS_LEN];
		for (size_t i = 0; i < 16; i += 2)
			in[i] = (uint8_t)((v + i) >> 8), in[i + 1] = (uint8_t)(v + i);
		ms_words(in, text);
		CHECK_INT(ms_words_parse(text, out, NULL), MS_OK);
		CHECK(memcmp(in, out, sizeof in) == 0);
	}
}

MS_TEST(words_parse_refuses_other_texts_and_leaves_the_output_alone)
{
	static const char *const bad[] = {"", "lusab", "lusab-babad-gutih-tugad-babab-zuzuz-bahaf", CODE "-", CODE "-babab", "-" CODE,
	    "Lusab-babad-gutih-tugad-babab-zuzuz-bahaf-zibud", "lusab babad-gutih-tugad-babab-zuzuz-bahaf-zibud",
	    "lusab--abad-gutih-tugad-babab-zuzuz-bahaf-zibud", "lusac-babad-gutih-tugad-babab-zuzuz-bahaf-zibud",
	    "lesab-babad-gutih-tugad-babab-zuzuz-bahaf-zibud", "ulsab-babad-gutih-tugad-babab-zuzuz-bahaf-zibud", " " CODE, CODE " ",
	    CODE "\n", "lusab-babad-gutih-tugad-babab-zuzuz-bahaf-zibu", "lusab-babad-gutih-tugad-babab-zuzuz-bahaf-zibu-"};
	uint8_t out[16], before[16];
	memset(out, 0xee, sizeof out);
	memcpy(before, out, sizeof out);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char *text = (char *)test_dup(bad[i], strlen(bad[i]) + 1);
		CHECK_INT(ms_words_parse(text, out, NULL), MS_ERR_MALFORMED);
		CHECK(memcmp(out, before, sizeof out) == 0);
		free(text);
	}
	CHECK_INT(ms_words_parse(CODE, out, NULL), MS_OK);
}
