/* reference show and diff, and the table of the commands. */
#include <string.h>

#include "base/clock.h"
#include "cli/policy_remote.h"
#include "cli/reference_out.h"
#include "policy/reference_diff.h"
#include "policy/reference_yaml.h"

#define FILES_SHOWN 40u

static void
add_row(json_t *to, unsigned pcr, const uint8_t *digest)
{
	char key[8], hex[2 * MS_PCR_LEN + 1];
	(void)snprintf(key, sizeof key, "%u", pcr);
	ms_hex(digest, MS_PCR_LEN, hex);
	if (json_object_get(to, key) == NULL)
		(void)json_object_set_new(to, key, json_array());
	(void)json_array_append_new(json_object_get(to, key), json_string(hex));
}

static json_t *
set_json(const struct ms_reference *r)
{
	char hex[2 * MS_HASH_LEN_MAX + 1], id[2 * MS_REFERENCE_ID_LEN + 1];
	json_t *pcrs = json_object(), *events = json_object(), *files = json_array();
	for (size_t i = 0; i < r->n; i++)
		add_row(pcrs, r->rows[i].index, r->rows[i].digest);
	for (size_t i = 0; i < ms_reference_n_events(r); i++) {
		const struct ms_pcr_accept *e = ms_reference_event_at(r, i, NULL);
		add_row(events, e->index, e->digest);
	}
	for (size_t i = 0; i < ms_reference_n_files(r); i++) {
		struct ms_reference_file f = ms_reference_file_at(r, i);
		ms_hex(f.digest.p, f.digest.len, hex);
		(void)json_array_append_new(files, json_pack("{s:s%, s:s}", "path", f.path.p, f.path.len, "digest", hex));
	}
	ms_hex(r->id, MS_REFERENCE_ID_LEN, id);
	return json_pack("{s:s, s:s, s:b, s:I, s:s, s:I, s:s, s:o, s:o, s:o, s:I}", "name", r->name, "model", r->model, "all_models",
	    r->all_models, "version", (json_int_t)r->version, "source", r->source, "captured_s", (json_int_t)r->captured_s, "id", id,
	    "pcrs", pcrs, "events", events, "files", files, "keys", (json_int_t)ms_reference_n_keys(r));
}

static void
show_files(struct ms_cli *c, const struct ms_reference *r)
{
	char hex[2 * MS_HASH_LEN_MAX + 1], path[MS_REFERENCE_PATH_MAX + 1];
	size_t n = ms_reference_n_files(r);
	for (size_t i = 0; i < n && i < FILES_SHOWN; i++) {
		struct ms_reference_file f = ms_reference_file_at(r, i);
		ms_hex(f.digest.p, f.digest.len, hex);
		(void)snprintf(path, sizeof path, "%.*s", (int)f.path.len, (const char *)f.path.p);
		(void)fprintf(c->out, "  %s  ", hex);
		ms_out_text(c->out, path);
		(void)fputc('\n', c->out);
	}
	if (n > FILES_SHOWN)
		(void)fprintf(c->out, "  and %zu more (--json has all)\n", n - FILES_SHOWN);
}

static enum ms_rc
run_show(struct ms_cli *c, struct ms_err *err)
{
	MS_OWN(ms_reference_free) struct ms_reference *r = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf yaml = {0};
	char summary[MS_REFERENCE_SUMMARY_LEN];
	const char *out = ms_cli_option(c, "out");
	ms_buf_init(&yaml, MS_REFERENCE_YAML_MAX);
	enum ms_rc rc = ms_reference_named(c, c->arg[0], &r, err);
	if (rc == MS_OK && out != NULL) {
		rc = ms_reference_write_file(out, r, err);
		return rc == MS_OK ? ms_out_done(c, NULL, "%s: reference set %s", out, r->name) : rc;
	}
	if (rc == MS_OK && c->json) {
		MS_OWN(ms_json_free) json_t *j = set_json(r);
		return ms_out_json(c, j, err);
	}
	if (rc == MS_OK)
		rc = ms_reference_to_yaml(r, "(below)", &yaml, err);
	if (rc != MS_OK)
		return rc;
	ms_buf_u8(&yaml, 0);
	ms_reference_summary(r, summary);
	(void)fprintf(c->out, "# version %llu: %s\n", (unsigned long long)r->version, summary);
	(void)fputs(yaml.p == NULL ? "" : (const char *)yaml.p, c->out);
	show_files(c, r);
	return MS_OK;
}

/* ---- diff ---- */

static void
on_difference(void *ctx, const struct ms_reference_difference *d)
{
	(void)json_array_append_new(
	    ctx, json_pack("{s:s, s:s, s:s}", "kind", d->added ? "added" : "removed", "what", d->what, "value", d->text));
}

