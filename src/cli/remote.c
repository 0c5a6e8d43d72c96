#include "cli/remote.h"

#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "audit/ticket.h"
#include "base/clock.h"
#include "base/io.h"
#include "codec/yaml.h"
#include "crypto/cosesig.h"
#include "crypto/scryptbox.h"

#define OP_LIFE_S 120u
#define OP_MAX (1u << 20)

void
ms_remote_free(struct ms_remote *r)
{
	if (r == NULL)
		return;
	ms_client_free(r->client);
	ms_softkey_free(r->key);
	ms_root_free(r->root);
	free(r);
}

void
ms_reply_fini(struct ms_reply *r)
{
	ms_client_response_fini(&r->http);
	json_decref(r->result);
	r->result = NULL;
}

/* ---- files of a deployment ---- */

static const char *
deployment_dir(const struct ms_cli *c)
{
	const char *dir = ms_cli_option(c, "deployment");
	if (dir == NULL)
		dir = getenv("MUSTER_DEPLOYMENT");
	return dir != NULL && dir[0] != '\0' ? dir : "/etc/muster";
}

/* dir/name, or dir/client/name when only that is there. */
static enum ms_rc
find_file(const char *dir, const char *name, char out[static MS_CLI_PATH_MAX], struct ms_err *err)
{
	static const char *const forms[] = {"%s/%s", "%s/client/%s"};
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		int n = snprintf(out, MS_CLI_PATH_MAX, forms[i], dir, name);
		if (n > 0 && (size_t)n < MS_CLI_PATH_MAX && access(out, F_OK) == 0)
			return MS_OK;
	}
	return ms_fail(err, MS_ERR_USAGE, "no %s in %s: give --deployment DIR or set MUSTER_DEPLOYMENT", name, dir);
}

static enum ms_rc
load_root(const char *dir, struct ms_root **ret, struct ms_err *err)
{
	char path[MS_CLI_PATH_MAX];
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	ms_buf_init(&b, MS_ROOT_MAX);
	enum ms_rc rc = find_file(dir, "root.cbor", path, err);
	if (rc == MS_OK)
		rc = ms_cli_read_file(path, MS_ROOT_MAX, &b, err);
	return rc == MS_OK ? ms_root_load(ms_buf_span(&b), NULL, ret, err) : rc;
}

enum ms_rc
ms_cli_root(struct ms_cli *c, struct ms_root **ret, struct ms_err *err)
{
	return load_root(deployment_dir(c), ret, err);
}

/* A text of client.yaml; a file name is relative to its directory. */
static enum ms_rc
take_text(struct ms_yaml *y, const char *key, const char *dir, char *out, size_t cap, struct ms_err *err)
{
	const char *s = NULL;
	struct ms_yaml_node *n = ms_yaml_get(ms_yaml_root(y), key);
	if (n == NULL)
		return MS_OK;
	enum ms_rc rc = ms_yaml_text(n, 1, cap - 1, &s, err);
	if (rc != MS_OK)
		return rc;
	int len = dir != NULL && s[0] != '/' ? snprintf(out, cap, "%s/%s", dir, s) : snprintf(out, cap, "%s", s);
	return len > 0 && (size_t)len < cap ? MS_OK : ms_yaml_fail(n, err, MS_ERR_TOO_BIG, "too long");
}

static enum ms_rc
load_config(struct ms_remote *r, const char *path, struct ms_err *err)
{
	MS_OWN(ms_yaml_free) struct ms_yaml *y = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	ms_buf_init(&b, 65536);
	const char *slash = strrchr(path, '/');
	(void)snprintf(r->dir, sizeof r->dir, "%.*s", (int)(slash - path), path);
	(void)snprintf(r->tenant, sizeof r->tenant, "default");
	enum ms_rc rc = ms_cli_read_file(path, 65536, &b, err);
	if (rc == MS_OK)
		rc = ms_yaml_load(path, ms_buf_span(&b), &y, err);
	if (rc == MS_OK)
		rc = take_text(y, "server", NULL, r->server, sizeof r->server, err);
	if (rc == MS_OK)
		rc = take_text(y, "tenant", NULL, r->tenant, sizeof r->tenant, err);
	if (rc == MS_OK)
		rc = take_text(y, "operator_key", r->dir, r->key_file, sizeof r->key_file, err);
	if (rc == MS_OK)
		rc = take_text(y, "passphrase_file", r->dir, r->passphrase_file, sizeof r->passphrase_file, err);
	return rc == MS_OK ? ms_yaml_check_used(y, err) : rc;
}

