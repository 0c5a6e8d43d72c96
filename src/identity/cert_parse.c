/* The inverse of cert_build.c and no more: an extension, order or form that the builder does not make is refused. */
#include <string.h>

#include "identity/cert_int.h"

#define EXTENSIONS_MAX 8u
#define PRESENT(id) (UINT64_C(1) << (id))

/* What the extensions say, before it is compared with a profile's shape. */
struct seen {
	uint64_t ids; /* by enum ms_oid */
	bool ca, client_auth, server_auth, device_san;
	uint64_t path_len;
	uint32_t key_usage;
};

static bool
read_basic_constraints(struct ms_span value, struct seen *s)
{
	struct ms_der d = ms_der_over(value), seq = ms_der_enter(&d, MS_DER_SEQUENCE);
	if (ms_der_peek(&seq) == MS_DER_BOOLEAN) {
		s->ca = ms_der_read_bool(&seq);
		s->path_len = ms_der_read_uint(&seq);
		if (!s->ca)
			return false;
	}
	return ms_der_done(&seq) && ms_der_done(&d);
}

static bool
read_eku(struct ms_span value, struct seen *s)
{
	struct ms_der d = ms_der_over(value), seq = ms_der_enter(&d, MS_DER_SEQUENCE);
	enum ms_oid id = ms_oid_find(ms_der_read_oid(&seq));
	if (id == MS_OID_KP_CLIENT_AUTH) {
		s->client_auth = true;
		id = ms_oid_find(ms_der_read_oid(&seq));
	}
	s->server_auth = id == MS_OID_KP_SERVER_AUTH;
	return ms_der_done(&seq) && ms_der_done(&d);
}

static bool
read_ski(struct ms_span value, struct ms_cert *c)
{
	struct ms_der d = ms_der_over(value);
	c->ski = ms_der_read_octets(&d);
	return ms_der_done(&d) && c->ski.len == MS_CERT_SKI_LEN;
}

static bool
read_hardware_name(struct ms_der *san, struct ms_cert *c)
{
	struct ms_der other = ms_der_enter(san, MS_DER_CONTEXT_CONSTRUCTED(0));
	bool known = ms_oid_find(ms_der_read_oid(&other)) == MS_OID_HARDWARE_MODULE_NAME;
	struct ms_der value = ms_der_enter(&other, MS_DER_CONTEXT_CONSTRUCTED(0)), hw = ms_der_enter(&value, MS_DER_SEQUENCE);
	c->hw_type = ms_der_read_oid(&hw);
	c->hw_serial = ms_der_read_octets(&hw);
	return known && ms_der_done(&hw) && ms_der_done(&value) && ms_der_done(&other) && c->hw_serial.len > 0 && c->hw_serial.len <= 64 &&
	       ms_span_eq(c->hw_type, ms_cert_hw_type());
}

/* Is it what ms_cert_spiffe_id() makes, of whatever names? */
static bool
spiffe_ok(struct ms_span uri)
{
	static const char scheme[] = "spiffe://";
	struct ms_span part[5];
	size_t n = 0, start = sizeof scheme - 1;
	if (uri.len > MS_CERT_URI_MAX || uri.len < start || memcmp(uri.p, scheme, start) != 0)
		return false;
	for (size_t i = start; i <= uri.len; i++) {
		if (i < uri.len && uri.p[i] != '/')
			continue;
		if (n == 5)
			return false;
		part[n++] = ms_span(uri.p + start, i - start);
		start = i + 1;
	}
	struct ms_span device = ms_span_str("device"), t = ms_span_str("t");
	bool plain = n == 3 && ms_span_eq(part[1], device);
	bool tenant = n == 5 && ms_span_eq(part[1], t) && ms_name_ok(part[2], 64) && !ms_span_eq(part[2], ms_span_str("default")) &&
		      ms_span_eq(part[3], device);
	return (plain || tenant) && ms_name_ok(part[0], 128) && ms_name_ok(part[n - 1], 80);
}

static bool
read_server_names(struct ms_der *names)
{
	size_t n = 0;
	for (; ms_der_peek(names) != 0 && n < MS_CERT_NAMES_MAX; n++) {
		bool dns = ms_der_peek(names) == MS_DER_CONTEXT(2);
		struct ms_span v = ms_der_read(names, dns ? MS_DER_CONTEXT(2) : MS_DER_CONTEXT(7));
		if (dns ? !ms_cert_dns_ok(v) : v.len != 4 && v.len != 16)
			return false;
	}
	return n > 0 && ms_der_done(names);
}

