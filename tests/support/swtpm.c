#include "support/swtpm.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/test.h"

#define SCRIPT MS_SOURCE_DIR "/scripts/swtpm-device"

static bool
bindable(unsigned port, unsigned *ret_port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&a, len) == 0 && getsockname(fd, (struct sockaddr *)&a, &len) == 0;
	if (fd >= 0)
		(void)close(fd);
	*ret_port = ntohs(a.sin_port);
	return ok;
}

static unsigned
free_port_pair(void)
{
	for (int i = 0; i < 100; i++) {
		unsigned port, next;
		if (bindable(0, &port) && port < 65535 && bindable(port + 1, &next))
			return port;
	}
	abort();
}

/* A failed check leaves by longjmp: what still runs at exit is ended there. */
#define LIVE_MAX 8u
static struct swtpm live[LIVE_MAX];
static size_t n_live;

static void
end_live(void)
{
	while (n_live > 0)
		swtpm_fini(&live[n_live - 1]);
}

/* The exit status of a shell command. */
static int
run(const char *command)
{
	int st = system(command); /* NOLINT: a test's own fixed words */
	return WIFEXITED(st) ? WEXITSTATUS(st) : 255;
}

static void
script(const struct swtpm *s, const char *before, const char *verb, const char *more)
{
	char line[512];
	(void)snprintf(line, sizeof line, "%s %s %s %s %u %s >%s/script.log 2>&1", before, SCRIPT, verb, s->dir, s->port, more, s->dir);
	int st = run(line);
	if (st != 0)
		print_error("%s: status %d\n", line, st);
	CHECK_INT(st, 0);
}

void
swtpm_start(struct swtpm *s, bool cert)
{
	(void)snprintf(s->dir, sizeof s->dir, "/tmp/muster-swtpm-XXXXXX");
	CHECK(mkdtemp(s->dir) != NULL);
	s->port = free_port_pair();
	(void)snprintf(s->tcti, sizeof s->tcti, "swtpm:host=127.0.0.1,port=%u", s->port);
	if (n_live == LIVE_MAX || (n_live == 0 && atexit(end_live) != 0))
		abort();
	live[n_live++] = *s;
	script(s, cert ? "" : "SWTPM_DEVICE_NO_CERT=1", "start", "");
}

void
swtpm_boot(const struct swtpm *s, const char *model, const char *version)
{
	char more[128];
	(void)snprintf(more, sizeof more, "%s %s", model, version);
	script(s, "", "boot", more);
}

void
swtpm_reboot(const struct swtpm *s)
{
	script(s, "", "reboot", "");
}

void
swtpm_stop(const struct swtpm *s)
{
	script(s, "", "stop", "");
}

void
swtpm_resume(const struct swtpm *s)
{
	script(s, "", "start", "");
}

static int
pid_of(const struct swtpm *s)
{
	char path[96], line[32] = "";
	(void)snprintf(path, sizeof path, "%s/pid", s->dir);
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return 0;
	if (fgets(line, sizeof line, f) == NULL)
		line[0] = '\0';
	(void)fclose(f);
	return (int)strtol(line, NULL, 10);
}

void
swtpm_kill(const struct swtpm *s)
{
	int pid = pid_of(s);
	CHECK(pid > 1);
	CHECK_INT(kill(pid, SIGKILL), 0);
	for (int i = 0; i < 500 && kill(pid, 0) == 0; i++)
		(void)usleep(10000);
	CHECK(kill(pid, 0) != 0);
}

void
swtpm_fini(struct swtpm *given)
{
	const struct swtpm copy = *given, *s = &copy; /* `given` may be an entry of live[] */
	int pid = pid_of(s);
	if (pid > 1)
		(void)kill(pid, SIGKILL);
	for (size_t i = 0; i < n_live; i++) {
		if (strcmp(live[i].dir, s->dir) == 0) {
			live[i] = live[--n_live];
			break;
		}
	}
	char line[256];
	if (strncmp(s->dir, "/tmp/muster-swtpm-", 18) == 0) {
		(void)snprintf(line, sizeof line, "rm -rf %s", s->dir);
		(void)run(line);
	}
}

int
swtpm_tool(const struct swtpm *s, const char *command)
{
	char line[1024];
	(void)snprintf(
	    line, sizeof line, "cd %s && TSS2_LOG=all+none TPM2TOOLS_TCTI=%s timeout 20 %s >tool.log 2>&1", s->dir, s->tcti, command);
	return run(line);
}

unsigned
swtpm_loaded(const struct swtpm *s)
{
	char path[96], line[64];
	CHECK_INT(swtpm_tool(s, "sh -c 'tpm2_getcap handles-transient; tpm2_getcap handles-loaded-session'"), 0);
	(void)snprintf(path, sizeof path, "%s/tool.log", s->dir);
	FILE *f = fopen(path, "re");
	CHECK(f != NULL);
	unsigned n = 0;
	while (fgets(line, sizeof line, f) != NULL)
		n += strncmp(line, "- 0x", 4) == 0;
	(void)fclose(f);
	return n;
}
