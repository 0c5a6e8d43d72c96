/* What a boot log says of the machine. Each claim follows from a PCR, the bytes that a digest of that PCR covers, and their order in
 * it. The type of an event only chose what was tried (bootlog_check.c): where a type, or a prefix that no digest covers, could
 * change the meaning, the whole PCR has to be understood before a claim from it is proven. */
#include <stdio.h>
#include <string.h>

#include "codec/uefi.h"
#include "evidence/bootlog_int.h"

#define DBX_HASHES_MAX 1024u
#define CERTS_KEPT 16u
#define TEXT_MAX (256u << 10)
#define SEARCHES_MAX 512u      /* through the commands of GRUB: what comes after is not found, and so unproven */
#define TAG_INITRD 0x8f3b22ecu /* Linux' EFI stub: LINUX_EFI_INITRD_MEDIA */
#define SIPA_CONTAINER 0x40010000u

struct maker {
	const struct ms_bootlog *b;
	struct ms_claims *c;
	struct ms_buf text; /* for one claim at a time */
	struct ms_err *err;
	enum ms_rc rc; /* sticky */
	/* values that are known at the end only */
	struct {
		bool seen, conflict, value;
	} secure_boot, pk_empty;
	uint64_t db_entries, dbx_entries, mismatched, drivers;
	bool db, dbx, firmware_debugger, dma_unprotected, shim, shim_proven, loader;
	struct {
		bool seen, proven;
		bool debugger, test_signing, safe_mode, winpe, flight_signing, code_integrity, counted;
		uint64_t counter;
	} windows;
	bool commands_whole, stub_whole, windows_whole; /* PCR 8, 12, both 12 and 13: nothing in them that could be hidden */
	unsigned searches;
	const struct ms_bootlog_event *section; /* of a unified kernel image: the name that was measured last, NULL after its section */
	bool sections_broken;
	size_t n_certs;
	struct {
		struct ms_span der;
		uint8_t digest[MS_SHA256_LEN];
	} cert[CERTS_KEPT];
	char signer[MS_UEFI_SUBJECT_MAX]; /* the authority that came last and started nothing yet */
};

/* ---- adding ---- */

static void
put_bool(struct maker *m, const char *name, bool proven, bool v)
{
	if (m->rc == MS_OK)
		m->rc = ms_claims_add_bool(m->c, name, proven, v, m->err);
}

static void
put_uint(struct maker *m, const char *name, bool proven, uint64_t v)
{
	if (m->rc == MS_OK)
		m->rc = ms_claims_add_uint(m->c, name, proven, v, m->err);
}

static void
put_bytes(struct maker *m, const char *name, bool proven, struct ms_span v)
{
	if (m->rc == MS_OK)
		m->rc = ms_claims_add_bytes(m->c, name, proven, v, m->err);
}

/* Cut where a character ends. */
static void
put_long_text(struct maker *m, const char *name, bool proven, struct ms_span v)
{
	static const char dots[] = "...";
	uint8_t cut[MS_CLAIM_VALUE_MAX];
	size_t n = MS_CLAIM_VALUE_MAX - (sizeof dots - 1);
	while (n > 0 && (v.p[n] & 0xc0) == 0x80)
		n--;
	memcpy(cut, v.p, n);
	memcpy(cut + n, dots, sizeof dots - 1);
	m->rc = ms_claims_add_text(m->c, name, proven, ms_span(cut, n + sizeof dots - 1), m->err);
}

static void
put_text(struct maker *m, const char *name, bool proven, struct ms_span v)
{
	if (m->rc == MS_OK && v.len > MS_CLAIM_VALUE_MAX)
		put_long_text(m, name, proven, v);
	else if (m->rc == MS_OK)
		m->rc = ms_claims_add_text(m->c, name, proven, v, m->err);
}

/* The text in m->text, which is then empty again. */
static void
put_built(struct maker *m, const char *name, bool proven)
{
	if (m->rc == MS_OK && m->text.bad)
		m->rc = ms_buf_check(&m->text, m->err);
	put_text(m, name, proven, ms_buf_span(&m->text));
	ms_buf_reset(&m->text);
}

/* A claim that there is one of: the first counts, as later ones may come from whoever ran later. */
static void
put_first(struct maker *m, const char *name, bool proven, struct ms_span v)
{
	size_t from = 0;
	if (ms_claims_next(m->c, ms_span_str(name), &from) == NULL)
		put_text(m, name, proven, v);
}

