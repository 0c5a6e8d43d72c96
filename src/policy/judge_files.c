/* Boot events and measured files: each must be in one of the rule's sets. */
#include <stdio.h>
#include <string.h>

#include "policy/policy_int.h"

#define ARG(s) (int)(s).len, (const char *)(s).p
#define STEPS_MAX 64u /* misses that are told one by one */

/* ---- sets ---- */

enum ms_rc
ms_judge_sets(
    struct ms_judgement *j, const struct ms_policy_uses *list, bool (*has)(const struct ms_reference *r), struct ms_judge_sets *ret)
{
	ret->n = ret->n_absent = 0;
	ret->told = false;
	for (size_t i = 0; i < list->n; i++) {
		const struct ms_policy_use *u = &list->item[i];
		const struct ms_reference *ref = NULL;
		struct ms_verdict_reason r = {.code = MS_POLICY_NO_REFERENCE};
		enum ms_rc rc = j->in->reference(j->in->reference_ctx, u->name, &ref, j->err);
		if (rc != MS_OK && rc != MS_ERR_NOT_FOUND)
			return ms_prefix(j->err, rc, "policy: reference %.*s", ARG(u->name));
		if (rc == MS_OK && !ms_reference_for_model(ref, j->in->device.model))
			r.code = MS_POLICY_REFERENCE_MODEL;
		else if (rc == MS_OK && !has(ref))
			r.code = MS_POLICY_REFERENCE_LACKS;
		else if (rc == MS_OK)
			r.code = MS_POLICY_REFERENCE_EXPIRED;
		ms_judge_name(r.reference, u->name);
		bool expired = r.code == MS_POLICY_REFERENCE_EXPIRED && !ms_judge_open(j->in, list, u);
		bool waived = expired && ms_judge_waiver(j, &r, MS_SPAN_NONE) != NULL; /* then the set still judges */
		if (waived)
			(void)ms_judge_reason(j, &r, MS_SPAN_NONE);
		if (r.code == MS_POLICY_REFERENCE_EXPIRED && (!expired || waived))
			ret->set[ret->n++] = ref;
		else
			ret->absent[ret->n_absent++] = r;
	}
	return MS_OK;
}

void
ms_judge_absent(struct ms_judgement *j, struct ms_judge_sets *s, const char *requirement)
{
	for (size_t i = 0; i < s->n_absent && !s->told; i++) {
		enum ms_step_outcome o = ms_judge_reason(j, &s->absent[i], MS_SPAN_NONE);
		ms_judge_step(j, o, requirement, "reference %s: %s", s->absent[i].reference, ms_policy_code_text(s->absent[i].code));
	}
	s->told = true;
}

/* A miss says nothing while a set that might have it is not there; one whose window has closed does not have it any more. */
static bool
miss_is_open(const struct ms_judge_sets *s)
{
	for (size_t i = 0; i < s->n_absent; i++)
		if (s->absent[i].code != MS_POLICY_REFERENCE_EXPIRED)
			return true;
	return s->n == 0 && s->n_absent > 0;
}

/* ---- events ---- */

static bool
has_events(const struct ms_reference *r)
{
	return ms_reference_n_events(r) > 0;
}

/* A PCR of which the log has nothing is not one whose events are all known: whatever ran in the place of who measures into it. */
static void
judge_silent(struct ms_judgement *j, uint32_t silent)
{
	for (uint8_t i = 0; i < MS_TPM_PCR_COUNT; i++) {
		if ((silent >> i & 1) == 0)
			continue;
		struct ms_verdict_reason r = {.code = MS_POLICY_PCR_ABSENT, .has_pcr = true, .pcr = i};
		ms_judge_step(j, ms_judge_reason(j, &r, MS_SPAN_NONE), "events", "the boot log has no event of PCR %u", i);
	}
}