static enum ms_rc
override(char *out, size_t cap, const char *value, const char *name, struct ms_err *err)
{
	if (value == NULL)
		return MS_OK;
	if (strlen(value) >= cap)
		return ms_fail(err, MS_ERR_USAGE, "--%s is too long", name);
	(void)snprintf(out, cap, "%s", value);
	return MS_OK;
}

enum ms_rc
ms_remote_open(struct ms_cli *c, struct ms_err *err)
{
	char path[MS_CLI_PATH_MAX];
	MS_OWN(ms_remote_free) struct ms_remote *r = calloc(1, sizeof *r);
	if (r == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "deployment");
	enum ms_rc rc = find_file(deployment_dir(c), "client.yaml", path, err);
	if (rc == MS_OK)
		rc = load_config(r, path, err);
	if (rc == MS_OK)
		rc = override(r->server, sizeof r->server, ms_cli_option(c, "server"), "server", err);
	if (rc == MS_OK)
		rc = override(r->tenant, sizeof r->tenant, ms_cli_option(c, "tenant"), "tenant", err);
	if (rc == MS_OK && !ms_name_ok(ms_span_str(r->tenant), 64))
		rc = ms_fail(err, MS_ERR_USAGE, "tenant: 1 to 64 of a-z 0-9 . _ -");
	if (rc == MS_OK)
		rc = load_root(deployment_dir(c), &r->root, err);
	if (rc != MS_OK)
		return rc;
	c->remote = r;
	r = NULL;
	return MS_OK;
}

enum ms_rc
ms_remote_unlock(struct ms_cli *c, struct ms_err *err)
{
	struct ms_remote *r = c->remote;
	MS_OWN(ms_secret_free) struct ms_secret *pass = NULL;
	MS_OWN(ms_secret_free) struct ms_secret *raw = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf file = {0};
	ms_buf_init(&file, MS_OPERATOR_KEY_FILE_MAX);
	if (r->key_file[0] == '\0')
		return ms_fail(err, MS_ERR_USAGE, "client.yaml names no operator_key");
	enum ms_rc rc = ms_cli_read_file(r->key_file, MS_OPERATOR_KEY_FILE_MAX, &file, err);
	if (rc == MS_OK)
		rc = ms_cli_passphrase(c, r->passphrase_file, "Passphrase of the operator's key: ", &pass, err);
	if (rc == MS_OK)
		rc = ms_scryptbox_open(MS_OPERATOR_KEY_LABEL, pass, ms_buf_span(&file), &raw, err);
	if (rc == MS_OK)
		rc = ms_softkey_load(MS_KEY_P256, raw, &r->key, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "operator's key");
	r->signer = ms_softkey_signer(r->key);
	struct ms_span kid = ms_span(ms_pubkey_id(r->signer.pub), MS_KEY_ID_LEN);
	if (ms_root_operator(r->root, kid, ms_span_str(r->tenant)) == NULL)
		return ms_fail(err, MS_ERR_DENIED, "the deployment root names no operator of tenant %s with this key", r->tenant);
	return MS_OK;
}

/* ---- one request ---- */

static uint64_t
next_sequence(struct ms_remote *r)
{
	struct timeval tv;
	(void)gettimeofday(&tv, NULL);
	uint64_t us = (uint64_t)tv.tv_sec * 1000000 + (uint64_t)tv.tv_usec;
	r->last_sequence = us > r->last_sequence ? us : r->last_sequence + 1;
	return r->last_sequence;
}

