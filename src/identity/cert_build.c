#include <string.h>

#include "identity/cert_int.h"

#define DEPLOYMENT_MAX 48u
#define HW_SERIAL_MAX 64u
#define COMMON_NAME_MAX 64u /* X.520 ub-common-name */

static enum ms_rc
check_names(const struct ms_cert_params *p, struct ms_err *err)
{
	if (p->n_names == 0 || p->n_names > MS_CERT_NAMES_MAX)
		return ms_fail(err, MS_ERR_USAGE, "certificate: %zu names", p->n_names);
	for (size_t i = 0; i < p->n_names; i++) {
		const struct ms_cert_name *n = &p->names[i];
		if (n->is_ip ? n->value.len != 4 && n->value.len != 16 : !ms_cert_dns_ok(n->value))
			return ms_fail(err, MS_ERR_USAGE, "certificate: name %zu is out of form", i);
	}
	return MS_OK;
}

static bool
deployment_ok(struct ms_span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] < ' ' || s.p[i] >= 0x7f)
			return false;
	return s.len > 0 && s.len <= DEPLOYMENT_MAX;
}

/* Every field is either right for the profile or not set. */
static enum ms_rc
check_fields(const struct ms_cert_params *p, const struct ms_cert_shape *s, struct ms_err *err)
{
	bool device = p->profile == MS_CERT_DEVICE, tls = p->profile == MS_CERT_TLS_SERVER;
	bool device_fields = p->trust_domain.len > 0 || p->tenant.len > 0 || p->device.len > 0 || p->hw_serial.len > 0;
	if (!device && device_fields)
		return ms_fail(err, MS_ERR_USAGE, "certificate: a %s has no device's names", s->name);
	if (device && (p->hw_serial.len == 0 || p->hw_serial.len > HW_SERIAL_MAX))
		return ms_fail(err, MS_ERR_USAGE, "certificate: hardware serial of %zu bytes", p->hw_serial.len);
	if (s->ca ? !deployment_ok(p->deployment) : p->deployment.len > 0)
		return ms_fail(err, MS_ERR_USAGE, "certificate: deployment name of a %s", s->name);
	if (!tls && p->n_names > 0)
		return ms_fail(err, MS_ERR_USAGE, "certificate: a %s has no DNS names or addresses", s->name);
	if (p->crl_uri.len > 0 && (p->profile == MS_CERT_ROOT || !ms_cert_uri_ok(p->crl_uri)))
		return ms_fail(err, MS_ERR_USAGE, "certificate: CRL address");
	return tls ? check_names(p, err) : MS_OK;
}

static enum ms_rc
check_issuer(const struct ms_cert_params *p, const struct ms_cert_shape *s, struct ms_err *err)
{
	if (p->profile == MS_CERT_ROOT)
		return p->issuer == NULL ? MS_OK : ms_fail(err, MS_ERR_USAGE, "certificate: a root issues itself");
	if (p->issuer == NULL || p->issuer->profile != s->issuer)
		return ms_fail(err, MS_ERR_USAGE, "certificate: a %s is issued by a %s", s->name, ms_cert_shape(s->issuer)->name);
	if (p->not_after_s > p->issuer->not_after_s)
		return ms_fail(err, MS_ERR_USAGE, "certificate: it would outlive its issuer");
	return MS_OK;
}

static enum ms_rc
check(const struct ms_cert_params *p, const struct ms_cert_shape *s, struct ms_err *err)
{
	struct ms_span n = ms_cert_trim(p->serial);
	if (p->serial.len < MS_CERT_SERIAL_MIN || p->serial.len > MS_CERT_SERIAL_MAX || n.len == 0 ||
	    (n.len == MS_CERT_SERIAL_MAX && n.p[0] >= 0x80)) /* RFC 5280 4.1.2.2: positive, at most 20 octets */
		return ms_fail(err, MS_ERR_USAGE, "certificate: serial number");
	if (p->not_after_s <= p->not_before_s || p->not_after_s - p->not_before_s > s->life_s)
		return ms_fail(err, MS_ERR_USAGE, "certificate: a %s lives at most %llu s", s->name, (unsigned long long)s->life_s);
	enum ms_rc rc = check_issuer(p, s, err);
	return rc == MS_OK ? check_fields(p, s, err) : rc;
}

