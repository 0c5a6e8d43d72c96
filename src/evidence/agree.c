#include "evidence/agree.h"

#include <string.h>

#define IMA_BIT (UINT32_C(1) << MS_IMA_PCR)
#define FIRMWARE_PCRS 0xffu /* PCRs 0 to 7: a boot log always speaks of them */

static const struct ms_bootlog_caps log_caps = {MS_BOOTLOG_BYTES_LIMIT, MS_APPRAISAL_BOOT_MAX, MS_BOOTLOG_BYTES_LIMIT};
static const struct ms_imalist_caps ima_caps = {MS_AGREE_IMA_BYTES, MS_APPRAISAL_IMA_MAX};
static const uint8_t zeros[MS_PCR_LEN];

struct check {
	const struct ms_agree_input *in;
	struct ms_agree *a;
	struct ms_bootlog_replay log;
	const char **reason;
	struct ms_err *err;
};

void
ms_agree_fini(struct ms_agree *a)
{
	ms_appraisal_free(a->appraisal);
	a->appraisal = NULL;
}

static bool
is_fault(enum ms_rc rc)
{
	return rc == MS_ERR_NOMEM || rc == MS_ERR_CRYPTO || rc == MS_ERR_INTERNAL || rc == MS_ERR_USAGE;
}

static enum ms_rc
refused(struct check *k, const char *reason, enum ms_rc rc)
{
	*k->reason = is_fault(rc) ? NULL : reason;
	return rc;
}

static enum ms_rc
refuse(struct check *k, const char *reason, const char *text)
{
	return refused(k, reason, ms_fail(k->err, MS_ERR_AUTH, "%s", text));
}

static struct ms_agree_bank *
bank_of(struct ms_agree *a, uint16_t alg)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->bank[i].alg == alg)
			return &a->bank[i];
	return NULL;
}

/* ---- IMA: replay in the quoted banks, entry after entry ---- */

struct walk {
	struct ms_imalist list;
	struct ms_ima_replay *replay;
};

static void
walk_fini(struct walk *w)
{
	ms_imalist_fini(&w->list);
	ms_ima_replay_free(w->replay);
}
MS_CLEANUP_FINI(struct walk, walk_fini)

static enum ms_rc
walk_init(struct check *k, struct walk *w)
{
	uint32_t banks = 0;
	for (size_t i = 0; i < k->a->n; i++) {
		const struct ms_bank_alg *alg = ms_bank_alg_of(k->a->bank[i].alg);
		if ((k->a->bank[i].quoted & IMA_BIT) != 0 && alg != NULL)
			banks |= UINT32_C(1) << alg->hash;
	}
	if (banks == 0)
		return refuse(k, "ima-not-quoted", "the quote does not cover PCR 10, so nothing binds the IMA list to it");
	enum ms_rc rc = ms_ima_replay_new(banks, &w->replay, k->err);
	if (rc == MS_OK)
		rc = ms_imalist_init(&w->list, k->in->ima, 0, &ima_caps, k->err);
	return rc == MS_OK ? MS_OK : refused(k, "ima-malformed", rc);
}

static enum ms_rc
walk_step(struct check *k, struct walk *w)
{
	struct ms_ima_entry e;
	enum ms_rc rc = ms_imalist_next(&w->list, &e, k->err);
	if (rc != MS_OK)
		return refused(k, "ima-malformed", rc);
	rc = ms_ima_replay_step(w->replay, &e, k->err);
	return rc == MS_OK ? MS_OK : refused(k, "ima-does-not-replay", rc);
}

/* PCR 10 in every quoted bank is what the entries so far lead to. */
static bool
walk_matches(const struct check *k, const struct walk *w)
{
	bool all = true;
	for (size_t i = 0; i < k->a->banks.n; i++) {
		const struct ms_pcr_bank *b = &k->a->banks.bank[i];
		const struct ms_bank_alg *alg = ms_bank_alg_of(b->alg);
		enum ms_ima_extend how;
		if ((b->mask & IMA_BIT) == 0 || alg == NULL)
			continue;
		const struct ms_ima_bank *r = ms_ima_replay_bank(w->replay, alg->hash);
		all = all && r != NULL && ms_ima_bank_is(r, ms_span(b->value[MS_IMA_PCR], b->len), &how);
	}
	return all;
}

