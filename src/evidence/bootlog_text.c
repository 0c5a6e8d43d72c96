/* Events in words. */
#include <stdio.h>
#include <string.h>

#include "codec/uefi.h"
#include "evidence/bootlog_int.h"

#define HEX_SHOWN 24u
#define NAMES_SHOWN 4u
#define WINDOWS_SHOWN 6u
#define ID_LEN 16u

static struct ms_span
without_nuls(struct ms_span s)
{
	while (s.len > 0 && s.p[s.len - 1] == 0)
		s.len--;
	return s;
}

bool
ms_bootlog_text(struct ms_span data, struct ms_buf *out)
{
	if (ms_ascii_plausible(data)) {
		ms_buf_put_span(out, without_nuls(data));
		return true;
	}
	if (data.len > 2 && data.len % 2 == 1 && data.p[data.len - 1] == 0)
		data.len--; /* half of a NUL */
	if (!ms_utf16_plausible(data))
		return false;
	(void)ms_utf16_text(data, out);
	return true;
}

bool
ms_bootlog_version(struct ms_span data, struct ms_buf *out)
{
	char guid[MS_GUID_TEXT];
	if (data.len != MS_GUID_LEN || ms_ascii_plausible(data) || ms_utf16_plausible(data))
		return ms_bootlog_text(data, out);
	ms_guid_text(data.p, guid);
	ms_buf_str(out, guid);
	return true;
}

static void
put_hex(struct ms_span s, struct ms_buf *out)
{
	char hex[2 * HEX_SHOWN + 1];
	size_t n = s.len < HEX_SHOWN ? s.len : HEX_SHOWN;
	ms_hex(s.p, n, hex);
	ms_buf_fmt(out, "%s%s", hex, s.len > n ? "..." : "");
	if (s.len > n)
		ms_buf_fmt(out, " (%zu bytes)", s.len);
}

static void
put_text_or_hex(struct ms_span s, struct ms_buf *out)
{
	if (!ms_bootlog_text(s, out))
		put_hex(s, out);
}

/* ---- variables ---- */

static void
put_keys(struct ms_span data, struct ms_buf *out)
{
	struct ms_uefi_sigs l = ms_uefi_sigs_over(data);
	struct ms_uefi_sig s;
	char name[MS_UEFI_SUBJECT_MAX];
	size_t certs = 0, others = 0;
	while (ms_uefi_sigs_next(&l, &s)) {
		if (s.type != MS_UEFI_SIG_X509 || !ms_uefi_cert_subject(s.data, name)) {
			others++;
			continue;
		}
		if (certs++ < NAMES_SHOWN)
			ms_buf_fmt(out, "%s%s", certs > 1 ? "; " : "", name);
	}
	if (certs > NAMES_SHOWN)
		ms_buf_fmt(out, "; %zu more", certs - NAMES_SHOWN);
	if (others > 0)
		ms_buf_fmt(out, "%s%zu hash%s", certs > 0 ? "; " : "", others, others > 1 ? "es" : "");
	if (certs + others == 0)
		ms_buf_str(out, "empty");
	if (!ms_uefi_sigs_ok(&l))
		ms_buf_str(out, " (not a list of signatures)");
}

static void
put_sbat(struct ms_span text, struct ms_buf *out)
{
	struct ms_sbat_row row;
	for (bool first = true; ms_sbat_next(&text, &row); first = false) {
		struct ms_span value = ms_span_eq(row.component, ms_span_str("sbat")) && row.rest.len > 0 ? row.rest : row.generation;
		ms_buf_str(out, first ? "" : ", ");
		ms_buf_put_span(out, row.component);
		ms_buf_u8(out, ' ');
		ms_buf_put_span(out, value);
	}
}

static void
put_authority(const struct ms_uefi_variable *v, struct ms_buf *out)
{
	char name[MS_UEFI_SUBJECT_MAX];
	bool bare = ms_uefi_variable_is(v, MS_UEFI_SHIM, "Shim");
	struct ms_span der = v->data;
	if (!bare && der.len > MS_GUID_LEN)
		der = ms_span(der.p + MS_GUID_LEN, der.len - MS_GUID_LEN);
	if (ms_uefi_cert_subject(der, name))
		ms_buf_str(out, name);
	else
		put_text_or_hex(der, out);
}

static void
put_order(struct ms_span data, struct ms_buf *out)
{
	for (size_t i = 0; i + 1 < data.len; i += 2)
		ms_buf_fmt(out, "%s%04X", i > 0 ? ", " : "", (unsigned)data.p[i] | (unsigned)data.p[i + 1] << 8);
}

