#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "codec/uefi.h"
#include "evidence/bootlog_int.h"

#define SECURE_BOOT_PCR 7u
#define BOOT_PCRS 8u /* 0 to 7: every PC client log speaks of them (PFP 3.3.4) */

/* ---- reading ---- */

void
ms_bootlog_free(struct ms_bootlog *b)
{
	if (b == NULL)
		return;
	free(b->event);
	free(b);
}

static enum ms_rc
choose_bank(const struct ms_eventlog *l, uint16_t alg, const struct ms_bank_alg **ret, struct ms_err *err)
{
	const struct ms_bank_alg *best = NULL;
	for (size_t i = 0; i < l->n_banks; i++) {
		const struct ms_bank_alg *a = ms_bank_alg_of(l->bank[i].alg);
		bool wanted = alg != 0 ? l->bank[i].alg == alg : a != NULL && ms_hash_need(a->hash, NULL) == MS_OK;
		if (wanted && (best == NULL || (best->alg != MS_TPM_ALG_SHA256 && (a->alg == MS_TPM_ALG_SHA256 || a->len > best->len))))
			best = a;
	}
	if (best == NULL && alg != 0 && ms_bank_alg_of(alg) != NULL)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "boot log: it has no %s digests", ms_bank_alg_of(alg)->name);
	if (best == NULL)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "boot log: no digests of a hash that is known here");
	enum ms_rc rc = ms_hash_need(best->hash, err);
	if (rc == MS_OK)
		*ret = best;
	return rc;
}

static enum ms_rc
add_event(struct ms_bootlog *b, size_t *cap, const struct ms_event *e, struct ms_err *err)
{
	if (b->n == *cap) {
		size_t more = *cap == 0 ? 128 : 2 * *cap;
		struct ms_bootlog_event *event = realloc(b->event, more * sizeof *event);
		if (event == NULL)
			return ms_fail(err, MS_ERR_NOMEM, "boot log");
		b->event = event;
		*cap = more;
	}
	struct ms_bootlog_event *one = &b->event[b->n++];
	*one = (struct ms_bootlog_event){
	    .number = e->number, .pcr = e->pcr, .type = e->type, .offset = e->offset, .data_offset = e->data_offset, .data = e->data};
	one->digest = ms_event_digest(e, b->bank->alg);
	one->state = ms_bootlog_check_event(e, b->bank, &one->covered);
	return MS_OK;
}

static enum ms_rc
read_events(struct ms_eventlog *l, struct ms_bootlog *b, struct ms_err *err)
{
	struct ms_event e;
	size_t cap = 0;
	for (bool more = true;;) {
		enum ms_rc rc = ms_eventlog_next(l, &e, &more, err);
		if (rc == MS_OK && more)
			rc = add_event(b, &cap, &e, err);
		if (rc != MS_OK || !more)
			return rc;
		bool lacks = ms_event_extends(&e) && b->event[b->n - 1].digest.len != b->bank->len;
		if (lacks)
			return ms_fail(err, MS_ERR_MALFORMED, "boot log: event %u has no %s digest", e.number, b->bank->name);
		/* PFP 10.4.5.3: the first that is there counts, and it comes before what it is about */
		if (b->kind == MS_EVENTLOG_PCR && (b->pcrs.mask & 1u) == 0 && b->locality == 0)
			(void)ms_event_startup_locality(&e, &b->locality);
		if (ms_event_extends(&e))
			b->pcrs.mask |= UINT32_C(1) << e.pcr;
	}
}

/* ---- order ---- */

/* What firmware measures as EV_SEPARATOR (PFP 10.4.1): all went well, twice, and an error. */
enum { SEP_ZERO, SEP_ONES, SEP_ERROR, SEP_COUNT };
struct separators {
	uint8_t digest[SEP_COUNT][MS_HASH_LEN_MAX];
};

static void
make_separators(const struct ms_bank_alg *bank, struct separators *ret)
{
	static const uint8_t data[SEP_COUNT][4] = {[SEP_ZERO] = {0}, [SEP_ONES] = {0xff, 0xff, 0xff, 0xff}, [SEP_ERROR] = {1}};
	for (unsigned i = 0; i < SEP_COUNT; i++) {
		struct ms_span s = ms_span(data[i], 4);
		ms_hashv(bank->hash, &s, 1, ret->digest[i]);
	}
}

