/* What every role program (muster-net, muster-core, ...) does in main(): take over what the supervisor hands down, check it,
 * enter the sandbox, tell that it serves.
 *
 * Descriptors at exec: 0 /dev/null, 1 and 2 the log, 3 a sealed memory file with the role's configuration, 4 a pipe for the
 * ready byte, 5.. the channels in the order of the role's row in server/links.c (core: notary, keeper, appraiser, net 0..n-1),
 * then the listening sockets (net only). Everything above is closed. A role starts with the supervisor's user: it opens what it
 * may only open now (key files, PINs), then calls ms_role_enter(), then serves.
 *
 *	int main(void) {
 *		struct ms_err err;
 *		MS_OWN(ms_role_free) struct ms_role *role = NULL;
 *		if (ms_role_init(MS_ROLE_NOTARY, &role, &err) != MS_OK)
 *			return ms_role_die("notary.start", &err);
 *		... ms_role_get_text(role, "state_dir") ...
 *		if (ms_role_enter(role, paths, n_paths, &err) != MS_OK)
 *			return ms_role_die("notary.sandbox", &err);
 *		... open the state, make channels from ms_role_chan_fd(role, 0) ...
 *		ms_role_ready(role);
 *		... serve ...
 *	}
 */
#ifndef MS_SERVER_ROLE_H
#define MS_SERVER_ROLE_H
#include "base/bytes.h"
#include "server/links.h"
#include "server/sandbox.h"

struct ms_role;

/* Once, first thing in main(). Starts the log, makes the process not dumpable. MS_ROLE_NONE: a program that serves several
 * roles (muster-token) takes the one it was started as: ms_role_id(). */
MS_MUST_USE enum ms_rc ms_role_init(enum ms_role_id id, struct ms_role **ret, struct ms_err *err);
void ms_role_free(struct ms_role *r);
enum ms_role_id ms_role_id(const struct ms_role *r);
MS_CLEANUP(struct ms_role, ms_role_free)
/* Logs the error and returns the exit status for it (never 0). */
int ms_role_die(const char *event, const struct ms_err *err);

/* The configuration: a key that is absent or of another type reads as the default. Borrowed from the role. Every role has "state_dir"
 * (text: its own directory, mode 0700), "deployment_dir" (text: public files, read-only), "development" (bool), "log_level" (text).
 * The rest of the keys: server/config.c (column "roles"), under the name of the configuration key. */
const char *ms_role_get_text(const struct ms_role *r, const char *key, const char *absent);
uint64_t ms_role_get_uint(const struct ms_role *r, const char *key, uint64_t absent);
bool ms_role_get_bool(const struct ms_role *r, const char *key); /* absent is false */
/* Item i of a list of texts, NULL past its end. */
const char *ms_role_get_item(const struct ms_role *r, const char *key, size_t i);
/* As ms_role_get_text, but absence is MS_ERR_USAGE. */
MS_MUST_USE enum ms_rc ms_role_need_text(const struct ms_role *r, const char *key, const char **ret, struct ms_err *err);

/* Descriptors; -1 past the end. Taken by the caller, who gives them to ms_chan_new(). */
size_t ms_role_n_chans(const struct ms_role *r);
int ms_role_chan_fd(struct ms_role *r, size_t i);
enum ms_role_id ms_role_chan_peer(const struct ms_role *r, size_t i);
size_t ms_role_n_listeners(const struct ms_role *r);
int ms_role_listener_fd(struct ms_role *r, size_t i); /* non-blocking, listening */
unsigned ms_role_index(const struct ms_role *r);      /* net: 0..n-1; else 0 */

/* Into the role's sandbox profile; paths beyond the role's own (which has none) are named here. Irreversible; an error means: exit. */
MS_MUST_USE enum ms_rc ms_role_enter(const struct ms_role *r, const struct ms_sandbox_path *paths, size_t n_paths, struct ms_err *err);
/* Tell the supervisor that this role serves. Once. */
void ms_role_ready(struct ms_role *r);

#endif
