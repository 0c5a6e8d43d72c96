/* audit verify, prove, replay: from files alone. audit tail: from the server. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/entry.h"
#include "audit/ticket.h"
#include "audit/verify.h"
#include "base/io.h"
#include "cli/remote.h"
#include "fold/fold.h"
#include "identity/cert.h"
#include "proto/data.h"

#define PEM_MAX 65536u

/* The log's key: --vkey TEXT, or that of --root FILE, or that of --deployment. */
static enum ms_rc
find_vkey(struct ms_cli *c, struct ms_vkey **ret, struct ms_err *err)
{
	const char *text = ms_cli_option(c, "vkey"), *file = ms_cli_option(c, "root");
	MS_OWN(ms_root_free) struct ms_root *root = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	enum ms_rc rc;
	if (text != NULL) {
		rc = ms_vkey_parse(ms_span_str(text), ret, err);
		return rc == MS_OK ? rc : ms_fail(err, MS_ERR_USAGE, "--vkey: NAME+ID+KEY is wanted");
	}
	ms_buf_init(&b, MS_ROOT_MAX);
	if (file == NULL) {
		rc = ms_cli_root(c, &root, err);
	} else {
		rc = ms_cli_read_file(file, MS_ROOT_MAX, &b, err);
		if (rc == MS_OK)
			rc = ms_root_load(ms_buf_span(&b), NULL, &root, err);
	}
	return rc == MS_OK ? ms_vkey_parse(root->body.log_vkey, ret, err) : rc;
}

static void
on_progress(void *ctx, uint64_t done, uint64_t total)
{
	ms_cli_progress(ctx, "checking the log", done, total);
}

static enum ms_rc
local(enum ms_rc rc, struct ms_err *err)
{
	if (rc != MS_ERR_NOT_FOUND && rc != MS_ERR_IO)
		return rc;
	err->rc = MS_ERR_USAGE;
	return MS_ERR_USAGE;
}

static enum ms_rc
run_verify(struct ms_cli *c, struct ms_err *err)
{
	char hex[65];
	struct ms_audit_result result;
	struct ms_audit_watch watch = {.progress = on_progress, .ctx = c};
	MS_OWN(ms_vkey_free) struct ms_vkey *v = NULL;
	enum ms_rc rc = find_vkey(c, &v, err);
	if (rc != MS_OK)
		return rc;
	rc = ms_audit_verify_dir(c->arg[0], v, &watch, &result, err);
	ms_cli_progress_end(c);
	if (rc != MS_OK)
		return local(rc, err);
	ms_hex(result.root.h, sizeof result.root.h, hex);
	MS_OWN(ms_json_free)
	json_t *more = json_pack("{s:s, s:I, s:s}", "log", ms_vkey_name(v), "entries", (json_int_t)result.size, "root_sha256", hex);
	return ms_out_done(c, more, "%s: %llu entries, every one in the tree that the log signed (root %s)", ms_vkey_name(v),
	    (unsigned long long)result.size, hex);
}

/* ---- prove ---- */

/* PEM or DER, to DER. */
static enum ms_rc
read_cert(const char *path, struct ms_buf *der, struct ms_err *err)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----", end[] = "-----END CERTIFICATE-----";
	MS_OWN(ms_buf_fini) struct ms_buf file = {0};
	MS_OWN(ms_buf_fini) struct ms_buf text = {0};
	size_t len = 0;
	ms_buf_init(&file, PEM_MAX);
	ms_buf_init(&text, PEM_MAX);
	enum ms_rc rc = ms_cli_read_file(path, PEM_MAX - 1, &file, err);
	if (rc != MS_OK)
		return rc;
	ms_buf_u8(&file, 0);
	const char *from = strstr((const char *)file.p, begin), *to = from != NULL ? strstr(from, end) : NULL;
	if (to == NULL) {
		ms_buf_put(der, file.p, file.len - 1);
		return ms_buf_check(der, err);
	}
	for (const char *p = from + sizeof begin - 1; p < to; p++)
		if (*p != '\n' && *p != '\r')
			ms_buf_u8(&text, (uint8_t)*p);
	uint8_t *bytes = malloc(text.len + 1);
	if (bytes == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "certificate");
	rc = ms_unbase64((const char *)text.p, text.len, bytes, text.len + 1, &len);
	if (rc == MS_OK)
		ms_buf_put(der, bytes, len);
	free(bytes);
	return rc == MS_OK ? ms_buf_check(der, err) : ms_fail(err, MS_ERR_USAGE, "%s: not a certificate", path);
}

