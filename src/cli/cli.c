#include "cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"

static const struct ms_command *const groups[] = {ms_commands_setup, ms_commands_ask, ms_commands_device, ms_commands_token,
    ms_commands_batch, ms_commands_reference, ms_commands_policy, ms_commands_evidence_records, ms_commands_secret, ms_commands_audit,
    ms_commands_backup, ms_commands_ek, ms_commands_quote, ms_commands_ima, ms_commands_evidence, ms_commands_attester,
    ms_commands_eventlog};

const struct ms_cli_option ms_global_options[] = {
    {"deployment", "DIR", "directory that init made, or a copy of its client directory (default: $MUSTER_DEPLOYMENT, else /etc/muster)"},
    {"server", "URL", "another server than client.yaml says"},
    {"tenant", "NAME", "another tenant than client.yaml says"},
    {"passphrase-file", "FILE", "file with the passphrase of the operator's key, in place of a prompt"},
    {"json", NULL, "print JSON"},
    {"help", NULL, "print help"},
    {NULL, NULL, NULL},
};

const struct ms_command *
ms_command_at(size_t i)
{
	for (size_t g = 0; g < sizeof groups / sizeof *groups; g++)
		for (const struct ms_command *row = groups[g]; row->noun != NULL; row++)
			if (i-- == 0)
				return row;
	return NULL;
}

static const struct ms_cli_option *
find_option(const struct ms_cli_option *rows, const char *name, size_t len)
{
	for (; rows != NULL && rows->name != NULL; rows++)
		if (strlen(rows->name) == len && strncmp(rows->name, name, len) == 0)
			return rows;
	return NULL;
}

/* The command that the first one or two words name. *used is how many of them. */
static const struct ms_command *
find_command(const char *const *words, size_t n, size_t *used)
{
	const struct ms_command *row;
	for (size_t i = 0; (row = ms_command_at(i)) != NULL; i++) {
		if (n == 0 || strcmp(row->noun, words[0]) != 0)
			continue;
		*used = row->verb == NULL ? 1 : 2;
		if (row->verb == NULL || (n > 1 && strcmp(row->verb, words[1]) == 0))
			return row;
	}
	return NULL;
}

static enum ms_rc
take_option(struct ms_cli *c, const char *text, const char *next, bool *took_next, struct ms_err *err)
{
	const char *eq = strchr(text, '=');
	size_t len = eq != NULL ? (size_t)(eq - text) : strlen(text);
	const struct ms_cli_option *o = find_option(ms_global_options, text, len);
	if (o == NULL && c->command != NULL)
		o = find_option(c->command->options, text, len);
	if (o == NULL)
		return ms_fail(err, MS_ERR_USAGE, "no option --%.*s", (int)len, text);
	if (c->n_options == MS_CLI_OPTIONS_MAX)
		return ms_fail(err, MS_ERR_USAGE, "more than %u options", MS_CLI_OPTIONS_MAX);
	if (o->arg == NULL && eq != NULL)
		return ms_fail(err, MS_ERR_USAGE, "--%s takes no value", o->name);
	const char *value = eq != NULL ? eq + 1 : next;
	*took_next = o->arg != NULL && eq == NULL;
	if (o->arg != NULL && value == NULL)
		return ms_fail(err, MS_ERR_USAGE, "--%s wants %s", o->name, o->arg);
	c->option[c->n_options].name = o->name;
	c->option[c->n_options++].value = o->arg != NULL ? value : "";
	return MS_OK;
}

/* First pass: the words, to find the command; options come to be known by it. A global option's value is no word. */
static size_t
find_words(int argc, char *const *argv, const char **words, size_t max)
{
	size_t n = 0;
	for (int i = 1; i < argc && n < max && strcmp(argv[i], "--") != 0; i++) {
		if (argv[i][0] != '-' || argv[i][1] == '\0') {
			words[n++] = argv[i];
			continue;
		}
		if (strcmp(argv[i], "-o") == 0) {
			i++;
			continue;
		}
		const struct ms_cli_option *o = find_option(ms_global_options, argv[i] + 2, strlen(argv[i] + 2));
		if (o != NULL && o->arg != NULL)
			i++;
	}
	return n;
}

static enum ms_rc
take_word(struct ms_cli *c, const char *word, struct ms_err *err)
{
	if (c->n_args == MS_CLI_ARGS_MAX)
		return ms_fail(err, MS_ERR_USAGE, "too many arguments");
	c->arg[c->n_args++] = word;
	return MS_OK;
}

static enum ms_rc
check_args(const struct ms_cli *c, struct ms_err *err)
{
	const struct ms_command *cmd = c->command;
	if (cmd == NULL)
		return ms_fail(err, MS_ERR_USAGE, "no such command: muster --help lists them");
	if (c->n_args < cmd->min_args || c->n_args > cmd->max_args)
		return ms_fail(err, MS_ERR_USAGE, "usage: muster %s%s%s %s", cmd->noun, cmd->verb != NULL ? " " : "",
		    cmd->verb != NULL ? cmd->verb : "", cmd->args[0] != '\0' ? cmd->args : "(no arguments)");
	return MS_OK;
}

