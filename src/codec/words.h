/* 16 bytes as eight words that people can read out and compare: each word is a proquint, consonant-vowel-consonant-
 * vowel-consonant, 16 bits. Shown by device and console alike when a person approves a device. */
#ifndef MS_WORDS_H
#define MS_WORDS_H
#include <stdbool.h>
#include <stdint.h>
#include "muster/rc.h"

#define MS_WORDS_BYTES 16u
#define MS_WORDS_LEN 48u /* "lusab-babad-...", with NUL */

void ms_words(const uint8_t in[static MS_WORDS_BYTES], char out[static MS_WORDS_LEN]);
/* Strict: exactly eight lower-case words joined by '-'. MS_ERR_MALFORMED otherwise. */
MS_MUST_USE enum ms_rc ms_words_parse(const char *s, uint8_t ret[static MS_WORDS_BYTES], struct ms_err *err);

#endif
