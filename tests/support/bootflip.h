/* Every prefix and 10,000 seeded flips of a log: no crash (the sanitizers watch), no hang, bounded memory; and what is accepted keeps
 * the promises of its types. */
#ifndef MS_TEST_BOOTFLIP_H
#define MS_TEST_BOOTFLIP_H
#include "support/bootclaims.h"

#define FLIPS 10000u

static inline uint64_t
next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static inline bool
in_log(struct ms_span log, struct ms_span s)
{
	return s.len == 0 || (s.p >= log.p && s.p + s.len <= log.p + log.len);
}

/* Everything that is done with a log, on an exact copy. */
static inline enum ms_rc
try_log(struct ms_span log)
{
	struct ms_bootlog_replay r;
	MS_OWN(ms_bootlog_free) struct ms_bootlog *b = NULL;
	MS_OWN(ms_claims_free) struct ms_claims *c = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf text;
	ms_buf_init(&text, 1u << 20);
	enum ms_rc rc = ms_bootlog_load(log, NULL, MS_EVENTLOG_ANY, 0, &b, NULL);
	enum ms_rc replayed = ms_bootlog_replay(log, NULL, MS_EVENTLOG_ANY, &r, NULL);
	if (rc != MS_OK)
		return rc;
	CHECK_INT(replayed, MS_OK); /* what one bank can be read of can be replayed in it */
	CHECK(ms_pcr_bank_differ(&b->pcrs, ms_pcr_banks_find(&r.banks, b->bank->alg), b->pcrs.mask) == 0);
	CHECK_INT(ms_claims_new(&c, NULL), MS_OK);
	rc = ms_bootlog_claims(b, c, NULL);
	CHECK(rc == MS_OK || rc == MS_ERR_TOO_BIG || rc == MS_ERR_MALFORMED);
	for (size_t i = 0; i < b->n; i++) {
		const struct ms_bootlog_event *e = &b->event[i];
		CHECK(in_log(log, e->data) && in_log(e->data, e->covered) && in_log(log, e->digest));
		CHECK(e->state == MS_EVENT_UNMEASURED || e->pcr < MS_EVENTLOG_PCRS);
		ms_buf_reset(&text);
		ms_bootlog_describe(e, &text);
		CHECK(!text.bad && text.len < 4 * e->data.len + 4096);
	}
	return rc;
}

static inline void
try_prefixes_and_flips(const struct test_log *l, uint64_t seed)
{
	size_t taken = 0, step = l->len > 20000 ? 3 : 1;
	for (size_t n = 0; n <= l->len; n += step) {
		uint8_t *w = test_dup(l->p, n);
		(void)try_log(ms_span(w, n));
		free(w);
	}
	uint8_t *w = test_dup(l->p, l->len);
	for (unsigned i = 0; i < FLIPS; i++) {
		size_t at = next_random(&seed) % l->len;
		uint8_t before = w[at];
		w[at] ^= (uint8_t)(1u + next_random(&seed) % 255);
		taken += try_log(ms_span(w, l->len)) == MS_OK;
		w[at] = before;
	}
	free(w);
	CHECK(taken > 0 && taken < FLIPS); /* flips of data and of digests are taken, of lengths refused */
}

#endif