static enum ms_rc
check_ima(struct check *k)
{
	MS_OWN(walk_fini) struct walk w = {.replay = NULL};
	bool found = false;
	enum ms_rc rc = walk_init(k, &w);
	for (uint32_t n = 0; rc == MS_OK; n++) {
		if (!found && walk_matches(k, &w)) {
			found = true;
			k->a->ima_used = n;
		}
		k->a->ima_entries = n;
		if (ms_imalist_done(&w.list))
			break;
		rc = walk_step(k, &w);
	}
	if (rc != MS_OK)
		return rc;
	if (found)
		return MS_OK;
	for (size_t i = 0; i < k->a->n; i++)
		k->a->bank[i].contradicted |= k->a->bank[i].quoted & IMA_BIT;
	return refuse(k, "ima-does-not-replay", "no beginning of the IMA list leads to the quoted PCR 10");
}

/* ---- values that were not given: computed from the logs, and held against the quoted digest ---- */

static void
derive_start(struct check *k)
{
	const struct ms_quotefile *q = k->in->quote;
	for (uint32_t i = 0; i < q->selection.count; i++) {
		const struct ms_pcr_bank *from = ms_pcr_banks_find(&k->log.banks, q->selection.bank[i].alg);
		struct ms_pcr_bank b;
		if (q->selection.bank[i].mask == 0 || ms_pcr_bank_init(q->selection.bank[i].alg, &b, NULL) != MS_OK)
			continue;
		ms_pcr_bank_start(&b, 0);
		b.mask = q->selection.bank[i].mask;
		for (unsigned p = 0; from != NULL && p < MS_TPM_PCR_COUNT; p++)
			if ((from->mask >> p & 1u) != 0)
				memcpy(b.value[p], from->value[p], b.len);
		k->a->banks.bank[k->a->banks.n++] = b;
	}
}

static bool
derive_matches(const struct check *k)
{
	struct ms_span parts[MS_PCR_BANKS_MAX * MS_TPM_PCR_COUNT];
	uint8_t digest[MS_HASH_LEN_MAX];
	const struct ms_quotefile *q = k->in->quote;
	size_t n = 0;
	for (size_t b = 0; b < k->a->banks.n; b++)
		for (unsigned p = 0; p < MS_TPM_PCR_COUNT; p++)
			if ((k->a->banks.bank[b].mask >> p & 1u) != 0)
				parts[n++] = ms_span(k->a->banks.bank[b].value[p], k->a->banks.bank[b].len);
	for (size_t i = 0; i < MS_PCR_BANKS_MAX; i++) {
		const struct ms_bank_alg *alg = ms_bank_alg_at(i);
		if (alg->hash != q->hash)
			continue;
		ms_hashv(alg->hash, parts, n, digest);
		return q->pcr_digest_len == alg->len && ms_span_eq(ms_span(digest, alg->len), ms_span(q->pcr_digest, q->pcr_digest_len));
	}
	return false;
}

static void
derive_put_ima(struct check *k, const struct walk *w, bool padded)
{
	for (size_t i = 0; i < k->a->banks.n; i++) {
		struct ms_pcr_bank *b = &k->a->banks.bank[i];
		const struct ms_bank_alg *alg = ms_bank_alg_of(b->alg);
		const struct ms_ima_bank *r = ms_ima_replay_bank(w->replay, alg->hash);
		if (r != NULL && (b->mask & IMA_BIT) != 0)
			memcpy(b->value[MS_IMA_PCR], padded ? r->padded : r->hashed, b->len);
	}
}

static enum ms_rc
derive_failed(struct check *k)
{
	k->a->banks.n = 0;
	return refuse(
	    k, "log-does-not-replay", "the logs do not lead to the quoted PCR digest; with PCR values (--pcrs) it can be said which PCR");
}

static enum ms_rc
derive(struct check *k)
{
	MS_OWN(walk_fini) struct walk w = {.replay = NULL};
	derive_start(k);
	if (!k->in->has_ima) {
		k->a->derived = derive_matches(k);
		return k->a->derived ? MS_OK : derive_failed(k);
	}
	enum ms_rc rc = walk_init(k, &w);
	while (rc == MS_OK) {
		for (int padded = 0; padded < 2 && !k->a->derived; padded++) {
			derive_put_ima(k, &w, padded != 0);
			k->a->derived = derive_matches(k);
		}
		if (k->a->derived || ms_imalist_done(&w.list))
			break;
		rc = walk_step(k, &w);
	}
	return rc != MS_OK || k->a->derived ? rc : derive_failed(k);
}

/* ---- boot log ---- */

static void
mask_list(const struct ms_agree *a, char *out, size_t size)
{
	char one[160];
	size_t n = 0;
	for (size_t i = 0; i < a->n && n < size; i++) {
		if (a->bank[i].contradicted == 0)
			continue;
		ms_pcr_mask_text(a->bank[i].contradicted, one, sizeof one);
		const struct ms_bank_alg *alg = ms_bank_alg_of(a->bank[i].alg);
		int add = snprintf(out + n, size - n, "%sPCR %s (%s)", n > 0 ? "; " : "", one, alg != NULL ? alg->name : "?");
		n += add > 0 ? (size_t)add : 0;
	}
}

