/* policy check (offline), apply, show. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/remote.h"
#include "policy/policy.h"

#define FILES_MAX 64u

struct files {
	char *name[FILES_MAX]; /* path */
	struct ms_buf text[FILES_MAX];
	size_t n;
};

static void
files_fini(struct files *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->name[i]);
		ms_buf_fini(&f->text[i]);
	}
}
MS_CLEANUP_FINI(struct files, files_fini)

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool
is_yaml(const char *name)
{
	size_t n = strlen(name);
	return name[0] != '.' && ((n > 5 && strcmp(name + n - 5, ".yaml") == 0) || (n > 4 && strcmp(name + n - 4, ".yml") == 0));
}

static enum ms_rc
find_files(const char *dir, struct files *f, struct ms_err *err)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	enum ms_rc rc = MS_OK;
	if (d == NULL)
		return ms_fail(err, MS_ERR_USAGE, "%s: %s", dir, strerror(errno));
	while (rc == MS_OK && (e = readdir(d)) != NULL) {
		if (!is_yaml(e->d_name))
			continue;
		if (f->n == FILES_MAX)
			rc = ms_fail(err, MS_ERR_USAGE, "%s: more than %u files", dir, FILES_MAX);
		else if (asprintf(&f->name[f->n], "%s/%s", dir, e->d_name) < 0)
			rc = ms_fail(err, MS_ERR_NOMEM, "policy");
		else
			f->n++;
	}
	(void)closedir(d);
	if (rc == MS_OK && f->n == 0)
		rc = ms_fail(err, MS_ERR_USAGE, "%s: no .yaml file in it", dir);
	qsort(f->name, f->n, sizeof *f->name, by_name);
	return rc;
}

static enum ms_rc
compile(const char *dir, struct ms_buf *cbor, struct ms_policy **ret, struct ms_err *err)
{
	struct ms_policy_file in[FILES_MAX];
	MS_OWN(files_fini) struct files f = {.n = 0};
	enum ms_rc rc = find_files(dir, &f, err);
	for (size_t i = 0; rc == MS_OK && i < f.n; i++) {
		ms_buf_init(&f.text[i], MS_POLICY_YAML_MAX);
		rc = ms_cli_read_file(f.name[i], MS_POLICY_YAML_MAX, &f.text[i], err);
		in[i] = (struct ms_policy_file){.name = f.name[i], .text = ms_buf_span(&f.text[i])};
	}
	if (rc == MS_OK)
		rc = ms_policy_compile(in, f.n, cbor, err);
	return rc == MS_OK ? ms_policy_load(ms_buf_span(cbor), ret, err) : rc;
}

static void
on_warning(void *ctx, const char *text)
{
	json_t *list = ctx;
	(void)json_array_append_new(list, json_string(text));
}

static json_t *
describe(const struct ms_policy *p, json_t *warnings)
{
	const struct ms_policy_settings *s = ms_policy_settings(p);
	char id[2 * MS_POLICY_ID_LEN + 1];
	ms_hex(s->id, MS_POLICY_ID_LEN, id);
	return json_pack("{s:s, s:s, s:I, s:O}", "policy", s->name, "id", id, "rules", (json_int_t)s->rules, "warnings", warnings);
}

static void
print_warnings(struct ms_cli *c, const json_t *warnings)
{
	size_t i;
	const json_t *w;
	if (c->json)
		return;
	json_array_foreach(warnings, i, w)
	{
		(void)fputs("warning: ", c->errout);
		ms_out_text(c->errout, json_string_value(w));
		(void)fputc('\n', c->errout);
	}
}

static enum ms_rc
run_check(struct ms_cli *c, struct ms_err *err)
{
	MS_OWN(ms_policy_free) struct ms_policy *p = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf cbor = {0};
	MS_OWN(ms_json_free) json_t *warnings = json_array();
	ms_buf_init(&cbor, MS_POLICY_WIRE_MAX);
	enum ms_rc rc = compile(c->arg[0], &cbor, &p, err);
	if (rc != MS_OK)
		return rc;
	(void)ms_policy_check(p, NULL, on_warning, warnings);
	print_warnings(c, warnings);
	MS_OWN(ms_json_free) json_t *more = describe(p, warnings);
	return ms_out_done(c, more, "policy %s is good: %zu rules", ms_policy_settings(p)->name, ms_policy_settings(p)->rules);
}

static enum ms_rc
ask_policy(struct ms_cli *c, struct ms_reply *r, struct ms_err *err)
{
	struct ms_args_list args = {.present = 0};
	struct ms_request q = {.operation = "policy.show", .table = &ms_args_list_table, .args = &args};
	return ms_remote_ask(c, &q, r, err);
}