static enum ms_rc
build_body(struct ms_remote *r, const struct ms_request *q, struct ms_buf *out, struct ms_err *err)
{
	uint8_t op_id[16];
	MS_OWN(ms_buf_fini) struct ms_buf args = {0};
	MS_OWN(ms_buf_fini) struct ms_buf bases = {0};
	ms_buf_init(&args, OP_MAX);
	ms_buf_init(&bases, 1024);
	ms_cbor_array(&bases, q->base != NULL ? 1 : 0);
	if (q->base != NULL) {
		ms_cbor_array(&bases, 2);
		ms_cbor_text(&bases, q->base);
		ms_cbor_uint(&bases, q->base_version);
	}
	enum ms_rc rc = ms_random(op_id, sizeof op_id, err);
	if (rc == MS_OK)
		rc = ms_cbor_build_map(q->table, q->args, &args, err);
	struct ms_op_body body = {.operation = ms_span_str(q->operation),
	    .args = ms_buf_span(&args),
	    .sequence = next_sequence(r),
	    .bases = ms_buf_span(&bases),
	    .op_id = ms_span(op_id, sizeof op_id)};
	return rc == MS_OK ? ms_cbor_build_map(&ms_op_body_table, &body, out, err) : rc;
}

static enum ms_rc
sign_request(struct ms_remote *r, const struct ms_request *q, struct ms_buf *out, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf body = {0};
	ms_buf_init(&body, OP_MAX);
	enum ms_rc rc = build_body(r, q, &body, err);
	uint64_t now = ms_clock_wall_s();
	struct ms_statement_fields f = {.kind = "op",
	    .deployment = r->root->deployment,
	    .audience = "server",
	    .tenant = r->tenant,
	    .issued_s = now,
	    .expires_s = now + OP_LIFE_S,
	    .body = ms_buf_span(&body)};
	return rc == MS_OK ? ms_statement_sign(&r->signer, &f, out, err) : rc;
}

/* What the server says it did is in the log: its receipt verifies with the log key of the pinned root. */
static enum ms_rc
check_receipt(const struct ms_remote *r, const struct ms_op_resp *m, struct ms_err *err)
{
	MS_OWN(ms_vkey_free) struct ms_vkey *v = NULL;
	struct ms_ticket t;
	if (!MS_CBOR_HAS(m, MS_OP_RESP_ENTRY) || !MS_CBOR_HAS(m, MS_OP_RESP_TICKET))
		return MS_OK;
	enum ms_rc rc = ms_vkey_parse(r->root->body.log_vkey, &v, err);
	if (rc == MS_OK)
		rc = ms_ticket_verify(m->ticket, m->entry, v, NULL, &t, err);
	return rc == MS_OK ? rc : ms_prefix(err, MS_ERR_AUTH, "the server's receipt");
}

static enum ms_rc
connect_once(struct ms_remote *r, struct ms_err *err)
{
	struct ms_client_config cfg = {.url = r->server, .ca_root = r->root->body.ca_root};
	if (r->client != NULL)
		return MS_OK;
	if (r->server[0] == '\0')
		return ms_fail(err, MS_ERR_USAGE, "client.yaml names no server: give --server URL");
	return ms_client_new(&cfg, &r->client, err);
}

static enum ms_rc
prepare(struct ms_cli *c, struct ms_err *err)
{
	enum ms_rc rc = c->remote == NULL ? ms_remote_open(c, err) : MS_OK;
	if (rc == MS_OK && c->remote->key == NULL)
		rc = ms_remote_unlock(c, err);
	return rc == MS_OK ? connect_once(c->remote, err) : rc;
}

enum ms_rc
ms_remote_ask(struct ms_cli *c, const struct ms_request *q, struct ms_reply *ret, struct ms_err *err)
{
	char path[96];
	MS_OWN(ms_buf_fini) struct ms_buf wire = {0};
	ms_buf_init(&wire, OP_MAX);
	ms_reply_fini(ret);
	ms_client_response_init(&ret->http);
	enum ms_rc rc = prepare(c, err);
	if (rc == MS_OK)
		rc = sign_request(c->remote, q, &wire, err);
	if (rc != MS_OK)
		return rc;
	(void)snprintf(path, sizeof path, "/v1/t/%s/op", c->remote->tenant);
	rc = ms_client_post(c->remote->client, path, ms_buf_span(&wire), &ret->http, err);
	if (rc == MS_OK)
		rc = ms_client_check(&ret->http, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_op_resp_table, ms_buf_span(&ret->http.body), &ret->msg, err);
	if (rc == MS_OK)
		rc = check_receipt(c->remote, &ret->msg, err);
	if (rc == MS_OK && MS_CBOR_HAS(&ret->msg, MS_OP_RESP_RESULT))
		rc = ms_json_from_cbor(ret->msg.result, &ret->result, err);
	return rc;
}

