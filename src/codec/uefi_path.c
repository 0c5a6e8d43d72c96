/* Device paths (UEFI 2.10, chapter 10): a row of nodes, each type u8 | subtype u8 | length le16, ended by type 0x7f. */
#include <stdio.h>
#include <string.h>

#include "codec/uefi.h"

#define HEAD_LEN 4u
#define TYPE_HARDWARE 1u
#define TYPE_ACPI 2u
#define TYPE_MESSAGING 3u
#define TYPE_MEDIA 4u
#define TYPE_BBS 5u
#define TYPE_END 0x7fu
#define END_ENTIRE 0xffu
#define NODE(type, subtype) ((unsigned)(type) << 8 | (unsigned)(subtype))
#define HARDWARE_PCI NODE(TYPE_HARDWARE, 1)
#define HARDWARE_MEMORY NODE(TYPE_HARDWARE, 3)
#define HARDWARE_VENDOR NODE(TYPE_HARDWARE, 4)
#define ACPI_HID NODE(TYPE_ACPI, 1)
#define MESSAGING_ATA NODE(TYPE_MESSAGING, 1)
#define MESSAGING_SCSI NODE(TYPE_MESSAGING, 2)
#define MESSAGING_USB NODE(TYPE_MESSAGING, 5)
#define MESSAGING_VENDOR NODE(TYPE_MESSAGING, 10)
#define MESSAGING_MAC NODE(TYPE_MESSAGING, 11)
#define MESSAGING_IPV4 NODE(TYPE_MESSAGING, 12)
#define MESSAGING_IPV6 NODE(TYPE_MESSAGING, 13)
#define MESSAGING_SATA NODE(TYPE_MESSAGING, 18)
#define MESSAGING_NVME NODE(TYPE_MESSAGING, 23)
#define MESSAGING_URI NODE(TYPE_MESSAGING, 24)
#define MESSAGING_SD NODE(TYPE_MESSAGING, 26)
#define MESSAGING_EMMC NODE(TYPE_MESSAGING, 29)
#define MEDIA_HD NODE(TYPE_MEDIA, 1)
#define MEDIA_CDROM NODE(TYPE_MEDIA, 2)
#define MEDIA_VENDOR NODE(TYPE_MEDIA, 3)
#define MEDIA_FILE NODE(TYPE_MEDIA, 4)
#define MEDIA_FV_FILE NODE(TYPE_MEDIA, 6)
#define MEDIA_FV NODE(TYPE_MEDIA, 7)
#define MEDIA_OFFSET NODE(TYPE_MEDIA, 8)
#define MEDIA_RAMDISK NODE(TYPE_MEDIA, 9)

struct node {
	unsigned kind; /* NODE(type, subtype) */
	struct ms_rd body;
};

/* The next node before the end of the path; false: none, and r is poisoned when that is no proper end. */
static bool
next_node(struct ms_rd *r, struct node *ret)
{
	if (r->bad || ms_rd_left(r) == 0)
		return false;
	uint8_t type = ms_rd_u8(r), subtype = ms_rd_u8(r);
	uint16_t len = ms_rd_le16(r);
	if (len < HEAD_LEN) {
		ms_rd_poison(r);
		return false;
	}
	ret->kind = NODE(type, subtype);
	ret->body = ms_rd_sub(r, len - HEAD_LEN);
	return !r->bad && !(type == TYPE_END && subtype == END_ENTIRE);
}

static void
put_guid(struct ms_buf *out, struct ms_rd *r, const char *name)
{
	char text[MS_GUID_TEXT] = "?";
	struct ms_span g = ms_rd_bytes(r, MS_GUID_LEN);
	if (g.len == MS_GUID_LEN)
		ms_guid_text(g.p, text);
	ms_buf_fmt(out, "%s(%s)", name, text);
}

/* 10.3.3: EISA ids are compressed: PNP0A03 is 0x0a0341d0. */
static void
put_acpi(struct ms_buf *out, struct ms_rd *r)
{
	enum { PNP = 0x41d0, PCI_ROOT = 0x0a03, PCIE_ROOT = 0x0a08 };
	uint32_t hid = ms_rd_le32(r), uid = ms_rd_le32(r);
	if ((hid & 0xffff) == PNP && hid >> 16 == PCI_ROOT)
		ms_buf_fmt(out, "PciRoot(0x%x)", uid);
	else if ((hid & 0xffff) == PNP && hid >> 16 == PCIE_ROOT)
		ms_buf_fmt(out, "PcieRoot(0x%x)", uid);
	else if ((hid & 0xffff) == PNP)
		ms_buf_fmt(out, "Acpi(PNP%04X,0x%x)", hid >> 16, uid);
	else
		ms_buf_fmt(out, "Acpi(0x%08x,0x%x)", hid, uid);
}

