/* Wire: deterministic CBOR map {1: start locality of PCR 0, 2: boot tuples in a row, 3: IMA tuples in a row, 4: number of the
 * first IMA entry, 5: files in a row, 6: claims}; 1 and 2 come together, and so do 3, 4 and 5.
 * A file: u32 entry | u8 violation | u8 signature | u8 hash | u8 digest length | u8 key id length | u16 path length |
 * digest | key id | path. */
#include "evidence/appraisal.h"

#include <stdlib.h>
#include <string.h>

#include "codec/cbor.h"

#define FILE_HEAD 11u
#define DIGEST_MAX 64u
#define LOCALITY_MAX 4u

struct wire {
	uint64_t present;
	uint64_t locality;
	struct ms_span boot, ima;
	uint64_t ima_from;
	struct ms_span files, claims;
};
enum { K_LOCALITY = 1, K_BOOT, K_IMA, K_IMA_FROM, K_FILES };
static const struct ms_cbor_field fields[] = {
    MS_CBOR_F_UINT(K_LOCALITY, struct wire, locality, MS_CBOR_OPT, 0, LOCALITY_MAX),
    MS_CBOR_F_BYTES(K_BOOT, struct wire, boot, MS_CBOR_OPT, 0, MS_APPRAISAL_BOOT_MAX *MS_TUPLE_LEN),
    MS_CBOR_F_BYTES(K_IMA, struct wire, ima, MS_CBOR_OPT, 0, MS_APPRAISAL_IMA_MAX *MS_TUPLE_LEN),
    MS_CBOR_F_UINT(K_IMA_FROM, struct wire, ima_from, MS_CBOR_OPT, 0, UINT32_MAX),
    MS_CBOR_F_BYTES(K_FILES, struct wire, files, MS_CBOR_OPT, 0, MS_APPRAISAL_WIRE_MAX),
    MS_CBOR_F_ARRAY(6, struct wire, claims, MS_CBOR_REQ, MS_CLAIMS_WIRE_MAX),
};
static const struct ms_cbor_table table = MS_CBOR_TABLE("appraisal", struct wire, fields);

enum ms_rc
ms_tuples_add(struct ms_tuples *t, const struct ms_tuple *one, size_t max, struct ms_err *err)
{
	if (t->n >= max)
		return ms_fail(err, MS_ERR_TOO_BIG, "more than %zu events", max);
	if (t->n == t->cap) {
		size_t cap = t->cap == 0 ? 64 : 2 * t->cap;
		struct ms_tuple *item = realloc(t->item, cap * sizeof *item);
		if (item == NULL)
			return ms_fail(err, MS_ERR_NOMEM, "events");
		t->item = item;
		t->cap = cap;
	}
	t->item[t->n++] = *one;
	return MS_OK;
}

enum ms_rc
ms_appraisal_new(struct ms_appraisal **ret, struct ms_err *err)
{
	MS_OWN(ms_appraisal_free) struct ms_appraisal *a = calloc(1, sizeof *a);
	if (a == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "appraisal");
	enum ms_rc rc = ms_claims_new(&a->claims, err);
	if (rc != MS_OK)
		return rc;
	*ret = a;
	a = NULL;
	return MS_OK;
}

void
ms_appraisal_free(struct ms_appraisal *a)
{
	if (a == NULL)
		return;
	free(a->boot.item);
	free(a->ima.item);
	free(a->file);
	ms_claims_free(a->claims);
	free(a->mem);
	free(a);
}

enum ms_rc
ms_appraisal_add_file(struct ms_appraisal *a, const struct ms_ima_file *f, struct ms_err *err)
{
	if (a->n_files >= MS_APPRAISAL_IMA_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "more than %u files", MS_APPRAISAL_IMA_MAX);
	if (a->n_files == a->files_cap) {
		size_t cap = a->files_cap == 0 ? 64 : 2 * a->files_cap;
		struct ms_ima_file *file = realloc(a->file, cap * sizeof *file);
		if (file == NULL)
			return ms_fail(err, MS_ERR_NOMEM, "files");
		a->file = file;
		a->files_cap = cap;
	}
	a->file[a->n_files++] = *f;
	return MS_OK;
}

enum ms_rc
ms_appraisal_reserve_ima(struct ms_appraisal *a, size_t n, struct ms_err *err)
{
	n = n > MS_APPRAISAL_IMA_MAX ? MS_APPRAISAL_IMA_MAX : n;
	if (n > a->ima.cap) {
		struct ms_tuple *item = reallocarray(a->ima.item, n, sizeof *item);
		if (item == NULL)
			return ms_fail(err, MS_ERR_NOMEM, "events");
		a->ima.item = item;
		a->ima.cap = n;
	}
	if (n > a->files_cap) {
		struct ms_ima_file *file = reallocarray(a->file, n, sizeof *file);
		if (file == NULL)
			return ms_fail(err, MS_ERR_NOMEM, "files");
		a->file = file;
		a->files_cap = n;
	}
	return MS_OK;
}