struct find_cert {
	struct ms_cli *c;
	uint8_t tbs[32];
	uint64_t index;
	bool found;
};

static void
on_find_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct find_cert *f = ctx;
	ms_cli_progress(f->c, "searching the log", done, total);
}

static enum ms_rc
on_entry(void *ctx, uint64_t index, struct ms_span entry, MS_UNUSED struct ms_err *err)
{
	struct find_cert *f = ctx;
	struct ms_entry e;
	struct ms_data_cert d;
	if (ms_entry_parse(entry, &e, NULL) != MS_OK)
		return MS_OK; /* whether the log is good is verify's to say */
	if (!ms_span_eq(e.kind, ms_span_str("cert.issue")) && !ms_span_eq(e.kind, ms_span_str("server.tls")))
		return MS_OK;
	if (ms_cbor_parse_map(&ms_data_cert_table, e.data, &d, NULL) == MS_OK && ms_span_eq(d.tbs, ms_span(f->tbs, sizeof f->tbs))) {
		f->found = true;
		f->index = index;
	}
	return MS_OK;
}

static enum ms_rc
find_certificate(struct ms_cli *c, const struct ms_vkey *v, uint64_t *ret, struct ms_err *err)
{
	struct ms_cert cert;
	struct ms_audit_result result;
	struct find_cert f = {.c = c};
	struct ms_audit_watch watch = {.progress = on_find_progress, .entry = on_entry, .ctx = &f};
	MS_OWN(ms_buf_fini) struct ms_buf der = {0};
	ms_buf_init(&der, MS_CERT_MAX);
	enum ms_rc rc = read_cert(ms_cli_option(c, "cert"), &der, err);
	if (rc == MS_OK)
		rc = ms_cert_parse_min(ms_buf_span(&der), &cert, err);
	if (rc != MS_OK)
		return ms_prefix(err, MS_ERR_USAGE, "%s", ms_cli_option(c, "cert"));
	ms_sha256(cert.tbs, f.tbs);
	rc = ms_audit_verify_dir(c->arg[0], v, &watch, &result, err);
	ms_cli_progress_end(c);
	if (rc != MS_OK)
		return local(rc, err);
	if (!f.found)
		return ms_fail(err, MS_ERR_DENIED, "no entry of this log issued that certificate");
	*ret = f.index;
	return MS_OK;
}

static enum ms_rc
find_index(struct ms_cli *c, const struct ms_vkey *v, uint64_t *ret, struct ms_err *err)
{
	const char *entry = c->n_args == 2 ? c->arg[1] : ms_cli_option(c, "entry");
	if (ms_cli_option(c, "cert") != NULL)
		return find_certificate(c, v, ret, err);
	if (entry == NULL || entry[0] == '\0' || strlen(entry) > 18 || strspn(entry, "0123456789") != strlen(entry))
		return ms_fail(err, MS_ERR_USAGE, "which entry: INDEX, or --entry N, or --cert FILE");
	*ret = strtoull(entry, NULL, 10);
	return MS_OK;
}

static json_t *
describe_entry(struct ms_span entry, uint64_t index)
{
	struct ms_entry e;
	json_t *j = json_pack("{s:I}", "entry", (json_int_t)index);
	if (j == NULL || ms_entry_parse(entry, &e, NULL) != MS_OK)
		return j;
	(void)json_object_set_new(j, "time_s", json_integer((json_int_t)e.time_s));
	(void)json_object_set_new(j, "kind", json_stringn((const char *)e.kind.p, e.kind.len));
	(void)json_object_set_new(j, "actor", json_stringn((const char *)e.actor.p, e.actor.len));
	(void)json_object_set_new(j, "subject", json_stringn(e.subject.len > 0 ? (const char *)e.subject.p : "", e.subject.len));
	(void)json_object_set_new(j, "decision", json_stringn((const char *)e.decision.p, e.decision.len));
	return j;
}