/* 10.3.5.1. */
static void
put_hd(struct ms_buf *out, struct ms_rd *r)
{
	enum { SIGNATURE_MBR = 1, SIGNATURE_GUID = 2 };
	char guid[MS_GUID_TEXT];
	uint32_t number = ms_rd_le32(r);
	uint64_t start = ms_rd_le64(r), size = ms_rd_le64(r);
	uint8_t signature[MS_GUID_LEN];
	ms_rd_copy(r, signature, sizeof signature);
	(void)ms_rd_u8(r);
	uint8_t type = ms_rd_u8(r);
	ms_guid_text(signature, guid);
	if (type == SIGNATURE_GUID)
		ms_buf_fmt(out, "HD(%u,GPT,%s,0x%llx,0x%llx)", number, guid, (unsigned long long)start, (unsigned long long)size);
	else if (type == SIGNATURE_MBR)
		ms_buf_fmt(out, "HD(%u,MBR,0x%02x%02x%02x%02x,0x%llx,0x%llx)", number, signature[3], signature[2], signature[1],
		    signature[0], (unsigned long long)start, (unsigned long long)size);
	else
		ms_buf_fmt(out, "HD(%u,%u,0,0x%llx,0x%llx)", number, type, (unsigned long long)start, (unsigned long long)size);
}

static void
put_mac(struct ms_buf *out, struct ms_rd *r)
{
	char hex[2 * 32 + 1];
	struct ms_span mac = ms_rd_bytes(r, 32);
	uint8_t type = ms_rd_u8(r);
	size_t n = type == 0 || type == 1 ? 6 : mac.len;
	ms_hex(mac.p, mac.len < n ? mac.len : n, hex);
	ms_buf_fmt(out, "MAC(%s,0x%x)", hex, type);
}

static void
put_hex(struct ms_buf *out, const struct node *n)
{
	char hex[2 * 32 + 1];
	struct ms_rd body = n->body;
	size_t left = ms_rd_left(&body), len = left < 32 ? left : 32;
	struct ms_span first = ms_rd_bytes(&body, len);
	ms_hex(first.p, first.len, hex);
	ms_buf_fmt(out, "Path(%u,%u,%s%s)", n->kind >> 8, n->kind & 0xff, hex, left > len ? "..." : "");
}

static void
put_media(struct ms_buf *out, struct node *n)
{
	struct ms_rd *r = &n->body;
	uint64_t a, b;
	switch (n->kind) {
	case MEDIA_HD:
		put_hd(out, r);
		return;
	case MEDIA_CDROM:
		ms_buf_fmt(out, "CDROM(0x%x)", ms_rd_le32(r));
		return;
	case MEDIA_VENDOR:
		put_guid(out, r, "VenMedia");
		return;
	case MEDIA_FILE:
		(void)ms_utf16_text(ms_rd_bytes(r, ms_rd_left(r)), out);
		return;
	case MEDIA_FV_FILE:
		put_guid(out, r, "FvFile");
		return;
	case MEDIA_FV:
		put_guid(out, r, "Fv");
		return;
	case MEDIA_OFFSET:
		(void)ms_rd_le32(r);
		a = ms_rd_le64(r);
		b = ms_rd_le64(r);
		ms_buf_fmt(out, "Offset(0x%llx,0x%llx)", (unsigned long long)a, (unsigned long long)b);
		return;
	case MEDIA_RAMDISK:
		a = ms_rd_le64(r);
		b = ms_rd_le64(r);
		ms_buf_fmt(out, "RamDisk(0x%llx,0x%llx)", (unsigned long long)a, (unsigned long long)b);
		return;
	default:
		put_hex(out, n);
		return;
	}
}