static enum ms_rc
append_page(json_t *all, const json_t *page, uint64_t limit, struct ms_err *err)
{
	size_t i;
	json_t *row;
	json_array_foreach(json_object_get(page, "rows"), i, row)
	{
		if (limit != 0 && json_array_size(all) >= limit)
			break;
		if (json_array_append(all, row) != 0)
			return ms_fail(err, MS_ERR_NOMEM, "list");
	}
	return MS_OK;
}

#define PAGE 1000u

/* All pages of a list; `ask` asks for the one after `after`, of at most `limit` rows. */
struct pages {
	enum ms_rc (*ask)(
	    struct ms_cli *c, const struct pages *p, const char *after, uint64_t limit, struct ms_reply *ret, struct ms_err *err);
	const char *operation, *device;
	uint64_t since_s;
};

static enum ms_rc
all_pages(struct ms_cli *c, const struct pages *p, uint64_t limit, json_t **ret, struct ms_err *err)
{
	char after[300] = "";
	MS_OWN(ms_json_free) json_t *all = json_array();
	MS_OWN(ms_reply_fini) struct ms_reply r = {.result = NULL};
	if (all == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "list");
	do {
		enum ms_rc rc = p->ask(c, p, after, limit != 0 && limit < PAGE ? limit : PAGE, &r, err);
		if (rc == MS_OK)
			rc = append_page(all, r.result, limit, err);
		if (rc != MS_OK)
			return rc;
		const char *next = ms_json_text(r.result, "next");
		if (strcmp(next, after) == 0)
			break; /* a server that repeats itself would keep us here */
		(void)snprintf(after, sizeof after, "%s", next);
	} while (after[0] != '\0' && (limit == 0 || json_array_size(all) < limit));
	*ret = all;
	all = NULL;
	return MS_OK;
}

static enum ms_rc
ask_list(struct ms_cli *c, const struct pages *p, const char *after, uint64_t limit, struct ms_reply *ret, struct ms_err *err)
{
	struct ms_args_list args = {.present = MS_CBOR_BIT(MS_ARGS_LIST_LIMIT), .limit = limit, .after = ms_span_str(after)};
	if (after[0] != '\0')
		args.present |= MS_CBOR_BIT(MS_ARGS_LIST_AFTER);
	struct ms_request q = {.operation = p->operation, .table = &ms_args_list_table, .args = &args};
	return ms_remote_ask(c, &q, ret, err);
}

static enum ms_rc
ask_records(struct ms_cli *c, const struct pages *p, const char *after, uint64_t limit, struct ms_reply *ret, struct ms_err *err)
{
	struct ms_args_evidence args = {.present = MS_CBOR_BIT(MS_ARGS_EVIDENCE_LIMIT), .limit = limit, .after = ms_span_str(after)};
	if (after[0] != '\0')
		args.present |= MS_CBOR_BIT(MS_ARGS_EVIDENCE_AFTER);
	if (p->device != NULL) {
		args.device = ms_span_str(p->device);
		args.present |= MS_CBOR_BIT(MS_ARGS_EVIDENCE_DEVICE);
	}
	if (p->since_s != 0) {
		args.since_s = p->since_s;
		args.present |= MS_CBOR_BIT(MS_ARGS_EVIDENCE_SINCE_S);
	}
	struct ms_request q = {.operation = "evidence.list", .table = &ms_args_evidence_table, .args = &args};
	return ms_remote_ask(c, &q, ret, err);
}

