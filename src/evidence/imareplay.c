/* Replay of IMA lists in any bank (Linux, ima_queue.c and ima_crypto.c). */
#include <stdlib.h>
#include <string.h>

#include "evidence/ima_int.h"

#define HASHES 5u /* enum ms_hash */

struct ms_ima_replay {
	uint32_t banks;
	struct ms_ima_bank bank[HASHES]; /* by enum ms_hash */
};

enum ms_rc
ms_ima_replay_new(uint32_t banks, struct ms_ima_replay **ret, struct ms_err *err)
{
	if (banks == 0 || banks >> HASHES != 0)
		return ms_fail(err, MS_ERR_USAGE, "banks of PCR 10");
	for (unsigned h = 0; h < HASHES; h++) {
		enum ms_rc rc = (banks >> h & 1) != 0 ? ms_hash_need((enum ms_hash)h, err) : MS_OK;
		if (rc != MS_OK)
			return rc;
	}
	struct ms_ima_replay *r = calloc(1, sizeof *r);
	if (r == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "IMA replay");
	r->banks = banks;
	for (unsigned h = 0; h < HASHES; h++)
		r->bank[h] = (struct ms_ima_bank){.hash = (enum ms_hash)h, .len = (uint8_t)ms_hash_len((enum ms_hash)h)};
	*ret = r;
	return MS_OK;
}

void
ms_ima_replay_free(struct ms_ima_replay *r)
{
	free(r);
}

const struct ms_ima_bank *
ms_ima_replay_bank(const struct ms_ima_replay *r, enum ms_hash h)
{
	return (unsigned)h < HASHES && (r->banks >> h & 1) != 0 ? &r->bank[h] : NULL;
}

bool
ms_ima_hash_to(uint8_t hash, enum ms_hash *ret)
{
	static const struct {
		uint8_t kernel;
		enum ms_hash ours;
	} rows[HASHES] = {{MS_IMA_HASH_SHA256, MS_HASH_SHA256}, {MS_IMA_HASH_SHA1, MS_HASH_SHA1}, {MS_IMA_HASH_SHA384, MS_HASH_SHA384},
	    {MS_IMA_HASH_SHA512, MS_HASH_SHA512}, {MS_IMA_HASH_SM3, MS_HASH_SM3}};
	for (size_t i = 0; i < HASHES; i++) {
		if (rows[i].kernel == hash) {
			*ret = rows[i].ours;
			return ms_hash_need(rows[i].ours, NULL) == MS_OK;
		}
	}
	return false;
}

enum ms_rc
ms_ima_entry_check(const struct ms_ima_entry *e, struct ms_err *err)
{
	enum ms_hash h = MS_HASH_SHA256;
	uint8_t digest[MS_HASH_LEN_MAX];
	if (e->pcr != MS_IMA_PCR)
		return ms_fail(
		    err, MS_ERR_UNSUPPORTED, "IMA entry %u: extends PCR %u, only PCR %u is followed", e->number, e->pcr, MS_IMA_PCR);
	if (e->template != MS_IMA_TEMPLATE_BUF || e->violation || !ms_ima_hash_to(e->digest.hash, &h))
		return MS_OK;
	ms_hashv(h, &e->buffer, 1, digest);
	if (memcmp(digest, e->digest.value.p, ms_hash_len(h)) != 0)
		return ms_fail(err, MS_ERR_AUTH, "IMA entry %u: the buffer is not the one that its digest is of", e->number);
	return MS_OK;
}

/* Digests of the template data in each hash of `want`. */
static void
template_digests(const struct ms_ima_entry *e, uint32_t want, uint8_t out[static HASHES][MS_HASH_LEN_MAX])
{
	struct ms_span parts[MS_IMA_PARTS_MAX];
	size_t n = ms_ima_entry_parts(e, parts);
	for (unsigned h = 0; h < HASHES; h++)
		if ((want >> h & 1) != 0)
			ms_hashv((enum ms_hash)h, parts, n, out[h]);
}

/* Which hash a list's template digests are in shows in their length alone. */
static enum ms_hash
listed_hash(size_t len)
{
	for (unsigned h = 0; h < HASHES; h++)
		if (ms_hash_len((enum ms_hash)h) == len)
			return (enum ms_hash)h;
	return MS_HASH_SHA1;
}

static void
extend(enum ms_hash h, uint8_t *pcr, const uint8_t *digest)
{
	const struct ms_span parts[] = {{pcr, ms_hash_len(h)}, {digest, ms_hash_len(h)}};
	ms_hashv(h, parts, 2, pcr);
}

