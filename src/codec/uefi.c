#include "codec/uefi.h"

#include <stdio.h>
#include <string.h>

#define SIG_LIST_HEAD 28u /* GUID, list size, header size, signature size */
#define VAR_HEAD 32u
#define GPT_HEADER_LEN 92u
#define GPT_ENTRY_MIN 128u
#define GPT_ENTRY_MAX 4096u
#define GPT_NAME_OFFSET 56u
#define GPT_NAME_LEN 72u
#define TABLE_LEN 24u

#define GUID_GLOBAL \
	{ \
		0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c \
	}
#define GUID_IMAGE_SECURITY \
	{ \
		0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45, 0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f \
	}
#define GUID_SHIM \
	{ \
		0x50, 0xab, 0x5d, 0x60, 0x46, 0xe0, 0x00, 0x43, 0xab, 0xb6, 0x3d, 0xd8, 0x10, 0xdd, 0x8b, 0x23 \
	}
#define GUID_LOADER \
	{ \
		0x82, 0xb0, 0x67, 0x4a, 0x4c, 0x0a, 0xcf, 0x41, 0xb6, 0xc7, 0x44, 0x0b, 0x29, 0xbb, 0x8c, 0x4f \
	}
static const uint8_t vendors[][MS_GUID_LEN] = {
    [MS_UEFI_GLOBAL] = GUID_GLOBAL,
    [MS_UEFI_IMAGE_SECURITY] = GUID_IMAGE_SECURITY,
    [MS_UEFI_SHIM] = GUID_SHIM,
    [MS_UEFI_LOADER] = GUID_LOADER,
};

static bool
same_guid(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a, b, MS_GUID_LEN) == 0;
}

void
ms_guid_text(const uint8_t g[static MS_GUID_LEN], char out[static MS_GUID_TEXT])
{
	static const uint8_t order[MS_GUID_LEN] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
	char *p = out;
	for (unsigned i = 0; i < MS_GUID_LEN; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		ms_hex(&g[order[i]], 1, p);
		p += 2;
	}
}

const char *
ms_guid_name(const uint8_t g[static MS_GUID_LEN])
{
	static const char *const names[] = {
	    [MS_UEFI_GLOBAL] = "global", [MS_UEFI_IMAGE_SECURITY] = "image-security", [MS_UEFI_SHIM] = "shim", [MS_UEFI_LOADER] = "loader"};
	for (size_t i = 0; i < sizeof vendors / sizeof *vendors; i++)
		if (same_guid(g, vendors[i]))
			return names[i];
	return NULL;
}

/* ---- text ---- */

