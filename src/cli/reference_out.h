/* Reference sets in files and on the screen, as the reference commands have them; each command is in cmd_reference_*.c. */
#ifndef MS_CLI_REFERENCE_OUT_H
#define MS_CLI_REFERENCE_OUT_H
#include "cli/cli.h"
#include "policy/reference.h"

enum ms_rc ms_reference_run_capture(struct ms_cli *c, struct ms_err *err);
enum ms_rc ms_reference_run_build(struct ms_cli *c, struct ms_err *err);
enum ms_rc ms_reference_run_import(struct ms_cli *c, struct ms_err *err);

/* references/NAME.yaml. MS_ERR_USAGE */
MS_MUST_USE enum ms_rc ms_reference_read_file(const char *path, struct ms_reference **ret, struct ms_err *err);
/* As text; the files of the set go beside it, into the same name with .files for its ending. Never replaces a file. */
MS_MUST_USE enum ms_rc ms_reference_write_file(const char *path, const struct ms_reference *r, struct ms_err *err);
/* A file of that name when there is one, else the server's set of that name. MS_ERR_NOT_FOUND. */
MS_MUST_USE enum ms_rc ms_reference_named(struct ms_cli *c, const char *name, struct ms_reference **ret, struct ms_err *err);
/* "0,2,4" of --OPTION. MS_ERR_USAGE names the option. */
MS_MUST_USE enum ms_rc ms_cli_pcrs_option(const struct ms_cli *c, const char *name, uint32_t absent, uint32_t *ret, struct ms_err *err);
/* One line that says what a set has: "14 PCR values, 80 events, 0 files, 0 keys". */
#define MS_REFERENCE_SUMMARY_LEN 120u
void ms_reference_summary(const struct ms_reference *r, char out[static MS_REFERENCE_SUMMARY_LEN]);

#endif