enum ms_rc
ms_cli_parse(struct ms_cli *c, int argc, char *const *argv, struct ms_err *err)
{
	const char *words[2];
	size_t used = 0, n = find_words(argc, argv, words, 2);
	bool plain = false;
	c->command = find_command(words, n, &used);
	for (int i = 1; i < argc; i++) {
		bool took_next = false;
		enum ms_rc rc = MS_OK;
		if (!plain && strcmp(argv[i], "--") == 0)
			plain = true;
		else if (!plain && strncmp(argv[i], "--", 2) == 0)
			rc = take_option(c, argv[i] + 2, i + 1 < argc ? argv[i + 1] : NULL, &took_next, err);
		else if (!plain && argv[i][0] == '-' && argv[i][1] == 'o' && argv[i][2] == '\0')
			rc = take_option(c, "out", i + 1 < argc ? argv[i + 1] : NULL, &took_next, err);
		else if (!plain && argv[i][0] == '-' && argv[i][1] != '\0')
			rc = ms_fail(err, MS_ERR_USAGE, "no option %s", argv[i]);
		else if (used > 0)
			used--;
		else
			rc = take_word(c, argv[i], err);
		if (rc != MS_OK)
			return rc;
		i += took_next ? 1 : 0;
	}
	c->json = ms_cli_option(c, "json") != NULL;
	c->help = ms_cli_option(c, "help") != NULL;
	return c->help ? MS_OK : check_args(c, err);
}

const char *
ms_cli_option_at(const struct ms_cli *c, const char *name, size_t i)
{
	for (size_t k = 0; k < c->n_options; k++)
		if (strcmp(c->option[k].name, name) == 0 && i-- == 0)
			return c->option[k].value;
	return NULL;
}

const char *
ms_cli_option(const struct ms_cli *c, const char *name)
{
	const char *found = NULL, *v;
	for (size_t i = 0; (v = ms_cli_option_at(c, name, i)) != NULL; i++)
		found = v;
	return found;
}

enum ms_rc
ms_cli_uint(const struct ms_cli *c, const char *name, uint64_t absent, uint64_t min, uint64_t max, uint64_t *ret, struct ms_err *err)
{
	const char *s = ms_cli_option(c, name);
	if (s == NULL) {
		*ret = absent;
		return MS_OK;
	}
	errno = 0;
	unsigned long long v = strtoull(s, NULL, 10);
	if (s[0] == '\0' || strspn(s, "0123456789") != strlen(s) || errno != 0 || v < min || v > max)
		return ms_fail(err, MS_ERR_USAGE, "--%s: a number from %llu to %llu is wanted", name, (unsigned long long)min,
		    (unsigned long long)max);
	*ret = v;
	return MS_OK;
}

/* ---- help ---- */

static void
help_options(FILE *f, const struct ms_cli_option *rows)
{
	for (; rows != NULL && rows->name != NULL; rows++) {
		char left[64];
		(void)snprintf(left, sizeof left, "--%s%s%s", rows->name, rows->arg != NULL ? " " : "", rows->arg != NULL ? rows->arg : "");
		(void)fprintf(f, "  %-26s %s\n", left, rows->help);
	}
}

static void
help_command(FILE *f, const struct ms_command *row)
{
	(void)fprintf(f, "muster %s%s%s - %s\n\n", row->noun, row->verb != NULL ? " " : "", row->verb != NULL ? row->verb : "", row->help);
	(void)fprintf(f, "Usage: muster %s%s%s%s%s [OPTION...]\n\n", row->noun, row->verb != NULL ? " " : "",
	    row->verb != NULL ? row->verb : "", row->args[0] != '\0' ? " " : "", row->args);
	if (row->options != NULL) {
		(void)fputs("Options:\n", f);
		help_options(f, row->options);
	}
	(void)fputs("Options of every command:\n", f);
	help_options(f, ms_global_options);
	(void)fprintf(f, "\nExample:\n  %s\n", row->example);
}

void
ms_cli_help(FILE *f, const struct ms_command *only)
{
	const struct ms_command *row;
	if (only != NULL) {
		help_command(f, only);
		return;
	}
	(void)fputs("muster - nothing gets a key until it passes muster\n\nUsage: muster COMMAND [OPTION...]\n\n", f);
	for (size_t i = 0; (row = ms_command_at(i)) != NULL; i++) {
		char left[80];
		(void)snprintf(left, sizeof left, "%s%s%s%s%s", row->noun, row->verb != NULL ? " " : "", row->verb != NULL ? row->verb : "",
		    row->args[0] != '\0' ? " " : "", row->args);
		(void)fprintf(f, "  %-40s %s\n", left, row->help);
	}
	(void)fputs("\nOptions of every command:\n", f);
	help_options(f, ms_global_options);
	(void)fputs("\nExit status: 0 done, 1 refused, 2 usage or input that cannot be read, 3 server not reachable.\n"
		    "muster COMMAND --help shows an example; muster(1) says more.\n",
	    f);
}

