/* Event logs of the TCG PC Client Platform Firmware Profile ("PFP"), as firmware and boot loaders write them: the crypto-agile form
 * ("Spec ID Event03", any banks), the form of TPM 1.2 (SHA-1 only, with or without a Spec ID event), and the same forms as
 * confidential computing keeps them (CCEL: registers RTMR instead of PCRs, 0xFF after the last event). An iterator over
 * bytes that are nobody's word yet: that a log parses says nothing of it. It copies nothing; spans borrow from the log. */
#ifndef MS_EVENTLOG_H
#define MS_EVENTLOG_H
#include "base/rd.h"

/* EventType (PFP 10.4.1). */
#define MS_EV_PREBOOT_CERT 0x00000000u
#define MS_EV_POST_CODE 0x00000001u
#define MS_EV_NO_ACTION 0x00000003u
#define MS_EV_SEPARATOR 0x00000004u
#define MS_EV_ACTION 0x00000005u
#define MS_EV_EVENT_TAG 0x00000006u
#define MS_EV_S_CRTM_CONTENTS 0x00000007u
#define MS_EV_S_CRTM_VERSION 0x00000008u
#define MS_EV_CPU_MICROCODE 0x00000009u
#define MS_EV_PLATFORM_CONFIG_FLAGS 0x0000000au
#define MS_EV_TABLE_OF_DEVICES 0x0000000bu
#define MS_EV_COMPACT_HASH 0x0000000cu
#define MS_EV_IPL 0x0000000du
#define MS_EV_IPL_PARTITION_DATA 0x0000000eu
#define MS_EV_NONHOST_CODE 0x0000000fu
#define MS_EV_NONHOST_CONFIG 0x00000010u
#define MS_EV_NONHOST_INFO 0x00000011u
#define MS_EV_OMIT_BOOT_DEVICE_EVENTS 0x00000012u
#define MS_EV_POST_CODE2 0x00000013u
#define MS_EV_EFI_VARIABLE_DRIVER_CONFIG 0x80000001u
#define MS_EV_EFI_VARIABLE_BOOT 0x80000002u
#define MS_EV_EFI_BOOT_SERVICES_APPLICATION 0x80000003u
#define MS_EV_EFI_BOOT_SERVICES_DRIVER 0x80000004u
#define MS_EV_EFI_RUNTIME_SERVICES_DRIVER 0x80000005u
#define MS_EV_EFI_GPT_EVENT 0x80000006u
#define MS_EV_EFI_ACTION 0x80000007u
#define MS_EV_EFI_PLATFORM_FIRMWARE_BLOB 0x80000008u
#define MS_EV_EFI_HANDOFF_TABLES 0x80000009u
#define MS_EV_EFI_PLATFORM_FIRMWARE_BLOB2 0x8000000au
#define MS_EV_EFI_HANDOFF_TABLES2 0x8000000bu
#define MS_EV_EFI_VARIABLE_BOOT2 0x8000000cu
#define MS_EV_EFI_GPT_EVENT2 0x8000000du
#define MS_EV_EFI_HCRTM_EVENT 0x80000010u
#define MS_EV_EFI_VARIABLE_AUTHORITY 0x800000e0u
#define MS_EV_EFI_SPDM_FIRMWARE_BLOB 0x800000e1u
#define MS_EV_EFI_SPDM_FIRMWARE_CONFIG 0x800000e2u
#define MS_EV_EFI_SPDM_DEVICE_POLICY 0x800000e3u
#define MS_EV_EFI_SPDM_DEVICE_AUTHORITY 0x800000e4u
/* "EV_SEPARATOR"; NULL: the standard has no such type. */
const char *ms_eventlog_type_name(uint32_t type);

#define MS_EVENTLOG_BANKS_MAX 8u /* TPM_PT_PCR_COUNT is 24 PCRs in at most a few banks; more is no real log */
#define MS_EVENTLOG_PCRS 24u

