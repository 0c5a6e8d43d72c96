/* --check-config: everything that a start would trip over, in one table. Changes nothing. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "server/supervisor/sup.h"

#define PATH_LEN 1200u
struct report {
	FILE *out;
	bool good;
};

static void line(struct report *r, bool ok, const char *what, const char *fmt, ...) MS_PRINTF(4, 5);
static void
line(struct report *r, bool ok, const char *what, const char *fmt, ...)
{
	va_list ap;
	(void)fprintf(r->out, "%-6s %-28s ", ok ? "ok" : "FAILED", what);
	va_start(ap, fmt);
	(void)vfprintf(r->out, fmt, ap);
	va_end(ap);
	(void)fputc('\n', r->out);
	r->good = r->good && ok;
}

static void
check_kernel(const struct sup *s, struct report *r)
{
	struct ms_sandbox_facts f;
	ms_sandbox_supported(&f);
	line(r, f.root || s->development, "user",
	    f.root ? "root: each role gets a user of its own" : "not root: all roles share one user (only with --development)");
	line(r, f.seccomp_filter && f.kill_process, "kernel: seccomp", f.seccomp_filter ? "filter, kill process" : "not there");
	if (f.landlock_abi > 0)
		line(r, true, "kernel: Landlock", "ABI %d", f.landlock_abi);
	else
		line(r, s->development, "kernel: Landlock", "not there (only with --development)");
}

static void
check_users(const struct sup *s, struct report *r)
{
	struct sup copy = *s;
	struct ms_err err;
	if (!s->root)
		return;
	if (sup_find_users(&copy, &err) != MS_OK)
		line(r, false, "users of the roles", "%s", err.text);
	else
		line(r, true, "users of the roles", "%u different ones", (unsigned)MS_ROLE_COUNT);
}

/* Can a role's user get to its directory? Every directory above must let others through. */
static void
check_way(struct report *r, const char *path)
{
	char part[PATH_LEN];
	struct stat st;
	(void)snprintf(part, sizeof part, "%s", path);
	for (char *p = part + 1; (p = strchr(p, '/')) != NULL; *p++ = '/') {
		*p = '\0';
		if (stat(part, &st) == 0 && (st.st_mode & 0001) == 0)
			line(r, false, "state_dir", "%s lets no other user through (mode %03o): the roles cannot get to it", part,
			    (unsigned)st.st_mode & 0777);
		if (stat(part, &st) == 0 && (st.st_mode & 0002) != 0 && (st.st_mode & S_ISVTX) == 0)
			line(r, false, "state_dir", "%s can be changed by anyone", part);
	}
}

static void
check_state(const struct sup *s, struct report *r)
{
	char path[PATH_LEN];
	struct stat st;
	if (stat(s->state_dir, &st) != 0 || !S_ISDIR(st.st_mode))
		line(r, false, "state_dir", "%s: not there: run muster init first", s->state_dir);
	else if ((st.st_mode & 0022) != 0)
		line(r, false, "state_dir", "%s can be written by others (mode %03o)", s->state_dir, (unsigned)st.st_mode & 0777);
	else
		line(r, true, "state_dir", "%s", s->state_dir);
	if (s->root)
		check_way(r, s->state_dir);
	(void)snprintf(path, sizeof path, "%s/deployment/root.cbor", s->state_dir);
	bool there = access(path, R_OK) == 0;
	line(r, there, "deployment root", "%s%s", path, there ? "" : ": not there: run muster init first");
}

static void
check_programs(const struct sup *s, struct report *r)
{
	char path[PATH_LEN];
	const char *last = "";
	for (unsigned i = 0; i < MS_ROLE_COUNT; i++) {
		const char *program = ms_role_row((enum ms_role_id)i)->program;
		struct stat st;
		if (strcmp(program, last) == 0)
			continue;
		last = program;
		(void)snprintf(path, sizeof path, "%s/%s", s->libexec, program);
		bool there = stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
		bool safe = there && ((st.st_mode & 0022) == 0 || s->development);
		line(r, there && safe, "program", "%s%s", path,
		    !there  ? ": not there or not a program"
		    : !safe ? ": can be written by others"
			    : "");
	}
}

static void
check_listen(const struct sup *s, struct report *r)
{
	const char *address;
	for (size_t i = 0; (address = ms_config_item(s->config, "listen", i)) != NULL; i++) {
		MS_OWN(ms_fd_close) ms_fd fd = -1;
		struct ms_err err;
		bool ok = sup_listen_one(address, &fd, &err) == MS_OK;
		line(r, ok, "listen", "%s", ok ? address : err.text);
	}
}

static void
check_file(struct report *r, const char *key, const char *path, bool secret)
{
	struct stat st;
	if (stat(path, &st) != 0 || access(path, R_OK) != 0)
		line(r, false, key, "%s: %s", path, strerror(errno));
	else if (secret && (st.st_mode & 0077) != 0)
		line(r, false, key, "%s: others may read it (mode %03o)", path, (unsigned)st.st_mode & 0777);
	else
		line(r, true, key, "%s", path);
}

static void
check_files(const struct sup *s, struct report *r)
{
	static const struct {
		const char *key;
		bool secret;
	} keys[] = {{"maker_roots", false}, {"keeper.module", false}, {"keeper.module_conf", false}, {"keeper.pin_file", true},
	    {"keeper.keyfile", true}, {"keeper.passphrase_file", true}, {"notary.module", false}, {"notary.module_conf", false},
	    {"notary.pin_file", true}, {"notary.keyfile", true}, {"notary.passphrase_file", true}};
	struct stat st;
	if (stat(s->config_path, &st) == 0 && (st.st_mode & 0022) != 0)
		line(r, false, "configuration", "%s can be written by others (mode %03o)", s->config_path, (unsigned)st.st_mode & 0777);
	else
		line(r, true, "configuration", "%s", s->config_path);
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const char *path = ms_config_text(s->config, keys[i].key);
		if (path != NULL)
			check_file(r, keys[i].key, path, keys[i].secret);
	}
}

bool
sup_check(const struct sup *s, FILE *out)
{
	struct report r = {.out = out, .good = true};
	check_files(s, &r);
	check_kernel(s, &r);
	check_users(s, &r);
	check_state(s, &r);
	check_programs(s, &r);
	check_listen(s, &r);
	return r.good;
}
