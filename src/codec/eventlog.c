#include "codec/eventlog.h"

#include <string.h>

#define SHA1_LEN 20u
#define ALG_SHA1 0x0004u
#define ALG_SHA384 0x000cu
#define DIGEST_LEN_MAX 128u /* of an algorithm that we do not know; no TPM has a longer one */
#define ID_LEN 16u
#define CC_REGISTERS 5u
#define PAD 0xff

static const char id_agile[ID_LEN] = "Spec ID Event03", id_12[ID_LEN] = "Spec ID Event02", id_11[ID_LEN] = "Spec ID Event00";
static const char id_locality[ID_LEN] = "StartupLocality";

/* Sizes of the hashes that have them (TPM 2.0 Part 2, 6.3, and the TCG Algorithm Registry): a header that says otherwise lies. */
static const struct ms_eventlog_bank known[] = {
    {ALG_SHA1, SHA1_LEN}, {0x000b, 32}, {ALG_SHA384, 48}, {0x000d, 64}, {0x0012, 32}, {0x0027, 32}, {0x0028, 48}, {0x0029, 64}};

const char *
ms_eventlog_type_name(uint32_t type)
{
	static const struct {
		uint32_t type;
		const char *name;
	} rows[] = {
	    {MS_EV_PREBOOT_CERT, "EV_PREBOOT_CERT"},
	    {MS_EV_POST_CODE, "EV_POST_CODE"},
	    {MS_EV_NO_ACTION, "EV_NO_ACTION"},
	    {MS_EV_SEPARATOR, "EV_SEPARATOR"},
	    {MS_EV_ACTION, "EV_ACTION"},
	    {MS_EV_EVENT_TAG, "EV_EVENT_TAG"},
	    {MS_EV_S_CRTM_CONTENTS, "EV_S_CRTM_CONTENTS"},
	    {MS_EV_S_CRTM_VERSION, "EV_S_CRTM_VERSION"},
	    {MS_EV_CPU_MICROCODE, "EV_CPU_MICROCODE"},
	    {MS_EV_PLATFORM_CONFIG_FLAGS, "EV_PLATFORM_CONFIG_FLAGS"},
	    {MS_EV_TABLE_OF_DEVICES, "EV_TABLE_OF_DEVICES"},
	    {MS_EV_COMPACT_HASH, "EV_COMPACT_HASH"},
	    {MS_EV_IPL, "EV_IPL"},
	    {MS_EV_IPL_PARTITION_DATA, "EV_IPL_PARTITION_DATA"},
	    {MS_EV_NONHOST_CODE, "EV_NONHOST_CODE"},
	    {MS_EV_NONHOST_CONFIG, "EV_NONHOST_CONFIG"},
	    {MS_EV_NONHOST_INFO, "EV_NONHOST_INFO"},
	    {MS_EV_OMIT_BOOT_DEVICE_EVENTS, "EV_OMIT_BOOT_DEVICE_EVENTS"},
	    {MS_EV_POST_CODE2, "EV_POST_CODE2"},
	    {MS_EV_EFI_VARIABLE_DRIVER_CONFIG, "EV_EFI_VARIABLE_DRIVER_CONFIG"},
	    {MS_EV_EFI_VARIABLE_BOOT, "EV_EFI_VARIABLE_BOOT"},
	    {MS_EV_EFI_BOOT_SERVICES_APPLICATION, "EV_EFI_BOOT_SERVICES_APPLICATION"},
	    {MS_EV_EFI_BOOT_SERVICES_DRIVER, "EV_EFI_BOOT_SERVICES_DRIVER"},
	    {MS_EV_EFI_RUNTIME_SERVICES_DRIVER, "EV_EFI_RUNTIME_SERVICES_DRIVER"},
	    {MS_EV_EFI_GPT_EVENT, "EV_EFI_GPT_EVENT"},
	    {MS_EV_EFI_ACTION, "EV_EFI_ACTION"},
	    {MS_EV_EFI_PLATFORM_FIRMWARE_BLOB, "EV_EFI_PLATFORM_FIRMWARE_BLOB"},
	    {MS_EV_EFI_HANDOFF_TABLES, "EV_EFI_HANDOFF_TABLES"},
	    {MS_EV_EFI_PLATFORM_FIRMWARE_BLOB2, "EV_EFI_PLATFORM_FIRMWARE_BLOB2"},
	    {MS_EV_EFI_HANDOFF_TABLES2, "EV_EFI_HANDOFF_TABLES2"},
	    {MS_EV_EFI_VARIABLE_BOOT2, "EV_EFI_VARIABLE_BOOT2"},
	    {MS_EV_EFI_GPT_EVENT2, "EV_EFI_GPT_EVENT2"},
	    {MS_EV_EFI_HCRTM_EVENT, "EV_EFI_HCRTM_EVENT"},
	    {MS_EV_EFI_VARIABLE_AUTHORITY, "EV_EFI_VARIABLE_AUTHORITY"},
	    {MS_EV_EFI_SPDM_FIRMWARE_BLOB, "EV_EFI_SPDM_FIRMWARE_BLOB"},
	    {MS_EV_EFI_SPDM_FIRMWARE_CONFIG, "EV_EFI_SPDM_FIRMWARE_CONFIG"},
	    {MS_EV_EFI_SPDM_DEVICE_POLICY, "EV_EFI_SPDM_DEVICE_POLICY"},
	    {MS_EV_EFI_SPDM_DEVICE_AUTHORITY, "EV_EFI_SPDM_DEVICE_AUTHORITY"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].type == type)
			return rows[i].name;
	return NULL;
}

