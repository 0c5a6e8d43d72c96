#include "evidence/claims.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/cbor.h"
#include "evidence/claim_names.h"

#define BOOL MS_CLAIM_BOOL
#define UINT MS_CLAIM_UINT
#define TEXT MS_CLAIM_TEXT
#define BYTES MS_CLAIM_BYTES
#define ONE false
#define MANY true
#define NEVER false
#define MAYBE true
static const struct ms_claim_name names[] = {
#define X(a_name, a_type, a_many, unproven, sentence) \
	{.name = (a_name), .type = (a_type), .many = (a_many), .may_be_unproven = (unproven), .doc = (sentence)},
    MS_CLAIM_NAMES(X)
#undef X
};

#define NAMES (sizeof names / sizeof *names)
#define RECENT 64u /* power of two */

#define CHUNK_LEN 8192u /* more than one value may be long */

struct chunk {
	struct chunk *next;
	size_t used;
	uint8_t bytes[CHUNK_LEN];
};

struct ms_claims {
	struct ms_claim *item;
	size_t n, cap;
	struct chunk *chunks; /* what texts and bytes are copied into; the newest first */
	uint32_t *slot;       /* hash table of `slots`, a power of two and at least 2 * cap: index of an item + 1; 0: free */
	size_t slots;
	uint32_t first[NAMES]; /* index of the first claim of each name + 1; 0: none */
	struct {
		const char *literal; /* where a name was given; compared before it is believed */
		const struct ms_claim_name *row;
	} recent[RECENT];
};

const struct ms_claim_name *
ms_claim_name_at(size_t i)
{
	return i < sizeof names / sizeof *names ? &names[i] : NULL;
}

static int
by_name(const void *key, const void *row)
{
	const struct ms_span *s = key;
	const struct ms_claim_name *n = row;
	return ms_span_cmp(*s, ms_span_str(n->name));
}

const struct ms_claim_name *
ms_claim_name_find(struct ms_span name)
{
	return bsearch(&name, names, sizeof names / sizeof *names, sizeof *names, by_name);
}

const char *
ms_claim_type_name(enum ms_claim_type t)
{
	static const char *const text[] = {
	    [MS_CLAIM_BOOL] = "bool", [MS_CLAIM_UINT] = "number", [MS_CLAIM_TEXT] = "text", [MS_CLAIM_BYTES] = "bytes"};
	return (unsigned)t < sizeof text / sizeof *text ? text[t] : "unknown";
}

enum ms_rc
ms_claims_new(struct ms_claims **ret, struct ms_err *err)
{
	struct ms_claims *c = calloc(1, sizeof *c);
	if (c == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "claims");
	*ret = c;
	return MS_OK;
}

void
ms_claims_free(struct ms_claims *c)
{
	if (c == NULL)
		return;
	for (struct chunk *next; c->chunks != NULL; c->chunks = next) {
		next = c->chunks->next;
		free(c->chunks);
	}
	free(c->item);
	free(c->slot);
	free(c);
}

size_t
ms_claims_count(const struct ms_claims *c)
{
	return c->n;
}

const struct ms_claim *
ms_claims_at(const struct ms_claims *c, size_t i)
{
	return &c->item[i];
}

const struct ms_claim *
ms_claims_next(const struct ms_claims *c, struct ms_span name, size_t *from)
{
	const struct ms_claim_name *row = ms_claim_name_find(name);
	if (row == NULL || c->first[row - names] == 0) {
		*from = c->n;
		return NULL;
	}
	if (*from < c->first[row - names])
		*from = c->first[row - names] - 1;
	for (; *from < c->n; (*from)++)
		if (c->item[*from].name == row)
			return &c->item[(*from)++];
	return NULL;
}

/* ---- adding ---- */

/* Of name and value; to find equals, not to keep anyone from making others collide: there are at most MS_CLAIMS_MAX. */
static uint64_t
hash_of(const struct ms_claim *one)
{
	const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
	uint64_t h = ((uint64_t)(one->name - names) + 1) * odd ^ one->number, word;
	size_t i = 0;
	for (; i + sizeof word <= one->bytes.len; i += sizeof word) {
		memcpy(&word, one->bytes.p + i, sizeof word);
		h = (h ^ word) * odd;
		h ^= h >> 29;
	}
	for (; i < one->bytes.len; i++)
		h = (h ^ one->bytes.p[i]) * odd;
	return h ^ h >> 32;
}

static bool
same_value(const struct ms_claim *a, const struct ms_claim *b)
{
	return a->name == b->name && a->number == b->number && ms_span_eq(a->bytes, b->bytes);
}

/* The slot of an equal claim, or the free one where it belongs. */
static uint32_t *
slot_of(const struct ms_claims *c, const struct ms_claim *one)
{
	size_t i = (size_t)hash_of(one) & (c->slots - 1);
	while (c->slot[i] != 0 && !same_value(&c->item[c->slot[i] - 1], one))
		i = (i + 1) & (c->slots - 1);
	return &c->slot[i];
}

