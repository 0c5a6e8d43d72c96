#include "codec/certview.h"

#define RSA_MIN 256u
#define RSA_MAX 512u
#define RSA_EXPONENT_MAX UINT32_MAX
#define T61_STRING 0x14u

/* RFC 5280 4.1.2.5. OpenSSL judges time; what it takes and this does not reads 0. */
static void
read_validity(struct ms_span content, struct ms_certview *v)
{
	struct ms_der d = ms_der_over(content);
	uint64_t from = ms_der_read_time(&d), to = ms_der_read_time(&d);
	if (!ms_der_done(&d))
		return;
	v->not_before_s = from;
	v->not_after_s = to;
}

struct extension {
	struct ms_span oid, value;
	bool critical;
};

static bool
read_extension(struct ms_der *list, struct extension *ret)
{
	struct ms_der d = ms_der_enter(list, MS_DER_SEQUENCE);
	struct extension e = {.oid = ms_der_read_oid(&d)};
	/* DER leaves FALSE out (X.690 11.5); some makers write it */
	if (ms_der_peek(&d) == MS_DER_BOOLEAN)
		e.critical = ms_der_read_bool(&d);
	e.value = ms_der_read_octets(&d);
	*ret = e;
	return ms_der_done(&d);
}

/* RFC 5280 4.2: no extension twice. */
static bool
extensions_ok(struct ms_span content)
{
	struct ms_span seen[MS_CERTVIEW_EXTENSIONS_MAX];
	struct ms_der d = ms_der_over(content);
	size_t n = 0;
	while (ms_der_peek(&d) != 0) {
		struct extension e;
		if (n == MS_CERTVIEW_EXTENSIONS_MAX || !read_extension(&d, &e))
			return false;
		for (size_t i = 0; i < n; i++)
			if (ms_span_eq(seen[i], e.oid))
				return false;
		seen[n++] = e.oid;
	}
	return ms_der_done(&d);
}

static bool
read_tbs(struct ms_span tbs, struct ms_certview *v)
{
	struct ms_der outer = ms_der_over(tbs), d = ms_der_enter(&outer, MS_DER_SEQUENCE);
	if (ms_der_peek(&d) == MS_DER_CONTEXT_CONSTRUCTED(0u))
		ms_der_skip(&d); /* version */
	v->serial = ms_der_read(&d, MS_DER_INTEGER);
	(void)ms_der_read(&d, MS_DER_SEQUENCE); /* signature algorithm */
	v->issuer = ms_der_read_raw(&d, MS_DER_SEQUENCE);
	read_validity(ms_der_read(&d, MS_DER_SEQUENCE), v);
	v->subject = ms_der_read_raw(&d, MS_DER_SEQUENCE);
	v->spki = ms_der_read_raw(&d, MS_DER_SEQUENCE);
	for (unsigned tag = 1; tag <= 2; tag++) /* unique identifiers */
		if (ms_der_peek(&d) == MS_DER_CONTEXT(tag))
			ms_der_skip(&d);
	if (ms_der_peek(&d) == MS_DER_CONTEXT_CONSTRUCTED(3u)) {
		struct ms_der wrap = ms_der_enter(&d, MS_DER_CONTEXT_CONSTRUCTED(3u));
		v->extensions = ms_der_read(&wrap, MS_DER_SEQUENCE);
		if (!ms_der_done(&wrap))
			return false;
	}
	return ms_der_done(&d) && ms_der_done(&outer) && v->serial.len > 0 && extensions_ok(v->extensions);
}

enum ms_rc
ms_certview_parse(struct ms_span der, struct ms_certview *ret, struct ms_err *err)
{
	if (der.len > MS_CERTVIEW_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "certificate of %zu bytes", der.len);
	struct ms_certview v = {.der = der};
	struct ms_der outer = ms_der_over(der), d = ms_der_enter(&outer, MS_DER_SEQUENCE);
	v.tbs = ms_der_read_raw(&d, MS_DER_SEQUENCE);
	(void)ms_der_read(&d, MS_DER_SEQUENCE);
	(void)ms_der_read(&d, MS_DER_BIT_STRING);
	if (!ms_der_done(&d) || !ms_der_done(&outer) || !read_tbs(v.tbs, &v))
		return ms_fail(err, MS_ERR_MALFORMED, "not one certificate in DER");
	*ret = v;
	return MS_OK;
}

bool
ms_certview_extension(const struct ms_certview *v, struct ms_span oid, struct ms_span *ret, bool *ret_critical)
{
	struct ms_der d = ms_der_over(v->extensions);
	while (ms_der_peek(&d) != 0) {
		struct extension e;
		if (!read_extension(&d, &e))
			return false;
		if (!ms_span_eq(e.oid, oid))
			continue;
		*ret = e.value;
		if (ret_critical != NULL)
			*ret_critical = e.critical;
		return true;
	}
	return false;
}

