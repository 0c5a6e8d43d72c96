/* Files of PCR values, as tpm2-tools write them. They dump structures of the TSS as they lie in memory on a little-endian machine:
 * TPML_PCR_SELECTION (count, 16 rows of hash, size and 4 bytes of bitmap, padded to 8), a count of lists, and that many
 * TPML_DIGEST (count, 8 rows of size and 64 bytes). The values follow each other in the order of the selection. */
#include <string.h>

#include "evidence/quotefile.h"

#define SELECTIONS 16u
#define DIGESTS 8u
#define DIGEST_BYTES 64u
#define DUMP_HEAD (4u + SELECTIONS * 8u + 4u)
#define DUMP_LIST (4u + DIGESTS * (2u + DIGEST_BYTES))
#define LISTS_MAX (MS_PCR_BANKS_MAX * MS_TPM_PCR_COUNT)
#define FILE_MAX (DUMP_HEAD + LISTS_MAX * DUMP_LIST)

static enum ms_rc
bad(struct ms_err *err, const char *what)
{
	return ms_fail(err, MS_ERR_MALFORMED, "PCR file: %s", what);
}

/* Banks without values yet, in the order of the selection. */
static enum ms_rc
add_bank(struct ms_pcr_banks *b, uint16_t alg, uint32_t mask, struct ms_err *err)
{
	const struct ms_bank_alg *a = ms_bank_alg_of(alg);
	if (a == NULL)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "PCR file: bank of algorithm 0x%04x", alg);
	if (mask >> MS_TPM_PCR_COUNT != 0 || b->n == MS_PCR_BANKS_MAX || ms_pcr_banks_find(b, alg) != NULL)
		return bad(err, "a bank twice, or a PCR above 23");
	b->bank[b->n++] = (struct ms_pcr_bank){.alg = alg, .len = a->len, .mask = mask};
	return MS_OK;
}

static enum ms_rc
read_selection(struct ms_rd *r, struct ms_pcr_banks *b, struct ms_err *err)
{
	uint32_t count = ms_rd_le32(r);
	enum ms_rc rc = MS_OK;
	if (count == 0 || count > MS_PCR_BANKS_MAX)
		return bad(err, "no selection of PCRs");
	for (uint32_t i = 0; i < SELECTIONS; i++) {
		uint16_t alg = ms_rd_le16(r);
		uint8_t size = ms_rd_u8(r);
		struct ms_span bits = ms_rd_bytes(r, 4);
		uint32_t mask = 0;
		(void)ms_rd_u8(r);
		if (i >= count || rc != MS_OK)
			continue; /* what lies there was never written */
		if (bits.len != 4 || size == 0 || size > 4)
			return bad(err, "a selection that is none");
		for (size_t k = 0; k < size; k++)
			mask |= (uint32_t)bits.p[k] << (8 * k);
		rc = mask == 0 ? MS_OK : add_bank(b, alg, mask, err);
	}
	return rc;
}

/* Where the next value goes. */
struct place {
	struct ms_pcr_banks *b;
	size_t bank;
	unsigned pcr;
};

static bool
next_place(struct place *at)
{
	for (; at->bank < at->b->n; at->bank++, at->pcr = 0)
		for (; at->pcr < MS_TPM_PCR_COUNT; at->pcr++)
			if ((at->b->bank[at->bank].mask >> at->pcr & 1u) != 0)
				return true;
	return false;
}

static bool
put_value(struct place *at, struct ms_span value)
{
	if (!next_place(at) || value.len != at->b->bank[at->bank].len)
		return false;
	memcpy(at->b->bank[at->bank].value[at->pcr++], value.p, value.len);
	return true;
}

static enum ms_rc
parse_dump(struct ms_span file, struct ms_pcr_banks *ret, struct ms_err *err)
{
	struct ms_pcr_banks b = {.n = 0};
	struct place at = {.b = &b};
	struct ms_rd r = ms_rd_span(file);
	enum ms_rc rc = read_selection(&r, &b, err);
	if (rc != MS_OK)
		return rc;
	uint32_t lists = ms_rd_le32(&r);
	if (lists > LISTS_MAX)
		return bad(err, "more lists than there are PCRs");
	for (uint32_t l = 0; l < lists; l++) {
		uint32_t count = ms_rd_le32(&r);
		if (count == 0 || count > DIGESTS)
			return bad(err, "a list without values");
		for (uint32_t i = 0; i < DIGESTS; i++) {
			uint16_t len = ms_rd_le16(&r);
			struct ms_span bytes = ms_rd_bytes(&r, DIGEST_BYTES);
			if (i < count && (bytes.len != DIGEST_BYTES || len > DIGEST_BYTES || !put_value(&at, ms_span(bytes.p, len))))
				return bad(err, "the values are not those of the selection");
		}
	}
	if (!ms_rd_done(&r) || next_place(&at))
		return bad(err, "fewer values than PCRs, or bytes after them");
	*ret = b;
	return MS_OK;
}

/* Values alone: only their number and the selection say what they are. */
static enum ms_rc
parse_bare(struct ms_span file, const struct ms_tpm_selection *selection, struct ms_pcr_banks *ret, struct ms_err *err)
{
	struct ms_pcr_banks b = {.n = 0};
	struct place at = {.b = &b};
	struct ms_rd r = ms_rd_span(file);
	for (uint32_t i = 0; i < selection->count; i++) {
		enum ms_rc rc = selection->bank[i].mask == 0 ? MS_OK : add_bank(&b, selection->bank[i].alg, selection->bank[i].mask, err);
		if (rc != MS_OK)
			return rc;
	}
	while (next_place(&at))
		if (!put_value(&at, ms_rd_bytes(&r, b.bank[at.bank].len)))
			return bad(err, "neither tpm2-tools' form nor JSON nor the quoted values");
	if (!ms_rd_done(&r) || b.n == 0)
		return bad(err, "neither tpm2-tools' form nor JSON nor the quoted values");
	*ret = b;
	return MS_OK;
}

static bool
is_json(struct ms_span s)
{
	size_t i = 0;
	while (i < s.len && (s.p[i] == ' ' || s.p[i] == '\t' || s.p[i] == '\r' || s.p[i] == '\n'))
		i++;
	return i < s.len && s.p[i] == '{';
}

enum ms_rc
ms_pcrfile_parse(struct ms_span file, const struct ms_tpm_selection *selection, struct ms_pcrfile *ret, struct ms_err *err)
{
	struct ms_pcrfile f = {.exact = true};
	if (file.len > FILE_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "PCR file of %zu bytes", file.len);
	bool dump = file.len > DUMP_HEAD && (file.len - DUMP_HEAD) % DUMP_LIST == 0;
	enum ms_rc rc = dump ? parse_dump(file, &f.banks, err) : MS_ERR_MALFORMED;
	if (!dump && is_json(file)) {
		f.exact = false;
		rc = ms_pcr_banks_parse_json(file, &f.banks, err);
	} else if (!dump) {
		rc = parse_bare(file, selection, &f.banks, err);
	}
	if (rc == MS_OK)
		*ret = f;
	return rc;
}
