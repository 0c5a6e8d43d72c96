/* Judgement. The verdict starts as deny and becomes pass in one place only. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "policy/policy_int.h"

static const char *const outcome_names[] = {[MS_OUTCOME_DENY] = "deny", [MS_OUTCOME_PASS] = "pass", [MS_OUTCOME_FAIL] = "fail"};
static const char *const code_names[MS_POLICY_CODE_COUNT] = {
    [MS_POLICY_NO_POLICY] = "no-policy",
    [MS_POLICY_NO_RULE] = "no-rule",
    [MS_POLICY_NO_REFERENCE] = "no-reference",
    [MS_POLICY_REFERENCE_MODEL] = "reference-of-another-model",
    [MS_POLICY_REFERENCE_LACKS] = "reference-lacks-pcr",
    [MS_POLICY_PCR_ABSENT] = "pcr-absent",
    [MS_POLICY_PCR_ZERO] = "pcr-zero",
    [MS_POLICY_PCR_MISMATCH] = "pcr-mismatch",
    [MS_POLICY_REFERENCE_EXPIRED] = "reference-expired",
    [MS_POLICY_BOOT_LOG_MISSING] = "boot-log-missing",
    [MS_POLICY_IMA_MISSING] = "ima-missing",
    [MS_POLICY_ASSURANCE_LOW] = "assurance-too-low",
    [MS_POLICY_CLAIM_MISSING] = "claim-missing",
    [MS_POLICY_CLAIM_UNPROVEN] = "claim-unproven",
    [MS_POLICY_CLAIM_MISMATCH] = "claim-mismatch",
    [MS_POLICY_EVENT_UNKNOWN] = "event-unknown",
    [MS_POLICY_FILE_UNKNOWN] = "file-unknown",
    [MS_POLICY_FILE_MISMATCH] = "file-mismatch",
    [MS_POLICY_FILE_VIOLATION] = "file-violation",
    [MS_POLICY_FILE_UNSIGNED] = "file-unsigned",
};

const char *
ms_outcome_name(enum ms_outcome o)
{
	return (unsigned)o < sizeof outcome_names / sizeof *outcome_names ? outcome_names[o] : "deny";
}

const char *
ms_policy_code_name(enum ms_policy_code c)
{
	return (unsigned)c < MS_POLICY_CODE_COUNT ? code_names[c] : "denied";
}

static void trace(const struct ms_policy_input *in, const char *fmt, ...) MS_PRINTF(2, 3);
static void
trace(const struct ms_policy_input *in, const char *fmt, ...)
{
	char line[512];
	va_list ap;
	if (in->trace == NULL)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof line, fmt, ap); /* a cut line is still a line */
	va_end(ap);
	ms_buf_str(in->trace, line);
	ms_buf_u8(in->trace, '\n');
}

static struct ms_verdict_reason *
add_reason(struct ms_verdict *v, enum ms_policy_code code, struct ms_span reference)
{
	/* room for every PCR, and for every reference set of a rule; past that the last one is written over */
	struct ms_verdict_reason *r = &v->reason[v->n_reasons < MS_VERDICT_REASONS_MAX ? v->n_reasons++ : MS_VERDICT_REASONS_MAX - 1];
	*r = (struct ms_verdict_reason){.code = code};
	if (reference.len > 0 && reference.len < sizeof r->reference)
		memcpy(r->reference, reference.p, reference.len);
	return r;
}

static void
add_pcr_reason(struct ms_verdict *v, enum ms_policy_code code, const struct ms_reference *ref, const struct ms_pcrs *pcrs, uint8_t pcr)
{
	struct ms_verdict_reason *r = add_reason(v, code, ref == NULL ? MS_SPAN_NONE : ms_span_str(ref->name));
	r->has_pcr = true;
	r->pcr = pcr;
	if ((pcrs->mask >> pcr & 1) != 0)
		memcpy(r->found, pcrs->value[pcr], MS_PCR_LEN);
	for (size_t i = 0; ref != NULL && i < ref->n; i++)
		if (ref->rows[i].index == pcr) {
			if (r->n_expected < MS_VERDICT_EXPECTED_MAX)
				memcpy(r->expected[r->n_expected], ref->rows[i].digest, MS_PCR_LEN);
			r->n_expected++;
		}
}

static bool
rule_matches(const struct ms_policy_rule *r, struct ms_span model)
{
	bool hit = r->all;
	for (size_t i = 0; i < r->n_models && !hit; i++)
		hit = ms_span_eq(r->models[i], model);
	return hit;
}

