#include "codec/words.h"

#include <string.h>

#define WORD_LEN 5u

static const char consonants[] = "bdfghjklmnprstvz"; /* 4 bits each */
static const char vowels[] = "aiou";                 /* 2 bits each */

void
ms_words(const uint8_t in[static MS_WORDS_BYTES], char out[static MS_WORDS_LEN])
{
	char *o = out;
	for (size_t i = 0; i < MS_WORDS_BYTES; i += 2) {
		unsigned v = (unsigned)in[i] << 8 | in[i + 1];
		*o++ = consonants[v >> 12];
		*o++ = vowels[v >> 10 & 3];
		*o++ = consonants[v >> 6 & 15];
		*o++ = vowels[v >> 4 & 3];
		*o++ = consonants[v & 15];
		*o++ = '-';
	}
	o[-1] = '\0';
}

/* Position of c in the alphabet, or its length when absent. */
static unsigned
letter(const char *alphabet, unsigned n, char c)
{
	const char *at = memchr(alphabet, c, n);
	return at == NULL ? n : (unsigned)(at - alphabet);
}

static bool
word(const char *s, uint8_t out[static 2])
{
	unsigned v = 0;
	for (unsigned i = 0; i < WORD_LEN; i++) {
		bool vowel = i % 2 != 0;
		unsigned n = vowel ? 4 : 16, d = letter(vowel ? vowels : consonants, n, s[i]);
		if (d == n)
			return false;
		v = v << (vowel ? 2 : 4) | d;
	}
	out[0] = (uint8_t)(v >> 8);
	out[1] = (uint8_t)v;
	return true;
}

enum ms_rc
ms_words_parse(const char *s, uint8_t ret[static MS_WORDS_BYTES], struct ms_err *err)
{
	uint8_t out[MS_WORDS_BYTES];
	if (strnlen(s, MS_WORDS_LEN) != MS_WORDS_LEN - 1)
		return ms_fail(err, MS_ERR_MALFORMED, "words: not eight words of five letters");
	for (size_t i = 0; i < MS_WORDS_BYTES / 2; i++, s += WORD_LEN + 1) {
		char end = i == MS_WORDS_BYTES / 2 - 1 ? '\0' : '-';
		if (!word(s, &out[2 * i]) || s[WORD_LEN] != end)
			return ms_fail(err, MS_ERR_MALFORMED, "words: word %zu is not one of ours", i + 1);
	}
	memcpy(ret, out, sizeof out);
	return MS_OK;
}