static bool
is_key_list(const struct ms_uefi_variable *v)
{
	static const char *const global[] = {"PK", "KEK", "PKDefault", "KEKDefault", "dbDefault", "dbxDefault", "dbtDefault"};
	static const char *const security[] = {"db", "dbx", "dbt", "dbr"};
	bool is = false;
	for (size_t i = 0; i < sizeof global / sizeof *global; i++)
		is = is || ms_uefi_variable_is(v, MS_UEFI_GLOBAL, global[i]);
	for (size_t i = 0; i < sizeof security / sizeof *security; i++)
		is = is || ms_uefi_variable_is(v, MS_UEFI_IMAGE_SECURITY, security[i]);
	return is;
}

static bool
is_switch(const struct ms_uefi_variable *v)
{
	static const char *const names[] = {"SecureBoot", "SetupMode", "AuditMode", "DeployedMode"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (ms_uefi_variable_is(v, MS_UEFI_GLOBAL, names[i]))
			return v->data.len <= 1;
	return false;
}

static void
put_variable(const struct ms_bootlog_event *e, struct ms_buf *out)
{
	struct ms_uefi_variable v;
	struct ms_uefi_load_option o;
	if (ms_uefi_variable_parse(e->data, &v, NULL) != MS_OK) {
		put_hex(e->data, out);
		return;
	}
	(void)ms_utf16_text(v.name, out);
	if (ms_uefi_variable_is(&v, MS_UEFI_GLOBAL, "BootOrder")) {
		ms_buf_u8(out, ' ');
		put_order(v.data, out);
		return;
	}
	if (v.name.len == 2 * sizeof "Boot000" && ms_uefi_load_option_parse(v.data, &o, NULL) == MS_OK) {
		ms_buf_u8(out, ' ');
		(void)ms_utf16_text(o.description, out);
		ms_buf_str(out, ", ");
		ms_uefi_path_text(o.path, out);
		return;
	}
	ms_buf_str(out, is_switch(&v) ? " " : ": ");
	if (is_switch(&v))
		ms_buf_str(out, v.data.len == 1 && v.data.p[0] == 1 ? "on" : "off");
	else if (is_key_list(&v) && e->type != MS_EV_EFI_VARIABLE_AUTHORITY)
		put_keys(v.data, out);
	else if (ms_uefi_variable_is(&v, MS_UEFI_SHIM, "SbatLevel"))
		put_sbat(v.data, out);
	else if (e->type == MS_EV_EFI_VARIABLE_AUTHORITY)
		put_authority(&v, out);
	else
		put_text_or_hex(v.data, out);
}

/* ---- the rest ---- */

static void
put_image(const struct ms_bootlog_event *e, struct ms_buf *out)
{
	struct ms_uefi_image_load i;
	if (ms_uefi_image_load_parse(e->data, &i, NULL) != MS_OK) {
		put_hex(e->data, out);
		return;
	}
	size_t before = out->len;
	ms_uefi_path_text(i.path, out);
	if (out->len == before)
		ms_buf_str(out, "an image in memory");
	if (i.length > 0)
		ms_buf_fmt(out, ", %llu bytes", (unsigned long long)i.length);
}

static void
put_gpt(struct ms_span data, struct ms_buf *out)
{
	struct ms_uefi_gpt g;
	struct ms_uefi_partition p;
	char guid[MS_GUID_TEXT];
	if (ms_uefi_gpt_parse(data, &g, NULL) != MS_OK) {
		put_hex(data, out);
		return;
	}
	ms_guid_text(g.disk, guid);
	ms_buf_fmt(out, "disk %s, %llu partition%s", guid, (unsigned long long)g.count, g.count == 1 ? "" : "s");
	for (uint64_t i = 0; i < g.count && i < NAMES_SHOWN; i++) {
		ms_uefi_gpt_at(&g, i, &p);
		size_t before = out->len;
		ms_buf_str(out, i == 0 ? ": " : "; ");
		size_t named = out->len;
		(void)ms_utf16_text(p.name, out);
		if (out->len == named)
			out->len = before;
	}
}

static void
put_blob(const struct ms_bootlog_event *e, struct ms_buf *out)
{
	struct ms_uefi_blob b;
	if (ms_uefi_blob_parse(e->data, e->type == MS_EV_EFI_PLATFORM_FIRMWARE_BLOB2 || e->type == MS_EV_POST_CODE2, &b, NULL) != MS_OK) {
		put_text_or_hex(e->data, out);
		return;
	}
	if (b.description.len > 0) {
		put_text_or_hex(b.description, out);
		ms_buf_str(out, ", ");
	}
	ms_buf_fmt(out, "%llu bytes at 0x%llx", (unsigned long long)b.length, (unsigned long long)b.base);
}

static void
put_tables(const struct ms_bootlog_event *e, struct ms_buf *out)
{
	struct ms_uefi_tables t;
	char guid[MS_GUID_TEXT];
	if (ms_uefi_tables_parse(e->data, e->type == MS_EV_EFI_HANDOFF_TABLES2, &t, NULL) != MS_OK) {
		put_hex(e->data, out);
		return;
	}
	ms_buf_put_span(out, t.description);
	ms_buf_fmt(out, "%s%llu table%s", t.description.len > 0 ? ", " : "", (unsigned long long)t.count, t.count == 1 ? "" : "s");
	if (t.count > 0) {
		ms_guid_text(t.rows.p, guid);
		ms_buf_fmt(out, ": %s%s", guid, t.count > 1 ? ", ..." : "");
	}
}

static void
put_tags(struct ms_span data, struct ms_buf *out)
{
	struct ms_tagged_walk w = ms_tagged_over(data);
	struct ms_tagged t;
	size_t n = 0;
	while (ms_tagged_next(&w, &t)) {
		const char *name = ms_sipa_name(t.id);
		if (n++ >= WINDOWS_SHOWN)
			continue;
		ms_buf_str(out, n > 1 ? ", " : "");
		if (name != NULL && t.data.len == 1)
			ms_buf_fmt(out, "%s %s", name, t.data.p[0] != 0 ? "on" : "off");
		else if (name != NULL)
			ms_buf_str(out, name);
		else if (!ms_bootlog_text(t.data, out))
			ms_buf_fmt(out, "tag 0x%08x", t.id);
	}
	if (n > WINDOWS_SHOWN)
		ms_buf_fmt(out, ", %zu more", n - WINDOWS_SHOWN);
	if (!ms_tagged_ok(&w) && n == 0)
		put_text_or_hex(data, out);
}

static void
put_no_action(const struct ms_bootlog_event *e, struct ms_buf *out)
{
	struct ms_span id = without_nuls(ms_span(e->data.p, e->data.len < ID_LEN ? e->data.len : ID_LEN));
	if (!ms_ascii_plausible(id)) {
		put_hex(e->data, out);
		return;
	}
	ms_buf_put_span(out, id);
	if (e->data.len == ID_LEN + 1)
		ms_buf_fmt(out, " %u", e->data.p[ID_LEN]);
}

static void
put_separator(struct ms_span data, struct ms_buf *out)
{
	static const uint8_t zeros[4], ones[4] = {0xff, 0xff, 0xff, 0xff}, error[4] = {1};
	if (ms_span_eq(data, ms_span(zeros, 4)) || ms_span_eq(data, ms_span(ones, 4)))
		ms_buf_str(out, "firmware has done its part");
	else if (ms_span_eq(data, ms_span(error, 4)))
		ms_buf_str(out, "firmware tells of an ERROR");
	else
		put_text_or_hex(data, out);
}

void
ms_bootlog_describe(const struct ms_bootlog_event *e, struct ms_buf *out)
{
	switch (e->type) {
	case MS_EV_NO_ACTION:
		put_no_action(e, out);
		return;
	case MS_EV_SEPARATOR:
		put_separator(e->data, out);
		return;
	case MS_EV_S_CRTM_VERSION:
		if (!ms_bootlog_version(e->data, out))
			put_hex(e->data, out);
		return;
	case MS_EV_EVENT_TAG:
		put_tags(e->data, out);
		return;
	case MS_EV_EFI_VARIABLE_DRIVER_CONFIG:
	case MS_EV_EFI_VARIABLE_BOOT:
	case MS_EV_EFI_VARIABLE_BOOT2:
	case MS_EV_EFI_VARIABLE_AUTHORITY:
		put_variable(e, out);
		return;
	case MS_EV_EFI_BOOT_SERVICES_APPLICATION:
	case MS_EV_EFI_BOOT_SERVICES_DRIVER:
	case MS_EV_EFI_RUNTIME_SERVICES_DRIVER:
		put_image(e, out);
		return;
	case MS_EV_EFI_GPT_EVENT:
	case MS_EV_EFI_GPT_EVENT2:
		put_gpt(e->data, out);
		return;
	case MS_EV_POST_CODE:
	case MS_EV_POST_CODE2:
	case MS_EV_S_CRTM_CONTENTS:
	case MS_EV_EFI_PLATFORM_FIRMWARE_BLOB:
	case MS_EV_EFI_PLATFORM_FIRMWARE_BLOB2:
		put_blob(e, out);
		return;
	case MS_EV_EFI_HANDOFF_TABLES:
	case MS_EV_EFI_HANDOFF_TABLES2:
		put_tables(e, out);
		return;
	default:
		put_text_or_hex(e->data, out);
		return;
	}
}