static bool
belongs(const struct ms_bootlog *b, const struct ms_bootlog_event *e, bool before)
{
	struct ms_uefi_variable v;
	if (e->state != MS_EVENT_RECOMPUTED && e->state != MS_EVENT_PARTLY)
		return false;
	if (b->kind == MS_EVENTLOG_CC || e->pcr != SECURE_BOOT_PCR)
		return true;
	/* PFP 3.3.4.8: configuration before the separator, authorities after it. The type is in no digest: it could hide one as another */
	if (e->type == MS_EV_EFI_ACTION)
		return ms_ascii_plausible(e->covered);
	bool right = e->type == (before ? MS_EV_EFI_VARIABLE_DRIVER_CONFIG : MS_EV_EFI_VARIABLE_AUTHORITY);
	return right && e->state == MS_EVENT_RECOMPUTED && ms_uefi_variable_parse(e->covered, &v, NULL) == MS_OK;
}

static void
order_event(struct ms_bootlog *b, const struct separators *sep, uint32_t i)
{
	const struct ms_bootlog_event *e = &b->event[i];
	uint32_t bit = UINT32_C(1) << e->pcr;
	bool before = b->separated[e->pcr] == b->n, is = false;
	for (unsigned k = 0; k < SEP_COUNT && !is; k++) {
		is = memcmp(e->digest.p, sep->digest[k], b->bank->len) == 0;
		if (is && (k == SEP_ERROR || e->type != MS_EV_SEPARATOR))
			b->separator_errors |= bit;
	}
	if (is) {
		b->separators[e->pcr]++;
		if (before)
			b->separated[e->pcr] = i;
		if (e->type != MS_EV_SEPARATOR)
			b->whole &= ~bit;
		return;
	}
	if (belongs(b, e, before))
		return;
	b->whole &= ~bit;
	if (before)
		b->whole_before &= ~bit;
}

static void
order_events(struct ms_bootlog *b)
{
	struct separators sep = {{{0}}};
	make_separators(b->bank, &sep);
	b->whole = b->whole_before = UINT32_MAX;
	for (unsigned i = 0; i < MS_EVENTLOG_PCRS; i++)
		b->separated[i] = (uint32_t)b->n;
	for (uint32_t i = 0; i < b->n; i++)
		if (b->event[i].state != MS_EVENT_UNMEASURED)
			order_event(b, &sep, i);
}

static void
replay(struct ms_bootlog *b)
{
	uint32_t mask = b->pcrs.mask;
	ms_pcr_bank_start(&b->pcrs, b->locality);
	for (size_t i = 0; i < b->n; i++)
		if (b->event[i].state != MS_EVENT_UNMEASURED)
			ms_pcr_bank_extend(&b->pcrs, b->event[i].pcr, b->event[i].digest.p);
	assert(b->pcrs.mask == mask);
	if (b->kind == MS_EVENTLOG_PCR)
		b->pcrs.mask |= (1u << BOOT_PCRS) - 1;
}

enum ms_rc
ms_bootlog_load(struct ms_span log, const struct ms_bootlog_caps *caps, enum ms_eventlog_kind kind, uint16_t alg, struct ms_bootlog **ret,
    struct ms_err *err)
{
	struct ms_eventlog l;
	MS_OWN(ms_bootlog_free) struct ms_bootlog *b = calloc(1, sizeof *b);
	if (b == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "boot log");
	enum ms_rc rc = ms_eventlog_open(log, caps, kind, &l, err);
	if (rc == MS_OK)
		rc = choose_bank(&l, alg, &b->bank, err);
	if (rc != MS_OK)
		return rc;
	b->form = l.form;
	b->kind = l.kind;
	rc = ms_pcr_bank_init(b->bank->alg, &b->pcrs, err);
	if (rc == MS_OK)
		rc = read_events(&l, b, err);
	if (rc != MS_OK)
		return rc;
	order_events(b);
	replay(b);
	*ret = b;
	b = NULL;
	return MS_OK;
}

/* ---- all banks ---- */

static enum ms_rc
start_banks(const struct ms_eventlog *l, struct ms_bootlog_replay *r, struct ms_err *err)
{
	for (size_t i = 0; i < l->n_banks; i++) {
		const struct ms_bank_alg *a = ms_bank_alg_of(l->bank[i].alg);
		if (a == NULL || r->banks.n == MS_PCR_BANKS_MAX || ms_pcr_bank_init(a->alg, &r->banks.bank[r->banks.n], NULL) != MS_OK) {
			r->n_skipped++;
			continue;
		}
		ms_pcr_bank_start(&r->banks.bank[r->banks.n++], 0);
	}
	if (r->banks.n == 0)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "boot log: no digests of a hash that is known here");
	return MS_OK;
}

/* A bank that an event does not extend cannot be replayed. Headers of real logs list banks that are not active. */
static void
drop_bank(struct ms_bootlog_replay *r, size_t i)
{
	r->n_skipped++;
	r->banks.n--;
	memmove(&r->banks.bank[i], &r->banks.bank[i + 1], (r->banks.n - i) * sizeof r->banks.bank[0]);
}

