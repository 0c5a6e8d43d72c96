/* eventlog replay, verify, diff: boot logs from files alone. */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/report.h"
#include "evidence/bootlog.h"
#include "evidence/bootlog_diff.h"

#define LOG_MAX (4u << 20)
#define EVENTS_MAX 16384u
#define DIGEST_SHOWN 12u
#define WIDTH_MIN 60u
#define LINE_MAX 65536u

/* A person's own file may be larger than what a server takes. */
static const struct ms_bootlog_caps caps = {LOG_MAX, EVENTS_MAX, 1u << 20};

static const char *const red = "\033[31m", *const green = "\033[32m", *const yellow = "\033[33m", *const dim = "\033[2m",
			 *const bold = "\033[1m", *const off = "\033[0m";

static void
put(struct ms_cli *c, const char *colour, const char *text)
{
	bool paint = c->colour && colour != NULL;
	(void)fputs(paint ? colour : "", c->out);
	ms_out_text(c->out, text);
	(void)fputs(paint ? off : "", c->out);
}

/* ---- reading ---- */

static enum ms_rc
read_log(const char *path, struct ms_buf *out, struct ms_err *err)
{
	ms_buf_init(out, LOG_MAX);
	return ms_cli_read_file(path, LOG_MAX, out, err);
}

/* --bank: the algorithm; 0 when absent. */
static enum ms_rc
bank_option(const struct ms_cli *c, uint16_t *ret, struct ms_err *err)
{
	const char *name = ms_cli_option(c, "bank");
	const struct ms_bank_alg *a = name == NULL ? NULL : ms_bank_alg_named(ms_span_str(name));
	if (name != NULL && a == NULL)
		return ms_fail(err, MS_ERR_USAGE, "--bank: sha1, sha256, sha384, sha512 or sm3_256 is wanted");
	*ret = a != NULL ? a->alg : 0;
	return MS_OK;
}

static enum ms_eventlog_kind
kind_option(const struct ms_cli *c)
{
	return ms_cli_option(c, "cc") != NULL ? MS_EVENTLOG_CC : MS_EVENTLOG_ANY;
}

/* An unreadable log is unreadable input, whatever is wrong with it. */
static enum ms_rc
load(const struct ms_cli *c, const char *path, uint16_t alg, struct ms_buf *file, struct ms_bootlog **ret, struct ms_err *err)
{
	enum ms_rc rc = read_log(path, file, err);
	if (rc == MS_OK)
		rc = ms_bootlog_load(ms_buf_span(file), &caps, kind_option(c), alg, ret, err);
	return rc == MS_OK ? rc : ms_prefix(err, rc, "%s", path);
}

/* ---- replay: the table of events ---- */

struct view {
	struct ms_cli *c;
	const struct ms_bootlog *b;
	bool utf8, full;
	size_t width; /* of the terminal; 0: lines are not cut */
	size_t type_width;
	struct ms_buf line;
};

static bool
speaks_utf8(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *v = getenv(names[i]);
		if (v != NULL && v[0] != '\0')
			return strstr(v, "UTF-8") != NULL || strstr(v, "utf8") != NULL || strstr(v, "utf-8") != NULL;
	}
	return false;
}

static size_t
terminal_width(const struct ms_cli *c)
{
	struct winsize w;
	if (!c->out_tty || ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_col < WIDTH_MIN)
		return 0;
	return w.ws_col;
}

struct mark {
	const char *utf8, *ascii, *colour, *legend;
};
static const struct mark marks[] = {
    [MS_EVENT_RECOMPUTED] = {"\xe2\x9c\x93", "+", "\033[32m", "digest recomputed from the data: proven"},
    [MS_EVENT_PARTLY] = {"\xe2\x89\x88", "~", "\033[32m", "digest of a part of the data"},
    [MS_EVENT_OPAQUE] = {"\xc2\xb7", ".", "\033[2m", "digest of something outside the log: what is said here is unproven"},
    [MS_EVENT_MISMATCHED] = {"\xe2\x9c\x97", "X", "\033[31m", "data contradicts the digest: not believed"},
    [MS_EVENT_UNMEASURED] = {" ", " ", NULL, "extends nothing"},
};

