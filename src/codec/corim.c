/* Members and tags are numbered as in draft-ietf-rats-corim; the sections of its CDDL are named beside them. */
#include "codec/corim.h"

#include <stdlib.h>
#include <string.h>

enum { TAG_TIME = 1, TAG_URI = 32, TAG_UUID = 37, TAG_OID = 111, TAG_IMPL_ID = 600, TAG_REFVAL_ID = 601 };
enum { TAG_CORIM_OLD = 500, TAG_CORIM = 501, TAG_SIGNED_OLD = 502, TAG_COSWID = 505, TAG_COMID = 506, TAG_SIGN1 = 18 };
enum { TAG_UEID = 550, TAG_SVN = 552, TAG_MIN_SVN = 553, TAG_BYTES = 560, TAG_MASKED_RAW = 563 };
enum { CORIM_ID = 0, CORIM_TAGS = 1, CORIM_PROFILE = 3, CORIM_VALIDITY = 4, HEADER_META = 8 };
enum { COMID_IDENTITY = 1, COMID_TRIPLES = 4, TRIPLES_REFERENCE = 0, TRIPLES_ENDORSED = 1 };
enum {
	MVAL_VERSION,
	MVAL_SVN,
	MVAL_DIGESTS,
	MVAL_FLAGS,
	MVAL_RAW,
	MVAL_RAW_MASK,
	MVAL_SERIAL = 8,
	MVAL_UEID,
	MVAL_UUID,
	MVAL_NAME,
	MVAL_CRYPTOKEYS = 13,
	MVAL_REGISTERS = 14
};

static const struct {
	uint64_t id; /* IANA: named information hash algorithms */
	const char *name;
	size_t len;
} algs[] = {{1, "sha256", 32}, {2, "sha256-128", 16}, {3, "sha256-120", 15}, {4, "sha256-96", 12}, {5, "sha256-64", 8}, {6, "sha256-32", 4},
    {7, "sha384", 48}, {8, "sha512", 64}, {9, "sha3-224", 28}, {10, "sha3-256", 32}, {11, "sha3-384", 48}, {12, "sha3-512", 64}};

const char *
ms_corim_alg_name(uint64_t alg)
{
	for (size_t i = 0; i < sizeof algs / sizeof *algs; i++)
		if (algs[i].id == alg)
			return algs[i].name;
	return NULL;
}

static size_t
alg_len(uint64_t alg)
{
	for (size_t i = 0; i < sizeof algs / sizeof *algs; i++)
		if (algs[i].id == alg)
			return algs[i].len;
	return 0;
}

static enum ms_rc
bad(struct ms_err *err, const char *what)
{
	return ms_fail(err, MS_ERR_MALFORMED, "corim: %s", what);
}

/* All values of one measurement begin as this. */
struct measurement {
	struct ms_corim *c;
	struct ms_corim_value base;
};

static enum ms_rc
add(struct ms_corim *c, const struct ms_corim_value *v, struct ms_err *err)
{
	if (c->n == MS_CORIM_VALUES_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "corim: more than %u values", MS_CORIM_VALUES_MAX);
	if (c->n == c->cap) {
		size_t cap = c->cap == 0 ? 16 : 2 * c->cap;
		struct ms_corim_value *value = realloc(c->value, cap * sizeof *value);
		if (value == NULL)
			return ms_fail(err, MS_ERR_NOMEM, "corim");
		c->value = value;
		c->cap = cap;
	}
	c->value[c->n++] = *v;
	return MS_OK;
}

static struct ms_span
text_member(const struct ms_any *map, int64_t key)
{
	struct ms_any a;
	struct ms_span s = MS_SPAN_NONE;
	if (ms_any_get(map, key, &a))
		(void)ms_any_is_text(&a, &s);
	return s;
}

static bool
uint_member(const struct ms_any *map, int64_t key, uint64_t *ret)
{
	struct ms_any a;
	return ms_any_get(map, key, &a) && ms_any_is_uint(&a, ret);
}

/* Content of a byte string in one of these tags; the number of the tag, 0 when it is none of them. */
static uint64_t
tagged_bytes(const struct ms_any *a, const uint64_t *tags, size_t n, struct ms_span *ret)
{
	struct ms_any inner;
	for (size_t i = 0; i < n; i++)
		if (ms_any_untag(a, tags[i], &inner) && ms_any_is_bytes(&inner, ret))
			return tags[i];
	return 0;
}