/* "NAME HEX" of an event whose digest is of something that is not in the log. */
static void
put_named_digest(struct maker *m, const char *name, bool proven, const struct ms_bootlog_event *e)
{
	char hex[2 * MS_HASH_LEN_MAX + 1];
	ms_hex(e->digest.p, e->digest.len, hex);
	ms_buf_fmt(&m->text, "%s%s", m->text.len > 0 ? " " : "", hex);
	put_built(m, name, proven);
}

static bool
is_whole(const struct maker *m, unsigned pcr)
{
	unsigned index = m->b->kind == MS_EVENTLOG_CC ? ms_eventlog_cc_register(pcr) : pcr;
	return (m->b->whole >> index & 1u) != 0;
}

static bool
is_known(const struct ms_bootlog_event *e)
{
	return e->state == MS_EVENT_RECOMPUTED || e->state == MS_EVENT_PARTLY;
}

/* Before the first separator of its PCR, and there is one: only firmware spoke until then. */
static bool
is_before(const struct maker *m, const struct ms_bootlog_event *e)
{
	uint32_t at = m->b->separated[e->pcr];
	return at < m->b->n && e < &m->b->event[at];
}

/* ---- PCR 7: Secure Boot ---- */

/* Hashed once: PK is often in KEK, and who let a program start is in db. */
static const uint8_t *
cert_digest(struct maker *m, struct ms_span der)
{
	for (size_t i = 0; i < m->n_certs; i++)
		if (ms_span_eq(m->cert[i].der, der))
			return m->cert[i].digest;
	size_t at = m->n_certs < CERTS_KEPT ? m->n_certs++ : CERTS_KEPT - 1;
	m->cert[at].der = der;
	ms_sha256(der, m->cert[at].digest);
	return m->cert[at].digest;
}

static void
put_cert(struct maker *m, const char *cert, const char *subject, bool proven, struct ms_span der)
{
	char name[MS_UEFI_SUBJECT_MAX];
	put_bytes(m, cert, proven, ms_span(cert_digest(m, der), MS_SHA256_LEN));
	if (subject != NULL && ms_uefi_cert_subject(der, name))
		put_text(m, subject, proven, ms_span_str(name));
}

struct key_list {
	enum ms_uefi_vendor vendor;
	const char *variable, *cert, *subject, *hash;
};
static const struct key_list key_lists[] = {
    {MS_UEFI_GLOBAL, "PK", "boot.pk.cert", "boot.pk.subject", NULL},
    {MS_UEFI_GLOBAL, "KEK", "boot.kek.cert", "boot.kek.subject", NULL},
    {MS_UEFI_IMAGE_SECURITY, "db", "boot.db.cert", "boot.db.subject", "boot.db.hash"},
    {MS_UEFI_IMAGE_SECURITY, "dbx", "boot.dbx.cert", NULL, "boot.dbx.hash"},
};

/* The number of entries; 0 too when the lists do not follow their format, which no firmware would have taken. */
static uint64_t
put_keys(struct maker *m, const struct key_list *row, bool proven, struct ms_span data)
{
	struct ms_uefi_sigs l = ms_uefi_sigs_over(data);
	struct ms_uefi_sig s;
	uint64_t n = 0;
	while (ms_uefi_sigs_next(&l, &s)) {
		n++;
		if (s.type == MS_UEFI_SIG_X509)
			put_cert(m, row->cert, row->subject, proven, s.data);
		else if (s.type == MS_UEFI_SIG_SHA256 && row->hash != NULL && n <= DBX_HASHES_MAX)
			put_bytes(m, row->hash, proven, s.data);
	}
	return n;
}

static void
note_flag(bool *seen, bool *conflict, bool *value, bool v)
{
	*conflict = *conflict || (*seen && *value != v);
	if (!*seen)
		*value = v;
	*seen = true;
}