static size_t
columns_of(struct ms_span s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++)
		n += (s.p[i] & 0xc0) != 0x80;
	return n;
}

/* Control characters were bytes of the log: each becomes one space, and a NUL byte ends the text for ms_out_text(). */
static void
put_line(struct view *v, const char *colour, size_t room)
{
	size_t n = 0, at = 0;
	for (size_t i = 0; i < v->line.len; i++)
		if (v->line.p[i] < 0x20)
			v->line.p[i] = ' ';
	bool cut = room > 0 && columns_of(ms_buf_span(&v->line)) > room;
	while (cut && at < v->line.len && n < room - 1)
		n += (v->line.p[at++] & 0xc0) != 0x80;
	while (cut && at < v->line.len && (v->line.p[at] & 0xc0) == 0x80)
		at++;
	if (cut) {
		v->line.len = at;
		ms_buf_str(&v->line, v->utf8 ? "\xe2\x80\xa6" : ">");
	}
	ms_buf_u8(&v->line, 0);
	put(v->c, colour, v->line.bad ? "(too long to show)" : (const char *)v->line.p);
	(void)fputc('\n', v->c->out);
	ms_buf_reset(&v->line);
}

static const char *
type_text(uint32_t type, char out[static 16])
{
	const char *name = ms_eventlog_type_name(type);
	if (name == NULL)
		(void)snprintf(out, 16, "0x%08x", type);
	return name != NULL ? name : out;
}

static const char *
index_text(const struct view *v, const struct ms_bootlog_event *e, char out[static 16])
{
	if (e->state == MS_EVENT_UNMEASURED)
		return "-";
	if (v->b->kind == MS_EVENTLOG_CC)
		return ms_eventlog_register_name(MS_EVENTLOG_CC, e->pcr);
	(void)snprintf(out, 16, "%u", e->pcr);
	return out;
}

static void
put_event(struct view *v, const struct ms_bootlog_event *e)
{
	char type[16], index[16], hex[2 * MS_HASH_LEN_MAX + 1] = "";
	const struct mark *m = &marks[e->state];
	size_t shown = v->full ? 2u * v->b->bank->len : DIGEST_SHOWN;
	if (e->state != MS_EVENT_UNMEASURED)
		ms_hex(e->digest.p, shown / 2, hex);
	(void)fprintf(v->c->out, "%4u %5s  ", e->number, index_text(v, e, index));
	put(v->c, m->colour, v->utf8 ? m->utf8 : m->ascii);
	(void)fprintf(v->c->out, " %-*s  ", (int)v->type_width, type_text(e->type, type));
	put(v->c, dim, hex);
	(void)fprintf(v->c->out, "%*s  ", (int)(shown - strlen(hex)), "");
	ms_bootlog_describe(e, &v->line);
	size_t used = 4 + 1 + 5 + 2 + 1 + 1 + v->type_width + 2 + shown + 2;
	size_t room = v->width == 0 ? 0 : v->width > used + 16 ? v->width - used : 16;
	put_line(v,
	    e->state == MS_EVENT_MISMATCHED                                  ? red
	    : e->state == MS_EVENT_OPAQUE || e->state == MS_EVENT_UNMEASURED ? dim
									     : NULL,
	    room);
}

static void
put_events(struct view *v)
{
	char type[16];
	bool used[sizeof marks / sizeof *marks] = {false};
	for (size_t i = 0; i < v->b->n; i++) {
		size_t n = strlen(type_text(v->b->event[i].type, type));
		v->type_width = n > v->type_width ? n : v->type_width;
		used[v->b->event[i].state] = true;
	}
	put(v->c, bold, v->b->kind == MS_EVENTLOG_CC ? "   #   REG" : "   #   PCR");
	(void)fputs("    ", v->c->out);
	put(v->c, bold, "TYPE");
	(void)fprintf(v->c->out, "%*s", (int)v->type_width - 4 + 2, "");
	put(v->c, bold, "DIGEST");
	(void)fprintf(v->c->out, "%*s", (int)(v->full ? 2u * v->b->bank->len : DIGEST_SHOWN) - 6 + 2, "");
	put(v->c, bold, "WHAT");
	(void)fputc('\n', v->c->out);
	for (size_t i = 0; i < v->b->n; i++)
		put_event(v, &v->b->event[i]);
	(void)fputc('\n', v->c->out);
	for (size_t i = 0; i < MS_EVENT_UNMEASURED; i++) {
		if (!used[i])
			continue;
		(void)fputs("  ", v->c->out);
		put(v->c, marks[i].colour, v->utf8 ? marks[i].utf8 : marks[i].ascii);
		(void)fprintf(v->c->out, " %s\n", marks[i].legend);
	}
}

