#include "server/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io.h"
#include "server/sandbox_int.h"

/* Rights and fields that are younger than the headers we build with. */
#define ACCESS_TRUNCATE (1ULL << 14)  /* ABI 3 */
#define ACCESS_IOCTL_DEV (1ULL << 15) /* ABI 5 */
#define NET_BIND_CONNECT 3ULL         /* ABI 4: bind and connect of TCP */
#define SCOPE_ALL 3ULL                /* ABI 6: abstract unix sockets, signals */
struct ruleset_attr {
	uint64_t handled_access_fs, handled_access_net, scoped;
};
#define READ_ACCESS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE_ACCESS \
	(READ_ACCESS | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR | \
	    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REFER | ACCESS_TRUNCATE)
#define FILE_ACCESS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | ACCESS_TRUNCATE)
#define CAP(c) (UINT64_C(1) << (c))

#define SMALL (MS_CALLS_BASE | MS_CALLS_CHAN)
#define FILES (MS_CALLS_FILES_READ | MS_CALLS_FILES_WRITE)

static const struct ms_sandbox_row profiles[MS_SANDBOX_PROFILE_COUNT] = {
    [MS_SANDBOX_SUPERVISOR] = {.name = "supervisor",
	.calls = SMALL | MS_CALLS_EVENT | MS_CALLS_ACCEPT | FILES | MS_CALLS_FORK | MS_CALLS_SPAWN,
	.keep_caps = CAP(CAP_KILL) | CAP(CAP_SETUID) | CAP(CAP_SETGID) | CAP(CAP_SETPCAP) | CAP(CAP_IPC_LOCK) | CAP(CAP_DAC_READ_SEARCH)},
    [MS_SANDBOX_NET] = {.name = "net",
	.calls = SMALL | MS_CALLS_EVENT | MS_CALLS_ACCEPT | MS_CALLS_FILES_REFUSED,
	.landlock = true,
	.no_fork = true,
	.dies_with_parent = true},
    [MS_SANDBOX_APPRAISER] = {.name = "appraiser",
	.calls = SMALL | MS_CALLS_EVENT | MS_CALLS_FORK,
	.landlock = true,
	.dies_with_parent = true},
    [MS_SANDBOX_APPRAISER_WORKER] =
	{.name = "appraiser-worker", .calls = SMALL, .landlock = true, .no_fork = true, .dies_with_parent = true, .nofile = 16},
    [MS_SANDBOX_CORE] = {.name = "core",
	.calls = SMALL | MS_CALLS_EVENT | FILES,
	.paths = true,
	.landlock = true,
	.no_fork = true,
	.dies_with_parent = true},
    [MS_SANDBOX_NOTARY] = {.name = "notary",
	.calls = SMALL | MS_CALLS_EVENT | FILES,
	.paths = true,
	.landlock = true,
	.no_fork = true,
	.dies_with_parent = true},
    [MS_SANDBOX_KEEPER] = {.name = "keeper",
	.calls = SMALL | MS_CALLS_EVENT | MS_CALLS_FILES_REFUSED,
	.landlock = true,
	.no_fork = true,
	.dies_with_parent = true},
    [MS_SANDBOX_TOKEN] =
	{.name = "token", .calls = SMALL | FILES, .paths = true, .landlock = true, .no_fork = true, .dies_with_parent = true},
    [MS_SANDBOX_AGENT_TPM] = {.name = "agent-tpm",
	.calls = SMALL | MS_CALLS_EVENT | MS_CALLS_FILES_REFUSED,
	.landlock = true,
	.no_fork = true,
	.dies_with_parent = true},
};

#ifdef MS_SANITIZED
/* The leak checker traces its own process, which nobody may in here. */
int __lsan_is_turned_off(void);
int
__lsan_is_turned_off(void)
{
	return 1;
}
#endif

const char *
ms_sandbox_profile_name(enum ms_sandbox_profile p)
{
	return (unsigned)p < MS_SANDBOX_PROFILE_COUNT ? profiles[p].name : "?";
}

static enum ms_rc
fail_errno(struct ms_err *err, const char *what)
{
	return ms_fail(err, MS_ERR_UNAVAILABLE, "%s: %s", what, strerror(errno));
}

static enum ms_rc
set_limit(int which, const char *name, rlim_t n, struct ms_err *err)
{
	const struct rlimit lim = {.rlim_cur = n, .rlim_max = n};
	return setrlimit((__rlimit_resource_t)which, &lim) == 0 ? MS_OK : fail_errno(err, name);
}