void
ms_cli_list_commands(FILE *f)
{
	const struct ms_command *row;
	for (size_t i = 0; (row = ms_command_at(i)) != NULL; i++) {
		(void)fprintf(f, "command\t%s%s%s\t%s\t%s\n", row->noun, row->verb != NULL ? " " : "", row->verb != NULL ? row->verb : "",
		    row->args, row->help);
		for (const struct ms_cli_option *o = row->options; o != NULL && o->name != NULL; o++)
			(void)fprintf(f, "option\t--%s\t%s\n", o->name, o->arg != NULL ? o->arg : "");
	}
	for (const struct ms_cli_option *o = ms_global_options; o->name != NULL; o++)
		(void)fprintf(f, "global\t--%s\t%s\n", o->name, o->arg != NULL ? o->arg : "");
	for (int code = 0; code <= 3; code++)
		(void)fprintf(f, "exit\t%d\n", code);
}

/* ---- the end ---- */

/* Trouble with this machine's own files is not "server not reachable". */
static int
exit_of(const struct ms_cli *c, enum ms_rc rc)
{
	return rc == MS_ERR_IO && c->remote == NULL ? 2 : ms_rc_exit(rc);
}

int
ms_cli_finish(struct ms_cli *c, enum ms_rc rc, const struct ms_err *err)
{
	int code = exit_of(c, rc);
	if (rc == MS_OK)
		return fflush(c->out) != 0 ? 2 : c->refused ? 1 : 0;
	if (c->json) {
		MS_OWN(ms_json_free) json_t *j = json_pack("{s:s, s:s, s:i}", "code", ms_rc_name(rc), "text", err->text, "exit", code);
		struct ms_err ignored;
		if (j == NULL || ms_out_json(c, j, &ignored) != MS_OK)
			(void)fprintf(c->errout, "muster: %s\n", ms_rc_name(rc));
	} else if (code == 1) {
		(void)fprintf(c->out, "%srefused%s (%s): ", c->colour ? "\033[31m" : "", c->colour ? "\033[0m" : "", ms_rc_name(rc));
		ms_out_text(c->out, err->text);
		(void)fputc('\n', c->out);
	} else {
		(void)fputs("muster: ", c->errout);
		ms_out_text(c->errout, err->text);
		(void)fputc('\n', c->errout);
	}
	(void)fflush(c->out);
	return code;
}

/* ---- files and people ---- */

enum ms_rc
ms_cli_read_file(const char *path, size_t max, struct ms_buf *out, struct ms_err *err)
{
	enum ms_rc rc = ms_io_read_file(path, max, out, err);
	if (rc == MS_OK || rc == MS_ERR_TOO_BIG || rc == MS_ERR_NOMEM)
		return rc;
	if (err != NULL)
		err->rc = MS_ERR_USAGE;
	return MS_ERR_USAGE;
}

enum ms_rc
ms_cli_write_file(const char *path, mode_t mode, struct ms_span data, struct ms_err *err)
{
	enum ms_rc rc = ms_io_create_file(path, mode, data, err);
	if (rc == MS_ERR_IO || rc == MS_ERR_NOT_FOUND)
		rc = MS_ERR_USAGE;
	return rc;
}

enum ms_rc
ms_cli_confirm(struct ms_cli *c, const char *question, struct ms_err *err)
{
	char line[16];
	if (!c->in_tty)
		return MS_OK;
	(void)fputs(question, c->errout);
	(void)fputs(" Type yes: ", c->errout);
	(void)fflush(c->errout);
	if (fgets(line, sizeof line, stdin) == NULL || strcmp(line, "yes\n") != 0)
		return ms_fail(err, MS_ERR_DENIED, "not confirmed: nothing was done");
	return MS_OK;
}

void
ms_cli_progress(struct ms_cli *c, const char *what, uint64_t done, uint64_t total)
{
	enum { WIDTH = 40 };
	if (!c->err_tty || total == 0)
		return;
	int full = (int)(done >= total ? WIDTH : done * WIDTH / total);
	(void)fprintf(c->errout, "\r%s [%.*s%*s] %3d%%", what, full, "########################################", WIDTH - full, "",
	    (int)(done >= total ? 100 : done * 100 / total));
	(void)fflush(c->errout);
}

void
ms_cli_progress_end(struct ms_cli *c)
{
	if (c->err_tty)
		(void)fputs("\r\033[K", c->errout);
}