static void
put_pcrs(struct view *v)
{
	char hex[2 * MS_HASH_LEN_MAX + 1], title[64];
	(void)snprintf(title, sizeof title, "\n%s (%s)\n", v->b->kind == MS_EVENTLOG_CC ? "Registers" : "PCRs", v->b->bank->name);
	(void)fputs(v->c->colour ? bold : "", v->c->out);
	(void)fputs(title, v->c->out);
	(void)fputs(v->c->colour ? off : "", v->c->out);
	for (unsigned i = 0; i < MS_EVENTLOG_PCRS; i++) {
		if ((v->b->pcrs.mask >> i & 1u) == 0)
			continue;
		ms_hex(v->b->pcrs.value[i], v->b->pcrs.len, hex);
		if (v->b->kind == MS_EVENTLOG_CC)
			(void)fprintf(v->c->out, "  %-5s %s\n", ms_eventlog_register_name(MS_EVENTLOG_CC, i), hex);
		else
			(void)fprintf(v->c->out, "  %5u %s\n", i, hex);
	}
}

/* ---- replay: the machine in a few lines ---- */

struct summary {
	struct view *v;
	const struct ms_claims *claims;
};

static void
put_label(const struct summary *s, const char *label)
{
	(void)fprintf(s->v->c->out, "  %-16s ", label);
}

static void
end_line(const struct summary *s, bool proven)
{
	if (!proven)
		put(s->v->c, yellow, "  (unproven)");
	(void)fputc('\n', s->v->c->out);
}

static const struct ms_claim *
claim_of(const struct summary *s, const char *name)
{
	size_t from = 0;
	return ms_claims_next(s->claims, ms_span_str(name), &from);
}

/* Every value of a claim, one a line below its label; at most `max`, then how many more. */
static void
put_values(struct summary *s, const char *label, const char *name, size_t max)
{
	size_t from = 0, n = 0;
	char text[MS_CLAIM_VALUE_MAX + 1];
	for (const struct ms_claim *one; (one = ms_claims_next(s->claims, ms_span_str(name), &from)) != NULL; n++) {
		if (n >= max)
			continue;
		put_label(s, n == 0 ? label : "");
		ms_claim_text(one, text, sizeof text);
		ms_out_text(s->v->c->out, text);
		end_line(s, one->proven);
	}
	if (n > max) {
		put_label(s, "");
		(void)fprintf(s->v->c->out, "and %zu more\n", n - max);
	}
}

/* Programs in their order, each with who let it start where the log tells. */
static void
put_started(struct summary *s, size_t max)
{
	size_t from = 0, signer_from = 0, n = 0;
	char text[MS_CLAIM_VALUE_MAX + 1];
	const struct ms_claim *one, *signer = ms_claims_next(s->claims, ms_span_str("boot.image.signer"), &signer_from);
	for (; (one = ms_claims_next(s->claims, ms_span_str("boot.image.path"), &from)) != NULL; n++) {
		bool by = signer != NULL && signer->bytes.len > one->bytes.len + 4 &&
			  ms_span_eq(ms_span(signer->bytes.p, one->bytes.len), one->bytes) && signer->bytes.p[one->bytes.len] == ' ';
		if (n < max) {
			put_label(s, n == 0 ? "started" : "");
			ms_claim_text(by ? signer : one, text, sizeof text);
			ms_out_text(s->v->c->out, text);
			end_line(s, one->proven);
		}
		if (by)
			signer = ms_claims_next(s->claims, ms_span_str("boot.image.signer"), &signer_from);
	}
	if (n > max) {
		put_label(s, "");
		(void)fprintf(s->v->c->out, "and %zu more\n", n - max);
	}
}