static void
from_config(struct maker *m, const struct ms_uefi_variable *v, bool proven)
{
	if (ms_uefi_variable_is(v, MS_UEFI_GLOBAL, "SecureBoot") && v->data.len <= 1)
		note_flag(&m->secure_boot.seen, &m->secure_boot.conflict, &m->secure_boot.value, v->data.len == 1 && v->data.p[0] == 1);
	for (size_t i = 0; i < sizeof key_lists / sizeof *key_lists; i++) {
		const struct key_list *row = &key_lists[i];
		if (!ms_uefi_variable_is(v, row->vendor, row->variable))
			continue;
		uint64_t n = put_keys(m, row, proven, v->data);
		bool is_db = strcmp(row->variable, "db") == 0, is_dbx = strcmp(row->variable, "dbx") == 0;
		m->db = m->db || is_db;
		m->dbx = m->dbx || is_dbx;
		m->db_entries += is_db ? n : 0;
		m->dbx_entries += is_dbx ? n : 0;
		if (strcmp(row->variable, "PK") == 0)
			note_flag(&m->pk_empty.seen, &m->pk_empty.conflict, &m->pk_empty.value, n == 0);
	}
}

static void
from_sbat(struct maker *m, struct ms_span text, bool proven)
{
	struct ms_sbat_row row;
	while (ms_sbat_next(&text, &row)) {
		if (ms_span_eq(row.component, ms_span_str("sbat")))
			put_first(m, "boot.sbat.level", proven, row.rest);
		else if (ms_span_eq(row.component, ms_span_str("shim")))
			put_first(m, "boot.sbat.shim", proven, row.generation);
		else if (ms_span_eq(row.component, ms_span_str("grub")))
			put_first(m, "boot.sbat.grub", proven, row.generation);
		ms_buf_put_span(&m->text, row.component);
		ms_buf_u8(&m->text, ',');
		ms_buf_put_span(&m->text, row.generation);
		put_built(m, "boot.sbat.component", proven);
	}
}

/* EFI_SIGNATURE_DATA of db and of shim's lists: owner, then a certificate or a hash; shim's own certificate is bare DER. */
static void
from_authority(struct maker *m, const struct ms_uefi_variable *v, bool proven)
{
	bool shim = ms_uefi_variable_is(v, MS_UEFI_SHIM, "Shim");
	struct ms_span der = v->data;
	char subject[MS_UEFI_SUBJECT_MAX], hex[2 * MS_SHA256_LEN + 1];
	if (!shim && der.len > MS_GUID_LEN)
		der = ms_span(der.p + MS_GUID_LEN, der.len - MS_GUID_LEN);
	(void)ms_utf16_text(v->name, &m->text);
	if (ms_uefi_cert_subject(der, subject)) {
		put_cert(m, "boot.authority.cert", "boot.authority.subject", proven, der);
	} else if (!shim && der.len == MS_SHA256_LEN) {
		put_bytes(m, "boot.authority.hash", proven, der);
		ms_hex(der.p, der.len, hex);
		(void)snprintf(subject, sizeof subject, "%s", hex);
	} else {
		ms_buf_reset(&m->text);
		return;
	}
	memcpy(m->signer, subject, sizeof m->signer);
	ms_buf_fmt(&m->text, ": %s", subject);
	put_built(m, "boot.authority", proven);
}

static void
from_secure_boot(struct maker *m, const struct ms_bootlog_event *e)
{
	struct ms_uefi_variable v;
	unsigned index = e->pcr;
	bool before = is_before(m, e), proven = (m->b->whole_before >> index & 1u) != 0;
	if (e->type == MS_EV_EFI_ACTION && e->state == MS_EVENT_RECOMPUTED) {
		m->firmware_debugger = m->firmware_debugger || ms_span_eq(e->covered, ms_span_str("UEFI Debug Mode"));
		m->dma_unprotected = m->dma_unprotected || ms_span_eq(e->covered, ms_span_str("DMA Protection Disabled"));
		return;
	}
	if (!is_known(e) || ms_uefi_variable_parse(e->state == MS_EVENT_PARTLY ? e->data : e->covered, &v, NULL) != MS_OK)
		return;
	proven = proven && e->state == MS_EVENT_RECOMPUTED;
	if (e->type == MS_EV_EFI_VARIABLE_DRIVER_CONFIG && m->b->separated[index] == m->b->n)
		from_config(m, &v, false); /* no separator: nothing says that firmware alone spoke */
	else if (e->type == MS_EV_EFI_VARIABLE_DRIVER_CONFIG && before)
		from_config(m, &v, proven);
	if (e->type != MS_EV_EFI_VARIABLE_AUTHORITY || before)
		return;
	proven = proven && is_whole(m, 7);
	if (memcmp(v.guid, ms_uefi_vendor_guid(MS_UEFI_SHIM), MS_GUID_LEN) == 0) {
		m->shim = true;
		m->shim_proven = m->shim_proven || proven;
	}
	if (ms_uefi_variable_is(&v, MS_UEFI_SHIM, "SbatLevel"))
		from_sbat(m, v.data, proven);
	else
		from_authority(m, &v, proven);
}