unsigned
ms_eventlog_cc_register(unsigned pcr)
{
	if (pcr == 0)
		return 0;
	if (pcr == 1 || pcr == 7)
		return 1;
	return pcr <= 6 ? 2 : 3;
}

const char *
ms_eventlog_register_name(enum ms_eventlog_kind kind, uint32_t index)
{
	static const char *const pcr[MS_EVENTLOG_PCRS] = {"PCR 0", "PCR 1", "PCR 2", "PCR 3", "PCR 4", "PCR 5", "PCR 6", "PCR 7", "PCR 8",
	    "PCR 9", "PCR 10", "PCR 11", "PCR 12", "PCR 13", "PCR 14", "PCR 15", "PCR 16", "PCR 17", "PCR 18", "PCR 19", "PCR 20", "PCR 21",
	    "PCR 22", "PCR 23"};
	static const char *const cc[CC_REGISTERS] = {"MRTD", "RTMR0", "RTMR1", "RTMR2", "RTMR3"};
	if (kind == MS_EVENTLOG_CC)
		return index < CC_REGISTERS ? cc[index] : "RTMR?";
	return index < MS_EVENTLOG_PCRS ? pcr[index] : "PCR ?";
}

/* ---- header ---- */

static enum ms_rc
bad(struct ms_err *err, const struct ms_eventlog *l, size_t offset, const char *what)
{
	return ms_fail(err, MS_ERR_MALFORMED, "boot log: event %u at byte %zu: %s", l->next, offset, what);
}

/* Number and sizes of the algorithms, each once. */
static enum ms_rc
read_banks(struct ms_rd *r, struct ms_eventlog *l, struct ms_err *err)
{
	uint32_t n = ms_rd_le32(r);
	if (n == 0 || n > MS_EVENTLOG_BANKS_MAX)
		return ms_fail(err, r->bad ? MS_ERR_MALFORMED : MS_ERR_TOO_BIG, "boot log: header lists %u algorithms, 1 to %u are taken",
		    n, MS_EVENTLOG_BANKS_MAX);
	for (uint32_t i = 0; i < n; i++) {
		struct ms_eventlog_bank b = {.alg = ms_rd_le16(r)};
		b.len = ms_rd_le16(r);
		bool ok = b.len > 0 && b.len <= DIGEST_LEN_MAX;
		for (size_t k = 0; k < sizeof known / sizeof *known; k++)
			ok = ok && (known[k].alg != b.alg || known[k].len == b.len);
		for (size_t k = 0; k < l->n_banks; k++)
			ok = ok && l->bank[k].alg != b.alg;
		if (!ok || r->bad)
			return ms_fail(err, MS_ERR_MALFORMED, "boot log: header: algorithm 0x%04x with %u bytes", b.alg, b.len);
		l->bank[l->n_banks++] = b;
	}
	return MS_OK;
}

/* TCG_EfiSpecIDEventStruct (PFP 10.4.5.1; TPM 1.2: EFI Platform Specification 7.4). */
static enum ms_rc
read_spec_id(struct ms_span data, struct ms_eventlog *l, struct ms_err *err)
{
	struct ms_rd r = ms_rd_span(data);
	enum ms_rc rc = MS_OK;
	(void)ms_rd_bytes(&r, ID_LEN + 4); /* platform class */
	l->has_spec_id = true;
	l->spec_minor = ms_rd_u8(&r);
	l->spec_major = ms_rd_u8(&r);
	l->spec_errata = ms_rd_u8(&r);
	(void)ms_rd_u8(&r); /* size of UINTN */
	if (l->form == MS_EVENTLOG_AGILE && l->spec_major != 2)
		return ms_fail(err, r.bad ? MS_ERR_MALFORMED : MS_ERR_UNSUPPORTED, "boot log: header of specification %u.%u, 2 is taken",
		    l->spec_major, l->spec_minor);
	if (l->form == MS_EVENTLOG_AGILE)
		rc = read_banks(&r, l, err);
	if (rc != MS_OK)
		return rc;
	l->vendor_info = ms_rd_bytes(&r, ms_rd_u8(&r));
	/* what may follow is of no later version that we know and measured nowhere */
	return r.bad ? ms_fail(err, MS_ERR_MALFORMED, "boot log: header of %zu bytes is cut short", data.len) : MS_OK;
}