static void
put_flag(struct summary *s, const char *label, const char *name, bool good)
{
	const struct ms_claim *one = claim_of(s, name);
	if (one == NULL)
		return;
	put_label(s, label);
	put(s->v->c, (one->number != 0) == good ? green : red, one->number != 0 ? "yes" : "no");
	end_line(s, one->proven);
}

static void
put_secure_boot(struct summary *s)
{
	const struct ms_claim *one = claim_of(s, "boot.secure-boot"), *setup = claim_of(s, "boot.setup-mode");
	put_label(s, "Secure Boot");
	if (one == NULL)
		put(s->v->c, yellow, "the log does not say");
	else
		put(s->v->c, one->number != 0 ? green : red, one->number != 0 ? "on" : "off");
	if (setup != NULL && setup->number != 0)
		put(s->v->c, red, ", in setup mode: no platform key");
	end_line(s, one == NULL || one->proven);
}

static void
put_count(struct summary *s, const char *label, const char *name, const char *what)
{
	const struct ms_claim *one = claim_of(s, name);
	if (one == NULL)
		return;
	put_label(s, label);
	(void)fprintf(s->v->c->out, "%llu %s", (unsigned long long)one->number, what);
	end_line(s, one->proven);
}

static void
put_bad_flags(struct summary *s)
{
	static const struct {
		const char *name, *label, *text;
	} rows[] = {{"boot.debugger", "debugger", "ENABLED"}, {"boot.test-signing", "test signing", "ACCEPTED"},
	    {"boot.dma-unprotected", "DMA protection", "OFF"}, {"boot.separator-error", "separators", "tell of an ERROR"}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct ms_claim *one = claim_of(s, rows[i].name);
		if (one == NULL || one->number == 0)
			continue;
		put_label(s, rows[i].label);
		put(s->v->c, red, rows[i].text);
		end_line(s, one->proven);
	}
}

static void
put_counts(struct summary *s)
{
	size_t n[MS_EVENT_UNMEASURED + 1] = {0};
	for (size_t i = 0; i < s->v->b->n; i++)
		n[s->v->b->event[i].state]++;
	put_label(s, "events");
	(void)fprintf(s->v->c->out, "%zu: %zu recomputed, %zu partly, %zu not in the log, ", s->v->b->n, n[MS_EVENT_RECOMPUTED],
	    n[MS_EVENT_PARTLY], n[MS_EVENT_OPAQUE]);
	char text[48];
	(void)snprintf(text, sizeof text, "%zu contradicted", n[MS_EVENT_MISMATCHED]);
	put(s->v->c, n[MS_EVENT_MISMATCHED] > 0 ? red : NULL, text);
	(void)fputc('\n', s->v->c->out);
}

static void
put_summary(struct view *v, const struct ms_claims *claims)
{
	enum { SHOWN = 8 };
	struct summary s = {v, claims};
	(void)fputc('\n', v->c->out);
	put(v->c, bold, "This machine");
	(void)fputc('\n', v->c->out);
	put_secure_boot(&s);
	put_values(&s, "platform key", "boot.pk.subject", SHOWN);
	put_values(&s, "db", "boot.db.subject", SHOWN);
	put_count(&s, "dbx", "boot.dbx.entries", "entries");
	put_values(&s, "firmware", "boot.firmware.version", SHOWN);
	put_started(&s, SHOWN);
	put_values(&s, "let start by", "boot.authority", SHOWN);
	put_values(&s, "SBAT level", "boot.sbat.component", SHOWN);
	put_values(&s, "kernel", "boot.kernel.cmdline", SHOWN);
	put_values(&s, "unified image", "boot.uki.section", SHOWN);
	put_count(&s, "drivers", "boot.drivers", "in PCR 2");
	put_flag(&s, "complete", "boot.separators", true);
	put_flag(&s, "handed over", "boot.exit-boot-services", true);
	put_flag(&s, "code integrity", "boot.windows.code-integrity", true);
	put_bad_flags(&s);
	put_counts(&s);
}

/* ---- replay: JSON ---- */

static json_t *
text_json(struct ms_buf *text)
{
	json_t *j = json_stringn((const char *)text->p, text->len);
	if (j == NULL) /* not UTF-8 */
		j = json_string("");
	ms_buf_reset(text);
	return j;
}

