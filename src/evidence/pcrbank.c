#include "evidence/pcrbank.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define TPM_ALG_SM3_256 0x0012u
#define DRTM_FIRST 17u
#define DRTM_LAST 22u

static const struct ms_bank_alg algs[MS_PCR_BANKS_MAX] = {
    {MS_TPM_ALG_SHA1, MS_SHA1_LEN, MS_HASH_SHA1, "sha1"},
    {MS_TPM_ALG_SHA256, MS_SHA256_LEN, MS_HASH_SHA256, "sha256"},
    {MS_TPM_ALG_SHA384, MS_SHA384_LEN, MS_HASH_SHA384, "sha384"},
    {MS_TPM_ALG_SHA512, MS_SHA512_LEN, MS_HASH_SHA512, "sha512"},
    {TPM_ALG_SM3_256, MS_SM3_LEN, MS_HASH_SM3, "sm3_256"},
};

const struct ms_bank_alg *
ms_bank_alg_at(size_t i)
{
	return i < sizeof algs / sizeof *algs ? &algs[i] : NULL;
}

const struct ms_bank_alg *
ms_bank_alg_of(uint16_t alg)
{
	for (size_t i = 0; i < sizeof algs / sizeof *algs; i++)
		if (algs[i].alg == alg)
			return &algs[i];
	return NULL;
}

const struct ms_bank_alg *
ms_bank_alg_named(struct ms_span s)
{
	if (ms_span_eq(s, ms_span_str("sm3-256")) || ms_span_eq(s, ms_span_str("sm3")))
		return ms_bank_alg_of(TPM_ALG_SM3_256);
	for (size_t i = 0; i < sizeof algs / sizeof *algs; i++)
		if (ms_span_eq(s, ms_span_str(algs[i].name)))
			return &algs[i];
	return NULL;
}

enum ms_rc
ms_pcr_bank_init(uint16_t alg, struct ms_pcr_bank *ret, struct ms_err *err)
{
	const struct ms_bank_alg *a = ms_bank_alg_of(alg);
	if (a == NULL)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "PCR bank of algorithm 0x%04x", alg);
	enum ms_rc rc = ms_hash_need(a->hash, err);
	if (rc != MS_OK)
		return rc;
	*ret = (struct ms_pcr_bank){.alg = a->alg, .len = a->len};
	return MS_OK;
}

void
ms_pcr_bank_start(struct ms_pcr_bank *b, uint8_t locality)
{
	for (unsigned i = 0; i < MS_TPM_PCR_COUNT; i++)
		memset(b->value[i], i >= DRTM_FIRST && i <= DRTM_LAST ? 0xff : 0, b->len);
	b->value[0][b->len - 1] = locality;
	b->mask = 0;
}

void
ms_pcr_bank_extend(struct ms_pcr_bank *b, unsigned pcr, const uint8_t *digest)
{
	const struct ms_bank_alg *a = ms_bank_alg_of(b->alg);
	assert(a != NULL && pcr < MS_TPM_PCR_COUNT);
	const struct ms_span parts[] = {{b->value[pcr], b->len}, {digest, b->len}};
	ms_hashv(a->hash, parts, 2, b->value[pcr]); /* Part 1, 17.3 */
	b->mask |= UINT32_C(1) << pcr;
}

uint32_t
ms_pcr_bank_differ(const struct ms_pcr_bank *a, const struct ms_pcr_bank *b, uint32_t mask)
{
	if (a->alg != b->alg || a->len != b->len)
		return mask;
	uint32_t bad = mask & ~(a->mask & b->mask);
	for (unsigned i = 0; i < MS_TPM_PCR_COUNT; i++)
		if ((mask >> i & 1u) != 0 && memcmp(a->value[i], b->value[i], a->len) != 0)
			bad |= UINT32_C(1) << i;
	return bad;
}

const struct ms_pcr_bank *
ms_pcr_banks_find(const struct ms_pcr_banks *b, uint16_t alg)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->bank[i].alg == alg)
			return &b->bank[i];
	return NULL;
}

enum ms_rc
ms_pcr_bank_sha256(const struct ms_pcr_bank *b, struct ms_pcrs *ret, struct ms_err *err)
{
	if (b->alg != MS_TPM_ALG_SHA256 || b->len != MS_PCR_LEN)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "PCR values of another bank than SHA-256");
	*ret = (struct ms_pcrs){.mask = b->mask};
	for (unsigned i = 0; i < MS_TPM_PCR_COUNT; i++)
		memcpy(ret->value[i], b->value[i], MS_PCR_LEN);
	return MS_OK;
}

enum ms_rc
ms_pcr_bank_digest(const struct ms_pcr_bank *b, uint32_t mask, enum ms_hash h, uint8_t ret[static MS_HASH_LEN_MAX], struct ms_err *err)
{
	struct ms_span parts[MS_TPM_PCR_COUNT];
	size_t n = 0;
	if (mask == 0 || (mask & ~b->mask) != 0)
		return ms_fail(err, MS_ERR_USAGE, "PCR digest: a PCR without a value");
	enum ms_rc rc = ms_hash_need(h, err);
	if (rc != MS_OK)
		return rc;
	for (unsigned i = 0; i < MS_TPM_PCR_COUNT; i++)
		if ((mask >> i & 1u) != 0)
			parts[n++] = ms_span(b->value[i], b->len);
	ms_hashv(h, parts, n, ret);
	return MS_OK;
}