static const struct ms_policy_rule *
find_rule(const struct ms_policy_input *in)
{
	for (size_t i = 0; i < in->policy->set.rules; i++) {
		const struct ms_policy_rule *r = &in->policy->rules[i];
		bool hit = rule_matches(r, in->device.model);
		trace(in, "rule %.*s: %s model %.*s", (int)r->name.len, (const char *)r->name.p, hit ? "matches" : "does not match",
		    (int)in->device.model.len, (const char *)in->device.model.p);
		if (hit)
			return r;
	}
	trace(in, "no rule matches: deny");
	return NULL;
}

/* The nearest of the sets that could be compared at all. */
struct nearest {
	const struct ms_reference *ref;
	struct ms_pcr_diff diff;
};

/* Compare with one set; true when it accepts everything. What cannot be compared is a reason by itself. */
static bool
try_set(const struct ms_policy_input *in, uint32_t pcrs, const struct ms_reference *ref, struct nearest *best, struct ms_verdict *v)
{
	struct ms_pcr_diff diff;
	if (!ms_span_eq(ms_span_str(ref->model), in->device.model)) {
		trace(in, "reference %s v%llu: is of model %s", ref->name, (unsigned long long)ref->version, ref->model);
		(void)add_reason(v, MS_POLICY_REFERENCE_MODEL, ms_span_str(ref->name));
		return false;
	}
	uint32_t lacks = pcrs & ~ms_reference_mask(ref);
	if (lacks != 0) {
		trace(in, "reference %s v%llu: has no value for PCR %d", ref->name, (unsigned long long)ref->version, __builtin_ctz(lacks));
		add_pcr_reason(v, MS_POLICY_REFERENCE_LACKS, ref, in->pcrs, (uint8_t)__builtin_ctz(lacks));
		return false;
	}
	const struct ms_pcr_reference rows = {.rows = ref->rows, .n = ref->n};
	bool same = ms_pcrs_compare(in->pcrs, pcrs, &rows, &diff);
	trace(in, "reference %s v%llu: %s (%zu PCRs differ)", ref->name, (unsigned long long)ref->version, same ? "accepts" : "differs",
	    diff.n);
	if (!same && (best->ref == NULL || diff.n < best->diff.n))
		*best = (struct nearest){.ref = ref, .diff = diff};
	return same;
}

static void
set_fail(const struct ms_policy_input *in, const struct nearest *best, struct ms_verdict *v)
{
	v->outcome = MS_OUTCOME_FAIL;
	v->n_reasons = 0; /* sets that could not be compared matter no more */
	for (size_t i = 0; i < best->diff.n; i++) {
		add_pcr_reason(v, MS_POLICY_PCR_MISMATCH, best->ref, in->pcrs, best->diff.row[i].index);
		trace(in, "PCR %u differs from reference %s", best->diff.row[i].index, best->ref->name);
	}
}

static enum ms_rc
judge_references(const struct ms_policy_input *in, const struct ms_policy_rule *rule, struct ms_verdict *v, struct ms_err *err)
{
	struct nearest best = {.ref = NULL};
	for (size_t i = 0; i < rule->n_references; i++) {
		const struct ms_reference *ref = NULL;
		struct ms_span name = rule->references[i];
		enum ms_rc rc = in->reference(in->reference_ctx, name, &ref, err);
		if (rc != MS_OK && rc != MS_ERR_NOT_FOUND)
			return ms_prefix(err, rc, "policy: reference %.*s", (int)name.len, (const char *)name.p);
		if (rc == MS_ERR_NOT_FOUND) {
			trace(in, "reference %.*s: there is none", (int)name.len, (const char *)name.p);
			(void)add_reason(v, MS_POLICY_NO_REFERENCE, name);
		} else if (try_set(in, rule->pcrs, ref, &best, v)) {
			v->outcome = MS_OUTCOME_PASS;
			v->n_reasons = 0;
			v->identity = rule->identity;
			memcpy(v->reference, ref->name, sizeof v->reference);
			return MS_OK;
		}
	}
	if (best.ref != NULL)
		set_fail(in, &best, v);
	return MS_OK;
}

/* Evidence without a required PCR is nothing to judge; a PCR 0 of zeros is a machine whose firmware measures nothing. */
static bool
evidence_usable(const struct ms_policy_input *in, uint32_t required, struct ms_verdict *v)
{
	uint32_t absent = required & ~in->pcrs->mask;
	for (uint8_t i = 0; i < MS_TPM_PCR_COUNT; i++)
		if ((absent >> i & 1) != 0) {
			add_pcr_reason(v, MS_POLICY_PCR_ABSENT, NULL, in->pcrs, i);
			trace(in, "the evidence has no PCR %u", i);
		}
	if (absent == 0 && ms_pcrs_all_zero(in->pcrs, 0)) {
		v->outcome = MS_OUTCOME_FAIL;
		add_pcr_reason(v, MS_POLICY_PCR_ZERO, NULL, in->pcrs, 0);
		trace(in, "PCR 0 is all zero");
	}
	return v->n_reasons == 0;
}