static void
judge_event(struct ms_judgement *j, struct ms_judge_sets *sets, size_t i)
{
	const struct ms_tuple *t = &j->in->appraisal->boot.item[i];
	for (size_t k = 0; k < sets->n; k++)
		if (ms_reference_has_event(sets->set[k], t->pcr, t->digest))
			return;
	if (miss_is_open(sets)) {
		ms_judge_absent(j, sets, "events");
		return;
	}
	struct ms_verdict_reason r = {.code = MS_POLICY_EVENT_UNKNOWN,
	    .has_pcr = true,
	    .pcr = t->pcr,
	    .has_entry = true,
	    .entry = (uint32_t)i,
	    .event_type = t->type};
	char hex[2 * MS_PCR_LEN + 1];
	memcpy(r.found, t->digest, MS_PCR_LEN);
	ms_hex(t->digest, MS_PCR_LEN, hex);
	enum ms_step_outcome o = ms_judge_reason(j, &r, MS_SPAN_NONE);
	ms_judge_step(
	    j, o, "events", "event %zu of PCR %u, type 0x%08x, digest %s is in none of %zu sets", i, t->pcr, t->type, hex, sets->n);
}

enum ms_rc
ms_judge_events(struct ms_judgement *j)
{
	struct ms_judge_sets sets;
	const struct ms_appraisal *a = j->in->appraisal;
	size_t n = 0, before = j->v->n_reasons + j->v->n_waived;
	uint32_t silent = j->rule->event_pcrs;
	if ((j->rule->has & MS_RULE_EVENTS) == 0)
		return MS_OK;
	if (a == NULL || !a->has_boot) {
		ms_judge_no_boot_log(j, "events");
		return MS_OK;
	}
	enum ms_rc rc = ms_judge_sets(j, &j->rule->event_sets, has_events, &sets);
	if (rc != MS_OK)
		return rc;
	if (sets.n == 0)
		ms_judge_absent(j, &sets, "events");
	for (size_t i = 0; sets.n > 0 && i < a->boot.n; i++)
		if (a->boot.item[i].pcr < MS_TPM_PCR_COUNT && (j->rule->event_pcrs >> a->boot.item[i].pcr & 1) != 0) {
			judge_event(j, &sets, i);
			silent &= ~(UINT32_C(1) << a->boot.item[i].pcr);
			n++;
		}
	if (sets.n > 0)
		judge_silent(j, silent);
	if (before == j->v->n_reasons + j->v->n_waived)
		ms_judge_step(j, MS_STEP_HOLDS, "events", "%zu events are all known", n);
	return MS_OK;
}

/* ---- files ---- */

static bool
has_files_or_keys(const struct ms_reference *r)
{
	return ms_reference_n_files(r) + ms_reference_n_keys(r) > 0;
}

struct tally {
	size_t judged, excluded, ignored, missed;
};

static bool
accepted(const struct ms_judgement *j, const struct ms_judge_sets *sets, const struct ms_ima_file *f)
{
	for (size_t k = 0; k < sets->n; k++)
		if (j->rule->by_digest ? ms_reference_has_digest(sets->set[k], f->hash, f->digest, NULL)
				       : ms_reference_has_file(sets->set[k], f->path, f->hash, f->digest))
			return true;
	return f->signature == MS_IMA_SIG_GOOD && ms_policy_names_has(&j->rule->signed_by, f->key_id);
}

static void
digest_text(uint8_t hash, struct ms_span digest, char out[static MS_VERDICT_FOUND_MAX + 1])
{
	static const char *const names[] = {[2] = "sha1", [4] = "sha256", [5] = "sha384", [6] = "sha512", [7] = "sha224", [17] = "sm3"};
	char hex[2 * MS_HASH_LEN_MAX + 1] = "";
	const char *name = hash < sizeof names / sizeof *names && names[hash] != NULL ? names[hash] : "hash";
	ms_hex(digest.p, digest.len < MS_HASH_LEN_MAX ? digest.len : MS_HASH_LEN_MAX, hex);
	(void)snprintf(out, MS_VERDICT_FOUND_MAX + 1, "%s:%s", name, hex);
}

/* The nearest accepted: this path with another digest, else this digest under another path. */
static enum ms_policy_code
classify(const struct ms_judgement *j, const struct ms_judge_sets *sets, const struct ms_ima_file *f, struct ms_verdict_reason *r)
{
	struct ms_reference_file near;
	for (size_t k = 0; k < sets->n; k++)
		if (ms_reference_has_path(sets->set[k], f->path, &near)) {
			digest_text(near.hash, near.digest, r->nearest.value);
			ms_judge_nearest(&r->nearest, sets->set[k], &near.note);
			return MS_POLICY_FILE_MISMATCH;
		}
	for (size_t k = 0; k < sets->n; k++)
		if (ms_reference_has_digest(sets->set[k], f->hash, f->digest, &near)) {
			ms_judge_escape(near.path, r->nearest.path, sizeof r->nearest.path);
			ms_judge_nearest(&r->nearest, sets->set[k], &near.note);
			return MS_POLICY_FILE_UNKNOWN;
		}
	return j->rule->file_sets.n == 0 ? MS_POLICY_FILE_UNSIGNED : MS_POLICY_FILE_UNKNOWN;
}

