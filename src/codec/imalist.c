#include "codec/imalist.h"

#include <string.h>

#include "codec/imalist_int.h"

#define PCRS 24u
#define IMA_NAME_PADDED 256u /* IMA_EVENT_NAME_LEN_MAX + 1 */

static bool
digest_len_ok(size_t len)
{
	return len == 20 || len == 32 || len == 48 || len == 64;
}

/* A binary list does not say which template digest it has: that length is right after which a known template follows. */
static uint8_t
find_digest_len(struct ms_span list)
{
	static const uint8_t lens[] = {20, 32, 48, 64};
	for (size_t i = 0; i < sizeof lens; i++) {
		struct ms_ima_format f;
		struct ms_rd rd = ms_rd_span(list);
		(void)ms_rd_le32(&rd);
		(void)ms_rd_bytes(&rd, lens[i]);
		uint32_t len = ms_rd_le32(&rd);
		struct ms_span name = ms_rd_bytes(&rd, len);
		if (!rd.bad && len <= MS_IMA_NAME_MAX && ms_ima_format_find(name, &f))
			return lens[i];
	}
	return lens[0];
}

enum ms_rc
ms_imalist_init(struct ms_imalist *it, struct ms_span list, uint32_t first, const struct ms_imalist_caps *caps, struct ms_err *err)
{
	if (list.len > caps->bytes)
		return ms_fail(err, MS_ERR_TOO_BIG, "IMA list of %zu bytes, evidence.ima_bytes allows %zu", list.len, caps->bytes);
	bool ascii = list.len > 1 ? list.p[1] != 0 : list.len == 1 && list.p[0] >= PCRS; /* else of a PCR's number */
	if (!ascii && list.len >= 4 && list.p[0] == 0 && list.p[1] == 0 && list.p[2] == 0 && list.p[3] != 0)
		return ms_fail(
		    err, MS_ERR_UNSUPPORTED, "IMA list of a big-endian kernel: boot it with ima_canonical_fmt, or give the ASCII list");
	*it = (struct ms_imalist){.list = list, .caps = *caps, .first = first, .next = first, .ascii = ascii};
	if (!ascii)
		it->digest_len = find_digest_len(list);
	ms_buf_init(&it->scratch, list.len + MS_IMA_NAME_MAX);
	return MS_OK;
}

void
ms_imalist_fini(struct ms_imalist *it)
{
	ms_buf_fini(&it->scratch);
}

static void
skip_blank(struct ms_imalist *it)
{
	while (it->ascii && it->off < it->list.len && it->list.p[it->off] == '\n') {
		it->off++;
		it->line++;
	}
}

bool
ms_imalist_done(const struct ms_imalist *it)
{
	size_t at = it->off;
	while (it->ascii && at < it->list.len && it->list.p[at] == '\n')
		at++;
	return at == it->list.len;
}

static bool
find_format(struct ms_imalist *it, struct ms_span name)
{
	if (it->format_name.len != 0 && ms_span_eq(it->format_name, name))
		return true;
	it->format_name = MS_SPAN_NONE;
	if (!ms_ima_format_find(name, &it->format))
		return false;
	it->format_name = name;
	return true;
}

