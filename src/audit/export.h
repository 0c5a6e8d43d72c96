/* The log as a directory of C2SP tlog-tiles: checkpoint, tile/<L>/<N>[.p/<W>], tile/entries/<N>[.p/<W>]. Every file is
 * written durably; the checkpoint last, so that what it promises is there. Full tiles and bundles never change; partial
 * ones stay until the full one is there. */
#ifndef MS_EXPORT_H
#define MS_EXPORT_H
#include "audit/checkpoint.h"

#define MS_BUNDLE_ENTRY_MAX 65535u

struct ms_export;
/* Open or make the directory. What a crash left (temporary files) is removed. One writer at a time: a lock is held on the directory;
 * MS_ERR_CONFLICT when another has it. */
MS_MUST_USE enum ms_rc ms_export_open(const char *dir, struct ms_export **ret, struct ms_err *err);
void ms_export_free(struct ms_export *e);
MS_CLEANUP(struct ms_export, ms_export_free)
/* Index of the entry that ms_export_append() wants next. After an open that is the start of the last bundle that was
 * not full: up to 255 entries are given again. */
uint64_t ms_export_next(const struct ms_export *e);
/* MS_ERR_CONFLICT, naming the file, when a full tile or bundle with other content is there. After an error only free is useful. */
MS_MUST_USE enum ms_rc ms_export_append(struct ms_export *e, struct ms_span entry, struct ms_err *err);
/* Write the partial tiles, then the checkpoint, a signed note over exactly the entries appended: MS_ERR_CONFLICT when its
 * size or root is another. The signature is not checked. More entries may follow. */
MS_MUST_USE enum ms_rc ms_export_commit(struct ms_export *e, struct ms_span checkpoint, struct ms_err *err);

#endif
