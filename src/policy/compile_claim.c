/* Conditions on claims: names of the catalogue, operators that fit the claim's type. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/compile_int.h"

#define NAME_MAX 96u

/* Levenshtein's distance of two short texts. */
static size_t
distance(struct ms_span a, const char *b)
{
	size_t row[NAME_MAX + 1], n = strlen(b);
	if (a.len > NAME_MAX || n > NAME_MAX)
		return NAME_MAX;
	for (size_t k = 0; k <= n; k++)
		row[k] = k;
	for (size_t i = 0; i < a.len; i++) {
		size_t corner = row[0];
		row[0] = i + 1;
		for (size_t k = 0; k < n; k++) {
			size_t change = corner + (a.p[i] != (uint8_t)b[k]), least = row[k] < row[k + 1] ? row[k] : row[k + 1];
			corner = row[k + 1];
			row[k + 1] = change < least + 1 ? change : least + 1;
		}
	}
	return row[n];
}

static const char *
nearest_claim(struct ms_span name)
{
	const char *best = NULL;
	size_t least = NAME_MAX;
	for (size_t i = 0; ms_claim_name_at(i) != NULL; i++) {
		size_t d = distance(name, ms_claim_name_at(i)->name);
		if (d < least) {
			least = d;
			best = ms_claim_name_at(i)->name;
		}
	}
	return best;
}

static enum ms_rc
check_claim_name(struct ms_yaml_node *n, struct ms_span s, struct ms_err *err)
{
	if (ms_claim_name_find(s) != NULL)
		return MS_OK;
	const char *near = nearest_claim(s);
	return ms_yaml_fail(n, err, MS_ERR_USAGE, "there is no claim %s%s%s", (const char *)s.p, near != NULL ? "; the nearest is " : "",
	    near != NULL ? near : "");
}

enum ms_rc
ms_compile_claim_name(struct ms_yaml_node *n, const struct ms_claim_name **ret, struct ms_err *err)
{
	struct ms_span s = MS_SPAN_NONE;
	enum ms_rc rc = ms_compile_text(n, NAME_MAX, &s, err);
	if (rc == MS_OK)
		rc = check_claim_name(n, s, err);
	if (rc == MS_OK)
		*ret = ms_claim_name_find(s);
	return rc;
}

enum ms_rc
ms_compile_claim_names(struct ms_yaml_node *n, struct ms_policy_names *ret, struct ms_err *err)
{
	enum ms_rc rc = ms_compile_list(n, MS_POLICY_CLAIMS_MAX, NAME_MAX, check_claim_name, ret, err);
	ms_compile_sort(ret);
	return rc;
}

static bool
fits(const struct ms_policy_op_row *op, const struct ms_claim_name *claim)
{
	return (op->types >> claim->type & 1) != 0 && (claim->many ? op->many : op->one);
}

static enum ms_rc
no_operator(struct ms_yaml_node *n, const struct ms_claim_name *claim, const struct ms_policy_op_row *op, struct ms_err *err)
{
	char all[160] = "";
	size_t at = 0;
	for (unsigned i = 0; ms_policy_op_at(i) != NULL; i++)
		if (fits(ms_policy_op_at(i), claim) && at < sizeof all)
			at += (size_t)snprintf(all + at, sizeof all - at, "%s%s", at == 0 ? "" : ", ", ms_policy_op_at(i)->name);
	return ms_yaml_fail(n, err, MS_ERR_USAGE, "%s is %s%s, which does not go with %s; it takes %s", claim->name,
	    claim->many ? "a set of " : "a ", claim->many ? "values" : ms_claim_type_name(claim->type), op->name, all);
}

/* One value of the claim's type. */
static enum ms_rc
read_value(struct ms_compile *c, struct ms_yaml_node *n, const struct ms_policy_condition *k, struct ms_span *ret, uint64_t *ret_number,
    struct ms_err *err)
{
	bool flag = false;
	enum ms_rc rc = MS_OK;
	switch (k->claim->type) {
	case MS_CLAIM_BOOL:
		rc = ms_yaml_bool(n, &flag, err);
		*ret_number = flag;
		return rc;
	case MS_CLAIM_UINT:
		return ms_yaml_uint(n, 0, UINT64_MAX, ret_number, err);
	case MS_CLAIM_BYTES:
		return ms_compile_hex(c, n, 1, MS_CLAIM_VALUE_MAX, ret, err);
	default:
		rc = ms_compile_text(n, MS_CLAIM_VALUE_MAX, ret, err);
	}
	bool version = k->op == MS_OP_VERSION_MIN || k->op == MS_OP_VERSION_MAX;
	if (rc == MS_OK && version && !ms_policy_version_ok(*ret))
		rc = ms_yaml_fail(
		    n, err, MS_ERR_USAGE, "\"%s\" is no version: numbers with dots between them, as in 4 or 15.8.1", (const char *)ret->p);
	bool word = k->op == MS_OP_WORDS || k->op == MS_OP_NO_WORDS;
	if (rc == MS_OK && word && !ms_policy_word_ok(*ret))
		rc = ms_yaml_fail(n, err, MS_ERR_USAGE, "\"%s\": a word has no white space", (const char *)ret->p);
	return rc;
}

static bool
value_is_there(const struct ms_policy_condition *k, bool number, struct ms_span s, uint64_t v)
{
	for (size_t i = 0; i < k->n_numbers; i++)
		if (number && k->numbers[i] == v)
			return true;
	for (size_t i = 0; i < k->values.n; i++)
		if (!number && ms_span_eq(k->values.item[i], s))
			return true;
	return false;
}

