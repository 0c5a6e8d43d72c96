/* The frame of the `muster` command: one table row for each command, from which it is found, its options are read and its
 * help is printed (`--list-commands` prints the rows for scripts/check-docs). */
#ifndef MS_CLI_H
#define MS_CLI_H
#include <stdbool.h>
#include <stdio.h>
#include "base/bytes.h"
#include "codec/json.h"

#define MS_CLI_OPTIONS_MAX 64u /* on one command line */
#define MS_CLI_ARGS_MAX 8u

struct ms_cli;
struct ms_remote;
struct ms_cli_option {
	const char *name; /* without the dashes */
	const char *arg;  /* what it takes, NULL: a flag */
	const char *help;
};
enum ms_column_kind { MS_COLUMN_TEXT, MS_COLUMN_ID, MS_COLUMN_TIME, MS_COLUMN_STATE };
struct ms_column {
	const char *key, *title; /* key of the record; NULL ends the list */
	enum ms_column_kind kind;
};
struct ms_command {
	const char *noun; /* NULL ends a list */
	const char *verb; /* NULL: the noun alone */
	enum ms_rc (*run)(struct ms_cli *c, struct ms_err *err);
	const char *help;
	const char *args; /* "DEVICE", "" */
	unsigned min_args, max_args;
	const struct ms_cli_option *options; /* NULL, or ended by a row without a name */
	const char *example;
	const char *operation;           /* of commands that only ask */
	const struct ms_column *columns; /* of their table */
};
extern const struct ms_command ms_commands_setup[], ms_commands_ask[], ms_commands_device[], ms_commands_token[], ms_commands_batch[],
    ms_commands_reference[], ms_commands_policy[], ms_commands_evidence_records[], ms_commands_secret[], ms_commands_audit[],
    ms_commands_backup[], ms_commands_ek[], ms_commands_quote[], ms_commands_ima[], ms_commands_evidence[], ms_commands_attester[],
    ms_commands_eventlog[];
extern const struct ms_cli_option ms_global_options[];
/* Row i of all of them together, in the order of the help; NULL past the end. */
const struct ms_command *ms_command_at(size_t i);

struct ms_cli {
	const struct ms_command *command;
	struct {
		const char *name, *value;
	} option[MS_CLI_OPTIONS_MAX];
	size_t n_options;
	const char *arg[MS_CLI_ARGS_MAX];
	size_t n_args;
	bool json, help;
	bool refused; /* a command that is done sets it when its answer, printed already, is a refusal: exit status 1 */
	FILE *out, *errout;
	bool out_tty, err_tty, in_tty, colour;
	struct ms_remote *remote; /* once a server is asked */
};
/* MS_ERR_USAGE with what is wrong. Borrows argv. */
MS_MUST_USE enum ms_rc ms_cli_parse(struct ms_cli *c, int argc, char *const *argv, struct ms_err *err);
const char *ms_cli_option(const struct ms_cli *c, const char *name); /* the last one; NULL when absent; "" for a flag */
const char *ms_cli_option_at(const struct ms_cli *c, const char *name, size_t i);
/* A decimal number within bounds. MS_ERR_USAGE names the option. */
MS_MUST_USE enum ms_rc ms_cli_uint(
    const struct ms_cli *c, const char *name, uint64_t absent, uint64_t min, uint64_t max, uint64_t *ret, struct ms_err *err);
void ms_cli_help(FILE *f, const struct ms_command *only); /* NULL: the overview */
void ms_cli_list_commands(FILE *f);
/* Say how it ended; the exit status: 0 done, 1 refused, 2 usage or unreadable input, 3 not reachable. */
int ms_cli_finish(struct ms_cli *c, enum ms_rc rc, const struct ms_err *err);

/* A file that the person named: any trouble with it is MS_ERR_USAGE, or MS_ERR_TOO_BIG. "-": standard input. */
MS_MUST_USE enum ms_rc ms_cli_read_file(const char *path, size_t max, struct ms_buf *out, struct ms_err *err);
/* A file of results: never replaces one. */
MS_MUST_USE enum ms_rc ms_cli_write_file(const char *path, mode_t mode, struct ms_span data, struct ms_err *err);
/* Ask on the terminal; anything but "yes" is MS_ERR_DENIED. Without a terminal MS_OK. */
MS_MUST_USE enum ms_rc ms_cli_confirm(struct ms_cli *c, const char *question, struct ms_err *err);
void ms_cli_progress(struct ms_cli *c, const char *what, uint64_t done, uint64_t total); /* only on a terminal */
void ms_cli_progress_end(struct ms_cli *c);

/* ---- out.c: all text that came from elsewhere goes through these, which escape control characters ---- */
void ms_out_text(FILE *f, const char *s);
/* json: the value as it is. Else for people. */
MS_MUST_USE enum ms_rc ms_out_json(struct ms_cli *c, const json_t *j, struct ms_err *err);
/* An array of objects as an aligned table, or with --json as it is. */
MS_MUST_USE enum ms_rc ms_out_table(struct ms_cli *c, const json_t *rows, const struct ms_column *columns, struct ms_err *err);
/* An object, one member a line. Keys that end in _s are times; long byte strings are left to --json. */
MS_MUST_USE enum ms_rc ms_out_record(struct ms_cli *c, const json_t *object, struct ms_err *err);
/* One line for people, or {"done": text, ...more} with --json. `more` may be NULL; borrowed. */
MS_MUST_USE enum ms_rc ms_out_done(struct ms_cli *c, json_t *more, const char *fmt, ...) MS_PRINTF(3, 4);

/* ---- value.c ---- */
/* Deterministic CBOR as JSON: byte strings as hex, integer keys as decimal text. MS_ERR_MALFORMED, MS_ERR_TOO_BIG. */
MS_MUST_USE enum ms_rc ms_json_from_cbor(struct ms_span cbor, json_t **ret, struct ms_err *err);
/* Borrowed; "" or 0 when it is not there or of another type. */
const char *ms_json_text(const json_t *object, const char *key);
uint64_t ms_json_uint(const json_t *object, const char *key);
/* The bytes of a hex member, appended. MS_ERR_NOT_FOUND, MS_ERR_MALFORMED. */
MS_MUST_USE enum ms_rc ms_json_bytes(const json_t *object, const char *key, struct ms_buf *out, struct ms_err *err);

#endif