static void
put_subject(const struct ms_cert_params *p, struct ms_buf *b)
{
	size_t name = ms_der_open(b, MS_DER_SEQUENCE), rdn = ms_der_open(b, MS_DER_SET), atv = ms_der_open(b, MS_DER_SEQUENCE);
	ms_der_put_oid(b, MS_OID_AT_COMMON_NAME);
	size_t text = ms_der_open(b, MS_DER_UTF8_STRING);
	switch (p->profile) {
	case MS_CERT_ROOT:
		ms_buf_put_span(b, p->deployment);
		ms_buf_str(b, " root CA");
		break;
	case MS_CERT_ISSUING:
		ms_buf_put_span(b, p->deployment);
		ms_buf_str(b, " issuing CA");
		break;
	case MS_CERT_DEVICE: /* the EK hash without the life; the whole id is in the SPIFFE id */
		ms_buf_put_span(b, ms_span(p->device.p, p->device.len < COMMON_NAME_MAX ? p->device.len : COMMON_NAME_MAX));
		break;
	default:
		ms_buf_str(b, "muster server");
	}
	ms_der_close(b, text);
	ms_der_close(b, atv);
	ms_der_close(b, rdn);
	ms_der_close(b, name);
}

static void
put_usage(const struct ms_cert_shape *s, struct ms_buf *b)
{
	struct ms_cert_ext_mark m = ms_cert_ext_open(b, MS_OID_EXT_BASIC_CONSTRAINTS, true);
	size_t seq = ms_der_open(b, MS_DER_SEQUENCE);
	if (s->ca) {
		ms_der_put_bool(b, true);
		ms_der_put_uint(b, s->path_len);
	}
	ms_der_close(b, seq);
	ms_cert_ext_close(b, m);
	m = ms_cert_ext_open(b, MS_OID_EXT_KEY_USAGE, true);
	ms_der_put_named_bits(b, MS_DER_BIT_STRING, s->key_usage);
	ms_cert_ext_close(b, m);
	if (s->ca)
		return;
	m = ms_cert_ext_open(b, MS_OID_EXT_EXTENDED_KEY_USAGE, false);
	seq = ms_der_open(b, MS_DER_SEQUENCE);
	if (s->client_auth)
		ms_der_put_oid(b, MS_OID_KP_CLIENT_AUTH);
	if (s->server_auth)
		ms_der_put_oid(b, MS_OID_KP_SERVER_AUTH);
	ms_der_close(b, seq);
	ms_cert_ext_close(b, m);
}

/* SPIFFE id, and HardwareModuleName ::= SEQUENCE { hwType OID, hwSerialNum OCTET STRING } (RFC 4108 5) */
static enum ms_rc
put_device_san(const struct ms_cert_params *p, struct ms_buf *b, struct ms_err *err)
{
	struct ms_cert_ext_mark m = ms_cert_ext_open(b, MS_OID_EXT_SUBJECT_ALT_NAME, false);
	size_t names = ms_der_open(b, MS_DER_SEQUENCE), uri = ms_der_open(b, MS_DER_CONTEXT(6));
	enum ms_rc rc = ms_cert_spiffe_id(p->trust_domain, p->tenant, p->device, b, err);
	if (rc != MS_OK)
		return rc;
	ms_der_close(b, uri);
	size_t other = ms_der_open(b, MS_DER_CONTEXT_CONSTRUCTED(0));
	ms_der_put_oid(b, MS_OID_HARDWARE_MODULE_NAME);
	size_t value = ms_der_open(b, MS_DER_CONTEXT_CONSTRUCTED(0)), hw = ms_der_open(b, MS_DER_SEQUENCE);
	ms_der_put(b, MS_DER_OID, ms_cert_hw_type());
	ms_der_put_octets(b, p->hw_serial);
	ms_der_close(b, hw);
	ms_der_close(b, value);
	ms_der_close(b, other);
	ms_der_close(b, names);
	ms_cert_ext_close(b, m);
	return MS_OK;
}

static void
put_server_san(const struct ms_cert_params *p, struct ms_buf *b)
{
	struct ms_cert_ext_mark m = ms_cert_ext_open(b, MS_OID_EXT_SUBJECT_ALT_NAME, false);
	size_t names = ms_der_open(b, MS_DER_SEQUENCE);
	for (size_t i = 0; i < p->n_names; i++)
		ms_der_put(b, p->names[i].is_ip ? MS_DER_CONTEXT(7) : MS_DER_CONTEXT(2), p->names[i].value);
	ms_der_close(b, names);
	ms_cert_ext_close(b, m);
}

/* CRLDistributionPoints with one full name, a URI (RFC 5280 4.2.1.13) */
static void
put_crl_uri(struct ms_span uri, struct ms_buf *b)
{
	struct ms_cert_ext_mark m = ms_cert_ext_open(b, MS_OID_EXT_CRL_DISTRIBUTION_POINTS, false);
	size_t points = ms_der_open(b, MS_DER_SEQUENCE), point = ms_der_open(b, MS_DER_SEQUENCE);
	size_t name = ms_der_open(b, MS_DER_CONTEXT_CONSTRUCTED(0)), full = ms_der_open(b, MS_DER_CONTEXT_CONSTRUCTED(0));
	ms_der_put(b, MS_DER_CONTEXT(6), uri);
	ms_der_close(b, full);
	ms_der_close(b, name);
	ms_der_close(b, point);
	ms_der_close(b, points);
	ms_cert_ext_close(b, m);
}

