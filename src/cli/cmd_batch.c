/* batch create: a signed manifest of expected devices from a CSV file; batch import: the server takes it. */
#include <stdlib.h>
#include <string.h>

#include "audit/merkle.h"
#include "base/clock.h"
#include "cli/csv.h"
#include "cli/remote.h"
#include "crypto/cosesig.h"

#define MANIFEST_LIFE_S (UINT64_C(365) * 86400)
#define MANIFEST_MAX 900000u /* what one request takes */

static enum ms_rc
build_rows(const struct ms_csv *csv, struct ms_buf *rows, struct ms_node *root, struct ms_err *err)
{
	struct ms_frontier f;
	ms_frontier_init(&f);
	ms_cbor_array(rows, csv->n);
	for (size_t i = 0; i < csv->n; i++) {
		MS_OWN(ms_buf_fini) struct ms_buf one = {0};
		struct ms_node leaf;
		struct ms_manifest_row row = {.serial = ms_span_str(csv->row[i].serial),
		    .model = ms_span_str(csv->row[i].model),
		    .ek_hash = ms_span(csv->row[i].ek_hash, 32)};
		ms_buf_init(&one, 512);
		enum ms_rc rc = ms_cbor_build_map(&ms_manifest_row_table, &row, &one, err);
		if (rc != MS_OK)
			return rc;
		ms_cbor_bytes(rows, ms_buf_span(&one));
		ms_merkle_leaf(ms_buf_span(&one), &leaf);
		rc = ms_frontier_append(&f, &leaf, err);
		if (rc != MS_OK)
			return rc;
	}
	ms_frontier_root(&f, root);
	if (rows->bad)
		return ms_fail(err, MS_ERR_TOO_BIG, "%zu devices are too many for one batch: make several", csv->n);
	return MS_OK;
}

static enum ms_rc
sign_manifest(struct ms_cli *c, const struct ms_manifest_body *m, struct ms_buf *out, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf body = {0};
	ms_buf_init(&body, 1024);
	enum ms_rc rc = ms_cbor_build_map(&ms_manifest_body_table, m, &body, err);
	uint64_t now = ms_clock_wall_s();
	struct ms_statement_fields f = {.kind = "manifest",
	    .deployment = c->remote->root->deployment,
	    .audience = "server",
	    .tenant = c->remote->tenant,
	    .issued_s = now,
	    .expires_s = now + MANIFEST_LIFE_S,
	    .body = ms_buf_span(&body)};
	return rc == MS_OK ? ms_statement_sign(&c->remote->signer, &f, out, err) : rc;
}

static enum ms_rc
build_manifest(struct ms_cli *c, const struct ms_csv *csv, struct ms_buf *out, struct ms_err *err)
{
	struct ms_node root;
	MS_OWN(ms_buf_fini) struct ms_buf rows = {0};
	MS_OWN(ms_buf_fini) struct ms_buf statement = {0};
	ms_buf_init(&rows, MANIFEST_MAX);
	ms_buf_init(&statement, 8192);
	enum ms_rc rc = build_rows(csv, &rows, &root, err);
	struct ms_manifest_body m = {.id = ms_span_str(ms_cli_option(c, "id")),
	    .maker = ms_span_str(ms_cli_option(c, "maker")),
	    .count = csv->n,
	    .root = ms_span(root.h, sizeof root.h)};
	if (rc == MS_OK)
		rc = sign_manifest(c, &m, &statement, err);
	struct ms_manifest_file file = {.statement = ms_buf_span(&statement), .rows = ms_buf_span(&rows)};
	return rc == MS_OK ? ms_cbor_build_map(&ms_manifest_file_table, &file, out, err) : rc;
}