/* 5.1.4.2: environment-map */
static enum ms_rc
read_environment(struct ms_corim *c, const struct ms_any *a, struct ms_corim_environment *ret, struct ms_err *err)
{
	static const uint64_t class_tags[] = {TAG_UUID, TAG_OID, TAG_BYTES, TAG_IMPL_ID}, other_tags[] = {TAG_UEID, TAG_UUID, TAG_BYTES};
	struct ms_any class, id, other;
	struct ms_corim_environment e = {0};
	if (a->type != MS_ANY_MAP || a->value == 0)
		return bad(err, "an environment that is not a map, or empty");
	if (ms_any_get(a, 0, &class)) {
		if (class.type != MS_ANY_MAP)
			return bad(err, "a class that is not a map");
		e.vendor = text_member(&class, 1);
		e.model = text_member(&class, 2);
		e.has_layer = uint_member(&class, 3, &e.layer);
		e.has_index = uint_member(&class, 4, &e.index);
		if (ms_any_get(&class, 0, &id)) {
			uint64_t tag = tagged_bytes(&id, class_tags, 4, &e.class_id);
			e.class_type = tag == TAG_UUID  ? MS_CORIM_CLASS_UUID
				       : tag == TAG_OID ? MS_CORIM_CLASS_OID
				       : tag != 0       ? MS_CORIM_CLASS_BYTES
							: MS_CORIM_CLASS_OTHER;
			c->skipped += tag == 0;
		}
	}
	if (ms_any_get(a, 1, &other) && tagged_bytes(&other, other_tags, 3, &e.instance) == 0)
		c->skipped++;
	if (ms_any_get(a, 2, &other) && tagged_bytes(&other, other_tags, 3, &e.group) == 0)
		c->skipped++;
	*ret = e;
	return MS_OK;
}

/* 5.1.4.1.4: mkey. What is not known here stays without a key, and is counted. */
static void
read_key(struct ms_corim *c, const struct ms_any *a, struct ms_corim_value *v)
{
	static const uint64_t tags[] = {TAG_UUID, TAG_OID};
	struct ms_any psa;
	if (ms_any_is_uint(a, &v->key_number)) {
		v->has_key_number = true;
	} else if (ms_any_untag(a, TAG_REFVAL_ID, &psa)) { /* PSA, before it named measurements by text */
		v->key = ms_span_str("psa.software-component");
		v->label = text_member(&psa, 1);
		v->version = text_member(&psa, 4);
		struct ms_any signer;
		if (ms_any_get(&psa, 5, &signer))
			(void)ms_any_is_bytes(&signer, &v->signer);
	} else if (!ms_any_is_text(a, &v->key) && tagged_bytes(a, tags, 2, &v->key) == 0) {
		c->skipped++;
	}
}

/* [alg, bytes]; alg is a number, or a text that nobody registered */
static enum ms_rc
read_digest(const struct ms_any *a, struct ms_corim_value *v, struct ms_err *err)
{
	struct ms_any alg, value;
	if (a->type != MS_ANY_ARRAY || a->value != 2 || !ms_any_at(a, 0, &alg) || !ms_any_at(a, 1, &value) ||
	    !ms_any_is_bytes(&value, &v->value))
		return bad(err, "a digest that is not an algorithm and bytes");
	v->alg = 0;
	v->alg_name = MS_SPAN_NONE;
	if (!ms_any_is_uint(&alg, &v->alg) && !ms_any_is_text(&alg, &v->alg_name) && alg.type != MS_ANY_NINT)
		return bad(err, "a digest whose algorithm is no number or text");
	size_t len = alg_len(v->alg);
	if (v->value.len == 0 || (len != 0 && v->value.len != len))
		return ms_fail(
		    err, MS_ERR_MALFORMED, "corim: a %s digest of %zu bytes", len == 0 ? "named" : ms_corim_alg_name(v->alg), v->value.len);
	return MS_OK;
}