static enum ms_rc
put_extensions(const struct ms_cert_params *p, const struct ms_cert_shape *s, struct ms_buf *b, struct ms_err *err)
{
	uint8_t ski[MS_CERT_SKI_LEN];
	enum ms_rc rc = MS_OK;
	size_t outer = ms_der_open(b, MS_DER_CONTEXT_CONSTRUCTED(3)), seq = ms_der_open(b, MS_DER_SEQUENCE);
	put_usage(s, b);
	ms_cert_ski(p->point, ski);
	struct ms_cert_ext_mark m = ms_cert_ext_open(b, MS_OID_EXT_SUBJECT_KEY_ID, false);
	ms_der_put_octets(b, ms_span(ski, sizeof ski));
	ms_cert_ext_close(b, m);
	ms_cert_put_aki(b, p->issuer == NULL ? ms_span(ski, sizeof ski) : p->issuer->ski);
	if (p->profile == MS_CERT_DEVICE)
		rc = put_device_san(p, b, err);
	else if (p->profile == MS_CERT_TLS_SERVER)
		put_server_san(p, b);
	if (rc != MS_OK)
		return rc;
	if (p->crl_uri.len > 0)
		put_crl_uri(p->crl_uri, b);
	ms_der_close(b, seq);
	ms_der_close(b, outer);
	return MS_OK;
}

static enum ms_rc
build(const struct ms_cert_params *p, const struct ms_cert_shape *s, struct ms_buf *b, struct ms_err *err)
{
	size_t tbs = ms_der_open(b, MS_DER_SEQUENCE), version = ms_der_open(b, MS_DER_CONTEXT_CONSTRUCTED(0));
	ms_der_put_uint(b, 2); /* v3 */
	ms_der_close(b, version);
	ms_der_put_integer(b, p->serial);
	ms_cert_put_alg(b);
	if (p->issuer == NULL)
		put_subject(p, b);
	else
		ms_buf_put_span(b, p->issuer->subject);
	size_t validity = ms_der_open(b, MS_DER_SEQUENCE);
	ms_der_put_time(b, p->not_before_s);
	ms_der_put_time(b, p->not_after_s);
	ms_der_close(b, validity);
	put_subject(p, b);
	ms_der_spki_p256(b, p->point);
	enum ms_rc rc = put_extensions(p, s, b, err);
	if (rc != MS_OK)
		return rc;
	ms_der_close(b, tbs);
	return ms_buf_check(b, err);
}

enum ms_rc
ms_cert_tbs(const struct ms_cert_params *p, struct ms_buf *out, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	MS_OWN(ms_pubkey_free) struct ms_pubkey *k = NULL;
	const struct ms_cert_shape *s = ms_cert_shape(p->profile);
	ms_buf_init(&b, MS_CERT_MAX);
	if (s == NULL || p->point == NULL)
		return ms_fail(err, MS_ERR_USAGE, "certificate: no such profile, or no key");
	enum ms_rc rc = check(p, s, err);
	if (rc == MS_OK)
		rc = ms_pubkey_from_point(p->point, &k, err);
	if (rc == MS_OK)
		rc = build(p, s, &b, err);
	if (rc != MS_OK)
		return rc;
	ms_buf_put_span(out, ms_buf_span(&b));
	return ms_buf_check(out, err);
}

enum ms_rc
ms_cert_issue(const struct ms_signer *issuer_key, const struct ms_cert_params *p, struct ms_buf *out, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf tbs;
	uint8_t sig[MS_SIG_LEN];
	ms_buf_init(&tbs, MS_CERT_MAX);
	const uint8_t *signs = p->issuer == NULL ? p->point : p->issuer->point.p;
	if (signs == NULL || !ms_span_eq(ms_pubkey_point(issuer_key->pub), ms_span(signs, MS_POINT_LEN)))
		return ms_fail(err, MS_ERR_USAGE, "certificate: the key is not the issuer's");
	enum ms_rc rc = ms_cert_tbs(p, &tbs, err);
	if (rc == MS_OK)
		rc = ms_signer_sign(issuer_key, ms_buf_span(&tbs), sig, err);
	return rc == MS_OK ? ms_cert_assemble(ms_buf_span(&tbs), sig, out, err) : rc;
}
