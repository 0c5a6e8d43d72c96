#include "codec/cose_any.h"

#define TAG_SIGN1 18u
#define N_PARTS 4u /* protected, unprotected, payload, signature */

/* RFC 9052 3.1. */
enum { LABEL_ALG = 1, LABEL_CRIT, LABEL_CONTENT_TYPE, LABEL_KID };

static enum ms_rc
bad(struct ms_err *err, const char *what)
{
	return ms_fail(err, MS_ERR_MALFORMED, "cose: %s", what);
}

/* RFC 9052 3.1: an array of one label or more, each in the protected header, and each must be understood. */
static enum ms_rc
check_crit(const struct ms_cose_any *m, struct ms_err *err)
{
	struct ms_any crit, label, value;
	if (ms_any_get(&m->is_not, LABEL_CRIT, &crit))
		return bad(err, "crit in the unprotected header");
	if (!ms_any_get(&m->is_protected, LABEL_CRIT, &crit))
		return MS_OK;
	if (crit.type != MS_ANY_ARRAY || crit.value == 0)
		return bad(err, "crit is not an array of labels");
	struct ms_any_iter it = ms_any_items(&crit);
	while (ms_any_next(&it, &label)) {
		int64_t n;
		if (!ms_any_is_int(&label, &n))
			return ms_fail(err, MS_ERR_UNSUPPORTED, "cose: crit names a parameter that is not known here");
		if (!ms_any_get(&m->is_protected, n, &value))
			return bad(err, "crit names a parameter that is not in the protected header");
		if (n != LABEL_ALG && n != LABEL_CONTENT_TYPE && n != LABEL_KID)
			return ms_fail(err, MS_ERR_UNSUPPORTED, "cose: crit names parameter %jd, which is not known here", (intmax_t)n);
	}
	return MS_OK;
}

/* RFC 9052 3: a label is in one of the two at most. */
static enum ms_rc
check_labels(const struct ms_cose_any *m, struct ms_err *err)
{
	struct ms_any key, value, other;
	struct ms_any_iter it = ms_any_items(&m->is_not);
	while (ms_any_next(&it, &key) && ms_any_next(&it, &value)) {
		int64_t n;
		struct ms_span text;
		bool number = ms_any_is_int(&key, &n);
		if (!number && !ms_any_is_text(&key, &text))
			return bad(err, "a label that is no number or text");
		if (number && ms_any_get(&m->is_protected, n, &other))
			return bad(err, "a label in both headers");
	}
	it = ms_any_items(&m->is_protected);
	while (ms_any_next(&it, &key) && ms_any_next(&it, &value))
		if (key.type != MS_ANY_UINT && key.type != MS_ANY_NINT && key.type != MS_ANY_TEXT)
			return bad(err, "a label that is no number or text");
	return MS_OK;
}

static enum ms_rc
read_header(struct ms_cose_any *m, struct ms_err *err)
{
	struct ms_any alg, kid, type;
	enum ms_rc rc = MS_OK;
	if (m->header.len > 0) /* RFC 9052 3: an empty map may come as an empty string */
		rc = ms_any_parse(m->header, &m->is_protected, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "cose: protected header");
	if (m->header.len > 0 && m->is_protected.type != MS_ANY_MAP)
		return bad(err, "the protected header is not a map");
	if (m->header.len > 0 && m->is_protected.value == 0)
		m->header = MS_SPAN_NONE; /* RFC 9052 4.4: an empty map is signed as an empty string, however it came */
	rc = check_labels(m, err);
	if (rc == MS_OK)
		rc = check_crit(m, err);
	if (rc != MS_OK)
		return rc;
	m->alg_protected = ms_any_get(&m->is_protected, LABEL_ALG, &alg);
	if (!m->alg_protected && !ms_any_get(&m->is_not, LABEL_ALG, &alg))
		return bad(err, "no algorithm in a header");
	if (!ms_any_is_int(&alg, &m->alg))
		return ms_fail(err, MS_ERR_UNSUPPORTED, "cose: the algorithm is not one by number");
	if (!ms_any_get(&m->is_protected, LABEL_KID, &kid))
		(void)ms_any_get(&m->is_not, LABEL_KID, &kid);
	if (kid.type != MS_ANY_NONE && !ms_any_is_bytes(&kid, &m->kid))
		return bad(err, "the key id is not a byte string");
	if (ms_any_get(&m->is_protected, LABEL_CONTENT_TYPE, &type))
		(void)ms_any_is_text(&type, &m->content_type);
	return MS_OK;
}

enum ms_rc
ms_cose_any_from(const struct ms_any *item, struct ms_cose_any *ret, struct ms_err *err)
{
	struct ms_cose_any m = {0};
	struct ms_any inner, part[N_PARTS];
	if (ms_any_untag(item, TAG_SIGN1, &inner))
		item = &inner;
	if (item->type != MS_ANY_ARRAY || item->value != N_PARTS)
		return bad(err, "not a COSE_Sign1: not an array of four, alone or in its tag");
	struct ms_any_iter it = ms_any_items(item);
	for (size_t i = 0; i < N_PARTS; i++)
		(void)ms_any_next(&it, &part[i]);
	if (part[2].type == MS_ANY_NULL)
		return bad(err, "the payload is detached");
	if (!ms_any_is_bytes(&part[0], &m.header) || part[1].type != MS_ANY_MAP || !ms_any_is_bytes(&part[2], &m.payload) ||
	    !ms_any_is_bytes(&part[3], &m.signature))
		return bad(err, "parts of other types");
	m.is_not = part[1];
	enum ms_rc rc = read_header(&m, err);
	if (rc == MS_OK)
		*ret = m;
	return rc;
}

enum ms_rc
ms_cose_any_parse(struct ms_span s, struct ms_cose_any *ret, struct ms_err *err)
{
	struct ms_any item;
	enum ms_rc rc = ms_any_parse(s, &item, err);
	return rc == MS_OK ? ms_cose_any_from(&item, ret, err) : ms_prefix(err, rc, "cose");
}