/* ---- PCRs 0 to 6: firmware and what it starts ---- */

static void
from_firmware(struct maker *m, const struct ms_bootlog_event *e)
{
	if (e->state == MS_EVENT_OPAQUE || e->state == MS_EVENT_MISMATCHED)
		put_bytes(m, "boot.firmware.digest", true, e->digest);
	if (e->type != MS_EV_S_CRTM_VERSION || e->state != MS_EVENT_RECOMPUTED || !ms_bootlog_version(e->covered, &m->text))
		return;
	put_first(m, "boot.firmware.version", is_before(m, e), ms_buf_span(&m->text));
	ms_buf_reset(&m->text);
}

static void
from_boot_variable(struct maker *m, const struct ms_bootlog_event *e)
{
	struct ms_uefi_variable v;
	struct ms_uefi_load_option o;
	if (!is_known(e) || ms_uefi_variable_parse(e->data, &v, NULL) != MS_OK)
		return;
	bool proven = e->state == MS_EVENT_RECOMPUTED && is_before(m, e) && m->b->kind == MS_EVENTLOG_PCR;
	if (ms_uefi_variable_is(&v, MS_UEFI_GLOBAL, "BootOrder")) {
		for (size_t i = 0; i + 1 < v.data.len; i += 2)
			ms_buf_fmt(&m->text, "%s%04X", i > 0 ? "," : "", (unsigned)v.data.p[i] | (unsigned)v.data.p[i + 1] << 8);
		put_first(m, "boot.order", proven, ms_buf_span(&m->text));
		ms_buf_reset(&m->text);
	} else if (v.name.len == 2 * sizeof "Boot000" && ms_uefi_load_option_parse(v.data, &o, NULL) == MS_OK) {
		(void)ms_utf16_text(v.name, &m->text);
		ms_buf_u8(&m->text, ' ');
		(void)ms_utf16_text(o.description, &m->text);
		ms_buf_u8(&m->text, ' ');
		ms_uefi_path_text(o.path, &m->text);
		put_built(m, "boot.option", proven);
	}
}

/* Events of PCRs 2 and 4 that stand for no program. Whoever has a program's bytes can put them into the log as an event's data, which
 * are then what the digest is of; but a program (PE/COFF) is never text. */
static bool
is_word(const struct ms_bootlog_event *e)
{
	return e->state == MS_EVENT_RECOMPUTED && (e->type == MS_EV_SEPARATOR ? e->covered.len == 4 : ms_ascii_plausible(e->covered));
}

static bool
is_image(uint32_t type)
{
	return type == MS_EV_EFI_BOOT_SERVICES_APPLICATION || type == MS_EV_EFI_BOOT_SERVICES_DRIVER ||
	       type == MS_EV_EFI_RUNTIME_SERVICES_DRIVER;
}

/* Whatever firmware extends into PCR 2 and does not explain is a driver, whatever type the log gives it. */
static void
from_driver(struct maker *m, const struct ms_bootlog_event *e)
{
	struct ms_uefi_image_load i;
	if (is_word(e))
		return;
	m->drivers++;
	put_bytes(m, "boot.driver.digest", true, e->digest);
	if (is_image(e->type) && ms_uefi_image_load_parse(e->data, &i, NULL) == MS_OK)
		put_text(m, "boot.driver.source", false, ms_span_str(ms_uefi_path_source(i.path)));
}

