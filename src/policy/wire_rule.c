/* A rule as CBOR: {1: name, 2: all (bool), 3: array of models, 4: required PCRs, 5: array of reference sets, 6: gives certificates
 * (bool)} and, where there is some: {7: groups, 8: batches, 9: devices, 10: tenants; 11: windows; 12: array of claims, each [name,
 * operator, value or array of values]; 13: events {1: PCRs, 2: sets, 3: windows}; 14: files {1: sets, 2: windows, 3: excluded paths,
 * 4: true: unknown are allowed, 5: ids of keys, 6: true: by digest}; 15: assurance; 16: claims that count unproven}. Windows are a
 * map {number of the set: second, or true: until moved}. */
#include <stdlib.h>
#include <string.h>

#include "policy/policy_int.h"

#define PCRS_ALL ((UINT64_C(1) << MS_TPM_PCR_COUNT) - 1)
#define WIRE MS_POLICY_WIRE_MAX
#define HAS(w, key) MS_CBOR_HAS(w, key)

struct wire_rule {
	uint64_t present;
	struct ms_span name;
	bool all;
	struct ms_span models;
	uint64_t pcrs;
	struct ms_span references;
	bool identity;
	struct ms_span groups;
	struct ms_span batches;
	struct ms_span devices;
	struct ms_span tenants;
	struct ms_span windows;
	struct ms_span claims;
	struct ms_span events;
	struct ms_span files;
	uint64_t assurance;
	struct ms_span unproven;
};
enum { KEY_GROUPS = 7, KEY_BATCHES, KEY_DEVICES, KEY_TENANTS, KEY_WINDOWS, KEY_CLAIMS, KEY_EVENTS, KEY_FILES, KEY_ASSURANCE, KEY_UNPROVEN };
static const struct ms_cbor_field rule_fields[] = {
    MS_CBOR_F_TEXT(1, struct wire_rule, name, MS_CBOR_REQ, 1, MS_POLICY_NAME_MAX),
    MS_CBOR_F_BOOL(2, struct wire_rule, all, MS_CBOR_REQ),
    MS_CBOR_F_ARRAY(3, struct wire_rule, models, MS_CBOR_REQ, WIRE),
    MS_CBOR_F_UINT(4, struct wire_rule, pcrs, MS_CBOR_REQ, 0, PCRS_ALL),
    MS_CBOR_F_ARRAY(5, struct wire_rule, references, MS_CBOR_REQ, WIRE),
    MS_CBOR_F_BOOL(6, struct wire_rule, identity, MS_CBOR_REQ),
    MS_CBOR_F_ARRAY(KEY_GROUPS, struct wire_rule, groups, MS_CBOR_OPT, WIRE),
    MS_CBOR_F_ARRAY(KEY_BATCHES, struct wire_rule, batches, MS_CBOR_OPT, WIRE),
    MS_CBOR_F_ARRAY(KEY_DEVICES, struct wire_rule, devices, MS_CBOR_OPT, WIRE),
    MS_CBOR_F_ARRAY(KEY_TENANTS, struct wire_rule, tenants, MS_CBOR_OPT, WIRE),
    MS_CBOR_F_MAP(KEY_WINDOWS, struct wire_rule, windows, MS_CBOR_OPT, WIRE),
    MS_CBOR_F_ARRAY(KEY_CLAIMS, struct wire_rule, claims, MS_CBOR_OPT, WIRE),
    MS_CBOR_F_MAP(KEY_EVENTS, struct wire_rule, events, MS_CBOR_OPT, WIRE),
    MS_CBOR_F_MAP(KEY_FILES, struct wire_rule, files, MS_CBOR_OPT, WIRE),
    MS_CBOR_F_UINT(KEY_ASSURANCE, struct wire_rule, assurance, MS_CBOR_OPT, 1, 3),
    MS_CBOR_F_ARRAY(KEY_UNPROVEN, struct wire_rule, unproven, MS_CBOR_OPT, WIRE),
};
static const struct ms_cbor_table rule_table = MS_CBOR_TABLE("policy rule", struct wire_rule, rule_fields);