static bool
read_san(struct ms_span value, struct ms_cert *c, struct seen *s)
{
	struct ms_der d = ms_der_over(value);
	struct ms_der names = ms_der_enter(&d, MS_DER_SEQUENCE);
	if (!ms_der_done(&d))
		return false;
	s->device_san = ms_der_peek(&names) == MS_DER_CONTEXT(6);
	if (s->device_san) {
		c->uri = ms_der_read(&names, MS_DER_CONTEXT(6));
		return spiffe_ok(c->uri) && read_hardware_name(&names, c) && ms_der_done(&names);
	}
	c->names = ms_span(names.rd.p, names.rd.len);
	return read_server_names(&names);
}

static bool
read_crl_uri(struct ms_span value, struct ms_cert *c)
{
	struct ms_der d = ms_der_over(value), points = ms_der_enter(&d, MS_DER_SEQUENCE), point = ms_der_enter(&points, MS_DER_SEQUENCE);
	struct ms_der name = ms_der_enter(&point, MS_DER_CONTEXT_CONSTRUCTED(0)), full = ms_der_enter(&name, MS_DER_CONTEXT_CONSTRUCTED(0));
	c->crl_uri = ms_der_read(&full, MS_DER_CONTEXT(6));
	return ms_der_done(&full) && ms_der_done(&name) && ms_der_done(&point) && ms_der_done(&points) && ms_der_done(&d) &&
	       ms_cert_uri_ok(c->crl_uri);
}

static bool
read_extension(const struct ms_cert_ext *e, struct ms_cert *c, struct seen *s)
{
	bool critical = e->id == MS_OID_EXT_BASIC_CONSTRAINTS || e->id == MS_OID_EXT_KEY_USAGE;
	struct ms_der d;
	if (e->id == MS_OID_NONE || (s->ids & PRESENT(e->id)) != 0 || e->critical != critical)
		return false;
	s->ids |= PRESENT(e->id);
	switch (e->id) {
	case MS_OID_EXT_BASIC_CONSTRAINTS:
		return read_basic_constraints(e->value, s);
	case MS_OID_EXT_KEY_USAGE:
		d = ms_der_over(e->value);
		s->key_usage = ms_der_read_named_bits(&d, MS_DER_BIT_STRING);
		return ms_der_done(&d);
	case MS_OID_EXT_EXTENDED_KEY_USAGE:
		return read_eku(e->value, s);
	case MS_OID_EXT_SUBJECT_KEY_ID:
		return read_ski(e->value, c);
	case MS_OID_EXT_AUTHORITY_KEY_ID:
		c->aki = ms_cert_read_aki(e->value);
		return c->aki.len > 0;
	case MS_OID_EXT_SUBJECT_ALT_NAME:
		return read_san(e->value, c, s);
	case MS_OID_EXT_CRL_DISTRIBUTION_POINTS:
		return read_crl_uri(e->value, c);
	default:
		return false;
	}
}

static bool
read_extensions(struct ms_der *tbs, struct ms_cert *c, struct seen *s)
{
	struct ms_der outer = ms_der_enter(tbs, MS_DER_CONTEXT_CONSTRUCTED(3)), seq = ms_der_enter(&outer, MS_DER_SEQUENCE);
	struct ms_cert_ext e;
	size_t n = 0;
	while (ms_cert_ext_next(&seq, &e))
		if (++n > EXTENSIONS_MAX || !read_extension(&e, c, s))
			return false;
	return ms_der_done(&seq) && ms_der_done(&outer);
}

/* Which profile has exactly this shape? */
static bool
match_profile(const struct seen *s, struct ms_cert *c)
{
	uint64_t both = PRESENT(MS_OID_EXT_BASIC_CONSTRAINTS) | PRESENT(MS_OID_EXT_KEY_USAGE) | PRESENT(MS_OID_EXT_SUBJECT_KEY_ID) |
			PRESENT(MS_OID_EXT_AUTHORITY_KEY_ID);
	uint64_t leaf = both | PRESENT(MS_OID_EXT_EXTENDED_KEY_USAGE) | PRESENT(MS_OID_EXT_SUBJECT_ALT_NAME);
	for (unsigned i = 0; i < MS_CERT_PROFILE_COUNT; i++) {
		const struct ms_cert_shape *p = ms_cert_shape((enum ms_cert_profile)i);
		uint64_t crl = i == MS_CERT_ROOT ? 0 : s->ids & PRESENT(MS_OID_EXT_CRL_DISTRIBUTION_POINTS);
		if (s->ids == ((p->ca ? both : leaf) | crl) && s->ca == p->ca && s->path_len == p->path_len &&
		    s->key_usage == p->key_usage && s->client_auth == p->client_auth && s->server_auth == p->server_auth &&
		    s->device_san == (i == MS_CERT_DEVICE) && c->not_after_s - c->not_before_s <= p->life_s) {
			c->profile = (enum ms_cert_profile)i;
			return i != MS_CERT_ROOT || (ms_span_eq(c->issuer, c->subject) && ms_span_eq(c->ski, c->aki));
		}
	}
	return false;
}