static void
put_messaging(struct ms_buf *out, struct node *n)
{
	struct ms_rd *r = &n->body;
	uint32_t a, b;
	switch (n->kind) {
	case MESSAGING_SCSI:
		a = ms_rd_le16(r);
		b = ms_rd_le16(r);
		ms_buf_fmt(out, "Scsi(0x%x,0x%x)", a, b);
		return;
	case MESSAGING_USB:
		a = ms_rd_u8(r);
		b = ms_rd_u8(r);
		ms_buf_fmt(out, "USB(0x%x,0x%x)", a, b);
		return;
	case MESSAGING_VENDOR:
		put_guid(out, r, "VenMsg");
		return;
	case MESSAGING_MAC:
		put_mac(out, r);
		return;
	case MESSAGING_IPV4:
		ms_buf_str(out, "IPv4()");
		return;
	case MESSAGING_IPV6:
		ms_buf_str(out, "IPv6()");
		return;
	case MESSAGING_SATA:
		a = ms_rd_le16(r);
		b = ms_rd_le16(r);
		ms_buf_fmt(out, "Sata(0x%x,0x%x)", a, b);
		return;
	case MESSAGING_NVME:
		ms_buf_fmt(out, "NVMe(0x%x)", ms_rd_le32(r));
		return;
	case MESSAGING_URI:
		ms_buf_str(out, "Uri(");
		ms_buf_put_span(out, ms_rd_bytes(r, ms_rd_left(r)));
		ms_buf_str(out, ")");
		return;
	case MESSAGING_SD:
		ms_buf_fmt(out, "SD(0x%x)", ms_rd_u8(r));
		return;
	case MESSAGING_EMMC:
		ms_buf_fmt(out, "eMMC(0x%x)", ms_rd_u8(r));
		return;
	default:
		put_hex(out, n);
		return;
	}
}

static void
put_node(struct ms_buf *out, struct node *n)
{
	uint32_t a, b;
	switch (n->kind) {
	case HARDWARE_PCI:
		a = ms_rd_u8(&n->body); /* the function comes first */
		b = ms_rd_u8(&n->body);
		ms_buf_fmt(out, "Pci(0x%x,0x%x)", b, a);
		return;
	case HARDWARE_VENDOR:
		put_guid(out, &n->body, "VenHw");
		return;
	case HARDWARE_MEMORY:
		ms_buf_str(out, "MemoryMapped()");
		return;
	case ACPI_HID:
		put_acpi(out, &n->body);
		return;
	default:
		break;
	}
	if (n->kind >> 8 == TYPE_MESSAGING)
		put_messaging(out, n);
	else if (n->kind >> 8 == TYPE_MEDIA)
		put_media(out, n);
	else if (n->kind >> 8 == TYPE_END)
		ms_buf_str(out, ","); /* another path of several */
	else if (n->kind >> 8 == TYPE_BBS)
		ms_buf_fmt(out, "BBS(0x%x)", ms_rd_le16(&n->body));
	else
		put_hex(out, n);
}

void
ms_uefi_path_text(struct ms_span path, struct ms_buf *out)
{
	struct ms_rd r = ms_rd_span(path);
	struct node n;
	for (bool first = true; next_node(&r, &n); first = false) {
		if (!first && n.kind >> 8 != TYPE_END)
			ms_buf_u8(out, '/');
		put_node(out, &n);
	}
	if (r.bad)
		ms_buf_str(out, "(...)");
}

void
ms_uefi_path_file(struct ms_span path, struct ms_buf *out)
{
	struct ms_rd r = ms_rd_span(path);
	struct node n;
	while (next_node(&r, &n)) {
		if (n.kind == MEDIA_FILE)
			(void)ms_utf16_text(ms_rd_bytes(&n.body, ms_rd_left(&n.body)), out);
		else if (n.kind == MEDIA_FV_FILE)
			put_guid(out, &n.body, "FvFile");
		else if (n.kind == MESSAGING_URI)
			ms_buf_put_span(out, ms_rd_bytes(&n.body, ms_rd_left(&n.body)));
	}
}

const char *
ms_uefi_path_source(struct ms_span path)
{
	static const struct {
		unsigned kind;
		unsigned rank; /* the highest of all nodes says it */
		const char *name;
	} rows[] = {
	    {HARDWARE_MEMORY, 1, "memory"},
	    {MESSAGING_ATA, 2, "disk"},
	    {MESSAGING_SCSI, 2, "disk"},
	    {MESSAGING_USB, 2, "disk"},
	    {MESSAGING_SATA, 2, "disk"},
	    {MESSAGING_NVME, 2, "disk"},
	    {MESSAGING_SD, 2, "disk"},
	    {MESSAGING_EMMC, 2, "disk"},
	    {MEDIA_HD, 2, "disk"},
	    {MEDIA_CDROM, 2, "disk"},
	    {MESSAGING_MAC, 3, "network"},
	    {MESSAGING_URI, 3, "network"},
	    {MEDIA_FV, 4, "firmware"},
	    {MEDIA_FV_FILE, 4, "firmware"},
	    {MEDIA_OFFSET, 5, "option-rom"},
	};
	struct ms_rd r = ms_rd_span(path);
	struct node n;
	unsigned rank = 0;
	const char *name = "other";
	while (next_node(&r, &n))
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
			if (rows[i].kind == n.kind && rows[i].rank > rank) {
				rank = rows[i].rank;
				name = rows[i].name;
			}
	return name;
}