enum ms_rc
ms_remote_list(struct ms_cli *c, const char *operation, uint64_t limit, json_t **ret, struct ms_err *err)
{
	struct pages p = {.ask = ask_list, .operation = operation};
	return all_pages(c, &p, limit, ret, err);
}

enum ms_rc
ms_remote_records(struct ms_cli *c, const char *device, uint64_t since_s, uint64_t limit, json_t **ret, struct ms_err *err)
{
	struct pages p = {.ask = ask_records, .device = device, .since_s = since_s};
	return all_pages(c, &p, limit, ret, err);
}

enum ms_rc
ms_remote_done(struct ms_cli *c, const struct ms_reply *r, const char *what, struct ms_err *err)
{
	MS_OWN(ms_json_free) json_t *j = json_object();
	const struct ms_op_resp *m = &r->msg;
	if (j == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "answer");
	if (MS_CBOR_HAS(m, MS_OP_RESP_CHANGE))
		(void)json_object_set_new(j, "change", json_stringn((const char *)m->change.p, m->change.len));
	return ms_out_done(c, j, "%s%s%.*s%s%.*s%s", what, what[0] != '\0' ? ": " : "", (int)m->text.len, (const char *)m->text.p,
	    m->change.len > 0 ? " (change " : "", (int)m->change.len, (const char *)m->change.p, m->change.len > 0 ? ")" : "");
}

/* ---- devices ---- */

void
ms_found_device_fini(struct ms_found_device *d)
{
	json_decref(d->json);
	d->json = NULL;
	ms_buf_fini(&d->wire);
}

static enum ms_rc
verify_binding(struct ms_cli *c, struct ms_found_device *d, struct ms_err *err)
{
	struct ms_statement st;
	struct ms_statement_expect x = {.kind = "binding",
	    .deployment = c->remote->root->deployment,
	    .audience = "server",
	    .tenant = c->remote->tenant,
	    .now_s = ms_clock_wall_s(),
	    .skew_s = 300};
	ms_buf_init(&d->wire, 16384);
	if (json_object_get(d->json, "binding") == NULL)
		return MS_OK;
	enum ms_rc rc = ms_json_bytes(d->json, "binding", &d->wire, err);
	if (rc == MS_OK)
		rc = ms_statement_verify(ms_buf_span(&d->wire), c->remote->root->release, &x, &st, err);
	if (rc == MS_ERR_EXPIRED)
		return MS_OK; /* not proven any more */
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_binding_body_table, st.body, &d->binding, err);
	if (rc == MS_OK && !ms_span_eq(d->binding.device, ms_span_str(d->id)))
		rc = ms_fail(err, MS_ERR_AUTH, "it is another device's");
	d->proven = rc == MS_OK;
	return rc == MS_OK ? rc : ms_prefix(err, rc, "binding of device %s", d->id);
}

/* A server that answers with another device must not have it quarantined or approved in place of the one that was named. */
static enum ms_rc
check_meant(const struct ms_found_device *d, const char *text, struct ms_err *err)
{
	if (strncmp(d->id, text, strlen(text)) == 0)
		return MS_OK;
	if (d->proven && ms_span_eq(d->binding.name, ms_span_str(text)))
		return MS_OK;
	return ms_fail(err, MS_ERR_AUTH, "the answer is about device %s, which is not shown to be %s: give the id", d->id, text);
}

enum ms_rc
ms_remote_device(struct ms_cli *c, const char *text, struct ms_found_device *ret, struct ms_err *err)
{
	MS_OWN(ms_reply_fini) struct ms_reply r = {.result = NULL};
	struct ms_args_name args = {.name = ms_span_str(text)};
	struct ms_request q = {.operation = "device.show", .table = &ms_args_name_table, .args = &args};
	enum ms_rc rc = ms_remote_ask(c, &q, &r, err);
	if (rc != MS_OK)
		return rc;
	ret->json = json_incref(r.result);
	ret->id = ms_json_text(ret->json, "id");
	ret->version = ms_json_uint(ret->json, "version");
	rc = verify_binding(c, ret, err);
	return rc == MS_OK ? check_meant(ret, text, err) : rc;
}