static enum ms_rc
run_diff(struct ms_cli *c, struct ms_err *err)
{
	MS_OWN(ms_reference_free) struct ms_reference *a = NULL, *b = NULL;
	MS_OWN(ms_json_free) json_t *rows = json_array();
	size_t i;
	const json_t *row;
	enum ms_rc rc = ms_reference_named(c, c->arg[0], &a, err);
	if (rc == MS_OK)
		rc = ms_reference_named(c, c->arg[1], &b, err);
	if (rc != MS_OK)
		return rc;
	c->refused = ms_reference_diff(a, b, on_difference, rows) > 0;
	if (c->json)
		return ms_out_json(c, rows, err);
	json_array_foreach(rows, i, row)
	{
		bool added = strcmp(ms_json_text(row, "kind"), "added") == 0;
		(void)fprintf(
		    c->out, "%s%c%s ", c->colour ? (added ? "\033[32m" : "\033[31m") : "", added ? '+' : '-', c->colour ? "\033[0m" : "");
		ms_out_text(c->out, ms_json_text(row, "what"));
		(void)fputc(' ', c->out);
		ms_out_text(c->out, ms_json_text(row, "value"));
		(void)fputc('\n', c->out);
	}
	if (!c->refused)
		(void)fputs("both accept the same\n", c->out);
	return MS_OK;
}

static const struct ms_cli_option capture_options[] = {{"name", "NAME", "of the set, as the policy names it"},
    {"pcrs", "LIST", "PCRs to take, joined by commas (default: 0 to 14 without 10)"},
    {"events", "LIST", "take the events of these PCRs from the boot log, too"}, {"files", NULL, "take the files of the IMA list, too"},
    {"replace", NULL, "put these values in place of the set that is there; without it they are added to it"},
    {"out", "FILE", "write references/NAME.yaml in place of setting it on the server (-o FILE)"}, {NULL, NULL, NULL}};
static const struct ms_cli_option build_options[] = {{"name", "NAME", "of the set, as the policy names it"},
    {"model", "MODEL", "of the devices that it is for"}, {"source", "TEXT", "where the values come from"},
    {"pcrs-file", "FILE", "PCR values: {\"sha256\": {\"0\": \"HEX\"}}"}, {"boot-log", "FILE", "a boot log: its PCR values and its events"},
    {"ima", "FILE", "an IMA list: its files"}, {"files", "FILE", "files, as sha256sum lists them"},
    {"key", "FILE", "a key or certificate that signs files"}, {"pcrs", "LIST", "only these PCRs"},
    {"events", "LIST", "only the events of these PCRs"}, {"out", "FILE", "where it goes, as NAME.yaml (-o FILE)"}, {NULL, NULL, NULL}};
static const struct ms_cli_option import_options[] = {{"corim", NULL, "FILE is a CoRIM"},
    {"key", "FILE", "the key that must have signed it"}, {"name", "NAME", "of the set, as the policy names it"},
    {"model", "MODEL", "of the devices that it is for (default: what the CoRIM says)"},
    {"out", "FILE", "where it goes, as NAME.yaml (-o FILE)"}, {NULL, NULL, NULL}};
static const struct ms_cli_option show_options[] = {
    {"out", "FILE", "write it as NAME.yaml, for a policy directory (-o FILE)"}, {NULL, NULL, NULL}};

#define ROW(a_verb, a_run, a_help, a_args, least, most, opts, ex) \
	{ \
		.noun = "reference", .verb = a_verb, .run = a_run, .help = a_help, .args = a_args, .min_args = least, .max_args = most, \
		.options = opts, .example = ex \
	}
const struct ms_command ms_commands_reference[] = {
    ROW("capture", ms_reference_run_capture, "take what a device proved last as reference values", "DEVICE", 1, 1, capture_options,
	"muster reference capture press-17 --name press-2026"),
    ROW("build", ms_reference_run_build, "make a reference set of files (offline)", "[SET...]", 0, MS_CLI_ARGS_MAX, build_options,
	"muster reference build --name press-2026 --model press --boot-log log -o references/press-2026.yaml"),
    ROW("import", ms_reference_run_import, "make a reference set of a maker's CoRIM (offline)", "FILE", 1, 1, import_options,
	"muster reference import firmware.corim --corim --key maker.pem --name firmware-7 -o references/firmware-7.yaml"),
    ROW("show", run_show, "show a reference set of the server, or one in a file", "NAME|FILE", 1, 1, show_options,
	"muster reference show press-2026"),
    ROW("diff", run_diff, "say what differs between two sets", "A B", 2, 2, NULL,
	"muster reference diff press-2026 references/press-2026.yaml"),
    {.noun = NULL},
};
