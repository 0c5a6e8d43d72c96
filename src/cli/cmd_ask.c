/* Commands that only ask the server and print: lists, and one object by name. */
#include <string.h>
#include <unistd.h>

#include "cli/remote.h"
#include "codec/statement.h"
#include "crypto/cosesig.h"

static enum ms_rc
run_list(struct ms_cli *c, struct ms_err *err)
{
	MS_OWN(ms_json_free) json_t *rows = NULL;
	uint64_t limit = 0;
	enum ms_rc rc = ms_cli_uint(c, "limit", 0, 1, 10000000, &limit, err);
	if (rc == MS_OK)
		rc = ms_remote_list(c, c->command->operation, limit, &rows, err);
	return rc == MS_OK ? ms_out_table(c, rows, c->command->columns, err) : rc;
}

static enum ms_rc
ask_one(struct ms_cli *c, const char *operation, const char *name, struct ms_reply *r, struct ms_err *err)
{
	struct ms_args_name args = {.name = ms_span_str(name)};
	struct ms_request q = {.operation = operation, .table = &ms_args_name_table, .args = &args};
	return ms_remote_ask(c, &q, r, err);
}

static enum ms_rc
run_show(struct ms_cli *c, struct ms_err *err)
{
	MS_OWN(ms_reply_fini) struct ms_reply r = {.result = NULL};
	enum ms_rc rc = ask_one(c, c->command->operation, c->arg[0], &r, err);
	return rc == MS_OK ? ms_out_record(c, r.result, err) : rc;
}

static enum ms_rc
run_status(struct ms_cli *c, struct ms_err *err)
{
	MS_OWN(ms_reply_fini) struct ms_reply r = {.result = NULL};
	struct ms_args_list args = {.present = 0};
	struct ms_request q = {.operation = "status", .table = &ms_args_list_table, .args = &args};
	enum ms_rc rc = ms_remote_ask(c, &q, &r, err);
	return rc == MS_OK ? ms_out_record(c, r.result, err) : rc;
}

static enum ms_rc
run_device_show(struct ms_cli *c, struct ms_err *err)
{
	MS_OWN(ms_found_device_fini) struct ms_found_device d = {.json = NULL};
	enum ms_rc rc = ms_remote_device(c, c->arg[0], &d, err);
	if (rc == MS_OK && !c->json) {
		(void)json_object_del(d.json, "binding");
		(void)json_object_del(d.json, "admission");
	}
	return rc == MS_OK ? ms_out_record(c, d.json, err) : rc;
}

/* The change as its author signed it: what is shown comes from the statement, not from the server's row about it. */
static enum ms_rc
prove_change(struct ms_cli *c, json_t *j, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf wire = {0};
	MS_OWN(ms_statement_raw_free) struct ms_statement_raw *raw = NULL;
	struct ms_statement st;
	struct ms_op_body body;
	ms_buf_init(&wire, 1u << 20);
	enum ms_rc rc = ms_json_bytes(j, "statement", &wire, err);
	if (rc == MS_OK)
		rc = ms_statement_parse(ms_buf_span(&wire), &raw, err);
	if (rc != MS_OK)
		return rc;
	const struct ms_operator_key *by = ms_root_operator(c->remote->root, ms_statement_kid(raw), ms_span_str(c->remote->tenant));
	if (by == NULL)
		return ms_fail(err, MS_ERR_AUTH, "the change is signed by no operator of the deployment root");
	struct ms_statement_expect x = {.kind = "op",
	    .deployment = c->remote->root->deployment,
	    .audience = "server",
	    .tenant = c->remote->tenant,
	    .now_s = ms_json_uint(j, "executed_s"), /* it was good then */
	    .skew_s = 600};
	rc = ms_statement_verify_raw(raw, by->key, &x, &st, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_op_body_table, st.body, &body, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "change");
	(void)json_object_set_new(j, "operation", json_stringn((const char *)body.operation.p, body.operation.len));
	(void)json_object_set_new(j, "signed_by", json_string(by->name));
	(void)json_object_set_new(j, "signed_s", json_integer((json_int_t)st.issued_s));
	json_t *args = NULL;
	if (ms_json_from_cbor(body.args, &args, NULL) == MS_OK)
		(void)json_object_set_new(j, "arguments", args);
	if (!c->json)
		(void)json_object_del(j, "statement");
	return MS_OK;
}

static enum ms_rc
run_change_show(struct ms_cli *c, struct ms_err *err)
{
	MS_OWN(ms_reply_fini) struct ms_reply r = {.result = NULL};
	enum ms_rc rc = ask_one(c, "change.show", c->arg[0], &r, err);
	if (rc == MS_OK)
		rc = prove_change(c, r.result, err);
	return rc == MS_OK ? ms_out_record(c, r.result, err) : rc;
}

static const struct ms_cli_option list_options[] = {{"limit", "N", "at most N rows"}, {NULL, NULL, NULL}};