/* Bounds of one log; each that is hit is named in the error by the configuration key that sets it. */
struct ms_bootlog_caps {
	size_t bytes;       /* evidence.boot_log_bytes */
	size_t events;      /* evidence.boot_log_events */
	size_t event_bytes; /* evidence.boot_log_event_bytes: of one event's data */
};
#define MS_BOOTLOG_CAPS_DEFAULT ((struct ms_bootlog_caps){512u << 10, 4096, 128u << 10})
#define MS_BOOTLOG_BYTES_LIMIT (16u << 20) /* no caps may be higher: offsets are 32 bits on the wire */

enum ms_eventlog_form { MS_EVENTLOG_AGILE, MS_EVENTLOG_SHA1 };
/* What the first field of an event counts. */
enum ms_eventlog_kind {
	MS_EVENTLOG_ANY, /* when opening: find out. CC if the log is agile, SHA-384 only, and begins or ends as only CCELs do */
	MS_EVENTLOG_PCR,
	MS_EVENTLOG_CC, /* registers of confidential computing: 0 MRTD, 1 to 4 RTMR 0 to 3 (UEFI 2.10, 38.4.1) */
};
struct ms_eventlog_bank {
	uint16_t alg; /* TPM_ALG_ID */
	uint16_t len;
};
struct ms_event {
	uint32_t number; /* from 0, the Spec ID event too */
	uint32_t pcr;    /* PCR or register: below MS_EVENTLOG_PCRS, but for EV_NO_ACTION, which extends nothing */
	uint32_t type;
	size_t offset; /* of the event in the log */
	size_t n_digests;
	struct {
		uint16_t alg;
		struct ms_span digest;
	} digest[MS_EVENTLOG_BANKS_MAX]; /* each alg once */
	struct ms_span data;
	size_t data_offset; /* in the log */
};
struct ms_eventlog {
	struct ms_span log;
	enum ms_eventlog_form form;
	enum ms_eventlog_kind kind; /* never ANY once opened */
	bool has_spec_id;
	uint8_t spec_major, spec_minor, spec_errata;
	size_t n_banks;
	struct ms_eventlog_bank bank[MS_EVENTLOG_BANKS_MAX]; /* as the header lists them; SHA-1 alone for the SHA-1 form */
	struct ms_span vendor_info;
	struct ms_bootlog_caps caps;
	/* where the iterator stands */
	struct ms_rd rd;
	uint32_t next;
	size_t end; /* where padding begins; the length of the log without any */
};
/* Read the header. *ret borrows log. caps may be NULL: the defaults. MS_ERR_MALFORMED: no log, or its header lies;
 * MS_ERR_TOO_BIG names the cap; MS_ERR_UNSUPPORTED: a form of the future. */
MS_MUST_USE enum ms_rc ms_eventlog_open(
    struct ms_span log, const struct ms_bootlog_caps *caps, enum ms_eventlog_kind kind, struct ms_eventlog *ret, struct ms_err *err);
/* The next event; *ret_more is false, and *ret untouched, after the last. Errors say the number of the event and its offset. */
MS_MUST_USE enum ms_rc ms_eventlog_next(struct ms_eventlog *l, struct ms_event *ret, bool *ret_more, struct ms_err *err);
struct ms_span ms_event_digest(const struct ms_event *e, uint16_t alg); /* empty: the event has none of that bank */
bool ms_event_extends(const struct ms_event *e);                        /* all but EV_NO_ACTION */
/* StartupLocality (PFP 10.4.5.3): true when the event is one with a legal locality, 0, 3 or 4. */
bool ms_event_startup_locality(const struct ms_event *e, uint8_t *ret);

/* The register in which confidential computing keeps what belongs into a PCR (UEFI 2.10, 38.4.1). pcr < 16. */
unsigned ms_eventlog_cc_register(unsigned pcr);
/* "PCR 7", "RTMR0", "MRTD": the name of an index of this kind of log. Static for 0 to 23, "PCR ?" beyond. */
const char *ms_eventlog_register_name(enum ms_eventlog_kind kind, uint32_t index);

#endif