static int
by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static enum ms_rc
read_values(struct ms_compile *c, struct ms_yaml_node *list, struct ms_policy_condition *k, struct ms_err *err)
{
	bool number = k->claim->type == MS_CLAIM_UINT;
	enum ms_rc rc = ms_yaml_expect(list, MS_YAML_LIST, err);
	size_t n = rc == MS_OK ? ms_yaml_count(list) : 0;
	if (rc == MS_OK && (n == 0 || n > MS_POLICY_VALUES_MAX))
		return ms_yaml_fail(list, err, MS_ERR_USAGE, "1 to %u values: an empty list is never \"any\"", MS_POLICY_VALUES_MAX);
	if (rc != MS_OK)
		return rc;
	k->numbers = number ? calloc(n, sizeof *k->numbers) : NULL;
	k->values.item = number ? NULL : calloc(n, sizeof *k->values.item);
	if (k->numbers == NULL && k->values.item == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "policy");
	for (struct ms_yaml_node *i = ms_yaml_first(list); i != NULL; i = ms_yaml_next(i)) {
		struct ms_span s = MS_SPAN_NONE;
		uint64_t v = 0;
		rc = read_value(c, i, k, &s, &v, err);
		if (rc == MS_OK && value_is_there(k, number, s, v))
			rc = ms_yaml_fail(i, err, MS_ERR_USAGE, "the same value is there twice");
		if (rc != MS_OK)
			return rc;
		if (number)
			k->numbers[k->n_numbers++] = v;
		else
			k->values.item[k->values.n++] = s;
	}
	if (number)
		qsort(k->numbers, k->n_numbers, sizeof *k->numbers, by_number);
	ms_compile_sort(&k->values);
	return MS_OK;
}

static enum ms_rc
read_operand(struct ms_compile *c, struct ms_yaml_node *n, struct ms_policy_condition *k, struct ms_err *err)
{
	if (ms_policy_op_at(k->op)->list)
		return read_values(c, n, k, err);
	struct ms_span s = MS_SPAN_NONE;
	enum ms_rc rc = read_value(c, n, k, &s, &k->number, err);
	if (rc != MS_OK || k->claim->type == MS_CLAIM_BOOL || k->claim->type == MS_CLAIM_UINT)
		return rc;
	k->values.item = calloc(1, sizeof *k->values.item);
	if (k->values.item == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "policy");
	k->values.item[k->values.n++] = s;
	return MS_OK;
}

/* One operator of one item: a condition of its own. */
static enum ms_rc
add_condition(struct ms_compile *c, struct ms_yaml_node *n, const struct ms_claim_name *claim, unsigned op, struct ms_policy_rule *r,
    struct ms_err *err)
{
	if (!fits(ms_policy_op_at(op), claim))
		return no_operator(n, claim, ms_policy_op_at(op), err);
	for (size_t i = 0; i < r->n_claims; i++)
		if (r->claims[i].claim == claim && r->claims[i].op == op)
			return ms_yaml_fail(n, err, MS_ERR_USAGE, "the rule has %s of %s already", ms_policy_op_at(op)->name, claim->name);
	if (r->n_claims == MS_POLICY_CLAIMS_MAX)
		return ms_yaml_fail(n, err, MS_ERR_USAGE, "more than %u conditions in a rule", MS_POLICY_CLAIMS_MAX);
	struct ms_policy_condition *k = &r->claims[r->n_claims++];
	*k = (struct ms_policy_condition){.claim = claim, .op = (enum ms_policy_op)op};
	return read_operand(c, n, k, err);
}

static enum ms_rc
read_item(struct ms_compile *c, struct ms_yaml_node *item, struct ms_policy_rule *r, struct ms_err *err)
{
	struct ms_yaml_node *name = NULL;
	const struct ms_claim_name *claim = NULL;
	size_t before = r->n_claims;
	enum ms_rc rc = ms_yaml_expect(item, MS_YAML_MAP, err);
	if (rc == MS_OK)
		rc = ms_compile_need(item, "claim", MS_YAML_SCALAR, &name, err);
	if (rc == MS_OK)
		rc = ms_compile_claim_name(name, &claim, err);
	for (unsigned op = 0; rc == MS_OK && ms_policy_op_at(op) != NULL; op++) {
		struct ms_yaml_node *n = ms_yaml_get(item, ms_policy_op_at(op)->name);
		if (n != NULL)
			rc = add_condition(c, n, claim, op, r, err);
	}
	if (rc == MS_OK && r->n_claims == before)
		rc = ms_yaml_fail(
		    item, err, MS_ERR_USAGE, "%s: an operator is missing, such as is, in, any_of, min or version_min", claim->name);
	return rc;
}

enum ms_rc
ms_compile_claims(struct ms_compile *c, struct ms_yaml_node *n, struct ms_policy_rule *r, struct ms_err *err)
{
	enum ms_rc rc = ms_yaml_expect(n, MS_YAML_LIST, err);
	if (rc == MS_OK && ms_yaml_count(n) == 0)
		return ms_yaml_fail(n, err, MS_ERR_USAGE, "1 to %u conditions: an empty list is never \"any\"", MS_POLICY_CLAIMS_MAX);
	r->claims = calloc(MS_POLICY_CLAIMS_MAX, sizeof *r->claims);
	if (r->claims == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "policy");
	for (struct ms_yaml_node *i = rc == MS_OK ? ms_yaml_first(n) : NULL; rc == MS_OK && i != NULL; i = ms_yaml_next(i))
		rc = read_item(c, i, r, err);
	return rc;
}
