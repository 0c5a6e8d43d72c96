/* Groups and waivers as CBOR. A group is an array [name, devices, batches, models]; a waiver a map {1: name, 2: device or 3: group,
 * 4: codes by name, sorted, 5: reason, 6: approver, 7: the second from which it is none} and, when it is narrowed, {8: PCRs,
 * 9: claims, 10: paths}. */
#include <stdlib.h>
#include <string.h>

#include "policy/policy_int.h"

#define PCRS_ALL ((UINT64_C(1) << MS_TPM_PCR_COUNT) - 1)

void
ms_policy_group_fini(struct ms_policy_group *g)
{
	free(g->devices.item);
	free(g->batches.item);
	free(g->models.item);
	*g = (struct ms_policy_group){.name = MS_SPAN_NONE};
}

void
ms_policy_waiver_fini(struct ms_policy_waiver *w)
{
	free(w->claims.item);
	free(w->paths.item);
	*w = (struct ms_policy_waiver){.name = MS_SPAN_NONE};
}

enum ms_rc
ms_policy_group_parse(struct ms_span cbor, struct ms_policy_group *g, struct ms_err *err)
{
	struct ms_cbor c = ms_cbor_over(cbor);
	size_t four = ms_cbor_read_array(&c);
	g->name = ms_cbor_read_text(&c);
	if (four != 4)
		return ms_fail(err, MS_ERR_MALFORMED, "policy: a group");
	struct ms_span lists[3];
	for (size_t i = 0; i < 3; i++)
		lists[i] = ms_cbor_read_raw(&c);
	if (!ms_cbor_done(&c))
		return ms_fail(err, MS_ERR_MALFORMED, "policy: a group");
	enum ms_rc rc = ms_policy_names_parse(lists[0], true, MS_POLICY_NAMES_MAX, MS_POLICY_ID_MAX, &g->devices, err);
	if (rc == MS_OK)
		rc = ms_policy_names_parse(lists[1], true, MS_POLICY_NAMES_MAX, MS_POLICY_ID_MAX, &g->batches, err);
	if (rc == MS_OK)
		rc = ms_policy_names_parse(lists[2], true, MS_POLICY_NAMES_MAX, MS_REFERENCE_MODEL_MAX, &g->models, err);
	return rc;
}

enum ms_rc
ms_policy_group_build(const struct ms_policy_group *g, struct ms_buf *out, struct ms_err *err)
{
	ms_cbor_array(out, 4);
	ms_cbor_text_span(out, g->name);
	ms_policy_names_build(&g->devices, true, out);
	ms_policy_names_build(&g->batches, true, out);
	ms_policy_names_build(&g->models, true, out);
	return ms_buf_check(out, err);
}

struct wire {
	uint64_t present;
	struct ms_span name;
	struct ms_span device;
	struct ms_span group;
	struct ms_span codes;
	struct ms_span reason;
	struct ms_span approver;
	uint64_t expires_s;
	uint64_t pcrs;
	struct ms_span claims;
	struct ms_span paths;
};
static const struct ms_cbor_field fields[] = {
    MS_CBOR_F_TEXT(1, struct wire, name, MS_CBOR_REQ, 1, MS_POLICY_NAME_MAX),
    MS_CBOR_F_TEXT(2, struct wire, device, MS_CBOR_OPT, 1, MS_POLICY_ID_MAX),
    MS_CBOR_F_TEXT(3, struct wire, group, MS_CBOR_OPT, 1, MS_POLICY_NAME_MAX),
    MS_CBOR_F_ARRAY(4, struct wire, codes, MS_CBOR_REQ, MS_POLICY_WIRE_MAX),
    MS_CBOR_F_TEXT(5, struct wire, reason, MS_CBOR_REQ, 1, MS_POLICY_TEXT_MAX),
    MS_CBOR_F_TEXT(6, struct wire, approver, MS_CBOR_REQ, 1, MS_POLICY_TEXT_MAX),
    MS_CBOR_F_UINT(7, struct wire, expires_s, MS_CBOR_REQ, 1, MS_POLICY_TIME_MAX),
    MS_CBOR_F_UINT(8, struct wire, pcrs, MS_CBOR_OPT, 1, PCRS_ALL),
    MS_CBOR_F_ARRAY(9, struct wire, claims, MS_CBOR_OPT, MS_POLICY_WIRE_MAX),
    MS_CBOR_F_ARRAY(10, struct wire, paths, MS_CBOR_OPT, MS_POLICY_WIRE_MAX),
};
static const struct ms_cbor_table table = MS_CBOR_TABLE("policy waiver", struct wire, fields);

