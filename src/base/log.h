/* Operational log of a process, key=value lines on standard error. Not the audit log: that is audit/.
 * Library code logs nothing above debug; the outermost caller logs an error once. Never a secret. */
#ifndef MS_LOG_H
#define MS_LOG_H
#include "muster/rc.h"

enum ms_log_level { MS_LOG_ERROR, MS_LOG_WARN, MS_LOG_INFO, MS_LOG_DEBUG };

/* Once, from main(): `role` is a static string. */
void ms_log_init(const char *role, enum ms_log_level max);
/* ms_log(MS_LOG_INFO, "net.listen", "port=%u", port): `event` is a stable id listed in musterd(8).
 * Control and non-ASCII bytes of the formatted text are escaped; at most 20 lines of one event a second. */
void ms_log(enum ms_log_level level, const char *event, const char *fmt, ...) MS_PRINTF(3, 4);

#endif