struct wire_events {
	uint64_t present;
	uint64_t pcrs;
	struct ms_span sets;
	struct ms_span windows;
};
static const struct ms_cbor_field events_fields[] = {
    MS_CBOR_F_UINT(1, struct wire_events, pcrs, MS_CBOR_REQ, 1, PCRS_ALL),
    MS_CBOR_F_ARRAY(2, struct wire_events, sets, MS_CBOR_REQ, WIRE),
    MS_CBOR_F_MAP(3, struct wire_events, windows, MS_CBOR_OPT, WIRE),
};
static const struct ms_cbor_table events_table = MS_CBOR_TABLE("policy events", struct wire_events, events_fields);

struct wire_files {
	uint64_t present;
	struct ms_span sets;
	struct ms_span windows;
	struct ms_span exclude;
	bool unknown_allowed;
	struct ms_span signed_by;
	bool by_digest;
};
static const struct ms_cbor_field files_fields[] = {
    MS_CBOR_F_ARRAY(1, struct wire_files, sets, MS_CBOR_OPT, WIRE),
    MS_CBOR_F_MAP(2, struct wire_files, windows, MS_CBOR_OPT, WIRE),
    MS_CBOR_F_ARRAY(3, struct wire_files, exclude, MS_CBOR_OPT, WIRE),
    MS_CBOR_F_BOOL(4, struct wire_files, unknown_allowed, MS_CBOR_OPT),
    MS_CBOR_F_ARRAY(5, struct wire_files, signed_by, MS_CBOR_OPT, WIRE),
    MS_CBOR_F_BOOL(6, struct wire_files, by_digest, MS_CBOR_OPT),
};
static const struct ms_cbor_table files_table = MS_CBOR_TABLE("policy files", struct wire_files, files_fields);

void
ms_policy_condition_fini(struct ms_policy_condition *c)
{
	free(c->numbers);
	free(c->values.item);
}

void
ms_policy_rule_fini(struct ms_policy_rule *r)
{
	struct ms_policy_names *names[] = {
	    &r->models, &r->groups, &r->batches, &r->devices, &r->tenants, &r->exclude, &r->signed_by, &r->unproven};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		free(names[i]->item);
	free(r->references.item);
	free(r->event_sets.item);
	free(r->file_sets.item);
	for (size_t i = 0; i < r->n_claims; i++)
		ms_policy_condition_fini(&r->claims[i]);
	free(r->claims);
	*r = (struct ms_policy_rule){.name = MS_SPAN_NONE};
}

/* ---- names ---- */

enum ms_rc
ms_policy_names_parse(struct ms_span cbor, bool text, size_t max_n, size_t max, struct ms_policy_names *ret, struct ms_err *err)
{
	struct ms_cbor c = ms_cbor_over(cbor);
	size_t n = ms_cbor_read_array(&c);
	if (n > max_n)
		return ms_fail(err, MS_ERR_TOO_BIG, "policy: %zu names in a list, at most %zu", n, max_n);
	struct ms_span *names = calloc(n == 0 ? 1 : n, sizeof *names);
	if (names == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "policy");
	for (size_t i = 0; i < n; i++) {
		names[i] = text ? ms_cbor_read_text(&c) : ms_cbor_read_bytes(&c);
		if (names[i].len == 0 || names[i].len > max)
			ms_cbor_poison(&c);
	}
	if (!ms_cbor_done(&c)) {
		free(names);
		return ms_fail(err, MS_ERR_MALFORMED, "policy: a list of names");
	}
	*ret = (struct ms_policy_names){names, n};
	return MS_OK;
}

/* An optional list: when it is there, it is not empty. */
static enum ms_rc
parse_some(bool there, struct ms_span cbor, bool text, size_t max_n, size_t max, struct ms_policy_names *ret, struct ms_err *err)
{
	if (!there)
		return MS_OK;
	enum ms_rc rc = ms_policy_names_parse(cbor, text, max_n, max, ret, err);
	return rc == MS_OK && ret->n == 0 ? ms_fail(err, MS_ERR_MALFORMED, "policy: an empty list") : rc;
}

void
ms_policy_names_build(const struct ms_policy_names *n, bool text, struct ms_buf *out)
{
	ms_cbor_array(out, n->n);
	for (size_t i = 0; i < n->n; i++)
		if (text)
			ms_cbor_text_span(out, n->item[i]);
		else
			ms_cbor_bytes(out, n->item[i]);
}

/* ---- uses of reference sets ---- */

