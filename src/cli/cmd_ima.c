/* ima replay, ima verify: IMA measurement lists from files alone. */
#include <stdlib.h>
#include <string.h>

#include "cli/ima_judge.h"
#include "cli/report.h"
#include "evidence/ima.h"
#include "evidence/pcrbank.h"

#define LIST_MAX (64u << 20)
#define PCRS_MAX MS_PCR_BANK_JSON_MAX
#define PROBLEMS_SHOWN 20u
#define BUFFER_SHOWN 300u
#define PATH_TEXT (2 * MS_IMA_PATH_MAX + 8)
#define DIGEST_HEX (2 * MS_HASH_LEN_MAX + 1)

/* A list that is read from a file, from its start. */
struct list {
	struct ms_buf bytes;
	struct ms_imalist it;
};

static void
list_fini(struct list *l)
{
	ms_imalist_fini(&l->it);
	ms_buf_fini(&l->bytes);
}
MS_CLEANUP_FINI(struct list, list_fini)

static enum ms_rc
list_load(const char *path, struct list *l, struct ms_err *err)
{
	ms_buf_init(&l->bytes, LIST_MAX);
	enum ms_rc rc = ms_cli_read_file(path, LIST_MAX, &l->bytes, err);
	if (rc == MS_OK)
		rc = ms_imalist_init(&l->it, ms_buf_span(&l->bytes), 0, &MS_IMA_CAPS_OFFLINE, err);
	return rc == MS_OK ? rc : ms_prefix(err, rc, "%.200s", path);
}

static enum ms_rc
list_rewind(struct list *l, struct ms_err *err)
{
	ms_imalist_fini(&l->it);
	return ms_imalist_init(&l->it, ms_buf_span(&l->bytes), 0, &MS_IMA_CAPS_OFFLINE, err);
}

/* A path as text: as it is when it is UTF-8, else as claims have it. */
static void
path_text(struct ms_span path, char out[static PATH_TEXT])
{
	if (path.len <= MS_IMA_PATH_MAX && ms_utf8_ok(path)) {
		if (path.len > 0)
			memcpy(out, path.p, path.len);
		out[path.len] = '\0';
		return;
	}
	memcpy(out, "hex:", 4);
	ms_hex(path.p, path.len <= MS_IMA_PATH_MAX ? path.len : 0, out + 4);
}

/* "entry 5 (line 6), /bin/sh" */
static void
where_text(const struct list *l, const struct ms_ima_entry *e, char *out, size_t size)
{
	char path[PATH_TEXT], line[32] = "";
	path_text(e->path, path);
	if (l->it.ascii)
		(void)snprintf(line, sizeof line, " (line %u)", l->it.line);
	(void)snprintf(out, size, "entry %u%s, %.400s", e->number, line, path);
}

/* --bank NAME, or SHA-256. */
static enum ms_rc
read_bank(const struct ms_cli *c, const char *absent, const struct ms_bank_alg **ret, struct ms_err *err)
{
	const char *s = ms_cli_option(c, "bank");
	s = s == NULL ? absent : s;
	*ret = s == NULL ? NULL : ms_bank_alg_named(ms_span_str(s));
	if (s != NULL && *ret == NULL)
		return ms_fail(err, MS_ERR_USAGE, "--bank: sha1, sha256, sha384, sha512 or sm3_256 is wanted");
	return MS_OK;
}

/* ---- replay ---- */

static json_t *
digest_json(uint8_t hash, struct ms_span value)
{
	char hex[DIGEST_HEX];
	ms_hex(value.p, value.len <= MS_HASH_LEN_MAX ? value.len : 0, hex);
	return json_sprintf("%s:%s", ms_ima_hash_name(hash), hex);
}

static json_t *
hex_json(struct ms_span s)
{
	char *hex = malloc(2 * s.len + 1);
	if (hex == NULL)
		return NULL;
	ms_hex(s.p, s.len, hex);
	json_t *j = json_string(hex);
	free(hex);
	return j;
}

