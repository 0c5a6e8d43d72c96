/* Names of outcomes and reasons, and a verdict as text. */
#include <string.h>

#include "policy/policy_int.h"

static const char *const outcome_names[] = {[MS_OUTCOME_DENY] = "deny", [MS_OUTCOME_PASS] = "pass", [MS_OUTCOME_FAIL] = "fail"};
static const char *const step_names[] = {[MS_STEP_INFO] = "info",
    [MS_STEP_HOLDS] = "holds",
    [MS_STEP_MISSING] = "missing",
    [MS_STEP_FAILS] = "fails",
    [MS_STEP_WAIVED] = "waived"};

#define DENY MS_OUTCOME_DENY
#define FAIL MS_OUTCOME_FAIL
/* What can be waived is what evidence says that was verified; that it is there and verified never is. */
static const struct {
	const char *name;
	enum ms_outcome outcome;
	bool waivable;
	const char *text;
} codes[MS_POLICY_CODE_COUNT] = {
    [MS_POLICY_NO_POLICY] = {"no-policy", DENY, false, "the tenant has no policy"},
    [MS_POLICY_NO_RULE] = {"no-rule", DENY, false, "no rule of the policy matches the device"},
    [MS_POLICY_NO_REFERENCE] = {"no-reference", DENY, false, "there is no reference set of the name that the rule has"},
    [MS_POLICY_REFERENCE_MODEL] = {"reference-of-another-model", DENY, false, "the reference set is for another model"},
    [MS_POLICY_REFERENCE_LACKS] = {"reference-lacks-pcr", DENY, false, "the reference set has no value of the kind that the rule requires"},
    [MS_POLICY_PCR_ABSENT] = {"pcr-absent", DENY, false, "the evidence has no value for a PCR that the rule requires"},
    [MS_POLICY_PCR_ZERO] = {"pcr-zero", FAIL, false, "PCR 0 is all zero: no firmware measured itself"},
    [MS_POLICY_PCR_MISMATCH] = {"pcr-mismatch", FAIL, true, "the value of a PCR is not one that the nearest reference set accepts"},
    [MS_POLICY_REFERENCE_EXPIRED] = {"reference-expired", DENY, true, "the values are of a reference set that is accepted no more"},
    [MS_POLICY_BOOT_LOG_MISSING] = {"boot-log-missing", DENY, false, "the policy requires a boot log, and none was sent"},
    [MS_POLICY_IMA_MISSING] = {"ima-missing", DENY, false, "the policy requires an IMA list, and none was sent"},
    [MS_POLICY_ASSURANCE_LOW] = {"assurance-too-low", DENY, false, "this kind of evidence can prove less than the rule requires"},
    [MS_POLICY_CLAIM_MISSING] = {"claim-missing", DENY, true, "the evidence does not say what the rule asks for"},
    [MS_POLICY_CLAIM_UNPROVEN] = {"claim-unproven", DENY, true, "the evidence says it, but nothing proves it"},
    [MS_POLICY_CLAIM_MISMATCH] = {"claim-mismatch", FAIL, true, "the evidence says something else than the rule requires"},
    [MS_POLICY_EVENT_UNKNOWN] = {"event-unknown", FAIL, true, "a boot event is in no reference set of the rule"},
    [MS_POLICY_FILE_UNKNOWN] = {"file-unknown", FAIL, true, "a measured file is in no reference set of the rule"},
    [MS_POLICY_FILE_MISMATCH] = {"file-mismatch", FAIL, true, "a measured file is known with another content"},
    [MS_POLICY_FILE_VIOLATION] = {"file-violation", FAIL, true, "the kernel could not measure a file: it was written while it was read"},
    [MS_POLICY_FILE_UNSIGNED] = {"file-unsigned", FAIL, true, "a measured file is not signed by a key that the rule lists"},
};

const char *
ms_outcome_name(enum ms_outcome o)
{
	return (unsigned)o < sizeof outcome_names / sizeof *outcome_names ? outcome_names[o] : "deny";
}

const char *
ms_step_outcome_name(enum ms_step_outcome o)
{
	return (unsigned)o < sizeof step_names / sizeof *step_names ? step_names[o] : "info";
}

const char *
ms_policy_code_name(enum ms_policy_code c)
{
	return (unsigned)c < MS_POLICY_CODE_COUNT ? codes[c].name : "denied";
}

const char *
ms_policy_code_text(enum ms_policy_code c)
{
	return (unsigned)c < MS_POLICY_CODE_COUNT ? codes[c].text : "denied";
}

enum ms_outcome
ms_policy_code_outcome(enum ms_policy_code c)
{
	return (unsigned)c < MS_POLICY_CODE_COUNT ? codes[c].outcome : DENY;
}

bool
ms_policy_code_waivable(enum ms_policy_code c)
{
	return (unsigned)c < MS_POLICY_CODE_COUNT && codes[c].waivable;
}