static enum ms_rc
check_boot(struct check *k)
{
	char text[256] = "";
	bool any = false, one = false;
	for (size_t i = 0; i < k->a->banks.n; i++) {
		const struct ms_pcr_bank *quoted = &k->a->banks.bank[i], *log = ms_pcr_banks_find(&k->log.banks, quoted->alg);
		struct ms_agree_bank *b = bank_of(k->a, quoted->alg);
		b->log_lacks = log == NULL;
		if (log == NULL)
			continue;
		one = true;
		uint32_t spoken = quoted->mask & (log->mask | FIRMWARE_PCRS);
		b->contradicted = ms_bootlog_unexplained(&k->log, quoted, k->in->has_ima ? spoken & ~IMA_BIT : spoken);
		any |= b->contradicted != 0;
	}
	if (!one)
		return refuse(k, "log-does-not-replay", "the boot log has no digests of any bank that was quoted");
	if (!any)
		return MS_OK;
	mask_list(k->a, text, sizeof text);
	return refused(
	    k, "log-does-not-replay", ms_fail(k->err, MS_ERR_AUTH, "the boot log does not lead to the quoted values of %s", text));
}

/* PCRs that no log speaks of: fine when nothing extended them. */
static void
find_unexplained(struct check *k)
{
	for (size_t i = 0; i < k->a->banks.n; i++) {
		const struct ms_pcr_bank *quoted = &k->a->banks.bank[i], *log = ms_pcr_banks_find(&k->log.banks, quoted->alg);
		struct ms_pcr_bank start = {.alg = quoted->alg, .len = quoted->len};
		uint32_t spoken = k->in->has_ima ? IMA_BIT : 0;
		if (log != NULL)
			spoken |= log->mask | FIRMWARE_PCRS;
		ms_pcr_bank_start(&start, 0);
		start.mask = quoted->mask;
		bank_of(k->a, quoted->alg)->unexplained = ms_pcr_bank_differ(&start, quoted, quoted->mask & ~spoken);
	}
}

/* ---- claims ---- */

/* Entry 0 is over the PCRs that the kernel found: they are in the quote. */
static enum ms_rc
check_aggregate(struct check *k)
{
	const struct ms_pcr_bank *b = ms_pcr_banks_find(&k->a->banks, MS_TPM_ALG_SHA256);
	struct ms_ima_aggregate_pcrs pcrs = {.hash = MS_IMA_HASH_SHA256};
	k->a->aggregate = MS_IMA_AGGREGATE_UNCHECKED;
	if (b == NULL || (b->mask & 0x3ffu) != 0x3ffu || k->a->appraisal->n_files == 0)
		return MS_OK;
	for (unsigned i = 0; i < 10; i++)
		pcrs.pcr[i] = b->value[i];
	k->a->aggregate = ms_ima_boot_aggregate_check(&k->a->appraisal->file[0], &pcrs);
	if (k->a->aggregate == MS_IMA_AGGREGATE_DIFFERS)
		return refuse(
		    k, "boot-aggregate", "the list's boot_aggregate is not that of the quoted PCRs 0 to 9: it is of another boot");
	return MS_OK;
}

/* What a PCR says that the quote leaves out, nothing proves: then no claim of the log is proven, for which PCR each comes from is
 * not kept with it. */
static enum ms_rc
demote(struct check *k)
{
	MS_OWN(ms_claims_free) struct ms_claims *less = NULL;
	struct ms_appraisal *a = k->a->appraisal;
	enum ms_rc rc = ms_claims_new(&less, k->err);
	for (size_t i = 0; rc == MS_OK && i < ms_claims_count(a->claims); i++) {
		const struct ms_claim *c = ms_claims_at(a->claims, i);
		if (!c->name->may_be_unproven)
			continue;
		switch (c->name->type) {
		case MS_CLAIM_BOOL:
			rc = ms_claims_add_bool(less, c->name->name, false, c->number != 0, k->err);
			break;
		case MS_CLAIM_UINT:
			rc = ms_claims_add_uint(less, c->name->name, false, c->number, k->err);
			break;
		case MS_CLAIM_TEXT:
			rc = ms_claims_add_text(less, c->name->name, false, c->bytes, k->err);
			break;
		case MS_CLAIM_BYTES:
			rc = ms_claims_add_bytes(less, c->name->name, false, c->bytes, k->err);
			break;
		}
	}
	if (rc != MS_OK)
		return rc;
	ms_claims_free(a->claims);
	a->claims = less;
	less = NULL;
	return MS_OK;
}

