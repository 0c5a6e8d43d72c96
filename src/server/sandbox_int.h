/* Between sandbox.c and sandbox_seccomp.c. */
#ifndef MS_SERVER_SANDBOX_INT_H
#define MS_SERVER_SANDBOX_INT_H
#include <stdbool.h>
#include <stdint.h>
#include "server/sandbox.h"

/* System calls by purpose; the lists are in sandbox_seccomp.c. */
enum {
	MS_CALLS_BASE = 1u << 0,          /* read, write, memory without execution, time, signals of its own */
	MS_CALLS_CHAN = 1u << 1,          /* messages over sockets that are there */
	MS_CALLS_EVENT = 1u << 2,         /* epoll and its kin */
	MS_CALLS_ACCEPT = 1u << 3,        /* accept on inherited listeners */
	MS_CALLS_FILES_READ = 1u << 4,    /* open and look; Landlock says where */
	MS_CALLS_FILES_WRITE = 1u << 5,   /* change; Landlock says where */
	MS_CALLS_FILES_REFUSED = 1u << 6, /* a library that tries to open something is told EACCES, not killed */
	MS_CALLS_FORK = 1u << 7,          /* children without exec, unix socket pairs, and a cage for them */
	MS_CALLS_SPAWN = 1u << 8,         /* the supervisor: all of the above for its children before they enter theirs, and exec */
};
struct ms_sandbox_row {
	const char *name;
	uint32_t calls;
	bool paths;    /* may name paths */
	bool landlock; /* not the supervisor: its children inherit its rules */
	bool no_fork;  /* RLIMIT_NPROC 0 as well */
	bool dies_with_parent;
	uint64_t keep_caps; /* the supervisor's */
	unsigned nofile;    /* RLIMIT_NOFILE; 0 leaves it */
};
MS_MUST_USE enum ms_rc ms_sandbox_seccomp(const struct ms_sandbox_row *row, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_sandbox_filter_make(const struct ms_sandbox_row *row, struct ms_sandbox_filter **ret, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_sandbox_filter_load(const struct ms_sandbox_filter *f, struct ms_err *err);

#endif
