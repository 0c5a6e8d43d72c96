#include "evidence/pcrs.h"

#include <string.h>

#include "codec/cbor.h"
#include "crypto/hash.h"
#include "crypto/lib.h"

#define CC_POLICY_PCR 0x0000017fu

enum ms_rc
ms_pcrs_parse(struct ms_span cbor, struct ms_pcrs *ret, struct ms_err *err)
{
	if (cbor.len > MS_PCRS_WIRE_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "PCR values: %zu bytes", cbor.len);
	struct ms_cbor c = ms_cbor_over(cbor);
	struct ms_pcrs p = {0};
	size_t n = ms_cbor_read_map(&c);
	for (size_t i = 0; i < n && i < MS_TPM_PCR_COUNT; i++) {
		uint64_t index = ms_cbor_read_uint(&c);
		struct ms_span v = ms_cbor_read_bytes(&c);
		if (index >= MS_TPM_PCR_COUNT || v.len != MS_PCR_LEN)
			return ms_fail(err, MS_ERR_MALFORMED, "PCR values: row %zu", i);
		memcpy(p.value[index], v.p, MS_PCR_LEN);
		p.mask |= UINT32_C(1) << index;
	}
	if (!ms_cbor_done(&c)) /* more rows than PCRs are left over here */
		return ms_fail(err, MS_ERR_MALFORMED, "PCR values: not a map of them");
	*ret = p;
	return MS_OK;
}

enum ms_rc
ms_pcrs_build(const struct ms_pcrs *p, struct ms_buf *out, struct ms_err *err)
{
	if (p->mask >> MS_TPM_PCR_COUNT != 0)
		return ms_fail(err, MS_ERR_USAGE, "PCR values: mask");
	ms_cbor_map(out, (size_t)__builtin_popcount(p->mask));
	for (unsigned i = 0; i < MS_TPM_PCR_COUNT; i++) {
		if ((p->mask >> i & 1u) == 0)
			continue;
		ms_cbor_uint(out, i);
		ms_cbor_bytes(out, ms_span(p->value[i], MS_PCR_LEN));
	}
	return ms_buf_check(out, err);
}

enum ms_rc
ms_pcrs_digest_as(enum ms_hash h, const struct ms_pcrs *p, uint32_t mask, uint8_t ret[static MS_HASH_LEN_MAX], struct ms_err *err)
{
	if (mask == 0 || mask >> MS_TPM_PCR_COUNT != 0 || (mask & ~p->mask) != 0)
		return ms_fail(err, MS_ERR_USAGE, "PCR digest: a PCR without a value");
	enum ms_rc rc = ms_crypto_init(err);
	if (rc != MS_OK)
		return rc;
	struct ms_span parts[MS_TPM_PCR_COUNT];
	size_t n = 0;
	for (unsigned i = 0; i < MS_TPM_PCR_COUNT; i++)
		if ((mask >> i & 1u) != 0)
			parts[n++] = ms_span(p->value[i], MS_PCR_LEN);
	ms_hashv(h, parts, n, ret);
	return MS_OK;
}

enum ms_rc
ms_pcrs_digest(const struct ms_pcrs *p, uint32_t mask, uint8_t ret[static MS_PCR_LEN], struct ms_err *err)
{
	uint8_t digest[MS_HASH_LEN_MAX];
	enum ms_rc rc = ms_pcrs_digest_as(MS_HASH_SHA256, p, mask, digest, err);
	if (rc == MS_OK)
		memcpy(ret, digest, MS_PCR_LEN);
	return rc;
}

/* Part 3, 23.7.1: policyDigest = H(zeros | TPM_CC_PolicyPCR | pcrs | digestTPM). */
enum ms_rc
ms_pcrs_policy(const struct ms_pcrs *p, uint32_t mask, uint8_t ret[static MS_PCR_LEN], struct ms_err *err)
{
	static const uint8_t start[MS_SHA256_LEN];
	uint8_t digest[MS_PCR_LEN];
	enum ms_rc rc = ms_pcrs_digest(p, mask, digest, err);
	if (rc != MS_OK)
		return rc;
	MS_OWN(ms_buf_fini) struct ms_buf b;
	ms_buf_init(&b, 128);
	ms_buf_put(&b, start, sizeof start);
	ms_buf_u32(&b, CC_POLICY_PCR);
	ms_tpm_selection_build(&b, (struct ms_pcr_set){MS_TPM_ALG_SHA256, mask});
	ms_buf_put(&b, digest, sizeof digest);
	rc = ms_buf_check(&b, err);
	if (rc == MS_OK)
		ms_sha256(ms_buf_span(&b), ret);
	return rc;
}

bool
ms_pcrs_all_zero(const struct ms_pcrs *p, unsigned index)
{
	static const uint8_t zero[MS_PCR_LEN];
	return index < MS_TPM_PCR_COUNT && (p->mask >> index & 1u) != 0 && memcmp(p->value[index], zero, sizeof zero) == 0;
}

enum found { FOUND_NO_ROW, FOUND_OTHER, FOUND_ACCEPTED };

static enum found
look_up(const struct ms_pcr_reference *ref, unsigned index, const uint8_t value[static MS_PCR_LEN])
{
	enum found found = FOUND_NO_ROW;
	for (size_t i = 0; i < ref->n; i++) {
		if (ref->rows[i].index != index)
			continue;
		if (memcmp(ref->rows[i].digest, value, MS_PCR_LEN) == 0)
			return FOUND_ACCEPTED;
		found = FOUND_OTHER;
	}
	return found;
}

bool
ms_pcrs_compare(const struct ms_pcrs *p, uint32_t mask, const struct ms_pcr_reference *ref, struct ms_pcr_diff *ret)
{
	struct ms_pcr_diff d = {0};
	for (unsigned i = 0; i < MS_TPM_PCR_COUNT; i++) {
		if ((mask >> i & 1u) == 0)
			continue;
		bool there = (p->mask >> i & 1u) != 0;
		enum found found = look_up(ref, i, p->value[i]);
		if (there && found == FOUND_ACCEPTED)
			continue;
		d.row[d.n].index = (uint8_t)i;
		d.row[d.n].absent = !there;
		d.row[d.n].unlisted = found == FOUND_NO_ROW;
		if (there)
			memcpy(d.row[d.n].found, p->value[i], MS_PCR_LEN);
		d.n++;
	}
	*ret = d;
	return d.n == 0 && mask != 0 && mask >> MS_TPM_PCR_COUNT == 0;
}