static enum ms_rc
set_limits(const struct ms_sandbox_row *row, struct ms_err *err)
{
	enum ms_rc rc = set_limit(RLIMIT_CORE, "RLIMIT_CORE", 0, err);
	struct rlimit now;
	if (rc != MS_OK || row->nofile == 0)
		return rc;
	if (getrlimit(RLIMIT_NOFILE, &now) != 0)
		return fail_errno(err, "RLIMIT_NOFILE");
	return set_limit(RLIMIT_NOFILE, "RLIMIT_NOFILE", row->nofile < now.rlim_max ? row->nofile : now.rlim_max, err);
}

/* `keep` stays usable in this process; `bounding` is all that it or its children can ever have again. */
static enum ms_rc
set_caps(uint64_t bounding, uint64_t keep, struct ms_err *err)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2] = {0}, got[2];
	for (int c = 0; c <= 63; c++) {
		int has = prctl(PR_CAPBSET_READ, c, 0, 0, 0);
		if (has < 0)
			break; /* past the last that the kernel knows */
		if (has == 1 && (bounding & CAP(c)) == 0 && prctl(PR_CAPBSET_DROP, c, 0, 0, 0) != 0 && geteuid() == 0)
			return fail_errno(err, "capability bounding set");
	}
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
		return fail_errno(err, "ambient capabilities");
	if (syscall(SYS_capget, &h, got) != 0)
		return fail_errno(err, "capget");
	for (unsigned i = 0; i < 2; i++)
		d[i].effective = d[i].permitted = got[i].permitted & (uint32_t)(keep >> (32 * i));
	if (syscall(SYS_capset, &h, d) != 0 || syscall(SYS_capget, &h, got) != 0)
		return fail_errno(err, "capset");
	for (unsigned i = 0; i < 2; i++)
		if ((got[i].permitted & ~(uint32_t)(keep >> (32 * i))) != 0 || got[i].effective != d[i].effective ||
		    got[i].inheritable != 0)
			return ms_fail(err, MS_ERR_UNAVAILABLE, "capabilities were not dropped");
	return MS_OK;
}

static enum ms_rc
drop_user(const struct ms_sandbox *s, struct ms_err *err)
{
	uid_t ru, eu, su;
	gid_t rg, eg, sg;
	if (!s->drop_user)
		return MS_OK;
	if (s->uid == 0 || s->gid == 0)
		return ms_fail(err, MS_ERR_USAGE, "a role cannot run as root");
	if (setgroups(0, NULL) != 0 || setresgid(s->gid, s->gid, s->gid) != 0 || setresuid(s->uid, s->uid, s->uid) != 0)
		return fail_errno(err, "drop user");
	if (getresuid(&ru, &eu, &su) != 0 || getresgid(&rg, &eg, &sg) != 0 || getgroups(0, NULL) != 0)
		return ms_fail(err, MS_ERR_UNAVAILABLE, "user or groups were not dropped");
	if (ru != s->uid || eu != s->uid || su != s->uid || rg != s->gid || eg != s->gid || sg != s->gid || setuid(0) == 0)
		return ms_fail(err, MS_ERR_UNAVAILABLE, "user was not dropped");
	return MS_OK;
}

static uint64_t
handled_access(int abi)
{
	uint64_t all = LANDLOCK_ACCESS_FS_EXECUTE | WRITE_ACCESS | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_SOCK |
		       LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM | ACCESS_IOCTL_DEV;
	if (abi < 5)
		all &= ~ACCESS_IOCTL_DEV;
	if (abi < 3)
		all &= ~ACCESS_TRUNCATE;
	if (abi < 2)
		all &= ~LANDLOCK_ACCESS_FS_REFER;
	return all;
}

static enum ms_rc
add_path(int ruleset, const struct ms_sandbox_path *p, uint64_t handled, struct ms_err *err)
{
	MS_OWN(ms_fd_close) ms_fd fd = open(p->path, O_PATH | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) != 0)
		return fail_errno(err, p->path);
	uint64_t access = (p->access == MS_SANDBOX_WRITE ? WRITE_ACCESS : READ_ACCESS) & handled;
	if (!S_ISDIR(st.st_mode))
		access &= FILE_ACCESS;
	const struct landlock_path_beneath_attr attr = {.allowed_access = access, .parent_fd = fd};
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &attr, 0) != 0)
		return fail_errno(err, "landlock_add_rule");
	return MS_OK;
}

#ifdef MS_TEST_SHIM
/* Where tests/support/dropshim.c, preloaded into a test build, keeps what a crash takes back. */
static enum ms_rc
add_shim_journal(int ruleset, uint64_t handled, struct ms_err *err)
{
	const struct ms_sandbox_path p = {.path = getenv("DROPSHIM_JOURNAL"), .access = MS_SANDBOX_WRITE};
	return p.path == NULL ? MS_OK : add_path(ruleset, &p, handled, err);
}
#endif