static enum ms_rc
add_digests(struct measurement *m, const struct ms_any *list, const struct ms_corim_value *base, struct ms_err *err)
{
	struct ms_any one;
	struct ms_any_iter it = ms_any_items(list);
	if (list->type != MS_ANY_ARRAY || list->value == 0)
		return bad(err, "digests that are not an array, or none");
	while (ms_any_next(&it, &one)) {
		struct ms_corim_value v = *base;
		enum ms_rc rc = read_digest(&one, &v, err);
		if (rc == MS_OK)
			rc = add(m->c, &v, err);
		if (rc != MS_OK)
			return rc;
	}
	return MS_OK;
}

/* 5.1.4.1.4.9: integrity registers: {register: digests} */
static enum ms_rc
add_registers(struct measurement *m, const struct ms_any *map, struct ms_err *err)
{
	struct ms_any key, list;
	struct ms_any_iter it = ms_any_items(map);
	if (map->type != MS_ANY_MAP || map->value == 0)
		return bad(err, "integrity registers that are not a map, or none");
	while (ms_any_next(&it, &key) && ms_any_next(&it, &list)) {
		struct ms_corim_value v = m->base;
		v.kind = MS_CORIM_REGISTER;
		if (!ms_any_is_uint(&key, &v.reg_number) && !ms_any_is_text(&key, &v.reg))
			return bad(err, "an integrity register that has no number or text");
		enum ms_rc rc = add_digests(m, &list, &v, err);
		if (rc != MS_OK)
			return rc;
	}
	return MS_OK;
}

static enum ms_rc
add_svn(struct measurement *m, const struct ms_any *a, struct ms_err *err)
{
	struct ms_any inner;
	struct ms_corim_value v = m->base;
	bool least = ms_any_untag(a, TAG_MIN_SVN, &inner);
	v.kind = least ? MS_CORIM_MIN_SVN : MS_CORIM_SVN;
	if (!least && !ms_any_untag(a, TAG_SVN, &inner))
		inner = *a;
	if (!ms_any_is_uint(&inner, &v.number))
		return bad(err, "a security version that is not a number");
	return add(m->c, &v, err);
}

/* 5.1.4.1.4.3: raw value, with its mask inside, or beside it (as earlier drafts had it) */
static enum ms_rc
add_raw(struct measurement *m, const struct ms_any *a, const struct ms_any *mval, struct ms_err *err)
{
	struct ms_any inner, part;
	struct ms_corim_value v = m->base;
	v.kind = MS_CORIM_RAW;
	if (ms_any_untag(a, TAG_MASKED_RAW, &inner)) {
		bool ok = inner.type == MS_ANY_ARRAY && inner.value == 2 && ms_any_at(&inner, 0, &part) &&
			  ms_any_is_bytes(&part, &v.value) && ms_any_at(&inner, 1, &part) && ms_any_is_bytes(&part, &v.mask);
		if (!ok)
			return bad(err, "a masked value that is not value and mask");
	} else if (ms_any_untag(a, TAG_BYTES, &inner) ? !ms_any_is_bytes(&inner, &v.value) : !ms_any_is_bytes(a, &v.value)) {
		m->c->skipped++; /* an extension's type */
		return MS_OK;
	}
	if (v.mask.len == 0 && ms_any_get(mval, MVAL_RAW_MASK, &part) && !ms_any_is_bytes(&part, &v.mask))
		return bad(err, "a mask that is not bytes");
	if (v.mask.len != 0 && v.mask.len != v.value.len)
		return bad(err, "a mask that is not as long as its value");
	return add(m->c, &v, err);
}

static enum ms_rc
add_flags(struct measurement *m, const struct ms_any *map, struct ms_err *err)
{
	struct ms_any key, value;
	struct ms_any_iter it = ms_any_items(map);
	if (map->type != MS_ANY_MAP)
		return bad(err, "flags that are not a map");
	while (ms_any_next(&it, &key) && ms_any_next(&it, &value)) {
		struct ms_corim_value v = m->base;
		bool on;
		v.kind = MS_CORIM_FLAG;
		if (!ms_any_is_uint(&key, &v.reg_number) || !ms_any_is_bool(&value, &on)) {
			m->c->skipped++;
			continue;
		}
		v.number = on;
		enum ms_rc rc = add(m->c, &v, err);
		if (rc != MS_OK)
			return rc;
	}
	return MS_OK;
}