static void
put_utf8(struct ms_buf *out, uint32_t c)
{
	if (c < 0x80) {
		ms_buf_u8(out, (uint8_t)c);
	} else if (c < 0x800) {
		ms_buf_u8(out, (uint8_t)(0xc0 | c >> 6));
		ms_buf_u8(out, (uint8_t)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		ms_buf_u8(out, (uint8_t)(0xe0 | c >> 12));
		ms_buf_u8(out, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
		ms_buf_u8(out, (uint8_t)(0x80 | (c & 0x3f)));
	} else {
		ms_buf_u8(out, (uint8_t)(0xf0 | c >> 18));
		ms_buf_u8(out, (uint8_t)(0x80 | (c >> 12 & 0x3f)));
		ms_buf_u8(out, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
		ms_buf_u8(out, (uint8_t)(0x80 | (c & 0x3f)));
	}
}

static uint32_t
unit_at(struct ms_span s, size_t i)
{
	return (uint32_t)s.p[2 * i] | (uint32_t)s.p[2 * i + 1] << 8;
}

bool
ms_utf16_text(struct ms_span s, struct ms_buf *out)
{
	enum { REPLACEMENT = 0xfffd };
	size_t n = s.len / 2;
	for (size_t i = 0; i < n; i++) {
		uint32_t c = unit_at(s, i);
		if (c == 0)
			return true;
		if (c >= 0xd800 && c < 0xdc00 && i + 1 < n && unit_at(s, i + 1) >= 0xdc00 && unit_at(s, i + 1) < 0xe000) {
			c = 0x10000 + ((c - 0xd800) << 10) + (unit_at(s, i + 1) - 0xdc00);
			i++;
		} else if (c >= 0xd800 && c < 0xe000) {
			c = REPLACEMENT;
		}
		put_utf8(out, c);
	}
	return s.len % 2 == 0;
}

static bool
printable(uint32_t c)
{
	return (c >= 0x20 && c != 0x7f) || c == '\t' || c == '\n' || c == '\r';
}

bool
ms_utf16_plausible(struct ms_span s)
{
	size_t n = s.len / 2, ascii = 0;
	while (n > 0 && unit_at(s, n - 1) == 0)
		n--;
	if (n == 0 || s.len % 2 != 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		uint32_t c = unit_at(s, i);
		if (!printable(c) || (c >= 0x80 && c < 0xa0))
			return false;
		ascii += c < 0x80;
	}
	return 4 * ascii >= 3 * n;
}

/* Eight bytes from ' ' to '~': a high bit, a borrow by ' ' or a carry by one beyond '~' tells that some may not be. */
static bool
printable_8(const uint8_t *p)
{
	const uint64_t high = UINT64_C(0x8080808080808080), one = UINT64_C(0x0101010101010101);
	uint64_t w;
	memcpy(&w, p, sizeof w);
	return ((w | (w - ' ' * one) | (w + one)) & high) == 0;
}

bool
ms_ascii_plausible(struct ms_span s)
{
	size_t n = s.len > 0 && s.p[s.len - 1] == 0 ? s.len - 1 : s.len;
	for (size_t i = 0; i < n;) {
		if (n - i >= 8 && printable_8(s.p + i)) {
			i += 8;
			continue;
		}
		if (!printable(s.p[i]) || s.p[i] >= 0x80)
			return false;
		i++;
	}
	return n > 0;
}

/* ---- variables ---- */

enum ms_rc
ms_uefi_variable_parse(struct ms_span s, struct ms_uefi_variable *ret, struct ms_err *err)
{
	struct ms_rd r = ms_rd_span(s);
	struct ms_uefi_variable v = {.guid = ms_rd_bytes(&r, MS_GUID_LEN).p};
	uint64_t name_len = ms_rd_le64(&r), data_len = ms_rd_le64(&r);
	if (r.bad || name_len > (s.len - VAR_HEAD) / 2 || name_len > MS_UEFI_NAME_MAX / 2)
		return ms_fail(err, MS_ERR_MALFORMED, "UEFI variable: length of the name");
	v.name = ms_rd_bytes(&r, 2 * (size_t)name_len);
	if (data_len > ms_rd_left(&r))
		return ms_fail(err, MS_ERR_MALFORMED, "UEFI variable: length of the data");
	v.data = ms_rd_bytes(&r, (size_t)data_len);
	v.trailing = ms_rd_left(&r);
	if (v.name.len >= 2 && unit_at(v.name, v.name.len / 2 - 1) == 0) /* some count the NUL */
		v.name.len -= 2;
	*ret = v;
	return MS_OK;
}

const uint8_t *
ms_uefi_vendor_guid(enum ms_uefi_vendor vendor)
{
	return vendors[vendor];
}

bool
ms_uefi_variable_is(const struct ms_uefi_variable *v, enum ms_uefi_vendor vendor, const char *name)
{
	size_t n = strlen(name);
	if (v->name.len != 2 * n || !same_guid(v->guid, vendors[vendor]))
		return false;
	for (size_t i = 0; i < n; i++)
		if (unit_at(v->name, i) != (uint8_t)name[i])
			return false;
	return true;
}

struct ms_uefi_sigs
ms_uefi_sigs_over(struct ms_span s)
{
	return (struct ms_uefi_sigs){.rd = ms_rd_span(s)};
}

/* The head of the next list; false: there is none, or it is wrong, and then rd is poisoned. */
static bool
next_list(struct ms_uefi_sigs *l)
{
	if (l->rd.bad || ms_rd_left(&l->rd) == 0)
		return false;
	l->type = ms_rd_bytes(&l->rd, MS_GUID_LEN).p;
	uint32_t list = ms_rd_le32(&l->rd), header = ms_rd_le32(&l->rd);
	l->size = ms_rd_le32(&l->rd);
	if (list < SIG_LIST_HEAD || header > list - SIG_LIST_HEAD || l->size <= MS_GUID_LEN) {
		ms_rd_poison(&l->rd);
		return false;
	}
	(void)ms_rd_bytes(&l->rd, header);
	l->list = ms_rd_sub(&l->rd, list - SIG_LIST_HEAD - header);
	if (l->rd.bad || ms_rd_left(&l->list) % l->size != 0) {
		ms_rd_poison(&l->rd);
		l->list = ms_rd_over(NULL, 0);
		return false;
	}
	return true;
}

static enum ms_uefi_sig_type
sig_type(const uint8_t *guid)
{
	static const uint8_t x509[] = {0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a, 0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72};
	static const uint8_t sha256[] = {0x26, 0x16, 0xc4, 0xc1, 0x4c, 0x50, 0x92, 0x40, 0xac, 0xa9, 0x41, 0xf9, 0x36, 0x93, 0x43, 0x28};
	static const uint8_t x509_sha256[] = {
	    0x92, 0xa4, 0xd2, 0x3b, 0xc0, 0x96, 0x79, 0x40, 0xb4, 0x20, 0xfc, 0xf9, 0x8e, 0xf1, 0x03, 0xed};
	if (same_guid(guid, x509))
		return MS_UEFI_SIG_X509;
	if (same_guid(guid, sha256))
		return MS_UEFI_SIG_SHA256;
	return same_guid(guid, x509_sha256) ? MS_UEFI_SIG_X509_SHA256 : MS_UEFI_SIG_OTHER;
}

bool
ms_uefi_sigs_next(struct ms_uefi_sigs *l, struct ms_uefi_sig *ret)
{
	while (ms_rd_left(&l->list) == 0)
		if (!next_list(l))
			return false;
	ret->type_guid = l->type;
	ret->type = sig_type(l->type);
	ret->owner = ms_rd_bytes(&l->list, MS_GUID_LEN).p;
	ret->data = ms_rd_bytes(&l->list, l->size - MS_GUID_LEN);
	return true;
}

bool
ms_uefi_sigs_ok(const struct ms_uefi_sigs *l)
{
	return ms_rd_done(&l->rd);
}

enum ms_rc
ms_uefi_load_option_parse(struct ms_span s, struct ms_uefi_load_option *ret, struct ms_err *err)
{
	struct ms_rd r = ms_rd_span(s);
	struct ms_uefi_load_option o = {.attributes = ms_rd_le32(&r)};
	uint16_t path_len = ms_rd_le16(&r);
	if (r.bad)
		return ms_fail(err, MS_ERR_MALFORMED, "boot option of %zu bytes", s.len);
	o.description = ms_span(s.p + r.off, 0);
	while (!r.bad && ms_rd_le16(&r) != 0)
		o.description.len += 2;
	o.path = ms_rd_bytes(&r, path_len);
	o.optional = ms_rd_bytes(&r, ms_rd_left(&r));
	if (!ms_rd_done(&r))
		return ms_fail(err, MS_ERR_MALFORMED, "boot option of %zu bytes", s.len);
	*ret = o;
	return MS_OK;
}

/* ---- images, partitions, firmware ---- */

enum ms_rc
ms_uefi_image_load_parse(struct ms_span s, struct ms_uefi_image_load *ret, struct ms_err *err)
{
	struct ms_rd r = ms_rd_span(s);
	struct ms_uefi_image_load i = {.location = ms_rd_le64(&r)};
	i.length = ms_rd_le64(&r);
	i.link_address = ms_rd_le64(&r);
	uint64_t path_len = ms_rd_le64(&r);
	if (r.bad || path_len > ms_rd_left(&r))
		return ms_fail(err, MS_ERR_MALFORMED, "image load event of %zu bytes", s.len);
	i.path = ms_rd_bytes(&r, (size_t)path_len); /* more may follow: some firmware pads */
	*ret = i;
	return MS_OK;
}

enum ms_rc
ms_uefi_gpt_parse(struct ms_span s, struct ms_uefi_gpt *ret, struct ms_err *err)
{
	static const char signature[] = "EFI PART";
	struct ms_rd r = ms_rd_span(s);
	struct ms_uefi_gpt g = {.count = 0};
	struct ms_span head = ms_rd_bytes(&r, GPT_HEADER_LEN);
	g.count = ms_rd_le64(&r);
	if (r.bad || memcmp(head.p, signature, 8) != 0)
		return ms_fail(err, MS_ERR_MALFORMED, "partition table of %zu bytes", s.len);
	struct ms_rd h = ms_rd_span(head);
	(void)ms_rd_bytes(&h, 56);
	g.disk = ms_rd_bytes(&h, MS_GUID_LEN).p;
	(void)ms_rd_bytes(&h, 12);
	g.entry_size = ms_rd_le32(&h);
	if (g.entry_size < GPT_ENTRY_MIN || g.entry_size > GPT_ENTRY_MAX || g.count != ms_rd_left(&r) / g.entry_size)
		return ms_fail(err, MS_ERR_MALFORMED, "partition table: %llu entries of %u bytes in %zu", (unsigned long long)g.count,
		    g.entry_size, ms_rd_left(&r));
	g.entries = ms_rd_bytes(&r, ms_rd_left(&r));
	*ret = g;
	return MS_OK;
}

void
ms_uefi_gpt_at(const struct ms_uefi_gpt *g, uint64_t i, struct ms_uefi_partition *ret)
{
	struct ms_rd r = ms_rd_over(g->entries.p + (size_t)i * g->entry_size, g->entry_size);
	ret->type = ms_rd_bytes(&r, MS_GUID_LEN).p;
	ret->id = ms_rd_bytes(&r, MS_GUID_LEN).p;
	ret->first = ms_rd_le64(&r);
	ret->last = ms_rd_le64(&r);
	(void)ms_rd_bytes(&r, GPT_NAME_OFFSET - r.off);
	ret->name = ms_rd_bytes(&r, GPT_NAME_LEN);
}

enum ms_rc
ms_uefi_blob_parse(struct ms_span s, bool second, struct ms_uefi_blob *ret, struct ms_err *err)
{
	struct ms_rd r = ms_rd_span(s);
	struct ms_uefi_blob b = {.description = second ? ms_rd_bytes(&r, ms_rd_u8(&r)) : MS_SPAN_NONE};
	b.base = ms_rd_le64(&r);
	b.length = ms_rd_le64(&r);
	if (!ms_rd_done(&r))
		return ms_fail(err, MS_ERR_MALFORMED, "firmware blob event of %zu bytes", s.len);
	*ret = b;
	return MS_OK;
}

enum ms_rc
ms_uefi_tables_parse(struct ms_span s, bool second, struct ms_uefi_tables *ret, struct ms_err *err)
{
	struct ms_rd r = ms_rd_span(s);
	struct ms_uefi_tables t = {.description = second ? ms_rd_bytes(&r, ms_rd_u8(&r)) : MS_SPAN_NONE};
	t.count = ms_rd_le64(&r);
	if (r.bad || t.count != ms_rd_left(&r) / TABLE_LEN || ms_rd_left(&r) % TABLE_LEN != 0)
		return ms_fail(err, MS_ERR_MALFORMED, "handoff tables event of %zu bytes", s.len);
	t.rows = ms_rd_bytes(&r, ms_rd_left(&r));
	*ret = t;
	return MS_OK;
}

/* ---- SBAT ---- */

static struct ms_span
until(struct ms_span s, uint8_t c)
{
	const uint8_t *end = s.len == 0 ? NULL : memchr(s.p, c, s.len);
	return ms_span(s.p, end == NULL ? s.len : (size_t)(end - s.p));
}

static struct ms_span
after(struct ms_span s, size_t n)
{
	return n < s.len ? ms_span(s.p + n, s.len - n) : MS_SPAN_NONE;
}

bool
ms_sbat_next(struct ms_span *text, struct ms_sbat_row *ret)
{
	struct ms_span line = until(*text, '\n');
	struct ms_span next = after(*text, line.len + 1);
	if (line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	ret->component = until(line, ',');
	struct ms_span rest = after(line, ret->component.len + 1);
	ret->generation = until(rest, ',');
	ret->rest = after(rest, ret->generation.len + 1);
	if (!ms_ascii_plausible(line) || ret->component.len == 0 || ret->generation.len == 0 ||
	    memchr(line.p, 0, line.len) != NULL) /* also the end: a NUL, or nothing */
		return false;
	*text = next;
	return true;
}