static void
tell_miss(struct ms_judgement *j, const struct ms_verdict_reason *r, struct ms_span path, struct tally *t)
{
	char time[MS_POLICY_TIME_TEXT];
	const struct ms_verdict_nearest *n = &r->nearest;
	enum ms_step_outcome o = ms_judge_reason(j, r, path);
	if (t->missed++ >= STEPS_MAX)
		return;
	ms_policy_time_text(n->captured_s, time);
	if (n->reference[0] == '\0')
		ms_judge_step(j, o, "files", "entry %u: %s %s is not accepted: %s; no set has an entry for it", r->entry, r->path, r->value,
		    ms_policy_code_name(r->code));
	else
		ms_judge_step(j, o, "files", "entry %u: %s %s is not accepted: %s; nearest accepted is %s%s, from %s v%llu (%s, %s)",
		    r->entry, r->path, r->value, ms_policy_code_name(r->code), n->path[0] != '\0' ? "the same content as " : "",
		    n->path[0] != '\0' ? n->path : n->value, n->reference, (unsigned long long)n->reference_version,
		    n->source[0] != '\0' ? n->source : "no source given", time);
}

static void
judge_file(struct ms_judgement *j, struct ms_judge_sets *sets, const struct ms_ima_file *f, struct tally *t)
{
	t->judged++;
	if (!f->violation && accepted(j, sets, f))
		return;
	if (ms_judge_path_in(&j->rule->exclude, f->path)) {
		t->excluded++;
		return;
	}
	struct ms_verdict_reason r = {.code = MS_POLICY_FILE_VIOLATION, .has_entry = true, .entry = f->entry};
	ms_judge_escape(f->path, r.path, sizeof r.path);
	if (!f->violation) {
		digest_text(f->hash, f->digest, r.value);
		r.code = classify(j, sets, f, &r);
	}
	if (!f->violation && miss_is_open(sets))
		ms_judge_absent(j, sets, "files");
	else if (r.code == MS_POLICY_FILE_UNKNOWN && j->rule->unknown_allowed)
		t->ignored++;
	else
		tell_miss(j, &r, f->path, t);
}

/* Entry 0 is the digest of PCRs, checked against them where the list is replayed; the name alone excuses no file. */
static bool
is_boot_aggregate(const struct ms_ima_file *f)
{
	return f->entry == 0 && ms_span_eq(f->path, ms_span_str("boot_aggregate"));
}

enum ms_rc
ms_judge_files(struct ms_judgement *j)
{
	struct ms_judge_sets sets;
	struct tally t = {.judged = 0};
	const struct ms_appraisal *a = j->in->appraisal;
	if ((j->rule->has & MS_RULE_FILES) == 0)
		return MS_OK;
	if (!ms_judge_has_ima(j)) {
		ms_judge_no_ima(j, "files");
		return MS_OK;
	}
	enum ms_rc rc = ms_judge_sets(j, &j->rule->file_sets, has_files_or_keys, &sets);
	if (rc != MS_OK)
		return rc;
	if (sets.n == 0 && j->rule->signed_by.n == 0) { /* nothing accepts any file */
		ms_judge_absent(j, &sets, "files");
		return MS_OK;
	}
	size_t end = j->in->late_files < a->n_files ? a->n_files - j->in->late_files : 0;
	for (size_t i = j->in->first_file; i < end; i++)
		if (!is_boot_aggregate(&a->file[i]))
			judge_file(j, &sets, &a->file[i], &t);
	if (t.missed > STEPS_MAX)
		ms_judge_step(j, MS_STEP_INFO, "files", "%zu more are not told one by one", t.missed - STEPS_MAX);
	ms_judge_step(j, t.missed == 0 && !sets.told ? MS_STEP_HOLDS : MS_STEP_INFO, "files",
	    "%zu files judged: %zu not accepted, %zu excluded, %zu unknown ones left aside", t.judged, t.missed, t.excluded, t.ignored);
	return MS_OK;
}
