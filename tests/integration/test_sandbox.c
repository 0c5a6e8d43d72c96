/* Enters each profile in a child, tries what no role may, and looks at how the child ended. Runs as root (users are
 * dropped) and without. */
#include "support/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "server/sandbox.h"

#define PROBE_UID 64123u
#define REFUSED 7 /* the probe's exit status: the call failed, as it should */
#define DONE 8    /* the call succeeded */

typedef long (*probe_fn)(void);

static long
probe_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}
static long
probe_unix_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}
static long
probe_connect(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = 1};
	return connect(0, (struct sockaddr *)&a, sizeof a);
}
static long
probe_execve(void)
{
	char *argv[] = {NULL};
	return execve("/bin/true", argv, argv);
}
static long
probe_open(void)
{
	return open("/etc/hostname", O_RDONLY | O_CLOEXEC);
}
static long
probe_create(void)
{
	return open("/tmp/muster-sandbox-probe", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}
static long
probe_ptrace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}
static long
probe_mprotect(void)
{
	static char page[8192];
	char *p = (char *)(((uintptr_t)page + 4095) & ~(uintptr_t)4095);
	return mprotect(p, 4096, PROT_READ | PROT_EXEC);
}
static long
probe_mmap_exec(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
}
static long
probe_setuid(void)
{
	return setuid(0);
}
static long
probe_unshare(void)
{
	return syscall(SYS_unshare, 0x10000000);
}
static long
probe_bpf(void)
{
	return syscall(SYS_bpf, 0, NULL, 0);
}
static long
probe_kill_parent(void)
{
	return kill(getppid(), 0);
}
static long
probe_vm_read(void)
{
	return syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0);
}
static long
probe_io_uring(void)
{
	return syscall(SYS_io_uring_setup, 1, NULL);
}
static long
probe_fork(void)
{
	return fork();
}

#define P(p) (1u << MS_SANDBOX_##p)
#define ALL_ROLES (P(NET) | P(APPRAISER) | P(APPRAISER_WORKER) | P(CORE) | P(NOTARY) | P(KEEPER) | P(TOKEN) | P(AGENT_TPM))
/* in `dies` the call kills; in `refused` it fails; elsewhere it is not tried */
static const struct probe {
	const char *name;
	probe_fn fn;
	unsigned dies, refused;
} probes[] = {
    {"socket(AF_INET)", probe_socket, ALL_ROLES, 0},
    {"socket(AF_UNIX)", probe_unix_socket, ALL_ROLES, 0},
    {"connect", probe_connect, ALL_ROLES, 0},
    {"execve", probe_execve, ALL_ROLES, 0},
    {"open for reading", probe_open, P(APPRAISER) | P(APPRAISER_WORKER),
	P(NET) | P(CORE) | P(NOTARY) | P(KEEPER) | P(TOKEN) | P(AGENT_TPM)},
    {"open for writing", probe_create, P(APPRAISER) | P(APPRAISER_WORKER),
	P(NET) | P(CORE) | P(NOTARY) | P(KEEPER) | P(TOKEN) | P(AGENT_TPM)},
    {"ptrace", probe_ptrace, ALL_ROLES | P(SUPERVISOR), 0},
    {"mprotect(PROT_EXEC)", probe_mprotect, ALL_ROLES, 0},
    {"mmap(PROT_EXEC)", probe_mmap_exec, ALL_ROLES, 0},
    {"setuid(0)", probe_setuid, ALL_ROLES, 0},
    {"unshare", probe_unshare, ALL_ROLES | P(SUPERVISOR), 0},
    {"bpf", probe_bpf, ALL_ROLES | P(SUPERVISOR), 0},
    {"kill(parent)", probe_kill_parent, ALL_ROLES & ~P(APPRAISER), P(APPRAISER)},
    {"process_vm_readv", probe_vm_read, ALL_ROLES | P(SUPERVISOR), 0},
    {"io_uring_setup", probe_io_uring, ALL_ROLES | P(SUPERVISOR), 0},
    {"fork", probe_fork, ALL_ROLES & ~P(APPRAISER), 0},
};

static struct ms_sandbox
cage(enum ms_sandbox_profile p, const struct ms_sandbox_path *paths, size_t n)
{
	bool root = geteuid() == 0 && p != MS_SANDBOX_SUPERVISOR;
	return (struct ms_sandbox){.profile = p,
	    .drop_user = root,
	    .uid = root ? PROBE_UID : 0,
	    .gid = root ? PROBE_UID : 0,
	    .paths = paths,
	    .n_paths = n,
	    .development = !root};
}

/* How a child ends that enters p and calls fn: a wait status. */
static int
run_with(const struct ms_sandbox_filter *filter, enum ms_sandbox_profile p, const struct ms_sandbox_path *paths, size_t n, probe_fn fn)
{
	int status;
	(void)fflush(NULL);
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		struct ms_err err;
		struct ms_sandbox s = cage(p, paths, n);
		s.filter = filter;
		if (ms_sandbox_enter(&s, &err) != MS_OK) {
			(void)dprintf(2, "%s: %s\n", ms_sandbox_profile_name(p), err.text);
			_exit(1);
		}
		_exit(fn() < 0 ? REFUSED : DONE);
	}
	CHECK_INT(waitpid(child, &status, 0), child);
	return status;
}

static int
run(enum ms_sandbox_profile p, const struct ms_sandbox_path *paths, size_t n, probe_fn fn)
{
	return run_with(NULL, p, paths, n, fn);
}

static long
probe_nothing(void)
{
	return 0;
}