static enum ms_rc
parse_windows(struct ms_span cbor, struct ms_policy_uses *uses, struct ms_err *err)
{
	struct ms_cbor c = ms_cbor_over(cbor);
	size_t n = ms_cbor_read_map(&c);
	if (n == 0)
		ms_cbor_poison(&c);
	for (size_t i = 0; i < n; i++) {
		uint64_t at = ms_cbor_read_uint(&c);
		if (at >= uses->n)
			return ms_fail(err, MS_ERR_MALFORMED, "policy: a window of a set that is not there");
		struct ms_policy_use *u = &uses->item[at];
		u->window = ms_cbor_peek(&c) == MS_CBOR_BOOL ? MS_WINDOW_MOVED : MS_WINDOW_DATE;
		if (u->window == MS_WINDOW_DATE)
			u->until_s = ms_cbor_read_uint(&c);
		else if (!ms_cbor_read_bool(&c))
			ms_cbor_poison(&c);
	}
	return ms_cbor_done(&c) ? MS_OK : ms_fail(err, MS_ERR_MALFORMED, "policy: windows");
}

static enum ms_rc
parse_uses(struct ms_span sets, bool has_windows, struct ms_span windows, struct ms_policy_uses *ret, struct ms_err *err)
{
	struct ms_policy_names names = {.n = 0};
	enum ms_rc rc = ms_policy_names_parse(sets, true, MS_POLICY_REFERENCES_MAX, MS_REFERENCE_NAME_MAX, &names, err);
	if (rc != MS_OK)
		return rc;
	ret->item = calloc(names.n == 0 ? 1 : names.n, sizeof *ret->item);
	for (size_t i = 0; ret->item != NULL && i < names.n; i++)
		ret->item[i].name = names.item[i];
	ret->n = ret->item != NULL ? names.n : 0;
	free(names.item);
	if (ret->item == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "policy");
	return has_windows ? parse_windows(windows, ret, err) : MS_OK;
}

static void
build_uses(const struct ms_policy_uses *uses, struct ms_buf *out)
{
	ms_cbor_array(out, uses->n);
	for (size_t i = 0; i < uses->n; i++)
		ms_cbor_text_span(out, uses->item[i].name);
}

/* True when there is a window at all. */
static bool
build_windows(const struct ms_policy_uses *uses, struct ms_buf *out)
{
	size_t n = 0;
	for (size_t i = 0; i < uses->n; i++)
		n += uses->item[i].window != MS_WINDOW_NONE;
	ms_cbor_map(out, n);
	for (size_t i = 0; i < uses->n; i++) {
		if (uses->item[i].window == MS_WINDOW_NONE)
			continue;
		ms_cbor_uint(out, i);
		if (uses->item[i].window == MS_WINDOW_MOVED)
			ms_cbor_bool(out, true);
		else
			ms_cbor_uint(out, uses->item[i].until_s);
	}
	return n > 0;
}

/* ---- conditions on claims ---- */

static enum ms_rc
parse_values(struct ms_cbor *c, struct ms_policy_condition *k, struct ms_err *err)
{
	bool list = ms_cbor_peek(c) == MS_CBOR_ARRAY, number = k->claim->type == MS_CLAIM_UINT;
	size_t n = list ? ms_cbor_read_array(c) : 1;
	if (list != ms_policy_op_at(k->op)->list || n > MS_POLICY_VALUES_MAX)
		return ms_fail(err, MS_ERR_MALFORMED, "policy: values of a condition");
	if (k->claim->type == MS_CLAIM_BOOL || (number && !list)) {
		k->number = number ? ms_cbor_read_uint(c) : ms_cbor_read_bool(c);
		return MS_OK;
	}
	if (number)
		k->numbers = calloc(n + 1, sizeof *k->numbers);
	else
		k->values.item = calloc(n + 1, sizeof *k->values.item);
	if (k->numbers == NULL && k->values.item == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "policy");
	for (size_t i = 0; i < n; i++) {
		if (number)
			k->numbers[k->n_numbers++] = ms_cbor_read_uint(c);
		else
			k->values.item[k->values.n++] = k->claim->type == MS_CLAIM_TEXT ? ms_cbor_read_text(c) : ms_cbor_read_bytes(c);
	}
	return MS_OK;
}