static json_t *
entry_json(const struct list *l, const struct ms_ima_entry *e)
{
	char path[PATH_TEXT], listed[DIGEST_HEX];
	path_text(e->path, path);
	ms_hex(e->listed.p, e->listed.len, listed);
	json_t *j = json_pack("{s:i, s:i, s:s%, s:s, s:s, s:o, s:b}", "number", (int)e->number, "pcr", (int)e->pcr, "template",
	    (const char *)e->template_name.p, e->template_name.len, "template-digest", listed, "path", path, "digest",
	    digest_json(e->digest.hash, e->digest.value), "violation", (int)e->violation);
	bool bad = j == NULL;
	if (l->it.ascii)
		bad |= json_object_set_new(j, "line", json_integer(l->it.line)) != 0;
	if (e->digest.type != MS_IMA_DIGEST_PLAIN)
		bad |= json_object_set_new(j, "digest-type", json_string(e->digest.type == MS_IMA_DIGEST_VERITY ? "verity" : "ima")) != 0;
	if (e->signature.len != 0)
		bad |= json_object_set_new(j, "signature", hex_json(e->signature)) != 0;
	if (e->buffer.len != 0)
		bad |= json_object_set_new(j, "buffer", hex_json(e->buffer)) != 0;
	if (bad) {
		json_decref(j);
		return NULL;
	}
	return j;
}

/* Short text as it is, such as the command line of a kernel; of all else its size. */
static void
print_buffer(struct ms_cli *c, struct ms_span buffer)
{
	char text[BUFFER_SHOWN + 1];
	while (buffer.len > 0 && buffer.p[buffer.len - 1] == 0)
		buffer.len--;
	if (buffer.len == 0)
		return;
	if (buffer.len > BUFFER_SHOWN || !ms_utf8_ok(buffer)) {
		(void)fprintf(c->out, "  %s%zu bytes%s", c->colour ? "\033[2m" : "", buffer.len, c->colour ? "\033[0m" : "");
		return;
	}
	memcpy(text, buffer.p, buffer.len);
	text[buffer.len] = '\0';
	(void)fputs("  = ", c->out);
	ms_out_text(c->out, text);
}

/* number, template, digest, path: the widths fit nearly every list, and a longer value only moves its own line. */
static void
print_entry(struct ms_cli *c, const struct ms_ima_entry *e)
{
	char path[PATH_TEXT], hex[DIGEST_HEX], digest[DIGEST_HEX + 16];
	path_text(e->path, path);
	ms_hex(e->digest.value.p, e->digest.value.len <= MS_HASH_LEN_MAX ? e->digest.value.len : 0, hex);
	(void)snprintf(digest, sizeof digest, "%s:%s", ms_ima_hash_name(e->digest.hash), hex);
	(void)fprintf(c->out, "%6u  %-10.*s  ", e->number, (int)e->template_name.len, (const char *)e->template_name.p);
	if (e->violation)
		(void)fprintf(c->out, "%s%-71s%s  ", c->colour ? "\033[31m" : "",
		    "VIOLATION (changed while it was measured; the path is not proven)", c->colour ? "\033[0m" : "");
	else
		(void)fprintf(c->out, "%-71s  ", digest);
	ms_out_text(c->out, path);
	if (e->signature.len >= 7 && !e->violation) {
		ms_hex(e->signature.p + 3, 4, hex);
		(void)fprintf(c->out, "  %ssigned by %s%s", c->colour ? "\033[2m" : "", hex, c->colour ? "\033[0m" : "");
	}
	print_buffer(c, e->buffer);
	(void)fputc('\n', c->out);
}

