/* Verdicts and their steps, printed. For operators: expected values are shown. */
#include <string.h>

#include "base/clock.h"
#include "cli/case.h"

#define RED "\033[31m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define DIM "\033[2m"
#define OFF "\033[0m"

void
ms_out_outcome(struct ms_cli *c, FILE *f, const char *name)
{
	const char *colour = strcmp(name, "pass") == 0 ? GREEN : strcmp(name, "fail") == 0 ? RED : YELLOW;
	(void)fprintf(f, "%s%s%s", c->colour ? colour : "", name, c->colour ? OFF : "");
}

/* ---- steps ---- */

static const struct mark {
	const char *outcome, *text, *colour;
} marks[] = {{"info", " ", ""}, {"holds", "ok", GREEN}, {"missing", "??", YELLOW}, {"fails", "NO", RED}, {"waived", "w", YELLOW}};

static const struct mark *
mark_of(const char *outcome)
{
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		if (strcmp(marks[i].outcome, outcome) == 0)
			return &marks[i];
	return &marks[0];
}

void
ms_out_steps(struct ms_cli *c, FILE *f, const json_t *steps, unsigned indent)
{
	size_t i;
	const json_t *s;
	const char *last = "";
	json_array_foreach(steps, i, s)
	{
		const char *rule = ms_json_text(s, "rule"), *what = ms_json_text(s, "requirement");
		const struct mark *m = mark_of(ms_json_text(s, "outcome"));
		if (strcmp(what, "verdict") == 0)
			continue; /* ms_out_verdict() says it */
		if (strcmp(rule, last) != 0 && rule[0] != '\0')
			(void)fprintf(f, "%*srule %s\n", (int)indent, "", rule);
		last = rule;
		(void)fprintf(f, "%*s%s%-2s%s  %s%*s", (int)indent + 2, "", c->colour ? m->colour : "", m->text,
		    c->colour && m->colour[0] != '\0' ? OFF : "", what, (int)(strlen(what) < 24 ? 24 - strlen(what) : 0) + 1, "");
		ms_out_text(f, ms_json_text(s, "detail"));
		(void)fputc('\n', f);
	}
}

/* ---- reasons ---- */

/* Of a PCR the accepted values are in a list of their own; empty when nothing is near. */
static void
nearest_value(const struct ms_verdict_reason *r, char out[static MS_VERDICT_FOUND_MAX + 1])
{
	(void)snprintf(out, MS_VERDICT_FOUND_MAX + 1, "%s", r->nearest.value);
	if (out[0] == '\0' && r->n_expected > 0)
		ms_hex(r->expected[0], MS_PCR_LEN, out);
}

static json_t *
nearest_json(const struct ms_verdict_reason *r, const char *value)
{
	const struct ms_verdict_nearest *n = &r->nearest;
	json_t *j =
	    json_pack("{s:s, s:s, s:I}", "value", value, "reference", n->reference, "reference_version", (json_int_t)n->reference_version);
	if (n->path[0] != '\0')
		(void)json_object_set_new(j, "path", json_string(n->path));
	if (n->source[0] != '\0')
		(void)json_object_set_new(j, "source", json_string(n->source));
	if (n->captured_s != 0)
		(void)json_object_set_new(j, "captured_s", json_integer((json_int_t)n->captured_s));
	return j;
}

static void
set_hex(json_t *j, const char *key, const uint8_t digest[static MS_PCR_LEN])
{
	char hex[2 * MS_PCR_LEN + 1];
	ms_hex(digest, MS_PCR_LEN, hex);
	(void)json_object_set_new(j, key, json_string(hex));
}

static bool
about_a_digest(const struct ms_verdict_reason *r)
{
	return r->code == MS_POLICY_PCR_MISMATCH || r->code == MS_POLICY_PCR_ZERO || r->code == MS_POLICY_EVENT_UNKNOWN;
}

static json_t *
reason_json(const struct ms_verdict_reason *r, const char *line)
{
	char nearest[MS_VERDICT_FOUND_MAX + 1];
	json_t *j = json_pack("{s:s, s:s, s:s, s:s}", "code", ms_policy_code_name(r->code), "means", ms_policy_code_text(r->code),
	    "outcome", ms_outcome_name(ms_policy_code_outcome(r->code)), "line", line);
	if (r->has_pcr)
		(void)json_object_set_new(j, "pcr", json_integer(r->pcr));
	if (r->has_entry)
		(void)json_object_set_new(j, "entry", json_integer(r->entry));
	if (about_a_digest(r))
		set_hex(j, "found", r->found);
	else if (r->value[0] != '\0')
		(void)json_object_set_new(j, "found", json_string(r->value));
	const struct {
		const char *key, *value;
	} texts[] = {{"reference", r->reference}, {"claim", r->claim}, {"path", r->path}, {"waiver", r->waiver}};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (texts[i].value[0] != '\0')
			(void)json_object_set_new(j, texts[i].key, json_string(texts[i].value));
	nearest_value(r, nearest);
	if (nearest[0] != '\0' || r->nearest.path[0] != '\0')
		(void)json_object_set_new(j, "nearest", nearest_json(r, nearest));
	return j;
}