/* Name with one RDN: a common name in UTF-8 of at most 64 bytes */
static struct ms_span
read_name(struct ms_der *tbs)
{
	struct ms_span raw = ms_der_read_raw(tbs, MS_DER_SEQUENCE);
	struct ms_der d = ms_der_over(raw), seq = ms_der_enter(&d, MS_DER_SEQUENCE), set = ms_der_enter(&seq, MS_DER_SET);
	struct ms_der atv = ms_der_enter(&set, MS_DER_SEQUENCE);
	bool cn = ms_oid_find(ms_der_read_oid(&atv)) == MS_OID_AT_COMMON_NAME;
	struct ms_span text = ms_der_read(&atv, MS_DER_UTF8_STRING);
	if (!cn || !ms_der_done(&atv) || !ms_der_done(&set) || !ms_der_done(&seq) || text.len == 0 || text.len > 64 || !ms_utf8_ok(text))
		ms_der_poison(tbs);
	return raw;
}

static bool
read_tbs(struct ms_cert *c, struct seen *s)
{
	struct ms_der all = ms_der_over(c->tbs), tbs = ms_der_enter(&all, MS_DER_SEQUENCE);
	struct ms_der version = ms_der_enter(&tbs, MS_DER_CONTEXT_CONSTRUCTED(0));
	struct ms_spki spki;
	bool v3 = ms_der_read_uint(&version) == 2 && ms_der_done(&version);
	c->serial = ms_der_read_integer(&tbs, MS_CERT_SERIAL_MAX);
	bool alg = ms_cert_read_alg(&tbs);
	c->issuer = read_name(&tbs);
	struct ms_der validity = ms_der_enter(&tbs, MS_DER_SEQUENCE);
	c->not_before_s = ms_der_read_time(&validity);
	c->not_after_s = ms_der_read_time(&validity);
	bool times = ms_der_done(&validity) && c->not_before_s < c->not_after_s;
	c->subject = read_name(&tbs);
	struct ms_span key = ms_der_read_raw(&tbs, MS_DER_SEQUENCE);
	if (!v3 || !alg || !times || c->serial.len == 0 || ms_der_spki_parse(key, &spki, NULL) != MS_OK || spki.type != MS_SPKI_P256)
		return false;
	c->point = spki.point;
	return read_extensions(&tbs, c, s) && ms_der_done(&tbs) && ms_der_done(&all);
}

enum ms_rc
ms_cert_parse_min(struct ms_span der, struct ms_cert *ret, struct ms_err *err)
{
	struct ms_cert c = {.der = der};
	struct ms_cert_signed s;
	struct seen seen = {0};
	if (der.len > MS_CERT_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "certificate of %zu bytes", der.len);
	enum ms_rc rc = ms_cert_read_signed(der, &s, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "certificate");
	c.tbs = s.tbs;
	memcpy(c.signature, s.signature, sizeof c.signature);
	if (!read_tbs(&c, &seen) || !match_profile(&seen, &c))
		return ms_fail(err, MS_ERR_MALFORMED, "certificate: not of one of our profiles");
	*ret = c;
	return MS_OK;
}

enum ms_rc
ms_cert_verify(const struct ms_cert *c, const struct ms_cert *issuer, uint64_t now_s, struct ms_err *err)
{
	const struct ms_cert_shape *s = ms_cert_shape(c->profile);
	if (issuer->profile != s->issuer || !ms_span_eq(c->issuer, issuer->subject) || !ms_span_eq(c->aki, issuer->ski))
		return ms_fail(err, MS_ERR_AUTH, "certificate: issued by another CA");
	enum ms_rc rc = ms_cert_verify_signature(issuer, c->tbs, c->signature, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "certificate");
	if (now_s != 0 && (now_s < c->not_before_s || now_s > c->not_after_s))
		return ms_fail(err, MS_ERR_EXPIRED, "certificate: not valid now");
	return MS_OK;
}
