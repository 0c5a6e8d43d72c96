/* evidence list and export: what the server recorded of what devices proved. */
#include <string.h>

#include "cli/evidence_remote.h"

static enum ms_rc
run_list(struct ms_cli *c, struct ms_err *err)
{
	MS_OWN(ms_json_free) json_t *rows = NULL;
	MS_OWN(ms_found_device_fini) struct ms_found_device d = {.json = NULL};
	uint64_t limit = 0;
	enum ms_rc rc = ms_cli_uint(c, "limit", 0, 1, 10000000, &limit, err);
	if (rc == MS_OK && c->n_args == 1)
		rc = ms_remote_device(c, c->arg[0], &d, err);
	if (rc == MS_OK)
		rc = ms_remote_records(c, d.id, 0, limit, &rows, err);
	return rc == MS_OK ? ms_out_table(c, rows, c->command->columns, err) : rc;
}

static enum ms_rc
run_export(struct ms_cli *c, struct ms_err *err)
{
	const char *out = ms_cli_option(c, "out");
	MS_OWN(ms_remote_evidence_fini) struct ms_remote_evidence e = {.n_mem = 0};
	MS_OWN(ms_buf_fini) struct ms_buf wire = {0};
	ms_buf_init(&wire, MS_EVIDENCE_FILE_MAX);
	if (out == NULL)
		return ms_fail(err, MS_ERR_USAGE, "evidence export wants --out FILE");
	enum ms_rc rc = ms_remote_evidence(c, c->arg[0], &e, err);
	if (rc == MS_OK)
		rc = ms_evidence_file_build(&e.file, &wire, err);
	if (rc == MS_OK)
		rc = ms_cli_write_file(out, 0600, ms_buf_span(&wire), err);
	if (rc != MS_OK)
		return rc;
	return ms_out_done(
	    c, NULL, "%s: evidence of %.*s, %zu bytes", out, (int)e.file.device.len, (const char *)e.file.device.p, wire.len);
}

static const struct ms_cli_option list_options[] = {{"limit", "N", "at most N rows"}, {NULL, NULL, NULL}};
static const struct ms_cli_option export_options[] = {{"out", "FILE", "where it goes (-o FILE); must not exist"}, {NULL, NULL, NULL}};
static const struct ms_column columns[] = {{"id", "RECORD", MS_COLUMN_TEXT}, {"device", "DEVICE", MS_COLUMN_ID},
    {"name", "NAME", MS_COLUMN_TEXT}, {"model", "MODEL", MS_COLUMN_TEXT}, {"time_s", "TIME (UTC)", MS_COLUMN_TIME},
    {"judged", "VERDICT", MS_COLUMN_STATE}, {"boot_log_size", "BOOT LOG", MS_COLUMN_TEXT}, {"ima_size", "IMA", MS_COLUMN_TEXT},
    {"reason", "REASON", MS_COLUMN_TEXT}, {NULL, NULL, MS_COLUMN_TEXT}};

const struct ms_command ms_commands_evidence_records[] = {
    {.noun = "evidence",
	.verb = "list",
	.run = run_list,
	.help = "list recorded evidence, of all devices or of one",
	.args = "[DEVICE]",
	.min_args = 0,
	.max_args = 1,
	.options = list_options,
	.example = "muster evidence list press-17",
	.operation = "evidence.list",
	.columns = columns},
    {.noun = "evidence",
	.verb = "export",
	.run = run_export,
	.help = "write a device's last evidence, or a record, to a file for explain and for tests",
	.args = "DEVICE|RECORD",
	.min_args = 1,
	.max_args = 1,
	.options = export_options,
	.example = "muster evidence export press-17 -o press-17.evidence"},
    {.noun = NULL},
};