/* Likewise for programs in PCR 4: what is hidden under another type, or by changed data, still shows here. */
static void
from_image(struct maker *m, const struct ms_bootlog_event *e)
{
	struct ms_uefi_image_load i;
	uint32_t separator = m->b->separated[e->pcr];
	if (is_word(e))
		return;
	put_bytes(m, "boot.image.digest", true, e->digest);
	if (!m->loader && separator < m->b->n && e > &m->b->event[separator]) {
		m->loader = true;
		put_bytes(m, "boot.loader.digest", m->b->kind == MS_EVENTLOG_PCR, e->digest);
	}
	if (!is_image(e->type) || ms_uefi_image_load_parse(e->data, &i, NULL) != MS_OK)
		return;
	size_t before = m->text.len;
	ms_uefi_path_file(i.path, &m->text);
	if (m->text.len == before)
		ms_uefi_path_text(i.path, &m->text);
	if (m->text.len > 0)
		put_text(m, "boot.image.path", false, ms_buf_span(&m->text));
	if (m->signer[0] != '\0') {
		ms_buf_fmt(&m->text, "%s by %s", m->text.len > 0 ? "" : "an image in memory", m->signer);
		put_text(m, "boot.image.signer", false, ms_buf_span(&m->text));
		m->signer[0] = '\0';
	}
	ms_buf_reset(&m->text);
}

static void
from_boot_manager(struct maker *m, const struct ms_bootlog_event *e)
{
	struct ms_uefi_gpt g;
	char guid[MS_GUID_TEXT];
	if (!is_known(e))
		return;
	if (ms_span_eq(e->covered, ms_span_str("Exit Boot Services Returned with Success"))) {
		size_t from = 0;
		if (ms_claims_next(m->c, ms_span_str("boot.exit-boot-services"), &from) == NULL)
			put_bool(m, "boot.exit-boot-services", true, true);
	} else if (ms_uefi_gpt_parse(e->covered, &g, NULL) == MS_OK) {
		ms_guid_text(g.disk, guid);
		put_text(m, "boot.gpt.disk", is_whole(m, 5), ms_span_str(guid));
	}
}

/* ---- PCRs 8, 9, 12: boot loaders of Linux ---- */

/* "linux PATH ARGUMENTS" and its kin: what GRUB runs to load a kernel. */
static bool
loads_kernel(struct ms_span command, struct ms_span *ret_rest)
{
	static const char *const words[] = {"linux ", "linuxefi ", "linux16 ", "kernel ", "multiboot ", "multiboot2 ", "xen_hypervisor "};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		size_t n = strlen(words[i]);
		if (command.len > n && memcmp(command.p, words[i], n) == 0) {
			*ret_rest = ms_span(command.p + n, command.len - n);
			return true;
		}
	}
	return false;
}

/* Equal but for quotes and blanks: GRUB measures the command after its shell took them away and the command line with its own. */
static bool
same_words(struct ms_span a, struct ms_span b)
{
	size_t i = 0, k = 0;
	for (;;) {
		while (i < a.len && (a.p[i] == '"' || a.p[i] == '\'' || a.p[i] == '\\' || a.p[i] == ' '))
			i++;
		while (k < b.len && (b.p[k] == '"' || b.p[k] == '\'' || b.p[k] == '\\' || b.p[k] == ' '))
			k++;
		if (i == a.len || k == b.len)
			return i == a.len && k == b.len;
		if (a.p[i++] != b.p[k++])
			return false;
	}
}

/* Whether some command in PCR 8 loads a kernel with this command line. */
static bool
was_loaded(struct maker *m, struct ms_span cmdline)
{
	struct ms_span rest;
	bool search = m->searches++ < SEARCHES_MAX;
	for (size_t i = 0; search && i < m->b->n; i++) {
		const struct ms_bootlog_event *e = &m->b->event[i];
		if (is_known(e) && ms_bootlog_in(m->b, e, 8) && loads_kernel(e->covered, &rest) && same_words(rest, cmdline))
			return true;
	}
	return false;
}

/* UTF-16, as systemd-boot and systemd-stub measure; before 251 one byte short of its NUL. */
static bool
is_wide(struct ms_span s)
{
	return !ms_ascii_plausible(s) && (ms_utf16_plausible(s) || (s.len > 2 && s.len % 2 == 1 && s.p[1] == 0));
}

static void
from_wide_cmdline(struct maker *m, const struct ms_bootlog_event *e, bool proven)
{
	struct ms_span s = e->covered;
	if (s.len % 2 == 1)
		s.len--; /* half of a NUL */
	(void)ms_utf16_text(s, &m->text);
	put_built(m, "boot.kernel.cmdline", proven);
}

