/* Judgement. The verdict starts as deny and becomes pass in one place only. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "crypto/hash.h"
#include "policy/policy_int.h"

void
ms_judge_step(const struct ms_judgement *j, enum ms_step_outcome outcome, const char *requirement, const char *fmt, ...)
{
	char line[1024], rule[MS_POLICY_NAME_MAX + 1] = "";
	va_list ap;
	if (j->in->trace == NULL && j->in->step == NULL)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof line, fmt, ap); /* a cut line is still a line */
	va_end(ap);
	if (j->rule != NULL)
		memcpy(rule, j->rule->name.p, j->rule->name.len);
	if (j->in->trace != NULL) {
		ms_buf_str(j->in->trace, line);
		ms_buf_u8(j->in->trace, '\n');
	}
	if (j->in->step != NULL)
		j->in->step(j->in->step_ctx,
		    &(struct ms_policy_step){.outcome = outcome, .rule = rule, .requirement = requirement, .detail = line});
}

void
ms_judge_name(char out[static MS_REFERENCE_NAME_MAX + 1], struct ms_span name)
{
	if (name.len > 0 && name.len <= MS_REFERENCE_NAME_MAX)
		memcpy(out, name.p, name.len);
}

/* A character that may stand as it is: 1 to 4 bytes; 0: escape its first byte. */
static size_t
plain_length(const uint8_t *p, size_t left, bool utf8)
{
	if (p[0] < 0x20 || p[0] == 0x7f || p[0] == '"' || p[0] == '\\')
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (!utf8 || (p[0] == 0xc2 && p[1] < 0xa0)) /* U+0080 to U+009F are control characters too */
		return 0;
	size_t n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	return n <= left ? n : 0;
}

void
ms_judge_escape(struct ms_span s, char *out, size_t size)
{
	bool utf8 = ms_utf8_ok(s);
	size_t at = 0, fits = 0; /* fits: where "..." could still go */
	for (size_t i = 0; i < s.len;) {
		size_t n = plain_length(s.p + i, s.len - i, utf8), takes = n == 0 ? 4 : n;
		if (at + 4 <= size)
			fits = at;
		if (at + takes + 1 > size) {
			(void)snprintf(out + fits, size - fits, "...");
			return;
		}
		if (n == 0)
			(void)snprintf(out + at, size - at, "\\x%02x", s.p[i]);
		else
			memcpy(out + at, s.p + i, n);
		at += takes;
		i += n == 0 ? 1 : n;
	}
	out[at] = '\0';
}

void
ms_judge_nearest(struct ms_verdict_nearest *n, const struct ms_reference *ref, const struct ms_reference_note *note)
{
	memcpy(n->reference, ref->name, sizeof n->reference);
	n->reference_version = ref->version;
	n->captured_s = note->captured_s;
	ms_judge_escape(note->source, n->source, sizeof n->source);
}

/* ---- reasons ---- */

#define FILE_CODES \
	(UINT64_C(1) << MS_POLICY_FILE_UNKNOWN | UINT64_C(1) << MS_POLICY_FILE_MISMATCH | UINT64_C(1) << MS_POLICY_FILE_VIOLATION | \
	    UINT64_C(1) << MS_POLICY_FILE_UNSIGNED)

const struct ms_policy_waiver *
ms_judge_waiver(const struct ms_judgement *j, const struct ms_verdict_reason *r, struct ms_span path)
{
	for (size_t i = 0; i < j->n_waivers; i++) {
		const struct ms_policy_waiver *w = &j->in->policy->waivers[j->waiver[i]];
		bool file = (FILE_CODES >> r->code & 1) != 0, claim = r->claim[0] != '\0'; /* a file's path may be empty */
		if ((w->codes >> r->code & 1) == 0 || !ms_policy_code_waivable(r->code))
			continue;
		/* what a waiver is narrowed to is all that it takes of that kind */
		if (w->pcrs != 0 && r->has_pcr && (w->pcrs >> r->pcr & 1) == 0)
			continue;
		if (w->claims.n > 0 && claim && !ms_policy_names_has(&w->claims, ms_span_str(r->claim)))
			continue;
		if (w->paths.n > 0 && file && !ms_judge_path_in(&w->paths, path))
			continue;
		return w;
	}
	return NULL;
}

