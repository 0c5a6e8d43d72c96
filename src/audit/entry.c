#include "audit/entry.h"
#include "codec/cbor.h"

static const struct ms_cbor_field fields[] = {
    MS_CBOR_F_UINT(1, struct ms_entry, v, MS_CBOR_REQ, MS_ENTRY_VERSION, MS_ENTRY_VERSION),
    MS_CBOR_F_UINT(2, struct ms_entry, seq, MS_CBOR_REQ, 0, MS_TREE_SIZE_MAX - 1),
    MS_CBOR_F_UINT(3, struct ms_entry, time_s, MS_CBOR_REQ, 0, INT64_MAX),
    MS_CBOR_F_TEXT(4, struct ms_entry, tenant, MS_CBOR_REQ, 0, 64),
    MS_CBOR_F_TEXT(5, struct ms_entry, kind, MS_CBOR_REQ, 1, 48),
    MS_CBOR_F_TEXT(6, struct ms_entry, actor, MS_CBOR_REQ, 1, 128),
    MS_CBOR_F_TEXT(7, struct ms_entry, subject, MS_CBOR_REQ, 0, 160),
    MS_CBOR_F_BYTES(8, struct ms_entry, request, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_TEXT(9, struct ms_entry, decision, MS_CBOR_REQ, 2, 6),
    MS_CBOR_F_TEXT(MS_ENTRY_REASON, struct ms_entry, reason, MS_CBOR_OPT, 1, 256),
    MS_CBOR_F_BYTES(MS_ENTRY_POLICY, struct ms_entry, policy, MS_CBOR_OPT, 32, 32),
    MS_CBOR_F_BYTES(MS_ENTRY_EVIDENCE, struct ms_entry, evidence, MS_CBOR_OPT, 32, 32),
    MS_CBOR_F_BYTES(MS_ENTRY_ACT, struct ms_entry, act, MS_CBOR_OPT, 32, 32),
    MS_CBOR_F_RAW(MS_ENTRY_DATA, struct ms_entry, data, MS_CBOR_OPT, MS_ENTRY_DATA_MAX),
};
static const struct ms_cbor_table table = MS_CBOR_TABLE("entry", struct ms_entry, fields);

static bool
is(struct ms_span s, const char *word)
{
	return ms_span_eq(s, ms_span_str(word));
}

static bool
no_controls(struct ms_span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] < 0x20 || s.p[i] == 0x7f)
			return false;
	return true;
}

/* What the table cannot say. */
static const char *
find_fault(const struct ms_entry *e)
{
	if (e->tenant.len != 0 && !is(e->tenant, "*") && !ms_name_ok(e->tenant, 64))
		return "tenant";
	if (!ms_name_ok(e->kind, 48))
		return "kind";
	if (!no_controls(e->actor) || !no_controls(e->subject) || !no_controls(e->reason))
		return "control characters";
	if (!is(e->decision, "ok") && !is(e->decision, "denied") && !is(e->decision, "fail"))
		return "decision";
	return NULL;
}

enum ms_rc
ms_entry_parse(struct ms_span s, struct ms_entry *ret, struct ms_err *err)
{
	struct ms_entry e;
	if (s.len > MS_ENTRY_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "entry: %zu bytes", s.len);
	enum ms_rc rc = ms_cbor_parse_map(&table, s, &e, err);
	if (rc != MS_OK)
		return rc;
	const char *fault = find_fault(&e);
	if (fault != NULL)
		return ms_fail(err, MS_ERR_MALFORMED, "entry: %s", fault);
	*ret = e;
	return MS_OK;
}

static uint64_t
present(const struct ms_entry *e)
{
	uint64_t bits = 0;
	bits |= e->reason.len != 0 ? MS_CBOR_BIT(MS_ENTRY_REASON) : 0;
	bits |= e->policy.len != 0 ? MS_CBOR_BIT(MS_ENTRY_POLICY) : 0;
	bits |= e->evidence.len != 0 ? MS_CBOR_BIT(MS_ENTRY_EVIDENCE) : 0;
	bits |= e->act.len != 0 ? MS_CBOR_BIT(MS_ENTRY_ACT) : 0;
	bits |= e->data.len != 0 ? MS_CBOR_BIT(MS_ENTRY_DATA) : 0;
	return bits;
}

enum ms_rc
ms_entry_build(const struct ms_entry *e, struct ms_buf *out, struct ms_err *err)
{
	struct ms_entry copy = *e;
	copy.v = MS_ENTRY_VERSION;
	copy.present = present(e);
	const char *fault = find_fault(&copy);
	if (fault != NULL)
		return ms_fail(err, MS_ERR_USAGE, "entry: %s", fault);
	size_t before = out->len;
	enum ms_rc rc = ms_cbor_build_map(&table, &copy, out, err);
	if (rc != MS_OK)
		return rc;
	if (out->len - before > MS_ENTRY_MAX) {
		size_t len = out->len - before;
		out->len = before;
		return ms_fail(err, MS_ERR_TOO_BIG, "entry: %zu bytes", len);
	}
	return MS_OK;
}