static enum ms_rc
run_apply(struct ms_cli *c, struct ms_err *err)
{
	MS_OWN(ms_policy_free) struct ms_policy *p = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf cbor = {0};
	MS_OWN(ms_json_free) json_t *warnings = json_array();
	MS_OWN(ms_reply_fini) struct ms_reply now = {.result = NULL};
	MS_OWN(ms_reply_fini) struct ms_reply r = {.result = NULL};
	ms_buf_init(&cbor, MS_POLICY_WIRE_MAX);
	enum ms_rc rc = compile(c->arg[0], &cbor, &p, err);
	if (rc != MS_OK)
		return rc;
	(void)ms_policy_check(p, NULL, on_warning, warnings);
	print_warnings(c, warnings);
	rc = ask_policy(c, &now, err);
	struct ms_args_bytes args = {.object = ms_buf_span(&cbor)};
	struct ms_request q = {.operation = "policy.set",
	    .table = &ms_args_bytes_table,
	    .args = &args,
	    .base = "policy",
	    .base_version = ms_json_uint(now.result, "version")};
	if (rc == MS_OK)
		rc = ms_remote_ask(c, &q, &r, err);
	return rc == MS_OK ? ms_remote_done(c, &r, "policy", err) : rc;
}

static enum ms_rc
print_policy(struct ms_cli *c, const json_t *row, struct ms_err *err)
{
	MS_OWN(ms_policy_free) struct ms_policy *p = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf cbor = {0};
	MS_OWN(ms_buf_fini) struct ms_buf yaml = {0};
	ms_buf_init(&cbor, MS_POLICY_WIRE_MAX);
	ms_buf_init(&yaml, 4 * MS_POLICY_YAML_MAX);
	enum ms_rc rc = ms_json_bytes(row, "object", &cbor, err);
	if (rc == MS_OK)
		rc = ms_policy_load(ms_buf_span(&cbor), &p, err);
	if (rc == MS_OK)
		rc = ms_policy_print(p, &yaml, err);
	ms_buf_u8(&yaml, 0);
	if (rc == MS_OK)
		rc = ms_buf_check(&yaml, err);
	if (rc != MS_OK)
		return rc;
	if (c->json) {
		MS_OWN(ms_json_free) json_t *j = json_copy((json_t *)(uintptr_t)row);
		(void)json_object_set_new(j, "yaml", json_string((const char *)yaml.p));
		(void)json_object_set_new(j, "name", json_string(ms_policy_settings(p)->name));
		return ms_out_json(c, j, err);
	}
	(void)fprintf(c->out, "# version %llu\n%s", (unsigned long long)ms_json_uint(row, "version"), (const char *)yaml.p);
	return MS_OK;
}

static enum ms_rc
run_show(struct ms_cli *c, struct ms_err *err)
{
	if (c->n_args == 1) { /* of a directory: what it would be */
		MS_OWN(ms_policy_free) struct ms_policy *p = NULL;
		MS_OWN(ms_buf_fini) struct ms_buf cbor = {0};
		ms_buf_init(&cbor, MS_POLICY_WIRE_MAX);
		enum ms_rc rc = compile(c->arg[0], &cbor, &p, err);
		char *hex = rc == MS_OK ? malloc(2 * cbor.len + 1) : NULL;
		if (rc == MS_OK && hex == NULL)
			rc = ms_fail(err, MS_ERR_NOMEM, "policy");
		if (rc != MS_OK)
			return rc;
		ms_hex(cbor.p, cbor.len, hex);
		MS_OWN(ms_json_free) json_t *row = json_pack("{s:s, s:i}", "object", hex, "version", 0);
		free(hex);
		return print_policy(c, row, err);
	}
	MS_OWN(ms_reply_fini) struct ms_reply r = {.result = NULL};
	enum ms_rc rc = ask_policy(c, &r, err);
	if (rc != MS_OK)
		return rc;
	if (ms_json_uint(r.result, "version") == 0)
		return ms_out_done(c, r.result, "no policy is set: every device is denied");
	return print_policy(c, r.result, err);
}

const struct ms_command ms_commands_policy[] = {
    {.noun = "policy",
	.verb = "check",
	.run = run_check,
	.help = "compile the policy in DIR and warn of what it cannot mean (offline)",
	.args = "DIR",
	.min_args = 1,
	.max_args = 1,
	.example = "muster policy check policy/"},
    {.noun = "policy",
	.verb = "apply",
	.run = run_apply,
	.help = "compile the policy in DIR, sign it and put it in force",
	.args = "DIR",
	.min_args = 1,
	.max_args = 1,
	.example = "muster policy apply policy/"},
    {.noun = "policy",
	.verb = "show",
	.run = run_show,
	.help = "print the policy in force, or the one in DIR",
	.args = "[DIR]",
	.min_args = 0,
	.max_args = 1,
	.example = "muster policy show"},
    {.noun = NULL},
};