static enum ms_step_outcome
waived(struct ms_judgement *j, const struct ms_verdict_reason *r, const struct ms_policy_waiver *w)
{
	struct ms_verdict *v = j->v;
	if (v->n_waived == MS_VERDICT_WAIVED_MAX) {
		v->more_waived++;
		return MS_STEP_WAIVED;
	}
	v->waived[v->n_waived] = *r;
	ms_judge_name(v->waived[v->n_waived++].waiver, w->name);
	return MS_STEP_WAIVED;
}

enum ms_step_outcome
ms_judge_reason(struct ms_judgement *j, const struct ms_verdict_reason *r, struct ms_span path)
{
	const struct ms_policy_waiver *w = ms_judge_waiver(j, r, path);
	bool fails = ms_policy_code_outcome(r->code) == MS_OUTCOME_FAIL;
	if (w != NULL)
		return waived(j, r, w);
	if (j->v->n_reasons < MS_VERDICT_REASONS_MAX)
		j->v->reason[j->v->n_reasons++] = *r;
	else
		j->v->more_reasons++;
	j->contradicted = j->contradicted || fails;
	j->missing = j->missing || !fails;
	return fails ? MS_STEP_FAILS : MS_STEP_MISSING;
}

/* ---- the whole ---- */

/* Everything that the rule requires. What is found missing first does not keep the rest from being told. */
static enum ms_rc
judge_rule(struct ms_judgement *j)
{
	ms_judge_logs(j);
	enum ms_rc rc = ms_judge_pcrs(j);
	if (rc != MS_OK)
		return rc;
	ms_judge_assurance(j);
	ms_judge_claims(j);
	rc = ms_judge_events(j);
	return rc == MS_OK ? ms_judge_files(j) : rc;
}

static enum ms_rc
judge(struct ms_judgement *j)
{
	const struct ms_policy_input *in = j->in;
	struct ms_verdict *v = j->v;
	if (in->policy == NULL) {
		ms_judge_step(j, MS_STEP_MISSING, "policy", "no policy is set: deny");
		(void)ms_judge_reason(j, &(struct ms_verdict_reason){.code = MS_POLICY_NO_POLICY}, MS_SPAN_NONE);
		return MS_OK;
	}
	const struct ms_policy_settings *set = &in->policy->set;
	memcpy(v->policy, set->name, sizeof v->policy);
	memcpy(v->policy_id, set->id, sizeof v->policy_id);
	v->policy_version = in->policy_version;
	v->interval_s = set->interval_s;
	ms_judge_device(j);
	j->rule = ms_judge_find_rule(j);
	if (j->rule == NULL) {
		ms_judge_step(j, MS_STEP_MISSING, "match", "no rule matches: deny");
		(void)ms_judge_reason(j, &(struct ms_verdict_reason){.code = MS_POLICY_NO_RULE}, MS_SPAN_NONE);
		return MS_OK;
	}
	memcpy(v->rule, j->rule->name.p, j->rule->name.len);
	v->judged_pcrs = j->rule->pcrs | j->rule->event_pcrs;
	v->judged_claims = j->rule->n_claims > 0;
	v->judged_files = (j->rule->has & MS_RULE_FILES) != 0;
	enum ms_rc rc = judge_rule(j);
	if (rc != MS_OK)
		return rc;
	v->outcome = j->contradicted ? MS_OUTCOME_FAIL : j->missing ? MS_OUTCOME_DENY : MS_OUTCOME_PASS;
	v->identity = v->outcome == MS_OUTCOME_PASS && j->rule->identity;
	if (v->outcome != MS_OUTCOME_PASS)
		v->reference[0] = '\0';
	return MS_OK;
}

enum ms_rc
ms_policy_judge(const struct ms_policy_input *in, struct ms_verdict *ret, struct ms_err *err)
{
	struct ms_verdict v = {.outcome = MS_OUTCOME_DENY};
	struct ms_judgement j = {.in = in, .v = &v, .err = err};
	enum ms_rc rc = judge(&j);
	if (rc != MS_OK)
		return rc;
	ms_judge_step(&j,
	    v.outcome == MS_OUTCOME_PASS   ? MS_STEP_HOLDS
	    : v.outcome == MS_OUTCOME_FAIL ? MS_STEP_FAILS
					   : MS_STEP_MISSING,
	    "verdict", "verdict: %s", ms_outcome_name(v.outcome));
	*ret = v;
	return MS_OK;
}