static enum ms_rc
grow(struct ms_claims *c, struct ms_err *err)
{
	if (c->n < c->cap)
		return MS_OK;
	size_t cap = c->cap == 0 ? 128 : 2 * c->cap;
	struct ms_claim *item = realloc(c->item, cap * sizeof *item);
	if (item == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "claims");
	c->item = item;
	uint32_t *slot = calloc(2 * cap, sizeof *slot);
	if (slot == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "claims");
	free(c->slot);
	c->slot = slot;
	c->slots = 2 * cap;
	for (size_t i = 0; i < c->n; i++)
		*slot_of(c, &c->item[i]) = (uint32_t)i + 1;
	c->cap = cap;
	return MS_OK;
}

/* A copy that lives as long as the set; values are at most MS_CLAIM_VALUE_MAX long, so each fits a chunk. */
static enum ms_rc
copy_in(struct ms_claims *c, struct ms_span *s, struct ms_err *err)
{
	assert(s->len <= CHUNK_LEN);
	if (c->chunks == NULL || s->len > CHUNK_LEN - c->chunks->used) {
		struct chunk *k = malloc(sizeof *k);
		if (k == NULL)
			return ms_fail(err, MS_ERR_NOMEM, "claims");
		k->next = c->chunks;
		k->used = 0;
		c->chunks = k;
	}
	uint8_t *at = c->chunks->bytes + c->chunks->used;
	memcpy(at, s->p, s->len);
	c->chunks->used += s->len;
	s->p = at;
	return MS_OK;
}

static enum ms_rc
add(struct ms_claims *c, struct ms_claim one, struct ms_err *err)
{
	uint32_t *first = &c->first[one.name - names];
	enum ms_rc rc = grow(c, err);
	if (rc != MS_OK)
		return rc;
	uint32_t *slot = slot_of(c, &one);
	if (*slot != 0) {
		struct ms_claim *old = &c->item[*slot - 1];
		old->proven = old->proven && one.proven;
		return MS_OK;
	}
	if (!one.name->many && *first != 0)
		return ms_fail(err, MS_ERR_MALFORMED, "claims: two values of %s", one.name->name);
	if (c->n >= MS_CLAIMS_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "claims: more than %u", MS_CLAIMS_MAX);
	if (one.bytes.len == 0)
		one.bytes.p = NULL;
	else
		rc = copy_in(c, &one.bytes, err);
	if (rc != MS_OK)
		return rc;
	c->item[c->n++] = one;
	*slot = (uint32_t)c->n;
	if (*first == 0)
		*first = (uint32_t)c->n;
	return MS_OK;
}

/* Names are literals of the caller, mostly the same few: their addresses are remembered. */
static const struct ms_claim_name *
row_of(struct ms_claims *c, const char *name, enum ms_claim_type type)
{
	uintptr_t at = (uintptr_t)name;
	size_t i = (at ^ at >> 6) & (RECENT - 1);
	if (c->recent[i].literal != name || strcmp(c->recent[i].row->name, name) != 0) {
		c->recent[i].row = ms_claim_name_find(ms_span_str(name));
		c->recent[i].literal = name;
		assert(c->recent[i].row != NULL);
	}
	assert(c->recent[i].row->type == type);
	return c->recent[i].row;
}

enum ms_rc
ms_claims_add_bool(struct ms_claims *c, const char *name, bool proven, bool v, struct ms_err *err)
{
	return add(c, (struct ms_claim){.name = row_of(c, name, MS_CLAIM_BOOL), .proven = proven, .number = v}, err);
}

enum ms_rc
ms_claims_add_uint(struct ms_claims *c, const char *name, bool proven, uint64_t v, struct ms_err *err)
{
	return add(c, (struct ms_claim){.name = row_of(c, name, MS_CLAIM_UINT), .proven = proven, .number = v}, err);
}

static enum ms_rc
add_as_hex(struct ms_claims *c, struct ms_claim one, struct ms_err *err)
{
	enum { SHOWN = 1024 };
	char hex[sizeof "hex:" + 2 * SHOWN] = "hex:";
	ms_hex(one.bytes.p, one.bytes.len < SHOWN ? one.bytes.len : SHOWN, hex + 4);
	one.bytes = ms_span_str(hex);
	return add(c, one, err);
}

enum ms_rc
ms_claims_add_text(struct ms_claims *c, const char *name, bool proven, struct ms_span v, struct ms_err *err)
{
	struct ms_claim one = {.name = row_of(c, name, MS_CLAIM_TEXT), .proven = proven, .bytes = v};
	if (v.len > MS_CLAIM_VALUE_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "claims: %s of %zu bytes", name, v.len);
	return ms_utf8_ok(v) ? add(c, one, err) : add_as_hex(c, one, err);
}

