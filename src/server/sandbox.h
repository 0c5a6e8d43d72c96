/* The way into a process's cage: no new privileges, not dumpable, no core files, own user, no capabilities, Landlock
 * file rules, a seccomp allow-list that kills. One function, one table of profiles; failing to set up is a refusal to start. */
#ifndef MS_SERVER_SANDBOX_H
#define MS_SERVER_SANDBOX_H
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "muster/rc.h"

enum ms_sandbox_profile {
	MS_SANDBOX_SUPERVISOR,       /* waits, signals its children */
	MS_SANDBOX_NET,              /* accepts on inherited sockets; no files */
	MS_SANDBOX_APPRAISER,        /* forks workers, makes their socket pairs */
	MS_SANDBOX_APPRAISER_WORKER, /* reads and writes one channel */
	MS_SANDBOX_CORE,             /* SQLite in its directory */
	MS_SANDBOX_NOTARY,           /* its leaf file */
	MS_SANDBOX_KEEPER,           /* no files after start */
	MS_SANDBOX_TOKEN,            /* what a PKCS#11 module needs in its directory; load the module before */
	MS_SANDBOX_AGENT_TPM,        /* the TPM's device or socket, opened before */
	MS_SANDBOX_PROFILE_COUNT
};

enum ms_sandbox_access { MS_SANDBOX_READ, MS_SANDBOX_WRITE };
struct ms_sandbox_path {
	const char *path; /* a directory or file that exists */
	enum ms_sandbox_access access;
};
/* A profile's system call filter, ready to be entered: for who enters the same one again and again. */
struct ms_sandbox_filter;
MS_MUST_USE enum ms_rc ms_sandbox_filter_new(enum ms_sandbox_profile p, struct ms_sandbox_filter **ret, struct ms_err *err);
void ms_sandbox_filter_free(struct ms_sandbox_filter *f);
MS_CLEANUP(struct ms_sandbox_filter, ms_sandbox_filter_free)

struct ms_sandbox {
	enum ms_sandbox_profile profile;
	const struct ms_sandbox_filter *filter; /* of that profile; NULL: it is made now */
	bool drop_user;                         /* become uid and gid, without supplementary groups; needs root */
	uid_t uid;                              /* not 0 when drop_user */
	gid_t gid;
	const struct ms_sandbox_path *paths; /* all that can be opened from now on; profiles without file calls refuse any */
	size_t n_paths;
	bool development; /* a kernel without Landlock is accepted, and only that */
};

/* Irreversible. On an error the process is in an undefined half-way state and must exit. */
MS_MUST_USE enum ms_rc ms_sandbox_enter(const struct ms_sandbox *s, struct ms_err *err);
const char *ms_sandbox_profile_name(enum ms_sandbox_profile p);

/* What this kernel offers, for --check-config. */
struct ms_sandbox_facts {
	int landlock_abi; /* 0: none */
	bool seccomp_filter, kill_process;
	bool root; /* roles can get users of their own */
};
void ms_sandbox_supported(struct ms_sandbox_facts *ret);

#endif
