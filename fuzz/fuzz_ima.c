/* An IMA list to an appraisal: what is built from it parses again and replays to the value that its tuples give. */
#include <stdlib.h>
#include <string.h>

#include "evidence/ima.h"

static void
replay_all(const struct ms_appraisal *a, uint8_t pcr[static MS_PCR_LEN])
{
	memset(pcr, 0, MS_PCR_LEN);
	for (size_t i = 0; i < a->ima.n; i++) {
		const struct ms_span parts[] = {{pcr, MS_PCR_LEN}, {a->ima.item[i].digest, MS_PCR_LEN}};
		ms_sha256v(parts, 2, pcr);
	}
}

static void
check(const struct ms_appraisal *a)
{
	MS_OWN(ms_buf_fini) struct ms_buf wire;
	MS_OWN(ms_appraisal_free) struct ms_appraisal *b = NULL;
	const struct ms_ima_state from = {.entries = a->ima_from};
	struct ms_ima_state to;
	uint8_t pcr[MS_PCR_LEN];
	size_t used = 0;
	ms_buf_init(&wire, MS_APPRAISAL_WIRE_MAX);
	if (ms_appraisal_build(a, &wire, NULL) != MS_OK || ms_appraisal_parse(ms_buf_span(&wire), &b, NULL) != MS_OK)
		abort();
	replay_all(b, pcr);
	if (b->n_files != a->ima.n || ms_appraisal_ima_replay(b, &from, pcr, &to, &used, NULL) != MS_OK || used != b->ima.n)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	MS_OWN(ms_appraisal_free) struct ms_appraisal *a = NULL;
	MS_OWN(ms_ima_replay_free) struct ms_ima_replay *r = NULL;
	MS_OWN(ms_imalist_fini) struct ms_imalist it = {.off = 0};
	struct ms_ima_entry e;
	struct ms_ima_evidence ev = {.list = ms_span(p, n), .caps = MS_IMA_CAPS_SERVER};
	if (ms_appraisal_new(&a, NULL) != MS_OK)
		abort();
	if (ms_ima_appraise(&ev, a, NULL) == MS_OK)
		check(a);
	if (ms_ima_replay_new(0xf, &r, NULL) != MS_OK || ms_imalist_init(&it, ev.list, 0, &ev.caps, NULL) != MS_OK)
		return 0;
	while (!ms_imalist_done(&it) && ms_imalist_next(&it, &e, NULL) == MS_OK && ms_ima_replay_step(r, &e, NULL) == MS_OK)
		;
	return 0;
}