static const struct ms_column device_columns[] = {{"id", "ID", MS_COLUMN_ID}, {"name", "NAME", MS_COLUMN_TEXT},
    {"model", "MODEL", MS_COLUMN_TEXT}, {"serial", "SERIAL", MS_COLUMN_TEXT}, {"state", "STATE", MS_COLUMN_STATE},
    {"outcome", "LAST", MS_COLUMN_STATE}, {"attested_s", "ATTESTED (UTC)", MS_COLUMN_TIME}, {NULL, NULL, MS_COLUMN_TEXT}};
static const struct ms_column batch_columns[] = {{"id", "BATCH", MS_COLUMN_TEXT}, {"devices", "DEVICES", MS_COLUMN_TEXT},
    {"imported_s", "IMPORTED (UTC)", MS_COLUMN_TIME}, {"by", "BY", MS_COLUMN_TEXT}, {NULL, NULL, MS_COLUMN_TEXT}};
static const struct ms_column reference_columns[] = {{"name", "NAME", MS_COLUMN_TEXT}, {"model", "MODEL", MS_COLUMN_TEXT},
    {"version", "VERSION", MS_COLUMN_TEXT}, {"digests", "DIGESTS", MS_COLUMN_TEXT}, {"set_s", "SET (UTC)", MS_COLUMN_TIME},
    {"source", "FROM", MS_COLUMN_ID}, {NULL, NULL, MS_COLUMN_TEXT}};
static const struct ms_column change_columns[] = {{"entry", "CHANGE", MS_COLUMN_TEXT}, {"executed_s", "EXECUTED (UTC)", MS_COLUMN_TIME},
    {"operation", "OPERATION", MS_COLUMN_TEXT}, {"subject", "SUBJECT", MS_COLUMN_TEXT}, {"result", "RESULT", MS_COLUMN_STATE},
    {NULL, NULL, MS_COLUMN_TEXT}};
static const struct ms_column secret_columns[] = {{"path", "NAME", MS_COLUMN_TEXT}, {"for", "FOR", MS_COLUMN_TEXT},
    {"class", "CLASS", MS_COLUMN_TEXT}, {"stored_version", "VERSION", MS_COLUMN_TEXT}, {"state", "STATE", MS_COLUMN_STATE},
    {"put_s", "PUT (UTC)", MS_COLUMN_TIME}, {NULL, NULL, MS_COLUMN_TEXT}};
static const struct ms_column cert_columns[] = {{"serial", "SERIAL", MS_COLUMN_TEXT}, {"device", "DEVICE", MS_COLUMN_ID},
    {"status", "STATUS", MS_COLUMN_STATE}, {"not_after_s", "NOT AFTER (UTC)", MS_COLUMN_TIME}, {"entry", "ENTRY", MS_COLUMN_TEXT},
    {NULL, NULL, MS_COLUMN_TEXT}};
static const struct ms_column operator_columns[] = {{"name", "NAME", MS_COLUMN_TEXT}, {"role", "ROLE", MS_COLUMN_TEXT},
    {"tenant", "TENANT", MS_COLUMN_TEXT}, {"key", "KEY", MS_COLUMN_ID}, {"last_s", "LAST CHANGE (UTC)", MS_COLUMN_TIME},
    {NULL, NULL, MS_COLUMN_TEXT}};

#define ASK(a_noun, a_verb, a_run, a_help, a_args, n, opts, ex, op, cols) \
	{ \
		.noun = a_noun, .verb = a_verb, .run = a_run, .help = a_help, .args = a_args, .min_args = n, .max_args = n, \
		.options = opts, .example = ex, .operation = op, .columns = cols \
	}
const struct ms_command ms_commands_ask[] = {
    ASK("status", NULL, run_status, "show how the server is", "", 0, NULL, "muster status", NULL, NULL),
    ASK("device", "list", run_list, "list the devices", "", 0, list_options, "muster device list", "device.list", device_columns),
    ASK("device", "show", run_device_show, "show one device, with the reasons of its last verdict", "DEVICE", 1, NULL,
	"muster device show press-17", NULL, NULL),
    ASK("batch", "list", run_list, "list the batches of expected devices", "", 0, list_options, "muster batch list", "batch.list",
	batch_columns),
    ASK("reference", "list", run_list, "list the sets of reference values", "", 0, list_options, "muster reference list", "reference.list",
	reference_columns),
    ASK("change", "list", run_list, "list what operators changed, newest first", "", 0, list_options, "muster change list --limit 20",
	"change.list", change_columns),
    ASK("change", "show", run_change_show, "show one change, as its author signed it", "CHANGE", 1, NULL, "muster change show 42", NULL,
	NULL),
    ASK("secret", "list", run_list, "list the secrets, never their values", "", 0, list_options, "muster secret list", "secret.list",
	secret_columns),
    ASK("cert", "list", run_list, "list the certificates of devices", "", 0, list_options, "muster cert list", "cert.list", cert_columns),
    ASK("cert", "show", run_show, "show one certificate by its serial", "SERIAL", 1, NULL,
	"muster cert show 3f6a0c5de1b24c7f9a8b7c6d5e4f3a2b", "cert.show", NULL),
    ASK("operator", "list", run_list, "list the operators of the deployment", "", 0, NULL, "muster operator list", "operator.list",
	operator_columns),
    {.noun = NULL},
};