enum ms_rc
ms_policy_code_find(struct ms_span name, enum ms_policy_code *ret, struct ms_err *err)
{
	for (unsigned i = 0; i < MS_POLICY_CODE_COUNT; i++)
		if (ms_span_eq(name, ms_span_str(codes[i].name))) {
			*ret = (enum ms_policy_code)i;
			return MS_OK;
		}
	return ms_fail(err, MS_ERR_NOT_FOUND, "no reason has this name");
}

/* ---- a reason as a line ---- */

#define PUBLIC_MAX 639u

static void
put(struct ms_buf *b, const char *key, const char *value)
{
	bool quote = strchr(value, ' ') != NULL;
	if (value[0] != '\0')
		ms_buf_fmt(b, quote ? " %s=\"%s\"" : " %s=%s", key, value);
}

static void
put_expected(const struct ms_verdict_reason *r, struct ms_buf *b)
{
	char hex[2 * MS_PCR_LEN + 1];
	for (size_t i = 0; i < r->n_expected && i < MS_VERDICT_EXPECTED_MAX; i++) {
		ms_hex(r->expected[i], MS_PCR_LEN, hex);
		ms_buf_fmt(b, "%s%s", i == 0 ? " expected=" : ",", hex);
	}
	if (r->n_expected > MS_VERDICT_EXPECTED_MAX)
		ms_buf_fmt(b, ",+%zu", r->n_expected - MS_VERDICT_EXPECTED_MAX);
}

static void
put_nearest(const struct ms_verdict_nearest *n, struct ms_buf *b)
{
	char time[MS_POLICY_TIME_TEXT];
	put(b, "nearest", n->value);
	put(b, "nearest-path", n->path);
	if (n->reference[0] == '\0')
		return;
	ms_buf_fmt(b, " from=%s@%llu", n->reference, (unsigned long long)n->reference_version);
	put(b, "source", n->source);
	ms_policy_time_text(n->captured_s, time);
	ms_buf_fmt(b, " captured=%s", time);
}

static void
put_found(const struct ms_verdict_reason *r, struct ms_buf *b)
{
	char hex[2 * MS_PCR_LEN + 1];
	if (r->has_pcr)
		ms_buf_fmt(b, " pcr=%u", r->pcr);
	if (r->has_entry)
		ms_buf_fmt(b, " entry=%u", r->entry);
	if (r->code == MS_POLICY_EVENT_UNKNOWN)
		ms_buf_fmt(b, " type=0x%08x", r->event_type);
	if (r->code == MS_POLICY_PCR_MISMATCH || r->code == MS_POLICY_PCR_ZERO || r->code == MS_POLICY_EVENT_UNKNOWN) {
		ms_hex(r->found, MS_PCR_LEN, hex);
		ms_buf_fmt(b, " found=%s", hex);
	}
	put(b, "claim", r->claim);
	put(b, "path", r->path);
	put(b, "found", r->value);
	put(b, "reference", r->reference);
}

static void
reason_text(const struct ms_verdict *v, const struct ms_verdict_reason *r, bool for_operator, char out[static MS_VERDICT_TEXT_LEN])
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	ms_buf_init(&b, for_operator ? MS_VERDICT_TEXT_LEN - 1 : PUBLIC_MAX);
	ms_buf_str(&b, ms_policy_code_name(r->code));
	put_found(r, &b);
	put(&b, "rule", v->rule);
	if (v->policy[0] != '\0')
		ms_buf_fmt(&b, " policy=%s@%llu", v->policy, (unsigned long long)v->policy_version);
	put(&b, "waiver", r->waiver);
	if (for_operator) {
		if (r->code == MS_POLICY_PCR_MISMATCH)
			put_expected(r, &b);
		put_nearest(&r->nearest, &b);
	}
	if (b.len > 0) /* 0 only when memory is out */
		memcpy(out, b.p, b.len);
	out[b.len] = '\0';
}

void
ms_verdict_reason_text(const struct ms_verdict *v, size_t i, bool for_operator, char out[static MS_VERDICT_TEXT_LEN])
{
	out[0] = '\0';
	if (i < v->n_reasons)
		reason_text(v, &v->reason[i], for_operator, out);
}

void
ms_verdict_waived_text(const struct ms_verdict *v, size_t i, bool for_operator, char out[static MS_VERDICT_TEXT_LEN])
{
	out[0] = '\0';
	if (i < v->n_waived)
		reason_text(v, &v->waived[i], for_operator, out);
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

void
ms_verdict_waived(const struct ms_verdict *v, struct ms_buf *out)
{
	char text[MS_VERDICT_TEXT_LEN];
	ms_cbor_array(out, v->n_waived);
	for (size_t i = 0; i < v->n_waived; i++) {
		ms_verdict_waived_text(v, i, true, text);
		ms_cbor_text(out, text);
	}
}
