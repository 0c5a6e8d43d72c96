#include "codec/tpm.h"

/* Part 2, 10.12.3: in TPMS_ATTEST the longest field is a name or a digest. */
#define DIGEST_MAX 64u
#define NAME_MAX_LEN (2u + DIGEST_MAX)

bool
ms_tpm_selection_is(const struct ms_tpm_selection *s, struct ms_pcr_set want)
{
	return s->count == 1 && s->bank[0].alg == want.alg && s->bank[0].mask == want.mask;
}

void
ms_tpm_selection_build(struct ms_buf *b, struct ms_pcr_set set)
{
	if (set.mask >> MS_TPM_PCR_COUNT != 0) {
		b->bad = true;
		return;
	}
	ms_buf_u32(b, 1);
	ms_buf_u16(b, set.alg);
	ms_buf_u8(b, 3);
	for (unsigned i = 0; i < 3; i++)
		ms_buf_u8(b, (uint8_t)(set.mask >> (8 * i)));
}

/* 10.9.7: TPML_PCR_SELECTION of TPMS_PCR_SELECTION; bit n of octet m is PCR 8m + n. */
static void
read_selection(struct ms_rd *r, struct ms_tpm_selection *sel)
{
	uint32_t count = ms_rd_u32(r);
	if (count > MS_TPM_BANKS_MAX) {
		ms_rd_poison(r);
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		sel->bank[i].alg = ms_rd_u16(r);
		struct ms_span bits = ms_rd_bytes(r, ms_rd_u8(r));
		if (bits.len == 0 || bits.len > sizeof sel->bank[i].mask) {
			ms_rd_poison(r);
			return;
		}
		for (size_t k = 0; k < bits.len; k++)
			sel->bank[i].mask |= (uint32_t)bits.p[k] << (8 * k);
	}
	sel->count = count;
}

uint32_t
ms_tpm_attest_magic(struct ms_span s)
{
	struct ms_rd r = ms_rd_span(s);
	return ms_rd_u32(&r);
}

uint16_t
ms_tpm_attest_type(struct ms_span s)
{
	struct ms_rd r = ms_rd_span(s);
	(void)ms_rd_u32(&r);
	return ms_rd_u16(&r);
}

const char *
ms_tpm_st_name(uint16_t type)
{
	/* 6.9, from TPM_ST_ATTEST_NV on */
	static const struct {
		uint16_t type;
		const char *name;
	} rows[] = {
	    {0x8014, "nv"},
	    {0x8015, "command-audit"},
	    {0x8016, "session-audit"},
	    {MS_TPM_ST_CERTIFY, "certify"},
	    {MS_TPM_ST_QUOTE, "quote"},
	    {0x8019, "time"},
	    {0x801a, "creation"},
	    {0x801c, "nv-digest"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].type == type)
			return rows[i].name;
	return "unknown";
}

static void
read_clock(struct ms_rd *r, struct ms_tpm_attest *a)
{
	a->clock = ms_rd_u64(r);
	a->reset_count = ms_rd_u32(r);
	a->restart_count = ms_rd_u32(r);
	uint8_t safe = ms_rd_u8(r);
	if (safe > 1) /* 9.2: TPMI_YES_NO is 0 or 1 */
		ms_rd_poison(r);
	a->safe = safe == 1;
}

enum ms_rc
ms_tpm_attest_parse(struct ms_span s, struct ms_tpm_attest *ret, struct ms_err *err)
{
	if (s.len > MS_TPM_ATTEST_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "attest: %zu bytes", s.len);
	struct ms_rd r = ms_rd_span(s);
	struct ms_tpm_attest a = {0};
	if (ms_rd_u32(&r) != MS_TPM_MAGIC)
		return ms_fail(err, MS_ERR_MALFORMED, "attest: not made by a TPM (magic)");
	a.type = ms_rd_u16(&r);
	if (a.type != MS_TPM_ST_QUOTE && a.type != MS_TPM_ST_CERTIFY)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "attest: type %s (0x%04x)", ms_tpm_st_name(a.type), a.type);
	a.signer = ms_rd_tpm2b(&r, NAME_MAX_LEN);
	a.extra = ms_rd_tpm2b(&r, DIGEST_MAX);
	read_clock(&r, &a);
	a.firmware = ms_rd_u64(&r);
	if (a.type == MS_TPM_ST_QUOTE) {
		read_selection(&r, &a.selection);
		a.pcr_digest = ms_rd_tpm2b(&r, DIGEST_MAX);
	} else {
		a.name = ms_rd_tpm2b(&r, NAME_MAX_LEN);
		a.qualified_name = ms_rd_tpm2b(&r, NAME_MAX_LEN);
	}
	if (!ms_rd_done(&r))
		return ms_fail(err, MS_ERR_MALFORMED, "attest: %s of %zu bytes does not parse", ms_tpm_st_name(a.type), s.len);
	*ret = a;
	return MS_OK;
}