static enum ms_rc
print_banks(struct ms_cli *c, const struct ms_ima_replay *r, json_t *out, struct ms_err *err)
{
	char hex[2][DIGEST_HEX];
	const struct ms_bank_alg *a;
	json_t *hashed = json_object(), *padded = json_object();
	bool bad = hashed == NULL || padded == NULL;
	for (size_t i = 0; (a = ms_bank_alg_at(i)) != NULL; i++) {
		const struct ms_ima_bank *b = ms_ima_replay_bank(r, a->hash);
		if (b == NULL)
			continue;
		ms_hex(b->hashed, b->len, hex[0]);
		ms_hex(b->padded, b->len, hex[1]);
		bad |= json_object_set_new(hashed, a->name, json_string(hex[0])) != 0;
		bad |= json_object_set_new(padded, a->name, json_string(hex[1])) != 0;
		if (!c->json)
			(void)fprintf(c->out, "PCR 10  %-8s %s\n", a->name, hex[0]);
		if (!c->json && ms_cli_option(c, "bank") != NULL && strcmp(hex[0], hex[1]) != 0)
			(void)fprintf(c->out,
			    "        %-8s %s  if the kernel fills up SHA-1 (before Linux 5.8, or lacking the hash at boot)\n", "", hex[1]);
	}
	bad |= json_object_set_new(out, "pcr10", hashed) != 0;
	bad |= json_object_set_new(out, "pcr10-padded", padded) != 0;
	return bad ? ms_fail(err, MS_ERR_NOMEM, "report") : MS_OK;
}

static enum ms_rc
make_replay(const struct ms_bank_alg *only, struct ms_ima_replay **ret, struct ms_err *err)
{
	const struct ms_bank_alg *a;
	uint32_t banks = only != NULL ? 1u << only->hash : 0;
	for (size_t i = 0; only == NULL && (a = ms_bank_alg_at(i)) != NULL; i++)
		if (ms_hash_need(a->hash, NULL) == MS_OK && a->hash != MS_HASH_SM3)
			banks |= 1u << a->hash;
	return ms_ima_replay_new(banks, ret, err);
}

/* The text of an error about an entry that was read, with its path. */
static enum ms_rc
at_entry(const struct list *l, const struct ms_ima_entry *e, enum ms_rc rc, struct ms_err *err)
{
	char where[640], why[MS_ERR_TEXT_MAX];
	if (rc == MS_OK || rc == MS_ERR_NOMEM)
		return rc;
	const char *after = strstr(err->text, ": "); /* "IMA entry N: " is said better here */
	(void)snprintf(why, sizeof why, "%s", after == NULL ? err->text : after + 2);
	where_text(l, e, where, sizeof where);
	return ms_fail(err, rc, "%s: %s", where, why);
}

static enum ms_rc
replay_list(struct ms_cli *c, struct list *l, struct ms_ima_replay *r, json_t *entries, struct ms_err *err)
{
	struct ms_ima_entry e;
	while (!ms_imalist_done(&l->it)) {
		enum ms_rc rc = ms_imalist_next(&l->it, &e, err);
		if (rc != MS_OK)
			return rc;
		if (!c->json)
			print_entry(c, &e);
		else if (json_array_append_new(entries, entry_json(l, &e)) != 0)
			return ms_fail(err, MS_ERR_NOMEM, "report");
		rc = at_entry(l, &e, ms_ima_replay_step(r, &e, err), err);
		if (rc != MS_OK)
			return rc;
	}
	return MS_OK;
}

static enum ms_rc
run_replay(struct ms_cli *c, struct ms_err *err)
{
	MS_OWN(list_fini) struct list l = {.it = {.off = 0}};
	MS_OWN(ms_ima_replay_free) struct ms_ima_replay *r = NULL;
	const struct ms_bank_alg *bank = NULL;
	enum ms_rc rc = read_bank(c, NULL, &bank, err);
	if (rc == MS_OK)
		rc = list_load(c->arg[0], &l, err);
	if (rc == MS_OK)
		rc = make_replay(bank, &r, err);
	if (rc != MS_OK)
		return rc;
	json_t *out = json_object(), *entries = json_array();
	rc = out != NULL && json_object_set_new(out, "entries", entries) == 0 ? MS_OK : ms_fail(err, MS_ERR_NOMEM, "report");
	if (rc == MS_OK)
		rc = replay_list(c, &l, r, entries, err);
	if (rc == MS_OK)
		rc = print_banks(c, r, out, err);
	if (rc == MS_OK && c->json)
		rc = ms_out_json(c, out, err);
	json_decref(out);
	return rc;
}