static enum ms_rc
replay_event(struct ms_bootlog_replay *r, const struct ms_event *e, struct ms_err *err)
{
	bool began = (r->banks.bank[0].mask & 1u) != 0;
	if (r->kind == MS_EVENTLOG_PCR && !began && r->locality == 0 && ms_event_startup_locality(e, &r->locality))
		for (size_t i = 0; i < r->banks.n; i++)
			r->banks.bank[i].value[0][r->banks.bank[i].len - 1] = r->locality;
	for (size_t i = 0; ms_event_extends(e) && i < r->banks.n;) {
		struct ms_pcr_bank *b = &r->banks.bank[i];
		struct ms_span digest = ms_event_digest(e, b->alg);
		if (digest.len == b->len) {
			ms_pcr_bank_extend(b, e->pcr, digest.p);
			i++;
		} else {
			drop_bank(r, i);
		}
	}
	if (r->banks.n == 0)
		return ms_fail(err, MS_ERR_MALFORMED, "boot log: event %u leaves no bank that all events extend", e->number);
	return MS_OK;
}

enum ms_rc
ms_bootlog_replay(
    struct ms_span log, const struct ms_bootlog_caps *caps, enum ms_eventlog_kind kind, struct ms_bootlog_replay *ret, struct ms_err *err)
{
	struct ms_eventlog l;
	struct ms_event e;
	struct ms_bootlog_replay r = {.locality = 0};
	bool more = true;
	enum ms_rc rc = ms_eventlog_open(log, caps, kind, &l, err);
	if (rc != MS_OK)
		return rc;
	r.form = l.form;
	r.kind = l.kind;
	rc = start_banks(&l, &r, err);
	while (rc == MS_OK && more) {
		rc = ms_eventlog_next(&l, &e, &more, err);
		if (rc == MS_OK && more)
			rc = replay_event(&r, &e, err);
	}
	if (rc != MS_OK)
		return rc;
	r.events = l.next;
	for (size_t i = 0; r.kind == MS_EVENTLOG_PCR && i < r.banks.n; i++)
		r.banks.bank[i].mask |= (1u << BOOT_PCRS) - 1;
	*ret = r;
	return MS_OK;
}

uint32_t
ms_bootlog_unexplained(const struct ms_bootlog_replay *r, const struct ms_pcr_bank *quoted, uint32_t mask)
{
	const struct ms_pcr_bank *found = ms_pcr_banks_find(&r->banks, quoted->alg);
	if (found == NULL)
		return mask;
	struct ms_pcr_bank all = *found; /* values that no event touched are those of the reset */
	all.mask = UINT32_MAX;
	return ms_pcr_bank_differ(&all, quoted, mask);
}

/* ---- appraisal ---- */

static enum ms_rc
add_tuples(const struct ms_bootlog *b, struct ms_tuples *tuples, struct ms_err *err)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct ms_bootlog_event *e = &b->event[i];
		if (e->state == MS_EVENT_UNMEASURED)
			continue;
		struct ms_tuple t = {.pcr = (uint8_t)e->pcr,
		    .flags = e->state == MS_EVENT_RECOMPUTED ? MS_TUPLE_RECOMPUTED : 0,
		    .type = e->type,
		    .offset = (uint32_t)e->data_offset,
		    .len = (uint32_t)e->data.len};
		memcpy(t.digest, e->digest.p, MS_PCR_LEN);
		enum ms_rc rc = ms_tuples_add(tuples, &t, MS_APPRAISAL_BOOT_MAX, err);
		if (rc != MS_OK)
			return rc;
	}
	return MS_OK;
}

enum ms_rc
ms_bootlog_appraise(struct ms_span log, const struct ms_bootlog_caps *caps, struct ms_appraisal *a, struct ms_err *err)
{
	struct ms_tuples tuples = {.n = 0};
	MS_OWN(ms_bootlog_free) struct ms_bootlog *b = NULL;
	enum ms_rc rc = ms_bootlog_load(log, caps, MS_EVENTLOG_PCR, MS_TPM_ALG_SHA256, &b, err);
	if (rc == MS_OK)
		rc = add_tuples(b, &tuples, err);
	if (rc == MS_OK)
		rc = ms_bootlog_claims(b, a->claims, err);
	if (rc != MS_OK) {
		free(tuples.item);
		return rc;
	}
	free(a->boot.item);
	a->boot = tuples;
	a->boot_locality = b->locality;
	a->has_boot = true;
	return MS_OK;
}