static enum ms_rc
run_check(struct ms_cli *c, const struct ms_vkey *v, struct ms_err *err)
{
	struct ms_ticket t;
	MS_OWN(ms_buf_fini) struct ms_buf ticket = {0};
	MS_OWN(ms_buf_fini) struct ms_buf entry = {0};
	ms_buf_init(&ticket, MS_TICKET_MAX);
	ms_buf_init(&entry, MS_ENTRY_MAX);
	enum ms_rc rc = ms_cli_read_file(c->arg[0], MS_TICKET_MAX, &ticket, err);
	if (rc == MS_OK)
		rc = ms_cli_read_file(c->arg[1], MS_ENTRY_MAX, &entry, err);
	if (rc != MS_OK)
		return rc;
	rc = ms_ticket_verify(ms_buf_span(&ticket), ms_buf_span(&entry), v, NULL, &t, err);
	if (rc != MS_OK)
		return rc == MS_ERR_NOMEM ? rc : ms_prefix(err, MS_ERR_AUTH, "%s", c->arg[0]);
	MS_OWN(ms_json_free) json_t *j = describe_entry(ms_buf_span(&entry), t.index);
	return ms_out_done(c, j, "entry %llu is in the log %s (of %llu entries): %s, %s, %s", (unsigned long long)t.index, ms_vkey_name(v),
	    (unsigned long long)t.size, ms_json_text(j, "kind"), ms_json_text(j, "subject"), ms_json_text(j, "decision"));
}

static enum ms_rc
run_prove(struct ms_cli *c, struct ms_err *err)
{
	char entry_path[MS_CLI_PATH_MAX];
	uint64_t index = 0;
	const char *out = ms_cli_option(c, "out");
	MS_OWN(ms_vkey_free) struct ms_vkey *v = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf entry = {0};
	MS_OWN(ms_buf_fini) struct ms_buf ticket = {0};
	bool check = ms_cli_option(c, "check") != NULL;
	if (check && c->n_args != 2)
		return ms_fail(err, MS_ERR_USAGE, "usage: muster audit prove --check TICKET ENTRY");
	if (!check && out == NULL)
		return ms_fail(err, MS_ERR_USAGE, "where does the ticket go: -o FILE (the entry goes to FILE.entry)");
	enum ms_rc rc = find_vkey(c, &v, err);
	if (rc == MS_OK && check)
		return run_check(c, v, err);
	ms_buf_init(&entry, MS_ENTRY_MAX);
	ms_buf_init(&ticket, MS_TICKET_MAX);
	if (rc == MS_OK)
		rc = find_index(c, v, &index, err);
	if (rc == MS_OK)
		rc = ms_audit_prove(c->arg[0], v, index, &entry, &ticket, err);
	if (rc == MS_OK)
		rc = ms_cli_write_file(out, 0644, ms_buf_span(&ticket), err);
	if (rc != MS_OK)
		return rc;
	int n = snprintf(entry_path, sizeof entry_path, "%s.entry", out);
	if (n < 0 || (size_t)n >= sizeof entry_path)
		return ms_fail(err, MS_ERR_USAGE, "%s: too long", out);
	rc = ms_cli_write_file(entry_path, 0644, ms_buf_span(&entry), err);
	if (rc != MS_OK)
		return rc;
	MS_OWN(ms_json_free) json_t *j = describe_entry(ms_buf_span(&entry), index);
	return ms_out_done(
	    c, j, "entry %llu (%s): ticket in %s, entry in %s", (unsigned long long)index, ms_json_text(j, "kind"), out, entry_path);
}

/* ---- replay ---- */

struct differences {
	struct ms_cli *c;
	json_t *list;
};