static enum ms_rc
judge(const struct ms_policy_input *in, struct ms_verdict *v, struct ms_err *err)
{
	if (in->policy == NULL) {
		trace(in, "no policy is set: deny");
		(void)add_reason(v, MS_POLICY_NO_POLICY, MS_SPAN_NONE);
		return MS_OK;
	}
	const struct ms_policy_settings *set = &in->policy->set;
	memcpy(v->policy, set->name, sizeof v->policy);
	memcpy(v->policy_id, set->id, sizeof v->policy_id);
	v->policy_version = in->policy_version;
	v->interval_s = set->interval_s;
	const struct ms_policy_rule *rule = find_rule(in);
	if (rule == NULL) {
		(void)add_reason(v, MS_POLICY_NO_RULE, MS_SPAN_NONE);
		return MS_OK;
	}
	memcpy(v->rule, rule->name.p, rule->name.len);
	v->judged_pcrs = rule->pcrs;
	if (!evidence_usable(in, rule->pcrs | 1, v)) /* PCR 0 is always looked at */
		return MS_OK;
	return judge_references(in, rule, v, err);
}

enum ms_rc
ms_policy_judge(const struct ms_policy_input *in, struct ms_verdict *ret, struct ms_err *err)
{
	struct ms_verdict v = {.outcome = MS_OUTCOME_DENY};
	enum ms_rc rc = judge(in, &v, err);
	if (rc != MS_OK)
		return rc;
	trace(in, "verdict: %s", ms_outcome_name(v.outcome));
	*ret = v;
	return MS_OK;
}

static void
append_expected(const struct ms_verdict_reason *r, struct ms_buf *b)
{
	char hex[2 * MS_PCR_LEN + 1];
	for (size_t i = 0; i < r->n_expected && i < MS_VERDICT_EXPECTED_MAX; i++) {
		ms_hex(r->expected[i], MS_PCR_LEN, hex);
		ms_buf_fmt(b, "%s%s", i == 0 ? " expected=" : ",", hex);
	}
	if (r->n_expected > MS_VERDICT_EXPECTED_MAX)
		ms_buf_fmt(b, ",+%zu", r->n_expected - MS_VERDICT_EXPECTED_MAX);
}

void
ms_verdict_reason_text(const struct ms_verdict *v, size_t i, bool for_operator, char out[static MS_VERDICT_TEXT_LEN])
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	char hex[2 * MS_PCR_LEN + 1];
	out[0] = '\0';
	if (i >= v->n_reasons)
		return;
	const struct ms_verdict_reason *r = &v->reason[i];
	ms_buf_init(&b, MS_VERDICT_TEXT_LEN - 1);
	ms_buf_str(&b, ms_policy_code_name(r->code));
	if (r->has_pcr)
		ms_buf_fmt(&b, " pcr=%u", r->pcr);
	if (r->code == MS_POLICY_PCR_MISMATCH || r->code == MS_POLICY_PCR_ZERO) {
		ms_hex(r->found, MS_PCR_LEN, hex);
		ms_buf_fmt(&b, " found=%s", hex);
	}
	if (r->reference[0] != '\0')
		ms_buf_fmt(&b, " reference=%s", r->reference);
	if (v->rule[0] != '\0')
		ms_buf_fmt(&b, " rule=%s", v->rule);
	if (v->policy[0] != '\0')
		ms_buf_fmt(&b, " policy=%s@%llu", v->policy, (unsigned long long)v->policy_version);
	if (for_operator && r->code == MS_POLICY_PCR_MISMATCH)
		append_expected(r, &b);
	if (b.len > 0) /* 0 only when memory is out */
		memcpy(out, b.p, b.len);
	out[b.len] = '\0';
}

static void
render(const struct ms_verdict *v, bool for_operator, struct ms_buf *out)
{
	char text[MS_VERDICT_TEXT_LEN];
	ms_cbor_array(out, v->n_reasons);
	for (size_t i = 0; i < v->n_reasons; i++) {
		ms_verdict_reason_text(v, i, for_operator, text);
		ms_cbor_text(out, text);
	}
}

void
ms_verdict_public(const struct ms_verdict *v, struct ms_buf *out)
{
	render(v, false, out);
}

void
ms_verdict_operator(const struct ms_verdict *v, struct ms_buf *out)
{
	render(v, true, out);
}
