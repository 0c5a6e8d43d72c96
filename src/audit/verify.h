/* The auditor's work, from files alone: an exported directory (export.h) and the log's key. */
#ifndef MS_VERIFY_H
#define MS_VERIFY_H
#include "audit/checkpoint.h"

#define MS_AUDIT_FILE_MAX 160u

/* What to tell whom on the way; both may be NULL. */
struct ms_audit_watch {
	void (*progress)(void *ctx, uint64_t done, uint64_t total); /* entries; once a bundle */
	/* Each entry in order. Not proven yet: what it led to counts only when ms_audit_verify_dir() said MS_OK. An error ends the run. */
	enum ms_rc (*entry)(void *ctx, uint64_t index, struct ms_span entry, struct ms_err *err);
	void *ctx;
};
struct ms_audit_result {
	uint64_t size; /* of the log, as its checkpoint says */
	struct ms_node root;
	size_t other_signatures; /* on the checkpoint, not checked */
	/* When it is refused: */
	char file[MS_AUDIT_FILE_MAX]; /* relative to the directory; "" when no file is to blame */
	bool has_entry;               /* an entry of that bundle or level-0 tile is to blame: */
	uint64_t entry;
};
/* Check the checkpoint's signature, hash every entry, recompute every tile, compare with the root. MS_OK: the directory
 * is exactly the log that the checkpoint names. MS_ERR_AUTH: refused; result->file and the text name the file that
 * is wrong, missing, unknown or too long. MS_ERR_NOT_FOUND: no such directory. MS_ERR_IO, MS_ERR_NOMEM: no verdict.
 * result is written in every case. Files beyond the checkpoint are unknown: do not run it while an export is. */
MS_MUST_USE enum ms_rc ms_audit_verify_dir(
    const char *dir, const struct ms_vkey *v, const struct ms_audit_watch *watch, struct ms_audit_result *result, struct ms_err *err);

/* Entry `index` and its ticket under the directory's checkpoint, appended to initialised buffers; the ticket has been verified.
 * MS_ERR_NOT_FOUND when the log is not that long; else as above. */
MS_MUST_USE enum ms_rc ms_audit_prove(
    const char *dir, const struct ms_vkey *v, uint64_t index, struct ms_buf *ret_entry, struct ms_buf *ret_ticket, struct ms_err *err);

#endif