static json_t *
event_json(const struct ms_bootlog *b, const struct ms_bootlog_event *e, struct ms_buf *text)
{
	char type[16], hex[2 * MS_HASH_LEN_MAX + 1] = "";
	ms_bootlog_describe(e, text);
	if (e->state != MS_EVENT_UNMEASURED)
		ms_hex(e->digest.p, e->digest.len, hex);
	json_t *j = json_pack("{s:I, s:I, s:s, s:s, s:o, s:I, s:I}", "number", (json_int_t)e->number, "pcr", (json_int_t)e->pcr, "type",
	    type_text(e->type, type), "state", ms_event_state_name(e->state), "text", text_json(text), "offset", (json_int_t)e->data_offset,
	    "length", (json_int_t)e->data.len);
	if (j != NULL && hex[0] != '\0')
		(void)json_object_set_new(j, "digest", json_string(hex));
	if (j != NULL && b->kind == MS_EVENTLOG_CC)
		(void)json_object_set_new(j, "register", json_string(ms_eventlog_register_name(b->kind, e->pcr)));
	return j;
}

static enum ms_rc
replay_json(struct ms_cli *c, const struct ms_bootlog *b, struct ms_span log, const struct ms_claims *claims, struct ms_err *err)
{
	struct ms_bootlog_replay all;
	MS_OWN(ms_buf_fini) struct ms_buf text = {0};
	MS_OWN(ms_report_fini) struct ms_report r = {0};
	ms_buf_init(&text, LINE_MAX);
	enum ms_rc rc = ms_report_init(&r, err);
	if (rc == MS_OK)
		rc = ms_bootlog_replay(log, &caps, b->kind, &all, err);
	if (rc != MS_OK)
		return rc;
	json_t *events = json_array();
	for (size_t i = 0; events != NULL && i < b->n; i++)
		(void)json_array_append_new(events, event_json(b, &b->event[i], &text));
	ms_report_text(&r, "form", "%s", b->form == MS_EVENTLOG_AGILE ? "crypto-agile" : "sha1");
	ms_report_text(&r, "kind", "%s", b->kind == MS_EVENTLOG_CC ? "cc" : "tpm");
	ms_report_text(&r, "bank", "%s", b->bank->name);
	ms_report_uint(&r, "startup_locality", b->locality);
	ms_report_put(&r, "events", events);
	ms_report_pcrs(&r, &all.banks);
	ms_report_claims(&r, claims);
	return ms_out_json(c, r.j, err);
}

static enum ms_rc
run_replay(struct ms_cli *c, struct ms_err *err)
{
	uint16_t alg = 0;
	MS_OWN(ms_buf_fini) struct ms_buf file = {0};
	MS_OWN(ms_bootlog_free) struct ms_bootlog *b = NULL;
	MS_OWN(ms_claims_free) struct ms_claims *claims = NULL;
	enum ms_rc rc = bank_option(c, &alg, err);
	if (rc == MS_OK)
		rc = load(c, c->arg[0], alg, &file, &b, err);
	if (rc == MS_OK)
		rc = ms_claims_new(&claims, err);
	if (rc == MS_OK)
		rc = ms_bootlog_claims(b, claims, err);
	if (rc != MS_OK)
		return rc;
	if (c->json)
		return replay_json(c, b, ms_buf_span(&file), claims, err);
	struct view v = {.c = c, .b = b, .utf8 = speaks_utf8(), .full = ms_cli_option(c, "full") != NULL};
	v.width = v.full ? 0 : terminal_width(c);
	ms_buf_init(&v.line, LINE_MAX);
	put_events(&v);
	put_pcrs(&v);
	put_summary(&v, claims);
	ms_buf_fini(&v.line);
	return MS_OK;
}

/* ---- verify ---- */

static enum ms_rc
read_pcrs(const char *path, struct ms_pcr_banks *ret, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf text = {0};
	ms_buf_init(&text, MS_PCR_BANK_JSON_MAX);
	enum ms_rc rc = ms_cli_read_file(path, MS_PCR_BANK_JSON_MAX, &text, err);
	if (rc == MS_OK)
		rc = ms_pcr_banks_parse_json(ms_buf_span(&text), ret, err);
	return rc == MS_OK ? rc : ms_prefix(err, rc, "%s", path);
}

