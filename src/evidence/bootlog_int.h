/* Between the files of bootlog only. */
#ifndef MS_BOOTLOG_INT_H
#define MS_BOOTLOG_INT_H
#include "evidence/bootlog.h"

/* Strings of GRUB: the data of EV_IPL begins with what kind it is, and that prefix is in no digest. */
enum ms_boot_string { MS_BOOT_STRING_NONE, MS_BOOT_STRING_COMMAND, MS_BOOT_STRING_CMDLINE, MS_BOOT_STRING_MODULE };
/* *ret_rest, but for NONE: the string without prefix and NUL. */
enum ms_boot_string ms_bootlog_string(struct ms_span data, struct ms_span *ret_rest);

/* Whether an event lies where a log of PCRs has PCR `pcr`: that PCR, or the register that stands for it. */
static inline bool
ms_bootlog_in(const struct ms_bootlog *b, const struct ms_bootlog_event *e, unsigned pcr)
{
	return e->pcr == (b->kind == MS_EVENTLOG_CC ? ms_eventlog_cc_register(pcr) : pcr);
}
/* Bytes of firmware that are a text in one way or another, as UTF-8, appended; false: they are none, nothing is appended. */
bool ms_bootlog_text(struct ms_span data, struct ms_buf *out);
/* The same of EV_S_CRTM_VERSION, which may also be a GUID. */
bool ms_bootlog_version(struct ms_span data, struct ms_buf *out);

#endif
