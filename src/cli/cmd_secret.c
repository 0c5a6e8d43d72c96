/* secret put: sealed here to keeper's intake key, so that nothing on the way sees it. secret delete. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "cli/remote.h"
#include "crypto/hpke.h"
#include "proto/bind.h"
#include "secrets/rule.h"

/* Straight into secret memory, from a file or standard input. */
static enum ms_rc
read_value(struct ms_cli *c, struct ms_secret **ret, struct ms_err *err)
{
	const char *path = ms_cli_option(c, "file");
	struct stat st;
	MS_OWN(ms_secret_free) struct ms_secret *s = NULL;
	MS_OWN(ms_fd_close) ms_fd fd = path != NULL && strcmp(path, "-") != 0 ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY) : dup(0);
	if (fd < 0)
		return ms_fail(err, MS_ERR_USAGE, "%s: %s", path != NULL ? path : "standard input", strerror(errno));
	if (path == NULL && c->in_tty)
		(void)fputs("Value of the secret, then control-D:\n", c->errout);
	if (path != NULL && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 044) != 0)
		(void)fprintf(c->errout, "warning: %s can be read by others\n", path);
	enum ms_rc rc = ms_secret_new(MS_SECRET_VALUE_MAX + 1, &s, err);
	size_t len = 0;
	ssize_t n = 1;
	while (rc == MS_OK && n != 0 && len <= MS_SECRET_VALUE_MAX) {
		n = read(fd, ms_secret_bytes(s) + len, MS_SECRET_VALUE_MAX + 1 - len);
		if (n < 0 && errno != EINTR)
			rc = ms_fail(err, MS_ERR_USAGE, "%s: %s", path != NULL ? path : "standard input", strerror(errno));
		len += n > 0 ? (size_t)n : 0;
	}
	if (rc == MS_OK && len > MS_SECRET_VALUE_MAX)
		rc = ms_fail(err, MS_ERR_TOO_BIG, "a secret has at most %u bytes", MS_SECRET_VALUE_MAX);
	if (rc == MS_OK && len == 0)
		rc = ms_fail(err, MS_ERR_USAGE, "the secret is empty");
	if (rc != MS_OK)
		return rc;
	ms_secret_set_len(s, len);
	*ret = s;
	s = NULL;
	return MS_OK;
}

/* "model=X" as it is; "device=NAME" with the full id of the device that is shown to have that name. */
static enum ms_rc
make_rule(struct ms_cli *c, char out[static MS_SECRET_RULE_MAX + 1], struct ms_err *err)
{
	const char *text = ms_cli_option(c, "for");
	if (text == NULL)
		return ms_fail(err, MS_ERR_USAGE, "without --for model=MODEL or --for device=DEVICE no one could read it");
	if (ms_cli_option_at(c, "for", 1) != NULL)
		return ms_fail(err, MS_ERR_USAGE, "give --for once");
	if (strlen(text) > MS_SECRET_RULE_MAX)
		return ms_fail(err, MS_ERR_USAGE, "--for is too long");
	(void)snprintf(out, MS_SECRET_RULE_MAX + 1, "%s", text);
	if (strncmp(text, "device=", 7) == 0 && text[7] != '\0') {
		MS_OWN(ms_found_device_fini) struct ms_found_device d = {.json = NULL};
		enum ms_rc rc = ms_remote_device(c, text + 7, &d, err);
		if (rc != MS_OK)
			return rc;
		(void)snprintf(out, MS_SECRET_RULE_MAX + 1, "device=%s", d.id);
	}
	if (!ms_secret_rule_ok(ms_span_str(out)))
		return ms_fail(err, MS_ERR_USAGE, "--for: model=MODEL or device=DEVICE is wanted");
	return MS_OK;
}