static const char *
why_not(const struct ms_bootlog_replay *r, const struct ms_pcr_bank *b, unsigned pcr)
{
	const struct ms_pcr_bank *found = ms_pcr_banks_find(&r->banks, b->alg);
	if (found == NULL)
		return "the log cannot be replayed in this bank";
	if ((found->mask >> pcr & 1u) != 0)
		return "the log leads to another value";
	return pcr == 10 ? "no event of the log extends it; IMA extends PCR 10 (muster ima verify)" : "no event of the log extends it";
}

static void
add_unexplained(json_t *list, const struct ms_bootlog_replay *r, const struct ms_pcr_bank *b, uint32_t bad)
{
	char found[2 * MS_HASH_LEN_MAX + 1], given[2 * MS_HASH_LEN_MAX + 1];
	const struct ms_bank_alg *a = ms_bank_alg_of(b->alg);
	const struct ms_pcr_bank *replayed = ms_pcr_banks_find(&r->banks, b->alg);
	for (unsigned i = 0; i < MS_TPM_PCR_COUNT; i++) {
		if ((bad >> i & 1u) == 0)
			continue;
		ms_hex(b->value[i], b->len, given);
		json_t *j = json_pack("{s:s, s:i, s:s, s:s}", "bank", a->name, "pcr", (int)i, "given", given, "why", why_not(r, b, i));
		if (j != NULL && replayed != NULL) {
			ms_hex(replayed->value[i], replayed->len, found);
			(void)json_object_set_new(j, "replayed", json_string(found));
		}
		(void)json_array_append_new(list, j);
	}
}

static void
note_unexplained(struct ms_report *report, const struct ms_bootlog_replay *r, const struct ms_pcr_bank *b, uint32_t bad)
{
	char found[2 * MS_HASH_LEN_MAX + 1] = "", given[2 * MS_HASH_LEN_MAX + 1];
	const struct ms_pcr_bank *replayed = ms_pcr_banks_find(&r->banks, b->alg);
	for (unsigned i = 0; i < MS_TPM_PCR_COUNT; i++) {
		if ((bad >> i & 1u) == 0)
			continue;
		ms_hex(b->value[i], b->len, given);
		if (replayed != NULL)
			ms_hex(replayed->value[i], replayed->len, found);
		ms_report_note(report, "PCR %u (%s): %s: the file has %s%s%s", i, ms_bank_alg_of(b->alg)->name, why_not(r, b, i), given,
		    found[0] != '\0' ? ", the log " : "", found);
	}
}

/* Data that contradicts its digest explains nothing wrongly, but somebody changed it. */
static void
note_mismatches(struct ms_report *r, const struct ms_bootlog *b)
{
	char type[16];
	for (size_t i = 0; i < b->n; i++)
		if (b->event[i].state == MS_EVENT_MISMATCHED)
			ms_report_note(r, "event %u (%s, PCR %u): its data contradicts its digest and is not believed", b->event[i].number,
			    type_text(b->event[i].type, type), b->event[i].pcr);
}

static void
explained_text(const struct ms_bootlog_replay *r, const struct ms_pcr_banks *given, struct ms_report *report)
{
	char text[160], mask[120];
	for (size_t i = 0; i < given->n; i++) {
		const struct ms_pcr_bank *b = &given->bank[i];
		ms_pcr_mask_text(b->mask & ~ms_bootlog_unexplained(r, b, b->mask), mask, sizeof mask);
		(void)snprintf(text, sizeof text, "explained_%s", ms_bank_alg_of(b->alg)->name);
		ms_report_text(report, text, "%s", mask[0] != '\0' ? mask : "none");
	}
}