static enum ms_rc
parse_condition(struct ms_cbor *c, struct ms_policy_condition *k, struct ms_err *err)
{
	size_t three = ms_cbor_read_array(c);
	struct ms_span name = ms_cbor_read_text(c);
	uint64_t op = ms_cbor_read_uint(c);
	k->claim = ms_claim_name_find(name);
	if (three != 3 || op >= MS_OP_COUNT)
		return ms_fail(err, MS_ERR_MALFORMED, "policy: a condition is a claim, an operator and a value");
	if (k->claim == NULL)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "policy: %.*s is no claim that this program knows",
		    (int)(name.len < 64 ? name.len : 64), (const char *)name.p);
	k->op = (enum ms_policy_op)op;
	return parse_values(c, k, err);
}

static enum ms_rc
parse_claims(struct ms_span cbor, struct ms_policy_rule *r, struct ms_err *err)
{
	struct ms_cbor c = ms_cbor_over(cbor);
	size_t n = ms_cbor_read_array(&c);
	if (n == 0 || n > MS_POLICY_CLAIMS_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "policy: %zu conditions in a rule, 1 to %u", n, MS_POLICY_CLAIMS_MAX);
	r->claims = calloc(n, sizeof *r->claims);
	if (r->claims == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "policy");
	for (size_t i = 0; i < n; i++) {
		enum ms_rc rc = parse_condition(&c, &r->claims[r->n_claims++], err);
		if (rc != MS_OK)
			return rc;
	}
	return ms_cbor_done(&c) ? MS_OK : ms_fail(err, MS_ERR_MALFORMED, "policy: conditions");
}

static void
build_condition(const struct ms_policy_condition *k, struct ms_buf *out)
{
	ms_cbor_array(out, 3);
	ms_cbor_text(out, k->claim->name);
	ms_cbor_uint(out, k->op);
	if (k->claim->type == MS_CLAIM_BOOL) {
		ms_cbor_bool(out, k->number != 0);
		return;
	}
	bool list = ms_policy_op_at(k->op)->list;
	if (list)
		ms_cbor_array(out, k->n_numbers + k->values.n);
	if (k->claim->type == MS_CLAIM_UINT && !list)
		ms_cbor_uint(out, k->number);
	for (size_t i = 0; i < k->n_numbers; i++)
		ms_cbor_uint(out, k->numbers[i]);
	for (size_t i = 0; i < k->values.n; i++)
		if (k->claim->type == MS_CLAIM_TEXT)
			ms_cbor_text_span(out, k->values.item[i]);
		else
			ms_cbor_bytes(out, k->values.item[i]);
}

/* ---- events and files ---- */

static enum ms_rc
parse_events(struct ms_span cbor, struct ms_policy_rule *r, struct ms_err *err)
{
	struct wire_events w;
	enum ms_rc rc = ms_cbor_parse_map(&events_table, cbor, &w, err);
	if (rc != MS_OK)
		return rc;
	r->has |= MS_RULE_EVENTS;
	r->event_pcrs = (uint32_t)w.pcrs;
	return parse_uses(w.sets, HAS(&w, 3), w.windows, &r->event_sets, err);
}

static enum ms_rc
parse_files(struct ms_span cbor, struct ms_policy_rule *r, struct ms_err *err)
{
	struct wire_files w;
	enum ms_rc rc = ms_cbor_parse_map(&files_table, cbor, &w, err);
	if (rc != MS_OK)
		return rc;
	if (HAS(&w, 4) != w.unknown_allowed || HAS(&w, 6) != w.by_digest || (HAS(&w, 2) && !HAS(&w, 1)))
		return ms_fail(err, MS_ERR_MALFORMED, "policy: files");
	r->has |= MS_RULE_FILES;
	r->unknown_allowed = w.unknown_allowed;
	r->by_digest = w.by_digest;
	if (HAS(&w, 1))
		rc = parse_uses(w.sets, HAS(&w, 2), w.windows, &r->file_sets, err);
	if (rc == MS_OK && HAS(&w, 1) && r->file_sets.n == 0)
		rc = ms_fail(err, MS_ERR_MALFORMED, "policy: an empty list");
	if (rc == MS_OK)
		rc = parse_some(HAS(&w, 3), w.exclude, true, MS_POLICY_PATHS_MAX, MS_REFERENCE_PATH_MAX, &r->exclude, err);
	if (rc == MS_OK)
		rc = parse_some(HAS(&w, 5), w.signed_by, false, MS_REFERENCE_KEYS_MAX, MS_POLICY_KEY_ID_LEN, &r->signed_by, err);
	return rc;
}