static void
from_commands(struct maker *m, const struct ms_bootlog_event *e)
{
	struct ms_span rest, s = e->covered;
	bool proven = m->commands_whole;
	if (!is_known(e))
		return;
	if (is_wide(s)) {
		from_wide_cmdline(m, e, proven);
		return;
	}
	bool labelled = ms_bootlog_string(e->data, &rest) == MS_BOOT_STRING_CMDLINE, loads = loads_kernel(s, &rest);
	if (labelled && !loads && was_loaded(m, s)) /* the label is in no digest; the command that loads it is */
		return;
	if (loads)
		put_text(m, "boot.kernel.cmdline", proven, rest);
	else if (labelled)
		put_text(m, "boot.kernel.cmdline", false, s);
	if (s.len > 0)
		put_text(m, "boot.grub.command", proven, s);
}

/* Whether name is the first word after a command of GRUB that begins with `word`. */
static bool
named_by_command(struct maker *m, const char *word, struct ms_span name)
{
	size_t n = strlen(word);
	bool search = m->searches++ < SEARCHES_MAX && name.len > 0;
	for (size_t i = 0; search && i < m->b->n; i++) {
		const struct ms_bootlog_event *e = &m->b->event[i];
		struct ms_span c = e->covered;
		if (c.len <= n || c.p[0] != (uint8_t)word[0] || !is_known(e) || !ms_bootlog_in(m->b, e, 8) || memcmp(c.p, word, n) != 0)
			continue;
		const uint8_t *at = memchr(c.p + n, ' ', c.len - n); /* "linux" and "linuxefi" alike */
		const uint8_t *end = at == NULL ? NULL : memchr(at + 1, ' ', (size_t)(c.p + c.len - at - 1));
		size_t len = at == NULL ? 0 : end != NULL ? (size_t)(end - at - 1) : (size_t)(c.p + c.len - at - 1);
		if (len > 0 && len == name.len && memcmp(at + 1, name.p, len) == 0)
			return true;
	}
	return false;
}

static void
from_file(struct maker *m, const struct ms_bootlog_event *e)
{
	struct ms_span name = e->data;
	if (m->b->kind == MS_EVENTLOG_CC && is_known(e)) /* commands share this register */
		return;
	put_bytes(m, "boot.file.digest", true, e->digest); /* also when the log has the file itself as the event's data */
	if (is_known(e))
		return;
	if (e->type == MS_EV_IPL && ms_ascii_plausible(name)) {
		if (name.p[name.len - 1] == 0)
			name.len--;
		ms_buf_put_span(&m->text, name);
		put_named_digest(m, "boot.file", false, e);
		if (named_by_command(m, "linux", name))
			put_bytes(m, "boot.kernel.digest", false, e->digest);
		if (named_by_command(m, "initrd", name))
			put_bytes(m, "boot.initrd.digest", false, e->digest);
		return;
	}
	struct ms_tagged_walk w = ms_tagged_over(e->data);
	struct ms_tagged t;
	if (e->type == MS_EV_EVENT_TAG && ms_tagged_next(&w, &t) && t.id == TAG_INITRD)
		put_bytes(m, "boot.initrd.digest", false, e->digest);
}

/* shim measures its lists of keys into PCR 14 by name; the digest is of the list. */
static void
from_mok(struct maker *m, const struct ms_bootlog_event *e)
{
	struct ms_span name = e->data;
	if (e->state == MS_EVENT_RECOMPUTED || !ms_ascii_plausible(name) || name.len < 3 || memcmp(name.p, "Mok", 3) != 0)
		return;
	m->shim = true;
	if (name.p[name.len - 1] == 0)
		name.len--;
	ms_buf_put_span(&m->text, name);
	put_named_digest(m, "boot.mok.digest", false, e);
}

/* systemd-stub: the name of a section, then the section, in turns from the first event on. What comes in the place of a section is
 * one, whatever the log says of it; what should be a name and is not ends what is proven. */
static void
from_uki(struct maker *m, const struct ms_bootlog_event *e)
{
	const struct ms_bootlog_event *name = m->section;
	if (name == NULL) {
		bool named =
		    e->state == MS_EVENT_RECOMPUTED && ms_utf16_plausible(e->covered) && e->covered.len >= 4 && e->covered.p[0] == '.';
		m->section = named ? e : NULL;
		m->sections_broken = m->sections_broken || !named;
		return;
	}
	m->section = NULL;
	(void)ms_utf16_text(name->covered, &m->text);
	put_named_digest(m, "boot.uki.section", m->b->kind == MS_EVENTLOG_PCR && !m->sections_broken, e);
}