static enum ms_rc
run_verify(struct ms_cli *c, struct ms_err *err)
{
	struct ms_bootlog_replay r;
	struct ms_pcr_banks given;
	const char *pcrs = NULL;
	char detail[256] = "";
	MS_OWN(ms_buf_fini) struct ms_buf file = {0};
	MS_OWN(ms_bootlog_free) struct ms_bootlog *b = NULL;
	MS_OWN(ms_report_fini) struct ms_report report = {0};
	enum ms_rc rc = ms_cli_need(c, "pcrs", &pcrs, err);
	if (rc == MS_OK)
		rc = read_pcrs(pcrs, &given, err);
	if (rc == MS_OK)
		rc = load(c, c->arg[0], 0, &file, &b, err);
	if (rc == MS_OK)
		rc = ms_bootlog_replay(ms_buf_span(&file), &caps, b->kind, &r, err);
	if (rc == MS_OK)
		rc = ms_report_init(&report, err);
	if (rc != MS_OK)
		return rc;
	json_t *bad = json_array();
	for (size_t i = 0; i < given.n; i++) {
		uint32_t mask = ms_bootlog_unexplained(&r, &given.bank[i], given.bank[i].mask);
		char pcr[120];
		ms_pcr_mask_text(mask, pcr, sizeof pcr);
		size_t n = strlen(detail);
		if (mask != 0)
			(void)snprintf(
			    detail + n, sizeof detail - n, "%s%s PCR %s", n > 0 ? "; " : "", ms_bank_alg_of(given.bank[i].alg)->name, pcr);
		add_unexplained(bad, &r, &given.bank[i], mask);
		if (!c->json)
			note_unexplained(&report, &r, &given.bank[i], mask);
	}
	ms_report_uint(&report, "events", r.events);
	explained_text(&r, &given, &report);
	note_mismatches(&report, b);
	if (json_array_size(bad) == 0) {
		json_decref(bad);
		return ms_report_accept(c, &report, "the log explains every PCR of the file", err);
	}
	if (c->json)
		ms_report_put(&report, "unexplained", bad);
	else
		json_decref(bad);
	return ms_report_refuse(c, &report, "log-does-not-replay", detail, err);
}

/* ---- diff ---- */

static json_t *
change_json(const struct ms_bootlog *from, const struct ms_bootlog *to, const struct ms_boot_change *one, struct ms_buf *text)
{
	ms_boot_change_text(one, to->kind, text);
	json_t *j = json_pack("{s:s, s:I, s:o}", "change", ms_boot_change_name(one->kind), "pcr",
	    (json_int_t)(one->to != NULL ? one->to->pcr : one->from->pcr), "text", text_json(text));
	if (j != NULL && one->from != NULL)
		(void)json_object_set_new(j, "from", event_json(from, one->from, text));
	if (j != NULL && one->to != NULL)
		(void)json_object_set_new(j, "to", event_json(to, one->to, text));
	return j;
}

static enum ms_rc
diff_json(struct ms_cli *c, const struct ms_bootlog *from, const struct ms_bootlog *to, const struct ms_boot_changes *d, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf text = {0};
	ms_buf_init(&text, LINE_MAX);
	json_t *changes = json_array(), *pcrs = json_array();
	for (size_t i = 0; changes != NULL && i < d->n; i++)
		(void)json_array_append_new(changes, change_json(from, to, &d->item[i], &text));
	for (unsigned i = 0; pcrs != NULL && i < MS_EVENTLOG_PCRS; i++)
		if ((d->pcrs >> i & 1u) != 0)
			(void)json_array_append_new(pcrs, json_integer((json_int_t)i));
	MS_OWN(ms_json_free)
	json_t *j =
	    json_pack("{s:b, s:s, s:o, s:o}", "same", d->n == 0 && d->pcrs == 0, "bank", to->bank->name, "pcrs", pcrs, "changes", changes);
	return j != NULL ? ms_out_json(c, j, err) : ms_fail(err, MS_ERR_NOMEM, "comparison");
}

