/* Values of PCRs: one whole set of the rule accepts them all, or the nearest set says which differ. */
#include <string.h>

#include "policy/policy_int.h"

#define ARG(s) (int)(s).len, (const char *)(s).p
#define REQUIREMENT "pcrs"

struct attempt {
	const struct ms_reference *accepted; /* by a set that is open */
	const struct ms_reference *expired;  /* by one that is not */
	const struct ms_reference *nearest;  /* open, and differs least */
	struct ms_pcr_diff diff;
	size_t unwaived;                                           /* of diff: that no waiver takes */
	struct ms_verdict_reason cannot[MS_POLICY_REFERENCES_MAX]; /* sets that could not be compared, or are closed and differ */
	size_t n_cannot;
};

static void
fill_pcr(struct ms_verdict_reason *r, const struct ms_policy_input *in, uint8_t pcr)
{
	r->has_pcr = true;
	r->pcr = pcr;
	if (in->pcrs != NULL && (in->pcrs->mask >> pcr & 1) != 0)
		memcpy(r->found, in->pcrs->value[pcr], MS_PCR_LEN);
}

static struct ms_verdict_reason
mismatch(const struct ms_policy_input *in, const struct ms_reference *ref, uint8_t pcr)
{
	struct ms_verdict_reason r = {.code = MS_POLICY_PCR_MISMATCH};
	struct ms_reference_note newest = {.source = MS_SPAN_NONE};
	fill_pcr(&r, in, pcr);
	ms_judge_name(r.reference, ms_span_str(ref->name));
	for (size_t i = 0; i < ref->n; i++) {
		if (ref->rows[i].index != pcr)
			continue;
		struct ms_reference_note note = ms_reference_row_note(ref, i);
		if (r.n_expected == 0 || note.captured_s > newest.captured_s)
			newest = note;
		if (r.n_expected < MS_VERDICT_EXPECTED_MAX)
			memcpy(r.expected[r.n_expected], ref->rows[i].digest, MS_PCR_LEN);
		r.n_expected++;
	}
	ms_judge_nearest(&r.nearest, ref, &newest);
	return r;
}

static struct ms_verdict_reason *
cannot(struct attempt *a, enum ms_policy_code code, struct ms_span name)
{
	struct ms_verdict_reason *r = &a->cannot[a->n_cannot++];
	*r = (struct ms_verdict_reason){.code = code};
	ms_judge_name(r->reference, name);
	return r;
}

static size_t
count_unwaived(const struct ms_judgement *j, const struct ms_reference *ref, const struct ms_pcr_diff *diff)
{
	size_t n = 0;
	for (size_t i = 0; i < diff->n; i++) {
		struct ms_verdict_reason r = mismatch(j->in, ref, diff->row[i].index);
		n += ms_judge_waiver(j, &r, MS_SPAN_NONE) == NULL;
	}
	return n;
}

static void
compare(const struct ms_judgement *j, const struct ms_policy_use *u, const struct ms_reference *ref, struct attempt *a)
{
	struct ms_pcr_diff diff;
	const struct ms_pcr_reference rows = {.rows = ref->rows, .n = ref->n};
	struct ms_verdict_reason closed = {.code = MS_POLICY_REFERENCE_EXPIRED};
	bool same = ms_pcrs_compare(j->in->pcrs, j->rule->pcrs, &rows, &diff), open = ms_judge_open(j->in, &j->rule->references, u);
	bool judges = open || ms_judge_waiver(j, &closed, MS_SPAN_NONE) != NULL;
	ms_judge_step(j, same && open ? MS_STEP_HOLDS : MS_STEP_INFO, REQUIREMENT, "reference %s v%llu: %s (%zu PCRs differ)%s", ref->name,
	    (unsigned long long)ref->version, same ? "accepts" : "differs", diff.n, open ? "" : ", but its window has closed");
	if (same && open) {
		a->accepted = ref;
	} else if (same) {
		a->expired = a->expired == NULL ? ref : a->expired;
	} else if (!judges) {
		(void)cannot(a, MS_POLICY_REFERENCE_EXPIRED, u->name);
	} else {
		size_t unwaived = count_unwaived(j, ref, &diff);
		if (a->nearest != NULL && (unwaived > a->unwaived || (unwaived == a->unwaived && diff.n >= a->diff.n)))
			return;
		a->nearest = ref;
		a->diff = diff;
		a->unwaived = unwaived;
	}
}