static enum ms_rc
seal(struct ms_cli *c, struct ms_args_secret_put *a, const struct ms_secret *value, uint8_t enc[static MS_HPKE_ENC_LEN], struct ms_buf *ct,
    struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf info = {0};
	const struct ms_root *root = c->remote->root;
	struct ms_bind_intake b = {.deployment = ms_span(root->deployment, sizeof root->deployment),
	    .tenant = ms_span_str(c->remote->tenant),
	    .path = a->path,
	    .rule = a->rule,
	    .class_name = a->class_name};
	ms_buf_init(&info, 2048);
	enum ms_rc rc = ms_bind_intake(&b, &info, err);
	struct ms_hpke_to to = {.point = root->body.intake_point.p, .info = ms_buf_span(&info)};
	if (rc == MS_OK)
		rc = ms_hpke_seal(&to, value, enc, ct, err);
	a->enc = ms_span(enc, MS_HPKE_ENC_LEN);
	a->ct = ms_buf_span(ct);
	return rc;
}

static enum ms_rc
run_put(struct ms_cli *c, struct ms_err *err)
{
	char rule[MS_SECRET_RULE_MAX + 1];
	uint8_t enc[MS_HPKE_ENC_LEN];
	MS_OWN(ms_secret_free) struct ms_secret *value = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf ct = {0};
	MS_OWN(ms_reply_fini) struct ms_reply r = {.result = NULL};
	ms_buf_init(&ct, MS_SECRET_VALUE_MAX + 64);
	struct ms_args_secret_put a = {.path = ms_span_str(c->arg[0]), .class_name = ms_span_str(MS_SECRET_CLASS_DEVICE)};
	if (!ms_secret_path_ok(a.path))
		return ms_fail(err, MS_ERR_USAGE, "NAME: 1 to 8 names of a-z 0-9 . _ - joined by /");
	enum ms_rc rc = make_rule(c, rule, err);
	a.rule = ms_span_str(rule);
	if (rc == MS_OK)
		rc = read_value(c, &value, err);
	if (rc == MS_OK && c->remote == NULL)
		rc = ms_remote_open(c, err);
	if (rc == MS_OK)
		rc = seal(c, &a, value, enc, &ct, err);
	if (rc != MS_OK)
		return rc;
	ms_secret_free(value);
	value = NULL;
	struct ms_request q = {.operation = "secret.put", .table = &ms_args_secret_put_table, .args = &a};
	rc = ms_remote_ask(c, &q, &r, err);
	return rc == MS_OK ? ms_remote_done(c, &r, c->arg[0], err) : rc;
}

static enum ms_rc
run_delete(struct ms_cli *c, struct ms_err *err)
{
	MS_OWN(ms_reply_fini) struct ms_reply r = {.result = NULL};
	struct ms_args_name args = {.name = ms_span_str(c->arg[0])};
	struct ms_request q = {.operation = "secret.delete", .table = &ms_args_name_table, .args = &args};
	if (!ms_secret_path_ok(args.name))
		return ms_fail(err, MS_ERR_USAGE, "NAME: 1 to 8 names of a-z 0-9 . _ - joined by /");
	enum ms_rc rc = ms_remote_ask(c, &q, &r, err);
	return rc == MS_OK ? ms_remote_done(c, &r, c->arg[0], err) : rc;
}

static const struct ms_cli_option put_options[] = {{"for", "RULE", "who may have it: model=MODEL or device=DEVICE"},
    {"file", "FILE", "the value (default: standard input); it is never taken from the command line"}, {NULL, NULL, NULL}};

const struct ms_command ms_commands_secret[] = {
    {.noun = "secret",
	.verb = "put",
	.run = run_put,
	.help = "seal a secret for devices of a model, or for one device",
	.args = "NAME",
	.min_args = 1,
	.max_args = 1,
	.options = put_options,
	.example = "muster secret put line4/db-password --for model=press < password"},
    {.noun = "secret",
	.verb = "delete",
	.run = run_delete,
	.help = "give a secret out no more",
	.args = "NAME",
	.min_args = 1,
	.max_args = 1,
	.example = "muster secret delete line4/db-password"},
    {.noun = NULL},
};