static void
diff_text(struct view *v, const struct ms_boot_changes *d)
{
	static const struct {
		const char *sign, *colour;
	} signs[] = {[MS_BOOT_CHANGED] = {"*", "\033[33m"},
	    [MS_BOOT_ADDED] = {"+", "\033[32m"},
	    [MS_BOOT_REMOVED] = {"-", "\033[31m"},
	    [MS_BOOT_MOVED] = {"~", "\033[33m"}};
	char mask[120];
	uint32_t last = UINT32_MAX;
	if (d->n == 0 && d->pcrs == 0) {
		(void)fputs("The two boots measured the same.\n", v->c->out);
		return;
	}
	ms_pcr_mask_text(d->pcrs, mask, sizeof mask);
	bool one_pcr = (d->pcrs & (d->pcrs - 1)) == 0;
	(void)fprintf(v->c->out, "%s%s %s differ%s: %zu change%s from the first boot to the second.\n",
	    v->b->kind == MS_EVENTLOG_CC ? "Register" : "PCR", one_pcr ? "" : "s", mask, one_pcr ? "s" : "", d->n, d->n == 1 ? "" : "s");
	for (size_t i = 0; i < d->n; i++) {
		const struct ms_boot_change *one = &d->item[i];
		uint32_t pcr = one->to != NULL ? one->to->pcr : one->from->pcr;
		if (pcr != last) {
			(void)fputc('\n', v->c->out);
			put(v->c, bold, ms_eventlog_register_name(v->b->kind, pcr));
			(void)fputc('\n', v->c->out);
		}
		last = pcr;
		(void)fputs("  ", v->c->out);
		put(v->c, signs[one->kind].colour, signs[one->kind].sign);
		(void)fputc(' ', v->c->out);
		ms_boot_change_text(one, v->b->kind, &v->line);
		put_line(v, NULL, 0);
	}
}

static enum ms_rc
run_diff(struct ms_cli *c, struct ms_err *err)
{
	uint16_t alg = 0;
	MS_OWN(ms_buf_fini) struct ms_buf file_a = {0};
	MS_OWN(ms_buf_fini) struct ms_buf file_b = {0};
	MS_OWN(ms_bootlog_free) struct ms_bootlog *a = NULL;
	MS_OWN(ms_bootlog_free) struct ms_bootlog *b = NULL;
	MS_OWN(ms_boot_changes_fini) struct ms_boot_changes d = {.n = 0};
	enum ms_rc rc = bank_option(c, &alg, err);
	if (rc == MS_OK)
		rc = load(c, c->arg[0], alg, &file_a, &a, err);
	if (rc == MS_OK)
		rc = load(c, c->arg[1], alg, &file_b, &b, err);
	if (rc == MS_OK)
		rc = ms_bootlog_diff(a, b, &d, err);
	if (rc != MS_OK)
		return rc;
	c->refused = d.n > 0 || d.pcrs != 0;
	if (c->json)
		return diff_json(c, a, b, &d, err);
	struct view v = {.c = c, .b = b, .utf8 = speaks_utf8()};
	ms_buf_init(&v.line, LINE_MAX);
	diff_text(&v, &d);
	ms_buf_fini(&v.line);
	return MS_OK;
}

static const struct ms_cli_option replay_options[] = {
    {"bank", "NAME", "Digests of this bank: sha1, sha256, sha384, sha512 or sm3_256 (default: sha256, or else the strongest)."},
    {"cc", NULL, "The log is one of confidential computing (CCEL), whatever it looks like."},
    {"full", NULL, "Whole digests and whole lines."},
    {NULL, NULL, NULL},
};
static const struct ms_cli_option verify_options[] = {
    {"pcrs", "FILE", "PCR values as JSON: {\"sha256\": {\"0\": \"hex\", ...}, ...}."},
    {"cc", NULL, "The log is one of confidential computing (CCEL): 1 to 4 in FILE are RTMR 0 to 3."},
    {NULL, NULL, NULL},
};
static const struct ms_cli_option diff_options[] = {
    {"bank", "NAME", "Compare digests of this bank (default: sha256, or else the strongest)."},
    {"cc", NULL, "The logs are of confidential computing (CCEL)."},
    {NULL, NULL, NULL},
};

const struct ms_command ms_commands_eventlog[] = {
    {"eventlog", "replay", run_replay, "Show what a boot log says, event by event, what of it is proven, and the PCRs that it leads to.",
	"FILE", 1, 1, replay_options, "muster eventlog replay /sys/kernel/security/tpm0/binary_bios_measurements", NULL, NULL},
    {"eventlog", "verify", run_verify, "Check that a boot log explains every PCR of a file; name each that it does not.", "FILE", 1, 1,
	verify_options, "muster eventlog verify binary_bios_measurements --pcrs pcrs.json", NULL, NULL},
    {"eventlog", "diff", run_diff, "Say what changed between two boots; exit status 1 when anything did.", "OLD NEW", 2, 2, diff_options,
	"muster eventlog diff monday.log tuesday.log", NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL},
};