/* ---- verify ---- */

struct verify {
	struct list list;
	const struct ms_bank_alg *bank;
	uint8_t pcr[MS_HASH_LEN_MAX];
	struct ms_ima_judge *judge;
	struct ms_pcr_banks boot; /* n == 0: not given */
	enum ms_ima_extend how;
	uint32_t used, violations; /* entries until PCR 10 was what was quoted */
	struct ms_ima_file first;
	uint8_t first_digest[MS_IMA_DIGEST_MAX];
	json_t *problems;
	struct ms_ima_problem worst; /* the first */
};

static void
verify_fini(struct verify *v)
{
	list_fini(&v->list);
	ms_ima_judge_free(v->judge);
	json_decref(v->problems);
}
MS_CLEANUP_FINI(struct verify, verify_fini)

static enum ms_rc
verify_load(struct ms_cli *c, struct verify *v, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf pcrs = {0};
	size_t len = 0;
	ms_buf_init(&pcrs, PCRS_MAX);
	enum ms_rc rc = read_bank(c, "sha256", &v->bank, err);
	if (rc == MS_OK)
		rc = ms_cli_hex(c, "pcr10", v->pcr, sizeof v->pcr, &len, err);
	if (rc == MS_OK && len != v->bank->len)
		rc = ms_fail(err, MS_ERR_USAGE, "--pcr10: %zu bytes, a PCR of bank %s has %u", len, v->bank->name, v->bank->len);
	if (rc == MS_OK)
		rc = ms_cli_option_file(c, "boot-log-pcrs", PCRS_MAX, &pcrs, err);
	if (rc == MS_OK && ms_cli_option(c, "boot-log-pcrs") != NULL) {
		rc = ms_pcr_banks_parse_json(ms_buf_span(&pcrs), &v->boot, err);
		if (rc != MS_OK && rc != MS_ERR_NOMEM)
			rc = ms_prefix(err, MS_ERR_USAGE, "--boot-log-pcrs");
	}
	if (rc == MS_OK)
		rc = ms_ima_judge_load(c, &v->judge, err);
	if (rc == MS_OK)
		rc = list_load(c->arg[0], &v->list, err);
	return rc;
}

/* Entries until PCR 10 is the given value. MS_ERR_AUTH: an entry is not what its digest says, or none leads there. */
static enum ms_rc
find_quoted(struct verify *v, struct ms_err *err)
{
	MS_OWN(ms_ima_replay_free) struct ms_ima_replay *r = NULL;
	struct list *l = &v->list;
	enum ms_rc rc = make_replay(v->bank, &r, err);
	while (rc == MS_OK && !ms_imalist_done(&l->it)) {
		struct ms_ima_entry e;
		rc = ms_imalist_next(&l->it, &e, err);
		if (rc == MS_OK)
			rc = at_entry(l, &e, ms_ima_replay_step(r, &e, err), err);
		if (rc != MS_OK)
			return rc;
		v->used++;
		v->violations += e.violation;
		if (ms_ima_bank_is(ms_ima_replay_bank(r, v->bank->hash), ms_span(v->pcr, v->bank->len), &v->how))
			return MS_OK;
	}
	if (rc != MS_OK)
		return rc;
	return ms_fail(
	    err, MS_ERR_AUTH, "after none of the %u entries PCR 10 of bank %s has the value that was given", v->used, v->bank->name);
}

static enum ms_rc
note_problem(struct verify *v, const struct ms_ima_entry *e, const struct ms_ima_problem *p, struct ms_err *err)
{
	char where[640], text[sizeof where + sizeof p->text + 4];
	where_text(&v->list, e, where, sizeof where);
	(void)snprintf(text, sizeof text, "%s: %s", where, p->text);
	if (json_array_size(v->problems) == 0) {
		v->worst = *p;
		(void)snprintf(v->worst.text, sizeof v->worst.text, "%.*s", (int)sizeof v->worst.text - 1, text);
	}
	return json_array_append_new(v->problems, json_string(text)) == 0 ? MS_OK : ms_fail(err, MS_ERR_NOMEM, "report");
}

