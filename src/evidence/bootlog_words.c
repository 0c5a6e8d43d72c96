/* The sentences of a comparison. */
#include <string.h>

#include "codec/uefi.h"
#include "evidence/bootlog_diff.h"
#include "evidence/bootlog_int.h"

#define DIGITS 12u
#define SHOWN 4u

static const struct ms_bootlog_event *
any_of(const struct ms_boot_change *c)
{
	return c->to != NULL ? c->to : c->from;
}

static void
put_what(const struct ms_bootlog_event *e, struct ms_buf *out)
{
	ms_bootlog_describe(e, out);
}

static void
put_quoted(struct ms_span s, struct ms_buf *out)
{
	bool any = false;
	for (size_t i = 0; i < s.len; i++)
		any = any || s.p[i] != 0;
	ms_buf_u8(out, '"');
	if (any && !ms_bootlog_version(s, out))
		ms_buf_str(out, "...");
	ms_buf_u8(out, '"');
}

static void
put_digest(const struct ms_bootlog_event *e, struct ms_buf *out)
{
	char hex[DIGITS + 1];
	ms_hex(e->digest.p, DIGITS / 2, hex);
	ms_buf_str(out, hex);
}

static void
put_digests(const struct ms_boot_change *c, struct ms_buf *out)
{
	ms_buf_str(out, " (digest ");
	put_digest(c->from != NULL ? c->from : c->to, out);
	if (c->from != NULL && c->to != NULL) {
		ms_buf_str(out, " is now ");
		put_digest(c->to, out);
	}
	ms_buf_u8(out, ')');
}

/* "NAME changed from A to B", and its kin. */
static void
put_value(const struct ms_boot_change *c, const char *name, struct ms_span from, struct ms_span to, struct ms_buf *out)
{
	ms_buf_str(out, name);
	switch (c->kind) {
	case MS_BOOT_CHANGED:
		ms_buf_str(out, " changed from ");
		put_quoted(from, out);
		ms_buf_str(out, " to ");
		put_quoted(to, out);
		return;
	case MS_BOOT_ADDED:
		ms_buf_str(out, " added: ");
		put_quoted(to, out);
		return;
	case MS_BOOT_REMOVED:
		ms_buf_str(out, " removed: ");
		put_quoted(from, out);
		return;
	case MS_BOOT_MOVED:
		ms_buf_str(out, " moved: ");
		put_quoted(to, out);
		return;
	}
}

/* ---- keys ---- */

static bool
has_entry(struct ms_span list, const struct ms_uefi_sig *want)
{
	struct ms_uefi_sigs l = ms_uefi_sigs_over(list);
	struct ms_uefi_sig s;
	while (ms_uefi_sigs_next(&l, &s))
		if (ms_span_eq(s.data, want->data))
			return true;
	return false;
}

/* Entries of a that b lacks, by name; their number. */
static size_t
put_missing(struct ms_span a, struct ms_span b, const char *verb, struct ms_buf *out)
{
	struct ms_uefi_sigs l = ms_uefi_sigs_over(a);
	struct ms_uefi_sig s;
	char name[MS_UEFI_SUBJECT_MAX];
	size_t n = 0;
	while (ms_uefi_sigs_next(&l, &s)) {
		if (has_entry(b, &s))
			continue;
		n++;
		if (n == 1)
			ms_buf_fmt(out, " %s ", verb);
		if (n > SHOWN)
			continue;
		ms_buf_str(out, n > 1 ? ", " : "");
		if (s.type == MS_UEFI_SIG_X509 && ms_uefi_cert_subject(s.data, name)) {
			put_quoted(ms_span_str(name), out);
		} else {
			char hex[DIGITS + 1];
			ms_hex(s.data.p, s.data.len < DIGITS / 2 ? s.data.len : DIGITS / 2, hex);
			ms_buf_fmt(out, "the hash %s...", hex);
		}
	}
	if (n > SHOWN)
		ms_buf_fmt(out, " and %zu more", n - SHOWN);
	return n;
}