/* One set. What cannot be compared is a reason by itself. */
static enum ms_rc
try_set(struct ms_judgement *j, const struct ms_policy_use *u, struct attempt *a)
{
	const struct ms_reference *ref = NULL;
	enum ms_rc rc = j->in->reference(j->in->reference_ctx, u->name, &ref, j->err);
	if (rc == MS_ERR_NOT_FOUND) {
		ms_judge_step(j, MS_STEP_INFO, REQUIREMENT, "reference %.*s: there is none", ARG(u->name));
		(void)cannot(a, MS_POLICY_NO_REFERENCE, u->name);
		return MS_OK;
	}
	if (rc != MS_OK)
		return ms_prefix(j->err, rc, "policy: reference %.*s", ARG(u->name));
	uint32_t lacks = j->rule->pcrs & ~ms_reference_mask(ref);
	if (!ms_reference_for_model(ref, j->in->device.model)) {
		ms_judge_step(j, MS_STEP_INFO, REQUIREMENT, "reference %s v%llu: is of model %s", ref->name,
		    (unsigned long long)ref->version, ref->model);
		(void)cannot(a, MS_POLICY_REFERENCE_MODEL, u->name);
	} else if (lacks != 0) {
		ms_judge_step(j, MS_STEP_INFO, REQUIREMENT, "reference %s v%llu: has no value for PCR %d", ref->name,
		    (unsigned long long)ref->version, __builtin_ctz(lacks));
		fill_pcr(cannot(a, MS_POLICY_REFERENCE_LACKS, u->name), j->in, (uint8_t)__builtin_ctz(lacks));
	} else {
		compare(j, u, ref, a);
	}
	return MS_OK;
}

static void
tell_nearest(struct ms_judgement *j, const struct attempt *a)
{
	for (size_t i = 0; i < a->diff.n; i++) {
		struct ms_verdict_reason r = mismatch(j->in, a->nearest, a->diff.row[i].index);
		char hex[2 * MS_PCR_LEN + 1], time[MS_POLICY_TIME_TEXT];
		enum ms_step_outcome o = ms_judge_reason(j, &r, MS_SPAN_NONE);
		ms_hex(r.expected[0], MS_PCR_LEN, hex);
		ms_policy_time_text(r.nearest.captured_s, time);
		ms_judge_step(j, o, REQUIREMENT, "PCR %u differs from reference %s: nearest accepted is %s, from %s v%llu (%s, %s)", r.pcr,
		    a->nearest->name, hex, r.nearest.reference, (unsigned long long)r.nearest.reference_version,
		    r.nearest.source[0] != '\0' ? r.nearest.source : "no source given", time);
	}
}

static enum ms_rc
judge_sets(struct ms_judgement *j)
{
	struct attempt a = {.accepted = NULL};
	const struct ms_policy_uses *list = &j->rule->references;
	for (size_t i = 0; i < list->n && a.accepted == NULL; i++) {
		enum ms_rc rc = try_set(j, &list->item[i], &a);
		if (rc != MS_OK)
			return rc;
	}
	if (a.accepted != NULL) {
		memcpy(j->v->reference, a.accepted->name, sizeof j->v->reference);
		return MS_OK;
	}
	if (a.expired != NULL) { /* known values, but of yesterday: nothing that points to an attack */
		struct ms_verdict_reason r = {.code = MS_POLICY_REFERENCE_EXPIRED};
		ms_judge_name(r.reference, ms_span_str(a.expired->name));
		enum ms_step_outcome o = ms_judge_reason(j, &r, MS_SPAN_NONE);
		ms_judge_step(j, o, REQUIREMENT, "the values are those of reference %s, which is accepted no more", a.expired->name);
	} else if (a.nearest != NULL) {
		tell_nearest(j, &a); /* sets that could not be compared matter no more */
	} else {
		for (size_t i = 0; i < a.n_cannot; i++)
			(void)ms_judge_reason(j, &a.cannot[i], MS_SPAN_NONE);
	}
	return MS_OK;
}

/* Evidence without a required PCR is nothing to judge; a PCR 0 of zeros is a machine whose firmware measures nothing, whatever
 * the rule asks for. */
static bool
usable(struct ms_judgement *j)
{
	const struct ms_policy_input *in = j->in;
	uint32_t has = in->pcrs == NULL ? 0 : in->pcrs->mask, required = j->rule->pcrs | (in->pcrs == NULL ? 0 : 1);
	for (uint8_t i = 0; i < MS_TPM_PCR_COUNT; i++) {
		if (((required & ~has) >> i & 1) == 0)
			continue;
		struct ms_verdict_reason r = {.code = MS_POLICY_PCR_ABSENT};
		fill_pcr(&r, in, i);
		ms_judge_step(j, ms_judge_reason(j, &r, MS_SPAN_NONE), REQUIREMENT, "the evidence has no PCR %u", i);
	}
	if ((required & ~has) != 0)
		return false;
	if (in->pcrs != NULL && ms_pcrs_all_zero(in->pcrs, 0)) {
		struct ms_verdict_reason r = {.code = MS_POLICY_PCR_ZERO};
		fill_pcr(&r, in, 0);
		ms_judge_step(j, ms_judge_reason(j, &r, MS_SPAN_NONE), REQUIREMENT, "PCR 0 is all zero");
		return false;
	}
	return j->rule->pcrs != 0;
}

enum ms_rc
ms_judge_pcrs(struct ms_judgement *j)
{
	return usable(j) ? judge_sets(j) : MS_OK;
}
