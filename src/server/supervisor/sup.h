/* The supervisor: reads the configuration, opens the listening sockets, starts the roles with their channels, then watches.
 * It reads no frame. Capabilities that are left to it after its start: to set users of the roles it starts, and to signal them. */
#ifndef MS_SUPERVISOR_SUP_H
#define MS_SUPERVISOR_SUP_H
#include <stdio.h>
#include <sys/types.h>
#include "server/config.h"

#define SUP_LISTENERS_MAX MS_CONFIG_ITEMS_MAX
#define SUP_CHILDREN_MAX 80u
#define SUP_BACKLOG 4096

struct sup_user {
	uid_t uid;
	gid_t gid;
};
struct sup_child {
	enum ms_role_id role;
	unsigned index;
	pid_t pid; /* 0: not running */
	int ready_fd;
	bool ready;
};
struct sup {
	const struct ms_config *config;
	const char *config_path, *libexec, *state_dir;
	bool development, root; /* root: roles get users of their own */
	struct sup_user user[MS_ROLE_COUNT];
	int listener[SUP_LISTENERS_MAX];
	unsigned n_listeners;
	int signal_fd, notify_fd;
	struct sup_child child[SUP_CHILDREN_MAX];
	unsigned n_children;
};

/* listen.c: "1.2.3.4:443" or "[::1]:443" */
MS_MUST_USE enum ms_rc sup_listen_one(const char *address, int *ret, struct ms_err *err);
MS_MUST_USE enum ms_rc sup_listen_all(struct sup *s, struct ms_err *err);

/* prepare.c: users of the roles; directories with their owners and modes */
MS_MUST_USE enum ms_rc sup_find_user(const struct ms_config *c, enum ms_role_id id, struct sup_user *ret, struct ms_err *err);
MS_MUST_USE enum ms_rc sup_find_users(struct sup *s, struct ms_err *err);
MS_MUST_USE enum ms_rc sup_make_dirs(struct sup *s, struct ms_err *err);

/* spawn.c: the whole set of processes with all their channels; on an error those that were started are in s->child. */
MS_MUST_USE enum ms_rc sup_spawn_all(struct sup *s, struct ms_err *err);

/* watch.c: until SIGTERM or SIGINT. Starts the set, restarts it whole when any of it ends. */
MS_MUST_USE enum ms_rc sup_watch(struct sup *s, struct ms_err *err);

/* check.c: --check-config: prints a table; true when all is well. */
bool sup_check(const struct sup *s, FILE *out);

#endif