static enum ms_rc
check_create(struct ms_cli *c, struct ms_err *err)
{
	const char *id = ms_cli_option(c, "id"), *maker = ms_cli_option(c, "maker");
	if (id == NULL || maker == NULL || ms_cli_option(c, "out") == NULL)
		return ms_fail(err, MS_ERR_USAGE, "batch create wants --id, --maker and --out");
	if (!ms_name_ok(ms_span_str(id), 64))
		return ms_fail(err, MS_ERR_USAGE, "--id: 1 to 64 of a-z 0-9 . _ -");
	if (maker[0] == '\0' || strlen(maker) > 64 || !ms_utf8_ok(ms_span_str(maker)))
		return ms_fail(err, MS_ERR_USAGE, "--maker: 1 to 64 bytes of UTF-8");
	return MS_OK;
}

static enum ms_rc
run_create(struct ms_cli *c, struct ms_err *err)
{
	MS_OWN(ms_csv_fini) struct ms_csv csv = {.n = 0};
	MS_OWN(ms_buf_fini) struct ms_buf text = {0};
	MS_OWN(ms_buf_fini) struct ms_buf out = {0};
	ms_buf_init(&text, MS_CSV_MAX);
	ms_buf_init(&out, MANIFEST_MAX);
	enum ms_rc rc = check_create(c, err);
	if (rc == MS_OK)
		rc = ms_cli_read_file(c->arg[0], MS_CSV_MAX, &text, err);
	if (rc == MS_OK)
		rc = ms_csv_parse(c->arg[0], ms_buf_span(&text), &csv, err);
	if (rc == MS_OK)
		rc = ms_remote_open(c, err);
	if (rc == MS_OK)
		rc = ms_remote_unlock(c, err);
	if (rc == MS_OK)
		rc = build_manifest(c, &csv, &out, err);
	if (rc == MS_OK)
		rc = ms_cli_write_file(ms_cli_option(c, "out"), 0644, ms_buf_span(&out), err);
	if (rc != MS_OK)
		return rc;
	MS_OWN(ms_json_free) json_t *more = json_pack("{s:s, s:I}", "batch", ms_cli_option(c, "id"), "devices", (json_int_t)csv.n);
	return ms_out_done(c, more, "batch %s: %zu devices, signed, in %s", ms_cli_option(c, "id"), csv.n, ms_cli_option(c, "out"));
}

static enum ms_rc
run_import(struct ms_cli *c, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf file = {0};
	MS_OWN(ms_reply_fini) struct ms_reply r = {.result = NULL};
	struct ms_manifest_file m;
	ms_buf_init(&file, MANIFEST_MAX);
	enum ms_rc rc = ms_cli_read_file(c->arg[0], MANIFEST_MAX, &file, err);
	if (rc == MS_OK && ms_cbor_parse_map(&ms_manifest_file_table, ms_buf_span(&file), &m, err) != MS_OK)
		rc = ms_fail(err, MS_ERR_USAGE, "%s is not a manifest: make one with muster batch create", c->arg[0]);
	struct ms_args_bytes args = {.object = ms_buf_span(&file)};
	struct ms_request q = {.operation = "batch.import", .table = &ms_args_bytes_table, .args = &args};
	if (rc == MS_OK)
		rc = ms_remote_ask(c, &q, &r, err);
	return rc == MS_OK ? ms_remote_done(c, &r, "", err) : rc;
}

static const struct ms_cli_option create_options[] = {{"out", "FILE", "where the manifest goes (-o FILE); must not exist"},
    {"id", "ID", "name of the batch, of a-z 0-9 . _ -"}, {"maker", "NAME", "who made the devices"}, {NULL, NULL, NULL}};

const struct ms_command ms_commands_batch[] = {
    {.noun = "batch",
	.verb = "create",
	.run = run_create,
	.help = "make a signed manifest of expected devices from CSV (serial,model,ek_hash)",
	.args = "CSV",
	.min_args = 1,
	.max_args = 1,
	.options = create_options,
	.example = "muster batch create line4.csv -o line4.manifest --id line4-w31 --maker \"Example Works\""},
    {.noun = "batch",
	.verb = "import",
	.run = run_import,
	.help = "give a manifest to the server: its devices are expected from then on",
	.args = "FILE",
	.min_args = 1,
	.max_args = 1,
	.example = "muster batch import line4.manifest"},
    {.noun = NULL},
};