static void
put_keys(const struct ms_uefi_variable *from, const struct ms_uefi_variable *to, struct ms_buf *out)
{
	(void)ms_utf16_text(to->name, out);
	size_t gained = put_missing(to->data, from->data, "gained", out);
	if (gained > 0)
		ms_buf_str(out, ",");
	size_t lost = put_missing(from->data, to->data, "lost", out);
	if (gained > 0 && lost == 0)
		out->len--; /* the comma */
	if (gained + lost == 0)
		ms_buf_str(out, " has the same entries in another form");
}

/* ---- by what it is about ---- */

static bool
is_keys(const struct ms_uefi_variable *v)
{
	return ms_uefi_variable_is(v, MS_UEFI_GLOBAL, "PK") || ms_uefi_variable_is(v, MS_UEFI_GLOBAL, "KEK") ||
	       ms_uefi_variable_is(v, MS_UEFI_IMAGE_SECURITY, "db") || ms_uefi_variable_is(v, MS_UEFI_IMAGE_SECURITY, "dbx");
}

static void
put_described(const struct ms_boot_change *c, const char *name, struct ms_buf *out)
{
	ms_buf_str(out, name);
	if (c->kind == MS_BOOT_CHANGED) {
		ms_buf_str(out, " changed from ");
		put_what(c->from, out);
		ms_buf_str(out, " to ");
		put_what(c->to, out);
		return;
	}
	ms_buf_fmt(out, " %s: ", ms_boot_change_name(c->kind));
	put_what(any_of(c), out);
}

static void
put_ids(struct ms_span data, struct ms_buf *out)
{
	for (size_t i = 0; i + 1 < data.len; i += 2)
		ms_buf_fmt(out, "%s%04X", i > 0 ? "," : "", (unsigned)data.p[i] | (unsigned)data.p[i + 1] << 8);
}

static void
put_order(const struct ms_boot_change *c, const struct ms_uefi_variable *from, const struct ms_uefi_variable *to, struct ms_buf *out)
{
	ms_buf_fmt(out, "boot order %s%s", ms_boot_change_name(c->kind), from != NULL ? " from " : ": ");
	if (from != NULL) {
		put_ids(from->data, out);
		ms_buf_str(out, " to ");
	}
	put_ids(to->data, out);
}

static void
put_variable(const struct ms_boot_change *c, struct ms_buf *out)
{
	const struct ms_bootlog_event *e = any_of(c);
	struct ms_uefi_variable v, w;
	bool both = c->kind == MS_BOOT_CHANGED && ms_uefi_variable_parse(c->from->data, &w, NULL) == MS_OK;
	if (ms_uefi_variable_parse(e->data, &v, NULL) != MS_OK) {
		put_described(c, "a firmware variable", out);
		return;
	}
	if (e->type == MS_EV_EFI_VARIABLE_AUTHORITY)
		put_described(
		    c, ms_uefi_variable_is(&v, MS_UEFI_SHIM, "SbatLevel") ? "SBAT level" : "authority that let a program start", out);
	else if (both && ms_uefi_variable_is(&v, MS_UEFI_GLOBAL, "SecureBoot"))
		ms_buf_fmt(out, "Secure Boot went %s", v.data.len == 1 && v.data.p[0] == 1 ? "on" : "off");
	else if (both && is_keys(&v))
		put_keys(&w, &v, out);
	else if (ms_uefi_variable_is(&v, MS_UEFI_GLOBAL, "BootOrder"))
		put_order(c, both ? &w : NULL, &v, out);
	else
		put_described(c, e->type == MS_EV_EFI_VARIABLE_DRIVER_CONFIG ? "firmware setting" : "boot option", out);
}

static void
put_thing(const struct ms_boot_change *c, const char *name, struct ms_buf *out)
{
	static const char *const verbs[] = {
	    [MS_BOOT_CHANGED] = "replaced", [MS_BOOT_ADDED] = "added", [MS_BOOT_REMOVED] = "removed", [MS_BOOT_MOVED] = "moved"};
	ms_buf_fmt(out, "%s ", name);
	put_what(any_of(c), out);
	ms_buf_fmt(out, " %s", verbs[c->kind]);
	put_digests(c, out);
}