/* ---- what file judgement rests on ---- */

/* The rule of the device, without a word about it. */
static void
quiet(const struct ms_policy_input *in, struct ms_policy_input *copy, struct ms_judgement *j, struct ms_err *err)
{
	*copy = *in;
	copy->trace = NULL;
	copy->step = NULL;
	*j = (struct ms_judgement){.in = copy, .err = err};
	if (in->policy == NULL)
		return;
	ms_judge_device(j);
	j->rule = ms_judge_find_rule(j);
}

static enum ms_rc
put_sets(const struct ms_judgement *j, struct ms_buf *b, struct ms_err *err)
{
	const struct ms_policy_uses *list = &j->rule->file_sets;
	ms_cbor_array(b, list->n);
	for (size_t i = 0; i < list->n; i++) {
		const struct ms_reference *ref = NULL;
		enum ms_rc rc = j->in->reference(j->in->reference_ctx, list->item[i].name, &ref, err);
		if (rc != MS_OK && rc != MS_ERR_NOT_FOUND)
			return rc;
		if (rc == MS_ERR_NOT_FOUND || !ms_judge_open(j->in, list, &list->item[i]))
			ms_cbor_null(b);
		else
			ms_cbor_bytes(b, ms_span(ref->id, sizeof ref->id));
	}
	return MS_OK;
}

/* By its files, or by what claims say of it: those of a tail count what is in the tail alone. */
static bool
judges_list(const struct ms_policy_rule *r)
{
	bool ima = false;
	for (size_t i = 0; i < r->n_claims; i++)
		ima = ima || strncmp(r->claims[i].claim->name, "ima.", 4) == 0;
	return ima || (r->has & MS_RULE_FILES) != 0;
}

enum ms_rc
ms_policy_judged_id(const struct ms_policy_input *in, uint8_t ret[static MS_POLICY_ID_LEN], struct ms_err *err)
{
	struct ms_policy_input copy;
	struct ms_judgement j;
	MS_OWN(ms_buf_fini) struct ms_buf b;
	ms_buf_init(&b, 1u << 16);
	quiet(in, &copy, &j, err);
	memset(ret, 0, MS_POLICY_ID_LEN);
	if (j.rule == NULL || !judges_list(j.rule))
		return MS_OK;
	ms_cbor_array(&b, 4);
	ms_cbor_bytes(&b, ms_span(in->policy->set.id, MS_POLICY_ID_LEN));
	ms_cbor_text_span(&b, j.rule->name);
	enum ms_rc rc = put_sets(&j, &b, err);
	if (rc != MS_OK)
		return rc;
	ms_cbor_array(&b, j.n_waivers); /* of claims as well: what one took is looked at again without it */
	for (size_t i = 0; i < j.n_waivers; i++)
		ms_cbor_text_span(&b, in->policy->waivers[j.waiver[i]].name);
	rc = ms_buf_check(&b, err);
	if (rc == MS_OK)
		ms_sha256(ms_buf_span(&b), ret);
	return rc;
}

enum ms_rc
ms_policy_ima_keys(const struct ms_policy_input *in, ms_policy_key_fn fn, void *ctx, struct ms_err *err)
{
	struct ms_policy_input copy;
	struct ms_judgement j;
	quiet(in, &copy, &j, err);
	if (j.rule == NULL || j.rule->signed_by.n == 0)
		return MS_OK;
	const struct ms_policy_uses *list = &j.rule->file_sets;
	for (size_t i = 0; i < list->n; i++) {
		const struct ms_reference *ref = NULL;
		enum ms_rc rc = in->reference(in->reference_ctx, list->item[i].name, &ref, err);
		if (rc == MS_ERR_NOT_FOUND)
			continue;
		for (size_t k = 0; rc == MS_OK && ms_reference_for_model(ref, in->device.model) && k < ms_reference_n_keys(ref); k++)
			rc = fn(ctx, ms_reference_key_at(ref, k), err);
		if (rc != MS_OK)
			return rc;
	}
	return MS_OK;
}