enum ms_rc
ms_policy_rule_parse(struct ms_span cbor, struct ms_policy_rule *r, struct ms_err *err)
{
	struct wire_rule w;
	enum ms_rc rc = ms_cbor_parse_map(&rule_table, cbor, &w, err);
	if (rc != MS_OK)
		return rc;
	*r = (struct ms_policy_rule){
	    .name = w.name, .all = w.all, .pcrs = (uint32_t)w.pcrs, .identity = w.identity, .assurance = (unsigned)w.assurance};
	const struct {
		unsigned key;
		struct ms_span cbor;
		size_t max;
		struct ms_policy_names *to;
	} lists[] = {{KEY_GROUPS, w.groups, MS_POLICY_GROUPS_MAX, &r->groups}, {KEY_BATCHES, w.batches, MS_POLICY_NAMES_MAX, &r->batches},
	    {KEY_DEVICES, w.devices, MS_POLICY_NAMES_MAX, &r->devices}, {KEY_TENANTS, w.tenants, MS_POLICY_NAMES_MAX, &r->tenants},
	    {KEY_UNPROVEN, w.unproven, MS_POLICY_CLAIMS_MAX, &r->unproven}};
	rc = ms_policy_names_parse(w.models, true, MS_POLICY_MODELS_MAX, MS_REFERENCE_MODEL_MAX, &r->models, err);
	for (size_t i = 0; rc == MS_OK && i < sizeof lists / sizeof *lists; i++)
		rc = parse_some(HAS(&w, lists[i].key), lists[i].cbor, true, lists[i].max, MS_POLICY_ID_MAX, lists[i].to, err);
	if (rc == MS_OK)
		rc = parse_uses(w.references, HAS(&w, KEY_WINDOWS), w.windows, &r->references, err);
	if (rc == MS_OK && HAS(&w, KEY_CLAIMS))
		rc = parse_claims(w.claims, r, err);
	if (rc == MS_OK && HAS(&w, KEY_EVENTS))
		rc = parse_events(w.events, r, err);
	if (rc == MS_OK && HAS(&w, KEY_FILES))
		rc = parse_files(w.files, r, err);
	return rc;
}

static enum ms_rc
build_files(const struct ms_policy_rule *r, struct ms_buf b[static 4], struct ms_buf *out, struct ms_err *err)
{
	struct wire_files w = {.unknown_allowed = r->unknown_allowed, .by_digest = r->by_digest};
	bool windows = build_windows(&r->file_sets, &b[1]);
	build_uses(&r->file_sets, &b[0]);
	ms_policy_names_build(&r->exclude, true, &b[2]);
	ms_policy_names_build(&r->signed_by, false, &b[3]);
	if (r->file_sets.n > 0) {
		w.sets = ms_buf_span(&b[0]);
		w.present |= MS_CBOR_BIT(1);
	}
	if (windows) {
		w.windows = ms_buf_span(&b[1]);
		w.present |= MS_CBOR_BIT(2);
	}
	if (r->exclude.n > 0) {
		w.exclude = ms_buf_span(&b[2]);
		w.present |= MS_CBOR_BIT(3);
	}
	if (r->signed_by.n > 0) {
		w.signed_by = ms_buf_span(&b[3]);
		w.present |= MS_CBOR_BIT(5);
	}
	w.present |= (r->unknown_allowed ? MS_CBOR_BIT(4) : 0) | (r->by_digest ? MS_CBOR_BIT(6) : 0);
	return ms_cbor_build_map(&files_table, &w, out, err);
}

static enum ms_rc
build_events(const struct ms_policy_rule *r, struct ms_buf b[static 2], struct ms_buf *out, struct ms_err *err)
{
	struct wire_events w = {.pcrs = r->event_pcrs};
	build_uses(&r->event_sets, &b[0]);
	w.sets = ms_buf_span(&b[0]);
	if (build_windows(&r->event_sets, &b[1])) {
		w.windows = ms_buf_span(&b[1]);
		w.present |= MS_CBOR_BIT(3);
	}
	return ms_cbor_build_map(&events_table, &w, out, err);
}

