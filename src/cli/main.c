/* muster: operator's, factory's and auditor's command line. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/remote.h"
#include "crypto/lib.h"

/* Passphrases and secrets go through this process: no core dump, no one attaches (I9). */
static void
harden(void)
{
	struct rlimit none = {0, 0};
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)signal(SIGPIPE, SIG_IGN);
}

int
main(int argc, char **argv)
{
	struct ms_err err = {0};
	struct ms_cli c = {.out = stdout, .errout = stderr};
	harden();
	c.out_tty = isatty(STDOUT_FILENO) == 1;
	c.err_tty = isatty(STDERR_FILENO) == 1;
	c.in_tty = isatty(STDIN_FILENO) == 1;
	const char *no_colour = getenv("NO_COLOR");
	c.colour = c.out_tty && (no_colour == NULL || no_colour[0] == '\0');
	if (argc == 2 && strcmp(argv[1], "--list-commands") == 0) {
		ms_cli_list_commands(stdout);
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		(void)puts("muster " MS_VERSION);
		return 0;
	}
	enum ms_rc rc = ms_cli_parse(&c, argc, argv, &err);
	if (rc == MS_OK && c.help) {
		ms_cli_help(stdout, c.command);
		return 0;
	}
	if (rc == MS_OK)
		rc = ms_crypto_init(&err);
	if (rc == MS_OK)
		rc = c.command->run(&c, &err);
	int code = ms_cli_finish(&c, rc, &err);
	ms_remote_free(c.remote);
	return code;
}