/* The next AttributeTypeAndValue of a Name, whatever the order and grouping in its sets; false at the end. */
static struct ms_span
string_of(struct ms_der *pair)
{
	switch (ms_der_peek(pair)) {
	case MS_DER_UTF8_STRING:
	case MS_DER_PRINTABLE_STRING:
	case MS_DER_IA5_STRING:
	case T61_STRING:
		return ms_der_read(pair, ms_der_peek(pair));
	default:
		ms_der_skip(pair);
		return MS_SPAN_NONE;
	}
}

struct ms_span
ms_certview_attribute(struct ms_span name, struct ms_span oid)
{
	struct ms_span found = MS_SPAN_NONE;
	struct ms_der outer = ms_der_over(name), d = ms_der_enter(&outer, MS_DER_SEQUENCE);
	while (ms_der_peek(&d) != 0) {
		struct ms_der set = ms_der_enter(&d, MS_DER_SET);
		while (ms_der_peek(&set) != 0) {
			struct ms_der pair = ms_der_enter(&set, MS_DER_SEQUENCE);
			bool it = ms_span_eq(ms_der_read_oid(&pair), oid);
			struct ms_span s = string_of(&pair);
			if (!ms_der_done(&pair))
				return MS_SPAN_NONE;
			if (it && found.len == 0)
				found = s;
		}
		if (!ms_der_done(&set))
			return MS_SPAN_NONE;
	}
	return ms_der_done(&d) && ms_der_done(&outer) ? found : MS_SPAN_NONE;
}

bool
ms_certview_has_oid(struct ms_span list, struct ms_span oid)
{
	bool found = false;
	struct ms_der outer = ms_der_over(list), d = ms_der_enter(&outer, MS_DER_SEQUENCE);
	while (ms_der_peek(&d) != 0)
		found |= ms_span_eq(ms_der_read_oid(&d), oid);
	return found && ms_der_done(&d) && ms_der_done(&outer);
}

static enum ms_rc
rsa_ok(struct ms_span key, struct ms_err *err)
{
	struct ms_der outer = ms_der_over(key), d = ms_der_enter(&outer, MS_DER_SEQUENCE);
	struct ms_span n = ms_der_read_integer(&d, MS_CERTVIEW_MAX);
	uint64_t e = ms_der_read_uint(&d);
	if (!ms_der_done(&d) || !ms_der_done(&outer))
		return ms_fail(err, MS_ERR_MALFORMED, "certificate: RSA key");
	if (n.len < RSA_MIN || n.len > RSA_MAX || e > RSA_EXPONENT_MAX)
		return ms_fail(
		    err, MS_ERR_UNSUPPORTED, "certificate: RSA key of %zu bits, exponent %llu", n.len * 8, (unsigned long long)e);
	return MS_OK;
}

/* RFC 5480 2.1.1: curves by name only: parameters written out are a way to make others compute. */
static enum ms_rc
ec_ok(struct ms_der *alg, struct ms_span point, struct ms_err *err)
{
	enum ms_oid curve = ms_oid_find(ms_der_read_oid(alg));
	size_t coord = curve == MS_OID_P256 ? 32 : curve == MS_OID_P384 ? 48 : curve == MS_OID_P521 ? 66 : 0;
	if (!ms_der_done(alg) || coord == 0)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "certificate: elliptic curve other than P-256, P-384 and P-521 by name");
	if (point.len != 1 + 2 * coord && point.len != 1 + coord)
		return ms_fail(err, MS_ERR_MALFORMED, "certificate: curve point of %zu bytes", point.len);
	return MS_OK;
}

enum ms_rc
ms_certview_key_ok(struct ms_span spki, struct ms_err *err)
{
	struct ms_der outer = ms_der_over(spki), d = ms_der_enter(&outer, MS_DER_SEQUENCE), alg = ms_der_enter(&d, MS_DER_SEQUENCE);
	enum ms_oid id = ms_oid_find(ms_der_read_oid(&alg));
	struct ms_span key = ms_der_read_bits(&d);
	if (!ms_der_done(&d) || !ms_der_done(&outer) || alg.rd.bad)
		return ms_fail(err, MS_ERR_MALFORMED, "certificate: public key");
	switch (id) {
	case MS_OID_RSA:
	case MS_OID_RSA_OAEP:
	case MS_OID_RSA_PSS:
		return rsa_ok(key, err);
	case MS_OID_EC_PUBLIC_KEY:
		return ec_ok(&alg, key, err);
	case MS_OID_ED25519:
		return MS_OK;
	default:
		return ms_fail(err, MS_ERR_UNSUPPORTED, "certificate: public key is neither RSA nor of a curve that is taken");
	}
}