static enum ms_rc
claims_of_bank(struct check *k, uint16_t alg)
{
	MS_OWN(ms_bootlog_free) struct ms_bootlog *log = NULL;
	enum ms_rc rc = ms_bootlog_load(k->in->boot_log, &log_caps, MS_EVENTLOG_PCR, alg, &log, k->err);
	return rc == MS_OK ? ms_bootlog_claims(log, k->a->appraisal->claims, k->err) : rc;
}

/* Tuples are of the SHA-256 bank; claims can be had of any that was quoted. */
static enum ms_rc
appraise_boot(struct check *k)
{
	const struct ms_pcr_bank *log = NULL, *quoted = NULL;
	enum ms_rc rc = MS_OK;
	for (size_t i = 0; i < k->a->banks.n; i++) {
		const struct ms_pcr_bank *b = &k->a->banks.bank[i], *l = ms_pcr_banks_find(&k->log.banks, b->alg);
		if (l != NULL && (log == NULL || b->alg == MS_TPM_ALG_SHA256))
			log = l, quoted = b;
	}
	if (log == NULL)
		return MS_OK;
	if (log->alg == MS_TPM_ALG_SHA256)
		rc = ms_bootlog_appraise(k->in->boot_log, &log_caps, k->a->appraisal, k->err);
	else
		rc = claims_of_bank(k, log->alg);
	k->a->log_not_quoted = log->mask & ~quoted->mask;
	if (rc == MS_OK && k->a->log_not_quoted != 0)
		rc = demote(k);
	return rc == MS_OK ? MS_OK : refused(k, "boot-log-malformed", rc);
}

static enum ms_rc
appraise(struct check *k)
{
	const struct ms_pcr_bank *b = ms_pcr_banks_find(&k->a->banks, MS_TPM_ALG_SHA256);
	struct ms_ima_evidence ev = {.list = k->in->ima, .caps = ima_caps, .keys = k->in->keys};
	enum ms_rc rc = k->in->has_boot_log ? appraise_boot(k) : MS_OK;
	if (rc != MS_OK || !k->in->has_ima)
		return rc;
	if (b != NULL && (b->mask & IMA_BIT) != 0) /* what the kernel added after the quote is then left out */
		ev.start = zeros, ev.quoted = b->value[MS_IMA_PCR];
	rc = ms_ima_appraise(&ev, k->a->appraisal, k->err);
	return rc == MS_OK ? check_aggregate(k) : refused(k, "ima-malformed", rc);
}

static enum ms_rc
replay_log(struct check *k)
{
	enum ms_rc rc = ms_bootlog_replay(k->in->boot_log, &log_caps, MS_EVENTLOG_PCR, &k->log, k->err);
	k->a->boot_events = k->log.events;
	return rc == MS_OK ? MS_OK : refused(k, "boot-log-malformed", rc);
}

enum ms_rc
ms_agree_check(const struct ms_agree_input *in, struct ms_agree *ret, const char **ret_reason, struct ms_err *err)
{
	struct check k = {.in = in, .a = ret, .reason = ret_reason, .err = err};
	*ret = (struct ms_agree){.n = 0};
	*ret_reason = NULL;
	for (uint32_t i = 0; i < in->quote->selection.count && ret->n < MS_PCR_BANKS_MAX; i++)
		if (in->quote->selection.bank[i].mask != 0)
			ret->bank[ret->n++] =
			    (struct ms_agree_bank){.alg = in->quote->selection.bank[i].alg, .quoted = in->quote->selection.bank[i].mask};
	enum ms_rc rc = ms_appraisal_new(&ret->appraisal, err);
	if (rc == MS_OK && in->has_boot_log)
		rc = replay_log(&k);
	if (rc == MS_OK && in->quote->pcrs_checked)
		ret->banks = in->quote->banks;
	else if (rc == MS_OK && in->has_boot_log)
		rc = derive(&k);
	if (rc == MS_OK && in->has_boot_log)
		rc = check_boot(&k);
	if (rc == MS_OK && in->has_ima && ret->banks.n == 0)
		return ms_fail(err, MS_ERR_USAGE, "an IMA list without a boot log needs PCR values (--pcrs) to be held against");
	if (rc == MS_OK && in->has_ima)
		rc = check_ima(&k);
	if (rc == MS_OK)
		find_unexplained(&k);
	return rc == MS_OK ? appraise(&k) : rc;
}