static void
on_difference(void *ctx, const char *table, struct ms_span key, const char *how)
{
	enum { SHOWN = 200 };
	struct differences *d = ctx;
	char hex[2 * 120 + 1];
	const uint8_t *zero = memchr(key.p, 0, key.len);
	size_t tenant = zero != NULL ? (size_t)(zero - key.p) : 0;
	struct ms_span name = zero != NULL ? ms_span(zero + 1, key.len - tenant - 1) : key;
	bool text = name.len > 0 && ms_utf8_ok(name);
	for (size_t i = 0; text && i < name.len; i++)
		text = name.p[i] >= 0x20 && name.p[i] < 0x7f;
	ms_hex(name.p, name.len < 120 ? name.len : 120, hex);
	if (json_array_size(d->list) < SHOWN)
		(void)json_array_append_new(
		    d->list, json_pack("{s:s, s:s%, s:s%, s:s}", "table", table, "tenant", (const char *)key.p, tenant, "row",
				 text ? (const char *)name.p : hex, text ? name.len : strlen(hex), "how", how));
}

static void
on_replay_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct differences *d = ctx;
	ms_cli_progress(d->c, "replaying", done, total);
}

static enum ms_rc
show_differences(struct ms_cli *c, const struct differences *d, struct ms_err *err)
{
	static const struct ms_column columns[] = {{"table", "TABLE", MS_COLUMN_TEXT}, {"tenant", "TENANT", MS_COLUMN_TEXT},
	    {"row", "ROW", MS_COLUMN_TEXT}, {"how", "HOW IT DIFFERS", MS_COLUMN_TEXT}, {NULL, NULL, MS_COLUMN_TEXT}};
	return c->json ? MS_OK : ms_out_table(c, d->list, columns, err);
}

static enum ms_rc
run_replay(struct ms_cli *c, struct ms_err *err)
{
	const char *path = ms_cli_option(c, "store");
	MS_OWN(ms_store_close) struct ms_store *s = NULL;
	MS_OWN(ms_json_free) json_t *list = json_array();
	struct differences d = {c, list};
	struct ms_replay r = {.differs = on_difference, .progress = on_replay_progress, .ctx = &d};
	if (path == NULL)
		return ms_fail(err, MS_ERR_USAGE, "audit replay wants --store FILE");
	enum ms_rc rc = ms_store_open(path, MS_STORE_READONLY, &s, err);
	if (rc != MS_OK)
		return local(rc, err);
	rc = ms_fold_replay(s, &r, err);
	ms_cli_progress_end(c);
	if (rc == MS_ERR_DENIED) {
		char first[MS_ERR_TEXT_MAX];
		(void)snprintf(first, sizeof first, "%s", err->text);
		rc = show_differences(c, &d, err);
		if (rc != MS_OK)
			return rc;
		const json_t *row = json_array_get(list, 0);
		return ms_fail(err, MS_ERR_DENIED, "%llu rows are not what the log says; the first is %s %s: %s",
		    (unsigned long long)r.differing, ms_json_text(row, "table"), ms_json_text(row, "row"), ms_json_text(row, "how"));
	}
	if (rc != MS_OK) /* a log that does not fold is refused, whatever is wrong in it */
		return rc == MS_ERR_NOMEM || rc == MS_ERR_IO ? local(rc, err) : ms_prefix(err, MS_ERR_AUTH, "the log does not replay");
	MS_OWN(ms_json_free) json_t *more = json_pack("{s:I, s:I}", "entries", (json_int_t)r.entries, "rows", (json_int_t)r.rows);
	return ms_out_done(c, more, "%llu entries replayed: all %llu rows are what the log says", (unsigned long long)r.entries,
	    (unsigned long long)r.rows);
}

/* ---- tail ---- */

static enum ms_rc
ask_tail(struct ms_cli *c, const char *after, uint64_t limit, struct ms_reply *r, struct ms_err *err)
{
	struct ms_args_list args = {.present = MS_CBOR_BIT(MS_ARGS_LIST_LIMIT), .limit = limit};
	if (after[0] != '\0') {
		args.after = ms_span_str(after);
		args.present |= MS_CBOR_BIT(MS_ARGS_LIST_AFTER);
	}
	struct ms_request q = {.operation = "audit.tail", .table = &ms_args_list_table, .args = &args};
	return ms_remote_ask(c, &q, r, err);
}