enum ms_rc
ms_claims_add_bytes(struct ms_claims *c, const char *name, bool proven, struct ms_span v, struct ms_err *err)
{
	if (v.len > MS_CLAIM_VALUE_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "claims: %s of %zu bytes", name, v.len);
	return add(c, (struct ms_claim){.name = row_of(c, name, MS_CLAIM_BYTES), .proven = proven, .bytes = v}, err);
}

enum ms_rc
ms_claims_merge_of(struct ms_claims *c, const struct ms_claims *from, const char *prefix, struct ms_err *err)
{
	enum ms_rc rc = MS_OK;
	for (size_t i = 0; rc == MS_OK && i < from->n; i++)
		if (strncmp(from->item[i].name->name, prefix, strlen(prefix)) == 0)
			rc = add(c, from->item[i], err);
	return rc;
}

enum ms_rc
ms_claims_add(struct ms_claims *c, const struct ms_claim *one, struct ms_err *err)
{
	return add(c, *one, err);
}

enum ms_rc
ms_claims_merge(struct ms_claims *c, const struct ms_claims *from, struct ms_err *err)
{
	return ms_claims_merge_of(c, from, "", err);
}

enum ms_rc
ms_claims_build(const struct ms_claims *c, struct ms_buf *out, struct ms_err *err)
{
	ms_cbor_array(out, c->n);
	for (size_t i = 0; i < c->n; i++) {
		const struct ms_claim *one = &c->item[i];
		ms_cbor_array(out, 3);
		ms_cbor_text(out, one->name->name);
		ms_cbor_bool(out, one->proven);
		switch (one->name->type) {
		case MS_CLAIM_BOOL:
			ms_cbor_bool(out, one->number != 0);
			break;
		case MS_CLAIM_UINT:
			ms_cbor_uint(out, one->number);
			break;
		case MS_CLAIM_TEXT:
			ms_cbor_text_span(out, one->bytes);
			break;
		case MS_CLAIM_BYTES:
			ms_cbor_bytes(out, one->bytes);
			break;
		}
	}
	return ms_buf_check(out, err);
}

static void
read_value(struct ms_cbor *r, struct ms_claim *one)
{
	switch (one->name->type) {
	case MS_CLAIM_BOOL:
		one->number = ms_cbor_read_bool(r);
		break;
	case MS_CLAIM_UINT:
		one->number = ms_cbor_read_uint(r);
		break;
	case MS_CLAIM_TEXT:
		one->bytes = ms_cbor_read_text(r);
		break;
	case MS_CLAIM_BYTES:
		one->bytes = ms_cbor_read_bytes(r);
		break;
	}
}

enum ms_rc
ms_claims_parse(struct ms_span cbor, struct ms_claims **ret, struct ms_err *err)
{
	MS_OWN(ms_claims_free) struct ms_claims *c = NULL;
	if (cbor.len > MS_CLAIMS_WIRE_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "claims: %zu bytes", cbor.len);
	struct ms_cbor r = ms_cbor_over(cbor);
	size_t n = ms_cbor_read_array(&r);
	enum ms_rc rc = ms_claims_new(&c, err);
	for (size_t i = 0; rc == MS_OK && i < n && i <= MS_CLAIMS_MAX; i++) {
		struct ms_claim one = {.number = 0};
		size_t parts = ms_cbor_read_array(&r);
		one.name = ms_claim_name_find(ms_cbor_read_text(&r));
		one.proven = ms_cbor_read_bool(&r);
		if (parts != 3 || one.name == NULL)
			return ms_fail(err, MS_ERR_MALFORMED, "claims: row %zu", i);
		read_value(&r, &one);
		if (r.rd.bad || one.bytes.len > MS_CLAIM_VALUE_MAX)
			return ms_fail(err, MS_ERR_MALFORMED, "claims: value of %s", one.name->name);
		size_t before = c->n;
		rc = add(c, one, err);
		if (rc == MS_OK && c->n == before)
			rc = ms_fail(err, MS_ERR_MALFORMED, "claims: %s is there twice", one.name->name);
	}
	if (rc == MS_OK && !ms_cbor_done(&r))
		rc = ms_fail(err, MS_ERR_MALFORMED, "claims: not an array of them");
	if (rc != MS_OK)
		return rc;
	*ret = c;
	c = NULL;
	return MS_OK;
}

void
ms_claim_text(const struct ms_claim *c, char *out, size_t size)
{
	size_t n = c->bytes.len;
	switch (c->name->type) {
	case MS_CLAIM_BOOL:
		(void)snprintf(out, size, "%s", c->number != 0 ? "true" : "false");
		return;
	case MS_CLAIM_UINT:
		(void)snprintf(out, size, "%llu", (unsigned long long)c->number);
		return;
	case MS_CLAIM_TEXT:
		(void)snprintf(out, size, "%.*s", (int)n, n == 0 ? "" : (const char *)c->bytes.p);
		return;
	case MS_CLAIM_BYTES:
		n = n < (size - 1) / 2 ? n : (size - 1) / 2;
		ms_hex(c->bytes.p, n, out);
		return;
	}
}
