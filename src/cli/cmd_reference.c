/* reference capture: what a good device measured becomes what others of its model are compared with. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/policy_remote.h"

#define DEFAULT_MASK (MS_PCRS_ATTEST_MASK & ~(UINT32_C(1) << 10)) /* PCR 10 moves with every file that is opened */

static enum ms_rc
read_pcrs_option(struct ms_cli *c, uint32_t *ret, struct ms_err *err)
{
	const char *s = ms_cli_option(c, "pcrs");
	*ret = DEFAULT_MASK;
	if (s == NULL)
		return MS_OK;
	uint32_t mask = 0;
	for (const char *p = s;; p++) {
		char *end = NULL;
		unsigned long v = strtoul(p, &end, 10);
		if (*p < '0' || *p > '9' || v >= MS_TPM_PCR_COUNT || (*end != ',' && *end != '\0'))
			return ms_fail(err, MS_ERR_USAGE, "--pcrs: numbers from 0 to %u joined by commas", MS_TPM_PCR_COUNT - 1);
		mask |= UINT32_C(1) << v;
		if (*end == '\0')
			break;
		p = end;
	}
	*ret = mask;
	return MS_OK;
}

static enum ms_rc
pcrs_from_json(const json_t *j, struct ms_pcrs *ret, struct ms_err *err)
{
	const char *key;
	json_t *v;
	struct ms_pcrs p = {.mask = 0};
	json_object_foreach(json_object_get(j, "pcrs"), key, v)
	{
		unsigned long i = strtoul(key, NULL, 10);
		if (i >= MS_TPM_PCR_COUNT || !json_is_string(v) || json_string_length(v) != 64 ||
		    ms_unhex(json_string_value(v), 64, p.value[i], 32) != MS_OK)
			return ms_fail(err, MS_ERR_MALFORMED, "the server's answer: PCR values");
		p.mask |= UINT32_C(1) << i;
	}
	*ret = p;
	return MS_OK;
}

static void
show_values(struct ms_cli *c, const json_t *evidence, const struct ms_pcrs *p, uint32_t mask)
{
	char hex[65], when[MS_CLOCK_TEXT_LEN];
	if (c->json)
		return;
	ms_clock_text(ms_json_uint(evidence, "attested_s"), when);
	(void)fprintf(c->errout, "model ");
	ms_out_text(c->errout, ms_json_text(evidence, "model"));
	(void)fprintf(c->errout, ", measured %s\n", when);
	for (unsigned i = 0; i < MS_TPM_PCR_COUNT; i++) {
		if ((p->mask >> i & 1) == 0)
			continue;
		ms_hex(p->value[i], 32, hex);
		(void)fprintf(c->errout, "  PCR %-2u %s%s\n", i, hex, (mask >> i & 1) != 0 ? "" : "  (not taken)");
	}
}

static enum ms_rc
combine(struct ms_cli *c, struct ms_reference **fresh, struct ms_reference *old, struct ms_err *err)
{
	struct ms_reference *both = NULL;
	if (old == NULL || ms_cli_option(c, "replace") != NULL)
		return MS_OK;
	enum ms_rc rc = ms_reference_merge(old, *fresh, &both, err);
	if (rc != MS_OK)
		return rc;
	ms_reference_free(*fresh);
	*fresh = both;
	return MS_OK;
}

static enum ms_rc
run_capture(struct ms_cli *c, struct ms_err *err)
{
	const char *name = ms_cli_option(c, "name");
	uint32_t mask = 0;
	uint64_t version = 0;
	struct ms_pcrs pcrs;
	MS_OWN(ms_found_device_fini) struct ms_found_device d = {.json = NULL};
	MS_OWN(ms_reply_fini) struct ms_reply ev = {.result = NULL};
	MS_OWN(ms_reply_fini) struct ms_reply r = {.result = NULL};
	MS_OWN(ms_reference_free) struct ms_reference *fresh = NULL, *old = NULL;
	if (name == NULL || !ms_name_ok(ms_span_str(name), MS_REFERENCE_NAME_MAX))
		return ms_fail(err, MS_ERR_USAGE, "reference capture wants --name NAME, of a-z 0-9 . _ -");
	enum ms_rc rc = read_pcrs_option(c, &mask, err);
	if (rc == MS_OK)
		rc = ms_remote_device(c, c->arg[0], &d, err);
	if (rc != MS_OK)
		return rc;
	struct ms_args_name args = {.name = ms_span_str(d.id)};
	struct ms_request q = {.operation = "device.evidence", .table = &ms_args_name_table, .args = &args};
	rc = ms_remote_ask(c, &q, &ev, err);
	if (rc == MS_OK)
		rc = pcrs_from_json(ev.result, &pcrs, err);
	if (rc == MS_OK)
		rc = ms_remote_reference(c, name, &old, &version, err);
	if (rc != MS_OK)
		return rc;
	show_values(c, ev.result, &pcrs, mask);
	struct ms_reference_source src = {.name = ms_span_str(name),
	    .model = ms_span_str(ms_json_text(ev.result, "model")),
	    .device = ms_span_str(d.id),
	    .version = version + 1,
	    .captured_s = ms_clock_wall_s()};
	rc = ms_reference_capture(&src, &pcrs, mask, &fresh, err);
	if (rc == MS_OK)
		rc = combine(c, &fresh, old, err);
	if (rc == MS_OK)
		rc = ms_remote_set_reference(c, fresh, version, &r, err);
	return rc == MS_OK ? ms_remote_done(c, &r, "reference set", err) : rc;
}

static const struct ms_cli_option capture_options[] = {{"name", "NAME", "of the set, as the policy names it"},
    {"pcrs", "LIST", "PCRs to take, joined by commas (default: 0 to 14 without 10)"},
    {"replace", NULL, "put these values in place of the set that is there; without it they are added to it"}, {NULL, NULL, NULL}};

const struct ms_command ms_commands_reference[] = {
    {.noun = "reference",
	.verb = "capture",
	.run = run_capture,
	.help = "take a device's last measured values as reference values",
	.args = "DEVICE",
	.min_args = 1,
	.max_args = 1,
	.options = capture_options,
	.example = "muster reference capture press-17 --name press-2026"},
    {.noun = NULL},
};