/* A value that is one string, alone or in a tag of its own. */
static enum ms_rc
add_string(struct measurement *m, const struct ms_any *a, enum ms_corim_kind kind, struct ms_err *err)
{
	static const uint64_t tags[] = {TAG_UEID, TAG_UUID};
	struct ms_corim_value v = m->base;
	v.kind = kind;
	bool text = kind == MS_CORIM_SERIAL || kind == MS_CORIM_NAME || kind == MS_CORIM_VERSION;
	if (text ? !ms_any_is_text(a, &v.value) : !ms_any_is_bytes(a, &v.value) && tagged_bytes(a, tags, 2, &v.value) == 0)
		return bad(err, "a measurement's value of another type than it must be");
	return add(m->c, &v, err);
}

static enum ms_rc
add_value(struct measurement *m, uint64_t key, const struct ms_any *a, const struct ms_any *mval, struct ms_err *err)
{
	switch (key) {
	case MVAL_VERSION: {
		struct ms_any text;
		if (!ms_any_get(a, 0, &text))
			return bad(err, "a version without its text");
		return add_string(m, &text, MS_CORIM_VERSION, err);
	}
	case MVAL_SVN:
		return add_svn(m, a, err);
	case MVAL_DIGESTS:
		return add_digests(m, a, &m->base, err);
	case MVAL_FLAGS:
		return add_flags(m, a, err);
	case MVAL_RAW:
		return add_raw(m, a, mval, err);
	case MVAL_RAW_MASK:
		return MS_OK;
	case MVAL_SERIAL:
		return add_string(m, a, MS_CORIM_SERIAL, err);
	case MVAL_UEID:
		return add_string(m, a, MS_CORIM_UEID, err);
	case MVAL_UUID:
		return add_string(m, a, MS_CORIM_UUID, err);
	case MVAL_NAME:
		return add_string(m, a, MS_CORIM_NAME, err);
	case MVAL_REGISTERS:
		return add_registers(m, a, err);
	default:
		m->c->skipped++;
		return MS_OK;
	}
}

/* The label and the signer go with all values of the measurement. */
static void
read_companions(struct measurement *m, const struct ms_any *mval)
{
	static const uint64_t tags[] = {TAG_BYTES};
	struct ms_any version, keys, first;
	if (m->base.label.len == 0)
		m->base.label = text_member(mval, MVAL_NAME);
	if (m->base.version.len == 0 && ms_any_get(mval, MVAL_VERSION, &version))
		m->base.version = text_member(&version, 0);
	if (ms_any_get(mval, MVAL_CRYPTOKEYS, &keys) &&
	    (!ms_any_at(&keys, 0, &first) || tagged_bytes(&first, tags, 1, &m->base.signer) == 0))
		m->c->skipped++;
}

/* 5.1.4.1.4: measurement-map */
static enum ms_rc
read_measurement(struct ms_corim *c, const struct ms_any *a, struct ms_corim_value base, struct ms_err *err)
{
	struct measurement m = {.c = c, .base = base};
	struct ms_any key, mval, value;
	if (a->type != MS_ANY_MAP || !ms_any_get(a, 1, &mval) || mval.type != MS_ANY_MAP)
		return bad(err, "a measurement without its map of values");
	if (ms_any_get(a, 0, &key))
		read_key(c, &key, &m.base);
	read_companions(&m, &mval);
	struct ms_any_iter it = ms_any_items(&mval);
	while (ms_any_next(&it, &key) && ms_any_next(&it, &value)) {
		uint64_t n;
		if (!ms_any_is_uint(&key, &n)) { /* negative: of a profile */
			c->skipped++;
			continue;
		}
		enum ms_rc rc = n == MVAL_CRYPTOKEYS ? MS_OK : add_value(&m, n, &value, &mval, err);
		if (rc != MS_OK)
			return rc;
	}
	return MS_OK;
}

/* [environment, [measurement, ...]]; earlier drafts had one measurement in place of the array */
static enum ms_rc
read_triple(struct ms_corim *c, const struct ms_any *a, enum ms_corim_triple kind, uint32_t *measurement, struct ms_err *err)
{
	struct ms_any env, list, one;
	struct ms_corim_value base = {.triple = kind};
	if (a->type != MS_ANY_ARRAY || a->value != 2 || !ms_any_at(a, 0, &env) || !ms_any_at(a, 1, &list))
		return bad(err, "a triple that is not an environment and measurements");
	enum ms_rc rc = read_environment(c, &env, &base.env, err);
	if (rc == MS_OK && list.type == MS_ANY_MAP) {
		base.measurement = (*measurement)++;
		return read_measurement(c, &list, base, err);
	}
	if (rc == MS_OK && (list.type != MS_ANY_ARRAY || list.value == 0))
		return bad(err, "a triple without measurements");
	struct ms_any_iter it = ms_any_items(&list);
	while (rc == MS_OK && ms_any_next(&it, &one)) {
		base.measurement = (*measurement)++;
		rc = read_measurement(c, &one, base, err);
	}
	return rc;
}

