/* Command line of muster-agent: common options, and one table of commands. */
#ifndef MS_AGENT_OPTIONS_H
#define MS_AGENT_OPTIONS_H
#include <stdbool.h>
#include "muster/rc.h"

#define MS_AGENT_SECRET_ARGS_MAX 32u

struct ms_agent_options {
	/* common */
	const char *tcti, *tpm_helper, *state, *tenant;
	bool json;
	/* identify */
	bool csv;
	/* identify, enroll: claims */
	const char *name, *serial, *model;
	/* enroll */
	const char *server, *root;
	bool wait, again;
	/* everything that proves */
	const char *boot_log, *ima; /* files; NULL: the kernel's, "none": none */
	/* attest */
	bool identity;
	/* secret get */
	const char *path, *out, *dir;
	bool to_stdout, cached;
	/* result; and out */
	const char *nonce, *audience;
	/* run */
	const char *secrets[MS_AGENT_SECRET_ARGS_MAX]; /* PATH=FILE */
	unsigned n_secrets;
	unsigned interval_s; /* 0: as the server says */
};

struct ms_agent_command {
	const char *words;   /* "secret get" */
	const char *args;    /* after the words, in the usage line */
	const char *summary; /* one line */
	const char *options; /* letters of the option table that it takes beside the common ones */
	const char *example;
	int (*run)(const struct ms_agent_options *o); /* exit status */
};
extern const struct ms_agent_command ms_agent_commands[]; /* ends with words == NULL; in main.c */

/* Parse argv for one command. -1: go on with *ret_command and *ret; else the exit status: --help was asked for, or it was
 * not understood, and a text was printed. */
int ms_agent_options_parse(int argc, char **argv, const struct ms_agent_command **ret_command, struct ms_agent_options *ret);

#endif