static bool
starts_with(struct ms_span s, const char id[static ID_LEN])
{
	return s.len >= ID_LEN && memcmp(s.p, id, ID_LEN) == 0;
}

/* TCG_PCClientPCREvent: the whole of a log of TPM 1.2, and the first event of every other. */
static void
read_sha1_event(struct ms_rd *r, struct ms_event *e)
{
	e->pcr = ms_rd_le32(r);
	e->type = ms_rd_le32(r);
	e->n_digests = 1;
	e->digest[0].alg = ALG_SHA1;
	e->digest[0].digest = ms_rd_bytes(r, SHA1_LEN);
	uint32_t len = ms_rd_le32(r);
	e->data_offset = r->off;
	e->data = ms_rd_bytes(r, len);
}

/* Where padding begins: the last byte that is not padding ends the last event at the latest. */
static bool
all_padding(struct ms_span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] != PAD)
			return false;
	return true;
}

static void
find_kind(struct ms_eventlog *l, const struct ms_event *first)
{
	bool candidate = l->form == MS_EVENTLOG_AGILE && l->n_banks == 1 && l->bank[0].alg == ALG_SHA384;
	bool padded = l->log.len >= 8 && all_padding(ms_span(l->log.p + l->log.len - 8, 8));
	l->kind = candidate && (padded || first->pcr == 1) ? MS_EVENTLOG_CC : MS_EVENTLOG_PCR;
}

static enum ms_rc
check_caps(struct ms_span log, const struct ms_bootlog_caps *caps, struct ms_err *err)
{
	if (caps->bytes > MS_BOOTLOG_BYTES_LIMIT)
		return ms_fail(err, MS_ERR_USAGE, "evidence.boot_log_bytes: at most %u", MS_BOOTLOG_BYTES_LIMIT);
	if (log.len > caps->bytes)
		return ms_fail(err, MS_ERR_TOO_BIG, "boot log: %zu bytes, evidence.boot_log_bytes is %zu", log.len, caps->bytes);
	return log.len == 0 ? ms_fail(err, MS_ERR_MALFORMED, "boot log: empty") : MS_OK;
}

enum ms_rc
ms_eventlog_open(
    struct ms_span log, const struct ms_bootlog_caps *caps, enum ms_eventlog_kind kind, struct ms_eventlog *ret, struct ms_err *err)
{
	struct ms_eventlog l = {.log = log, .form = MS_EVENTLOG_SHA1, .kind = kind, .rd = ms_rd_span(log), .end = log.len};
	struct ms_event first = {.number = 0};
	l.caps = caps != NULL ? *caps : MS_BOOTLOG_CAPS_DEFAULT;
	enum ms_rc rc = check_caps(log, &l.caps, err);
	if (rc != MS_OK)
		return rc;
	struct ms_rd r = l.rd;
	read_sha1_event(&r, &first);
	if (r.bad)
		return bad(err, &l, 0, "cut short: this is no boot log");
	if (first.type == MS_EV_NO_ACTION) {
		bool agile = starts_with(first.data, id_agile);
		if (agile)
			l.form = MS_EVENTLOG_AGILE;
		if (agile || starts_with(first.data, id_12) || starts_with(first.data, id_11))
			rc = read_spec_id(first.data, &l, err);
		if (rc != MS_OK)
			return rc;
	}
	if (l.form == MS_EVENTLOG_SHA1)
		l.bank[l.n_banks++] = (struct ms_eventlog_bank){ALG_SHA1, SHA1_LEN};
	if (kind == MS_EVENTLOG_ANY)
		find_kind(&l, &first);
	*ret = l;
	return MS_OK;
}

/* ---- events ---- */

static uint16_t
bank_len(const struct ms_eventlog *l, uint16_t alg)
{
	for (size_t i = 0; i < l->n_banks; i++)
		if (l->bank[i].alg == alg)
			return l->bank[i].len;
	return 0;
}

