/* Allow-lists of system calls: what is not named kills the process. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io.h"
#include "server/sandbox_int.h"

#define NAMES_MAX 96
struct group {
	uint32_t bit;
	uint32_t action; /* 0: allow */
	const char *names[NAMES_MAX];
};

static const struct group groups[] = {
    {MS_CALLS_BASE, 0,
	{"read", "write", "readv", "writev", "close", "exit", "exit_group", "rt_sigreturn", "rt_sigaction", "rt_sigprocmask", "sigaltstack",
	    "futex", "brk", "munmap", "mremap", "madvise", "mlock", "mlock2", "munlock", "clock_gettime", "clock_getres", "clock_nanosleep",
	    "nanosleep", "gettimeofday", "time", "getpid", "getppid", "gettid", "getuid", "geteuid", "getgid", "getegid", "getrandom",
	    "restart_syscall", "poll", "ppoll", "fstat", "lseek", "getrusage", "sysinfo", "sched_yield", "sched_getaffinity", "getrlimit",
	    "fcntl", "dup", "membarrier", "rseq", "uname", "alarm", "setitimer"}},
    {MS_CALLS_CHAN, 0, {"recvmsg", "sendmsg", "recvfrom", "recv", "shutdown", "getsockopt"}},
    {MS_CALLS_EVENT, 0,
	{"epoll_create1", "epoll_create", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd2", "timerfd_create",
	    "timerfd_settime", "timerfd_gettime", "signalfd4", "pipe2"}},
    {MS_CALLS_ACCEPT, 0, {"accept4", "accept", "getpeername", "getsockname", "setsockopt"}},
    {MS_CALLS_FILES_READ, 0,
	{"open", "openat", "pread64", "preadv", "stat", "lstat", "newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat",
	    "faccessat2", "readlink", "readlinkat", "getdents64", "getdents", "getcwd", "fadvise64"}},
    {MS_CALLS_FILES_WRITE, 0,
	{"pwrite64", "pwritev", "ftruncate", "fsync", "fdatasync", "sync_file_range", "fallocate", "rename", "renameat", "renameat2",
	    "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "fchmod", "chmod", "fchmodat", "umask", "flock", "msync", "utimensat",
	    "fchown"}},
    {MS_CALLS_FILES_REFUSED, SCMP_ACT_ERRNO(EACCES),
	{"open", "openat", "openat2", "stat", "lstat", "statx", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "statfs"}},
    {MS_CALLS_FORK, 0,
	{"wait4", "waitid", "kill", "set_robust_list", "close_range", "prctl", "seccomp", "landlock_create_ruleset",
	    "landlock_restrict_self", "landlock_add_rule", "setrlimit", "prlimit64", "capget", "capset", "dup2", "dup3"}},
    {MS_CALLS_FORK, SCMP_ACT_ERRNO(ENOSYS), {"clone3"}}, /* its flags are behind a pointer: glibc falls back to clone */
    {MS_CALLS_SPAWN, 0,
	{"execve", "execveat", "vfork", "pidfd_open", "pidfd_send_signal", "setuid", "setgid", "setresuid", "setresgid", "setgroups",
	    "getresuid", "getresgid", "getgroups", "mlockall", "arch_prctl", "set_tid_address", "memfd_create", "tgkill", "mmap",
	    "mprotect", "getpgrp", "setsid", "chdir", "fchdir", "getsockname", "bind", "connect", "socket", "pipe", "chown", "fchownat",
	    "mknod", "times", "socketpair", "sendto", "umask", "clone", "mincore", "getpriority", "setpriority", "rt_sigtimedwait",
	    "rt_sigsuspend", "personality", "sched_getparam", "sched_getscheduler", "get_mempolicy", "getxattr", "lgetxattr"}},
#ifdef MS_TEST_SHIM
    {MS_CALLS_FILES_WRITE, 0, {"link", "linkat"}}, /* the crash test's shim keeps removed files by a second name */
#endif
#ifdef MS_SANITIZED
    /* what the sanitizers' run time calls to report, and for its shadow memory */
    {MS_CALLS_BASE, 0, {"prctl", "tgkill", "pipe2", "getpgrp", "getcwd", "ioctl", "rt_sigtimedwait", "prlimit64"}},
#endif
};

static enum ms_rc
fail_at(struct ms_err *err, int rc, const char *name)
{
	return ms_fail(err, MS_ERR_UNAVAILABLE, "seccomp: %s: %s", name, strerror(-rc));
}

static enum ms_rc
add_group(scmp_filter_ctx ctx, const struct group *g, struct ms_err *err)
{
	uint32_t action = g->action != 0 ? g->action : SCMP_ACT_ALLOW;
	for (size_t i = 0; i < NAMES_MAX && g->names[i] != NULL; i++) {
		int nr = seccomp_syscall_resolve_name(g->names[i]);
		if (nr == __NR_SCMP_ERROR)
			continue; /* not in this libseccomp: stays forbidden */
		int rc = seccomp_rule_add(ctx, action, nr, 0);
		if (rc != 0 && rc != -EDOM) /* -EDOM: not a call of this architecture */
			return fail_at(err, rc, g->names[i]);
	}
	return MS_OK;
}

/* Calls that are allowed for some values of one argument. */
struct narrow {
	uint32_t bit;
	uint32_t not_with; /* another group allows the call whole */
	const char *name;
	struct scmp_arg_cmp cmp;
};
#define CLONE_FORBIDDEN \
	((uint64_t)(CLONE_VM | CLONE_PTRACE | CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | \
		    CLONE_NEWNET))