/* Codes by name: a number that moves with a later version would waive something else. */
static enum ms_rc
parse_codes(struct ms_span cbor, uint64_t *ret, struct ms_err *err)
{
	struct ms_policy_names names = {.n = 0};
	uint64_t codes = 0;
	enum ms_rc rc = ms_policy_names_parse(cbor, true, MS_POLICY_CODE_COUNT, 64, &names, err);
	if (rc == MS_OK && !ms_policy_names_sorted(&names))
		rc = ms_fail(err, MS_ERR_MALFORMED, "policy: reasons of a waiver are not sorted, or one is there twice");
	for (size_t i = 0; rc == MS_OK && i < names.n; i++) {
		enum ms_policy_code c = MS_POLICY_NO_POLICY;
		rc = ms_policy_code_find(names.item[i], &c, err);
		if (rc != MS_OK)
			rc = ms_fail(err, MS_ERR_UNSUPPORTED, "policy: a waiver allows a reason that this program does not know");
		codes |= UINT64_C(1) << c;
	}
	free(names.item);
	if (rc == MS_OK)
		*ret = codes;
	return rc;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
build_codes(uint64_t codes, struct ms_buf *out)
{
	const char *name[MS_POLICY_CODE_COUNT];
	size_t n = 0;
	for (unsigned i = 0; i < MS_POLICY_CODE_COUNT; i++)
		if ((codes >> i & 1) != 0)
			name[n++] = ms_policy_code_name(i);
	if (n > 0)
		qsort(name, n, sizeof *name, by_text);
	ms_cbor_array(out, n);
	for (size_t i = 0; i < n; i++)
		ms_cbor_text(out, name[i]);
}

enum ms_rc
ms_policy_waiver_parse(struct ms_span cbor, struct ms_policy_waiver *w, struct ms_err *err)
{
	struct wire m;
	enum ms_rc rc = ms_cbor_parse_map(&table, cbor, &m, err);
	if (rc != MS_OK)
		return rc;
	*w = (struct ms_policy_waiver){.name = m.name,
	    .device = m.device,
	    .group = m.group,
	    .reason = m.reason,
	    .approver = m.approver,
	    .expires_s = m.expires_s,
	    .pcrs = (uint32_t)m.pcrs};
	rc = parse_codes(m.codes, &w->codes, err);
	if (rc == MS_OK && MS_CBOR_HAS(&m, 9))
		rc = ms_policy_names_parse(m.claims, true, MS_POLICY_CLAIMS_MAX, MS_POLICY_ID_MAX, &w->claims, err);
	if (rc == MS_OK && MS_CBOR_HAS(&m, 10))
		rc = ms_policy_names_parse(m.paths, true, MS_POLICY_PATHS_MAX, MS_REFERENCE_PATH_MAX, &w->paths, err);
	if (rc == MS_OK && (MS_CBOR_HAS(&m, 9) != (w->claims.n > 0) || MS_CBOR_HAS(&m, 10) != (w->paths.n > 0)))
		rc = ms_fail(err, MS_ERR_MALFORMED, "policy: an empty list");
	return rc;
}

enum ms_rc
ms_policy_waiver_build(const struct ms_policy_waiver *w, struct ms_buf *out, struct ms_err *err)
{
	struct ms_buf b[3];
	struct wire m = {.name = w->name,
	    .device = w->device,
	    .group = w->group,
	    .reason = w->reason,
	    .approver = w->approver,
	    .expires_s = w->expires_s,
	    .pcrs = w->pcrs};
	for (size_t i = 0; i < 3; i++)
		ms_buf_init(&b[i], MS_POLICY_WIRE_MAX);
	build_codes(w->codes, &b[0]);
	ms_policy_names_build(&w->claims, true, &b[1]);
	ms_policy_names_build(&w->paths, true, &b[2]);
	m.codes = ms_buf_span(&b[0]);
	m.present =
	    (w->device.len > 0 ? MS_CBOR_BIT(2) : 0) | (w->group.len > 0 ? MS_CBOR_BIT(3) : 0) | (w->pcrs != 0 ? MS_CBOR_BIT(8) : 0);
	if (w->claims.n > 0) {
		m.claims = ms_buf_span(&b[1]);
		m.present |= MS_CBOR_BIT(9);
	}
	if (w->paths.n > 0) {
		m.paths = ms_buf_span(&b[2]);
		m.present |= MS_CBOR_BIT(10);
	}
	enum ms_rc rc = MS_OK;
	for (size_t i = 0; rc == MS_OK && i < 3; i++)
		rc = ms_buf_check(&b[i], err);
	if (rc == MS_OK)
		rc = ms_cbor_build_map(&table, &m, out, err);
	for (size_t i = 0; i < 3; i++)
		ms_buf_fini(&b[i]);
	return rc;
}
