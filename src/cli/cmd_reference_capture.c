/* reference capture: what a good device measured becomes what others of its model are compared with. */
#include <string.h>

#include "base/clock.h"
#include "cli/evidence_remote.h"
#include "cli/policy_remote.h"
#include "cli/reference_out.h"

#define DEFAULT_MASK (MS_PCRS_ATTEST_MASK & ~(UINT32_C(1) << 10)) /* PCR 10 moves with every file that is opened */

struct capture {
	const char *name;
	uint32_t pcrs, events;
	bool files;
};

static enum ms_rc
read_options(struct ms_cli *c, struct capture *x, struct ms_err *err)
{
	x->name = ms_cli_option(c, "name");
	x->files = ms_cli_option(c, "files") != NULL;
	if (x->name == NULL || !ms_name_ok(ms_span_str(x->name), MS_REFERENCE_NAME_MAX))
		return ms_fail(err, MS_ERR_USAGE, "reference capture wants --name NAME, of a-z 0-9 . _ -");
	enum ms_rc rc = ms_cli_pcrs_option(c, "pcrs", DEFAULT_MASK, &x->pcrs, err);
	return rc == MS_OK ? ms_cli_pcrs_option(c, "events", 0, &x->events, err) : rc;
}

static void
show_values(struct ms_cli *c, const struct ms_remote_evidence *e, const struct ms_case *k, uint32_t mask)
{
	char hex[65], when[MS_CLOCK_TEXT_LEN];
	if (c->json)
		return;
	ms_clock_text(e->file.time_s, when);
	(void)fprintf(c->errout, "model ");
	ms_out_text(c->errout, ms_json_text(e->json, "model"));
	(void)fprintf(c->errout, ", measured %s\n", when);
	for (unsigned i = 0; i < MS_TPM_PCR_COUNT; i++) {
		if ((k->pcrs.mask >> i & 1) == 0)
			continue;
		ms_hex(k->pcrs.value[i], 32, hex);
		(void)fprintf(c->errout, "  PCR %-2u %s%s\n", i, hex, (mask >> i & 1) != 0 ? "" : "  (not taken)");
	}
}

/* ---- a device sends only the tail of its IMA list: the files are in all records of its boot ---- */

static enum ms_rc
add_record(struct ms_cli *c, const char *id, struct ms_reference_builder *b, uint64_t *from, struct ms_err *err)
{
	MS_OWN(ms_remote_evidence_fini) struct ms_remote_evidence e = {.n_mem = 0};
	MS_OWN(ms_case_fini) struct ms_case k;
	struct ms_case_policy none = {.policy = NULL};
	ms_case_init(&k);
	enum ms_rc rc = ms_remote_evidence(c, id, &e, err);
	if (rc == MS_OK)
		rc = ms_case_take(&k, &e.file, err);
	if (rc == MS_OK)
		rc = ms_case_read_logs(&k, &none, err);
	if (rc != MS_OK || k.appraisal == NULL || !k.appraisal->has_ima)
		return rc;
	*from = k.appraisal->ima_from;
	return ms_reference_add_appraisal(b, k.appraisal, 0, true, err);
}

static enum ms_rc
add_earlier_files(struct ms_cli *c, const char *device, uint64_t from, struct ms_reference_builder *b, struct ms_err *err)
{
	MS_OWN(ms_json_free) json_t *rows = NULL;
	enum ms_rc rc = from == 0 ? MS_OK : ms_remote_records(c, device, 0, 0, &rows, err);
	for (size_t i = json_array_size(rows); rc == MS_OK && from != 0 && i-- > 0;) /* newest first */
		rc = add_record(c, ms_json_text(json_array_get(rows, i), "id"), b, &from, err);
	if (rc == MS_OK && from != 0)
		rc = ms_fail(err, MS_ERR_NOT_FOUND,
		    "the beginning of the device's IMA list is not in the records any more: let it boot and prove anew");
	return rc;
}

/* ---- the set ---- */