/* TPML_DIGEST_VALUES, little-endian (PFP 10.2.2): each algorithm is of the header, and there once. NULL: well-formed. */
static const char *
read_digests(struct ms_eventlog *l, struct ms_event *e)
{
	uint32_t n = ms_rd_le32(&l->rd);
	if (n == 0 || n > l->n_banks)
		return "number of digests";
	for (uint32_t i = 0; i < n; i++) {
		uint16_t alg = ms_rd_le16(&l->rd), len = bank_len(l, alg);
		if (len == 0)
			return "digest of an algorithm that the header does not list";
		for (size_t k = 0; k < i; k++)
			if (e->digest[k].alg == alg)
				return "two digests of one algorithm";
		e->digest[i].alg = alg;
		e->digest[i].digest = ms_rd_bytes(&l->rd, len);
	}
	e->n_digests = n;
	return NULL;
}

static const char *
read_agile_event(struct ms_eventlog *l, struct ms_event *e)
{
	e->pcr = ms_rd_le32(&l->rd);
	e->type = ms_rd_le32(&l->rd);
	const char *wrong = read_digests(l, e);
	if (wrong != NULL)
		return l->rd.bad ? "cut short" : wrong;
	uint32_t len = ms_rd_le32(&l->rd);
	e->data_offset = l->rd.off;
	e->data = ms_rd_bytes(&l->rd, len);
	return NULL;
}

static enum ms_rc
check_event(const struct ms_eventlog *l, const struct ms_event *e, struct ms_err *err)
{
	uint32_t registers = l->kind == MS_EVENTLOG_CC ? CC_REGISTERS : MS_EVENTLOG_PCRS;
	if (l->rd.bad)
		return bad(err, l, e->offset, "cut short");
	if (e->data.len > l->caps.event_bytes)
		return ms_fail(err, MS_ERR_TOO_BIG, "boot log: event %u has %zu bytes, evidence.boot_log_event_bytes is %zu", e->number,
		    e->data.len, l->caps.event_bytes);
	if (e->pcr >= registers && ms_event_extends(e))
		return ms_fail(err, MS_ERR_MALFORMED, "boot log: event %u at byte %zu: there is no %s %u", e->number, e->offset,
		    l->kind == MS_EVENTLOG_CC ? "register" : "PCR", e->pcr);
	return MS_OK;
}

enum ms_rc
ms_eventlog_next(struct ms_eventlog *l, struct ms_event *ret, bool *ret_more, struct ms_err *err)
{
	struct ms_event e;
	const char *wrong = NULL;
	size_t left = ms_rd_left(&l->rd);
	if (l->rd.bad)
		return bad(err, l, l->rd.off, "after an error");
	const uint8_t *at = l->log.p + l->rd.off;
	if (left == 0 || (at[0] == PAD && l->next > 0 && all_padding(ms_span(at, left)))) {
		l->end = l->rd.off;
		*ret_more = false;
		return MS_OK;
	}
	if (l->next >= l->caps.events)
		return ms_fail(err, MS_ERR_TOO_BIG, "boot log: more events than evidence.boot_log_events, %zu", l->caps.events);
	e.number = l->next;
	e.offset = l->rd.off;
	e.data = MS_SPAN_NONE;
	if (l->form == MS_EVENTLOG_SHA1 || l->next == 0)
		read_sha1_event(&l->rd, &e);
	else
		wrong = read_agile_event(l, &e);
	if (wrong != NULL) {
		ms_rd_poison(&l->rd);
		return bad(err, l, e.offset, wrong);
	}
	enum ms_rc rc = check_event(l, &e, err);
	if (rc != MS_OK) {
		ms_rd_poison(&l->rd);
		return rc;
	}
	l->next++;
	*ret = e;
	*ret_more = true;
	return MS_OK;
}

struct ms_span
ms_event_digest(const struct ms_event *e, uint16_t alg)
{
	for (size_t i = 0; i < e->n_digests; i++)
		if (e->digest[i].alg == alg)
			return e->digest[i].digest;
	return MS_SPAN_NONE;
}

bool
ms_event_extends(const struct ms_event *e)
{
	return e->type != MS_EV_NO_ACTION;
}

bool
ms_event_startup_locality(const struct ms_event *e, uint8_t *ret)
{
	if (ms_event_extends(e) || e->data.len != ID_LEN + 1 || !starts_with(e->data, id_locality))
		return false;
	uint8_t locality = e->data.p[ID_LEN];
	if (locality != 0 && locality != 3 && locality != 4)
		return false;
	*ret = locality;
	return true;
}
