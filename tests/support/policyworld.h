/* A world to judge in: reference sets, PCRs, a boot log, an IMA list, claims; each test moves one thing in it. */
#ifndef MS_POLICYWORLD_H
#define MS_POLICYWORLD_H
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policy_int.h"

#define SHA256 4u
#define NOW UINT64_C(1800000000) /* 2027-01-15 */
#define HEAD "version: 1\nname: p\n"
#define TOP HEAD "attest:\n  rules:\n    - name: r\n"
#define MATCH "      match: {models: [m]}\n"
#define CLAIMS(text) TOP MATCH "      require:\n        claims:\n          - " text "\n"
#define FILES(text) TOP MATCH "      require:\n        files: " text "\n"

static MS_UNUSED struct ms_policy *
policy(const char *text)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	struct ms_policy_file f = {.name = "f.yaml", .text = ms_span_str(text)};
	struct ms_policy *p = NULL;
	struct ms_err err = {0};
	ms_buf_init(&b, MS_POLICY_WIRE_MAX);
	enum ms_rc rc = ms_policy_compile(&f, 1, &b, &err);
	if (rc != MS_OK)
		print_error("%s\n", err.text);
	CHECK_OK(rc, &err);
	CHECK_OK(ms_policy_load(ms_buf_span(&b), &p, &err), &err);
	return p;
}

/* ---- a world: sets, PCRs, logs ---- */

struct world {
	struct ms_reference *set[4];
	struct ms_pcrs pcrs;
	struct ms_appraisal *a;
	struct ms_policy_input in;
	struct ms_buf trace;
	struct ms_verdict v;
};

static MS_UNUSED enum ms_rc
look_up(void *ctx, struct ms_span name, const struct ms_reference **ret, MS_UNUSED struct ms_err *err)
{
	struct world *w = ctx;
	for (size_t i = 0; i < 4; i++)
		if (w->set[i] != NULL && ms_span_eq(ms_span_str(w->set[i]->name), name)) {
			*ret = w->set[i];
			return MS_OK;
		}
	return MS_ERR_NOT_FOUND;
}

static MS_UNUSED void
world_init(struct world *w)
{
	struct ms_err err = {0};
	*w = (struct world){.pcrs = {.mask = 0x7fff}};
	for (unsigned i = 0; i < MS_TPM_PCR_COUNT; i++)
		memset(w->pcrs.value[i], (int)(1 + i), MS_PCR_LEN);
	CHECK_OK(ms_appraisal_new(&w->a, &err), &err);
	w->a->has_boot = w->a->has_ima = true;
	ms_buf_init(&w->trace, 1u << 20);
	w->in = (struct ms_policy_input){.policy_version = 3,
	    .device = {.tenant = ms_span_str("default"),
		.device = ms_span_str("dev-1"),
		.model = ms_span_str("m"),
		.batch = ms_span_str("b1")},
	    .pcrs = &w->pcrs,
	    .appraisal = w->a,
	    .now_s = NOW,
	    .reference = look_up,
	    .reference_ctx = w,
	    .trace = &w->trace};
}

static MS_UNUSED void
world_fini(struct world *w)
{
	for (size_t i = 0; i < 4; i++)
		ms_reference_free(w->set[i]);
	ms_appraisal_free(w->a);
	ms_buf_fini(&w->trace);
}

static MS_UNUSED struct ms_reference_builder *
builder(const char *name, const char *model)
{
	struct ms_reference_builder *b = NULL;
	struct ms_err err = {0};
	struct ms_reference_source src = {.name = ms_span_str(name),
	    .model = ms_span_str(model),
	    .device = ms_span_str("release 7"),
	    .version = 5,
	    .captured_s = 1700000000};
	src.all_models = src.model.len == 0;
	CHECK_OK(ms_reference_builder_new(&src, &b, &err), &err);
	return b;
}

static MS_UNUSED void
put_set(struct world *w, size_t at, struct ms_reference_builder *b)
{
	struct ms_err err = {0};
	ms_reference_free(w->set[at]);
	w->set[at] = NULL;
	CHECK_OK(ms_reference_finish(b, &w->set[at], &err), &err);
	ms_reference_builder_free(b);
}

/* PCRs filled with fill + number, as the world's are with 1. */
static MS_UNUSED void
put_pcr_set(struct world *w, size_t at, const char *name, uint8_t fill)
{
	struct ms_reference_builder *b = builder(name, "m");
	struct ms_err err = {0};
	for (unsigned i = 0; i < 15; i++) {
		uint8_t d[MS_PCR_LEN];
		memset(d, (int)(fill + i), sizeof d);
		CHECK_OK(ms_reference_add_pcr(b, i, d, &err), &err);
	}
	put_set(w, at, b);
}

static MS_UNUSED struct ms_span
digest_of(const char *text, uint8_t out[static 32])
{
	ms_sha256(ms_span_str(text), out);
	return ms_span(out, 32);
}

static MS_UNUSED void
add_file(struct ms_reference_builder *b, const char *path, const char *content)
{
	uint8_t d[32];
	struct ms_err err = {0};
	CHECK_OK(ms_reference_add_file(b, ms_span_str(path), SHA256, digest_of(content, d), &err), &err);
}

static MS_UNUSED void
put_file_set(struct world *w, size_t at, const char *name, const char *model, const char *path, const char *content)
{
	struct ms_reference_builder *b = builder(name, model);
	add_file(b, path, content);
	put_set(w, at, b);
}

