/* Which bytes the digest of an event is of. The type chooses what is tried, the digest decides; a type that lies about an event
 * finds no more bytes covered than are. */
#include <string.h>

#include "codec/uefi.h"
#include "evidence/bootlog_int.h"

static const char *const boot_prefixes[] = {"grub_cmd: ", "kernel_cmdline: ", "module_cmdline: ", "grub_kernel_cmdline ", "grub_cmd "};

const char *
ms_event_state_name(enum ms_event_state s)
{
	static const char *const names[] = {[MS_EVENT_RECOMPUTED] = "recomputed",
	    [MS_EVENT_PARTLY] = "partly",
	    [MS_EVENT_OPAQUE] = "opaque",
	    [MS_EVENT_MISMATCHED] = "mismatched",
	    [MS_EVENT_UNMEASURED] = "unmeasured"};
	return (unsigned)s < sizeof names / sizeof *names ? names[s] : "unknown";
}

struct check {
	const struct ms_bank_alg *bank;
	struct ms_span digest, data;
	struct ms_span covered;
};

/* Whether the digest is that of these parts in a row. */
static bool
is_of(const struct check *c, const struct ms_span *parts, size_t n)
{
	uint8_t got[MS_HASH_LEN_MAX];
	ms_hashv(c->bank->hash, parts, n, got);
	return memcmp(got, c->digest.p, c->bank->len) == 0;
}

static bool
covers(struct check *c, struct ms_span s)
{
	if (!is_of(c, &s, 1))
		return false;
	c->covered = s;
	return true;
}

static struct ms_span
without_nul(struct ms_span s)
{
	return s.len > 0 && s.p[s.len - 1] == 0 ? ms_span(s.p, s.len - 1) : s;
}

/* PFP 3.3.4.9, 10.2.6: of all of UEFI_VARIABLE_DATA; for EV_EFI_VARIABLE_BOOT, and by older firmware for others, of the
 * variable's data alone. */
static enum ms_event_state
check_variable(struct check *c)
{
	struct ms_uefi_variable v;
	if (covers(c, c->data))
		return MS_EVENT_RECOMPUTED;
	if (ms_uefi_variable_parse(c->data, &v, NULL) != MS_OK)
		return MS_EVENT_MISMATCHED;
	/* shim up to 15 logged a few bytes after the structure, and measured all of them but the last */
	if (v.trailing > 1 && covers(c, ms_span(c->data.p, c->data.len - 1)))
		return MS_EVENT_RECOMPUTED;
	return covers(c, v.data) ? MS_EVENT_PARTLY : MS_EVENT_MISMATCHED;
}

/* systemd-stub logs the name of a section as UTF-16 and measures it as ASCII with its NUL (PCR 11). */
static bool
is_narrow(const struct check *c)
{
	uint8_t ascii[64];
	size_t n = c->data.len / 2;
	if (c->data.len % 2 != 0 || n == 0 || n > sizeof ascii || c->data.p[c->data.len - 1] != 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (c->data.p[2 * i + 1] != 0)
			return false;
		ascii[i] = c->data.p[2 * i];
	}
	struct ms_span narrow = ms_span(ascii, n);
	return is_of(c, &narrow, 1);
}

/* EV_IPL belongs to boot loaders. GRUB: a string after its prefix, without NUL; systemd-boot: all of a UTF-16 string; shim and
 * GRUB for files: something that is not there, and what it is called. */
static enum ms_event_state
check_ipl(struct check *c)
{
	static const uint8_t nul = 0;
	struct ms_span rest, plain = without_nul(c->data), wide[] = {c->data, {&nul, 1}};
	enum ms_boot_string kind = ms_bootlog_string(c->data, &rest);
	if (kind != MS_BOOT_STRING_NONE && covers(c, rest))
		return MS_EVENT_PARTLY;
	if (covers(c, c->data))
		return MS_EVENT_RECOMPUTED;
	if (kind != MS_BOOT_STRING_NONE)
		return covers(c, plain) ? MS_EVENT_RECOMPUTED : MS_EVENT_MISMATCHED;
	if (plain.len < c->data.len && covers(c, plain))
		return MS_EVENT_RECOMPUTED;
	/* systemd-boot before 251 logged one byte less than it measured */
	bool cut = c->data.len > 2 && c->data.len % 2 == 1 && c->data.p[1] == 0 && is_of(c, wide, 2);
	if (!cut && !is_narrow(c))
		return MS_EVENT_OPAQUE;
	c->covered = c->data;
	return MS_EVENT_RECOMPUTED;
}

enum ms_boot_string
ms_bootlog_string(struct ms_span data, struct ms_span *ret_rest)
{
	static const enum ms_boot_string kinds[] = {
	    MS_BOOT_STRING_COMMAND, MS_BOOT_STRING_CMDLINE, MS_BOOT_STRING_MODULE, MS_BOOT_STRING_CMDLINE, MS_BOOT_STRING_COMMAND};
	for (size_t i = 0; i < sizeof boot_prefixes / sizeof *boot_prefixes; i++) {
		size_t n = strlen(boot_prefixes[i]);
		if (data.len >= n && memcmp(data.p, boot_prefixes[i], n) == 0) {
			*ret_rest = without_nul(ms_span(data.p + n, data.len - n));
			return kinds[i];
		}
	}
	return MS_BOOT_STRING_NONE;
}

static enum ms_event_state
check(uint32_t type, struct check *c)
{
	switch (type) {
	case MS_EV_NO_ACTION:
		return MS_EVENT_UNMEASURED;
	case MS_EV_SEPARATOR:
	case MS_EV_ACTION:
	case MS_EV_EFI_ACTION:
	case MS_EV_S_CRTM_VERSION:
	case MS_EV_EFI_GPT_EVENT:
	case MS_EV_EFI_GPT_EVENT2:
	case MS_EV_OMIT_BOOT_DEVICE_EVENTS:
	case MS_EV_EFI_VARIABLE_BOOT2:
		return covers(c, c->data) ? MS_EVENT_RECOMPUTED : MS_EVENT_MISMATCHED;
	case MS_EV_EFI_VARIABLE_DRIVER_CONFIG:
	case MS_EV_EFI_VARIABLE_BOOT:
	case MS_EV_EFI_VARIABLE_AUTHORITY:
		return check_variable(c);
	case MS_EV_IPL:
		return check_ipl(c);
	case MS_EV_EFI_BOOT_SERVICES_APPLICATION:
	case MS_EV_EFI_BOOT_SERVICES_DRIVER:
	case MS_EV_EFI_RUNTIME_SERVICES_DRIVER:
	case MS_EV_EFI_PLATFORM_FIRMWARE_BLOB:
	case MS_EV_EFI_PLATFORM_FIRMWARE_BLOB2:
		return MS_EVENT_OPAQUE;
	default: /* the standard leaves to the firmware what it hashes: perhaps the data */
		return covers(c, c->data) ? MS_EVENT_RECOMPUTED : MS_EVENT_OPAQUE;
	}
}

enum ms_event_state
ms_bootlog_check_event(const struct ms_event *e, const struct ms_bank_alg *bank, struct ms_span *ret_covered)
{
	struct check c = {.bank = bank, .digest = ms_event_digest(e, bank->alg), .data = e->data};
	enum ms_event_state s = MS_EVENT_OPAQUE;
	if (!ms_event_extends(e))
		s = MS_EVENT_UNMEASURED;
	else if (c.digest.len == bank->len)
		s = check(e->type, &c);
	if (ret_covered != NULL)
		*ret_covered = c.covered;
	return s;
}
