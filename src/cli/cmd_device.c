/* device approve, attest-now, result, quarantine, release, revoke, retire: signed for exactly what was looked at. */
#include <string.h>

#include "cli/remote.h"
#include "cli/token_keys.h"
#include "codec/words.h"
#include "proto/bind.h"

/* ---- approve: everything shown comes from the binding that keeper signed, nothing from the rest of the answer ---- */

static void
put_claim(struct ms_cli *c, const char *what, struct ms_span s)
{
	char text[256];
	(void)snprintf(text, sizeof text, "%.*s", (int)s.len, (const char *)s.p);
	(void)fprintf(c->errout, "  %-14s ", what);
	ms_out_text(c->errout, text);
	(void)fputc('\n', c->errout);
}

static enum ms_rc
compare_code(struct ms_cli *c, const char *code, struct ms_err *err)
{
	const char *given = ms_cli_option(c, "code");
	uint8_t a[MS_WORDS_BYTES], b[MS_WORDS_BYTES];
	char dashed[MS_CODE_TEXT_MAX];
	if (given == NULL && !c->in_tty)
		return ms_fail(err, MS_ERR_USAGE, "give --code WORDS as the device shows them, or approve on a terminal");
	if (given == NULL)
		return ms_cli_confirm(c, "Does the device show the same eight words?", err);
	(void)snprintf(dashed, sizeof dashed, "%s", given);
	for (char *p = dashed; *p != '\0'; p++)
		if (*p == ' ')
			*p = '-';
	enum ms_rc rc = ms_words_parse(dashed, a, err);
	if (rc != MS_OK)
		return ms_fail(err, MS_ERR_USAGE, "--code: eight words joined by - are wanted");
	rc = ms_words_parse(code, b, err);
	if (rc == MS_OK && !ms_ct_eq(a, b, sizeof a))
		rc = ms_fail(err, MS_ERR_DENIED, "the device that the server would admit has another code (%s): do not approve it", code);
	return rc;
}

static enum ms_rc
run_approve(struct ms_cli *c, struct ms_err *err)
{
	char code[MS_CODE_TEXT_MAX];
	MS_OWN(ms_found_device_fini) struct ms_found_device d = {.json = NULL};
	MS_OWN(ms_reply_fini) struct ms_reply r = {.result = NULL};
	enum ms_rc rc = ms_remote_device(c, c->arg[0], &d, err);
	if (rc == MS_OK && !d.proven)
		rc = ms_fail(err, MS_ERR_AUTH, "the server shows no binding of this device: have it enrol again");
	if (rc == MS_OK)
		rc = ms_bind_code(d.binding.ek_hash, d.binding.ak_name, d.binding.transcript_hash, code, err);
	if (rc != MS_OK)
		return rc;
	if (!c->json) {
		(void)fprintf(c->errout, "The device says that it is\n");
		put_claim(c, "name", d.binding.name);
		put_claim(c, "serial", d.binding.serial);
		put_claim(c, "model", d.binding.model);
		(void)fprintf(c->errout, "Proven by its TPM\n");
		put_claim(c, "id", d.binding.device);
		put_claim(c, "code", ms_span_str(code));
		const char *maker = ms_json_text(d.json, "maker");
		put_claim(c, "TPM's maker", ms_span_str(maker[0] != '\0' ? maker : "(not known; the server's word)"));
	}
	rc = compare_code(c, code, err);
	if (rc != MS_OK)
		return rc;
	struct ms_args_approve args = {.device = d.binding.device,
	    .ek_hash = d.binding.ek_hash,
	    .ak_name = d.binding.ak_name,
	    .transcript_hash = d.binding.transcript_hash};
	struct ms_request q = {.operation = "device.approve", .table = &ms_args_approve_table, .args = &args};
	rc = ms_remote_ask(c, &q, &r, err);
	return rc == MS_OK ? ms_remote_done(c, &r, d.id, err) : rc;
}

/* ---- arrows of the life cycle ---- */

static enum ms_rc
run_life(struct ms_cli *c, struct ms_err *err)
{
	char operation[32], base[100], question[160];
	const char *reason = ms_cli_option(c, "reason"), *verb = c->command->verb;
	MS_OWN(ms_found_device_fini) struct ms_found_device d = {.json = NULL};
	MS_OWN(ms_reply_fini) struct ms_reply r = {.result = NULL};
	bool final = strcmp(verb, "revoke") == 0 || strcmp(verb, "retire") == 0;
	if (reason != NULL && strlen(reason) > 160)
		return ms_fail(err, MS_ERR_USAGE, "--reason: at most 160 characters");
	enum ms_rc rc = ms_remote_device(c, c->arg[0], &d, err);
	(void)snprintf(question, sizeof question, "%s is for good: %s does not come back.", verb, d.id != NULL ? d.id : "");
	if (rc == MS_OK && final && ms_cli_option(c, "yes") == NULL)
		rc = ms_cli_confirm(c, question, err);
	if (rc != MS_OK)
		return rc;
	(void)snprintf(operation, sizeof operation, "device.%s", verb);
	(void)snprintf(base, sizeof base, "device:%s", d.id);
	struct ms_args_name args = {.name = ms_span_str(d.id)};
	if (reason != NULL) {
		args.reason = ms_span_str(reason);
		args.present = MS_CBOR_BIT(MS_ARGS_NAME_REASON);
	}
	struct ms_request q = {
	    .operation = operation, .table = &ms_args_name_table, .args = &args, .base = base, .base_version = d.version};
	rc = ms_remote_ask(c, &q, &r, err);
	return rc == MS_OK ? ms_remote_done(c, &r, d.id, err) : rc;
}