/* The entries that PCR 10 covers, once more, now that they are known to be the kernel's. */
static enum ms_rc
judge_entries(struct verify *v, struct ms_err *err)
{
	struct ms_ima_problem p;
	struct ms_ima_entry e;
	bool good = true;
	enum ms_rc rc = list_rewind(&v->list, err);
	for (uint32_t i = 0; rc == MS_OK && i < v->used; i++) {
		rc = ms_imalist_next(&v->list.it, &e, err);
		if (rc == MS_OK && i == 0) {
			memcpy(v->first_digest, e.digest.value.p, e.digest.value.len);
			v->first = (struct ms_ima_file){.violation = e.violation,
			    .hash = e.digest.hash,
			    .digest = ms_span(v->first_digest, e.digest.value.len),
			    .path = ms_span_eq(e.path, ms_span_str("boot_aggregate")) ? ms_span_str("boot_aggregate") : MS_SPAN_NONE};
		}
		if (rc == MS_OK)
			rc = ms_ima_judge_entry(v->judge, &e, &good, &p, err);
		if (rc == MS_OK && !good)
			rc = note_problem(v, &e, &p, err);
	}
	return rc;
}

static enum ms_ima_aggregate
check_aggregate(const struct verify *v)
{
	const struct ms_bank_alg *a = ms_bank_alg_named(ms_span_str(ms_ima_hash_name(v->first.hash)));
	const struct ms_pcr_bank *b = a == NULL ? NULL : ms_pcr_banks_find(&v->boot, a->alg);
	struct ms_ima_aggregate_pcrs p = {.hash = v->first.hash};
	for (unsigned i = 0; b != NULL && i < 10; i++)
		p.pcr[i] = (b->mask >> i & 1) != 0 ? b->value[i] : NULL;
	return ms_ima_boot_aggregate_check(&v->first, &p);
}

static void
report_list(struct verify *v, enum ms_ima_aggregate aggregate, struct ms_report *r)
{
	uint32_t after = 0;
	struct ms_ima_entry e;
	while (!ms_imalist_done(&v->list.it) && ms_imalist_next(&v->list.it, &e, NULL) == MS_OK)
		after++;
	ms_report_text(r, "bank", "%s", v->bank->name);
	ms_report_uint(r, "entries", v->used);
	ms_report_uint(r, "violations", v->violations);
	ms_report_text(r, "boot-aggregate", "%s", ms_ima_aggregate_name(aggregate));
	if (after != 0 || !ms_imalist_done(&v->list.it))
		ms_report_note(
		    r, "the list has more entries, at least %u, that came after this value of PCR 10: they were not judged", after);
	if (v->how == MS_IMA_EXTEND_PADDED)
		ms_report_note(r, "the kernel extends this bank with SHA-1 filled up with zeros: what it proves is no stronger than SHA-1");
	if (!ms_ima_judge_any(v->judge))
		ms_report_note(r, "no --policy and no --key was given: what was measured was not judged");
}

/* The first lines, for people; all of them for programs. */
static void
report_problems(const struct ms_cli *c, struct verify *v, struct ms_report *r)
{
	size_t n = json_array_size(v->problems);
	if (n == 0)
		return;
	if (!c->json && n > PROBLEMS_SHOWN) {
		while (json_array_size(v->problems) > PROBLEMS_SHOWN)
			(void)json_array_remove(v->problems, json_array_size(v->problems) - 1);
		(void)json_array_append_new(v->problems, json_sprintf("... and %zu more (--json prints all)", n - PROBLEMS_SHOWN));
	}
	ms_report_put(r, "problems", json_incref(v->problems));
}

