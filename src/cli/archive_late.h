/* libarchive, loaded when a backup is made or restored. After ms_archive_load() its functions are called by their own names. */
#ifndef MS_CLI_ARCHIVE_LATE_H
#define MS_CLI_ARCHIVE_LATE_H
#include <archive.h>
#include <archive_entry.h>

#include "muster/rc.h"

#define MS_ARCHIVE_FUNCTIONS(X) \
	X(archive_entry_filetype) \
	X(archive_entry_free) \
	X(archive_entry_gid) \
	X(archive_entry_new) \
	X(archive_entry_pathname) \
	X(archive_entry_perm) \
	X(archive_entry_set_filetype) \
	X(archive_entry_set_gid) \
	X(archive_entry_set_mtime) \
	X(archive_entry_set_pathname) \
	X(archive_entry_set_perm) \
	X(archive_entry_set_size) \
	X(archive_entry_set_uid) \
	X(archive_entry_uid) \
	X(archive_error_string) \
	X(archive_read_data) \
	X(archive_read_free) \
	X(archive_read_new) \
	X(archive_read_next_header) \
	X(archive_read_open_filename) \
	X(archive_read_support_format_tar) \
	X(archive_write_close) \
	X(archive_write_data) \
	X(archive_write_free) \
	X(archive_write_header) \
	X(archive_write_new) \
	X(archive_write_open_fd) \
	X(archive_write_set_format_pax_restricted)
#define MS_ARCHIVE_MEMBER(f) __typeof__(f) *f;
struct ms_archive {
	MS_ARCHIVE_FUNCTIONS(MS_ARCHIVE_MEMBER)
};
/* MS_ERR_UNAVAILABLE when the library is not there. */
MS_MUST_USE enum ms_rc ms_archive_load(struct ms_err *err);
const struct ms_archive *ms_archive(void); /* once it is loaded */

#define archive_entry_filetype ms_archive()->archive_entry_filetype
#define archive_entry_free ms_archive()->archive_entry_free
#define archive_entry_gid ms_archive()->archive_entry_gid
#define archive_entry_new ms_archive()->archive_entry_new
#define archive_entry_pathname ms_archive()->archive_entry_pathname
#define archive_entry_perm ms_archive()->archive_entry_perm
#define archive_entry_set_filetype ms_archive()->archive_entry_set_filetype
#define archive_entry_set_gid ms_archive()->archive_entry_set_gid
#define archive_entry_set_mtime ms_archive()->archive_entry_set_mtime
#define archive_entry_set_pathname ms_archive()->archive_entry_set_pathname
#define archive_entry_set_perm ms_archive()->archive_entry_set_perm
#define archive_entry_set_size ms_archive()->archive_entry_set_size
#define archive_entry_set_uid ms_archive()->archive_entry_set_uid
#define archive_entry_uid ms_archive()->archive_entry_uid
#define archive_error_string ms_archive()->archive_error_string
#define archive_read_data ms_archive()->archive_read_data
#define archive_read_free ms_archive()->archive_read_free
#define archive_read_new ms_archive()->archive_read_new
#define archive_read_next_header ms_archive()->archive_read_next_header
#define archive_read_open_filename ms_archive()->archive_read_open_filename
#define archive_read_support_format_tar ms_archive()->archive_read_support_format_tar
#define archive_write_close ms_archive()->archive_write_close
#define archive_write_data ms_archive()->archive_write_data
#define archive_write_free ms_archive()->archive_write_free
#define archive_write_header ms_archive()->archive_write_header
#define archive_write_new ms_archive()->archive_write_new
#define archive_write_open_fd ms_archive()->archive_write_open_fd
#define archive_write_set_format_pax_restricted ms_archive()->archive_write_set_format_pax_restricted

#endif