static enum ms_rc
add_logs(struct ms_cli *c, const struct capture *x, const struct ms_remote_evidence *e, const struct ms_case *k,
    struct ms_reference_builder *b, struct ms_err *err)
{
	const struct ms_appraisal *a = k->appraisal;
	if (x->events != 0 && (a == NULL || !a->has_boot))
		return ms_fail(err, MS_ERR_NOT_FOUND, "--events: the device's last evidence has no boot log");
	if (x->files && (a == NULL || !a->has_ima))
		return ms_fail(err, MS_ERR_NOT_FOUND, "--files: the device's last evidence has no IMA list");
	if (x->events == 0 && !x->files)
		return MS_OK;
	enum ms_rc rc = ms_reference_add_appraisal(b, a, x->events, x->files, err);
	if (rc == MS_OK && x->files)
		rc = add_earlier_files(c, ms_json_text(e->json, "device"), a->ima_from, b, err);
	return rc;
}

static enum ms_rc
build_set(struct ms_cli *c, const struct capture *x, const struct ms_remote_evidence *e, const struct ms_case *k, struct ms_reference **ret,
    struct ms_err *err)
{
	MS_OWN(ms_reference_builder_free) struct ms_reference_builder *b = NULL;
	struct ms_reference_source src = {
	    .name = ms_span_str(x->name), .model = e->file.model, .device = e->file.device, .version = 1, .captured_s = ms_clock_wall_s()};
	enum ms_rc rc = ms_reference_builder_new(&src, &b, err);
	if (rc == MS_OK && (x->pcrs & ~k->pcrs.mask) != 0)
		rc = ms_fail(err, MS_ERR_USAGE, "capture: PCRs that the evidence does not have");
	for (unsigned i = 0; rc == MS_OK && i < MS_TPM_PCR_COUNT; i++)
		if ((x->pcrs >> i & 1) != 0)
			rc = ms_reference_add_pcr(b, i, k->pcrs.value[i], err);
	if (rc == MS_OK)
		rc = add_logs(c, x, e, k, b, err);
	return rc == MS_OK ? ms_reference_finish(b, ret, err) : rc;
}

static enum ms_rc
set_on_server(struct ms_cli *c, struct ms_reference **fresh, struct ms_err *err)
{
	MS_OWN(ms_reply_fini) struct ms_reply r = {.result = NULL};
	MS_OWN(ms_reference_free) struct ms_reference *old = NULL;
	uint64_t version = 0;
	enum ms_rc rc = ms_remote_reference(c, (*fresh)->name, &old, &version, err);
	if (rc == MS_OK && old != NULL && ms_cli_option(c, "replace") == NULL) {
		struct ms_reference *both = NULL;
		rc = ms_reference_merge(old, *fresh, &both, err);
		if (rc == MS_OK) {
			ms_reference_free(*fresh);
			*fresh = both;
		}
	}
	if (rc == MS_OK)
		rc = ms_remote_set_reference(c, *fresh, version, &r, err);
	return rc == MS_OK ? ms_remote_done(c, &r, "reference set", err) : rc;
}

enum ms_rc
ms_reference_run_capture(struct ms_cli *c, struct ms_err *err)
{
	struct capture x = {.name = NULL};
	struct ms_case_policy none = {.policy = NULL};
	const char *out = ms_cli_option(c, "out");
	MS_OWN(ms_found_device_fini) struct ms_found_device d = {.json = NULL};
	MS_OWN(ms_remote_evidence_fini) struct ms_remote_evidence e = {.n_mem = 0};
	MS_OWN(ms_case_fini) struct ms_case k;
	MS_OWN(ms_reference_free) struct ms_reference *fresh = NULL;
	ms_case_init(&k);
	enum ms_rc rc = read_options(c, &x, err);
	if (rc == MS_OK)
		rc = ms_remote_device(c, c->arg[0], &d, err);
	if (rc == MS_OK)
		rc = ms_remote_evidence(c, d.id, &e, err);
	if (rc == MS_OK)
		rc = ms_case_take(&k, &e.file, err);
	if (rc == MS_OK)
		rc = ms_case_read_logs(&k, &none, err);
	if (rc != MS_OK)
		return rc;
	show_values(c, &e, &k, x.pcrs);
	rc = build_set(c, &x, &e, &k, &fresh, err);
	if (rc != MS_OK || out == NULL)
		return rc == MS_OK ? set_on_server(c, &fresh, err) : rc;
	rc = ms_reference_write_file(out, fresh, err);
	return rc == MS_OK ? ms_out_done(c, NULL, "%s: reference set %s", out, fresh->name) : rc;
}