static const struct narrow narrow[] = {
    {MS_CALLS_BASE, MS_CALLS_SPAWN, "mmap", {.arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC, .datum_b = 0}},
    {MS_CALLS_BASE, MS_CALLS_SPAWN, "mprotect", {.arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC, .datum_b = 0}},
    /* glibc's fstat() */
    {MS_CALLS_BASE, MS_CALLS_FILES_READ, "newfstatat",
	{.arg = 3, .op = SCMP_CMP_MASKED_EQ, .datum_a = AT_EMPTY_PATH, .datum_b = AT_EMPTY_PATH}},
    /* reading a limit, as sysconf() does */
    {MS_CALLS_BASE, MS_CALLS_FORK, "prlimit64", {.arg = 2, .op = SCMP_CMP_EQ, .datum_a = 0, .datum_b = 0}},
    /* send(): no address */
    {MS_CALLS_CHAN, MS_CALLS_SPAWN, "sendto", {.arg = 4, .op = SCMP_CMP_EQ, .datum_a = 0, .datum_b = 0}},
    {MS_CALLS_FORK, MS_CALLS_SPAWN, "socketpair", {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = AF_UNIX, .datum_b = 0}},
    {MS_CALLS_FORK, MS_CALLS_SPAWN, "clone", {.arg = 0, .op = SCMP_CMP_MASKED_EQ, .datum_a = CLONE_FORBIDDEN, .datum_b = 0}},
};

static enum ms_rc
add_narrow(scmp_filter_ctx ctx, uint32_t calls, struct ms_err *err)
{
	for (size_t i = 0; i < sizeof narrow / sizeof *narrow; i++) {
		if ((calls & narrow[i].bit) == 0 || (calls & narrow[i].not_with) != 0)
			continue;
		int rc = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, seccomp_syscall_resolve_name(narrow[i].name), 1, &narrow[i].cmp);
		if (rc != 0)
			return fail_at(err, rc, narrow[i].name);
	}
	return MS_OK;
}

static enum ms_rc
fill_filter(scmp_filter_ctx ctx, const struct ms_sandbox_row *row, struct ms_err *err)
{
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
		if ((row->calls & groups[i].bit) != 0) {
			enum ms_rc rc = add_group(ctx, &groups[i], err);
			if (rc != MS_OK)
				return rc;
		}
	return add_narrow(ctx, row->calls, err);
}

static enum ms_rc
compile(const struct ms_sandbox_row *row, scmp_filter_ctx *ret, struct ms_err *err)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (ctx == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "seccomp");
	enum ms_rc rc = fill_filter(ctx, row, err);
	int e = rc == MS_OK ? seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2) : 0; /* a tree: the hot calls are not at its end */
	if (rc == MS_OK && e != 0)
		rc = fail_at(err, e, "optimise");
	if (rc == MS_OK)
		*ret = ctx;
	else
		seccomp_release(ctx);
	return rc;
}

enum ms_rc
ms_sandbox_seccomp(const struct ms_sandbox_row *row, struct ms_err *err)
{
	scmp_filter_ctx ctx = NULL;
	enum ms_rc rc = compile(row, &ctx, err);
	if (rc != MS_OK)
		return rc;
	int e = seccomp_load(ctx);
	seccomp_release(ctx);
	return e == 0 ? MS_OK : fail_at(err, e, "load");
}

/* ---- made once, entered often ---- */

struct ms_sandbox_filter {
	struct sock_fprog program;
	struct sock_filter code[];
};

void
ms_sandbox_filter_free(struct ms_sandbox_filter *f)
{
	free(f);
}

static enum ms_rc
read_program(int fd, struct ms_sandbox_filter **ret, struct ms_err *err)
{
	off_t len = lseek(fd, 0, SEEK_END);
	size_t n = len > 0 ? (size_t)len / sizeof(struct sock_filter) : 0;
	if (n == 0 || n > BPF_MAXINSNS || (size_t)len % sizeof(struct sock_filter) != 0)
		return ms_fail(err, MS_ERR_UNAVAILABLE, "seccomp: a filter of %lld bytes", (long long)len);
	MS_OWN(ms_sandbox_filter_free) struct ms_sandbox_filter *f = malloc(sizeof *f + (size_t)len);
	if (f == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "seccomp");
	if (pread(fd, f->code, (size_t)len, 0) != len)
		return ms_fail(err, MS_ERR_UNAVAILABLE, "seccomp: read: %s", strerror(errno));
	f->program = (struct sock_fprog){.len = (unsigned short)n, .filter = f->code};
	*ret = f;
	f = NULL;
	return MS_OK;
}

enum ms_rc
ms_sandbox_filter_make(const struct ms_sandbox_row *row, struct ms_sandbox_filter **ret, struct ms_err *err)
{
	scmp_filter_ctx ctx = NULL;
	MS_OWN(ms_fd_close) ms_fd fd = memfd_create("filter", MFD_CLOEXEC);
	if (fd < 0)
		return ms_fail(err, MS_ERR_UNAVAILABLE, "memfd_create: %s", strerror(errno));
	enum ms_rc rc = compile(row, &ctx, err);
	if (rc != MS_OK)
		return rc;
	int e = seccomp_export_bpf(ctx, fd);
	seccomp_release(ctx);
	return e == 0 ? read_program(fd, ret, err) : fail_at(err, e, "export");
}

enum ms_rc
ms_sandbox_filter_load(const struct ms_sandbox_filter *f, struct ms_err *err)
{
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &f->program) == 0 ? MS_OK : fail_at(err, -errno, "load");
}