enum piece {
	P_MODELS,
	P_REFERENCES,
	P_GROUPS,
	P_BATCHES,
	P_DEVICES,
	P_TENANTS,
	P_WINDOWS,
	P_CLAIMS,
	P_EVENTS,
	P_FILES,
	P_UNPROVEN,
	P_SPARE,
	PIECES = P_SPARE + 6
};

/* A member that goes only when there is something in it. */
static void
member(struct wire_rule *w, bool there, unsigned key, struct ms_span *to, const struct ms_buf *b)
{
	if (!there)
		return;
	*to = ms_buf_span(b);
	w->present |= MS_CBOR_BIT(key);
}

static enum ms_rc
build_pieces(const struct ms_policy_rule *r, struct ms_buf b[static PIECES], struct wire_rule *w, struct ms_err *err)
{
	enum ms_rc rc = MS_OK;
	ms_policy_names_build(&r->models, true, &b[P_MODELS]);
	ms_policy_names_build(&r->groups, true, &b[P_GROUPS]);
	ms_policy_names_build(&r->batches, true, &b[P_BATCHES]);
	ms_policy_names_build(&r->devices, true, &b[P_DEVICES]);
	ms_policy_names_build(&r->tenants, true, &b[P_TENANTS]);
	ms_policy_names_build(&r->unproven, true, &b[P_UNPROVEN]);
	build_uses(&r->references, &b[P_REFERENCES]);
	bool windows = build_windows(&r->references, &b[P_WINDOWS]);
	ms_cbor_array(&b[P_CLAIMS], r->n_claims);
	for (size_t i = 0; i < r->n_claims; i++)
		build_condition(&r->claims[i], &b[P_CLAIMS]);
	if ((r->has & MS_RULE_EVENTS) != 0)
		rc = build_events(r, &b[P_SPARE], &b[P_EVENTS], err);
	if (rc == MS_OK && (r->has & MS_RULE_FILES) != 0)
		rc = build_files(r, &b[P_SPARE + 2], &b[P_FILES], err);
	for (size_t i = 0; rc == MS_OK && i < PIECES; i++)
		rc = ms_buf_check(&b[i], err);
	w->models = ms_buf_span(&b[P_MODELS]);
	w->references = ms_buf_span(&b[P_REFERENCES]);
	member(w, r->groups.n > 0, KEY_GROUPS, &w->groups, &b[P_GROUPS]);
	member(w, r->batches.n > 0, KEY_BATCHES, &w->batches, &b[P_BATCHES]);
	member(w, r->devices.n > 0, KEY_DEVICES, &w->devices, &b[P_DEVICES]);
	member(w, r->tenants.n > 0, KEY_TENANTS, &w->tenants, &b[P_TENANTS]);
	member(w, r->unproven.n > 0, KEY_UNPROVEN, &w->unproven, &b[P_UNPROVEN]);
	member(w, windows, KEY_WINDOWS, &w->windows, &b[P_WINDOWS]);
	member(w, r->n_claims > 0, KEY_CLAIMS, &w->claims, &b[P_CLAIMS]);
	member(w, (r->has & MS_RULE_EVENTS) != 0, KEY_EVENTS, &w->events, &b[P_EVENTS]);
	member(w, (r->has & MS_RULE_FILES) != 0, KEY_FILES, &w->files, &b[P_FILES]);
	w->present |= r->assurance != 0 ? MS_CBOR_BIT(KEY_ASSURANCE) : 0;
	return rc;
}

enum ms_rc
ms_policy_rule_build(const struct ms_policy_rule *r, struct ms_buf *out, struct ms_err *err)
{
	struct ms_buf b[PIECES];
	struct wire_rule w = {.name = r->name, .all = r->all, .pcrs = r->pcrs, .identity = r->identity, .assurance = r->assurance};
	for (size_t i = 0; i < PIECES; i++)
		ms_buf_init(&b[i], WIRE);
	enum ms_rc rc = build_pieces(r, b, &w, err);
	if (rc == MS_OK)
		rc = ms_cbor_build_map(&rule_table, &w, out, err);
	for (size_t i = 0; i < PIECES; i++)
		ms_buf_fini(&b[i]);
	return rc;
}
