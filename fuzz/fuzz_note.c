/* A note that parses splits its input exactly; verification never takes one that this key did not sign. Keys too. */
#include <assert.h>
#include <string.h>
#include "audit/note.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

static void
one_key(struct ms_span s)
{
	MS_OWN(ms_vkey_free) struct ms_vkey *v = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf b;
	struct ms_vkey *again = NULL;
	ms_buf_init(&b, MS_VKEY_TEXT_MAX);
	if (ms_vkey_parse(s, &v, NULL) != MS_OK)
		return;
	ms_vkey_build(v, &b);
	assert(ms_vkey_parse(ms_buf_span(&b), &again, NULL) == MS_OK);
	assert(memcmp(ms_vkey_fingerprint(v), ms_vkey_fingerprint(again), 32) == 0);
	ms_vkey_free(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static const char key[] = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
	static struct ms_vkey *v;
	struct ms_note_raw raw;
	struct ms_note note;
	if (v == NULL && ms_vkey_parse(ms_span_str(key), &v, NULL) != MS_OK)
		return 0;
	one_key(ms_span(p, len));
	if (ms_note_parse(ms_span(p, len), &raw, NULL) != MS_OK)
		return 0;
	assert(raw.n >= 1 && raw.n <= MS_NOTE_SIGS_MAX);
	assert(raw.text.p == p && raw.text.len < len && p[raw.text.len - 1] == '\n' && p[raw.text.len] == '\n');
	for (size_t i = 0; i < raw.n; i++)
		assert(ms_note_name_ok(raw.sigs[i].name) && raw.sigs[i].len >= 1);
	if (ms_note_verify(ms_span(p, len), v, &note, NULL) == MS_OK)
		assert(ms_span_eq(note.text, ms_span_str("This is an example message.\n")));
	return 0;
}
