/* policy simulate: a candidate over recorded evidence of the past. Nothing is changed, and the server does no work but to hand
 * out its records: they are judged here, once by what runs and once by the candidate, both at the time of the evidence. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/evidence_remote.h"
#include "cli/policy_remote.h"
#include "cli/policydir.h"

struct simulate {
	struct ms_cli *c;
	struct ms_policy_dir *dir;
	struct ms_running_policy running;
	struct ms_sets now_sets, then_sets; /* of what runs, and of the candidate */
	struct ms_case_policy now, then;
	json_t *records; /* rows of evidence.list that count */
	json_t *changes;
	size_t judged, devices;
};

static void
simulate_fini(struct simulate *s)
{
	ms_sets_fini(&s->now_sets);
	ms_sets_fini(&s->then_sets);
	ms_policy_dir_free(s->dir);
	ms_running_policy_fini(&s->running);
	json_decref(s->records);
	json_decref(s->changes);
}
MS_CLEANUP_FINI(struct simulate, simulate_fini)

/* "36h", "7d", or a time: seconds since 1970. */
static enum ms_rc
read_since(struct ms_cli *c, uint64_t *ret, struct ms_err *err)
{
	static const struct {
		char unit;
		uint64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	const char *text = ms_cli_option(c, "since");
	*ret = 0;
	if (text == NULL)
		return MS_OK;
	size_t digits = strspn(text, "0123456789");
	if (digits > 0 && digits < 8 && text[digits] != '\0' && text[digits + 1] == '\0')
		for (size_t i = 0; i < sizeof units / sizeof *units; i++)
			if (text[digits] == units[i].unit) {
				uint64_t span = strtoull(text, NULL, 10) * units[i].seconds, now = ms_clock_wall_s();
				*ret = now > span ? now - span : 0;
				return MS_OK;
			}
	if (ms_policy_time_parse(ms_span_str(text), ret, NULL) == MS_OK)
		return MS_OK;
	return ms_fail(err, MS_ERR_USAGE, "--since: a time as 2026-12-31 or 2026-12-31T23:00:00Z, or so long ago as 36h or 7d");
}

/* ---- which records ---- */

/* With --since every record since then; else the last one of each device. */
static enum ms_rc
choose_records(struct simulate *s, const json_t *rows, uint64_t since_s, struct ms_err *err)
{
	MS_OWN(ms_json_free) json_t *last = json_object();
	size_t i;
	json_t *row;
	const char *key;
	if (last == NULL || s->records == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "records");
	json_array_foreach(rows, i, row)
	{
		const json_t *seen = json_object_get(last, ms_json_text(row, "device"));
		bool newer = seen == NULL || ms_json_uint(row, "time_s") >= ms_json_uint(seen, "time_s");
		if (newer && json_object_set(last, ms_json_text(row, "device"), row) != 0)
			return ms_fail(err, MS_ERR_NOMEM, "records");
		if (since_s != 0 && ms_json_uint(row, "time_s") >= since_s && json_array_append(s->records, row) != 0)
			return ms_fail(err, MS_ERR_NOMEM, "records");
	}
	json_object_foreach(last, key, row) if (since_s == 0 && json_array_append(s->records, row) != 0) return ms_fail(
	    err, MS_ERR_NOMEM, "records");
	return MS_OK;
}

/* ---- one record ---- */

static enum ms_rc
judge_by(const struct ms_evidence_file *f, const struct ms_case_policy *p, struct ms_verdict *ret, struct ms_err *err)
{
	MS_OWN(ms_case_fini) struct ms_case k;
	ms_case_init(&k);
	enum ms_rc rc = ms_case_take(&k, f, err);
	ms_case_facts(&k, f);
	if (rc == MS_OK)
		rc = ms_case_read_logs(&k, p, err);
	return rc == MS_OK ? ms_case_judge(&k, p, NULL, ret, err) : rc;
}

static const char *
first_line(const struct ms_verdict *v, char out[static MS_VERDICT_TEXT_LEN])
{
	out[0] = '\0';
	if (v->n_reasons > 0)
		ms_verdict_reason_text(v, 0, true, out);
	return out;
}

/* One row for each device: its newest change. A pass that another rule or set gives is no change of the verdict. */
static enum ms_rc
note_change(struct simulate *s, const struct ms_remote_evidence *e, const struct ms_verdict *now, const struct ms_verdict *then)
{
	char why_now[MS_VERDICT_TEXT_LEN], why_then[MS_VERDICT_TEXT_LEN];
	const struct ms_evidence_file *f = &e->file;
	size_t i;
	json_t *row;
	json_array_foreach(s->changes, i, row) if (ms_span_eq(ms_span_str(ms_json_text(row, "device")), f->device))
	{
		bool newer = f->time_s >= ms_json_uint(row, "time_s");
		(void)json_object_set_new(row, "records", json_integer((json_int_t)ms_json_uint(row, "records") + 1));
		if (!newer)
			return MS_OK;
		(void)json_array_remove(s->changes, i);
		break;
	}
	row = json_pack("{s:s%, s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:o, s:i}", "device", f->device.p, f->device.len, "name",
	    ms_json_text(e->json, "name"), "model", ms_json_text(e->json, "model"), "time_s", (json_int_t)f->time_s, "from",
	    ms_outcome_name(now->outcome), "to", ms_outcome_name(then->outcome), "why",
	    first_line(then->n_reasons > 0 ? then : now, why_then), "why_before", first_line(now, why_now), "rule", then->rule, "verdict",
	    ms_verdict_json(then), "records", 1);
	return row != NULL && json_array_append_new(s->changes, row) == 0 ? MS_OK : MS_ERR_NOMEM;
}

static enum ms_rc
judge_record(struct simulate *s, const char *id, struct ms_err *err)
{
	MS_OWN(ms_remote_evidence_fini) struct ms_remote_evidence e = {.n_mem = 0};
	struct ms_verdict now, then;
	enum ms_rc rc = ms_remote_evidence(s->c, id, &e, err);
	if (rc == MS_ERR_NOT_FOUND)
		return MS_OK; /* its time was up meanwhile */
	if (rc == MS_OK)
		rc = judge_by(&e.file, &s->now, &now, err);
	if (rc == MS_OK)
		rc = judge_by(&e.file, &s->then, &then, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "record %s", id);
	s->judged++;
	return now.outcome != then.outcome ? note_change(s, &e, &now, &then) : MS_OK;
}

/* ---- the whole ---- */

static enum ms_rc
load(struct simulate *s, struct ms_err *err)
{
	enum ms_rc rc = ms_policy_dir_load(s->c->arg[0], &s->dir, err);
	if (rc == MS_OK)
		rc = ms_remote_policy(s->c, &s->running, err);
	if (rc != MS_OK)
		return rc;
	s->now_sets = (struct ms_sets){.c = s->c};
	s->then_sets = (struct ms_sets){.c = s->c, .dir = s->dir};
	s->now = (struct ms_case_policy){
	    .policy = s->running.policy, .version = s->running.version, .reference = ms_sets_lookup, .reference_ctx = &s->now_sets};
	s->then = (struct ms_case_policy){
	    .policy = s->dir->policy, .version = s->running.version + 1, .reference = ms_sets_lookup, .reference_ctx = &s->then_sets};
	return MS_OK;
}

static enum ms_rc
print_changes(struct simulate *s, struct ms_err *err)
{
	struct ms_cli *c = s->c;
	size_t i;
	const json_t *row;
	c->refused = json_array_size(s->changes) > 0;
	if (c->json) {
		MS_OWN(ms_json_free)
		json_t *j = json_pack("{s:I, s:I, s:I, s:O}", "records", (json_int_t)s->judged, "devices", (json_int_t)s->devices,
		    "changed", (json_int_t)json_array_size(s->changes), "changes", s->changes);
		return ms_out_json(c, j, err);
	}
	json_array_foreach(s->changes, i, row)
	{
		char when[MS_CLOCK_TEXT_LEN];
		const char *name = ms_json_text(row, "name");
		ms_clock_text(ms_json_uint(row, "time_s"), when);
		(void)fprintf(c->out, "%.12s  ", ms_json_text(row, "device"));
		ms_out_text(c->out, name);
		(void)fprintf(c->out, "%*s", (int)(strlen(name) < 20 ? 20 - strlen(name) : 0) + 1, "");
		ms_out_outcome(c, c->out, ms_json_text(row, "from"));
		(void)fputs(" -> ", c->out);
		ms_out_outcome(c, c->out, ms_json_text(row, "to"));
		(void)fprintf(c->out, "  %s\n    ", when);
		ms_out_text(c->out, ms_json_text(row, "why"));
		(void)fputc('\n', c->out);
	}
	(void)fprintf(c->out, "%zu of %zu devices would be judged otherwise (%zu records of evidence)\n", json_array_size(s->changes),
	    s->devices, s->judged);
	return MS_OK;
}

static size_t
count_devices(const struct simulate *s)
{
	MS_OWN(ms_json_free) json_t *seen = json_object();
	size_t i;
	const json_t *row;
	json_array_foreach(s->records, i, row)
	{
		(void)json_object_set_new(seen, ms_json_text(row, "device"), json_true());
	}
	return json_object_size(seen);
}

enum ms_rc
ms_policy_run_simulate(struct ms_cli *c, struct ms_err *err)
{
	MS_OWN(simulate_fini) struct simulate s = {.c = c, .records = json_array(), .changes = json_array()};
	MS_OWN(ms_json_free) json_t *rows = NULL;
	uint64_t since_s = 0;
	size_t i;
	const json_t *row;
	enum ms_rc rc = read_since(c, &since_s, err);
	if (rc == MS_OK)
		rc = load(&s, err);
	if (rc == MS_OK)
		rc = ms_remote_records(c, NULL, since_s, 0, &rows, err);
	if (rc == MS_OK)
		rc = choose_records(&s, rows, since_s, err);
	if (rc != MS_OK)
		return rc;
	s.devices = count_devices(&s);
	json_array_foreach(s.records, i, row)
	{
		ms_cli_progress(c, "judging", i, json_array_size(s.records));
		rc = judge_record(&s, ms_json_text(row, "id"), err);
		if (rc != MS_OK)
			return rc;
	}
	ms_cli_progress_end(c);
	return print_changes(&s, err);
}