/* ---- PCRs 12 and 13: Windows ---- */

/* By the bytes that the digest covers, whatever type and prefix the log gives them. */
static bool
is_windows(const struct ms_bootlog_event *e)
{
	return is_known(e) && e->covered.len >= 8 && e->covered.p[2] == (SIPA_CONTAINER >> 16 & 0xff) &&
	       e->covered.p[3] == SIPA_CONTAINER >> 24;
}

static void
from_windows(struct maker *m, const struct ms_bootlog_event *e)
{
	struct ms_tagged_walk w = ms_tagged_over(e->covered);
	struct ms_tagged t;
	m->windows.seen = true;
	m->windows.proven = m->windows_whole;
	while (ms_tagged_next(&w, &t)) {
		bool on = t.data.len > 0 && t.data.p[0] != 0;
		struct ms_rd r = ms_rd_span(t.data);
		switch (t.id) {
		case MS_SIPA_BOOT_DEBUGGING:
		case MS_SIPA_OS_KERNEL_DEBUG:
		case MS_SIPA_HYPERVISOR_DEBUG:
			m->windows.debugger = m->windows.debugger || on;
			break;
		case MS_SIPA_TEST_SIGNING:
			m->windows.test_signing = m->windows.test_signing || on;
			break;
		case MS_SIPA_SAFE_MODE:
			m->windows.safe_mode = m->windows.safe_mode || on;
			break;
		case MS_SIPA_WINPE:
			m->windows.winpe = m->windows.winpe || on;
			break;
		case MS_SIPA_FLIGHT_SIGNING:
			m->windows.flight_signing = m->windows.flight_signing || on;
			break;
		case MS_SIPA_CODE_INTEGRITY:
			m->windows.code_integrity = on;
			break;
		case MS_SIPA_BOOT_COUNTER:
			if (t.data.len == 8) {
				m->windows.counter = ms_rd_le64(&r);
				m->windows.counted = true;
			}
			break;
		default:
			break;
		}
	}
}

/* Whether every event of the PCR is understood: what is none of these could be a command line or a setting that is not shown. */
static bool
all_understood(const struct maker *m, unsigned pcr)
{
	bool all = is_whole(m, pcr);
	for (size_t i = 0; all && m->b->kind == MS_EVENTLOG_PCR && i < m->b->n; i++) {
		const struct ms_bootlog_event *e = &m->b->event[i];
		struct ms_span s = e->covered;
		if (e->state == MS_EVENT_UNMEASURED || e->pcr != pcr || (e->type == MS_EV_SEPARATOR && s.len == 4))
			continue;
		bool narrow = pcr == 8 && (s.len == 0 || memchr(s.p, 0, s.len - 1) == NULL); /* a command of GRUB */
		all = narrow || is_wide(s) || (pcr != 8 && is_windows(e));
	}
	return all;
}

/* ---- all ---- */

static void
from_event(struct maker *m, size_t i)
{
	const struct ms_bootlog_event *e = &m->b->event[i];
	m->mismatched += e->state == MS_EVENT_MISMATCHED;
	if (e->state == MS_EVENT_UNMEASURED)
		return;
	if (ms_bootlog_in(m->b, e, 0))
		from_firmware(m, e);
	if (ms_bootlog_in(m->b, e, 1))
		from_boot_variable(m, e);
	if (ms_bootlog_in(m->b, e, 2) && (m->b->kind == MS_EVENTLOG_PCR || e->type == MS_EV_EFI_BOOT_SERVICES_DRIVER))
		from_driver(m, e);
	if (ms_bootlog_in(m->b, e, 4) && (m->b->kind == MS_EVENTLOG_PCR || e->type == MS_EV_EFI_BOOT_SERVICES_APPLICATION))
		from_image(m, e);
	if (ms_bootlog_in(m->b, e, 5))
		from_boot_manager(m, e);
	if (ms_bootlog_in(m->b, e, 7))
		from_secure_boot(m, e);
	if (ms_bootlog_in(m->b, e, 8))
		from_commands(m, e);
	if (ms_bootlog_in(m->b, e, 9))
		from_file(m, e);
	if (ms_bootlog_in(m->b, e, 11))
		from_uki(m, e);
	if (m->b->kind == MS_EVENTLOG_PCR && (e->pcr == 12 || e->pcr == 13) && is_windows(e))
		from_windows(m, e);
	else if (m->b->kind == MS_EVENTLOG_PCR && e->pcr == 12 && is_known(e) && is_wide(e->covered))
		from_wide_cmdline(m, e, m->stub_whole);
	if (ms_bootlog_in(m->b, e, 14))
		from_mok(m, e);
}

