#include "agent/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "secrets/rule.h"

#define INTERVAL_MAX_S 86400u

struct option_row {
	int letter; /* names it in a command's `options` */
	bool common;
	bool has_value;
	const char *name, *value, *text;
};
static const struct option_row rows[] = {
    {'T', true, true, "tcti", "TCTI",
	"the TPM: device:PATH, swtpm:host=H,port=N or swtpm:path=PATH (env MUSTER_TCTI; default device:/dev/tpmrm0)"},
    {'H', true, true, "tpm-helper", "FILE", "the muster-tpm program (env MUSTER_TPM_HELPER; default: the installed one)"},
    {'S', true, true, "state", "DIR", "what the agent keeps (default /var/lib/muster-agent)"},
    {'t', true, true, "tenant", "NAME", "tenant of the server (default: default)"},
    {'j', true, false, "json", NULL, "print one JSON object"},
    {'h', true, false, "help", NULL, "this text"},
    {'V', true, false, "version", NULL, "print the version"},
    {'c', false, false, "csv", NULL, "print \"serial,model,EK hash\" for a batch file; needs --serial and --model"},
    {'n', false, true, "name", "NAME", "name to claim (default: the host's name)"},
    {'s', false, true, "serial", "TEXT", "serial number to claim (default: the machine's, where readable)"},
    {'m', false, true, "model", "TEXT", "model to claim (default: the machine's, where readable)"},
    {'u', false, true, "server", "URL", "https://HOST:PORT of the server"},
    {'r', false, true, "root", "HASH|FILE", "the deployment root: its SHA-256 in hex, or the file"},
    {'w', false, false, "wait", NULL, "wait until an operator approved"},
    {'a', false, false, "again", NULL, "enroll anew, with a new attestation key"},
    {'i', false, false, "identity", NULL, "also get a certificate for a key of this TPM"},
    {'B', false, true, "boot-log", "FILE", "boot log to send, or none (default: the kernel's, when the TPM is a device)"},
    {'M', false, true, "ima", "FILE", "IMA list to send, or none (default: the kernel's, when the TPM is a device)"},
    {'o', false, true, "out", "FILE", "write it to FILE (a secret: on ramfs, or tmpfs with noswap)"},
    {'d', false, true, "dir", "DIR", "write the secret below DIR (default /run/muster-agent)"},
    {'O', false, false, "stdout", NULL, "write the secret to standard output, which must not be a terminal"},
    {'C', false, false, "cached", NULL, "open the secret that was got before, without the server"},
    {'N', false, true, "nonce", "HEX", "the relying party's nonce: 8 to 64 bytes"},
    {'A', false, true, "audience", "TEXT", "for whom it is: who is named so takes it, and no one else"},
    {'p', false, true, "secret", "PATH=FILE", "keep FILE filled with the secret PATH (may be repeated)"},
    {'I', false, true, "interval", "SECONDS", "attest at least this often"},
};
#define N_ROWS (sizeof rows / sizeof *rows)

static void
print_command_help(const struct ms_agent_command *c, FILE *f)
{
	(void)fprintf(f, "usage: muster-agent %s%s%s [options]\n%s\n\n", c->words, c->args[0] == '\0' ? "" : " ", c->args, c->summary);
	for (size_t i = 0; i < N_ROWS; i++) {
		const struct option_row *r = &rows[i];
		char left[48];
		if (!r->common && strchr(c->options, r->letter) == NULL)
			continue;
		(void)snprintf(left, sizeof left, "--%s%s%s", r->name, r->has_value ? " " : "", r->has_value ? r->value : "");
		(void)fprintf(f, "  %-22s %s\n", left, r->text);
	}
	(void)fprintf(f, "\nexample:\n  %s\n", c->example);
	(void)fprintf(f,
	    "\nexit status: 0 done, 1 refused (reason on standard output), 2 usage or unreadable input, 3 server or TPM not reachable\n");
}

static void
print_help(FILE *f)
{
	(void)fprintf(f, "usage: muster-agent COMMAND [options]\nProves this machine to a Muster server with its TPM, and receives what "
			 "that earns.\n\n");
	for (const struct ms_agent_command *c = ms_agent_commands; c->words != NULL; c++)
		(void)fprintf(f, "  %-12s %s\n", c->words, c->summary);
	(void)fprintf(f, "\nmuster-agent COMMAND --help says more. See muster-agent(1).\n");
}

/* The command whose words argv begins with; *ret_used of them. */
static const struct ms_agent_command *
find_command(int argc, char **argv, int *ret_used)
{
	for (const struct ms_agent_command *c = ms_agent_commands; c->words != NULL; c++) {
		const char *space = strchr(c->words, ' ');
		size_t first = space == NULL ? strlen(c->words) : (size_t)(space - c->words);
		if (strlen(argv[1]) != first || memcmp(argv[1], c->words, first) != 0)
			continue;
		if (space == NULL || (argc > 2 && strcmp(argv[2], space + 1) == 0)) {
			*ret_used = space == NULL ? 1 : 2;
			return c;
		}
	}
	return NULL;
}