static void
build_tuples(const struct ms_tuples *t, struct ms_buf *out)
{
	for (size_t i = 0; i < t->n; i++) {
		ms_buf_u8(out, t->item[i].pcr);
		ms_buf_u8(out, t->item[i].flags);
		ms_buf_u32(out, t->item[i].type);
		ms_buf_u32(out, t->item[i].offset);
		ms_buf_u32(out, t->item[i].len);
		ms_buf_put(out, t->item[i].digest, MS_PCR_LEN);
	}
}

static enum ms_rc
build_files(const struct ms_appraisal *a, struct ms_buf *out, struct ms_err *err)
{
	for (size_t i = 0; i < a->n_files; i++) {
		const struct ms_ima_file *f = &a->file[i];
		if (f->path.len > UINT16_MAX || f->key_id.len > UINT8_MAX || f->digest.len > DIGEST_MAX)
			return ms_fail(err, MS_ERR_USAGE, "file %zu of the list", i);
		ms_buf_u32(out, f->entry);
		ms_buf_u8(out, f->violation);
		ms_buf_u8(out, (uint8_t)f->signature);
		ms_buf_u8(out, f->hash);
		ms_buf_u8(out, (uint8_t)f->digest.len);
		ms_buf_u8(out, (uint8_t)f->key_id.len);
		ms_buf_u16(out, (uint16_t)f->path.len);
		ms_buf_put_span(out, f->digest);
		ms_buf_put_span(out, f->key_id);
		ms_buf_put_span(out, f->path);
	}
	return ms_buf_check(out, err);
}

enum ms_rc
ms_appraisal_build(const struct ms_appraisal *a, struct ms_buf *out, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf boot;
	MS_OWN(ms_buf_fini) struct ms_buf ima;
	MS_OWN(ms_buf_fini) struct ms_buf files;
	MS_OWN(ms_buf_fini) struct ms_buf claims;
	ms_buf_init(&boot, MS_APPRAISAL_WIRE_MAX);
	ms_buf_init(&ima, MS_APPRAISAL_WIRE_MAX);
	ms_buf_init(&files, MS_APPRAISAL_WIRE_MAX);
	ms_buf_init(&claims, MS_CLAIMS_WIRE_MAX);
	struct wire w = {.present = 0};
	enum ms_rc rc = ms_claims_build(a->claims, &claims, err);
	if (a->has_boot) {
		build_tuples(&a->boot, &boot);
		w.present |= MS_CBOR_BIT(K_LOCALITY) | MS_CBOR_BIT(K_BOOT);
		w.locality = a->boot_locality;
	}
	if (a->has_ima && rc == MS_OK) {
		build_tuples(&a->ima, &ima);
		rc = build_files(a, &files, err);
		w.present |= MS_CBOR_BIT(K_IMA) | MS_CBOR_BIT(K_IMA_FROM) | MS_CBOR_BIT(K_FILES);
		w.ima_from = a->ima_from;
	}
	if (rc == MS_OK)
		rc = ms_buf_check(&boot, err);
	if (rc == MS_OK)
		rc = ms_buf_check(&ima, err);
	w.boot = ms_buf_span(&boot);
	w.ima = ms_buf_span(&ima);
	w.files = ms_buf_span(&files);
	w.claims = ms_buf_span(&claims);
	return rc == MS_OK ? ms_cbor_build_map(&table, &w, out, err) : rc;
}

static enum ms_rc
parse_tuples(struct ms_span s, struct ms_tuples *t, struct ms_err *err)
{
	struct ms_rd rd = ms_rd_span(s);
	t->n = t->cap = s.len / MS_TUPLE_LEN;
	t->item = calloc(t->n == 0 ? 1 : t->n, sizeof *t->item);
	if (t->item == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "appraisal");
	for (size_t i = 0; i < t->n; i++) {
		struct ms_tuple *one = &t->item[i];
		one->pcr = ms_rd_u8(&rd);
		one->flags = ms_rd_u8(&rd);
		one->type = ms_rd_u32(&rd);
		one->offset = ms_rd_u32(&rd);
		one->len = ms_rd_u32(&rd);
		ms_rd_copy(&rd, one->digest, MS_PCR_LEN);
		if (one->pcr >= MS_TPM_PCR_COUNT || (one->flags & ~(MS_TUPLE_RECOMPUTED | MS_TUPLE_VIOLATION)) != 0)
			return ms_fail(err, MS_ERR_MALFORMED, "appraisal: event %zu", i);
	}
	return ms_rd_done(&rd) ? MS_OK : ms_fail(err, MS_ERR_MALFORMED, "appraisal: length of the events");
}