static enum ms_rc
next_binary(struct ms_imalist *it, struct ms_ima_entry *e, struct ms_ima_format *f, struct ms_err *err)
{
	struct ms_rd rd = ms_rd_span(it->list);
	rd.off = it->off;
	uint32_t pcr = ms_rd_le32(&rd);
	e->listed = ms_rd_bytes(&rd, it->digest_len);
	uint32_t name_len = ms_rd_le32(&rd);
	if (!rd.bad && (pcr >= PCRS || name_len > MS_IMA_NAME_MAX))
		return ms_fail(err, MS_ERR_MALFORMED, "PCR %u, template name of %u bytes", pcr, name_len);
	e->pcr = (uint8_t)pcr;
	e->template_name = ms_rd_bytes(&rd, name_len);
	if (!rd.bad && !find_format(it, e->template_name))
		return ms_fail(err, MS_ERR_UNSUPPORTED, "template that no kernel has");
	*f = it->format;
	if (!rd.bad && f->template == MS_IMA_TEMPLATE_IMA) { /* has no length of the whole */
		struct ms_rd peek = rd;
		(void)ms_rd_bytes(&peek, 20);
		uint32_t len = ms_rd_le32(&peek);
		(void)ms_rd_bytes(&peek, len);
		e->data = ms_rd_bytes(&rd, peek.bad ? SIZE_MAX : peek.off - rd.off);
	} else {
		uint32_t len = ms_rd_le32(&rd);
		e->data = ms_rd_bytes(&rd, len);
	}
	if (rd.bad)
		return ms_fail(err, MS_ERR_MALFORMED, "the list ends within it");
	e->len = rd.off - it->off;
	it->off = rd.off;
	return MS_OK;
}

static enum ms_rc
next_line(struct ms_imalist *it, struct ms_ima_entry *e, struct ms_ima_format *f, struct ms_err *err)
{
	const uint8_t *at = it->list.p + it->off;
	size_t left = it->list.len - it->off;
	const uint8_t *newline = memchr(at, '\n', left);
	struct ms_ima_line l;
	e->len = newline == NULL ? left : (size_t)(newline - at);
	ms_buf_reset(&it->scratch);
	enum ms_rc rc = ms_ima_line_parse(ms_span(at, e->len), &it->scratch, &l, err);
	if (rc != MS_OK)
		return rc;
	if (it->digest_len == 0 && digest_len_ok(l.listed_len))
		it->digest_len = (uint8_t)l.listed_len;
	if (it->digest_len == 0 || l.listed_len != it->digest_len)
		return ms_fail(err, MS_ERR_MALFORMED, "template digest of %zu bytes", l.listed_len);
	e->pcr = l.pcr;
	e->template_name = l.template_name;
	e->listed = ms_span(it->scratch.p, l.listed_len);
	e->data = ms_span(it->scratch.p + l.listed_len, l.data_len);
	*f = l.format;
	it->off += e->len + (newline != NULL);
	return MS_OK;
}

static bool
all_zero(struct ms_span s)
{
	uint8_t any = 0;
	for (size_t i = 0; i < s.len; i++)
		any |= s.p[i];
	return any == 0;
}

enum ms_rc
ms_imalist_next(struct ms_imalist *it, struct ms_ima_entry *ret, struct ms_err *err)
{
	struct ms_ima_format f;
	skip_blank(it);
	struct ms_ima_entry e = {.number = it->next, .offset = it->off};
	if (it->next - it->first >= it->caps.entries || it->next == UINT32_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "IMA list of more entries than evidence.ima_entries allows, %u", it->caps.entries);
	it->line++;
	enum ms_rc rc = it->ascii ? next_line(it, &e, &f, err) : next_binary(it, &e, &f, err);
	if (rc == MS_OK) {
		e.template = f.template;
		e.violation = all_zero(e.listed);
		rc = ms_ima_fields_parse(&f, &e, err);
	}
	if (rc != MS_OK && it->ascii)
		return ms_prefix(err, rc, "IMA entry %u (line %u)", e.number, it->line);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "IMA entry %u (at byte %zu)", e.number, e.offset);
	it->next++;
	*ret = e;
	return MS_OK;
}

size_t
ms_ima_entry_parts(const struct ms_ima_entry *e, struct ms_span ret[static MS_IMA_PARTS_MAX])
{
	static const uint8_t zeros[IMA_NAME_PADDED];
	if (e->template != MS_IMA_TEMPLATE_IMA) {
		ret[0] = e->data;
		return 1;
	}
	ret[0] = e->digest.value;
	ret[1] = e->path;
	ret[2] = ms_span(zeros, sizeof zeros - e->path.len);
	return 3;
}
