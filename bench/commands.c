/* Offline commands beside what Debian has for the same, on the recorded machine of tests/data: whole processes, from start to exit.
 * usage: bench-commands MUSTER DATA-DIRECTORY */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"

#define NONCE "00112233445566778899aabbccddeeff00112233"
#define ARGS_MAX 24

extern char **environ;

struct command {
	const char *what; /* "" continues the group: a peer of the row before */
	const char *program;
	char *argv[ARGS_MAX];
};

/* One run, output thrown away. -1: it does not exist; else its exit status. */
static int
run_once(const struct command *c)
{
	posix_spawn_file_actions_t files;
	pid_t pid;
	int status = 0;
	if (posix_spawn_file_actions_init(&files) != 0)
		return -1;
	(void)posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
	(void)posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
	int rc = posix_spawnp(&pid, c->program, &files, NULL, c->argv, environ);
	(void)posix_spawn_file_actions_destroy(&files);
	if (rc != 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status) == 127 ? -1 : WEXITSTATUS(status);
}

static double
children_ms(void)
{
	struct rusage u;
	if (getrusage(RUSAGE_CHILDREN, &u) != 0)
		return 0;
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
}

/* Milliseconds of CPU of a run, user and system: the best mean of 5 rounds of 20, since other work shares the machine. */
static double
measure(const struct command *c)
{
	enum { ROUNDS = 5, RUNS = 20 };
	double best = 1e9;
	int code = run_once(c);
	if (code != 0) {
		(void)fprintf(stderr, "%s: exit %d\n", c->program, code);
		return 0;
	}
	for (int r = 0; r < ROUNDS; r++) {
		double start = children_ms();
		for (int i = 0; i < RUNS; i++)
			(void)run_once(c);
		double ms = (children_ms() - start) / RUNS;
		best = ms < best ? ms : best;
	}
	return best;
}

static void
compare(const struct command *ours, const struct command *peer)
{
	double ms = measure(ours), beside = peer->program != NULL ? measure(peer) : 0;
	(void)printf("  %-44s %8.2f ms", ours->what, ms);
	if (beside > 0 && ms > 0)
		(void)printf("   %-36s %8.2f ms   %.1f times", peer->what, beside, beside / ms);
	(void)putchar('\n');
	(void)fflush(stdout);
}

static char *
in(const char *dir, const char *name)
{
	char *path = NULL;
	if (asprintf(&path, "%s/measured-boot/good/%s", dir, name) < 0)
		exit(1);
	return path;
}

int
main(int argc, char **argv)
{
	static char quote[] = "quote", verify[] = "verify", evidence[] = "evidence", q[] = "--quote", s[] = "--signature", ak[] = "--ak",
		    n[] = "--nonce", nonce[] = NONCE, p[] = "--pcrs", log[] = "--boot-log", ima[] = "--ima", dash_u[] = "-u",
		    dash_m[] = "-m", dash_s[] = "-s", dash_f[] = "-f", dash_g[] = "-g", dash_q[] = "-q", sha256[] = "sha256",
		    check[] = "tpm2_checkquote", events[] = "tpm2_eventlog", eventlog[] = "eventlog", replay[] = "replay";
	if (argc != 3) {
		(void)fprintf(stderr, "usage: bench-commands MUSTER DATA-DIRECTORY\n");
		return 2;
	}
	char *m = argv[1], *attest = in(argv[2], "quote.attest"), *sig = in(argv[2], "quote.sig"), *key = in(argv[2], "ak.pem"),
	     *pcrs = in(argv[2], "quote.pcrs"), *boot = in(argv[2], "binary_bios_measurements"), *list = in(argv[2], "ima_binary");
	struct command ours = {"muster quote verify", m, {m, quote, verify, q, attest, s, sig, ak, key, n, nonce, p, pcrs}};
	struct command peer = {
	    "tpm2_checkquote", check, {check, dash_u, key, dash_m, attest, dash_s, sig, dash_f, pcrs, dash_g, sha256, dash_q, nonce}};
	struct command tells = {"muster eventlog replay (48 events)", m, {m, eventlog, replay, boot}};
	struct command peer_tells = {"tpm2_eventlog", events, {events, boot}};
	struct command whole = {"muster evidence verify (quote, 48 + 48 entries)", m,
	    {m, evidence, verify, q, attest, s, sig, ak, key, n, nonce, p, pcrs, log, boot, ima, list}};
	struct command none = {NULL, NULL, {NULL}};
	(void)puts("\ncommands, a whole process each: CPU time (best mean of 5 x 20 runs)");
	compare(&ours, &peer);
	compare(&tells, &peer_tells);
	compare(&whole, &none);
	return 0;
}