static bool
parse_file(struct ms_rd *rd, struct ms_ima_file *f)
{
	f->entry = ms_rd_u32(rd);
	uint8_t violation = ms_rd_u8(rd), signature = ms_rd_u8(rd), hash = ms_rd_u8(rd), digest_len = ms_rd_u8(rd);
	uint8_t key_len = ms_rd_u8(rd);
	uint16_t path_len = ms_rd_u16(rd);
	if (violation > 1 || signature > MS_IMA_SIG_UNKNOWN_KEY || digest_len > DIGEST_MAX)
		return false;
	f->violation = violation != 0;
	f->signature = (enum ms_ima_signature)signature;
	f->hash = hash;
	f->digest = ms_rd_bytes(rd, digest_len);
	f->key_id = ms_rd_bytes(rd, key_len);
	f->path = ms_rd_bytes(rd, path_len);
	return !rd->bad;
}

static enum ms_rc
parse_files(struct ms_span s, struct ms_appraisal *a, struct ms_err *err)
{
	struct ms_rd rd = ms_rd_span(s);
	while (ms_rd_left(&rd) >= FILE_HEAD) {
		struct ms_ima_file f = {.entry = 0};
		if (!parse_file(&rd, &f))
			return ms_fail(err, MS_ERR_MALFORMED, "appraisal: file %zu", a->n_files);
		enum ms_rc rc = ms_appraisal_add_file(a, &f, err);
		if (rc != MS_OK)
			return rc;
	}
	return ms_rd_done(&rd) ? MS_OK : ms_fail(err, MS_ERR_MALFORMED, "appraisal: length of the files");
}

static enum ms_rc
parse(struct ms_appraisal *a, struct ms_span wire, struct ms_err *err)
{
	struct wire w;
	const uint64_t ima = MS_CBOR_BIT(K_IMA) | MS_CBOR_BIT(K_IMA_FROM) | MS_CBOR_BIT(K_FILES);
	const uint64_t boot = MS_CBOR_BIT(K_BOOT) | MS_CBOR_BIT(K_LOCALITY);
	enum ms_rc rc = ms_cbor_parse_map(&table, wire, &w, err);
	if (rc != MS_OK)
		return rc;
	if (((w.present & ima) != 0 && (w.present & ima) != ima) || ((w.present & boot) != 0 && (w.present & boot) != boot))
		return ms_fail(err, MS_ERR_MALFORMED, "appraisal: half of a log");
	a->has_ima = (w.present & ima) != 0;
	a->has_boot = (w.present & boot) != 0;
	a->boot_locality = (uint8_t)w.locality;
	a->ima_from = (uint32_t)w.ima_from;
	ms_claims_free(a->claims);
	a->claims = NULL;
	rc = ms_claims_parse(w.claims, &a->claims, err);
	if (rc == MS_OK)
		rc = parse_tuples(w.boot, &a->boot, err);
	if (rc == MS_OK)
		rc = parse_tuples(w.ima, &a->ima, err);
	return rc == MS_OK ? parse_files(w.files, a, err) : rc;
}

enum ms_rc
ms_appraisal_parse(struct ms_span wire, struct ms_appraisal **ret, struct ms_err *err)
{
	MS_OWN(ms_appraisal_free) struct ms_appraisal *a = NULL;
	if (wire.len > MS_APPRAISAL_WIRE_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "appraisal: %zu bytes", wire.len);
	enum ms_rc rc = ms_appraisal_new(&a, err);
	if (rc == MS_OK && ms_bytes_dup(wire, &a->mem) != MS_OK)
		rc = ms_fail(err, MS_ERR_NOMEM, "appraisal");
	if (rc == MS_OK)
		rc = parse(a, ms_span(a->mem, wire.len), err);
	if (rc != MS_OK)
		return rc;
	*ret = a;
	a = NULL;
	return MS_OK;
}

/* TPM2_PCR_Extend (Part 1, 17.3). */
static void
extend(uint8_t pcr[static MS_PCR_LEN], const uint8_t digest[static MS_PCR_LEN])
{
	const struct ms_span parts[] = {{pcr, MS_PCR_LEN}, {digest, MS_PCR_LEN}};
	ms_sha256v(parts, 2, pcr);
}