static long
probe_status(void)
{
	char path[64], text[8192];
	(void)snprintf(path, sizeof path, "/proc/self/status");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
	if (n < 0)
		return -1;
	text[n] = '\0';
	return strstr(text, "NoNewPrivs:\t1\n") != NULL && strstr(text, "Seccomp:\t2\n") != NULL ? 0 : -1;
}

MS_TEST(every_profile_can_be_entered_and_left)
{
	for (unsigned p = 0; p < MS_SANDBOX_PROFILE_COUNT; p++) {
		int status = run((enum ms_sandbox_profile)p, NULL, 0, probe_nothing);
		CHECK(WIFEXITED(status));
		CHECK_INT(WEXITSTATUS(status), DONE);
	}
}

static unsigned
wrong_probes(enum ms_sandbox_profile p, const struct ms_sandbox_filter *filter)
{
	unsigned wrong = 0;
	for (size_t i = 0; i < sizeof probes / sizeof *probes; i++) {
		if (((probes[i].dies | probes[i].refused) & (1u << p)) == 0)
			continue;
		int status = run_with(filter, p, NULL, 0, probes[i].fn);
		bool died = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
		bool refused = WIFEXITED(status) && WEXITSTATUS(status) == REFUSED;
		if ((probes[i].dies & (1u << p)) != 0 ? !died : !refused) {
			print_error("%s: %s: wait status 0x%x\n", ms_sandbox_profile_name(p), probes[i].name, (unsigned)status);
			wrong++;
		}
	}
	return wrong;
}

MS_TEST(no_profile_lets_a_forbidden_call_through)
{
	unsigned wrong = 0;
	for (unsigned p = 0; p < MS_SANDBOX_PROFILE_COUNT; p++)
		wrong += wrong_probes((enum ms_sandbox_profile)p, NULL);
	CHECK_INT(wrong, 0);
}

MS_TEST(a_filter_that_was_made_before_lets_no_forbidden_call_through)
{
	struct ms_err err;
	MS_OWN(ms_sandbox_filter_free) struct ms_sandbox_filter *filter = NULL;
	CHECK_OK(ms_sandbox_filter_new(MS_SANDBOX_APPRAISER_WORKER, &filter, &err), &err);
	CHECK_INT(wrong_probes(MS_SANDBOX_APPRAISER_WORKER, filter), 0);
	CHECK_INT(WEXITSTATUS(run_with(filter, MS_SANDBOX_APPRAISER_WORKER, NULL, 0, probe_nothing)), DONE);
}

MS_TEST(the_supervisor_has_seccomp_2_and_no_new_privs)
{
	int status = run(MS_SANDBOX_SUPERVISOR, NULL, 0, probe_status);
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), DONE);
}

static char given_dir[] = "/tmp/muster-sandbox-XXXXXX";
static char given_file[64];

static long
probe_given_write(void)
{
	int fd = open(given_file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	return fd >= 0 && write(fd, "x", 1) == 1 && fsync(fd) == 0 && unlink(given_file) == 0 ? 0 : -1;
}
static long
probe_given_read(void)
{
	return open(given_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

MS_TEST(a_named_directory_is_open_for_what_it_was_named_for_and_no_more)
{
	struct ms_sandbox_facts facts;
	ms_sandbox_supported(&facts);
	if (facts.landlock_abi == 0)
		skip();
	CHECK(mkdtemp(given_dir) != NULL);
	if (geteuid() == 0)
		CHECK_INT(chown(given_dir, PROBE_UID, PROBE_UID), 0);
	(void)snprintf(given_file, sizeof given_file, "%s/f", given_dir);
	struct ms_sandbox_path path = {.path = given_dir, .access = MS_SANDBOX_WRITE};
	CHECK_INT(WEXITSTATUS(run(MS_SANDBOX_CORE, &path, 1, probe_given_write)), DONE);
	CHECK_INT(WEXITSTATUS(run(MS_SANDBOX_CORE, &path, 1, probe_create)), REFUSED);
	path.access = MS_SANDBOX_READ;
	CHECK_INT(WEXITSTATUS(run(MS_SANDBOX_CORE, &path, 1, probe_given_read)), DONE);
	CHECK_INT(WEXITSTATUS(run(MS_SANDBOX_CORE, &path, 1, probe_given_write)), REFUSED);
	CHECK_INT(rmdir(given_dir), 0);
}

MS_TEST(a_profile_without_files_refuses_a_path_and_a_missing_path_refuses_to_start)
{
	struct ms_sandbox_path path = {.path = "/tmp", .access = MS_SANDBOX_READ};
	CHECK_INT(WEXITSTATUS(run(MS_SANDBOX_KEEPER, &path, 1, probe_nothing)), 1);
	CHECK_INT(WEXITSTATUS(run(MS_SANDBOX_NET, &path, 1, probe_nothing)), 1);
	path.path = "/tmp/muster-is-not-there";
	CHECK_INT(WEXITSTATUS(run(MS_SANDBOX_CORE, &path, 1, probe_nothing)), 1);
}

static long
probe_uid(void)
{
	return getuid() == PROBE_UID && geteuid() == PROBE_UID && getgid() == PROBE_UID && getegid() == PROBE_UID ? 0 : -1;
}

MS_TEST(root_is_dropped_and_a_role_cannot_stay_root)
{
	if (geteuid() != 0)
		skip();
	int status;
	pid_t child = fork();
	if (child == 0) {
		struct ms_sandbox s = {.profile = MS_SANDBOX_CORE, .drop_user = true};
		_exit(ms_sandbox_enter(&s, NULL) == MS_ERR_USAGE ? 0 : 1);
	}
	CHECK_INT(waitpid(child, &status, 0), child);
	CHECK_INT(status, 0);
	CHECK_INT(WEXITSTATUS(run(MS_SANDBOX_CORE, NULL, 0, probe_uid)), DONE);
}