static enum ms_rc
read_triples(struct ms_corim *c, const struct ms_any *map, struct ms_err *err)
{
	struct ms_any key, list, one;
	struct ms_any_iter it = ms_any_items(map);
	uint32_t measurement = c->n == 0 ? 0 : c->value[c->n - 1].measurement + 1;
	if (map->type != MS_ANY_MAP || map->value == 0)
		return bad(err, "triples that are not a map, or none");
	while (ms_any_next(&it, &key) && ms_any_next(&it, &list)) {
		uint64_t n = UINT64_MAX;
		if (!ms_any_is_uint(&key, &n) || n > TRIPLES_ENDORSED) {
			c->skipped += list.type == MS_ANY_ARRAY ? list.value : 1;
			continue;
		}
		if (list.type != MS_ANY_ARRAY)
			return bad(err, "triples of one kind that are not an array");
		struct ms_any_iter each = ms_any_items(&list);
		while (ms_any_next(&each, &one)) {
			enum ms_rc rc =
			    read_triple(c, &one, n == TRIPLES_REFERENCE ? MS_CORIM_REFERENCE : MS_CORIM_ENDORSED, &measurement, err);
			if (rc != MS_OK)
				return rc;
		}
	}
	return MS_OK;
}

static enum ms_rc
read_comid(struct ms_corim *c, const struct ms_any *map, struct ms_err *err)
{
	struct ms_any identity, id, triples;
	if (map->type != MS_ANY_MAP)
		return bad(err, "a CoMID that is not a map");
	if (!ms_any_get(map, COMID_IDENTITY, &identity) || !ms_any_get(&identity, 0, &id) ||
	    (id.type != MS_ANY_TEXT && id.type != MS_ANY_BYTES))
		return bad(err, "a CoMID without its identity");
	if (!ms_any_get(map, COMID_TRIPLES, &triples))
		return bad(err, "a CoMID without triples");
	c->comids++;
	return read_triples(c, &triples, err);
}

/* 4.1.2: each tag is a byte string of CBOR in a CBOR tag that says of what kind */
static enum ms_rc
read_tag(struct ms_corim *c, const struct ms_any *a, struct ms_err *err)
{
	struct ms_any inner, map;
	struct ms_span bytes;
	if (ms_any_untag(a, TAG_COSWID, &inner)) {
		c->coswids++;
		return MS_OK;
	}
	if (!ms_any_untag(a, TAG_COMID, &inner)) {
		c->other_tags++;
		return MS_OK;
	}
	if (!ms_any_is_bytes(&inner, &bytes))
		return bad(err, "a CoMID that is not wrapped in bytes");
	enum ms_rc rc = ms_any_parse(bytes, &map, err);
	return rc == MS_OK ? read_comid(c, &map, err) : ms_prefix(err, rc, "corim: a CoMID");
}

static bool
time_member(const struct ms_any *map, int64_t key, int64_t *ret)
{
	struct ms_any a, inner;
	return ms_any_get(map, key, &a) && ms_any_untag(&a, TAG_TIME, &inner) && ms_any_is_int(&inner, ret);
}

static void
read_validity(struct ms_corim *c, const struct ms_any *map)
{
	c->has_not_before = time_member(map, 0, &c->not_before_s);
	c->has_not_after = time_member(map, 1, &c->not_after_s);
}