static const struct ms_column tail_columns[] = {{"entry", "ENTRY", MS_COLUMN_TEXT}, {"time_s", "TIME (UTC)", MS_COLUMN_TIME},
    {"kind", "KIND", MS_COLUMN_TEXT}, {"decision", "DECISION", MS_COLUMN_STATE}, {"subject", "SUBJECT", MS_COLUMN_ID},
    {"reason", "REASON", MS_COLUMN_TEXT}, {NULL, NULL, MS_COLUMN_TEXT}};

static enum ms_rc
run_tail(struct ms_cli *c, struct ms_err *err)
{
	char after[32] = "";
	uint64_t limit = 0;
	MS_OWN(ms_reply_fini) struct ms_reply r = {.result = NULL};
	MS_OWN(ms_json_free) json_t *rows = json_array();
	enum ms_rc rc = ms_cli_uint(c, "limit", 20, 1, 1000, &limit, err);
	if (rc == MS_OK)
		rc = ask_tail(c, "", limit, &r, err);
	if (rc != MS_OK)
		return rc;
	const json_t *newest = json_object_get(r.result, "rows");
	for (size_t i = json_array_size(newest); i > 0; i--) /* oldest first, as they happened */
		(void)json_array_append(rows, json_array_get(newest, i - 1));
	(void)snprintf(after, sizeof after, "%llu", (unsigned long long)ms_json_uint(json_array_get(newest, 0), "entry"));
	rc = ms_out_table(c, rows, tail_columns, err);
	while (rc == MS_OK && ms_cli_option(c, "follow") != NULL) {
		(void)fflush(c->out);
		(void)sleep(1);
		rc = ask_tail(c, after, 1000, &r, err);
		if (rc == MS_OK && json_array_size(json_object_get(r.result, "rows")) > 0)
			rc = ms_out_table(c, json_object_get(r.result, "rows"), tail_columns, err);
		const char *next = ms_json_text(r.result, "next");
		if (rc == MS_OK && next[0] != '\0')
			(void)snprintf(after, sizeof after, "%.20s", next);
	}
	return rc;
}

static const struct ms_cli_option verify_options[] = {{"root", "FILE", "deployment root that names the log's key"},
    {"vkey", "TEXT", "the log's key itself: NAME+ID+KEY"}, {NULL, NULL, NULL}};
static const struct ms_cli_option prove_options[] = {{"root", "FILE", "deployment root that names the log's key"},
    {"vkey", "TEXT", "the log's key itself: NAME+ID+KEY"}, {"entry", "N", "index of the entry"},
    {"cert", "FILE", "the entry that issued this certificate (PEM or DER)"},
    {"out", "FILE", "where the ticket goes (-o FILE); the entry goes to FILE.entry"},
    {"check", NULL, "check a ticket and its entry: --check TICKET ENTRY"}, {NULL, NULL, NULL}};
static const struct ms_cli_option replay_options[] = {{"store", "FILE", "the database, store.db"}, {NULL, NULL, NULL}};
static const struct ms_cli_option tail_options[] = {
    {"limit", "N", "how many entries at first (default: 20)"}, {"follow", NULL, "go on as new ones come"}, {NULL, NULL, NULL}};

const struct ms_command ms_commands_audit[] = {
    {.noun = "audit",
	.verb = "verify",
	.run = run_verify,
	.help = "check an exported log: signature, every entry, every tile (offline)",
	.args = "DIR",
	.min_args = 1,
	.max_args = 1,
	.options = verify_options,
	.example = "muster audit verify /etc/muster/state/core/log --root root.cbor"},
    {.noun = "audit",
	.verb = "prove",
	.run = run_prove,
	.help = "make, or with --check verify, proof that an entry is in the log (offline)",
	.args = "DIR [INDEX]",
	.min_args = 1,
	.max_args = 2,
	.options = prove_options,
	.example = "muster audit prove log/ --cert device.pem -o device.ticket --root root.cbor"},
    {.noun = "audit",
	.verb = "replay",
	.run = run_replay,
	.help = "compare the database with what the log says, row by row (offline)",
	.args = "",
	.options = replay_options,
	.example = "muster audit replay --store /etc/muster/state/core/store.db"},
    {.noun = "audit",
	.verb = "tail",
	.run = run_tail,
	.help = "show the newest entries of the log",
	.args = "",
	.options = tail_options,
	.example = "muster audit tail --follow"},
    {.noun = NULL},
};