/* "0" to "23", in this one way. */
static bool
parse_index(const char *s, unsigned *ret)
{
	unsigned v = 0;
	size_t n = strlen(s);
	if (n == 0 || n > 2 || (n == 2 && s[0] == '0'))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		v = 10 * v + (unsigned)(s[i] - '0');
	}
	*ret = v;
	return v < MS_TPM_PCR_COUNT;
}

static enum ms_rc
parse_bank(const struct ms_bank_alg *a, const json_t *rows, struct ms_pcr_bank *ret, struct ms_err *err)
{
	const char *key;
	json_t *v;
	unsigned index = 0;
	*ret = (struct ms_pcr_bank){.alg = a->alg, .len = a->len};
	if (!json_is_object(rows) || json_object_size(rows) == 0)
		return ms_fail(err, MS_ERR_MALFORMED, "PCR values: %s is not an object of PCR number to hex", a->name);
	json_object_foreach((json_t *)(uintptr_t)rows, key, v)
	{
		if (!parse_index(key, &index))
			return ms_fail(
			    err, MS_ERR_MALFORMED, "PCR values: %s has '%.20s', a PCR number from 0 to 23 is wanted", a->name, key);
		if (!json_is_string(v) || json_string_length(v) != 2u * a->len ||
		    ms_unhex(json_string_value(v), json_string_length(v), ret->value[index], a->len) != MS_OK)
			return ms_fail(
			    err, MS_ERR_MALFORMED, "PCR values: PCR %u of %s, %u hex digits are wanted", index, a->name, 2u * a->len);
		ret->mask |= UINT32_C(1) << index;
	}
	return MS_OK;
}

enum ms_rc
ms_pcr_banks_from_json(const json_t *object, struct ms_pcr_banks *ret, struct ms_err *err)
{
	const char *key;
	json_t *rows;
	struct ms_pcr_banks b = {.n = 0};
	if (!json_is_object(object) || json_object_size(object) == 0)
		return ms_fail(err, MS_ERR_MALFORMED, "PCR values: {\"sha256\": {\"0\": \"hex\", ...}} is wanted");
	json_object_foreach((json_t *)(uintptr_t)object, key, rows)
	{
		const struct ms_bank_alg *a = ms_bank_alg_named(ms_span_str(key));
		if (a == NULL)
			return ms_fail(err, MS_ERR_UNSUPPORTED, "PCR values: no bank '%.20s' (sha1, sha256, sha384, sha512, sm3_256)", key);
		if (ms_pcr_banks_find(&b, a->alg) != NULL || b.n == MS_PCR_BANKS_MAX)
			return ms_fail(err, MS_ERR_MALFORMED, "PCR values: %s is there twice", a->name);
		enum ms_rc rc = parse_bank(a, rows, &b.bank[b.n], err);
		if (rc != MS_OK)
			return rc;
		b.n++;
	}
	*ret = b;
	return MS_OK;
}

enum ms_rc
ms_pcr_banks_parse_json(struct ms_span text, struct ms_pcr_banks *ret, struct ms_err *err)
{
	MS_OWN(ms_json_free) json_t *j = NULL;
	enum ms_rc rc = ms_json_parse(text, MS_PCR_BANK_JSON_MAX, &j, err);
	return rc == MS_OK ? ms_pcr_banks_from_json(j, ret, err) : rc;
}

static json_t *
bank_json(const struct ms_pcr_bank *b)
{
	char index[4], hex[2 * MS_HASH_LEN_MAX + 1];
	MS_OWN(ms_json_free) json_t *rows = json_object();
	for (unsigned i = 0; rows != NULL && i < MS_TPM_PCR_COUNT; i++) {
		if ((b->mask >> i & 1u) == 0)
			continue;
		(void)snprintf(index, sizeof index, "%u", i);
		ms_hex(b->value[i], b->len, hex);
		if (json_object_set_new(rows, index, json_string(hex)) != 0)
			return NULL;
	}
	return json_incref(rows);
}

json_t *
ms_pcr_banks_to_json(const struct ms_pcr_banks *b)
{
	MS_OWN(ms_json_free) json_t *all = json_object();
	for (size_t i = 0; all != NULL && i < b->n; i++) {
		const struct ms_bank_alg *a = ms_bank_alg_of(b->bank[i].alg);
		if (a == NULL || json_object_set_new(all, a->name, bank_json(&b->bank[i])) != 0)
			return NULL;
	}
	return json_incref(all);
}

void
ms_pcr_mask_text(uint32_t mask, char *out, size_t size)
{
	size_t len = 0;
	int left = __builtin_popcount(mask);
	if (size == 0)
		return;
	out[0] = '\0';
	for (unsigned i = 0; i < 32 && len < size; i++) {
		if ((mask >> i & 1u) == 0)
			continue;
		const char *before = len == 0 ? "" : left == 1 ? " and " : ", ";
		int n = snprintf(out + len, size - len, "%s%u", before, i);
		len += n > 0 ? (size_t)n : 0;
		left--;
	}
}