static bool
parse_seconds(const char *s, unsigned *ret)
{
	char *end;
	errno = 0;
	unsigned long v = strtoul(s, &end, 10);
	if (errno != 0 || end == s || *end != '\0' || *s == '-' || v == 0 || v > INTERVAL_MAX_S)
		return false;
	*ret = (unsigned)v;
	return true;
}

/* PATH=FILE */
static bool
add_secret(struct ms_agent_options *o, const char *arg)
{
	const char *eq = strchr(arg, '=');
	if (o->n_secrets == MS_AGENT_SECRET_ARGS_MAX || eq == NULL || eq[1] == '\0' || !ms_secret_path_ok(ms_span(arg, (size_t)(eq - arg))))
		return false;
	o->secrets[o->n_secrets++] = arg;
	return true;
}

static const char **
text_member(struct ms_agent_options *o, int letter)
{
	switch (letter) {
	case 'T':
		return &o->tcti;
	case 'H':
		return &o->tpm_helper;
	case 'S':
		return &o->state;
	case 't':
		return &o->tenant;
	case 'n':
		return &o->name;
	case 's':
		return &o->serial;
	case 'm':
		return &o->model;
	case 'u':
		return &o->server;
	case 'r':
		return &o->root;
	case 'o':
		return &o->out;
	case 'N':
		return &o->nonce;
	case 'A':
		return &o->audience;
	case 'B':
		return &o->boot_log;
	case 'M':
		return &o->ima;
	case 'd':
		return &o->dir;
	default:
		return NULL;
	}
}

static bool *
flag_member(struct ms_agent_options *o, int letter)
{
	switch (letter) {
	case 'j':
		return &o->json;
	case 'c':
		return &o->csv;
	case 'w':
		return &o->wait;
	case 'a':
		return &o->again;
	case 'i':
		return &o->identity;
	case 'O':
		return &o->to_stdout;
	case 'C':
		return &o->cached;
	default:
		return NULL;
	}
}

static bool
take(struct ms_agent_options *o, int letter, const char *value)
{
	if (letter == 'I')
		return parse_seconds(value, &o->interval_s);
	if (letter == 'p')
		return add_secret(o, value);
	const char **text = text_member(o, letter);
	if (text != NULL) {
		*text = value;
		return value[0] != '\0';
	}
	bool *flag = flag_member(o, letter);
	if (flag != NULL)
		*flag = true;
	return flag != NULL;
}

static int
misuse(const struct ms_agent_command *c, const char *what)
{
	(void)fprintf(stderr, "muster-agent %s: %s\nSee muster-agent %s --help.\n", c->words, what, c->words);
	return ms_rc_exit(MS_ERR_USAGE);
}

static void
set_defaults(struct ms_agent_options *o)
{
	const char *tcti = getenv("MUSTER_TCTI"), *helper = getenv("MUSTER_TPM_HELPER");
	*o = (struct ms_agent_options){.tcti = tcti != NULL && tcti[0] != '\0' ? tcti : "device:/dev/tpmrm0",
	    .tpm_helper = helper != NULL && helper[0] != '\0' ? helper : NULL,
	    .state = "/var/lib/muster-agent",
	    .tenant = "default"};
}

static int
parse_options(int argc, char **argv, const struct ms_agent_command *c, struct ms_agent_options *o)
{
	struct option table[N_ROWS + 1] = {{NULL, 0, NULL, 0}};
	size_t n = 0;
	int letter;
	for (size_t i = 0; i < N_ROWS; i++)
		if (rows[i].common || strchr(c->options, rows[i].letter) != NULL)
			table[n++] =
			    (struct option){rows[i].name, rows[i].has_value ? required_argument : no_argument, NULL, rows[i].letter};
	optind = 1;
	while ((letter = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (letter == 'h') {
			print_command_help(c, stdout);
			return 0;
		}
		if (letter == 'V') {
			(void)printf("muster-agent %s\n", MS_VERSION);
			return 0;
		}
		if (letter == '?' || !take(o, letter, optarg))
			return misuse(c, letter == '?' ? "an option is not understood" : "the value of an option is not understood");
	}
	if (strchr(c->args, 'P') != NULL) { /* takes a PATH */
		if (argc - optind != 1)
			return misuse(c, "the PATH of a secret is wanted");
		o->path = argv[optind++];
	}
	if (argc != optind)
		return misuse(c, "unexpected argument");
	if (!ms_name_ok(ms_span_str(o->tenant), 64))
		return misuse(c, "--tenant: 1 to 64 of a-z 0-9 . _ -");
	return -1;
}

int
ms_agent_options_parse(int argc, char **argv, const struct ms_agent_command **ret_command, struct ms_agent_options *ret)
{
	int used = 0;
	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
		print_help(argc < 2 ? stderr : stdout);
		return argc < 2 ? ms_rc_exit(MS_ERR_USAGE) : 0;
	}
	if (strcmp(argv[1], "--version") == 0) {
		(void)printf("muster-agent %s\n", MS_VERSION);
		return 0;
	}
	const struct ms_agent_command *c = find_command(argc, argv, &used);
	if (c == NULL) {
		(void)fprintf(stderr, "muster-agent: no such command\n");
		print_help(stderr);
		return ms_rc_exit(MS_ERR_USAGE);
	}
	set_defaults(ret);
	*ret_command = c;
	return parse_options(argc - used, argv + used, c, ret);
}
