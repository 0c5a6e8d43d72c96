/* What changed between two boots, event by event and in words. Both logs were checked by the digests of one bank; events are the
 * same when their digests are, whatever else the logs say of them. */
#ifndef MS_BOOTLOG_DIFF_H
#define MS_BOOTLOG_DIFF_H
#include "evidence/bootlog.h"

enum ms_boot_change_kind { MS_BOOT_CHANGED, MS_BOOT_ADDED, MS_BOOT_REMOVED, MS_BOOT_MOVED };
const char *ms_boot_change_name(enum ms_boot_change_kind k); /* "changed", ...; static */
struct ms_boot_change {
	enum ms_boot_change_kind kind;
	const struct ms_bootlog_event *from, *to; /* of the old and the new log; NULL where there is none */
};
struct ms_boot_changes {
	struct ms_boot_change *item; /* owned; in the order of the PCRs, and in them of the boot */
	size_t n, cap;
	uint32_t pcrs; /* whose values differ */
};
void ms_boot_changes_fini(struct ms_boot_changes *c);
MS_CLEANUP_FINI(struct ms_boot_changes, ms_boot_changes_fini)
/* Borrows both. MS_ERR_USAGE when they are of different banks or kinds. */
MS_MUST_USE enum ms_rc ms_bootlog_diff(
    const struct ms_bootlog *from, const struct ms_bootlog *to, struct ms_boot_changes *ret, struct ms_err *err);
/* One sentence without a full stop, UTF-8, appended. As ms_bootlog_describe(): print it with ms_out_text(). */
void ms_boot_change_text(const struct ms_boot_change *c, enum ms_eventlog_kind kind, struct ms_buf *out);

#endif
