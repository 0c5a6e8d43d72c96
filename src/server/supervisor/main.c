/* musterd: the server. This program is its supervisor. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "server/supervisor/sup.h"

#define DEFAULT_CONFIG "/etc/muster/musterd.yaml"

static const char help_text[] =
    "usage: musterd [--config FILE] [--check-config] [--development]\n"
    "\n"
    "Serves a Muster deployment: proves devices, gives identities and secrets, logs every act.\n"
    "Make the deployment first with muster init.\n"
    "\n"
    "  --config FILE    configuration (" DEFAULT_CONFIG ")\n"
    "  --check-config   check the configuration and this machine, print a table, change nothing\n"
    "  --config-keys    print every key of the configuration with type, bounds, default and meaning\n"
    "  --development    run without root (all processes share a user) and without Landlock\n"
    "  --version        print the version\n"
    "  --help           this text\n"
    "\n"
    "Exit status: 0 stopped by a signal or check passed, 2 wrong usage, configuration or machine, 3 cannot serve.\n"
    "\n"
    "Example:\n"
    "  muster init --dir /etc/muster --name works --trust-domain example.org --backend softhsm\n"
    "  musterd --config /etc/muster/musterd.yaml --check-config && musterd --config /etc/muster/musterd.yaml\n";

enum action { SERVE, CHECK, KEYS, VERSION, HELP };
struct options {
	enum action action;
	const char *config;
	bool development;
};

static bool
read_options(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {{"config", required_argument, NULL, 'c'}, {"check-config", no_argument, NULL, 'k'},
	    {"config-keys", no_argument, NULL, 'K'}, {"development", no_argument, NULL, 'd'}, {"version", no_argument, NULL, 'V'},
	    {"help", no_argument, NULL, 'h'}, {0}};
	int c;
	*o = (struct options){.config = DEFAULT_CONFIG};
	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1)
		switch (c) {
		case 'c':
			o->config = optarg;
			break;
		case 'd':
			o->development = true;
			break;
		case 'k':
			o->action = CHECK;
			break;
		case 'K':
			o->action = KEYS;
			break;
		case 'V':
			o->action = VERSION;
			break;
		case 'h':
			o->action = HELP;
			break;
		default:
			return false;
		}
	return optind == argc;
}

static void
print_keys(void)
{
	size_t n;
	const struct ms_config_row *rows = ms_config_rows(&n);
	for (size_t i = 0; i < n; i++) {
		const struct ms_config_row *r = &rows[i];
		char bounds[64] = "";
		if (r->type == MS_CONFIG_UINT)
			(void)snprintf(bounds, sizeof bounds, " %llu..%llu", (unsigned long long)r->min, (unsigned long long)r->max);
		(void)printf("%s\n    %s%s%s%s; default: %s\n    %s\n", r->key, ms_config_type_name(r->type), bounds,
		    r->choices != NULL ? ": " : "", r->choices != NULL ? r->choices : "",
		    r->absent == NULL      ? "none, must be set"
		    : r->absent[0] == '\0' ? "unset"
					   : r->absent,
		    r->doc);
	}
}

static enum ms_rc
fill_in(const struct options *o, const struct ms_config *config, struct sup *s, struct ms_err *err)
{
	const char *libexec = o->development ? secure_getenv("MUSTER_LIBEXECDIR") : NULL;
	s->config = config;
	s->config_path = o->config;
	s->libexec = libexec != NULL ? libexec : MS_LIBEXECDIR;
	s->state_dir = ms_config_text(config, "state_dir");
	s->development = o->development;
	s->root = geteuid() == 0;
	s->signal_fd = s->notify_fd = -1;
	if (!s->root && !s->development && o->action == SERVE)
		return ms_fail(
		    err, MS_ERR_USAGE, "without root all processes share one user, which guards nothing: only with --development");
	return MS_OK;
}

/* One supervisor for a state directory; the lock lives as long as the process. */
static enum ms_rc
lock_state(const struct sup *s, struct ms_err *err)
{
	char path[1100], text[32];
	(void)snprintf(path, sizeof path, "%s/run/lock", s->state_dir);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return ms_fail(err, MS_ERR_IO, "%s: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		(void)close(fd);
		return ms_fail(err, MS_ERR_CONFLICT, "%s: another musterd runs on this state", s->state_dir);
	}
	(void)snprintf(path, sizeof path, "%s/run/musterd.pid", s->state_dir);
	(void)snprintf(text, sizeof text, "%ld\n", (long)getpid());
	return ms_io_write_file(path, 0644, ms_span_str(text), err);
}