json_t *
ms_verdict_json(const struct ms_verdict *v)
{
	char line[MS_VERDICT_TEXT_LEN];
	json_t *reasons = json_array(), *waived = json_array();
	for (size_t i = 0; i < v->n_reasons; i++) {
		ms_verdict_reason_text(v, i, true, line);
		(void)json_array_append_new(reasons, reason_json(&v->reason[i], line));
	}
	for (size_t i = 0; i < v->n_waived; i++) {
		ms_verdict_waived_text(v, i, true, line);
		(void)json_array_append_new(waived, reason_json(&v->waived[i], line));
	}
	return json_pack("{s:s, s:s, s:I, s:s, s:s, s:b, s:o, s:I, s:o}", "outcome", ms_outcome_name(v->outcome), "policy", v->policy,
	    "policy_version", (json_int_t)v->policy_version, "rule", v->rule, "reference", v->reference, "identity", v->identity, "reasons",
	    reasons, "more_reasons", (json_int_t)v->more_reasons, "waived", waived);
}

static void
put_field(FILE *f, unsigned indent, const char *key, const char *text)
{
	(void)fprintf(f, "%*s%-9s ", (int)indent + 4, "", key);
	ms_out_text(f, text);
	(void)fputc('\n', f);
}

static void
put_nearest(FILE *f, unsigned indent, const struct ms_verdict_reason *r)
{
	const struct ms_verdict_nearest *n = &r->nearest;
	char when[MS_CLOCK_TEXT_LEN], value[MS_VERDICT_FOUND_MAX + 1];
	nearest_value(r, value);
	if (value[0] == '\0' && n->path[0] == '\0')
		return;
	put_field(f, indent, "nearest", value[0] != '\0' ? value : "the same digest under another path");
	if (r->n_expected > 1 && n->value[0] == '\0')
		(void)fprintf(f, "%*s%-9s %zu values are accepted\n", (int)indent + 4, "", "", r->n_expected);
	if (n->reference[0] == '\0')
		return;
	(void)fprintf(
	    f, "%*s%-9s reference %s version %llu", (int)indent + 4, "", "from", n->reference, (unsigned long long)n->reference_version);
	if (n->source[0] != '\0') {
		(void)fputs(", ", f);
		ms_out_text(f, n->source);
	}
	if (n->captured_s != 0) {
		ms_clock_text(n->captured_s, when);
		(void)fprintf(f, ", %s", when);
	}
	if (n->path[0] != '\0') {
		(void)fputs(", as ", f);
		ms_out_text(f, n->path);
	}
	(void)fputc('\n', f);
}

static void
put_reason(struct ms_cli *c, FILE *f, const struct ms_verdict_reason *r, unsigned indent)
{
	char found[2 * MS_PCR_LEN + 1];
	(void)fprintf(f, "%*s%s%s%s", (int)indent + 2, "", c->colour ? RED : "", ms_policy_code_name(r->code), c->colour ? OFF : "");
	if (r->has_pcr)
		(void)fprintf(f, " PCR %u", r->pcr);
	if (r->claim[0] != '\0')
		(void)fprintf(f, " %s", r->claim);
	if (r->path[0] != '\0')
		(void)fprintf(f, " %s", r->path);
	if (r->reference[0] != '\0')
		(void)fprintf(f, " (reference %s)", r->reference);
	(void)fprintf(f, ": %s\n", ms_policy_code_text(r->code));
	ms_hex(r->found, MS_PCR_LEN, found);
	if (about_a_digest(r))
		put_field(f, indent, "found", found);
	else if (r->value[0] != '\0')
		put_field(f, indent, "found", r->value);
	put_nearest(f, indent, r);
	if (r->waiver[0] != '\0')
		put_field(f, indent, "waiver", r->waiver);
}

void
ms_out_verdict(struct ms_cli *c, FILE *f, const struct ms_verdict *v, unsigned indent)
{
	(void)fprintf(f, "%*sverdict: ", (int)indent, "");
	ms_out_outcome(c, f, ms_outcome_name(v->outcome));
	if (v->rule[0] != '\0')
		(void)fprintf(f, ", rule %s", v->rule);
	if (v->reference[0] != '\0')
		(void)fprintf(f, ", reference %s", v->reference);
	(void)fputc('\n', f);
	for (size_t i = 0; i < v->n_reasons; i++)
		put_reason(c, f, &v->reason[i], indent);
	if (v->more_reasons > 0)
		(void)fprintf(f, "%*sand %zu more\n", (int)indent + 2, "", v->more_reasons);
	for (size_t i = 0; i < v->n_waived; i++)
		put_reason(c, f, &v->waived[i], indent);
}