static void
extend_bank(struct ms_ima_bank *b, const uint8_t *digest, const uint8_t *sha1)
{
	uint8_t padded[MS_HASH_LEN_MAX] = {0};
	memcpy(padded, sha1, MS_SHA1_LEN);
	extend(b->hash, b->hashed, digest);
	extend(b->hash, b->padded, padded);
}

enum ms_rc
ms_ima_replay_step(struct ms_ima_replay *r, const struct ms_ima_entry *e, struct ms_err *err)
{
	uint8_t digest[HASHES][MS_HASH_LEN_MAX];
	enum ms_hash listed = listed_hash(e->listed.len);
	enum ms_rc rc = ms_ima_entry_check(e, err);
	if (rc != MS_OK)
		return rc;
	if (e->violation)
		memset(digest, 0xff, sizeof digest);
	else
		template_digests(e, r->banks | 1u << listed | 1u << MS_HASH_SHA1, digest);
	if (!e->violation && memcmp(digest[listed], e->listed.p, e->listed.len) != 0)
		return ms_fail(err, MS_ERR_AUTH, "IMA entry %u: the template digest is not that of its data", e->number);
	for (unsigned h = 0; h < HASHES; h++)
		if ((r->banks >> h & 1) != 0)
			extend_bank(&r->bank[h], digest[h], digest[MS_HASH_SHA1]);
	return MS_OK;
}

bool
ms_ima_bank_is(const struct ms_ima_bank *b, struct ms_span pcr, enum ms_ima_extend *ret_how)
{
	bool hashed = pcr.len == b->len && memcmp(pcr.p, b->hashed, b->len) == 0;
	if (!hashed && (pcr.len != b->len || memcmp(pcr.p, b->padded, b->len) != 0))
		return false;
	*ret_how = hashed ? MS_IMA_EXTEND_HASHED : MS_IMA_EXTEND_PADDED;
	return true;
}

/* ---- boot_aggregate ---- */

const char *
ms_ima_aggregate_name(enum ms_ima_aggregate a)
{
	static const char *const names[] = {[MS_IMA_AGGREGATE_UNCHECKED] = "unchecked",
	    [MS_IMA_AGGREGATE_ZEROS] = "zeros",
	    [MS_IMA_AGGREGATE_DIFFERS] = "differs",
	    [MS_IMA_AGGREGATE_PCRS_0_7] = "pcrs-0-7",
	    [MS_IMA_AGGREGATE_PCRS_0_9] = "pcrs-0-9"};
	return (size_t)a < sizeof names / sizeof *names ? names[a] : "?";
}

bool
ms_ima_is_boot_aggregate(const struct ms_ima_file *f)
{
	return f->entry == 0 && !f->violation && ms_span_eq(f->path, ms_span_str("boot_aggregate"));
}

static bool
aggregate_is(const struct ms_ima_file *f, enum ms_hash h, const struct ms_ima_aggregate_pcrs *pcrs, size_t n)
{
	uint8_t digest[MS_HASH_LEN_MAX];
	struct ms_span part[10];
	for (size_t i = 0; i < n; i++)
		part[i] = ms_span(pcrs->pcr[i], ms_hash_len(h));
	ms_hashv(h, part, n, digest);
	return ms_span_eq(f->digest, ms_span(digest, ms_hash_len(h)));
}

enum ms_ima_aggregate
ms_ima_boot_aggregate_check(const struct ms_ima_file *first, const struct ms_ima_aggregate_pcrs *pcrs)
{
	static const uint8_t zeros[MS_HASH_LEN_MAX];
	enum ms_hash h = MS_HASH_SHA256;
	if (!ms_ima_is_boot_aggregate(first))
		return MS_IMA_AGGREGATE_UNCHECKED;
	if (ms_span_eq(first->digest, ms_span(zeros, first->digest.len)))
		return MS_IMA_AGGREGATE_ZEROS;
	if (pcrs == NULL || first->hash != pcrs->hash || !ms_ima_hash_to(pcrs->hash, &h))
		return MS_IMA_AGGREGATE_UNCHECKED;
	for (size_t i = 0; i < 10; i++)
		if (pcrs->pcr[i] == NULL)
			return MS_IMA_AGGREGATE_UNCHECKED;
	/* ima_calc_boot_aggregate_tfm(): PCRs 8 and 9 in all banks but SHA-1 */
	if (h != MS_HASH_SHA1 && aggregate_is(first, h, pcrs, 10))
		return MS_IMA_AGGREGATE_PCRS_0_9;
	return aggregate_is(first, h, pcrs, 8) ? MS_IMA_AGGREGATE_PCRS_0_7 : MS_IMA_AGGREGATE_DIFFERS;
}
