/* Words of a kernel's command line, as the kernel takes it apart (Linux, lib/cmdline.c: next_arg(); kernel/params.c: parse_args()). */
#include <string.h>

#include "policy/policy_int.h"

/* isspace() of the kernel, which knows Latin-1: 0xa0 is one, also within a character of UTF-8. */
static bool
is_space(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == 0xa0;
}

struct word {
	uint8_t text[MS_CLAIM_VALUE_MAX];
	size_t len, key; /* key: length of the name with its '='; 0: there is none */
};

static void
put(struct word *w, uint8_t c)
{
	if (w->len == sizeof w->text)
		return; /* no claim is longer */
	w->text[w->len++] = c;
	if (c == '=' && w->key == 0)
		w->key = w->len;
}

/* Of the name '-' and '_' are the same (dash2underscore()). */
static bool
is_same(const struct word *w, size_t len, struct ms_span want)
{
	const uint8_t *assign = memchr(want.p, '=', want.len);
	size_t name = assign == NULL ? want.len : (size_t)(assign - want.p);
	if (len != want.len)
		return false;
	for (size_t i = 0; i < len; i++) {
		uint8_t a = w->text[i], b = want.p[i];
		if (a != b && !(i < name && (a == '-' || a == '_') && (b == '-' || b == '_')))
			return false;
	}
	return true;
}

/* A word that ends in "=" stands for all that begin so. */
static bool
is_word(const struct word *w, struct ms_span want)
{
	return is_same(w, w->len, want) || (w->key > 0 && is_same(w, w->key, want));
}

/* The next one, without the quotes around it or its value. False: there is none, or the rest is for init. */
static bool
next_word(struct ms_span s, size_t *at, struct word *w)
{
	bool in_quote = false, opened = false;
	w->len = w->key = 0;
	while (*at < s.len && is_space(s.p[*at]))
		(*at)++;
	for (size_t begin = *at; *at < s.len && s.p[*at] != 0 && (in_quote || !is_space(s.p[*at])); (*at)++) {
		bool quote = s.p[*at] == '"', first = *at == begin || (w->key > 0 && w->len == w->key && !opened);
		in_quote = in_quote != quote;
		opened = opened || (quote && first);
		if (!quote || !first)
			put(w, s.p[*at]);
	}
	if (opened && w->len > 0 && w->text[w->len - 1] == '"')
		w->len--;
	return w->len > 0 && !ms_span_eq(ms_span(w->text, w->len), ms_span_str("--"));
}

bool
ms_judge_words_all(const struct ms_policy_names *wanted, struct ms_span text)
{
	bool hit[MS_POLICY_VALUES_MAX] = {false};
	size_t n = 0;
	struct word w;
	for (size_t at = 0; next_word(text, &at, &w);)
		for (size_t i = 0; i < wanted->n; i++)
			if (!hit[i] && is_word(&w, wanted->item[i])) {
				hit[i] = true;
				n++;
			}
	return n == wanted->n;
}

/* Whoever reads the line next (init, an initrd) has other quotes and other spaces: a word must be there in no reading at all. */
bool
ms_judge_words_none(const struct ms_policy_names *unwanted, struct ms_span text)
{
	struct word w;
	for (size_t at = 0; at < text.len; at++) {
		w.len = w.key = 0;
		for (; at < text.len && text.p[at] > ' ' && text.p[at] != 0x7f && text.p[at] != 0xa0; at++)
			if (text.p[at] != '"' && text.p[at] != '\'' && text.p[at] != '\\')
				put(&w, text.p[at]);
		for (size_t i = 0; w.len > 0 && i < unwanted->n; i++)
			if (is_word(&w, unwanted->item[i]))
				return false;
	}
	return true;
}