/* The file's digest lives as long as the test: one slot each. */
static MS_UNUSED uint8_t slots[64][32];

static MS_UNUSED struct ms_ima_file *
measured(struct world *w, const char *path, const char *content)
{
	struct ms_err err = {0};
	size_t n = w->a->n_files;
	CHECK(n < 64);
	struct ms_ima_file f = {.entry = (uint32_t)n, .hash = SHA256, .path = ms_span_str(path), .digest = digest_of(content, slots[n])};
	CHECK_OK(ms_appraisal_add_file(w->a, &f, &err), &err);
	return &w->a->file[n];
}

static MS_UNUSED const struct ms_verdict *
judge(struct world *w, const struct ms_policy *p)
{
	struct ms_err err = {0};
	struct ms_buf pub, op;
	w->in.policy = p;
	ms_buf_reset(&w->trace);
	memset(&w->v, 0xff, sizeof w->v);
	CHECK_OK(ms_policy_judge(&w->in, &w->v, &err), &err);
	CHECK((w->v.n_reasons == 0) == (w->v.outcome == MS_OUTCOME_PASS));
	CHECK(w->v.outcome == MS_OUTCOME_PASS || (!w->v.identity && w->v.reference[0] == '\0'));
	ms_buf_init(&pub, 1u << 20);
	ms_buf_init(&op, 1u << 20);
	ms_verdict_public(&w->v, &pub);
	ms_verdict_operator(&w->v, &op);
	ms_verdict_waived(&w->v, &op);
	CHECK(!pub.bad && !op.bad && pub.len < 16384);
	for (size_t i = 0; i < w->v.n_reasons; i++) {
		char text[MS_VERDICT_TEXT_LEN];
		ms_verdict_reason_text(&w->v, i, false, text);
		CHECK(strlen(text) < 640 && strstr(text, "nearest") == NULL && strstr(text, "expected") == NULL &&
		      strstr(text, "release 7") == NULL);
	}
	ms_buf_fini(&pub);
	ms_buf_fini(&op);
	return &w->v;
}

/* One policy, one verdict; `want` is the first reason ("" for a pass). */
static MS_UNUSED void
expect(struct world *w, const char *text, enum ms_outcome outcome, const char *want)
{
	MS_OWN(ms_policy_free) struct ms_policy *p = policy(text);
	const struct ms_verdict *v = judge(w, p);
	const char *got = v->n_reasons == 0 ? "" : ms_policy_code_name(v->reason[0].code);
	if (v->outcome != outcome || strcmp(got, want) != 0)
		print_error("%s\nwant %s %s, got %s %s\n%.*s", text, ms_outcome_name(outcome), want, ms_outcome_name(v->outcome), got,
		    (int)w->trace.len, (const char *)w->trace.p);
	CHECK(v->outcome == outcome && strcmp(got, want) == 0);
}

static MS_UNUSED bool
traced(const struct world *w, const char *what)
{
	return memmem(w->trace.p, w->trace.len, what, strlen(what)) != NULL;
}

static MS_UNUSED void
add_claims(struct world *w)
{
	struct ms_err err = {0};
	struct ms_claims *c = w->a->claims;
	CHECK_OK(ms_claims_add_bool(c, "boot.secure-boot", true, true, &err), &err);
	CHECK_OK(ms_claims_add_text(c, "boot.sbat.shim", true, ms_span_str("4"), &err), &err);
	CHECK_OK(ms_claims_add_text(c, "boot.sbat.level", false, ms_span_str("2025021800"), &err), &err);
	CHECK_OK(ms_claims_add_uint(c, "boot.db.entries", true, 7, &err), &err);
	CHECK_OK(ms_claims_add_bytes(c, "boot.db.cert", true, ms_span("\x01\x02", 2), &err), &err);
	CHECK_OK(ms_claims_add_bytes(c, "boot.db.cert", true, ms_span("\x03", 1), &err), &err);
	CHECK_OK(ms_claims_add_bytes(c, "boot.db.cert", false, ms_span("\x09", 1), &err), &err);
	CHECK_OK(ms_claims_add_text(c, "boot.kernel.cmdline", true, ms_span_str("ro quiet init=/bin/x lockdown=integrity"), &err), &err);
	CHECK_OK(ms_claims_add_text(c, "attester.assurance", true, ms_span_str("software"), &err), &err);
}

#define PASS MS_OUTCOME_PASS
#define FAIL MS_OUTCOME_FAIL
#define DENY MS_OUTCOME_DENY
#define MISMATCH FAIL, "claim-mismatch"
#define UNPROVEN DENY, "claim-unproven"
#define MISSING DENY, "claim-missing"
#define HOLDS PASS, ""

static MS_UNUSED void
file_world(struct world *w)
{
	struct ms_reference_builder *b = builder("debian", "");
	world_init(w);
	add_file(b, "/usr/bin/true", "v1");
	add_file(b, "/usr/bin/true", "v2");
	add_file(b, "/usr/bin/false", "f");
	put_set(w, 0, b);
	(void)measured(w, "boot_aggregate", "pcrs");
	(void)measured(w, "/usr/bin/true", "v2");
}

#define WINDOW(uses) TOP MATCH "      require: {pcrs: [0, 4], references: [" uses "]}\n"

#endif