static void
put_order(struct maker *m)
{
	enum { FIRMWARE = 8 };
	bool all = m->b->separator_errors == 0;
	for (unsigned i = 0; m->b->kind == MS_EVENTLOG_PCR && i < FIRMWARE; i++)
		all = all && m->b->separators[i] == 1;
	if (m->b->kind == MS_EVENTLOG_CC) /* PCRs 1 and 7 share a register, and so do 2 to 6 */
		all = all && m->b->separators[1] == 2 && m->b->separators[2] == 5;
	put_bool(m, "boot.separators", true, all);
	put_bool(m, "boot.separator-error", true, (m->b->separator_errors & 0xffu) != 0);
	put_uint(m, "boot.mismatched", true, m->mismatched);
	if (m->b->kind == MS_EVENTLOG_PCR)
		put_uint(m, "boot.drivers", true, m->drivers);
}

static void
put_flags(struct maker *m)
{
	unsigned index = m->b->kind == MS_EVENTLOG_CC ? ms_eventlog_cc_register(7) : 7;
	bool proven = (m->b->whole_before >> index & 1u) != 0 && m->b->separated[index] < m->b->n;
	if (m->secure_boot.seen)
		put_bool(m, "boot.secure-boot", proven && !m->secure_boot.conflict, m->secure_boot.value && !m->secure_boot.conflict);
	if (m->pk_empty.seen)
		put_bool(m, "boot.setup-mode", proven && !m->pk_empty.conflict, m->pk_empty.value || m->pk_empty.conflict);
	if (m->db)
		put_uint(m, "boot.db.entries", proven, m->db_entries);
	if (m->dbx)
		put_uint(m, "boot.dbx.entries", proven, m->dbx_entries);
	if (m->b->separated[index] < m->b->n)
		put_bool(m, "boot.dma-unprotected", proven && is_whole(m, 7), m->dma_unprotected);
	if (m->b->separated[index] < m->b->n || m->windows.seen)
		put_bool(m, "boot.debugger", proven && is_whole(m, 7) && m->windows_whole, m->firmware_debugger || m->windows.debugger);
	if (m->shim)
		put_bool(m, "boot.shim", m->shim_proven, true);
	if (!m->windows.seen)
		return;
	put_bool(m, "boot.test-signing", m->windows.proven, m->windows.test_signing);
	put_bool(m, "boot.windows.code-integrity", m->windows.proven, m->windows.code_integrity);
	put_bool(m, "boot.windows.flight-signing", m->windows.proven, m->windows.flight_signing);
	put_bool(m, "boot.windows.safe-mode", m->windows.proven, m->windows.safe_mode);
	put_bool(m, "boot.windows.winpe", m->windows.proven, m->windows.winpe);
	if (m->windows.counted)
		put_uint(m, "boot.windows.boot-counter", m->windows.proven, m->windows.counter);
}

enum ms_rc
ms_bootlog_claims(const struct ms_bootlog *b, struct ms_claims *claims, struct ms_err *err)
{
	struct maker m = {.b = b, .c = claims, .err = err};
	m.commands_whole = all_understood(&m, 8);
	m.stub_whole = all_understood(&m, 12);
	m.windows_whole = b->kind == MS_EVENTLOG_PCR && m.stub_whole && all_understood(&m, 13);
	ms_buf_init(&m.text, TEXT_MAX);
	for (size_t i = 0; m.rc == MS_OK && i < b->n; i++)
		from_event(&m, i);
	put_flags(&m);
	put_order(&m);
	ms_buf_fini(&m.text);
	return m.rc == MS_OK ? MS_OK : ms_prefix(err, m.rc, "boot log");
}