static enum ms_rc
conclude(struct ms_cli *c, struct verify *v, struct ms_report *r, struct ms_err *err)
{
	char detail[160];
	enum ms_ima_aggregate aggregate = check_aggregate(v);
	report_list(v, aggregate, r);
	report_problems(c, v, r);
	if (v->worst.reason != NULL)
		return ms_report_refuse(c, r, v->worst.reason, v->worst.text, err);
	if (v->boot.n != 0 && aggregate != MS_IMA_AGGREGATE_PCRS_0_7 && aggregate != MS_IMA_AGGREGATE_PCRS_0_9) {
		(void)snprintf(detail, sizeof detail, "entry 0, boot_aggregate: %s",
		    aggregate == MS_IMA_AGGREGATE_DIFFERS ? "it is not the digest of these PCRs"
		    : aggregate == MS_IMA_AGGREGATE_ZEROS ? "the kernel found no TPM when it began to measure"
							  : "PCRs 0 to 9 of the bank that it is of were not given");
		return ms_report_refuse(c, r, "boot-aggregate-differs", detail, err);
	}
	return ms_report_accept(c, r,
	    ms_ima_judge_any(v->judge) ? "PCR 10 is this list, and every entry is as it should be"
				       : "PCR 10 is this list; nothing was judged",
	    err);
}

static enum ms_rc
run_verify(struct ms_cli *c, struct ms_err *err)
{
	static const uint8_t zeros[MS_HASH_LEN_MAX];
	MS_OWN(verify_fini) struct verify v = {.used = 0};
	MS_OWN(ms_report_fini) struct ms_report r = {NULL};
	enum ms_rc rc = verify_load(c, &v, err);
	if (rc == MS_OK)
		rc = ms_report_init(&r, err);
	if (rc == MS_OK && (v.problems = json_array()) == NULL)
		rc = ms_fail(err, MS_ERR_NOMEM, "report");
	if (rc != MS_OK)
		return rc;
	if (ms_span_eq(ms_span(v.pcr, v.bank->len), ms_span(zeros, v.bank->len)))
		return ms_report_refuse(c, &r, "pcr-zero", "PCR 10 is all zero: the kernel measured nothing", err);
	rc = find_quoted(&v, err);
	if (rc == MS_ERR_AUTH)
		return ms_report_refuse(c, &r, "ima-does-not-replay", err->text, err);
	if (rc == MS_OK)
		rc = judge_entries(&v, err);
	return rc == MS_OK ? conclude(c, &v, &r, err) : rc;
}

static const struct ms_cli_option replay_options[] = {
    {"bank", "NAME", "only this bank: sha1, sha256, sha384, sha512 or sm3_256"}, {NULL, NULL, NULL}};
static const struct ms_cli_option verify_options[] = {{"pcr10", "HEX", "value of PCR 10, as a verified quote has it"},
    {"bank", "NAME", "its bank: sha1, sha256 (default), sha384, sha512 or sm3_256"}, MS_IMA_JUDGE_OPTIONS,
    {"boot-log-pcrs", "FILE", "PCRs 0 to 9 of this boot as JSON; the boot aggregate must be their digest"}, {NULL, NULL, NULL}};

const struct ms_command ms_commands_ima[] = {
    {.noun = "ima",
	.verb = "replay",
	.run = run_replay,
	.help = "show an IMA list, binary or ASCII, and the PCR 10 that it leads to (offline)",
	.args = "FILE",
	.min_args = 1,
	.max_args = 1,
	.options = replay_options,
	.example = "muster ima replay /sys/kernel/security/ima/ascii_runtime_measurements"},
    {.noun = "ima",
	.verb = "verify",
	.run = run_verify,
	.help = "check an IMA list against PCR 10, and its files against a list or keys (offline)",
	.args = "FILE",
	.min_args = 1,
	.max_args = 1,
	.options = verify_options,
	.example = "muster ima verify ima.bin --pcr10 \"$pcr10\" --bank sha256 --policy files.sha256 --exclude /tmp/"},
    {.noun = NULL},
};
