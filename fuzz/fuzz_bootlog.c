/* All that is done with a boot log: replay, check, claims, words, comparison with itself. */
#include <stdlib.h>

#include "evidence/bootlog.h"
#include "evidence/bootlog_diff.h"

static void
describe(const struct ms_bootlog *b)
{
	MS_OWN(ms_buf_fini) struct ms_buf text;
	struct ms_boot_change one = {.kind = MS_BOOT_CHANGED};
	ms_buf_init(&text, 4u << 20);
	for (size_t i = 0; i < b->n; i++) {
		const struct ms_bootlog_event *e = &b->event[i];
		if ((e->state == MS_EVENT_OPAQUE || e->state == MS_EVENT_MISMATCHED) && e->covered.len != 0)
			abort();
		ms_bootlog_describe(e, &text);
		ms_buf_reset(&text);
		one.from = one.to;
		one.to = e;
		if (one.from != NULL && one.from->type == e->type)
			ms_boot_change_text(&one, b->kind, &text);
		ms_buf_reset(&text);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct ms_bootlog_replay r;
	MS_OWN(ms_bootlog_free) struct ms_bootlog *b = NULL;
	MS_OWN(ms_claims_free) struct ms_claims *c = NULL;
	MS_OWN(ms_boot_changes_fini) struct ms_boot_changes d = {.n = 0};
	if (ms_bootlog_load(ms_span(p, n), NULL, MS_EVENTLOG_ANY, 0, &b, NULL) != MS_OK)
		return 0;
	if (ms_bootlog_replay(ms_span(p, n), NULL, MS_EVENTLOG_ANY, &r, NULL) != MS_OK ||
	    ms_bootlog_unexplained(&r, &b->pcrs, b->pcrs.mask) != 0)
		abort();
	if (ms_claims_new(&c, NULL) != MS_OK)
		abort();
	if (ms_bootlog_claims(b, c, NULL) == MS_OK) {
		MS_OWN(ms_buf_fini) struct ms_buf wire;
		MS_OWN(ms_claims_free) struct ms_claims *again = NULL;
		ms_buf_init(&wire, MS_CLAIMS_WIRE_MAX);
		if (ms_claims_build(c, &wire, NULL) == MS_OK && ms_claims_parse(ms_buf_span(&wire), &again, NULL) != MS_OK)
			abort();
	}
	if (ms_bootlog_diff(b, b, &d, NULL) != MS_OK || d.n != 0 || d.pcrs != 0)
		abort();
	describe(b);
	return 0;
}