/* systemd's NOTIFY_SOCKET, if we have one. */
static int
open_notify(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	size_t len = path != NULL ? strlen(path) : 0;
	if (len < 2 || len >= sizeof a.sun_path || (path[0] != '/' && path[0] != '@'))
		return -1;
	memcpy(a.sun_path, path, len);
	if (path[0] == '@')
		a.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) != 0) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

static enum ms_rc
open_signals(struct sup *s, struct ms_err *err)
{
	sigset_t set;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigaddset(&set, SIGHUP); /* a closed terminal ends nothing */
	if (sigprocmask(SIG_SETMASK, &set, NULL) != 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
	    (s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
		return ms_fail(err, MS_ERR_INTERNAL, "signals: %s", strerror(errno));
	return MS_OK;
}

static void
raise_limit(__rlimit_resource_t which, rlim_t want)
{
	struct rlimit r;
	if (getrlimit(which, &r) != 0)
		return;
	struct rlimit more = {.rlim_cur = want, .rlim_max = want > r.rlim_max ? want : r.rlim_max};
	if (setrlimit(which, &more) == 0)
		return;
	r.rlim_cur = r.rlim_max; /* as far as we may: what does not fit is refused later, by name */
	(void)setrlimit(which, &r);
}

static enum ms_rc
serve(struct sup *s, struct ms_err *err)
{
	raise_limit(RLIMIT_NOFILE, (rlim_t)ms_config_uint(s->config, "limits.max_connections") + 1024);
	raise_limit(RLIMIT_MEMLOCK, 64u << 20);
	enum ms_rc rc = sup_find_users(s, err);
	if (rc == MS_OK)
		rc = sup_make_dirs(s, err);
	if (rc == MS_OK)
		rc = lock_state(s, err);
	if (rc == MS_OK)
		rc = sup_listen_all(s, err);
	if (rc == MS_OK)
		rc = open_signals(s, err);
	s->notify_fd = open_notify();
	const struct ms_sandbox cage = {.profile = MS_SANDBOX_SUPERVISOR, .development = s->development};
	if (rc == MS_OK && (rc = ms_sandbox_enter(&cage, err)) != MS_OK)
		return ms_prefix(err, rc, "sandbox");
	return rc == MS_OK ? sup_watch(s, err) : rc;
}

static int
fail(const struct ms_err *err)
{
	(void)fprintf(stderr, "musterd: %s\n", err->text);
	return err->rc == MS_ERR_UNAVAILABLE || err->rc == MS_ERR_INTERNAL ? 3 : 2;
}

int
main(int argc, char **argv)
{
	struct options o;
	struct ms_err err;
	MS_OWN(ms_config_free) struct ms_config *config = NULL;
	static struct sup s;
	if (!read_options(argc, argv, &o)) {
		(void)fputs("musterd: see musterd --help\n", stderr);
		return 2;
	}
	if (o.action == HELP || o.action == VERSION) {
		(void)fputs(o.action == HELP ? help_text : "musterd " MS_VERSION "\n", stdout);
		return 0;
	}
	if (o.action == KEYS) {
		print_keys();
		return 0;
	}
	ms_log_init("supervisor", MS_LOG_INFO);
	if (ms_config_load(o.config, &config, &err) != MS_OK || fill_in(&o, config, &s, &err) != MS_OK)
		return fail(&err) == 3 ? 3 : 2;
	if (o.action == CHECK)
		return sup_check(&s, stdout) ? 0 : 2;
	return serve(&s, &err) == MS_OK ? 0 : fail(&err);
}