#define DRTM_FIRST 17u /* PC Client PTP 4.6: 17 to 22 start as all ones */
#define DRTM_LAST 22u

static void
start_values(const struct ms_appraisal *a, struct ms_pcrs *p)
{
	*p = (struct ms_pcrs){.mask = 0xffu};
	for (unsigned i = DRTM_FIRST; i <= DRTM_LAST; i++)
		memset(p->value[i], 0xff, MS_PCR_LEN);
	p->value[0][MS_PCR_LEN - 1] = a->boot_locality;
}

void
ms_appraisal_boot_pcrs(const struct ms_appraisal *a, struct ms_pcrs *ret)
{
	start_values(a, ret);
	for (size_t i = 0; i < a->boot.n; i++) {
		const struct ms_tuple *t = &a->boot.item[i];
		extend(ret->value[t->pcr], t->digest);
		ret->mask |= UINT32_C(1) << t->pcr;
	}
}

#define IMA_PCR 10u
#define PHASE_PCR 11u

uint32_t
ms_appraisal_to_explain(const struct ms_appraisal *a, const struct ms_pcrs *quoted)
{
	static const uint8_t zeros[MS_PCR_LEN];
	uint32_t mask = 0xffu;
	for (unsigned i = 0; i < MS_TPM_PCR_COUNT; i++)
		if ((quoted->mask >> i & 1) != 0 && i != IMA_PCR &&
		    !ms_span_eq(ms_span(quoted->value[i], MS_PCR_LEN), ms_span(zeros, MS_PCR_LEN)))
			mask |= UINT32_C(1) << i;
	for (size_t i = 0; i < a->boot.n; i++)
		mask |= UINT32_C(1) << a->boot.item[i].pcr;
	return mask;
}

/* systemd-pcrphase.service(8): each word, hashed without its end, in this order; some boots skip some. They are in no boot log. */
static bool
phases_explain(const uint8_t logged[static MS_PCR_LEN], const uint8_t quoted[static MS_PCR_LEN])
{
	static const char *const words[] = {"enter-initrd", "leave-initrd", "sysinit", "ready", "shutdown", "final"};
	enum { N = sizeof words / sizeof *words };
	uint8_t digest[N][MS_PCR_LEN];
	for (unsigned i = 0; i < N; i++)
		ms_sha256(ms_span_str(words[i]), digest[i]);
	for (unsigned said = 1; said < 1u << N; said++) {
		uint8_t pcr[MS_PCR_LEN];
		memcpy(pcr, logged, sizeof pcr);
		for (unsigned i = 0; i < N; i++)
			if ((said >> i & 1) != 0)
				extend(pcr, digest[i]);
		if (ms_span_eq(ms_span(pcr, sizeof pcr), ms_span(quoted, MS_PCR_LEN)))
			return true;
	}
	return false;
}

uint32_t
ms_appraisal_unexplained(const struct ms_appraisal *a, const struct ms_pcrs *quoted, uint32_t mask)
{
	struct ms_pcrs replayed;
	uint32_t bad = mask & ~quoted->mask;
	ms_appraisal_boot_pcrs(a, &replayed);
	for (unsigned i = 0; i < MS_TPM_PCR_COUNT; i++)
		if ((mask >> i & 1) != 0 && memcmp(replayed.value[i], quoted->value[i], MS_PCR_LEN) != 0)
			bad |= UINT32_C(1) << i;
	if ((bad & quoted->mask) >> PHASE_PCR & 1 && phases_explain(replayed.value[PHASE_PCR], quoted->value[PHASE_PCR]))
		bad &= ~(UINT32_C(1) << PHASE_PCR);
	return bad;
}

enum ms_rc
ms_appraisal_ima_replay(const struct ms_appraisal *a, const struct ms_ima_state *from, const uint8_t quoted[static MS_PCR_LEN],
    struct ms_ima_state *ret, size_t *ret_used, struct ms_err *err)
{
	struct ms_ima_state s = *from;
	size_t used = 0;
	if (!a->has_ima || a->ima_from != from->entries)
		return ms_fail(err, MS_ERR_CONFLICT, "IMA list from entry %u, expected from %u", a->ima_from, from->entries);
	while (memcmp(s.pcr, quoted, MS_PCR_LEN) != 0) {
		if (used == a->ima.n)
			return ms_fail(err, MS_ERR_MALFORMED, "IMA list does not replay to PCR 10");
		extend(s.pcr, a->ima.item[used].digest);
		used++;
		s.entries++;
	}
	*ret = s;
	*ret_used = used;
	return MS_OK;
}