static void
put_ipl(const struct ms_boot_change *c, struct ms_buf *out)
{
	struct ms_span from = MS_SPAN_NONE, to = MS_SPAN_NONE;
	enum ms_boot_string kind = ms_bootlog_string(any_of(c)->data, &to);
	if (kind == MS_BOOT_STRING_NONE && any_of(c)->state == MS_EVENT_RECOMPUTED) { /* systemd-boot: all of it */
		to = c->to != NULL ? c->to->covered : MS_SPAN_NONE;
		from = c->from != NULL ? c->from->covered : MS_SPAN_NONE;
		bool cmdline = any_of(c)->pcr == 12 || any_of(c)->pcr == 8;
		put_value(c, cmdline ? "kernel command line" : "measured string", from, to, out);
		return;
	}
	if (kind == MS_BOOT_STRING_NONE) {
		put_thing(c, any_of(c)->pcr == 9 ? "file" : any_of(c)->pcr == 14 ? "list of owner keys" : "measured object", out);
		return;
	}
	if (c->from != NULL)
		(void)ms_bootlog_string(c->from->data, &from);
	if (c->to != NULL)
		(void)ms_bootlog_string(c->to->data, &to);
	put_value(c,
	    kind == MS_BOOT_STRING_CMDLINE  ? "kernel command line"
	    : kind == MS_BOOT_STRING_MODULE ? "module command line"
					    : "GRUB command",
	    from, to, out);
}

static void
put_change(const struct ms_boot_change *c, enum ms_eventlog_kind kind, struct ms_buf *out)
{
	const struct ms_bootlog_event *e = any_of(c);
	const char *type = ms_eventlog_type_name(e->type);
	switch (e->type) {
	case MS_EV_EFI_VARIABLE_DRIVER_CONFIG:
	case MS_EV_EFI_VARIABLE_BOOT:
	case MS_EV_EFI_VARIABLE_BOOT2:
	case MS_EV_EFI_VARIABLE_AUTHORITY:
		put_variable(c, out);
		return;
	case MS_EV_IPL:
		put_ipl(c, out);
		return;
	case MS_EV_EFI_BOOT_SERVICES_APPLICATION:
		put_thing(c, "program", out);
		return;
	case MS_EV_EFI_BOOT_SERVICES_DRIVER:
	case MS_EV_EFI_RUNTIME_SERVICES_DRIVER:
		put_thing(c, "driver", out);
		return;
	case MS_EV_EFI_PLATFORM_FIRMWARE_BLOB:
	case MS_EV_EFI_PLATFORM_FIRMWARE_BLOB2:
	case MS_EV_POST_CODE:
	case MS_EV_POST_CODE2:
	case MS_EV_S_CRTM_CONTENTS:
		put_thing(c, "firmware part", out);
		return;
	case MS_EV_S_CRTM_VERSION:
		put_value(
		    c, "firmware version", c->from != NULL ? c->from->data : MS_SPAN_NONE, c->to != NULL ? c->to->data : MS_SPAN_NONE, out);
		return;
	case MS_EV_EFI_GPT_EVENT:
	case MS_EV_EFI_GPT_EVENT2:
		put_described(c, "partition table", out);
		return;
	case MS_EV_SEPARATOR:
		put_described(c, "separator", out);
		ms_buf_fmt(out, " in %s", ms_eventlog_register_name(kind, e->pcr));
		return;
	case MS_EV_EFI_ACTION:
		put_described(c, "word of the firmware", out);
		return;
	default:
		put_described(c, type != NULL ? type : "event of an unknown type", out);
		ms_buf_fmt(out, " in %s", ms_eventlog_register_name(kind, e->pcr));
		return;
	}
}

void
ms_boot_change_text(const struct ms_boot_change *c, enum ms_eventlog_kind kind, struct ms_buf *out)
{
	put_change(c, kind, out);
	bool lies = (c->from != NULL && c->from->state == MS_EVENT_MISMATCHED) || (c->to != NULL && c->to->state == MS_EVENT_MISMATCHED);
	if (lies)
		ms_buf_str(out, " (the log contradicts its digest: do not believe the words)");
}
