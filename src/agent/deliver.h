/* Handing a secret to the services of this machine: as a file of mode 0400 in memory that is never swapped (I9). */
#ifndef MS_AGENT_DELIVER_H
#define MS_AGENT_DELIVER_H
#include "base/secret.h"

#define MS_DELIVER_DIR "/run/muster-agent"

/* Replace `path` atomically. Its directory must be on ramfs, or on tmpfs mounted noswap: MS_ERR_DENIED otherwise, and the text says
 * how to mount one. MS_ERR_NOT_FOUND: no such directory. */
MS_MUST_USE enum ms_rc ms_deliver_file(const char *path, const struct ms_secret *value, struct ms_err *err);
/* Below `dir`, under the secret's own path ("a/b" is dir/a/b); directories are made (0700). The file's name is in out. */
MS_MUST_USE enum ms_rc ms_deliver_below(
    const char *dir, struct ms_span path, const struct ms_secret *value, char *out, size_t out_cap, struct ms_err *err);
/* MS_ERR_USAGE when it is a terminal. */
MS_MUST_USE enum ms_rc ms_deliver_stdout(const struct ms_secret *value, struct ms_err *err);

#endif