static int
landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	return abi > 0 ? (int)abi : 0;
}

static enum ms_rc
enter_landlock(const struct ms_sandbox *s, const struct ms_sandbox_row *row, struct ms_err *err)
{
	if (s->n_paths > 0 && !row->paths)
		return ms_fail(err, MS_ERR_USAGE, "%s opens no files", row->name);
	if (!row->landlock)
		return MS_OK;
	int abi = landlock_abi();
	if (abi == 0)
		return s->development
			   ? MS_OK
			   : ms_fail(err, MS_ERR_UNAVAILABLE, "this kernel has no Landlock (musterd --development goes on without)");
	const struct ruleset_attr attr = {.handled_access_fs = handled_access(abi),
	    .handled_access_net = abi >= 4 ? NET_BIND_CONNECT : 0,
	    .scoped = abi >= 6 ? SCOPE_ALL : 0};
	size_t size = abi >= 6   ? sizeof attr
		      : abi >= 4 ? offsetof(struct ruleset_attr, scoped)
				 : offsetof(struct ruleset_attr, handled_access_net);
	MS_OWN(ms_fd_close) ms_fd ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (ruleset < 0)
		return fail_errno(err, "landlock_create_ruleset");
	for (size_t i = 0; i < s->n_paths; i++) {
		enum ms_rc rc = add_path(ruleset, &s->paths[i], attr.handled_access_fs, err);
		if (rc != MS_OK)
			return rc;
	}
#ifdef MS_TEST_SHIM
	enum ms_rc shim = row->paths ? add_shim_journal(ruleset, attr.handled_access_fs, err) : MS_OK;
	if (shim != MS_OK)
		return shim;
#endif
	return syscall(SYS_landlock_restrict_self, ruleset, 0) == 0 ? MS_OK : fail_errno(err, "landlock_restrict_self");
}

/* A change of user clears these: they are set after it. */
static enum ms_rc
set_process_flags(const struct ms_sandbox_row *row, pid_t parent, struct ms_err *err)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return fail_errno(err, "PR_SET_DUMPABLE");
	if (!row->dies_with_parent)
		return MS_OK;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		return fail_errno(err, "PR_SET_PDEATHSIG");
	if (getppid() != parent)
		return ms_fail(err, MS_ERR_UNAVAILABLE, "the parent process is gone");
	return MS_OK;
}

enum ms_rc
ms_sandbox_enter(const struct ms_sandbox *s, struct ms_err *err)
{
	if ((unsigned)s->profile >= MS_SANDBOX_PROFILE_COUNT)
		return ms_fail(err, MS_ERR_INTERNAL, "no such sandbox profile");
	const struct ms_sandbox_row *row = &profiles[s->profile];
	const pid_t parent = getppid();
	enum ms_rc rc;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return fail_errno(err, "PR_SET_NO_NEW_PRIVS");
	if ((rc = set_limits(row, err)) != MS_OK)
		return rc;
	/* the bounding set goes while we still may; what is permitted goes with the user */
	if (s->drop_user && (rc = set_caps(0, CAP(CAP_SETUID) | CAP(CAP_SETGID), err)) != MS_OK)
		return rc;
	if ((rc = drop_user(s, err)) != MS_OK || (rc = set_caps(row->keep_caps, row->keep_caps, err)) != MS_OK)
		return rc;
	if (row->no_fork && geteuid() != 0 && (rc = set_limit(RLIMIT_NPROC, "RLIMIT_NPROC", 0, err)) != MS_OK)
		return rc;
	if ((rc = set_process_flags(row, parent, err)) != MS_OK || (rc = enter_landlock(s, row, err)) != MS_OK)
		return rc;
	return s->filter != NULL ? ms_sandbox_filter_load(s->filter, err) : ms_sandbox_seccomp(row, err);
}

enum ms_rc
ms_sandbox_filter_new(enum ms_sandbox_profile p, struct ms_sandbox_filter **ret, struct ms_err *err)
{
	return (unsigned)p < MS_SANDBOX_PROFILE_COUNT ? ms_sandbox_filter_make(&profiles[p], ret, err)
						      : ms_fail(err, MS_ERR_INTERNAL, "no such sandbox profile");
}

void
ms_sandbox_supported(struct ms_sandbox_facts *ret)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;
	*ret = (struct ms_sandbox_facts){.landlock_abi = landlock_abi(), .root = geteuid() == 0};
	ret->kill_process = syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
	ret->seccomp_filter = prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
}