/* ---- result: what a relying party would be shown ---- */

static enum ms_rc
show_result(struct ms_cli *c, const json_t *j, const struct ms_ear_read *e, struct ms_err *err)
{
	MS_OWN(ms_report_fini) struct ms_report r = {NULL};
	char headline[300];
	const char *out = ms_cli_option(c, "out"), *token = ms_json_text(j, "result");
	MS_OWN(ms_buf_fini) struct ms_buf line = {0};
	ms_buf_init(&line, MS_JWS_MAX + 1);
	ms_buf_fmt(&line, "%s\n", token);
	enum ms_rc rc = ms_report_init(&r, err);
	if (rc == MS_OK && out != NULL)
		rc = ms_cli_write_file(out, 0644, ms_buf_span(&line), err);
	if (rc != MS_OK)
		return rc;
	ms_report_text(&r, "state", "%s", ms_json_text(j, "state"));
	ms_report_uint(&r, "entry", ms_json_uint(j, "entry"));
	ms_report_result(c, &r, e);
	if (c->json)
		ms_report_put(&r, "token", json_string(token));
	if (e->status != MS_EAR_AFFIRMING)
		return ms_report_refuse(c, &r, ms_ear_tier_name(e->status), "this device's newest result is not affirming", err);
	(void)snprintf(headline, sizeof headline, "the newest result of %s", ms_json_text(j, "device"));
	return ms_report_accept(c, &r, headline, err);
}

/* Not a name that the server could take for another's. */
static bool
is_id(const char *s)
{
	return strspn(s, "0123456789abcdef") == 64 && s[64] == '-' && s[65] != '\0' && strspn(s + 65, "0123456789") == strlen(s + 65);
}

static enum ms_rc
run_result(struct ms_cli *c, struct ms_err *err)
{
	const char *id = c->arg[0];
	MS_OWN(ms_found_device_fini) struct ms_found_device d = {.json = NULL};
	MS_OWN(ms_reply_fini) struct ms_reply r = {.result = NULL};
	MS_OWN(ms_ear_read_fini) struct ms_ear_read e = {.claims = NULL};
	enum ms_rc rc = is_id(id) ? MS_OK : ms_remote_device(c, id, &d, err);
	if (rc != MS_OK)
		return rc;
	id = d.id != NULL ? d.id : id;
	struct ms_args_name args = {.name = ms_span_str(id)};
	struct ms_request q = {.operation = "device.result", .table = &ms_args_name_table, .args = &args};
	rc = ms_remote_ask(c, &q, &r, err);
	if (rc == MS_OK)
		rc = ms_root_check_result(c->remote->root, ms_span_str(ms_json_text(r.result, "result")), id, &e, err);
	return rc == MS_OK ? show_result(c, r.result, &e, err) : rc;
}

static const struct ms_cli_option result_options[] = {{"out", "FILE", "write the token to a new file"}, {NULL, NULL, NULL}};
static const struct ms_cli_option approve_options[] = {
    {"code", "WORDS", "the eight words that the device shows, to be compared in place of a question"}, {NULL, NULL, NULL}};
static const struct ms_cli_option life_options[] = {{"reason", "TEXT", "why, for the log"}, {NULL, NULL, NULL}};
static const struct ms_cli_option final_options[] = {
    {"reason", "TEXT", "why, for the log"}, {"yes", NULL, "do not ask"}, {NULL, NULL, NULL}};

#define LIFE(a_verb, a_help, opts, ex) \
	{ \
		.noun = "device", .verb = a_verb, .run = run_life, .help = a_help, .args = "DEVICE", .min_args = 1, .max_args = 1, \
		.options = opts, .example = ex \
	}
const struct ms_command ms_commands_device[] = {
    {.noun = "device",
	.verb = "approve",
	.run = run_approve,
	.help = "let a device in that no batch lists, after comparing its code",
	.args = "DEVICE",
	.min_args = 1,
	.max_args = 1,
	.options = approve_options,
	.example = "muster device approve press-17"},
    {.noun = "device",
	.verb = "result",
	.run = run_result,
	.help = "ask for a device's newest attestation result, while it holds",
	.args = "DEVICE",
	.min_args = 1,
	.max_args = 1,
	.options = result_options,
	.example = "muster device result press-17 --out press-17.jwt"},
    LIFE("attest-now", "ask a device for evidence before it is due", life_options,
	"muster device attest-now press-17 --reason \"after the update\""),
    LIFE("quarantine", "stop a device: no secret, no certificate, until it is released", life_options,
	"muster device quarantine press-17 --reason \"seen opened\""),
    LIFE("release", "let a quarantined device prove itself again", life_options, "muster device release press-17 --reason \"reflashed\""),
    LIFE("revoke", "throw a device out for good", final_options, "muster device revoke press-17 --reason stolen --yes"),
    LIFE("retire", "end a device's life in good order", final_options, "muster device retire press-17 --yes"),
    {.noun = NULL},
};