static enum ms_rc
read_map(struct ms_corim *c, const struct ms_any *map, struct ms_err *err)
{
	struct ms_any id, tags, profile, inner, validity, one;
	if (map->type != MS_ANY_MAP)
		return bad(err, "not a map");
	if (!ms_any_get(map, CORIM_ID, &id))
		return bad(err, "it has no id");
	c->id_is_text = ms_any_is_text(&id, &c->id);
	if (!c->id_is_text && !ms_any_is_bytes(&id, &c->id))
		return bad(err, "its id is no text or UUID");
	if (!ms_any_get(map, CORIM_TAGS, &tags) || tags.type != MS_ANY_ARRAY)
		return bad(err, "it has no tags");
	if (ms_any_get(map, CORIM_PROFILE, &profile)) {
		if (profile.type == MS_ANY_ARRAY) /* earlier drafts */
			(void)ms_any_at(&profile, 0, &profile);
		if (ms_any_untag(&profile, TAG_URI, &inner))
			(void)ms_any_is_text(&inner, &c->profile);
		else if (ms_any_untag(&profile, TAG_OID, &inner))
			(void)ms_any_is_bytes(&inner, &c->profile);
	}
	if (ms_any_get(map, CORIM_VALIDITY, &validity))
		read_validity(c, &validity);
	struct ms_any_iter it = ms_any_items(&tags);
	enum ms_rc rc = MS_OK;
	while (rc == MS_OK && ms_any_next(&it, &one))
		rc = read_tag(c, &one, err);
	return rc;
}

/* 4.2.1: corim-meta in the protected header: {0: {0: name}, 1: validity} */
static void
read_meta(struct ms_corim *c)
{
	struct ms_any wrapped, map, signer, validity;
	struct ms_span bytes;
	if (!ms_any_get(&c->cose.is_protected, HEADER_META, &wrapped) || !ms_any_is_bytes(&wrapped, &bytes) ||
	    ms_any_parse(bytes, &map, NULL) != MS_OK)
		return;
	if (ms_any_get(&map, 0, &signer))
		c->signer_name = text_member(&signer, 0);
	if (!c->has_not_before && !c->has_not_after && ms_any_get(&map, 1, &validity))
		read_validity(c, &validity);
}

static enum ms_rc
read_signed(struct ms_corim *c, const struct ms_any *item, struct ms_err *err)
{
	struct ms_any payload, map;
	c->is_signed = true;
	enum ms_rc rc = ms_cose_any_from(item, &c->cose, err);
	if (rc == MS_OK)
		rc = ms_any_parse(c->cose.payload, &payload, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "corim");
	if (!ms_any_untag(&payload, TAG_CORIM, &map))
		map = payload;
	rc = read_map(c, &map, err);
	if (rc == MS_OK)
		read_meta(c);
	return rc;
}

static enum ms_rc
read_top(struct ms_corim *c, struct ms_any top, struct ms_err *err)
{
	struct ms_any inner;
	if (ms_any_untag(&top, TAG_CORIM_OLD, &inner))
		top = inner;
	if (ms_any_untag(&top, TAG_SIGNED_OLD, &inner))
		top = inner;
	if (top.type == MS_ANY_TAG && top.value == TAG_SIGN1)
		return read_signed(c, &top, err);
	if (ms_any_untag(&top, TAG_CORIM, &inner))
		return read_map(c, &inner, err);
	if (top.type == MS_ANY_TAG && top.value == TAG_COMID)
		return ms_any_untag(&top, TAG_COMID, &inner) && inner.type == MS_ANY_MAP ? read_comid(c, &inner, err)
											 : read_tag(c, &top, err);
	if (ms_any_get(&top, COMID_TRIPLES, &inner) && ms_any_get(&top, COMID_IDENTITY, &inner) && inner.type == MS_ANY_MAP)
		return read_comid(c, &top, err);
	return ms_fail(err, MS_ERR_UNSUPPORTED, "corim: neither a CoRIM (tag 501, or signed) nor a CoMID");
}

enum ms_rc
ms_corim_parse(struct ms_span s, struct ms_corim *ret, struct ms_err *err)
{
	struct ms_any top;
	MS_OWN(ms_corim_fini) struct ms_corim c = {0};
	if (s.len > MS_CORIM_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "corim: %zu bytes, at most %u", s.len, MS_CORIM_MAX);
	enum ms_rc rc = ms_any_parse(s, &top, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "corim");
	rc = read_top(&c, top, err);
	if (rc != MS_OK)
		return rc;
	*ret = c;
	c.value = NULL;
	return MS_OK;
}

void
ms_corim_fini(struct ms_corim *c)
{
	free(c->value);
	c->value = NULL;
	c->n = c->cap = 0;
}
